"""One of ten processes that emit at once: `python -m tests.emitting_worker SEED KEY …`; prints its receipts.

It says so when it is ready and begins when standard input ends: first all emit to the first user, then
to all. Single emits outside a transaction, batches inside one, with rollbacks, savepoints and repeated ids among them.
"""

import random
import sys
from typing import Any

import django

django.setup()

import msgspec  # noqa: E402
from django.db import transaction  # noqa: E402
from uuid_utils.compat import uuid7  # noqa: E402

from emitter.context import RunContext  # noqa: E402
from emitter.events import AgentThinking  # noqa: E402
from emitter.service import Item, Receipt, emitter  # noqa: E402

ROUNDS = 40


class Worker:
    """Emits by chance, from a seed, and keeps what was promised."""

    def __init__(self, seed: int, keys: list[str]) -> None:
        self.random = random.Random(seed)
        self.seed = seed
        self.keys = keys
        self.kept: list[tuple[str, Receipt]] = []

    def context(self) -> RunContext:
        key = self.random.choice(self.keys)
        return RunContext(key, run_id=f"run-{self.seed}-{key}")

    def single(self) -> None:
        context = self.context()
        self.kept.append((context.user_id, emitter.emit(context, AgentThinking("single"))))

    def repeated(self) -> None:
        context, event_id = self.context(), uuid7()
        first, again = (emitter.emit(context, AgentThinking("again"), event_id=event_id) for _ in range(2))
        assert (again.seq, again.duplicate) == (first.seq, True)
        self.kept.append((context.user_id, first))

    def batch(self) -> None:
        contexts = self.random.choices([self.context() for _ in range(5)], k=7)
        items = [Item(context, AgentThinking("batch")) for context in contexts]
        fate = self.random.choice(["commit", "roll back", "savepoint"])
        with transaction.atomic():
            if fate == "savepoint":
                savepoint = transaction.savepoint()
                emitter.emit_many(items)
                transaction.savepoint_rollback(savepoint)
            receipts = emitter.emit_many(items)
            transaction.set_rollback(fate == "roll back")
        if fate != "roll back":
            self.kept += [(context.user_id, receipt) for context, receipt in zip(contexts, receipts, strict=True)]

    def work(self) -> None:
        for _ in range(ROUNDS):
            self.random.choice([self.single, self.single, self.repeated, self.batch])()


def main(seed: str, *keys: str) -> None:
    print("ready", flush=True)  # noqa: T201
    sys.stdin.read()
    worker = Worker(int(seed), [keys[0]])
    worker.work()
    worker.keys = list(keys)
    worker.work()
    for key, receipt in worker.kept:
        told: dict[str, Any] = {"key": key, "seq": receipt.seq, "event_id": str(receipt.event_id)}
        sys.stdout.write(msgspec.json.encode(told).decode() + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
