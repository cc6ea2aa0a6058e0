"""A folder of another family, dropped on the disk as its makers published it, is a model like any other."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from agentkit.core.errors import BadRequest
from agentkit.core.messages import SystemMessage, ToolMessage, UserMessage
from agentkit.core.protocols import Answer, ModelRequest
from agentkit.core.tools import ToolSpec
from agentkit.models.dialects import DIALECTS
from agentkit.models.embedded import load_local
from agentkit.models.local import LocalModel
from agentkit_local_models.engine import Engine
from agentkit_local_models.families import read_family
from agentkit_local_models.hub_weights import places_in

from .pieces import train
from .test_checkpoint import hub_folder
from .test_families import theirs

READ = ToolSpec(
    "read_file",
    "Read a text file.",
    {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]},
    {"path": ("config.ini", "notes/todo.md")},
)
LATER = {
    "architectures": ["ChatGLMModel"],
    "padded_vocab_size": 640,
    "hidden_size": 32,
    "num_layers": 2,
    "num_attention_heads": 4,
    "kv_channels": 8,
    "multi_query_attention": True,
    "multi_query_group_num": 2,
    "ffn_hidden_size": 48,
    "layernorm_epsilon": 1e-5,
    "seq_length": 1024,
    "add_qkv_bias": True,
    "eos_token_id": 2,
}
FIRST = {
    "architectures": ["ChatGLMModel"],
    "vocab_size": 640,
    "hidden_size": 32,
    "num_layers": 2,
    "num_attention_heads": 4,
    "inner_hidden_size": 64,
    "layernorm_epsilon": 1e-5,
    "max_sequence_length": 1024,
    "position_encoding_2d": True,
}
SYMBOLS = ["[MASK]", "[gMASK]", "<sop>", "<eop>", "<n>", "<|tab|>", "<|blank_2|>"]


def folder_of(path: Path, settings: dict[str, Any]) -> Path:
    """A checkpoint with random weights under the names of its makers."""
    (path / "config.json").write_text(json.dumps(settings))
    arch, names = read_family(path / "config.json")
    generator = torch.Generator().manual_seed(1)
    shapes = {place.name: place.shape for place in places_in(arch, names, {}).values()}
    weights = {
        name: torch.randn(shape, generator=generator) / shape[-1] ** 0.5 for name, shape in shapes.items()
    }
    torch.save(weights, path / "pytorch_model.bin")
    # what must never happen to it is that it runs
    (path / "modeling_chatglm.py").write_text("raise SystemExit('it ran')")
    return path


def chatglm3(path: Path) -> Path:
    train(path / "tokenizer.model")
    (path / "tokenization_chatglm.py").write_text("['<|user|>', '<|assistant|>']\nraise SystemExit('it ran')")
    return folder_of(path, LATER)


def chatglm2(path: Path) -> Path:
    train(path / "tokenizer.model")
    return folder_of(path, LATER)


def chatglm(path: Path) -> Path:
    train(path / "ice_text.model", user_defined_symbols=SYMBOLS)
    start = 3 + SYMBOLS.index("[MASK]")  # behind <unk>, <s> and </s>
    places = {"mask_token_id": start, "gmask_token_id": start + 1, "bos_token_id": start + 2}
    return folder_of(path, FIRST | places)


LIKE_LLAMA = {
    "vocab_size": 640,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 48,
    "rms_norm_eps": 1e-6,
}
TURNS = "{% for message in messages %}{{ message.role }}: {{ message.content }}\n{% endfor %}assistant:"


def baichuan(path: Path) -> Path:
    train(path / "tokenizer.model")
    (path / "chat_template.jinja").write_text(TURNS)
    ends = {"eos_token_id": 2, "model_max_length": 1024}
    return folder_of(path, LIKE_LLAMA | ends | {"architectures": ["BaichuanForCausalLM"]})


def internlm(path: Path) -> Path:
    train(path / "tokenizer.model")
    (path / "chat_template.jinja").write_text(TURNS)
    ends = {"eos_token_id": 2, "max_position_embeddings": 1024, "bias": True}
    return folder_of(path, LIKE_LLAMA | ends | {"architectures": ["InternLMForCausalLM"]})


async def answered(model: LocalModel, most: int = 300, **more: Any) -> Answer:
    request = ModelRequest(
        (SystemMessage("Be brief."), UserMessage("你好, what is the port?")), max_tokens=most, **more
    )
    *_, answer = [piece async for piece in model.stream(request)]
    assert isinstance(answer, Answer)
    return answer


@pytest.mark.parametrize("build", [chatglm, chatglm2, chatglm3, baichuan, internlm])
async def test_a_folder_of_its_makers_code_answers_and_calls_tools(tmp_path: Path, build: Any) -> None:
    await assert_spoken_to(build(tmp_path))


DOZEN = (
    "llama 3.1", "mistral", "qwen2", "qwen3", "gemma", "gemma 2", "gemma 3", "phi 3", "glm 4", "bloom", "mpt",
    "falcon 7b", "falcon rw",
)  # fmt: skip


@pytest.mark.parametrize("kind", DOZEN)
async def test_a_folder_of_a_dozen_families_answers_and_calls_tools(tmp_path: Path, kind: str) -> None:
    context = {"max_seq_len": 1024} if kind == "mpt" else {"max_position_embeddings": 1024}
    folder = hub_folder(tmp_path, theirs(kind, vocab_size=260, eos_token_id=257, **context))
    (folder / "chat_template.jinja").write_text(TURNS)
    await assert_spoken_to(folder)


async def assert_spoken_to(folder: Path) -> None:
    """It answers, and when it has to call a tool, the call is one; the same again."""
    whole = load_local(f"local:{folder}", str(folder))
    assert (await answered(whole, most=4)).usage.output_tokens > 0
    # in a form of calls in which one that knows nothing cannot write blanks for ever
    model = LocalModel.load("local:x", folder, DIALECTS["python"], "agent/small")
    called = (await answered(model, tools=(READ,), must_call=True)).message.calls
    assert [call.name for call in called] == ["read_file"]
    assert called[0].arguments["path"] in READ.choices["path"]
    again = await answered(model, tools=(READ,), must_call=True)
    assert again.message.calls == called


@pytest.mark.parametrize("kind", ["llama 3.1", "qwen3", "glm 4"])
def test_a_folder_is_run_from_the_command_line_by_its_path(tmp_path: Path, kind: str) -> None:
    (folder := tmp_path / "folder").mkdir()
    hub_folder(folder, theirs(kind, vocab_size=260, eos_token_id=257, max_position_embeddings=8192))
    (folder / "chat_template.jinja").write_text(TURNS)
    (work := tmp_path / "work").mkdir()
    line = ["-m", "agentkit", "run", "Which port is set?", "-m", f"local:{folder}", "--max-steps", "1"]
    environ = {
        **os.environ,
        "XDG_STATE_HOME": str(tmp_path / "state"),
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
    }
    done = subprocess.run(
        [sys.executable, *line, "--max-output-tokens", "64"],
        cwd=work,
        env=environ,
        capture_output=True,
        text=True,
        timeout=120,
    )
    # it knows nothing, so it comes to the end of its step and says so
    assert (done.returncode, "the limit of 1 steps" in done.stderr) == (4, True), done.stderr


async def test_a_conversation_whose_tool_runs_keeps_its_cache_before_those_of_others(tmp_path: Path) -> None:
    folder = hub_folder(
        tmp_path, theirs("qwen2", vocab_size=260, eos_token_id=257, max_position_embeddings=1024)
    )
    (folder / "chat_template.jinja").write_text(TURNS)
    loaded = LocalModel.load("local:x", folder, DIALECTS["python"], "agent/small")

    async def reused(**asked: Any) -> int:
        engine = Engine(loaded.engine.checkpoint, loaded.engine._model, cache_tokens=1024)
        model = LocalModel("local:x", engine, DIALECTS["python"], loaded.profile)
        answer = await answered(model, **asked)
        assert bool(answer.message.calls) == bool(asked.get("tools"))
        for start in range(5):
            engine.prefill([start] * 300)
        return (await answered(model, **asked)).usage.cached_tokens

    assert await reused(most=20) == 0
    assert await reused(tools=(READ,), must_call=True) > 90


async def test_chatglm3_calls_as_it_was_trained_to_and_observes_what_came_of_it(tmp_path: Path) -> None:
    model = load_local("local:x", str(chatglm3(tmp_path)))
    asked = (SystemMessage("Be brief."), UserMessage("你好, what is the port?"))
    *_, answer = [
        piece async for piece in model.stream(ModelRequest(asked, (READ,), max_tokens=300, must_call=True))
    ]
    assert isinstance(answer, Answer)
    (call,) = answer.message.calls
    assert call.name == "read_file"
    observed = ToolMessage(call.id, call.name, "port = 80")
    text = model.engine.tokenizer.decode(
        model.prompt(ModelRequest((*asked, answer.message, observed), (READ,))), skip_special=False
    )
    written = f'read_file\n ```python\ntool_call(path="{call.arguments["path"]}")\n```'
    assert f"<|assistant|>{written}<|observation|>\n port = 80<|assistant|>" in text.replace("|> ", "|>")


async def test_a_model_that_knows_no_system_turn_is_told_before_the_question(tmp_path: Path) -> None:
    model = load_local("local:x", str(chatglm2(tmp_path)))
    ids = model.prompt(ModelRequest((SystemMessage("Be brief."), UserMessage("hello"))))
    text = model._engine.tokenizer.decode(ids)
    assert text == "[Round 1]\n\n问：Be brief.\n\nhello\n\n答："


def test_a_model_without_turns_says_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / "generation_config.json").write_text('{"eos_token_id": 2}')
    train(tmp_path / "tokenizer.model")
    settings = {
        "architectures": ["BaichuanForCausalLM"],
        "vocab_size": 640,
        "hidden_size": 32,
        "num_hidden_layers": 1,
        "num_attention_heads": 4,
        "intermediate_size": 48,
        "rms_norm_eps": 1e-6,
        "model_max_length": 64,
    }
    with pytest.raises(BadRequest, match=r"no chat template, .*; a chat_template.jinja in its folder works"):
        load_local("local:x", str(folder_of(tmp_path, settings)))


def test_a_template_that_is_broken_is_told_with_the_model(tmp_path: Path) -> None:
    folder = chatglm2(tmp_path)
    (folder / "chat_template.jinja").write_text("{% for turn in %}")
    with pytest.raises(BadRequest, match=r"^local:/.*: the chat template is not valid: Expected"):
        load_local("local:x", str(folder))
