"""Severe weather bulletins: 府県気象防災速報 (VPBS50), 記録的短時間大雨情報 (VPOA50), 竜巻注意情報 (VPHW50/51).

Source: www.data.jma.go.jp/developer/xml/feed/extra.xml; 気象庁防災情報XMLフォーマット, notes on these telegrams;
schema jmx_mete.xsd. Words of the 情報タグ in vocab/data/jma_bulletin_tag.csv.

| scope | from | says |
|---|---|---|
| ``jma/weather_bulletin/<series>`` | VPBS50, VPOA50 | what was seen or is imminent, by area, municipality, station |
| ``jma/weather_bulletin/tornado/<area>`` | VPHW50/51 | where tornadoes may form, until ValidDateTime; complete |
| ``jma/weather_bulletin/tornado_sighting/<area>`` | VPHW51 | where one was seen; complete |

A series is the first half of an EventID (``KJPTK202608221709_202608221717``): its telegrams follow each other and add
places, so that they are not complete, but for a 訂正, which says anew what the series says. Item ids are
``jma/<series>/<code of the place>``; ``jma/tornado/<area of 7 digits>``.

Oddities
* Title and InfoKind are the same for record rain, rain bands and snow: Condition of the 情報タグ tells them apart. A
  word that no table has makes items of subtype ``other``.
* What was observed has no end; what is expected has: ValidDateTime, a duration, or for 線状降水帯直前 the three
  hours of its definition.
* VPOA50 gives its amounts in prose alone: they stay in the headline. Since 2026-05-28 it only repeats VPBS50: one
  issue and no bulletin.
* VPHW50 and VPHW51 come in pairs that say the same, but for the sighting, which only VPHW51 has as a list of areas;
  they make equal items in one scope. Of their four layers of areas only the finest is used. EventID is empty.
* A 取消 takes back the newest telegram of its series, or of its area for VPHW50/51.

Known gaps:
* observations stay in the layer until a 取消: see observed_at
* areas larger than a municipality have no shape
* 訂正, 取消, 短時間大雪 and tornado sightings were only seen as synthetic samples
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bousai.errors import ParseError
from bousai.formats import jma_meteorology, jma_xml, unread
from bousai.formats.jma_meteorology import Happening, HeadlineItem, Period, Place, Quantity
from bousai.formats.jma_xml import Telegram
from bousai.formats.xml_tree import Node
from bousai.model import Bulletin, Issue, Item, table_of
from bousai.vocab import rain, warning
from bousai.vocab.code import jma_area_code, municipality_of
from bousai.vocab.rain import BulletinTag

VERSION = "1"
HANDLES = ("VPBS50", "VPOA50", "VPHW50", "VPHW51")

_TORNADO = ("VPHW50", "VPHW51")
_TAG = "情報タグ"
_RECORD_RAIN = "記録雨"
_ISSUED_FOR = "竜巻注意情報（発表細分）"
_SEEN = "竜巻注意情報（目撃情報あり）"
_LAYERS = (  # finest first
    "竜巻注意情報（市町村等）",
    "竜巻注意情報（市町村等をまとめた地域等）",
    "竜巻注意情報（一次細分区域等）",
    _ISSUED_FOR,
)
# What the lists of VPOA50 and of the layers say, the Body says too.
_HEADLINE = (_TAG, _SEEN, "記録的短時間大雨情報（発表細分）", *_LAYERS)
_NONE = "0"


def parse(body: bytes) -> Iterator[Bulletin | Issue]:
    """Bulletins of kind `weather_bulletin`, then issues.

    Raises `ParseError`: those of `jma_xml.read`; ``no_area`` for a telegram that names no area;
    ``withdraw_without_area`` for a 取消 of nobody knows what.
    """
    telegram = jma_xml.read(body)
    if issue := jma_xml.no_parser(telegram, HANDLES) or jma_meteorology.superseded(telegram):
        yield issue
        return
    issues: list[Issue] = []
    headline = jma_meteorology.headline(telegram, issues)
    node = jma_xml.body(telegram)
    node.drop("Notice", "OfficeInfo", "Comment")  # to readers of the telegram as such
    if telegram.bulletin_type in _TORNADO:
        yield from _tornado(telegram, headline, node)
    else:
        yield from _bulletin(telegram, headline, node, issues)
    yield from issues
    yield from unread.columns(headline, _HEADLINE, "the headline's lists")
    yield from jma_xml.nothing_left(telegram, node)


# ── record rain, rain bands, snow ────────────────────────────────────────────────────────────────────────


@dataclass(slots=True)
class _Found:
    """All that a telegram says of one place."""

    place: Place
    tags: list[BulletinTag]
    position: str
    quantities: list[Quantity] = field(default_factory=list)
    events: list[Happening] = field(default_factory=list)


def _bulletin(
    telegram: Telegram, headline: dict[str, list[HeadlineItem]], body: Node, issues: list[Issue]
) -> Iterator[Bulletin]:
    if telegram.msg_type == "withdraw":
        body.drop("Text", "TargetArea", "Warning", "MeteorologicalInfos", "AdditionalInfo")  # what is taken back
        scope = f"jma/weather_bulletin/{_series(telegram, None)}"
        yield jma_xml.withdrawal(telegram, kind="weather_bulletin", scope=scope, event_id="")
        return
    infos = jma_meteorology.infos(body, issues)
    tagged = list(_tagged(telegram, headline, body, issues))
    everything = list({tag.tag: tag for _, tags in tagged for tag in tags}.values())
    found: dict[str, _Found] = {}
    for place, tags in tagged:
        one = found.setdefault(_key(place), _Found(place, [], "Head/Headline/Information"))
        one.tags += [tag for tag in tags if tag not in one.tags]
    areas = list(found.values())
    statements: list[Quantity | Happening] = [*infos.quantities, *infos.events]
    for said in statements:
        of = [
            found.setdefault(_key(place), _Found(place, everything, "Body/MeteorologicalInfos"))
            for place in said.where.places
        ]
        for one in of or areas:  # what names no place is said of all
            if isinstance(said, Quantity):
                one.quantities.append(said)
            else:
                one.events.append(said)
    if not found:
        raise ParseError(
            "the telegram names no area",
            code="no_area",
            remedy="ask the publisher; see its text for what it says",
            position="Head/Headline/Information",
        )
    series = _series(telegram, next(iter(found.values())).place.code)
    prose = [{"type": one.type, "text": one.text} for one in infos.texts]
    yield jma_xml.statement(
        telegram,
        kind="weather_bulletin",
        scope=f"jma/weather_bulletin/{series}",
        event_id="",
        items=table_of(_item(telegram, series, key, one, prose) for key, one in found.items()),
        # A series adds places; a 訂正 says anew what it had said.
        complete=telegram.msg_type == "correct",
    )


def _key(place: Place) -> str:
    return f"{'station-' if place.station else ''}{place.code or place.name}"


def _series(telegram: Telegram, area: str | None) -> str:
    """The series that a telegram belongs to: the first half of its EventID, else its own area and time."""
    series = telegram.event_id.partition("_")[0]
    if series:
        return series
    if telegram.msg_type == "withdraw":
        raise _no_target(telegram)
    return f"{telegram.bulletin_type}-{area}-{telegram.issued_at:%Y%m%d%H%M}"


def _no_target(telegram: Telegram) -> ParseError:
    return ParseError(
        f"{telegram.bulletin_type} {telegram.head_title!r} takes back a telegram that it does not name",
        code="withdraw_without_area",
        remedy="ask the publisher which telegram is meant; nothing is withdrawn until then",
        position="Head/EventID",
    )


def _tagged(
    telegram: Telegram, headline: dict[str, list[HeadlineItem]], body: Node, issues: list[Issue]
) -> Iterator[tuple[Place, list[BulletinTag]]]:
    """The areas that the telegram is issued for, each with what it is about."""
    if telegram.bulletin_type == "VPOA50":
        about = rain.bulletin_tag(_RECORD_RAIN)
        for layer in body.all("Warning"):
            for record in layer.all("Item"):
                kinds = [(kind.text("Code"), kind.text("Name"), kind.text("Status")) for kind in record.all("Kind")]
                if about and any(code != _NONE for code, _, _ in kinds):
                    yield from ((place, [about]) for place in jma_meteorology.places(record))
                else:
                    jma_meteorology.places(record)  # an area of which nothing is said
        return
    for item in headline.get(_TAG, []):
        words = [word for kind in item.kinds if kind.name == _TAG for word in (kind.condition or "").split()]
        tags = []
        for word in words:
            tag = rain.bulletin_tag(word)
            if tag is None:
                issues.append(
                    Issue(
                        "unknown_tag",
                        f"情報タグ {word} is not known: kept as subtype other",
                        "see JMA's notes on 府県気象防災速報 and add it to vocab/data/jma_bulletin_tag.csv",
                        "warning",
                        "Head/Headline/Information",
                    )
                )
                tag = BulletinTag(word, "other", "observed", None)
            tags.append(tag)
        for place in item.areas:
            yield place, tags


def _item(telegram: Telegram, series: str, key: str, one: _Found, prose: list[dict[str, Any]]) -> Item:
    first = one.quantities[0] if one.quantities else None
    happening = one.events[0] if one.events else None
    tag = one.tags[0] if one.tags else None
    muni_code = _muni_code(one.place)
    seen = (happening.times[0] if happening and happening.times else None) or (
        (first.time or first.where.at) if first else None
    )
    return Item(
        item_id=f"jma/{series}/{key}",
        props={
            **_common(telegram),
            "subtype": tag.subtype if tag else "other",
            "tags": [tag.tag for tag in one.tags],
            "basis": tag.basis if tag else None,
            "place_type": "station" if one.place.station else "municipality" if muni_code else "area",
            "area_code": one.place.code,
            "area_name": one.place.name,
            "area_status": one.place.status,
            "location": one.place.location,
            "observed_at": seen,
            "quantity": first.name if first else None,
            "value": first.value if first else None,
            "unit": first.unit if first else None,
            "value_condition": first.condition if first else None,
            "value_text": first.text if first else None,
            "values": [quantity.plain() for quantity in one.quantities],
            "events": [event.plain() for event in one.events],
            "texts": prose,
        },
        muni_code=muni_code,
        valid_to=telegram.valid_at_end or _expected_until(telegram, one),
        position=one.position,
    )


def _common(telegram: Telegram) -> dict[str, Any]:
    return {
        "title": telegram.head_title or None,
        "headline": telegram.headline or None,
        "event_id": telegram.event_id or None,
        # VPHW50 and VPHW51 come in pairs and say the same: equal items, so that the second changes nothing.
        "telegram": "VPHW50/51" if telegram.bulletin_type in _TORNADO else telegram.bulletin_type,
    }


def _muni_code(place: Place) -> str | None:
    if place.station:
        return None
    try:
        return municipality_of(jma_area_code(place.code or ""))
    except ValueError:
        return None  # an area of JMA's of 6 digits


def _expected_until(telegram: Telegram, one: _Found) -> datetime | None:
    """When what is only expected is over, by the telegram's own word; None for what was observed."""
    if not one.tags or any(tag.basis == "observed" for tag in one.tags):
        return None
    ends = [
        end
        for event in one.events
        for time, duration in zip(event.times, event.durations, strict=False)
        if (end := Period(time, duration, None).end())
    ]
    ends += [telegram.issued_at + tag.lasts for tag in one.tags if tag.lasts]
    return max(ends, default=None)


# ── tornadoes ────────────────────────────────────────────────────────────────────────────────────────────


def _tornado(telegram: Telegram, headline: dict[str, list[HeadlineItem]], body: Node) -> Iterator[Bulletin]:
    subtypes = ["tornado"] + (["tornado_sighting"] if telegram.bulletin_type == "VPHW51" else [])
    key = _issued_for(telegram, headline)
    scopes = {subtype: f"jma/weather_bulletin/{subtype}/{key}" for subtype in subtypes}
    layers: dict[str, list[Node]] = {}
    for layer in body.all("Warning"):
        layers.setdefault(layer.attribute("type") or "", []).append(layer)
    if telegram.msg_type == "withdraw":
        body.drop("Text", "TargetArea", "MeteorologicalInfos", "AdditionalInfo")  # what is taken back
        for layer in (one for group in layers.values() for one in group):
            layer.drop("Item")
        for scope in scopes.values():
            yield jma_xml.withdrawal(telegram, kind="weather_bulletin", scope=scope, event_id="")
        return
    finest = next((name for name in _LAYERS if name in layers), None)
    for name in (*_LAYERS, _SEEN):
        if name != finest:
            for layer in layers.get(name, []):
                layer.drop("Item")  # says the same of larger areas; sightings are read from the headline
    if finest is None:
        raise ParseError(
            "the telegram lists no area",
            code="no_area",
            remedy="see whether JMA renamed its layers; the last statement stands until it ends",
            position="Body/Warning",
        )
    advised = [found for layer in layers[finest] for found in _advised(layer)]
    yield _of_tornado(telegram, "tornado", scopes["tornado"], advised)
    if "tornado_sighting" in scopes:
        seen = [
            (place, item.kinds[0].name if item.kinds else None, "Head/Headline/Information")
            for item in headline.get(_SEEN, [])
            for place in item.areas
        ]
        yield _of_tornado(telegram, "tornado_sighting", scopes["tornado_sighting"], seen)


def _issued_for(telegram: Telegram, headline: dict[str, list[HeadlineItem]]) -> str:
    """The 発表細分 for which this telegram and those before and after it are issued."""
    areas = [place.code for item in headline.get(_ISSUED_FOR, []) for place in item.areas if place.code]
    key = areas[0] if areas else warning.region_in(telegram.head_title)
    if key is None:
        raise (
            _no_target(telegram)
            if telegram.msg_type == "withdraw"
            else ParseError(
                f"{telegram.head_title!r} does not name the area for which it is issued",
                code="no_area",
                remedy="see whether JMA renamed its layers; the last statement stands until it ends",
                position="Head/Headline/Information",
            )
        )
    return key


def _advised(layer: Node) -> Iterator[tuple[Place, str | None, str]]:
    """The areas of a layer for which the advisory holds; all others are listed with なし."""
    for record in layer.all("Item"):
        places = jma_meteorology.places(record)
        kinds = []
        for kind in record.all("Kind"):
            kind.drop("Condition")
            kinds.append((kind.text("Code"), kind.text("Name"), kind.text("Status")))
        for code, name, _ in kinds:
            if code != _NONE:  # a code that is not known counts as in force
                yield from ((place, name, record.position) for place in places)


def _of_tornado(
    telegram: Telegram, subtype: str, scope: str, found: Iterable[tuple[Place, str | None, str]]
) -> Bulletin:
    items: dict[str, Item] = {}
    for place, name, position in found:
        muni_code = _muni_code(place)
        item = Item(
            item_id=f"jma/{subtype}/{place.code}",
            props={
                **_common(telegram),
                "subtype": subtype,
                "tags": [name] if name else [],
                "basis": "forecast" if subtype == "tornado" else "observed",
                "place_type": "municipality" if muni_code else "area",
                "area_code": place.code,
                "area_name": place.name,
                "area_status": place.status,
                "location": place.location,
                "observed_at": None,
                "quantity": None,
                "value": None,
                "unit": None,
                "value_condition": None,
                "value_text": None,
                "values": [],
                "events": [],
                "texts": [],
            },
            muni_code=muni_code,
            valid_to=telegram.valid_at_end,
            position=position,
        )
        items[item.item_id] = item
    return jma_xml.statement(
        telegram, kind="weather_bulletin", scope=scope, event_id="", items=table_of(items.values()), complete=True
    )
