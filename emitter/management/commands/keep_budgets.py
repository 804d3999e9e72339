"""``manage.py keep_budgets``: warns, and stops runs whose user's budget is spent."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from emitter.treasurer import account


class Command(BaseCommand):
    """Rolls up, then acts on budgets."""

    help = (
        "Rolls usage up, then warns on the streams of users who have spent most of their budget, and stops the runs "
        "of those who have spent it. A server does this by itself every 5 s."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(f"{account():,} users warned or stopped.")
