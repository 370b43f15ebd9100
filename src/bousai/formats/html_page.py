"""Web pages (HTML) as far as a program needs them: the addresses that a page links to, in the order of the page.

Tags are read one by one and no tree is built: parsers that build one stop at deep nesting (elements that nobody
closes) or at ``</html>``, and links would be missing without a word. Comments and scripts are passed over.

Oddities: pages of municipalities are UTF-8, or Shift_JIS (then cp932) with or without a word of it; XHTML begins with
an XML declaration; ``<base href>`` changes what relative addresses mean; a fragment is no part of the address of a
document.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from urllib.parse import urldefrag, urljoin

from bousai.errors import ParseError
from bousai.formats import refusal

_PAGE = re.compile(rb"<(!doctype\s+html|html|head|body|title|a|table|ul|ol|h[1-6]|p|div)[\s>]", re.IGNORECASE)
_CHARSET = re.compile(rb"(?:charset|encoding)\s*=\s*[\"']?\s*([A-Za-z0-9_-]+)", re.IGNORECASE)
_HEAD = 4096
_NOT_SHIFT_JIS = ("euc-jp", "iso-2022-jp", "iso-8859-1", "windows-1252")
_TOKEN = re.compile(r"<(?:(?P<comment>!--)|(?P<raw>script|style)\b|(?P<tag>a|area|base)(?=[\s/]))", re.IGNORECASE)
_LONGEST = 8192  # of an attribute: what is never closed must not make each tag read the rest of the page
_ATTRIBUTE = re.compile(
    r"[\s/]*(?P<name>[^\s\"'<>/=]{1,200})"
    rf"(?:\s*=\s*(?:\"(?P<double>[^\"]{{0,{_LONGEST}}})\"|'(?P<single>[^']{{0,{_LONGEST}}})'"
    rf"|(?P<bare>[^\s\"'<>]{{1,{_LONGEST}}})))?"
)


def links(body: bytes, url: str) -> list[str]:
    """The http and https addresses that the page at `url` links to, each once. Raises `ParseError`: ``empty``,
    ``not_html``."""
    if not body.strip():
        raise refusal.empty()
    head = body[:_HEAD].removeprefix(b"\xef\xbb\xbf").lstrip()
    if not head.startswith(b"<") or not _PAGE.search(body[: 16 * _HEAD]):
        raise ParseError("not an HTML page", code="not_html", remedy="check the address that the feed reads")
    # Only addresses are read, which are ASCII or nearly: one bad letter in the text must not hide all documents.
    text = body.decode(_encoding(body), errors="replace").removeprefix("\ufeff")
    found: dict[str, None] = {}
    base: str | None = None
    addresses: list[str] = []
    for tag, href in _hrefs(text):
        if tag != "base":
            addresses.append(href)
        elif base is None:
            base = _joined(url, href)
    for href in addresses:
        address = _joined(base or url, href)
        if address is not None:
            found[address] = None
    return list(found)


def _encoding(body: bytes) -> str:
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        stated = _CHARSET.search(body[:_HEAD])
        name = stated[1].decode().lower() if stated else "cp932"
        return name if name in _NOT_SHIFT_JIS else "cp932"  # whatever name Shift_JIS goes by, and no name
    return "utf-8"


def _hrefs(text: str) -> Iterator[tuple[str, str]]:
    """Tag and href of every a, area and base that has one."""
    lower = text.lower() if len(text.lower()) == len(text) else text  # İ has two letters in lower case
    unclosed: set[str] = set()
    at = 0
    while (token := _TOKEN.search(text, at)) is not None:
        at = token.end()
        if token["comment"]:
            end = text.find("-->", at)
            if end < 0:
                return
            at = end + 3
        elif token["raw"]:
            name = token["raw"].lower()
            end = -1 if name in unclosed else lower.find(f"</{name}", at)
            if end < 0:  # as if it were not there; nobody looks for its end again
                unclosed.add(name)
            at = max(at, end)
        else:
            href = None
            while (attribute := _ATTRIBUTE.match(text, at)) is not None:
                at = attribute.end()
                if href is None and attribute["name"].lower() == "href":
                    href = next((one for one in attribute.group("double", "single", "bare") if one is not None), None)
            if href:
                yield token["tag"].lower(), unescape(href)


def _joined(base: str, href: str) -> str | None:
    try:
        address = urldefrag(urljoin(base, re.sub(r"[\t\r\n]", "", href).strip())).url
    except ValueError:  # an address that no browser would follow either
        return None
    return address if address.startswith(("http://", "https://")) else None
