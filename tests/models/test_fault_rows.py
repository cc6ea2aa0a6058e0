"""Every fault of a model's server in a whole run: what it ends as, what it cost, and who was told what.

The rows are those of `docs/faults.md`, which is held to them here.
"""

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from agentkit.assembly import Surroundings, resume_run, run_goal
from agentkit.cli.words import EXIT_CODES
from agentkit.core.events import Compacted, Ending, ModelAnswered, ModelFailed
from agentkit.journal.store import Journal
from agentkit.settings import load_settings

PAGE = Path(__file__).parents[2] / "docs/faults.md"
AT_ONCE = {"retry-after": "0"}
DONE = {"text": "It is done."}


def calling(name: str, arguments: Any, **more: Any) -> dict[str, Any]:
    return {"calls": [{"name": name, "arguments": arguments, **more}]}


LOOK = calling("list_files", {})
WRITE = calling("write_file", {"path": "a.txt", "content": "x"})


@dataclass(frozen=True)
class Row:
    """A fault, and what has to come of it."""

    steps: list[dict[str, Any]]
    ending: Ending
    requests: int
    told: tuple[str, ...] = ()
    """What the person is told on the way, or as the result."""
    heard: tuple[str, ...] = ()
    """What the model hears in the last request."""
    never_heard: tuple[str, ...] = ()
    wrote: bool = False
    settings: dict[str, Any] = field(default_factory=dict)
    event: type | None = None
    """An event that has to be recorded."""


ROWS = {
    "429 twice, then ok": Row(
        [{"status": 429, "headers": AT_ONCE, "error": {"message": "Slow down."}, "times": 2}, WRITE, DONE],
        Ending.FINISHED, 4, ("Slow down. (HTTP 429); waiting 0.0 s before attempt 2 of 3",), wrote=True,
    ),
    "500 for ever": Row(
        [{"status": 500, "headers": AT_ONCE, "error": {"message": "The disk is on fire."}, "times": -1}],
        Ending.MODEL_FAILED, 3, ("The disk is on fire. (HTTP 500); given up after 3 attempts",),
    ),
    "401": Row(
        [{"status": 401, "error": {"message": "Wrong key."}, "times": -1}],
        Ending.MODEL_FAILED, 1, ("Wrong key. (HTTP 401)",),
    ),
    "400, context overflow": Row(
        [
            *[calling("read_file", {"path": "long.txt", "first_line": n}, id=f"c{n}") for n in range(1, 6)],
            {
                "status": 400,
                "error": {
                    "message": "This model's maximum context length is 9000 tokens.",
                    "code": "context_length_exceeded",
                },
            },
            WRITE, DONE,
        ],
        Ending.FINISHED, 8, ("takes 9000 tokens, and 128000 were believed; with --context-window 9000",),
        wrote=True, event=Compacted,
    ),
    "the stream is cut": Row(
        [{"text": "Half an answer", "cut": 3}, WRITE, DONE],
        Ending.FINISHED, 3, ("broke in the middle of the answer", "taken back"),
        never_heard=("Half an",), wrote=True,
    ),
    "a malformed line in the stream": Row(
        [{"text": "Half an answer", "line": "data: {not json"}, WRITE, DONE],
        Ending.FINISHED, 3, ("not a JSON object: {not json",), never_heard=("Half an",), wrote=True,
    ),
    "silence in the middle of the stream": Row(
        [{"text": "Half an answer", "hang": 3}, WRITE, DONE],
        Ending.FINISHED, 3,
        ("is silent in the middle of its answer, for 0.1 s so far", "sent nothing for 0.3 s, in the middle"),
        never_heard=("Half an",), wrote=True, settings={"idle_seconds": 0.3},
    ),
    "a page with status 200": Row(
        [{"page": True}, WRITE, DONE],
        Ending.FINISHED, 3, ("a page came instead of an answer: Gateway log in first",), wrote=True,
    ),
    "malformed arguments": Row(
        [calling("write_file", '{"path": "a.txt", "content": "y'), WRITE, DONE],
        Ending.FINISHED, 3, wrote=True,
        heard=(
            "could not be read and did not run", "Unterminated string", "line 1 column", "write_file takes: ",
        ),
    ),
    "malformed arguments for ever": Row(
        [{**calling("write_file", '{"path": '), "times": -1}],
        Ending.STUCK, 3, ("3 answers in a row could not be used",),
    ),
    "an unknown tool": Row(
        [calling("write_fil", {"path": "a.txt"}), WRITE, DONE],
        Ending.FINISHED, 3, wrote=True,
        heard=("there is no tool 'write_fil'; there is write_file", "write_file takes: "),
    ),
    "text instead of a call": Row(
        [{"text": "I have written a.txt.", "times": -1}],
        Ending.CHECK_FAILED, 3, heard=("You are not done yet",), settings={"check": "test -e a.txt"},
    ),
    "a call as text, its form declared": Row(
        [{"text": f"<tool_call>{json.dumps(WRITE['calls'][0])}</tool_call>"}, DONE],
        Ending.FINISHED, 2, wrote=True, settings={"text_calls": "hermes"},
    ),
    "the same call for ever": Row(
        [{**LOOK, "times": -1}],
        Ending.STUCK, 9, ("You called list_files 3 times in the same way",),
        heard=("Doing it again will not help",),
    ),
}  # fmt: skip


class Watcher:
    """Keeps the words that are taken back."""

    def __init__(self, told: list[str]) -> None:
        self.told = told

    def on_restart(self, reason: str) -> None:
        self.told.append(f"taken back: {reason}")

    def on_event(self, recorded: Any) -> None: ...

    def on_text(self, text: str) -> None: ...

    def on_output(self, call_id: str, text: str) -> None: ...


@pytest.mark.parametrize("name", ROWS)
async def test_a_fault_ends_as_it_should(name: str, serve: Any, workspace: Path, tmp_path: Path) -> None:
    row = ROWS[name]
    (workspace / "long.txt").write_text(("word " * 60 + "\n") * 40)
    server, told = serve(*row.steps), []
    chosen = {
        "model": "openai:test", "base_url": server.url, "workspace": str(workspace),
        "journal": str(tmp_path / "journal.db"), "retries": 2, **row.settings,
    }  # fmt: skip
    around = Surroundings(on_wait=told.append, sinks=[Watcher(told)])
    outcome = await run_goal("write x to a.txt", load_settings(chosen), around)

    assert outcome.ended.ending is row.ending, outcome.ended.result
    assert len(server.bodies) == row.requests
    for words in row.told:
        assert words in "\n".join([*told, outcome.ended.result])
    last = json.dumps(server.bodies[-1]["messages"])
    for words in row.heard:
        assert words in last
    for words in row.never_heard:
        assert words not in last
    assert (workspace / "a.txt").exists() is row.wrote
    with Journal.open(tmp_path / "journal.db") as journal:
        kinds = {type(one.event) for one in journal.events(outcome.run_id)}
    assert row.event is None or row.event in kinds

    if row.ending is Ending.MODEL_FAILED:
        # nothing is lost: once the server works again, so does the run
        server.script[:] = [dict(WRITE), dict(DONE)]
        again = await resume_run(outcome.run_id, load_settings(chosen))
        assert again.ended.ending is Ending.FINISHED
        assert (workspace / "a.txt").exists()


async def test_thoughts_are_in_the_journal_and_in_no_request(
    serve: Any, workspace: Path, tmp_path: Path
) -> None:
    server = serve({**WRITE, "reasoning": "First, I look."}, {"text": "<think>Good.</think>It is done."})
    chosen = {
        "model": "openai:test", "base_url": server.url, "workspace": str(workspace),
        "journal": str(tmp_path / "journal.db"),
    }  # fmt: skip
    outcome = await run_goal("write x to a.txt", load_settings(chosen))
    assert outcome.ended.result == "It is done."
    with Journal.open(tmp_path / "journal.db") as journal:
        events = [one.event for one in journal.events(outcome.run_id)]
    answers = [event.message for event in events if isinstance(event, ModelAnswered)]
    assert [message.reasoning for message in answers] == ["First, I look.", "Good."]
    assert "First, I look" not in json.dumps(server.bodies)
    assert not any(isinstance(event, ModelFailed) for event in events)


def test_the_page_says_what_happens_here() -> None:
    lines = re.findall(r"^\| (.+?) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    cells = [line.split(" | ") for line in lines[1:]]
    found = {fault: (ending, int(code), int(requests)) for fault, _, _, ending, code, requests in cells}
    wanted = {name: (str(row.ending), EXIT_CODES[row.ending], row.requests) for name, row in ROWS.items()}
    assert found == wanted
