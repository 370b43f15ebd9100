"""What comes from a real broker: everything once, in order, also when either side dies in the middle."""

from __future__ import annotations

import datetime as dt
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from bousai import pipeline, store
from bousai.catalogue import Feed, MqttSource
from bousai.errors import FetchError
from bousai.fetch import Fetched, pull
from bousai.fetch import mqtt as mqtt_module
from bousai.formats import mqtt_message
from bousai.formats.mqtt_message import Message
from bousai.model import Issue
from bousai.settings import Settings, load
from tests.fetch import broker as broker_module
from tests.fetch.book import Book, a_feed, documents, issues
from tests.fetch.broker import Broker

T0 = datetime(2026, 11, 5, 1, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    broker_module.required()
    monkeypatch.setattr(mqtt_module, "QUIET", 0.3)
    monkeypatch.delenv("BOUSAI_MQTT_KUNREN_MQTT", raising=False)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    (tmp_path / "broker").mkdir()
    with Broker(tmp_path / "broker").running() as one:
        yield one


def the_feed(broker: Broker, **more: Any) -> Feed:
    own = {
        name: more.pop(name)
        for name in ("host", "port", "tls", "topics", "client_id", "keep", "envelope")
        if name in more
    }
    source = {
        "host": "127.0.0.1",
        "port": broker.port,
        "tls": False,
        "topics": ("kunren/#",),
        "client_id": "bousai-kunren",
    }
    hosts = more.pop("hosts", ("127.0.0.1",))
    return a_feed("kunren_mqtt", MqttSource(type="mqtt", **{**source, **own}), hosts=hosts, deadline=10, **more)


@dataclass
class World:
    feed: Feed
    book: Book = field(default_factory=Book)
    at: datetime = T0

    def visit(self, most: int | None = None) -> list[Fetched | Issue]:
        """One visit. With `most` we die after that many messages, with the last of them archived and recorded."""
        self.at += MINUTE
        came: list[Fetched | Issue] = []
        pulled = pull(self.feed, self.book, now=lambda: self.at)
        for one in pulled:
            if isinstance(one, Fetched):
                self.book.record(one)
            came.append(one)
            if most is not None and len(told(came)) == most:
                pulled.close()  # type: ignore[attr-defined]
                break
        return came

    @property
    def said(self) -> list[bytes]:
        """The documents so far, in the order in which they came."""
        return [self.book.bodies[document.sha256] for document in self.book.documents]


def told(came: list[Fetched | Issue]) -> list[tuple[str, str]]:
    """(outcome, topic) of every message."""
    return [
        (one.receipt.outcome, one.receipt.url.split("/", 3)[3])
        for one in came
        if isinstance(one, Fetched) and one.receipt.url.count("/") > 2
    ]


@pytest.fixture
def world(broker: Broker) -> World:
    """A feed that has been there once, so that the broker keeps a session for it."""
    one = World(the_feed(broker))
    assert told(one.visit()) == []
    return one


def test_what_was_published_between_visits_comes_in_order_and_once(broker: Broker, world: World) -> None:
    said = [(f"kunren/river/{n}", f'{{"v": {n}}}') for n in range(100)]
    broker.say(*said)
    came = world.visit()
    assert told(came) == [("new", topic) for topic, _ in said]
    assert world.said == [body.encode() for _, body in said]
    first = documents(came)[0]
    assert first.url == f"mqtt://127.0.0.1:{broker.port}/kunren/river/0"
    assert (first.name, first.taint, first.dated_at) == ("kunren%2Friver%2F0", "actual", None)
    assert issues(came) == []
    assert told(world.visit()) == []


def test_a_broker_with_nothing_to_say_is_contact(broker: Broker, world: World) -> None:
    (one,) = world.visit()
    assert isinstance(one, Fetched)
    assert (one.receipt.outcome, one.receipt.url) == ("not_modified", f"mqtt://127.0.0.1:{broker.port}")
    assert (one.body, one.document) == (None, None)


def test_what_was_archived_and_not_acknowledged_comes_again_and_is_known(broker: Broker, world: World) -> None:
    broker.say(("kunren/a", "1"), ("kunren/b", "2"), ("kunren/c", "3"))
    assert told(world.visit(most=2)) == [("new", "kunren/a"), ("new", "kunren/b")]
    assert told(world.visit()) == [("known", "kunren/b"), ("new", "kunren/c")]
    assert world.said == [b"1", b"2", b"3"]
    assert told(world.visit()) == []


def test_two_of_a_topic_and_the_same_again(broker: Broker, world: World) -> None:
    broker.say(("kunren/a", "1"), ("kunren/a", "2"), ("kunren/a", "2"), ("kunren/a", "1"))
    assert told(world.visit()) == [(outcome, "kunren/a") for outcome in ("new", "new", "known", "new")]


def test_a_broker_that_is_down_and_comes_back_with_its_sessions(broker: Broker, world: World) -> None:
    broker.say(("kunren/a", "1"))
    broker.stop()
    with pytest.raises(FetchError) as caught:
        world.visit()
    assert (caught.value.code, caught.value.transient) == ("connection", True)
    assert world.book.receipts[-1].error_code == "connection"
    broker.start()
    came = world.visit()
    assert told(came) == [("new", "kunren/a")]
    assert issues(came) == []


def test_a_broker_that_dies_in_the_middle(broker: Broker, world: World) -> None:
    broker.say(*[(f"kunren/{n}", str(n)) for n in range(5)])
    pulled = pull(world.feed, world.book, now=lambda: T0 + 2 * MINUTE)
    for one in pulled:
        assert isinstance(one, Fetched)
        world.book.record(one)
        if one.receipt.url.endswith("kunren/1"):
            break
    broker.stop()
    failed = next(pulled)
    assert isinstance(failed, Fetched)
    assert (failed.receipt.outcome, failed.receipt.error_code) == ("error", "connection")
    with pytest.raises(FetchError):
        next(pulled)
    broker.start()
    world.at += 5 * MINUTE
    world.visit()
    assert sorted(world.said) == [str(n).encode() for n in range(5)]


def test_a_session_that_the_broker_has_lost_is_told(broker: Broker, world: World) -> None:
    broker.stop()
    (broker.folder / "mosquitto.db").unlink()
    broker.start()
    (issue,) = issues(world.visit())
    assert (issue.code, issue.severity) == ("session_lost", "warning")
    assert (T0 + MINUTE).isoformat() in issue.cause
    assert issues(world.visit()) == []


def test_another_program_under_our_name_takes_nothing_away(broker: Broker, world: World) -> None:
    broker.say(("kunren/a", "1"), ("kunren/b", "2"))
    pulled = pull(world.feed, world.book, now=lambda: T0 + 2 * MINUTE)
    for one in pulled:
        assert isinstance(one, Fetched)
        world.book.record(one)
        if one.document is not None:
            break
    assert [message.topic for message in broker.intrude("bousai-kunren")] == ["kunren/a", "kunren/b"]
    failed = next(pulled)
    assert isinstance(failed, Fetched)
    assert failed.receipt.error_code == "connection"  # this broker says no word; others say 0x8E, see below
    with pytest.raises(FetchError) as caught:
        next(pulled)
    assert "client_id" in caught.value.remedy
    world.at += 5 * MINUTE
    assert told(world.visit()) == [("known", "kunren/a"), ("new", "kunren/b")]
    assert world.said == [b"1", b"2"]


CONNACK, SUBACK = b"\x20\x03\x00\x00\x00", b"\x90\x04\x00\x01\x00\x01"


@pytest.mark.parametrize(
    ("said", "code", "transient"),
    [
        ([CONNACK, SUBACK + b"\xe0\x01\x8e"], "session_taken", False),
        ([CONNACK, SUBACK + b"\xe0\x01\x8b"], "connection", True),  # the server is shutting down
        ([b"\x20\x03\x00\x89\x00"], "mqtt_busy", True),
        ([b"\x20\x03\x00\x85\x00"], "mqtt_refused", False),  # the client identifier is not valid
        ([CONNACK, b"\x90\x04\x00\x01\x00\x87"], "mqtt_refused", False),  # not this topic
        ([CONNACK], "deadline", True),
        ([b"HTTP/1.1 400 Bad Request\r\n\r\n"], "deadline", True),
        ([], "deadline", True),
    ],
)
def test_what_other_brokers_say(broker: Broker, said: list[bytes], code: str, transient: bool) -> None:
    """A broker of a few bytes: each is said when something has come from us."""

    def serve() -> None:
        peer, _ = server.accept()
        with peer:
            for one in said:
                peer.recv(1000)
                peer.sendall(one)
            over.wait(10)

    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        world = World(the_feed(broker, port=server.getsockname()[1]).model_copy(update={"deadline": 1}))
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            with pytest.raises(FetchError) as caught:
                world.visit()
        finally:
            over.set()
            thread.join()
    assert (caught.value.code, caught.value.transient) == (code, transient), caught.value.cause
    assert world.book.receipts[-1].error_code == code
    assert caught.value.remedy


def test_a_message_that_is_too_large_is_told_and_stops_no_other(broker: Broker) -> None:
    world = World(the_feed(broker, max_bytes=1000))
    world.visit()
    broker.say(("kunren/big", "x" * 1001), ("kunren/full", "x" * 1000))
    came = world.visit()
    assert told(came) == [("error", "kunren/big"), ("new", "kunren/full")]
    (issue,) = issues(came)
    assert (issue.code, issue.severity) == ("too_large", "warning")
    assert told(world.visit()) == []


def test_retained_messages_come_once_and_are_marked(broker: Broker) -> None:
    world = World(the_feed(broker, envelope=True))
    broker.say(("kunren/a", "1"), retain=True)
    came = world.visit()
    assert told(came) == [("new", "kunren/a")]
    (issue,) = issues(came)
    assert (issue.code, issue.severity) == ("retained", "info")
    broker.say(("kunren/b", "2"), ("kunren/c", b"\xff"))
    assert issues(world.visit()) == []
    assert [mqtt_message.unpack(body) for body in world.said] == [
        Message("kunren/a", True, b"1"),
        Message("kunren/b", False, b"2"),
        Message("kunren/c", False, b"\xff"),
    ]


def test_an_empty_message_that_takes_a_retained_one_away_says_nothing(broker: Broker, world: World) -> None:
    broker.say(("kunren/a", ""), retain=True)
    assert told(world.visit()) == [("known", "kunren/a")]
    assert world.said == []


def test_topics_in_japanese_and_with_blanks(broker: Broker, world: World) -> None:
    broker.say(("kunren/訓練川 上流", "1"))
    (document,) = documents(world.visit())
    assert document.url.endswith("/kunren/%E8%A8%93%E7%B7%B4%E5%B7%9D%20%E4%B8%8A%E6%B5%81")
    assert "/" not in document.name


def test_a_broker_that_never_is_quiet_is_left_at_the_deadline(broker: Broker) -> None:
    world = World(the_feed(broker).model_copy(update={"deadline": 1}))
    world.visit()
    pulled = pull(world.feed, world.book, now=lambda: T0 + MINUTE)
    started = time.monotonic()
    broker.say(("kunren/0", "0"))
    count = 0
    for one in pulled:
        assert isinstance(one, Fetched)
        count += 1
        broker.say((f"kunren/{count}", str(count)))
        assert time.monotonic() - started < 8
    before = count
    assert before > 2
    assert len(told(world.visit())) >= 1  # what came after the deadline was not lost


# ── who may ──────────────────────────────────────────────────────────────────────────────────────────────


def test_only_a_host_that_the_feed_names(broker: Broker) -> None:
    with pytest.raises(FetchError) as caught:
        World(the_feed(broker, hosts=("other.example.org",))).visit()
    assert (caught.value.code, caught.value.transient) == ("refused_address", False)


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Broker]:
    """A broker that wants user and password, and lets the user read one branch only."""
    folder = tmp_path / "guarded"
    folder.mkdir()
    (folder / "passwords").touch(mode=0o600)
    subprocess.run(["mosquitto_passwd", "-b", folder / "passwords", "kunren", "right:word"], check=True)
    (folder / "rights").write_text("user kunren\ntopic readwrite kunren/#\n")
    (folder / "rights").chmod(0o600)
    lines = ("allow_anonymous false", f"password_file {folder}/passwords", f"acl_file {folder}/rights")
    with Broker(folder, lines).running() as one:
        yield one


def test_user_and_password_come_from_the_environment(guarded: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(the_feed(guarded))
    monkeypatch.setenv("BOUSAI_MQTT_KUNREN_MQTT", "kunren:right:word")
    assert issues(world.visit()) == []


@pytest.mark.parametrize(
    ("stated", "code"),
    [
        (None, "mqtt_refused"),
        ("kunren:wrong", "mqtt_refused"),
        ("s3cret", "bad_credentials"),
        (":s3cret", "bad_credentials"),
    ],
)
def test_who_may_not_is_told_so_without_the_password(
    guarded: Broker, monkeypatch: pytest.MonkeyPatch, stated: str | None, code: str
) -> None:
    world = World(the_feed(guarded))
    if stated is not None:
        monkeypatch.setenv("BOUSAI_MQTT_KUNREN_MQTT", stated)
    with pytest.raises(FetchError) as caught:
        world.visit()
    assert (caught.value.code, caught.value.transient) == (code, False)
    (receipt,) = world.book.receipts
    assert receipt.error_code == code
    for text in (caught.value.cause, caught.value.remedy, str(receipt), repr(caught.value)):
        assert "s3cret" not in text
        assert "wrong" not in text


def test_a_password_never_crosses_a_network_in_clear(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOUSAI_MQTT_KUNREN_MQTT", "kunren:s3cret")
    world = World(the_feed(broker, host="broker.example.org", hosts=("broker.example.org",)))
    with pytest.raises(FetchError) as caught:
        world.visit()
    assert caught.value.code == "bad_credentials"
    assert "s3cret" not in caught.value.cause


def a_certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for this machine and its key, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "kunren")])
    now = dt.datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "certificate.pem", folder / "key.pem"
    paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return paths


def test_tls_is_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "tls"
    folder.mkdir()
    certificate, key = a_certificate(folder)
    lines = ("allow_anonymous true", f"certfile {certificate}", f"keyfile {key}")
    with Broker(folder, lines).running() as one:
        world = World(the_feed(one, tls=True))
        with pytest.raises(FetchError) as caught:
            world.visit()
        assert caught.value.code == "tls"
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert told(world.visit()) == []
        assert world.book.receipts[-1].outcome == "not_modified"


@pytest.mark.parametrize("topic", ["", "a/#/b", "a+", "a/b#"])
def test_a_topic_that_is_no_filter_is_no_feed(broker: Broker, topic: str) -> None:
    with pytest.raises(ValueError, match="topic filter"):
        the_feed(broker, topics=(topic,))


# ── the whole way ────────────────────────────────────────────────────────────────────────────────────────

PROJECT = Path(__file__).resolve().parents[2]


def a_house(folder: Path, feed_id: str, feed: dict[str, Any]) -> Settings:
    """A store and an archive of their own, with one feed and the project's layers."""
    config, data = folder / "config", folder / "data"
    (config / "feeds").mkdir(parents=True)
    (config / "feeds" / f"{feed_id}.yml").write_text(yaml.safe_dump(feed), encoding="utf-8")
    shutil.copytree(PROJECT / "config" / "layers", config / "layers")
    shutil.copy(PROJECT / "config" / "release.yml", config)
    data.mkdir()
    settings = load({"BOUSAI_DATA": str(data), "BOUSAI_CONFIG": str(config)})
    pipeline.prepare(settings)
    return settings


@pytest.mark.e2e
def test_readings_go_from_the_broker_to_the_layer(broker: Broker, tmp_path: Path) -> None:
    """The shipped example, set to a broker that exists as its own text says."""
    feed = yaml.safe_load((PROJECT / "config" / "feeds" / "iot_sensor.yml").read_text(encoding="utf-8"))
    del feed["disabled"]
    feed["source"].update(host="127.0.0.1", port=broker.port, tls=False)
    feed["hosts"] = ["127.0.0.1"]
    settings = a_house(tmp_path, "my_town", feed)
    assert pipeline.fetch_feed("my_town", settings) == []
    samples = PROJECT / "tests" / "feeds" / "iot_sensor"
    flat = mqtt_message.unpack((samples / "flat.json").read_bytes())
    assert flat is not None
    later = flat.payload.replace(b'"0.80"', b"0.95").replace(b"T10:00", b"T10:10")
    old = flat.payload.replace(b'"0.80"', b"0.70").replace(b"T10:00", b"T09:50")
    broker.say(
        ("kunren/sensor/things", (samples / "things_batch.json").read_bytes()),
        ("kunren/sensor/k-01", flat.payload),
        ("kunren/sensor/k-01", later),
        ("kunren/sensor/k-01", old),  # a gateway that was cut off
        ("kunren/sensor/k-09", b"not JSON"),
    )
    counts = pipeline.ingest_documents("my_town", pipeline.fetch_feed("my_town", settings), settings)
    assert (counts["documents"], counts["stored"], counts["quarantined"]) == (5, 4, 1)
    written = {one["status"]: one for one in pipeline.publish_layers(["sensor_reading"], settings)}
    assert written["actual"]["features"] == 0
    shown = json.loads(Path(written["exercise"]["path"]).read_bytes())["features"]
    readings = {one["properties"]["id"]: one["properties"] for one in shown}
    assert {name: (one["value"], one["condition"], one["unit"]) for name, one in readings.items()} == {
        "iot_sensor/42": (1.23, "measured", "m"),
        "iot_sensor/77": (None, "text", None),
        "iot_sensor/k-01/rainfall": (0.0, "measured", "mm"),
        "iot_sensor/k-01/water_level": (0.95, "measured", "m"),
        "iot_sensor/rain-1": (None, "missing", "mm"),
    }
    assert readings["iot_sensor/k-01/water_level"]["observed_at"] == "2026-11-05T10:10:00+09:00"
    assert readings["iot_sensor/77"]["still_url"].startswith("https://camera.example.org/")
    then = pipeline.layer_geojson(
        "sensor_reading", settings, status="exercise", valid_at=datetime.fromisoformat("2026-11-05T09:55:00+09:00")
    )
    values = {one["properties"]["id"]: one["properties"]["value"] for one in json.loads(b"".join(then))["features"]}
    assert values["iot_sensor/k-01/water_level"] == 0.7


# ── killed ───────────────────────────────────────────────────────────────────────────────────────────────

_DIES = """
import os, signal, sys
from bousai import archive, pipeline, store
from bousai.fetch import mqtt

place, count = sys.argv[1], int(sys.argv[2])
room = {"put": archive, "record_document": store, "record_receipt": store}[place]
real, done = getattr(room, place), [0]

def dying(*args, **kwargs):
    result = real(*args, **kwargs)
    done[0] += 1
    if done[0] == count:
        os.kill(os.getpid(), signal.SIGKILL)
    return result

setattr(room, place, dying)
pipeline.fetch_feed("kunren_mqtt")
"""


@pytest.mark.e2e
@pytest.mark.parametrize(
    ("place", "count"), [("put", 1), ("put", 3), ("record_document", 2), ("record_receipt", 3), ("record_receipt", 6)]
)
def test_killed_at_any_point_nothing_is_lost_and_nothing_doubled(
    broker: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, count: int
) -> None:
    """SIGKILL after the n-th time that bytes were archived, a document noted, a receipt kept (the first is the
    broker's heartbeat)."""
    feed = the_feed(broker).model_dump(mode="json", exclude={"id"}, exclude_none=True)
    settings = a_house(tmp_path, "kunren_mqtt", feed)
    data = settings.data
    pipeline.fetch_feed("kunren_mqtt", settings)  # now the broker keeps a session for us
    said = [f'{{"v": {n}}}' for n in range(5)]
    broker.say(*[(f"kunren/{n % 2}", body) for n, body in enumerate(said)])
    environ = {
        **os.environ,
        "BOUSAI_DATA": str(data),
        "BOUSAI_CONFIG": str(settings.config),
        "BOUSAI_STORE": settings.store,
        "BOUSAI_ARCHIVE": settings.archive,
    }
    killed = subprocess.run([sys.executable, "-c", _DIES, place, str(count)], env=environ, capture_output=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    waiting = pipeline.fetch_feed("kunren_mqtt", settings)
    assert waiting == pipeline.fetch_feed("kunren_mqtt", settings)
    with pipeline.opened(settings) as house:
        held = store.documents(house.store, "kunren_mqtt")
    bodies = [(data / "archive" / one.raw.sha256[:2] / one.raw.sha256).read_text() for one in held]
    assert sorted(bodies) == sorted(said)
    assert len(waiting) == len(said)
