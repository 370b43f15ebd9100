"""CAP 1.2 bytes that this program wrote → `Alert`. What others write is read by parsers, who trust nothing."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from lxml import etree

from bousai.formats import xml_tree
from bousai.model import Alert, CapArea, CapInfo, Reference

_NS = "{urn:oasis:names:tc:emergency:cap:1.2}"


def read(body: bytes) -> Alert:
    """The message, without its signature. Raises `ParseError`, or `ValueError` for what we never write."""
    root = xml_tree.read(body)
    references = []
    for one in _text(root, "references").split():
        sender, identifier, sent = one.split(",")
        references.append(Reference(sender, identifier, datetime.fromisoformat(sent)))
    return Alert(
        identifier=_text(root, "identifier"),
        sender=_text(root, "sender"),
        sent=datetime.fromisoformat(_text(root, "sent")),
        status=_text(root, "status"),  # type: ignore[arg-type]  # checked when it was written
        msg_type=_text(root, "msgType"),  # type: ignore[arg-type]
        source=_text(root, "source"),
        codes=_texts(root, "code"),
        note=_text(root, "note"),
        references=tuple(references),
        incidents=tuple(_text(root, "incidents").split()),
        infos=tuple(_info(one) for one in root.iterchildren(f"{_NS}info")),
    )


def _text(element: etree._Element, name: str) -> str:
    return element.findtext(f"{_NS}{name}") or ""


def _texts(element: etree._Element, name: str) -> tuple[str, ...]:
    return tuple(child.text or "" for child in element.iterchildren(f"{_NS}{name}"))


def _pairs(element: etree._Element, name: str) -> tuple[tuple[str, str], ...]:
    return tuple((_text(one, "valueName"), _text(one, "value")) for one in element.iterchildren(f"{_NS}{name}"))


def _time(element: etree._Element, name: str) -> datetime | None:
    text = _text(element, name)
    return datetime.fromisoformat(text) if text else None


def _info(element: etree._Element) -> CapInfo:
    values: dict[str, Any] = {
        name: _text(element, tag)
        for name, tag in (
            ("language", "language"),
            ("event", "event"),
            ("urgency", "urgency"),
            ("severity", "severity"),
            ("certainty", "certainty"),
            ("headline", "headline"),
            ("description", "description"),
            ("instruction", "instruction"),
            ("sender_name", "senderName"),
            ("web", "web"),
            ("contact", "contact"),
        )
    }
    return CapInfo(
        **values,
        categories=_texts(element, "category"),
        response_types=_texts(element, "responseType"),
        effective=_time(element, "effective"),
        onset=_time(element, "onset"),
        expires=datetime.fromisoformat(_text(element, "expires")),
        event_codes=_pairs(element, "eventCode"),
        parameters=_pairs(element, "parameter"),
        areas=tuple(_area(one) for one in element.iterchildren(f"{_NS}area")),
    )


def _area(element: etree._Element) -> CapArea:
    rings = tuple(
        tuple((float(lat), float(lon)) for lat, _, lon in (pair.partition(",") for pair in text.split()))
        for text in _texts(element, "polygon")
    )
    return CapArea(_text(element, "areaDesc"), rings, _pairs(element, "geocode"))
