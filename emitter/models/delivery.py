"""What delivery remembers of those who listen."""

from __future__ import annotations

from django.db import models

from emitter.models.log import KEY_LENGTH


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
