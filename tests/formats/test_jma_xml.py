"""The JMA envelope: what is refused and why, what type a telegram is, coordinates, and that nothing is skipped."""

from __future__ import annotations

import doctest
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from lxml import etree

from bousai import catalogue
from bousai.errors import ParseError
from bousai.formats import jma_seismology, jma_xml, xml_tree
from bousai.model import Bulletin, Issue
from bousai.parse import jma_quake, jma_tsunami
from bousai.vocab import jma, rows

PROJECT = Path(__file__).resolve().parents[2]
EXERCISES = sorted(PROJECT.glob("exercises/kunren/jma_quake/*.xml")) + sorted(
    PROJECT.glob("exercises/kunren/jma_tsunami/*.xml")
)
PARSERS = {"jma_quake": jma_quake.parse, "jma_tsunami": jma_tsunami.parse}
TYPES = {"jma_quake": jma_quake.HANDLES, "jma_tsunami": jma_tsunami.HANDLES}


def telegram(
    *,
    title: str = "震源に関する情報",
    status: str = "<Status>通常</Status>",
    info_type: str = "発表",
    event_id: str = "20240101161010",
    reported: str = "2024-01-01T16:12:00+09:00",
    body: str = "<Text>本文</Text>",
    head_extra: str = "",
) -> bytes:
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<Report xmlns="http://xml.kishou.go.jp/jmaxml1/">
<Control><Title>{title}</Title><DateTime>2024-01-01T07:12:30Z</DateTime>{status}
<EditorialOffice>気象庁本庁</EditorialOffice><PublishingOffice>気象庁</PublishingOffice></Control>
<Head xmlns="http://xml.kishou.go.jp/jmaxml1/informationBasis1/"><Title>題</Title>
<ReportDateTime>{reported}</ReportDateTime><TargetDateTime>{reported}</TargetDateTime>{head_extra}
<EventID>{event_id}</EventID><InfoType>{info_type}</InfoType><Serial/><InfoKind>震源速報</InfoKind>
<InfoKindVersion>1.0_1</InfoKindVersion><Headline><Text>見出し</Text></Headline></Head>
<Body xmlns="http://xml.kishou.go.jp/jmaxml1/body/seismology1/">{body}</Body></Report>""".encode()


GOOD = telegram()


def test_module_examples() -> None:
    for module in (jma_xml, jma_seismology, xml_tree, jma):
        result = doctest.testmod(module)
        assert result.attempted
        assert not result.failed


def test_envelope() -> None:
    read = jma_xml.read(telegram(status="<Status> 訓練\n</Status>", info_type="遅延"))
    assert (read.status, read.msg_type, read.bulletin_type) == ("exercise", "issue", "VXSE52")
    assert read.issued_at.isoformat() == "2024-01-01T16:12:00+09:00"
    assert read.sent_at.isoformat() == "2024-01-01T07:12:30+00:00"
    assert (read.event_id, read.serial, read.issuer, read.headline) == ("20240101161010", None, "気象庁", "見出し")
    assert read.valid_at_end is None


@pytest.mark.parametrize(
    ("word", "status"), [("通常", "actual"), ("訓練", "exercise"), ("試験", "test"), ("\u3000訓練 ", "exercise")]
)
def test_status_words(word: str, status: str) -> None:
    assert jma_xml.read(telegram(status=f"<Status>{word}</Status>")).status == status


@pytest.mark.parametrize("status", ["", "<Status/>", "<Status>CCA</Status>", "<Status>通常運用</Status>"])
def test_no_status_is_never_actual(status: str) -> None:
    with pytest.raises(ParseError) as refused:
        jma_xml.read(telegram(status=status))
    assert refused.value.code == "unknown_status"


XXE = b'<?xml version="1.0"?><!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]><r>&x;</r>'
LAUGHS = (
    b'<?xml version="1.0"?><!DOCTYPE r [<!ENTITY a "ha">'
    + b"".join(b'<!ENTITY b%d "%s">' % (n, (b"&b%d;" % (n - 1) if n else b"&a;") * 10) for n in range(8))
    + b']><r a="&b7;">&b7;</r>'
)


@pytest.mark.parametrize(
    ("document", "code"),
    [
        (b"", "empty"),
        (b" \r\n\t", "empty"),
        (b"\xef\xbb\xbf", "empty"),
        (b"<html><head><title>503</title></head></html>", "html_instead_of_xml"),
        (b"\n<!DOCTYPE html>\n<html><body>maintenance</body></html>", "html_instead_of_xml"),
        (b'<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"/>', "html_instead_of_xml"),
        (b"\xef\xbb\xbf<!doctype HTML><p>unclosed", "html_instead_of_xml"),
        (b"<!-- mirror --><HTML><br></HTML>", "html_instead_of_xml"),
        (GOOD[: len(GOOD) // 2], "not_xml"),
        (GOOD[:-3], "not_xml"),
        (GOOD + b"<Report/>", "not_xml"),
        (b"Service Unavailable", "not_xml"),
        (b"\x1f\x8b\x08\x00\x00", "wrong_encoding"),
        (b"<a>" * 400 + b"</a>" * 400, "not_xml"),
        (GOOD.decode().encode("cp932"), "wrong_encoding"),
        (GOOD.decode().replace("UTF-8", "Shift_JIS").encode("cp932"), "wrong_encoding"),
        (GOOD.decode().replace("UTF-8", "Shift_JIS").encode(), "wrong_encoding"),
        (GOOD.decode().replace("UTF-8", "EUC-JP").encode("euc_jp"), "wrong_encoding"),
        (GOOD.decode().replace("UTF-8", "UTF-16").encode("utf-16"), "wrong_encoding"),
        (GOOD.replace("見出し".encode(), b"\xe8\xa6"), "wrong_encoding"),
        (XXE, "doctype"),
        (LAUGHS, "doctype"),
        (GOOD.replace(b"?>\n", b"?>\n<!DOCTYPE Report>\n", 1), "doctype"),
        (GOOD.replace(b"?>\n", b'?>\n<!DOCTYPE Report SYSTEM "http://example.org/a.dtd">\n', 1), "doctype"),
        (b"<Report/>", "not_jma_telegram"),
        (b'<feed xmlns="http://www.w3.org/2005/Atom"/>', "not_jma_telegram"),
        (b'<Report xmlns="http://xml.kishou.go.jp/jmaxml1/"/>', "not_jma_telegram"),
        (re.sub(rb"<Body.*</Body>", b"", GOOD), "not_jma_telegram"),
        (GOOD.replace(b"/body/seismology1/", b"/body/oceanology1/"), "not_jma_telegram"),
        (re.sub(rb"<Head .*</Head>", b"", GOOD, flags=re.DOTALL), "not_jma_telegram"),
        (telegram(info_type="続報"), "unknown_info_type"),
        (telegram(info_type=""), "unknown_info_type"),
        (telegram(reported="2024-01-01T16:12:00"), "bad_time"),
        (telegram(reported="2024-01-01T016:12:00+09:00"), "bad_time"),
        (telegram(reported=""), "bad_time"),
        (telegram(title="火星の天気"), "unknown_telegram"),
        (telegram(title=""), "unknown_telegram"),
    ],
)
def test_refused(document: bytes, code: str) -> None:
    with pytest.raises(ParseError) as refused:
        jma_xml.read(document)
    assert refused.value.code == code
    assert refused.value.cause
    assert "\n" not in refused.value.cause
    assert refused.value.remedy


def test_no_file_is_read_through_an_entity(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("canary")
    body = f'<!DOCTYPE Report [<!ENTITY x SYSTEM "{secret.as_uri()}">]>'
    document = GOOD.replace(b"?>\n", b"?>\n" + body.encode(), 1).replace("見出し".encode(), b"&x;")
    with pytest.raises(ParseError) as refused:
        jma_xml.read(document)
    assert refused.value.code == "doctype"
    assert "canary" not in refused.value.cause


def test_unknown_telegram_names_the_title() -> None:
    with pytest.raises(ParseError, match="火星の天気"):
        jma_xml.read(telegram(title="火星の天気"))


def test_prefixes_do_not_matter() -> None:
    document = GOOD.replace(b'<Report xmlns="', b'<j:Report xmlns:j="').replace(b"</Report>", b"</j:Report>")
    for name in (b"Control", b"Title", b"DateTime", b"Status", b"EditorialOffice", b"PublishingOffice"):
        head, tail = document.split(b"<Head", 1)
        head = head.replace(b"<%b>" % name, b"<j:%b>" % name).replace(b"</%b>" % name, b"</j:%b>" % name)
        document = head + b"<Head" + tail
    assert b"<j:Status>" in document
    assert jma_xml.read(document).bulletin_type == "VXSE52"


def test_what_nobody_read_is_told_once_a_path() -> None:
    body = """<Text>a</Text><New>1</New><New>2</New>
      <Earthquake><ArrivalTime>2024-01-01T16:10:00+09:00</ArrivalTime><Depth>5</Depth></Earthquake>
      <f:Earthquake xmlns:f="urn:foreign"/>"""
    document = telegram(body=body, head_extra="<Mood>calm</Mood>")
    found = [issue for issue in jma_quake.parse(document) if isinstance(issue, Issue)]
    assert [(issue.code, issue.severity) for issue in found] == [("unread", "info")] * 4
    assert {issue.position for issue in found} == {
        "Report/Head/Mood",
        "Body/New",
        "Body/Earthquake/Depth",
        "Body/{urn:foreign}Earthquake",
    }
    assert "(2 times)" in next(issue.cause for issue in found if issue.position == "Body/New")


def test_node_pops_and_keeps_the_rest() -> None:
    root = etree.fromstring(b'<r xmlns="urn:a"><a>1</a><a> 2 </a><b><c/></b><e/></r>')
    node = xml_tree.Node(root, "r", xml_tree.Names(["urn:a"]))
    assert (node.text("a"), node.text("a"), node.text("a")) == ("1", "2", None)
    assert node.text("b") is None  # has children: not a text
    assert node.text("e") is None
    inner = node.one("b")
    assert inner is not None
    assert inner.position == "r/b"
    assert [issue.position for issue in node.nothing_left()] == ["r/b/c"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("+37.5+137.3-10000/", (137.3, 37.5, 10.0)),
        ("+37.5+137.2+0/", (137.2, 37.5, 0.0)),
        ("+37.5+137.2-0/", (137.2, 37.5, 0.0)),
        ("+56.7+161.4/", (161.4, 56.7, None)),
        ("-21.0-176.5-700000/", (-176.5, -21.0, 700.0)),
        ("+3710.3+13638.7-5000/", (136.645, 37.171667, 5.0)),
        ("+3135.55+13039.40+1117/", (130.656667, 31.5925, -1.117)),
        ("+353330+1384430/", (138.741667, 35.558333, None)),
        (" +35+139/ ", (139.0, 35.0, None)),
        ("-00.5+000.5-1500/", (0.5, -0.5, 1.5)),
    ],
)
def test_coordinate(text: str, expected: tuple[float, float, float | None]) -> None:
    assert jma_xml.coordinate(text) == expected
    if expected[2] == 0:
        assert str(jma_xml.coordinate(text).depth_km) == "0.0"  # never minus zero: equal states, equal bytes


@pytest.mark.parametrize(
    "text",
    [
        "",
        "NaN",
        "37.5 137.3",
        "+95.0+137.3/",
        "+37.5+190.0/",
        "+37.5/",
        "+3765.0+13639.0/",
        "+375+1373/",
        "+37.5+137.3",
    ],
)
def test_no_coordinate(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        jma_xml.coordinate(text)


# --- the list of telegrams -----------------------------------------------------------------------------------------


def test_every_real_telegram_has_the_type_of_its_file_name(realdata: Path) -> None:
    named = 0
    for path in sorted(realdata.glob("jma-xml/*/*.xml")):
        read = jma_xml.read(path.read_bytes())
        in_name = re.search(r"_([A-Z]{4}(?:\d\d|ii))[_.]", path.name)
        if in_name:
            named += 1
            known = read.bulletin_type
            first, _, last = known.partition("-")
            matches = known == in_name[1] or (last and first <= in_name[1] <= first[:4] + last)
            assert matches, f"{path.name}: {known}"
    assert named > 50


def test_the_list_and_the_feeds_name_the_same_types() -> None:
    feeds = catalogue.load(PROJECT / "config").feeds
    for name in ("jma_quake", "jma_tsunami"):
        source = feeds[name].source
        assert isinstance(source, catalogue.AtomSource)
        assert set(source.types) == set(TYPES[name])
    for row in rows("jma_telegram"):
        if row["feed"]:
            source = feeds[row["feed"]].source
            assert isinstance(source, catalogue.AtomSource)
            assert row["telegram_type"] in source.types
            assert source.url.endswith(f"/{row['atom']}.xml")


def test_one_title_one_type() -> None:
    titles = [row["control_title"] for row in rows("jma_telegram")]
    types = [row["telegram_type"] for row in rows("jma_telegram")]
    assert len(titles) == len(set(titles))
    assert len(types) == len(set(types))


@pytest.mark.parametrize("name", PARSERS)
def test_what_a_feed_does_not_handle_is_exactly_one_issue(realdata: Path, name: str) -> None:
    others = 0
    for path in sorted(realdata.glob("jma-xml/*/*.xml")):
        document = path.read_bytes()
        kind = jma_xml.read(document).bulletin_type
        results = list(PARSERS[name](document))
        if kind in TYPES[name]:
            assert not [r for r in results if isinstance(r, Issue) and r.code == "no_parser"]
            continue
        others += 1
        assert len(results) == 1
        issue = results[0]
        assert isinstance(issue, Issue)
        assert (issue.code, issue.cause, issue.severity) == ("no_parser", f"no parser for {kind}", "error")
        feed = next(row["feed"] for row in rows("jma_telegram") if row["telegram_type"] == kind)
        assert (feed or f"no feed takes {kind}") in issue.remedy
    assert others > 40


# --- real telegrams and our exercise documents ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def schema(realdata: Path) -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(str(realdata / "jma-xml/schema/jmx.xsd")))


@pytest.mark.parametrize("path", EXERCISES, ids=lambda path: path.stem)
def test_exercise_documents_are_valid_and_marked(path: Path, schema: etree.XMLSchema) -> None:
    assert schema.validate(etree.parse(str(path))), schema.error_log.last_error
    document = path.read_bytes()
    read = jma_xml.read(document)
    assert read.status == "exercise"
    assert read.headline.startswith("【訓練】")
    assert f"_{read.bulletin_type}_" in path.name
    assert path.parent.name == next(
        r["feed"] for r in rows("jma_telegram") if r["telegram_type"] == read.bulletin_type
    )
    results = list(PARSERS[path.parent.name](document))
    assert results
    assert all(isinstance(result, Bulletin) and result.status == "exercise" for result in results)


def test_exercise_documents_cover_every_type_and_message() -> None:
    read = [jma_xml.read(path.read_bytes()) for path in EXERCISES]
    assert {one.bulletin_type for one in read} == {*jma_quake.HANDLES, *jma_tsunami.HANDLES}
    assert {one.msg_type for one in read} == {"issue", "correct", "withdraw"}


def test_real_telegrams_are_valid(realdata: Path, schema: etree.XMLSchema) -> None:
    for path in sorted(realdata.glob("jma-xml/real-*/*.xml")):
        assert schema.validate(etree.parse(str(path))), path.name


def test_bulletins_keep_the_laws(realdata: Path, layer_fields: Callable[[str], set[str]]) -> None:
    """One bulletin a scope, unique ids, only fields of the layer; what the source calls 訓練 stays 訓練."""
    seen = 0
    for path in [*sorted(realdata.glob("jma-xml/*/*.xml")), *EXERCISES]:
        document = path.read_bytes()
        read = jma_xml.read(document)
        for name, parse in PARSERS.items():
            if read.bulletin_type not in TYPES[name]:
                continue
            results = list(parse(document))
            bulletins = [result for result in results if isinstance(result, Bulletin)]
            assert bulletins
            assert len({bulletin.scope for bulletin in bulletins}) == len(bulletins)
            for bulletin in bulletins:
                seen += 1
                assert len(set(bulletin.items.item_id)) == len(bulletin.items)
                assert set(bulletin.items.props) <= layer_fields(bulletin.kind)
                assert bulletin.issuer == "気象庁"
                assert bulletin.bulletin_type == read.bulletin_type
                assert bulletin.issued_at == read.issued_at
                for item in bulletin.items.rows():
                    assert item.position.startswith("Body/")
                    steps = "/".join(
                        f"*[local-name()='{step.partition('[')[0]}']{''.join(step.partition('[')[1:])}"
                        for step in item.position.split("/")
                    )
                    assert len(read.root.xpath(steps)) == 1, item.position  # type: ignore[arg-type]
            drill = document.replace("<Status>通常<".encode(), "<Status>訓練<".encode())
            assert {b.status for b in parse(drill) if isinstance(b, Bulletin)} == {"exercise"}
    assert seen > 100


@pytest.fixture
def layer_fields() -> Callable[[str], set[str]]:
    layers = {layer.kind: layer for layer in catalogue.load(PROJECT / "config").layers.values()}
    return lambda kind: {field.name for field in layers[kind].fields}


def test_cut_anywhere_it_is_refused_not_misread(realdata: Path) -> None:
    document = (realdata / "jma-xml/real-2024-noto/UpdateInfo.xml").read_bytes()
    for end in range(0, len(document.rstrip()) - 1, 97):
        with pytest.raises(ParseError) as refused:
            list(jma_quake.parse(document[:end]))
        assert refused.value.code == ("not_xml" if end else "empty")
