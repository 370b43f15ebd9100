"""The tables of weather warnings against the facts of JMA's 別表3, written here a second time by hand."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime
from pathlib import Path

import pytest
from lxml import etree

from bousai import vocab
from bousai.vocab import warning

R06, H27 = "jma_warning_r06", "jma_warning_h27"
WITH_LEVEL = {  # 注意報 2, 警報 3, 危険警報 4, 特別警報 5
    "heavy_rain": ("10", "03", "43", "33"),
    "landslide": ("29", "09", "49", "39"),
    "storm_surge": ("19", "08", "48", "38"),
}
WITHOUT_LEVEL = {  # 注意報, 警報, 特別警報
    "gale": ("15", "05", "35"),
    "snow_gale": ("13", "02", "32"),
    "high_wave": ("16", "07", "37"),
    "heavy_snow": ("12", "06", "36"),
}
ADVISORY_ONLY = {"14", "17", "20", "21", "22", "23", "24", "25", "26", "27"}


def test_every_code_of_the_2026_system_is_there_and_no_other() -> None:
    expected = {"00"} | ADVISORY_ONLY
    for codes in (*WITH_LEVEL.values(), *WITHOUT_LEVEL.values()):
        expected |= set(codes)
    assert {kind.code for kind in warning.kinds() if kind.code_space == R06} == expected


@pytest.mark.parametrize(("phenomenon", "codes"), WITH_LEVEL.items())
def test_rain_landslide_and_surge_have_four_grades_and_their_level(phenomenon: str, codes: tuple[str, ...]) -> None:
    kinds = [warning.kind(R06, code) for code in codes]
    assert [(k.phenomenon, k.grade, k.level) for k in kinds if k] == [
        (phenomenon, "advisory", 2),
        (phenomenon, "warning", 3),
        (phenomenon, "danger_warning", 4),
        (phenomenon, "emergency_warning", 5),
    ]


@pytest.mark.parametrize(("phenomenon", "codes"), WITHOUT_LEVEL.items())
def test_the_others_have_three_grades_and_no_level(phenomenon: str, codes: tuple[str, ...]) -> None:
    for space in (R06, H27):
        kinds = [warning.kind(space, code) for code in codes]
        assert [(k.phenomenon, k.grade, k.level) for k in kinds if k] == [
            (phenomenon, "advisory", None),
            (phenomenon, "warning", None),
            (phenomenon, "emergency_warning", None),
        ]


def test_advisories_without_a_warning_each_have_their_own_phenomenon() -> None:
    kinds = [warning.kind(R06, code) for code in ADVISORY_ONLY]
    assert {k.grade for k in kinds if k} == {"advisory"}
    assert len({k.phenomenon for k in kinds if k}) == len(ADVISORY_ONLY)


def test_the_name_agrees_with_grade_and_level() -> None:
    """危険警報 and 特別警報 contain 警報: the longest word decides."""
    words = {"emergency_warning": "特別警報", "danger_warning": "危険警報", "warning": "警報", "advisory": "注意報"}
    for kind in warning.kinds():
        if kind.phenomenon is None:
            assert (kind.code, kind.name, kind.grade, kind.level) == ("00", "解除", None, None)
            continue
        named = next(grade for grade, word in words.items() if kind.name.endswith(word))
        assert named == kind.grade, kind
        name = unicodedata.normalize("NFKC", kind.name)
        assert name.startswith(f"レベル{kind.level}") if kind.level else "レベル" not in name, kind


def test_a_code_belongs_to_its_code_space() -> None:
    assert {k.code for k in warning.kinds() if k.code_space == H27} & {"43", "49", "48", "39", "29", "09"} == set()
    flood = {"04": "warning", "18": "advisory"}
    for code, grade in flood.items():
        old = warning.kind(H27, code)
        assert old is not None
        assert (old.phenomenon, old.grade, old.level) == ("flood", grade, None)
        assert warning.kind(R06, code) is None
    keys = [(row["code_space"], row["code"]) for row in vocab.rows("jma_warning_kind")]
    assert len(keys) == len(set(keys))


def test_severity_is_not_the_order_of_codes() -> None:
    by_code = sorted(WITH_LEVEL["landslide"])
    by_grade = sorted(WITH_LEVEL["landslide"], key=lambda c: warning.severity(warning.kind(R06, c).grade))  # type: ignore[union-attr]
    assert by_code != by_grade == ["29", "09", "49", "39"]
    assert warning.severity(None) == 0


def test_the_old_family_ends_where_the_new_one_begins() -> None:
    old = [t for t in warning.telegrams() if t.code_space == H27]
    new = [t for t in warning.telegrams() if t.code_space == R06]
    assert {t.bulletin_type for t in old} == {"VPWW53", "VPWW54"}
    assert {t.bulletin_type for t in new} == {f"VPWW{n}" for n in range(55, 62)}
    switch = datetime(2026, 5, 28, 4, tzinfo=UTC)
    assert {t.valid_to for t in old} == {t.valid_from for t in new} == {switch}
    assert {k.valid_to for k in warning.kinds() if k.code_space == H27} == {switch}
    assert {k.valid_from for k in warning.kinds() if k.code_space == R06} == {switch}
    assert len({t.family for t in new}) == len(new), "two telegram types of one family would erase each other"
    assert all(t.source for t in warning.telegrams())


def test_only_two_words_say_that_nothing_is_in_force() -> None:
    words = [row["status"] for row in vocab.rows("jma_warning_status")]
    inactive = {word for word in words if not warning.status(word).active}  # type: ignore[union-attr]
    assert inactive == {"解除", "発表警報・注意報はなし"}
    assert {word for word in words if "から" in word} == {
        word
        for word in words
        if warning.status(word).change == "lowered"  # type: ignore[union-attr]
    }
    assert warning.status("運用") is None


def test_a_title_begins_with_its_region() -> None:
    assert warning.region_in("釧路・根室地方暴風警報・注意報") == "014100"
    assert warning.region_in("奄美地方波浪警報・注意報") == "460040"
    assert warning.region_in("神奈川県雷注意報") == "140000"
    assert warning.region_in("気象警報・注意報") is None


def text(root: etree._Element, *names: str) -> str:
    return str(root.xpath(f"string({''.join(f'//*[local-name()={name!r}]' for name in names)})"))


def test_regions_agree_with_real_telegrams(realdata: Path) -> None:
    seen = 0
    for path in sorted((realdata / "jma-xml").rglob("*.xml")):
        root = etree.fromstring(path.read_bytes())
        layers = root.xpath("//*[local-name()='Warning'][@type='気象警報・注意報（府県予報区等）']")
        if text(root, "Control", "Title").startswith("気象警報・注意報（") and len(layers) == 1:
            seen += 1
            code = layers[0].xpath("string(.//*[local-name()='Area']/*[local-name()='Code'])")
            assert warning.region_in(text(root, "Head", "Title")) == code, path.name
    assert seen
