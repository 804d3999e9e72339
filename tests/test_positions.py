"""The table of positions, row by row, over a real socket: hello, a gap or none, replay, live."""

from dataclasses import dataclass
from typing import Any

import pytest
from django.contrib.auth.models import User

from emitter.blocking import run
from emitter.delivery.devices import Position, remember
from emitter.policy.users import key_of

from .processes import Daphne
from .sockets import connect, emit_there
from .streams import epoch_of, prune, think

pytestmark = pytest.mark.django_db(transaction=True)

HEAD = 9
NOW = "the current epoch"
OTHER = "another epoch"


@dataclass(frozen=True)
class Row:
    """What a client says of a stream of nine events, and what the session answers before it is live."""

    name: str
    query: dict[str, Any]
    replayed: list[int]
    gap: tuple[int, int, str] | None = None
    pruned_to: int = 0
    device: tuple[str, int] | None = None

    @property
    def hello_after(self) -> int:
        first = self.gap[1] if self.gap else (self.replayed or [HEAD + 1])[0]
        return first - 1


ROWS = [
    Row("nothing, no device", {}, []),
    Row("an epoch alone", {"epoch": OTHER}, []),
    Row(
        "a device of another epoch",
        {"device": "phone"},
        [1, 2, 3, 4, 5, 6, 7, 8, 9],
        (4, 1, "epoch"),
        device=(OTHER, 4),
    ),
    Row("the same, pruned", {"device": "phone"}, [7, 8, 9], (4, 7, "epoch"), 6, (OTHER, 4)),
    Row("a device", {"device": "phone"}, [5, 6, 7, 8, 9], device=(NOW, 4)),
    Row("a device at the head", {"device": "phone"}, [], device=(NOW, 9)),
    Row("a device whose next is pruned", {"device": "phone"}, [7, 8, 9], (4, 7, "pruned"), 6, (NOW, 4)),
    Row("a new device", {"device": "desk"}, [], device=(NOW, 4)),
    Row("zero", {"after": 0}, [1, 2, 3, 4, 5, 6, 7, 8, 9]),
    Row("zero of any epoch", {"after": 0, "epoch": OTHER}, [1, 2, 3, 4, 5, 6, 7, 8, 9]),
    Row("zero, pruned", {"after": 0}, [7, 8, 9], (0, 7, "pruned"), 6),
    Row("zero, all pruned", {"after": 0}, [], (0, 10, "pruned"), 9),
    Row("a kept position", {"after": 7, "epoch": NOW}, [8, 9]),
    Row("a position beats the device's", {"after": 7, "epoch": NOW, "device": "phone"}, [8, 9], device=(NOW, 4)),
    Row("the last that is gone", {"after": 6, "epoch": NOW}, [7, 8, 9], pruned_to=6),
    Row("the head", {"after": 9, "epoch": NOW}, []),
    Row("older than kept", {"after": 2, "epoch": NOW}, [7, 8, 9], (2, 7, "pruned"), 6),
    Row("above the head", {"after": 12, "epoch": NOW}, [], (12, 10, "future")),
    Row("another epoch", {"after": 7, "epoch": OTHER}, [1, 2, 3, 4, 5, 6, 7, 8, 9], (7, 1, "epoch")),
    Row("another epoch, pruned", {"after": 7, "epoch": OTHER}, [7, 8, 9], (7, 7, "epoch"), 6),
    Row("a position without an epoch", {"after": 7}, [1, 2, 3, 4, 5, 6, 7, 8, 9], (7, 1, "epoch")),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
async def test_position(row: Row, daphne: Daphne, alice: User) -> None:
    key = key_of(alice)
    await think(key, HEAD)
    epoch = await epoch_of(key)
    if row.pruned_to:
        await prune(key, row.pruned_to)
    if row.device:
        await run(
            remember, [Position(key, "phone", epoch if row.device[0] == NOW else "an older epoch", row.device[1])]
        )
    query = {name: epoch if value == NOW else value for name, value in row.query.items()}
    async with connect(daphne, key, **query) as client:
        await emit_there(daphne, key)
        await client.until(HEAD + 1)
    gaps = [(frame["after"], frame["first"], frame["reason"]) for frame in client.frames if frame["type"] == "gap"]
    assert (client.hello["epoch"], client.hello["head"], client.hello["after"]) == (epoch, HEAD, row.hello_after)
    assert gaps == ([row.gap] if row.gap else [])
    assert client.seqs == [*row.replayed, HEAD + 1]
