"""The log in a database of its own: the users, and a caller's transaction, are elsewhere."""

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest


@pytest.fixture
def manage(tmp_path: Path):
    """`manage.py` of a project with two databases, as a process."""
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "tests.two_databases",
        "DATABASE_URL": f"sqlite:///{tmp_path / 'users.sqlite3'}",
        "EVENTS_URL": f"sqlite:///{tmp_path / 'events.sqlite3'}",
    }

    def run(*arguments: str, script: str = "") -> str:
        command = ["-c", f"import django; django.setup()\n{script}"] if script else ["manage.py", *arguments]
        done = subprocess.run([sys.executable, *command], env=environment, capture_output=True, text=True)
        assert not done.returncode, done.stderr
        return done.stdout

    run("migrate", "--verbosity", "0")
    run("migrate", "--verbosity", "0", "--database", "events")
    run("create_demo_users")
    return run


def test_the_log_is_there_and_the_users_are_here(manage, tmp_path) -> None:
    receipt = manage("emit", "--user", "alice", "--run", "r", "--type", "agent_started")
    assert msgspec.json.decode(receipt)["seq"] == 1
    assert manage("verify_log", "--user", "alice") == "1 events of 1 streams: no fault.\n"
    tables = "from django.db import connections; print(*(a for a in ('default', 'events') if 'emitter_event' in "
    assert manage(script=f"{tables} connections[a].introspection.table_names()))") == "events\n"


def test_a_transaction_of_the_other_database_is_not_joined(manage) -> None:
    script = (
        "from django.db import transaction; from emitter.service import emitter\n"
        "from emitter.context import RunContext; from emitter.events import AgentStarted\n"
        "with transaction.atomic():\n"
        "    emitter.emit(RunContext('1', run_id='r'), AgentStarted()); transaction.set_rollback(True)\n"
        "with transaction.atomic(using='events'):\n"
        "    emitter.emit(RunContext('1', run_id='r'), AgentStarted())\n"
        "    transaction.set_rollback(True, using='events')\n"
        "print(emitter.emit(RunContext('1', run_id='r'), AgentStarted()).seq)\n"
    )
    assert manage(script=script) == "2\n"


def test_without_the_router_a_check_says_what_to_add() -> None:
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.two_databases", "EVENTS_URL": "sqlite:///x"}
    script = (
        "from django.conf import settings; import django; django.setup(); settings.DATABASE_ROUTERS = []\n"
        "from django.core.checks import run_checks; print(*(found.id for found in run_checks()))"
    )
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True)
    assert "emitter.E004" in done.stdout
