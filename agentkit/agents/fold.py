"""The fold: how each recorded event changes where a run stands.

Nothing else does, so a run that is resumed and a run that was never interrupted are the same run.
"""

from collections.abc import Iterable
from typing import assert_never

from msgspec.structs import replace

from agentkit.agents.headway import attempt_of, caught, weighed
from agentkit.agents.hired import with_agent
from agentkit.agents.state import Reply, RunState
from agentkit.agents.view import compacted, with_compactions
from agentkit.core.events import (
    AgentEnded,
    AgentStarted,
    AgentTold,
    AnswerCut,
    CallDecided,
    CallFinished,
    CallIntended,
    CallPlanned,
    Compacted,
    CompactionUndone,
    FilesLeftOut,
    FilesSet,
    FilesSetting,
    Instructed,
    ModelAnswered,
    ModelAsked,
    ModelFailed,
    Nudged,
    PersonSaid,
    PersonStopped,
    Recorded,
    RuleSet,
    RunEnded,
    RunResumed,
    RunStarted,
)
from agentkit.core.messages import (
    AssistantMessage,
    MalformedCall,
    ToolCall,
    ToolMessage,
    UserMessage,
)
from agentkit.core.tools import Outcome, ToolResult
from agentkit.core.usage import NOTHING, Spent


def fold(events: Iterable[Recorded], state: RunState | None = None) -> RunState:
    """The state after `events`, starting from `state`."""
    state = state or RunState()
    for recorded in events:
        state = after(state, recorded)
    return state


def after(state: RunState, recorded: Recorded) -> RunState:
    """The state after one more event."""
    event = recorded.event
    # Clocks jump; time at work never runs backwards.
    passed = max(0.0, recorded.at - state.clock) if state.clock is not None else 0.0
    state = replace(state, clock=recorded.at, seconds=state.seconds + passed)
    match event:
        case RunStarted():
            state = _suspecting(state, event.untrusted)
            return replace(state, started=event, task=event.goal, task_before=event.workspace_before)
        case RunResumed():
            # What passed between the sittings was not work.
            # a last answer that has come ends the run; one that has not is asked for anew, if at all
            closing = None if state.last_words is None else state.closing
            state = _suspecting(_with_loss(state), event.untrusted)
            state = replace(state, seconds=state.seconds - passed, failure=None, closing=closing)
            state = _reopened(state) if state.ended is not None else state
            return _nudged(state, state.untold) if state.untold else state
        case PersonSaid():
            return _told(_suspecting(state, event.untrusted or event.earlier), event, passed)
        case PersonStopped():
            return _stopped(_waited(state, event.waited), event)
        case ModelAsked():
            reserved = Spent(tokens=event.reserved_tokens, cost=event.reserved_cost)
            return replace(state, steps=event.step, reserved=reserved, cut=NOTHING)
        case AnswerCut():
            return replace(state, cut=state.cut + Spent(tokens=event.tokens, cost=event.cost))
        case ModelAnswered():
            return _answered(state, event)
        case ModelFailed():
            state = replace(state, cut=NOTHING)  # it says so itself
            state = replace(state, reserved=NOTHING) if event.refused else _with_loss(state)
            cut = Spent(tokens=event.cut_tokens, cost=event.cut_cost)
            return replace(state, failure=event, lost=state.lost + cut)
        case CallDecided():
            return _waited(state, event.waited)
        case RuleSet() | FilesLeftOut():
            return state
        case FilesSetting():
            return replace(state, seconds=state.seconds - passed)
        case Instructed():
            return replace(_nudged(state, event.text), instruction=event, objection="", silent=0)
        case CallPlanned():
            said = (*state.said, AssistantMessage(calls=(event.call,), planned=True))
            return replace(state, said=said, pending=(event.call,))
        case CallIntended():
            return replace(
                state,
                in_doubt=event,
                pending=tuple(c for c in state.pending if c.id != event.call.id),
            )
        case CallFinished():
            state = _suspecting(_waited(state, event.waited), event.result.untrusted)
            return _finished(state, event.result)
        case Nudged():
            if event.reason == "repetition":
                state = caught(state)
            return replace(
                _nudged(state, event.text),
                nudges=(*state.nudges, event.reason),
                failure=None,
                answer=None,
                final_call=None,
                objection=event.text if event.reason == "claim" else state.objection,
                closing=event.cause if event.reason == "closing" else None,
                last_words=None,
            )
        case AgentStarted() | AgentTold():
            return replace(state, agents=with_agent(state.agents, event))
        case AgentEnded():
            return replace(_suspecting(state, event.untrusted), agents=with_agent(state.agents, event))
        case Compacted():
            return compacted(state, event)
        case CompactionUndone():
            return with_compactions(state, state.compactions[:-1])
        case FilesSet():
            return _files_set(replace(state, seconds=state.seconds - passed), event)
        case RunEnded():
            return replace(state, ended=event)
        case _:
            assert_never(event)


def _suspecting(state: RunState, source: str) -> RunState:
    """The state after words from a source that is not to be trusted; the first one stays named."""
    return replace(state, untrusted=source) if source and not state.untrusted else state


def _waited(state: RunState, seconds: float) -> RunState:
    """While the person was asked, nobody was at work."""
    return replace(state, seconds=max(state.seconds_before, state.seconds - seconds)) if seconds else state


def _with_loss(state: RunState) -> RunState:
    """No answer came: the provider may have charged for it all the same."""
    return replace(state, reserved=NOTHING, cut=NOTHING, lost=state.lost + state.reserved + state.cut)


def _reopened(state: RunState) -> RunState:
    """A run that was over and is taken up again: what ended it is not held against it."""
    return replace(
        state,
        ended=None,
        answer=None,
        final_call=None,
        objection="",
        unreadable=0,
        silent=0,
        nudges=(),
        loops=0,
        new_since=len(state.attempts),
        idle=0,
        headway=0,
        attempts_at_nudge=len(state.attempts),
        closing=None,
        last_words=None,
    )


def _nudged(state: RunState, text: str) -> RunState:
    """The harness said something, and whatever was waiting to be said is said."""
    return replace(
        state,
        said=(*state.said, UserMessage(text)),
        nudged_at=(*state.nudged_at, len(state.said)),
        untold="",
    )


def _told(state: RunState, event: PersonSaid, passed: float) -> RunState:
    """The person spoke: about the task at hand, or, when that was over, of the next one."""
    words = f"{state.untold}\n\n{event.text}" if state.untold else event.text
    over = state.ended is not None
    state = replace(_reopened(state), said=(*state.said, UserMessage(words)), untold="")
    if event.batch and (begun := state.started) is not None:
        state = replace(state, started=replace(begun, batch=(*begun.batch, *event.batch)))
    if not over:
        return replace(state, task=f"{state.task}\n{event.text}")
    seconds = state.seconds - passed  # what passed at the prompt was not work
    return replace(
        state,
        failure=None,
        instruction=None,
        replies=(),
        task=event.text,
        task_before=event.workspace_before,
        task_at=len(state.said) - 1,
        attempts_before=len(state.attempts),
        spent_before=Spent(steps=state.total.steps, tool_seconds=state.total.tool_seconds),
        seconds=seconds,
        seconds_before=seconds,
    )


def _files_set(state: RunState, event: FilesSet) -> RunState:
    """The person undid or redid something: what was still to be done is not, and the model is told of it."""
    if (intent := state.in_doubt) is not None:
        name = intent.call.name
        text = f"outcome unknown: the process was stopped while {name} was running"
        state = _finished(state, ToolResult(intent.call.id, name, Outcome.UNKNOWN, text))
    return replace(
        state,
        said=(*state.said, *_unrun(state, "the person set the files back first")),
        pending=(),
        # what it did before may well be done again now, and its last word was about other files
        attempts_at_nudge=len(state.attempts),
        answer=None,
        final_call=None,
        untold=f"{state.untold}\n{event.text}".lstrip(),
    )


def _unrun(state: RunState, why: str) -> tuple[ToolMessage, ...]:
    """Answers to the calls that have not begun and will not."""
    return tuple(
        ToolMessage(call.id, call.name, f"{call.name} did not run: {why}", True) for call in state.pending
    )


def _stopped(state: RunState, event: PersonStopped) -> RunState:
    """The work was stopped: no call is left without an answer, and nothing that arrived is lost."""
    half = (AssistantMessage(event.said),) if event.said.strip() else ()
    return replace(
        _with_loss(state),
        said=(*state.said, *half, *_unrun(state, "the person stopped the work first")),
        pending=(),
        answer=None,
        final_call=None,
        closing=None,
        untold=_STOPPED_ANSWER if half else _STOPPED,
    )


_STOPPED = "[The person stopped the work here.]"
_STOPPED_ANSWER = "[The person stopped your answer here; what stands above is all of it that arrived.]"


def _answered(state: RunState, event: ModelAnswered) -> RunState:
    state = replace(
        state,
        usage=state.usage + event.usage,
        cost=state.cost + (event.cost or 0),
        unpriced=state.unpriced + (event.cost is None),
        reserved=NOTHING,
        cut=NOTHING,
        answers=state.answers + 1,
        relieved=False,
        view_changes=0,
    )
    if state.closing is not None:
        return _closed(state, event.message)
    message = event.message
    usable = bool(message.calls) or (bool(message.text.strip()) and event.finish not in ("length", "chant"))
    usable = usable and not message.malformed
    corrections = tuple(_correction(call) for call in message.malformed)
    state = replace(
        state,
        said=(*state.said, message, *corrections),
        pending=message.calls,
        answer=None,
        final_call=None,
        objection="",
        unreadable=0 if usable else state.unreadable + 1,
        silent=0 if message.calls or message.malformed else state.silent + 1,
        chant=event.loop,
    )
    return _spoke(state, message.text) if usable and not message.calls else state


def _spoke(state: RunState, text: str, call: ToolCall | None = None) -> RunState:
    """The state after words to act on: the agent's last, or a reply to the strategy."""
    asked = state.instruction
    if asked is None or asked.last:
        return replace(state, answer=text, final_call=call)
    gave_up = call is not None and call.arguments.get("reached") is False
    reply = Reply(asked.purpose, text, len(state.attempts), gave_up)
    return replace(state, instruction=None, replies=(*state.replies, reply))


def _closed(state: RunState, message: AssistantMessage) -> RunState:
    """The last answer has come; a call in it was not asked for and stays undone."""
    words = message.text.strip()
    said = (*state.said, AssistantMessage(words)) if words else state.said
    return replace(state, said=said, last_words=words)


def _correction(call: MalformedCall) -> ToolMessage:
    text = (
        f"this call could not be read and did not run: {call.error}. "
        f"You wrote: {call.text[:300]}\nSend the call again, whole and well-formed."
    )
    return ToolMessage(call.id, call.name, text, failed=True)


def _finished(state: RunState, result: ToolResult) -> RunState:
    intent = state.in_doubt
    call = intent.call if intent else next(c for c in state.pending if c.id == result.call_id)
    told = ToolMessage(result.call_id, result.name, result.text, failed=result.failed)
    tree = (intent.snapshot or intent.workspace_before) if intent else ""
    attempt = attempt_of(state, call, result)
    state = replace(
        weighed(state, attempt, tree),
        said=(*state.said, told),
        pending=tuple(c for c in state.pending if c.id != result.call_id),
        in_doubt=None,
        tool_seconds=state.tool_seconds + result.seconds,
    )
    return _spoke(state, result.text, call) if attempt.last_word else state
