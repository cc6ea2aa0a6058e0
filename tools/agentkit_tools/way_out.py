"""How a command in the sandbox is given a way to the network."""

from functools import cache
from pathlib import Path

from agentkit.tooling.sandbox import python


def way_out() -> list[str]:
    """The words before a command that give it a proxy; its standard input is a `Tunnel`'s `inside`."""
    return inside_python(Path(__file__).with_name("relay.py"))


@cache
def _text(program: Path) -> str:
    return program.read_text(encoding="utf-8")


def inside_python(program: Path) -> list[str]:
    """The words that run a program of ours, passed as text: its file is not there inside the sandbox."""
    return [str(python()), "-I", "-u", "-B", "-c", _text(program)]
