"""What a real broker has after a message: for those who listen, and for those who come later."""

from __future__ import annotations

import json
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from bousai.deliver import mqtt
from bousai.model import Subscription
from tests.deliver.parcels import CAP, NOW, Authority, a_parcel, a_subscription, failure, give
from tests.fetch import broker as broker_module
from tests.fetch.broker import Broker, free_port

STATE = "bousai/state/{}/weather_warning/大雨_土砂"
WAJIMA, SUZU, NOTO = (STATE.format(code) for code in ("17204", "17205", "17463"))


@pytest.fixture(autouse=True)
def _needs_a_broker() -> None:
    broker_module.required()


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    (tmp_path / "broker").mkdir()
    with Broker(tmp_path / "broker").running() as one:
        yield one


def to(port: int, *, exercise: bool = False, **more: Any) -> Subscription:
    channel = {"type": "mqtt", "host": "127.0.0.1", "port": port, "tls": False, "topic": "bousai"}
    return a_subscription({**channel, **more}, exercise=exercise)


class Listener:
    """Subscribes to everything; `came` in order."""

    def __init__(self, port: int) -> None:
        self.came: list[MQTTMessage] = []
        ready = threading.Event()
        self._client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
        self._client.on_message = lambda _client, _data, message: self.came.append(message)
        self._client.on_subscribe = lambda *_: ready.set()
        self._client.connect("127.0.0.1", port)
        self._client.subscribe("#", qos=1)
        self._client.loop_start()
        assert ready.wait(5)

    def wait(self, count: int) -> list[MQTTMessage]:
        end = time.monotonic() + 5
        while len(self.came) < count and time.monotonic() < end:
            time.sleep(0.02)
        time.sleep(0.1)  # one too many would come now
        return self.came

    def all_before(self, mark: str) -> list[MQTTMessage]:
        """What came before a message of our own, which a broker sends after what it had to tell at once."""
        self._client.publish(mark, qos=1)
        end = time.monotonic() + 30
        while not any(message.topic == mark for message in self.came):
            assert time.monotonic() < end, f"{len(self.came)} messages and no end after 30 s"
            time.sleep(0.02)
        return self.came[: [message.topic for message in self.came].index(mark)]

    def __enter__(self) -> Listener:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()


def kept(broker: Broker) -> dict[str, bytes]:
    """What somebody who comes now is told."""
    with Listener(broker.port) as late:
        came = late.all_before("kept/end")
    assert all(message.retain for message in came)
    return {message.topic: message.payload for message in came}


# ── the message and what is in force ─────────────────────────────────────────────────────────────────────


def test_the_message_and_the_state_arrive(broker: Broker) -> None:
    with Listener(broker.port) as listener:
        give(to(broker.port))
        message, *states = listener.wait(3)
    assert message.topic == "bousai/messages/urn:bousai:1"
    assert (message.payload, message.qos) == (CAP, 1)
    assert [state.topic for state in states] == [WAJIMA, SUZU]
    for one, content_type in ((message, "application/cap+xml"), (states[0], "application/json")):
        assert one.properties is not None
        assert one.properties.ContentType == content_type
        assert one.properties.UserProperty == [("status", "actual")]
        assert 3590 <= one.properties.MessageExpiryInterval <= 3600
    assert json.loads(states[0].payload) == {
        "msg_type": "Alert",
        "severity": "Moderate",
        "headline": "大雨警報（土砂災害）",
        "identifier": "urn:bousai:1",
        "status": "actual",
    }


def test_who_comes_later_sees_what_is_in_force_and_not_the_message(broker: Broker) -> None:
    give(to(broker.port))
    assert list(kept(broker)) == [WAJIMA, SUZU]


def test_what_a_municipality_has_left_is_cleared_there_alone(broker: Broker) -> None:
    give(to(broker.port))
    give(to(broker.port), a_parcel(identifier="urn:bousai:2", munis=("17204", "17463"), left=("17205",)))
    told = kept(broker)
    assert set(told) == {WAJIMA, NOTO}
    assert json.loads(told[WAJIMA])["identifier"] == "urn:bousai:2"


def test_the_end_clears_everything_and_is_told(broker: Broker) -> None:
    give(to(broker.port))
    give(to(broker.port), a_parcel(subject="洪水"))
    with Listener(broker.port) as listener:
        listener.wait(4)
        listener.came.clear()
        end = a_parcel(identifier="urn:bousai:2", ended=True, munis=("17204",), left=("17205",))
        give(to(broker.port), end)
        came = listener.wait(3)
    assert [(one.topic, one.payload) for one in came] == [
        ("bousai/messages/urn:bousai:2", CAP),
        (WAJIMA, b""),
        (SUZU, b""),
    ]
    assert {topic.rpartition("/")[2] for topic in kept(broker)} == {"洪水"}  # the other chain goes on


def test_the_same_again_changes_nothing(broker: Broker) -> None:
    give(to(broker.port))
    before = kept(broker)
    give(to(broker.port))
    assert kept(broker) == before


def test_a_message_that_has_expired_is_told_and_not_in_force(broker: Broker) -> None:
    give(to(broker.port))
    with Listener(broker.port) as listener:
        listener.wait(2)
        listener.came.clear()
        give(to(broker.port), a_parcel(expires=NOW - timedelta(seconds=1)))
        assert listener.wait(3)[0].topic == "bousai/messages/urn:bousai:1"
    assert kept(broker) == {}


def test_the_broker_forgets_the_state_when_the_message_expires(broker: Broker) -> None:
    give(to(broker.port), a_parcel(expires=NOW + timedelta(seconds=4)))
    assert set(kept(broker)) == {WAJIMA, SUZU}
    time.sleep(5)
    assert kept(broker) == {}


def test_an_exercise_says_so_on_every_message(broker: Broker) -> None:
    with Listener(broker.port) as listener:
        give(to(broker.port, exercise=True, topic="kunren"), a_parcel(status="exercise", left=("17463",)))
        came = listener.wait(4)
    assert len(came) == 4
    for one in came:
        assert one.topic.startswith("kunren/")
        assert one.properties is not None
        assert one.properties.UserProperty == [("status", "exercise")]
    assert json.loads(came[1].payload)["status"] == "exercise"


def test_names_cannot_leave_their_level(broker: Broker) -> None:
    parcel = a_parcel(identifier="urn/1+#", rule="a/b", subject="x/+/#\0\n", munis=("17204",))
    with Listener(broker.port) as listener:
        give(to(broker.port), parcel)
        came = listener.wait(2)
    assert [one.topic for one in came] == ["bousai/messages/urn_1__", "bousai/state/17204/a_b/x______"]


def test_a_whole_country(tmp_path: Path) -> None:
    folder = tmp_path / "wide"
    folder.mkdir()
    lines = ("allow_anonymous true", "max_queued_messages 0")  # or late comers get no more than 1000 of them
    with Broker(folder, lines).running() as wide:
        give(to(wide.port), a_parcel(munis=tuple(f"{number:05}" for number in range(1, 1901))))
        assert len(kept(wide)) == 1900


def test_no_more_under_way_than_the_broker_takes(tmp_path: Path) -> None:
    folder = tmp_path / "narrow"
    folder.mkdir()
    lines = ("allow_anonymous true", "max_inflight_messages 2")
    with Broker(folder, lines).running() as narrow:
        give(to(narrow.port), a_parcel(munis=tuple(f"{number:05}" for number in range(50))))
        assert len(kept(narrow)) == 50


# ── failures ─────────────────────────────────────────────────────────────────────────────────────────────


def test_a_broker_that_is_down() -> None:
    error = failure(to(free_port()))
    assert (error.code, error.transient) == ("connection", True)


CONNACK = b"\x20\x03\x00\x00\x00"


@pytest.mark.parametrize(
    ("said", "code", "transient"),
    [
        ([b"\x20\x03\x00\x89\x00"], "mqtt_busy", True),
        ([b"\x20\x03\x00\x87\x00"], "mqtt_refused", False),
        ([CONNACK, b"\x40\x03\x00\x01\x97"], "mqtt_busy", True),  # PUBACK: quota exceeded
        ([CONNACK, b"\x40\x03\x00\x01\x87"], "mqtt_refused", False),  # PUBACK: not authorized
        ([CONNACK, b"\xe0\x01\x95"], "mqtt_refused", False),  # DISCONNECT: packet too large
        ([CONNACK, b"\xe0\x01\x8b"], "mqtt_busy", True),  # DISCONNECT: shutting down
        ([CONNACK, b"\x40\x03\x00\x01\x10"], "deadline", True),  # acknowledged, the other two not
        ([CONNACK], "deadline", True),
        ([b"HTTP/1.1 400 Bad Request\r\n\r\n"], "deadline", True),
        ([], "deadline", True),
    ],
)
def test_what_other_brokers_say(
    said: list[bytes], code: str, transient: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A broker of a few bytes: each is said when something has come from us."""

    def serve() -> None:
        peer, _ = server.accept()
        with peer:
            for one in said:
                peer.recv(10000)
                peer.sendall(one)
            over.wait(10)

    monkeypatch.setattr(mqtt, "SECONDS", 0.6)
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            error = failure(to(server.getsockname()[1]))
        finally:
            over.set()
            thread.join()
    assert (error.code, error.transient) == (code, transient), error.cause


def test_a_broker_that_goes_away(monkeypatch: pytest.MonkeyPatch) -> None:
    def serve() -> None:
        peer, _ = server.accept()
        with peer:
            peer.recv(10000)
            peer.sendall(CONNACK)

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve)
        thread.start()
        error = failure(to(server.getsockname()[1]))
        thread.join()
    assert (error.code, error.transient) == ("connection", True)


@pytest.mark.parametrize("tls", [True, False])
def test_silence_ends_at_the_deadline(tls: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mqtt, "SECONDS", 0.5)
    started = time.monotonic()
    with socket.create_server(("127.0.0.1", 0)) as server:
        error = failure(to(server.getsockname()[1], tls=tls))
    assert (error.code, error.transient) == ("deadline", True)
    assert time.monotonic() - started < 2


# ── who may ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Broker]:
    """A broker that wants user and password, and lets the user write messages and no state."""
    folder = tmp_path / "guarded"
    folder.mkdir()
    (folder / "passwords").touch(mode=0o600)
    subprocess.run(["mosquitto_passwd", "-b", folder / "passwords", "wajima", "right:s3cret"], check=True)
    (folder / "rights").write_text("user wajima\ntopic readwrite bousai/messages/#\n")
    (folder / "rights").chmod(0o600)
    lines = ("allow_anonymous false", f"password_file {folder}/passwords", f"acl_file {folder}/rights")
    with Broker(folder, lines).running() as one:
        yield one


@pytest.mark.parametrize(
    ("stated", "code"),
    [
        (None, "mqtt_refused"),
        ("wajima:s3cret", "mqtt_refused"),
        ("s3cret", "bad_credentials"),
        (":s3cret", "bad_credentials"),
    ],
)
def test_who_may_not_is_told_so_without_the_password(guarded: Broker, stated: str | None, code: str) -> None:
    environ = {} if stated is None else {"BOUSAI_MQTT_WAJIMA": stated}
    error = failure(to(guarded.port), **environ)
    assert (error.code, error.transient) == (code, False)


def test_user_and_password_come_from_the_environment(guarded: Broker) -> None:
    give(to(guarded.port), a_parcel(munis=()), BOUSAI_MQTT_WAJIMA="wajima:right:s3cret")


def test_a_topic_that_one_may_not_write(guarded: Broker) -> None:
    error = failure(to(guarded.port), BOUSAI_MQTT_WAJIMA="wajima:right:s3cret")
    assert (error.code, error.transient) == ("mqtt_refused", False)
    assert "topic" in error.remedy


def test_a_password_never_crosses_a_network_in_clear() -> None:
    error = failure(to(1883, host="broker.example.org"), BOUSAI_MQTT_WAJIMA="wajima:s3cret")
    assert (error.code, error.transient) == ("bad_credentials", False)
    assert "clear" in error.cause


@pytest.mark.parametrize(("name", "code"), [("127.0.0.1", None), ("broker.example.org", "tls")])
def test_tls_is_checked(tmp_path: Path, authority: Authority, name: str, code: str | None) -> None:
    folder = tmp_path / "tls"
    folder.mkdir()
    certificate, key = authority.certificate([name])
    lines = ("allow_anonymous true", f"certfile {certificate}", f"keyfile {key}")
    with Broker(folder, lines).running() as one:
        if code is None:
            give(to(one.port, tls=True), BOUSAI_MQTT_WAJIMA="wajima:s3cret")
        else:
            error = failure(to(one.port, tls=True))
            assert (error.code, error.transient) == (code, True)


def test_tls_is_the_default() -> None:
    channel = to(1883).channel.model_dump()
    del channel["tls"], channel["port"]
    again = a_subscription(channel)
    assert (again.channel.model_dump()["tls"], again.channel.model_dump()["port"]) == (True, 8883)
