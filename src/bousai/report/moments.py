"""What was true at a time beside what was known at that time: the same question with two clocks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from bousai.model import Claim, Incident
from bousai.report.cited import Citations
from bousai.report.counts import shown, value_of
from bousai.report.damage import HOUSES, PEOPLE
from bousai.report.document import Area, Block, Cell, Column, Heading, Map, Panel, Paragraph, Table, cell
from bousai.report.evidence import Evidence, municipality_name, outline_credit, prefectures_of
from bousai.report.observed import Said, by_source, clock, full_clock, said, time_of
from bousai.report.orders import Held, orders, warnings
from bousai.vocab.municipality import municipalities

_AFTER = tuple(timedelta(hours=hours) for hours in (1, 3, 6, 12, 24, 48, 72, 168, 336))


def chosen(incident: Incident) -> tuple[datetime, ...]:
    """The moments that an incident names; else 1, 3, 6, 12, 24, 48 and 72 hours, one week and two after it
    began, and its end."""
    if incident.moments:
        return incident.moments
    began = incident.begins_at or incident.since
    return (*(at for at in (began + after for after in _AFTER) if at < incident.until), incident.until)


def held(claims: Sequence[Claim], at: datetime, known_at: datetime) -> list[Claim]:
    """What held at a time by what was known at another."""

    def known(when: datetime | None) -> bool:
        return when is not None and when <= known_at

    return [
        one
        for one in claims
        if known(one.opened.recorded_at)
        and not known(None if one.retired is None else one.retired.recorded_at)
        and one.valid_from <= at
        and (one.valid_to is None or at < one.valid_to or not known(_ended(one)))
        and (one.expires_at is None or at < one.expires_at)
    ]


def _ended(claim: Claim) -> datetime | None:
    return None if claim.closed is None else claim.closed.recorded_at


_Measure = Callable[[Sequence[Claim], Evidence], tuple[str, list[Claim]]]


def _ordered(claims: Sequence[Claim], _: Evidence) -> tuple[str, list[Claim]]:
    found = [one for one in orders(claims) if one.level >= 4]
    return f"{len({one.muni for one in found})}市町村" if found else "", [one.claim for one in found]


def _warned(claims: Sequence[Claim], _: Evidence) -> tuple[str, list[Claim]]:
    found = [one for one in warnings(claims) if one.level >= 4]
    return f"{len({one.muni for one in found})}市町村" if found else "", [one.claim for one in found]


def _open(claims: Sequence[Claim], evidence: Evidence) -> tuple[str, list[Claim]]:
    """Source by source: two that tell of the same shelters are not added up."""
    found = [one for one in claims if one.kind == "shelter_status" and one.props.get("state") == "open"]
    told = []
    for feed in sorted({one.stated.feed for one in found}):
        mine = [one for one in found if one.stated.feed == feed]
        newest = clock(max(time_of(one) for one in mine))
        told.append(f"{len({one.item_id for one in mine})}か所（{evidence.feed_title(feed)}、{newest}現在）")
    return "\n".join(told), found


def _total(kind: str, name: str, unit: str) -> _Measure:
    def measure(claims: Sequence[Claim], evidence: Evidence) -> tuple[str, list[Claim]]:
        """The newest total of the prefecture that any source states."""
        places = prefectures_of(evidence.incident)
        stated = [
            one
            for one in claims
            if one.kind == kind
            and one.stated.issued_at >= evidence.incident.since  # the counts of another disaster are not of this one
            and one.props.get("area_name") in places
            and shown(one.props.get(name)) not in ("", "－")
        ]
        if not stated:
            return "", []
        newest = max(stated, key=lambda one: (time_of(one), one.stated.number))
        told = shown(newest.props.get(name))
        amount = f"{told}{unit}" if value_of(newest.props.get(name)) is not None else told
        return f"{amount}（{newest.stated.issuer}、{clock(time_of(newest))}現在）", [newest]

    return measure


_MEASURES: tuple[tuple[str, _Measure], ...] = (
    ("レベル4相当以上の警報等の市町村", _warned),
    ("避難指示以上の市町村", _ordered),
    ("開設中とされた避難所", _open),
    ("死者", _total("damage_count", "dead", "人")),
    ("住家 全壊", _total("damage_count", "house_destroyed", "棟")),
    ("避難者", _total("evacuation_summary", "evacuees", "人")),
)


def sections(evidence: Evidence, cited: Citations) -> list[Block]:
    """The part on what was known when."""
    body: list[list[Cell]] = []
    whole = [*evidence.before, *evidence.claims]
    states = [(at, held(whole, at, evidence.known_at)) for at in chosen(evidence.incident)]
    for at, true in states:
        known = held(whole, at, at)
        for title, measure in _MEASURES:
            (now, rests), (then, rested) = measure(true, evidence), measure(known, evidence)
            if now or then:
                body.append(
                    [
                        cell(full_clock(at)),
                        cell(title),
                        cell(now or "記録なし", *cited.documents(rests)),
                        cell(then or "記録なし", *cited.documents(rested)),
                    ]
                )
    columns = (
        Column("時点"),
        Column("項目"),
        Column("事実（現在の知識）", weight=1),
        Column("その時この装置に記録があったこと", weight=1),
    )
    note = (
        f"左はその時点のこととして {full_clock(evidence.known_at)} までに分かったこと、"
        "右はその時点までにこの装置が記録していたこと。"
        "後日取り込んだ資料は右に現れない。右に記録がないことは、関係機関が知らなかったという意味ではない。"
    )
    maps = _maps(evidence, states, cited)
    table = Table("moments-table", "その時の事実と、その時の記録", columns, body, heads=2, note=note)
    return [
        Heading("moments", 1, "その時何が分かっていたか"),
        Paragraph(cell("二つの時計で同じ問いに答える。"), "note"),
        table,
        *maps,
    ]


_ORDERS = {5: "緊急安全確保", 4: "避難指示", 3: "高齢者等避難"}
_GRADES = ((1000, "1,000以上"), (100, "100～999"), (10, "10～99"), (1, "1～9"), (0, "0と報告"))
"""Of counts: from the first on; a blank is no 0 and has no grade."""
_COUNTED: tuple[tuple[str, str, str, tuple[str, ...], str], ...] = (
    ("damage_count", "houses", "住家被害の棟数", HOUSES, "house_damaged"),
    ("damage_count", "people", "死傷者・行方不明者の人数", (*PEOPLE, "casualty_unclassified"), "casualties"),
    ("evacuation_summary", "evacuees", "避難者数", ("evacuees",), "evacuees"),
)
"""Kind, key, title, the parts that are added up, and the sum that a source states where it states no part."""
_OPEN = frozenset({"unknown", "investigating", "unconfirmed", "many"})
"""States of a count that may be any number."""
_MOST_PANELS = 6


@dataclass(frozen=True, slots=True)
class _Shade:
    """What a municipality is drawn as, in words, and who says so."""

    shade: int
    text: str
    claim: Claim


_State = tuple[datetime, Mapping[str, _Shade]]


def _maps(evidence: Evidence, states: Sequence[tuple[datetime, Sequence[Claim]]], cited: Citations) -> list[Block]:
    """Of orders, damage and evacuees, with a panel for each moment at which it differs from the one before. `states`
    are what held at each moment."""
    if not evidence.outlines:
        return []
    levels = list(_ORDERS)
    ordered: list[_State] = []
    for at, claims in states:
        gravest: dict[str, Held] = {}
        for one in orders(claims):
            if one.muni not in gravest or one.level > gravest[one.muni].level:
                gravest[one.muni] = one
        shades = {muni: _Shade(levels.index(one.level), one.what, one.claim) for muni, one in gravest.items()}
        ordered.append((at, shades))
    made = _map(evidence, "orders-map", "発令中の避難情報", tuple(_ORDERS.values()), ordered, cited)
    classes = tuple(name for _, name in _GRADES)
    for kind, key, title, parts, total in _COUNTED:
        for feed, rows in by_source(said(evidence.claims, kind)).items():
            # a report tells of a time: the newest by then counts
            counts = [(at, _counted([row for row in rows if row.at <= at], parts, total)) for at, _ in states]
            caption = f"{evidence.feed_title(feed)}：{title}"
            made += _map(evidence, f"{key}-map-{feed}", caption, classes, counts, cited)
    return made


def _counted(rows: Sequence[Said], parts: Sequence[str], total: str) -> dict[str, _Shade]:
    """Municipality code → its grade, by the last of some rows in order of time that counts there. Where a part is
    不明 or 調査中 it is at least so many, and no 0."""
    found: dict[str, _Shade] = {}
    for row in rows:
        values = [value for name in parts if (value := value_of(row.props.get(name))) is not None]
        open_parts = any((row.props.get(name) or {}).get("state") in _OPEN for name in parts)
        stated = value_of(row.props.get(total))
        count = sum(values) if values else stated
        if row.muni is None or row.level != "municipality" or count is None or (open_parts and not count):
            continue
        shade = next(n for n, (least, _) in enumerate(_GRADES) if count >= least)
        found[row.muni] = _Shade(shade, f"{count:,}{'以上' if open_parts else ''}（{clock(row.at)}）", row.claim)
    return found


def _map(
    evidence: Evidence,
    key: str,
    title: str,
    classes: tuple[str, ...],
    states: Sequence[_State],
    cited: Citations,
) -> list[Block]:
    """A map with a panel for each state that looks different from the one before, no more than a page holds, and its
    table. The last state is among them where its numbers have changed, and of too many those that come first."""
    shades = [{muni: one.shade for muni, one in now.items()} for _, now in states]
    apart = [one for n, one in enumerate(states) if shades[n] != (shades[n - 1] if n else {})]
    if not apart:
        return []
    if {muni: one.text for muni, one in apart[-1][1].items()} != {m: one.text for m, one in states[-1][1].items()}:
        apart.append(states[-1])
    if len(apart) > _MOST_PANELS:
        apart = [*apart[: _MOST_PANELS - 1], apart[-1]]
    panels = tuple(
        Panel(
            f"{full_clock(at)} 現在",
            tuple(
                Area(code, municipality_name(code), outline, _shade_of(code, now))
                for code, outline in sorted(evidence.outlines.items())
            ),
        )
        for at, now in apart
    )
    told = "。".join(f"{full_clock(at)}は{_in_words(now, classes)}" for at, now in apart)
    alt = f"{title}を市町村別に示した地図。{told}。白は記録がない市町村。"
    munis = sorted({muni for _, now in apart for muni in now})
    body: list[list[Cell]] = [
        [
            cell(municipality_name(muni)),
            *(cell(now[muni].text, *cited.of(now[muni].claim)) if muni in now else cell(None) for _, now in apart),
        ]
        for muni in munis
    ]
    align: Literal["left", "right"] = "left" if classes == tuple(_ORDERS.values()) else "right"
    columns = (Column("市町村"), *(Column(full_clock(at), align) for at, _ in apart))
    note = "空欄は記録がないもの。" + (
        ""
        if align == "left"
        else "政令市の区は、区の数がなければ市の数で塗る。（）はその数の現在時刻で、地図の時点より前のことがある。"
    )
    return [
        Map(key, title, alt, classes, panels, outline_credit(evidence.incident), f"{key}-table"),
        Table(f"{key}-table", f"{title}（地図の時点）", columns, body, note=note),
    ]


def _shade_of(code: str, now: Mapping[str, _Shade]) -> int | None:
    """Of a ward that nobody tells of, what is told of its city, which has no outline of its own."""
    found = municipalities().get(code)
    city = None if found is None else found.city
    shown = now.get(code) or (None if city is None else now.get(city))
    return None if shown is None else shown.shade


def _in_words(now: Mapping[str, _Shade], classes: Sequence[str]) -> str:
    counted = [(name, sum(one.shade == n for one in now.values())) for n, name in enumerate(classes)]
    return "、".join(f"{name} {count}市町村" for name, count in counted if count) or "記録なし"
