"""A checkpoint's weights into a model that computes with them as fast as this machine can."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from agentkit_local_models.adapter_file import load_packed
from agentkit_local_models.checkpoint import Checkpoint
from agentkit_local_models.model import Model
from agentkit_local_models.native.build import NotBuilt
from agentkit_local_models.native.library import Workers
from agentkit_local_models.native.model import NativeModel
from agentkit_local_models.native.workers import workers
from agentkit_local_models.precision import Form


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model in memory.

    Attributes:
        model: computes.
        native: which variant of the native step its small steps are; empty where they are torch's.
        why_not: why they are torch's; empty where nothing was in the way.
    """

    model: Model | NativeModel
    native: str
    why_not: str


def load_model(
    checkpoint: Checkpoint,
    form: Form | None,
    dtype: torch.dtype,
    adapter: Path | None,
    *,
    native: bool,
    threads: int | None,
) -> Loaded:
    """Load it.

    Args:
        checkpoint: is open.
        form: of the matrices; None is what is read fastest: the blocks of a file as they lie, where the
            native step reads them and no adapter changes them, else floats.
        dtype: to compute in.
        adapter: a packed adapter's file, which is joined into the weights.
        native: whether small steps may be the native step's.
        threads: of the native step; None is as many as torch has.

    Raises:
        CheckpointError: the weights do not fit, or the adapter is of another model.
    """
    why_not = "" if native else "it was not wanted"
    here: Workers | None = None
    if native:
        try:
            here = workers(threads)
        except NotBuilt as error:
            why_not = str(error)
    if here is not None and form is None and adapter is None and checkpoint.path.is_file():
        try:
            return _native(Model.from_checkpoint(checkpoint, dtype, "file"), here)
        except NotBuilt as error:
            why_not = str(error)  # of blocks that it does not read; floats it may
    form = form or "float"
    if adapter is None:
        model = Model.from_checkpoint(checkpoint, dtype, form)
    else:
        adapted = load_packed(adapter, checkpoint.config)[0]
        model = Model(checkpoint.config, adapted.joined_weights(checkpoint.load_weights(dtype)), dtype, form)
    if here is not None:
        try:
            return _native(model, here)
        except NotBuilt as error:
            why_not = str(error)
    return Loaded(model, "", why_not)


def _native(model: Model, here: Workers) -> Loaded:
    return Loaded(NativeModel(model, here), here.library.isa, "")
