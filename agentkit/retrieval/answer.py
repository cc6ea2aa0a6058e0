"""An answer by a model whose quotes are looked up: what it says stands somewhere, or is said not to."""

from collections.abc import Sequence
from typing import Protocol, TypeVar

from msgspec import Struct
from pydantic import BaseModel, Field

from agentkit.core.documents import Citation, Document, Hit
from agentkit.core.messages import Asked
from agentkit.core.runnable import Runnable
from agentkit.prompts.library import Library, library_of
from agentkit.retrieval.cite import located

PROMPT = "documents/answer"
MOST_QUOTES = 8
NOTHING_FOUND = "nothing was found that could answer this"

Form = TypeVar("Form", bound=BaseModel)


class Structured(Protocol):
    """A model that answers with objects: `as_runnable(model)` is one."""

    def structured(self, kind: type[Form]) -> Runnable[Asked, Form]:
        """The model, whose answers are instances of `kind`."""
        ...


class Quote(BaseModel):
    """Words of a passage."""

    passage: int = Field(description="the number of the passage")
    quote: str = Field(description="words of the passage, exactly as they stand there")


class Words(BaseModel):
    """What a model answers."""

    answer: str = Field(description="the answer, in the language of the question")
    # a small model that is held to the form knows no end of its own
    quotes: list[Quote] = Field(
        description="what in the passages shows that the answer is right", max_length=MOST_QUOTES
    )


class Answered(Struct, frozen=True):
    """An answer, and what speaks for it."""

    text: str
    citations: tuple[Citation, ...] = ()

    @property
    def verified(self) -> bool:
        """Whether every quote stands where it is said to, and there is one."""
        return bool(self.citations) and all(one.verified for one in self.citations)


async def answered(
    question: str,
    hits: Sequence[Hit],
    documents: Sequence[Document],
    model: Structured,
    library: Library | None = None,
) -> Answered:
    """What the model answers from the hits; each quote is looked up in its document.

    Args:
        question: What is asked.
        hits: The passages that the model is shown.
        documents: Those that the hits are of.
        model: Who is asked.
        library: Where the prompt is; ours by default.

    Raises:
        ModelError: the model could not answer, or not in the form.
    """
    if not hits:
        return Answered(NOTHING_FOUND)
    prompt = (library or library_of()).load(PROMPT)
    passages = "\n\n".join(f"[{number}] {_shown(hit)}" for number, hit in enumerate(hits, 1))
    asked = prompt.render({"question": question, "passages": passages})
    words = await model.structured(Words).ainvoke(asked)
    by_id = {document.id: document for document in documents}
    citations = [_looked_up(quote, hits, by_id) for quote in words.quotes if quote.quote.strip()]
    return Answered(words.answer.strip(), tuple(dict.fromkeys(citations)))


def _looked_up(quote: Quote, hits: Sequence[Hit], documents: dict[str, Document]) -> Citation:
    """Where the quote stands: in the passage that was named, or in another that the model was shown."""
    named = hits[quote.passage - 1 : quote.passage] if quote.passage > 0 else ()
    for hit in (*named, *hits):
        document = documents.get(hit.chunk.document)
        if document is None:
            continue
        found = located(quote.quote, document, (hit.chunk.start, hit.chunk.end))
        if found.verified:
            return found
    first = named[0].chunk if named else None
    return Citation(first.document if first else "", 0, 0, quote.quote, False, first.source if first else "")


def _shown(hit: Hit) -> str:
    above = " > ".join(hit.chunk.headings)
    return f"{hit.chunk.source}{f', {above}' if above else ''}\n{hit.chunk.text}"
