"""`/rewind` and Esc Esc: back to an earlier message, in the conversation, in the files, or in both."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from agentkit.cli.repl.mentions import as_typed
from agentkit.cli.words import clipped, counted
from agentkit.core.errors import UsageError
from agentkit.core.events import ModelAsked, PersonSaid, Recorded, RunStarted

if TYPE_CHECKING:
    from agentkit.cli.repl.repl import Repl

SHOWN = 70
"""Columns of a message in the list."""

_WHAT = {"b": "both", "c": "conversation", "f": "files"}
_HOW = "say /rewind, or /rewind N conversation, /rewind N files or /rewind N both"


@dataclass(frozen=True, slots=True)
class Said:
    """A task that the person gave."""

    text: str
    step: int
    """The last one before it; 0 for the first task."""


def tasks(events: Sequence[Recorded]) -> list[Said]:
    """What the person asked for, in order; a word in between belongs to the task that it was said to."""
    found: list[Said] = []
    step = 0
    for event in (recorded.event for recorded in events):
        match event:
            case RunStarted(goal=text):
                found.append(Said(text, step))
            case PersonSaid(text=text, workspace_before=before, call_id="") if before:
                found.append(Said(text, step))
            case ModelAsked():
                step = event.step
            case _:
                pass
    return found


async def rewind(repl: "Repl", rest: str) -> None:
    """Go back to before an earlier message, which comes back into the input."""
    if repl.talk.state.started is None:
        raise UsageError("nothing was said yet, so there is nothing to go back to")
    said = tasks(repl.talk.events)
    words = rest.split()
    if len(words) > 2 or words[1:] not in ([], ["conversation"], ["files"], ["both"]):
        raise UsageError(_HOW)
    changed = [_changed(repl, one.step) for one in said]
    number = words[0] if words else await _chosen(repl, said, changed)
    if not number:
        return
    if not (number.isascii() and number.isdigit() and 1 <= int(number) <= len(said)):
        raise UsageError(f"there is no message {number}; there is 1 to {len(said)}")
    place = int(number) - 1
    what = words[1] if words[1:] else await _what(repl, changed[place])
    if what in ("files", "both"):
        await _files_back(repl, said[place].step)
    if what in ("conversation", "both"):
        await _conversation_back(repl, said[place])


def _changed(repl: "Repl", step: int) -> int:
    """How many files the run changed after a step and has not set back."""
    from agentkit.journal.store import Journal
    from agentkit.tooling.snapshots.diffing import changed_by

    with Journal.open(repl.talk.chosen.journal) as journal:
        return len(changed_by(journal.contents, repl.talk.events, step))


async def _chosen(repl: "Repl", said: Sequence[Said], changed: Sequence[int]) -> str:
    for number, (one, files) in enumerate(zip(said, changed, strict=True), 1):
        since = f"{counted(files, 'file')} changed since" if files else "no file changed since"
        repl.say(str(number), f"{clipped(as_typed(one.text)[0], SHOWN)} ({since})")
    return await repl.questions.of_command(f"back to before which message? [1-{len(said)}, Enter: none] ")


async def _what(repl: "Repl", files: int) -> str:
    if not files:
        return "conversation"
    question = (
        f"what goes back: c the conversation, f {counted(files, 'file')}, b both? [c/f/b, Enter: nothing] "
    )
    answer = (await repl.questions.of_command(question)).lower()
    return _WHAT.get(answer, "")


async def _files_back(repl: "Repl", step: int) -> None:
    from agentkit.tooling.snapshots import undoing

    repl.say("files", await repl.talk.set_files(partial(undoing.undo, to=step, force=False)))


async def _conversation_back(repl: "Repl", said: Said) -> None:
    """Begin anew, or as a fork from before the message; the message is there to be changed and sent."""
    from agentkit.cli.fork import forked, has_history

    if said.step == 0:
        await repl.turn_away()
    else:
        made = forked(f"{repl.talk.run_id}@{said.step}", repl.settings)
        await repl.talk.take(made.run_id)
        repl.transcript.turn_to(repl.talk.events)
        repl.say("forked", has_history(made))
    typed, ran = as_typed(said.text)
    if ran:
        repl.outbox.along.append(ran)
    repl.editor.put_back(typed)
