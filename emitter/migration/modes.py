"""Which way a call goes: by its adapter's setting and its user's share. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from hashlib import blake2b
from typing import Any

from emitter.models import Mode

#: The old faces, by the names that they carry in the log, the metrics and the event's ``source``.
ADAPTERS = ("unified_emitter", "agent_websocket_bridge", "base_agent", "transparent_websocket_events")
ALL = Decimal(100)


def share_of(adapter: str, key: str) -> Decimal:
    """A user's place in an adapter, from 0 up to 100. It never changes, and is another one in each adapter."""
    digest = blake2b(f"{adapter}:{key}".encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return Decimal(int.from_bytes(digest)) / 2**64 * 100


@dataclass(frozen=True, slots=True)
class Setting:
    """What holds for an adapter: ``percent`` of the users have ``mode``, the others ``rest``.

    Without any change (``change`` is 0) everybody has the emitter.
    """

    adapter: str
    mode: Mode = Mode.UNIFIED
    percent: Decimal = ALL
    rest: Mode = Mode.UNIFIED
    change: int = 0
    since: datetime | None = None
    by: str = ""
    reason: str = ""

    @property
    def uniform(self) -> Mode | None:
        """The mode that all users have, ``None`` when they differ."""
        if self.percent >= ALL or self.mode == self.rest:
            return self.mode
        return self.rest if self.percent <= 0 else None

    def mode_of(self, key: str | None) -> Mode:
        """A user's mode. Nobody's calls go with the others, who are in the mode that was there before."""
        if self.uniform is not None:
            return self.uniform
        return self.mode if key is not None and share_of(self.adapter, key) < self.percent else self.rest

    def turned(self, mode: Mode, percent: Decimal) -> Setting:
        """``mode`` for a share of the users. The others keep the mode that was last set for all."""
        return replace(self, mode=mode, percent=percent, rest=mode if percent >= ALL else self._base)

    def without(self, mode: Mode, target: Mode) -> Setting:
        """Who is in ``mode`` goes to ``target``; the others stay where they are."""
        return replace(
            self,
            mode=target if self.mode == mode else self.mode,
            rest=target if self.rest == mode else self.rest,
        )

    @property
    def modes(self) -> frozenset[Mode]:
        """The modes that some users are in."""
        return frozenset({self.mode, self.rest} if self.uniform is None else {self.uniform})

    @property
    def _base(self) -> Mode:
        return self.mode if self.percent >= ALL else self.rest

    def __str__(self) -> str:
        if self.uniform is not None:
            return str(self.uniform.value)
        return f"{self.mode.value} {plain(self.percent)} %, else {self.rest.value}"

    def as_json(self) -> dict[str, Any]:
        """For ``--json``."""
        return {
            "mode": self.mode.value,
            "percent": float(self.percent),
            "rest": self.rest.value,
            "since": self.since.isoformat() if self.since else None,
            "by": self.by,
            "reason": self.reason,
        }


def plain(percent: Decimal) -> str:
    """``25`` and ``0.5``, without zeros that say nothing."""
    return f"{percent:.2f}".rstrip("0").rstrip(".")
