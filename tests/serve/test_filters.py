"""CQL2 filters: random ones give what a reader of the standard would find by hand, and hostile ones give a 400."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from bousai.serve import crs, filters
from bousai.serve.filter_index import Indexes, queryables
from bousai.serve.problem import Problem
from bousai.serve.snapshots import Snapshot
from tests.publish.tables import layer

FIELDS = [
    {"name": "name", "type": "text", "ja": "名称", "en": "Name"},
    {"name": "n", "type": "integer", "ja": "数", "en": "Number"},
    {"name": "x", "type": "number", "ja": "値", "en": "Value"},
    {"name": "flag", "type": "boolean", "ja": "旗", "en": "Flag"},
    {"name": "at", "type": "datetime", "ja": "時刻", "en": "Time"},
    {"name": "people", "type": "object", "ja": "人数", "en": "People", "unit": "人"},
    {"name": "marks", "type": "list", "ja": "印", "en": "Marks"},
]
LAYER = layer(fields=FIELDS)
TIMES = ["2024-01-01T16:10:00+09:00", "2024-01-01T07:10:00Z", "2024-01-01T16:22:00+09:00", "2023-12-31T23:59:59Z"]
NAMES = ["第一小学校", "a' OR 1=1 --", "100%", "A_B", "ab", "", "Ａｂ", "が"]
ROWS: list[dict[str, Any]] = [
    {
        "name": [None, *NAMES][n % 9],
        "n": [None, 0, 1, 2, -3][n % 5],
        "x": [None, 0.5, 2.0, -1.5][n % 4],
        "flag": [None, True, False][n % 3],
        "at": [None, *TIMES][n % 5],
        "people": [None, {"value": n, "state": "reported"}, {"value": None, "state": "investigating"}][n % 3],
        "marks": ["m"],
        "geometry": [None, shapely.Point(136 + n / 10, 37), shapely.box(136, 36, 137, 36 + n / 20)][n % 3],
    }
    for n in range(60)
]


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> tuple[Snapshot, Indexes]:
    folder = tmp_path_factory.mktemp("filters")
    return snapshot(ROWS, folder), Indexes(folder / "indexes")


def snapshot(rows: list[dict[str, Any]], folder: Path) -> Snapshot:
    lines = []
    for number, row in enumerate(rows):
        shape = row["geometry"]
        geometry = "null" if shape is None else json.dumps(json.loads(shapely.to_geojson(shape)))
        said = orjson.dumps({name: value for name, value in row.items() if name != "geometry"}).decode()
        lines.append(f'{{"type":"Feature","id":"{number:04}","geometry":{geometry},"properties":{said}}}')
    path = folder / "layer.geojson"
    members = '{"type":"FeatureCollection","bousai:valid_at":"2024-01-01T00:00:00Z","features":[\n'
    path.write_text(members + ",\n".join(lines) + "\n]}\n", encoding="utf-8")
    return Snapshot(path, LAYER, "actual", f"actual.shelter.{len(rows):08x}")


def found(
    index: tuple[Snapshot, Indexes], text: str, language: str = "cql2-text", system: str = crs.CRS84
) -> list[int]:
    shown, indexes = index
    rows: list[int] = filters.rows(shown, indexes.of(shown), text, language, system).tolist()
    return rows


# ── the standard, by hand: true, false or None (unknown) ─────────────────────────────────────────────────


def value(row: dict[str, Any], node: Any) -> Any:
    if not isinstance(node, dict):
        return node
    if "timestamp" in node:
        return datetime.fromisoformat(node["timestamp"])
    name = node["property"]
    if name == "people":
        return None if row["people"] is None else row["people"]["value"]
    if name == "people.state":
        return None if row["people"] is None else row["people"]["state"]
    got = row[name]
    return datetime.fromisoformat(got) if name == "at" and got is not None else got


COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda a, b: a == b,
    "<>": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


def holds(row: dict[str, Any], node: Any) -> bool | None:
    if isinstance(node, bool):
        return node
    op, arguments = node["op"], node["args"]
    if op in ("and", "or"):
        parts = [holds(row, one) for one in arguments]
        decides = op == "or"
        return decides if decides in parts else None if None in parts else not decides
    if op == "not":
        inner = holds(row, arguments[0])
        return None if inner is None else not inner
    if op == "isNull":
        return value(row, arguments[0]) is None
    if op == "s_intersects":
        shape = row["geometry"]
        return None if shape is None else bool(shape.intersects(shapely.from_geojson(json.dumps(arguments[1]))))
    left = value(row, arguments[0])
    if op == "in":
        return None if left is None else left in arguments[1]
    rest = [value(row, one) for one in arguments[1:]]
    if left is None or None in rest:
        return None
    if op == "between":
        return bool(rest[0] <= left <= rest[1])
    return COMPARE[op](left, rest[0])


NUMBERS = st.sampled_from([-3, 0, 1, 2, 0.5, 10, 41])
BY_KIND = {
    "name": st.sampled_from(NAMES),
    "people.state": st.sampled_from(["reported", "investigating", "x"]),
    "n": NUMBERS,
    "x": NUMBERS,
    "people": NUMBERS,
    "at": st.sampled_from([{"timestamp": one} for one in TIMES]),
}


def literals(name: str) -> st.SearchStrategy[Any]:
    return BY_KIND[name]


PROPERTIES = st.sampled_from(sorted(BY_KIND))
OPERATORS = st.sampled_from(sorted(COMPARE))
SOME_NAMES = st.lists(BY_KIND["name"], min_size=1, max_size=3)
POINTS = st.builds(
    lambda lon, lat: {"type": "Point", "coordinates": [lon, lat]},
    st.sampled_from([136.1, 136.5, 137.3]),
    st.sampled_from([36.5, 37.0]),
)


def operation(op: str, *arguments: Any) -> dict[str, Any]:
    return {"op": op, "args": list(arguments)}


def named(name: str) -> dict[str, str]:
    return {"property": name}


COMPARISONS = PROPERTIES.flatmap(
    lambda name: st.builds(operation, OPERATORS, st.just(named(name)), literals(name)),
)
NUMERIC = st.sampled_from(["n", "x", "people"]).map(named)
PREDICATES = st.one_of(
    COMPARISONS,
    st.builds(operation, st.just("isNull"), PROPERTIES.map(named)),
    st.builds(operation, st.just("between"), NUMERIC, NUMBERS, NUMBERS),
    st.builds(operation, st.just("in"), st.just(named("name")), SOME_NAMES),
    st.builds(operation, OPERATORS, NUMERIC, NUMERIC),
    st.builds(operation, st.just("s_intersects"), st.just(named("geometry")), POINTS),
)
FILTERS = st.recursive(
    PREDICATES,
    lambda inner: st.one_of(
        st.builds(operation, st.just("not"), inner),
        st.builds(operation, st.sampled_from(["and", "or"]), inner, inner),
        st.builds(operation, st.sampled_from(["and", "or"]), inner, inner, inner),
    ),
    max_leaves=6,
)


def written(node: Any) -> str:
    """CQL2 JSON as CQL2 text."""
    if isinstance(node, str):
        return "'" + node.replace("'", "''") + "'"
    if isinstance(node, int | float):
        return repr(node)
    if "property" in node:
        return f'"{node["property"]}"'
    if "timestamp" in node:
        return f"TIMESTAMP('{node['timestamp']}')"
    if "type" in node:
        return "POINT({} {})".format(*node["coordinates"])
    op, arguments = node["op"], node["args"]
    if op in ("and", "or"):
        return "(" + f" {op.upper()} ".join(map(written, arguments)) + ")"
    if op == "not":
        return f"NOT ({written(arguments[0])})"
    if op == "isNull":
        return f"{written(arguments[0])} IS NULL"
    if op == "between":
        return "{} BETWEEN {} AND {}".format(*map(written, arguments))
    if op == "in":
        return f"{written(arguments[0])} IN ({', '.join(map(written, arguments[1]))})"
    if op == "s_intersects":
        return f"S_INTERSECTS(geometry, {written(arguments[1])})"
    return f"{written(arguments[0])} {op} {written(arguments[1])}"


@given(node=FILTERS)
@settings(max_examples=300)
def test_a_filter_finds_what_the_standard_says(index: tuple[Snapshot, Indexes], node: Any) -> None:
    expected = [number for number, row in enumerate(ROWS) if holds(row, node) is True]
    assert found(index, json.dumps(node), "cql2-json") == expected
    assert found(index, written(node)) == expected


def nowhere(row: dict[str, Any]) -> bool:
    return False


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("name LIKE '100\\%'", lambda row: row["name"] == "100%"),
        ("name LIKE 'A\\_B'", lambda row: row["name"] == "A_B"),
        ("name LIKE 'a%'", lambda row: (row["name"] or "").startswith("a")),
        ("name LIKE '_b'", lambda row: row["name"] == "ab"),
        ("CASEI(name) = CASEI('AB')", lambda row: row["name"] in ("ab", "Ａｂ")),
        ("CASEI(name) LIKE CASEI('A%')", lambda row: (row["name"] or "")[:1] in ("a", "A", "Ａ") and row["name"]),
        ("ACCENTI(name) = ACCENTI('か')", nowhere),
        ("ACCENTI(name) = ACCENTI('が')", lambda row: row["name"] == "が"),
        ("n = 1 OR n = 2 AND flag", lambda row: row["n"] == 1 or (row["n"] == 2 and row["flag"] is True)),
        ("n + 1 = 2 * n", lambda row: row["n"] == 1),
        ("n / 2 = 0.5", lambda row: row["n"] == 1),
        ("n div 2 = 1", lambda row: row["n"] == 2),
        ("n ^ 2 = 9", lambda row: row["n"] == -3),
        ("n / 0 = 1 OR n / 0 <> 1", nowhere),
        ("n % 2 = 0", lambda row: row["n"] in (0, 2)),
        ("flag", lambda row: row["flag"] is True),
        ("flag = false", lambda row: row["flag"] is False),
        ("NOT flag", lambda row: row["flag"] is False),
        ("at = TIMESTAMP('2024-01-01T07:10:00Z')", lambda row: row["at"] in TIMES[:2]),
        ("at >= DATE('2024-01-01')", lambda row: row["at"] is not None),
        ("T_AFTER(at, TIMESTAMP('2024-01-01T16:10:00+09:00'))", lambda row: row["at"] == TIMES[2]),
        ("T_DURING(at, INTERVAL('2024-01-01T07:00:00Z','..'))", lambda row: row["at"] in TIMES[:3]),
        ("T_BEFORE(at, INTERVAL('2024-01-01T07:10:00Z','..'))", lambda row: row["at"] == TIMES[3]),
        ("S_WITHIN(geometry, BBOX(135,36,136.35,38))", lambda row: within(row, 135, 36, 136.35, 38)),
        ("S_DISJOINT(geometry, BBOX(135,36,136.35,38))", lambda row: apart(row, 135, 36, 136.35, 38)),
        ("S_CONTAINS(geometry, POINT(136.5 36.2))", lambda row: covers(row, 136.5, 36.2)),
        ("geometry IS NULL", lambda row: row["geometry"] is None),
        ("true AND NOT false", lambda row: "n" in row),
        ("people.state = 'investigating'", lambda row: (row["people"] or {}).get("state") == "investigating"),
    ],
)
def test_functions(index: tuple[Snapshot, Indexes], text: str, expected: Callable[[dict[str, Any]], Any]) -> None:
    assert found(index, text) == [number for number, row in enumerate(ROWS) if expected(row)]


def within(row: dict[str, Any], *box: float) -> bool:
    return row["geometry"] is not None and row["geometry"].within(shapely.box(*box))


def apart(row: dict[str, Any], *box: float) -> bool:
    return row["geometry"] is not None and row["geometry"].disjoint(shapely.box(*box))


def covers(row: dict[str, Any], lon: float, lat: float) -> bool:
    return row["geometry"] is not None and row["geometry"].contains(shapely.Point(lon, lat))


def test_a_box_across_the_180th_meridian_is_its_two_sides(index: tuple[Snapshot, Indexes]) -> None:
    """RFC 7946, 5.2, to which the BBOX of CQL2 refers."""
    sides = found(index, "S_INTERSECTS(geometry, BBOX(139, -90, 180, 90))")
    sides += found(index, "S_INTERSECTS(geometry, BBOX(-180, -90, 100, 90))")
    assert sides
    assert found(index, "S_INTERSECTS(geometry, BBOX(139, -90, 100, 90))") == sorted(set(sides))


def test_coordinates_in_another_system(index: tuple[Snapshot, Indexes]) -> None:
    here = found(index, "S_INTERSECTS(geometry, BBOX(136.2, 36.9, 136.6, 37.1))")
    assert here
    turned = "S_INTERSECTS(geometry, POLYGON((36.9 136.2, 37.1 136.2, 37.1 136.6, 36.9 136.6, 36.9 136.2)))"
    for uri in crs.SUPPORTED[1:3]:
        assert found(index, turned, system=uri) == here


REFUSED = {
    "unknown property": "nope = 1",
    "a list": "marks = 'm'",
    "a geometry compared": "geometry = 'x'",
    "kinds": "n = 'one'",
    "text as condition": "name",
    "a function of nobody": "drop_table(name) = 1",
    "array functions": "A_CONTAINS(name, ('a'))",
    "syntax": "n = = 1",
    "nothing": "",
    "a bow-tie": "S_INTERSECTS(geometry, POLYGON((0 0, 1 1, 0 1, 1 0, 0 0)))",
    "both sides": "S_INTERSECTS(geometry, geometry)",
    "a time that is none": "at > TIMESTAMP('2024-13-01T00:00:00Z')",
    "deep brackets": "(" * 3000 + "n=1" + ")" * 3000,
    "deep not": "NOT " * 1500 + "n=1",
    "a chain of comparisons": "n=1" + "=1" * 3900,
    "a chain of sums": "n = " + "+".join(["1"] * 3900),
    "a chain of powers": "n = " + "^".join(["2"] * 300),
    "a box upside down": "S_INTERSECTS(geometry, BBOX(170, 90, 175, -90))",
    "an empty point": "S_INTERSECTS(geometry, POINT EMPTY)",
    "deep functions": "CASEI(ACCENTI(" * 35 + "name" + "))" * 35 + " = 'x'",
    "deep minus": "n = " + "-" * 3000 + "1",
    "long": "name = '" + "x" * 9000 + "'",
    "many": " OR ".join(f"n={number}" for number in range(1200)),
}


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_asked_is_said_to_be_wrong(index: tuple[Snapshot, Indexes], text: str) -> None:
    with pytest.raises(Problem) as refused:
        found(index, text)
    assert refused.value.status == 400
    assert refused.value.detail.startswith("filter: ")
    assert refused.value.remedy


@pytest.mark.parametrize(
    "text",
    [
        '{"op":"not","args":[' * 3000 + "true" + "]}" * 3000,
        "[" * 100_000,
        '{"op":"=","args":[{"property":"n"},NaN]}',
        '{"op":"=","args":[1]}',
        '{"op":"=","args":{"property":"n"}}',
        '{"op":"between","args":[1,2]}',
        '{"op":"in","args":[{"property":"n"},[]]}',
        '{"op":"s_intersects","args":[{"property":"geometry"},{"type":"Point","coordinates":["x"]}]}',
        '{"op":"s_intersects","args":[{"property":"geometry"},{"bbox":[1]}]}',
        '{"op":"t_after","args":[{"property":"at"},{"interval":[1]}]}',
        '{"op":"like","args":[{"property":"name"},{"property":"name"}]}',
        "null",
        '"x"',
        "{}",
        '{"property":["name"]}',
    ],
)
def test_hostile_json(index: tuple[Snapshot, Indexes], text: str) -> None:
    with pytest.raises(Problem) as refused:
        found(index, text, "cql2-json")
    assert refused.value.status == 400


def answered(index: tuple[Snapshot, Indexes], text: str, language: str) -> int:
    try:
        rows = found(index, text, language)
    except Problem as refused:
        return refused.status
    return 200 if rows == sorted(set(rows)) else 500


@given(text=st.text(max_size=60))
@settings(max_examples=200)
def test_any_text_is_an_answer_or_a_400(index: tuple[Snapshot, Indexes], text: str) -> None:
    for language in filters.LANGUAGES:
        assert answered(index, text, language) in (200, 400), text


def test_a_long_list(index: tuple[Snapshot, Indexes]) -> None:
    assert found(index, f"n IN ({', '.join(map(str, range(1, 1500)))})") == found(index, "n = 1 OR n = 2")


def test_injection_finds_the_name_and_nothing_else(index: tuple[Snapshot, Indexes]) -> None:
    wanted = [number for number, row in enumerate(ROWS) if row["name"] == "a' OR 1=1 --"]
    assert wanted
    assert found(index, "name = 'a'' OR 1=1 --'") == wanted
    assert found(index, '{"op":"=","args":[{"property":"name"},"a\' OR 1=1 --"]}', "cql2-json") == wanted


def test_two_that_ask_at_once_make_one_index() -> None:
    from concurrent.futures import ThreadPoolExecutor

    with tempfile.TemporaryDirectory() as name:
        shown = snapshot(ROWS, Path(name))
        indexes = Indexes(Path(name) / "indexes")
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda _: found((shown, indexes), "n = 1"), range(16)))
        assert all(answer == answers[0] for answer in answers)
        assert [path.name for path in (Path(name) / "indexes").iterdir()] == [f"{shown.key}.filter"]
        indexes.close()


def test_what_can_be_named_is_what_can_be_seen() -> None:
    names = set(queryables(LAYER))
    assert {"name", "n", "x", "flag", "at", "people", "people.state"} <= names
    assert "marks" not in names
    assert np.all([one.kind in ("text", "number", "boolean", "time") for one in queryables(LAYER).values()])
