"""Evacuees and shelters: curves and peaks by municipality, occupancy, openings after orders.

Counts are of one source at a time. A count is carried forward for three hours; what is older is not added to any
total (a list that nobody brings up to date would hold a peak for ever). 避難者数 of EEI holds 自主避難者: never added
again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

from bousai.model import Claim
from bousai.report.cited import Citations
from bousai.report.counts import shown, value_of
from bousai.report.curves import curves
from bousai.report.document import Block, Cell, Column, Heading, Paragraph, Series, Table, cell
from bousai.report.evidence import Evidence, municipality_name
from bousai.report.observed import Said, by_source, clock, full_clock, lasted, said
from bousai.report.orders import orders, told_middle
from bousai.vocab.japanese_time import JST

STALE = timedelta(hours=3)
_MOST_TIMES = 75
"""Rows of a table of times: three days by the hour."""
_CURVES = 12
"""So many municipalities have their course told, the largest first."""
_ABREAST = 6
_FRESH = timedelta(hours=1)
"""A sum all of whose counts are older is drawn as carried forward."""
_BRIDGED = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Peak:
    """The largest total of evacuees: `carried` of its counts are not of that very moment."""

    at: datetime
    total: int
    carried: int
    rows: tuple[Said, ...]


def peak(rows: Sequence[Said], name: str = "evacuees") -> Peak | None:
    """The largest sum of the latest counts of each place or shelter, none older than three hours."""
    times = sorted({row.at for row in rows if value_of(row.props.get(name)) is not None})
    best: Peak | None = None
    for at, total, latest in _totals(rows, times, name):
        if best is None or total > best.total:
            best = Peak(at, total, sum(row.at != at for row in latest.values()), tuple(latest.values()))
    return best


def _totals(
    rows: Sequence[Said], times: Sequence[datetime], name: str
) -> Iterator[tuple[datetime, int, Mapping[str, Said]]]:
    """At each of some times in order the sum of the latest counts, none older than three hours, and by item the rows
    that it is of. The mapping changes with the next time."""
    telling = (row for row in rows if _closed(row) or value_of(row.props.get(name)) is not None)
    counted = deque(sorted(telling, key=lambda one: one.at))
    latest: dict[str, Said] = {}
    waiting: deque[Said] = deque()
    total = 0
    for at in times:
        while counted and counted[0].at <= at:
            row = counted.popleft()
            before = latest.pop(row.claim.item_id, None)
            total -= 0 if before is None else value_of(before.props[name]) or 0
            if _closed(row):
                continue
            total += value_of(row.props.get(name)) or 0
            latest[row.claim.item_id] = row
            waiting.append(row)
        while waiting and waiting[0].at < at - STALE:
            old = waiting.popleft()
            if latest.get(old.claim.item_id) is old:
                del latest[old.claim.item_id]
                total -= value_of(old.props[name]) or 0
        yield at, total, latest


def _closed(row: Said) -> bool:
    """Nobody is in it any more, whatever was counted before."""
    return row.over or row.props.get("state") == "closed"


def sampled(rows: Sequence[Said], name: str = "evacuees") -> list[datetime]:
    """The times at which the course of counts is told: those of the counts; where these are many, the full hours,
    or every so many of them, from the first count to the last."""
    times = sorted({row.at for row in rows if value_of(row.props.get(name)) is not None})
    if len(times) <= _MOST_TIMES:
        return times
    first = times[0].astimezone(JST).replace(minute=0, second=0, microsecond=0)
    span = (times[-1] - first) / timedelta(hours=1)
    every = next(hours for hours in (1, 2, 3, 6, 12, 24, ceil(span)) if span / hours < _MOST_TIMES)
    return [first + timedelta(hours=n) for n in range(every, ceil(span) + every, every)]


def sections(evidence: Evidence, cited: Citations) -> list[Block]:
    """The part on evacuees and shelters."""
    blocks: list[Block] = [Heading("shelters", 1, "避難者と避難所")]
    summed = said(evidence.claims, "evacuation_summary")
    single = said(evidence.lasting(), "shelter_status", ends=True)
    if not summed and not single:
        words = "この期間・地域の避難者・避難所の記録はない。避難がなかったという意味ではない。"
        return [*blocks, Paragraph(cell(words), "warning")]
    for feed, rows in by_source(summed).items():
        blocks += _summaries(evidence, feed, rows, cited)
    for feed, rows in by_source(single).items():
        blocks += _shelters(evidence, feed, rows, cited)
    blocks += _openings(evidence, single, cited)
    return blocks


def _summaries(evidence: Evidence, feed: str, rows: Sequence[Said], cited: Citations) -> list[Block]:
    counted = [row for row in rows if shown(row.props.get("evacuees")) or shown(row.props.get("shelters_open"))]
    if not counted:
        return []
    title = evidence.feed_title(feed)
    key = f"evacuees-{feed}"
    times = sorted({row.at for row in counted})
    places = sorted({(row.level != "municipality", row.muni or "", row.place) for row in counted})
    body: list[list[Cell]] = []
    series = []
    for _, muni, place in places:
        mine = {row.at: row for row in counted if row.place == place and (row.muni or "") == muni}
        cells: list[Cell] = [cell(place)]
        for at in times:
            row = mine.get(at)
            text = "" if row is None else shown(row.props.get("evacuees"))
            cells.append(cell(text or None, *(cited.of(row.claim) if row and text else ())))
        body.append(cells)
        values = tuple(None if at not in mine else _float(mine[at]) for at in times)
        if muni and any(value for value in values if value is not None):
            series.append(Series(place, tuple(times), values))
    blocks: list[Block] = [Heading(key, 2, f"{title}：避難者数の推移")]
    if series:
        first = max(series, key=lambda one: max(value or 0 for value in one.values))
        alt = f"{len(series)}市町村の避難者数の推移。最大は{first.label}。数値は表にある。"
        blocks += curves(f"{key}-chart", f"{title}：市町村別の避難者数", alt, "人", series, f"{key}-table")
    columns = (Column("地域"), *(Column(clock(at), "right") for at in times))
    blocks.append(Table(f"{key}-table", f"{title}：避難者数（現在時刻別）", columns, body))
    top = peak([row for row in counted if row.level == "municipality"])
    if top is not None:
        blocks.append(
            Paragraph(
                (
                    *cell(
                        f"市町村の報告の合計の最大: {top.total:,}人（{clock(top.at)}",
                        *cited.each(_claims(top.rows))[:3],
                    ),
                    *cell(f"、{len(top.rows)}市町村、うち3時間以内の前の報を用いたもの{top.carried}）。"),
                )
            )
        )
    return blocks


def _float(row: Said) -> float | None:
    value = value_of(row.props.get("evacuees"))
    return None if value is None else float(value)


def _claims(rows: Sequence[Said]) -> list[Claim]:
    return [row.claim for row in rows]


def _shelters(evidence: Evidence, feed: str, rows: Sequence[Said], cited: Citations) -> list[Block]:
    """A source that tells of single shelters: how many were open, peak and occupancy by municipality."""
    title = evidence.feed_title(feed)
    key = f"shelters-{feed}"
    body: list[list[Cell]] = []
    peaks: dict[str, int] = {}
    for muni in sorted({row.muni or "" for row in rows}):
        mine = [row for row in rows if (row.muni or "") == muni]
        opened = {row.claim.item_id for row in mine if row.props.get("state") == "open"}
        top = peak([row for row in mine if row.at >= evidence.incident.since])
        if top is not None and top.total > 0:
            peaks[muni] = top.total
        full = _fullest([row for row in mine if not _small(row, evidence.small_below)])
        numbers = () if top is None else cited.each(_claims(top.rows))
        body.append(
            [
                cell(municipality_name(muni) if muni else "（市町村の記載なし）"),
                cell(len({row.claim.item_id for row in mine})),
                cell(len(opened), *cited.documents([row.claim for row in mine])),
                cell(None if top is None else f"{top.total:,}", *numbers),
                cell(None if top is None else clock(top.at)),
                cell(None if top is None else f"{len(top.rows)}か所（前の報 {top.carried}）"),
                cell(_no_share(mine)) if full is None else cell(full[0], *cited.of(full[1].claim)),
            ]
        )
    columns = (
        Column("市町村"),
        Column("記載のある施設", "right"),
        Column("開設とされた施設", "right"),
        Column("避難者数の最大", "right"),
        Column("その時刻"),
        Column("数のある避難所"),
        Column("最も混み合った避難所（避難者／定員）", weight=1),
    )
    note = (
        "避難者数の最大は、各避難所の最新の数（3時間以内のもの）の合計が最大となった時。"
        "数の記載のない避難所は 0 ではなく、合計に入っていない。100%を超えることがある。"
        "定員の記載がないか 0 のものは割合を出さない。"
    )
    return [
        Heading(key, 2, title),
        Table(f"{key}-table", f"{title}：開設と避難者", columns, body, note=note),
        *_courses(evidence, key, title, [row for row in rows if row.at >= evidence.incident.since], peaks, cited),
    ]


def _courses(
    evidence: Evidence, key: str, title: str, rows: Sequence[Said], peaks: Mapping[str, int], cited: Citations
) -> list[Block]:
    """How many people were in the shelters of each municipality, and how much of their capacity that was: a curve and
    the same numbers in tables of a few municipalities each."""
    chosen = sorted(sorted(peaks), key=lambda muni: -peaks[muni])[:_CURVES]
    times = sampled([row for row in rows if (row.muni or "") in chosen])
    if len(times) < 2:
        return []
    names = {muni: municipality_name(muni) if muni else "（市町村の記載なし）" for muni in chosen}
    cells: dict[str, list[Cell]] = {}
    series = []
    for muni in chosen:
        mine = [row for row in rows if (row.muni or "") == muni]
        values: list[float | None] = []
        old: list[bool] = []
        cells[muni] = []
        for at, total, latest in _totals(mine, times, "evacuees"):
            if not latest:
                values.append(None)
                old.append(False)
                cells[muni].append(cell(None))
                continue
            counted = tuple(latest.values())
            values.append(float(total))
            old.append(all(row.at < at - _FRESH for row in counted))
            share = _share(counted)
            text = f"{total:,}" + ("" if share is None else f"（{share:.0%}）")
            cells[muni].append(cell(text, *cited.documents(_claims(counted))))
        series.append(_joined(names[muni], times, values, old))
    left = len(peaks) - len(chosen)
    more = f"最大の人数の多い{len(chosen)}市町村。ほか{left}市町村は上の表に最大を示す。" if left else ""
    note = (
        f"{more}各避難所の最新の数（3時間以内のもの）の合計。（）は定員の記載のある避難所の避難者／定員。"
        "空欄は3時間以内の数がないもの。"
    )
    began = evidence.incident.begins_at
    marks = ((began, "発災"),) if began is not None and began <= times[-1] else ()
    alt = f"{len(series)}市町村の避難所にいる人の数の推移。最大は{names[chosen[0]]}の{peaks[chosen[0]]:,}人。"
    tables = []
    for n in range(0, len(chosen), _ABREAST):
        part = chosen[n : n + _ABREAST]
        body: list[list[Cell]] = [
            [cell(full_clock(at)), *(cells[muni][k] for muni in part)] for k, at in enumerate(times)
        ]
        columns = (Column("時刻"), *(Column(names[muni], "right") for muni in part))
        caption = f"{title}：避難所の避難者数の推移" + (f"（{n // _ABREAST + 1}）" if len(chosen) > _ABREAST else "")
        tables.append(Table(f"{key}-course-{n // _ABREAST + 1}", caption, columns, body, note=note))
    drawn = curves(
        f"{key}-chart",
        f"{title}：避難所の避難者数の推移",
        f"{alt}数値は表にある。",
        "人",
        series,
        tables[0].id,
        marks,
    )
    return [*drawn, *tables]


def _joined(label: str, times: Sequence[datetime], values: Sequence[float | None], old: Sequence[bool]) -> Series:
    """A line through the counts of a place that is counted now and then, broken where a day went by without one."""
    kept: list[int] = []
    for n, value in enumerate(values):
        last = kept[-1] if kept else None
        lost = value is None and last is not None and values[last] is not None and times[n] - times[last] > _BRIDGED
        if value is not None or lost:
            kept.append(n)
    return Series(label, tuple(times[n] for n in kept), tuple(values[n] for n in kept), tuple(old[n] for n in kept))


def _share(rows: Sequence[Said]) -> float | None:
    """Evacuees of a capacity, over the shelters that state one; None where none does."""
    pairs = [(value_of(row.props.get("evacuees")) or 0, value_of(row.props.get("capacity"))) for row in rows]
    room = sum(capacity for _, capacity in pairs if capacity)
    return sum(taken for taken, capacity in pairs if capacity) / room if room else None


def _small(row: Said, below: int) -> bool:
    """So few people that the figure may point at single households."""
    return 0 < (value_of(row.props.get("evacuees")) or 0) < below


def _no_share(rows: Sequence[Said]) -> str:
    """Why there is no share of a capacity."""
    if not any(value_of(row.props.get("capacity")) for row in rows):
        return "該当なし（定員の記載なし）"
    if not any(value_of(row.props.get("evacuees")) is not None for row in rows):
        return "該当なし（避難者数の記載なし）"
    return "該当なし（両方の記載のある避難所なし）"


def _fullest(rows: Sequence[Said]) -> tuple[str, Said] | None:
    """The shelter with the largest share of its capacity taken, and when."""
    best: tuple[float, Said] | None = None
    for row in rows:
        people, room = value_of(row.props.get("evacuees")), value_of(row.props.get("capacity"))
        if people is not None and room and (best is None or people / room > best[0]):
            best = (people / room, row)
    if best is None:
        return None
    share, row = best
    taken, of = shown(row.props.get("evacuees")), shown(row.props.get("capacity"))
    return f"{row.props.get('name') or row.claim.item_id} {taken}／{of}人（{share:.0%}、{clock(row.at)}）", row


def _openings(evidence: Evidence, rows: Sequence[Said], cited: Citations) -> list[Block]:
    """From the first order of a municipality to its first open shelter."""
    given = orders(evidence.lasting())
    body: list[list[Cell]] = []
    values = []
    munis = sorted({one.muni for one in given})
    for muni in munis:
        order = min((one for one in given if one.muni == muni), key=lambda one: one.since)
        opened = [(_opened(row), row) for row in rows if row.muni == muni and row.props.get("state") == "open"]
        first = min(opened, key=lambda one: one[0], default=None)
        seconds = None if first is None else (first[0] - order.since).total_seconds()
        if seconds is not None:
            values.append(seconds)
        body.append(
            [
                cell(municipality_name(muni)),
                cell(f"{order.what} {clock(order.since)}", *cited.of(order.claim)),
                cell("記録なし（打ち切り）") if first is None else cell(clock(first[0]), *cited.of(first[1].claim)),
                cell(None if seconds is None else lasted(seconds)),
            ]
        )
    if not body:
        return []
    columns = (Column("市町村"), Column("最初の発令"), Column("最初の開設"), Column("時間", "right"))
    note = "負の値は発令より前に開いていたことを示す。開設日時の記載がないものは、開設と述べた最初の報の時刻。"
    return [
        Heading("openings", 2, "発令から避難所の開設まで"),
        Table("openings-table", "最初の発令から最初の開設まで", columns, body, note=note),
        Paragraph(cell(f"発令から開設まで: {told_middle(values, len(munis))}")),
    ]


def _opened(row: Said) -> datetime:
    told = row.props.get("opened_at")
    if isinstance(told, str):
        at = datetime.fromisoformat(told)
        if at.tzinfo is not None:
            return at
    return row.at
