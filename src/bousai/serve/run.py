"""Starting the server: one listening socket, uvicorn with httptools and uvloop, in one process or several.

What uvicorn leaves open is closed here. A client has some seconds to send its request, and some to read a little of
its answer; its head and body have a size; all of that per connection, so no one client stops others.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import resource
import shutil
import signal
import socket
import sys
from collections.abc import Sequence
from typing import Any

from uvicorn import Config, Server
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState
from uvicorn.supervisors.multiprocess import Multiprocess

from bousai import logs
from bousai.errors import BousaiError
from bousai.serve.app import create
from bousai.serve.metrics import FOLDER
from bousai.settings import Settings

REQUEST_SECONDS = 10.0
"""From the first byte of a request (or from connecting) to its last."""

REQUEST_BYTES = 64 * 1024
"""Head and body of a request together. Nothing here takes a body."""

STALLED_SECONDS = 60.0
"""How long a client may read nothing at all of an answer that waits for it."""

_IDLE_SECONDS = 15
_LAST_SECONDS = 10  # for answers that are under way when the server is told to stop
_BACKLOG = 2048
_SPARE_FILES = 256

_log = logging.getLogger("uvicorn.error")


class Connection(HttpToolsProtocol):
    """One connection of a client, with the limits above."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._received = 0
        self._request_timer: asyncio.TimerHandle | None = None
        self._stall_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._await_request()

    def connection_lost(self, exc: Exception | None) -> None:
        self._request_is_here()
        self._writing_goes_on()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._received += len(data)
        if self._received > REQUEST_BYTES:
            self.transport.abort()
            return
        super().data_received(data)
        # A line break between two requests begins none, yet has ended the wait for the next one.
        if self.cycle is None or self.cycle.response_complete:
            self._await_request()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._await_request()

    def on_message_complete(self) -> None:
        self._request_is_here()
        super().on_message_complete()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._watch_writing()

    def resume_writing(self) -> None:
        self._writing_goes_on()
        super().resume_writing()

    def _await_request(self) -> None:
        if self._request_timer is None and not self.transport.is_closing():
            self._request_timer = self.loop.call_later(REQUEST_SECONDS, self.transport.abort)

    def _request_is_here(self) -> None:
        self._received = 0
        if self._request_timer is not None:
            self._request_timer.cancel()
            self._request_timer = None

    def _watch_writing(self) -> None:
        waiting = self.transport.get_write_buffer_size()
        self._stall_timer = self.loop.call_later(STALLED_SECONDS, self._still_writing, waiting)

    def _still_writing(self, before: int) -> None:
        if self.transport.get_write_buffer_size() >= before:
            self.transport.abort()
        else:
            self._watch_writing()

    def _writing_goes_on(self) -> None:
        if self._stall_timer is not None:
            self._stall_timer.cancel()
            self._stall_timer = None


class _Announced(Server):
    """Says that it is ready once it is."""

    def __init__(self, config: Config, line: str) -> None:
        super().__init__(config)
        self._line = line

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        _say(self._line)


class _AnnouncedTogether(Multiprocess):
    """The same for several processes."""

    def __init__(self, config: Config, sockets: list[socket.socket], line: str) -> None:
        super().__init__(config, sockets)
        self._line = line

    def init_processes(self) -> None:
        super().init_processes()
        if all(process.wait_until_ready(60, self.should_exit) for process in self.processes):
            _say(self._line)


def run(settings: Settings, host: str, port: int, *, workers: int = 1, proxies: Sequence[str] = ()) -> None:
    """Serve an installation until SIGTERM or SIGINT. Several `workers` read their settings from the environment.

    `proxies` are the addresses or networks whose X-Forwarded-For and -Proto are believed. Raises `BousaiError` where
    it cannot listen, `CatalogueError` where config/ is wrong.
    """
    app = create(settings)  # what is wrong with config/ is said here, once, and not by every worker
    listening = _listen(host, port)
    config = Config(
        "bousai.serve:create" if workers > 1 else app,
        factory=workers > 1,
        http=Connection,
        loop="uvloop",
        ws="none",
        lifespan="on",
        workers=workers,
        access_log=False,  # `metrics.ACCESS` knows more
        log_config=logs.configuration(settings.log),
        server_header=False,
        proxy_headers=bool(proxies),
        forwarded_allow_ips=list(proxies),
        limit_concurrency=_connections(),
        timeout_keep_alive=_IDLE_SECONDS,
        timeout_graceful_shutdown=_LAST_SECONDS,
    )
    line = logs.said(settings.log, ready_line(settings, listening, workers))
    before = {one: signal.signal(one, lambda *_: None) for one in (signal.SIGTERM, signal.SIGINT)}
    try:
        # uvicorn raises the signal again when all is done: that is an orderly end and no failure.
        if workers > 1:
            _count_together(settings)
            _AnnouncedTogether(config, [listening], line).run()
        else:
            _Announced(config, line).run([listening])
    finally:
        listening.close()
        for one, handler in before.items():
            signal.signal(one, handler)


def ready_line(settings: Settings, listening: socket.socket, workers: int) -> str:
    """What is said when the server can be used: its addresses."""
    host, port = listening.getsockname()[:2]
    everywhere = host in ("0.0.0.0", "::")  # noqa: S104  (compared, not bound)
    name = "127.0.0.1" if everywhere else f"[{host}]" if ":" in host else host
    base = f"http://{name}:{port}"
    reach = " and every other address of this machine" if everywhere else ""
    return (
        f"bousai: ready at {base}/{reach} ({workers} worker{'s' if workers > 1 else ''}, data {settings.data})\n"
        f"  map {base}/  API {base}/collections  files {base}/public/index.json  health {base}/healthz"
    )


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.socket(family, kind, protocol)
    except OSError as error:
        raise BousaiError(
            f"cannot listen at {host}: {error.strerror}", remedy="name an address of this machine: --host"
        ) from None
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(_BACKLOG)
    except OSError as error:
        listening.close()
        remedies = {
            errno.EADDRINUSE: f"choose another one: --port {port + 1 if port < 65535 else 8000}; who has it: "
            f"ss -ltnp 'sport = :{port}'",
            errno.EACCES: "ports below 1024 are for root: choose another one with --port",
        }
        taken = "is taken" if error.errno == errno.EADDRINUSE else f"cannot be used: {os.strerror(error.errno or 0)}"
        raise BousaiError(
            f"port {port} of {host} {taken}",
            remedy=remedies.get(error.errno or 0, "name an address of this machine: --host"),
        ) from None
    return listening


def _connections() -> int:
    """As many connections as there can be files open, with some to spare for the files themselves."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 65536 if hard == resource.RLIM_INFINITY else min(hard, 65536)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        soft = wanted
    # each may have a file open
    return max(64, (min(soft, 65536) - _SPARE_FILES) // 2)


def _count_together(settings: Settings) -> None:
    """A folder for the counts of all workers, empty at each start."""
    folder = settings.data / "serve" / "metrics"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    os.environ[FOLDER] = str(folder)
