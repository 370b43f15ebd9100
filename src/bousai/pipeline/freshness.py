"""How old what we know is, feed by feed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TypedDict

from bousai import store
from bousai.catalogue import AtomSource, Feed
from bousai.model import (
    Layer,
    Receipt,
    SourceFreshness,
    Visibility,
    freshness,
)
from bousai.pipeline.house import House, opened
from bousai.pipeline.ingesting import stale_layers
from bousai.settings import Settings


def sources_of(house: House, layer: Layer, states: Mapping[str, SourceFreshness]) -> list[SourceFreshness]:
    """The state of each source of a layer.

    A consolidated layer draws on many kinds: a feed that is never asked, or a drop folder that nobody uses, has no
    part in it as long as nothing came of it. One that is asked and never answered has: the picture lacks it.
    """
    feeds = house.catalogue.feeds_of(layer)
    found = [states[feed.id] for feed in feeds]
    if not layer.inputs:
        return found
    asked = {feed.id for feed in feeds if feed.disabled is None and feed.source.type != "folder"}
    return [state for state in found if state.feed in asked or state.last_content_at is not None]


def sources_now(house: House, layer: Layer, tier: Visibility = "public") -> list[SourceFreshness]:
    """The same of one layer, as its sources are now: only they are asked for."""
    return sources_of(house, layer, feed_states_for(house, tier, house.catalogue.feeds_of(layer)))


def _waiting(refused: Sequence[store.Document]) -> str | None:
    """Why a feed is held, in one line: the newest of the documents that wait for a person."""
    return several([f"{one.raw.name}: {one.cause}" for one in reversed(refused)])


def feed_states_for(
    house: House, tier: Visibility = "public", feeds: Iterable[Feed] | None = None
) -> dict[str, SourceFreshness]:
    """The state of each feed (default: of all), as a tier may see it."""
    now = house.now()
    states = {}
    contents = store.last_bulletins_at(house.store, visibility=tier)
    for feed in house.catalogue.feeds.values() if feeds is None else feeds:
        contact = store.last_receipt(house.store, feed=feed.id, spared=True)
        attempt = store.last_receipt(house.store, feed=feed.id, good=False)
        refused = store.refused_documents(house.store, feed.id)
        states[feed.id] = freshness(
            feed.id,
            now=now,
            every=feed.every,
            late_after=feed.late_after,
            dead_after=feed.dead_after,
            last_contact_at=None if contact is None else contact.requested_at,
            last_content_at=contents.get(feed.id),
            last_error=None if attempt is None or attempt.error is None else attempt.error,
            # why a document was refused may have words of it: that is for those who run this installation
            held=_waiting(refused) if tier == "isut" or not refused else "its newest document was refused",
            credit=feed.credit,
            licence=feed.licence,
            licence_url=feed.licence_url,
            disabled=feed.disabled,
            last_attempt_at=None if attempt is None else attempt.requested_at,
            **_heartbeat(house, feed, contact),
        )
    return states


class _Heartbeat(TypedDict):
    source_made_at: datetime | None
    alive_within: int | None
    content_within: int | None


def _heartbeat(house: House, feed: Feed, contact: Receipt | None) -> _Heartbeat:
    """The source's own signs of life. What is played back was made long ago, and nothing follows from that."""
    if isinstance(feed.source, AtomSource):
        made_at = store.source_made_at(house.store, feed.source.url, feed.source.long_url)
        alive_within: int | None = feed.source.alive_within
    else:
        made_at, alive_within = None if contact is None else contact.made_at, None
    if house.settings.playback is not None:
        return {"source_made_at": made_at, "alive_within": None, "content_within": None}
    return {"source_made_at": made_at, "alive_within": alive_within, "content_within": feed.content_within}


def feed_states(settings: Settings | None = None) -> list[tuple[SourceFreshness, list[str]]]:
    """Every feed's state, and the layers that are not fresh because of it."""
    with opened(settings) as house:
        return [
            (
                state,
                stale_layers(house, house.catalogue.feeds[state.feed])
                if state.state in ("late", "dead", "held")
                else [],
            )
            for state in feed_states_for(house, "isut").values()  # for whoever runs this installation
        ]


def several(causes: Sequence[str]) -> str | None:
    """The first of several causes, and how many more there are."""
    if not causes:
        return None
    return causes[0] if len(causes) == 1 else f"{causes[0]} (and {len(causes) - 1} more)"
