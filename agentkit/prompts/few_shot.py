"""Examples in a prompt, and who chooses among them."""

import json
import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from inspect import isawaitable
from typing import Any, Protocol, TypeAlias, TypeVar, cast, runtime_checkable

from agentkit.core.errors import PromptError
from agentkit.core.messages import AssistantMessage, Message, UserMessage
from agentkit.core.runnable import Runnable, Whole
from agentkit.core.runnable.runnable import step
from agentkit.core.template import Template
from agentkit.prompts.mustache import MustacheTemplate
from agentkit.prompts.text import Given, Values, as_text, completed, rendered, require_places

Example: TypeAlias = Mapping[str, Any]
Vectors: TypeAlias = Sequence[Sequence[float]]

T = TypeVar("T")


@runtime_checkable
class Embedder(Protocol):
    """What embeds a question and what is looked for: every `Embeddings`, and LangChain's as well."""

    def embed_documents(self, texts: list[str], /) -> Vectors | Awaitable[Vectors]:
        """One vector for each text, in order."""
        ...

    def embed_query(self, text: str, /) -> Sequence[float] | Awaitable[Sequence[float]]:
        """The vector of a question."""
        ...


Embed: TypeAlias = (
    Embedder | Runnable[list[str], Vectors] | Callable[[list[str]], Vectors | Awaitable[Vectors]]
)


class Selector(Protocol):
    """Chooses the examples for a question."""

    @property
    def reads(self) -> frozenset[str]:
        """The names of the prompt's values that it looks at."""
        ...

    async def select(self, examples: Sequence[Example], values: Values) -> Sequence[Example]:
        """Those to be shown, in order."""
        ...


@dataclass(frozen=True)
class First:
    """The first `count`; without a count all of them."""

    count: int | None = None
    reads: frozenset[str] = frozenset()

    async def select(self, examples: Sequence[Example], values: Values) -> Sequence[Example]:  # noqa: ARG002
        """The first ones."""
        return examples[: self.count]


@dataclass(frozen=True)
class Fitting:
    """As many from the first on as are no longer than `most` together.

    `length` measures a text: characters, or tokens with a tokenizer's own function. A value that is neither
    text nor a number (a list that a mustache section repeats) is measured as JSON.
    """

    most: int
    length: Callable[[str], int] = len
    reads: frozenset[str] = frozenset()

    async def select(self, examples: Sequence[Example], values: Values) -> Sequence[Example]:  # noqa: ARG002
        """Those that fit; the first that does not ends them."""
        left = self.most
        for place, example in enumerate(examples):
            left -= sum(self.length(_measured(value)) for value in example.values())
            if left < 0:
                return examples[:place]
        return examples


@dataclass(frozen=True)
class Nearest:
    """The `count` whose field `of` is nearest in meaning to the prompt's value of the same name.

    Each example is embedded once. The nearest stands last, next to the question.
    """

    count: int
    embed: Embed
    """Embeddings, or a function, an async function or a step from texts to vectors."""
    of: str
    vectors: dict[str, Sequence[float]] = field(default_factory=dict[str, Sequence[float]])

    @property
    def reads(self) -> frozenset[str]:
        """The value that is compared."""
        return frozenset({self.of})

    async def select(self, examples: Sequence[Example], values: Values) -> Sequence[Example]:
        """The nearest, by the angle between the vectors; of equals the earlier."""
        asked = as_text(self.of, values[self.of])
        new = list(
            dict.fromkeys(text for example in examples if (text := example[self.of]) not in self.vectors)
        )
        *known, wanted = await self._embedded(new, asked)
        self.vectors.update(zip(new, known, strict=True))
        near = {place: _cosine(self.vectors[one[self.of]], wanted) for place, one in enumerate(examples)}
        best = sorted(near, key=lambda place: (-near[place], place))[: self.count]
        return [examples[place] for place in reversed(best)]

    async def _embedded(self, new: list[str], asked: str) -> list[Sequence[float]]:
        """The vectors of the examples that have none yet, then that of the question."""
        wanted = [*new, asked]
        if isinstance(self.embed, Embedder):
            # many models embed a question otherwise than what is looked for
            found = list(await _come(self.embed.embed_documents(new))) if new else []
            found.append(await _come(self.embed.embed_query(asked)))
        else:
            found = list(await step(self.embed).ainvoke(wanted))
        if len(found) != len(wanted):
            raise PromptError(f"embed was given {len(wanted)} texts and returned {len(found)} vectors")
        if len(sizes := sorted({len(vector) for vector in (*self.vectors.values(), *found)})) > 1:
            raise PromptError(f"embed returned vectors of different sizes: {sizes[0]} and {sizes[-1]}")
        return found


@dataclass(frozen=True)
class FewShot:
    """Examples as a conversation: the person asks, the assistant answers; part of a chat prompt."""

    examples: Sequence[Example]
    ask: Template | MustacheTemplate
    answer: Template | MustacheTemplate
    select: Selector = First()

    def __post_init__(self) -> None:
        _require_fields(self.examples, (self.ask, self.answer), self.select.reads)

    @property
    def variables(self) -> frozenset[str]:
        """The values that choose the examples."""
        return self.select.reads

    async def messages(self, values: Values) -> Sequence[Message]:
        """Two messages for each chosen example."""
        said: list[Message] = []
        for example in await self.select.select(self.examples, values):
            said += [UserMessage(_filled(self.ask, example)), AssistantMessage(_filled(self.answer, example))]
        return said


class FewShotPromptTemplate(Whole[Values, str]):
    """Text of three parts: what comes before, the chosen examples, and what comes after."""

    def __init__(
        self,
        examples: Sequence[Example],
        example: str | Template | MustacheTemplate,
        after: str | Template | MustacheTemplate,
        before: str | Template | MustacheTemplate = "",
        *,
        select: Selector | None = None,
        separator: str = "\n\n",
        given: Mapping[str, Given] | None = None,
    ) -> None:
        self.examples = examples
        self.given = dict(given or {})
        self.select: Selector = select or First()
        self.separator = separator
        self.example, self.before, self.after = (
            Template(part) if isinstance(part, str) else part for part in (example, before, after)
        )
        _require_fields(examples, (self.example,), self.select.reads)
        require_places(self.given, self._places)

    @property
    def variables(self) -> frozenset[str]:
        """The places that still want a value."""
        return self._needed - set(self.given)

    @property
    def takes(self) -> frozenset[str]:
        """The places that a value may be given for."""
        return self._places - set(self.given)

    @property
    def _places(self) -> frozenset[str]:
        return self.before.takes | self.after.takes | self.select.reads

    @property
    def _needed(self) -> frozenset[str]:
        return self.before.variables | self.after.variables | self.select.reads

    def partial(self, **given: Given) -> "FewShotPromptTemplate":
        """The same with some values given already.

        Raises:
            PromptError: there is no place for one of them.
        """
        return FewShotPromptTemplate(
            self.examples,
            self.example,
            self.after,
            self.before,
            select=self.select,
            separator=self.separator,
            given={**self.given, **given},
        )

    def bind(self, **settings: Any) -> "FewShotPromptTemplate":
        """What `partial` does."""
        return self.partial(**settings)

    async def ainvoke(self, value: Values) -> str:
        """The text.

        Raises:
            PromptError: a place has no value, or a value no place.
        """
        values = completed(self.given, value)
        require_exactly(values, self._needed | (self._places & set(values)))
        chosen = await self.select.select(self.examples, values)
        parts = [_filled(self.before, values)] if self.before.text else []
        parts += [_filled(self.example, example) for example in chosen]
        return self.separator.join([*parts, _filled(self.after, values)])


def require_exactly(values: Values, places: frozenset[str]) -> None:
    """Refuse values that are too few or too many.

    Raises:
        PromptError: naming what is missing, what has no place, and the places.
    """
    complaints: list[str] = []
    if missing := sorted(places - set(values)):
        complaints.append(f"the prompt needs {', '.join(missing)} and was not given it")
    if unused := sorted(set(values) - places):
        known = ", ".join(sorted(places)) or "none"
        complaints.append(f"the prompt has no place for {', '.join(unused)}; its places: {known}")
    if complaints:
        raise PromptError("; ".join(complaints))


def _require_fields(
    examples: Sequence[Example], templates: Sequence[Template | MustacheTemplate], reads: frozenset[str]
) -> None:
    fields = reads.union(*(one.variables for one in templates))
    possible = reads.union(*(one.takes for one in templates))
    for number, example in enumerate(examples, 1):
        if not fields <= frozenset(example) <= possible:
            found, wanted = (", ".join(sorted(names)) or "none" for names in (set(example), fields))
            raise PromptError(f"example {number} has the fields {found}; the templates want {wanted}")


def _filled(template: Template | MustacheTemplate, values: Values) -> str:
    return rendered(template, {name: values[name] for name in template.takes if name in values})


def _measured(value: Any) -> str:
    return (
        str(value)
        if isinstance(value, str | int | float)
        else json.dumps(value, ensure_ascii=False, default=str)
    )


def _cosine(one: Sequence[float], other: Sequence[float]) -> float:
    size = math.hypot(*one) * math.hypot(*other)
    return sum(a * b for a, b in zip(one, other, strict=True)) / size if size else 0.0


async def _come(made: T | Awaitable[T]) -> T:
    return await made if isawaitable(made) else cast("T", made)
