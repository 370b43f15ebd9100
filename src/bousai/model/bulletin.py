"""`Bulletin`: what one document says about one scope at one time, and the `Item`s in it.

Almost every disaster source speaks in statements about a scope: "the warnings of this prefecture for
heavy rain, as at 14:05", "all shelters of this municipality", "this earthquake". So there is one shape
for all of them. See docs/decisions/0001-bulletin.md for how statements become state.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

Status = Literal["actual", "exercise", "test"]
"""運用種別: 通常, 訓練, 試験. Missing or unknown is never a Status: such a document is quarantined."""

MsgType = Literal["issue", "correct", "withdraw"]
"""情報形態: 発表 (and 遅延), 訂正, 取消. 解除 is none of these: it is an issue whose items have `ended`."""

Visibility = Literal["public", "responders", "isut"]
"""公開範囲 of a statement: 一般公開可能, 災害対応機関のみ公開可能, ＩＳＵＴ－ＳＩＴＥのみ公開可能 (SIP4D-ZIP
openflg). Also the tier of a reader, who sees what is open to him and to more people."""

VISIBILITIES: tuple[Visibility, ...] = ("public", "responders", "isut")
"""From the widest to the narrowest."""

_TAINT: dict[Status, int] = {"actual": 0, "exercise": 1, "test": 2}


def join_status(*statuses: Status) -> Status:
    """The least actual of several statuses: anything touched by 訓練 or 試験 stays so.

    >>> join_status("actual", "exercise")
    'exercise'
    """
    return max(statuses, key=_TAINT.__getitem__)


@dataclass(frozen=True, slots=True)
class Item:
    """One thing in a bulletin: a shelter, a warning for one municipality, one intensity.

    `item_id` is stable for ever and becomes the published feature id.
    `props` hold the layer's own fields (config/layers), JSON values only, absent = None.
    `geometry` is WKB, lon/lat, EPSG:4326. `muni_code` is the 5-digit JIS X 0402 code or None.
    `ended` says the source states that the thing no longer holds (解除).
    `valid_to` is the end that the source itself gives, aware.
    `position` says where in the document this stands, for `bousai trace`.
    """

    item_id: str
    props: Mapping[str, Any]
    muni_code: str | None = None
    geometry: bytes | None = None
    ended: bool = False
    valid_to: datetime | None = None
    position: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class ItemTable:
    """The items of a bulletin as columns, all of one length: a telegram's handful or a nation's 100,000.

    `props` maps a property name to its column. `ended` and `valid_to` are None when no item has one.
    """

    item_id: Sequence[str]
    props: Mapping[str, Sequence[Any]]
    muni_code: Sequence[str | None]
    geometry: Sequence[bytes | None]
    ended: Sequence[bool] | None = None
    valid_to: Sequence[datetime | None] | None = None
    position: Sequence[str] = ()

    def __post_init__(self) -> None:
        n = len(self.item_id)
        optional = [c for c in (self.ended, self.valid_to, self.position or None) if c is not None]
        columns = [self.muni_code, self.geometry, *self.props.values(), *optional]
        if any(len(column) != n for column in columns):
            raise ValueError(f"columns of unequal length in a table of {n} items")

    def __len__(self) -> int:
        return len(self.item_id)

    def rows(self) -> Iterable[Item]:
        """The same items one by one (for tests, goldens and small bulletins)."""
        names = list(self.props)
        columns = [self.props[name] for name in names]
        for i, item_id in enumerate(self.item_id):
            yield Item(
                item_id=item_id,
                props={name: column[i] for name, column in zip(names, columns, strict=True)},
                muni_code=self.muni_code[i],
                geometry=self.geometry[i],
                ended=self.ended[i] if self.ended is not None else False,
                valid_to=self.valid_to[i] if self.valid_to is not None else None,
                position=self.position[i] if self.position else "",
            )


def table_of(items: Iterable[Item]) -> ItemTable:
    """Columns from items. Every item of a bulletin must have the same property names.

    >>> len(table_of([Item("a", {"n": 1}), Item("b", {"n": 2})]))
    2
    """
    rows = list(items)
    names = list(rows[0].props) if rows else []
    for row in rows:
        if len(row.props) != len(names):
            raise ValueError(f"{row.item_id} has properties {sorted(row.props)}, expected {sorted(names)}")
    return ItemTable(
        item_id=[r.item_id for r in rows],
        props={name: [r.props[name] for r in rows] for name in names},
        muni_code=[r.muni_code for r in rows],
        geometry=[r.geometry for r in rows],
        ended=[r.ended for r in rows] if any(r.ended for r in rows) else None,
        valid_to=[r.valid_to for r in rows] if any(r.valid_to for r in rows) else None,
        position=[r.position for r in rows],
    )


@dataclass(frozen=True, slots=True)
class Bulletin:
    """What one document says about one `scope` at `issued_at`.

    `kind`            what the items are (vocab/data/kind.csv).
    `scope`           text key of what is spoken about, e.g. ``jma/weather_warning/heavy_rain/450000``.
    `complete`        True: this is the source's whole statement for the scope at `issued_at`, so an item
                      it does not list no longer holds. Only where the format promises it.
    `issued_at`       発表時刻, aware, with the source's offset. None from a parser whose format carries no time:
                      normalise then takes the document's own time (Last-Modified, else when we saw it).
    `sent_at`         電文の送信時刻 (JMA Control/DateTime), a tie-breaker after `issued_at`.
    `serial`          情報番号 where the source numbers its reports, digits as text.
    `source_event_id` the source's own id of the event; with `bulletin_type` it is what a withdrawal targets.
    `bulletin_type`   telegram type (VXSE53) or file family (gsi_2).
    `valid_to`        when the whole statement expires by the source's own word.
    `visibility`      whom the source lets see it; a narrower statement never changes what a wider circle sees.
    """

    kind: str
    scope: str
    issued_at: datetime | None
    status: Status
    items: ItemTable
    issuer: str
    complete: bool
    msg_type: MsgType = "issue"
    sent_at: datetime | None = None
    serial: str | None = None
    source_event_id: str = ""
    bulletin_type: str = ""
    valid_to: datetime | None = None
    visibility: Visibility = "public"

    def with_items(self, items: ItemTable) -> Bulletin:
        """The same statement with other items (used by normalise)."""
        return replace(self, items=items)
