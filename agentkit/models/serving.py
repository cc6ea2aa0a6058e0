"""`agentkit serve`: the door to the server of the local engine."""

import time
from collections.abc import Callable, Generator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from agentkit.core.errors import BadRequest, UsageError
from agentkit.core.profile import ModelProfile
from agentkit.models.dialects import Dialect, dialect_of
from agentkit.models.embedded import MANNERS, parts_of, place_of
from agentkit.models.embeddings.local import LocalEmbeddings
from agentkit.models.local import LocalModel, local_profile
from agentkit.models.local_options import LocalOptions, on_device, without_options
from agentkit.models.speech import DialectSpeech

if TYPE_CHECKING:
    import socket

    from agentkit_local_models.encoder import Encoder
    from agentkit_local_models.engine import Engine
    from agentkit_local_models.serving.served import Decoder
    from agentkit_local_models.serving.server import Server as Server

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
"""Addresses that nobody but this machine reaches."""


@dataclass(frozen=True, slots=True)
class Serving:
    """How a model is served."""

    host: str = "127.0.0.1"
    port: int = 8000
    key: str | None = None
    name: str | None = None
    """What clients call it; by default what a person calls it, without `local:`."""
    body_bytes: int = 4 << 20
    answers: int = 64
    """That are made or wait at once."""
    grace_seconds: float = 30.0
    """For answers that are being made when the server is told to end."""
    device: str | None = None
    """That computes; by default what the model's name says, else the processor."""
    adapters: Mapping[str, Path] = field(default_factory=dict[str, Path])
    """Files or folders by name: with one of them the model is called MODEL+NAME."""
    processes: int = 1
    """That share the model (tensor parallelism); on GPUs each has one of its own."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A server that is loaded and has its address; who comes waits until it runs."""

    names: tuple[str, ...]
    """Of the models, as clients call them."""
    url: str
    server: "Server"
    """`run([listens])` serves until it is told to end."""
    listens: "socket.socket"
    release: Callable[[], None]
    """Lets go of what computes with this process; to be called when the server has ended."""


def open_server(model: str, serving: Serving) -> Opened:
    """Load a model and get ready to serve it.

    Raises:
        UsageError: an address that others reach without a key, or one that cannot be had; or what serves
            is not installed.
        UnknownModel: there is no such local model or device, or its weights are not here.
        BadRequest: it cannot be loaded.
    """
    if serving.host not in LOOPBACK and not serving.key:
        raise UsageError(
            f"{serving.host} can be reached from outside, so a key is needed: set AGENTKIT_SERVE_KEY"
        )
    try:
        from agentkit_local_models.serving.served import Limits, Served
        from agentkit_local_models.serving.server import Server, address_of, bound
    except ModuleNotFoundError as error:
        raise UsageError(f"serving needs {error.name}; run: pip install 'agentkit[local,serve]'") from error
    rest = on_device(model.removeprefix("local:"), serving.device)
    with _told(serving):
        listens = bound(serving.host, serving.port)  # before a minute is spent on loading
    held = ExitStack()
    try:
        models, profile = _loaded(rest, serving, held)
        with _told(serving):
            listens.listen()  # another server that began as early may have done so first
    except BaseException:
        listens.close()
        held.close()
        raise
    served = Served(
        models,
        typed=model,
        created=int(time.time()),
        limits=Limits(serving.body_bytes, serving.answers),
        profile={} if profile is None else msgspec.to_builtins(profile),
    )
    server = Server(served, serving.key, grace_seconds=serving.grace_seconds)
    return Opened(tuple(models), address_of(listens), server, listens, held.close)


@contextmanager
def _told(serving: Serving) -> Generator[None, None, None]:
    """Tell in words that an address cannot be had."""
    try:
        yield
    except OSError as error:
        raise UsageError(f"{serving.host}:{serving.port} cannot be served: {error.strerror}") from error


def name_of(rest: str) -> str:
    """What clients call the local model `rest`.

    >>> name_of("smollm2?precision=int8"), name_of("smollm2+own/it.safetensors"), name_of("models/a.gguf")
    ('smollm2', 'smollm2+it', 'a')
    """
    base, own = parts_of(without_options(rest)[0])
    named = base if base in MANNERS else Path(base).name.removesuffix(".gguf")
    return f"{named}+{Path(own).stem}" if own else named


def _loaded(
    rest: str, serving: Serving, held: ExitStack
) -> "tuple[dict[str, Decoder | Encoder], ModelProfile | None]":
    """What is served by which name, and how the loop should treat it where it can be spoken to.

    Raises:
        UnknownModel: there is no such local model, or its weights are not here.
        BadRequest: it cannot be loaded, or an adapter of it.
        UsageError: an encoder was given adapters, options or processes, or a split model options.
    """
    from agentkit_local_models.engines import ENGINES
    from agentkit_local_models.errors import LocalModelError

    name, adapters = serving.name or name_of(rest), serving.adapters
    bare, options = without_options(rest)
    if _is_encoder(bare):
        if adapters or options or serving.processes > 1:
            given = "--adapter" if adapters else options or "--tensor-parallel"
            raise UsageError(f"{name} makes vectors, and takes no {given}")
        return {name: LocalEmbeddings.load(rest).encoder}, None
    place = place_of(f"local:{rest}", rest)
    wanted = {name: place.adapter, **{f"{name}+{one}": path for one, path in adapters.items()}}
    try:
        if serving.processes > 1:
            split = held.enter_context(_split(place.path, place.options, serving.processes))
            engines = {one: _beside(split, one, adapter) for one, adapter in wanted.items()}
        else:
            engines = {
                one: ENGINES.get(place.path, adapter=adapter, **place.options.of_engine)
                for one, adapter in wanted.items()
            }
    except (LocalModelError, ValueError) as error:
        raise BadRequest(str(error)) from error
    dialect = dialect_of(place.dialect, engines[name].checkpoint.calls)
    profile = local_profile(
        place.prompt, engines[name].context, place.most_output, shows_schemas=dialect.shows_schemas
    )
    decoders = {one: _spoken(f"local:{one}", engine, dialect, profile) for one, engine in engines.items()}
    return {**decoders}, profile


@contextmanager
def _split(path: Path, options: LocalOptions, processes: int) -> "Generator[Engine]":
    """An engine that so many processes compute, as long as the block lasts.

    Raises:
        BadRequest: one of them failed.
        LocalModelError: as `split_engine`.
        UsageError: an option that a split model does not have.
        ValueError: as `split_engine`.
    """
    from agentkit_local_models.errors import LocalModelError
    from agentkit_local_models.parallel.launch import split_engine

    whole = LocalOptions(precision=options.precision, device=options.device)
    if options != whole:
        raise UsageError(
            f"a model of {processes} processes takes no {options.written}; precision and device are for both"
        )
    of_engine = whole.of_engine
    with ExitStack() as held:
        yield held.enter_context(
            split_engine(path, processes, precision=of_engine["precision"], device=of_engine["device"])
        )
        try:
            held.pop_all().close()
        except LocalModelError as error:
            raise BadRequest(str(error)) from error


def _beside(engine: "Engine", name: str, adapter: Path | None) -> "Engine":
    """The engine, with an adapter where there is one."""
    if adapter is None:
        return engine
    engine.load_adapter(name, adapter)
    return engine.using(name)


def _spoken(name: str, engine: "Engine", dialect: Dialect, profile: ModelProfile) -> "Decoder":
    """An engine with how it is spoken to, where it can be."""
    from agentkit_local_models.serving.served import Decoder

    if engine.checkpoint.chat_template is None:
        return Decoder(engine, None)
    return Decoder(engine, DialectSpeech(LocalModel(name, engine, dialect, profile)))


def _is_encoder(rest: str) -> bool:
    """Whether the local model `rest` makes vectors."""
    from agentkit_local_models.catalogue import ENCODERS
    from agentkit_local_models.encoder_config import encoder_config
    from agentkit_local_models.errors import LocalModelError

    if any(entry.name == rest for entry in ENCODERS):
        return True
    try:
        encoder_config(Path(rest).expanduser())
    except LocalModelError:
        return False  # whatever else it is, whoever loads it says
    return True
