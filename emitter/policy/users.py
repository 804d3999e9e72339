"""User keys: the text by which a stream names its user (``EMITTER["USER_KEY"]``)."""

from __future__ import annotations

import re
import time
from collections.abc import Collection
from hashlib import sha256
from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db.models import Field

from emitter.conf import conf
from emitter.errors import EventRefused

#: In no name, and no database can be asked for them.
_NOWHERE = re.compile(r"[\x00\ud800-\udfff]")


def key_of(user: Any) -> str:
    """The key of a user object."""
    if isinstance(conf.user_key, str):
        return str(getattr(user, conf.user_key))
    to_key, _ = conf.user_key
    return str(to_key(user))


def user_of(key: str) -> Any | None:
    """The user with this key, written as :func:`key_of` writes it (``"042"`` is not ``"42"``)."""
    user = _stored_user(key)
    return user if user is not None and key_of(user) == key else None


def _stored_user(key: str) -> Any | None:
    if not isinstance(conf.user_key, str):
        _, to_user = conf.user_key
        return to_user(key)
    value = _field_value(key)
    return None if value is None else get_user_model()._default_manager.filter(**{conf.user_key: value}).first()


def existing(keys: Collection[str]) -> set[str]:
    """Those of ``keys`` that are users' keys, with the same care for how they are written."""
    return set(states(keys))


def states(keys: Collection[str]) -> dict[str, bool]:
    """Of those of ``keys`` that are users' keys, whether the user is active."""
    if not isinstance(conf.user_key, str):
        found = {key: user for key in keys if (user := user_of(key)) is not None}
        return {key: bool(getattr(user, "is_active", True)) for key, user in found.items()}
    values = {key: value for key in keys if (value := _field_value(key)) is not None and str(value) == key}
    if not values:
        return {}
    model = get_user_model()
    columns = [conf.user_key, *(field.name for field in model._meta.concrete_fields if field.name == "is_active")]
    rows = model._default_manager.filter(**{f"{conf.user_key}__in": list(values.values())}).values_list(*columns)
    return {str(value): all(active) for value, *active in rows if str(value) in values}


#: When users were last found active, in monotonic seconds.
_active: dict[str, float] = {}
#: Users that are remembered so.
_REMEMBERED = 20_000


def barred(keys: Collection[str], *, remember: bool = True) -> dict[str, EventRefused]:
    """Those of ``keys`` that may get no events, and why: nobody's, or a deactivated user's.

    It is remembered for ``USER_SECONDS`` that a user is active, and nothing else, so a new or reactivated one need not
    wait. Within a caller's transaction, whose users may yet be rolled back, do not ``remember``.
    """
    now = time.monotonic()
    since = now - conf.user_seconds
    asked = [key for key in keys if _active.get(key, 0.0) <= since]
    if not asked:
        return {}
    found = states(asked)
    if remember:
        if len(_active) > _REMEMBERED:
            _active.clear()
        _active.update((key, now) for key, active in found.items() if active)
    return {key: _reason(key, known=key in found) for key in asked if not found.get(key)}


def _reason(key: str, *, known: bool) -> EventRefused:
    if known:
        return EventRefused("user_inactive", f"The user with the key {key!r} has been deactivated and gets no events.")
    return EventRefused("unknown_user", f"No user has the key {key!r}.")


def of_keys(keys: Collection[str]) -> dict[str, Any]:
    """The users with these keys, in one statement where ``USER_KEY`` names a field."""
    if not isinstance(conf.user_key, str):
        return {key: user for key in keys if (user := user_of(key)) is not None}
    values = [value for key in keys if (value := _field_value(key)) is not None]
    found = get_user_model()._default_manager.filter(**{f"{conf.user_key}__in": values})
    return {key: user for user in found if (key := key_of(user)) in keys}


def fingerprint(user: Any) -> str:
    """A short text that changes with the user's password; empty for users who have none."""
    to_hash = getattr(user, "get_session_auth_hash", None)
    return _short(to_hash()) if to_hash is not None else ""


def fits(user: Any, given: str) -> bool:
    """Whether a fingerprint is still the user's, made with Django's ``SECRET_KEY`` or one of its fallbacks."""
    if given == fingerprint(user):
        return True
    fallbacks = getattr(user, "get_session_auth_fallback_hash", None)
    return fallbacks is not None and given in {_short(one) for one in fallbacks()}


def _short(auth_hash: str) -> str:
    return sha256(b"emitter.fingerprint:" + auth_hash.encode()).hexdigest()[:20]


def find(value: str) -> str:
    """The key of the user whom a person names by key or by user name. Raises ``unknown_user``, ``ambiguous_user``."""
    stranger = EventRefused("unknown_user", f"No user has the key or the name {value!r:.80}.")
    if _NOWHERE.search(value):
        raise stranger
    model = get_user_model()
    by_key = next(iter(existing([value])), None)
    named = model._default_manager.filter(**{model.USERNAME_FIELD: value}).first()
    by_name = key_of(named) if named is not None else None
    if by_key and by_name and by_key != by_name:
        raise EventRefused(
            "ambiguous_user", f"{value!r} is the key of one user and the name of another, whose key is {by_name!r}."
        )
    if found := by_key or by_name:
        return found
    raise stranger


def _field_value(key: str) -> Any | None:
    name = "pk" if conf.user_key == "pk" else conf.user_key
    meta = get_user_model()._meta
    field: Field[Any, Any] = meta.pk if name == "pk" else meta.get_field(name)  # type: ignore[assignment]
    if _NOWHERE.search(key):
        return None
    try:
        value = field.to_python(key)
        for validator in field.validators:
            if not isinstance(validator, RegexValidator):  # Who has an odd name has it all the same.
                validator(value)
    except (ValidationError, ValueError, OverflowError):
        return None
    return value
