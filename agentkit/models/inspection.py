"""`agentkit models inspect`: what a checkpoint on the disk is, and what it takes."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from agentkit.core.errors import ModelError, UsageError
from agentkit.models.embedded import MANNERS, parts_of
from agentkit.models.local_options import without_options

if TYPE_CHECKING:
    from agentkit_local_models.arch import Arch


@dataclass(frozen=True)
class Inspection:
    """A checkpoint that can be loaded.

    Attributes:
        path: of the file or folder.
        family: of the model.
        shape: what it computes, as names and values, in reading order.
        parameters: how many numbers its weights have.
        disk: the bytes of its files.
        text: its tokenizer, chat template and ends of answers.
        contexts: the context sizes that memory is told for.
        memory: for each precision the bytes with each of these.
    """

    path: Path
    family: str
    shape: Mapping[str, str]
    parameters: int
    disk: int
    text: Mapping[str, str]
    contexts: tuple[int, ...]
    memory: Mapping[str, tuple[int, ...]]


def inspect(name: str) -> Inspection:
    """Open a checkpoint without loading its weights: an entry of the catalogue, or a path.

    Raises:
        UsageError: there is no such thing, or the engine's libraries are not here.
        ModelError: it cannot be loaded; the message says what is missing, wrong or not built.
    """
    try:
        from agentkit_local_models import sizes
        from agentkit_local_models.checkpoint import Checkpoint
        from agentkit_local_models.errors import LocalModelError
        from agentkit_local_models.int4_folder import read_manifest
    except ModuleNotFoundError as error:
        raise UsageError(f"models are read with {error.name}; run: pip install 'agentkit[local]'") from error
    path = path_named(name)
    try:
        with Checkpoint.open(path) as checkpoint:
            arch, tokenizer = checkpoint.config, checkpoint.tokenizer
            stops = (tokenizer.decode([token], skip_special=False) for token in sorted(checkpoint.stop_ids))
            added = len(tokenizer.added_tokens)
            text = {
                "tokens": f"{tokenizer.vocabulary_size:,}, {added:,} of them special or added",
                "chat template": "none: it cannot be spoken to in turns"
                if checkpoint.chat_template is None
                else "yes",
                "ends of answers": ", ".join(stops),
            }
            if checkpoint.kept == "int4":
                made = read_manifest(path)
                text["weights"] = f"int4, made of {made.source} by {made.tokens:,} tokens of {made.text}"
    except LocalModelError as error:
        raise ModelError(str(error)) from error
    contexts = tuple(sorted({min(size, arch.context) for size in (2_048, 8_192, 32_768, arch.context)}))
    return Inspection(
        path,
        arch.family,
        _shape(arch),
        sizes.parameters(arch),
        _bytes_on_disk(path),
        text,
        contexts,
        {kind: tuple(sizes.memory(arch, kind, size).model for size in contexts) for kind in sizes.PRECISIONS},
    )


def path_named(name: str) -> Path:
    """Where the checkpoint lies that a name of the catalogue or a path says.

    Raises:
        UsageError: there is no such thing, or its weights are not here.
    """
    from agentkit_local_models.catalogue import find, path_of, state_of

    wanted = parts_of(without_options(name.removeprefix("local:"))[0])[0]
    if (manner := MANNERS.get(wanted)) is not None:
        entry = find(manner.weights or wanted)
        if not state_of(entry).is_ready:
            raise UsageError(f"the weights of {wanted} are not here; run: agentkit models fetch {entry.name}")
        path = path_of(entry)
    else:
        path = Path(wanted).expanduser()
        if not path.exists():
            raise UsageError(
                f"there is no {path}; name a .gguf file, a folder, or one of {', '.join(MANNERS)}"
            )
    return path


def _shape(arch: "Arch") -> dict[str, str]:
    """What a decoder computes, said in the field's words."""
    heads = f"{arch.heads} of {arch.head_width}"
    if arch.kv_heads == arch.heads:
        shared = "each with its own keys (MHA)"
    elif arch.kv_heads == 1:
        shared = "one key head for all (MQA)"
    else:
        shared = f"{arch.kv_heads} key heads (GQA)"
    places = {
        "rope": f"RoPE, base {arch.rope_base:g}",
        "rope-2d": "RoPE in two dimensions",
        "alibi": "ALiBi",
    }[arch.position]
    if arch.rotated != arch.head_width and arch.position == "rope":
        places += f", {arch.rotated} of {arch.head_width} numbers of a head"
    if arch.rope_scaling is not None:
        scaling = arch.rope_scaling
        kind = "longrope" if scaling.kind == "factors" else f"{scaling.kind}, factor {scaling.factor:g}"
        places += f", scaled ({kind})"
    sees = "the prompt both ways, the answer what is before" if arch.prefix else "what is before"
    if arch.window:
        windowed = sum(1 for layer in range(arch.layers) if arch.window_of(layer))
        sees += f", {arch.window:,} tokens of it in {windowed} of {arch.layers} layers"
    gate = {"silu": "SwiGLU", "gelu": "GeGLU", "gelu-tanh": "GeGLU"}[arch.activation]
    return {
        "layers": f"{arch.layers}, {arch.width:,} wide",
        "heads": f"{heads}, {shared}",
        "feed-forward": f"{arch.feed_forward_width:,} wide, {gate if arch.gated else 'GELU'}",
        "vocabulary": f"{arch.vocabulary_size:,}{', the head is the embedding' if arch.tied_head else ''}",
        "places": places,
        "a token sees": sees,
        "context": f"{arch.context:,} tokens",
    }


def _bytes_on_disk(path: Path) -> int:
    files = path.iterdir() if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())
