"""`agentkit serve`: a local model behind an address."""

import logging
import os
import sys
from pathlib import Path

import click

from agentkit.core.errors import UsageError
from agentkit.models.serving import Serving, open_server

KEY = "AGENTKIT_SERVE_KEY"
"""The variable that holds the key: an argument could be read by everybody on the machine."""


def serve_command(
    model: str,
    *,
    host: str,
    port: int,
    name: str | None,
    adapter: tuple[str, ...],
    device: str | None,
    tensor_parallel: int,
    queue: int,
    most_bytes: int,
    grace: float,
) -> int:
    """Serve until a signal, and say where on standard output."""
    if model.partition(":")[0] in ("openai", "replay", "scripted", "served"):
        raise UsageError(f"{model} is not computed here; local:NAME or local:PATH can be served")
    key = os.environ.get(KEY) or None
    beside = _adapters(adapter)
    serving = Serving(
        host, port, key, name, most_bytes, queue, grace, device, beside, processes=tensor_parallel
    )
    opened = open_server(model, serving)
    # what the server could not do is for whoever runs it; requests themselves are counted, not told
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(message)s")
    click.echo(f"serving {', '.join(opened.names)} at {opened.url}/v1; Ctrl-C ends it")
    sys.stdout.flush()
    try:
        opened.server.run([opened.listens])
    finally:
        opened.release()
    if len(opened.server.signals) > 1:
        return 128 + opened.server.signals[-1]
    click.echo("ended", err=True)
    return 0


def _adapters(given: tuple[str, ...]) -> dict[str, Path]:
    """The files of adapters by name.

    Raises:
        UsageError: one is not NAME=FILE, or two have one name.
    """
    found: dict[str, Path] = {}
    for one in given:
        name, _, path = one.partition("=")
        if not (name and path):
            raise UsageError(f"--adapter {one!r} cannot be; NAME=FILE works")
        if name in found:
            raise UsageError(f"two adapters are called {name}; a name of its own for each works")
        found[name] = Path(path).expanduser()
    return found
