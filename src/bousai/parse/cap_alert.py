"""CAP alerts of other bodies (OASIS Common Alerting Protocol 1.2, and 1.1 for reading): one message a document.

Source: docs.oasis-open.org/emergency/cap/v1.2/CAP-v1.2.html. Scope ``cap/<sender>``, not complete: a message speaks
of itself and of those that it references. Alert and Update state the message itself until its ``expires``; Update and
Cancel end what they reference, from their own ``sent`` on; Ack and Error change nothing. The issuer, its words and
its severity are relayed untouched.

Oddities
* 1.1 messages in the wild leave urgency, severity and certainty empty, and write an empty ``references``.
* Polygons and circles are latitude, longitude; an info block is one language; several blocks are one alert.
* Time must have an offset; ``Z`` is not allowed by the standard and occurs: it is read, and told.
* Encodings other than UTF-8 occur (ISO-8859-1) and are read as declared.

Known gaps:
* signatures are not checked and embedded files (derefUri) are not kept
* a message that is not for the public (scope Restricted or Private) is refused
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import numpy as np
import pyproj
import shapely

from bousai.errors import ParseError
from bousai.formats import xml_tree
from bousai.formats.xml_tree import Node
from bousai.model import Bulletin, Issue, Item, Status, table_of

VERSION = "1"
_VERSIONS = ("urn:oasis:names:tc:emergency:cap:1.2", "urn:oasis:names:tc:emergency:cap:1.1")
_NAMES = xml_tree.Names([*_VERSIONS, "http://www.w3.org/2000/09/xmldsig#"])
_ENCODINGS = ("ISO-8859-1", "ISO-8859-15", "WINDOWS-1252")
_STATUS: dict[str, Status] = {"Actual": "actual", "Exercise": "exercise", "Test": "test"}
_STATES, _SILENT = ("Alert", "Update", "Cancel"), ("Ack", "Error")
_ENUMS = {
    "urgency": ("Immediate", "Expected", "Future", "Past", "Unknown"),
    "severity": ("Extreme", "Severe", "Moderate", "Minor", "Unknown"),
    "certainty": ("Observed", "Likely", "Possible", "Unlikely", "Unknown"),
}
_LISTS = {"category": "category", "responseType": "response_types"}
_TEXTS = ("event", "audience", "headline", "description", "instruction", "web", "senderName")
_TIMES = ("effective", "onset", "expires")
_BAD_ID = re.compile(r"[\s,<&]")
_GEOD = pyproj.Geod(ellps="WGS84")


def parse(body: bytes) -> Iterator[Bulletin | Issue]:
    """One statement, or none for Ack and Error.

    Raises `ParseError`: those of `xml_tree.read`, ``not_cap``, ``invalid_cap`` (a part that must be there is not),
    ``unknown_status`` (also System and Draft, which are not for use), ``not_public``.
    """
    root = xml_tree.read(body, encodings=_ENCODINGS)
    if root.tag not in {f"{{{version}}}alert" for version in _VERSIONS}:
        raise ParseError(
            f"root element {root.tag}: not CAP 1.2 or 1.1", code="not_cap", remedy="check the feed's address"
        )
    alert = Node(root, "alert", _NAMES)
    issues: list[Issue] = []
    identifier, sender = _required(alert, "identifier"), _required(alert, "sender")
    for name, value in (("identifier", identifier), ("sender", sender)):
        if _BAD_ID.search(value):
            raise _invalid(f"{name} {value[:60]!r} has a blank, a comma, < or & in it", name)
    sent = _time(_required(alert, "sent"), "sent", issues)
    if sent is None:
        raise _invalid("sent is no date and time with an offset", "sent")
    stated, kind, scope = _required(alert, "status"), _required(alert, "msgType"), _required(alert, "scope")
    if stated not in _STATUS:
        raise ParseError(
            f"status is {stated[:40]!r}, not Actual, Exercise or Test",
            code="unknown_status",
            remedy="System and Draft are not for use; anything else: ask the sender",
            position="status",
        )
    if kind not in (*_STATES, *_SILENT):
        raise _invalid(f"msgType is {kind[:40]!r}", "msgType")
    if scope != "Public":
        raise ParseError(
            f"the message is {scope[:20]}, not Public",
            code="not_public",
            remedy="it may not be passed on; ask the sender for a public one",
            position="scope",
        )
    references = _references(alert.text("references"), sender, issues)
    common: dict[str, Any] = {
        "identifier": identifier,
        "sender": sender,
        "sent_at": sent.isoformat(),
        "message_type": kind,
        "source_text": alert.text("source"),
        "codes": _texts(alert, "code"),
        "incidents": (alert.text("incidents") or "").split() or None,
        "references": [f"{one[0]},{one[1]},{one[2]}" for one in references],
        "note": alert.text("note"),
    }
    # addresses and restriction: for messages that are not public; Signature: see known gaps
    alert.drop("addresses", "restriction", "password", "Signature")
    infos = [_info(node, issues) for node in alert.all("info")]
    if kind in _STATES:
        yield _bulletin(kind, _STATUS[stated], sender, sent, _items(kind, common, infos, references))
    else:
        issues.append(
            Issue("no_statement", f"a message of type {kind} states nothing", "none needed", "info", "msgType")
        )
    yield from issues
    yield from alert.nothing_left()


def _bulletin(kind: str, status: Status, sender: str, sent: datetime, items: list[Item]) -> Bulletin:
    return Bulletin(
        kind="cap_alert",
        scope=f"cap/{sender}",
        issued_at=sent,
        status=status,
        items=table_of(items),
        issuer=next((item.props["sender_name"] for item in items if item.props["sender_name"]), sender),
        complete=False,
        bulletin_type=f"cap_{kind.lower()}",
    )


def _items(
    kind: str, common: dict[str, Any], infos: Sequence[Item], references: Sequence[tuple[str, str, str]]
) -> list[Item]:
    """The message itself, in the words of its Japanese block or else its first, and what it references, as ended."""
    nothing = dict.fromkeys(_EMPTY)
    items: list[Item] = []
    if kind != "Cancel":
        shown = next((one for one in infos if (one.props["language"] or "").startswith("ja")), None)
        shown = shown or next(iter(infos), Item("", nothing))
        ends = [one.valid_to for one in infos]
        items.append(
            replace(
                shown,
                item_id=f"cap/{common['sender']}/{common['identifier']}",
                props={**common, **shown.props, "other_languages": [one.props for one in infos if one is not shown]},
                geometry=shown.geometry or next((one.geometry for one in infos if one.geometry), None),
                # It holds until its last block expires; without one, until another message ends it.
                valid_to=None if not ends or None in ends else max(end for end in ends if end is not None),
            )
        )
    own = f"cap/{common['sender']}/{common['identifier']}"
    for _, identifier, _ in references:
        # Some senders call themselves otherwise here; in any case a message ends none of another sender's.
        item_id = f"cap/{common['sender']}/{identifier}"
        if item_id != own:
            props = {**dict.fromkeys(common), **nothing, "other_languages": None}
            items.append(Item(item_id, props, ended=True, position="references"))
    return items


_EMPTY = (
    "language",
    "event",
    "category",
    "response_types",
    "urgency",
    "severity",
    "certainty",
    "audience",
    "event_codes",
    "effective_at",
    "onset_at",
    "expires_at",
    "sender_name",
    "headline",
    "description",
    "instruction",
    "web",
    "parameters",
    "resources",
    "area_names",
    "geocodes",
    "altitude",
    "ceiling",
)
"""What a message without an info block does not say."""


def _info(node: Node, issues: list[Issue]) -> Item:
    texts = {name: node.text(name) for name in _TEXTS}
    times = {name: _time(node.text(name), f"{node.position}/{name}", issues) for name in _TIMES}
    enums = {name: _enum(node.text(name), name, node.position, issues) for name in _ENUMS}
    node.drop("contact")  # telephone numbers and addresses of persons
    areas = list(node.all("area"))
    shapes: list[Any] = []
    names: list[str] = []
    geocodes: list[dict[str, str | None]] = []
    altitude = ceiling = None
    for area in areas:
        name = area.text("areaDesc")
        names += [name] if name else []
        geocodes += _pairs(area, "geocode")
        altitude, ceiling = area.text("altitude") or altitude, area.text("ceiling") or ceiling
        shapes += [shape for one in area.all("polygon") if (shape := _polygon(one, issues)) is not None]
        shapes += [shape for one in area.all("circle") if (shape := _circle(one, issues)) is not None]
    resources = []
    for one in node.all("resource"):
        one.drop("derefUri", "digest", "size")  # embedded bytes are not kept
        resources.append({name: one.text(name) for name in ("resourceDesc", "mimeType", "uri")})
    return Item(
        "",
        {
            "language": node.text("language"),
            "event": texts["event"],
            **{field: _texts(node, name) or None for name, field in _LISTS.items()},
            **enums,
            "audience": texts["audience"],
            "event_codes": _pairs(node, "eventCode") or None,
            **{f"{name}_at": at.isoformat() if at else None for name, at in times.items()},
            "sender_name": texts["senderName"],
            **{name: texts[name] for name in ("headline", "description", "instruction", "web")},
            "parameters": _pairs(node, "parameter") or None,
            "resources": resources or None,
            "area_names": names or None,
            "geocodes": geocodes or None,
            "altitude": altitude,
            "ceiling": ceiling,
        },
        geometry=_together(shapes),
        valid_to=times["expires"],
        position=node.position,
    )


def _required(alert: Node, name: str) -> str:
    value = alert.text(name)
    if value is None:
        raise _invalid(f"{name} is missing", name)
    return value


def _invalid(cause: str, position: str) -> ParseError:
    return ParseError(f"not valid CAP: {cause}", code="invalid_cap", remedy="tell the sender", position=position)


def _texts(node: Node, name: str) -> list[str]:
    return [text for one in node.all(name) if (text := one.own_text())]


def _pairs(node: Node, name: str) -> list[dict[str, str | None]]:
    return [{"name": pair.text("valueName"), "value": pair.text("value")} for pair in node.all(name)]


def _enum(text: str | None, name: str, position: str, issues: list[Issue]) -> str | None:
    if text is None or text not in _ENUMS[name]:
        cause = f"{position}/{name} is {text!r}, not one of {', '.join(_ENUMS[name])}"
        issues.append(
            Issue("unknown_value", cause, "tell the sender; it is left out", "warning", f"{position}/{name}")
        )
        return None
    return text


def _time(text: str | None, position: str, issues: list[Issue]) -> datetime | None:
    """A CAP time; an offset is required."""
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        cause = f"{position} is {text[:40]!r}, not a date and time with an offset"
        issues.append(Issue("bad_time", cause, "tell the sender; the time is left out", "warning", position))
        return None
    if text.endswith("Z"):
        cause = f"{position} is written with Z, which CAP does not allow"
        issues.append(Issue("time_with_z", cause, "none needed", "info", position))
    return at


def _references(text: str | None, sender: str, issues: list[Issue]) -> list[tuple[str, str, str]]:
    """``sender,identifier,sent`` triples, separated by blanks."""
    found: list[tuple[str, str, str]] = []
    for part in (text or "").split():
        pieces = part.split(",")
        if len(pieces) == 3 and all(pieces):
            found.append((pieces[0], pieces[1], pieces[2]))
            if pieces[0] != sender:
                cause = f"references name the sender {pieces[0][:60]!r}, the message itself {sender[:60]!r}"
                issues.append(Issue("other_sender", cause, "none needed", "info", "references"))
        else:
            cause = f"references has {part[:60]!r}, not sender,identifier,sent"
            remedy = "tell the sender; the message that is meant stands until it expires"
            issues.append(Issue("bad_reference", cause, remedy, "warning", "references"))
    return found


def _polygon(node: Node, issues: list[Issue]) -> Any:
    """``lat,lon lat,lon …``, closed."""
    try:
        pairs = [tuple(float(number) for number in pair.split(",")) for pair in (node.own_text() or "").split()]
        points = np.array([(lon, lat) for lat, lon in pairs])
        if len(points) < 4 or not np.isfinite(points).all() or not (points[0] == points[-1]).all():
            raise ValueError("fewer than four points, or not closed")
        return shapely.Polygon(points)
    except ValueError as error:
        issues.append(_bad_shape(node, error))
        return None


def _circle(node: Node, issues: list[Issue]) -> Any:
    """``lat,lon radius`` in kilometres, as a polygon of 64 points; a radius of 0 is a point."""
    try:
        centre, radius_text = (node.own_text() or "").split()
        lat, lon = (float(number) for number in centre.split(","))
        radius = float(radius_text)
        if not (abs(lat) <= 90 and abs(lon) <= 180 and 0 <= radius < 20_000):
            raise ValueError("outside of what can be")
    except ValueError as error:
        issues.append(_bad_shape(node, error))
        return None
    if radius == 0:
        return shapely.Point(lon, lat)
    directions = np.linspace(0, 360, 64, endpoint=False)
    lons, lats, _ = _GEOD.fwd(np.full(64, lon), np.full(64, lat), directions, np.full(64, radius * 1000))
    return shapely.Polygon(list(zip(lons, lats, strict=True)))


def _bad_shape(node: Node, error: ValueError) -> Issue:
    cause = f"{node.position} cannot be read: {str(error)[:80]}"
    return Issue("bad_geometry", cause, "see the area's name; the shape is left out", "warning", node.position)


def _together(shapes: list[Any]) -> bytes | None:
    """All areas as one geometry; where there are areas, points beside them say nothing more."""
    areas = [shape for shape in shapes if shapely.get_type_id(shape) == 3]
    if areas:
        return bytes(shapely.to_wkb(areas[0] if len(areas) == 1 else shapely.multipolygons(areas)))
    if shapes:
        return bytes(shapely.to_wkb(shapes[0] if len(shapes) == 1 else shapely.multipoints(shapes)))
    return None
