"""Who it is that sends: a source of its own, or one who delegates."""

from .code_bases import audited, found, owners


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


def test_a_decorator_that_is_given_an_event(tmp_path) -> None:
    report = audited(
        tmp_path,
        """
        def emits(event):
            def decorator(make):
                async def method(self):
                    await self.websocket.send_json({"type": event, "data": await make(self)})
                return method
            return decorator
        class Agent:
            @emits("agent_started")
            async def begin(self):
                return {}
            @emits(event="agent_completed")
            async def end(self):
                return {}
        """,
    )
    assert found(report, "source") == {"emits": ["agent_started", "agent_completed"]}
    assert found(report, "delegates") == {"Agent.begin": ["agent_started"], "Agent.end": ["agent_completed"]}


def test_a_decorator_that_only_listens_sends_nothing(tmp_path) -> None:
    report = audited(
        tmp_path,
        """
        class Page:
            @bus.on("agent_started")
            @emitter.listens_to("agent_completed")
            def show(self, event):
                self.text = event
        """,
    )
    assert report.findings == []


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
