"""Files as they are: ``/public/…``, the published tree; `Folder` serves any other folder the same way.

A file is opened first and everything said about it is said of that open file, so a reader sees the old version or the
new one, whole, while a publication renames (RFC 9110 for conditions and ranges). Its strong ETag is the SHA-256 that
its manifest names. Of a file with ``.zst`` and ``.gz`` beside it, the client gets the one that it prefers.
"""

from __future__ import annotations

import asyncio
import errno
import os
import re
import stat
import threading
import uuid
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from hashlib import sha256
from pathlib import Path

import orjson
import zstandard
from isal import igzip
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from bousai.serve import problem
from bousai.serve.coding import CODINGS, compressible, preferred
from bousai.serve.problem import Problem
from bousai.serve.service import Service

MEDIA_TYPES = {
    ".atom": "application/atom+xml",
    ".css": "text/css; charset=utf-8",
    ".csv": "text/csv; charset=utf-8",
    ".csv-metadata.json": "application/csvm+json",
    ".fgb": "application/vnd.flatgeobuf",
    ".geojson": "application/geo+json",
    ".gpkg": "application/geopackage+sqlite3",
    ".gz": "application/gzip",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".parquet": "application/vnd.apache.parquet",
    ".pmtiles": "application/vnd.pmtiles",
    ".png": "image/png",
    ".sha256": "text/plain; charset=utf-8",
    ".sip4d.zip": "application/zip",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".xml": "application/xml",
    ".zip": "application/zip",
    ".zst": "application/zstd",
}
"""Media type by the longest suffix that fits. Anything else is application/octet-stream."""

_IMMUTABLE = "public, max-age=31536000, immutable"
_ASK_EVERY_TIME = "no-cache"
_VERSIONED = re.compile(r"(?:^|/)layers/[^/]+/v/[^/]+/[^/]+$")

_STEP = 256 * 1024
_KEPT_FILE, _KEPT_BYTES = 4 * 1024**2, 128 * 1024**2
_MOST_RANGES = 32
_WORTH_PACKING = 1024
_ABSENT = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.EISDIR, errno.ENXIO})
_WAIT = {errno.EAGAIN, errno.EOPNOTSUPP, errno.ENOSYS}

_Signature = tuple[int, int, int, int]


def routes(service: Service) -> list[BaseRoute]:
    """The published tree."""
    tree = Folder(service.settings.public, absent="see /public/index.json for what is published")
    return [
        Route("/public", tree, methods=["GET", "HEAD"], name="public-top"),
        Route("/public/{path:path}", tree, methods=["GET", "HEAD"], name="public"),
    ]


@dataclass(frozen=True, slots=True)
class _Opened:
    """One open file: `body` where it is kept in memory. `signature` says which content it is."""

    descriptor: int
    size: int
    modified: float
    signature: _Signature
    etag: str = ""
    body: bytes | None = None
    coding: str | None = None


class Folder:
    """An ASGI application over one folder: regular files below it, no link, no hidden name, no listing.

    `cache` is the Cache-Control of what is below no ``v/<version>/``; `absent` the remedy of a 404; `types` are media
    types by suffix that come before `MEDIA_TYPES`. The path asked for is the route's parameter ``path``.
    """

    def __init__(
        self,
        root: Path,
        *,
        cache: str = _ASK_EVERY_TIME,
        absent: str = "",
        types: Mapping[str, str] | None = None,
    ) -> None:
        self._root = root
        self._cache = cache
        self._absent = absent
        self._types = {**MEDIA_TYPES, **(types or {})}
        self._kept = _Kept()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002  (ASGI)
        path = scope.get("path_params", {}).get("path", "")
        await self.answer(path, scope, send)

    async def answer(self, path: str, scope: Scope, send: Send) -> None:
        """The file at a path below the folder. Raises `Problem` 404, 412, 416, 503."""
        parts = path.split("/")
        if any(not part or part.startswith(".") or "\0" in part for part in parts):
            raise self._nothing(path)
        headers = Headers(scope=scope)
        wanted = headers.get("range") if scope["method"] == "GET" else None
        # A part of the packed bytes helps only a client that knows which bytes it has.
        plain = wanted is not None and "if-range" not in headers
        codings = [] if plain else preferred(headers.get("accept-encoding"))
        with self._opened(parts, codings) as (found, varies):
            found = await self._known(parts, found)
            media = self._media_type(parts[-1])
            if not varies and compressible(media) and found.body is not None and found.size >= _WORTH_PACKING:
                varies = True
                for coding in codings:
                    found = await self._packed(found, coding)
                    break
            lasting = _VERSIONED.search(path) is not None
            await _send(found, media, _IMMUTABLE if lasting else self._cache, varies, wanted, headers, scope, send)

    def _media_type(self, name: str) -> str:
        dots = [at for at, letter in enumerate(name) if letter == "."]
        return next((self._types[name[at:]] for at in dots if name[at:] in self._types), "application/octet-stream")

    def _nothing(self, path: str) -> Problem:
        return Problem(404, f"there is no file {path!r}" if path else "this is a folder", remedy=self._absent)

    @contextmanager
    def _opened(self, parts: Sequence[str], codings: Sequence[str]) -> Iterator[tuple[_Opened, bool]]:
        """The file itself, or the packed one beside it that the client likes best; and whether there is any such."""
        try:
            folder = _folder(self._root, parts[:-1])
        except OSError as error:
            raise self._refused("/".join(parts), error) from None
        try:
            beside = {coding: f"{parts[-1]}{CODINGS[coding]}" for coding in CODINGS}
            for coding in codings:
                with suppress(OSError):
                    found = _open(folder, beside[coding], coding)
                    break
            else:
                try:
                    found = _open(folder, parts[-1], None)
                except OSError as error:
                    raise self._refused("/".join(parts), error) from None
            varies = found.coding is not None or any(_stands(folder, name) for name in beside.values())
        finally:
            os.close(folder)
        try:
            yield found, varies
        finally:
            os.close(found.descriptor)

    def _refused(self, path: str, error: OSError) -> Problem:
        if error.errno in _ABSENT:
            return self._nothing(path)
        return Problem(
            503,
            f"{path!r} cannot be read just now: {os.strerror(error.errno or 0)}",
            remedy="ask again in a little while",
            headers={"Retry-After": "10"},
        )

    async def _known(self, parts: Sequence[str], found: _Opened) -> _Opened:
        """The file with its ETag, and its bytes where it is small."""
        kept = self._kept.get(found.signature)
        if kept is None:
            name = parts[-1] + (CODINGS[found.coding] if found.coding else "")
            kept = await asyncio.to_thread(_read, self._root.joinpath(*parts[:-1]), name, found)
            self._kept.put(found.signature, kept)
        etag, body = kept
        return _Opened(found.descriptor, found.size, found.modified, found.signature, etag, body, found.coding)

    async def _packed(self, found: _Opened, coding: str) -> _Opened:
        """A small text that nobody has packed: packed once, then kept like a file."""
        key = (*found.signature, coding)
        kept = self._kept.get(key)
        if kept is None:
            assert found.body is not None
            kept = f"{found.etag}-{coding}", await asyncio.to_thread(_pack, found.body, coding)
            self._kept.put(key, kept)
        etag, body = kept
        assert body is not None
        return _Opened(found.descriptor, len(body), found.modified, found.signature, etag, body, coding)


class _Kept:
    """ETags of files, and the bytes of small ones, by inode, time and size: what is renamed away is never asked for
    again, and goes when its place is needed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: OrderedDict[tuple[object, ...], tuple[str, bytes | None]] = OrderedDict()
        self._bytes = 0

    def get(self, key: tuple[object, ...]) -> tuple[str, bytes | None] | None:
        with self._lock:
            found = self._entries.get(key)
            if found is not None:
                self._entries.move_to_end(key)
            return found

    def put(self, key: tuple[object, ...], entry: tuple[str, bytes | None]) -> None:
        with self._lock:
            old = self._entries.pop(key, None)
            self._entries[key] = entry
            self._bytes += _weight(entry) - (_weight(old) if old else 0)
            while self._bytes > _KEPT_BYTES:
                self._bytes -= _weight(self._entries.popitem(last=False)[1])


def _weight(entry: tuple[str, bytes | None]) -> int:
    return 512 + len(entry[1] or b"")


def _folder(root: Path, parts: Sequence[str]) -> int:
    """A descriptor of a folder below `root`, reached without following a link."""
    descriptor = os.open(root, os.O_PATH | os.O_DIRECTORY)
    for part in parts:
        try:
            below = os.open(part, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=descriptor)
        finally:
            os.close(descriptor)
        descriptor = below
    return descriptor


def _open(folder: int, name: str, coding: str | None) -> _Opened:
    """Open a regular file. Raises OSError: as it comes, or EISDIR where it is something else."""
    # Without O_NONBLOCK the opening of a pipe would wait for its other end.
    descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode):
        os.close(descriptor)
        raise OSError(errno.EISDIR, os.strerror(errno.EISDIR), name)
    signature = (found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size)
    return _Opened(descriptor, found.st_size, found.st_mtime, signature, coding=coding)


def _stands(folder: int, name: str) -> bool:
    try:
        return stat.S_ISREG(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)
    except OSError:
        return False


def _read(folder: Path, name: str, found: _Opened) -> tuple[str, bytes | None]:
    """ETag and, of a small file, the bytes."""
    if found.size <= _KEPT_FILE:
        body = b"".join(_pieces(found.descriptor, found.size))
        return sha256(body).hexdigest(), body
    listed = _listed(folder, name, found)
    if listed is not None:
        return listed, None
    digest = sha256()
    for piece in _pieces(found.descriptor, found.size):
        digest.update(piece)
    return digest.hexdigest(), None


def _pieces(descriptor: int, size: int) -> Iterator[bytes]:
    at = 0
    while at < size:
        piece = os.pread(descriptor, min(_STEP, size - at), at)
        if not piece:
            raise OSError(errno.EIO, "the file is shorter than it was when it was opened")
        yield piece
        at += len(piece)


def _listed(folder: Path, name: str, found: _Opened) -> str | None:
    """The SHA-256 that a manifest names for a file, where the file is certainly the one that it means.

    A version is never changed, so its own manifest speaks of it; a stable name is a hard link to a file of a version.
    During a publication the manifest beside it may speak of another one.
    """
    layer = folder.parent.parent.name if folder.parent.name == "v" else folder.name
    versions = folder.parent if folder.parent.name == "v" else folder / "v"
    try:
        manifest = orjson.loads((folder / "manifest.json").read_bytes())
        stable = f"latest{name.removeprefix(layer)}" if folder.parent.name == "v" else name
        entry = manifest["files"][stable]
        standing = os.stat(versions / manifest["version"] / f"{layer}{stable.removeprefix('latest')}")
    except (OSError, ValueError, KeyError, TypeError):
        return None
    same = (standing.st_dev, standing.st_ino) == found.signature[:2] and entry["size"] == found.size
    digest = entry["sha256"]
    return digest if same and isinstance(digest, str) else None


def _pack(body: bytes, coding: str) -> bytes:
    if coding == "zstd":
        return zstandard.ZstdCompressor(level=9).compress(body)
    packed: bytes = igzip.compress(body, 3, mtime=0)
    return packed


async def _send(
    found: _Opened,
    media: str,
    cache: str,
    varies: bool,
    wanted: str | None,
    asked: Headers,
    scope: Scope,
    send: Send,
) -> None:
    etag = f'"{found.etag}"'
    headers = {"etag": etag, "cache-control": cache, "accept-ranges": "bytes"}
    modified = int(found.modified)
    # Within its own second another version could follow under the same date; after it the date is as good as a tag.
    if modified < int(datetime.now(UTC).timestamp()):
        headers["last-modified"] = format_datetime(datetime.fromtimestamp(modified, UTC), usegmt=True)
    else:
        modified = -1
    if varies:
        headers["vary"] = "Accept-Encoding"
    if not _unchanged_as_wished(asked, found.etag, modified):
        raise Problem(412, "the file is another one by now", remedy="get it anew", headers=headers)
    if _known_to_client(asked, found.etag, modified):
        await _start(send, 304, headers)
        await send({"type": "http.response.body", "body": b""})
        return
    if found.coding is not None:
        headers["content-encoding"] = found.coding
    ranges = None
    if wanted is not None and _same_as_before(asked.get("if-range"), etag, headers.get("last-modified")):
        ranges = _ranges(wanted, found.size)
    if ranges is not None and not ranges:
        said = problem.response(
            Problem(
                416,
                f"nothing of {found.size} bytes is in the range {wanted!r}",
                remedy="HEAD tells the size",
                headers={"Content-Range": f"bytes */{found.size}", "ETag": etag},
            )
        )
        await _whole(said, send)
    elif ranges is None:
        await _start(send, 200, {**headers, "content-type": media, "content-length": str(found.size)})
        await _body(found, [(0, found.size)] if scope["method"] == "GET" else [], [], b"", send)
    elif len(ranges) == 1:
        ((first, end),) = ranges
        said_range = {"content-range": f"bytes {first}-{end - 1}/{found.size}", "content-length": str(end - first)}
        await _start(send, 206, {**headers, "content-type": media, **said_range})
        await _body(found, ranges, [], b"", send)
    else:
        mark = uuid.uuid4().hex
        heads = [
            f"\r\n--{mark}\r\nContent-Type: {media}\r\nContent-Range: bytes {a}-{b - 1}/{found.size}\r\n\r\n".encode()
            for a, b in ranges
        ]
        tail = f"\r\n--{mark}--\r\n".encode()
        length = sum(map(len, heads)) + sum(b - a for a, b in ranges) + len(tail)
        several = {"content-type": f"multipart/byteranges; boundary={mark}", "content-length": str(length)}
        await _start(send, 206, {**headers, **several})
        await _body(found, ranges, heads, tail, send)


async def _start(send: Send, status: int, headers: Mapping[str, str]) -> None:
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": raw})


async def _whole(response: Response, send: Send) -> None:
    await send({"type": "http.response.start", "status": response.status_code, "headers": response.raw_headers})
    await send({"type": "http.response.body", "body": bytes(response.body)})


async def _body(
    found: _Opened, ranges: Sequence[tuple[int, int]], heads: Sequence[bytes], tail: bytes, send: Send
) -> None:
    if found.body is not None and len(ranges) == 1:
        ((first, end),) = ranges
        await send({"type": "http.response.body", "body": found.body[first:end]})  # no copy where it is all of it
        return
    for n, (first, end) in enumerate(ranges):
        if heads:
            await send({"type": "http.response.body", "body": heads[n], "more_body": True})
        async for piece in _read_range(found, first, end):
            await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": tail})


async def _read_range(found: _Opened, first: int, end: int) -> AsyncIterator[bytes]:
    """Pieces of a file. What the system has in memory is taken at once; for the rest a thread waits for the disk."""
    while first < end:
        size = min(_STEP, end - first)
        if found.body is not None:
            piece = found.body[first : first + size]
        else:
            cached = _at_once(found.descriptor, size, first)
            piece = await asyncio.to_thread(os.pread, found.descriptor, size, first) if cached is None else cached
        if not piece:
            raise OSError(errno.EIO, "the file is shorter than it was when it was opened")
        yield piece
        first += len(piece)


def _at_once(descriptor: int, size: int, at: int) -> bytes | None:
    into = bytearray(size)
    try:
        read = os.preadv(descriptor, [into], at, os.RWF_NOWAIT)
    except OSError as error:
        if error.errno in _WAIT:
            return None
        raise
    return bytes(memoryview(into)[:read])


def _tags(text: str) -> set[str]:
    """Entity tags without their quotes, weak ones like strong ones (RFC 9110, 8.8.3.2)."""
    return set(re.findall(r'(?:W/)?"([^"]*)"', text))


def _date(text: str | None) -> int | None:
    """An HTTP date as whole seconds, None where it is none (then the condition does not count, RFC 9110, 13.1.3)."""
    if text is None:
        return None
    try:
        return int(parsedate_to_datetime(text).timestamp())
    except (ValueError, OverflowError):
        return None


def _unchanged_as_wished(asked: Headers, etag: str, modified: int) -> bool:
    """If-Match, else If-Unmodified-Since."""
    wished = asked.get("if-match")
    if wished is not None:
        return wished.strip() == "*" or f'"{etag}"' in re.findall(r'(?:W/)?"[^"]*"', wished)
    since = _date(asked.get("if-unmodified-since"))
    return since is None or 0 <= modified <= since


def _known_to_client(asked: Headers, etag: str, modified: int) -> bool:
    """If-None-Match, else If-Modified-Since."""
    known = asked.get("if-none-match")
    if known is not None:
        return known.strip() == "*" or etag in _tags(known)
    since = _date(asked.get("if-modified-since"))
    return since is not None and 0 <= modified <= since


def _same_as_before(said: str | None, etag: str, modified: str | None) -> bool:
    """If-Range: the very tag, or the very date."""
    return said is None or said.strip() in (etag, modified)


def _ranges(text: str, size: int) -> list[tuple[int, int]] | None:
    """Byte ranges as (first, end), sorted and joined where they overlap; empty where none lies in the file; None
    where the header is no list of byte ranges, or too long a one, and so is ignored (RFC 9110, 14.2)."""
    unit, _, listed = text.partition("=")
    specs = [one.strip() for one in listed.split(",")]
    if unit.strip().lower() != "bytes" or len(specs) > _MOST_RANGES:
        return None
    found = []
    for spec in specs:
        said = re.fullmatch(r"(\d{0,18})-(\d{0,18})", spec, re.ASCII)
        if said is None or spec == "-":
            return None
        first, last = said.groups()
        if not first:
            start, end = max(0, size - int(last)), size
        else:
            start, end = int(first), size if not last else min(int(last) + 1, size)
            if last and int(last) < start:
                return None
        if start < end:
            found.append((start, end))
    joined: list[tuple[int, int]] = []
    for start, end in sorted(found):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined
