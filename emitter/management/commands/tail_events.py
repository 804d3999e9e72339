"""``manage.py tail_events``: prints a stream."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import msgspec
from django.core.management.base import BaseCommand, CommandError

from emitter import log
from emitter.conf import conf
from emitter.management.output import until_reader_leaves
from emitter.management.people import key_of

WIDTH = 100


class Command(BaseCommand):
    """Prints the events of a user, of a run, or of everybody."""

    help = "Prints events in order, per user; with --follow also those that come (end with Ctrl-C)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--user", help="the user's key or user name (default: all users)")
        parser.add_argument("--run", help="only this run")
        parser.add_argument("--after", type=int, default=0, help="only events after this number (default: 0)")
        parser.add_argument("--follow", action="store_true", help="wait for more")
        parser.add_argument("--json", action="store_true", help="print each event as it is on the wire")

    def handle(self, *args: Any, **options: Any) -> None:
        keys = self._keys(options)
        with suppress(KeyboardInterrupt), until_reader_leaves():
            self._print(keys, options)

    def _print(self, keys: list[str] | None, options: dict[str, Any]) -> None:
        seen: dict[str, int] = {}
        while True:
            for key in keys if keys is not None else log.stream_keys():
                for stored in _after(key, seen.get(key, options["after"])):
                    seen[key] = stored.seq
                    if options["run"] in (None, stored.run):
                        self.stdout.write(stored.body if options["json"] else _summary(key, stored))
            self.stdout.flush()
            if not options["follow"]:
                return
            time.sleep(conf.repair_seconds / 2)

    def _keys(self, options: dict[str, Any]) -> list[str] | None:
        """The streams to read, ``None`` for all there are at each look."""
        if options["user"]:
            return [key_of(options["user"])]
        if options["run"]:
            run = log.run_of(options["run"])
            if run is None:
                raise CommandError(f"not_found: there is no run {options['run']!r}.")
            return [run.stream]
        return None


def _after(key: str, seq: int) -> Iterator[log.Stored]:
    while page := log.read_after(key, seq):
        yield from page
        seq = page[-1].seq


def _summary(key: str, stored: log.Stored) -> str:
    event = msgspec.json.decode(stored.body)
    detail = msgspec.json.encode(event["payload"]).decode()
    short = detail if len(detail) <= WIDTH else f"{detail[:WIDTH]}… ({len(detail):,} characters)"
    return f"{event['timestamp']}  {key}  #{stored.seq}  {stored.run}  {stored.type}  {short}"
