"""Makes, checks and ends old contexts."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

from emitter.adapters.context import sharing
from emitter.adapters.context.user import UserExecutionContext


class UserContextFactory:
    """Makes contexts."""

    @staticmethod
    def create_context(
        user_id: str,
        thread_id: str,
        run_id: str,
        request_id: str | None = None,
        websocket_client_id: str | None = None,
    ) -> UserExecutionContext:
        return UserExecutionContext.from_request(
            user_id, thread_id, run_id, request_id, websocket_client_id=websocket_client_id
        )

    @staticmethod
    def create_with_session(
        user_id: str,
        thread_id: str,
        run_id: str,
        db_session: Any,
        request_id: str | None = None,
        websocket_client_id: str | None = None,
    ) -> UserExecutionContext:
        return UserExecutionContext.from_request(
            user_id, thread_id, run_id, request_id, db_session, websocket_client_id
        )


def validate_user_context(context: Any) -> UserExecutionContext:
    """The context. Raises ``TypeError`` for anything else, ``ContextIsolationError`` when it shares its session."""
    if not isinstance(context, UserExecutionContext):
        raise TypeError(f"The context is a {type(context).__name__}; give a UserExecutionContext.")
    context.verify_isolation()
    return context


@asynccontextmanager
async def managed_user_context(
    context: UserExecutionContext, cleanup_db_session: bool = True
) -> AsyncIterator[UserExecutionContext]:
    """Cleans up when the block ends, and closes the session when asked to."""
    try:
        yield context
    finally:
        await context.cleanup()
        close = getattr(context.db_session, "close", None)
        if cleanup_db_session and callable(close):
            closed = close()
            if inspect.isawaitable(closed):
                await closed


async def create_isolated_execution_context(
    user_id: str,
    request_id: str,
    database_session: Any = None,
    websocket_emitter: Any = None,
    thread_id: str | None = None,
    run_id: str | None = None,
    validate_user: bool = True,
    isolation_level: str = "standard",
) -> UserExecutionContext:
    """A context with ids of its own where none are given. Raises ``InvalidContextError``."""
    unique = uuid4().hex
    context = UserExecutionContext(
        user_id=user_id,
        thread_id=thread_id or f"thread_{unique}",
        run_id=run_id or f"run_{unique}",
        request_id=request_id,
        db_session=database_session,
        audit_metadata={"context_isolation_level": isolation_level},
    )
    context.verify_isolation()
    return context


def register_shared_object(obj: Any) -> None:
    """Says that an object is shared among requests."""
    sharing.register(obj)


def clear_shared_object_registry() -> None:
    sharing.clear()
