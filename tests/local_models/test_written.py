"""What a model wrote goes into the next prompt as the tokens it wrote."""

import pytest

from agentkit_local_models.chat_template import ChatTemplate, encode_chat
from agentkit_local_models.checkpoint import Checkpoint
from agentkit_local_models.tokenizer import Tokenizer
from agentkit_local_models.written import Written


@pytest.fixture(scope="module")
def checkpoint(smollm2_path) -> Checkpoint:
    with Checkpoint.open(smollm2_path) as opened:
        return opened


@pytest.fixture(scope="module")
def template(checkpoint: Checkpoint) -> ChatTemplate:
    assert checkpoint.chat_template is not None
    return ChatTemplate(checkpoint.chat_template, checkpoint.special_texts)


def letters(tokenizer: Tokenizer, text: str) -> list[int]:
    """A token for each character, which is not the tokenizer's way."""
    found = [token for letter in text for token in tokenizer.encode(letter, first=False)]
    assert found != tokenizer.encode(text, first=False)
    return found


ASKED = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "hello"}]


def test_an_answer_keeps_its_tokens_in_the_next_prompt(checkpoint, template) -> None:
    tokenizer, written = checkpoint.tokenizer, Written(checkpoint.tokenizer)
    prompt = encode_chat(template, tokenizer, ASKED, written=written)
    answer = letters(tokenizer, "Good morning to you.\nAnd you?")
    written.add(prompt, answer)
    follow = [
        *ASKED,
        {"role": "assistant", "content": tokenizer.decode(answer)},
        {"role": "user", "content": "fine"},
    ]
    longer = encode_chat(template, tokenizer, follow, written=written)
    assert longer[: len(prompt) + len(answer)] == [*prompt, *answer]
    assert tokenizer.decode(longer) == tokenizer.decode(encode_chat(template, tokenizer, follow))
    changed = [*ASKED, {"role": "assistant", "content": "Good evening to you."}]
    assert encode_chat(template, tokenizer, changed, written=written) == encode_chat(
        template, tokenizer, changed
    )


def test_an_answer_with_added_tokens_is_left_to_the_tokenizer(checkpoint, template) -> None:
    tokenizer, written = checkpoint.tokenizer, Written(checkpoint.tokenizer)
    prompt = encode_chat(template, tokenizer, ASKED)
    written.add(prompt, [tokenizer.id_of("<|im_end|>"), *letters(tokenizer, "hello")])
    assert written.find("assistant\n<|im_end|>hello") is None
    written.add(prompt, [])
    assert written.find("assistant\n") is None
    written.add([5, 6], [7])  # nothing says where its text begins
    assert written.find(tokenizer.decode([5, 6, 7])) is None


def test_the_longest_unused_is_forgotten(checkpoint) -> None:
    tokenizer, written = checkpoint.tokenizer, Written(checkpoint.tokenizer, most=2)
    start = [tokenizer.id_of("<|im_start|>")]
    for text in ("one", "two"):
        written.add(start, letters(tokenizer, text))
    assert written.find("one") is not None
    written.add(start, letters(tokenizer, "three"))
    assert [written.find(text) is None for text in ("one", "two", "three")] == [False, True, False]
