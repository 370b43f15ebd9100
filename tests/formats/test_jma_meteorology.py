"""Headlines, prose, quantities and events of weather telegrams: nothing of them may be lost, nothing read twice."""

from __future__ import annotations

import doctest
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from bousai.errors import ParseError
from bousai.formats import jma_meteorology, jma_xml
from bousai.formats.jma_meteorology import Infos, Period
from bousai.model import Issue

EB = "{http://xml.kishou.go.jp/jmaxml1/elementBasis1/}"
METE = "{http://xml.kishou.go.jp/jmaxml1/body/meteorology1/}"
HEAD = "{http://xml.kishou.go.jp/jmaxml1/informationBasis1/}"
NAMES = ["82_*", "83_*", "84_*", "85_*", "89_*", "72_*", "16_01_*", "16_02_*", "91_*"]


def read(body: bytes) -> tuple[Infos, list[Issue]]:
    telegram = jma_xml.read(body)
    issues: list[Issue] = []
    node = jma_xml.body(telegram)
    node.drop("Notice", "Warning", "OfficeInfo", "AdditionalInfo", "TargetArea")
    infos = jma_meteorology.infos(node, issues)
    return infos, [*issues, *node.nothing_left()]


@pytest.fixture(scope="module", params=NAMES)
def body(request: pytest.FixtureRequest, realdata: Path) -> bytes:
    files = sorted((realdata / "jma-xml/samples-official").glob(request.param))
    assert files
    return files[0].read_bytes()


def test_module_examples() -> None:
    result = doctest.testmod(jma_meteorology)
    assert result.attempted
    assert not result.failed


def test_every_quantity_text_and_event_of_a_real_telegram_is_read_once(body: bytes) -> None:
    infos, left = read(body)
    assert left == []
    tree = etree.fromstring(body)
    parts = [part for part in tree.iter() if str(part.tag).startswith(METE) and str(part.tag).endswith("Part")]
    leaves = [e for part in parts for e in part.iter() if str(e.tag).startswith(EB) and not len(e)]
    criteria = [e for e in tree.iter(f"{METE}Criteria") for e in e]
    numbers = [e for e in leaves if e not in criteria and e.tag != f"{EB}Text"]
    assert len(infos.quantities) == len(numbers)
    assert sorted(q.value for q in infos.quantities if q.value is not None) == sorted(
        float(e.text) for e in numbers if e.text and e.text.replace(".", "").replace("-", "").isdigit()
    )
    inside = list(tree.iter(f"{METE}MeteorologicalInfos"))
    words = [e.text.strip() for group in inside for e in group.iter(f"{METE}Text", f"{EB}Text") if e.text]
    assert sorted(t.text for t in infos.texts if t.type != "Condition") == sorted(w for w in words if w)
    assert len(infos.events) == len([e for group in inside for e in group.iter(f"{METE}Event")])


def test_the_headline_is_read_whole(body: bytes) -> None:
    issues: list[Issue] = []
    found = jma_meteorology.headline(jma_xml.read(body), issues)
    tree = etree.fromstring(body)
    assert issues == []
    assert list(found) == list(dict.fromkeys(e.get("type") for e in tree.iter(f"{HEAD}Information")))
    areas = [place.code for items in found.values() for item in items for place in item.areas]
    assert areas == [e.findtext(f"{HEAD}Code") for e in tree.iter(f"{HEAD}Area")]


def test_a_new_element_of_the_headline_is_reported(realdata: Path) -> None:
    (path,) = (realdata / "jma-xml/samples-official").glob("84_01_01_*")
    tree = etree.fromstring(path.read_bytes())
    (kind,) = tree.iter(f"{HEAD}Kind")
    etree.SubElement(kind, f"{HEAD}Nuance").text = "1"
    issues: list[Issue] = []
    jma_meteorology.headline(jma_xml.read(etree.tostring(tree)), issues)
    assert [(issue.code, issue.position) for issue in issues] == [
        ("unread", "Head/Headline/Information/Item/Kind/Nuance")
    ]


@pytest.mark.parametrize(
    ("old", "new", "path"),
    [
        ("<Sentence>満潮", "<Sentense>x</Sentense><Sentence>満潮", "TidalLevelPart/Base/Sequence/Sentense"),
        ("<jmx_eb:TidalPeriod", "<jmx_eb:TidalMood/><jmx_eb:TidalPeriod", "Property/TidalLevelPart/TidalMood"),
        ("<Location>北海道", "<Depth>1</Depth><Location>北海道", "Item/Station/Depth"),
    ],
)
def test_what_the_rules_do_not_know_is_reported(realdata: Path, old: str, new: str, path: str) -> None:
    (file,) = (realdata / "jma-xml/samples-official").glob("89_01_01_*")
    text = file.read_text(encoding="utf-8")
    assert old in text
    _, left = read(text.replace(old, new, 1).encode())
    assert [issue.code for issue in left] == ["unread"]
    assert left[0].position.endswith(path)


def telegram(parts: str) -> bytes:
    return f"""<Report xmlns="http://xml.kishou.go.jp/jmaxml1/">
<Control><Title>府県気象解説情報</Title><DateTime>2026-11-05T01:00:00Z</DateTime><Status>訓練</Status></Control>
<Head xmlns="http://xml.kishou.go.jp/jmaxml1/informationBasis1/"><Title>訓練</Title>
<ReportDateTime>2026-11-05T10:00:00+09:00</ReportDateTime><InfoType>発表</InfoType></Head>
<Body xmlns="http://xml.kishou.go.jp/jmaxml1/body/meteorology1/"
 xmlns:jmx_eb="http://xml.kishou.go.jp/jmaxml1/elementBasis1/">
<MeteorologicalInfos type="予想"><TimeSeriesInfo><TimeDefines>
<TimeDefine timeId="1"><DateTime>2026-11-05T12:00:00+09:00</DateTime><Duration>P1D</Duration><Name>五日</Name>
</TimeDefine>
<TimeDefine timeId="2"><DateTime>2026-11-06T12:00:00+09:00</DateTime><Duration>PT90M</Duration></TimeDefine>
</TimeDefines><Item><Kind><Property><Type>雨の予想</Type>{parts}</Property></Kind>
<Area><Name>訓練地方</Name><Code>999999</Code></Area></Item></TimeSeriesInfo></MeteorologicalInfos></Body></Report>""".encode()


def info(parts: str) -> Infos:
    return read(telegram(parts))[0]


def test_a_quantity_knows_what_stands_around_it() -> None:
    (quantity,) = info(
        "<PrecipitationPart><Becoming><TimeModifier>のち</TimeModifier><Local><AreaName>山沿い</AreaName>"
        '<jmx_eb:Precipitation type="雨量" unit="mm" refID="1" condition="以上">120.5</jmx_eb:Precipitation>'
        "<Remark>訓練</Remark></Local></Becoming><Time>2026-11-05T11:00:00+09:00</Time></PrecipitationPart>"
    ).quantities
    assert (quantity.name, quantity.value, quantity.unit, quantity.condition) == ("雨量", 120.5, "mm", "以上")
    assert (quantity.part, quantity.phase, quantity.remark) == ("山沿い", "のち", "訓練")
    assert (quantity.time, quantity.period) == (
        "2026-11-05T11:00:00+09:00",
        Period("2026-11-05T12:00:00+09:00", "P1D", "五日"),
    )
    assert quantity.where.places[0].code == "999999"


@pytest.mark.parametrize(
    ("attributes", "text", "value", "said"),
    [
        ('condition="値なし"', "", None, None),
        ('condition="欠測"', "NaN", None, None),
        ("", "北東", None, "北東"),
        ("", "１２０", 120.0, None),
        ('description="約百"', "1e400", None, "約百"),
        ("", "inf", None, "inf"),
    ],
)
def test_what_is_missing_or_no_number_is_never_a_number(
    attributes: str, text: str, value: float | None, said: str | None
) -> None:
    part = f'<WindPart><jmx_eb:WindSpeed type="風速" {attributes}>{text}</jmx_eb:WindSpeed></WindPart>'
    (quantity,) = info(part).quantities
    assert (quantity.value, quantity.text) == (value, said)


def test_a_section_knows_how_far_its_periods_reach() -> None:
    assert info("").sections == {"予想": datetime.fromisoformat("2026-11-06T13:30:00+09:00")}


@given(st.integers(0, 400), st.integers(0, 99), st.integers(0, 99))
def test_a_duration_of_days_hours_minutes_is_what_it_says(days: int, hours: int, minutes: int) -> None:
    end = Period("2026-01-01T00:00:00+09:00", f"P{days}DT{hours}H{minutes}M", None).end()
    assert end is not None
    start = datetime.fromisoformat("2026-01-01T00:00:00+09:00")
    assert (end - start).total_seconds() == days * 86400 + hours * 3600 + minutes * 60


@pytest.mark.parametrize("duration", [None, "", "P", "P1M", "P1Y2M", "-P1D", "PT", "P99999999999D", "P１D"])
def test_a_duration_that_cannot_be_told_has_no_end(duration: str | None) -> None:
    assert Period("2026-01-01T00:00:00+09:00", duration, None).end() is None


def test_a_time_that_cannot_be_read_is_an_issue_and_loses_nothing_else() -> None:
    level = '<jmx_eb:TidalLevel type="潮位" unit="cm">80</jmx_eb:TidalLevel>'
    infos, issues = read(
        telegram(
            '<EventPart><Event type="線状降水帯"><EventName>発生</EventName><Time>昨日</Time></Event></EventPart>'
            f"<TidalLevelPart>{level}<Time>昨日</Time></TidalLevelPart>"
        )
    )
    assert [(event.names, event.times) for event in infos.events] == [(("発生",), ())]
    assert [(quantity.value, quantity.time) for quantity in infos.quantities] == [(80.0, None)]
    assert [(issue.code, issue.severity) for issue in issues] == [("bad_time", "warning")] * 2


def test_a_telegram_without_a_headline_has_no_areas(realdata: Path) -> None:
    (path,) = (realdata / "jma-xml/samples-official").glob("84_01_01_*")
    tree = etree.fromstring(path.read_bytes())
    (headline,) = tree.iter(f"{HEAD}Headline")
    headline.getparent().remove(headline)
    assert jma_meteorology.headline(jma_xml.read(etree.tostring(tree)), []) == {}


def test_a_cut_off_telegram_is_refused(body: bytes) -> None:
    with pytest.raises(ParseError):
        read(body[: len(body) // 2])
