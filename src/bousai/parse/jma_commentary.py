"""Weather commentaries: 気象情報 and 気象解説情報 of JMA, 早期天候情報, 気象特別警報報知, 潮位情報.

Source: www.data.jma.go.jp/developer/xml/feed/extra.xml and other.xml; 気象庁防災情報XMLフォーマット, notes on these
telegrams; schema jmx_mete.xsd.

| types | what |
|---|---|
| VPZJ51, VPCJ51, VPFJ51 | 全般・地方・府県気象解説情報, in sections with quantities |
| VPZJ50, VPCJ50, VPFJ50 | 全般・地方・府県気象情報, prose; until 2026-05-28 |
| VMCJ53–55, VMCJ50–52 | the same of tides (潮位); the latter until 2026-05-28 |
| VPBS51 | 府県気象防災速報（潮位） |
| VPAW51 | 早期天候情報: what may be far from normal in a week or two |
| VPNO50 | 気象特別警報報知: that an emergency warning was issued or switched down |

One telegram is one item, in a scope of its own: ``jma/weather_commentary/VPFJ51/JPTK230120``; the next of its series
(same EventID, next serial) replaces it. Where EventID is empty (VPAW51, VPNO50) Head/Title takes its place. The id is
``jma/VPFJ51/JPTK230120``: EventIDs of different types may be equal.

Oddities
* The 50-series only repeats the new types since 2026-05-28: one issue and no bulletin.
* A 取消 takes back the newest telegram of its series: the one before it stands again.
* VPNO50 has an empty Body; kind 00 解除 in its headline ends it. The warnings themselves are in VPWW55–61.
* Text elements that are there but empty are JMA's blanks for sentences that were not needed this time.
* Tags are words of the 情報タグ; typhoon numbers (T2313, TC2315) stand beside them as kinds of their own.

Known gaps:
* a series ends with its ValidDateTime; where it has none it stays, and forecast_until says how far its forecasts go
* VPZJ50, VPCJ50, VPFJ50, VMCJ50–52, VMCJ53, VMCJ54 and VPBS51 were only seen as synthetic samples
* areas of forecasts have no shape
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bousai.errors import ParseError
from bousai.formats import jma_meteorology, jma_xml
from bousai.formats.jma_meteorology import HeadlineItem, Infos, Place
from bousai.formats.jma_xml import Telegram
from bousai.formats.xml_tree import Node
from bousai.model import Bulletin, Issue, Item, table_of

VERSION = "1"
HANDLES = (
    "VPZJ50",
    "VPCJ50",
    "VPFJ50",
    "VPZJ51",
    "VPCJ51",
    "VPFJ51",
    "VPNO50",
    "VPAW51",
    "VMCJ50",
    "VMCJ51",
    "VMCJ52",
    "VMCJ53",
    "VMCJ54",
    "VMCJ55",
    "VPBS51",
)

_TAG = "情報タグ"
_TYPHOON, _CYCLONE = "台風番号", "TC番号"
_LIFTED = "00"


def parse(body: bytes) -> Iterator[Bulletin | Issue]:
    """At most one bulletin of kind `weather_commentary`, then issues.

    Raises `ParseError`: those of `jma_xml.read`, and ``no_series`` for a telegram with neither EventID nor title.
    """
    telegram = jma_xml.read(body)
    if issue := jma_xml.no_parser(telegram, HANDLES) or jma_meteorology.superseded(telegram):
        yield issue
        return
    issues: list[Issue] = []
    headline = jma_meteorology.headline(telegram, issues)
    node = jma_xml.body(telegram)
    node.drop("OfficeInfo")  # who to telephone
    series = telegram.event_id or telegram.head_title
    if not series:
        raise ParseError(
            "the telegram has neither an EventID nor a title",
            code="no_series",
            remedy="ask the publisher: nothing tells which commentary it replaces",
            position="Head/EventID",
        )
    key = f"{telegram.bulletin_type}/{series}"
    scope = f"jma/weather_commentary/{key}"
    if telegram.msg_type == "withdraw":
        # What is taken back: on a 取消 the Body has Text alone, or what was said.
        node.drop("Text", "Warning", "MeteorologicalInfos", "Comment", "Notice", "TargetArea", "AdditionalInfo")
        # Without an event id it takes back the newest: what was said before then stands again.
        yield jma_xml.withdrawal(telegram, kind="weather_commentary", scope=scope, event_id="")
    else:
        yield jma_xml.statement(
            telegram,
            kind="weather_commentary",
            scope=scope,
            event_id="",
            items=table_of([_item(telegram, f"jma/{key}", headline, node, issues)]),
            complete=True,
        )
    yield from issues
    yield from jma_xml.nothing_left(telegram, node)


def _item(
    telegram: Telegram, item_id: str, headline: dict[str, list[HeadlineItem]], body: Node, issues: list[Issue]
) -> Item:
    infos = jma_meteorology.infos(body, issues)
    prose = [*_prose_before(body), *_sections(infos), *_prose_after(body)]
    kinds = [kind for items in headline.values() for item in items for kind in item.kinds]
    tags = [word for kind in kinds if kind.name == _TAG for word in (kind.condition or "").split()]
    others = {
        (kind.code, kind.name, kind.condition): {"code": kind.code, "name": kind.name, "condition": kind.condition}
        for kind in kinds
        if kind.name not in (_TAG, _TYPHOON, _CYCLONE)
    }
    ends = [end for end in infos.sections.values() if end is not None and end > telegram.issued_at]
    return Item(
        item_id=item_id,
        props={
            "title": telegram.head_title or None,
            "headline": telegram.headline or None,
            "tags": list(dict.fromkeys(tags)),
            "kinds": list(others.values()),
            "typhoon_number": next((kind.condition for kind in kinds if kind.name == _TYPHOON), None),
            "cyclone_number": next((kind.condition for kind in kinds if kind.name == _CYCLONE), None),
            "areas": _areas(headline, body),
            "text": "\n".join(text for section in prose for text in section["texts"]) or None,
            "sections": prose,
            "values": [quantity.plain() for quantity in infos.quantities],
            "events": [event.plain() for event in infos.events],
            "target_at": telegram.target_at.isoformat() if telegram.target_at else None,
            "forecast_until": max(ends).isoformat() if ends else None,
            "event_id": telegram.event_id or None,
            "telegram": telegram.bulletin_type,
        },
        ended=bool(kinds) and all(kind.code == _LIFTED for kind in kinds),
        valid_to=telegram.valid_at_end,
        position="Body",
    )


def _areas(headline: dict[str, list[HeadlineItem]], body: Node) -> list[dict[str, str | None]]:
    """What the telegram is about: TargetArea of the Body, else the areas of the headline's first list.

    Further lists (VPNO50) say the same again of smaller areas, which the warnings themselves say too.
    """
    target = body.one("TargetArea")
    found: list[Place] = [jma_meteorology.area(target)] if target else []
    for items in headline.values():
        if not found:
            found = [place for item in items for place in item.areas]
    return list({(place.code, place.name): place.plain() for place in found}.values())


def _sections(infos: Infos) -> Iterator[dict[str, Any]]:
    """The prose of each section and element (概況; 予想 of rain, of wind …), in order."""
    open_section: dict[str, Any] | None = None
    for words in infos.texts:
        head = (words.where.section or None, words.where.element)
        if open_section is None or (open_section["section"], open_section["element"]) != head:
            if open_section is not None:
                yield open_section
            open_section = {"section": head[0], "element": head[1], "texts": []}
        open_section["texts"].append(words.text)
    if open_section is not None:
        yield open_section


def _prose_before(body: Node) -> Iterator[dict[str, Any]]:
    texts = [text for notice in body.all("Notice") if (text := notice.own_text())]
    if texts:
        yield {"section": "Notice", "element": None, "texts": texts}


def _prose_after(body: Node) -> Iterator[dict[str, Any]]:
    """Comment, where the 50-series has all its prose, and notes on the next issue."""
    for comment in body.all("Comment"):
        comment.drop("Code")  # fixed sentences by number: the text has them
        for one in comment.all("Text"):
            if text := one.own_text():
                yield {"section": "Comment", "element": one.attribute("type"), "texts": [text]}
    for info in body.all("AdditionalInfo"):
        for addition in info.all("ClimateForecastAddition"):
            texts = [addition.text(name) for name in ("TargetDateTimeNotice", "NoticeOfSchedule", "AdditionalNotice")]
            for schedule in addition.all("NextForecastSchedule"):
                schedule.drop("DateTime")  # the text says it
                texts.append(schedule.text("Text"))
            if any(texts):
                yield {"section": "AdditionalInfo", "element": None, "texts": [text for text in texts if text]}
