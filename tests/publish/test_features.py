"""Features: deny by default, aspects joined by their time, geometry lent by municipalities."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from bousai.model import ReleasedLayer
from bousai.publish import FeatureTable, features, write_index, write_layer
from tests.publish.tables import COMMON, PUBLISHER, SOURCE, T0, document, layer, row, table, text

CANARY = "canary-9f3b"


def one(layer_: ReleasedLayer, *rows: dict[str, Any]) -> dict[str, Any]:
    """The properties of the one feature that these rows make."""
    (properties,) = features(layer_, [table(rows)], {}).properties
    found: dict[str, Any] = json.loads(properties)
    return found


def test_what_the_layer_does_not_name_is_in_no_file(tmp_path: Path) -> None:
    shown = layer("name")
    rows = [
        row("a", muni_code="17204", props={"name": "小学校", "phone": CANARY, "keeper": {"of": [CANARY]}}),
        row("b", muni_code="17204", props={"name": None, "phone": CANARY}, scope=CANARY),
    ]
    found = features(shown, [table(rows)], {})
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
    write_index(tmp_path, [shown], {"shelter": []}, status="actual", public_url="", published_at=T0)
    files = {path: text(path) for path in tmp_path.rglob("*") if path.is_file()}
    assert len(files) == 23
    files[tmp_path / "direct"] = document(found).decode()
    assert sum("小学校" in said for said in files.values()) == 17
    assert [path.name for path, said in files.items() if CANARY in said] == []
    assert {path.name for path, said in files.items() if "phone" in said or "keeper" in said} == {"manifest.json"}
    manifest = json.loads(files[tmp_path / "layers" / "shelter" / "manifest.json"])
    assert manifest["withheld"] == {"unnamed:keeper": 1, "unnamed:phone": 2}


def test_a_feature_has_the_common_properties_and_the_layers_own_in_order() -> None:
    found = one(layer("name", "floor"), row("x", muni_code="17204", props={"name": "小学校", "other": 1}))
    assert list(found) == [
        "id",
        "kind",
        "muni_code",
        "source",
        "issuer",
        "issued_at",
        "recorded_at",
        "status",
        "name",
        "floor",
    ]
    assert set(found) - {"name", "floor"} == COMMON
    assert found == {
        "id": "x",
        "kind": "shelter",
        "muni_code": "17204",
        "source": "feed",
        "issuer": "内閣府",
        "issued_at": "2026-01-01T09:00:00+09:00",
        "recorded_at": "2026-01-01T09:00:00+09:00",
        "status": "actual",
        "name": "小学校",
        "floor": None,
    }


def test_features_are_ordered_by_id_whatever_the_order_of_rows_and_tables() -> None:
    found = features(layer("n"), [table([row("c"), row("a")]), table([row("b")])], {})
    assert found.ids == ["a", "b", "c"]
    assert [json.loads(text)["id"] for text in found.properties] == found.ids
    assert len(found) == 3


def test_a_later_null_does_not_erase_but_a_later_value_does() -> None:
    hour = timedelta(hours=1)
    early = row("a", scope="1", props={"open": "yes", "people": 10, "note": None})
    late = row("a", scope="2", issued_at=T0 + hour, props={"open": None, "people": 0})
    found = one(layer("open", "people", "note"), late, early)
    assert (found["open"], found["people"], found["note"]) == ("yes", 0, None)


def test_bulletin_types_and_serial_come_from_the_rows_where_the_layer_names_them() -> None:
    rows = [
        row("a", scope="1", bulletin_type="VXSE53", serial="2", issued_at=T0 + timedelta(minutes=1)),
        row("a", scope="2", bulletin_type="VXSE51", serial="1"),
        row("a", scope="3", bulletin_type="VXSE51", serial=None, issued_at=T0 + timedelta(minutes=2)),
    ]
    found = one(layer("bulletin_types", "serial"), *rows)
    assert found["bulletin_types"] == ["VXSE51", "VXSE53"]
    assert found["serial"] == "2"
    assert one(layer("bulletin_types", "serial"), row("a"))["serial"] is None
    assert set(one(layer("n"), *rows)) == COMMON | {"n"}


_aspects = st.lists(
    st.builds(
        dict,
        minute=st.integers(0, 99),
        props=st.dictionaries(st.sampled_from("pqr"), st.one_of(st.none(), st.integers(0, 9)), max_size=3),
        muni_code=st.sampled_from([None, "17204", "17205"]),
        lon=st.sampled_from([None, 135, 136]),
        source=st.sampled_from(["f", "g"]),
        issuer=st.sampled_from(["甲", "乙"]),
        recorded=st.integers(0, 99),
        serial=st.sampled_from([None, "1", "2"]),
        bulletin_type=st.sampled_from("XY"),
    ),
    min_size=1,
    max_size=5,
    unique_by=lambda aspect: aspect["minute"],
)


@given(aspects=_aspects, data=st.data())
def test_aspects_are_joined_in_the_order_of_their_issue(aspects: list[dict[str, Any]], data: st.DataObject) -> None:
    rows = [
        row(
            "a",
            scope=f"s{i}",
            issued_at=T0 + timedelta(minutes=aspect["minute"]),
            recorded_at=T0 + timedelta(minutes=aspect["recorded"]),
            geometry=None if aspect["lon"] is None else shapely.Point(aspect["lon"], 35),
            **{name: aspect[name] for name in ("props", "muni_code", "source", "issuer", "serial", "bulletin_type")},
        )
        for i, aspect in enumerate(aspects)
    ]
    shuffled = data.draw(st.permutations(rows))
    cut = data.draw(st.integers(0, len(rows)))
    found = features(layer("p", "q", "bulletin_types", "serial"), [table(shuffled[:cut]), table(shuffled[cut:])], {})

    newest_first = sorted(rows, key=lambda one: one["issued_at"], reverse=True)

    def last(name: str) -> Any:
        return next((one[name] for one in newest_first if one[name] is not None), None)

    def last_said(name: str) -> Any:
        return next((v for one in newest_first if (v := one["props"].get(name)) is not None), None)

    assert found.ids == ["a"]
    assert found.muni_codes == [last("muni_code")]
    assert found.geometry[0] == last("geometry")
    assert set(found.withheld) == {f"unnamed:{name}" for one in rows for name in one["props"] if name == "r"}
    shown = json.loads(found.properties[0])
    recorded = max(one["recorded_at"] for one in rows)
    assert datetime.fromisoformat(shown.pop("recorded_at")) == recorded
    assert datetime.fromisoformat(shown.pop("issued_at")) == newest_first[0]["issued_at"]
    assert shown == {
        "id": "a",
        "kind": "shelter",
        "status": "actual",
        "muni_code": last("muni_code"),
        "source": " ".join(sorted({one["source"] for one in rows})),
        "issuer": newest_first[0]["issuer"],
        "p": last_said("p"),
        "q": last_said("q"),
        "bulletin_types": sorted({one["bulletin_type"] for one in rows}),
        "serial": last("serial"),
    }


def test_times_are_those_of_japan() -> None:
    found = one(layer("n"), row("a", issued_at=datetime(2024, 1, 1, 7, 10, 9, 500_000, tzinfo=UTC)))
    assert found["issued_at"] == "2024-01-01T16:10:09+09:00"


# ── geometry ─────────────────────────────────────────────────────────────────────────────────────────────


def squares(codes: range) -> dict[str, bytes]:
    """One square a code, side by side from 139 degrees east."""
    return {str(code): shapely.to_wkb(shapely.box(139 + i, 35, 140 + i, 36)) for i, code in enumerate(codes)}


def placed(borrowed: dict[str, bytes], *rows: dict[str, Any]) -> FeatureTable:
    return features(layer("n", geometry_from="municipality"), [table(rows)], borrowed)


def test_a_municipality_lends_its_area_to_items_without_a_place() -> None:
    lent = squares(range(17204, 17206))
    own = shapely.Point(1, 2)
    rows = [
        row("a", muni_code="17205"),
        row("b", muni_code="17205", geometry=own),
        row("c"),
        row("d", muni_code="17999"),
        row("e", muni_code="17205"),
    ]
    area = shapely.from_wkb(lent["17205"])
    assert list(placed(lent, *rows).geometry) == [area, own, None, None, area]
    assert list(placed({}, *rows).geometry) == [None, own, None, None, None]


def test_a_designated_city_is_the_union_of_its_wards() -> None:
    found = placed(squares(range(14131, 14138)), row("a", muni_code="14130"))
    (area,) = found.geometry
    assert area.equals(shapely.box(139, 35, 146, 36))
    assert area.geom_type == "Polygon"
    assert area.exterior.is_ccw


def test_of_a_designated_city_the_wards_that_are_known_are_taken() -> None:
    found = placed(squares(range(14136, 14140)), row("a", muni_code="14130"), row("b", muni_code="14150"))
    assert found.geometry[0].equals(shapely.box(139, 35, 141, 36))
    assert found.geometry[1] is None


def test_a_city_with_an_area_of_its_own_lends_that() -> None:
    lent = {**squares(range(14131, 14138)), "14130": shapely.to_wkb(shapely.box(0, 0, 1, 1))}
    assert placed(lent, row("a", muni_code="14130")).geometry[0] == shapely.box(0, 0, 1, 1)


# ── what must not be joined ──────────────────────────────────────────────────────────────────────────────


def test_items_of_several_statuses_make_no_collection() -> None:
    with pytest.raises(ValueError, match=r"actual.*exercise"):
        features(layer("n"), [table([row("a")]), table([row("b")], status="exercise")], {})


def test_items_of_another_kind_make_no_collection() -> None:
    with pytest.raises(ValueError, match="shows shelter, not earthquake"):
        features(layer("n"), [table([row("a")]), table([row("b")], kind="earthquake")], {})


def test_no_table_is_no_collection_but_an_empty_table_is() -> None:
    with pytest.raises(ValueError, match="status"):
        features(layer("n"), [], {})
    empty = features(layer("n"), [table([], status="exercise")], {})
    assert (len(empty), empty.status, list(empty.withheld)) == (0, "exercise", [])
    assert isinstance(empty.geometry, np.ndarray)
