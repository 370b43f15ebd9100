"""The playback server: a recording as JMA's Atom indexes and as files, with conditional requests and gzip.

| address below ``http://127.0.0.1:port/<any host>/`` | is |
|---|---|
| ``developer/xml/feed/{regular,extra,eqvol,other}{,_l}.xml`` | the indexes, short (the last ten minutes) and long |
| ``.playback/<feed>.json`` | paths of a feed's files, in time order |
| ``playback/<path>`` | a file of the recording |
"""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import quote, unquote, urlsplit
from zoneinfo import ZoneInfo

import orjson
from lxml import etree

from bousai.exercise.manifest import Recorded, Recording
from bousai.model import Status

_HOST = "www.data.jma.go.jp"
_FEEDS = "developer/xml/feed"
_ATOM = "http://www.w3.org/2005/Atom"
_TITLES = {"regular": "定時", "extra": "随時", "eqvol": "地震火山", "other": "その他"}
_SHORT = timedelta(minutes=10)
_JST = ZoneInfo("Asia/Tokyo")


@dataclass(frozen=True, slots=True)
class _Page:
    body: bytes
    media_type: str
    at: datetime
    status: Status | None = None


_NOTHING = _Page(b"[]", "application/json", datetime(2000, 1, 1, tzinfo=UTC))
"""The list of a feed that has no file in a recording."""


@contextmanager
def serve(recording: Recording) -> Iterator[str]:
    """Play a recording on a free port of this machine while the context is open; yields its address."""
    pages = dict(_pages(recording))
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(recording, pages))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _pages(recording: Recording) -> Iterator[tuple[str, _Page]]:
    """Everything that is made rather than read from the folder."""
    telegrams = [one for one in recording.documents if one.feed is None]
    for index in _TITLES:
        listed = [one for one in telegrams if one.index == index]
        updated = max((one.at for one in listed), default=datetime(2000, 1, 1, tzinfo=UTC))
        recent = [one for one in listed if updated - one.at <= _SHORT]
        yield f"{_FEEDS}/{index}.xml", _Page(_atom(index, recent, updated, "短期"), "text/xml", updated)
        yield f"{_FEEDS}/{index}_l.xml", _Page(_atom(index, listed, updated, "長期"), "text/xml", updated)
    for feed in sorted({one.feed for one in recording.documents if one.feed is not None}):
        mine = [one for one in recording.documents if one.feed == feed]
        body = orjson.dumps([f"playback/{quote(one.path)}" for one in mine])
        yield f".playback/{feed}.json", _Page(body, "application/json", mine[-1].at)


def _atom(index: str, entries: list[Recorded], updated: datetime, length: str) -> bytes:
    """An index as JMA writes it: newest first, feed time +09:00, entry times Z, id = link."""
    feed = etree.Element(f"{{{_ATOM}}}feed", nsmap={None: _ATOM})  # type: ignore[dict-item]  # None is the default namespace
    address = f"https://{_HOST}/{_FEEDS}/{index}.xml"

    def add(parent: etree._Element, name: str, text: str | None = None, **attributes: str) -> etree._Element:
        element = etree.SubElement(parent, f"{{{_ATOM}}}{name}", attributes)
        element.text = text
        return element

    add(feed, "title", f"{length}（{_TITLES[index]}）")
    add(feed, "updated", updated.astimezone(_JST).isoformat(timespec="seconds"))
    add(feed, "id", f"{address}#{int(updated.timestamp())}")
    add(feed, "link", rel="self", href=address)
    for one in reversed(entries):
        url = f"https://{_HOST}/playback/{quote(one.path)}"
        entry = add(feed, "entry")
        add(entry, "title", one.title)
        add(entry, "id", url)
        add(entry, "updated", one.at.strftime("%Y-%m-%dT%H:%M:%SZ"))
        add(add(entry, "author"), "name", one.author)
        add(entry, "link", type="application/xml", href=url)
        add(entry, "content", "", type="text")
    return etree.tostring(feed, xml_declaration=True, encoding="utf-8")


def _handler(recording: Recording, pages: dict[str, _Page]) -> type[BaseHTTPRequestHandler]:
    by_path = {f"playback/{one.path}": one for one in recording.documents}

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            try:
                page = self._find(unquote(urlsplit(self.path).path).lstrip("/").partition("/")[2])
            except (ValueError, OSError):  # not an address, or the file has gone
                page = None
            if page is None:
                self.send_error(404)
                return
            etag = f'"{sha256(page.body).hexdigest()[:32]}"'
            if self._unchanged(etag, page.at):
                self.send_response(304)
                self._validators(etag, page)
                self.end_headers()
                return
            body = page.body
            zipped = "gzip" in self.headers.get("Accept-Encoding", "")
            if zipped:
                body = gzip.compress(body, 1, mtime=0)
            self.send_response(200)
            self._validators(etag, page)
            self.send_header("Content-Type", page.media_type)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Vary", "Accept-Encoding")
            if zipped:
                self.send_header("Content-Encoding", "gzip")
            if page.status is not None:
                self.send_header("Bousai-Status", page.status)
            self.end_headers()
            self.wfile.write(body)

        def _find(self, path: str) -> _Page | None:
            recorded = by_path.get(path)
            if recorded is None:
                return pages.get(path) or (_NOTHING if path.startswith(".playback/") else None)
            body = (recording.folder / recorded.path).read_bytes()
            return _Page(body, "application/octet-stream", recorded.at, recorded.status)

        def _unchanged(self, etag: str, at: datetime) -> bool:
            asked = self.headers.get("If-None-Match")
            if asked is not None:
                return etag in (tag.strip().removeprefix("W/") for tag in asked.split(","))
            try:
                since = parsedate_to_datetime(self.headers.get("If-Modified-Since", ""))
            except ValueError:
                return False
            return since.tzinfo is not None and at.replace(microsecond=0) <= since

        def _validators(self, etag: str, page: _Page) -> None:
            self.send_header("ETag", etag)
            self.send_header("Last-Modified", format_datetime(page.at.astimezone(UTC), usegmt=True))

        def log_message(self, *_: object) -> None:
            """Say nothing: the receipts of whoever asks tell more."""

    return Handler
