"""A loaded model that answers many prompts at once.

Answers of all callers are computed together (`scheduler`, `loop`). What was computed for one is kept as a
tree of prefixes (`radix`): an agent's next prompt mostly begins with its last and the answer, so only what
is new is computed. Texts that a grammar leaves no choice about are computed as one chunk, without asking
the model token by token (`answer`). Adapters lie beside the weights by name, so that each answer of a step
can have its own (`using`).
"""

from __future__ import annotations

from agentkit_local_models.first_import import torch

# isort: split
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from agentkit_local_models.answering import Answering
from agentkit_local_models.checkpoint import Checkpoint
from agentkit_local_models.draft_model import load_draft
from agentkit_local_models.gpu.backends import EngineBackend
from agentkit_local_models.loading import load_model
from agentkit_local_models.placing import device_of
from agentkit_local_models.precision import CacheForm, Precision, WeightPrecision, weights_and_dtype
from agentkit_local_models.session import Session


class Engine(Answering):
    """A model in memory, with what it computed last; safe to share between threads."""

    @classmethod
    def load(
        cls,
        path: Path,
        *,
        dtype: Literal["auto"] | Precision = "auto",
        precision: WeightPrecision = "auto",
        threads: int | None = None,
        adapter: Path | None = None,
        cache_tokens: int | None = None,
        batch_invariant: bool = False,
        native: bool = True,
        drafts: bool | None = None,
        device: str = "cpu",
        attention: EngineBackend = "auto",
        compiled: bool = False,
        cache: CacheForm = "float",
        draft: Path | None = None,
    ) -> Engine:
        """Load a GGUF file or a hub folder.

        Args:
            path: of the file or folder.
            dtype: to compute in; bfloat16 takes half the memory. "auto" is bfloat16 where the processor
                multiplies it itself, else float32, which is then several times faster.
            precision: of the weights: floats, computed with as they are; "int8" or "int4", quantised
                while they are read; "w8a8", int8 for which what it is multiplied by is rounded to 8 bits too,
                by torch; "file", the blocks of a GGUF file with the bits they have in it. "auto"
                is `dtype`; where that is "auto" too and the native step is there, "file" for such a file.
            threads: of the computation, for the whole process; None is torch's choice.
            adapter: its file, or its folder in PEFT's layout, for all answers; it is joined into floats and
                works beside blocks of a file. `load_adapter` is for several.
            cache_tokens: how many tokens' keys and values are kept at most; memory is taken as they come.
                None is 1 GiB, and one context at least.
            batch_invariant: whether logits have the same bits whatever is computed beside them. A
                prompt is then computed no faster than an answer (see `invariant`).
            native: whether a few tokens at a time are computed by the step in C++ (see `native`), where it
                can be built and knows the model; `native` and `why_not_native` of the engine say whether.
            drafts: whether what comes next is guessed from what stands in the prompt and the answer, and
                checked by the model some tokens at once. Answers are the same, sooner. None is where the
                native step computes, by which a token's logits have the same bits beside others.
            device: that computes: "cpu", or "cuda" and "cuda:1", by kernels of our own in Triton (see `gpu`).
                There weights are floats, int8 or int4, and the cache takes most of the memory that is left
                where nothing else is asked for.
            attention: what computes the attention of steps that are not the native step's. On a processor
                "torch" ("auto"), or "triton" in its interpreter; on a GPU "triton" ("auto"), or "flashinfer"
                where it is installed, and then no step is captured.
            compiled: whether `torch.compile` joins what torch computes between two attentions: of prompts,
                and of every token where there is no native step. Weights are floats where nothing else is
                asked for, and the first prompts wait for the compiler.
            cache: what keys and values are kept as: floats of `dtype`, or "int8", which takes half the memory
                of bfloat16.
            draft: a small model with the same tokens, which guesses what comes next where nothing in the
                prompt tells; `draft.tried` and `draft.accepted` of the engine count.

        Raises:
            NoTriton: attention is to be Triton's, which cannot run here.
            NoBackend: it is to be another library's, which is not here.
            CheckpointError: a file is missing or damaged, the adapter is of another model, or the draft model
                has other tokens.
            UnsupportedCheckpoint: a model of a kind that is not built.
            ValueError: two float formats at once; a cache that does not hold one context; no such device; on
                a GPU, `compiled`, w8a8, a cache of int8 or a draft model; `compiled` with weights that are
                not floats; a draft model without drafts.
            LocalModelError: a GPU is asked for, and it or Triton is not there; or torch has nothing to
                compile with.
        """
        if draft is not None and drafts is False:
            raise ValueError("drafts=False and a draft model do not go together; leave one of them out")
        place = device_of(device)
        if draft is not None and place.type != "cpu":
            raise ValueError(f"a draft model guesses on the processor, not on {device}; device='cpu' works")
        form, kind = weights_and_dtype(precision, dtype, device)
        if threads is not None:
            torch.set_num_threads(threads)
        wanted = None if precision == "auto" and dtype == "auto" else form
        with Checkpoint.open(path) as checkpoint:
            loaded = load_model(
                checkpoint,
                wanted,
                kind,
                adapter,
                native=native,
                threads=threads,
                device=place,
                attention=attention,
                compiled=compiled,
                cache=cache,
            )
            guesses = None
            if draft is not None:
                guesses = load_draft(draft, checkpoint, kind, native=native, threads=threads)
            return cls(
                checkpoint,
                loaded.model,
                draft=guesses,
                native=loaded.native,
                why_not_native=loaded.why_not,
                adapter="" if adapter is None else str(adapter),
                cache_tokens=cache_tokens,
                batch_invariant=batch_invariant,
                drafts=drafts,
            )

    def session(self, ids: Sequence[int] = ()) -> Session:
        """A conversation that begins with `ids`; nothing is computed yet."""
        return Session(self, ids)
