"""The agent says it is done: what of that can the harness see for itself?"""

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from agentkit.agents.state import RunState
from agentkit.core.events import Finding
from agentkit.core.tools import Outcome
from agentkit.tooling.workspace import Changes, Workspace, changes, paths_in

Check = Callable[[], Awaitable[Finding]]
"""Runs the person's own check command."""

MOST_FILES = 20
"""Changed files that a review lists."""

_NAMED_FILE = re.compile(
    r"(?<![\w/.@-])(?:[\w-]+/)*[\w-]+"
    r"\.(?:cfg|conf|css|csv|html|ini|json|jsonl|log|md|py|rst|sh|sql|toml|tsv|txt|xml|yaml|yml)"
    r"(?![\w/@-]|\.\w)"
)


@dataclass(frozen=True, slots=True)
class Review:
    """What was looked at, and whether all of it holds."""

    findings: tuple[Finding, ...]

    @property
    def holds(self) -> bool:
        """Whether nothing speaks against the agent's word."""
        return all(finding.holds for finding in self.findings)

    @property
    def objection(self) -> str:
        """What the agent is told when something does not hold."""
        broken = [f"{finding.claim}: {finding.found}" for finding in self.findings if not finding.holds]
        return "You are not done yet. " + "; ".join(broken) + ". Mend it, or finish and say what is missing."


async def review(
    state: RunState, workspace: Workspace, recall: Callable[[str], str | None], check: Check | None
) -> Review:
    """Look at everything the agent's last word rests on that can be looked at."""
    before = recall(state.started.workspace_before) if state.started else None
    changed = changes(before, workspace.manifest()) if before is not None else None
    findings = [
        *(_evidence(str(item), state, workspace) for item in _cited(state)),
        *_changed(changed, workspace),
        *_missing(state, before, workspace),
    ]
    if check is not None:
        findings.append(await check())
    return Review(tuple(dict.fromkeys(findings)))


def _cited(state: RunState) -> Sequence[object]:
    evidence = state.final_call.arguments.get("evidence", ()) if state.final_call else ()
    return evidence if isinstance(evidence, list) else ()  # pyright: ignore[reportUnknownVariableType]


def _evidence(item: str, state: RunState, workspace: Workspace) -> Finding:
    """A cited step (its number or call id) succeeded; a cited file exists."""
    attempts = {attempt.call.id: attempt for attempt in state.attempts}
    number = re.fullmatch(r"(?:step\s*)?#?(\d+)", item.strip(), re.IGNORECASE)
    if number and 0 < int(number[1]) <= len(state.attempts):
        attempt = state.attempts[int(number[1]) - 1]
    else:
        attempt = attempts.get(item.strip())
    if attempt is not None:
        ran = f"{attempt.call.name} {attempt.result.outcome}"
        return Finding(f"step {item} succeeded", attempt.result.outcome is Outcome.OK, ran)
    if number:
        return Finding(f"step {item} succeeded", holds=False, found=f"there were {len(state.attempts)} steps")
    exists = workspace.kind(item) != "missing"
    return Finding(f"{item} exists", exists, "it does" if exists else "there is no such file or step")


def _changed(changed: Changes | None, workspace: Workspace) -> list[Finding]:
    """Files that this run made or altered and that are there now."""
    if changed is None:
        return []
    made = [Finding(f"{path} was made", True, f"{workspace.size(path)} bytes") for path in changed.added]
    altered = [
        Finding(f"{path} was changed", True, f"{workspace.size(path)} bytes") for path in changed.changed
    ]
    gone = [Finding(f"{path} was removed", True, "it is gone") for path in changed.removed]
    return [*made, *altered, *gone][:MOST_FILES]


def _missing(state: RunState, before: str | None, workspace: Workspace) -> list[Finding]:
    """Files the goal names that neither were there at the start nor are there now.

    Said once: a goal may name a file only to say that it must not exist.
    """
    if state.started is None or before is None or "claim" in state.nudges:
        return []
    known = {path.rsplit("/", 1)[-1] for path in (*paths_in(before), *workspace.files())}
    return [
        Finding(f"the goal names {path}", holds=False, found="there is no such file")
        for path in dict.fromkeys(_NAMED_FILE.findall(state.started.goal))
        if path.rsplit("/", 1)[-1] not in known
    ]
