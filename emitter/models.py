"""The tables. Rows are written by :mod:`emitter.log` (streams, runs, events), :mod:`emitter.delivery` (devices) and
:mod:`emitter.migration` (modes of old faces, their tallies, shadow differences).

There is no foreign key to the user model: a stream is named by the user's key, so the users may live elsewhere, and an
erased user leaves no dangling row.
"""

from __future__ import annotations

from django.db import models

KEY_LENGTH = 200


class Stream(models.Model):
    """One user's ordered log. ``head`` is the last number given, ``pruned_to`` the last one no longer kept."""

    key = models.CharField("user key", max_length=KEY_LENGTH, primary_key=True)
    epoch = models.CharField(max_length=36)
    head = models.BigIntegerField(default=0)
    pruned_to = models.BigIntegerField(default=0)

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

    def __str__(self) -> str:
        return f"{self.stream} until {self.expires_at:%H:%M:%S}"


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
