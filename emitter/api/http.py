"""What every view shares: who is asking, and how an error is said."""

from __future__ import annotations

import logging
import math
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from functools import wraps
from typing import Any

import msgspec
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse, HttpResponseBase, QueryDict
from django.middleware.csrf import CsrfViewMiddleware
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_variables

from emitter import blocking, secrecy
from emitter.errors import CODES, EmitterError, NotAllowed
from emitter.policy import door, identity, refusals, service_keys
from emitter.policy.identity import Identity
from emitter.policy.rates import RateExceeded
from emitter.texts import number_in

logger = logging.getLogger("emitter")

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class Call:
    """A request together with who makes it."""

    request: HttpRequest
    who: Identity


View = Callable[..., Awaitable[HttpResponseBase]]


def json_response(data: Any, status: int = 200) -> HttpResponse:
    """JSON; a :class:`msgspec.Raw` inside stays the text that it is."""
    response = HttpResponse(msgspec.json.encode(data), content_type="application/json", status=status)
    response["Cache-Control"] = "no-store"
    return response


def problem(error: EmitterError) -> HttpResponse:
    """An error as ``application/problem+json`` (RFC 9457)."""
    with refusals.came_by("http"):
        refusals.note(error)
    title = CODES[error.code].meaning
    body = {"type": "about:blank", "title": title, "status": error.status, "code": error.code, "detail": error.detail}
    response = json_response(body, error.status)
    response["Content-Type"] = "application/problem+json"
    if error.status == 401:
        response["WWW-Authenticate"] = "Bearer"
    return response


def endpoint(*, tickets: bool = False, services: bool = False, **views: View) -> Any:
    """A view per method: ``endpoint(GET=history, POST=emit)``. Authenticates, and answers errors as problems.

    With ``tickets`` a ticket in the address opens it as well; with ``services`` a service key may come in, and the
    views ask what it is for.
    """

    @csrf_exempt
    async def view(request: HttpRequest, **arguments: str) -> HttpResponseBase:
        try:
            handler = views.get(request.method or "")
            if handler is None:
                raise EmitterError("method_not_allowed", f"Use {' or '.join(views)} here.")
            if tickets:
                door.admit(request.META.get("REMOTE_ADDR"))
            who = await authenticate(request, tickets=tickets)
            if who.service is not None and not services:
                raise NotAllowed("key_scope", "A service key belongs to no user, and this is for users.")
            return await handler(Call(request, who), **arguments)
        except EmitterError as error:
            response = problem(error)
            if error.status == 405:
                response["Allow"] = ", ".join(views)
            if isinstance(error, RateExceeded):
                response["Retry-After"] = str(math.ceil(error.wait))
            return response

    wraps(next(iter(views.values())))(view)
    return view


@sensitive_variables()
async def authenticate(request: HttpRequest, *, tickets: bool = False) -> Identity:
    """By bearer token, else by session; a session needs its CSRF token for whatever changes something."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token.startswith(service_keys.MARK):
        return await blocking.run(service_keys.of_key, secrecy.Secret(token))
    if scheme.lower() == "bearer":
        return await blocking.run(identity.of_token, secrecy.Secret(token))
    if tickets and (ticket := _ticket(request)):
        return await blocking.run(identity.of_ticket, secrecy.Secret(ticket))
    who = await blocking.run(identity.of_request, request)
    if request.method not in SAFE_METHODS and (reason := _csrf_failure(request)):
        raise NotAllowed("forbidden", f"{reason} Send the header X-CSRFToken with the value of the cookie csrftoken.")
    return who


def _ticket(request: HttpRequest) -> str | None:
    scope = getattr(request, "scope", {"query_string": request.META.get("QUERY_STRING", "").encode()})
    return QueryDict(secrecy.query_of(scope)).get("ticket")


class _CsrfCheck(CsrfViewMiddleware):
    def _reject(self, request: HttpRequest, reason: str) -> str:
        return reason


def _csrf_failure(request: HttpRequest) -> str | None:
    check = _CsrfCheck(lambda _: HttpResponse())
    check.process_request(request)
    return check.process_view(request, lambda _: HttpResponse(), (), {})  # type: ignore[return-value]


def number(request: HttpRequest, name: str, default: int) -> int:
    """A number from the query, 0 or more. Raises ``bad_request``."""
    text = request.GET.get(name, "")
    if not text:
        return default
    if (value := number_in(text)) is None:
        raise EmitterError("bad_request", f"The parameter {name!r} takes a whole number of 0 or more.")
    return value


def body(request: HttpRequest) -> bytes:
    """What was sent. Raises ``payload_too_large`` above Django's own limit."""
    try:
        return request.body
    except RequestDataTooBig:
        raise EmitterError(
            "payload_too_large",
            "The request is larger than DATA_UPLOAD_MAX_MEMORY_SIZE; send less at once, or raise that setting.",
        ) from None


def body_object(request: HttpRequest, known: Collection[str]) -> dict[str, Any]:
    """The request's JSON object. Raises ``bad_request`` for anything else, and for fields that are not known."""
    try:
        data = msgspec.json.decode(body(request) or b"{}")
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        data = None
    if not isinstance(data, dict) or set(data) - set(known):
        raise EmitterError("bad_request", f"The body is a JSON object with {', '.join(known)}.")
    return data
