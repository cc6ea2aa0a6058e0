"""`agentkit serve`: the command; what it does is imported when it is called."""

from typing import Any

import click

from agentkit.cli import options
from agentkit.cli.completion import embedded_names


@click.command()
@click.argument("model", shell_complete=embedded_names)
@click.option("--host", metavar="ADDRESS", default="127.0.0.1", help="To listen at; others need a key.")
@click.option(
    "--port", type=click.IntRange(0, 65535), metavar="N", default=8000, help="8000; 0 takes a free one."
)
@click.option("--name", metavar="NAME", help="What clients call it; the model's own name, if left out.")
@click.option(
    "--adapter",
    multiple=True,
    metavar="NAME=FILE",
    help="Also serve MODEL+NAME, the model with the adapter in FILE; can be repeated.",
)
@click.option("--device", metavar="NAME", help="That computes: cpu, cuda or cuda:NUMBER.")
@click.option(
    "--tensor-parallel",
    type=click.IntRange(min=1),
    metavar="N",
    default=1,
    help="Processes that share the model; 1. With --device cuda each has a GPU of its own.",
)
@click.option(
    "--queue",
    type=click.IntRange(min=1),
    metavar="N",
    default=64,
    help="Answers that are made or wait at once; 64. More are told to come back.",
)
@click.option(
    "--most-bytes", type=click.IntRange(min=1), metavar="N", default=4 << 20, help="Of a request; 4194304."
)
@click.option(
    "--grace",
    type=options.FiniteRange(min=0),
    metavar="SECONDS",
    default=30.0,
    help="For answers in the making when it is told to end; 30.",
)
def serve(model: str, **flags: Any) -> int:
    """Serve the local MODEL (such as local:smollm2) over HTTP by OpenAI's protocol.

    Chat and plain completions, embeddings where MODEL is an encoder, /v1/models, /health and /metrics.
    With AGENTKIT_SERVE_KEY set, requests have to bring that key. SIGTERM or Ctrl-C lets nobody in any
    more and ends when the answers in the making are done; a second one ends at once.
    """
    from agentkit.cli.serve import serve_command

    return serve_command(model, **flags)
