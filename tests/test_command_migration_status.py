"""`manage.py migration_status`, as an operator uses it."""

from decimal import Decimal

import msgspec
import pytest
from django.core.management import CommandError

from emitter.migration import history
from emitter.migration.modes import ADAPTERS
from emitter.models import AdapterMode, AdapterTally, Mode, ShadowDifference

from .commands import told

pytestmark = pytest.mark.django_db
COMMAND = "migration_status"


@pytest.fixture
def registered(configure) -> None:
    configure(LEGACY_SENDERS={"unified_emitter": "tests.migration.senders.silent"})


def status(adapter: str) -> dict:
    return msgspec.json.decode(told(COMMAND, "--json"))["adapters"][adapter]


def complaint(*arguments: str) -> CommandError:
    with pytest.raises(CommandError) as caught:
        told(COMMAND, *arguments)
    return caught.value


def test_a_table_of_every_adapter() -> None:
    head, *lines = told(COMMAND).splitlines()
    assert head.split() == ["adapter", "mode", "since", "by", "old", "sender", "calls", "failures", "differences"]
    assert [line.split()[:3] for line in lines] == [[adapter, "unified", "always"] for adapter in ADAPTERS]


def test_a_mode_is_set_for_a_share_and_told(registered) -> None:
    told(COMMAND, "--set", "unified_emitter", "legacy")
    said = told(COMMAND, "--set", "unified_emitter", "unified", "--users", "12.5%", "--reason", "first try")
    assert said == "unified_emitter: unified 12.5 %, else legacy. Every process follows within 5 seconds.\n"
    shown = status("unified_emitter")
    assert (shown["mode"], shown["percent"], shown["rest"]) == ("unified", 12.5, "legacy")
    assert (shown["reason"], shown["sender"], bool(shown["by"])) == ("first try", True, True)
    assert status("base_agent")["sender"] is False


def test_counts_are_those_since_the_mode_was_set(registered) -> None:
    setting = history.change("unified_emitter", "shadow", by="alice")
    minute = {"adapter": "unified_emitter", "minute": setting.since, "mode": Mode.SHADOW}
    AdapterTally.objects.create(**minute, change=0, calls=9)
    AdapterTally.objects.create(**minute, change=setting.change, calls=1_200, failures=3, differences=2)
    assert told(COMMAND).splitlines()[1].split()[-3:] == ["1,200", "3", "2"]
    assert [status("unified_emitter")[name] for name in ("calls", "failures", "differences")] == [1_200, 3, 2]


def test_a_share_tells_how_many_calls_went_which_way(registered) -> None:
    history.change("unified_emitter", "legacy", by="alice")
    setting = history.change("unified_emitter", "shadow", Decimal(10), by="alice", reason="a first look")
    row = {"adapter": "unified_emitter", "minute": setting.since, "change": setting.change}
    AdapterTally.objects.create(**row, mode=Mode.LEGACY, calls=1_800)
    AdapterTally.objects.create(**row, mode=Mode.SHADOW, calls=200)
    remarks = ["unified_emitter: a first look", "unified_emitter: 1,800 calls in legacy, 200 calls in shadow"]
    assert told(COMMAND).splitlines()[-2:] == remarks
    assert status("unified_emitter")["calls_by_mode"] == {"legacy": 1_800, "shadow": 200}


def test_differences_are_told_by_what_differs(registered) -> None:
    row = {"adapter": "base_agent", "kind": "field", "what": "field tool_name", "at": "2026-01-02T00:00Z"}
    for _ in range(2):
        ShadowDifference.objects.create(**row, method="emit_tool_executing", old="{}", new="{}")
    assert (
        told(COMMAND).splitlines()[-1]
        == "base_agent.emit_tool_executing: field tool_name (2 kept, the last of 2026-01-02 00:00)"
    )
    assert status("base_agent")["stored_differences"] == [
        {
            "method": "emit_tool_executing",
            "kind": "field",
            "what": "field tool_name",
            "calls": 2,
            "last": "2026-01-02T00:00:00+00:00",
        }
    ]


def test_what_cannot_be_set_says_why(registered) -> None:
    assert "no_legacy_sender: base_agent has no old sender" in str(complaint("--set", "base_agent", "shadow"))
    assert "unknown_adapter" in str(complaint("--set", "bridge", "legacy"))
    assert "bad_mode" in str(complaint("--set", "unified_emitter", "off"))
    assert complaint("--users", "5").returncode == 2
    assert AdapterMode.objects.count() == 0


@pytest.mark.parametrize("percent", ["101", "-1", "a few", "1.234", "nan"])
def test_a_percentage_is_one(percent, registered) -> None:
    assert "is no percentage" in str(complaint("--set", "unified_emitter", "legacy", f"--users={percent}"))
