"""Questions that a database answers: a statement is written, read only, and its rows told in words."""

import re
from contextlib import aclosing
from typing import Any, TypedDict, cast

from agentkit.chains.course import Course, Run
from agentkit.chains.reading import ReadOnlyDatabase, Rows, StatementFault
from agentkit.chains.words import ModelStep, Words, files_in, prompted
from agentkit.core.errors import UnreadableAnswer
from agentkit.core.runnable.pieces import Pieces

_FENCED = re.compile(r"```(?:sql(?:ite)?)?[ \t]*\n(.*?)```", re.DOTALL | re.IGNORECASE)


class SqlAnswered(TypedDict):
    """The statement that was run, what it found, and the answer in words.

    Each piece of a stream has one of these: the statement, then the rows, then the answer as it is written.
    """

    sql: str
    found: Rows
    answer: str


def sql_question_answering(
    model: ModelStep, database: ReadOnlyDatabase, *, prompt: Words | None = None
) -> "SqlQuestionAnswering":
    """A question in; the statement, the rows and an answer from them out.

    A statement that is refused or fails goes back to the model once, with what is wrong.

    Args:
        model: Who writes the statement and the answer.
        database: What may be read of which file.
        prompt: In the place of ours for the statement, with the places `schema` and `question`.
    """
    return SqlQuestionAnswering(model, database, prompt)


class SqlQuestionAnswering(Course[str, SqlAnswered]):
    """What `sql_question_answering` makes."""

    def __init__(self, model: ModelStep, database: ReadOnlyDatabase, prompt: Words | None) -> None:
        self.database = database
        self._write = prompted(prompt, "chains/sql") | model
        self._mend = prompted(files_in(prompt), "chains/sql-mend") | model
        self._tell = prompted(files_in(prompt), "chains/sql-answer") | model

    async def course(self, value: str, run: Run) -> Pieces[SqlAnswered]:
        """The statement, the rows, and the pieces of the answer.

        Raises:
            UnreadableAnswer: the mended statement does not run either; the first fault is its note.
        """
        asked = {"schema": self.database.schema, "question": value}
        statement = _statement(await self._write.ainvoke(asked))
        try:
            found = await self.database.query(statement)
        except StatementFault as fault:
            statement, found = await self._mended(asked, statement, fault)
        yield _piece(sql=statement)
        yield _piece(found=found)
        told = {"question": value, "sql": statement, "rows": found.as_text()}
        async with aclosing(run(self._tell, told)) as pieces:
            async for piece in pieces:
                yield _piece(answer=piece)

    async def _mended(self, asked: dict[str, str], statement: str, fault: StatementFault) -> tuple[str, Rows]:
        mended = _statement(await self._mend.ainvoke({**asked, "sql": statement, "fault": str(fault)}))
        try:
            return mended, await self.database.query(mended)
        except StatementFault as error:
            refused = UnreadableAnswer(f"the model's statement cannot be used: {error}; found {mended!r}")
            refused.add_note(f"before it was mended: {fault}; found {statement!r}")
            raise refused from error


def _statement(answer: str) -> str:
    """The SQL of an answer: its first fenced block, or all of it."""
    fenced = _FENCED.search(answer)
    return (fenced[1] if fenced else answer).strip()


def _piece(**part: Any) -> SqlAnswered:
    """A piece of an answer, which holds a part of it."""
    return cast("SqlAnswered", part)
