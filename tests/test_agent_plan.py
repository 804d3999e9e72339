"""From question to plan, by rule."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netra_events.plan import SPOKEN, STEPS, Step, plan
from netra_events.records import QUERIES

PHRASES = [
    "what is",
    "2 + 2",
    "12.5 % of",
    "480",
    "and",
    ",",
    "?",
    "how did my last run end",
    "which tools did it use",
    "!",
]
PHRASES += [
    "count to 20",
    "how many",
    "events",
    "runs",
    "failed",
    "please",
    "the sum of 3 and 4",
    ".",
    "=",
    "tell me a joke",
]


def calculator(expression: str) -> Step:
    return Step("calculator", {"expression": expression})


def records(query: str) -> Step:
    return Step("records", {"query": query})


def count(to: int) -> Step:
    return Step("count", {"to": to})


@given(st.text(max_size=400) | st.lists(st.sampled_from(PHRASES)).map(" ".join))
def test_any_text_has_a_plan(text: str) -> None:
    made = plan(text)
    assert len(made.steps) <= STEPS
    for step in made.steps:
        assert step.tool in {"calculator", "records", "count"}
        assert step.aim
        assert step.tool != "records" or step.parameters["query"] in QUERIES


@pytest.mark.parametrize(
    ("question", "steps"),
    [
        ("What is 12.5 % of 480, and how did my last run end?", [calculator("12.5 % of 480"), records("last_run")]),
        ("What is 3 + 4, how did my last run end?", [calculator("3 + 4"), records("last_run")]),
        ("What's 7 * 8. How many runs failed", [calculator("7 * 8"), records("failed_runs")]),
        ("How many runs and events do I have?", [records("count_runs"), records("count_events")]),
        ("How did my last run end and which tools did it use?", [records("last_run"), records("last_tools")]),
        ("what is 2+2 and 3+3", [calculator("2+2"), calculator("3+3")]),
        ("2+2; 2+2", [calculator("2+2")]),
    ],
)
def test_a_question_may_need_several_tools(question: str, steps: list[Step]) -> None:
    assert plan(question).steps == steps
    assert plan(question).left_out == []


@pytest.mark.parametrize(
    ("question", "step"),
    [
        ("what is 3 plus 4", calculator("3 plus 4")),
        ("Hi! Could you please calculate 1,200 × 3, thanks", calculator("1,200 × 3")),
        ("2 + 2 = ?", calculator("2 + 2")),
        (".5 + 1", calculator(".5 + 1")),
        ("Calculate (2+3", calculator("(2+3")),
        ("What is the sum of 3 and 4?", calculator("(3 + 4)")),
        ("100 - sum of 3 and 4.5", calculator("100 - (3 + 4.5)")),
        ("subtract 3 from 10", calculator("(10 - 3)")),
        ("Why did my last run fail?", records("last_run")),
        ("What did I ask last?", records("last_question")),
        ("Show my last question", records("last_question")),
        ("Which tools did my last run use?", records("last_tools")),
        ("How many of my runs failed?", records("failed_runs")),
        ("count my events", records("count_events")),
        ("Count slowly to 20", count(20)),
        ("please count from 1 to 1,000", count(1000)),
    ],
)
def test_the_first_rule_that_fits_is_taken(question: str, step: Step) -> None:
    assert plan(question).steps == [step]
    assert plan(question).left_out == []


@pytest.mark.parametrize(
    "question",
    [
        "Tell me a joke",
        "5!",
        "count down from 10 to 1",
        "count to 2.5",
        "What tools do you have?",
        "2 apples + 3 apples",
    ],
)
def test_what_no_rule_fits_is_left_out(question: str) -> None:
    assert plan(question).steps == []
    assert plan(question).left_out == [question.rstrip("?")]


@pytest.mark.parametrize("question", ["", " ", "?!", "Hello!", "Thanks, please"])
def test_courtesy_needs_no_step(question: str) -> None:
    assert not plan(question).steps
    assert not plan(question).left_out


def test_a_long_expression_is_never_cut() -> None:
    expression = "1" + "+1" * 400
    assert plan(f"What is {expression}?").steps == [calculator(expression)]


def test_more_than_the_most_steps_are_left_out() -> None:
    made = plan("; ".join(f"{number} + 1" for number in range(STEPS + 2)))
    assert len(made.steps) == STEPS
    assert made.left_out == ["5 + 1", "6 + 1"]


def test_each_sentence_of_arithmetic_has_its_sign() -> None:
    told = ["add 1 to 2", "subtract 1 from 2", "difference between 1 and 2", "multiply 1 by 2", "divide 1 by 2"]
    steps = [plan(text).steps[0].parameters["expression"] for text in [*told, "square root of 9"]]
    assert steps == ["(1 + 2)", "(2 - 1)", "(1 - 2)", "(1 * 2)", "(1 / 2)", "(9 ** 0.5)"]
    assert len(steps) == len(SPOKEN)
