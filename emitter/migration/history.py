"""Changes of mode, as rows: who changed what, when and why. The newest row of an adapter is its setting."""

from __future__ import annotations

from decimal import Decimal

from django.db import IntegrityError, transaction
from django.db.models import Max
from django.utils import timezone

from emitter.conf import conf
from emitter.errors import EmitterError
from emitter.migration import senders
from emitter.migration.modes import ADAPTERS, ALL, Setting
from emitter.models import AdapterMode, Mode

BY_LENGTH, REASON_LENGTH = 150, 500


def settings() -> dict[str, Setting]:
    """The setting of each adapter whose mode was ever set."""
    rows = AdapterMode.objects.using(conf.database)
    newest = rows.order_by().values("adapter").annotate(newest=Max("id")).values("newest")
    return {row.adapter: _setting(row) for row in rows.filter(id__in=newest)}


def setting_of(adapter: str) -> Setting:
    """The setting of one adapter, from the database. Raises ``unknown_adapter``."""
    if adapter not in ADAPTERS:
        raise EmitterError("unknown_adapter", f"There is no adapter {adapter!r:.80}; there are {', '.join(ADAPTERS)}.")
    row = AdapterMode.objects.using(conf.database).filter(adapter=adapter).order_by("-id").first()
    return Setting(adapter) if row is None else _setting(row)


def checked(adapter: str, mode: str, percent: Decimal = ALL) -> Setting:
    """The setting that a change would make. Raises ``unknown_adapter``, ``bad_mode``, ``no_legacy_sender``."""
    before = setting_of(adapter)
    if mode not in Mode.values:
        raise EmitterError("bad_mode", f"There is no mode {mode!r:.80}; there are {', '.join(Mode.values)}.")
    if not percent.is_finite() or not 0 <= percent <= ALL:
        raise EmitterError("bad_mode", f"{percent} is no percentage of the users: give 0 to 100.")
    after = before.turned(Mode(mode), percent)
    if after.modes - {Mode.UNIFIED}:
        senders.sender_of(adapter)
    return after


def change(adapter: str, mode: str, percent: Decimal = ALL, *, by: str, reason: str = "") -> Setting:
    """Sets a mode for all users or for a share of them, and returns what holds from now on.

    Raises what :func:`checked` raises, and ``mode_changed`` when somebody else was quicker.
    """
    return write(checked(adapter, mode, percent), by=by, reason=reason)


def write(setting: Setting, *, by: str, reason: str) -> Setting:
    """Writes a setting that follows on ``setting.change``. Raises ``mode_changed`` when something else has."""
    rows = AdapterMode.objects.using(conf.database)
    values = {"mode": setting.mode, "percent": setting.percent, "rest": setting.rest, "replaced": setting.change}
    told = {"since": timezone.now(), "by": by[:BY_LENGTH], "reason": reason[:REASON_LENGTH]}
    try:
        with transaction.atomic(using=conf.database):
            row = rows.create(adapter=setting.adapter, **values, **told)
    except IntegrityError:
        raise EmitterError(
            "mode_changed", f"The mode of {setting.adapter} was changed by somebody else just now: look, and set again."
        ) from None
    return _setting(row)


def _setting(row: AdapterMode) -> Setting:
    return Setting(
        row.adapter, Mode(row.mode), Decimal(row.percent), Mode(row.rest), row.id, row.since, row.by, row.reason
    )
