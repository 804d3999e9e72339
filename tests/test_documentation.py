"""Documents cannot rot: whatever is missing or stale in docs/reference.md, the failure says which line to write."""

import json
import re
import subprocess
from dataclasses import fields
from typing import Any

import pytest
from django.core.management import get_commands, load_command_class
from django.urls import get_resolver

from emitter import metrics
from emitter.conf import Conf
from emitter.errors import CODES, RECONNECT, CloseCode
from emitter.events import CONTROL_FRAMES, KNOWN_KEYS, KNOWN_TYPES
from emitter.log.entry import Receipt

from .processes import PROJECT
from .test_commands import DJANGOS

REFERENCE = (PROJECT / "docs" / "reference.md").read_text()
SOURCES = {path: path.read_text() for path in PROJECT.glob("emitter/**/*.py")}
SETTING = re.compile(r"    #: (?P<meaning>.+)\n    (?P<name>\w+): ")


def section(title: str) -> str:
    """A section's text, from its heading to the next one."""
    return re.split(rf"\n## {re.escape(title)}.*\n", REFERENCE)[1].split("\n## ")[0]


def named(title: str) -> set[str]:
    """What the first column of a section's table names."""
    _, *rows = re.split(r"\n\| -.*\n", section(title))
    return set(re.findall(r"^\| `?(?:manage\.py )?([\w.]+)`? \|", "\n".join(rows), re.MULTILINE))


def settings_lines() -> dict[str, str]:
    """The line of each setting: its default, and what the comment above it says."""
    text = SOURCES[PROJECT / "emitter" / "conf.py"].replace("``", "`")
    meanings = {found["name"]: found["meaning"] for found in SETTING.finditer(text)}
    defaults = {one.name: shown(getattr(Conf(), one.name)) for one in fields(Conf)}
    return {
        name.upper(): f"| `{name.upper()}` | `{default}` | {meanings.get(name, 'meaning')} |"
        for name, default in defaults.items()
    }


def shown(default: Any) -> str:
    """A default as the table writes it."""
    if isinstance(default, str):
        return f'"{default}"'
    return f"{default:,}" if type(default) is int else str(default)


def meanings_of_metrics() -> dict[str, str]:
    return {
        f"{family.name}_total" if family.type == "counter" else family.name: family.documentation
        for family in metrics.REGISTRY.collect()
    }


def checks() -> set[str]:
    text = "".join([*SOURCES.values(), (PROJECT / "netra_events" / "checks.py").read_text()])
    return set(re.findall(r'id="((?:emitter|netra_events)\.[EW]\d{3})"', text))


OURS = sorted(name for name, app in get_commands().items() if app == "emitter")
THINGS = {
    "Event types": set(KNOWN_TYPES),
    "Receipts": set(Receipt.__struct_fields__),
    "Settings": set(settings_lines()),
    "Commands": set(OURS),
    "Error codes": set(CODES),
    "Close codes": {str(int(code)) for code in [*CloseCode, 1006]},
    "Metrics": set(meanings_of_metrics()),
    "System checks": checks(),
}


@pytest.mark.parametrize("title", THINGS)
def test_nothing_is_missing_and_nothing_is_left_over(title) -> None:
    missing, left_over = THINGS[title] - named(title), named(title) - THINGS[title]
    assert not missing, f"Add to docs/reference.md, {title}, a line for each of {sorted(missing)}"
    assert not left_over, f"Take out of docs/reference.md, {title}, the lines of {sorted(left_over)}"


@pytest.mark.parametrize("name", KNOWN_KEYS)
def test_every_event_type_with_its_known_keys(name) -> None:
    line = f"| `{name}` | {', '.join(f'`{key}`' for key in KNOWN_KEYS[name])} | "
    assert line in section("Event types"), f"Write in docs/reference.md, Event types: {line}meaning |"


@pytest.mark.parametrize("name", settings_lines())
def test_every_setting_with_its_default_and_its_meaning(name) -> None:
    line = settings_lines()[name]
    assert line in section("Settings"), f"Write in docs/reference.md, Settings: {line}"


@pytest.mark.parametrize("name", OURS)
def test_every_command_with_its_options(name) -> None:
    actions = load_command_class("emitter", name).create_parser("manage.py", name)._actions
    options = {action.option_strings[-1] for action in actions if action.option_strings and action.dest not in DJANGOS}
    rows = re.findall(rf"^\| `manage\.py {name}` .*\n(?:\| \| .*\n)*", section("Commands"), re.MULTILINE)
    told = set(re.findall(r"`(--[\w-]+)`", "".join(rows)))
    assert told == options, f"The options of {name} in docs/reference.md, Commands, are to be {sorted(options)}"


@pytest.mark.parametrize("frame", sorted(CONTROL_FRAMES | {"close"}))
def test_every_frame(frame) -> None:
    assert f'{{"type": "{frame}"' in section("WebSocket"), f"Add to docs/reference.md, WebSocket: the frame {frame!r}"


@pytest.mark.parametrize("code", sorted(CODES))
def test_every_error_code_with_its_status(code) -> None:
    line = f"| `{code}` | {CODES[code].status} | {'yes' if CODES[code].retry else ''} | {CODES[code].meaning} |"
    assert line in section("Error codes"), f"Write in docs/reference.md, Error codes: {line}"


@pytest.mark.parametrize("code", [*CloseCode, 1006])
def test_every_close_code_with_what_the_client_does(code) -> None:
    back = "yes" if code in RECONNECT else "no"
    line = re.search(rf"\| {int(code)} \| .+ \| {back} \|", section("Close codes"))
    assert line, f"Write in docs/reference.md, Close codes: | {int(code)} | meaning | {back} |"


@pytest.mark.parametrize(("name", "meaning"), meanings_of_metrics().items())
def test_every_metric_with_its_meaning(name, meaning) -> None:
    line = re.search(rf"\| `{name}` \| .*\| {re.escape(meaning)} \|", section("Metrics"))
    assert line, f"Write in docs/reference.md, Metrics: | `{name}` | labels | {meaning} |"


def test_every_address() -> None:
    patterns = [str(entry.pattern) for entry in get_resolver("emitter.urls").url_patterns]
    addresses = [f"/{re.sub('<.*?>', 'RUN', pattern)}" for pattern in patterns]
    missing = [address for address in addresses if not re.search(rf" {re.escape(address)}[`?]", section("HTTP"))]
    assert addresses
    assert not missing, f"Add to docs/reference.md, HTTP: {missing}"


def test_every_code_that_is_raised_is_in_the_table() -> None:
    pattern = r'(?:Refused|Error|Unavailable|NotAllowed)\(\s*"([a-z_]+)"'
    raised = {code for text in SOURCES.values() for code in re.findall(pattern, text)}
    assert raised <= set(CODES), f"Add to emitter/errors.py, CODES: {raised - set(CODES)}"


def test_every_option_of_the_javascript_client() -> None:
    typed = (PROJECT / "emitter" / "static" / "emitter" / "client.d.ts").read_text()
    options = re.findall(r"^  (\w+)\?: ", typed.split("interface Options {")[1].split("\n}")[0], re.MULTILINE)
    rows = "".join(re.findall(r"^\| (`.+?) \|", section("JavaScript client"), re.MULTILINE))
    missing = set(options) - set(re.findall(r"`(\w+)`", rows))
    assert options
    assert not missing, f"Add to docs/reference.md, JavaScript client, a line for each of {sorted(missing)}"


def test_the_javascript_client_knows_the_same_close_codes() -> None:
    script = "import { CLOSE_CODES } from './emitter/static/emitter/codes.js'; console.log(JSON.stringify(CLOSE_CODES))"
    done = subprocess.run(
        ["node", "--input-type=module", "-e", script], cwd=PROJECT, capture_output=True, check=True, text=True
    )
    theirs = {int(code): entry["retry"] for code, entry in json.loads(done.stdout).items()}
    assert theirs == {int(code): code in RECONNECT for code in [*CloseCode, 1006]}
