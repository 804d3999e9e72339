"""Settings of a project whose log lives in a database of its own; for the tests."""

from os import environ

from netra_events.settings import *  # noqa: F403
from netra_events.settings import DATABASES, EMITTER, database

DATABASES["events"] = database(environ["EVENTS_URL"])
DATABASE_ROUTERS = ["emitter.routers.EventsRouter"]
EMITTER["DATABASE"] = "events"
