"""What client events, and what sends them, are called in the code bases that this audit reads."""

from __future__ import annotations

import re
from collections.abc import Iterable

from emitter.events import CRITICAL

#: Keys of a message that name its type.
TYPE_KEYS = frozenset(
    {"type", "event_type", "eventType", "event", "event_name", "kind", "name", "message_type", "action"}
)
#: Attributes of a class of events that name its type.
TYPE_ATTRIBUTES = ("type", "event_type", "event_name", "kind")
#: Parameters by which a function takes an event of whatever type.
TYPE_PARAMETERS = frozenset(
    {"event", "event_type", "type", "type_", "kind", "event_name", "message_type", "notification_type", "evt"}
)
#: Functions of channel layers and socket managers; whoever calls one sends, whatever the receiver is called.
SENDS = frozenset(
    {
        "group_send",
        "group_send_many",
        "send_to_user",
        "send_to_users",
        "send_to_thread",
        "send_to_group",
        "send_to_room",
        "send_to_connection",
        "send_to_client",
        "send_to_user_with_wait",
        "send_personal_message",
        "send_agent_event",
        "emit_critical_event",
        "broadcast_to_user",
        "broadcast_to_group",
        "broadcast_to_room",
    }
)
#: Functions of sockets; whoever calls one sends, if the receiver is a socket or what holds sockets.
SOCKET_SENDS = frozenset(
    {
        "send_json",
        "send_text",
        "send_str",
        "broadcast",
        "broadcast_json",
        "broadcast_text",
        "write_message",
        "sendMessage",
    }
)
#: What a stream of events goes out by, when a function makes one after the other.
STREAMS = frozenset({"EventSourceResponse", "StreamingResponse", "StreamingHttpResponse"})
#: What makes another function of a function.
WRAPPERS = frozenset({"async_to_sync", "sync_to_async", "partial"})

#: Characters of a text that may be the name of an event.
_LONGEST = 20
_VERB = re.compile(r"_*a?(send|emit|publish|broadcast|push|put|write|trigger)(_|\Z)", re.IGNORECASE)
_HANDS_ON = re.compile(
    r"_*a?(emit|notify|send|publish|broadcast|dispatch|push|fire|forward|deliver|trigger)(_|\Z)", re.IGNORECASE
)
_SOCKET = re.compile(
    r"(\A|_)(layers?|managers?|websockets?|sockets?|ws|connections?|conns?|sio|socketio|channels?|redis|pubsub|transport|pusher|"
    r"pipeline|consumers?|clients)\Z",
    re.IGNORECASE,
)
_LAYER = re.compile(r"(\A|_)(layers?|managers?|websockets?|ws|sio|socketio|consumers?)\Z", re.IGNORECASE)
_SOCKET_CLASS = re.compile(r"(Manager|Layer|Consumer|Connections?|Connection(Pool|Handler)|WebSocket|Socket)\Z")
_CONSUMER = re.compile(r"(Consumer|Web[sS]ocket(Handler|Endpoint|ServerProtocol)?|Namespace)\Z")
_SUFFIX = re.compile(r"(Event|Message|Frame)\Z")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_IN_JSON = re.compile(rf'"(?:{"|".join(TYPE_KEYS)})"\s*:\s*"({"|".join(CRITICAL)})"')
_IN_STREAM = re.compile(rf"^event: ?({'|'.join(CRITICAL)})\s*$", re.MULTILINE)
_BOOKKEEPING = re.compile(
    r"(\A|_)(log|logger|logging|metrics?|statsd|tracer|span|counter|warnings|mock|audit\w*)\Z", re.IGNORECASE
)
_EVENTFUL = re.compile(r"start|think|thought|execut|complet|finish|tool|\A__a?(enter|exit)__\Z", re.IGNORECASE)
_PARTING = re.compile(r"[.:\-]")


def event_in(text: str) -> str | None:
    """The critical event that a text names, also as Channels writes it: ``agent.started``."""
    if len(text) > _LONGEST:
        return None
    spelled = _PARTING.sub("_", text)
    return spelled if spelled in CRITICAL else None


def events_written_in(text: str) -> frozenset[str]:
    """The event that a text is, or the events that it names as JSON or as a server-sent event."""
    if len(text) > _LONGEST or text.startswith("event:"):
        return frozenset([*_IN_JSON.findall(text), *_IN_STREAM.findall(text)])
    event = event_in(text)
    return frozenset() if event is None else frozenset({event})


def event_called(name: str) -> str | None:
    """The event that a constant or a class is called after: ``AGENT_STARTED``, ``AgentStartedEvent``."""
    return event_in(_HUMP.sub("_", _SUFFIX.sub("", name)).lower())


def events_like(parts: Iterable[str | None]) -> frozenset[str]:
    """The events that a text with holes (``None``) may name. What says less than ``agent_…`` names none."""
    known = list(parts)
    said = "".join(_PARTING.sub("_", part) for part in known if part is not None)
    if len(said) < len("tool_") or len(said) > _LONGEST or "_" not in said:
        return frozenset()
    pattern = "".join(r"\w*" if part is None else re.escape(_PARTING.sub("_", part)) for part in known)
    return frozenset(event for event in CRITICAL if re.fullmatch(pattern, event))


def event_named_by(function: str) -> str | None:
    """The event that a function is named after: ``notify_agent_started``."""
    if not _HANDS_ON.match(function):
        return None
    return next((event for event in CRITICAL if event in function), None)


def is_eventful(function: str) -> bool:
    """Whether a function's name may mean one event: ``thinking``, ``emit_tool_executing``, ``__aenter__``."""
    return bool(_EVENTFUL.search(function))


def is_send(chain: str) -> bool:
    """Whether a call sends for sure: ``layer.group_send``, ``manager.send_to_user``, ``websocket.send_json``."""
    receiver, _, name = chain.rpartition(".")
    if name in SENDS:
        return bool(receiver)
    if name in SOCKET_SENDS or name == "send":
        word = last_word(receiver)
        return bool(_LAYER.search(word)) and not (name == "send" and word.lower() in ("manager", "managers"))
    return name == "emit" and last_word(receiver) in ("sio", "socketio", "flask_socketio")


def is_stream(chain: str) -> bool:
    """Whether a call answers with what a function makes one after the other."""
    return chain.rpartition(".")[2] in STREAMS


def may_send(chain: str) -> bool:
    """Whether a call sends if it is given an event: ``connection.write``, ``redis.publish``."""
    receiver, _, name = chain.rpartition(".")
    return bool(_VERB.match(name) and _SOCKET.search(last_word(receiver)))


def hands_on(chain: str) -> bool:
    """Whether a call that is given an event hands it to somebody who sends it."""
    receiver, _, name = chain.rpartition(".")
    return bool(_HANDS_ON.match(name)) and not _BOOKKEEPING.search(last_word(receiver))


def without_queue(chain: str) -> str:
    """The task that a call leaves to a worker: ``notify`` of ``notify.delay``."""
    return chain.removesuffix(".delay").removesuffix(".apply_async")


def is_socket_class(name: str) -> bool:
    """Whether a class is called as what holds sockets, and not as what emits."""
    return bool(_SOCKET_CLASS.search(name)) and "Emitter" not in name


def is_consumer_class(name: str) -> bool:
    """Whether a class is called as what is itself one socket."""
    return bool(_CONSUMER.search(name))


def last_word(receiver: str) -> str:
    """``manager`` of ``self.context.manager``; ``get_channel_layer`` of ``get_channel_layer()``."""
    return receiver.rpartition(".")[2].rstrip("()[]")
