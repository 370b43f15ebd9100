"""Statements of one document on their way into the store: in memory while they are small, else in a scratch file."""

from __future__ import annotations

import pickle
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from bousai.model import Bulletin, Status, Visibility

_IN_MEMORY = 64 * 1024**2
_ITEM = 500  # bytes of an item without its geometry, roughly


class Statements:
    """Bulletins that can be read again, in order, one at a time; close it (or use ``with``).

    What is checked before anything is written (`items`, `complete`, `withdrawals`) is known without reading them
    again.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.items = 0
        self.withdrawals = 0
        self.complete: dict[tuple[Status, str, str, Visibility], int] = {}
        self._folder = folder
        self._held: list[Bulletin] = []
        self._size = 0
        self._file: IO[bytes] | None = None
        self._count = 0

    def __enter__(self) -> Statements:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Forget them."""
        self._held = []
        if self._file is not None:
            self._file.close()

    def __len__(self) -> int:
        return self._count

    def add(self, bulletin: Bulletin) -> None:
        """One more, behind the others."""
        self._count += 1
        self.items += len(bulletin.items)
        self.withdrawals += bulletin.msg_type == "withdraw"
        if bulletin.complete:
            self.complete[(bulletin.status, bulletin.kind, bulletin.scope, bulletin.visibility)] = len(bulletin.items)
        self._held.append(bulletin)
        self._size += _ITEM * len(bulletin.items) + sum(map(len, filter(None, bulletin.items.geometry)))
        if self._size > _IN_MEMORY:
            if self._file is None:
                self._file = tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115
            for one in self._held:
                pickle.dump(one, self._file, protocol=5)
            self._held, self._size = [], 0

    def __iter__(self) -> Iterator[Bulletin]:
        if self._file is not None:
            end = self._file.tell()
            self._file.seek(0)
            while self._file.tell() < end:
                yield pickle.load(self._file)  # noqa: S301  # written above, by this object alone
        yield from self._held
