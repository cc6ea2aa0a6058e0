"""A run that an older agentkit recorded and exported (`older.jsonl`) is a run like any other."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from agentkit.agents.fold import fold
from agentkit.core.events import Ending, RunResumed
from agentkit.journal.store import Journal

OLDER = Path(__file__).with_name("older.jsonl")
RUN = "2qdnht-k3az"


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal.open(tmp_path / "journal.db") as opened, OLDER.open("rb") as lines:
        opened.take_in(lines, "older.jsonl")
        yield opened


def test_it_is_exported_again_byte_for_byte(journal: Journal) -> None:
    assert b"".join(journal.export(RUN)) == OLDER.read_bytes()


def test_its_state_and_its_summary_are_what_they_were(journal: Journal) -> None:
    (run,) = journal.runs()
    assert (run.run_id, run.events, run.ending) == (RUN, 24, Ending.FINISHED)
    state = fold(journal.events(RUN))
    assert state.ended is not None
    assert (state.ended.result, state.steps, len(state.attempts)) == ("port.txt holds 80", 5, 5)
    assert state.started is not None
    assert state.started.deny == ("delete_file",)


def test_it_can_be_forked_and_gone_on_with(journal: Journal) -> None:
    fork = journal.fork(RUN, 1)
    with journal.resume(fork.run_id) as log:
        log.append(RunResumed(1), durable=True)
    assert [type(one.event) for one in journal.events(fork.run_id)][1:] == [
        type(one.event) for one in journal.events(RUN)[1:5]
    ] + [RunResumed]
