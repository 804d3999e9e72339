"""Who has which tier: how the project says it, how long it is remembered, and what happens when it cannot be told."""

import logging
from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ImproperlyConfigured
from django.db import connection, transaction
from django.db.utils import DatabaseError

from emitter import metrics
from emitter.policy import tiers
from emitter.policy.tier import Tier

pytestmark = pytest.mark.django_db(transaction=True)


class Register:
    """Says tiers, and counts how often it is asked."""

    def __init__(self, **tiers: Any) -> None:
        self.tiers = tiers
        self.asked: list[str] = []

    def __call__(self, key: str) -> Any:
        self.asked.append(key)
        answer = self.tiers.get(f"u{key}", "free")
        if isinstance(answer, Exception):
            raise answer
        return answer


def tier_by_path(key: str) -> str:
    return "mid"


def failures(code: str) -> float:
    return metrics.value("emitter_tier_failures_total", code=code)


def everything(tier: Tier) -> bool:
    """Whether a tier takes nothing from anybody."""
    return tier.thinking == "whole" and tier.auxiliary_types is None and tier.auxiliary_rate is None


def test_without_a_word_everybody_is_free_and_keeps_everything(key) -> None:
    tier = tiers.tier_of(key)
    assert (tier.name, tier.weight, tier.retention_days, tier.sessions, tier.devices) == ("free", 1, 30, 20, 50)
    assert everything(tier)
    assert not tiers.in_use()


@pytest.mark.parametrize(
    ("said", "name"),
    [(lambda key: "early", "early"), ("tests.test_tiers.tier_by_path", "mid"), ("enterprise", "enterprise")],
)
def test_a_callable_its_path_or_one_tier_for_all(configure, key, said, name) -> None:
    configure(TIER_OF=said)
    assert tiers.tier_of(key).name == name


@pytest.mark.parametrize(("path", "name"), [("first_name", "mid"), ("plan__tier", "early")])
def test_a_field_of_the_user_or_behind_one(configure, alice, key, monkeypatch, path, name) -> None:
    monkeypatch.setattr(User, "plan", SimpleNamespace(tier="early"), raising=False)
    User.objects.filter(pk=alice.pk).update(first_name="mid")
    configure(TIER_OF=path)
    assert tiers.tier_of(key).name == name


def test_a_field_is_read_for_all_users_in_one_statement(configure, alice, bob, django_assert_num_queries) -> None:
    configure(TIER_OF="first_name")
    with django_assert_num_queries(1):
        tiers.learn([str(alice.pk), str(bob.pk)])


def test_a_set_of_ones_own(configure, key) -> None:
    configure(TIERS={"basic": {"thinking": "left_out"}, "pro": {"weight": 5}}, TIER_OF=lambda key: "pro")
    assert tiers.names() == ["basic", "pro"]
    assert (tiers.tier_of(key).weight, tiers.tier_of(key).thinking) == (5, "whole")


def test_it_is_asked_once_until_the_answer_is_old(configure, key, monkeypatch) -> None:
    register = Register()
    configure(TIER_OF=register)
    for _ in range(3):
        tiers.tier_of(key)
    assert register.asked == [key]
    later = tiers.time.monotonic() + 31
    monkeypatch.setattr(tiers.time, "monotonic", lambda: later)
    tiers.tier_of(key)
    assert register.asked == [key, key]


def test_who_has_changed_a_tier_can_have_it_count_at_once(configure, key) -> None:
    register = Register()
    configure(TIER_OF=register)
    assert tiers.tier_of(key).name == "free"
    register.tiers[f"u{key}"] = "mid"
    tiers.forget()
    assert tiers.tier_of(key).name == "mid"


def test_a_process_remembers_so_many_users(configure, monkeypatch) -> None:
    monkeypatch.setattr(tiers, "REMEMBERED", 3)
    register = Register()
    configure(TIER_OF=register)
    for key in "abcda":
        tiers.tier_of(key)
    assert register.asked == list("abcda")
    assert len(tiers._current()._known) == 3


def test_when_it_fails_the_user_keeps_everything_and_it_is_said(configure, key, caplog) -> None:
    configure(TIER_OF=Register(**{f"u{key}": RuntimeError("the plans are away")}))
    before = failures("tier_failed")
    tier = tiers.tier_of(key)
    assert (tier.name, tier.retention_days, tier.sessions, tier.devices) == ("unknown", 90, 50, 100)
    assert everything(tier)
    assert failures("tier_failed") == before + 1
    assert [record.levelno for record in caplog.records if "tier_failed" in record.message] == [logging.ERROR]


def test_what_was_told_last_counts_while_it_fails(configure, key) -> None:
    register = Register(**{f"u{key}": "enterprise"})
    configure(TIER_OF=register, TIER_SECONDS=0)
    assert tiers.tier_of(key).name == "enterprise"
    register.tiers[f"u{key}"] = RuntimeError()
    assert tiers.tier_of(key).name == "enterprise"


@pytest.mark.parametrize("answer", [None, "gold", 7, ["free"]])
def test_an_answer_that_is_no_tier_is_counted(configure, key, answer, caplog) -> None:
    configure(TIER_OF=lambda key: answer)
    before = failures("tier_unknown")
    assert tiers.tier_of(key).name == "unknown"
    assert failures("tier_unknown") == before + 1
    assert "tier_unknown" in caplog.text


def test_one_user_who_cannot_be_told_costs_the_others_nothing(configure, alice, bob) -> None:
    configure(TIER_OF=Register(**{f"u{alice.pk}": RuntimeError(), f"u{bob.pk}": "mid"}))
    tiers.learn([str(alice.pk), str(bob.pk)])
    assert [tiers.remembered(str(user.pk)).name for user in (alice, bob)] == ["unknown", "mid"]


def test_a_failing_question_does_not_break_the_callers_transaction(configure, key) -> None:
    def ask(key: str) -> str:
        with connection.cursor() as cursor:
            cursor.execute("SELECT * FROM no_such_table")
        return "free"

    configure(TIER_OF=ask)
    with transaction.atomic():
        assert tiers.tier_of(key).name == "unknown"
        assert not connection.needs_rollback
        with pytest.raises(DatabaseError), transaction.atomic():
            ask(key)


async def test_on_a_loop_the_question_is_asked_on_a_thread(configure, alice) -> None:
    configure(TIER_OF="first_name")
    assert (await tiers.atier_of(str(alice.pk))).name == "unknown"


async def test_on_a_loop_a_tier_that_is_known_costs_no_thread(configure, key) -> None:
    configure(TIER_OF=lambda key: "mid")
    await tiers.atier_of(key)
    before = metrics.value("emitter_thread_hops_total")
    assert (await tiers.atier_of(key)).name == "mid"
    assert metrics.value("emitter_thread_hops_total") == before


@pytest.mark.parametrize("given", [{"unknown": {}}, {"gold": {"weight": -1}}])
def test_a_set_that_cannot_be_read_is_refused_by_name(configure, key, given) -> None:
    configure(TIERS=given)
    with pytest.raises(ImproperlyConfigured, match=r"EMITTER\['TIERS'\]"):
        tiers.tier_of(key)


@pytest.mark.parametrize(("weights", "places"), [((3, 5, 5, 9), (1 / 3, 2 / 3, 1)), ((1, 1), (1,)), ((1, 8), (0, 1))])
def test_a_weight_has_its_place_among_all(configure, weights, places) -> None:
    configure(TIERS={f"t{n}": {"weight": weight} for n, weight in enumerate(weights)}, TIER_OF="first_name")
    assert tuple(tiers.place_of(weight) for weight in sorted(set(weights))) == places


def test_ids_from_outside_may_be_as_old_as_the_shortest_retention(configure) -> None:
    assert tiers.shortest_retention() == 30
    configure(TIER_OF="first_name")
    assert tiers.shortest_retention() == 7
    configure(TIER_OF="enterprise")
    assert tiers.shortest_retention() == 90
