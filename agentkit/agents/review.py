"""The agent says it is done: what of that can the harness see for itself?"""

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from agentkit.agents.attempt import Attempt
from agentkit.agents.state import RunState
from agentkit.core.errors import ToolFault
from agentkit.core.events import Ending, Finding
from agentkit.core.tools import Effect, Outcome
from agentkit.tooling.manifest import Changes, changes, paths_in
from agentkit.tooling.workspace import Workspace

Check = Callable[[], Awaitable[Finding]]
"""Runs the person's own check command."""

MOST_TOLD = 300
"""Characters of a failed call's account that are repeated; an error's end says most."""
_ONLY_LOOKS = frozenset({None, Effect.PURE, Effect.READS})
"""What a call does that changes no file; `None` is one that never began."""
MOST_FILES = 20
"""Changed files that a review lists."""

_NAMED_FILE = re.compile(
    r"(?<![\w/.@-])(?:[\w-]+/)*[\w-]+"
    r"\.(?:cfg|conf|css|csv|html|ini|json|jsonl|log|md|py|rst|sh|sql|toml|tsv|txt|xml|yaml|yml)"
    r"(?![\w/@-]|\.\w)"
)


@dataclass(frozen=True, slots=True)
class Review:
    """What was looked at, and what speaks against the agent's word."""

    findings: tuple[Finding, ...]
    doubts: tuple[str, ...] = ()
    """What looks wrong and may be right: the agent is asked once at most, the person told if it stays."""
    errands: tuple[str, ...] = ()
    """What the agent should see to before it ends."""
    asked: bool = False
    """Whether the agent was asked before: its word is taken now, but for what does not hold."""

    @property
    def holds(self) -> bool:
        """Whether everything that could be checked is as the agent says."""
        return all(finding.holds for finding in self.findings)

    @property
    def objection(self) -> str | None:
        """What the agent should be told before its word is taken, if anything."""
        broken = [
            f"it does not hold that {finding.claim} ({finding.found})"
            for finding in self.findings
            if not finding.holds
        ]
        told = broken if self.asked else [*self.errands, *self.doubts, *broken]
        return "; ".join(told) or None


def ending(state: RunState, findings: Sequence[Finding]) -> Ending:
    """How a run ends whose agent said its last word."""
    if not all(finding.holds for finding in findings):
        return Ending.CHECK_FAILED
    tried = _last_tried(state)
    if tried is not None and tried.result.outcome is Outcome.DENIED:
        return Ending.DENIED
    final = state.final_call
    gave_up = final is not None and final.arguments.get("reached") is False
    return Ending.GAVE_UP if gave_up else Ending.FINISHED


async def review(
    state: RunState, workspace: Workspace, recall: Callable[[str], str | None], check: Check | None
) -> Review:
    """Look at everything the agent's last word rests on that can be looked at."""
    before = recall(state.task_before) if state.task_before and _may_have_changed(state) else None
    changed = changes(before, workspace.manifest()) if before is not None else None
    findings = [
        *(_evidence(str(item), state, workspace) for item in _cited(state)),
        *_changed(changed, workspace),
    ]
    if check is not None:
        findings.append(await check())
    return Review(
        tuple(dict.fromkeys(findings)),
        doubts=(*_failed(state), *_missing(state, before, workspace)),
        errands=tuple(_at_work(state)),
        asked="claim" in state.nudges,
    )


def _may_have_changed(state: RunState) -> bool:
    """Whether the files have to be looked at: something that ran could change them, or goes on doing so.

    A task that names files is looked at as well, for whether they are there.
    """
    return (
        any(one.effect not in _ONLY_LOOKS for one in state.attempts)
        or bool(state.agents)
        or _NAMED_FILE.search(state.task) is not None
    )


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
    made = [Finding(f"{_named(path)} was made", True, _size(path, workspace)) for path in changed.added]
    altered = [
        Finding(f"{_named(path)} was written", True, _size(path, workspace)) for path in changed.changed
    ]
    gone = [Finding(f"{_named(path)} was removed", True, "it is gone") for path in changed.removed]
    return [*made, *altered, *gone][:MOST_FILES]


def _size(path: str, workspace: Workspace) -> str:
    try:
        return f"{workspace.size(path)} bytes"
    except ToolFault:  # its name is no text, or it went away while we looked
        return "its size is not known"


def _named(path: str) -> str:
    """The path as it can be written down; a name need not be text."""
    return path.encode("utf-8", "backslashreplace").decode()


def _at_work(state: RunState) -> list[str]:
    """Agents that are still at work are stopped when the run ends."""
    names = [one.started.name for one in state.agents if one.ended is None]
    if not names:
        return []
    return [f"still at work for you: {', '.join(names)}; wait with list_agents(wait=true), or stop them"]


def _last_tried(state: RunState) -> Attempt | None:
    """The last call but those with which the agent said that it is done."""
    return next((attempt for attempt in reversed(state.tried) if not attempt.last_word), None)


def _failed(state: RunState) -> list[str]:
    """The last thing tried did not work, and nothing was tried after it."""
    tried = _last_tried(state)
    if tried is None or tried.result.outcome not in (Outcome.FAILED, Outcome.INVALID):
        return []
    told = tried.result.text
    told = told if len(told) <= MOST_TOLD else "…" + told[-MOST_TOLD:]
    return [f"the last call, {tried.call.name}, failed and nothing was tried after it ({told})"]


def _missing(state: RunState, before: str | None, workspace: Workspace) -> list[str]:
    """Files that the task names, that were not there at the start, and that are not there now."""
    named = dict.fromkeys(_NAMED_FILE.findall(state.task))
    if before is None or not named:
        return []
    known = {path.rsplit("/", 1)[-1] for path in (*paths_in(before), *workspace.files())}
    return [
        f"the task names {path}, and there is no such file"
        for path in named
        if not any(_ends_with(name, path.rsplit("/", 1)[-1]) for name in known)
    ]


def _ends_with(name: str, named: str) -> bool:
    """Whether a file's name is what was named, or a name with spaces of which that is the end."""
    return name == named or name.endswith(f" {named}")
