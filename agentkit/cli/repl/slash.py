"""The commands of the conversation, each with what it does."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from agentkit.cli.repl.commands import Command
from agentkit.cli.repl.remembered import forget, show_memory
from agentkit.cli.repl.rewind import rewind
from agentkit.cli.repl.slash_files import redo, show_diff, undo
from agentkit.cli.repl.slash_rules import explain, list_tools, rules
from agentkit.cli.repl.slash_runs import fork, list_runs, resume, use_model
from agentkit.cli.repl.slash_window import compact, show_budget, show_context
from agentkit.core.errors import UsageError
from agentkit.core.events import RunEnded

if TYPE_CHECKING:
    from agentkit.cli.repl.repl import Repl

_KEYS = """\
Enter sends, Alt-Enter or Ctrl-J makes a new line, Tab completes, Ctrl-R searches what was typed before
Ctrl-C stops the step at work, twice the work; Ctrl-D leaves, and the conversation can be resumed
!command runs in your own shell, !!command also shows the agent what it printed
Esc Esc goes back to an earlier message; # text keeps a note in the memory, if the conversation has one
@path puts a file into the message; what you send while the agent works waits its turn"""


async def show_help(repl: "Repl", _: str) -> None:
    """The commands and the keys."""
    for command in repl.commands.values():
        repl.say(
            f"/{command.name}", f"{command.arguments + '  ' if command.arguments else ''}{command.about}"
        )
    repl.say("", _KEYS, "dim")


async def leave(repl: "Repl", _: str) -> None:
    """End the sitting."""
    repl.leave()


async def go_on(repl: "Repl", how: str) -> None:
    """Take up what stopped; with `batch`, no loop is seen any more in the calls that it was stopped for."""
    if repl.talk.state.started is None:
        raise UsageError("nothing was said yet; say what should be done")
    if how not in ("", "batch"):
        raise UsageError(f"/go goes on, /go batch lets calls be repeated as well; {how!r} is neither")
    repl.start(repl.talk.go_on(_repeated(repl.talk.state.ended) if how else ()))


def _repeated(ended: RunEnded | None) -> tuple[str, ...]:
    """The tools whose calls ended the run as a loop."""
    loop = ended.loop if ended is not None else None
    if loop is None or not loop.calls or loop.signal == "misfit":
        raise UsageError("the agent was not stopped for calls that it repeated; /go goes on")
    return tuple(dict.fromkeys(call.partition("(")[0] for call in loop.calls))


async def say_now(repl: "Repl", words: str) -> None:
    """Be heard before the next step, without waiting for the end."""
    if not words:
        raise UsageError("say what the agent is to hear: /now use the other file")
    if repl.working:
        repl.talk.inbox.append(words)
        repl.say("next", "it is heard before the next step", "dim")
    else:
        repl.start(repl.talk.say(words), says=words)


async def begin_anew(repl: "Repl", _: str) -> None:
    """Leave this conversation; the next words begin another."""
    await repl.turn_away()


COMMANDS: Mapping[str, Command["Repl"]] = {
    one.name: one
    for one in (
        Command("help", "", "these commands and keys", show_help, at_work=True),
        Command("go", "[batch]", "go on where the work stopped; batch: such calls are no loop", go_on),
        Command("now", "TEXT", "say something before the next step", say_now, at_work=True),
        Command("new", "", "begin a new conversation", begin_anew),
        Command("runs", "[all]", "the recorded runs of this folder, or all", list_runs, at_work=True),
        Command("resume", "[RUN]", "go on with RUN; the newest other one of this folder by default", resume),
        Command("fork", "[STEP] [MODEL]", "go another way from a step on, or with another model", fork),
        Command("model", "[NAME]", "who answers; with NAME another model goes on", use_model),
        Command("tools", "[NAME]", "what the agent can do here", list_tools, at_work=True),
        Command("undo", "[STEP] [force]", "set the files back, before the last step or after STEP", undo),
        Command("rewind", "[N] [WHAT]", "back to an earlier message: conversation, files or both", rewind),
        Command("redo", "[force]", "take the last undo back", redo),
        Command("diff", "[STEP]", "what the run changed in the files", show_diff, at_work=True),
        Command("context", "", "what takes how much of the model's window", show_context),
        Command("compact", "[undo]", "show the model less of what is old; it stays recorded", compact),
        Command(
            "memory", "[QUESTION]", "what is remembered beyond this conversation", show_memory, at_work=True
        ),
        Command("forget", "WHAT", "forget a fact by its number, or more, for good", forget),
        Command("budget", "", "what was spent, and what may be", show_budget, at_work=True),
        Command(
            "why", "[COMMAND]", "which rule decides about a command, or the last call", explain, at_work=True
        ),
        Command("rules", "[rm RULE]", "the rules that hold; rm takes one back that you gave", rules),
        Command("quit", "", "leave; the conversation is saved", leave, at_work=True),
    )
}


def argument_names(repl: "Repl", command: str) -> Iterable[str]:
    """How the argument of a command could go on."""
    if command == "resume":
        from agentkit.journal.store import Journal

        if not repl.settings.journal.exists():
            return []
        with Journal.open(repl.settings.journal) as journal:
            return [run.run_id for run in reversed(journal.runs())]
    if command in ("model", "fork"):
        from agentkit.cli.models import offered_models

        return offered_models()
    if command == "rules":
        from agentkit.cli.rules import given_rules

        return [f"rm {rule}" for rule in given_rules(repl.talk.settings)]
    return tool_names() if command == "tools" else ["all"] if command == "runs" else []


def tool_names() -> Iterable[str]:
    """The tools by name."""
    from agentkit.tooling.discovery import installed_tools

    return sorted(installed_tools())
