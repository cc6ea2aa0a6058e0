import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agentkit.core.errors import JournalError, RunBusy
from agentkit.core.events import Nudged, RunStarted
from agentkit.journal.lease import Holder, holder_of
from agentkit.journal.store import Journal

Spawn = Callable[..., Any]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.fixture
def run_id(path: Path, started: RunStarted) -> str:
    with Journal.open(path) as journal, journal.start() as log:
        log.append(started)
        return log.run_id


def test_a_run_that_a_living_process_holds_is_refused_naming_it(
    path: Path, run_id: str, spawn: Spawn
) -> None:
    child = spawn("hold", path, run_id)
    assert child.line() == "held"
    with Journal.open(path) as journal:
        with pytest.raises(RunBusy, match=f"process {child.process.pid} works on it"):
            journal.resume(run_id)
        assert journal.runs()[0].busy
        assert len(journal.events(run_id)) == 1  # reading is free
        child.process.stdin.close()
        child.process.wait()
        assert not journal.runs()[0].busy
        journal.resume(run_id).release()


def test_a_killed_holder_is_succeeded_at_once_even_unburied(path: Path, run_id: str, spawn: Spawn) -> None:
    child = spawn("hold", path, run_id)
    assert child.line() == "held"
    child.signal(signal.SIGKILL)
    os.waitid(os.P_PID, child.process.pid, os.WEXITED | os.WNOWAIT)  # dead, and its entry still there
    with Journal.open(path) as journal:
        assert not journal.runs()[0].busy
        with journal.resume(run_id) as log:
            assert log.append(Nudged("n", "mine")).seq == 2


def test_a_stopped_holder_cannot_append_after_it_was_succeeded(path: Path, run_id: str, spawn: Spawn) -> None:
    child = spawn("hold", path, run_id)
    assert child.line() == "held"
    child.tell("one")
    assert child.line() == "appended"
    child.signal(signal.SIGSTOP)
    with Journal.open(path) as journal:
        with pytest.raises(RunBusy):
            journal.resume(run_id)
        with journal.resume(run_id, force=True) as log:
            log.append(Nudged("n", "mine"), durable=True)
            child.signal(signal.SIGCONT)
            child.tell("two")
            assert f"taken over by process {os.getpid()}" in child.line()
            log.append(Nudged("n", "mine, too"))
        assert [one.event for one in journal.events(run_id)][1:] == [
            Nudged("told", "one"),
            Nudged("n", "mine"),
            Nudged("n", "mine, too"),
        ]


def test_of_several_resumers_at_once_one_wins(path: Path, run_id: str, spawn: Spawn) -> None:
    children = [spawn("hold", path, run_id) for _ in range(4)]
    said = [child.line() for child in children]
    assert sorted(line.split(":")[0] for line in said) == ["RunBusy", "RunBusy", "RunBusy", "held"]
    winner = children[said.index("held")]
    assert all(f"process {winner.process.pid} " in line for line in said if line != "held")


def test_the_same_process_cannot_hold_a_run_twice(path: Path, run_id: str) -> None:
    with Journal.open(path) as one, Journal.open(path) as two, one.resume(run_id):
        for journal in (one, two):
            with pytest.raises(RunBusy, match="this process"):
                journal.resume(run_id)


def test_a_late_release_does_not_end_the_lease_of_a_successor(path: Path, run_id: str) -> None:
    with Journal.open(path) as one, Journal.open(path) as two:
        first = one.resume(run_id)
        second = two.resume(run_id, force=True)
        first.release()
        assert one.runs()[0].busy
        second.append(Nudged("n", "still mine"))


def test_closing_the_journal_lets_go_of_its_runs(path: Path, run_id: str) -> None:
    with Journal.open(path) as journal:
        journal.resume(run_id)
    with Journal.open(path) as journal:
        assert not journal.runs()[0].busy


def test_threads_of_one_process_append_one_after_the_other(path: Path, run_id: str) -> None:
    with Journal.open(path) as journal, journal.resume(run_id) as log:

        def work() -> None:
            for number in range(50):
                log.append(Nudged("n", str(number)))

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(journal.events(run_id)) == 201
        assert journal.events(run_id) == list(log.events())


def test_a_forked_child_cannot_append(path: Path, run_id: str) -> None:
    with Journal.open(path) as journal, journal.resume(run_id) as log:
        child = os.fork()
        if child == 0:
            try:
                log.append(Nudged("n", "from a copy"))
            except JournalError:
                os._exit(3)
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 3
        log.append(Nudged("n", "mine"))


def _proc(root: Path, *, boot: str = "b1", namespace: str = "pid:[1]", stat: str | None = None) -> Path:
    (root / "sys/kernel/random").mkdir(parents=True)
    (root / "sys/kernel/random/boot_id").write_text(boot + "\n")
    (root / "self/ns").mkdir(parents=True)
    (root / "self/ns/pid").symlink_to(namespace)
    for pid in (41, os.getpid()):
        (root / str(pid)).mkdir()
        (root / str(pid) / "stat").write_text(stat or _stat(pid, "S", 500))
    return root


def _stat(pid: int, state: str, started: int) -> str:
    return (
        f"{pid} (a ) S 9 (name) {state} 1 1 1 0 -1 4194560 {' '.join('0' for _ in range(12))} {started} 1 1"
    )


HOLDER = Holder(41, "500", "b1", "pid:[1]", "box")


def test_a_reused_process_id_fools_nobody(tmp_path: Path) -> None:
    proc = _proc(tmp_path)
    me = Holder.me(proc)
    same = msgspec.structs.replace(HOLDER, host=me.host)
    assert me.started == "500"
    assert same.obstacle(me, proc) == "process 41 works on it"
    (proc / "41/stat").write_text(_stat(41, "R", 501))
    assert same.obstacle(me, proc) == ""
    (proc / "41/stat").write_text(_stat(41, "Z", 500))
    assert same.obstacle(me, proc) == ""
    (proc / "41/stat").write_text(_stat(41, "T", 500))
    assert same.obstacle(me, proc)
    (proc / "41/stat").unlink()
    assert same.obstacle(me, proc) == ""


def test_a_process_of_an_earlier_boot_is_gone_and_of_another_machine_nobody_can_tell(tmp_path: Path) -> None:
    proc = _proc(tmp_path)
    me = Holder.me(proc)
    assert msgspec.structs.replace(HOLDER, boot="b0", host=me.host).obstacle(me, proc) == ""
    assert "another machine ('box')" in msgspec.structs.replace(HOLDER, boot="b0").obstacle(me, proc)
    assert "another container" in msgspec.structs.replace(HOLDER, namespace="pid:[2]").obstacle(me, proc)
    unreadable = holder_of('{"pid": ')
    assert unreadable is not None
    assert unreadable.obstacle(me, proc)


def test_a_run_of_another_machine_is_refused_and_can_be_forced(path: Path, run_id: str) -> None:
    with Journal.open(path) as journal:
        elsewhere = msgspec.json.encode(msgspec.structs.replace(HOLDER, host="elsewhere")).decode()
        journal._database.write("UPDATE leases SET holder = ?", (elsewhere,))
        with pytest.raises(RunBusy, match="another machine \\('elsewhere'\\)"):
            journal.resume(run_id)
        journal.resume(run_id, force=True).release()
