"""`up`: everything that has to be right before anything runs, then the parts."""

from __future__ import annotations

import errno
import fcntl
import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from types import FrameType

from bousai.errors import BousaiError, UsageError
from bousai.operate import parts, secrets
from bousai.operate.plan import Plan, encoded
from bousai.operate.processes import dies_with_parent
from bousai.operate.supervisor import FORWARDED, to_stdout
from bousai.settings import Settings

_JOB_SECONDS = 600.0
_JOB_STOP_SECONDS = 8.0


class _Asked(Exception):  # noqa: N818  (no error: somebody asked to stop)
    """A signal to stop came before the parts were started."""


def up(
    settings: Settings,
    *,
    host: str = "127.0.0.1",
    airflow_port: int = 8080,
    port: int = 8000,
) -> int:
    """Run the whole system until SIGTERM or SIGINT. The parts are kept by a program that takes the place of this
    process, so a call that succeeds does not return; it ends with exit code 0 after an asked-for stop.

    Returns 1 where `doctor.examine` finds errors, which are on standard error then. Raises `BousaiError` where a port
    is taken, the data folder is in use or a one-time job fails.
    """
    began = time.monotonic()
    if importlib.util.find_spec("airflow") is None:
        raise BousaiError("Airflow is not installed beside this program", remedy="run: make setup")
    if airflow_port == port:
        raise UsageError(f"port {port} is given twice", remedy="Airflow and the map need a port each")
    home, logs = settings.data / "airflow", settings.data / "logs"
    _folder(settings.data, 0o755)
    _folder(home, 0o700)
    _folder(logs, 0o750)
    lock = _locked(home / "up.lock", settings.data)
    try:
        for name, one in (("Airflow", airflow_port), ("the map and the API", port)):
            _free(name, host, one)
        if not _sound(settings, host):
            return 1
        own = secrets.keys(home, os.environ)
        passwords = secrets.passwords(home, os.environ)
        own[secrets.PASSWORDS_FILE] = str(passwords)
        environment = parts.environment(settings, host, airflow_port, port, os.environ, own)
        (home / "logs").mkdir(exist_ok=True)
        with _stoppable():
            _prepare(settings, environment, logs)
            kept = parts.parts(host, airflow_port, port)
            to_stdout(f"starting {', '.join(part.name for part in kept)}")
            who = ", ".join(secrets.users(environment))
            plan = Plan(
                parts=kept,
                logs=logs,
                status=home / "parts.json",
                ready=(
                    f"Airflow and board {parts.url(host, airflow_port)} (users {who}; passwords in {passwords})"
                    f" · map and API {parts.url(host, port)} · logs {logs}"
                ),
                chores=parts.chores(environment),
                began=began,
                hidden=secrets.NAMES,
                lock=lock,
            )
            _become_guard(plan, environment)
    except _Asked:
        to_stdout("stopped before anything was started")
        return 0
    finally:
        os.close(lock)
    return 0


def _become_guard(plan: Plan, environment: Mapping[str, str]) -> None:
    """Replace this process: 150 MB of modules were needed for checking and are not for keeping."""
    reader, writer = os.pipe()
    text = encoded(plan)
    os.set_blocking(writer, False)  # a plan is some 3 kB, a pipe holds 16 kB at the least
    if os.write(writer, text) != len(text):
        raise BousaiError("the plan of the parts is too long for a pipe", remedy="shorten BOUSAI_DATA")
    os.close(writer)
    os.set_inheritable(reader, True)
    os.set_inheritable(plan.lock, True)
    # a signal between here and the guard's own handlers waits for them
    signal.pthread_sigmask(signal.SIG_BLOCK, FORWARDED)
    sys.stdout.flush()
    sys.stderr.flush()
    command = [sys.executable, "-P", "-m", "bousai.operate.guard", str(reader)]
    os.execve(sys.executable, command, dict(environment))  # noqa: S606


def _folder(path: Path, mode: int) -> None:
    try:
        path.mkdir(mode=mode, parents=True, exist_ok=True)
        if mode == 0o700 and path.stat().st_mode & 0o077:
            path.chmod(mode)  # made by an earlier version, or by hand: keys and the database of Airflow are in it
    except OSError as error:
        raise BousaiError(
            f"{path} cannot be made: {error.strerror}", remedy="set BOUSAI_DATA to a folder that this account may use"
        ) from None


def _locked(path: Path, data: Path) -> int:
    """The descriptor that holds the lock. Raises `BousaiError` where another supervisor has it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        holder = os.read(descriptor, 32).decode(errors="replace").strip() or "unknown"
        os.close(descriptor)
        raise BousaiError(
            f"the system on {data} is already running: process {holder}",
            remedy=f"stop it (kill {holder}), or name another folder: BOUSAI_DATA",
        ) from None
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    return descriptor


def _free(name: str, host: str, port: int) -> None:
    """Raises `BousaiError` where a port cannot be bound."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as one:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            one.bind(address)
            one.listen(1)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise BousaiError(
                f"port {port} of {host}, for {name}, is taken",
                remedy=f"stop who has it (ss -ltnp 'sport = :{port}'), or choose another port",
            ) from None
        raise BousaiError(
            f"port {port} of {host}, for {name}, cannot be used: {error.strerror}",
            remedy="ports below 1024 are for root; the host must be an address of this machine",
        ) from None


def _sound(settings: Settings, host: str) -> bool:
    """Say what `doctor` says; whether it found no error."""
    from bousai.operate import doctor  # it needs the whole corridor, which the guard must not load

    findings = doctor.examine(settings, os.environ, hosts=(host,), ports=())
    errors = [one for one in findings if one.level == "error"]
    for one in errors:
        sys.stderr.write(f"bousai: {one.check}: {one.cause} → {one.remedy}\n")
    warnings = sum(one.level == "warning" for one in findings)
    if errors:
        sys.stderr.write(f"bousai: not started: {len(errors)} errors, {warnings} warnings (bousai doctor)\n")
    elif warnings:
        to_stdout(f"{warnings} warnings: bousai doctor lists them")
    return not errors


@contextmanager
def _stoppable() -> Iterator[None]:
    def asked(_: int, __: FrameType | None) -> None:
        raise _Asked

    before = {one: signal.signal(one, asked) for one in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def _prepare(settings: Settings, environment: Mapping[str, str], logs: Path) -> None:
    """Bring both databases to this version, and the pools of the feeds into Airflow's: a task whose pool is not there
    never runs. What does not wait for another runs beside it. Raises `BousaiError`."""
    from bousai import catalogue  # as the corridor: nothing for the guard

    home = settings.data / "airflow"
    at_once = int(environment["AIRFLOW__CORE__PARALLELISM"])
    pools = json.dumps(parts.pools(catalogue.load(settings.config).pools(), catalogue.BACKGROUND, at_once))
    (home / "pools.json").write_text(pools, encoding="utf-8")
    content = f"{sha256(pools.encode()).hexdigest()}\n"
    prepare = {"prepare": parts.bousai("prepare")}
    load = {"pools": parts.airflow("pools", "import", str(home / "pools.json"))}
    now = _stamp(settings, environment)
    if now is None or _text(home / "migrated") != now:
        to_stdout("preparing the store and the database of Airflow")
        _run(prepare | {"db-migrate": parts.airflow("db", "migrate")}, environment, logs)
        _run(load, environment, logs)
    elif _text(home / "pooled") != now + content:
        to_stdout("preparing the store and the pools")
        _run(prepare | load, environment, logs)
    else:
        to_stdout("preparing the store")
        _run(prepare, environment, logs)
    if (now := _stamp(settings, environment)) is not None:
        (home / "migrated").write_text(now, encoding="utf-8")
        (home / "pooled").write_text(now + content, encoding="utf-8")


def _stamp(settings: Settings, environment: Mapping[str, str]) -> str | None:
    """What tells that our own SQLite file is the one this Airflow has migrated (9 s that change nothing else). None:
    it cannot be told."""
    path = settings.data / "airflow" / "airflow.db"
    if environment["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] != f"sqlite:///{path}" or not path.exists():
        return None
    return f"{version('apache-airflow-core')} {path.stat().st_ino}\n"


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return ""


def _run(jobs: Mapping[str, Sequence[str]], environment: Mapping[str, str], logs: Path) -> None:
    """Run programs side by side until all have ended well. Raises `BousaiError` with the last line of one that has
    not."""
    running: dict[str, subprocess.Popen[bytes]] = {}
    try:
        for name, argv in jobs.items():
            descriptor = os.open(logs / f"{name}.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o640)
            with os.fdopen(descriptor, "wb") as log:
                running[name] = subprocess.Popen(
                    argv,
                    env=dict(environment),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                    preexec_fn=dies_with_parent(),
                )
        until = time.monotonic() + _JOB_SECONDS
        for name, process in running.items():
            try:
                code = process.wait(max(0.1, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                raise BousaiError(
                    f"{name} did not end within {_JOB_SECONDS:.0f} s", remedy=f"see {logs / name}.log"
                ) from None
            if code:
                said = [line for line in _text(logs / f"{name}.log").splitlines() if line.strip()]
                raise BousaiError(
                    f"{name} ended with {code}: {said[-1].strip() if said else 'it said nothing'}",
                    remedy=f"see {logs / name}.log",
                )
    finally:
        _end(list(running.values()))


def _end(running: Sequence[subprocess.Popen[bytes]]) -> None:
    for number, patience in ((signal.SIGTERM, _JOB_STOP_SECONDS), (signal.SIGKILL, 5.0)):
        for process in running:
            if process.poll() is None:
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(process.pid, number)
        until = time.monotonic() + patience
        for process in running:
            with suppress(subprocess.TimeoutExpired):
                process.wait(max(0.05, until - time.monotonic()))
