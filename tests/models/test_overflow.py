"""A server that takes less than it was thought to: a shorter request, once, and then the truth."""

from pathlib import Path

import pytest

from agentkit.agents.compaction import told
from agentkit.assembly import Outcome, Surroundings, run_goal
from agentkit.core.events import Compacted, Ending, Event, ModelFailed
from agentkit.journal.memory import MemoryLog
from agentkit.settings import load_settings

OVERFLOW = {
    "code": "context_length_exceeded",
    "message": "This model's maximum context length is 4096 tokens.",
}
FILES = 6


@pytest.fixture
def files(workspace: Path) -> Path:
    for n in range(FILES):
        (workspace / f"{n}.txt").write_text("".join(f"line {row} of {n}\n" for row in range(150)))
    return workspace


async def run_on(server, workspace: Path, log: MemoryLog) -> Outcome:
    given = {
        "model": "openai:test",
        "base_url": server.url,
        "workspace": str(workspace),
        "journal": str(workspace.parent / "journal.db"),
    }
    return await run_goal("read every file", load_settings(given), Surroundings(log=log))


def events(log: MemoryLog, kind: type) -> list[Event]:
    return [recorded.event for recorded in log.events() if isinstance(recorded.event, kind)]


def readings() -> list[dict]:
    named = [{"name": "read_file", "arguments": {"path": f"{n}.txt"}} for n in range(FILES)]
    return [{"calls": [{**one, "id": f"call_{n}"}], "usage": None} for n, one in enumerate(named)]


@pytest.mark.parametrize("refusals", [1, 2])
async def test_a_refused_request_is_made_shorter_and_sent_once_more(
    serve, files: Path, refusals: int
) -> None:
    log = MemoryLog()
    refused = {"status": 400, "error": OVERFLOW, "times": refusals}
    server = serve(*readings(), refused, {"text": "All read."})
    outcome = await run_on(server, files, log)
    assert len(server.bodies) == FILES + 2
    (event,) = events(log, Compacted)
    assert (event.reason, event.window, event.model) == ("overflow", 4096, "openai:test")
    too_long, again = server.bodies[FILES:]
    assert again["messages"][0] == too_long["messages"][0]
    assert again["messages"][1]["content"].startswith(too_long["messages"][1]["content"])
    assert len(str(again["messages"])) < len(str(too_long["messages"])) / 2
    assert event.after + again["max_tokens"] <= 4096
    assert [failed.window for failed in events(log, ModelFailed)] == [4096] * refusals
    if refusals == 1:
        assert (outcome.ended.ending, outcome.ended.result) == (Ending.FINISHED, "All read.")
    else:
        assert outcome.ended.ending is Ending.MODEL_FAILED
        assert "maximum context length is 4096" in outcome.ended.result


async def test_a_request_that_fits_beside_a_shorter_answer_is_sent_as_it_was(serve, files: Path) -> None:
    log = MemoryLog()
    server = serve({"status": 400, "error": OVERFLOW}, {"text": "Nothing to read."})
    outcome = await run_on(server, files, log)
    refused, again = server.bodies
    assert (refused["max_tokens"], again["max_tokens"]) == (4096, 1024)
    assert again["messages"] == refused["messages"]
    (event,) = events(log, Compacted)
    assert (event.left, event.retold, event.before, event.window) == ((), (), event.after, 4096)
    assert told(event).startswith("nothing left out, and shorter answers; 2 messages stay whole")
    assert outcome.ended.result == "Nothing to read."


async def test_a_refused_request_that_cannot_be_shorter_is_not_sent_again(serve, files: Path) -> None:
    log = MemoryLog()
    tiny = {**OVERFLOW, "message": "This model's maximum context length is 1024 tokens."}
    server = serve({"status": 400, "error": tiny, "times": -1})
    outcome = await run_on(server, files, log)
    assert len(server.bodies) == 1
    assert events(log, Compacted) == []
    assert outcome.ended.ending is Ending.MODEL_FAILED
    assert "maximum context length is 1024" in outcome.ended.result
    assert "no shorter request can be made" in outcome.ended.result
