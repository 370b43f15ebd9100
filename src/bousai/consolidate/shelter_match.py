"""Which entries of the lists of shelters speak of one real place (名寄せ).

A *real place* is what an evacuee is sent to: one facility on one site, with its buildings and ground. A school, its
gymnasium and its playground are one place; the community hall next door is another, even at the same address and
under one 共通ID facility number, for it opens, fills and closes by itself. The site and the shelter that GSI lists of
one facility are one place. Two entries of one list are two places, unless they name one facility (its parts, or the
same twice).

`records` makes columns of all that was ever seen, `links` compares what is near, of one municipality and alike in
name, or of one address or facility number, and answers *same* (settled by rule), *ask* (a person must say) or nothing
(different places). What tells places apart (number, direction, level of school, kind of facility, who runs it,
branch) forbids *same* whatever else speaks for it. Links are never transitive by accident: a link that would join two
entries which differ becomes a question. Pure and deterministic, whatever the order of the entries.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
import orjson
import shapely
from rapidfuzz import fuzz, process
from rapidfuzz.distance import Postfix, Prefix

from bousai.consolidate.shelter_places import KINDS
from bousai.model import Sightings
from bousai.vocab import place_address, place_name
from bousai.vocab.municipality import municipalities

METHOD = "shelter_match 1"
"""Version text of the rules; it changes whenever they do."""

Verdict: TypeAlias = Literal["same", "ask"]
_Ints: TypeAlias = npt.NDArray[np.int64]
_Floats: TypeAlias = npt.NDArray[np.float64]
_Bools: TypeAlias = npt.NDArray[np.bool_]

_NEAR_M = 400.0  # beyond it only name or address bring two entries together
_FAR_M = 3000.0  # beyond it a name that occurs more than once brings nothing together
_ALIKE = 80.0  # names less alike (0–100) are compared only where the entries are near
_CROWD = 300  # what so many entries share (a name, a point, a number) brings none of them together
_EARTH_M = 6_371_008.8
_FACILITY = 11  # characters of a 共通ID that name the facility
_TELLING = frozenset("東西南北上下左右前後奥新元中一二三四五六七八九十甲乙丙丁")
_SIDES = frozenset({"部", "側", "口", "区", "町"})
_GENERIC = frozenset({"センター", "ホール"})
_ONE_NAME = 0.95  # likeness of names from which they are one name
_HOUSE = 0.95  # likeness of addresses from which they are one house
_LOT = 0.8  # the same, where one says less than the other
_MARGIN = 0.04  # two candidates of one list that are closer than this are not decided by rule


@dataclass(frozen=True, slots=True, eq=False)
class Records:
    """Entries of all lists as columns, ordered by `key` (`<kind>/<item id>`).

    `source` is the feed, `muni_code` as stated and `city` the same with wards as their city and abolished codes as
    their successor, `lon`, `lat` degrees or NaN, `facility` the first 11 characters of a 共通ID, `source_id` what the
    source itself calls it. `name`, `kana`, `address` are "" where not stated.
    """

    key: Sequence[str]
    kind: Sequence[str]
    source: Sequence[str]
    muni_code: Sequence[str | None]
    city: Sequence[str | None]
    name: Sequence[str]
    kana: Sequence[str]
    address: Sequence[str]
    lon: _Floats
    lat: _Floats
    facility: Sequence[str | None]
    source_id: Sequence[str | None]

    def __len__(self) -> int:
        return len(self.key)


class Link(NamedTuple):
    """Two entries (member keys, `left` < `right`) that are one place by rule, or may be and a person must say.

    `score` 0–1; `reasons` short codes with values: ``name=0.97`` ``kana`` ``alias`` ``former`` ``part``
    ``address=0.93`` ``distance=12 m`` ``facility=E1720200012`` ``source_id=00000001``, and what speaks against it
    after a ``!``: ``!number`` ``!two_candidates`` ``!joins_two_places``.
    """

    left: str
    right: str
    verdict: Verdict
    score: float
    reasons: tuple[str, ...]


@lru_cache(maxsize=4096)
def _city(code: str) -> str:
    """The municipality that answers for a code: the city of a ward, the successor of what was merged."""
    for _ in range(8):  # a successor may have been merged again
        one = municipalities().get(code)
        if one is None:
            return code
        following = one.city or (one.successors[0] if one.valid_to is not None and len(one.successors) == 1 else None)
        if following is None or following == code:
            return code
        code = following
    return code


def records(seen: Mapping[str, Sightings]) -> Records:
    """The entries of `KINDS` in `seen` (one status, one known time) as columns; other kinds are passed over."""
    rows: list[tuple[Any, ...]] = []
    shapes: list[bytes | None] = []
    for kind in KINDS:
        if kind not in seen:
            continue
        table = seen[kind].table
        for n, item_id in enumerate(table.item_id):
            props: dict[str, Any] = orjson.loads(table.props[n])
            code = table.muni_code[n]
            common = props.get("common_id") or props.get("facility_id")
            rows.append(
                (
                    f"{kind}/{item_id}",
                    kind,
                    table.source[n],
                    code,
                    _city(code) if code else None,
                    props.get("name") or "",
                    props.get("name_kana") or "",
                    props.get("address") or "",
                    common[:_FACILITY] if common and len(common) >= _FACILITY else None,
                    props.get("source_id"),
                    len(shapes),
                )
            )
            shapes.append(table.geometry[n])
    rows.sort(key=lambda row: row[0])
    points = shapely.point_on_surface(shapely.from_wkb(np.array(shapes, dtype=object)))
    points[shapely.is_empty(points)] = None
    order = np.array([row[10] for row in rows], dtype=np.int64)
    lon, lat = (shapely.get_x(points)[order], shapely.get_y(points)[order]) if rows else (np.empty(0), np.empty(0))
    columns = list(zip(*rows, strict=True)) if rows else [()] * 11
    key, kind_of, source, muni, city, name, kana, address, facility, source_id, _ = columns
    return Records(key, kind_of, source, muni, city, name, kana, address, lon, lat, facility, source_id)


# ── columns for comparing ────────────────────────────────────────────────────────────────────────────────


class _Columns(NamedTuple):
    """What is compared, one value a record; texts as strings, all else as numbers (0 or -1: nothing said)."""

    stem: Sequence[str]
    town: Sequence[str]
    names: Sequence[place_name.PlaceName]
    list_: _Ints
    city: _Ints
    facility: _Ints
    own_id: _Ints
    stem_code: _Ints
    short_code: _Ints
    whole: _Ints
    literal: _Ints
    lone: _Bools
    lone_stem: _Bools
    vague: _Bools
    head: _Ints
    group: _Ints
    lead: _Ints
    operator: _Ints
    numbers: _Ints
    part_numbers: _Ints
    inside: _Ints
    levels: _Ints
    generic: _Bools
    former: _Bools
    parts: _Ints
    kana: _Ints
    town_code: _Ints
    house: _Ints
    place: _Ints


def _codes(values: Iterable[Any], nothing: object = None) -> _Ints:
    """Equal values as equal numbers from 0 on; `nothing` as -1."""
    known: dict[Any, int] = {}
    return np.array([-1 if one == nothing else known.setdefault(one, len(known)) for one in values], dtype=np.int64)


def _once(key: _Ints, value: _Ints) -> _Bools:
    """Whether all rows of a row's `key` have one `value`; key -1 is none."""
    order = np.lexsort((value, key))
    first = np.r_[True, (np.diff(key[order]) != 0) | (np.diff(value[order]) != 0)]
    _, where = np.unique(key, return_inverse=True)
    distinct = np.bincount(where[order][first], minlength=where.max(initial=0) + 1)
    once: _Bools = (distinct[where] == 1) & (key >= 0)
    return once


def _columns(made: Records) -> _Columns:
    names = [place_name.taken_apart(name, city) for name, city in zip(made.name, made.city, strict=True)]
    addresses = [place_address.taken_apart(one, city) for one, city in zip(made.address, made.city, strict=True)]
    short = [place_name.short_name(city) for city in made.city]
    house = np.full((len(names), 4), -1, dtype=np.int64)
    for n, one in enumerate(addresses):
        house[n, : len(one.numbers)] = one.numbers
    list_ = _codes(zip(made.kind, made.source, strict=True))
    town_code = _codes((one.town for one in addresses), "")
    point = np.where(np.isfinite(made.lon), np.round(made.lon, 6) * 1000.0 + np.round(made.lat, 6), np.nan)
    group = _codes((one.group for one in names), "")
    head = _codes((one.head for one in names), "")
    whole = _codes((one.whole, one.lead) if one.whole else None for one in names)
    stem_code = _codes((one.stem for one in names), "")
    entry = _codes(zip(whole.tolist(), made.city, town_code.tolist(), strict=True))
    own = _codes(zip(list_.tolist(), made.city, strict=True))
    former = [one.former for one in names]
    numbered = [one.part_numbers for one in names]
    return _Columns(
        stem=[one.stem for one in names],
        town=[one.town for one in addresses],
        names=names,
        list_=list_,
        city=_codes(made.city),
        facility=_codes(made.facility),
        own_id=_codes(
            [(source, own) if own else None for source, own in zip(made.source, made.source_id, strict=True)]
        ),
        stem_code=stem_code,
        short_code=_codes(
            (one.stem.removeprefix(cut) if cut else one.stem for one, cut in zip(names, short, strict=True)), ""
        ),
        whole=whole,
        literal=_codes((place_name.comparable(name) for name in made.name), ""),
        lone=_once(_codes(zip(own.tolist(), whole.tolist(), former, numbered, strict=True)), town_code),
        lone_stem=_once(_codes(zip(own.tolist(), stem_code.tolist(), group.tolist(), strict=True)), head),
        vague=~_once(_codes(zip(list_.tolist(), point.tolist(), strict=True)), entry) & np.isfinite(made.lon),
        head=head,
        group=group,
        lead=_codes((one.lead for one in names), ""),
        operator=_codes((one.operator if one.operator != "other" else "" for one in names), ""),
        numbers=_codes(one.numbers for one in names),
        part_numbers=_codes((one.part_numbers for one in names), ()),
        inside=_codes((one.inside for one in names), ()),
        levels=np.array([one.levels for one in names], dtype=np.int64),
        generic=np.array([one.head in _GENERIC for one in names], dtype=bool),
        former=np.array([one.former for one in names], dtype=bool),
        parts=_codes((one.parts for one in names), frozenset()),
        kana=_codes((place_name.comparable(one) for one in made.kana), ""),
        town_code=town_code,
        house=house,
        place=_codes(
            [
                (city, one.town, one.numbers) if one.town and one.numbers else None
                for city, one in zip(made.city, addresses, strict=True)
            ]
        ),
    )


# ── candidates ───────────────────────────────────────────────────────────────────────────────────────────


def _within_groups(code: _Ints) -> tuple[_Ints, _Ints]:
    """All pairs of records of equal code; code -1 is no group, and one of more than `_CROWD` says nothing."""
    known = np.flatnonzero(code >= 0)
    order = known[np.argsort(code[known], kind="stable")]
    starts = np.flatnonzero(np.r_[True, np.diff(code[order]) != 0]) if len(order) else np.empty(0, dtype=np.int64)
    sizes = np.diff(np.r_[starts, len(order)])
    left, right = [np.empty(0, dtype=np.int64)], [np.empty(0, dtype=np.int64)]
    for size in np.unique(sizes[(sizes > 1) & (sizes <= _CROWD)]).tolist():
        first = starts[sizes == size]
        a, b = np.triu_indices(size, 1)
        left.append(order[(first[:, None] + a[None, :]).ravel()])
        right.append(order[(first[:, None] + b[None, :]).ravel()])
    return np.concatenate(left), np.concatenate(right)


def _plane(made: Records) -> tuple[_Floats, _Floats]:
    """Metres on a sinusoidal plane: true north to south, and east to west for what is near."""
    radians = np.radians(made.lat)
    return _EARTH_M * np.radians(made.lon - 137.0) * np.cos(radians), _EARTH_M * radians


def _near(made: Records) -> tuple[_Ints, _Ints]:
    """Pairs within `_NEAR_M`, of whatever municipality; not of a point that a crowd of entries has."""
    x, y = _plane(made)
    known = np.flatnonzero(np.isfinite(x) & np.isfinite(y))
    _, where, crowd = np.unique(np.column_stack([x, y])[known], axis=0, return_inverse=True, return_counts=True)
    known = known[crowd[where] <= _CROWD]
    points = shapely.points(x[known], y[known])
    # The plane is sheared away from its middle meridian: look a little further, distances are measured later.
    left, right = shapely.STRtree(points).query(points, predicate="dwithin", distance=_NEAR_M * 1.25)
    once = left < right
    return known[left[once]], known[right[once]]


def _alike(columns: _Columns, keep: Callable[[_Ints, _Ints], _Bools]) -> tuple[_Ints, _Ints]:
    """Pairs of one municipality whose own words are equal or much alike, wherever they lie."""
    left, right = [np.empty(0, dtype=np.int64)], [np.empty(0, dtype=np.int64)]
    usable = np.flatnonzero((columns.city >= 0) & (columns.stem_code >= 0))
    order = usable[np.lexsort((columns.short_code[usable], columns.city[usable]))]
    edges = np.flatnonzero(np.diff(columns.city[order], prepend=-2, append=-2)).tolist() if len(order) else []
    for first, last in pairwise(edges):
        block = order[first:last]
        code = columns.stem_code[block]
        distinct, where = np.unique(code, return_inverse=True)
        if len(distinct) > 1:
            one_of = np.empty(len(distinct), dtype=np.int64)
            one_of[where] = block
            words = [columns.stem[n] for n in one_of.tolist()]
            for begin in range(0, len(words), 2000):  # bounded memory in the biggest cities
                some = process.cdist(
                    words[begin : begin + 2000], words, scorer=fuzz.ratio, score_cutoff=_ALIKE, dtype=np.uint8
                )
                a, b = np.nonzero(some)
                a += begin
                once = a < b
                for p, q in zip(a[once].tolist(), b[once].tolist(), strict=True):
                    left_block, right_block = block[where == p], block[where == q]
                    left.append(np.repeat(left_block, len(right_block)))
                    right.append(np.tile(right_block, len(left_block)))
    a, b = np.concatenate(left), np.concatenate(right)
    for code in (columns.stem_code, columns.short_code, columns.kana, np.where(columns.lone, columns.whole, -1)):
        key = np.where((code >= 0) & (columns.city >= 0), columns.city * (code.max(initial=0) + 1) + code, -1)
        c, d = _within_groups(key)
        a, b = np.concatenate([a, c]), np.concatenate([b, d])
    wanted = keep(a, b)
    return a[wanted], b[wanted]


def _distance(made: Records, left: _Ints, right: _Ints) -> _Floats:
    """Great-circle metres; NaN where a side has no position."""
    a, b = np.radians(made.lat[left]), np.radians(made.lat[right])
    half = np.sin((b - a) / 2) ** 2
    half += np.cos(a) * np.cos(b) * np.sin(np.radians(made.lon[right] - made.lon[left]) / 2) ** 2
    metres: _Floats = 2 * _EARTH_M * np.arcsin(np.sqrt(np.minimum(half, 1.0)))
    return metres


def _candidates(made: Records, columns: _Columns) -> tuple[_Ints, _Ints]:
    """Pairs worth comparing, each once, left < right."""

    def within_reach(a: _Ints, b: _Ints) -> _Bools:
        distance = _distance(made, a, b)
        one_address = _equal(columns.place, a, b)
        one_name = _equal(columns.whole, a, b) & columns.lone[a] & columns.lone[b]
        wanted: _Bools = ~(distance > _FAR_M) | one_address | one_name
        return wanted

    found = [
        _near(made),
        _alike(columns, within_reach),
        _within_groups(columns.facility),
        _within_groups(columns.place),
        _within_groups(columns.own_id),
    ]
    a = np.concatenate([one for one, _ in found])
    b = np.concatenate([one for _, one in found])
    low, high = np.minimum(a, b), np.maximum(a, b)
    # Two entries of one list are two places, unless they name one facility.
    useful = (columns.list_[low] != columns.list_[high]) | (columns.stem_code[low] == columns.stem_code[high])
    both = np.unique(low[useful] * len(made) + high[useful])
    return both // max(len(made), 1), both % max(len(made), 1)


# ── comparing ────────────────────────────────────────────────────────────────────────────────────────────


class _Names(NamedTuple):
    """How alike the names of pairs are. `score` 0–1; from 0.95 on they are one name, from 0.82 on one misspelt.

    `alias`: one is called in brackets, or with a nickname or district, what the other is called. `opposed`: something
    in them forbids one place; `told`: of that, a word like 東 or 西. `within`: one contains the other. `kin`: both
    are known to be something, and not the same (公民館, 交流センター). `lone`: each list has but one of that name.
    """

    score: _Floats
    head_equal: _Bools
    whole: _Bools
    lone: _Bools
    alias: _Bools
    kana: _Bools
    kin: _Bools
    opposed: _Bools
    told: _Bools
    within: _Bools


class _Where(NamedTuple):
    """Whether pairs are in one place. `score` 0–1, 0.5 where nothing is said (`nowhere`); `address` 0–1 or NaN,
    `distance` metres or NaN. `vague`: the point of one of them says little. `firm`: on one spot or at one address."""

    score: _Floats
    address: _Floats
    distance: _Floats
    facility: _Bools
    vague: _Bools
    nowhere: _Bools
    firm: _Bools


class _Compared(NamedTuple):
    """What was found of each pair of candidates, and what follows."""

    left: _Ints
    right: _Ints
    names: _Names
    where: _Where
    own_id: _Bools
    same: _Bools
    ask: _Bools
    score: _Floats


def _equal(code: _Ints, a: _Ints, b: _Ints) -> _Bools:
    found: _Bools = (code[a] == code[b]) & (code[a] >= 0)
    return found


def _differ(code: _Ints, a: _Ints, b: _Ints) -> _Bools:
    """Both say something, and not the same."""
    found: _Bools = (code[a] != code[b]) & (code[a] >= 0) & (code[b] >= 0)
    return found


def _opposed(columns: _Columns, a: _Ints, b: _Ints) -> _Bools:
    """What no likeness of name makes up for: another number, level of school, kind of facility, operator, branch."""
    levels = (columns.levels[a] & columns.levels[b] == 0) & (columns.levels[a] > 0) & (columns.levels[b] > 0)
    group = _differ(columns.group, a, b) & ~(columns.generic[a] | columns.generic[b])
    found: _Bools = (
        levels
        | group
        | _differ(columns.lead, a, b)
        | _differ(columns.operator, a, b)
        | (columns.numbers[a] != columns.numbers[b])
        | _differ(columns.part_numbers, a, b)
    )
    return found


def _ratio(texts: Sequence[str], a: _Ints, b: _Ints) -> _Floats:
    """Likeness 0–1 of two texts, pair by pair; 0 where one is empty."""
    if not len(a):
        return np.empty(0)
    left, right = [texts[n] for n in a.tolist()], [texts[n] for n in b.tolist()]
    found: _Floats = process.cpdist(left, right, scorer=fuzz.ratio, dtype=np.float64) / 100.0
    found[[not (one and two) for one, two in zip(left, right, strict=True)]] = 0.0
    return found


def _telling(left: str, right: str) -> bool:
    """Whether two names differ in a word that tells places apart: 東 and 西, 南部 and none, 中央 and none.

    >>> _telling("東湊", "西湊"), _telling("七尾", "七尾城北"), _telling("中島釶打", "釶打"), _telling("泉", "湊")
    (True, True, False, False)
    """
    start = Prefix.similarity(left, right)
    end = Postfix.similarity(left[start:], right[start:])
    for rest in (left[start : len(left) - end], right[start : len(right) - end]):
        if rest and (rest[-1] in _TELLING or "中央" in rest or (rest[0] in _TELLING and rest[1:] in _SIDES)):
            return True
    return False


def _telling_difference(columns: _Columns, a: _Ints, b: _Ints) -> _Bools:
    """`_telling` of pairs; of their own words, or of all where one side's word for what it is was not understood."""
    found = np.zeros(len(a), dtype=bool)
    for n, pair in enumerate(zip(a.tolist(), b.tolist(), strict=True)):
        left, right = (columns.names[one] for one in pair)
        if bool(left.head) == bool(right.head):
            found[n] = _telling(left.stem, right.stem)
        else:
            found[n] = _telling(left.whole, right.whole)
    return found


def _longer(columns: _Columns, a: _Ints, b: _Ints) -> tuple[_Bools, _Bools]:
    """Whether one name is the other with a nickname behind or a district before it (交流情報センターミナテラス), and
    whether one merely contains the other (プラザ信開川原町)."""
    named, within = np.zeros(len(a), dtype=bool), np.zeros(len(a), dtype=bool)
    for n, pair in enumerate(zip(a.tolist(), b.tolist(), strict=True)):
        short, long = sorted((columns.names[one] for one in pair), key=lambda name: len(name.whole))
        if len(short.whole) < 3 or short.whole not in long.whole or short.whole == long.whole:
            continue
        within[n] = True
        rest = long.whole.replace(short.whole, "", 1)
        if len(short.whole) < 5 or len(rest) < 2 or any(mark.isdigit() for mark in rest):
            continue
        if long.whole.startswith(short.whole):
            named[n] = bool(short.head) and not place_name.says_what(rest)
        else:
            named[n] = long.whole.endswith(short.whole) and not place_name.says_what(rest)
    return named, within


def _aliased(columns: _Columns, made: Records, a: _Ints, b: _Ints) -> _Bools:
    """Whether one side is called in brackets what the other is called."""
    found = np.zeros(len(a), dtype=bool)
    for n in np.flatnonzero((columns.inside[a] >= 0) | (columns.inside[b] >= 0)).tolist():
        for one, two in ((a[n], b[n]), (b[n], a[n])):
            other = columns.names[two]
            for inside in columns.names[one].inside:
                alias = place_name.taken_apart(inside, made.city[one])
                if len(alias.whole) > 2 and alias.whole == other.whole:
                    found[n] = True
    return found


def _address(columns: _Columns, a: _Ints, b: _Ints) -> _Floats:
    """Likeness 0–1 of two addresses; NaN where a side has none. 1: one house; 0.9: one says more than the other;
    0.7: same town, numbers not said or block equal; 0.5: same town, other number; below: another town."""
    town = np.where(_equal(columns.town_code, a, b), 1.0, 0.0)
    unequal = np.flatnonzero((town == 0.0) & (columns.town_code[a] >= 0) & (columns.town_code[b] >= 0))
    town[unequal] = _ratio(columns.town, a[unequal], b[unequal])
    for n in unequal[town[unequal] < 0.95].tolist():
        one, two = columns.town[a[n]], columns.town[b[n]]
        if min(len(one), len(two)) >= 2:
            if one.endswith(two) or two.endswith(one):
                town[n] = 1.0  # the name of a merged town before it
            elif one.startswith(two) or two.startswith(one):
                town[n] = 0.9  # one goes on to the hamlet
    left, right = columns.house[a], columns.house[b]
    both = (left >= 0) & (right >= 0)
    agree = (left == right) | ~both
    length = both.sum(axis=1)
    prefix = agree.all(axis=1) & (length > 0)
    exact = prefix & ((left >= 0) == (right >= 0)).all(axis=1)
    block = (left[:, 0] == right[:, 0]) & (length > 0)
    numbers = np.select([exact, prefix, length == 0, block], [1.0, 0.9, 0.7, 0.7], 0.5)
    found = np.where(town >= 0.8, town * numbers, 0.4 * town)
    found[(columns.town_code[a] < 0) | (columns.town_code[b] < 0)] = np.nan
    return found


def _where(made: Records, columns: _Columns, a: _Ints, b: _Ints) -> _Where:
    """Place of pairs: by facility number, distance and address."""
    distance = _distance(made, a, b)
    address = _address(columns, a, b)
    facility = _equal(columns.facility, a, b)
    vague = columns.vague[a] | columns.vague[b]
    by_distance = np.select(
        [distance <= 30, distance <= 100, distance <= 200, distance <= _NEAR_M, distance <= 1000],
        [1.0, 0.95, 0.85, 0.7, 0.5],
        0.0,
    )
    # A point that a list gives to several places (a town's middle, a neighbour's) says little.
    by_distance = np.where(vague, np.minimum(by_distance, np.where(address < 0.45, 0.5, 0.7)), by_distance)
    by_address = np.select(
        [address >= _HOUSE, address >= _LOT, address >= 0.6, address >= 0.45], [1.0, 0.9, 0.75, 0.6], 0.0
    )
    nowhere = np.isnan(address) & (np.isnan(distance) | vague)
    score = np.maximum(by_distance, by_address)
    score = np.where(facility, 1.0, np.where(nowhere, np.maximum(score, 0.5), score))
    firm = facility | (address >= _LOT) | ((distance <= 50) & ~vague)
    return _Where(score, address, distance, facility, vague, nowhere, firm)


def _alikeness(columns: _Columns, a: _Ints, b: _Ints) -> tuple[_Floats, _Floats]:
    """Likeness 0–1 of the own words of names, and of the names with what they are."""
    stem = np.where(_equal(columns.stem_code, a, b), 1.0, 0.0)
    unlike = np.flatnonzero(stem == 0.0)
    stem[unlike] = _ratio(columns.stem, a[unlike], b[unlike])
    stem = np.where(_equal(columns.short_code, a, b), np.maximum(stem, 0.97), stem)  # 七尾東部 and 東部
    nameless = (columns.stem_code[a] < 0) & (columns.stem_code[b] < 0)
    head_equal = columns.head[a] == columns.head[b]
    head_missing = ~head_equal & ((columns.head[a] < 0) | (columns.head[b] < 0))
    stem = np.where(nameless & head_equal, 0.9, stem)
    score = stem * np.select([head_equal, head_missing], [1.0, 0.92], 0.88)
    # Where only one side's word for what it is was understood, the whole names tell more (体育センターに).
    half = np.flatnonzero(head_missing)
    score[half] = np.maximum(score[half], 0.95 * _ratio([one.whole for one in columns.names], a[half], b[half]))
    whole = _equal(columns.whole, a, b) & (~nameless | (columns.lone[a] & columns.lone[b]))
    return stem, np.where(whole | _equal(columns.literal, a, b), 1.0, score)


def _named(made: Records, columns: _Columns, a: _Ints, b: _Ints, where: _Where) -> _Names:
    """Names of pairs. Nicknames count only at one address, names that contain each other only on one spot."""
    stem, score = _alikeness(columns, a, b)
    kana = _equal(columns.kana, a, b)
    alias = _aliased(columns, made, a, b)
    score = np.where(alias | kana, np.maximum(score, 0.94), score)  # enough where the place is firm
    within = np.zeros(len(a), dtype=bool)
    near = np.flatnonzero((score < _ONE_NAME) & where.firm)
    nick, within[near] = _longer(columns, a[near], b[near])
    nick &= (where.address[near] >= _HOUSE) | where.facility[near]
    alias[near[nick]] = True
    score[near[nick]] = np.maximum(score[near[nick]], 0.93)
    score = np.where(within, np.maximum(score, 0.7), score)

    opposed = _opposed(columns, a, b) & ~alias
    fuzzy = np.flatnonzero((stem < 0.97) & ~opposed & ~alias & ~kana)
    told = np.zeros(len(a), dtype=bool)
    told[fuzzy] = _telling_difference(columns, a[fuzzy], b[fuzzy])
    head_equal = columns.head[a] == columns.head[b]
    kin = _differ(columns.head, a, b)
    # A 公民館 that has become a コミュニティセンター: the same words, the same house, and no list has both.
    renamed = kin & (stem >= 0.97) & (columns.stem_code[a] >= 0) & columns.lone_stem[a] & columns.lone_stem[b]
    renamed &= (where.address >= _HOUSE) & ~(where.distance > 50)
    return _Names(
        score=score,
        head_equal=head_equal,
        whole=_equal(columns.whole, a, b),
        lone=columns.lone[a] & columns.lone[b],
        alias=alias,
        kana=kana,
        kin=kin & ~renamed & ~alias,
        opposed=opposed | told,
        told=told,
        within=within,
    )


def _hall_of_school(columns: _Columns, a: _Ints, b: _Ints) -> _Bools:
    """Whether one is a part of what has the other's own words: 吉尾小学校（体育館） and 吉尾体育館."""
    found = np.zeros(len(a), dtype=bool)
    for n in np.flatnonzero(_equal(columns.stem_code, a, b) & (columns.parts[a] != columns.parts[b])).tolist():
        one, two = columns.names[a[n]], columns.names[b[n]]
        found[n] = one.head in two.parts or two.head in one.parts
    return found


def _one_facility(columns: _Columns, a: _Ints, b: _Ints, names: _Names, where: _Where) -> _Bools:
    """Whether two entries of one list name one facility: its parts, or the same twice."""
    school = (columns.levels[a] > 0) & (columns.levels[b] > 0) & (columns.stem_code[a] >= 0)
    parted = columns.parts[a] != columns.parts[b]
    spot = where.facility | (where.address >= _HOUSE)
    spot |= (where.distance <= 30) & ~where.vague & ~(where.address < 0.6)
    spot |= parted & (where.distance <= 200)
    # The name of a school occurs once in a municipality.
    spot |= school & parted & (where.distance <= 1000) & ~(where.address < 0.6)
    spot |= school & np.isnan(where.address) & np.isnan(where.distance)
    one_name = names.whole & (columns.former[a] == columns.former[b]) & ~_differ(columns.inside, a, b)
    found: _Bools = spot & one_name & ~names.opposed & ~_differ(columns.city, a, b)
    return found


def _compare(made: Records, columns: _Columns, a: _Ints, b: _Ints) -> _Compared:
    """All pairs at once: what speaks for one place, and what follows from it."""
    where = _where(made, columns, a, b)
    names = _named(made, columns, a, b, where)
    name, place, address = names.score, where.score, where.address
    own_id = _equal(columns.own_id, a, b)
    one_name = name >= _ONE_NAME
    house = (address >= _HOUSE) & ~(where.distance > 30)

    # What was closed (旧) and what bears its name now are one place only where they stand on one ground.
    unsure = (columns.former[a] != columns.former[b]) & ~where.firm
    unsure |= (_differ(columns.inside, a, b) & ~names.alias) | names.kin
    same = one_name & (place >= 0.7)
    same |= one_name & (place >= 0.5) & names.lone & ~(address < 0.2)
    same |= (name >= 0.82) & where.firm
    same |= (name >= 0.6) & where.facility & names.head_equal
    same &= ~names.opposed & ~unsure
    # A feed's own number of an entry holds across its kinds, unless it merely counts lines.
    unnamed = (columns.literal[a] < 0) | (columns.literal[b] < 0)
    same |= own_id & (unnamed | ((name >= 0.6) & ~names.opposed))

    ask = one_name & ~names.kin & ((place >= 0.5) | names.lone)
    ask |= (name >= 0.65) & where.firm & ((address >= _HOUSE) | where.facility | (where.distance <= 30))
    ask |= (name >= 0.4) & where.facility & names.head_equal & (columns.levels[a] > 0)
    # One house under another name: renamed, or merged with its neighbour.
    numbered = (columns.house[a, 0] >= 0) & ~where.vague & names.head_equal
    ask |= house & numbered & ((name >= 0.5) | (columns.levels[a] > 0))
    ask |= (name >= 0.75) & names.lone & names.head_equal & (where.distance <= _NEAR_M) & ~where.vague
    ask &= ~names.opposed
    ask |= _hall_of_school(columns, a, b) & (address >= _HOUSE)
    ask |= names.told & names.within & house  # ルートイン and ルートイン七尾東
    ask |= own_id
    # A position can be wrong, and then lies in another municipality; who states the entry is right more often.
    abroad = _differ(columns.city, a, b) & ~where.facility
    likely = one_name & (where.distance <= 100) & ~where.vague & ~(address < 0.45) & ~names.opposed
    ask = np.where(abroad, likely, ask)
    same &= ~abroad
    one_list = columns.list_[a] == columns.list_[b]
    same = np.where(one_list, _one_facility(columns, a, b, names, where), same)
    ask &= ~one_list & ~same
    score = np.clip(0.6 * name + 0.4 * place, 0.0, 1.0)
    score = np.where(own_id & same, np.maximum(score, 0.99), score)
    return _Compared(a, b, names, where, own_id, same, ask, score)


# ── deciding ─────────────────────────────────────────────────────────────────────────────────────────────


def _close_calls(columns: _Columns, found: _Compared, same: _Ints) -> set[int]:
    """Pairs (of `same`) of an entry that has two candidates in one list, nearly as good as each other and themselves
    not one place."""
    pairs = {(int(found.left[n]), int(found.right[n])) for n in same.tolist()}
    options: dict[tuple[int, int], list[int]] = {}
    for n in same.tolist():
        one, two = int(found.left[n]), int(found.right[n])
        if columns.list_[one] != columns.list_[two]:
            options.setdefault((one, int(columns.list_[two])), []).append(n)
            options.setdefault((two, int(columns.list_[one])), []).append(n)
    close: set[int] = set()
    for (own, _), several in options.items():
        if len(several) < 2:
            continue
        several.sort(key=lambda n: (-found.score[n], n))
        best = several[0]
        best_other = int(found.left[best]) + int(found.right[best]) - own
        for n in several[1:]:
            other = int(found.left[n]) + int(found.right[n]) - own
            if (min(other, best_other), max(other, best_other)) in pairs:
                continue
            if _strength(columns, found, best) - _strength(columns, found, n) < _MARGIN:
                close.update((best, n))
    return close


def _strength(columns: _Columns, found: _Compared, n: int) -> float:
    """The score, and between equal scores what is written alike, has one facility number or address, and is
    nearer.
    """
    one, two = int(found.left[n]), int(found.right[n])
    distance, address = float(found.where.distance[n]), float(found.where.address[n])
    strength = float(found.score[n]) + (0.05 if found.where.facility[n] else 0.0)
    strength += 0.05 if columns.parts[one] == columns.parts[two] else 0.0
    far = 0.0 if np.isnan(distance) else min(distance, 400.0) / 4000.0
    strength -= far / 4.0 if address >= _HOUSE else far  # a point is wrong more often than a whole address
    return strength - (0.0 if np.isnan(address) else 0.1 * (1.0 - address))


def _joined(columns: _Columns, found: _Compared, same: _Ints) -> tuple[list[int], set[int]]:
    """The place of every record (as a number), the best links first; and the links that would join two entries which
    differ."""
    root = list(range(len(columns.stem)))
    members: dict[int, list[int]] = {}
    allowed = {(int(found.left[n]), int(found.right[n])) for n in same.tolist()}

    def top(n: int) -> int:
        while root[n] != n:
            root[n] = root[root[n]]
            n = root[n]
        return n

    refused: set[int] = set()
    strength = np.array([_strength(columns, found, n) for n in same.tolist()])
    for n in same[np.lexsort((same, -strength))].tolist():
        one, two = top(int(found.left[n])), top(int(found.right[n]))
        if one == two:
            continue
        left, right = members.get(one, [one]), members.get(two, [two])
        if any(_apart(columns, p, q) for p in left for q in right if (min(p, q), max(p, q)) not in allowed):
            refused.add(n)
            continue
        root[two] = one
        members[one] = left + right
        members.pop(two, None)
    return [top(n) for n in range(len(root))], refused


def _apart(columns: _Columns, one: int, two: int) -> bool:
    """Whether two entries may not be one place: of one list, or opposed."""
    if columns.list_[one] == columns.list_[two]:
        return True
    return bool(_opposed(columns, np.array([one]), np.array([two]))[0])


def links(made: Records) -> list[Link]:
    """Which records are one place, by rule or for a person to say, ordered by keys."""
    if len(made) < 2:
        return []
    columns = _columns(made)
    found = _compare(made, columns, *_candidates(made, columns))
    same = np.flatnonzero(found.same)
    close = _close_calls(columns, found, same)
    sure = np.array([n for n in same.tolist() if n not in close], dtype=np.int64)
    place, refused = _joined(columns, found, sure)
    decided = [
        _link(made, columns, found, n, "same") for n in sure.tolist() if place[found.left[n]] == place[found.right[n]]
    ]
    taken = {(place[n], int(columns.list_[n])) for n in range(len(place))}
    asked: dict[tuple[int, int], int] = {}
    for n in [*sorted(close), *sorted(refused), *np.flatnonzero(found.ask).tolist()]:
        one, two = place[found.left[n]], place[found.right[n]]
        pair = (min(one, two), max(one, two))
        if one == two:
            continue
        if n not in close and _answered(columns, found, n, place, taken, both=n in refused):
            continue
        if pair not in asked or found.score[n] > found.score[asked[pair]]:
            asked[pair] = n
    for n in asked.values():
        doubt = "!two_candidates" if n in close else "!joins_two_places" if n in refused else None
        decided.append(_link(made, columns, found, n, "ask", doubt))
    return sorted(decided)


def _answered(
    columns: _Columns, found: _Compared, n: int, place: Sequence[int], taken: set[tuple[int, int]], *, both: bool
) -> bool:
    """Whether the entry of either side (of both) has its place in the list of the other already."""
    one, two = int(found.left[n]), int(found.right[n])
    answers = (place[one], int(columns.list_[two])) in taken, (place[two], int(columns.list_[one])) in taken
    return all(answers) if both else any(answers)


def _link(
    made: Records, columns: _Columns, found: _Compared, n: int, verdict: Verdict, doubt: str | None = None
) -> Link:
    one, two = int(found.left[n]), int(found.right[n])
    reasons = [f"name={found.names.score[n]:.2f}"]
    if found.own_id[n]:
        reasons.append(f"source_id={made.source_id[one]}")
    if found.names.kana[n]:
        reasons.append("kana")
    if found.names.alias[n]:
        reasons.append("alias")
    if columns.former[one] != columns.former[two]:
        reasons.append("former")
    if columns.parts[one] != columns.parts[two]:
        parts = columns.names[one].parts ^ columns.names[two].parts
        reasons.append(f"part={'・'.join(sorted(parts))}")
    if not np.isnan(found.where.address[n]):
        reasons.append(f"address={found.where.address[n]:.2f}")
    if not np.isnan(found.where.distance[n]):
        reasons.append(f"distance={found.where.distance[n]:.0f} m")
    if found.where.facility[n]:
        reasons.append(f"facility={made.facility[one]}")
    if doubt is not None:
        reasons.append(doubt)
    return Link(made.key[one], made.key[two], verdict, round(float(found.score[n]), 4), tuple(reasons))
