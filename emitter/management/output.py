"""Standard output, when whoever reads it may leave early, as ``| head`` does."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def until_reader_leaves() -> Iterator[None]:
    """Ends the work inside quietly when nobody reads its output any more."""
    try:
        yield
    except BrokenPipeError:
        silence()


def silence() -> None:
    """Lets nothing more be written: Python's own last flush would fail on the closed pipe once more."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
