"""What a server process does beside answering: its job loop, and a stop that loses nothing.

On SIGTERM open sockets are closed with 1012 (come back and resume), agents at work end with the truth, and then the
server's own handler goes on.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
import threading
from types import FrameType
from typing import Any

from emitter import agents, jobs
from emitter.delivery import reception_here

logger = logging.getLogger("emitter")

#: Seconds that a stop may take before the server's own handler is called all the same.
STOP_SECONDS = 5.0
#: Seconds for the close frames to leave the server's buffers.
GOODBYE_SECONDS = 0.1
#: The longest reason of a close frame (RFC 6455, section 5.5).
REASON_BYTES = 123


class Serving:
    """An ASGI application around a project's. The first request starts the job loop and takes over SIGTERM."""

    def __init__(self, application: Any) -> None:
        self._application = application
        self._begun = False
        self._stopping: asyncio.Task[None] | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if not self._begun:
            self._begun = True
            jobs.loop.ensure_started()
            let_daphne_say_why()
            self._take_over(asyncio.get_running_loop())
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


def let_daphne_say_why() -> None:
    """Lets a consumer close with the code and the reason that it gives, as under other servers.

    daphne drops the reason, and passes the code to a call of autobahn that refuses the registered ones (1008, 1012),
    although a close frame may carry them (RFC 6455, section 7.4).
    """
    module = sys.modules.get("daphne.ws_protocol")
    if module is None or hasattr(module.WebSocketProtocol.handle_reply, "says_why"):
        return
    from autobahn.util import encode_truncate  # daphne is an extra, and autobahn comes with it

    handle_reply = module.WebSocketProtocol.handle_reply

    def handle(protocol: Any, message: Any) -> None:
        if message.get("type") == "websocket.close" and protocol.state != protocol.STATE_CONNECTING:
            reason = encode_truncate(message.get("reason") or "", REASON_BYTES)
            protocol.sendCloseFrame(code=message.get("code") or 1000, reasonUtf8=reason, isReply=False)
        else:
            handle_reply(protocol, message)

    handle.says_why = True  # type: ignore[attr-defined]
    module.WebSocketProtocol.handle_reply = handle


async def stop() -> None:
    """Closes every session with 1012 and ends the agents at work. Takes ``STOP_SECONDS`` at most."""
    try:
        async with asyncio.timeout(STOP_SECONDS):
            await asyncio.gather(reception_here().close(), agents.astop())
    except TimeoutError:
        logger.warning("slow_stop: some sessions or agents did not end within %g s", STOP_SECONDS)
    await asyncio.to_thread(jobs.loop.stop)
    await asyncio.sleep(GOODBYE_SECONDS)
