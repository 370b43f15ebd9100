"""Cabinet Office reports: eight real ones of 令和8年熊本地震 read a second time, by eye and by other means."""

from __future__ import annotations

import io
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any
from unicodedata import normalize

import pytest
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfgen.canvas import Canvas

from bousai.errors import ParseError
from bousai.formats import cabinet_report
from bousai.model import Bulletin, Issue, Item
from bousai.parse import cabinet_damage_report
from bousai.parse.cabinet_damage_report import Options

FOLDER = "damage-tables/r8-kumamoto-cabinet"
REPORTS = ("20260729", "20260729-1400", "20260731", "20260801", "20260802", "20260804", "20260805", "20260807")
NAMED = Options(disasters={"令和8年熊本県熊本を震源とする地震": "令和8年熊本地震"})
PREFIX = "cao/令和8年熊本地震/"
SAMPLE = Path(__file__).parents[1] / "feeds/cao_damage_report/kunren_1.txt"


def parsed(body: bytes, options: Options = NAMED) -> tuple[dict[str, Bulletin], list[Issue]]:
    results = list(cabinet_damage_report.parse(body, options))
    bulletins = [result for result in results if isinstance(result, Bulletin)]
    assert len({bulletin.scope for bulletin in bulletins}) == len(bulletins)
    return {b.scope: b for b in bulletins}, [result for result in results if isinstance(result, Issue)]


def items(bulletins: dict[str, Bulletin]) -> dict[str, Item]:
    found = [item for bulletin in bulletins.values() for item in bulletin.items.rows()]
    assert len({item.item_id for item in found}) == len(found)
    return {item.item_id.removeprefix(PREFIX): item for item in found}


def real(realdata: Path, name: str) -> bytes:
    return (realdata / FOLDER / f"bousai_{name}.txt").read_bytes()


@pytest.fixture(scope="module")
def reports(realdata: Path) -> dict[str, tuple[dict[str, Bulletin], list[Issue]]]:
    return {name: parsed(real(realdata, name)) for name in REPORTS}


# Read by eye from the text: report, item, property, what stands there. 「約」 is approx, 「-」 an empty cell.
TRUTH = """\
20260729       order/42/evacuate              order_municipalities  1
20260729       order/42/evacuate              order_households      18293
20260729       order/42/evacuate              order_people          39291
20260729       order/43/emergency_safety      order_municipalities  2
20260729       order/43/emergency_safety      order_households      46610
20260729       order/43/emergency_safety      order_people          92743
20260729       order/43/evacuate              order_municipalities  6
20260729       order/country/evacuate         order_municipalities  7
20260729       order/country/evacuate         order_people          261541
20260729       shelter/country                shelters_open         506
20260729       shelter/country                evacuees              9186
20260729       shelter/country                evacuees_max          -
20260729       water/40212                    affected_max          不明
20260729       water/41201                    affected_max          38
20260729       water/41201                    affected              0
20260729       water/42214                    affected              約283
20260729       water/43468                    affected_max          約10500
20260729       water/合計                     affected              約84000
20260729       power/43                       affected              約36900
20260729       power/43348                    affected              約3930
20260729       power/43104                    affected              約360
20260729       power/43102                    affected              約70
20260729       power/九州電力                 affected_max          約48280
20260729-1400  damage/40                      house_partly_damaged  4
20260729-1400  damage/40                      injured_minor         1
20260729-1400  damage/40                      injured_severe        -
20260729-1400  damage/43                      dead                  3
20260729-1400  damage/43                      dead_disaster_related -
20260729-1400  damage/43                      missing               -
20260729-1400  damage/43                      injured_severe        8
20260729-1400  damage/43                      injured_minor         12
20260729-1400  damage/43                      injured               20
20260729-1400  damage/43                      house_damaged         -
20260729-1400  damage/country                 injured               23
20260729-1400  damage/country                 house_damaged         4
20260729-1400  damage/43442                   dead                  2
20260729-1400  order/country/evacuate         order_households      107032
20260729-1400  shelter/country                evacuees_max          9186
20260729-1400  water/40207                    affected_max          7
20260729-1400  water/43212                    affected              約8220
20260729-1400  water/43441                    affected              不明
20260729-1400  power/43202                    affected              約15070
20260729-1400  power/43211                    affected              約3030
20260729-1400  power/九州電力                 affected              約35330
20260731       damage/43                      dead                  34
20260731       damage/43                      injured_severe        5
20260731       damage/43                      injured_minor         81
20260731       damage/43                      house_destroyed       1
20260731       damage/43                      house_half_destroyed  -
20260731       damage/43                      house_partly_damaged  1
20260731       damage/43                      house_damaged         2
20260731       damage/country                 injured_minor         84
20260731       damage/country                 house_partly_damaged  7
20260731       damage/43202                   dead                  11
20260731       damage/43/その他調査中死者     dead                  9
20260731       order/43/evacuate              order_municipalities  8
20260731       order/43/evacuate              order_people          267285
20260731       shelter/country                shelters_open         399
20260731       water/43203                    affected_max          約15000
20260731       water/43213                    affected              約17000
20260731       power/43213                    affected              約430
20260731       power/九州電力                 affected_max          約48530
20260801       damage/40                      injured               1
20260801       damage/40                      injured_minor         1
20260801       damage/40                      house_damaged         8
20260801       damage/43                      dead                  35
20260801       damage/43                      injured_severe        6
20260801       damage/43                      house_destroyed       179
20260801       damage/43                      house_half_destroyed  240
20260801       damage/43                      flooded_above_floor   -
20260801       damage/43                      house_partly_damaged  1021
20260801       damage/43                      house_damaged         1440
20260801       damage/country                 house_partly_damaged  1029
20260801       damage/43468                   dead                  4
20260801       order/43/evacuate              order_municipalities  7
20260801       order/43/evacuate              order_households      116909
20260801       shelter/country                evacuees              9374
20260801       water/43100                    affected              約3200
20260801       water/43441                    affected              約500
20260801       water/合計                     affected_max          約108100
20260802       damage/43                      dead                  36
20260802       damage/43                      injured_severe        11
20260802       damage/43                      injured               103
20260802       damage/43                      house_half_destroyed  245
20260802       damage/country                 house_damaged         1853
20260802       damage/country                 house_destroyed       181
20260802       damage/43/その他調査中死者     dead                  2
20260802       order/country/evacuate         order_people          246540
20260802       shelter/43                     shelter_municipalities 22
20260802       shelter/43                     evacuees              9158
20260802       water/43213                    affected              約15648
20260802       water/43212                    affected              0
20260802       water/合計                     affected              約59000
20260804       damage/43213                   dead                  3
20260804       damage/43468                   dead                  5
20260804       shelter/43                     shelter_municipalities 16
20260804       shelter/country                evacuees              8244
20260804       water/43444                    affected              約300
20260804       water/43216                    affected_max          不明
20260804       water/合計                     affected              約44000
20260805       damage/43442                   dead                  7
20260805       shelter/43                     shelters_open         139
20260805       shelter/country                evacuees              7337
20260805       shelter/country                evacuees_max          9931
20260805       water/43202                    affected              約24789
20260805       water/43468                    affected              約3136
20260807       damage/40                      injured_severe        1
20260807       damage/40                      injured               2
20260807       damage/43                      dead                  38
20260807       damage/43                      injured_severe        21
20260807       damage/43                      injured_minor         125
20260807       damage/43                      house_destroyed       699
20260807       damage/43                      house_half_destroyed  1045
20260807       damage/43                      house_partly_damaged  6855
20260807       damage/country                 injured_severe        22
20260807       damage/country                 injured               150
20260807       damage/country                 house_damaged         8607
20260807       shelter/43                     shelters_open         124
20260807       water/43213                    affected              約9900
20260807       water/43444                    affected              約150
20260807       water/合計                     affected              約36600
"""


def test_cells_read_by_eye(reports: dict[str, tuple[dict[str, Bulletin], list[Issue]]]) -> None:
    found = {name: items(bulletins) for name, (bulletins, _) in reports.items()}
    truth = TRUTH.splitlines()
    assert len(truth) > 100
    assert {line.split()[0] for line in truth} == set(REPORTS)
    for line in truth:
        name, item, prop, expected = line.split()
        cell = found[name][item].props[prop]
        assert said(cell) == expected, line


def said(cell: dict[str, Any]) -> str:
    words = {"blank": "-", "unknown": "不明"}
    number = words[cell["state"]] if cell["value"] is None else str(cell["value"])
    return {"exact": "", "approx": "約"}[cell["qualifier"]] + number


@pytest.mark.parametrize("name", REPORTS)
def test_every_row_of_prefectures_holds_all_its_numbers(
    realdata: Path, reports: dict[str, tuple[dict[str, Bulletin], list[Issue]]], name: str
) -> None:
    """By another way: all numbers of a line, wherever they stand; none is lost, none is twice."""
    bulletins, _ = reports[name]
    lines = real(realdata, name).decode().replace("\f", "").split("\n")
    checked = 0
    for scope in ("damage", "shelter"):
        if PREFIX + scope not in bulletins:
            continue
        for item in bulletins[PREFIX + scope].items.rows():
            line = lines[int(item.position.split()[-1]) - 1]
            if item.props["area_name"] not in "".join(line.split()):
                continue  # 合計 of the words above a table
            cells = [v["value"] for k, v in item.props.items() if isinstance(v, dict) and k != "evacuees_max"]
            numbers = Counter(int(number.replace(",", "")) for number in re.findall(r"\d[\d,]*", line))
            kept = Counter(cell for cell in cells if cell is not None)
            if scope == "damage":  # 人的被害 合計 is not kept
                people = sum((item.props[k]["value"] or 0) for k in ("dead", "missing", "injured"))
                kept[people] += 1
            assert kept == numbers, line
            checked += 1
    assert checked == {"20260729": 0, "20260731": 5, "20260802": 7, "20260807": 7}.get(name, checked)


@pytest.mark.parametrize("name", REPORTS)
def test_columns_add_up_to_what_is_printed(
    reports: dict[str, tuple[dict[str, Bulletin], list[Issue]]], name: str
) -> None:
    """Exact tables add up in every column; where 約 or 不明 keeps them from it, an issue gives both numbers."""
    bulletins, issues = reports[name]
    for scope in ("damage", "order", "shelter"):
        bulletin = bulletins.get(PREFIX + scope)
        if bulletin is None or len(bulletin.items) == 1:
            continue
        totals: dict[tuple[str, str], int] = {}
        sums: Counter[tuple[str, str]] = Counter()
        for item in bulletin.items.rows():
            kind = item.item_id.rpartition("/")[2] if scope == "order" else ""
            for prop, cell in item.props.items():
                if isinstance(cell, dict) and cell["value"] is not None and prop != "evacuees_max":
                    if item.props["area_level"] == "country":
                        totals[kind, prop] = cell["value"]
                    else:
                        sums[kind, prop] += cell["value"]
        assert totals == dict(sums)
    differing = [issue.cause for issue in issues if issue.code == "total_differs" and issue.cause.startswith("水道")]
    for prop, label in (("affected_max", "最大"), ("affected", "現在")):
        rows = list(bulletins[PREFIX + "water"].items.rows())
        total = next(row for row in rows if row.props["area_name"] == "合計").props[prop]["value"]
        added = sum(row.props[prop]["value"] or 0 for row in rows if row.props["area_name"] != "合計")
        assert any(label in cause and f"{total:,}" in cause and f"{added:,}" in cause for cause in differing)
        assert abs(total - added) < 400


@pytest.mark.parametrize("name", REPORTS)
def test_every_row_of_water_is_there(
    realdata: Path, reports: dict[str, tuple[dict[str, Bulletin], list[Issue]]], name: str
) -> None:
    """By another way: words of a line, the first the name, then two amounts."""
    expected = {}
    for line in real(realdata, name).decode().split("\n"):
        words = normalize("NFKC", line).split()
        if len(words) >= 3 and re.fullmatch(r"\S+[市町村]", words[0]):
            amounts = [word for word in words[1:3] if re.fullmatch(r"約?\d[\d,]*※?|不明", word)]
            if len(amounts) == 2 and ("/" in line or "復旧済" in line):
                expected[words[0]] = [amount.replace(",", "").replace("※", "") for amount in amounts]
    rows = {row.props["area_name"]: row for row in reports[name][0][PREFIX + "water"].items.rows()}
    rows.pop("合計")
    assert {k: [said(v.props["affected_max"]), said(v.props["affected"])] for k, v in rows.items()} == expected
    assert len(rows) == 15 if name != "20260729-1400" else 16


@pytest.mark.parametrize(
    ("name", "hq"), [("20260731", "20260731-0730"), ("20260801", "20260801-0730"), ("20260807", "20260806-1400")]
)
def test_the_prefecture_says_the_same_at_the_same_time(
    realdata: Path, reports: dict[str, tuple[dict[str, Bulletin], list[Issue]]], name: str, hq: str
) -> None:
    """The headquarters of the prefecture: what stood still between its report and this one."""
    theirs = json.loads((realdata / f"damage-tables/r8-kumamoto-hq-json/{hq}.json").read_bytes())
    ours = items(reports[name][0])
    municipal = theirs["municipalities"]
    for item_id, item in ours.items():
        place = municipal.get(item.props.get("area_name"))
        if place is None:
            continue
        if item_id.startswith("damage/") and name != "20260731":
            assert item.props["dead"]["value"] == place["deaths"], item_id
        if item_id.startswith("power/"):
            assert item.props["affected"]["value"] == place["outages"], item_id
        if item_id.startswith("water/") and item.props["affected"]["qualifier"] == "exact":
            assert item.props["affected"]["value"] == place.get("waterOutages", 0), item_id
    if name == "20260807":
        kumamoto, totals = ours["damage/43"].props, theirs["totals"]
        assert kumamoto["dead"]["value"] == totals["deaths"]
        assert kumamoto["injured_severe"]["value"] == totals["injuredSevere"]
        others = ("injuredMinor", "injuredModerate", "casualtyUnclassified")
        assert kumamoto["injured_minor"]["value"] == sum(totals[key] for key in others)
        assert kumamoto["house_destroyed"]["value"] == totals["homesFull"]
        assert kumamoto["house_half_destroyed"]["value"] == totals["homesHalf"] + totals["homesLargeHalf"]


def test_what_each_report_says_and_does_not(reports: dict[str, tuple[dict[str, Bulletin], list[Issue]]]) -> None:
    scopes = {name: {s.removeprefix(PREFIX) for s in bulletins} for name, (bulletins, _) in reports.items()}
    always = {"shelter", "water", "power", "road", "hq/government/central", "hq/prefecture"}
    assert all(always <= found for found in scopes.values())
    assert {name for name, found in scopes.items() if "damage" not in found} == {"20260729", "20260804", "20260805"}
    assert {name for name, found in scopes.items() if "order" not in found} == {"20260804", "20260805", "20260807"}
    assert {name for name, found in scopes.items() if "deaths" not in found} == {"20260729"}
    assert {name for name, found in scopes.items() if "water/list" in found} == {"20260729", "20260729-1400"}
    codes = {name: Counter(issue.code for issue in issues) for name, (_, issues) in reports.items()}
    assert {name: found["table_not_in_text"] for name, found in codes.items() if found["table_not_in_text"]} == {
        "20260729": 1,
        "20260804": 2,
        "20260805": 2,
        "20260807": 1,
    }
    assert {name: found["text_differs_from_table"] for name, found in codes.items()}["20260805"] == 2
    assert set().union(*codes.values()) == {"table_not_in_text", "total_differs", "text_differs_from_table"}
    for bulletins, _ in reports.values():
        for bulletin in bulletins.values():
            assert (bulletin.complete, bulletin.status, bulletin.issuer) == (True, "actual", "内閣府")


def test_times_of_reports_and_sections(reports: dict[str, tuple[dict[str, Bulletin], list[Issue]]]) -> None:
    issued = {name: {b.issued_at for b in bulletins.values()} for name, (bulletins, _) in reports.items()}
    assert {name: str(at.pop())[5:16].replace(" ", "T") for name, at in issued.items()} == {
        "20260729": "07-29T07:00",
        "20260729-1400": "07-29T14:00",
        "20260731": "07-31T07:30",
        "20260801": "08-01T07:00",
        "20260802": "08-02T08:00",
        "20260804": "08-04T07:30",
        "20260805": "08-05T08:00",
        "20260807": "08-07T08:00",
    }
    found = items(reports["20260731"][0])
    assert {
        key: found[key].props["as_of"]
        for key in ("damage/43", "order/43/evacuate", "shelter/country", "water/43202", "power/43")
    } == {
        "damage/43": "2026-07-31T07:30:00+09:00",
        "order/43/evacuate": "2026-07-31T07:30:00+09:00",
        "shelter/country": "2026-07-31T06:40:00+09:00",
        "water/43202": "2026-07-31T05:00:00+09:00",
        "power/43": "2026-07-31T06:30:00+09:00",
    }
    assert found["damage/43"].props["reporter"] == "消防庁"


def test_positions_lead_to_the_line(
    realdata: Path, reports: dict[str, tuple[dict[str, Bulletin], list[Issue]]]
) -> None:
    for name, (bulletins, _) in reports.items():
        text = real(realdata, name).decode()
        lines = text.split("\n")
        for item in items(bulletins).values():
            match = re.fullmatch(r"page (\d+), line (\d+)", item.position)
            assert match
            assert text[: text.index(lines[int(match[2]) - 1])].count("\f") <= int(match[1]) - 1
            place = item.props.get("area_name") or item.props.get("road_name") or item.props["name"]
            line = "".join(normalize("NFKC", lines[int(match[2]) - 1]).split())
            assert place.replace("管内", "")[:4] in line or place == "合計"


def test_roads(reports: dict[str, tuple[dict[str, Bulletin], list[Issue]]]) -> None:
    roads = {
        name: {i.item_id.removeprefix(f"{PREFIX}road/"): i for i in bulletins[PREFIX + "road"].items.rows()}
        for name, (bulletins, _) in reports.items()
    }
    assert {name: len(found) for name, found in roads.items()} == {
        "20260729": 13,
        "20260729-1400": 10,
        "20260731": 8,
        "20260801": 6,
        "20260802": 6,
        "20260804": 6,
        "20260805": 6,
        "20260807": 6,
    }
    first = roads["20260729-1400"]["E3九州道/益城熊本空港IC~えびのIC"].props
    assert (first["road_type"], first["road_no"], first["restriction"]) == ("expressway", "E3", "closed")
    assert (first["start_point"], first["end_point"]) == ("益城熊本空港IC", "えびのIC")
    assert first["detail"] == "10区間; ※人吉IC~えびのIC:緊急車両通行可(7/29~)"
    bridge = roads["20260801"]["国道219号/熊本県八代市"]
    assert (bridge.muni_code, bridge.props["road_type"], bridge.props["detail"]) == (
        "43202",
        "national",
        "(新萩原橋)",
    )
    toll = roads["20260804"]["国道324号/合津IC~知十IC"].props
    assert (toll["road_type"], toll["detail"]) == ("national", "1区間; ※余震による法面一部崩落")
    assert {name: found["prefectural/43"].props["detail"][:4] for name, found in roads.items()} == {
        "20260729": "11区間",
        "20260729-1400": "11区間",
        "20260731": "13区間",
        "20260801": "9区間;",
        "20260802": "9区間;",
        "20260804": "7区間;",
        "20260805": "7区間;",
        "20260807": "4区間;",
    }


def test_what_is_open_again_is_not_closed() -> None:
    again = " イ 通行止め解除：１路線\n ・E998 訓練線（訓南 IC～訓北 IC）：１区間：解除\n ②有料道路\n"
    bulletins, _ = parsed(edited((" ②有料道路\n", again)))
    assert not any("E998" in item_id for item_id in bulletins["cao/令和8年訓練地震/road"].items.item_id)


def test_headquarters_that_are_listed_as_dissolved() -> None:
    line = " 【静岡県】９月１日 08 時 05 分 災害対策本部 設置\n"
    both = line + " ②廃止\n 【静岡県】９月１日 13 時 00 分 災害対策本部 廃止\n"
    bulletins, issues = parsed(edited((line, both)))
    first, *_ = bulletins["cao/令和8年訓練地震/hq/prefecture"].items.rows()
    assert (first.ended, first.props["set_up_at"][11:16], first.props["dissolved_at"][11:16]) == (
        True,
        "08:05",
        "13:00",
    )
    assert "unread_line" not in {issue.code for issue in issues}


def test_two_places_on_one_road_in_one_city() -> None:
    one = " ・国道 999 号（静岡県訓練市）橋梁損傷（訓練橋）\n"
    other = " ・国道 999 号（静岡県訓練市）落石（訓練坂）\n"
    bulletins, issues = parsed(edited((one, one + other + other)))
    ids = [i.rpartition("road/")[2] for i in bulletins["cao/令和8年訓練地震/road"].items.item_id]
    assert ids[1:3] == ["国道999号/静岡県訓練市", "国道999号/静岡県訓練市/(訓練坂)"]
    assert len(ids) == 4
    assert [issue.position for issue in issues if issue.code == "unread_line"] == ["page 3, line 107"]


def test_what_has_ended(reports: dict[str, tuple[dict[str, Bulletin], list[Issue]]]) -> None:
    ended = {
        name: {key for key, item in items(bulletins).items() if item.ended}
        for name, (bulletins, _) in reports.items()
    }
    assert ended["20260729"] == {"water/40212", "water/41201", "water/43216"}
    assert ended["20260802"] >= {"hq/42", "water/43441", "water/43215"}
    # 「0※ ※夜間断水あり」, 「0 ・管破損に伴う漏水」, and 41 of 41 with 復旧済 behind it: not over.
    assert not ended["20260804"] & {"water/43212", "water/43211", "water/43482"}
    assert "water/41441" not in ended["20260729-1400"]
    hq = items(reports["20260807"][0])["hq/42"].props
    assert (hq["state"], hq["dissolved_at"], hq["name"]) == (
        "dissolved",
        "2026-07-31T00:00:00+09:00",
        "長崎県災害対策本部",
    )
    # The power came back on 07-31: from then on the statement about it is empty.
    power = {name: len(bulletins[PREFIX + "power"].items) for name, (bulletins, _) in reports.items()}
    assert power == {**dict.fromkeys(REPORTS, 0), "20260729": 12, "20260729-1400": 10, "20260731": 5}


def test_no_two_reports_give_a_thing_two_ids(
    reports: dict[str, tuple[dict[str, Bulletin], list[Issue]]],
) -> None:
    """The headquarters changed its name with the earthquake; its id did not."""
    names = {items(bulletins)["hq/government/central"].props["name"] for bulletins, _ in reports.values()}
    assert len(names) == 2
    # One code, one id, whatever the report.
    places: dict[tuple[str, str], set[str]] = {}
    for bulletins, _ in reports.values():
        for key, item in items(bulletins).items():
            if item.muni_code and not key.startswith("road/"):
                places.setdefault((key.split("/")[0], item.muni_code), set()).add(key)
    assert all(len(keys) == 1 for keys in places.values())


def test_every_title_has_a_reader() -> None:
    assert set(cabinet_damage_report._READERS) == set(cabinet_report.READ)


# ── the sample, as text and as PDF ─────────────────────────────────────────────────────────────────────────────


def report_pdf(text: str) -> bytes:
    """A tiny PDF of a text whose layout is kept: every word where its column is, one full-width character wide.

    Set in HeiseiKakuGo-W5, one of the fonts that every PDF reader must have, so that nothing is embedded.
    """
    pdfmetrics.registerFont(UnicodeCIDFont("HeiseiKakuGo-W5"))
    out = io.BytesIO()
    size = 8
    canvas = Canvas(out, pagesize=(130 * size, 900), invariant=True)
    for page in text.split("\f"):
        if not page.strip():
            continue
        canvas.setFont("HeiseiKakuGo-W5", size)
        for number, line in enumerate(page.split("\n")):
            for word in re.finditer(r"\S+", line):
                canvas.drawString(20 + word.start() * size, 880 - number * 12, word[0])
        canvas.showPage()
    canvas.save()
    return out.getvalue()


def without_positions(bulletins: dict[str, Bulletin]) -> dict[str, Any]:
    return {
        key: (b.issued_at, b.status, b.serial, [(i.item_id, i.props, i.ended) for i in b.items.rows()])
        for key, b in bulletins.items()
    }


def test_a_pdf_says_what_its_text_says() -> None:
    text = SAMPLE.read_text(encoding="utf-8")
    from_text, text_issues = parsed(text.encode())
    from_pdf, pdf_issues = parsed(report_pdf(text))
    assert without_positions(from_pdf) == without_positions(from_text)
    assert len(from_text) == 11
    assert Counter(issue.code for issue in pdf_issues) == Counter(issue.code for issue in text_issues)
    damage = from_pdf["cao/令和8年訓練地震/damage"]
    assert damage.items.position[0].startswith("page 1, line ")


def test_a_real_page_as_pdf(realdata: Path) -> None:
    """The first four pages of a real report, drawn again: the same numbers."""
    text = real(realdata, "20260801").decode()
    pages = "\f".join(text.split("\f")[:4])
    pages = re.sub(r"(\d) / 72", r"\1 / 4", pages)
    from_text, _ = parsed(pages.encode())
    from_pdf, _ = parsed(report_pdf(pages))
    assert without_positions(from_pdf) == without_positions(from_text)
    assert len(from_text[PREFIX + "damage"].items) == 5


def test_exercise_by_title_and_by_mark() -> None:
    text = SAMPLE.read_text(encoding="utf-8")
    untitled = (
        text.replace("【訓練】令和", "令和").replace("これは訓練であり", "これは速報であり").replace("（訓練）", "")
    )
    marked = untitled.replace("〇消防本部等情報", "〇消防本部等情報【訓練】")
    assert {b.status for b in parsed(text.encode())[0].values()} == {"exercise"}
    assert {b.status for b in parsed(marked.encode())[0].values()} == {"exercise"}
    # Its name 訓練地震 stands on the first page: that is enough.
    assert {b.status for b in parsed(untitled.encode())[0].values()} == {"exercise"}


@pytest.mark.parametrize("name", REPORTS)
def test_a_real_report_with_a_mark_of_an_exercise_is_one(realdata: Path, name: str) -> None:
    text = real(realdata, name).decode().replace("令和８年熊本地震に係る", "【訓練】令和８年熊本地震に係る", 1)
    assert {b.status for b in parsed(text.encode())[0].values()} == {"exercise"}


def test_number_of_the_report() -> None:
    bulletins, _ = parsed(SAMPLE.read_bytes())
    assert {bulletin.serial for bulletin in bulletins.values()} == {"3"}


@pytest.mark.parametrize("name", [name for name in REPORTS if name not in ("20260729", "20260804")])
def test_a_lost_or_changed_number_never_passes_unnoticed(realdata: Path, name: str) -> None:
    """Every number of every exact table, taken out and then raised by one: refused, or an issue of a wrong total."""
    text = real(realdata, name).decode()
    bulletins, _ = parsed(text.encode())
    lines = text.split("\n")
    short = [
        *lines[:130],
        *lines[[i for i, line in enumerate(lines) if "都道府県における災害対策本部" in line][-1] :],
    ]
    tried = 0
    for scope in ("damage", "order", "shelter"):
        if PREFIX + scope not in bulletins:
            continue
        for at in {int(p.split()[-1]) - 1 for p in bulletins[PREFIX + scope].items.position}:
            if "：" in lines[at]:
                continue  # the words above a table
            for number in re.finditer(r"\d[\d,]*", lines[at]):
                more = f"{int(number[0].replace(',', '')) + 1:,}"
                for instead in (" " * len(number[0]), more.rjust(len(number[0]))):
                    line = lines[at][: number.start()] + instead + lines[at][number.end() :]
                    body = "\n".join([*short[:at], line, *short[at + 1 :]]).encode()
                    tried += 1
                    try:
                        codes = {issue.code for issue in parsed(body)[1] if issue.severity == "warning"}
                    except ParseError:
                        continue
                    assert "total_differs" in codes, (lines[at], number)
    assert tried >= 12


def test_an_unknown_section_with_a_table_is_an_issue() -> None:
    _, issues = parsed(SAMPLE.read_bytes())
    [unread] = [issue for issue in issues if issue.code == "unread"]
    assert "訓練施設の状況" in unread.cause


def test_the_year_turns_between_the_report_and_its_section() -> None:
    text = SAMPLE.read_text(encoding="utf-8").replace("９ 月 １ 日", "１ 月 １ 日").replace("９月１日", "12月31日")
    bulletins, _ = parsed(text.encode())
    assert bulletins["cao/令和8年訓練地震/road"].items.props["as_of"][0] == "2025-12-31T13:00:00+09:00"


def edited(*changes: tuple[str, str]) -> bytes:
    text = SAMPLE.read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    return text.encode()


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "empty"),
        (b" \n", "empty"),
        (b"<!DOCTYPE html><html>", "not_text"),
        (b"\xff\xfe\x00\x81", "not_text"),
        (b"%PDF-1.7\nbroken", "not_pdf"),
        ("令和８年９月１日 13時00分現在\nお知らせ".encode(), "unknown_document"),
        (edited(("1 4 時 0 0 分 現 在", "")), "unknown_document"),
        (edited(("に係る被害状況等について", "について")), "unknown_document"),
        (edited(("（１）人的・住家被害", "（１）被害")), "unknown_document"),
        (edited(("3 / 3", "3 / 9")), "truncated"),
        (edited(("全壊    半壊", "全壊    謎壊")), "unknown_table"),
        (edited(("重傷 軽傷等", "軽傷等 重傷")), "unknown_table"),
        (edited(("静岡県     4", "遠州県     4")), "unknown_table"),
        (edited(("静岡県     4", "静岡県     X4")), "unknown_table"),
        (edited(("12        3", "約約        3")), "unknown_cell"),
        (edited(("避難者数：1,204", "避難者数：1,20")), "unknown_cell"),
        (edited(("約4,000     約2,500 ", "約4,000     約2,50 ")), "unknown_cell"),
        (edited(("約 1,100 戸", "約 1,10 戸")), "unknown_cell"),
        (edited(("訓練市２人、", "訓練市2,0人、")), "unknown_cell"),
        (
            edited(("【静岡県】\n  くんれんし", "\n\n くん\n くん\n くん\n くん\n くん\n くん\n  くんれんし")),
            "unknown_table",
        ),
        (edited(("【静岡県】\n  くんれんし", "【訓練県】\n  くんれんし")), "unknown_table"),
        (
            edited(("  合計             約 4,200     約 2,500", "  約      \n 合計\n    4,200     2,500")),
            "unknown_table",
        ),
        (edited(("静岡県 約 1,500 戸", "")), "unknown_table"),
        (edited(("・訓練町 約 400 戸", "・訓練市 約 400 戸")), "unknown_table"),
        (edited(("市 町 村         世帯", "市 町 村         世帯数計")), "unknown_table"),
        (
            edited(
                ("都道府県               開設自治体数", "市町村               開設自治体数"),
                ("        静岡県           ", "        訓練市      "),
                ("        愛知県              ", "        訓練町       "),
                ("        合 計                         6", "        訓練村                         6"),
            ),
            "unknown_table",
        ),
        (edited(("合 計     4", "小 計     4")), "unknown_table"),
        (edited(("県・市町村             断水戸数（戸）", "県・市町村             断水戸数（戸）  新規")), "none"),
        (
            edited(("最大     現在                     期間", "現在     最大                     期間")),
            "unknown_table",
        ),
        (edited((" 訓練町               不明          0", " 訓練町               不明")), "unknown_table"),
        (edited(("  合計             約 4,200     約 2,500", "")), "no_total"),
        (edited(("内訳（都道府県）", "県別")), "unknown_table"),
        (edited(("最大停電戸数", "")), "unknown_table"),
        (
            edited(
                ("        合 計                         6                     31                        1,204\n", "")
            ),
            "no_total",
        ),
        (edited(("緊急安全確保", "新避難")), "unknown_table"),
        (edited(("2   1             3,400   8,100", "2   1             3,400")), "ambiguous_table"),
        (edited(("避難者数\n        静岡県", "帰宅者\n        静岡県")), "unknown_table"),
        (edited(("訓練市２人", "訓練市２名"), ("静岡県     4", "静岡県      ")), "ambiguous_table"),
    ],
)
def test_a_document_that_cannot_be_read_as_a_whole_is_refused(body: bytes, code: str) -> None:
    if code == "none":
        assert parsed(body)[0]
        return
    with pytest.raises(ParseError) as caught:
        parsed(body)
    assert caught.value.code == code
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("change", "code", "severity", "scope"),
    [
        # (what is written otherwise, issue, its severity, statement that is then missing; "" for none)
        (("（消防庁情報：９月１日 13:30 現在）", ""), "no_time", "info", ""),
        (("（国土交通省情報：９月１日 13:00 現在）", "（国土交通省情報：９月１日 18:00 現在）"), "later_than_report", "info", ""),  # noqa: E501
        (("訓練町１人、", "訓練町１人【】、"), "unread_line", "warning", ""),
        (("調査中死者１人", "調査中死者"), "unread_line", "warning", ""),
        (("訓練市２人、訓練町１人", "訓練市２人、訓練市１人"), "unread_line", "warning", ""),
        (("避難所数：31 か所 避難者数：1,204 人（最大 40 か所 2,010 人）", ""), None, "", ""),
        (("・E999 訓練道（", "・E999 訓練道 "), "unread_line", "warning", ""),
        ((" 静岡県 ２区間", " 静岡県など ２区間"), "unread_line", "warning", ""),
        ((" ア 被災による通行止め：１路線３区間\n", ""), "unread_line", "warning", ""),
        (("○９月１日 08:30 令和８年訓練地震非常災害対策本部設置", "○令和８年訓練地震非常災害対策本部設置"), "unread_line", "warning",  # noqa: E501
         "hq/government/central"),
        (("管内                      ・訓練町", "東訓練電力                      ・訓練町"), "ambiguous_total", "warning", ""),  # noqa: E501
        (("管内                      ・訓練町", "９件                       ・訓練町"), "unread_line", "warning", ""),
        ((" ②有料道路\n", " イ 通行止め解除：１路線\n ・E998 訓練線（訓南 IC～訓北 IC）：１区間：解除\n ②有料道路\n"),
         "unread_line", "warning", ""),
        (("(４)孤立集落", "⑥農道\n ア 被災による通行止め：１路線\n(４)孤立集落"), "unread_line", "warning", ""),
        ((" 【静岡県】９月１日 08 時 05 分 災害対策本部 設置", " 市町村  設置  廃止\n 甲  1  2\n 乙  3  4\n 丙  5  6\n"  # noqa: E501
          " 【静岡県】９月１日 08 時 05 分 災害対策本部 設置"), "unread", "info", ""),
        (("E999 訓練道（訓練東 IC～訓練西 IC）", "E999 訓練道（訓練東 IC～訓練西 IC）（訓）"), "total_differs", "warning", ""),  # noqa: E501
    ],
)  # fmt: skip
def test_what_is_written_otherwise_is_said(
    change: tuple[str, str], code: str | None, severity: str, scope: str
) -> None:
    usual, known = parsed(SAMPLE.read_bytes())
    bulletins, issues = parsed(edited(change))
    new = Counter((i.code, i.severity) for i in issues) - Counter((i.code, i.severity) for i in known)
    assert (new[code, severity] > 0) if code else not new  # type: ignore[index]
    assert {s.partition("/")[2].partition("/")[2] for s in usual.keys() - bulletins.keys()} == ({scope} - {""})
    if code in ("unread_line", "ambiguous_total") and not scope:
        assert any(not bulletin.complete for bulletin in bulletins.values())


@pytest.mark.parametrize(
    ("start", "end", "instead", "code", "scope"),
    [
        ("県・市町村    ", "②電力", "  被害なし（訓練）\n", "table_not_in_text", "water"),
        ("県・市町村    ", "②電力", "甲   1  2  3\n乙   4  5  6\n丙   7  8  9\n", "unread", "water"),
        ("ア 停電状況", "イ 電力需給", "  調査中（訓練）\n", "table_not_in_text", "power"),
        ("ア 被災による通行止め：１路線", "(４)孤立集落", "被害なし（訓練）\n", "table_not_in_text", "road"),
        ("ア 被災による通行止め：１路線", "(４)孤立集落", "甲  1  2\n乙  4  5\n丙  7  8\n", "unread", "road"),
        ("（１）避難所・避難者数", "４ その他", "（１）避難所・避難者数\n  集計中（訓練）\n", "table_not_in_text", "shelter"),  # noqa: E501
        (" 【静岡県】９月１日 08 時", "                                     3 / 3", "", "table_not_in_text", "hq/prefecture"),  # noqa: E501
        ("  ○９月１日 08:30", "(２)現地", "", None, "hq/government/central"),
        ("都道府県   死者", "（２）避難指示", "  集計中（訓練）\n", "table_not_in_text", "damage"),
    ],
)  # fmt: skip
def test_a_section_without_its_table_makes_no_statement(
    start: str, end: str, instead: str, code: str | None, scope: str
) -> None:
    """An empty statement would end what still holds."""
    text = SAMPLE.read_text(encoding="utf-8")
    if scope == "damage":
        start = text[text.index("人 的 被 害") - 25 :][:40]
    a = text.index(start)
    b = text.index(end, a)
    usual, known = parsed(text.encode())
    bulletins, issues = parsed((text[:a] + instead + text[b:]).encode())
    new = Counter(i.code for i in issues) - Counter(i.code for i in known)
    assert new == (Counter([code]) if code else Counter())
    gone = {key.removeprefix("cao/令和8年訓練地震/") for key in usual.keys() - bulletins.keys()}
    assert scope in gone
    assert gone <= {scope, "deaths", "water/list"}


def test_a_table_that_stands_twice_and_differs() -> None:
    text = SAMPLE.read_text(encoding="utf-8")
    water = text[text.index(" ①水道") : text.index("②電力")]
    again = "(６)水道（国土交通省情報：９月１日 12:00 現在）\n" + water.partition("\n")[2]
    same = text.replace("５ 政府の主な対応", again + "５ 政府の主な対応")
    other = text.replace("５ 政府の主な対応", again.replace("2,500 ", "2,400 ", 1) + "５ 政府の主な対応")
    assert "said_twice" not in {issue.code for issue in parsed(same.encode())[1]}
    [twice] = [issue for issue in parsed(other.encode())[1] if issue.code == "said_twice"]
    assert "訓練市" in twice.cause


def test_wrong_sums_of_the_source_are_kept_and_said() -> None:
    """訓練市 ２人 makes 4 with the others; with ３人 the row of the prefecture does not hold what its list says."""
    bulletins, issues = parsed(edited(("訓練市２人", "訓練市３人")))
    assert "cao/令和8年訓練地震/damage" in bulletins
    [differs] = [i for i in issues if i.code == "total_differs" and "死者の内訳" in i.cause]
    assert "4 is stated, the parts add up to 5 (difference -1)" in differs.cause
    assert differs.severity == "warning"


def test_a_line_that_is_written_in_another_way_is_held_back() -> None:
    _, issues = parsed(edited(("【愛知県】９月１日 08 時 10 分 災害警戒本部 設置", "【愛知県】災害警戒本部あり")))
    assert [issue.position for issue in issues if issue.code == "unread_line"] == ["page 3, line 131"]


def test_columns_come_and_go() -> None:
    """A report of a storm: no 災害関連死, but 安否不明者 and 程度不明."""
    labels = (
        "死者",
        "行方不明者",
        "安否不明者",
        "重傷",
        "軽傷",
        "程度不明",
        "小計",
        "合計",
        "全壊",
        "床上浸水",
        "床下浸水",
        "合計",
    )
    values = (1, "", 2, 1, 2, 3, 6, 7, 1, 20, 30, 51)
    table = "".join(
        first.ljust(8) + "".join(str(cell).rjust(6) for cell in cells).rstrip() + "\n"
        for first, cells in (
            ("都道府県", [f" {label}" for label in labels]),
            ("", ["人"] * 8 + ["棟"] * 4),
            ("静岡県", values),
            ("合計", values),
        )
    )
    text = SAMPLE.read_text(encoding="utf-8")
    head, _, rest = text.partition("（１）人的・住家被害\n")
    body = head + "（１）人的・住家被害\n" + table + rest[rest.index("（２）避難指示") :]
    bulletins, _ = parsed(body.encode())
    shizuoka = next(iter(bulletins["cao/令和8年訓練地震/damage"].items.rows())).props
    expected = {"dead": "1", "missing": "-", "unaccounted": "2", "injured_severe": "1", "injured_minor": "2"}
    expected |= {"injured_unknown": "3", "injured": "6", "house_destroyed": "1", "flooded_above_floor": "20"}
    expected |= {"flooded_below_floor": "30", "house_damaged": "51"}
    assert {name: said(shizuoka[name]) for name in expected} == expected
    assert "dead_disaster_related" not in shizuoka
