"""Where results come from: the machine, the versions, and the code itself."""

import hashlib
import os
import platform
from collections.abc import Iterable
from pathlib import Path
from typing import Any

OURS = ("agentkit", "agentkit_tools", "agentkit_prompts", "agentkit_local_models")
VERSIONS = ("agentkit", "openai", "torch", "llguidance", "tokenizers")
"""Distributions that bear on what a run does."""


_DECIDES = (".py", ".md", ".safetensors")
_DECIDES_NOT = (("agentkit", "cli"), ("agentkit_local_models", "training"))


def machine() -> dict[str, Any]:
    """The processor, its cores and load, the memory and the system."""
    return {
        "processor": processor(),
        "cores": len(os.sched_getaffinity(0)),
        "load": round(os.getloadavg()[0], 1),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "system": platform.system() + " " + platform.release().split("-")[0],
        "python": platform.python_version(),
    }


def processor() -> str:
    """The processor's name, where the system tells it."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text(encoding="utf-8").splitlines() if cpuinfo.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def versions() -> dict[str, str]:
    """The installed versions of what bears on a run."""
    from importlib import metadata

    found: dict[str, str] = {}
    for name in VERSIONS:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def code_digest(prompts: Path) -> str:
    """A hash of what decides how a run goes: our packages, and the person's own prompts.

    The catalogue of embedded models holds the hashes of their weights, so those count as well, and so do
    the adapters. The command line does not: it only shows; nor does what trains.

    Args:
        prompts: The folder of the person's own prompts; it need not be there.
    """
    hashed = hashlib.sha256()
    for path in [*_sources(), *sorted(prompts.rglob("*.md"))]:
        hashed.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return hashed.hexdigest()[:12]


def weights(model: str) -> str:
    """What tells one state of a model that is named by a path from another: sizes and times of its files.

    Empty for one that is not. Reading the weights would take seconds.
    """
    _, paths = placed(model)
    if not paths:
        return ""
    files = [file for path in paths for file in ([path] if path.is_file() else sorted(path.iterdir()))]
    stats = [(file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in files]
    return hashlib.sha256(repr(stats).encode()).hexdigest()[:12]


def placed(model: str) -> tuple[str, tuple[Path, ...]]:
    """The model's name with whole paths, so that it is the same from another folder, and what lies there.

    A name of the catalogue stays as it is and is no path; of `NAME+FILE` and `PATH+FILE` the adapter is one.
    """
    from agentkit.models.embedded import MANNERS, parts_of
    from agentkit.models.local_options import with_whole_path, without_options

    provider, _, rest = model.partition(":")
    if provider not in ("local", "scripted"):
        return model, ()
    rest, asked = without_options(rest) if provider == "local" else (rest, "")
    parts = parts_of(rest) if provider == "local" else (rest, "")
    paths = {
        part: path.absolute()
        for part in parts
        if part and part not in MANNERS and (path := Path(part).expanduser()).exists()
    }
    whole = "+".join(str(paths.get(part, part)) for part in parts if part)
    return f"{provider}:{whole}{with_whole_path(asked)}", tuple(paths.values())


def _sources() -> Iterable[Path]:
    from importlib.util import find_spec

    for name in OURS:
        spec = find_spec(name)
        for folder in sorted(spec.submodule_search_locations or ()) if spec else ():
            for path in sorted(Path(folder).rglob("*")):
                part = path.relative_to(folder).parts[0]
                if path.suffix in _DECIDES and (name, part) not in _DECIDES_NOT:
                    yield path
