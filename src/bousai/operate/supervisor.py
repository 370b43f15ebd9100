"""Starts the parts, watches them, starts them again, and leaves nothing running behind.

One thread and one loop: pipes, sockets and signals are watched together, so nothing waits for anything and a fork is
always safe. Every part leads a session of its own. Orphans become our children (`processes.adopt_orphans`): a
daemonised grandchild is still found, by who its parents were, by its session, or by the name it was started under.
"""

from __future__ import annotations

import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from bousai.operate import health, processes, status
from bousai.operate.logs import Log, Stream
from bousai.operate.plan import Chore, Health, Part, Plan

MARK = "BOUSAI_PART"
"""The environment variable by which a process is known to belong to a part."""

FORWARDED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
"""The signals that ask for a stop."""

_SIGNALS = (*FORWARDED, signal.SIGCHLD)
_LAST_LINES = 3
_STILL_WAITING_SECONDS = 60.0
_RETENTION = timedelta(days=30)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class _Run:
    """One run of a part, from its start until the last of its processes is gone."""

    pid: int
    stream: Stream
    began: float
    since: datetime
    members: dict[int, int] = field(default_factory=dict)
    """Its other processes, with when each began."""
    led: bool = True
    """The process that we started is still there."""
    ready: bool = False
    well_since: float | None = None
    silent_since: float | None = None
    ending: float | None = None
    """Since when it is being ended."""
    again_after: float = 0.0
    """Seconds from its end to the next start."""


@dataclass(slots=True)
class _Kept:
    """A part with what has become of it. `once`: a chore, which is not started again."""

    part: Part
    log: Log
    once: bool = False
    run: _Run | None = None
    state: status.State = "waiting"
    state_since: datetime = field(default_factory=lambda: datetime.now(UTC))
    due: float = 0.0
    failures: int = 0
    restarts: int = 0
    last_exit: str | None = None
    memory: int | None = None
    over: int = 0
    note: str = ""


class Supervisor:
    """Keeps a plan running until it is told to stop. `parent`: a descriptor that ends when the process ends that
    started this one; everything is then ended at once. `say` takes one line for a person."""

    def __init__(self, plan: Plan, *, parent: int, say: Callable[[str], None]) -> None:
        self._plan, self._times, self._say_plain = plan, plan.timings, say
        self._selector = selectors.DefaultSelector()
        self._preexec = processes.dies_with_parent()
        self._kept = [_Kept(part, self._log(part.name)) for part in plan.parts]
        self._probes: dict[tuple[str, int, str], health.Probe | float] = {}
        self._secrets = [value for name in plan.hidden if len(value := os.environ.get(name, "")) >= 8]
        self._started_at = datetime.now(UTC)
        self._ready_at: datetime | None = None
        self._stopping: float | None = None
        self._at_once = False
        self._changed = True
        self._strays: set[int] = set()
        now = time.monotonic()
        self._next_memory, self._next_status = now + self._times.memory, now
        self._next_complaint = now + _STILL_WAITING_SECONDS
        self._next_chores = _next(self._times.chores_at, self._started_at)
        self._chores: list[Chore] = []
        self._parent = parent
        self._selector.register(parent, selectors.EVENT_READ, self._parent_ended)

    def _log(self, name: str) -> Log:
        return Log(self._plan.logs / f"{name}.log", self._times.log_bytes, self._times.log_files)

    # ---- the loop

    def run(self) -> int:
        """Until everything has ended: 0 after an asked-for stop."""
        awake, wake = socket.socketpair()
        awake.setblocking(False)
        wake.setblocking(False)
        self._selector.register(awake, selectors.EVENT_READ, lambda: self._signalled(awake))
        signal.set_wakeup_fd(wake.fileno(), warn_on_full_buffer=False)
        for one in _SIGNALS:
            signal.signal(one, lambda *_: None)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        processes.adopt_orphans()
        next_tick = 0.0
        try:
            while True:
                for key, _ in self._selector.select(max(0.0, next_tick - time.monotonic())):
                    key.data()
                self._reap()
                if time.monotonic() >= next_tick:
                    self._tick()
                    next_tick = time.monotonic() + self._times.tick * (0.2 if self._stopping is not None else 1.0)
                if self._stopping is not None and not any(kept.run for kept in self._kept):
                    return 0
        finally:
            self._end_all_that_is_left()
            with suppress(OSError):
                self._write_status()
            signal.set_wakeup_fd(-1)
            awake.close()
            wake.close()

    def _tick(self) -> None:
        now = time.monotonic()
        self._look()
        for kept in list(self._kept):
            self._escalate(kept, now)
            self._clear(kept, now)
            if kept.state == "waiting" and self._stopping is None and now >= kept.due:
                self._start(kept)
        if self._stopping is None:
            self._ask(now)
            self._measure(now)
            self._do_chores()
            self._complain(now)
        if self._changed or now >= self._next_status:
            self._changed, self._next_status = False, now + self._times.status
            with suppress(OSError):  # a full disk stops no part; `doctor` says so
                self._write_status()

    def _signalled(self, awake: socket.socket) -> None:
        with suppress(BlockingIOError):
            for number in awake.recv(4096):
                if number in FORWARDED:
                    self._stop(again=self._stopping is not None)

    def _parent_ended(self) -> None:
        self._selector.unregister(self._parent)
        self._stop(again=True)

    # ---- start and end

    def _start(self, kept: _Kept) -> None:
        part = kept.part
        kept.log.forget()
        reader, writer = os.pipe()
        try:
            process = subprocess.Popen(
                part.argv,
                env={**os.environ, **part.environment, MARK: part.name},
                stdin=subprocess.DEVNULL,
                stdout=writer,
                stderr=writer,
                start_new_session=True,
                preexec_fn=self._preexec,
            )
        except OSError as error:
            os.close(reader)
            self._failed(kept, f"cannot be started: {error.strerror}")
            return
        finally:
            os.close(writer)
        process.returncode = 0  # it is waited for here, by number, with all others
        stream = Stream(reader, kept.log)
        kept.run = _Run(process.pid, stream, time.monotonic(), datetime.now(UTC))
        kept.over, kept.memory, kept.note = 0, None, ""
        self._selector.register(reader, selectors.EVENT_READ, lambda: self._read(stream))
        self._turn(kept, "starting")
        if part.health is None:
            self._heard(kept, health.Verdict(True, True))

    def _read(self, stream: Stream) -> None:
        stream.read()
        if stream.ended:
            self._selector.unregister(stream.descriptor)

    def _turn(self, kept: _Kept, state: status.State) -> None:
        kept.state, kept.state_since, self._changed = state, datetime.now(UTC), True

    def _end(self, kept: _Kept, *, again_after: float = 0.0) -> None:
        """Ask a part to end; `_escalate` sees to it."""
        run = kept.run
        if run is None or run.ending is not None:
            return
        run.ending, run.again_after = time.monotonic(), again_after
        self._turn(kept, "stopping")
        if run.led:
            processes.send(run.pid, signal.SIGTERM)

    def _escalate(self, kept: _Kept, now: float) -> None:
        run = kept.run
        if run is None or run.ending is None:
            return
        age = now - run.ending
        number = signal.SIGKILL if age >= self._times.kill_all or self._at_once else signal.SIGTERM
        if number == signal.SIGKILL or age >= self._times.term_all:
            for pid in [*run.members, *([run.pid] if run.led else [])]:
                processes.send(pid, number)

    def _clear(self, kept: _Kept, now: float) -> None:
        """The run is over when nothing of it is left."""
        run = kept.run
        if run is None or run.led or run.members:
            return
        if not run.stream.ended:
            self._selector.unregister(run.stream.descriptor)
        run.stream.finish()
        kept.run = None
        if kept.once:
            kept.log.close()
            self._kept.remove(kept)
            self._changed = True
        elif self._stopping is not None:
            self._turn(kept, "stopped")
        else:
            kept.due = now + run.again_after
            kept.restarts += 1
            self._turn(kept, "waiting")

    def _reap(self) -> None:
        """Take note of every child that has ended, adopted ones too."""
        while True:
            try:
                pid, code = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            for kept in list(self._kept):
                if kept.run is not None and kept.run.led and kept.run.pid == pid:
                    self._ended(kept, kept.run, _exit_text(code))

    def _ended(self, kept: _Kept, run: _Run, how: str) -> None:
        run.stream.read()
        self._look()
        run.led = False
        kept.last_exit = how
        now = time.monotonic()
        if run.ending is None:
            if not kept.once:
                healthy = run.well_since is not None and now - run.well_since >= self._times.healthy_resets
                kept.failures = 1 if healthy else kept.failures + 1
                run.again_after = self._backoff(kept)
                self._say(f"{kept.part.name} ended with {how}; {_again(run.again_after)}{self._tail(kept)}")
            elif how != "exit code 0":
                self._say(f"{kept.part.name} ended with {how}{self._tail(kept)}")
            run.ending = now
        # what it left behind has no one to tell it: it is told now
        run.ending = min(run.ending, now - self._times.term_all)
        self._escalate(kept, now)
        self._look()
        self._clear(kept, now)

    def _failed(self, kept: _Kept, why: str) -> None:
        kept.last_exit = why
        if kept.once:
            kept.log.close()
            self._kept.remove(kept)
            self._say(f"{kept.part.name} {why}")
            return
        kept.failures += 1
        kept.restarts += 1
        kept.due = time.monotonic() + (wait := self._backoff(kept))
        self._turn(kept, "waiting")
        self._say(f"{kept.part.name} {why}; {_again(wait)}")

    def _backoff(self, kept: _Kept) -> float:
        return min(self._times.backoff_most, self._times.backoff_first * 2.0 ** (kept.failures - 1))

    def _stop(self, *, again: bool) -> None:
        if self._stopping is None:
            self._stopping = time.monotonic()
            self._say("stopping at once" if again else "stopping (a second signal stops at once)")
        self._at_once = self._at_once or again
        for probe in self._probes.values():
            if isinstance(probe, health.Probe):
                probe.give_up()
        self._probes.clear()
        for kept in list(self._kept):
            self._end(kept)
            if kept.run is None:
                self._turn(kept, "stopped")
        if again:
            self._look()
            for kept in list(self._kept):
                self._escalate(kept, time.monotonic())

    def _end_all_that_is_left(self) -> None:
        """Whatever belongs to no part any more, and everything where this loop has failed."""
        until = time.monotonic() + 5
        while time.monotonic() < until:
            self._reap_silently()
            left = processes.descendants(processes.table(), [os.getpid()])
            if not left:
                break
            for pid in left:
                processes.send(pid, signal.SIGKILL)
            time.sleep(0.02)
        for kept in self._kept:
            if kept.run is not None:
                kept.run.stream.finish()
                kept.run = None
            if kept.state != "stopped":
                self._turn(kept, "stopped")

    @staticmethod
    def _reap_silently() -> None:
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass

    # ---- whose process is whose

    def _look(self) -> None:
        table = processes.table()
        leaders = {kept.run.pid for kept in self._kept if kept.run is not None and kept.run.led}
        claimed = set(leaders)
        for run in self._runs():
            known = {
                pid
                for pid, began in run.members.items()
                if pid in table and table[pid].began == began and not table[pid].dead
            }
            found = known | processes.descendants(table, known | ({run.pid} if run.led else set()))
            run.members = {pid: table[pid].began for pid in found - leaders}
            claimed |= found
        strays = processes.descendants(table, [os.getpid()]) - claimed
        for pid in strays - self._strays:
            for kept in self._kept:
                run_ = kept.run
                if run_ is not None and (
                    table[pid].session == run_.pid or processes.environment_has(pid, f"{MARK}={kept.part.name}")
                ):
                    run_.members[pid] = table[pid].began
                    break
            else:
                self._strays.add(pid)
        self._strays &= strays

    def _runs(self) -> Iterator[_Run]:
        return (kept.run for kept in self._kept if kept.run is not None)

    # ---- whether they answer

    def _ask(self, now: float) -> None:
        for kept in self._kept:
            asked = kept.part.health
            if asked is None or kept.run is None or kept.run.ending is not None:
                continue
            key = (asked.host, asked.port, asked.path)
            running = self._probes.get(key, 0.0)
            if isinstance(running, health.Probe):
                running.late()
            elif now >= running:
                probe = health.Probe(
                    self._selector,
                    asked,
                    self._times.probe_patience,
                    lambda code, body, key=key: self._answered(key, code, body),  # type: ignore[misc]
                )
                if not probe.over:
                    self._probes[key] = probe

    def _answered(self, key: tuple[str, int, str], code: int, body: bytes) -> None:
        concerned = [kept for kept in self._kept if kept.run is not None and _address(kept.part.health) == key]
        for kept in concerned:
            assert kept.part.health is not None
            assert kept.run is not None
            # a clock that is set back must not make a part look older than its heartbeat
            since = kept.run.since if kept.run.well_since is None else _EPOCH
            self._heard(kept, health.judged(kept.part.health, code, body, since))
        starting = any(kept.state == "starting" for kept in concerned)
        self._probes[key] = time.monotonic() + (self._times.probe_starting if starting else self._times.probe)

    def _heard(self, kept: _Kept, verdict: health.Verdict) -> None:
        run, now = kept.run, time.monotonic()
        if run is None or run.ending is not None:
            return
        kept.note = verdict.note
        if verdict.well is None:
            run.silent_since = None
            return
        if verdict.well:
            run.silent_since = None
            run.well_since = run.well_since or now
            if verdict.ready and not run.ready:
                run.ready = True
                self._turn(kept, "running")
                if self._ready_at is not None:
                    self._say(f"{kept.part.name} answers again, {now - run.began:.0f} s after its start")
                elif all(one.run is not None and one.run.ready for one in self._kept if not one.once):
                    self._ready_at = datetime.now(UTC)
                    notes = "".join(f" · {one.note}" for one in self._kept if one.note)
                    self._say(f"ready in {now - self._plan.began:.0f} s: {self._plan.ready}{notes}")
            return
        run.silent_since = run.silent_since or now
        heart = kept.part.health is not None and bool(kept.part.health.key)
        if run.well_since is None:
            limit, since = self._times.starting, run.began
        else:
            limit, since = (self._times.heartbeat if heart else self._times.silent), run.silent_since
        if now - since >= limit:
            what = "has shown no heartbeat" if heart else "has not answered"
            kept.failures += 1
            wait = self._backoff(kept)
            self._say(f"{kept.part.name} {what} for {now - since:.0f} s and is restarted{self._tail(kept)}")
            self._end(kept, again_after=wait)

    def _complain(self, now: float) -> None:
        if self._ready_at is None and now >= self._next_complaint:
            self._next_complaint = now + _STILL_WAITING_SECONDS
            missing = [
                f"{kept.part.name}{f' ({kept.note})' if kept.note else ''}"
                for kept in self._kept
                if kept.run is None or not kept.run.ready
            ]
            self._say(f"still waiting for {', '.join(missing)}; logs {self._plan.logs}")

    # ---- memory, chores

    def _measure(self, now: float) -> None:
        if now < self._next_memory:
            return
        self._next_memory, self._changed = now + self._times.memory, True
        for kept in self._kept:
            run, limit = kept.run, kept.part.limit_bytes
            if run is None:
                continue
            kept.memory = sum(processes.memory(pid) for pid in [run.pid, *run.members])
            kept.over = kept.over + 1 if limit and kept.memory > limit else 0
            if kept.over >= self._times.memory_times and run.ending is None:
                self._say(
                    f"{kept.part.name} takes {kept.memory / 1e6:.0f} MB of memory, more than its "
                    f"{limit / 1e6:.0f} MB, and is restarted"
                )
                self._end(kept)

    def _do_chores(self) -> None:
        """One after the other, and never while anything is being started."""
        now = datetime.now(UTC)
        settled = self._ready_at is not None and now - self._ready_at >= timedelta(
            seconds=self._times.chores_after_ready
        )
        if now >= self._next_chores:
            if not settled or any(kept.state != "running" for kept in self._kept if not kept.once):
                return
            self._next_chores = _next(self._times.chores_at, now)
            self._chores = list(self._plan.chores)
        if self._chores and not any(kept.once for kept in self._kept):
            chore = self._chores.pop(0)
            before = (now - _RETENTION).isoformat(timespec="seconds")
            argv = tuple(before if word == self._plan.chore_argument else word for word in chore.argv)
            kept = _Kept(Part(chore.name, argv), self._log("chores"), once=True)
            self._kept.append(kept)
            self._start(kept)

    # ---- what people see

    def _say(self, line: str) -> None:
        for secret in self._secrets:
            line = line.replace(secret, "***")
        self._say_plain(" ".join(line.split()))

    def _tail(self, kept: _Kept) -> str:
        lines = kept.log.last_lines(_LAST_LINES)
        said = f"; last lines: {' | '.join(line[:300] for line in lines)}" if lines else ""
        return f"{said}; log {kept.log.path}"

    def _write_status(self) -> None:
        status.write(
            self._plan.status,
            status.Status(
                supervisor=os.getpid(),
                started_at=self._started_at,
                written_at=datetime.now(UTC),
                ready_at=self._ready_at,
                parts=tuple(
                    status.PartStatus(
                        name=kept.part.name,
                        state=kept.state,
                        pid=kept.run.pid if kept.run is not None and kept.run.led else None,
                        since=kept.state_since,
                        restarts=kept.restarts,
                        pss_bytes=kept.memory,
                        limit_bytes=kept.part.limit_bytes,
                        last_exit=kept.last_exit,
                        log=str(kept.log.path),
                    )
                    for kept in self._kept
                    if not kept.once
                ),
            ),
        )


def _address(asked: Health | None) -> tuple[str, int, str] | None:
    return None if asked is None else (asked.host, asked.port, asked.path)


def _exit_text(code: int) -> str:
    if os.WIFSIGNALED(code):
        number = os.WTERMSIG(code)
        with suppress(ValueError):
            return f"signal {number} ({signal.Signals(number).name})"
        return f"signal {number}"
    return f"exit code {os.WEXITSTATUS(code)}"


def _again(seconds: float) -> str:
    return f"started again in {seconds:g} s"


def _next(second_of_day: int, now: datetime) -> datetime:
    today = now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(seconds=second_of_day)
    return today if today > now else today + timedelta(days=1)


def to_stdout(line: str) -> None:
    """One line with the time of the day. A reader that has gone away stops nothing."""
    with suppress(OSError, ValueError):
        sys.stdout.write(f"{datetime.now().astimezone():%H:%M:%S} {line}\n")
        sys.stdout.flush()
