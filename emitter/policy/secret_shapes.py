"""Secrets in the middle of a text, known by their shape. Pure.

Shapes are those that their makers document: the prefix and the length say what it is. What has no shape of its own is
found by the name before it, as in ``password=…``, and by the place where it stands, as in ``//user:…@host``.
"""

from __future__ import annotations

import re
from collections import Counter

from emitter.policy.secret_keys import Kind, is_random, kind_of

MARK = "[REDACTED]"

#: Not within a word, or right after a line break that is written as one.
_START = r"(?:(?<![\w-])|(?<=\\[nrt]))"
_PRIVATE_KEY = re.compile(
    r"-----BEGIN (?:[A-Z0-9]+ ){0,4}PRIVATE KEY(?: BLOCK)?-----"
    r"(?:(?!-----)[\s\S])*(?:-----END (?:[A-Z0-9]+ ){0,4}PRIVATE KEY(?: BLOCK)?-----)?"
)
_URL = re.compile(r"(?P<before>://[^\s/:@\"'<>\\]*):(?P<secret>[^\s/\"'<>\\]+)@")
_BEARER = re.compile(
    r"(?P<before>\bbearer\s{1,3})(?P<secret>(?=[^\s\"',;]*\d|[A-Za-z0-9._~+/]{16})[A-Za-z0-9._~+/=-]{8,})",
    re.IGNORECASE,
)
_JWT = re.compile(_START + r"(?=[\w.-]{20})eyJ[\w-]{8,}(?:\.[\w-]*){2,4}", re.ASCII)
#: Each of these has a run of RUN characters, by which a text is sifted first.
_CLOUD_KEY = re.compile(
    _START
    + r"""(?:
      (?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}(?![A-Za-z0-9])   # AWS
    | AIza[\w-]{35,} | ya29\.[\w-]{20,} | GOCSPX-[\w-]{20,} # Google
    | (?<![~.])[\w~.-]{3}\dQ~[\w~.-]{31,34}                # Azure
    | gh[pousr]_[A-Za-z0-9]{20,} | github_pat_\w{20,}      # GitHub
    | glpat-[\w-]{20,}                                     # GitLab
    | xox[a-z](?:\.xox[a-z])?-[\w-]{15,} | xapp-[\w-]{15,} # Slack
    | sk-(?=[\w-]*\d)[\w-]{17,}                            # OpenAI, Anthropic and others
    | [rs]k_(?:live|test)_[A-Za-z0-9]{12,} | whsec_\w{14}[\w+/=]* # Stripe
    | hf_[A-Za-z0-9]{20,} | npm_[A-Za-z0-9]{30,} | pypi-[\w-]{30,} | SG\.[\w-]{16,}\.[\w-]{16,}
    )""",
    re.VERBOSE | re.ASCII,
)
_SLACK_HOOK = re.compile(r"(?P<before>hooks\.slack\.com/(?:services|workflows)/)(?P<secret>[\w/-]*[\w-]{20})", re.ASCII)

_SHAPES = ((_JWT, "jwt"), (_CLOUD_KEY, "cloud_key"), (_SLACK_HOOK, "cloud_key"))

#: A name and what gives it a value: ``name=``, ``name: ``, ``"name":``, ``--name ``.
_NAMED = re.compile(
    r"(?<![\w.-])(?P<flag>--)?(?P<name>[A-Za-z_][\w.-]{0,99})"
    r"(?P<sign>\\{0,4}[\"'] {0,3}(?:: {0,3}|=> {0,3})| {0,3}=(?!=)>? {0,3}|: {1,3}|(?(flag) {1,3}|(?!)))",
    re.ASCII,
)
_QUOTED = re.compile(r"\\{0,4}(?P<quote>[\"'])(?P<secret>(?:(?!(?P=quote))[^\\\r\n]|\\(?!\\{0,3}(?P=quote)))+)")
_SCHEME = re.compile(r"(?:basic|bearer|digest|token|negotiate|apikey)\s{1,3}", re.IGNORECASE)
#: What a cookie header holds.
_PAIRS = re.compile(r"[^\s=;\"'<>\\]+=[^\r\n\"'<>\\]*")
_BARE = re.compile(r"[^\s\"'&;,<>\\]+")

RUN = 20
_IN_RUN = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.~-")
_RUNS = bytes(ord("a") if byte in _IN_RUN else ord(" ") for byte in range(256))
_RUN = b"a" * RUN


def has_run(encoded: bytes) -> bool:
    """Whether RUN characters stand together as in a key that a machine made. UTF-8, so others are none of them."""
    return _RUN in encoded.translate(_RUNS)


def without_secrets(text: str, cleaned: Counter[str]) -> str:
    """``text`` with ``[REDACTED]`` in place of each secret; what was found is counted by kind in ``cleaned``."""
    if "-----BEGIN" in text:
        text = _replace(_PRIVATE_KEY, "private_key", text, cleaned)
    if "@" in text:
        text = _replace(_URL, "url", text, cleaned)
    if "=" in text or ":" in text or "--" in text:
        text = _without_named(text, cleaned)
    if "bearer" in text.lower():
        text = _replace(_BEARER, "bearer", text, cleaned)
    if len(text) >= RUN and has_run(text.encode()):
        for pattern, kind in _SHAPES:
            text = _replace(pattern, kind, text, cleaned)
    return text


def _replace(pattern: re.Pattern[str], kind: str, text: str, cleaned: Counter[str]) -> str:
    def mark(found: re.Match[str]) -> str:
        parts = found.groupdict()
        if parts.get("secret") == MARK:
            return found.group()
        cleaned[kind] += 1
        if "secret" not in parts:
            return MARK
        return parts["before"] + (":" if kind == "url" else "") + MARK + ("@" if kind == "url" else "")

    return pattern.sub(mark, text)


def _without_named(text: str, cleaned: Counter[str]) -> str:
    kept: list[str] = []
    end = 0
    for found in _NAMED.finditer(text):
        kind = kind_of(found["name"]) if found.start() >= end else Kind.PLAIN
        if kind in (Kind.PLAIN, Kind.ERROR):
            continue
        span = _value_span(text, found, kind)
        if span is not None:
            kept += text[end : span[0]], MARK
            end = span[1]
            cleaned["named"] += 1
    return "".join([*kept, text[end:]]) if kept else text


def _value_span(text: str, found: re.Match[str], kind: Kind) -> tuple[int, int] | None:
    """Where the secret stands that a name is given, if it is one."""
    sign, start = found["sign"], found.end()
    if found["name"].lower().endswith("authorization") and (scheme := _SCHEME.match(text, start)):
        start = scheme.end()
    if found["name"].lower().endswith("cookie") and (pairs := _PAIRS.match(text, start)):
        return pairs.span()
    value = _QUOTED.match(text, start)
    if value is not None:
        span = value.span("secret")
    else:
        value = _BARE.match(text, start)
        if value is None:
            return None
        span = (start, start + len(value.group().rstrip(")]}.")))
    secret = text[slice(*span)]
    if not secret or secret.startswith(MARK[:-1]) or (kind is Kind.SECRET_IF_RANDOM and not is_random(secret)):
        return None
    if kind is Kind.SECRET_TEXT and secret.isdigit():
        return None
    told = "=" in sign or '"' in sign or "'" in sign or start != found.end()
    if not told and not _is_no_word(secret):
        return None
    return span


def _is_no_word(text: str) -> bool:
    """Prose says ``password: required``; nobody means a secret by it."""
    return len(text) >= 6 and any(map(str.isdigit, text)) and any(map(str.isalpha, text))
