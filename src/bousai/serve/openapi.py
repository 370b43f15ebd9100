"""The API as an OpenAPI 3.0.3 document, and what every operation has in common.

Made from the catalogue, so a layer that is added to config/ is in it. Rule: OGC 17-069r4, 7.3 and requirements class
OpenAPI 3.0.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bousai.model import Status
from bousai.serve import crs, filters, query

_PROBLEM = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/problem"}}}
_TIME = "An instant (RFC 3339). Without an offset: Japan time."


def document(base: str, status: Status, layers: Sequence[str], version: str, *, flat: bool = False) -> dict[str, Any]:
    """The whole document; `base` is the root of the API, `layers` are the ids of its collections, `flat` says whether
    their properties are."""
    mark = "" if status == "actual" else "【訓練】"
    kind = " Properties are flat, for desktop GIS: the columns of the GeoPackage." if flat else ""
    return {
        "openapi": "3.0.3",
        "info": {
            "title": f"{mark}bousai",
            "version": version,
            "description": (
                f"{mark}Layers of disaster information for Japan. Read-only. `datetime` is valid time (what was true)"
                ", `known-at` is known time (what had reached this installation). Every collection says how old its"
                f" sources are and names them; use with the credit lines that it carries.{kind}"
            ),
            "license": {"name": "See each collection: licences of its sources"},
        },
        "servers": [{"url": base}],
        "tags": [{"name": "capabilities"}, {"name": "data"}],
        "paths": {
            "/": _get("landing", "capabilities", "Landing page", [], _json("object")),
            "/conformance": _get("conformance", "capabilities", "Conformance classes", [], _json("conformance")),
            "/api": _get(
                "api",
                "capabilities",
                "This document",
                [],
                {"application/vnd.oai.openapi+json;version=3.0": {"schema": {"type": "object"}}, **_HTML},
            ),
            "/collections": _get("collections", "data", "The layers", [], _json("collections")),
            "/collections/{layer}": _get("collection", "data", "One layer", ["layer"], _json("collection"), 404),
            "/collections/{layer}/queryables": _get(
                "queryables",
                "data",
                "What filters may name",
                ["layer"],
                {"application/schema+json": {"schema": {"type": "object"}}, **_HTML},
                404,
            ),
            **(_SCHEMA_PATHS if flat else {}),
            "/collections/{layer}/items": _get(
                "items",
                "data",
                "Features of a layer, page by page",
                ["layer", *_ITEMS],
                _geojson("page"),
                404,
                410,
                503,
            ),
            "/collections/{layer}/items/{feature}": _get(
                "item", "data", "One feature", ["layer", "feature", *_PICTURE], _geojson("feature"), 404, 503
            ),
            "/collections/{layer}/items/{feature}/sources": _get(
                "sources",
                "data",
                "The documents that a feature rests upon",
                ["layer", "feature", *(one for one in _PICTURE if one != "crs")],
                _json("sources"),
                404,
                503,
            ),
        },
        "components": {
            "parameters": _parameters(layers),
            "schemas": _SCHEMAS,
            "responses": {
                "NotModified": {"description": "The client has it already (If-None-Match)"},
                **{
                    f"Problem{code}": {"description": words, "content": _PROBLEM} for code, words in _PROBLEMS.items()
                },
            },
        },
    }


_PICTURE = ["datetime", "known-at", "status", "crs"]
_ITEMS = [
    *("bbox", "bbox-crs", "crs", "datetime", "known-at", "status", "muni", "limit", "cursor"),
    *("filter", "filter-lang", "filter-crs", "properties", "skip-geometry"),
]
_PROBLEMS = {
    400: "Something in the request is wrong: which parameter, why, and what to do",
    404: "There is nothing of this name",
    410: "The picture that a cursor names is no longer kept",
    503: "Not now: it takes too long, or the store cannot be asked; Retry-After says when to ask again",
}
_HTML: dict[str, Any] = {"text/html": {"schema": {"type": "string"}}}


def _get(
    name: str, tag: str, title: str, parameters: Sequence[str], content: dict[str, Any], *more: int
) -> dict[str, Any]:
    etag = {"ETag": {"schema": {"type": "string"}, "description": "Send it back as If-None-Match"}}
    return {
        "get": {
            "operationId": name,
            "tags": [tag],
            "summary": title,
            "parameters": [{"$ref": f"#/components/parameters/{one}"} for one in (*parameters, "f")],
            "responses": {
                "200": {"description": title, "headers": etag, "content": content},
                "304": {"$ref": "#/components/responses/NotModified"},
                **{str(code): {"$ref": f"#/components/responses/Problem{code}"} for code in (400, *more)},
            },
        }
    }


def _json(schema: str) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}, **_HTML}


def _geojson(schema: str) -> dict[str, Any]:
    return {"application/geo+json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}, **_HTML}


def _parameters(layers: Sequence[str]) -> dict[str, Any]:
    systems = {"type": "string", "enum": list(crs.SUPPORTED), "default": crs.CRS84}
    return {
        "layer": {
            "name": "layer",
            "in": "path",
            "required": True,
            "description": "The id of a layer",
            "schema": {"type": "string", "enum": list(layers)},
        },
        "feature": {
            "name": "feature",
            "in": "path",
            "required": True,
            "description": "The id of a feature",
            "schema": {"type": "string", "minLength": 1},
        },
        "f": _query(
            "f", "The form of the answer; default: what Accept prefers", {"type": "string", "enum": ["json", "html"]}
        ),
        "bbox": {
            **_query(
                "bbox",
                "West, south, east, north (or with heights, six numbers): features whose geometry touches it",
                {
                    "type": "array",
                    "items": {"type": "number", "minimum": -20037509, "maximum": 20037509},
                    "oneOf": [{"minItems": n, "maxItems": n} for n in (4, 6)],
                },
            ),
            "style": "form",
            "explode": False,
            "example": [136.5, 36.8, 137.4, 37.6],
        },
        "bbox-crs": _query("bbox-crs", "The reference system of bbox", systems),
        "crs": _query("crs", "The reference system of the answer", systems),
        "datetime": _query(
            "datetime",
            "What was true at an instant, or at some time of an interval (a/b, ../b, a/..); default now. " + _TIME,
            {"type": "string", "format": "x-valid-time"},
            "2024-01-01T16:30:00+09:00",
        ),
        "known-at": _query(
            "known-at",
            "What had been recorded by an instant; default now. " + _TIME,
            {"type": "string", "format": "x-known-time"},
            "2026-01-01T00:00:00+09:00",
        ),
        "status": _query(
            "status",
            "actual, exercise (訓練) or test (試験)",
            {"type": "string", "enum": ["actual", "exercise", "test"]},
        ),
        "muni": _query(
            "muni",
            "Municipalities (JIS X 0402, five digits, or six with the check digit) or prefectures (two), by commas",
            {"type": "string", "format": "x-muni-codes"},
            "17204",
        ),
        "limit": _query(
            "limit",
            f"Features of a page; more than {query.MOST} is {query.MOST}",
            {"type": "integer", "minimum": 1, "maximum": 999999999, "default": query.LIMIT},
        ),
        "cursor": _query(
            "cursor", "Where the page begins: from a next link, as it is", {"type": "string", "format": "x-cursor"}
        ),
        "filter": _query(
            "filter",
            "A condition in CQL2 over the queryables",
            {"type": "string", "format": "x-cql2"},
            "issuer = '気象庁'",
        ),
        "filter-lang": _query(
            "filter-lang",
            "The language of filter",
            {"type": "string", "enum": list(filters.LANGUAGES), "default": filters.LANGUAGES[0]},
        ),
        "filter-crs": _query("filter-crs", "The reference system of coordinates in filter", systems),
        "properties": _query(
            "properties",
            "Only these properties, by commas",
            {"type": "string", "format": "x-property-names"},
            "id,issuer",
        ),
        "skip-geometry": _query("skip-geometry", "Without geometries", {"type": "boolean", "default": False}),
    }


def _query(name: str, words: str, schema: dict[str, Any], example: str | None = None) -> dict[str, Any]:
    told = {"name": name, "in": "query", "required": False, "description": words, "schema": schema}
    return told if example is None else {**told, "example": example}


def _schema(name: str, title: str) -> dict[str, Any]:
    """An operation that answers with a JSON Schema and knows no other form."""
    found = _get(name, "data", title, ["layer"], {"application/schema+json": {"schema": {"type": "object"}}}, 404)
    found["get"]["parameters"] = [{"$ref": "#/components/parameters/layer"}]
    return found


_SCHEMA_PATHS = {
    "/collections/{layer}/schema": _schema("schema", "The columns of a layer"),
    "/collections/{layer}/schema/feature": _schema("feature_schema", "A feature as JSON Schema"),
}
_LINK = {
    "type": "object",
    "required": ["href", "rel"],
    "properties": {name: {"type": "string"} for name in ("href", "rel", "type", "title", "hreflang")},
}
_LINKS = {"type": "array", "items": {"$ref": "#/components/schemas/link"}}
_SCHEMAS: dict[str, Any] = {
    "object": {"type": "object", "required": ["links"], "properties": {"links": _LINKS}},
    "link": _LINK,
    "problem": {
        "type": "object",
        "required": ["type", "title", "status", "detail"],
        "properties": {
            "type": {"type": "string"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string"},
            "remedy": {"type": "string"},
            "parameter": {"type": "string"},
        },
    },
    "conformance": {
        "type": "object",
        "required": ["conformsTo"],
        "properties": {"conformsTo": {"type": "array", "items": {"type": "string"}}},
    },
    "collection": {
        "type": "object",
        "required": ["id", "title", "links", "extent", "crs", "storageCrs"],
        "properties": {
            "id": {"type": "string"},
            "title": {"type": "string"},
            "description": {"type": "string"},
            "itemType": {"type": "string"},
            "extent": {"type": "object"},
            "crs": {"type": "array", "items": {"type": "string"}},
            "storageCrs": {"type": "string"},
            "attribution": {"type": "string"},
            "links": _LINKS,
        },
    },
    "collections": {
        "type": "object",
        "required": ["links", "collections"],
        "properties": {
            "links": _LINKS,
            "collections": {"type": "array", "items": {"$ref": "#/components/schemas/collection"}},
        },
    },
    "feature": {
        "type": "object",
        "required": ["type", "id", "geometry", "properties"],
        "properties": {
            "type": {"type": "string", "enum": ["Feature"]},
            "id": {"type": "string"},
            "geometry": {"type": "object", "nullable": True},
            "properties": {"type": "object"},
            "links": _LINKS,
        },
    },
    "page": {
        "type": "object",
        "required": ["type", "features", "numberMatched", "numberReturned", "timeStamp", "links"],
        "properties": {
            "type": {"type": "string", "enum": ["FeatureCollection"]},
            "timeStamp": {"type": "string", "format": "date-time"},
            "numberMatched": {"type": "integer", "minimum": 0},
            "numberReturned": {"type": "integer", "minimum": 0},
            "links": _LINKS,
            "features": {"type": "array", "items": {"$ref": "#/components/schemas/feature"}},
        },
    },
    "sources": {
        "type": "object",
        "required": ["layer", "id", "status", "sources"],
        "properties": {
            "layer": {"type": "string"},
            "id": {"type": "string"},
            "status": {"type": "string"},
            "sources": {"type": "array", "items": {"type": "object"}},
        },
    },
}
