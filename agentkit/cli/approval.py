"""What a person can say to a call that they are asked about."""

import json
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, cast, get_args

import msgspec

from agentkit.assembly import with_rule
from agentkit.cli.preview import would_change
from agentkit.cli.scopes import Scopes
from agentkit.cli.words import call_text, clipped, escaped, on_one_line, printable
from agentkit.core.events import RuleKind, RuleScope
from agentkit.core.messages import ToolCall
from agentkit.settings import Settings
from agentkit.tooling.dispatch import Reply
from agentkit.tooling.schema import InvalidArguments
from agentkit.tooling.tool import Tool

SHOWN_LINES = 24
"""Lines of a call that a question shows; the rest on request."""
SHOWN = 2000
"""Characters of such a line."""

AHEAD = 160
"""Columns in which a call that was allowed ahead is told."""

HELP = """\
y       run it                     n, Enter  do not run it
y -3    run it and the next ones,  e  change the arguments first
        3 in all                   d  show what it would change
a       show all of it             w  why this is asked
y run, y project, y user   run it, and what a rule says in this run, this folder, everywhere
n run, n project, n user   do not, nor what a rule says; the rule is shown before it holds
any other words are told to the agent, and the call does not run"""

_AHEAD = re.compile(r"y\s*-\s*([1-9][0-9]{0,3})")
_SCOPED = re.compile(r"(y|yes|n|no)\s+(run|project|user)")


class Approvals:
    """Asks about one call after the other, and remembers how many a person allowed ahead."""

    def __init__(
        self,
        show: Callable[[str], None],
        hear: Callable[[str, str], Awaitable[str]],
        settings: Settings,
    ) -> None:
        """Ask through these.

        Args:
            show: Shows lines to the person.
            hear: Puts a question and returns the answer; its second argument can be edited to be it.
            settings: Those of the run: which files a call would change, and by which rule it is asked about.
        """
        self._show = show
        self._hear = hear
        self._scopes = Scopes(show, hear)
        self.settings = settings
        self.ahead = 0
        """Calls that are allowed without another question."""

    async def __call__(self, tool: Tool, call: ToolCall, reason: str) -> Reply:
        """What the person says to the call; only a clear yes lets it run."""
        if self.ahead and tool.leads_to is None:  # where a call leads has to be seen before it may go there
            self.ahead -= 1
            self._show(f"allowed ahead, {self.ahead} more: {clipped(call_text(call), AHEAD)}")
            return Reply(allowed=True, ahead=True)
        original = call
        self._show(_preview(call))
        while True:
            said = (await self._hear(f"{on_one_line(reason)}. Allow it? [y/N, ? for more] ", "")).strip()
            match said.lower():
                case "y" | "yes":
                    return _yes(call, original)
                case "" | "n" | "no":
                    return Reply(allowed=False)
                case "e":
                    call = await self._edited(tool, call)
                    if tool.leads_to is not None and call is not original:
                        reason = "you changed the arguments, and you are asked again with where it leads then"
                    self._show(_preview(call))
                case "d":
                    self._show(escaped(await would_change(tool, call, self.settings.workspace)))
                case "w":
                    self._show("\n".join(self._why(tool, call)))
                case "a":
                    self._show(_preview(call, whole=True))
                case word if ahead := _AHEAD.fullmatch(word):
                    self.ahead = int(ahead[1]) - 1
                    return _yes(call, original)
                case word if scoped := _SCOPED.fullmatch(word):
                    kind: RuleKind = "allow" if scoped[1].startswith("y") else "deny"
                    scope: RuleScope = next(one for one in get_args(RuleScope) if one == scoped[2])
                    arguments = tool.check(call.arguments)
                    if rules := await self._scopes.rules(kind, scope, tool, arguments, self.settings):
                        for rule in rules:
                            self.settings = with_rule(self.settings, rule)
                        reply = _yes(call, original) if kind == "allow" else Reply(allowed=False)
                        return msgspec.structs.replace(reply, rules=rules)
                case word if len(word) == 1 or word.startswith(("y -", "y-")):
                    self._show(HELP)
                case _:
                    return Reply(allowed=False, feedback=said)

    def _why(self, tool: Tool, call: ToolCall) -> list[str]:
        from agentkit.assembly import judging
        from agentkit.cli.why import reasons
        from agentkit.tooling.discovery import installed_tools

        with judging(self.settings, installed_tools()) as judge:
            return list(reasons(tool, tool.check(call.arguments), judge, self.settings))

    async def _edited(self, tool: Tool, call: ToolCall) -> ToolCall:
        """The call with the arguments as the person wants them, or as it is when they leave them."""
        text = before = escaped(json.dumps(call.arguments, ensure_ascii=False))
        while True:
            text = (await self._hear("arguments: ", text)).strip()
            if not text:
                return call
            try:
                arguments = json.loads(text)
                if not isinstance(arguments, dict):
                    raise TypeError(f"{clipped(text, 40)} is no JSON object")
                tool.check(cast("dict[str, Any]", arguments))
            except json.JSONDecodeError as error:
                fault = f"{clipped(text, 40)} is no JSON from character {error.pos + 1} on ({error.msg})"
            except (TypeError, InvalidArguments) as error:
                fault = str(error)
            else:
                return ToolCall(call.id, call.name, cast("dict[str, Any]", arguments))
            self._show(printable(f"these arguments cannot be: {fault}"))
            self._show(f"they were {clipped(before, 100)}; an empty line leaves them so")


def _yes(call: ToolCall, original: ToolCall) -> Reply:
    edited: Mapping[str, Any] | None = None if call is original else call.arguments
    return Reply(allowed=True, arguments=None if edited is None else dict(edited))


def _preview(call: ToolCall, *, whole: bool = False) -> str:
    r"""The call with what would be hard to read in quotes on lines of its own, and nothing hidden.

    >>> print(_preview(ToolCall("1", "write_file", {"path": "a.txt", "content": "one\ntwo"})))
    write_file(path="a.txt", content=…)
    content:
      one
      two
    """
    blocks = {
        name: value
        for name, value in call.arguments.items()
        if isinstance(value, str) and any(char in value.strip("\n") for char in '\n"\\')
    }
    given = ", ".join(
        f"{name}={'…' if name in blocks else json.dumps(value, ensure_ascii=False)}"
        for name, value in call.arguments.items()
    )
    lines = [escaped(f"{call.name}({given})")]
    for name, value in blocks.items():
        lines += [f"{escaped(name)}:", *(f"  {escaped(line)}" for line in value.rstrip("\n").split("\n"))]
    if whole:
        return "\n".join(lines)
    shown = [line if len(line) <= SHOWN else f"{line[:SHOWN]}… (a shows all)" for line in lines[:SHOWN_LINES]]
    more = len(lines) - len(shown)
    return "\n".join([*shown, f"  … {more} more lines (a shows all)"] if more else shown)
