"""A recorded run as one page of HTML that needs nothing else: no network, no script.

Whatever a model, a tool or a file said is text on it. A policy in its head forbids it to load or run
anything, so that even a mistake here could not.
"""

from collections.abc import Callable, Mapping, Sequence
from importlib.resources import files

from agentkit.agents.fold import fold
from agentkit.agents.state import RunState
from agentkit.cli.costs import cost_text
from agentkit.cli.page_parts import answer, block, fact, finding, money, note, opening, text
from agentkit.cli.page_steps import FileChange, Note, Step, entries
from agentkit.cli.words import clipped, counted, duration, moment
from agentkit.core.events import Ending, Recorded, RunStarted

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'"
_STYLES = {
    Ending.FINISHED: "good",
    Ending.GAVE_UP: "warn",
    Ending.BUDGET: "warn",
    Ending.INTERRUPTED: "warn",
}


def page(
    run_id: str,
    events: Sequence[Recorded],
    recall: Callable[[str], str | None],
    changes: Mapping[int, Sequence[FileChange]],
) -> str:
    """The page of a run.

    Args:
        run_id: Its name.
        events: The whole record.
        recall: Gives the whole of a long result by its handle.
        changes: What each call did to files, by the number of its last event, as far as that was kept.
    """
    state = fold(events)
    title = clipped(state.started.goal, 80) if state.started else run_id
    style = files("agentkit.cli").joinpath("page.css").read_text(encoding="utf-8")
    parts = [*_summary(run_id, events, state), *_outcome(state), *_course(events, changes, recall), _FOOT]
    body = "\n".join(parts)
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n{_HEAD}'
        f"<title>{text(title)}</title>\n<style>\n{style}</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
    )


_HEAD = (
    '<meta charset="utf-8">\n'
    f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
    '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
    '<meta name="referrer" content="no-referrer">\n'
)
_FOOT = (
    "<footer>Made by agentkit from the recorded run. ✓ is what agentkit checked itself, "
    "! what looked wrong to it and may be right, ? what rests on the agent's word.</footer>"
)


def _summary(run_id: str, events: Sequence[Recorded], state: RunState) -> list[str]:
    started, ended = state.started, state.ended
    style = "warn" if ended is None else _STYLES.get(ended.ending, "bad")
    ending = "unfinished" if ended is None else str(ended.ending)
    goal = started.goal.strip() if started else "A run without a goal"
    facts = "".join(fact(name, value) for name, value in _facts(run_id, events, state) if value)
    return [
        f'<span class="badge {style}">{text(ending)}</span>',
        f"<h1>{text(goal)}</h1>",
        f"<dl>{facts}</dl>",
    ]


def _facts(run_id: str, events: Sequence[Recorded], state: RunState) -> list[tuple[str, str]]:
    usage, started = state.usage, state.started
    of_agents = state.used.tokens - usage.total
    more = f", and {of_agents:,} of its agents" if of_agents else ""
    found = [
        ("Steps", f"{state.used.steps}"),
        ("Tokens", f"{usage.total:,} ({usage.input_tokens:,} in, {usage.output_tokens:,} out){more}"),
        ("Time at work", duration(state.seconds)),
        ("Cost", cost_text(state) if state.used.steps else ""),
        ("Agents", ", ".join(f"{one.started.name} (run {one.started.run})" for one in state.agents)),
    ]
    if started is not None:
        found += [
            ("Began", moment(events[0].at, "%Y-%m-%d %H:%M")),
            ("Model", started.model),
            ("Approves", started.approve),
            ("Workspace", started.workspace),
            ("History from", started.forked_from),
            ("Works for", f"run {started.parent}, as {started.agent}" if started.parent else ""),
        ]
    return [*found, ("Run", run_id)]


def _outcome(state: RunState) -> list[str]:
    ended = state.ended
    if ended is None:
        return [note(Note("", "It has not ended.", "warn"))]
    if not ended.claimed:
        return [note(Note("Ended", ended.result, "bad")), *_because(ended.because)]
    found = [finding(one) for one in ended.verified]
    found += [f'<li class="warn"><span>doubtful: {text(doubt)}</span></li>' for doubt in ended.doubts]
    found.append('<li class="soft"><span>the answer rests on the agent\'s word</span></li>')
    return [answer(ended.result), *_because(ended.because), f'<ul class="findings">{"".join(found)}</ul>']


def _because(why: str) -> list[str]:
    return [note(Note("Because", why, "warn"))] if why else []


def _course(
    events: Sequence[Recorded],
    changes: Mapping[int, Sequence[FileChange]],
    recall: Callable[[str], str | None],
) -> list[str]:
    found = entries(events, changes)
    most = max((one.tokens for one in found if isinstance(one, Step)), default=0)
    first = events[0].event if events else None
    return [
        "<h2>What happened</h2>",
        *([opening(first)] if isinstance(first, RunStarted) else []),
        *(_step(one, most, recall) if isinstance(one, Step) else note(one) for one in found),
    ]


def _step(step: Step, most: int, recall: Callable[[str], str | None]) -> str:
    used = [
        counted(step.tokens, "token") if step.tokens else "",
        duration(step.seconds) if step.seconds else "",
        money(step.cost),
    ]
    right = " · ".join(part for part in used if part)
    head = f'<div class="head"><b>Step {step.number}</b><span class="right">{text(right)}</span></div>'
    width = round(100 * step.tokens / most) if most else 0
    bar = f'<div class="bar" title="its part of the tokens"><i style="width:{width}%"></i></div>'
    inner = "".join(block(piece, recall) for piece in step.pieces)
    return (
        f'<section class="card" id="step-{step.number}">{head}{bar if step.tokens else ""}{inner}</section>'
    )
