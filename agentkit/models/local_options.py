"""What stands behind a local model's name: `?precision=int8&device=cuda`."""

import re
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, cast

from agentkit.core.errors import UnknownModel

if TYPE_CHECKING:
    from agentkit_local_models.precision import CacheForm, WeightPrecision


class OfEngine(TypedDict):
    """What an engine is asked for with."""

    precision: "WeightPrecision"
    device: str
    compiled: bool
    cache: "CacheForm"
    draft: Path | None
    threads: int | None


@dataclass(frozen=True, slots=True)
class LocalOptions:
    """How a local model is computed."""

    precision: str = "auto"
    """The numbers that its weights are kept in."""
    device: str = "cpu"
    """That computes: `cpu`, `cuda`, or `cuda:1`."""
    compile: str = "no"
    """Whether torch compiles what it computes itself: `yes` or `no`."""
    cache: str = "float"
    """What keys and values are kept as: `float` or `int8`."""
    draft: str = ""
    """A small model that guesses what comes next: an entry of the catalogue, or a path."""
    threads: str = ""
    """How many threads compute, of the whole process; empty for one a core."""

    @property
    def written(self) -> str:
        """As it stands behind a name.

        >>> LocalOptions("int8", "cuda:1").written, LocalOptions().written
        ('?precision=int8&device=cuda:1', '')
        """
        said = ((one.name, getattr(self, one.name), one.default) for one in fields(self))
        asked = "&".join(f"{name}={value}" for name, value, usual in said if value != usual)
        return f"?{asked}" if asked else ""

    @property
    def draft_path(self) -> Path | None:
        """Where the draft model lies, or would; None for none."""
        if not self.draft:
            return None
        from agentkit_local_models.catalogue import CATALOGUE, path_of

        entries = {entry.name: entry for entry in CATALOGUE}
        if self.draft in entries:
            return path_of(entries[self.draft])
        return Path(self.draft).expanduser()

    @property
    def of_engine(self) -> OfEngine:
        """The same for an engine; `options_of` looked whether there are such."""
        return {
            "precision": cast("WeightPrecision", self.precision),
            "device": self.device,
            "compiled": self.compile == "yes",
            "cache": cast("CacheForm", self.cache),
            "draft": self.draft_path,
            "threads": int(self.threads) if self.threads else None,
        }


_NAMES = tuple(one.name for one in fields(LocalOptions))
_OPTIONS = re.compile(rf"\?((?:{'|'.join(_NAMES)})=[^?]*)$")
_DEVICE = re.compile(r"cpu|cuda(:[0-9]+)?")
_THREADS = re.compile(r"[1-9][0-9]{0,2}")


def without_options(rest: str) -> tuple[str, str]:
    """What `local:REST` names without its options, and these as they are written.

    >>> without_options("smollm2?device=cpu"), without_options("what?.gguf")
    (('smollm2', '?device=cpu'), ('what?.gguf', ''))
    """
    found = _OPTIONS.search(rest)
    return (rest, "") if found is None else (rest[: found.start()], found[0])


def with_whole_path(asked: str) -> str:
    """Options as they are written, with the whole path of a draft model that lies here.

    >>> with_whole_path("?cache=int8&draft=smollm2")
    '?cache=int8&draft=smollm2'
    """
    before, named, rest = asked.partition("draft=")
    draft, also, after = rest.partition("&")
    path = Path(draft).expanduser()
    whole = str(path.absolute()) if draft and path.exists() else draft
    return f"{before}{named}{whole}{also}{after}"


def options_of(rest: str) -> tuple[str, LocalOptions]:
    """What `local:REST` names without its options, and these.

    Raises:
        UnknownModel: one is not known, said twice, or has a value that is none.

    >>> options_of("smollm2?precision=int8&device=cuda")[1].written
    '?precision=int8&device=cuda'
    """
    named, asked = without_options(rest)
    said: dict[str, str] = {}
    for part in asked[1:].split("&") if asked else ():
        name, _, value = part.partition("=")
        if name not in _NAMES:
            raise UnknownModel(f"local:{rest}: no option {name!r}; {', '.join(_NAMES)} are")
        if name in said:
            raise UnknownModel(f"local:{rest} says its {name} twice; once works")
        said[name] = value
    found = LocalOptions(**said)
    if found.precision != "auto":
        from agentkit_local_models.precision import WEIGHT_PRECISIONS

        if found.precision not in WEIGHT_PRECISIONS:
            raise UnknownModel(
                f"local:{rest}: no precision {found.precision!r}; {', '.join(WEIGHT_PRECISIONS)} are"
            )
    if not _DEVICE.fullmatch(found.device):
        raise UnknownModel(f"local:{rest}: no device {found.device!r}; cpu, cuda and cuda:NUMBER are")
    if (draft := found.draft_path) is not None and not draft.exists():
        raise UnknownModel(f"local:{rest}: no draft model {found.draft!r}; a path or an embedded one works")
    if found.cache not in ("float", "int8"):
        raise UnknownModel(f"local:{rest}: cache is {found.cache!r}; float and int8 work")
    if found.threads and not _THREADS.fullmatch(found.threads):
        raise UnknownModel(f"local:{rest}: threads is {found.threads!r}; 1 to 999 work")
    if found.compile not in ("yes", "no"):
        raise UnknownModel(f"local:{rest}: compile is {found.compile!r}; yes and no work")
    return named, found


def on_device(rest: str, device: str | None) -> str:
    """`local:REST` on a device; as it is, where none is said.

    Raises:
        UnknownModel: as `options_of`, and where its own options name another device.

    >>> on_device("smollm2?precision=int8", "cuda")
    'smollm2?precision=int8&device=cuda'
    """
    named, options = options_of(rest)
    if device is None:
        return rest
    if "device=" in without_options(rest)[1] and options.device != device:
        raise UnknownModel(f"local:{rest} is not on {device}; one device works")
    placed = named + replace(options, device=device).written
    options_of(placed)
    return placed
