"""Seismic bulletins: official ones against their raw XML, which replaces which, stages that must not be guessed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from bousai.errors import ParseError
from bousai.model import Bulletin, Issue
from bousai.parse import jma_seismic_bulletin
from bousai.store import fold
from bousai.vocab import count, jma

PROJECT = Path(__file__).resolve().parents[2]
SAMPLES = PROJECT / "tests/feeds/jma_seismic_bulletin"
DOCUMENTS = [path.read_bytes() for path in sorted(SAMPLES.glob("*.xml"))]
NANKAI = "20261105020000"


def parsed(document: bytes) -> tuple[Bulletin, list[Issue]]:
    found = list(jma_seismic_bulletin.parse(document))
    [bulletin] = [one for one in found if isinstance(one, Bulletin)]
    return bulletin, [one for one in found if isinstance(one, Issue)]


def props(document: bytes) -> dict[str, Any]:
    [item] = parsed(document)[0].items.rows()
    return dict(item.props)


def sample(name: str) -> bytes:
    [path] = SAMPLES.glob(f"{name}*.xml")
    return path.read_bytes()


def changed(document: bytes, *pairs: tuple[str, str]) -> bytes:
    text = document.decode()
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    return text.encode()


def text(document: bytes, path: str) -> str:
    steps = "/".join(f"*[local-name()='{step}']" for step in path.split("/"))
    found = etree.fromstring(document).xpath(f"string(//{steps})")
    assert isinstance(found, str)
    return found.strip()


def open_titles(bulletins: list[Bulletin]) -> dict[str, str]:
    """Title by scope of what is open after these bulletins, by the store's own rules."""
    said: dict[str, list[fold.Said]] = {}
    for n, one in enumerate(bulletins):
        assert one.issued_at is not None
        at = int(one.issued_at.timestamp() * 1_000_000)
        key = fold.order_key(at, None, one.serial, one.msg_type, bytes([n]))
        items = tuple((item.item_id, bytes([n]), n, item.ended) for item in one.items.rows())
        head = (n, key, at, one.msg_type, one.complete, one.source_event_id, one.bulletin_type, one.serial)
        said.setdefault(one.scope, []).append(fold.Said(*head, items))
    runs = [(scope, run) for scope, statements in said.items() for run in fold.runs(statements)]
    return {scope: bulletins[run.row].items.props["title"][0] for scope, run in runs if run.valid_to is None}


def test_every_official_telegram_is_read_to_the_last_element(realdata: Path) -> None:
    read = []
    for path in sorted(realdata.glob("jma-xml/*/*.xml")):
        document = path.read_bytes()
        found = list(jma_seismic_bulletin.parse(document))
        if [getattr(one, "code", None) for one in found] == ["no_parser"]:
            continue
        read.append(path.name)
        assert {one.code for one in found if isinstance(one, Issue)} <= {"contact_left_out"}, path.name
        item = props(document)
        assert item["title"] == text(document, "Head/Title")
        assert item["headline"] == text(document, "Headline/Text")
        for name, element in [
            ("text", "EarthquakeInfo/Text"),
            ("appendix", "Appendix"),
            ("next_advisory", "NextAdvisory"),
        ]:
            if stated := text(document, element):
                assert item[name] == stated
    assert len(read) >= 3


def test_the_official_nankai_bulletin(realdata: Path) -> None:
    bulletin, _ = parsed((realdata / "jma-xml/samples-official/74_01_01_200512_VYSE50.xml").read_bytes())
    assert (bulletin.scope, bulletin.complete) == ("jma/seismic_bulletin/nankai", True)
    assert bulletin.source_event_id == "20200512162000"
    [item] = bulletin.items.rows()
    assert (item.item_id, item.valid_to) == ("jma/seismic_bulletin/nankai", None)
    stage = [item.props[name] for name in ("stage", "stage_code", "stage_name", "info_kind")]
    assert stage == ["investigating", "111", "調査中", "南海トラフ地震臨時情報"]


def test_stages_replace_each_other_and_a_withdrawal_brings_the_one_before_back() -> None:
    names = [NANKAI, "20261105040000", "20261105041000", "20261105043000", "20261105060000"]
    investigating, warning, withdrawn, advisory, ended = (parsed(sample(name))[0] for name in names)
    scope = "jma/seismic_bulletin/nankai"
    title = "南海トラフ地震臨時情報（{}）".format
    assert open_titles([investigating, warning]) == {scope: title("巨大地震警戒")}
    assert open_titles([investigating, warning, withdrawn]) == {scope: title("調査中")}
    assert open_titles([withdrawn, warning, investigating]) == {scope: title("調査中")}
    assert open_titles([investigating, warning, withdrawn, advisory]) == {scope: title("巨大地震注意")}
    assert open_titles([investigating, advisory, ended]) == {scope: title("調査終了")}


def test_a_commentary_never_replaces_an_extra_bulletin() -> None:
    everything = [parsed(document)[0] for document in DOCUMENTS]
    shown = open_titles(everything)
    assert shown["jma/seismic_bulletin/nankai"] == "南海トラフ地震臨時情報（調査終了）"
    assert shown["jma/seismic_bulletin/nankai_commentary"] == "南海トラフ地震関連解説情報"
    assert shown["jma/seismic_bulletin/hokkaido_sanriku"] == "北海道・三陸沖後発地震注意情報"
    assert len(shown) == 6


def test_counts_by_period() -> None:
    first, corrected = sample("20261105031000"), sample("20261105032000")
    assert parsed(corrected)[0].msg_type == "correct"
    assert parsed(first)[0].scope == parsed(corrected)[0].scope == "jma/seismic_bulletin/VXSE60/20261105100112"
    periods = props(first)["counts"]
    assert [period["period"] for period in periods] == ["hour", "hour", "total"]
    not_counted = count.without("not_applicable", "-1")
    assert [period["all"] for period in periods] == [not_counted, not_counted, count.reported(1704)]
    assert [period["felt"] for period in periods] == [count.reported(n) for n in (12, 0, 12)]
    assert [period["felt"]["value"] for period in props(corrected)["counts"]] == [12, 3, 15]
    assert periods[1]["condition"] == "速報値"
    stated = re.findall(r"<StartTime>(.+)</StartTime>", first.decode())
    assert [period["start_at"] for period in periods] == stated


def test_a_count_that_is_none_is_unknown_and_an_issue() -> None:
    document = changed(sample("20261105031000"), ("<Number>1704</Number>", "<Number>多い</Number>"))
    _, issues = parsed(document)
    assert [issue.code for issue in issues] == ["bad_number"]
    assert props(document)["counts"][2]["all"] == count.without("unknown", "多い")
    document = changed(sample("20261105031000"), ("累積地震回数", "日別地震回数"))
    assert [issue.code for issue in parsed(document)[1]] == ["unknown_period"]
    assert props(document)["counts"][2]["period_name"] == "日別地震回数"


def test_activity_with_a_name_and_aftershocks() -> None:
    item = props(sample("20261105050000"))
    assert (item["named"], item["named_en"]) == ("令和８年訓練地震", "The 2026 Training Earthquake")
    assert item["comment"] == "【訓練】付記"
    assert item["uri"] == "https://www.jma.go.jp/"
    [aftershock] = item["aftershocks"]
    assert (aftershock["probability"], aftershock["probability_unit"], aftershock["magnitude"]) == (10, "%", 5.5)


def test_a_notice_without_its_contacts() -> None:
    document = sample("20261105080000")
    _, issues = parsed(document)
    assert [issue.code for issue in issues] == ["contact_left_out"]
    said = props(document)["text"]
    assert "期間　11月7日 08:00 から 20:00" in said
    assert said.endswith("以上【訓練】")
    assert "太郎" not in said
    assert "0000" not in said


@pytest.mark.parametrize(
    ("pairs", "stage"),
    [
        ([("<Code>111</Code>", "<Code>113</Code>")], "investigating"),
        ([("<Code>111</Code>", "<Code>120</Code>")], None),  # code and name disagree
        ([("（調査中）", "（巨大地震警戒）")], None),  # title and name disagree
        ([("<Name>調査中</Name>", "<Name>調査中止</Name>")], None),
        ([("<Code>111</Code>", "<Code>119</Code>")], "investigating"),  # the word is known, its number is new
        ([("<Code>111</Code>", "<Code>119</Code>"), ("調査中", "巨大地震待機")], None),
    ],
)
def test_a_stage_is_never_guessed(pairs: list[tuple[str, str]], stage: str | None) -> None:
    document = changed(sample(NANKAI), *pairs)
    _, issues = parsed(document)
    assert props(document)["stage"] == stage
    assert [(issue.code, issue.severity) for issue in issues] == ([] if stage else [("unknown_stage", "warning")])
    assert props(document)["stage_code"] == text(document, "InfoSerial/Code")
    assert props(document)["stage_name"] == text(document, "InfoSerial/Name")


@pytest.mark.parametrize("code", ["111", "112", "113", "120", "130", "190"])
def test_every_code_of_a_stage(code: str) -> None:
    info = jma.earthquake_info()[code]
    document = changed(sample(NANKAI), ("調査中", info.name), ("<Code>111</Code>", f"<Code>{code}</Code>"))
    assert parsed(document)[1] == []
    assert props(document)["stage"] == info.stage


def test_a_stage_without_a_code_stands_in_the_title() -> None:
    document = re.sub(rb"<InfoSerial.*</InfoSerial>", b"", sample("20261105040000"), flags=re.S)
    assert parsed(document)[1] == []
    assert (props(document)["stage"], props(document)["stage_code"]) == ("megaquake_warning", None)


def test_an_unknown_commentary_code() -> None:
    document = changed(sample("20261105063000"), ("<Code>210</Code>", "<Code>220</Code>"))
    assert [issue.code for issue in parsed(document)[1]] == ["unknown_stage"]
    assert parsed(document)[0].scope == "jma/seismic_bulletin/nankai_commentary"


@pytest.mark.parametrize("event", ["", "2026/11/05", "訓練"])
def test_an_event_that_nobody_can_name_is_refused(event: str) -> None:
    document = changed(sample("20261105031000"), ("20261105100112", event))
    with pytest.raises(ParseError) as refusal:
        list(jma_seismic_bulletin.parse(document))
    assert refusal.value.code == "bad_event_id"


def test_a_new_element_is_reported() -> None:
    document = changed(sample(NANKAI), ("<NextAdvisory>", "<Area>訓練</Area><NextAdvisory>"))
    assert [(issue.code, issue.position) for issue in parsed(document)[1]] == [("unread", "Body/Area")]


@pytest.mark.parametrize("word", ["訓練", "試験"])
def test_a_drill_never_ends_in_actual(word: str) -> None:
    for document in DOCUMENTS:
        bulletin, _ = parsed(changed(document, ("<Status>訓練</Status>", f"<Status>{word}</Status>")))
        assert bulletin.status == {"訓練": "exercise", "試験": "test"}[word]


@given(st.sampled_from(DOCUMENTS), st.data())
def test_a_value_that_is_lost_breaks_nothing_but_itself(document: bytes, data: st.DataObject) -> None:
    """Empty any one element of a body: still one bulletin with one item, or none for a 取消."""
    root = etree.fromstring(document)
    victim = data.draw(st.sampled_from([element for element in root[-1].iter() if element is not root[-1]]))
    for child in list(victim):
        victim.remove(child)
    victim.text = None
    bulletin, _ = parsed(etree.tostring(root, xml_declaration=True, encoding="UTF-8"))
    assert len(bulletin.items) == (0 if bulletin.msg_type == "withdraw" else 1)
    assert bulletin.status == "exercise"


def test_every_property_is_shown_by_the_layer() -> None:
    layer = yaml.safe_load((PROJECT / "config/layers/seismic_bulletin.yml").read_text(encoding="utf-8"))
    shown = {field["name"] for field in layer["fields"]}
    for document in DOCUMENTS:
        bulletin, _ = parsed(document)
        if len(bulletin.items):
            assert set(bulletin.items.props) == shown - {"serial"}
