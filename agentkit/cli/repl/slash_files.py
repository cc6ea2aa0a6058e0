"""`/undo`, `/redo` and `/diff`: what the run did to the files."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from agentkit.core.errors import UndoRefused, UsageError

if TYPE_CHECKING:
    from agentkit.cli.repl.repl import Repl
    from agentkit.tooling.snapshots.undoing import FilesReset


async def undo(repl: "Repl", rest: str) -> None:
    """Set the files back to what they were before the last step that changed some, or after a step."""
    from agentkit.tooling.snapshots import undoing

    words = [word.removeprefix("--") for word in rest.split()]
    force = "force" in words
    steps = [word for word in words if word != "force"]
    if len(steps) > 1 or not all(step.isascii() and step.isdigit() for step in steps):
        raise UsageError("say /undo, /undo STEP (the last that stays; 0 for none), and force to cover more")
    to = int(steps[0]) if steps else None
    await _set_files(repl, partial(undoing.undo, to=to, force=force), "undo")


async def redo(repl: "Repl", rest: str) -> None:
    """Take the last undo back."""
    from agentkit.tooling.snapshots import undoing

    if rest not in ("", "force", "--force"):
        raise UsageError("say /redo, or /redo force to cover what others changed")
    await _set_files(repl, partial(undoing.redo, force=bool(rest)), "redo")


async def _set_files(repl: "Repl", how: "Callable[..., FilesReset]", name: str) -> None:
    try:
        done = await repl.talk.set_files(how)
    except UndoRefused as refused:
        raise UsageError(f"{refused}. Here that is /{name} force, and /redo") from refused
    repl.say("files", f"{done}; the agent is told of it with your next message")


async def show_diff(repl: "Repl", step: str) -> None:
    """What the run changed in the files and was not undone."""
    from agentkit.cli.files import diff_runs

    run_id = repl.require_run()
    async with repl.editor.aside():
        diff_runs(f"{run_id}@{step}" if step else run_id, None, "text", repl.flags)
