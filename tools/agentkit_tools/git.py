"""Git, inside the sandbox: what is looked at cannot change anything, and hooks see nothing of the host."""

from collections.abc import Mapping, Sequence
from typing import Any

from agentkit.core.errors import ToolFault
from agentkit.core.tools import Effect
from agentkit.tooling.choices import ExistingFolder, ExistingPath
from agentkit.tooling.context import ToolContext
from agentkit.tooling.packs import Pack
from agentkit.tooling.tool import tool
from agentkit_tools.git_command import as_line, git, plain_name
from agentkit_tools.git_remote import git_clone, git_pull, git_push

MOST_COMMITS = 200


def _status(_: Mapping[str, Any]) -> list[str]:
    return ["status", "--short", "--branch"]


def _diff(given: Mapping[str, Any]) -> list[str]:
    staged = ["--staged"] if given["staged"] else []
    return ["diff", *staged, "--", *([given["path"]] if given["path"] else [])]


def _log(given: Mapping[str, Any]) -> list[str]:
    how = ["--oneline"] if given["short"] else ["--date=iso", "--stat"]
    return ["log", f"--max-count={given['count']}", *how, "--", *([given["path"]] if given["path"] else [])]


def _add(given: Mapping[str, Any]) -> list[str]:
    return ["add", "--", *given["paths"]]


def _commit(given: Mapping[str, Any]) -> list[str]:
    return ["commit", f"--message={given['message']}", *(["--all"] if given["every"] else [])]


def _branch(given: Mapping[str, Any]) -> list[str]:
    if not given["name"]:
        return ["branch", "--all", "--verbose"]
    return ["branch", *(["--delete"] if given["delete"] else []), "--", given["name"]]


def _checkout(given: Mapping[str, Any]) -> list[str]:
    return ["checkout", *(["-b"] if given["create"] else []), given["target"], "--"]


@tool(effect=Effect.READS, runs=as_line(_status))
async def git_status(context: ToolContext, repository: ExistingFolder = ".") -> str:
    """Show which files are changed, staged or new, and the branch.

    Args:
        repository: The folder of the repository.
    """
    return await git(_status({}), repository, context, writable=False)


@tool(effect=Effect.READS, runs=as_line(_diff))
async def git_diff(
    context: ToolContext, path: str = "", staged: bool = False, repository: ExistingFolder = "."
) -> str:
    """Show what is changed.

    Args:
        path: One file or folder; everything by default.
        staged: What is staged, not what is not.
        repository: The folder of the repository.
    """
    words = _diff({"path": path, "staged": staged})
    return await git(words, repository, context, writable=False) or "nothing is changed"


@tool(effect=Effect.READS, runs=as_line(_log))
async def git_log(
    context: ToolContext,
    count: int = 10,
    short: bool = True,
    path: str = "",
    repository: ExistingFolder = ".",
) -> str:
    """Show the latest commits.

    Args:
        count: How many.
        short: One line each; else with author, date and files.
        path: Only those that changed this file or folder.
        repository: The folder of the repository.
    """
    if not 1 <= count <= MOST_COMMITS:
        raise ToolFault(f"count can be 1 to {MOST_COMMITS}, not {count}")
    words = _log({"count": count, "short": short, "path": path})
    return await git(words, repository, context, writable=False) or "there is no such commit"


@tool(effect=Effect.EXECUTES, idempotent=True, runs=as_line(_add))
async def git_add(
    paths: Sequence[ExistingPath], context: ToolContext, repository: ExistingFolder = "."
) -> str:
    """Stage files for the next commit.

    Args:
        paths: Files or folders, from the repository's folder.
        repository: The folder of the repository.
    """
    if not paths:
        raise ToolFault("name at least one file; . is everything")
    await git(_add({"paths": paths}), repository, context)
    return await git(_status({}), repository, context, writable=False)


@tool(effect=Effect.EXECUTES, runs=as_line(_commit))
async def git_commit(
    message: str, context: ToolContext, every: bool = False, repository: ExistingFolder = "."
) -> str:
    """Commit what is staged.

    Args:
        message: What the commit does.
        every: Stage every changed file first; new files are not among them.
        repository: The folder of the repository.
    """
    if not message.strip():
        raise ToolFault("the message is empty; say what the commit does")
    return await git(_commit({"message": message, "every": every}), repository, context)


@tool(effect=Effect.EXECUTES, runs=as_line(_branch))
async def git_branch(
    context: ToolContext, name: str = "", delete: bool = False, repository: ExistingFolder = "."
) -> str:
    """List the branches, or make or delete one.

    Args:
        name: The branch; empty lists all.
        delete: Delete it; one that is not merged stays.
        repository: The folder of the repository.
    """
    said = await git(_branch({"name": plain_name(name), "delete": delete}), repository, context)
    return said or (f"made the branch {name}" if name else "there is no branch yet")


@tool(effect=Effect.EXECUTES, runs=as_line(_checkout))
async def git_checkout(
    target: str, context: ToolContext, create: bool = False, repository: ExistingFolder = "."
) -> str:
    """Switch to a branch or commit. What is changed and not committed is never lost by it.

    Args:
        target: The branch or commit.
        create: Make the branch first.
        repository: The folder of the repository.
    """
    if not target:
        raise ToolFault("the target is empty; git_branch lists the branches")
    return await git(_checkout({"target": plain_name(target), "create": create}), repository, context)


PACK = Pack(
    "git",
    "see and record changes in a git repository",
    (
        git_status,
        git_diff,
        git_log,
        git_add,
        git_commit,
        git_branch,
        git_checkout,
        git_clone,
        git_pull,
        git_push,
    ),
)
