"""A loaded model that answers many prompts at once.

Answers of all callers are computed together (`scheduler`, `loop`). What was computed for one is kept as a
tree of prefixes (`radix`): an agent's next prompt mostly begins with its last and the answer, so only what
is new is computed. Texts that a grammar leaves no choice about are computed as one chunk, without asking
the model token by token (`answer`). Adapters lie beside the weights by name, so that each answer of a step
can have its own (`using`).
"""

from __future__ import annotations

import copy
import dataclasses
import functools
import math
import time
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import Literal, Protocol

import torch
from torch import Tensor

from agentkit_local_models.adapter_file import load_adapter
from agentkit_local_models.answer import Answer, Completion, Piece
from agentkit_local_models.beam import Beam, BeamSearch
from agentkit_local_models.checkpoint import Checkpoint
from agentkit_local_models.deltas import Deltas
from agentkit_local_models.drafts import Drafter, PromptLookup
from agentkit_local_models.errors import PromptTooLong, UnsupportedCheckpoint
from agentkit_local_models.gpu.backends import EngineBackend
from agentkit_local_models.grammar import GrammarCompiler
from agentkit_local_models.invariant import OneByOne
from agentkit_local_models.loading import load_model
from agentkit_local_models.loop import Loop
from agentkit_local_models.merging import Merge
from agentkit_local_models.model import Model
from agentkit_local_models.native.model import NativeModel
from agentkit_local_models.occupancy import Occupancy
from agentkit_local_models.overlap import Device
from agentkit_local_models.pages import PagedCache
from agentkit_local_models.placing import device_of, pool_of, scheduler_of
from agentkit_local_models.precision import Precision, WeightPrecision, weights_and_dtype
from agentkit_local_models.prefix_folder import is_prefix_folder, load_prefix
from agentkit_local_models.prompt import Prompt
from agentkit_local_models.request import Prefill, Request
from agentkit_local_models.sampling import Sampling
from agentkit_local_models.scheduler import Runs
from agentkit_local_models.session import Session
from agentkit_local_models.split import SplitModel
from agentkit_local_models.tokenizer import Tokenizer
from agentkit_local_models.tuned_prefix import TunedPrefix
from agentkit_local_models.variants import Variant, Variants


class Computes(Runs, Protocol):
    """A model as an engine needs it: `Model`, or what stands for one."""

    @property
    def dtype(self) -> torch.dtype:
        """Of keys and values."""
        ...

    def new_cache(self) -> PagedCache:
        """An empty cache for one sequence, with a pool of its own."""
        ...

    def logits(self, tokens: Sequence[int], cache: PagedCache, *, every: bool = False) -> Tensor:
        """See `Model.logits`."""
        ...


def _never() -> bool:
    return False


class Engine:
    """A model in memory, with what it computed last; safe to share between threads."""

    def __init__(
        self,
        checkpoint: Checkpoint,
        model: Computes,
        *,
        native: str = "",
        why_not_native: str = "",
        adapter: str = "",
        cache_tokens: int | None = None,
        batch_invariant: bool = False,
        drafts: bool | None = None,
    ) -> None:
        """Prefer `Engine.load`.

        Args:
            checkpoint: for its tokenizer and stop tokens; may be closed.
            model: of the same checkpoint.
            native: which variant of the native step computes small steps; empty where torch does.
            why_not_native: why torch does.
            adapter: the name of what is joined into the weights.
            cache_tokens: as `load`.
            batch_invariant: as `load`.
            drafts: as `load`.
        """
        self.checkpoint = checkpoint
        self.config = checkpoint.config
        self.tokenizer: Tokenizer = checkpoint.tokenizer
        self.context = checkpoint.config.context
        self.dtype = model.dtype
        self.native = native
        self.why_not_native = why_not_native
        self._model = model
        self._drafts = (bool(native) and not batch_invariant) if drafts is None else drafts
        self.adapter = ""
        self.whole: Engine | None = None  # the one whose weights and pages this one uses
        self._joined = adapter
        self._variants = Variants()
        self._merges: list[Merge] = []  # one at most; all views of the engine have the same list
        self._pool = pool_of(model, cache_tokens)
        self._runs = OneByOne(model) if batch_invariant else model
        self._loop = Loop(scheduler_of(self._runs, self._pool))
        self._grammars = functools.cache(
            functools.partial(GrammarCompiler, self.tokenizer, checkpoint.stop_ids)
        )

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
    ) -> Engine:
        """Load a GGUF file or a hub folder.

        Args:
            path: of the file or folder.
            dtype: to compute in; bfloat16 takes half the memory. "auto" is bfloat16 where the processor
                multiplies it itself, else float32, which is then several times faster.
            precision: of the weights: floats, computed with as they are; "int8" or "int4", quantised
                while they are read; "file", the blocks of a GGUF file with the bits they have in it. "auto"
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

        Raises:
            NoTriton: attention is to be Triton's, which cannot run here.
            NoBackend: it is to be another library's, which is not here.
            CheckpointError: a file is missing or damaged, or the adapter is of another model.
            UnsupportedCheckpoint: a model of a kind that is not built.
            ValueError: two float formats at once, a cache that does not hold one context, or no such device.
            LocalModelError: a GPU is asked for, and it or Triton is not there.
        """
        place = device_of(device)
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
            )
            return cls(
                checkpoint,
                loaded.model,
                native=loaded.native,
                why_not_native=loaded.why_not,
                adapter="" if adapter is None else str(adapter),
                cache_tokens=cache_tokens,
                batch_invariant=batch_invariant,
                drafts=drafts,
            )

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
            UnsupportedCheckpoint: a GPU computes, which has no kernel for it.
            ValueError: the name is taken, or the weights have an adapter in them already.
        """
        if self._joined:
            raise ValueError(
                f"the adapter {self._joined} is part of these weights; "
                "load the model without it, and then both"
            )
        if isinstance(self._model, Device):
            raise UnsupportedCheckpoint(
                "adapters beside the weights are not built on a GPU; load the model with adapter=, "
                "which joins one into them"
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
            self._variants.add(name, Deltas.of(found, arch, dtype))

    def unload_adapter(self, name: str) -> None:
        """Forget an adapter and what was computed with it.

        Raises:
            UnknownAdapter: none has this name.
            AdapterInUse: an answer that is not finished has it.
        """
        variant = self._variants.remove(name)
        with self._loop.alone() as scheduler:
            scheduler.tree.forget(variant.space)

    def merge_adapter(self, name: str) -> None:
        """Put an adapter into the weights, where it costs nothing; only it can be asked for until it is out.

        Raises:
            UnknownAdapter: none has this name.
            UnsupportedCheckpoint: the weights are not floats, or split over processes.
            ValueError: it is a prefix.
            AdapterInUse: answers are written.
        """
        if not isinstance(self._model, Model | NativeModel):
            raise UnsupportedCheckpoint("adapters are not merged into a split model; they work beside it")
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

    def using(self, name: str) -> Engine:
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

    def count_tokens(self, text: str) -> int:
        """How many tokens `text` has as plain content."""
        return len(self.tokenizer.encode(text))

    def logits(self, ids: Sequence[int]) -> Tensor:
        """The logits after each of the ids, computed afresh: float32 [len(ids), vocabulary_size].

        Raises:
            PromptTooLong: more ids than the context holds.
            ValueError: no ids, or ids outside the vocabulary.
        """
        self._check_ids(ids)
        with self._variants.using(self.adapter) as variant:
            cache = self._model.new_cache()
            cache.variant = variant
            return self._model.logits(ids, cache, every=True)

    def generate(
        self,
        prompt: Sequence[int],
        sampling: Sampling,
        *,
        grammar: str | None = None,
        cancelled: Callable[[], bool] = _never,
        on_prefill: Callable[[int, int], None] | None = None,
        priority: int = 0,
        seconds: float = math.inf,
    ) -> Generator[Piece | Completion, None, None]:
        """Answer a prompt: pieces while they are made, and at last the completion.

        Answers that are read at the same time, by this thread or others, are computed together.

        Args:
            prompt: token ids.
            sampling: how tokens are chosen and when the answer ends.
            grammar: a Lark text the answer must follow; see `grammar`.
            cancelled: asked before each token and each chunk of the prompt.
            on_prefill: told how many of the prompt's tokens are computed, of how many.
            priority: a greater one is computed first where not all can be.
            seconds: after which the answer ends, as far as it is, with `deadline`.

        Raises:
            PromptTooLong: the context has no room for the prompt and one token.
            GrammarError: the grammar is not valid, or too complex to follow.
            ValueError: an empty prompt, or ids outside the vocabulary.
            LocalModelError: the model could not go on (raised by `next`).
        """
        self._variants.find(self.adapter)  # now, and not with the first piece
        self._check_ids(prompt)
        if len(prompt) + 1 > self.context:
            raise PromptTooLong(
                f"the prompt has {len(prompt)} tokens; the model's context holds {self.context}, "
                "one of them for the answer"
            )
        matcher = None if grammar is None else self._grammars().compile(grammar)
        room = self.context - len(prompt)
        answer = Answer(
            prompt, sampling, matcher, self.tokenizer, self.checkpoint.stop_ids, room, self._drafter()
        )
        request = Request(
            answer,
            priority=priority,
            deadline=time.monotonic() + seconds,
            tells_progress=on_prefill is not None,
        )
        return self._answer(answer, request, cancelled, on_prefill)

    def answers(
        self, prompt: Sequence[int], sampling: Sampling, count: int, *, grammar: str | None = None
    ) -> list[Completion]:
        """Several answers to a prompt that is computed once, written together.

        Args:
            prompt: token ids.
            sampling: of all; the seed of each is one more than that of the answer before.
            count: how many.
            grammar: a Lark text that each must follow.

        Raises:
            ValueError: as `generate`, or a count below 1.
            PromptTooLong: as `generate`.
            GrammarError: as `generate`.
        """
        if count < 1:
            raise ValueError(f"{count} answers were asked for; 1 or more works")
        seeds = [None if sampling.seed is None else sampling.seed + place for place in range(count)]
        open_answers = [
            self.generate(prompt, dataclasses.replace(sampling, seed=seed), grammar=grammar) for seed in seeds
        ]
        self.prefill(prompt)
        found: list[Completion | None] = [None] * count
        try:
            while None in found:
                for place, one in enumerate(open_answers):
                    if found[place] is None and isinstance(event := next(one), Completion):
                        found[place] = event
        finally:
            for one in open_answers:
                one.close()
        return [one for one in found if one is not None]

    def beams(
        self,
        prompt: Sequence[int],
        *,
        width: int,
        max_tokens: int,
        length_penalty: float = 1.0,
        cancelled: Callable[[], bool] = _never,
    ) -> list[Beam]:
        """The likeliest answers that beam search finds, best first: at most `width`.

        Other callers' requests go on between its steps.

        Args:
            prompt: token ids.
            width: how many beginnings of answers are kept at each token.
            max_tokens: of an answer, its stop token included.
            length_penalty: answers are ordered by `logprob / tokens ** length_penalty`.
            cancelled: asked before each token; what was found so far is returned then.

        Raises:
            PromptTooLong: the context has no room for the prompt and so many tokens.
            PoolFull: the cache has no room for the beams.
            ValueError: an empty prompt, ids outside the vocabulary, or numbers that are too small.
        """
        self._check_ids(prompt)
        if width < 1 or max_tokens < 1 or length_penalty < 0:
            raise ValueError(
                f"width is {width}, max_tokens {max_tokens} and length_penalty {length_penalty}; "
                "1, 1 and 0 or more work"
            )
        if len(prompt) + max_tokens > self.context:
            raise PromptTooLong(
                f"the prompt has {len(prompt)} tokens and the answer up to {max_tokens}; "
                f"the model's context holds {self.context}"
            )
        self.prefill(prompt)
        with self._variants.using(self.adapter) as variant:
            return self._beams(prompt, variant, width, max_tokens, length_penalty, cancelled)

    def _beams(
        self,
        prompt: Sequence[int],
        variant: Variant,
        width: int,
        max_tokens: int,
        length_penalty: float,
        cancelled: Callable[[], bool],
    ) -> list[Beam]:
        with self._loop.alone() as scheduler:
            search = BeamSearch(
                self._runs,
                prompt,
                scheduler.begin(variant, prompt),
                width=width,
                most=max_tokens,
                stop_ids=self.checkpoint.stop_ids,
                vocabulary_size=self.tokenizer.vocabulary_size,
                length_penalty=length_penalty,
            )
            scheduler.guests += 1
        try:
            while not search.done and not cancelled():
                with self._loop.alone() as scheduler:
                    scheduler.room(search.pages_needed)
                    search.step()
            return search.best()
        finally:
            with self._loop.alone() as scheduler:
                search.release()
                scheduler.guests -= 1

    def session(self, ids: Sequence[int] = ()) -> Session:
        """A conversation that begins with `ids`; nothing is computed yet."""
        return Session(self, ids)

    def prefill(self, ids: Sequence[int]) -> None:
        """Compute tokens now, for prompts that begin with them; of a prefix language model, nothing.

        Raises:
            PromptTooLong: more tokens than the context holds.
            ValueError: no ids, or ids outside the vocabulary.
            LocalModelError: the model could not compute them.
        """
        if self.config.prefix is not None:
            return
        self._check_ids(ids)
        if len(ids) > self.context:
            raise PromptTooLong(f"{len(ids)} tokens; the model's context holds {self.context}")
        with self._variants.using(self.adapter) as variant:
            request = Request(Prefill(ids), variant=variant)
            self._loop.add(request)
            try:
                while not request.done:
                    self._loop.advance(request)
            finally:
                self._loop.cancel(request)
        if request.error is not None:
            raise request.error

    def lease(self, ids: Sequence[int], seconds: float) -> int:
        """Keep what is computed of `ids` for so long if there is other room; how many tokens that is."""
        variant = self._variants.find(self.adapter)
        with self._loop.alone() as scheduler:
            return scheduler.tree.lease(variant.space, ids, seconds)

    def occupancy(self) -> Occupancy:
        """Who is computed, and who holds the cache's pages, between two steps."""
        with self._loop.alone() as scheduler:
            return scheduler.occupancy

    def _answer(
        self,
        answer: Answer,
        request: Request,
        cancelled: Callable[[], bool],
        on_prefill: Callable[[int, int], None] | None,
    ) -> Generator[Piece | Completion, None, None]:
        """A request with the adapter that is asked, which stays until it is done."""
        with self._variants.using(self.adapter) as request.variant:
            yield from self._events(answer, request, cancelled, on_prefill)

    def _events(
        self,
        answer: Answer,
        request: Request,
        cancelled: Callable[[], bool],
        on_prefill: Callable[[int, int], None] | None,
    ) -> Generator[Piece | Completion, None, None]:
        """Hand out what happens to a request until it is done."""
        request.events += answer.begin()
        request.done = answer.finish is not None
        if not request.done:
            self._loop.add(request)
        try:
            while True:
                while request.events:
                    event = request.events.popleft()
                    if isinstance(event, Piece):
                        yield event
                    elif on_prefill is not None:
                        on_prefill(event.computed, event.total)
                if request.done and not request.events:
                    break
                if cancelled():
                    self._loop.cancel(request)
                else:
                    self._loop.advance(request)
        finally:
            self._loop.cancel(request)
        if request.error is not None:
            raise request.error
        yield answer.completion(request.reused or 0)

    def _check_ids(self, ids: Sequence[int]) -> None:
        if not ids:
            raise ValueError("a prompt needs at least one token")
        if not (min(ids) >= 0 and max(ids) < self.config.vocabulary_size):
            raise ValueError(
                f"token ids run from {min(ids)} to {max(ids)}; "
                f"the vocabulary has 0 to {self.config.vocabulary_size - 1}"
            )
        if self.config.prefix is not None:
            Prompt.of(ids, self.config.prefix)

    def _drafter(self) -> Drafter | None:
        return PromptLookup() if self._drafts else None
