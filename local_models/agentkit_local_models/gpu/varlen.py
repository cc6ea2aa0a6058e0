"""Where the sequences of a call lie: one after another, without padding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Packed:
    """Where sequences lie in packed tensors; the queries of each are its last tokens.

    Attributes:
        query_starts: int32 [B + 1], where each sequence's queries begin, and the end.
        key_starts: int32 [B + 1], the same of keys.
        prefixes: int32 [B], how many tokens of each are seen by all of it; None for what the sight says.
        most_queries: of a sequence.
        most_keys: of a sequence.
        queries: in all.
        keys: in all.
    """

    query_starts: Tensor
    key_starts: Tensor
    prefixes: Tensor | None
    most_queries: int
    most_keys: int
    queries: int
    keys: int

    @classmethod
    def of(
        cls,
        queries: Sequence[int],
        keys: Sequence[int] | None = None,
        *,
        prefixes: Sequence[int] | None = None,
        device: torch.device | str = "cpu",
    ) -> Packed:
        """Sequences of so many queries and keys, one after another.

        Args:
            queries: how many tokens of each ask.
            keys: how many tokens each has in all; None for as many as ask.
            prefixes: of a prefix language model: how many tokens of each see each other both ways.
            device: of the tensors.

        Raises:
            ValueError: no sequences, other numbers of them, or one with more queries than keys.
        """
        there = queries if keys is None else keys
        if (
            not queries
            or len(queries) != len(there)
            or (prefixes is not None and len(prefixes) != len(there))
        ):
            also = "" if prefixes is None else f", {len(prefixes)} prefixes"
            raise ValueError(
                f"{len(queries)} sequences of queries, {len(there)} of keys{also}; as many of each work"
            )
        for number, (asked, seen) in enumerate(zip(queries, there, strict=True)):
            if not 0 <= asked <= seen:
                raise ValueError(
                    f"sequence {number} has {asked} queries and {seen} keys; queries are its last tokens"
                )
        return cls(
            starts_of(queries, device),
            starts_of(there, device),
            None if prefixes is None else torch.tensor(list(prefixes), dtype=torch.int32, device=device),
            max(queries),
            max(there),
            sum(queries),
            sum(there),
        )


def starts_of(lengths: Sequence[int], device: torch.device | str) -> Tensor:
    """Where each begins, and the end: int32 [B + 1]."""
    ends = [0]
    for length in lengths:
        ends.append(ends[-1] + length)
    return torch.tensor(ends, dtype=torch.int32, device=device)
