"""``manage.py reap_runs``: ends orphan runs."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from emitter.reaper import reap


class Command(BaseCommand):
    """Ends runs whose producer is gone."""

    help = (
        "Ends each run whose producer is gone with agent_death, cause worker_lost: its lease of 30 s is over, or it is "
        "fed event by event and was idle for 15 minutes. A server does this by itself every 5 s."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        reaped = reap()
        for run in reaped:
            self.stdout.write(run)
        self.stderr.write(f"{len(reaped):,} runs ended.")
