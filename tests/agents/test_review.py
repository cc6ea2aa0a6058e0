"""The agent says it is done: what of that is seen, and what speaks against it."""

import os
from collections.abc import Sequence
from typing import Any

import pytest

from agentkit.agents.fold import fold
from agentkit.agents.review import MOST_FILES, Review, ending, review
from agentkit.core.events import CallFinished, CallIntended, Ending, Finding, ModelAnswered, Nudged
from agentkit.core.messages import AssistantMessage, ToolCall
from agentkit.core.tools import Effect, Outcome, ToolResult
from agentkit.core.usage import Usage


def did(
    stage,
    number: int,
    name: str,
    outcome: Outcome = Outcome.OK,
    text: str = "",
    effect: Effect = Effect.READS,
) -> None:
    """A call took place."""
    call = ToolCall(f"c{number}", name, {"n": number})
    stage.log.append(ModelAnswered(number, AssistantMessage(calls=(call,)), Usage(), 0.0))
    stage.log.append(CallIntended(call, effect, idempotent=True))
    stage.log.append(CallFinished(ToolResult(call.id, name, outcome, text)))


def says_done(stage, evidence: Any = None, call_id: str = "last") -> None:
    """The agent called finish."""
    arguments = {"result": "done"} if evidence is None else {"result": "done", "evidence": evidence}
    call = ToolCall(call_id, "finish", arguments)
    stage.log.append(ModelAnswered(9, AssistantMessage(calls=(call,)), Usage(), 0.0))
    stage.log.append(CallIntended(call, Effect.PURE, idempotent=True, ends_run=True))
    stage.log.append(CallFinished(ToolResult(call_id, "finish", Outcome.OK, "done")))


async def reviewed(stage, check: Any = None) -> Review:
    return await review(fold(stage.log.events()), stage.workspace, stage.log.recall, check)


def told(found: Review) -> Sequence[tuple[str, bool]]:
    return [(finding.claim, finding.holds) for finding in found.findings]


@pytest.mark.parametrize("cited", ["1", "step 1", "Step #1", "#1", " 1 ", "c1"])
async def test_a_cited_step_that_succeeded_holds(stage, cited: str) -> None:
    stage.log.append(stage.start())
    did(stage, 1, "read_file")
    says_done(stage, [cited])
    (finding,) = (await reviewed(stage)).findings
    assert (finding.holds, finding.found) == (True, "read_file ok")


@pytest.mark.parametrize(
    ("cited", "found"),
    [
        ("1", "read_file failed"),
        ("c1", "read_file failed"),
        ("7", "there were 3 steps"),
        ("0", "there were 3 steps"),
        ("no.txt", "there is no such file or step"),
        ("../etc/passwd", "there is no such file or step"),
        ("", "there is no such file or step"),
    ],
)
async def test_evidence_that_is_not_there_does_not_hold(stage, cited: str, found: str) -> None:
    stage.log.append(stage.start())
    did(stage, 1, "read_file", Outcome.FAILED)
    did(stage, 2, "read_file")
    says_done(stage, [cited])
    looked = await reviewed(stage)
    assert not looked.holds
    assert looked.findings[0].found == found
    assert found in (looked.objection or "")


@pytest.mark.parametrize("evidence", [None, [], "a.txt", 5, {"a": 1}])
async def test_evidence_that_is_no_list_claims_nothing(stage, evidence: Any) -> None:
    stage.log.append(stage.start())
    says_done(stage, evidence)
    assert (await reviewed(stage)).findings == ()


async def test_the_same_evidence_twice_is_one_finding(stage) -> None:
    stage.log.append(stage.start())
    did(stage, 1, "run_shell", effect=Effect.EXECUTES)
    (stage.root / "a.txt").write_text("a")
    says_done(stage, ["a.txt", "a.txt"])
    assert told(await reviewed(stage)) == [("a.txt exists", True), ("a.txt was made", True)]


async def test_files_that_were_made_changed_and_removed_are_listed(stage) -> None:
    for name in ("same", "old", "gone"):
        (stage.root / name).write_text("1")
    stage.log.append(stage.start())
    did(stage, 1, "run_shell", effect=Effect.EXECUTES)
    (stage.root / "old").write_text("longer")
    (stage.root / "new").write_text("new")
    (stage.root / "gone").unlink()
    found = await reviewed(stage)
    assert found.findings == (
        Finding("new was made", True, "3 bytes"),
        Finding("old was written", True, "6 bytes"),
        Finding("gone was removed", True, "it is gone"),
    )
    assert found.holds


@pytest.mark.parametrize("effect", Effect)
async def test_what_somebody_else_changed_is_not_the_work_of_a_run_that_only_looked(
    stage, effect: Effect
) -> None:
    stage.log.append(stage.start())
    did(stage, 1, "a_tool", effect=effect)
    (stage.root / "new").write_text("new")
    seen = [] if effect in (Effect.PURE, Effect.READS) else [("new was made", True)]
    assert told(await reviewed(stage)) == seen


async def test_many_changes_are_listed_up_to_a_limit(stage) -> None:
    stage.log.append(stage.start())
    did(stage, 1, "run_shell", effect=Effect.EXECUTES)
    for number in range(MOST_FILES + 10):
        (stage.root / f"{number}").write_text("")
    assert len((await reviewed(stage)).findings) == MOST_FILES


async def test_a_file_whose_name_is_no_text_is_listed_in_a_form_that_can_be_written(stage) -> None:
    stage.log.append(stage.start())
    did(stage, 1, "run_shell", effect=Effect.EXECUTES)
    (stage.root / os.fsdecode(b"caf\xe9.txt")).write_text("x")
    (finding,) = (await reviewed(stage)).findings
    assert finding.claim == "caf\\udce9.txt was made"
    assert finding.claim.encode()


async def test_a_file_whose_name_has_spaces_is_not_taken_for_a_missing_one(stage) -> None:
    (stage.root / "sister 38.log").write_text("")
    stage.log.append(stage.start("How many lines has sister 38.log?"))
    assert (await reviewed(stage)).doubts == ()


async def test_a_file_the_goal_names_and_nobody_made_is_a_doubt(stage) -> None:
    (stage.root / "config.ini").write_text("")
    stage.log.append(
        stage.start("Read config.ini and write its port to out/port.txt, see https://x.org/a.html")
    )
    assert (await reviewed(stage)).doubts == ("the task names out/port.txt, and there is no such file",)
    (stage.root / "port.txt").write_text("80")
    assert (await reviewed(stage)).doubts == ()


async def test_a_file_the_goal_names_that_was_there_may_be_gone(stage) -> None:
    (stage.root / "old.txt").write_text("")
    stage.log.append(stage.start("delete old.txt"))
    (stage.root / "old.txt").unlink()
    assert (await reviewed(stage)).doubts == ()


@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.INVALID])
async def test_a_last_call_that_did_not_work_is_a_doubt_with_its_words(stage, outcome: Outcome) -> None:
    stage.log.append(stage.start())
    did(stage, 1, "run_shell", outcome, "x" * 1000 + "no such command")
    says_done(stage)
    (doubt,) = (await reviewed(stage)).doubts
    assert "run_shell" in doubt
    assert "no such command" in doubt
    assert len(doubt) < 500


@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.DENIED])
async def test_to_say_again_that_it_is_done_is_no_call_that_worked(stage, outcome: Outcome) -> None:
    stage.log.append(stage.start())
    did(stage, 1, "run_shell", outcome, "no such command")
    says_done(stage, call_id="first")
    stage.log.append(Nudged("claim", "not yet"))
    says_done(stage, call_id="second")
    assert len((await reviewed(stage)).doubts) == (outcome is Outcome.FAILED)
    denied = ending(fold(stage.log.events()), ()) is Ending.DENIED
    assert denied == (outcome is Outcome.DENIED)


async def test_a_doubt_is_raised_once_and_a_broken_claim_every_time(stage) -> None:
    stage.log.append(stage.start("make a.txt"))
    says_done(stage, ["no.txt"])
    first = await reviewed(stage)
    stage.log.append(Nudged("claim", first.objection or ""))
    says_done(stage, ["no.txt"])
    second = await reviewed(stage)
    assert first.doubts == second.doubts == ("the task names a.txt, and there is no such file",)
    assert first.doubts[0] in (first.objection or "")
    assert second.objection == "it does not hold that no.txt exists (there is no such file or step)"


async def test_a_check_is_one_finding_more(stage) -> None:
    async def check() -> Finding:
        return Finding("the check passes", holds=False, found="exit status 2")

    stage.log.append(stage.start())
    found = await reviewed(stage, check)
    assert told(found) == [("the check passes", False)]
    assert "exit status 2" in (found.objection or "")
