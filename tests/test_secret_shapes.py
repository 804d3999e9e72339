"""Secrets in the middle of a text."""

from collections import Counter

import pytest

from emitter.policy.secret_shapes import MARK, without_secrets

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI0MiJ9.dBjftJeZ4CVP-mB92K27uhbUJU1p1r"
#: The secret, by the text that it stands in.
TEXTS = {
    "Authorization: Bearer abc123def456": "abc123def456",
    "authorization: basic dXNlcjpwYXNz": "dXNlcjpwYXNz",
    "curl -H 'x-api-key: 12ab34cd56'": "12ab34cd56",
    f"He sent bearer {JWT}.": JWT,
    f"cookie a={JWT}; b": JWT,
    "key AKIAIOSFODNN7EXAMPLE.": "AKIAIOSFODNN7EXAMPLE",
    "AIzaSyA1234567890abcdefghijklmnopqrstuv": "AIzaSyA1234567890abcdefghijklmnopqrstuv",
    "ghp_0123456789abcdefghij0123456789abcdef": "ghp_0123456789abcdefghij0123456789abcdef",
    "github_pat_11ABCDEFG0123456789_abcdef": "github_pat_11ABCDEFG0123456789_abcdef",
    "glpat-0123456789abcdefghij": "glpat-0123456789abcdefghij",
    "xoxb-123456789012-abcdefghij": "xoxb-123456789012-abcdefghij",
    "sk-proj-abcdefghijkl1mnopqrstuv": "sk-proj-abcdefghijkl1mnopqrstuv",
    "sk_live_0123456789abcdef": "sk_live_0123456789abcdef",
    r"line\nsk-svcacct-a1b2c3d4e5f6g7h8": "sk-svcacct-a1b2c3d4e5f6g7h8",
    "abc8Q~abcdefghijklmnopqrstuvwxyz012345": "abc8Q~abcdefghijklmnopqrstuvwxyz012345",
    "https://hooks.slack.com/services/T0000/B0000/XXXXXXXXXXXXXXXXXXXXXXXX": "XXXXXXXXXXXXXXXXXXXXXXXX",
    "postgres://user:p@ss@db:5432/x": "p@ss",
    "redis://:hunter2@localhost": "hunter2",
    "Server=x;User=y;Password=hunter2;": "hunter2",
    "AccountName=x;AccountKey=abc/def+gh==;EndpointSuffix=y": "abc/def+gh==",
    "host=db password=hunter2 port=5432": "hunter2",
    "export OPENAI_API_KEY=abcdef": "abcdef",
    "/login?user=a&token=abcdef&next=b": "abcdef",
    '{"user": "a", "password": "hun ter2"}': "hun ter2",
    r"{\"password\":\"hunter2\"}": "hunter2",
    "{'password':'hunter2', 'b': 1}": "hunter2",
    "password: hunter2": "hunter2",
    "mysql --password hunter2 -u root": "hunter2",
    "Cookie: theme=dark; sessionid=7x2k9m4q8w": "7x2k9m4q8w",
    "curl -H 'Cookie: sessionid=7x2k9m4q8w' /": "7x2k9m4q8w",
    "connect(password='hunter2')": "hunter2",
    "url=jdbc:postgresql://h/db?password=hunter2": "hunter2",
    "-----BEGIN PRIVATE KEY-----\nMIIEv\n-----END PRIVATE KEY-----": "MIIEv",
    r"-----BEGIN RSA PRIVATE KEY-----\nMIIEv": "MIIEv",
}
ORDINARY = """The monkey ate 3 keys.|password: required|Invalid token: expired|max_tokens=512&token_count=7
if password == given:|Enter your password: then press return|task-management-for-enterprise-users-2000
https://example.com/a:b@c?x=1&next=/home|run 550e8400-e29b-41d4-a716-446655440000|the bearer of the ring|tests pass=12
-----BEGIN PUBLIC KEY-----|user@example.com: hello|2026-01-02T03:04:05.678Z|sort_key=region|basic information
a cookie: crumbs|0f8fad5bd9cb469fa16570867728950e|responsibilities_of_the_department|key: value|a = b|author=Smith"""


@pytest.mark.parametrize(("text", "secret"), TEXTS.items(), ids=range(len(TEXTS)))
def test_a_secret_is_replaced_and_the_rest_stays(text, secret) -> None:
    cleaned: Counter[str] = Counter()
    told = without_secrets(text, cleaned)
    assert secret not in told
    assert cleaned.total() == 1
    assert MARK in told
    assert without_secrets(told, Counter()) == told


@pytest.mark.parametrize("text", [line for lines in ORDINARY.splitlines() for line in lines.split("|")])
def test_ordinary_text_stays(text) -> None:
    cleaned: Counter[str] = Counter()
    assert (without_secrets(text, cleaned), cleaned) == (text, Counter())


@pytest.mark.parametrize(
    "piece", ["sk-", "eyJ-", "a-", "--a ", "password=", "https://a:", "\\\\a", "A.", "a: ", "SG.a-"]
)
def test_a_text_made_to_be_slow_is_not(piece) -> None:
    """Each would take minutes if a shape were looked for again from every place of it."""
    assert without_secrets(piece * 200_000, Counter())
