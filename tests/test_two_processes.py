"""Events of a second process, to a client of a served project."""

import asyncio
import sys
from typing import Any

import msgspec
import pytest

from emitter.policy.identity import create_token
from emitter.policy.users import key_of

from .commands import beside
from .sockets import connect, requests
from .streams import texts

pytestmark = pytest.mark.django_db(transaction=True)
MANY = 10_000
#: What agents really say: shell output, code, long thoughts, and writing of all kinds.
SAYINGS = [
    "\x1b[31mFAILED\x1b[0m tests/test_a.py::test_b - assert 1 == 2\r\n\t\x07",
    'def f(x: int) -> str:\n    return f"{x!r:>10}" + \'\\n\' + """quoted"""\n' * 20,
    "nul \x00 and \x7f, line \u2028 and paragraph \u2029, joined \u200d, turned \u202eאבג\u202c, mark \ufeff",
    "日本語 العربية עברית हिन्दी ไทย 𝔘𝔫𝔦𝔠𝔬𝔡𝔢 👩‍👩‍👧‍👦 é é ﷽ Z͑ͫ̓",
    "</script><script>alert(1)</script> <!-- & &amp; ' \" \\ \\u0000 %00 ${x} {{ x }}",
    "A long thought. " * 2_000,
    "",
]


async def emit_lines(
    environment: dict[str, str], items: list[dict[str, Any]], begun: asyncio.Event | None = None
) -> list[dict[str, Any]]:
    """The receipts of another process; ``begun`` is set with the first."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "manage.py", "emit", "--stdin", env=beside(environment), stdin=-1, stdout=-1, stderr=-1
    )
    lines = b"".join(msgspec.json.encode(item) + b"\n" for item in items)
    first, rest = lines.split(b"\n", 1)
    process.stdin.write(first + b"\n")
    receipt = await process.stdout.readline()
    if begun is not None:
        begun.set()
    output, error = await process.communicate(rest)
    assert process.returncode == 0, error
    return [msgspec.json.decode(line) for line in [receipt, *output.splitlines()]]


def item(number: int, payload: dict[str, Any]) -> dict[str, Any]:
    kinds = ("agent_thinking", "tool_executing", "tool_completed")
    return {"user": "alice", "run": "r", "agent": "coder", "type": kinds[number % 3], "payload": payload}


async def test_ten_thousand_arrive_once_each_in_order(live_server_process, server_environment, alice) -> None:
    items = [item(number, {"place": number}) for number in range(MANY)]
    begun = asyncio.Event()
    async with connect(live_server_process, key_of(alice), after=0) as client:
        emitting = asyncio.create_task(emit_lines(server_environment, items, begun))
        await begun.wait()
        receipts, seqs = await asyncio.gather(emitting, client.until(MANY))
    assert [receipt["seq"] for receipt in receipts] == seqs == list(range(1, MANY + 1))
    assert [msgspec.json.decode(text)["payload"]["place"] for text in client.applied] == list(range(MANY))


async def test_the_same_bytes_live_replayed_and_from_history(live_server_process, server_environment, alice) -> None:
    server, key = live_server_process, key_of(alice)
    items = [item(number, {"thought": text, "lines": text.split("\n")}) for number, text in enumerate(SAYINGS)]
    async with connect(server, key, after=0) as live:
        await emit_lines(server_environment, items)
        await live.until(len(items))
    async with connect(server, key, after=0) as replayed:
        await replayed.until(len(items))
    token = {"Authorization": f"Bearer {create_token(key, seconds=3_600)}"}
    async with requests(server, headers=token) as http:
        history = (await http.get("/api/events/")).text
    stored = await texts(key)
    assert live.applied == replayed.applied == stored
    assert f'"events":[{",".join(stored)}]' in history
    assert [msgspec.json.decode(text)["payload"] for text in stored] == [one["payload"] for one in items]
