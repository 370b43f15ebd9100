"""Opened shelters with their numbers of people, as a city lists them: tables whose columns drift from file to file.

Source: 七尾市 and 石川県 in 2024 (github.com/raokiey/R06-Noto-Peninsula-EQ-open-shelter-Nanao), 八代市 and 宇城市 in
2026 as collected by others; columns as in 自治体標準オープンデータセット plus 人数 and 時点. Scope ``<source>``,
complete: a shelter that the next list no longer has is closed. Where rows are observations of several times
(`series`), each city and time is a scope of its own, ``<source>/<city>/<time>``, that ends when the next one begins.

Oddities
* Drift: the count stands in 人数 with the time in 時点, or in one column whose header states the time
  (人数_令和6年1月9日午後6時時点). Columns come and go and change places; they are read by what their headers say,
  never by their place, and one that nobody knows is an issue ``unread``.
* NEW001 is the list's own id for a shelter that is in no register. Names change (田鶴浜高校, 田鶴浜高等学校), ids do
  not. CC0000000504 is the id that 石川県's list of sites uses, too; a feed's own prefix keeps the two apart.
* Hazard flags are there as 1.0: what a shelter is for is told by the list of sites and is not repeated here.
* 0 people is a true zero; an empty cell is no number. Telephone numbers are not kept, in notes neither.
* The GeoJSON beside the CSV files was written by QGIS in 平面直角座標系 (EPSG:6675): its 緯度 and 経度 are degrees.
* Names read from a PDF may hold radicals in the place of letters (⻨島, 公⺠館): kept as they are, with an issue.

Known gaps:
* of a row that is there twice with different numbers the later time counts; without a time both are held back
* 世帯数, 自主避難者数 and a column 備考 were seen in composed samples only
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Literal

import msgspec

from bousai.errors import ParseError
from bousai.formats import contacts, listing, municipal_list
from bousai.formats.municipal_list import HAZARDS, Meaning, Sheet, Where
from bousai.model import Bulletin, Issue, Item, table_of
from bousai.vocab.code import PrefCode
from bousai.vocab.count import Count, count, without
from bousai.vocab.japanese_time import JST, moment

VERSION = "1"
_OF_THE_SITE: tuple[Meaning, ...] = (*HAZARDS, "hazard_list", "also_shelter", "elevation_m", "districts", "stock")
"""Known and left out: what the place is as a site belongs to the list of sites."""
_READ: tuple[Meaning, ...] = (
    "source_id", "common_id", "number", "publisher_code", "muni_code", "pref_name", "area_name", "town", "block",
    "building", "address", "name", "name_kana", "lat", "lon", "capacity", "district_name", "note", "type_text",
    "evacuees", "voluntary_evacuees", "households", "as_of", "state", "opened_at", "closed_at", "crowding", "reason",
)  # fmt: skip
_LONG_AGO = datetime.min.replace(tzinfo=JST)
_RADICAL = re.compile("[\u2e80-\u2fdf]")


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the feed's YAML tells.

    `source` begins ids and scope. `listed`: what a row without a word on its state is. `series`: rows are
    observations of several times. `muni_code`, `pref`, `code_width`, `columns`, `drop` as in `municipal_site`.
    """

    source: str
    issuer: str
    incident: str | None = None
    listed: Literal["open", "unknown"] = "open"
    series: bool = False
    muni_code: str | None = None
    pref: str | None = None
    code_width: Literal[5, 6] | None = None
    columns: dict[str, Meaning] = {}
    drop: dict[str, str] = {}


def parse(body: bytes, options: Options) -> Iterator[Bulletin | Issue]:
    """One statement, or one for each city and time. Raises `ParseError` as `listing.read` and `municipal_list.sheet`
    do (``no_header``, ``shifted_columns`` and others)."""
    columns: dict[str, Meaning] = {"避難所": "name", **options.columns}
    found = listing.read(body, municipal_list.is_header(columns, options.drop, ("name",)))
    issues: list[Issue] = []
    declared = {
        header: meaning for header, meaning in columns.items() if header != "避難所" or header in found.columns
    }
    sheet = municipal_list.sheet(found, declared, options.drop, (*_READ, *_OF_THE_SITE), issues)
    _refuse_other(sheet)
    rows = list(sheet.rows())
    issues += municipal_list.without_places(sheet)
    times = {row: _time(sheet, row, issues) for row in rows}
    items = {row: _item(sheet, row, times[row], options, issues) for row in rows}
    if options.series:
        yield from _series(sheet, items, times, options, issues)
    else:
        kept, whole = _once(items, times, issues)
        yield _bulletin(options, options.source, kept, max(filter(None, times.values()), default=None), whole)
    yield from issues


def _refuse_other(sheet: Sheet) -> None:
    if not {"evacuees", "state", "as_of"} & set(sheet.header):
        raise ParseError(
            "a list of places that says neither how many people are there nor whether it is open",
            code="not_status_list",
            remedy="a list of sites is for a feed of municipal_site; else map the columns in the feed's YAML",
        )


def _bulletin(
    options: Options,
    scope: str,
    items: Sequence[Item],
    at: datetime | None,
    complete: bool,
    sent_at: datetime | None = None,
    valid_to: datetime | None = None,
) -> Bulletin:
    return Bulletin(
        kind="shelter_status",
        scope=scope,
        issued_at=at,
        status="actual",
        items=table_of(items),
        issuer=options.issuer,
        complete=complete,
        sent_at=sent_at,
        bulletin_type="shelter_status_list",
        valid_to=valid_to,
    )


def _series(
    sheet: Sheet, items: dict[int, Item], times: dict[int, datetime | None], options: Options, issues: list[Issue]
) -> Iterator[Bulletin]:
    """A statement for each city and time, that holds until the next one.

    `sent_at` is the newest time of the city in the document: a later edition, that knows when the last one ended,
    comes after this one, whichever is read first.
    """
    cities: dict[str, dict[datetime, list[int]]] = defaultdict(lambda: defaultdict(list))
    for row, item in items.items():
        at = times[row]
        city = item.muni_code or municipal_list.digest(sheet.text("area_name", row))
        if at is None:
            issues.append(_held(item, "an observation without a time", "ask who collects them"))
        else:
            cities[city][at].append(row)
    for city, by_time in sorted(cities.items()):
        moments = sorted(by_time)
        for at, following in zip(moments, [*moments[1:], None], strict=True):
            mine = {row: items[row] for row in by_time[at]}
            kept, whole = _once(mine, times, issues)
            scope = f"{options.source}/{city}/{at.isoformat(timespec='minutes')}"
            yield _bulletin(options, scope, kept, at, whole, moments[-1], following)


def _once(items: dict[int, Item], times: dict[int, datetime | None], issues: list[Issue]) -> tuple[list[Item], bool]:
    """Every shelter once, its newest row, and whether none had to be held back."""
    by_id: dict[str, list[int]] = defaultdict(list)
    for row, item in items.items():
        by_id[item.item_id].append(row)
    kept: list[Item] = []
    whole = True
    for rows in by_id.values():
        newest = max(times[row] or _LONG_AGO for row in rows)
        last, *others = [items[row] for row in rows if (times[row] or _LONG_AGO) == newest]
        if any(item.props != last.props for item in others):
            whole = False
            where = ", ".join(items[row].position for row in rows[:5])
            issues.append(_held(last, f"its rows disagree ({where})", "ask the city which one is right"))
            continue
        issues += [_repeated(items[row], last) for row in rows if items[row] is not last]
        kept.append(last)
    return kept, whole


def _held(item: Item, cause: str, remedy: str) -> Issue:
    shown = (item.props["name"] or item.item_id)[:40]
    return Issue("held_back", f"{shown}: {cause}", f"{remedy}; it is held back", "warning", item.position)


def _repeated(item: Item, by: Item) -> Issue:
    shown = (item.props["name"] or item.item_id)[:40]
    cause = f"{shown} is there once more, {by.position} is taken"
    return Issue("repeated_row", cause, "none needed: it counts once", "info", item.position)


def _item(sheet: Sheet, row: int, at: datetime | None, options: Options, issues: list[Issue]) -> Item:
    position = sheet.listing.position[row]
    name, address = sheet.text("name", row), municipal_list.address(sheet, row)
    key = municipal_list.key_of(sheet, row)
    shown = name or key
    if name is None:
        issues.append(
            Issue("no_name", f"{key}: a shelter without a name", "ask the city; it is kept", "warning", position)
        )
    elif _RADICAL.search(name):
        issues.append(
            Issue(
                "damaged_name",
                f"{name[:40]}: a radical stands for a letter, a fault of reading a PDF",
                "compare with the PDF; the name is kept as it is",
                "info",
                position,
            )
        )
    place = municipal_list.place(sheet, row, shown, issues)
    pref = PrefCode(options.pref) if options.pref else None
    return Item(
        item_id=f"{options.source}/{key}",
        props={
            "incident": options.incident,
            "source_id": sheet.text("source_id", row),
            "common_id": municipal_list.common_id(sheet, row, issues),
            "name": name,
            "name_kana": sheet.text("name_kana", row),
            "address": address,
            "area_name": sheet.text("area_name", row),
            "district_name": sheet.text("district_name", row),
            "state": _state(sheet, row, options, issues),
            "state_text": sheet.text("state", row),
            "shelter_type": _shelter_type(sheet, row, issues),
            "opened_at": _iso(_moment(sheet, "opened_at", row, issues)),
            "closed_at": _iso(_moment(sheet, "closed_at", row, issues)),
            "evacuees": _count(sheet, "evacuees", row, issues),
            "voluntary_evacuees": _count(sheet, "voluntary_evacuees", row, issues),
            "households": _count(sheet, "households", row, issues),
            "capacity": municipal_list.capacity(sheet.cell("capacity", row)),
            "crowding": _word("crowding", "crowding", sheet, row, None, issues),
            "reason": sheet.text("reason", row),
            "note": contacts.without_contacts(sheet.text("note", row)).text,
            "as_of": _iso(at),
        },
        muni_code=municipal_list.municipality(sheet, row, Where(pref, options.muni_code, options.code_width), issues),
        geometry=place.point,
        position=position,
    )


def _time(sheet: Sheet, row: int, issues: list[Issue]) -> datetime | None:
    """The time of a row's number: its own cell, else what the header of the numbers states."""
    return _moment(sheet, "as_of", row, issues) or sheet.as_of


def _moment(sheet: Sheet, meaning: Meaning, row: int, issues: list[Issue]) -> datetime | None:
    cell = sheet.cell(meaning, row)
    if cell is None or listing.blank(cell):
        return None
    at = moment(cell.strip().removesuffix("時点").removesuffix("現在"))
    if at is None:
        issues.append(_unreadable("bad_time", "a time", sheet, meaning, row))
    return at


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat(timespec="seconds")


def _count(sheet: Sheet, meaning: Meaning, row: int, issues: list[Issue]) -> Count | None:
    """None where the list has no such column; a text that is no count keeps its words."""
    cell = sheet.cell(meaning, row)
    if cell is None:
        return None
    found = count(cell.removesuffix(".0"))
    if found is None:
        issues.append(_unreadable("bad_count", "a number", sheet, meaning, row))
        return without("unknown", cell)
    return found


def _word(
    field: str, meaning: Meaning, sheet: Sheet, row: int, unknown: str | None, issues: list[Issue]
) -> str | None:
    """The meaning of a word; `unknown` and an issue for one that is in no list."""
    text = sheet.text(meaning, row)
    if text is None:
        return None
    known = municipal_list.word(field, text)
    if known is None and (field == "state" or not listing.blank(text)):
        issues.append(_unreadable("unknown_word", "a word that is known", sheet, meaning, row))
        return unknown
    return known


def _state(sheet: Sheet, row: int, options: Options, issues: list[Issue]) -> str:
    if "state" not in sheet.header:
        return options.listed
    return _word("state", "state", sheet, row, "other", issues) or "unknown"


def _shelter_type(sheet: Sheet, row: int, issues: list[Issue]) -> str | None:
    stated = _word("shelter_type", "type_text", sheet, row, None, issues)
    return stated or ("welfare" if "福祉避難所" in (sheet.text("name", row) or "") else None)


def _unreadable(code: str, what: str, sheet: Sheet, meaning: Meaning, row: int) -> Issue:
    cell = sheet.text(meaning, row) or ""
    shown = (sheet.text("name", row) or "(no name)")[:40]
    return Issue(
        code,
        f"{shown}: {sheet.header[meaning][:40]} is {cell[:40]!r}, not {what}",
        "ask the city; it is shown as unknown",
        "warning",
        sheet.listing.position[row],
    )
