"""Documents cannot rot: whatever is missing in docs/reference.md, the failure says which line to add."""

import json
import re
import subprocess
from dataclasses import fields
from pathlib import Path

import pytest
from django.core.management import get_commands

from emitter import metrics
from emitter.conf import Conf
from emitter.errors import CODES, RECONNECT, CloseCode

ROOT = Path(__file__).resolve().parent.parent
REFERENCE = (ROOT / "docs" / "reference.md").read_text()
SOURCES = {path: path.read_text() for path in ROOT.glob("emitter/**/*.py")}


def metric_names() -> list[str]:
    families = metrics.REGISTRY.collect()
    return [f"{family.name}_total" if family.type == "counter" else family.name for family in families]


def checks() -> set[str]:
    text = "".join([*SOURCES.values(), (ROOT / "netra_events" / "checks.py").read_text()])
    return set(re.findall(r'id="((?:emitter|netra_events)\.[EW]\d{3})"', text))


@pytest.mark.parametrize("name", [one.name.upper() for one in fields(Conf)])
def test_every_setting(name) -> None:
    assert f"| `{name}` |" in REFERENCE, f"Add to docs/reference.md, Settings: | `{name}` | `default` | meaning |"


@pytest.mark.parametrize("name", sorted(name for name, app in get_commands().items() if app == "emitter"))
def test_every_command(name) -> None:
    assert f"`manage.py {name}`" in REFERENCE, f"Add to docs/reference.md: | `manage.py {name}` | what it does |"


@pytest.mark.parametrize("code", sorted(CODES))
def test_every_error_code(code) -> None:
    line = f"| `{code}` | {CODES[code].status} | {'yes' if CODES[code].retry else ''} | {CODES[code].meaning} |"
    assert line in REFERENCE, f"Add to docs/reference.md, Error codes: {line}"


@pytest.mark.parametrize("name", metric_names())
def test_every_metric(name) -> None:
    assert f"| `{name}` |" in REFERENCE, f"Add to docs/reference.md, Metrics: | `{name}` | labels | meaning |"


@pytest.mark.parametrize("name", sorted(checks()))
def test_every_system_check(name) -> None:
    assert f"| `{name}` |" in REFERENCE, f"Add to docs/reference.md, System checks: | `{name}` | what it says |"


@pytest.mark.parametrize("code", [*CloseCode, 1006])
def test_every_close_code(code) -> None:
    back = "yes" if code in RECONNECT else "no"
    assert re.search(rf"\| {int(code)} \| .+ \| {back} \|", REFERENCE), f"Add: | {int(code)} | meaning | {back} |"


def test_every_code_that_is_raised_is_in_the_table() -> None:
    pattern = r'(?:Refused|Error|Unavailable|NotAllowed)\(\s*"([a-z_]+)"'
    raised = {code for text in SOURCES.values() for code in re.findall(pattern, text)}
    assert raised <= set(CODES), f"Add to emitter/errors.py, CODES: {raised - set(CODES)}"


def test_the_javascript_client_knows_the_same_close_codes() -> None:
    script = "import { CLOSE_CODES } from './emitter/static/emitter/codes.js'; console.log(JSON.stringify(CLOSE_CODES))"
    done = subprocess.run(
        ["node", "--input-type=module", "-e", script], cwd=ROOT, capture_output=True, check=True, text=True
    )
    theirs = {int(code): entry["retry"] for code, entry in json.loads(done.stdout).items()}
    assert theirs == {int(code): code in RECONNECT for code in [*CloseCode, 1006]}
