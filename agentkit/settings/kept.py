"""The rules that a person gave at questions, beyond one run: a file of their own, by folder."""

import fcntl
import json
import os
import tomllib
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path

import msgspec
from msgspec import Struct

from agentkit.core.errors import SettingsError
from agentkit.core.events import RuleKind
from agentkit.core.private_file import write_private
from agentkit.settings.sources import Found, Value, config_folder, read_text
from agentkit.settings.values import Origin

RULES_FILE = "rules.toml"
_HEAD = """\
# What was answered to questions with a rule. agentkit writes this file and reads it beside config.toml:
# first what holds everywhere, then what holds in one folder. `agentkit rules rm RULE` takes a rule back.
"""


class _Rules(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The rules of one place."""

    deny: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()


def rules_file(environ: Mapping[str, str]) -> Path:
    """Where the rules are kept."""
    return config_folder(environ) / RULES_FILE


def from_rules(text: str | None, origin: Origin, workspace: Path) -> Found:
    """The kept rules that hold in a folder.

    Raises:
        SettingsError: the file is not one that agentkit wrote.
    """
    if text is None:
        return {}
    places = _read(text, origin.where)
    holding = [places[place] for place in ("", os.path.realpath(workspace)) if place in places]
    found = {
        "deny": [rule for rules in holding for rule in rules.deny],
        "allow": [rule for rules in holding for rule in rules.allow],
    }
    return {kind: Value(tuple(dict.fromkeys(rules)), origin) for kind, rules in found.items() if rules}


def keep_rule(path: Path, kind: RuleKind, rule: str, folder: Path | None) -> None:
    """Keep a rule for a folder, or for everywhere.

    Raises:
        SettingsError: the file cannot be read or written; it is as it was.
    """
    place = "" if folder is None else os.path.realpath(folder)
    with _changing(path) as places:
        stands = places.get(place, _Rules())
        rules: tuple[str, ...] = getattr(stands, kind)
        places[place] = msgspec.structs.replace(stands, **{kind: tuple(dict.fromkeys((*rules, rule)))})


def drop_rule(path: Path, rule: str, folder: Path) -> tuple[str, ...]:
    """Keep a rule no longer, for a folder and for everywhere.

    Returns:
        What was dropped, each as `allow = run_shell(ls), everywhere`.

    Raises:
        SettingsError: the file cannot be read or written; it is as it was.
    """
    here = os.path.realpath(folder)
    dropped: list[str] = []
    with _changing(path) as places:
        for place in ("", here):
            if (stands := places.get(place)) is None:
                continue
            kinds = [kind for kind in ("deny", "allow") if rule in getattr(stands, kind)]
            left = {kind: tuple(one for one in getattr(stands, kind) if one != rule) for kind in kinds}
            places[place] = msgspec.structs.replace(stands, **left)
            dropped += [f"{kind} = {rule}, {f'in {place}' if place else 'everywhere'}" for kind in kinds]
    return tuple(dropped)


@contextmanager
def _changing(path: Path) -> Generator[dict[str, _Rules]]:
    """The places and their rules, to be changed by nobody else meanwhile, and written when that is done."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise SettingsError(f"{path}: cannot be written: {error.strerror}") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        places = _read(read_text(path) or "", str(path))
        before = dict(places)
        yield places
        if places != before:
            write_private(path, _written(places).encode())
    except UnicodeEncodeError as error:
        raise SettingsError(f"{path}: a rule for a folder whose name is no text cannot be kept") from error
    except OSError as error:
        raise SettingsError(f"{path}: cannot be written: {error.strerror}") from error
    finally:
        os.close(lock)


def _read(text: str, where: str) -> dict[str, _Rules]:
    try:
        entries = msgspec.convert(tomllib.loads(text), dict[str, tuple[str, ...] | _Rules])
        everywhere = {name: listed for name, listed in entries.items() if isinstance(listed, tuple)}
        folders = {name: rules for name, rules in entries.items() if isinstance(rules, _Rules)}
        return {"": msgspec.convert(everywhere, _Rules), **folders}
    except (ValueError, RecursionError) as error:
        raise SettingsError(
            f"{where}: not as agentkit wrote it ({error}); it holds lists deny and allow, "
            "for everywhere and in tables named after folders"
        ) from None


def _written(places: Mapping[str, _Rules]) -> str:
    parts = [_HEAD]
    for place, rules in sorted(places.items()):
        lines = [
            f"{kind} = [{', '.join(map(_quoted, listed))}]"
            for kind in ("deny", "allow")
            if (listed := getattr(rules, kind))
        ]
        if lines:
            parts.append("\n".join([f"[{_quoted(place)}]"] * bool(place) + lines) + "\n")
    return "\n".join(parts)


def _quoted(text: str) -> str:
    """A basic string of TOML, which differs from JSON's in one character."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
