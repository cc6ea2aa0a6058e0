"""`agentkit completion`: what a shell needs to complete commands, flags and the names of runs."""

from contextlib import suppress
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem, get_completion_class

from agentkit.core.errors import AgentkitError, UsageError

if TYPE_CHECKING:
    from click import Context, Group, Parameter

SHELLS = ("bash", "zsh", "fish")
VARIABLE = "_AGENTKIT_COMPLETE"
"""By which the script asks this program what could follow."""


def print_completion(program: "Group", shell: str) -> None:
    """Print the script that makes a shell complete; it is made from the commands as they are."""
    kind = get_completion_class(shell)
    if kind is None:
        raise UsageError(f"completion for {shell!r} cannot be had; name one of {', '.join(SHELLS)}")
    if shell == "bash":  # where a colon ends a word, no name of a model can be completed
        click.echo("COMP_WORDBREAKS=${COMP_WORDBREAKS//:}")
    click.echo(kind(program, {}, "agentkit", VARIABLE).source())


def run_names(context: "Context", parameter: "Parameter", typed: str) -> list[CompletionItem]:  # noqa: ARG001
    """The recorded runs whose name begins as typed, with their goals; of none nothing is said."""
    from agentkit.cli.words import clipped
    from agentkit.journal.store import Journal
    from agentkit.settings import load_settings

    try:
        settings = load_settings({"journal": context.params.get("journal")})
        if not settings.journal.exists():
            return []
        with Journal.open(settings.journal) as journal:
            runs = journal.runs()[::-1]
    except AgentkitError:  # a key press is no place for an error; the command itself will tell
        return []
    return [
        CompletionItem(run.run_id, help=clipped(run.goal, 60))
        for run in runs
        if run.run_id.startswith(typed) and not run.damaged
    ]


def model_names(context: "Context", parameter: "Parameter", typed: str) -> list[CompletionItem]:  # noqa: ARG001
    """The models that are ready, the providers of others, and those that a price is known of."""
    from agentkit.cli.models import offered_models
    from agentkit.settings import load_settings

    offered = offered_models()
    with suppress(AgentkitError):  # as above
        offered |= dict.fromkeys(load_settings({}).prices, "its price is known")
    return [CompletionItem(name, help=about) for name, about in offered.items() if name.startswith(typed)]


def embedded_names(context: "Context", parameter: "Parameter", typed: str) -> list[CompletionItem]:  # noqa: ARG001
    """The embedded models that can be fetched."""
    from agentkit.models.embedded import catalogue

    return [CompletionItem(one.name, help=one.about) for one in catalogue() if one.name.startswith(typed)]


def values_of(*values: str) -> "click.Choice[str]":
    """The values of a setting as a shell offers them; the settings check what is typed."""
    return _Offered(values)


class _Offered(click.Choice[str]):
    """Choices that are offered and not enforced: the settings answer in the same words for every source."""

    def convert(self, value: str, param: "Parameter | None", ctx: "Context | None") -> str:  # noqa: ARG002
        return value
