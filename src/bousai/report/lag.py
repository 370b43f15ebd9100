"""How long information took: from the event to the first figure of each municipality, and from its time to us.

被害が大きいほど、市町村からの被害情報が滞る (全国知事会): the absence of a figure is a finding of its own and never
0.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import quantiles

from bousai.report.cited import Citations
from bousai.report.counts import value_of
from bousai.report.damage import HOUSES, VICTIMS
from bousai.report.document import Block, Cell, Column, Grid, Heading, Table, cell
from bousai.report.evidence import Evidence, municipality_name
from bousai.report.observed import Said, clock, lasted, said
from bousai.vocab.municipality import wards

_PEOPLE = (*VICTIMS, "injured", "casualties")
_HOUSES = (*HOUSES, "house_damaged")
_FIGURES: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("seismic_intensity", "震度", ("intensity",)),
    ("damage_count", "人的被害", _PEOPLE),
    ("damage_count", "住家被害", _HOUSES),
    ("evacuation_summary", "避難者数", ("evacuees",)),
    ("shelter_status", "避難所の開設", ("state",)),
    ("lifeline_outage", "ライフライン", ("affected",)),
)
_LATER = timedelta(days=1)
"""What was recorded so long after its issue was taken in afterwards: that says nothing about how fast it came."""


@dataclass(frozen=True, slots=True)
class First:
    """The first figure of a municipality: of what time, issued when."""

    row: Said
    issued_at: datetime


def first_figures(rows: Sequence[Said], names: Sequence[str]) -> dict[str, First]:
    """Municipality code → the first report that gives one of some properties as a number or a word; a blank or
    「調査中」 is no figure."""
    found: dict[str, First] = {}
    for row in sorted(rows, key=lambda row: (row.claim.stated.issued_at, row.at)):
        if row.muni is None or row.muni in found:
            continue
        if any(_told(row, name) for name in names):
            found[row.muni] = First(row, row.claim.stated.issued_at)
    return found


def _told(row: Said, name: str) -> bool:
    value = row.props.get(name)
    return value_of(value) is not None if isinstance(value, dict) else value not in (None, "")


def sections(evidence: Evidence, cited: Citations) -> list[Block]:
    """The part on delays."""
    blocks: list[Block] = [Heading("lag", 1, "情報の遅れ")]
    began = evidence.incident.begins_at
    if began is not None:
        blocks += _from_the_event(evidence, began, cited)
    return blocks + _to_us(evidence) + _completeness(evidence, cited)


def _from_the_event(evidence: Evidence, began: datetime, cited: Citations) -> list[Block]:
    events = evidence.incident.events
    figures = []
    for kind, title, names in _FIGURES:
        # of an outage that it is over is a figure, too: none
        rows = said(evidence.claims, kind, ends=kind == "lifeline_outage")
        figures.append((title, first_figures([row for row in rows if _of_event(row, events)], names)))
    munis = sorted({muni for _, found in figures for muni in found})
    body: list[list[Cell]] = []
    for muni in munis:
        cells = [cell(municipality_name(muni))]
        for _, found in figures:
            one = found.get(muni)
            cells.append(
                cell("－")
                if one is None
                else cell(lasted((one.issued_at - began).total_seconds()), *cited.of(one.row.claim))
            )
        body.append(cells)
    for share, name in ((0.5, "中央値"), (0.9, "90％")):
        body.append([cell(name), *(cell(_quantile(found, began, share)) for _, found in figures)])
    columns = (Column("市町村"), *(Column(title, "right") for title, _ in figures))
    note = (
        f"{clock(began)} から、その市町村の数を最初に載せた報の発表まで。"
        "－は期間中に数のある報がないもの（0 ではない）。"
        "報の間隔より細かくは分からない。市町村が報告した時刻そのものではない。"
        "中央値と90％は、市の数があるときその区を数えない。"
    )
    hours = tuple(
        tuple(
            None if muni not in found else max(0.0, (found[muni].issued_at - began).total_seconds() / 3600)
            for _, found in figures
        )
        for muni in munis
    )
    grid = Grid(
        "lag-first-grid",
        "発災から、市町村別の最初の数の発表まで（時間）",
        f"{len(munis)}市町村と{len(figures)}項目の表で、時間が長いほど濃い。－は記録なし。数値は表にある。",
        tuple(municipality_name(muni) for muni in munis),
        tuple(title for title, _ in figures),
        hours,
        "時間",
        "lag-first-table",
    )
    return [
        Heading("lag-first", 2, "発災から最初の数まで"),
        *([grid] if munis else []),
        Table("lag-first-table", "発災から、市町村別の最初の数の発表まで", columns, body, note=note),
    ]


def _of_event(row: Said, events: Sequence[str]) -> bool:
    """The intensity of an aftershock is no answer to how soon that of the earthquake was known."""
    return "event_id" not in row.props or not events or row.props["event_id"] in events


def _quantile(found: dict[str, First], began: datetime, share: float) -> str | None:
    values = sorted((found[muni].issued_at - began).total_seconds() for muni in _once(found))
    if not values:
        return None
    at = values[0] if len(values) == 1 else quantiles(values, n=10, method="inclusive")[round(share * 10) - 1]
    return f"{lasted(at)}（n={len(values)}）"


def _once(munis: Collection[str]) -> set[str]:
    """Municipalities without the wards of those that are among them themselves."""
    return set(munis) - {ward for city in munis for ward in wards().get(city, ())}


def _to_us(evidence: Evidence) -> list[Block]:
    """From the time of issue to our record, source by source."""
    found: dict[str, list[float]] = {}
    later: dict[str, int] = {}
    tellings = {one.stated.number: one.stated for one in evidence.claims}
    for told in tellings.values():
        seconds = (told.recorded_at - told.issued_at).total_seconds()
        if seconds > _LATER.total_seconds():
            later[told.feed] = later.get(told.feed, 0) + 1
        else:
            found.setdefault(told.feed, []).append(seconds)
    body: list[list[Cell]] = []
    for feed in sorted({*found, *later}):
        values = sorted(found.get(feed, []))
        spread = quantiles(values, n=10, method="inclusive") if len(values) > 1 else values * 9
        body.append(
            [
                cell(evidence.feed_title(feed)),
                cell(len(values)),
                cell(lasted(spread[4]) if values else None),
                cell(lasted(spread[8]) if values else None),
                cell(later.get(feed, 0)),
            ]
        )
    columns = (
        Column("出典", weight=1),
        Column("通知の数", "right"),
        Column("中央値", "right"),
        Column("90％", "right"),
        Column("後日取り込み", "right"),
    )
    note = (
        "出典が発表した時刻から、この装置が記録した時刻まで。"
        "発表の1日より後に記録したものは後日取り込みとし、時間に入れない。"
    )
    return [
        Heading("lag-us", 2, "発表から記録まで"),
        Table("lag-us-table", "発表から記録まで", columns, body, note=note),
    ]


def _completeness(evidence: Evidence, cited: Citations) -> list[Block]:
    """How many of the municipalities that were ever reported to have damage to people or houses had any number of it
    reported by the time of each report."""
    rows = [row for row in said(evidence.claims, "damage_count") if row.muni is not None]
    groups = (("人的被害", _PEOPLE), ("住家被害", _HOUSES))
    affected = [
        _once(
            {row.muni for row in rows if row.muni and any((value_of(row.props.get(one)) or 0) > 0 for one in names)}
        )
        for _, names in groups
    ]
    if not any(affected):
        return []
    body: list[list[Cell]] = []
    seen: list[set[str]] = [set() for _ in groups]
    for at in sorted({row.at for row in rows}):
        now = [row for row in rows if row.at == at]
        cells = [cell(clock(at), *cited.documents([row.claim for row in now]))]
        for (_, names), hit, told in zip(groups, affected, seen, strict=True):
            told |= {
                row.muni
                for row in now
                if row.muni in hit and any(value_of(row.props.get(one)) is not None for one in names)
            }
            cells.append(cell(f"{len(told)}／{len(hit)}" if hit else None))
            cells.append(cell(f"{len(told) / len(hit):.0%}" if hit else None))
        body.append(cells)
    columns = (
        Column("現在時刻"),
        *(Column(title, "right") for name, _ in groups for title in (f"{name}の数のある市町村", "割合")),
    )
    note = (
        "分母は、期間中にその被害が1以上と報告された市町村（政令市の区は市に含める）。"
        "一つでも数のある区分があれば数える。報告がないことは被害がないことではない。"
    )
    return [
        Heading("completeness", 2, "報告の揃い方"),
        Table("completeness-table", "被害の数が報告された市町村", columns, body, note=note),
    ]
