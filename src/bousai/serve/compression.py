"""Packs answers that are made on request: zstd or gzip, whichever the client prefers, texts of more than a kilobyte.

What is packed already, or is a part of something, goes through as it is. A packed answer is another representation,
so its strong ETag has the name of the coding behind it (``"x-gzip"``), and a client that has it gets its 304.
"""

from __future__ import annotations

import asyncio
import re
from typing import Protocol

import zstandard
from isal import igzip, isal_zlib
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bousai.serve.coding import compressible, preferred

_LEAST = 1024
_LONG = 256 * 1024  # from here on it takes milliseconds, and others wait
_ZSTD_LEVEL, _GZIP_LEVEL = 3, 1
_CONDITIONS = (b"if-none-match", b"if-match")


class Compressed:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        codings = preferred(Headers(scope=scope).get("accept-encoding"))
        coding = codings[0] if codings else None
        known: set[str] = set()
        if coding is not None:
            known = _beside_suffixed(scope, coding)
        answer = _Answer(send, coding, known, head=scope["method"] == "HEAD")
        await self._app(scope, receive, answer.send)


def _beside_suffixed(scope: Scope, coding: str) -> set[str]:
    """Put the plain tag beside every tag of the request that this middleware has made. Returns those plain tags."""
    known: set[str] = set()

    def both(value: bytes) -> bytes:
        made = re.findall(rf'(?<!W/)"([^"]*)-{coding}"', value.decode("latin-1"))
        known.update(f'"{tag}"' for tag in made)
        return b", ".join([value, *(f'"{tag}"'.encode("latin-1") for tag in made)])

    if any(name in _CONDITIONS for name, _ in scope["headers"]):
        scope["headers"] = [(name, both(value) if name in _CONDITIONS else value) for name, value in scope["headers"]]
    return known


class _Answer:
    """One answer on its way out."""

    def __init__(self, send: Send, coding: str | None, known: set[str], *, head: bool) -> None:
        self._send = send
        self._coding = coding
        self._known = known
        self._head = head
        self._start: Message | None = None
        self._packing: _Packer | None = None

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            if self._may_pack(message):
                self._start = message  # whether it is worth it is seen with the first bytes
            else:
                await self._send(message)
        elif message["type"] == "http.response.body" and self._start is not None:
            await self._first(self._start, message)
        elif message["type"] == "http.response.body" and self._packing is not None:
            await self._more(self._packing, message)
        else:
            await self._send(message)

    def _may_pack(self, message: Message) -> bool:
        headers = MutableHeaders(raw=message["headers"])
        if message["status"] == 304:
            if self._coding is not None and headers.get("etag") in self._known:
                headers["etag"] = _suffixed(headers["etag"], self._coding)
            return False
        if (
            message["status"] in (204, 206)
            or "content-encoding" in headers
            or "content-range" in headers
            or not compressible(headers.get("content-type", ""))
        ):
            return False
        if "accept-encoding" not in headers.get("vary", "").lower():
            headers.add_vary_header("Accept-Encoding")
        length = headers.get("content-length")
        return self._coding is not None and (length is None or int(length) >= _LEAST)

    async def _first(self, start: Message, message: Message) -> None:
        assert self._coding is not None
        self._start = None
        body, more = message.get("body", b""), message.get("more_body", False)
        if not more and not self._head and len(body) < _LEAST:
            await self._send(start)
            await self._send(message)
            return
        headers = MutableHeaders(raw=start["headers"])
        headers["content-encoding"] = self._coding
        if "etag" in headers:
            headers["etag"] = _suffixed(headers["etag"], self._coding)
        del headers["content-length"]
        del headers["accept-ranges"]
        if self._head:
            await self._send(start)
            await self._send(message)
        elif not more:
            pack = _zstd if self._coding == "zstd" else _gzip
            packed = pack(body) if len(body) < _LONG else await asyncio.to_thread(pack, body)
            headers["content-length"] = str(len(packed))
            await self._send(start)
            await self._send({"type": "http.response.body", "body": packed})
        else:
            await self._send(start)
            self._packing = _ZstdStream() if self._coding == "zstd" else _GzipStream()
            await self._more(self._packing, message)

    async def _more(self, packing: _Packer, message: Message) -> None:
        body, more = message.get("body", b""), message.get("more_body", False)
        packed = packing.some(body) if len(body) < _LONG else await asyncio.to_thread(packing.some, body)
        if not more:
            packed += packing.rest()
        if packed or not more:
            await self._send({"type": "http.response.body", "body": packed, "more_body": more})


def _suffixed(etag: str, coding: str) -> str:
    """A weak tag means the same content in any coding; a strong one means the bytes."""
    return etag if etag.startswith("W/") else f'{etag[:-1]}-{coding}"'


def _zstd(body: bytes) -> bytes:
    return zstandard.ZstdCompressor(level=_ZSTD_LEVEL).compress(body)


def _gzip(body: bytes) -> bytes:
    packed: bytes = igzip.compress(body, _GZIP_LEVEL, mtime=0)
    return packed


class _Packer(Protocol):
    """A body in pieces."""

    def some(self, body: bytes) -> bytes: ...

    def rest(self) -> bytes: ...


class _ZstdStream:
    def __init__(self) -> None:
        self._stream = zstandard.ZstdCompressor(level=_ZSTD_LEVEL).compressobj()

    def some(self, body: bytes) -> bytes:
        return self._stream.compress(body)

    def rest(self) -> bytes:
        return self._stream.flush()


class _GzipStream:
    def __init__(self) -> None:
        self._stream = isal_zlib.compressobj(_GZIP_LEVEL, wbits=31)

    def some(self, body: bytes) -> bytes:
        packed: bytes = self._stream.compress(body)
        return packed

    def rest(self) -> bytes:
        packed: bytes = self._stream.flush()
        return packed
