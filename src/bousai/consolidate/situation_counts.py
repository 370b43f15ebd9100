"""Figures of a municipality: who states which number, and the one that is shown first.

A figure is never added up over sources and never mended. Every statement is kept as a claim. Shown first is, among
the claims that say anything (a blank cell does not):

1. what a source states of the municipality, before a sum over places that this program makes (a list of places may be
   a part of them, a total is not);
2. the newest, as of the time for which it holds;
3. at the same time a number before a word for not knowing one (調査中, 不明), and of numbers that of who is closer to
   the place: municipality, prefecture, country, others;
4. by the order of the feeds' and items' names.

Claims whose values cannot all be true are listed as a conflict, with each value and its time; a claim of a range
(約, 以上) contradicts only what lies outside of it. Figures of different disasters are no conflict.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import orjson
import shapely

from bousai.consolidate import rows
from bousai.consolidate.situation_statements import Said, instant, moment
from bousai.model import RevisionTable
from bousai.vocab.count import Count, Qualifier, reported, without
from bousai.vocab.damage import damage_items
from bousai.vocab.municipality import named, prefecture

SUMMARY = ("shelters_open", "evacuees", "evacuated_households", "order_households", "order_people")
"""Figures of `evacuation_summary` that are shown."""

_SAYS_NOTHING = frozenset({"blank", "not_applicable"})
_OR_MORE: frozenset[Qualifier] = frozenset({"at_least", "more_than"})
_OFFICES = ("災害対策本部", "災害警戒本部", "現地対策本部")
_LEVELS = ("municipality", "prefecture", "country", "other")


@dataclass(frozen=True, slots=True)
class Claim:
    """What one source says of one or more figures: `figures` by name (``evacuees``, ``dead``, ``water``).

    `said` has the statement, or the statements that a sum is made of; `of` says of how many places a sum is.
    """

    figures: Mapping[str, Count]
    said: tuple[Said, ...]
    as_of: str
    basis: str
    of: Mapping[str, int] | None = None

    @property
    def incident(self) -> str | None:
        """The disaster that it speaks of, where all of its statements name the same."""
        names = {one.props.get("incident") for one in self.said}
        return names.pop() if len(names) == 1 else None

    @property
    def level(self) -> str:
        """municipality, prefecture, country or other: who says it."""
        return level_of(self.issuer)

    @property
    def issuer(self) -> str:
        """Who says it; of a sum over several lists all of them."""
        return "・".join(sorted({one.issuer for one in self.said}))

    @property
    def source(self) -> str:
        """The feed that it came through; of a sum over several lists all of them."""
        return " ".join(sorted({one.feed for one in self.said}))

    @property
    def order(self) -> tuple[Any, ...]:
        """Claims by time, closeness and name; that which comes first is the least."""
        return *self.time, _LEVELS.index(self.level), self.source, self.said[0].key

    @property
    def time(self) -> tuple[bool, float]:
        """A sum after what is stated, and the newest first."""
        return self.basis != "stated", -instant(self.as_of).timestamp()


@lru_cache(maxsize=1024)
def level_of(issuer: str) -> str:
    """How close an issuer is to the place.

    >>> [level_of(name) for name in ("宇城市", "八代市・宇城市", "八代市災害対策本部", "熊本県災害対策本部")]
    ['municipality', 'municipality', 'municipality', 'prefecture']
    >>> [level_of(name) for name in ("内閣府（防災担当）", "国土交通省", "九州電力")]
    ['country', 'country', 'other']
    """
    for office in _OFFICES:
        issuer = issuer.removesuffix(office)
    if prefecture(issuer) is not None:
        return "prefecture"
    if all(named(name).code is not None for name in issuer.split("・")):
        return "municipality"
    return "country" if issuer.startswith("内閣府") or issuer.endswith(("省", "庁", "国土地理院")) else "other"


# ── which is shown, which contradict ─────────────────────────────────────────────────────────────────────────


def says(count: Count | None) -> bool:
    """It says something, be it that nobody knows: an empty cell or a dash does not."""
    return count is not None and count["state"] not in _SAYS_NOTHING


def shown_of(claims: Iterable[Claim], figure: str) -> Claim | None:
    """The claim whose value of a figure is shown; one that says nothing only where no other does."""

    def order(claim: Claim) -> tuple[Any, ...]:
        count = claim.figures[figure]
        return not says(count), *claim.time, count["value"] is None, claim.order

    return min((claim for claim in claims if figure in claim.figures), key=order, default=None)


def conflict(claims: Sequence[Claim], figure: str, name: str) -> dict[str, Any] | None:
    """The values of a figure where two sources contradict each other, else None. `name` is how the layer calls it."""
    telling = [claim for claim in claims if says(claim.figures.get(figure))]
    if all(_agree(a, b, figure) for n, a in enumerate(telling) for b in telling[n + 1 :]):
        return None
    first = shown_of(telling, figure)
    values = [
        {
            "value": claim.figures[figure],
            "issuer": claim.issuer,
            "source": claim.source,
            "as_of": claim.as_of,
            "basis": claim.basis,
            "incident": claim.incident,
            "shown": claim is first,
        }
        for claim in sorted(telling, key=lambda claim: claim.order)
    ]
    return {"attribute": name, "values": values}


def _agree(a: Claim, b: Claim, figure: str) -> bool:
    if a.incident is not None and b.incident is not None and a.incident != b.incident:
        return True
    one, other = a.figures[figure], b.figures[figure]
    if one["value"] is None or other["value"] is None:
        return one["state"] == other["state"]
    (low, high), (least, most) = _range(one), _range(other)
    return low <= most and least <= high


def _range(count: Count) -> tuple[float, float]:
    """The least and the greatest value that a count allows; 約 allows only its number."""
    value = float(count["value"] or 0)
    bounds: dict[Qualifier, tuple[float, float]] = {
        "at_least": (value, float("inf")),
        "more_than": (value + 1, float("inf")),
        "at_most": (0, value),
        "less_than": (0, value - 1),
    }
    return bounds.get(count["qualifier"], (value, value))


def claim_shown(claim: Claim, shown: Iterable[str]) -> dict[str, Any]:
    """A claim as the layer has it."""
    first = claim.said[0]
    single = len(claim.said) == 1
    return {
        "figures": dict(claim.figures),
        "shown": sorted(shown),
        "basis": claim.basis,
        "of": None if claim.of is None else dict(claim.of),
        "kind": first.table.kind,
        "as_of": claim.as_of,
        "issuer": claim.issuer,
        "level": claim.level,
        "incident": claim.incident,
        "source": claim.source,
        "revision": first.table.revision[first.row] if single else None,
        "document": first.table.document[first.row] if single and first.table.document else None,
        "position": first.table.position[first.row] if single and first.table.position else None,
    }


# ── shelters and people in them ──────────────────────────────────────────────────────────────────────────────


def summaries(said: Iterable[Said]) -> list[Claim]:
    """The figures that reports state of a municipality: shelters, people in them, people under an order."""
    found = []
    for one in said:
        figures = {name: one.props[name] for name in SUMMARY if one.props.get(name) is not None}
        if figures:
            found.append(Claim(figures, (one,), one.as_of, "stated"))
    return found


def places(members: RevisionTable | None, register: RevisionTable | None) -> dict[str, str]:
    """Item id of a shelter's status → id of the place in the register (redirects followed)."""
    moved = {}
    if register is not None:
        for item_id, text in zip(register.item_id, register.props, strict=True):
            props = orjson.loads(text)
            if props.get("state") == "redirect" and props.get("redirect_to"):
                moved[item_id] = props["redirect_to"]
    found = {}
    for item_id, text in zip(members.item_id, members.props, strict=True) if members is not None else ():
        kind, _, status = item_id.partition("/")
        if kind == "shelter_status":
            place = orjson.loads(text)["place_id"]
            followed: set[str] = set()
            while place in moved and place not in followed:
                followed.add(place)
                place = moved[place]
            found[status] = place
    return found


def shelter_sum(statuses: Iterable[Said], place_of: Mapping[str, str]) -> Claim | None:
    """The shelters that lists of single places have open, and the people in them: one claim for the municipality.

    A place that two lists name is one place (`place_of`); its newest statement tells whether it is open, its newest
    number how many are there. Where several lists are in it and an open place was not matched with the register, it
    may be there twice: the sum is at most that. Where the state of a place or the number of an open one is not known,
    it is at least that. `of` tells of how many places the sum is, and what is not known of them. The sum is as old as
    the oldest statement in it. None where no list names a place here.
    """
    by_place: defaultdict[str, list[Said]] = defaultdict(list)
    for one in statuses:
        item_id = one.table.item_id[one.row]
        by_place[place_of.get(item_id, f"shelter_status/{item_id}")].append(one)
    if not by_place:
        return None
    found = {
        place: sorted(said, key=lambda one: (-one.at.timestamp(), one.feed, one.key))
        for place, said in sorted(by_place.items())
    }
    states = {place: said[0].props.get("state") for place, said in found.items()}
    open_now = {place: said for place, said in found.items() if states[place] == "open"}
    numbers = [
        next((one for one in said if (one.props.get("evacuees") or {}).get("value") is not None), None)
        for said in open_now.values()
    ]
    counted = [one for one in numbers if one is not None]
    used = {one.key: one for one in (*(said[0] for said in (open_now or found).values()), *counted)}
    said = tuple(used[key] for key in sorted(used))
    lists = len({one.feed for one in said})
    of = {
        "lists": lists,
        "places": len(found),
        "open": len(open_now),
        "open_with_number": len(counted),
        "open_not_matched": sum(place.startswith("shelter_status/") for place in open_now),
        "state_unknown": sum(state not in ("open", "closed", "not_open", "permanent") for state in states.values()),
        "lists_disagree": sum(
            len({one.props.get("state") for one in said} - {"unknown", None}) > 1 for said in found.values()
        ),
    }
    twice = lists > 1 and of["open_not_matched"] > 0
    missing = of["state_unknown"] > 0
    figures: dict[str, Count] = {"shelters_open": reported(len(open_now), _bound(twice, missing, True))}
    if counted:
        each: list[Count] = [one.props["evacuees"] for one in counted]
        unknown = missing or len(counted) < len(open_now) or any(c["qualifier"] in _OR_MORE for c in each)
        exact = all(c["qualifier"] == "exact" or c["qualifier"] in _OR_MORE for c in each)
        people = sum(c["value"] or 0 for c in each)
        figures["evacuees"] = reported(people, _bound(twice, unknown, exact))
    return Claim(figures, said, min((one.as_of for one in said), key=instant), "sum", of)


def _bound(twice: bool, missing: bool, exact: bool) -> Qualifier:
    """What a sum is where something may be in it twice, may be missing from it, or is a number with 約 or 未満."""
    if not exact or (twice and missing):
        return "approx"
    return "at_most" if twice else "at_least" if missing else "exact"


# ── damage ───────────────────────────────────────────────────────────────────────────────────────────────────


def damages(said: Iterable[Said]) -> list[Claim]:
    """The counts of damage of each report, in the order of 第4号様式."""
    found = []
    for one in said:
        figures = {name: one.props[name] for name in damage_items() if one.props.get(name) is not None}
        if figures:
            found.append(Claim(figures, (one,), one.as_of, "stated"))
    return found


def by_incident(claims: Iterable[Claim]) -> list[list[Claim]]:
    """The claims of each disaster, that with the newest claim that says anything first: counts of different
    disasters are
    different things."""
    found: defaultdict[str, list[Claim]] = defaultdict(list)
    for claim in claims:
        found[claim.incident or ""].append(claim)

    def newest(name: str) -> tuple[Any, ...]:
        telling = [one for one in found[name] if any(says(count) for count in one.figures.values())]
        return not telling, -max(instant(one.as_of).timestamp() for one in telling or found[name]), name

    return [found[name] for name in sorted(found, key=newest)]


# ── lifelines ────────────────────────────────────────────────────────────────────────────────────────────────


_OUTAGE = ("affected", "affected_max", "water_stations")


def outages(said: Iterable[Said]) -> list[tuple[str, list[Claim]]]:
    """Utility → the claims on its outage, the claims on one figure together.

    Outages of two operators are two things, and so are numbers of two units (戸 without water, 件 reported to the
    town hall). A report that names no operator speaks of the same as the only operator that is named, else it stands
    by itself. A list of parts of the municipality (町丁) is one claim, their sum, unless it has the whole too.
    """
    by_utility: defaultdict[str, list[Said]] = defaultdict(list)
    for one in said:
        by_utility[one.props.get("utility") or "unknown"].append(one)
    found = []
    for utility, statements in sorted(by_utility.items()):
        operators = {one.props.get("operator") for one in statements} - {None}
        only = next(iter(operators)) if len(operators) == 1 else None
        groups: defaultdict[tuple[str, str], defaultdict[tuple[str, str], list[Said]]] = defaultdict(
            lambda: defaultdict(list)
        )
        for one in statements:
            thing = one.props.get("operator") or only or "", one.props.get("unit") or ""
            groups[thing][one.feed, one.table.scope[one.row]].append(one)
        for _, lists in sorted(groups.items(), key=lambda group: group[0]):
            claims = [_outage(sorted(parts, key=lambda one: one.key)) for _, parts in sorted(lists.items())]
            found.append((utility, claims))
    return found


def _outage(parts: Sequence[Said]) -> Claim:
    whole = [one for one in parts if one.props.get("area_level") == "municipality"]
    if len(parts) == 1 or len(whole) == 1:
        one = parts[0] if len(parts) == 1 else whole[0]
        figures = {name: one.props[name] for name in _OUTAGE if one.props.get(name) is not None}
        return Claim(figures, (one,), one.as_of, "stated")
    counts: list[Count] = [one.props["affected"] for one in parts if one.props.get("affected") is not None]
    numbers = [count for count in counts if count["value"] is not None]
    summed: dict[str, Count] = {}
    if numbers:
        missing = len(numbers) < len(parts) or any(count["qualifier"] in _OR_MORE for count in numbers)
        exact = all(count["qualifier"] == "exact" or count["qualifier"] in _OR_MORE for count in numbers)
        summed["affected"] = reported(sum(count["value"] or 0 for count in numbers), _bound(False, missing, exact))
    elif counts:
        states = {count["state"] for count in counts}
        summed["affected"] = without(states.pop() if len(states) == 1 else "unknown")
    of = {"parts": len(parts), "parts_with_number": len(numbers)}
    return Claim(summed, tuple(parts), min((one.as_of for one in parts), key=instant), "sum", of)


def outage_shown(claim: Claim, utility: str) -> dict[str, Any]:
    """One outage as the layer has it: the words of its source, or the sum over the parts that it lists."""
    one = claim.said[0]
    words = ("area_name", "state_text", "range", "started_at", "expected_text")
    counts = {name: claim.figures.get(name) for name in _OUTAGE}
    single = len(claim.said) == 1
    return {
        "utility": utility,
        **counts,
        "unit": one.props.get("unit"),
        "operator": one.props.get("operator"),
        "incident": claim.incident,
        **{name: one.props.get(name) if single else None for name in words},
        **one.origin,
        "as_of": claim.as_of,
        "revision": one.origin["revision"] if single else None,
        "basis": claim.basis,
        "parts": []
        if single
        else [
            {"affected": part.props.get("affected"), **{name: part.props.get(name) for name in words}}
            | {"revision": part.table.revision[part.row]}
            for part in claim.said
        ],
    }


# ── roads ────────────────────────────────────────────────────────────────────────────────────────────────────


def on_roads(table: RevisionTable | None, areas: Mapping[str, bytes]) -> dict[str, list[Said]]:
    """Municipality → the restrictions in force there: by the code that the source gives, else every municipality
    (`areas`: code → WKB) that the point or line touches."""
    if table is None or not len(table):
        return {}
    props = [orjson.loads(text) for text in table.props]
    found: defaultdict[str, list[Said]] = defaultdict(list)
    loose = []
    for row, (one, code) in enumerate(zip(props, table.muni_code, strict=True)):
        ended = moment(one.get("ended_at"))
        if ended is not None and ended <= table.valid_at:
            continue
        if code is not None:
            found[code].append(Said(table, row, one, code))
        elif table.geometry[row] is not None:
            loose.append(row)
    if loose and areas:
        codes = list(areas)
        shapes = shapely.from_wkb(np.array([table.geometry[row] for row in loose], dtype=object))
        west, south, east, north = shapely.total_bounds(shapes)
        grounds = shapely.from_wkb(np.array(list(areas.values()), dtype=object))
        bounds = shapely.bounds(grounds)
        near = (bounds[:, 0] <= east) & (bounds[:, 2] >= west) & (bounds[:, 1] <= north) & (bounds[:, 3] >= south)
        kept = np.flatnonzero(near)
        which, ground = shapely.STRtree(grounds[kept]).query(shapes, predicate="intersects")
        for n, area in sorted(zip(which.tolist(), kept[ground].tolist(), strict=True)):
            row, code = loose[n], codes[area]
            found[code].append(Said(table, row, props[row], code))
    return dict(found)


def roads(said: Iterable[Said]) -> tuple[Count | None, list[dict[str, Any]]]:
    """How many restrictions each source has here, and the largest number of closed roads that one source has.

    Sources speak of different roads (motorways, national, prefectural roads) and partly of the same; they are not
    added up. With more than one source the number is a lower bound."""
    by_source: defaultdict[tuple[str, str], list[Said]] = defaultdict(list)
    for one in said:
        by_source[one.feed, one.issuer].append(one)
    if not by_source:
        return None, []
    found = [
        {
            "source": feed,
            "issuer": issuer,
            "closed": sum(one.props.get("restriction") == "closed" for one in ones),
            "restricted": len(ones),
            "as_of": max((one.as_of for one in ones), key=instant),
            "revisions": sorted(one.table.revision[one.row] for one in ones),
        }
        for (feed, issuer), ones in sorted(by_source.items())
    ]
    most = max(int(one["closed"]) for one in found)
    return reported(most, "exact" if len(found) == 1 else "at_least"), found


def source_of(one: Said, attributes: Iterable[str]) -> dict[str, Any]:
    """Where a statement comes from and what rests on it."""
    return {**rows.source(one.table, one.row, one.as_of), "attributes": sorted(attributes)}
