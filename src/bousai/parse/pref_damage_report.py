"""Damage reports of a prefecture 「…による人的被害等の状況（M月D日H時M分時点）」: one table, a row a municipality.

Source: papers of 熊本県災害対策本部 (www.pref.kumamoto.jp/soshiki/222/274487.html), once or twice a day. Read from
the PDF by its ruled lines, or from its text as ``pdftotext -layout`` gives it; both give the same items. A report is
the prefecture's whole statement; each title with a time (時点, 現在) begins a table with its own `as_of`.

| columns | kind | scope ``<source>/<kind>/<disaster>`` |
|---|---|---|
| ①避難状況: 避難所, 避難者 | evacuation_summary | |
| ②人的被害, ③住家被害, 備考 | damage_count | |
| 停電, 断水, ガス; 給水所 | lifeline_outage | and ``/<utility>``; 給水所 is a field of water |
| 罹災証明書発行申請受付窓口設置, 住家被害認定調査実施 (last page) | damage_certificate | |

Items are municipalities, the prefecture (合計) and rows of what belongs to no municipality (area_level `extra`:
身元不明, 災害との関連調査中, 災害と関連する可能性がある死亡). 該当市町村数 stands in `affected_municipalities` of the
prefecture.

Oddities
* Columns grow and shift (10, 11, 15, 16; ③停電 comes and goes; 軽傷 is 軽症 later): they are known by their headings
  alone. A heading that is not known refuses the whole document (``unknown_header``).
* Blank, 0, ―, 不明 are four things. 「不明（２名）」 is 不明 and keeps its wording.
* 合計 holds the extra rows, so that it is more than the sum of the municipalities: issue ``total_differs``, info
  where these rows or the wording of a cell explain it, warning where nothing does. The printed number is kept.
* An extra row of dashes or blanks only is no statement of that kind and makes no item. 0 in 合計 of 備考 is a formula
  over an empty column and is dropped.
* Where a report has no column for 停電 any more it says nothing of it: what was said last stands, with its `as_of`.
* An outage of 0 has ended, but not while there are 給水所.
* The year is not in the title. It is what the title says after all, or `Options.year`, or that in which the day is
  nearest to the day in the file's name and to the PDF's CreationDate, which must agree; else the report is refused.
* A report without 合計, or with municipalities in one table that are not in another, may be cut off: its statement is
  not complete.
* Days of the last page have no year either: they are the nearest to the time of the page. Words (随時対応, 未定,
  8月中旬) stay words.
* 【訓練】, or 訓練 in a title, makes an exercise. Where else it stands no program decides (``unclear_status``).
* Of two papers of the same time the PDF that was made later counts.
* Colours (※着色箇所は…変更があった箇所) are not read. Lines with telephone numbers and names of officers are dropped.

Known gaps:
* only reports of 令和8年熊本地震 of 2026-07-29 to 2026-08-06 were seen; other headings are from the form of 消防庁
* in text, headings of three levels and tables whose blank cells cannot be placed are refused (read the PDF)
* subtotals of regions (県北計 …) are refused
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Literal, NamedTuple, TypeAlias
from unicodedata import normalize

import msgspec

from bousai.errors import ParseError
from bousai.formats import place_table
from bousai.formats.place_table import (
    AFFECTED,
    DRILL,
    MARK,
    NOTES,
    TOTALS,
    WHEN,
    Paper,
    Row,
    Table,
    compact,
    joined,
    unknown_header,
    unknown_row,
)
from bousai.model import Bulletin, Issue, Item, MsgType, Status, table_of
from bousai.vocab.count import Count, count, reported, without
from bousai.vocab.damage import damage_item, damage_items
from bousai.vocab.japanese_time import JST, day, moment
from bousai.vocab.municipality import municipalities, named

VERSION = "1"


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`source` begins scopes and ids, `pref` is the prefecture (JIS X 0401), `named_on` the day in the name of the
    file (20260729), `year` where neither the report nor its file tells one."""

    source: str
    issuer: str
    pref: str
    named_on: str | None = None
    year: int | None = None


class _Column(NamedTuple):
    """What a column says: `kind` and `utility` tell the statement, `name` the property, `unit` what one is."""

    kind: str
    name: str
    unit: str | None = None
    utility: str | None = None


def parse(body: bytes, options: Options) -> Iterator[Bulletin | Issue]:
    """A bulletin a kind (and utility), then issues.

    Raises `ParseError`: those of `place_table.read`; ``unknown_document`` without a title or a table of
    municipalities; ``unknown_header``, ``unknown_row``, ``said_twice``; ``no_year``, ``year_conflict``,
    ``unexpected_name``, ``unclear_status``.
    """
    paper = place_table.read(body, options.pref, _column)
    report = _report(paper, options)
    statements: dict[tuple[str, str | None], _Statement] = {}
    for table in paper.tables:
        _take(table, report, statements, paper.issues)
    paper.issues += _gaps(statements)
    for (kind, utility), statement in statements.items():
        yield _bulletin(kind, utility, statement, report)
    yield from paper.issues


# ── headings ─────────────────────────────────────────────────────────────────────────────────────────────────

_EVACUATION = {
    **dict.fromkeys(("避難所", "避難所数", "開設避難所", "開設避難所数", "避難所開設数", "箇所数"), "shelters_open"),
    **dict.fromkeys(("避難者", "避難者数", "避難人数", "人数"), "evacuees"),
    **dict.fromkeys(("避難世帯", "避難世帯数", "世帯", "世帯数"), "evacuated_households"),
    "最大避難者数": "evacuees_max",
}
_SUMS = ("計", "合計", "小計", "総数")
_HUMAN = {
    "分類未確定": "casualty_unclassified",
    "未分類": "casualty_unclassified",
    **dict.fromkeys(_SUMS, "casualties"),
}
_GROUPS: dict[str, tuple[str, Mapping[str, str]]] = {
    **dict.fromkeys(("避難状況", "避難の状況", "避難者等", "避難"), ("evacuation", _EVACUATION)),
    **dict.fromkeys(("人的被害", "人的被害の状況"), ("human", _HUMAN)),
    "負傷者": ("human", dict.fromkeys(_SUMS, "injured")),
    **dict.fromkeys(("死者", "死亡"), ("human", dict.fromkeys(_SUMS, "dead"))),
    **dict.fromkeys(
        ("住家被害", "住家", "建物被害", "住家被害の状況"), ("house", dict.fromkeys(_SUMS, "house_damaged"))
    ),
    **dict.fromkeys(
        ("非住家", "非住家被害"),
        ("building", {"その他": "other_building", **dict.fromkeys(_SUMS, "nonresidential_building")}),
    ),
}
"""Group of headings → what it counts (group of damage_item.csv), and what only this group says."""
_UNSETTLED = frozenset(
    {"分類未確定", "未分類", "調査中", "不明", "その他", "人数", "箇所数", "世帯数", "世帯", *_SUMS}
)
"""Words that say nothing without their group."""
_UTILITIES = {"停電": "power", "断水": "water", "ガス": "gas", "ガス供給停止": "gas", "都市ガス": "gas"}
_STATIONS = frozenset({"給水所", "応急給水所", "給水所数", "給水箇所", "給水拠点"})
_CERTIFICATES = {
    "罹災証明書発行申請受付窓口設置": "window",
    "り災証明書発行申請受付窓口設置": "window",
    "住家被害認定調査実施": "survey",
}
_SAME_UNIT = {
    "人": ("人", "名"),
    "棟": ("棟", "戸"),
    "世帯": ("世帯",),
    "箇所": ("箇所", "か所", "カ所", "ヶ所", "ケ所", "箇所数", "か所数"),
    "戸": ("戸", "軒", "世帯"),
}
_UNIT = re.compile(r"(.*?)[(\[](人|名|棟|戸|軒|世帯|(?:箇|か|カ|ヶ|ケ)所数?)[)\]](.*)")


def _column(path: tuple[str, ...]) -> _Column | None:
    """What a path of headings means, None where it is not known."""
    unit = None
    names = []
    for heading in path:
        name = MARK.sub("", compact(heading))
        if match := _UNIT.fullmatch(name):
            unit, name = match[2], match[1] + match[3]
        if name:
            names.append(name)
    whole = "".join(names)
    if whole in NOTES:
        return _Column("note", "note")
    if whole in _CERTIFICATES:
        return _Column("damage_certificate", _CERTIFICATES[whole])
    if worded := re.fullmatch("(.+?)(戸|世帯|軒)数", whole):
        outage, unit = worded[1], unit or worded[2]
    else:
        outage = whole
    utility = _UTILITIES.get(outage)
    if utility is not None:
        return _Column("lifeline_outage", "affected", unit, utility) if unit in (None, *_SAME_UNIT["戸"]) else None
    if whole in _STATIONS:
        return _Column("lifeline_outage", "water_stations", unit, "water") if _is("箇所", unit) else None
    if not names:
        return None
    *groups, leaf = names
    if any(group not in _GROUPS for group in groups) or (not groups and leaf in _UNSETTLED):
        return None
    counted, own = _GROUPS[groups[-1]] if groups else ("", _EVACUATION)
    if leaf in _EVACUATION and leaf in own:
        unit_of = {"shelters_open": "箇所", "evacuated_households": "世帯"}
        return _Column("evacuation_summary", own[leaf]) if _is(unit_of.get(own[leaf], "人"), unit) else None
    item = own.get(leaf) or damage_item(leaf)
    known = damage_items().get(item or "")
    if known is None or counted not in ("", known.group) or not _is(known.unit, unit):
        return None
    return _Column("damage_count", known.item)


def _is(unit: str, stated: str | None) -> bool:
    return stated is None or stated in _SAME_UNIT.get(unit, (unit,))


# ── the report ───────────────────────────────────────────────────────────────────────────────────────────────

_NAME = re.compile(r"(?P<name>.+?)(?:による|に伴う|に係る|に関する|における)")
_NEAR = timedelta(days=45)


@dataclass(frozen=True, slots=True)
class _Report:
    """What the document says of itself."""

    incident: str
    number: str | None
    status: Status
    msg_type: MsgType
    first_title: str
    made: datetime | None
    anchors: Mapping[str, datetime]
    options: Options

    def key(self, *parts: str) -> str:
        return "/".join([self.options.source, *(part.replace("/", "／") for part in parts)])

    def as_of(self, table: Table) -> datetime:
        """The time in the title of a table, or in the first one where it has none of its own."""
        stated = WHEN.search(table.title or self.first_title)
        if stated is None:
            raise _unknown_document(f"no time in the title {table.title!r}")
        return _dated(stated[1], self.anchors, self.options.year)


def _report(paper: Paper, options: Options) -> _Report:
    titles = [table.title for table in paper.tables if table.title is not None]
    if not titles:
        raise _unknown_document("no title with a time (時点, 現在) above a table of municipalities")
    first = titles[0]
    name = _NAME.match(DRILL.sub("", first))
    if name is None:
        raise _unknown_document(f"no name of a disaster in the title {first[:80]!r}")
    anchors = {} if paper.made is None else {"CreationDate": paper.made}
    if options.named_on is not None:
        on = day(options.named_on)
        if on is None:
            raise ParseError(
                f"the name of the file has the day {options.named_on!r}, which is not one",
                code="unexpected_name",
                remedy="name the file as the publisher does",
            )
        anchors["file name"] = datetime(on.year, on.month, on.day, 12, tzinfo=JST)
    return _Report(
        incident=name["name"],
        number=paper.numbers[0] if paper.numbers else None,
        status=_status(titles, paper.text),
        msg_type="correct" if "訂正" in first else "issue",
        first_title=first,
        made=paper.made,
        anchors=anchors,
        options=options,
    )


def _status(titles: Sequence[str], text: str) -> Status:
    marks = [
        match["mark"] or match["round"]
        for match in DRILL.finditer("\n".join(compact(line) for line in text.splitlines()))
    ]
    if any(mark != "訓練" for mark in marks):
        return "test"
    if marks or any("訓練" in title for title in titles):
        return "exercise"
    if "訓練" in compact(text):
        where = compact(text).partition("訓練")
        raise ParseError(
            f"訓練 stands in the document, but in no title: …{where[0][-20:]}訓練{where[2][:20]}…",
            code="unclear_status",
            remedy="see whether it is an exercise; if so its title must say 【訓練】",
        )
    return "actual"


def _dated(stated: str, anchors: Mapping[str, datetime], year: int | None) -> datetime:
    """A time whose year may have to come from elsewhere. Raises `ParseError` ``no_year``, ``year_conflict``."""
    exact = moment(stated)
    if exact is not None:
        return exact
    if year is not None:
        anchors = {}
    years: dict[int, str] = {}
    for what, anchor in anchors.items():
        here = anchor.astimezone(JST)
        near = [at for y in (here.year - 1, here.year, here.year + 1) if (at := moment(stated, year=y))]
        at = min(near, key=lambda at: abs(at - here), default=None)
        if at is None or abs(at - here) > _NEAR:
            raise _year(f"{stated!r} is far from the {what} {here.date().isoformat()}", "year_conflict")
        years.setdefault(at.year, what)
    if len(years) > 1:
        says = ", ".join(f"{what}: {year}" for year, what in years.items())
        raise _year(f"the year of {stated!r} is not certain ({says})", "year_conflict")
    found = moment(stated, year=next(iter(years), year))
    if found is None:
        raise _year(f"the year of {stated!r} is not known", "no_year")
    return found


def _year(what: str, code: str) -> ParseError:
    return ParseError(
        what,
        code=code,
        remedy="give the file a name with the day of the report (pref_20260729-0730_1.txt), or give year in the "
        "options of the feed",
    )


# ── rows ─────────────────────────────────────────────────────────────────────────────────────────────────────

Level = Literal["municipality", "prefecture", "extra", "affected"]
Cell: TypeAlias = Count | str | None


@dataclass(slots=True)
class _Entry:
    """One thing that a statement speaks of: the props that it has so far."""

    level: Level
    label: str
    muni: str | None
    position: str
    values: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Statement:
    """The items of a kind and utility, by their key; whether every row could be read."""

    as_of: datetime
    entries: dict[str, _Entry] = field(default_factory=dict)
    affected: dict[str, Count] = field(default_factory=dict)
    whole: bool = True
    unit: str | None = None


def _plain_label(label: str) -> str:
    return MARK.sub("", label)


def _level(label: str, pref: str) -> Level:
    plain = _plain_label(label)
    if named(plain, pref).code is not None:
        return "municipality"
    if plain in TOTALS or plain in {_pref_name(pref), _pref_name(pref) + "計"}:
        return "prefecture"
    return "affected" if plain in AFFECTED else "extra"


def _pref_name(pref: str) -> str:
    return next((one.pref for code, one in municipalities().items() if code.startswith(pref)), "")


def _take(table: Table, report: _Report, said: dict[tuple[str, str | None], _Statement], issues: list[Issue]) -> None:
    """Put the cells of a table into the statements that they are of."""
    pref = report.options.pref
    columns: list[_Column] = []
    for path in table.head:
        column = _column(path)
        if column is None:
            raise unknown_header(" > ".join(path) or "(blank)", table.page)
        if any(column[:2] == other[:2] and column.utility == other.utility for other in columns):
            raise unknown_header(f"{' > '.join(path)} (twice)", table.page)
        columns.append(column)
    as_of = report.as_of(table)
    kinds = dict.fromkeys((column.kind, column.utility) for column in columns if column.kind != "note")
    for key in kinds:
        if said.setdefault(key, _Statement(as_of)).as_of != as_of:
            raise _said_twice(f"{key[0]} as of two times", table.page)
    marks, notes = _marked(table)
    read: list[tuple[Level, Row, list[Cell]]] = []
    seen: set[str] = set()
    for row in table.rows:
        level = _level(row.label, pref)
        plain = _plain_label(row.label)
        if plain in seen:
            raise unknown_row(f"{plain} twice", row.page)
        seen.add(plain)
        cells = _read(row, columns, level, pref)
        if isinstance(cells, Issue):
            issues.append(cells)
            for key in kinds:
                said[key].whole = False
        else:
            read.append((level, row, cells))
    for level, row, cells in read:
        own = [cell for cell, column in zip(cells, columns, strict=True) if column.kind == "note" and cell]
        for key in kinds:
            ours = {
                column.name: cell
                for column, cell in zip(columns, cells, strict=True)
                if (column.kind, column.utility) == key
            }
            about = [note for note in notes if _is_about(note, key[0])]
            _enter(said[key], level, row, ours, [*map(str, own), *marks.get(row.label, []), *about], report, key[0])
    for (kind, utility), statement in ((key, said[key]) for key in kinds):
        units = {c.unit for c in columns if (c.kind, c.utility, c.name) == (kind, utility, "affected")}
        statement.unit = next(iter(units), statement.unit)
    issues += _differences(table, columns, read)


_ABOUT = {
    "damage_count": re.compile("人的被害|住家|死亡|死者|負傷|安否|行方不明"),
    "evacuation_summary": re.compile("避難"),
    "lifeline_outage": re.compile("停電|断水|給水|ガス"),
    "damage_certificate": re.compile("[罹り]災証明|認定調査"),
}


def _is_about(note: str, kind: str) -> bool:
    """Whether a note of the whole table is of this kind: it names it, or none at all."""
    return bool(_ABOUT[kind].search(note)) or not any(words.search(note) for words in _ABOUT.values())


def _marked(table: Table) -> tuple[dict[str, list[str]], list[str]]:
    """Notes by the label that bears their mark (ある死亡（※）), and those that are of the whole table."""
    marks: dict[str, list[str]] = {}
    general = []
    for note in table.notes:
        mark = MARK.match(normalize("NFKC", note))
        labels = [row.label for row in table.rows if mark and MARK.findall(row.label) == [mark[0]]]
        for label in labels:
            marks.setdefault(label, []).append(note)
        if not labels:
            general.append(note)
    return marks, general


def _names_more(label: str, pref: str) -> bool:
    """Whether a label is a municipality and something else (熊本市北部)."""
    return any(named(label[:end], pref).code for end in range(2, len(label)))


def _read(row: Row, columns: Sequence[_Column], level: Level, pref: str) -> list[Cell] | Issue:
    """The cells of a row, or why it is held back. Raises `ParseError` for one that may be a sum of others."""
    plain = _plain_label(row.label)
    if level == "extra" and plain.endswith("計"):
        raise unknown_row(f"{plain} seems to be a subtotal", row.page)
    if level == "extra" and (re.search("[市区町村]$", plain) or _names_more(plain, pref)):
        return Issue(
            "unknown_municipality",
            f"{plain[:40]!r} is no municipality of the prefecture, nor a row beside them; the row is held back",
            "see the report; correct the option pref of the feed, or the list of municipalities",
            "warning",
            row.position,
        )
    found: list[Cell] = []
    for text, column in zip(row.cells, columns, strict=True):
        if column.kind == "note":
            formula = level == "prefecture" and compact(text) == "0"
            found.append(None if formula else " ".join(text.split()) or None)
        elif column.kind == "damage_certificate":
            found.append(joined(text) or None)
        elif (said := _counted(text)) is not None:
            found.append(said)
        else:
            return Issue(
                "unreadable_count",
                f"{row.label}: {column.name} is {text[:40]!r}, which is not a count; the row is held back",
                "see the report; teach vocab.count the wording if it will come again",
                "warning",
                row.position,
            )
    return found


def _counted(text: str) -> Count | None:
    """A count as `vocab.count` reads it, with a footnote mark, or a word with what is added to it in brackets."""
    found = count(text)
    if found is not None:
        return found
    plain = compact(text)
    unmarked = MARK.sub("", plain)
    if unmarked != plain and (found := count(unmarked)) is not None and unmarked:
        return {**found, "text": text.strip()}
    word, bracket, inner = plain.partition("(")
    found = count(word)
    if bracket and inner.endswith(")") and found is not None and found["state"] not in ("reported", "blank"):
        return without(found["state"], text.strip())
    return None


def _enter(
    statement: _Statement,
    level: Level,
    row: Row,
    values: Mapping[str, Cell],
    notes: Sequence[str],
    report: _Report,
    kind: str,
) -> None:
    counts = [cell for cell in values.values() if isinstance(cell, dict)]
    if level == "affected":
        statement.affected.update({name: cell for name, cell in values.items() if isinstance(cell, dict)})
        return
    # A row for what belongs to no municipality, with nothing but dashes and blanks, says nothing of this kind.
    if level == "extra" and all(cell["state"] in ("blank", "not_applicable") for cell in counts):
        return
    plain = _plain_label(row.label)
    muni = named(plain, report.options.pref).code if level == "municipality" else None
    key = muni or (report.options.pref if level == "prefecture" else f"extra/{plain}")
    label = _pref_name(report.options.pref) if level == "prefecture" else row.label
    entry = statement.entries.setdefault(key, _Entry(level, label, muni, row.position))
    for name, value in values.items():
        if name in entry.values and entry.values[name] != value:
            raise _said_twice(f"{kind} {name} of {row.label} twice and different", row.page)
        entry.values[name] = value
    entry.notes += [note for note in notes if note not in entry.notes]


# ── sums ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _differences(
    table: Table, columns: Sequence[_Column], read: Sequence[tuple[Level, Row, Sequence[Cell]]]
) -> Iterator[Issue]:
    """Printed sums that are not what the rows add up to."""
    for index, path in enumerate(table.head):
        cells: dict[Level, list[tuple[Row, Count]]] = {}
        for level, row, values in read:
            cell = values[index]
            if isinstance(cell, dict):
                cells.setdefault(level, []).append((row, cell))
        heading = compact("".join(path))
        for row, total in cells.get("prefecture", []):
            yield from _total_differs(heading, row, total, cells)
        for row, printed in cells.get("affected", []):
            affected = sum(bool(cell["value"]) for _, cell in cells.get("municipality", []))
            if printed["value"] is not None and printed["value"] != affected:
                yield Issue(
                    "total_differs",
                    f"{row.label} of {heading} is {printed['value']}, {affected} municipalities have a number",
                    "ask the prefecture; the printed number is kept",
                    "info",
                    row.position,
                )
    for level, row, values in read:
        if level != "affected":
            yield from _row_differs(row, columns, values)


def _total_differs(
    heading: str, row: Row, total: Count, cells: Mapping[Level, Sequence[tuple[Row, Count]]]
) -> Iterator[Issue]:
    munis = sum(cell["value"] or 0 for _, cell in cells.get("municipality", []))
    if total["value"] is None:
        if munis:
            yield Issue(
                "total_differs",
                f"{row.label} of {heading} is {total['text'] or 'blank'}, the municipalities add up to {munis}",
                "see the report; nothing was filled in",
                "warning",
                row.position,
            )
        return
    extras = [(other.label, cell["value"]) for other, cell in cells.get("extra", []) if cell["value"]]
    words = [
        (other.label, cell["text"])
        for level in ("municipality", "extra")
        for other, cell in cells.get(level, [])
        if cell["value"] is None and cell["state"] not in ("blank", "not_applicable")
    ]
    rest = total["value"] - munis - sum(value for _, value in extras)
    in_words = [int(number[0]) for _, text in words if (number := re.search(r"\d+", compact(text or "")))]
    if total["value"] == munis:
        return
    why = [f"{value} {label}" for label, value in extras] + [f"{label} is {text}" for label, text in words]
    more = f"{abs(total['value'] - munis)} {'more' if total['value'] > munis else 'less'}"
    explained = bool(why) and rest in (0, sum(in_words))
    yield Issue(
        "total_differs",
        f"{row.label} of {heading} is {total['value']}, {more} than the municipalities add up to ({munis})"
        + (
            f": {', '.join(why)}" if explained else f"; unexplained: {rest}" + (f" ({', '.join(why)})" if why else "")
        ),
        "none needed: these are counted in no municipality or in words"
        if explained
        else "ask the prefecture; the printed number is kept",
        "info" if explained else "warning",
        row.position,
    )


def _row_differs(row: Row, columns: Sequence[_Column], values: Sequence[Cell]) -> Iterator[Issue]:
    """計 of 住家被害 is the sum of the columns beside it."""
    named_cells = {column.name: cell for column, cell in zip(columns, values, strict=True) if isinstance(cell, dict)}
    total = named_cells.get("house_damaged")
    parts = [
        cell
        for name, cell in named_cells.items()
        if name != "house_damaged" and name in damage_items() and damage_items()[name].group == "house"
    ]
    if total is None or total["value"] is None or any(part["value"] is None for part in parts):
        return
    added = sum(part["value"] or 0 for part in parts)
    if parts and added != total["value"]:
        yield Issue(
            "total_differs",
            f"{row.label}: 計 of 住家被害 is {total['value']}, the columns beside it add up to {added}",
            "ask the prefecture; the printed numbers are kept",
            "warning",
            row.position,
        )


def _gaps(statements: Mapping[tuple[str, str | None], _Statement]) -> Iterator[Issue]:
    """What a document that was cut off would lack: the sum at its end, municipalities that another table has."""
    munis = dict.fromkeys(e.muni for one in statements.values() for e in one.entries.values() if e.muni)
    for (kind, utility), statement in statements.items():
        what = f"{kind} {utility}" if utility else kind
        missing = [muni for muni in munis if muni not in statement.entries]
        summed = any(entry.level == "prefecture" for entry in statement.entries.values())
        if not summed and kind != "damage_certificate":
            cause = f"{what} has no row 合計"
        elif missing:
            cause = f"{what} has no row for {', '.join(map(str, missing))}"
        else:
            continue
        statement.whole = False
        yield Issue(
            "not_whole",
            f"{cause}: what it does not list is left as it was",
            "see whether the document is cut off, and fetch it again",
            "warning",
            what,
        )


# ── statements ───────────────────────────────────────────────────────────────────────────────────────────────


def _bulletin(kind: str, utility: str | None, statement: _Statement, report: _Report) -> Bulletin:
    parts = [utility] if utility else []
    names = dict.fromkeys(name for entry in statement.entries.values() for name in entry.values)
    items = []
    for key, entry in statement.entries.items():
        props: dict[str, Any] = {
            "incident": report.incident,
            "area_name": entry.label,
            "area_level": entry.level,
            "as_of": statement.as_of.isoformat(),
            "note": " / ".join(entry.notes) or None,
        }
        if kind == "damage_certificate":
            props |= _certificate(entry, names, statement.as_of)
        else:
            props |= {name: entry.values.get(name) for name in names}
            props["affected_municipalities"] = (statement.affected or None) if entry.level == "prefecture" else None
        if kind == "damage_count":
            props |= {"report_no": report.number, "reporter": report.options.issuer}
        elif kind == "evacuation_summary":
            props["report_no"] = report.number
        elif kind == "lifeline_outage":
            props |= {"utility": utility, "unit": statement.unit}
        items.append(
            Item(
                item_id=report.key(report.incident, kind, *parts, *key.split("/")),
                props=props,
                muni_code=entry.muni,
                ended=kind == "lifeline_outage" and _over_with(entry.values),
                position=entry.position,
            )
        )
    return Bulletin(
        kind=kind,
        scope=report.key(kind, report.incident, *parts),
        issued_at=statement.as_of,
        # Of two papers of one time the one that was made later counts: a file that was put right without a word.
        sent_at=report.made if report.made is not None and report.made >= statement.as_of else None,
        status=report.status,
        msg_type=report.msg_type,
        items=table_of(items),
        issuer=report.options.issuer,
        complete=statement.whole,
        source_event_id=report.incident,
        bulletin_type="pref_damage_report",
    )


def _over_with(values: Mapping[str, Any]) -> bool:
    affected, stations = values.get("affected"), values.get("water_stations")
    return affected == reported(0) and (stations is None or stations == reported(0))


def _certificate(entry: _Entry, names: Iterable[str], as_of: datetime) -> dict[str, Any]:
    """Days as days and as they stand; 随時対応, 未定, 8月中旬 have no day."""
    found: dict[str, Any] = {}
    for name in names:
        text = entry.values.get(name)
        on = None if text is None else _nearest(text, as_of.date())
        found["started_on" if name == "window" else f"{name}_on"] = None if on is None else on.isoformat()
        found[f"{name}_text"] = text
    return found


def _nearest(text: str, to: date) -> date | None:
    """A day without a year in the year in which it is nearest; one with a year as it stands."""
    exact = day(text)
    near = [on for year in (to.year - 1, to.year, to.year + 1) if (on := day(text, year=year))]
    return exact or min(near, key=lambda on: abs(on - to), default=None)


# ── refusals ─────────────────────────────────────────────────────────────────────────────────────────────────


def _unknown_document(what: str) -> ParseError:
    return ParseError(
        what, code="unknown_document", remedy="see whether it is another paper; nothing of it was taken"
    )


def _said_twice(what: str, page: int) -> ParseError:
    return ParseError(
        f"page {page}: {what}",
        code="said_twice",
        remedy="ask the prefecture which one counts; nothing of the document was taken",
        position=f"page {page}",
    )
