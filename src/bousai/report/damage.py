"""Damage (第4号様式): every report with its changes, what fell or moved between classes, how the counts settled.

火災・災害等即報要領 第4号様式; unified definitions of damage: 災害の被害認定基準について (内閣府). Counts of two
sources are never added or compared: they count other things by other rules.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from bousai.report.cited import Citations
from bousai.report.counts import shown, value_of
from bousai.report.document import Block, Cell, Chart, Column, Heading, Paragraph, Run, Series, Table, cell
from bousai.report.evidence import Evidence, prefectures_of
from bousai.report.observed import NOWHERE, Said, by_source, clock, full_clock, holds_from, said
from bousai.vocab.damage import damage_items

PEOPLE = (
    "dead",
    "cardiac_arrest",
    "missing",
    "injured_severe",
    "injured_moderate",
    "injured_minor",
    "injured_unknown",
)
HOUSES = (
    "house_destroyed",
    "house_mostly_half_destroyed",
    "house_medium_half_destroyed",
    "house_half_destroyed",
    "house_semi_half_destroyed",
    "house_partly_damaged",
    "house_unclassified",
    "flooded_above_floor",
    "flooded_below_floor",
)
"""Each person and each house stands in one of the classes of its group."""
VICTIMS = ("unaccounted", *PEOPLE, "casualty_unclassified")
"""Between these classes people move as more is known of them."""
_TOTALS = ("injured", "casualties", "house_damaged")
_SHOWN = (*PEOPLE, "casualty_unclassified", *HOUSES)
_NEAR = 0.05
"""A count has settled once it stays this near to its last."""


@dataclass(frozen=True, slots=True)
class Fall:
    """A count that a later report of the same source gives lower than the last report before it that counts it.

    `rose` are the other classes of its group (people, houses) that grew, `appeared` those for which only the later
    report has a number. `sum_before`, `sum_after` are of the group, None where a class of it is a number in one
    report and none in the other: 不明 or a blank is no 0. Where the sum stayed, cases may have moved between classes,
    which is a possibility and no statement of the source."""

    place: str
    item: str
    before: Said
    after: Said
    was: int
    now: int
    rose: tuple[tuple[str, int], ...]
    appeared: tuple[tuple[str, int], ...]
    sum_before: int | None
    sum_after: int | None

    @property
    def moved(self) -> bool:
        """The rest of its group rose by just as much."""
        return bool(self.rose) and self.sum_after is not None and self.sum_after == self.sum_before


def falls(rows: Sequence[Said]) -> list[Fall]:
    """Every decrease from one number of a source to its next for the same item and place, whatever reports without
    one lie between."""
    found = []
    last: dict[tuple[str, str, str], Said] = {}
    for row in rows:
        for item in damage_items():
            now = value_of(row.props.get(item))
            if now is None:
                continue
            key = (row.feed, row.claim.item_id, item)
            before = last.get(key)
            if before is not None and now < (value_of(before.props.get(item)) or 0):
                found.append(_fallen(before, row, item))
            last[key] = row
    return found


def _fallen(before: Said, after: Said, item: str) -> Fall:
    group = next((names for names in (VICTIMS, HOUSES) if item in names), (item,))
    pairs = [(name, value_of(before.props.get(name)), value_of(after.props.get(name))) for name in group]
    whole = all((a is None) == (b is None) for _, a, b in pairs)
    return Fall(
        place=after.place,
        item=item,
        before=before,
        after=after,
        was=value_of(before.props.get(item)) or 0,
        now=value_of(after.props.get(item)) or 0,
        rose=tuple((name, b - a) for name, a, b in pairs if a is not None and b is not None and b > a),
        appeared=tuple((name, b) for name, a, b in pairs if a is None and b),
        sum_before=sum(a or 0 for _, a, _ in pairs) if whole else None,
        sum_after=sum(b or 0 for _, _, b in pairs) if whole else None,
    )


def settled_at(times: Sequence[datetime], values: Sequence[int]) -> datetime | None:
    """From when on a count stayed within five per cent of its last value; None where that is 0 or there is none."""
    if not values or values[-1] == 0:
        return None
    near = _NEAR * values[-1]
    return holds_from((at, abs(value - values[-1]) <= near) for at, value in zip(times, values, strict=True))


def sections(evidence: Evidence, cited: Citations) -> list[Block]:
    """The part on damage."""
    rows = said(evidence.claims, "damage_count")
    blocks: list[Block] = [Heading("damage", 1, "被害の推移（第4号様式の項目）")]
    if not rows:
        return [
            *blocks,
            Paragraph(cell("この期間・地域の被害報は記録にない。被害がなかったという意味ではない。"), "warning"),
        ]
    blocks.append(
        Paragraph(
            cell(
                "出典ごとに並べ、合算しない。空欄は記載なし、「調査中」「未確認」「－」は出典の語。"
                "0 は出典が 0 と書いたもの。"
                "▼は前の報より減った数、（）は前の報からの増減。"
            ),
            "note",
        )
    )
    for feed, some in by_source(rows).items():
        blocks += _source(evidence, feed, some, cited)
    return blocks


def _source(evidence: Evidence, feed: str, rows: Sequence[Said], cited: Citations) -> list[Block]:
    title = evidence.feed_title(feed)
    reports = _reports(rows)
    whole = [row for row in rows if row.level == "prefecture" and row.place in prefectures_of(evidence.incident)]
    totals = whole or [row for row in rows if row.level == "prefecture"]
    blocks: list[Block] = [Heading(f"damage-{feed}", 2, f"{title}（{len(reports)}報）")]
    if totals:
        blocks += _course(f"damage-{feed}", title, totals, cited)
    fallen = falls(rows)
    blocks.append(_falls_table(f"damage-{feed}-falls", fallen, cited))
    for n, (at, some) in enumerate(reports, start=1):
        before = {row.claim.item_id: row for row in reports[n - 2][1]} if n > 1 else {}
        blocks.append(Heading(f"damage-{feed}-{n}", 3, f"{_number_of(some)}{clock(at)}現在"))
        blocks.append(_report_table(f"damage-{feed}-{n}-table", at, some, before, cited))
    return blocks


def _number_of(rows: Sequence[Said]) -> str:
    told = next((row.props.get("report_no") for row in rows if row.props.get("report_no")), None)
    return f"第{told}報 " if told else ""


def _reports(rows: Sequence[Said]) -> list[tuple[datetime, list[Said]]]:
    """The rows of each report: one document, or several of one time."""
    found: dict[datetime, list[Said]] = {}
    for row in rows:
        found.setdefault(row.at, []).append(row)
    return sorted(found.items())


def _course(key: str, title: str, rows: Sequence[Said], cited: Citations) -> list[Block]:
    """The totals over all reports, as a table and as small charts."""
    reports = _reports(rows)
    items = [item for item in damage_items() if any(shown(row.props.get(item)) not in ("", "－") for row in rows)]
    table_rows: list[list[Cell]] = []
    series = []
    for item in items:
        cells: list[Cell] = [cell(damage_items()[item].ja), cell(damage_items()[item].unit)]
        before: int | None = None
        times, values = [], []
        for at, some in reports:
            row = next((one for one in some if item in one.props), None)
            count = None if row is None else row.props.get(item)
            value = value_of(count)
            mark = "▼" if value is not None and before is not None and value < before else ""
            cells.append(
                cell(f"{mark}{shown(count)}" or None, *cited.of(row.claim if row and shown(count) else None))
            )
            if value is not None:
                before = value
                times.append(at)
                values.append(value)
        settled = settled_at(times, values)
        if settled is not None and len(values) > 1:
            cells.append(cell("最後の報まで動いた" if settled == times[-1] else clock(settled)))
        else:
            cells.append(cell(None))
        table_rows.append(cells)
        if item in _SHOWN and len(values) > 1 and max(values) > 0:
            series.append(Series(damage_items()[item].ja, tuple(times), tuple(float(one) for one in values)))
    columns = (
        Column("項目"),
        Column("単位"),
        *(Column(f"{_number_of(some)}{clock(at)}", "right") for at, some in reports),
        Column("最後の値の±5％に収まった時"),
    )
    name = rows[0].place
    blocks: list[Block] = [Table(f"{key}-course", f"{title}：{name}の合計の推移", columns, table_rows, heads=2)]
    if series:
        blocks.append(
            Chart(
                f"{key}-chart",
                f"{title}：{name}の合計の推移",
                f"{name}の人的被害・住家被害の{len(series)}項目の推移。数値は表にある。",
                "small",
                "人・棟",
                tuple(series),
                f"{key}-course",
            )
        )
    return blocks


def _falls_table(key: str, fallen: Sequence[Fall], cited: Citations) -> Table:
    columns = (
        Column("地域"),
        Column("項目"),
        Column("前の報"),
        Column("後の報"),
        Column("前", "right"),
        Column("後", "right"),
        Column("説明", weight=1),
    )
    rows = [
        [
            cell(one.place),
            cell(damage_items()[one.item].ja),
            cell(f"{_number_of([one.before])}{clock(one.before.at)}"),
            cell(f"{_number_of([one.after])}{clock(one.after.at)}"),
            cell(f"{one.was:,}", *cited.of(one.before.claim)),
            cell(f"{one.now:,}", *cited.of(one.after.claim)),
            (Run(_explained(one)),),
        ]
        for one in fallen
    ]
    return Table(
        key,
        "前の報より減った数とその説明",
        columns,
        rows,
        heads=2,
        note="「付け替え」は、同じ報の同じ群（人的被害・住家被害）の他の区分の増減から見たもので、出典がそう述べたものではない。"
        "備考は出典の文。",
    )


def _explained(one: Fall) -> str:
    note = one.after.props.get("note")
    quoted = f" 備考「{note}」" if isinstance(note, str) and note else ""
    if one.item in _TOTALS:
        return f"内訳の合計から計算される数。{quoted}".strip()
    grown = [f"{damage_items()[name].ja} +{by:,}" for name, by in one.rose]
    grown += [f"{damage_items()[name].ja} 新たに{value:,}" for name, value in one.appeared]
    rose = "、".join(grown)
    if one.item == "unaccounted":
        other = f"同じ報で増えた区分: {rose}。" if rose else ""
        return f"安否が確かめられると減る数。{other}{quoted}".strip()
    if one.sum_before is None or one.sum_after is None:
        other = f"他の区分が増えている（{rose}）が、" if rose else ""
        return (
            f"{other}前後どちらかの報で数のない区分がある。付け替えか下方修正かは出典から分からない。{quoted}".strip()
        )
    if one.moved:
        return f"群の合計は変わらず、区分の付け替えと合う（{rose}）。{quoted}".strip()
    if one.rose and one.sum_after > one.sum_before:
        return f"他の区分が増えている（{rose}）。付け替えか下方修正かは出典から分からない。{quoted}".strip()
    sums = f"群の合計は {one.sum_before:,}→{one.sum_after:,}"
    if one.rose:
        return f"{sums}。一部は付け替えの可能性がある（{rose}）。{quoted}".strip()
    return f"下方修正。{sums}。{quoted or '出典に理由の記載なし。'}".strip()


def _report_table(
    key: str, at: datetime, rows: Sequence[Said], before: Mapping[str, Said], cited: Citations
) -> Table:
    """One report: places that have anything to tell, with the change against the report before."""
    items = [
        item for item in damage_items() if any(shown(row.props.get(item)) not in ("", "－", "0") for row in rows)
    ]
    placed = sorted(rows, key=lambda row: (row.level != "municipality", row.muni or "", row.place))
    told = [row for row in placed if any(shown(row.props.get(item)) not in ("", "－", "0") for item in items)]
    body: list[list[Cell]] = []
    for row in told:
        was = before.get(row.claim.item_id)
        numbers = cited.of(row.claim)
        first = (Run(row.place or NOWHERE, numbers),)
        body.append([first, *(cell(_with_change(row, was, item) or None) for item in items)])
    others = [row for row in placed if row not in told]
    zero = sum(any(value_of(row.props.get(item)) == 0 for item in damage_items()) for row in others)
    rest = (f"すべて0の地域が{zero}", zero), (f"数の記載のない地域が{len(others) - zero}", len(others) - zero)
    left = "、".join(text for text, count in rest if count)
    return Table(
        key,
        f"{full_clock(at)} 現在の被害",
        (
            Column("地域"),
            *(Column(f"{damage_items()[item].ja}（{damage_items()[item].unit}）", "right") for item in items),
        ),
        body,
        note=f"ほかに、{left}。" if left else "",
    )


def _with_change(row: Said, before: Said | None, item: str) -> str:
    text = shown(row.props.get(item))
    now = value_of(row.props.get(item))
    was = None if before is None else value_of(before.props.get(item))
    if now is None or was is None or now == was:
        return text
    return f"{text}（{'+' if now > was else '▼'}{abs(now - was):,}）"
