"""Filters in CQL2 (OGC 21-065r2), text and JSON, over a snapshot.

The `cql2` library parses; what it gives (CQL2 JSON) is translated here to a condition of SQLAlchemy in which every
value is bound. Its own ``to_sql`` is not used: that makes text for PostgreSQL. Spatial predicates are worked out by
shapely for all features at once and come into the condition as the rows for which they hold.

What is not there: array functions, custom functions, a property on both sides of a spatial predicate.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast
from zoneinfo import ZoneInfo

import cql2
import numpy as np
import orjson
import shapely
import sqlalchemy as sa

from bousai.serve import crs, filter_index
from bousai.serve.filter_index import Index, Kind
from bousai.serve.problem import Problem
from bousai.serve.snapshots import Relation, Rows, Snapshot

# Temporal functions, all spatial functions and ACCENTI answer too; tests hold the classes below against the standard.
CONFORMANCE = tuple(
    f"http://www.opengis.net/spec/{part}"
    for part in (
        "ogcapi-features-3/1.0/conf/queryables",
        "ogcapi-features-3/1.0/conf/filter",
        "ogcapi-features-3/1.0/conf/features-filter",
        "cql2/1.0/conf/cql2-text",
        "cql2/1.0/conf/cql2-json",
        "cql2/1.0/conf/basic-cql2",
        "cql2/1.0/conf/advanced-comparison-operators",
        "cql2/1.0/conf/case-insensitive-comparison",
        "cql2/1.0/conf/basic-spatial-functions",
        "cql2/1.0/conf/basic-spatial-functions-plus",
        "cql2/1.0/conf/property-property",
        "cql2/1.0/conf/arithmetic",
    )
)
LANGUAGES = ("cql2-text", "cql2-json")
GEOMETRY = "geometry"
_LONGEST, _DEEPEST, _MOST_NODES, _MOST_SIGNS = 8000, 80, 2000, 400
_JST = ZoneInfo("Asia/Tokyo")
_ALWAYS = 2**62
_COMPARISONS: Mapping[str, Callable[[Any, Any], Any]] = {
    "=": lambda a, b: a == b,
    "<>": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}
_ARITHMETIC: Mapping[str, Callable[[Any, Any], Any]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: sa.cast(a, sa.REAL) / b,
    "%": lambda a, b: a - b * sa.cast(a / b, sa.BigInteger()),
    "div": lambda a, b: sa.cast(sa.cast(a, sa.REAL) / b, sa.BigInteger()),
    "^": lambda a, b: sa.func.power_of(a, b),
}
_SPATIAL = frozenset(
    f"s_{one}" for one in ("intersects", "disjoint", "contains", "within", "touches", "crosses", "overlaps", "equals")
)
_TURNED = {"s_contains": "s_within", "s_within": "s_contains"}
_Ends = tuple[Any, Any]
# OGC 21-065r2, 7.9: each as a relation of the beginnings and ends of its two periods; an instant is both.
_TEMPORAL: Mapping[str, Callable[[_Ends, _Ends], Any]] = {
    "t_after": lambda a, b: a[0] > b[1],
    "t_before": lambda a, b: a[1] < b[0],
    "t_contains": lambda a, b: sa.and_(a[0] < b[0], a[1] > b[1]),
    "t_disjoint": lambda a, b: sa.or_(a[1] < b[0], a[0] > b[1]),
    "t_during": lambda a, b: sa.and_(a[0] > b[0], a[1] < b[1]),
    "t_equals": lambda a, b: sa.and_(a[0] == b[0], a[1] == b[1]),
    "t_finishedby": lambda a, b: sa.and_(a[0] < b[0], a[1] == b[1]),
    "t_finishes": lambda a, b: sa.and_(a[0] > b[0], a[1] == b[1]),
    "t_intersects": lambda a, b: sa.and_(a[1] >= b[0], a[0] <= b[1]),
    "t_meets": lambda a, b: a[1] == b[0],
    "t_metby": lambda a, b: a[0] == b[1],
    "t_overlappedby": lambda a, b: sa.and_(a[0] > b[0], a[0] < b[1], a[1] > b[1]),
    "t_overlaps": lambda a, b: sa.and_(a[0] < b[0], a[1] > b[0], a[1] < b[1]),
    "t_startedby": lambda a, b: sa.and_(a[0] == b[0], a[1] > b[1]),
    "t_starts": lambda a, b: sa.and_(a[0] == b[0], a[1] < b[1]),
}


def _no(cause: str, remedy: str = "") -> Problem:
    return Problem(
        400, f"filter: {cause}", remedy=remedy or "see /api, and the collection's queryables", parameter="filter"
    )


def rows(snapshot: Snapshot, index: Index, text: str, language: str, system: str = crs.CRS84) -> Rows:
    """The rows of a snapshot for which a filter is true (not: false, unknown), in order.

    `system` is the reference system of the coordinates in it (``filter-crs``). Raises `Problem`: 400 with what is
    wrong with the filter, 503 where it takes too long.
    """
    tree = parsed(text, language)
    where = _Translation(snapshot, index, system).condition(tree)
    try:
        return np.array(index.rows(where), dtype=np.int64)
    except TimeoutError:
        raise Problem(
            503,
            "filter: it takes too long",
            remedy="ask for less, or add bbox or muni",
            headers={"Retry-After": "5"},
        ) from None
    except RecursionError:
        raise _no("nested too deep", "write it flatter") from None


def parsed(text: str, language: str) -> Any:
    """A filter as CQL2 JSON, within bounds of length, depth and size: what is beyond them would be an attack."""
    if len(text) > _LONGEST:
        raise _no(f"longer than {_LONGEST} characters", "ask for less at once")
    if _depth(text) > _DEEPEST:
        raise _no(f"nested more than {_DEEPEST} deep", "write it flatter")
    # a = b = c … goes one deeper for each sign, and where the parser's stack ends the whole process ends. What is in
    # quotes counts too: a quote that is read otherwise here than there would hide the rest.
    if len(re.findall("[=<>]+", text)) > _MOST_SIGNS:
        raise _no(f"more than {_MOST_SIGNS} comparisons", "ask for less at once")
    try:
        if language == "cql2-text":
            tree = cql2.parse_text(text).to_json()
        else:
            tree = cql2.parse_json(orjson.dumps(orjson.loads(text)).decode()).to_json()
    except Exception as error:  # noqa: BLE001  (it raises its own, ValueError, and of an empty point a bare one)
        where = re.sub(r"\s+", " ", str(error))[:300]
        raise _no(f"not {language}: {where}", "state = 'open' AND evacuees > 100") from None
    parts, deep = _size(tree)
    if parts > _MOST_NODES:
        raise _no(f"more than {_MOST_NODES} parts", "ask for less at once")
    if deep > 2 * _DEEPEST:
        raise _no(f"nested more than {_DEEPEST} deep", "write it flatter")
    return tree


def _depth(text: str) -> int:
    """How deep brackets and chains of NOT or minus go, whatever is in quotes: never less than a parser would go."""
    deepest = depth = 0
    for sign in text:
        if sign in "([{":
            depth += 1
            deepest = max(deepest, depth)
        elif sign in ")]}":
            depth -= 1
    chains = re.findall(r"(?:(?:\bnot\b|-)[\s(]*)+", text, flags=re.IGNORECASE)
    return deepest + max((len(re.findall(r"not|-", one, flags=re.IGNORECASE)) for one in chains), default=0)


def _size(tree: Any) -> tuple[int, int]:
    """How many parts a tree has and how deep it goes, without going deep itself."""
    parts, deep, level = 0, 0, [tree]
    while level:
        parts, deep = parts + len(level), deep + 1
        inner = (one.values() if isinstance(one, dict) else one for one in level if isinstance(one, dict | list))
        level = [part for some in inner for part in some]
    return parts, deep


@dataclass(frozen=True, slots=True)
class _Value:
    """Something that can be compared: of which kind, and as SQL."""

    kind: Kind
    sql: Any


class _Translation:
    """CQL2 JSON → conditions over the index of one snapshot."""

    def __init__(self, snapshot: Snapshot, index: Index, system: str) -> None:
        self._snapshot = snapshot
        self._index = index
        self._system = system
        self._known = filter_index.queryables(snapshot.layer)

    def condition(self, node: Any) -> sa.ColumnElement[bool]:
        """What is true, false or unknown."""
        if isinstance(node, bool):
            return sa.true() if node else sa.false()
        if not isinstance(node, dict):
            raise _no(f"{str(node)[:60]!r} is no condition")
        if "op" not in node:
            return cast("sa.ColumnElement[bool]", self._as(self._value(node), "boolean") == sa.literal(True))
        op, arguments = str(node["op"]).lower(), node.get("args")
        if not isinstance(arguments, list):
            raise _no(f"{op} has no args")
        return self._operation(op, arguments)

    def _operation(self, op: str, arguments: list[Any]) -> sa.ColumnElement[bool]:
        if op in ("and", "or"):
            join = sa.and_ if op == "and" else sa.or_
            return join(*(self.condition(one) for one in arguments))
        if op == "not":
            return sa.not_(self.condition(self._one(op, arguments)))
        if op == "isnull":
            return self._is_null(self._one(op, arguments))
        if op in _COMPARISONS:
            left, right = self._alike(op, *self._two(op, arguments))
            return cast("sa.ColumnElement[bool]", _COMPARISONS[op](left, right))
        if op == "between":
            if len(arguments) != 3:
                raise _no("between takes a value and two bounds")
            value, low = self._alike(op, arguments[0], arguments[1])
            _, high = self._alike(op, arguments[0], arguments[2])
            return sa.and_(value >= low, value <= high)
        if op == "in":
            value, options = self._two(op, arguments)
            if not isinstance(options, list) or not options:
                raise _no("in takes a value and a list of values")
            alike = [self._alike(op, value, one) for one in options]
            return cast("sa.ColumnElement[bool]", alike[0][0].in_([right for _, right in alike]))
        if op == "like":
            return self._like(*self._two(op, arguments))
        if op in _SPATIAL:
            return self._spatial(op, *self._two(op, arguments))
        if op in _TEMPORAL:
            left, right = self._two(op, arguments)
            return cast("sa.ColumnElement[bool]", _TEMPORAL[op](self._period(left), self._period(right)))
        raise _no(f"no function {op[:40]!r}")

    def _one(self, op: str, arguments: list[Any]) -> Any:
        if len(arguments) != 1:
            raise _no(f"{op} takes one argument")
        return arguments[0]

    def _two(self, op: str, arguments: list[Any]) -> tuple[Any, Any]:
        if len(arguments) != 2:
            raise _no(f"{op} takes two arguments")
        return arguments[0], arguments[1]

    def _is_null(self, node: Any) -> sa.ColumnElement[bool]:
        if isinstance(node, dict) and node.get("property") == GEOMETRY:
            return self._index.located.is_(False)
        return cast("sa.ColumnElement[bool]", self._value(node).sql.is_(None))

    def _value(self, node: Any) -> _Value:
        if isinstance(node, bool):
            return _Value("boolean", sa.literal(node))
        if isinstance(node, int | float):
            return _Value("number", sa.literal(node, sa.Double()))
        if isinstance(node, str):
            return _Value("text", sa.literal(node, sa.Text()))
        if isinstance(node, dict):
            if "property" in node:
                return self._property(str(node["property"]))
            if "timestamp" in node or "date" in node:
                return _Value("time", sa.literal(_instant(node), sa.BigInteger()))
            if "op" in node:
                return self._computed(str(node["op"]).lower(), node.get("args") or [])
        raise _no(f"{orjson.dumps(node).decode()[:80]} cannot be compared")

    def _property(self, name: str) -> _Value:
        if name not in self._known:
            why = "is no scalar; use a spatial function" if name == GEOMETRY else "is no queryable of this layer"
            raise _no(f"{name[:80]!r} {why}", f"one of: {', '.join([*self._known, GEOMETRY])}")
        return _Value(self._known[name].kind, self._index.columns[name])

    def _computed(self, op: str, arguments: list[Any]) -> _Value:
        if op in ("casei", "accenti"):
            (argument,) = (self._one(op, arguments),)
            while isinstance(argument, dict) and str(argument.get("op")).lower() == op:
                argument = self._one(op, argument.get("args") or [])  # folded once is folded
            inner = self._as(self._value(argument), "text")
            return _Value("text", getattr(sa.func, op)(inner, type_=sa.Text()))
        if op in _ARITHMETIC:
            if op == "-" and len(arguments) == 1:
                arguments = [0, arguments[0]]
            left, right = (self._as(self._value(one), "number") for one in self._two(op, arguments))
            return _Value("number", sa.type_coerce(_ARITHMETIC[op](left, right), sa.Double()))
        return _Value("boolean", self._operation(op, arguments))

    def _as(self, value: _Value, kind: Kind) -> Any:
        if value.kind != kind:
            raise _no(f"a {value.kind} stands where a {kind} is wanted")
        return value.sql

    def _alike(self, op: str, left: Any, right: Any) -> tuple[Any, Any]:
        """Two values of one kind. A text against a time is read as a time: not everybody writes TIMESTAMP()."""
        a, b = self._value(left), self._value(right)
        if a.kind == "time" and isinstance(right, str):
            b = self._value({"timestamp": right})
        elif b.kind == "time" and isinstance(left, str):
            a = self._value({"timestamp": left})
        if a.kind != b.kind:
            raise _no(f"{op} between a {a.kind} and a {b.kind}")
        return a.sql, b.sql

    def _like(self, value: Any, pattern: Any) -> sa.ColumnElement[bool]:
        looked = self._as(self._value(value), "text")
        if isinstance(pattern, dict) and isinstance(pattern.get("property"), str):
            raise _no("like takes a pattern in quotes")
        return cast("sa.ColumnElement[bool]", looked.like(self._as(self._value(pattern), "text"), escape="\\"))

    def _period(self, node: Any) -> _Ends:
        if isinstance(node, dict) and "interval" in node:
            ends = node["interval"]
            if not isinstance(ends, list) or len(ends) != 2:
                raise _no("an interval has a beginning and an end")
            return self._end(ends[0], -_ALWAYS), self._end(ends[1], _ALWAYS)
        if isinstance(node, str):
            node = {"timestamp": node}
        at = self._as(self._value(node), "time")
        return at, at

    def _end(self, node: Any, opened: int) -> Any:
        if node == "..":
            return sa.literal(opened, sa.BigInteger())
        return self._as(self._value({"timestamp": node} if isinstance(node, str) else node), "time")

    def _spatial(self, op: str, left: Any, right: Any) -> sa.ColumnElement[bool]:
        if self._is_geometry(right):
            left, right, op = right, left, _TURNED.get(op, op)
        if not self._is_geometry(left) or self._is_geometry(right):
            raise _no(f"{op} takes the property {GEOMETRY} and a geometry")
        holds = self._snapshot.related(cast("Relation", op.removeprefix("s_")), self._shape(right))
        numbers = sa.func.json_each(sa.literal(orjson.dumps(holds.tolist()).decode())).table_valued("value")
        # of a feature that has no geometry nothing is known: neither that it is inside nor that it is not
        return sa.case((self._index.located, self._index.row.in_(sa.select(numbers.c.value))), else_=sa.null())

    def _is_geometry(self, node: Any) -> bool:
        return isinstance(node, dict) and node.get("property") == GEOMETRY

    def _shape(self, node: Any) -> Any:
        if not isinstance(node, dict) or not ("type" in node or "bbox" in node):
            raise _no("a spatial function takes a geometry", "S_INTERSECTS(geometry, POINT(136.96 37.04))")
        try:
            if "bbox" in node:
                numbers = [float(one) for one in node["bbox"]]
                half = len(numbers) // 2
                west, south, east, north = numbers[0], numbers[1], numbers[half], numbers[half + 1]
                around = west > east and self._system == crs.CRS84
                if south > north or (west > east and not around):
                    raise _no(
                        "a BBOX begins south, and in this system west, of its end", "BBOX(west,south,east,north)"
                    )
                # RFC 7946, 5.2: a box whose west is greater than its east crosses the 180th meridian.
                parts = [(west, 180.0), (-180.0, east)] if around else [(west, east)]
                shape = shapely.union_all([shapely.box(low, south, high, north) for low, high in parts])
            else:
                shape = shapely.from_geojson(orjson.dumps(node).decode())
            moved = crs.to_crs84(shape, self._system)
        except (shapely.errors.GEOSException, ValueError, TypeError, IndexError, KeyError):
            moved = None
        if moved is None or not np.isfinite(shapely.get_coordinates(moved)).all() or not shapely.is_valid(moved):
            raise _no(f"no valid geometry: {orjson.dumps(node).decode()[:80]}")
        return moved


def _instant(node: Mapping[str, Any]) -> int:
    """Microseconds since 1970 UTC. A date is its beginning in Japan, and so is a time that has no offset."""
    text = str(node.get("timestamp", node.get("date")))
    try:
        at = datetime.fromisoformat(text)
        at = at if at.tzinfo is not None else at.replace(tzinfo=_JST)
        return round((at - datetime(1970, 1, 1, tzinfo=ZoneInfo("UTC"))) / timedelta(microseconds=1))
    except (ValueError, OverflowError):
        raise _no(f"not a time: {text[:60]!r}", "TIMESTAMP('2024-01-01T07:10:00Z')") from None
