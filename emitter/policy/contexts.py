"""Ids that are well formed and still wrong: placeholders that nobody filled in, and names of a system. Pure.

``check_id`` says what can be an id at all; whether the user exists, and whose the run is, the log asks under the
stream's lock. That a run belongs to its user and thread never changes, so an answer may be kept for ever. Emitting
gains nothing by it, because the same row says whether the run has ended; whoever only asks whose a run is does.
"""

from __future__ import annotations

import re
from functools import lru_cache

from emitter.context import RunContext
from emitter.errors import EventRefused

#: An id as long as this was made by somebody, whatever it begins with.
LONG = 20


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


PLACEHOLDERS = _words(
    "registry placeholder default temp none null undefined 0 1 xxx yyy example test demo sample template mock fake "
    "dummy"
)
PREFIXES = tuple(
    f"{word}_" for word in _words("placeholder registry default temp example demo sample template mock fake")
)
#: Whole words of a run's id, between its ends, ``_`` and ``-``.
_RUN_WORDS = _words(
    "system sys global broadcast admin root default test mock fake dummy placeholder example null none undefined empty "
    "debug dev local temp temporary"
)
_THREAD_WORDS = _words(
    "pattern no impossible anywhere nothing missing test unknown default temp temporary placeholder mock fake dummy "
    "error failure broken invalid null none undefined false true success complete done finished"
)
_BETWEEN = re.compile("[_-]")

SUSPICIONS = {
    "placeholder_id": "is a placeholder that nobody filled in",
    "system_id": "looks like a name of the system, not of one execution",
}


def is_placeholder(value: str, *, testing: bool = False) -> bool:
    """Whether an id stands for one that was to come: one of the words, or a short one that begins with one.

    ``testing`` lets ids pass that begin with ``test_``.
    """
    word = value.strip().lower()
    if word in PLACEHOLDERS:
        return True
    return len(word) < LONG and word.startswith(PREFIXES if testing else (*PREFIXES, "test_"))


def is_system_run(value: str) -> bool:
    """Whether a run's id holds a word of the system, or is too short to tell runs apart. Numbers may be short."""
    return _is_suspicious(value, _RUN_WORDS)


def is_system_thread(value: str) -> bool:
    """The same for a thread's id."""
    return _is_suspicious(value, _THREAD_WORDS)


def _is_suspicious(value: str, words: frozenset[str]) -> bool:
    word = value.strip().lower()
    return (len(word) < 3 and not word.isdigit()) or not words.isdisjoint(_BETWEEN.split(word))


def check(context: RunContext, mode: str) -> tuple[str, ...]:
    """The flags of an event with this context by ``SUSPICIOUS_IDS``. Raises the first as a refusal when told so."""
    if mode == "allow":
        return ()
    found = _suspicions(context.run_id, context.thread_id)
    if not found:
        return ()
    if mode == "refuse":
        flag, name, value = found[0]
        raise EventRefused(flag, f"The {name} id {value!r:.80} {SUSPICIONS[flag]}; give a new one to each {name}.")
    return tuple(dict.fromkeys(flag for flag, _, _ in found))


@lru_cache(maxsize=4_096)
def _suspicions(run: str, thread: str | None) -> tuple[tuple[str, str, str], ...]:
    """What is suspicious: flag, kind of id, id. The user's key is not: it is somebody's, or ``unknown_user``."""
    found = []
    for name, value, is_system in (("run", run, is_system_run), ("thread", thread or run, is_system_thread)):
        if name == "thread" and value == run:
            continue
        if is_placeholder(value):
            found.append(("placeholder_id", name, value))
        elif is_system(value):
            found.append(("system_id", name, value))
    return tuple(found)
