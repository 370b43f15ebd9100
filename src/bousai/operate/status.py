"""``parts.json``: what runs, for the operators' board and for `doctor`. Written aside and renamed."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import msgspec

from bousai import settings as settings_module
from bousai.operate import processes
from bousai.settings import Settings

State = Literal["starting", "running", "waiting", "stopping", "stopped"]

FRESH_SECONDS = 60
"""A file that is older than this was left by a supervisor that is no more."""


@dataclass(frozen=True, slots=True)
class PartStatus:
    """`since` is when `state` began; `pss_bytes` of the part with its descendants, None before it was measured."""

    name: str
    state: State
    pid: int | None
    since: datetime
    restarts: int
    pss_bytes: int | None
    limit_bytes: int
    last_exit: str | None
    log: str


@dataclass(frozen=True, slots=True)
class Status:
    """`supervisor` is the process number; `ready_at` None: not every part has answered yet."""

    supervisor: int
    started_at: datetime
    written_at: datetime
    ready_at: datetime | None
    parts: tuple[PartStatus, ...]


def write(path: Path, status: Status) -> None:
    """Replace the file. OSError where the disk is full."""
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o640)
    with os.fdopen(descriptor, "wb") as file:
        file.write(msgspec.json.format(msgspec.json.encode(status), indent=1))
    aside.replace(path)


def read(path: Path) -> Status | None:
    """What the file says; None where there is none or it cannot be read."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Status)
    except (OSError, msgspec.MsgspecError):
        return None


def running(status: Status, at: datetime | None = None) -> bool:
    """Whether the supervisor that wrote this is still there."""
    age = ((at or datetime.now(UTC)) - status.written_at).total_seconds()
    found = processes.table().get(status.supervisor)
    return age < FRESH_SECONDS and found is not None and not found.dead


def parts_now(settings: Settings | None = None) -> list[dict[str, Any]] | None:
    """The parts as the board shows them, None where no supervisor of ours runs on this data folder.

    One dict a part: name, state, since (ISO 8601, UTC), restarts, pss and limit (bytes; pss None before it was
    measured), last_exit (None where it has not ended yet).
    """
    own = settings_module.load() if settings is None else settings
    found = read(own.data / "airflow" / "parts.json")
    if found is None or not running(found):
        return None
    return [
        {
            "name": part.name,
            "state": part.state,
            "since": part.since.isoformat(),
            "restarts": part.restarts,
            "pss": part.pss_bytes,
            "limit": part.limit_bytes,
            "last_exit": part.last_exit,
        }
        for part in found.parts
    ]
