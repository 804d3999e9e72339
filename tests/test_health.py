"""``/healthz`` and ``/readyz``: what they say while parts of a deployment are away."""

import socket
from pathlib import Path

import httpx
import pytest
from django.test import Client

from .processes import Daphne

NOWHERE = {"DATABASE_URL": "sqlite:////nowhere/db.sqlite3"}


def test_both_are_open_to_anybody_and_kept_by_no_cache(transactional_db) -> None:
    for path in ("/healthz", "/readyz"):
        response = Client().get(path)
        assert (response.status_code, response.headers["Cache-Control"]) == (200, "no-store")


def test_without_a_database_it_is_alive_and_not_ready(tmp_path: Path) -> None:
    with Daphne(tmp_path, NOWHERE) as server, httpx.Client(base_url=server.url) as http:
        assert http.get("/healthz").json() == {"status": "ok"}
        ready = http.get("/readyz")
    assert (ready.status_code, ready.json()["status"]) == (503, "unavailable")
    assert (ready.json()["log"], ready.json()["bell"]) == ("unreachable: OperationalError", "ok")


def test_without_redis_it_is_ready_and_says_so(tmp_path: Path, server_environment) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    environment = {**server_environment, "REDIS_URL": f"redis://127.0.0.1:{port}/0"}
    with Daphne(tmp_path, environment) as server:
        ready = httpx.get(f"{server.url}/readyz")
    assert (ready.status_code, ready.json()["status"], ready.json()["log"]) == (200, "ok", "ok")
    assert ready.json()["bell"].startswith("unreachable: ")


def test_a_database_that_keeps_silent_holds_nothing_up(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.listen()
        url = f"postgres://postgres@127.0.0.1:{silent.getsockname()[1]}/events?connect_timeout=4"
        with Daphne(tmp_path, {"DATABASE_URL": url}) as server, httpx.Client(base_url=server.url, timeout=10) as http:
            assert http.get("/readyz").json()["log"] == "unreachable: TimeoutError"
            assert http.get("/healthz").status_code == 200


@pytest.mark.scaled
def test_it_is_ready_again_when_the_database_is_back(live_server_process, postgres_server) -> None:
    with httpx.Client(base_url=live_server_process.url) as http:
        assert http.get("/readyz").status_code == 200
        postgres_server.stop()
        assert http.get("/readyz").status_code == 503
        postgres_server.start()
        assert http.get("/readyz").status_code == 200


@pytest.mark.scaled
def test_the_bell_is_within_reach_again_when_redis_is_back(live_server_process, redis_server) -> None:
    with httpx.Client(base_url=live_server_process.url) as http:
        redis_server.stop()
        assert http.get("/readyz").json()["bell"].startswith("unreachable: ")
        redis_server.start()
        assert http.get("/readyz").json()["bell"] == "ok"
