"""Questions that a database answers."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from agentkit.chains import ReadOnlyDatabase, sql_question_answering
from agentkit.core.errors import UnreadableAnswer

from .doubles import asked, saying


@pytest.fixture
def database(tmp_path: Path) -> ReadOnlyDatabase:
    with closing(sqlite3.connect(tmp_path / "shop.db")) as made:
        made.executescript(
            "CREATE TABLE orders (who TEXT, total REAL); INSERT INTO orders VALUES ('Ada', 9.5)"
        )
        made.commit()
    return ReadOnlyDatabase(tmp_path / "shop.db")


def test_a_question_becomes_a_statement_and_its_rows_an_answer(database: ReadOnlyDatabase) -> None:
    model = saying("Here:\n```sql\nSELECT total FROM orders WHERE who = 'Ada'\n```", "Ada owes 9.5.")
    answer = sql_question_answering(model, database).invoke("What does Ada owe?")
    assert answer["sql"] == "SELECT total FROM orders WHERE who = 'Ada'"
    assert answer["found"].rows == ((9.5,),)
    assert answer["answer"] == "Ada owes 9.5."
    assert "CREATE TABLE orders (who TEXT, total REAL)" in asked(model)[0]
    assert "total\n9.5" in asked(model)[1]


def test_a_statement_that_fails_goes_back_once_with_what_is_wrong(database: ReadOnlyDatabase) -> None:
    model = saying("SELECT price FROM orders", "SELECT total FROM orders", "9.5")
    assert sql_question_answering(model, database).invoke("How much?")["sql"] == "SELECT total FROM orders"
    assert "Your statement: SELECT price FROM orders" in asked(model)[1]
    assert "no such column: price" in asked(model)[1]


def test_a_model_that_would_change_something_is_refused(database: ReadOnlyDatabase) -> None:
    model = saying("DROP TABLE orders", "DELETE FROM orders")
    with pytest.raises(UnreadableAnswer, match="deletes rows, which is not allowed; found 'DELETE") as caught:
        sql_question_answering(model, database).invoke("Clean up.")
    assert "DROP TABLE" in caught.value.__notes__[0]
    assert len(asked(model)) == 2
