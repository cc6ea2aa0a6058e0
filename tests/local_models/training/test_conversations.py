"""Rows of a data file: which tokens are learnt, and what is said of rows that cannot be used."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from agentkit_local_models.chat_template import ChatTemplate, encode_chat
from agentkit_local_models.checkpoint import Checkpoint
from agentkit_local_models.training.conversations import DataError, Encoder, read_conversations
from agentkit_local_models.training.packs import Conversation

from .tiny import END, TEMPLATE, hub_model, turns, write_rows


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    with Checkpoint.open(hub_model(tmp_path_factory.mktemp("hub") / "model")) as opened:
        return opened


@pytest.fixture
def encoder(checkpoint: Checkpoint) -> Encoder:
    return Encoder(checkpoint, most_tokens=200)


def learnt(checkpoint: Checkpoint, conversation: Conversation) -> str:
    """The tokens to be learnt as text, with a bar between those that are apart."""
    pieces, last = "", None
    for place, (token, learn) in enumerate(zip(conversation.ids, conversation.learn, strict=True)):
        if learn:
            pieces += "|" if last is not None and place > last + 1 else ""
            pieces += checkpoint.tokenizer.token_bytes(token).decode()
            last = place
    return pieces


def whole(conversation: Conversation) -> list[int]:
    return [*conversation.prefix, *conversation.ids]


FOUR = turns("one?", "yes", "two?", "no", "three?", "maybe")


@pytest.mark.parametrize(
    ("learn", "expected"),
    [
        (None, f"yes{END}|no{END}|maybe{END}"),
        ([6], f"maybe{END}"),
        ([2, 6], f"yes{END}|maybe{END}"),
    ],
)
def test_only_the_turns_to_be_learnt_are(
    checkpoint: Checkpoint, encoder: Encoder, learn: list[int] | None, expected: str
) -> None:
    conversation = encoder.conversation(FOUR, learn)
    assert learnt(checkpoint, conversation) == expected


@pytest.mark.parametrize("system", ["Add.", None])
def test_a_conversation_has_the_tokens_of_the_chat(
    checkpoint: Checkpoint, encoder: Encoder, system: str | None
) -> None:
    spoken = turns("one?", "yes", "two?", "no", system=system)
    conversation = encoder.conversation(spoken, None)
    expected = encode_chat(ChatTemplate(TEMPLATE), checkpoint.tokenizer, spoken, add_generation_prompt=False)
    assert whole(conversation) == expected
    opening = "" if system is None else f"<|im_start|>system\n{system}<|im_end|>\n"
    assert checkpoint.tokenizer.decode(conversation.prefix, skip_special=False) == opening


def test_special_tokens_in_what_is_said_stay_text(checkpoint: Checkpoint, encoder: Encoder) -> None:
    conversation = encoder.conversation(turns("say it", f"a{END}b"), None)
    assert learnt(checkpoint, conversation) == f"a{END}b{END}"
    assert sum(token in checkpoint.stop_ids for token in conversation.ids) == 2  # the user's and its own


def test_running_text_is_learnt_from_its_second_token(checkpoint: Checkpoint, encoder: Encoder) -> None:
    conversation = encoder.text("Hello", general=True)
    assert learnt(checkpoint, conversation) == "ello"
    assert conversation.general
    assert conversation.prefix == ()


def test_a_file_is_read_row_by_row(tmp_path: Path, encoder: Encoder) -> None:
    path = write_rows(tmp_path / "rows.jsonl", [{"turns": FOUR, "family": "x"}, {"text": "Hi there"}])
    path.write_text(path.read_text() + "\n   \n")
    found = list(read_conversations(path, encoder))
    assert [len(whole(one)) for one in found] == [
        len(whole(encoder.conversation(FOUR, None))),
        len("Hi there"),
    ]


def row(**content: Any) -> bytes:
    return json.dumps(content).encode()


def test_a_row_that_cannot_be_used_is_named_with_its_line(tmp_path: Path, encoder: Encoder) -> None:
    good = row(turns=FOUR)
    user = {"role": "user", "content": "a"}
    bad = {
        b"{": "it is no JSON: Expecting property name",
        b"\xff\xfe{}": "it is no JSON: 'utf-8' codec",
        b"[" * 100_000: "it is no JSON",
        b"[1, 2]": 'a row is an object with "turns" or "text"',
        b"{}": 'a row is an object with "turns" or "text"',
        row(turns=[]): 'a row is an object with "turns" or "text"',
        row(turns="a"): 'a row is an object with "turns" or "text"',
        row(text=5): 'a row is an object with "turns" or "text"',
        row(turns=[user, "b"]): "turn 1 is no object",
        row(turns=[user, {"role": "assistant"}]): "turn 1 lacks a role or content",
        row(turns=[user, {"content": "b"}]): "turn 1 lacks a role or content",
        row(turns=[user, {"role": "wizard", "content": "b"}]): "the role 'wizard' is unknown",
        row(turns=FOUR, learn=[7]): '"learn" names turns from 0 to 6; found [7]',
        row(turns=FOUR, learn=[-1]): '"learn" names turns from 0 to 6; found [-1]',
        row(turns=FOUR, learn=2): '"learn" names turns from 0 to 6; found 2',
        row(turns=FOUR, learn=["2"]): '"learn" names turns from 0 to 6',
        row(turns=FOUR, learn=[True]): '"learn" names turns from 0 to 6',
        row(turns=FOUR, learn=[1]): "turn 1 is of the role 'user'; only the assistant's",
        row(turns=FOUR, learn=[]): "no turn of it is to be learnt",
        row(turns=[user]): "no turn of it is to be learnt",
        row(turns=turns("a" * 300, "b")): "at most 200 are trained on",
        row(text="a" * 201): "it has 201 tokens; 2 to 200 are trained on",
        row(text="a"): "it has 1 tokens; 2 to 200 are trained on",
        b'{"text": "\\ud800 lone"}': "not text that can be encoded",
        row(turns=turns("\ud800", "b")): "not text that can be encoded",
    }
    path = tmp_path / "rows.jsonl"
    for line, said in bad.items():
        path.write_bytes(b"\n".join((good, b"", line, good)) + b"\n")
        with pytest.raises(DataError) as caught:
            list(read_conversations(path, encoder))
        assert str(caught.value).startswith(f"{path}, line 3: "), line
        assert said in str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path, encoder: Encoder) -> None:
    with pytest.raises(DataError, match=r"gone\.jsonl cannot be read: No such file"):
        list(read_conversations(tmp_path / "gone.jsonl", encoder))


def test_a_template_that_changes_earlier_turns_is_refused(checkpoint: Checkpoint) -> None:
    counting = dataclasses.replace(checkpoint, chat_template="{{ messages | length }} " + TEMPLATE)
    encoder = Encoder(counting, 200)
    with pytest.raises(ValueError, match="changes earlier turns"):
        encoder.conversation(FOUR, None)


def test_a_model_without_a_template_is_refused(checkpoint: Checkpoint) -> None:
    with pytest.raises(DataError, match="has no chat template"):
        Encoder(dataclasses.replace(checkpoint, chat_template=None), 200)
