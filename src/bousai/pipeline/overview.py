"""What the operators' board shows, in one answer: feeds, what waits for a person, what is stale because of it, what
was done and what failed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, get_args

import orjson

from bousai import archive, store
from bousai.errors import UsageError
from bousai.model import Message, SourceFreshness, Verb, Work
from bousai.pipeline import book, facts, upkeep
from bousai.pipeline.alerting import told
from bousai.pipeline.freshness import feed_states_for
from bousai.pipeline.house import House, opened
from bousai.pipeline.running import FEED_DAG
from bousai.settings import Settings
from bousai.store import Document
from bousai.vocab import calendar

_DAY = timedelta(days=1)
_ISSUES, _WAYS, _WORKS = 200, 30, 200
_OFF = ("late", "dead", "held")
"""States in which what a feed gives is not fresh."""


def overview(settings: Settings | None = None) -> dict[str, Any]:
    """All of the board but for what takes long (`register_candidates`). Times are ISO 8601, UTC; see the keys."""
    with opened(settings) as house:
        now = house.now()
        states = feed_states_for(house, "isut")
        issues = store.open_issues(house.store)
        refused = {feed: store.refused_documents(house.store, feed) for feed in house.catalogue.feeds}
        times = facts.stage_times(house, now - _DAY)
        return {
            "now": now.isoformat(),
            "public_url": house.settings.public_url,
            "map_url": _map(house.settings.public_url),
            "feeds": [_feed(house, state, issues, refused[feed], times) for feed, state in states.items()],
            "stages": facts.told_stages(times.everywhere),
            "issues": [_issue(one) for one in reversed(issues[-_ISSUES:])],
            "issue_count": len(issues),
            "quarantine": [_refused(house, one) for documents in refused.values() for one in reversed(documents)],
            "alerts": [_waiting(house, one) for one in _undecided(house)],
            "undelivered": [
                {
                    "identifier": store.alert_numbered(house.store, one.number).identifier,
                    "subscription": one.subscription,
                    "state": one.state,
                    "attempts": one.attempts,
                    "cause": one.cause,
                    "remedy": one.remedy,
                    "next_at": one.next_at.isoformat(),
                }
                for state in ("dead", "due")
                for one in store.deliveries(house.store, state=state)
                if state == "dead" or one.attempts
            ],
            "layers": _layers(house, states),
            "calendar": _calendar(house),
            "work": {verb: _last(one) for verb, one in store.last_works(house.store, get_args(Verb)).items()},
            "failures": [
                {"dag_id": one.subject, "run_id": one.reference, "at": one.started_at.isoformat()}
                | {"outcome": one.outcome, **one.detail}
                for one in store.works(house.store, since=now - _DAY, verb="run", limit=_WORKS)
            ],
        }


def _map(public_url: str) -> str | None:
    """The map page stands beside the tree where `bousai serve` answers for both."""
    return public_url.removesuffix("public") if public_url.endswith("/public") else None


def _feed(
    house: House,
    state: SourceFreshness,
    issues: Sequence[Mapping[str, Any]],
    refused: Sequence[Document],
    times: facts.StageTimes,
) -> dict[str, Any]:
    feed = house.catalogue.feeds[state.feed]
    own = [one for one in issues if one["feed"] == feed.id]
    off = state.state in _OFF
    return {
        "feed": feed.id,
        "title_ja": feed.title_ja,
        "title_en": feed.title_en,
        "publisher": feed.publisher,
        "state": state.state,
        "why": state.why,
        "reason": state.reason,
        "since": book.iso(state.since),
        "every": feed.every,
        "late_after": feed.late_after,
        "dead_after": feed.dead_after,
        "content_within": feed.content_within,
        "last_content_at": book.iso(state.last_content_at),
        "last_fetch_at": book.iso(state.last_fetch_at),
        "source_made_at": book.iso(state.source_made_at),
        "next_due_at": book.iso(state.next_due_at),
        "waiting": len(refused),
        "dag_id": f"{FEED_DAG}{feed.id}",
        "stale_layers": [layer.id for layer in house.catalogue.layers_of(feed)] if off else [],
        "stale_alerts": [
            rule.id for rule in house.catalogue.rules.values() if not set(rule.kinds).isdisjoint(feed.kinds)
        ]
        if off
        else [],
        "stages": facts.told_stages(times.by_feed.get(feed.id, {})),
        "ways": [facts.told_way(one) for one in times.ways.get(feed.id, [])[-_WAYS:]],
        "issues": len(own),
        "last_issue": _issue(own[-1]) if own else None,
    }


def _issue(row: Mapping[str, Any]) -> dict[str, Any]:
    names = ("id", "feed", "code", "severity", "cause", "remedy", "position", "sha256", "name")
    times = {name: row[name].isoformat() for name in ("raised_at", "seen_at")}
    return {name: row[name] for name in names} | {"stale": row["stale"].split(), **times}


def _refused(house: House, one: Document) -> dict[str, Any]:
    feed = house.catalogue.feeds[one.raw.feed]
    return {
        "sha256": one.raw.sha256,
        "feed": one.raw.feed,
        "name": one.raw.name,
        "outcome": one.outcome,
        "cause": one.cause,
        "remedy": one.remedy,
        "fetched_at": one.raw.fetched_at.isoformat(),
        "size": one.raw.size,
        "stale": [layer.id for layer in house.catalogue.layers_of(feed)],
    }


def _undecided(house: House) -> list[Message]:
    return [*store.alerts(house.store, state="awaiting"), *store.alerts(house.store, state="waiting")]


def _waiting(house: House, message: Message) -> dict[str, Any]:
    decisions = store.decisions_of(house.store, message.number)
    approvals = [one for one in decisions if one.decision == "approve" and one.sha256 == message.sha256]
    line: dict[str, Any] = orjson.loads(orjson.dumps(told(message)))
    return line | {
        "sha256": message.sha256,
        "lapses_at": book.iso(message.lapses_at),
        "author": message.author,
        "approvals_needed": message.approvals,
        "approvals": len(approvals),
        "decided_by": [one.person for one in decisions],
    }


def _layers(house: House, states: Mapping[str, SourceFreshness]) -> list[dict[str, Any]]:
    """Each layer of the public tree, and the feeds that make it stale."""
    last = store.published(house.store, "public")
    found = []
    for layer in house.catalogue.layers.values():
        off = [feed.id for feed in house.catalogue.feeds_of(layer) if states[feed.id].state in _OFF]
        _, version, at = last.get(layer.id, (0, "", None))
        found.append(
            {
                "layer": layer.id,
                "title_ja": layer.title_ja,
                "title_en": layer.title_en,
                "version": version or None,
                "published_at": book.iso(at),
                "state": "stale" if off else "fresh",
                "sources": off,
                "url": f"{house.settings.public_url}/layers/{layer.id}/latest.geojson",
            }
        )
    return found


def _calendar(house: House) -> list[dict[str, Any]]:
    today = calendar.day(house.now())
    entries = [*calendar.overdue(today, upkeep.telegrams_in_use(house)), *calendar.coming(today)]
    return [
        {
            "date": one.date_text or None,
            "event": one.event,
            "subject": one.subject,
            "title_ja": one.title_ja,
            "title_en": one.title_en,
            "remedy_ja": one.remedy_ja,
            "remedy_en": one.remedy_en,
            "source": one.source,
            "when_ja": one.when_ja,
            "when_en": one.when_en,
            "days": None if one.first is None or one.last is None else (one.first - today).days,
        }
        for one in entries
    ]


def _last(one: Work) -> dict[str, Any]:
    return {
        "last_at": one.started_at.isoformat(),
        "outcome": one.outcome,
        "seconds": one.seconds,
        "detail": dict(one.detail),
    }


def ledger(subject: str, settings: Settings | None = None) -> list[dict[str, Any]]:
    """What was done on a feed, or on a layer in any tree, in the last day, newest first."""
    with opened(settings) as house:
        since = house.now() - _DAY
        subjects = [subject, *(f"{tree}/{subject}" for tree in ("public", "exercise", "responders"))]
        found = [
            one for name in subjects for one in store.works(house.store, since=since, subject=name, limit=_WORKS)
        ]
        found.sort(key=lambda one: one.started_at, reverse=True)
        return [dict(book.told(one)) for one in found[:_WORKS]]


def raw_document(sha256: str, settings: Settings | None = None) -> tuple[str, bytes]:
    """The name and the archived bytes of a document. Raises `UsageError` and `ArchiveError`."""
    with opened(settings) as house:
        found = [one for one in store.find_document(house.store, sha256) if one.raw.sha256 == sha256]
        if not found:
            raise UsageError(f"there is no document {sha256[:80]!r}", remedy="give all 64 digits of its SHA-256")
        return found[0].raw.name, archive.get(house.settings.archive, sha256)
