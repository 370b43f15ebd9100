"""Cabinet Office reports 「…に係る被害状況等について」 (内閣府 非常災害対策本部): a disaster, table by table.

Source: www.bousai.go.jp/updates/, one PDF a report, once or twice a day; read from the PDF, or from its text as
``pdftotext -layout`` gives it. A report is a whole statement as at the time on its first page; every section is
another ministry's and carries its own 「…現在」 (`as_of`; 停電 says 時点). Each table that is read is one complete
statement (unless a line of it had to be held back); ids and scopes begin with ``cao/<name of the disaster>``.

| section | kind | scope ``cao/<disaster>/…`` | one item is |
|---|---|---|---|
| ２(１)人的・住家被害 | damage_count | damage | a prefecture, and 合計 |
| ≪死者の内訳≫ (prose) | damage_count | deaths | a municipality, or the wording for those of none |
| ２(２)避難指示等の状況 | evacuation_summary | order | a prefecture and kind of order, and 合計 |
| ３ 避難所の状況 | evacuation_summary | shelter | a prefecture, and 合計 |
| ４(１)①水道, the table | lifeline_outage | water | a municipality or water utility, and 合計 |
| the list above it (濁水あり) | lifeline_outage | water/list | a municipality that is not in the table |
| ４(１)②電力, ア停電状況 | lifeline_outage | power | a municipality, its prefecture, the area of a utility |
| ４(３)道路 | road_restriction | road | a stretch; for prefectural roads the number in a prefecture |
| ５ 非常災害対策本部, 現地災害対策本部 | disaster_hq | hq/government/… | one of the government's headquarters |
| ６ 都道府県における災害対策本部 | disaster_hq | hq/prefecture | a prefecture's headquarters |

Passed over, each for the reason given in `formats.cabinet_report`: 地震の概要; 消防本部等情報 (words beside the
table), 重要施設の被害; ガス, 高圧ガス, 製油所, 放送, 郵政, 行政機能 (prose); 通信 (a grid whose rules the text has
lost: what belongs to which company is not certain); 孤立集落, 交通機関, 医療, 福祉, 児童, 障害, 文教, 農林水産
(facilities: no kind of item holds their counts); 河川, ダム, 砂防, 港湾, 住宅 and others (prose); 給水車 below
断水; the measures of the ministries, among them 災害救助法 (how many municipalities, not which). A numbered section
of another name with a table in it is an issue ``unread``.

Oddities
* Zeros are blank, columns come and go, headings stand on three lines: see `formats.layout_table`. A blank stays
  blank. 人的被害 合計 (死者 + 行方不明者 + 小計) serves to check the row and is not kept.
* In some reports a table is a picture and the text has only its title: issue ``table_not_in_text``, no statement.
* How many cities, towns and villages were ordered to evacuate stand in columns too narrow to be told apart in the
  text: their sum is kept.
* 「避難所数：150 か所 避難者数：8,244 人」 above the table may be that of the day before: the table counts, issue
  ``text_differs_from_table``. A 合計 that its rows do not add up to is an issue ``total_differs`` (info where 約 or
  不明 explains it).
* 断水: 現在 0 is the end only where 復旧済 says so (「0※ ※夜間断水あり」 is not); furigana lines are dropped; one
  report has the same table twice. 停電: no table, and 復旧済み in the words, means that nothing is left.
* Numbers of sections are not to be relied on (「２ 政府の主な対応」 after 4): titles are.
* Nothing in the format says 訓練: a report with 訓練 on its head, or 【訓練】 anywhere, is an exercise.

Known gaps:
* tables that are pictures (three of the eight reports seen have 人的・住家被害 as one) are not recognised
* counts of facilities (medical, welfare, schools), isolated hamlets, railways and telecommunication are not read
* gas is in prose only and is not read
* reports of other disasters than 令和8年熊本地震, and reports as PDF, were only seen as synthetic samples
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import msgspec

from bousai.errors import ParseError
from bousai.formats import cabinet_lifeline, cabinet_report, layout_table
from bousai.formats.cabinet_lifeline import PowerTable, Water
from bousai.formats.cabinet_report import (
    CIRCLED,
    HQ_PREFECTURE,
    LOOK,
    Report,
    Row,
    Section,
    compact,
    dated,
    plain,
    read_number,
    table,
    unknown_table,
)
from bousai.formats.layout_table import Column, Law, Line
from bousai.model import Bulletin, Issue, Item, table_of
from bousai.vocab import municipality
from bousai.vocab.count import Count, reported, without
from bousai.vocab.damage import damage_item, damage_items

VERSION = "1"
_ISSUER = "内閣府"
_HELD_BACK = frozenset({"unread_line", "ambiguous_total"})


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`disasters`: title of a disaster in the report (NFKC, without blanks) → the name by which it goes, for a
    disaster that got its name after the first reports."""

    disasters: dict[str, str] = {}


def parse(body: bytes, options: Options) -> Iterator[Bulletin | Issue]:
    """A bulletin for each table that is read, then issues.

    Raises `ParseError`: ``empty``, ``not_text``, ``truncated``, those of `pdf_page`; ``unknown_document`` without
    title, time or the section 人的・住家被害; ``unknown_table``, ``unknown_cell``, ``no_total``, ``ambiguous_table``
    for a table that cannot be read as a whole: then nothing of the document is taken.
    """
    report = cabinet_report.read(body)
    report = replace(report, incident=options.disasters.get(report.incident, report.incident))
    if not any(section.title == "人的・住家被害" for section in report.sections):
        raise ParseError(
            "no section 人的・住家被害",
            code="unknown_document",
            remedy="see whether this is a 被害状況等 report of the Cabinet Office, or its sections have new names",
        )
    said: list[Bulletin] = []
    issues: list[Issue] = []
    for section in report.sections:
        reader = _READERS.get(section.title)
        if reader is not None:
            before = len(issues)
            found = reader(section, report, issues)
            if any(issue.code in _HELD_BACK for issue in issues[before:]):
                # What was held back has not ended: the statement speaks only of what it lists.
                found = [replace(bulletin, complete=False) for bulletin in found]
            if found and section.title not in _UNTIMED:
                issues += _time_issues(section, report)
            said += found
        elif not section.known and layout_table.looks_like_table(section.lines):
            issues.append(_unread(section))
    yield from _once(said, issues)
    yield from issues


def _unread(section: Section) -> Issue:
    return Issue(
        "unread",
        f"nobody reads the section {section.title[:60]!r}, which has a table: "
        f"{layout_table.shown(section.lines[:4])}",
        "teach the parser to read it, or name it among those that are passed over",
        "info",
        section.head.position,
    )


def _key(report: Report, *parts: str) -> str:
    return "/".join(["cao", report.incident.replace("/", "／"), *parts])


def _bulletin(report: Report, kind: str, scope: str, items: Sequence[Item]) -> Bulletin:
    return Bulletin(
        kind=kind,
        scope=_key(report, scope),
        issued_at=report.issued_at,
        status=report.status,
        items=table_of(items),
        issuer=_ISSUER,
        complete=True,
        serial=report.number,
        bulletin_type="cao_damage_report",
    )


def _once(said: Sequence[Bulletin], issues: list[Issue]) -> Iterator[Bulletin]:
    """One statement a scope: a table that stands twice in a document is one, and must be the same."""
    first: dict[str, Bulletin] = {}
    for bulletin in said:
        other = first.setdefault(bulletin.scope, bulletin)
        if other is bulletin:
            yield bulletin
            continue
        differing = _differing(other, bulletin)
        if differing:
            issues.append(
                Issue(
                    "said_twice",
                    f"{bulletin.scope} stands twice and differs in: {', '.join(differing)[:200]}",
                    "ask the Cabinet Office; what stands first is kept",
                    "warning",
                    bulletin.items.position[0] if bulletin.items.position else bulletin.scope,
                )
            )


def _differing(one: Bulletin, other: Bulletin) -> list[str]:
    first, second = ({item.item_id: item for item in b.items.rows()} for b in (one, other))
    ids = dict.fromkeys([*first, *second])
    return [i for i in ids if i not in first or i not in second or first[i].props != second[i].props]


def _time_issues(section: Section, report: Report) -> Iterator[Issue]:
    if section.as_of is None:
        yield Issue(
            "no_time",
            f"the section {section.title} does not say as of when it holds",
            "none needed; the time of the report stands for it",
            "info",
            section.head.position,
        )
    elif section.as_of > report.issued_at:
        yield Issue(
            "later_than_report",
            f"the section {section.title} holds as of {section.as_of.isoformat()}, the report as of "
            f"{report.issued_at.isoformat()}",
            "none needed; tell the Cabinet Office",
            "info",
            section.head.position,
        )


def _picture(section: Section) -> Issue:
    return Issue(
        "table_not_in_text",
        f"the section {section.title} has no table in the text (in this report it is a picture)",
        "read it in the PDF; the last statement stands until the next report",
        "warning",
        section.head.position,
    )


def _differs(what: str, said: int, added: int, why: str, line: Line) -> Issue:
    explained = bool(why)
    return Issue(
        "total_differs",
        f"{what}: {said:,} is stated, the parts add up to {added:,} (difference {said - added:+,})"
        + (f": {why}" if why else ""),
        "none needed" if explained else "ask the Cabinet Office; both are kept as they stand",
        "info" if explained else "warning",
        line.position,
    )


def _added_up(what: str, total: Count, total_line: Line, parts: Sequence[Count]) -> Iterator[Issue]:
    """An issue where a 合計 is not the sum of its rows, and why that is, as far as it can be said."""
    if total["value"] is None and not any(part["value"] for part in parts):
        return
    said = total["value"] or 0
    added = sum(part["value"] or 0 for part in parts)
    if said == added:
        return
    unknown = sum(part["state"] not in ("reported", "blank", "not_applicable") for part in parts)
    rounded = any(cell["qualifier"] != "exact" for cell in (total, *parts))
    why = [f"{unknown} of the rows have no number (不明)"] if unknown else []
    why += ["the numbers are rounded (約)"] if rounded else []
    yield _differs(what, said, added, ", ".join(why), total_line)


def _place(row: Row, section: Section, report: Report) -> dict[str, Any]:
    return {
        "incident": report.incident,
        "area_name": row.name,
        "area_level": row.level,
        "report_no": report.number,
        "as_of": _iso(section.as_of),
    }


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()


# ── 人的・住家被害 ─────────────────────────────────────────────────────────────────────────────────────────────

_HUMAN = ("dead", "dead_disaster_related", "missing", "unaccounted")
_INJURED = ("injured_severe", "injured_moderate", "injured_minor", "injured_unknown")
_HOUSES = (
    *("house_destroyed", "house_mostly_half_destroyed", "house_medium_half_destroyed", "house_half_destroyed"),
    *("house_semi_half_destroyed", "flooded_above_floor", "flooded_below_floor", "house_partly_damaged"),
    "house_unclassified",
)
_PEOPLE = "people"  # 合計 of 人的被害: a check, no item of 第4号様式
_ORDER = (*_HUMAN, *_INJURED, "injured", _PEOPLE, *_HOUSES, "house_damaged")
_PARTS_OF_WORDS = {
    "うち": None,  # above 災害関連死者
    "行方": "missing",
    "不明者": "missing",
    "浸水": None,  # below 床上, 床下
    "破損": None,  # below 一部
    "損壊": None,
    "一部": "house_partly_damaged",
    "小計": "injured",
    "程度不明": "injured_unknown",
    "未分類": "house_unclassified",
}
_GROUPS = re.compile(r"人\s*的\s*被\s*害|住\s*家\s*被\s*害|負\s*傷\s*者|都\s*道\s*府\s*県(?:\s*名)?")


def _damage(section: Section, report: Report, issues: list[Issue]) -> list[Bulletin]:
    above, deaths = _before_deaths(section.lines)
    heading, rows = table(above)
    found: list[Bulletin] = []
    dead: dict[str, tuple[Count, Line]] = {}
    if rows:
        items, dead = _damage_items(section, report, heading, rows, issues)
        found.append(_bulletin(report, "damage_count", "damage", items))
    elif layout_table.looks_like_table(above) or any("死者" in compact(line.text) for line in heading):
        raise unknown_table("no row of a prefecture", heading, section.head)
    else:
        issues.append(_picture(section))
    if deaths:
        items = _deaths(section, report, deaths, dead, issues)
        if items:
            found.append(_bulletin(report, "damage_count", "deaths", items))
    return found


def _before_deaths(lines: Sequence[Line]) -> tuple[list[Line], list[Line]]:
    """The lines of the table, and those of ≪死者の内訳≫."""
    at = next((i for i, line in enumerate(lines) if "死者の内訳" in compact(line.text)), len(lines))
    end = next((i for i, line in enumerate(lines) if compact(line.text)[:1] in ("○", "〇")), len(lines))
    return list(lines[: min(at, end)]), list(lines[at + 1 : end])


def _damage_items(
    section: Section, report: Report, heading: Sequence[Line], rows: Sequence[Row], issues: list[Issue]
) -> tuple[list[Item], dict[str, tuple[Count, Line]]]:
    columns = _damage_columns(heading, rows[0].line)
    names = [column.name for column in columns]
    laws = _laws(names)
    cells = _cells(rows, columns, laws)
    for law in laws:
        for row, found in zip(rows, cells, strict=True):
            parts = [found[name] for name in law.parts]
            if all(cell["state"] in ("reported", "blank") for cell in (found[law.total], *parts)):
                issues += _added_up(f"{row.name} {_label(law.total)}", found[law.total], row.line, parts)
    for name in names:
        *parts, total = [found[name] for found in cells]
        issues += _added_up(f"合計 {_label(name)}", total, rows[-1].line, parts)
    items = [
        Item(
            _key(report, "damage", row.pref or "country"),
            {
                **_place(row, section, report),
                "reporter": section.reporter,
                "note": None,
                **{name: found[name] for name in names if name != _PEOPLE},
            },
            position=row.line.position,
        )
        for row, found in zip(rows, cells, strict=True)
    ]
    dead = {row.pref: (found["dead"], row.line) for row, found in zip(rows, cells, strict=True) if row.pref}
    return items, dead


def _cells(rows: Sequence[Row], columns: Sequence[Column], laws: Sequence[Law]) -> list[dict[str, Count]]:
    """What stands in every column of every row; an empty cell is blank."""
    at = layout_table.placed(
        [row.words for row in rows], [row.numbers for row in rows], columns, laws, rows[0].line.position
    )
    return [
        {c.name: row.counts[index[c.name]] if c.name in index else without("blank") for c in columns}
        for row, index in zip(rows, at, strict=True)
    ]


def _label(name: str) -> str:
    return "人的被害合計" if name == _PEOPLE else damage_items()[name].ja


def _laws(names: Sequence[str]) -> list[Law]:
    present = set(names)
    laws = [
        Law("injured", tuple(name for name in _INJURED if name in present)),
        Law("house_damaged", tuple(name for name in _HOUSES if name in present)),
    ]
    if "unaccounted" not in present:  # whether 安否不明者 are counted in is nowhere said
        laws.append(Law(_PEOPLE, tuple(name for name in ("dead", "missing", "injured") if name in present)))
    return [law for law in laws if law.total in present and law.parts]


def _damage_columns(heading: Sequence[Line], row: Line) -> list[Column]:
    """The columns by their labels, in the order of the form, above the marks 人 and 棟 that say where they are."""
    marks = layout_table.words(heading[-1].text) if heading else []
    if not marks or any(mark.text not in ("人", "棟", "世帯") for mark in marks):
        raise unknown_table("no line of 人 and 棟 above the first row", heading, row)
    found: set[str] = set()
    for line in heading[:-1]:
        last = -1
        text = _GROUPS.sub(lambda match: " " * len(match[0]), line.text)
        text = re.sub(r"(行|合)\s+(方|計)", r"\1\2", text)
        for word in layout_table.words(text):
            name = _column(compact(word.text), last)
            if name is None:
                raise unknown_table(f"no column is called {word.text!r}", heading, line)
            if not name:
                continue
            if _ORDER.index(name) < last:
                raise unknown_table(f"{word.text!r} does not stand where it should", heading, line)
            last = _ORDER.index(name)
            found.add(name)
    names = [name for name in _ORDER if name in found]
    units = ["棟" if name in (*_HOUSES, "house_damaged") else "人" for name in names]
    if units != [mark.text.replace("世帯", "棟") for mark in marks] or "dead" not in found:
        raise unknown_table(f"{len(marks)} marks 人 and 棟 for the columns {', '.join(names)}", heading, row)
    return [Column(name, mark.start) for name, mark in zip(names, marks, strict=True)]


def _column(label: str, last: int) -> str | None:
    """What a word of the heading stands for: "" for one that only goes on with another."""
    if label == "合計":
        return "house_damaged" if last > _ORDER.index(_PEOPLE) else _PEOPLE
    if label in _PARTS_OF_WORDS:
        return _PARTS_OF_WORDS[label] or ""
    name = damage_item(label)
    return name if name in _ORDER else None


_NOBODY_ELSE = re.compile(r"[、,]?(?:[\w・]+[市町村区]|[\w・()]*(?:死者|死亡|不明|調査|確認)[\w・()]*)")
_DEAD_IN = re.compile(r"([^\d、,]+?)(\d[\d,]*)人")


def _deaths(
    section: Section,
    report: Report,
    lines: Sequence[Line],
    dead: Mapping[str, tuple[Count, Line]],
    issues: list[Issue],
) -> list[Item]:
    """≪死者の内訳≫: 「【熊本県】嘉島町２人、甲佐町１人」, over several lines; some are of no municipality."""
    items: dict[str, Item] = {}
    pref: str | None = None
    sums: dict[str, int] = {}
    said_at: dict[str, Line] = {}
    left = ""
    for line in lines:
        text = compact(line.text)
        if not text or text[0] in "※(":
            continue
        match = re.match(r"[【\[](.+?[都道府県])[】\]]", text)
        if match:
            pref, text, left = municipality.prefecture(match[1]), text[match.end() :], ""
        text = left + text
        consumed = 0
        for part in _DEAD_IN.finditer(text):
            consumed = part.end()
            if pref is None or not _NOBODY_ELSE.fullmatch(part[1]):
                issues.append(_unread_line("≪死者の内訳≫", line))
                continue
            dead_here = read_number(part[2], line)
            item = _dead(part[1].strip("、,"), dead_here, pref, section, report, line, issues)
            if item.item_id in items:
                issues.append(_unread_line("≪死者の内訳≫", line))
                continue
            items[item.item_id] = item
            sums[pref] = sums.get(pref, 0) + (dead_here["value"] or 0)
            said_at.setdefault(pref, line)
        left = text[consumed:].strip("、,")
    if left:
        issues.append(_unread_line("≪死者の内訳≫", lines[-1]))
    for code, added in sums.items():
        if code not in dead:
            continue
        cell, row = dead[code]
        if cell["value"] is None:
            raise ParseError(
                f"{added} dead by municipality, none in the row of their prefecture",
                code="ambiguous_table",
                remedy=LOOK,
                position=row.position,
            )
        if cell["value"] != added:
            issues.append(
                _differs(f"{row.text.split()[0]} 死者, ≪死者の内訳≫", cell["value"], added, "", said_at[code])
            )
    return list(items.values())


def _dead(
    name: str, dead: Count, pref: str, section: Section, report: Report, line: Line, issues: list[Issue]
) -> Item:
    place = municipality.named(name, pref)
    if place.code is None and name[-1] in "市町村区":
        issues.append(_unknown_place(name, place.why, line))
    return Item(
        _key(report, "damage", place.code or f"{pref}/{name}"),
        {
            "incident": report.incident,
            "area_name": name,
            "area_level": "municipality" if place.code or name[-1] in "市町村区" else "extra",
            "report_no": report.number,
            "as_of": _iso(section.as_of),
            "reporter": section.reporter,
            "note": "死者の内訳",
            "dead": dead,
        },
        muni_code=place.code,
        position=line.position,
    )


def _unknown_place(name: str, why: str, line: Line) -> Issue:
    return Issue(
        "unknown_municipality",
        f"{name}: {why}",
        "add the name to the list of municipalities; the item is kept without a code",
        "warning",
        line.position,
    )


def _unread_line(where: str, line: Line) -> Issue:
    return Issue(
        "unread_line",
        f"{where}: {plain(line.text)[:120]!r} is not as such lines are; it is held back",
        "read it in the document and teach the parser how it is written",
        "warning",
        line.position,
    )


# ── 避難指示等の状況 ───────────────────────────────────────────────────────────────────────────────────────────

_ORDERS = {
    "緊急安全確保": ("emergency_safety", 5),
    "避難指示": ("evacuate", 4),
    "高齢者等避難": ("elderly_evacuate", 3),
}


def _orders(section: Section, report: Report, issues: list[Issue]) -> list[Bulletin]:
    heading, rows = table(section.lines)
    if not rows:
        if layout_table.looks_like_table(section.lines) or any("世帯" in compact(line.text) for line in heading):
            raise unknown_table("no row of a prefecture", heading, section.head)
        issues.append(_picture(section))
        return []
    orders, starts = _order_blocks(heading, rows[0].line)
    cells = [_order_cells(row, starts, heading) for row in rows]
    for index, order in enumerate(orders):
        for what, number in (("市町村", 0), ("世帯", 1), ("人数", 2)):
            *parts, total = [found[index][number] if index in found else without("blank") for found in cells]
            issues += _added_up(f"合計 {order} {what}", total, rows[-1].line, parts)
    items = [
        Item(
            _key(report, "order", row.pref or "country", _ORDERS[orders[index]][0]),
            {
                **_place(row, section, report),
                "order_text": orders[index],
                "order_level": _ORDERS[orders[index]][1],
                "order_municipalities": munis,
                "order_households": households,
                "order_people": people,
                "note": None,
            },
            position=row.line.position,
        )
        for row, found in zip(rows, cells, strict=True)
        for index, (munis, households, people) in found.items()
    ]
    return [_bulletin(report, "evacuation_summary", "order", items)]


def _order_blocks(heading: Sequence[Line], row: Line) -> tuple[list[str], list[int]]:
    """The kinds of order from left to right, and where the columns of each begin."""
    text = [re.sub(r"市\s*町\s*村", lambda match: "市町村".ljust(len(match[0])), line.text) for line in heading]
    words = [word for line in text for word in layout_table.words(line)]
    orders = [word.text for word in words if word.text in _ORDERS]
    last = [word for line in text[-1:] for word in layout_table.words(line)]
    columns = [word.text for word in last if word.text != "都道府県"]
    others = {word.text for word in words} - {*orders, "都道府県", "市町村", "世帯", "人数", "世帯数"}
    if others or not orders or len(set(orders)) < len(orders) or len(columns) != 3 * len(orders):
        raise unknown_table("not 市町村, 世帯, 人数 for every kind of order", heading, row)
    if any(columns[i] != "市町村" or columns[i + 2] != "人数" for i in range(0, len(columns), 3)):
        raise unknown_table("not 市町村, 世帯, 人数 for every kind of order", heading, row)
    return orders, [word.start for word in last if word.text == "市町村"]


def _order_cells(row: Row, starts: Sequence[int], heading: Sequence[Line]) -> dict[int, tuple[Count, Count, Count]]:
    """Index of a kind of order → municipalities (the sum of 市, 町 and 村), households, people.

    A kind of order has one to three numbers of municipalities, households and people, or nothing at all. The numbers
    tell the groups, for people are no fewer than households; where each group begins tells the kind of order.
    """
    ways = [way for way in _splits(len(row.words), len(starts)) if all(_is_order(row.numbers[a:b]) for a, b in way)]
    if len(ways) != 1:
        raise _ambiguous_orders(row, heading)
    found: dict[int, tuple[Count, Count, Count]] = {}
    for place, (a, b) in enumerate(ways[0]):
        index = place
        if len(ways[0]) < len(starts):
            near, *others = sorted((abs(start - row.words[a].start), i) for i, start in enumerate(starts))
            if others and 2 * near[0] >= others[0][0]:
                raise _ambiguous_orders(row, heading)
            index = near[1]
        if index in found or (found and index < max(found)):
            raise _ambiguous_orders(row, heading)
        munis = [cell["value"] for cell in row.counts[a : b - 2]]
        whole = [number for number in munis if number is not None]
        found[index] = (
            reported(sum(whole)) if len(whole) == len(munis) else without("unknown"),
            row.counts[b - 2],
            row.counts[b - 1],
        )
    return found


def _splits(length: int, most: int) -> Iterator[list[tuple[int, int]]]:
    """Every way to cut a row into at most so many groups of three to five words."""
    if length == 0:
        yield []
        return
    for size in (3, 4, 5):
        if most and size <= length:
            for rest in _splits(length - size, most - 1):
                yield [(0, size), *((a + size, b + size) for a, b in rest)]


def _is_order(numbers: Sequence[int | None]) -> bool:
    *munis, households, people = numbers
    if households is not None and people is not None and people < households:
        return False
    return all(number is None or households is None or number <= households for number in munis)


def _ambiguous_orders(row: Row, heading: Sequence[Line]) -> ParseError:
    return ParseError(
        f"{row.name}: numbers that cannot be told apart below {layout_table.shown(heading)}",
        code="ambiguous_table",
        remedy=LOOK,
        position=row.line.position,
    )


# ── 避難所の状況 ───────────────────────────────────────────────────────────────────────────────────────────────

_SHELTER_COLUMNS = {
    "開設自治体数": "shelter_municipalities",
    "避難所数": "shelters_open",
    "避難者数": "evacuees",
    "避難世帯数": "evacuated_households",
}
_IN_WORDS = re.compile(
    r"避難所数:?(?P<shelters>[\d,]+)(?:か所|カ所|箇所|ヶ所|ヵ所)?[、,]?避難者数:?(?P<evacuees>[\d,]+)人?"
    r"(?:\(最大(?P<max_shelters>[\d,]+)(?:か所|カ所|箇所|ヶ所|ヵ所)[、,]?(?P<max_evacuees>[\d,]+)人?\))?"
)


def _shelters(section: Section, report: Report, issues: list[Issue]) -> list[Bulletin]:
    """「避難所数：419 か所 避難者数：7,547（最大 506 か所 9,186 人）」, and from the fifth day on a table."""
    stated = next(
        ((m, line) for line in (section.head, *section.lines) if (m := _IN_WORDS.search(compact(line.text)))), None
    )
    heading, rows = table(section.lines)
    if not rows and layout_table.looks_like_table(section.lines):
        raise unknown_table("a table of shelters without a row of a prefecture", heading, section.head)
    items = _shelter_rows(section, report, heading, rows, issues) if rows else {}
    if stated is not None:
        words, line = stated
        said = {
            "shelters_open": read_number(words["shelters"], line),
            "evacuees": read_number(words["evacuees"], line),
        }
        key = _key(report, "shelter", "country")
        if key in items:
            for name, told in said.items():
                cell = items[key].props[name]
                if cell["value"] != told["value"]:
                    issues.append(
                        Issue(
                            "text_differs_from_table",
                            f"{name}: {told['value']:,} in the words above the table, {cell['value'] or 0:,} in it",
                            "ask the Cabinet Office; the table counts",
                            "warning",
                            line.position,
                        )
                    )
            props = items[key].props
        else:
            country = Row("合計", None, line, [], [])
            props = {**_shelter_props(country, section, report), **said}
        most = words["max_evacuees"]
        items[key] = Item(
            key,
            {
                **props,
                "evacuees_max": read_number(most, line) if most else without("blank"),
                "note": f"最大 避難所数 {words['max_shelters']} か所" if most else None,
            },
            position=items[key].position if key in items else line.position,
        )
    if not items:
        issues.append(_no_table(section, "neither 「避難所数：… 避難者数：…」 nor a table"))
        return []
    return [_bulletin(report, "evacuation_summary", "shelter", list(items.values()))]


def _shelter_props(row: Row, section: Section, report: Report) -> dict[str, Any]:
    blank = {name: without("blank") for name in _SHELTER_COLUMNS.values()}
    return {**_place(row, section, report), **blank, "evacuees_max": without("blank"), "note": None}


def _shelter_rows(
    section: Section, report: Report, heading: Sequence[Line], rows: Sequence[Row], issues: list[Issue]
) -> dict[str, Item]:
    labels = [
        (word, _SHELTER_COLUMNS.get(compact(word.text)))
        for line in heading[-1:]
        for word in layout_table.words(line.text)
        if word.text != "都道府県"
    ]
    columns = [Column(name, word.start) for word, name in labels if name is not None]
    if len(columns) < len(labels) or not columns:
        raise unknown_table("a table of shelters with other columns", heading, rows[0].line)
    cells = _cells(rows, columns, [])
    for column in columns:
        *parts, total = [found[column.name] for found in cells]
        issues += _added_up(f"合計 {column.name}", total, rows[-1].line, parts)
    return {
        key: Item(key, {**_shelter_props(row, section, report), **found}, position=row.line.position)
        for row, found in zip(rows, cells, strict=True)
        if (key := _key(report, "shelter", row.pref or "country"))
    }


# ── 水道 ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _water(section: Section, report: Report, issues: list[Issue]) -> list[Bulletin]:
    found = cabinet_lifeline.water(section.lines)
    if found is None:
        unread = layout_table.looks_like_table(section.lines)
        issues.append(_unread(section) if unread else _no_table(section, "no table of 断水"))
        return []
    for what, total, parts in (
        ("最大", found.total.most, [row.most for row in found.rows]),
        ("現在", found.total.now, [row.now for row in found.rows]),
    ):
        issues += _added_up(f"水道 合計 {what}", total, found.total.line, parts)
    items = [_water_item(row, section, report, issues) for row in (*found.rows, found.total)]
    said = [_bulletin(report, "lifeline_outage", "water", items)]
    if found.listed:
        # Only the first reports have the list: that a later one lacks it does not mean that the water is clean again.
        items = [_water_item(row, section, report, issues) for row in found.listed]
        said.append(_bulletin(report, "lifeline_outage", "water/list", items))
    return said


def _water_item(row: Water, section: Section, report: Report, issues: list[Issue]) -> Item:
    code = None
    if row.pref is not None:
        place = municipality.named(row.name, row.pref)
        code = place.code
        if code is None and row.name[-1] in "市町村区":
            issues.append(_unknown_place(row.name, place.why, row.line))
    notes = [row.listed, f"断水期間 {row.period}" if row.period else None]
    restored = row.now["value"] in (0, None) and row.now["state"] != "unknown" and "復旧済" in (row.state or "")
    return Item(
        _key(report, "water", code or "/".join(filter(None, (row.pref, row.name)))),
        _outage(
            report,
            section,
            utility="water",
            operator=row.name if row.pref is not None and row.name[-1] not in "市町村区" else None,
            area_name=row.name,
            affected=row.now,
            affected_max=row.most,
            state_text=row.state,
            note="; ".join(filter(None, notes)) or None,
        ),
        muni_code=code,
        ended=restored,
        position=row.line.position,
    )


def _outage(report: Report, section: Section, **said: Any) -> dict[str, Any]:
    return {
        "incident": report.incident,
        "utility": said["utility"],
        "operator": said["operator"],
        "area_name": said["area_name"],
        "affected": said["affected"],
        "affected_max": said["affected_max"],
        "unit": "戸",
        "state_text": said["state_text"],
        "as_of": _iso(section.as_of),
        "note": said["note"],
    }


# ── 電力 ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _power(section: Section, report: Report, issues: list[Issue]) -> list[Bulletin]:
    """停電状況: the area of a utility, its prefectures and their municipalities; no item once all is restored."""
    found = cabinet_lifeline.power(section.lines)
    if found is not None:
        return [_bulletin(report, "lifeline_outage", "power", _power_items(found, section, report, issues))]
    if cabinet_lifeline.all_restored(section.lines):
        return [_bulletin(report, "lifeline_outage", "power", [])]
    issues.append(_no_table(section, "neither a table of 停電 nor the words that all is restored"))
    return []


def _no_table(section: Section, what: str) -> Issue:
    return Issue(
        "table_not_in_text",
        f"the section {section.title} has {what}",
        "read the section in the document; the last statement stands until the next report",
        "warning",
        section.head.position,
    )


def _power_items(found: PowerTable, section: Section, report: Report, issues: list[Issue]) -> list[Item]:
    items: list[Item] = []
    for one in found.places:
        place = municipality.named(one.muni, one.pref) if one.muni else municipality.Resolved(None)
        if one.muni and place.code is None:
            issues.append(_unknown_place(one.name, place.why, one.line))
        key = place.code or "/".join(filter(None, (one.pref, one.muni)))
        props = _power_props(one.name, one.now, None, report, section)
        items.append(Item(_key(report, "power", key), props, place.code, position=one.line.position))
    issues += [_unread_line("停電", line) for line in found.odd]
    for total in (one for one in found.places if one.muni is None):
        parts = [one.now for one in found.places if one.muni and one.pref == total.pref]
        if parts:
            issues += _added_up(f"停電 {total.name}", total.now, total.line, parts)
    return items + _utility_item(found, report, section, issues)


def _utility_item(found: PowerTable, report: Report, section: Section, issues: list[Issue]) -> list[Item]:
    """The area of the one utility. Where there are several, what belongs to which is not certain: held back."""
    if len(found.utilities) != 1 or len(found.now) != 1 or len(found.most) > 1:
        issues.append(
            Issue(
                "ambiguous_total",
                f"停電: {len(found.utilities)} utilities, {len(found.now)} numbers now, {len(found.most)} largest",
                "read them in the document; the numbers of prefectures and municipalities are kept",
                "warning",
                found.heading.position,
            )
        )
        return []
    name, line = found.utilities[0]
    props = _power_props(f"{name}管内", found.now[0], next(iter(found.most), None), report, section)
    return [Item(_key(report, "power", name), {**props, "operator": name}, position=line.position)]


def _power_props(name: str, now: Count, most: Count | None, report: Report, section: Section) -> dict[str, Any]:
    return _outage(
        report,
        section,
        utility="power",
        operator=None,
        area_name=name,
        affected=now,
        affected_max=most or without("blank"),
        state_text=None,
        note=None,
    )


# ── 道路 ───────────────────────────────────────────────────────────────────────────────────────────────────────

_ROADS = {
    "高速道路": "expressway",
    "有料道路": "unknown",
    "直轄国道": "national",
    "補助国道": "national",
    "都道府県道": "prefectural",
    "市町村道": "municipal",
}
_CAUSE = re.compile(r"(?:[ア-ン][\s　]*|\[)?(?P<cause>\S*?)(?:による)?通行止め:(?P<what>なし|[^\]]+)\]?")
_OTHER_HEADING = re.compile(r"\s*(?:[ア-オ][\s　]|[［\[【<＜])")
_STRETCH = re.compile(
    r"・(?P<road>[^()]+?)\((?P<place>[^()]+)\)(?::?(?P<number>\d+)区間)?(?::?(?P<cause>[^:(※]+))?(?P<rest>[:(].*)?"
)
_IN_PREFECTURE = re.compile(r"(?P<pref>\S{2,3}?[都道府県])(?P<number>\d+)区間(?:\((?P<cause>.+)\))?")


@dataclass(slots=True)
class _Road:
    kind: str
    text: str
    line: Line
    cause: str
    remarks: list[str] = field(default_factory=list)


def _road(section: Section, report: Report, issues: list[Issue]) -> list[Bulletin]:
    """通行止め by kind of road, one line a stretch; 都道府県道 only as numbers of stretches by prefecture."""
    roads, counted, odd = _road_lines(section.lines)
    if counted is None:
        unread = layout_table.looks_like_table(section.lines)
        issues.append(_unread(section) if unread else _no_table(section, "no 「…による通行止め：…」"))
        return []
    issues += [_unread_line("道路", line) for line in odd]
    items: dict[str, Item] = {}
    sizes: list[int | None] = []
    for road in roads:
        item, size = _road_item(road, report, section, issues)
        sizes.append(size)
        if item is None:
            continue
        if item.item_id in items:  # two places on one road in one city: what is said of the second tells them apart
            item = replace(item, item_id=f"{item.item_id}/{item.props['detail'] or item.props['cause']}")
        if item.item_id in items:
            issues.append(_unread_line("道路", road.line))
            continue
        items[item.item_id] = item
    for index, (what, line, first) in enumerate(counted):
        last = counted[index + 1][2] if index + 1 < len(counted) else len(roads)
        issues += _counted(what, line, roads[first:last], sizes[first:last])
    return [_bulletin(report, "road_restriction", "road", list(items.values()))]


def _road_lines(lines: Sequence[Line]) -> tuple[list[_Road], list[tuple[str, Line, int]] | None, list[Line]]:
    """The stretches, the 「２路線９区間」 above them (with how many stretches stand before it), and odd lines.

    None in the place of the second where no kind of closure is named at all.
    """
    roads: list[_Road] = []
    counted: list[tuple[str, Line, int]] = []
    odd: list[Line] = []
    kind: str | None = None
    cause: str | None = None
    first = 0  # of the roads below the last heading
    seen = False
    for line in lines:
        text = compact(line.text)
        if not text:
            continue
        last = roads[-1] if len(roads) > first else None
        if circled := CIRCLED.fullmatch(line.text):
            title = compact(circled[1])
            kind = next((value for begins, value in _ROADS.items() if title.startswith(begins)), None)
            cause, first = None, len(roads)
        elif kind is None:
            # What comes after the kinds of roads is traffic management in prose, unless it closes something.
            if (match := _CAUSE.fullmatch(text)) and match["what"] != "なし":
                odd.append(line)
        elif match := _CAUSE.fullmatch(text):
            seen, cause, first = True, match["cause"], len(roads)
            if match["what"] != "なし":
                counted.append((match["what"], line, first))
        elif _OTHER_HEADING.match(line.text):
            # Not 通行止め but, say, its end: what stands below it must not count as closed.
            odd.append(line)
            cause, first = None, len(roads)
        elif cause is not None and (text[0] == "・" or (kind == "prefectural" and _IN_PREFECTURE.match(text))):
            roads.append(_Road(kind, text, line, cause))
        elif last is not None and text[0] == "※":
            last.remarks.append(text)
        elif last is not None and last.remarks:
            last.remarks[-1] += f" {text}"
        elif last is not None and (text[0] in ":(" or last.text.count("(") > last.text.count(")")):
            last.text += text
        else:
            odd.append(line)
    return roads, counted if seen else None, odd


def _counted(what: str, line: Line, roads: Sequence[_Road], sizes: Sequence[int | None]) -> Iterator[Issue]:
    """「２路線９区間」 against the lines below it."""
    stated = re.search(r"(\d+)区間", what)
    if stated is None or any(size is None for size in sizes):
        return
    added = sum(size for size in sizes if size is not None)
    if int(stated[1]) != added:
        names = ", ".join(road.text[:20] for road in roads)
        yield _differs(f"通行止め {what} ({names})", int(stated[1]), added, "", line)


def _road_item(road: _Road, report: Report, section: Section, issues: list[Issue]) -> tuple[Item | None, int | None]:
    """One stretch, and how many 区間 it counts for; None for a line that is written in another way."""
    area = start = end = name = None
    if road.kind == "prefectural" and (match := _IN_PREFECTURE.fullmatch(road.text)):
        area, pref = match["pref"], municipality.prefecture(match["pref"])
        if pref is None:
            issues.append(_unread_line("道路", road.line))
            return None, None
        key, size, cause, rest = f"prefectural/{pref}", int(match["number"]), match["cause"], None
    elif match := _STRETCH.fullmatch(road.text):
        name, place = match["road"].rstrip(":"), match["place"]
        start, mark, end = (part or None for part in place.replace("～", "~").replace("〜", "~").partition("~"))
        if not mark:
            start, end, area = None, None, place
        key = f"{name}/{place}"
        # 補助国道 are listed one by one and say no number.
        size = int(match["number"]) if match["number"] else 1
        cause, rest = match["cause"], match["rest"]
    else:
        issues.append(_unread_line("道路", road.line))
        return None, None
    road_type = "national" if name is not None and name.startswith("国道") else road.kind
    number = re.match(r"国道(\d+)号|([EC]\d+[A-Z]?)", name or "")
    place_of = municipality.named(area) if area is not None and name is not None else municipality.Resolved(None)
    if place_of.why:
        issues.append(_unknown_place(area or "", place_of.why, road.line))
    detail = [f"{size}区間" if match["number"] else None, (rest or "").strip(":") or None, *road.remarks]
    return Item(
        _key(report, "road", key),
        {
            "incident": report.incident,
            "road_type": road_type,
            "road_no": (number[1] or number[2]) if number else None,
            "road_name": name,
            "restriction": "closed",
            "restriction_text": "通行止め",
            "start_point": start,
            "end_point": end,
            "cause": ": ".join(filter(None, (road.cause, cause))) or None,
            "detail": "; ".join(filter(None, detail)) or None,
            "manager": None,
            "area_name": area,
            "report_no": report.number,
            "as_of": _iso(section.as_of),
        },
        muni_code=place_of.code,
        position=road.line.position,
    ), size


# ── 災害対策本部 ───────────────────────────────────────────────────────────────────────────────────────────────

_AT = r"(?:(?P<month>\d{1,2})[月/](?P<day>\d{1,2})日?(?:\(.\))?)(?P<hour>\d{1,2})[:時](?P<minute>\d{1,2})?分?"
_HQ = re.compile(
    r"[【\[](?P<pref>.+?[都道府県])[】\]]"
    + _AT
    + r"(?P<name>\S*?本部)設置(?:[⇒→](?P<rest>.+?)(?P<end>廃止|解散|移行))?"
)
_HQ_GONE = re.compile(r"[【\[](?P<pref>.+?[都道府県])[】\]]" + _AT + r"(?P<name>\S*?本部)(?:廃止|解散)")
_GOVERNMENT_HQ = re.compile(r"[○〇・]" + _AT + r"(?P<name>\S+?本部)(?P<what>設置|廃止|に改組)")


def _government_hq(section: Section, report: Report, issues: list[Issue]) -> list[Bulletin]:
    """「○７月 28 日 18:20 令和８年熊本地震非常災害対策本部設置」; its meetings are passed over.

    The name changes with that of the disaster, so the kind of headquarters is the id.
    """
    local = section.title.startswith("現地")
    items = []
    for line in section.lines:
        match = _GOVERNMENT_HQ.match(compact(line.text))
        if match is None:
            if "本部設置" in compact(line.text):
                issues.append(_unread_line(section.title, line))
            continue  # a meeting
        at = dated(match["month"], match["day"], match["hour"], match["minute"] or "0", report)
        ended = match["what"] == "廃止"
        key = _key(report, "hq", "government", "local" if local else "central")
        items.append(
            Item(
                key,
                _hq_props(report, match["name"], None, None if ended else at, at if ended else None),
                ended=ended,
                position=line.position,
            )
        )
    if not items:
        return []
    return [_bulletin(report, "disaster_hq", f"hq/government/{'local' if local else 'central'}", items[-1:])]


def _prefectural_hq(section: Section, report: Report, issues: list[Issue]) -> list[Bulletin]:
    """「【長崎県】７月 28 日 16 時 27 分 災害対策本部 設置 ⇒ ７月 31 日 00 時 00 分廃止」."""
    items: dict[str, Item] = {}
    if layout_table.looks_like_table(section.lines):
        issues.append(_unread(section))
    for line in section.lines:
        text = compact(line.text)
        if "【" not in text:
            continue
        if (gone := _HQ_GONE.fullmatch(text)) and (pref := municipality.prefecture(gone["pref"])):
            at = dated(gone["month"], gone["day"], gone["hour"], gone["minute"] or "0", report)
            key = _key(report, "hq", pref)
            set_up = None if key not in items else datetime.fromisoformat(items[key].props["set_up_at"])
            props = _hq_props(report, gone["name"], gone["pref"], set_up, at)
            items[key] = Item(key, props, ended=True, position=line.position)
            continue
        match = _HQ.fullmatch(text)
        pref = municipality.prefecture(match["pref"]) if match else None
        if match is None or pref is None or _key(report, "hq", pref) in items:
            issues.append(_unread_line("災害対策本部", line))
            continue
        at = dated(match["month"], match["day"], match["hour"], match["minute"] or "0", report)
        end = re.fullmatch(_AT, match["rest"] or "")
        until = dated(end["month"], end["day"], end["hour"], end["minute"] or "0", report) if end else None
        key = _key(report, "hq", pref)
        items[key] = Item(
            key,
            _hq_props(report, match["name"], match["pref"], at, until),
            ended=match["end"] is not None,
            position=line.position,
        )
    if not items:
        issues.append(_picture(section))
        return []
    return [_bulletin(report, "disaster_hq", "hq/prefecture", list(items.values()))]


def _hq_props(
    report: Report, name: str, area: str | None, set_up: datetime | None, dissolved: datetime | None
) -> dict[str, Any]:
    return {
        "incident": report.incident,
        "name": name if area is None else f"{area}{name}",
        "hq_type": "warning_hq" if "警戒" in name else "disaster_hq" if "災害" in name else "other",
        "state": "dissolved" if dissolved is not None else "set_up",
        "set_up_at": _iso(set_up),
        "dissolved_at": _iso(dissolved),
        "area_name": area,
        "note": None,
    }


_READERS: dict[str, Callable[[Section, Report, list[Issue]], list[Bulletin]]] = {
    "人的・住家被害": _damage,
    "避難指示等の状況": _orders,
    "避難所・避難者数": _shelters,
    "水道": _water,
    "電力": _power,
    "道路": _road,
    "非常災害対策本部の設置": _government_hq,
    "現地災害対策本部の設置": _government_hq,
    HQ_PREFECTURE: _prefectural_hq,
}
_UNTIMED = frozenset({"非常災害対策本部の設置", "現地災害対策本部の設置", HQ_PREFECTURE})
