"""`agentkit config show`: the settings and where each comes from."""

from collections.abc import Mapping
from typing import Any

import click

from agentkit.settings import load_settings


def show_config(flags: Mapping[str, Any], *, origin: bool) -> None:
    """Print every setting on a line of its own; secrets by a mark only."""
    settings = load_settings(flags)
    for name, value, source in settings.described():
        click.echo(f"{name} = {value}" + (f"    # {source}" if origin else ""))
