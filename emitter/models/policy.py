"""What policy keeps: what opens a connection, who looked at what, and what was refused."""

from __future__ import annotations

from django.db import models

from emitter.models.log import KEY_LENGTH


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
