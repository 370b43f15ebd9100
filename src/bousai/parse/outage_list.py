"""Outages (停電, 断水, 通信の支障) as utilities list them: tables and JSON arrays with a declared column map.

Source: the outage pages of 北陸電力送配電 (CSV without a header) and 東京電力パワーグリッド (JSON, an array of
arrays), as collected on 2024-01-11 to 03-18 and 2019-09-11 to 09-24; other utilities by a column map of their own in
the feed's YAML. Scope ``<source>/lifeline_outage/<utility>``, complete: the list is all that is out, and an area that
it no longer names is restored. An empty JSON array says that everything is; an empty file says nothing and is
refused.

Oddities
* A count is a range in words (10 戸未満, 約 60 戸): a sum of the list is a range too, so none is made here.
* The time of the list is in the name of the file only (202401111700.csv, data.201909111941.json).
* An area may have several outages at once: 北陸電力 tells them apart by the time at which they began. 東京電力 does
  not, and once published 47 rows twice: equal rows are one outage, rows of one place with other numbers are two.
* The municipality is in a code (172040011, 12219000000.html) and in words: where they disagree, neither is taken.

Known gaps:
* 断水 and 通信 lists were seen as composed samples only
* XML and TopoJSON of other utilities (関西, 九州, 中部, 四国) are not read
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from bousai.errors import ParseError
from bousai.formats import csv_table, json_rows, unread
from bousai.model import Bulletin, Issue, Item, table_of
from bousai.vocab.count import count, without
from bousai.vocab.japanese_time import moment
from bousai.vocab.municipality import named, prefecture, resolve

VERSION = "1"
_TEXTS = ("area_code", "cause", "range", "state_text", "expected_text", "note")
_TIMES = ("started_at", "ended_at", "as_of")
_COUNTS = ("affected", "affected_max")
_PLACES = ("pref", "municipality", "district")
_FIELDS = frozenset((*_TEXTS, *_TIMES, *_COUNTS, *_PLACES, "muni_code", "drop"))


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the feed's YAML tells.

    `columns`: for rows without a header, the field of each column in order; else header → field. A field is one of
    `lifeline_outage`'s, or pref, municipality, district (they make the area's name), muni_code (a code that begins
    with the five digits of JIS X 0402), drop (not used). `source` begins the scope, `utility` is power, water, gas,
    telephone, mobile or internet, `unit` what is counted.
    """

    source: str
    issuer: str
    utility: str
    columns: tuple[str, ...] | dict[str, str]
    unit: str = "戸"
    incident: str | None = None


def parse(body: bytes, options: Options) -> Iterator[Bulletin | Issue]:
    """One statement. Raises `ParseError`: those of `csv_table.rows` and `json_rows.read`, ``ragged``,
    ``missing_column``."""
    issues: list[Issue] = []
    items: dict[str, Item] = {}
    held_back = 0
    seen: set[tuple[str, ...]] = set()
    for position, row in _rows(body, options, issues):
        content = tuple(row.values())
        if content in seen:
            issues.append(
                Issue(
                    "repeated_row",
                    f"{position} repeats a row before it",
                    "none needed: it counts once",
                    "info",
                    position,
                )
            )
            continue
        seen.add(content)
        item = _item(row, position, options, items, issues)
        if item is None:
            held_back += 1
        else:
            items[item.item_id] = item
    yield Bulletin(
        kind="lifeline_outage",
        scope=f"{options.source}/lifeline_outage/{options.utility}",
        issued_at=None,
        status="actual",
        items=table_of(items.values()),
        issuer=options.issuer,
        complete=not held_back,
        bulletin_type="outage_list",
    )
    yield from issues


def _rows(body: bytes, options: Options, issues: list[Issue]) -> Iterator[tuple[str, dict[str, str]]]:
    """Position and cells by field."""
    wrong = set(options.columns if isinstance(options.columns, tuple) else options.columns.values()) - _FIELDS
    if wrong:
        raise ParseError(
            f"the column map names {', '.join(sorted(wrong))}, which is no field of an outage",
            code="wrong_column_map",
            remedy="see Options of parse/outage_list.py",
        )
    if body.lstrip(b"\xef\xbb\xbf \t\r\n").startswith((b"[", b"{")):
        lines = [(f"[{n}]", row) for n, row in enumerate(json_rows.read(body))]
    else:
        table = csv_table.rows(body)
        if isinstance(options.columns, dict):
            lines = [(f"line {n}", row) for n, row in _by_header(table)]
        else:
            csv_table.of_one_length(table, len(options.columns))
            lines = [(f"line {row.line}", row.cells) for row in table]
    if isinstance(options.columns, dict):
        yield from _mapped(lines, options.columns, issues)
        return
    for position, cells in lines:
        if isinstance(cells, Mapping) or len(cells) != len(options.columns):
            raise ParseError(
                f"{position} has {len(cells)} values, {len(options.columns)} are expected",
                code="ragged",
                remedy="see whether the publisher changed the list; the last one stands until then",
                position=position,
            )
        yield position, {field: cell for field, cell in zip(options.columns, cells, strict=True) if field != "drop"}


def _by_header(table: list[csv_table.Row]) -> Iterator[tuple[int, dict[str, str]]]:
    header, *rest = table
    csv_table.of_one_length(rest, len(header.cells))
    names = [name.strip() for name in header.cells]
    for row in rest:
        yield row.line, dict(zip(names, row.cells, strict=True))


def _mapped(
    lines: Sequence[tuple[str, Any]], columns: Mapping[str, str], issues: list[Issue]
) -> Iterator[tuple[str, dict[str, str]]]:
    present: dict[str, None] = {}
    for position, row in lines:
        if not isinstance(row, Mapping):
            raise ParseError(f"{position} is no object with names", code="ragged", remedy="see the column map")
        present |= dict.fromkeys(row)
        missing = [name for name, field in columns.items() if name not in row and field != "drop"]
        if missing:
            raise ParseError(
                f"{position} has no {missing[0]!r}",
                code="missing_column",
                remedy="see whether the publisher renamed it and correct the column map",
                position=position,
            )
        yield position, {field: row[name] for name, field in columns.items() if field != "drop"}
    issues.extend(unread.columns(present, columns))


def _item(
    row: Mapping[str, str], position: str, options: Options, items: Mapping[str, Item], issues: list[Issue]
) -> Item | None:
    area_name = "".join(row.get(name, "").strip() for name in _PLACES) or None
    muni_code = _municipality(row, position, issues)
    key = row.get("area_code") or row.get("muni_code") or ""
    place = "/".join(part for part in (key.strip(), "" if row.get("area_code") else row.get("district", "")) if part)
    if not place and area_name is None:
        issues.append(
            Issue("no_place", f"{position} names no place", "ask the publisher; it is held back", "warning", position)
        )
        return None
    times = {name: _time(row, name, position, issues) for name in _TIMES}
    item_id = "/".join(
        part for part in (options.source, options.utility, place or area_name, times["started_at"]) if part
    )
    # Two outages of one place that nothing tells apart: the order of the list does.
    again = sum(one == item_id or one.startswith(f"{item_id}~") for one in items)
    return Item(
        item_id=f"{item_id}~{again + 1}" if again else item_id,
        props={
            "incident": options.incident,
            "utility": options.utility,
            "operator": options.issuer,
            "area_name": area_name,
            **{name: row.get(name, "").strip() or None for name in _TEXTS},
            **{name: _count(row, name, position, issues) for name in _COUNTS},
            **times,
            "unit": options.unit,
        },
        muni_code=muni_code,
        ended=times["ended_at"] is not None,
        position=position,
    )


def _count(row: Mapping[str, str], name: str, position: str, issues: list[Issue]) -> dict[str, Any] | None:
    if name not in row:
        return None
    found = count(row[name])
    if found is None:
        issues.append(
            Issue(
                "bad_count",
                f"{position}: {name} is {row[name][:40]!r}, not a count",
                "see the list: it is kept as not known, with its wording",
                "warning",
                position,
            )
        )
        found = without("unknown", row[name])
    return dict(found)


def _time(row: Mapping[str, str], name: str, position: str, issues: list[Issue]) -> str | None:
    text = row.get(name, "").strip()
    if not text:
        return None
    at = moment(text)
    if at is None:
        issues.append(
            Issue(
                "bad_time",
                f"{position}: {name} is {text[:40]!r}",
                "see the list: the time is left out",
                "warning",
                position,
            )
        )
        return None
    return at.isoformat()


def _municipality(row: Mapping[str, str], position: str, issues: list[Issue]) -> str | None:
    """The municipality by code and by name; None with an issue where they disagree or neither is known."""
    code = (row.get("muni_code") or row.get("area_code") or "").strip()
    by_code = resolve(code[:5], width=5) if code else None
    name = row.get("municipality", "").strip()
    by_name = named(name, prefecture(row.get("pref", "").strip())) if name else None
    found = {one.code for one in (by_code, by_name) if one is not None and one.code is not None}
    if len(found) == 1:
        return found.pop()
    whys = [one.why for one in (by_code, by_name) if one is not None and one.why]
    why = f"code {code[:40]!r} and name {name[:40]!r} are two municipalities" if found else "; ".join(whys)
    issues.append(
        Issue(
            "unknown_municipality",
            f"{position}: {why or 'no municipality is named'}",
            "find out which it is; the outage is kept without one",
            "warning",
            position,
        )
    )
    return None
