"""What was used and what may be spent. The usage of events and runs is written by the log, with the event."""

from __future__ import annotations

from django.db import models

from emitter.fields import UsdField
from emitter.models.log import KEY_LENGTH


class Used(models.Model):
    """Sums over calls: ``cost_usd`` of those with a price, null without any; ``unpriced`` counts those without."""

    model = models.CharField(max_length=KEY_LENGTH, blank=True)
    calls = models.BigIntegerField(default=0)
    input_tokens = models.BigIntegerField(default=0)
    output_tokens = models.BigIntegerField(default=0)
    cost_usd = UsdField("cost (USD)", null=True)
    unpriced = models.BigIntegerField("unpriced calls", default=0)

    class Meta:
        abstract = True


class EventUsage(Used):
    """What one event took of one model, with its cost at the prices of its moment. Written with the event."""

    id = models.BigAutoField(primary_key=True)
    stream = models.CharField("user key", max_length=KEY_LENGTH)
    seq = models.BigIntegerField()
    run = models.CharField(max_length=KEY_LENGTH)
    agent = models.CharField(max_length=KEY_LENGTH)
    #: The price list, for who asks later; prices are those of ``created_at``.
    priced_by = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField("emitted at")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["stream", "seq", "model"], name="emitter_event_usage")]

    def __str__(self) -> str:
        return f"{self.stream} #{self.seq} {self.model}"


class RunUsage(Used):
    """What a run took of one model so far. Written with the run's events."""

    id = models.BigAutoField(primary_key=True)
    stream = models.CharField("user key", max_length=KEY_LENGTH, db_index=True)
    run = models.CharField(max_length=KEY_LENGTH)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "model"], name="emitter_run_usage")]

    def __str__(self) -> str:
        return f"{self.run} {self.model}"


class DailyUsage(Used):
    """What one user's agent took of one model in one day (UTC), by the tier that the user had when it was rolled up."""

    id = models.BigAutoField(primary_key=True)
    stream = models.CharField("user key", max_length=KEY_LENGTH)
    day = models.DateField("day (UTC)")
    agent = models.CharField(max_length=KEY_LENGTH)
    tier = models.CharField(max_length=64)

    class Meta:
        verbose_name_plural = "daily usage"
        constraints = [
            models.UniqueConstraint(fields=["stream", "day", "agent", "model", "tier"], name="emitter_daily_usage")
        ]
        indexes = [models.Index(fields=["day"], name="emitter_daily_usage_day")]

    def __str__(self) -> str:
        return f"{self.stream} {self.day} {self.agent} {self.model}"


class RollUp(models.Model):
    """How far a stream's usage is in :class:`DailyUsage` (``seq``) and was held against the budget (``checked``)."""

    stream = models.CharField("user key", max_length=KEY_LENGTH, primary_key=True)
    seq = models.BigIntegerField(default=0)
    checked = models.BigIntegerField(default=0)
    #: The latest day of which usage was pruned: the roll-up knows more of it than the log.
    pruned_day = models.DateField(null=True)

    class Meta:
        indexes = [
            models.Index(
                fields=["stream"], condition=models.Q(checked__lt=models.F("seq")), name="emitter_roll_up_unchecked"
            )
        ]

    def __str__(self) -> str:
        return f"{self.stream} to #{self.seq}"


class Per(models.TextChoices):
    """Budgets are for a day or a month of UTC."""

    DAY = "day"
    MONTH = "month"


class Budget(models.Model):
    """What one user may spend, instead of what the user's tier may."""

    stream = models.CharField("user key", max_length=KEY_LENGTH, primary_key=True)
    usd = UsdField("budget (USD)")
    per = models.CharField(max_length=5, choices=Per.choices, default=Per.DAY)

    def __str__(self) -> str:
        return f"{self.stream} {self.usd:.2f} USD per {self.per}"


class BudgetNotice(models.Model):
    """Something that a user was told about a budget in one period, so that it is told once."""

    id = models.BigAutoField(primary_key=True)
    stream = models.CharField("user key", max_length=KEY_LENGTH)
    per = models.CharField(max_length=5, choices=Per.choices)
    begins = models.DateField("period begins")
    type = models.CharField(max_length=64)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["stream", "per", "begins", "type"], name="emitter_budget_notice")
        ]

    def __str__(self) -> str:
        return f"{self.stream} {self.begins} {self.type}"
