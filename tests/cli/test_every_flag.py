"""No flag without a test: the list comes from the commands as they are."""

import re
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import click
import pytest

from agentkit.cli.main import cli as program

from .conftest import Cli

ASKS_FOR_HELP = {"-h", "--help"}


def flags_of(command: click.Command) -> Iterator[str]:
    """Every way to write every flag of a command and of those below it."""
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            yield from (*parameter.opts, *parameter.secondary_opts)
    if isinstance(command, click.Group):
        for below in command.commands.values():
            yield from flags_of(below)


@pytest.fixture(scope="module")
def given() -> set[str]:
    """What looks like a flag in the strings of the tests that run commands."""
    texts = (file.read_text(encoding="utf-8") for file in Path(__file__).parents[1].rglob("test_*.py"))
    return {flag for text in texts for flag in re.findall(r"""["' ](--?[a-z][a-z-]*)(?=["'= ])""", text)}


@pytest.mark.parametrize("flag", sorted(set(flags_of(program)) - ASKS_FOR_HELP))
def test_a_flag_is_given_in_a_test(flag: str, given: set[str]) -> None:
    assert flag in given, f"no test gives {flag}; write one that shows what it changes"


def test_the_version_is_that_of_the_installed_package(cli: Cli) -> None:
    assert cli("--version").stdout.split()[-1] == version("agentkit")


@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_help_lists_the_commands(cli: Cli, flag: str) -> None:
    told = cli(flag).stdout
    for name in program.commands:
        assert re.search(rf"^  {name} ", told, re.MULTILINE), name
