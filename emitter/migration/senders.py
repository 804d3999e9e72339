"""The old senders of a code base, as ``EMITTER["LEGACY_SENDERS"]`` names them.

A sender is a callable or its dotted path. It takes ``(method, args, kwargs, face)``: the name of the old method, what
it was called with, and the face that took the call (for its ``user_id``, ``context`` and so on). It sends as the code
base always did, and returns or raises what the old method did. It may be async; one that is not runs on Django's
thread for blocking work. What it puts on the wire it reports with :func:`emitter.migration.sent`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from asgiref.sync import iscoroutinefunction, sync_to_async
from django.utils.module_loading import import_string

from emitter.conf import conf
from emitter.errors import EmitterError

Sender = Callable[[str, tuple[Any, ...], dict[str, Any], Any], Any]
PARAMETERS = 4
#: How often an old method may stand inside itself before it is taken for one that never ends.
DEEPEST = 3


class SenderRaised(EmitterError):
    """An old sender's own exception, ``error``, on its way to the caller of the old method."""

    def __init__(self, error: Exception) -> None:
        super().__init__("legacy_sender_failed", type(error).__name__)
        self.error = error


def is_registered(adapter: str) -> bool:
    """Whether a sender is named for an adapter."""
    return bool(conf.legacy_senders.get(adapter))


def sender_of(adapter: str) -> Sender:
    """The old sender of an adapter. Raises ``no_legacy_sender``, which says what to do."""
    named = conf.legacy_senders.get(adapter)
    if not named:
        raise EmitterError(
            "no_legacy_sender",
            f"{adapter} has no old sender, so its calls can only go to the emitter: name a callable in "
            f"EMITTER['LEGACY_SENDERS'][{adapter!r}], or set the mode unified.",
        )
    if fault := fault_of(named):
        raise EmitterError("no_legacy_sender", f"The old sender of {adapter} cannot be used: {fault}")
    sender: Sender = import_string(named) if isinstance(named, str) else named
    return sender


def fault_of(named: Any) -> str | None:
    """What is wrong with a registered sender, ``None`` when nothing is."""
    try:
        sender = import_string(named) if isinstance(named, str) else named
    except ImportError as error:
        return f"{named!r:.200} cannot be imported ({error})."
    if not callable(sender):
        return f"{named!r:.200} is no callable."
    try:
        inspect.signature(sender).bind(*range(PARAMETERS))
    except TypeError:
        return f"{named!r:.200} does not take (method, args, kwargs, face)."
    except ValueError:
        return None  # Some callables of other languages tell nothing of what they take.
    return None


async def send(sender: Sender, method: str, args: tuple[Any, ...], kwargs: dict[str, Any], face: Any) -> Any:
    """Lets an old sender send, and returns what it answers.

    Raises :class:`SenderRaised`, and ``legacy_sender_loops`` when it is the face that it calls in the end.
    """
    with _at_work(face, method):
        return await _sent(sender, method, args, kwargs, face)


async def _sent(sender: Sender, method: str, args: tuple[Any, ...], kwargs: dict[str, Any], face: Any) -> Any:
    try:
        if not iscoroutinefunction(sender) and not iscoroutinefunction(type(sender).__call__):
            sender = sync_to_async(sender, thread_sensitive=True)
        answer = await sender(method, args, kwargs, face)
        return await answer if inspect.isawaitable(answer) else answer
    except Exception as error:
        raise SenderRaised(error) from error


@dataclass(slots=True)
class _Work:
    """An old method whose sender is at work, and the one inside which it was called."""

    adapter: str
    method: str
    above: _Work | None
    goes_on: bool = True

    def inside(self) -> Iterator[_Work]:
        """Itself and all above it that have not returned; a task may live longer than the sender that began it."""
        work: _Work | None = self
        while work is not None:
            if work.goes_on:
                yield work
            work = work.above


_work: ContextVar[_Work | None] = ContextVar("emitter_old_sender", default=None)


@contextmanager
def _at_work(face: Any, method: str) -> Iterator[None]:
    adapter, above = getattr(face, "adapter", ""), _work.get()
    others = [] if above is None else list(above.inside())
    if sum((other.adapter, other.method) == (adapter, method) for other in others) >= DEEPEST:
        raise EmitterError(
            "legacy_sender_loops",
            f"The old sender of {adapter} calls {method} of the face, which calls it again: let it call the old class.",
        )
    work = _Work(adapter, method, others[0] if others else None)
    token = _work.set(work)
    try:
        yield
    finally:
        work.goes_on = False
        _work.reset(token)
