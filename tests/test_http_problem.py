"""Errors over HTTP: one shape for every code."""

import msgspec
import pytest
from django.test import Client

from emitter import metrics
from emitter.api.http import problem
from emitter.errors import CODES, EmitterError

from .test_api import Api, assert_problem

METHODS = {
    "/api/events/": "GET, POST",
    "/api/events/stream/": "GET",
    "/api/runs/": "GET, POST",
    "/api/runs/r/": "GET",
    "/api/runs/r/cancel/": "POST",
    "/api/tickets/": "POST",
}


@pytest.mark.parametrize("code", sorted(CODES))
def test_every_code_is_a_problem_with_its_status(code) -> None:
    response = problem(EmitterError(code, "What was wrong."))
    said = msgspec.json.decode(response.content)
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.status_code == said["status"] == CODES[code].status
    assert (said["code"], said["title"], said["detail"]) == (code, CODES[code].meaning, "What was wrong.")


def test_only_who_is_not_known_is_asked_to_authenticate() -> None:
    asked = {code for code in CODES if "WWW-Authenticate" in problem(EmitterError(code, "?"))}
    assert asked == {code for code, row in CODES.items() if row.status == 401} >= {"not_authenticated", "token_expired"}


def test_a_problem_is_counted_by_its_code() -> None:
    before = refused("run_owned")
    problem(EmitterError("run_owned", "The run belongs to another user."))
    assert refused("run_owned") == before + 1


def refused(code: str) -> float:
    return metrics.REGISTRY.get_sample_value("emitter_refused_total", {"code": code}) or 0.0


@pytest.mark.parametrize(("path", "methods"), METHODS.items())
def test_a_wrong_method_is_told_the_right_ones(path, methods) -> None:
    response = Client().delete(path)
    response.data = msgspec.json.decode(response.content)
    assert_problem(response, "method_not_allowed")
    assert response.headers["Allow"] == methods


@pytest.mark.parametrize("path", ["/api/events/", "/api/events/stream/", "/api/runs/", "/api/runs/r/"])
def test_nobody_reads_anything(db, path) -> None:
    assert_problem(Api().get(path), "not_authenticated")
