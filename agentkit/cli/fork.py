"""Forks: `agentkit runs fork`, and the beginning of `agentkit run --fork`."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from msgspec.structs import replace

from agentkit.agents.form import asked_for
from agentkit.assembly import MACHINE, chosen_model, named_files, prompts_of
from agentkit.cli.words import escaped
from agentkit.core.agent_profile import AgentProfile
from agentkit.core.errors import PromptError, UsageError
from agentkit.core.events import PromptUsed, RunStarted
from agentkit.journal.forking import Fork
from agentkit.journal.store import Journal
from agentkit.models.registry import require_known
from agentkit.prompts.library import Library, Shelf
from agentkit.prompts.opening import opening_of
from agentkit.prompts.parsers.json_schema import JsonSchema
from agentkit.settings import Settings, load_settings
from agentkit.tooling.manifest import paths_in
from agentkit.tooling.workspace import Workspace


def fork_run(
    origin: str, model: str | None, prompt: str | None, workspace: str | None, flags: Mapping[str, Any]
) -> None:
    """Make a new run from the history of another, and say how to go on with it."""
    settings = load_settings({**flags, "workspace": workspace})
    fork = forked(origin, settings, model=model, prompt=prompt, moves=workspace is not None)
    click.echo(has_history(fork))
    click.echo(f"the files in {escaped(fork.workspace)} are not set back: they are as they are now")
    if workspace is None and not fork.foreign:
        click.echo(
            f"undo what {fork.origin} did to them after that step, if anything: "
            f"agentkit runs undo {fork.origin} --to {fork.step}"
        )
    if fork.answered:
        click.echo(_answered(fork))
    click.echo(f"go on with: agentkit runs resume {fork.run_id}")


def forked(
    origin: str,
    settings: Settings,
    *,
    model: str | None = None,
    prompt: str | None = None,
    moves: bool = False,
) -> Fork:
    """A new run with the history of RUN, or of RUN@STEP.

    Args:
        origin: As the person typed it.
        settings: Say where the journal, the prompt files and another model are.
        model: Goes on instead of the run's model.
        prompt: The name of a prompt, or a file, from which the opening messages are rendered anew.
        moves: Whether it goes on in the workspace of the settings instead of that of the run; that of a
            run that was imported always does.
    """
    run_id, step = _place(origin)
    if model is not None:
        model = chosen_model(settings.replacing(model=model))
        require_known(model)
    with Journal.open(settings.journal, must_exist=True) as journal:
        name = journal.find(run_id)
        foreign = journal.is_foreign(name)

        def change(first: RunStarted) -> RunStarted:
            if prompt is not None:
                prompts = settings if foreign else settings.replacing(workspace=Path(first.workspace))
                first = _reworded(first, prompt, prompts, journal)
            if moves or foreign:  # never into a folder that another wrote down
                with Workspace.open(settings.workspace) as there:
                    before = journal.texts.keep(there.manifest())
                    first = replace(first, workspace=str(there.root), workspace_before=before)
            return first

        return journal.fork(name, step, model=model, base_url=settings.base_url, change=change)


def has_history(fork: Fork) -> str:
    """Which run a fork is, and whose history it has."""
    return f"run {fork.run_id} has the history of {fork.origin} up to step {fork.step}"


def tell_answered(fork: Fork) -> None:
    """Warn that there is nothing left to ask the model."""
    if fork.answered:
        click.echo(f"agentkit: {_answered(fork)}", err=True)


def _answered(fork: Fork) -> str:
    return (
        "the agent's answer is part of it and would only be reviewed again; "
        f"for another answer fork before step {fork.steps}"
    )


def _place(origin: str) -> tuple[str, int | None]:
    run_id, at, text = origin.partition("@")
    if at and not re.fullmatch("[0-9]{1,9}", text, re.ASCII):
        raise UsageError(f"{origin!r} names no step; say RUN@STEP with a number, as in {run_id or 'RUN'}@3")
    return run_id, int(text) if at else None


def _reworded(first: RunStarted, prompt: str, settings: Settings, journal: Journal) -> RunStarted:
    """The beginning with its opening messages rendered from another prompt, for the files it had."""
    library, name = _prompt(prompt, prompts_of(settings))
    manifest = journal.texts.recall(first.workspace_before) if first.workspace_before else None
    files = named_files([path for path in paths_in(manifest or "") if not path.endswith("/")])
    goal, also = first.goal, tuple[PromptUsed, ...]()
    if first.output_schema:
        demand, used = asked_for(JsonSchema(first.output_schema), library)
        goal, also = f"{goal}\n\n{demand}", (used,)
    told = first.agent_profile or AgentProfile()
    machine = MACHINE if any(MACHINE in message.text for message in first.opening) else ""
    opening = opening_of(library, name, {"goal": goal, "files": files}, told, machine)
    return replace(first, prompt=opening.used, opening=opening.messages, also=(*opening.also, *also))


def _prompt(prompt: str, library: Library) -> tuple[Library, str]:
    """Where a prompt is found, and by which name; a file is one that says so by its ending."""
    if not prompt.endswith(".md"):
        return library, prompt
    file = Path(prompt).absolute()
    if not file.is_file():
        raise PromptError(f"{prompt} is not there; name a prompt file, or a prompt of agentkit prompts list")
    return Library((Shelf("file", file.parent), *library.shelves), library.ours), file.stem
