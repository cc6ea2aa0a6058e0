"""What a prompt's tokens go through between products: in C++ what torch computes in float32, rounded once."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from agentkit_local_models.arch import Arch, RopeScaling
from agentkit_local_models.layers import Norm
from agentkit_local_models.model import Model
from agentkit_local_models.native import library as c
from agentkit_local_models.native.build import built_dir, built_library
from agentkit_local_models.native.model import NativeModel
from agentkit_local_models.native.pointwise import NativePointwise
from agentkit_local_models.pointwise import Pointwise
from agentkit_local_models.rotary import Rotation

from .oracle import random_weights
from .test_native import KINDS, LLAMA, TOKENS

ROPE = RopeScaling("linear", 2.0, 32, 1.0, 4.0)


@pytest.fixture(scope="module")
def workers() -> c.Workers:
    return c.Workers(c.Library(built_library(built_dir())), 2)


class Noted:
    """Workers that say what they were asked for."""

    def __init__(self, workers: c.Workers) -> None:
        self.library, self.handle = self, workers.handle
        self.asked: list[str] = []
        self._library = workers.library

    def __getattr__(self, name: str) -> Any:
        self.asked.append(name)
        return getattr(self._library, name)


def drawn(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape))).bfloat16()


def once(found: Tensor, exact: Tensor) -> None:
    """That numbers are the exact ones rounded once: half of a step away at most."""
    assert found.dtype == torch.bfloat16
    torch.testing.assert_close(found.to(exact.dtype), exact, rtol=2**-8 * 1.001, atol=1e-12)


@pytest.mark.parametrize("rows", [1, 33])
@torch.inference_mode()
def test_a_norm(rows: int, workers: c.Workers) -> None:
    norm = Norm(drawn(64).float(), None)
    x = drawn(rows, 96)[:, 16:80]  # rows that lie apart
    exact = Pointwise(LLAMA).norm(x.float(), norm)
    noted = Noted(workers)
    once(NativePointwise(LLAMA, noted).norm(x, norm), exact)
    assert noted.asked == ["norm_many"]


@pytest.mark.parametrize("activation", ["silu", "gelu-tanh"])
@torch.inference_mode()
def test_a_gate(activation: str, workers: c.Workers) -> None:
    arch = replace(LLAMA, activation=activation)
    hidden = 4 * drawn(33, 192)
    exact = Pointwise(arch).activated(hidden.double())
    noted = Noted(workers)
    once(NativePointwise(arch, noted).activated(hidden), exact)
    assert noted.asked == ["gate_many"]


@pytest.mark.parametrize(("head_width", "rotated"), [(32, None), (64, 32), (64, 64)])
@torch.inference_mode()
def test_a_rotation(head_width: int, rotated: int | None, workers: c.Workers) -> None:
    arch = replace(LLAMA, head_width=head_width, rope_width=rotated, rope_scaling=ROPE)
    table = Rotation(arch, arch.rope_base, ROPE).table(torch.arange(33), torch.bfloat16)
    heads = drawn(33, 8, head_width)
    exact = heads.float()
    Pointwise(arch).rotate(exact[:, :6], *(one.float() for one in table))
    found = heads.clone()
    noted = Noted(workers)
    NativePointwise(arch, noted).rotate(found[:, :6], *table)
    torch.testing.assert_close(found.float(), exact, rtol=2**-8 * 1.001, atol=1e-6)
    assert noted.asked == ["turn_many"]
    assert found[:, 6:].equal(heads[:, 6:])


CASES: dict[str, tuple[Arch, Callable[[Pointwise], Tensor]]] = {
    "float32": (LLAMA, lambda one: one.norm(drawn(3, 64).float(), Norm(torch.ones(64), None))),
    "layer norm": (
        replace(LLAMA, norm="layer"),
        lambda one: one.norm(drawn(3, 64), Norm(torch.ones(64), torch.ones(64))),
    ),
    "norm of a head": (LLAMA, lambda one: one.norm(drawn(3, 4, 16), Norm(torch.ones(16), None))),
    "no whole vectors": (LLAMA, lambda one: one.activated(drawn(3, 48))),
    "no gate": (replace(LLAMA, gated=False), lambda one: one.activated(drawn(3, 64))),
    "another activation": (replace(LLAMA, activation="gelu"), lambda one: one.activated(drawn(3, 64))),
    "columns": (LLAMA, lambda one: one.activated(drawn(64, 3).T)),
}


@pytest.mark.parametrize("case", CASES)
@torch.inference_mode()
def test_what_is_not_written_in_cpp_is_torchs_to_the_bit(case: str, workers: c.Workers) -> None:
    arch, computed = CASES[case]
    noted = Noted(workers)
    assert computed(NativePointwise(arch, noted)).equal(computed(Pointwise(arch)))
    assert not noted.asked


def test_gradients_go_through_torch(workers: c.Workers) -> None:
    x = drawn(3, 64).requires_grad_()
    norm = Norm(torch.ones(64), None)
    (found,) = torch.autograd.grad(NativePointwise(LLAMA, workers).norm(x, norm).sum(), x)
    (expected,) = torch.autograd.grad(Pointwise(LLAMA).norm(x, norm).sum(), x)
    assert found.equal(expected)


@pytest.mark.parametrize("kind", ["llama", "one key head", "part of a head", "llama 3"])
def test_a_prompt_in_bfloat16_is_as_near_the_exact_one_as_torchs(kind: str, workers: c.Workers) -> None:
    arch = replace(KINDS[kind], head_width=64) if kind != "llama" else KINDS[kind]
    weights = {name: weight.bfloat16() for name, weight in random_weights(arch).items()}
    exact = Model(arch, weights.items(), torch.float32)
    plain = Model(arch, weights.items(), torch.bfloat16)
    native = NativeModel(Model(arch, weights.items(), torch.bfloat16), workers)
    tokens = (TOKENS * 2)[:80]
    expected = exact.logits(tokens, exact.new_cache(), every=True)

    def off(model: Model | NativeModel) -> float:
        return float((model.logits(tokens, model.new_cache(), every=True) - expected).norm())

    assert off(native) < 1.1 * off(plain)
