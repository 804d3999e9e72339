"""Whether somebody who came in may still be here: active, with the same password, and not signed out.

Asked every few seconds for all open sessions of a process together: one statement for the users and one for the
sessions by cookie, wherever these two are kept.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

from emitter.policy import sessions, users
from emitter.policy.identity import Identity


def review(those: Sequence[Identity]) -> list[Identity | None]:
    """Each identity as it stands now, in order; ``None`` for one that has ended.

    Whoever is no longer staff loses those rights. An identity without a standing was made in this process, and stays.
    """
    reviewed = [who for who in those if who.standing is not None]
    found = users.of_keys({who.key for who in reviewed}) if reviewed else {}
    cookies = {who.standing.session for who in reviewed if who.standing and who.standing.session}
    alive = sessions.living(cookies) if cookies else set()
    return [_now(who, found.get(who.key), alive) for who in those]


def _now(who: Identity, user: Any | None, alive: Collection[str]) -> Identity | None:
    if who.standing is None:
        return who
    if user is None or not user.is_active or not users.fits(user, who.standing.fingerprint):
        return None
    if who.standing.session and who.standing.session not in alive:
        return None
    if who.is_staff and not getattr(user, "is_staff", False):
        return replace(who, is_staff=False, may_view=False)
    return who
