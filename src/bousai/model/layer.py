"""`Layer`: a published view over items; its fields are the public contract (config/layers/*.yml)."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict


class Field(BaseModel):
    """One property of a published feature: name, type, Japanese and English label, unit, standard terms.

    `volatile`: it changes by itself as time passes (an age), so it stands in the answer to a question and never in a
    published file, whose content would be new every minute.
    `parts`: members of an object that stand in columns of their own where a format is a table.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    type: Literal["text", "integer", "number", "boolean", "datetime", "object", "list"]
    ja: str
    en: str
    unit: str | None = None
    eei_item: str | None = None
    connid: str | None = None
    volatile: bool = False
    parts: tuple[Field, ...] = ()

    @property
    def is_count(self) -> bool:
        """True where the value is a count with its state: an object that has a unit."""
        return self.type == "object" and self.unit is not None


COMMON = (
    Field(name="id", type="text", ja="識別子（不変）", en="Identifier, stable for ever"),
    Field(name="kind", type="text", ja="種類", en="Kind of item"),
    Field(name="muni_code", type="text", ja="市区町村コード（JIS X 0402、5桁）", en="Municipality code, 5 digits"),
    Field(name="source", type="text", ja="取得元のフィード", en="Feed that it came from"),
    Field(name="issuer", type="text", ja="発表機関", en="Who issued it"),
    Field(name="issued_at", type="datetime", ja="発表時刻", en="When it was issued"),
    Field(name="recorded_at", type="datetime", ja="記録時刻", en="When it was recorded here"),
    Field(name="status", type="text", ja="運用種別", en="actual, exercise or test"),
)
"""The properties that every feature of every layer has, before the layer's own."""


class Sip4d(BaseModel):
    """As which package of SIP4D-ZIP (JSA-S1016:2023) features are written: 情報種別コード and 分類.

    Those of one `geometry`, whose properties are as in `where`; for each incident a package of its own. `name` tells
    packages of one code apart, `title` is what the title must say for that.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    code: str
    category: str
    geometry: Literal["point", "line", "polygon"]
    where: dict[str, str] = {}
    name: str | None = None
    title: str | None = None


MapGroup = Literal[
    "situation", "events", "warnings", "orders", "shelters", "damage", "lifelines", "hazards", "observations", "other"
]
"""The groups of the map's list of layers, in their order."""


class Recent(BaseModel):
    """How long something is news: `days` after the time in the column `by`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    by: str
    days: int


class OnMap(BaseModel):
    """The place of a layer on the map page.

    `group` and `order` say where it stands in the list; `first` that it is shown to who chose nothing. `scale` names
    the colours (vocab/data/map_scale.csv) and `colour_by` the column whose value picks one; `or_by` the column that
    does where that is null. `label` is the column that names a feature. `where`: the features that have a place on
    the map, where the layer tells of one thing at several levels. `recent`: a thing without an end of its own, such
    as an earthquake, is drawn for so many days after the time in a column. `easy` is its title in やさしい日本語.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    group: MapGroup
    order: int
    first: bool = False
    scale: str | None = None
    colour_by: str | None = None
    or_by: str | None = None
    label: str | None = None
    where: dict[str, str] = {}
    recent: Recent | None = None
    easy: str | None = None


class Layer(BaseModel):
    """A layer: which kind of item it shows and what its features carry.

    `id` is the file stem. `fields` are the layer's own; the common ones (id, kind, muni_code, source,
    issuer, issued_at, recorded_at, status) are added to every layer.
    `geometry_from` names a kind whose geometry is borrowed by `muni_code` where an item has none of its own; with
    `geometry_by` by the code in that property, which stands for the municipalities of a coast section, all of them or
    none.
    `inputs` makes it a consolidated layer: no source states its items, `bousai.consolidate.<kind>` makes them of what
    holds of these kinds, and of everything that was ever seen of the kinds in `sightings`. Of the kinds in `endings`
    it also gets what has ended by the newest statement (as the input ``<kind>/ended``): a source that says "none" is
    not one that says nothing. `derived_from`: the kinds that its stored items were computed from, where it has such.
    `sip4d` are the packages of SIP4D-ZIP that it is written as. `tiles`: it has vector tiles (PMTiles) too.
    `map` is its place on the map page, None where it has none.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    kind: str
    title_ja: str
    title_en: str
    description_ja: str
    description_en: str
    geometry: Literal["point", "line", "polygon", "none"]
    geometry_from: str | None = None
    geometry_by: Literal["coast_code"] | None = None
    inputs: tuple[str, ...] = ()
    sightings: tuple[str, ...] = ()
    endings: tuple[str, ...] = ()
    derived_from: tuple[str, ...] = ()
    sip4d: tuple[Sip4d, ...] = ()
    tiles: bool = False
    map: OnMap | None = None
    fields: tuple[Field, ...]
