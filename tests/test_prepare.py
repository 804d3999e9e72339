"""What is done to an event on its way in: no secret gets as far as the disk, the wire or the logs."""

import logging
import subprocess
from contextlib import suppress
from math import nan
from pathlib import Path
from typing import Any

import msgspec
import pytest
from django.apps import apps
from django.db import connection
from uuid_utils.compat import uuid7

from emitter import blocking, metrics
from emitter.context import RunContext
from emitter.errors import EventRefused
from emitter.events import AgentError, Custom, ToolCompleted, ToolExecuting
from emitter.log import spool
from emitter.log.entry import Unit
from emitter.policy import refusals
from emitter.service import Item, emitter
from emitter.service.intake import read_texts
from emitter.service.prepare import prepare

from .conftest import Configure
from .sockets import converse
from .streams import texts

SECRET = "hunter2hunter2"
PAYLOAD = {"tool_name": "db", "parameters": [{"Password": SECRET}, f"postgres://me:{SECRET}@db/x"], "n": 1}
TOOL = Custom("tool_executing", PAYLOAD)
CLEAN = '"payload":{"tool_name":"db","parameters":[{"Password":"[REDACTED]"},"postgres://me:[REDACTED]@db/x"],"n":1}'


@pytest.fixture
def context(key) -> RunContext:
    return RunContext(key, run_id="run-19")


def disk() -> bytes:
    """All that our tables hold, and on SQLite the bytes of the files themselves.

    Another process reads them: one that opens and closes a database file beside SQLite loses its locks on it.
    """
    tables = list(apps.get_app_config("emitter").get_models())
    held = "".join(str(list(table.objects.values_list())) for table in tables).encode()
    if connection.vendor != "sqlite":
        return held
    file = Path(str(connection.settings_dict["NAME"]))
    return held + subprocess.run(["cat", *file.parent.glob(f"{file.name}*")], capture_output=True, check=True).stdout


def emit_in_every_way(context: RunContext) -> int:
    emitter.emit(context, TOOL)
    emitter.emit_many([(context, TOOL)] * 2)
    line = {"user": context.user_id, "run": context.run_id, "type": TOOL.type, "payload": PAYLOAD}
    emitter.emit_each([Item(context, TOOL), *read_texts([msgspec.json.encode(line)])])
    refused = [Custom("mine", {**PAYLOAD, "n": nan}), Custom(f"password={SECRET}", PAYLOAD)]
    emitter.emit_each([Item(context, event) for event in refused])
    blocking.pool("refusals", 1).submit(lambda: None).result(60)
    with suppress(RuntimeError), emitter.run(context, message=f"password={SECRET}") as run:
        with run.tool("db", PAYLOAD) as tool:
            tool.result = [f"Authorization: Bearer {SECRET}"]
        raise RuntimeError(f"cannot connect with password='{SECRET}'")
    return 5 + 4


@pytest.mark.django_db(transaction=True)
def test_a_secret_reaches_no_table_no_file_and_no_log(context, caplog) -> None:
    caplog.set_level(logging.DEBUG)
    refusals.keeper._reset()  # What earlier tests had refused leaves room for a row.
    number = emit_in_every_way(context)
    held = disk()
    assert b"payload_not_finite" in held
    assert held.count(b"[REDACTED]") >= number
    assert SECRET.encode() not in held
    assert SECRET not in caplog.text


@pytest.mark.django_db(transaction=True)
async def test_what_a_client_hears_is_the_clean_text_that_is_stored(key) -> None:
    async with converse(key) as client:
        await emitter.aemit(RunContext(key, run_id="run-19"), TOOL)
        await client.until(1)
    assert client.applied == await texts(key)
    assert CLEAN in client.applied[0]


def test_a_secret_reaches_no_spool(tmp_path) -> None:
    own = spool.create(tmp_path, 100)
    own.put([Unit([prepare(Item(RunContext("a", run_id="r"), TOOL))])])
    held = subprocess.run(["cat", *tmp_path.iterdir()], capture_output=True, check=True).stdout
    assert SECRET.encode() not in held
    assert b"[REDACTED]" in held


@pytest.mark.django_db(transaction=True)
def test_the_same_call_is_the_same_event_though_the_rules_have_changed(context, configure: Configure) -> None:
    event_id = uuid7()
    emitter.emit(context, ToolExecuting("db", {"ssn": "123"}), event_id=event_id)
    configure(SECRET_KEYS=["ssn"])
    assert emitter.emit(context, ToolExecuting("db", {"ssn": "123"}), event_id=event_id).duplicate


@pytest.mark.django_db(transaction=True)
def test_another_secret_is_another_event(context) -> None:
    event_id = uuid7()
    emitter.emit(context, ToolExecuting("db", {"password": "a"}), event_id=event_id)
    with pytest.raises(EventRefused) as caught:
        emitter.emit(context, ToolExecuting("db", {"password": "b"}), event_id=event_id)
    assert caught.value.code == "event_id_conflict"


def payload(event: Any) -> Any:
    return msgspec.json.decode(prepare(Item(RunContext("a", run_id="r"), event)).payload)


def test_the_limit_on_bytes_is_for_what_is_stored(configure: Configure) -> None:
    configure(STRING_CHARS=100, PAYLOAD_BYTES=300)
    assert payload(ToolCompleted("db", "x" * 1_000))["result"].endswith("… [940 more characters]")
    with pytest.raises(EventRefused):
        prepare(Item(RunContext("a", run_id="r"), ToolCompleted("db", ["x" * 100] * 4)))


def test_nothing_is_cut_unless_somebody_asks_for_it() -> None:
    event = ToolCompleted("db", ["x" * 60_000, list(range(1_000))])
    assert payload(event)["result"] == event.result


def test_a_team_names_its_own_keys(configure: Configure) -> None:
    configure(SECRET_KEYS=["ssn"], PLAIN_KEYS=["token"])
    assert payload(ToolExecuting("x", {"ssn": "1", "token": "Hi"}))["parameters"] == {
        "ssn": "[REDACTED]",
        "token": "Hi",
    }


def test_what_was_cleaned_is_counted() -> None:
    before = metrics.value("emitter_cleaned_total", kind="path")
    assert payload(AgentError("open /home/alice/x.py failed"))["error_message"] == "open [PATH]/x.py failed"
    assert metrics.value("emitter_cleaned_total", kind="path") == before + 1
