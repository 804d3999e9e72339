"""What daphne leaves to the application that it serves: its access log shows whole addresses, and a request may take
for ever to arrive. Both are put right in daphne's own classes, when they are there.
"""

from __future__ import annotations

import sys
from typing import Any

from emitter import secrecy
from emitter.conf import conf


def prepare() -> None:
    """Called before daphne listens; does nothing under another server."""
    access, protocol = sys.modules.get("daphne.access"), sys.modules.get("daphne.http_protocol")
    if access is not None and not hasattr(access.AccessLogGenerator.write_entry, "hides_secrets"):
        _hide_secrets(access.AccessLogGenerator)
    if protocol is not None and not hasattr(protocol.HTTPFactory.buildProtocol, "bounds_requests"):
        _bound_requests(protocol.HTTPFactory)


def _hide_secrets(log: Any) -> None:
    write_entry = log.write_entry

    def write(self: Any, host: Any, date: Any, request: str, *rest: Any, **more: Any) -> None:
        write_entry(self, host, date, secrecy.mask(request), *rest, **more)

    write.hides_secrets = True  # type: ignore[attr-defined]
    log.write_entry = write


def _bound_requests(factory: Any) -> None:
    """A connection is cut when a request has not arrived whole ``REQUEST_SECONDS`` after its first byte."""
    from twisted.protocols.policies import TimeoutMixin
    from twisted.web.http import HTTPChannel

    build = factory.buildProtocol

    def build_protocol(self: Any, address: Any) -> Any:
        protocol = build(self, address)
        protocol.timeOut = conf.request_seconds
        return protocol

    def reset_timeout(channel: Any) -> None:
        """Twisted starts the time anew with every byte; here only the first one of a request does."""
        if channel._HTTPChannel__first_line and not channel._buffer:
            TimeoutMixin.resetTimeout(channel)  # type: ignore[no-untyped-call]

    build_protocol.bounds_requests = True  # type: ignore[attr-defined]
    factory.buildProtocol = build_protocol
    HTTPChannel.resetTimeout = reset_timeout  # type: ignore[method-assign]
