"""Lists of road restrictions as tables (CSV, XLSX, XLS) with the attributes of EEI 05 通行止め情報.

Source: 災害対応基本共有情報 (EEI) 1.1, item 05 道路関連: 道路種別, 路線名, 規制場所始点, 規制場所終点, 距離・延長,
規制種別, 規制理由, 規制開始日, 規制開始時間, 規制終了日, 規制終了時間 (all 基本: the column is there, its cell may be
empty). The EEI has names, no types and no code lists, so the feed's YAML declares which column is which and how the
file's name tells its time. Scope ``<source>/road_restriction``, not complete: the EEI says by 規制終了 that a
restriction is lifted, so one that is merely no longer listed still holds.

* 規制終了 at or before the time of the list: lifted (`ended`). Later: a plan, which lifts nothing. A day without time
  lifts from the next day on: on the day itself it may be a plan, and a road is not taken as open on a guess.
* A day alone is no instant: `started_at` and `ended_at` are empty then, and the day stands in `detail`.
* Words of 規制種別 are in vocab/data/road_word.csv; what is not there is shown as unknown, with its words.
* The table has no status: one with the mark 【訓練】 in every row is an exercise, one with it in some is refused.
* In a spreadsheet a title above the header is passed over: the header is the first row with road and restriction.

Known gaps:
* seen as composed samples only: no office is known to publish this table
* a restriction without an id is known again by road, section and start: corrected ones stand beside the former
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from unicodedata import normalize

import msgspec
import shapely

from bousai.errors import ParseError
from bousai.formats import csv_table, spreadsheet, unread
from bousai.model import Bulletin, Issue, Item, Status, table_of
from bousai.vocab import drill, road
from bousai.vocab.japanese_time import day, moment
from bousai.vocab.municipality import named, prefecture, resolve

VERSION = "1"
_TEXTS = ("road_no", "road_name", "direction", "start_point", "end_point", "cause", "detail", "manager", "area_name")
_FIELDS = frozenset(
    (
        *_TEXTS,
        *("id", "road_type", "restriction", "length_km", "pref", "municipality", "muni_code", "lat", "lon"),
        *("start_day", "start_time", "started_at", "end_day", "end_time", "ended_at"),
        "drop",
    )
)
_NEEDED = ("road_name", "restriction")
_TELL = "ask the publisher; see the row in the document"


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the feed's YAML and the file's name tell.

    `columns`: header → field (`_FIELDS`; drop = left out on purpose). A day and a time in two columns are start_day
    and start_time, in one started_at. `as_of` is the time of the list, from a group of file_name. `source` begins
    scope and ids.
    """

    source: str
    issuer: str
    as_of: str
    columns: dict[str, str]
    incident: str | None = None


def parse(body: bytes, options: Options) -> Iterator[Bulletin | Issue]:
    """One statement. Raises `ParseError`: those of `csv_table.read` and `spreadsheet.read`, ``no_header``,
    ``bad_time``, ``bad_columns``, ``unknown_status``."""
    times = Counter(options.columns.values())
    wrong = [field for field in times if field not in _FIELDS or (times[field] > 1 and field != "drop")]
    wrong += [field for field in _NEEDED if field not in times]
    if wrong:
        raise ParseError(
            f"options.columns: {', '.join(wrong)[:80]} is no field, is declared twice, or is needed and not declared",
            code="bad_columns",
            remedy="see the fields in bousai.parse.road_restriction_list",
        )
    at = moment(options.as_of)
    if at is None:
        raise ParseError(
            f"the file name states the time {options.as_of[:40]!r}, which is not one",
            code="bad_time",
            remedy="name the file with year, month, day, hour and minute (202611050930)",
        )
    header, rows = _table(body, options)
    issues: list[Issue] = [*unread.columns(header, options.columns)]
    statuses = {drill.status_of(cells) for cells, _ in rows if any(cells.values())} or {"actual"}
    if len(statuses) > 1:
        raise ParseError(
            "some rows have the mark 【訓練】 and some have not",
            code="unknown_status",
            remedy="ask the publisher which rows are real, and give a list of each",
        )
    status: Status = statuses.pop()
    items = []
    for cells, position in rows:
        said = {options.columns[name]: text for name, text in cells.items() if name in options.columns and text}
        said.pop("drop", None)
        if not said:
            continue  # an empty row at the end of a sheet
        item = _item(said, options, at, position, issues)
        if item is not None:
            items.append(item)
    yield Bulletin(
        kind="road_restriction",
        scope=f"{options.source}/road_restriction",
        issued_at=at,
        status=status,
        items=table_of(_once(items, issues)),
        issuer=options.issuer,
        complete=False,
        bulletin_type="eei_05",
    )
    yield from issues


def _table(body: bytes, options: Options) -> tuple[list[str], list[tuple[dict[str, str], str]]]:
    """The header, and each row by header with its position."""
    wanted = {name for name, field in options.columns.items() if field in _NEEDED}
    if body.startswith((b"PK", b"\xd0\xcf\x11\xe0")):
        grids = [(sheet.name, sheet.rows) for sheet in spreadsheet.read(body)]
    else:
        table = csv_table.read(body)
        names = list(table.columns)
        if not wanted <= set(names):
            raise _no_header(wanted - set(names))
        columns = list(table.columns.values())
        cells = [
            {name: column[n].strip() for name, column in zip(names, columns, strict=True)} for n in range(len(table))
        ]
        return names, [(row, f"line {line}") for row, line in zip(cells, table.lines, strict=True)]
    for sheet, grid in grids:
        for number, row in enumerate(grid):
            header = [normalize("NFC", text).strip() for text in row]
            if wanted <= set(header):
                named_columns = [name for name in header if name]
                if again := [name for name, times in Counter(named_columns).items() if times > 1]:
                    raise ParseError(
                        f"the header has {again[0][:80]!r} more than once",
                        code="duplicate_header",
                        remedy=_TELL,
                        position=f"{sheet}!{number + 1}",
                    )
                found = []
                for below, cells_below in enumerate(grid[number + 1 :], number + 2):
                    by_name = {name: text.strip() for name, text in zip(header, cells_below, strict=True) if name}
                    found.append((by_name, f"{sheet}!{below}"))
                return named_columns, found
    raise _no_header(wanted)


def _no_header(missing: set[str]) -> ParseError:
    return ParseError(
        f"no column {', '.join(sorted(missing))[:100]}",
        code="no_header",
        remedy="see whether the publisher renamed it, and correct options.columns in the feed's YAML",
    )


def _item(said: Mapping[str, str], options: Options, at: datetime, position: str, issues: list[Issue]) -> Item | None:
    name = said.get("road_name")
    if name is None and not ("start_point" in said or "end_point" in said):
        issues.append(
            Issue("no_identity", "neither a road nor a section: the row is held back", _TELL, "warning", position)
        )
        return None
    text = said.get("restriction")
    restriction = None if text is None else road.restriction(text)
    if restriction is None:
        cause = f"the restriction {text!r} is not in the list; it is shown as unknown, with its words"
        issues.append(Issue("unknown_restriction", cause, "add it to vocab/data/road_word.csv", "warning", position))
    kind = said.get("road_type")
    road_type = "unknown" if kind is None else road.road_type(kind)
    if road_type is None:
        cause = f"道路種別 {str(kind)[:40]!r} is not in the list; it is shown as unknown"
        issues.append(Issue("unknown_road_type", cause, "add it to vocab/data/road_word.csv", "info", position))
    start_on, started_at = _when(said, "start", position, issues)
    end_on, ended_at = _when(said, "end", position, issues)
    lifted = restriction == "lifted" or _lifted(end_on, ended_at, at, position, issues)
    detail = said.get("detail")
    for label, on, moment_ in (("規制開始日", start_on, started_at), ("規制終了日", end_on, ended_at)):
        if on is not None and moment_ is None:  # a day alone is no instant: no hour is made up for it
            detail = "；".join(filter(None, (detail, f"{label} {on.isoformat()}")))
    identity = (
        *(said.get(field, "") for field in ("pref", "municipality", "muni_code", "area_name", "road_type")),
        *(said.get(field, "") for field in ("road_no", "road_name", "start_point", "end_point", "direction")),
        *(said.get(field, "") for field in ("start_day", "start_time", "started_at")),
    )
    key = said.get("id") or hashlib.sha256("\x1f".join(identity).encode()).hexdigest()[:16]
    return Item(
        item_id=f"{options.source}/{key}",
        props={
            "incident": options.incident,
            **{field: said.get(field) for field in _TEXTS},
            "area_name": said.get("area_name") or f"{said.get('pref', '')}{said.get('municipality', '')}" or None,
            "road_type": road_type or "unknown",
            "road_no": said.get("road_no") or (None if name is None else road.route_number(name)),
            "restriction": "unknown" if restriction in (None, "lifted") else restriction,
            "restriction_text": text,
            "length_km": _length(said.get("length_km"), position, issues),
            "detail": detail,
            "started_at": None if started_at is None else started_at.isoformat(),
            "ended_at": None if ended_at is None else ended_at.isoformat(),
            "report_no": None,
            "as_of": at.isoformat(),
        },
        muni_code=_municipality(said, at.date(), position, issues),
        geometry=_point(said, position, issues),
        ended=lifted,
        position=position,
    )


def _once(items: list[Item], issues: list[Issue]) -> Iterator[Item]:
    """Each id once: equal rows are one; of different rows of one id the last one does not overwrite the first."""
    first: dict[str, Item] = {}
    for item in items:
        before = first.get(item.item_id)
        if before is None:
            first[item.item_id] = item
        elif (before.props, before.ended) == (item.props, item.ended):
            issues.append(Issue("duplicate_record", "the row is there twice", _TELL, "info", item.position))
        else:
            cause = f"the restriction of {before.position} again, with other words; both are kept"
            issues.append(Issue("duplicate_id", cause, _TELL, "warning", item.position))
            whole = hashlib.sha256(repr(sorted(item.props.items(), key=str)).encode()).hexdigest()[:8]
            item_id = f"{item.item_id}~{whole}"
            first[item_id] = Item(
                item_id, item.props, item.muni_code, item.geometry, item.ended, item.valid_to, item.position
            )
    return iter(first.values())


def _when(
    said: Mapping[str, str], which: str, position: str, issues: list[Issue]
) -> tuple[date | None, datetime | None]:
    """The day and, where there is a time of day, the instant at which a restriction starts or ends."""
    whole, on_text, time_text = said.get(f"{which}ed_at"), said.get(f"{which}_day"), said.get(f"{which}_time")
    text = whole or on_text
    if text is None:
        if time_text is not None:
            cause = f"a time ({time_text[:40]!r}) without a day; it is left out"
            issues.append(Issue("bad_time", cause, _TELL, "warning", position))
        return None, None
    # A cell of a spreadsheet that holds a date is 2026-11-05 or 2026-11-05T00:00:00, one of a time 17:30:00.
    midnight = re.fullmatch(r"(\d{4}-\d{2}-\d{2})T00:00:00", text)
    if midnight and on_text is not None:
        text = midnight[1]
    at = moment(text if whole is not None or time_text is None else f"{text} {time_text}")
    on = day(text) if at is None else at.date()
    if on is None or (at is None and time_text is not None):
        cause = f"{text[:40]!r} {str(time_text or '')[:20]!r} is no time; it is left out"
        issues.append(Issue("bad_time", cause, _TELL, "warning", position))
    return on, at


def _lifted(on: date | None, ended_at: datetime | None, at: datetime, position: str, issues: list[Issue]) -> bool:
    if ended_at is not None:
        return ended_at <= at
    if on == at.date():
        cause = "it ends on the day of the list, at no stated time: it still stands"
        issues.append(Issue("no_end_time", cause, "ask the publisher when it was lifted", "warning", position))
    return on is not None and on < at.date()


def _length(text: str | None, position: str, issues: list[Issue]) -> float | None:
    """Kilometres from a number, or from one with its unit (2.5km, 300m)."""
    if text is None:
        return None
    match = re.fullmatch(
        r"約?(\d{1,4}(?:,\d{3})*(?:\.\d+)?)(km|m|キロ|メートル)?", "".join(normalize("NFKC", text).split())
    )
    if match is None:
        issues.append(Issue("bad_number", f"the length is {text[:40]!r}; it is left out", _TELL, "warning", position))
        return None
    value = float(match[1].replace(",", ""))
    return value / 1000 if match[2] in ("m", "メートル") else value


def _municipality(said: Mapping[str, str], on: date, position: str, issues: list[Issue]) -> str | None:
    if "muni_code" in said:
        found = resolve(said["muni_code"], on)
    elif (name := said.get("municipality") or said.get("area_name")) is not None:
        found = named(name, prefecture(said.get("pref", "")))
    else:
        return None
    if found.code is None:
        issues.append(Issue("unknown_municipality", found.why, _TELL, "warning", position))
    return found.code


def _point(said: Mapping[str, str], position: str, issues: list[Issue]) -> bytes | None:
    lat, lon = said.get("lat"), said.get("lon")
    if lat is None or lon is None:
        return None
    if not all(re.fullmatch(r"\d{1,3}\.\d+", text) for text in (lat, lon)):
        cause = f"latitude {lat[:20]!r}, longitude {lon[:20]!r}: no degrees; it is kept without a place"
        issues.append(Issue("bad_geometry", cause, _TELL, "warning", position))
        return None
    return bytes(shapely.to_wkb(shapely.Point(float(lon), float(lat))))
