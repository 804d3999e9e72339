"""The one line of a project's ``asgi.py``, as a project writes it."""

import subprocess
import sys

from .commands import beside
from .test_readme import ROOT

ASGI = """
from django.core.asgi import get_asgi_application
import emitter.routing
application = emitter.routing.application(get_asgi_application())
"""


def test_the_line_stands_where_django_is_not_set_up_yet() -> None:
    environment = beside({"DJANGO_SETTINGS_MODULE": "netra_events.settings"})
    made = subprocess.run([sys.executable, "-c", ASGI], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert (made.returncode, made.stderr) == (0, "")
