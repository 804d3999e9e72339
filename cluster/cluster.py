"""One column of the product, served: its stores, its server processes, and the balancer before them."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from secrets import token_hex
from typing import Self

from cluster.balancer import Balancer
from tests.processes import PROJECT, Daphne, PostgreSQL, Redis, Server

#: *embedded* is SQLite and one server; *scaled* is PostgreSQL, Redis, several servers and a balancer.
COLUMNS = ("embedded", "scaled")


class Cluster:
    """What it serves is at ``url``. Everything it writes lies below ``folder``; the logs too."""

    def __init__(
        self,
        column: str,
        folder: Path,
        *,
        servers: int = 3,
        port: int | None = None,
        application: str = "netra_events.asgi:application",
        environment: Iterable[tuple[str, str]] = (),
    ) -> None:
        self.folder = folder
        self.postgres = PostgreSQL(folder / "postgres") if column == "scaled" else None
        self.redis = Redis(folder / "redis") if column == "scaled" else None
        self.environment = {
            "DATABASE_URL": self.postgres.url if self.postgres else f"sqlite:///{folder / 'db.sqlite3'}",
            "DEBUG": "off",
            "SECRET_KEY": token_hex(),
            "ALLOWED_HOSTS": "127.0.0.1,localhost",
            **({"REDIS_URL": self.redis.url} if self.redis else {}),
            **dict(environment),
        }
        count = servers if column == "scaled" else 1
        self.servers = [Daphne(folder / f"server-{n}", self.environment, application) for n in range(1, count + 1)]
        self.balancer = Balancer(folder / "balancer", [server.port for server in self.servers], port)
        if column == "embedded" and port is not None:
            self.servers[0].port = port
        self._front: Server = self.balancer if count > 1 else self.servers[0]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._front.port}"

    @property
    def ws_url(self) -> str:
        return f"ws://127.0.0.1:{self._front.port}"

    def start(self, told: Callable[[str], None] = lambda _: None) -> Self:
        """Starts what does not run; a database that is new gets its tables. ``told`` hears what starts."""
        for store in (self.postgres, self.redis):
            if store is not None:
                told(type(store).__name__)
                store.start()
        told("tables")
        self.manage("migrate", "--verbosity", "0")
        told(f"{len(self.servers)} server{'s' * (len(self.servers) > 1)}")
        with ThreadPoolExecutor(len(self.servers)) as starters:
            list(starters.map(lambda server: server.start(), self.servers))
        if self._front is self.balancer:
            told("balancer")
            self.balancer.start()
        return self

    def stop(self) -> None:
        """Stops what runs, the servers first, as an upgrade would: each with time for its goodbye."""
        with ThreadPoolExecutor(len(self.servers)) as stoppers:
            list(stoppers.map(lambda server: server.stop(), self.servers))
        for rest in (self.balancer, self.redis, self.postgres):
            if rest is not None:
                rest.stop()

    def manage(self, *arguments: str) -> str:
        """Runs ``manage.py`` on the cluster's database and returns what it prints."""
        environment = {**os.environ, **self.environment}
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments], cwd=PROJECT, env=environment, capture_output=True, text=True
        )
        if done.returncode:
            raise RuntimeError(f"manage.py {arguments[0]}: {done.stderr[-2_000:]}{done.stdout[-2_000:]}")
        return done.stdout

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *exception: object) -> None:
        self.stop()
