"""One of several chains, chosen by a rule, by a model, or by nearness of meaning."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from inspect import isawaitable
from typing import Any, Literal, TypeVar

from agentkit.chains.course import Course, Run
from agentkit.chains.words import ModelStep, Words, as_objects, prompted
from agentkit.core.documents import Embeddings
from agentkit.core.errors import UsageError
from agentkit.core.runnable import Runnable
from agentkit.core.runnable.pieces import Pieces

In = TypeVar("In")
Out = TypeVar("Out")

OTHERWISE = "otherwise"
"""The name of what is done when nothing fits."""


def route_by_rule(
    rule: Callable[[In], str] | Callable[[In], Awaitable[str]],
    steps: Mapping[str, Runnable[In, Out]],
    *,
    otherwise: Runnable[In, Out] | None = None,
) -> "Router[In, Out]":
    """The step that `rule` names; for a name that is none of `steps`, `otherwise`.

    Raises:
        UsageError: there are no steps; later, the rule names none and there is no `otherwise`.
    """
    return Router(rule, steps, otherwise)


def route_by_model(
    model: ModelStep,
    steps: Mapping[str, tuple[str, Runnable[In, Out]]],
    *,
    otherwise: Runnable[In, Out] | None = None,
    prompt: Words | None = None,
) -> "Router[In, Out]":
    """The step whose description fits best, as the model says; `otherwise` when it says that none does.

    The model is held to the names, by its server or its grammar where it can be.

    Args:
        model: Who chooses.
        steps: For each name what it is for, in words for the model, and what is done.
        otherwise: What is done when nothing fits; without it the model must choose.
        prompt: In the place of ours, with the places `choices` and `asked`.

    Raises:
        UsageError: there are no steps.
    """
    from pydantic import create_model

    names = [*steps, *([OTHERWISE] if otherwise is not None else [])]
    _require_steps(steps)
    chosen: Any = Literal[tuple(names)]
    kind = create_model("Route", name=(chosen, ...))
    lines = [f"- {name}: {about}" for name, (about, _) in steps.items()]
    lines += [f"- {OTHERWISE}: anything else"] if otherwise is not None else []
    ask = prompted(prompt, "chains/route") | as_objects(model, kind, prompt)

    async def choose(value: In) -> str:
        chosen = await ask.ainvoke({"choices": "\n".join(lines), "asked": as_question(value)})
        return str(getattr(chosen, "name"))  # noqa: B009 - a field that was made a few lines above

    return Router(choose, {name: one for name, (_, one) in steps.items()}, otherwise)


def route_by_embedding(
    embeddings: Embeddings,
    steps: Mapping[str, tuple[Sequence[str], Runnable[In, Out]]],
    *,
    otherwise: Runnable[In, Out] | None = None,
    at_least: float = 0.0,
) -> "Router[In, Out]":
    """The step one of whose examples is nearest in meaning to the question.

    Args:
        embeddings: What tells how near two texts are.
        steps: For each name some questions that belong there, and what is done. The examples are embedded
            once, when the first question comes.
        otherwise: What is done when nothing is near.
        at_least: The cosine that the nearest example must have, from -1 to 1, else `otherwise` is done.

    Raises:
        UsageError: there are no steps, a step has no examples, or `at_least` is set without `otherwise`.
    """
    _require_steps(steps)
    if lacking := [name for name, (examples, _) in steps.items() if not examples]:
        raise UsageError(f"{', '.join(lacking)} has no examples to be near to; give it at least one question")
    if at_least > 0 and otherwise is None:
        raise UsageError(f"at_least = {at_least} has no effect without otherwise=, what is done below it")
    texts = [(name, text) for name, (examples, _) in steps.items() for text in examples]
    known: list[Sequence[float]] = []

    async def choose(value: In) -> str:
        if not known:
            known[:] = await embeddings.embed_documents([text for _, text in texts])
        asked = await embeddings.embed_query(as_question(value))
        near = [sum(a * b for a, b in zip(asked, vector, strict=True)) for vector in known]
        best = max(range(len(near)), key=near.__getitem__)
        return texts[best][0] if near[best] >= at_least else OTHERWISE

    return Router(choose, {name: one for name, (_, one) in steps.items()}, otherwise)


class Router(Course[In, Out]):
    """The step that `choose` names for a value, streamed through."""

    def __init__(
        self,
        choose: Callable[[In], str] | Callable[[In], Awaitable[str]],
        steps: Mapping[str, Runnable[In, Out]],
        otherwise: Runnable[In, Out] | None = None,
    ) -> None:
        _require_steps(steps)
        if OTHERWISE in steps:
            raise UsageError(f"{OTHERWISE!r} cannot be the name of a step; give it as otherwise=")
        self.choose = choose
        self.named = dict(steps)
        self.otherwise = otherwise

    async def chosen(self, value: In) -> str:
        """The name of the step for a value, or `otherwise`.

        Raises:
            UsageError: it is the name of no step.
        """
        found: Any = self.choose(value)
        name = await found if isawaitable(found) else found
        if name in self.named:
            return name
        if self.otherwise is not None:
            return OTHERWISE
        raise UsageError(
            f"nothing is done for {name!r}; known: {', '.join(self.named)}; give the rest an otherwise="
        )

    async def course(self, value: In, run: Run) -> Pieces[Out]:
        """The pieces of the step that was chosen."""
        one = self.named.get(await self.chosen(value), self.otherwise)
        assert one is not None
        async with aclosing(run(one, value)) as pieces:
            async for piece in pieces:
                yield piece


def as_question(value: object) -> str:
    """What is asked, of a value that a chain is given: itself, its `question`, or its one text.

    Raises:
        UsageError: none of these.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        given: Mapping[str, object] = value  # pyright: ignore[reportUnknownVariableType]
        texts = [one for one in given.values() if isinstance(one, str)]
        asked = given.get("question", texts[0] if len(texts) == 1 else None)
        if isinstance(asked, str):
            return asked
        found = f"a mapping with {', '.join(given) or 'nothing in it'}"
    else:
        found = f"a {type(value).__name__}"
    raise UsageError(f"a question is text, or a mapping with it under 'question'; found {found}")


def _require_steps(steps: Mapping[str, object]) -> None:
    if not steps:
        raise UsageError("there are no steps to choose from; give at least one by name")
