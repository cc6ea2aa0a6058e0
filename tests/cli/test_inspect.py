"""`agentkit models inspect`: told before anything is loaded."""

from pathlib import Path

from agentkit_local_models.catalogue import SMOLLM2, path_of

from .conftest import Cli


def test_the_embedded_model_is_told(cli: Cli) -> None:
    found = cli("models", "inspect", "local:smollm2")
    assert found.returncode == 0
    for line in (
        f"llama, 135 million parameters, 98 MB in {path_of(SMOLLM2)}",
        "  heads:           9 of 64, 3 key heads (GQA)",
        "  feed-forward:    1,536 wide, SwiGLU",
        "  vocabulary:      49,152, the head is the embedding",
        "  places:          RoPE, base 100000",
        "  context:         8,192 tokens",
    ):
        assert line in found.stdout.splitlines()


def test_what_is_not_there_is_said(cli: Cli) -> None:
    found = cli("models", "inspect", "no/such")
    assert (found.returncode, found.stdout) == (2, "")
    assert "there is no no/such; name a .gguf file, a folder, or one of smollm2" in found.stderr


def test_what_cannot_be_loaded_says_why(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"architectures": ["OPTForCausalLM"]}')
    found = cli("models", "inspect", tmp_path)
    assert (found.returncode, found.stdout) == (7, "")
    assert "the architectures ['OPTForCausalLM'] are not built; LlamaForCausalLM" in found.stderr
