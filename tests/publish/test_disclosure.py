"""Disclosure: small counts are in no file of the public, in whatever shape they come; what is known stays known."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bousai.model import Field, Layer, Release, ReleasedLayer
from bousai.publish import features, write_layer
from bousai.publish.disclosure import suppressed
from bousai.vocab.count import Count, reported, without
from tests.publish.tables import PUBLISHER, SOURCE, T0, row, table, text

RELEASE = Release.model_validate(
    {
        "common": ["id", "kind", "muni_code", "source", "issuer", "issued_at", "recorded_at", "status"],
        "small_counts": {"below": 5, "units": ["人", "世帯"], "exempt": {"capacity": "room, not people"}},
        "layers": {
            "shelter": {
                "public": [
                    "name",
                    "level",
                    "evacuees",
                    "households",
                    "capacity",
                    "rate",
                    "depth",
                    "claims",
                    "persons",
                ],
                "responders": ["note"],
                "withheld": {"phone": "a person's"},
                "municipal": {"level": ["municipality"]},
                "follows": {"rate": "evacuees"},
            }
        },
    }
)
FIELDS = [
    ("name", "text", None),
    ("level", "text", None),
    ("evacuees", "object", "人"),
    ("households", "object", "世帯"),
    ("capacity", "object", "人"),
    ("rate", "number", None),
    ("depth", "object", "m"),
    ("claims", "list", None),
    ("persons", "integer", "人"),
    ("note", "text", None),
    ("phone", "text", None),
    ("forgotten", "text", None),
]
LAYER = Layer(
    id="shelter",
    kind="shelter",
    title_ja="避難所",
    title_en="Shelters",
    description_ja="",
    description_en="",
    geometry="point",
    fields=tuple(Field(name=n, type=t, ja=n, en=n, unit=u) for n, t, u in FIELDS),  # type: ignore[arg-type]
)
UNITS = {n: frozenset([u]) for n, _, u in FIELDS if u is not None}
PUBLIC = RELEASE.of(LAYER, "public", UNITS)
RESPONDERS = RELEASE.of(LAYER, "responders", UNITS)
HELD = without("suppressed")


def shown(layer: ReleasedLayer, **props: Any) -> dict[str, Any]:
    (said,) = features(layer, [table([row("a", props=props)])], {}).properties
    found: dict[str, Any] = json.loads(said)
    return found


def test_each_tier_has_its_own_columns() -> None:
    assert [field.name for field in PUBLIC.fields] == list(RELEASE.layers["shelter"].public)
    assert [field.name for field in RESPONDERS.fields] == [*RELEASE.layers["shelter"].public, "note"]
    assert RELEASE.of(LAYER, "isut", UNITS).fields == RESPONDERS.fields
    assert PUBLIC.held == {"note": "responders", "phone": "withheld", "forgotten": "undecided"}
    props = {"name": "小学校", "note": "n", "phone": "p", "forgotten": "f", "stored": "s"}
    found = features(PUBLIC, [table([row("a", props=props)])], {})
    assert found.withheld == {
        "undecided:forgotten": 1,
        "responders:note": 1,
        "withheld:phone": 1,
        "unnamed:stored": 1,
    }
    assert {"note", "phone", "forgotten", "stored"}.isdisjoint(shown(PUBLIC, **props))
    assert shown(RESPONDERS, **props)["note"] == "n"


@pytest.mark.parametrize(
    ("count", "is_held"),
    [
        (reported(0), False),
        (reported(1), True),
        (reported(4), True),
        (reported(4, "approx", "約4人"), True),
        (reported(3, "at_least", "3人以上"), True),
        (reported(5), False),
        (reported(120), False),
        (without("investigating", "調査中"), False),
        (without("blank"), False),
        (None, False),
    ],
)
def test_which_counts_are_held_back(count: Count | None, is_held: bool) -> None:
    found = shown(PUBLIC, evacuees=count, households=count, capacity=count, depth=count)
    assert found["evacuees"] == found["households"] == (HELD if is_held else count)
    assert found["capacity"] == found["depth"] == count
    assert shown(RESPONDERS, evacuees=count)["evacuees"] == count


def test_what_follows_from_a_small_count_goes_with_it() -> None:
    assert shown(PUBLIC, evacuees=reported(3), capacity=reported(60), rate=0.05)["rate"] is None
    assert shown(PUBLIC, evacuees=reported(30), capacity=reported(60), rate=0.5)["rate"] == 0.5
    assert shown(PUBLIC, households=reported(1), evacuees=reported(5), rate=0.5)["rate"] == 0.5


def test_a_municipality_keeps_its_counts() -> None:
    for level, value in (("municipality", reported(2)), ("district", HELD), (None, HELD)):
        assert shown(PUBLIC, level=level, evacuees=reported(2))["evacuees"] == value


def test_small_counts_within_lists_and_objects() -> None:
    claims = [
        {"source": "f", "evacuees": reported(3), "households": reported(8), "text": "3人"},
        {"source": "g", "attribute": "evacuees", "value": reported(2), "age_min": 3},
        {"attribute": "persons", "value": 4},
        {"whatever": reported(1)},
        {"capacity": reported(4), "depth": {"value": 2, "state": "reported"}},
    ]
    found = shown(PUBLIC, claims=claims, persons=4)
    assert found["claims"] == [
        {"source": "f", "evacuees": HELD, "households": reported(8), "text": None},
        {"source": "g", "attribute": "evacuees", "value": HELD, "age_min": 3},
        {"attribute": "persons", "value": None},
        {"whatever": HELD},
        {"capacity": reported(4), "depth": {"value": 2, "state": "reported"}},
    ]
    assert found["persons"] is None
    assert features(PUBLIC, [table([row("a", props={"claims": claims})])], {}).withheld == {"small_count": 4}


_values = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.text(max_size=3),
        st.builds(reported, st.integers(0, 9), st.just("exact"), st.none()),
        st.builds(lambda n: reported(n, "approx", f"約{n}人"), st.integers(0, 9)),
        st.sampled_from([without("blank"), without("many", "多数")]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(["evacuees", "claims", "x"]), inner, max_size=3)
    ),
    max_leaves=12,
)


def counts(value: Any) -> list[Any]:
    """Every count in a value, in order."""
    if isinstance(value, dict):
        return [value] if {"value", "state"} <= set(value) else [c for one in value.values() for c in counts(one)]
    return [c for one in value for c in counts(one)] if isinstance(value, list) else []


@given(st.dictionaries(st.sampled_from(["evacuees", "claims", "households"]), _values, max_size=3))
def test_no_small_count_is_left_and_no_other_is_touched(props: dict[str, Any]) -> None:
    rule = PUBLIC.small
    assert rule is not None
    found, held = suppressed(props, rule)
    before, after = counts(list(props.values())), counts(list(found.values()))
    small = [c for c in before if c["value"] in (1, 2, 3, 4)]
    assert held == len(small)
    assert [c["value"] for c in after] == [None if c in small else c["value"] for c in before]
    assert all(c == HELD for c, was in zip(after, before, strict=True) if was in small)
    assert [c for c, was in zip(after, before, strict=True) if was not in small] == [
        c for c in before if c not in small
    ]


def test_a_small_count_that_changes_makes_no_new_version(tmp_path: Path) -> None:
    """Neither the changes nor the number of versions tell that three became four."""

    def put(people: int) -> bool:
        rows = [row("a", muni_code="17202", props={"evacuees": reported(people, "approx", f"約{people}人")})]
        found = features(PUBLIC, [table(rows)], {})
        return write_layer(
            tmp_path,
            found,
            status="actual",
            valid_at=T0,
            known_at=T0,
            published_at=T0,
            freshness=[SOURCE],
            publisher=PUBLISHER,
        ).changed

    assert [put(3), put(4), put(1)] == [True, False, False]
    texts = [text(path) for path in tmp_path.rglob("*") if path.is_file()]
    assert not any("約" in said for said in texts)
    assert sum("suppressed" in said for said in texts) >= 5


def test_a_count_that_becomes_small_is_in_no_change_of_it(tmp_path: Path) -> None:
    for people in (8, 3, 9, 2):
        rows = [row("a", muni_code="17202", props={"evacuees": reported(people, "approx", f"約{people}人")})]
        put_rows(tmp_path, rows)
    names = {"約8人": 0, "約3人": 0, "約9人": 0, "約2人": 0}
    for path in tmp_path.rglob("*"):
        if path.is_file():
            said = text(path)
            names = {name: found + (name in said) for name, found in names.items()}
    assert (names["約3人"], names["約2人"]) == (0, 0)
    assert names["約8人"] > 0 < names["約9人"]


def put_rows(root: Path, rows: list[dict[str, Any]]) -> None:
    """Publish these rows to everybody."""
    found = features(PUBLIC, [table(rows)], {})
    more: dict[str, Any] = {"freshness": [SOURCE], "publisher": PUBLISHER}
    write_layer(root, found, status="actual", valid_at=T0, known_at=T0, published_at=T0, **more)


def test_a_tree_takes_one_tier(tmp_path: Path) -> None:
    def put(layer: ReleasedLayer) -> None:
        found = features(layer, [table([row("a")])], {})
        write_layer(
            tmp_path,
            found,
            status="actual",
            valid_at=T0,
            known_at=T0,
            published_at=T0,
            freshness=[SOURCE],
            publisher=PUBLISHER,
        )

    put(PUBLIC)
    with pytest.raises(ValueError, match="responders may see"):
        put(RESPONDERS)
    with pytest.raises(ValueError, match="isut may see"):
        put(RELEASE.of(LAYER, "isut", UNITS))
