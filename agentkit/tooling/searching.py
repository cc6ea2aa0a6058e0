"""Who is asked when the web is searched: what a person chose, for the tools that do it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from agentkit.core.secret import Secret

KEYS = {"brave": "BRAVE_API_KEY", "tavily": "TAVILY_API_KEY", "serper": "SERPER_API_KEY"}
"""The variable of the environment in which a provider's key stands."""


@dataclass(frozen=True, slots=True)
class Searching:
    """The providers of a run, and what they need."""

    providers: tuple[str, ...] = ()
    """In the order in which they are asked: a name, and after a colon where it answers."""
    keys: Mapping[str, Secret] = field(default_factory=dict[str, Secret])
    """By provider."""
    kept: Path | None = None
    """The folder in which answers are kept for the day; none to keep none."""


def keys_of(environ: Mapping[str, str], providers: Sequence[str]) -> dict[str, Secret]:
    """The keys of these providers that are in the environment."""
    found = {name: environ.get(KEYS[name], "").strip() for name in providers if name in KEYS}
    return {name: Secret(key) for name, key in found.items() if key}


def kept_in(environ: Mapping[str, str]) -> Path:
    """The folder for answers that are kept: of the XDG specification, by which a relative one is ignored."""
    return _searches(environ.get("XDG_CACHE_HOME", ""), environ.get("HOME") or str(Path.home()))


@lru_cache(maxsize=4)
def _searches(cache: str, home: str) -> Path:
    folder = Path(cache) if Path(cache).is_absolute() else Path(home, ".cache")
    return folder / "agentkit" / "searches"
