"""Notes of a city's disaster headquarters (災害対策本部会議資料 「被害状況報告」): one page of prose a meeting.

Source: the page 「現在の状況等」 of the papers that 八代市 publishes after each meeting (令和８年熊本地震, meetings 2
to 18), as text, or as the JSON in which a collector keeps one page (``{"meeting": 9, "page": 2, "text": …}``). Each
statement is taken where number, unit and subject stand together without doubt; any other is an issue, never a number.

| scope | says |
|---|---|
| ``<source>/evacuation_summary/<incident>`` | shelters open, evacuees with their own time, the largest number |
| ``<source>/damage_count/<incident>`` | 人的被害 and 物的被害 as received by the headquarters |
| ``<source>/lifeline_outage/<incident>`` | reports of water, electricity and gas, in 件 |
| ``<source>/evacuation_order/<incident>`` | 避難指示 and its area |

Oddities
* Lines break anywhere, within dates and numbers too; digits are full-width (２，４０９名).
* 「最大避難者数」 stands beside the present number: it is no second observation.
* 調査中 and 不明 are values. 分類未確定 is said of people and of houses.
* 件 counts reports received, 棟 houses: the wording stays with the number. 水道：１８件 is not 18 households.
* The day of the week may be wrong (8月4日（月） was a Tuesday); the date counts, and an issue says so.

Known gaps:
* only notes of 八代市 were seen; a note without the headings that these have is refused
* changes of single shelters (※【開設】…、【閉鎖】…) are not taken: they name no id
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple
from unicodedata import normalize

import msgspec

from bousai.errors import ParseError
from bousai.formats import csv_table, json_rows
from bousai.model import Bulletin, Issue, Item, table_of
from bousai.vocab.count import Count, count
from bousai.vocab.damage import damage_item, damage_items
from bousai.vocab.japanese_time import moment

VERSION = "1"
_TITLE = "被害状況報告"
_AS_OF = re.compile(r"((?:令和|平成)[\d元]+年\d+月\d+日(?:\((.)\))?\d+:\d+)時点")
_SECTION = re.compile(r"\((\d+)\)")
_SHELTERS = re.compile(r"合計(\d[\d,]*)か所を開設中")
_EVACUEES = re.compile(r"(最大)?避難者数:(\d[\d,]*)[名人]\((\d+月\d+日\d+:\d+)現在\)")
_ORDER = re.compile(
    r"((?:令和|平成)[\d元]+年\d+月\d+日(?:\(.\))?\d+(?::\d+|時\d+分))~(避難指示|高齢者等避難|緊急安全確保)\(([^()]+)\)"
)
_ORDERS = {"高齢者等避難": "elderly_evacuate", "避難指示": "evacuate", "緊急安全確保": "emergency_safety"}
_ENTRY = re.compile(
    r"([^:\d()]+?):?(\d[\d,]*|不明|調査中|確認中|未確認|なし)([名人棟件戸箇所か]*)(?:\((.*)\))?(?:※.*)?"
)
_LIFELINES = {"水道": "water", "電気": "power", "ガス": "gas", "電話": "telephone", "通信": "internet"}
_HUMAN = {"分類未確定": "casualty_unclassified", "中等症": "injured_moderate"}
_THINGS = {
    "住家被害": "house_damaged",
    "道路被害": "road",
    "河川被害": "river",
    "土砂災害": "landslide",
    "火災": "fire",
    "分類未確定": "house_unclassified",
}
_ELSEWHERE = re.compile(r"その他、?現在把握している被害の詳細については、?別紙「[^」]*」のとおり")
_REPORTS_OF = ("棟", "箇所", "件")  # what 件 can be said of: not of people, money or areas
_DAYS = "月火水木金土日"


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whose notes they are: `source` begins the scopes, `muni_code` is the city (JIS X 0402)."""

    source: str
    issuer: str
    muni_code: str
    area_name: str
    incident: str


class _Entry(NamedTuple):
    """「住家被害：２，５００件（全壊：３２０棟、…）」: label, count, unit, what stands in the brackets, all of it."""

    label: str
    number: Count
    unit: str
    inner: str
    text: str


def parse(body: bytes, options: Options) -> Iterator[Bulletin | Issue]:
    """Up to four statements. Raises `ParseError`: ``not_hq_note``, ``no_time``, and those of `json_rows.load`."""
    text = _plain(_text(body))
    if _TITLE not in text:
        raise ParseError(
            f"no heading {_TITLE}", code="not_hq_note", remedy="give the page 「現在の状況等」 of the papers"
        )
    match = _AS_OF.search(text)
    as_of = moment(match[1]) if match else None
    if match is None or as_of is None:
        raise ParseError(
            "no 「…時点」 that can be read", code="no_time", remedy="see the page; its time is not guessed"
        )
    issues: list[Issue] = []
    if match[2] and _DAYS[as_of.weekday()] != match[2]:
        cause = f"{match[1]} was a {_DAYS[as_of.weekday()]}曜日, the page says {match[2]}"
        issues.append(Issue("weekday_differs", cause, "ask the city; the date is taken", "warning", "the heading"))
    sections = _sections(text)
    common: dict[str, Any] = {"incident": options.incident, "area_name": options.area_name}
    for kind, items in (
        ("evacuation_summary", _evacuation(sections, options, common, as_of, issues)),
        ("damage_count", _damage(sections, options, common, as_of, issues)),
        ("lifeline_outage", _lifelines(sections, options, common, as_of)),
        ("evacuation_order", _orders(sections, options, common)),
    ):
        if items:
            yield Bulletin(
                kind=kind,
                scope=f"{options.source}/{kind}/{options.incident}",
                issued_at=as_of,
                status="actual",
                items=table_of(items),
                issuer=options.issuer,
                complete=True,
                bulletin_type="hq_meeting_note",
            )
    if not any(sections.get(name) for name in ("避難所開設情報", "被害情報")):
        raise ParseError(
            "neither 避難所開設情報 nor 被害情報", code="not_hq_note", remedy="see whether the page is another"
        )
    yield from issues


def _text(body: bytes) -> str:
    if body.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
        kept = json_rows.load(body)
        if isinstance(kept, dict) and isinstance(kept.get("text"), str):
            return str(kept["text"])
        raise ParseError(
            "the JSON has no text of a page", code="not_hq_note", remedy="give the page as text or as JSON"
        )
    return csv_table.decode(body)


def _plain(text: str) -> str:
    """Without line breaks and blanks, digits and signs half-width: lines break within numbers."""
    plain = "".join(normalize("NFKC", text).split())
    return plain.replace("〜", "~").replace("，", ",").replace("−", "-")


def _sections(text: str) -> dict[str, str]:
    """「（３）避難所開設情報…」: the text of each numbered part by its heading, as far as a heading is known."""
    parts = _SECTION.split(text)
    found: dict[str, str] = {}
    for number, part in zip(parts[1::2], parts[2::2], strict=True):
        for heading in ("地震情報", "本市の体制・避難情報", "本市の体制", "避難情報", "避難所開設情報", "被害情報"):
            if part.startswith(heading):
                found[heading] = part.removeprefix(heading)
                break
        else:
            found[f"({number})"] = part
    return found


def _evacuation(
    sections: dict[str, str], options: Options, common: dict[str, Any], as_of: datetime, issues: list[Issue]
) -> list[Item]:
    text = sections.get("避難所開設情報")
    if text is None:
        return []
    shelters = _SHELTERS.search(text)
    numbers = {bool(largest): (value, at) for largest, value, at in _EVACUEES.findall(text)}
    for what, found in (("the number of shelters", shelters), ("the number of evacuees", numbers.get(False))):
        if found is None:
            issues.append(_uncertain(text[:60], f"避難所開設情報: {what} cannot be read without doubt"))
    present, largest = numbers.get(False), numbers.get(True)
    at = moment(present[1], year=as_of.year) if present else None
    return [
        Item(
            f"{options.source}/{options.incident}/{options.muni_code}",
            {
                **common,
                "area_level": "municipality",
                "as_of": (at or as_of).isoformat(),
                "shelters_open": count(shelters[1]) if shelters else None,
                "evacuees": count(present[0]) if present else None,
                "evacuees_max": count(largest[0]) if largest else None,
                "note": f"最大避難者数は{largest[1]}" if largest else None,
            },
            options.muni_code,
            position="避難所開設情報",
        )
    ]


def _damage(
    sections: dict[str, str], options: Options, common: dict[str, Any], as_of: datetime, issues: list[Issue]
) -> list[Item]:
    text = sections.get("被害情報")
    if text is None:
        return []
    counts: dict[str, Count] = {}
    for heading, words in (("人的被害", _HUMAN), ("物的被害", _THINGS)):
        for entry in _entries(_after(text, heading), issues):
            if entry.label.startswith("ライフライン"):
                continue  # in `_lifelines`
            _take(entry, words, counts, issues)
            for inner in _entries(entry.inner, issues) if entry.label == "住家被害" else ():
                _take(inner, words, counts, issues)
    if not counts:
        return []
    props = {**common, "area_level": "municipality", "as_of": as_of.isoformat(), "note": _received(text)}
    item_id = f"{options.source}/{options.incident}/{options.muni_code}"
    return [Item(item_id, {**props, **counts}, options.muni_code, position="被害情報")]


def _take(entry: _Entry, words: dict[str, str], counts: dict[str, Count], issues: list[Issue]) -> None:
    item = words.get(entry.label) or damage_item(entry.label)
    expected = {"名": "人"}.get(entry.unit, entry.unit)
    unit = "" if item is None else damage_items()[item].unit
    fits = expected in ("", unit) or (expected == "件" and unit in _REPORTS_OF)
    if item is None or not fits or item in counts:
        if not entry.label.startswith("その他"):
            issues.append(
                _uncertain(entry.text, f"{entry.label} in {entry.unit or 'no unit'} is no item that is counted")
            )
        return
    # 件 are reports, not buildings or places: the wording stays with the number.
    wording = entry.text if entry.unit == "件" and unit != "件" else entry.number["text"]
    counts[item] = {**entry.number, "text": wording}


def _lifelines(sections: dict[str, str], options: Options, common: dict[str, Any], as_of: datetime) -> list[Item]:
    text = sections.get("被害情報", "")
    found = [entry for entry in _entries(_after(text, "物的被害"), []) if entry.label.startswith("ライフライン")]
    return [
        Item(
            f"{options.source}/{options.incident}/{options.muni_code}/{_LIFELINES[inner.label]}",
            {
                **common,
                "utility": _LIFELINES[inner.label],
                "affected": {**inner.number, "text": inner.text},
                "unit": inner.unit or None,
                "as_of": as_of.isoformat(),
                "note": _received(text),
            },
            options.muni_code,
            position="被害情報",
        )
        for entry in found
        for inner in _entries(entry.inner, [])
        if inner.label in _LIFELINES
    ]


def _orders(sections: dict[str, str], options: Options, common: dict[str, Any]) -> list[Item]:
    text = "".join(sections.get(name, "") for name in ("本市の体制・避難情報", "避難情報"))
    items = []
    for at, order, district in _ORDER.findall(text):
        ordered_at = moment(at)
        items.append(
            Item(
                f"{options.source}/{options.incident}/{options.muni_code}/{district}",
                {
                    **common,
                    "order": _ORDERS[order],
                    "order_text": order,
                    # 警戒レベル belongs to floods and landslides; an earthquake's order has none.
                    "level": None,
                    "district_name": district,
                    "ordered_at": ordered_at.isoformat() if ordered_at else None,
                },
                options.muni_code,
                position="避難情報",
            )
        )
    return items


def _after(text: str, heading: str) -> str:
    """What stands after 【heading】 up to the next 【 or the page's foot."""
    _, mark, rest = text.partition(f"【{heading}】")
    return re.split(r"【|\d?現在の状況等", rest)[0] if mark else ""


def _received(text: str) -> str | None:
    """「（災害対策本部事務室受付分）」 after the heading."""
    match = re.match(r"\(([^()]+)\)", text)
    return match[1] if match else None


def _entries(text: str, issues: list[Issue]) -> Iterator[_Entry]:
    for part in _split(_ELSEWHERE.sub("", text)):
        match = _ENTRY.fullmatch(part)
        number = count(match[2]) if match else None
        if match is None or number is None:
            if part:
                issues.append(_uncertain(part, "no label, number and unit that stand together"))
            continue
        yield _Entry(match[1], number, match[3], match[4] or "", part)


def _split(text: str) -> list[str]:
    """At every 、 that is not within brackets, and before ライフライン, which may follow a bracket at once."""
    parts, depth = [""], 0
    for character in text:
        depth += (character == "(") - (character == ")")
        if character == "、" and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return [piece for part in parts for piece in re.split(r"(?<=\))(?=ライフライン)", part) if piece]


def _uncertain(text: str, cause: str) -> Issue:
    return Issue(
        "uncertain_sentence", f"{text[:80]!r}: {cause}", "see the page; nothing is taken from it", "warning", "prose"
    )
