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

from collections.abc import Iterator

from bousai.errors import ParseError
from bousai.formats import jma_warning_items, jma_xml
from bousai.formats.jma_warning_items import Family
from bousai.formats.jma_xml import Telegram
from bousai.formats.xml_tree import Node
from bousai.model import Bulletin, Issue, Item, table_of
from bousai.vocab import warning
from bousai.vocab.warning import WarningTelegram

VERSION = "1"
_FAMILIES = {family.bulletin_type: family for family in warning.telegrams()}
HANDLES = _FAMILIES.keys()

_HEAD = "http://xml.kishou.go.jp/jmaxml1/informationBasis1/"
_OLD = "h27"


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
    yield from jma_warning_items.counted(findings)
    yield from jma_xml.nothing_left(telegram, node)


def _statement(
    telegram: Telegram, family: WarningTelegram, body: Node, findings: list[Issue]
) -> tuple[str, list[Item]]:
    """The region that the telegram speaks for and its items."""
    old = family.family == _OLD
    read_as = Family(
        code_space=family.code_space,
        # VPWW53 and VPWW54 come in pairs and say the same: equal items, so that the second changes nothing.
        telegram="VPWW53/54" if old else family.bulletin_type,
        # The old system ended for everybody at one instant, whatever its last telegrams said.
        valid_to=family.valid_to,
        tells_last_kind=not old,
    )
    regions, items = jma_warning_items.statement(telegram.bulletin_type, read_as, body, findings)
    if len(regions) != 1:
        raise ParseError(
            f"{len(regions)} regions instead of one in a {telegram.bulletin_type}",
            code="no_region",
            remedy="see whether JMA changed the telegram; the last statement stands until then",
            position="Body/Warning",
        )
    return regions[0], items


def _withdrawn_region(telegram: Telegram, body: Node) -> str:
    """The region whose statement a 取消 takes back: from the Body, the headline's areas, or the title's first words.

    The editorial office is no help: offices act for each other, and several have more than one region.
    """
    body.drop("Text", "Notice", "Comment", "OfficeInfo", "MeteorologicalInfos", "AdditionalInfo")
    said = _headline_areas(telegram)
    for layer in body.all("Warning"):
        if layer.attribute("type") == jma_warning_items.REGIONAL:
            said += jma_warning_items.area_codes(layer)
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
        if information.get("type") == jma_warning_items.REGIONAL:
            for area in information.iter(f"{{{_HEAD}}}Area"):
                codes.append((area.findtext(f"{{{_HEAD}}}Code") or "").strip())
    return [code for code in codes if code]
