"""LangChain's own suites for chat models, run on ours through the bridge."""

from functools import cache
from pathlib import Path
from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_tests.integration_tests import ChatModelIntegrationTests
from langchain_tests.unit_tests import ChatModelUnitTests

from agentkit import load_model
from agentkit.bridges.langchain import ChatAgentkit

from .obliging import obliging

pytestmark = pytest.mark.langchain

# a key, a time limit and retries belong to our model, which has its own
STANDARD = {"temperature": 0.0, "max_tokens": 100, "stop": []}


class TestUnit(ChatModelUnitTests):
    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return ChatAgentkit

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"model": obliging()}

    @property
    def standard_chat_model_params(self) -> dict[str, Any]:
        return STANDARD


class Bridged(ChatModelIntegrationTests):
    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return ChatAgentkit

    @property
    def standard_chat_model_params(self) -> dict[str, Any]:
        return STANDARD

    @property
    def supports_json_mode(self) -> bool:
        return True

    @property
    def supports_model_override(self) -> bool:
        return True

    @property
    def model_override_value(self) -> str:
        return f"scripted:{Path(__file__).with_name('another.jsonl')}"


class TestIntegration(Bridged):
    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"model": obliging()}


@cache
def weights() -> Any:
    return load_model("local:qwen2.5-coder:1.5b")


@pytest.mark.slow
class TestLocal(Bridged):
    """The same with a model that really answers, held to schemas and to calls by its grammar."""

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"model": weights(), "max_tokens": 400}

    @property
    def standard_chat_model_params(self) -> dict[str, Any]:
        return {"temperature": 0.0}
