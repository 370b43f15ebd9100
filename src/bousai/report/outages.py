"""Lifelines and roads: how many were cut off and for how long, what was closed from when to when.

停電・断水の戸数 × 時間 (area under the curve, trapezoids between reports) and the times until 50, 90 and 99 % of the
largest number were restored. Nothing is assumed before the first report or after the last.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from bousai.report.cited import Citations
from bousai.report.counts import shown, value_of
from bousai.report.curves import curves
from bousai.report.document import Block, Cell, Column, Heading, Paragraph, Run, Series, Table, cell
from bousai.report.evidence import Evidence
from bousai.report.observed import NOWHERE, Said, by_source, clock, full_clock, holds_from, lasted, said
from bousai.vocab.map_scale import scales

_SHARES = (0.5, 0.9, 0.99)


@dataclass(frozen=True, slots=True)
class Outage:
    """The course of one outage as one source reports it. `house_hours` is the area under the curve between the first
    and the last report; `restored` from when on 50, 90 and 99 % of the largest number were back to stay, None where
    not by then."""

    largest: Said
    first: Said
    last: Said
    house_hours: float
    restored: tuple[datetime | None, ...]


def outage(rows: Sequence[Said]) -> Outage | None:
    """Rows of one place and utility in the order of time; None where no row has a number."""
    points = [(row, value) for row in rows if (value := _affected(row)) is not None]
    if not points:
        return None
    area = 0.0
    for (before, was), (after, now) in pairwise(points):
        area += (was + now) / 2 * (after.at - before.at).total_seconds() / 3600
    top, most = max(points, key=lambda point: point[1])
    restored = tuple(
        holds_from((row.at, value <= most * (1 - share)) for row, value in points) if most else None
        for share in _SHARES
    )
    return Outage(top, points[0][0], points[-1][0], area, restored)


def _affected(row: Said) -> int | None:
    """How many were cut off; none where the source says that it is over and gives no number."""
    value = value_of(row.props.get("affected"))
    return 0 if value is None and row.over else value


def sections(evidence: Evidence, cited: Citations) -> list[Block]:
    """The part on lifelines and roads."""
    blocks: list[Block] = [Heading("lifelines", 1, "ライフラインと道路")]
    rows = said(evidence.claims, "lifeline_outage", ends=True)
    if not rows:
        words = "この期間・地域のライフラインの支障は記録にない。支障がなかったという意味ではない。"
        blocks.append(Paragraph(cell(words), "warning"))
    for feed, some in by_source(rows).items():
        for utility in dict.fromkeys(str(row.props.get("utility")) for row in some):
            mine = [row for row in some if str(row.props.get("utility")) == utility]
            blocks += _utility(evidence, feed, utility, mine, cited)
    return blocks + _roads(evidence, cited)


def _utility(evidence: Evidence, feed: str, utility: str, rows: Sequence[Said], cited: Citations) -> list[Block]:
    title = evidence.feed_title(feed)
    name = {step.value: step.ja for step in scales()["utility"]}.get(utility, utility)
    key = f"outage-{feed}-{utility}"
    unit = str(rows[0].props.get("unit") or "戸")
    body: list[list[Cell]] = []
    series = []
    silent: list[Run] = []
    spared: list[Run] = []
    by_item: dict[str, list[Said]] = {}
    for row in rows:
        by_item.setdefault(row.claim.item_id, []).append(row)
    for mine in sorted(by_item.values(), key=lambda some: (some[0].muni is None, some[0].muni or "", some[0].place)):
        place = mine[0].place or NOWHERE
        found = outage(mine)
        if found is None:
            told = shown(mine[-1].props.get("affected"))
            silent.append(Run(f"{place}（{told}）" if told else place, cited.of(mine[-1].claim)))
            continue
        if not _affected(found.largest):
            spared.append(Run(place, cited.documents([row.claim for row in mine])))
            continue
        body.append(
            [
                cell(place),
                cell(shown(found.largest.props.get("affected")), *cited.of(found.largest.claim)),
                cell(clock(found.largest.at)),
                cell(shown(found.last.props.get("affected")) or "復旧", *cited.of(found.last.claim)),
                cell(clock(found.last.at)),
                cell(f"{found.house_hours:,.0f}" if found.first is not found.last else None),
                *(cell(None if at is None else clock(at)) for at in found.restored),
            ]
        )
        if len({row.at for row in mine}) > 1:
            times = tuple(row.at for row in mine)
            values = tuple(_float(row) for row in mine)
            series.append(Series(place, times, values))
    blocks: list[Block] = [Heading(key, 2, f"{title}：{name}")]
    if series:
        top = max(series, key=lambda one: max(value or 0 for value in one.values))
        alt = f"{name}の数の推移、{len(series)}地域。最大は{top.label}。数値は表にある。"
        blocks += curves(f"{key}-chart", f"{title}：{name}の推移", alt, unit, series, f"{key}-table")
    columns = (
        Column("地域"),
        Column(f"最大の数（{unit}）", "right"),
        Column("その時刻"),
        Column(f"最後の報の数（{unit}）", "right"),
        Column("その時刻"),
        Column(f"{unit}×時間", "right"),
        Column("50％復旧"),
        Column("90％復旧"),
        Column("99％復旧"),
    )
    note = (
        "最初の報より前と最後の報より後は数えない。"
        "復旧の時刻は、以後の報でも最大の数の50・10・1％以下であり続けた最初の報の現在時刻であり、"
        "実際はそれより早いことがある。報が途絶えた地域は、最後の報の数のまま示す。"
    )
    blocks.append(Table(f"{key}-table", f"{title}：{name}", columns, body, note=note))
    for some, what in ((spared, "0とだけ報告された"), (silent, "数の記載のない")):
        named = [one for run in some for one in (Run("、"), run)][1:]
        if named:
            blocks.append(Paragraph((Run(f"{what}{len(some)}地域: "), *named), "note"))
    return blocks


def _float(row: Said) -> float | None:
    value = _affected(row)
    return None if value is None else float(value)


def _roads(evidence: Evidence, cited: Citations) -> list[Block]:
    rows = said(evidence.lasting(), "road_restriction")
    blocks: list[Block] = [Heading("roads", 2, "道路の通行規制")]
    if not rows:
        words = "この期間・地域の通行規制は記録にない。規制がなかったという意味ではない。"
        return [*blocks, Paragraph(cell(words), "warning")]
    restriction = {step.value: step.ja for step in scales()["road"]}
    body: list[list[Cell]] = []
    last: dict[tuple[str, str], Said] = {}
    first: dict[tuple[str, str], Said] = {}
    for row in rows:
        key = (row.feed, row.claim.item_id)
        first.setdefault(key, row)
        last[key] = row
    seconds = []
    for key, row in sorted(last.items(), key=lambda pair: (_began(first[pair[0]]), pair[0])):
        began, ended = _began(first[key]), _time(row, "ended_at") or row.claim.until
        over = ended is not None and ended <= evidence.incident.until
        if over and ended is not None:
            seconds.append((ended - began).total_seconds())
        ends = "～".join(str(row.props[name]) for name in ("start_point", "end_point") if row.props.get(name))
        body.append(
            [
                cell(" ".join(one for one in (str(row.props.get("road_name") or ""), ends) if one)),
                cell(row.place or None),
                cell(
                    str(row.props.get("restriction_text") or restriction.get(str(row.props.get("restriction")), "")),
                    *cited.of(row.claim),
                ),
                cell(str(row.props.get("cause") or "") or None),
                cell(full_clock(began)),
                cell(full_clock(ended) if over and ended is not None else "記録なし"),
                cell(lasted((ended - began).total_seconds()) if over and ended is not None else None),
            ]
        )
    columns = (
        Column("路線・区間", weight=3),
        Column("地域", weight=2),
        Column("規制"),
        Column("理由", weight=4),
        Column("開始"),
        Column("終了"),
        Column("期間", "right"),
    )
    note = (
        f"{len(body)}件、うち終了の記録があるもの{len(seconds)}件。開始の記載がないものは、そう述べた最初の報の時刻。"
    )
    return [*blocks, Table("roads-table", "通行規制の履歴", columns, body, note=note)]


def _time(row: Said, name: str) -> datetime | None:
    told = row.props.get(name)
    if isinstance(told, str):
        at = datetime.fromisoformat(told)
        return at if at.tzinfo is not None else None
    return None


def _began(row: Said) -> datetime:
    return _time(row, "started_at") or row.at
