"""Old senders: what a team may name, how it is called, and how it reports what it sends."""

import asyncio
import functools
from typing import Any

import pytest
from asgiref.sync import sync_to_async

from emitter.errors import EmitterError
from emitter.migration import Sent, sent
from emitter.migration.recorder import MOST, recording
from emitter.migration.senders import SenderRaised, fault_of, send, sender_of

from .senders import short, silent


class Callable:
    async def __call__(self, method: str, args: Any, kwargs: Any, face: Any) -> tuple[Any, ...]:
        return method, args, kwargs, face


async def waiting(method: str, args: Any, kwargs: Any, face: Any) -> tuple[Any, ...]:
    return method, args, kwargs, face


def at_once(method: str, args: Any, kwargs: Any, face: Any) -> tuple[Any, ...]:
    return method, args, kwargs, face


def later(method: str, args: Any, kwargs: Any, face: Any) -> Any:
    return waiting(method, args, kwargs, face)


@pytest.mark.parametrize("sender", [Callable(), waiting, at_once, later, functools.partial(waiting)])
async def test_any_callable_is_called_with_the_old_call(sender: Any) -> None:
    assert fault_of(sender) is None
    assert await send(sender, "emit", (1,), {"a": 2}, "face") == ("emit", (1,), {"a": 2}, "face")


@pytest.mark.parametrize(
    ("named", "fault"),
    [
        ("tests.migration.senders.gone", "cannot be imported"),
        ("nowhere", "cannot be imported"),
        (7, "is no callable"),
        (short, "does not take (method, args, kwargs, face)"),
        ("tests.migration.senders.short", "does not take"),
    ],
)
def test_what_cannot_be_called_is_said_to_be_none(named: Any, fault: str, configure: Any) -> None:
    assert fault in (fault_of(named) or "")
    configure(LEGACY_SENDERS={"base_agent": named})
    with pytest.raises(EmitterError) as caught:
        sender_of("base_agent")
    assert (caught.value.code, fault in caught.value.detail) == ("no_legacy_sender", True)


def test_a_dotted_path_is_a_sender(configure: Any) -> None:
    configure(LEGACY_SENDERS={"base_agent": "tests.migration.senders.silent"})
    assert sender_of("base_agent") is silent


async def test_what_it_raises_is_carried_whole() -> None:
    with pytest.raises(SenderRaised) as caught:
        await send(lambda *_: 1 // 0, "emit", (), {}, None)
    assert isinstance(caught.value.error, ZeroDivisionError)


async def test_frames_are_reported_from_anywhere_below() -> None:
    with recording() as frames:
        sent(42, {"a": 1})
        await asyncio.create_task(asyncio.to_thread(sent, "42", "text"))
        await sync_to_async(sent)(None, 3)
    sent("42", "after it")
    assert frames == [Sent("42", {"a": 1}), Sent("42", "text"), Sent(None, 3)]


async def test_calls_at_once_keep_their_frames_apart_and_a_flood_is_bounded() -> None:
    async def call(number: int) -> list[Sent]:
        with recording() as frames:
            for _ in range(2 * MOST):
                sent(number, number)
                await asyncio.sleep(0)
        return frames

    assert list(await asyncio.gather(call(1), call(2))) == [[Sent("1", 1)] * MOST, [Sent("2", 2)] * MOST]


async def test_what_an_inner_call_sends_is_the_outer_calls_too() -> None:
    with recording() as outer:
        sent(1, "agent")
        with recording() as inner:
            sent(1, "bridge")
        sent(1, "agent again")
    assert inner == [Sent("1", "bridge")]
    assert outer == [Sent("1", "agent"), Sent("1", "bridge"), Sent("1", "agent again")]
