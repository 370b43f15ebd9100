"""A real `bousai serve` on a free port: for what a client over a socket sees."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from bousai.settings import Settings

_PATIENCE_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Served:
    """A running server: its address without a slash at the end, its process."""

    base: str
    process: subprocess.Popen[bytes]

    def stop(self) -> None:
        """End it as a supervisor would; nothing is heard on its port afterwards."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(_PATIENCE_SECONDS)


def free_port() -> int:
    """A port of 127.0.0.1 on which nobody listens just now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def environment(settings: Settings) -> dict[str, str]:
    """The environment in which a program has just these settings."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("BOUSAI_")}
    return own | {
        "BOUSAI_DATA": str(settings.data),
        "BOUSAI_STORE": settings.store,
        "BOUSAI_ARCHIVE": settings.archive,
        "BOUSAI_CONFIG": str(settings.config),
    }


@contextmanager
def serving(settings: Settings, log: Path, *options: str) -> Iterator[Served]:
    """`bousai serve` over an installation until the block ends; what it says goes to `log`. AssertionError with that
    text where it does not answer."""
    port = free_port()
    command = [sys.executable, "-m", "bousai.cli", "serve", "--host", "127.0.0.1", "--port", str(port), *options]
    with log.open("wb") as said:
        process = subprocess.Popen(command, env=environment(settings), stdout=said, stderr=subprocess.STDOUT)
        served = Served(f"http://127.0.0.1:{port}", process)
        try:
            _await(served, log)
            yield served
        finally:
            served.stop()


def _await(served: Served, log: Path) -> None:
    until = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < until and served.process.poll() is None:
        try:
            httpx.get(f"{served.base}/conformance", timeout=5)
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return
    served.stop()
    raise AssertionError(f"no server: {log.read_text(errors='replace')}")
