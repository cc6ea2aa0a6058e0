"""The adapters of an engine: which lie beside its weights, which one is in them, who answers with which."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Self

import torch

from agentkit_local_models.adapter_file import load_adapter
from agentkit_local_models.deltas import Deltas
from agentkit_local_models.errors import UnsupportedCheckpoint
from agentkit_local_models.holding import Holding
from agentkit_local_models.merging import Merge
from agentkit_local_models.model import Model
from agentkit_local_models.native.model import NativeModel
from agentkit_local_models.overlap import Device
from agentkit_local_models.prefix_folder import is_prefix_folder, load_prefix
from agentkit_local_models.split import SplitModel
from agentkit_local_models.tuned_prefix import TunedPrefix


class Adapting(Holding):
    """An engine's model with adapters by name, so that each answer of a step can have its own."""

    @property
    def adapters(self) -> tuple[str, ...]:
        """The names of the adapters that can be asked for, in the order in which they were loaded."""
        return self._variants.names

    def load_adapter(self, name: str, path: Path) -> None:
        """Load an adapter beside the weights, which stay as they are; other answers go on meanwhile.

        Args:
            name: to ask for it with.
            path: of a packed file, of a folder in PEFT's layout, or of one with a prefix of P-tuning v2.

        Raises:
            CheckpointError: it cannot be read, or does not fit the model.
            UnsupportedCheckpoint: it is a prefix, and a GPU computes, which has no kernel for one.
            ValueError: the name is taken, or the weights have an adapter in them already.
        """
        if self._joined:
            raise ValueError(
                f"the adapter {self._joined} is part of these weights; "
                "load the model without it, and then both"
            )
        if isinstance(self._model, Device) and is_prefix_folder(path):
            raise UnsupportedCheckpoint(
                f"{path} is a prefix of P-tuning v2, which no kernel on a GPU attends to; "
                "device='cpu' computes it, and LoRA adapters work on both"
            )
        arch, names = self.config, self.checkpoint.names
        # the native step has them in bfloat16, and prompts are to be computed with the same
        dtype = torch.bfloat16 if self.native else self.dtype
        if is_prefix_folder(path):
            found = load_prefix(path, arch, names, self.dtype)
        else:
            found = load_adapter(path, arch, names)
        if isinstance(self._model, SplitModel):
            self._variants.add(name, self._model.lay(found, dtype))
        elif isinstance(found, TunedPrefix):
            self._variants.add(name, found)
        else:
            device = self._model.device if isinstance(self._model, Device) else None
            self._variants.add(name, Deltas.of(found, arch, dtype, device))

    def unload_adapter(self, name: str) -> None:
        """Forget an adapter and what was computed with it.

        Raises:
            UnknownAdapter: none has this name.
            AdapterInUse: an answer that is not finished has it.
        """
        variant = self._variants.remove(name)
        with self._loop.alone() as scheduler:
            scheduler.forget(variant)

    def merge_adapter(self, name: str) -> None:
        """Put an adapter into the weights, where it costs nothing; only it can be asked for until it is out.

        Raises:
            UnknownAdapter: none has this name.
            UnsupportedCheckpoint: the weights are not floats, or split over processes.
            ValueError: it is a prefix.
            AdapterInUse: answers are written.
        """
        if not isinstance(self._model, Model | NativeModel):
            raise UnsupportedCheckpoint(
                "adapters are not merged into a split model, nor on a GPU; they work beside it"
            )
        with self._loop.alone():
            deltas = self._variants.merge(name)
            try:
                self._merges.append(Merge(self._model, deltas))
            except UnsupportedCheckpoint:
                self._variants.unmerge()
                raise

    def unmerge_adapter(self) -> None:
        """Give the weights the bits that they had before; nothing where no adapter is merged.

        Raises:
            AdapterInUse: answers are written.
        """
        with self._loop.alone():
            self._variants.unmerge()
            while self._merges:
                self._merges.pop().undo()

    def using(self, name: str) -> Self:
        """The same engine answering with an adapter; with an empty name, with none.

        Both share weights, pages and steps: what they are asked at the same time is computed together.

        Raises:
            UnknownAdapter: none of this name is loaded; also raised later by whatever is asked of it, if the
                adapter was unloaded meanwhile.
        """
        self._variants.find(name)
        other = copy.copy(self)
        other.adapter = name
        other.whole = self.whole or self  # a weak reference to that one is to hold as long as this one
        return other
