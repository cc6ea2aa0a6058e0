"""The settings: each field with its type, its default, and what may stand there."""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias, cast, get_args, get_type_hints

import msgspec
from msgspec import Meta, Struct, field
from msgspec.structs import replace

from agentkit.core.errors import SettingsError
from agentkit.core.secret import Secret

Approval: TypeAlias = Literal["read", "ask", "auto", "all"]
"""How much runs without a question, the strictest first."""

_Rules: TypeAlias = Annotated[
    tuple[Annotated[str, Meta(min_length=1)], ...],
    Meta(description='a list of tools and effects, such as ["delete_file", "network"]'),
]
_File: TypeAlias = Annotated[Path, Meta(description="a path")]

_Count: TypeAlias = Annotated[
    # a number that the journal can hold
    Annotated[int, Meta(ge=1, le=10**12)] | None,
    Meta(description="a whole number from 1 to 10^12, or none"),
]


class OriginKind(StrEnum):
    """Which source a value comes from, the weakest first."""

    DEFAULT = "default"
    USER_FILE = "user file"
    PROJECT_FILE = "project file"
    ENVIRONMENT = "environment"
    FLAG = "flag"
    CALLER = "caller"
    """Code replaced it, as a resumed run does with what it began with."""


class Origin(Struct, frozen=True):
    """Where a value was found: the source, and its file, variable or flag."""

    kind: OriginKind
    where: str = ""

    def __str__(self) -> str:
        return self.where or str(self.kind)


DEFAULT = Origin(OriginKind.DEFAULT)


class Settings(Struct, frozen=True, kw_only=True):
    """Everything a person can choose about a run."""

    model: Annotated[str, Meta(min_length=1, description="provider:name, or auto")] = "auto"
    """`auto` is the best embedded model that is ready."""
    workspace: _File
    """The folder that the agent works in."""
    approve: Annotated[Approval, Meta(description="read, ask, auto or all")] = "auto"
    deny: _Rules = ()
    """What never runs."""
    ask: _Rules = ()
    """What runs only when the person says yes."""
    allow: _Rules = ()
    """What runs unasked."""
    max_steps: _Count = 40
    """Model calls."""
    max_seconds: Annotated[
        Annotated[float, Meta(gt=0)] | None, Meta(description="seconds above 0, or none")
    ] = 1800.0
    """Wall-clock seconds at work."""
    max_tokens: _Count = None
    """Input and output tokens of all model calls."""
    check: Annotated[
        Annotated[str, Meta(min_length=1)] | None, Meta(description="a shell command, or none")
    ] = None
    """Must succeed at the end; runs in the sandbox."""
    output: Annotated[Literal["text", "json", "jsonl"], Meta(description="text, json or jsonl")] = "text"
    """What standard output gets."""
    base_url: Annotated[
        Annotated[str, Meta(pattern=r"^https?://[^/?#@\s]+(/[^?#@\s]*)?$")] | None,
        Meta(description="an http or https address without a name, a password or a query in it, or none"),
    ] = None
    """Where an OpenAI-compatible server answers."""
    temperature: Annotated[float, Meta(ge=0, le=2, description="a number from 0 to 2")] = 0.0
    seed: Annotated[
        Annotated[int, Meta(ge=0, le=2**63 - 1)] | None,
        Meta(description="a whole number of at least 0, or none"),
    ] = None
    retries: Annotated[int, Meta(ge=0, le=100, description="a whole number from 0 to 100")] = 5
    """Attempts after the first, for faults of a remote model that pass."""
    idle_seconds: Annotated[float, Meta(gt=0, description="seconds above 0")] = 60.0
    """Silence after which a remote model is taken to be gone."""
    journal: _File
    """The file that runs are recorded in."""
    prompts: _File
    """The person's own prompt files, found before ours."""
    api_key: Secret | None = None
    """From `OPENAI_API_KEY` only: a key in a file or a flag is seen by others."""
    origins: Mapping[str, tuple[Origin, ...]] = field(default_factory=dict[str, tuple[Origin, ...]])
    """Where each value that is not a default was found; a list may come from several places."""

    def described(self) -> Iterator[tuple[str, str, str]]:
        """Each setting's name, its value as it would be typed, and where that comes from."""
        for name in (*FIELDS, "api_key"):
            found_in = ", ".join(str(origin) for origin in self.origins.get(name, (DEFAULT,)))
            yield name, _typed(getattr(self, name)), found_in

    def replacing(self, **values: Any) -> "Settings":
        """These settings with other values, checked like any.

        Raises:
            SettingsError: an unknown name, or a value that cannot be.
        """
        caller = Origin(OriginKind.CALLER)
        checked = {name: checked_value(name, value, caller, strict=True) for name, value in values.items()}
        return replace(self, **checked, origins={**self.origins, **dict.fromkeys(checked, (caller,))})


FIELDS: Mapping[str, Any] = {
    name: hint
    for name, hint in get_type_hints(Settings, include_extras=True).items()
    if name not in ("api_key", "origins")
}
"""The settings that files, environment and flags may name, with their types."""

LISTS = ("deny", "ask", "allow")
"""The settings that add up over the sources."""


def checked_value(name: str, raw: object, origin: Origin, *, strict: bool) -> Any:
    """What `raw` means as the setting `name`.

    Args:
        name: A setting.
        raw: As the source has it.
        origin: Named when it cannot be.
        strict: Whether a number must be a number; else the text of one will do.

    Raises:
        SettingsError: naming the source, the setting, what was found, and what would work.
    """
    if name not in FIELDS:
        raise unknown_setting(name, origin)
    hint = FIELDS[name]
    if raw == "none" and type(None) in get_args(get_args(hint)[0]):
        return None
    try:
        return msgspec.convert(raw, hint, strict=strict, dec_hook=_path)
    except msgspec.ValidationError:
        # a base_url that is refused may be refused for the password in it
        found = "" if name == "base_url" else f" = {_clipped(repr(raw))}"
        raise SettingsError(f"{origin}: {name}{found} cannot be; it must be {expected(name)}") from None


def expected(name: str) -> str:
    """What may stand as the setting `name`, in words."""
    metas = [meta for meta in get_args(FIELDS[name])[1:] if isinstance(meta, Meta)]
    return next(meta.description for meta in metas if meta.description)


def unknown_setting(name: str, origin: Origin) -> SettingsError:
    """The error that names an unknown setting, where it was found, and those that it may mean."""
    if "api_key" in name:
        return SettingsError(f"{origin}: {name} is not a setting; a key is read from OPENAI_API_KEY only")
    from difflib import get_close_matches

    near = get_close_matches(name.replace("-", "_"), FIELDS, n=3, cutoff=0.6)
    hint = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(FIELDS)}"
    return SettingsError(f"{origin}: {name!r} is not a setting; {hint}")


def _path(kind: type, raw: object) -> Path:
    if kind is Path and isinstance(raw, str | Path) and str(raw) and "\0" not in str(raw):
        return Path(raw)
    raise ValueError("not a path")


def _clipped(text: str, width: int = 60) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"


def _typed(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, tuple):
        return ",".join(cast("tuple[str, ...]", value)) or "none"
    return str(value)
