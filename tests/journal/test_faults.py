import random
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agentkit.core.errors import CorruptJournal, JournalError, RunNotFound
from agentkit.core.events import Nudged, Recorded, RunStarted
from agentkit.journal.store import Journal

Spawn = Callable[..., Any]


def _recorded(path: Path, started: RunStarted, count: int) -> tuple[str, list[Recorded]]:
    with Journal.open(path) as journal, journal.start() as log:
        log.append(started)
        for number in range(2, count + 1):
            log.append(Nudged("n", f"{number} " * 20))
        log.keep("a kept text " * 100)
        return log.run_id, list(log.events())


def test_a_killed_process_loses_nothing_it_acknowledged(
    tmp_path: Path, started: RunStarted, spawn: Spawn
) -> None:
    path = tmp_path / "journal.db"
    dice = random.Random(7)
    with Journal.open(path) as journal, journal.start() as log:
        log.append(started)
    before: list[Recorded] = []
    for _ in range(10):
        child = spawn("hammer", path, log.run_id)
        acknowledged = [int(child.line()) for _ in range(dice.randrange(1, 60))]
        child.signal(signal.SIGKILL)
        # what it said between our last look and its end counts, too
        acknowledged += [int(line) for line in child.rest().split("\n")[:-1]]
        with Journal.open(path) as journal:
            events = journal.events(log.run_id)
        assert len(events) >= acknowledged[-1]
        assert events[: len(before)] == before
        assert [one.event for one in events[1:]] == [
            Nudged("hammer", f"{number} " * 20) for number in range(2, len(events) + 1)
        ]
        before = events
    assert len(before) > 50


def test_a_torn_log_is_a_verified_prefix_at_every_length(tmp_path: Path, started: RunStarted) -> None:
    path = tmp_path / "journal.db"
    dice = random.Random(11)
    with Journal.open(path) as journal, journal.start() as log:
        log.append(started)
        for number in range(30):
            log.append(Nudged("n", f"{number} " * 20), durable=number % 7 == 0)
        whole = list(log.events())
        torn = tmp_path / "torn"
        torn.mkdir()
        wal = Path(f"{path}-wal").read_bytes()
        main = path.read_bytes()
    frame = 24 + 4096
    lengths = {0, 1, 31, 32, len(wal) - 1, len(wal)}
    lengths |= {32 + frame * n + step for n in range(len(wal) // frame) for step in (-1, 0, 1)}
    lengths |= {dice.randrange(len(wal)) for _ in range(30)}
    seen: set[int] = set()
    for length in sorted(lengths):
        copy = torn / f"{length}.db"
        copy.write_bytes(main)
        Path(f"{copy}-wal").write_bytes(wal[:length])
        with Journal.open(copy) as journal:
            try:
                events = journal.events(log.run_id)
            except RunNotFound:
                events = []
            assert events == whole[: len(events)]
            seen.add(len(events))
            if events:  # and it goes on from there
                with journal.resume(log.run_id, force=True) as again:
                    assert again.append(started, durable=True).seq == len(events) + 1
                assert len(journal.events(log.run_id)) == len(events) + 1
    assert max(seen) == len(whole)
    assert len(seen) > 20


def test_a_flipped_bit_is_an_error_or_harmless_but_never_a_wrong_event(
    tmp_path: Path, started: RunStarted
) -> None:
    path = tmp_path / "journal.db"
    run_id, whole = _recorded(path, started, 60)
    good = path.read_bytes()
    dice = random.Random(13)
    copy = tmp_path / "flipped.db"
    words: list[str] = []
    harmless = shorter = 0
    for _ in range(250):
        position = dice.randrange(len(good))
        bad = bytearray(good)
        bad[position] ^= 1 << dice.randrange(8)
        for old in tmp_path.glob("flipped.db*"):
            old.unlink()
        copy.write_bytes(bad)
        try:
            with Journal.open(copy) as journal:
                for run in journal.runs():
                    assert run.damaged or (run.goal, run.events <= 60) == (started.goal, True)
                events = journal.events(run_id)
        except (JournalError, RunNotFound) as error:
            words.append(f"{type(error).__name__}: {error}")
        else:
            assert events == whole[: len(events)]
            harmless += events == whole
            shorter += events != whole
    assert len(words) > 50
    assert not any("\n" in line for line in words)
    assert shorter < 10


def test_a_changed_event_is_refused_by_name_and_other_runs_are_read(
    tmp_path: Path, started: RunStarted
) -> None:
    path = tmp_path / "journal.db"
    run_id, _ = _recorded(path, started, 5)
    other, _ = _recorded(path, started, 3)
    raw = path.read_bytes()
    assert b"4 4 4 4" in raw
    path.write_bytes(raw.replace(b"4 4 4 4", b"4 4 5 4", 1))
    with Journal.open(path) as journal:
        with pytest.raises(CorruptJournal, match=f"{path.name} is damaged: run {run_id}, event 4") as caught:
            journal.events(run_id)
        assert "Other runs can still be read" in str(caught.value)
        with pytest.raises(CorruptJournal):
            journal.resume(run_id)
        assert len(journal.events(other)) == 3
        with journal.resume(other) as log:
            log.append(started)


def test_a_damaged_name_or_schema_is_an_error_in_plain_signs(tmp_path: Path, started: RunStarted) -> None:
    path = tmp_path / "journal.db"
    run_id, _ = _recorded(path, started, 2)
    good = path.read_bytes()
    name = run_id.encode()
    path.write_bytes(good.replace(name, b"\xff" + name[1:]))
    with Journal.open(path) as journal:
        (damaged,) = journal.runs()
        assert (damaged.damaged, damaged.run_id) == (True, "\\udcff" + run_id[1:])
        with pytest.raises(RunNotFound, match="near: "):
            journal.find("nothing-like-it")
    path.write_bytes(good.replace(b"CREATE TRIGGER", b"CREATE TR\xc9GGER"))
    with pytest.raises(CorruptJournal, match="is damaged"):
        Journal.open(path)


def test_a_changed_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with Journal.open(path) as journal:
        handle = journal.texts.keep("a short text")
    path.write_bytes(path.read_bytes().replace(b"a short text", b"a shirt text"))
    with Journal.open(path) as journal, pytest.raises(CorruptJournal, match=handle):
        journal.texts.recall(handle)


def test_a_full_disk_is_a_clear_error_and_appending_works_when_there_is_room(
    tmp_path: Path, started: RunStarted, spawn: Spawn
) -> None:
    path = tmp_path / "journal.db"
    run_id, _ = _recorded(path, started, 3)
    child = spawn("fill", path, run_id)
    said = child.rest().splitlines()
    assert child.process.returncode == 0
    assert said[1].startswith("JournalError: the journal")
    assert "is the disk full?" in said[1]
    with Journal.open(path) as journal:
        events = journal.events(run_id)
    assert len(events) == int(said[0]) + 1
    assert events[-1].event == Nudged("fill", "room again")


def test_many_processes_make_one_journal_at_once(tmp_path: Path, spawn: Spawn) -> None:
    path = tmp_path / "journal.db"
    children = [spawn("begin", path) for _ in range(5)]
    for child in children:
        child.tell("go")
    names = {child.rest().strip() for child in children}
    with Journal.open(path) as journal:
        assert {run.run_id for run in journal.runs()} == names
    assert len(names) == 5


def test_the_newest_state_is_found_after_the_folder_was_copied(tmp_path: Path, started: RunStarted) -> None:
    (tmp_path / "a").mkdir()
    with Journal.open(tmp_path / "a" / "journal.db") as journal, journal.start() as log:
        log.append(started, durable=True)
        shutil.copytree(tmp_path / "a", tmp_path / "b")
    with Journal.open(tmp_path / "b" / "journal.db") as copied:
        assert [one.event for one in copied.events(log.run_id)] == [started]


def test_a_journal_that_is_opened_twice_in_a_process_keeps_its_log(
    tmp_path: Path, started: RunStarted, spawn: Spawn
) -> None:
    path = tmp_path / "journal.db"
    with Journal.open(path) as journal, journal.start() as log:
        log.append(started, durable=True)
        Journal.open(path).close()
        spawn("look", path).rest()  # were we not here, it would be the last to leave and take the log along
        log.append(Nudged("n", "after it left"), durable=True)
        with Journal.open(path) as again:
            assert again.events(log.run_id) == list(log.events())
            assert again.losses() == []
