"""Whoever emits: a process beside the servers, or a request to a server; and one user's events in their order.

What was not answered is asked again with the same id, as a careful producer does.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import Mapping
from itertools import count
from typing import Any, Protocol

import httpx
from uuid_utils.compat import uuid7

from tests.processes import PROJECT, end_with_parent

#: Seconds before an unanswered question is asked again.
AGAIN_SECONDS = 0.05

Item = dict[str, Any]


class Door(Protocol):
    """Where events go in."""

    async def ask(self, item: Item) -> Item:
        """The answer. Raises ``ConnectionError`` when none will come."""


class Worker:
    """A process of :mod:`chaos.worker`, started again whenever it has died."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = {**os.environ, **environment}
        self._asked: dict[int, asyncio.Future[Item]] = {}
        self._keys = count(1)
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    async def start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "chaos.worker", stdin=-1, stdout=-1, cwd=PROJECT, env=self._environment,
            stderr=asyncio.subprocess.DEVNULL, limit=1_000_000, preexec_fn=end_with_parent(signal.SIGKILL),
        )  # fmt: skip
        self._asked = {}
        self._reader = asyncio.create_task(_read(self._process, self._asked))

    async def ask(self, item: Item) -> Item:
        process, key = self._process, next(self._keys)
        # Once the reader has ended nobody hears an answer, even if the process is not known to be gone yet.
        if process is None or process.stdin is None or self._reader is None or self._reader.done():
            raise ConnectionError
        answer: asyncio.Future[Item] = asyncio.get_running_loop().create_future()
        self._asked[key] = answer
        process.stdin.write(json.dumps({"key": key, **item}).encode() + b"\n")
        return await answer

    async def kill(self) -> None:
        """Ends it as a crash would, and starts another one."""
        assert self._process is not None
        self._process.kill()
        await self._process.wait()
        await self.start()

    async def stop(self) -> None:
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
            await self._process.wait()


async def _read(process: asyncio.subprocess.Process, asked: dict[int, asyncio.Future[Item]]) -> None:
    """Hands answers to whoever asked, until the process is gone."""
    assert process.stdout is not None
    while line := await process.stdout.readline():
        answer = json.loads(line)
        waiting = asked.pop(answer["key"])
        if not waiting.done():
            waiting.set_result(answer)
    for waiting in asked.values():
        if not waiting.done():
            waiting.set_exception(ConnectionError())


class Requests:
    """``POST /api/events/`` at one server: a producer that wants an order across an outage keeps to one process."""

    def __init__(self, url: str, token: str) -> None:
        headers = {"Authorization": f"Bearer {token}"}
        self._http = httpx.AsyncClient(base_url=url, headers=headers, timeout=15, trust_env=False)

    async def ask(self, item: Item) -> Item:
        fields = {"type": "agent_thinking", **item}
        try:
            response = await self._http.post("/api/events/", json=fields)
            answer: Item = response.json() if response.content else {}
        except (httpx.HTTPError, ValueError) as error:
            raise ConnectionError from error
        return {"code": str(response.status_code), **answer} if response.is_error else answer

    async def stop(self) -> None:
        await self._http.aclose()


class Producer:
    """Emits a user's events, one after the other, ``per_second`` and never faster than they are answered."""

    def __init__(self, user: str, door: Door, total: int, per_second: float, round_id: str, text: str = "") -> None:
        self.user = user
        self.answered = 0
        self.total = total
        self._door = door
        self._pause = 1 / per_second
        self._round = round_id
        self._text = text

    async def run(self) -> None:
        began = time.monotonic()
        for number in range(1, self.total + 1):
            await asyncio.sleep(max(0.0, began + number * self._pause - time.monotonic()))
            payload = {"thought": self._text or "Reading the ledger", "step_number": number, "round": self._round}
            item = {"user": self.user, "run": f"{self._round}-{self.user}", "payload": {**payload, "of": self.user}}
            await self._until_answered({**item, "event_id": str(uuid7())})
            self.answered = number

    async def _until_answered(self, item: Item) -> None:
        while True:
            try:
                if "code" not in await self._door.ask(item):
                    return
            except ConnectionError:
                pass
            await asyncio.sleep(AGAIN_SECONDS)
