"""`provider:name` to a model; a provider's code is imported when its first model is made."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from agentkit.core.errors import UnknownModel
from agentkit.core.protocols import ChatModel
from agentkit.core.recording import Recording


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
    context_window: int | None = None
    """Of a remote model, as the five that follow; `None` leaves each to the provider."""
    max_output_tokens: int | None = None
    calls_per_step: int | None = None
    most_tools: int | None = None
    text_calls: str | None = None
    thoughts: str = "tagged"
    recorded: Callable[[str], Recording] | None = None
    """Finds a recorded run by its name or the beginning of it."""


def make_model(name: str, options: ModelOptions) -> ChatModel:
    """The model called `provider:name`.

    Raises:
        UnknownModel: no such provider or model; the message names those there are.
        MissingKey: the provider needs a key.
    """
    provider, rest = provider_of(name)
    return PROVIDERS[provider](name, rest, options)


def is_free(name: str) -> bool:
    """Whether a model is one's own, so that nothing is paid for it.

    >>> is_free("local:smollm2"), is_free("openai:gpt-4o")
    (True, False)
    """
    return name.partition(":")[0] in ("local", "replay", "scripted", "served")


def provider_of(name: str) -> tuple[str, str]:
    """The provider of a model and the model's name there, without making it.

    Raises:
        UnknownModel: no such provider.
    """
    provider, _, rest = name.partition(":")
    if provider not in PROVIDERS or not rest:
        raise UnknownModel(f"no model {name!r}: say one of {', '.join(f'{p}:NAME' for p in PROVIDERS)}")
    return provider, rest


def require_known(name: str) -> None:
    """Refuse a name that no model can be made from, as far as that is seen without loading one.

    Raises:
        UnknownModel: no such provider, no such embedded model, or its weights are not here.
    """
    provider, rest = provider_of(name)
    if provider == "local":
        from agentkit.models.embedded import require_local

        require_local(name, rest)


def _local(name: str, rest: str, _options: ModelOptions) -> ChatModel:
    from agentkit.models.embedded import load_local

    return load_local(name, rest)


def _openai(_name: str, rest: str, options: ModelOptions) -> ChatModel:
    from agentkit.models.openai_api import OpenAIModel, profile_of
    from agentkit.models.openai_server import Timeouts
    from agentkit.models.retries import Retries

    return OpenAIModel(
        rest,
        api_key=options.api_key,
        base_url=options.base_url,
        profile=profile_of(
            context_window=options.context_window,
            max_output_tokens=options.max_output_tokens,
            calls_per_step=options.calls_per_step,
            most_tools=options.most_tools,
            text_calls=options.text_calls,
            thoughts=options.thoughts,
        ),
        retries=Retries(attempts=options.retries + 1),
        timeouts=Timeouts(idle=options.idle_seconds),
        on_wait=options.on_wait,
    )


def _served(_name: str, rest: str, options: ModelOptions) -> ChatModel:
    from agentkit.models.openai_server import Timeouts
    from agentkit.models.retries import Retries
    from agentkit.models.served import ServedModel

    return ServedModel.found(
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


def _replay(name: str, rest: str, options: ModelOptions) -> ChatModel:
    from agentkit.models.replay import ReplayModel

    if options.recorded is None:
        raise UnknownModel(f"{name} needs a journal to find the run in")
    return ReplayModel(options.recorded(rest))


PROVIDERS: dict[str, Callable[[str, str, ModelOptions], ChatModel]] = {
    "local": _local,
    "openai": _openai,
    "replay": _replay,
    "scripted": _scripted,
    "served": _served,
}
