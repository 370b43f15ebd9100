"""The whole one-machine system, really started: what a person sees, who gets in, what comes back, what is left.

One test, because a start takes most of a minute; its steps stand below in the order in which they are taken.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import httpx
import pytest

from bousai.operate import status
from tests.serve.serving import free_port

pytestmark = [pytest.mark.e2e, pytest.mark.airflow]

PROJECT = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 240
STOP_SECONDS = 15
Found = TypeVar("Found")


@dataclass
class System:
    """A running `bousai up`, over one feed that reads a folder: nothing here asks a source."""

    data: Path
    ports: tuple[int, int]
    environment: dict[str, str]
    said: Path
    process: subprocess.Popen[bytes]

    @property
    def airflow(self) -> str:
        return f"http://127.0.0.1:{self.ports[0]}"

    def wait(self, what: str, holds: Callable[[], Found | None]) -> Found:
        """What is found in the end. AssertionError with all that was said where it is not."""
        until = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < until and self.process.poll() is None:
            if found := holds():
                return found
            time.sleep(0.2)
        raise AssertionError(f"{what}: not seen\n{self.said.read_text(errors='replace')}")

    def part(self, name: str) -> status.PartStatus:
        found = status.read(self.data / "airflow" / "parts.json")
        assert found is not None
        (one,) = (part for part in found.parts if part.name == name)
        return one

    def passwords(self) -> dict[str, str]:
        found: dict[str, str] = json.loads((self.data / "airflow" / "passwords.json").read_text())
        return found

    def client(self, user: str) -> httpx.Client:
        """Somebody who is logged in."""
        login = {"username": user, "password": self.passwords()[user]}
        token = httpx.post(f"{self.airflow}/auth/token", json=login, timeout=30).raise_for_status().json()
        headers = {"Authorization": f"Bearer {token['access_token']}"}
        return httpx.Client(base_url=self.airflow, headers=headers, timeout=30)

    def again(self, *options: str, **environ: str) -> subprocess.CompletedProcess[str]:
        """The same command once more, to its end."""
        return subprocess.run(
            command(*options),
            env=self.environment | environ,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    def left(self) -> list[int]:
        """Every process that was started with this folder."""
        mark = f"BOUSAI_DATA={self.data}".encode()
        found = []
        for path in Path("/proc").glob("[0-9]*/environ"):
            try:
                if mark in path.read_bytes().split(b"\0"):
                    found.append(int(path.parent.name))
            except OSError:  # it has ended meanwhile
                continue
        return found


def command(*options: str) -> list[str]:
    return [sys.executable, "-P", "-m", "bousai.cli", "up", *options]


def at(airflow_port: int, port: int) -> list[str]:
    return ["--airflow-port", str(airflow_port), "--port", str(port)]


@pytest.fixture
def system(tmp_path: Path) -> Iterator[System]:
    """Started in an empty folder, and ready."""
    config, data, said = tmp_path / "config", tmp_path / "var", tmp_path / "said"
    (config / "feeds").mkdir(parents=True)
    (config / "feeds" / "cap_folder.yml").symlink_to(PROJECT / "config" / "feeds" / "cap_folder.yml")
    for name in ("layers", "alerts", "subscriptions", "release.yml"):
        (config / name).symlink_to(PROJECT / "config" / name)
    (data / "drop" / "cap").mkdir(parents=True)
    own = {name: value for name, value in os.environ.items() if not name.startswith(("BOUSAI_", "AIRFLOW_"))}
    own |= {"BOUSAI_DATA": str(data), "BOUSAI_CONFIG": str(config)}
    ports = free_port(), free_port()
    with said.open("wb") as out:
        process = subprocess.Popen(command(*at(*ports)), env=own, stdout=out, stderr=out, start_new_session=True)
    one = System(data, ports, own, said, process)
    try:
        one.wait("a line that says ready", lambda: "ready in" in said.read_text())
        yield one
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for pid in one.left():
            os.kill(pid, signal.SIGKILL)


def test_a_system_from_its_start_to_its_end(
    system: System, tmp_path: Path, record_testsuite_property: Callable[[str, object], None]
) -> None:
    record_testsuite_property("seconds_until_ready", says_that_it_is_ready_and_where(system))
    lets_in_who_has_a_password_and_nobody_else(system)
    answers(system)
    refuses_a_second_one_on_the_same_folder(system)
    refuses_a_port_that_is_taken(system, tmp_path / "other")
    starts_again_what_is_killed(system)
    has_the_pool_of_the_feed_and_runs_its_task(system)
    ends_when_it_is_told_to_leaves_nothing_running_and_has_told_no_secret(system)


def says_that_it_is_ready_and_where(system: System) -> int:
    (line,) = (line for line in system.said.read_text().splitlines() if "ready in" in line)
    found = re.search(r"ready in (\d+) s: ", line)
    assert found is not None
    assert f"Airflow and board {system.airflow} " in line
    assert f"map and API http://127.0.0.1:{system.ports[1]} " in line
    assert str(system.data / "airflow" / "passwords.json") in line
    return int(found[1])


def lets_in_who_has_a_password_and_nobody_else(system: System) -> None:
    path = system.data / "airflow" / "passwords.json"
    assert path.stat().st_mode & 0o777 == 0o600
    assert httpx.get(f"{system.airflow}/api/v2/dags", timeout=30).status_code == 401
    assert httpx.get(f"{system.airflow}/auth/token", timeout=30).status_code == 403
    wrong = {"username": "operator", "password": "wrong"}
    assert httpx.post(f"{system.airflow}/auth/token", json=wrong, timeout=30).status_code == 401
    with system.client("operator") as client:
        assert client.get("/api/v2/dags").status_code == 200


def answers(system: System) -> None:
    found = httpx.get(f"http://127.0.0.1:{system.ports[1]}/healthz", timeout=30).json()
    assert found["store"]["ok"] is True


def refuses_a_second_one_on_the_same_folder(system: System) -> None:
    done = system.again(*at(free_port(), free_port()))
    assert (done.returncode, done.stdout) == (1, "")
    assert f"already running: process {system.process.pid} → stop it" in done.stderr


def refuses_a_port_that_is_taken(system: System, data: Path) -> None:
    done = system.again(*at(free_port(), system.ports[1]), BOUSAI_DATA=str(data))
    assert (done.returncode, done.stdout) == (1, "")
    assert f"port {system.ports[1]} of 127.0.0.1, for the map and the API, is taken → " in done.stderr
    assert not (data / "airflow" / "passwords.json").exists()


def starts_again_what_is_killed(system: System) -> None:
    before = system.part("serve")
    assert before.pid is not None
    os.kill(before.pid, signal.SIGKILL)
    system.wait("the server once more", lambda: "serve answers again" in system.said.read_text())
    system.wait("its new state", lambda: system.part("serve").state == "running")
    after = system.part("serve")
    assert (after.restarts, after.last_exit) == (before.restarts + 1, "signal 9 (SIGKILL)")
    assert httpx.get(f"http://127.0.0.1:{system.ports[1]}/healthz", timeout=30).json()["store"]["ok"] is True


def has_the_pool_of_the_feed_and_runs_its_task(system: System) -> None:
    with system.client("operator") as client:
        assert client.get("/api/v2/pools/folders").raise_for_status().json()["slots"] == 2

        def run() -> str | None:
            answer = client.get("/api/v2/dags/feed__cap_folder/dagRuns")
            runs = answer.json()["dag_runs"] if answer.status_code == 200 else []  # 404: not read yet
            return next((one["state"] for one in runs if one["state"] in ("success", "failed")), None)

        assert system.wait("a run of the feed", run) == "success"


def ends_when_it_is_told_to_leaves_nothing_running_and_has_told_no_secret(system: System) -> None:
    secrets = [*system.passwords().values(), *re.findall(r"=(.+)", (system.data / "airflow/secrets.env").read_text())]
    assert len(secrets) == 6
    assert len(system.left()) > 5
    began = time.monotonic()
    system.process.terminate()
    assert system.process.wait(STOP_SECONDS) == 0
    assert time.monotonic() - began < STOP_SECONDS
    assert system.left() == []
    logs = [path for folder in ("logs", "airflow/logs") for path in (system.data / folder).rglob("*")]
    told = [path for path in [system.said, *logs] if path.is_file()]
    assert len(told) > 5
    for path in told:
        text = path.read_text(encoding="utf-8", errors="replace")
        assert not any(secret in text for secret in secrets), path
