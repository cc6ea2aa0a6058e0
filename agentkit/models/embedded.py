"""The embedded models as the framework sees them: the catalogue, and how each is best spoken to."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from agentkit.core.errors import ModelError, UnknownModel
from agentkit.models.dialects import DIALECTS
from agentkit.models.local import LocalModel
from agentkit.models.local_options import LocalOptions, options_of, with_whole_path

SMALL_MACHINE = 10 * 2**30
"""Bytes of memory below which only the small model is chosen by itself: the other takes 3 GB, and 6 on a
processor that computes in float32."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How a model is spoken to."""

    dialect: str
    prompt: str
    most_output: int = 512
    weights: str = ""
    """The entry whose weights it uses, if it is not the one of its own name."""
    adapter: str = ""
    """File of the engine's adapters that lies beside the weights."""


MANNERS = {
    "smollm2": Manner("lines", "agent/lines", most_output=256, adapter="smollm2.safetensors"),
    "smollm2-base": Manner("python", "agent/small", most_output=256, weights="smollm2"),
    "qwen2.5-coder:1.5b": Manner("lines", "agent/lines", adapter="qwen2.5-coder-1.5b.safetensors"),
    "qwen2.5-coder:1.5b-base": Manner("python", "agent/small", weights="qwen2.5-coder:1.5b"),
}
"""The manner that reached most of the example goals with each entry."""

BY_REACH = ("qwen2.5-coder:1.5b", "smollm2")
"""The entries, the one that reaches most of the example goals first."""


def best_ready(memory: int | None = None, is_ready: Callable[[str], bool] | None = None) -> str | None:
    """The name of the ready entry to use when nobody chose one, or `None` when none is ready.

    Args:
        memory: Bytes of memory of this machine; measured when not given.
        is_ready: Whether an entry's weights are here; looked up when not given.
    """
    is_ready = is_ready or _is_ready
    memory = machine_memory() if memory is None else memory
    names = BY_REACH if memory >= SMALL_MACHINE else BY_REACH[-1:]
    return next((name for name in names if is_ready(name)), None)


def best_encoder() -> str | None:
    """The encoder of texts to use when nobody chose one, by its full name, or `None` when none can be."""
    from importlib.util import find_spec

    from agentkit_local_models.catalogue import ENCODERS

    # weights that nothing here can compute with are no reason to fail where words alone would do
    if find_spec("torch") is None:
        return None
    return next((f"local:{entry.name}" for entry in ENCODERS if _is_ready(entry.name)), None)


def ways_to_an_encoder() -> str:
    """The commands after which an encoder is here, joined as a shell takes them; empty where one is."""
    from importlib.util import find_spec

    from agentkit_local_models.catalogue import ENCODERS

    needed = [] if find_spec("torch") is not None else ["pip install 'agentkit[local]'"]
    if not any(_is_ready(entry.name) for entry in ENCODERS):
        needed.append(f"agentkit models fetch {ENCODERS[0].name}")
    return " && ".join(needed)


def _is_ready(name: str) -> bool:
    from agentkit_local_models.catalogue import find, state_of

    return state_of(find(name)).is_ready


def machine_memory() -> int:
    """Bytes of memory this process may use: the machine's, or its control group's if that is less."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for limit in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            text = Path(limit).read_text(encoding="ascii").strip()
        except OSError:
            continue
        if text.isdigit():
            total = min(total, int(text))
    return total


@dataclass(frozen=True, slots=True)
class Embedded:
    """An entry of the catalogue as a person is told of it."""

    name: str
    state: str
    about: str
    licence: str
    size: int
    origin: str
    where: str
    answers: bool
    """Whether it can be spoken to; else it turns texts into vectors."""


def catalogue() -> list[Embedded]:
    """Every embedded model, ready or not."""
    from agentkit_local_models.catalogue import CATALOGUE, ENCODERS, path_of, state_of

    found: list[Embedded] = []
    for entry in (*CATALOGUE, *ENCODERS):
        state = state_of(entry)
        sources = " or ".join(str(source) for source in entry.sources)
        where = f"{path_of(entry)}, from {state.source or 'this machine'}" if state.is_ready else sources
        about = f"{entry.parameters / 1e6:,.0f} million parameters, {', '.join(entry.languages)}"
        answers = entry in CATALOGUE
        if not answers:
            about += "; it answers nothing: it turns texts into vectors that are searched"
        if entry.name in MANNERS and MANNERS[entry.name].adapter:
            bare = next(name for name, manner in MANNERS.items() if manner.weights == entry.name)
            about += f"; with an adapter for agents (local:{bare} is without)"
        found.append(
            Embedded(entry.name, state.status, about, entry.licence, entry.size, entry.origin, where, answers)
        )
    return found


def fetch(name: str, progress: Callable[[int, int, str], None]) -> Path:
    """Get the weights that a model uses unless they are here, and return their path.

    Raises:
        UnknownModel: no entry goes by that name.
        ModelError: no source gave the file; the message has the reason of each.
    """
    from agentkit_local_models import errors
    from agentkit_local_models.catalogue import find
    from agentkit_local_models.fetch import fetch as fetch_entry

    try:
        wanted = name.removeprefix("local:")
        manner = MANNERS.get(wanted)
        entry = find(manner.weights if manner and manner.weights else wanted)
        return fetch_entry(entry, progress=lambda now: progress(now.done_bytes, now.total_bytes, now.what))
    except errors.UnknownModel as error:
        raise UnknownModel(str(error)) from error
    except errors.LocalModelError as error:
        raise ModelError(str(error)) from error


def adapter_file(name: str) -> Path:
    """Where an adapter that comes with the engine lies."""
    import agentkit_local_models

    return Path(agentkit_local_models.__file__).parent / "adapters" / name


def parts_of(rest: str) -> tuple[str, str]:
    """What `local:REST` names: an entry or the path of a checkpoint, and an adapter's file or nothing.

    A path may hold a `+` of its own: what is there decides where the adapter begins.

    >>> parts_of("smollm2+own.safetensors")
    ('smollm2', 'own.safetensors')
    """
    known, _, own = rest.partition("+")
    if known in MANNERS:
        return known, own
    pieces = rest.split("+")
    for count in range(len(pieces), 0, -1):
        base = "+".join(pieces[:count])
        if base and Path(base).expanduser().exists():
            return base, "+".join(pieces[count:])
    return rest, ""


def native_step() -> str:
    """What of the engine's C++ is there, by which a few tokens at a time are computed.

    Raises:
        ModelError: there will be none; the message says why.
    """
    from agentkit_local_models.native.build import NotBuilt, built_dir, readiness

    try:
        return readiness(built_dir())
    except NotBuilt as error:
        raise ModelError(str(error)) from error


@dataclass(frozen=True, slots=True)
class Place:
    """Where a local model lies, and how it is spoken to."""

    name: str
    """All of it that a run needs to find it again."""
    path: Path
    dialect: str
    """Empty for the one that the checkpoint was trained in."""
    prompt: str
    most_output: int
    adapter: Path | None
    options: LocalOptions


def place_of(name: str, rest: str) -> Place:
    """Where the local model `rest` lies: an entry of the catalogue, or the path of a checkpoint.

    `NAME+FILE` and `PATH+FILE` are these with an adapter of one's own, as `agentkit train` writes it;
    `?precision=int8` at the end keeps the weights in these numbers, and `?device=cuda` computes on a GPU.

    Raises:
        UnknownModel: neither; or an entry whose weights are not here, with the line that gets them.
    """
    from agentkit_local_models.catalogue import find, path_of

    require_local(name, rest)
    rest, options = options_of(rest)
    asked = with_whole_path(options.written)
    base, own = parts_of(rest)
    path, own_adapter = Path(base).expanduser(), Path(own).expanduser() if own else None
    if (manner := MANNERS.get(base)) is not None:
        return Place(
            f"local:{base}+{own_adapter.absolute()}{asked}" if own_adapter else name,
            path_of(find(manner.weights or base)),
            manner.dialect,
            manner.prompt,
            manner.most_output,
            own_adapter or (adapter_file(manner.adapter) if manner.adapter else None),
            options,
        )
    # its whole path: a run may be resumed from another folder
    whole = "+".join(str(part.absolute()) for part in (path, own_adapter) if part)
    return Place(f"local:{whole}{asked}", path, "", "agent/small", 512, own_adapter, options)


def load_local(name: str, rest: str) -> "LocalModel":
    """The local model `rest`; see `place_of`.

    Raises:
        UnknownModel: there is none, or its weights are not here.
        BadRequest: it cannot be loaded; the message says why.
    """
    place = place_of(name, rest)
    return LocalModel.load(
        place.name,
        place.path,
        DIALECTS[place.dialect] if place.dialect else None,
        place.prompt,
        place.most_output,
        adapter=place.adapter,
        options=place.options,
    )


def require_local(name: str, rest: str) -> None:
    """Refuse what cannot be loaded as `local:REST`, without loading anything.

    Raises:
        UnknownModel: no entry and no path, an option that is none, an adapter that is not there, or the
            weights of an entry are not here; it says how to get them.
    """
    from agentkit_local_models.catalogue import find, state_of

    whole, _ = options_of(rest)
    base, own = parts_of(whole)
    if own and not Path(own).expanduser().exists():
        raise UnknownModel(f"{name}: there is no adapter {own}; after + comes its file, or its folder")
    if (manner := MANNERS.get(base)) is not None:
        entry = find(manner.weights or base)
        if not state_of(entry).is_ready:
            raise UnknownModel(f"the weights of {name} are not here; run: agentkit models fetch {entry.name}")
        return
    if Path(base).expanduser().exists():
        return
    names = ", ".join(f"local:{name}" for name in MANNERS)
    raise UnknownModel(
        f"no local model {rest!r}; known: {names}, or local:PATH of a .gguf file or a folder, "
        "each with +FILE for an adapter, ?precision=int8 for smaller weights, ?device=cuda for a GPU, "
        "?draft=NAME for a small model that guesses for it"
    )
