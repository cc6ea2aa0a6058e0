"""Work on a text that is at hand: patterns, encodings, templates."""

import base64
import binascii
import html
from collections.abc import Mapping
from typing import Literal, assert_never
from urllib.parse import quote, unquote_to_bytes

import regex

from agentkit.core.errors import ToolFault
from agentkit.core.template import Template
from agentkit.core.tools import Effect
from agentkit.tooling.packs import Pack
from agentkit.tooling.tool import tool
from agentkit_tools.text import counted

SECONDS = 5.0
"""How long a pattern may take."""
MOST_MATCHES = 200

Encoding = Literal["base64", "url", "html", "hex"]


@tool(effect=Effect.READS)
def regex_search(text: str, pattern: str) -> str:
    """Find every match of a regular expression in a text, with its groups.

    Args:
        text: The text.
        pattern: The expression; (?i) at its start makes upper and lower case the same.
    """
    compiled = _compiled(pattern)
    try:
        found = [
            match
            for match, _ in zip(
                compiled.finditer(text, timeout=SECONDS), range(MOST_MATCHES + 1), strict=False
            )
        ]
    except TimeoutError:
        raise _too_slow(pattern) from None
    if not found:
        return "nothing matches"
    lines = [_line(match) for match in found[:MOST_MATCHES]]
    if len(found) > MOST_MATCHES:
        lines.append(f"[only the first {MOST_MATCHES} are shown]")
    return "\n".join(lines)


@tool(effect=Effect.READS)
def regex_replace(text: str, pattern: str, replacement: str, count: int = 0) -> str:
    r"""Replace the matches of a regular expression in a text and get the new text.

    Args:
        text: The text.
        pattern: The expression.
        replacement: What comes in place of a match; \1 is its first group.
        count: Replace only so many; 0 is all.
    """
    if count < 0:
        raise ToolFault(f"count is 0 for all, or how many; it is {count}")
    try:
        return _compiled(pattern).sub(replacement, text, count=count, timeout=SECONDS)
    except TimeoutError:
        raise _too_slow(pattern) from None
    except (regex.error, IndexError) as error:
        raise ToolFault(f"the replacement cannot be used: {error}") from None


@tool(effect=Effect.PURE)
def encode_text(text: str, encoding: Encoding) -> str:
    """Write a text as base64, for a URL, for HTML, or in hexadecimal.

    Args:
        text: The text.
        encoding: base64, url, html or hex.
    """
    data = text.encode("utf-8", "replace")
    match encoding:
        case "base64":
            return base64.b64encode(data).decode("ascii")
        case "url":
            return quote(data, safe="")
        case "html":
            return html.escape(text)
        case "hex":
            return data.hex()
        case _:
            assert_never(encoding)


@tool(effect=Effect.PURE)
def decode_text(text: str, encoding: Encoding) -> str:
    """Read a text that is written as base64, for a URL, for HTML, or in hexadecimal.

    Args:
        text: What is written.
        encoding: base64, url, html or hex.
    """
    try:
        match encoding:
            case "base64":
                plain = "".join(text.split()).replace("-", "+").replace("_", "/")
                data = base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
            case "url":
                data = unquote_to_bytes(text)
            case "html":
                return html.unescape(text)
            case "hex":
                data = bytes.fromhex(text)
            case _:
                assert_never(encoding)
    except (binascii.Error, ValueError) as error:
        raise ToolFault(f"that is no {encoding}: {error}") from None
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise ToolFault(
            f"it holds {counted(len(data), 'byte')} that are no text: {data[:64].hex()}"
        ) from None


@tool(effect=Effect.PURE)
def fill_template(template: str, values: Mapping[str, str]) -> str:
    """Fill the {names} of a template.

    Args:
        template: The text; {{ and }} stand for braces.
        values: What comes in place of each name; each is used, and none is missing.
    """
    return Template(template).render(values)


def _compiled(pattern: str) -> "regex.Pattern[str]":
    if not pattern:
        raise ToolFault("the pattern is empty; say what to find")
    try:
        return regex.compile(pattern)
    except regex.error as error:
        raise ToolFault(f"{pattern!r} is no regular expression: {error}") from None


def _line(match: "regex.Match[str]") -> str:
    groups = [f"{number}={group!r}" for number, group in enumerate(match.groups(), 1)]
    named = [f"{name}={group!r}" for name, group in match.groupdict().items()]
    parts = named or groups
    return f"{match.start()}-{match.end()}: {match[0]!r}" + (f" ({', '.join(parts)})" if parts else "")


def _too_slow(pattern: str) -> ToolFault:
    return ToolFault(f"{pattern!r} took more than {SECONDS:g} seconds; use a simpler one")


PACK = Pack(
    "text",
    "regular expressions, encodings and templates for a text at hand",
    (regex_search, regex_replace, encode_text, decode_text, fill_template),
)
