"""`Layer`: a published view over items; its fields are the public contract (config/layers/*.yml)."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict


class Field(BaseModel):
    """One property of a published feature: name, type, Japanese and English label, unit, standard terms.

    `volatile`: it changes by itself as time passes (an age), so it stands in the answer to a question and never in a
    published file, whose content would be new every minute.
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


class Layer(BaseModel):
    """A layer: which kind of item it shows and what its features carry.

    `id` is the file stem. `fields` are the layer's own; the common ones (id, kind, muni_code, source,
    issuer, issued_at, recorded_at, status) are added to every layer.
    `geometry_from` names a kind whose geometry is borrowed by `muni_code` where an item has none of its own.
    `inputs` makes it a consolidated layer: no source states its items, `bousai.consolidate.<kind>` makes them of what
    holds of these kinds, and of everything that was ever seen of the kinds in `sightings`.
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
    inputs: tuple[str, ...] = ()
    sightings: tuple[str, ...] = ()
    fields: tuple[Field, ...]
