"""Serves the example project on daphne, lets 200 clients in another process listen, and prints what they measured.

W1 is throughput: 200 users in turn, once with 256 awaited emits under way and once with `aemit_many` of 100. W2 is
latency from emit to the client at 300 events a second.
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

ROOT = Path(__file__).resolve().parent.parent
PLAN = [("awaited", 2_000), ("awaited", 30_000), ("many", 100_000), ("steady", 3_000)]
TITLES = {"awaited": "W1 awaited, 256 under way", "many": "W1 aemit_many of 100", "steady": "W2 at 300/s"}


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
    options = msgspec.json.encode({"port": port, "tokens": tokens, "plan": PLAN})
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.client"], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as client:
        assert client.stdin is not None
        assert client.stdout is not None
        client.stdin.write(options)
        client.stdin.close()
        heads = (("workload", -28), ("events/s", 10), ("CPU µs/event", 14), ("p50 ms", 9), ("p99 ms", 9))
        counts = (("lost", 6), ("twice", 7), ("astray", 8))
        say("".join(f"{title:{'<' if width < 0 else '>'}{abs(width)}}" for title, width in (*heads, *counts)))
        for place, line in enumerate(client.stdout):
            r = msgspec.json.decode(line)
            if place:
                say(
                    f"{TITLES[r['name']]:<28}{r['per_second']:>10,}{r['cpu_us']:>14}{r['p50_ms']:>9}{r['p99_ms']:>9}"
                    f"{r['lost']:>6}{r['repeated']:>7}{r['disordered']:>8}"
                )


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
