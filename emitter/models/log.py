"""The log: streams, the runs in them and their events, and which processes write. Rows are the log's own."""

from __future__ import annotations

from django.db import models

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


class Writer(models.Model):
    """A process that writes to a log on SQLite which a power cut may shorten. It takes its row back when it ends."""

    pid = models.BigIntegerField(primary_key=True)
    boot = models.CharField(max_length=64)

    def __str__(self) -> str:
        return f"{self.pid} of boot {self.boot}"
