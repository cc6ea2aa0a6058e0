"""What is asked beside the words of an index: each leg for itself, so that one that fails ends no other."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from agentkit.core.documents import Embeddings, Facts, Hit, Retriever
from agentkit.retrieval.copies import copied
from agentkit.retrieval.health import Health, examined_leg, healths_of, reason_for
from agentkit.retrieval.store import SqliteStore
from agentkit.retrieval.vector_store import VectorStore

WORDS = "words"
VECTORS = "vectors"


@dataclass
class Answers:
    """What the legs said, but for that of the words, which is asked of the index itself."""

    left_out: dict[str, str]
    """The legs that do not count, with the reason."""
    failed: dict[str, str] = field(default_factory=dict[str, str])
    """The legs that could not be asked, with the reason."""
    vector: Sequence[float] | None = None
    """Of the question, where the index is to be asked for the nearest."""
    hits: dict[str, Sequence[Hit]] = field(default_factory=dict[str, Sequence[Hit]])
    """What each of the others found."""


class Legs:
    """The legs of an index beside its words."""

    def __init__(
        self,
        store: SqliteStore,
        embeddings: Embeddings | None,
        copy: VectorStore | None,
        others: Mapping[str, Retriever],
        *,
        gated: bool,
    ) -> None:
        self._store = store
        self._embeddings = embeddings
        self._copy = copy
        self._others = others
        self._gated = gated
        self._healths: dict[str, Sequence[Health]] = {}
        self._examining = defaultdict[str, asyncio.Lock](asyncio.Lock)

    async def ask(self, query: str, depth: int, where: Facts | None, off: Mapping[str, str]) -> Answers:
        """Ask every leg at once.

        Args:
            query: In words.
            depth: How many pieces each is asked for.
            where: Facts that each piece must have.
            off: The legs that are not to be asked, with the reason.
        """
        answers = Answers(dict(off))
        asking: dict[str, Callable[[], Awaitable[None]]] = {
            name: lambda name=name, leg=leg: self._other(answers, name, leg, query, depth, where)
            for name, leg in self._others.items()
        }
        if (embeddings := self._embeddings) is not None:
            asking[VECTORS] = lambda: self._by_vectors(answers, embeddings, query, depth, where)
        async with asyncio.TaskGroup() as group:
            for name, ask in asking.items():
                if name not in off:
                    group.create_task(_noting(answers.failed, name, ask))
        return answers

    def look_again(self) -> None:
        """Look at the legs again when they are next asked: the index has other pieces."""
        self._healths.clear()

    async def _other(
        self, answers: Answers, name: str, leg: Retriever, query: str, depth: int, where: Facts | None
    ) -> None:
        if reason := reason_for(query, await self._health(name, leg)):
            answers.left_out[name] = reason
        else:
            answers.hits[name] = await leg.retrieve(query, limit=depth, where=where)

    async def _by_vectors(
        self, answers: Answers, embeddings: Embeddings, query: str, depth: int, where: Facts | None
    ) -> None:
        if self._gated and (reason := reason_for(query, healths_of(self._store))):
            answers.left_out[VECTORS] = reason
            return
        vector = await embeddings.embed_query(query)
        if (copy := self._copy) is not None:

            async def ask_copy() -> None:
                await copied(self._store, copy)
                answers.hits[VECTORS] = await copy.nearest(vector, limit=depth, where=where)

            await _noting(answers.failed, copy.name, ask_copy)
        if VECTORS not in answers.hits:
            # a copy that fails is no loss: the index has the same vectors
            answers.vector = vector

    async def _health(self, name: str, leg: Retriever) -> Sequence[Health]:
        """How the leg does with what the index holds; it is looked at when it is first asked."""
        if not self._gated:
            return ()
        async with self._examining[name]:
            if name not in self._healths:
                healths = await examined_leg(self._store, leg)
                if healths is None:
                    return ()
                self._healths[name] = healths
            return self._healths[name]


async def _noting(failed: dict[str, str], name: str, ask: Callable[[], Awaitable[None]]) -> None:
    """Ask, and note why that could not be done."""
    try:
        await ask()
    except Exception as error:  # noqa: BLE001 - anybody's leg, which may raise anything; it is said
        failed[name] = f"{error}" or type(error).__name__
