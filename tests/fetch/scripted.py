"""A local HTTP server that does what a test tells it to, byte by byte, and remembers what it was asked."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

DRIP_SECONDS = 0.2


@dataclass(frozen=True)
class Request:
    """One request as it arrived."""

    path: str
    headers: Mapping[str, str]


class Exchange(BaseHTTPRequestHandler):
    """What a script is given: `path`, `headers`, and ways to answer well or badly."""

    protocol_version = "HTTP/1.1"
    timeout = 10
    site: Site

    def setup(self) -> None:
        self.site.connections += 1
        super().setup()

    def do_GET(self) -> None:
        self.site.requests.append(Request(self.path, dict(self.headers.items())))
        self.site.script(self)

    def reply(self, status: int, body: bytes = b"", **headers: str) -> None:
        """A whole answer; ``Last_Modified="…"`` is the header Last-Modified."""
        lines = {name.replace("_", "-"): value for name, value in headers.items()}
        if status != 304:
            lines.setdefault("Content-Length", str(len(body)))
        self.raw(f"HTTP/1.1 {status} X", *(f"{name}: {value}" for name, value in lines.items()), "", body=body)

    def raw(self, *lines: str, body: bytes = b"") -> None:
        """Lines of a head, as they are; with a body in the same breath, or the other side acknowledges late."""
        self.wfile.write("".join(f"{line}\r\n" for line in lines).encode("latin-1") + body)

    def drip(self, *pieces: bytes) -> None:
        """Every 0.2 s the next piece, the last one again and again, until the other side or the test ends."""
        left = list(pieces)
        for _ in range(25):
            if self.site.over.wait(DRIP_SECONDS):
                break
            self.wfile.write(left.pop(0) if len(left) > 1 else left[0])
        self.close_connection = True

    def silence(self) -> None:
        """Say nothing more; hold the connection until the test ends."""
        self.site.over.wait(5)
        self.close_connection = True

    def cut(self) -> None:
        """Break the connection off after what was written."""
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@dataclass
class Site:
    """A running server."""

    script: Callable[[Exchange], None]
    address: str = ""
    port: int = 0
    connections: int = 0
    requests: list[Request] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    @property
    def paths(self) -> list[str]:
        """What was asked for, in order."""
        return [request.path for request in self.requests]


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # server_close waits for them: no test leaves a thread or a socket behind
    tls: ssl.SSLContext | None = None

    def finish_request(self, request, client_address) -> None:  # type: ignore[no-untyped-def]
        if self.tls is None:
            super().finish_request(request, client_address)
            return
        request.settimeout(10)
        with self.tls.wrap_socket(request, server_side=True) as wrapped:
            super().finish_request(wrapped, client_address)

    def handle_error(self, request, client_address) -> None:  # type: ignore[no-untyped-def]
        """The other side went away: that is what many of these tests are about."""


@contextmanager
def serving(script: Callable[[Exchange], None], tls: ssl.SSLContext | None = None) -> Iterator[Site]:
    """A server on a free port of this machine while the context is open."""
    site = Site(script)
    server = _Server(("127.0.0.1", 0), type("BoundExchange", (Exchange,), {"site": site}))
    server.tls = tls
    site.port = server.server_address[1]
    site.address = f"http://127.0.0.1:{site.port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield site
    finally:
        site.over.set()
        server.shutdown()
        server.server_close()
        thread.join()
