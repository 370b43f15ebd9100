"""The prefecture's portal: every facility of the real JSON read a second time, and the saved page beside it."""

from __future__ import annotations

import csv
import io
import json
import re
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

import goldens
from bousai import pipeline
from bousai.errors import ParseError
from bousai.model import Bulletin, Issue, Item
from bousai.parse import shelter_portal
from bousai.parse.shelter_portal import Options

FEEDS = {feed.id: feed for feed in goldens.feeds()}
OPTIONS = Options("kumamoto_portal", "熊本県", "43")
NAME = "kumamoto-open-shelters-20260805-1156.json"


def read(body: bytes) -> tuple[dict[str, Bulletin], Counter[str], list[Issue]]:
    found = list(shelter_portal.parse(body, OPTIONS))
    bulletins = {one.scope: one for one in found if isinstance(one, Bulletin)}
    issues = [one for one in found if isinstance(one, Issue)]
    return bulletins, Counter(issue.code for issue in issues), issues


def items_of(bulletins: dict[str, Bulletin], part: str) -> dict[str, Item]:
    return {str(item.props["source_id"]): item for item in bulletins[f"kumamoto_portal/{part}"].items.rows()}


@pytest.fixture(scope="module")
def body(realdata: Path) -> bytes:
    return (realdata / "municipal-shelters/kumamoto-2026" / NAME).read_bytes()


@pytest.fixture(scope="module")
def page(realdata: Path) -> bytes:
    return (realdata / "municipal-shelters/kumamoto-2026/portal_shelter_list_page.html").read_bytes()


def local(text: str) -> str | None:
    return f"{text.replace(' ', 'T')}+09:00" if text else None


def test_every_facility_of_the_real_list(body: bytes) -> None:
    expected = json.loads(body)["items"]
    bulletins, codes, _ = read(body)
    assert codes == {"no_position": 3, "availability": 1}
    assert {scope: (b.kind, b.complete, len(b.items), b.issued_at) for scope, b in bulletins.items()} == {
        "kumamoto_portal/status": ("shelter_status", True, 2126, None),
        "kumamoto_portal/site": ("municipal_site", True, 2126, None),
    }
    states, sites = items_of(bulletins, "status"), items_of(bulletins, "site")
    for said in expected:
        state, site = states[said["facilityId"]], sites[said["facilityId"]]
        start, end = said["shelterStartTimestamp"], said["shelterEndTimestamp"]
        assert state.props["state"] == ("closed" if end else "open" if start else "not_open")
        assert (state.props["opened_at"], state.props["closed_at"]) == (local(start), local(end))
        assert state.muni_code == site.muni_code == said["municipalityCd"][:5]
        assert state.props["name"] == site.props["name"] == said["name"].strip()
        assert state.props["capacity"]["value"] == (said["capacity"] or None)
        assert (state.geometry is None) == (said["latitude"] == "")
        if said["latitude"]:
            assert site.props["lat"] == round(float(said["latitude"]), 6)
            assert site.props["lon"] == round(float(said["longitude"]), 6)
        words = {"1": "free", "2": "slightly_crowded", "3": "crowded", "9": "unknown", None: None}
        assert state.props["crowding"] == words[said["crowdedStatus"]]
        assert site.props["hazards"] == {
            "flood": said["floodShFlg"] == "1",
            "landslide": said["sedimentDisasterShFlg"] == "1",
            "storm_surge": said["stormSurgeShFlg"] == "1",
            "earthquake": said["earthquakeShFlg"] == "1",
            "tsunami": said["tsunamiShFlg"] == "1",
            "fire": None,
            "inland_flood": said["landsideWaterShFlg"] == "1",
            "volcano": None,
        }
        designated = (said["edesignatedEvacShFlg"], said["designatedEvacShFlg"])
        assert (
            state.props["designation"]
            == {
                ("1", "1"): "designated_both",
                ("1", "0"): "designated_site",
                ("0", "1"): "designated_shelter",
                ("0", "0"): "not_designated",
            }[designated]
        )
    assert Counter(item.props["state"] for item in states.values()) == {"not_open": 1581, "closed": 410, "open": 135}
    assert len({item.item_id for item in (*states.values(), *sites.values())}) == 2 * 2126


def test_the_words_for_the_codes_of_crowding_stand_on_the_page(realdata: Path, body: bytes) -> None:
    """The archive of the page, three days later: for every code its word is the one that it mostly has there."""
    text = (realdata / "municipal-shelters/kumamoto-2026/latest_open.csv").read_bytes().decode("utf-8-sig")
    code = {one["facilityId"]: one["crowdedStatus"] for one in json.loads(body)["items"]}
    pairs = Counter(
        (code[row["portal_shelter_id"]], row["congestion_status"])
        for row in csv.DictReader(io.StringIO(text, newline=""))
        if row["portal_shelter_id"] in code
    )
    for one, word in (("1", "平常"), ("2", "やや混雑"), ("3", "混雑"), ("9", "不明")):
        assert pairs[(one, word)] == max(n for (other, _), n in pairs.items() if other == one)


def changed(body: bytes, change: Callable[[dict[str, Any]], None]) -> bytes:
    document = json.loads(body)
    change(document)
    return json.dumps(document, ensure_ascii=False).encode()


def put(index: int, **members: Any) -> Callable[[dict[str, Any]], None]:
    return lambda document: document["items"][index].update(members)


@pytest.mark.parametrize(
    ("members", "code", "state"),
    [
        ({"shelterStartTimestamp": "", "shelterEndTimestamp": "2026-07-29 10:00:00"}, "bad_time", "unknown"),
        ({"shelterStartTimestamp": "2026-07-29 10:00:00", "shelterEndTimestamp": "2026-07-28 10:00:00"}, "bad_time",
         "unknown"),
        ({"shelterStartTimestamp": "本日"}, "bad_time", "unknown"),
        ({"crowdedStatus": "4"}, "unknown_code", "open"),
        ({"floodShFlg": "9"}, "unknown_flag", "open"),
        ({"capacity": -1}, "bad_count", "open"),
        ({"capacity": True}, "bad_count", "open"),
        ({"capacity": 10**30}, "bad_count", "open"),
        ({"floodShFlg": 1}, "unknown_flag", "open"),
        ({"crowdedStatus": 1}, "unknown_code", "open"),
        ({"municipalityCd": None}, "unknown_municipality", "open"),
        ({"capacity": "約100"}, "bad_count", "open"),
        ({"municipalityCd": "43100"}, "unknown_municipality", "open"),
        ({"municipalityCd": "431002"}, "unknown_municipality", "open"),
        ({"municipalityCd": "131016"}, "unknown_municipality", "open"),
        ({"municipalityName": "八代市"}, "unknown_municipality", "open"),
        ({"latitude": "130.7", "longitude": "x"}, "no_position", "open"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_unknown_and_an_issue(body: bytes, members: dict[str, Any], code: str, state: str) -> None:
    bulletins, codes, _ = read(changed(body, put(0, **members)))
    _, before, _ = read(body)
    assert codes - before == {code: 1}
    item = items_of(bulletins, "status")["00000035"]
    assert item.props["state"] == state
    assert (item.muni_code is None) == (code == "unknown_municipality")
    assert bulletins["kumamoto_portal/status"].complete


def test_a_list_that_was_cut_closes_nothing(body: bytes) -> None:
    def cut(document: dict[str, Any]) -> None:
        del document["items"][100:]

    bulletins, codes, _ = read(changed(body, cut))
    assert [bulletin.complete for bulletin in bulletins.values()] == [False, False]
    assert codes["part_of_list"] == 1
    bulletins, codes, _ = read(changed(body, put(5, facilityId="00000035")))
    assert codes["bad_id"] == 1
    assert not bulletins["kumamoto_portal/status"].complete


def test_what_is_not_public_is_not_passed_on(body: bytes) -> None:
    for flag in ("0", None, 1):
        bulletins, codes, issues = read(changed(body, put(0, publicFlg=flag, name="CANARY")))
        assert codes["not_public"] == 1
        assert "00000035" not in items_of(bulletins, "status")
        assert "00000035" not in items_of(bulletins, "site")
        assert "CANARY" not in repr(issues)


def test_a_member_that_nobody_knows_is_unread(body: bytes) -> None:
    _, _, issues = read(changed(body, lambda document: document.update(updated="x", items=document["items"][:3])))
    assert [issue.position for issue in issues if issue.code == "unread"] == ["updated"]
    _, _, issues = read(changed(body, put(7, evacueeCount=12)))
    assert [issue.position for issue in issues if issue.code == "unread"] == ["evacueeCount"]


@pytest.mark.parametrize(
    ("document", "code"),
    [
        (b"", "empty"),
        (b"[]", "not_portal_list"),
        (b'{"items": {}, "total": 0}', "not_portal_list"),
        (b'{"items": [1], "total": 1}', "not_portal_list"),
        (b'{"items": [{"facilityId": {}}], "total": 1}', "not_portal_list"),
        (b'{"items": [{"facilityId": "1", "name": "x"}], "total": 1}', "not_portal_list"),
        (b'{"items": [], "items": [], "total": 0}', "not_json"),
        (b'{"items": [], "total": NaN}', "not_json"),
        (b'{"items": ' + b"[" * 100_000, "not_json"),
        ("<!DOCTYPE html><p>メンテナンス中</p>".encode(), "no_grid"),
        (b"<html></html>", "no_grid"),
        (b'<div class="dgrid-grid"></div>', "not_portal_page"),
    ],
)
def test_what_is_neither_list_nor_page_is_refused(document: bytes, code: str) -> None:
    with pytest.raises(ParseError) as caught:
        list(shelter_portal.parse(document, OPTIONS))
    assert caught.value.code == code
    assert caught.value.remedy


def test_the_time_is_in_the_name_of_a_kept_copy() -> None:
    feed = FEEDS["kumamoto_shelter_portal"]
    assert feed.dated_by(NAME) == datetime.fromisoformat("2026-08-05T11:56:00+09:00")
    assert feed.dated_by("shelter.json") is None
    with pytest.raises(ParseError):
        feed.dated_by("opening.json")


# ── the saved page ───────────────────────────────────────────────────────────────────────────────────────────────


def test_every_row_of_the_real_page(page: bytes, body: bytes) -> None:
    ids = re.findall(r'id="dgrid_0-row-(\d+)"', page.decode())
    bulletins, codes, issues = read(page)
    bulletin = bulletins["kumamoto_portal/page"]
    assert bulletin.issued_at == datetime.fromisoformat("2026-08-09T00:40:00+09:00")
    assert not bulletin.complete
    assert [item.props["source_id"] for item in bulletin.items.rows()] == ids
    assert (len(ids), codes) == (192, {"part_of_list": 1})
    assert "192 of 2126" in issues[0].cause
    facilities = {one["facilityId"]: one for one in json.loads(body)["items"]}
    for item in bulletin.items.rows():
        said = facilities[str(item.props["source_id"])]
        assert (item.props["name"], item.props["area_name"]) == (said["name"], said["municipalityName"])
        assert item.muni_code == said["municipalityCd"][:5]
        assert (item.props["state"], item.props["state_text"]) == ("not_open", "---")
        assert item.geometry is not None
    ended = [facilities[one]["shelterEndTimestamp"] for one in ids if facilities[one]["shelterEndTimestamp"]]
    assert len(ended) == 13  # 「---」 is also what has closed again


def test_a_page_with_all_its_rows_is_the_whole_list(page: bytes) -> None:
    bulletins, codes, _ = read(page.replace("全 2126 件".encode(), "全 192 件".encode()))
    assert (bulletins["kumamoto_portal/page"].complete, codes) == (True, {})


def test_a_row_without_one_of_its_cells_is_held_back(page: bytes) -> None:
    text = page.decode()
    at = text.rindex('<td class="dgrid-cell dgrid-column-0-4')
    end = text.index("</td>", at) + 5
    bulletins, codes, _ = read(f"{text[:at]}{text[end:]}".encode())
    assert codes["bad_row"] == 1
    assert (len(bulletins["kumamoto_portal/page"].items), bulletins["kumamoto_portal/page"].complete) == (191, False)


def test_the_columns_of_the_page_may_change_places(page: bytes) -> None:
    """A cell belongs to the header of its column's class, wherever it stands."""
    swapped = page.replace(b"dgrid-column-0-4", b"dgrid-column-0-9").replace(b"dgrid-column-0-2", b"dgrid-column-0-4")
    before, _, _ = read(page)
    after, codes, _ = read(swapped)
    assert [item.props for item in after["kumamoto_portal/page"].items.rows()] == [
        item.props for item in before["kumamoto_portal/page"].items.rows()
    ]
    assert codes == {"part_of_list": 1}
    text = page.decode()
    for old, code in (("開設状況", "not_portal_page"), ("時点の避難所", "not_portal_page")):
        with pytest.raises(ParseError) as caught:
            read(text.replace(old, "訓練").encode())
        assert caught.value.code == code
    _, _, issues = read(text.replace("ルート検索", "避難者数").encode())
    assert [issue.position for issue in issues if issue.code == "unread"] == ["避難者数"]


def test_designated_shelters_of_the_folder_are_the_list_of_gsi(realdata: Path) -> None:
    """kumamoto-designated-shelters is 国土地理院's own format: the feed gsi_shelter takes it, whole."""
    path = realdata / "municipal-shelters/kumamoto-2026/kumamoto-designated-shelters-20260730.geojson"
    found = list(pipeline.parsed(FEEDS["gsi_shelter"], path.name, path.read_bytes()))
    bulletins = [one for one in found if isinstance(one, Bulletin)]
    assert (len(bulletins), len(found)) == (45, 45)
    assert sum(len(one.items) for one in bulletins) == len(json.loads(path.read_bytes())["features"]) == 1316
