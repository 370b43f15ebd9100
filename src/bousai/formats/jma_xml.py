"""JMA telegrams: 気象庁防災情報XMLフォーマット Ver.1.x, the envelope and what all bodies share.

Source: xml.kishou.go.jp (format specification, code tables, telegram notes), schemas jmx.xsd, jmx_ib.xsd,
jmx_eb.xsd. A telegram is ``Report`` with ``Control``, ``Head`` and ``Body``:

    telegram = jma_xml.read(body)
    if issue := jma_xml.no_parser(telegram, HANDLES):
        yield issue
        return
    node = jma_xml.body(telegram)
    for item in node.all("Warning"): ...
    yield from jma_xml.nothing_left(node)

Oddities: the telegram type (VXSE53) is nowhere in the XML, only in the file name, so it is derived from
Control/Title through vocab/data/jma_telegram.csv. Serial and EventID are empty elements in many types.
Control/DateTime is UTC (Z), everything in Head is +09:00. 取消 has an almost empty Body.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from math import isfinite
from typing import NamedTuple

from lxml import etree

from bousai.errors import ParseError
from bousai.formats import xml_tree
from bousai.formats.xml_tree import Node
from bousai.model import Bulletin, Issue, ItemTable, MsgType, Status, table_of
from bousai.vocab import jma

_JMX = "http://xml.kishou.go.jp/jmaxml1/"
_HEAD = f"{_JMX}informationBasis1/"
_BODIES = tuple(f"{_JMX}body/{room}1/" for room in ("meteorology", "seismology", "volcanology"))
NAMES = xml_tree.Names([_JMX, _HEAD, *_BODIES, f"{_JMX}elementBasis1/", f"{_JMX}addition1/"])
"""Every namespace of the format; the schemas never use one local name for two things in one place."""

_STATUS: dict[str, Status] = {"通常": "actual", "訓練": "exercise", "試験": "test"}
_MSG_TYPE: dict[str, MsgType] = {"発表": "issue", "遅延": "issue", "訂正": "correct", "取消": "withdraw"}


@dataclass(frozen=True, slots=True)
class Telegram:
    """The envelope of one telegram.

    `title` Control/Title · `head_title` Head/Title · `status` 運用種別 · `msg_type` 情報形態
    `issued_at` 発表時刻 (ReportDateTime) · `sent_at` Control/DateTime · `target_at` 基点時刻 ·
    `valid_at_end` 失効時刻 (ValidDateTime); all aware, with the offset that the source gave.
    `event_id` 識別情報, "" where empty · `serial` 情報番号, None where empty · `info_kind` スキーマの運用種別情報
    `issuer` 発表官署 (PublishingOffice) · `editorial_office` 編集官署 · `headline` 見出し文, "" where empty
    `bulletin_type` telegram type as in vocab/data/jma_telegram.csv, e.g. ``VXSE53``.
    `envelope` keeps what of Report, Control and Head nobody read, for `nothing_left`.
    """

    root: etree._Element
    body: etree._Element
    title: str
    head_title: str
    status: Status
    msg_type: MsgType
    issued_at: datetime
    sent_at: datetime
    target_at: datetime | None
    valid_at_end: datetime | None
    event_id: str
    serial: str | None
    info_kind: str
    issuer: str
    editorial_office: str
    bulletin_type: str
    headline: str
    envelope: Node


def read(document: bytes) -> Telegram:
    """Read the envelope of one telegram.

    Raises `ParseError`: those of `xml_tree.read`, and ``not_jma_telegram`` (another root, or a part of the
    envelope is missing), ``unknown_status``, ``unknown_info_type``, ``bad_time``, ``unknown_telegram``.
    """
    root = xml_tree.read(document)
    if root.tag != f"{{{_JMX}}}Report":
        raise _not_jma(f"root element {root.tag}")
    body = root[-1] if len(root) else None
    if body is None or NAMES[body.tag] != "Body" or not body.tag.startswith(_CLARK_BODIES):
        raise _not_jma("no Body of a known kind")
    report = Node(root, "Report", NAMES)
    report.drop("Body")
    control, head = report.one("Control"), report.one("Head")
    if control is None or head is None:
        raise _not_jma("no Control or no Head")
    title = control.text("Title") or ""
    status = control.text("Status")
    if status not in _STATUS:
        raise ParseError(
            f"Control/Status is {status!r}, not 通常, 訓練 or 試験",
            code="unknown_status",
            remedy="ask the publisher; nothing may be taken as actual without a status",
            position="Control/Status",
        )
    info_type = head.text("InfoType")
    if info_type not in _MSG_TYPE:
        raise ParseError(
            f"Head/InfoType is {info_type!r}, not 発表, 遅延, 訂正 or 取消",
            code="unknown_info_type",
            remedy="see the format specification for a new 情報形態",
            position="Head/InfoType",
        )
    headline = head.one("Headline")
    headline_text = ""
    if headline is not None:
        headline_text = headline.text("Text") or ""
        headline.drop("Information")  # repeats by kind what the Body says by area
    head.drop("InfoKindVersion", "TargetDTDubious", "TargetDuration")
    return Telegram(
        root=root,
        body=body,
        title=title,
        head_title=head.text("Title") or "",
        status=_STATUS[status],
        msg_type=_MSG_TYPE[info_type],
        issued_at=_required(instant(head.text("ReportDateTime"), "Head/ReportDateTime"), "Head/ReportDateTime"),
        sent_at=_required(instant(control.text("DateTime"), "Control/DateTime"), "Control/DateTime"),
        target_at=instant(head.text("TargetDateTime"), "Head/TargetDateTime"),
        valid_at_end=instant(head.text("ValidDateTime"), "Head/ValidDateTime"),
        event_id=head.text("EventID") or "",
        serial=head.text("Serial"),
        info_kind=head.text("InfoKind") or "",
        issuer=" ".join((control.text("PublishingOffice") or "").split()),
        editorial_office=control.text("EditorialOffice") or "",
        bulletin_type=_known_type(title),
        headline=headline_text,
        envelope=report,
    )


_CLARK_BODIES = tuple(f"{{{namespace}}}" for namespace in _BODIES)


def _not_jma(what: str) -> ParseError:
    return ParseError(
        f"not a JMA telegram: {what}", code="not_jma_telegram", remedy="check the address that the feed reads"
    )


def _required(value: datetime | None, position: str) -> datetime:
    if value is None:
        raise ParseError(f"{position} is empty", code="bad_time", remedy="ask the publisher", position=position)
    return value


def instant(text: str | None, position: str) -> datetime | None:
    """An xs:dateTime with its offset; None where `text` is. Raises `ParseError` ``bad_time``.

    >>> instant("2024-01-01T16:22:00+09:00", "Head/ReportDateTime").isoformat()
    '2024-01-01T16:22:00+09:00'
    """
    if text is None:
        return None
    try:
        value = datetime.fromisoformat(text)
    except ValueError:
        value = None
    if value is None or value.tzinfo is None:
        raise ParseError(
            f"{position} is {text!r}, not a date and time with an offset",
            code="bad_time",
            remedy="ask the publisher",
            position=position,
        )
    return value


def bulletin_type(title: str) -> str | None:
    """The telegram type of a Control/Title, or None: the only place in the content that tells it.

    Where one title is shared by types that differ in nothing but the number (one per river office, per typhoon in
    being), the answer is the family, e.g. ``VXKOii``.

    >>> bulletin_type("震源・震度に関する情報")
    'VXSE53'
    """
    row = jma.telegram(title)
    return row.telegram_type if row else None


def _known_type(title: str) -> str:
    found = bulletin_type(title)
    if found is None:
        raise ParseError(
            f"no telegram type is known for Control/Title {title!r}",
            code="unknown_telegram",
            remedy="find the type in JMA's list of telegrams and add a row to vocab/data/jma_telegram.csv",
            position="Control/Title",
        )
    return found


def no_parser(telegram: Telegram, handles: Collection[str]) -> Issue | None:
    """The one issue of a telegram whose type is not among those that a parser handles; None where it is."""
    kind = telegram.bulletin_type
    if kind in handles:
        return None
    row = jma.telegram(telegram.title)
    feed = row.feed if row else ""
    return Issue(
        code="no_parser",
        cause=f"no parser for {kind}",
        remedy=f"give it to feed {feed}, which takes {kind}" if feed else f"no feed takes {kind} yet",
        severity="error",
        position="Control/Title",
    )


def body(telegram: Telegram) -> Node:
    """The Body as a node; what is read from it and from its nodes is popped."""
    return Node(telegram.body, "Body", NAMES)


def headline(telegram: Telegram) -> Node | None:
    """Head/Headline but for its text, as a node, for parsers of telegrams whose headline says what the Body does not.

    Close it with its own `nothing_left`: the envelope counts it as read.
    """
    element = telegram.root.find(f"{{{_HEAD}}}Head/{{{_HEAD}}}Headline")
    if element is None:
        return None
    node = Node(element, "Head/Headline", NAMES)
    node.drop("Text")
    return node


def nothing_left(telegram: Telegram, node: Node) -> Iterator[Issue]:
    """Issues ``unread`` for every path of the envelope and of the body that nobody read or dropped."""
    yield from telegram.envelope.nothing_left()
    yield from node.nothing_left()


def statement(
    telegram: Telegram, *, kind: str, scope: str, event_id: str, items: ItemTable, complete: bool
) -> Bulletin:
    """One bulletin of an ordinary telegram (発表, 遅延, 訂正), with the envelope's times, status and issuer."""
    return Bulletin(
        kind=kind,
        scope=scope,
        issued_at=telegram.issued_at,
        status=telegram.status,
        items=items,
        issuer=telegram.issuer,
        complete=complete,
        msg_type=telegram.msg_type,
        sent_at=telegram.sent_at,
        serial=telegram.serial,
        source_event_id=event_id,
        bulletin_type=telegram.bulletin_type,
    )


def withdrawal(telegram: Telegram, *, kind: str, scope: str, event_id: str) -> Bulletin:
    """取消 for one scope: it takes back every earlier telegram of this event and type.

    The 情報番号 of a 取消 is left out on purpose: it may be that of the telegram taken back or a new one, and an
    event that is taken back leaves none of its earlier numbers standing.
    """
    bulletin = statement(telegram, kind=kind, scope=scope, event_id=event_id, items=table_of([]), complete=False)
    return replace(bulletin, msg_type="withdraw", serial=None)


def time_text(node: Node, name: str, issues: list[Issue]) -> str | None:
    """Pop child `name`, an xs:dateTime, as the text the source gave; None where absent.

    A time that cannot be read is None and an issue: one wrong digit must not hold back a warning.
    """
    text = node.text(name)
    if text is None:
        return None
    try:
        instant(text, f"{node.position}/{name}")
    except ParseError as error:
        issues.append(Issue(error.code, error.cause, error.remedy, "warning", error.position))
        return None
    return text


def number(node: Node, issues: list[Issue]) -> float | None:
    """The number in an element; None where it is empty or NaN (JMA's 不明)."""
    text = node.own_text()
    if text is None:
        return None
    try:
        value = float(text)
    except ValueError:
        issues.append(
            Issue(
                "bad_number",
                f"{node.position} is {text!r}, not a number",
                "ask the publisher",
                "warning",
                node.position,
            )
        )
        return None
    return value if isfinite(value) else None


class Position(NamedTuple):
    """A place: degrees, and kilometres below the surface (None where the source gives no depth)."""

    lon: float
    lat: float
    depth_km: float | None


_ISO6709 = re.compile(r"([+-])(\d{2,6}(?:\.\d+)?)([+-])(\d{3,7}(?:\.\d+)?)(?:([+-]\d+(?:\.\d+)?))?/")


def coordinate(text: str) -> Position:
    """jmx_eb:Coordinate, ISO 6709: latitude, longitude and height in metres (minus = below the surface).

    Degrees, or degrees and minutes (度分) where the integer part has four digits (latitude) or five
    (longitude), or degrees, minutes and seconds with two more. Numbers are kept as stated whatever the
    datum attribute says. Raises `ValueError`.

    >>> coordinate("+37.5+137.3-10000/")
    Position(lon=137.3, lat=37.5, depth_km=10.0)
    >>> coordinate("+37.5+137.2+0/")
    Position(lon=137.2, lat=37.5, depth_km=0.0)
    >>> coordinate("+56.7+161.4/")
    Position(lon=161.4, lat=56.7, depth_km=None)
    >>> coordinate("+3135.55+13039.40+1117/")
    Position(lon=130.656667, lat=31.5925, depth_km=-1.117)
    >>> coordinate("-21.0-176.5-700000/").depth_km
    700.0
    """
    match = _ISO6709.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"not an ISO 6709 coordinate: {text!r}")
    lat = _degrees(match[2], 2)
    lon = _degrees(match[4], 3)
    if lat > 90 or lon > 180:
        raise ValueError(f"outside the globe: {text!r}")
    height = match[5]
    return Position(
        lon=-lon if match[3] == "-" else lon,
        lat=-lat if match[1] == "-" else lat,
        depth_km=None if height is None else 0.0 - float(height) / 1000,
    )


def _degrees(digits: str, width: int) -> float:
    whole = len(digits.partition(".")[0])
    if whole == width:
        return float(digits)
    degrees, rest = int(digits[:width]), digits[width:]
    minutes, seconds = (float(rest), 0.0) if whole == width + 2 else (int(rest[:2]), float(rest[2:] or 0))
    if whole not in (width + 2, width + 4) or minutes >= 60 or seconds >= 60:
        raise ValueError(f"neither degrees nor minutes: {digits!r}")
    return round(degrees + minutes / 60 + seconds / 3600, 6)
