"""Municipal lists of evacuation sites and shelters: what their headers, flags, codes and places mean.

Sources: 自治体標準オープンデータセット「指定緊急避難場所一覧」 (2022 edition), the older 推奨データセット, the
form 「避難場所・避難所データフォーマット」 of Yahoo! JAPAN, and tables that offices make themselves. The headers
known are in vocab/data/site_column.csv; a feed's YAML may declare others. A header is compared without blanks,
underscores and brackets, full-width or not; the order of the columns never matters.

Flags: 1 (also 1.0, true, ○) is yes, 0 (×, false) is no, an empty cell is no because the standard says so, and 9 or a
dash is "not applicable" (Yahoo: 対象となる災害の想定なし、表示する必要なしなど): neither yes nor no, so null.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from fnmatch import fnmatchcase
from functools import cache, cached_property
from hashlib import sha256
from typing import Literal, cast
from unicodedata import normalize

import shapely

from bousai.errors import ParseError
from bousai.formats import unread
from bousai.formats.listing import Listing, blank
from bousai.model import Issue
from bousai.vocab import code as codes
from bousai.vocab import rows as vocab_rows
from bousai.vocab.code import PrefCode
from bousai.vocab.count import Count, count, without
from bousai.vocab.japanese_time import moment
from bousai.vocab.municipality import check_digit, municipalities, named, prefecture, resolve

Meaning = Literal[
    "source_id", "common_id", "number", "publisher_code", "muni_code", "pref_name", "area_name", "town", "block",
    "building", "address", "name", "name_kana", "lat", "lon", "elevation_m", "flood", "landslide", "storm_surge",
    "earthquake", "tsunami", "fire", "inland_flood", "volcano", "hazard_list", "also_shelter", "capacity",
    "districts", "district_name", "note", "stock", "deleted", "is_site", "is_shelter", "type_text", "evacuees",
    "voluntary_evacuees", "households", "as_of", "state", "opened_at", "closed_at", "crowding", "reason",
]  # fmt: skip
"""What a column can say, whatever its header."""

HAZARDS: tuple[Meaning, ...] = (
    "flood",
    "landslide",
    "storm_surge",
    "earthquake",
    "tsunami",
    "fire",
    "inland_flood",
    "volcano",
)
FLAGS: tuple[Meaning, ...] = (*HAZARDS, "also_shelter", "deleted", "is_site", "is_shelter")

_FLAG = {
    "": False, "0": False, "0.0": False, "false": False, "×": False, "x": False, "無": False, "否": False,
    "1": True, "1.0": True, "true": True, "○": True, "〇": True, "◯": True, "●": True, "有": True, "可": True,
    "9": None, "9.0": None,
}  # fmt: skip
_WITH_TIME = re.compile(r"(人数|避難者数|避難人数|避難者)[_\s(【]*(.+?)(?:時点|現在)?[)】]*")
_ALIKE = 5
_MANY = 3  # a column of fewer cells is judged cell by cell
_CODE = re.compile(r"\d{4,6}", re.ASCII)
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:[eE]-?\d+)?", re.ASCII)
_ADDRESS = re.compile(r"(.+?[市区町村])(?!役場|役所)")
_PER_PERSON = re.compile(r"(\d[\d,]*)人?[\s(]*(?:[\d.]+(?:㎡|m2|人)|\d+駐車場区画)[^人]*(?:あたり|/|㎡).*")
_NARROW: dict[int, int | str] = {**{n: n - 0xFEE0 for n in range(0xFF01, 0xFF5F)}, 0x3000: " ", 0x2212: "-"}
_APART = 0.001  # degrees, about 100 m


def fold(header: str) -> str:
    """A header as it is compared. A first underscore counts: CKAN's ``_id`` is no ID.

    >>> fold("災害種別＝崖崩れ、土石流及び地滑り") == fold("災害種別_崖崩れ､土石流及び地滑り")
    True
    >>> fold(" ＩＤ "), fold("_id")
    ('id', '_id')
    """
    plain = normalize("NFKC", header).strip()
    own = "_" if plain.startswith("_") else ""
    return own + re.sub(r"[\s_=:・、､,()「」【】/／‐-]", "", plain).casefold()


@cache
def _known() -> dict[str, tuple[int, str]]:
    """Folded header → place in the list (earlier ones are preferred) and meaning, "" where it is left out."""
    found: dict[str, tuple[int, str]] = {}
    for place, row in enumerate(vocab_rows("site_column")):
        found.setdefault(fold(row["header"]), (place, row["meaning"]))
    return found


def _narrow(text: str) -> str:
    """Full-width letters and digits as ASCII, and no more: for NFKC ① would be 1."""
    return text.translate(_NARROW).strip()


def word(field: str, text: str) -> str | None:
    """What a word of such lists means (vocab/data/site_word.csv); None where it is not known.

    >>> word("state", "開設"), word("site_type", "帰宅困難者支援施設"), word("crowding", "わからん")
    ('open', 'temporary_stay', None)
    """
    return _words().get((field, fold(text) or text))


@cache
def _words() -> dict[tuple[str, str], str]:
    return {(row["field"], fold(row["word"]) or row["word"]): row["value"] for row in vocab_rows("site_word")}


def hazards_called(text: str) -> tuple[Meaning, ...]:
    """The hazard of a word, as the headers call them; none where it is not known.

    >>> hazards_called("崖崩れ、土石流及び地滑り"), hazards_called("全災害")
    (('landslide',), ())
    """
    meaning = _known().get(fold(text), (0, ""))[1]
    return tuple(hazard for hazard in HAZARDS if hazard == meaning)


def is_header(
    columns: Mapping[str, Meaning], drop: Mapping[str, str], needed: Sequence[Meaning]
) -> Callable[[Sequence[str]], bool]:
    """Whether a line of cells is the header of a list: three cells or more and half of all are known, `needed` among
    them. (The explanations of a form have 名称 somewhere, too.)"""
    declared = {fold(header): meaning for header, meaning in columns.items()}

    def judge(cells: Sequence[str]) -> bool:
        said = [cell for cell in cells if cell.strip()]
        means = [declared.get(fold(cell)) or _known().get(fold(cell), (0, None))[1] for cell in said]
        known = [one for cell, one in zip(said, means, strict=True) if one is not None or _dropped(cell, drop)]
        return set(needed) <= set(means) and len(known) >= max(3, len(said) / 2)

    return judge


def _dropped(header: str, drop: Mapping[str, str]) -> bool:
    return any(fnmatchcase(header, pattern) for pattern in drop)


@dataclass(frozen=True)
class Sheet:
    """A list by meaning. `header` names the column behind a meaning, `as_of` is what the header of a count says."""

    listing: Listing
    header: dict[Meaning, str]
    further_codes: tuple[str, ...]
    as_of: datetime | None

    @cached_property
    def placed(self) -> bool:
        """Whether the list says of anything where it is."""
        return {"lat", "lon"} <= set(self.header) or any(one is not None for one in self.listing.geometry)

    def cell(self, meaning: Meaning, row: int) -> str | None:
        """The text of a cell, "" where empty, None where the list (or this row) has no such column."""
        name = self.header.get(meaning)
        return None if name is None else self.listing.columns[name][row]

    def text(self, meaning: Meaning, row: int) -> str | None:
        """The text of a cell, None where there is none."""
        return self.cell(meaning, row) or None

    def codes(self, row: int) -> Iterator[str]:
        """What the row writes as its municipality's code, the preferred column first."""
        names = [name for name in (self.header.get("muni_code"), *self.further_codes) if name is not None]
        for name in names:
            cell = self.listing.columns[name][row]
            if cell is not None and not blank(cell):
                yield cell

    def rows(self) -> Iterator[int]:
        """The rows that say anything at all."""
        for row in range(len(self.listing)):
            if not all(blank(column[row]) for column in self.listing.columns.values()):
                yield row


def sheet(
    listing: Listing,
    columns: Mapping[str, Meaning],
    drop: Mapping[str, str],
    reads: Collection[Meaning],
    issues: list[Issue],
) -> Sheet:
    """The meaning of every column: by the feed's declaration, else by what the header says.

    A header that nobody knows or that the parser does not read (`reads`), or the second one of a meaning, is an issue
    ``unread``; a declared one that is missing is an issue ``missing_column``. Raises `ParseError` ``shifted_columns``
    where the cells of a column are not what its header promises.
    """
    declared = {fold(name): meaning for name, meaning in columns.items()}
    candidates: dict[Meaning, list[tuple[int, str]]] = {}
    timed: list[tuple[datetime, str]] = []
    read: set[str] = set()
    for name in listing.columns:
        rank, meaning = -1, cast(str | None, declared.get(fold(name)))
        if meaning is None and _dropped(name, drop):
            read.add(name)
        elif meaning is None and fold(name) in _known():
            rank, meaning = _known()[fold(name)]
            if not meaning:
                read.add(name)
        elif meaning is None and (at := _time_in(name)) is not None:
            timed.append((at, name))
        if meaning in reads:
            candidates.setdefault(cast(Meaning, meaning), []).append((rank, name))
    header = {meaning: min(found)[1] for meaning, found in candidates.items()}
    further = tuple(name for _, name in sorted(candidates.get("muni_code", ()))[1:])
    as_of = None
    if timed and "evacuees" in reads and "evacuees" not in header:
        as_of, header["evacuees"] = max(timed)
    issues += unread.columns(listing.columns, {*read, *header.values(), *further}, "the list")
    present = {fold(one) for one in listing.columns}
    for name, declaration in columns.items():
        if fold(name) not in present:
            issues.append(
                Issue(
                    "missing_column",
                    f"the list has no column {name!r} any more, which says {declaration}",
                    "see how the publisher calls it now and correct the feed's YAML",
                    "warning",
                    name,
                )
            )
    found = Sheet(listing, header, further, as_of)
    _refuse_shifted(found)
    issues += _displaced(found)
    return found


def _time_in(header: str) -> datetime | None:
    match = _WITH_TIME.fullmatch(normalize("NFKC", header).strip())
    return moment(match[2]) if match else None


def _refuse_shifted(sheet: Sheet) -> None:
    """Cells beside their header are never read: one column too few in a row of the header and a phone number would
    be a latitude."""
    wrong = []
    for meaning, name in sheet.header.items():
        fits = _FITS.get(meaning)
        if fits is None:
            continue
        cells = [cell for cell in sheet.listing.columns[name] if cell is not None and not blank(cell)]
        unfit = [cell for cell in cells if not fits(_narrow(cell))]
        if len(cells) >= _MANY and len(unfit) > len(cells) / 2:
            wrong.append(f"{name[:40]} says {unfit[0][:40]!r}")
    if wrong:
        raise ParseError(
            f"the columns do not hold what their headers say: {'; '.join(wrong[:4])}",
            code="shifted_columns",
            remedy="tell the publisher; if the headers mean something else, map them in the feed's YAML",
        )


def _displaced(sheet: Sheet) -> Iterator[Issue]:
    """Contact columns that hold codes and names of municipalities instead: seen where a list was migrated."""
    used = {*sheet.header.values(), *sheet.further_codes}
    for name, column in sheet.listing.columns.items():
        if name in used:
            continue
        cells = [cell for cell in column if cell is not None and not blank(cell)]
        if len(cells) < _MANY:
            continue
        if all(resolve(cell).code is not None for cell in set(cells)):
            what, right = "codes of municipalities", sheet.header.get("muni_code")
        elif all(prefecture(cell) is not None for cell in set(cells)):
            what, right = "names of prefectures", sheet.header.get("pref_name")
        elif all(_is_municipality(cell) for cell in set(cells)):
            what, right = "names of municipalities", sheet.header.get("area_name")
        else:
            continue
        same = right is not None and sheet.listing.columns[right] == column
        yield Issue(
            "shifted_columns",
            f"the column {name[:40]!r} holds {what}"
            + (f", the same as {right!r}" if same else f", not the same as {right!r}" if right else ""),
            "none needed: nothing is read from it; tell the publisher"
            if same
            else "tell the publisher; it is not read",
            "info" if same else "warning",
            name[:80],
        )


def _is_municipality(text: str) -> bool:
    return named(text).code is not None or " is the name of " in named(text).why


def flag(cell: str | None, *, empty: bool | None = False) -> bool | None:
    """A flag; `empty` is what an empty cell means. None: not applicable, or no such column. Raises `ValueError`.

    >>> flag("1"), flag("1.0"), flag(""), flag("9"), flag("－"), flag("true"), flag(None)
    (True, True, False, None, None, True, None)
    """
    if cell is None:
        return None
    plain = _narrow(cell).casefold()
    if not plain:
        return empty
    if blank(cell):
        return None
    return _FLAG[plain] if plain in _FLAG else _not_a_flag(cell)


def _not_a_flag(cell: str) -> bool:
    raise ValueError(f"{cell[:40]!r} is neither 1, 0, 9 nor empty")


def flags(
    sheet: Sheet, meanings: Sequence[Meaning], row: int, issues: list[Issue], *, empty: bool | None = False
) -> dict[str, bool | None]:
    """Several flags of a row; one that cannot be read is None and an issue ``unknown_flag``."""
    found: dict[str, bool | None] = {}
    for meaning in meanings:
        try:
            found[meaning] = flag(sheet.cell(meaning, row), empty=empty)
        except ValueError as error:
            found[meaning] = None
            issues.append(
                Issue(
                    "unknown_flag",
                    f"{sheet.header[meaning]}: {error}",
                    "ask the publisher; it is shown as unknown",
                    "warning",
                    sheet.listing.position[row],
                )
            )
    return found


def gathered(issues: list[Issue]) -> Iterator[Issue]:
    """The same issues, but what is said of more than five rows in the same words is said once, with their number.

    (△ for "only the upper floors" stands in whole columns.)
    """
    alike: dict[tuple[str, str], list[Issue]] = {}
    for issue in issues:
        alike.setdefault((issue.code, issue.cause), []).append(issue)
    for found in alike.values():
        if len(found) > _ALIKE:
            where = ", ".join(issue.position for issue in found[:3])
            yield replace(found[0], cause=f"{found[0].cause}, in {len(found)} rows ({where}, …)")
        else:
            yield from found


def number(sheet: Sheet, meaning: Meaning, row: int, issues: list[Issue]) -> float | None:
    """A decimal number; one that is none is None and an issue ``bad_number``."""
    cell = sheet.cell(meaning, row)
    if cell is None or blank(cell):
        return None
    plain = _narrow(cell).removesuffix("m")
    if _NUMBER.fullmatch(plain):
        return float(plain)
    issues.append(
        Issue(
            "bad_number",
            f"{sheet.header[meaning]} is {cell[:40]!r}",
            "ask the publisher; it is shown as unknown",
            "warning",
            sheet.listing.position[row],
        )
    )
    return None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a row is. All None where it does not say so in a way that can be used."""

    lat: float | None
    lon: float | None
    point: bytes | None


NOWHERE = Place(None, None, None)


def place_of(lat_text: str | None, lon_text: str | None) -> Place | None:
    """A point from two texts in degrees; `NOWHERE` where both are empty, None where they are no position.

    >>> place_of("35.5", "１３９．２５").lon, place_of("", "").point, place_of("999", "999"), place_of("0", "0")
    (139.25, None, None, None)
    """
    if blank(lat_text) and blank(lon_text):
        return NOWHERE
    texts = [_narrow(text or "") for text in (lat_text, lon_text)]
    if not all(_NUMBER.fullmatch(text) for text in texts):
        return None
    lat, lon = (round(float(text), 6) for text in texts)
    if not (abs(lat) <= 90 and abs(lon) <= 180) or (lat == 0 and lon == 0):
        return None
    return Place(lat, lon, shapely.to_wkb(shapely.Point(lon, lat)))


def without_places(sheet: Sheet) -> list[Issue]:
    """One issue ``no_positions`` for a list that says of nothing where it is, instead of one for each row."""
    if sheet.placed:
        return []
    cause = f"the list has no positions: {len(sheet.listing)} rows are kept without one"
    return [Issue("no_positions", cause, "ask the publisher for latitude and longitude", "warning", "header")]


def place(sheet: Sheet, row: int, shown: str, issues: list[Issue]) -> Place:
    """The position of a row: its columns, else its geometry; where there is none, an issue ``no_position``."""
    if not sheet.placed:
        return NOWHERE
    position = sheet.listing.position[row]
    drawn = _drawn(sheet.listing.geometry[row])
    lat, lon = sheet.cell("lat", row), sheet.cell("lon", row)
    stated = place_of(lat, lon)
    if stated is None or stated.point is None:
        if stated is None or drawn is None:
            said = "none is given" if stated is not None else f"it says {f'{lat} {lon}'[:60]!r}"
            issues.append(
                Issue(
                    "no_position",
                    f"{shown}: no usable position, {said}",
                    "ask the publisher; it is kept without a position",
                    "warning",
                    position,
                )
            )
            return NOWHERE
        return drawn
    if drawn is not None and _apart(stated, drawn):
        issues.append(
            Issue(
                "positions_differ",
                f"{shown}: its columns say {stated.lat} {stated.lon}, its geometry {drawn.lat} {drawn.lon}",
                "ask the publisher; the columns are taken",
                "warning",
                position,
            )
        )
    return stated


def _drawn(geometry: bytes | None) -> Place | None:
    shape = None if geometry is None else shapely.from_wkb(geometry)
    if shape is None or shapely.get_type_id(shape) != 0:
        return None
    return place_of(repr(float(shape.y)), repr(float(shape.x)))


def _apart(a: Place, b: Place) -> bool:
    assert a.lat is not None and a.lon is not None and b.lat is not None and b.lon is not None  # noqa: PT018
    return abs(a.lat - b.lat) > _APART or abs(a.lon - b.lon) > _APART


@dataclass(frozen=True, slots=True)
class Where:
    """What a feed knows of the municipality of its rows: the prefecture, the municipality that has no column, and how
    many digits its codes have before Excel."""

    pref: PrefCode | None = None
    muni_code: str | None = None
    width: Literal[5, 6] | None = None


def municipality(sheet: Sheet, row: int, where: Where, issues: list[Issue]) -> str | None:
    """The five-digit code of a row, or None and an issue. Where code and name disagree, neither counts.

    A code that lost its leading zero can mean two municipalities; then the name in the same row decides, and without
    one nobody does.
    """
    pref_name, area = sheet.text("pref_name", row), sheet.text("area_name", row)
    pref = (prefecture(normalize("NFKC", pref_name)) if pref_name else None) or where.pref
    by_name = named(area, pref) if area else None
    why: str | None = None
    for written in sheet.codes(row):
        code = resolve(written, width=where.width, pref=pref)
        if code.code is not None and by_name is not None and by_name.code is not None:
            if _same_city(code.code, by_name.code):
                return code.code
            why = f"{written!r} is {_called(code.code)}, the name says {area!r}"
        elif code.code is not None:
            return code.code
        else:
            readings = {resolve(written, width=5, pref=pref).code, resolve(written, width=6, pref=pref).code}
            if by_name is not None and by_name.code in readings - {None}:
                return by_name.code
            elsewhere = resolve(written, width=where.width).code
            why = code.why if elsewhere is None else f"{written!r} is {_called(elsewhere)}, in another prefecture"
        break
    else:
        if by_name is not None:
            if by_name.code is not None:
                return by_name.code
            why = by_name.why
        elif (whole := where.muni_code or resolve(sheet.text("publisher_code", row), pref=pref).code) is not None:
            named_there = _in_address(sheet.text("address", row), whole)
            if named_there is None:
                return whole
            why = f"the list is of {_called(whole)}, the address is in {named_there}"
        else:
            why = "neither a code nor a name of a municipality is given"
    issues.append(
        Issue(
            "unknown_municipality",
            f"{(sheet.text('name', row) or '(no name)')[:40]}: {why}",
            "ask the publisher; it is kept without a municipality",
            "warning",
            sheet.listing.position[row],
        )
    )
    return None


def _same_city(a: str, b: str) -> bool:
    """The same, or a designated city and one of its wards."""
    known = municipalities()
    return a == b or known[a].city == b or known[b].city == a


def _called(code: str) -> str:
    one = municipalities().get(code)
    return code if one is None else f"{code} {one.name}"


def _in_address(address: str | None, muni_code: str) -> str | None:
    """Another municipality that an address begins with, None where it names this one or none."""
    known = municipalities().get(muni_code)
    if address is None or known is None:
        return None
    plain = normalize("NFKC", address).removeprefix(known.pref)
    match = None if plain.startswith(known.name) else _ADDRESS.match(plain)
    found = named(match[1], PrefCode(muni_code[:2])).code if match else None
    return None if found is None or _same_city(found, muni_code) else _called(found)


def publisher(written: str | None) -> str | None:
    """全国地方公共団体コード of who publishes, six digits, a leading zero restored; None where it is none.

    >>> publisher("170003"), publisher("172022"), publisher("10006"), publisher("122041.0"), publisher("999999")
    ('170003', '172022', '010006', None, None)
    """
    digits = _narrow(written or "")
    if not re.fullmatch(r"\d{5,6}", digits, re.ASCII):
        return None
    code = resolve(digits)
    if code.code is not None:
        return code.code + check_digit(code.code)
    six = digits.zfill(6)
    is_pref = (
        six[2:5] == "000" and check_digit(six[:5]) == six[5] and any(c.startswith(six[:2]) for c in municipalities())
    )
    return six if is_pref else None


def publisher_name(code: str) -> str:
    """Who is behind a publisher's code.

    >>> publisher_name("170003"), publisher_name("172022")
    ('石川県', '石川県七尾市')
    """
    one = municipalities().get(code[:5])
    if one is not None:
        return one.pref + one.name
    return next(one.pref for one in municipalities().values() if one.code.startswith(code[:2]))


def address(sheet: Sheet, row: int) -> str | None:
    """The address as one text, put together of its parts where the list has no joined one."""
    joined = sheet.text("address", row)
    if joined is None:
        parts = (
            sheet.text(part, row) for part in cast(tuple[Meaning, ...], ("pref_name", "area_name", "town", "block"))
        )
        joined = "".join(part for part in parts if part) or None
    building = sheet.text("building", row)
    if building and building not in (joined or ""):
        joined = f"{joined}　{building}" if joined else building
    return joined


def capacity(cell: str | None) -> Count | None:
    """想定収容人数: a count, or the words of the list as they are (屋内480人／屋外3,350人: no sum is made of it).

    >>> capacity("2,054人")["value"], capacity("")["state"], capacity("－")["state"], capacity(None)
    (2054, 'blank', 'not_applicable', None)
    >>> capacity("100人2.0㎡あたり1人")["value"], capacity("屋内480人／屋外3,350人(面積の1/2)")
    (100, {'value': None, 'state': 'unknown', 'qualifier': 'exact', 'text': '屋内480人／屋外3,350人(面積の1/2)'})
    """
    if cell is None:
        return None
    plain = normalize("NFKC", cell).strip()
    found = count(plain.removesuffix(".0") if re.fullmatch(r"\d+\.0", plain) else cell)
    if found is not None:
        return found
    basis = _PER_PERSON.fullmatch(plain)
    persons = count(basis[1]) if basis else None
    return without("unknown", cell) if persons is None or persons["value"] is None else {**persons, "text": cell}


def digest(*parts: str | None) -> str:
    """A short name for a thing that has no id: the same for the same text, full-width or not, blank or not."""
    plain = ["".join(normalize("NFKC", part or "").split()).casefold() for part in parts]
    return sha256("\0".join(plain).encode()).hexdigest()[:12]


def keys(sheet: Sheet, rows: Sequence[int], issues: list[Issue]) -> dict[int, str]:
    """A name for every row that is stable for ever: its own id, else the digest of name and address.

    NO and row numbers are no ids: they repeat and change. Where rows would have one name they are all called by what
    tells them apart as well (so that no name ever passes from one to another): their place and hazards, else all that
    they say. Rows that nothing tells apart are one thing: the first is kept, the others have no key, with an issue.
    """
    found = {row: key_of(sheet, row) for row in rows}
    times = Counter(found.values())
    for row, key in found.items():
        if times[key] > 1 and sheet.text("source_id", row):
            issues.append(
                Issue(
                    "duplicate_id",
                    f"the id {key[:40]!r} is given to {times[key]} rows",
                    "tell the publisher; every row is kept under an id of ours",
                    "warning",
                    sheet.listing.position[row],
                )
            )
    for level in (_APART_BY, sorted(set(sheet.header) - _NOT_ITS_OWN)):
        times = Counter(found.values())
        for row, key in found.items():
            if times[key] > 1:
                found[row] = f"{key}-{digest(*(sheet.cell(meaning, row) for meaning in level))}"
    first: dict[str, int] = {}
    for row, key in found.items():
        if first.setdefault(key, row) != row:
            shown, before = (sheet.text("name", row) or "(no name)")[:40], sheet.listing.position[first[key]]
            issues.append(
                Issue(
                    "repeated_row",
                    f"{shown} is listed again just as at {before}",
                    "none needed: it counts once; tell the publisher",
                    "info",
                    sheet.listing.position[row],
                )
            )
    return {row: key for key, row in first.items()}


_APART_BY: tuple[Meaning, ...] = ("name", "address", "area_name", "lat", "lon", *HAZARDS)
_NOT_ITS_OWN: frozenset[Meaning] = frozenset(["number", "muni_code", "publisher_code"])


def key_of(sheet: Sheet, row: int) -> str:
    """The row's own id, else its 共通ID, else the digest of its name and address."""
    mine = sheet.text("source_id", row) or sheet.text("common_id", row)
    return normalize("NFKC", mine) if mine else digest(sheet.text("name", row), address(sheet, row))


def common_id(sheet: Sheet, row: int, issues: list[Issue]) -> str | None:
    """共通ID of a row; one that is none is an issue."""
    text = sheet.text("common_id", row)
    try:
        return None if text is None else codes.common_id(normalize("NFKC", text))
    except ValueError as error:
        position = sheet.listing.position[row]
        issues.append(Issue("bad_common_id", str(error), "ask the publisher; it is left out", "warning", position))
        return None


_FITS: Mapping[Meaning, Callable[[str], bool]] = {
    "muni_code": lambda cell: bool(_CODE.fullmatch(cell.partition(",")[0])),
    "publisher_code": lambda cell: bool(_CODE.fullmatch(cell)),
    "pref_name": lambda cell: prefecture(cell) is not None,
    "lat": lambda cell: bool(_NUMBER.fullmatch(cell)),
    "lon": lambda cell: bool(_NUMBER.fullmatch(cell)),
    "elevation_m": lambda cell: bool(_NUMBER.fullmatch(cell.removesuffix("m"))),
    "name": lambda cell: not re.fullmatch(r"[\d\s.,()+−ー‐-]*", cell),
    "address": lambda cell: not re.fullmatch(r"[\d.]*", cell),
    "as_of": lambda cell: moment(re.sub(r"(時点|現在)$", "", cell)) is not None,
    "opened_at": lambda cell: moment(cell) is not None,
    "closed_at": lambda cell: moment(cell) is not None,
    "evacuees": lambda cell: count(cell) is not None,
    "voluntary_evacuees": lambda cell: count(cell) is not None,
    "households": lambda cell: count(cell) is not None,
    **{meaning: lambda cell: cell.casefold() in _FLAG for meaning in FLAGS},
}
