"""The parts of a run's page as HTML; every word on it goes through `text`."""

import json
from collections.abc import Callable
from decimal import Decimal
from html import escape

from agentkit.cli.page_steps import Called, FileChange, Note, Said
from agentkit.cli.words import counted, duration, escaped
from agentkit.core.events import CallDecided, Finding, RunStarted
from agentkit.core.messages import AssistantMessage, Message, ToolCall, ToolMessage
from agentkit.core.tools import Outcome, ToolResult

MOST_SHOWN = 200_000
"""Characters of one text on the page; the rest is in the record."""
SHORT = 400
"""Characters of a result that is not folded."""
MOST_UNFOLDED = 40
"""Lines of what a call did to files, together, that are not folded."""

_STYLES = {Outcome.OK: "good", Outcome.DENIED: "warn", Outcome.UNKNOWN: "warn"}


def text(words: str) -> str:
    r"""The words as they are, for a person to read: no sign of theirs is one of the page's.

    >>> text("<b> & \x1b[31m")
    '&lt;b&gt; &amp; \\u001b[31m'
    """
    return escape(escaped(words))


def note(piece: Note) -> str:
    """Something that happened between calls."""
    label = f"<b>{text(piece.label)}</b> " if piece.label else ""
    return f'<div class="note {text(piece.style)} words">{label}{text(piece.words)}</div>'


def answer(words: str) -> str:
    """The agent's last word."""
    return f'<div class="answer words">{text(words.strip())}</div>'


def finding(found: Finding) -> str:
    """Something that was looked at in the end."""
    style = "good" if found.holds else "bad"
    return f'<li class="{style}"><span>{text(found.claim)}: {text(found.found)}</span></li>'


def fact(name: str, value: str) -> str:
    """A name and what it is."""
    wide = ' class="wide"' if len(value) > 40 else ""
    return f"<div{wide}><dt>{text(name)}</dt><dd>{text(value)}</dd></div>"


def opening(started: RunStarted) -> str:
    """The first messages, folded."""
    parts = [f"<p class='small soft'>{who}</p>{_pre(words)}" for who, words in map(_told, started.opening)]
    used = f"{started.prompt.name}, version {started.prompt.version}, {started.prompt.digest}"
    first = counted(len(parts), "message")
    summary = f"<summary>What the model was told first: {first} ({text(used)})</summary>"
    return f"<details>{summary}{''.join(parts)}</details>"


def block(piece: Said | Called | Note, recall: Callable[[str], str | None]) -> str:
    """A part of a step."""
    match piece:
        case Said(words):
            return f'<p class="words">{text(words)}</p>'
        case Note():
            return note(piece)
        case Called():
            return _called(piece, recall)


def money(cost: Decimal | None) -> str:
    """US dollars, to four digits; nothing where nobody knows, or it is nothing.

    >>> money(Decimal("0.0123456")), money(None), money(Decimal(0))
    ('$0.0123', '', '')
    """
    return f"${cost:.4f}" if cost else ""


def _called(piece: Called, recall: Callable[[str], str | None]) -> str:
    result = piece.result
    style, how, took = "warn", "no result is recorded", ""
    if result is not None:
        style, how = _STYLES.get(result.outcome, "bad"), str(result.outcome)
        took = duration(result.seconds) if result.seconds >= 0.05 else ""
    how = f' <span class="{style}">{text(how)}</span> <span class="soft small">{took}</span>'
    parts = [f'<div class="mono">{text(_short_call(piece.call))}{how}</div>']
    parts += [_decided(piece.decided)] if piece.decided is not None else []
    parts += ['<p class="small warn">the person changed the arguments</p>'] if piece.edited else []
    if len(_short_call(piece.call)) < len(_whole_call(piece.call)):
        parts.append(_folded("Arguments", json.dumps(piece.call.arguments, ensure_ascii=False, indent=2)))
    if result is not None and result.untrusted:
        parts.append('<p class="small warn">anybody may have written what follows</p>')
    parts += [_result(result, recall)] if result is not None else []
    shown = sum(len(change.lines) for change in piece.changes) <= MOST_UNFOLDED
    parts += [_change(change, shown=shown) for change in piece.changes]
    return f'<div class="call">{"".join(parts)}</div>'


def _decided(decided: CallDecided) -> str:
    verdict, style = ("allowed", "soft") if decided.allowed else ("not allowed", "warn")
    return f'<p class="small {style}">{verdict} by {text(decided.by)}: {text(decided.reason)}</p>'


def _result(result: ToolResult, recall: Callable[[str], str | None]) -> str:
    whole = recall(result.handle) if result.handle else None
    words = result.text if whole is None else whole
    if not words.strip():
        return ""
    if len(words) <= SHORT and words.count("\n") < 8:
        return _pre(words)
    lines = words.rstrip("\n").count("\n") + 1
    seen = "" if whole is None else ", of which the model was shown a part"
    return _folded(f"{counted(lines, 'line')}, {counted(len(words), 'character')}{seen}", words)


def _change(change: FileChange, *, shown: bool) -> str:
    if not change.lines:
        return f'<p class="small soft">{text(change.name)} {text(change.what)}</p>'
    lines = "".join(f"<span{_kind(line)}>{text(line)}</span>" for line in change.lines)
    summary = f"<summary>{text(change.name)} {text(change.what)}</summary>"
    return f'<details{" open" if shown else ""}>{summary}<pre class="diff">{lines}</pre></details>'


def _kind(line: str) -> str:
    kinds = {"+": "plus", "-": "minus", "@": "at"}
    return f' class="{kinds[line[0]]}"' if line[:1] in kinds else ""


def _folded(summary: str, words: str) -> str:
    return f"<details><summary>{text(summary)}</summary>{_pre(words)}</details>"


def _pre(words: str) -> str:
    rest = len(words) - MOST_SHOWN
    more = f"\n… {rest:,} more characters are in the record" if rest > 0 else ""
    return f"<pre>{text(words[:MOST_SHOWN])}{more}</pre>"


def _told(message: Message) -> tuple[str, str]:
    match message:
        case AssistantMessage():
            calls = "\n".join(_whole_call(call) for call in message.calls)
            return "the model (an example)", "\n".join(part for part in (message.text, calls) if part)
        case ToolMessage():
            return "a tool (an example)", message.text
        case _:
            return type(message).__name__.removesuffix("Message").lower(), message.text


def _whole_call(call: ToolCall) -> str:
    given = (f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in call.arguments.items())
    return f"{call.name}({', '.join(given)})"


def _short_call(call: ToolCall) -> str:
    """The call with its long values cut."""
    given: list[str] = []
    for name, value in call.arguments.items():
        shown = json.dumps(value, ensure_ascii=False)
        given.append(f"{name}={shown if len(shown) <= 120 else shown[:110] + '…'}")
    return f"{call.name}({', '.join(given)})"
