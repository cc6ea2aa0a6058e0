"""Questions made of a question by a model: said in other words, or with the facts that it asks for."""

from collections.abc import Mapping, Sequence

from msgspec import Struct
from pydantic import BaseModel, Field

from agentkit.chains.words import ModelStep, as_objects
from agentkit.core.documents import Fact, Facts, Hit, Retriever
from agentkit.prompts.library import Library, library_of
from agentkit.retrieval.fusion import fused

VARIANTS = "documents/variants"
FILTERS = "documents/filters"
RATINGS = "documents/ratings"
NUMBERS = frozenset[type]({int, float})


class Variants(BaseModel):
    """A question in other words."""

    questions: list[str] = Field(description="the same question in other words, each complete")


class Wanted(BaseModel):
    """A fact that a question asks for."""

    name: str = Field(description="the name of the fact, one of those listed")
    value: str | int | float | bool = Field(description="what it must be, of the kind that is listed")


class Filtered(BaseModel):
    """A question taken apart."""

    query: str = Field(description="what is left to look for by its words")
    facts: list[Wanted] = Field(description="the facts that the question says outright; mostly none")


class Ratings(BaseModel):
    """How well passages answer."""

    ratings: list[int] = Field(description="for each passage in its order, from 0, not at all, to 10, fully")


class Asking(Struct, frozen=True):
    """A question as it is looked for."""

    query: str
    where: Facts
    dropped: tuple[str, ...] = ()
    """What the model asked for that no document can have, with the reason."""


async def in_other_words(
    question: str, model: ModelStep, count: int = 3, library: Library | None = None
) -> list[str]:
    """The question, and up to `count` ways to say it otherwise.

    Raises:
        ModelError: the model could not answer, or not in the form.
    """
    prompt = (library or library_of()).load(VARIANTS)
    asked = prompt.render({"question": question, "count": str(count)})
    said = await as_objects(model, Variants, library).ainvoke(asked)
    return list(dict.fromkeys([question, *(one.strip() for one in said.questions if one.strip())]))[
        : count + 1
    ]


async def retrieved_by_all(
    questions: Sequence[str], retriever: Retriever, *, limit: int = 10, where: Facts | None = None
) -> list[Hit]:
    """What is found for any of the questions, ranked by how high it stands in all of them."""
    chunks: dict[tuple[str, int, int], Hit] = {}
    found: dict[str, list[tuple[tuple[str, int, int], float]]] = {}
    for question in questions:
        hits = await retriever.retrieve(question, limit=limit, where=where)
        places = [(hit.chunk.document, hit.chunk.start, hit.chunk.end) for hit in hits]
        chunks.update(zip(places, hits, strict=True))
        found[question] = [(place, hit.score) for place, hit in zip(places, hits, strict=True)]
    return [Hit(chunks[place].chunk, score) for place, score in fused(found, {}, "rrf")[:limit]]


async def with_facts(
    question: str, known: Mapping[str, Sequence[Fact]], model: ModelStep, library: Library | None = None
) -> Asking:
    """The question without the facts that it names, and these as a filter.

    Args:
        question: As a person asks it: `the minutes of 2024 about paper`.
        known: The facts that documents have, each with some of its values, as `SqliteStore.facts` tells.
        model: Who takes it apart.
        library: Where the prompt is; ours by default.

    Raises:
        ModelError: the model could not answer, or not in the form.
    """
    prompt = (library or library_of()).load(FILTERS)
    listed = "\n".join(f"- {name}: {', '.join(map(repr, values))}" for name, values in known.items())
    said = await as_objects(model, Filtered, library).ainvoke(
        prompt.render({"question": question, "facts": listed})
    )
    where: dict[str, Fact] = {}
    dropped: list[str] = []
    for one in said.facts:
        if one.name not in known:
            dropped.append(f"{one.name} = {one.value!r}: no document has such a fact")
        elif (value := _as_known(one.value, known[one.name])) is None:
            dropped.append(f"{one.name} = {one.value!r}: its values are like {known[one.name][0]!r}")
        else:
            where[one.name] = value
    return Asking(said.query.strip() or question, where, tuple(dropped))


def rated_by(model: ModelStep, library: Library | None = None) -> "Rating":
    """A model as what `reranked` takes its scores from."""
    return Rating(model, library or library_of())


class Rating:
    """Scores that a model gives, all passages at once."""

    def __init__(self, model: ModelStep, library: Library) -> None:
        self._model = model
        self._library = library

    async def __call__(self, query: str, texts: Sequence[str]) -> Sequence[float]:
        """A score for each text; one that the model forgot has 0.

        Raises:
            ModelError: the model could not answer, or not in the form.
        """
        if not texts:
            return []
        passages = "\n\n".join(f"[{number}] {text}" for number, text in enumerate(texts, 1))
        prompt = self._library.load(RATINGS)
        asked = prompt.render({"question": query, "passages": passages, "count": str(len(texts))})
        said = await as_objects(self._model, Ratings, self._library).ainvoke(asked)
        return [float(one) for one in said.ratings[: len(texts)]] + [0.0] * (len(texts) - len(said.ratings))


def _as_known(value: Fact, values: Sequence[Fact]) -> Fact | None:
    """The value as the documents have it, who may say 2024 where the model says "2024"."""
    kinds = {type(one) for one in values}
    if type(value) in kinds or (type(value) in NUMBERS and kinds & NUMBERS):  # 2024.0 is 2024 to a filter
        return value
    for one in values:
        if str(one).lower() == str(value).lower():
            return one
    if isinstance(value, str) and kinds & NUMBERS:
        try:
            return float(value) if float in kinds else int(value)
        except ValueError:
            return None
    return None
