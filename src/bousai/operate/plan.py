"""What is to be kept running, as data: handed as JSON from the process that checked everything to the one that stays.

Two processes, because checking needs the whole program (150 MB) and keeping needs next to nothing. Secrets are not in
here: they are in the environment, which is handed on as it is.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import msgspec

Kind = Literal["http", "airflow", "serve"]


@dataclass(frozen=True, slots=True)
class Health:
    """Where a part answers.

    `kind` says how the answer is read: "http" wants status 200; "airflow" reads Airflow's health document, where
    `key` is the heartbeat of this part ("" where the part is the server of the document itself); "serve" reads ours.
    """

    host: str
    port: int
    path: str
    kind: Kind = "http"
    key: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """One program that is to run all the time. `limit_bytes` is what it and its descendants may take (PSS)."""

    name: str
    argv: tuple[str, ...]
    health: Health | None = None
    limit_bytes: int = 0
    environment: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Chore:
    """One program that runs once a day. It must end by itself; it is ended with everything else."""

    name: str
    argv: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Timings:
    """Every wait of the supervisor, in seconds. Tests scale them down."""

    tick: float = 1.0
    probe_starting: float = 0.5
    probe: float = 5.0
    probe_patience: float = 10.0
    term_all: float = 9.0
    """After TERM to the leaders: TERM to everything that is still there."""
    kill_all: float = 12.5
    backoff_first: float = 1.0
    backoff_most: float = 60.0
    healthy_resets: float = 300.0
    starting: float = 240.0
    """How long a part may take to answer for the first time: a busy two-core machine was seen to need 50 s."""
    silent: float = 90.0
    heartbeat: float = 120.0
    memory: float = 60.0
    memory_times: int = 3
    """So many measurements above the limit in a row: one task with a large file is no leak."""
    status: float = 10.0
    chores_at: int = (18 * 60 + 30) * 60
    """Second of the day in UTC: 03:30 in Japan."""
    chores_after_ready: float = 600.0
    log_bytes: int = 10_000_000
    log_files: int = 5


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything the supervisor needs. `ready` is said when every part answers, after the seconds it took."""

    parts: tuple[Part, ...]
    logs: Path
    status: Path
    ready: str = ""
    chores: tuple[Chore, ...] = ()
    chore_argument: str = "{before}"
    timings: Timings = field(default_factory=Timings)
    began: float = 0.0
    """When the person asked for it (`time.monotonic`)."""
    hidden: tuple[str, ...] = ()
    """Names of environment variables whose values are never shown."""
    lock: int = -1
    """The descriptor of the held lock file: it must not be closed before the end, and no part inherits it."""


def encoded(plan: Plan) -> bytes:
    """A plan as JSON."""
    return msgspec.json.encode(plan, enc_hook=str)


def decoded(text: bytes) -> Plan:
    """The plan back again."""

    def path(kind: type, value: object) -> object:
        return kind(value)

    return msgspec.json.decode(text, type=Plan, dec_hook=path)
