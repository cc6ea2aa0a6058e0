"""The rows that `decode.py` prints."""

from __future__ import annotations

import importlib.util
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch
from published import DECODING
from shapes import SHAPES, TINY, random_weights
from torch import Tensor

from agentkit_local_models.arch import Arch
from agentkit_local_models.draws import Draw
from agentkit_local_models.gpu.model import GpuModel
from agentkit_local_models.model import Model
from agentkit_local_models.overlap import Overlapped, Row
from agentkit_local_models.pages import PagedCache, PagePool, pages_for
from agentkit_local_models.piece import Finish, Piece
from agentkit_local_models.request import Request
from agentkit_local_models.sampling import Sampling

Form = Literal["float", "int8", "int4"]
# the greatest difference of a logit, as a share of the greatest logit: bfloat16 has 8 bits
BOUNDS = {torch.float32: 1e-4, torch.bfloat16: 4e-2}
TARGETS = {"llama-3.1-8b": 0.80, "llama-3.2-1b": 0.65}
TIMES_TRANSFORMERS = 3.0


@dataclass(frozen=True)
class Sizes:
    """What is measured.

    Attributes:
        device: that computes.
        shapes: of models, by name.
        forms: of their weights.
        dtypes: that results are checked in; the last is measured in.
        batches: answers at once.
        prompt: tokens of a prompt.
        warm: tokens of each answer before time is taken.
        made: tokens of each answer while it is.
        copied: bytes that are copied to know the bandwidth.
    """

    device: torch.device
    shapes: dict[str, Arch]
    forms: Sequence[Form]
    dtypes: tuple[torch.dtype, ...]
    batches: Sequence[int]
    prompt: int
    warm: int
    made: int
    copied: int


def sizes(
    models: Sequence[str] | None, forms: Sequence[Form] | None, batches: Sequence[int] | None, *, trial: bool
) -> Sizes:
    """What was asked for, or all of it."""
    known = {"tiny": TINY} if trial else SHAPES
    if unknown := [name for name in models or () if name not in known]:
        sys.exit(f"no models {', '.join(unknown)}; {', '.join(known)} are")
    shapes = {name: known[name] for name in models or known}
    if trial:
        cpu = torch.device("cpu")
        return Sizes(cpu, shapes, forms or ["float"], (torch.float32,), batches or [1, 2], 5, 2, 2, 1 << 20)
    dtypes = (torch.float32, torch.bfloat16)
    all_batches = [1, 2, 4, 8, 16, 32, 64, 128, 256]
    return Sizes(
        torch.device("cuda"), shapes, forms or ["float", "int8", "int4"], dtypes, batches or all_batches,
        128, 16, 128, 1 << 31,
    )  # fmt: skip


def rows(what: Sizes) -> Iterator[dict[str, Any]]:
    """All rows: the bandwidth, what is checked, what others published, what is measured."""
    bandwidth = copy_bandwidth(what)
    yield {"row": "copy", "bytes_per_second": round(bandwidth)}
    for name, arch in what.shapes.items():
        for form in what.forms:
            for dtype in what.dtypes:
                yield {"row": "check", "model": name, "form": form, **check(what, arch, form, dtype)}
    yield from ({"row": "published", **one} for one in DECODING)
    for name, arch in what.shapes.items():
        ours: dict[tuple[str, int], float] = {}
        for form in what.forms:
            model = model_of(what, arch, form)
            for batch in what.batches:
                ours[form, batch] = speed = decoding(what, model, batch)
                yield told(what, name, form, model, batch, speed, bandwidth)
        if what.device.type == "cuda" and arch.family == "llama" and importlib.util.find_spec("transformers"):
            yield from beside_transformers(what, name, arch, ours)


def synchronised(what: Sizes) -> float:
    """The time when the device has done all it was told."""
    if what.device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()


def copy_bandwidth(what: Sizes) -> float:
    """Bytes read and written a second by copying: what a step of decoding is measured against."""
    source = torch.zeros(what.copied, dtype=torch.uint8, device=what.device)
    target = torch.empty_like(source)
    times: list[float] = []
    for _ in range(20):
        begun = synchronised(what)
        target.copy_(source)
        times.append(synchronised(what) - begun)
    return 2 * source.nbytes / statistics.median(times)


@dataclass(eq=False)
class Writes:
    """An answer of so many tokens, always the likeliest."""

    known: list[int]
    left: int
    rows: int = 1
    guesses: Sequence[int] = ()
    finish: Finish | None = None
    made: int = 0

    @property
    def prompt_tokens(self) -> int:
        return len(self.known) - self.made

    @property
    def draw(self) -> Draw:
        return Draw(Sampling(), 0, self.made)

    def take(self, logits: Tensor) -> list[Piece]:
        raise AssertionError("the device chooses")

    def took(self, token: int) -> list[Piece]:
        self.known.append(token)
        self.made += 1
        self.left -= 1
        return [] if self.left else self.end("length")

    def end(self, finish: Finish) -> list[Piece]:
        self.finish = finish
        return []


def model_of(what: Sizes, arch: Arch, form: Form) -> GpuModel:
    """Random weights in a form."""
    dtype = what.dtypes[-1]
    model = Model(arch, random_weights(arch, what.device, dtype), dtype, form)
    return GpuModel(model, what.device, vocabulary_size=arch.vocabulary_size)


def check(what: Sizes, arch: Arch, form: Form, dtype: torch.dtype) -> dict[str, Any]:
    """The error of two layers of this width against float32 on the processor.

    A prompt, a chunk beside single tokens, and steps of a bucket that is launched, captured and replayed; the
    tokens that are drawn must be the likeliest.
    """
    arch = replace(arch, layers=2, vocabulary_size=min(4096, arch.vocabulary_size), context=256)
    cpu = torch.device("cpu")
    weights = [(name, one.to(dtype).float()) for name, one in random_weights(arch, cpu, torch.float32)]
    exact = Model(arch, weights, torch.float32, form)
    model = GpuModel(Model(arch, weights, dtype, form), what.device, vocabulary_size=arch.vocabulary_size)
    pool = PagePool(arch, dtype, 64, device=what.device, fixed=True)
    own = [PagedCache(pool, arch.context) for _ in range(3)]
    theirs = [exact.new_cache() for _ in own]
    passes = [[list(range(40)), [7], list(range(9))], [[3], [5], list(range(50, 70))], *[[[1], [2], [4]]] * 4]
    worst, likeliest = 0.0, True
    for tokens in passes:
        for cache, new in zip(own, tokens, strict=True):
            cache.reserve(cache.length + len(new))
        logits = model.launch([Row(new, None, cache, 1) for new, cache in zip(tokens, own, strict=True)])
        found = logits.cpu()
        drawn = model.draw(logits, range(3), [Draw(Sampling(), 0, 0)] * 3).read()
        likeliest = likeliest and drawn == [int(row.argmax()) for row in found]
        wanted = torch.stack([exact.logits(new, cache) for new, cache in zip(tokens, theirs, strict=True)])
        worst = max(worst, float((found - wanted).abs().max() / wanted.abs().max()))
    captured = model.captured == ([4] if what.device.type == "cuda" else [])
    right = likeliest and captured and worst <= BOUNDS[dtype]
    return {"dtype": str(dtype), "error": worst, "likeliest": likeliest, "captured": captured, "right": right}


def decoding(what: Sizes, model: GpuModel, batch: int) -> float:
    """Tokens a second of so many answers at once, their prompts computed and their steps captured."""
    arch = model.arch
    generator = torch.Generator().manual_seed(batch)
    length = what.prompt + what.warm + what.made
    pool = PagePool(arch, model.dtype, batch * (pages_for(length) + 1) + 8, device=what.device, fixed=True)
    scheduler = Overlapped(model, pool, budget=4096, most_running=batch)
    works: list[Writes] = []
    for _ in range(batch):
        prompt = torch.randint(arch.vocabulary_size, (what.prompt,), generator=generator)
        works.append(Writes([int(token) for token in prompt], what.warm + what.made))
        scheduler.add(Request(works[-1]))
    while min(work.made for work in works) < what.warm:
        scheduler.step()
    begun, before = synchronised(what), sum(work.made for work in works)
    while all(work.finish is None for work in works):
        scheduler.step()
    return (sum(work.made for work in works) - before) / (synchronised(what) - begun)


def told(
    what: Sizes, name: str, form: str, model: GpuModel, batch: int, speed: float, bandwidth: float
) -> dict[str, Any]:
    """The row of one speed; the share counts the bytes of weights, keys and values that a step reads."""
    arch = model.arch
    token_bytes = 2 * arch.layers * arch.kv_heads * arch.head_width * model.dtype.itemsize
    cache = batch * token_bytes * (what.prompt + what.warm + what.made // 2)
    share = (model.weight_bytes + cache) * speed / batch / bandwidth
    row: dict[str, Any] = {"row": "decode", "model": name, "form": form, "batch": batch}
    row |= {"tokens_per_second": round(speed, 1), "share_of_bandwidth": round(share, 3)}
    if batch == 1 and form == "float" and name in TARGETS:
        row |= {"target": TARGETS[name], "reached": share >= TARGETS[name]}
    return row


def beside_transformers(
    what: Sizes, name: str, arch: Arch, ours: dict[tuple[str, int], float]
) -> Iterator[dict[str, Any]]:
    """Its speed with one answer and with 64, and how many times that ours is."""
    speed = transformers_speed(what, arch)
    for batch in [batch for batch in what.batches if batch in (1, 64)]:
        theirs = speed(batch)
        row: dict[str, Any] = {"row": "transformers", "model": name, "form": "float", "batch": batch}
        row["tokens_per_second"] = round(theirs, 1)
        if ("float", batch) in ours:
            row["ours_is_times"] = times = round(ours["float", batch] / theirs, 2)
            if batch == 64:
                row |= {"target": TIMES_TRANSFORMERS, "reached": times >= TIMES_TRANSFORMERS}
        yield row


def transformers_speed(what: Sizes, arch: Arch) -> Callable[[int], float]:
    """Tokens a second of transformers' generate, by batch: bfloat16, its default attention."""
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=arch.vocabulary_size,
        hidden_size=arch.width,
        intermediate_size=arch.feed_forward_width,
        num_hidden_layers=arch.layers,
        num_attention_heads=arch.heads,
        num_key_value_heads=arch.kv_heads,
        head_dim=arch.head_width,
        max_position_embeddings=arch.context,
        tie_word_embeddings=arch.tied_head,
        bos_token_id=None,
        eos_token_id=None,
        pad_token_id=0,
    )
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.bfloat16)
    try:
        with what.device:
            model: Any = LlamaForCausalLM(config).eval()
    finally:
        torch.set_default_dtype(before)

    def speed(batch: int) -> float:
        ids = torch.randint(arch.vocabulary_size, (batch, what.prompt), device=what.device)
        times: list[float] = []
        for new in (what.warm, what.warm, what.warm + what.made):  # the first warms up
            begun = synchronised(what)
            model.generate(ids, max_new_tokens=new, min_new_tokens=new, do_sample=False)
            times.append(synchronised(what) - begun)
        return batch * what.made / (times[2] - times[1])

    return speed
