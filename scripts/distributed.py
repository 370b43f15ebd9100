"""bousai on two machines, proved on one: a worker is killed in the middle of a burst, and nothing is lost or doubled.

    python scripts/distributed.py                     two network namespaces and a cable, where one may make them
    python scripts/distributed.py --telegrams 3000    a longer burst
    python scripts/distributed.py --data ../shared/realdata

Machine A has PostgreSQL + PostGIS, Redis, an object store (moto's S3), Airflow's api-server, scheduler and
dag-processor, and a worker for the queues ``default,house`` beside the public tree. Machine B has a worker for
``default``. They share the store, the archive and the broker, over the network; each has its own BOUSAI_DATA.

Hazard maps and places are loaded, then the DAG ``exposure`` runs and telegrams of JMA come in by the feeds' own
polls, the second half while the first is still being read. Amid this every process of machine B gets SIGKILL. It
stays dead until everything that it was at has been done by A, then it comes back. The same input goes through one
process into another database, and both are compared revision for revision. Everything is thrown away at the end.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import psycopg

import throwaway_postgis
from bousai import catalogue, exercise, pipeline, settings
from bousai.formats import jma_xml

PROJECT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent
HERE, THERE = "10.213.7.1", "10.213.7.2"
WAVES = 2
STEP = 40.0
"""Seconds from one part of the burst to the next."""
PATIENCE = 420.0
"""Seconds after which the burst has failed."""

HEARTBEAT = {
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_SEC": "5",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "20",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
    "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT": "40",
    "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT_CHECK_INTERVAL": "10",
    "AIRFLOW__CELERY_BROKER_TRANSPORT_OPTIONS__VISIBILITY_TIMEOUT": "40",
}
"""How soon a dead worker is noticed: shorter than docs/distributed.md advises, for this must end in minutes."""

DONE = ("success", "skipped")
FINISHED = (*DONE, "failed", "upstream_failed", "removed")


def missing() -> str | None:
    """Why the proof cannot run here, or None."""
    if shutil.which("redis-server") is None:
        return "Redis is not installed (apt-get install redis-server)"
    return throwaway_postgis.missing()


# ── two machines ─────────────────────────────────────────────────────────────────────────────────────────────


def command(*words: str) -> None:
    """Run to the end. Raises `RuntimeError` with what it said."""
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(words)}: {(done.stdout + done.stderr).strip()}")


@contextmanager
def cable() -> Iterator[tuple[str, str] | None]:
    """Two network namespaces with one cable between them and no other way out; None where none may be made."""
    near, far = (f"bousai-{os.getpid()}-{end}" for end in "ab")
    wires = {near: ("va", HERE), far: ("vb", THERE)}
    try:
        try:
            for name in wires:
                command("ip", "netns", "add", name)
            command("ip", "link", "add", "va", "netns", near, "type", "veth", "peer", "name", "vb", "netns", far)
            for name, (wire, address) in wires.items():
                command("ip", "-n", name, "addr", "add", f"{address}/30", "dev", wire)
                command("ip", "-n", name, "link", "set", wire, "up")
                command("ip", "-n", name, "link", "set", "lo", "up")
            command(*entering(near, "machine-a"), "true")
        except (OSError, RuntimeError):
            yield None
        else:
            yield near, far
    finally:
        for name in wires:
            with suppress(OSError):
                left = subprocess.run(["ip", "netns", "pids", name], capture_output=True, text=True, check=False)
                signal_all([int(pid) for pid in left.stdout.split()], signal.SIGKILL)
                subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)


def entering(namespace: str, hostname: str) -> list[str]:
    """What stands before a command that is to run on a machine: its network and its name."""
    named = ["unshare", "--uts", "sh", "-c", f'hostname {hostname} && exec "$@"', "sh"]
    return ["ip", "netns", "exec", namespace, *named]


@dataclass
class Machine:
    """A machine with its own folders. `prefix` is how a command gets there; `up` what runs there now."""

    name: str
    folder: Path
    prefix: list[str]
    environment: dict[str, str]
    up: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, called: str, *words: str, stdin: bytes | None = None) -> None:
        """Start a program; what it says goes into a file of its name."""
        with (self.folder / f"{called}.log").open("ab") as log:
            process = subprocess.Popen(
                [*self.prefix, *words],
                env=self.environment,
                cwd=self.folder,
                stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.up[called] = process
        if stdin is not None and process.stdin is not None:
            process.stdin.write(stdin)
            process.stdin.close()

    def alive(self) -> None:
        """Raises `RuntimeError` where a program has ended by itself, with the end of what it said."""
        for called, process in self.up.items():
            if process.poll() is not None:
                said = (self.folder / f"{called}.log").read_text(encoding="utf-8", errors="replace")
                raise RuntimeError(f"{called} on {self.name} has ended\n{said[-3000:]}")

    def finish(self, called: str) -> None:
        """Wait until a program has ended. Raises `RuntimeError` where it has not ended well."""
        if self.up[called].wait():
            self.alive()
        del self.up[called]

    def kill(self) -> int:
        """SIGKILL for every process of the machine, all at once; gives how many there were."""
        found: list[int] = []
        for _ in range(2):  # what stands still has no children that were not seen
            found = descendants([process.pid for process in self.up.values()])
            signal_all(found, signal.SIGSTOP)
        signal_all(found, signal.SIGKILL)
        for process in self.up.values():
            process.wait()
        self.up.clear()
        return len(found)


def descendants(roots: list[int]) -> list[int]:
    """These processes, their children, and so on: a task has a session of its own, but not another parent."""
    children = defaultdict(list)
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()[1])
            except OSError:  # it has ended meanwhile
                continue
            children[parent].append(int(entry.name))
    found: list[int] = []
    while roots:
        found += roots
        roots = [child for parent in roots for child in children[parent]]
    return found


def signal_all(pids: list[int], number: int) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def free_port(address: str) -> int:
    with socket.socket() as probe:
        probe.bind((address, 0))
        return int(probe.getsockname()[1])


def wait(what: str, ready: Callable[[], Any], machines: list[Machine], seconds: float = 120) -> Any:
    """Ask until the answer is true. Raises `TimeoutError`, or `RuntimeError` where a program has ended."""
    until = time.monotonic() + seconds
    while True:
        try:
            answer = ready()
        except OSError:
            answer = None
        if answer:
            return answer
        for machine in machines:
            machine.alive()
        if time.monotonic() > until:
            raise TimeoutError(f"{what}: not after {seconds:.0f} s")
        time.sleep(0.3)


def listens(address: str, port: int) -> bool:
    with socket.create_connection((address, port), timeout=1):
        return True


# ── what comes in ────────────────────────────────────────────────────────────────────────────────────────────

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?=Z|[+-]\d\d:\d\d)")
_EVENT = re.compile(r"(?<=<EventID>)[\d\s]{14,}(?=</EventID>)")


def restamped(text: str, by: timedelta) -> str:
    """A telegram as it would have been some time later: all its times, and events that are named by theirs."""

    def event(found: re.Match[str]) -> str:
        moved = (datetime.strptime(one, "%Y%m%d%H%M%S") + by for one in found[0].split())  # noqa: DTZ007
        return " ".join(one.strftime("%Y%m%d%H%M%S") for one in moved)

    text = _TIME.sub(lambda found: (datetime.fromisoformat(found[0]) + by).isoformat(), text)
    return _EVENT.sub(event, text)


def burst(originals: list[Path], count: int, folder: Path) -> exercise.Recording:
    """So many telegrams made of some, an hour apart, as a recording; every tenth comes late, with the last wave."""
    made: list[tuple[str, str]] = []
    for n in range(count):
        path = originals[n % len(originals)]
        text = restamped(path.read_text(encoding="utf-8"), timedelta(hours=n // len(originals)))
        made.append((f"{n:06d}_{path.name}", text))
    (folder / "telegrams").mkdir(parents=True)
    for name, text in made:
        (folder / "telegrams" / name).write_text(text, encoding="utf-8")
    manifest = folder / "burst.yml"
    manifest.write_text('title: burst\nstatus: actual\nentries:\n  - {files: "**", telegrams: true}\n')
    return exercise.read(manifest, folder / "telegrams")


def waves(recording: exercise.Recording, number: int) -> list[exercise.Recording]:
    """The recording as it has come in after each of some waves."""
    documents = recording.documents
    size = -(-len(documents) // number)
    wave = {one.path: number - 1 if n % 10 == 9 else n // size for n, one in enumerate(documents)}
    return [
        replace(recording, documents=tuple(one for one in documents if wave[one.path] <= last))
        for last in range(number)
    ]


class Gate:
    """An address of machine A whose connections go to whichever playback server is named."""

    def __init__(self, address: str) -> None:
        self.target: tuple[str, int] | None = None
        self._socket = socket.create_server((address, 0))
        self.address = f"http://{address}:{self._socket.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            came, _ = self._socket.accept()
            if self.target is None:
                came.close()
                continue
            gone = socket.create_connection(self.target)
            for one, other in ((came, gone), (gone, came)):
                threading.Thread(target=self._pass_on, args=(one, other), daemon=True).start()

    def _pass_on(self, one: socket.socket, other: socket.socket) -> None:
        try:
            while data := one.recv(65536):
                other.sendall(data)
            other.shutdown(socket.SHUT_WR)
        except OSError:
            one.close()
            other.close()


def places_and_maps(data: Path | None) -> list[tuple[str, datetime, Any, list[tuple[str, Path]]]]:
    """Feed, time, taint and files of everything that exposure is made of."""
    known = catalogue.load(PROJECT / "config")
    feeds = {one.id for one in known.feeds_of(known.layer("hazard_exposure"))}
    name, folder = ("kunren", PROJECT / "exercises" / "kunren") if data is None else ("realdata", data)
    played = exercise.read(PROJECT / "exercises" / f"{name}.yml", folder)
    groups = defaultdict(list)
    for one in played.documents:
        if one.feed in feeds:
            status = played.status if one.status == "actual" else one.status
            groups[one.feed, one.at, status].append((Path(one.path).name, folder / one.path))
    return [(*key, files) for key, files in groups.items()]


def telegrams_of(data: Path | None) -> list[Path]:
    """The telegrams that the burst is made of."""
    if data is None:
        return sorted((PROJECT / "exercises" / "kunren").glob("jma_*/*.xml"))
    return sorted((data / "jma-xml").glob("real-*/**/*.xml"))


def feeds_by_type() -> dict[str, str]:
    known = catalogue.load(PROJECT / "config")
    return {
        kind: one.id
        for one in known.feeds.values()
        if isinstance(one.source, catalogue.AtomSource)
        for kind in one.source.types
    }


# ── what is asked of the databases ───────────────────────────────────────────────────────────────────────────

_REVISIONS = """
SELECT s.status, s.kind, s.scope, s.visibility, r.item_id, r.muni_code, r.props, ST_AsBinary(r.geom), r.expires_at,
       r.valid_from, r.valid_to, d.sha256
FROM revision r JOIN scope s ON s.id = r.scope_id JOIN bulletin b ON b.id = r.stated_by
JOIN document d ON d.id = b.document_id WHERE r.retired_by IS NULL"""
_BULLETINS = """
SELECT s.status, s.kind, s.scope, s.visibility, b.msg_type, b.complete, b.issued_at, b.serial, b.source_event_id,
       b.bulletin_type, b.issuer, b.item_count, d.sha256
FROM bulletin b JOIN scope s ON s.id = b.scope_id JOIN document d ON d.id = b.document_id
WHERE b.replaced_by IS NULL"""
_TRIES = """
SELECT dag_id, run_id, task_id, map_index, try_number, state, coalesce(hostname, ''), queued_dttm, start_date,
       end_date, {past} FROM {table}"""


@dataclass(frozen=True)
class Try:
    """One try of one task."""

    dag: str
    run: str
    task: str
    index: int
    number: int
    state: str | None
    host: str
    queued: datetime | None
    started: datetime | None
    ended: datetime | None
    past: bool

    @property
    def key(self) -> tuple[str, str, str, int]:
        return self.dag, self.run, self.task, self.index


def rows(address: str, query: str, *values: object) -> list[tuple[Any, ...]]:
    with psycopg.connect(address) as connection:
        return connection.execute(query, values).fetchall()  # type: ignore[arg-type]


def tries(address: str) -> list[Try]:
    """All of Airflow's, those that came to nothing too."""
    tables = {"task_instance": "false", "task_instance_history": "true"}
    return [
        Try(*row) for table, past in tables.items() for row in rows(address, _TRIES.format(table=table, past=past))
    ]


_OF_THEIR_TIME = frozenset(["shelter_member", "shelter_place", "register_decision"])
"""What the register states: it carries the time at which it was worked out, which is another on every run."""


def differences(ours: Counter[Any], theirs: Counter[Any]) -> list[str]:
    """What one has and the other has not, or not as often."""
    lines = [f"only on two machines, {n} times: {one!s:.300}" for one, n in (ours - theirs).items()]
    return lines + [f"only on one machine, {n} times: {one!s:.300}" for one, n in (theirs - ours).items()]


# ── the proof ────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass
class Proof:
    """What is known of a run: where things are, when they happened, what was found."""

    folder: Path
    a: Machine
    b: Machine
    store: str
    airflow: str
    api: str
    own: settings.Settings
    started: float = field(default_factory=time.monotonic)
    seconds: dict[str, float] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)

    def say(self, text: str) -> None:
        print(f"  {time.monotonic() - self.started:6.1f} s  {text}", flush=True)

    def check(self, what: str, wrong: list[str] | str | None) -> None:
        """One line of the table; what is wrong makes the proof fail."""
        found = [wrong] if isinstance(wrong, str) else (wrong or [])
        print(f"  {'no ' if found else 'yes'}  {what}", flush=True)
        for one in found[:5]:
            print(f"       {one}", flush=True)
        self.failures += [f"{what}: {one}" for one in found[:5]]

    def request(self, method: str, path: str, body: object) -> Any:
        import httpx

        with httpx.Client(base_url=self.api, timeout=30) as client:
            token = client.get("/auth/token").raise_for_status().json()["access_token"]
            answer = client.request(method, path, json=body, headers={"Authorization": f"Bearer {token}"})
            return answer.raise_for_status().json()

    def documents(self) -> dict[str, list[str]]:
        """Outcomes by SHA-256."""
        found = defaultdict(list)
        for digest, outcome in rows(self.store, "SELECT sha256, outcome FROM document"):
            found[digest].append(outcome)
        return found


def airflow_environment(address: str, ports: dict[str, int], passwords: dict[str, str]) -> dict[str, str]:
    """What is the same on all machines."""
    database = f"bousai:{passwords['postgres']}@{address}:{ports['postgres']}/airflow"
    clean = {
        name: value for name, value in os.environ.items() if not name.startswith(("BOUSAI_", "AIRFLOW_", "AWS_"))
    }
    return clean | {
        "PYTHONPATH": str(PROJECT / "src"),
        "BOUSAI_STORE": f"postgresql+psycopg://bousai:{passwords['postgres']}@{address}:{ports['postgres']}/bousai",
        "BOUSAI_ARCHIVE": "s3://bousai/archive",
        "AWS_ENDPOINT_URL": f"http://{address}:{ports['s3']}",
        "AWS_ACCESS_KEY_ID": "bousai",
        "AWS_SECRET_ACCESS_KEY": passwords["s3"],
        "AWS_DEFAULT_REGION": "us-east-1",
        "AIRFLOW__API__BASE_URL": f"http://{address}:{ports['api']}",
        "AIRFLOW__API__HOST": address,
        "AIRFLOW__API__PORT": str(ports["api"]),
        "AIRFLOW__API__SECRET_KEY": passwords["api"],
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__API_AUTH__JWT_SECRET": passwords["jwt"],
        "AIRFLOW__CELERY__BROKER_URL": f"redis://:{passwords['redis']}@{address}:{ports['redis']}/0",
        "AIRFLOW__CELERY__EXTRA_CELERY_CONFIG": json.dumps({"imports": ["bousai.pipeline", "s3fs"]}),
        "AIRFLOW__CELERY__RESULT_BACKEND": f"db+postgresql+psycopg2://{database}",
        "AIRFLOW__CELERY__TASK_ACKS_LATE": "True",
        "AIRFLOW__CELERY__WORKER_CONCURRENCY": "2",
        "AIRFLOW__CELERY__WORKER_PREFETCH_MULTIPLIER": "1",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "True",
        "AIRFLOW__CORE__DAGS_FOLDER": str(PROJECT / "dags"),
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://{address}:{ports['api']}/execution/",
        "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
        "AIRFLOW__CORE__FERNET_KEY": passwords["fernet"],
        "AIRFLOW__CORE__HOSTNAME_CALLABLE": "socket.gethostname",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__PARALLELISM": "8",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"postgresql+psycopg://{database}",
        "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.3",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        **HEARTBEAT,
    }


@contextmanager
def services(folder: Path, namespace: str | None) -> Iterator[Proof]:
    """PostgreSQL, Redis and the object store, and both machines without a worker. Ends everything on the way out."""
    address = HERE if namespace else "127.0.0.1"
    ports = {name: free_port(address) for name in ("redis", "s3", "api")}
    passwords = {name: secrets.token_hex(24) for name in ("postgres", "redis", "s3", "api", "jwt")}
    passwords["fernet"] = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
    rules = folder / "pg_hba.conf"
    rules.write_text("host postgres bousai 127.0.0.1/32 trust\nhost all bousai all scram-sha-256\n")
    folder.chmod(0o711)
    rules.chmod(0o644)
    tuned = ("fsync=off", "max_connections=200", "listen_addresses=*", f"hba_file={rules}")
    with ExitStack() as stack:
        server = stack.enter_context(throwaway_postgis.server(*tuned))
        ports["postgres"] = int(server.rpartition(":")[2])
        plain = server.replace("postgresql+psycopg", "postgresql")
        with psycopg.connect(f"{plain}/postgres", autocommit=True) as connection:
            connection.execute(f"ALTER ROLE bousai PASSWORD '{passwords['postgres']}'")
            for name in ("bousai", "airflow"):
                connection.execute(f"CREATE DATABASE {name}")
        shared = airflow_environment(address, ports, passwords)
        machines = []
        for letter in "ab":
            home = folder / f"machine-{letter}"
            (home / "airflow").mkdir(parents=True)
            own = {
                "AIRFLOW_HOME": str(home / "airflow"),
                "AIRFLOW__CORE__PLUGINS_FOLDER": str(home / "airflow" / "no-plugins"),
                "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(home / "airflow" / "logs"),
                "BOUSAI_DATA": str(home / "var"),
            }
            if namespace is None:  # one name for both: then a variable tells them apart
                (folder / "machine.py").write_text("import os\n\n\ndef name():\n    return os.environ['MACHINE']\n")
                own |= {
                    "MACHINE": f"machine-{letter}",
                    "AIRFLOW__CORE__HOSTNAME_CALLABLE": "machine.name",
                    "PYTHONPATH": f"{PROJECT / 'src'}:{folder}",
                }
            prefix = entering(namespace, "machine-b") if namespace and letter == "b" else []
            machine = Machine(f"machine-{letter}", home, prefix, shared | own)
            stack.callback(machine.kill)
            machines.append(machine)
        a, b = machines
        redis = f'bind {address}\nport {ports["redis"]}\nrequirepass {passwords["redis"]}\nsave ""\n'
        a.start("redis", "redis-server", "-", stdin=redis.encode())
        a.start("s3", sys.executable, "-m", "moto.server", "-H", address, "-p", str(ports["s3"]))
        for name in ("redis", "s3"):
            wait(name, lambda name=name: listens(address, ports[name]), [a])
        os.environ |= {name: value for name, value in a.environment.items() if name.startswith("AWS_")}
        yield Proof(
            folder,
            a,
            b,
            f"postgresql://bousai:{passwords['postgres']}@{address}:{ports['postgres']}/bousai",
            f"postgresql://bousai:{passwords['postgres']}@{address}:{ports['postgres']}/airflow",
            f"http://{address}:{ports['api']}",
            settings.load(a.environment),
        )


def worker(machine: Machine, queues: str) -> None:
    name = f"{machine.name}@%h"
    machine.start("worker", str(BIN / "airflow"), "celery", "worker", "-q", queues, "--skip-serve-logs", "-H", name)


def set_up(proof: Proof, data: Path | None) -> None:
    """Airflow's tables and processes; meanwhile the store with places and hazard maps, and a copy of it."""
    import fsspec

    airflow = str(BIN / "airflow")
    proof.a.start("migrate", airflow, "db", "migrate")
    fsspec.filesystem("s3").mkdir("bousai")
    pipeline.prepare(proof.own)
    loaded = 0
    for feed, at, status, files in places_and_maps(data):
        for _ in pipeline.ingest_files(feed, files, proof.own, dated_at=at, taint=status, accept=True):
            loaded += 1
    pools = proof.folder / "pools.json"
    pools.write_text(json.dumps(catalogue.load(proof.own.config).pools()), encoding="utf-8")
    proof.a.finish("migrate")
    proof.a.start("pools", airflow, "pools", "import", str(pools))
    proof.a.finish("pools")
    for component in ("api-server", "scheduler", "dag-processor"):
        proof.a.start(component, airflow, component)
    worker(proof.a, "default,house")
    worker(proof.b, "default")
    with psycopg.connect(proof.airflow, autocommit=True) as connection:
        connection.execute("CREATE DATABASE reference TEMPLATE bousai")
    proof.say(f"{loaded} documents with places and hazard maps are in the store, Airflow is starting")


def schedule(proof: Proof, dags: list[str]) -> None:
    """Wait until both workers and the DAGs are there, then let them run."""

    def workers() -> bool:
        ready = "ready."
        return all(
            ready in (machine.folder / "worker.log").read_text(encoding="utf-8", errors="replace")
            for machine in (proof.a, proof.b)
        )

    both = [proof.a, proof.b]
    known = "SELECT count(*) FROM dag WHERE dag_id = ANY(%s)"
    wait("the DAGs are read", lambda: rows(proof.airflow, known, dags)[0][0] == len(dags), both)
    wait("both workers are ready", workers, both)
    host, _, port = proof.api.rpartition("/")[2].rpartition(":")
    wait("the api-server answers", lambda: listens(host, int(port)), both)
    for dag in dags:
        proof.request("PATCH", f"/api/v2/dags/{dag}", {"is_paused": False})
    proof.say("both workers are ready, the DAGs run")


def storm(proof: Proof, gate: Gate, parts: list[exercise.Recording]) -> tuple[set[str], list[Try]]:
    """Let the burst in, kill machine B amid it, let it come back, wait until all is done. Gives the SHA-256 of all
    telegrams and the tries that were lost."""
    began = time.monotonic()
    began_at = datetime.now(UTC)
    wanted = {sha256((parts[-1].folder / one.path).read_bytes()).hexdigest() for one in parts[-1].documents}
    lost: list[Try] = []
    killed_at = back_at = recovered_at = done_at = None
    step = 0
    with ExitStack() as played:
        while True:
            at = time.monotonic() - began
            if at > PATIENCE:
                raise TimeoutError(f"the burst was not done after {PATIENCE:.0f} s")
            if step < len(parts) and at >= step * STEP:
                _, _, port = played.enter_context(exercise.serve(parts[step])).rpartition(":")
                gate.target = ("127.0.0.1", int(port))
                step += 1
                proof.say(f"{len(parts[step - 1].documents)} telegrams have been issued")
            proof.a.alive()
            proof.b.alive()
            seen = tries(proof.airflow)
            now = datetime.now(UTC)
            if killed_at is None:
                at_work = [one for one in seen if one.host == "machine-b" and one.state == "running"]
                long = [one for one in at_work if one.started and (now - one.started).total_seconds() > 1.5]
                if any(one.task == "ingest" for one in long):
                    count = proof.b.kill()
                    killed_at = datetime.now(UTC)
                    time.sleep(3)  # what it had just told the api-server is written
                    seen = tries(proof.airflow)
                    lost = [one for one in seen if one.host == "machine-b" and one.state == "running"]
                    names = ", ".join(sorted(f"{one.dag} {one.task}" for one in lost))
                    proof.say(f"machine-b is killed: {count} processes, at work on {names}")
            elif recovered_at is None:
                again = {one.key: one for one in seen if one.state in DONE and one.host == "machine-a"}
                if all(one.key in again for one in lost):
                    recovered_at = max(again[one.key].ended or now for one in lost)
                    proof.say("machine-a has done what machine-b was at")
            elif back_at is None:
                back_at = now
                worker(proof.b, "default")
                proof.say("machine-b is started again")
            documents = proof.documents()
            open_ones = [one for one in wanted if set(documents[one]) - {"stored", "unchanged"} or not documents[one]]
            if done_at is None and step == len(parts) and not open_ones:
                done_at = now
                proof.say("every telegram is in the store")
            if done_at is not None and back_at is not None:
                waiting = [
                    one
                    for one in seen
                    if one.state not in FINISHED
                    and (one.dag == "exposure" or (one.queued is not None and one.queued < killed_at))
                    and not one.past
                ]
                # a layer is as new as the last task that can have changed what it is made of
                last = max([done_at, *(x.ended for x in seen if x.task in ("ingest", "expose") and x.ended)])
                published = [
                    one
                    for one in seen
                    if one.task == "publish" and one.state == "success" and one.started and one.started > last
                ]
                if published and not waiting:
                    break
            time.sleep(0.7)
    assert killed_at is not None
    assert recovered_at is not None
    assert back_at is not None
    assert done_at is not None
    proof.say("the outputs are published")
    proof.figures = figures(tries(proof.airflow), lost, Times(began_at, killed_at, recovered_at, back_at, done_at))
    return wanted, lost


@dataclass(frozen=True)
class Times:
    """When the burst began, B was killed, A had done B's work, B came back, and every telegram was stored."""

    began: datetime
    killed: datetime
    recovered: datetime
    back: datetime
    done: datetime


def figures(seen: list[Try], lost: list[Try], at: Times) -> dict[str, Any]:
    """Rates, times of recovery and the cost of a task, from Airflow's own records."""
    ended = [one for one in seen if one.state in DONE and one.started and one.ended and one.queued]

    def rate(since: datetime, until: datetime) -> float:
        minutes = (until - since).total_seconds() / 60
        return round(sum(since <= one.ended < until for one in ended if one.ended) / minutes, 1)

    def middle(values: list[float]) -> float:
        return round(sorted(values)[len(values) // 2], 2) if values else 0.0

    def since_kill(moments: list[datetime]) -> float:
        return round((max(moments) - at.killed).total_seconds(), 1) if moments else 0.0

    keys = {one.key for one in lost}
    given_up = [one.ended for one in seen if one.key in keys and one.host == "machine-b" and one.ended]
    again = [one for one in seen if one.key in keys and one.host == "machine-a" and one.started]
    late = at.recovered if at.recovered > at.killed else at.killed
    return {
        "tasks": {host: sum(one.host == host for one in ended) for host in ("machine-a", "machine-b")},
        "tasks a minute, two workers": rate(at.began, at.killed),
        "tasks a minute, one worker": rate(at.killed, at.back),
        "tasks a minute, two workers again": rate(at.back, max(at.done, at.back + timedelta(seconds=1))),
        "tries lost": len(lost),
        "seconds from the kill until they were given up": since_kill([one for one in given_up if one]),
        "seconds from the kill until they ran again": since_kill([one.started for one in again if one.started]),
        "seconds from the kill until they were done": round((late - at.killed).total_seconds(), 1),
        "seconds of the burst": round((at.done - at.began).total_seconds(), 1),
        "median seconds in the queue": middle([(one.started - one.queued).total_seconds() for one in ended]),
    }


def stop(proof: Proof) -> None:
    """End Airflow on both machines; store, archive and broker stay."""
    proof.b.kill()
    ended = [proof.a.up.pop(called) for called in ("worker", "scheduler", "dag-processor", "api-server")]
    signal_all(descendants([process.pid for process in ended]), signal.SIGKILL)
    for process in ended:
        process.wait()


def reference(proof: Proof, recording: exercise.Recording) -> settings.Settings:
    """The same input through this one process, into the copy of the store and a folder."""
    own = settings.load(
        {"BOUSAI_DATA": str(proof.folder / "reference"), "BOUSAI_STORE": f"{proof.own.store[:-6]}reference"}
    )
    feeds = feeds_by_type()
    by_feed = defaultdict(list)
    for one in recording.documents:
        by_feed[feeds[jma_xml.bulletin_type(one.title)]].append((one.path, recording.folder / one.path))
    for feed, files in by_feed.items():
        for _ in pipeline.ingest_files(feed, files, own):
            continue
    for pref in pipeline.prefectures_to_expose(own):
        pipeline.expose(pref, own)
    return own


def judge(proof: Proof, recording: exercise.Recording, wanted: set[str], lost: list[Try]) -> None:
    """Everything that must be so, one line each."""
    seen = tries(proof.airflow)
    documents = proof.documents()
    one = reference(proof, recording)
    plain = one.store.replace("postgresql+psycopg", "postgresql")
    proof.say("the same input has gone through one process")
    print()

    def hosts(dag: str) -> set[str]:
        return {t.host for t in seen if t.dag.startswith(dag) and t.host}

    proof.check(
        f"each of {len(wanted)} telegrams is one document, and read",
        [f"{d}: {documents[d]}" for d in wanted if len(documents[d]) != 1 or documents[d][0] == "pending"],
    )
    proof.check("nothing waits", [d for d, found in documents.items() if "pending" in found])
    for what, query in (("bulletin", _BULLETINS), ("revision", _REVISIONS)):
        ours, theirs = Counter(rows(proof.store, query)), Counter(rows(plain, query))
        for exposure in (False, True):
            mine, its = (
                Counter(
                    {
                        row: n
                        for row, n in some.items()
                        if (row[1] == "hazard_exposure") is exposure and row[1] not in _OF_THEIR_TIME
                    }
                )
                for some in (ours, theirs)
            )
            name = f"{what}s of the exposure" if exposure else f"{what}s"
            proof.check(f"{mine.total()} {name}, the same as on one machine", differences(mine, its))
    proof.check("no prefecture is left to expose", pipeline.prefectures_to_expose(proof.own))
    both = {"machine-a", "machine-b"}
    for dag in ("exposure", "feed__"):
        proof.check(f"both workers took part in {dag}", None if hosts(dag) == both else str(hosts(dag)))
    done = {t.key for t in seen if t.state in DONE and t.host == "machine-a"}
    proof.check(
        f"what was lost with machine-b ({len(lost)}) was run again by itself",
        [str(t.key) for t in lost if t.key not in done] if lost else "nothing was lost: machine-b was idle",
    )
    failed = [f"{t.dag} {t.task}" for t in seen if t.state in ("failed", "upstream_failed") and t.key not in done]
    proof.check("no task failed for good", failed)
    writers = {t.host for t in seen if t.task == "publish" and t.host}
    strays = [str(p) for p in (proof.b.folder / "var").rglob("*") if p.is_file() and "public" in p.parts]
    proof.check("the public tree is written by machine-a alone", strays or sorted(writers - {"machine-a"}))
    index = proof.own.public / "index.json"
    proof.check("the public tree is there", None if index.is_file() else "it has no index.json")
    changed = [x["layer"] for x in pipeline.publish_layers(settings=proof.own, register=False) if x["changed"]]
    proof.check("nothing in it is older than the store", changed)


def run(options: argparse.Namespace, namespaces: tuple[str, str] | None, folder: Path) -> int:
    """On machine A: everything. Gives 0 where all that is claimed was so."""
    data = options.data.absolute() if options.data else None
    known = feeds_by_type()
    recording = burst(telegrams_of(data), options.telegrams, folder)
    parts = waves(recording, WAVES)
    feeds = sorted({known[jma_xml.bulletin_type(one.title)] for one in recording.documents})
    gate = Gate(HERE if namespaces else "127.0.0.1")
    with services(folder, namespaces[1] if namespaces else None) as proof:
        try:
            for machine in (proof.a, proof.b):
                machine.environment["BOUSAI_PLAYBACK"] = gate.address
            proof.own = replace(proof.own, playback=gate.address)  # what is asked here is answered as it is there
            set_up(proof, data)
            schedule(proof, [*(f"feed__{feed}" for feed in feeds), "exposure", "outputs"])
            wanted, lost = storm(proof, gate, parts)
            stop(proof)
            judge(proof, recording, wanted, lost)
        finally:
            for machine in (proof.a, proof.b) if options.keep else ():
                (options.keep / machine.name).mkdir(parents=True, exist_ok=True)
                for log in machine.folder.glob("*.log"):
                    shutil.copy(log, options.keep / machine.name)
        print()
        for name, value in proof.figures.items():
            print(f"  {name}: {value}")
        for failure in proof.failures:
            print(f"failed: {failure}", file=sys.stderr)
        if options.json:
            found = {"figures": proof.figures, "failures": proof.failures, "namespaces": namespaces is not None}
            options.json.write_text(json.dumps(found, ensure_ascii=False, indent=1), encoding="utf-8")
        return 1 if proof.failures else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--telegrams", type=int, default=600, help="how many come in (default: 600)")
    given = os.environ.get("BOUSAI_REALDATA")
    parser.add_argument(
        "--data",
        type=Path,
        default=Path(given) if given else None,
        help="a folder of real feed files (default: BOUSAI_REALDATA; neither: the exercise's)",
    )
    parser.add_argument("--json", type=Path, help="write the figures here too")
    parser.add_argument("--keep", type=Path, help="copy the logs of both machines here at the end")
    parser.add_argument("--inside", nargs=3, metavar=("NEAR", "FAR", "FOLDER"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # whoever stops it has nothing to clean up
    why = missing()
    if why is not None:
        print(f"this cannot run here: {why}", file=sys.stderr)
        return 2
    if options.inside:
        near, far, folder = options.inside
        return run(options, (near, far), Path(folder))
    with tempfile.TemporaryDirectory(prefix="bousai-two-") as name, cable() as namespaces:
        if namespaces is None:
            print("  network namespaces may not be made here: both machines are plain processes of this one")
            return run(options, None, Path(name))
        print("  two network namespaces are joined by a cable")
        again = [sys.executable, str(Path(__file__).resolve()), *sys.argv[1:], "--inside", *namespaces, name]
        with subprocess.Popen([*entering(namespaces[0], "machine-a"), *again]) as inside:
            try:
                return inside.wait()
            except KeyboardInterrupt:
                inside.send_signal(signal.SIGINT)
                return inside.wait()


if __name__ == "__main__":
    sys.exit(main())
