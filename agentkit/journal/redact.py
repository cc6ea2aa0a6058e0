"""Secrets leave a text before it reaches the disk.

Two kinds are known: the values that this process was given (in every form in which they tend to turn
up in output) and strings that have the shape of a key, whoever they belong to. What replaces them
says which it was: `[secret:OPENAI_API_KEY]`, `[secret:jwt]`.
"""

import base64
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeVar, cast
from urllib.parse import quote, quote_plus

import msgspec

from agentkit.core.secret import REDACTED

SHORTEST = 6
"""Characters of the shortest value that counts as a secret; shorter ones occur in ordinary text."""

_COMMON = frozenset(b' abcdefghiklmnoprstuwy",:.{}')
"""Signs of which the JSON of an event has many."""

_T = TypeVar("_T")

_SECRET_NAME = re.compile(
    r"(?:KEY|KEYS|TOKEN|SECRET|SECRETS|PASSWORD|PASSWD|PASSPHRASE|PWD_?HASH|CREDENTIAL|CREDENTIALS|_PAT)"
    r"(?:_(?:ID|VALUE|BASE64|B64|PROD|DEV|TEST|STAGING|RO|RW|[0-9]+))?$"
    r"|SECRET|PASSWORD|PASSPHRASE|PRIVATE_KEY|API_?KEY|ACCESS_?KEY|(?<![A-Z])TOKEN_",
    re.IGNORECASE,
)
_NAMES_A_PLACE = re.compile(
    r"_(?:FILE|PATH|DIR|FOLDER|SOCK|URL|URI|NAME|HELPER|PROVIDER|ASKPASS)$", re.IGNORECASE
)
_A_PATH = re.compile(r"[~.]{0,2}/\S*\.\w{1,6}")
_PASSWORD_IN_URL = re.compile(r"://[^/\s:@]*:([^/\s@]{6,})@")

# A key may follow any sign but a letter or digit; an escaped newline or a percent escape ends in one.
_START = r"(?:(?<![A-Za-z0-9])|(?<=\\[nrt])|(?<=%[0-9A-Fa-f]{2}))"
_BASE64 = r"[A-Za-z0-9+/=\s\\\"',]*"
_SHAPES: tuple[tuple[str, tuple[str, ...], str], ...] = (
    # Kind, strings without which it cannot be there, pattern. A digit tells a key from a long word.
    # What a match may look past is bounded: a hostile text must not take quadratic time.
    ("api-key", ("sk-", "sk_"), _START + r"sk[-_](?=[A-Za-z_-]{0,60}[0-9])[A-Za-z0-9_-]{16,}"),
    (
        "github-token",
        ("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"),
        _START + r"(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,})",
    ),
    ("gitlab-token", ("glpat-",), _START + r"glpat-[A-Za-z0-9_-]{20,}"),
    ("huggingface-token", ("hf_",), _START + r"hf_[A-Za-z0-9]{20,}"),
    ("aws-key-id", ("AKIA", "ASIA"), _START + r"(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Za-z0-9])"),
    ("slack-token", ("xox",), _START + r"xox[abeoprs]-[A-Za-z0-9-]{10,}"),
    ("google-key", ("AIza",), _START + r"AIza[A-Za-z0-9_-]{30,}"),
    ("jwt", ("eyJ",), _START + r"eyJ[A-Za-z0-9_-]{8,2000}\.[A-Za-z0-9_-]{8,20000}(?:\.[A-Za-z0-9_-]*)+"),
    (
        "private-key",
        ("PRIVATE KEY",),
        r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
        # then headers, whatever quotes source code puts around the lines, and the key itself, whose
        # end may be cut off
        r"(?:[\s\"',+]|\\[nrt]|[A-Za-z-]{3,20}: [^\n\\]{1,100}(?:\n|\\n))*"
        r"[A-Za-z0-9+/]{16}" + _BASE64 + r"(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----)?",
    ),
    (
        "bearer",
        ("earer ", "EARER ", "earer%20"),
        r"(?:(?<=earer )|(?<=EARER )|(?<=earer%20))(?=[A-Za-z._~+/-]{0,60}[0-9])[A-Za-z0-9._~+/-]{16,}=*",
    ),
)


def secrets_of(environ: Mapping[str, str]) -> dict[str, str]:
    """The variables whose name says that their value is a secret, and passwords inside of URLs.

    >>> secrets_of({"OPENAI_API_KEY": "abc123abc", "MAX_TOKENS": "100000", "KEY_FILE": "/etc/key"})
    {'OPENAI_API_KEY': 'abc123abc'}
    """
    found: dict[str, str] = {}
    for name, value in environ.items():
        if len(value) < SHORTEST:
            continue
        names_secret = _SECRET_NAME.search(name) and not _NAMES_A_PLACE.search(name)
        if names_secret and not _A_PATH.fullmatch(value):
            found[name] = value
        elif in_url := _PASSWORD_IN_URL.search(value):
            found[name] = in_url.group(1)
    return found


class Redactor:
    """Replaces secrets in texts and in the strings of values.

    Args:
        secrets: the values to hide; with a mapping, each is called by its name. Values shorter than
            six characters are not looked for.
    """

    def __init__(self, secrets: Mapping[str, str] | Iterable[str] = ()) -> None:
        if isinstance(secrets, Mapping):
            named = cast("Iterable[tuple[str, str]]", secrets.items())
        else:
            named = (("value", value) for value in secrets)
        self._needles: dict[str, str] = {}
        for name, value in named:
            for form in _forms(value):
                self._needles.setdefault(form, f"{REDACTED}{name}]")
        self._shapes = [(f"{REDACTED}{kind}]", signs, re.compile(shape)) for kind, signs, shape in _SHAPES]
        signs = [sign for _, signs, _ in _SHAPES for sign in signs]
        # msgspec escapes sign by sign, so a needle in a string is this needle in the string's JSON
        in_json = sorted({_in_json(needle) for needle in (*self._needles, *signs)})
        self._rare = re.compile(_any_of(needle for needle in in_json if _rarest(needle) is not None))
        self._common = [needle for needle in in_json if _rarest(needle) is None]

    def suspects(self, encoded: bytes) -> bool:
        """Whether a value that msgspec wrote as JSON may hold a secret; `False` is certain."""
        for needle in self._common:
            if needle in encoded:
                return True
        return self._rare.search(encoded) is not None

    def text(self, text: str) -> str:
        """The text with every secret replaced by its mark."""
        spans = sorted(self._spans(text))
        if not spans:
            return text
        pieces: list[str] = []
        done = 0
        for start, end, mark in spans:
            if start >= done:
                pieces += (text[done:start], mark)
            # a secret that begins inside of another one is covered by the mark of the first
            done = max(done, end)
        pieces.append(text[done:])
        return "".join(pieces)

    def value(self, value: _T) -> _T:
        """The same value with its strings redacted; its type, tags and enums stay what they are."""
        return cast("_T", self._value(value))

    def _value(self, value: Any) -> Any:
        if type(value) is str:  # not an enum member that is also a string
            return self.text(value)
        if isinstance(value, msgspec.Struct):
            return type(value)(*(self._value(getattr(value, name)) for name in value.__struct_fields__))
        if isinstance(value, dict):
            items = cast("dict[Any, Any]", value).items()
            return {self._value(key): self._free(item) for key, item in items}
        if isinstance(value, (list, tuple)):
            items = (self._free(item) for item in cast("Iterable[Any]", value))
            return list(items) if isinstance(value, list) else tuple(items)
        return value

    def _free(self, value: Any) -> Any:
        """Where any type may stand, a number that spells a secret becomes its mark."""
        if type(value) in (int, float):
            redacted = self.text(str(value))
            return value if redacted == str(value) else redacted
        return self._value(value)

    def _spans(self, text: str) -> Iterator[tuple[int, int, str]]:
        for needle, mark in self._needles.items():
            start = text.find(needle)
            while start >= 0:
                yield start, start + len(needle), mark
                start = text.find(needle, start + 1)
        for mark, signs, shape in self._shapes:
            if any(sign in text for sign in signs):
                for match in shape.finditer(text):
                    yield match.start(), match.end(), mark


def _in_json(text: str) -> bytes:
    return msgspec.json.encode(text)[1:-1]


def _rarest(needle: bytes) -> int | None:
    """The place of the first sign that is rare in the JSON of a text, if there is one."""
    return next((place for place, sign in enumerate(needle) if sign not in _COMMON), None)


def _any_of(needles: Iterable[bytes]) -> bytes:
    r"""The pattern of any of these, in which a search stops at a rare sign only, and looks back from there.

    One that began with the first sign of each would stop at every fourth letter.

    >>> _any_of([b"sk-", b"sk_live", b"AKIA"])
    b'\\-(?:(?<=sk\\-))|_(?:(?<=sk_)live)|A(?:KIA)'
    """
    by_sign: dict[bytes, list[bytes]] = {}
    for needle in needles:
        place = _rarest(needle) or 0
        before, sign, after = needle[:place], needle[place : place + 1], needle[place + 1 :]
        behind = b"(?<=" + re.escape(before + sign) + b")" if before else b""
        by_sign.setdefault(sign, []).append(behind + re.escape(after))
    return b"|".join(re.escape(sign) + b"(?:" + b"|".join(ends) + b")" for sign, ends in by_sign.items())


def _forms(secret: str) -> Iterator[str]:
    """The secret as it stands, and as JSON, URLs and base64 spell it."""
    secret = secret.strip()
    if len(secret) < SHORTEST:
        return
    raw = secret.encode("utf-8", "surrogateescape")
    yield secret
    for ascii_only in (True, False):
        escaped = json.dumps(secret, ensure_ascii=ascii_only)[1:-1]
        yield escaped
        yield escaped.replace("/", "\\/")
        yield json.dumps(escaped)[1:-1]  # JSON inside of a JSON string
    for quoted in (quote(raw, safe=""), quote(raw), quote_plus(raw), quote_plus(raw, safe="/")):
        yield quoted
        yield re.sub("%[0-9A-F]{2}", lambda escape: escape.group().lower(), quoted)
    for before in range(3):
        # Its base64 depends on how many bytes precede it, modulo three. The signs at either end that
        # also carry bits of its neighbours are not part of the needle.
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            encoded = encode(b"\0" * before + raw).decode()
            yield encoded[-(-before * 8 // 6) : (before + len(raw)) * 8 // 6]
