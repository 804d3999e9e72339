"""The one line for a project's ``urls.py``: ``path("", include("emitter.urls"))``."""

from __future__ import annotations

from django.urls import path

from emitter.api import events, health, runs, stream, tickets

app_name = "emitter"
urlpatterns = [
    path("api/events/", events.view, name="events"),
    path("api/events/stream/", stream.view, name="stream"),
    path("api/tickets/", tickets.view, name="tickets"),
    path("api/runs/", runs.collection, name="runs"),
    path("api/runs/<str:run>/", runs.item, name="run"),
    path("api/runs/<str:run>/cancel/", runs.cancelling, name="cancel"),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
]
