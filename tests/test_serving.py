"""A stop that loses nothing."""

import signal

import pytest

from emitter.policy.identity import create_token
from emitter.policy.users import key_of
from emitter.testing import aassert_run_complete

from .processes import PATIENCE
from .sockets import bearer, connect, emit_there, open_socket, requests
from .streams import think

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def key(alice) -> str:
    return key_of(alice)


async def test_sigterm_closes_with_1012_and_the_client_resumes_elsewhere(live_server_process, key) -> None:
    await think(key, 3)
    async with connect(live_server_process, key, after=0) as client:
        await client.until(3)
        live_server_process.process.send_signal(signal.SIGTERM)
        assert await client.closed() == 1012
    assert live_server_process.process.wait(PATIENCE) == 0
    await think(key, 2)
    live_server_process.start()
    async with connect(live_server_process, key, after=client.position, epoch=client.epoch) as again:
        assert await again.until(5) == [4, 5]


async def test_an_agent_at_work_ends_with_the_truth(live_server_process, key) -> None:
    headers = {"Authorization": f"Bearer {create_token(key, seconds=3_600)}"}
    async with requests(live_server_process, headers=headers) as http:
        started = await http.post("/api/runs/", json={"message": "Count slowly to 60"})
    live_server_process.process.send_signal(signal.SIGTERM)
    live_server_process.process.wait(PATIENCE)
    ending = (await aassert_run_complete(started.json()["run_id"]))[-1]
    assert (ending.type, ending.payload["error_type"]) == ("agent_error", "Restarting")


async def test_what_was_being_stored_is_stored(live_server_process, key) -> None:
    async with open_socket(live_server_process, bearer(key)) as socket:
        await socket.recv()
        await emit_there(live_server_process, key, 50)
        live_server_process.process.send_signal(signal.SIGTERM)
        await socket.wait_closed()
    assert await think(key, 1) == 51
