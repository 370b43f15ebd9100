"""Store → the features of a layer as of two times, as one circle of readers may see them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path

from bousai import consolidate, publish, store
from bousai.errors import UsageError
from bousai.model import EVERYWHERE, Layer, Region, RevisionTable, Sightings, Status, Visibility
from bousai.pipeline.freshness import sources_now
from bousai.pipeline.house import House, opened
from bousai.pipeline.register import bring_up_to_date
from bousai.settings import Settings

FORMATS = publish.FORMATS
"""The formats of a layer beside GeoJSON."""


_ENDED = "/ended"


def items_of(
    house: House,
    layer: Layer,
    status: Status,
    valid_at: datetime,
    known_at: datetime | None,
    tier: Visibility = "public",
    *,
    since: datetime | None = None,
    region: Region = EVERYWHERE,
) -> RevisionTable:
    """The items of a layer as a tier may see them: what the sources stated, or what follows from several kinds
    together. The latter is made of statements and of columns that the tier may see, and so tells of no others. With
    a region at least the items that have to do with it."""
    known = partial(store.items, house.store, valid_at=valid_at, known_at=known_at, status=status, visibility=tier)
    if not layer.inputs:
        box = None if layer.geometry_from else region.box  # an area that is borrowed is in no statement
        return known(layer.kind, muni=region.munis, bbox=box, since=since)

    def shown(table: RevisionTable) -> RevisionTable:
        names = house.catalogue.columns_of(table.kind, tier)
        return table if names is None else consolidate.shown_only(table, names)

    made = {
        # of a kind that is among its own inputs the store has what was found, and its layer is a view of it
        kind: one
        for kind in layer.inputs
        if (one := house.catalogue.layers.get(kind)) is not None and one.inputs and kind not in one.inputs
    }

    def held(kind: str) -> RevisionTable:
        if kind in made:
            return items_of(house, made[kind], status, valid_at, known_at, tier)
        if kind.endswith(_ENDED):
            kind = kind.removesuffix(_ENDED)
            return shown(
                store.endings(house.store, kind, valid_at=valid_at, known_at=known_at, status=status, visibility=tier)
            )
        return shown(known(kind))

    now = consolidate.AsAsked((*layer.inputs, *(kind + _ENDED for kind in layer.endings)), held)

    def sighted(kind: str, box: consolidate.Box | None = None) -> Sightings:
        every = store.sightings(
            house.store,
            kind,
            valid_at=valid_at,
            known_at=known_at,
            muni=None if box is None else (),
            uncoded_in=box,
            status=status,
            visibility=tier,
        )
        return replace(every, table=shown(every.table))

    seen = consolidate.AsAsked(layer.sightings, sighted, sighted)
    return consolidate.table(layer.kind, now, seen, valid_at, region)


def features_of(
    house: House,
    layer: Layer,
    status: Status,
    valid_at: datetime,
    known_at: datetime | None,
    *,
    tier: Visibility = "public",
    region: Region = EVERYWHERE,
    lasting: bool = False,
    since: datetime | None = None,
) -> publish.FeatureTable:
    """The features of a layer in a region, as of two times."""
    table = items_of(house, layer, status, valid_at, known_at, tier, since=since, region=region)
    borrowed: dict[str, bytes] = {}
    if layer.geometry_from is not None:
        codes = publish.areas_wanted(layer, table)
        borrowed = store.borrowed_geometry(house.store, layer.geometry_from, valid_at, known_at, status, codes, tier)
    found = publish.features(house.catalogue.released(layer, tier), [table], borrowed, lasting=lasting)
    return publish.within(found, region)


def layer_geojson(
    layer_id: str,
    settings: Settings | None = None,
    *,
    valid_at: datetime | None = None,
    known_at: datetime | None = None,
    muni: str | None = None,
    bbox: tuple[float, float, float, float] | None = None,
    status: Status = "actual",
    tier: Visibility = "public",
) -> Iterator[bytes]:
    """One layer as GeoJSON in pieces, as it was true at `valid_at` and known at `known_at` (both default now), as
    far as a reader of `tier` may see it."""
    with opened(settings) as house:
        layer = house.catalogue.layer(layer_id)
        bring_up_to_date(house, [layer], known_at)
        now = house.now()
        region = _region(muni, bbox)
        features = features_of(house, layer, status, valid_at or now, known_at, tier=tier, region=region)
        return publish.layer_chunks(
            features,
            valid_at=valid_at or now,
            known_at=known_at or now,
            published_at=now,
            freshness=sources_now(house, layer, tier),
        )


def _region(muni: str | None, bbox: tuple[float, float, float, float] | None) -> Region:
    return Region(None if muni is None else frozenset([muni]), bbox)


def is_made_by_region(house: House, layer_id: str) -> bool:
    """Whether a part of a layer costs less than all of it: what few statements make one item of, as of any time."""
    layer = house.catalogue.layer(layer_id)
    return bool(layer.inputs) and consolidate.is_made_by_region(layer.kind)


def recorded(house: House, known_at: datetime) -> datetime | None:
    """When the last of what was known at a time was recorded: pictures of which this is the same are the same. None
    where nothing was known."""
    return store.log_position(house.store, "public", known_at=known_at)[1]


def layer_as_known(
    house: House,
    layer_id: str,
    *,
    valid_at: datetime,
    known_at: datetime,
    since: datetime | None = None,
    status: Status = "actual",
    region: Region = EVERYWHERE,
) -> Iterator[bytes]:
    """One layer as GeoJSON in pieces, as the public may see it and as `layer_geojson` says; nothing is written. With
    a region that of it alone.

    With `since`: what held at some time from `since` to `valid_at`, each with the last it was. A consolidated layer
    is a picture of one time and has no such question: it is that of `valid_at`.
    """
    layer = house.catalogue.layer(layer_id)
    features = features_of(house, layer, status, valid_at, known_at, since=since, region=region)
    return publish.layer_chunks(
        features,
        valid_at=valid_at,
        known_at=known_at,
        published_at=house.now(),
        freshness=sources_now(house, layer),
    )


def layer_files(
    layer_id: str,
    folder: Path,
    formats: Sequence[str],
    settings: Settings | None = None,
    *,
    valid_at: datetime | None = None,
    known_at: datetime | None = None,
    muni: str | None = None,
    bbox: tuple[float, float, float, float] | None = None,
    status: Status = "actual",
    tier: Visibility = "public",
) -> list[Path]:
    """The same in other formats (csv, gpkg, fgb, parquet, sip4d, evacuation_space.csv), as files in `folder`. Raises
    `UsageError` where the layer has no such format, or nothing to put into it."""
    with opened(settings) as house:
        layer = house.catalogue.layer(layer_id)
        for one in formats:
            if one not in publish.formats_of(layer):
                raise UsageError(
                    f"layer {layer_id} has no {one}",
                    remedy=f"one of: geojson {' '.join(publish.formats_of(layer))}",
                )
        bring_up_to_date(house, [layer], known_at)
        now = house.now()
        region = _region(muni, bbox)
        features = features_of(house, layer, status, valid_at or now, known_at, tier=tier, region=region)
        found = publish.write_files(
            folder,
            features,
            formats,
            valid_at=valid_at or now,
            known_at=known_at or now,
            published_at=now,
            freshness=sources_now(house, layer, tier),
            publisher=house.settings.publisher,
        )
        if not found:
            raise UsageError(
                f"layer {layer_id} has nothing that {' or '.join(formats)} can hold: {len(features)} features",
                remedy="see the layer as geojson",
            )
        return found
