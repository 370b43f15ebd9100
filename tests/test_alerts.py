"""Alerts on real telegrams: one chain for each thing, each message once, whatever is repeated, late or killed."""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest
import sqlalchemy as sa
from capvalidator import Validator
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from lxml import etree

from bousai import cli, deliver, pipeline, settings, store
from bousai.alert import RELAYS
from bousai.errors import DeliveryError, UsageError
from bousai.formats import cap_read, cap_xml
from bousai.model import Message
from tests import stage as stages
from tests.stage import Stage, Telegram, later, telegrams

pytestmark = pytest.mark.store
ATOM = "{http://www.w3.org/2005/Atom}"


def jst(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}+09:00")


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    return stages.made(tmp_path, monkeypatch, jst("2021-01-01T00:00:00"))


@pytest.fixture
def noto(realdata: Path) -> list[Telegram]:
    return telegrams(realdata / "jma-xml" / "real-2024-noto")


@pytest.fixture
def summer(realdata: Path) -> list[Telegram]:
    return telegrams(realdata / "jma-xml" / "real-2026-07")


def chain(messages: list[Message], rule: str, subject: str) -> list[Message]:
    return [one for one in messages if (one.rule, one.subject) == (rule, subject)]


def in_force(messages: list[Message]) -> str | None:
    """What the last message of a chain tells, None where nothing is in force."""
    return messages[-1].fingerprint if messages and not messages[-1].ended else None


def references(message: Message) -> list[str]:
    return [one.identifier for one in cap_read.read(message.cap).references]


def resent(one: Telegram) -> Telegram:
    """The same statement in a telegram of its own, a second later."""
    text = one.body.decode()
    second = re.sub(
        r"(?<=<DateTime>)([^<]*)Z", lambda m: f"{m[1][:-2]}{(int(m[1][-2:]) + 1) % 60:02}Z", text, count=1
    )
    assert second != text
    return replace(one, name=f"again-{one.name}", body=second.encode())


def test_the_tsunami_of_noto_is_one_chain(stage: Stage, noto: list[Telegram]) -> None:
    stage.take(*noto)
    first, last = chain(stage.messages(), "tsunami", "20240101161010")
    assert [one.phase for one in (first, last)] == ["alert", "all_clear"]
    assert first.severity == "Extreme"
    assert first.state == last.state == "released"
    assert first.sent == jst("2024-01-01T16:22:32")
    raised = cap_read.read(first.cap)
    assert (raised.msg_type, raised.status, raised.source) == ("Alert", "Actual", "気象庁")
    by_event = {info.event: {area.description for area in info.areas} for info in raised.infos}
    assert by_event["大津波警報"] == {"石川県能登"} == by_event["Major tsunami warning"]
    assert len(by_event["津波警報"]) == 7
    assert "石川県加賀" in by_event["津波警報"]
    assert [info.language for info in raised.infos[:2]] == ["ja-JP", "en-US"]
    codes = {code for area in raised.infos[0].areas for code in area.geocodes}
    assert {("JMA:AreaTsunami", "360"), ("JISX0402", "17204"), ("LGCODE", "172049")} <= codes
    assert "やさしい日本語" in raised.infos[0].instruction
    assert "Evacuate" in raised.infos[0].response_types
    over = cap_read.read(last.cap)
    assert over.msg_type == "Update"
    assert [(r.sender, r.identifier, r.sent) for r in over.references] == [
        (raised.sender, raised.identifier, raised.sent)
    ]
    assert {(info.response_types, info.urgency) for info in over.infos} == {(("AllClear",), "Past")}
    told = {area.description for info in raised.infos for area in info.areas}
    assert {area.description for info in over.infos for area in info.areas} == told


def test_the_earthquake_of_noto_is_one_chain(stage: Stage, noto: list[Telegram]) -> None:
    stage.take(*noto)
    messages = chain(stage.messages(), "earthquake", "20240101161010")
    assert [one.phase for one in messages] == ["alert", *["update"] * (len(messages) - 1)]
    assert messages[0].sent == jst("2024-01-01T16:13:41")
    for n, message in enumerate(messages[1:], start=1):
        assert references(message) == [one.identifier for one in messages[:n]]
    assert len({one.identifier for one in messages}) == len(messages)
    last = cap_read.read(messages[-1].cap)
    assert last.infos[0].event == "震度７の地震" or "６強" in last.infos[0].event
    assert "マグニチュード" in last.infos[0].description or "Ｍ７．６" in last.infos[0].description


def test_the_tsunami_of_kumamoto_is_one_chain(stage: Stage, summer: list[Telegram]) -> None:
    stage.take(*summer)
    first, last = chain(stage.messages(), "tsunami", "20260728162718")
    assert (first.phase, last.phase) == ("alert", "all_clear")
    assert references(last) == [first.identifier]
    assert {area.description for area in cap_read.read(first.cap).infos[0].areas} == {"有明・八代海"}
    assert {"43202", "40203"} <= set(first.munis)  # 八代市, 久留米市: it lies on this coast or may
    # no telegram here tells of an intensity of 5 lower or more
    assert not [one for one in stage.messages() if one.rule == "earthquake"]


def test_warnings_of_2026_are_told_once(stage: Stage, summer: list[Telegram]) -> None:
    stage.take(*summer)
    before = [one.identifier for one in stage.messages()]
    rules = Counter(one.rule for one in stage.messages() if not one.identifier.startswith("tsunami"))
    assert set(rules) == {"weather_warning"}  # VXWW50 and VPWW53/54 of that summer are transitional
    for one in summer:
        stage.take(resent(one))
    after = [one for one in stage.messages() if one.identifier not in before]
    assert all("有効期間" in cap_read.read(one.cap).note for one in after), [one.headline_ja for one in after]
    subjects = {one.subject for one in stage.messages("weather_warning")}
    assert subjects == {"jma/weather_warning/landslide/150000"}


@pytest.mark.parametrize("folder", ["real-2024-noto", "real-2026-07", "real-2021-2023"])
def test_an_exercise_reaches_nobody_else(realdata: Path, stage: Stage, folder: str) -> None:
    stage.take(*(one.as_exercise() for one in telegrams(realdata / "jma-xml" / folder)))
    messages = stage.messages()
    assert messages
    assert {one.status for one in messages} == {"exercise"}
    assert not stage.tree()
    assert stage.tree("exercise") == sorted(one.identifier for one in messages)
    assert {name for name, _ in stage.sent} == {"drill"}
    for message in messages:
        told = cap_read.read(message.cap)
        assert told.status == "Exercise"
        assert "訓練" in told.note
        assert all(info.headline.startswith(("【訓練】", "[EXERCISE]")) for info in told.infos)
        assert all("/exercise/layers/" in info.web for info in told.infos)
    assert (
        not (stage.own.public / "alerts" / "feed.atom").exists()
        or b"<entry>" not in (stage.own.public / "alerts" / "feed.atom").read_bytes()
    )


@pytest.mark.parametrize("folder", ["real-2024-noto", "real-2026-07", "real-2021-2023"])
def test_every_message_is_valid(realdata: Path, stage: Stage, folder: str) -> None:
    stage.take(*telegrams(realdata / "jma-xml" / folder))
    assert stage.messages()
    for message in stage.messages():
        assert cap_xml.faults(message.cap) == []
        assert Validator(message.cap).schema()[0]
        assert len(message.cap) < 120_000


def test_the_tree(stage: Stage, noto: list[Telegram]) -> None:
    alarm = [one for one in noto if one.sent <= jst("2024-01-01T16:30:00")]
    stage.take(*alarm)
    folder = stage.own.public / "alerts"
    released = {one.identifier: one for one in stage.messages()}
    assert stage.tree() == sorted(released)
    assert all((folder / "cap" / f"{name}.xml").read_bytes() == one.cap for name, one in released.items())
    feed = etree.parse(folder / "feed.atom").getroot()
    assert [e.findtext(f"{ATOM}id") for e in feed.iterchildren(f"{ATOM}entry")] == list(released)[::-1]
    link = feed.find(f"{ATOM}entry/{ATOM}link")
    assert link is not None
    assert link.get("type") == "application/cap+xml"
    active = json.loads((folder / "active.geojson").read_bytes())
    assert {"石川県能登", "輪島市"} <= {one["properties"]["area"] for one in active["features"]}
    newest = {one.rule: one.identifier for one in stage.messages()}
    assert {one["properties"]["identifier"] for one in active["features"]} == set(newest.values())

    stage.take(*(one for one in noto if one not in alarm and one.sent < jst("2024-01-03T00:00:00")))
    active = json.loads((folder / "active.geojson").read_bytes())
    assert active["features"] == []
    entries = list(etree.parse(folder / "feed.atom").getroot().iterchildren(f"{ATOM}entry"))
    assert "解除" in (entries[0].findtext(f"{ATOM}title") or "")  # who looks late learns that it is over
    later(stage, days=3)
    stage.send()
    assert not list(etree.parse(folder / "feed.atom").getroot().iterchildren(f"{ATOM}entry"))
    assert stage.tree() == sorted(one.identifier for one in stage.messages())  # the files stay


def test_a_recorded_disaster_that_is_read_in_later_goes_to_nobody(stage: Stage, noto: list[Telegram]) -> None:
    stage.at = jst("2026-11-26T10:00:00")
    stage.take(*noto)
    assert {one.state for one in stage.messages()} == {"too_old", "dropped"}
    assert not stage.sent
    assert not stage.tree()


def shuffled(some: list[Telegram], seed: int) -> list[Telegram]:
    """All of them, three of them twice, in any order."""
    chance = random.Random(seed)
    every = [*some, *chance.sample(some, min(3, len(some)))]
    chance.shuffle(every)
    return every


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("at", ["2024-01-01T16:30:00", "2024-01-02T10:01:00"])
def test_any_order_and_any_repetition_sends_each_message_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, noto: list[Telegram], at: str, seed: int
) -> None:
    now = jst(at)
    some = [one for one in noto if one.sent < now]
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    straight = stages.made(tmp_path / "a", monkeypatch, now)
    straight.take(*some, clock=False)
    mixed = stages.made(tmp_path / "b", monkeypatch, now)
    mixed.take(*shuffled(some, seed), clock=False)
    again(mixed)
    assert max(Counter(mixed.sent).values(), default=1) == 1
    assert len({one.key for one in mixed.messages()}) == len(mixed.messages())
    for rule in ("tsunami", "earthquake"):
        mine = chain(mixed.messages(), rule, "20240101161010")
        theirs = chain(straight.messages(), rule, "20240101161010")
        assert in_force(mine) == in_force(theirs)
        assert all(a.fingerprint != b.fingerprint for a, b in pairwise(mine)), "the same was told twice in a row"


def again(stage: Stage) -> None:
    """As after a loss of the position in the log: everything is looked at once more."""
    handle = store.open_store(stage.own.store)
    before = [(one.identifier, one.state) for one in stage.messages()]
    with handle.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alert_position SET cursor = 0")
    handle.close()
    stage.send()
    assert [(one.identifier, one.state) for one in stage.messages()] == before


class Killed(BaseException):
    """The process ends here."""


STEPS = (
    (pipeline.alerting.store, "record_alerts"),
    (pipeline.delivering.publish, "write_alerts"),
    (pipeline.delivering.store, "mark_alerts_published"),
    (pipeline.delivering.store, "claim_delivery"),
    (deliver, "hand_over"),
    (pipeline.delivering.store, "settle_delivery"),
)


@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
@pytest.mark.parametrize("step", range(len(STEPS)), ids=[name for _, name in STEPS])
def test_killed_at_any_step_it_loses_and_doubles_nothing(
    stage: Stage, noto: list[Telegram], monkeypatch: pytest.MonkeyPatch, step: int, before: bool
) -> None:
    """At every call of every step, just before it or just after: the next start sends what is missing. A receiver
    that
    looks at the identifier, as webhooks, mail and MQTT let him, has each message once."""
    room, name = STEPS[step]
    real = getattr(room, name)
    calls = 0

    def dying(*args: object, **named: object) -> object:
        nonlocal calls
        calls += 1
        if before and calls % 2 == 1:
            raise Killed
        result = real(*args, **named)
        if not before and calls % 2 == 1:
            raise Killed
        return result

    monkeypatch.setattr(room, name, dying)
    for one in noto:
        stage.at = max(stage.at, one.sent)
        list(pipeline.ingest_files(one.feed, [(one.name, one.body)], stage.own))
        for _ in range(20):
            try:
                stage.send()
            except Killed:
                later(stage, seconds=1)
            else:
                if not pipeline.undelivered(stage.own):
                    break
                later(stage, seconds=100)  # an attempt of which nothing was heard is made again
    assert calls > 2
    assert [one.phase for one in chain(stage.messages(), "tsunami", "20240101161010")] == ["alert", "all_clear"]
    assert stage.tree() == sorted(one.identifier for one in stage.messages())
    handle = store.open_store(stage.own.store)
    skipped = {one.number for one in store.deliveries(handle, state="superseded")}
    assert {one.state for one in store.deliveries(handle)} <= {"delivered", "superseded"}
    handle.close()
    got = {identifier for name, identifier in stage.sent if name == "everyone"}
    assert got == {one.identifier for one in stage.messages() if one.number not in skipped}
    unsure = (name, before) in (("hand_over", False), ("settle_delivery", True))
    assert (max(Counter(stage.sent).values()) > 1) == unsure


def test_what_fails_is_tried_again_and_given_up_in_the_end(stage: Stage, noto: list[Telegram]) -> None:
    stage.answers["everyone"] = DeliveryError("busy", code="http_503", transient=True, remedy="it is tried again")
    stage.take(noto[0])
    waiting = pipeline.undelivered(stage.own)
    assert [(one["state"], one["code"]) for one in waiting] == [("due", "http_503")]
    assert waiting[0]["next_at"] > stage.at
    del stage.answers["everyone"]
    stage.send()
    assert not stage.sent  # not before its time
    later(stage, minutes=2)
    stage.send()
    assert [name for name, _ in stage.sent] == ["everyone"]

    stage.answers["everyone"] = DeliveryError("no", code="http_404", transient=False, remedy="correct the address")
    stage.take(noto[1])
    dead = pipeline.undelivered(stage.own)
    assert {(one["state"], one["cause"]) for one in dead} == {("dead", "no")}
    del stage.answers["everyone"]
    assert pipeline.send_again([dead[0]["identifier"]], "everyone", stage.own) == 1
    stage.send()
    assert stage.sent[-1] == ("everyone", dead[0]["identifier"])


def test_who_says_gone_gets_nothing_more(stage: Stage, noto: list[Telegram]) -> None:
    stage.answers["everyone"] = DeliveryError("gone", code="gone", transient=False, gone=True, remedy="unsubscribe")
    stage.take(*noto[:2])
    assert {one["state"] for one in pipeline.undelivered(stage.own)} == {"dead"}
    stage.answers.clear()
    stage.take(*noto[2:])
    assert not stage.sent, "a receiver that answered 410 was asked again"


def test_a_later_message_is_not_followed_by_an_earlier_one(stage: Stage, noto: list[Telegram]) -> None:
    stage.answers["everyone"] = DeliveryError("busy", code="http_503", transient=True)
    stage.take(*noto[:2])
    first = stage.messages("earthquake")
    assert len(first) >= 2
    del stage.answers["everyone"]
    handle = store.open_store(stage.own.store)
    with handle.engine.begin() as connection:  # the newer one is due first
        connection.exec_driver_sql("UPDATE alert_delivery SET next_at = next_at - 600000000 WHERE alert_id = 2")
    handle.close()
    later(stage, seconds=1)
    stage.send()
    assert stage.sent == [("everyone", first[1].identifier)]
    later(stage, minutes=30)
    stage.send()
    assert ("everyone", first[0].identifier) not in stage.sent


@pytest.mark.xdist_group("postgis")
def test_both_stores_give_the_same_messages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, postgis_server: str, noto: list[Telegram]
) -> None:
    name = f"alerts_{tmp_path.name}".replace("-", "_").lower()
    engine = sa.create_engine(f"{postgis_server}/postgres", isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    engine.dispose()
    found = []
    for store_of in ({}, {"BOUSAI_STORE": f"{postgis_server}/{name}"}):
        folder = tmp_path / f"{len(found)}"
        folder.mkdir()
        stage = stages.made(folder, monkeypatch, jst("2024-01-01T16:00:00"), **store_of)
        stage.take(*noto)
        again(stage)
        found.append(
            ([(one.key, one.phase, one.state, one.cap) for one in stage.messages()], stage.sent, stage.tree())
        )
    assert found[0] == found[1]
    assert found[0][1]


def test_messages_are_signed_and_no_other_key_will_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, noto: list[Telegram]
) -> None:
    (key, certificate), (_, other) = pair(tmp_path / "ours"), pair(tmp_path / "theirs")
    names = {"BOUSAI_CAP_KEY": str(key), "BOUSAI_CAP_CERTIFICATE": str(certificate)}
    stage = stages.made(tmp_path, monkeypatch, jst("2024-01-01T16:00:00"), **names)
    stage.take(*noto[:2])
    for name in stage.tree():
        body = (stage.own.public / "alerts" / "cap" / f"{name}.xml").read_bytes()
        assert cap_xml.faults(body) == []
        told = cap_xml.verified(body, certificate.read_bytes())
        assert cap_read.read(told) == cap_read.read(body)
        with pytest.raises(cap_xml.CapSignatureError):
            cap_xml.verified(body, other.read_bytes())
    key.chmod(0o644)
    with pytest.raises(UsageError, match="others can read"):
        settings.load(names)


def test_a_key_that_is_of_no_use_stops_no_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, noto: list[Telegram]
) -> None:
    key, _ = pair(tmp_path / "ours")
    _, other = pair(tmp_path / "theirs")
    names = {"BOUSAI_CAP_KEY": str(key), "BOUSAI_CAP_CERTIFICATE": str(other)}
    stage = stages.made(tmp_path, monkeypatch, jst("2024-01-01T16:00:00"), **names)
    stage.take(noto[0])
    assert stage.tree()
    assert "alert_unsigned" in {one["code"] for one in pipeline.open_issues(None, stage.own)}


def pair(folder: Path) -> tuple[Path, Path]:
    """Files of a key and of its own certificate."""
    folder.mkdir()
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "訓練")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2040, 1, 1, tzinfo=UTC))
        .sign(key, hashes.SHA256())
    )
    paths = folder / "key.pem", folder / "certificate.pem"
    pem = serialization.Encoding.PEM
    paths[0].write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    paths[0].chmod(0o600)
    paths[1].write_bytes(made.public_bytes(pem))
    return paths


def test_a_dry_run_is_what_would_have_happened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, noto: list[Telegram], capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    straight = stages.made(tmp_path / "a", monkeypatch, jst("2024-01-01T16:00:00"))
    straight.take(*noto)
    late = stages.made(tmp_path / "b", monkeypatch, jst("2026-11-26T10:00:00"))
    late.take(*noto)
    before = late.messages()
    monkeypatch.setenv("BOUSAI_DATA", str(late.own.data))
    words = ["alerts", "list", "--dry-run", "--from", "2024-01-01T16:00", "--to", "2024-01-10T00:00", "--json"]
    assert cli.main([*words, "-o", str(tmp_path / "cap")]) == 0
    rehearsed = json.loads(capsys.readouterr().out)
    assert [one["identifier"] for one in rehearsed] == [one.identifier for one in straight.messages()]
    assert {path.stem for path in (tmp_path / "cap").iterdir()} == {one.identifier for one in straight.messages()}
    assert late.messages() == before
    assert not late.sent


def test_a_ceiling_holds_what_may_wait_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, realdata: Path, noto: list[Telegram]
) -> None:
    strict = stages.EVERYONE.model_copy(update={"per_hour": 1})
    stage = stages.made(tmp_path, monkeypatch, jst("2022-09-18T15:00:00"), [strict])
    stage.take(*noto)  # all of it is Severe or more, or tsunami
    assert len(stage.sent) == len([one for one in stage.messages() if one.state == "released"]) > 2
    handle = store.open_store(stage.own.store)
    with handle.engine.begin() as connection:  # as if they might wait
        connection.exec_driver_sql("UPDATE alert SET bypass = 0")
        connection.exec_driver_sql("UPDATE alert_delivery SET state = 'due', attempts = 0, done_at = NULL")
        connection.exec_driver_sql(f"UPDATE alert_delivery SET next_at = {int(stage.at.timestamp() * 1e6)}")
        connection.exec_driver_sql("UPDATE alert SET expires = expires + 864000000000")
    handle.close()
    stage.sent.clear()
    stage.send()
    assert len(stage.sent) == 1
    held = [one for one in pipeline.undelivered(stage.own) if one["code"] == "ceiling"]
    assert held
    assert all("hour" in one["cause"] for one in held)
    later(stage, minutes=61)
    stage.send()
    assert len(stage.sent) == 2


def test_a_fault_in_one_thing_holds_up_no_other(
    stage: Stage, noto: list[Telegram], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: object) -> None:
        raise KeyError("intensity")

    monkeypatch.setitem(RELAYS, "earthquake", broken)
    stage.take(*noto)
    assert {one.rule for one in stage.messages()} == {"tsunami"}
    assert [one.phase for one in stage.messages()] == ["alert", "all_clear"]
    told = [one for one in pipeline.open_issues(None, stage.own) if one["code"] == "alert_failed"]
    assert told
    assert all("by hand" in one["remedy"] for one in told)
