"""A prompt and its model, and chains one after the other."""

from collections.abc import Mapping
from contextlib import aclosing
from typing import Any, TypeAlias, TypeVar, overload

from agentkit.chains.course import Course, Run
from agentkit.chains.words import ModelStep, narrowed
from agentkit.core.errors import UsageError
from agentkit.core.runnable import Runnable
from agentkit.core.runnable.pieces import Pieces, joined
from agentkit.core.runnable.runnable import Branch, step
from agentkit.prompts.chat import ChatPromptTemplate
from agentkit.prompts.few_shot import FewShotPromptTemplate
from agentkit.prompts.parsers.parser import Parser
from agentkit.prompts.text import PromptTemplate, Values

Template: TypeAlias = str | PromptTemplate | ChatPromptTemplate | FewShotPromptTemplate

Value = TypeVar("Value")


@overload
def llm_chain(prompt: Template, model: ModelStep) -> Runnable[Values, str]: ...
@overload
def llm_chain(prompt: Template, model: ModelStep, parser: Parser[Value]) -> Runnable[Values, Value]: ...
def llm_chain(prompt: Template, model: ModelStep, parser: Parser[Any] | None = None) -> Runnable[Values, Any]:
    """`prompt | model`, or `prompt | model | parser` with one repair of an answer that cannot be read."""
    first = PromptTemplate(prompt) if isinstance(prompt, str) else prompt
    return first | model if parser is None else first | model | parser.repaired_by(model)


def sequential(**steps: "Branch[Mapping[str, Any], Any]") -> "Sequential":
    """Named steps one after the other: each is given all values so far, and its answer is the next of them.

    A step that begins with a prompt is given what the prompt has places for. `a | b` is the shorter way
    where the answer of one is all that the next needs.

    Raises:
        UsageError: there are no steps.
    """
    if not steps:
        raise UsageError("sequential() was given no steps; it needs at least one, as sequential(summary=…)")
    return Sequential({name: step(one) for name, one in steps.items()})


class Sequential(Course[Values, dict[str, Any]]):
    """What `sequential` makes: values in, the same values and the answers under the steps' names out."""

    def __init__(self, steps: Mapping[str, Runnable[Mapping[str, Any], Any]]) -> None:
        self.named = dict(steps)

    async def course(self, value: Values, run: Run) -> Pieces[dict[str, Any]]:
        """The values, then the pieces of each answer under its name.

        Raises:
            UsageError: a value is given under the name of a step.
        """
        if twice := sorted(set(value) & set(self.named)):
            raise UsageError(f"{', '.join(twice)} is given as a value and is the name of a step; rename one")
        values = dict(value)
        yield dict(values)
        for name, one in self.named.items():
            made: list[Any] = []
            async with aclosing(run(one, narrowed(one, values))) as pieces:
                async for piece in pieces:
                    made.append(piece)
                    yield {name: piece}
            values[name] = joined(made)
