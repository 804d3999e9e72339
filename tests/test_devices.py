from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections

from emitter.delivery.devices import Position, position_of, remember
from emitter.models import Device

from .conftest import Configure


def acknowledge(device: str, seq: int, *, stream: str = "7", epoch: str = "e1") -> None:
    remember([Position(stream, device, epoch, seq)])


def position(device: str, stream: str = "7") -> tuple[str, int]:
    stored = position_of(stream, device)
    assert stored is not None
    return stored.epoch, stored.seq


def test_a_new_device_has_no_position(db: None) -> None:
    assert position_of("7", "phone") is None


def test_each_device_of_each_user_has_its_own(db: None) -> None:
    remember([Position("7", "phone", "e1", 3), Position("7", "desk", "e1", 5), Position("8", "phone", "e1", 9)])
    assert [position("phone"), position("desk"), position("phone", "8")] == [("e1", 3), ("e1", 5), ("e1", 9)]


def test_a_position_only_grows(db: None) -> None:
    for seq in (3, 7, 5):
        acknowledge("phone", seq)
    assert position("phone") == ("e1", 7)


def test_a_newer_epoch_replaces_an_older_one_and_never_the_reverse(db: None) -> None:
    acknowledge("phone", 7)
    acknowledge("phone", 2, epoch="e2")
    acknowledge("phone", 9)
    assert position("phone") == ("e2", 2)


@pytest.mark.django_db(transaction=True)
def test_of_sessions_that_share_a_device_the_highest_counts() -> None:
    def session(seq: int) -> None:
        acknowledge("phone", seq)
        connections.close_all()

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(session, [3, 9, 1, 12, 7, 11, 2, 8]))
    assert position("phone") == ("e1", 12)


def test_the_device_unseen_for_longest_makes_room(db: None, configure: Configure) -> None:
    configure(DEVICES_PER_USER=2)
    for device, seq in [("phone", 1), ("desk", 1), ("phone", 2), ("watch", 1)]:
        acknowledge(device, seq)
    assert set(Device.objects.values_list("name", flat=True)) == {"phone", "watch"}


def test_another_users_devices_stay(db: None, configure: Configure) -> None:
    configure(DEVICES_PER_USER=1)
    acknowledge("phone", 1)
    acknowledge("phone", 1, stream="8")
    assert Device.objects.count() == 2
