"""The families of models that hub folders are read of, each as data."""

from __future__ import annotations

from pathlib import Path

from agentkit_local_models.arch import Arch
from agentkit_local_models.errors import CheckpointError, UnsupportedCheckpoint, at_path
from agentkit_local_models.families import alibi, baichuan, gemma, glm, llama
from agentkit_local_models.families.family import Family, Names
from agentkit_local_models.hub_settings import Settings

FAMILIES: dict[str, Family] = {
    **llama.FAMILIES,
    **gemma.FAMILIES,
    **baichuan.FAMILIES,
    **alibi.FAMILIES,
    **glm.FAMILIES,
}


_GGUF_CLASSES = {
    "chatglm": "ChatGLMModel",
    "phi3": "Phi3ForCausalLM",
    "qwen3": "Qwen3ForCausalLM",
    "gemma2": "Gemma2ForCausalLM",
    "gemma3": "Gemma3ForCausalLM",
}
"""Of the architectures of GGUF files, those whose hub folders fuse weights, or have others than LLaMA's."""


def hub_names(arch: Arch) -> Names:
    """The names that the weights of a GGUF file's model have in hub folders, which adapters name them by."""
    return FAMILIES[_GGUF_CLASSES.get(arch.family, "LlamaForCausalLM")].names(arch)


def read_family(path: Path) -> tuple[Arch, Names]:
    """The arch and the weights' names that a `config.json` tells of.

    Raises:
        CheckpointError: the file is missing or not JSON, or a key is missing or out of range.
        UnsupportedCheckpoint: another architecture, or a setting that is not built.
    """
    settings = Settings.read(path)
    found = settings.architectures()
    family = next((FAMILIES[name] for name in found if name in FAMILIES), None)
    if family is None:
        raise UnsupportedCheckpoint(
            f"{path}: the architectures {settings.values.get('architectures')!r} are not built; "
            f"{', '.join(FAMILIES)} are"
        )
    try:
        arch = family.arch(settings)
    except CheckpointError as error:
        raise at_path(path, error) from error
    return arch, family.names(arch)
