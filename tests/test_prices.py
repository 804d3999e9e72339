"""What a call costs."""

import socket
import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from emitter.events import Usage
from emitter.metering import prices
from emitter.metering.prices import cost_of, label_of

from .processes import PROJECT

AT = datetime(2026, 1, 2, tzinfo=UTC)
OWN = {"house": {"input": "0.123456", "output": Decimal("7")}, "gpt-5": {"input": 0, "output": "0.5"}}


def test_a_listed_model_costs_what_the_list_says() -> None:
    assert cost_of(Usage("gpt-5", 812, 64), AT) == Decimal("0.001655000000")
    assert cost_of(Usage("gpt-5-2025-08-07", 1_000_000), AT) == Decimal("1.25")


def test_the_provider_may_stand_before_the_model() -> None:
    assert cost_of(Usage("openai/gpt-5", 812, 64), AT) == cost_of(Usage("gpt-5", 812, 64), AT)


def test_the_price_is_that_of_the_moment() -> None:
    before, after = (datetime(2025, month, 1, tzinfo=UTC) for month in (6, 7))
    assert [cost_of(Usage("o3", 1_000_000), at) for at in (before, after)] == [Decimal(10), Decimal(2)]


@pytest.mark.parametrize("model", ["", "nobody's model", "claude-nobody", "openai/nobody", "whisper-1", "x" * 200])
def test_what_nobody_knows_costs_null_and_never_0(model) -> None:
    assert cost_of(Usage(model, 1_000, 1_000), AT) is None


def test_a_teams_own_prices_come_first(configure) -> None:
    configure(PRICES=OWN)
    assert cost_of(Usage("house", 1, 0), AT) == Decimal("0.000000123456")
    assert cost_of(Usage("gpt-5", 1_000_000, 2_000_000), AT) == Decimal(1)
    assert cost_of(Usage("gpt-5-mini", 1_000_000), AT) == Decimal("0.25")


@pytest.mark.parametrize("own", [{"input": "1"}, {"input": 0.1, "output": "1"}, {"input": "-1", "output": "1"}, "1", 7])
def test_a_price_that_is_none_is_null_and_logged(own, configure, caplog) -> None:
    configure(PRICES={"house": own})
    assert cost_of(Usage("house", 1_000), AT) is None
    assert "unpriced: the price of a call of 'house'" in caplog.text


def test_a_cost_beyond_belief_is_none(configure, caplog) -> None:
    configure(PRICES={"house": {"input": "1000", "output": "1000"}})
    assert cost_of(Usage("house", 10**8), AT) == Decimal(100_000)
    assert cost_of(Usage("house", 10**8 + 1), AT) is None
    assert "are not believed" in caplog.text


def test_a_label_is_a_name_that_some_price_list_knows(configure) -> None:
    configure(PRICES=OWN)
    names = ["house", "gpt-5-2025-08-07", "openai/gpt-5-mini", "alice's secret", ""]
    assert [label_of(name) for name in names] == ["house", "gpt-5", "gpt-5-mini", "other", "other"]


def test_the_list_is_loaded_late_and_fetched_from_nowhere(monkeypatch) -> None:
    script = "import sys, django; django.setup(); import emitter.service; assert 'genai_prices' not in sys.modules"
    environment = {"DJANGO_SETTINGS_MODULE": "netra_events.settings", "PYTHONPATH": str(PROJECT)}
    subprocess.run([sys.executable, "-c", script], check=True, cwd=PROJECT, env=environment)
    monkeypatch.setattr(socket, "socket", None)
    prices._find.cache_clear()
    assert cost_of(Usage("gpt-5", 8), AT) == Decimal("0.00001")


def test_names_that_are_asked_for_are_not_kept_for_ever() -> None:
    from genai_prices.data_snapshot import get_snapshot

    cost_of(Usage("made up by somebody", 8), AT)
    kept = get_snapshot()
    assert "made up" not in repr((kept._lookup_cache.keys(), kept._provider_misses))
    assert prices._find.cache_info().maxsize == 1_024
