"""Runs inside the sandbox: a browser that does what it is told over a connection to the host.

Passed to `python -c` as text, with the program of the browser as its argument; it imports nothing of
agentkit. Orders and answers are lines of JSON.
"""

# ruff: noqa: BLE001 - whatever goes wrong in a page is told
from __future__ import annotations

import base64
import contextlib
import json
import os
import socket
import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

playwright: Any = import_module("playwright.sync_api")  # an extra, which is not here to be looked into
SETTLE = 3000
"""Milliseconds in which a page may go on loading after it is there."""
LOOK_EVERY, QUIET_LOOKS = 50, 6
"""Milliseconds between looks at what it still asks for, and how many of them must see nothing."""
LONGEST_TEXT = 500_000
SIZE = {"width": 1280, "height": 800}
FONTS = """<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><dir>/usr/share/fonts</dir><cachedir>/tmp/fonts</cachedir></fontconfig>"""

PASSED = ("HOME", "LANG", "PATH", "TMPDIR")
"""The variables that the browser needs of those in the sandbox."""

LOOK = """() => {
  const wanted = 'a[href], button, input:not([type=hidden]), textarea, select, summary, ' +
    '[role=button], [role=link], [role=tab], [role=menuitem], [onclick], [contenteditable=true]';
  for (const one of document.querySelectorAll('[data-agentkit]')) one.removeAttribute('data-agentkit');
  const found = [];
  for (const one of document.querySelectorAll(wanted)) {
    if (found.length === 200) break;
    if (!one.checkVisibility || !one.checkVisibility({visibilityProperty: true})) continue;
    const label = one.labels && one.labels.length ? one.labels[0].innerText : '';
    const words = one.getAttribute('aria-label') || label || one.innerText || one.placeholder ||
      one.name || one.title || one.value || '';
    found.push({
      kind: one.tagName.toLowerCase() + (one.type && one.tagName === 'INPUT' ? ' ' + one.type : ''),
      words: words.trim().replace(/\\s+/g, ' ').slice(0, 80),
      href: one.href ? String(one.href) : '',
      value: one.type === 'password' ? '' : String(one.value === undefined ? '' : one.value).slice(0, 80),
      checked: Boolean(one.checked),
    });
    one.setAttribute('data-agentkit', String(found.length));
  }
  return found;
}"""


class Pilot:
    """The browser's one page."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.status = 0
        self.failed: list[str] = []
        """The addresses that the page asked for, and did not get, since it was looked at last."""

        self.under_way = 0
        """How many requests of the page are not answered yet."""

        def began(_request: Any) -> None:
            self.under_way += 1

        def ended(_request: Any) -> None:
            self.under_way -= 1

        def failed(request: Any) -> None:
            self.under_way -= 1
            self.failed.append(request.url)

        page.context.on("request", began)
        page.context.on("requestfinished", ended)
        page.context.on("requestfailed", failed)

    def open(self, url: str) -> dict[str, Any]:
        """Go to an address."""
        old = self.page
        self.page = old.context.new_page()  # one that hangs does not hold the next up
        old.close()
        self.under_way = 0  # what the old one waited for is nobody's
        answer = self.page.goto(url, wait_until="domcontentloaded")
        self.status = answer.status if answer else 0
        return self.seen()

    def click(self, element: str) -> dict[str, Any]:
        """Click on something."""
        self.find(element).click()
        return self.seen()

    def fill(self, element: str, text: str) -> dict[str, Any]:
        """Write into a field, choose from a list, or tick a box."""
        found = self.find(element)
        if found.evaluate("one => one.tagName") == "SELECT":
            found.select_option(label=text)
        elif found.evaluate("one => ['checkbox', 'radio'].includes(one.type)"):
            found.set_checked(text.strip().lower() not in ("", "no", "off", "false", "0"))
        else:
            found.fill(text)
        return self.seen()

    def picture(self, whole: bool) -> dict[str, Any]:
        """Draw the page."""
        data = self.page.screenshot(full_page=whole, type="png", animations="disabled")
        return {**self.seen(), "png": base64.b64encode(data).decode()}

    def find(self, element: str) -> Any:
        """The element of that number, of those words, or of that CSS selector.

        Raises:
            LookupError: there is none, or more than one.
        """
        if element.strip().isdigit():
            found = self.page.locator(f'[data-agentkit="{element.strip()}"]')
        elif element.startswith("css="):
            found = self.page.locator(element)
        else:
            found = self.page.get_by_label(element)
            for other in ("button", "link", "textbox"):
                found = found.or_(self.page.get_by_role(other, name=element))
        count = found.count()
        if count != 1:
            raise LookupError(f"{count or 'no'} elements are {element!r}; name one by its number")
        return found

    def rest(self) -> None:
        """Wait until nothing was under way for a while: what a click asks for begins after it."""
        quiet = 0
        for _ in range(SETTLE // LOOK_EVERY):
            if quiet == QUIET_LOOKS:
                return
            self.page.wait_for_timeout(LOOK_EVERY)
            quiet = 0 if self.under_way > 0 else quiet + 1

    def seen(self) -> dict[str, Any]:
        """What is there now."""
        with contextlib.suppress(playwright.Error):  # it goes on loading: what is there by now is told
            self.page.wait_for_load_state("networkidle", timeout=SETTLE)
            self.rest()
        shown = f"() => document.body ? document.body.innerText.slice(0, {LONGEST_TEXT}) : ''"
        return {
            "url": self.page.url,
            "title": self.page.title(),
            "status": self.status,
            "text": self.page.evaluate(shown),
            "elements": self.page.evaluate(LOOK),
        }

    def obey(self, order: dict[str, Any]) -> dict[str, Any]:
        """What came of an order."""
        does: dict[str, Callable[..., dict[str, Any]]] = {
            "open": self.open,
            "click": self.click,
            "fill": self.fill,
            "picture": self.picture,
            "seen": self.seen,
        }
        name = order.pop("do")
        self.failed.clear()
        self.page.set_default_timeout(order.pop("seconds") * 1000)
        try:
            return {**does[name](**order), "failed": self.failed}
        except Exception as error:
            first = str(error).split("\nCall log", 1)[0].removeprefix("Page.")
            return {"error": first, "failed": self.failed}


def surroundings(environ: Mapping[str, str]) -> dict[str, str]:
    """The variables of the browser: where it may write and how it draws letters, and nothing else."""
    passed = {name: environ[name] for name in PASSED if name in environ}
    return {**passed, "FONTCONFIG_FILE": "/tmp/fonts.conf"}  # noqa: S108 - the sandbox's own


def main(program: str) -> None:
    """Do what is ordered until the connection ends."""
    proxy = urlsplit(os.environ["https_proxy"])
    place = (str(proxy.hostname), int(proxy.port or 0))
    orders = socket.create_connection(place)
    orders.sendall(b"CONNECT orders.invalid:1 HTTP/1.1\r\n\r\n")
    lines = orders.makefile("rwb")
    while lines.readline().strip():
        pass
    with open("/tmp/fonts.conf", "w", encoding="utf-8") as file:  # noqa: PTH123, S108 - the sandbox's own
        file.write(FONTS)
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=program,
            chromium_sandbox=False,  # it is in one
            env=surroundings(os.environ),
            args=[
                f"--proxy-server=socks5://{place[0]}:{place[1]}",
                "--proxy-bypass-list=<-loopback>",
                "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
                "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
                "--disable-quic",
                "--disable-gpu",
            ],
        )
        context = browser.new_context(accept_downloads=False, service_workers="block", viewport=SIZE)
        pilot = Pilot(context.new_page())

        def turn_to(page: Any) -> None:
            pilot.page = page

        context.on("page", turn_to)
        while line := lines.readline():
            answer = pilot.obey(json.loads(line))
            lines.write(json.dumps(answer).encode() + b"\n")
            lines.flush()


if __name__ == "__main__":
    main(sys.argv[1])
