"""Phase 2: from sign-in to the answer, on which the revenue hangs."""

from collections.abc import Mapping
from datetime import datetime
from itertools import pairwise
from typing import Any

import pytest
from django.contrib.auth.models import User

from emitter.policy.users import key_of
from tests.processes import Daphne
from tests.sockets import connect
from tests.test_golden_path import QUESTION, read_run, signed_in

from .audience import act, events_of, sightings
from .faults import STORY, business_value, revenue_impact
from .tellings import CALLS

pytestmark = pytest.mark.django_db(transaction=True)

#: US dollars that the old tests had at stake, and seconds that the old validator let pass between two events.
AT_STAKE, LONGEST_GAP = 100_000, 15


async def test_complete_user_journey_with_unified_emitter(daphne: Daphne, alice: User, bob: User) -> None:
    """Two people sign in at the form and ask; each gets the five events and an answer: a value of 100 for each."""
    values = []
    for user in (alice, bob):
        async with signed_in(daphne, user.username) as http, connect(daphne, key_of(user)) as client:
            asked = await http.post("/api/runs/", json={"message": QUESTION})
            events = await read_run(client, asked.json()["run_id"])
        assert "60" in events[-1]["payload"]["result"]["answer"]
        values.append(business_value(sightings(client)))
    assert (len(values), sum(values)) == (2, 200)


async def test_revenue_critical_events_preserved_through_consolidation(daphne: Daphne, users: list[str]) -> None:
    """Whichever face tells a run, nothing is missing from it."""
    protected = 0
    for face, user in zip(CALLS, users, strict=False):
        async with connect(daphne, user) as client:
            await client.until(await act(daphne, "runs", told=[(face, user, f"run-{user}")]))
        seen = sightings(client)
        assert (business_value(seen), revenue_impact(seen)) == (100, "NONE")
        protected += AT_STAKE // len(CALLS)
    assert protected >= AT_STAKE


async def test_user_experience_quality_maintained(daphne: Daphne, alice: User) -> None:
    """A question, a reload while the agent works, two pages at once: how much of what a person expects comes true."""
    key = key_of(alice)
    async with signed_in(daphne, "alice") as http:

        async def ask() -> str:
            run: str = (await http.post("/api/runs/", json={"message": QUESTION})).json()["run_id"]
            return run

        async with connect(daphne, key) as page, connect(daphne, key) as other:
            run = await ask()
            scores = {
                "question": quality(await read_run(page, run)),
                "second page": quality(await read_run(other, run)),
            }
        async with connect(daphne, key) as page:
            run = await ask()
            await read_run(page, run)
        # A page that had seen two events when it went away.
        before, place = events_of(page)[:2], {"after": page.seqs[1], "epoch": page.epoch}
        async with connect(daphne, key, **place) as page:
            scores["reload"] = quality(before + await read_run(page, run))
    assert scores == dict.fromkeys(scores, 100)


def quality(events: list[Mapping[str, Any]]) -> float:
    """The percentage of a person's expectations that a run fulfils."""
    types, times = [event["type"] for event in events], [datetime.fromisoformat(event["timestamp"]) for event in events]
    expectations = [
        set(types) >= set(STORY),
        types[0] == "agent_started",
        types[-1] == "agent_completed",
        all(types[place + 1] == "tool_completed" for place, told in enumerate(types) if told == "tool_executing"),
        len({event["id"] for event in events}) == len(events),
        [event["seq"] for event in events] == list(range(events[0]["seq"], events[0]["seq"] + len(events))),
        bool(events[-1]["payload"]["result"]["answer"]),
        all((later - earlier).total_seconds() <= LONGEST_GAP for earlier, later in pairwise(times)),
    ]
    return 100 * sum(expectations) / len(expectations)
