"""Serves the example project on daphne, lets 200 clients in another process listen, and prints what they measured.

W1 is throughput: 200 users in turn, once with 256 awaited emits under way and once with `aemit_many` of 100. W2 is
latency from emit to the client at 300 events a second. Then come the targets of the old system's own tests.
"""

import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from secrets import token_hex

import msgspec

from .plan import OURS, TARGETS, WARM_UP, Result, Workload

ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    """Prints one line a workload; the first, short one only warms up."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {
            "DATABASE_URL": f"sqlite:///{folder}/bench.sqlite3",
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "netra_events.settings",
            "DEBUG": "off",
            "SECRET_KEY": token_hex(),
            "ALLOWED_HOSTS": "127.0.0.1",
        }
        port = free_port()
        tokens = prepare(environment)
        with Path(folder, "server.log").open("w") as log:
            command = [sys.executable, "-m", "daphne", "--port", str(port), "--access-log", os.devnull]
            command.append("benchmarks.server:application")
            server = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
            try:
                wait_for(port, server)
                measure(port, tokens)
            finally:
                server.terminate()
                server.wait()


def prepare(environment: dict[str, str]) -> list[str]:
    """An empty database with 200 users; returns their tokens."""
    script = (
        "import django; django.setup()\n"
        "from django.core.management import call_command; call_command('migrate', verbosity=0)\n"
        "from django.contrib.auth.models import User; from emitter.policy.identity import create_token\n"
        "User.objects.bulk_create([User(id=n, username=f'user-{n}') for n in range(1, 201)])\n"
        "print(*(create_token(str(n), seconds=3600) for n in range(1, 201)))"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, env=environment, capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    return done.stdout.split()


def measure(port: int, tokens: list[str]) -> None:
    plan = [*WARM_UP, *OURS, *TARGETS]
    options = msgspec.json.encode({"port": port, "tokens": tokens, "plan": plan})
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.client"], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as client:
        assert client.stdin is not None
        assert client.stdout is not None
        client.stdin.write(options)
        client.stdin.close()
        say(HEAD)
        for workload, line in zip(plan, client.stdout, strict=True):
            if workload.title:
                say(row(msgspec.json.decode(line, type=Result), workload))


COLUMNS = [
    ("events/s", "per_second", 10),
    ("CPU µs/event", "cpu_us", 14),
    ("mean ms", "mean_ms", 9),
    ("p50 ms", "p50_ms", 9),
    ("p99 ms", "p99_ms", 9),
    ("worst ms", "worst_ms", 10),
    ("MiB more", "growth_mib", 10),
    ("lost", "lost", 6),
    ("twice", "repeated", 7),
    ("astray", "disordered", 8),
]
HEAD = f"{'workload':<28}" + "".join(f"{head:>{width}}" for head, _, width in COLUMNS) + "  target"


def row(result: Result, workload: Workload) -> str:
    """One line of the table, with whether the target was met where there is one."""
    figures = "".join(f"{getattr(result, name):>{width},}" for _, name, width in COLUMNS)
    missed = result.misses(workload.target) if workload.target else []
    verdict = ", ".join(missed) if missed else "met" if workload.target else ""
    return f"{result.title:<28}{figures}  {verdict}".rstrip()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(port: int, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 30
    while server.poll() is None and time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    sys.exit("The server did not start.")


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
