"""Build the C++ of this folder with the system's compiler, once for each machine and version of it.

What is built lies in the user's cache under a hash of everything it was made from, so that another source,
compiler or processor never meets an old library.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Collection, Mapping
from importlib import resources
from pathlib import Path
from typing import Final

from agentkit_local_models.catalogue import models_dir
from agentkit_local_models.errors import LocalModelError

_SOURCE: Final = "step.cpp"
_FLAGS: Final = (
    *("-std=c++20", "-O3", "-fPIC", "-shared", "-pthread", "-fno-math-errno", "-fno-trapping-math"),
    "-ffp-contract=fast",  # a product and a sum are one rounding; sums keep their order
    *("-w", "-Wno-psabi"),  # no warnings: the first lines that a failing compiler writes are quoted
)
# What each variant needs of the processor, the fastest first, and what the compiler is told.
VARIANTS: Final[Mapping[str, tuple[frozenset[str], tuple[str, ...]]]] = {
    "avx512": (
        frozenset(
            {"avx512f", "avx512bw", "avx512vl", "avx512dq", "avx512_vnni", "avx512_bf16", "fma", "f16c"}
        ),
        tuple(
            f"-m{name}"
            for name in (
                "avx512f",
                "avx512bw",
                "avx512vl",
                "avx512dq",
                "avx512vnni",
                "avx512bf16",
                "fma",
                "f16c",
            )
        ),
    ),
    "avx2": (frozenset({"avx2", "fma", "f16c"}), ("-mavx2", "-mfma", "-mf16c")),
    "plain": (frozenset(), ()),
}
_COMPILERS: Final = ("c++", "g++", "clang++")
_PATIENCE: Final = 300.0


class NotBuilt(LocalModelError):
    """There is no native step here; the message says why, and what would bring it."""


def variant_of(flags: Collection[str]) -> str:
    """The fastest variant that a processor with these flags can run."""
    return next(name for name, (needed, _) in VARIANTS.items() if needed <= set(flags))


def processor_flags() -> frozenset[str]:
    """What the processor says it can do, as Linux tells it; nothing where it does not."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    except OSError:
        return frozenset()
    line = next((line for line in text.splitlines() if line.startswith("flags")), "")
    return frozenset(line.partition(":")[2].split())


def built_library(
    cache: Path,
    variant: str | None = None,
    *,
    find: Callable[[str], str | None] = shutil.which,
    environ: Mapping[str, str] = os.environ,
) -> Path:
    """The built library, built now if it is not there.

    Args:
        cache: the folder of built libraries.
        variant: one of `VARIANTS`; None is the fastest that this processor can run.
        find: where a program is.
        environ: its `CXX` names the compiler to take.

    Raises:
        NotBuilt: no compiler, or it failed; or a processor for which nothing is written.
    """
    command, sources, built = _plan(cache, variant, find, environ)
    if not built.is_file():
        _build(command, sources, built)
    return built


def built_dir() -> Path:
    """Where built libraries lie: beside the models, which they are of no use without."""
    return models_dir() / "native"


def readiness(cache: Path) -> str:
    """What of the native step is there, for people; nothing is built.

    Raises:
        NotBuilt: there will be none; the message says why.
    """
    command, _, built = _plan(cache, None, shutil.which, os.environ)
    variant = built.name.split("-")[1]
    return f"{variant}, {'built' if built.is_file() else f'built at first use with {command[0]}'}"


def _plan(
    cache: Path, variant: str | None, find: Callable[[str], str | None], environ: Mapping[str, str]
) -> tuple[tuple[str, ...], dict[str, bytes], Path]:
    """The compiler's command but for files, the sources by name, and where the library will be."""
    if platform.machine().lower() not in ("x86_64", "amd64"):
        raise NotBuilt(f"the native step is written for x86-64, and this is {platform.machine()}")
    compiler = _compiler(find, environ)
    chosen = variant or variant_of(processor_flags())
    command = (compiler, *_FLAGS, *VARIANTS[chosen][1])
    folder = resources.files("agentkit_local_models.native")
    sources = {
        item.name: item.read_bytes()
        for item in sorted(folder.iterdir(), key=lambda item: item.name)
        if item.name.endswith((".cpp", ".h"))
    }
    return command, sources, cache / f"step-{chosen}-{_digest(sources, command)}.so"


def _compiler(find: Callable[[str], str | None], environ: Mapping[str, str]) -> str:
    wanted = (environ["CXX"],) if environ.get("CXX") else _COMPILERS
    for name in wanted:
        if (path := find(name)) is not None:
            return path
    raise NotBuilt(
        f"no C++ compiler was found ({', '.join(wanted)}); with one, models answer several times faster "
        "(on Debian and Ubuntu: apt install g++)"
    )


def _digest(sources: Mapping[str, bytes], command: tuple[str, ...]) -> str:
    digest = hashlib.sha256()
    for part in (*command, _version(command[0])):
        digest.update(part.encode() + b"\0")
    for name, text in sources.items():
        digest.update(name.encode() + b"\0" + text + b"\0")
    return digest.hexdigest()[:16]


def _version(compiler: str) -> str:
    said = subprocess.run([compiler, "--version"], capture_output=True, text=True, check=False)
    return said.stdout


def _build(command: tuple[str, ...], sources: Mapping[str, bytes], to: Path) -> None:
    """Compile beside the place and move it there: who else builds at the same time does no harm."""
    try:
        to.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="build-", dir=to.parent) as name:
            folder = Path(name)
            for file, text in sources.items():
                (folder / file).write_bytes(text)
            made = folder / to.name
            said = subprocess.run(
                [*command, str(folder / _SOURCE), "-o", str(made)],
                capture_output=True,
                text=True,
                timeout=_PATIENCE,
                check=False,
            )
            if said.returncode:
                lines = said.stderr.replace(f"{folder}/", "").strip().splitlines()
                raise NotBuilt(f"{command[0]} could not build the native step: {' '.join(lines[:3])}")
            made.replace(to)
    except subprocess.TimeoutExpired as error:
        raise NotBuilt(f"{command[0]} did not build the native step within {_PATIENCE:.0f} s") from error
    except OSError as error:
        raise NotBuilt(f"the native step cannot be built in {to.parent}: {error}") from error
