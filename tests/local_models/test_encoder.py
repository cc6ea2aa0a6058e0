import json
import zipfile

import pytest
import torch
from tokenizers import Tokenizer
from transformers import AutoModel

from agentkit_local_models.encoder import TOKENS_AT_ONCE, Encoder
from agentkit_local_models.errors import (
    CheckpointError,
    LocalModelError,
    TextTooLong,
    TokenizerError,
    UnsupportedCheckpoint,
)
from agentkit_local_models.packed_folder import unpacked

from .bert_folder import write_folder

TEXTS = ["The cat sat on a mat.", "", "dogs running", "水 火 and the cat, the dog", "a", "zzz " * 5]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_folder(tmp_path_factory.mktemp("model") / "bert")


@pytest.fixture(scope="module")
def encoder(folder):
    return Encoder.load(folder, dtype="float32")


def reference(folder, texts, pooling, normalise):
    """What transformers computes, one text at a time, pooled as sentence-transformers describes it."""
    model, tokenizer = (
        AutoModel.from_pretrained(folder).eval(),
        Tokenizer.from_file(f"{folder}/tokenizer.json"),
    )
    tokenizer.no_truncation()
    tokenizer.no_padding()
    rows = []
    for text in texts:
        with torch.inference_mode():
            tokens = model(torch.tensor([tokenizer.encode(text).ids])).last_hidden_state[0]
        rows.append({"mean": tokens.mean(0), "cls": tokens[0], "max": tokens.max(0).values}[pooling])
    vectors = torch.stack(rows)
    return torch.nn.functional.normalize(vectors, dim=-1) if normalise else vectors


@pytest.mark.parametrize(
    ("pooling", "normalise", "activation"),
    [("mean", True, "gelu"), ("mean", False, "relu"), ("cls", True, "gelu_new"), ("max", False, "gelu")],
)
def test_vectors_are_those_of_transformers(tmp_path, pooling, normalise, activation):
    folder = write_folder(tmp_path, pooling=pooling, normalise=normalise, activation=activation)
    vectors = Encoder.load(folder, dtype="float32").encode(TEXTS)
    torch.testing.assert_close(vectors, reference(folder, TEXTS, pooling, normalise), atol=1e-5, rtol=0)


@pytest.mark.parametrize("family", ["roberta", "xlm-roberta"])
def test_vectors_of_its_relatives_are_those_of_transformers(tmp_path, family):
    folder = write_folder(tmp_path, model_type=family)
    encoder = Encoder.load(folder, dtype="float32")
    assert encoder.config.first_position == 1
    torch.testing.assert_close(
        encoder.encode(TEXTS), reference(folder, TEXTS, "mean", True), atol=1e-5, rtol=0
    )


def test_a_text_has_the_same_vector_alone_and_among_others(encoder):
    many = TEXTS * (2 * TOKENS_AT_ONCE // 40)
    together = encoder.encode(many)
    for place in range(len(TEXTS)):
        [alone] = encoder.encode([many[place]])
        torch.testing.assert_close(together[place :: len(TEXTS)], alone.expand(len(many) // len(TEXTS), -1))


def test_bfloat16_is_near(folder, encoder):
    half = Encoder.load(folder, dtype="bfloat16").encode(TEXTS)
    assert (half * encoder.encode(TEXTS)).sum(1).min() > 0.999


def test_a_text_over_the_window_is_refused_and_never_cut(encoder):
    text = "cat " * 22
    assert encoder.count(text) == encoder.config.window == 24
    encoder.encode([text])
    with pytest.raises(
        TextTooLong, match="text 1 has 25 tokens, and the model reads 24; split it first: 'cat cat"
    ):
        encoder.encode(["a", text + "cat"])


def test_what_looks_like_a_special_token_is_text(encoder):
    assert encoder.count("[SEP]") == 2 + 5  # [ s ##e ##p ]


def test_words_that_the_model_does_not_know_are_counted(encoder):
    assert encoder.unknown("the cat") == 0
    assert encoder.unknown("the 猫 and 狗") == 2


def test_no_texts_are_no_vectors(encoder):
    assert encoder.encode([]).shape == (0, 32)


def test_half_a_character_is_refused(encoder):
    with pytest.raises(TokenizerError, match="half characters"):
        encoder.encode(["\ud800"])


def test_a_cancelled_encoding_stops_between_batches(encoder):
    asked = iter([False, True])
    with pytest.raises(LocalModelError, match="cancelled"):
        encoder.encode(TEXTS * 200, lambda: next(asked))


def test_words_before_questions_and_documents_are_read(tmp_path):
    config = Encoder.load(write_folder(tmp_path, prompts={"query": "query: ", "passage": "passage: "})).config
    assert (config.query_prefix, config.document_prefix) == ("query: ", "passage: ")


def broken(folder, name, value):
    path = folder / name
    path.write_text(
        json.dumps(value if not isinstance(value, dict) else json.loads(path.read_text()) | value)
    )


@pytest.mark.parametrize(
    ("name", "value", "error", "words"),
    [
        (
            "config.json",
            {"model_type": "mpnet"},
            UnsupportedCheckpoint,
            "'mpnet' is not built; bert, roberta, xlm-roberta are",
        ),
        ("config.json", {"position_embedding_type": "relative_key"}, UnsupportedCheckpoint, "absolute"),
        ("config.json", {"hidden_act": "swish"}, UnsupportedCheckpoint, "swish"),
        ("config.json", {"num_attention_heads": 5}, CheckpointError, "5 heads do not divide a width of 32"),
        ("config.json", {"layer_norm_eps": 0}, CheckpointError, "layer_norm_eps"),
        ("config.json", {"num_hidden_layers": 3}, CheckpointError, r"missing encoder\.layer\.2"),
        (
            "modules.json",
            [{"type": "x.Dense", "path": "2_Dense"}],
            UnsupportedCheckpoint,
            "'Dense' is not built",
        ),
        ("modules.json", [{"type": "x.Pooling", "path": "../.."}], CheckpointError, "out of the folder"),
        ("1_Pooling/config.json", {"pooling_mode_cls_token": True}, UnsupportedCheckpoint, "pooling by"),
        ("sentence_bert_config.json", {"max_seq_length": 0}, CheckpointError, "at least 3"),
        ("tokenizer.json", {"model": 1}, CheckpointError, r"tokenizer\.json: cannot be read"),
    ],
)
def test_what_would_change_the_vectors_is_refused_by_name(tmp_path, name, value, error, words):
    broken(write_folder(tmp_path), name, value)
    with pytest.raises(error, match=words):
        Encoder.load(tmp_path)


def packed(folder, archive, **more):
    with zipfile.ZipFile(archive, "w") as file:
        for path in folder.rglob("*"):
            file.write(path, path.relative_to(folder))
        for name, text in more.items():
            file.writestr(name, text)
    return archive


def test_an_archive_is_unpacked_once_beside_it(folder, tmp_path):
    archive = packed(folder, tmp_path / "model.zip")
    place = unpacked(archive)
    assert Encoder.load(place).count("cat") == 3
    archive.unlink()
    assert unpacked(archive) == place
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_an_archive_that_reaches_out_of_its_folder_is_refused(folder, tmp_path):
    archive = packed(folder, tmp_path / "model.zip", **{"../evil.json": "{}"})
    with pytest.raises(CheckpointError, match="lies out of its folder"):
        unpacked(archive)
    archive.write_bytes(archive.read_bytes()[:900])
    with pytest.raises(CheckpointError, match="damaged"):
        unpacked(archive)
    assert [path.name for path in tmp_path.iterdir()] == ["model.zip"]
