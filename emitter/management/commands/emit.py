"""``manage.py emit``: one event from the arguments, or many as lines of JSON from standard input."""

from __future__ import annotations

import queue
import sys
import threading
from argparse import ArgumentParser
from collections.abc import Iterator
from typing import Any, BinaryIO

import msgspec
from django.core.management.base import BaseCommand, CommandError

from emitter import wire
from emitter.errors import EmitterError
from emitter.management.output import silence
from emitter.policy import refusals
from emitter.service import Item, Receipt, emitter
from emitter.service.intake import ITEM_FIELDS, noted, outcome_json, read_item, read_texts

#: Lines that are stored together when they arrive together. A line that comes alone leaves at once.
TOGETHER = 500
END = b""


class Command(BaseCommand):
    """Emits events and prints one JSON line each."""

    help = (
        "Emits one event and prints its receipt as a JSON line; or, with --stdin, reads lines of JSON with user, run, "
        "thread, agent, type, payload and event_id, and prints one line each, in order: a receipt or "
        '{"line", "code", "detail"}. The rest is still done; the exit code is 1 if any line was bad.'
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--user", help="the user's key or user name")
        parser.add_argument("--run", help="the run that the event belongs to")
        parser.add_argument("--thread", help="the run's thread (default: the one it has, else the run's id)")
        parser.add_argument("--agent", help="the agent's name (default: agent)")
        parser.add_argument("--type", help="agent_started, agent_thinking, tool_executing, ...")
        parser.add_argument("--payload", help="a JSON object (default: {})")
        parser.add_argument("--event-id", help="a UUIDv7; emitting the same one again stores nothing new")
        parser.add_argument("--stdin", action="store_true", help="read lines of JSON from standard input")

    def handle(self, *args: Any, **options: Any) -> None:
        with refusals.came_by("command"):
            self._emit(options)

    def _emit(self, options: dict[str, Any]) -> None:
        fields = {name: options[name] for name in ITEM_FIELDS if options[name] is not None}
        if not options["stdin"]:
            self._emit_one(fields)
        elif fields:
            raise CommandError(f"With --stdin each line says its {', '.join(fields)}; leave the options out.")
        else:
            self._emit_lines(sys.stdin.buffer)

    def _emit_one(self, fields: dict[str, str]) -> None:
        if missing := [name for name in ("user", "run", "type") if not fields.get(name)]:
            raise CommandError(f"Give --{', --'.join(missing)}, or --stdin. See manage.py emit --help.")
        try:
            item = read_item({**fields, "payload": wire.decode_json(fields.get("payload", "{}"))})
            receipt = emitter.emit(*item[:2], event_id=item.event_id)
        except EmitterError as error:
            raise CommandError(str(noted(error, fields))) from error
        self.stdout.write(_line(outcome_json(receipt)))

    def _emit_lines(self, source: BinaryIO) -> None:
        try:
            done, bad = self._emit_all(source)
        except BrokenPipeError:
            silence()
            raise CommandError(
                "Nobody reads the receipts, so the rest was not read. What was read before is stored."
            ) from None
        if bad:
            raise CommandError(f"{bad:,} of {done:,} lines were not stored; their codes are in the output.")

    def _emit_all(self, source: BinaryIO) -> tuple[int, int]:
        done = bad = 0
        for lines in _arriving(source):
            outcomes = _emit_each(read_texts(lines))
            for place, outcome in enumerate(outcomes, done + 1):
                bad += isinstance(outcome, EmitterError)
                self.stdout.write(_line(outcome_json(outcome, line=place)))
            done += len(lines)
            self.stdout.flush()
            if sys.stderr.isatty():
                self.stderr.write(f"\r{done:,} lines, {bad:,} bad ", ending="")
        if sys.stderr.isatty():
            self.stderr.write("")
        return done, bad


def _emit_each(items: list[Item | EmitterError]) -> list[Receipt | EmitterError]:
    """What became of each; an overload or an outage is told on the line of each item that waited."""
    try:
        return emitter.emit_each(items)
    except EmitterError as error:
        return [item if isinstance(item, EmitterError) else error for item in items]


def _arriving(source: BinaryIO) -> Iterator[list[bytes]]:
    """Lines as they arrive: all that are there, at most ``TOGETHER``, without waiting for more."""
    lines: queue.Queue[bytes] = queue.Queue(maxsize=TOGETHER)
    failure: list[Exception] = []

    def read() -> None:
        try:
            for line in source:
                lines.put(line.rstrip(b"\r\n") or b" ")
        except Exception as error:
            failure.append(error)
        lines.put(END)

    threading.Thread(target=read, daemon=True).start()
    ended = False
    while not ended:
        together = [lines.get()]
        while together[-1] != END and len(together) < TOGETHER and not lines.empty():
            together.append(lines.get())
        if together[-1] == END:
            ended = True
            together.pop()
        if together:
            yield together
    if failure:
        raise CommandError(f"Standard input cannot be read any further: {failure[0]}.") from failure[0]


def _line(data: Any) -> str:
    return msgspec.json.encode(data).decode()
