"""What daphne leaves to the application that it serves: its access log shows whole addresses, a request may take for
ever to arrive, and the reason of a close is left out. This is put right in daphne's own classes, when they are there.
"""

from __future__ import annotations

import sys
from typing import Any

from emitter import secrecy
from emitter.conf import conf

#: The longest reason of a close frame (RFC 6455, section 5.5).
REASON_BYTES = 123


def prepare() -> None:
    """Called before daphne listens; does nothing under another server."""
    access, protocol = sys.modules.get("daphne.access"), sys.modules.get("daphne.http_protocol")
    if access is not None and not hasattr(access.AccessLogGenerator.write_entry, "hides_secrets"):
        _hide_secrets(access.AccessLogGenerator)
    if protocol is not None and not hasattr(protocol.HTTPFactory.buildProtocol, "bounds_requests"):
        _bound_requests(protocol.HTTPFactory)
    sockets = sys.modules.get("daphne.ws_protocol")
    if sockets is not None and not hasattr(sockets.WebSocketProtocol.handle_reply, "says_why"):
        _say_why(sockets.WebSocketProtocol)


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


def _say_why(protocol: Any) -> None:
    """A consumer closes with the code and the reason that it gives, as under other servers.

    daphne drops the reason, and passes the code to a call of autobahn that refuses the registered ones (1008, 1012),
    although a close frame may carry them (RFC 6455, section 7.4).
    """
    from autobahn.util import encode_truncate  # daphne is an extra, and autobahn comes with it

    handle_reply = protocol.handle_reply

    def handle(self: Any, message: Any) -> None:
        if message.get("type") == "websocket.close" and self.state != self.STATE_CONNECTING:
            reason = encode_truncate(message.get("reason") or "", REASON_BYTES)
            self.sendCloseFrame(code=message.get("code") or 1000, reasonUtf8=reason, isReply=False)
        else:
            handle_reply(self, message)

    handle.says_why = True  # type: ignore[attr-defined]
    protocol.handle_reply = handle
