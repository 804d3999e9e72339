"""Takes an adapter back by itself when more goes wrong than its limits allow, and says so."""

from __future__ import annotations

import logging

from django.utils import timezone

from emitter import metrics
from emitter.conf import conf
from emitter.errors import EmitterError
from emitter.migration import history, senders, tallies
from emitter.migration.limits import MINUTES, Limits, breach
from emitter.migration.modes import Setting
from emitter.migration.switch import switch
from emitter.models import Mode

logger = logging.getLogger("emitter")

BY = "emitter"


def watch(setting: Setting) -> None:
    """Looks whether a setting that was made by somebody still keeps its limits; if not, ends it.

    Without an old sender there is nothing to go back to.
    """
    if not setting.change or not senders.is_registered(setting.adapter):
        return
    limits = Limits(conf.shadow_limit, conf.failure_limit, conf.limit_calls)
    now = timezone.now()
    for mode in sorted(setting.modes):
        reason = breach(mode, tallies.of_window(setting, mode, now, MINUTES), limits)
        if reason is not None:
            _back(setting, mode, reason)
            return


def _back(setting: Setting, mode: Mode, reason: str) -> None:
    target = Mode(conf.rollback_to) if mode is Mode.UNIFIED else Mode.LEGACY
    try:
        now = history.write(setting.without(mode, target), by=BY, reason=f"adapter_rolled_back: {reason}")
    except EmitterError as error:
        if error.code != "mode_changed":
            raise
        return  # Somebody, perhaps another process for the same reason, has changed it.
    switch.expire()
    metrics.ROLLBACKS.labels(setting.adapter).inc()
    logger.error("adapter_rolled_back: %s went from '%s' to '%s': %s", setting.adapter, setting, now, reason)
