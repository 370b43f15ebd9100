"""What the parts say: one file a part, rotated by size, whole lines only."""

from __future__ import annotations

import os
from collections import deque
from pathlib import Path

_LONGEST_LINE = 1 << 20
_CHUNK = 1 << 16
_MODE = 0o640


class Log:
    """A file that is moved to ``<name>.log.1`` (2, 3 …) when it would grow above `most` bytes; `files` in all."""

    def __init__(self, path: Path, most: int, files: int) -> None:
        self.path = path
        self._most, self._files = most, files
        self._last: deque[bytes] = deque(maxlen=5)
        self._open()

    def _open(self) -> None:
        self._file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, _MODE)
        os.fchmod(self._file, os.fstat(self._file).st_mode & _MODE)
        self._size = os.fstat(self._file).st_size

    def write(self, lines: bytes) -> None:
        """Append whole lines. OSError (a full disk) loses them, never the supervisor: it tries again next time."""
        self._last.extend(line for line in lines.splitlines() if line.strip())
        for piece in [lines] if len(lines) <= self._most else lines.splitlines(keepends=True):
            self._append(piece)

    def _append(self, piece: bytes) -> None:
        if self._size and self._size + len(piece) > self._most:
            self._rotate()
        try:
            rest = memoryview(piece)
            while rest:
                written = os.write(self._file, rest)
                self._size += written
                rest = rest[written:]
        except OSError:
            return

    def _rotate(self) -> None:
        os.close(self._file)
        for number in range(self._files - 1, 0, -1):
            older = self.path.with_name(f"{self.path.name}.{number}")
            newer = self.path.with_name(f"{self.path.name}.{number - 1}") if number > 1 else self.path
            if newer.exists():
                newer.replace(older)
        if self._files == 1:
            self.path.unlink(missing_ok=True)
        self._open()

    def forget(self) -> None:
        """The lines of a new run begin here."""
        self._last.clear()

    def last_lines(self, number: int) -> list[str]:
        """The last lines of this run that are not empty."""
        return [line.decode(errors="replace").strip() for line in list(self._last)[-number:]]

    def close(self) -> None:
        os.close(self._file)


class Stream:
    """One run's end of a pipe. Two runs of a part that overlap do not mix their lines."""

    def __init__(self, descriptor: int, log: Log) -> None:
        os.set_blocking(descriptor, False)
        self.descriptor = descriptor
        self._log = log
        self._rest = b""
        self.ended = False

    def read(self) -> None:
        """Take what is there; `ended` says that nobody writes any more."""
        while not self.ended:
            try:
                found = os.read(self.descriptor, _CHUNK)
            except BlockingIOError:
                return
            except OSError:
                found = b""
            if not found:
                self.ended = True
                if self._rest:
                    self._log.write(self._rest + b"\n")
                    self._rest = b""
                return
            lines, broken, rest = (self._rest + found).rpartition(b"\n")
            if broken:
                self._log.write(lines + b"\n")
            self._rest = rest
            if len(self._rest) > _LONGEST_LINE:
                self._log.write(self._rest)
                self._rest = b""

    def finish(self) -> None:
        """Take the last of it and give the descriptor back."""
        self.read()
        if self._rest:
            self._log.write(self._rest + b"\n")
            self._rest = b""
        os.close(self.descriptor)
