"""What parsers have in common: they say the form they want, read it or refuse it, and can ask again."""

import reprlib
from abc import abstractmethod
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from typing import Any, TypeVar

from agentkit.core.errors import UnreadableAnswer, UsageError
from agentkit.core.messages import Asked, Message, UserMessage, messages_of
from agentkit.core.runnable import Lambda, Runnable, Whole
from agentkit.core.runnable.pieces import Pieces, Replay
from agentkit.prompts.library import Library

Value = TypeVar("Value", covariant=True)


def as_read(value: object) -> str:
    """The text that a parser was given.

    Raises:
        UsageError: it is no text.
    """
    if isinstance(value, str):
        return value
    raise UsageError(f"a parser reads text; found {reprlib.repr(value)}: put a model before it")


class Parser(Whole[str, Value]):
    """Text to a value; what is to be written is `parse` and `form`."""

    @property
    @abstractmethod
    def form(self) -> str:
        """A sentence for the model that says what its answer must look like."""

    @abstractmethod
    def parse(self, text: str) -> Value:
        """The value the text stands for.

        Raises:
            UnreadableAnswer: saying what is wrong, what was found and what would do.
        """

    async def ainvoke(self, value: str) -> Value:
        """What `parse` makes of it.

        Raises:
            UnreadableAnswer: it makes nothing of it.
            UsageError: it is no text.
        """
        return self.parse(as_read(value))

    def repaired_by(
        self, model: Runnable[Sequence[Message], str], files: Library | None = None
    ) -> "Repaired[Value]":
        """The same parser; an answer it cannot read goes back to `model` once.

        Args:
            model: Mends it.
            files: Where `answers/repair` is, the words that go with it; ours by itself.
        """
        return Repaired(self, model, files)

    def asked_of(
        self, model: Runnable[Sequence[Message], str], files: Library | None = None
    ) -> Runnable[Asked, Value]:
        """A step that tells `model` the form and reads its answer; what cannot be read goes back once.

        Args:
            model: Asked.
            files: As those of `repaired_by`.
        """

        def told(asked: Asked) -> tuple[Message, ...]:
            return with_form(asked, self.form)

        return Lambda(told) | model | self.repaired_by(model, files)


class Schematic(Parser[Value]):
    """A parser whose values have a JSON schema, which a model can be held to."""

    schema: dict[str, Any]


class Repaired(Runnable[str, Value]):
    """A parser that shows the model an unreadable answer, with what is wrong, and reads the next one."""

    def __init__(
        self, parser: Parser[Value], model: Runnable[Sequence[Message], str], files: Library | None = None
    ) -> None:
        self.parser = parser
        self.model = model
        self.files = files or Library()

    async def ainvoke(self, value: str) -> Value:
        """The value of the answer, or of the mended one.

        Raises:
            UnreadableAnswer: the mended answer cannot be read either; the first fault is its note.
        """
        try:
            return self.parser.parse(as_read(value))
        except UnreadableAnswer as error:
            fault = error
        return await self._mended(value, fault)

    async def transform(self, pieces: AsyncIterator[str]) -> Pieces[Value]:
        """The pieces that the parser makes, or the value of the mended answer when it made none.

        Raises:
            UnreadableAnswer: as `ainvoke`; or some of the value was given on before it could not be read.
        """
        read = Replay(pieces)
        given = False
        try:
            async with aclosing(self.parser.transform(read.again())) as made:
                async for piece in made:
                    given = True
                    yield piece
            return
        except UnreadableAnswer as error:
            if given or error is read.fault:
                raise
            fault = error
        answer = "".join([as_read(piece) async for piece in read.again()])
        yield await self._mended(answer, fault)

    async def _mended(self, answer: str, fault: UnreadableAnswer) -> Value:
        prompt = self.files.load("answers/repair")
        mended = await self.model.ainvoke(
            prompt.render({"answer": answer, "fault": str(fault), "form": self.parser.form})
        )
        try:
            return self.parser.parse(mended)
        except UnreadableAnswer as error:
            error.add_note(f"before it was mended: {fault}")
            raise


def with_form(asked: Asked, form: str) -> tuple[Message, ...]:
    """The same question, which also says what its answer must look like."""
    *before, last = messages_of(asked) or (UserMessage(""),)
    if isinstance(last, UserMessage):
        return (*before, UserMessage(f"{last.text}\n\n{form}".strip()))
    return (*before, last, UserMessage(form))


def unreadable(wrong: str, found: str, wanted: str) -> UnreadableAnswer:
    """The error that says what is wrong, quotes what was found, and says what would do."""
    quoted = found if len(found) <= LONGEST_QUOTE else f"{found[:LONGEST_QUOTE]}…"
    return UnreadableAnswer(f"{wrong}; found {quoted!r}; {wanted}")


LONGEST_QUOTE = 200
"""Characters of an answer that an error shows."""
