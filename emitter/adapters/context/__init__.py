"""The old context: whose request it is, unchangeable, handed from call to call."""

from emitter.adapters.context.execution import ExecutionContext
from emitter.adapters.context.making import (
    UserContextFactory,
    clear_shared_object_registry,
    create_isolated_execution_context,
    managed_user_context,
    register_shared_object,
    validate_user_context,
)
from emitter.adapters.context.rules import ContextIsolationError, InvalidContextError
from emitter.adapters.context.user import UserExecutionContext

UserExecutionContextFactory = UserContextFactory

__all__ = [
    "ContextIsolationError",
    "ExecutionContext",
    "InvalidContextError",
    "UserContextFactory",
    "UserExecutionContext",
    "UserExecutionContextFactory",
    "clear_shared_object_registry",
    "create_isolated_execution_context",
    "managed_user_context",
    "register_shared_object",
    "validate_user_context",
]
