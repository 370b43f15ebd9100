"""A PostgreSQL + PostGIS server of one's own for the length of a test run or a benchmark, in a temporary folder."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_BIN = Path("/usr/lib/postgresql/15/bin")
_POSTGIS = Path("/usr/share/postgresql/15/extension/postgis.control")


def missing() -> str | None:
    """Why no server can be started here, or None."""
    if not (_BIN / "initdb").exists():
        return "PostgreSQL 15 is not installed (apt-get install postgresql-15 postgresql-15-postgis-3)"
    if not _POSTGIS.exists():
        return "PostGIS is not installed (apt-get install postgresql-15-postgis-3)"
    return None


def _run(*command: str) -> None:
    # initdb refuses root
    prefix = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    done = subprocess.run([*prefix, *command], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stdout + done.stderr)


@contextmanager
def server(*settings: str) -> Iterator[str]:
    """Its address without a database name; user bousai, no password, on the loopback address only.

    `settings` are further ``name=value``.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folder = Path(tempfile.mkdtemp(prefix="bousai-pg-"))
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres")
    cluster = str(folder / "cluster")
    chosen = ["listen_addresses=127.0.0.1", f"port={port}", f"unix_socket_directories={folder}", *settings]
    options = " ".join(f"-c {setting}" for setting in chosen)
    try:
        _run(f"{_BIN}/initdb", "-D", cluster, "-U", "bousai", "--auth=trust", "-E", "UTF8", "--locale=C.UTF-8")
        _run(f"{_BIN}/pg_ctl", "-D", cluster, "-w", "-o", options, "-l", str(folder / "log"), "start")
        try:
            yield f"postgresql+psycopg://bousai@127.0.0.1:{port}"
        finally:
            _run(f"{_BIN}/pg_ctl", "-D", cluster, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
