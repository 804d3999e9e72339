"""The emitter: the one door through which every event goes.

Each call checks its events first, then stores them by one of two entrances: inside the caller's own
``transaction.atomic()`` on the caller's connection, else by group commit. The bell rings when that is committed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from uuid import UUID

from asgiref.sync import sync_to_async
from django.db import connections, transaction
from django.utils.asyncio import async_unsafe

from emitter import bell, blocking, log, metrics
from emitter.conf import conf
from emitter.context import RunContext
from emitter.errors import EmitterError, EventRefused, TransactionError
from emitter.events import KNOWN_TYPES, Event
from emitter.log.append import Appended
from emitter.log.entry import Receipt, Unit
from emitter.log.plan import Outcome
from emitter.policy import users
from emitter.service.group_commit import GroupCommit
from emitter.service.prepare import Item, prepare
from emitter.service.runs import AsyncRun, Run
from emitter.service.spooler import Spooler

#: Most events in one ``emit_many``.
BATCH = 1_000
Items = Iterable[Item | tuple[RunContext, Event]]

_USE_TWIN = "You cannot emit from an event loop's thread: await the twin that begins with 'a' instead."


class Emitter:
    """Stores events and rings for them. One instance, ``emitter``, serves a process.

    Every call raises :class:`~emitter.errors.EventRefused` for what cannot be stored,
    :class:`~emitter.errors.EmitterOverloaded` when its turn did not come within ``EMIT_DEADLINE``,
    :class:`~emitter.errors.EmitterUnavailable` when the database could not be reached, and
    :class:`~emitter.errors.TransactionError` when the caller's transaction cannot carry it. After an exception the
    event is not stored, unless the connection broke during the commit itself: to try again safely, give the
    ``event_id`` that the error carries.

    Inside ``transaction.atomic()`` an event is stored with everything else, or with nothing, and **the user's stream
    stays locked until that transaction ends**: keep it short, and emit for several users with one ``emit_many``, which
    sorts them.
    """

    def __init__(self) -> None:
        commit = partial(log.append, admit=users.existing)
        #: Where events wait while the database is away.
        self.spool = Spooler(commit, self._announce)
        self._group = GroupCommit(commit, self._announce, self.spool)

    @async_unsafe(_USE_TWIN)
    def emit(self, context: RunContext, event: Event, *, event_id: UUID | str | None = None) -> Receipt:
        """Stores one event and returns its receipt. With an ``event_id`` (UUIDv7) a repetition is stored once."""
        unit = _unit(Item(context, event, event_id))
        try:
            return _only(self._submit([unit]))[0]
        except EmitterError as error:
            raise error.about(unit.entries[0].event_id) from error.__cause__

    async def aemit(self, context: RunContext, event: Event, *, event_id: UUID | str | None = None) -> Receipt:
        """The async twin of :meth:`emit`."""
        unit = _unit(Item(context, event, event_id))
        try:
            return _only(await self._asubmit([unit]))[0]
        except EmitterError as error:
            raise error.about(unit.entries[0].event_id) from error.__cause__

    @async_unsafe(_USE_TWIN)
    def emit_many(self, items: Items) -> list[Receipt]:
        """Stores up to 1,000 events wholly or not at all, each stream's in the order given.

        An error names the ``index`` of the event that was refused.
        """
        unit = _whole(items)
        return _only(self._submit([unit])) if unit.entries else []

    async def aemit_many(self, items: Items) -> list[Receipt]:
        """The async twin of :meth:`emit_many`."""
        unit = _whole(items)
        return _only(await self._asubmit([unit])) if unit.entries else []

    @async_unsafe(_USE_TWIN)
    def emit_each(self, items: Sequence[Item | EmitterError]) -> list[Receipt | EmitterError]:
        """Stores events that stand each for itself: the outcomes in order, refusals among them.

        An item may be an error already, which is its outcome; so a reader of outside input keeps its places.
        """
        units, results = _each(items)
        return _fill(results, self._submit(units) if units else [])

    async def aemit_each(self, items: Sequence[Item | EmitterError]) -> list[Receipt | EmitterError]:
        """The async twin of :meth:`emit_each`."""
        units, results = _each(items)
        return _fill(results, await self._asubmit(units) if units else [])

    def run(self, context: RunContext, *, message: str | None = None) -> Run:
        """``with emitter.run(context) as run:`` starts a run and ends it with the truth. See :class:`Run`."""
        return Run(self.emit, context, message)

    def arun(self, context: RunContext, *, message: str | None = None) -> AsyncRun:
        """The async twin of :meth:`run`."""
        return AsyncRun(self.aemit, context, message)

    # The two entrances ------------------------------------------------------------------------------------------------

    def _submit(self, units: list[Unit]) -> list[Outcome]:
        """On this thread: into the caller's transaction if one is open, else by group commit."""
        connection = connections[conf.database]
        if connection.in_atomic_block:
            appended = log.append_here(units, admit=users.existing)
            transaction.on_commit(partial(self._announce, appended), using=conf.database, robust=True)
            return [outcome for outcome in appended.outcomes if outcome is not None]
        by_settings: bool = connection.settings_dict["AUTOCOMMIT"]
        _refuse_without(connection.autocommit if connection.connection is not None else by_settings)
        with metrics.EMIT_SECONDS.time():
            return self._group.submit(units)

    async def _asubmit(self, units: list[Unit]) -> list[Outcome]:
        if blocking.belongs_to_waiting_thread():
            metrics.HOPS.inc()
            return await sync_to_async(self._submit, thread_sensitive=True)(units)
        # Asking for a connection here would make one for every task; our own thread's is as the settings say.
        _refuse_without(connections.settings[conf.database]["AUTOCOMMIT"])
        with metrics.EMIT_SECONDS.time():
            return await self._group.asubmit(units)

    def _announce(self, appended: Appended) -> None:
        """After the commit: rings, and counts."""
        bell.ring(appended.growth)
        for (event_type, source), number in appended.stored.items():
            label = event_type if event_type in KNOWN_TYPES else "custom"
            metrics.EVENTS.labels(type=label, source=source, tier="none").inc(number)


def _refuse_without(autocommit: bool) -> None:
    if not autocommit:
        raise TransactionError(
            "autocommit_off",
            "The connection has autocommit off and no atomic block, so nobody would commit the event and ring: "
            "emit inside transaction.atomic(), or leave AUTOCOMMIT on.",
        )


def _unit(item: Item) -> Unit:
    try:
        return Unit([prepare(item)])
    except EventRefused as refusal:
        raise _counted(refusal) from None


def _whole(items: Items) -> Unit:
    """One unit of many items, checked whole. Raises ``batch_too_large``, or a refusal with its ``index``."""
    batch = [item if isinstance(item, Item) else Item(*item) for item in items]
    if len(batch) > BATCH:
        raise _counted(
            EventRefused("batch_too_large", f"{len(batch):,} events in one call; give at most {BATCH:,} at a time.")
        )
    entries = []
    for index, item in enumerate(batch):
        try:
            entries.append(prepare(item))
        except EventRefused as refusal:
            refusal.index = index
            raise _counted(refusal) from None
    return Unit(entries)


def _each(items: Sequence[Item | EmitterError]) -> tuple[list[Unit], list[EmitterError | None]]:
    """Units of the items that can be stored, and the errors of the others in their places."""
    units: list[Unit] = []
    results: list[EmitterError | None] = []
    for item in items:
        try:
            if isinstance(item, EmitterError):
                raise item
            units.append(Unit([prepare(item)]))
            results.append(None)
        except EmitterError as refusal:
            results.append(_counted(refusal))
    return units, results


def _fill(results: list[EmitterError | None], outcomes: Iterable[Outcome]) -> list[Receipt | EmitterError]:
    stored = iter(outcomes)
    filled: list[Receipt | EmitterError] = []
    for error in results:
        outcome = error if error is not None else next(stored)
        filled.append(_counted(outcome) if isinstance(outcome, EmitterError) else outcome[0])
    return filled


def _only(outcomes: list[Outcome]) -> list[Receipt]:
    """The receipts of a single unit. Raises its refusal."""
    (outcome,) = outcomes
    if isinstance(outcome, EmitterError):
        raise _counted(outcome)
    return outcome


def _counted(error: EmitterError) -> EmitterError:
    metrics.REFUSED.labels(code=error.code).inc()
    return error


emitter = Emitter()
