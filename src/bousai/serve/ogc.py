"""OGC API – Features around the items: landing page, conformance, collections, queryables; below ``/exercise`` the
same, and below ``/flat`` and ``/exercise/flat`` the same with flat properties and their schema, for desktop GIS.

Rules: OGC 17-069r4 (Part 1: Core), 18-058r1 (Part 2: CRS), 19-079r2 (Part 3: Filtering), 23-058r2 (Part 5: Schemas).
JSON or HTML by the parameter ``f``, else by the header Accept.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from bousai import __version__
from bousai.errors import CatalogueError
from bousai.model import ReleasedLayer, Status
from bousai.serve import crs, documents, filter_index, filters, flat, items, map_page, openapi, query, sources
from bousai.serve.problem import Problem
from bousai.serve.service import Service, service

JSON, HTML, SCHEMA = "application/json", "text/html", "application/schema+json"
OPENAPI = "application/vnd.oai.openapi+json;version=3.0"
Endpoint = Callable[[Request], Awaitable[Response]]
_FORM = frozenset({"f"})
_QUERYABLES = "http://www.opengis.net/def/rel/ogc/1.0/queryables"
_SCHEMA = "http://www.opengis.net/def/rel/ogc/1.0/schema"
_ENCLOSED = {
    "geojson": "application/geo+json",
    "gpkg": "application/geopackage+sqlite3",
    "fgb": "application/vnd.flatgeobuf",
    "parquet": "application/vnd.apache.parquet",
    "csv": "text/csv",
}
CONFORMANCE = (
    "http://www.opengis.net/spec/ogcapi-common-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-common-2/1.0/conf/collections",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/geojson",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/html",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/oas30",
    "http://www.opengis.net/spec/ogcapi-features-2/1.0/conf/crs",
    *filters.CONFORMANCE,
)
_SCHEMAS = (
    "http://www.opengis.net/spec/ogcapi-features-5/1.0/conf/schemas",
    "http://www.opengis.net/spec/ogcapi-features-5/1.0/conf/returnables-and-receivables",
)


def routes(service: Service) -> list[BaseRoute]:
    """All addresses, of what is actual and, below ``/exercise``, of exercises."""
    flats = flat.Flats(service.settings.data / "serve")
    style = (Path(__file__).parent / "plain.css").read_bytes()

    def plain_style(request: Request) -> Response:
        return documents.respond(request, style, "text/css")

    return [
        Route("/plain.css", plain_style, name="plain_style"),
        *_routes("", "actual"),
        *_routes("/exercise", "exercise"),
        *_routes("/flat", "actual", flats),
        *_routes("/exercise/flat", "exercise", flats),
    ]


def _routes(prefix: str, status: Status, flats: flat.Flats | None = None) -> list[BaseRoute]:
    site = _Site(prefix, status, flats)
    return [
        Route(f"{prefix}/" if prefix else "/", site.landing),
        *([Route(prefix, site.to_landing)] if prefix else []),
        Route(f"{prefix}/conformance", site.conformance),
        Route(f"{prefix}/api", site.api),
        Route(f"{prefix}/api.html", site.api_page),
        Route(f"{prefix}/collections", site.collections),
        Route(f"{prefix}/collections/{{layer}}", site.collection),
        Route(f"{prefix}/collections/{{layer}}/queryables", site.queryables),
        *sources.routes(prefix, status),
        *([] if flats is None else site.schemas(flats)),
        *items.routes(prefix, status, items.as_it_is if flats is None else flats.of),
    ]


class _Site:
    """One root of the API: where it is, of which status, and whether its properties are flat."""

    def __init__(self, prefix: str, status: Status, flats: flat.Flats | None) -> None:
        self.prefix = prefix
        self.status = status
        self.flats = flats
        self.conforms_to = CONFORMANCE if flats is None else (*CONFORMANCE, *_SCHEMAS)

    def base(self, request: Request) -> str:
        return f"{service(request).base(request)}{self.prefix}"

    def to_landing(self, request: Request) -> Response:
        return RedirectResponse(f"{self.base(request)}/")

    def landing(self, request: Request) -> Response:
        base = self.base(request)
        if documents.wanted(request) == "html":
            # what is flat is for programs and has no map: a person finds the list of its layers there
            return self._listed(request, self._all(service(request), base)) if self.flats else map_page.page(request)
        mark = "" if self.status == "actual" else "【訓練】"
        body = {
            "title": f"{mark}bousai",
            "description": f"{mark}災害情報レイヤ（OGC API – Features）。Layers of disaster information for Japan.",
            "links": [
                _link("self", JSON, f"{base}/", "This document"),
                _link("alternate", HTML, f"{base}/?f=html", "The map"),
                _link("service-desc", OPENAPI, f"{base}/api", "The API as OpenAPI 3.0"),
                _link("service-doc", HTML, f"{base}/api.html", "The API in words"),
                _link("conformance", JSON, f"{base}/conformance", "What this server conforms to"),
                _link("data", JSON, f"{base}/collections", "The layers"),
            ],
        }
        return documents.json(request, body)

    def conformance(self, request: Request) -> Response:
        query.only(request.query_params, _FORM)
        if documents.wanted(request) == "html":
            return documents.html(
                request, "conformance.html", site=self, base=self.base(request), classes=self.conforms_to
            )
        return documents.json(request, {"conformsTo": self.conforms_to})

    def api(self, request: Request) -> Response:
        query.only(request.query_params, _FORM)
        if documents.wanted(request) == "html":
            return self.api_page(request)
        return documents.json(request, self._api(request), OPENAPI)

    def api_page(self, request: Request) -> Response:
        query.only(request.query_params, _FORM)
        return documents.html(request, "api.html", site=self, base=self.base(request), api=self._api(request))

    def _api(self, request: Request) -> dict[str, Any]:
        layers = list(service(request).catalogue.layers)
        return openapi.document(self.base(request), self.status, layers, __version__, flat=self.flats is not None)

    async def collections(self, request: Request) -> Response:
        query.only(request.query_params, _FORM)
        server, base = service(request), self.base(request)
        found = await server.slowly(self._all, server, base)
        if documents.wanted(request) == "html":
            return self._listed(request, found)
        body = {
            "links": [
                _link("self", JSON, f"{base}/collections", "This document"),
                _link("alternate", HTML, f"{base}/collections?f=html", "As a page"),
            ],
            "collections": found,
            "crs": crs.SUPPORTED,
        }
        return documents.json(request, body)

    def _listed(self, request: Request, found: list[dict[str, Any]]) -> Response:
        return documents.html(request, "collections.html", site=self, base=self.base(request), collections=found)

    def _all(self, server: Service, base: str) -> list[dict[str, Any]]:
        index = map_page.index_of(server, self.status)
        standing = {entry["id"]: entry for entry in index.get("layers", ())}
        return [
            self._collection(server.snapshots.layer(layer_id), standing.get(layer_id), base)
            for layer_id in server.catalogue.layers
        ]

    async def collection(self, request: Request) -> Response:
        query.only(request.query_params, _FORM)
        server, base = service(request), self.base(request)
        layer = released(server, request)
        found = await server.slowly(self._one, server, layer, base)
        if documents.wanted(request) == "html":
            shown = await server.slowly(self._shown, server, layer)
            fields = (*shown.common, *shown.fields)
            return documents.html(request, "collection.html", site=self, base=base, one=found, fields=fields)
        return documents.json(request, found)

    def _one(self, server: Service, layer: ReleasedLayer, base: str) -> dict[str, Any]:
        index = map_page.index_of(server, self.status)
        entry = next((one for one in index.get("layers", ()) if one["id"] == layer.id), None)
        return self._collection(layer, entry, base)

    def _collection(self, layer: ReleasedLayer, entry: Mapping[str, Any] | None, base: str) -> dict[str, Any]:
        """A layer as Part 1 (7.14) describes one; `entry` is what the tree's index says of it, None where it has no
        version yet: then it is asked of the store."""
        here = f"{base}/collections/{layer.id}"
        of_status = "" if self.status == "actual" else f"/{self.status}"
        tree = f"{base.removesuffix(self.prefix)}/public{of_status}/layers/{layer.id}"
        mark_ja, mark_en = ("", "") if self.status == "actual" else ("【訓練】", "[EXERCISE] ")
        box = None if entry is None else entry["bbox"]
        links = [
            _link("self", JSON, here, "This layer"),
            _link("alternate", HTML, f"{here}?f=html", "As a page"),
            _link("items", items.GEOJSON, f"{here}/items", "Its features"),
            _link("items", HTML, f"{here}/items?f=html", "Its features as a page"),
            _link(_QUERYABLES, SCHEMA, f"{here}/queryables", "What filters may name"),
        ]
        if self.flats is not None:
            links += [
                _link(_SCHEMA, SCHEMA, f"{here}/schema", "Its columns"),
                # GDAL 3.6 knows it with a capital B only, though case is nothing here (RFC 8288, 2.1.1)
                _link("describedBy", SCHEMA, f"{here}/schema/feature", "JSON Schema of a feature"),
                _link("describedby", SCHEMA, f"{here}/schema/feature", "JSON Schema of a feature"),
            ]
        elif entry is not None:
            links.append(_link("describedby", SCHEMA, f"{tree}/schema.json", "JSON Schema of its GeoJSON"))
        if entry is not None:
            links += [
                _link("enclosure", _ENCLOSED[form], f"{tree}/latest.{form}", f"All of it as {form}")
                for form in entry["formats"]
                if form in _ENCLOSED
            ]
            links.append(_link("history", JSON, f"{tree}/changes.json", "Its versions, and what each changed"))
            seen: dict[str, str] = {one["url"]: one["name"] for one in entry["licences"] if one["url"]}
            links += [_link("license", HTML, url, name) for url, name in seen.items()]
        return {
            "id": layer.id,
            "title": f"{mark_ja}{layer.title_ja} / {mark_en}{layer.title_en}",
            "description": f"{layer.description_ja}\n\n{layer.description_en}",
            "itemType": "feature",
            "extent": {
                "spatial": {"bbox": [box or [122.0, 20.0, 154.0, 46.0]], "crs": crs.CRS84},
                "temporal": {"interval": [[None, None]], "trs": _GREGORIAN},
            },
            "crs": list(crs.SUPPORTED),
            "storageCrs": crs.CRS84,
            "attribution": " ".join(dict.fromkeys(entry["credits"])) if entry is not None else "",
            "links": links,
            "bousai:status": self.status,
            "bousai:version": None if entry is None else entry["version"],
            "bousai:features": None if entry is None else entry["features"],
            "bousai:published_at": None if entry is None else entry["published_at"],
            "bousai:freshness": [] if entry is None else entry["freshness"],
        }

    async def queryables(self, request: Request) -> Response:
        query.only(request.query_params, _FORM)
        server = service(request)
        layer = await server.slowly(self._shown, server, released(server, request))
        here = f"{self.base(request)}/collections/{layer.id}"
        body = queryables(layer, f"{here}/queryables")
        if documents.wanted(request) == "html":
            return documents.html(
                request, "queryables.html", site=self, base=self.base(request), one=body, id=layer.id
            )
        return documents.json(request, body, SCHEMA)

    def _shown(self, server: Service, layer: ReleasedLayer) -> ReleasedLayer:
        """A layer with the fields that its features have here."""
        return layer if self.flats is None else self._standing(server, layer, self.flats)[0]

    def _standing(
        self, server: Service, layer: ReleasedLayer, flats: flat.Flats
    ) -> tuple[ReleasedLayer, Mapping[str, str]]:
        """The columns of the version that stands, and what else is true of their values."""
        standing = server.snapshots.published(layer.id, self.status)
        if standing is None:
            return flat.empty(layer), {}
        found = flats.of(standing)
        return found.layer, found.formats

    def schemas(self, flats: flat.Flats) -> list[BaseRoute]:
        """The addresses that describe flat columns: as Part 5 has them, where QGIS reads their types (since 3.44),
        and as JSON Schema of a feature, where GDAL does."""

        def of(make: Callable[[ReleasedLayer, Mapping[str, str], str], dict[str, Any]]) -> Endpoint:
            async def schema(request: Request) -> Response:
                query.only(request.query_params, frozenset())
                server = service(request)
                layer = released(server, request)
                shown, formats = await server.slowly(self._standing, server, layer, flats)
                address = f"{server.base(request)}{request.url.path}"
                return documents.json(request, make(shown, formats, address), SCHEMA)

            return schema

        here = f"{self.prefix}/collections/{{layer}}/schema"
        return [Route(here, of(flat.schema)), Route(f"{here}/feature", of(flat.feature_schema))]


_GREGORIAN = "http://www.opengis.net/def/uom/ISO-8601/0/Gregorian"
_TYPES: dict[str, dict[str, Any]] = {
    "text": {"type": "string"},
    "number": {"type": "number"},
    "boolean": {"type": "boolean"},
    "time": {"type": "string", "format": "date-time"},
}
_GEOMETRIES = {"point": "geometry-point-or-multipoint", "line": "geometry-linestring-or-multilinestring"}


def queryables(layer: ReleasedLayer, address: str) -> dict[str, Any]:
    """What filters may name, as JSON Schema (Part 3, 6.2)."""
    shown: dict[str, Any] = {
        name: {
            "title": f"{one.ja} / {one.en}",
            **_TYPES[one.kind],
            **({"x-ogc-unit": one.field.unit} if one.field.unit and one.kind == "number" else {}),
        }
        for name, one in filter_index.queryables(layer).items()
    }
    if layer.geometry != "none":
        kind = _GEOMETRIES.get(layer.geometry, "geometry-polygon-or-multipolygon")
        kind = "geometry-any" if layer.geometry_from else kind
        shown[filters.GEOMETRY] = {"title": "位置・範囲 / Geometry", "format": kind, "x-ogc-role": "primary-geometry"}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": address,
        "type": "object",
        "title": f"{layer.title_ja} / {layer.title_en}",
        "properties": shown,
        "additionalProperties": False,
    }


def released(server: Service, request: Request) -> ReleasedLayer:
    """The layer that an address names. Raises `Problem` 404."""
    try:
        return server.snapshots.layer(request.path_params["layer"])
    except CatalogueError as error:
        raise Problem(404, error.cause, remedy="see /collections") from None


def _link(rel: str, kind: str, href: str, title: str) -> dict[str, str]:
    return {"rel": rel, "type": kind, "title": title, "href": href}
