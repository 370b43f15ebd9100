"""Processes of this machine, as the kernel tells of them. Linux; elsewhere `ps`, and what is Linux's does nothing.

Sources: proc(5), prctl(2). Every function takes a process that has just ended for one that is not there.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
_LINUX = sys.platform == "linux"
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36


@dataclass(frozen=True, slots=True)
class Process:
    """`began` tells a process from a later one with the same number. `session` 0: not known."""

    parent: int
    session: int
    began: int
    dead: bool


def table() -> dict[int, Process]:
    """Every process by its number. Zombies are in it, marked dead."""
    if not _LINUX:
        return _table_of_ps()
    found = {}
    for name in os.listdir(_PROC):
        if name.isdigit():
            with suppress(OSError):
                # the name of a program may hold anything, closing brackets too: what counts comes after the last one
                fields = (_PROC / name / "stat").read_bytes().rpartition(b")")[2].split()
                found[int(name)] = Process(int(fields[1]), int(fields[3]), int(fields[19]), fields[0] in (b"Z", b"X"))
    return found


def _table_of_ps() -> dict[int, Process]:
    listed = subprocess.run(["ps", "-axo", "pid=,ppid=,stat="], capture_output=True, text=True, check=False).stdout
    rows = (line.split() for line in listed.splitlines())
    return {int(row[0]): Process(int(row[1]), 0, 0, row[2].startswith("Z")) for row in rows if len(row) >= 3}


def descendants(processes: Mapping[int, Process], roots: Iterable[int]) -> set[int]:
    """Everything below these processes, without themselves; the dead are left out."""
    children: dict[int, list[int]] = {}
    for pid, one in processes.items():
        children.setdefault(one.parent, []).append(pid)
    found: set[int] = set()
    queue = list(roots)
    while queue:
        for pid in children.get(queue.pop(), ()):
            if pid not in found:
                found.add(pid)
                queue.append(pid)
    return {pid for pid in found if not processes[pid].dead}


def environment_has(pid: int, entry: str) -> bool:
    """Whether a process was started with NAME=VALUE."""
    try:
        return entry.encode() in (_PROC / str(pid) / "environ").read_bytes().split(b"\0")
    except OSError:
        return False


def memory(pid: int) -> int:
    """Bytes that this process takes: shared pages by share (PSS), where the kernel does not say the resident ones."""
    with suppress(OSError, ValueError):
        for line in (_PROC / str(pid) / "smaps_rollup").read_bytes().splitlines():
            if line.startswith(b"Pss:"):
                return int(line.split()[1]) * 1024
    if _LINUX:
        with suppress(OSError, ValueError, IndexError):
            return int((_PROC / str(pid) / "statm").read_bytes().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        return 0
    listed = subprocess.run(["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return int(listed.strip() or 0) * 1024


def send(pid: int, number: signal.Signals) -> None:
    """A signal to one process, if it is there."""
    with suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def adopt_orphans() -> None:
    """Whatever of our descendants loses its parent becomes our child, instead of escaping (Linux)."""
    if _LINUX:
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def dies_with_parent() -> Callable[[], None] | None:
    """For `preexec_fn` of a child: the kernel kills it when this process ends, however it ends (Linux).

    The function is looked up before the fork. Between fork and exec it calls the kernel and nothing else.
    """
    if not _LINUX:
        return None
    prctl, parent = ctypes.CDLL(None).prctl, os.getpid()

    def in_child() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # it ended before it was asked to be remembered
            os._exit(1)

    return in_child
