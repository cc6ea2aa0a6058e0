"""No flag without a test of what it changes: the list comes from the commands as they are."""

import re
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click
import pytest

from agentkit.cli.main import cli as program
from agentkit.core.errors import AgentkitError
from agentkit.settings import Settings

from .conftest import Cli
from .effects import OWN, SETTINGS, source

HELP = {"-h", "--help"}
ALONE = {"serve"}
"""Commands with options that are called like a setting and are none."""
NO_VALUE = "≠"
"""What no setting can be that is a number, one of several words, a price, a provider or a place."""


def commands(
    command: click.Command = program, path: tuple[str, ...] = ()
) -> Iterator[tuple[str, click.Command]]:
    """Every command by its words, the program itself by none."""
    yield " ".join(path), command
    if isinstance(command, click.Group):
        for name, below in command.commands.items():
            yield from commands(below, (*path, name))


def options(command: click.Command) -> list[click.Option]:
    found = [one for one in command.params if isinstance(one, click.Option)]
    return [one for one in found if not HELP & set(one.opts)]


def ways(option: click.Option) -> set[str]:
    """Every way to write it."""
    return {*option.opts, *option.secondary_opts}


def test_of(command: str, option: click.Option) -> str:
    """The test that shows what an option of a command changes; empty where none is named."""
    own = OWN.get(command, {})
    shared = SETTINGS if command not in ALONE else {}
    return next((own[way] for way in ways(option) if way in own), shared.get(str(option.name), ""))


test_of.__test__ = False  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", [name for name, command in commands() if options(command)])
def test_every_option_of_a_command_has_a_test_that_gives_it_and_can_fail(name: str) -> None:
    faults: list[str] = []
    for option in options(dict(commands())[name]):
        test = test_of(name, option)
        file, _, function = test.partition("::")
        if not test:
            faults.append(f"{option.opts}: no test is named in effects.py that shows what it changes")
            continue
        words = source(file).words(function)
        is_own = bool(ways(option) & set(OWN.get(name, {})))
        if not words:
            faults.append(f"{option.opts}: there is no {test}")
        elif not ways(option) & words:
            faults.append(f"{option.opts}: {test} does not give it")
        elif is_own and not set(name.split()) <= words and "-p" not in words:
            faults.append(f"{option.opts}: {test} does not call {name}")
        elif not source(file).can_fail(function):
            faults.append(f"{option.opts}: {test} asserts nothing")
    assert not faults, "\n".join(faults)


def test_no_test_is_named_for_what_is_no_option() -> None:
    known = dict(commands())
    for name, rows in OWN.items():
        assert not set(rows) - {way for option in options(known[name]) for way in ways(option)}, name
    assert not set(SETTINGS) - {str(one.name) for command in known.values() for one in options(command)}
    assert set(SETTINGS) <= set(Settings.__struct_fields__)


def refusable() -> list[tuple[str, str]]:
    """The commands with each flag whose value a setting refuses."""
    own = {(name, way) for name, rows in OWN.items() for way in rows}
    return [
        (name, option.opts[0])
        for name, command in commands()
        for option in options(command)
        if option.name in SETTINGS
        if option.metavar in ("N", "T", "USD", "NAME=IN/OUT", "FORM")
        if not {(name, way) for way in ways(option)} & own
        and name not in ("eval", "memory forget", "memory expire", "memory import")
    ]


@pytest.mark.parametrize("name", sorted({name for name, _ in refusable()}))
def test_a_setting_reaches_each_command_that_has_its_flag(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    command = dict(commands())[name]
    needed = ["x" for one in command.params if isinstance(one, click.Argument) and one.required]
    for _, flag in (one for one in refusable() if one[0] == name):
        with pytest.raises(AgentkitError) as refused:
            called([*name.split(), *needed, flag, NO_VALUE])
        assert flag in str(refused.value)


def called(argv: Sequence[str]) -> Any:
    return program.main(list(argv), standalone_mode=False)


def test_the_version_is_that_of_the_installed_package(cli: Cli) -> None:
    assert cli("--version").stdout.split()[-1] == version("agentkit")


@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_help_lists_the_commands(cli: Cli, flag: str) -> None:
    told = cli(flag).stdout
    for name in program.commands:
        assert re.search(rf"^  {name} ", told, re.MULTILINE), name
