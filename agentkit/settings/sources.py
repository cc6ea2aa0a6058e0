"""What each source says: settings by name, each with its value and its origin."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

from msgspec import Struct

from agentkit.core.errors import SettingsError
from agentkit.settings.values import (
    DEFAULT,
    FIELDS,
    FLAGS,
    LISTS,
    SENTENCES,
    Origin,
    OriginKind,
    Settings,
    checked_value,
    unknown_setting,
)

PREFIX = "AGENTKIT_"
NOT_SETTINGS = frozenset({"AGENTKIT_MODELS_DIR", "AGENTKIT_SERVE_KEY"})
"""Variables with our prefix that others read: the local engine keeps its weights there."""

MOST_BYTES = 2**16
"""Of a settings file. A project's file is anybody's, and is read before anything is agreed to."""


class Value(Struct, frozen=True):
    """A setting's value as one source gives it."""

    value: Any
    origin: Origin


Found: TypeAlias = dict[str, Value]


def config_folder(environ: Mapping[str, str]) -> Path:
    """Where the person's own settings are."""
    return xdg_folder(environ, "XDG_CONFIG_HOME", ".config") / "agentkit"


def home_folder(environ: Mapping[str, str]) -> Path:
    """The person's home."""
    return Path(environ.get("HOME") or Path.home())


def xdg_folder(environ: Mapping[str, str], variable: str, default: str) -> Path:
    """A folder of the XDG base directory specification, which says to ignore relative ones."""
    path = Path(environ.get(variable, ""))
    return path if path.is_absolute() else home_folder(environ) / default


def read_text(path: Path) -> str | None:
    """The text of a settings file, or `None` when there is none.

    Raises:
        SettingsError: something is there that cannot be read as a settings file.
    """
    try:
        if not path.exists():
            return None
        # a named pipe would keep us waiting, a device would never end
        if not path.is_file():
            raise SettingsError(f"{path}: not a file; settings are read from a TOML file there")
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            raise SettingsError(f"{path}: longer than {MOST_BYTES:,} bytes; that is no settings file")
        return content.decode("utf-8")
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path}: not UTF-8 at byte {error.start}; save it as UTF-8") from None


def from_toml(text: str | None, origin: Origin, home: Path) -> Found:
    """What a settings file says; paths in it start from its folder."""
    try:
        entries = tomllib.loads(text or "")
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"{origin}: not TOML: {error}") from None
    folder = Path(origin.where).parent
    return {name: _value(name, raw, origin, folder, home, strict=True) for name, raw in entries.items()}


def from_environment(environ: Mapping[str, str], cwd: Path, home: Path) -> Found:
    """What `AGENTKIT_*` says, and `OPENAI_BASE_URL`; an empty variable counts as not set."""
    found: Found = {}
    if url := environ.get("OPENAI_BASE_URL"):
        found["base_url"] = _from_variable("OPENAI_BASE_URL", "base_url", url, cwd, home)
    for variable, text in sorted(environ.items()):
        if variable.startswith(PREFIX) and variable not in NOT_SETTINGS and text:
            name = variable.removeprefix(PREFIX).lower()
            found[name] = _from_variable(variable, name, text, cwd, home)
    return found


def from_flags(flags: Mapping[str, Any], cwd: Path, home: Path, *, in_code: bool = False) -> Found:
    """What the command line says, or the arguments of a call in code.

    One that is `None` or an empty list was not given.
    """
    return {
        name: _value(
            name,
            raw,
            Origin(OriginKind.FLAG, f"{name}=" if in_code else flag_of(name)),
            cwd,
            home,
            strict=False,
        )
        for name, raw in flags.items()
        if raw is not None and raw != () and raw != []
    }


def flag_of(name: str) -> str:
    """The flag of a setting."""
    return FLAGS.get(name, f"--{name.replace('_', '-')}")


def _from_variable(variable: str, name: str, text: str, cwd: Path, home: Path) -> Value:
    origin = Origin(OriginKind.ENVIRONMENT, variable)
    if variable.startswith(PREFIX) and variable != PREFIX + name.upper():
        raise unknown_setting(variable, origin)
    raw: object = text
    if name in LISTS:
        raw = _listed(text, "\n" if name in SENTENCES else ",")
    return _value(name, raw, origin, cwd, home, strict=False)


def _listed(text: str, separator: str) -> list[str]:
    return [] if text == "none" else [item.strip() for item in text.split(separator) if item.strip()]


def _value(name: str, raw: object, origin: Origin, folder: Path, home: Path, *, strict: bool) -> Value:
    value = checked_value(name, raw, origin, strict=strict)
    return Value(_whole(value, folder, home) if isinstance(value, Path) else value, origin)


def _whole(path: Path, folder: Path, home: Path) -> Path:
    """The path with `~` written out, from `folder` when it is relative."""
    if path.parts[:1] == ("~",):
        return home.joinpath(*path.parts[1:])
    return folder / path


def defaults(
    workspace: Path, journal: Path, index: Path, memory_file: Path, prompts: Path, skills: Path
) -> Found:
    """What holds when nobody says anything; the places depend on the machine."""
    settings = Settings(
        workspace=workspace,
        journal=journal,
        index=index,
        memory_file=memory_file,
        prompts=prompts,
        skills=skills,
    )
    return {name: Value(getattr(settings, name), DEFAULT) for name in FIELDS}
