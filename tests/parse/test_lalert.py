"""Lアラート: orders, shelters, damage and headquarters of composed messages; 解除 and Cancel in any order."""

from __future__ import annotations

import json
from datetime import datetime
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
import shapely

from bousai import pipeline, settings
from bousai.errors import ParseError
from bousai.model import Bulletin, Issue
from bousai.parse import lalert

FEEDS = Path(__file__).resolve().parents[1] / "feeds" / "lalert"
ORDER = (FEEDS / "evacuation_order_1.xml").read_text(encoding="utf-8")
SHELTER = (FEEDS / "shelter.xml").read_text(encoding="utf-8")
DAMAGE = (FEEDS / "damage_correction.xml").read_text(encoding="utf-8")


def read(text: str) -> tuple[dict[str, Bulletin], list[Issue]]:
    found = list(lalert.parse(text.encode()))
    bulletins = {one.kind: one for one in found if isinstance(one, Bulletin)}
    return bulletins, [one for one in found if isinstance(one, Issue)]


@pytest.mark.parametrize("path", sorted(FEEDS.glob("*.xml")), ids=lambda path: path.name)
def test_every_sample_is_read_to_its_last_element_and_is_an_exercise(path: Path) -> None:
    bulletins, issues = read(path.read_text(encoding="utf-8"))
    assert issues == []
    assert {one.status for one in bulletins.values()} == {"exercise"}
    assert "太郎" not in repr([list(one.items.rows()) for one in bulletins.values()])


@pytest.mark.store
@pytest.mark.parametrize("order", list(permutations(["1", "2_update", "3_cancel"])))
def test_revisions_lifting_and_cancel_in_any_order(tmp_path: Path, order: tuple[str, ...]) -> None:
    own = settings.load({"BOUSAI_DATA": str(tmp_path / "var")})
    pipeline.prepare(own)
    files = [(name, (FEEDS / f"evacuation_order_{name}.xml").read_bytes()) for name in order]
    assert {one.outcome for one in pipeline.ingest_files("lalert", files, own)} <= {"stored", "unchanged"}

    def shown(at: str, known_at: datetime | None = None) -> set[str]:
        when = datetime.fromisoformat(f"2026-11-05T{at}+09:00")
        chunks = pipeline.layer_geojson("evacuation_order", own, valid_at=when, known_at=known_at, status="exercise")
        features: list[dict[str, Any]] = json.loads(b"".join(chunks))["features"]
        return {f"{f['properties']['order_text']} {f['properties']['district_name']}" for f in features}

    # The report was withdrawn: it never held.
    assert shown("10:40") == shown("12:10") == shown("13:00") == set()


@pytest.mark.store
def test_only_lifting_ends_an_order(tmp_path: Path) -> None:
    own = settings.load({"BOUSAI_DATA": str(tmp_path / "var")})
    pipeline.prepare(own)
    files = [(name, (FEEDS / f"evacuation_order_{name}.xml").read_bytes()) for name in ("2_update", "1")]
    list(pipeline.ingest_files("lalert", files, own))

    def shown(at: str) -> set[str]:
        when = datetime.fromisoformat(f"2026-11-05T{at}+09:00")
        chunks = pipeline.layer_geojson("evacuation_order", own, valid_at=when, status="exercise")
        features: list[dict[str, Any]] = json.loads(b"".join(chunks))["features"]
        return {f["properties"]["district_name"].removeprefix("【訓練】") for f in features}

    assert shown("10:40") == {"訓練町", "訓練台", "訓練岬"}
    # 訓練台 was lifted; 訓練岬 was only not repeated.
    assert shown("12:10") == {"訓練町", "訓練岬"}


def test_an_order_for_an_earthquake_has_no_level() -> None:
    orders = read(ORDER)[0]["evacuation_order"].items.props
    assert orders["level"] == [4, 4, 3]
    quake = read(ORDER.replace("【訓練】大雨", "【訓練】地震"))[0]["evacuation_order"].items.props
    assert quake["level"] == [None, None, None]


def test_an_order_of_before_2021_keeps_its_name() -> None:
    old = read(ORDER.replace(">避難指示<", ">避難勧告<"))[0]["evacuation_order"].items.props
    assert (old["order"][0], old["order_text"][0]) == ("recommend", "避難勧告")


def test_an_unknown_order_is_kept_in_its_words_and_told() -> None:
    bulletins, issues = read(ORDER.replace(">避難指示<", ">新しい指示<"))
    assert bulletins["evacuation_order"].items.props["order_text"][0] == "新しい指示"
    assert {issue.code for issue in issues} == {"unknown_order"}


def test_shelters_have_their_numbers_where_they_are_known() -> None:
    bulletins, _ = read(SHELTER)
    shelters = {item.props["name"]: item for item in bulletins["shelter_status"].items.rows()}
    school, hall = shelters["【訓練】訓練小学校"], shelters["【訓練】訓練公民館"]
    assert school.props["evacuees"]["value"] == 35
    assert hall.props["evacuees"] is None
    assert shapely.from_wkb(school.geometry).coords[0] == (139.672, 35.281)
    assert shelters["【訓練】訓練会館"].props["state"] == "closed"
    (total,) = bulletins["evacuation_summary"].items.rows()
    assert (total.props["evacuees"]["value"], total.props["shelters_open"]["value"]) == (35, 2)


def test_damage_is_counted_by_type_and_unit_and_errata_make_a_correction() -> None:
    bulletins, _ = read(DAMAGE)
    bulletin = bulletins["damage_count"]
    (item,) = bulletin.items.rows()
    said = {name: value["value"] for name, value in item.props.items() if isinstance(value, dict)}
    assert said == {
        "dead": 0,
        "missing": 1,
        "injured_severe": 2,
        "house_destroyed": 3,
        "house_destroyed_households": 4,
        "flooded_above_floor": 5,
        "public_building": 1,
        "road": 6,
        "water": 70,
        "fire_building": 1,
        "firefighters": 30,
    }
    assert (bulletin.msg_type, bulletin.serial) == ("correct", "2")


def test_a_new_type_of_damage_and_a_new_element_are_told() -> None:
    _, issues = read(DAMAGE.replace('"道路"', '"新しい被害"'))
    assert [issue.code for issue in issues] == ["unread"]
    _, issues = read(
        ORDER.replace("<b:Sort>避難指示</b:Sort>", "<b:Sort>避難指示</b:Sort><b:Surprise>1</b:Surprise>")
    )
    assert [(issue.code, "Surprise" in issue.cause) for issue in issues] == [("unread", True)]


def test_a_real_message_is_actual_only_where_both_say_so() -> None:
    real = ORDER.replace("Exercise<", "Actual<")
    assert read(real)[0]["evacuation_order"].status == "actual"
    assert read(real.replace("Actual<", "Test<", 1))[0]["evacuation_order"].status == "test"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (("Exercise<", "Draft<"), "unknown_status"),
        (("Exercise<", "System<"), "unknown_status"),
        (("Exercise<", " 訓練 <"), "unknown_status"),
        (("Report</edxlde:distributionType", "Error</edxlde:distributionType"), "unknown_type"),
        (("<commons:documentID>doc-ev</commons:documentID>", ""), "no_document_id"),
        (("ReportDateTime>2026-11-05T10:30:00+09:00", "ReportDateTime>2026-11-05T10:30:00"), "bad_time"),
        (("b:EvacuationOrder>", "b:Unknown>"), "not_lalert"),
        (("EDXLDistribution", "Distribution"), "not_lalert"),
        (("<Report>", "<Report><!-- -->"), None),
    ],
)
def test_what_is_no_message_is_refused(change: tuple[str, str], code: str | None) -> None:
    assert change[0] in ORDER
    text = ORDER.replace(*change)
    if code is None:
        assert read(text)[0]
        return
    with pytest.raises(ParseError) as refused:
        read(text)
    assert refused.value.code == code


def test_a_category_that_is_not_read_says_so() -> None:
    bulletins, issues = read(ORDER.replace("b:EvacuationOrder>", "b:UrgentMail>"))
    assert bulletins == {}
    assert [(issue.code, issue.severity) for issue in issues] == [("no_parser", "error")]


def test_an_office_that_is_no_municipality_is_told() -> None:
    bulletins, issues = read(ORDER.replace("142018", "999999").replace("横須賀市", "架空市"))
    assert set(bulletins["evacuation_order"].items.muni_code) == {None}
    assert [issue.code for issue in issues] == ["unknown_municipality"]
