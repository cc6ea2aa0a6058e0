"""Git in the real sandbox of this machine."""

import asyncio
import http.server
import ssl
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import replace as dataclass_replace
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from agentkit.core.errors import ToolFault
from agentkit.core.tools import Effect
from agentkit.tooling.context import ToolContext
from agentkit.tooling.net.reach import Reach
from agentkit.tooling.net.tunnel import Tunnel
from agentkit.tooling.policy import Approve, Policy, Verdict
from agentkit.tooling.sandbox import SandboxUnavailable, find_sandbox, python
from agentkit.tooling.sandbox.landlock import LandlockSandbox
from agentkit.tooling.tool import Tool
from agentkit.tooling.workspace import Workspace
from agentkit_tools import git
from agentkit_tools.git import PACK
from agentkit_tools.way_out import way_out


def host(folder: Path, *words: str) -> str:
    """Git outside, as the person would run it."""
    return subprocess.run(
        ["git", "-c", "init.defaultBranch=main", *words],
        cwd=folder,
        check=True,
        capture_output=True,
        text=True,
    ).stdout


@pytest.fixture
def context(workspace: Path) -> Iterator[ToolContext]:
    host(workspace, "init")
    (workspace / "a.txt").write_text("one\n")
    with Workspace.open(workspace) as opened:
        yield ToolContext(opened, sandbox=find_sandbox)


def ran(tool: Tool, context: ToolContext, **arguments: object) -> str:
    return asyncio.run(tool.run(context, tool.check(arguments)))


def test_a_change_is_seen_staged_committed_and_listed(context, workspace: Path) -> None:
    assert ran(git.git_status, context).splitlines()[-1] == "?? a.txt"
    assert "A  a.txt" in ran(git.git_add, context, paths=["a.txt"])
    assert "+one" in ran(git.git_diff, context, staged=True)
    assert "[committed as agent <agent@localhost>" in ran(git.git_commit, context, message="begin")
    assert ran(git.git_log, context).endswith("begin")
    assert ran(git.git_diff, context) == "nothing is changed"
    assert host(workspace, "log", "--format=%an %s").strip() == "agent begin"


def test_a_name_in_the_repository_is_the_commits(context, workspace: Path) -> None:
    host(workspace, "config", "user.name", "Ada")
    host(workspace, "config", "user.email", "ada@example.org")
    ran(git.git_add, context, paths=["a.txt"])
    ran(git.git_commit, context, message="begin")
    assert host(workspace, "log", "--format=%an").strip() == "Ada"


def test_branches_are_made_switched_and_deleted(context, workspace: Path) -> None:
    ran(git.git_add, context, paths=["a.txt"])
    ran(git.git_commit, context, message="begin")
    ran(git.git_checkout, context, target="work", create=True)
    assert host(workspace, "branch", "--show-current").strip() == "work"
    assert ran(git.git_branch, context, name="third") == "made the branch third"
    ran(git.git_checkout, context, target="main")
    assert "Deleted branch third" in ran(git.git_branch, context, name="third", delete=True)
    assert "work" in ran(git.git_branch, context)
    with pytest.raises(ToolFault, match="exit status"):
        ran(git.git_checkout, context, target="nowhere")


def test_commits_go_to_and_come_from_another_repository_of_the_workspace(context, workspace: Path) -> None:
    host(workspace, "init", "--bare", "other.git")
    host(workspace, "remote", "add", "origin", "./other.git")
    ran(git.git_add, context, paths=["a.txt"])
    ran(git.git_commit, context, message="begin")
    ran(git.git_push, context)
    ran(git.git_clone, context, url="other.git", folder="copy")
    assert (workspace / "copy/a.txt").read_text() == "one\n"
    (workspace / "a.txt").write_text("two\n")
    ran(git.git_commit, context, message="more", every=True)
    ran(git.git_push, context)
    ran(git.git_pull, context, repository="copy")
    assert (workspace / "copy/a.txt").read_text() == "two\n"


def led(tool: Tool, context: ToolContext, **arguments: object) -> str:
    """Where a person who is asked is told that a call leads."""
    assert tool.leads_to is not None
    return asyncio.run(tool.leads_to(tool.check(arguments), context))


@pytest.fixture
def pair(context, workspace: Path) -> Path:
    """The workspace with a commit that was pushed, and with another repository beside the remote."""
    for name in ("good.git", "evil.git"):
        host(workspace, "init", "--bare", name)
    host(workspace, "remote", "add", "origin", "./good.git")
    ran(git.git_add, context, paths=["a.txt"])
    ran(git.git_commit, context, message="begin")
    host(workspace, "push", "--set-upstream", "origin", "main")
    (workspace / "a.txt").write_text("two\n")
    ran(git.git_commit, context, message="more", every=True)
    return workspace


def test_a_push_goes_where_the_person_was_told_whatever_is_set_since(context, pair: Path) -> None:
    assert led(git.git_push, context) == "./good.git"
    agreed = replace(context, leads_to="./good.git")
    host(pair, "config", "remote.origin.url", "./evil.git")
    for short in ("./good.git", "./", "agentkit", ""):
        for rewritten in ("insteadOf", "pushInsteadOf"):
            host(pair, "config", "--add", f"url.{pair}/evil.git.{rewritten}", short)
    ran(git.git_push, agreed)
    assert host(pair / "good.git", "log", "--format=%s", "main").split() == ["more", "begin"]
    assert host(pair / "evil.git", "for-each-ref") == ""
    assert host(pair, "status", "--short", "--branch").startswith("## main...origin/main\n")


def test_where_the_settings_lead_is_what_the_person_is_told(context, pair: Path) -> None:
    host(pair, "config", "url.https://evil.example/.pushInsteadOf", "./")
    assert led(git.git_push, context) == "https://evil.example/good.git"
    assert led(git.git_pull, context) == "./good.git"
    host(pair, "config", "remote.origin.pushurl", "ext::sh -c id")
    with pytest.raises(ToolFault, match="reached by ssh"):
        led(git.git_push, context)
    host(pair, "config", "remote.origin.pushurl", "https://a.example/x")
    host(pair, "config", "--add", "remote.origin.pushurl", "https://b.example/x")
    with pytest.raises(ToolFault, match=r"2 addresses; name one of them: https://a\.example/x, https://b"):
        led(git.git_push, context)


def test_a_pull_comes_from_where_the_person_was_told(context, pair: Path) -> None:
    ran(git.git_push, context)
    host(pair, "reset", "--hard", "HEAD~")
    host(pair, "config", "remote.origin.url", "./evil.git")
    ran(git.git_pull, replace(context, leads_to="./good.git"))
    assert (pair / "a.txt").read_text() == "two\n"
    assert host(pair, "remote").split() == ["origin"]


@pytest.mark.parametrize("name", ["--upload-pack=touch x", "-f", "+main", ":main"])
def test_a_name_is_never_an_option_and_never_overwrites(context, workspace: Path, name: str) -> None:
    for tool, argument in ((git.git_push, "branch"), (git.git_pull, "remote"), (git.git_checkout, "target")):
        with pytest.raises(ToolFault, match="cannot be a name here"):
            ran(tool, context, **{argument: name})
    with pytest.raises(ToolFault, match="cannot be a name here"):
        ran(git.git_clone, context, url=name)
    assert not (workspace / "x").exists()


def test_what_looks_cannot_change_anything_whatever_the_repository_says(context, workspace: Path) -> None:
    host(workspace, "add", "a.txt")
    host(workspace, "config", "core.fsmonitor", "touch fsmonitor; false")
    host(workspace, "config", "diff.external", "touch external; true")
    (workspace / "a.txt").write_text("two\n")
    ran(git.git_status, context)
    ran(git.git_diff, context)
    assert not {"fsmonitor", "external"} & {path.name for path in workspace.iterdir()}


def test_what_leaves_this_machine_is_asked_about() -> None:
    effects = {tool.name: tool.effect for tool in PACK.tools}
    network = {name for name, effect in effects.items() if effect is Effect.NETWORK}
    assert network == {"git_clone", "git_pull", "git_push"}
    for tool in PACK.tools:
        asked = Policy(Approve.AUTO).decide(tool).verdict is Verdict.ASK
        assert asked == (tool.name in network)


@pytest.mark.parametrize(
    ("rule", "call", "denied"),
    [
        ("run_shell(git push *)", {"remote": "origin", "branch": ""}, "git_push"),
        ("run_shell(git *)", {"message": "m", "every": False}, "git_commit"),
        ("run_shell(git * --delete)", {"name": "b", "delete": True}, "git_branch"),
    ],
)
def test_a_rule_about_git_in_a_shell_holds_for_the_tool_too(rule: str, call: dict, denied: str) -> None:
    [tool] = [tool for tool in PACK.tools if tool.name == denied]
    decision = Policy(Approve.ALL, deny=frozenset({rule})).decide(tool, call)
    assert (decision.verdict, decision.rule) == (Verdict.DENY, rule)


def test_a_folder_that_is_no_repository_is_said_in_gits_words(context, workspace: Path) -> None:
    (workspace / ".git").rename(workspace / "not-git")
    with pytest.raises(ToolFault, match="not a git repository"):
        ran(git.git_status, context)
    with pytest.raises(ToolFault, match='there is no folder "no"'):
        ran(git.git_status, context, repository="no")
    with pytest.raises(ToolFault, match="used up"):
        ran(git.git_status, replace(context, seconds_left=0.0))


# --- another host


class Hosting:
    """A git host by https on 127.0.0.1, with a certificate of its own."""

    def __init__(self, folder: Path, pem: Path) -> None:
        self.asked: list[str] = []
        handler = self._handler(folder)
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        secure = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        secure.load_cert_chain(pem)
        self.server.socket = secure.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_port
        self.url = f"https://git.example:{self.port}/other.git"
        self.reach = Reach(ports=(self.port,), look_up=lambda *_: ["127.0.0.1"], is_open=lambda _: True)

    def _handler(self, folder: Path) -> type[http.server.BaseHTTPRequestHandler]:
        asked = self.asked

        class Handler(http.server.SimpleHTTPRequestHandler):
            def __init__(self, *arguments: Any) -> None:
                super().__init__(*arguments, directory=str(folder))

            def send_head(self) -> Any:
                asked.append(self.path)
                if self.path.startswith("/locked.git"):
                    self.send_response(401)
                    self.send_header("WWW-Authenticate", "Basic")
                    self.end_headers()
                    return None
                return super().send_head()

            def log_message(self, *arguments: object) -> None:
                """Stay silent."""

        return Handler


@pytest.fixture
def hosting(tmp_path: Path) -> Iterator[Hosting]:
    key, cert, pem = (tmp_path / name for name in ("key.pem", "cert.pem", "both.pem"))
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=git.example",
         "-addext", "subjectAltName=DNS:git.example", "-keyout", key, "-out", cert],
        check=True, capture_output=True,
    )  # fmt: skip
    pem.write_bytes(key.read_bytes() + cert.read_bytes())
    served = tmp_path / "served"
    served.mkdir()
    host(served, "init", "source")
    (served / "source/a.txt").write_text("from afar\n")
    host(served / "source", "add", ".")
    host(served / "source", "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-m", "far")
    host(served, "clone", "--bare", "source", "other.git")
    host(served / "other.git", "update-server-info")
    found = Hosting(served, pem)
    thread = threading.Thread(target=found.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield found
    found.server.shutdown()
    found.server.server_close()
    thread.join()


@pytest.fixture
def away(context, hosting: Hosting, workspace: Path, tmp_path: Path) -> ToolContext:
    # what the person trusts: here the certificate of the test
    host(workspace, "config", "http.sslCAInfo", str(workspace / "cert.pem"))
    (workspace / "cert.pem").write_bytes((tmp_path / "cert.pem").read_bytes())
    return replace(context, reach=hosting.reach)


def test_a_repository_comes_from_a_host_by_https(away, hosting: Hosting, workspace: Path) -> None:
    (workspace / "a.txt").unlink()
    ran(git.git_pull, away, remote=hosting.url, branch="main")
    assert (workspace / "a.txt").read_text() == "from afar\n"
    assert "/other.git/info/refs?service=git-upload-pack" in hosting.asked


def test_a_clone_trusts_whom_the_machine_trusts(away, hosting: Hosting) -> None:
    with pytest.raises(ToolFault, match="certificate"):
        ran(git.git_clone, away, url=hosting.url, folder="copy")


def test_a_host_that_may_not_be_reached_is_not(away, hosting: Hosting) -> None:
    inside = replace(away, reach=dataclass_replace(hosting.reach, is_open=lambda _: False))
    with pytest.raises(ToolFault, match=r"git.example is at 127.0.0.1, which is no public address"):
        ran(git.git_pull, inside, remote=hosting.url, branch="main")
    listed = replace(away, reach=dataclass_replace(hosting.reach, domains=("example.org",)))
    with pytest.raises(ToolFault, match=r"git\.example is not among the domains"):
        ran(git.git_pull, listed, remote=hosting.url, branch="main")
    assert hosting.asked == []


def test_a_host_that_wants_a_password_is_told_of(away, hosting: Hosting) -> None:
    with pytest.raises(ToolFault, match="wants a name and a password, and git is given none here"):
        ran(git.git_pull, away, remote=hosting.url.replace("other", "locked"), branch="main")


@pytest.mark.parametrize(
    "url",
    ["git@example.org:a/b.git", "ssh://example.org/a", "http://example.org/a", "ext::sh -c id", "git://a/b"],
)
def test_other_ways_to_a_host_are_refused(context, url: str) -> None:
    with pytest.raises(ToolFault, match=r"use its https address|only https and folders"):
        ran(git.git_clone, context, url=url)


def test_only_the_host_of_the_repository_is_reached_through_the_tunnel(hosting: Hosting, context) -> None:
    reach = dataclass_replace(hosting.reach, domains=("git.example",))
    with Tunnel(reach) as tunnel:
        code = (
            "import os, urllib.request as u\n"
            f"for url in ('https://evil.example:{hosting.port}/', 'http://git.example:{hosting.port}/'):\n"
            "    try: u.urlopen(url, timeout=5)\n"
            "    except OSError as error: print(type(error).__name__, error)\n"
        )
        argv = [*way_out(), str(python()), "-I", "-c", code]
        sandbox = find_sandbox()
        done = asyncio.run(sandbox.run(argv, workspace=context.workspace.root, stdin=tunnel.inside))
    assert done.output.decode().count("403") + done.output.decode().count("Refused") >= 2
    assert any("evil.example is not among the domains" in why for why in tunnel.refused)
    assert any("only connections by TLS" in why for why in tunnel.refused)
    assert hosting.asked == []


def test_where_the_sandbox_has_no_sockets_that_is_said(context, hosting: Hosting, missing) -> None:
    try:
        landlock = LandlockSandbox()
    except SandboxUnavailable as error:
        missing(str(error))
    away = replace(context, reach=hosting.reach, sandbox=lambda: landlock)
    with pytest.raises(ToolFault, match="this sandbox has no sockets, so nothing can be reached from it"):
        ran(git.git_clone, away, url=hosting.url)
    assert "?? a.txt" in ran(git.git_status, away)
