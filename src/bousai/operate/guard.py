"""``python -P -m bousai.operate.guard FD``: what is left of `bousai up` once everything is checked.

It reads the plan from a descriptor, forks the supervisor into a session of its own, hands it the signals it gets, and
waits. Should the supervisor be killed, its processes become children of this one, which kills them and ends with 1;
should this one be killed, the supervisor sees the pipe between them end and stops everything at once. Should both be
killed in the same moment, the kernel still kills the process that leads each part.
"""

from __future__ import annotations

import os
import signal
import sys
import time
import traceback
from contextlib import suppress
from types import FrameType

from bousai.operate import processes
from bousai.operate.plan import Plan, decoded
from bousai.operate.supervisor import FORWARDED, Supervisor, to_stdout

_CLEANING_SECONDS = 5.0


def guard(plan: Plan) -> int:
    """Run a plan in a child until it ends; its exit code, 1 where it was killed."""
    processes.adopt_orphans()
    # nothing is lost between fork and handlers: what comes meanwhile waits
    signal.pthread_sigmask(signal.SIG_BLOCK, FORWARDED)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.setsid()
            os.close(writer)
            code = Supervisor(plan, parent=reader, say=to_stdout).run()
        except BaseException:  # noqa: BLE001  (a forked process must never return into its parent's code)
            traceback.print_exc()
        finally:
            with suppress(OSError, ValueError):
                sys.stdout.flush()
            os._exit(code)
    os.close(reader)

    def forward(number: int, _: FrameType | None) -> None:
        processes.send(child, signal.Signals(number))

    for one in FORWARDED:
        # under nohup a terminal that goes away is no reason to stop
        if one != signal.SIGHUP or signal.getsignal(one) != signal.SIG_IGN:
            signal.signal(one, forward)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, FORWARDED)
    ended = 0
    while ended != child:
        ended, result = os.waitpid(-1, 0)
    if os.WIFEXITED(result):
        return os.WEXITSTATUS(result)
    _clean()
    to_stdout(f"the supervisor was ended by signal {os.WTERMSIG(result)}; everything it kept was stopped")
    return 1


def _clean() -> None:
    until = time.monotonic() + _CLEANING_SECONDS
    while time.monotonic() < until:
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        left = processes.descendants(processes.table(), [os.getpid()])
        if not left:
            return
        for pid in left:
            processes.send(pid, signal.SIGKILL)
        time.sleep(0.02)


def main() -> int:
    descriptor = int(sys.argv[1])
    with open(descriptor, "rb") as file:
        plan = decoded(file.read())
    if plan.lock >= 0:
        os.set_inheritable(plan.lock, False)
    return guard(plan)


if __name__ == "__main__":
    sys.exit(main())
