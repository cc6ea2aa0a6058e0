"""The text side of a hub folder: its tokenizer, chat template, and the tokens that end an answer.

A folder has a `tokenizer.json`, or a `tokenizer.model` of SentencePiece, or what its family's Python files
say of it (`families/glm_text.py`); those Python files are never run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from agentkit_local_models.arch import Arch
from agentkit_local_models.errors import CheckpointError
from agentkit_local_models.families.baichuan_text import read_turns
from agentkit_local_models.families.glm_text import read_text
from agentkit_local_models.hub_tokenizer import tokenizer_from_hub
from agentkit_local_models.json_file import read_optional
from agentkit_local_models.tokenizer import AddedToken, Tokenizer


@dataclass(frozen=True, slots=True)
class HubText:
    """How a model reads and is spoken to; see `Checkpoint`."""

    tokenizer: Tokenizer
    chat_template: str | None
    stop_ids: frozenset[int]
    special_texts: Mapping[str, str]
    calls: str = ""


def read_hub_text(path: Path, arch: Arch) -> HubText:
    """The text side of a folder.

    Raises:
        CheckpointError: a file is missing or damaged, or no token ends an answer.
        UnsupportedCheckpoint: a tokenizer that is not built, or whose library is not here.
    """
    settings = read_optional(path / "tokenizer_config.json")
    template = _hub_chat_template(path, settings)
    specials = _hub_special_texts(settings)
    if (path / "tokenizer.json").is_file():
        return HubText(tokenizer_from_hub(path / "tokenizer.json"), template, _hub_stop_ids(path), specials)
    if arch.family in ("chatglm", "chatglm2"):
        text = read_text(path, arch)
        # the makers' own template, where there is one, knows neither calls nor what came of them
        chat = text.chat_template if text.calls or template is None else template
        return HubText(text.tokenizer, chat, text.stops, specials, text.calls)
    if (path / "tokenizer.model").is_file():
        tokenizer, turns = read_turns(path, _listed_tokens(path, settings))
        return HubText(tokenizer, template or turns, _hub_stop_ids(path), specials)
    raise CheckpointError(f"{path}: no tokenizer.json and no tokenizer.model")


def _listed_tokens(path: Path, settings: Mapping[str, object]) -> list[AddedToken]:
    """The tokens that `added_tokens.json` and `tokenizer_config.json` put beside a `tokenizer.model`."""
    numbers = read_optional(path / "added_tokens.json")
    listed = {text: token for text, token in numbers.items() if text and isinstance(token, int)}
    entries = settings.get("added_tokens_decoder")
    for token, entry in (cast("dict[str, object]", entries) if isinstance(entries, dict) else {}).items():
        text = cast("dict[str, object]", entry).get("content") if isinstance(entry, dict) else None
        if isinstance(text, str) and text and token.isdigit():
            listed[text] = int(token)
    return [AddedToken(text, token, special=True) for text, token in listed.items()]


def _hub_chat_template(path: Path, settings: Mapping[str, object]) -> str | None:
    """`chat_template.jinja` if there, else the one in `tokenizer_config.json`."""
    file = path / "chat_template.jinja"
    if file.is_file():
        try:
            return file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise CheckpointError(f"{file}: cannot be read: {error}") from error
    template = settings.get("chat_template")
    if isinstance(template, list):  # several named ones: [{"name": ..., "template": ...}]
        named = [
            cast("dict[str, object]", entry)
            for entry in cast("list[object]", template)
            if isinstance(entry, dict)
        ]
        template = next((e.get("template") for e in named if e.get("name") == "default"), None)
    return template if isinstance(template, str) else None


def _hub_stop_ids(path: Path) -> frozenset[int]:
    """`eos_token_id` of `generation_config.json`, else of `config.json`; a number or a list."""
    for file in (path / "generation_config.json", path / "config.json"):
        value = read_optional(file).get("eos_token_id")
        ids = cast("list[object]", value) if isinstance(value, list) else [value]
        stops = frozenset(token for token in ids if isinstance(token, int))
        if stops:
            return stops
    raise CheckpointError(f"{path}: no 'eos_token_id' in generation_config.json or config.json")


def _hub_special_texts(settings: Mapping[str, object]) -> dict[str, str]:
    """`bos_token` and its like in `tokenizer_config.json`, each a string or an object."""
    texts: dict[str, str] = {}
    for name in ("bos_token", "eos_token", "unk_token", "pad_token"):
        value = settings.get(name)
        if isinstance(value, dict):
            value = cast("dict[str, object]", value).get("content")
        if isinstance(value, str):
            texts[name] = value
    return texts
