"""Flags that several commands share. A flag that is not given stays out of the settings."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

_F = TypeVar("_F", bound=Callable[..., Any])


def _all(*decorators: Callable[[Any], Any]) -> Callable[[_F], _F]:
    def apply(function: _F) -> _F:
        for decorator in reversed(decorators):
            function = decorator(function)
        return function

    return apply


_APPROVE = click.Choice(["read", "ask", "auto", "all"])
_OUTPUT = click.Choice(["text", "json", "jsonl"])

_workspace = click.option("--workspace", "-w", help="The folder to work in; this one by default.")
_approve = click.option("--approve", type=_APPROVE, help="What runs without a question.")
_deny = click.option("--deny", multiple=True, help="A tool or an effect that never runs; repeatable.")
_ask = click.option("--ask", multiple=True, help="A tool or an effect to ask about; repeatable.")
_allow = click.option("--allow", multiple=True, help="A tool or an effect that runs unasked; repeatable.")
_output = click.option("--output", "-o", type=_OUTPUT, help="What standard output gets.")

journal = click.option("--journal", help="The file that runs are recorded in.")

policy = _all(_workspace, _approve, _deny, _ask, _allow)

run_settings = _all(
    click.option("--model", "-m", help="provider:name, such as local:smollm2 or openai:gpt-4o."),
    _workspace,
    click.option("--max-steps", type=int, help="The most model calls."),
    click.option("--max-seconds", type=float, help="The most wall-clock seconds."),
    click.option("--max-tokens", type=int, help="The most tokens, input and output together."),
    _approve,
    _deny,
    _ask,
    _allow,
    _output,
    click.option("--check", help="A shell command that must succeed at the end (in the sandbox)."),
    click.option("--base-url", help="Where an OpenAI-compatible server answers."),
    click.option("--temperature", type=float, help="0 is greedy."),
    click.option("--seed", type=int, help="Makes sampling repeatable."),
    journal,
)

resume_settings = _all(_output, _deny, click.option("--base-url", help="Where the server answers."), journal)
