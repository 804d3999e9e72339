"""One call of an old face on its way to the emitter: what it says, whose it is, what it answers.

:func:`answers` turns a translation (the old signature, an event as its body) into the old method. :func:`deliver` is
the seam: every translated call passes through it.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import wraps
from typing import Any, ClassVar, Concatenate, Generic, NamedTuple, ParamSpec, TypeVar

from emitter import metrics
from emitter.adapters.deprecation import warn_once
from emitter.adapters.payloads import fitted
from emitter.conf import conf
from emitter.context import ID_LENGTH, RunContext
from emitter.errors import EmitterError, EventRefused
from emitter.events import Custom, JsonObject
from emitter.migration.route import route
from emitter.migration.senders import SenderRaised
from emitter.service import Item

logger = logging.getLogger("emitter")

P = ParamSpec("P")
R = TypeVar("R")
F = TypeVar("F", bound="Face")


class Told(NamedTuple):
    """What an old call says. ``None`` for whatever the face itself was made with: run, agent, context."""

    type: str
    payload: JsonObject
    run_id: Any = None
    agent_name: str | None = None
    context: Any = None

    @property
    def agent(self) -> str:
        """The agent's name as an event can carry it."""
        name = self.agent_name if isinstance(self.agent_name, str) else ""
        if not name.isprintable():
            name = "".join(filter(str.isprintable, name))
        return name.strip()[:ID_LENGTH].strip() or "agent"


class Face:
    """Base of the old faces. ``adapter`` is the face's name, in the log, the metrics and the event's ``source``."""

    adapter: ClassVar[str]

    def __init__(self) -> None:
        warn_once(self.adapter)

    async def _legacy_prepare(self) -> None:
        """Is awaited before each translation, which itself waits for nothing."""

    async def _legacy_context(self, told: Told) -> RunContext:
        """Whose event this is. Raises ``EventRefused``."""
        raise NotImplementedError

    def _legacy_settled(self, event_type: str, error: EmitterError | None) -> None:
        """Is told how each call ended, for the counts that some faces keep."""


@dataclass(slots=True)
class Call(Generic[R]):
    """One call as it came. ``success`` is what the old method answers when the event was taken."""

    face: Face
    method: str
    translate: Callable[..., Told | None]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    success: R
    told: Told | None = None
    event: Custom | None = None
    item: Item | None = None

    async def understood(self) -> Item | None:
        """The event that it becomes, ``None`` where the old method kept silent. Raises ``EmitterError``."""
        await self.face._legacy_prepare()
        try:
            self.told = self.translate(self.face, *self.args, **self.kwargs)
        except RecursionError:
            raise EventRefused("payload_too_deep", "What was told is nested too deep, or holds itself.") from None
        if self.told is not None:
            self.event = fitted(self.told.type, self.told.payload, conf.payload_bytes)
            self.item = Item(await self.face._legacy_context(self.told), self.event)
        return self.item


async def deliver(call: Call[R]) -> R:
    """Every call of every face passes here; its adapter's mode says which way it goes."""
    return await route(call)


def answers(
    success: R, failure: R, *, raises: tuple[type[Exception], ...] = ()
) -> Callable[[Callable[Concatenate[F, P], Told | None]], Callable[Concatenate[F, P], Coroutine[Any, Any, R]]]:
    """Makes the old method of a translation. ``raises`` are the exceptions that the old method let out.

    Whatever else goes wrong is counted and logged, and answered with ``failure``.
    """

    def old_method(
        translate: Callable[Concatenate[F, P], Told | None],
    ) -> Callable[Concatenate[F, P], Coroutine[Any, Any, R]]:
        signature = inspect.signature(translate).replace(return_annotation=type(success) if success else None)

        @wraps(translate)
        async def method(face: F, /, *args: P.args, **kwargs: P.kwargs) -> R:
            metrics.LEGACY_CALLS.labels(face.adapter, translate.__name__).inc()
            call = Call(face, translate.__name__, translate, args, kwargs, success)
            try:
                answer = await deliver(call)
            except Exception as error:
                if isinstance(error, TypeError):
                    signature.bind(face, *args, **kwargs)  # Raises when nobody could have understood the call.
                _failed(call, error)
                if isinstance(error, SenderRaised):
                    raise error.error from None
                if isinstance(error, raises):
                    raise
                return failure
            if call.told is not None:
                face._legacy_settled(call.told.type, None)
            return answer

        method.__signature__ = signature  # type: ignore[attr-defined]
        return method

    return old_method


def rows(face: type[Face]) -> dict[str, Callable[..., Told | None]]:
    """The translations of a face, by the names of its methods."""
    members = inspect.getmembers(face, inspect.iscoroutinefunction)
    return {name: member.__wrapped__ for name, member in members if hasattr(member, "__wrapped__")}


def _failed(call: Call[Any], error: Exception) -> None:
    named = error if isinstance(error, EmitterError) else EmitterError("adapter_failed", type(error).__name__)
    metrics.LEGACY_FAILURES.labels(call.face.adapter, named.code).inc()
    # The details of other refusals may tell of the payload.
    shows = named is not error or named.code.startswith("legacy_sender")
    run = call.item.context.run_id if call.item else call.told.run_id if call.told else None
    if not isinstance(run, str | None):
        run = type(run).__name__  # Nobody knows what it does when it is asked for its text.
    logger.error(
        "%s: %s.%s was not stored; run %.80r, event %s%s",
        named.code,
        call.face.adapter,
        call.method,
        run,
        named.event_id,
        f", {named.detail}" if shows else "",
    )
    known = call.told is not None and isinstance(call.told.type, str)
    call.face._legacy_settled(call.told.type if call.told and known else call.method, named)
