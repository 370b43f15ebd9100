"""Asking a part whether it is there, without ever waiting: a GET over a socket that the supervisor's loop watches."""

from __future__ import annotations

import errno
import json
import selectors
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from bousai.operate.plan import Health

_MOST = 1 << 20
_CHUNK = 1 << 16


@dataclass(frozen=True, slots=True)
class Verdict:
    """`well`: None where this answer says nothing about the part. `ready`: it can do its work. `note`: what a person
    should know although it can."""

    well: bool | None
    ready: bool
    note: str = ""


def judged(health: Health, status: int, body: bytes, since: datetime) -> Verdict:
    """What an answer says of a part that was started at `since`. Status 0: there was no answer."""
    if health.kind == "http":
        return Verdict(status == 200, status == 200)
    if health.kind == "airflow":
        return _airflow(health.key, status, body, since)
    return _serve(status, body)


def _airflow(key: str, status: int, body: bytes, since: datetime) -> Verdict:
    """Airflow's document (``/api/v2/monitor/health``) tells of parts by their last heartbeat in the database.

    A heartbeat from before `since` is one of the run before. Where the server does not answer, nothing is known of
    the others: they are not restarted for it.
    """
    try:
        document = json.loads(body) if status == 200 else {}
        database = document["metadatabase"]["status"] == "healthy"
        if not key:
            return Verdict(True, database)
        part = document[key]
        beat = part.get(f"latest_{key}_heartbeat")
        own = beat is not None and datetime.fromisoformat(beat) >= since
    except (ValueError, KeyError, TypeError):
        return Verdict(None if key else status > 0, ready=False)
    if not database:
        return Verdict(None, ready=False)
    well = own and part["status"] == "healthy"
    return Verdict(well, well)


def _serve(status: int, body: bytes) -> Verdict:
    """``/healthz`` says 503 as long as nothing was published; the server itself is well then."""
    if status in (0, 200):
        return Verdict(status == 200, status == 200)
    try:
        found = json.loads(body)
        tree = found["tree"]
        if found["store"]["ok"] and tree["cause"] == "nothing has been published":
            return Verdict(True, True, "nothing is published yet: the first layers come with the first feeds")
        missing = " and ".join(part["cause"] for part in (found["store"], tree) if not part["ok"])
    except (ValueError, KeyError, TypeError):
        return Verdict(True, False, f"status {status}")
    return Verdict(True, False, missing)


class Probe:
    """One question. `done` is called once, with status (0: no answer) and body."""

    def __init__(
        self, selector: selectors.BaseSelector, health: Health, patience: float, done: Callable[[int, bytes], None]
    ) -> None:
        self._selector, self._done = selector, done
        self._until = time.monotonic() + patience
        self._got = bytearray()
        host = f"[{health.host}]" if ":" in health.host else health.host
        self._question = (
            f"GET {health.path} HTTP/1.1\r\nHost: {host}:{health.port}\r\nAccept: application/json\r\n"
            "User-Agent: bousai-up\r\nConnection: close\r\n\r\n"
        ).encode()
        family = socket.AF_INET6 if ":" in health.host else socket.AF_INET
        self._socket: socket.socket | None = socket.socket(family, socket.SOCK_STREAM)
        self._socket.setblocking(False)
        # one packet fits every buffer, so a question is sent whole or not at all
        if self._socket.connect_ex((health.host, health.port)) in (0, errno.EINPROGRESS):
            selector.register(self._socket, selectors.EVENT_WRITE, self._send)
        else:
            self._finish()

    def _send(self) -> None:
        assert self._socket is not None
        try:
            self._socket.send(self._question)
        except OSError:
            self._finish()
            return
        self._selector.modify(self._socket, selectors.EVENT_READ, self._receive)

    def _receive(self) -> None:
        assert self._socket is not None
        try:
            found = self._socket.recv(_CHUNK)
        except BlockingIOError:
            return
        except OSError:
            found = b""
        self._got += found
        if not found or len(self._got) > _MOST:
            self._finish()

    @property
    def over(self) -> bool:
        """It has been answered, or given up."""
        return self._socket is None

    def late(self) -> None:
        """To be called now and then: patience ends."""
        if self._socket is not None and time.monotonic() > self._until:
            self._got.clear()
            self._finish()

    def give_up(self) -> None:
        """Ask no more; nothing is called."""
        if self._socket is not None:
            with suppress(KeyError):
                self._selector.unregister(self._socket)
            self._socket.close()
            self._socket = None

    def _finish(self) -> None:
        self.give_up()
        self._done(*_parsed(bytes(self._got)))


def _parsed(answer: bytes) -> tuple[int, bytes]:
    head, _, body = answer.partition(b"\r\n\r\n")
    words = head.split(None, 2)
    if len(words) < 2 or not words[0].startswith(b"HTTP/1.") or not words[1].isdigit():
        return 0, b""
    if b"transfer-encoding: chunked" in head.lower():
        body = _joined(body)
    return int(words[1]), body


def _joined(chunks: bytes) -> bytes:
    whole = b""
    while chunks:
        size, _, rest = chunks.partition(b"\r\n")
        try:
            length = int(size.partition(b";")[0], 16)
        except ValueError:
            break
        if length == 0:
            break
        whole, chunks = whole + rest[:length], rest[length + 2 :]
    return whole
