# ruff: noqa: RUF001 - the sample is ambiguous on purpose
import json

import pytest
import tokenizers
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, models, normalizers, pre_tokenizers

from agentkit_local_models.errors import CheckpointError, TokenizerError, UnsupportedCheckpoint
from agentkit_local_models.gguf import GGUFFile
from agentkit_local_models.gguf_tokenizer import PRE_TOKENIZERS, tokenizer_from_gguf
from agentkit_local_models.hub_tokenizer import tokenizer_from_hub
from agentkit_local_models.tokenizer import StreamDecoder

from .gguf_writer import byte_level_metadata, gguf_bytes

SAMPLE = [
    "",
    " ",
    "Hello, world!",
    "  two leading, trailing two  ",
    "\n\n\n",
    " \n \r\n\t\t x  \n",
    "1234567890 12 345 6.78e9 ½ ² ⅷ ٣٤ ४५ 三",
    "don't DON'T we'LL they'Re I'm 's",
    "def f(x: int) -> str:\n    return f'{x!r}'  # done\n\n\tpass\n",
    '{"a": [1, 2, {"b": null}], \'c\': "\\n"}',
    '<div class="x">&amp;</div> <!-- c --> </tool_response>',
    "https://example.org/a_b-c?d=e%20f#g user@example.org C:\\dir\\file.txt ../../etc",
    "你好，世界。这是一个测试：数字123和英文abc。",
    "日本語のテキスト、カタカナ、한국어 문장",
    "Привет, мир! Ελληνικά العربية עברית हिन्दी ไทย",
    "🎉 👩‍👩‍👧 🏳️‍🌈 👍🏽 ❤️",
    "naïve café Å ﬁ ｆｕｌｌ　ｗｉｄｔｈ",
    "\u00a0no\u2003break\u200bzero\ufeffbom\u2028line\u0085next",
    "a" * 100 + " " * 50 + "\n" * 20 + "=" * 70,
    "...---___***+++!!!???~~~^^^$$$###@@@%%%",
    "camelCase snake_case SCREAMING_CASE kebab-case x1y2z3",
    "| a | b |\n|---|---|\n| 1 | 2 |\n\n1. one\n2. two\n- [ ] three",
    "\x00\x01\x02\x1b[31mred\x1b[0m\x7f",
    "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 𐍈 𠜎 🀄",
]


@pytest.fixture(scope="module")
def smollm2(smollm2_path):
    with GGUFFile.open(smollm2_path) as file:
        yield tokenizer_from_gguf(file)


@pytest.fixture(scope="module")
def qwen(qwen_path):
    with GGUFFile.open(qwen_path) as file:
        yield tokenizer_from_gguf(file)


def hub_tokenizer(path, pre_tokenizer, normalizer=None) -> tokenizers.Tokenizer:
    """The tokenizer as the hub's `tokenizer.json` builds it, from a GGUF file's vocabulary."""
    with GGUFFile.open(path) as file:
        tokens = file.metadata["tokenizer.ggml.tokens"]
        types = file.metadata["tokenizer.ggml.token_type"]
        merges = [tuple(merge.split(" ")) for merge in file.metadata["tokenizer.ggml.merges"]]
    vocabulary = {text: token for token, text in enumerate(tokens)}
    reference = tokenizers.Tokenizer(models.BPE(vocab=vocabulary, merges=merges))
    reference.pre_tokenizer = pre_tokenizer
    if normalizer is not None:
        reference.normalizer = normalizer
    for text, kind in zip(tokens, types, strict=True):
        if kind in (3, 4):
            reference.add_tokens([AddedToken(text, special=kind == 3, normalized=False)])
    reference.decoder = tokenizers.decoders.ByteLevel()
    return reference


@pytest.fixture(scope="module")
def smollm2_reference(smollm2_path):
    # The hub's SmolLM2 `tokenizer.json`.
    return hub_tokenizer(
        smollm2_path,
        pre_tokenizers.Sequence(
            [
                pre_tokenizers.Digits(individual_digits=True),
                pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True),
            ]
        ),
    )


@pytest.mark.parametrize("text", SAMPLE)
def test_smollm2_encodes_as_the_hubs_tokenizer_does(smollm2, smollm2_reference, text) -> None:
    assert smollm2.encode(text) == smollm2_reference.encode(text).ids
    chat = f"<|im_start|>user\n{text}<|im_end|>\n<|endoftext|> {text}"
    ids = smollm2.encode(chat, allow_special=True)
    assert ids == smollm2_reference.encode(chat).ids
    for skip in (False, True):
        assert smollm2.decode(ids, skip_special=skip) == smollm2_reference.decode(
            ids, skip_special_tokens=skip
        )


@settings(deadline=None)
@given(st.text())
def test_any_text_encodes_as_the_hubs_tokenizer_does(smollm2, smollm2_reference, text) -> None:
    assume(not any(token.text in text for token in smollm2.added_tokens))
    assert smollm2.encode(text) == smollm2_reference.encode(text).ids


@settings(deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs", "Cn", "Co"])))
def test_text_comes_back(smollm2, text) -> None:
    missing = set("\x04\x06\x13\x14\x16\x1d")  # the vocabulary has no tokens for these
    assume(not missing & set(text))
    assert smollm2.decode(smollm2.encode(text)) == text


@settings(deadline=None)
@given(st.lists(st.integers(0, 49151), max_size=30), st.booleans())
def test_a_stream_joins_to_the_whole_and_never_halves_a_character(smollm2, ids, skip) -> None:
    stream = StreamDecoder(smollm2, skip_special=skip)
    pushed = [stream.push(token) for token in ids]
    assert "".join(pushed) + stream.flush() == smollm2.decode(ids, skip_special=skip)
    assert stream.flush() == ""


def test_a_character_of_several_tokens_comes_when_it_is_whole(smollm2) -> None:
    ids = smollm2.encode("世")
    assert len(ids) > 1
    stream = StreamDecoder(smollm2)
    assert [stream.push(token) for token in ids] == [""] * (len(ids) - 1) + ["世"]
    stream.push(ids[0])
    assert stream.flush() == "\ufffd"


@pytest.mark.parametrize("special", ["<|im_end|>", "<|im_start|>", "<|endoftext|>", "<file_sep>"])
def test_special_tokens_in_text_stay_text(smollm2, special) -> None:
    token = smollm2.id_of(special)
    for text in (special, f"a{special}b", f" {special}\n", special * 3, special[:3] + special):
        ids = smollm2.encode(text)
        assert token not in ids
        assert smollm2.decode(ids) == text
        assert token in smollm2.encode(text, allow_special=True)


@settings(deadline=None)
@given(st.text() | st.lists(st.sampled_from(["<|", "im_end", "|>", "<|im_end|>", " "])).map("".join))
def test_no_text_makes_a_special_token(smollm2, text) -> None:
    assert not smollm2.special_ids.intersection(smollm2.encode(text))


def test_token_bytes_are_those_of_the_text(smollm2) -> None:
    ids = smollm2.encode("héllo 世界 🎉")
    assert b"".join(map(smollm2.token_bytes, ids)) == "héllo 世界 🎉".encode()
    assert smollm2.token_bytes(smollm2.id_of("<|im_end|>")) == b"<|im_end|>"
    assert smollm2.vocabulary_size == 49152


def test_what_does_not_exist_is_named(smollm2) -> None:
    with pytest.raises(TokenizerError, match="no token has the id 49152; ids end at 49151"):
        smollm2.decode([49152])
    with pytest.raises(TokenizerError, match=r"no special token '<\|nope\|>'"):
        smollm2.id_of("<|nope|>")
    with pytest.raises(TokenizerError, match="not text"):
        smollm2.encode("\ud800")


@pytest.mark.slow
def test_qwen_encodes_as_the_hubs_tokenizer_does(qwen_path, qwen) -> None:
    from transformers import Qwen2Tokenizer

    converted = Qwen2Tokenizer(vocab={"a": 0}, merges=[]).backend_tokenizer
    reference = hub_tokenizer(qwen_path, converted.pre_tokenizer, normalizers.NFC())
    for text in SAMPLE:
        chat = f"<|im_start|>user\n{text}<|im_end|>\n<tool_call>{text}</tool_call>"
        ids = qwen.encode(chat, allow_special=True)
        if normalizers.NFC().normalize_str(text) == text:
            assert ids == reference.encode(chat).ids
        assert qwen.decode(ids, skip_special=False) == chat
        assert qwen.decode(qwen.encode(text)) == text
    assert qwen.token_bytes(151935) == b""
    assert qwen.decode([qwen.id_of("<tool_call>"), 151935]) == "<tool_call>"


@pytest.mark.slow
@settings(deadline=None)
@given(text=st.text(st.characters(exclude_categories=["Cs"])))
def test_qwen_brings_any_text_back(qwen, text) -> None:
    assert qwen.decode(qwen.encode(text)) == text


def cuts(pre: str, text: str) -> list[str]:
    """The pieces a pre-tokenizer cuts, seen through a vocabulary that merges everything."""
    step = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(tokenizers.Regex(cut), "isolated") for cut in PRE_TOKENIZERS[pre]]
    )
    return [piece for piece, _ in step.pre_tokenize_str(text)]


@pytest.mark.parametrize(
    ("pre", "pieces"),
    [
        ("default", ["It", "'", "s", " ", "123", "45", " ", "(", "x", ")", "  ", " y"]),
        ("gpt-2", ["It", "'s", " 12345", " (", "x", ")", "  ", " y"]),
        ("smollm", ["It", "'s", " ", "1", "2", "3", "4", "5", " (", "x", ")", "  ", " y"]),
        ("qwen2", ["It", "'s", " ", "1", "2", "3", "4", "5", " (", "x", ")", "  ", " y"]),
        ("llama-bpe", ["It", "'s", " ", "123", "45", " (", "x", ")", "  ", " y"]),
    ],
)
def test_text_is_cut_as_llama_cpp_cuts_it(pre, pieces) -> None:
    assert cuts(pre, "It's 12345 (x)   y") == pieces


def write(path, metadata):
    path.write_bytes(gguf_bytes(metadata, {}))
    return GGUFFile.open(path)


@pytest.mark.parametrize("pre", PRE_TOKENIZERS)
def test_a_vocabulary_of_bytes_brings_text_back(tmp_path, pre) -> None:
    with write(tmp_path / "m.gguf", byte_level_metadata(pre)) as file:
        tokenizer = tokenizer_from_gguf(file)
    text = "It's 12345\n世 <|end|>"
    assert tokenizer.decode(tokenizer.encode(text)) == text
    assert len(tokenizer.encode("<|end|>", allow_special=True)) == 1


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"tokenizer.ggml.model": "bert"}, UnsupportedCheckpoint, "'bert' is not built; gpt2 and llama"),
        ({"tokenizer.ggml.model": "llama"}, CheckpointError, "'tokenizer.ggml.scores' should have one"),
        ({"tokenizer.ggml.pre": "new"}, UnsupportedCheckpoint, "'new' is not built; default, gpt-2"),
        ({"tokenizer.ggml.tokens": (1, 2)}, CheckpointError, "should be an array of strings"),
        ({"tokenizer.ggml.token_type": (1,)}, CheckpointError, "one entry for each of the 258"),
        ({"tokenizer.ggml.merges": ("no such",)}, CheckpointError, "merges do not fit"),
        ({"tokenizer.ggml.merges": ("unspaced",)}, CheckpointError, "merges do not fit"),
        ({"tokenizer.ggml.tokens": ("a",) * 258}, CheckpointError, "a token twice"),
    ],
)
def test_a_bad_gguf_vocabulary_is_refused(tmp_path, change, error, message) -> None:
    with (
        write(tmp_path / "m.gguf", byte_level_metadata("gpt-2") | change) as file,
        pytest.raises(error, match=message),
    ):
        tokenizer_from_gguf(file)


@pytest.fixture(scope="module")
def hub_file(tmp_path_factory, smollm2_reference):
    path = tmp_path_factory.mktemp("hub") / "tokenizer.json"
    smollm2_reference.save(str(path))
    return path


def test_a_hub_tokenizer_equals_the_one_from_gguf(smollm2, hub_file) -> None:
    hub = tokenizer_from_hub(hub_file)
    assert hub.special_ids == smollm2.special_ids
    assert hub.vocabulary_size == smollm2.vocabulary_size
    for text in SAMPLE:
        chat = f"<|im_start|>user\n{text}<|im_end|>\n"
        assert hub.encode(chat) == smollm2.encode(chat)
        assert hub.encode(chat, allow_special=True) == smollm2.encode(chat, allow_special=True)


def test_added_tokens_swallow_whitespace_where_the_hub_says_so(tmp_path, smollm2_reference) -> None:
    reference = tokenizers.Tokenizer.from_str(smollm2_reference.to_str())
    reference.add_tokens(
        [
            AddedToken("<both>", special=True, lstrip=True, rstrip=True, normalized=False),
            AddedToken("<left>", lstrip=True, normalized=False),
        ]
    )
    reference.save(str(tmp_path / "tokenizer.json"))
    hub = tokenizer_from_hub(tmp_path / "tokenizer.json")
    for text in ("a <both>  b", " <left> c ", "<both> <left>  <both>\n<both>", "x  <left>"):
        assert hub.encode(text, allow_special=True) == reference.encode(text).ids
    assert hub.decode(hub.encode("<left>", allow_special=True)) == "<left>"


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"model": {"type": "WordPiece"}}, UnsupportedCheckpoint, "'WordPiece' tokenizer"),
        ({"pre_tokenizer": None, "decoder": None}, UnsupportedCheckpoint, "does not fall back on bytes"),
        ({"added_tokens": [{"id": 1}]}, CheckpointError, "needs 'content' and 'id'"),
        (
            {"added_tokens": [{"id": 1, "content": "x", "single_word": True}]},
            UnsupportedCheckpoint,
            "whole words",
        ),
        ({"pre_tokenizer": {"type": "Nonsense"}}, CheckpointError, "not a tokenizer"),
    ],
)
def test_a_bad_hub_tokenizer_is_refused(tmp_path, change, error, message) -> None:
    document = {
        "version": "1.0",
        "added_tokens": [],
        "normalizer": None,
        "pre_tokenizer": {
            "type": "ByteLevel",
            "add_prefix_space": False,
            "trim_offsets": True,
            "use_regex": True,
        },
        "decoder": {
            "type": "ByteLevel",
            "add_prefix_space": True,
            "trim_offsets": True,
            "use_regex": True,
        },
        "model": {"type": "BPE", "vocab": {"a": 0}, "merges": []},
    }
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps(document | change))
    with pytest.raises(error, match=message):
        tokenizer_from_hub(path)
