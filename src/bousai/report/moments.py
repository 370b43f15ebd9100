"""What was true at a time beside what was known at that time: the same question with two clocks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from bousai.model import Claim, Incident
from bousai.report.cited import Citations
from bousai.report.counts import shown
from bousai.report.document import Area, Block, Cell, Column, Heading, Map, Paragraph, Table, cell
from bousai.report.evidence import Evidence, municipality_name, outline_credit, prefectures_of
from bousai.report.observed import full_clock, time_of
from bousai.report.orders import orders, warnings

_AFTER = tuple(timedelta(hours=hours) for hours in (1, 3, 6, 12, 24, 48, 72))


def chosen(incident: Incident) -> tuple[datetime, ...]:
    """The moments that an incident names; else 1, 3, 6, 12, 24, 48 and 72 hours after it began."""
    if incident.moments:
        return incident.moments
    began = incident.begins_at or incident.since
    return tuple(at for at in (began + after for after in _AFTER) if at <= incident.until)


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


def _open(claims: Sequence[Claim], _: Evidence) -> tuple[str, list[Claim]]:
    found = [one for one in claims if one.kind == "shelter_status" and one.props.get("state") == "open"]
    return f"{len({one.item_id for one in found})}か所" if found else "", found


def _total(kind: str, name: str, unit: str) -> _Measure:
    def measure(claims: Sequence[Claim], evidence: Evidence) -> tuple[str, list[Claim]]:
        """The newest total of the prefecture that any source states."""
        places = prefectures_of(evidence.incident)
        stated = [
            one
            for one in claims
            if one.kind == kind
            and one.props.get("area_name") in places
            and shown(one.props.get(name)) not in ("", "－")
        ]
        if not stated:
            return "", []
        newest = max(stated, key=lambda one: (time_of(one), one.stated.number))
        return f"{shown(newest.props.get(name))}{unit}（{newest.stated.issuer}）", [newest]

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
    for at in chosen(evidence.incident):
        true = held(evidence.claims, at, evidence.known_at)
        known = held(evidence.claims, at, at)
        for title, measure in _MEASURES:
            (now, rests), (then, rested) = measure(true, evidence), measure(known, evidence)
            if now or then:
                body.append(
                    [
                        cell(full_clock(at)),
                        cell(title),
                        cell(now or "記録なし", *cited.documents(rests)),
                        cell(then or "知られていない", *cited.documents(rested)),
                    ]
                )
    columns = (
        Column("時点"),
        Column("項目", weight=1),
        Column("事実（現在の知識）"),
        Column("その時に知られていたこと"),
    )
    note = (
        f"左はその時点のこととして {full_clock(evidence.known_at)} までに分かったこと、"
        "右はその時点までにこの装置が記録していたこと。"
        "後日取り込んだ資料は右に現れない。"
    )
    maps = _maps(evidence)
    table = Table("moments-table", "その時の事実と、その時に知られていたこと", columns, body, heads=2, note=note)
    return [
        Heading("moments", 1, "その時何が分かっていたか"),
        Paragraph(cell("二つの時計で同じ問いに答える。"), "note"),
        table,
        *maps,
    ]


_ORDERS = {5: "緊急安全確保", 4: "避難指示", 3: "高齢者等避難"}


def _maps(evidence: Evidence) -> list[Block]:
    """The gravest order of each municipality at each moment at which it differs from that of the map before."""
    made: list[Block] = []
    before: dict[str, int] = {}
    for at in chosen(evidence.incident) if evidence.outlines else ():
        now: dict[str, int] = {}
        for one in orders(held(evidence.claims, at, evidence.known_at)):
            now[one.muni] = max(one.level, now.get(one.muni, 0))
        if now == before:
            continue
        before = now
        levels = list(_ORDERS)
        areas = tuple(
            Area(code, municipality_name(code), outline, levels.index(now[code]) if code in now else None)
            for code, outline in sorted(evidence.outlines.items())
        )
        told = "、".join(f"{municipality_name(code)} {_ORDERS[level]}" for code, level in sorted(now.items()))
        made.append(
            Map(
                f"orders-map-{len(made) + 1}",
                f"{full_clock(at)} に発令中の避難情報",
                f"{full_clock(at)} の地図。{told or '発令の記録なし'}。白は発令の記録がない市町村。",
                tuple(_ORDERS.values()),
                areas,
                (),
                outline_credit(evidence.incident),
                "moments-table",
            )
        )
    return made
