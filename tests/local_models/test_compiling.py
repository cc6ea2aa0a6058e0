"""What torch compiled computes what was computed without it."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, fx

from agentkit_local_models.compiling import by_cpp, by_torch
from agentkit_local_models.deltas import Deltas
from agentkit_local_models.engine import Engine
from agentkit_local_models.errors import LocalModelError
from agentkit_local_models.lora import LoraConfig
from agentkit_local_models.model import Model
from agentkit_local_models.variants import Variant

from .test_adapters import random_adapter
from .tiny import random_weights, tiny_arch

ARCH = tiny_arch(layers=6, query_key_norm=True)
TOKENS = [(7 * number) % 97 for number in range(60)]


class Counted:
    """A backend of torch.compile that runs graphs as they are, and counts them."""

    graphs = 0
    calls = 0

    def __call__(self, graph: fx.GraphModule, _inputs: Sequence[Any]) -> Callable[..., Any]:
        self.graphs += 1

        def run(*given: Any) -> Any:
            self.calls += 1
            return graph.forward(*given)

        return run


def told(model: Model, variant: Variant | None = None) -> Tensor:
    """The logits after each token, read in pieces of several sizes."""
    cache = model.new_cache()
    cache.variant = variant or cache.variant
    pieces = (5, 1, 1, 7, 30, 1, 15)
    return torch.cat([model.logits(TOKENS[cache.length :][:size], cache, every=True) for size in pieces])


def test_graphs_compute_every_block_and_are_the_same_for_all_layers() -> None:
    weights = random_weights(ARCH)
    counted = Counted()
    compiled = Model(ARCH, weights.items(), torch.float64, compiler=by_torch(counted))
    torch.testing.assert_close(told(compiled), told(Model(ARCH, weights.items(), torch.float64)))
    assert counted.calls == 7 * 2 * ARCH.layers  # before attention and after it
    assert counted.graphs == 6  # of these for one token, for five, and for any number

    adapter = Variant(deltas=Deltas.of(random_adapter(ARCH, LoraConfig(rank=2), 1), ARCH, torch.float64))
    with_adapter = told(compiled, adapter)
    assert counted.calls == 7 * 2 * ARCH.layers  # of an adapter nothing is compiled
    assert (with_adapter - told(compiled)).abs().max() > 0.01


def test_weights_that_are_not_floats_are_refused() -> None:
    with pytest.raises(ValueError, match="has weights in floats, not in int8; bfloat16 works"):
        Model(ARCH, random_weights(ARCH).items(), torch.float32, "int8", compiler=by_torch(Counted()))


def test_without_a_compiler_one_line_says_so() -> None:
    with pytest.raises(LocalModelError, match=r"needs a C\+\+ compiler, and there is no clang-99; set CXX"):
        by_cpp(find=lambda _name: None, environ={"CXX": "clang-99"})


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.torch.jit.script_method. is deprecated")  # of torch's own making
def test_an_engine_has_its_prompts_compiled(smollm2_path: Path) -> None:
    plain = Engine.load(smollm2_path, dtype="float32", native=False)
    compiled = Engine.load(smollm2_path, dtype="float32", native=False, compiled=True)
    graphs = torch._dynamo.utils.counters["stats"]["unique_graphs"]
    ids = plain.tokenizer.encode("The quick brown fox jumps over the lazy dog.")
    torch.testing.assert_close(compiled.logits(ids), plain.logits(ids), atol=1e-3, rtol=1e-4)
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] == graphs + 2


def test_quantised_weights_are_refused_before_any_is_read(smollm2_path: Path) -> None:
    with pytest.raises(ValueError, match="has weights in floats, not in int4"):
        Engine.load(smollm2_path, precision="int4", compiled=True)
