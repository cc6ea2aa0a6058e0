"""`provider:name` to embeddings; a provider's code is imported when its first one is made."""

from collections.abc import Callable
from pathlib import Path

from agentkit.core.documents import Embeddings
from agentkit.core.errors import UnknownModel
from agentkit.models.registry import ModelOptions


def make_embeddings(
    name: str, options: ModelOptions | None = None, *, cache: Path | str | None = None
) -> Embeddings:
    """The embeddings called `provider:name`: `local:minilm`, `local:FOLDER`, `openai:text-embedding-3-small`.

    Args:
        name: Which.
        options: A server's key and address, its retries, and as `context_window` the tokens that its model
            reads.
        cache: A file that keeps vectors by model and text, made when it is not there.

    Raises:
        UnknownModel: no such provider or model; the message names those there are.
        MissingKey: the provider needs a key.
        UsageError: the cache cannot be used.
    """
    provider, _, rest = name.partition(":")
    if provider not in PROVIDERS or not rest:
        known = ", ".join(f"{provider}:NAME" for provider in PROVIDERS)
        raise UnknownModel(f"no embeddings {name!r}: say one of {known}, such as local:minilm")
    made = PROVIDERS[provider](rest, options or ModelOptions())
    if cache is None:
        return made
    from agentkit.models.embeddings.cached import CachedEmbeddings

    return CachedEmbeddings(made, cache)


def _local(rest: str, _options: ModelOptions) -> Embeddings:
    from agentkit.models.embeddings.local import LocalEmbeddings

    return LocalEmbeddings.load(rest)


def _openai(rest: str, options: ModelOptions) -> Embeddings:
    from agentkit.models.embeddings.openai import OpenAIEmbeddings
    from agentkit.models.openai_server import Timeouts
    from agentkit.models.retries import Retries

    return OpenAIEmbeddings(
        rest,
        api_key=options.api_key,
        base_url=options.base_url,
        window=options.context_window,
        timeouts=Timeouts(idle=options.idle_seconds),
        retries=Retries(attempts=options.retries + 1),
        on_wait=options.on_wait,
    )


PROVIDERS: dict[str, Callable[[str, ModelOptions], Embeddings]] = {"local": _local, "openai": _openai}
