"""`agentkit doctor`: how this machine stands, or what a server and its model can do."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any

import click

from agentkit.cli.machine import diagnosed
from agentkit.cli.signals import Stopped, until_signal
from agentkit.cli.words import json_line, printable
from agentkit.core.diagnosis import Diagnosis, State
from agentkit.models.endpoint.contract import Endpoint, Learnt
from agentkit.settings import load_settings

WIDTH = max(len(state) for state in State)


def examine_machine(flags: Mapping[str, Any], *, as_json: bool) -> int:
    """Print a line for each thing looked at; the exit code is 1 when something stands in the way."""
    found: list[Diagnosis] = []
    for diagnosis in diagnosed(flags):
        found.append(diagnosis)
        if not as_json:
            click.echo(_line(diagnosis))
    if as_json:
        click.echo(json_line({"findings": found}))
    return _exit_code(found)


def examine_endpoint(
    url: str, model: str | None, seconds: float, flags: Mapping[str, Any], *, as_json: bool
) -> int:
    """Print what a server's model can do, and then the settings that suit it, as TOML or JSON."""
    settings = load_settings({**flags, "base_url": url, "model": model and f"openai:{_bare(model)}"})
    endpoint = Endpoint(
        url=settings.base_url or url,
        model=_bare(model or ""),
        api_key=settings.api_key.reveal() if settings.api_key else None,
        seconds=seconds,
    )
    learnt: list[Learnt] = []

    async def examine() -> None:
        async for one in _examined(endpoint):
            learnt.append(one)
            if not as_json:
                # beside the profile, which may go into a file
                click.echo(_line(one.diagnosis), err=True)

    try:
        asyncio.run(until_signal(examine()))
    except Stopped as stopped:
        return 128 + stopped.signal
    profile: dict[str, Any] = {}
    for one in learnt:
        profile.update(one.settings)
    findings = [one.diagnosis for one in learnt]
    if as_json:
        click.echo(json_line({"endpoint": endpoint.url, "findings": findings, "settings": profile}))
    elif profile:
        click.echo("\n".join(_toml(profile)))
    return _exit_code(findings)


def _examined(endpoint: Endpoint) -> AsyncIterator[Learnt]:
    from agentkit.models.endpoint.battery import examined

    return examined(endpoint)


def _bare(model: str) -> str:
    return model.removeprefix("openai:")


def _exit_code(found: Iterable[Diagnosis]) -> int:
    return int(any(one.state is State.FAILS for one in found))


def _line(diagnosis: Diagnosis) -> str:
    mend = f"; to mend it: {diagnosis.mend}" if diagnosis.mend else ""
    text = " ".join(f"{diagnosis.found}{mend}".split())
    return printable(f"{diagnosis.state:<{WIDTH}}  {diagnosis.about}: {text}")


def _toml(profile: Mapping[str, Any]) -> Iterable[str]:
    yield "# for config.toml: how to work with this model"
    for name, value in profile.items():
        # what JSON writes for a text or a number is what TOML takes
        yield f"{name} = {json.dumps(value, ensure_ascii=False)}"
