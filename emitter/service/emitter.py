"""The emitter: the one door through which every event goes.

Each call checks its events first, then stores them by one of two entrances: inside the caller's own
``transaction.atomic()`` on the caller's connection, else by group commit. The bell rings when that is committed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from uuid import UUID

from asgiref.sync import sync_to_async
from django.db import connections, transaction
from django.utils.asyncio import async_unsafe

from emitter import bell, blocking, log, metrics
from emitter.conf import conf
from emitter.context import RunContext
from emitter.errors import EmitterError, TransactionError
from emitter.events import Event
from emitter.log.append import Appended
from emitter.log.entry import Outcome, Receipt, Unit
from emitter.log.terms import Terms
from emitter.metering import prices
from emitter.policy import lifecycle, tiers, users
from emitter.service.about import note_failure, note_refusals
from emitter.service.counted import count
from emitter.service.group_commit import GroupCommit
from emitter.service.prepare import Item
from emitter.service.runs import AsyncRun, Run
from emitter.service.spooler import Spooler
from emitter.service.units import (
    Items,
    batch_of,
    filled,
    in_place,
    prepare_each,
    prepare_unit,
    prepare_whole,
    receipts_of,
)

_TERMS = Terms(users.existing, users.barred, prices.price, lifecycle.rules)
#: What another transaction has not committed must not be remembered.
_TERMS_HERE = replace(_TERMS, barred=partial(users.barred, remember=False))
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
        unit = prepare_unit(item)
        try:
            return receipts_of(self._submit([unit]))[0]
        except EmitterError as error:
            raise error.about(unit.entries[0].event_id) from error.__cause__

    async def aemit(self, context: RunContext, event: Event, *, event_id: UUID | str | None = None) -> Receipt:
        """The async twin of :meth:`emit`."""
        item = Item(context, event, event_id)
        await self._alearn([item])
        unit = prepare_unit(item)
        try:
            return receipts_of(await self._asubmit([unit]))[0]
        except EmitterError as error:
            raise error.about(unit.entries[0].event_id) from error.__cause__

    @async_unsafe(_USE_TWIN)
    def emit_many(self, items: Items) -> list[Receipt]:
        """Stores up to 1,000 events wholly or not at all, each stream's in the order given.

        An error names the ``index`` of the event that was refused.
        """
        batch = batch_of(items)
        self._learn(batch)
        return receipts_of(self._submit([prepare_whole(batch)])) if batch else []

    async def aemit_many(self, items: Items) -> list[Receipt]:
        """The async twin of :meth:`emit_many`."""
        batch = batch_of(items)
        await self._alearn(batch)
        return receipts_of(await self._asubmit([prepare_whole(batch)])) if batch else []

    @async_unsafe(_USE_TWIN)
    def emit_each(self, items: Sequence[Item | EmitterError]) -> list[Receipt | EmitterError]:
        """Stores events that stand each for itself: the outcomes in order, refusals among them.

        It raises when none has got so far; else an overload or an outage is the outcome of those that it kept waiting.
        An item may be an error already, which is its outcome; so a reader of outside input keeps its places.
        """
        self._learn(items)
        units, results = prepare_each(items)
        return filled(results, self._submit(units) if units else [])

    async def aemit_each(self, items: Sequence[Item | EmitterError]) -> list[Receipt | EmitterError]:
        """The async twin of :meth:`emit_each`."""
        await self._alearn(items)
        units, results = prepare_each(items)
        return filled(results, await self._asubmit(units) if units else [])

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
            return in_place(units, note_refusals(waiting, self._store(waiting)) if waiting else [])
        except EmitterError as error:
            note_failure(error, waiting)
            raise

    async def _asubmit(self, units: list[Unit]) -> list[Outcome]:
        waiting = [unit for unit in units if not unit.is_left_out]
        try:
            return in_place(units, note_refusals(waiting, await self._astore(waiting)) if waiting else [])
        except EmitterError as error:
            note_failure(error, waiting)
            raise

    def _store(self, units: list[Unit]) -> list[Outcome]:
        """On this thread: into the caller's transaction if one is open, else by group commit."""
        connection = connections[conf.database]
        if connection.in_atomic_block:
            prices.load(units)
            appended = log.append_here(units, _TERMS_HERE)
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
    return log.append(units, _TERMS)


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


emitter = Emitter()
