"""What can be measured of this installation, in one answer: for ``/metrics`` and whoever else watches it.

Plain numbers and moments; how they are called and written is the matter of the door. Figures of the last hour are
made of rows that the store keeps: they go up and down. There are no totals: rows that say that there was nothing to
do are thinned (`upkeep.tidy`), so a total of the ledger would fall.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from itertools import pairwise
from math import ceil
from typing import get_args

from bousai import store
from bousai.catalogue import AtomSource
from bousai.model import SourceFreshness, Verb, Work
from bousai.pipeline import facts, upkeep
from bousai.pipeline.freshness import feed_states_for, sources_of
from bousai.pipeline.house import House
from bousai.pipeline.messages import AlertFacts, alert_facts
from bousai.vocab import calendar
from bousai.vocab.japanese_time import JST

WINDOW = timedelta(hours=1)
"""What delays and counts of work are measured over."""

STAGES = (*facts.STAGES, "fetched_published")
"""The stages of a document, and from the end of its fetch until a layer with it was there: what this installation
answers for."""

SHARES = (("0.5", 0.5), ("0.95", 0.95))
"""Shares of documents that a delay is told of: the longest that so many of them took."""


@dataclass(frozen=True, slots=True)
class FeedMeasures:
    """One feed. `bounds`, seconds: ``late`` and ``dead`` since the last answer, ``content`` since the last statement,
    ``alive`` since the source made what it answers; no entry where the feed has none. `waiting`: documents that wait
    for a person, by outcome (held, quarantined)."""

    state: SourceFreshness
    bounds: Mapping[str, int]
    waiting: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Measures:
    """All of it at one moment. Times are UTC.

    `stale`: for each layer, how many of its sources are not fresh (late, dead, held). `issues`: open ones by (feed,
    severity). `delays`: seconds by (feed, stage, share of the documents), nearest rank, and `documents` their number
    by feed, of `WINDOW`. `works`: rows by (verb, outcome), of `WINDOW`; `last`: the newest row of each verb.
    `retrying`: deliveries that were tried in vain and are tried again. `lapses`: when the first of the messages that
    wait for approval lapses, by status. `dates`: the first day (its beginning, Japan) of what the calendar warns of,
    by (subject, event); `overdue`: how many entries are used after their end.
    """

    feeds: Sequence[FeedMeasures]
    stale: Mapping[str, int]
    issues: Mapping[tuple[str, str], int]
    delays: Mapping[tuple[str, str, str], float]
    documents: Mapping[str, int]
    works: Mapping[tuple[str, str], int]
    last: Mapping[Verb, Work]
    alerts: AlertFacts
    retrying: int
    lapses: Mapping[str, datetime]
    dates: Mapping[tuple[str, str], datetime]
    overdue: int


def measures(house: House) -> Measures:
    """As of now, as the public may see it: numbers and names of feeds, nothing that a document says."""
    now = house.now()
    passages = facts.stage_times(house, now - WINDOW).ways
    dates, overdue = _calendar(house, now)
    states = feed_states_for(house)
    return Measures(
        feeds=[_feed(house, state) for state in states.values()],
        stale={
            layer.id: sum(one.state in ("late", "dead", "held") for one in sources_of(house, layer, states))
            for layer in house.catalogue.layers.values()
        },
        issues=Counter((one["feed"], one["severity"]) for one in store.open_issues(house.store)),
        delays={
            (feed, stage, name): values[max(0, ceil(share * len(values)) - 1)]
            for feed, those in passages.items()
            for stage, values in _delays(those).items()
            for name, share in SHARES
        },
        documents={feed: len(those) for feed, those in passages.items()},
        works=Counter((one.verb, one.outcome) for one in store.works(house.store, since=now - WINDOW)),
        last=store.last_works(house.store, get_args(Verb)),
        alerts=alert_facts(house),
        retrying=sum(one.attempts > 0 for one in store.deliveries(house.store, state="due")),
        lapses=_lapses(house),
        dates=dates,
        overdue=overdue,
    )


def _feed(house: House, state: SourceFreshness) -> FeedMeasures:
    feed = house.catalogue.feeds[state.feed]
    alive = feed.source.alive_within if isinstance(feed.source, AtomSource) else None
    bounds = {"late": feed.late_after, "dead": feed.dead_after, "content": feed.content_within, "alive": alive}
    return FeedMeasures(
        state,
        {name: seconds for name, seconds in bounds.items() if seconds is not None},
        Counter(one.outcome for one in store.refused_documents(house.store, feed.id)),
    )


def _delays(passages: Iterable[facts.Passage]) -> dict[str, list[float]]:
    """Stage → seconds, sorted; a stage that no document has passed is left out."""
    found: dict[str, list[float]] = {}
    for one in passages:
        way = one.way
        moments = (way.issued_at, way.seen_at, way.fetched_at, way.stored_at, one.published_at)
        pairs = (*pairwise(moments), (way.fetched_at, one.published_at))
        for stage, (before, after) in zip(STAGES, pairs, strict=True):
            if before is not None and after is not None:
                # clocks of others may be ahead of ours
                found.setdefault(stage, []).append(max(0.0, (after - before).total_seconds()))
    return {stage: sorted(values) for stage, values in found.items()}


def _lapses(house: House) -> dict[str, datetime]:
    first: dict[str, datetime] = {}
    for one in store.alerts(house.store, state="awaiting"):
        if one.lapses_at is not None:
            first[one.status] = min(one.lapses_at, first.get(one.status, one.lapses_at))
    return first


def _calendar(house: House, now: datetime) -> tuple[dict[tuple[str, str], datetime], int]:
    today = calendar.day(now)
    dates: dict[tuple[str, str], datetime] = {}
    for one in calendar.coming(today):
        if one.first is not None:
            at = datetime.combine(one.first, time(), JST)
            dates[one.subject, one.event] = min(at, dates.get((one.subject, one.event), at))
    return dates, len(calendar.overdue(today, upkeep.telegrams_in_use(house)))
