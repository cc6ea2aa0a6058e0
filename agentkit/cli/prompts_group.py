"""`agentkit prompts`: the commands; what they do is imported when one is called."""

from typing import Any

import click

from agentkit.cli import options


@click.group()
def prompts() -> None:
    """List, show and compare the prompt files: yours and a project's stand before ours."""


@prompts.command("list")
@options.prompt_settings
def prompts_list(**flags: Any) -> None:
    """List every prompt: name, version, whose it is, and whose it overrides."""
    from agentkit.cli.prompts import list_prompts

    list_prompts(flags)


@prompts.command("show")
@click.argument("name")
@click.argument("values", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--render", is_flag=True, help="Fill the places in; every place wants its value.")
@options.prompt_settings
def prompts_show(name: str, values: tuple[str, ...], render: bool, **flags: Any) -> None:
    """Show the file of the prompt NAME that is used here, or with --render the messages it makes.

    agentkit prompts show agent/lines --render goal="sort the list" files=list.txt
    """
    from agentkit.cli.prompts import show_prompt

    show_prompt(name, values, flags, render=render)


@prompts.command("diff")
@click.argument("name")
@options.prompt_settings
def prompts_diff(name: str, **flags: Any) -> int:
    """Show how the prompt NAME that is used here differs from ours.

    Exit codes as of diff: 0 no difference, 1 a difference, 2 trouble.
    """
    from agentkit.cli.prompts import diff_prompt

    return diff_prompt(name, flags)
