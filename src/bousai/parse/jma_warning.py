"""Weather warnings by municipality (気象警報・注意報): JMA telegrams VPWW55–61 and, before 2026-05-28, VPWW53/54.

Source: xml.kishou.go.jp, 気象警報・注意報（Ｒ０６）解説資料 and 気象警報・注意報（Ｈ２７）解説資料; schema
jmx_mete.xsd (type.Warning). Tables in vocab/data/jma_warning_*.csv.

One telegram is the whole statement for its family of phenomena and its 府県予報区: scope
``jma/weather_warning/heavy_rain/450000``, always complete. Only the layer 「気象警報・注意報（市町村等）」 makes
items, one for each municipality (or part of one) and phenomenon, id ``1410000/heavy_rain``. The coarser layers
and the headline say the same again with less detail.

Oddities
* A code means something only within its code space, and codes do not sort by severity.
* Kind/Status is 発表, 継続, a transition such as 特別警報から危険警報 (in force!), 解除 (with the *old* kind's name
  and code) or 発表警報・注意報はなし (with nothing else). A word that is none of these counts as in force.
* A kind that no table knows is kept as phenomenon ``other``, id ``<area>/other-<code>``: a warning is never lost.
* EventID and Serial are empty, so a 取消 says only which type and region it means.
* VPWW53 and VPWW54 say the same about municipalities. They make equal items in one scope, ``h27``; that is why
  LastKind, which VPWW53 lacks, is not used there. Their items end by themselves when the 2026 system begins,
  and later ones (issued in parallel, where a 危険警報 is shown as a mere 警報) yield one issue and no bulletin.

Known gaps:
* the layer 高潮予報区間 and the coarser layers are passed over
* no real 特別警報 of the 2026 system was seen, only official samples
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace

from bousai.errors import ParseError
from bousai.formats import jma_xml
from bousai.formats.jma_xml import Telegram
from bousai.formats.xml_tree import Node
from bousai.model import Bulletin, Issue, Item, table_of
from bousai.vocab import warning
from bousai.vocab.warning import Change, KindStatus, WarningKind, WarningTelegram

VERSION = "1"
_FAMILIES = {family.bulletin_type: family for family in warning.telegrams()}
HANDLES = _FAMILIES.keys()

_MUNICIPAL = "気象警報・注意報（市町村等）"
_REGIONAL = "気象警報・注意報（府県予報区等）"
_COARSER_OR_COAST = frozenset(
    {
        "気象警報・注意報（一次細分区域等）",
        "気象警報・注意報（市町村等をまとめた地域等）",
        "気象警報・注意報（高潮予報区間）",
    }
)
_HEAD = "http://xml.kishou.go.jp/jmaxml1/informationBasis1/"
_OLD = "h27"
_FULL_OR_PARTIAL = {"全域": "full", "一部": "partial"}


def parse(body: bytes) -> Iterator[Bulletin | Issue]:
    """At most one bulletin of kind `weather_warning`, then issues.

    Raises `ParseError`: those of `jma_xml.read`; ``no_municipal_layer``, ``no_region``, ``item_without_area``,
    ``item_without_kind`` where the statement cannot be taken as whole, because a municipality that is left out of
    a complete statement would seem to have no warning; ``withdraw_without_area`` for a 取消 of nobody knows where.
    """
    telegram = jma_xml.read(body)
    if issue := jma_xml.no_parser(telegram, HANDLES):
        yield issue
        return
    family = _FAMILIES[telegram.bulletin_type]
    if family.valid_to is not None and telegram.issued_at >= family.valid_to:
        yield Issue(
            code="superseded_telegram",
            cause=f"{telegram.bulletin_type} of {telegram.issued_at.isoformat()} repeats what VPWW55–61 say",
            remedy="nothing to do: warnings are taken from VPWW55–61 since they began",
            severity="info",
        )
        return
    node = jma_xml.body(telegram)
    findings: list[Issue] = []
    items: list[Item] = []
    if telegram.msg_type == "withdraw":
        region = _withdrawn_region(telegram, node)
    else:
        region, items = _statement(telegram, family, node, findings)
    yield Bulletin(
        kind="weather_warning",
        scope=f"jma/weather_warning/{family.family}/{region}",
        issued_at=telegram.issued_at,
        status=telegram.status,
        items=table_of(items),
        issuer=telegram.issuer,
        complete=True,
        msg_type=telegram.msg_type,
        sent_at=telegram.sent_at,
        serial=telegram.serial,
        source_event_id=telegram.event_id,
        bulletin_type=telegram.bulletin_type,
        valid_to=telegram.valid_at_end,
    )
    yield from _counted(findings)
    yield from jma_xml.nothing_left(telegram, node)


def _counted(findings: list[Issue]) -> Iterator[Issue]:
    """One issue for each distinct cause, at its first place, with a count."""
    counts = Counter((issue.code, issue.cause) for issue in findings)
    for issue in findings:
        if count := counts.pop((issue.code, issue.cause), 0):
            yield replace(issue, cause=f"{issue.cause} ({count} time{'s' if count > 1 else ''})")


def _statement(
    telegram: Telegram, family: WarningTelegram, body: Node, findings: list[Issue]
) -> tuple[str, list[Item]]:
    """The region that the telegram speaks for and its items."""
    # Notice of the parallel telegrams has the word 危険警報 in a heading of every telegram: never to be searched.
    body.drop("Notice", "Comment", "OfficeInfo")
    body.drop("MeteorologicalInfos", "AdditionalInfo")  # expected amounts by the hour, criteria of gauges
    regions: list[str] = []
    records: list[Node] = []
    for layer in body.all("Warning"):
        kind_of_layer = layer.attribute("type")
        if kind_of_layer == _MUNICIPAL:
            records += layer.all("Item")
        elif kind_of_layer == _REGIONAL:
            regions += _area_codes(layer)
        elif kind_of_layer in _COARSER_OR_COAST:
            layer.drop("Item")
    if not records:
        raise ParseError(
            f"no record of a municipality in a {telegram.bulletin_type}",
            code="no_municipal_layer",
            remedy="see whether JMA renamed its layers; the last statement stands until then",
            position="Body/Warning",
        )
    if len(regions) != 1:
        raise ParseError(
            f"{len(regions)} regions instead of one in a {telegram.bulletin_type}",
            code="no_region",
            remedy="see whether JMA changed the telegram; the last statement stands until then",
            position="Body/Warning",
        )
    items: dict[str, Item] = {}
    for record in records:
        for item in _items(record, family, findings):
            _put(items, item, findings)
    return regions[0], list(items.values())


def _area_codes(layer: Node) -> list[str]:
    codes = []
    for record in layer.all("Item"):
        record.drop("Kind", "ChangeStatus", "FullStatus", "EditingMark")
        area = record.one("Area")
        code = area.text("Code") if area else None
        if area and code:
            area.drop("Name")
            codes.append(code)
    return codes


def _items(record: Node, family: WarningTelegram, findings: list[Issue]) -> Iterator[Item]:
    """The items of one municipality (or part of one): one a phenomenon that is in force or was lifted now."""
    area = record.one("Area")
    code = area.text("Code") if area else None
    if area is None or code is None:
        raise ParseError(
            "a warning for a municipality without a code",
            code="item_without_area",
            remedy="ask the publisher; the last statement stands until then",
            position=record.position,
        )
    name = area.text("Name")
    muni_code: str | None = code[:5]
    if not (len(code) == 7 and code.isascii() and code.isdigit()):
        muni_code = None
        findings.append(
            Issue(
                code="unknown_area_code",
                cause=f"area code {code!r} ({name}) is not one of 7 digits",
                remedy="find the municipality in JMA's AreaInformationCity and say which it is",
                position=record.position,
            )
        )
    full_status = record.text("FullStatus")
    record.drop("ChangeStatus", "EditingMark")  # whether the text was edited; Kind/Status says what changed
    kinds = list(record.all("Kind"))
    if not kinds:
        raise ParseError(
            f"nothing is said about {name} ({code})",
            code="item_without_kind",
            remedy="ask the publisher; the last statement stands until then",
            position=record.position,
        )
    for node in kinds:
        said = _kind(node, family, findings)
        if said is None:
            continue
        phenomenon = said.kind.phenomenon if said.kind else "other"
        yield Item(
            item_id=f"{code}/{phenomenon}" if said.kind else f"{code}/other-{said.code or 'uncoded'}",
            props={
                "area_code": code,
                "area_name": name,
                "phenomenon": phenomenon,
                "kind_code": said.code,
                "kind_name": said.name,
                "level": said.kind.level if said.kind else None,
                "grade": said.kind.grade if said.kind else None,
                "change": said.change,
                "status_text": said.status_text,
                "condition": said.condition,
                "full_or_partial": _FULL_OR_PARTIAL.get(full_status or ""),
                "telegram": _telegram_name(family),
            },
            muni_code=muni_code,
            ended=not said.active,
            # The old system ended for everybody at one instant, whatever its last telegrams said.
            valid_to=family.valid_to,
            position=node.position,
        )


def _telegram_name(family: WarningTelegram) -> str:
    # VPWW53 and VPWW54 come in pairs and say the same: equal items, so that the second of a pair changes nothing.
    return "VPWW53/54" if family.family == _OLD else family.bulletin_type


@dataclass(frozen=True, slots=True)
class _Said:
    """One Kind as read. `kind` is None for a code that the table does not have."""

    kind: WarningKind | None
    code: str | None
    name: str | None
    status_text: str | None
    active: bool
    change: Change | None
    condition: str | None


def _kind(node: Node, family: WarningTelegram, findings: list[Issue]) -> _Said | None:
    """One Kind, or None where it says that nothing is in force."""
    code, name, word = node.text("Code"), node.text("Name"), node.text("Status")
    condition = node.text("Condition")
    last_code, last_name = _last_kind(node)
    node.drop("NextKinds", "DateTime", "Attention", "WarningNotice", "Addition")  # outlook and advice in words
    node.drop("Property")  # 危険度, 量的予想, 警戒期間: not part of the state of the warning
    status = warning.status(word or "")
    if status is None:
        findings.append(
            Issue(
                code="unknown_kind_status",
                cause=f"Kind/Status {word!r} is not known and counts as in force",
                remedy="see the telegram's specification and add the word to vocab/data/jma_warning_status.csv",
                position=node.position,
            )
        )
        status = KindStatus(word or "", active=True, change=None)
    if code is None and not status.active:
        return None  # 発表警報・注意報はなし
    kind = warning.kind(family.code_space, code or "")
    if kind is not None and kind.phenomenon is None:  # 00 解除: what it lifts stands in LastKind
        kind = warning.kind(family.code_space, last_code or "")
        if kind is None or kind.phenomenon is None:
            return None
        code, name = last_code, last_name
        status = KindStatus(status.word, active=False, change=None)
    if kind is None:
        findings.append(
            Issue(
                code="unknown_kind_code",
                cause=f"kind {code} {name} is not in {family.code_space}: kept without phenomenon, grade and level",
                remedy="see JMA's code.WeatherWarning and add the code to vocab/data/jma_warning_kind.csv",
                position=node.position,
            )
        )
    change = status.change
    if kind is not None and change == "issued" and family.family != _OLD:
        change = _compared(kind, warning.kind(family.code_space, last_code or ""))
    return _Said(kind, code, name, word, status.active, change, condition)


def _last_kind(node: Node) -> tuple[str | None, str | None]:
    last = node.one("LastKind")
    if last is None:
        return None, None
    last.drop("Condition", "DateTime", "Sentence")
    return last.text("Code"), last.text("Name")


def _compared(kind: WarningKind, last: WarningKind | None) -> Change:
    """What 発表 means after the kind that was in force before, as far as that is the same phenomenon."""
    if last is None or last.phenomenon != kind.phenomenon or last.grade == kind.grade:
        return "issued"
    return "raised" if warning.severity(kind.grade) > warning.severity(last.grade) else "lowered"


def _put(items: dict[str, Item], item: Item, findings: list[Issue]) -> None:
    """Keep one item a municipality and phenomenon: what is in force before what is lifted, then the worse grade."""
    other = items.get(item.item_id)
    if other is None:
        items[item.item_id] = item
        return
    if not other.ended and not item.ended and other.props["kind_code"] != item.props["kind_code"]:
        findings.append(
            Issue(
                code="two_kinds_of_one_phenomenon",
                cause=f"{item.item_id}: both {other.props['kind_name']} and {item.props['kind_name']} are in force",
                remedy="ask the publisher; the worse of the two is kept",
                position=item.position,
            )
        )
    items[item.item_id] = max(other, item, key=lambda one: (not one.ended, warning.severity(one.props["grade"])))


def _withdrawn_region(telegram: Telegram, body: Node) -> str:
    """The region whose statement a 取消 takes back: from the Body, the headline's areas, or the title's first words.

    The editorial office is no help: offices act for each other, and several have more than one region.
    """
    body.drop("Text", "Notice", "Comment", "OfficeInfo", "MeteorologicalInfos", "AdditionalInfo")
    said = _headline_areas(telegram)
    for layer in body.all("Warning"):
        if layer.attribute("type") == _REGIONAL:
            said += _area_codes(layer)
        layer.drop("Item")
    region = said[0] if said else warning.region_in(telegram.head_title)
    if region is None or len(set(said)) > 1:
        raise ParseError(
            f"{telegram.bulletin_type} {telegram.head_title!r} takes back a statement for no region that is known",
            code="withdraw_without_area",
            remedy="ask the publisher which telegram is meant; nothing is withdrawn until then",
            position="Head/Title",
        )
    return region


def _headline_areas(telegram: Telegram) -> list[str]:
    codes = []
    for information in telegram.root.iter(f"{{{_HEAD}}}Information"):
        if information.get("type") == _REGIONAL:
            for area in information.iter(f"{{{_HEAD}}}Area"):
                codes.append((area.findtext(f"{{{_HEAD}}}Code") or "").strip())
    return [code for code in codes if code]
