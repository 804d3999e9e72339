"""The pytest plugin of the two columns: ``--column embedded`` (the default) and ``--column scaled``.

*embedded* is SQLite in a file and the layer in memory; *scaled* is a real PostgreSQL and a real Redis, which
run from before Django reads its settings until the last test is done. A test marked for one column is
deselected in the other. What this machine cannot run fails in CI and is skipped with the reason elsewhere.
"""

import os
import shutil
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from asgiref.sync import SyncToAsync
from django.db import connection, connections

from .binaries import ServerMissing
from .processes import Daphne, PostgreSQL, Redis

COLUMNS = ("embedded", "scaled")
IN_CI = os.environ.get("CI", "").lower() not in {"", "0", "false"}
SETTINGS = ("DATABASE_URL", "REDIS_URL", "SECRET_KEY", "DEBUG", "ALLOWED_HOSTS", "CSRF_TRUSTED_ORIGINS")


class Column:
    """One of the two ways to run the product, with its servers."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.folder = server_folder()
        self.postgres = PostgreSQL(self.folder / "postgres")
        self.redis = Redis(self.folder / "redis")
        self.missing = ""

    def start(self) -> None:
        """Start what the column needs and point the project's settings at it."""
        for variable in SETTINGS:
            os.environ.pop(variable, None)
        os.environ["DATABASE_URL"] = f"sqlite:///{self.folder / 'db.sqlite3'}"
        if self.name == "scaled":
            os.environ["DATABASE_URL"] = self.postgres.start().url
            os.environ["REDIS_URL"] = self.redis.start().url

    def stop(self) -> None:
        self.postgres.stop()
        self.redis.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


column_key = pytest.StashKey[Column]()


def server_folder() -> Path:
    """A new folder that a server started as another user may enter."""
    folder = Path(tempfile.mkdtemp(prefix="netra_events_"))
    folder.chmod(0o755)
    return folder


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--column", choices=COLUMNS, default=COLUMNS[0], help="what the tests run on")


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None]:
    options = early_config.known_args_namespace
    if not (options.help or options.version):
        column = early_config.stash[column_key] = Column(options.column)
        early_config.add_cleanup(column.stop)
        try:
            column.start()
        except ServerMissing as missing:
            if IN_CI:
                raise pytest.UsageError(str(missing)) from missing
            column.missing = str(missing)
    return (yield)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "embedded: concerns the embedded column alone")
    config.addinivalue_line("markers", "scaled: concerns the scaled column alone")
    config.addinivalue_line("markers", "browser: drives a real Chromium")


def pytest_report_header(config: pytest.Config) -> str:
    return f"column: {config.option.column}"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    column = config.stash[column_key]
    others = [name for name in COLUMNS if name != column.name]
    foreign = [item for item in items if any(item.get_closest_marker(name) for name in others)]
    if foreign:
        items[:] = [item for item in items if item not in foreign]
        config.hook.pytest_deselected(items=foreign)
    for item in items:
        if column.missing:
            item.add_marker(pytest.mark.skip(reason=column.missing))
        if "browser" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.browser)


@pytest.fixture
def redis_server(request: pytest.FixtureRequest) -> Iterator[Redis]:
    """The Redis of the settings, to be stopped and started at will; it runs again after the test."""
    yield (server := scaled_column(request).redis)
    server.start()


@pytest.fixture
def postgres_server(request: pytest.FixtureRequest) -> Iterator[PostgreSQL]:
    """The PostgreSQL of the settings, to be stopped and started at will; it runs again after the test."""
    server = scaled_column(request).postgres
    server.checkpoint()
    yield server
    server.start()
    # What Django clears up with next, or a test reads with, must not be a connection to the server's past.
    connections.close_all()
    SyncToAsync.single_thread_executor.submit(connections.close_all).result()


def scaled_column(request: pytest.FixtureRequest) -> Column:
    column = request.config.stash[column_key]
    if column.name != "scaled":
        pytest.fail("Only the scaled column has this server: mark the test with @pytest.mark.scaled.")
    return column


def server_environment_now() -> dict[str, str]:
    url = urlsplit(os.environ["DATABASE_URL"])
    return {"DATABASE_URL": f"{url.scheme}://{url.netloc}/{connection.settings_dict['NAME']}"}


@pytest.fixture
def server_environment(transactional_db: None) -> dict[str, str]:
    """What a process needs in its environment to share the test's database."""
    return server_environment_now()


@pytest.fixture
def live_server_process(tmp_path: Path, server_environment: dict[str, str]) -> Iterator[Daphne]:
    """The example project served by a real daphne on the test's own database."""
    with Daphne(tmp_path / "daphne", server_environment) as server:
        yield server


@pytest.fixture(scope="module")
def daphne(tmp_path_factory: pytest.TempPathFactory, django_db_setup: None) -> Iterator[Daphne]:
    """One daphne for all tests of a module, whose tests are marked ``django_db(transaction=True)``."""
    with Daphne(tmp_path_factory.mktemp("daphne"), server_environment_now()) as server:
        yield server
