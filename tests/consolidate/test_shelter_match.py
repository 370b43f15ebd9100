"""Which entries are one place: rules on entries made by hand, laws, and real lists against a truth read by eye.

The truth (shelter_pairs.csv)
=============================
Pairs of entries of the lists in ``gsi-shelters``, ``shelter-status-nanao``, ``municipal-shelters/170003`` and
``municipal-shelters/kumamoto-2026``, judged by reading the lists town by town, sorted by address, with name, address
and position side by side: all of Nanao (17202), Yatsushiro (43202) and Uki (43213); Kumamoto city (43100), Mashiki
(43443), Takamori (43428), Misato (43348), Uto (43211), Itsuki (43511) and Minamiaso (43433) where something was to be
learnt. The judgement never looked at what the program says.

* ``same``: one facility on one ground. Taken as read where name and address are equal letter for letter (prefecture,
  city, 市立, 大字 and 丁目 aside); else for the reason given in ``why``. Buildings and grounds of one school are one
  place.
* ``different``: two facilities, however near: school and community hall, 東 and 西, 小学校 and 中学校, the houses of
  a complex that are listed, opened and counted apart, also where they share an address and the facility number of the
  共通ID. Chosen because they are hard: neighbours, like names, one point that a list gives to all its 旧 …, wrong
  positions.
* ``alone``: in no other list.

Left out, for the reading does not tell: 秀楽苑 (care home or day service), the halls 日添 and 日当 of Itsuki,
代陽コミュニティセンター (opened twice, once without an address), 尾下体育館 and the ground of the closed school
there, numbered gymnasia of one school, car parks of town halls that are open for nights in cars, and 両併小学校,
which two villages list.
"""

from __future__ import annotations

import csv
import doctest
from collections import Counter, defaultdict
from collections.abc import Iterable
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from bousai.consolidate import shelter_match
from bousai.consolidate.shelter_match import Link, Records, links, records
from bousai.model import Item, Sightings
from tests.consolidate import sighted

PAIRS = Path(__file__).with_name("shelter_pairs.csv")


class Places:
    """Which keys the links of rule join, and which the questions are about."""

    def __init__(self, made: Records, found: Iterable[Link]) -> None:
        self.top = {key: key for key in made.key}
        found = list(found)
        for link in found:
            if link.verdict == "same":
                self.top[self.of(link.right)] = self.of(link.left)
        self.asked = {frozenset((self.of(link.left), self.of(link.right))) for link in found if link.verdict == "ask"}

    def of(self, key: str) -> str:
        while self.top[key] != key:
            key = self.top[key]
        return key

    def same(self, left: str, right: str) -> bool:
        return self.of(left) == self.of(right)


# ── entries made by hand ─────────────────────────────────────────────────────────────────────────────────

Entry = tuple[str, str, dict[str, Any]]


def entry(name: str, source: str = "gsi", kind: str = "shelter", **more: Any) -> Entry:
    """An entry of a list; by default in Nanao, 山王町1, at one point."""
    return kind, source, {"name": name, "muni": "17202", "address": "七尾市山王町1", "at": (136.97, 37.04), **more}


def seen(*entries: Entry) -> dict[str, Sightings]:
    """Entries as the store gives them; the nth has the item id ``n``."""
    rows: dict[str, list[tuple[str, Item]]] = defaultdict(list)
    for n, (kind, source, said) in enumerate(entries):
        at, muni = said["at"], said["muni"]
        geometry = None if at is None else shapely.to_wkb(shapely.Point(at))
        props = {name: value for name, value in said.items() if name not in ("at", "muni")}
        rows[kind].append((source, Item(str(n), props, muni, geometry)))
    return {kind: sighted.table(kind, some) for kind, some in rows.items()}


def verdict(one: Entry, two: Entry, *others: Entry) -> str:
    """What is said of the first two entries; "different" where nothing is."""
    made = records(seen(one, two, *others))
    keys = {key.partition("/")[2]: key for key in made.key}
    pair = {keys["0"], keys["1"]}
    return next((link.verdict for link in links(made) if {link.left, link.right} == pair), "different")


def city(name: str, **more: Any) -> Entry:
    return entry(name, "city", "shelter_status", **more)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("七尾市立山王小学校", "山王小"),
        ("石川県立七尾高等学校", "県立七尾高校"),
        ("山王小学校", "山王小学校（体育館）"),
        ("山王小学校グラウンド", "山王小学校体育館２階"),
        ("錦ヶ丘公民館", "錦が丘公民館"),
        ("錦ケ丘公民館", "錦ｹ丘公民館"),
        ("南大吞地区コミュニティセンター", "南大呑コミセン"),
        ("志ヶ浦コミュニティーセンター", "志ケ浦コミュニティセンタ－"),
        ("山之内集会所", "山ノ内集会所"),
        ("第２公民館", "第二公民館"),
        ("田鶴浜地区コミュニティセンター（サンビーム）", "田鶴浜地区コミュニティセンター"),
        ("南茅部総合センター（旧南茅部公民館）", "旧南茅部公民館"),
        ("特別養護老人ホーム　潮寿荘", "潮寿荘"),
        ("水前寺競技場【ペット避難場所】", "水前寺競技場"),
        ("ＤＳＧアリーナ", "dsgアリーナ"),
        ("交流情報センターミナテラス", "交流情報センター"),
        ("中島釶打農林漁家高齢者センター", "鉈打農林漁家高齢者センター"),
        ("髙濵保育園", "高浜保育所"),
        ("旧　北嶺中学校", "旧北嶺中学校"),
        ("宝達公民館", "宝達コミュニティセンター"),
    ],
)
def test_two_spellings_of_one_name_on_one_spot_are_one_place(left: str, right: str) -> None:
    assert verdict(entry(left), city(right)) == "same"


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("山王小学校", "山王中学校"),
        ("山王小学校", "山王公民館"),
        ("山王小学校", "山王体育館"),
        ("第一中学校", "第二中学校"),
        ("東湊小学校", "西湊小学校"),
        ("七尾高等学校", "七尾城北高等学校"),
        ("御祓公民館", "御祓公民館相馬分館"),
        ("相馬分館", "熊木分館"),
        ("県立工業高等学校", "市立工業高等学校"),
        ("山王保育園", "山王幼稚園"),
        ("西湊公園", "西湊公民館"),
        ("宝達高等学校第１体育館", "宝達高等学校第２体育館"),
        ("特別養護老人ホームあっとほーむ若葉", "養護老人ホームあっとほーむ若葉"),
        ("長浜東避難路", "長浜西避難路"),
        ("寄合い処みそぎ", "御祓地区コミュニティセンター"),
    ],
)
def test_what_tells_places_apart_forbids_a_link_even_on_one_spot(left: str, right: str) -> None:
    assert verdict(entry(left), city(right)) == "different"
    assert verdict(entry(left, common_id="E1720200010111"), city(right, common_id="E1720200010201")) == "different"


def test_without_a_position_or_with_a_wrong_one_name_and_address_find_the_place() -> None:
    assert verdict(entry("山王小学校"), city("山王小学校", at=None)) == "same"
    assert verdict(entry("山王小学校"), city("山王小学校", at=(136.0, 36.0))) == "same"
    assert verdict(entry("山王小学校"), city("山王小学校", address=None)) == "same"
    assert verdict(entry("山王小学校"), city("山王小学校", address="七尾市", at=None)) == "same"


def test_a_name_that_is_all_that_is_known_is_no_proof_where_the_municipality_has_two() -> None:
    two = entry("中央集会所"), entry("中央集会所", address="七尾市中島町2", at=(136.85, 37.12))
    assert verdict(two[0], city("中央集会所", address=None, at=None), two[1]) != "same"


def test_one_name_in_two_municipalities_is_two_places_though_a_list_gives_them_one_point() -> None:
    assert (
        verdict(entry("朝日小学校"), city("朝日小学校", muni="17210", address="白山市鶴来日吉町ロ111")) == "different"
    )
    assert verdict(entry("朝日小学校"), city("朝日小学校", muni="17210")) == "ask"


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("吉尾小学校（体育館）", "吉尾体育館"),
        ("横島町体育館", "横島体育館"),
        ("プラザ信開　川原町（４Ｆ）", "プラザ信開"),
        ("相見小学校体育館", "押水小学校体育館"),
        ("ホテルルートイン七尾東", "ホテルルートイン"),
        ("つくしの里", "つくし里山荘"),
    ],
)
def test_what_may_be_one_house_is_a_question(left: str, right: str) -> None:
    assert verdict(entry(left), city(right)) == "ask"


def test_a_house_that_has_another_word_for_what_it_is_must_be_the_only_one_at_its_address() -> None:
    park, square = entry("桜児童公園"), entry("桜公園", address="七尾市山王町9", at=(136.9703, 37.04))
    assert verdict(park, city("桜公園")) == "same"
    assert verdict(park, city("桜公園", address="七尾市山王町5")) != "same"
    assert verdict(park, city("桜公園"), square) != "same"


def test_a_ward_is_its_city() -> None:
    one = entry("黒髪小学校", muni="43101", address="熊本市中央区黒髪2-2-1", at=(130.72, 32.81))
    two = city("黒髪小学校", muni="43100", address="中央区黒髪2丁目2番1号", at=None)
    assert verdict(one, two) == "same"


def test_a_closed_school_and_the_one_that_bears_its_name_are_one_place_only_on_one_ground() -> None:
    here: dict[str, Any] = {"address": "七尾市山王町1", "at": (136.97, 37.04)}
    there: dict[str, Any] = {"address": "七尾市湊町9", "at": (136.973, 37.04)}
    assert verdict(entry("旧白水小学校", **here), city("白水小学校", **here)) == "same"
    assert verdict(entry("旧白水小学校", **here), city("白水小学校", **there)) != "same"


def test_of_two_entries_of_one_list_only_parts_and_repetitions_are_one_place() -> None:
    assert verdict(entry("山王小学校（体育館）"), entry("山王小学校（グラウンド）")) == "same"
    assert verdict(entry("山王小学校"), entry("山王小学校")) == "same"
    assert verdict(entry("山王小学校"), entry("山王小学校", address="七尾市湊町9", at=(136.99, 37.04))) == "different"
    assert verdict(entry("山王公民館"), entry("山王交流センター")) == "different"


def test_between_two_houses_of_like_name_each_finds_its_own() -> None:
    hall: dict[str, Any] = {"address": "七尾市小島2-7-1"}
    centre: dict[str, Any] = {"address": "七尾市小島2-7-50", "at": (136.9705, 37.04)}
    made = records(
        seen(
            entry("西部公民館", **hall),
            entry("西部交流センター", **centre),
            city("西部公民館", **hall),
            city("西部交流センター", **centre),
        )
    )
    said = {(link.left, link.right) for link in links(made)}
    assert said == {("shelter/0", "shelter_status/2"), ("shelter/1", "shelter_status/3")}


def test_an_entry_between_two_candidates_is_a_question() -> None:
    day, home = entry("ひまわり苑西棟", address="七尾市山王町2"), entry("ひまわり苑西館", address="七尾市山王町2")
    made = records(seen(day, home, city("ひまわり苑西", address="七尾市山王町2")))
    assert {link.verdict for link in links(made)} <= {"ask"}


def test_a_link_that_would_join_two_places_is_a_question() -> None:
    """The status fits the school as well as its twin in the list; the two of the list stay apart."""
    twins = entry("山王館", address="七尾市山王町1"), entry("山王館", address="七尾市湊町2", at=(136.9703, 37.04))
    made = records(seen(*twins, city("山王館", address=None)))
    found = links(made)
    assert [link.verdict for link in found if link.right.startswith("shelter/")] == []
    assert Counter(link.verdict for link in found)["same"] <= 1
    assert any(link.verdict == "ask" for link in found)


def test_a_feed_s_own_number_holds_across_its_kinds_and_not_across_feeds() -> None:
    site = entry("交流棟", "portal", "municipal_site", source_id="00000007")
    bare: dict[str, Any] = {"source_id": "00000007", "address": None, "at": None}
    assert verdict(site, entry("", "portal", "shelter_status", **bare)) == "same"
    assert verdict(site, entry("交流棟２階", "portal", "shelter_status", **bare)) == "same"
    assert verdict(site, entry("中央図書館", "portal", "shelter_status", **bare)) == "ask"
    assert verdict(site, entry("中央図書館", "elsewhere", "shelter_status", **bare)) == "different"


def test_a_link_says_why() -> None:
    one = entry("七尾市立山王小学校", common_id="E1720200028111")
    two = city("山王小学校（体育館）", common_id="E1720200028201", at=(136.9701, 37.04))
    (link,) = links(records(seen(one, two)))
    assert link == Link(
        "shelter/0",
        "shelter_status/1",
        "same",
        1.0,
        ("name=1.00", "part=体育館", "address=1.00", "distance=9 m", "facility=E1720200028"),
    )


def test_a_crowd_under_one_name_at_one_point_is_no_place() -> None:
    """Thousands of 自主避難所 that were all put at the town hall are compared by address alone."""
    crowd = [entry("自主避難所", address=None) for _ in range(2000)] + [
        city("自主避難所", address=None) for _ in range(2000)
    ]
    school = entry("山王小学校"), city("山王小学校", address="山王町１番地", at=None)
    made = records(seen(*crowd, *school))
    assert [(link.left, link.verdict) for link in links(made)] == [("shelter/4000", "same")]


def test_nothing_and_one_entry_have_no_links() -> None:
    assert links(records({})) == []
    assert links(records(seen(entry("山王小学校")))) == []
    assert links(records(seen(entry(""), city("", address=None, at=None)))) == []


# ── laws ─────────────────────────────────────────────────────────────────────────────────────────────────

NAMES = st.sampled_from(
    [
        "山王小学校",
        "山王中学校",
        "山王小",
        "山王公民館",
        "東山王小学校",
        "第一小学校",
        "第二小学校",
        "旧山王小学校",
        "集会所",
        "山王小学校体育館",
        "",
    ]
)
SPOTS = st.sampled_from([None, (136.97, 37.04), (136.9702, 37.04), (136.99, 37.05), (137.4, 37.4)])
ADDRESSES = st.sampled_from([None, "七尾市", "七尾市山王町1", "山王町１番地", "七尾市湊町3-2"])
CODES = st.sampled_from([None, "17202", "17210"])
LISTS = st.sampled_from([("shelter", "gsi"), ("evacuation_site", "gsi"), ("shelter_status", "city")])
COMMON = st.sampled_from([None, "E1720200028111", "E1720200028201", "E1720200029111"])
ENTRIES = st.lists(
    st.builds(
        lambda which, **said: (which, said),
        LISTS, name=NAMES, at=SPOTS, address=ADDRESSES, muni=CODES, common_id=COMMON,
    ),
    max_size=9,
)  # fmt: skip


def listed(rows: list[Any], order: Iterable[int]) -> dict[str, Sightings]:
    """Entries under ids that do not depend on the order in which they come."""
    kinds: dict[str, list[tuple[str, Item]]] = defaultdict(list)
    for n in order:
        (kind, source), said = rows[n]
        at = said["at"]
        props = {name: said[name] for name in ("name", "address", "common_id")}
        geometry = None if at is None else shapely.to_wkb(shapely.Point(at))
        kinds[kind].append((source, Item(f"{n:02d}", props, said["muni"], geometry)))
    return {kind: sighted.table(kind, some) for kind, some in kinds.items()}


@given(rows=ENTRIES, data=st.data())
def test_links_do_not_depend_on_order_and_join_no_two_places(rows: list[Any], data: st.DataObject) -> None:
    made = records(listed(rows, range(len(rows))))
    found = links(made)
    order = data.draw(st.permutations(range(len(rows))))
    assert links(records(dict(reversed(listed(rows, order).items())))) == found
    assert found == sorted(found)
    assert len({(link.left, link.right) for link in found}) == len(found)
    named = dict(zip(made.key, made.name, strict=True))
    for link in found:
        assert link.left < link.right
        assert 0.0 <= link.score <= 1.0
        assert link.reasons
    places = Places(made, found)
    linked = {(link.left, link.right) for link in found if link.verdict == "same"}
    lists = dict(zip(made.key, zip(made.kind, made.source, strict=True), strict=True))
    for one, two in combinations(made.key, 2):
        if places.same(one, two) and lists[one] == lists[two]:
            assert (one, two) in linked
        assert not (places.same(one, two) and apart(named[one], named[two])), (named[one], named[two])


def apart(one: str, two: str) -> bool:
    """Whether two of `NAMES` are never one place."""
    level = {name: "小" if "小" in name else name[-2:] for name in (one, two)}
    number = {name: next((mark for mark in "一二" if mark in name), "") for name in (one, two)}
    east = {name: name.startswith("東") for name in (one, two)}
    return level[one] != level[two] or number[one] != number[two] or east[one] != east[two]


# ── real lists ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def real(realdata: Path) -> Records:
    return records(sighted.sighted(realdata))


@pytest.fixture(scope="module")
def found(real: Records) -> list[Link]:
    return links(real)


@pytest.fixture(scope="module")
def truth() -> list[dict[str, str]]:
    with PAIRS.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_truth_is_large_and_speaks_of_entries_that_exist(real: Records, truth: list[dict[str, str]]) -> None:
    said = Counter(row["verdict"] for row in truth)
    assert said["same"] >= 300
    assert said["different"] >= 300
    assert said["alone"] >= 10
    named = dict(zip(real.key, real.name, strict=True))
    for row in truth:
        assert named[row["key_left"]] == row["name_left"]
        assert row["verdict"] == "alone" or named[row["key_right"]] == row["name_right"]


def test_real_lists_are_linked_as_a_reader_links_them(
    real: Records, found: list[Link], truth: list[dict[str, str]]
) -> None:
    places = Places(real, found)
    by_rule: Counter[str] = Counter()
    wrong, missed = [], []
    for row in truth:
        left, right = row["key_left"], row["key_right"]
        if row["verdict"] == "alone":
            if any(key != left and places.same(key, left) for key in real.key):
                wrong.append(row)
            continue
        joined = places.same(left, right)
        by_rule[row["verdict"], joined] += 1  # type: ignore[index]
        if joined and row["verdict"] == "different":
            wrong.append(row)
        if not joined and row["verdict"] == "same":
            missed.append(row)
    right_links, all_same = by_rule["same", True], by_rule["same", True] + by_rule["same", False]  # type: ignore[index]
    assert right_links / (right_links + len(wrong)) >= 0.99, wrong
    assert right_links / all_same >= 0.95, missed
    asked = {key for link in found if link.verdict == "ask" for key in (link.left, link.right)}
    assert len(asked) <= 0.10 * len(real)


def test_no_place_has_two_entries_of_one_list_that_are_not_one_facility(real: Records, found: list[Link]) -> None:
    places = Places(real, found)
    within = {(link.left, link.right) for link in found}
    members: dict[str, list[int]] = defaultdict(list)
    for n, key in enumerate(real.key):
        members[places.of(key)].append(n)
    for some in members.values():
        for one, two in combinations(some, 2):
            if (real.kind[one], real.source[one]) == (real.kind[two], real.source[two]):
                assert (real.key[one], real.key[two]) in within


def test_facilities_of_the_national_lists_are_mostly_one_place(real: Records, found: list[Link]) -> None:
    """Of all facility numbers that both lists of GSI have, nearly all are linked: the numbers are no part of the
    truth
    above."""
    places = Places(real, found)
    both: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for key, kind, facility in zip(real.key, real.kind, real.facility, strict=True):
        if facility is not None and kind in ("shelter", "evacuation_site"):
            both[facility][kind].append(key)
    pairs = [one for one in both.values() if len(one) == 2]
    linked = [one for one in pairs if any(places.same(a, b) for a in one["shelter"] for b in one["evacuation_site"])]
    assert len(pairs) > 300
    assert len(linked) / len(pairs) >= 0.95


def test_module_examples() -> None:
    result = doctest.testmod(shelter_match)
    assert (result.attempted > 0, result.failed) == (True, 0)
