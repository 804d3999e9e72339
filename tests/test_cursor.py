"""The arithmetic of positions, by the cases that the JavaScript client reads too."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emitter.cursor import Claim, Gap, Start, StreamState, Verdict, advance, start

VECTORS = json.loads((Path(__file__).parent / "vectors" / "cursor.json").read_text())

seqs = st.integers(0, 12)
epochs = st.sampled_from(["e1", "e2", None])
claims = st.builds(
    Claim,
    after=st.none() | seqs,
    epoch=epochs,
    device=st.booleans(),
    device_epoch=epochs,
    device_position=st.none() | seqs,
)
streams = st.tuples(seqs, seqs).map(lambda two: StreamState("e2", head=max(two), pruned_to=min(two)))


def cases(name: str) -> Any:
    return pytest.mark.parametrize("case", [pytest.param(case, id=case["name"]) for case in VECTORS[name]])


@cases("advance")
def test_advances_as_the_vectors_say(case: dict[str, Any]) -> None:
    verdict, first = advance(case["position"], case["first"], case["last"])
    assert (verdict, first) == (case["expect"], case["from"])
    assert case["then"] == (case["last"] if verdict is Verdict.DELIVER else case["position"])


@cases("start")
def test_starts_as_the_vectors_say(case: dict[str, Any]) -> None:
    gap = Gap(**case["gap"]) if case["gap"] else None
    assert start(Claim(**case["claim"]), StreamState(**case["stream"])) == Start(case["after"], gap)


@given(position=seqs, first=st.integers(1, 12), length=seqs)
def test_what_is_delivered_is_next_and_new(position: int, first: int, length: int) -> None:
    last = first + length
    match advance(position, first, last):
        case Verdict.DELIVER, begin:
            assert first <= begin == position + 1 <= last
        case Verdict.IGNORE, _:
            assert last <= position
        case Verdict.REPAIR, after:
            assert position == after < first - 1


@given(arrivals=st.lists(st.tuples(st.integers(1, 12), seqs)))
def test_whatever_arrives_is_applied_once_and_in_order(arrivals: list[tuple[int, int]]) -> None:
    applied: list[int] = []
    for first, length in arrivals:
        verdict, begin = advance(len(applied), first, first + length)
        if verdict is Verdict.DELIVER:
            applied.extend(range(begin, first + length + 1))
    assert applied == list(range(1, len(applied) + 1))


@given(claims, streams)
def test_a_session_starts_between_what_is_kept_and_the_head(claim: Claim, stream: StreamState) -> None:
    assert stream.pruned_to <= start(claim, stream).after <= stream.head


@given(claims, streams)
def test_whoever_says_a_position_goes_on_from_it_or_is_told_of_a_gap(claim: Claim, stream: StreamState) -> None:
    began = start(claim, stream)
    said = claim.device_position if claim.after is None and claim.device else claim.after
    if began.gap is None:
        assert began.after == (stream.head if said is None else said)
    else:
        assert (began.gap.after, began.gap.first) == (said, began.after + 1)


@given(claims, streams)
def test_a_position_of_another_epoch_is_never_gone_on_from(claim: Claim, stream: StreamState) -> None:
    if claim.after and claim.epoch != stream.epoch:
        assert start(claim, stream).gap == Gap(claim.after, stream.pruned_to + 1, "epoch")
