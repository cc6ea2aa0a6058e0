"""`agentkit rules`: the rules that hold here, and the end of those that were given at questions."""

import os
from collections.abc import Iterator, Mapping
from typing import Any, get_args

import click

from agentkit.cli.words import on_one_line
from agentkit.core.errors import UsageError
from agentkit.core.events import RuleKind
from agentkit.settings import Settings, load_settings
from agentkit.settings.kept import drop_rule, rules_file
from agentkit.settings.values import DEFAULT, Origin, OriginKind

GIVEN = (OriginKind.KEPT, OriginKind.QUESTION)
"""Where rules come from that were given at questions."""


def list_rules(flags: Mapping[str, Any]) -> None:
    """Print every rule that holds here, and where it stands."""
    for line in rule_lines(load_settings(flags)):
        click.echo(line)


def remove_rule(rule: str, flags: Mapping[str, Any]) -> None:
    """Keep a rule no longer that was given at a question, for here and for everywhere.

    Raises:
        UsageError: it is none of those.
    """
    settings = load_settings(flags)
    dropped = drop_rule(rules_file(os.environ), rule, settings.workspace)
    if not dropped:
        raise not_given(rule, settings)
    for line in dropped:
        click.echo(f"no longer kept: {on_one_line(line)}")


def rule_lines(settings: Settings) -> Iterator[str]:
    """A line for each rule: what it does, what it is about, and where it stands."""
    for kind, rule, origin in _rules(settings):
        yield on_one_line(f"{kind} = {rule} ({origin.kind}: {origin})")
    yield f"approve = {settings.approve} decides about the rest"


def kinds_of(rule: str, settings: Settings) -> Iterator[tuple[RuleKind, OriginKind]]:
    """What a rule does, where it was given at a question."""
    for kind, one, origin in _rules(settings):
        if one == rule and origin.kind in GIVEN:
            yield kind, origin.kind


def given_rules(settings: Settings) -> list[str]:
    """The rules that were given at questions."""
    return [one for _, one, origin in _rules(settings) if origin.kind in GIVEN]


def not_given(rule: str, settings: Settings) -> UsageError:
    """The error that names what was given at questions, where `rule` was not."""
    given = given_rules(settings)
    there = f"there is {', '.join(given)}" if given else "none holds here"
    return UsageError(
        f"{rule!r} is no rule that was given at a question; {there}. Others are taken out where they stand: "
        "agentkit rules tells"
    )


def _rules(settings: Settings) -> Iterator[tuple[RuleKind, str, Origin]]:
    for kind in get_args(RuleKind):
        for rule in getattr(settings, kind):
            yield kind, rule, settings.rule_origins.get(f"{kind} = {rule}", DEFAULT)
