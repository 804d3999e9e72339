"""Changes of mode are a history in which each follows on one other."""

from decimal import Decimal

import pytest

from emitter.errors import EmitterError
from emitter.migration import history
from emitter.migration.modes import Setting
from emitter.models import AdapterMode, Mode

pytestmark = pytest.mark.django_db
SILENT = "tests.migration.senders.silent"


@pytest.fixture
def registered(configure) -> None:
    configure(LEGACY_SENDERS={"unified_emitter": SILENT})


def refusal(*change: object) -> EmitterError:
    with pytest.raises(EmitterError) as caught:
        history.change(*change, by="alice")
    return caught.value


def test_the_newest_change_holds(registered) -> None:
    history.change("unified_emitter", "legacy", by="alice")
    history.change("unified_emitter", "unified", Decimal("2.5"), by="bob", reason="a try")
    setting = history.settings()["unified_emitter"]
    assert (setting.mode, setting.percent, setting.rest) == (Mode.UNIFIED, Decimal("2.5"), Mode.LEGACY)
    assert (setting.by, setting.reason) == ("bob", "a try")
    assert AdapterMode.objects.count() == 2


def test_an_adapter_that_was_never_set_is_unified(registered) -> None:
    assert history.settings() == {}
    assert history.setting_of("base_agent") == Setting("base_agent")


@pytest.mark.parametrize("mode", ["legacy", "shadow"])
def test_a_mode_that_needs_an_old_sender_is_refused_without_one(mode, db) -> None:
    error = refusal("base_agent", mode)
    assert error.code == "no_legacy_sender"
    assert "EMITTER['LEGACY_SENDERS']['base_agent']" in error.detail
    assert refusal("base_agent", mode, Decimal(5)).code == "no_legacy_sender"


def test_what_there_is_not_is_refused_by_name(registered) -> None:
    assert refusal("bridge", "legacy").code == "unknown_adapter"
    assert refusal("unified_emitter", "off").code == "bad_mode"
    assert refusal("unified_emitter", "legacy", Decimal(101)).code == "bad_mode"
    assert AdapterMode.objects.count() == 0


def test_of_two_changes_of_one_state_the_second_is_refused(registered) -> None:
    first, second = (history.checked("unified_emitter", mode) for mode in ("legacy", "shadow"))
    history.write(first, by="alice", reason="")
    with pytest.raises(EmitterError) as caught:
        history.write(second, by="bob", reason="")
    assert caught.value.code == "mode_changed"
    assert history.settings()["unified_emitter"].mode is Mode.LEGACY
