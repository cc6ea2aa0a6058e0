"""General text is what the base itself would write, and the same each time."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from episodes.general import OPENINGS, Writer, write_general

from agentkit_local_models.engine import Engine


@pytest.fixture(scope="module")
def writer(smollm2_path: Path) -> Writer:
    return Writer.of(Engine.load(smollm2_path), seed=1)


def test_rows_are_chats_and_running_text(writer: Writer) -> None:
    made = [writer.row(number) for number in range(6)]
    for number, row in enumerate(made):
        if row is None:
            continue
        if number % 3 == 2:
            assert str(row["text"]).startswith(OPENINGS)
        else:
            assert [turn["role"] for turn in row["turns"]] == ["user", "assistant"]
            assert not any("<|im_" in turn["content"] for turn in row["turns"])
    assert any("text" in row for row in made if row)
    assert any("turns" in row for row in made if row)


def test_a_number_is_always_the_same_row_and_another_seed_another(writer: Writer) -> None:
    assert writer.row(2) == writer.row(2)
    assert Writer.of(writer.engine, seed=2).row(2) != writer.row(2)


def test_as_many_rows_are_written_as_were_asked_for(tmp_path: Path, writer: Writer) -> None:
    write_general(replace(writer, longest=40), tmp_path / "new/general.jsonl", 5)
    rows = [json.loads(line) for line in (tmp_path / "new/general.jsonl").read_text().splitlines()]
    assert len(rows) == 5
    assert all(row.keys() in ({"text"}, {"turns"}) for row in rows)
