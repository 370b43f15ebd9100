"""An end for a whole exchange: time-outs of a socket count from the last byte, and one may come every second."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress


class Deadline:
    """While it is open (``with``): after `seconds` the connections under it are shut down."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.expired = False
        self._end = time.monotonic() + seconds
        self._sockets: list[socket.socket] = []
        self._timer = threading.Timer(seconds, self._expire)
        self._timer.daemon = True

    def __enter__(self) -> Deadline:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        for sock in self._sockets:
            sock.close()

    @property
    def left(self) -> float:
        """Seconds, never quite none: a time-out of 0 means something else to a socket."""
        return max(0.01, self._end - time.monotonic())

    def over(self, sock: socket.socket) -> None:
        """Put a connection under it. Raises `TimeoutError` where it has passed."""
        # a handle of its own, which outlives the wrapping of the other one in TLS
        self._sockets.append(sock.dup())
        self.check()

    def check(self) -> None:
        """Raise `TimeoutError` after the end: what was cut short can look whole."""
        if self.expired or time.monotonic() > self._end:
            self.expired = True
            raise TimeoutError

    def _expire(self) -> None:
        self.expired = True
        for sock in self._sockets:
            with suppress(OSError):  # it ended by itself
                sock.shutdown(socket.SHUT_RDWR)
