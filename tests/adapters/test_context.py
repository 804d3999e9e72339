"""The old context: its rules, its copies, its children and its end."""

from dataclasses import FrozenInstanceError
from types import SimpleNamespace
from typing import Any

import pytest

from emitter.adapters.context import (
    ContextIsolationError,
    InvalidContextError,
    UserContextFactory,
    UserExecutionContext,
    clear_shared_object_registry,
    create_isolated_execution_context,
    managed_user_context,
    register_shared_object,
    validate_user_context,
)
from emitter.errors import EmitterError

IDS = {"user_id": "user-4711", "thread_id": "thread_7", "run_id": "run-19", "request_id": "request-3"}


def context(**fields: Any) -> UserExecutionContext:
    return UserExecutionContext(**{**IDS, **fields})


@pytest.mark.parametrize("field", IDS)
@pytest.mark.parametrize("value", ["", "  ", None, 7, "registry", "DUMMY", "placeholder_1", "Mock_user"])
def test_an_id_that_is_none_or_a_placeholder_is_refused(field: str, value: Any) -> None:
    with pytest.raises(InvalidContextError, match=f"bad_context: {field} "):
        context(**{field: value})


def test_test_ids_pass_in_tests_alone(monkeypatch: Any) -> None:
    assert context(run_id="test_run").run_id == "test_run"
    monkeypatch.delattr("django.core.mail.outbox")
    with pytest.raises(InvalidContextError, match="run_id is 'test_run'"):
        context(run_id="test_run")


@pytest.mark.parametrize("value", ["temp_0192f0a1c3b47000", "contest_7", "latest-report", "defaults"])
def test_an_id_that_only_resembles_one_passes(value: str) -> None:
    assert context(run_id=value).run_id == value


@pytest.mark.parametrize("field", ["agent_context", "audit_metadata"])
@pytest.mark.parametrize("key", ["user_id", "run_id", "db_session", "created_at"])
def test_no_dictionary_holds_a_reserved_key(field: str, key: str) -> None:
    with pytest.raises(InvalidContextError, match=f"{field} holds {key}"):
        context(**{field: {key: "x"}})
    with pytest.raises(InvalidContextError, match=f"{field} is a list"):
        context(**{field: []})


def test_an_old_caller_catches_it_as_one_of_the_emitters_errors() -> None:
    with pytest.raises(EmitterError) as caught:
        context(user_id="none")
    assert caught.value.code == "bad_context"


def test_it_never_changes_and_shares_nothing_with_who_made_it() -> None:
    given = {"plan": ["read"]}
    made = context(agent_context=given)
    given["plan"].append("write")
    made.metadata["plan"].append("write")
    assert made.agent_context["plan"] == ["read"]
    with pytest.raises(FrozenInstanceError):
        made.user_id = "other"  # type: ignore[misc]


def test_metadata_is_both_dictionaries_and_the_audit_goes_first() -> None:
    made = context(agent_context={"a": 1, "b": 1}, audit_metadata={"b": 2})
    assert made.metadata.items() >= {"a": 1, "b": 2, "isolation_verified": True}.items()


def test_a_child_is_the_same_run_one_deeper() -> None:
    parent = context(agent_context={"a": 1}, cleanup_callbacks=[print])
    child = parent.create_child_context("search", {"b": 2}, {"client_ip": "::1"})
    assert (child.user_id, child.thread_id, child.run_id) == (parent.user_id, parent.thread_id, parent.run_id)
    assert (child.operation_depth, child.parent_request_id) == (1, "request-3")
    assert child.request_id != parent.request_id
    assert child.agent_context.items() >= {"a": 1, "b": 2, "operation_name": "search"}.items()
    assert child.audit_metadata.items() >= {"client_ip": "::1", "parent_request_id": "request-3"}.items()
    assert child.cleanup_callbacks == []


def test_children_are_named_and_no_deeper_than_ten() -> None:
    one = context()
    with pytest.raises(InvalidContextError, match="operation_name"):
        one.create_child_context(" ")
    for _ in range(10):
        one = one.create_child_context("step")
    with pytest.raises(InvalidContextError, match="10 operations"):
        one.create_child_context_supervisor("step")


def test_a_mixed_metadata_is_taken_apart() -> None:
    made = UserExecutionContext.from_request_supervisor(
        "user-4711",
        "thread_7",
        "run-19",
        websocket_connection_id="ws-1",
        metadata={"plan": 1, "Client_IP": "::1", "trace_id": "t", "operation_depth": 2, "parent_request_id": "r-0"},
    )
    assert made.agent_context == {"plan": 1}
    assert made.audit_metadata.items() >= {"Client_IP": "::1", "trace_id": "t"}.items()
    assert (made.operation_depth, made.parent_request_id, made.websocket_connection_id) == (2, "r-0", "ws-1")


def test_it_is_made_from_requests() -> None:
    headers = {"user-agent": "curl", "x-trace-id": "t"}
    request = SimpleNamespace(headers=headers, client=SimpleNamespace(host="::1"), method="GET", url="https://a/b")
    made = UserExecutionContext.from_fastapi_request(request, "user-4711", "thread_7", "run-19")
    audit = {"client_ip": "::1", "user_agent": "curl", "x_trace_id": "t", "method": "GET", "url": "https://a/b"}
    assert made.audit_metadata.items() >= audit.items()
    by_socket = UserExecutionContext.from_websocket_request("user-4711")
    assert by_socket.run_id != UserExecutionContext.from_websocket_request("user-4711").run_id
    assert UserContextFactory.create_with_session("user-4711", "t-7", "run-19", 5).db_session == 5


def test_it_tells_of_itself() -> None:
    made = context(db_session=object()).with_websocket_connection("ws-1")
    assert made.get_correlation_id() == "user-471:thread_7:run-19:request-"
    told = made.to_dict()
    assert (told["has_db_session"], told["websocket_connection_id"], told["operation_depth"]) == (True, "ws-1", 0)
    assert made.get_audit_trail()["has_websocket"] is True
    assert made.to_execution_context().run_id == "run-19"


def test_a_session_is_given_and_not_shared() -> None:
    session = object()
    with pytest.raises(InvalidContextError):
        context().with_db_session(None)
    made = context().with_db_session(session)
    assert validate_user_context(made) is made
    register_shared_object(session)
    with pytest.raises(ContextIsolationError):
        made.verify_isolation()
    clear_shared_object_registry()
    with pytest.raises(TypeError):
        validate_user_context({"user_id": "user-4711"})


async def test_its_end_runs_the_last_callback_first_whatever_the_others_do() -> None:
    done: list[int] = []

    async def later() -> None:
        done.append(2)

    def fails() -> None:
        raise OSError("gone")

    session = SimpleNamespace(close=lambda: done.append(3))
    made = context(db_session=session, cleanup_callbacks=[lambda: done.append(1), fails, later])
    with pytest.raises(LookupError):
        async with managed_user_context(made):
            raise LookupError
    assert (done, made.cleanup_callbacks) == ([2, 1, 3], [])


async def test_an_isolated_one_makes_the_ids_that_are_not_given() -> None:
    made = await create_isolated_execution_context("user-4711", "request-3", run_id="run-19")
    other = await create_isolated_execution_context("user-4711", "request-4")
    assert (made.run_id, other.run_id != made.run_id) == ("run-19", True)
    with pytest.raises(InvalidContextError):
        await create_isolated_execution_context("undefined", "request-3")
