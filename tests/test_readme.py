"""The examples in README and docs run."""

import re
from pathlib import Path

import pytest
from django.test import TestCase

from emitter.context import RunContext
from emitter.service import emitter
from emitter.testing import aassert_run_complete, assert_run_complete

ROOT = Path(__file__).resolve().parent.parent


def blocks(document: str, language: str = "python") -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / document).read_text(), re.DOTALL)


@pytest.mark.django_db(transaction=True)
async def test_the_agent_of_the_readme_answers(alice) -> None:
    async def search(question: str) -> list[str]:
        return [question]

    names = {"search": search}
    exec(blocks("README.md")[0], names)
    async with emitter.arun(RunContext(str(alice.pk), run_id="r")) as run:
        assert await names["MyAgent"]().answer("Why?", run) == "I found 1 entries."
    assert [event.type for event in await aassert_run_complete("r")][2:4] == ["tool_executing", "tool_completed"]


@pytest.mark.django_db(transaction=True)
def test_the_run_of_the_readme_is_told(alice) -> None:
    source = blocks("README.md")[1].replace('"42"', repr(str(alice.pk)))
    exec(source, {"emitter": emitter, "RunContext": RunContext})
    assert assert_run_complete("run-19")[-1].payload["result"] == {"answer": "Because."}


exec(blocks("docs/testing.md")[0])  # Its TestCase is collected and runs here.


def test_the_testing_page_brings_a_test_case() -> None:
    assert issubclass(globals()["ParcelTest"], TestCase)


def test_every_link_of_the_readme_leads_somewhere() -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", (ROOT / "README.md").read_text())
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []
