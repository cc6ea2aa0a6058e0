from pathlib import Path

import msgspec
import pytest

from agentkit.core.errors import UsageError
from agentkit.evaluation.log import EvalLog, Header, Made, Row, read_log

MADE = Made("c0de", {}, {}, "2026-01-01T00:00:00+00:00")
HEADER = Header("sums", "ca5e5", "scripted:test", "", {"max_steps": 12, "deny": ["network"]}, MADE)


def row(name: str, reached: bool | None = True, **more: object) -> Row:
    return Row(name, "sums", ("absent",), "d16e57", reached, **more)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "folder/log.jsonl"
    with EvalLog.open(path, HEADER) as log:
        log.append(row("one"))
        log.append(row("two", False, why="no"))
    return path


def test_what_was_appended_is_read_back(path: Path) -> None:
    run = read_log(path)
    assert run.rows == {"one": row("one"), "two": row("two", False, why="no")}
    assert run.header.task == "sums"
    with EvalLog.open(path, HEADER) as log:
        assert log.rows == run.rows


@pytest.mark.parametrize("cut", [1, 10, 60])
def test_a_line_that_was_cut_off_is_dropped_and_written_anew(path: Path, cut: int) -> None:
    path.write_bytes(path.read_bytes()[:-cut])
    assert list(read_log(path).rows) == ["one"]
    with EvalLog.open(path, HEADER) as log:
        assert list(log.rows) == ["one"]
        log.append(row("three"))
    assert list(read_log(path).rows) == ["one", "three"]


def test_a_last_line_of_nothing_but_zeros_is_dropped(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\0" * 40 + b"\n")
    with EvalLog.open(path, HEADER) as log:
        log.append(row("three"))
    assert list(read_log(path).rows) == ["one", "two", "three"]


def test_a_log_that_was_cut_in_its_header_begins_anew(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:20])
    with pytest.raises(UsageError, match="holds nothing"):
        read_log(path)
    with EvalLog.open(path, HEADER) as log:
        assert log.rows == {}
    assert read_log(path).header.task == "sums"


def test_a_damaged_line_before_the_last_is_named(path: Path) -> None:
    lines = path.read_bytes().split(b"\n")
    path.write_bytes(b"\n".join([lines[0], lines[1][:9], *lines[2:]]))
    with pytest.raises(UsageError, match="line 2 cannot be read"):
        EvalLog.open(path, HEADER)


@pytest.mark.parametrize("content", [b"[1]\n", b"words\nmore\n", b'{"line":"case"}\n'])
def test_another_file_is_not_taken_for_a_log_and_stays_as_it_is(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "other"
    path.write_bytes(content)
    with pytest.raises(UsageError, match="line 1"):
        EvalLog.open(path, HEADER)
    assert path.read_bytes() == content


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"task": "counts"}, "task 'sums' there, 'counts' here"),
        ({"cases": "0ther"}, "cases 'ca5e5' there, '0ther' here"),
        ({"model": "openai:x"}, "model 'scripted:test' there, 'openai:x' here"),
        ({"weights": "new"}, "weights"),
        ({"settings": {"max_steps": 20, "deny": ["network"]}}, r"\(max_steps 12 there, 20 here\)"),
    ],
)
def test_results_of_another_evaluation_are_not_mixed_in(path: Path, change: dict, named: str) -> None:
    before = path.read_bytes()
    with pytest.raises(UsageError, match=named):
        EvalLog.open(path, msgspec.structs.replace(HEADER, **change))
    assert path.read_bytes() == before


def test_other_code_is_noted(path: Path) -> None:
    changed = msgspec.structs.replace(MADE, code="0ther")
    for _ in range(2):
        EvalLog.open(path, msgspec.structs.replace(HEADER, made=changed)).close()
    assert [made.code for made in read_log(path).made] == ["c0de", "0ther"]


def test_two_processes_do_not_write_one_log(path: Path) -> None:
    with EvalLog.open(path, HEADER), pytest.raises(UsageError, match="another process"):
        EvalLog.open(path, HEADER)


def test_a_case_that_was_tried_again_counts_as_the_last_time(path: Path) -> None:
    with EvalLog.open(path, HEADER) as log:
        log.append(row("three", None, why="the server was down"))
        log.append(row("three", True))
    assert read_log(path).rows["three"].reached is True


def test_secrets_stay_out(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    with EvalLog.open(path, HEADER, lambda row: msgspec.structs.replace(row, answer="[secret]")) as log:
        assert log.append(row("one", answer="sk-123")).answer == "[secret]"
    assert b"sk-123" not in path.read_bytes()


def test_what_cannot_be_opened_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        read_log(tmp_path / "none.jsonl")
    with pytest.raises(UsageError, match="cannot be written"):
        EvalLog.open(tmp_path, HEADER)
