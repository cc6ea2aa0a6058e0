import asyncio
import math
from contextlib import aclosing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentkit.core.errors import ModelError, UsageError
from agentkit.models.embeddings.cached import AT_ONCE, CachedEmbeddings
from agentkit.models.embeddings.vectors import from_bytes, to_bytes, unit


class Counted:
    """Embeddings that tell of every text they compute."""

    window = 100

    def __init__(self, name="counted:one", fails_at=10**9):
        self.name, self.computed, self.batches, self.fails_at = name, [], [], fails_at

    def count(self, text):
        return len(text)

    async def embed_documents(self, texts):
        if len(self.computed) + len(texts) > self.fails_at:
            raise ModelError("enough")
        self.computed += texts
        self.batches.append(len(texts))
        return [[1.0, float(len(text))] for text in texts]

    async def embed_query(self, text):
        return [0.0, 1.0]


async def embedded(inner, path, texts):
    """The vectors of texts by embeddings that keep them in the file."""
    async with aclosing(CachedEmbeddings(inner, path)) as embeddings:
        return list(await embeddings.embed_documents(texts))


async def test_a_text_is_computed_once_also_by_the_next_process(tmp_path):
    inner, path = Counted(), tmp_path / "new/vectors.db"
    first = await embedded(inner, path, ["a", "bb", "a"])
    assert await embedded(inner, path, ["bb", "a", "a"]) == [first[1], first[0], first[0]]
    assert sorted(inner.computed) == ["a", "bb"]


async def test_vectors_of_another_model_are_another_matter(tmp_path):
    for name in ("one", "two"):
        inner = Counted(name)
        await embedded(inner, tmp_path / "v.db", ["a"])
        assert inner.computed == ["a"]


async def test_what_was_computed_before_a_fault_is_kept(tmp_path):
    texts = [f"{n:05d}" for n in range(3 * AT_ONCE)]
    with pytest.raises(ModelError):
        await embedded(Counted(fails_at=2 * AT_ONCE), tmp_path / "v.db", texts)
    inner = Counted()
    await embedded(inner, tmp_path / "v.db", texts)
    assert inner.batches == [AT_ONCE]


async def test_two_at_once_keep_everything(tmp_path):
    texts = [str(n) for n in range(2000)]
    both = (embedded(Counted(), tmp_path / "v.db", some) for some in (texts, texts[::-1]))
    await asyncio.gather(*both)
    inner = Counted()
    await embedded(inner, tmp_path / "v.db", texts)
    assert inner.computed == []


async def test_what_the_model_does_not_know_is_told_through_it(tmp_path):
    class Blind(Counted):
        def unknown(self, text):
            return 0.75

    for inner, share in ((Blind(), 0.75), (Counted(), 0)):
        async with aclosing(CachedEmbeddings(inner, tmp_path / "v.db")) as embeddings:
            assert embeddings.unknown("猫") == share
            assert embeddings.count("four") == 4


async def test_the_texts_are_not_in_the_file(tmp_path):
    await embedded(Counted(), tmp_path / "v.db", ["a secret text"])
    assert all(b"secret" not in path.read_bytes() for path in tmp_path.iterdir())


def test_a_file_that_is_no_database_is_refused_by_name(tmp_path):
    path = tmp_path / "v.db"
    path.write_text("these are notes, and no database at all" * 100)
    with pytest.raises(UsageError, match=r"v\.db cannot keep vectors: file is not a database"):
        CachedEmbeddings(Counted(), path)


@given(
    st.lists(st.floats(-1e3, 1e3, width=32), min_size=1, max_size=9).filter(lambda v: math.hypot(*v) > 1e-3)
)
def test_a_vector_comes_back_as_it_was_kept(values):
    from array import array

    vector = unit(array("f", values))
    assert from_bytes(to_bytes(vector)) == vector
    assert math.isclose(math.hypot(*vector), 1, abs_tol=1e-5)


@pytest.mark.parametrize("values", [[], [0.0], [math.nan], [math.inf, 1.0]])
def test_a_vector_without_a_direction_is_refused(values):
    from array import array

    with pytest.raises(ValueError, match="its length is"):
        unit(array("f", values))
