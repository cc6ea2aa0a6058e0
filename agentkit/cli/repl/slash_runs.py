"""`/resume`, `/fork`, `/model` and `/runs`: which run is at hand."""

import asyncio
import time
from typing import TYPE_CHECKING

from agentkit.core.errors import UsageError
from agentkit.settings import Settings

if TYPE_CHECKING:
    from agentkit.cli.repl.repl import Repl
    from agentkit.journal.summaries import RunSummary

LEAVING = 6.0
"""Seconds that a process is given to leave a run whose terminal was closed."""
TICK = 0.25
"""Seconds between two looks whether it has."""


async def resume(repl: "Repl", run_id: str) -> None:
    """Turn to a run of the journal."""
    run_id = repl.talk.named(run_id or await _newest(repl))
    repl.outbox.put_away()
    await repl.talk.take(run_id)
    repl.transcript.turn_to(repl.talk.events)
    settings = repl.talk.settings
    elsewhere = settings.workspace.resolve() != repl.settings.workspace.resolve()
    where = f" in {settings.workspace}" if elsewhere else ""
    repl.say("resumed", f"run {repl.talk.run_id} with {repl.talk.model}{where}, approve {settings.approve}")
    if repl.talk.not_taken_over:
        repl.say("imported", repl.talk.not_taken_over)
    repl.transcript.recall(repl.talk.events)
    repl.outbox.take_out()


async def _newest(repl: "Repl") -> str:
    """The conversation of this folder in which something happened last, save for the one at hand.

    A process whose terminal was closed a moment ago is waited for: what it leaves is meant, and not what
    was before.
    """
    until = time.monotonic() + LEAVING
    while True:
        fitting = _conversations(repl)
        if not fitting:
            other = "other " if repl.talk.run_id else ""
            raise UsageError(f"no {other}run of {_here(repl)} is there to go on with")
        newest = fitting[-1]
        if not newest.busy:
            return newest.run_id
        if time.monotonic() > until:
            before = next((run.run_id for run in reversed(fitting) if not run.busy), "")
            instead = f"; the one before it: agentkit --resume {before}" if before else ""
            raise UsageError(
                f"run {newest.run_id}, the newest of {_here(repl)}, is at work in another process{instead}"
            )
        await asyncio.sleep(TICK)


def _conversations(repl: "Repl") -> list["RunSummary"]:
    from agentkit.journal.store import Journal

    here, at_hand = _here(repl), repl.talk.run_id
    with Journal.open(repl.settings.journal, must_exist=True) as journal:
        fitting = [
            run
            for run in journal.runs()
            # what works for another run, that run goes on with; what another wrote has to be named
            if run.workspace == here
            and run.run_id != at_hand
            and not (run.parent or run.damaged or run.foreign)
        ]
    return sorted(fitting, key=lambda run: run.last)


def _here(repl: "Repl") -> str:
    return str(repl.settings.workspace.resolve())


async def fork(repl: "Repl", rest: str) -> None:
    """Go another way from a step on, perhaps with another model."""
    words = rest.removeprefix("@").split()
    step = int(words.pop(0)) if words and words[0].isascii() and words[0].isdigit() else None
    if len(words) > 1:
        raise UsageError("say /fork, /fork STEP, /fork MODEL or /fork STEP MODEL")
    if words:
        _go_on_with(repl, words[0], step)
    else:
        await _forked(repl, repl.require_run(), step, None)


async def _forked(repl: "Repl", run_id: str, step: int | None, model: str | None) -> None:
    from agentkit.cli.fork import forked, has_history

    made = forked(run_id if step is None else f"{run_id}@{step}", repl.settings, model=model)
    await repl.talk.take(made.run_id)
    repl.transcript.turn_to(repl.talk.events)
    repl.say("forked", has_history(made))
    repl.say("with", repl.talk.model)
    if repl.talk.not_taken_over:
        repl.say("imported", repl.talk.not_taken_over)
    repl.say("files", "they are as they are now; /undo STEP before a /fork sets them back", "dim")


async def list_runs(repl: "Repl", which: str) -> None:
    """The recorded runs, the newest first."""
    from agentkit.cli.runs import list_runs

    if which not in ("", "all"):
        raise UsageError(f"/runs shows those of this folder, /runs all every one; {which!r} is neither")
    if not repl.settings.journal.exists():
        return repl.say("", "no run is recorded yet")
    async with repl.editor.aside():
        return list_runs(
            repl.flags, "text", None if which else repl.settings.workspace.resolve(), repl.talk.run_id
        )


async def use_model(repl: "Repl", name: str) -> None:
    """Say who answers, or let another model go on."""
    from agentkit.cli.models import list_models

    if not name:
        repl.say("model", repl.talk.model)
        async with repl.editor.aside():
            list_models()
    elif repl.talk.state.started is None:
        repl.start(_begin_with(repl, name), of_run=False)
    else:
        _go_on_with(repl, name, None)


def _go_on_with(repl: "Repl", model: str, step: int | None) -> None:
    run_id = repl.require_run()

    async def fork_when_loaded() -> None:
        await _loaded(repl, model)
        await _forked(repl, run_id, step, model)

    repl.start(fork_when_loaded(), of_run=False)


async def _begin_with(repl: "Repl", model: str) -> None:
    repl.settings = repl.talk.chosen = repl.talk.settings = await _loaded(repl, model)
    repl.say("model", repl.talk.model)


async def _loaded(repl: "Repl", name: str) -> Settings:
    """The settings with another model: one that cannot be had is refused before anything changes for it.

    Raises:
        UnknownModel: there is none by that name, or its server has another one.
        MissingKey: its provider needs a key.
        ModelError: it cannot be loaded, or its server does not answer.
    """
    from agentkit.assembly import chosen_model
    from agentkit.models.registry import require_known

    settings = repl.settings.replacing(model=name)
    settings = settings.replacing(model=chosen_model(settings))
    require_known(settings.model)
    await repl.talk.load(settings)
    return settings
