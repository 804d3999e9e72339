"""The example project with limits so low that a test reaches them, and with the keys of another issuer."""

from os import environ

from netra_events.settings import *  # noqa: F403
from netra_events.settings import EMITTER

EMITTER = {
    **EMITTER,
    "REQUEST_SECONDS": float(environ.get("TEST_REQUEST_SECONDS", "60")),
    "CONNECTIONS_PER_ADDRESS": float(environ.get("TEST_CONNECTIONS", "1000")),
    "EMIT_DEADLINE": float(environ.get("TEST_EMIT_DEADLINE", "5")),
    "JWKS": environ.get("TEST_JWKS"),
    "JWKS_ISSUER": "https://accounts.example",
}
