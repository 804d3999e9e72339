"""The wheel in somebody else's project: installed beside nothing of ours, with a user model of their own."""

import json
import os
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

from .processes import PROJECT

pytestmark = pytest.mark.embedded

MODELS = """
import uuid
from django.contrib.auth.models import AbstractUser
from django.db import models

class Person(AbstractUser):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
"""
URLS = """
from django.urls import include
urlpatterns.append(path("", include("emitter.urls")))
"""
ASGI = """
import emitter.routing
application = emitter.routing.application(application)
"""
SETTINGS = """
INSTALLED_APPS += ["emitter", "people"]
AUTH_USER_MODEL = "people.Person"
"""
EVENT = ["--run", "r1", "--type", "agent_thinking", "--payload", '{"thought": "x"}']


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run(PROJECT, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder))
    return next(folder.glob("netra_events-*.whl"))


@pytest.fixture
def team(wheel: Path, tmp_path: Path) -> Path:
    """An empty Django project with the README's three lines, migrated, and the user ann."""
    run(tmp_path, "-m", "pip", "install", "--no-deps", "--no-index", "--target", "site", str(wheel))
    run(tmp_path, "-m", "django", "startproject", "team", ".")
    run(tmp_path, "manage.py", "startapp", "people")
    (tmp_path / "people" / "models.py").write_text(MODELS)
    for name, lines in (("settings", SETTINGS), ("urls", URLS), ("asgi", ASGI)):
        with (tmp_path / "team" / f"{name}.py").open("a") as file:
            file.write(lines)
    run(tmp_path, "manage.py", "makemigrations", "people")
    run(tmp_path, "manage.py", "migrate")
    run(tmp_path, "manage.py", "createsuperuser", "--noinput", "--username=ann", "--email=ann@example.com")
    return tmp_path


def run(folder: Path, *arguments: str) -> str:
    """Run this Python in a folder, without our project on its path, and return what it printed."""
    environment = os.environ | {"PYTHONPATH": str(folder / "site"), "DJANGO_SUPERUSER_PASSWORD": "demo"}
    del environment["DJANGO_SETTINGS_MODULE"]
    result = subprocess.run([sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def test_the_wheel_carries_the_app_alone(wheel: Path) -> None:
    names = ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {"emitter"}
    assert {"py.typed", "static/emitter/client.js", "migrations/0001_initial.py"} <= {
        name.removeprefix("emitter/") for name in names
    }


def test_a_project_of_its_own_emits(team: Path) -> None:
    receipt = json.loads(run(team, "manage.py", "emit", "--user", "ann", *EVENT))
    assert receipt["seq"] == 1


def test_a_project_of_its_own_serves(team: Path) -> None:
    printed = run(team, "-c", "import team.asgi, emitter; print(emitter.__file__, team.asgi.application)")
    assert printed.startswith(str(team / "site"))
