"""Says once that a face is old, and where it is used."""

from __future__ import annotations

import sys
import warnings

_said: set[str] = set()


def warn_once(adapter: str) -> None:
    """A ``DeprecationWarning`` the first time that this process uses an adapter, at the place outside of us."""
    if adapter in _said:
        return
    _said.add(adapter)
    warnings.warn(
        f"emitter.adapters.{adapter} only translates for code that moves over to emitter.service.emitter and "
        "emitter.context.RunContext; docs/adapters.md says what each old call becomes.",
        DeprecationWarning,
        stacklevel=_level_of_caller(),
    )


def _level_of_caller() -> int:
    """How far up, counted from :func:`warn_once`, the first frame is that is none of ours."""
    level, frame = 1, sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("emitter.adapters"):
        level, frame = level + 1, frame.f_back
    return level
