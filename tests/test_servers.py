import os
import select
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
import redis
from django.contrib.auth.models import User
from django.db import OperationalError, connection
from django.test import Client
from playwright.async_api import Browser

from .binaries import ServerMissing
from .processes import PATIENCE, PROJECT, Daphne, PostgreSQL, Redis, Server
from .runner import PytestRunner

STARTER = """
import pathlib, sys
from tests.processes import Redis
server = Redis(pathlib.Path(sys.argv[1])).start()
print(server.process.pid, flush=True)
sys.stdin.read()
"""


class Broken(Server):
    def command(self) -> list[str]:
        return [sys.executable, "-c", "raise SystemExit('no room on this machine')"]

    def ready(self) -> bool:
        return False


@pytest.mark.embedded
def test_the_embedded_column_is_a_file_in_wal_mode(db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA journal_mode")
        assert cursor.fetchone() == ("wal",)
    assert Path(connection.settings_dict["NAME"]).exists()
    assert "REDIS_URL" not in os.environ


@pytest.mark.scaled
def test_the_scaled_column_is_a_real_postgresql(db: None, postgres_server: PostgreSQL) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SHOW port")
        assert cursor.fetchone() == (str(postgres_server.port),)
    assert os.environ["REDIS_URL"].startswith("redis://127.0.0.1")


@pytest.mark.scaled
def test_redis_keeps_its_address_over_a_restart(redis_server: Redis) -> None:
    client = redis.Redis.from_url(redis_server.url)
    assert client.ping()
    redis_server.stop()
    with pytest.raises(redis.ConnectionError):
        client.ping()
    redis_server.start()
    assert client.ping()


@pytest.mark.scaled
@pytest.mark.django_db(transaction=True)
def test_postgresql_keeps_its_rows_over_a_crash(postgres_server: PostgreSQL, alice: User) -> None:
    postgres_server.kill()
    with pytest.raises(OperationalError):
        User.objects.get()
    postgres_server.start()
    connection.close()
    assert User.objects.get() == alice


@pytest.mark.scaled
@pytest.mark.django_db(transaction=True)
def test_a_test_may_leave_the_servers_stopped(postgres_server: PostgreSQL, redis_server: Redis) -> None:
    postgres_server.stop()
    redis_server.stop()
    assert not postgres_server.running
    assert not redis_server.running


def test_a_server_that_does_not_start_says_why(tmp_path: Path) -> None:
    with pytest.raises(ServerMissing, match="no room on this machine"):
        Broken(tmp_path).start()


@pytest.mark.embedded
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a child with its parent")
def test_a_server_ends_with_a_killed_starter(tmp_path: Path) -> None:
    command = [sys.executable, "-c", STARTER, str(tmp_path)]
    with subprocess.Popen(command, cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as starter:
        assert starter.stdout
        server = os.pidfd_open(int(starter.stdout.readline()))
        starter.kill()
        ended, _, _ = select.select([server], [], [], PATIENCE)
    os.close(server)
    assert ended


def test_daphne_serves_the_database_of_the_test(live_server_process: Daphne, client: Client, alice: User) -> None:
    client.force_login(alice)
    cookies = {"sessionid": client.cookies["sessionid"].value}
    assert httpx.get(live_server_process.url, timeout=PATIENCE).status_code == 302
    assert httpx.get(live_server_process.url, cookies=cookies, timeout=PATIENCE).status_code == 200


def test_daphne_stops_and_starts_at_one_address(live_server_process: Daphne) -> None:
    live_server_process.stop()
    with pytest.raises(httpx.ConnectError):
        httpx.get(live_server_process.url, timeout=PATIENCE)
    live_server_process.start()
    assert httpx.get(f"{live_server_process.url}/healthz", timeout=PATIENCE).status_code == 200


@pytest.mark.browser
async def test_chromium_opens_a_page(browser: Browser, live_server_process: Daphne) -> None:
    page = await browser.new_page()
    await page.goto(live_server_process.url)
    assert await page.locator("input[name=password]").count() == 1


@pytest.mark.embedded
def test_django_runs_the_suite_of_pytest() -> None:
    runner = PytestRunner(column="embedded", k="test_a_server_that_does_not_start")
    assert runner.run_tests(["tests/test_servers.py"]) == 0


@pytest.mark.embedded
def test_a_run_without_a_test_fails() -> None:
    assert PytestRunner(column="embedded", m="scaled").run_tests(["tests/test_servers.py"]) == 1
