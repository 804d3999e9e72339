"""What a server process does beside answering: its job loop, and a stop that loses nothing.

On SIGTERM open sockets are closed with 1012 (come back and resume), agents at work end with the truth, and then the
server's own handler goes on.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
from types import FrameType
from typing import Any

from emitter import agents, jobs, secrecy, under_daphne
from emitter.delivery import reception_here

logger = logging.getLogger("emitter")

#: Seconds that a stop may take before the server's own handler is called all the same.
STOP_SECONDS = 5.0
#: Seconds for the close frames to leave the server's buffers.
GOODBYE_SECONDS = 0.1


class Serving:
    """An ASGI application around a project's. The first request starts the job loop and takes over SIGTERM."""

    def __init__(self, application: Any) -> None:
        self._application = application
        self._begun = False
        self._stopping: asyncio.Task[None] | None = None
        under_daphne.prepare()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if not self._begun:
            self._begun = True
            jobs.loop.ensure_started()
            self._take_over(asyncio.get_running_loop())
        secrecy.conceal(scope)
        await self._application(scope, receive, send)

    def _take_over(self, loop: asyncio.AbstractEventLoop) -> None:
        """Puts our handler before the server's. Only a main thread may, and only a server has one to put it before."""
        before = signal.getsignal(signal.SIGTERM)
        if threading.current_thread() is not threading.main_thread() or not callable(before):
            return

        def handle(number: int, frame: FrameType | None) -> None:
            signal.signal(signal.SIGTERM, before)
            loop.call_soon_threadsafe(begin_stop, number)

        def begin_stop(number: int) -> None:
            self._stopping = loop.create_task(stop())
            self._stopping.add_done_callback(lambda _: before(number, None))

        signal.signal(signal.SIGTERM, handle)


async def stop() -> None:
    """Closes every session with 1012 and ends the agents at work. Takes ``STOP_SECONDS`` at most."""
    try:
        async with asyncio.timeout(STOP_SECONDS):
            await asyncio.gather(reception_here().close(), agents.astop())
    except TimeoutError:
        logger.warning("slow_stop: some sessions or agents did not end within %g s", STOP_SECONDS)
    await asyncio.to_thread(jobs.loop.stop)
    await asyncio.sleep(GOODBYE_SECONDS)
