"""A process that emits: ``python -m chaos.worker`` reads a JSON object a line and answers each with one.

``{"user", "run", "payload", "event_id"}`` is answered ``{"seq", "spooled"}`` or ``{"code"}``; ``{"token": USER,
"seconds", "emit"}`` is answered ``{"token"}``; ``{"clock": -60}`` steps its clock back. Each answer has its question's
``key``. It knows no order of its own: who wants one waits for the answer.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from functools import partial
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chaos.settings")

import django

django.setup()

from chaos import plain  # noqa: E402
from emitter import clock  # noqa: E402
from emitter.blocking import run  # noqa: E402
from emitter.context import RunContext  # noqa: E402
from emitter.errors import EmitterError  # noqa: E402
from emitter.events import Custom  # noqa: E402
from emitter.policy.identity import create_token  # noqa: E402
from emitter.service import emitter  # noqa: E402


async def emit(item: dict[str, Any]) -> dict[str, Any]:
    """Emits one event and says what became of it."""
    if "CHAOS_PLAIN" in os.environ:
        try:
            await plain.emit(item["user"], item["payload"])
        except Exception as error:
            return {"code": type(error).__name__}
        return {"seq": None, "spooled": False}
    context = RunContext(item["user"], run_id=item["run"])
    try:
        receipt = await emitter.aemit(context, Custom("agent_thinking", item["payload"]), event_id=item["event_id"])
    except EmitterError as error:
        return {"code": error.code}
    return {"seq": receipt.seq, "spooled": receipt.spooled}


async def token(item: dict[str, Any]) -> dict[str, Any]:
    return {"token": await run(partial(create_token, item["token"], seconds=item["seconds"], emit=item["emit"]))}


async def step_clock(item: dict[str, Any]) -> dict[str, Any]:
    step = item["clock"]
    clock.set_source(lambda: time.time() + step)
    return {}


async def answer(item: dict[str, Any]) -> None:
    act = token if "token" in item else step_clock if "clock" in item else emit
    sys.stdout.write(json.dumps({"key": item["key"], **await act(item)}) + "\n")
    sys.stdout.flush()


async def main() -> None:
    loop = asyncio.get_running_loop()
    lines = asyncio.StreamReader(limit=1_000_000)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    async with asyncio.TaskGroup() as answers:
        while line := await lines.readline():
            answers.create_task(answer(json.loads(line)))


if __name__ == "__main__":
    asyncio.run(main())
