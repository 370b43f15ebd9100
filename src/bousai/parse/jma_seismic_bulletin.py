"""JMA texts on earthquakes: VXSE56, VXSE60, VYSE50, VYSE51–52, VYSE60 and VZSE40.

Source: www.data.jma.go.jp/developer/xml/feed/eqvol.xml; 気象庁防災情報XMLフォーマット, jmx_seis.xsd and the telegram
notes on 地震火山関連 (共通別紙エ and オ on EventID and Serial).

| scope | from | is replaced by |
|---|---|---|
| ``jma/seismic_bulletin/nankai`` | VYSE50 南海トラフ地震臨時情報 | the next VYSE50, whatever its stage |
| ``jma/seismic_bulletin/nankai_commentary`` | VYSE51–52 南海トラフ地震関連解説情報 | the next VYSE51 or 52 |
| ``jma/seismic_bulletin/hokkaido_sanriku`` | VYSE60 北海道・三陸沖後発地震注意情報 | the next VYSE60 |
| ``jma/seismic_bulletin/<type>/<event>`` | VXSE56 活動状況, VXSE60 回数, VZSE40 お知らせ | the next of that event |

A bulletin is one item and the whole statement of its scope. It stays until its source replaces it: JMA gives these
texts no end (失効時刻), and the week for which the government asks for attention after 巨大地震警戒, 巨大地震注意
and 後発地震注意情報 is the government's word, not JMA's. So `issued_at` is what tells its age. 調査終了 is a stage
like the others: it replaces what was being investigated. A 解説情報 never replaces a 臨時情報.

Oddities: each VYSE50 has an EventID of its own, a series of VYSE51 has one for all its numbers. The stage is a code
(InfoSerial) and stands in the title as well; Head/InfoKind is the same for all stages. VXSE60 writes -1 for what it
does not count. Notices end in names and telephone numbers, which are left out.

Known gaps:
* VXSE56, VXSE60 and VYSE51–52 were only seen as samples of our own, made after the schema
* 東海地震 telegrams (Tokai, until 2017) are read only where an element of theirs stands in one of these types
* no real 取消 of these types was seen
* where JMA gives each number of a series of VXSE56 an EventID of its own, all of them stay
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from bousai.errors import ParseError
from bousai.formats import contacts, jma_seismology, jma_xml
from bousai.formats.jma_xml import Telegram
from bousai.formats.xml_tree import Node
from bousai.model import Bulletin, Issue, Item, table_of
from bousai.vocab import count, jma
from bousai.vocab.count import Count

VERSION = "1"
_SUBJECTS = {
    "VXSE56": "activity",
    "VXSE60": "counts",
    "VYSE50": "nankai",
    "VYSE51-52": "nankai_commentary",
    "VYSE60": "hokkaido_sanriku",
    "VZSE40": "notice",
}
HANDLES = tuple(_SUBJECTS)
_OF_AN_EVENT = ("VXSE56", "VXSE60", "VZSE40")
_EVENT_ID = re.compile(r"[0-9A-Za-z_]+")
_KEYWORD = re.compile(r"（([^（）]+)）")
_PERIODS = {"１時間地震回数": "hour", "累積地震回数": "total", "地震回数": "other"}
_NOT_COUNTED = "-1"
_COMMENTS = ("WarningComment", "ForecastComment", "ObservationComment", "VarComment")


def parse(body: bytes) -> Iterator[Bulletin | Issue]:
    """One bulletin of kind `seismic_bulletin`, then issues.

    Raises `ParseError` as `jma_xml.read` does, and ``bad_event_id`` where the type is told apart by it.
    """
    telegram = jma_xml.read(body)
    if issue := jma_xml.no_parser(telegram, HANDLES):
        yield issue
        return
    scope = _scope(telegram)
    node = jma_xml.body(telegram)
    issues: list[Issue] = []
    event = telegram.event_id
    if telegram.msg_type == "withdraw":
        node.drop("Text")  # 「取り消します」: on a 取消 it is all there is
        yield jma_xml.withdrawal(telegram, kind="seismic_bulletin", scope=scope, event_id=event)
    else:
        item = Item(scope, _props(telegram, node, issues), valid_to=telegram.valid_at_end, position="Body")
        yield jma_xml.statement(
            telegram, kind="seismic_bulletin", scope=scope, event_id=event, items=table_of([item]), complete=True
        )
    yield from issues
    yield from jma_xml.nothing_left(telegram, node)


def _scope(telegram: Telegram) -> str:
    kind = telegram.bulletin_type
    if kind not in _OF_AN_EVENT:
        return f"jma/seismic_bulletin/{_SUBJECTS[kind]}"
    if not _EVENT_ID.fullmatch(telegram.event_id):
        raise ParseError(
            f"Head/EventID of {kind} is {telegram.event_id!r}, so nobody can say which bulletin it follows",
            code="bad_event_id",
            remedy="ask the publisher",
            position="Head/EventID",
        )
    return f"jma/seismic_bulletin/{kind}/{telegram.event_id}"


def _props(telegram: Telegram, node: Node, issues: list[Issue]) -> dict[str, Any]:
    naming = node.one("Naming")
    information = node.one("EarthquakeInfo") or node.one("Tokai")
    info_kind, stage, info_text, appendix = _information(telegram, information, issues)
    comments = node.one("Comments")
    earthquakes = [jma_seismology.hypocentre(earthquake, issues).props for earthquake in node.all("Earthquake")]
    texts = [text for text in (info_text, _prose(node, "Text", issues)) if text]
    return {
        "telegram": telegram.bulletin_type,
        "subject": _SUBJECTS[telegram.bulletin_type],
        "title": telegram.head_title or telegram.title,
        "event_id": telegram.event_id or None,
        "info_kind": info_kind,
        **stage,
        "named": naming.own_text() if naming else None,
        "named_en": naming.attribute("english") if naming else None,
        "headline": telegram.headline or None,
        "text": "\n\n".join(texts) or None,
        "appendix": appendix,
        "next_advisory": _prose(node, "NextAdvisory", issues),
        **_comments(comments, issues),
        "earthquakes": earthquakes or None,
        "counts": _counts(node.one("EarthquakeCount"), issues) or None,
        "aftershocks": _aftershocks(node.one("Aftershock"), issues) or None,
        "target_at": telegram.target_at.isoformat() if telegram.target_at else None,
    }


def _prose(node: Node, name: str, issues: list[Issue]) -> str | None:
    text, left_out = contacts.without_contacts(node.text(name))
    if left_out:
        issues.append(
            Issue(
                "contact_left_out",
                f"{left_out} lines with names or telephone numbers of staff were left out",
                "none needed: the archived document has them",
                "info",
                f"{node.position}/{name}",
            )
        )
    return text


def _information(
    telegram: Telegram, node: Node | None, issues: list[Issue]
) -> tuple[str | None, dict[str, Any], str | None, str | None]:
    """EarthquakeInfo: kind of information, stage, text, appendix."""
    kind = text = appendix = serial = None
    if node:
        kind, text, appendix = node.text("InfoKind"), _prose(node, "Text", issues), _prose(node, "Appendix", issues)
        serial = node.one("InfoSerial")
    code, name = (serial.text("Code"), serial.text("Name")) if serial else (None, None)
    return kind, _stage(telegram, code, name, issues), text, appendix


def _stage(telegram: Telegram, code: str | None, name: str | None, issues: list[Issue]) -> dict[str, Any]:
    """The stage by its code. Where code, name and the keyword of the title disagree nobody can say which is right."""
    known = jma.earthquake_info()
    found = known.get(code or "")
    title = _KEYWORD.search(telegram.head_title) if telegram.bulletin_type == "VYSE50" else None
    said = {word for word in (name, title[1] if title else None, found.name if found else None) if word}
    stage = found.stage if found else None
    if telegram.bulletin_type == "VYSE50":
        # The title has the keyword by definition, so it tells the stage where there is no code.
        by_name = {info.stage for info in known.values() if info.name in said}
        stage = by_name.pop() if len(said) == len(by_name) == 1 else None
    if stage is None and telegram.bulletin_type in ("VYSE50", "VYSE51-52"):
        issues.append(
            Issue(
                "unknown_stage",
                f"{telegram.head_title}: the code {code} ({name}) and the title do not say which stage it is",
                "read the text: it goes out without a stage; a new code goes into vocab/data/jma_earthquake_info.csv",
                "warning",
                "Body/EarthquakeInfo/InfoSerial",
            )
        )
    return {"stage": stage, "stage_code": code, "stage_name": name or (title[1] if title else None)}


def _comments(node: Node | None, issues: list[Issue]) -> dict[str, Any]:
    texts: list[str] = []
    codes: list[str] = []
    if node:
        for name in _COMMENTS:
            comment = node.one(name)
            if comment:
                texts += [text] if (text := comment.text("Text")) else []
                codes += (comment.text("Code") or "").split()
        free = _prose(node, "FreeFormComment", issues)
        texts += [free] if free else []
    return {
        "comment": "\n".join(texts) or None,
        "comment_codes": codes,
        "uri": node.text("URI") if node else None,
    }


def _counts(node: Node | None, issues: list[Issue]) -> list[dict[str, Any]]:
    """地震回数 by period: all earthquakes and felt ones (有感), each a count."""
    found = []
    for item in node.all("Item") if node else ():
        name = item.attribute("type")
        period = _PERIODS.get(name or "")
        if period is None:
            issues.append(
                Issue(
                    "unknown_period",
                    f"{item.position} counts for {name!r}, which is no period that is known",
                    "the count is kept as other; see the telegram notes on 地震回数",
                    "warning",
                    item.position,
                )
            )
        found.append(
            {
                "period": period or "other",
                "period_name": name,
                "start_at": jma_xml.time_text(item, "StartTime", issues),
                "end_at": jma_xml.time_text(item, "EndTime", issues),
                "all": _count(item, "Number", issues),
                "felt": _count(item, "FeltNumber", issues),
                "condition": item.text("Condition"),
            }
        )
    return found


def _count(item: Node, name: str, issues: list[Issue]) -> Count:
    text = item.text(name)
    if text == _NOT_COUNTED:
        return count.without("not_applicable", text)
    found = count.count(text)
    if found is None:
        issues.append(
            Issue(
                "bad_number",
                f"{item.position}/{name} is {text!r}, not a count",
                "ask the publisher; it is published as unknown",
                "warning",
                item.position,
            )
        )
        return count.without("unknown", text)
    return found


def _aftershocks(node: Node | None, issues: list[Issue]) -> list[dict[str, Any]]:
    """余震確率: how likely an earthquake of a magnitude and more is within a period."""
    found: list[dict[str, Any]] = []
    if node is None:
        return found
    for item in node.all("Item"):
        probability, magnitude = item.one("ProbabilityOfAftershock"), item.one("TargetMagnitude")
        found.append(
            {
                "start_at": jma_xml.time_text(item, "StartTime", issues),
                "end_at": jma_xml.time_text(item, "EndTime", issues),
                "probability": jma_xml.number(probability, issues) if probability else None,
                "probability_unit": probability.attribute("unit") if probability else None,
                "magnitude": jma_xml.number(magnitude, issues) if magnitude else None,
                "magnitude_text": magnitude.attribute("description") if magnitude else None,
                "text": item.text("Text"),
            }
        )
    if text := _prose(node, "Text", issues):
        found.append(dict.fromkeys(_AFTERSHOCK, None) | {"text": text})
    return found


_AFTERSHOCK = ("start_at", "end_at", "probability", "probability_unit", "magnitude", "magnitude_text", "text")
