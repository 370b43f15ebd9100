"""``python -m bousai.operate.chores FOLDER DAYS``: delete Airflow's task logs that nobody has written to for so long.

Airflow deletes none by itself. A program of its own: a hundred thousand files take their time.
"""

from __future__ import annotations

import os
import sys
import time
from contextlib import suppress
from pathlib import Path

_DAY = 86_400


def delete_old(folder: Path, before: float) -> int:
    """Delete files below `folder` last written before this moment (seconds since 1970), and folders left empty.

    Gives the number of files. Follows no link; a link that leads nowhere any more goes too.
    """
    deleted = 0
    for here, _, files in os.walk(folder, topdown=False):
        for name in files:
            path = Path(here, name)
            with suppress(OSError):
                stale = path.lstat().st_mtime < before
                if stale and (not path.is_symlink() or not path.exists()):
                    path.unlink()
                    deleted += 1
        if Path(here) != folder:
            with suppress(OSError):  # not empty, or just being written to
                if Path(here).lstat().st_mtime < before or not os.listdir(here):
                    os.rmdir(here)
    return deleted


def main() -> int:
    folder, days = Path(sys.argv[1]), int(sys.argv[2])
    deleted = delete_old(folder, time.time() - days * _DAY)
    sys.stdout.write(f"{deleted} log files older than {days} days deleted in {folder}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
