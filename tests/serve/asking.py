"""Requests to an ASGI application without a server, in which nothing is made nicer on the way."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx


def ask(app: Any, path: str, method: str = "GET", **headers: str) -> httpx.Response:
    """The answer to one request. Header names with _ for -; nothing is packed unless `accept_encoding` says so."""
    said = {"accept-encoding": "identity"} | {name.replace("_", "-"): value for name, value in headers.items()}

    async def one() -> httpx.Response:
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            return await client.request(method, path, headers=said)

    return asyncio.run(one())


def raw(app: Any, path: str, headers: list[tuple[bytes, bytes]] | None = None) -> tuple[int, bytes]:
    """Status and body for a path just as it is in the scope, which no client library has tidied up."""
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode("utf-8", "surrogateescape"),
        "query_string": b"",
        "root_path": "",
        "headers": headers or [],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }
    asyncio.run(app(scope, receive, send))
    return sent[0]["status"], b"".join(one.get("body", b"") for one in sent[1:])
