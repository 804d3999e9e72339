"""Which way a call of an old face goes: to its old sender, to both to be compared, or to the emitter."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from emitter.errors import EmitterError
from emitter.migration import senders
from emitter.migration.ledger import ledger
from emitter.migration.modes import Setting
from emitter.migration.recorder import recording
from emitter.migration.senders import Sender
from emitter.migration.shadow import shadow
from emitter.migration.switch import switch
from emitter.models import Mode
from emitter.service import Item, emitter

logger = logging.getLogger("emitter")

#: Changes of mode of which the log has told that this process cannot follow them.
_told: set[tuple[str, int]] = set()

R_co = TypeVar("R_co", covariant=True)

#: What the old senders refused as well: a call that fails so says nothing of the emitter.
CALLERS_FAULT = frozenset({"no_bridge", "payload_not_object", "payload_too_deep"})


class OldCall(Protocol[R_co]):
    """A call as a face hands it over. ``understood`` is awaited once at most: faces keep state."""

    @property
    def face(self) -> Any: ...

    @property
    def method(self) -> str: ...

    @property
    def args(self) -> tuple[Any, ...]: ...

    @property
    def kwargs(self) -> dict[str, Any]: ...

    @property
    def success(self) -> R_co: ...

    async def understood(self) -> Item | None:
        """The event that it becomes, ``None`` where the old method kept silent. Raises ``EmitterError``."""


async def route(call: OldCall[R_co]) -> R_co:
    """Takes a call where its adapter's mode says, and answers what the old method did.

    Raises what storing raises, ``no_legacy_sender``, and :class:`~emitter.migration.senders.SenderRaised`.
    """
    setting = await switch.setting_of(call.face.adapter)
    mode = setting.uniform
    if mode is Mode.UNIFIED:
        return await _unified(call, setting)
    if mode is None:
        call = await Understood.of(call)
        mode = setting.mode_of(call.item.context.user_id if call.item else None)
        if mode is Mode.UNIFIED:
            return await _unified(call, setting)
    sender = _sender(setting)
    if mode is Mode.LEGACY:
        answer = await _sent(sender, call, setting, mode)
        ledger.count(setting, mode)
    else:
        meant = await shadow.meant(call)
        with recording() as frames:
            answer = await _sent(sender, call, setting, mode)
        shadow.observe(call, setting, meant, frames, answer)
    return answer  # type: ignore[no-any-return]


def _sender(setting: Setting) -> Sender:
    """The old sender. Raises ``no_legacy_sender``, of which the log tells once what to do."""
    try:
        return senders.sender_of(setting.adapter)
    except EmitterError as error:
        if (setting.adapter, setting.change) not in _told:
            _told.add((setting.adapter, setting.change))
            logger.error("%s: %s: %s", error.code, setting.adapter, error.detail)
        raise


async def _unified(call: OldCall[R_co], setting: Setting) -> R_co:
    try:
        item = await call.understood()
        if item is not None:
            await emitter.aemit(item.context, item.event)
    except Exception as error:
        ledger.count(setting, Mode.UNIFIED, failed=getattr(error, "code", "") not in CALLERS_FAULT)
        raise
    ledger.count(setting, Mode.UNIFIED)
    return call.success


async def _sent(sender: Sender, call: OldCall[Any], setting: Setting, mode: Mode) -> Any:
    try:
        return await senders.send(sender, call.method, call.args, call.kwargs, call.face)
    except EmitterError:  # It raised, or would never end.
        ledger.count(setting, mode, failed=True)
        raise


@dataclass(slots=True)
class Understood(Generic[R_co]):
    """A call that was understood before it was known which way it goes."""

    call: OldCall[R_co]
    item: Item | None = None
    refusal: Exception | None = None

    @classmethod
    async def of(cls, call: OldCall[R_co]) -> Understood[R_co]:
        """Understands a call. What goes wrong is kept for whoever asks."""
        try:
            return cls(call, await call.understood())
        except Exception as refusal:
            return cls(call, refusal=refusal)

    async def understood(self) -> Item | None:
        if self.refusal is not None:
            raise self.refusal
        return self.item

    def __getattr__(self, name: str) -> Any:
        return getattr(self.call, name)
