"""Flags that several commands share. A flag that is not given stays out of the settings.

Values are checked by the settings and not here, so that a flag, a variable and a file that say the
same wrong thing are answered in the same words.
"""

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


journal = click.option("--journal", metavar="FILE", help="The file that runs are recorded in.")

_workspace = click.option(
    "--workspace", "-w", metavar="FOLDER", help="The folder to work in; this one by default."
)
_rules = _all(
    click.option("--approve", metavar="read|ask|auto|all", help="What runs without a question."),
    click.option("--deny", multiple=True, metavar="WHAT", help="A tool or an effect that never runs."),
    click.option("--ask", multiple=True, metavar="WHAT", help="A tool or an effect to ask about."),
    click.option("--allow", multiple=True, metavar="WHAT", help="A tool or an effect that runs unasked."),
)
_output = click.option("--output", "-o", metavar="text|json|jsonl", help="What standard output gets.")
_limits = _all(
    click.option("--max-steps", metavar="N", help="The most model calls, or none."),
    click.option("--max-seconds", metavar="N", help="The most wall-clock seconds, or none."),
    click.option("--max-tokens", metavar="N", help="The most tokens, input and output together, or none."),
)
_answers = _all(
    click.option("--base-url", metavar="URL", help="Where an OpenAI-compatible server answers."),
    click.option("--temperature", metavar="T", help="0 is greedy."),
    click.option("--seed", metavar="N", help="Makes sampling repeatable."),
    click.option("--retries", metavar="N", help="Attempts after the first, for faults that pass."),
    click.option("--idle-seconds", metavar="N", help="Silence after which a remote model is given up."),
)
_adjustable = _all(
    _limits,
    _rules,
    _output,
    click.option(
        "--check", metavar="CMD", help="A shell command that must succeed at the end (in the sandbox)."
    ),
    _answers,
    journal,
)

policy = _all(_workspace, _rules)

_model = click.option(
    "--model", "-m", metavar="NAME", help="provider:name, such as local:smollm2 or openai:gpt-4o."
)

run_settings = _all(
    _model,
    _workspace,
    _adjustable,
)

resume_settings = _all(
    _adjustable,
    click.option("--force", is_flag=True, help="Take the run from a process that is surely gone."),
)

eval_settings = _all(_model, _limits, _rules, _answers)
