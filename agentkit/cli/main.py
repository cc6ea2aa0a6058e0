"""`agentkit`: the commands and their flags. What a command needs is imported when it runs."""

from typing import Any

import click

from agentkit.cli import options


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="agentkit")
def cli() -> None:
    """Agents that reach goals on your own machine."""


@cli.command()
@click.argument("goal", required=False)
@options.run_settings
def run(goal: str | None, **flags: Any) -> int:
    """Reach GOAL in the workspace (from standard input when GOAL is - or missing).

    Progress goes to standard error, the result to standard output: its text; with --output json one
    object, also when the run could not begin (then `error` says why); with jsonl each event on a line.

    Exit codes: 0 finished and
    every check passed, 2 usage, 3 the agent could not, 4 budget, 5 stuck, 6 approval denied,
    7 model failure, 8 finished but a check failed; 129, 130 and 143 stopped by a signal (resume it).
    """
    from agentkit.cli.run import run_command

    return run_command(goal, flags)


@cli.group()
def runs() -> None:
    """List, show and resume recorded runs."""


@runs.command("list")
@click.option("--output", type=click.Choice(["text", "json"]), default="text", help="How to print.")
@options.journal
def runs_list(output: str, **flags: Any) -> None:
    """List the recorded runs, the newest first."""
    from agentkit.cli.runs import list_runs

    list_runs(flags, output)


@runs.command("show")
@click.argument("run_id", metavar="RUN")
@click.option("--output", type=click.Choice(["text", "jsonl"]), default="text", help="How to print.")
@options.journal
def runs_show(run_id: str, output: str, **flags: Any) -> None:
    """Show every step of RUN (its id, or the beginning of it)."""
    from agentkit.cli.runs import show_run

    show_run(run_id, flags, output)


@runs.command("resume")
@click.argument("run_id", metavar="RUN", required=False)
@options.resume_settings
def runs_resume(run_id: str | None, **flags: Any) -> int:
    """Go on with RUN where it was stopped; the newest unfinished one when RUN is left out.

    It keeps the goal, the model, the limits and the rules it began with; flags change them.
    """
    from agentkit.cli.run import resume_command

    return resume_command(run_id, flags)


@cli.group(invoke_without_command=True)
@click.pass_context
def models(context: click.Context) -> None:
    """List the embedded models: licence, size, where they come from, what is ready."""
    if context.invoked_subcommand is None:
        from agentkit.cli.models import list_models

        list_models()


@models.command("fetch")
@click.argument("name")
def models_fetch(name: str) -> None:
    """Get the weights of the embedded model NAME and check them."""
    from agentkit.cli.models import fetch_model

    fetch_model(name)


@cli.command()
@options.policy
def tools(**flags: Any) -> None:
    """List the tools, what each can reach, and whether it would run unasked."""
    from agentkit.cli.tools import list_tools

    list_tools(flags)


@cli.command("eval")
@click.argument("task", required=False)
@click.option("--out", metavar="FILE", help="The log; one that is there already is gone on with.")
@click.option("--only", metavar="TEXT", help="Cases with TEXT in their id, or of this family or tag.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="The first N of them.")
@click.option(
    "--parallel",
    type=click.IntRange(min=1),
    metavar="N",
    help="Cases at a time; 1 for a local model, else 8.",
)
@click.option(
    "--at-least", type=click.IntRange(min=0), metavar="N", help="Exit code 1 when fewer are reached."
)
@click.option(
    "--compare", nargs=2, metavar="A B", help="Compare two logs on the cases that both hold; runs nothing."
)
@options.eval_settings
def evaluate(task: str | None, **flags: Any) -> int:
    """Run the cases of TASK (path/to/file.py:NAME) and print what was reached, by family and by tag.

    Each case works on a copy of its folder and is judged in code on what it leaves behind. Every
    finished case is a line of the log, so the same command again runs only what is missing. Exit
    code 1 means that some case could not be run or judged, or that fewer than --at-least were reached.
    """
    from agentkit.cli.evaluate import compare_command, eval_command

    compared: tuple[str, str] | None = flags.pop("compare")
    if compared is not None:
        return compare_command(task, *compared)
    return eval_command(task, flags)


@cli.command()
@click.argument("recipe")
@click.option("--out", metavar="FOLDER", help="What is written goes there; trained/NAME by default.")
@click.option(
    "--minutes", type=click.FloatRange(min=0), metavar="N", help="End after so long, with a checkpoint."
)
@click.option("--resume", is_flag=True, help="Go on from the folder's last checkpoint.")
@click.option(
    "--devices",
    type=click.IntRange(min=1),
    metavar="N",
    help="Only tell what ZeRO would need on each of N devices; the training is on one.",
)
@click.option(
    "--curves", metavar="FILE", help="Train nothing: draw what the folder holds, as .svg or .png, and end."
)
def train(recipe: str, out: str | None, curves: str | None, **training: Any) -> int:
    """Train an adapter as the TOML file RECIPE says.

    A training that was interrupted or killed goes on with --resume as if nothing had happened.
    """
    from agentkit.cli.train import curves_command, train_command

    if curves is None:
        return train_command(recipe, out, **training)
    if needless := [
        f"--{name}" for name, value in training.items() if value is not None and value is not False
    ]:
        raise click.UsageError(f"--curves trains nothing, so it takes no {' or '.join(needless)}")
    return curves_command(recipe, out, curves)


@cli.group()
def config() -> None:
    """Show the settings."""


@config.command("show")
@click.option("--origin", is_flag=True, help="Say where each value comes from.")
@options.run_settings
def config_show(origin: bool, **flags: Any) -> None:
    """Show every setting as it stands in this folder."""
    from agentkit.cli.config import show_config

    show_config(flags, origin=origin)
