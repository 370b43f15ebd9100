"""Atom indexes as JMA publishes them (RFC 4287): what is new and where it is.

Source: xml.kishou.go.jp/xmlpull.html, www.data.jma.go.jp/developer/xml/feed/{regular,extra,eqvol,other}.xml
and their long forms ``…_l.xml``. Example: an entry with link ``…/20260728094549_0_VXSE53_270000.xml``.

Oddities: the feed's own id and rel=self name the short index even in the long one; the feed's time is +09:00,
the entries' are Z; titles are not unique (they are Control/Title); the telegram type is only in the file name;
the order of entries and their disappearance mean nothing. Links may point to any host: whoever fetches must
check that.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from bousai.errors import ParseError
from bousai.formats import xml_tree
from bousai.formats.xml_tree import Node

_ATOM = "http://www.w3.org/2005/Atom"
_NAMES = xml_tree.Names([_ATOM])
_TYPE = re.compile(r"_([A-Z]{4}(?:\d\d|[a-z]{2}))(?:_\d+)?\.xml$")


@dataclass(frozen=True, slots=True)
class AtomEntry:
    """One document that the index points to.

    `updated` is aware, None where it cannot be read. `bulletin_type` is the telegram type in the file name of
    `url`, e.g. ``VXSE53``; None where the name carries none. `summary` and `author` are "" where absent.
    """

    id: str
    url: str
    title: str
    updated: datetime | None
    author: str
    summary: str
    bulletin_type: str | None


@dataclass(frozen=True, slots=True)
class AtomFeed:
    """An index: when it was made (aware) and its entries in document order, but for those without any address."""

    updated: datetime
    entries: tuple[AtomEntry, ...]


def read(document: bytes) -> AtomFeed:
    """Read an index. Raises `ParseError`: those of `xml_tree.read`, ``not_atom`` and ``bad_time``."""
    root = xml_tree.read(document)
    if root.tag != f"{{{_ATOM}}}feed":
        raise ParseError(
            f"not an Atom feed: root element {root.tag}",
            code="not_atom",
            remedy="check the address that the feed reads",
        )
    feed = Node(root, "feed", _NAMES)
    stated = feed.text("updated")
    updated = _instant(stated)
    if updated is None:
        raise ParseError(
            f"feed/updated is {stated!r}, not a date and time with an offset",
            code="bad_time",
            remedy="fetch it again",
            position="feed/updated",
        )
    entries = (_entry(node) for node in feed.all("entry"))
    return AtomFeed(updated, tuple(entry for entry in entries if entry.url))


def _entry(node: Node) -> AtomEntry:
    entry_id = node.text("id") or ""
    links = [link for link in node.all("link") if link.attribute("rel") in (None, "alternate")]
    url = (links[0].attribute("href") if links else None) or entry_id
    author = node.one("author")
    found = _TYPE.search(url)
    return AtomEntry(
        id=entry_id,
        url=url,
        title=node.text("title") or "",
        updated=_instant(node.text("updated")),
        author=(author.text("name") or "") if author else "",
        summary=node.text("content") or node.text("summary") or "",
        bulletin_type=found[1] if found else None,
    )


def _instant(text: str | None) -> datetime | None:
    try:
        value = datetime.fromisoformat(text) if text else None
    except ValueError:
        return None
    return value if value and value.tzinfo else None
