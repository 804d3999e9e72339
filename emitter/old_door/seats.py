"""Where older clients were, for none of them can say it: the last position written to that user's clients of a kind.

It is kept as a device of the user's stream, under a name that no client can give. It outlives a cut connection and a
dead server; a program or a terminal that says goodbye takes it along. Of several pages each may be cut at a place of
its own, so a page that is cut leaves that place for the next one that comes.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import uuid4

from django.utils import timezone

from emitter import clock, log
from emitter.conf import conf
from emitter.cursor import StreamState
from emitter.delivery.devices import Position, position_of, remember
from emitter.models import Device, RunState
from emitter.old_door.sign_in import Kind

#: Most events that are sent again: a page takes some hundreds of frames in its life.
REPLAY_EVENTS = 200
#: No id begins with a space, so no client can name such a device.
PREFIX = " older"


@dataclass(frozen=True, slots=True)
class Lost:
    """Events that are not sent again, of a run that the client saw begin and not end."""

    number: int
    run: str
    goes_on: bool


@dataclass(frozen=True, slots=True)
class Seat:
    """Where a client goes on: after ``after`` of ``epoch``."""

    device: str
    epoch: str
    after: int
    lost: Lost | None = None


def take(key: str, kind: Kind, reached: Collection[Position] = ()) -> Seat:
    """A seat for a client that comes. ``reached`` is what was written here to others of its kind, until now."""
    stream = log.open_stream(key)
    device = f"{PREFIX} {kind}"
    remember(reached)
    before = _left_behind(key, device) or position_of(key, device)
    if before is None:
        seat = Seat(device, stream.epoch, stream.head)
    elif before.epoch != stream.epoch or before.seq > stream.head:
        # The session tells the gap and goes on from the head. Position 0 would ask for everything.
        seat = Seat(device, before.epoch, max(1, before.seq))
    else:
        seat = _after_absence(stream, before, device)
    remember([Position(key, device, seat.epoch, seat.after)])
    return seat


def leave_for_good(at: Position) -> None:
    """A client has said goodbye: whoever comes next begins anew."""
    Device.objects.using(conf.database).filter(stream=at.stream, name=at.device).delete()


def leave_behind(at: Position) -> None:
    """A page was cut here, and may come back."""
    remember([replace(at, device=f"{at.device} left {uuid4()}")])


def _left_behind(key: str, device: str) -> Position | None:
    """The lowest place that was left, for one of those who ask. What was left too long ago is cleared away.

    Nobody knows whose it was. From the lowest one nothing is missed, and a page drops what it has.
    """
    places = Device.objects.using(conf.database).filter(stream=key, name__startswith=f"{device} left ")
    places.filter(seen_at__lt=timezone.now() - timedelta(seconds=conf.replay_seconds)).delete()
    for place in places.order_by("epoch", "position"):
        if places.filter(pk=place.pk).delete()[0]:
            return Position(key, device, place.epoch, place.position)
    return None


def _after_absence(stream: StreamState, before: Position, device: str) -> Seat:
    """The seat after what is too long ago, or too much, to be sent again."""
    since = clock.now() - timedelta(seconds=conf.replay_seconds)
    first = log.recent_after(before.stream, before.seq, since, REPLAY_EVENTS)
    after = stream.head if first is None else first - 1
    lost = after - before.seq
    return Seat(device, stream.epoch, after, _lost(before, lost) if lost else None)


def _lost(before: Position, number: int) -> Lost | None:
    """What a client that waits for a run's end has to be told."""
    for still in ({"last_seq__gt": before.seq}, {"state": RunState.RUNNING}):
        for run in log.runs_of(before.stream, 1, first_seq__lte=before.seq, **still):
            return Lost(number, run.id, run.state == RunState.RUNNING)
    return None
