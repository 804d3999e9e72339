"""Numbering, as pure arithmetic: any units in any batches give 1..head."""

from datetime import UTC, datetime
from uuid import UUID

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from emitter.errors import EmitterError
from emitter.log.entry import Entry, Unit
from emitter.log.plan import plan
from emitter.log.rows import EventRow, Known, RunRow, StreamRow

USERS = ["a", "b", "c"]
RUNS = ["r1", "r2", "r3", "r4"]
TYPES = ["agent_started", "agent_thinking", "agent_completed", "agent_error"]
NOW = datetime(2026, 1, 2, 3, 4, 5, 678_901, UTC)


def entry(stream: str = "a", run: str = "r1", kind: str = "agent_thinking", number: int = 0, content: int = 0) -> Entry:
    return Entry(
        stream=stream,
        run=run,
        thread=None,
        agent="agent",
        type=kind,
        event_id=UUID(int=number),
        given=True,
        digest=bytes([content]) * 16,
        payload=b"{}",
        created_at=NOW,
    )


entries = st.builds(
    entry,
    st.sampled_from([*USERS, "nobody"]),
    st.sampled_from(RUNS),
    st.sampled_from(TYPES),
    st.integers(0, 30),
    st.integers(0, 1),
)
batches = st.lists(st.lists(st.lists(entries, min_size=1, max_size=4).map(Unit), max_size=6), max_size=5)


class Log:
    """What a database would keep between batches."""

    def __init__(self) -> None:
        self.streams = {user: StreamRow(f"epoch of {user}", 0) for user in USERS}
        self.runs: dict[str, RunRow] = {}
        self.known: dict[tuple[str, UUID], Known] = {}
        self.rows: list[EventRow] = []

    def append(self, units: list[Unit]):
        made = plan(units, self.streams, self.runs, self.known)
        self.rows += made.events
        self.streams = {user: StreamRow(row.epoch, made.heads[user]) for user, row in self.streams.items()}
        self.runs |= made.new_runs | made.changed_runs
        for row in made.events:
            self.known[row.stream, row.event_id] = Known(row.seq, row.digest, row.after_end, row.body)
        return made.outcomes


@given(batches)
def test_any_batches_give_streams_without_a_hole(made) -> None:
    log = Log()
    for units in made:
        log.append(units)
    for user in USERS:
        seqs = [row.seq for row in log.rows if row.stream == user]
        assert seqs == list(range(1, log.streams[user].head + 1))


@given(batches)
def test_each_receipt_is_that_of_its_row(made) -> None:
    log = Log()
    for units in made:
        for unit, outcome in zip(units, log.append(units), strict=True):
            if not isinstance(outcome, EmitterError):
                stored = {(row.stream, row.event_id): row for row in log.rows}
                for one, receipt in zip(unit.entries, outcome, strict=True):
                    row = stored[one.stream, one.event_id]
                    assert (receipt.seq, receipt.after_end) == (row.seq, row.after_end)
                    assert row.digest == one.digest


@given(batches)
def test_a_refused_unit_stores_nothing(made) -> None:
    log = Log()
    for units in made:
        before = len(log.rows)
        outcomes = log.append(units)
        new = sum(not r.duplicate for o in outcomes if not isinstance(o, EmitterError) for r in o)
        assert len(log.rows) - before == new


@given(batches)
def test_a_run_has_one_owner_and_ends_once(made) -> None:
    log = Log()
    for units in made:
        log.append(units)
    for run in RUNS:
        rows = [row for row in log.rows if row.run == run]
        assert len({row.stream for row in rows}) <= 1
        finals = [row for row in rows if row.type in ("agent_completed", "agent_error")]
        assert [row.after_end for row in finals] == [False, True, *[True] * len(finals)][: len(finals)]
        assert all(row.after_end == bool(finals and row.seq > finals[0].seq) for row in rows)


def test_one_unit_of_a_batch_is_refused_and_names_its_index() -> None:
    log = Log()
    good, bad = Unit([entry(number=1)]), Unit([entry(number=2), entry("nobody", number=3)])
    first, second, third = log.append([good, bad, Unit([entry(number=4)])])
    assert (second.code, second.index) == ("unknown_user", 1)
    assert [first[0].seq, third[0].seq] == [1, 2]


def test_a_retried_unit_that_was_committed_is_no_duplicate_and_is_told_again() -> None:
    log = Log()
    once = Entry(**{**msgspec.structs.asdict(entry(number=1)), "given": False})
    log.append([Unit([once])])
    made = plan([Unit([once], retried=True)], log.streams, log.runs, log.known)
    assert (made.outcomes[0][0].seq, made.outcomes[0][0].duplicate, made.events) == (1, False, [])
    assert [(stream, known.seq) for stream, known in made.recovered] == [("a", 1)]


def test_the_text_carries_the_number_and_the_flag() -> None:
    log = Log()
    log.append([Unit([entry(kind="agent_error", number=1), entry(number=2)])])
    first, second = (msgspec.json.decode(row.body) for row in log.rows)
    assert (first["seq"], first["timestamp"], first["thread_id"]) == (1, "2026-01-02T03:04:05.678Z", "r1")
    assert ("after_end" in first, second["after_end"]) == (False, True)
