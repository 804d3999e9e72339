"""Who emits what, on small code bases and on this one."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emitter.events import CRITICAL
from emitter.migration.audit import Verdict, audit
from emitter.migration.audit.facts import Module
from emitter.migration.audit.reading import read_text
from emitter.migration.audit.verdicts import judge

from .code_bases import LAYOUTS, audited, found, owners
from .processes import PROJECT

FOUR = ["AgentWebSocketBridge", "TransparentWebSocketEmitter", "UnifiedWebSocketEmitter"]


@pytest.fixture(scope="module")
def before():
    return audit([str(LAYOUTS / "before")])


@pytest.fixture(scope="module")
def after():
    return audit([str(LAYOUTS / "after")])


@pytest.fixture(scope="module")
def ours():
    return audit([str(PROJECT / "emitter"), str(PROJECT / "netra_events")])


# The layouts that it exists for ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("event", CRITICAL)
def test_three_sources_before(before, event) -> None:
    assert owners(before.sources(event)) == FOUR


@pytest.mark.parametrize("event", CRITICAL)
def test_the_base_agent_delegates_before_and_after(before, after, event) -> None:
    assert "BaseAgent" in owners(before.of(Verdict.DELEGATES, event))
    assert "BaseAgent" in owners(after.of(Verdict.DELEGATES, event))


@pytest.mark.parametrize("event", CRITICAL)
def test_one_source_after_and_the_old_faces_delegate(after, event) -> None:
    assert owners(after.sources(event)) == ["Emitter"]
    assert {*FOUR} < {*owners(after.of(Verdict.DELEGATES, event))}


def test_a_place_is_named_by_file_line_and_symbol(before) -> None:
    (source,) = [one for one in before.sources("agent_thinking") if one.owner == "AgentWebSocketBridge"]
    assert source.path.endswith("before/app/services/agent_websocket_bridge.py")
    assert "async def notify_agent_thinking" in Path(source.path).read_text().splitlines()[source.line - 1]
    assert source.symbol == "AgentWebSocketBridge.notify_agent_thinking"


def test_methods_of_a_class_count_once(before) -> None:
    (source,) = [one for one in before.sources("agent_started") if one.owner == "UnifiedWebSocketEmitter"]
    assert source.symbol == "UnifiedWebSocketEmitter.emit_agent_started"
    assert [spot.symbol for spot in source.also] == ["UnifiedWebSocketEmitter.notify_agent_started"]


def test_who_checks_events_emits_none(before) -> None:
    assert [one for one in before.findings if "validator" in one.path] == []


def test_this_project_has_one_source(ours) -> None:
    assert ours.summary() == dict.fromkeys(CRITICAL, 1)
    assert {one.symbol for event in CRITICAL for one in ours.sources(event)} == {"Emitter.emit"}


def test_in_this_project_only_the_bell_sends_whatever_comes(ours) -> None:
    sends = [one.path for one in ours.findings if one.verdict is Verdict.TRANSPORT]
    assert sends
    assert [path for path in sends if "/emitter/bell/" not in path] == []


def test_whoever_uses_our_emitter_delegates(ours) -> None:
    delegates = found(ours, "delegates")
    assert delegates["DemoAgent._take"] == ["tool_executing", "tool_completed"]
    assert delegates["acancel"] == ["agent_completed"]


# How an event is made -------------------------------------------------------------------------------------------------

MADE = {
    "a text": '{"type": "agent_started"}',
    "another key": '{"event_type": "agent_started"}',
    "as Channels writes it": '{"type": "agent.started"}',
    "a constant": '{"type": STARTED}',
    "a member of an enumeration": '{"type": Kind.AGENT_STARTED}',
    "its value": '{"type": Kind.AGENT_STARTED.value}',
    "a member that is named only": '{"type": Short.AGENT_STARTED}',
    "a table": '{"type": TABLE[phase]}',
    "a look into a table": '{"type": TABLE.get(phase)}',
    "a text with a hole": '{"type": f"{phase}_started"}',
    "a sum": '{"type": "agent_" + "started"}',
    "a call of dict": 'dict(type="agent_started")',
    "a nested message": '{"payload": {"event": "agent_started"}}',
    "a class": "Started()",
    "a function that makes it": "made()",
    "one of two": '{"type": "agent_started" if phase else "other"}',
    "JSON": 'json.dumps({"type": "agent_started"})',
    "JSON as a text": """f'{{"type": "agent_started", "phase": {phase}}}'""",
    "a class that is named after it": "AgentStartedEvent(phase)",
    "a constant from elsewhere": '{"type": elsewhere.AGENT_STARTED}',
}
NAMES = """
    import json
    from enum import Enum, StrEnum, auto
    STARTED = "agent_started"
    TABLE = {"begin": STARTED}
    class Kind(Enum):
        AGENT_STARTED = "agent_started"
    class Short(StrEnum):
        AGENT_STARTED = auto()
    class Started:
        type = STARTED
    def made():
        message = {}
        message["type"] = STARTED
        return message
"""


@pytest.mark.parametrize("made", MADE.values(), ids=MADE)
def test_an_event_is_seen_however_it_is_made(tmp_path, made) -> None:
    report = audited(tmp_path, f"{NAMES}\n    def tell(layer, phase):\n        layer.group_send('g', {made})\n")
    assert found(report, "source") == {"tell": ["agent_started"]}


@pytest.mark.parametrize("made", MADE.values(), ids=MADE)
def test_also_when_what_it_is_made_of_stands_in_another_file(tmp_path, made) -> None:
    text = f"from .names import *\nimport json\ndef tell(layer, phase):\n    layer.group_send('g', {made})\n"
    report = audited(tmp_path, {"app/__init__.py": "", "app/names.py": NAMES, "app/code.py": text})
    assert found(report, "source") == {"tell": ["agent_started"]}


SEEN = {
    "a comparison": 'if event["type"] == "agent_started": layer.group_send("g", event)',
    "a look": 'layer.group_send("g", {"type": "chat", "known": event in ("agent_started",)})',
    "a value of another key": 'layer.group_send("g", {"type": "chat", "text": "agent_started"})',
    "a log line": 'logger.info("agent_started"); layer.group_send("g", event)',
    "a key": 'layer.group_send("g", {"agent_started": 3})',
    "a case": 'match event["type"]:\n            case "agent_started": layer.group_send("g", event)',
}


@pytest.mark.parametrize("statement", SEEN.values(), ids=SEEN)
def test_who_only_looks_at_an_event_is_no_source(tmp_path, statement) -> None:
    report = audited(tmp_path, f"def look(layer, event, logger):\n        {statement}\n")
    assert found(report, "source") == {}
    assert list(found(report, "transport")) == ["look"]


# How it is sent -------------------------------------------------------------------------------------------------------

SENT = {
    "a layer": "await get_channel_layer().group_send('g', message)",
    "a layer from a thread": "async_to_sync(layer.group_send)('g', message)",
    "a manager": "await self.manager.send_to_user('u', message)",
    "a manager of a context": "await self.context.websocket_manager.send_to_user(user_id='u', event_data=message)",
    "a manager with another word": "await self.connection_manager.push('u', message)",
    "a broadcast": "await manager.broadcast(message)",
    "a critical event": "await self.manager.emit_critical_event(user_id='u', event_type=message['type'], data={})",
    "a socket": "await websocket.send_text(json.dumps(message))",
    "sockets in turn": "[await ws.send_json(message) for ws in self.sockets]",
    "Socket.IO": "await sio.emit('event', message)",
    "Redis": "await self.redis.publish('user:1', json.dumps(message))",
    "a thread": "loop.call_soon_threadsafe(layer.group_send, 'g', message)",
    "an ASGI send": "await send({'type': 'websocket.send', 'text': json.dumps(message)})",
    "its own method": "await self._push(message)",
    "a function of its file": "await _push(message)",
    "a queue of its own": "self.waiting.append(message)",
    "another name": "send = async_to_sync(layer.group_send); send('g', message)",
    "another name of its file": "_send('g', message)",
    "a name of its own": "self.send_on('u', message)",
    "a part of a function": "push = partial(manager.send_to_user, 'u'); push(message)",
    "Flask": "emit('event', message)",
    "Pusher": "pusher.trigger('channel', 'agent_started', {})",
    "Tornado": "self.write_message(message)",
    "a stream": "return StreamingHttpResponse(one for one in [message])",
    "a stream that a function makes": "return EventSourceResponse(self.made())",
}


@pytest.mark.parametrize("statement", SENT.values(), ids=SENT)
def test_a_send_is_seen_however_it_is_done(tmp_path, statement) -> None:
    report = audited(
        tmp_path,
        f"""
        from flask_socketio import emit
        _send = async_to_sync(get_channel_layer().group_send)

        async def _push(message):
            await get_channel_layer().group_send('g', message)

        class Bridge(WebSocketHandler):
            def __init__(self, manager):
                self.send_on = manager.send_to_user

            async def started(self, layer, send):
                message = {{"type": "agent_started"}}
                {statement}

            async def _push(self, message):
                await self.manager.send_to_user('u', message)

            def made(self):
                yield {{"type": "agent_started"}}

            async def flush(self):
                for one in self.waiting:
                    await self.manager.send_to_user('u', one)
        """,
    )
    assert owners(report.sources("agent_started")) == ["Bridge"]


def test_a_consumer_that_makes_an_event_is_a_source(tmp_path) -> None:
    report = audited(
        tmp_path,
        """
        class Chat(AsyncJsonWebsocketConsumer):
            async def receive_json(self, content):
                await self.send_json({"type": "agent_started"})
        """,
    )
    assert found(report, "source") == {"Chat.receive_json": ["agent_started"]}


def test_a_consumer_that_takes_an_event_from_its_group_is_none(tmp_path) -> None:
    report = audited(
        tmp_path,
        """
        class Chat(AsyncJsonWebsocketConsumer):
            async def agent_started(self, event):
                await self.send_json({"type": "agent_started", "data": event["data"]})
        """,
    )
    assert found(report, "source") == {}
    assert list(found(report, "transport")) == ["Chat.agent_started"]


# Who it is that sends -------------------------------------------------------------------------------------------------


def test_functions_that_share_a_plain_send_are_sources_each(tmp_path) -> None:
    report = audited(
        tmp_path,
        """
        def push(user, message):
            get_channel_layer().group_send(user, message)
        def web(user):
            push(user, {"type": "agent_started"})
        def api(user):
            push(user, {"type": "agent_started"})
        """,
    )
    assert list(found(report, "source")) == ["web", "api"]
    assert list(found(report, "transport")) == ["push"]


def test_a_function_that_takes_any_type_is_the_source_of_what_it_is_given(tmp_path) -> None:
    report = audited(
        tmp_path,
        {
            "app/emitter.py": """
                class Emitter:
                    async def emit(self, user, event_type, payload):
                        await self.layer.group_send(user, {"type": event_type, **payload})
                emitter = Emitter()
            """,
            "app/faces.py": """
                from app.emitter import emitter
                class Old:
                    async def started(self):
                        await emitter.emit("u", "agent_started", {})
                class Older:
                    async def started(self):
                        await emitter.emit("u", event_type="agent_started", payload={})
            """,
        },
    )
    assert found(report, "source") == {"Emitter.emit": ["agent_started"]}
    assert list(found(report, "delegates")) == ["Old.started", "Older.started"]


def test_an_emitter_that_is_handed_in_is_found_by_its_name(tmp_path) -> None:
    report = audited(
        tmp_path,
        """
        class Emitter:
            async def emit(self, event_type, payload):
                await self.manager.send_to_user("u", {"type": event_type})
        class Other:
            def emit(self, event_type):
                self.layer.group_send("g", event_type)
        class Face:
            def __init__(self, emitter):
                self._emitter = emitter
            async def started(self):
                await self._emitter.emit("agent_started", {})
        """,
    )
    assert found(report, "source") == {"Emitter.emit": ["agent_started"]}
    assert found(report, "delegates") == {"Face.started": ["agent_started"]}


def test_another_method_of_an_emitter_is_one_to_delegate_to(tmp_path) -> None:
    report = audited(
        tmp_path,
        """
        class Emitter:
            def emit(self, event):
                self.layer.group_send("g", event)
            def emit_many(self, items):
                for item in items:
                    self.layer.group_send("g", item)
        def stop(emitter: Emitter):
            emitter.emit_many([{"type": "agent_completed"}])
        """,
    )
    assert found(report, "delegates") == {"stop": ["agent_completed"]}
    assert found(report, "source") == {"Emitter.emit_many": ["agent_completed"]}


def test_events_by_their_annotation(tmp_path) -> None:
    report = audited(
        tmp_path,
        """
        class Event(Protocol):
            def payload(self): ...
        class Started:
            type: ClassVar[str] = "agent_started"
            def payload(self): ...
        class Emitter:
            def emit(self, event: Event):
                self.layer.group_send("g", event.payload())
        """,
    )
    assert found(report, "source") == {"Emitter.emit": ["agent_started"]}


def test_who_has_no_emitter_at_hand_delegates_by_the_name_it_calls(tmp_path) -> None:
    report = audited(tmp_path, "class Agent:\n    def go(self):\n        self.bridge.notify_agent_started('run')\n")
    assert found(report, "delegates") == {"Agent.go": ["agent_started"]}


def test_a_subclass_that_sends_by_itself_is_a_source_of_its_own(tmp_path) -> None:
    report = audited(
        tmp_path,
        """
        class Base:
            def _push(self, message):
                self.layer.group_send("g", message)
            def started(self):
                self._push({"type": "agent_started"})
        class Loud(Base):
            def started(self):
                super().started()
                self._push({"type": "agent_started", "loud": True})
        """,
    )
    assert owners(report.sources("agent_started")) == ["Base", "Loud"]


def test_a_decorator_that_sends_what_a_function_answers(tmp_path) -> None:
    report = audited(
        tmp_path,
        """
        def sends(make):
            def method(*args):
                get_channel_layer().group_send("g", make(*args))
            return method
        class Face:
            @sends
            def started(self):
                return {"type": "agent_started"}
        """,
    )
    assert found(report, "source") == {"Face.started": ["agent_started"]}


def test_what_calls_itself_comes_to_an_end(tmp_path) -> None:
    report = audited(
        tmp_path,
        """
        from .code import *
        a = b
        b = a
        class A(B): type = A
        class B(A): type = a
        def one(message): return two(one(message))
        def two(message): two(message); one({"type": a}); layer.group_send("g", one({"type": "agent_started"}))
        """,
    )
    assert found(report, "source") == {"two": ["agent_started"]}


# Any event, any way ---------------------------------------------------------------------------------------------------


@given(
    event=st.sampled_from(CRITICAL),
    depth=st.integers(0, 4),
    key=st.sampled_from(["type", "event_type", "event"]),
    names=st.permutations(["message", "event", "data", "kind"]),
)
def test_an_event_is_followed_through_names_and_functions(event, depth, key, names) -> None:
    first, second, *_ = names
    functions = "".join(f"def _f{n}({first}):\n    {second} = {first}\n    _f{n + 1}({second})\n" for n in range(depth))
    text = f"{functions}def _f{depth}({second}):\n    layer.group_send('g', {second})\n"
    text += f"def source():\n    {first} = {{'{key}': '{event}'}}\n    _f0({first})\n"
    module = read_text("code.py", text.encode())
    assert isinstance(module, Module), module
    sources = [one for one in judge([module]) if one.verdict is Verdict.SOURCE]
    assert [(one.symbol, one.events) for one in sources] == [("source", [event])]
