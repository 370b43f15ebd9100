"""SIP4D-ZIP into items: the real drill of 5,555 shelters cell by cell, every code, and what must never be public."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.formats import sip4d_package as made

from bousai.errors import ParseError
from bousai.model import Bulletin, Issue, Item
from bousai.parse import sip4d
from bousai.vocab import municipality

OPEN = ("一般公開可能", "災害対応機関のみ公開可能", "ＩＳＵＴ－ＳＩＴＥのみ公開可能")
OPTIONS = sip4d.Options(OPEN, ("cc-zero", "cc-by", "cc-by-sa"))
SAMPLES = Path(__file__).resolve().parents[1] / "feeds" / "sip4d"
KUNREN = "sip4d-zip/kunren_023_01-001-01_20260414140049_1.zip"


def parsed(body: bytes, options: sip4d.Options = OPTIONS) -> tuple[Bulletin, list[Issue]]:
    results = list(sip4d.parse(body, options))
    [bulletin] = [result for result in results if isinstance(result, Bulletin)]
    return bulletin, [result for result in results if isinstance(result, Issue)]


def refused(body: bytes, options: sip4d.Options = OPTIONS) -> ParseError:
    with pytest.raises(ParseError) as caught:
        list(sip4d.parse(body, options))
    assert caught.value.remedy
    assert str(caught.value).isprintable()
    return caught.value


def item_of(code: str, columns: list[dict[str, Any]], **properties: Any) -> tuple[Item, list[Issue]]:
    geometry = properties.pop("geometry", made.point())
    body = made.package(columns, [made.feature(geometry, **properties)], code=code, title=f"【訓練】{code}停電")
    bulletin, issues = parsed(body)
    [item] = bulletin.items.rows()
    return item, issues


def shelters(*features: dict[str, Any], columns: list[dict[str, Any]] | None = None, **meta: Any) -> bytes:
    return made.package(columns or made.SHELTER, list(features), **meta)


@pytest.fixture(scope="module")
def drill(realdata: Path) -> tuple[bytes, list[dict[str, Any]]]:
    """The real drill with its time mended (T010:05:02 → T10:05:02), and its features as its own JSON has them."""
    out = io.BytesIO()
    features: list[dict[str, Any]] = []
    with zipfile.ZipFile(realdata / KUNREN) as source, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            content = source.read(name)
            if name.endswith(".geojson"):
                features = json.loads(content)["features"]
            target.writestr(name, content.replace(b"T010:05:02", b"T10:05:02"))
    return out.getvalue(), features


def test_real_packages_are_refused_with_the_reason(realdata: Path) -> None:
    found = {path.stem: refused(path.read_bytes()) for path in (realdata / "sip4d-zip").glob("*.zip")}
    assert {name: error.code for name, error in found.items()} == {
        "0304-02": "unsupported_code",
        "052_20250801_0000000": "unsupported_code",
        "bomtest": "unsupported_code",
        "kunren_023_01-001-01_20260414140049_1": "bad_time",
        "multi_geometry_type_err": "unsupported_code",
        "polygon_style_err_sample": "unsupported_code",
        "ttid_nashi": "unsupported_code",
    }
    assert "2026-05-20T010:05:02" in str(found["kunren_023_01-001-01_20260414140049_1"])


def test_every_cell_of_the_real_drill(drill: tuple[bytes, list[dict[str, Any]]]) -> None:
    body, features = drill
    bulletin, issues = parsed(body)
    assert (bulletin.kind, bulletin.status, bulletin.complete) == ("shelter_status", "exercise", True)
    assert bulletin.issued_at == datetime.fromisoformat("2026-05-20T10:05:02+09:00")
    assert (bulletin.issuer, bulletin.serial, bulletin.bulletin_type) == ("愛", "1008", "01-001-01")
    assert len(bulletin.items) == len(features) == 5555
    kinds = {"避難所": "general", "臨時避難所": "temporary"}
    divisions = {
        "指定避難所": "designated_shelter",
        "指定緊急避難場所": "designated_site",
        "指定緊急避難場所兼避難所": "designated_both",
        "指定なし": "not_designated",
    }
    for item, feature in zip(bulletin.items.rows(), features, strict=True):
        said, props = feature["properties"], item.props
        assert said["eststts"] == "1"  # a key: the word behind it is 未開設
        assert (props["state"], props["state_text"]) == ("not_open", "未開設")
        assert item.item_id.endswith(f"/{said['id']}")
        assert props["source_id"] == said["id"]
        assert (props["name"], props["name_kana"], props["address"]) == (
            said["name"].strip(),
            said["namekana"].strip(),
            said["address"].strip(),
        )
        assert (props["shelter_type"], props["designation"]) == (kinds[said["type"]], divisions[said["division"]])
        assert props["capacity"] == {
            "value": said["capacity"],
            "state": "blank" if said["capacity"] is None else "reported",
            "qualifier": "exact",
            "text": None,
        }
        for count in (props["evacuees"], props["voluntary_evacuees"], props["households"]):
            assert (count["value"], count["state"]) == (0, "reported")
        assert props["opened_at"] == "2026-03-31T14:02:37+09:00"
        assert props["note"] == said["note"]
        assert municipality.municipalities()[item.muni_code or ""].pref == "愛知県"
        assert (item.muni_code or "").startswith(said["id"][:2])
        # Every place was moved two degrees and more to the east for the drill: none may be shown.
        assert feature["geometry"]["coordinates"][0] > 139.9
        assert item.geometry is None
    assert [(issue.code, "5555 records" in issue.cause) for issue in issues] == [("outside_prefecture", True)]


def test_places_moved_back_are_kept(drill: tuple[bytes, list[dict[str, Any]]]) -> None:
    """The same shelters five degrees to the west are in 愛知県 again, as far as they were moved by as much."""
    _, features = drill
    one = features[0]
    lon, lat = one["geometry"]["coordinates"]
    texts = [made.column(name) for name in one["properties"] if name != "eststts"]
    columns = [*texts, made.column("eststts", "List")]
    body = made.package(columns, [made.feature(made.point(lon - 5, lat), **one["properties"])], lgcode=["23000"])
    [item] = parsed(body)[0].items.rows()
    assert item.geometry == shapely.to_wkb(shapely.Point(lon - 5, lat))


def test_no_telephone_and_no_address_of_a_person_anywhere(drill: tuple[bytes, list[dict[str, Any]]]) -> None:
    bulletin, _ = parsed(drill[0])
    text = repr(list(bulletin.items.rows())[:500]) + repr((bulletin.issuer, bulletin.scope, bulletin.source_event_id))
    phones = {feature["properties"]["phoneno"] for feature in drill[1][:500]} - {None}
    assert len(phones) > 100
    assert not [phone for phone in phones if phone in text]
    assert "@" not in text


def test_samples_are_what_is_composed_here() -> None:
    composed = made.samples()
    assert {path.name: path.read_bytes() for path in SAMPLES.glob("*.zip")} == composed


@pytest.mark.parametrize("name", [name for name in made.samples() if "refused" not in name])
def test_every_code_makes_items_that_its_layer_can_show(name: str) -> None:
    bulletin, issues = parsed(made.samples()[name])
    assert (bulletin.status, bulletin.complete, len(bulletin.items) > 0) == ("exercise", True, True)
    assert {issue.code for issue in issues} <= {"misspelt"}
    assert all(code == "14206" or code == "14207" for code in bulletin.items.muni_code)
    layer = Path(__file__).resolve().parents[2] / f"config/layers/{bulletin.kind}.yml"
    fields = layer.read_text(encoding="utf-8")
    stored_only = {
        *("voluntary_households", "target_households", "elevation_text", "remarks", "special_notes"),
        *("supported_area", "same_as_site_text", "truck_size", "road_name_kana", "note", "public_facility"),
    }
    for prop in bulletin.items.props:
        assert f"name: {prop}," in fields or prop in stored_only


def test_a_later_package_of_the_data_set_is_the_whole_of_it() -> None:
    first = parsed(made.samples()["kunren_01-001-01_0900.zip"])[0]
    later = parsed(made.samples()["kunren_01-001-01_1200.zip"])[0]
    assert (first.scope, first.complete, later.complete) == (later.scope, True, True)
    assert set(later.items.item_id) < set(first.items.item_id)
    states = dict(zip(later.items.item_id, later.items.props["state"], strict=True))
    assert sorted(states.values()) == ["closed", "open"]


def test_power_and_water_share_a_code_and_nothing_else() -> None:
    power = parsed(made.samples()["kunren_01-007-01_power.zip"])[0]
    water = parsed(made.samples()["kunren_01-007-01_water.zip"])[0]
    assert power.bulletin_type == water.bulletin_type == "01-007-01"
    assert power.scope != water.scope
    assert not set(power.items.item_id) & set(water.items.item_id)
    assert (set(power.items.props["utility"]), set(water.items.props["utility"])) == ({"power"}, {"water"})


@pytest.mark.parametrize("title", ["ライフライン", "停電・断水", "【訓練】"])
def test_an_outage_of_nobody_knows_what_is_refused(title: str) -> None:
    body = made.package([made.column("citycode"), made.column("houseno")], [], code="01-007-01", title=title, tags=[])
    assert refused(body).code == "unknown_utility"
    told = made.package([made.column("citycode")], [], code="01-007-01", title="【訓練】", tags=["断水"])
    assert parsed(told)[0].complete


def test_an_area_without_communication_is_kept_without_a_utility() -> None:
    body = made.package(
        [made.column("note")], [made.feature(made.square(), note="x")], code="01-008-03", title="【訓練】不通エリア"
    )
    [item] = parsed(body)[0].items.rows()
    assert (item.props["utility"], item.geometry is not None) == (None, True)


@pytest.mark.parametrize(("flag", "visibility"), [*zip(OPEN, ("public", "responders", "isut"), strict=True)])
def test_openflg_is_whom_the_statement_is_for(flag: str, visibility: str) -> None:
    body = shelters(made.shelter(1, "2", publicflg="非公開"), openflg=flag)
    [bulletin, *_] = list(sip4d.parse(body, OPTIONS))
    assert isinstance(bulletin, Bulletin)
    assert bulletin.visibility == visibility
    fewer = sip4d.Options(tuple(one for one in OPEN if one != flag), OPTIONS.accept_licence)
    assert refused(body, fewer).code == "not_accepted"


@pytest.mark.parametrize(
    "flag", ["ＩＳＵＴ－ＳＩＴＥのみ公開可", "", None, "公開", "一般公開可能 等", "ISUT-SITEのみ公開可能"]
)
def test_an_openflg_that_nobody_knows_is_refused(flag: str | None) -> None:
    assert refused(shelters(made.shelter(1, "2"), openflg=flag)).code == "unknown_openflg"


@pytest.mark.parametrize("licence", ["cc-nc", "other-nc", "other-closed", "", None])
def test_a_licence_that_is_not_open_is_refused(licence: str | None) -> None:
    assert refused(shelters(made.shelter(1, "2"), license_id=licence)).code == "licence_not_open"


def test_a_record_that_is_not_public_is_for_responders_alone() -> None:
    columns = [*made.SHELTER, made.column("publicflg", "List", key_list=["1", "2"], value_list=["公開可", "非公開"])]
    columns[-1]["num_key"] = 2
    body = shelters(
        made.shelter(1, "2", publicflg="1"),
        made.shelter(2, "2", publicflg="2"),
        made.shelter(3, "2", publicflg=None),
        columns=columns,
    )
    [public, narrow, *issues] = list(sip4d.parse(body, OPTIONS))
    assert isinstance(public, Bulletin)
    assert isinstance(narrow, Bulletin)
    assert (public.visibility, narrow.visibility) == ("public", "responders")
    assert (public.scope, public.complete, narrow.complete) == (narrow.scope, True, True)
    assert [item_id[-2:] for item_id in public.items.item_id] == ["K1", "K3"]
    assert [item_id[-2:] for item_id in narrow.items.item_id] == ["K1", "K2", "K3"]
    assert "not_public" in {issue.code for issue in issues if isinstance(issue, Issue)}
    assert "訓練第2小学校" not in repr(list(public.items.rows())) + repr(issues)


def test_a_record_for_responders_changes_nothing_of_the_public_ones() -> None:
    """Not even their keys, where two records have one id."""
    columns = [*made.SHELTER, made.column("publicflg")]

    def public(*shelters_: dict[str, Any]) -> list[Item]:
        [first, *_] = list(sip4d.parse(shelters(*shelters_, columns=columns), OPTIONS))
        assert isinstance(first, Bulletin)
        return [replace(item, position="") for item in first.items.rows()]

    twin = made.shelter(1, "1", publicflg="非公開", name="訓練の別の所")
    assert public(made.shelter(1, "2"), twin) == public(made.shelter(1, "2"))


def test_columns_that_xedge_adds() -> None:
    more = [made.column(name) for name in ("_pub", "_pub_update", "uuid", "time_to", "geometry_update")]
    columns = [*(one for one in made.SHELTER if one["name"] != "id"), *more]

    def shelter(number: int, **said: Any) -> dict[str, Any]:
        feature = made.shelter(number, "2", uuid=f"u-{number}", geometry_update="2026-11-05T00:00:00.000Z", **said)
        del feature["properties"]["id"]
        return feature

    bulletin, issues = parsed(
        shelters(
            shelter(1, _pub="true", time_to=None),
            shelter(2, _pub="false"),
            shelter(3, time_to="2026-11-05T00:00:00.000Z"),  # 09:00 JST, the time of the package
            shelter(4, time_to="2026-11-05T00:00:01.000Z"),
            columns=columns,
        )
    )
    assert [item_id.rpartition("/")[2] for item_id in bulletin.items.item_id] == ["u-1", "u-4"]
    assert {issue.code for issue in issues} == {"not_public"}


def test_a_point_that_stands_for_a_municipality_is_left_to_the_layer() -> None:
    columns = [made.column("citycode"), made.column("deadno", "Integer")]
    for citycode, kept in (("14206", False), ("14000", True)):
        item, _ = item_of("01-011-01", columns, citycode=citycode, deadno=0)
        assert (item.geometry is not None) is kept
    item, _ = item_of("01-011-01", columns, citycode="14206", deadno=0, geometry=made.square())
    assert item.geometry is not None


def test_values_are_keys() -> None:
    """The keys may even be the words of other states."""
    words = {
        "num_key": 2,
        "key_list": ["開設", "閉鎖"],
        "value_list": ["閉鎖", "開設"],
        "conn_attr_list": ["close", "open"],
    }
    columns = [*made.PLACE, made.column("eststts", "List", **words)]
    item, issues = item_of("01-001-01", columns, id="1", name="訓練", cityname="小田原市", eststts="開設")
    assert (item.props["state"], item.props["state_text"], issues) == ("closed", "閉鎖", [])


@pytest.mark.parametrize(
    ("key", "state", "text", "codes"),
    [
        ("2", "open", "開設", []),
        (2, "open", "開設", []),
        ("開設", "open", "開設", ["not_a_key"]),
        ("9", "unknown", "9", ["not_a_key", "unknown_value"]),
        ("満員", "unknown", "満員", ["not_a_key", "unknown_value"]),
        ("", "unknown", None, ["no_state"]),
        (None, "unknown", None, ["no_state"]),
    ],
)
def test_states_that_are_known_and_unknown(key: Any, state: str, text: str | None, codes: list[str]) -> None:
    columns = [*made.PLACE, made.column("eststts", "List")]
    item, issues = item_of("01-001-01", columns, id="1", name="訓練", cityname="小田原市", eststts=key)
    assert (item.props["state"], item.props["state_text"]) == (state, text)
    assert [issue.code for issue in issues] == codes


def test_word_and_name_that_contradict_each_other_are_unknown() -> None:
    words = {"num_key": 1, "key_list": ["1"], "value_list": ["開設"], "conn_attr_list": ["close"]}
    columns = [*made.PLACE, made.column("eststts", "List", **words)]
    item, issues = item_of("01-001-01", columns, id="1", name="訓練", cityname="小田原市", eststts="1")
    assert (item.props["state"], [issue.code for issue in issues]) == ("unknown", ["conflicting_value"])


def test_a_word_of_the_sender_is_understood_by_its_name() -> None:
    words = {"num_key": 1, "key_list": ["1"], "value_list": ["受付中"], "conn_attr_list": ["open"]}
    columns = [*made.PLACE, made.column("eststts", "List", **words)]
    item, issues = item_of("01-001-01", columns, id="1", name="訓練", cityname="小田原市", eststts="1")
    assert (item.props["state"], item.props["state_text"], issues) == ("open", "受付中", [])


def test_names_of_columns_are_the_senders() -> None:
    """attr0 and so on: only connid says what they are; a column that is neither is seen."""
    columns = [
        {**made.column("attr0"), "connid": "name"},
        {**made.column("attr1", "List", words="eststts"), "connid": "eststts"},
        {**made.column("attr2"), "connid": "cityname"},
        {**made.column("attr3", "Integer"), "connid": "evacueeno"},
        {**made.column("attr4"), "connid": "own", "jname": "独自"},
    ]
    item, issues = item_of("01-001-01", columns, attr0="訓練小", attr1="2", attr2="小田原市", attr3=7, attr4="x")
    assert (item.props["name"], item.props["state"], item.props["evacuees"]["value"]) == ("訓練小", "open", 7)
    assert item.muni_code == "14206"
    assert [issue.code for issue in issues] == ["unread"]
    twice = [*columns[:4], {**made.column("attr4"), "connid": "evacueeno"}]
    assert refused(made.package(twice, [])).code == "bad_columns"


def test_an_undescribed_property_of_the_standard_is_read() -> None:
    columns = [*made.PLACE, made.column("eststts", "List")]
    said = {"id": "1", "name": "訓練", "cityname": "小田原市", "eststts": "2", "evacueeno": 5, "new": 1}
    item, issues = item_of("01-001-01", columns, **said)
    assert item.props["evacuees"]["value"] == 5
    assert {issue.code for issue in issues} == {"undescribed_column", "unread"}


def test_a_package_without_its_state_is_refused() -> None:
    body = made.package(made.PLACE, [made.feature(made.point(), id="1", name="訓練")])
    assert refused(body).code == "missing_column"


@pytest.mark.parametrize(
    ("value", "count", "issue"),
    [
        (0, (0, "reported"), False),
        (12.0, (12, "reported"), False),
        ("１，２００人", (1200, "reported"), False),
        ("調査中", (None, "investigating"), False),
        (None, (None, "blank"), False),
        ("", (None, "blank"), False),
        ("－", (None, "not_applicable"), False),
        (-1, (None, "unknown"), True),
        (1.5, (None, "unknown"), True),
        (True, (None, "unknown"), True),
        ("3人くらい？", (None, "unknown"), True),
    ],
)
def test_counts(value: Any, count: tuple[int | None, str], issue: bool) -> None:
    columns = [*made.PLACE, made.column("eststts", "List"), made.column("evacueeno", "Integer")]
    said = {"id": "1", "name": "訓練", "cityname": "小田原市", "eststts": "2", "evacueeno": value}
    item, issues = item_of("01-001-01", columns, **said)
    assert (item.props["evacuees"]["value"], item.props["evacuees"]["state"]) == count
    assert [found.code for found in issues] == ["bad_count"] * issue


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2026-11-05T08:00:00", "2026-11-05T08:00:00+09:00"),
        ("2026-11-05T08:00:00.5Z", "2026-11-05T08:00:00.500000+00:00"),
        ("2026/11/05 08:00:00", "2026-11-05T08:00:00+09:00"),
        ("2026-11-05T24:00", None),
        ("朝", None),
    ],
)
def test_times(text: str, at: str | None) -> None:
    columns = [*made.PLACE, made.column("eststts", "List"), *made.SINCE]
    said = {"id": "1", "name": "訓練", "cityname": "小田原市", "eststts": "2", "starttime": text}
    item, issues = item_of("01-001-01", columns, **said)
    assert item.props["opened_at"] == at
    assert [issue.code for issue in issues] == ([] if at else ["bad_time"])


@pytest.mark.parametrize(
    ("end", "ended"),
    [(None, False), ("2026-11-05T09:00:00", True), ("2026-11-05T09:00:01", False), ("2026-11-04T00:00:00", True)],
)
def test_an_end_that_is_still_to_come_ends_nothing(end: str | None, ended: bool) -> None:
    columns = [made.column("roadname"), made.column("cityname"), made.column("passstts", "List"), *made.SINCE]
    said = {"roadname": "訓練道", "cityname": "小田原市", "passstts": "1", "endtime": end}
    item, _ = item_of("01-005-01", columns, geometry=made.line((139.1, 35.2), (139.2, 35.3)), **said)
    assert item.ended is ended


def test_codes_and_names_of_municipalities() -> None:
    columns = [*made.PLACE, made.column("eststts", "List")]
    known = {"id": "1", "name": "訓練", "eststts": "2"}
    for city, name, code, found in (
        ("14206", None, "14206", []),
        (14206, "小田原市", "14206", []),
        (None, "足柄下郡箱根町", "14382", []),
        ("142069", None, "14206", []),
        ("142060", "小田原市", "14206", ["unknown_municipality"]),
        ("14999", "訓練町", None, ["unknown_municipality"] * 2),
        (None, None, None, []),
    ):
        item, issues = item_of("01-001-01", columns, citycode=city, cityname=name, **known)
        assert (item.muni_code, [issue.code for issue in issues]) == (code, found)


def test_counts_of_a_prefecture_and_of_nobody() -> None:
    columns = [made.column("citycode"), made.column("cityname"), made.column("deadno", "Integer")]
    item, _ = item_of("01-011-01", columns, citycode="14000", cityname="神奈川県", deadno=3)
    assert (item.muni_code, item.props["area_level"], item.props["dead"]["value"]) == (None, "prefecture", 3)
    assert item.item_id.endswith("/14000")
    item, _ = item_of("01-011-01", columns, citycode="14206", cityname="小田原", deadno=3)
    assert (item.item_id.rpartition("/")[2], item.props["area_level"]) == ("14206", "municipality")
    body = made.package(columns, [made.feature(None, deadno=3)], code="01-011-01")
    bulletin, issues = parsed(body)
    assert (len(bulletin.items), bulletin.complete) == (0, False)
    assert [issue.code for issue in issues] == ["unknown_municipality"]


def test_certificates_are_not_the_counts_of_form_4() -> None:
    counts = parsed(made.samples()["kunren_01-011-01.zip"])[0]
    certificates = parsed(made.samples()["kunren_01-012-01.zip"])[0]
    assert (counts.kind, certificates.kind) == ("damage_count", "damage_certificate")
    shared = {"incident", "area_name", "area_level", "as_of", "note", "licence"}
    assert set(counts.items.props) & set(certificates.items.props) == shared


def test_records_of_one_id() -> None:
    same, other = made.shelter(1, "2"), made.shelter(1, "3", name="訓練別館")
    bulletin, issues = parsed(shelters(same, same, made.shelter(2, "2")))
    assert (len(bulletin.items), [issue.code for issue in issues]) == (2, ["duplicate_record"])
    bulletin, issues = parsed(shelters(same, other))
    assert len(set(bulletin.items.item_id)) == 2
    assert [issue.code for issue in issues] == ["duplicate_id"]
    assert sorted(bulletin.items.props["state"]) == ["closed", "open"]


def test_a_shelter_without_an_id_is_known_again_by_its_name() -> None:
    columns = [one for one in made.SHELTER if one["name"] != "id"]

    def keys(*features: dict[str, Any]) -> list[str]:
        for feature in features:
            feature["properties"].pop("id", None)
        return list(parsed(shelters(*features, columns=columns))[0].items.item_id)

    first = keys(made.shelter(1, "2", evacueeno=1), made.shelter(2, "2"))
    later = keys(made.shelter(2, "3"), made.shelter(1, "3", evacueeno=9))
    assert sorted(first) == sorted(later)
    assert len(set(first)) == 2


def with_geometry(text: str) -> bytes:
    contents = made.files(made.SHELTER, [made.shelter(1, "2")])
    plain = json.dumps(json.loads(contents["kunren.geojson"]), ensure_ascii=False)
    contents["kunren.geojson"] = plain.replace(json.dumps(made.point(139.17)), text).encode()
    return made.packed(contents)


@pytest.mark.parametrize(
    "geometry",
    [
        '{"type": "Point", "coordinates": []}',
        '{"type": "Point", "coordinates": ["139.17", "35.26"]}',
        '{"type": "Polygon", "coordinates": [[[139, 35], [139.1, 35]]]}',
        '{"type": "GeometryCollection", "geometries": []}',
    ],
)
def test_a_geometry_that_cannot_be_read_loses_no_shelter(geometry: str) -> None:
    bulletin, issues = parsed(with_geometry(geometry))
    [item] = bulletin.items.rows()
    assert (item.geometry, item.props["state"]) == (None, "open")
    assert [issue.code for issue in issues] == ["bad_geometry"]


def test_a_place_on_swapped_axes_is_not_in_its_prefecture() -> None:
    bulletin, issues = parsed(with_geometry('{"type": "Point", "coordinates": [35.26, 139.17]}'))
    assert list(bulletin.items.geometry) == [None]
    assert [issue.code for issue in issues] == ["outside_prefecture"]


def test_nothing_now_is_a_statement_too() -> None:
    bulletin, issues = parsed(shelters())
    assert (len(bulletin.items), bulletin.complete, issues) == (0, True, [])


@settings(max_examples=40)
@given(st.permutations(range(4)), st.sampled_from(["1", "2", "3"]))
def test_the_order_of_records_changes_nothing(order: list[int], key: str) -> None:
    features = [made.shelter(number, key, evacueeno=number) for number in range(4)]
    straight = parsed(shelters(*features))[0]
    mixed = parsed(shelters(*(features[index] for index in order)))[0]
    assert dict(zip(straight.items.item_id, straight.items.props["evacuees"], strict=True)) == dict(
        zip(mixed.items.item_id, mixed.items.props["evacuees"], strict=True)
    )


@given(st.text(min_size=1, max_size=12), st.text(min_size=1, max_size=12))
def test_different_names_make_different_scopes(one: str, other: str) -> None:
    if one.strip() and other.strip() and one.strip() != other.strip():
        parts = [sip4d._plain(text.strip()) for text in (one, other)]
        assert parts[0] != parts[1]
        assert not any("/" in part for part in parts)
