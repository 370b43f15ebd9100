"""Claims → what a source said of a place at a time: the rows that curves and tables are made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bousai.model import Claim
from bousai.report.evidence import municipality_name
from bousai.vocab.japanese_time import JST

NOWHERE = "（地域の記載なし）"


@dataclass(frozen=True, slots=True)
class Said:
    """One thing as one source stated it: `at` is the time that the statement speaks of (現在), in its absence that of
    issue; `place` is the name as the source writes it, else that of the municipality, `muni` its code.
    `over`: it says that the thing is over."""

    feed: str
    issuer: str
    place: str
    muni: str | None
    level: str
    at: datetime
    claim: Claim
    over: bool = False

    @property
    def props(self) -> Mapping[str, Any]:
        return self.claim.props


def said(claims: Iterable[Claim], kind: str, *, ends: bool = False) -> list[Said]:
    """What the sources said of a kind, without what was corrected or withdrawn, by the time it speaks of; with `ends`
    also that something is over (restored, closed).

    A statement that was written down several times (another came late and fell between) counts once.
    """
    mine = [one for one in claims if one.kind == kind]
    held = {(one.scope, one.item_id, one.stated.number) for one in mine if not one.never_held}
    found: dict[tuple[str, str, int], Said] = {}
    for one in mine:
        over = one.never_held and (one.scope, one.item_id, one.stated.number) not in held
        if one.retired is not None and not (ends and over):
            continue
        name = one.props.get("area_name") or (one.muni_code and municipality_name(one.muni_code))
        found[one.scope, one.item_id, one.stated.number] = Said(
            feed=one.stated.feed,
            issuer=one.stated.issuer,
            place=name if isinstance(name, str) else "",
            muni=one.muni_code,
            level=str(one.props.get("area_level") or ("municipality" if one.muni_code else "")),
            at=time_of(one),
            claim=one,
            over=over,
        )
    return sorted(found.values(), key=lambda one: (one.at, one.claim.stated.number, one.claim.item_id))


def time_of(claim: Claim) -> datetime:
    """The time that a statement speaks of (現在), in its absence that of issue."""
    told = claim.props.get("as_of")
    if isinstance(told, str):
        at = datetime.fromisoformat(told)
        if at.tzinfo is not None:
            return at
    return claim.stated.issued_at


def holds_from(points: Iterable[tuple[datetime, bool]]) -> datetime | None:
    """From when on something held, to the last of some times in order; None where it does not hold at the last."""
    since = None
    for at, holds in points:
        since = (since or at) if holds else None
    return since


def by_source(rows: Sequence[Said]) -> dict[str, list[Said]]:
    """Feed → its rows. Sources stand side by side: their counts are of different people and never added up."""
    found: dict[str, list[Said]] = {}
    for row in rows:
        found.setdefault(row.feed, []).append(row)
    return dict(sorted(found.items()))


def clock(at: datetime) -> str:
    """``7/29 14:00`` in JST."""
    here = at.astimezone(JST)
    return f"{here.month}/{here.day} {here:%H:%M}"


def full_clock(at: datetime) -> str:
    """``2026-07-29 14:00`` in JST."""
    return f"{at.astimezone(JST):%Y-%m-%d %H:%M}"


def lasted(seconds: float) -> str:
    """``2日3時間``, ``3時間05分``, ``12分``, ``40秒``; with a minus sign where it is negative.

    >>> lasted(11100), lasted(-720), lasted(40)
    ('3時間05分', '－12分', '40秒')
    """
    sign = "－" if seconds < 0 else ""
    left = abs(round(seconds))
    if left < 60:
        return f"{sign}{left}秒"
    minutes = round(left / 60)
    if minutes < 60:
        return f"{sign}{minutes}分"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{sign}{hours}時間{minutes:02d}分"
    days, hours = divmod(hours, 24)
    return f"{sign}{days}日{hours}時間"
