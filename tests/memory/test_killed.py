"""Processes that are killed, and several at once: what was said to be remembered is, and nothing is half."""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from agentkit.core.messages import AssistantMessage, UserMessage
from agentkit.memory.store import Memory

CHILD = Path(__file__).with_name("child.py")


def started(path: Path, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, CHILD, path, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def test_what_was_acknowledged_survives_a_kill_and_no_exchange_is_half(tmp_path: Path) -> None:
    path, rng = tmp_path / "memory.db", random.Random(3)
    acknowledged: list[tuple[str, str]] = []
    for number in range(4):
        child = started(path, "remember", f"w{number}", "100000")
        assert child.stdout is not None
        acknowledged += [(f"w{number}", child.stdout.readline().strip()) for _ in range(rng.randint(1, 30))]
        time.sleep(rng.random() / 100)
        child.send_signal(signal.SIGKILL)
        child.communicate()
    with Memory.open(path) as memory:
        said = memory.of("ann").conversation("together").messages()
        texts = {one.text for one in said}
        assert all(
            f"{who} said {n} of Oslo" in texts and f"{who} heard {n}" in texts for who, n in acknowledged
        )
        assert len(said) % 2 == 0
        facts = {(one.subject, one.value) for one in memory.of("ann").facts.now()}
        assert set(acknowledged) <= facts


def test_two_processes_at_once_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "memory.db"
    children = [started(path, "remember", who, "60") for who in ("left", "right")]
    for child in children:
        child.communicate(timeout=60)
        assert child.returncode == 0
    with Memory.open(path) as memory:
        ann = memory.of("ann")
        texts = [one.text for one in ann.conversation("together").messages()]
        for who in ("left", "right"):
            assert [text for text in texts if text.startswith(f"{who} said")] == [
                f"{who} said {number} of Oslo" for number in range(60)
            ]
        assert len(ann.facts.now()) == 120
        assert ann.about("Oslo").mentions == 120


def test_a_memory_in_which_traces_were_looked_for_keeps_its_log(tmp_path: Path) -> None:
    with Memory.open(tmp_path / "memory.db") as memory:
        memory.of("ann").conversation("one").add(UserMessage("a quokka"))
        assert memory.traces("quokka") > 0
        # were we not here, this one would be the last to leave and take the log along
        started(memory.path, "remember", "other", "1").communicate()
        memory.of("ann").conversation("one").add(UserMessage("a wombat"))
        with Memory.open(memory.path) as again:
            assert [one.text for one in again.of("ann").conversation("one").messages()] == [
                "a quokka",
                "a wombat",
            ]


def test_a_reader_that_was_open_before_sees_what_others_add(tmp_path: Path) -> None:
    path = tmp_path / "memory.db"
    with Memory.open(path) as memory:
        assert memory.of("ann").conversation("together").messages() == ()
        started(path, "remember", "other", "5").communicate(timeout=60)
        assert len(memory.of("ann").conversation("together").messages()) == 10


def test_a_forgetting_that_was_killed_is_completed_at_the_next_opening(tmp_path: Path) -> None:
    rng = random.Random(5)
    for number in range(4):
        path = tmp_path / f"memory{number}.db"
        secrets = [f"quokka{number}x{place}" for place in range(8)]
        with Memory.open(path) as memory:
            talk = memory.of("ann").conversation("secret")
            for secret in secrets:
                talk.add(UserMessage(f"the word is {secret}"), AssistantMessage("noted"))
        child = started(path, "forget", *secrets)
        assert child.stdout is not None
        begun = [child.stdout.readline() for _ in range(rng.randint(1, 9))]
        time.sleep(rng.random() / 50)
        child.send_signal(signal.SIGKILL)
        begun += child.communicate()[0].splitlines(keepends=True)
        ended = {line.split()[1] for line in begun if line.startswith("end ")}
        with Memory.open(path) as memory:
            left = " ".join(one.text for one in memory.of("ann").conversation("secret").messages())
            gone = [secret for secret in secrets if secret not in left]
            assert ended <= set(gone)
            assert [memory.traces(secret) for secret in gone] == [0] * len(gone)


def test_while_another_process_reads_it_is_said_that_bytes_are_left(tmp_path: Path) -> None:
    path = tmp_path / "memory.db"
    with Memory.open(path) as memory:
        memory.of("ann").conversation("secret").add(UserMessage("the word is quokka"))
    reader = started(path, "read")
    assert reader.stdout is not None
    reader.stdout.readline()
    try:
        with Memory.open(path) as memory:
            receipt = memory.of("ann").forget(conversation="secret")
            assert (receipt.messages, receipt.erased) == (1, False)
            assert memory.of("ann").conversation("secret").messages() == ()
    finally:
        reader.communicate("")
    with Memory.open(path) as memory:
        assert memory.traces("quokka") == 0
