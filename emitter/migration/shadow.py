"""A call in shadow mode: the old sender sends and answers, and the emitter says what it would have sent.

Nothing of this stores an event, and nothing of it may harm the old sender: what it needs of the database is bounded in
time before the call, and whatever fails afterwards is counted and kept from the caller.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import Any

from django.db import DatabaseError

from emitter import blocking, metrics
from emitter.conf import conf
from emitter.context import RunContext
from emitter.errors import EmitterError, EmitterUnavailable, EventRefused
from emitter.migration.compare import NEVER_SENT, Comparison, Difference, compare
from emitter.migration.differences import Found
from emitter.migration.ledger import ledger
from emitter.migration.modes import Setting
from emitter.migration.recorder import Sent
from emitter.migration.shapes import Said, Unreadable, plain, read_event, read_frame
from emitter.models import Mode
from emitter.policy import users
from emitter.service import Item
from emitter.service.prepare import prepare

logger = logging.getLogger("emitter")

#: Seconds that the emitter may take to say what it would have sent, before the old sender sends.
WAIT_SECONDS = 0.5
#: Seconds for which calls are not compared once one took longer.
PAUSE_SECONDS = 5.0
#: Users who are remembered to exist, and runs to be theirs.
REMEMBERED = 10_000


@dataclass(slots=True)
class Meant:
    """What the emitter would do with a call: send ``item``, keep silent, or refuse; or nobody can say (``unknown``)."""

    item: Item | None = None
    refusal: Exception | None = None
    unknown: bool = False


@dataclass(slots=True)
class Shadow:
    """One a process. It remembers users, and when it must keep still."""

    _users: set[str] = field(default_factory=set)
    #: Whose the runs are that were seen: the log does not know them, because nothing is stored.
    _runs: OrderedDict[str, RunContext] = field(default_factory=OrderedDict)
    _still_until: float = 0.0

    async def meant(self, call: Any) -> Meant:
        """What would be sent of a call, with all checks that come before storing. Raises nothing."""
        if monotonic() < self._still_until:
            return Meant(unknown=True)
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                item = await self._understood(call)
                if item is not None:
                    prepare(item)
                    await self._know(item.context.user_id)
                return Meant(item)
        except (TimeoutError, DatabaseError, EmitterUnavailable):
            self._still_until = monotonic() + PAUSE_SECONDS
            return Meant(unknown=True)
        except Exception as refusal:
            return Meant(refusal=refusal)

    def observe(self, call: Any, setting: Setting, meant: Meant, frames: Sequence[Sent], answer: Any) -> None:
        """Compares both sides of a call, and counts and keeps what differs. Raises nothing."""
        adapter = setting.adapter
        if meant.unknown:
            _failed(call, setting, "the database was away or slow")
            return
        try:
            silence = "unsent" if answer is False else "revived" if call.method in NEVER_SENT else ""
            comparison = _compared(meant, frames, silence)
            found = _found(call, adapter, meant, frames, comparison) if comparison.differences else None
        except Exception as error:
            _failed(call, setting, type(error).__name__)
            return
        for kind in {difference.kind for difference in comparison.differences}:
            metrics.SHADOW_DIFFERENCES.labels(adapter, kind).inc()
        ledger.count(setting, Mode.SHADOW, found=found)

    async def _understood(self, call: Any) -> Item | None:
        try:
            item: Item | None = await call.understood()
        except EventRefused as refusal:
            told, event = call.told, call.event
            if refusal.code != "unknown_run" or event is None or told.run_id not in self._runs:
                raise
            context = self._runs[told.run_id]
            return Item(replace(context, agent_name=told.agent), event)
        if item is not None:
            self._runs[item.context.run_id] = item.context
            if len(self._runs) > REMEMBERED:
                self._runs.popitem(last=False)
        return item

    async def _know(self, key: str) -> None:
        """Raises ``unknown_user``, as storing would."""
        if key in self._users:
            return
        if key not in await blocking.run(users.existing, [key]):
            raise EventRefused("unknown_user", f"No user has the key {key!r:.80}.")
        if len(self._users) >= REMEMBERED:
            self._users.clear()
        self._users.add(key)


def _failed(call: Any, setting: Setting, reason: str) -> None:
    metrics.LEGACY_FAILURES.labels(setting.adapter, "shadow_failed").inc()
    logger.error("shadow_failed: %s.%s was not compared (%s)", setting.adapter, call.method, reason)
    ledger.count(setting, Mode.SHADOW, failed=True)


def _compared(meant: Meant, frames: Sequence[Sent], silence: str) -> Comparison:
    if meant.refusal is not None:
        # What both refuse, or keep silent about, is no difference.
        return Comparison([Difference("refused", new=_code(meant.refusal))] if frames else ())
    try:
        old = [read_frame(one.user, one.frame) for one in frames]
    except Unreadable as fault:
        return Comparison([Difference("unreadable", old=str(fault))])
    return compare(old, _said(meant.item), silence=silence, declared=conf.shadow_expected)


def _said(item: Item | None) -> Said | None:
    if item is None:
        return None
    context, event, _ = item
    return read_event(context.user_id, context.run_id, context.agent_name, event.type, event.payload())


def _found(call: Any, adapter: str, meant: Meant, frames: Sequence[Sent], comparison: Comparison) -> Found:
    context = meant.item.context if meant.item else None
    user = context.user_id if context else next((one.user for one in frames if one.user), "")
    return Found(
        adapter,
        call.method,
        comparison.differences,
        user,
        context.run_id if context else "",
        [{"user": one.user, "frame": _shown(one.frame)} for one in frames],
        _event(meant),
    )


def _event(meant: Meant) -> Any:
    if meant.refusal is not None:
        detail = meant.refusal.detail if isinstance(meant.refusal, EmitterError) else ""
        return {"code": _code(meant.refusal), "detail": detail}
    if meant.item is None:
        return None
    context, event, _ = meant.item
    ids = {"user": context.user_id, "run_id": context.run_id, "agent_name": context.agent_name}
    return {**ids, "type": event.type, "payload": plain(event.payload())}


def _shown(frame: Any) -> Any:
    try:
        return plain(frame)
    except Unreadable as fault:
        return f"unreadable: {fault}"


def _code(refusal: Exception) -> str:
    return refusal.code if isinstance(refusal, EmitterError) else f"adapter_failed ({type(refusal).__name__})"


shadow = Shadow()
