"""How well the sources could be read, how alerts fared, and what operators did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median

from bousai.model import Receipt
from bousai.report.document import Block, Cell, Column, Heading, Paragraph, Strip, Strips, Table, cell
from bousai.report.evidence import Evidence, Sent
from bousai.report.observed import clock, full_clock, lasted

_GOOD = ("new", "not_modified", "known", "skipped")
_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Availability:
    """`hours` of the span, in how many of them the source answered at least once, and the longest time without an
    answer. By the hour, because polls that brought nothing are thinned to one an hour after some days."""

    hours: int
    answered: int
    gap_from: datetime
    gap_until: datetime
    failed: int
    gaps: tuple[tuple[datetime, datetime], ...]


def availability(receipts: Sequence[Receipt], since: datetime, until: datetime, every: int) -> Availability | None:
    """How a feed was read in a span of time; None where it was never asked in it. A gap is a time without an answer
    of more than an hour and more than two intervals."""
    if not receipts:
        return None
    good = [one.requested_at for one in receipts if one.outcome in _GOOD]
    hours = max(1, round((until - since) / _HOUR))
    answered = len({int((at - since) / _HOUR) for at in good})
    stops = [since, *good, until]
    spans = list(pairwise(stops))
    longest = max(spans, key=lambda span: span[1] - span[0])
    allowed = max(_HOUR, timedelta(seconds=2 * every))
    gaps = tuple(span for span in spans if span[1] - span[0] > allowed)
    failed = sum(one.outcome == "error" for one in receipts)
    return Availability(hours, answered, *longest, failed, gaps)


def sections(evidence: Evidence) -> list[Block]:
    """The part on sources, alerts and operators."""
    return [*_feeds(evidence), *_alerts(evidence.sent), *_actions(evidence)]


def _feeds(evidence: Evidence) -> list[Block]:
    incident = evidence.incident
    body: list[list[Cell]] = []
    strips = []
    for feed in evidence.feeds:
        until = min(incident.until, evidence.known_at)
        found = availability(feed.receipts, incident.since, until, feed.every)
        if found is None:
            body.append(
                [cell(feed.title), cell("期間中に収集していない（後から、または手で取り込み）"), *[cell(None)] * 4]
            )
            continue
        body.append(
            [
                cell(feed.title),
                cell(f"{found.answered}／{found.hours}時間（{found.answered / found.hours:.0%}）"),
                cell(lasted((found.gap_until - found.gap_from).total_seconds())),
                cell(f"{clock(found.gap_from)}～{clock(found.gap_until)}"),
                cell(found.failed),
                cell(len(found.gaps)),
            ]
        )
        strips.append(Strip(feed.title, tuple((*gap, 0) for gap in found.gaps)))
    columns = (
        Column("出典", weight=1),
        Column("応答のあった時間"),
        Column("最長の空白", "right"),
        Column("その期間"),
        Column("失敗", "right"),
        Column("空白の数", "right"),
    )
    blocks: list[Block] = [Heading("feeds", 1, "情報源の収集状況")]
    if strips:
        alt = f"{len(strips)}の情報源の、応答のなかった期間。同じ内容が表にある。"
        classes, until = ("応答なし",), min(incident.until, evidence.known_at)
        title = "応答のなかった期間"
        blocks.append(
            Strips("feeds-strips", title, alt, classes, tuple(strips), "feeds-table", incident.since, until)
        )
    blocks.append(Table("feeds-table", "情報源ごとの収集状況", columns, body))
    return blocks


def _alerts(sent: Sequence[Sent]) -> list[Block]:
    blocks: list[Block] = [Heading("alerts", 1, "配信した警報等（CAP）")]
    if not sent:
        return [*blocks, Paragraph(cell("期間中に作られた配信文はない。"))]
    made = [one.message for one in sent]
    approved = [
        (at - one.message.built_at).total_seconds()
        for one in sent
        for decision, _, at in one.decisions
        if decision == "approve"
    ]
    handed = [
        (at - one.message.released_at).total_seconds()
        for one in sent
        for _, at, state in one.deliveries
        if at is not None and state == "delivered" and one.message.released_at is not None
    ]
    states = [
        ("作られたもの", len(made)),
        ("公開されたもの", sum(one.state == "released" for one in made)),
        ("うち取消・解除", sum(one.state == "released" and one.ended for one in made)),
        ("却下", sum(one.state == "rejected" for one in made)),
        ("承認されないまま失効", sum(one.state == "lapsed" for one in made)),
        ("知った時には過ぎていたもの", sum(one.state == "too_old" for one in made)),
        ("届いた配信", len(handed)),
        ("断念した配信", sum(state == "dead" for one in sent for _, _, state in one.deliveries)),
    ]
    body: list[list[Cell]] = [[cell(name), cell(count)] for name, count in states]
    body.append([cell("承認までの時間（中央値）"), cell(_middle(approved))])
    body.append([cell("公開から届くまで（中央値）"), cell(_middle(handed))])
    blocks.append(Table("alerts-table", "配信の成績", (Column("項目"), Column("値", "right")), body))
    return blocks


def _middle(values: Sequence[float]) -> str:
    return f"{lasted(median(values))}（n={len(values)}）" if values else "値なし（n=0）"


def _actions(evidence: Evidence) -> list[Block]:
    body: list[list[Cell]] = [
        [cell(full_clock(one.started_at)), cell(VERBS.get(one.verb, one.verb)), cell(one.subject), cell(one.actor)]
        for one in evidence.works
    ]
    columns = (Column("時刻"), Column("操作"), Column("対象", weight=1), Column("アカウント"))
    blocks: list[Block] = [Heading("actions", 1, "運用者の操作")]
    return [*blocks, Table("actions-table", "運用者の操作の記録", columns, body)]


VERBS = {"retry": "再処理", "dismiss": "隔離の解除", "decide": "避難所の判断", "approve": "承認", "reject": "却下"}
