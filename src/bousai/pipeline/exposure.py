"""Which hazard zones every place lies in, prefecture by prefecture, kept in the store."""

from __future__ import annotations

import dataclasses
from collections import Counter

from bousai import consolidate, store
from bousai.consolidate import hazard_exposure
from bousai.model import (
    Bulletin,
    Status,
)
from bousai.pipeline.book import book
from bousai.pipeline.house import House, opened
from bousai.pipeline.ingesting import STATUSES, derive
from bousai.settings import Settings
from bousai.vocab import municipality

_EXPOSURE = (*hazard_exposure.HAZARDS, *hazard_exposure.SUBJECTS, "municipality")


def prefectures_to_expose(settings: Settings | None = None) -> list[str]:
    """The prefectures (JIS X 0401) in which a place, a hazard map or a municipality has changed since `expose`."""
    with opened(settings) as house:
        found = set()
        for status in STATUSES:
            if not store.has_status(house.store, status):
                continue
            now = house.now()
            position, _ = store.log_position(house.store)
            due = store.published(house.store, f"exposure due/{status}")
            after, _, since = due.get("", (0, "", None))
            news = store.news(house.store, _EXPOSURE, after=after, since=since, until=now, status=status)
            for pref in hazard_exposure.prefectures_of((one.kind, one.pref, one.bbox) for one in news):
                store.mark_published(house.store, f"exposure due/{status}", pref, position, "", now)
                due[pref] = (position, "", now)
            if position != after:  # last: what was not marked before a crash is found again
                store.mark_published(house.store, f"exposure due/{status}", "", position, "", now)
            done = store.published(house.store, f"exposure/{status}")
            found |= {pref for pref, (*_, at) in due.items() if pref and (pref not in done or done[pref][2] <= at)}
            found |= {pref for pref, (_, version, _) in done.items() if not hazard_exposure.is_current(version)}
        return sorted(found)


def prefecture_name(pref: str) -> str:
    """石川県 for 17: what a prefecture is called where its work is shown."""
    return municipality.prefecture_name(pref)


def expose(pref: str, settings: Settings | None = None) -> dict[str, int]:
    """Work out which hazard zones every place of a prefecture lies in, and keep it. Returns counts: places, maps
    (kinds of hazard maps that were worked out), statements inside and outside, what they opened, changed, closed.

    Exercise and test are kept apart, as everywhere. Where nothing has changed since the last time nothing is done.
    """
    with opened(settings) as house, book(house) as notes, notes.entry("expose", pref) as entry:
        total: Counter[str] = Counter(
            places=0, maps=0, inside=0, outside=0, opened=0, changed=0, closed=0, unchanged=0
        )
        for status in STATUSES:
            if store.has_status(house.store, status):
                total.update(_expose(house, pref, status))
        entry.outcome = "done" if total["maps"] else "unchanged"
        entry.detail |= total
        return dict(total)


def _expose(house: House, pref: str, status: Status) -> dict[str, int]:
    now = house.now()
    position, _ = store.log_position(house.store)
    box = hazard_exposure.box_of(pref)
    areas = hazard_exposure.areas(store.items(house.store, "municipality", valid_at=now, bbox=box, status=status))
    codes = hazard_exposure.codes_of(pref)
    seen = (
        store.sightings(house.store, kind, valid_at=now, muni=codes, uncoded_in=box, status=status).table
        for kind in hazard_exposure.SUBJECTS
    )
    places = hazard_exposure.places(seen, areas, pref)
    maps = {
        kind: stated
        for kind in hazard_exposure.HAZARDS
        if places.box is not None
        and (stated := store.last_statement(house.store, kind, places.box, until=now, status=status)) is not None
    }
    version = hazard_exposure.digest(places, areas, maps)
    before = store.published(house.store, f"exposure/{status}").get(pref)
    counted: Counter[str] = Counter(places=len(places))
    if before is None or before[1] != version:
        for kind, (stated_at, _) in maps.items():
            assert places.box is not None
            scope = f"exposure/{kind}/{pref}"
            # Never before the last time: where the places have come closer together, fewer maps may be asked.
            last = store.last_of_scope(house.store, "hazard_exposure", scope, status)
            issued_at = stated_at if last is None else max(stated_at, last)
            zones = store.portions(house.store, kind, valid_at=now, bbox=places.box, status=status)
            found = hazard_exposure.survey(places, areas, zones)
            items = hazard_exposure.statements(hazard_exposure.HAZARDS[kind], places, found)
            statement = Bulletin(
                kind="hazard_exposure",
                scope=scope,
                issued_at=issued_at,
                status=status,
                items=items,
                issuer=consolidate.ISSUER,
                complete=True,
                sent_at=now,
                bulletin_type="hazard_exposure",
            )
            body = hazard_exposure.document(kind, pref, issued_at, places, found)
            changes = derive(house, "hazard_exposure", hazard_exposure.VERSION, body, [statement], status, now)
            counted.update(hazard_exposure.states(items), maps=1, **dataclasses.asdict(changes))
    store.mark_published(house.store, f"exposure/{status}", pref, position, version, now)
    return dict(counted)
