"""A process that calls an old face again and again: `python -m tests.migration.worker KEY`.

It prints which way its calls go, whenever that changes, until standard input ends.
"""

import asyncio
import sys
import warnings
from typing import Any

import msgspec

gone: list[str] = []


async def old_sender(method: str, args: Any, kwargs: Any, face: Any) -> None:
    """Notes that it was called."""
    gone.append(method)


async def work(key: str) -> None:
    from emitter.adapters.unified_emitter import UnifiedWebSocketEmitter

    face, before = UnifiedWebSocketEmitter(None, key), ""
    asked_to_end = asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    while not asked_to_end.done():
        # As the settings name it: this module is there twice, once as the program.
        from tests.migration.worker import gone

        gone.clear()
        await face.notify_agent_thinking(thought="Hm")
        way = "legacy" if gone else "unified"
        if way != before:
            sys.stdout.write(msgspec.json.encode({"way": way}).decode() + "\n")
            sys.stdout.flush()
        before = way
        await asyncio.sleep(0.02)


if __name__ == "__main__":
    import django

    warnings.simplefilter("ignore", DeprecationWarning)
    django.setup()
    asyncio.run(work(sys.argv[1]))
