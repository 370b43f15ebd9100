"""Features as plain pages, for browsers without scripts and for people without a GIS.

All text is escaped by the templates; an address that comes from a feed is a link only where it is http or https.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import orjson
from starlette.requests import Request
from starlette.responses import Response

from bousai.model import Field
from bousai.serve import documents
from bousai.serve.service import service
from bousai.serve.snapshots import Snapshot

if TYPE_CHECKING:
    from bousai.serve.items import Page

_COLUMNS = 8


def items(request: Request, page: Page, prefix: str) -> Response:
    """One page of a layer as a table: the id and the first fields; the rest is one click away."""
    snapshot = page.snapshot
    fields = [f for f in snapshot.layer.fields if f.type != "list" and (f.type != "object" or f.is_count)][:_COLUMNS]
    features = [orjson.loads(text) for text in snapshot.features(page.rows.tolist())]
    asked = {name: value for name, value in request.query_params.items() if name != "f"}
    after = None if page.after is None else "?" + urlencode({**asked, "cursor": page.after.text(), "f": "html"})
    return documents.html(
        request,
        "items.html",
        base=f"{service(request).base(request)}{prefix}",
        snapshot=snapshot,
        page=page,
        fields=fields,
        rows=[
            (one["id"], quote(one["id"], safe=""), [_shown(f, one["properties"]) for f in fields]) for one in features
        ],
        as_json="?" + urlencode({**asked, "f": "json"}),
        after=after,
    )


def item(request: Request, snapshot: Snapshot, row: int, prefix: str) -> Response:
    """One feature: every field with its title, unit and value."""
    feature = orjson.loads(snapshot.feature(row))
    fields = (*snapshot.layer.common, *snapshot.layer.fields)
    return documents.html(
        request,
        "item.html",
        base=f"{service(request).base(request)}{prefix}",
        snapshot=snapshot,
        id=feature["id"],
        address=quote(feature["id"], safe=""),
        rows=[(f, _shown(f, feature["properties"])) for f in fields if f.name in feature["properties"]],
        geometry=None if feature["geometry"] is None else orjson.dumps(feature["geometry"]).decode(),
    )


_STATES = {
    "blank": "記載なし not stated",
    "investigating": "調査中 under investigation",
    "many": "多数 many",
    "not_applicable": "該当なし not applicable",
    "suppressed": "秘匿（1～4） held back (1 to 4)",
    "unconfirmed": "未確認 unconfirmed",
    "unknown": "不明 unknown",
}
_QUALIFIERS = {
    "approx": "約 about",
    "at_least": "以上 at least",
    "at_most": "以下 at most",
    "less_than": "未満 less than",
    "more_than": "超 more than",
}


def _shown(field: Field, properties: dict[str, Any]) -> str:
    """A value in words. Nothing is said where nothing is known: that is not 0."""
    value = properties.get(field.name)
    if value is None:
        return ""
    if field.is_count and isinstance(value, dict):
        return _count(value, field.unit or "")
    if isinstance(value, bool):
        return "はい yes" if value else "いいえ no"
    if isinstance(value, dict | list):
        return orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()
    return f"{value}{f' {field.unit}' if field.unit else ''}"


def _count(count: dict[str, Any], unit: str) -> str:
    number, state, text = count.get("value"), count.get("state"), count.get("text")
    said = _STATES.get(str(state), "" if state in (None, "reported") else str(state))
    if number is None:
        return " ".join(filter(None, [str(text or ""), said])) or "—"
    qualifier = _QUALIFIERS.get(str(count.get("qualifier")), "")
    return f"{number:,}{unit}{f'（{qualifier}）' if qualifier else ''}{f'（{said}）' if said else ''}"
