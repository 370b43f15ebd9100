"""The supervisor over small programs that misbehave: real processes, waits scaled down."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bousai.operate import processes, status
from bousai.operate.plan import Health, Part, Plan, Timings, encoded

QUICK = Timings(
    tick=0.05,
    probe_starting=0.05,
    probe=0.1,
    probe_patience=0.3,
    term_all=0.5,
    kill_all=1.0,
    backoff_first=0.1,
    backoff_most=0.4,
    starting=5,
    silent=0.6,
    memory=0.1,
    memory_times=2,
    status=0.2,
    log_bytes=1000,
    log_files=3,
)
SLEEP = "import time; time.sleep(60)"
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
)
DAEMON = """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)
        open(os.environ["WHERE"], "w").write(str(os.getpid()))
        time.sleep(60)
    os._exit(0)
time.sleep(60)
"""
HANGS = """
import http.server, os, sys, time
class H(http.server.BaseHTTPRequestHandler):
    asked = 0
    def do_GET(self):
        H.asked += 1
        if H.asked > 3: time.sleep(60)
        self.send_response(200); self.end_headers()
    def log_message(self, *a): pass
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), H).serve_forever()
"""


class Kept:
    """A running guard over a plan in a folder."""

    def __init__(self, folder: Path, parts: tuple[Part, ...], times: Timings) -> None:
        self.folder, self.out = folder, folder / "out"
        plan = Plan(parts, folder, folder / "parts.json", "all", timings=times, began=time.monotonic())
        reader, writer = os.pipe()
        os.write(writer, encoded(plan))
        os.close(writer)
        with self.out.open("wb") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-m", "bousai.operate.guard", str(reader)],
                pass_fds=[reader],
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        os.close(reader)
        self.seen: set[int] = set()

    def said(self) -> str:
        return self.out.read_text()

    def below(self) -> set[int]:
        found = processes.descendants(processes.table(), [self.process.pid])
        self.seen |= found
        return found

    def until(self, holds: Callable[[], object], seconds: float = 10) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.below()
            if holds():
                return
            time.sleep(0.03)
        raise AssertionError(self.said())

    def ready(self) -> None:
        self.until(lambda: "ready in" in self.said())

    def none_left(self) -> bool:
        table = processes.table()
        return not any(pid in table and not table[pid].dead for pid in self.seen)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.below()
        self.process.send_signal(number)
        return self.process.wait(10)


@pytest.fixture
def keep(tmp_path: Path) -> Iterator[Callable[..., Kept]]:
    made: list[Kept] = []

    def start(*parts: Part, times: Timings = QUICK) -> Kept:
        made.append(Kept(tmp_path, parts, times))
        return made[-1]

    yield start
    for one in made:
        if one.process.poll() is None:
            one.below()
            one.process.kill()
            one.process.wait()
        end = time.monotonic() + 5
        while not one.none_left() and time.monotonic() < end:
            time.sleep(0.02)
        assert one.none_left()


def part(name: str, script: str, *arguments: str, **more: object) -> Part:
    return replace(Part(name, (sys.executable, "-c", script, *arguments)), **more)  # type: ignore[arg-type]


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def test_a_crashed_part_is_started_again_with_growing_waits(keep: Callable[..., Kept]) -> None:
    kept = keep(part("bad", "import sys; print('no such thing'); sys.exit(3)"), part("good", SLEEP))
    kept.until(lambda: kept.said().count("bad ended with exit code 3") >= 4)
    lines = [line for line in kept.said().splitlines() if "bad ended" in line]
    assert [line.partition("again in ")[2].partition(" s;")[0] for line in lines[:4]] == ["0.1", "0.2", "0.4", "0.4"]
    assert "last lines: no such thing" in lines[0]
    assert "bad.log" in lines[0]
    found = status.read(kept.folder / "parts.json")
    assert found is not None
    assert [one.name for one in found.parts] == ["bad", "good"]
    assert found.parts[1].restarts == 0
    assert kept.stop() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_everything_ends_what_ignores_term_and_what_hides_too(
    keep: Callable[..., Kept], tmp_path: Path, number: signal.Signals
) -> None:
    where = tmp_path / "daemon"
    kept = keep(part("stubborn", STUBBORN), part("daemon", DAEMON, environment={"WHERE": str(where)}))
    kept.ready()
    kept.until(lambda: where.exists() and where.read_text() and "up" in (tmp_path / "stubborn.log").read_text())
    kept.seen.add(int(where.read_text()))
    began = time.monotonic()
    assert kept.stop(number) == 0
    assert time.monotonic() - began < 3
    assert kept.none_left()


def test_a_second_signal_stops_at_once(keep: Callable[..., Kept], tmp_path: Path) -> None:
    kept = keep(part("stubborn", STUBBORN), times=replace(QUICK, term_all=30, kill_all=40))
    kept.until(lambda: "up" in (tmp_path / "stubborn.log").read_text() if (tmp_path / "stubborn.log").exists() else 0)
    kept.process.send_signal(signal.SIGTERM)
    kept.until(lambda: "stopping" in kept.said())
    assert kept.stop() == 0
    assert kept.none_left()


@pytest.mark.parametrize("who", ["guard", "supervisor"])
def test_sigkill_leaves_nothing(keep: Callable[..., Kept], tmp_path: Path, who: str) -> None:
    where = tmp_path / "daemon"
    kept = keep(part("stubborn", STUBBORN), part("daemon", DAEMON, environment={"WHERE": str(where)}))
    kept.until(lambda: where.exists() and where.read_text())
    kept.below()
    kept.seen.add(int(where.read_text()))
    found = status.read(tmp_path / "parts.json")
    assert found is not None
    os.kill(kept.process.pid if who == "guard" else found.supervisor, signal.SIGKILL)
    assert kept.process.wait(5) == (-9 if who == "guard" else 1)
    kept.until(kept.none_left, 5)


def test_a_part_that_no_longer_answers_is_restarted(keep: Callable[..., Kept]) -> None:
    port = free_port()
    kept = keep(part("hangs", HANGS, str(port), health=Health("127.0.0.1", port, "/")))
    kept.ready()
    kept.until(lambda: "hangs has not answered for" in kept.said())
    kept.until(lambda: "hangs answers again" in kept.said())


def test_a_part_that_takes_too_much_memory_is_restarted(keep: Callable[..., Kept]) -> None:
    kept = keep(part("large", f"b = bytearray(b'x') * 40_000_000\n{SLEEP}", limit_bytes=20_000_000))
    kept.until(lambda: "large takes" in kept.said() and "large answers again" in kept.said())
    assert "more than its 20 MB" in kept.said()


def test_logs_are_rotated_and_lose_no_line(keep: Callable[..., Kept], tmp_path: Path) -> None:
    kept = keep(part("talks", f"for n in range(60): print(f'line {{n:03}} {{\"x\" * 20}}', flush=True)\n{SLEEP}"))
    kept.ready()
    kept.until(lambda: "line 059" in (tmp_path / "talks.log").read_text())
    files = sorted(tmp_path.glob("talks.log*"), reverse=True)
    text = "".join(path.read_text() for path in files)
    assert [int(line.split()[1]) for line in text.splitlines()] == list(range(60))
    assert len(files) == 2
    assert all(path.stat().st_size <= 1000 and not path.stat().st_mode & 0o137 for path in files)
