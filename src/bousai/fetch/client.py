"""One GET, guarded: only https to named hosts on public addresses, a total deadline, a cap on decoded bytes.

Why each guard: an index may point anywhere (SSRF), a name may resolve to the machine itself, a server may send
one byte a second or a small body that unpacks to gigabytes. Limits hold for the whole exchange, redirects included.
"""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.util.connection import create_connection

from bousai import __version__
from bousai.addresses import public_address
from bousai.errors import FetchError

USER_AGENT = f"bousai/{__version__} (open disaster-information platform)"
_REDIRECTS = 3
_CHUNK = 16 * 1024  # compressed bytes at a time: deflate grows at most 1032-fold, so the overshoot stays small
_CONNECT_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Question:
    """An address, and the validators of the answer that we hold (conditional request, RFC 9110 section 13)."""

    url: str
    etag: str | None = None
    last_modified: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """A 200 with its whole body, or a 304 with None. `taint` is what a playback server says of the document."""

    http_status: int
    body: bytes | None
    etag: str | None
    last_modified: str | None
    taint: str | None


class Client:
    """Connections to the `hosts` of one feed, kept open between requests; close it (or use ``with``).

    `deadline` seconds for one exchange from first to last byte; `max_bytes` after decoding. With `playback`
    (``http://127.0.0.1:port``) every request goes to that local server, as ``<playback>/<host>/<path>``.
    """

    def __init__(self, hosts: Sequence[str], *, deadline: float, max_bytes: int, playback: str | None = None) -> None:
        self._hosts = frozenset(hosts)
        self._deadline = deadline
        self._max_bytes = max_bytes
        self._playback = playback
        self._session = _Session()
        self._session.headers.update({"User-Agent": USER_AGENT, "Accept-Encoding": "gzip", "Accept": "*/*"})
        self._session.trust_env = playback is None  # a proxy of the office applies, but not to our own machine
        self._session.mount("https://", _Adapter())
        self._session.mount("http://", _Adapter())

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the connections back."""
        self._session.close()

    def get(self, question: Question) -> Answer:
        """Ask once. Raises `FetchError`, whose code is one of: refused_address, too_many_redirects, http_<status>,
        deadline, too_large, truncated, connection, tls."""
        end = time.monotonic() + self._deadline
        headers = {}
        if question.etag:
            headers["If-None-Match"] = question.etag
        if question.last_modified:
            headers["If-Modified-Since"] = question.last_modified
        url = question.url
        for _ in range(_REDIRECTS + 1):
            with self._exchange(url, headers, end) as response:
                if response.is_redirect:
                    url = _onward(url, response.headers["Location"])
                    continue
                return self._read(response, url, end)
        raise FetchError(
            f"{question.url}: more than {_REDIRECTS} redirects",
            code="too_many_redirects",
            remedy="look up the new address of the source",
            transient=False,
        )

    @contextmanager
    def _exchange(self, url: str, headers: dict[str, str], end: float) -> Iterator[requests.Response]:
        """Send a request and yield its response; whatever the network does until the body is read is a FetchError."""
        target = self._target(url)
        left = end - time.monotonic()
        with _Watch(left) as watch:
            try:
                with self._session.get(
                    target,
                    headers=headers,
                    stream=True,
                    allow_redirects=False,
                    timeout=(max(0.1, min(_CONNECT_SECONDS, left)), max(0.1, left)),
                ) as response:
                    watch.check()  # headers that it cut short look whole
                    yield response
                    watch.check()  # and so does a body without a length
            except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
                raise self._failure(url, error, expired=watch.expired) from error

    def _failure(self, url: str, error: Exception, *, expired: bool) -> FetchError:
        if expired or isinstance(error, (TimeoutError, requests.Timeout, urllib3.exceptions.TimeoutError)):
            return FetchError(
                f"{url}: no whole answer within {self._deadline:g} s",
                code="deadline",
                remedy="the source or the line is slow; it is asked again",
            )
        refused = _refusal(error)
        if refused is not None:
            return refused
        if isinstance(error, requests.exceptions.SSLError):
            code, remedy = "tls", "check this machine's clock and certificates; never switch the check off"
        elif isinstance(error, (requests.exceptions.ChunkedEncodingError, urllib3.exceptions.ProtocolError)):
            code, remedy = "truncated", "the connection broke in the middle; it is asked again"
        else:
            code, remedy = "connection", "check the network of this machine, then the source"
        return FetchError(f"{url}: {_brief(error)}", code=code, remedy=remedy)

    def _target(self, url: str) -> str:
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise _refused(url, "not an address") from None
        if parts.scheme != "https":
            raise _refused(url, "not https")
        if parts.username is not None or parts.password is not None or port not in (None, 443):
            raise _refused(url, "a user, password or port in the address")
        if parts.hostname not in self._hosts:
            raise _refused(url, f"host {parts.hostname!r} is not among {', '.join(sorted(self._hosts))}")
        if self._playback is None:
            return url
        query = f"?{parts.query}" if parts.query else ""
        return f"{self._playback}/{parts.hostname}{parts.path}{query}"

    def _read(self, response: requests.Response, url: str, end: float) -> Answer:
        status = response.status_code
        got = response.headers.get
        if status == 304:
            return Answer(304, None, got("ETag"), got("Last-Modified"), got("Bousai-Status"))
        if status != 200:
            transient = status >= 500 or status in (408, 425, 429)
            raise FetchError(
                f"{url}: HTTP {status}",
                code=f"http_{status}",
                remedy="it is asked again" if transient else "look up the new address of the source",
                transient=transient,
                retry_after=_retry_after(got("Retry-After")),
            )
        body = bytearray()
        for chunk in response.raw.stream(_CHUNK, decode_content=True):
            body += chunk
            if len(body) > self._max_bytes:
                raise FetchError(
                    f"{url}: more than {self._max_bytes} bytes when decoded",
                    code="too_large",
                    remedy="if the source has really grown, raise max_bytes of the feed",
                    transient=False,
                )
            if time.monotonic() > end:
                raise TimeoutError
        if not body and got("Content-Length") is None and got("Transfer-Encoding") is None:
            raise urllib3.exceptions.ProtocolError("the answer ended before its body")
        return Answer(200, bytes(body), got("ETag"), got("Last-Modified"), got("Bousai-Status"))


def _refused(url: str, why: str) -> FetchError:
    return FetchError(
        f"{url[:200]}: refused: {why}",
        code="refused_address",
        remedy="nothing was asked; if the source has moved, change hosts of the feed",
        transient=False,
    )


def _onward(url: str, location: str) -> str:
    try:
        return urljoin(url, location)
    except ValueError:
        raise _refused(location, "not an address") from None


def _retry_after(text: str | None) -> float | None:
    return float(text) if text is not None and re.fullmatch(r"\d{1,5}", text) else None


def _brief(error: Exception) -> str:
    """What lay at the bottom of it, in one line."""
    cause = list(_causes(error))[-1]
    said = cause.strerror if isinstance(cause, OSError) and cause.strerror else str(cause)
    text = re.sub(r"<[^>]* at 0x[0-9a-f]+>:? ?", "", said)
    return " ".join(text.split())[:300] or type(cause).__name__


def _refusal(error: BaseException) -> FetchError | None:
    return next((cause for cause in _causes(error) if isinstance(cause, FetchError)), None)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error and what is wrapped in it, outermost first."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        yield error
        seen.add(id(error))
        inner = next((a for a in (getattr(error, "reason", None), *error.args) if isinstance(a, BaseException)), None)
        error = inner or error.__cause__ or error.__context__


class _Watch:
    """Ends an exchange at its deadline, wherever it stands: time-outs of a socket count from the last byte.

    The connections of this thread that are open, or are opened meanwhile, are shut down.
    """

    _current = threading.local()

    def __init__(self, seconds: float) -> None:
        self.expired = False
        self._sockets: list[socket.socket] = []
        self._timer = threading.Timer(max(0.0, seconds), self._expire)
        self._timer.daemon = True

    def __enter__(self) -> _Watch:
        _Watch._current.watch = self
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        _Watch._current.watch = None
        for sock in self._sockets:
            sock.close()

    def check(self) -> None:
        """Raise `TimeoutError` after the deadline."""
        if self.expired:
            raise TimeoutError

    @classmethod
    def over(cls, sock: socket.socket) -> None:
        """Put a connection under the watch of this thread's exchange."""
        watch: _Watch | None = getattr(cls._current, "watch", None)
        if watch is not None:
            # a handle of its own: a connection that will not be kept is closed before its body is read
            watch._sockets.append(sock.dup())
            watch.check()

    def _expire(self) -> None:
        self.expired = True
        for sock in self._sockets:
            with suppress(OSError):  # it ended by itself
                sock.shutdown(socket.SHUT_RDWR)


class _Guarded:
    """A connection that a `_Watch` can end; `_guard` shares the socket and outlives its wrapping in TLS."""

    _guard: socket.socket | None = None
    host: str
    port: int
    timeout: Any
    socket_options: Any

    def _new_conn(self) -> socket.socket:
        sock = create_connection((self._address(), self.port), self.timeout, socket_options=self.socket_options)
        try:
            _Watch.over(sock)
            self._guard = sock.dup()
        except OSError:
            sock.close()
            raise
        return sock

    def _address(self) -> str:
        return self.host

    def request(self, *args: Any, **kwargs: Any) -> None:
        if self._guard is not None:
            _Watch.over(self._guard)
        super().request(*args, **kwargs)  # type: ignore[misc]

    def close(self) -> None:
        if self._guard is not None:
            self._guard.close()
            self._guard = None
        super().close()  # type: ignore[misc]


class _LocalConnection(_Guarded, HTTPConnection):
    """Plain HTTP: to the playback server on this machine."""


class _PublicConnection(_Guarded, HTTPSConnection):
    """TLS to a public address: the name is resolved once, checked, and that very address is used (no rebinding)."""

    def _address(self) -> str:
        try:
            return public_address(self.host, self.port)
        except ValueError as error:
            raise _refused(f"https://{self.host}", str(error)) from None


class _ProxiedConnection(_Guarded, HTTPSConnection):
    """TLS through the proxy of an office: the proxy resolves the name, so here there is no address to check."""

    def _tunnel(self) -> None:
        super()._tunnel()
        if self._guard is not None:
            _Watch.over(self._guard)  # an answer of the proxy that was cut short looks whole, too


class _LocalPool(HTTPConnectionPool):
    ConnectionCls = _LocalConnection


class _PublicPool(HTTPSConnectionPool):
    ConnectionCls = _PublicConnection


class _ProxiedPool(HTTPSConnectionPool):
    ConnectionCls = _ProxiedConnection


class _Session(requests.Session):
    def get_redirect_target(self, resp: requests.Response) -> str | None:  # noqa: ARG002
        """None: requests would read the body of a redirect, whatever its size, before we see it."""
        return None


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _LocalPool, "https": _PublicPool}

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **kwargs)
        if not proxy.lower().startswith("socks"):
            manager.pool_classes_by_scheme = {"http": _LocalPool, "https": _ProxiedPool}
        return manager

    def close(self) -> None:
        """Now, and not when the last traceback that holds a pool is gone."""
        for manager in (self.poolmanager, *self.proxy_manager.values()):
            for key in manager.pools.keys():  # noqa: SIM118  # it cannot be iterated
                manager.pools[key].close()
        super().close()
