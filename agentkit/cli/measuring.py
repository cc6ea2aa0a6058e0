"""`agentkit eval` and `train`: the commands; what they do is imported when one is called."""

from typing import Any

import click

from agentkit.cli import options


@click.command("eval")
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


@click.command()
@click.argument("recipe")
@click.option("--out", metavar="FOLDER", help="What is written goes there; trained/NAME by default.")
@click.option(
    "--minutes", type=options.FiniteRange(min=0), metavar="N", help="End after so long, with a checkpoint."
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
