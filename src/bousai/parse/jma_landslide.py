"""Landslide warnings (土砂災害警戒情報): JMA telegram VXWW50, the form until 2026-05-28.

Source: www.data.jma.go.jp/developer/xml/feed/extra.xml; 気象庁防災情報XMLフォーマット, notes on 土砂災害警戒情報;
issued by a prefecture and JMA together. Since 2026-05-28 13:00 JST it only repeats レベル４土砂災害危険警報 of
VPWW56: later ones yield one issue and no bulletin, as VPWW53/54 do, and what was in force ends by itself then.

One telegram is the whole statement for its prefecture (in Hokkaido: for the district of an office): scope
``jma/landslide_warning/330000`` from Body/TargetArea, always complete. Every municipality is listed; one under 警戒
(code 3) makes an item ``jma/3320900``, one under 解除 (1) an ended item, なし (0) none.

Oddities
* EventID is 「岡山県土砂災害警戒情報」 and comes back with every event; Serial starts again with each. A 取消
  therefore takes back the newest telegram of its prefecture, which TargetArea names or the first words of title and
  EventID.
* The level is said by the code: 警戒 is 警戒レベル４相当 since 2019.

Known gaps:
* 解除 and 取消 were only seen as synthetic samples
"""

from __future__ import annotations

from collections.abc import Iterator

from bousai.errors import ParseError
from bousai.formats import jma_meteorology, jma_xml
from bousai.formats.jma_xml import Telegram
from bousai.formats.xml_tree import Node
from bousai.model import Bulletin, Issue, Item, table_of
from bousai.vocab import rain, warning
from bousai.vocab.code import jma_area_code, municipality_of

VERSION = "1"
HANDLES = ("VXWW50",)

_WARNING, _LIFTED, _NONE = "3", "1", "0"
_LEVEL = 4
_CHANGE = {"発表": "issued", "継続": "continued"}


def parse(body: bytes) -> Iterator[Bulletin | Issue]:
    """At most one bulletin of kind `landslide_warning`, then issues.

    Raises `ParseError`: those of `jma_xml.read`; ``no_region``, ``no_municipality``, ``item_without_area``,
    ``item_without_kind`` where the statement cannot be taken as whole, because a municipality that is left out would
    seem to have no warning; ``withdraw_without_area`` for a 取消 of nobody knows where.
    """
    telegram = jma_xml.read(body)
    if issue := jma_xml.no_parser(telegram, HANDLES) or jma_meteorology.superseded(telegram):
        yield issue
        return
    node = jma_xml.body(telegram)
    node.drop("Notice", "Comment")  # to readers of the telegram as such
    node.drop("OfficeInfo")  # who to telephone; prefecture and office stand in Control
    issues: list[Issue] = []
    target = node.one("TargetArea")
    region = jma_meteorology.area(target).code if target else None
    if telegram.msg_type == "withdraw":
        node.drop("Text", "Warning", "MeteorologicalInfos", "AdditionalInfo")  # what is taken back, or Text alone
        yield jma_xml.withdrawal(
            telegram, kind="landslide_warning", scope=_scope(region or _region_in(telegram)), event_id=""
        )
    else:
        if region is None:
            raise ParseError(
                "the telegram does not say for which prefecture it speaks",
                code="no_region",
                remedy="see whether JMA changed the telegram; the last statement stands until then",
                position="Body/TargetArea",
            )
        items: dict[str, Item] = {}
        for item in _items(telegram, node, issues):
            if item.item_id not in items or not item.ended:  # what is in force before what is lifted
                items[item.item_id] = item
        yield jma_xml.statement(
            telegram,
            kind="landslide_warning",
            scope=_scope(region),
            event_id="",
            items=table_of(items.values()),
            complete=True,
        )
    yield from issues
    yield from jma_xml.nothing_left(telegram, node)


def _scope(region: str) -> str:
    return f"jma/landslide_warning/{region}"


def _region_in(telegram: Telegram) -> str:
    region = warning.region_in(telegram.head_title) or warning.region_in(telegram.event_id)
    if region is None:
        raise ParseError(
            f"{telegram.head_title!r} takes back a statement for no prefecture that is known",
            code="withdraw_without_area",
            remedy="ask the publisher which telegram is meant; nothing is withdrawn until then",
            position="Head/Title",
        )
    return region


def _items(telegram: Telegram, body: Node, issues: list[Issue]) -> Iterator[Item]:
    records = [record for layer in body.all("Warning") for record in layer.all("Item")]
    if not records:
        raise ParseError(
            "the telegram lists no municipality",
            code="no_municipality",
            remedy="ask the publisher: an empty list must not be taken for the end of a warning",
            position="Body/Warning",
        )
    for record in records:
        record.drop("ChangeStatus", "FullStatus", "EditingMark")  # says of the text what Status says of the kind
        places = jma_meteorology.places(record)
        if len(places) != 1 or places[0].code is None:
            raise _not_whole("a record without one area code", "item_without_area", record)
        kinds = list(record.all("Kind"))
        if len(kinds) != 1:
            raise _not_whole(f"{len(kinds)} kinds for {places[0].name}", "item_without_kind", record)
        item = _item(telegram, places[0], kinds[0], issues)
        if item:
            yield item


def _not_whole(what: str, code: str, record: Node) -> ParseError:
    return ParseError(
        f"{what} in a statement that must be whole",
        code=code,
        remedy="ask the publisher; the last statement stands until then",
        position=record.position,
    )


def _item(telegram: Telegram, place: jma_meteorology.Place, kind: Node, issues: list[Issue]) -> Item | None:
    code, name, status = kind.text("Code"), kind.text("Name"), kind.text("Status")
    kind.drop("Condition")  # repeats Status
    if code is None:
        raise _not_whole(f"no kind code for {place.name}", "item_without_kind", kind)
    if code == _NONE:
        return None
    if code not in (_WARNING, _LIFTED):
        issues.append(
            Issue(
                "unknown_kind_code",
                f"{place.name} has kind {code} {name}, which counts as in force, without a level",
                "see the code table of 土砂災害警戒情報",
                "warning",
                kind.position,
            )
        )
    try:
        muni_code = municipality_of(jma_area_code(place.code or ""))
    except ValueError:
        muni_code = None
        issues.append(
            Issue(
                "unknown_area_code",
                f"area code {place.code!r} ({place.name}) is not one of 7 digits",
                "find the municipality in JMA's AreaInformationCity and say which it is",
                "warning",
                kind.position,
            )
        )
    return Item(
        item_id=f"jma/{place.code}",
        props={
            "area_code": place.code,
            "area_name": place.name,
            "kind_code": code,
            "kind_name": name,
            "level": _LEVEL if code == _WARNING else None,
            "change": _CHANGE.get(status or ""),
            "status_text": status,
            "title": telegram.head_title or None,
            "headline": telegram.headline or None,
        },
        muni_code=muni_code,
        ended=code == _LIFTED,
        # The old form gave way to VPWW56 for everybody at one instant, whatever its last telegrams said.
        valid_to=rain.counts_until(telegram.bulletin_type),
        position=kind.position,
    )
