"""The emitter: the one door through which every event goes.

Each call checks its events first, then stores them by one of two entrances: inside the caller's own
``transaction.atomic()`` on the caller's connection, else by group commit. The bell rings when that is committed.
"""

from __future__ import annotations

from collections import Counter
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
from emitter.events import Event
from emitter.log.append import Appended
from emitter.log.entry import Receipt, Unit
from emitter.log.plan import Outcome
from emitter.metering import prices
from emitter.policy import lifecycle, refusals, tiers, users
from emitter.service.about import about, about_item
from emitter.service.counted import count, count_dropped
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
        #: Where events wait while the database is away.
        self.spool = Spooler(_commit, self._announce)
        self._group = GroupCommit(_commit, self._announce, self.spool)

    @async_unsafe(_USE_TWIN)
    def emit(self, context: RunContext, event: Event, *, event_id: UUID | str | None = None) -> Receipt:
        """Stores one event and returns its receipt. With an ``event_id`` (UUIDv7) a repetition is stored once."""
        item = Item(context, event, event_id)
        self._learn([item])
        unit = _unit(item)
        try:
            return _only(self._submit([unit]))[0]
        except EmitterError as error:
            raise error.about(unit.entries[0].event_id) from error.__cause__

    async def aemit(self, context: RunContext, event: Event, *, event_id: UUID | str | None = None) -> Receipt:
        """The async twin of :meth:`emit`."""
        item = Item(context, event, event_id)
        await self._alearn([item])
        unit = _unit(item)
        try:
            return _only(await self._asubmit([unit]))[0]
        except EmitterError as error:
            raise error.about(unit.entries[0].event_id) from error.__cause__

    @async_unsafe(_USE_TWIN)
    def emit_many(self, items: Items) -> list[Receipt]:
        """Stores up to 1,000 events wholly or not at all, each stream's in the order given.

        An error names the ``index`` of the event that was refused.
        """
        batch = _batch(items)
        self._learn(batch)
        return _only(self._submit([_whole(batch)])) if batch else []

    async def aemit_many(self, items: Items) -> list[Receipt]:
        """The async twin of :meth:`emit_many`."""
        batch = _batch(items)
        await self._alearn(batch)
        return _only(await self._asubmit([_whole(batch)])) if batch else []

    @async_unsafe(_USE_TWIN)
    def emit_each(self, items: Sequence[Item | EmitterError]) -> list[Receipt | EmitterError]:
        """Stores events that stand each for itself: the outcomes in order, refusals among them.

        It raises when none has got so far; else an overload or an outage is the outcome of those that it kept waiting.
        An item may be an error already, which is its outcome; so a reader of outside input keeps its places.
        """
        self._learn(items)
        units, results = _each(items)
        return _fill(results, self._submit(units) if units else [])

    async def aemit_each(self, items: Sequence[Item | EmitterError]) -> list[Receipt | EmitterError]:
        """The async twin of :meth:`emit_each`."""
        await self._alearn(items)
        units, results = _each(items)
        return _fill(results, await self._asubmit(units) if units else [])

    def run(self, context: RunContext, *, message: str | None = None) -> Run:
        """``with emitter.run(context) as run:`` starts a run and ends it with the truth. See :class:`Run`."""
        return Run(self.emit, context, message)

    def arun(self, context: RunContext, *, message: str | None = None) -> AsyncRun:
        """The async twin of :meth:`run`."""
        return AsyncRun(self.aemit, context, message)

    # The two entrances ------------------------------------------------------------------------------------------------

    def _learn(self, items: Iterable[Item | EmitterError]) -> None:
        """Sees to it that the tiers of the items' users are known where they are prepared.

        While the database is away nobody is asked, or each emit to the spool would wait for it first.
        """
        if tiers.in_use() and not self.spool.away:
            tiers.learn(_keys(items))

    async def _alearn(self, items: Iterable[Item | EmitterError]) -> None:
        if tiers.in_use() and not self.spool.away:
            await tiers.alearn(_keys(items))

    def _submit(self, units: list[Unit]) -> list[Outcome]:
        waiting = [unit for unit in units if not unit.is_left_out]
        try:
            return _in_place(units, _told(waiting, self._store(waiting)) if waiting else [])
        except EmitterError as error:
            _noted_by_each(error, waiting)
            raise

    async def _asubmit(self, units: list[Unit]) -> list[Outcome]:
        waiting = [unit for unit in units if not unit.is_left_out]
        try:
            return _in_place(units, _told(waiting, await self._astore(waiting)) if waiting else [])
        except EmitterError as error:
            _noted_by_each(error, waiting)
            raise

    def _store(self, units: list[Unit]) -> list[Outcome]:
        """On this thread: into the caller's transaction if one is open, else by group commit."""
        connection = connections[conf.database]
        if connection.in_atomic_block:
            prices.load(units)
            bar = partial(users.barred, remember=False)
            appended = log.append_here(units, admit=users.existing, price=prices.price, bar=bar, rules=lifecycle.rules)
            transaction.on_commit(partial(self._announce, appended), using=conf.database, robust=True)
            return [outcome for outcome in appended.outcomes if outcome is not None]
        by_settings: bool = connection.settings_dict["AUTOCOMMIT"]
        _refuse_without(connection.autocommit if connection.connection is not None else by_settings)
        with metrics.EMIT_SECONDS.time():
            return self._group.submit(units)

    async def _astore(self, units: list[Unit]) -> list[Outcome]:
        if blocking.belongs_to_waiting_thread():
            metrics.HOPS.inc()
            return await sync_to_async(self._store, thread_sensitive=True)(units)
        # Asking for a connection here would make one for every task; our own thread's is as the settings say.
        _refuse_without(connections.settings[conf.database]["AUTOCOMMIT"])
        with metrics.EMIT_SECONDS.time():
            return await self._group.asubmit(units)

    def _announce(self, appended: Appended) -> None:
        """After the commit: rings, and counts."""
        bell.ring(appended.growth)
        count(appended)


def _commit(units: Sequence[Unit]) -> Appended:
    prices.load(units)
    return log.append(units, admit=users.existing, price=prices.price, bar=users.barred, rules=lifecycle.rules)


def _refuse_without(autocommit: bool) -> None:
    if not autocommit:
        raise TransactionError(
            "autocommit_off",
            "The connection has autocommit off and no atomic block, so nobody would commit the event and ring: "
            "emit inside transaction.atomic(), or leave AUTOCOMMIT on.",
        )


def _keys(items: Iterable[Item | EmitterError]) -> set[str]:
    """Whose events these are; what is no context is refused later."""
    return {item.context.user_id for item in items if isinstance(item, Item) and isinstance(item.context, RunContext)}


def _unit(item: Item) -> Unit:
    try:
        return Unit([prepare(item)])
    except EventRefused as refusal:
        raise refusals.note(refusal, about_item(item)) from None


def _batch(items: Items) -> list[Item]:
    """Raises ``batch_too_large``."""
    batch = [item if isinstance(item, Item) else Item(*item) for item in items]
    if len(batch) > BATCH:
        raise refusals.note(
            EventRefused("batch_too_large", f"{len(batch):,} events in one call; give at most {BATCH:,} at a time.")
        )
    return batch


def _whole(batch: Sequence[Item]) -> Unit:
    """One unit of many items, checked whole. Raises a refusal with its ``index``."""
    entries = []
    for index, item in enumerate(batch):
        try:
            entries.append(prepare(item))
        except EventRefused as refusal:
            refusal.index = index
            raise refusals.note(refusal, about_item(item)) from None
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
            results.append(refusals.note(refusal, about_item(item) if isinstance(item, Item) else None))
    return units, results


def _in_place(units: Sequence[Unit], outcomes: list[Outcome]) -> list[Outcome]:
    """The outcomes of all units, given those of the units that went to the log."""
    if len(outcomes) == len(units):
        return outcomes
    stored = iter(outcomes)
    return [_left_out(unit) if unit.is_left_out else next(stored) for unit in units]


def _left_out(unit: Unit) -> Outcome:
    count_dropped(Counter((str(entry.drop), entry.tier) for entry in unit.entries))
    return [Receipt(entry.event_id, None, dropped=entry.drop) for entry in unit.entries]


def _fill(results: list[EmitterError | None], outcomes: Iterable[Outcome]) -> list[Receipt | EmitterError]:
    stored = iter(outcomes)
    filled: list[Receipt | EmitterError] = []
    for error in results:
        outcome = error if error is not None else next(stored)
        filled.append(outcome if isinstance(outcome, EmitterError) else outcome[0])
    return filled


def _only(outcomes: list[Outcome]) -> list[Receipt]:
    """The receipts of a single unit. Raises its refusal."""
    (outcome,) = outcomes
    if isinstance(outcome, EmitterError):
        raise outcome
    return outcome


def _told(units: Sequence[Unit], outcomes: list[Outcome]) -> list[Outcome]:
    """The outcomes, with each refusal among them noted."""
    for unit, outcome in zip(units, outcomes, strict=True):
        if isinstance(outcome, EmitterError):
            _noted(outcome, unit)
    return outcomes


def _noted_by_each(error: EmitterError, units: Sequence[Unit]) -> None:
    """A commit that fails is each caller's own refusal, though all get the same error."""
    error.noted = False
    _noted(error, units[0])


def _noted(error: EmitterError, unit: Unit) -> EmitterError:
    return refusals.note(error, about(unit, error))


emitter = Emitter()
