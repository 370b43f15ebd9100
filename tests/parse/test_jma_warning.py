"""Weather warnings: real telegrams counted a second time by XPath, and what must survive edits of them."""

from __future__ import annotations

import copy
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from lxml import etree

from bousai.errors import ParseError
from bousai.model import Bulletin, Issue, Item
from bousai.parse import jma_warning
from bousai.vocab import warning

PROJECT = Path(__file__).resolve().parents[2]
KUNREN = sorted((PROJECT / "exercises/kunren/jma_warning").glob("*.xml"))
OLD_TITLES = {"気象特別警報・警報・注意報": "VPWW53", "気象警報・注意報（Ｈ２７）": "VPWW54"}
NEW_TITLES = {
    f"気象警報・注意報（Ｒ０６）（{words}）": f"VPWW{55 + n}"
    for n, words in enumerate(("大雨", "土砂", "高潮", "暴風", "波浪", "大雪", "その他注意報"))
}
TITLES = OLD_TITLES | NEW_TITLES
SWITCH = datetime(2026, 5, 28, 4, tzinfo=UTC)  # 13:00 JST
NOT_IN_FORCE = ("解除", "発表警報・注意報はなし")


# --- reading the bytes without the parser ---------------------------------------------------------------


def path_of(*names: str) -> str:
    return "".join(f"/*[local-name()='{name}']" for name in names)


def text(root: etree._Element, *names: str) -> str:
    return str(root.xpath(f"string({path_of('Report', *names)})"))


def title_of(body: bytes) -> str:
    return text(etree.fromstring(body), "Control", "Title")


def municipal(root: etree._Element) -> list[etree._Element]:
    layer = path_of("Report", "Body", "Warning") + "[@type='気象警報・注意報（市町村等）']"
    return list(root.xpath(layer + path_of("Item")))


def child(element: etree._Element, *names: str) -> str:
    return str(element.xpath(f"string(.{path_of(*names)})"))


def counted(body: bytes) -> tuple[Counter[tuple[str, str]], Counter[tuple[str, str]]]:
    """(area code, kind code) of what is in force and of what is lifted, by XPath."""
    active: Counter[tuple[str, str]] = Counter()
    lifted: Counter[tuple[str, str]] = Counter()
    for item in municipal(etree.fromstring(body)):
        for kind in item.xpath(f".{path_of('Kind')}"):
            key = child(item, "Area", "Code"), child(kind, "Code")
            status = child(kind, "Status")
            if status not in NOT_IN_FORCE:
                active[key] += 1
            elif status == "解除":
                lifted[key] += 1
    return active, lifted


def region_of(body: bytes) -> str:
    layer = path_of("Report", "Body", "Warning") + "[@type='気象警報・注意報（府県予報区等）']"
    return str(etree.fromstring(body).xpath(f"string({layer}{path_of('Item', 'Area', 'Code')})"))


def edited(body: bytes, edit: Callable[[etree._Element], None]) -> bytes:
    root = etree.fromstring(body)
    edit(root)
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True)


def put(root: etree._Element, value: str, *names: str) -> None:
    (element,) = root.xpath(path_of("Report", *names))
    element.text = value


def dated(body: bytes, report: str) -> bytes:
    return edited(body, lambda root: put(root, report, "Head", "ReportDateTime"))


# --- the parser's answers -----------------------------------------------------------------------------------


def parsed(body: bytes) -> tuple[Bulletin, list[Issue]]:
    results = list(jma_warning.parse(body))
    bulletins = [r for r in results if isinstance(r, Bulletin)]
    assert len(bulletins) == 1, results
    return bulletins[0], [r for r in results if isinstance(r, Issue)]


def rows(bulletin: Bulletin) -> list[Item]:
    return list(bulletin.items.rows())


def by_area(bulletin: Bulletin) -> dict[tuple[str, str], Item]:
    return {(row.props["area_code"], row.props["kind_code"]): row for row in rows(bulletin)}


@pytest.fixture(scope="session")
def telegrams(realdata: Path) -> dict[str, bytes]:
    """Every real telegram of weather warnings, by file name."""
    found = {path.name: path.read_bytes() for path in sorted((realdata / "jma-xml").rglob("*.xml"))}
    return {name: body for name, body in found.items() if title_of(body) in TITLES}


@pytest.fixture(scope="session")
def counting(telegrams: dict[str, bytes]) -> dict[str, bytes]:
    """Those of them that state something for their time."""
    return {
        name: body
        for name, body in telegrams.items()
        if title_of(body) in NEW_TITLES
        or datetime.fromisoformat(text(etree.fromstring(body), "Head", "ReportDateTime")) < SWITCH
    }


@pytest.fixture(scope="session")
def real(realdata: Path) -> Callable[[str], bytes]:
    def read(name: str) -> bytes:
        return (realdata / "jma-xml" / name).read_bytes()

    return read


MIYAZAKI = "real-2026-07/keiho_multi_pref_miyazaki.xml"  # VPWW55, 2 advisories
NIIGATA = "real-2026-07/sample_dosha_keiho.xml"  # VPWW56, all sorts of status
THUNDER = "real-2026-07/sample_sonota_chuiho.xml"  # VPWW61, lifted everywhere
PARALLEL = "real-2026-07/keiho_niigata_samestate_1.xml"  # VPWW54 of 2026-07, 230 kB
PARALLEL_53 = "real-2026-07/keiho_toyama_companion_vpww53.xml"
TOKYO_53 = "samples-official/15_14_01_170216_VPWW53.xml"
TOKYO_54 = "samples-official/15_14_01_170216_VPWW54.xml"
SOYA = "samples-official/15_16_01_241031_VPWW56.xml"


# --- real telegrams ----------------------------------------------------------------------------------------


def test_there_are_real_telegrams_of_most_types(counting: dict[str, bytes]) -> None:
    types = {TITLES[title_of(body)] for body in counting.values()}
    assert types >= {"VPWW53", "VPWW54", "VPWW55", "VPWW56", "VPWW57", "VPWW58", "VPWW59", "VPWW61"}


def test_what_is_in_force_is_what_the_municipal_layer_says(counting: dict[str, bytes]) -> None:
    total = 0
    for name, body in counting.items():
        bulletin, issues = parsed(body)
        active, lifted = counted(body)
        found = rows(bulletin)
        assert Counter((r.props["area_code"], r.props["kind_code"]) for r in found if not r.ended) == active, name
        assert Counter((r.props["area_code"], r.props["kind_code"]) for r in found if r.ended) == lifted, name
        assert issues == [], name
        total += sum(active.values())
    assert total > 100


def test_scope_time_and_envelope(counting: dict[str, bytes]) -> None:
    for name, body in counting.items():
        bulletin, _ = parsed(body)
        root = etree.fromstring(body)
        telegram_type = TITLES[title_of(body)]
        family = warning.telegram(telegram_type)
        assert family is not None
        assert bulletin.kind == "weather_warning"
        assert bulletin.scope == f"jma/weather_warning/{family.family}/{region_of(body)}", name
        assert bulletin.complete
        assert bulletin.bulletin_type == telegram_type
        assert bulletin.source_event_id == ""  # so that a 取消 takes back only the newest statement
        assert bulletin.serial is None
        assert bulletin.msg_type == "issue"
        assert bulletin.status == "actual"
        assert bulletin.issued_at == datetime.fromisoformat(text(root, "Head", "ReportDateTime"))
        assert bulletin.sent_at == datetime.fromisoformat(text(root, "Control", "DateTime"))
        assert bulletin.issuer == " ".join(text(root, "Control", "PublishingOffice").split())


def test_items_carry_the_fields_of_the_layer_and_stable_ids(counting: dict[str, bytes]) -> None:
    layer = yaml.safe_load((PROJECT / "config/layers/weather_warning.yml").read_text(encoding="utf-8"))
    names = [field["name"] for field in layer["fields"]]
    for name, body in counting.items():
        found = rows(parsed(body)[0])
        assert len({row.item_id for row in found}) == len(found), name
        for row in found:
            assert list(row.props) == names
            assert row.item_id == f"{row.props['area_code']}/{row.props['phenomenon']}"
            assert row.muni_code == row.props["area_code"][:5]
            assert row.props["full_or_partial"] is None
            assert row.geometry is None


def test_names_are_the_sources_own(counting: dict[str, bytes]) -> None:
    for name, body in counting.items():
        written = {
            (child(item, "Area", "Code"), child(kind, "Code")): (
                child(kind, "Name"),
                child(kind, "Status"),
                child(kind, "Condition") or None,
                child(item, "Area", "Name"),
            )
            for item in municipal(etree.fromstring(body))
            for kind in item.xpath(f".{path_of('Kind')}")
        }
        for key, row in by_area(parsed(body)[0]).items():
            said = tuple(row.props[f] for f in ("kind_name", "status_text", "condition", "area_name"))
            assert said == written[key], name


def test_position_leads_back_to_the_element(real: Callable[[str], bytes]) -> None:
    body = real(NIIGATA)
    root = etree.fromstring(body)
    for row in rows(parsed(body)[0]):
        steps = []
        for step in row.position.split("/"):
            name, _, index = step.partition("[")
            steps.append(f"*[local-name()='{name}']" + (f"[{index}" if index else ""))
        (kind,) = root.xpath("/*/" + "/".join(steps))
        assert child(kind, "Code") == row.props["kind_code"]
        assert child(kind.getparent(), "Area", "Code") == row.props["area_code"]


def test_an_unchanged_telegram_sent_again_has_equal_items(real: Callable[[str], bytes]) -> None:
    body = real(SOYA)
    again = edited(body, lambda root: put(root, "2020-06-22T14:10:00Z", "Control", "DateTime"))
    assert rows(parsed(again)[0]) == rows(parsed(body)[0])


# --- the old family, and where it ends --------------------------------------------------------------------


def test_vpww53_and_vpww54_of_one_moment_make_equal_items_in_one_scope(real: Callable[[str], bytes]) -> None:
    (first, _), (second, _) = parsed(real(TOKYO_53)), parsed(real(TOKYO_54))
    assert first.scope == second.scope == "jma/weather_warning/h27/130000"
    assert (first.bulletin_type, second.bulletin_type) == ("VPWW53", "VPWW54")
    assert {(r.item_id, tuple(r.props.items()), r.ended, r.valid_to) for r in rows(first)} == {
        (r.item_id, tuple(r.props.items()), r.ended, r.valid_to) for r in rows(second)
    }
    assert len(rows(first)) == 7


def test_a_last_kind_in_one_of_the_pair_does_not_make_them_differ(real: Callable[[str], bytes]) -> None:
    """VPWW54 has LastKind since some edition, VPWW53 never: the pair must stay equal."""

    def with_last_kind(root: etree._Element) -> None:
        for item in municipal(root):
            for kind in item.xpath(f".{path_of('Kind')}[*[local-name()='Code']]"):
                last = etree.SubElement(kind, kind.tag.replace("Kind", "LastKind"))
                for name, value in (("Name", "大雨注意報"), ("Code", "10")):
                    etree.SubElement(last, kind.tag.replace("Kind", name)).text = value
                kind.remove(last)
                kind.insert(3, last)

    bulletin, issues = parsed(edited(real(TOKYO_54), with_last_kind))
    assert rows(bulletin) == rows(parsed(real(TOKYO_54))[0])
    assert issues == []


@pytest.mark.parametrize("name", [PARALLEL, PARALLEL_53])
def test_a_parallel_old_telegram_is_noted_and_states_nothing(real: Callable[[str], bytes], name: str) -> None:
    (issue,) = jma_warning.parse(real(name))
    assert isinstance(issue, Issue)
    assert (issue.code, issue.severity) == ("superseded_telegram", "info")
    assert issue.cause
    assert issue.remedy
    assert "\n" not in issue.cause + issue.remedy


@pytest.mark.parametrize("name", [TOKYO_53, TOKYO_54])
@pytest.mark.parametrize(
    ("report", "counts"),
    [
        ("2026-05-28T12:59:59+09:00", True),
        ("2026-05-28T13:00:00+09:00", False),
        ("2026-05-28T04:00:00Z", False),
        ("2026-05-28T03:59:59Z", True),
        ("2027-01-01T00:00:00+09:00", False),
    ],
)
def test_the_old_family_counts_until_the_switch(
    real: Callable[[str], bytes], name: str, report: str, counts: bool
) -> None:
    results = list(jma_warning.parse(dated(real(name), report)))
    assert [isinstance(r, Bulletin) for r in results] == [counts]


def test_old_items_end_by_themselves_at_the_switch(real: Callable[[str], bytes]) -> None:
    old = rows(parsed(dated(real(TOKYO_54), "2026-05-28T12:59:00+09:00"))[0])
    assert old
    assert {row.valid_to for row in old} == {SWITCH}
    assert {row.valid_to for row in rows(parsed(real(NIIGATA))[0])} == {None}


def test_a_notice_about_danger_warnings_raises_nothing(real: Callable[[str], bytes]) -> None:
    """The heading 「［危険警報・氾濫特別警報の発表状況］なし」 stands in every parallel telegram."""

    def notice(root: etree._Element) -> None:
        (node,) = root.xpath(path_of("Report", "Body"))
        element = etree.Element(node.tag.replace("Body", "Notice"))
        element.text = "［危険警報・氾濫特別警報の発表状況］〈レベル４大雨危険警報〉青梅市"
        node.insert(0, element)

    bulletin, issues = parsed(edited(real(TOKYO_54), notice))
    assert rows(bulletin) == rows(parsed(real(TOKYO_54))[0])
    assert {row.props["level"] for row in rows(bulletin)} == {None}
    assert {row.props["grade"] for row in rows(bulletin)} == {"warning", "emergency_warning"}
    assert issues == []


# --- traps -----------------------------------------------------------------------------------------------


def test_level_is_read_for_each_municipality(real: Callable[[str], bytes]) -> None:
    body = real(SOYA)
    table = {"49": 4, "09": 3, "29": 2}
    active, _ = counted(body)
    found = {key: row.props["level"] for key, row in by_area(parsed(body)[0]).items()}
    assert found == {key: table[key[1]] for key in active}
    assert Counter(found.values()) == {4: 1, 3: 1, 2: 8}


def test_a_raised_warning_says_so(real: Callable[[str], bytes]) -> None:
    for (area, code), row in by_area(parsed(real(SOYA))[0]).items():
        expected = "raised" if code == "49" else "continued"
        assert row.props["change"] == expected, area


def test_a_transition_is_in_force(real: Callable[[str], bytes]) -> None:
    """Seen in real telegrams: 危険警報から注意報."""
    lowered = [row for row in rows(parsed(real(NIIGATA))[0]) if row.props["status_text"] == "危険警報から注意報"]
    assert len(lowered) == 2
    for row in lowered:
        assert not row.ended
        assert (row.props["change"], row.props["grade"], row.props["level"]) == ("lowered", "advisory", 2)


def set_status(body: bytes, area: str, word: str) -> bytes:
    def edit(root: etree._Element) -> None:
        for item in municipal(root):
            if child(item, "Area", "Code") == area:
                for status in item.xpath(f".{path_of('Kind', 'Status')}"):
                    status.text = word

    return edited(body, edit)


def area_of(body: bytes, code: str) -> str:
    return next(area for area, kind in counted(body)[0] if kind == code)


@pytest.mark.parametrize(
    ("word", "change"),
    [
        ("発表", "raised"),
        ("継続", "continued"),
        ("特別警報から危険警報", "lowered"),
        ("特別警報から警報", "lowered"),
        ("特別警報から注意報", "lowered"),
        ("危険警報から警報", "lowered"),
        ("危険警報から注意報", "lowered"),
        ("警報から注意報", "lowered"),
    ],
)
def test_mixed_status_words(real: Callable[[str], bytes], word: str, change: str) -> None:
    area = area_of(real(SOYA), "49")
    body = set_status(real(SOYA), area, word)
    bulletin, issues = parsed(body)
    row = by_area(bulletin)[area, "49"]
    assert (row.ended, row.props["change"], row.props["status_text"]) == (False, change, word)
    assert row.props["level"] == 4
    assert issues == []
    assert len(rows(bulletin)) == len(rows(parsed(real(SOYA))[0]))


def test_an_unknown_status_counts_as_in_force_and_is_reported_once(real: Callable[[str], bytes]) -> None:
    def edit(root: etree._Element) -> None:
        for item in municipal(root):
            for status in item.xpath(f".{path_of('Kind', 'Status')}"):
                status.text = "検討中"

    body = edited(real(SOYA), edit)
    bulletin, (issue,) = parsed(body)
    assert not any(row.ended for row in rows(bulletin))
    assert {row.props["change"] for row in rows(bulletin)} == {None}
    assert {row.props["status_text"] for row in rows(bulletin)} == {"検討中"}
    assert len(rows(bulletin)) == 10
    assert (issue.code, issue.severity) == ("unknown_kind_status", "warning")
    assert "10 times" in issue.cause
    assert issue.position.startswith("Body/Warning[")


def test_an_unknown_kind_is_kept(real: Callable[[str], bytes]) -> None:
    area = area_of(real(SOYA), "49")

    def edit(root: etree._Element) -> None:
        for item in municipal(root):
            if child(item, "Area", "Code") == area:
                (code,) = item.xpath(f".{path_of('Kind', 'Code')}")
                (name,) = item.xpath(f".{path_of('Kind', 'Name')}")
                code.text, name.text = "98", "レベル４隕石危険警報"

    bulletin, (issue,) = parsed(edited(real(SOYA), edit))
    row = by_area(bulletin)[area, "98"]
    assert row.item_id == f"{area}/other-98"
    assert not row.ended
    assert row.props["phenomenon"] == "other"
    assert (row.props["kind_name"], row.props["level"], row.props["grade"]) == ("レベル４隕石危険警報", None, None)
    assert (issue.code, issue.severity) == ("unknown_kind_code", "warning")
    assert len(rows(bulletin)) == 10


def test_a_flood_code_of_the_old_family_is_unknown_to_the_new_one(real: Callable[[str], bytes]) -> None:
    def edit(root: etree._Element) -> None:
        for item in municipal(root):
            for code in item.xpath(f".{path_of('Kind', 'Code')}"):
                code.text = "18"

    bulletin, issues = parsed(edited(real(MIYAZAKI), edit))
    assert {row.props["phenomenon"] for row in rows(bulletin)} == {"other"}
    assert [issue.code for issue in issues] == ["unknown_kind_code"]


def test_code_10_is_an_advisory_here(real: Callable[[str], bytes]) -> None:
    """In VXKO telegrams 10 means 解除."""
    found = rows(parsed(real(MIYAZAKI))[0])
    assert {(r.props["kind_code"], r.props["grade"], r.ended) for r in found} == {("10", "advisory", False)}
    assert {r.props["change"] for r in found} == {"issued"}


def test_lifted_items_keep_the_old_names_and_have_ended(real: Callable[[str], bytes]) -> None:
    body = real(THUNDER)
    bulletin, _ = parsed(body)
    active, lifted = counted(body)
    assert not active
    assert len(rows(bulletin)) == sum(lifted.values()) == 20
    for row in rows(bulletin):
        assert row.ended
        assert row.item_id.endswith("/thunder")
        assert (row.props["kind_name"], row.props["kind_code"], row.props["change"]) == ("雷注意報", "14", None)


def test_code_00_lifts_what_last_kind_names(real: Callable[[str], bytes]) -> None:
    def edit(root: etree._Element) -> None:
        for item in municipal(root):
            for kind in item.xpath(f".{path_of('Kind')}[*[local-name()='Code']]"):
                kind[0].text, kind[1].text = "解除", "00"

    assert rows(parsed(edited(real(THUNDER), edit))[0]) == rows(parsed(real(THUNDER))[0])


def test_headline_and_coarser_layers_are_not_used(real: Callable[[str], bytes]) -> None:
    """They have no status (headline) or say it of a whole region: only the municipal layer speaks."""

    def edit(root: etree._Element) -> None:
        for information in root.xpath(path_of("Report", "Head", "Headline", "Information")):
            for code in information.xpath(f".{path_of('Item', 'Kind', 'Code')}"):
                code.text = "39"
        put(root, "レベル５土砂災害特別警報を発表しています。", "Head", "Headline", "Text")
        for layer in root.xpath(path_of("Report", "Body", "Warning")):
            if layer.get("type") != "気象警報・注意報（市町村等）":
                for code in layer.xpath(f".{path_of('Item', 'Kind', 'Code')}"):
                    code.text = "39"

    assert rows(parsed(edited(real(NIIGATA), edit))[0]) == rows(parsed(real(NIIGATA))[0])


def test_each_family_and_region_has_its_own_scope(counting: dict[str, bytes]) -> None:
    scopes: dict[tuple[str, str], set[str]] = {}
    for body in counting.values():
        bulletin, _ = parsed(body)
        scopes.setdefault((TITLES[title_of(body)], region_of(body)), set()).add(bulletin.scope)
    assert all(len(found) == 1 for found in scopes.values())
    new = [next(iter(found)) for (kind, _), found in scopes.items() if kind not in OLD_TITLES.values()]
    assert len(new) == len(set(new))


def test_a_level_comes_from_the_code_never_from_the_digits_of_a_name(real: Callable[[str], bytes]) -> None:
    def edit(root: etree._Element) -> None:
        for item in municipal(root):
            for name in item.xpath(f".{path_of('Kind', 'Name')}"):
                name.text = f"レベル①{name.text}"

    found = by_area(parsed(edited(real(SOYA), edit))[0])
    expected = by_area(parsed(real(SOYA))[0])
    assert {k: r.props["level"] for k, r in found.items()} == {k: r.props["level"] for k, r in expected.items()}


def test_full_status_is_taken_where_it_stands(real: Callable[[str], bytes]) -> None:
    def edit(root: etree._Element) -> None:
        for item, word in zip(municipal(root), ("全域", "一部", "不明"), strict=False):
            etree.SubElement(item, item.tag.replace("Item", "FullStatus")).text = word

    found = [row.props["full_or_partial"] for row in rows(parsed(edited(real(SOYA), edit))[0])]
    assert found[:4] == ["full", "partial", None, None]


# --- several kinds in one place ------------------------------------------------------------------------------


def test_one_item_for_each_phenomenon_of_a_municipality(real: Callable[[str], bytes]) -> None:
    bulletin, _ = parsed(real(TOKYO_54))
    areas = Counter(row.props["area_code"] for row in rows(bulletin))
    assert Counter(areas.values()) == {2: 3, 1: 1}


def second_kind(body: bytes, area: str, code: str, status: str) -> bytes:
    def edit(root: etree._Element) -> None:
        for item in municipal(root):
            if child(item, "Area", "Code") == area:
                kind = copy.deepcopy(item[0])
                item.insert(1, kind)
                for name, value in (("Name", f"kind {code}"), ("Code", code), ("Status", status)):
                    kind.xpath(f".{path_of(name)}")[0].text = value

    return edited(body, edit)


def test_what_is_in_force_wins_over_what_is_lifted_of_one_phenomenon(real: Callable[[str], bytes]) -> None:
    area = area_of(real(SOYA), "09")
    bulletin, issues = parsed(second_kind(real(SOYA), area, "49", "解除"))
    (row,) = [r for r in rows(bulletin) if r.props["area_code"] == area]
    assert (row.props["kind_code"], row.ended) == ("09", False)
    assert issues == []


@pytest.mark.parametrize(("code", "kept"), [("49", "49"), ("29", "09")])
def test_the_worse_of_two_in_force_is_kept_and_reported(real: Callable[[str], bytes], code: str, kept: str) -> None:
    area = area_of(real(SOYA), "09")
    bulletin, (issue,) = parsed(second_kind(real(SOYA), area, code, "継続"))
    (row,) = [r for r in rows(bulletin) if r.props["area_code"] == area]
    assert row.props["kind_code"] == kept
    assert issue.code == "two_kinds_of_one_phenomenon"


# --- exercises, corrections, withdrawals ---------------------------------------------------------------------


def facts(bulletin: Bulletin) -> dict[str, object]:
    own = {name: getattr(bulletin, name) for name in bulletin.__slots__ if name != "items"}
    return {**own, "items": rows(bulletin)}


@pytest.mark.parametrize(("word", "status"), [("訓練", "exercise"), ("試験", "test")])
def test_another_status_changes_nothing_else(counting: dict[str, bytes], word: str, status: str) -> None:
    for name, body in counting.items():
        drill, issues = parsed(edited(body, lambda root: put(root, word, "Control", "Status")))
        assert facts(drill) == {**facts(parsed(body)[0]), "status": status}, name
        assert issues == []


def test_a_correction_is_one(real: Callable[[str], bytes]) -> None:
    corrected, _ = parsed(edited(real(NIIGATA), lambda root: put(root, "訂正", "Head", "InfoType")))
    assert facts(corrected) == {**facts(parsed(real(NIIGATA))[0]), "msg_type": "correct"}


def withdrawal(body: bytes, *, headline_areas: bool, title: str | None = None) -> bytes:
    """As the official 取消 samples of other telegrams: a Body with Text only."""

    def edit(root: etree._Element) -> None:
        put(root, "取消", "Head", "InfoType")
        put(
            root,
            "2027-01-01T10:00:00+09:00" if title_of(body) in NEW_TITLES else "2017-01-26T18:00:00+09:00",
            "Head",
            "ReportDateTime",
        )
        (node,) = root.xpath(path_of("Report", "Body"))
        tag = node.tag.replace("Body", "Text")
        for element in list(node):
            node.remove(element)
        etree.SubElement(node, tag).text = "先ほどの、警報・注意報を取り消します。"
        if not headline_areas:
            for information in root.xpath(path_of("Report", "Head", "Headline", "Information")):
                information.getparent().remove(information)
        if title is not None:
            put(root, title, "Head", "Title")

    return edited(body, edit)


@pytest.mark.parametrize("headline_areas", [True, False])
@pytest.mark.parametrize("name", [MIYAZAKI, NIIGATA, THUNDER, SOYA, TOKYO_53, TOKYO_54])
def test_a_withdrawal_names_the_scope_and_event_of_its_target(
    real: Callable[[str], bytes], name: str, headline_areas: bool
) -> None:
    target, _ = parsed(real(name))
    withdraw, issues = parsed(withdrawal(real(name), headline_areas=headline_areas))
    assert withdraw.msg_type == "withdraw"
    assert len(withdraw.items) == 0
    assert (withdraw.scope, withdraw.source_event_id, withdraw.bulletin_type, withdraw.serial) == (
        target.scope,
        target.source_event_id,
        target.bulletin_type,
        target.serial,
    )
    assert issues == []


def test_a_withdrawal_whose_body_still_has_its_layers(real: Callable[[str], bytes]) -> None:
    body = edited(real(MIYAZAKI), lambda root: put(root, "取消", "Head", "InfoType"))
    withdraw, issues = parsed(edited(body, lambda root: put(root, "警報・注意報", "Head", "Title")))
    assert (withdraw.msg_type, withdraw.scope, len(withdraw.items)) == (
        "withdraw",
        "jma/weather_warning/heavy_rain/450000",
        0,
    )
    assert issues == []


def test_a_withdrawal_of_nobody_knows_where_withdraws_nothing(real: Callable[[str], bytes]) -> None:
    with pytest.raises(ParseError) as caught:
        list(jma_warning.parse(withdrawal(real(MIYAZAKI), headline_areas=False, title="大雨警報・注意報")))
    assert caught.value.code == "withdraw_without_area"
    assert caught.value.remedy


# --- bad input -------------------------------------------------------------------------------------------------


def without(body: bytes, path: str) -> bytes:
    def edit(root: etree._Element) -> None:
        found = root.xpath(path)
        assert found
        for element in found:
            element.getparent().remove(element)

    return edited(body, edit)


MUNICIPAL_LAYER = path_of("Report", "Body", "Warning") + "[@type='気象警報・注意報（市町村等）']"
REGIONAL_LAYER = path_of("Report", "Body", "Warning") + "[@type='気象警報・注意報（府県予報区等）']"


@pytest.mark.parametrize(
    ("path", "code"),
    [
        (MUNICIPAL_LAYER, "no_municipal_layer"),
        (MUNICIPAL_LAYER + path_of("Item"), "no_municipal_layer"),
        (path_of("Report", "Body", "Warning"), "no_municipal_layer"),
        (REGIONAL_LAYER, "no_region"),
        (REGIONAL_LAYER + path_of("Item", "Area", "Code"), "no_region"),
        (MUNICIPAL_LAYER + path_of("Item") + "[3]" + path_of("Area"), "item_without_area"),
        (MUNICIPAL_LAYER + path_of("Item") + "[3]" + path_of("Area", "Code"), "item_without_area"),
        (MUNICIPAL_LAYER + path_of("Item") + "[3]" + path_of("Kind"), "item_without_kind"),
    ],
)
def test_a_statement_that_is_not_whole_is_refused(real: Callable[[str], bytes], path: str, code: str) -> None:
    """A municipality that is left out of a complete statement would seem to have no warning."""
    with pytest.raises(ParseError) as caught:
        list(jma_warning.parse(without(real(SOYA), path)))
    assert caught.value.code == code
    assert caught.value.remedy


def test_two_regions_are_refused(real: Callable[[str], bytes]) -> None:
    def edit(root: etree._Element) -> None:
        (layer,) = root.xpath(REGIONAL_LAYER)
        layer.append(copy.deepcopy(layer[0]))

    with pytest.raises(ParseError, match="2 regions"):
        list(jma_warning.parse(edited(real(SOYA), edit)))


def test_another_telegram_is_not_read_as_warnings(realdata: Path) -> None:
    others = [
        path.read_bytes()
        for path in sorted((realdata / "jma-xml" / "real-2026-07").glob("*.xml"))
        if title_of(path.read_bytes()) not in TITLES
    ]
    assert others
    for body in others:
        (issue,) = jma_warning.parse(body)
        assert isinstance(issue, Issue)
        assert issue.code == "no_parser"


def test_a_cut_off_telegram_is_refused(real: Callable[[str], bytes]) -> None:
    with pytest.raises(ParseError):
        list(jma_warning.parse(real(SOYA)[:9000]))


def test_an_area_code_that_is_none_is_kept_without_municipality(real: Callable[[str], bytes]) -> None:
    area = area_of(real(SOYA), "49")

    def edit(root: etree._Element) -> None:
        for item in municipal(root):
            if child(item, "Area", "Code") == area:
                item.xpath(f".{path_of('Area', 'Code')}")[0].text = "01214"

    bulletin, (issue,) = parsed(edited(real(SOYA), edit))
    (row,) = [r for r in rows(bulletin) if r.props["kind_code"] == "49"]
    assert (row.muni_code, row.props["area_code"]) == (None, "01214")
    assert issue.code == "unknown_area_code"


def test_what_nobody_read_is_reported(real: Callable[[str], bytes]) -> None:
    def edit(root: etree._Element) -> None:
        for item in municipal(root):
            etree.SubElement(item, item.tag.replace("Item", "Novelty")).text = "1"
            etree.SubElement(item[0], item.tag.replace("Item", "Nuance")).text = "1"
        (layer,) = root.xpath(REGIONAL_LAYER)
        other = copy.deepcopy(layer)
        other.set("type", "気象警報・注意報（町丁目等）")
        layer.addnext(other)

    bulletin, issues = parsed(edited(real(SOYA), edit))
    assert rows(bulletin) != []
    assert {(issue.code, issue.severity, issue.position) for issue in issues} == {
        ("unread", "info", "Body/Warning/Item"),
        ("unread", "info", "Body/Warning/Item/Novelty"),
        ("unread", "info", "Body/Warning/Item/Kind/Nuance"),
    }


# --- speed -----------------------------------------------------------------------------------------------------


def best_of(times: int, run: Callable[[], object]) -> float:
    seconds = []
    for _ in range(times):
        start = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def test_parsing_costs_at_most_five_times_reading_the_xml(
    real: Callable[[str], bytes], telegrams: dict[str, bytes]
) -> None:
    before_the_switch = dated(real(PARALLEL), "2026-05-28T12:00:00+09:00")
    assert len(rows(parsed(before_the_switch)[0])) == sum(counted(real(PARALLEL))[0].values())
    for bodies in ([before_the_switch], list(telegrams.values())):
        reading = best_of(9, lambda bodies=bodies: [etree.fromstring(body) for body in bodies])  # type: ignore[misc]
        parsing = best_of(9, lambda bodies=bodies: [list(jma_warning.parse(body)) for body in bodies])  # type: ignore[misc]
        assert parsing <= 5 * reading, f"{parsing * 1000:.1f} ms against {reading * 1000:.1f} ms"


# --- the exercise documents that we ship -------------------------------------------------------------------------


@pytest.fixture(scope="session")
def schema(realdata: Path) -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(realdata / "jma-xml/schema/jmx.xsd"))


@pytest.mark.parametrize("path", KUNREN, ids=lambda path: path.stem)
def test_an_exercise_document_is_marked_and_named_as_one(path: Path) -> None:
    body = path.read_bytes()
    root = etree.fromstring(body)
    stamp, number, telegram_type, area = path.stem.split("_")
    assert text(root, "Control", "Status") == "訓練"
    assert text(root, "Head", "Headline", "Text").startswith("【訓練】")
    assert (number, area) == ("0", "140000")
    bulletin, issues = parsed(body)
    assert issues == []
    assert bulletin.status == "exercise"
    assert bulletin.bulletin_type == telegram_type
    assert bulletin.scope.endswith("/140000")
    assert bulletin.sent_at == datetime.strptime(stamp, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    assert bulletin.issued_at == bulletin.sent_at
    active, lifted = counted(body)
    assert Counter((r.props["area_code"], r.props["kind_code"]) for r in rows(bulletin) if not r.ended) == active
    assert Counter((r.props["area_code"], r.props["kind_code"]) for r in rows(bulletin) if r.ended) == lifted


@pytest.mark.parametrize("path", KUNREN, ids=lambda path: path.stem)
def test_an_exercise_document_is_valid(path: Path, schema: etree.XMLSchema) -> None:
    schema.assertValid(etree.fromstring(path.read_bytes()))


def test_exercise_documents_use_real_areas_and_names(realdata: Path) -> None:
    listed = (realdata / "codes/jma_area_codes_from_samples.csv").read_text(encoding="utf-8-sig").splitlines()
    areas = {tuple(line.split(",")[1:3]) for line in listed}
    for path in KUNREN:
        items = municipal(etree.fromstring(path.read_bytes()))
        assert len(items) == 33
        assert {(child(i, "Area", "Code"), child(i, "Area", "Name")) for i in items} <= areas
        for row in rows(parsed(path.read_bytes())[0]):
            kind = warning.kind("jma_warning_r06", row.props["kind_code"])
            assert kind is not None
            assert row.props["kind_name"] == kind.name


def test_there_is_an_exercise_document_of_every_type() -> None:
    assert {path.stem.split("_")[2] for path in KUNREN} == set(NEW_TITLES.values())


def test_the_heavy_rain_exercise_rises_and_ends() -> None:
    """注意報 → 警報 → 危険警報 → lowered → 解除, as Yokohama sees it."""
    chain = [parsed(path.read_bytes())[0] for path in KUNREN if "VPWW55" in path.name]
    assert [b.issued_at for b in chain] == sorted(b.issued_at for b in chain if b.issued_at)
    yokohama = [
        next((row.props["level"], row.props["change"], row.ended) for row in rows(b) if row.muni_code == "14100")
        for b in chain
    ]
    assert yokohama == [
        (2, "issued", False),
        (3, "raised", False),
        (4, "raised", False),
        (2, "lowered", False),
        (2, None, True),
    ]
    assert all(row.ended for row in rows(chain[-1]))


def test_the_feed_takes_what_the_parser_handles() -> None:
    feed = yaml.safe_load((PROJECT / "config/feeds/jma_warning.yml").read_text(encoding="utf-8"))
    assert feed["parser"] == "jma_warning"
    assert set(feed["source"]["types"]) == set(TITLES.values()) == set(jma_warning.HANDLES)
