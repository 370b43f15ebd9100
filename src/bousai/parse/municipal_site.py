"""Evacuation sites and shelters as a municipality or a prefecture lists them itself, CSV, XLSX or GeoJSON.

Source: 自治体標準オープンデータセット「指定緊急避難場所一覧」 (digital.go.jp, 2022 edition, and the 推奨データセット
before it), the form 「避難場所・避難所データフォーマット」 of Yahoo! JAPAN, and tables of the office's own. Scope
``<source>``, or ``<source>/<six-digit code of the publisher>`` where one feed reads the lists of many; complete: a
site that the list no longer has is gone. 指定緊急避難場所 (to flee to) and 指定避難所 (to stay) are told apart by
`site_type`.

Oddities
* The code of 170003 (石川県) is the publisher's; where a site is, 所在地_全国地方公共団体コード says. In that list
  the municipality stands a second time under 内線番号, 連絡先メールアドレス and 連絡先FormURL: found by what the
  cells are, an issue, and not read.
* A flag that is empty says "not designated" in the standard form. In Yahoo's form 0 says so, 9 that it does not apply
  (対象となる災害の想定なし、表示する必要なしなど), and nothing may be empty: 9, a dash and an empty cell are null.
* NO repeats (船橋市: one number for three places) and CKAN's ``_id`` is a row number: neither is an id. Where a list
  has no id the digest of name and address is one. Yahoo's 削除 = true ends a site.
* Capacity is often prose (屋内480人／屋外3,350人(面積の1/2)): its words are kept, no sum is made.
* Telephone numbers, e-mail addresses and contact persons are not kept.

Known gaps:
* headers of more than one line (a group above its columns) are not put together: the list is refused
* the 2022 edition was seen real for one prefecture only; cp932 only as a re-encoded real list
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, Literal

import msgspec

from bousai.errors import ParseError
from bousai.formats import contacts, listing, municipal_list
from bousai.formats.municipal_list import HAZARDS, Meaning, Sheet, Where
from bousai.model import Bulletin, Issue, Item, table_of
from bousai.vocab.code import PrefCode

VERSION = "1"
_READ: tuple[Meaning, ...] = (
    "source_id", "common_id", "number", "publisher_code", "muni_code", "pref_name", "area_name", "town", "block",
    "building", "address", "name", "name_kana", "lat", "lon", "elevation_m", *HAZARDS, "hazard_list", "also_shelter",
    "capacity", "districts", "district_name", "note", "stock", "deleted", "is_site", "is_shelter", "type_text",
)  # fmt: skip
SiteType = Literal["evacuation_site", "shelter", "both", "welfare_shelter", "wide_area_site", "temporary_stay"]
Hazard = Literal["flood", "landslide", "storm_surge", "earthquake", "tsunami", "fire", "inland_flood", "volcano"]


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the feed's YAML tells.

    `source` begins ids and scope. `many`: the lists of many publishers, told apart by `publisher` (six-digit code,
    from the name of the file) or by the column 全国地方公共団体コード; then `issuer` need not be given. `site_type`
    is what a row is that does not say so. `muni_code`, `pref`: where all of the list is, if no column says.
    `code_width`: how many digits its codes have before Excel takes a zero. `columns`: header → meaning and `drop`:
    header → reason for what vocab/data/site_column.csv does not know. `hazard_words`: a word for several hazards
    (全災害) → hazards.
    """

    source: str
    issuer: str | None = None
    many: bool = False
    publisher: str | None = None
    site_type: SiteType = "evacuation_site"
    muni_code: str | None = None
    pref: str | None = None
    code_width: Literal[5, 6] | None = None
    columns: dict[str, Meaning] = {}
    drop: dict[str, str] = {}
    hazard_words: dict[str, tuple[Hazard, ...]] = {}


def parse(body: bytes, options: Options) -> Iterator[Bulletin | Issue]:
    """One statement a publisher. Raises `ParseError`: those of `listing.read` and `municipal_list.sheet`, and
    ``unknown_publisher``."""
    found = listing.read(body, municipal_list.is_header(options.columns, options.drop, ("name",)))
    issues: list[Issue] = [
        Issue("sheet_left_out", f"the sheet {name[:40]!r} holds no such list", "none needed", "info", name[:80])
        for name in found.left_out
    ]
    sheet = municipal_list.sheet(found, options.columns, options.drop, _READ, issues)
    rows = list(sheet.rows())
    if len(rows) < len(found):
        silent = [found.position[row] for row in sorted(set(range(len(found))) - set(rows))]
        issues.append(
            Issue(
                "empty_row",
                f"{len(silent)} rows say nothing ({', '.join(silent[:5])})",
                "none needed",
                "info",
                silent[0],
            )
        )
    issues += municipal_list.without_places(sheet)
    prose: list[str] = []
    for scope, issuer, mine in _publishers(sheet, rows, options):
        names = municipal_list.keys(sheet, mine, issues)
        yield Bulletin(
            kind="municipal_site",
            scope=scope,
            issued_at=None,
            status="actual",
            items=table_of(_item(sheet, row, f"{scope}/{key}", options, issues, prose) for row, key in names.items()),
            issuer=issuer,
            complete=True,
            bulletin_type="municipal_site",
        )
    if prose:
        issues.append(
            Issue(
                "capacity_in_words",
                f"the capacity of {len(prose)} sites is no number, as {prose[0][:60]!r}",
                "none needed: the words are kept",
                "info",
                sheet.header["capacity"],
            )
        )
    yield from municipal_list.gathered(issues)


def _publishers(sheet: Sheet, rows: list[int], options: Options) -> Iterator[tuple[str, str, list[int]]]:
    """Scope, issuer and rows of each statement in the list."""
    if not options.many:
        yield options.source, options.issuer or options.source, rows
        return
    by_code: dict[str, list[int]] = defaultdict(list)
    for row in rows:
        written = options.publisher or sheet.text("publisher_code", row) or sheet.text("muni_code", row)
        code = municipal_list.publisher(written)
        if code is None:
            raise ParseError(
                f"{(written or '')[:40]!r} is no code of a prefecture or municipality that publishes",
                code="unknown_publisher",
                remedy="name the file <code>_evacuation_space.csv as the standard says, or make a feed for this list",
                position=sheet.listing.position[row],
            )
        by_code[code].append(row)
    for code, mine in sorted(by_code.items()):
        yield f"{options.source}/{code}", options.issuer or municipal_list.publisher_name(code), mine


def _item(sheet: Sheet, row: int, item_id: str, options: Options, issues: list[Issue], prose: list[str]) -> Item:
    name = sheet.text("name", row)
    position = sheet.listing.position[row]
    if name is None:
        issues.append(
            Issue(
                "no_name", "a site without a name", "ask the publisher; it is kept without one", "warning", position
            )
        )
    yahoo = "is_site" in sheet.header
    stated = municipal_list.flags(sheet, municipal_list.FLAGS, row, issues, empty=None if yahoo else False)
    hazards = {hazard: stated[hazard] for hazard in HAZARDS}
    hazards.update(_listed(sheet, row, options, issues))
    also_shelter = stated["is_shelter"] if yahoo else stated["also_shelter"]
    place = municipal_list.place(sheet, row, name or item_id, issues)
    pref = PrefCode(options.pref) if options.pref else None
    capacity = municipal_list.capacity(sheet.cell("capacity", row))
    if capacity is not None and capacity["text"] is not None and capacity["state"] == "unknown":
        prose.append(capacity["text"])
    stock = sheet.text("stock", row)
    notes = [contacts.without_contacts(sheet.text("note", row)).text, f"備蓄品：{stock}" if stock else None]
    return Item(
        item_id=item_id,
        props={
            "source_id": sheet.text("source_id", row) or sheet.text("number", row),
            "common_id": municipal_list.common_id(sheet, row, issues),
            "site_type": _site_type(sheet, row, stated, options, issues),
            "site_type_text": sheet.text("type_text", row),
            "name": name,
            "name_kana": sheet.text("name_kana", row),
            "address": municipal_list.address(sheet, row),
            "area_name": sheet.text("area_name", row),
            "lat": place.lat,
            "lon": place.lon,
            "elevation_m": municipal_list.number(sheet, "elevation_m", row, issues),
            "hazards": hazards,
            "also_shelter": also_shelter,
            "capacity": capacity,
            "districts": sheet.text("districts", row) or sheet.text("district_name", row),
            "note": "\n".join(note for note in notes if note) or None,
        },
        muni_code=municipal_list.municipality(sheet, row, Where(pref, options.muni_code, options.code_width), issues),
        geometry=place.point,
        ended=stated["deleted"] is True,
        position=position,
    )


def _listed(sheet: Sheet, row: int, options: Options, issues: list[Issue]) -> dict[Meaning, bool | None]:
    """Hazards that stand together in one cell (洪水・地震): those are meant, the others are not. An empty cell says
    nothing. A word that is not known makes all that it does not name unknown."""
    cell = sheet.cell("hazard_list", row)
    if cell is None or listing.blank(cell):
        return {}
    meant: set[str] = set()
    unknown: list[str] = []
    for word in _split(cell):
        hazards = options.hazard_words.get(word) or municipal_list.hazards_called(word)
        meant.update(hazards or ())
        if not hazards:
            unknown.append(word)
    if unknown:
        issues.append(
            Issue(
                "unknown_hazard",
                f"{sheet.header['hazard_list']}: {unknown[0][:40]!r} is no hazard that is known",
                "say in hazard_words of the feed's YAML what it means; what is not named is shown as unknown",
                "warning",
                sheet.listing.position[row],
            )
        )
    return {hazard: True if hazard in meant else None if unknown else False for hazard in HAZARDS}


def _split(cell: str) -> Sequence[str]:
    for mark in ("・", "／", "/", ",", "，", "\n"):
        if mark in cell:
            return [part.strip() for part in cell.split(mark) if part.strip()]
    return [cell.strip()]


def _site_type(sheet: Sheet, row: int, stated: dict[str, Any], options: Options, issues: list[Issue]) -> str:
    cause = None
    if "is_site" in sheet.header:
        site, shelter = stated["is_site"], stated["is_shelter"]
        if site or shelter:
            return "both" if site and shelter else "evacuation_site" if site else "shelter"
        cause = "neither 避難場所 nor 避難所 is true"
    elif text := sheet.text("type_text", row):
        known = municipal_list.word("site_type", text)
        if known is not None:
            return known
        cause = f"{sheet.header['type_text']} is {text[:40]!r}, which is not known"
    if cause is None:
        return "both" if stated["also_shelter"] and options.site_type == "evacuation_site" else options.site_type
    issues.append(
        Issue(
            "unknown_site_type",
            cause,
            "ask the publisher, or add the word to vocab/data/site_word.csv; it is shown as unknown",
            "warning",
            sheet.listing.position[row],
        )
    )
    return "unknown"
