"""The chat page: ask, watch the events arrive, read the answer."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_safe


@require_safe
@never_cache
@login_required
@ensure_csrf_cookie
def chat(request: HttpRequest) -> HttpResponse:
    """The page itself; everything in it comes from ``/api/`` and ``/ws/events/``."""
    return render(request, "chat.html")
