"""An index that is searched: by words, by vectors, and by whatever else finds pieces of it."""

import asyncio
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from msgspec import Struct

from agentkit.core.documents import Embeddings, Facts, Findings, Hit, Retriever
from agentkit.core.errors import IndexUnusable, UsageError
from agentkit.retrieval.foreign import Foreign
from agentkit.retrieval.fusion import DEPTH, Fusion, fused
from agentkit.retrieval.legs import VECTORS, WORDS, Answers, Legs
from agentkit.retrieval.questions import subject
from agentkit.retrieval.reading import Reading, reading
from agentkit.retrieval.store import Found, SqliteStore
from agentkit.retrieval.vector_store import VectorStore
from agentkit.retrieval.words import by_words

if TYPE_CHECKING:
    from agentkit.retrieval.vectors import Vectors


class LegFailed(UserWarning):
    """A search went on without one of its legs; `explain` and `find` say so in what they return."""


class Rank(Struct, frozen=True):
    """Where one leg has a piece."""

    leg: str
    rank: int
    """1 is the best."""
    score: float
    """As the leg gives it."""


class Explained(Struct, frozen=True):
    """A hit, and how it came to be one."""

    hit: Hit
    ranks: tuple[Rank, ...]


class Explanation(Struct, frozen=True):
    """A search, and what it rests on."""

    query: str
    terms: tuple[str, ...]
    """What the words of the query were looked for as."""
    hits: tuple[Explained, ...]
    left_out: Mapping[str, str] = {}
    """The legs that did not count, with the reason."""
    failed: Mapping[str, str] = {}
    """The legs that could not be asked, with the reason; where a copy is named, the index took its place."""


class Index:
    """Documents that can be searched; it is a `Retriever`."""

    def __init__(
        self,
        store: SqliteStore,
        how: Reading,
        *,
        copy: VectorStore | None = None,
        legs: Mapping[str, Retriever] | None = None,
        weights: Mapping[str, float] | None = None,
        fusion: Fusion = "minmax",
        gated: bool = True,
    ) -> None:
        """Search a store that is open.

        Args:
            store: What is searched.
            how: How its documents were read.
            copy: Another store that finds the vectors; it is brought up to date when it is asked.
            legs: More that find pieces, by a name for each.
            weights: What a leg counts, by its name, `words` and `vectors` among them; 1 by default.
            fusion: How what they find becomes one ranking.
            gated: Whether a leg that was found to be sick for the script of a query does not count. The
                vectors are looked at by `sync`, one of `legs` when it is first asked, with up to 24 sentences
                of each script.

        Raises:
            IndexDiffers: the index was made in another way.
            UsageError: a weight is of no leg, or less than 0.
        """
        store.require(how.making)
        self.store = store
        self.how = how
        self.copy = copy
        self.legs = dict(legs or {})
        self.weights = dict(weights or {})
        self.fusion: Fusion = fusion
        self._beside = Legs(store, how.embeddings, copy, self.legs, gated=gated)
        self._vectors: Vectors | None = None
        names = [WORDS, *([VECTORS] if how.embeddings is not None else []), *self.legs]
        for name, weight in self.weights.items():
            if name not in names or weight < 0:
                raise UsageError(
                    f"weights = {{{name!r}: {weight}}} cannot be; a weight is 0 or more, and of "
                    f"{', '.join(names)}"
                )

    @classmethod
    def open(cls, path: str | Path, embeddings: Embeddings | None = None) -> "Index":
        """Open the index file, made when it is not there, read in the default way.

        Args:
            path: The file.
            embeddings: Whose vectors it has; `None` for words alone.

        Raises:
            IndexDiffers: it was made in another way, such as with another model.
            IndexUnusable: it cannot be used as it is.
        """
        store = SqliteStore.open(path)
        try:
            return cls(store, reading(embeddings))
        except BaseException:
            store.close()
            raise

    def close(self) -> None:
        """Close the file."""
        self.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def aclose(self) -> None:
        """Close the file, and the model of vectors where that is to be closed."""
        self.close()
        close: Any = getattr(self.how.embeddings, "aclose", None)
        if close is not None:
            await close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def look_again(self) -> None:
        """Look again whether `legs` are healthy when they are next asked, after other pieces came in."""
        self._beside.look_again()

    @property
    def vectors(self) -> "Vectors":
        """The vectors of the store."""
        if self._vectors is None:
            try:
                from agentkit.retrieval.vectors import Vectors
            except ImportError as error:
                raise UsageError(
                    f"vectors need a package that is not here ({error.name}); "
                    "pip install 'agentkit[vectors]', or search without embeddings"
                ) from error

            self._vectors = Vectors(self.store)
        return self._vectors

    async def retrieve(self, query: str, *, limit: int = 10, where: Facts | None = None) -> Sequence[Hit]:
        """The pieces that answer a question, the best first; a leg that fails is warned of (`LegFailed`).

        Args:
            query: In words.
            limit: The most that are returned.
            where: Facts that each must have.

        Raises:
            IndexDiffers: the index was made anew in another way since it was opened.
            IndexUnusable: every leg failed.
        """
        found = await self.find(query, limit=limit, where=where)
        for name, reason in found.failed.items():
            warnings.warn(f"searched without {name}: {reason}", LegFailed, stacklevel=2)
        return found.hits

    async def find(self, query: str, *, limit: int = 10, where: Facts | None = None) -> Findings:
        """The same with what failed, for whoever can say so.

        Raises:
            IndexDiffers: the index was made anew in another way since it was opened.
            IndexUnusable: every leg failed.
        """
        found = await self.explain(query, limit=limit, where=where)
        return Findings(tuple(one.hit for one in found.hits), found.failed)

    async def explain(self, query: str, *, limit: int = 10, where: Facts | None = None) -> Explanation:
        """The same with the rank and the score that each leg gave a piece.

        Raises:
            IndexDiffers: the index was made anew in another way since it was opened.
            IndexUnusable: every leg failed.
        """
        off = {name: "its weight is 0" for name, weight in self.weights.items() if not weight}
        answers = await self._beside.ask(query, max(DEPTH, limit), where, off)
        if answers.failed and WORDS in off and answers.vector is None and not answers.hits:
            reasons = "; ".join(f"{name}: {reason}" for name, reason in answers.failed.items())
            raise IndexUnusable(f"nothing in {self.store.path} could be searched ({reasons})")
        terms = list(self.how.terms(subject(query)))
        return await asyncio.to_thread(self._searched, query, terms, answers, limit, where)

    def _searched(
        self,
        query: str,
        terms: Sequence[str],
        answers: Answers,
        limit: int,
        where: Facts | None,
    ) -> Explanation:
        depth = max(DEPTH, limit)
        legs: dict[str, Found] = {}
        with self.store.snapshot():
            self.store.require(self.how.making)  # it may have been made anew meanwhile
            if WORDS not in answers.left_out:
                legs[WORDS] = by_words(self.store, terms, depth, where)
            if answers.vector is not None:
                try:
                    legs[VECTORS] = self.vectors.nearest(answers.vector, depth, where)
                except UsageError as error:
                    answers.failed[VECTORS] = str(error)
            foreign = Foreign(self.store, where)
            for name, hits in answers.hits.items():
                legs[name] = foreign.found(hits)
            best = fused(legs, self.weights, self.fusion, depth)[:limit]
            chunks = foreign.chunks([key for key, _ in best])
        ranks = {
            name: {key: Rank(name, at + 1, score) for at, (key, score) in enumerate(found)}
            for name, found in legs.items()
        }
        hits = tuple(
            Explained(
                Hit(chunks[key], score), tuple(places[key] for places in ranks.values() if key in places)
            )
            for key, score in best
        )
        return Explanation(query, tuple(terms), hits, answers.left_out, answers.failed)
