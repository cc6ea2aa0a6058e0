"""`provider:name` to a model; a provider's code is imported when its first model is made."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from agentkit.core.errors import UnknownModel
from agentkit.core.protocols import ChatModel


@dataclass(frozen=True, slots=True)
class ModelOptions:
    """What a provider may need beside the name."""

    api_key: str | None = None
    base_url: str | None = None
    retries: int = 5
    """Attempts after the first, for faults that pass."""
    idle_seconds: float = 60.0
    """Seconds of silence after which a remote model is taken to be gone."""
    on_wait: Callable[[str], None] | None = None
    """Told in words whenever a retry waits."""


def make_model(name: str, options: ModelOptions) -> ChatModel:
    """The model called `provider:name`.

    Raises:
        UnknownModel: no such provider or model; the message names those there are.
        MissingKey: the provider needs a key.
    """
    provider, _, rest = name.partition(":")
    factory = PROVIDERS.get(provider)
    if factory is None or not rest:
        raise UnknownModel(f"no model {name!r}: say one of {', '.join(f'{p}:NAME' for p in PROVIDERS)}")
    return factory(name, rest, options)


def _local(name: str, rest: str, _options: ModelOptions) -> ChatModel:
    from agentkit.models.embedded import load_local

    return load_local(name, rest)


def _openai(_name: str, rest: str, options: ModelOptions) -> ChatModel:
    from agentkit.models.openai_api import OpenAIModel, Retries, Timeouts

    return OpenAIModel(
        rest,
        api_key=options.api_key,
        base_url=options.base_url,
        retries=Retries(attempts=options.retries + 1),
        timeouts=Timeouts(idle=options.idle_seconds),
        on_wait=options.on_wait,
    )


def _scripted(_name: str, rest: str, _options: ModelOptions) -> ChatModel:
    from agentkit.models.scripted import ScriptedModel

    # its whole path: a run may be resumed from another folder
    return ScriptedModel.from_file(Path(rest).expanduser().absolute())


PROVIDERS: dict[str, Callable[[str, str, ModelOptions], ChatModel]] = {
    "local": _local,
    "openai": _openai,
    "scripted": _scripted,
}
