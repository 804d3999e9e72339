"""Which keys name a secret. Pure.

A key is read as words (``clientSecret``, ``X-Api-Key`` and ``DB_PASSWORD`` alike), and its last word says what it
names: ``access_token`` is a token, ``token_count`` a count, ``monkey`` no key at all.
"""

from __future__ import annotations

import re
from enum import Enum, auto
from functools import lru_cache


class Kind(Enum):
    """What stands under a key."""

    PLAIN = auto()
    #: A secret, whatever it looks like.
    SECRET = auto()
    #: A secret when it is a text.
    SECRET_TEXT = auto()
    #: A secret when it looks random: many kinds of keys are none.
    SECRET_IF_RANDOM = auto()
    #: The text of an error.
    ERROR = auto()


_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


_SECRETS = _set(
    "password passwords passwd pwd passphrase passphrases passcode passwort kennwort secret secrets credential "
    "credentials creds authorization apikey apikeys secretkey accesskey privatekey accountkey sharedaccesskey "
    "sharedaccesssignature authtoken accesstoken refreshtoken sessiontoken bearertoken clientsecret jwt"
)
#: What comes after the name and changes nothing: the value, its form, which of several.
_TAILS = _set(
    "value values string text plain plaintext raw hash hashed base b encoded encrypted hex pem confirm "
    "confirmation repeat again new old current prod production staging dev v primary secondary header"
)
_KEYS = _set(
    "api access account private secret signing signature encryption decryption master ssh hmac aes rsa pgp gpg jwt "
    "openai anthropic gemini cohere mistral groq huggingface stripe aws azure gcp github gitlab slack sendgrid "
    "twilio mailgun"
)
#: Tokens of a language model or of a list of pages.
_PLAIN_TOKENS = _set(
    "next page prev previous continuation continue sync pagination cancel cancellation stop eos bos pad mask unk sep "
    "cls start end first last special max min input output prompt completion total per each word sub"
)
#: Whose ``pass`` is a password; the ``pass`` of other things is none.
_PASS = _set("db database smtp user mail email ftp ssh root admin proxy http mysql postgres redis mongo ldap basic")
_ERRORS = _set("error errors exception exceptions traceback tracebacks backtrace stacktrace stack exc")


def normal(key: str) -> str:
    """A key as ``SECRET_KEYS`` and ``PLAIN_KEYS`` are compared: its words in small letters."""
    return "_".join(_WORDS.findall(key)).lower()


@lru_cache(maxsize=4_096)
def kind_of(key: str) -> Kind:
    """What stands under ``key``."""
    words = normal(key[-100:]).split("_")
    error = not _ERRORS.isdisjoint(words)
    while len(words) > 1 and (words[-1] in _TAILS or words[-1].isdigit()):
        words.pop()
    kind = _kind_of_name(words[-1], words[-2] if len(words) > 1 else "")
    return Kind.ERROR if error and kind is Kind.PLAIN else kind


def _kind_of_name(last: str, before: str) -> Kind:
    if last in _SECRETS or (last in ("key", "keys") and before in _KEYS):
        return Kind.SECRET
    if (
        last in ("auth", "cookie", "cookies")
        or (last == "token" and before not in _PLAIN_TOKENS)
        or (last == "pass" and (not before or before in _PASS))
    ):
        return Kind.SECRET_TEXT
    if last in ("key", "keys", "sig", "signature") or (last == "tokens" and before not in _PLAIN_TOKENS):
        return Kind.SECRET_IF_RANDOM
    return Kind.PLAIN


_RUN = re.compile(r"[A-Za-z0-9+=_-]{20,}")
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_MIXED = re.compile(r"[A-Za-z0-9]{24,}")
_HEX = re.compile(r"(?=[a-f]*\d)(?=\d*[a-f])[0-9a-f]{32,}\Z", re.IGNORECASE)


def is_random(text: str) -> bool:
    """Whether a run of 20 letters and digits in ``text`` looks made by a machine to be secret. A UUID does not."""
    return any(_is_random(run) for run in _RUN.findall(_UUID.sub("", text)))


def _is_random(run: str) -> bool:
    if all(any(map(kind, run)) for kind in (str.isupper, str.islower, str.isdigit)) or _HEX.match(run):
        return True
    mixed = max(_MIXED.findall(run), key=len, default="")
    return sum(map(str.isdigit, mixed)) >= 4 <= sum(map(str.isalpha, mixed))
