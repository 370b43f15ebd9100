"""A local https server that takes a POST and answers as a test tells it to."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Got:
    """One POST as it arrived."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """A running server; `names` are what callers asked for in their handshake (SNI)."""

    answer: Callable[[Post], None]
    port: int = 0
    got: list[Got] = field(default_factory=list)
    names: list[str | None] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)


class Post(BaseHTTPRequestHandler):
    """What an answer is given."""

    protocol_version = "HTTP/1.1"
    timeout = 10
    receiver: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.receiver.got.append(Got(self.path, dict(self.headers.items()), body))
        self.receiver.answer(self)

    def reply(self, status: int, body: bytes = b"", **headers: str) -> None:
        """A whole answer; ``Retry_After="…"`` is the header Retry-After."""
        lines = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        head = "\r\n".join([f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", *lines, "", ""])
        self.wfile.write(head.encode("latin-1") + body)

    def drip(self, head: bytes, piece: bytes) -> None:
        """A beginning, then a piece every 0.1 s until the other side or the test ends."""
        self.wfile.write(head)
        while not self.receiver.over.wait(0.1):
            self.wfile.write(piece)
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # server_close waits for them: no test leaves a thread or a socket behind
    tls: ssl.SSLContext

    def finish_request(self, request, client_address) -> None:  # type: ignore[no-untyped-def]
        request.settimeout(10)
        with self.tls.wrap_socket(request, server_side=True) as wrapped:
            super().finish_request(wrapped, client_address)

    def handle_error(self, request, client_address) -> None:  # type: ignore[no-untyped-def]
        """The other side went away: that is what some of these tests are about."""


@contextmanager
def receiving(tls: ssl.SSLContext, answer: Callable[[Post], None]) -> Iterator[Receiver]:
    """A server on a free port of this machine while the context is open."""
    receiver = Receiver(answer)
    tls.sni_callback = lambda _socket, name, _context: receiver.names.append(name)
    server = _Server(("127.0.0.1", 0), type("BoundPost", (Post,), {"receiver": receiver}))
    server.tls = tls
    receiver.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield receiver
    finally:
        receiver.over.set()
        server.shutdown()
        server.server_close()
        thread.join()
