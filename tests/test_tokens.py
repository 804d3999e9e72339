"""Bearer tokens: which are sound, whoever signed them, and which never are."""

import hashlib
import hmac
import json
import time
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.conf import settings as django_settings
from jwt.utils import base64url_encode

from emitter.errors import EmitterError, NotAllowed
from emitter.policy import tokens
from emitter.policy.tokens import create_token, kid_of, read

from .conftest import Configure
from .keys import ED25519, RSA, SMALL_RSA, jwk, pem, private_pem

KEY = django_settings.SECRET_KEY
ISSUER = "https://accounts.example"


def signed(key: Any = KEY, algorithm: str = "HS256", headers: dict[str, Any] | None = None, **changes: Any) -> str:
    claims = {"sub": "1", "exp": int(time.time()) + 3_600, "aud": "emitter", "iss": "emitter", **changes}
    left = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(left, key, algorithm=algorithm, headers=headers)


def hs256(claims: dict[str, Any], secret: bytes, headers: dict[str, Any] | None) -> str:
    """Signed by hand, because PyJWT does not lend itself to this."""
    parts = [{"alg": "HS256", "typ": "JWT", **(headers or {})}, claims]
    text = b".".join(base64url_encode(json.dumps(part).encode()) for part in parts)
    return (text + b"." + base64url_encode(hmac.new(secret, text, hashlib.sha256).digest())).decode()


def code_of(token: str) -> str:
    with pytest.raises(NotAllowed) as caught:
        read(token)
    return caught.value.code


@pytest.fixture
def theirs(tmp_path: Path, configure: Configure) -> Path:
    """A file with the public keys of another issuer."""
    path = tmp_path / "keys.json"
    path.write_bytes(jwk(RSA, kid="rsa", alg="RS256"))
    configure(JWKS=str(path), JWKS_ISSUER=ISSUER)
    return path


# Our own --------------------------------------------------------------------------------------------------------------


def test_what_is_made_can_be_read() -> None:
    claims = read(create_token("7", seconds=60, emit=True, fingerprint="f"))
    assert (claims.subject, claims.own, claims.may_emit, claims.fingerprint) == ("7", True, True, "f")


def test_a_sound_token_of_another_maker_with_our_secret_is_accepted() -> None:
    assert read(signed()).subject == "1"
    assert read(signed(aud=["other", "emitter"])).subject == "1"


@pytest.mark.parametrize("claim", [1, "true", None, [True]])
def test_only_true_lets_a_bearer_emit(claim: Any) -> None:
    assert not read(signed(emit=claim)).may_emit


def test_a_token_that_has_expired_says_so() -> None:
    assert code_of(create_token("7", seconds=-1)) == "token_expired"
    assert code_of(signed(exp=int(time.time()) - 1, aud=None, iss=None)) == "token_expired"


UNSOUND = {
    "empty": "",
    "text": "nonsense",
    "dots": "a.b.c",
    "bytes": "\x00.\ud800.é",
    "long": "x" * 10_000,
    "another key": signed("another key of thirty-two bytes or more"),
    "no algorithm": signed("", "none"),
    "a longer hash": signed(KEY, "HS384"),
    "the longest hash": signed(KEY, "HS512"),
    "no end": signed(exp=None),
    "nobody": signed(sub=None),
    "an end in words": signed(exp="soon"),
    "not yet": signed(nbf=int(time.time()) + 3_600),
    "made tomorrow": signed(iat=int(time.time()) + 3_600),
    "for nobody": signed(aud=None),
    "for another": signed(aud="another"),
    "of nobody": signed(iss=None),
    "of another": signed(iss="https://accounts.example"),
    "for years": signed(exp=int(time.time()) + 31 * 86_400),
    "unknown key": signed(headers={"kid": "unknown"}),
    "a number for a fingerprint": signed(fp=7),
}


@pytest.mark.parametrize("token", UNSOUND.values(), ids=UNSOUND)
def test_a_token_that_is_not_sound_is_refused(token: str) -> None:
    assert code_of(token) == "not_authenticated"


def test_a_kid_that_is_no_text_is_refused() -> None:
    header, body, mark = signed().split(".")
    forged = base64url_encode(b'{"alg":"HS256","kid":7}').decode()
    assert code_of(f"{forged}.{body}.{mark}") == "not_authenticated"
    assert header


def test_a_token_lives_no_longer_than_allowed(configure: Configure) -> None:
    configure(TOKEN_DAYS=1)
    assert read(create_token("7", seconds=86_400)).subject == "7"
    with pytest.raises(EmitterError, match="bad_request: A token lives 1 days at most"):
        create_token("7", seconds=86_401)


def test_a_rotated_key_is_accepted_until_it_is_taken_out(configure: Configure) -> None:
    configure(TOKEN_KEY=(first := "1" * 32))
    old = create_token("7", seconds=60)
    configure(TOKEN_KEY=(second := "2" * 32), TOKEN_OLD_KEYS=(first,))
    assert read(old).subject == "7"
    assert jwt.get_unverified_header(create_token("7", seconds=60))["kid"] == kid_of(second)
    configure(TOKEN_OLD_KEYS=())
    assert code_of(old) == "not_authenticated"


def test_djangos_own_rotation_counts_where_tokens_have_no_key(settings: Any, configure: Configure) -> None:
    old = create_token("7", seconds=60)
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "n" * 50, [KEY]
    assert read(old).subject == "7"
    configure(TOKEN_KEY="k" * 32)
    assert code_of(old) == "not_authenticated"


def test_a_token_that_names_its_key_is_tried_with_no_other(configure: Configure) -> None:
    configure(TOKEN_KEY=(first := "1" * 32), TOKEN_OLD_KEYS=((second := "2" * 32),))
    assert read(signed(second)).subject == "1"
    assert code_of(signed(second, headers={"kid": kid_of(first)})) == "not_authenticated"


def test_the_name_of_a_key_does_not_tell_the_key() -> None:
    assert kid_of(KEY) not in KEY
    assert len(kid_of(KEY)) == 16


# Somebody else's ------------------------------------------------------------------------------------------------------


def test_tokens_of_another_issuer_are_checked_with_its_public_keys(theirs: Path) -> None:
    claims = read(signed(RSA, "RS256", {"kid": "rsa"}, iss=ISSUER))
    assert (claims.subject, claims.own) == ("1", False)


def test_such_a_token_carries_no_rights_of_ours(theirs: Path) -> None:
    claims = read(signed(RSA, "RS256", {"kid": "rsa"}, iss=ISSUER, emit=True, fp="f"))
    assert (claims.may_emit, claims.fingerprint) == (False, "")


def test_a_pem_file_holds_keys_without_names(theirs: Path) -> None:
    theirs.write_bytes(pem(RSA) + pem(ED25519))
    assert read(signed(RSA, "RS256", iss=ISSUER)).subject == "1"
    assert read(signed(ED25519, "EdDSA", {"kid": "any"}, iss=ISSUER)).subject == "1"


@pytest.mark.parametrize(
    "changes", [{"iss": "emitter"}, {"iss": None}, {"aud": "another"}, {"exp": int(time.time()) + 31 * 86_400}]
)
def test_their_audience_issuer_and_life_are_checked_as_well(theirs: Path, changes: dict[str, Any]) -> None:
    assert code_of(signed(RSA, "RS256", {"kid": "rsa"}, **{"iss": ISSUER, **changes})) == "not_authenticated"


def test_our_secrets_speak_for_us_alone(theirs: Path) -> None:
    assert code_of(signed(iss=ISSUER)) == "not_authenticated"


@pytest.mark.parametrize("algorithm", ["RS384", "RS512", "PS256"])
def test_a_key_is_for_one_algorithm(theirs: Path, algorithm: str) -> None:
    assert code_of(signed(RSA, algorithm, {"kid": "rsa"}, iss=ISSUER)) == "not_authenticated"


@pytest.mark.parametrize("form", [Encoding.PEM, Encoding.DER])
@pytest.mark.parametrize("headers", [None, {"kid": "rsa"}], ids=["unnamed", "named"])
def test_a_public_key_is_no_secret(theirs: Path, form: Encoding, headers: dict[str, Any] | None) -> None:
    public = RSA.public_key().public_bytes(form, PublicFormat.SubjectPublicKeyInfo)
    for issuer in (ISSUER, "emitter"):
        forged = hs256({"sub": "1", "exp": int(time.time()) + 60, "aud": "emitter", "iss": issuer}, public, headers)
        assert code_of(forged) == "not_authenticated"


def test_another_key_under_the_same_name_is_refused(theirs: Path) -> None:
    assert code_of(signed(SMALL_RSA, "RS256", {"kid": "rsa"}, iss=ISSUER)) == "not_authenticated"
    assert code_of(signed(ED25519, "EdDSA", {"kid": "rsa"}, iss=ISSUER)) == "not_authenticated"


def test_a_token_cannot_bring_its_own_key(theirs: Path) -> None:
    own = jwt.algorithms.OKPAlgorithm.to_jwk(ED25519.public_key(), as_dict=True)
    headers = {"jwk": own, "jku": "https://evil.example/keys", "x5u": "https://evil.example/key.pem"}
    assert code_of(signed(ED25519, "EdDSA", headers, iss=ISSUER)) == "not_authenticated"


def test_keys_that_cannot_be_read_are_no_verdict(theirs: Path) -> None:
    theirs.unlink()
    assert code_of(signed(RSA, "RS256", {"kid": "rsa"}, iss=ISSUER)) == "keys_unavailable"
    theirs.write_bytes(private_pem(RSA))
    assert code_of(signed(RSA, "RS256", {"kid": "rsa"}, iss=ISSUER)) == "keys_unavailable"


def test_without_the_setting_nobody_elses_token_is_accepted() -> None:
    assert code_of(signed(RSA, "RS256", iss=ISSUER)) == "not_authenticated"


def test_the_length_of_a_token_is_bounded() -> None:
    assert len(create_token("7" * 200, seconds=60)) < tokens.MOST_BYTES
