"""What a handshake says about who knocks; the tokens themselves are tested elsewhere."""

from base64 import urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emitter.old_door.sign_in import ENVIRONMENTS, PREFIXES, Kind, Knock, knock

TOKEN = "aa.bb.cc"
WRAPPED = urlsafe_b64encode(TOKEN.encode()).decode().rstrip("=")


def test_a_page_wraps_its_token() -> None:
    assert knock(["jwt-auth", f"jwt.{WRAPPED}"], None, {}) == Knock(Kind.PAGE, TOKEN)


def test_a_page_without_a_token_has_a_cookie() -> None:
    assert knock([], None, {}) == knock(["jwt-auth"], None, {}) == Knock(Kind.PAGE, None)


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize("environment", ["", *ENVIRONMENTS])
def test_a_terminal_offers_a_token_beside_the_protocol(prefix, environment) -> None:
    offered = ".".join(filter(None, [prefix, environment, TOKEN]))
    assert knock([offered], None, {}) == Knock(Kind.TERMINAL, TOKEN)


def test_a_terminal_may_offer_all_its_ways_at_once() -> None:
    offered = [f"{prefix}.local.{TOKEN}" for prefix in PREFIXES]
    assert knock(offered, TOKEN, {"token": TOKEN, "env": "local"}) == Knock(Kind.TERMINAL, TOKEN)


def test_a_token_in_the_address_is_a_terminals_and_one_in_the_header_a_programs() -> None:
    assert knock([], None, {"token": TOKEN}) == Knock(Kind.TERMINAL, TOKEN)
    assert knock([], TOKEN, {}) == knock(["graphql-ws"], TOKEN, {"token": "other"}) == Knock(Kind.PROGRAM, TOKEN)


@pytest.mark.parametrize("offered", ["jwt", "jwt.", "bearer", "ticket.abc", "agent-events.v1", ""])
def test_what_holds_no_token(offered) -> None:
    assert knock([offered], None, {}).token is None


@given(st.text(min_size=1))
def test_any_token_can_be_wrapped(token) -> None:
    wrapped = urlsafe_b64encode(token.encode()).decode().rstrip("=")
    assert knock(["jwt-auth", f"jwt.{wrapped}"], None, {}).token == token


@given(st.lists(st.text()), st.none() | st.text(), st.dictionaries(st.sampled_from(["token", "env"]), st.text()))
def test_no_handshake_is_too_odd_to_be_read(offered, bearer, query) -> None:
    assert isinstance(knock(offered, bearer, query), Knock)
