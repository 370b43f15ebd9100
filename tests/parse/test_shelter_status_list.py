"""Lists of opened shelters: the whole series of a city, columns that drift, observations of several times."""

from __future__ import annotations

import csv
import io
import json
import random
import re
from collections import Counter, defaultdict
from datetime import datetime, timedelta
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
import shapely

import goldens
from bousai import pipeline, settings
from bousai.errors import ParseError
from bousai.model import Bulletin, Issue, Item
from bousai.parse import shelter_status_list
from bousai.parse.shelter_status_list import Options

FEEDS = {feed.id: feed for feed in goldens.feeds()}
OPTIONS = Options(source="x", issuer="訓練市", pref="17")


def fed(feed: str, body: bytes, name: str) -> tuple[list[Bulletin], list[Issue]]:
    found = list(pipeline.parsed(FEEDS[feed], name, body))
    return (
        [one for one in found if isinstance(one, Bulletin)],
        [one for one in found if isinstance(one, Issue)],
    )


def read(body: bytes, options: Options = OPTIONS) -> tuple[Bulletin, dict[str, Item], list[Issue]]:
    found = list(shelter_status_list.parse(body, options))
    [bulletin] = [one for one in found if isinstance(one, Bulletin)]
    items = {item.item_id: item for item in bulletin.items.rows()}
    return bulletin, items, [one for one in found if isinstance(one, Issue)]


def rows_of(body: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(body.decode("utf-8-sig"), newline="")))


def table(rows: list[dict[str, str]], header: list[str] | None = None, encoding: str = "utf-8") -> bytes:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, header or list(rows[0]), restval="")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode(encoding)


def hour_of(text: str) -> datetime:
    """令和6年…午後6時 and the like, read a second time."""
    year, month, day, rest = re.match(r"令和(\d+)年(\d+)月(\d+)日(.+)", text).groups()  # type: ignore[union-attr]
    if rest == "正午":
        hour, minute = 12, 0
    else:
        half, hour_text, minute_text = re.fullmatch(r"(午前|午後)(\d+)時(?:(\d+)分)?", rest).groups()  # type: ignore[union-attr]
        hour, minute = int(hour_text) + (12 if half == "午後" else 0), int(minute_text or 0)
    return datetime.fromisoformat(f"{2018 + int(year)}-{int(month):02}-{int(day):02}T{hour:02}:{minute:02}+09:00")


@pytest.fixture(scope="module")
def series(realdata: Path) -> list[Path]:
    found = sorted((realdata / "shelter-status-nanao").glob("open_shelter_*.csv"))
    assert len(found) == 20
    return found


# ── 七尾市, January to September 2024 ────────────────────────────────────────────────────────────────────────────


def test_the_whole_series(series: list[Path]) -> None:
    for path in series:
        rows = rows_of(path.read_bytes())
        [head] = [name for name in rows[0] if name.startswith("人数")]
        stated = rows[0].get("時点") or head.removeprefix("人数_").removesuffix("時点")
        [bulletin], issues = fed("nanao_shelter_status", path.read_bytes(), path.name)
        items = {item.props["source_id"]: item for item in bulletin.items.rows()}
        assert issues == []
        assert (bulletin.scope, bulletin.complete, bulletin.status) == ("nanao_status", True, "actual")
        assert bulletin.issued_at == hour_of(stated)
        assert set(items) == {row["ID"] for row in rows}
        assert len(items) == len(rows)
        assert sum(item.props["evacuees"]["value"] for item in items.values()) == sum(int(row[head]) for row in rows)
        for row in rows:
            item = items[row["ID"]]
            assert (item.props["name"], item.props["district_name"]) == (row["名称"], row["地区"])
            assert item.props["evacuees"]["value"] == int(row[head])
            assert (item.props["state"], item.muni_code) == ("open", "17202")
            assert item.props["as_of"] == hour_of(stated).isoformat()
            assert item.geometry is not None
            assert row["電話番号"] == "" or row["電話番号"] not in repr(item)


def test_the_series_in_the_store_is_what_was_open(series: list[Path], tmp_path: Path) -> None:
    """A shelter that leaves the list has closed; read in any order, every day is as the list of that day says."""
    own = settings.load({"BOUSAI_DATA": str(tmp_path / "var")})
    pipeline.prepare(own)
    shuffled = random.Random(7).sample(series, len(series))
    done = list(
        pipeline.ingest_files(
            "nanao_shelter_status", [(one.name, one.read_bytes()) for one in shuffled], own, strict=True
        )
    )
    assert {one.outcome for one in done} == {"stored"}
    for path in series[::4]:
        rows = rows_of(path.read_bytes())
        [head] = [name for name in rows[0] if name.startswith("人数")]
        at = hour_of(rows[0].get("時点") or head.removeprefix("人数_").removesuffix("時点")) + timedelta(minutes=1)
        chunks = pipeline.layer_geojson("shelter_status", own, valid_at=at, tier="responders")
        said = json.loads(b"".join(chunks))["features"]
        people = {feature["properties"]["source_id"]: feature["properties"]["evacuees"]["value"] for feature in said}
        assert people == {row["ID"]: int(row[head]) for row in rows}


def test_the_list_of_a_gis_is_in_plane_coordinates(realdata: Path) -> None:
    path = realdata / "shelter-status-nanao/open_shelter_Nanao-shi_latest.geojson"
    [bulletin], issues = fed("nanao_shelter_status", path.read_bytes(), path.name)
    [item] = bulletin.items.rows()
    assert issues == []
    assert bulletin.issued_at == datetime.fromisoformat("2024-09-02T18:00:00+09:00")
    assert (item.item_id, item.props["evacuees"]["value"]) == ("nanao_status/CC0000000537", 40)
    document = json.loads(path.read_bytes())
    for name in ("緯度", "経度"):
        del document["features"][0]["properties"][name]
    [without], _ = fed("nanao_shelter_status", json.dumps(document).encode(), path.name)
    [drawn] = without.items.rows()
    from_columns, from_drawing = (shapely_xy(one.geometry) for one in (item, drawn))
    assert from_drawing == pytest.approx(from_columns, abs=2e-5)
    document["features"][0]["properties"] |= {"緯度": 37.0, "経度": 136.9}
    _, issues = fed("nanao_shelter_status", json.dumps(document).encode(), path.name)
    assert [issue.code for issue in issues] == ["positions_differ"]


def shapely_xy(wkb: bytes | None) -> tuple[float, float]:
    point = shapely.from_wkb(wkb)
    return point.x, point.y


@pytest.mark.parametrize("seed", range(3))
def test_columns_may_change_places_and_encoding(series: list[Path], seed: int) -> None:
    for path in series[:3]:
        rows = rows_of(path.read_bytes())
        for row in rows:
            for name, cell in row.items():
                row[name] = cell.replace("吞", "呑").replace("釶", "鈍")  # not in CP932
        header = random.Random(seed).sample(list(rows[0]), len(rows[0]))
        bulletin, items, issues = read(table(rows))
        shuffled, same, again = read(table(rows, header, "cp932"))
        assert {key: (item.props, item.geometry) for key, item in same.items()} == {
            key: (item.props, item.geometry) for key, item in items.items()
        }
        assert (shuffled.issued_at, again) == (bulletin.issued_at, issues)


def test_the_count_with_the_time_in_its_header_and_beside_it_are_the_same(series: list[Path]) -> None:
    rows = rows_of(series[0].read_bytes())
    [head] = [name for name in rows[0] if name.startswith("人数")]
    for names in (("避難者数", "時点"), ("避難人数", "現在日時"), (head.replace("_", "（") + "）", None)):
        renamed = []
        for row in rows:
            moved = {names[0] if name == head else name: cell for name, cell in row.items()}
            if names[1] is not None:
                moved[names[1]] = "令和6年1月9日午後6時時点"
            renamed.append(moved)
        bulletin, items, issues = read(table(renamed))
        first, expected, _ = read(series[0].read_bytes())
        assert (bulletin.issued_at, issues) == (first.issued_at, [])
        assert {key: item.props for key, item in items.items()} == {key: item.props for key, item in expected.items()}


# ── drift, doubt, refusal ────────────────────────────────────────────────────────────────────────────────────────


def line(**cells: str) -> dict[str, str]:
    return {
        "ID": "NEW901", "名称": "【訓練】訓練会館", "人数": "12", "時点": "令和8年11月5日午前9時",
        "所在地_都道府県": "石川県", "所在地_市区町村": "七尾市", "緯度": "37.0", "経度": "136.9", **cells,
    }  # fmt: skip


def test_a_column_that_nobody_knows_is_unread_and_moves_nothing() -> None:
    _, items, issues = read(table([line(体制="x")]))
    _, expected, _ = read(table([line()]))
    assert [(issue.code, issue.position) for issue in issues] == [("unread", "体制")]
    assert [item.props for item in items.values()] == [item.props for item in expected.values()]


def test_two_counts_of_different_times_are_not_mixed() -> None:
    """The newest is the statement, whichever column comes first; the other one is unread."""
    cells = {name: cell for name, cell in line().items() if name not in ("人数", "時点")}
    counts = {"人数_令和8年11月5日午前9時時点": "12", "人数_令和8年11月6日午前9時時点": "7"}
    for columns in permutations(counts):
        _, items, issues = read(table([{**cells, **{name: counts[name] for name in columns}}]))
        [item] = items.values()
        assert (item.props["evacuees"]["value"], item.props["as_of"][:10]) == (7, "2026-11-06")
        assert [issue.code for issue in issues] == ["unread"]


@pytest.mark.parametrize(
    ("cell", "value", "state", "codes"),
    [
        ("0", 0, "reported", []),
        ("０人", 0, "reported", []),
        ("12.0", 12, "reported", []),
        ("", None, "blank", []),
        ("調査中", None, "investigating", []),
        ("－", None, "not_applicable", []),
        ("多数", None, "many", []),
        ("3世帯7名", None, "unknown", ["bad_count"]),
        ("1.5", None, "unknown", ["bad_count"]),
        ("-3", None, "unknown", ["bad_count"]),
    ],
)
def test_a_number_of_people_is_never_made_up(cell: str, value: int | None, state: str, codes: list[str]) -> None:
    _, items, issues = read(table([line(人数=cell)]))
    [item] = items.values()
    assert (item.props["evacuees"]["value"], item.props["evacuees"]["state"]) == (value, state)
    assert [issue.code for issue in issues] == codes


@pytest.mark.parametrize(
    ("word", "state", "codes"),
    [
        ("開設", "open", []),
        ("閉鎖", "closed", []),
        ("未開設", "not_open", []),
        ("常設", "permanent", []),
        ("---", "not_open", []),
        ("", "unknown", []),
        ("未開設(Web開設一覧に掲載なし)", "other", ["unknown_word"]),
        ("準備中", "other", ["unknown_word"]),
    ],
)
def test_the_words_of_a_state(word: str, state: str, codes: list[str]) -> None:
    """Where there is such a column; a list without one is of what is open. A guess of a collector is no state."""
    _, items, issues = read(table([line(開設状況=word)]))
    [item] = items.values()
    assert (item.props["state"], item.props["state_text"]) == (state, word or None)
    assert [issue.code for issue in issues] == codes


def test_a_shelter_that_is_there_twice() -> None:
    later = line(時点="令和8年11月5日午前10時", 人数="20")
    bulletin, items, issues = read(table([later, line(), line()]))
    assert [item.props["evacuees"]["value"] for item in items.values()] == [20]
    assert (bulletin.complete, Counter(issue.code for issue in issues)) == (True, {"repeated_row": 2})
    bulletin, items, issues = read(table([line(), line(人数="13"), line(ID="NEW902")]))
    assert set(items) == {"x/NEW902"}
    assert (bulletin.complete, [issue.code for issue in issues]) == (False, ["held_back"])


def test_times_that_cannot_be_read_are_left_to_the_name_of_the_file() -> None:
    bulletin, items, issues = read(table([line(時点="本日の朝")]))
    assert (bulletin.issued_at, [issue.code for issue in issues]) == (None, ["bad_time"])
    assert next(iter(items.values())).props["as_of"] is None
    rows = [line(ID=f"NEW90{n}", 時点="070-0000-0000") for n in range(4)]
    with pytest.raises(ParseError) as caught:
        read(table(rows))
    assert caught.value.code == "shifted_columns"


def test_every_row_says_its_own_time() -> None:
    rows = [line(), line(ID="NEW902", 時点="令和8年11月5日正午"), line(ID="NEW903", 時点="")]
    bulletin, items, issues = read(table(rows))
    assert bulletin.issued_at == datetime.fromisoformat("2026-11-05T12:00:00+09:00")
    assert [item.props["as_of"] for item in items.values()] == [
        "2026-11-05T09:00:00+09:00",
        "2026-11-05T12:00:00+09:00",
        None,
    ]
    assert issues == []


def test_a_list_without_a_row_says_that_all_are_closed() -> None:
    header = ",".join(line()) + "\n"
    bulletin, items, issues = read(header.encode())
    assert (bulletin.complete, items, issues) == (True, {}, [])


def test_a_list_of_sites_is_refused(realdata: Path) -> None:
    for name in ("shelter-status-nanao/reference_data.csv", "municipal-shelters/funabashi/hinanbasyo.csv"):
        with pytest.raises(ParseError) as caught:
            read((realdata / name).read_bytes())
        assert caught.value.code == "not_status_list"


def test_names_of_files_that_are_not_as_the_feed_expects(series: list[Path]) -> None:
    for name in ("open_shelter_Wajima-shi_2024-01-09-1800.csv", "open_shelter_Nanao-shi_2024-01-09.csv"):
        with pytest.raises(ParseError) as caught:
            fed("nanao_shelter_status", series[0].read_bytes(), name)
        assert caught.value.code == "unexpected_name"


@pytest.mark.parametrize("taint", ["exercise", "test"])
def test_what_comes_through_the_door_of_an_exercise_is_never_actual(tmp_path: Path, taint: Any) -> None:
    """No status stands in these lists: the door says it, for every feed and sample."""
    own = settings.load({"BOUSAI_DATA": str(tmp_path / "var")})
    pipeline.prepare(own)
    stored = 0
    for feed in FEEDS.values():
        if feed.parser in ("municipal_site", "shelter_status_list", "shelter_portal"):
            files = [(path.name, path.read_bytes()) for path in goldens.samples(feed.id)]
            stored += sum(one.outcome == "stored" for one in pipeline.ingest_files(feed.id, files, own, taint=taint))
    assert stored >= 12
    for layer in ("municipal_site", "shelter_status"):
        assert json.loads(b"".join(pipeline.layer_geojson(layer, own)))["features"] == []


# ── what others have collected of the Kumamoto earthquake of 2026 ────────────────────────────────────────────────


@pytest.fixture(scope="module")
def observations(realdata: Path) -> bytes:
    return (realdata / "municipal-shelters/kumamoto-2026/municipal_evacuees_all_observations.csv").read_bytes()


def test_every_observation_is_a_statement_until_the_next(observations: bytes) -> None:
    expected: dict[tuple[str, str], list[dict[str, str]]] = defaultdict(list)
    for row in rows_of(observations):
        expected[(row["municipality"], row["source_observed_at_jst"])].append(row)
    bulletins, issues = fed("kumamoto_evacuee_archive", observations, "municipal_evacuees_all_observations.csv")
    assert len(bulletins) == len(expected) == 12
    for city, code in (("八代市", "43202"), ("宇城市", "43213")):
        times = sorted(at for where, at in expected if where == city)
        mine = {b.scope: b for b in bulletins if f"/{code}/" in b.scope}
        assert list(mine) == [f"kumamoto_evacuee/{code}/{at}" for at in times]
        for at, following in zip(times, [*times[1:], None], strict=True):
            bulletin = mine[f"kumamoto_evacuee/{code}/{at}"]
            assert bulletin.issued_at == datetime.fromisoformat(at)
            assert bulletin.valid_to == (datetime.fromisoformat(following) if following else None)
            assert bulletin.sent_at == datetime.fromisoformat(times[-1])
            assert bulletin.complete
            said = {item.props["source_id"]: item.props["evacuees"]["value"] for item in bulletin.items.rows()}
            assert said == {row["shelter_id"]: int(row["evacuee_count"]) for row in expected[(city, at)]}
            assert {item.muni_code for item in bulletin.items.rows()} == {code}
    everything = [item for bulletin in bulletins for item in bulletin.items.rows()]
    assert len(everything) == 346
    assert sum(item.props["evacuees"]["value"] == 0 for item in everything) == 18
    assert Counter(issue.code for issue in issues) == {"damaged_name": 3, "no_positions": 1}


def test_an_older_edition_changes_nothing_whichever_comes_first(observations: bytes, tmp_path: Path) -> None:
    """The edition of 08-04 did not know when its last statement would end; the later one does."""
    rows = rows_of(observations)
    early = table([row for row in rows if row["source_observed_at_jst"] < "2026-08-04T12"])
    at = datetime.fromisoformat("2026-08-07T00:00:00+09:00")
    answers = []
    for number, order in enumerate(permutations([early, observations])):
        own = settings.load({"BOUSAI_DATA": str(tmp_path / str(number))})
        pipeline.prepare(own)
        files = [(f"observations_{n}.csv", body) for n, body in enumerate(order)]
        assert all(
            one.outcome != "quarantined" for one in pipeline.ingest_files("kumamoto_evacuee_archive", files, own)
        )
        chunks = pipeline.layer_geojson("shelter_status", own, valid_at=at, tier="responders")
        said = json.loads(b"".join(chunks))["features"]
        answers.append({one["id"]: one["properties"]["evacuees"]["value"] for one in said})
    assert answers[0] == answers[1]
    assert len(answers[0]) == 41 + 11
    assert sum(answers[0].values()) == 2248 + 3213


def test_the_list_of_open_shelters_of_the_archive(realdata: Path) -> None:
    path = realdata / "municipal-shelters/kumamoto-2026/latest_open.csv"
    expected = rows_of(path.read_bytes())
    [bulletin], issues = fed("kumamoto_open_shelter_archive", path.read_bytes(), path.name)
    assert issues == []
    assert bulletin.issued_at == datetime.fromisoformat("2026-08-08T01:05+09:00")
    words: dict[str, Any] = {
        "平常": "free",
        "やや混雑": "slightly_crowded",
        "混雑": "crowded",
        "不明": "unknown",
        "---": None,
    }
    items = list(bulletin.items.rows())
    assert len(items) == len(expected) == 124
    for item, row in zip(items, expected, strict=True):
        assert (item.props["name"], item.props["area_name"]) == (row["shelter_name"], row["municipality"])
        assert (item.props["state"], item.props["crowding"]) == ("open", words[row["congestion_status"]])
        assert item.props["evacuees"]["state"] == "blank"
        capacity = row["portal_capacity_persons"]
        assert item.props["capacity"]["value"] == (int(capacity) if capacity else None)
        assert item.muni_code is not None


def test_why_the_daily_file_of_the_archive_is_not_taken(realdata: Path) -> None:
    """It calls 未開設 what the page did not show; the portal's own data says that most of those were open."""
    folder = realdata / "municipal-shelters/kumamoto-2026"
    daily = rows_of((folder / "daily_2026-07-29.csv").read_bytes())
    shown = {row["portal_shelter_id"] for row in daily if row["is_open"] == "true"}
    portal = json.loads((folder / "kumamoto-open-shelters-20260805-1156.json").read_bytes())["items"]
    was_open = {
        one["facilityId"]
        for one in portal
        if "" < one["shelterStartTimestamp"] <= "2026-07-29 23:54"
        and (one["shelterEndTimestamp"] or "9") > "2026-07-29 23:54"
    }
    assert (len(shown), len(was_open), len(was_open - shown)) == (62, 410, 349)
