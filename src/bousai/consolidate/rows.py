"""What the consolidated layers share: a claim with its source, and rows as the table that is published.

A consolidated feature says nothing by itself. Each of its figures is a claim of a source, shown with who said it,
when, and where it stands, so that `bousai trace` reaches the bytes; where sources disagree all of their claims are
there.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any, TypeVar

import numpy as np
import orjson
import shapely

from bousai.model import Region, RevisionTable, Sightings, Status
from bousai.vocab.japanese_time import local

Box = tuple[float, float, float, float]
"""West, south, east, north in degrees."""
_Held = TypeVar("_Held", RevisionTable, Sightings)

ISSUER = "bousai"
"""Who issues a consolidated feature: this program, which only puts side by side what its `sources` say."""


def source(table: RevisionTable, row: int, as_of: str | None = None) -> dict[str, Any]:
    """Where a claim comes from: feed, issuer, times (`as_of`: as of which it holds, by default when it was issued),
    item,
    the revision that `bousai trace` takes, document and position in it."""
    issued = local(table.issued_at[row])
    return {
        "source": table.source[row],
        "issuer": table.issuer[row],
        "issued_at": issued,
        "as_of": as_of or issued,
        "kind": table.kind,
        "item_id": table.item_id[row],
        "revision": table.revision[row],
        "document": table.document[row] if table.document else None,
        "position": table.position[row] if table.position else None,
    }


def age_min(as_of: str, valid_at: datetime) -> int:
    """Whole minutes from a time (ISO 8601 with offset) to `valid_at`; negative where it lies after it."""
    return int((valid_at - datetime.fromisoformat(as_of)).total_seconds() // 60)


@dataclass(frozen=True, slots=True)
class Row:
    """One consolidated item. `feeds` are the sources that it rests upon; `issued_at` and `recorded_at` the newest of
    their statements, `revision` the newest revision; `geometry` WKB."""

    item_id: str
    muni_code: str | None
    props: Mapping[str, Any]
    geometry: bytes | None
    feeds: frozenset[str]
    issued_at: datetime
    recorded_at: datetime
    revision: int


class AsAsked(Mapping[str, _Held]):
    """What there is of each kind, read when it is asked for: a population mesh is large, and seldom wanted.

    `read_near` reads of a kind only what lies in a box and states no municipality.
    """

    def __init__(
        self,
        kinds: Sequence[str],
        read: Callable[[str], _Held],
        read_near: Callable[[str, Box], _Held] | None = None,
    ) -> None:
        self._kinds = kinds
        self._read: Callable[[str], _Held] = read
        self._read_near: Callable[[str, Box], _Held] | None = read_near
        self._found: dict[str, _Held] = {}

    def __getitem__(self, kind: str) -> _Held:
        if kind not in self._kinds:
            raise KeyError(kind)
        if kind not in self._found:
            self._found[kind] = self._read(kind)
        return self._found[kind]

    def __iter__(self) -> Iterator[str]:
        return iter(self._kinds)

    def __len__(self) -> int:
        return len(self._kinds)

    def near(self, kind: str, box: Box) -> _Held:
        """What lies in a box, where it can be read so; else everything."""
        return self[kind] if self._read_near is None else self._read_near(kind, box)


def near(seen: Mapping[str, Sightings], kind: str, box: Box) -> Sightings:
    """What was seen of a kind without municipalities in a box, or more."""
    return seen.near(kind, box) if isinstance(seen, AsAsked) else seen[kind]


def table_of(kind: str, status: Status, valid_at: datetime, known_at: datetime, rows: Iterable[Row]) -> RevisionTable:
    """Rows as a table, ordered by item id. Raises ValueError where an id comes twice."""
    ordered = sorted(rows, key=lambda row: row.item_id)
    ids = [row.item_id for row in ordered]
    if len(set(ids)) != len(ids):
        raise ValueError(f"{kind}: an item id occurs twice")
    n = len(ordered)
    return RevisionTable(
        kind=kind,
        status=status,
        valid_at=valid_at,
        known_at=known_at,
        revision=[row.revision for row in ordered],
        item_id=ids,
        scope=[kind] * n,
        muni_code=[row.muni_code for row in ordered],
        props=[orjson.dumps(row.props, option=orjson.OPT_SORT_KEYS).decode() for row in ordered],
        geometry=[row.geometry for row in ordered],
        source=[" ".join(sorted(row.feeds)) for row in ordered],
        issuer=[ISSUER] * n,
        issued_at=[row.issued_at for row in ordered],
        recorded_at=[row.recorded_at for row in ordered],
        bulletin_type=[kind] * n,
        serial=[None] * n,
        document=[""] * n,
        position=[""] * n,
    )


def shown_only(table: RevisionTable, names: Collection[str]) -> RevisionTable:
    """A table of which only these properties are left; the others are null. So what is made of it says nothing that
    its reader could not see in the table itself."""
    props = []
    for text in table.props:
        said = orjson.loads(text)
        held = [name for name, value in said.items() if value is not None and name not in names]
        if held:
            text = orjson.dumps({**said, **dict.fromkeys(held)}, option=orjson.OPT_SORT_KEYS).decode()
        props.append(text)
    return replace(table, props=props)


def inside(region: Region, codes: Sequence[str | None], geometry: Sequence[bytes | None]) -> list[int]:
    """The numbers of those that are of a region, by municipality and geometry (WKB); what has no geometry is in no
    box."""
    keep = [n for n, code in enumerate(codes) if region.has_muni(code)]
    if region.box is None:
        return keep
    shapes = shapely.from_wkb(np.array([*(geometry[n] for n in keep), None], dtype=object))[:-1]
    hit = shapely.intersects(shapes, shapely.box(*region.box))
    return [n for n, is_in in zip(keep, hit.tolist(), strict=True) if is_in]


def picked(table: RevisionTable, keep: Sequence[int]) -> RevisionTable:
    """The rows of these numbers, in this order."""
    if list(keep) == list(range(len(table))):
        return table
    columns: dict[str, Any] = {
        column.name: [values[n] for n in keep]
        for column in fields(table)
        if column.name not in ("kind", "status", "valid_at", "known_at")
        and len(values := getattr(table, column.name))
    }
    return replace(table, **columns)
