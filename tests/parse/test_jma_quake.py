"""Earthquake telegrams: the real ones against counts taken from their raw XML, and the odd cases one by one."""

from __future__ import annotations

import doctest
import struct
from pathlib import Path

import pytest
from lxml import etree

from bousai.errors import ParseError
from bousai.model import Bulletin, Issue, Item
from bousai.parse import jma_quake

NOTO = "20240101161010"


def parsed(document: bytes) -> tuple[dict[str, Bulletin], list[Issue]]:
    results = list(jma_quake.parse(document))
    bulletins = {result.scope: result for result in results if isinstance(result, Bulletin)}
    return bulletins, [result for result in results if isinstance(result, Issue)]


def only(bulletin: Bulletin) -> Item:
    [item] = bulletin.items.rows()
    return item


def elements(document: bytes, name: str) -> list[etree._Element]:
    found = etree.fromstring(document).xpath("//" + "/".join(f"*[local-name()='{step}']" for step in name.split("/")))
    assert isinstance(found, list)
    return found  # type: ignore[return-value]


def point(item: Item) -> tuple[float, float]:
    assert item.geometry is not None
    order, kind, lon, lat = struct.unpack("<BIdd", item.geometry)
    assert (order, kind) == (1, 1)
    return lon, lat


def test_module_examples() -> None:
    result = doctest.testmod(jma_quake)
    assert result.attempted
    assert not result.failed


def test_every_real_telegram_is_read_to_the_last_element(realdata: Path) -> None:
    read = 0
    for path in sorted(realdata.glob("jma-xml/*/*.xml")):
        document = path.read_bytes()
        bulletins, issues = parsed(document)
        if [issue.code for issue in issues] == ["no_parser"]:
            continue
        read += 1
        assert not [issue for issue in issues if issue.severity != "info"], path.name
        if "取消" in [element.text for element in elements(document, "InfoType")]:
            continue
        table = next((b.items for b in bulletins.values() if b.kind == "seismic_intensity"), None)
        expected = sum(len(elements(document, name)) for name in ("Pref", "Pref/Area", "Area/City"))
        assert (len(table) if table else 0) == expected, path.name
        quakes = len(elements(document, "Earthquake"))
        assert sum(b.scope.endswith("/hypocentre") for b in bulletins.values()) == quakes
    assert read >= 20


@pytest.mark.parametrize("name", ["IntensityReportL", "LPGMInfo", "UpdateInfo", "WInfoL"])
def test_nothing_of_the_noto_telegrams_is_left_unread(realdata: Path, name: str) -> None:
    assert parsed((realdata / f"jma-xml/real-2024-noto/{name}.xml").read_bytes())[1] == []


def test_noto_intensities(realdata: Path) -> None:
    document = (realdata / "jma-xml/real-2024-noto/WInfoL.xml").read_bytes()
    bulletins, _ = parsed(document)
    areas = bulletins[f"jma/seismic_intensity/{NOTO}"]
    assert (areas.complete, areas.serial, areas.issued_at.isoformat() if areas.issued_at else "") == (
        True,
        "2",
        "2024-01-01T16:24:00+09:00",
    )
    rows = {item.item_id: item for item in areas.items.rows()}
    shika = rows[f"{NOTO}/1738400"]
    assert shika.muni_code == "17384"
    assert shika.props == {
        "event_id": NOTO,
        "area_code": "1738400",
        "area_name": "志賀町",
        "area_level": "city",
        "intensity": "7",
        "intensity_rank": 70,
        "intensity_received": "7",
        "condition": None,
        "revised": None,
    }
    assert rows[f"{NOTO}/17"].props["area_level"] == "pref"
    assert rows[f"{NOTO}/390"].props["area_level"] == "region"
    assert rows[f"{NOTO}/390"].muni_code is None
    revised = {key for key, item in rows.items() if item.props["revised"]}
    in_xml = [e for e in elements(document, "Revise") if e.getparent().tag.rpartition("}")[2] != "IntensityStation"]
    assert len(revised) == len(in_xml) > 0
    assert only(bulletins[f"jma/earthquake/{NOTO}/intensity"]).props == {"event_id": NOTO, "max_intensity": "7"}
    cities = [item for item in rows.values() if item.props["area_level"] == "city"]
    stated = {
        e.xpath("string(*[local-name()='Code'])"): e.xpath("string(*[local-name()='MaxInt'])")
        for e in elements(document, "City")
    }
    assert {item.props["area_code"]: item.props["intensity"] for item in cities} == stated


def test_noto_hypocentre_is_restated(realdata: Path) -> None:
    """M7.4 (16:23, long-period) then M7.6 (16:24), both very shallow; each the whole statement of its time."""
    scope = f"jma/earthquake/{NOTO}/hypocentre"
    first = parsed((realdata / "jma-xml/real-2024-noto/LPGMInfo.xml").read_bytes())[0][scope]
    second = parsed((realdata / "jma-xml/real-2024-noto/WInfoL.xml").read_bytes())[0][scope]
    assert first.issued_at is not None
    assert second.issued_at is not None
    assert first.issued_at < second.issued_at
    assert (only(first).props["magnitude"], only(second).props["magnitude"]) == (7.4, 7.6)
    assert only(first).item_id == only(second).item_id == f"jma-{NOTO}"
    assert only(second).props["depth_km"] == 0
    assert only(second).props["hypocentre_name"] == "石川県能登地方"
    assert point(only(second)) == (137.2, 37.5)  # as stated, although @datum says 日本測地系
    assert first.complete
    assert second.complete


def test_noto_long_period(realdata: Path) -> None:
    document = (realdata / "jma-xml/real-2024-noto/LPGMInfo.xml").read_bytes()
    bulletins, _ = parsed(document)
    assert only(bulletins[f"jma/earthquake/{NOTO}/lpgm"]).props["max_lpgm_class"] == "4"
    areas = bulletins[f"jma/seismic_intensity/{NOTO}/lpgm"]
    assert len(areas.items) == len(elements(document, "Pref")) + len(elements(document, "Pref/Area")) == 103
    assert set(areas.items.props) == {"event_id", "area_code", "area_name", "area_level", "lpgm_class"}
    assert f"jma/earthquake/{NOTO}/comment" not in bulletins  # its comments are not about the tsunami
    assert f"jma/earthquake/{NOTO}/intensity" not in bulletins


def test_first_intensities_are_partial_and_speak_of_no_hypocentre(realdata: Path) -> None:
    bulletins, _ = parsed((realdata / "jma-xml/real-2024-noto/IntensityReportL.xml").read_bytes())
    assert not bulletins[f"jma/seismic_intensity/{NOTO}"].complete
    assert f"jma/earthquake/{NOTO}/hypocentre" not in bulletins
    assert only(bulletins[f"jma/earthquake/{NOTO}/intensity"]).props["max_intensity"] == "6+"
    comment = only(bulletins[f"jma/earthquake/{NOTO}/comment"]).props
    assert (comment["tsunami_comment"], comment["comment_codes"]) == (None, ["0217"])


def test_update_prefers_the_finer_position(realdata: Path) -> None:
    bulletins, _ = parsed((realdata / "jma-xml/real-2024-noto/UpdateInfo.xml").read_bytes())
    [(scope, bulletin)] = bulletins.items()  # and its own remark does not replace the comment on the tsunami
    assert scope == "jma/earthquake/20240106232024/hypocentre"
    item = only(bulletin)
    assert point(item) == (136.645, 37.171667)  # 136°38.7′E 37°10.3′N
    assert item.props["depth_km"] == 5


def test_distant_earthquake_claims_no_intensity_and_no_depth(realdata: Path) -> None:
    for name in ("20230410231623_04156158", "20230411000017_05859620", "20230411050043_01977411"):
        bulletins, _ = parsed((realdata / f"jma-xml/real-2021-2023/{name}_VXSE53.xml").read_bytes())
        aspects = {scope.rpartition("/")[2] for scope in bulletins}
        assert aspects == {"hypocentre", "comment"}
        item = only(bulletins["jma/earthquake/20230410221000/hypocentre"])
        assert (item.props["depth_km"], item.props["magnitude"], item.props["magnitude_text"]) == (
            None,
            None,
            "Ｍ不明",
        )
        assert item.props["hypocentre_detail"] == "ロシア、カムチャツカ半島東岸"
        assert point(item) == (161.4, 56.7)


@pytest.mark.parametrize(
    ("name", "scopes"),
    [
        ("32-35_10_01_220510_VXSE51", {"earthquake/{}/intensity", "earthquake/{}/comment", "seismic_intensity/{}"}),
        ("32-35_06_02_100915_VXSE52", {"earthquake/{}/hypocentre", "earthquake/{}/comment"}),
        (
            "32-35_06_06_100915_VXSE53",
            {
                "earthquake/{}/hypocentre",
                "earthquake/{}/intensity",
                "earthquake/{}/comment",
                "seismic_intensity/{}",
            },
        ),
        ("32-35_06_10_100915_VXSE61", {"earthquake/{}/hypocentre"}),
    ],
)
def test_withdrawals_take_back_every_scope_of_their_type(realdata: Path, name: str, scopes: set[str]) -> None:
    document = (realdata / f"jma-xml/samples-official/{name}.xml").read_bytes()
    bulletins, issues = parsed(document)
    event = elements(document, "EventID")[0].text
    assert set(bulletins) == {"jma/" + scope.format(event) for scope in scopes}
    assert not issues
    for bulletin in bulletins.values():
        assert (bulletin.msg_type, bulletin.complete, len(bulletin.items)) == ("withdraw", False, 0)
        assert (bulletin.source_event_id, bulletin.bulletin_type) == (event, name[-6:])
        assert bulletin.serial is None


def test_a_statement_and_its_withdrawal_speak_of_the_same_scopes() -> None:
    for kind in jma_quake.HANDLES:
        areas = "<Pref><Name>県</Name><Code>14</Code><MaxInt>3</MaxInt><MaxLgInt>1</MaxLgInt></Pref>"
        body = f"""<Earthquake><ArrivalTime>2026-11-05T10:00:00+09:00</ArrivalTime></Earthquake>
          <Intensity><Observation><MaxInt>3</MaxInt><MaxLgInt>1</MaxLgInt>{areas}</Observation></Intensity>
          <Comments><ForecastComment><Text>訓練</Text><Code>0215</Code></ForecastComment></Comments>"""
        if kind == "VXSE51":
            body = body[body.index("<Intensity>") :]
        if kind in ("VXSE52", "VXSE61"):
            body = body[: body.index("<Intensity>")] + body[body.index("<Comments>") :]
        issued, _ = parsed(document(body, kind))
        withdrawn, _ = parsed(document("<Text>訓練</Text>", kind, info_type="取消"))
        assert set(issued) == set(withdrawn), kind


TITLES = {
    "VXSE51": "震度速報",
    "VXSE52": "震源に関する情報",
    "VXSE53": "震源・震度に関する情報",
    "VXSE61": "顕著な地震の震源要素更新のお知らせ",
    "VXSE62": "長周期地震動に関する観測情報",
}


def document(body: str, kind: str = "VXSE53", info_type: str = "発表", event: str = "20261105100008") -> bytes:
    return f"""<Report xmlns="http://xml.kishou.go.jp/jmaxml1/"><Control><Title>{TITLES[kind]}</Title>
<DateTime>2026-11-05T01:04:00Z</DateTime><Status>訓練</Status><EditorialOffice>訓練</EditorialOffice>
<PublishingOffice>気象庁</PublishingOffice></Control><Head xmlns="http://xml.kishou.go.jp/jmaxml1/informationBasis1/">
<Title>訓練</Title><ReportDateTime>2026-11-05T10:04:00+09:00</ReportDateTime><TargetDateTime/><EventID>{event}</EventID>
<InfoType>{info_type}</InfoType><Serial>1</Serial><InfoKind>訓練</InfoKind><InfoKindVersion>1.0_1</InfoKindVersion>
<Headline><Text>【訓練】</Text></Headline></Head><Body xmlns="http://xml.kishou.go.jp/jmaxml1/body/seismology1/"
 xmlns:jmx_eb="http://xml.kishou.go.jp/jmaxml1/elementBasis1/">{body}</Body></Report>""".encode()


def observed(cities: str, largest: str = "<MaxInt>4</MaxInt>") -> bytes:
    return document(
        f"""<Intensity><Observation>{largest}<Pref><Name>神奈川県</Name><Code>14</Code><MaxInt>4</MaxInt>
        <Area><Name>神奈川県西部</Name><Code>361</Code><MaxInt>4</MaxInt>{cities}</Area></Pref></Observation></Intensity>"""
    )


def city(code: str, rest: str) -> str:
    return f"<City><Name>町{code}</Name><Code>{code}</Code>{rest}</City>"


NOT_RECEIVED = "<Condition>震度５弱以上未入電</Condition>"


@pytest.mark.parametrize(
    ("rest", "intensity", "rank", "received"),
    [
        (NOT_RECEIVED, "!5-", 46, None),
        (f"<MaxInt>4</MaxInt>{NOT_RECEIVED}", "!5-", 46, "4"),
        (f"<MaxInt>6-</MaxInt>{NOT_RECEIVED}", "6-", 55, "6-"),
        ("<MaxInt>震度５弱以上未入電</MaxInt>", "!5-", 46, "震度５弱以上未入電"),
        ("<MaxInt>5-</MaxInt><Revise>上方修正</Revise>", "5-", 45, "5-"),
    ],
)
def test_not_received_never_sorts_low(rest: str, intensity: str, rank: int, received: str | None) -> None:
    bulletins, issues = parsed(observed(city("1438300", rest)))
    assert not issues
    item = list(bulletins["jma/seismic_intensity/20261105100008"].items.rows())[-1]
    assert (item.props["intensity"], item.props["intensity_rank"]) == (intensity, rank)
    assert item.props["intensity_received"] == received
    assert item.muni_code == "14383"


@pytest.mark.parametrize(
    ("largest", "rest", "expected"),
    [
        ("<MaxInt>4</MaxInt>", NOT_RECEIVED, "!5-"),
        ("", NOT_RECEIVED, "!5-"),
        ("<MaxInt>6+</MaxInt>", NOT_RECEIVED, "6+"),
        ("<MaxInt>4</MaxInt>", "<MaxInt>4</MaxInt>", "4"),
    ],
)
def test_largest_intensity(largest: str, rest: str, expected: str) -> None:
    bulletins, _ = parsed(observed(city("1438300", rest), largest))
    assert only(bulletins["jma/earthquake/20261105100008/intensity"]).props["max_intensity"] == expected


@pytest.mark.parametrize("rest", ["<MaxInt>8</MaxInt>", "<MaxInt>５弱</MaxInt>", "", "<MaxInt/>"])
def test_unknown_intensity_is_held_back_and_the_rest_is_not_complete(rest: str) -> None:
    bulletins, issues = parsed(observed(city("1438300", rest) + city("1420600", "<MaxInt>4</MaxInt>")))
    areas = bulletins["jma/seismic_intensity/20261105100008"]
    assert [item.props["area_code"] for item in areas.items.rows()] == ["14", "361", "1420600"]
    assert not areas.complete
    [issue] = issues
    assert (issue.code, issue.severity) == ("unmapped_area", "warning")
    assert issue.position.endswith("/City[1]")
    assert "町1438300" in issue.cause


def test_a_report_of_no_area_at_all_wipes_nothing() -> None:
    bulletins, issues = parsed(document("<Intensity><Observation/></Intensity>"))
    assert not bulletins["jma/seismic_intensity/20261105100008"].complete
    assert [issue.code for issue in issues] == ["unmapped_area"]


@pytest.mark.parametrize(("largest", "area"), [("5", "1"), ("1", "5")])
def test_unknown_long_period_class_is_held_back(largest: str, area: str) -> None:
    body = f"""<Intensity><Observation><MaxLgInt>{largest}</MaxLgInt><Pref><Name>神奈川県</Name><Code>14</Code>
      <MaxLgInt>{area}</MaxLgInt></Pref></Observation></Intensity>"""
    bulletins, issues = parsed(document(body, "VXSE62"))
    assert [issue.code for issue in issues] == ["unmapped_area"]
    assert ("jma/earthquake/20261105100008/lpgm" in bulletins) == (largest == "1")
    assert bulletins["jma/seismic_intensity/20261105100008/lpgm"].complete == (area == "1")


def test_only_a_city_code_names_a_municipality() -> None:
    region = observed("").replace(b"<Code>361</Code>", b"<Code>1438300</Code>")
    items = parsed(region)[0]["jma/seismic_intensity/20261105100008"].items
    assert list(items.muni_code) == [None, None]
    odd = city("14383", "<MaxInt>4</MaxInt>") + city("14A8300", "<MaxInt>4</MaxInt>")
    bulletins, _ = parsed(observed(odd))
    rows = {
        item.props["area_code"]: item.muni_code
        for item in bulletins["jma/seismic_intensity/20261105100008"].items.rows()
    }
    assert (rows["14383"], rows["14A8300"]) == (None, None)


def quake(inner: str) -> bytes:
    return document(f"<Earthquake><ArrivalTime>2026-11-05T10:00:00+09:00</ArrivalTime>{inner}</Earthquake>", "VXSE52")


PLACE = "<Hypocenter><Area><Name>相模湾</Name><Code type='震央地名'>478</Code>{}</Area></Hypocenter>"


@pytest.mark.parametrize(
    ("inner", "expected", "codes"),
    [
        ("<jmx_eb:Magnitude type='Mj' description='Ｍ７．３'>7.3</jmx_eb:Magnitude>", {"magnitude": 7.3}, []),
        (
            "<jmx_eb:Magnitude type='Mj' condition='不明' description='Ｍ８を超える巨大地震'>NaN</jmx_eb:Magnitude>",
            {"magnitude": None, "magnitude_text": "Ｍ８を超える巨大地震"},
            [],
        ),
        ("<jmx_eb:Magnitude type='Mj'>７</jmx_eb:Magnitude>", {"magnitude": 7.0}, []),
        ("<jmx_eb:Magnitude type='Mj'>large</jmx_eb:Magnitude>", {"magnitude": None}, ["bad_number"]),
        (
            PLACE.format("<jmx_eb:Coordinate description='震源要素不明'></jmx_eb:Coordinate>"),
            {"depth_km": None, "position_text": "震源要素不明", "hypocentre_code": "478"},
            [],
        ),
        (
            PLACE.format("<jmx_eb:Coordinate>+35.1,139.3</jmx_eb:Coordinate>"),
            {"depth_km": None, "hypocentre_name": "相模湾"},
            ["bad_coordinate"],
        ),
        (
            PLACE.format(
                "<jmx_eb:Coordinate description='深さは７００ｋｍ以上'>+35.1+139.3-700000/</jmx_eb:Coordinate>"
            ),
            {"depth_km": 700.0, "position_text": "深さは７００ｋｍ以上"},
            [],
        ),
        ("<OriginTime>2026-11-05T25:00:00+09:00</OriginTime>", {"origin_time": None}, ["bad_time"]),
        ("<OriginTime>2026-11-05T10:00:00</OriginTime>", {"origin_time": None}, ["bad_time"]),
    ],
)
def test_hypocentre_fields(inner: str, expected: dict[str, object], codes: list[str]) -> None:
    bulletins, issues = parsed(quake(inner))
    props = only(bulletins["jma/earthquake/20261105100008/hypocentre"]).props
    assert {name: props[name] for name in expected} == expected
    assert [issue.code for issue in issues] == codes


def test_comment_divides_what_is_about_the_tsunami() -> None:
    body = """<Comments><ForecastComment codeType="固定付加文"><Text>津波警報等を発表中です。
この地震について、緊急地震速報を発表しています。</Text><Code>0211 0241</Code></ForecastComment>
<VarComment codeType="固定付加文"><Text>震源要素を訂正します。</Text><Code>0256</Code></VarComment>
<FreeFormComment>自由文</FreeFormComment></Comments>"""
    bulletins, _ = parsed(document(body))
    assert only(bulletins["jma/earthquake/20261105100008/comment"]).props == {
        "event_id": "20261105100008",
        "tsunami_comment": "津波警報等を発表中です。",
        "comment": "この地震について、緊急地震速報を発表しています。\n震源要素を訂正します。",
        "comment_codes": ["0211", "0241", "0256"],
        "free_comment": "自由文",
    }


def test_correction_is_a_correction() -> None:
    bulletins, _ = parsed(document("<Comments><FreeFormComment>訓練</FreeFormComment></Comments>", info_type="訂正"))
    assert {bulletin.msg_type for bulletin in bulletins.values()} == {"correct"}
    assert {bulletin.serial for bulletin in bulletins.values()} == {"1"}


@pytest.mark.parametrize("event", ["", "2026110510", "20261105100008 20261105100100", "JPTK2026110510"])
def test_which_earthquake_must_be_known(event: str) -> None:
    with pytest.raises(ParseError) as refused:
        list(jma_quake.parse(document("<Text>訓練</Text>", event=event)))
    assert refused.value.code == "bad_event_id"
