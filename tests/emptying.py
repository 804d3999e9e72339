"""What Django does with a database between two tests, for as many tables as a test has filled.

Django empties all tables and makes its permissions and content types anew, which takes longer than most tests do. Here
the tables that have rows are emptied, by ``DELETE``, which takes no lock that a server beside the test has to wait for.
"""

from contextlib import suppress

from django.db import DatabaseError, connections, transaction
from django.test import TransactionTestCase

from emitter import blocking

#: What migrations put there, and no test changes.
KEPT = {"django_migrations", "django_content_type", "auth_permission"}
TRIES = 5


def filled_tables(alias: str) -> list[str]:
    """The quoted names of the tables that have rows."""
    connection = connections[alias]
    names = connection.introspection.django_table_names(only_existing=True, include_views=False)
    quoted = [connection.ops.quote_name(name) for name in names if name not in KEPT]
    if not quoted:
        return []
    asked = " UNION ALL ".join(
        f"SELECT {place} FROM (SELECT 1 FROM {name} LIMIT 1) AS table_{place}" for place, name in enumerate(quoted)
    )
    with connection.cursor() as cursor:
        cursor.execute(asked)
        return [quoted[place] for (place,) in cursor.fetchall()]


def empty(alias: str) -> None:
    """Deletes every row of a database but those that its migrations made. Foreign keys are checked at the end."""
    tables = filled_tables(alias)
    with transaction.atomic(using=alias), connections[alias].cursor() as cursor:
        for table in tables:
            cursor.execute(f"DELETE FROM {table}")


def empty_patiently(alias: str) -> None:
    """The same, again when a server that is still at work stands in the way: it may write, or win a deadlock."""
    for _ in range(TRIES - 1):
        with suppress(DatabaseError):
            return empty(alias)
    return empty(alias)


def empty_after(case: TransactionTestCase) -> None:
    """In place of ``TransactionTestCase._fixture_teardown``."""
    if "refusals" in blocking._pools:  # What waits is written first, and not into the tables of the next test.
        blocking.pool("refusals", 1).submit(lambda: None).result(60)
    for alias in case._databases_names(include_mirrors=False):
        empty_patiently(alias)
