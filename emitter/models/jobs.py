"""Who does what has to be done once, among several processes."""

from __future__ import annotations

from django.db import models


class Duty(models.Model):
    """A job that one of several server processes does at a time: who does it, and until when it is taken."""

    name = models.CharField(max_length=40, primary_key=True)
    holder = models.CharField(max_length=64)
    until = models.DateTimeField()

    def __str__(self) -> str:
        return self.name
