"""The rows of `attention.py`: what is compared with float32, and what is timed."""

import math
import random
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final

import torch
import torch.nn.functional as F  # noqa: N812 - its name everywhere
from published import beside_flash_attention_2
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from agentkit_local_models.attention import Sight, slopes
from agentkit_local_models.gpu.flash import flash_attention
from agentkit_local_models.gpu.paged import PagedRows, paged_attention
from agentkit_local_models.gpu.tiles import Tile, Tiles, tiles_for
from agentkit_local_models.gpu.varlen import Packed
from agentkit_local_models.pages import PAGE, pages_for

Row = dict[str, Any]

# The greatest error beside float32 that passes, as a share of the greatest number.
TOLERANCE: Final = {"bfloat16": 2e-2, "float16": 4e-3, "float32": 1e-4}
# Tiles that `--tiles` tries beside those of the table.
OTHERS: Final = (
    Tile(128, 128, 8, 2),
    Tile(128, 64, 8, 2),
    Tile(128, 64, 4, 3),
    Tile(128, 32, 4, 4),
    Tile(64, 128, 4, 2),
    Tile(64, 64, 4, 3),
    Tile(64, 32, 4, 3),
)
TORCHS: Final = {"torch flash": SDPBackend.FLASH_ATTENTION, "torch cudnn": SDPBackend.CUDNN_ATTENTION}


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is measured, and where.

    Attributes:
        device: a GPU; the processor only to try the benchmark out, in Triton's interpreter.
        widths: of heads that are checked.
        heads: query and key heads of a check.
        short: keys of the shortest sequence of a check; the others are multiples of it.
        tokens: in all, whatever the length of a sequence, as in the tables of Dao (2023).
        lengths: of sequences that are timed.
        shapes: query heads, key heads, numbers a head.
        answers: how many sequences, of which length, go on by one token.
        answering: their query heads, key heads, numbers a head.
        repeats: of which the median is taken.
        copied: bytes of the copy whose bandwidth is the measure.
    """

    device: str
    widths: tuple[int, ...]
    heads: tuple[int, int]
    short: int
    tokens: int
    lengths: tuple[int, ...]
    shapes: tuple[tuple[int, int, int], ...]
    answers: tuple[tuple[int, int], ...]
    answering: tuple[int, int, int]
    repeats: int
    copied: int


@dataclass(frozen=True, slots=True)
class Bench:
    """The measurements in one dtype."""

    dtype: torch.dtype
    sizes: Sizes

    @property
    def name(self) -> str:
        """Of the dtype."""
        return str(self.dtype).removeprefix("torch.")

    def numbers(self, *shape: int) -> Tensor:
        """Random ones."""
        return torch.randn(*shape, device=self.sizes.device).to(self.dtype)

    def checks(self) -> Iterator[Row]:
        """Results and gradients beside float32: whatever a token sees, every head size, over pages too."""
        short = self.sizes.short
        for width in self.sizes.widths:
            scale = width**-0.5
            for seen, sight in {
                "causal": Sight(scale),
                "window": Sight(scale, window=short // 2),
                "penalty": Sight(scale, slopes=slopes(self.sizes.heads[0])),
                "prefix": Sight(scale, prefix=short // 2),
                "cap": Sight(scale, cap=30.0),
            }.items():
                yield self._check(width, seen, sight)
                yield self._check_pages(width, seen, sight)

    def _check(self, width: int, seen: str, sight: Sight) -> Row:
        short = self.sizes.short
        queries, keys = [1, short, short + 7], [3 * short, short, 2 * short + 3]
        heads, kv_heads = self.sizes.heads
        query, gradient = (self.numbers(sum(queries), heads, width) for _ in range(2))
        key, value = (self.numbers(sum(keys), kv_heads, width) for _ in range(2))
        parts = [part.requires_grad_() for part in (query, key, value)]
        packed = Packed.of(queries, keys, device=self.sizes.device)
        mixed = flash_attention(query, key, value, packed, sight)
        exact = [part.detach().float().requires_grad_() for part in parts]
        wanted = reference(exact[0], exact[1], exact[2], queries, keys, sight)
        found = [mixed, *torch.autograd.grad(mixed, parts, gradient)]
        right = [wanted, *torch.autograd.grad(wanted, exact, gradient.float())]
        return self._judged("check", width, seen, found, right)

    def _check_pages(self, width: int, seen: str, sight: Sight) -> Row:
        short = self.sizes.short
        queries, lengths = [1, short, 1], [3 * short, 2 * short + 3, 5 * short + 1]
        heads, kv_heads = self.sizes.heads
        query = self.numbers(sum(queries), heads, width)
        stored = self.numbers(sum(lengths), 2 * kv_heads, width)
        pages, rows = self._paged(queries, lengths, stored)
        key, value = stored[:, :kv_heads].float(), stored[:, kv_heads:].float()
        wanted = reference(query.float(), key, value, queries, lengths, sight)
        found = [paged_attention(query, pages, rows, sight, splits=splits) for splits in (1, 4)]
        return self._judged("check pages", width, seen, found, [wanted, wanted])

    def _judged(self, row: str, width: int, seen: str, found: list[Tensor], right: list[Tensor]) -> Row:
        errors = [
            float((one.detach().float() - other.detach()).abs().max() / other.detach().abs().max())
            for one, other in zip(found, right, strict=True)
        ]
        return {
            "row": row,
            "dtype": self.name,
            "width": width,
            "seen": seen,
            "error": max(errors),
            "right": all(error < TOLERANCE[self.name] for error in errors),
        }

    def _paged(self, queries: list[int], lengths: list[int], stored: Tensor) -> tuple[Tensor, PagedRows]:
        """Keys and values [tokens, 2 K, D] in pages of random order, and whose they are."""
        needed = [pages_for(length) for length in lengths]
        order = random.sample(range(sum(needed)), sum(needed))
        pages = stored.new_zeros(sum(needed), stored.shape[1], PAGE, stored.shape[2])
        tables: list[list[int]] = []
        row = 0
        for length, count in zip(lengths, needed, strict=True):
            tables.append([order.pop() for _ in range(count)])
            padded = stored.new_zeros(count * PAGE, *stored.shape[1:])
            padded[:length] = stored[row : row + length]
            pages[tables[-1]] = padded.view(count, PAGE, *stored.shape[1:]).transpose(1, 2)
            row += length
        return pages, PagedRows.of(queries, lengths, tables, device=self.sizes.device)

    def sequences(self, shape: tuple[int, int, int], length: int, *, tiles: bool) -> Iterator[Row]:
        """Causal attention in sequences of a length, forwards and backwards, ours and torch's."""
        heads, kv_heads, width = shape
        count = self.sizes.tokens // length
        parts = [self.numbers(count * length, each, width) for each in (heads, kv_heads, kv_heads)]
        gradient = self.numbers(count * length, heads, width)
        packed, sight = Packed.of([length] * count, device=self.sizes.device), Sight(width**-0.5)
        table = {"agentkit": tiles_for(width, self.dtype)}
        others = {f"agentkit {tile}": Tiles(tile, tile, tile) for tile in OTHERS} if tiles else {}

        def shaped(part: Tensor) -> Tensor:  # as torch wants it: [sequences, heads, length, D]
            return part.view(count, length, -1, width).transpose(1, 2).contiguous()

        def timed(who: str, run: Callable[..., Tensor], inputs: list[Tensor], given: Tensor) -> Iterator[Row]:
            inputs = [part.detach().requires_grad_() for part in inputs]
            flops = 4 * length * length * width * heads * count / 2
            mixed = run(*inputs)
            for way, share, work in (
                ("forward", 1.0, lambda: run(*inputs)),
                ("backward", 2.5, lambda: torch.autograd.grad(mixed, inputs, given, retain_graph=True)),
            ):
                seconds = self.seconds(work)
                tflops = share * flops / seconds / 1e12
                more = beside_flash_attention_2(shape, length, way, tflops) if who == "agentkit" else {}
                yield {
                    "row": "attention",
                    "who": who,
                    "way": way,
                    "dtype": self.name,
                    "length": length,
                    "heads": heads,
                    "kv_heads": kv_heads,
                    "width": width,
                    "ms": round(seconds * 1e3, 4),
                    "tflops": round(tflops, 1),
                    **more,
                }

        for who, chosen in {**table, **others}.items():

            def ours(query: Tensor, key: Tensor, value: Tensor, chosen: Tiles = chosen) -> Tensor:
                return flash_attention(query, key, value, packed, sight, tiles=chosen)

            yield from self._or_why(who, length, width, timed(who, ours, parts, gradient))

        def theirs(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
            return F.scaled_dot_product_attention(
                query, key, value, is_causal=True, enable_gqa=heads != kv_heads
            )

        for who, kernel in TORCHS.items():
            with sdpa_kernel(kernel):
                rows = timed(who, theirs, [shaped(part) for part in parts], shaped(gradient))
                yield from self._or_why(who, length, width, rows)

    def _or_why(self, who: str, length: int, width: int, rows: Iterator[Row]) -> Iterator[Row]:
        """The rows, or one that says why there are none: tiles that do not fit, a kernel for other shapes."""
        errors: Any = import_module("triton.runtime.errors")
        try:
            yield from rows
        except (RuntimeError, errors.OutOfResources) as error:
            why = str(error).splitlines()[0]
            yield {"row": "attention", "who": who, "length": length, "width": width, "none": why}

    def answers(self, count: int, length: int) -> Row:
        """A token each of many sequences over pages: at which share of a plain copy's bandwidth it reads."""
        heads, kv_heads, width = self.sizes.answering
        stored = self.numbers(count * length, 2 * kv_heads, width)
        pages, rows = self._paged([1] * count, [length] * count, stored)
        del stored
        query, sight = self.numbers(count, heads, width), Sight(width**-0.5)
        seconds = self.seconds(lambda: paged_attention(query, pages, rows, sight))
        source = torch.empty(self.sizes.copied // 4, dtype=torch.int32, device=self.sizes.device)
        target = torch.empty_like(source)
        copy = 2 * source.nbytes / self.seconds(lambda: target.copy_(source))
        read = pages.nbytes / seconds
        return {
            "row": "answers over pages",
            "dtype": self.name,
            "sequences": count,
            "length": length,
            "heads": heads,
            "kv_heads": kv_heads,
            "width": width,
            "ms": round(seconds * 1e3, 4),
            "gb_per_s": round(read / 1e9),
            "copy_gb_per_s": round(copy / 1e9),
            "share_of_copy": round(read / copy, 3),
        }

    def seconds(self, run: Callable[[], object]) -> float:
        """The median of some runs by the GPU's own clock, each with a cold cache."""
        if self.sizes.device == "cpu":  # tried out: not a measurement
            begin = time.perf_counter()
            run()
            return time.perf_counter() - begin
        flush = torch.empty(64 << 20, dtype=torch.int32, device=self.sizes.device)  # larger than the L2 cache
        for _ in range(3):  # compiled, and the clock is up
            run()
        times: list[float] = []
        for _ in range(self.sizes.repeats):
            flush.zero_()
            begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            begin.record()
            run()
            end.record()
            end.synchronize()
            times.append(begin.elapsed_time(end) / 1e3)
        return statistics.median(times)


def reference(
    query: Tensor, key: Tensor, value: Tensor, queries: list[int], keys: list[int], sight: Sight
) -> Tensor:
    """Attention as it is defined, every score at once, in the dtype of its inputs: [T, H, D]."""
    pieces: list[Tensor] = []
    asked = there = 0
    for count, total in zip(queries, keys, strict=True):
        group = query.shape[1] // key.shape[1]
        mine, taken = (part[there : there + total].repeat_interleave(group, 1) for part in (key, value))
        scores = torch.einsum("qhd,khd->hqk", query[asked : asked + count], mine) * sight.scale
        if sight.cap:
            scores = sight.cap * torch.tanh(scores / sight.cap)
        places = torch.arange(total, device=query.device)
        distance = places[total - count :, None] - places
        if sight.slopes is not None:
            scores = scores - sight.slopes.to(query)[:, None, None] * distance.clamp_min(0)
        hidden = (distance < 0) & (places >= sight.prefix)
        if sight.window:
            hidden |= distance >= sight.window
        weights = scores.masked_fill(hidden, -math.inf).softmax(-1)
        pieces.append(torch.einsum("hqk,khd->qhd", weights, taken))
        asked, there = asked + count, there + total
    return torch.cat(pieces)
