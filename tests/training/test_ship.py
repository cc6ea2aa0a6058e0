"""What is shipped can lie halfway between an adapter and the one that it began as."""

import torch
from ship import halfway

from agentkit_local_models.lora import Adapter, LoraConfig, Pair

CONFIG = LoraConfig(2, 4.0)


def adapter(a: float, b: float) -> Adapter:
    return Adapter(CONFIG, {"one": Pair(torch.full((2, 3), a), torch.full((4, 2), b))})


def test_halfway_is_the_mean_of_both_factors() -> None:
    mean = halfway(adapter(1.0, 0.0), adapter(3.0, 0.5))
    assert mean.config == CONFIG
    assert torch.equal(mean.pairs["one"].a, torch.full((2, 3), 2.0))
    assert torch.equal(mean.pairs["one"].b, torch.full((4, 2), 0.25))


def test_halfway_between_an_adapter_and_itself_is_the_adapter() -> None:
    same, mean = adapter(0.3, 0.7), halfway(adapter(0.3, 0.7), adapter(0.3, 0.7))
    assert torch.equal(mean.pairs["one"].a, same.pairs["one"].a)
    assert torch.equal(mean.pairs["one"].b, same.pairs["one"].b)
