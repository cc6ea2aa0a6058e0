"""Conversations as token ids, and packs of them that are computed in one pass.

The conversations of a pack begin with the same tokens, such as a system turn with a list of tools.
These are computed once; no conversation sees another.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from random import Random

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Conversation:
    """One conversation.

    Attributes:
        prefix: the tokens it shares with others.
        ids: the tokens after them.
        learn: for each of `ids`, whether the model is to learn to write it.
        general: whether it is general text, on which the base model is to be kept.
    """

    prefix: tuple[int, ...]
    ids: tuple[int, ...]
    learn: tuple[bool, ...]
    general: bool = False

    def __post_init__(self) -> None:
        if len(self.ids) != len(self.learn) or not self.ids:
            raise ValueError(
                f"{len(self.ids)} tokens and {len(self.learn)} marks; they must be as many, and some"
            )
        if self.learn[0] and not self.prefix:
            raise ValueError("the first token of a conversation cannot be learnt: nothing comes before it")


@dataclass(frozen=True, slots=True)
class Pack:
    """Conversations computed together.

    Attributes:
        prefix: int64 [P], the tokens that all begin with.
        ids: int64 [N, L], the tokens after them; padded with 0 at the end.
        lengths: of each conversation, without the padding.
        sources: int64 [M], places in the flat sequence [P + N·L] whose hidden states predict
        targets: int64 [M], these tokens.
        general: as in `Conversation`.
    """

    prefix: Tensor
    ids: Tensor
    lengths: tuple[int, ...]
    sources: Tensor
    targets: Tensor
    general: bool = False

    @property
    def tokens(self) -> int:
        """How many tokens are computed, padding included."""
        return self.prefix.numel() + self.ids.numel()

    def to(self, device: torch.device) -> Pack:
        """The pack on a device."""
        tensors = {name: getattr(self, name).to(device) for name in ("prefix", "ids", "sources", "targets")}
        return replace(self, **tensors)


def make_pack(conversations: Sequence[Conversation]) -> Pack:
    """One pack of conversations with the same prefix.

    Raises:
        ValueError: none, different prefixes, or nothing to learn.
    """
    if not conversations or len({(c.prefix, c.general) for c in conversations}) != 1:
        raise ValueError("a pack needs conversations that begin with the same tokens")
    prefix = conversations[0].prefix
    longest = max(len(c.ids) for c in conversations)
    ids = torch.zeros(len(conversations), longest, dtype=torch.long)
    sources: list[int] = []
    targets: list[int] = []
    for row, conversation in enumerate(conversations):
        ids[row, : len(conversation.ids)] = torch.tensor(conversation.ids)
        start = len(prefix) + row * longest
        for place, (token, learn) in enumerate(zip(conversation.ids, conversation.learn, strict=True)):
            if learn:
                # the first token of a conversation is predicted by the last of the prefix
                sources.append(start + place - 1 if place else len(prefix) - 1)
                targets.append(token)
    if not targets:
        raise ValueError("nothing in the pack is to be learnt")
    return Pack(
        torch.tensor(prefix, dtype=torch.long),
        ids,
        tuple(len(c.ids) for c in conversations),
        torch.tensor(sources),
        torch.tensor(targets),
        conversations[0].general,
    )


def packed(
    conversations: Iterable[Conversation], most_tokens: int, random: Random
) -> list[list[Conversation]]:
    """Conversations grouped into packs of at most `most_tokens` computed tokens, in random order.

    Conversations of about the same length are put together, so that little is padding. A conversation
    that is longer than `most_tokens` has a pack of its own.
    """
    groups: dict[tuple[tuple[int, ...], bool], list[Conversation]] = {}
    for conversation in conversations:
        groups.setdefault((conversation.prefix, conversation.general), []).append(conversation)
    packs: list[list[Conversation]] = []
    for (prefix, _), members in groups.items():
        # noise, so that the same conversations do not meet again in every epoch
        members.sort(key=lambda c: len(c.ids) * random.uniform(0.85, 1.15))
        pack: list[Conversation] = []
        for member in members:
            longest = max([len(member.ids), *(len(c.ids) for c in pack)])
            if pack and len(prefix) + longest * (len(pack) + 1) > most_tokens:
                packs.append(pack)
                pack = []
            pack.append(member)
        packs.append(pack)
    random.shuffle(packs)
    return packs


def schedule(
    task: Sequence[Conversation],
    general: Sequence[Conversation],
    *,
    share: float,
    most_tokens: int,
    seed: int,
) -> Iterator[list[Conversation]]:
    """Packs without end: every conversation once an epoch, and general ones as a share of the packs.

    The same arguments give the same packs, so training can be taken up at any step.

    Raises:
        ValueError: there is nothing to train on, or a share of nothing is asked for.
    """
    if not task or (share > 0 and not general):
        raise ValueError(
            f"{len(task)} conversations and {len(general)} general ones; share {share} of general"
        )
    random = Random(seed)  # noqa: S311 - an order, not a secret
    source = _epochs(task, most_tokens, random)
    other = _epochs(general, most_tokens, random) if share > 0 else iter(())
    owed = 0.0
    while True:
        owed += share
        if owed >= 1:
            owed -= 1
            yield next(other)
        else:
            yield next(source)


def _epochs(
    conversations: Sequence[Conversation], most_tokens: int, random: Random
) -> Iterator[list[Conversation]]:
    while True:
        yield from packed(conversations, most_tokens, random)
