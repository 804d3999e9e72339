"""A wire that can be cut in the middle of a frame: a TCP proxy before a server."""

from __future__ import annotations

import asyncio
import random
from typing import Self


class Proxy:
    """Passes bytes on until :meth:`cut`; listens on ``port``."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._armed: set[asyncio.StreamWriter] = set()
        self._open: set[asyncio.StreamWriter] = set()
        self.port = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *exception: object) -> None:
        self._server.close()
        for writer in self._open:
            writer.transport.abort()

    def cut(self) -> None:
        """Ends each connection in the middle of what comes next from the server."""
        self._armed |= self._open

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            from_server, to_server = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.transport.abort()
            return
        self._open.add(writer)
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(self._pass(reader, to_server, None))
                both.create_task(self._pass(from_server, writer, writer))
        except* (OSError, EOFError):
            pass
        finally:
            self._open.discard(writer)
            self._armed.discard(writer)
            writer.transport.abort()
            to_server.transport.abort()

    async def _pass(
        self, source: asyncio.StreamReader, target: asyncio.StreamWriter, client: asyncio.StreamWriter | None
    ) -> None:
        while chunk := await source.read(65_536):
            if client in self._armed and len(chunk) > 1:
                target.write(chunk[: random.randrange(1, len(chunk))])
                await target.drain()
                raise EOFError
            target.write(chunk)
            await target.drain()
        raise EOFError
