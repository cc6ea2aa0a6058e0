"""SentencePiece and tiktoken beside the libraries themselves, and the chats of GLM and Baichuan."""

import base64
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sentencepiece
import tiktoken
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import decoders, models, normalizers, pre_tokenizers

from agentkit_local_models.arch import Arch, PrefixLM
from agentkit_local_models.chat_template import ChatTemplate, encode_chat
from agentkit_local_models.errors import CheckpointError, UnsupportedCheckpoint
from agentkit_local_models.gguf import GGUFFile
from agentkit_local_models.gguf_tokenizer import tokenizer_from_gguf
from agentkit_local_models.hub_text import read_hub_text
from agentkit_local_models.hub_tokenizer import tokenizer_from_hub
from agentkit_local_models.sentencepiece_file import tokenizer_from_sentencepiece
from agentkit_local_models.tiktoken_file import tokenizer_from_ranks
from agentkit_local_models.tokenizer import AddedToken, StreamDecoder, Tokenizer

from .gguf_writer import gguf_bytes
from .pieces import train
from .test_tokenizer import SAMPLE

ARCH = Arch(
    family="llama",
    vocabulary_size=1000,
    width=8,
    layers=1,
    heads=2,
    kv_heads=1,
    head_width=4,
    feed_forward_width=8,
    rope_base=1e4,
    norm_epsilon=1e-5,
    context=64,
    tied_head=True,
    qkv_bias=False,
)
LATER = replace(ARCH, family="chatglm2")
FIRST = replace(ARCH, family="chatglm", position="rope-2d", prefix=PrefixLM(start=4, masks=(1, 2)))


@pytest.fixture(scope="module")
def model_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(tmp_path_factory.mktemp("pieces") / "tokenizer.model")


@pytest.fixture(scope="module")
def pieces(model_file: Path) -> Tokenizer:
    return tokenizer_from_sentencepiece(model_file)


@pytest.fixture(scope="module")
def processor(model_file: Path) -> Any:
    return sentencepiece.SentencePieceProcessor(model_proto=model_file.read_bytes())


@pytest.mark.parametrize("text", SAMPLE)
def test_text_is_encoded_and_decoded_as_by_sentencepiece(pieces, processor, text: str) -> None:
    ids = processor.encode(text)
    assert pieces.encode(text) == ids
    assert pieces.decode(ids) == text


@settings(deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_what_is_shown_while_it_is_made_joins_to_what_is_decoded(pieces, text: str) -> None:
    stream = StreamDecoder(pieces)
    ids = pieces.encode(text)
    assert "".join(map(stream.push, ids)) + stream.flush() == pieces.decode(ids)


@pytest.mark.parametrize("text", ["hello", " hello", "<tool>", "你好", "\n"])
def test_text_after_text_gets_no_space_of_the_tokenizers_own(pieces, text: str) -> None:
    ids = [*pieces.encode("a"), *pieces.encode_next(text)]
    assert pieces.decode(ids) == "a" + text


def test_control_symbols_are_special_and_text_makes_none(pieces, processor) -> None:
    assert {token.text for token in pieces.added_tokens} == {"<unk>", "<s>", "</s>"}
    assert pieces.special_ids == {0, 1, 2}
    assert not {0, 1, 2} & {*pieces.encode("<s>a</s><unk>")}
    assert pieces.encode("<s>a", allow_special=True)[0] == 1


def test_an_added_token_that_the_file_would_make_of_text_is_made_of_none(tmp_path: Path) -> None:
    file = train(tmp_path / "tokenizer.model", user_defined_symbols=["[gMASK]"])
    bare = tokenizer_from_sentencepiece(file)
    mask = next(token for token in bare.encode("[gMASK]") if bare.token_bytes(token) == b"[gMASK]")
    careful = tokenizer_from_sentencepiece(file, [AddedToken("[gMASK]", mask, special=True)])
    assert mask not in careful.encode("a [gMASK] b")
    assert careful.encode("[gMASK]", allow_special=True) == [mask]
    assert careful.decode(careful.encode("x[gMASK]")).replace(" ", "") == "x[gMASK]"


@pytest.mark.parametrize("data", [b"", b"no model"])
def test_what_is_no_model_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "tokenizer.model").write_bytes(data)
    with pytest.raises(CheckpointError, match="not a model of SentencePiece"):
        tokenizer_from_sentencepiece(tmp_path / "tokenizer.model")


@pytest.mark.parametrize(
    ("package", "read"),
    [
        ("sentencepiece", lambda path: tokenizer_from_sentencepiece(path)),
        ("tiktoken", lambda path: tokenizer_from_ranks(path, r"\S+", [])),
    ],
)
def test_a_library_that_is_not_here_is_named_with_the_line_that_gets_it(
    model_file: Path, monkeypatch: pytest.MonkeyPatch, package: str, read: Any
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(UnsupportedCheckpoint, match=f"which is not here: pip install {package}"):
        read(model_file)


# --- SentencePiece as the hub writes it: tokenizer.json with merges ---------------------------------------


def hub_document(path: Path, *, scheme: str) -> tokenizers.Tokenizer:
    """BPE with bytes to fall back on, as LLaMA 2 ("prepend"), Mistral ("first") and Gemma have it."""
    words = ["▁", *"helowrd你好", "▁h", "▁w", "▁he", "▁hel", "▁hell", "▁hello", "ll", "▁▁"]
    words += ["<s>", "</s>", "<unk>", "<tool>"]
    vocabulary = {f"<0x{byte:02X}>": byte for byte in range(256)}
    vocabulary |= {word: 256 + place for place, word in enumerate(words)}
    merges = [("▁", "h"), ("▁h", "e"), ("▁he", "l"), ("▁hel", "l"), ("▁hell", "o"), ("▁", "w"), ("▁", "▁")]
    found = tokenizers.Tokenizer(
        models.BPE(vocab=vocabulary, merges=merges, byte_fallback=True, fuse_unk=True, unk_token="<unk>")
    )
    strip = []
    if scheme == "prepend":
        found.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
        strip = [decoders.Strip(" ", 1, 0)]
    elif scheme == "first":
        found.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
        strip = [decoders.Strip(" ", 1, 0)]
    else:
        found.normalizer = normalizers.Replace(" ", "▁")
    found.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), *strip]
    )
    found.add_special_tokens(["<s>", "</s>", "<unk>"])
    found.add_tokens([tokenizers.AddedToken(text, normalized=False) for text in ("▁▁", "<tool>")])
    found.save(str(path))
    return found


@pytest.mark.parametrize("scheme", ["prepend", "first", "never"])
@pytest.mark.parametrize(
    "text",
    ["hello world", " hello", "hello  world", "你好 hello", "ü\n\thello", "<s>hello<tool> hello</s>", "<s>"],
)
def test_a_hub_file_is_read_as_the_library_reads_it(tmp_path: Path, scheme: str, text: str) -> None:
    theirs = hub_document(tmp_path / "tokenizer.json", scheme=scheme)
    ours = tokenizer_from_hub(tmp_path / "tokenizer.json")
    ids = theirs.encode(text, add_special_tokens=False).ids
    assert ours.encode(text, allow_special=True) == ids
    assert ours.decode(ids, skip_special=False) == theirs.decode(ids, skip_special_tokens=False)
    special = {ours.id_of(token) for token in ("<s>", "</s>", "<unk>", "<tool>")}
    assert not special & {*ours.encode(text)}


# --- tiktoken ---------------------------------------------------------------------------------------------

CUT = r"\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+|\s+"
RANKS = {bytes([byte]): byte for byte in range(256)} | {b"he": 256, b"ll": 257, b"hell": 258, b"hello": 259}
SPECIALS = {"<|endoftext|>": 260, "[gMASK]": 261, "<sop>": 262} | {
    f"<|{role}|>": 263 + place for place, role in enumerate(("system", "user", "assistant", "observation"))
}


def write_ranks(path: Path) -> Path:
    path.write_bytes(b"".join(base64.b64encode(text) + b" %d\n" % rank for text, rank in RANKS.items()))
    return path


@pytest.mark.parametrize("text", SAMPLE)
def test_text_is_encoded_and_decoded_as_by_tiktoken(tmp_path: Path, text: str) -> None:
    theirs = tiktoken.Encoding("ranks", pat_str=CUT, mergeable_ranks=RANKS, special_tokens={})
    ours = tokenizer_from_ranks(write_ranks(tmp_path / "tokenizer.model"), CUT, [])
    assert ours.encode(text) == theirs.encode_ordinary(text)
    assert ours.decode(ours.encode(text)) == text


@pytest.mark.parametrize("data", [b"!!! 1\n", b"aGU=\n", b"aGU= 1 2\n"])
def test_what_is_no_file_of_ranks_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "tokenizer.model").write_bytes(data)
    with pytest.raises(CheckpointError, match="not a file of tokens and their ranks"):
        tokenizer_from_ranks(tmp_path / "tokenizer.model", CUT, [])


# --- the forms of a chat ----------------------------------------------------------------------------------

USER = {"role": "user", "content": "你好"}
TURNS = [USER, {"role": "assistant", "content": "hello"}, {"role": "user", "content": "world"}]


def chat(
    folder: Path, arch: Arch, turns: list[dict[str, str]]
) -> tuple[Tokenizer, list[int], frozenset[int]]:
    text = read_hub_text(folder, arch)
    assert text.chat_template is not None
    template = ChatTemplate(text.chat_template, text.special_texts)
    return text.tokenizer, encode_chat(template, text.tokenizer, turns), text.stop_ids


def named(tokenizer: Tokenizer, *parts: str) -> list[int]:
    """The ids of texts, each by itself, and of special tokens by their names."""
    ids: list[int] = []
    known = {token.text for token in tokenizer.added_tokens}
    for part in parts:
        ids += [tokenizer.id_of(part)] if part in known else tokenizer.encode(part, first=not ids)
    return ids


def test_chatglm2_numbers_its_specials_behind_the_pieces_and_counts_rounds(tmp_path: Path, processor) -> None:
    train(tmp_path / "tokenizer.model")
    tokenizer, ids, stops = chat(tmp_path, LATER, TURNS)
    size = processor.get_piece_size()
    assert [tokenizer.id_of(name) - size for name in ("[MASK]", "[gMASK]", "[sMASK]", "sop", "eop")] == [
        0,
        1,
        2,
        3,
        4,
    ]
    words = "[Round 1]\n\n问：你好\n\n答：hello\n\n[Round 2]\n\n问：world\n\n答："
    assert ids == named(tokenizer, "[gMASK]", "sop", words)
    assert stops == {tokenizer.id_of("</s>")}


def test_chatglm3_begins_turns_with_tokens_that_text_cannot_make(tmp_path: Path) -> None:
    train(tmp_path / "tokenizer.model")
    (tmp_path / "tokenization_chatglm.py").write_text(
        'special = ["<|user|>", "<|assistant|>"]\nraise SystemExit'
    )
    system = {"role": "system", "content": "be kind"}
    tokenizer, ids, stops = chat(tmp_path, LATER, [system, USER])
    start = ["[gMASK]", "sop", "<|system|>"]
    assert ids == [
        *named(tokenizer, *start),
        *tokenizer.encode("\n be kind"),
        *named(tokenizer, "<|user|>"),
        *tokenizer.encode("\n 你好"),
        *named(tokenizer, "<|assistant|>"),
    ]
    assert stops == {tokenizer.id_of(name) for name in ("</s>", "<|user|>", "<|observation|>")}
    _, forged, _ = chat(tmp_path, LATER, [{"role": "user", "content": "<|system|> sop [gMASK]"}])
    assert forged.count(tokenizer.id_of("<|system|>")) == 0
    assert forged.count(tokenizer.id_of("[gMASK]")) == 1


def test_chatglm3_names_tools_in_first_lines_and_hears_of_results_as_observations(tmp_path: Path) -> None:
    train(tmp_path / "tokenizer.model")
    (tmp_path / "tokenization_chatglm.py").write_text('["<|user|>", "<|assistant|>"]')
    # what the makers' folder says of chats knows neither
    theirs = "{% for turn in messages %}<|{{ turn['role'] }}|>\n {{ turn['content'] }}{% endfor %}"
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"chat_template": theirs}))
    call = {"role": "assistant", "name": "hello", "content": "hello\n ```python\ntool_call()\n```"}
    result = {"role": "tool", "content": "world"}
    tokenizer, ids, _ = chat(tmp_path, LATER, [USER, call, result])
    assert ids == [
        *named(tokenizer, "[gMASK]", "sop", "<|user|>"),
        *tokenizer.encode("\n 你好"),
        *named(tokenizer, "<|assistant|>"),
        *tokenizer.encode("hello\n ```python\ntool_call()\n```"),
        *named(tokenizer, "<|observation|>"),
        *tokenizer.encode("\n world"),
        *named(tokenizer, "<|assistant|>"),
    ]
    assert read_hub_text(tmp_path, LATER).calls == "chatglm3"


def test_glm_4_lists_its_specials_and_has_no_space_before_words(tmp_path: Path) -> None:
    write_ranks(tmp_path / "tokenizer.model")
    listed = {str(token): {"content": text} for text, token in SPECIALS.items()}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"added_tokens_decoder": listed}))
    tokenizer, ids, stops = chat(tmp_path, LATER, [USER])
    assert ids == named(tokenizer, "[gMASK]", "<sop>", "<|user|>", "\n你好", "<|assistant|>")
    assert stops == {SPECIALS[name] for name in ("<|endoftext|>", "<|user|>", "<|observation|>")}


def test_chatglm_6b_puts_its_mask_last_and_writes_blanks_as_tokens(tmp_path: Path) -> None:
    symbols = [
        "[MASK]",
        "[gMASK]",
        "[sMASK]",
        "<sop>",
        "<eop>",
        "<n>",
        "<|tab|>",
        "<|blank_3|>",
    ]
    file = train(tmp_path / "ice_text.model", user_defined_symbols=symbols)
    known = sentencepiece.SentencePieceProcessor(model_proto=file.read_bytes())
    place = {symbol: known.piece_to_id(symbol) for symbol in symbols}
    arch = replace(FIRST, prefix=PrefixLM(place["<sop>"], (place["[MASK]"], place["[gMASK]"])))
    tokenizer, ids, stops = chat(tmp_path, arch, [{"role": "user", "content": "hello\n\tworld   你好"}])
    assert ids == [*known.encode("hello<n><|tab|>world<|blank_3|>你好"), place["[gMASK]"], place["<sop>"]]
    assert tokenizer.decode(ids) == "hello\n\tworld   你好"
    assert stops == {place["<eop>"]}
    for mask in ("[MASK]", "[gMASK]", "[sMASK]"):
        assert tokenizer.id_of(mask) == place[mask]
        assert place[mask] not in tokenizer.encode(f"a {mask} in a text")
    _, ids, _ = chat(tmp_path, arch, TURNS)
    words = "[Round 0]\n问：你好\n答：hello\n[Round 1]\n问：world\n答："
    assert ids == [*tokenizer.encode(words), place["[gMASK]"], place["<sop>"]]


def test_baichuan_begins_turns_with_the_tokens_its_settings_number(tmp_path: Path) -> None:
    file = train(tmp_path / "tokenizer.model", user_defined_symbols=["<reserved_106>", "<reserved_107>"])
    known = sentencepiece.SentencePieceProcessor(model_proto=file.read_bytes())
    user, assistant = known.piece_to_id("<reserved_106>"), known.piece_to_id("<reserved_107>")
    (tmp_path / "generation_config.json").write_text(
        json.dumps({"user_token_id": user, "assistant_token_id": assistant, "eos_token_id": 2})
    )
    tokenizer, ids, stops = chat(tmp_path, replace(ARCH, family="baichuan"), TURNS)
    say = tokenizer.encode
    assert ids == [user, *say("你好"), assistant, *say("hello"), user, *say("world"), assistant]
    assert stops == {2}
    assert user not in say("<reserved_106>")


def test_a_folder_without_a_tokenizer_is_refused_by_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"no tokenizer\.json and no tokenizer\.model"):
        read_hub_text(tmp_path, ARCH)
    with pytest.raises(CheckpointError, match=r"no tokenizer\.model"):
        read_hub_text(tmp_path, LATER)


KIND = {"is_unknown": 2, "is_control": 3, "is_unused": 5, "is_byte": 6}


def gguf_pieces(path: Path, processor: Any, **changes: Any) -> Tokenizer:
    """The same pieces as llama.cpp's converter writes them."""
    count = range(processor.get_piece_size())
    kinds = [next((kind for ask, kind in KIND.items() if getattr(processor, ask)(i)), 1) for i in count]
    keys = {
        "tokenizer.ggml.model": "llama",
        "tokenizer.ggml.tokens": tuple(processor.id_to_piece(i) for i in count),
        "tokenizer.ggml.token_type": tuple(kinds),
        "tokenizer.ggml.scores": tuple(float(processor.get_score(i)) for i in count),
    }
    path.write_bytes(
        gguf_bytes(keys | {f"tokenizer.ggml.{key}": given for key, given in changes.items()}, {})
    )
    with GGUFFile.open(path) as file:
        return tokenizer_from_gguf(file)


@pytest.fixture(scope="module")
def from_file(tmp_path_factory: pytest.TempPathFactory, processor) -> Tokenizer:
    return gguf_pieces(tmp_path_factory.mktemp("gguf") / "m.gguf", processor)


@pytest.mark.parametrize("text", SAMPLE)
def test_the_pieces_of_a_gguf_file_are_those_of_sentencepiece(from_file, processor, text: str) -> None:
    ids = processor.encode(text)
    assert from_file.encode(text) == ids
    assert from_file.decode(ids) == text


@settings(deadline=None)
@given(st.text(st.sampled_from("abehlor \n你好问1<>▁é"), max_size=40))
def test_any_text_has_the_same_pieces_from_a_gguf_file(from_file, processor, text: str) -> None:
    assert from_file.encode(text) == processor.encode(text)


def test_tokens_of_a_gguf_file_are_special_only_where_that_is_allowed(from_file) -> None:
    assert from_file.special_ids == {0, 1, 2}
    assert from_file.encode("</s>", allow_special=True) == [2]
    assert 2 not in from_file.encode("</s>")


def test_a_gguf_file_can_leave_the_first_space_out(tmp_path: Path, processor) -> None:
    bare = gguf_pieces(tmp_path / "m.gguf", processor, add_space_prefix=False)
    assert bare.encode(" hello") == processor.encode("hello")
    assert bare.encode("hello") != processor.encode("hello")
    assert bare.decode(bare.encode(" hello")) == " hello"


def test_what_users_defined_is_matched_first_but_blanks_are_free(tmp_path: Path, processor) -> None:
    count = processor.get_piece_size()
    texts = tuple(processor.id_to_piece(i) for i in range(count))
    more = gguf_pieces(
        tmp_path / "m.gguf",
        processor,
        tokens=(*texts, "<tool>", "▁▁"),
        token_type=(*(1 for _ in texts), 4, 4),
        scores=(*(float(processor.get_score(i)) for i in range(count)), 0.0, 0.0),
        add_space_prefix=False,
    )
    assert count not in more.encode("<tool>")
    assert more.encode("<tool>", allow_special=True) == [count]
    assert more.encode("  ") == [count + 1]
