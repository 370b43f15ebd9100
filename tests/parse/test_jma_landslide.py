"""Landslide warnings: the whole statement of a prefecture, and that the old form ends when the new begins."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from jma_telegrams import BODY, Desk, answers, at, edited, facts, path_of, put, rows, withdrawn, without
from lxml import etree

from bousai.errors import ParseError
from bousai.model import Issue
from bousai.parse import jma_landslide

PROJECT = Path(__file__).resolve().parents[2]
SAMPLES = PROJECT / "tests/feeds/jma_landslide"
FIRST, MORE, CORRECTED, TAKEN_BACK, LIFTED, PARALLEL = sorted(SAMPLES.glob("*.xml"))
OKAYAMA, KANAGAWA = "17_03_01_190529_VXWW50.xml", "17_04_01_250630_VXWW50.xml"
ITEM = path_of("Report", "Body", "Warning", "Item")


@pytest.fixture(scope="session")
def real(realdata: Path) -> Callable[[str], bytes]:
    def read(name: str) -> bytes:
        (path,) = (realdata / "jma-xml").glob(f"*/{name}")
        return path.read_bytes()

    return read


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def actual(path: Path) -> bytes:
    return put(path.read_bytes(), "通常", "Control", "Status")


def listed(body: bytes) -> dict[str, str]:
    """Area code → kind code, from the raw file."""
    return {
        item.findtext(f"{BODY}Area/{BODY}Code"): item.findtext(f"{BODY}Kind/{BODY}Code")
        for item in etree.fromstring(body).iter(f"{BODY}Item")
    }


@pytest.mark.parametrize(("name", "region"), [(OKAYAMA, "330000"), (KANAGAWA, "140000")])
def test_every_municipality_under_warning_is_an_item_and_no_other(
    real: Callable[[str], bytes], name: str, region: str
) -> None:
    (bulletin,), issues = answers(jma_landslide, real(name))
    warned = [code for code, kind in listed(real(name)).items() if kind == "3"]
    assert 0 < len(warned) < len(listed(real(name)))
    assert [row.item_id for row in rows(bulletin)] == [f"jma/{code}" for code in warned]
    assert [row.muni_code for row in rows(bulletin)] == [code[:5] for code in warned]
    assert {(row.props["level"], row.props["change"], row.ended) for row in rows(bulletin)} == {(4, "issued", False)}
    assert (bulletin.scope, bulletin.complete) == (f"jma/landslide_warning/{region}", True)
    assert issues == []


def test_since_the_new_warnings_began_it_is_one_issue_and_no_bulletin(real: Callable[[str], bytes]) -> None:
    for body in (real("dosha_keikai_joho_toyama_serial1.xml"), at(real(OKAYAMA), "2026-05-28T13:00:00")):
        (issue,) = jma_landslide.parse(body)
        assert isinstance(issue, Issue)
        assert (issue.code, issue.severity) == ("superseded_telegram", "info")
        assert "VPWW56" in issue.cause


def test_the_last_one_before_that_ends_with_it(real: Callable[[str], bytes]) -> None:
    (bulletin,), _ = answers(jma_landslide, at(real(OKAYAMA), "2026-05-28T12:59:59"))
    assert {row.valid_to.isoformat() for row in rows(bulletin) if row.valid_to} == {"2026-05-28T13:00:00+09:00"}
    assert all(row.valid_to for row in rows(bulletin))


# ── telegrams one after another ──────────────────────────────────────────────────────────────────────────

CHAIN = [FIRST, MORE, CORRECTED, TAKEN_BACK, LIFTED]
ODAWARA, MANAZURU, YUGAWARA = "jma/1420600", "jma/1438300", "jma/1438400"
STATES = {
    "2025-11-05T09:59:00": set(),
    "2025-11-05T10:00:00": {ODAWARA},
    "2025-11-05T11:05:00": {ODAWARA, MANAZURU},
    # 訂正 of 11:10 was taken back at 11:15: what it corrected stands again, as if it had never been said.
    "2025-11-05T11:12:00": {ODAWARA, MANAZURU},
    "2025-11-05T11:20:00": {ODAWARA, MANAZURU},
    "2025-11-05T14:00:00": set(),
}


@pytest.mark.store
@pytest.mark.parametrize("order", [CHAIN, CHAIN[::-1], CHAIN * 2], ids=["told", "backwards", "twice"])
def test_what_is_in_force_does_not_depend_on_the_order_of_arrival(desk: Desk, order: list[Path]) -> None:
    desk.take("jma_landslide", *map(actual, order))
    assert {time: set(desk.features("landslide_warning", time)) for time in STATES} == STATES


@pytest.mark.store
def test_a_correction_takes_away_what_it_no_longer_lists(desk: Desk) -> None:
    desk.take("jma_landslide", *map(actual, [FIRST, MORE, CORRECTED]))
    assert set(desk.features("landslide_warning", "2025-11-05T11:11:00")) == {ODAWARA, YUGAWARA}


@pytest.mark.store
def test_an_older_telegram_that_comes_late_changes_nothing_now(desk: Desk) -> None:
    desk.take("jma_landslide", actual(LIFTED), actual(MORE))
    assert desk.features("landslide_warning", "2025-11-05T14:01:00") == {}


@pytest.mark.store
def test_the_old_form_is_over_for_everybody_when_the_new_begins(desk: Desk) -> None:
    desk.take("jma_landslide", at(actual(FIRST), "2026-05-28T10:00:00"))
    assert set(desk.features("landslide_warning", "2026-05-28T12:59:59")) == {ODAWARA}
    assert desk.features("landslide_warning", "2026-05-28T13:00:00") == {}


@pytest.mark.store
def test_a_drill_is_in_the_drill_alone(desk: Desk) -> None:
    desk.take("jma_landslide", FIRST.read_bytes())
    assert desk.features("landslide_warning", "2025-11-05T10:01:00") == {}
    assert set(desk.features("landslide_warning", "2025-11-05T10:01:00", "exercise")) == {ODAWARA}


@pytest.mark.parametrize(("word", "status"), [("訓練", "exercise"), ("試験", "test")])
@pytest.mark.parametrize("name", [OKAYAMA, KANAGAWA])
def test_another_status_changes_nothing_else(real: Callable[[str], bytes], name: str, word: str, status: str) -> None:
    meant, _ = answers(jma_landslide, real(name))
    drill, issues = answers(jma_landslide, put(real(name), word, "Control", "Status"))
    assert facts(drill) == [{**one, "status": status} for one in facts(meant)]
    assert issues == []


@pytest.mark.parametrize("name", [OKAYAMA, KANAGAWA])
def test_a_withdrawal_with_text_alone_names_the_scope_of_its_target(real: Callable[[str], bytes], name: str) -> None:
    (target,), _ = answers(jma_landslide, real(name))
    (taken,), issues = answers(jma_landslide, withdrawn(real(name), "2024-12-01T10:00:00"))
    assert (taken.msg_type, taken.scope, taken.bulletin_type, taken.source_event_id, taken.serial) == (
        "withdraw",
        target.scope,
        target.bulletin_type,
        target.source_event_id,
        None,
    )
    assert issues == []


def test_a_withdrawal_of_nobody_knows_where_withdraws_nothing(real: Callable[[str], bytes]) -> None:
    body = withdrawn(real(OKAYAMA), "2024-12-01T10:00:00")
    nowhere = put(put(body, "土砂災害警戒情報", "Head", "Title"), "", "Head", "EventID")
    with pytest.raises(ParseError) as caught:
        list(jma_landslide.parse(nowhere))
    assert caught.value.code == "withdraw_without_area"


# ── bad input ────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("path", "code"),
    [
        (path_of("Report", "Body", "TargetArea"), "no_region"),
        (path_of("Report", "Body", "Warning"), "no_municipality"),
        (ITEM, "no_municipality"),
        (f"{ITEM}[3]{path_of('Area')}", "item_without_area"),
        (f"{ITEM}[3]{path_of('Area', 'Code')}", "item_without_area"),
        (f"{ITEM}[3]{path_of('Kind')}", "item_without_kind"),
        (f"{ITEM}[3]{path_of('Kind', 'Code')}", "item_without_kind"),
    ],
)
def test_a_statement_that_is_not_whole_is_refused(real: Callable[[str], bytes], path: str, code: str) -> None:
    """A municipality that is left out of a complete statement would seem to have no warning."""
    with pytest.raises(ParseError) as caught:
        list(jma_landslide.parse(without(real(OKAYAMA), path)))
    assert caught.value.code == code
    assert caught.value.remedy


def test_a_kind_that_is_not_known_is_in_force_without_a_level(real: Callable[[str], bytes]) -> None:
    body = edited(
        real(OKAYAMA), lambda root: setattr(root.xpath(f"{ITEM}[1]{path_of('Kind', 'Code')}")[0], "text", "4")
    )
    (bulletin,), (issue,) = answers(jma_landslide, body)
    row = rows(bulletin)[0]
    assert (row.props["kind_code"], row.props["level"], row.ended) == ("4", None, False)
    assert issue.code == "unknown_kind_code"


def test_an_area_code_that_is_none_is_kept_without_municipality(real: Callable[[str], bytes]) -> None:
    (bulletin,), (issue,) = answers(jma_landslide, real(OKAYAMA).replace(b"3320900", b"332090"))
    (row,) = rows(bulletin)
    assert (row.muni_code, row.props["area_code"]) == (None, "332090")
    assert issue.code == "unknown_area_code"


def test_what_nobody_read_is_reported(real: Callable[[str], bytes]) -> None:
    def novel(root: etree._Element) -> None:
        etree.SubElement(root.xpath(ITEM)[0], f"{BODY}Novelty").text = "1"

    _, issues = answers(jma_landslide, edited(real(OKAYAMA), novel))
    assert [(issue.code, issue.position) for issue in issues] == [("unread", "Body/Warning/Item/Novelty")]


def test_the_feed_takes_what_the_parser_handles() -> None:
    feed = yaml.safe_load((PROJECT / "config/feeds/jma_landslide.yml").read_text(encoding="utf-8"))
    assert tuple(feed["source"]["types"]) == jma_landslide.HANDLES
