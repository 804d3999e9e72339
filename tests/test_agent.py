"""The demo agent: real tools on real input."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emitter.context import RunContext
from emitter.service import emitter
from emitter.testing import aassert_run_complete
from netra_events.agent import ABILITIES, DemoAgent
from netra_events.calculator import calculate, evaluate
from netra_events.outcome import ToolError
from netra_events.plan import Step, plan
from netra_events.records import QUERIES

BOTH = "What is 12.5 % of 480, and how did my last run end?"


async def ask(user, question: str, run_id: str = "run-now") -> list:
    async with emitter.arun(RunContext(str(user.pk), run_id=run_id), message=question) as run:
        run.result = await DemoAgent().answer(question, run)
    return await aassert_run_complete(run_id)


@pytest.mark.parametrize(
    ("expression", "result"),
    [
        ("12.5 % of 480", "60"),
        ("0.1 + 0.2", "0.3"),
        ("3 plus 4 × (2 − 1)", "7"),
        ("10 % 4", "2"),
        ("2 ** 10", "1024"),
        ("1,200 / 7", "≈ 171.428571429"),
        ("100 divided by 8", "12.5"),
        ("9 ** 0.5", "3"),
    ],
)
def test_calculates(expression: str, result: str) -> None:
    assert calculate(expression).result == result


@pytest.mark.parametrize(
    ("expression", "code"),
    [
        ("1 / 0", "division_by_zero"),
        ("9 ** 9 ** 9", "too_large"),
        ("1 +", "unreadable"),
        ("(" * 50 + "1" + ")" * 50, "too_deep"),
        ("1+" * 200 + "1", "too_long"),
        ("__import__('os')", "unreadable"),
    ],
)
def test_says_what_is_wrong_with_an_expression(expression: str, code: str) -> None:
    with pytest.raises(ToolError) as caught:
        calculate(expression)
    assert caught.value.code == code


whole = st.integers(0, 10**6)


@given(a=whole, b=whole, c=st.integers(1, 999))
def test_agrees_with_exact_fractions(a: int, b: int, c: int) -> None:
    assert evaluate(f"({a} - {b}) * {c} / {c + 1}").number == Fraction((a - b) * c, c + 1)


@given(st.text(max_size=400))
def test_any_text_has_a_plan_or_none(text: str) -> None:
    for step in plan(text):
        assert step.tool in {"calculator", "records", "count"}
        assert step.tool != "records" or step.parameters["query"] in QUERIES


@given(st.text(alphabet="0123456789.+-*/%() ,²of", max_size=60))
def test_an_expression_has_a_value_or_a_named_error(text: str) -> None:
    try:
        assert calculate(text).result
    except ToolError as error:
        assert error.code in {"unreadable", "division_by_zero", "too_large", "too_deep", "not_real"}


@pytest.mark.parametrize(
    ("question", "steps"),
    [
        (BOTH, [Step("calculator", {"expression": "12.5 % of 480"}), Step("records", {"query": "last_run"})]),
        ("how many runs do I have?", [Step("records", {"query": "count_runs"})]),
        ("Which tools did my last run use?", [Step("records", {"query": "last_tools"})]),
        ("How many of my runs failed?", [Step("records", {"query": "failed_runs"})]),
        ("Count slowly to 20", [Step("count", {"to": 20})]),
        ("please calculate 3 plus 4", [Step("calculator", {"expression": "3 plus 4"})]),
        ("Tell me a joke", []),
        ("", []),
    ],
)
def test_plans_by_rule(question: str, steps: list[Step]) -> None:
    assert plan(question) == steps


@pytest.mark.django_db(transaction=True)
async def test_one_question_may_need_two_tools(alice) -> None:
    await ask(alice, "What is 1 / 0?", "run-before")
    events = await ask(alice, BOTH)
    assert [event.type for event in events] == [
        "agent_started",
        "agent_thinking",
        *["tool_executing", "tool_completed"] * 2,
        "agent_completed",
    ]
    answer = events[-1].payload["result"]
    assert answer.startswith("12.5 % of 480 = 60. Your last run was run-before. It completed")


@pytest.mark.django_db(transaction=True)
async def test_a_tools_error_is_told(alice) -> None:
    events = await ask(alice, "What is 1 / 0?")
    assert events[3].payload["error"] == "division_by_zero: Nothing can be divided by zero."
    assert events[-1].payload["result"] == "Nothing can be divided by zero."


@pytest.mark.django_db(transaction=True)
async def test_it_knows_only_the_users_own_runs(alice, bob) -> None:
    await ask(bob, "What is 2 * 3?", "run-of-bob")
    events = await ask(alice, "How did my last run end?")
    assert events[-1].payload["result"] == "You have no earlier run: this is your first."


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("question", "told"),
    [
        ("Which tools did my last run use?", "Your last run used calculator."),
        ("What was my last question?", "You last asked: “What is 2 * 3?”"),
        ("How many runs failed?", "0 of your 1 earlier run failed."),
        ("How many runs do I have?", "Before this one you have 1 run."),
        ("How many events do I have?", "Your stream has 8 events so far, those of this run included."),
    ],
)
async def test_queries_over_ones_own_records(alice, question: str, told: str) -> None:
    await ask(alice, "What is 2 * 3?", "run-before")
    assert (await ask(alice, question))[-1].payload["result"] == told


@pytest.mark.django_db(transaction=True)
async def test_an_unknown_question_gets_an_honest_answer(alice) -> None:
    events = await ask(alice, "Write me a poem")
    assert [event.type for event in events] == ["agent_started", "agent_thinking", "agent_completed"]
    assert events[-1].payload["result"] == ABILITIES
    assert "by rule" in events[1].payload["thought"]
