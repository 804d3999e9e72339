"""Moving over from the old faces: their modes, how their calls went, and what differed."""

from __future__ import annotations

from django.db import models

from emitter.models.log import KEY_LENGTH


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
