"""Django's sessions, whatever keeps them: which of them are still alive."""

from __future__ import annotations

from collections.abc import Collection
from importlib import import_module
from typing import Any

from django.conf import settings
from django.contrib.sessions.backends.cache import SessionStore as CacheStore
from django.contrib.sessions.backends.signed_cookies import SessionStore as CookieStore
from django.core.cache import caches
from django.utils import timezone


def store() -> Any:
    """The class of sessions that is configured."""
    return import_module(settings.SESSION_ENGINE).SessionStore


def living(keys: Collection[str]) -> set[str]:
    """Those of the session keys that nobody has signed out and that have not expired."""
    engine = store()
    if issubclass(engine, CookieStore):
        return set(keys)  # Such a session is all in the cookie: nobody can end it but its browser.
    if hasattr(engine, "get_model_class"):
        rows = engine.get_model_class()._default_manager.filter(session_key__in=keys, expire_date__gt=timezone.now())
        return set(rows.values_list("session_key", flat=True))
    if issubclass(engine, CacheStore):
        names = {f"{engine.cache_key_prefix}{key}": key for key in keys}
        return {names[name] for name in caches[settings.SESSION_CACHE_ALIAS].get_many(names)}
    return {key for key in keys if engine().exists(key)}
