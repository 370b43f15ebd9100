"""The national roll-up: the same items as the warnings themselves, but never among them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from jma_telegrams import BODY, Desk, answers, edited, facts, put, rows, without
from lxml import etree

from bousai.errors import ParseError
from bousai.model import Item
from bousai.parse import jma_warning, jma_warning_summary

PROJECT = Path(__file__).resolve().parents[2]
SAMPLES = PROJECT / "tests/feeds/jma_warning_summary"
FIRST, SECOND, TAKEN_BACK = sorted(SAMPLES.glob("*.xml"))
MUNICIPAL = "//*[local-name()='Warning'][@type='気象警報・注意報（市町村等）']"
TITLE = "気象警報・注意報（Ｒ０６）（集約通報）"
NEW_WARNINGS = ("sample_dosha_keiho.xml", "keiho_multi_pref_miyazaki.xml", "sample_sonota_chuiho.xml")


@pytest.fixture(scope="session")
def real(realdata: Path) -> Callable[[str], bytes]:
    return lambda name: (realdata / "jma-xml/real-2026-07" / name).read_bytes()


def items(body: bytes) -> dict[str, Item]:
    (bulletin,), issues = answers(jma_warning_summary, body)
    assert issues == []
    assert (bulletin.scope, bulletin.kind, bulletin.complete) == (
        "jma/weather_warning_summary",
        "weather_warning_summary",
        True,
    )
    return {item.item_id: item for item in rows(bulletin)}


@pytest.mark.parametrize("name", NEW_WARNINGS)
def test_it_reads_municipalities_exactly_as_the_warnings_are_read(real: Callable[[str], bytes], name: str) -> None:
    """A real warning under the title of the roll-up gives the very items that it gives as itself."""
    (bulletin,), _ = answers(jma_warning, real(name))
    expected = {item.item_id: replace(item, props={**item.props, "telegram": "VPWS50"}) for item in rows(bulletin)}
    assert expected
    assert items(put(real(name), TITLE, "Control", "Title")) == expected


def test_several_regions_and_all_families_in_one() -> None:
    found = {
        key: (item.props["kind_name"], item.props["change"], item.ended)
        for key, item in items(FIRST.read_bytes()).items()
    }
    assert found == {
        "1310100/thunder": ("雷注意報", "continued", False),
        "1410011/heavy_rain": ("レベル３大雨警報", "raised", False),
        "1410011/thunder": ("雷注意報", "continued", False),
        "1410011/gale": ("暴風警報", "continued", False),
        "1413000/heavy_rain": ("レベル２大雨注意報", "continued", False),
        "1413000/thunder": ("雷注意報", "continued", False),
        "1420600/thunder": ("雷注意報", "continued", False),
        "1420600/high_wave": ("波浪注意報", None, True),
    }


@pytest.mark.store
def test_a_roll_up_is_never_a_warning_and_the_newest_stands(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    done = desk.take(
        "jma_warning_summary", *(put(path.read_bytes(), "通常", "Control", "Status") for path in (SECOND, FIRST))
    )
    assert {one.outcome for one in done} == {"stored"}
    assert desk.features("weather_warning", "2026-11-05T10:51") == {}
    summary = {
        time: {
            key: feature["level"]
            for key, feature in desk.features("weather_warning_summary", f"2026-11-05T{time}").items()
        }
        for time in ("10:39", "10:45", "10:52")
    }
    assert summary["10:39"] == {}
    assert (summary["10:45"]["1410011/heavy_rain"], summary["10:52"]["1410011/heavy_rain"]) == (3, 4)
    assert set(summary["10:45"]) - set(summary["10:52"]) == {"1310100/thunder", "1420600/thunder"}
    desk.take("jma_warning_summary", put(TAKEN_BACK.read_bytes(), "通常", "Control", "Status"))
    assert desk.features("weather_warning_summary", "2026-11-05T10:56")["1410011/heavy_rain"]["level"] == 3


@pytest.mark.parametrize(("word", "status"), [("通常", "actual"), ("試験", "test")])
def test_another_status_changes_nothing_else(word: str, status: str) -> None:
    for path in (FIRST, SECOND, TAKEN_BACK):
        other, _ = answers(jma_warning_summary, put(path.read_bytes(), word, "Control", "Status"))
        assert facts(other) == [
            {**one, "status": status} for one in facts(answers(jma_warning_summary, path.read_bytes())[0])
        ]


@pytest.mark.parametrize(
    ("path", "code"),
    [
        (MUNICIPAL, "no_municipal_layer"),
        (f"{MUNICIPAL}/*[1]/*[local-name()='Area']", "item_without_area"),
        (f"{MUNICIPAL}/*[1]/*[local-name()='Kind']", "item_without_kind"),
    ],
)
def test_a_roll_up_that_is_not_whole_is_refused(path: str, code: str) -> None:
    with pytest.raises(ParseError) as refused:
        answers(jma_warning_summary, without(FIRST.read_bytes(), path))
    assert refused.value.code == code


def test_a_layer_that_is_new_is_told() -> None:
    def edit(root: etree._Element) -> None:
        next(root.iter(f"{BODY}Warning")).set("type", "気象警報・注意報（地方等）")

    _, issues = answers(jma_warning_summary, edited(FIRST.read_bytes(), edit))
    assert {(issue.code, issue.position) for issue in issues} == {("unread", "Body/Warning/Item")}


def test_the_feed_takes_what_the_parser_handles() -> None:
    feed = yaml.safe_load((PROJECT / "config/feeds/jma_warning_summary.yml").read_text(encoding="utf-8"))
    assert set(feed["source"]["types"]) == set(jma_warning_summary.HANDLES)
