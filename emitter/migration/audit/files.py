"""Finds the Python files of a code base."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from emitter.migration.audit.facts import Unread

#: Folders that hold no code of one's own, by name; and any with a virtual environment in it.
LEFT_OUT = (
    ".*",
    "__pycache__",
    "__pypackages__",
    "_build",
    "build",
    "dist",
    "migrations",
    "node_modules",
    "site-packages",
    "venv",
)


@dataclass(frozen=True, slots=True)
class Source:
    """A file: where it is, and how it is shown."""

    place: Path
    shown: str
    size: int


def find(
    paths: Iterable[str], exclude: Iterable[str] = (), *, left_out: Iterable[str] = LEFT_OUT
) -> list[Source | Unread]:
    """The files below ``paths``, each once, in order. Links to folders are not followed.

    A glob of ``exclude`` is held against each name on the way and against the path below the one given;
    ``left_out`` against the names of folders only. What is given itself is always read. Raises
    ``FileNotFoundError``.
    """
    search = _Search(tuple(exclude), tuple(left_out))
    found: list[Source | Unread] = []
    for path in paths:
        found += search.below(Path(path))
    return sorted(found, key=lambda one: one.shown if isinstance(one, Source) else one.path)


class _Search:
    def __init__(self, exclude: tuple[str, ...], left_out: tuple[str, ...]) -> None:
        self._exclude, self._left_out = exclude, left_out
        self._seen: set[tuple[int, int]] = set()

    def below(self, path: Path) -> Iterator[Source | Unread]:
        if not path.exists():
            raise FileNotFoundError(path)
        if not path.is_dir():
            yield from self._file(path)
            return
        unread: list[Unread] = []
        for folder, folders, names in os.walk(path, onerror=lambda error: unread.append(_refused(error))):
            here = Path(folder)
            folders[:] = sorted(name for name in folders if self._enters(path, here / name))
            for name in names:
                if name.endswith(".py") and not self._is_excluded(path, here / name):
                    yield from self._file(here / name)
        yield from unread

    def _file(self, path: Path) -> Iterator[Source | Unread]:
        """A file that is one, unless it was found before under another name."""
        try:
            found = path.stat()
        except OSError as error:
            yield Unread(path.as_posix(), f"cannot be opened: {error.strerror}")
            return
        if stat.S_ISREG(found.st_mode) and (found.st_dev, found.st_ino) not in self._seen:
            self._seen.add((found.st_dev, found.st_ino))
            yield Source(path.absolute(), path.as_posix(), found.st_size)

    def _enters(self, root: Path, folder: Path) -> bool:
        if any(fnmatchcase(folder.name, glob) for glob in self._left_out) or self._is_excluded(root, folder):
            return False
        return not (self._left_out and (folder / "pyvenv.cfg").exists())

    def _is_excluded(self, root: Path, path: Path) -> bool:
        below = path.relative_to(root).as_posix()
        return any(fnmatchcase(path.name, glob) or fnmatchcase(below, glob.rstrip("/")) for glob in self._exclude)


def _refused(error: OSError) -> Unread:
    return Unread(Path(error.filename).as_posix(), f"cannot be opened: {error.strerror}")
