"""`bousai serve` as a program: how it starts, what it says, how it ends."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path

import httpx
import pytest

from bousai import cli, pipeline
from bousai.settings import Settings
from tests.serve import site
from tests.serve.serving import environment, serving

pytestmark = pytest.mark.e2e


def _command(settings: Settings, *options: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "bousai.cli", "serve", *options]
    return subprocess.Popen(
        command, env=environment(settings), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_it_says_where_it_is_and_ends_in_order(tree: Settings) -> None:
    process = _command(tree, "--port", "0")
    assert process.stdout is not None
    ready, where = process.stdout.readline(), process.stdout.readline()
    base = re.fullmatch(rf"bousai: ready at (http://127\.0\.0\.1:\d+)/ \(1 worker, data {tree.data}\)\n", ready)
    assert base is not None, ready
    for path in ("/", "/collections", "/public/index.json", "/healthz"):
        assert f" {base[1]}{path}" in where
    assert httpx.get(f"{base[1]}/healthz").status_code == 200
    assert httpx.get(f"{base[1]}/public/index.json?key=secret").status_code == 200
    process.send_signal(signal.SIGTERM)
    said, complained = process.communicate(timeout=20)
    assert (process.returncode, complained) == (0, "")
    lines = said.splitlines()
    assert len(lines) == 2
    assert re.fullmatch(
        r'\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} 127\.0\.0\.1 "GET /public/index\.json" 200 \d+ \d+\.\d ms', lines[1]
    )


def test_a_taken_port_is_a_failure_with_a_remedy(tree: Settings) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        process = _command(tree, "--port", str(port))
        said, complained = process.communicate(timeout=30)
    assert (process.returncode, said) == (1, "")
    assert complained.startswith(f"bousai: port {port} of 127.0.0.1 is taken → choose another one: --port {port + 1}")
    assert complained.count("\n") == 1


@pytest.mark.parametrize(
    ("options", "code", "cause"),
    [
        (["--port", "65536"], 2, "not a port"),
        (["--port", "-1"], 2, "port"),
        (["--workers", "0"], 2, "not a number of workers"),
        (["--host", "203.0.113.7"], 1, "port 8000 of 203.0.113.7 cannot be used"),
        (["--host", "no.such.host.invalid"], 1, "cannot listen at no.such.host.invalid"),
    ],
)
def test_wrong_options(capsys: pytest.CaptureFixture[str], options: list[str], code: int, cause: str) -> None:
    assert cli.main(["serve", *options]) == code
    complained = capsys.readouterr().err
    assert cause in complained
    assert "→" in complained


def test_an_answer_under_way_is_finished_when_it_is_told_to_stop(tmp_path: Path) -> None:
    own = site.empty(tmp_path)
    body = b"x" * 40_000_000
    own.public.mkdir(exist_ok=True)
    (own.public / "large.bin").write_bytes(body)
    with serving(own, tmp_path / "log") as one:
        host, port = one.base.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as client:
            client.sendall(b"GET /public/large.bin HTTP/1.1\r\nHost: x\r\n\r\n")
            got = client.recv(1000)
            one.process.send_signal(signal.SIGTERM)
            time.sleep(0.5)
            with pytest.raises(OSError, match="refused"):
                socket.create_connection((host, int(port)))
            while more := client.recv(1 << 20):
                got += more
        assert one.process.wait(20) == 0
    assert got.partition(b"\r\n\r\n")[2] == body


def test_workers_share_the_work_and_the_counts(tree: Settings, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "public").symlink_to(tree.public)  # the tree itself may be elsewhere; what is in it may not
    own = type(tree)(**{**{n: getattr(tree, n) for n in tree.__slots__}, "data": data, "public": data / "public"})
    with serving(own, tmp_path / "log", "--workers", "2") as one:
        with ThreadPoolExecutor(8) as pool:
            for answer in pool.map(lambda _: httpx.get(f"{one.base}/public/index.json"), range(40)):
                assert answer.status_code == 200
        counts = {
            line.rpartition(" ")[2]
            for _ in range(6)
            for line in httpx.get(f"{one.base}/metrics").text.splitlines()
            if line.startswith("bousai_http_requests_total") and "/public/{path:path}" in line
        }
        assert counts == {"40.0"}
        assert list((data / "serve" / "metrics").glob("*.db"))
    assert one.process.returncode == 0
    assert "(2 workers, " in (tmp_path / "log").read_text()


def test_readers_see_whole_versions_while_it_publishes(tmp_path: Path) -> None:
    """Many readers at once while new versions come: no error, and each answer is one version, whole."""
    own = site.empty(tmp_path / "data")
    bulletins = sorted((site.KUNREN / "jma_tsunami").iterdir())
    layer = own.public / "layers" / "tsunami_forecast"

    def arrives(bulletin: Path) -> None:
        text = site.in_earnest(bulletin.read_text("utf-8")).encode()
        (done,) = pipeline.ingest_files("jma_tsunami", [(bulletin.name, text)], own)
        assert done.outcome == "stored"
        pipeline.publish_layers(["tsunami_forecast"], own)

    arrives(bulletins[0])
    stop = threading.Event()

    def read(base: str) -> set[str]:
        digests = set()
        with httpx.Client() as client:
            while not stop.is_set():
                answer = client.get(f"{base}/public/layers/tsunami_forecast/latest.geojson")
                assert answer.status_code == 200
                digests.add(sha256(answer.content).hexdigest())
        return digests

    with serving(own, tmp_path / "log") as one, ThreadPoolExecutor(8) as pool:
        readers = [pool.submit(read, one.base) for _ in range(8)]
        try:
            for bulletin in bulletins[1:]:
                arrives(bulletin)
        finally:
            stop.set()
        seen = set().union(*(reader.result() for reader in readers))
    versions = {sha256(path.read_bytes()).hexdigest() for path in layer.glob("v/*/tsunami_forecast.geojson")}
    assert len(versions) >= 3
    assert seen <= versions
    assert len(seen) > 1
