"""Features from items: aspects of one thing joined, only what leaves to the tier, small counts held back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson
import shapely

from bousai.model import Layer, Region, ReleasedLayer, RevisionTable, SmallRule, Status
from bousai.publish.disclosure import suppressed
from bousai.vocab.japanese_time import local
from bousai.vocab.municipality import wards
from bousai.vocab.tsunami_coast import municipalities_of


@dataclass(frozen=True, slots=True, eq=False)
class FeatureTable:
    """The features of one layer, ordered by id.

    `properties` are JSON objects, `geometry` is shapely or None (EPSG:4326).

    `layer` is the layer as its tier may see it. `withheld` counts what is not shown, by rule and without content:
    ``<rule>:<property>`` the features that have a property which does not leave (rule as in `ReleasedLayer.held`, or
    unnamed where the layer has no such field), ``small_count`` the figures that are held back.
    """

    layer: ReleasedLayer
    status: Status
    ids: list[str]
    muni_codes: list[str | None]
    properties: list[bytes]
    geometry: npt.NDArray[Any]
    withheld: Mapping[str, int]

    def __len__(self) -> int:
        return len(self.ids)


def features(
    layer: ReleasedLayer, tables: Iterable[RevisionTable], borrowed: Mapping[str, bytes], *, lasting: bool = False
) -> FeatureTable:
    """The features of `layer` for its tier, from the items of its kind; all tables must have one status. `lasting`:
    without the fields that change by themselves as time passes.

    Rows with the same item id are aspects of one thing: the later statement wins, property by property, where it has
    a value. `borrowed` gives geometry (WKB) by municipality code to items without one.
    """
    aspects: dict[str, list[tuple[RevisionTable, int]]] = {}
    statuses: set[Status] = set()
    for table in tables:
        statuses.add(table.status)
        if table.kind != layer.kind:
            raise ValueError(f"layer {layer.id} shows {layer.kind}, not {table.kind}")
        for row, item_id in enumerate(table.item_id):
            aspects.setdefault(item_id, []).append((table, row))
    if len(statuses) != 1:
        raise ValueError(f"layer {layer.id}: items of status {sorted(statuses)} in one collection")
    ids = sorted(aspects)
    withheld: Counter[str] = Counter()
    names = {field.name: not (lasting and field.volatile) for field in layer.fields}
    common = [field.name for field in layer.common]
    rows = [_one(item_id, aspects[item_id], common, names, layer.small, withheld) for item_id in ids]
    muni_codes = [row[0] for row in rows]
    places = _places(layer.geometry_by, muni_codes, (orjson.loads(row[1]) for row in rows))
    return FeatureTable(
        layer,
        statuses.pop(),
        ids,
        muni_codes,
        [row[1] for row in rows],
        _geometry([row[2] for row in rows], places, borrowed),
        {
            f"{layer.held.get(name, 'unnamed')}:{name}" if name else "small_count": number
            for name, number in sorted(withheld.items())
        },
    )


def within(table: FeatureTable, region: Region) -> FeatureTable:
    """The features of a region: of its municipalities, and whose geometry touches its box."""
    keep = np.array([region.has_muni(code) for code in table.muni_codes], dtype=bool)
    if region.box is not None:
        keep &= shapely.intersects(table.geometry, shapely.box(*region.box))
    if keep.all():
        return table
    rows = np.flatnonzero(keep)
    return replace(
        table,
        ids=[table.ids[n] for n in rows],
        muni_codes=[table.muni_codes[n] for n in rows],
        properties=[table.properties[n] for n in rows],
        geometry=table.geometry[rows],
    )


def areas_wanted(layer: Layer, table: RevisionTable) -> set[str]:
    """The municipality codes whose area `features` can use for these items: see `_area`."""
    places = _places(layer.geometry_by, table.muni_code, (orjson.loads(props) for props in table.props))
    codes = {code for some, wkb in zip(places, table.geometry, strict=True) if wkb is None for code in some}
    return codes | {ward for code in codes for ward in wards().get(code, ())}


def _one(
    item_id: str,
    aspects: Sequence[tuple[RevisionTable, int]],
    common: Sequence[str],
    names: Mapping[str, bool],
    small: SmallRule | None,
    withheld: Counter[str],
) -> tuple[str | None, bytes, bytes | None]:
    if len(aspects) > 1:
        aspects = sorted(aspects, key=lambda one: (one[0].issued_at[one[1]], one[0].scope[one[1]]))
    said: dict[str, Any] = {}
    for table, row in aspects:
        props = orjson.loads(table.props[row])
        if said:
            props = {
                **said,
                **{name: value for name, value in props.items() if value is not None or name not in said},
            }
        said = props
    for name in said.keys() - names.keys():
        withheld[name] += 1
    newest, at = aspects[-1]
    if len(aspects) == 1:  # as nearly everywhere
        muni_code, wkb = newest.muni_code[at] or None, newest.geometry[at]
        source, recorded_at = newest.source[at], newest.recorded_at[at]
    else:
        muni_code = next((table.muni_code[row] for table, row in reversed(aspects) if table.muni_code[row]), None)
        wkb = next((table.geometry[row] for table, row in reversed(aspects) if table.geometry[row] is not None), None)
        source = " ".join(sorted({table.source[row] for table, row in aspects}))
        recorded_at = max(table.recorded_at[row] for table, row in aspects)
    if "bulletin_types" in names:
        said["bulletin_types"] = sorted({table.bulletin_type[row] for table, row in aspects})
    if "serial" in names:
        said["serial"] = next((table.serial[row] for table, row in reversed(aspects) if table.serial[row]), None)
    shown = {name: said.get(name) for name, is_shown in names.items() if is_shown}
    if small is not None and not small.is_municipal(said):
        shown, figures = suppressed(shown, small)
        if figures:
            withheld[""] += figures
    known = {
        "id": item_id,
        "kind": newest.kind,
        "muni_code": muni_code,
        "source": source,
        "issuer": newest.issuer[at],
        "issued_at": local(newest.issued_at[at]),
        "recorded_at": local(recorded_at),
        "status": newest.status,
    }
    properties = {name: known[name] for name in common} | shown
    # orjson cuts a buffer of 8 KB to size, and nothing fits into what is left between them: a copy frees it whole.
    return muni_code, bytes(memoryview(orjson.dumps(properties))), wkb


_Places = tuple[str, ...]
"""Municipalities whose areas together are the place of a feature; none where it is not known."""


def _places(
    geometry_by: str | None, muni_codes: Sequence[str | None], props: Iterable[Mapping[str, Any]]
) -> list[_Places]:
    if geometry_by is None:
        return [(code,) if code else () for code in muni_codes]
    return [_on_coast(said.get(geometry_by) or "") for said in props]


def _on_coast(coast_code: str) -> _Places:
    """The municipalities of a coast section (津波予報区), where it is certain of each that it lies on it."""
    found = municipalities_of(coast_code)
    return tuple(found) if all(match == "municipality" for match in found.values()) else ()


def _geometry(wkbs: list[bytes | None], places: Sequence[_Places], borrowed: Mapping[str, bytes]) -> npt.NDArray[Any]:
    codes = {code for some in places for code in some} if borrowed else set()
    lent = {code: _area(code, borrowed) for code in codes}
    shapes: npt.NDArray[Any] = shapely.from_wkb(np.array([*wkbs, None], dtype=object))[:-1]
    for row, (shape, some) in enumerate(zip(shapes, places, strict=True)):
        if shape is None and some:
            areas = [lent.get(code) for code in some]
            if all(area is not None for area in areas):  # a part of a coast would look like all of it
                shapes[row] = areas[0] if len(areas) == 1 else _union(areas)
    return shapes


def _union(areas: Sequence[Any]) -> Any:
    return shapely.orient_polygons(shapely.union_all(areas), exterior_cw=False)


def _area(code: str, borrowed: Mapping[str, bytes]) -> Any:
    """The area of a municipality; that of a designated city is the union of its wards, for N03 has only those."""
    if code in borrowed:
        return shapely.from_wkb(borrowed[code])
    parts = [shapely.from_wkb(borrowed[ward]) for ward in wards().get(code, ()) if ward in borrowed]
    return _union(parts) if parts else None
