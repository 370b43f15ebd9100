"""Packed answers: who gets one, that it is the same content, and that its tag gets its 304."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from bousai.serve.coding import compressible
from bousai.serve.compression import Compressed
from tests.serve.asking import ask

TEXT = "避難所は開設されています。\n".encode() * 400


async def _dynamic(request: Request) -> Response:
    """As an answer of this server is: a strong tag, 304 for who has it."""
    if '"v1"' in request.headers.get("if-none-match", "").split(", "):
        return Response(status_code=304, headers={"ETag": '"v1"'})
    if request.headers.get("if-match") not in (None, '"v1"') and '"v1"' not in request.headers["if-match"]:
        return Response(status_code=412)
    return Response(TEXT, headers={"ETag": '"v1"'}, media_type="application/geo+json")


def _answer(body: bytes, media: str, **headers: str) -> Any:
    async def answer(request: Request) -> Response:
        return Response(body, headers={k.replace("_", "-"): v for k, v in headers.items()}, media_type=media)

    return answer


async def _stream(request: Request) -> Response:
    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(TEXT), 1000):
            yield TEXT[start : start + 1000]

    return StreamingResponse(pieces(), media_type="application/json")


APP = Starlette(
    routes=[
        Route("/dynamic", _dynamic),
        Route("/stream", _stream),
        Route("/long", _answer(TEXT * 100, "text/html; charset=utf-8", ETag='W/"weak"')),
        Route("/small", _answer(b"{}", "application/json")),
        Route("/picture", _answer(TEXT, "image/png")),
        Route("/packed", _answer(TEXT, "application/json", Content_Encoding="br", ETag='"b"')),
        Route("/part", _answer(TEXT, "application/json", Content_Range="bytes 0-9/100")),
    ],
    middleware=[Middleware(Compressed)],
)


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
@pytest.mark.parametrize("path", ["/dynamic", "/stream", "/long"])
def test_texts_are_packed_and_are_the_same(path: str, coding: str) -> None:
    plain, found = ask(APP, path), ask(APP, path, accept_encoding=coding)
    assert found.headers["content-encoding"] == coding
    assert found.content == plain.content
    assert found.headers["vary"] == plain.headers["vary"] == "Accept-Encoding"
    assert found.headers["content-type"] == plain.headers["content-type"]
    if "content-length" in found.headers:
        assert int(found.headers["content-length"]) < len(plain.content) / 10


@pytest.mark.parametrize("path", ["/small", "/picture", "/packed", "/part"])
def test_what_is_small_no_text_packed_or_a_part_goes_through(path: str) -> None:
    async def bytes_of(accept: str) -> tuple[httpx.Headers, bytes]:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(APP), base_url="http://x") as client:
            request = client.build_request("GET", path, headers={"accept-encoding": accept})
            answer = await client.send(request, stream=True)
            return answer.headers, b"".join([piece async for piece in answer.aiter_raw()])

    assert asyncio.run(bytes_of("zstd, gzip")) == asyncio.run(bytes_of("identity"))


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
def test_each_coding_has_its_tag_and_each_tag_its_304(coding: str) -> None:
    tag = f'"v1-{coding}"'
    assert ask(APP, "/dynamic", accept_encoding=coding).headers["etag"] == tag
    again = ask(APP, "/dynamic", accept_encoding=coding, if_none_match=f'"other", {tag}')
    assert (again.status_code, again.headers["etag"]) == (304, tag)
    assert ask(APP, "/dynamic", accept_encoding=coding, if_match=tag).status_code == 200
    # who takes no packed answer any more is not told that the packed one is still good
    assert ask(APP, "/dynamic", if_none_match=tag).status_code == 200
    other = {"gzip": "zstd", "zstd": "gzip"}[coding]
    assert ask(APP, "/dynamic", accept_encoding=other, if_none_match=tag).status_code == 200
    # the plain tag still means the plain content
    plain = ask(APP, "/dynamic", accept_encoding=coding, if_none_match='"v1"')
    assert (plain.status_code, plain.headers["etag"]) == (304, '"v1"')
    assert ask(APP, "/long", accept_encoding=coding).headers["etag"] == 'W/"weak"'


def test_head_says_what_get_would() -> None:
    found, head = (ask(APP, "/dynamic", method, accept_encoding="gzip") for method in ("GET", "HEAD"))
    assert head.content == b""
    for name in ("etag", "content-encoding", "vary", "content-type"):
        assert head.headers[name] == found.headers[name]
    assert "content-length" not in head.headers


@given(st.lists(st.binary(max_size=3000), min_size=1, max_size=8), st.sampled_from(["gzip", "zstd"]))
def test_any_stream_comes_out_as_it_went_in(pieces: list[bytes], coding: str) -> None:
    async def stream(request: Request) -> Response:
        async def every() -> AsyncIterator[bytes]:
            for piece in pieces:
                yield piece

        return StreamingResponse(every(), media_type="text/plain")

    app = Starlette(routes=[Route("/", stream)], middleware=[Middleware(Compressed)])
    assert ask(app, "/", accept_encoding=coding).content == b"".join(pieces)


def test_which_media_types_are_text() -> None:
    for media in ("text/html; charset=utf-8", "application/geo+json", "application/problem+json", "application/json",
                  "application/vnd.oai.openapi+json;version=3.0", "application/cap+xml", "image/svg+xml",
                  "application/schema+json", "text/javascript"):  # fmt: skip
        assert compressible(media), media
    for media in ("", "image/png", "application/vnd.pmtiles", "application/gzip", "application/octet-stream",
                  "application/geopackage+sqlite3", "application/jsonp"):  # fmt: skip
        assert not compressible(media), media
