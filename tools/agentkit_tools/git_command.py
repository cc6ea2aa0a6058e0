"""Git as a command inside the sandbox, and how rules see it."""

import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from agentkit.core.errors import ToolFault
from agentkit.tooling.context import ToolContext
from agentkit.tooling.net.tunnel import Tunnel
from agentkit.tooling.sandbox import Finished, Limits
from agentkit_tools.code import ending_of
from agentkit_tools.way_out import way_out

SECONDS = 120.0
SECONDS_AWAY = 600.0
"""Where another host takes part."""
_ENV = {"GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0", "GIT_EDITOR": "true", "GIT_PAGER": "cat"}
NO_VARIABLES: Mapping[str, str] = MappingProxyType({})
# the folder is the sandbox's own; a monitor that the repository names is no business of ours
_SETTINGS = ("-c", "safe.directory=*", "-c", "core.fsmonitor=false", "-c", "color.ui=false")
_NOBODY = ("-c", "user.name=agent", "-c", "user.email=agent@localhost")
_WHO = re.compile(r"Please tell me who you are|unable to auto-detect email address|empty ident name")


def as_line(words: Callable[[Mapping[str, Any]], list[str]]) -> Callable[[Mapping[str, Any]], str]:
    """How rules see a call: as the command that somebody would type."""
    return lambda given: shlex.join(["git", *words(given)])


def plain_name(text: str) -> str:
    """A name as git takes it: with a dash first it would be an option, + would overwrite, : delete."""
    if text.startswith(("-", "+", ":")) or "\0" in text:
        raise ToolFault(f"{text!r} cannot be a name here: it begins with that sign")
    return text


async def git(
    words: Sequence[str],
    repository: str,
    context: ToolContext,
    *,
    writable: bool = True,
    settings: Sequence[str] = (),
    variables: Mapping[str, str] = NO_VARIABLES,
    tunnel: Tunnel | None = None,
) -> str:
    """What git prints.

    Args:
        words: The command and its arguments.
        repository: The folder of the repository.
        context: Of the call.
        writable: Whether it may change files.
        settings: For git, before its command.
        variables: Of its environment, beside ours.
        tunnel: Its way to the network, if it has one.

    Raises:
        ToolFault: it failed; the message is git's.
    """
    if context.workspace.kind(repository) != "folder":
        raise ToolFault(context.workspace.no_such(repository, "folder"))
    argv = ["git", "-C", repository, *_SETTINGS, *settings]
    done = await _run([*argv, *words], context, variables, writable=writable, tunnel=tunnel)
    output = text_of(done)
    if words[0] in ("commit", "pull") and done.status and _WHO.search(output):
        # the person's own name is in their home, which the sandbox does not see
        done = await _run([*argv, *_NOBODY, *words], context, variables, writable=writable, tunnel=tunnel)
        output = f"{text_of(done)}\n[committed as agent <agent@localhost>: the repository names nobody]"
    if ending := ending_of(done, Limits(wall_seconds=SECONDS)):
        missing = "git is not installed here; " if done.status == 127 else ""
        raise ToolFault(f"{output}\n[{missing}git {words[0]}: {ending}]".lstrip())
    return output


async def _run(
    argv: Sequence[str],
    context: ToolContext,
    variables: Mapping[str, str],
    *,
    writable: bool,
    tunnel: Tunnel | None,
) -> Finished:
    most = SECONDS if tunnel is None else SECONDS_AWAY
    seconds = most if context.seconds_left is None else min(most, context.seconds_left)
    if seconds <= 0:
        raise ToolFault("the run's time is used up; nothing was started")
    through = [] if tunnel is None else way_out()
    return await context.sandbox().run(
        [*through, *argv],
        workspace=context.workspace.root,
        limits=Limits(wall_seconds=seconds),
        stdin=b"" if tunnel is None else tunnel.inside,
        extra_env={**_ENV, **variables},
        writable=writable,
    )


def text_of(done: Finished) -> str:
    """What a command printed."""
    return done.output.decode("utf-8", "replace").rstrip("\n")
