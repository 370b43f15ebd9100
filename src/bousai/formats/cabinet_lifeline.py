"""Two tables of ライフラインの状況 in the reports of the Cabinet Office: 断水 by water utility, 停電 by area.

断水: 【福岡県】 in a line of its own, then rows of name, 最大, 現在, 期間, 被害等の状況, in some reports each below a
line that says how its name is read; 合計, its 約 and its numbers stand on one line or on three.

停電: cells that are centred over many lines, so that only what names a place is certain: 「熊本県 約 35,330 戸」 and
below it 「・八代市 約 15,070 戸」; of the numbers without a name, what stands left of 内訳 is the present one of the
utility, what stands right of it the largest.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from unicodedata import normalize

from bousai.errors import ParseError
from bousai.formats import layout_table
from bousai.formats.cabinet_report import compact, joined, plain, read_number, unknown_table
from bousai.formats.layout_table import Line
from bousai.vocab import municipality
from bousai.vocab.count import Count, without

# ── 断水 ───────────────────────────────────────────────────────────────────────────────────────────────────────

_PERIOD = re.compile(r"(?P<period>\d{1,2}/\d{1,2}(?:\s*[~〜]\s*(?:\d{1,2}/)?(?:\d{1,2})?)?)")
_AMOUNT = r"(?:約\s*)?\d[\d,]*※?|不明|調査中|確認中|[-―ー−－]"
_WATER = re.compile(
    rf"\s*(?P<name>[^\s【○・※\d]\S*(?:\s*\([^)]*\))?)\s+(?P<most>{_AMOUNT})\s+(?P<now>{_AMOUNT})"
    rf"(?:\s+{_PERIOD.pattern})?(?:\s+(?P<state>[^\s\d].*))?\s*"
)
_READING = re.compile(r"\s*[ぁ-ゖーゝゞ\s]+?(?:\s+(?P<period>\d{1,2}/\d{1,2}\s*[~〜]?))?\s*")
_STATES = re.compile(
    r"\s*(?:(?P<pref>\S+?[都道府県])\s+)?(?P<name>\S+?[市町村区])\s+(?P<state>(?:断水|漏水|濁水|飲用制限)\S*)\s*"
)


@dataclass(slots=True)
class Water:
    """A row of the table of 断水, or a line of the list above it: `pref` is a code, None for 合計; `listed` is what
    the list says of a row."""

    pref: str | None
    name: str
    line: Line
    most: Count
    now: Count
    period: str | None = None
    state: str | None = None
    listed: str | None = None


@dataclass(frozen=True, slots=True)
class WaterTable:
    """The rows, 合計, and what only the list above the table names."""

    rows: list[Water]
    total: Water
    listed: list[Water]


def water(lines: Sequence[Line]) -> WaterTable | None:
    """The table in the lines of the section, None where there is none. Raises `ParseError`: ``unknown_table``,
    ``no_total``."""
    start = next(
        (i for i, line in enumerate(lines) if "断水戸数" in compact(line.text) and _is_water(lines, i)), None
    )
    if start is None:
        other = next((line for line in lines if "断水戸数(戸)" in compact(line.text)), None)
        if other is not None:
            raise unknown_table("a table of 断水 with another heading", [other], other)
        return None
    rows, total = _water_rows(lines[start:])
    return WaterTable(rows, total, _listed_states(lines[:start], rows))


def _is_water(lines: Sequence[Line], start: int) -> bool:
    """Whether the heading that begins here is 最大, 現在, 期間, in this order."""
    heading = "".join(compact(line.text) for line in lines[start : start + 4])
    return re.search(r"最大.*現在.*期間", heading) is not None


def _water_rows(lines: Sequence[Line]) -> tuple[list[Water], Water]:
    heading: list[Line] = []
    rows: list[Water] = []
    pref: str | None = None
    period: str | None = None
    tail: list[Line] = []
    for line in lines:
        text = normalize("NFKC", line.text).replace("〜", "~")
        written = compact(text)
        if not written:
            continue
        if not rows and pref is None and (match := re.match(r"【(.+?[都道府県])】", written)) is None:
            heading.append(line)
            if len(heading) > 6:
                raise unknown_table("no 【prefecture】 below the heading", heading, line)
            continue
        if match := re.fullmatch(r"【(.+?[都道府県])】", written):
            pref = municipality.prefecture(match[1])
            if pref is None:
                raise unknown_table(f"no prefecture is called {match[1]!r}", heading, line)
        elif tail or re.match(r"約約$|約?合計", written):
            tail.append(line)
            if (found := _water_total(tail)) is not None:
                return rows, Water(None, "合計", line, *found)
        elif match := _WATER.fullmatch(text):
            rows.append(_water_row(pref, match, line, period))
            period = None
        elif match := _READING.fullmatch(text):
            period = match["period"]
        elif rows and (match := re.fullmatch(r"\s+(\d{1,2})\s*", text)) and (rows[-1].period or "").endswith("~"):
            rows[-1].period = f"{rows[-1].period}{match[1]}"
        elif rows and re.fullmatch(r"\s{12,}[^\d\s][^\d]*", text) and "不明" not in text:
            rows[-1].state = (rows[-1].state or "") + written
        else:
            raise unknown_table(f"a line that is no row: {plain(line.text)[:80]!r}", heading, line)
    raise ParseError(
        f"a table of 断水 without 合計 below {layout_table.shown(heading)}",
        code="no_total",
        remedy="see whether the document is cut off; nothing of it is taken",
        position=lines[0].position,
    )


def _water_total(tail: Sequence[Line]) -> tuple[Count, Count] | None:
    """最大 and 現在 of 合計, None until they are complete: 約, 合計 and the numbers may stand on three lines."""
    words = [word.text for line in tail for word in joined(layout_table.words(normalize("NFKC", line.text)))]
    label = "".join(word for word in words if word in ("合計", "合", "計"))
    numbers = [word for word in words if re.fullmatch(rf"(?:{_AMOUNT})", word)]
    abouts = [word for word in words if re.fullmatch(r"(?:約)+", word)]
    if label != "合計" or len(numbers) != 2:
        if len(tail) > 4:
            raise unknown_table(f"a 合計 that has {len(numbers)} numbers", tail, tail[0])
        return None
    if "".join(abouts) not in ("", "約約"):
        raise unknown_table("a 合計 with one 約 apart from its numbers", tail, tail[0])
    most, now = (_amount("約" + written if abouts else written, tail[-1]) for written in numbers)
    return most, now


def _amount(text: str, line: Line) -> Count:
    """A number of houses; ※ behind it sends to a remark and stays as the wording."""
    written = "".join(text.split())
    cell = read_number(written.removesuffix("※"), line)
    return {**cell, "text": written} if written.endswith("※") else cell


def _water_row(pref: str | None, match: re.Match[str], line: Line, above: str | None) -> Water:
    state = match["state"]
    return Water(
        pref,
        match["name"],
        line,
        _amount(match["most"], line),
        _amount(match["now"], line),
        "".join((match["period"] or above or "").split()) or None,
        state.strip().removeprefix("・") if state else None,
    )


def _listed_states(lines: Sequence[Line], rows: Sequence[Water]) -> list[Water]:
    """「水俣市 濁水あり」 of the list above the table: added to its row, or an item of its own without a number."""
    by_name = {(row.pref, row.name): row for row in rows}
    pref: str | None = None
    found = []
    for line in lines:
        match = _STATES.fullmatch(normalize("NFKC", line.text))
        if match is None:
            continue
        pref = municipality.prefecture(match["pref"]) if match["pref"] else pref
        row = by_name.get((pref, match["name"]))
        if row is not None:
            row.listed = match["state"]
        elif pref is not None:
            alone = Water(pref, match["name"], line, without("blank"), without("blank"), state=match["state"])
            found.append(alone)
            by_name[(pref, match["name"])] = alone
    return found


# ── 停電 ───────────────────────────────────────────────────────────────────────────────────────────────────────

_HOUSES_OUT = r"(?:約\s*)?\d[\d,]*\s*戸"
_NAMED_OUT = re.compile(
    rf"(?P<mark>・\s*)?(?P<name>[^\s・約\d()]{{2,}}?(?:[都道府県]|市\s*[^\s\d約]{{1,4}}区|[市町村区]))\s+(?P<amount>{_HOUSES_OUT})"
)
_ALONE_OUT = re.compile(_HOUSES_OUT)
_UTILITY = re.compile(r"(?P<name>\S{2,}電力(?:パワーグリッド|ネットワーク|送配電)?)(?=\s|$|管内)")
_RESTORED = re.compile(r"停電が発生したが[^。]*?(?:復旧済|解消)|停電は?(?:すべて|全て|全戸)(?:復旧|解消)")
_STILL_OUT = re.compile(r"停電が(?:発生して|継続)|停電中|停電は継続")


@dataclass(frozen=True, slots=True)
class Power:
    """A place without power: a prefecture where `muni` is None, else a municipality of it."""

    pref: str
    muni: str | None
    name: str
    line: Line
    now: Count


@dataclass(slots=True)
class PowerTable:
    """The places, the names of the utilities, numbers without a name left and right of 内訳, and lines with a number
    that was not understood."""

    heading: Line
    places: list[Power] = field(default_factory=list)
    utilities: list[tuple[str, Line]] = field(default_factory=list)
    now: list[Count] = field(default_factory=list)
    most: list[Count] = field(default_factory=list)
    odd: list[Line] = field(default_factory=list)


def power(lines: Sequence[Line]) -> PowerTable | None:
    """The table in the lines of the section, None where there is none. Raises `ParseError` ``unknown_table``."""
    start = next((i for i, line in enumerate(lines) if "最大停電戸数" in compact(line.text)), None)
    if start is None:
        other = next((line for line in lines if re.search("停電戸数$|停電戸数[^の]*内訳", compact(line.text))), None)
        if other is not None:
            raise unknown_table("a table of 停電 with another heading", [other], other)
        return None
    heading = lines[start]
    if "地域" not in heading.text or "内訳" not in heading.text:
        raise unknown_table("a table of 停電 with another heading", lines[max(start - 1, 0) : start + 2], heading)
    inner = heading.text.index("内訳")
    found = PowerTable(heading)
    pref: str | None = None
    for line in lines[start + 1 :]:
        if re.match(r"\s*[イウエ][ 　]|.*。", line.text):
            break
        found.utilities += [(match["name"], line) for match in _UTILITY.finditer(line.text)]
        for match in _NAMED_OUT.finditer(line.text):
            name, now = compact(match["name"]), _houses(match["amount"], line)
            here = municipality.prefecture(name) if match["mark"] is None else pref
            if here is None:
                raise unknown_table(f"{name!r} is no prefecture, and stands under none", [heading], line)
            pref = here
            one = Power(here, None if match["mark"] is None else name, name, line, now)
            if any((one.pref, one.muni) == (other.pref, other.muni) for other in found.places):
                raise unknown_table(f"{name!r} stands twice", [heading], line)
            found.places.append(one)
        rest = _NAMED_OUT.sub(lambda match: " " * len(match[0]), line.text)
        for match in _ALONE_OUT.finditer(rest):
            (found.now if match.start() < inner else found.most).append(_houses(match[0], line))
        left = re.sub(
            r"[(（][^)）]*[)）]?|^[^(（]*[)）]|管内|時点?|点|・|\s", "", _ALONE_OUT.sub("", _UTILITY.sub("", rest))
        )
        if re.search(r"\d", left):
            found.odd.append(line)
    if not found.places and not found.now:
        raise unknown_table("a table of 停電 without a number", lines[start : start + 4], heading)
    return found


def all_restored(lines: Sequence[Line]) -> bool:
    """Whether the words say that the outage is over: 「…の停電が発生したが、31 日（金）16 時 44 分に復旧済み。」"""
    words = "".join(compact(line.text) for line in lines)
    return _RESTORED.search(words) is not None and _STILL_OUT.search(words) is None


def _houses(text: str, line: Line) -> Count:
    cell = read_number(text, line)
    return {**cell, "text": None} if cell["qualifier"] == "exact" else {**cell, "text": plain(text)}
