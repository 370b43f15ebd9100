"""Between nouns and rows: instants, canonical content, hashes, and the packed list of what a bulletin states."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from functools import cache
from hashlib import blake2b
from itertools import repeat
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import orjson

from bousai.model import Bulletin

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_SEPARATOR = "\x1f"
DIGEST = 16

Ids = npt.NDArray[np.int64]


def instant(at: datetime) -> int:
    """Microseconds since 1970 UTC of an aware datetime.

    >>> instant(datetime(1970, 1, 1, 9, tzinfo=timezone(timedelta(hours=9))))
    0
    """
    if at.tzinfo is None:
        raise ValueError(f"time without zone: {at!r}")
    return (at - _EPOCH) // _MICROSECOND


def moment(microseconds: int, offset_min: int = 0) -> datetime:
    """The aware datetime of `instant`, shown at the given offset."""
    return (_EPOCH + timedelta(microseconds=microseconds)).astimezone(timezone(timedelta(minutes=offset_min)))


@dataclass(frozen=True, slots=True, eq=False)
class Content:
    """What one bulletin states: one entry an item, and their hashes (16 bytes each, in one string).

    Property columns are ordered by name. Equal content has equal bytes: numbers, texts and nulls as JSON.
    """

    item_id: Sequence[str]
    digests: bytes
    names: tuple[str, ...]
    columns: tuple[Sequence[Any], ...]
    muni_code: Sequence[str | None]
    geometry: Sequence[bytes | None]
    ended: Sequence[bool] | None
    expires_at: Sequence[int | None] | None
    position: Sequence[str]

    def __len__(self) -> int:
        return len(self.item_id)

    def digest(self, n: int) -> bytes:
        """Hash of entry `n`."""
        return self.digests[n * DIGEST : (n + 1) * DIGEST]

    def props(self, entries: Iterable[int] | None) -> Iterator[bytes]:
        """JSON objects with sorted keys of some entries (None: all), made one by one."""
        if not self.names:
            return repeat(b"{}", len(self) if entries is None else len(list(entries)))
        record = _record(self.names)
        columns = self.columns
        if entries is not None:
            return (_JSON.encode(record(*[column[n] for column in columns])) for n in entries)
        return map(_JSON.encode, map(record, *columns))


_JSON = msgspec.json.Encoder()


@cache
def _record(names: tuple[str, ...]) -> type[msgspec.Struct]:
    """A type whose JSON has these members; a record of it is made and written in half the time of a dict."""
    fields = [f"f{n}" for n in range(len(names))]
    return msgspec.defstruct("Record", fields, rename=dict(zip(fields, names, strict=True)))


def content_of(bulletin: Bulletin) -> Content:
    """Canonical content with hashes. `position` is not content: a row may move in its file freely."""
    table = bulletin.items
    n = len(table)
    names = tuple(sorted(table.props))
    columns = tuple(table.props[name] for name in names)
    fallback = instant(bulletin.valid_to) if bulletin.valid_to is not None else None
    expires: list[int | None] | None = None
    if table.valid_to is not None:
        expires = [fallback if at is None else instant(at) for at in table.valid_to]
    elif fallback is not None:
        expires = [fallback] * n
    # The names stand in every hash, so that the same values under other names are another content.
    tag = blake2b(orjson.dumps(names), digest_size=8).hexdigest()
    rows = zip(
        repeat(tag, n),
        table.item_id,
        table.muni_code,
        repeat(False, n) if table.ended is None else table.ended,
        repeat(None, n) if expires is None else expires,
        *columns,
        strict=True,
    )
    dumps = orjson.dumps
    digests = b"".join(
        [
            blake2b(dumps(row) + (geometry or b""), digest_size=DIGEST).digest()
            for row, geometry in zip(rows, table.geometry, strict=True)
        ]
    )
    position = table.position or [""] * n
    ended = table.ended if table.ended is not None and any(table.ended) else None
    return Content(
        table.item_id, digests, names, columns, table.muni_code, table.geometry, ended, expires, position
    )  # fmt: skip


def bulletin_digest(bulletin: Bulletin, content: Content) -> bytes:
    """Hash of all that a bulletin says; equal bulletins are the same bulletin, in whatever order they list."""
    head = (bulletin.complete, bulletin.source_event_id, bulletin.bulletin_type, bulletin.issuer)
    h = blake2b(orjson.dumps(head), digest_size=DIGEST)
    lanes = np.frombuffer(content.digests, dtype=">u8").reshape(-1, 2)
    h.update(lanes[np.lexsort((lanes[:, 1], lanes[:, 0]))].tobytes())
    return h.digest()


@dataclass(frozen=True, slots=True, eq=False)
class Members:
    """The items that a recorded bulletin states: ids (joined), hashes, the revision rows that hold them."""

    joined_ids: bytes
    digests: bytes
    rows: Ids
    ended: npt.NDArray[np.bool_] | None

    def item_ids(self) -> list[str]:
        """The ids one by one."""
        return self.joined_ids.decode().split(_SEPARATOR) if len(self.rows) else []


def join_ids(ids: Sequence[str]) -> bytes:
    """All ids as one string, to compare and to keep."""
    joined = _SEPARATOR.join(ids)
    if joined.count(_SEPARATOR) != max(len(ids) - 1, 0):
        raise ValueError("an item id contains U+001F")
    return joined.encode()


def pack(joined_ids: bytes, digests: bytes, rows: Ids, ended: Sequence[bool] | None) -> bytes:
    """`Members` as bytes. Neighbouring rows differ by one, so their differences compress to little."""
    flags = b"" if ended is None else np.packbits(np.asarray(ended, dtype=bool)).tobytes()
    steps = np.diff(rows, prepend=np.int64(0)).astype("<i8").tobytes()
    head = np.array([len(rows), len(joined_ids), len(flags)], dtype="<i8").tobytes()
    return digests + zlib.compress(head + joined_ids + steps + flags, level=1)


def unpack(packed: bytes, n: int) -> Members:
    """The `Members` of `n` items."""
    digests, rest = packed[: n * DIGEST], zlib.decompress(packed[n * DIGEST :])
    count, ids_length, flags_length = (int(x) for x in np.frombuffer(rest[:24], dtype="<i8"))
    steps_at = 24 + ids_length
    flags_at = steps_at + 8 * count
    rows = np.cumsum(np.frombuffer(rest[steps_at:flags_at], dtype="<i8")).astype(np.int64)
    flags = np.frombuffer(rest[flags_at:], dtype=np.uint8)
    ended = np.unpackbits(flags, count=count).astype(bool) if flags_length else None
    return Members(rest[24:steps_at], digests, rows, ended)
