"""Where each device is: the last event that it acknowledged, kept per installation of a client."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from emitter import blocking
from emitter.conf import conf
from emitter.models import Device
from emitter.policy import tiers


@dataclass(frozen=True, slots=True)
class Position:
    """A device of a stream and what it acknowledged."""

    stream: str
    device: str
    epoch: str
    seq: int


class Bookmark:
    """What one client has ``acknowledged`` of a stream, and how much of that is stored for its device."""

    def __init__(self, stream: str, device: str | None) -> None:
        self._stream = stream
        self._device = device
        self._epoch = ""
        self._stored = 0
        self.acknowledged = 0

    def open_at(self, epoch: str, position: int, *, is_news: bool) -> None:
        """Starts anew from a position, which is to be stored itself if it ``is_news``."""
        self._epoch, self.acknowledged = epoch, position
        self._stored = -1 if is_news else position

    def news(self) -> Position | None:
        """What has to be stored and is not yet."""
        if self._device is None or self.acknowledged <= self._stored:
            return None
        return Position(self._stream, self._device, self._epoch, self.acknowledged)

    def stored(self, position: Position) -> None:
        """This position is stored."""
        if position.epoch == self._epoch:
            self._stored = max(self._stored, position.seq)


def position_of(stream: str, device: str) -> Position | None:
    """The stored position of a device, ``None`` for a new one."""
    row = Device.objects.using(conf.database).filter(stream=stream, name=device).first()
    return Position(stream, device, row.epoch, row.position) if row else None


def remember(positions: Collection[Position]) -> None:
    """Stores acknowledgements, for all devices in one transaction.

    Within an epoch a position only grows, since several sessions may share a device; a newer epoch replaces an older.
    """
    devices = Device.objects.using(conf.database)
    with transaction.atomic(using=conf.database):
        for new in sorted(positions, key=lambda p: (p.stream, p.device)):
            device, is_new = devices.get_or_create(
                stream=new.stream, name=new.device, defaults={"epoch": new.epoch, "position": new.seq}
            )
            if is_new:
                _make_room(new.stream)
                continue
            behind = Q(epoch__lt=new.epoch) | Q(epoch=new.epoch, position__lt=new.seq)
            devices.filter(behind, pk=device.pk).update(epoch=new.epoch, position=new.seq, seen_at=timezone.now())


async def aremember(positions: Collection[Position]) -> None:
    """The async twin of :func:`remember`."""
    await blocking.run(remember, positions)


def _make_room(stream: str) -> None:
    """The device unseen for longest makes room for the new one."""
    devices = Device.objects.using(conf.database).filter(stream=stream)
    newest = devices.order_by("-seen_at").values_list("pk", flat=True)
    surplus = list(newest[tiers.tier_of(stream).devices :])
    if surplus:
        devices.filter(pk__in=surplus).delete()
