"""docs/migration.md tells all of it, and its old sender works."""

import re
from typing import Any

import pytest

from emitter.adapters.unified_emitter import UnifiedWebSocketEmitter
from emitter.blocking import run
from emitter.migration import history
from emitter.migration.compare import EXPECTED, KINDS
from emitter.migration.ledger import ledger
from emitter.migration.modes import ADAPTERS
from emitter.models import AdapterTally, Mode, ShadowDifference

from ..processes import PROJECT
from .old_wire import OldUnified

GUIDE = (PROJECT / "docs" / "migration.md").read_text()


@pytest.mark.parametrize("table", [KINDS, EXPECTED])
def test_every_difference_with_its_meaning(table: dict[str, str]) -> None:
    for name, meaning in table.items():
        line = f"| `{name}` | {meaning} |"
        assert line in GUIDE, f"Write in docs/migration.md: {line}"


@pytest.mark.parametrize("phase", ["Phase 1: enhance", "Phase 2: redirect", "Phase 3: remove"])
def test_each_phase_says_what_to_do_the_risk_and_the_way_back(phase: str) -> None:
    section = GUIDE.split(f"\n## {phase}\n")[1].split("\n## ")[0]
    places = [section.index(title) for title in ("**What to do**", "**The risk.**", "**The way back.**")]
    assert places == sorted(places)


def test_every_mode_and_adapter_is_named() -> None:
    assert [name for name in (*Mode.values, *ADAPTERS) if f"`{name}`" not in GUIDE] == []


@pytest.mark.django_db(transaction=True)
async def test_the_old_sender_of_the_guide_sends_and_reports(key: str, configure: Any) -> None:
    (block,) = re.findall(r" {3}```python\n(.*?) {3}```", GUIDE, re.DOTALL)
    names: dict[str, Any] = {"OldEmitter": lambda manager, user, context: OldEmitter(manager, user)}
    exec("\n".join(line[3:] for line in block.splitlines()), names)
    wire: list[Any] = []

    async def send(_: Any, user_id: str, frame: Any) -> None:
        wire.append((user_id, frame))

    class OldEmitter:
        def __init__(self, manager: Any, user: str) -> None:
            self.manager, self.user = manager, user

        async def notify_tool_executing(self, tool_name: str) -> None:
            said = OldUnified(UnifiedWebSocketEmitter(None, self.user)).notify_tool_executing(tool_name)
            await self.manager.emit_critical_event(self.user, said["type"], said["data"])

    names["manager"] = type("Manager", (names["OldManager"],), {"send": send})()
    configure(LEGACY_SENDERS={"unified_emitter": names["send_old"]})
    await run(lambda: history.change("unified_emitter", "shadow", by="alice"))
    await UnifiedWebSocketEmitter(None, key).notify_tool_executing("search")
    await run(ledger.flush)
    assert [(user, frame["data"]["tool"]) for user, frame in wire] == [(key, "search")]
    assert await run(lambda: (AdapterTally.objects.get().calls, ShadowDifference.objects.count())) == (1, 0)
