"""A database that can be read and nothing else: what a hostile statement comes to."""

import asyncio
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentkit.chains.linear import make_linear
from agentkit.chains.reading import ReadOnlyDatabase, Rows, StatementFault
from agentkit.core.errors import UsageError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "shop.db"
    with closing(sqlite3.connect(path)) as made:
        made.executescript(
            """
            CREATE TABLE orders (id INTEGER PRIMARY KEY, who TEXT, total REAL);
            INSERT INTO orders VALUES (1, 'Ada', 9.5), (2, 'Bo', 20), (3, '陈', NULL);
            CREATE TABLE secrets (word TEXT);
            INSERT INTO secrets VALUES ('hush');
            CREATE VIEW large AS SELECT who FROM orders WHERE total > 10;
            CREATE VIEW leak AS SELECT word FROM secrets;
            CREATE VIRTUAL TABLE notes USING fts5(text);
            INSERT INTO notes VALUES ('the red boat'), ('a blue car');
            """
        )
        made.commit()
    return path


ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"

REFUSED = {
    "DELETE FROM orders": "deletes rows",
    "UPDATE orders SET total = 0": "changes rows",
    "INSERT INTO orders VALUES (4, 'x', 1)": "inserts rows",
    "DROP TABLE orders": "not allowed",
    "CREATE TABLE t (a)": "not allowed",
    "CREATE TEMP TABLE t (a)": "not allowed",
    "ALTER TABLE orders RENAME TO o": "not allowed",
    "ATTACH DATABASE '/etc/passwd' AS p": "attaches another file",
    "PRAGMA query_only = OFF": "pragma",
    "PRAGMA writable_schema = ON": "pragma",
    "VACUUM INTO 'copy.db'": "attaches another file",
    "BEGIN IMMEDIATE": "transaction",
    "SELECT load_extension('x')": "calls load_extension",
    "SELECT randomblob(1000000000)": "calls randomblob",
    "SELECT * FROM pragma_database_list": "not allowed",
    "SELECT sql FROM sqlite_schema": "reads sqlite_master",
    "SELECT * FROM dbstat": "not allowed|no such table",
    "SELECT * FROM pragma_table_info('orders')": "not allowed",
    "SELECT 1; DELETE FROM orders": "one statement",
    "REPLACE INTO orders VALUES (1, 'x', 1)": "deletes rows|inserts rows",
    "SELECT who FROM": "incomplete|syntax",
    "": "asks for nothing",
    "SELECT nowhere FROM orders": "no such column",
    "SELECT 'a' LIKE printf('%.*c', 300, 'a')": "pattern too complex",
    "SELECT replace(hex(printf('%900000c', 'x')), '2', 'abcd')": "too big",
}


@pytest.mark.parametrize("statement", REFUSED)
def test_what_does_more_than_read_does_not_run(statement: str, path: Path) -> None:
    before = path.read_bytes()
    with pytest.raises(StatementFault, match=REFUSED[statement]):
        asyncio.run(ReadOnlyDatabase(path).query(statement))
    assert path.read_bytes() == before
    assert {one.name for one in path.parent.iterdir()} == {"shop.db"}


async def test_only_the_named_tables_are_shown_and_read(path: Path) -> None:
    database = ReadOnlyDatabase(path, tables={"orders", "large"})
    assert "secrets" not in database.schema
    assert "CREATE TABLE orders" in database.schema
    assert (await database.query("SELECT who FROM large")).rows == (("Bo",),)
    for statement in (
        "SELECT * FROM secrets",
        "SELECT who FROM orders WHERE who = (SELECT word FROM secrets)",
        "WITH orders AS (SELECT * FROM secrets) SELECT * FROM orders",
        "WITH large AS (SELECT word FROM secrets) SELECT * FROM large",
        "SELECT count(*) FROM secrets",
        "SELECT * FROM leak",
        "SELECT who FROM orders UNION SELECT word FROM secrets",
    ):
        with pytest.raises(StatementFault, match=r"reads (secrets|leak)"):
            await database.query(statement)
    with pytest.raises(UsageError, match="has no table nope; its tables: large, leak"):
        ReadOnlyDatabase(path, tables={"nope"})
    with pytest.raises(UsageError, match="leak cannot be read: the statement reads secrets"):
        ReadOnlyDatabase(path, tables={"orders", "leak"})


async def test_reading_in_the_usual_ways_works(path: Path) -> None:
    database = ReadOnlyDatabase(path)
    for statement, rows in {
        "SELECT who, total FROM orders ORDER BY id LIMIT 1": (("Ada", 9.5),),
        "SELECT count(*), round(sum(total)) FROM orders": ((3, 30.0),),
        "WITH big AS (SELECT who FROM orders WHERE total > 10) SELECT upper(who) FROM big": (("BO",),),
        "SELECT rank() OVER (ORDER BY id DESC) FROM orders WHERE who = '陈'": ((1,),),
        "SELECT value FROM json_each('[7]')": ((7,),),
        "SELECT text FROM notes WHERE notes MATCH 'boat'": (("the red boat",),),
        "SELECT who FROM orders WHERE who LIKE 'a%' GROUP BY who": (("Ada",),),
    }.items():
        assert (await database.query(statement)).rows == rows


async def test_a_statement_without_an_end_is_stopped_by_the_clock(path: Path) -> None:
    with pytest.raises(StatementFault, match=r"longer than 0\.2 s"):
        await ReadOnlyDatabase(path, seconds=0.2).query(ENDLESS)


CALLS = {
    "instr(?, ?)": 2, "replace(?, ?, ?)": 3, "trim(?)": 1, "trim(?, ?)": 2, "ltrim(?, ?)": 2, "rtrim(?, ?)": 2
}  # fmt: skip


@pytest.mark.parametrize("call", CALLS)
async def test_a_function_that_could_take_long_looks_at_the_clock_itself(call: str, path: Path) -> None:
    database = ReadOnlyDatabase(path)
    statement = f"SELECT {call.replace('?', 'who')} FROM orders LIMIT 1"
    assert (await database.query(statement)).complete
    database.seconds = 0.0  # so few instructions end before SQLite looks at it
    with pytest.raises(StatementFault, match="took longer than 0 s and was stopped"):
        await database.query(statement)


NUMBERS = st.integers(-9, 99) | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.none() | NUMBERS | st.text("ab. 1é")


@given(VALUES, VALUES, VALUES)
def test_the_functions_of_ours_say_what_those_of_sqlite_say(one: Any, other: Any, third: Any) -> None:
    with closing(sqlite3.connect(":memory:")) as theirs, closing(sqlite3.connect(":memory:")) as ours:
        make_linear(ours, 1000, lambda: None, [])
        for call, count in CALLS.items():
            values = (one, other, third)[:count]
            said = [base.execute(f"SELECT {call}", values).fetchone()[0] for base in (theirs, ours)]
            assert said[0] == said[1], call


async def test_a_cancelled_statement_has_ended_when_the_cancelling_has(path: Path) -> None:
    task = asyncio.create_task(ReadOnlyDatabase(path, seconds=100).query(ENDLESS))
    await asyncio.sleep(0.1)
    begun = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert time.monotonic() - begun < 50  # and not the hundred seconds that it had


async def test_rows_are_bounded_and_say_so(path: Path) -> None:
    found = await ReadOnlyDatabase(path, most_rows=2).query("SELECT id, who FROM orders")
    assert (found.rows, found.complete) == (((1, "Ada"), (2, "Bo")), False)
    assert found.as_text() == "id | who\n1 | Ada\n2 | Bo\n… there are more than these 2 rows"
    long = await ReadOnlyDatabase(path).query(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 9) "
        "SELECT replace(hex(printf('%9000c', 'x')), '2', 'ab') FROM n"
    )
    assert not long.complete
    assert len(long.rows) < 9
    assert Rows(("a", "b"), ((None, b"xx"),)).as_text() == "a | b\nNULL | (2 bytes)"
    assert Rows(("a",), ()).as_text() == "a\n(no rows)"


def test_what_is_no_database_is_said_to_be_none(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no database"):
        ReadOnlyDatabase(tmp_path / "none.db")
    (tmp_path / "text.db").write_text("no database at all, " * 100)
    with pytest.raises(UsageError, match="is no SQLite database"):
        ReadOnlyDatabase(tmp_path / "text.db")
