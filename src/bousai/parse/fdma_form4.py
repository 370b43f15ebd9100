"""消防庁 第4号様式 (災害概況即報 その1, 被害状況即報 その2) as XLS, XLSX or CSV, and prefectures' tables of the same
items.

Source: 火災・災害等即報要領, 第4号様式 (www.fdma.go.jp), edition of 消防応第11号 (2017-02-07). Three shapes are told
apart by what stands in them, not by the name of the file:

| shape | scope | items |
|---|---|---|
| その1 災害概況即報 | ``<source>/damage_count/<incident>/<municipality>/1`` | one |
| その2 被害状況即報, one municipality | ``<source>/damage_count/<incident>/<municipality>/2`` | one |
| a table, a row a municipality | ``<source>/damage_count/<incident>/<prefecture>`` | one a row, and the 計 |
| 災害対策本部 in その2 | ``<source>/disaster_hq/<incident>/<municipality>`` | one |

A count is found by its unit: label, unit (棟, 世帯, 人, ha …) and number stand side by side, whatever the rows and
columns are. Labels that are merged downwards hold until the next label of their column or of one left of it.

Oddities
* Blank is not 0: what is not known is to be written as 未確認, and a blank cell is kept as blank.
* 死者 of その2 includes 災害関連死. 計 of a table is compared with the sum of its rows, and a difference is an issue.
* その1 writes label, number and unit into one cell (全壊　３棟), or the label into the cell before.
* The time 「７月２９日１４時現在」 has no year. It is taken from the date in the form or from the feed, never from
  the clock.
* Names of the persons who report and receive are not kept.

Known gaps:
* no filled form was at hand: the blank official XLS shows the places, the rest are composed samples
* 災害救助法適用市町村 and the free texts are not kept but for 備考
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from unicodedata import normalize

import msgspec

from bousai.errors import ParseError
from bousai.formats import csv_table, refusal, spreadsheet
from bousai.model import Bulletin, Issue, Item, table_of
from bousai.vocab.code import PrefCode
from bousai.vocab.count import Count, count
from bousai.vocab.damage import damage_item, damage_items
from bousai.vocab.japanese_time import moment
from bousai.vocab.municipality import named, prefecture

VERSION = "1"
_UNITS = ("棟", "世帯", "人", "ha", "箇所", "隻", "戸", "回線", "件", "千円")
_HOUSES = {"棟": "", "世帯": "_households", "人": "_people"}
_HOUSE_LABELS = ("全壊", "半壊", "一部破損", "一部損壊", "床上浸水", "床下浸水")
_BY_CONTEXT = {
    ("非住家", "公共の建物"): "public_building",
    ("非住家", "公共建物"): "public_building",
    ("非住家", "その他"): "other_building",
    ("火災発生", "建物"): "fire_building",
    ("火災発生", "危険物"): "fire_hazmat",
    ("火災発生", "その他"): "fire_other",
    ("田", "流失・埋没"): "paddy_washed_ha",
    ("田", "冠水"): "paddy_flooded_ha",
    ("畑", "流失・埋没"): "field_washed_ha",
    ("畑", "冠水"): "field_flooded_ha",
    ("千円", "その他"): "loss_other_kyen",
}
_CASUALTIES = re.compile(
    r"(死者|行方不明者|不明|負傷者|重傷|軽傷|計|全壊|半壊|一部破損|床上浸水|床下浸水)?:?"
    r"(約?\d[\d,]*|未確認|調査中|不明|なし|多数|確認中)?([人棟])?"
)
_REPORT_NO = re.compile(r"第(\d+)報")
_AS_OF = re.compile(r"((?:(?:令和|平成)[\d元]+年|\d{4}年)?\d+月\d+日(?:\(.\))?\d+(?:時(?:\d+分)?|:\d+))(?:分)?現在")
_WHERE = ("市町村名", "市町村", "市区町村", "市区町村名")
_TOTALS = ("計", "合計", "県計", "総計")


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`source` begins scopes and ids; `pref` is the prefecture (JIS X 0401); `year` where the form states none."""

    source: str
    pref: str
    incident: str | None = None
    year: int | None = None


def parse(body: bytes, options: Options) -> Iterator[Bulletin | Issue]:
    """Raises `ParseError`: those of `spreadsheet.read` and `csv_table.rows`, ``not_form4``, ``template_not_filled``,
    ``no_municipality``."""
    sheets = _sheets(body)
    taken = False
    for name, rows in sheets:
        grid = [[_plain(cell) for cell in row] for row in rows]
        text = "".join("".join(row) for row in grid)
        if "災害概況即報" in text:
            found = _overview(rows, grid, options, name)
        elif "被害状況即報" in text:
            found = _status(rows, grid, options, name)
        elif _header_row(grid) is not None:
            found = _table(grid, options, name)
        else:
            continue
        taken = True
        yield from found
    if not taken:
        raise ParseError(
            "neither 災害概況即報 nor 被害状況即報 nor a table of municipalities",
            code="not_form4",
            remedy="check which document it is",
        )


def _sheets(body: bytes) -> list[tuple[str, list[list[str]]]]:
    if body.startswith((b"PK", b"\xd0\xcf\x11\xe0")):
        return [(sheet.name, sheet.rows) for sheet in spreadsheet.read(body)]
    return [("", [row.cells for row in csv_table.rows(body)])]


def _plain(text: str) -> str:
    """NFKC without blanks and breaks: labels are padded with U+3000 and broken over lines."""
    return "".join(normalize("NFKC", text).split())


# ── その2: label, unit, number side by side ──────────────────────────────────────────────────────────────


def _status(rows: list[list[str]], grid: list[list[str]], options: Options, sheet: str) -> Iterator[Bulletin | Issue]:
    issues: list[Issue] = []
    counts: dict[str, Count] = {}
    template = 0
    for row, labels, unit, value in _by_unit(grid):
        item = _item_of(labels, unit)
        position = _position(sheet, row)
        if item is None:
            issues.append(_unread(" ".join(labels) or "a cell without a label", position))
            continue
        template += value.startswith("<%")
        found = _counted(value, item, position, issues)
        if item in counts and found != counts[item]:
            issues.append(_twice(item, position))
        counts.setdefault(item, found)
    if not counts or template:
        raise _not_filled(sheet, bool(template))
    place = _value_right_of(grid, ("市町村名", "都道府県名"))
    stated = _value_right_of(grid, ("災害名・報告番号", "災害名"))
    as_of = _as_of(stated, options, issues)
    code, area_name = _municipality(place, options)
    incident = options.incident or _incident(stated)
    number = _REPORT_NO.search(stated)
    common = {"incident": incident, "area_name": area_name}
    yield _bulletin(
        "damage_count",
        f"{options.source}/damage_count/{incident}/{code or options.pref}/2",
        as_of,
        area_name,
        [
            Item(
                f"{options.source}/{incident}/{code or options.pref}/2",
                {
                    **common,
                    "area_level": "municipality" if code else "prefecture",
                    "report_no": number[1] if number else None,
                    "as_of": as_of.isoformat() if as_of else None,
                    "reporter": area_name,
                    "note": _text_right_of(rows, grid, "備考"),
                    **counts,
                },
                code,
                position=_position(sheet, 0),
            )
        ],
        number[1] if number else None,
    )
    hq = {name: _value_right_of(grid, (name,)) for name in ("名称", "設置", "解散")}
    if hq["名称"] or hq["設置"]:
        began, ended = (moment(hq[name], year=as_of.year if as_of else options.year) for name in ("設置", "解散"))
        for name, at in (("設置", began), ("解散", ended)):
            if hq[name] and at is None:
                issues.append(_bad_time(f"災害対策本部 {name} {hq[name]}"))
        props = {
            **common,
            "name": hq["名称"] or None,
            "hq_type": "disaster_hq",
            "state": "dissolved" if hq["解散"] else "set_up",
            "set_up_at": began.isoformat() if began else None,
            "dissolved_at": ended.isoformat() if ended else None,
        }
        headquarters = Item(
            f"{options.source}/{incident}/{code or options.pref}/hq", props, code, ended=bool(hq["解散"])
        )
        scope = f"{options.source}/disaster_hq/{incident}/{code or options.pref}"
        yield _bulletin("disaster_hq", scope, as_of, area_name, [headquarters], number[1] if number else None)
    yield from issues


def _by_unit(grid: list[list[str]]) -> Iterator[tuple[int, list[str], str, str]]:
    """Row, labels from left to right, unit and value of every cell that holds a unit alone."""
    held: dict[int, str] = {}
    for number, row in enumerate(grid):
        units = [column for column, cell in enumerate(row) if cell in _UNITS]
        for column, cell in enumerate(row):
            if cell and cell not in _UNITS and not any(column == unit + 1 for unit in units):
                held[column] = cell
                # A new label ends what its inner columns said, up to the next column of units.
                end = next((unit for unit in units if unit > column), len(row))
                for inner in range(column + 1, end):
                    if not row[inner]:
                        held.pop(inner, None)
        start = 0
        for unit in units:
            labels = [held[column] for column in range(start, unit) if column in held]
            yield number, labels, row[unit], row[unit + 1] if unit + 1 < len(row) else ""
            start = unit + 2


def _item_of(labels: Sequence[str], unit: str) -> str | None:
    """The item that a path of labels and a unit mean."""
    if not labels:
        return None
    last = labels[-1]
    for context in (*reversed(labels[:-1]), unit):
        if (context, last) in _BY_CONTEXT:
            found: str | None = _BY_CONTEXT[context, last]
            break
    else:
        found = damage_item(last)
    if found is None:
        return None
    if last in _HOUSE_LABELS and unit in _HOUSES:
        found += _HOUSES[unit]
    known = damage_items().get(found)
    return found if known is not None and known.unit == unit else None


def _counted(value: str, item: str, position: str, issues: list[Issue]) -> Count:
    found = count(value)
    if found is not None:
        return found
    issues.append(
        Issue(
            "bad_count",
            f"{damage_items()[item].ja} is {value[:40]!r}, not a count",
            "see the form: it is kept as not known, with its wording",
            "warning",
            position,
        )
    )
    return {"value": None, "state": "unknown", "qualifier": "exact", "text": value}


# ── その1: label, number and unit in one cell ────────────────────────────────────────────────────────────


def _overview(
    rows: list[list[str]], grid: list[list[str]], options: Options, sheet: str
) -> Iterator[Bulletin | Issue]:
    issues: list[Issue] = []
    counts: dict[str, Count] = {}
    text = "".join("".join(row) for row in grid)
    if "<%" in text:
        raise _not_filled(sheet, True)
    total: Count | None = None
    for number, row in enumerate(grid):
        if not any(label in row for label in ("死者", "負傷者")) and not any(cell.startswith("死者") for cell in row):
            continue
        label = ""
        for cell in (cell for cell in row if cell):
            match = _CASUALTIES.fullmatch(cell)
            if match is None or not any(match.groups()):
                label = ""
                continue
            label = match[1] or label
            if match[2] is None and match[3] is None:
                continue
            said = _counted(match[2] or "", "dead", _position(sheet, number), issues)
            item = "missing" if label == "不明" else damage_item(label)
            if label == "計":
                total = said
            elif item is None:
                issues.append(_unread(cell, _position(sheet, number)))
            else:
                counts[item] = said
            label = ""
    calls = re.search(r"119番通報の?件数:?(約?\d[\d,]*件?(?:以上|程度)?|多数)", text)
    if calls is not None:
        counts["calls_119"] = _counted(calls[1], "calls_119", sheet, issues)
    if not counts:
        raise _not_filled(sheet, False)
    yield from _casualties_differ(counts, total, sheet)
    stated = _value_right_of(grid, ("報告日時",))
    as_of = moment(stated, year=options.year) if stated else None
    if as_of is None:
        issues.append(_bad_time(f"報告日時 {stated}"))
    pref, place = _value_right_of(grid, ("都道府県",)), _value_right_of(grid, ("市町村(消防本部名)", "市町村"))
    code, area_name = _municipality(place, options, pref)
    title = next((cell for row in grid for cell in row if "災害名" in cell), "")
    incident = options.incident or _incident(title.partition("災害名")[2]) or _incident(text)
    report_no = _REPORT_NO.search(text)
    scope = f"{options.source}/damage_count/{incident}/{code or options.pref}/1"
    props = {
        "incident": incident,
        "area_name": area_name,
        "area_level": "municipality" if code else "prefecture",
        "report_no": report_no[1] if report_no else None,
        "as_of": as_of.isoformat() if as_of else None,
        "reporter": area_name,
        "note": _text_right_of(rows, grid, "災害の概況"),
        **counts,
    }
    whole = Item(f"{options.source}/{incident}/{code or options.pref}/1", props, code, position=_position(sheet, 0))
    yield _bulletin("damage_count", scope, as_of, area_name, [whole], report_no[1] if report_no else None)
    yield from issues


def _casualties_differ(counts: Mapping[str, Count], total: Count | None, sheet: str) -> Iterator[Issue]:
    parts = [counts[name]["value"] for name in ("dead", "missing", "injured") if name in counts]
    if total is None or total["value"] is None or any(part is None for part in parts):
        return
    added = sum(part for part in parts if part is not None)
    if added != total["value"]:
        cause = f"死傷者 計 is {total['value']}, its parts add up to {added}"
        yield Issue("total_differs", cause, "ask the municipality; both stand as stated", "warning", sheet)


# ── tables: a row a municipality ─────────────────────────────────────────────────────────────────────────


def _header_row(grid: list[list[str]]) -> int | None:
    """The first row of a header that names the column of municipalities and, in it or below, at least three items."""
    for number, row in enumerate(grid[:15]):
        if any(cell in _WHERE for cell in row):
            below = [cell for line in grid[number : number + 4] for cell in line]
            if sum(damage_item(cell) is not None for cell in below) >= 3:
                return number
    return None


def _table(grid: list[list[str]], options: Options, sheet: str) -> Iterator[Bulletin | Issue]:
    issues: list[Issue] = []
    top = _header_row(grid)
    assert top is not None
    where = next(column for column, cell in enumerate(grid[top]) if cell in _WHERE)
    first = next(
        (n for n in range(top + 1, len(grid)) if where < len(grid[n]) and grid[n][where]), len(grid)
    )  # the header goes on while the column of names is empty
    columns = _columns(grid[top:first], where, sheet, issues)
    text = "".join("".join(row) for row in grid[:first])
    as_of = _as_of(text, options, issues)
    report_no = _REPORT_NO.search(text)
    incident = options.incident or _incident(text)
    items: list[Item] = []
    totals: Item | None = None
    held_back = 0
    for number in range(first, len(grid)):
        row = grid[number]
        name = row[where] if where < len(row) else ""
        if not name:
            if any(row):
                issues.append(_unread("a row without a municipality", _position(sheet, number)))
                held_back += 1
            continue
        counts = {
            item: _counted(row[column] if column < len(row) else "", item, _position(sheet, number), issues)
            for column, item in columns.items()
        }
        total = name in _TOTALS
        resolved = named(name, options.pref)
        if resolved.code is None and not total:
            cause = f"row {number + 1}: {resolved.why}"
            issues.append(
                Issue("unknown_municipality", cause, "see the table; the row is held back", "warning", sheet)
            )
            held_back += 1
            continue
        item = Item(
            f"{options.source}/{incident}/{options.pref if total else resolved.code}",
            {
                "incident": incident,
                "area_name": name,
                "area_level": "prefecture" if total else "municipality",
                "report_no": report_no[1] if report_no else None,
                "as_of": as_of.isoformat() if as_of else None,
                "reporter": None,
                "note": None,
                **counts,
            },
            None if total else resolved.code,
            position=_position(sheet, number),
        )
        if total:
            totals = item
        else:
            items.append(item)
    if not items:
        raise ParseError("the table has no row of a municipality", code="not_form4", remedy=refusal.AGAIN)
    if totals is not None:
        yield from _totals_differ(items, totals, columns.values(), held_back)
        items.append(totals)
    yield _bulletin(
        "damage_count",
        f"{options.source}/damage_count/{incident}/{options.pref}",
        as_of,
        None,
        items,
        report_no[1] if report_no else None,
        complete=not held_back,
    )
    yield from issues


def _columns(header: list[list[str]], where: int, sheet: str, issues: list[Issue]) -> dict[int, str]:
    """Column → item. A label that is merged to the right holds until the next label of its row or of one above."""
    width = max(len(row) for row in header)
    paths: dict[int, list[str]] = {column: [] for column in range(where + 1, width)}
    for depth, row in enumerate(header):
        label = ""
        for column in range(where + 1, width):
            cell = row[column] if column < len(row) else ""
            above = any(column < len(upper) and upper[column] for upper in header[:depth])
            label = cell or ("" if above else label)
            if label:
                paths[column].append(label)
    found: dict[int, str] = {}
    for column, path in paths.items():
        labels, unit = [], ""
        for label in path:
            head, bracket, tail = label.partition("(")
            inner = tail.rstrip(")")
            if label in _UNITS or (bracket and inner in _UNITS):
                unit = inner if bracket else label
            if label not in _UNITS:
                labels.append(head if bracket and inner in _UNITS else label)
        item = _item_of(labels, unit) if unit else _item_without_unit(labels)
        if item is None or item in found.values():
            if labels:
                issues.append(_unread(" ".join(labels), f"{sheet} column {column + 1}"))
            continue
        found[column] = item
    return found


def _item_without_unit(labels: Sequence[str]) -> str | None:
    units = [known.unit for known in damage_items().values()]
    items = {item for unit in dict.fromkeys(units) if (item := _item_of(labels, unit))}
    houses = [item for item in items if not item.endswith(("_households", "_people"))]
    return houses[0] if len(houses) == 1 else None


def _totals_differ(rows: Sequence[Item], totals: Item, items: Any, held_back: int) -> Iterator[Issue]:
    for item in items:
        stated = totals.props[item]["value"]
        parts = [row.props[item]["value"] for row in rows]
        added = sum(part for part in parts if part is not None)
        if stated is not None and stated != added:
            why = " (rows are held back)" if held_back else " (some rows state no number)" if None in parts else ""
            cause = f"{damage_items()[item].ja}: 計 is {stated}, the rows add up to {added}{why}"
            yield Issue(
                "total_differs", cause, "ask the prefecture; both stand as stated", "warning", totals.position
            )


# ── what the shapes share ────────────────────────────────────────────────────────────────────────────────


def _bulletin(
    kind: str,
    scope: str,
    as_of: datetime | None,
    issuer: str | None,
    items: Sequence[Item],
    serial: str | None,
    *,
    complete: bool = True,
) -> Bulletin:
    return Bulletin(
        kind=kind,
        scope=scope,
        issued_at=as_of,
        status="actual",
        items=table_of(items),
        issuer=issuer or "都道府県",
        complete=complete,
        serial=serial,
        bulletin_type="form4",
    )


def _value_right_of(grid: list[list[str]], labels: Sequence[str]) -> str:
    """The first filled cell to the right of a label; a label may have ・ and breaks in it."""
    for row in grid:
        for column, cell in enumerate(row):
            if cell in labels:
                return next((value for value in row[column + 1 :] if value), "")
    return ""


def _text_right_of(rows: list[list[str]], grid: list[list[str]], label: str) -> str | None:
    for number, row in enumerate(grid):
        if label in row:
            return next((value for value in rows[number][row.index(label) + 1 :] if value.strip()), None)
    return None


def _as_of(text: str, options: Options, issues: list[Issue]) -> datetime | None:
    match = _AS_OF.search(text)
    at = moment(match[1], year=options.year) if match else None
    if at is None:
        issues.append(_bad_time(match[0] if match else "no 「…現在」"))
    return at


def _incident(text: str) -> str | None:
    """The disaster's name: what stands before the report's number and time."""
    head = re.split(r"第\d+報|[(（]|\d+月\d+日", text)[0].strip("「」『』:・")
    return re.sub(r"(に(よる|伴う|係る))?被害(の?状況)?(等)?(について)?$", "", head) or None


def _municipality(name: str, options: Options, pref: str = "") -> tuple[str | None, str | None]:
    """Code and name; the prefecture's own form has no municipality. Raises `ParseError` ``no_municipality``."""
    within = PrefCode(options.pref)
    stated = prefecture(pref) if pref else None
    if stated is not None and stated != within:
        raise ParseError(
            f"the form is of {pref}, not of {options.pref}", code="no_municipality", remedy="see pref in the YAML"
        )
    if prefecture(name) == within:
        return None, name
    found = named(re.sub(r"[(（].*$", "", name).removesuffix("消防本部"), within)
    if found.code is None:
        raise ParseError(
            f"the form's municipality: {found.why}",
            code="no_municipality",
            remedy="see the form; write the name as in the list of municipalities, then retry",
        )
    return found.code, name


def _position(sheet: str, row: int) -> str:
    return f"{sheet} row {row + 1}".strip()


def _unread(what: str, position: str) -> Issue:
    cause = f"nobody reads {what[:80]!r}"
    return Issue(
        "unread", cause, "see whether the form has a new item and add it to damage_item.csv", "info", position
    )


def _twice(item: str, position: str) -> Issue:
    cause = f"{damage_items()[item].ja} stands twice with different numbers"
    return Issue("stated_twice", cause, "ask the municipality; the first is kept", "warning", position)


def _bad_time(what: str) -> Issue:
    remedy = "give the year in the feed's YAML or the time by hand: --at"
    return Issue("no_time", f"the time cannot be read: {what[:80]}", remedy, "warning", "the heading")


def _not_filled(sheet: str, template: bool) -> ParseError:
    what = "is a blank form with placeholders" if template else "has no count in it"
    return ParseError(
        f"{sheet or 'the form'} {what}", code="template_not_filled", remedy="give the form that was filled in"
    )
