import os
from pathlib import Path

import pytest

MODELS = Path(os.environ.get("AGENTKIT_MODELS_DIR", Path.home() / ".cache/agentkit/models"))


def model_file(folder: str, name: str) -> Path:
    path = MODELS / folder / name
    if not path.is_file():
        pytest.fail(f"{path} is missing; run: agentkit models fetch {folder}")
    return path


@pytest.fixture(scope="session")
def smollm2_path() -> Path:
    return model_file("smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf")


@pytest.fixture(scope="session")
def qwen_path() -> Path:
    return model_file("qwen2.5-coder-1.5b", "qwen2.5-coder-1.5b-instruct-q4_k_m.gguf")
