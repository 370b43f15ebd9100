"""Weather commentaries: all prose, all quantities, the newest of a series."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from jma_telegrams import (
    BODY,
    EB,
    HEAD,
    Desk,
    answers,
    at,
    edited,
    facts,
    path_of,
    put,
    rows,
    texts,
    withdrawn,
    without,
)
from lxml import etree

from bousai.errors import ParseError
from bousai.model import Issue
from bousai.parse import jma_commentary

PROJECT = Path(__file__).resolve().parents[2]
SAMPLES = PROJECT / "tests/feeds/jma_commentary"
TIDES = PROJECT / "tests/feeds/jma_tide"
OFFICIAL = {
    "62_01_01_130412_VPNO50.xml": "jma/VPNO50/奈良県気象特別警報報知",
    "72_01_01_190327_VPAW51.xml": "jma/VPAW51/高温に関する早期天候情報（東北地方）",
    "83_01_01_250630_VPZJ51.xml": "jma/VPZJ51/JPTK240129",
    "84_01_01_241226_VPCJ51.xml": "jma/VPCJ51/JPTK230150",
    "85_01_01_250630_VPFJ51.xml": "jma/VPFJ51/JPTK230120",
    "89_01_01_250630_VMCJ55.xml": "jma/VMCJ55/JPSE230021",
}
FIRST, SECOND, TAKEN_BACK = (
    SAMPLES / f"2026110{time}_0_VPFJ51_140000.xml" for time in ("5010000", "5070000", "5071000")
)
SPECIAL, SWITCHED = (SAMPLES / f"2026110{time}_0_VPNO50_140000.xml" for time in ("5020000", "5040000"))
EARLY = SAMPLES / "20261105053000_0_VPAW51_140000.xml"


@pytest.fixture(scope="session")
def real(realdata: Path) -> Callable[[str], bytes]:
    return lambda name: (realdata / "jma-xml/samples-official" / name).read_bytes()


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def actual(path: Path) -> bytes:
    return put(path.read_bytes(), "通常", "Control", "Status")


@pytest.mark.parametrize(("name", "item_id"), OFFICIAL.items())
def test_a_telegram_is_one_item_of_its_series_with_all_its_prose(
    real: Callable[[str], bytes], name: str, item_id: str
) -> None:
    body = real(name)
    (bulletin,), issues = answers(jma_commentary, body)
    (row,) = rows(bulletin)
    assert issues == []
    assert (row.item_id, bulletin.scope, bulletin.complete) == (
        item_id,
        item_id.replace("jma/", "jma/weather_commentary/", 1),
        True,
    )
    tree = etree.fromstring(body)
    words = [e.text.strip() for e in tree.iter(f"{BODY}Text", f"{EB}Text") if e.text and e.text.strip()]
    assert sorted(text for section in row.props["sections"] for text in section["texts"]) == sorted(words)
    assert all(word in (row.props["text"] or "") for word in words)
    assert (row.props["headline"] or "") == texts(body, "Head", "Headline", "Text")[0]
    first = next(tree.iter(f"{HEAD}Information"))
    assert [(one["code"], one["name"]) for one in row.props["areas"]] == [
        (a.findtext(f"{HEAD}Code"), a.findtext(f"{HEAD}Name")) for a in first.iter(f"{HEAD}Area")
    ]


@pytest.mark.parametrize("name", OFFICIAL)
def test_all_quantities_and_events_are_there(real: Callable[[str], bytes], name: str) -> None:
    tree = etree.fromstring(real(name))
    (bulletin,), _ = answers(jma_commentary, real(name))
    (row,) = rows(bulletin)
    numbers = [e for e in tree.iter() if str(e.tag).startswith(EB) and not len(e) and e.tag != f"{EB}Text"]
    assert len(row.props["values"]) == len(numbers)
    assert len(row.props["events"]) == len(list(tree.iter(f"{BODY}Event")))


def test_tags_typhoon_and_how_far_the_forecasts_reach(real: Callable[[str], bytes]) -> None:
    (bulletin,), _ = answers(jma_commentary, real("85_01_01_250630_VPFJ51.xml"))
    props = rows(bulletin)[0].props
    assert props["tags"] == ["台風", "大雨", "落雷", "突風", "強風", "高波"]
    assert (props["typhoon_number"], props["cyclone_number"]) == ("T2313", "TC2315")
    assert props["forecast_until"] == "2023-09-09T18:00:00+09:00"
    miyake = [v for v in props["values"] if v["places"] == [{"code": "44226", "name": "三宅島"}]]
    assert [(v["quantity"], v["value"], v["text"]) for v in miyake] == [
        ("降水量", 52.0, "５２．０ミリ"),
        ("風向", None, "北東"),
        ("最大瞬間風速", 25.0, "２５．０メートル"),
        ("風向", None, "北北東"),
        ("最大風速", 13.0, "１３．０メートル"),
    ]


def test_the_end_that_the_source_gives_is_the_end(real: Callable[[str], bytes]) -> None:
    (bulletin,), _ = answers(jma_commentary, real("72_01_01_190327_VPAW51.xml"))
    (row,) = rows(bulletin)
    assert row.valid_to is not None
    assert row.valid_to.isoformat() == "2017-12-09T14:30:00+09:00"
    assert [(v["quantity"], v["value"], v["unit"], v["condition"]) for v in row.props["values"]] == [
        ("ProbabilityOfSignificantlyAboveNormal", 30.0, "%", "以上"),
        ("ThresholdOfSignificantlyAboveNormal", 2.4, "℃", "以上"),
    ]


OLD = ["VPZJ50", "VPCJ50", "VPFJ50", "VMCJ50", "VMCJ51", "VMCJ52"]


@pytest.mark.parametrize("kind", OLD)
def test_an_old_type_counts_until_its_successor_began(kind: str) -> None:
    (path,) = [*SAMPLES.glob(f"2025*_{kind}_*.xml"), *TIDES.glob(f"2025*_{kind}_*.xml")]
    (bulletin,), issues = answers(jma_commentary, at(path.read_bytes(), "2026-05-28T12:59:59"))
    (row,) = rows(bulletin)
    assert issues == []
    assert row.props["text"].startswith("【訓練】")
    assert row.props["areas"] == [{"code": "140000", "name": "神奈川県"}]
    (issue,) = jma_commentary.parse(at(path.read_bytes(), "2026-05-28T13:00:00"))
    assert isinstance(issue, Issue)
    assert (issue.code, issue.severity) == ("superseded_telegram", "info")


# ── telegrams one after another ──────────────────────────────────────────────────────────────────────────


def headlines(desk: Desk, time: str, status: str = "actual") -> dict[str, str]:
    return {
        id_: one["headline"].removeprefix("【訓練】")
        for id_, one in desk.features("weather_commentary", time, status).items()
    }


SERIES = "jma/VPFJ51/JPYH260001"
BEGINS, ENDS = "訓練地方では大雨に警戒してください。", "訓練地方の大雨の峠は越えました。"


@pytest.mark.store
@pytest.mark.parametrize("backwards", [False, True])
def test_the_next_of_a_series_replaces_it_and_a_withdrawal_brings_it_back(desk: Desk, backwards: bool) -> None:
    chain = [actual(path) for path in (FIRST, SECOND, TAKEN_BACK)]
    desk.take("jma_commentary", *chain[:: -1 if backwards else 1])
    assert headlines(desk, "2026-11-05T09:59:00") == {}
    assert headlines(desk, "2026-11-05T12:00:00") == {SERIES: BEGINS}
    assert headlines(desk, "2026-11-05T16:11:00") == {SERIES: BEGINS}


@pytest.mark.store
def test_the_newest_is_shown_even_if_an_older_one_comes_late(desk: Desk) -> None:
    desk.take("jma_commentary", actual(SECOND), actual(FIRST))
    assert headlines(desk, "2026-11-05T16:05:00") == {SERIES: ENDS}
    assert headlines(desk, "2026-11-05T12:00:00") == {SERIES: BEGINS}


@pytest.mark.store
def test_a_correction_replaces_what_it_corrects(desk: Desk) -> None:
    corrected = put(put(actual(FIRST), "訂正", "Head", "InfoType"), "訂正した見出し", "Head", "Headline", "Text")
    desk.take("jma_commentary", corrected, actual(FIRST))
    assert headlines(desk, "2026-11-05T12:00:00") == {SERIES: "訂正した見出し"}


@pytest.mark.store
def test_the_notice_of_an_emergency_warning_ends_when_it_is_switched_down(desk: Desk) -> None:
    desk.take("jma_commentary", actual(SPECIAL), actual(SWITCHED))
    notice = "jma/VPNO50/神奈川県気象特別警報報知"
    assert headlines(desk, "2026-11-05T12:00:00") == {notice: "神奈川県に特別警報を発表しました。"}
    assert headlines(desk, "2026-11-05T13:00:00") == {}


@pytest.mark.store
def test_what_has_an_end_ends(desk: Desk) -> None:
    desk.take("jma_commentary", actual(EARLY))
    assert len(headlines(desk, "2026-11-12T14:29:59")) == 1
    assert headlines(desk, "2026-11-12T14:30:00") == {}


@pytest.mark.store
def test_a_drill_is_in_the_drill_alone(desk: Desk) -> None:
    desk.take("jma_commentary", FIRST.read_bytes())
    assert headlines(desk, "2026-11-05T12:00:00") == {}
    assert headlines(desk, "2026-11-05T12:00:00", "exercise") == {SERIES: BEGINS}


@pytest.mark.store
def test_tides_go_into_the_same_layer_under_their_own_feed(desk: Desk) -> None:
    desk.take("jma_tide", *[actual(path) for path in sorted(TIDES.glob("2026*.xml"))])
    found = desk.features("weather_commentary", "2026-11-05T12:00:00")
    assert {one["source"] for one in found.values()} == {"jma_tide"}
    assert {one["telegram"] for one in found.values()} == {"VMCJ53", "VMCJ54", "VMCJ55", "VPBS51"}


@pytest.mark.parametrize(("word", "status"), [("訓練", "exercise"), ("試験", "test")])
@pytest.mark.parametrize("name", OFFICIAL)
def test_another_status_changes_nothing_else(real: Callable[[str], bytes], name: str, word: str, status: str) -> None:
    meant, _ = answers(jma_commentary, real(name))
    drill, issues = answers(jma_commentary, put(real(name), word, "Control", "Status"))
    assert facts(drill) == [{**one, "status": status} for one in facts(meant)]
    assert issues == []


@pytest.mark.parametrize("name", OFFICIAL)
def test_a_withdrawal_names_the_scope_of_its_series(real: Callable[[str], bytes], name: str) -> None:
    (target,), _ = answers(jma_commentary, real(name))
    (taken,), issues = answers(jma_commentary, withdrawn(real(name), "2024-11-05T10:00:00"))
    assert (taken.msg_type, taken.scope, taken.bulletin_type, taken.source_event_id) == (
        "withdraw",
        target.scope,
        target.bulletin_type,
        target.source_event_id,
    )
    assert issues == []


# ── bad input ────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (lambda b: put(b, "演習", "Control", "Status"), "unknown_status"),
        (lambda b: without(b, path_of("Report", "Body")), "not_jma_telegram"),
        (lambda b: b.replace(b"body/meteorology1", b"body/astronomy1"), "not_jma_telegram"),
        (lambda _: b"<html><body>maintenance</body></html>", "html_instead_of_xml"),
        (lambda b: b[:-40], "not_xml"),
        (lambda b: put(put(b, "", "Head", "EventID"), "", "Head", "Title"), "no_series"),
    ],
)
def test_what_cannot_be_read_is_refused(spoil: Callable[[bytes], bytes], code: str) -> None:
    with pytest.raises(ParseError) as caught:
        list(jma_commentary.parse(spoil(FIRST.read_bytes())))
    assert caught.value.code == code


def test_what_nobody_read_is_reported(real: Callable[[str], bytes]) -> None:
    def novel(root: etree._Element) -> None:
        (node,) = root.xpath(path_of("Report", "Body"))
        etree.SubElement(node, f"{BODY}Novelty").text = "1"
        etree.SubElement(next(root.iter(f"{HEAD}Item")), f"{HEAD}Nuance").text = "1"

    _, issues = answers(jma_commentary, edited(real("84_01_01_241226_VPCJ51.xml"), novel))
    assert {(issue.code, issue.position) for issue in issues} == {
        ("unread", "Body/Novelty"),
        ("unread", "Head/Headline/Information/Item/Nuance"),
    }


def test_the_feeds_take_what_the_parser_handles() -> None:
    taken = [
        kind
        for name in ("jma_commentary", "jma_tide")
        for kind in yaml.safe_load((PROJECT / f"config/feeds/{name}.yml").read_text(encoding="utf-8"))["source"][
            "types"
        ]
    ]
    assert sorted(taken) == sorted(jma_commentary.HANDLES)
