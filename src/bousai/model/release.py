"""`Release`: which column of which layer leaves this system, and to whom (config/release.yml). Deny by default.

Three tiers, each of which sees what the one before it sees: ``public`` (everybody), ``responders`` (災害対応機関) and
``isut`` (ISUT-SITE). A column that the file does not name leaves to nobody.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, model_validator
from pydantic import Field as Key

from bousai.model.bulletin import VISIBILITIES, Visibility
from bousai.model.layer import COMMON, Field, Layer


def open_to(tier: Visibility) -> tuple[Visibility, ...]:
    """What a reader of a tier may see: his own and everything that is open to more people.

    >>> open_to("responders")
    ('public', 'responders')
    """
    return VISIBILITIES[: VISIBILITIES.index(tier) + 1]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SmallCounts(_Strict):
    """秘匿処理: below a municipality, a count of people or households of at least 1 and less than `below` is not
    shown to the public. `units` are the units of such counts, `exempt` the columns that do not count people who are
    affected, each with its reason.
    """

    below: int = Key(ge=0)
    units: tuple[str, ...]
    exempt: dict[str, str] = {}


class LayerRelease(_Strict):
    """One layer: its columns by tier. `withheld` columns leave to nobody, each with its reason.

    `municipal` says which features speak of a municipality or of more, whose counts stay as they are: ``always``, or
    for a column the values that say so; without it none does. `below` replaces the threshold for small counts.
    `follows` are columns from which a count can be told (a share of it): they go where it goes.
    """

    public: tuple[str, ...] = ()
    responders: tuple[str, ...] = ()
    withheld: dict[str, str] = {}
    municipal: str | dict[str, tuple[str | None, ...]] = {}
    below: int | None = Key(default=None, ge=0)
    follows: dict[str, str] = {}

    @model_validator(mode="after")
    def _once(self) -> Self:
        names = (*self.public, *self.responders, *self.withheld)
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"named twice: {', '.join(twice)}")
        if isinstance(self.municipal, str) and self.municipal != "always":
            raise ValueError(f"municipal is 'always' or a column with its values, not {self.municipal!r}")
        return self

    def decided(self) -> set[str]:
        """The columns that the file names."""
        return {*self.public, *self.responders, *self.withheld}


class Release(_Strict):
    """The whole file. `common` are the columns that every feature has."""

    common: tuple[str, ...]
    small_counts: SmallCounts
    layers: dict[str, LayerRelease]

    def check(self, layers: Mapping[str, Layer]) -> None:
        """Raises ValueError where the file names a layer or a column that there is not."""
        strange = [name for name in self.common if name not in {field.name for field in COMMON}]
        if strange:
            raise ValueError(f"common: there is no column {strange[0]!r}")
        for layer_id, decided in self.layers.items():
            if layer_id not in layers:
                raise ValueError(f"layers.{layer_id}: there is no such layer")
            known = {field.name for field in layers[layer_id].fields}
            told = decided.municipal if isinstance(decided.municipal, dict) else {}
            following = (*decided.follows, *decided.follows.values())
            unknown = sorted({*decided.decided(), *told, *following} - known)
            if unknown:
                raise ValueError(f"layers.{layer_id}: there is no column {unknown[0]!r}")
        names = {field.name for layer in layers.values() for field in layer.fields}
        for name in self.small_counts.exempt:
            if name not in names:
                raise ValueError(f"small_counts.exempt: there is no column {name!r}")

    def undecided(self, layer: Layer) -> list[str]:
        """The columns of a layer that the file does not name, and which so leave to nobody."""
        decided = self.layers.get(layer.id, LayerRelease()).decided()
        return [field.name for field in layer.fields if field.name not in decided]

    def held(self, layer: Layer, tier: Visibility) -> dict[str, str]:
        """The columns of a layer that do not leave to a tier, with the rule that holds them back."""
        decided = self.layers.get(layer.id, LayerRelease())
        allowed = set(decided.public if tier == "public" else (*decided.public, *decided.responders))
        return {
            field.name: "responders"
            if field.name in decided.responders
            else "withheld"
            if field.name in decided.withheld
            else "undecided"
            for field in layer.fields
            if field.name not in allowed
        }

    def of(self, layer: Layer, tier: Visibility, units: Mapping[str, frozenset[str | None]]) -> ReleasedLayer:
        """A layer as a tier may see it. `units`: in which units a column of that name is counted in any layer."""
        decided = self.layers.get(layer.id, LayerRelease())
        held = self.held(layer, tier)
        below = self.small_counts.below if decided.below is None else decided.below
        counted = set(self.small_counts.units)
        has_counts = any(field.unit in counted or field.type in ("object", "list") for field in layer.fields)
        suppressed = tier == "public" and decided.municipal != "always" and below > 1 and has_counts
        other = {name for name, its in units.items() if not its & counted} | set(self.small_counts.exempt)
        plain = {name for name, its in units.items() if its & counted} - set(self.small_counts.exempt)
        return ReleasedLayer(
            **{
                **{name: getattr(layer, name) for name in Layer.model_fields},
                "fields": tuple(field for field in layer.fields if field.name not in held),
            },
            tier=tier,
            common=tuple(field for field in COMMON if field.name in self.common),
            held=held,
            small=SmallRule(
                below=below,
                people=frozenset(plain),
                other=frozenset(other),
                municipal=decided.municipal if isinstance(decided.municipal, dict) else {},
                follows=decided.follows,
            )
            if suppressed
            else None,
        )


class SmallRule(_Strict):
    """How small counts of one layer are held back: see `SmallCounts`.

    `people` are the columns that count people or households, `other` those that surely count something else; what is
    in neither is taken for people.
    """

    below: int
    people: frozenset[str]
    other: frozenset[str]
    municipal: dict[str, tuple[str | None, ...]] = {}
    follows: dict[str, str] = {}

    def is_municipal(self, props: Mapping[str, Any]) -> bool:
        """True where a feature speaks of a whole municipality or of more."""
        return bool(self.municipal) and all(props.get(name) in values for name, values in self.municipal.items())


class ReleasedLayer(Layer):
    """A layer as one tier may see it: `fields` are only the columns that leave to it.

    `held` names the other columns with the rule that holds them back (responders, withheld, undecided); `small` is
    the rule for small counts, None where they are shown. `parts_held` are the columns (``<layer>.<column>``) that a
    consolidated layer is made without: when they change, another version is due.
    """

    tier: Visibility
    common: tuple[Field, ...] = COMMON
    held: dict[str, str] = Key(default_factory=dict)
    small: SmallRule | None = None
    parts_held: tuple[str, ...] = ()
