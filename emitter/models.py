"""The tables. Rows are written by :mod:`emitter.log` (streams, runs, events, what these took in tokens),
:mod:`emitter.metering` (roll-ups), :mod:`emitter.delivery` (devices) and :mod:`emitter.migration` (modes of old faces,
their tallies, shadow differences).

There is no foreign key to the user model: a stream is named by the user's key, so the users may live elsewhere, and an
erased user leaves no dangling row.
"""

from __future__ import annotations

from django.db import models

from emitter.fields import UsdField

KEY_LENGTH = 200


class Stream(models.Model):
    """One user's ordered log. ``head`` is the last number given, ``pruned_to`` the last one no longer kept."""

    key = models.CharField("user key", max_length=KEY_LENGTH, primary_key=True)
    epoch = models.CharField(max_length=36)
    head = models.BigIntegerField(default=0)
    pruned_to = models.BigIntegerField(default=0)
    #: Tool calls that are open, by run; the log reads and writes it with the head.
    open_calls = models.TextField(default="", db_default="", blank=True)

    def __str__(self) -> str:
        return self.key


class RunState(models.TextChoices):
    """A run is ``running`` until its first final event."""

    RUNNING = "running"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    FAILED = "failed"
    DIED = "died"


class Run(models.Model):
    """One execution of one agent request; belongs to its user and thread for ever."""

    id = models.CharField("run", max_length=KEY_LENGTH, primary_key=True)
    stream = models.CharField("user key", max_length=KEY_LENGTH)
    thread = models.CharField(max_length=KEY_LENGTH)
    agent = models.CharField(max_length=KEY_LENGTH)
    state = models.CharField(max_length=10, choices=RunState.choices, default=RunState.RUNNING)
    first_seq = models.BigIntegerField()
    #: Whether ``agent_started`` came.
    started = models.BooleanField(default=True, db_default=True)
    last_seq = models.BigIntegerField("last seq, once ended", null=True)
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    #: Until when, by the database's clock, the producer answers for the run. None: it is fed event by event.
    lease_until = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["stream", "-first_seq"], name="emitter_run_of_stream"),
            models.Index(fields=["lease_until"], condition=models.Q(state="running"), name="emitter_run_running"),
        ]

    def __str__(self) -> str:
        return self.id


class Event(models.Model):
    """One stored event. ``body`` is its text on the wire; the other columns are for finding it.

    ``id`` is for the admin and for display only: on PostgreSQL it is not the order of commits. Order is ``seq``.
    """

    id = models.BigAutoField(primary_key=True)
    stream = models.CharField("user key", max_length=KEY_LENGTH)
    seq = models.BigIntegerField()
    event_id = models.UUIDField()
    digest = models.BinaryField(max_length=16)
    run = models.CharField(max_length=KEY_LENGTH)
    type = models.CharField(max_length=64)
    after_end = models.BooleanField(default=False)
    created_at = models.DateTimeField("emitted at")
    body = models.TextField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["stream", "seq"], name="emitter_event_seq"),
            models.UniqueConstraint(fields=["stream", "event_id"], name="emitter_event_event_id"),
        ]
        permissions = [("emit_event", "Can emit events for any user")]

    def __str__(self) -> str:
        return f"{self.stream} #{self.seq} {self.type}"


class Refusal(models.Model):
    """Something that was refused: when, by which code, and of whom as far as it is known. Never with its payload."""

    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField("refused at", db_index=True)
    code = models.CharField(max_length=40)
    stream = models.CharField("user key", max_length=KEY_LENGTH, blank=True)
    run = models.CharField(max_length=KEY_LENGTH, blank=True)
    type = models.CharField(max_length=KEY_LENGTH, blank=True)
    agent = models.CharField(max_length=KEY_LENGTH, blank=True)
    source = models.CharField("came in by", max_length=40)
    detail = models.TextField()
    left_out = models.PositiveIntegerField("of this code left out before it", default=0)

    def __str__(self) -> str:
        return f"{self.code} at {self.at:%Y-%m-%d %H:%M:%S}"


class Device(models.Model):
    """One installation of a client: the last event of ``epoch`` that it acknowledged."""

    id = models.BigAutoField(primary_key=True)
    stream = models.CharField("user key", max_length=KEY_LENGTH)
    name = models.CharField(max_length=KEY_LENGTH)
    epoch = models.CharField(max_length=36)
    position = models.BigIntegerField()
    seen_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["stream", "name"], name="emitter_device_name")]

    def __str__(self) -> str:
        return f"{self.stream} {self.name}"


class Duty(models.Model):
    """A job that one of several server processes does at a time: who does it, and until when it is taken."""

    name = models.CharField(max_length=40, primary_key=True)
    holder = models.CharField(max_length=64)
    until = models.DateTimeField()

    def __str__(self) -> str:
        return self.name


class Writer(models.Model):
    """A process that writes to a log on SQLite which a power cut may shorten. It takes its row back when it ends."""

    pid = models.BigIntegerField(primary_key=True)
    boot = models.CharField(max_length=64)

    def __str__(self) -> str:
        return f"{self.pid} of boot {self.boot}"


class Ticket(models.Model):
    """Opens one connection once. Only the SHA-256 of the secret is stored."""

    hash = models.CharField(max_length=64, primary_key=True)
    stream = models.CharField("user key", max_length=KEY_LENGTH)
    expires_at = models.DateTimeField(db_index=True)
    #: What the one who asked for it rests on: what it opens ends with that.
    fingerprint = models.CharField(max_length=32, default="")
    session = models.CharField(max_length=100, default="")
    source_expires_at = models.FloatField(null=True)

    def __str__(self) -> str:
        return f"{self.stream} until {self.expires_at:%H:%M:%S}"


class ServiceKey(models.Model):
    """A service's way in over HTTP. Only the SHA-256 of its secret is stored; people know it by its ``prefix``."""

    id = models.BigAutoField(primary_key=True)
    name = models.CharField(max_length=100, help_text="What it is for, and who keeps it.")
    prefix = models.CharField(max_length=20, unique=True, editable=False)
    hash = models.CharField(max_length=64, unique=True, editable=False)
    may_emit = models.BooleanField("may emit events", default=False)
    may_read = models.BooleanField("may read events", default=False)
    types = models.JSONField("only these event types", default=list, blank=True)
    users = models.JSONField("only for these users", default=list, blank=True)
    rate = models.PositiveIntegerField("events a second", null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.CharField(max_length=KEY_LENGTH, editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, editable=False)
    used_at = models.DateTimeField("last used, about", null=True, editable=False)

    def __str__(self) -> str:
        return f"{self.prefix}… {self.name}"


class AccessRecord(models.Model):
    """Somebody looked at what belongs to somebody else. Written by the policy, changed by nobody."""

    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField(auto_now_add=True, db_index=True)
    reader = models.CharField(max_length=KEY_LENGTH)
    how = models.CharField(max_length=10)
    what = models.CharField(max_length=20)
    stream = models.CharField("whose, by user key", max_length=KEY_LENGTH, blank=True)
    detail = models.CharField(max_length=KEY_LENGTH, blank=True)

    def __str__(self) -> str:
        return f"{self.reader} saw {self.what} of {self.stream or 'all'}"


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


class Mode(models.TextChoices):
    """Which way the calls of an old face go."""

    LEGACY = "legacy", "legacy: the old sender sends"
    SHADOW = "shadow", "shadow: the old sender sends, and the emitter compares"
    UNIFIED = "unified", "unified: the emitter sends"


class AdapterMode(models.Model):
    """One change of an old face's mode; the newest of an adapter holds. ``rest`` is the mode of the other users."""

    id = models.BigAutoField(primary_key=True)
    adapter = models.CharField(max_length=40)
    mode = models.CharField(max_length=10, choices=Mode.choices)
    percent = models.DecimalField("percent of the users", max_digits=5, decimal_places=2, default=100)
    rest = models.CharField("mode of the others", max_length=10, choices=Mode.choices)
    since = models.DateTimeField()
    by = models.CharField(max_length=150)
    reason = models.CharField(max_length=500, blank=True)
    #: The change that this one replaced, 0 before the first: two who change one state cannot both do it.
    replaced = models.BigIntegerField()

    class Meta:
        verbose_name = "mode of an old face"
        verbose_name_plural = "modes of old faces"
        constraints = [models.UniqueConstraint(fields=["adapter", "replaced"], name="emitter_adaptermode_replaced")]

    def __str__(self) -> str:
        return f"{self.adapter}: {self.mode}"


class AdapterTally(models.Model):
    """How the calls of one minute went that followed one change of mode (``change``, 0 for none)."""

    id = models.BigAutoField(primary_key=True)
    adapter = models.CharField(max_length=40)
    change = models.BigIntegerField()
    mode = models.CharField(max_length=10, choices=Mode.choices)
    minute = models.DateTimeField()
    calls = models.BigIntegerField(default=0)
    failures = models.BigIntegerField(default=0)
    differences = models.BigIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["adapter", "change", "mode", "minute"], name="emitter_adaptertally_minute")
        ]

    def __str__(self) -> str:
        return f"{self.adapter} {self.mode} {self.minute:%H:%M}"


class ShadowDifference(models.Model):
    """One call of which the old sender and the emitter would have told different things. Both sides are cleaned."""

    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField(db_index=True)
    adapter = models.CharField(max_length=40)
    method = models.CharField(max_length=64)
    kind = models.CharField(max_length=20)
    what = models.CharField(max_length=500)
    stream = models.CharField("user key", max_length=KEY_LENGTH, blank=True)
    run = models.CharField(max_length=KEY_LENGTH, blank=True)
    old = models.TextField("what the old sender sent")
    new = models.TextField("what the emitter would have sent")

    class Meta:
        indexes = [models.Index(fields=["adapter", "-id"], name="emitter_shadow_of_adapter")]

    def __str__(self) -> str:
        return f"{self.adapter}.{self.method}: {self.kind}"
