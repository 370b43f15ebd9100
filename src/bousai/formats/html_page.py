"""Web pages (HTML) as far as a program needs them: the addresses that a page links to, in the order of the page.

Oddities: pages of municipalities are UTF-8, or Shift_JIS (then cp932) with or without a word of it; XHTML begins with
an XML declaration; ``<base href>`` changes what relative addresses mean; a fragment is no part of the address of a
document.
"""

from __future__ import annotations

import re
from urllib.parse import urldefrag, urljoin

from lxml import etree, html

from bousai.errors import ParseError
from bousai.formats import refusal

_TAG = re.compile(rb"<(!doctype\s+html|html|head|body|title|a|table|ul|ol|h[1-6]|p|div)[\s>]", re.IGNORECASE)
_CHARSET = re.compile(rb"(?:charset|encoding)\s*=\s*[\"']?\s*([A-Za-z0-9_-]+)", re.IGNORECASE)
_HEAD = 4096
_SHIFT_JIS = ("shift_jis", "shift-jis", "sjis", "x-sjis", "windows-31j", "ms_kanji", "cp932")


def links(body: bytes, url: str) -> list[str]:
    """The http and https addresses that the page at `url` links to, each once. Raises `ParseError`: ``empty``,
    ``not_html``."""
    if not body.strip():
        raise refusal.empty()
    root = _root(body)
    if root is None:
        raise ParseError("not an HTML page", code="not_html", remedy="check the address that the feed reads")
    base = url
    for node in root.iter("base"):
        if node.get("href"):
            base = _joined(url, node.get("href")) or url
            break
    found = (_joined(base, node.get("href", "")) for node in root.iter("a", "area") if node.get("href"))
    return list(dict.fromkeys(one for one in found if one))


def _root(body: bytes) -> html.HtmlElement | None:
    head = body[:_HEAD].removeprefix(b"\xef\xbb\xbf").lstrip()
    if not head.startswith(b"<") or not _TAG.search(body[: 16 * _HEAD]):
        return None
    # Only addresses are read, which are ASCII or nearly: one bad letter in the text must not hide all documents.
    text = body.decode(_encoding(body), errors="replace").removeprefix("\ufeff")
    try:
        return html.document_fromstring(text.encode(), parser=html.HTMLParser(encoding="utf-8"))
    except etree.ParserError:  # nothing but comments
        return None


def _encoding(body: bytes) -> str:
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        stated = _CHARSET.search(body[:_HEAD])
        name = stated[1].decode().lower() if stated else "cp932"
        if name in _SHIFT_JIS:
            return "cp932"
        return name if name in ("euc-jp", "iso-2022-jp", "iso-8859-1", "windows-1252") else "cp932"
    return "utf-8"


def _joined(base: str, href: str) -> str | None:
    try:
        address = urldefrag(urljoin(base, "".join(href.split("\n")).strip())).url
    except ValueError:  # an address that no browser would follow either
        return None
    return address if address.startswith(("http://", "https://")) else None
