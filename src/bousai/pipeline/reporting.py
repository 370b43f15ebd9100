"""Store → after-action reports: what is known of an incident, and the files that tell it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from bousai import catalogue, report, store
from bousai import settings as settings_module
from bousai.catalogue import Feed
from bousai.errors import UsageError
from bousai.model import Claim, Incident, Status, Visibility
from bousai.pipeline.house import House, opened
from bousai.settings import Settings
from bousai.vocab import count
from bousai.vocab.municipality import wards

REPORT_FORMATS = report.FORMATS
"""The formats of a report."""
REPORT_CATEGORIES = (*dict.fromkeys(report.CATEGORIES.values()), *report.OUR_OWN)
"""The categories of the rows of a chronology."""


def incident(
    name: str,
    settings: Settings | None = None,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    areas: Sequence[str] = (),
    title: str | None = None,
    status: Status | None = None,
) -> Incident:
    """The incident that config/incidents has under a name, with what is given instead of what it says there; a new
    one where it has none and time and areas are given. Raises `UsageError` where these are not right or not enough,
    and
    `CatalogueError` where nothing is given at all.
    """
    own = settings_module.load() if settings is None else settings
    known = catalogue.load(own.config)
    given: dict[str, Any] = {"since": since, "until": until, "areas": tuple(areas) or None, "title_ja": title}
    given |= {"title_en": title, "status": status}
    given = {key: value for key, value in given.items() if value is not None}
    if name not in known.incidents and not {"since", "until", "areas"} <= given.keys():
        return known.incident(name)
    found = known.incidents.get(name)
    base = {"id": name, "title_ja": name, "title_en": name} if found is None else found.model_dump()
    try:
        return Incident.model_validate(base | given)
    except ValidationError as error:
        raise UsageError(
            f"incident {name}: {error.errors()[0]['msg']}", remedy="see: bousai report --help"
        ) from error


def evidence_of(
    house: House, incident: Incident, known_at: datetime | None, tier: Visibility = "public"
) -> report.Evidence:
    """What a reader of `tier` may know of an incident, as known at a time (None: now). Its own `known_at` is when
    the last of what was known then was recorded: the same store gives the same report, whenever it is made."""
    munis = report.areas_of(incident)
    asked: dict[str, Any] = {
        "munis": munis,
        "known_at": known_at,
        "status": incident.status,
        "visibility": tier,
    }
    earlier = store.claims_before(house.store, report.KINDS, at=incident.since, **asked)
    claims = store.claims(house.store, report.KINDS, since=incident.since, until=incident.until, **asked)
    layers = {layer.kind: layer for layer in house.catalogue.layers.values() if not layer.inputs}
    open_columns = {kind: house.catalogue.columns_of(kind, tier) for kind in report.KINDS}
    small_below = house.catalogue.release.small_counts.below if tier == "public" else 0
    chosen = [
        _shown(one, open_columns[one.kind], small_below) for one in report.belonging([*earlier, *claims], incident)
    ]
    stated = [one for one in chosen if one.stated.issued_at >= incident.since]
    fed = {one.stated.feed for one in chosen}
    at = known_at or store.log_position(house.store, tier)[1] or incident.until
    messages = store.alerts(house.store, status=incident.status, since=incident.since, until=incident.until)
    return report.Evidence(
        incident=incident,
        known_at=at,
        claims=stated,
        before=[one for one in chosen if one.stated.issued_at < incident.since and one.valid_from <= incident.until],
        small_below=small_below,
        titles={kind: layer.title_ja for kind, layer in layers.items()},
        fields={kind: {field.name: field.ja for field in layer.fields} for kind, layer in layers.items()},
        outlines=store.borrowed_geometry(
            house.store, "municipality", incident.until, known_at, incident.status, munis, tier
        ),
        feeds=[_feed(house, feed, incident) for feed in house.catalogue.feeds.values() if feed.id in fed],
        sent=[
            report.Sent(
                message,
                [
                    (one.decision, one.person, one.decided_at)
                    for one in store.decisions_of(house.store, message.number)
                ],
                [
                    (one.subscription, one.done_at, one.state)
                    for one in store.deliveries(house.store, number=message.number)
                ],
            )
            for message in reversed(messages)
            if not set(message.munis).isdisjoint(munis) and message.recorded_at <= at
        ],
        works=[
            one
            for one in reversed(store.works(house.store, since=incident.since, until=incident.until))
            if one.actor and one.started_at <= at
        ],
    )


_OF_DISTRICTS = ("people", "households")
"""Counts of an evacuation order: of a district, less than a municipality."""


def _shown(claim: Claim, names: Collection[str] | None, small_below: int) -> Claim:
    """A claim with the properties that its reader may see (config/release.yml; `names` None: all), without counts of
    so few people in a district that they may point at single households."""
    props = {name: value for name, value in claim.props.items() if names is None or name in names}
    if claim.kind == "evacuation_order":
        few = [one for one in _OF_DISTRICTS if 0 < ((props.get(one) or {}).get("value") or 0) < small_below]
        props |= dict.fromkeys(few, count.without("suppressed"))
    return claim if props == claim.props else replace(claim, props=props)


def _feed(house: House, feed: Feed, incident: Incident) -> report.FeedRecord:
    return report.FeedRecord(
        feed=feed.id,
        title=feed.title_ja,
        credit=feed.credit,
        every=feed.every,
        disabled=feed.disabled is not None,
        receipts=store.receipts_between(house.store, feed.id, incident.since, incident.until),
    )


def make_report(
    incident: Incident | str,
    folder: Path,
    formats: Sequence[str],
    settings: Settings | None = None,
    *,
    known_at: datetime | None = None,
    munis: Sequence[str] = (),
    categories: Sequence[str] = (),
    against_known: datetime | None = None,
    against_until: datetime | None = None,
    tier: Visibility = "public",
) -> list[dict[str, Any]]:
    """Write the report of an incident (or of the one that config/incidents names so) into a folder, from the store
    alone. `munis` (a city with its wards) and `categories` leave only such rows of the chronology, `tier` says for
    whom it is. Returns one dict a file: format, path, bytes.

    With `against_known` or `against_until` it is a report of the differences: from what was known at that time, or
    from the report up to that time (第N報), to this one; its files are called ``<incident>.changes.<format>``.

    People's words are read from ``<incident>.words.yml`` in the folder; where there is none, one with empty places is
    put there, and it is never overwritten. Raises `CatalogueError` where there is no such incident, `UsageError`
    where the words cannot be read.
    """
    with opened(settings) as house:
        chosen = house.catalogue.incident(incident) if isinstance(incident, str) else incident
        earlier = chosen if against_until is None else _until(chosen, against_until)
        strange = set(munis) - set(report.areas_of(chosen))
        if strange:
            raise UsageError(
                f"{', '.join(sorted(strange))}: not in the incident {chosen.id}",
                remedy="a municipality of its areas, five digits",
            )
        if against_known is not None and against_known > house.now():
            raise UsageError(
                f"{against_known}: nobody knows yet what will be known then", remedy="a time in the past"
            )
        narrowed = {one for muni in munis for one in (muni, *wards().get(muni, ()))}
        folder.mkdir(parents=True, exist_ok=True)
        said = _words(folder / f"{chosen.id}.words.yml", chosen)

        def composed(span: Incident, known: datetime | None) -> report.Report:
            evidence = evidence_of(house, span, known, tier)
            return report.compose(evidence, said, munis=narrowed, categories=categories)

        made = composed(chosen, known_at)
        stem = chosen.id
        if against_known is not None or against_until is not None:
            made = report.compare(composed(earlier, against_known or known_at), made)
            stem += ".changes"
    written = []
    for name in sorted(formats, key=_BY_MEMORY.index):
        body = report.render(made, name)
        path = folder / f"{stem}.{name}"
        aside = path.with_name(f".{path.name}")
        aside.write_bytes(body)
        aside.replace(path)
        written.append({"format": name, "path": str(path), "bytes": len(body)})
    return written


_BY_MEMORY = ("docx", "html", "xlsx", "pdf")
"""The order in which formats are made: what Word's tree took is given back meanwhile, Typst gives nothing back."""


def _words(path: Path, incident: Incident) -> report.Words:
    """People's words; a file with empty places for them where there is none. Raises `UsageError`."""
    if not path.exists():
        path.write_text(report.empty_words(incident), encoding="utf-8")
    return report.read_words(path.read_text(encoding="utf-8"), path.name)


def _until(chosen: Incident, until: datetime) -> Incident:
    """The incident up to an earlier time. Raises `UsageError`."""
    try:
        return Incident.model_validate(chosen.model_dump() | {"until": until})
    except ValidationError as error:
        raise UsageError(f"{until}: {error.errors()[0]['msg']}", remedy="a time within the incident") from error
