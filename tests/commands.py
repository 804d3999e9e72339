"""The commands as a person calls them: in this process for what they print, as a process for how they end."""

import os
import subprocess
import sys
from io import StringIO
from select import select
from typing import Any, Self

import msgspec
from django.core.management import call_command

#: Seconds in which a command must have said what it has to say.
PATIENCE = 600


def beside(environment: dict[str, str]) -> dict[str, str]:
    """What a process finds in its environment beside a server that has ``environment``; it buffers as by default."""
    return {**os.environ, "PYTHONUNBUFFERED": "", **environment}


def told(command: str, *arguments: str) -> str:
    """What a command prints."""
    out = StringIO()
    call_command(command, *arguments, stdout=out)
    return out.getvalue()


class Process:
    """`manage.py …` with pipes at both ends; ended when the test is done with it."""

    def __init__(self, environment: dict[str, str], *arguments: str) -> None:
        command = [sys.executable, "manage.py", *arguments]
        self.process = subprocess.Popen(command, 0, env=beside(environment), stdin=-1, stdout=-1, stderr=-1)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        with self.process:
            self.process.kill()

    def say(self, line: bytes) -> None:
        self.process.stdin.write(line + b"\n")

    def hear(self) -> dict[str, Any]:
        """The next line that it prints."""
        assert select([self.process.stdout], [], [], PATIENCE)[0], "It prints nothing."
        return msgspec.json.decode(self.process.stdout.readline())

    def end(self, text: bytes = b"") -> tuple[list[dict[str, Any]], int, str]:
        """Says the last words and waits. Returns the lines left to hear, the exit code and what it complained of."""
        output, error = self.process.communicate(text, timeout=PATIENCE)
        return [msgspec.json.decode(line) for line in output.splitlines()], self.process.returncode, complaints(error)

    def leave(self) -> tuple[int, str]:
        """Waits without listening, as after ``| head``. Returns the exit code and what it complained of."""
        self.process.stdout.close()
        self.process.stdin.close()
        return self.process.wait(PATIENCE), complaints(self.process.stderr.read())


def complaints(error: bytes) -> str:
    """What a command says of itself. A bell that Redis took too long to hear is the machine's matter."""
    return "".join(line for line in error.decode().splitlines(keepends=True) if " bell_failure: " not in line)
