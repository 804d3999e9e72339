"""``manage.py roll_up_usage``: totals per user, day, agent, model and tier."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from emitter.metering.rollup import roll_up
from emitter.treasurer import tier_name


class Command(BaseCommand):
    """Brings the daily totals up to date."""

    help = (
        "Adds what events took since the last time to the totals per user, day (UTC), agent, model and tier. A server "
        "does this by itself every 5 s. May be stopped and run again at any time; nothing is added twice."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(f"{roll_up(tier_name):,} rows rolled up.")
