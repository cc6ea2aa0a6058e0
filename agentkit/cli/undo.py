"""The commands of `agentkit runs` about files; what they need is imported when they run."""

from typing import Any

import click

from agentkit.cli import options

_force = click.option(
    "--force", is_flag=True, help="Cover what is not as the run left it; a redo brings that back."
)


@click.command("undo")
@click.argument("run_id", metavar="RUN")
@click.option("--to", type=click.IntRange(min=0), metavar="STEP", help="The last step that stays; 0 is none.")
@_force
@options.journal
def runs_undo(run_id: str, to: int | None, force: bool, **flags: Any) -> None:
    """Set the files back to what they were before the last step of RUN that changed some.

    Only what RUN changed is set back, and nothing that others changed since. What was undone is told
    to the agent when RUN is resumed. An undo that was cut off is completed.
    """
    from agentkit.cli.files import undo_run

    undo_run(run_id, to, flags, force=force)


@click.command("redo")
@click.argument("run_id", metavar="RUN")
@_force
@options.journal
def runs_redo(run_id: str, force: bool, **flags: Any) -> None:
    """Take the last undo of RUN back, and bring back what it covered by --force."""
    from agentkit.cli.files import redo_run

    redo_run(run_id, flags, force=force)


@click.command("diff")
@click.argument("one", metavar="RUN[@STEP]")
@click.argument("other", metavar="[RUN2[@STEP]]", required=False)
@click.option("--output", type=click.Choice(["text", "json"]), default="text", help="How to print.")
@options.journal
def runs_diff(one: str, other: str | None, output: str, **flags: Any) -> None:
    """Show what RUN changed in its workspace (with STEP, after it) and was not undone.

    With a second run or step, show what differs between the files as one left them and the other.
    """
    from agentkit.cli.files import diff_runs

    diff_runs(one, other, output, flags)
