"""Flags that are numbers take none that is none."""

import pytest
from click.testing import CliRunner

from agentkit.cli.main import cli


@pytest.mark.parametrize(
    "command",
    [
        ("serve", "local:smollm2", "--grace"),
        ("doctor", "--endpoint", "http://127.0.0.1:9", "--seconds"),
        ("train", "recipe.toml", "--minutes"),
    ],
    ids=lambda command: command[0],
)
@pytest.mark.parametrize("number", ["nan", "inf", "-1"])
def test_a_number_that_is_none_is_refused_in_one_line(command: tuple[str, ...], number: str) -> None:
    done = CliRunner().invoke(cli, [*command, number])
    assert done.exit_code == 2
    *_, last = done.output.splitlines()
    assert command[-1] in last
    assert number in last
