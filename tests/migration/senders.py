"""Old senders that tests name in their settings."""

from typing import Any


def silent(method: str, args: Any, kwargs: Any, face: Any) -> None:
    """Sends nothing and says nothing."""


def short(method: str) -> None:
    """Takes too little to be a sender."""
