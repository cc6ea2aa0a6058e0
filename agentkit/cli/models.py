"""`agentkit models`: the embedded models."""

import sys

import click

from agentkit.cli.words import bytes_size
from agentkit.models.embedded import best_ready, catalogue, fetch


def list_models() -> None:
    """Print what each entry is, where it comes from, and whether it is ready."""
    default = best_ready()
    for entry in catalogue():
        mark = " (used when no model is named)" if entry.name == default else ""
        click.echo(f"local:{entry.name}  {entry.state}{mark}")
        click.echo(f"    {entry.about}")
        click.echo(f"    {entry.licence}, {bytes_size(entry.size)}, from {entry.origin}")
        click.echo(f"    {entry.where}")
    click.echo("openai:NAME  any OpenAI-compatible server: OPENAI_API_KEY, --base-url")


def fetch_model(name: str) -> None:
    """Get an entry's weights, with a progress bar on a terminal."""
    with click.progressbar(length=100, label=f"fetching {name}", file=sys.stderr) as bar:
        path = fetch(name, lambda done, total, _what: bar.update(100 * done // total - bar.pos))
    click.echo(f"{name} is ready: {path}")
