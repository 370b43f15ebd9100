"""JMA weather warnings by municipality: what VPWW53–61 and the national roll-up VPWS50 have in common.

Source: jmx_mete.xsd (type.Warning), 気象警報・注意報（Ｒ０６）解説資料 and （Ｈ２７）解説資料. Tables in
vocab/data/jma_warning_*.csv. A Body has one Warning for each layer of areas; only that of the municipalities makes
items, one for each municipality (or part of one) and phenomenon, id ``1410000/heavy_rain``:

    said = jma_warning_items.statement("VPWW55", family, body, findings)
    said.regions, said.items
    yield from jma_warning_items.counted(findings)
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

from bousai.errors import ParseError
from bousai.formats.xml_tree import Node
from bousai.model import Issue, Item
from bousai.vocab import warning
from bousai.vocab.warning import Change, CodeSpace, KindStatus, WarningKind

MUNICIPAL = "気象警報・注意報（市町村等）"
REGIONAL = "気象警報・注意報（府県予報区等）"
_COARSER_OR_COAST = frozenset(
    {
        "気象警報・注意報（一次細分区域等）",
        "気象警報・注意報（市町村等をまとめた地域等）",
        "気象警報・注意報（高潮予報区間）",
    }
)
_FULL_OR_PARTIAL = {"全域": "full", "一部": "partial"}


class Family(NamedTuple):
    """What a telegram's kinds mean: their code space, the name of the telegram on the items, when they end by
    themselves, and whether Kind/LastKind says what was in force before."""

    code_space: CodeSpace
    telegram: str
    valid_to: datetime | None
    tells_last_kind: bool


class Statement(NamedTuple):
    """Codes of the 府県予報区 that a Body speaks for, and its items."""

    regions: list[str]
    items: list[Item]


def statement(bulletin_type: str, family: Family, body: Node, findings: list[Issue]) -> Statement:
    """Pop and read a Body.

    Raises `ParseError`: ``no_municipal_layer``, ``item_without_area``, ``item_without_kind``, because a municipality
    that is left out of a complete statement would seem to have no warning.
    """
    # Notice of the parallel telegrams has the word 危険警報 in a heading of every telegram: never to be searched.
    body.drop("Notice", "Comment", "OfficeInfo")
    body.drop("MeteorologicalInfos", "AdditionalInfo")  # expected amounts by the hour, criteria of gauges
    regions: list[str] = []
    records: list[Node] = []
    for layer in body.all("Warning"):
        kind_of_layer = layer.attribute("type")
        if kind_of_layer == MUNICIPAL:
            records += layer.all("Item")
        elif kind_of_layer == REGIONAL:
            regions += area_codes(layer)
        elif kind_of_layer in _COARSER_OR_COAST:
            layer.drop("Item")
    if not records:
        raise ParseError(
            f"no record of a municipality in a {bulletin_type}",
            code="no_municipal_layer",
            remedy="see whether JMA renamed its layers; the last statement stands until then",
            position="Body/Warning",
        )
    items: dict[str, Item] = {}
    for record in records:
        for item in _items(record, family, findings):
            _put(items, item, findings)
    return Statement(regions, list(items.values()))


def area_codes(layer: Node) -> list[str]:
    """Codes of the areas of one layer."""
    codes = []
    for record in layer.all("Item"):
        record.drop("Kind", "ChangeStatus", "FullStatus", "EditingMark")
        area = record.one("Area")
        code = area.text("Code") if area else None
        if area and code:
            area.drop("Name")
            codes.append(code)
    return codes


def _items(record: Node, family: Family, findings: list[Issue]) -> Iterator[Item]:
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
                "telegram": family.telegram,
            },
            muni_code=muni_code,
            ended=not said.active,
            valid_to=family.valid_to,
            position=node.position,
        )


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


def _kind(node: Node, family: Family, findings: list[Issue]) -> _Said | None:
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
    if kind is not None and change == "issued" and family.tells_last_kind:
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


def counted(findings: list[Issue]) -> Iterator[Issue]:
    """One issue for each distinct cause, at its first place, with a count."""
    counts = Counter((issue.code, issue.cause) for issue in findings)
    for issue in findings:
        if count := counts.pop((issue.code, issue.cause), 0):
            yield replace(issue, cause=f"{issue.cause} ({count} time{'s' if count > 1 else ''})")
