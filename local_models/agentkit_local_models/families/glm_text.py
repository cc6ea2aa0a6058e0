"""What ChatGLM and GLM-4 folders keep in Python files that are not run: special tokens, and how one chats.

The official tokenizers are code. Their facts are written here: which ids the special tokens have, what
text is turned into before SentencePiece sees it, and how turns are put together, as chat templates.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from agentkit_local_models.arch import Arch
from agentkit_local_models.errors import CheckpointError
from agentkit_local_models.json_file import read_optional
from agentkit_local_models.sentencepiece_file import tokenizer_from_sentencepiece
from agentkit_local_models.tiktoken_file import is_ranks, tokenizer_from_ranks
from agentkit_local_models.tokenizer import AddedToken, Tokenizer, spell_pieces

# ChatGLM 2 and 3 number these from the end of the SentencePiece vocabulary on.
_LATER = ("[MASK]", "[gMASK]", "[sMASK]", "sop", "eop")
_ROLES = ("<|system|>", "<|user|>", "<|assistant|>", "<|observation|>")
# The text cut of GLM-4's tiktoken file, the same as Llama 3's.
_CUT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
    r"|\s+(?!\S)|\s+"
)

_FIRST_CHAT = (
    "{% set n = namespace(round=0) %}"
    "{% for turn in messages %}{% if turn['role'] == 'user' and messages|length == 1 %}{{ turn['content'] }}"
    "{% elif turn['role'] == 'user' %}{{ '[Round ' ~ n.round ~ ']\n问：' ~ turn['content'] ~ '\n答：' }}"
    "{% elif turn['role'] == 'assistant' %}{{ turn['content'] ~ '\n' }}{% set n.round = n.round + 1 %}"
    "{% else %}{{ raise_exception('there are only turns of user and assistant') }}"
    "{% endif %}{% endfor %}[gMASK]<sop>"
)
_SECOND_CHAT = (
    "[gMASK]sop{% set n = namespace(round=1) %}"
    "{% for turn in messages %}{% if turn['role'] == 'user' %}"
    "{{ '[Round ' ~ n.round ~ ']\n\n问：' ~ turn['content'] ~ '\n\n答：' }}"
    "{% elif turn['role'] == 'assistant' %}{{ turn['content'] ~ '\n\n' }}{% set n.round = n.round + 1 %}"
    "{% else %}{{ raise_exception('there are only turns of user and assistant') }}{% endif %}{% endfor %}"
)
# SentencePiece puts a space before each piece: after the line's end it is written. That line is the name of a
# tool where a turn is a call, whose content has it, and else empty.
_THIRD_CHAT = (
    "[gMASK]sop{% for turn in messages %}"
    "<|{{ 'observation' if turn['role'] == 'tool' else turn['role'] }}|>"
    "{{ ('' if turn['name'] else '\n ') ~ turn['content'] }}"
    "{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
_FOURTH_CHAT = _THIRD_CHAT.replace("sop", "<sop>").replace("'\n '", "'\n'")


@dataclass(frozen=True, slots=True)
class Text:
    """How a model reads and is spoken to.

    Attributes:
        tokenizer: text to ids and back.
        chat_template: Jinja.
        stops: the tokens that end an answer.
        calls: the form of calls that it was trained to write, where that has a name; empty for none.
    """

    tokenizer: Tokenizer
    chat_template: str
    stops: frozenset[int]
    calls: str = ""

    @classmethod
    def of(cls, tokenizer: Tokenizer, chat_template: str, *stops: str) -> Text:
        """With the stops by their texts.

        Raises:
            TokenizerError: the tokenizer has no such token.
        """
        return cls(tokenizer, chat_template, frozenset(map(tokenizer.id_of, stops)))


def read_text(folder: Path, arch: Arch) -> Text:
    """The text side of a ChatGLM or GLM-4 folder as its makers published it.

    Raises:
        CheckpointError: no file of a tokenizer, or a damaged one, or its library is not here.
    """
    if arch.prefix is not None:
        return _first(folder, arch)
    file = folder / "tokenizer.model"
    if not file.is_file():
        raise CheckpointError(f"{folder}: no tokenizer.model")
    if is_ranks(file):
        ranks = tokenizer_from_ranks(file, _CUT, _listed(folder))
        return Text.of(ranks, _FOURTH_CHAT, "<|endoftext|>", *_TURN_ENDS)
    third = _knows_roles(folder)
    first = tokenizer_from_sentencepiece(file).vocabulary_size
    names = (*_LATER, *_ROLES) if third else _LATER
    added = [AddedToken(name, first + place, special=True) for place, name in enumerate(names)]
    pieces = tokenizer_from_sentencepiece(file, added)
    if not third:
        return Text.of(pieces, _SECOND_CHAT, "</s>")
    return replace(Text.of(pieces, _THIRD_CHAT, "</s>", *_TURN_ENDS), calls="chatglm3")


# A model that wants a tool's result, or the person's turn, says so by beginning that turn.
_TURN_ENDS = ("<|user|>", "<|observation|>")


def _knows_roles(folder: Path) -> bool:
    """Whether it is ChatGLM3: the generations have one class and one shape, and differ in their tokens."""
    for name in ("tokenizer_config.json", "tokenization_chatglm.py"):
        file = folder / name
        if file.is_file() and "<|assistant|>" in file.read_text(encoding="utf-8", errors="replace"):
            return True
    return False


def _listed(folder: Path) -> list[AddedToken]:
    """The added tokens that `tokenizer_config.json` lists by their ids."""
    file = folder / "tokenizer_config.json"
    listed = read_optional(file).get("added_tokens_decoder")
    if not isinstance(listed, dict) or not listed:
        raise CheckpointError(f"{file}: 'added_tokens_decoder' should list the special tokens by id")
    found: list[AddedToken] = []
    for token, entry in cast("dict[str, object]", listed).items():
        text = cast("Mapping[str, object]", entry).get("content") if isinstance(entry, dict) else None
        if not isinstance(text, str) or not token.isdigit():
            raise CheckpointError(f"{file}: the added token {token!r} should have a 'content'")
        found.append(AddedToken(text, int(token), special=True))
    return found


# ChatGLM-6B writes lines, tabs and runs of spaces as tokens of their own.
_BLANKS = re.compile(r" {2,80}")
_BLANK_PIECE = re.compile(r"<\|blank_(\d+)\|>")


def prepare_first(text: str) -> str:
    r"""What ChatGLM-6B's tokenizer turns text into.

    >>> prepare_first("a\n\tb   c")
    'a<n><|tab|>b<|blank_3|>c'
    """
    text = text.replace("\n", "<n>").replace("\t", "<|tab|>")
    return _BLANKS.sub(lambda run: f"<|blank_{len(run[0])}|>", text)


def spell_first(piece: str) -> bytes:
    r"""The bytes of a piece of ChatGLM-6B.

    >>> spell_first("<n>"), spell_first("<|blank_3|>"), spell_first("▁a")
    (b'\n', b'   ', b' a')
    """
    if (blanks := _BLANK_PIECE.fullmatch(piece)) is not None:
        return b" " * int(blanks[1])
    return {"<n>": b"\n", "<|tab|>": b"\t"}.get(piece) or spell_pieces(piece)


def _first(folder: Path, arch: Arch) -> Text:
    """ChatGLM-6B: `ice_text.model`; the special tokens have the ids that the config gives them."""
    assert arch.prefix is not None
    mask, gmask = arch.prefix.masks
    added = [
        AddedToken("[MASK]", mask, special=True),
        AddedToken("[gMASK]", gmask, special=True),
        AddedToken("<sop>", arch.prefix.start, special=True),
        AddedToken("<eop>", arch.prefix.start + 1, special=True),
    ]
    if gmask + 1 < arch.prefix.start:  # no setting numbers it: it follows the other two
        added.append(AddedToken("[sMASK]", gmask + 1, special=True))
    # The first release put the ids of 20,000 image tokens before those of text.
    offset = 20_000 if mask >= 150_000 else 0
    tokenizer = tokenizer_from_sentencepiece(
        folder / "ice_text.model", added, prepared=prepare_first, spell=spell_first, offset=offset
    )
    return Text.of(tokenizer, _FIRST_CHAT, "<eop>")
