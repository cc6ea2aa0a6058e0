"""A checkpoint's weights into a model that computes with them as fast as this machine can."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from agentkit_local_models.adapter_file import load_adapter
from agentkit_local_models.checkpoint import Checkpoint
from agentkit_local_models.compiling import Compiler, by_cpp
from agentkit_local_models.gpu.backends import EngineBackend
from agentkit_local_models.gpu.over_pages import PagedAttention, Step, attend_by, step_by
from agentkit_local_models.lora import Adapter
from agentkit_local_models.model import Model
from agentkit_local_models.native.build import NotBuilt
from agentkit_local_models.native.library import Workers
from agentkit_local_models.native.model import NativeModel
from agentkit_local_models.native.workers import workers
from agentkit_local_models.overlap import Device
from agentkit_local_models.precision import CacheForm, Form


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model in memory.

    Attributes:
        model: computes.
        native: which variant of the native step its small steps are; empty where they are torch's.
        why_not: why they are torch's; empty where nothing was in the way.
    """

    model: Model | NativeModel | Device
    native: str
    why_not: str


@dataclass(frozen=True, slots=True)
class _How:
    """What a model is loaded with in any form: as `Model` takes it."""

    dtype: torch.dtype
    attention: Step | None = None
    cache: CacheForm = "float"


def load_model(
    checkpoint: Checkpoint,
    form: Form | None,
    dtype: torch.dtype,
    adapter: Path | None,
    *,
    native: bool,
    threads: int | None,
    device: torch.device,
    attention: EngineBackend = "auto",
    compiled: bool = False,
    cache: CacheForm = "float",
) -> Loaded:
    """Load it.

    Args:
        checkpoint: is open.
        form: of the matrices; None is what is read fastest: the numbers of a folder that has few bits, the
            blocks of a file as they lie, where the native step reads them, else floats.
        dtype: to compute in.
        adapter: its file, or its folder in PEFT's layout; it is joined into floats, and works beside the
            blocks of a file.
        native: whether small steps may be the native step's.
        threads: of the native step; None is as many as torch has.
        device: that computes; on a GPU it is our kernels that do.
        attention: what computes that of steps which are not the native step's.
        compiled: whether what those compute between attentions is compiled by torch. Matrices are floats then
            where nothing else is asked for.
        cache: what keys and values are kept as.

    Raises:
        NoTriton: attention is to be Triton's, which cannot run here.
        NoBackend: it is to be another library's, which is not here.
        CheckpointError: the weights do not fit, or the adapter is of another model.
        UnsupportedCheckpoint: a GPU is wanted, and no kernel computes something of the model.
        LocalModelError: a GPU is wanted, and it or Triton is not there; or torch has nothing to compile with.
        ValueError: what is compiled is to be on a GPU, or to have matrices that are not floats; or pages that
            are not floats are to be read by what cannot; or a GPU is to round what it multiplies by.
    """
    if compiled and form is None:
        form = "float"
    if form is None and checkpoint.kept == "int4":
        form = "int4"
    if device.type != "cpu":
        if cache != "float":
            raise ValueError(f"{device} keeps keys and values as floats; cache={cache} is for device=cpu")
        if form == "w8a8":
            raise ValueError(f"{device} multiplies by floats; precision=w8a8 is for device=cpu")
        if compiled:
            raise ValueError(f"{device} computes with kernels of our own; compile=yes is for device=cpu")
        deltas = None if adapter is None else load_adapter(adapter, checkpoint.config, checkpoint.names)
        attend = attend_by(attention, device)
        return _on_gpu(_model(checkpoint, form or "float", deltas, _How(dtype)), checkpoint, device, attend)
    compiler = by_cpp() if compiled else None
    step = step_by(attention, device)
    how = _How(dtype, step, cache)
    why_not = "" if native else "it was not wanted"
    if native and form == "w8a8":
        native, why_not = False, "it gives what it multiplies by more than the 8 bits of w8a8"
    here: Workers | None = None
    if native:
        try:
            here = workers(threads)
        except NotBuilt as error:
            why_not = str(error)
    deltas = None if adapter is None else load_adapter(adapter, checkpoint.config, checkpoint.names)
    if here is not None and form is None and checkpoint.kept == "file":
        try:
            return _native(_model(checkpoint, "file", deltas, how), here)
        except NotBuilt as error:
            why_not = str(error)  # of blocks that it does not read; floats it may
    model = _model(checkpoint, form or "float", deltas, how, compiler)
    if here is not None:
        try:
            return _native(model, here)
        except NotBuilt as error:
            why_not = str(error)
    return Loaded(model, "", why_not)


def _on_gpu(
    model: Model, checkpoint: Checkpoint, device: torch.device, attend: PagedAttention | None
) -> Loaded:
    from agentkit_local_models.gpu.model import GpuModel

    vocabulary_size = checkpoint.tokenizer.vocabulary_size
    computing = GpuModel(model, device, vocabulary_size=vocabulary_size, attention=attend)
    return Loaded(computing, "", f"{device} computes it")


def _native(model: Model, here: Workers) -> Loaded:
    return Loaded(NativeModel(model, here), here.library.isa, "")


def _model(
    checkpoint: Checkpoint,
    form: Form,
    deltas: Adapter | None,
    how: _How,
    compiler: Compiler | None = None,
) -> Model:
    dtype, attention, cache = how.dtype, how.attention, how.cache
    if deltas is None:
        return Model.from_checkpoint(
            checkpoint, dtype, form, attention=attention, compiler=compiler, cache=cache
        )
    if form == checkpoint.kept == "int4":
        form = "file"  # few bits that lie there are not rounded anew with a delta in them
    if form == "file":
        weights = deltas.laid_beside(checkpoint.load_stored(dtype))
    else:
        weights = deltas.joined_weights(checkpoint.load_weights(dtype))
    return Model(checkpoint.config, weights, dtype, form, attention=attention, compiler=compiler, cache=cache)
