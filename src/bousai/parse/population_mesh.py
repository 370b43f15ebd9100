"""人口メッシュ: how many people live in each grid square (地域メッシュ, JIS X 0410), from a census or a list.

Two forms, each as CSV or TXT in UTF-8 or CP932, bare or as the only table of a ZIP:

* 国勢調査 地域メッシュ統計 as 統計GIS of e-Stat gives it out (www.e-stat.go.jp/gis, 統計データダウンロード)::

      KEY_CODE,HTKSYORI,HTKSAKI,GASSAN,T001141001,T001141002,…,T001141034,…
      ,,,,　人口（総数）,　人口（総数）　男,…,　世帯総数,…
      533946113,0,,,812,401,…,455,…

  Columns are found by the labels of the second line (人口（総数） or 人口総数, 世帯総数), as their codes differ from
  census to census. The table's id (T001141) tells date, level and datum: vocab/data/census_mesh_table.csv.
* a list with a column ``mesh_code`` (or KEY_CODE, メッシュコード) and ``population`` (or 人口), and ``households``
  (or 世帯数) where there is one. Its date is in its name (people_2020.csv, people_2024-01-01.csv).

Scope ``<source>/population_mesh/<day>/<level>/<80 km square>``, item ``<day>/<code>``, by the day of which the
figures are: a newer census stands beside the older one, and a file that is given out again corrects its own. The file
of one 80 km square (tblT001141H5339.txt) is all of it and complete; a square that it does not list has no inhabitant.
A file by prefecture (tblT001141H17.txt) is not, as a square at its edge goes on in another, and of a list of one's
own it is not known. ``covers`` says of which 80 km square or prefecture the file has every inhabitant.

秘匿 (HTKSYORI): where few people live, the details of a square are added to those of another one. ``*`` in the square
says so (HTKSYORI 2, HTKSAKI names the other), and the other one lists those that it took in (HTKSYORI 1, GASSAN). The
total of people is exempt in the census: it is every square's own, whatever HTKSYORI says, and it is taken as it
stands. Only where the column that is read has ``*`` itself is its count ``suppressed``: then its people are in the
count of ``merged_into``. Nothing is taken apart, added up or put back.

Known gaps:
* no real file was seen: the form is as programs that read it and e-Stat's own definitions describe it
* of the censuses to 2010 the date has to be added to the name (tblT000608S5339_2010.txt); their codes are taken to be
  on JGD2000, and those on the old Tokyo datum, 400 m away, cannot be told from them
* which municipality a square belongs to is not in the file; `people_estimate` finds it by the squares' centres
* a list by 100 m squares (ten digits, not in JIS X 0410) is refused where it can be told from one by 250 m
* future estimates (将来推計人口メッシュ) and daytime population are not read
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from functools import cache
from itertools import pairwise
from typing import Any, Literal, NamedTuple, TypeAlias
from unicodedata import normalize

import msgspec
import numpy as np
import shapely

from bousai.errors import ParseError
from bousai.formats import csv_table, refusal, unread, zip_archive
from bousai.model import Bulletin, Issue, ItemTable, Status
from bousai.vocab import drill, mesh
from bousai.vocab import rows as code_list
from bousai.vocab.count import Count, count, reported, without

VERSION = "1"
Meaning: TypeAlias = Literal["mesh_code", "population", "households"]
_WORDS: dict[str, Meaning] = {
    "KEY_CODE": "mesh_code",
    "mesh_code": "mesh_code",
    "meshcode": "mesh_code",
    "メッシュコード": "mesh_code",
    "地域メッシュコード": "mesh_code",
    "population": "population",
    "人口": "population",
    "人口総数": "population",
    "人口(総数)": "population",
    "総人口": "population",
    "households": "households",
    "世帯数": "households",
    "世帯総数": "households",
}
_PROCESSING = ("HTKSYORI", "HTKSAKI", "GASSAN")
_STATES = {"": "none", "0": "none", "1": "receives", "2": "merged"}
_SUPPRESSED = frozenset("*＊xXＸ")
_STATISTIC = re.compile(r"T\d{9}", re.ASCII)
_DAY = re.compile(r"(\d{4})(?:-(\d{2})-(\d{2}))?", re.ASCII)
_BETWEEN = re.compile(r"[;；,、\s]+")
_SHOWN = 5  # what an issue names of many
_LONG = 10  # digits: more people than there are


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the feed's YAML and the name of the file tell.

    `source` begins the scope. `on`: the day of which the figures are, as YYYY-MM-DD, or a year for 1 October of it
    (the day of a census). `columns`: label or code of a column → meaning, for a list that uses other words. `table`,
    `primary`, `pref`: e-Stat's table, 80 km square and prefecture, from the name of the file.
    """

    source: str
    issuer: str
    on: str | None = None
    columns: dict[str, Meaning] = {}
    table: str | None = None
    primary: str | None = None
    pref: str | None = None


class CensusTable(NamedTuple):
    """A table of e-Stat: the day of the census, the level of its squares, the datum of its codes (None: not
    known).
    """

    on: date
    level: str
    datum: str | None


@cache
def census_tables() -> dict[str, CensusTable]:
    """The tables 人口及び世帯 (その1 人口等基本集計に関する事項) of 統計GIS, by id (統計表ID)."""
    return {
        row["table_id"]: CensusTable(date.fromisoformat(row["on"]), row["level"], row["datum"] or None)
        for row in code_list("census_mesh_table")
    }


def parse(body: bytes, options: Options) -> Iterator[Bulletin | Issue]:
    """One statement for each 80 km square and level. Raises `ParseError`: those of `csv_table.rows` and
    `zip_archive.read`, ``many_tables``, ``missing_column``, ``ambiguous_column``, ``wrong_table``, ``no_date``,
    ``wrong_level``, ``other_square``, ``grid_of_100_m``, ``ragged``."""
    header, *found = csv_table.rows(_table(body))
    csv_table.of_one_length(found, len(header.cells))
    codes = [normalize("NFKC", cell).strip() for cell in header.cells]
    labels = [""] * len(codes)
    columns = _columns(codes, labels, options)
    if found and "mesh_code" in columns and not re.search(r"\d", found[0].cells[columns["mesh_code"]]):
        labels = [normalize("NFKC", cell).strip() for cell in found.pop(0).cells]
        columns = _columns(codes, labels, options)
    status = drill.status_of([*codes, *labels])
    for name in ("mesh_code", "population"):
        if name not in columns:
            raise ParseError(
                f"no column for {name}",
                code="missing_column",
                remedy="take the table of population (人口及び世帯), or name the column in the feed's options",
            )
    table_id = _table_id(codes, options)
    table = census_tables().get(table_id or "")
    on = _day(options, table, table_id)
    issues = list(
        unread.columns(
            codes, [code for n, code in enumerate(codes) if n in columns.values() or _STATISTIC.fullmatch(code)]
        )
    )
    rows = _Rows(found, columns)
    levels = mesh.levels(rows.code)
    _fitting(rows, levels, table, options)
    known = _known(rows, levels, issues)
    whole = options.primary is not None and len(known) == len(set(rows.code))
    covers = None if len(known) != len(set(rows.code)) else options.primary or options.pref
    facts = {
        "covers": covers,
        "surveyed_on": on.isoformat(),
        "table_id": table_id,
        "datum": table.datum if table else None,
    }
    said = _Statement(options, status, on, whole, facts)
    for scope, some in _by_square(rows, levels, known):
        yield _bulletin(rows, some, scope, said, issues)
    yield from issues


def _table(body: bytes) -> bytes:
    if not body.startswith(b"PK\x03\x04"):
        return body
    tables, _ = zip_archive.read(body, lambda path: path.lower().endswith((".txt", ".csv")))
    if len(tables) != 1:
        raise ParseError(
            f"the archive holds {len(tables)} tables, one is expected",
            code="many_tables",
            remedy="unpack it and take its files in one by one",
        )
    return next(iter(tables.values()))


def _plain(name: str) -> str:
    return "".join(name.replace("【訓練】", "").split())


def _columns(codes: Sequence[str], labels: Sequence[str], options: Options) -> dict[str, int]:
    """The number of the column of each meaning, and of HTKSYORI and the like."""
    told = {_plain(normalize("NFKC", name)): meaning for name, meaning in options.columns.items()}
    found: dict[str, int] = {}
    for n, (code, label) in enumerate(zip(codes, labels, strict=True)):
        names = (_plain(code), _plain(label))
        known = told if any(name in told for name in names) else {**_WORDS, **{name: name for name in _PROCESSING}}
        meaning = next((str(known[name]) for name in names if name in known), None)
        if meaning is None or (meaning in told.values() and known is not told):
            continue
        if meaning in found:
            raise ParseError(
                f"columns {found[meaning] + 1} and {n + 1} are both {meaning}",
                code="ambiguous_column",
                remedy="name the one that is meant in the feed's options (columns)",
            )
        found[meaning] = n
    return found


def _table_id(codes: Sequence[str], options: Options) -> str | None:
    """e-Stat's id of the table: its columns begin with it."""
    of_columns = sorted({code[:7] for code in codes if _STATISTIC.fullmatch(code)})
    said = sorted({*of_columns, *([options.table] if options.table else [])})
    if len(said) > 1:
        raise ParseError(
            f"columns and name of the file are of several tables: {', '.join(said)[:80]}",
            code="wrong_table",
            remedy="take the file in as e-Stat gives it out, under its own name",
        )
    return said[0] if said else None


def _day(options: Options, table: CensusTable | None, table_id: str | None) -> date:
    said = None
    if options.on is not None:
        match = _DAY.fullmatch(options.on)
        try:
            said = date(int(match[1]), int(match[2] or 10), int(match[3] or 1)) if match else None
        except ValueError:
            said = None
        if said is None:
            raise ParseError(f"{options.on[:40]!r} is no day", code="no_date", remedy="write 2020 or 2020-10-01")
    if said is not None and table is not None and said != table.on:
        raise ParseError(
            f"table {table_id} is of {table.on}, not of {said}",
            code="wrong_table",
            remedy="correct the name of the file or the feed's options",
        )
    on = said or (table.on if table else None)
    if on is None:
        raise ParseError(
            f"of which day the figures are is not known{f' (table {table_id})' if table_id else ''}",
            code="no_date",
            remedy="put the year into the name of the file (people_2020.csv) or the feed's options (on)",
        )
    return on


class _Rows:
    """The columns that are read, as texts of one length."""

    def __init__(self, found: Sequence[csv_table.Row], columns: Mapping[str, int]) -> None:
        def column(name: str) -> list[str] | None:
            n = columns.get(name)
            return None if n is None else [row.cells[n].strip() for row in found]

        self.line = [row.line for row in found]
        self.code = column("mesh_code") or []
        self.population = column("population") or []
        self.households = column("households")
        self.state, self.into, self.taken_in = (column(name) or [""] * len(found) for name in _PROCESSING)

    def said(self, n: int) -> tuple[str, ...]:
        """All that is read of a row."""
        return (
            self.code[n],
            self.population[n],
            self.households[n] if self.households else "",
            self.state[n],
            self.into[n],
            self.taken_in[n],
        )


def _fitting(rows: _Rows, levels: mesh.Codes, table: CensusTable | None, options: Options) -> None:
    """Refuses a file whose squares cannot be those that it says they are."""
    ten = [code for code, level in zip(rows.code, levels.tolist(), strict=True) if not level and len(code) == 10]
    if any(code.isdecimal() and mesh.levels([code[:8]])[0] for code in ten):
        raise ParseError(
            f"{ten[0][:40]!r} is no 250 m square: a grid of 100 m, of which part looks like one of 250 m",
            code="grid_of_100_m",
            remedy="take a table by squares of JIS X 0410",
        )
    if table is not None:
        other = np.flatnonzero((levels != table.level) & (levels != ""))
        if len(other):
            raise ParseError(
                f"{rows.code[other[0]]} is a square of {levels[other[0]]}, the table is of {table.level}",
                code="wrong_level",
                remedy=refusal.AGAIN,
                position=f"line {rows.line[other[0]]}",
            )
    if options.primary is not None:
        outside = [n for n, code in enumerate(rows.code) if levels[n] and not code.startswith(options.primary)]
        if outside:
            raise ParseError(
                f"{rows.code[outside[0]]} is not in {options.primary}, which the file says it is",
                code="other_square",
                remedy="take the file in under the name that e-Stat gave it",
                position=f"line {rows.line[outside[0]]}",
            )


def _known(rows: _Rows, levels: mesh.Codes, issues: list[Issue]) -> list[int]:
    """The rows that are kept, ordered by code."""
    wrong = np.flatnonzero(levels == "").tolist()
    if wrong:
        issues.append(
            Issue(
                "bad_mesh_code",
                _several([f"{rows.code[n][:40]!r} is no 地域メッシュコード" for n in wrong]),
                "ask the publisher; these rows are held back",
                "warning",
                f"line {rows.line[wrong[0]]}",
            )
        )
    order = sorted(np.flatnonzero(levels != "").tolist(), key=lambda n: (rows.code[n], n))
    again = [b for a, b in pairwise(order) if rows.code[a] == rows.code[b] and rows.said(a) == rows.said(b)]
    if again:
        issues.append(
            Issue(
                "repeated_row",
                _several([f"{rows.code[n]} is there again" for n in again]),
                "none needed: it counts once",
                "info",
                f"line {rows.line[again[0]]}",
            )
        )
    repeated = set(again)
    return [n for n in order if n not in repeated]


def _several(causes: Sequence[str]) -> str:
    more = f" and {len(causes) - _SHOWN} more" if len(causes) > _SHOWN else ""
    return "; ".join(causes[:_SHOWN]) + more


def _by_square(rows: _Rows, levels: mesh.Codes, known: Sequence[int]) -> list[tuple[tuple[str, str], list[int]]]:
    """Level and 80 km square → its rows."""
    found: dict[tuple[str, str], list[int]] = {}
    for n in known:
        found.setdefault((str(levels[n]), rows.code[n][:4]), []).append(n)
    return sorted(found.items())


class _Statement(NamedTuple):
    """What all statements of a document have in common. `whole`: each lists all of its square."""

    options: Options
    status: Status
    on: date
    whole: bool
    facts: Mapping[str, Any]


def _bulletin(
    rows: _Rows, some: Sequence[int], scope: tuple[str, str], said: _Statement, issues: list[Issue]
) -> Bulletin:
    level, square = scope
    codes = [rows.code[n] for n in some]
    into, taken_in = _merged(rows, some, issues)
    population = _counts(rows.population, rows, some, "population", issues)
    households = rows.households
    return Bulletin(
        kind="population_mesh",
        scope=f"{said.options.source}/population_mesh/{said.on}/{level}/{square}",
        issued_at=None,
        status=said.status,
        items=ItemTable(
            item_id=[f"{said.on}/{code}" for code in codes],
            props={
                "mesh_code": codes,
                "mesh_level": [level] * len(some),
                "population": population,
                "households": [None] * len(some)
                if households is None
                else _counts(households, rows, some, "households", issues),
                "year": [said.on.year] * len(some),
                "suppression": [_STATES.get(rows.state[n]) for n in some],
                "merged_into": into,
                "merged_from": taken_in,
                **{name: [value] * len(some) for name, value in said.facts.items()},
            },
            muni_code=[None] * len(some),
            geometry=shapely.to_wkb(shapely.box(*mesh.bounds(codes).T)).tolist(),
            position=[f"line {rows.line[n]}" for n in some],
        ),
        issuer=said.options.issuer,
        complete=said.whole,
        bulletin_type=said.facts["table_id"] or "mesh_list",
    )


def _counts(cells: Sequence[str], rows: _Rows, some: Sequence[int], name: str, issues: list[Issue]) -> list[Count]:
    read: dict[str, Count] = {}
    wrong: list[int] = []
    for n in some:
        text = cells[n]
        if text not in read:
            read[text] = _count(text)
        if read[text]["state"] == "unknown":
            wrong.append(n)
    if wrong:
        issues.append(
            Issue(
                "bad_count",
                _several([f"{rows.code[n]}: {name} is {cells[n][:40]!r}, not a count" for n in wrong]),
                "see the table: they are kept as not known, with their wording",
                "warning",
                f"line {rows.line[wrong[0]]}",
            )
        )
    return [read[cells[n]] for n in some]


def _count(text: str) -> Count:
    if text in _SUPPRESSED:
        return without("suppressed", text)
    if text.isascii() and text.isdigit() and len(text) < _LONG:
        return reported(int(text))
    return count(text) or without("unknown", text)


def _merged(rows: _Rows, some: Sequence[int], issues: list[Issue]) -> tuple[list[str | None], list[list[str]]]:
    """Which square each one's details went into, and which squares each one took in; an issue where the two do not
    say the same."""
    into: list[str | None] = [rows.into[n] or None for n in some]
    taken_in = [[one for one in _BETWEEN.split(rows.taken_in[n]) if one] for n in some]
    place = {rows.code[n]: i for i, n in enumerate(some)}
    odd: list[str] = []
    for i, n in enumerate(some):
        state, target = _STATES.get(rows.state[n]), into[i]
        named = [*([target] if target else []), *taken_in[i]]
        if state is None:
            odd.append(f"{rows.code[n]}: HTKSYORI is {rows.state[n][:20]!r}")
        elif (state == "merged") != (target is not None) or (state == "receives") != bool(taken_in[i]):
            odd.append(
                f"{rows.code[n]}: HTKSYORI {rows.state[n] or 'empty'} with {', '.join(named)[:60] or 'no square'}"
            )
        elif named and not mesh.levels(named).all():
            odd.append(f"{rows.code[n]}: {', '.join(named)[:60]!r} are not all squares")
        elif target in place and rows.code[n] not in taken_in[place[target]]:
            odd.append(f"{rows.code[n]} went into {target}, which does not say so")
    if odd:
        issues.append(
            Issue(
                "odd_suppression",
                _several(odd),
                "ask the publisher; what the table says is kept as it is",
                "warning",
                f"line {rows.line[some[0]]}",
            )
        )
    return into, taken_in
