"""A producer to be killed: `python -m tests.spending_worker KEY …` emits with usage until then, a line a step."""

import itertools
import random
import sys

import django

django.setup()

from django.db import transaction  # noqa: E402

from emitter.context import RunContext  # noqa: E402
from emitter.events import AgentThinking, Usage  # noqa: E402
from emitter.service import emitter  # noqa: E402


def main(*keys: str) -> None:
    chance = random.Random()
    for number in itertools.count():
        uses = [Usage(chance.choice(["gpt-5", "in-house"]), chance.randrange(1, 10**6)) for _ in range(3)]
        items = [(RunContext(key, run_id=f"of {key}"), AgentThinking("t", usage=use)) for use in uses for key in keys]
        if number % 3 == 0:
            emitter.emit(*items[0])
        elif number % 3 == 1:
            emitter.emit_many(items)
        else:
            with transaction.atomic():
                emitter.emit_many(items)
                emitter.emit(*items[0])
        sys.stdout.write(f"{number}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
