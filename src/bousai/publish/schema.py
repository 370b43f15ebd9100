"""JSON Schema (2020-12) of a layer's collections, made of its YAML: ``layers/<layer>/schema.json``.

It is the contract: every property is named, nothing else is there, absent is null. ``x-unit``, ``x-eei-item`` and
``x-connid`` are the unit, the item of EEI 災害対応基本共有情報 and the attribute of SIP4D-ZIP.
"""

from __future__ import annotations

from typing import Any, get_args

from bousai.model import Field, ReleasedLayer, Status
from bousai.publish.geojson import title
from bousai.vocab.count import Qualifier, State

_DEPTH = {"Point": 0, "MultiPoint": 1, "LineString": 1, "MultiLineString": 2, "Polygon": 2, "MultiPolygon": 3}
_TYPES = {"text": "string", "integer": "integer", "number": "number", "boolean": "boolean", "list": "array"}
_STAMP = {"type": "string", "format": "date-time", "pattern": r"T\d\d:\d\d:\d\d([.]\d+)?[+-]\d\d:\d\d$"}
_CODE = {"type": ["string", "null"], "pattern": "^[0-9]{5}$"}


def schema(layer: ReleasedLayer, status: Status) -> dict[str, Any]:
    """The schema of the public collections of a layer: the whole, its cuts by municipality and its deltas."""
    title_ja, title_en = title(layer, status)
    members = {
        "type": {"const": "FeatureCollection"},
        "title": {"const": title_ja},
        "title_en": {"const": title_en},
        "timeStamp": _STAMP,
        "bousai:layer": {"const": layer.id},
        "bousai:status": {"const": status},
        "bousai:tier": {"const": layer.tier},
        "bousai:valid_at": _STAMP,
        "bousai:known_at": _STAMP,
        "bousai:freshness": {"type": "array", "items": {"$ref": "#/$defs/source"}},
        "bousai:credits": {"type": "array", "items": {"type": "string"}},
        "bousai:licences": {"type": "array", "items": {"$ref": "#/$defs/licence"}},
        "features": {"type": "array", "items": {"$ref": "#/$defs/feature"}},
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": title_ja,
        "description": layer.description_ja,
        **_object(
            members,
            more={
                "bousai:muni_code": {"type": "string", "pattern": "^[0-9]{5}$"},
                "bousai:version": {"type": "string"},
                "bousai:previous_version": {"type": "string"},
                "bousai:remove": {"type": "array", "items": {"type": "string"}},
            },
        ),
        "$defs": {
            "feature": _object(
                {
                    "type": {"const": "Feature"},
                    "id": {"type": "string", "minLength": 1},
                    "geometry": {"oneOf": [{"type": "null"}, *({"$ref": f"#/$defs/{name}"} for name in _DEPTH)]},
                    "properties": _object(
                        {
                            field.name: _property(field)
                            for field in (*layer.common, *layer.fields)
                            if not field.volatile
                        }
                    ),
                }
            ),
            "count": _object(
                {
                    "value": {"type": ["integer", "number", "null"]},
                    "state": {"enum": list(get_args(State))},
                    "qualifier": {"enum": list(get_args(Qualifier))},
                    "text": {"type": ["string", "null"]},
                }
            ),
            "source": _object(
                {"feed": {"type": "string"}, "state": {"enum": ["ok", "late", "dead", "held", "paused"]}},
                more={
                    "reason": {"type": "string"},
                    "last_content_at": {"type": ["string", "null"]},
                    "last_fetch_at": {"type": ["string", "null"]},
                },
            ),
            "licence": _object({"name": {"type": "string"}, "url": {"type": "string"}}),
            **{name: _geometry(name, depth) for name, depth in _DEPTH.items()},
        },
    }


def _object(members: dict[str, Any], more: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": members | (more or {}),
        "required": list(members),
        "additionalProperties": False,
    }


def _geometry(name: str, depth: int) -> dict[str, Any]:
    coordinates: dict[str, Any] = {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2}
    for level in range(depth):
        ring = level == 0 and "Polygon" in name
        coordinates = {"type": "array", "items": coordinates, **({"minItems": 4} if ring else {})}
    return _object({"type": {"const": name}, "coordinates": coordinates})


def _property(field: Field) -> dict[str, Any]:
    said = {
        "title": field.ja,
        "description": field.en,
        **({"x-unit": field.unit} if field.unit else {}),
        **({"x-eei-item": field.eei_item} if field.eei_item else {}),
        **({"x-connid": field.connid} if field.connid else {}),
    }
    if field.name in ("id", "kind", "status"):
        return {**said, "type": "string"}
    if field.name == "muni_code":
        return {**said, **_CODE}
    if field.is_count:
        return {**said, "oneOf": [{"type": "null"}, {"$ref": "#/$defs/count"}]}
    if field.type == "datetime":
        return {**said, **_STAMP, "type": ["string", "null"]}
    if field.type == "object":
        parts = {part.name: _property(part) for part in field.parts}
        return {**said, "type": ["object", "null"], **({"properties": parts} if parts else {})}
    return {**said, "type": [_TYPES[field.type], "null"]}
