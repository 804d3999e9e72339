"""Any interleaving of what producers, clients, the layer and upkeep do ends with the client's list equal to the log.

A state machine over the service, the session and a lossy layer; hypothesis looks for the order that breaks it.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any

import msgspec
import pytest
from channels.layers import get_channel_layer
from django.contrib.auth.models import User
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from emitter import blocking, log
from emitter.context import RunContext
from emitter.delivery import reception_here
from emitter.events import AgentThinking
from emitter.log import retention
from emitter.models import Event
from emitter.service import emitter, upkeep

from .conftest import Configure
from .sockets import Conversation, converse

faults = st.sampled_from(
    [{}, {"lose": 1.0}, {"lose": 0.5}, {"repeat": 1.0}, {"delay": 0.004}, {"lose": 0.3, "repeat": 0.5}]
)


class Stream(RuleBasedStateMachine):
    """One user's stream, one device, and at most one client at a time. The applied list is kept across connections."""

    users = 0

    @initialize(fault=faults)
    def begin(self, fault: dict[str, float]) -> None:
        Stream.users += 1
        self.loop = asyncio.new_event_loop()
        self.key = str(User.objects.create(username=f"user-{Stream.users}").pk)
        self.client: Conversation | None = None
        self.visit: Any = None
        #: What the client has, by number: everything after ``since``, up to ``position``.
        self.applied: dict[int, Any] = {}
        self.epoch, self.position, self.since = "", 0, 0
        self.taken = 0
        self.layer(fault)

    def layer(self, fault: dict[str, float]) -> None:
        layer: Any = get_channel_layer()
        layer.lose, layer.repeat, layer.delay = (fault.get(name, 0.0) for name in ("lose", "repeat", "delay"))

    def do(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(work)

    # Producers --------------------------------------------------------------------------------------------------------

    @rule(count=st.integers(1, 5))
    def emit(self, count: int) -> None:
        items = [(RunContext(self.key, run_id=f"run-{self.key}"), AgentThinking("t"))] * count
        self.do(emitter.aemit_many(items))

    @rule(count=st.integers(1, 3))
    def emit_and_roll_back(self, count: int) -> None:
        with transaction.atomic():
            for _ in range(count):
                emitter.emit(RunContext(self.key, run_id=f"run-{self.key}"), AgentThinking("never"))
            transaction.set_rollback(True)

    # The layer --------------------------------------------------------------------------------------------------------

    @rule(fault=faults)
    def change_the_layer(self, fault: dict[str, float]) -> None:
        self.layer(fault)

    # The client -------------------------------------------------------------------------------------------------------

    @precondition(lambda self: self.client is None)
    @rule(way=st.sampled_from(["position", "device", "beginning"]))
    def connect(self, way: str) -> None:
        where: dict[str, Any] = {"device": "phone"}
        if way == "beginning":
            where |= {"after": 0}
        elif way == "position" and self.epoch:
            where |= {"after": self.position, "epoch": self.epoch}
        self.visit = converse(self.key, **where)
        self.taken = 0
        self.client = self.do(self.visit.__aenter__())
        self.take()

    @precondition(lambda self: self.client is not None)
    @rule(ack=st.booleans())
    def read(self, ack: bool) -> None:
        self.do(self.catch_up(ack))

    @precondition(lambda self: self.client is not None)
    @rule()
    def disconnect(self) -> None:
        self.do(self.visit.__aexit__(None, None, None))
        self.take()
        self.client = None

    # Upkeep -----------------------------------------------------------------------------------------------------------

    @rule(keep=st.integers(0, 4))
    def prune(self, keep: int) -> None:
        from datetime import timedelta

        from django.utils import timezone

        old = timezone.now() - timedelta(days=40)
        head = log.open_stream(self.key).head
        Event.objects.filter(stream=self.key, seq__lte=head - keep).update(created_at=old)
        for _ in retention.prune(self.key, timezone.now() - timedelta(days=30)):
            pass

    @rule()
    def new_epoch(self) -> None:
        self.do(blocking.run(upkeep.new_epoch, [self.key]))

    # What must hold ---------------------------------------------------------------------------------------------------

    async def catch_up(self, ack: bool) -> None:
        """Reads until the client is where the log is."""
        assert self.client is not None
        state = await blocking.run(log.open_stream, self.key)
        async with asyncio.timeout(60):
            while (self.client.epoch, self.client.position) != (state.epoch, state.head):
                await reception_here().look()
                await self.client.receive()
                if ack:
                    await self.client.send("ack", seq=self.client.position)
        self.take()

    def take(self) -> None:
        """Follows the frames as a client must."""
        assert self.client is not None
        for frame in self.client.frames[self.taken :]:
            match frame:
                case {"type": "hello", "epoch": epoch, "after": after}:
                    if (epoch, after) != (self.epoch, self.position):
                        self.start_anew(epoch, after)
                case {"type": "gap", "epoch": epoch, "first": first}:
                    self.start_anew(epoch, first - 1)
                case {"type": "batch", "events": events}:
                    self.apply(*events)
                case {"seq": _}:
                    self.apply(frame)
        self.taken = len(self.client.frames)

    def start_anew(self, epoch: str, after: int) -> None:
        self.applied.clear()
        self.epoch, self.position, self.since = epoch, after, after

    def apply(self, *events: Any) -> None:
        for event in events:
            assert event["seq"] == self.position + 1
            self.position = event["seq"]
            self.applied[self.position] = event

    def teardown(self) -> None:
        if not hasattr(self, "loop"):
            return
        if self.client is None:
            self.connect("position")
        self.do(self.catch_up(ack=True))
        stored = {one.seq: msgspec.json.decode(one.body) for one in log.read_after(self.key, 0, limit=10_000)}
        expected = {seq: event for seq, event in stored.items() if seq > self.since}
        assert {seq: event for seq, event in self.applied.items() if seq in stored} == expected
        self.disconnect()
        self.loop.close()


@pytest.mark.django_db(transaction=True)
def test_any_interleaving_ends_with_the_log(settings: Any, configure: Configure) -> None:
    configure(REPAIR_SECONDS=0.05)
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": "tests.lossy_layer.LossyChannelLayer"}}
    run_state_machine_as_test(Stream, settings=SETTINGS)


SETTINGS = settings(
    max_examples=30, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True
)
