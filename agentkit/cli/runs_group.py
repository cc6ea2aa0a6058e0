"""`agentkit runs`: the commands; what they do is imported when one is called."""

from typing import Any

import click

from agentkit.cli import options
from agentkit.cli.completion import model_names, run_names
from agentkit.cli.undo import runs_diff, runs_redo, runs_undo


@click.group()
def runs() -> None:
    """List, show, resume, undo, diff, fork, export, import and remove recorded runs."""


for _command in (runs_undo, runs_redo, runs_diff):
    runs.add_command(_command)


@runs.command("list")
@click.option("--output", type=click.Choice(["text", "json"]), default="text", help="How to print.")
@options.journal
def runs_list(output: str, **flags: Any) -> None:
    """List the recorded runs, the newest first."""
    from agentkit.cli.runs import list_runs

    list_runs(flags, output)


@runs.command("show")
@click.argument("run_id", metavar="RUN", shell_complete=run_names)
@click.option("--output", type=click.Choice(["text", "jsonl"]), default="text", help="How to print.")
@click.option("--html", metavar="FILE", help="Write a page to read in a browser to FILE (a new one) instead.")
@options.journal
def runs_show(run_id: str, output: str, html: str | None, **flags: Any) -> None:
    """Show every step of RUN (its id, or the beginning of it)."""
    if html is not None:
        from agentkit.cli.html import write_page

        return write_page(run_id, html, flags)
    from agentkit.cli.runs import show_run

    return show_run(run_id, flags, output)


@runs.command("resume")
@click.argument("run_id", metavar="RUN", required=False, shell_complete=run_names)
@options.resume_settings
@options.events
def runs_resume(run_id: str | None, events: str | None, **flags: Any) -> int:
    """Go on with RUN where it was stopped; the newest unfinished one when RUN is left out.

    It keeps the goal, the model, the limits and the rules it began with; flags change them. One that was
    imported goes on in --workspace, or here, as your own settings allow.
    """
    from agentkit.cli.run import Manner, resume_command

    return resume_command(run_id, flags, Manner(events=events))


@runs.command("export")
@click.argument("run_id", metavar="RUN", shell_complete=run_names)
@click.argument("file", required=False)
@options.journal
def runs_export(run_id: str, file: str | None, **flags: Any) -> None:
    """Write RUN, whole, as JSON lines to FILE (a new one), or to standard output."""
    from agentkit.cli.runs import export_run

    export_run(run_id, file, flags)


@runs.command("import")
@click.argument("file")
@options.journal
def runs_import(file: str, **flags: Any) -> None:
    """Record the run of FILE, which agentkit runs export wrote; it keeps its id.

    Every line is verified first: of a file that was cut, altered or reordered, nothing is imported.
    """
    from agentkit.cli.runs import import_run

    import_run(file, flags)


@runs.command("fork")
@click.argument("origin", metavar="RUN[@STEP]", shell_complete=run_names)
@click.option(
    "--model",
    "-m",
    metavar="NAME",
    shell_complete=model_names,
    help="Who goes on; the model of RUN by default.",
)
@options.prompt
@click.option("--workspace", "-w", metavar="FOLDER", help="Where it goes on; where RUN worked by default.")
@options.journal
def runs_fork(
    origin: str, model: str | None, prompt: str | None, workspace: str | None, **flags: Any
) -> None:
    """Make a new run whose history is that of RUN up to and with STEP; 0 is the goal alone.

    Go on with it by runs resume. RUN stays as it is, and may be at work. Files are not set back.
    """
    from agentkit.cli.fork import fork_run

    fork_run(origin, model, prompt, workspace, flags)


@runs.command("replay")
@click.argument("run_id", metavar="RUN", shell_complete=run_names)
@click.option("--output", type=click.Choice(["text", "json"]), default="text", help="How to print.")
@options.journal
def runs_replay(run_id: str, output: str, **flags: Any) -> int:
    """Make RUN again from its record: no model is asked, no tool is run, nothing is written.

    What the person, the model and the tools said is taken from the record; what agentkit makes of it
    is made anew and compared event by event. Exit codes: 0 all came out as recorded, 8 the first event
    that did not is shown.
    """
    from agentkit.cli.replay import replay_run

    return replay_run(run_id, flags, output)


@runs.command("accept")
@options.journal
def runs_accept(**flags: Any) -> None:
    """Take the journal as it is although it has lost events or runs, and list what is missing.

    A run that became shorter behind agentkit's back, as when a disk lost writes or a file was put in
    its place, is refused until then: nobody should go on with it unknowingly.
    """
    from agentkit.cli.runs import accept_journal

    accept_journal(flags)


@runs.command("rm")
@click.argument("run_ids", metavar="RUN...", nargs=-1, shell_complete=run_names)
@click.option("--older-than", metavar="AGE", help="Runs in which nothing happened for so long: 12h, 30d, 8w.")
@click.option("--keep", type=click.IntRange(min=0), metavar="N", help="All but the newest N.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@options.journal
def runs_rm(
    run_ids: tuple[str, ...], older_than: str | None, keep: int | None, yes: bool, **flags: Any
) -> None:
    """Remove each RUN for good, or the runs that a rule tells; with both rules, those that fit both.

    With a run go those that work for it. One that some process is working on is never removed.
    """
    from agentkit.cli.runs import remove_runs

    remove_runs(run_ids, older_than, keep, flags, yes=yes)
