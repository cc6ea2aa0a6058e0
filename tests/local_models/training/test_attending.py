"""A pack's attention by one operation over packed sequences, beside the plain steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import Tensor

from agentkit_local_models.attention import Sight
from agentkit_local_models.gpu.backends import NoBackend, chosen
from agentkit_local_models.gpu.flash import flash_attention
from agentkit_local_models.gpu.triton_here import NoTriton, interpreted
from agentkit_local_models.gpu.varlen import Packed
from agentkit_local_models.training.attending import Varlen, flashed, plain
from agentkit_local_models.training.loss import cross_entropy
from agentkit_local_models.training.packs import Conversation, make_pack
from agentkit_local_models.training.pieces import WRITTEN
from agentkit_local_models.training.recipe import RecipeError, read_recipe
from agentkit_local_models.training.session import pieces_of
from agentkit_local_models.training.trained import assembled

from ..gpu.definition import defined  # noqa: TID252
from ..oracle import random_weights  # noqa: TID252
from .tiny import LLAMA, workplace

IN_THE_INTERPRETER = [
    pytest.mark.triton,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(not interpreted(), reason="the weights are on the processor"),
]


def by_definition(query: Tensor, key: Tensor, value: Tensor, packed: Packed, sight: Sight) -> Tensor:
    """The operation that is passed in where there is no GPU."""
    counts = [starts.diff().tolist() for starts in (packed.query_starts, packed.key_starts)]
    return defined(query, key, value, *counts, sight).to(query.dtype)


def learnt(prefix: Sequence[int], operation: Varlen | None) -> list[Tensor]:
    """The loss of a pack of two conversations, and the gradient of every weight."""
    weights = {name: weight.requires_grad_() for name, weight in random_weights(LLAMA).items()}
    attending = plain if operation is None else partial(flashed, operation=operation)
    pieces = replace(WRITTEN, attending=attending)
    rows = [(5, 6, 7, 8), (9, 10, 11)]
    pack = make_pack([Conversation(tuple(prefix), ids, (False, *[True] * (len(ids) - 1))) for ids in rows])
    loss = cross_entropy(assembled(LLAMA, weights, pieces), pack)
    return [loss, *torch.autograd.grad(loss, list(weights.values()))]


@pytest.mark.parametrize("prefix", [(), (1, 2, 3)], ids=["alone", "after a prefix"])
@pytest.mark.parametrize(
    "operation",
    [
        by_definition,
        pytest.param(flash_attention, marks=IN_THE_INTERPRETER, id="triton"),
    ],
)
def test_losses_and_gradients_are_those_of_the_plain_steps(
    prefix: tuple[int, ...], operation: Varlen
) -> None:
    for found, wanted in zip(learnt(prefix, operation), learnt(prefix, None), strict=True):
        torch.testing.assert_close(found, wanted, atol=1e-5, rtol=1e-4)


def test_a_recipe_names_what_computes_attention(tmp_path: Path) -> None:
    assert pieces_of(read_recipe(workplace(tmp_path / "auto"))).attending is plain
    named = read_recipe(workplace(tmp_path / "named", training__attention="flash_attn"))
    with pytest.raises(NoBackend, match="pip install flash-attn"):
        pieces_of(named)
    with pytest.raises(RecipeError, match="flashinfer"):
        read_recipe(workplace(tmp_path / "other", training__attention="flashinfer"))


def test_triton_is_used_by_itself_on_a_gpu_and_others_where_they_are_named() -> None:
    cpu, cuda = torch.device("cpu"), torch.device("cuda")
    everything = frozenset({"triton", "flash_attn", "flashinfer"})
    assert chosen("auto", cuda, installed=everything) == "triton"
    assert chosen("auto", cuda, installed=frozenset()) == "torch"
    assert chosen("auto", cpu, installed=everything) == "torch"
    assert chosen("torch", cuda, installed=everything) == "torch"
    assert chosen("flash_attn", cuda, installed=everything) == "flash_attn"
    with pytest.raises(NoBackend, match="flashinfer needs a GPU"):
        chosen("flashinfer", cpu, installed=everything)
    with pytest.raises(NoTriton, match="pip install triton"):
        chosen("triton", cuda, installed=frozenset())
