"""What `agentkit doctor` looks at on this machine, and what would mend each thing."""

import os
import platform
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from agentkit.assembly import chosen_model, policy_of
from agentkit.cli.words import bytes_size
from agentkit.core.diagnosis import Diagnosis, State
from agentkit.core.errors import AgentkitError, JournalError, ModelError, UnknownModel
from agentkit.models.registry import provider_of
from agentkit.settings import Settings, load_settings
from agentkit.tooling.sandbox import Probe, describe

LEAST_FREE = 500_000_000
"""Bytes of disk below which a run may end for want of room."""
NEEDED = {"local": "local"}
"""The extra that a provider's models need."""


def diagnosed(
    flags: Mapping[str, Any], *, sandboxes: Callable[[], Probe] = describe, needs: Sequence[str] | None = None
) -> Iterator[Diagnosis]:
    """Each thing as it stands here, the settings first; without them there is nothing else to see.

    Args:
        flags: Of the command line.
        sandboxes: Tells which sandbox this machine can give.
        needs: The requirements of our extras; those of the installed distribution by default.
    """
    yield _python()
    try:
        settings = load_settings(flags)
    except AgentkitError as error:
        yield Diagnosis("settings", State.FAILS, str(error), "see agentkit config show --origin")
        return
    yield Diagnosis("settings", State.OK, f"{len(settings.origins)} set, the rest are defaults")
    provider, model = _model(settings)
    yield model
    yield from _embedded()
    yield from _extras(metadata.requires("agentkit") or () if needs is None else needs, provider)
    yield from _sandbox(sandboxes())
    yield _workspace(settings.workspace)
    yield _journal(settings.journal)
    yield from _disk(settings)
    yield _tools(settings)


def _python() -> Diagnosis:
    return Diagnosis(
        "python", State.OK, f"{platform.python_version()} on {platform.system()} ({sys.executable})"
    )


def _model(settings: Settings) -> tuple[str, Diagnosis]:
    """The provider of the model that a run would use, and whether it could be asked."""
    try:
        name = chosen_model(settings)
        provider, rest = provider_of(name)
    except UnknownModel as error:
        mend = "agentkit models fetch smollm2, or --model openai:NAME with --base-url"
        return "", Diagnosis("model", State.FAILS, str(error), mend)
    if provider == "openai" and settings.base_url is None and settings.api_key is None:
        found = f"{name} needs a key, and OPENAI_API_KEY is not set"
        return provider, Diagnosis("model", State.FAILS, found, "export OPENAI_API_KEY=…, or say --base-url")
    if provider == "local" and (missing := _not_ready(rest)):
        return provider, Diagnosis(
            "model", State.FAILS, f"{name}: {missing}", f"agentkit models fetch {rest}"
        )
    url = settings.base_url if provider == "openai" else None
    where = f" at {url}; agentkit doctor --endpoint {url} asks it what it can do" if url else ""
    return provider, Diagnosis("model", State.OK, f"{name}{where}")


def _not_ready(rest: str) -> str:
    """Why a local model's weights cannot be loaded; empty when they can."""
    from agentkit.models.embedded import MANNERS, catalogue, parts_of
    from agentkit.models.local_options import without_options

    base, _ = parts_of(without_options(rest)[0])
    manner = MANNERS.get(base)
    if manner is None:
        return "" if Path(base).expanduser().exists() else "no embedded model and no file goes by that name"
    wanted = manner.weights or base
    return next(
        (f"its weights are {e.state}" for e in catalogue() if e.name == wanted and e.state != "ready"), ""
    )


def _embedded() -> Iterator[Diagnosis]:
    from agentkit.models.embedded import catalogue, native_step

    for entry in catalogue():
        ready = entry.state == "ready"
        found = f"{entry.state}, {bytes_size(entry.size)}"
        mend = "" if ready else f"agentkit models fetch {entry.name}"
        yield Diagnosis(f"local:{entry.name}", State.OK if ready else State.LACKS, found, mend)
    try:
        yield Diagnosis("native step", State.OK, native_step(), "")
    except ModelError as error:
        yield Diagnosis("native step", State.LACKS, str(error), "")


def _extras(needs: Sequence[str], provider: str) -> Iterator[Diagnosis]:
    """Each optional part of the installation, and which of its packages are not here."""
    extras: dict[str, list[str]] = {}
    for need in needs:
        if found := re.fullmatch(r"([A-Za-z0-9_.-]+)[^;]*;\s*extra == ['\"]([\w-]+)['\"]", need):
            extras.setdefault(found[2], []).append(found[1])
    for extra, packages in extras.items():
        missing = [name for name in packages if not _is_installed(name)]
        if not missing:
            yield Diagnosis(f"extra {extra}", State.OK, "installed")
            continue
        state = State.FAILS if NEEDED.get(provider) == extra else State.LACKS
        yield Diagnosis(
            f"extra {extra}", state, f"not here: {', '.join(missing)}", f"pip install 'agentkit[{extra}]'"
        )


def _is_installed(distribution: str) -> bool:
    try:
        metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return False
    return True


def _sandbox(found: Probe) -> Iterator[Diagnosis]:
    if found.chosen is None:
        tried = "; ".join(f"{each.name}: {each.detail}" for each in found.tried)
        yield Diagnosis(
            "sandbox", State.FAILS, f"nothing here can confine model-written code ({tried})", found.remedy
        )
        return
    chosen = next(each for each in found.tried if each.works)
    yield Diagnosis("sandbox", State.OK, f"{chosen.name}: {chosen.detail}")
    for hole in found.chosen.leaves_open:
        yield Diagnosis("sandbox", State.LACKS, hole, found.remedy)
    for each in found.tried:
        if not each.works:
            yield Diagnosis("sandbox", State.LACKS, f"{each.name} does not work: {each.detail}", found.remedy)


def _workspace(folder: Path) -> Diagnosis:
    from agentkit.tooling.sandbox.environment import checked_workspace
    from agentkit.tooling.workspace import Workspace

    try:
        with Workspace.open(folder) as workspace:
            root = checked_workspace(workspace.root)
    except AgentkitError as error:
        return Diagnosis("workspace", State.FAILS, str(error), "name another folder with --workspace")
    if (wrong := _unwritable(root)) is not None:
        return Diagnosis(
            "workspace", State.LACKS, f"{root} can only be read: {wrong}", "chmod u+w, or --workspace"
        )
    return Diagnosis("workspace", State.OK, str(root))


def _journal(path: Path) -> Diagnosis:
    from agentkit.journal.store import Journal

    place = path.parent
    while not place.exists() and place != place.parent:
        place = place.parent
    wrong = _unwritable(place)
    if wrong is None and path.exists():
        try:
            with Journal.open(path) as journal:
                runs = journal.runs()
                damaged = [run.run_id for run in runs if run.damaged]
                found = f"{path}: {len(runs)} runs, {bytes_size(journal.size())}"
        except JournalError as error:
            return Diagnosis("journal", State.FAILS, str(error), "name another file with --journal")
        if damaged:
            found = f"{path}: damaged runs: {', '.join(damaged[:4])}"
            return Diagnosis("journal", State.LACKS, found, f"agentkit runs rm {damaged[0]}")
        return Diagnosis("journal", State.OK, found)
    if wrong is not None:
        found = f"{place} cannot be written: {wrong}"
        return Diagnosis("journal", State.FAILS, found, "name another file with --journal")
    return Diagnosis("journal", State.OK, f"{path}: made by the first run")


def _unwritable(folder: Path) -> str | None:
    """Why nothing can be written in the folder, found by writing; `None` when it can."""
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"x")
            file.flush()
    except OSError as error:
        return error.strerror or str(error)
    return None


def _disk(settings: Settings) -> Iterator[Diagnosis]:
    for about, path in (("journal", settings.journal.parent), ("workspace", settings.workspace)):
        place = next((one for one in (path, *path.parents) if one.exists()), Path(os.sep))
        free = shutil.disk_usage(place).free
        enough = free >= LEAST_FREE
        mend = "" if enough else "make room: agentkit runs rm --older-than 30d"
        found = f"{bytes_size(free)} free for the {about}"
        yield Diagnosis("disk", State.OK if enough else State.FAILS, found, mend)


def _tools(settings: Settings) -> Diagnosis:
    from agentkit.tooling.discovery import installed_tools

    try:
        tools = installed_tools()
        policy_of(settings)
    except AgentkitError as error:
        return Diagnosis("tools", State.FAILS, str(error), "mend or uninstall the package it comes from")
    return Diagnosis("tools", State.OK, f"{len(tools)} installed; agentkit tools lists them")
