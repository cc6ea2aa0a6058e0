"""What a torn, flipped or crowded disk leaves of a journal: all of it, or a refusal; never less unsaid."""

import os
import random
import shutil
import signal
import sqlite3
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from agentkit.core.errors import CorruptJournal, JournalError
from agentkit.core.events import Nudged, Recorded
from agentkit.journal.store import Journal

from .conftest import STARTED

Spawn = Callable[..., Any]
PAGE = 512
"""Bytes; small pages, so that a log of a few events is short enough to be torn at every byte."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A journal with small pages and a run of two durable events, all in the main file."""
    path = tmp_path / "journal.db"
    small = sqlite3.connect(path)
    small.execute(f"PRAGMA page_size={PAGE}")
    small.execute("VACUUM")
    small.close()
    with Journal.open(path) as journal, journal.start() as log:
        log.append(STARTED, durable=True)
        log.append(Nudged("n", "in the main file"), durable=True)
    return path


def only_run(journal: Journal) -> str:
    return journal.runs()[0].run_id


@pytest.fixture
def quick_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory where there is one: thousands of journals are opened there."""
    if not os.access("/dev/shm", os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        yield Path(folder)


def test_a_log_torn_at_any_byte_is_whole_or_refused(path: Path, tmp_path: Path, quick_disk: Path) -> None:
    torn = quick_disk / "torn"
    with Journal.open(path) as journal, journal.resume(only_run(journal)) as log:
        journal._database.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        log.append(Nudged("n", "in the log"), durable=True)
        whole = list(log.events())
        wal = path.with_name("journal.db-wal").read_bytes()
        shutil.copytree(tmp_path, torn)
        run_id = log.run_id
    assert wal[-1] != 0 or len(wal) % (PAGE + 24) == 32  # no room that was never written to
    main = (torn / "journal.db").read_bytes()
    refused = 0
    words: set[str] = set()
    for length in range(len(wal) + 1):
        for end in ("-wal", "-shm"):
            (torn / f"journal.db{end}").unlink(missing_ok=True)
        (torn / "journal.db").write_bytes(main)
        (torn / "journal.db-wal").write_bytes(wal[:length])
        with Journal.open(torn / "journal.db") as journal:
            try:
                events = journal.events(run_id)
            except CorruptJournal as error:
                words.add(str(error))
                refused += 1
            else:
                assert events == whole, length
    assert [line.count("was shortened: run") for line in words] == [1]
    assert len(wal) > 1000
    assert refused == len(wal)  # only the whole log will do


def test_no_flip_of_a_bit_makes_a_run_shorter_or_other_unsaid(path: Path, tmp_path: Path) -> None:
    with Journal.open(path) as journal, journal.resume(only_run(journal)) as log:
        for number in range(8):
            log.append(Nudged("n", f"{number} " * 20), durable=True)
        whole = list(log.events())
        flipped = tmp_path / "flipped"
        shutil.copytree(tmp_path, flipped)
        run_id = log.run_id
    dice = random.Random(5)
    good = {name: (flipped / name).read_bytes() for name in ("journal.db", "journal.db-wal")}
    refused = 0
    for _ in range(200):
        name = dice.choice(list(good))
        bad = bytearray(good[name])
        bad[dice.randrange(len(bad))] ^= 1 << dice.randrange(8)
        (flipped / "journal.db-shm").unlink(missing_ok=True)
        for each, raw in good.items():
            (flipped / each).write_bytes(bad if each == name else raw)
        try:
            with Journal.open(flipped / "journal.db") as journal:
                assert journal.events(run_id) == whole
        except JournalError:
            refused += 1
    assert refused > 30


def test_killed_while_it_recovers_and_again_it_still_has_everything(
    path: Path, tmp_path: Path, spawn: Spawn
) -> None:
    dice = random.Random(3)
    with Journal.open(path) as journal:
        run_id = only_run(journal)
    child = spawn("hammer", path, run_id)
    acknowledged = [int(child.line()) for _ in range(20)]
    child.signal(signal.SIGKILL)
    child.rest()
    killed = 0
    for _ in range(12):
        # each of these finds the log of a killed process and is killed while it opens, reads or folds it in
        again = spawn("recover", path, run_id)
        assert again.line() == "opening"
        try:
            again.process.wait(dice.uniform(0, 0.03))
        except subprocess.TimeoutExpired:
            again.signal(signal.SIGKILL)
            killed += 1
        again.rest()
    with Journal.open(path) as journal, journal.resume(run_id) as log:
        assert len(log.events()) >= acknowledged[-1]
        log.append(Nudged("n", "and goes on"), durable=True)
    assert killed > 3


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 300 kB."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=300k", "none", str(place)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("nothing can be mounted here")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def fill(path: Path, seen: list[Recorded]) -> None:
    """Append what fits, noting each event that was recorded; the lease cannot be given back either."""
    with Journal.open(path) as journal, journal.start() as log:
        seen.append(log.append(STARTED, durable=True))
        for _ in range(200):
            recorded = log.append(Nudged("n", os.urandom(2000).hex()), durable=True)
            seen.append(recorded)


def test_a_disk_that_is_full_loses_nothing_and_goes_on_with_more_room(tiny_disk: Path) -> None:
    path = tiny_disk / "journal.db"
    seen: list[Recorded] = []
    with pytest.raises(JournalError, match="is the disk full"):
        fill(path, seen)
    assert len(seen) > 3
    with Journal.open(path) as journal:
        run_id = only_run(journal)
        assert journal.events(run_id) == seen
        subprocess.run(["mount", "-o", "remount,size=2m", str(tiny_disk)], check=True)
        with journal.resume(run_id, force=True) as log:
            seen.append(log.append(Nudged("n", "room again"), durable=True))
        assert journal.events(run_id) == seen
        assert journal.losses() == []


@pytest.fixture
def failing_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file: while it is there, the disk of the children fails."""
    shim = tmp_path / "failing_disk.so"
    source = Path(__file__).with_name("failing_disk.c")
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("there is no C compiler")
    subprocess.run([compiler, "-shared", "-fPIC", "-o", shim, source, "-ldl"], check=True)
    monkeypatch.setenv("LD_PRELOAD", str(shim))
    monkeypatch.setenv("FAILING_DISK", str(tmp_path / "fails"))
    return tmp_path / "fails"


@pytest.mark.parametrize("what", ["FAILING_WRITE", "FAILING_SYNC"])
def test_a_disk_that_fails_is_told_and_what_it_took_is_there(
    path: Path, failing_disk: Path, spawn: Spawn, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    monkeypatch.setenv(what, "1")
    with Journal.open(path) as journal:
        run_id = only_run(journal)
    child = spawn("endure", path, run_id)
    assert child.line() == "held"
    taken: list[str] = []
    for number in range(30):
        failing_disk.unlink(missing_ok=True)
        if number % 3 == 1:
            failing_disk.touch()
        child.tell(str(number))
        said = child.line()
        if said == "appended":
            taken.append(str(number))
        else:
            assert number % 3 == 1
            assert said.startswith("JournalError: the journal")
            assert "What is recorded is intact" in said
    failing_disk.unlink(missing_ok=True)
    child.rest()
    assert child.process.returncode == 0
    assert len(taken) == 20
    with Journal.open(path) as journal:
        assert [one.event for one in journal.events(run_id)[2:]] == [Nudged("told", text) for text in taken]
        assert journal.losses() == []


def test_a_clock_that_jumps_ruins_nothing(path: Path) -> None:
    year = 365 * 86_400.0
    now = [1.8e9]

    def jumping() -> float:
        now[0] += year if len(now) % 2 else -year
        now.append(now[0])
        return now[0]

    with Journal.open(path, clock=jumping) as journal:
        with journal.resume(only_run(journal)) as log:
            for number in range(4):
                log.append(Nudged("n", str(number)), durable=True)
        with journal.start() as younger:
            younger.append(STARTED, durable=True)
    with Journal.open(path) as journal:
        assert [one.event for one in journal.events(log.run_id)[2:]] == [
            Nudged("n", str(number)) for number in range(4)
        ]
        assert [run.run_id for run in journal.runs()] == [log.run_id, younger.run_id]
        assert journal.losses() == []


def test_an_older_journal_without_marks_is_read_and_gone_on_with(path: Path) -> None:
    path.with_name("journal.db-marks").unlink()
    with Journal.open(path) as journal, journal.resume(only_run(journal)) as log:
        assert log.append(Nudged("n", "newer"), durable=True).seq == 3
    with Journal.open(path) as journal:
        assert journal._database.marks.of(1) is not None


def test_a_run_grows_by_its_events_and_not_by_its_length(tmp_path: Path) -> None:
    def bytes_of(steps: int) -> int:
        path = tmp_path / f"{steps}.db"
        with Journal.open(path) as journal, journal.start() as log:
            log.append(STARTED, durable=True)
            for number in range(steps):
                log.append(Nudged("n", f"{number:06} {dice.randbytes(150).hex()}"))
        return path.stat().st_size + path.with_name(f"{steps}.db-marks").stat().st_size

    # the same number of steps must cost the same, early and late; a hexadecimal digit is half a byte
    dice = random.Random(6)
    first, second, third = bytes_of(640), bytes_of(1280), bytes_of(1920)
    assert third - second == pytest.approx(second - first, rel=0.05)
    assert (third - second) / 640 < 1.5 * 150
