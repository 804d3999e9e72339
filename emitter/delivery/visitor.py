"""Who opens a session, and the place in the stream to which what the client says leads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from emitter import cursor, log
from emitter.conf import conf
from emitter.context import check_id
from emitter.cursor import Claim, Gap, StreamState
from emitter.delivery.devices import position_of
from emitter.delivery.flow import Credit, Flow, Rate
from emitter.delivery.speech import FRAMES, Speech
from emitter.errors import EventRefused
from emitter.policy.identity import Identity
from emitter.texts import number_in


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who opens a session, what the address says, and how the client wants to be spoken to."""

    identity: Identity
    after: int | None = None
    epoch: str | None = None
    device: str | None = None
    speech: Speech = FRAMES

    @classmethod
    def asking(cls, identity: Identity, query: Mapping[str, str], speech: Speech) -> Visitor:
        """A visitor by the parameters of an address: ``after``, ``epoch``, ``device``.

        Raises ``bad_request`` and ``bad_id``.
        """
        after, device = query.get("after"), query.get("device")
        position = None if after is None else number_in(after)
        if after is not None and position is None:
            raise EventRefused("bad_request", "The parameter 'after' is the number of an event.")
        device = None if device is None else check_id("device", device)
        return cls(identity, after=position, epoch=query.get("epoch"), device=device, speech=speech)

    @property
    def claim(self) -> Claim:
        """Where the client says that it was."""
        return Claim(after=self.after, epoch=self.epoch, device=self.device is not None)

    def flow(self) -> Flow:
        """Credit for who acknowledges; a rate for who cannot."""
        if self.speech.acknowledges:
            return Credit(conf.credit_events, conf.credit_bytes, conf.credit_seconds)
        return Rate(conf.rate_bytes, conf.rate_burst, conf.rate_bound)

    def look_up(self, claim: Claim) -> tuple[StreamState, Claim]:
        """The stream, and the claim completed by the device's stored position: one piece of blocking work."""
        stream = log.open_stream(self.identity.key)
        if self.device is None or claim.after is not None:
            return stream, claim
        stored = position_of(self.identity.key, self.device)
        if stored is None:
            return stream, claim
        return stream, Claim(device=True, device_epoch=stored.epoch, device_position=stored.seq)


@dataclass(frozen=True, slots=True)
class Beginning:
    """A session goes on after event ``after``; ``gap`` is told first. ``lost``: the client's place is not there."""

    after: int
    gap: Gap | None
    lost: bool


def begin(claim: Claim, stream: StreamState, before: str, speech: Speech) -> Beginning:
    """Where a client begins, or goes on that was in epoch ``before`` (empty: nowhere yet). Pure."""
    start = cursor.start(claim, stream)
    after, gap = start.after, start.gap
    if gap is None and before not in ("", stream.epoch):
        gap = Gap(after, after + 1, "epoch")
    if gap is not None and not speech.replays_after_gap:
        after, gap = stream.head, Gap(gap.after, stream.head + 1, gap.reason)
    return Beginning(after, gap, lost=start.gap is not None)
