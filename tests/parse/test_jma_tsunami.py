"""Tsunami telegrams: real ones against their raw XML, the life of an event, and what may never hide a coast."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest
from lxml import etree

from bousai.errors import ParseError
from bousai.model import Bulletin, Issue, Item
from bousai.parse import jma_tsunami
from bousai.vocab import jma

NOTO = "20240101161010"
PROJECT = Path(__file__).resolve().parents[2]


def parsed(document: bytes) -> tuple[dict[str, Bulletin], list[Issue]]:
    results = list(jma_tsunami.parse(document))
    bulletins = {result.scope: result for result in results if isinstance(result, Bulletin)}
    return bulletins, [result for result in results if isinstance(result, Issue)]


def rows(bulletin: Bulletin) -> dict[str, Item]:
    return {item.item_id: item for item in bulletin.items.rows()}


def elements(document: bytes, path: str) -> list[etree._Element]:
    steps = "/".join(f"*[local-name()='{step}']" for step in path.split("/"))
    found = etree.fromstring(document).xpath(f"//{steps}")
    assert isinstance(found, list)
    return found  # type: ignore[return-value]


def text(element: etree._Element, path: str) -> str | None:
    steps = "/".join(f"*[local-name()='{step}']" for step in path.split("/"))
    return element.xpath(f"string({steps})") or None  # type: ignore[return-value]


def test_every_real_telegram_is_read_to_the_last_element(realdata: Path) -> None:
    read = 0
    for path in sorted(realdata.glob("jma-xml/*/*.xml")):
        document = path.read_bytes()
        bulletins, issues = parsed(document)
        if [issue.code for issue in issues] == ["no_parser"]:
            continue
        read += 1
        assert not [issue for issue in issues if issue.severity != "info"], path.name
        if text(elements(document, "Head")[0], "InfoType") == "取消":
            continue
        by_kind = {bulletin.kind: bulletin for bulletin in bulletins.values() if len(bulletin.items)}
        coasts = elements(document, "Forecast/Item")
        if "tsunami_forecast" in by_kind:
            assert len(by_kind["tsunami_forecast"].items) == len(coasts)
        elif coasts:
            stated = [coast for coast in coasts if coast.xpath("*[local-name()='FirstHeight']")]
            stations = elements(document, "Forecast/Item/Station")
            assert len(by_kind["tsunami_arrival"].items) == len(stated) + len(stations)
        measured = elements(document, "Observation/Item/Station") + elements(document, "Estimation/Item")
        assert len(by_kind["tsunami_observation"].items if measured else ()) == len(measured)
        quakes = len(elements(document, "Earthquake"))
        assert sum(bulletin.kind == "earthquake" for bulletin in bulletins.values()) == quakes
    assert read >= 14


@pytest.mark.parametrize("name", ["TsunamiAlarm", "TsunamiInfo", "canceledTsunamiAlarm"])
def test_nothing_of_the_noto_telegrams_is_left_unread(realdata: Path, name: str) -> None:
    assert parsed((realdata / f"jma-xml/real-2024-noto/{name}.xml").read_bytes())[1] == []


def test_every_coast_as_stated(realdata: Path) -> None:
    """Every real VTSE41: code, name, kinds, first wave and height of each coast, straight from the XML."""
    for path in sorted(realdata.glob("jma-xml/*/*.xml")):
        document = path.read_bytes()
        bulletin = next(
            (b for b in parsed(document)[0].values() if b.kind == "tsunami_forecast" and len(b.items)), None
        )
        for coast in elements(document, "Forecast/Item") if bulletin else ():
            assert bulletin is not None
            props = rows(bulletin)[f"{bulletin.source_event_id}/{text(coast, 'Area/Code')}"].props
            assert props["coast_name"] == text(coast, "Area/Name")
            if path.parent.name.startswith("real"):  # a sample of 2011 has an older name of 772
                assert props["coast_name"] == jma.tsunami_coasts()[props["coast_code"]]
            assert props["kind_code"] == text(coast, "Category/Kind/Code")
            assert props["kind_name"] == text(coast, "Category/Kind/Name")
            assert props["last_kind_code"] == text(coast, "Category/LastKind/Code")
            assert props["first_wave_at"] == text(coast, "FirstHeight/ArrivalTime")
            assert props["first_wave_condition"] == text(coast, "FirstHeight/Condition")
            height = text(coast, "MaxHeight/TsunamiHeight")
            assert props["max_height_m"] == (None if height in (None, "NaN") else float(height))
            described = coast.xpath("string(.//*[local-name()='TsunamiHeight']/@description)")
            assert props["max_height_text"] == (described or None)


def test_noto_major_warning(realdata: Path) -> None:
    bulletins, _ = parsed((realdata / "jma-xml/real-2024-noto/TsunamiAlarm.xml").read_bytes())
    forecast = bulletins[f"jma/tsunami_forecast/{NOTO}"]
    assert (forecast.complete, forecast.serial, forecast.issuer) == (True, None, "気象庁")
    assert forecast.issued_at == datetime.fromisoformat("2024-01-01T16:22:00+09:00")
    assert forecast.sent_at == datetime.fromisoformat("2024-01-01T07:22:32+00:00")
    noto = rows(forecast)[f"{NOTO}/360"]
    assert noto.props == {
        "event_id": NOTO,
        "coast_code": "360",
        "coast_name": "石川県能登",
        "grade": "major_warning",
        "kind_code": "53",
        "kind_name": "大津波警報：発表",
        "last_kind_code": "51",
        "first_wave_at": None,
        "first_wave_condition": "津波到達中と推測",
        "first_wave_revised": None,
        "max_height_m": 5.0,
        "max_height_text": "５ｍ",
        "max_height_bound": None,
        "max_height_condition": "重要",
        "max_height_revised": "更新",
    }
    assert not noto.ended
    assert noto.valid_to is None
    grades = {item.props["grade"] for item in rows(forecast).values()}
    assert grades == {"major_warning", "warning", "advisory", "forecast"}
    assert f"jma/tsunami_arrival/{NOTO}" not in bulletins
    quake = rows(bulletins[f"jma/earthquake/{NOTO}/hypocentre"])[f"jma-{NOTO}"].props
    assert (quake["magnitude"], quake["depth_km"]) == (7.6, 0.0)


def test_noto_stood_down(realdata: Path) -> None:
    bulletins, _ = parsed((realdata / "jma-xml/real-2024-noto/canceledTsunamiAlarm.xml").read_bytes())
    forecast = bulletins[f"jma/tsunami_forecast/{NOTO}"]
    assert forecast.complete
    assert len(forecast.items) == 26
    assert all(item.ended for item in forecast.items.rows())
    assert {item.valid_to for item in forecast.items.rows()} == {datetime.fromisoformat("2024-01-02T17:00:00+09:00")}
    arrival = bulletins[f"jma/tsunami_arrival/{NOTO}"]
    assert (arrival.complete, len(arrival.items)) == (True, 0)
    assert rows(bulletins[f"jma/earthquake/{NOTO}/hypocentre"])[f"jma-{NOTO}"].props["depth_km"] == 20


def test_a_real_coast_is_ended_when_it_is_lifted_or_all_is_over(realdata: Path) -> None:
    for path in sorted(realdata.glob("jma-xml/*/*.xml")):
        document = path.read_bytes()
        forecast = next((b for b in parsed(document)[0].values() if b.kind == "tsunami_forecast"), None)
        if forecast is None or forecast.msg_type == "withdraw":
            continue
        grave = {"51", "52", "53", "62"}
        now = {element.text for element in elements(document, "Item/Category/Kind/Code")}
        before = {element.text for element in elements(document, "Item/Category/LastKind/Code")}
        over = not now & grave and bool(before & grave)
        for item in forecast.items.rows():
            assert item.ended == (over or item.props["kind_code"] in ("50", "60", "00")), path.name


def test_noto_observations_are_partial(realdata: Path) -> None:
    document = (realdata / "jma-xml/real-2024-noto/TsunamiInfo.xml").read_bytes()
    bulletins, _ = parsed(document)
    observed = bulletins[f"jma/tsunami_observation/{NOTO}/VTSE51"]
    assert (observed.complete, observed.serial) == (False, "3")
    wajima = rows(observed)[f"{NOTO}/36020"].props
    assert (wajima["station_name"], wajima["coast_code"], wajima["basis"]) == ("輪島港", "360", "coast")
    assert (wajima["max_height_m"], wajima["max_height_at"]) == (1.2, "2024-01-01T16:21:00+09:00")
    assert (wajima["first_wave_at"], wajima["first_wave_initial"]) == ("2024-01-01T16:10:00+09:00", "押し")
    arrival = bulletins[f"jma/tsunami_arrival/{NOTO}"]
    assert arrival.complete
    station = rows(arrival)[f"{NOTO}/360/36001"].props
    assert (station["first_wave_condition"], station["high_tide_at"]) == (
        "津波到達中と推測",
        "2024-01-01T19:49:00+09:00",
    )


def test_offshore_sample(realdata: Path) -> None:
    document = (realdata / "jma-xml/samples-official/32-39_12_05_250206_VTSE52.xml").read_bytes()
    bulletins, issues = parsed(document)
    assert not issues
    items = rows(bulletins["jma/tsunami_observation/20160901071000/VTSE52"])
    assert {item.props["basis"] for item in items.values()} == {"offshore", "estimated"}
    buoy = items["20160901071000/38090"].props
    assert (buoy["coast_code"], buoy["sensor"], buoy["max_height_m"]) == (None, "ＧＰＳ波浪計", 1.8)
    coast = items["20160901071000/estimated/380"].props
    assert (coast["max_height_m"], coast["max_height_text"], coast["max_height_condition"]) == (
        None,
        "巨大",
        "重要 不明",
    )
    assert {bulletin.status for bulletin in bulletins.values()} == {"exercise"}


def test_exercise_shows_what_a_station_can_say() -> None:
    [path] = PROJECT.glob("exercises/kunren/jma_tsunami/20261105012230*VTSE51*")
    bulletins, _ = parsed(path.read_bytes())
    observed = rows(bulletins["jma/tsunami_observation/20261105100008/VTSE51"])
    said = {
        item.props["station_name"]: (
            item.props["max_height_m"],
            item.props["max_height_bound"],
            item.props["max_height_condition"],
        )
        for item in observed.values()
    }
    assert said == {
        "小田原": (3.1, "at_least", "重要 上昇中"),
        "三浦市油壺": (None, None, "欠測"),
        "伊豆大島岡田": (None, None, "観測中"),
        "銚子": (None, None, "微弱"),
    }


def test_withdrawals(realdata: Path) -> None:
    event = "20210805103531"
    for name, scopes in (
        ("38-39_03_01_210805_VTSE41", {"tsunami_forecast/{}", "tsunami_arrival/{}", "earthquake/{}/hypocentre"}),
        (
            "38-39_03_02_210805_VTSE51",
            {"tsunami_arrival/{}", "tsunami_observation/{}/VTSE51", "earthquake/{}/hypocentre"},
        ),
    ):
        bulletins, issues = parsed((realdata / f"jma-xml/samples-official/{name}.xml").read_bytes())
        assert not issues
        assert set(bulletins) == {"jma/" + scope.format(event) for scope in scopes}
        for bulletin in bulletins.values():
            assert (bulletin.msg_type, bulletin.complete, len(bulletin.items)) == ("withdraw", False, 0)
            assert (bulletin.source_event_id, bulletin.serial, bulletin.bulletin_type) == (event, None, name[-6:])


# --- invented telegrams, all 訓練 -----------------------------------------------------------------------------------

A, B = "20261105100008", "20261105101500"
TITLES = {"VTSE41": "津波警報・注意報・予報a", "VTSE51": "津波情報a", "VTSE52": "沖合の津波観測に関する情報"}


def document(
    tsunami: str, *, kind: str = "VTSE41", events: str = A, quakes: str = "", info_type: str = "発表"
) -> bytes:
    return f"""<Report xmlns="http://xml.kishou.go.jp/jmaxml1/"><Control><Title>{TITLES[kind]}</Title>
<DateTime>2026-11-05T01:20:00Z</DateTime><Status>訓練</Status><EditorialOffice>訓練</EditorialOffice>
<PublishingOffice>気象庁</PublishingOffice></Control><Head xmlns="http://xml.kishou.go.jp/jmaxml1/informationBasis1/">
<Title>訓練</Title><ReportDateTime>2026-11-05T10:20:00+09:00</ReportDateTime><TargetDateTime/>
<ValidDateTime>2026-11-05T22:00:00+09:00</ValidDateTime><EventID>{events}</EventID><InfoType>{info_type}</InfoType>
<Serial/><InfoKind>訓練</InfoKind><InfoKindVersion>1.0_1</InfoKindVersion><Headline><Text>【訓練】</Text></Headline></Head>
<Body xmlns="http://xml.kishou.go.jp/jmaxml1/body/seismology1/"
 xmlns:jmx_eb="http://xml.kishou.go.jp/jmaxml1/elementBasis1/">{tsunami}{quakes}</Body></Report>""".encode()


def coast(kind: str, last: str | None, code: str = "330", rest: str = "") -> str:
    last_kind = f"<LastKind><Name>前</Name><Code>{last}</Code></LastKind>" if last else ""
    return f"""<Item><Area><Name>沿岸{code}</Name><Code>{code}</Code></Area><Category><Kind><Name>今</Name>
      <Code>{kind}</Code></Kind>{last_kind}</Category>{rest}</Item>"""


def forecast(*coasts: str) -> str:
    return f"<Tsunami><Forecast>{''.join(coasts)}</Forecast></Tsunami>"


@pytest.mark.parametrize(
    ("coasts", "ended"),
    [
        ([("62", "00"), ("71", "00")], [False, False]),  # begins
        ([("51", "62"), ("50", "51"), ("60", "62"), ("00", "00")], [False, True, True, True]),  # lifted in part
        ([("62", "53"), ("71", "62")], [False, False]),  # lowered, something in force
        ([("60", "62")], [True]),  # over
        ([("50", "51"), ("71", "71")], [True, True]),  # over
        ([("72", "62"), ("71", "71")], [True, True]),  # over, slight change to go on
        ([("73", "51")], [True]),
        ([("71", "62")], [True]),
        ([("72", "72"), ("71", "71")], [True, True]),  # said again after it was over
        ([("71", "72"), ("71", "71")], [True, True]),
        ([("71", "00"), ("71", "00")], [False, False]),  # never more than slight change: holds until 失効時刻
        ([("71", "71")], [False]),
        ([("71", None)], [False]),
        ([("00", "00")], [True]),
        ([("99", "62"), ("60", "62")], [False, True]),  # an unknown kind may be in force: nobody is stood down
    ],
)
def test_what_has_ended(coasts: list[tuple[str, str | None]], ended: list[bool]) -> None:
    items = [coast(kind, last, code) for (kind, last), code in zip(coasts, jma.tsunami_coasts(), strict=False)]
    bulletins, _ = parsed(document(forecast(*items)))
    found = list(bulletins[f"jma/tsunami_forecast/{A}"].items.rows())
    assert [item.ended for item in found] == ended
    assert {item.valid_to for item in found} == {datetime.fromisoformat("2026-11-05T22:00:00+09:00")}
    over = all(ended) and any(kind != "00" for kind, _ in coasts)
    assert (f"jma/tsunami_arrival/{A}" in bulletins) == over


@pytest.mark.parametrize(
    ("kind", "grade"),
    [
        ("53", "major_warning"),
        ("52", "major_warning"),
        ("51", "warning"),
        ("62", "advisory"),
        ("71", "forecast"),
        ("72", "forecast"),
        ("73", "forecast"),
        ("50", "cleared"),
        ("60", "cleared"),
        ("00", "cleared"),
    ],
)
def test_grades(kind: str, grade: str) -> None:
    bulletins, issues = parsed(document(forecast(coast(kind, "00"), coast("51", "00", "320"))))
    assert rows(bulletins[f"jma/tsunami_forecast/{A}"])[f"{A}/330"].props["grade"] == grade
    assert not issues


HEIGHT = '<MaxHeight>{}<jmx_eb:TsunamiHeight type="津波の高さ" unit="{}" {}>{}</jmx_eb:TsunamiHeight></MaxHeight>'


@pytest.mark.parametrize(
    ("height", "expected", "codes"),
    [
        (("", "m", 'description="１０ｍ超"', "10"), (10.0, "１０ｍ超", "over", None), []),
        (("", "m", 'description="０．２ｍ未満"', "0.2"), (0.2, "０．２ｍ未満", "under", None), []),
        (("", "m", 'condition="不明" description="巨大"', "NaN"), (None, "巨大", None, "不明"), []),
        (("", "m", 'condition="不明" description="高い"', ""), (None, "高い", None, "不明"), []),
        (("<Condition>重要</Condition>", "m", 'description="３ｍ"', "3"), (3.0, "３ｍ", None, "重要"), []),
        (("", "cm", 'description="３００ｃｍ"', "300"), (None, "３００ｃｍ", None, None), ["unexpected_unit"]),
        (("", "m", 'description="３ｍ"', "三"), (None, "３ｍ", None, None), ["bad_number"]),
    ],
)
def test_heights(height: tuple[str, str, str, str], expected: tuple[object, ...], codes: list[str]) -> None:
    bulletins, issues = parsed(document(forecast(coast("51", "00", rest=HEIGHT.format(*height)))))
    props = rows(bulletins[f"jma/tsunami_forecast/{A}"])[f"{A}/330"].props
    fields = ("max_height_m", "max_height_text", "max_height_bound", "max_height_condition")
    assert tuple(props[field] for field in fields) == expected
    assert [issue.code for issue in issues] == codes


def test_nothing_unknown_holds_back_a_warning() -> None:
    bad_time = "<FirstHeight><ArrivalTime>soon</ArrivalTime><Condition>津波到達中と推測</Condition></FirstHeight>"
    items = [coast("51", "00", "999"), coast("54", "00", "330"), coast("51", "00", "320", bad_time)]
    bulletins, issues = parsed(document(forecast(*items)))
    bulletin = bulletins[f"jma/tsunami_forecast/{A}"]
    found = rows(bulletin)
    assert bulletin.complete
    assert found[f"{A}/999"].props["coast_name"] == "沿岸999"
    assert found[f"{A}/999"].props["grade"] == "warning"
    assert (found[f"{A}/330"].props["grade"], found[f"{A}/330"].ended) == (None, False)
    assert found[f"{A}/320"].props["first_wave_at"] is None
    assert found[f"{A}/320"].props["first_wave_condition"] == "津波到達中と推測"
    assert {issue.code: issue.severity for issue in issues} == {
        "unknown_area_code": "warning",
        "unknown_kind_code": "warning",
        "bad_time": "warning",
    }


def test_a_coast_without_a_code_is_held_back_and_the_rest_ends_nothing() -> None:
    nameless = coast("51", "00").replace("<Code>330</Code>", "", 1)
    bulletins, issues = parsed(document(forecast(nameless, coast("60", "62", "320"))))
    bulletin = bulletins[f"jma/tsunami_forecast/{A}"]
    assert [item.item_id for item in bulletin.items.rows()] == [f"{A}/320"]
    assert not bulletin.complete
    assert f"jma/tsunami_arrival/{A}" not in bulletins
    assert [issue.code for issue in issues] == ["no_area_code"]


def quake(at: str, name: str) -> str:
    place = f"<Name>{name}</Name><Code>478</Code><jmx_eb:Coordinate>+35.1+139.3-20000/</jmx_eb:Coordinate>"
    return f"""<Earthquake><OriginTime>{at}</OriginTime><ArrivalTime>{at}</ArrivalTime>
      <Hypocenter><Area>{place}</Area></Hypocenter><jmx_eb:Magnitude>7.0</jmx_eb:Magnitude></Earthquake>"""


FIRST, SECOND = quake("2026-11-05T10:00:00+09:00", "相模湾"), quake("2026-11-05T10:15:00+09:00", "駿河湾")


def test_several_events_in_one_telegram() -> None:
    both = document(forecast(coast("51", "00")), events=f"{B} {A}", quakes=SECOND + FIRST)
    bulletins, issues = parsed(both)
    assert not issues
    assert [item.item_id for item in bulletins[f"jma/tsunami_forecast/{A}"].items.rows()] == [f"{A}/330"]
    other = bulletins[f"jma/tsunami_forecast/{B}"]
    assert (len(other.items), other.complete, other.source_event_id) == (0, True, B)
    names = {
        e: rows(bulletins[f"jma/earthquake/{e}/hypocentre"])[f"jma-{e}"].props["hypocentre_name"] for e in (A, B)
    }
    assert names == {A: "相模湾", B: "駿河湾"}


@pytest.mark.parametrize(
    ("events", "quakes"),
    [(f"{A} {B}", FIRST), (A, FIRST + SECOND), (f"{A} {B}", FIRST + SECOND.replace("T10:15:00", "T99:15:00"))],
)
def test_earthquakes_that_do_not_pair_up_are_not_guessed(events: str, quakes: str) -> None:
    bulletins, issues = parsed(document(forecast(coast("51", "00")), events=events, quakes=quakes))
    assert "unpaired_earthquake" in [issue.code for issue in issues]
    assert not [scope for scope in bulletins if "/earthquake/" in scope]
    assert len(bulletins[f"jma/tsunami_forecast/{A}"].items) == 1  # the warning itself goes out


def test_withdrawal_of_several_events_reaches_each() -> None:
    bulletins, _ = parsed(document("<Text>訓練</Text>", events=f"{A} {B}", info_type="取消"))
    for event in (A, B):
        assert bulletins[f"jma/tsunami_forecast/{event}"].source_event_id == event


def test_other_events_are_emptied_in_every_scope_of_the_telegram() -> None:
    station = """<Station><Name>小田原</Name><Code>33000</Code>
      <FirstHeight><Condition>第１波識別不能</Condition></FirstHeight><MaxHeight><Condition>観測中</Condition></MaxHeight></Station>"""
    observation = (
        f"<Observation><Item><Area><Name>相模湾・三浦半島</Name><Code>330</Code></Area>{station}</Item></Observation>"
    )
    tsunami = f"<Tsunami>{observation}<Forecast>{coast('51', '51')}</Forecast></Tsunami>"
    bulletins, issues = parsed(document(tsunami, kind="VTSE51", events=f"{A} {B}", quakes=FIRST + SECOND))
    assert not issues
    assert len(bulletins[f"jma/tsunami_observation/{A}/VTSE51"].items) == 1
    assert not bulletins[f"jma/tsunami_observation/{A}/VTSE51"].complete
    for scope in (f"jma/tsunami_observation/{B}/VTSE51", f"jma/tsunami_arrival/{B}"):
        assert (len(bulletins[scope].items), bulletins[scope].complete) == (0, True)


def test_report_without_observation_says_nothing_about_observations() -> None:
    tsunami = f"<Tsunami><Forecast>{coast('51', '51')}</Forecast></Tsunami>"
    bulletins, _ = parsed(document(tsunami, kind="VTSE51"))
    assert set(bulletins) == {f"jma/tsunami_arrival/{A}"}


@pytest.mark.parametrize("tsunami", ["", "<Tsunami/>", "<Tsunami><Forecast/></Tsunami>", "<Text>訓練</Text>"])
def test_an_empty_list_is_not_the_end_of_a_warning(tsunami: str) -> None:
    with pytest.raises(ParseError) as refused:
        list(jma_tsunami.parse(document(tsunami)))
    assert refused.value.code == "no_coast"


def test_which_earthquake_must_be_known() -> None:
    with pytest.raises(ParseError) as refused:
        list(jma_tsunami.parse(document(forecast(coast("51", "00")), events="")))
    assert refused.value.code == "bad_event_id"


def test_the_exercise_is_one_life() -> None:
    """Warning → major warning → lowered → stood down, with every LastKind the Kind of the telegram before."""
    before: dict[str, str] = {}
    grades: list[set[str]] = []
    for path in sorted(PROJECT.glob("exercises/kunren/jma_tsunami/*VTSE41*")):
        items = list(parsed(path.read_bytes())[0][f"jma/tsunami_forecast/{A}"].items.rows())
        for item in items:
            assert item.props["last_kind_code"] == before.get(item.props["coast_code"], "00"), path.name
        before = {item.props["coast_code"]: item.props["kind_code"] for item in items if not item.ended}
        grades.append({item.props["grade"] for item in items if not item.ended})
    assert grades == [
        {"warning", "advisory", "forecast"},
        {"major_warning", "warning", "advisory"},
        {"advisory"},
        set(),
    ]


def test_the_list_of_coasts() -> None:
    coasts = jma.tsunami_coasts()
    assert len(coasts) == len(set(coasts.values())) == 66
    assert coasts["330"] == "相模湾・三浦半島"
