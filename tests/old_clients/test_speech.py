"""What an older client hears of the session's own protocol: nothing, or an error that it can read."""

import msgspec
import pytest

from emitter import wire
from emitter.old_door.handshake import PONG
from emitter.old_door.speech import LOST, OldSpeech, error
from emitter.policy.identity import create_token
from tests.processes import Daphne
from tests.streams import renew_epoch, think

from .clients import Page, visit
from .story import tell

SPEECH = OldSpeech("flat", page=True)
HELLO = wire.hello(epoch="e1", head=3, after=3, heartbeat=25, credit_events=1, credit_bytes=1)


@pytest.mark.parametrize("frame", [HELLO, wire.ping(), wire.expiring(25), wire.position(3)])
def test_what_no_older_client_understands_is_not_said(frame: str) -> None:
    assert SPEECH.control(frame) == []


def test_an_error_is_said_in_a_payload() -> None:
    (said,) = map(msgspec.json.decode, SPEECH.control(wire.error("not_found", "There is no such run.")))
    assert said.pop("timestamp").endswith("Z")
    assert said == {"type": "error", "payload": {"error_message": "There is no such run.", "code": "not_found"}}


@pytest.mark.parametrize("reason", ["epoch", "pruned", "future"])
def test_a_gap_is_said_as_an_error(reason: str) -> None:
    (said,) = map(msgspec.json.decode, SPEECH.control(wire.gap(after=1, first=5, reason=reason, epoch="e1")))
    assert said["payload"] == {"error_message": LOST[reason], "code": "events_lost"}


@pytest.mark.parametrize("frame", [PONG, error("Gone.", "events_lost", run_id="run-1")])
def test_the_doors_own_frames_are_said_as_they_are(frame: str) -> None:
    assert SPEECH.control(frame) == [frame]


@pytest.mark.django_db(transaction=True)
async def test_after_a_new_epoch_a_page_is_told_and_goes_on_from_now(daphne: Daphne, key: str) -> None:
    page = Page(daphne, token=create_token(key, seconds=60))
    await think(key, 5)
    await page.come()
    await tell(key, 0)
    await page.hear_until("agent_started")
    await page.cut()
    await renew_epoch(key)
    async with visit(page):
        await page.hear_until("error")
        await tell(key, 2)
        await page.hear()
    assert (page.shown, page.errors) == (["agent_started", "error", "tool_executing"], [LOST["epoch"]])
