"""From files, environment and flags to one frozen value."""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from agentkit.core.secret import Secret
from agentkit.settings.kept import RULES_FILE, from_rules
from agentkit.settings.project import narrowed
from agentkit.settings.sources import (
    Found,
    config_folder,
    defaults,
    from_environment,
    from_flags,
    from_toml,
    home_folder,
    read_text,
    xdg_folder,
)
from agentkit.settings.values import DEFAULT, FIELDS, LISTS, SENTENCES, TABLE, Origin, OriginKind, Settings

PROJECT_FILE = "agentkit.toml"

Read: TypeAlias = Callable[[Path], str | None]
"""The text of a file, or `None` when there is none."""


def load_settings(
    flags: Mapping[str, Any],
    environ: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    read: Read = read_text,
    *,
    in_code: bool = False,
) -> Settings:
    """The settings as they stand: defaults < user's file < project's file < environment < flags.

    Beside the user's file are the rules that were given at questions (`settings/kept.py`).

    The result depends on the arguments only; what is left out is taken from the process.

    Args:
        flags: By setting; `None` and empty lists count as not given.
        environ: Environment variables.
        cwd: The current folder.
        read: Reads a settings file.
        in_code: Whether they are arguments of a call, so that an error speaks of those.

    Raises:
        SettingsError: a source names an unknown setting, or a value that cannot be, or a file
            that cannot be read; or the project's file would widen what the person allows.
    """
    environ = os.environ if environ is None else environ
    cwd = Path.cwd() if cwd is None else cwd
    home, config = home_folder(environ), config_folder(environ)
    state = xdg_folder(environ, "XDG_STATE_HOME", ".local/state") / "agentkit"
    user_file = Origin(OriginKind.USER_FILE, str(config / "config.toml"))
    user = from_toml(read(config / "config.toml"), user_file, home)
    variables = from_environment(environ, cwd, home)
    given = from_flags(flags, cwd, home, in_code=in_code)

    # the folder says which project's file counts, so it is settled first and from the others
    fallback = defaults(
        workspace=cwd,
        journal=state / "journal.db",
        index=state / "index.db",
        memory_file=state / "memory.db",
        prompts=config / "prompts",
        skills=config / "skills",
    )
    standing = {**fallback, **user}
    workspace: Path = {**standing, **variables, **given}["workspace"].value
    project_file = Origin(OriginKind.PROJECT_FILE, str(workspace / PROJECT_FILE))
    project = narrowed(from_toml(read(workspace / PROJECT_FILE), project_file, home), standing)

    kept_file = Origin(OriginKind.KEPT, str(config / RULES_FILE))
    kept = from_rules(read(config / RULES_FILE), kept_file, workspace)

    sources = (fallback, user, kept, project, variables, given)
    return _settled(sources, environ.get("OPENAI_API_KEY", "").strip())


def _settled(sources: Sequence[Found], key: str) -> Settings:
    """The settings that the sources, the weakest first, come to."""
    values: dict[str, Any] = {}
    origins: dict[str, tuple[Origin, ...]] = {}
    rules: dict[str, Origin] = {}
    for name in FIELDS:
        found = [source[name] for source in sources if name in source]
        if name in LISTS:
            values[name] = tuple(dict.fromkeys(rule for one in found for rule in one.value))
            found = [one for one in found if one.value]
            if name not in SENTENCES:
                rules.update(
                    {f"{name} = {rule}": one.origin for one in reversed(found) for rule in one.value}
                )
        elif name == TABLE:
            values[name] = {entry: value for one in found for entry, value in one.value.items()}
            found = [one for one in found if one.value]
        else:
            values[name] = found[-1].value
            found = found[-1:]
        if named := tuple(one.origin for one in found if one.origin != DEFAULT):
            origins[name] = named
    if key:
        origins["api_key"] = (Origin(OriginKind.ENVIRONMENT, "OPENAI_API_KEY"),)
    return Settings(**values, api_key=Secret(key) if key else None, origins=origins, rule_origins=rules)
