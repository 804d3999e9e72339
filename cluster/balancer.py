"""HAProxy before several servers: found on the machine, or got by ``python -m cluster.balancer`` for root on Debian."""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.binaries import ServerMissing
from tests.processes import Server

MISSING = "No HAProxy on this machine: install it (Debian: apt install haproxy), or run `make haproxy` as root."
#: The same file serves several hosts: give each `server` line its host's address.
CONFIGURATION = """\
defaults
    mode http
    timeout connect 2s
    timeout client 75s
    timeout server 75s
    timeout tunnel 1h
    retries 2
    option redispatch
    option http-no-delay

frontend web
    bind 127.0.0.1:{port}
    default_backend servers

backend servers
    balance leastconn
    option httpchk GET /healthz
    http-check send hdr Host 127.0.0.1
"""


class Balancer(Server):
    """No sticky sessions: each connection goes to the server that has fewest."""

    def __init__(self, folder: Path, ports: Sequence[int], port: int | None = None) -> None:
        super().__init__(folder)
        self.ports = ports
        self.port = port or self.port

    def command(self) -> list[str]:
        program = executable()
        if program is None:
            raise ServerMissing(MISSING)
        path = self.folder / "haproxy.cfg"
        path.write_text(self.configuration())
        return [program, "-db", "-f", str(path)]

    def configuration(self) -> str:
        """What HAProxy reads."""
        lines = [
            f"    server server-{n} 127.0.0.1:{port} check inter 500ms fall 2 rise 1 observe layer4 error-limit 1 "
            "on-error mark-down"
            for n, port in enumerate(self.ports, 1)
        ]
        return "\n".join([CONFIGURATION.format(port=self.port).rstrip(), *lines, ""])


def executable() -> str | None:
    """The HAProxy that is there, or None. Debian keeps it where only root's PATH looks."""
    return shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin:/usr/local/sbin")


def install() -> None:
    """Debian's package, for root."""
    if os.geteuid() == 0 and shutil.which("apt-get"):
        environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        quiet = ["apt-get", "-qq", "-y"]
        subprocess.run([*quiet, "update"], env=environment)
        command = [*quiet, "install", "--no-install-recommends", "haproxy"]
        subprocess.run(command, env=environment, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    if executable() is None:
        install()
    in_ci = os.environ.get("CI", "").lower() not in {"", "0", "false"}
    sys.exit(MISSING if in_ci and executable() is None else 0)
