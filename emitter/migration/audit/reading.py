"""Reads files, in several processes when there are many."""

from __future__ import annotations

import ast
import gc
import multiprocessing
import os
import signal
import sys
import warnings
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from contextlib import closing, contextmanager
from pathlib import PurePath

from emitter.migration.audit.facts import Module, Unread
from emitter.migration.audit.files import Source
from emitter.migration.audit.module import read_module

#: Bytes of a file that is read. What is larger was made by a machine, and would take gigabytes.
LARGEST = 4 * 1024 * 1024
#: Bytes of a code base for which a second process is worth its start.
SHARED = 3_000_000
#: Bytes that a process takes at a time.
_PIECE = 400_000
#: Python's frames for code as deeply nested as its parser takes it.
_FRAMES = 20_000

Read = Module | Unread
Progress = Callable[[int, int], None]
Arriving = Generator[tuple[int, list[Read]], None, None]


def read_all(sources: Sequence[Source], *, progress: Progress = lambda done, total: None) -> list[Read]:
    """All files in order. ``progress`` is told how many of how many are read."""
    pieces = list(_pieces(sources))
    workers = min(
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1, len(pieces)
    )
    read: dict[int, list[Read]] = {}
    done = 0
    with closing(_by_processes(pieces, workers) if _is_worth_it(sources, workers) else _here(pieces)) as arriving:
        for place, piece in arriving:
            read[place] = piece
            done += len(piece)
            progress(done, len(sources))
    return [one for place in sorted(read) for one in read[place]]


def read(source: Source, *, whole: bool = False) -> Read:
    """One file, ``whole`` whatever words are in it. What cannot be read says why."""
    if source.size > LARGEST:
        return Unread(source.shown, f"is larger than {LARGEST // 1024 // 1024} MiB")
    try:
        return read_text(source.shown, source.place.read_bytes(), source.place, whole=whole)
    except OSError as error:
        return Unread(source.shown, f"cannot be opened: {error.strerror}")


def read_text(shown: str, text: bytes, place: PurePath | None = None, *, whole: bool = False) -> Read:
    """The text of one file, in whatever encoding it says."""
    try:
        tree = ast.parse(text, shown)
        with deep():
            return read_module(shown, place or PurePath(shown), text, tree, whole=whole)
    except SyntaxError as error:
        where = "" if error.lineno is None else f", line {error.lineno}"
        return Unread(shown, f"is not Python {sys.version_info.major}: {error.msg}{where}")
    except ValueError as error:
        return Unread(shown, f"is not Python {sys.version_info.major}: {error}")
    except (RecursionError, MemoryError):
        return Unread(shown, "is nested too deep")


@contextmanager
def deep() -> Iterator[None]:
    """Lets functions call themselves as often as code can be nested. Not for the compiler, which would crash."""
    frames = sys.getrecursionlimit()
    sys.setrecursionlimit(max(frames, _FRAMES))
    try:
        yield
    finally:
        sys.setrecursionlimit(frames)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Much is made here and nothing goes in circles: without the collector, and what a compiler says of old strings."""
    collects = gc.isenabled()
    gc.disable()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        if collects:
            gc.enable()


def _read_piece(sources: Sequence[Source]) -> list[Read]:
    with undisturbed():
        return [read(source) for source in sources]


def _here(pieces: Sequence[Sequence[Source]]) -> Arriving:
    for place, piece in enumerate(pieces):
        yield place, _read_piece(piece)


def _by_processes(pieces: Sequence[Sequence[Source]], workers: int) -> Arriving:
    pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _ignore_interrupts)
    try:
        waiting: dict[Future[list[Read]], int] = {
            pool.submit(_read_piece, piece): place for place, piece in enumerate(pieces)
        }
        for future in as_completed(waiting):
            yield waiting[future], future.result()
    finally:
        pool.shutdown(cancel_futures=True)


def _ignore_interrupts() -> None:
    """Whoever presses Ctrl-C means the one that gives out the work."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _is_worth_it(sources: Sequence[Source], workers: int) -> bool:
    return workers > 1 and sum(source.size for source in sources) > SHARED


def _pieces(sources: Sequence[Source]) -> Iterator[list[Source]]:
    piece: list[Source] = []
    size = 0
    for source in sources:
        piece.append(source)
        size += min(source.size, LARGEST)
        if size >= _PIECE:
            yield piece
            piece, size = [], 0
    if piece:
        yield piece
