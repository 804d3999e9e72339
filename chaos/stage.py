"""Where a round is played: one column's servers, a process that emits, and users; the product, or plain Channels."""

from __future__ import annotations

import asyncio
import json
from functools import partial
from pathlib import Path
from typing import Any, Self

import httpx

from chaos.listener import Habits, Listener
from chaos.producer import Door, Requests, Worker
from cluster.cluster import Cluster

#: Seconds that a token is good for, unless it is to expire in a round.
LONG = 3_600.0
USERS = [str(number) for number in range(1, 11)]
MAKE_USERS = (
    "from django.contrib.auth.models import User; "
    f"User.objects.bulk_create([User(id=n, username=f'user-{{n}}') for n in range(1, {len(USERS) + 1})])"
)


class Stage:
    """Starts and stops it all. ``plain`` serves the same on plain Channels; ``tight`` limits are soon reached."""

    def __init__(self, column: str, folder: Path, *, plain: bool = False, tight: bool = True) -> None:
        self.column = column
        self.plain = plain
        self.bells = folder / "bells"
        self._tokens: dict[str, str] = {}
        environment = {"DJANGO_SETTINGS_MODULE": "chaos.settings", "CHAOS_FOLDER": str(folder)}
        environment |= {"CHAOS_PLAIN": "yes"} if plain else {}
        environment |= {"CHAOS_TIGHT": "yes"} if tight else {}
        self.cluster = Cluster(column, folder, application="chaos.asgi:application", environment=environment.items())
        self.worker = Worker(self.cluster.environment)
        self.requests: list[Requests] = []

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self.cluster.start)
        await asyncio.to_thread(self.cluster.manage, "shell", "--verbosity", "0", "--command", MAKE_USERS)
        await self.worker.start()
        token = await self.token(USERS[0], emit=True)
        self.requests = [Requests(server.url, token) for server in self.cluster.servers]
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.worker.stop()
        for door in self.requests:
            await door.stop()
        await asyncio.to_thread(self.cluster.stop)

    async def token(self, user: str, *, seconds: float = LONG, emit: bool = False) -> str:
        """A token of ``user``; a long one is kept for whoever asks next."""
        if seconds == LONG and not emit and user in self._tokens:
            return self._tokens[user]
        while True:
            try:
                answer = await self.worker.ask({"token": user, "seconds": seconds, "emit": emit})
            except ConnectionError:  # It was killed, and another one starts.
                await asyncio.sleep(0.05)
            else:
                break
        if seconds == LONG and not emit:
            self._tokens[user] = answer["token"]
        return str(answer["token"])

    def door(self, user: str) -> Door:
        """Half of the users are served by the process beside the servers, half by requests to one server each.

        Channels' layer in memory reaches nobody from another process, so there all are served by requests.
        """
        place = USERS.index(user)
        if place % 2 or (self.plain and self.column == "embedded"):
            return self.requests[place % len(self.requests)]
        return self.worker

    def listener(
        self, user: str, round_id: str, *, port: int | None = None, seconds: float = LONG, **habits: Any
    ) -> Listener:
        """A client, by the balancer or through ``port``, with tokens of so many seconds."""
        url = self.cluster.ws_url if port is None else f"ws://127.0.0.1:{port}"
        token = partial(self.token, user, seconds=seconds)
        return Listener(url, user, round_id, token, Habits(plain=self.plain, **habits))

    def let_bells_suffer(self, **how: float) -> None:
        """See :mod:`chaos.layers`; without arguments they are well again."""
        if how:
            self.bells.write_text(json.dumps(how))
        else:
            self.bells.unlink(missing_ok=True)

    async def statements(self) -> int:
        """SQL statements that the servers have run."""
        async with httpx.AsyncClient(trust_env=False) as http:
            answers = [await http.get(f"{server.url}/chaos/statements/") for server in self.cluster.servers]
        return sum(int(answer.text) for answer in answers)
