"""The picture → trees of files: layers, versions, tiles, the index."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

from bousai import publish, store
from bousai.errors import UsageError
from bousai.model import (
    Layer,
    Status,
    Visibility,
)
from bousai.pipeline.book import Book, book
from bousai.pipeline.freshness import feed_states_for, sources_of
from bousai.pipeline.house import House, opened
from bousai.pipeline.picture import features_of
from bousai.pipeline.register import bring_up_to_date
from bousai.settings import Settings

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Tree:
    """One tree of files: where it is, what it shows to whom, its name in the store and its address."""

    name: str
    root: Path
    status: Status
    tier: Visibility
    url: str


def _trees(own: Settings) -> Iterator[_Tree]:
    """The public tree; where the settings name one, the tree for responders, in a folder of its own; below each the
    exercise tree. What is for ISUT alone is in no tree."""
    tops: list[tuple[str, Path, Visibility, str]] = [("public", own.public, "public", own.public_url)]
    if own.responders is not None:
        tops.append(("responders", own.responders, "responders", ""))
    for name, root, tier, url in tops:
        yield _Tree(name, root, "actual", tier, url)
        below = f"{url}/exercise" if url else ""
        yield _Tree(
            "exercise" if tier == "public" else f"{name}/exercise", root / "exercise", "exercise", tier, below
        )


def publish_layers(
    layer_ids: Sequence[str] | None = None, settings: Settings | None = None, *, register: bool = True
) -> list[dict[str, Any]]:
    """Write what changed of the given layers (default all) into the public tree and the exercise tree; where the
    settings name a tree for responders, into that too, each layer then being made twice.

    `register`: bring the shelter register up to date first, where a layer is made of it.

    The exercise tree appears with the first exercise item. Returns one dict a layer and tree: layer,
    status, tier, version, changed, features, withheld, path, url.
    """
    written: list[dict[str, Any]] = []
    with opened(settings) as house, book(house) as notes:
        chosen = [house.catalogue.layer(i) for i in (layer_ids or house.catalogue.layers)]
        if register:
            bring_up_to_date(house, chosen, None)
        at = house.now()
        for tree in _trees(house.settings):
            if tree.status == "exercise" and not store.has_status(house.store, tree.status, tree.tier):
                continue
            with notes.entry("publish", tree.name) as entry:
                lines = _write_tree(house, tree, chosen, at, notes)
                changed = [line["layer"] for line in lines if line["changed"]]
                entry.outcome = "done" if changed else "unchanged"
                entry.detail |= {"layers": len(lines), "changed": changed}
            written += lines
    return written


def _write_tree(
    house: House, tree: _Tree, chosen: Sequence[Layer], at: datetime, notes: Book
) -> list[dict[str, Any]]:
    """The layers of one tree that changed, then its index; one dict a layer."""
    written: list[dict[str, Any]] = []
    states = feed_states_for(house, tree.tier)
    cursor, known_at = store.log_position(house.store, tree.tier)
    if tree.tier != "public" and not tree.root.exists():
        tree.root.mkdir(parents=True, mode=0o750)
    every = house.catalogue.layers.values()
    sources = {layer.id: sources_of(house, layer, states) for layer in every}
    released = {layer.id: house.catalogue.released(layer, tree.tier) for layer in every}
    last = store.published(house.store, tree.name)
    for layer in chosen:
        stands = publish.standing(tree.root, released[layer.id], tree.status, sources[layer.id])
        if stands is not None and _unmoved(house, layer, tree.status, last.get(layer.id), at):
            done = stands
        else:
            with notes.entry("publish", f"{tree.name}/{layer.id}") as entry:
                features = features_of(house, layer, tree.status, at, None, tier=tree.tier, lasting=True)
                done = publish.write_layer(
                    tree.root,
                    features,
                    status=tree.status,
                    valid_at=at,
                    known_at=known_at or at,
                    published_at=at,
                    freshness=sources[layer.id],
                    publisher=house.settings.publisher,
                )
                store.mark_published(house.store, tree.name, layer.id, cursor, done.version, at)
                entry.outcome = "done" if done.changed else "unchanged"
                entry.reference, entry.position = done.version, cursor
                entry.detail |= {"features": done.count, "withheld": dict(done.withheld)}
        if done.changed and done.withheld:
            told = {"layer": layer.id, "tree": tree.name, "version": done.version, "by": done.withheld}
            _log.info("withheld %s", orjson.dumps(told).decode())
        address = "/".join(part for part in (tree.url, "layers", layer.id) if part)
        written.append(
            {
                "layer": layer.id,
                "status": tree.status,
                "tier": tree.tier,
                "version": done.version,
                "changed": done.changed,
                "features": done.count,
                "withheld": dict(done.withheld),
                "path": str(tree.root / "layers" / layer.id / "latest.geojson"),
                "url": f"{address}/latest.geojson",
            }
        )
    publish.write_index(
        tree.root,
        released.values(),
        sources,
        status=tree.status,
        public_url=tree.url,
        published_at=at,
    )
    return written


_MADE_AGAIN = timedelta(minutes=10)
"""A consolidated layer may change by the clock alone (an earthquake of a week ago): so long may it be behind."""


def _unmoved(
    house: House, layer: Layer, status: Status, last: tuple[int, str, datetime] | None, at: datetime
) -> bool:
    """Nothing that a layer is made of has changed since it was last made."""
    if last is None or (layer.inputs and at - last[2] > _MADE_AGAIN):
        return False
    cursor, _, since = last
    kinds = house.catalogue.kinds_behind(layer) | {*filter(None, [layer.geometry_from])}
    return kinds.isdisjoint(store.stirred(house.store, status, after=cursor, since=since, until=at))


def tile_layers(layer_ids: Sequence[str] | None = None, settings: Settings | None = None) -> list[dict[str, Any]]:
    """Make vector tiles of the published layers that have such (default all) and whose version has none yet; the next
    index links them. Takes minutes for a large layer. Returns one dict a layer and tree: layer, status, tier,
    version, changed, path.
    """
    with opened(settings) as house:
        chosen = [house.catalogue.layer(i) for i in (layer_ids or house.catalogue.layers)]
        without = [layer.id for layer in chosen if layer_ids and not layer.tiles]
        if without:
            raise UsageError(f"layer {without[0]} has no tiles", remedy="config/layers/<layer>.yml: tiles: true")
        return [
            {
                "layer": layer.id,
                "status": tree.status,
                "tier": tree.tier,
                "version": done.version,
                "changed": done.changed,
                "path": str(tree.root / "layers" / layer.id / "tiles" / "latest.pmtiles"),
            }
            for tree in _trees(house.settings)
            for layer in chosen
            if layer.tiles and (done := publish.write_tiles(tree.root, house.catalogue.released(layer, tree.tier)))
        ]
