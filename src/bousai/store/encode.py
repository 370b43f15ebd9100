"""Between nouns and rows: instants, canonical content, hashes, packed lists of item ids."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from hashlib import blake2b

import numpy as np
import orjson

from bousai.model import Bulletin, ItemTable

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


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
class EncodedItems:
    """The columns of the `item` table for one bulletin."""

    item_id: Sequence[str]
    digest: list[bytes]
    muni_code: Sequence[str | None]
    props: list[str]
    geometry: Sequence[bytes | None]
    ended: Sequence[bool]
    expires_at: Sequence[int | None]
    position: Sequence[str]

    def __len__(self) -> int:
        return len(self.item_id)


def encode_items(table: ItemTable, valid_to: datetime | None) -> EncodedItems:
    """Canonical JSON and a 16-byte hash for each item. `position` is not content: it may move freely."""
    n = len(table)
    names = sorted(table.props)
    columns = [table.props[name] for name in names]
    dumps: Callable[[object], bytes] = orjson.dumps
    if columns:
        texts = [dumps(dict(zip(names, values, strict=True))) for values in zip(*columns, strict=True)]
    else:
        texts = [b"{}"] * n
    fallback = instant(valid_to) if valid_to is not None else None
    expires: list[int | None]
    if table.valid_to is None:
        expires = [fallback] * n
    else:
        expires = [fallback if at is None else instant(at) for at in table.valid_to]
    ended = table.ended if table.ended is not None else [False] * n
    digests = []
    for text, geometry, muni, end, expiry in zip(texts, table.geometry, table.muni_code, ended, expires, strict=True):
        # Lengths stand before what varies, so that no two contents share their bytes.
        h = blake2b(
            b"%d;%s;%d;%d;" % (len(text), (muni or "").encode(), end, -1 if expiry is None else expiry),
            digest_size=16,
        )
        h.update(text)
        if geometry is not None:
            h.update(geometry)
        digests.append(h.digest())
    return EncodedItems(
        item_id=table.item_id,
        digest=digests,
        muni_code=table.muni_code,
        props=[text.decode() for text in texts],
        geometry=table.geometry,
        ended=ended,
        expires_at=expires,
        position=table.position or [""] * n,
    )


def bulletin_digest(bulletin: Bulletin, items: EncodedItems) -> bytes:
    """Hash of everything a bulletin says; equal bulletins are the same bulletin, in whatever order it lists."""
    h = blake2b(digest_size=16)
    head = (
        bulletin.complete,
        bulletin.source_event_id,
        bulletin.bulletin_type,
        bulletin.issuer,
    )
    h.update(orjson.dumps(head))
    for item_id, digest in sorted(zip(items.item_id, items.digest, strict=True)):
        h.update(item_id.encode())
        h.update(digest)
    return h.digest()


def pack(ids: Sequence[int]) -> bytes:
    """Item row ids in the order of the bulletin; neighbours differ by one, so differences compress to little."""
    array = np.asarray(ids, dtype=np.int64)
    return zlib.compress(np.diff(array, prepend=np.int64(0)).tobytes(), level=1)


def unpack(packed: bytes) -> list[int]:
    """The ids of `pack`."""
    return [int(i) for i in np.cumsum(np.frombuffer(zlib.decompress(packed), dtype=np.int64))]
