"""Matching two lists of 100,000 shelters nationwide, in ratio to ``rapidfuzz`` called pair by pair.

The lists are invented (every address says 訓練): four of five places stand in both, the second time as another office
would write them (市立 or not, 小 for 小学校, 体育館 behind it, old kanji, full width, another form of the address, a
point some metres off, now and then none, a wrong one, or a letter lost). Neighbouring places have like names on
purpose. Ours runs in a process of its own, whose memory is measured; seconds are those of one core. The peer does
what a first attempt does: within each municipality every entry against every other with ``rapidfuzz.fuzz.WRatio`` on
name and address and the distance; it is run on some municipalities and scaled by the number of pairs. Both are told
how often they were right.
"""

from __future__ import annotations

import argparse
import json
import math
import resource
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from measure import show
from rapidfuzz import fuzz

from bousai.consolidate import shelter_match
from bousai.model import RevisionTable, Sightings
from bousai.vocab.municipality import municipalities

T0 = datetime(2026, 1, 1, tzinfo=UTC)
FIRST = "山川田中野原本上下北南東西大小高松竹梅桜森林石岩金銀水島浜沢谷坂岡丘池津江崎戸橋里村町吉福富豊和平安清長"
SECOND = "山川田野原本島沢谷坂岡池津江崎戸橋里村森林瀬浦台塚見木倉宮寺井尾根口内関城"
HEADS = (
    ("小学校", 22), ("中学校", 10), ("公民館", 16), ("集会所", 12), ("公園", 14), ("高等学校", 4), ("保育園", 5),
    ("コミュニティセンター", 6), ("体育館", 5), ("福祉センター", 3), ("神社", 3),
)  # fmt: skip
SHORT = {"小学校": "小", "中学校": "中", "高等学校": "高校", "コミュニティセンター": "コミセン", "保育園": "保育所"}
OLD = str.maketrans("沢浜竜桜国辺崎高", "澤濱龍櫻國邊﨑髙")
WIDE = str.maketrans("0123456789-", "０１２３４５６７８９－")


class Place:
    """One invented place."""

    __slots__ = ("code", "head", "lat", "lon", "numbers", "stem", "town")

    def __init__(self, random: np.random.Generator, code: str, lon: float, lat: float, heads: list[str]) -> None:
        self.code = code
        stem = random.choice(list(FIRST)) + random.choice(list(SECOND))
        kind = random.random()
        if kind < 0.12:
            stem = random.choice(list("東西南北")) + stem
        elif kind < 0.16:
            stem = f"第{random.choice(list('一二三'))}"
        elif kind < 0.2:
            stem += random.choice(["ヶ丘", "ヶ原"])
        elif kind < 0.3:
            stem += random.choice(list(SECOND))
        self.stem = stem
        self.head = heads[int(random.integers(len(heads)))]
        self.town = random.choice(list(FIRST)) + random.choice(list(SECOND)) + random.choice(["町", "", "町", "本町"])
        self.numbers = tuple(int(one) for one in random.integers(1, 60, int(random.integers(1, 4))))
        self.lon, self.lat = lon, lat


def places(count: int) -> list[Place]:
    """Invented places, in every municipality as many as it has by a long-tailed draw, many of them close together."""
    random = np.random.default_rng(20260101)
    codes = sorted(one.code for one in municipalities().values() if one.valid_to is None and one.city is None)
    weight = random.lognormal(0, 1.0, len(codes))
    heads = [head for head, share in HEADS for _ in range(share)]
    made: list[Place] = []
    seen: set[tuple[str, str, str]] = set()
    for n, amount in enumerate(random.multinomial(count, weight / weight.sum()).tolist()):
        middle_lon, middle_lat = 129.5 + (n % 60) * 0.25, 31.5 + (n // 60) * 0.4
        while amount:
            lon, lat = middle_lon + random.normal(0, 0.05), middle_lat + random.normal(0, 0.05)
            first: Place | None = None
            for _ in range(min(amount, 1 + int(random.random() < 0.3))):  # a school and the hall beside it
                one = Place(random, codes[n], lon + random.normal(0, 0.0006), lat + random.normal(0, 0.0006), heads)
                if first is not None:
                    one.stem, one.town = first.stem, first.town
                if (one.code, one.stem, one.head) in seen:
                    continue
                seen.add((one.code, one.stem, one.head))
                first = one
                made.append(one)
                amount -= 1
    return made


def entry(random: np.random.Generator, one: Place, common_id: str | None, *, other: bool) -> tuple[Any, ...]:
    """Name, address, point and 共通ID as the first list writes them, or as another office does."""
    city = municipalities()[one.code]
    house = "-".join(str(number) for number in one.numbers)
    if not other:
        return one.stem + one.head, f"{city.pref}{city.name}{one.town}{house}（訓練）", (one.lon, one.lat), common_id
    head = SHORT.get(one.head, one.head) if random.random() < 0.2 else one.head
    name = one.stem.replace("ヶ", str(random.choice(list("ヶケがｹ")))) + head
    public = city.name[-1] + "立"
    if "学校" in one.head and random.random() < 0.4:
        name = city.name + "立" + name if random.random() < 0.5 else public + name
    if "学校" in head and random.random() < 0.15:
        name += str(random.choice(["体育館", "（体育館）", "グラウンド", "（２階）"]))
    if random.random() < 0.05:
        name = name.translate(OLD)
    if random.random() < 0.02 and len(name) > 4:
        lost = int(random.integers(len(name) - 2))
        name = name[:lost] + name[lost + 1 :]
    style = random.random()
    if style < 0.3 and len(one.numbers) == 3:
        house = f"{one.numbers[0]}丁目{one.numbers[1]}番{one.numbers[2]}号"
    elif style < 0.5:
        house = house.translate(WIDE) + "番地"
    elif style < 0.56:
        house = ""
    address = f"{city.name}大字{one.town}{house}（訓練）" if random.random() < 0.2 else f"{one.town}{house}（訓練）"
    if random.random() < 0.03:
        address = ""
    spread = 0.05 if random.random() < 0.015 else 0.0003
    point = (one.lon + random.normal(0, spread), one.lat + random.normal(0, spread))
    return name, address, None if random.random() < 0.03 else point, common_id if random.random() < 0.1 else None


def lists(size: int) -> tuple[dict[str, Sightings], set[tuple[str, str]], list[list[Any]]]:
    """Two lists of `size` entries as sightings, the pairs that are one place, and the entries for the peer."""
    shared = size * 4 // 5
    world = places(size + size - shared)
    random = np.random.default_rng(20260102)
    order = random.permutation(len(world)).tolist()
    tables: list[list[Any]] = [[], []]
    for n, which in enumerate(order):
        one = world[which]
        common_id = f"E{one.code}{n % 100_000:05d}111"
        if n < size:
            tables[0].append((f"{n:06d}", one.code, *entry(random, one, common_id, other=False)))
        if n < shared or n >= size:
            tables[1].append((f"{n:06d}", one.code, *entry(random, one, common_id, other=True)))
    truth = {(f"municipal_site/{n:06d}", f"shelter/{n:06d}") for n in range(shared)}
    seen = {kind: sightings(kind, rows) for kind, rows in zip(("shelter", "municipal_site"), tables, strict=True)}
    return seen, truth, tables


def sightings(kind: str, rows: list[Any]) -> Sightings:
    """Entries as the store would give them."""
    n = len(rows)
    points = [None if row[4] is None else shapely.to_wkb(shapely.Point(row[4])) for row in rows]
    props = [
        json.dumps({"name": row[2], "address": row[3] or None, "common_id": row[5]}, ensure_ascii=False)
        for row in rows
    ]
    table = RevisionTable(
        kind=kind,
        status="actual",
        valid_at=T0,
        known_at=T0,
        revision=range(n),
        item_id=[row[0] for row in rows],
        scope=["bench"] * n,
        muni_code=[row[1] for row in rows],
        props=props,
        geometry=points,
        source=[f"bench_{kind}"] * n,
        issuer=["訓練"] * n,
        issued_at=[T0] * n,
        recorded_at=[T0] * n,
        bulletin_type=["bench"] * n,
        serial=[None] * n,
    )
    return Sightings(table, [T0] * n, [None] * n)


def ours(size: int) -> dict[str, float]:
    """Seconds, resident megabytes and rightness of `records` and `links`, in this process."""
    seen, truth, _ = lists(size)
    before = time.process_time()
    made = shelter_match.records(seen)
    found = shelter_match.links(made)
    seconds = time.process_time() - before
    same = {(link.left, link.right) for link in found if link.verdict == "same"}
    asked = {key for link in found if link.verdict == "ask" for key in (link.left, link.right)}
    return {
        "seconds": seconds,
        "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "precision": len(same & truth) / len(same),
        "recall": len(same & truth) / len(truth),
        "queue": len(asked) / len(made),
    }


def metres(a: tuple[float, float], b: tuple[float, float]) -> float:
    """Distance on a sphere's tangent plane."""
    east = math.radians(a[0] - b[0]) * math.cos(math.radians(a[1]))
    return 6_371_009 * math.hypot(east, math.radians(a[1] - b[1]))


def peer(size: int, pairs: int) -> dict[str, float]:
    """Seconds of the loop over all pairs of each municipality, scaled from the first `pairs`, and how right it is."""
    _, truth, (left, right) = lists(size)
    by_code: dict[str, list[Any]] = {}
    for row in right:
        by_code.setdefault(row[1], []).append(row)
    total = sum(len(by_code.get(row[1], ())) for row in left)
    codes = np.random.default_rng(20260103).permutation(sorted({row[1] for row in left})).tolist()
    done, found, tried = 0, set(), set()
    before = time.process_time()
    for code in codes:
        ones, others = [row for row in left if row[1] == code], by_code.get(code, [])
        for one in ones:
            best, chosen = 0.0, None
            for other in others:
                score = fuzz.WRatio(one[2], other[2]) + 0.5 * fuzz.WRatio(one[3], other[3])
                if other[4] is not None:
                    score += 50.0 if metres(one[4], other[4]) < 200 else 0.0
                if score > best:
                    best, chosen = score, other
            if chosen is not None and best > 150:
                found.add((f"municipal_site/{chosen[0]}", f"shelter/{one[0]}"))
        tried.update(f"shelter/{one[0]}" for one in ones)
        done += len(ones) * len(others)
        if done >= pairs:
            break
    seconds = time.process_time() - before
    reachable = {pair for pair in truth if pair[1] in tried}
    return {
        "seconds": seconds * total / done,
        "precision": len(found & truth) / len(found),
        "recall": len(found & truth) / len(reachable),
    }


def main() -> None:
    """Run the rounds, each in a process of its own, and print medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--size", type=int, default=100_000)
    parser.add_argument("--pairs", type=int, default=200_000, help="pairs that the peer compares before it is scaled")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--one", choices=("ours", "peer"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one is not None:
        print(json.dumps(ours(options.size) if options.one == "ours" else peer(options.size, options.pairs)))
        return
    told: dict[str, list[dict[str, float]]] = {"ours": [], "peer": []}
    for _ in range(options.rounds):
        for which, rounds in told.items():
            command = [sys.executable, str(Path(__file__)), "--one", which, "--size", str(options.size)]
            command += ["--pairs", str(options.pairs)]
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
            rounds.append(json.loads(done.stdout))
    results = {which: [one["seconds"] for one in rounds] for which, rounds in told.items()}
    slowest = max(results["ours"])
    best = {which: rounds[0] for which, rounds in told.items()}
    ratios = {
        "rapidfuzz pair by pair / linking (at least 3)": sorted(results["peer"])[options.rounds // 2]
        / sorted(results["ours"])[options.rounds // 2],
        "60 s / slowest linking of 2 lists (at least 1)": 60.0 / slowest,
        "2 GB / resident memory (at least 1)": 2048.0 / max(one["megabytes"] for one in told["ours"]),
        "precision of automatic links (at least 0.99)": best["ours"]["precision"],
        "recall of automatic links (at least 0.95)": best["ours"]["recall"],
        "rows with a question (at most 0.1)": best["ours"]["queue"],
        "precision, rapidfuzz pair by pair": best["peer"]["precision"],
        "recall, rapidfuzz pair by pair": best["peer"]["recall"],
    }
    show(results, ratios, as_json=options.json)


if __name__ == "__main__":
    main()
