"""Kinds of river floods, tags of bulletins, telegrams that run beside newer ones."""

from __future__ import annotations

import doctest
from datetime import datetime, timedelta

import pytest

from bousai.vocab import jma, rain, warning

SWITCH = datetime.fromisoformat("2026-05-28T13:00:00+09:00")
BEFORE, AFTER = SWITCH - timedelta(seconds=1), SWITCH


def test_module_examples() -> None:
    result = doctest.testmod(rain)
    assert result.attempted
    assert not result.failed


def test_each_code_is_in_force_once_at_any_time_and_only_10_lifts() -> None:
    codes = {kind.code for kind in rain.flood_kinds()}
    assert codes == {"10", "20", "21", "22", "30", "31", "40", "41", "51", "53"}
    for at in (BEFORE, AFTER):
        found = [kind for code in sorted(codes) if (kind := rain.flood_kind(code, at))]
        assert len(found) == len(codes)
        assert [kind.code for kind in found if not kind.active] == ["10"]
        assert len({kind.code_space for kind in found}) == 1


def test_names_of_2026_say_the_level_that_the_table_says() -> None:
    for kind in rain.flood_kinds():
        if kind.code_space == "jma_river_flood_r06":
            assert kind.name.startswith(f"レベル{'０１２３４５'[kind.level]}")


def test_grade_and_level_of_a_code_rise_together() -> None:
    for at in (BEFORE, AFTER):
        kinds = sorted((k for c in ("22", "31", "41", "51") if (k := rain.flood_kind(c, at))), key=lambda k: k.level)
        assert [kind.level for kind in kinds] == [2, 3, 4, 5]
        severities = [warning.severity(kind.grade) for kind in kinds]
        assert severities == sorted(severities)


@pytest.mark.parametrize("code", ["", "00", "43", "１０", "5", "052"])
def test_a_code_of_another_space_is_none_here(code: str) -> None:
    assert rain.flood_kind(code, AFTER) is None


def test_old_telegrams_give_way_when_the_new_warnings_begin() -> None:
    new = warning.telegram("VPWW56")
    assert new is not None
    assert rain.counts_until("VXWW50") == new.valid_from == SWITCH
    assert rain.counts_until("VPBS50") is None


@pytest.mark.parametrize("kind", ["VXWW50", "VPOA50", "VPZJ50", "VPCJ50", "VPFJ50", "VMCJ50", "VMCJ51", "VMCJ52"])
def test_what_supersedes_an_old_telegram_is_one_that_we_take(kind: str) -> None:
    assert rain.superseded_by(kind, BEFORE) is None
    newer = rain.superseded_by(kind, AFTER)
    assert newer is not None
    known = {row.telegram_type: row.feed for row in (jma.telegram(title) for title in jma._telegrams()) if row}
    assert all(known[one] for one in newer.split(" or "))


def test_what_is_only_expected_lasts_for_a_time_and_what_was_seen_has_none() -> None:
    tags = [
        tag
        for word in ("記録雨", "線状降水帯発生", "線状降水帯直前", "短時間大雪")
        if (tag := rain.bulletin_tag(word))
    ]
    assert [(tag.subtype, tag.basis, tag.lasts) for tag in tags] == [
        ("record_rain", "observed", None),
        ("rain_band", "observed", None),
        ("rain_band_imminent", "forecast", timedelta(hours=3)),
        ("heavy_snow", "observed", None),
    ]
    assert rain.bulletin_tag("謎の現象") is None
