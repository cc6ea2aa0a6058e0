"""Flags that several commands share. A flag that is not given stays out of the settings.

Values are checked by the settings and not here, so that a flag, a variable and a file that say the
same wrong thing are answered in the same words.
"""

import math
from collections.abc import Callable
from typing import Any, TypeVar

import click

from agentkit.cli.completion import model_names, values_of

_F = TypeVar("_F", bound=Callable[..., Any])


def _all(*decorators: Callable[[Any], Any]) -> Callable[[_F], _F]:
    def apply(function: _F) -> _F:
        for decorator in reversed(decorators):
            function = decorator(function)
        return function

    return apply


def _split(_context: click.Context, _option: click.Parameter, given: tuple[str, ...]) -> list[str]:
    return [name for names in given for name in names.split(",")]


class FiniteRange(click.FloatRange):
    """A number that is one: `nan`, which lies in every range, and `inf` are refused."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """As `click.FloatRange`."""
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value} is not a number that can be counted to; one such as 30 works", param, ctx)
        return number


journal = click.option("--journal", metavar="FILE", help="The file that runs are recorded in.")

_base_url = click.option("--base-url", metavar="URL", help="Where an OpenAI-compatible server answers.")
_index = click.option("--index", metavar="FILE", help="The file that documents are found by.")
search = _all(
    click.option("--limit", type=click.IntRange(1, 1000), metavar="N", help="The most pieces; 8 by default."),
    click.option(
        "--where", multiple=True, metavar="NAME=VALUE", help="A fact that a document must have; repeatable."
    ),
    click.option("--json", "as_json", is_flag=True, help="Print one JSON object."),
)

workspace = click.option(
    "--workspace", "-w", metavar="FOLDER", help="The folder to work in; this one by default."
)
_rules = _all(
    click.option(
        "--approve",
        type=values_of("read", "ask", "auto", "all"),
        metavar="read|ask|auto|all",
        help="What runs without a question.",
    ),
    click.option(
        "--deny", multiple=True, metavar="WHAT", help="A tool, an effect, or TOOL(CMD *), that never runs."
    ),
    click.option(
        "--ask", multiple=True, metavar="WHAT", help="A tool, an effect, or TOOL(CMD *), to ask about."
    ),
    click.option(
        "--allow", multiple=True, metavar="WHAT", help="A tool, an effect, or TOOL(CMD *), that runs unasked."
    ),
)
_packs = click.option(
    "--packs",
    multiple=True,
    metavar="NAMES",
    callback=_split,
    help="Packs of tools to add, such as git,jobs (agentkit tools lists them), or all.",
)
memory = _all(
    click.option(
        "--memory", metavar="NAME", help="Whose memory it has, as PERSON or TENANT/PERSON; none by default."
    ),
    click.option("--memory-file", metavar="FILE", help="The file that is remembered in."),
    click.option(
        "--memory-days", metavar="N", help="For how many days that file keeps things; for ever by default."
    ),
)
_domains = click.option(
    "--domains",
    multiple=True,
    metavar="HOSTS",
    callback=_split,
    help="The only hosts that tools may reach, such as example.org; any public one by default.",
)
_web = _all(
    click.option(
        "--inside",
        multiple=True,
        metavar="HOST:PORT",
        callback=_split,
        help="Hosts here or in a private network that tools may reach all the same.",
    ),
    click.option(
        "--search",
        multiple=True,
        metavar="WHO",
        help="Who is asked about the web, in turn: brave, tavily, serper, ddgs, searxng:URL, recorded:FILE.",
    ),
)
_batch = click.option(
    "--batch",
    multiple=True,
    metavar="TOOLS",
    callback=_split,
    help="Tools that this work calls again and again in the same way: no loop is seen in that.",
)
_larger = click.option(
    "--larger-model",
    metavar="NAME",
    shell_complete=model_names,
    help="Asked instead where words do not help against a loop.",
)
_kept = _all(
    click.option(
        "--unkept",
        multiple=True,
        metavar="PATH",
        help="Not kept for an undo: a path, or a pattern for names.",
    ),
    click.option("--kept-file-mb", metavar="N", help="Megabytes of the largest file that is kept."),
    click.option("--kept-total-mb", metavar="N", help="Megabytes of all files that are kept."),
)
_output = click.option(
    "--output",
    "-o",
    type=values_of("text", "json", "jsonl"),
    metavar="text|json|jsonl",
    help="What standard output gets.",
)
_form = click.option(
    "--output-schema", metavar="FILE", help="A JSON Schema that the final answer must be valid by, as JSON."
)
_limits = _all(
    click.option("--max-steps", metavar="N", help="The most model calls, or none."),
    click.option("--max-seconds", metavar="N", help="The most seconds at work, or none."),
    click.option("--max-tokens", metavar="N", help="The most tokens, input and output together, or none."),
    click.option("--max-cost", metavar="USD", help="The most US dollars, or none; needs a known price."),
    click.option("--max-tool-seconds", metavar="N", help="The most seconds in which tools run, or none."),
    click.option("--max-agents", metavar="N", help="The most agents that a run may let work for it."),
    click.option(
        "--max-agent-depth", metavar="N", help="How far down; 1 is agents without any of their own."
    ),
    click.option(
        "--prices",
        multiple=True,
        metavar="NAME=IN/OUT",
        help="What a model costs in US dollars for a million tokens; NAME=IN/CACHED/OUT too.",
    ),
)
_answers = _all(
    _base_url,
    click.option("--temperature", metavar="T", help="0 is greedy."),
    click.option("--seed", metavar="N", help="Makes sampling repeatable."),
    click.option("--retries", metavar="N", help="Attempts after the first, for faults that pass."),
    click.option("--idle-seconds", metavar="N", help="Silence after which a remote model is given up."),
    click.option("--context-window", metavar="N", help="Tokens that a remote model can take in, or none."),
    click.option("--max-output-tokens", metavar="N", help="The most tokens of a remote answer, or none."),
    click.option("--calls-per-step", metavar="N", help="The most calls of one remote answer, or none."),
    click.option("--most-tools", metavar="N", help="Tools a remote model is offered at once, or none."),
    click.option(
        "--text-calls",
        metavar="FORM",
        help="How a remote model writes calls as text: hermes, llama3, chatglm3, json, or none.",
    ),
    click.option("--thoughts", metavar="tagged|opened", help="How thoughts stand in a remote model's text."),
)
_check = click.option(
    "--check", metavar="CMD", help="A shell command that must succeed at the end (in the sandbox)."
)
_adjustable = _all(
    _limits,
    _rules,
    _kept,
    _packs,
    memory,
    _domains,
    _web,
    _output,
    _check,
    _form,
    _answers,
    _index,
    journal,
)

policy = _all(workspace, _rules, _kept)

tools = _all(policy, _packs, memory)

_model = click.option(
    "--model",
    "-m",
    metavar="NAME",
    shell_complete=model_names,
    help="provider:name, such as local:smollm2 or openai:gpt-4o.",
)

_strategy = click.option(
    "--strategy",
    type=values_of("one-shot", "plan-and-execute", "rewoo", "reflexion"),
    metavar="NAME",
    help="one-shot, plan-and-execute, rewoo or reflexion.",
)
_profile = _all(
    click.option("--name", metavar="NAME", help="What the agent is called in its prompt."),
    click.option("--role", metavar="TEXT", help="What it is, after its name: 'who keeps the books'."),
    click.option(
        "--goal",
        "goals",
        multiple=True,
        metavar="TEXT",
        help="To be true at the end beside GOAL; repeatable.",
    ),
    click.option(
        "--constraint",
        "constraints",
        multiple=True,
        metavar="TEXT",
        help="To keep to; --deny holds by force.",
    ),
    click.option("--resource", "resources", multiple=True, metavar="TEXT", help="To draw on; repeatable."),
    click.option(
        "--best-practice", "best_practices", multiple=True, metavar="TEXT", help="To go by; repeatable."
    ),
)

run_settings = _all(
    _model,
    workspace,
    _strategy,
    _profile,
    _batch,
    _larger,
    _adjustable,
)

prompt_settings = _all(
    workspace, click.option("--prompts", metavar="FOLDER", help="Your own prompt files, before ours.")
)

prompt = click.option(
    "--prompt", metavar="NAME|FILE", help="A fork: begin with the words of this prompt, or prompt file (.md)."
)
events = click.option(
    "--events", metavar="FILE", help="Add every event to FILE as a JSON line, as it happens; a pipe will do."
)
_keys = click.option(
    "--keys", type=values_of("emacs", "vi"), metavar="emacs|vi", help="Those of the line editor."
)
talk_settings = _all(
    _model,
    workspace,
    _strategy,
    _profile,
    _batch,
    _larger,
    _limits,
    _rules,
    _kept,
    _packs,
    memory,
    _domains,
    _web,
    _check,
    _answers,
    _index,
    _keys,
    journal,
)

resume_settings = _all(
    workspace,
    _adjustable,
    click.option("--force", is_flag=True, help="Take the run from a process that is surely gone."),
)

doctor = _all(_model, workspace, click.option("--base-url", metavar="URL", help="Of the model."), journal)

eval_settings = _all(_model, _strategy, _profile, _limits, _rules, _packs, _domains, _web, _answers)

index_settings = _all(
    _index,
    click.option(
        "--embeddings", metavar="NAME", help="provider:name, such as local:minilm, or none for words alone."
    ),
    _base_url,
)
search_settings = _all(_index, _base_url)
ask_settings = _all(_model, _answers, _index)
