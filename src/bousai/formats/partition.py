"""Very many records, sorted into a fixed number of parts on their way: in memory while they are few, else in a file.

For statements that must be small and yet complete. Where one list is cut by running number, a thing that is inserted
moves all behind it from one statement into the next, and the last statement of a list that became shorter is never
said again. Cut by a hash of the thing itself, each thing always belongs to the same part, and every part is said.
"""

from __future__ import annotations

import tempfile
from collections.abc import Hashable, Iterator
from typing import IO, Any, Generic, TypeVar, cast

import msgspec

_IN_MEMORY = 64 * 1024**2
Key = TypeVar("Key", bound=Hashable)


class Partition(Generic[Key]):
    """Records (plain values and bytes) by part; close it (or use ``with``)."""

    def __init__(self) -> None:
        self._file = cast("IO[bytes]", tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY))  # noqa: SIM115
        self._places: dict[Key, list[tuple[int, int]]] = {}
        self._size = 0

    def __enter__(self) -> Partition[Key]:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, part: Key, records: list[Any]) -> None:
        """Some more records of a part, behind the others."""
        packed = msgspec.msgpack.encode(records)
        self._file.seek(self._size)
        self._file.write(packed)
        self._places.setdefault(part, []).append((self._size, len(packed)))
        self._size += len(packed)

    def records(self, part: Key) -> Iterator[Any]:
        """The records of a part, in the order in which they came."""
        for at, size in self._places.get(part, ()):
            self._file.seek(at)
            yield from msgspec.msgpack.decode(self._file.read(size))
