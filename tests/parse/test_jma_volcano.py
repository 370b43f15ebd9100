"""Volcano telegrams: official ones against their raw XML, the life of a warning, and what may never hide one."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import shapely
import yaml
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from bousai.errors import ParseError
from bousai.model import Bulletin, Issue, Item
from bousai.parse import jma_volcano
from bousai.store import fold

PROJECT = Path(__file__).resolve().parents[2]
SAMPLES = PROJECT / "tests/feeds/jma_volcano"
AT_SEA = PROJECT / "tests/feeds/jma_volcano_sea"
ASAMA = "45_01_01_200522_VFVO50"


def parsed(document: bytes) -> tuple[Bulletin, list[Issue]]:
    found = list(jma_volcano.parse(document))
    [bulletin] = [one for one in found if isinstance(one, Bulletin)]
    return bulletin, [one for one in found if isinstance(one, Issue)]


def rows(bulletin: Bulletin) -> dict[str, Item]:
    items = {item.item_id: item for item in bulletin.items.rows()}
    assert len(items) == len(bulletin.items)
    return items


def sample(name: str) -> bytes:
    [path] = [*SAMPLES.glob(f"{name}*.xml"), *AT_SEA.glob(f"{name}*.xml")]
    return path.read_bytes()


def official(realdata: Path, name: str) -> bytes:
    return (realdata / f"jma-xml/samples-official/{name}.xml").read_bytes()


def elements(document: bytes, path: str) -> list[etree._Element]:
    steps = "/".join(step if step == "*" else f"*[local-name()='{step}']" for step in path.split("/"))
    found = etree.fromstring(document).xpath(f"//*[local-name()='Body']//{steps}")
    assert isinstance(found, list)
    return found  # type: ignore[return-value]


def texts(document: bytes, path: str) -> list[str]:
    return [(element.text or "").strip() for element in elements(document, path)]


def degrees(minutes: str) -> float:
    """From ddmm.mm by other means than the parser's."""
    whole, rest = divmod(float(minutes), 100)
    return whole + rest / 60


# ── official telegrams ───────────────────────────────────────────────────────────────────────────────────


def test_every_official_telegram_is_read_to_the_last_element(realdata: Path) -> None:
    read = []
    for path in sorted(realdata.glob("jma-xml/*/*.xml")):
        found = list(jma_volcano.parse(path.read_bytes()))
        if [getattr(one, "code", None) for one in found] == ["no_parser"]:
            continue
        read.append(path.name)
        assert [one for one in found if isinstance(one, Issue)] == [], path.name
    assert len(read) >= 8


def test_a_warning_by_municipality(realdata: Path) -> None:
    document = official(realdata, ASAMA)
    bulletin, _ = parsed(document)
    assert (bulletin.kind, bulletin.scope) == ("volcanic_warning", "jma/volcanic_warning/306")
    assert (bulletin.complete, bulletin.status, bulletin.source_event_id) == (True, "actual", "")
    items = rows(bulletin)
    areas = {code for code in texts(document, "Area/Code") if len(code) == 7}
    assert set(items) == {"jma/306"} | {f"jma/306/{code}" for code in areas}
    top = items["jma/306"]
    lat, lon, high = re.fullmatch(r"\+([\d.]+)\+([\d.]+)\+(\d+)/", texts(document, "Coordinate")[0]).groups()  # type: ignore[union-attr]
    assert top.geometry is not None
    point = shapely.from_wkb(top.geometry)
    assert (point.y, point.x) == pytest.approx((degrees(lat), degrees(lon)), abs=1e-6)
    assert top.props["elevation_m"] == float(high)
    said = ("volcano_level", "grade", "kind_code", "change", "last_kind_code")
    assert [top.props[name] for name in said] == [3, "crater_warning", "13", "raised", "11"]
    for content in elements(document, "VolcanoInfoContent/*"):
        assert (content.text or "").strip() in {str(value) for value in top.props.values()}
    for code in areas:
        item = items[f"jma/306/{code}"]
        assert (item.muni_code, item.ended, item.geometry) == (code[:5], False, None)
        assert (item.props["kind_code"], item.props["response_code"]) == ("02", "43")
        assert item.props["response_name"] == "火口周辺警報：入山規制等"
        assert item.props["volcano_level"] == 3


def test_at_sea(realdata: Path) -> None:
    bulletin, _ = parsed(official(realdata, "46_01_01_170103_VFSVii"))
    assert bulletin.scope == "jma/volcanic_warning/506/sea"
    items = rows(bulletin)
    zone = items["jma/506/sea/5200"].props
    assert (zone["area_level"], zone["area_name"], zone["grade"]) == ("sea", "九州南方海上及び日向灘", "sea_warning")
    assert items["jma/506/sea"].props["kind_code"] == "36"
    assert items["jma/506/sea"].props["target_at"] == "2017-01-03T09:00:00+09:00"


def test_an_eruption_that_nobody_saw(realdata: Path) -> None:
    bulletin, _ = parsed(official(realdata, "43_01_01_200522_VFVO52"))
    assert bulletin.source_event_id == "20200522144900_306"
    [item] = rows(bulletin).values()
    assert item.props["phenomenon"] == "eruption"
    assert (item.props["event_at"], item.props["event_precision"]) == ("2020-05-22T14:45:00+09:00", "minute")
    assert (item.props["plume_height_m"], item.props["plume_height_condition"]) == (None, "不明")
    assert item.props["plume_direction"] == "流向不明"


def test_a_flash_and_its_withdrawal(realdata: Path) -> None:
    document = official(realdata, "67_01_01_140927_VFVO56")
    flash, _ = parsed(document)
    withdrawn, _ = parsed(official(realdata, "67_01_04_140927_VFVO56"))
    munis = {code[:5] for code in texts(document, "Area/Code") if len(code) == 7}
    assert {item.muni_code for item in rows(flash).values() if item.muni_code} == munis
    assert {item.props["event_dubious"] for item in rows(flash).values()} == {"頃"}
    assert (withdrawn.msg_type, len(withdrawn.items)) == ("withdraw", 0)
    assert state([flash]) == set(rows(flash))
    assert state([flash, withdrawn]) == state([withdrawn, flash]) == set()


def test_winds_by_height(realdata: Path) -> None:
    document = official(realdata, "79_01_01_210527_VFVO60")
    bulletin, _ = parsed(document)
    [item] = rows(bulletin).values()
    winds = item.props["winds"]
    for name, path in [
        ("height_ft", "WindHeightAboveSeaLevel"),
        ("from_degree", "WindDegree"),
        ("speed_kt", "WindSpeed"),
    ]:
        assert [wind[name] for wind in winds] == [float(text) for text in texts(document, path)]
    levels = elements(document, "WindAboveCraterElements")
    marked = [level.get("description") for level in levels if level.get("heightProperty")]
    assert [wind["text"] for wind in winds if wind["representative"]] == marked != []
    assert item.props["plume_height_m"] == 1800
    assert (bulletin.scope, bulletin.source_event_id) == ("jma/volcano_plume/506", "20210527130800_506")


def test_ash_by_amount_and_municipality(realdata: Path) -> None:
    document = official(realdata, "66_01_02_210514_VFVO54")
    bulletin, _ = parsed(document)
    items = rows(bulletin)
    extents = [item for item in items.values() if item.props["area_level"] == "extent"]
    rings = [text.strip("/").split("/") for text in texts(document, "Polygon")]
    for item, ring, size in zip(extents, rings, texts(document, "Property/Size"), strict=True):
        assert item.geometry is not None
        drawn = list(shapely.from_wkb(item.geometry).exterior.coords)
        stated = [tuple(float(number) for number in re.findall(r"[+-][\d.]+", position)) for position in ring]
        assert drawn == [(lon, lat) for lat, lon in stated]
        assert item.props["size"] == float(size)
    assert [item.props["amount"] for item in extents] == ["moderate_ash", "light_ash", "small_clasts"]
    falls = [item for item in items.values() if item.props["area_level"] == "municipality"]
    assert {item.muni_code for item in falls} == {"46201"}
    assert len(falls) == 3
    assert {item.valid_to for item in items.values()} == {datetime.fromisoformat("2021-05-14T13:31:00+09:00")}
    [top] = [item for item in items.values() if item.props["area_level"] == "volcano"]
    assert top.props["observation"]["plume_height_m"] == 2200
    assert "横山最大振幅" in top.props["observation"]["observed"]


# ── life of a warning ────────────────────────────────────────────────────────────────────────────────────


def state(bulletins: list[Bulletin]) -> set[str]:
    """The items that are open after these bulletins, by the store's own rules."""
    said = []
    for n, one in enumerate(bulletins):
        assert one.issued_at is not None
        at = int(one.issued_at.timestamp() * 1_000_000)
        key = fold.order_key(at, None, one.serial, one.msg_type, bytes([n]))
        items = tuple((item.item_id, str(item.props).encode(), n, item.ended) for item in one.items.rows())
        head = (n, key, at, one.msg_type, one.complete, one.source_event_id, one.bulletin_type, one.serial)
        said.append(fold.Said(*head, items))
    return {run.item_id for run in fold.runs(said) if run.valid_to is None}


def test_raised_corrected_lifted_and_the_lifting_withdrawn() -> None:
    raised = parsed(sample("20261105010000"))[0]
    worse = parsed(sample("20261105020000"))[0]
    corrected = parsed(sample("20261105021000"))[0]
    lifted = parsed(sample("20261105060000"))[0]
    withdrawn = parsed(sample("20261105061000"))[0]
    town, city = "jma/315/1438200", "jma/315/1420600"
    assert {one.scope for one in (raised, worse, corrected, lifted, withdrawn)} == {"jma/volcanic_warning/315"}
    assert state([raised]) == {"jma/315", town}
    assert state([raised, worse]) == {"jma/315", town, city}
    assert corrected.msg_type == "correct"
    assert state([raised, worse, corrected]) == {"jma/315", town}
    everything = [raised, worse, corrected, lifted, withdrawn]
    assert state(everything[:4]) == {"jma/315"}
    assert state(everything) == {"jma/315", town}  # only the lifting is taken back, not the years before it
    assert rows(lifted)["jma/315"].props["volcano_level"] == 1
    assert rows(worse)[city].props["response_code"] == "42"
    assert rows(corrected)["jma/315"].props["remark"] == "【訓練】対象市町村を訂正しました。"


def test_lifted_at_sea() -> None:
    issued, lifted = parsed(sample("20261105030000_0_VFSV"))[0], parsed(sample("20261105090000"))[0]
    assert state([issued]) == {"jma/331/sea", "jma/331/sea/5200"}
    assert state([issued, lifted]) == {"jma/331/sea"}


def test_an_eruption_corrected_and_withdrawn() -> None:
    first, corrected = parsed(sample("20261105020800"))[0], parsed(sample("20261105022000"))[0]
    withdrawn = parsed(sample("20261105022500"))[0]
    [item] = rows(first).values()
    assert (item.props["plume_height_m"], item.props["plume_height_condition"]) == (3000, "以上")
    assert item.props["white_plume"]["plume_height_condition"] == "噴煙なし"
    assert (item.props["crater_name"], item.props["elevation_m"]) == ("訓練火口", 1044)
    assert state([first, corrected]) == {item.item_id}
    assert state([first, corrected, withdrawn]) == set()


def test_a_newer_plume_replaces_the_older_one() -> None:
    document = sample("20261105021800")
    later = document.replace(b"11:18:00", b"12:18:00").replace(b"20261105111800", b"20261105121800")
    first, second = parsed(document)[0], parsed(later)[0]
    assert first.scope == second.scope
    assert set(rows(first)) == set(rows(second))
    assert first.source_event_id != second.source_event_id


def test_ash_by_period() -> None:
    bulletin, issues = parsed(sample("20261105020500"))
    assert issues == []
    items = rows(bulletin)
    first, second = "jma/315/VFVO53/202611051200", "jma/315/VFVO53/202611051500"
    assert set(items) == {
        "jma/315/VFVO53",
        *(f"{first}/70", f"{first}/70/1438200", f"{first}/70/1420600", f"{first}/75", f"{first}/75/1438200"),
        *(f"{second}/70", f"{second}/70/1438200"),
    }
    wkb = items[f"{first}/70"].geometry
    assert wkb is not None
    assert shapely.get_num_geometries(shapely.from_wkb(wkb)) == 2
    assert items[f"{second}/70/1438200"].valid_to == datetime.fromisoformat("2026-11-05T18:00:00+09:00")
    assert items[f"{first}/75"].props["size_unit"] == "cm"
    assert items[f"{first}/70"].props["size"] is None


def test_a_municipality_that_no_period_names_is_not_lost() -> None:
    items = rows(parsed(sample("20261105021500"))[0])
    whole = {item_id for item_id in items if "/whole/" in item_id}
    assert whole == {f"jma/315/VFVO54/whole/71/{code}" for code in ("1438200", "1420600")}
    assert {items[item_id].props["end_at"] for item_id in whole} == {"2026-11-05T12:05:00+09:00"}


def test_one_bulletin_about_several_volcanoes() -> None:
    bulletin, issues = parsed(sample("20261105023000"))
    assert issues == []
    items = rows(bulletin)
    assert set(items) == {"jma/VFVO51/900/315", "jma/VFVO51/900/316"}
    assert [item.props["volcano_level"] for item in items.values()] == [5, None]
    assert {item.props["extraordinary"] for item in items.values()} == {True}
    assert {item.props["notice"] for item in items.values()} == {"これは訓練です。"}
    assert items["jma/VFVO51/900/316"].props["near"] == "訓練町の沖"


def test_a_volcano_that_is_named_twice_is_told_twice() -> None:
    bulletin, _ = parsed(changed(sample("20261105023000"), ("<Code>316</Code>", "<Code>315</Code>")))
    items = rows(bulletin)
    assert [item.props["kind_code"] for item in items.values()] == ["15", "22"]
    assert set(items) == {"jma/VFVO51/900/315", "jma/VFVO51/900/315/2"}


def test_a_warning_with_an_observation() -> None:
    plume = "<ColorPlume><jmx_eb:PlumeHeightAboveCrater unit='m'>500</jmx_eb:PlumeHeightAboveCrater>"
    plume += "<jmx_eb:PlumeDirection>北</jmx_eb:PlumeDirection></ColorPlume>"
    added = f"</VolcanoInfoContent><VolcanoObservation>{plume}</VolcanoObservation>"
    bulletin, issues = parsed(changed(sample("20261105010000"), ("</VolcanoInfoContent>", added)))
    assert issues == []
    assert rows(bulletin)["jma/315"].props["observation"]["plume_height_m"] == 500


def test_a_notice_without_its_contacts() -> None:
    bulletin, issues = parsed(sample("20261105030000_0_VZVO40"))
    [item] = rows(bulletin).values()
    assert item.props["text"] == "【訓練】配信試験を行います。\n\n\n以上【訓練】"
    assert [issue.code for issue in issues] == ["contact_left_out"]


# ── what is wrong with a telegram ────────────────────────────────────────────────────────────────────────


def changed(document: bytes, *pairs: tuple[str, str]) -> bytes:
    text = document.decode()
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    return text.encode()


def codes(issues: list[Issue]) -> list[str]:
    return sorted({issue.code for issue in issues})


def test_an_unknown_kind_is_in_force_and_the_worst() -> None:
    document = changed(sample("20261105060000"), ("<Code>04</Code>", "<Code>09</Code>"))
    bulletin, issues = parsed(document)
    assert codes(issues) == ["contradiction", "unknown_kind_code"]
    item = rows(bulletin)["jma/315/1438200"]
    assert (item.ended, item.props["grade"], item.props["kind_code"]) == (False, None, "09")
    assert item.props["kind_name"] == "噴火予報：警報解除"


def test_a_code_and_a_name_of_different_levels() -> None:
    document = changed(
        sample("20261105010000"), ("<Name>レベル３（入山規制）</Name>", "<Name>レベル５（避難）</Name>")
    )
    bulletin, issues = parsed(document)
    assert codes(issues) == ["kind_name_differs", "level_differs"]
    top = rows(bulletin)["jma/315"].props
    assert (top["volcano_level"], top["kind_code"], top["kind_name"]) == (None, "13", "レベル５（避難）")


@pytest.mark.parametrize("name", ["レベル４（避難準備）", "レベル４（高齢者等避難）"])
def test_a_level_before_and_after_its_renaming(name: str) -> None:
    document = changed(
        sample("20261105010000"), ("レベル３（入山規制）", name), ("<Code>13</Code>", "<Code>14</Code>")
    )
    bulletin, issues = parsed(document)
    assert issues == []
    assert rows(bulletin)["jma/315"].props["volcano_level"] == 4


def test_two_warnings_for_one_municipality() -> None:
    document = changed(sample("20261105020000"), ("<Code>1420600</Code>", "<Code>1438200</Code>"))
    bulletin, issues = parsed(document)
    assert codes(issues) == ["two_kinds_of_one_area"]
    item = rows(bulletin)["jma/315/1438200"]
    assert item.props["kind_code"] == "01"
    assert not item.ended


def test_an_area_that_cannot_be_mapped_keeps_the_statement_from_being_whole() -> None:
    document = changed(sample("20261105010000"), ("<Code>1438200</Code>", "<Code/>"))
    bulletin, issues = parsed(document)
    assert codes(issues) == ["unmapped_area"]
    assert not bulletin.complete
    assert set(rows(bulletin)) == {"jma/315"}


def test_a_coordinate_that_cannot_be_read() -> None:
    bulletin, issues = parsed(changed(sample("20261105010000"), ("+3514.00+13901.26+1438/", "+3575.00+13901.26/")))
    assert codes(issues) == ["bad_coordinate"]
    assert rows(bulletin)["jma/315"].geometry is None


def test_a_polygon_that_cannot_be_read_holds_back_no_municipality() -> None:
    bulletin, issues = parsed(changed(sample("20261105020500"), ("+35.1000+139.1000/", "35.1,139.1 ")))
    assert codes(issues) == ["bad_polygon"]
    items = rows(bulletin)
    assert items["jma/315/VFVO53/202611051200/70"].geometry is None
    assert "jma/315/VFVO53/202611051200/70/1420600" in items
    assert bulletin.complete


def test_a_period_without_a_readable_start_is_kept() -> None:
    document = changed(sample("20261105020500"), ("<StartTime>2026-11-05T15:00:00+09:00", "<StartTime>15時"))
    bulletin, issues = parsed(document)
    assert codes(issues) == ["bad_time"]
    assert rows(bulletin)["jma/315/VFVO53/no2/70/1438200"].props["start_at"] is None


@pytest.mark.parametrize(
    ("name", "pairs", "code"),
    [
        ("20261105010000", [("<EventID>315</EventID>", "<EventID/>")], "bad_event_id"),
        ("20261105061000", [("<EventID>315</EventID>", "<EventID/>")], "bad_event_id"),
        ("20261105010000", [('codeType="火山名"', 'codeType="気象・地震・火山情報／市町村等"')], "no_volcano"),
        ("20261105010000", [("<Status>訓練</Status>", "<Status>演習</Status>")], "unknown_status"),
        ("20261105010000", [("<InfoType>発表</InfoType>", "<InfoType/>")], "unknown_info_type"),
    ],
)
def test_refusals(name: str, pairs: list[tuple[str, str]], code: str) -> None:
    with pytest.raises(ParseError) as refusal:
        list(jma_volcano.parse(changed(sample(name), *pairs)))
    assert refusal.value.code == code
    assert refusal.value.remedy


def test_two_volcanoes_in_one_warning_are_refused() -> None:
    again = (
        "<Code>315</Code>\n        </Area>\n        <Area>\n          <Name>別山</Name>\n          <Code>316</Code>"
    )
    document = re.sub(rb"<Code>315</Code>\n", again.encode() + b"\n", sample("20261105010000"))
    with pytest.raises(ParseError) as refusal:
        list(jma_volcano.parse(document))
    assert refusal.value.code == "several_volcanoes"


def test_body_and_head_of_different_volcanoes() -> None:
    bulletin, issues = parsed(changed(sample("20261105010000"), ("<EventID>315</EventID>", "<EventID>316</EventID>")))
    assert codes(issues) == ["volcano_differs"]
    assert bulletin.scope == "jma/volcanic_warning/315"


def test_a_new_element_is_reported() -> None:
    document = changed(
        sample("20261105010000"), ("<VolcanoActivity>", "<Evacuation>全員</Evacuation><VolcanoActivity>")
    )
    _, issues = parsed(document)
    assert [(issue.code, issue.severity) for issue in issues] == [("unread", "info")]
    assert issues[0].position == "Body/VolcanoInfoContent/Evacuation"


@pytest.mark.parametrize("cut", [0, 40, 900, 2500])
def test_a_telegram_cut_off(cut: int) -> None:
    with pytest.raises(ParseError) as refusal:
        list(jma_volcano.parse(sample("20261105010000")[:cut]))
    assert refusal.value.code in ("empty", "not_xml")


DOCUMENTS = [path.read_bytes() for path in sorted([*SAMPLES.glob("*.xml"), *AT_SEA.glob("*.xml")])]


@pytest.mark.parametrize("word", ["訓練", "試験"])
def test_a_drill_never_ends_in_actual(word: str) -> None:
    for document in DOCUMENTS:
        bulletin, _ = parsed(changed(document, ("<Status>訓練</Status>", f"<Status>{word}</Status>")))
        assert bulletin.status == {"訓練": "exercise", "試験": "test"}[word]


@given(st.sampled_from(DOCUMENTS), st.data())
def test_a_value_that_is_lost_breaks_nothing_but_itself(document: bytes, data: st.DataObject) -> None:
    """Empty any one element of a body: a statement or a refusal, but never a crash, never twice the same item."""
    root = etree.fromstring(document)
    inner = [element for element in root[-1].iter() if element is not root[-1]]
    victim = data.draw(st.sampled_from(inner))
    for child in list(victim):
        victim.remove(child)
    victim.text = None
    emptied = etree.tostring(root, xml_declaration=True, encoding="UTF-8")
    refused: str | None = None
    try:
        bulletin, _ = parsed(emptied)
    except ParseError as error:
        refused = error.code
    else:
        rows(bulletin)
        assert bulletin.status == "exercise"
    assert refused in (None, "no_volcano", "several_volcanoes")


def test_items_of_a_kind_have_one_set_of_properties() -> None:
    names: dict[str, set[tuple[str, ...]]] = {}
    for document in DOCUMENTS:
        bulletin, _ = parsed(document)
        if len(bulletin.items):
            names.setdefault(bulletin.kind, set()).add(tuple(sorted(bulletin.items.props)))
    assert {kind: len(sets) for kind, sets in names.items()} == dict.fromkeys(names, 1)
    assert len(names) == 5


def test_every_property_is_shown_by_its_layer() -> None:
    for document in DOCUMENTS:
        bulletin, _ = parsed(document)
        layer: dict[str, Any] = yaml.safe_load((PROJECT / f"config/layers/{bulletin.kind}.yml").read_text())
        shown = {field["name"] for field in layer["fields"]}
        assert set(bulletin.items.props) <= shown
        assert shown - set(bulletin.items.props) <= {"serial"} or not len(bulletin.items)
