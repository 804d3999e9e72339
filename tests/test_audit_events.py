"""How an event is made, and how it is sent: whatever it looks like, the audit sees it."""

import pytest

from .code_bases import audited, found, owners

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
    "an attribute by its name": "await getattr(manager, 'send_to_user')('u', message)",
    "an attribute by its name, or none": "send = getattr(manager, 'send_to_user', None); await send('u', message)",
    "a stream of texts": "return StreamingHttpResponse(['event: agent_started\\ndata: {}\\n\\n'])",
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
