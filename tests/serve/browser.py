"""A real browser, Debian's Chromium without a window, for what only a browser can tell.

It reaches this machine and nothing else, so a page that needs the internet fails here. What a page writes to its
console as an error, what throws in it, what it cannot load and what it asks of any other host is kept by `visit` and
fails the test. Pictures of every state go to BOUSAI_SCREENSHOTS, to be looked at.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, ConsoleMessage, Page, Request, Response, sync_playwright

PROJECT = Path(__file__).resolve().parents[2]
CHROMIUM = Path("/usr/bin/chromium")
AXE = PROJECT / "web" / "node_modules" / "axe-core" / "axe.min.js"
WIDE = {"width": 1440, "height": 900}
TABLET = {"width": 820, "height": 1180}
PHONE = {"width": 390, "height": 844}

_ARGUMENTS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-angle=swiftshader",  # WebGL without a graphics card
    "--enable-unsafe-swiftshader",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]
_RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")


def missing() -> str | None:
    """Why there is no browser here, or None."""
    if not CHROMIUM.exists():
        return f"{CHROMIUM} does not exist: apt-get install chromium"
    if not AXE.exists():
        return f"{AXE} does not exist: make setup"
    return None


@contextmanager
def chromium() -> Iterator[Browser]:
    """One browser, without a network beyond this machine."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=_ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


class Complaints:
    """What went wrong on a page, in words. `allow` takes patterns of what a test brings about on purpose."""

    def __init__(self, base: str) -> None:
        self._base = base
        self._allowed: list[str] = []
        self.heard: list[str] = []

    def allow(self, pattern: str) -> None:
        self._allowed.append(pattern)

    def unexpected(self) -> list[str]:
        return [one for one in self.heard if not any(re.search(pattern, one) for pattern in self._allowed)]

    def listen(self, page: Page) -> None:
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.heard.append(f"thrown: {error}"))
        page.on("request", self._request)
        page.on("requestfailed", self._failed)
        page.on("response", self._response)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.heard.append(f"console: {message.text}")

    def _request(self, request: Request) -> None:
        if not request.url.startswith((f"{self._base}/", "blob:", "data:")):
            self.heard.append(f"another host: {request.url}")

    def _failed(self, request: Request) -> None:
        # A page that no longer wants an answer (the map was moved on) has not failed.
        if request.failure != "net::ERR_ABORTED":
            self.heard.append(f"not loaded: {request.url}: {request.failure}")

    def _response(self, response: Response) -> None:
        if response.status >= 400:
            self.heard.append(f"{response.status}: {response.url}")


@contextmanager
def visit(browser: Browser, base: str, path: str = "/", **context: Any) -> Iterator[tuple[Page, Complaints]]:
    """A person who comes with a browser of their own (nothing kept of another visit) and opens `path`."""
    own = browser.new_context(
        **{"viewport": WIDE, "locale": "ja-JP", "timezone_id": "Asia/Tokyo", "reduced_motion": "reduce", **context}
    )
    complaints = Complaints(base)
    try:
        page = own.new_page()
        complaints.listen(page)
        page.goto(base + path)
        yield page, complaints
        assert complaints.unexpected() == []
    finally:
        own.close()


def picture(page: Page, name: str, *, whole: bool = False) -> Path:
    """Keep what the page looks like now."""
    folder = Path(os.environ.get("BOUSAI_SCREENSHOTS", PROJECT / "var" / "screenshots"))
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.png"
    page.screenshot(path=path, full_page=whole)
    return path


def violations(page: Page) -> list[str]:
    """What axe-core finds against WCAG 2.2 A and AA and its best practice: rule, help, and each place in the page."""
    if not page.evaluate("() => typeof axe === 'object'"):
        page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate(
        "tags => axe.run(document, {runOnly: {type: 'tag', values: tags}, resultTypes: ['violations']})", list(_RULES)
    )
    return [
        f"{one['id']}: {one['help']}: {node['target']} {node['html'][:200]}: {node['failureSummary']}"
        for one in found["violations"]
        for node in one["nodes"]
    ]
