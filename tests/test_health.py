"""``/healthz`` and ``/readyz``: what they say while parts of a deployment are away."""

import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from django.test import Client

from .processes import Daphne
from .sockets import PATIENCE

NOWHERE = {"DATABASE_URL": "sqlite:////nowhere/db.sqlite3"}
PATIENT = "tests.patient:application"


def asking(server: Daphne) -> httpx.Client:
    return httpx.Client(base_url=server.url, timeout=PATIENCE, trust_env=False)


@pytest.fixture
def patient(tmp_path: Path, server_environment: dict[str, str]) -> Iterator[Daphne]:
    """A server that no pause of this machine makes unready."""
    with Daphne(tmp_path, server_environment, PATIENT) as server:
        yield server


def test_both_are_open_to_anybody_and_kept_by_no_cache(transactional_db, patiently_asked) -> None:
    for path in ("/healthz", "/readyz"):
        response = Client().get(path)
        assert (response.status_code, response.headers["Cache-Control"]) == (200, "no-store")


def test_without_a_database_it_is_alive_and_not_ready(tmp_path: Path) -> None:
    with Daphne(tmp_path, NOWHERE, PATIENT) as server, asking(server) as http:
        assert http.get("/healthz").json() == {"status": "ok"}
        ready = http.get("/readyz")
    assert (ready.status_code, ready.json()["status"]) == (503, "unavailable")
    assert (ready.json()["log"], ready.json()["bell"]) == ("unreachable: OperationalError", "ok")


def test_without_redis_it_is_ready_and_says_so(tmp_path: Path, server_environment) -> None:
    environment = {**server_environment, "REDIS_URL": "redis://127.0.0.1:1/0"}
    with Daphne(tmp_path, environment, PATIENT) as server, asking(server) as http:
        ready = http.get("/readyz")
    assert (ready.status_code, ready.json()["status"], ready.json()["log"]) == (200, "ok", "ok")
    assert ready.json()["bell"].startswith("unreachable: ")


def test_a_database_that_keeps_silent_holds_nothing_up(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.listen()
        url = f"postgres://postgres@127.0.0.1:{silent.getsockname()[1]}/events?connect_timeout=60"
        with Daphne(tmp_path, {"DATABASE_URL": url}) as server, asking(server) as http:
            assert http.get("/readyz").json()["log"] == "unreachable: TimeoutError"
            assert http.get("/healthz").status_code == 200
            silent.close()  # Or the server could not end before its connections give up.


@pytest.mark.scaled
def test_it_is_ready_again_when_the_database_is_back(patient: Daphne, postgres_server) -> None:
    with asking(patient) as http:
        assert http.get("/readyz").status_code == 200
        postgres_server.stop()
        assert http.get("/readyz").status_code == 503
        postgres_server.start()
        assert http.get("/readyz").status_code == 200


@pytest.mark.scaled
def test_the_bell_is_within_reach_again_when_redis_is_back(patient: Daphne, redis_server) -> None:
    with asking(patient) as http:
        redis_server.stop()
        assert http.get("/readyz").json()["bell"].startswith("unreachable: ")
        redis_server.start()
        assert http.get("/readyz").json()["bell"] == "ok"
