"""Which keys name a secret, and which only sound like it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emitter.policy.secret_keys import Kind, is_random, kind_of, normal

SECRETS = """password Password db_password DB_PASSWORD userPassword pwd passphrase secret clientSecret client_secret
api_key apiKey API_KEY X-Api-Key openai_api_key OPENAI_KEY private_key privateKeyPem aws_secret_access_key credentials
Authorization proxy-authorization accountKey SECRET_KEY_BASE password_confirmation passwords api_keys secret_value"""
TEXTS = (
    "token access_token refreshToken X-Auth-Token csrf_token botToken id_token token_2 auth smtp_pass pass Set-Cookie"
)
PLAIN = """monkey keyboard keyword key_count turkey token_count input_tokens output_tokens max_tokens total_tokens
tokenizer tokenize author authority authenticated authored_by passenger compass bypass passed password_policy
next_page_token eos_token secretary key_name public_key_id keys_total session_id user_id thread step_number oauth_url"""


@pytest.mark.parametrize("key", SECRETS.split())
def test_a_name_of_a_secret(key) -> None:
    assert kind_of(key) is Kind.SECRET


@pytest.mark.parametrize("key", TEXTS.split())
def test_a_name_of_a_secret_text(key) -> None:
    assert kind_of(key) is Kind.SECRET_TEXT


@pytest.mark.parametrize("key", PLAIN.split())
def test_a_name_that_only_sounds_like_a_secret(key) -> None:
    assert kind_of(key) in (Kind.PLAIN, Kind.SECRET_IF_RANDOM)
    assert kind_of(key) is Kind.PLAIN or key.split("_")[-1] == "tokens"


@pytest.mark.parametrize("key", ["error", "lastError", "error_message", "traceback", "exception_text"])
def test_a_name_of_an_error_text(key) -> None:
    assert kind_of(key) is Kind.ERROR


@pytest.mark.parametrize("key", ["clientSecret", "client_secret", "Client-Secret", "CLIENT_SECRET", "client secret"])
def test_a_name_is_the_same_however_it_is_written(key) -> None:
    assert normal(key) == "client_secret"


@given(st.text())
def test_any_text_may_be_a_key(key: str) -> None:
    assert kind_of(key) in Kind


@pytest.mark.parametrize(
    "text",
    [
        "wJalrXUtnFEMIK7MDENGbPxRfiCY",
        "0f8fad5bd9cb469fa16570867728950e",
        "7x2k9m4q8w1z5v3b6n0c7d2f",
        "a=Zm9vYmFyMTIzNDU2Nzg5MA",
    ],
)
def test_what_a_machine_made_looks_random(text) -> None:
    assert is_random(text)


@pytest.mark.parametrize(
    "text",
    ["region", "a-sort-key-of-many-words", "550e8400-e29b-41d4-a716-446655440000", "2026-01-02T03:04:05", "x" * 99],
)
def test_what_a_person_wrote_does_not(text) -> None:
    assert not is_random(text)
