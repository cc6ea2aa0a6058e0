import asyncio
import importlib.util
import math
import sys
from pathlib import Path

import pytest

from agentkit.core.documents import Document
from agentkit.core.errors import BadRequest, ContextOverflow, UnknownModel
from agentkit.documents import split
from agentkit.models.embeddings.registry import make_embeddings


@pytest.fixture(scope="module")
def write_folder():
    path = Path(__file__).parents[2] / "local_models/bert_folder.py"
    spec = importlib.util.spec_from_file_location("bert_folder", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.write_folder


@pytest.mark.parametrize("normalise", [True, False])
async def test_vectors_have_length_one_whatever_the_folder_says(write_folder, tmp_path, normalise):
    embeddings = make_embeddings(f"local:{write_folder(tmp_path, normalise=normalise)}")
    for vector in await embeddings.embed_documents(["the cat", "a dog ran"]):
        assert math.isclose(math.hypot(*vector), 1, abs_tol=1e-5)


async def test_questions_and_documents_are_embedded_with_their_own_words(write_folder, tmp_path):
    embeddings = make_embeddings(
        f"local:{write_folder(tmp_path, prompts={'query': 'the cat ', 'document': 'a dog '})}"
    )
    [document] = await embeddings.embed_documents(["sat"])
    assert list(document) != list(await embeddings.embed_query("sat"))
    assert embeddings.count("sat") == 5


async def test_what_the_splitter_makes_fits_the_window(write_folder, tmp_path):
    embeddings = make_embeddings(f"local:{write_folder(tmp_path)}")
    document = Document("d", "The cat sat on a mat. Unfathomable dogs ran on. 水火。" * 30)
    chunks = split(document, embeddings.window, embeddings.count)
    assert len(await embeddings.embed_documents([chunk.text for chunk in chunks])) == len(chunks) > 30
    with pytest.raises(ContextOverflow) as raised:
        await embeddings.embed_documents([document.text])
    assert raised.value.window == 24


async def test_a_model_that_has_no_word_for_a_text_says_so(write_folder, tmp_path):
    embeddings = make_embeddings(f"local:{write_folder(tmp_path)}")
    assert embeddings.unknown("the cat sat") == 0
    assert embeddings.unknown("the 猫") == 0.5
    assert embeddings.unknown("") == 0


async def test_cancelling_waits_for_what_is_computed(write_folder, tmp_path):
    embeddings = make_embeddings(f"local:{write_folder(tmp_path)}")
    work = asyncio.ensure_future(embeddings.embed_documents(["the cat sat on a mat"] * 20_000))
    await asyncio.sleep(0.05)
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work


def test_another_model_in_the_same_folder_has_another_name(write_folder, tmp_path):
    first = make_embeddings(f"local:{write_folder(tmp_path)}").name
    assert first == make_embeddings(f"local:{tmp_path}").name
    write_folder(tmp_path, pooling="cls")
    assert make_embeddings(f"local:{tmp_path}").name != first


def test_what_cannot_be_is_refused_with_what_could(tmp_path, monkeypatch):
    with pytest.raises(UnknownModel, match=r"say one of local:NAME, openai:NAME, such as local:minilm"):
        make_embeddings("minilm")
    with pytest.raises(UnknownModel, match=r"known: local:minilm, or local:FOLDER"):
        make_embeddings("local:nothing")
    monkeypatch.setenv("AGENTKIT_MODELS_DIR", str(tmp_path))
    with pytest.raises(UnknownModel, match="agentkit models fetch minilm"):
        make_embeddings("local:minilm")
    (tmp_path / "config.json").write_text('{"model_type": "gpt2"}')
    with pytest.raises(BadRequest, match="'gpt2' is not built"):
        make_embeddings(f"local:{tmp_path}")
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    monkeypatch.delitem(sys.modules, "agentkit_local_models.encoder")
    with pytest.raises(BadRequest, match=r"pip install 'agentkit\[local\]'"):
        make_embeddings(f"local:{tmp_path}")
