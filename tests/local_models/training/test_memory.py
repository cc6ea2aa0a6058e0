from agentkit_local_models.config import DecoderConfig
from agentkit_local_models.lora import LoraConfig
from agentkit_local_models.training.memory import PackShape, estimate

CONFIG = DecoderConfig(
    family="llama", vocabulary_size=100, width=16, layers=3, heads=4, kv_heads=2, head_width=4,
    feed_forward_width=24, rope_base=1e4, norm_epsilon=1e-5, context=64, tied_head=True, qkv_bias=False,
)  # fmt: skip
PACK = PackShape.filled(20)


def test_an_adapter_is_counted_with_its_gradients_and_states() -> None:
    need = estimate(CONFIG, PACK, LoraConfig(rank=2, targets=("attention.output",)), "bfloat16")
    assert need.trained == need.gradients == 3 * 2 * (16 + 16) * 4
    assert need.states == 2 * need.trained
    assert need.dense_gradients == 3 * 16 * 16 * 2
