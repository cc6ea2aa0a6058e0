"""Git with other repositories: folders of the workspace, and hosts by https."""

import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from agentkit.core.errors import ToolFault
from agentkit.core.tools import Effect
from agentkit.tooling.choices import ExistingFolder
from agentkit.tooling.context import ToolContext
from agentkit.tooling.net.tunnel import Tunnel
from agentkit.tooling.tool import tool
from agentkit_tools.git_command import NO_VARIABLES, as_line, git, plain_name

# a hook, or a helper that the repository names, has no business where the network is
_AWAY = (
    *("-c", "core.hooksPath=/dev/null"),
    *("-c", "credential.helper="),
    *("-c", "protocol.allow=never"),
    *("-c", "protocol.https.allow=always"),
    *("-c", "protocol.file.allow=always"),
)
_LIKE_SSH = re.compile(r"[^/:]+:(?!//)")
_WANTS_A_NAME = re.compile(r"could not read (Username|Password)|terminal prompts disabled")


def _clone(given: Mapping[str, Any]) -> list[str]:
    return ["clone", "--", given["url"], *([given["folder"]] if given["folder"] else [])]


def _pull(given: Mapping[str, Any]) -> list[str]:
    return ["pull", "--no-rebase", "--", given["remote"], *([given["branch"]] if given["branch"] else [])]


def _push(given: Mapping[str, Any]) -> list[str]:
    return ["push", "--", given["remote"], given["branch"] or "HEAD"]


async def _pulled_from(given: Mapping[str, Any], context: ToolContext) -> str:
    return await _address(given["remote"], given["repository"], context)


async def _pushed_to(given: Mapping[str, Any], context: ToolContext) -> str:
    return await _address(given["remote"], given["repository"], context, "--push")


@tool(effect=Effect.NETWORK, runs=as_line(_clone))
async def git_clone(url: str, context: ToolContext, folder: str = "") -> str:
    """Clone a repository into the workspace.

    Args:
        url: Where it is: https, or a folder of the workspace.
        folder: A new folder for it; named after the repository by default.
    """
    words = _clone({"url": plain_name(url), "folder": plain_name(folder)})
    return await _away(words, url, ".", context)


@tool(effect=Effect.NETWORK, runs=as_line(_pull), leads_to=_pulled_from)
async def git_pull(
    context: ToolContext, remote: str = "origin", branch: str = "", repository: ExistingFolder = "."
) -> str:
    """Fetch a branch and merge it into this one.

    Args:
        remote: From where.
        branch: Which; the one that this branch follows by default.
        repository: The folder of the repository.
    """
    plain_name(branch)
    address = context.leads_to or await _address(remote, repository, context)
    name, variables = await _pinned(remote, address, repository, context)
    words = _pull({"remote": name, "branch": branch})
    return await _away(words, address, repository, context, variables)


@tool(effect=Effect.NETWORK, runs=as_line(_push), leads_to=_pushed_to)
async def git_push(
    context: ToolContext, remote: str = "origin", branch: str = "", repository: ExistingFolder = "."
) -> str:
    """Send commits to another repository; nothing there is overwritten.

    Args:
        remote: Where to.
        branch: Which; this one by default.
        repository: The folder of the repository.
    """
    plain_name(branch)
    address = context.leads_to or await _address(remote, repository, context, "--push")
    name, variables = await _pinned(remote, address, repository, context)
    words = _push({"remote": name, "branch": branch})
    return await _away(words, address, repository, context, variables)


async def _address(remote: str, repository: str, context: ToolContext, *how: str) -> str:
    """Where a remote is, as it can be reached; what is the name of none is an address itself."""
    remotes = (await git(["remote"], repository, context, writable=False)).splitlines()
    if plain_name(remote) not in remotes:
        _host(remote)
        return remote
    words = ["remote", "get-url", "--all", *how, remote]
    found = (await git(words, repository, context, writable=False)).splitlines()
    if how and len(found) > 1:
        raise ToolFault(f"{remote} leads to {len(found)} addresses; name one of them: {', '.join(found)}")
    _host(found[0])
    return found[0]


async def _pinned(
    remote: str, address: str, repository: str, context: ToolContext
) -> tuple[str, dict[str, str]]:
    """A remote that stands for `remote` in one command and is at this address, and what makes it so.

    Whatever the repository's settings make of the address, or come to say while the person thinks: no
    rule of theirs can be about a name that nobody foresees, and git rewrites an address once.
    """
    name = f"agentkit-{secrets.token_hex(8)}"
    pairs = [(f"remote.{name}.url", name)]
    pairs += [(f"url.{address}.{rewritten}", name) for rewritten in ("insteadOf", "pushInsteadOf")]
    listed = await git(["config", "--list", "--null"], repository, context, writable=False)
    for key, _, value in (entry.partition("\n") for entry in listed.split("\0")):
        if key == f"remote.{remote}.fetch":
            pairs.append((f"remote.{name}.fetch", value))
        elif key.startswith("branch.") and key.endswith(".remote") and value == remote:
            pairs.append((key, name))
    variables = {"GIT_CONFIG_COUNT": str(len(pairs))}
    for index, (key, value) in enumerate(pairs):
        variables |= {f"GIT_CONFIG_KEY_{index}": key, f"GIT_CONFIG_VALUE_{index}": value}
    return name, variables


async def _away(
    words: Sequence[str],
    url: str,
    repository: str,
    context: ToolContext,
    variables: Mapping[str, str] = NO_VARIABLES,
) -> str:
    """Run a command of git that another repository takes part in; only that one's host is reached."""
    host = _host(url)
    if host is None:
        return await git(words, repository, context, settings=_AWAY, variables=variables)
    reach = replace(context.reach, domains=(context.reach.host(host),))
    with Tunnel(reach) as tunnel:
        try:
            return await git(words, repository, context, settings=_AWAY, variables=variables, tunnel=tunnel)
        except ToolFault as fault:
            notes = [str(fault), *(f"[{why}]" for why in dict.fromkeys(tunnel.refused))]
            if _WANTS_A_NAME.search(str(fault)):
                notes.append(f"[{host} wants a name and a password, and git is given none here]")
            raise ToolFault("\n".join(notes)) from None


def _host(url: str) -> str | None:
    """The host that an address leads to; `None` for a folder of the workspace."""
    if "://" not in url:
        if _LIKE_SSH.match(url):
            raise ToolFault(f"{url!r} is reached by ssh, which there is none of here; use its https address")
        return None
    parts = urlsplit(url)
    if parts.scheme == "file":
        return None
    if parts.scheme != "https" or not parts.hostname:
        raise ToolFault(f"{url!r} is not reached; only https and folders of the workspace are")
    return parts.hostname
