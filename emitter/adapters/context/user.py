"""``UserExecutionContext``."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from emitter.adapters.context import sharing
from emitter.adapters.context.execution import ExecutionContext
from emitter.adapters.context.rules import (
    MOST_DEPTH,
    InvalidContextError,
    audit_of,
    check_data,
    check_depth,
    check_ids,
    check_text,
    split,
)
from emitter.adapters.deprecation import warn_once

logger = logging.getLogger("emitter")

JsonDict = dict[str, Any]


@dataclass(frozen=True)
class UserExecutionContext:
    """Whose request it is. Raises ``InvalidContextError`` when a rule is broken."""

    user_id: str
    thread_id: str
    run_id: str
    request_id: str = field(default_factory=lambda: str(uuid4()))
    db_session: Any = field(default=None, repr=False)
    websocket_client_id: str | None = None
    created_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    agent_context: JsonDict = field(default_factory=dict)
    audit_metadata: JsonDict = field(default_factory=dict)
    operation_depth: int = 0
    parent_request_id: str | None = None
    cleanup_callbacks: list[Callable[..., Any]] = field(default_factory=list, repr=False)

    def __post_init__(self) -> None:
        warn_once("context")
        check_ids(user_id=self.user_id, thread_id=self.thread_id, run_id=self.run_id, request_id=self.request_id)
        check_data(agent_context=self.agent_context, audit_metadata=self.audit_metadata)
        check_depth(self.operation_depth)
        object.__setattr__(self, "agent_context", deepcopy(dict(self.agent_context)))
        object.__setattr__(self, "audit_metadata", deepcopy(dict(self.audit_metadata)) | self._audited())

    def _audited(self) -> JsonDict:
        return {
            "context_created_at": self.created_at.isoformat(),
            "context_version": "1.0",
            "isolation_verified": True,
            "operation_depth": self.operation_depth,
        }

    # Making one -------------------------------------------------------------------------------------------------------

    @classmethod
    def from_request(
        cls,
        user_id: str,
        thread_id: str,
        run_id: str,
        request_id: str | None = None,
        db_session: Any = None,
        websocket_client_id: str | None = None,
        agent_context: JsonDict | None = None,
        audit_metadata: JsonDict | None = None,
    ) -> UserExecutionContext:
        return cls(
            user_id,
            thread_id,
            run_id,
            request_id or str(uuid4()),
            db_session,
            websocket_client_id,
            agent_context=agent_context or {},
            audit_metadata=audit_metadata or {},
        )

    @classmethod
    def from_agent_execution_context(
        cls,
        user_id: str,
        thread_id: str,
        run_id: str,
        request_id: str | None = None,
        agent_context: JsonDict | None = None,
        audit_metadata: JsonDict | None = None,
    ) -> UserExecutionContext:
        return cls.from_request(
            user_id, thread_id, run_id, request_id, agent_context=agent_context, audit_metadata=audit_metadata
        )

    @classmethod
    def from_websocket_request(
        cls, user_id: str, websocket_client_id: str | None = None, operation: str = "websocket_session"
    ) -> UserExecutionContext:
        """A context with ids of its own making."""
        unique = uuid4().hex
        return cls.from_request(
            user_id,
            f"thread_{operation}_{unique}",
            f"run_{operation}_{unique}",
            websocket_client_id=websocket_client_id or f"ws_{unique}",
        )

    @classmethod
    def from_fastapi_request(
        cls,
        request: Any,
        user_id: str,
        thread_id: str,
        run_id: str,
        db_session: Any = None,
        websocket_client_id: str | None = None,
    ) -> UserExecutionContext:
        """The request's method, address and ids go into the audit."""
        return cls.from_request(
            user_id, thread_id, run_id, None, db_session, websocket_client_id, None, audit_of(request)
        )

    @classmethod
    def from_request_supervisor(
        cls,
        user_id: str,
        thread_id: str,
        run_id: str,
        request_id: str | None = None,
        db_session: Any = None,
        websocket_connection_id: str | None = None,
        metadata: JsonDict | None = None,
    ) -> UserExecutionContext:
        """Takes the mixed ``metadata`` of the supervisor's own context apart."""
        agent, audit, fields = split(metadata or {})
        made = cls.from_request(
            user_id, thread_id, run_id, request_id, db_session, websocket_connection_id, agent, audit
        )
        return replace(made, **fields) if fields else made

    def create_child_context(
        self,
        operation_name: str,
        additional_agent_context: JsonDict | None = None,
        additional_audit_metadata: JsonDict | None = None,
    ) -> UserExecutionContext:
        """The same request one operation deeper. Raises ``InvalidContextError`` without a name, or too deep."""
        check_text(operation_name=operation_name)
        if self.operation_depth >= MOST_DEPTH:
            raise InvalidContextError(f"There are {MOST_DEPTH} operations inside each other already.")
        agent, audit = additional_agent_context or {}, additional_audit_metadata or {}
        depth, now, parent = (
            self.operation_depth + 1,
            datetime.now(UTC),
            self.agent_context.get("operation_name", "root"),
        )
        named = {"operation_name": operation_name, "operation_depth": depth}
        born = {"parent_request_id": self.request_id, "child_created_at": now.isoformat()}
        return replace(
            self,
            request_id=str(uuid4()),
            created_at=now,
            agent_context={**self.agent_context, **agent, "parent_operation": parent, **named},
            audit_metadata={**self.audit_metadata, **audit, **born, **named},
            operation_depth=depth,
            parent_request_id=self.request_id,
            cleanup_callbacks=[],
        )

    def create_child_context_supervisor(
        self, operation_name: str, additional_metadata: JsonDict | None = None
    ) -> UserExecutionContext:
        agent, audit, _ = split(additional_metadata or {})
        return self.create_child_context(operation_name, agent, audit)

    def with_db_session(self, db_session: Any) -> UserExecutionContext:
        if db_session is None:
            raise InvalidContextError("db_session is None; give the session of this request.")
        return replace(self, db_session=db_session, cleanup_callbacks=[])

    def with_websocket_connection(self, connection_id: str) -> UserExecutionContext:
        check_text(connection_id=connection_id)
        return replace(self, websocket_client_id=connection_id, cleanup_callbacks=[])

    def with_websocket_connection_supervisor(self, connection_id: str) -> UserExecutionContext:
        return self.with_websocket_connection(connection_id)

    # Reading it -------------------------------------------------------------------------------------------------------

    @property
    def websocket_connection_id(self) -> str | None:
        """Another name of ``websocket_client_id``."""
        return self.websocket_client_id

    @property
    def metadata(self) -> JsonDict:
        """A copy of both dictionaries as one; the audit's keys go first. Write into ``agent_context``."""
        return deepcopy(self.agent_context) | deepcopy(self.audit_metadata)

    def verify_isolation(self) -> bool:
        """True. Raises ``ContextIsolationError`` when the session is registered as shared."""
        sharing.refuse_shared(self.db_session)
        return True

    async def cleanup(self) -> None:
        """Runs the callbacks, the last one first; what they raise is logged."""
        while self.cleanup_callbacks:
            try:
                done = self.cleanup_callbacks.pop()()
                if inspect.isawaitable(done):
                    await done
            except Exception:
                logger.exception("adapter_failed: a cleanup callback of run %r failed", self.run_id)

    def get_correlation_id(self) -> str:
        return ":".join(one[:8] for one in (self.user_id, self.thread_id, self.run_id, self.request_id))

    def to_dict(self) -> JsonDict:
        return {
            **self._described(),
            "websocket_client_id": self.websocket_client_id,
            "websocket_connection_id": self.websocket_client_id,
            "agent_context": deepcopy(self.agent_context),
            "metadata": self.metadata,
            "implementation": "emitter.adapters.context",
            "compatibility_layer_active": True,
        }

    def get_audit_trail(self) -> JsonDict:
        return {
            **self._described(),
            "correlation_id": self.get_correlation_id(),
            "has_websocket": self.websocket_client_id is not None,
            "context_age_seconds": (datetime.now(UTC) - self.created_at).total_seconds(),
        }

    def _described(self) -> JsonDict:
        return {
            "user_id": self.user_id,
            "thread_id": self.thread_id,
            "run_id": self.run_id,
            "request_id": self.request_id,
            "created_at": self.created_at.isoformat(),
            "operation_depth": self.operation_depth,
            "parent_request_id": self.parent_request_id,
            "has_db_session": self.db_session is not None,
            "audit_metadata": deepcopy(self.audit_metadata),
        }

    def to_execution_context(self) -> ExecutionContext:
        return ExecutionContext(
            run_id=self.run_id,
            user_id=self.user_id,
            thread_id=self.thread_id,
            request_id=self.request_id,
            metadata=self.metadata,
        )
