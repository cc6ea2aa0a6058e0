"""Opens the conversation: which editor, which signals, and what stands above the first prompt."""

import asyncio
import os
import shutil
import signal
import sys
from collections.abc import Mapping
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click

from agentkit.cli.repl.completion import candidates
from agentkit.cli.repl.editor import Editor
from agentkit.cli.repl.hanging_up import until_hung_up, write_nowhere
from agentkit.cli.repl.history import history_file
from agentkit.cli.repl.repl import Repl
from agentkit.cli.repl.sitting import who_answers
from agentkit.cli.repl.slash import COMMANDS, argument_names, tool_names
from agentkit.cli.words import escaped, folded
from agentkit.core.errors import UsageError, WorkspaceError
from agentkit.settings import Settings, load_settings
from agentkit.settings.values import of_a_beginning


def talk_command(flags: Mapping[str, Any], resume: str | None) -> int:
    """Talk with the person at the terminal until they leave.

    Without a terminal the lines of standard input are what the person says, one after the other, and
    the exit code tells how the last of them ended.
    """
    if resume is not None and (flag := of_a_beginning(flags)):
        raise UsageError(f"{flag} is for a new conversation; this one has what it began with")
    settings = load_settings(flags)
    if not settings.workspace.is_dir():
        raise WorkspaceError(f"the workspace {settings.workspace} is no folder; name one with --workspace")
    return asyncio.run(_sitting(settings, flags, resume))


async def _sitting(settings: Settings, flags: Mapping[str, Any], resume: str | None) -> int:
    repl = Repl(settings, flags, COMMANDS)
    loop = asyncio.get_running_loop()
    ended: list[int] = []

    def end(number: int) -> None:
        if signal.SIGHUP in ended and number == signal.SIGHUP:
            return  # it was noticed, and a shell may say so once more
        if ended:
            os._exit(128 + number)  # a second signal does not wait; what is recorded is whole
        ended.append(number)
        if number == signal.SIGHUP:
            write_nowhere()  # nobody reads any more, and what is still said must not fail for it
        repl.leave()

    if sys.stdout.isatty():
        sys.stdout = until_hung_up(sys.stdout, lambda: loop.call_soon_threadsafe(end, signal.SIGHUP))
    repl.editor = _editor(repl)
    loop.add_signal_handler(signal.SIGINT, repl.interrupt)
    for number in (signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, end, number)
    if repl.editor.listens:
        _greet(settings, resumes=resume is not None)
    if resume is not None:
        await COMMANDS["resume"].run(repl, resume)
    await repl.run()
    if ended:
        return 128 + ended[0]
    if repl.editor.listens:
        return 0
    if not repl.spoken:
        raise UsageError("standard input is no terminal and said nothing; see agentkit --help")
    return repl.code


def _editor(repl: Repl) -> Editor:
    if not _can_edit():
        from agentkit.cli.repl.plain import PlainEditor

        return PlainEditor()
    from agentkit.cli.repl.live import LiveEditor

    def ways(text: str) -> tuple[int, list[str]]:
        names = {name: partial(argument_names, repl, name) for name in COMMANDS}
        return candidates(text, repl.workspace, list(COMMANDS), names, tool_names)

    return LiveEditor(
        history=history_file(repl.settings.journal, repl.settings.workspace),
        redact=_without_secrets,
        candidates=ways,
        status=repl.status,
        on_interrupt=repl.interrupt,
        working=lambda: repl.working,
        colour=not os.environ.get("NO_COLOR"),
        vi=repl.settings.keys == "vi",
    )


def _can_edit() -> bool:
    """Whether the terminal can do more than lines, and what is needed for that is installed."""
    dumb = os.environ.get("TERM", "dumb") in ("dumb", "unknown", "")
    if dumb or not (sys.stdin.isatty() and sys.stdout.isatty()):
        return False
    if find_spec("prompt_toolkit") is None:
        click.echo("history, completion and typing while the agent works need: pip install 'agentkit[repl]'")
        return False
    return True


def _without_secrets(text: str) -> str:
    from agentkit.journal.redact import Redactor, secrets_of

    return Redactor(secrets_of(os.environ)).text(text)


def _greet(settings: Settings, *, resumes: bool) -> None:
    home = str(Path.home())
    where = escaped(str(settings.workspace))
    where = f"~{where[len(home) :]}" if where.startswith(f"{home}/") else where
    # a run that is taken up has its own model and mode, and says so itself
    how = "" if resumes else f"{escaped(who_answers(settings))} · approve {settings.approve} · "
    for row in folded(f"agentkit · {how}{where} · /help", shutil.get_terminal_size().columns):
        click.echo(row)
