"""The ASGI application; serve it with ``daphne netra_events.asgi:application``."""

import os

from django.core.asgi import get_asgi_application

import emitter.routing

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "netra_events.settings")
django_application = get_asgi_application()

# It needs the app registry, which the line above fills.
from django.core.management.base import BaseCommand  # noqa: E402

BaseCommand().check()  # An ASGI server runs no system checks of its own.

application = emitter.routing.application(django_application)
