"""Lアラート (公共情報コモンズ): EDXL-DE with a PCXML report of a municipality, one message a document.

Source: 一般財団法人マルチメディア振興センター, 公共情報コモンズ CMNS-B20-031…033 (public editions of 2011–2016; the
present one is under contract); OASIS EDXL-DE 1.0. There is no public API: files come by contract, through a drop
folder.

| category | kinds |
|---|---|
| EvacuationOrder 避難情報 | evacuation_order |
| Shelter 避難所情報 | shelter_status, and the sums as evacuation_summary |
| DamageInformation 被害情報 | damage_count |
| AntidisasterHeadquarter 災害対策本部 | disaster_hq |
| Event, GeneralInformation お知らせ | public_notice |

A report has one documentID for ever, and each documentRevision follows the one before it: scope
``lalert/<kind>/<documentID>``. Orders and shelters are not complete: what a revision leaves out stands until it is
lifted or closed in words. Cancel withdraws the report, Errata make it a 訂正.

Oddities
* Namespaces end in a version number (…/evacuation3): the local name counts.
* 解除 keeps the Sort that it lifts. What is not known is left out, 0 is written: absent is no 0.
* Sums in TotalNumber leave out shelters without a number.
* 警戒レベル belongs to floods, landslides and storm surges: an order for an earthquake, a tsunami or a volcano has
  none.

Known gaps:
* no real message was at hand: composed samples only, to the public editions of the specification
* UrgentMail, SedimentDisastersWarning, WaterLevel, RainFall and FamiliariseRiver are refused as not read
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime

import shapely

from bousai.errors import ParseError
from bousai.formats import xml_tree
from bousai.formats.xml_tree import Node
from bousai.model import Bulletin, Issue, Item, MsgType, Status, join_status, table_of
from bousai.vocab.count import Count, count
from bousai.vocab.damage import damage_item, damage_items
from bousai.vocab.municipality import named, resolve

VERSION = "1"
_NAMES = xml_tree.Names(["urn:oasis:names:tc:emergency:EDXL:DE:1.0"], beginnings=["http://xml.publiccommons.ne.jp/"])
_STATUS: dict[str, Status] = {"Actual": "actual", "Exercise": "exercise", "Test": "test"}
_TYPES: dict[str, MsgType] = {"Report": "issue", "Update": "issue", "Cancel": "withdraw"}
_ORDERS = {
    "高齢者等避難": ("elderly_evacuate", 3),
    "避難指示": ("evacuate", 4),
    "緊急安全確保": ("emergency_safety", 5),
    "避難準備": ("prepare", 3),
    "避難準備・高齢者等避難開始": ("prepare", 3),
    "避難勧告": ("recommend", 4),
    "避難指示（緊急）": ("evacuate_urgent", 4),
    "災害発生情報": ("disaster_occurred", 5),
    "警戒区域": ("restricted_area", None),
}
_WITHOUT_LEVEL = ("地震", "津波", "火山", "噴火")
_STATES = {"未開設": "not_open", "開設": "open", "閉鎖": "closed", "不明": "unknown", "常設": "permanent"}
_SHELTER_TYPES = {"避難所": "general", "臨時避難所": "temporary", "福祉避難所": "welfare"}
_HQ = {"災害対策本部": "disaster_hq", "対策本部": "disaster_hq", "警戒本部": "warning_hq"}
_NOT_READ = ("UrgentMail", "SedimentDisastersWarning", "WaterLevel", "RainFall", "FamiliariseRiver")
_UNITS = {"棟": "", "世帯": "_households", "人": "_people"}


@dataclass(frozen=True, slots=True)
class _Message:
    """What the envelope says: who reports, which document and revision, when, how real."""

    document_id: str
    revision: str | None
    status: Status
    msg_type: MsgType
    issued_at: datetime
    sent_at: datetime | None
    valid_to: datetime | None
    issuer: str
    muni_code: str | None
    headline: str | None


def parse(body: bytes) -> Iterator[Bulletin | Issue]:
    """The statements of one message.

    Raises `ParseError`: those of `xml_tree.read`, ``not_lalert``, ``unknown_status``, ``unknown_type``, ``bad_time``,
    ``no_document_id``.
    """
    root = xml_tree.read(body)
    top = Node(root, "EDXLDistribution", _NAMES)
    if _NAMES[root.tag] != "EDXLDistribution":
        raise _not_lalert(f"root element {root.tag[:80]}")
    issues: list[Issue] = []
    holder = _descend(top, "contentObject", "xmlContent", "embeddedXMLContent")
    report = holder.one("Report") if holder else None
    control, head = (report.one("Control"), report.one("Head")) if report else (None, None)
    if report is None or control is None or head is None:
        raise _not_lalert("no Report with Control and Head")
    message = _message(top, control, head, issues)
    part = report.one("Body") or report
    found: list[tuple[str, list[Item]]] = []
    for name, read in _READERS.items():
        for node in part.all(name):
            found += read(node, message, issues)
    refused = next((name for name in _NOT_READ if name in part), None)
    if refused is not None and not found:
        yield Issue("no_parser", f"no parser for {refused}", "no feed takes it yet", "error", refused)
        return
    if not found and message.msg_type != "withdraw":
        raise _not_lalert("no part that is known")
    kinds = [kind for kind, _ in found] or [kind for kinds in _KINDS.values() for kind in kinds]
    for kind in dict.fromkeys(kinds):
        items = {item.item_id: item for one, some in found if one == kind for item in some}
        yield _bulletin(kind, message, list(items.values()))
    yield from issues
    yield from top.nothing_left()


def _bulletin(kind: str, message: _Message, items: list[Item]) -> Bulletin:
    withdraw = message.msg_type == "withdraw"
    return Bulletin(
        kind=kind,
        scope=f"lalert/{kind}/{message.document_id}",
        issued_at=message.issued_at,
        status=message.status,
        items=table_of([] if withdraw else items),
        issuer=message.issuer,
        # The public editions do not promise that a revision repeats every order and every shelter.
        complete=not withdraw and kind not in ("evacuation_order", "shelter_status"),
        msg_type=message.msg_type,
        sent_at=message.sent_at,
        # A Cancel takes back every revision, whatever number it has itself.
        serial=None if withdraw else message.revision,
        source_event_id=message.document_id,
        bulletin_type="lalert",
        valid_to=message.valid_to,
    )


def _descend(node: Node, *names: str) -> Node | None:
    found: Node | None = node
    for name in names:
        if found is None:
            return None
        if name == "contentObject":
            found = found.one(name)
            if found:
                found.drop("contentDescription", "publishingOfficeName", "publishingOfficeID")
                found.drop("publishingOfficeDomainName", "category", "documentRevision", "previousDocumentRevision")
                found.drop("documentID")  # all of it stands in Head again
            continue
        found = found.one(name)
    return found


def _message(top: Node, control: Node, head: Node, issues: list[Issue]) -> _Message:
    stated = [text for text in (top.text("distributionStatus"), control.text("distributionStatus")) if text]
    unknown = [text for text in stated if text not in _STATUS]
    if unknown or not stated:
        raise ParseError(
            f"distributionStatus is {(unknown[0] if unknown else None)!r}, not Actual, Exercise or Test",
            code="unknown_status",
            remedy="System and Draft are not for use; anything else: ask the sender",
            position="distributionStatus",
        )
    kind = head.text("distributionType") or top.text("distributionType") or ""
    if kind not in _TYPES:
        raise ParseError(
            f"distributionType is {kind[:40]!r}, not Report, Update or Cancel",
            code="unknown_type",
            remedy="Error and Ack state nothing; anything else: see the specification",
            position="distributionType",
        )
    document_id = head.text("documentID")
    if document_id is None:
        raise ParseError("Head has no documentID", code="no_document_id", remedy="ask the sender", position="Head")
    office = control.one("PublishingOffice")
    info = (office.one("OfficeInfo") if office else None) or office
    code = info.text("OrganizationCode") if info else None
    name = (info.text("OrganizationName") or info.text("OfficeName")) if info else None
    for one in (info, office):
        if one:
            one.drop(
                "ContactInfo",
                "OfficeName",
                "OfficeNameKana",
                "OfficeLocation",
                "OfficeDomainName",
                "OrganizationName",
            )
    errata = control.one("Errata")
    if errata:
        errata.drop("DateTime", "Description")
    control.drop("Title", "EditorialOffice")
    headline = head.one("Headline")
    text = headline.text("Text") if headline else None
    if headline:
        headline.drop("Areas")
    found = resolve(code) if code else named(name or "")
    if found.code is None:
        found = named(name or "") if code and name else found
    if found.code is None:
        cause = f"the office {name or ''} ({code or 'no code'}): {found.why}"
        issues.append(
            Issue("unknown_municipality", cause, "the items go without a municipality", "warning", "Control")
        )
    issued_at = _instant(head.text("ReportDateTime"), "Head/ReportDateTime")
    if issued_at is None:
        raise ParseError("Head has no ReportDateTime", code="bad_time", remedy="ask the sender", position="Head")
    msg_type = _TYPES[kind]
    message = _Message(
        document_id=document_id,
        revision=head.text("documentRevision"),
        status=join_status(*(_STATUS[one] for one in stated)),
        msg_type="correct" if errata and msg_type == "issue" else msg_type,
        issued_at=issued_at,
        sent_at=_instant(top.text("dateTimeSent"), "dateTimeSent"),
        valid_to=_instant(head.text("ValidDateTime"), "Head/ValidDateTime"),
        issuer=name or "市町村",
        muni_code=found.code,
        headline=text,
    )
    head.drop("Title", "CreateDateTime", "FirstCreateDateTime", "TargetDateTime", "distributionID")
    head.drop("previousDocumentRevision")
    top.drop("distributionID", "senderID", "distributionType", "combinedConfidentiality", "language", "consumerRole")
    top.drop("senderRole", "keyword", "distributionReference", "explicitAddress", "targetArea")
    return message


def _not_lalert(what: str) -> ParseError:
    return ParseError(f"not a message of Lアラート: {what}", code="not_lalert", remedy="check which file it is")


def _instant(text: str | None, position: str) -> datetime | None:
    """An xs:dateTime with an offset; None where absent. Raises `ParseError` ``bad_time``."""
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise ParseError(f"{position} is {text[:40]!r}", code="bad_time", remedy="ask the sender", position=position)
    return at


def _time(node: Node, name: str, issues: list[Issue]) -> str | None:
    """A time inside the body as text; one that cannot be read is left out and told."""
    text = node.text(name)
    try:
        at = _instant(text, f"{node.position}/{name}")
    except ParseError as error:
        issues.append(Issue(error.code, error.cause, "the time is left out", "warning", error.position))
        return None
    return at.isoformat() if at else None


def _number(node: Node | None, name: str, issues: list[Issue]) -> Count | None:
    """A count; None where the element is absent (not known), which is no 0."""
    text = node.text(name) if node else None
    return None if node is None or text is None else _counted(text, f"{node.position}/{name}", issues)


def _counted(text: str, position: str, issues: list[Issue]) -> Count:
    found = count(text)
    if found is not None:
        return found
    cause = f"{position} is {text[:40]!r}, not a count"
    issues.append(Issue("bad_count", cause, "it is kept as not known, with its wording", "warning", position))
    return {"value": None, "state": "unknown", "qualifier": "exact", "text": text}


def _disaster(node: Node) -> str | None:
    disaster = node.one("Disaster")
    return disaster.text("DisasterName") if disaster else None


def _location(node: Node | None) -> tuple[str | None, str | None]:
    """Name and kana."""
    if node is None:
        return None, None
    name, kana = node.text("areaName"), node.text("areaNameKana") or node.text("Kana")
    return name, kana


# ── 避難情報 ─────────────────────────────────────────────────────────────────────────────────────────────


def _evacuation_order(node: Node, message: _Message, issues: list[Issue]) -> list[tuple[str, list[Item]]]:
    incident, note = _disaster(node), node.text("ComplementaryInfo")
    node.drop("TotalNumber")  # the sum of the objects below
    items: list[Item] = []
    for detail in node.all("Detail"):
        sort, lifted = detail.text("Sort"), detail.text("IssueOrLift")
        order, level = _ORDERS.get(sort or "", ("other", None))
        if order == "other":
            cause = f"{detail.position}: {sort!r} is no kind of order that is known"
            issues.append(
                Issue("unknown_order", cause, "it is kept as other, in the words of the source", "warning", "Sort")
            )
        if lifted not in ("発令", "解除"):
            cause = f"{detail.position}: IssueOrLift is {lifted!r}; it counts as in force"
            issues.append(Issue("unknown_value", cause, "ask the municipality", "warning", detail.position))
        if incident and any(word in incident for word in _WITHOUT_LEVEL):
            level = None
        whole = detail.one("Object")
        areas = detail.one("Areas")
        found = list(areas.all("Area")) if areas else []
        for area in found:
            name, _ = _location(area.one("Location"))
            own = area.one("Object")
            at = _time(area, "DateTime", issues)
            over = lifted == "解除"
            props = {
                "incident": incident,
                "order": order,
                "order_text": sort,
                "level": level,
                "hazard": None,
                "district_name": name,
                "households": _number(own, "Households", issues),
                "people": _number(own, "HeadCount", issues),
                "ordered_at": None if over else at,
                "lifted_at": at if over else None,
                "area_name": message.issuer,
                "as_of": message.issued_at.isoformat(),
                "note": note,
            }
            item_id = f"lalert/{message.document_id}/{sort}/{name or area.position}"
            items.append(Item(item_id, props, message.muni_code, ended=over, position=area.position))
        if whole:
            whole.drop("Households", "HeadCount")  # the sum of its areas
        if not found:
            cause = f"{detail.position} names no area"
            issues.append(
                Issue("no_area", cause, "ask the municipality; the order is held back", "warning", detail.position)
            )
    return [("evacuation_order", items)]


# ── 避難所情報 ───────────────────────────────────────────────────────────────────────────────────────────


def _shelter(node: Node, message: _Message, issues: list[Issue]) -> list[tuple[str, list[Item]]]:
    incident, note = _disaster(node), node.text("ComplementaryInfo")
    total, shelters = node.one("TotalNumber"), _number(node, "TotalNumberOfShelter", issues)
    summary = {
        "incident": incident,
        "area_name": message.issuer,
        "area_level": "municipality",
        "as_of": message.issued_at.isoformat(),
        "shelters_open": shelters,
        "evacuees": _number(total, "HeadCount", issues),
        "evacuated_households": _number(total, "Households", issues),
        "note": note,
    }
    if total:
        total.drop("HeadCountVoluntary", "HouseholdsVoluntary")
    holder = node.one("Informations")
    items = [_one_shelter(one, incident, message, issues) for one in (holder.all("Information") if holder else ())]
    summed = Item(f"lalert/{message.document_id}", summary, message.muni_code, position=node.position)
    return [("shelter_status", items), ("evacuation_summary", [summed] if total or shelters else [])]


def _one_shelter(node: Node, incident: str | None, message: _Message, issues: list[Issue]) -> Item:
    location = node.one("Location")
    circle = location.text("circle") if location else None
    name, kana = _location(location)
    address = location.text("Address") if location else None
    if location:
        location.drop("ContactInfo")
    kind, sort = node.text("Type"), node.text("Sort")
    state = _STATES.get(sort or "")
    if state is None:
        cause = f"{name}: Sort is {sort!r}"
        issues.append(Issue("unknown_state", cause, "it is shown as unknown", "warning", node.position))
        state = "unknown"
    numbers = node.one("NumberOf")
    at = _time(node, "DateTime", issues)
    props = {
        "incident": incident,
        "source_id": None,
        "name": name,
        "name_kana": kana,
        "address": address,
        "area_name": message.issuer,
        "state": state,
        "state_text": sort,
        "shelter_type": _SHELTER_TYPES.get(kind or "", "unknown"),
        "opened_at": at if state == "open" else None,
        "closed_at": at if state == "closed" else None,
        "evacuees": _number(numbers, "HeadCount", issues),
        "voluntary_evacuees": _number(numbers, "HeadCountVoluntary", issues),
        "households": _number(numbers, "Households", issues),
        "capacity": _number(node, "Capacity", issues),
        "crowding": None,
        "reason": None,
        "as_of": _time(node, "CheckedDateTime", issues) or message.issued_at.isoformat(),
    }
    if numbers:
        numbers.drop("HouseholdsVoluntary")
    node.drop("TypeDetail", "Status")
    return Item(
        f"lalert/{message.document_id}/{name or node.position}",
        props,
        message.muni_code,
        geometry=_point(circle, name, node.position, issues),
        position=node.position,
    )


def _point(circle: str | None, name: str | None, position: str, issues: list[Issue]) -> bytes | None:
    """``lat,lon radius``."""
    if circle is None:
        return None
    try:
        lat, lon = (float(number) for number in circle.split()[0].split(","))
    except (ValueError, IndexError):
        cause = f"{name}: circle is {circle[:40]!r}"
        issues.append(Issue("no_position", cause, "the shelter is kept without a position", "warning", position))
        return None
    return bytes(shapely.to_wkb(shapely.Point(lon, lat)))


# ── 被害情報 ─────────────────────────────────────────────────────────────────────────────────────────────


def _damage(node: Node, message: _Message, issues: list[Issue]) -> list[tuple[str, list[Item]]]:
    incident, note = _disaster(node), node.text("ComplementaryInfo")
    counts: dict[str, Count] = {}
    holders = [holder for name in _GROUPS for holder in node.all(name)]
    inner = [one for holder in holders for one in _leaves(holder)]
    for one in inner:
        item = _damage_item_of(one)
        text = one.own_text()
        if item is None or text is None:
            if text is not None:
                kinds = " ".join(str(value) for value in one.element.attrib.values())
                cause = f"nobody reads {one.position} {kinds[:60]}"
                issues.append(
                    Issue("unread", cause, "see the specification and damage_item.csv", "info", one.position)
                )
            continue
        counts[item] = _counted(text, one.position, issues)
    for name, item in (("TurnoutFireStation", "firefighters"), ("TurnoutFireCompany", "volunteer_firefighters")):
        for holder in (node, *holders):
            said = _number(holder, name, issues)
            if said is not None:
                counts[item] = said
    props = {
        "incident": incident,
        "area_name": message.issuer,
        "area_level": "municipality",
        "report_no": message.revision,
        "as_of": message.issued_at.isoformat(),
        "reporter": message.issuer,
        "note": note,
    }
    item_id = f"lalert/{message.document_id}"
    return [("damage_count", [Item(item_id, {**props, **counts}, message.muni_code, position=node.position)])]


_GROUPS = (
    "HumanDamages",
    "HouseDamages",
    "BuildingDamages",
    "OtherDamages",
    "Sufferers",
    "FireDamages",
    "Losses",
    "Firefighter",
)


def _leaves(holder: Node) -> Iterator[Node]:
    """The elements of a group that have a text of their own, at whatever depth."""
    for name in holder.names():
        if name in ("TurnoutFireStation", "TurnoutFireCompany"):
            continue
        for one in holder.all(name):
            if len(one.element):
                yield from _leaves(one)
            else:
                yield one


def _damage_item_of(node: Node) -> str | None:
    """The item by the attribute …Type and the unit; by the element's own name where it has no type."""
    attributes = {str(name).rpartition("}")[2]: str(value).strip() for name, value in node.element.attrib.items()}
    kind = next((value for name, value in attributes.items() if name.endswith("Type")), "")
    unit = next((value for name, value in attributes.items() if name.endswith("Unit")), "")
    local = node.position.rpartition("/")[2].partition("[")[0]
    if local.startswith("Building"):
        return {"公共建物": "public_building", "その他": "other_building"}.get(kind)
    if local.startswith("Fire"):
        return {"建物": "fire_building", "危険物": "fire_hazmat", "その他": "fire_other"}.get(kind)
    if "Losses" in node.position and kind == "その他":
        return "loss_other_kyen"
    if local == "TotalLosses":
        return "loss_kyen" if node.position.endswith("Losses[1]/TotalLosses[1]") else "loss_facilities_kyen"
    item = damage_item(kind)
    if item is not None and item.startswith(("house_", "flooded_")) and unit in _UNITS:
        item += _UNITS[unit]
    return item if item in damage_items() else None


# ── 災害対策本部, お知らせ ───────────────────────────────────────────────────────────────────────────────


def _headquarters(node: Node, message: _Message, issues: list[Issue]) -> list[tuple[str, list[Item]]]:
    incident, note = _disaster(node), node.text("ComplementaryInfo")
    kind, state, name = node.text("Type"), node.text("Status"), node.text("Name")
    at = _time(node, "DateTime", issues)
    if state not in ("設置", "解散"):
        cause = f"Status of the headquarters is {state!r}"
        issues.append(Issue("unknown_state", cause, "it is kept as set up", "warning", node.position))
    dissolved = state == "解散"
    props = {
        "incident": incident,
        "name": name,
        "hq_type": _HQ.get(kind or "", "other"),
        "state": "dissolved" if dissolved else "set_up",
        "set_up_at": None if dissolved else at,
        "dissolved_at": at if dissolved else None,
        "area_name": message.issuer,
        "note": note,
    }
    item_id = f"lalert/{message.document_id}"
    return [("disaster_hq", [Item(item_id, props, message.muni_code, ended=dissolved, position=node.position)])]


def _notice(node: Node, message: _Message, _: list[Issue]) -> list[tuple[str, list[Item]]]:
    incident = _disaster(node)
    node.drop("ContactInfo")
    texts = {
        name: node.text(name)
        for name in ("Title", "Category", "Sort", "Description", "Text", "ComplementaryInfo", "URI")
    }
    props = {
        "incident": incident,
        "title": texts["Title"] or message.headline,
        "category": texts["Category"] or texts["Sort"],
        "text": texts["Description"] or texts["Text"] or message.headline,
        "note": texts["ComplementaryInfo"],
        "url": texts["URI"],
        "area_name": message.issuer,
    }
    item = Item(f"lalert/{message.document_id}", props, message.muni_code, position=node.position)
    return [("public_notice", [replace(item, valid_to=message.valid_to)])]


_Reader = Callable[[Node, _Message, list[Issue]], list[tuple[str, list[Item]]]]
_READERS: dict[str, _Reader] = {
    "EvacuationOrder": _evacuation_order,
    "Shelter": _shelter,
    "DamageInformation": _damage,
    "AntidisasterHeadquarter": _headquarters,
    "Event": _notice,
    "GeneralInformation": _notice,
}
_KINDS = {
    "EvacuationOrder": ("evacuation_order",),
    "Shelter": ("shelter_status", "evacuation_summary"),
    "DamageInformation": ("damage_count",),
    "AntidisasterHeadquarter": ("disaster_hq",),
    "GeneralInformation": ("public_notice",),
}
