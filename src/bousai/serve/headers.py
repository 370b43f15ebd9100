"""What every answer says beside its content: who may read it (CORS), what a page may load (CSP), and the last "no".

Everything here is public and read-only, without cookies or sign-in, so a page of any origin may read it. A page of
ours loads scripts from its own server only; the map library makes its workers of blobs, and 地理院タイル is the one
other host, for pictures.
"""

from __future__ import annotations

import logging
import re

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bousai.serve import problem
from bousai.serve.problem import Problem

_log = logging.getLogger(__name__)

_GSI = "https://cyberjapandata.gsi.go.jp"
_POLICY = "; ".join(
    [
        "default-src 'self'",
        "script-src 'self'",
        "worker-src 'self' blob:",
        "child-src blob:",
        f"img-src 'self' data: blob: {_GSI}",
        f"connect-src 'self' {_GSI}",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'self'",
    ]
)
_EXPOSED = "Accept-Ranges, Content-Crs, Content-Encoding, Content-Length, Content-Range, ETag, Link, Retry-After"
_ALWAYS = {
    b"access-control-allow-origin": b"*",
    b"access-control-expose-headers": _EXPOSED.encode(),
    b"content-security-policy": _POLICY.encode(),
    b"referrer-policy": b"same-origin",  # an address says which municipality somebody looked at
    b"x-content-type-options": b"nosniff",
}
_METHODS = "GET, HEAD, OPTIONS"
_HOST = re.compile(rb"(?:[A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?\Z")
_NO_HOST = Problem(400, "the header Host is no host name", remedy="name the server as in its address")


class Told:
    """ASGI middleware: adds these headers, answers OPTIONS, and turns a bug of ours into a problem document."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = False

        async def told(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                said = {name for name, _ in message["headers"]}
                more = [(name, value) for name, value in _ALWAYS.items() if name not in said]
                message = {**message, "headers": [*message["headers"], *more]}
            await send(message)

        # Links are made of it: what is no name of a host must not come to stand in a document.
        hosts = [value for name, value in scope["headers"] if name == b"host"]
        if len(hosts) > 1 or not all(map(_HOST.match, hosts)):
            await problem.response(_NO_HOST)(scope, receive, told)
        elif scope["method"] == "OPTIONS":
            await _options(scope, told)
        else:
            try:
                await self._app(scope, receive, told)
            except Exception:
                if begun:
                    raise  # half an answer can only be broken off
                # Not raised further: the connection would be closed under the next question of this client.
                _log.exception("%s %s", scope["method"], scope["path"])
                await problem.response(problem.BUG)(scope, receive, told)


async def _options(scope: Scope, send: Send) -> None:
    """What may be done here, and, before a request of a page, that it may be made (Fetch, 3.2.2)."""
    asked = Headers(scope=scope)
    said = {"allow": _METHODS}
    if "access-control-request-method" in asked:
        said |= {
            "access-control-allow-methods": _METHODS,
            "access-control-allow-headers": "*",
            "access-control-max-age": "86400",
        }
    headers = [(name.encode(), value.encode()) for name, value in said.items()]
    await send({"type": "http.response.start", "status": 204, "headers": headers})
    await send({"type": "http.response.body", "body": b""})
