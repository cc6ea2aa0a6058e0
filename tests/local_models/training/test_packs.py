"""Packs: what is computed together is what would be computed alone."""

from __future__ import annotations

from collections import Counter
from itertools import islice
from random import Random

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from agentkit_local_models.arch import Arch
from agentkit_local_models.training.packs import Conversation, Pack, make_pack, packed, schedule
from agentkit_local_models.training.trained import assembled

from ..oracle import random_weights  # noqa: TID252
from .tiny import CONFIGS, learnt_logits

PREFIX = tuple(range(60, 71))


@pytest.fixture(params=CONFIGS.values(), ids=CONFIGS.keys())
def config(request: pytest.FixtureRequest) -> Arch:
    return request.param


def logits(config: Arch, pack: Pack) -> Tensor:
    return learnt_logits(assembled(config, random_weights(config)), pack)


def conversation(*ids: int, prefix: tuple[int, ...] = PREFIX, general: bool = False) -> Conversation:
    """Every token of it is to be learnt, as far as that can be."""
    return Conversation(prefix, ids, (bool(prefix), *[True] * (len(ids) - 1)), general)


GROUP = [conversation(1, 2, 3, 4), conversation(9, 8, 7, 6, 5, 4, 3), conversation(11, 12)]


def test_no_conversation_sees_another(config: Arch) -> None:
    before = logits(config, make_pack(GROUP))
    for changed, other in enumerate([(50, 51, 52, 53), (54,) * 7, (55, 56)]):
        group = [*GROUP]
        group[changed] = conversation(*other)
        after = logits(config, make_pack(group))
        rows = torch.tensor([n for n, c in enumerate(GROUP) for _ in c.ids])
        assert torch.equal(before[rows != changed], after[rows != changed])
        assert not torch.allclose(before[rows == changed], after[rows == changed])


def test_a_conversation_has_the_same_logits_alone(config: Arch) -> None:
    together = logits(config, make_pack(GROUP))
    alone = torch.cat([logits(config, make_pack([one])) for one in GROUP])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=0)


def test_a_shared_beginning_gives_what_an_unshared_one_gives(config: Arch) -> None:
    whole = [Conversation((), one.prefix + one.ids, (False,) * len(one.prefix) + one.learn) for one in GROUP]
    shared, unshared = logits(config, make_pack(GROUP)), logits(config, make_pack(whole))
    torch.testing.assert_close(shared, unshared, atol=1e-5, rtol=0)
    assert make_pack(GROUP).tokens < make_pack(whole).tokens


def test_a_token_does_not_see_what_comes_after_it(config: Arch) -> None:
    whole = logits(config, make_pack([conversation(1, 2, 3, 4, 5, 6)]))
    cut = logits(config, make_pack([conversation(1, 2, 3)]))
    torch.testing.assert_close(whole[:3], cut, atol=1e-5, rtol=0)


def test_the_targets_are_the_marked_tokens() -> None:
    group = [
        Conversation(PREFIX, (1, 2, 3), (True, False, True)),
        Conversation(PREFIX, (4, 5, 6, 7, 8), (False, False, False, True, False)),
    ]
    pack = make_pack(group)
    assert pack.targets.tolist() == [1, 3, 7]
    flat = torch.cat((pack.prefix, pack.ids.flatten()))
    # each is predicted by the token before it; the first of a conversation by the last of the prefix
    assert flat[pack.sources].tolist() == [PREFIX[-1], 2, 6]


def test_what_makes_no_pack_is_refused() -> None:
    with pytest.raises(ValueError, match="begin with the same tokens"):
        make_pack([])
    with pytest.raises(ValueError, match="begin with the same tokens"):
        make_pack([GROUP[0], conversation(1, 2, prefix=(3,))])
    with pytest.raises(ValueError, match="begin with the same tokens"):
        make_pack([GROUP[0], conversation(1, 2, general=True)])
    with pytest.raises(ValueError, match="nothing in the pack is to be learnt"):
        make_pack([Conversation((), (1, 2), (False, False))])
    with pytest.raises(ValueError, match="they must be as many, and some"):
        Conversation((), (1, 2), (False,))
    with pytest.raises(ValueError, match="nothing comes before it"):
        Conversation((), (1, 2), (True, False))


LENGTHS = st.lists(st.integers(2, 40), min_size=1, max_size=30)


def numbered(lengths: list[int], *, general: bool = False) -> list[Conversation]:
    """Conversations that can be told apart, under two prefixes."""
    return [
        conversation(*[n] * length, prefix=PREFIX if n % 3 else (), general=general)
        for n, length in enumerate(lengths)
    ]


@given(LENGTHS, st.integers(20, 200), st.integers(0, 9))
def test_packs_hold_every_conversation_once_and_few_tokens(lengths: list[int], most: int, seed: int) -> None:
    conversations = numbered(lengths)
    packs = packed(conversations, most, Random(seed))
    assert Counter(c for pack in packs for c in pack) == Counter(conversations)
    assert all(len(pack) == 1 or make_pack(pack).tokens <= most for pack in packs)
    assert packs == packed(conversations, most, Random(seed))


@given(LENGTHS, LENGTHS, st.floats(0, 0.95), st.integers(0, 9))
@settings(deadline=None)
def test_general_packs_are_as_many_as_asked_for(
    task: list[int], general: list[int], share: float, seed: int
) -> None:
    def packs() -> list[list[Conversation]]:
        made = schedule(
            numbered(task), numbered(general, general=True), share=share, most_tokens=90, seed=seed
        )
        return list(islice(made, 200))

    found = packs()
    for count in (1, 17, 200):
        of_general = sum(pack[0].general for pack in found[:count])
        assert abs(of_general - share * count) <= 1
    assert found == packs()


def test_every_conversation_comes_once_in_an_epoch() -> None:
    task = numbered([5] * 23)
    epoch = len(packed(task, 60, Random(1)))
    packs = list(islice(schedule(task, [], share=0.0, most_tokens=60, seed=1), 2 * epoch))
    for half in (packs[:epoch], packs[epoch:]):
        assert Counter(c for pack in half for c in pack) == Counter(task)
    assert packs[:epoch] != packs[epoch:]


def test_a_share_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match=r"0 general ones; share 0\.5"):
        next(schedule(GROUP, [], share=0.5, most_tokens=90, seed=0))
    with pytest.raises(ValueError, match="0 conversations"):
        next(schedule([], GROUP, share=0.0, most_tokens=90, seed=0))
