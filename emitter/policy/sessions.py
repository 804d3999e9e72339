"""Django's sessions, whatever keeps them: which of them are still alive."""

from __future__ import annotations

from collections.abc import Collection
from importlib import import_module
from typing import Any

from django.conf import settings
from django.contrib.sessions.backends.cache import SessionStore as CacheStore
from django.contrib.sessions.backends.signed_cookies import SessionStore as CookieStore
from django.core.cache import caches
from django.http import HttpRequest
from django.utils import timezone

#: Longest key that is remembered; Django's have 32 characters.
KEY_LENGTH = 100


def store() -> Any:
    """The class of sessions that is configured."""
    return import_module(settings.SESSION_ENGINE).SessionStore


def key_of(request: HttpRequest) -> str:
    """The key by which a request's session can be asked for later; empty where nobody could.

    A session in a signed cookie is all in the cookie: only its browser can end it, and its key would be the session.
    """
    key = getattr(getattr(request, "session", None), "session_key", None) or ""
    return "" if issubclass(store(), CookieStore) or len(key) > KEY_LENGTH else key


def living(keys: Collection[str]) -> set[str]:
    """Those of the session keys that nobody has signed out and that have not expired."""
    engine = store()
    if hasattr(engine, "get_model_class"):
        rows = engine.get_model_class()._default_manager.filter(session_key__in=keys, expire_date__gt=timezone.now())
        return set(rows.values_list("session_key", flat=True))
    if issubclass(engine, CacheStore):
        names = {f"{engine.cache_key_prefix}{key}": key for key in keys}
        return {names[name] for name in caches[settings.SESSION_CACHE_ALIAS].get_many(names)}
    return {key for key in keys if engine().exists(key)}
