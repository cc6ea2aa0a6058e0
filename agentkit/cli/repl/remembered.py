"""`/memory` and `/forget`: what is remembered beyond this conversation."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from agentkit.core.errors import UsageError

if TYPE_CHECKING:
    from agentkit.cli.repl.repl import Repl
    from agentkit.memory.scope import Scope

_HOW = (
    "say /forget N for a fact, /forget message N, /forget conversation RUN, /forget name NAME, or "
    "/forget everything"
)


async def show_memory(repl: "Repl", question: str) -> None:
    """List what is remembered, or find what bears on a question."""
    from agentkit.cli.memory_lines import listed, searched

    with _scope(repl) as scope:
        for line in await searched(scope, question) if question else listed(scope):
            repl.say("", line)


async def forget(repl: "Repl", rest: str) -> None:
    """Forget for good what is named."""
    from agentkit.cli.memory_lines import receipt_lines

    what, _, name = rest.partition(" ")
    with _scope(repl) as scope:
        match what, name.strip():
            case number, "" if number.isascii() and number.isdigit():
                receipt = scope.forget(facts=[int(number)])
            case "message", number if number.isascii() and number.isdigit():
                receipt = scope.forget(messages=[int(number)])
            case "conversation", named if named:
                receipt = scope.forget(conversation=named)
            case "name", named if named:
                receipt = scope.forget(name=named)
            case "everything", "":
                receipt = scope.forget(everything=True)
            case _:
                raise UsageError(_HOW)
        for line in receipt_lines(receipt):
            repl.say("forgot" if not receipt.nothing else "", line)
    if repl.talk.state.started is not None:
        repl.say("", "the conversation at hand still has in view what was said in it", "dim")


@contextmanager
def _scope(repl: "Repl") -> "Generator[Scope]":
    """The memory that the conversation has."""
    from agentkit.cli.whose_memory import memory_of

    with memory_of(repl.talk.settings) as scope:
        yield scope
