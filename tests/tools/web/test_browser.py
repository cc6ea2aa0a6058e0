"""A real browser in the sandbox, on sites of this machine."""

import os
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
import pytest_asyncio

from agentkit.core.errors import ToolFault
from agentkit.tooling.context import ToolContext
from agentkit.tooling.residents import Residents
from agentkit.tooling.sandbox import find_sandbox
from agentkit_tools.web.browser import click_element, fill_field, open_page, take_screenshot
from agentkit_tools.web.browsing import program

from .conftest import Asked, Page, Web

pytestmark = pytest.mark.browser

NAMES = re.compile(r"^(\w+)=", re.MULTILINE)
FORM = """<title>Form</title><h1>Harbour office</h1>
<form action="/sent"><label>Ship <input name="ship"></label>
<label>Port <select name="port"><option>Dover<option>Calais</select></label>
<label><input type="checkbox" name="night"> At night</label><input type="password" name="p" value="hidden">
<button>Send it</button></form><a href="/next">The next page</a>"""
MADE = """<title>Made</title><div id="root"></div><script>
const put = html => { document.getElementById('root').innerHTML = html }
setTimeout(() => put('<p>Made by a script: ' + 6 * 7 + '</p><button onclick="more()">More</button>'), 50)
function more() { fetch('/data.json').then(got => got.json()).then(data => put('<p>' + data.word + '</p>')) }
</script>"""


@pytest_asyncio.fixture
async def browsing(surfer: ToolContext) -> AsyncIterator[ToolContext]:
    residents = Residents()
    yield msgspec.structs.replace(surfer, sandbox=find_sandbox, residents=residents)
    await residents.aclose()


async def test_a_page_that_scripts_make_is_seen_as_they_make_it_and_again_after_a_click(
    web: Web, browsing: ToolContext
) -> None:
    web.put("/data.json", '{"word": "fetched by a script"}', "application/json")
    told = await open_page(web.put("/a", MADE), browsing)
    assert told.startswith(f"Made — {web.at('/a')}\n[what follows comes from the network")
    assert "Made by a script: 42" in told
    assert told.endswith("[what can be clicked or filled in:]\n1. button 'More'")
    assert "fetched by a script" in await click_element("1", browsing)


async def test_a_form_is_filled_in_and_sent(web: Web, browsing: ToolContext) -> None:
    web.pages["/sent"] = lambda asked: Page(f"<p>{asked.path}</p>")
    told = await open_page(web.put("/a", FORM), browsing)
    assert f"'The next page' {web.at('/next')}" in told
    assert "hidden" not in told
    assert "'Ship' = 'Ada'" in await fill_field("Ship", "Ada", browsing)
    await fill_field("Port", "Calais", browsing)
    assert "'At night' = 'on' (ticked)" in await fill_field("At night", "yes", browsing)
    assert "/sent?ship=Ada&port=Calais&night=on" in await click_element("Send it", browsing)
    with pytest.raises(ToolFault, match="no elements are 'Send it'; name one by its number"):
        await click_element("Send it", browsing)


async def test_a_picture_is_saved_and_nothing_overwritten(web: Web, browsing: ToolContext) -> None:
    await open_page(web.put("/a", FORM), browsing)
    assert "saved a picture of" in await take_screenshot("p.png", browsing)
    assert browsing.workspace.read_bytes("p.png").startswith(b"\x89PNG\r\n")
    with pytest.raises(ToolFault, match="never overwritten"):
        await take_screenshot("p.png", browsing)


async def test_a_page_reaches_nobody_whom_tools_may_not_reach(web: Web, browsing: ToolContext) -> None:
    inner: list[Asked] = []
    web.pages["/secret"] = lambda asked: inner.append(asked) or Page("secret")
    reach = replace(
        browsing.reach,
        look_up=lambda host, _: ["127.0.0.1" if host in ("site.example", "localhost") else host],
        is_open=lambda address: False,
        inside=(f"site.example:{web.port}",),
    )
    context = msgspec.structs.replace(browsing, reach=reach)
    tries = "".join(
        f"<img src='http://{host}/secret'><script>fetch('http://{host}/secret').then(r => r.text())"
        f".then(t => document.body.append(t)); new WebSocket('ws://{host}/secret')</script>"
        for host in (f"{one}:{web.port}" for one in ("127.0.0.1", "localhost", "[::1]", "169.254.169.254"))
    )
    told = await open_page(
        web.put("/a", f"<p>open</p>{tries}<iframe src=file:///etc/passwd></iframe>"), context
    )
    assert "open" in told
    assert "secret" not in told.replace("/secret", "")
    assert inner == []
    assert "[not reached: " in told
    for url in (f"http://127.0.0.1:{web.port}/secret", f"http://169.254.169.254:{web.port}/latest/"):
        with pytest.raises(ToolFault, match=r"not reached: .*which is no public address"):
            await open_page(url, context)
    for url in ("file:///etc/passwd", "chrome://version", "view-source:http://site.example/"):
        with pytest.raises(ToolFault, match="no address of the web"):
            await open_page(url, context)


async def test_a_redirect_and_a_click_lead_no_further_either(web: Web, browsing: ToolContext) -> None:
    reach = replace(browsing.reach, domains=("site.example",))
    context = msgspec.structs.replace(browsing, reach=reach)
    web.pages["/a"] = Page(status=302, headers={"Location": web.at("/b", "evil.example")})
    with pytest.raises(ToolFault, match=r"evil\.example is not among the domains"):
        await open_page(web.at("/a"), context)
    told = await open_page(
        web.put("/c", f"<p>here</p><a href='{web.at('/b', 'evil.example')}'>go</a>"), context
    )
    assert "1. a 'go'" in told
    assert "evil.example is not among the domains" in await click_element("1", context)
    assert "/b" not in web.paths()


async def test_an_empty_page_is_said_to_be_one_and_a_page_that_hangs_is_left(
    web: Web, browsing: ToolContext, monkeypatch
) -> None:
    told = await open_page(web.put("/a", "<div id=root></div><script>1</script>"), browsing)
    assert "it is an empty shell, also after its scripts ran" in told
    monkeypatch.setattr("agentkit_tools.web.browsing.SECONDS", 2.0)
    monkeypatch.setattr("agentkit_tools.web.browsing.SECONDS_MORE", 2.0)
    with pytest.raises(ToolFault, match=r"the browser was ended|Timeout"):
        await open_page(web.put("/b", "<p>x</p><script>for (;;) {}</script>"), browsing)
    monkeypatch.undo()
    assert "Harbour office" in await open_page(web.put("/c", FORM), browsing)


async def test_nothing_stays_of_one_browser_in_the_next(web: Web, browsing: ToolContext) -> None:
    web.pages["/a"] = lambda asked: Page(
        f"<p>{asked.headers.get('cookie', 'no cookie')}</p>", headers={"Set-Cookie": "id=7; Max-Age=9999"}
    )
    assert "no cookie" in await open_page(web.at("/a"), browsing)
    assert "id=7" in await open_page(web.at("/a"), browsing)
    await browsing.residents.aclose()
    assert "no cookie" in await open_page(web.at("/a"), browsing)


async def test_no_process_of_the_browser_is_given_a_variable_of_ours(
    web: Web, browsing: ToolContext, monkeypatch
) -> None:
    monkeypatch.setenv("SOME_API_KEY", "sk-not-for-a-browser")
    await open_page(web.put("/a", FORM), browsing)
    given = list(environments())
    assert not [command for command, variables in given if "sk-not-for-a-browser" in variables]
    # what Chromium forks of itself writes its title over its variables; the first of it does not
    browsers = [set(NAMES.findall(text)) for command, text in given if command.startswith(program())]
    assert {"FONTCONFIG_FILE", "HOME", "LANG", "PATH", "TMPDIR"} in browsers


def environments() -> Iterator[tuple[str, str]]:
    """The command and the variables of each process that came of this one."""
    parents = {
        int(path.name): int(path.joinpath("stat").read_text().rpartition(")")[2].split()[1])
        for path in Path("/proc").iterdir()
        if path.name.isdigit() and path.joinpath("stat").exists()
    }
    for process in parents:
        above = process
        while (above := parents.get(above, 0)) not in (0, os.getpid()):
            pass
        if above == os.getpid():
            place = Path("/proc", str(process))
            command = place.joinpath("cmdline").read_text(errors="replace").replace("\0", " ")
            yield command, place.joinpath("environ").read_text(errors="replace").replace("\0", "\n")


async def test_before_a_page_is_open_there_is_nothing_to_click(browsing: ToolContext) -> None:
    with pytest.raises(ToolFault, match="no page is open in the browser; open_page opens one"):
        await click_element("1", browsing)
