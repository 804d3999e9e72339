"""Serves the example project from several processes until Ctrl-C: ``python -m cluster [--servers N] [--port P]``."""

import argparse
import os
import shutil
import signal
import sys
import threading
from pathlib import Path

from cluster.cluster import Cluster
from tests.binaries import ServerMissing
from tests.servers import server_folder


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m cluster", description=__doc__)
    parser.add_argument("--servers", type=int, default=3, help="server processes behind the balancer (3)")
    parser.add_argument("--port", type=int, default=int(os.environ.get("PORT", "8000")), help="the balancer's port")
    options = parser.parse_args()
    folder = server_folder()
    # Without TLS a browser keeps no secure cookie, so this is a development server in that one respect.
    cluster = Cluster("scaled", folder, servers=options.servers, port=options.port, environment={"DEBUG": "on"}.items())
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    try:
        cluster.start(lambda part: say(f"Starting {part} ..."))
        cluster.manage("create_demo_users")
        tell(cluster, folder)
        stopped.wait()
    except ServerMissing as missing:
        sys.exit(str(missing))
    finally:
        cluster.stop()
        shutil.rmtree(folder, ignore_errors=True)


def tell(cluster: Cluster, folder: Path) -> None:
    """Where everything is, and what a second terminal needs to be part of it."""
    say(f"Open {cluster.url} and sign in as alice or bob (or as admin, for /admin/), password demo.")
    for server in cluster.servers:
        say(f"  {server.folder.name}: {server.url}, process {server.process.pid if server.process else '?'}")
    names = ("DATABASE_URL", "REDIS_URL", "SECRET_KEY")
    say("For manage.py in a second terminal:")
    say(f"  export {' '.join(f'{name}={cluster.environment[name]}' for name in names)}")
    say(f"Logs are in {folder}. Ctrl-C stops everything; the data goes with it.")


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
