"""Messages and what is in force, on an MQTT 5 broker (OASIS MQTT Version 5.0, 2019-03-07).

A message goes once to ``<topic>/messages/<identifier>``. What is in force stays at the broker (retained) for whoever
comes later, on ``<topic>/state/<code5>/<rule>/<subject>``, and goes when the message is over: an empty message takes
it away, and the broker does so itself at `expires` should we be gone by then.
"""

from __future__ import annotations

import json
import math
import re
import socket
import ssl
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from bousai import brokers
from bousai.deliver.deadline import Deadline
from bousai.deliver.parcel import Parcel, told_in_json
from bousai.errors import DeliveryError
from bousai.model import MqttChannel

SECONDS = 15.0
"""From the connection to the last acknowledgement."""
_AT_ONCE = 20  # messages under way before the first is acknowledged, or fewer where the broker says so
_LONGEST = 0xFFFFFFFF
_BUSY = (0x88, 0x89, 0x8B, 0x97, 0x9F)  # unavailable, busy, shutting down, quota exceeded, connection rate exceeded


@dataclass(frozen=True, slots=True)
class _Post:
    """One PUBLISH. `seconds` until it expires, None: never."""

    topic: str
    payload: bytes
    content_type: str
    retain: bool = False
    seconds: int | None = None


@dataclass(slots=True)
class _Heard:
    """What the broker has said."""

    connected: ReasonCode | None = None
    window: int = _AT_ONCE
    under_way: set[int] = field(default_factory=set)
    refused: ReasonCode | None = None
    over: bool = False
    farewell: ReasonCode | None = None


def send(subscriber: str, channel: MqttChannel, parcel: Parcel, *, environ: Mapping[str, str], now: datetime) -> None:
    """Publish at QoS 1; back when the broker has acknowledged everything.

    Raises `DeliveryError`: ``bad_credentials``, ``mqtt_refused``, and transient ``mqtt_busy``, ``deadline``,
    ``connection``, ``tls``. What the broker had acknowledged before is the same when it is published again.
    """
    state = _Heard()
    with Deadline(SECONDS) as deadline:
        connection = _connection(subscriber, channel, environ, state, deadline)
        try:
            _connect(connection, subscriber, channel, state, deadline)
            waiting = deque(_posts(channel.topic, parcel, now))
            while waiting or state.under_way:
                while waiting and len(state.under_way) < state.window:
                    _publish(connection, state, waiting.popleft(), parcel.status)
                _turn(connection, subscriber, channel, state, deadline)
                if state.refused is not None:
                    raise _denied(subscriber, channel, "a message", state.refused)
        finally:
            connection.disconnect()


def _posts(topic: str, parcel: Parcel, now: datetime) -> list[_Post]:
    """The message itself first, then what it changes of what is in force."""
    left = math.ceil((parcel.expires - now).total_seconds())
    seconds = min(max(left, 1), _LONGEST)
    summary = json.dumps(told_in_json(parcel), ensure_ascii=False).encode()
    posts = [
        _Post(f"{topic}/messages/{_level(parcel.identifier)}", parcel.cap, "application/cap+xml", seconds=seconds)
    ]
    # a message that comes late is still told, but is not in force any more
    holding = () if parcel.ended or left <= 0 else parcel.munis
    for code in dict.fromkeys((*parcel.munis, *parcel.left)):
        place = f"{topic}/state/{_level(code)}/{_level(parcel.rule)}/{_level(parcel.subject)}"
        if code in holding:
            posts.append(_Post(place, summary, "application/json", retain=True, seconds=seconds))
        else:
            posts.append(_Post(place, b"", "application/json", retain=True))
    return posts


def _level(name: str) -> str:
    """A name as one level of a topic: no separator, wildcard or control character in it (section 4.7)."""
    return re.sub(r"[/+#\x00-\x1f\x7f-\x9f]", "_", name)


def _publish(connection: Client, state: _Heard, post: _Post, status: str) -> None:
    properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
    properties.ContentType = post.content_type
    properties.UserProperty = [("status", status)]
    if post.seconds is not None:
        properties.MessageExpiryInterval = post.seconds
    info = connection.publish(post.topic, post.payload, qos=1, retain=post.retain, properties=properties)
    state.under_way.add(info.mid)


# ── the connection ───────────────────────────────────────────────────────────────────────────────────────


class _Client(Client):
    """A connection that a `Deadline` can end, the handshake included."""

    deadline: Deadline

    def _create_socket_connection(self) -> socket.socket:
        sock = super()._create_socket_connection()
        try:
            self.deadline.over(sock)
        except OSError:
            sock.close()
            raise
        return sock


def _connection(
    subscriber: str, channel: MqttChannel, environ: Mapping[str, str], state: _Heard, deadline: Deadline
) -> Client:
    # no client id: the broker gives one, and two deliveries at a time do not push each other out
    connection = _Client(CallbackAPIVersion.VERSION2, client_id="", protocol=MQTTProtocolVersion.MQTTv5)
    connection.deadline = deadline
    connection.connect_timeout = deadline.left
    if channel.tls:
        connection.tls_set_context(brokers.tls_context())
    _identify(connection, subscriber, channel, environ)

    def on_connect(_c: Client, _u: object, _f: object, reason: ReasonCode, properties: Properties | None) -> None:
        state.connected = reason
        state.window = min(_AT_ONCE, getattr(properties, "ReceiveMaximum", _AT_ONCE))

    def on_publish(_c: Client, _u: object, mid: int, reason: ReasonCode, _p: object) -> None:
        state.under_way.discard(mid)
        if reason.is_failure:
            state.refused = reason

    def on_disconnect(_c: Client, _u: object, flags: object, reason: ReasonCode, _p: object) -> None:
        state.over = True
        state.farewell = reason if getattr(flags, "is_disconnect_packet_from_server", False) else None

    connection.on_connect, connection.on_publish = on_connect, on_publish
    connection.on_disconnect = on_disconnect
    return connection


def _identify(connection: Client, subscriber: str, channel: MqttChannel, environ: Mapping[str, str]) -> None:
    """User and password; they stand in no error."""
    name = f"BOUSAI_MQTT_{subscriber.upper()}"
    stated = environ.get(name)
    if stated is None:
        return
    user, colon, password = stated.partition(":")
    if not colon or not user:
        raise DeliveryError(
            f"{subscriber}: {name} is not user:password",
            code="bad_credentials",
            remedy=f"set {name}",
            transient=False,
        )
    if not channel.tls and channel.host not in brokers.LOOPBACK:
        raise DeliveryError(
            f"{subscriber}: refused: the password in {name} would cross the network in clear",
            code="bad_credentials",
            remedy="nothing was sent; set tls of the subscription, or take the password away",
            transient=False,
        )
    connection.username_pw_set(user, password)


def _connect(connection: Client, subscriber: str, channel: MqttChannel, state: _Heard, deadline: Deadline) -> None:
    try:
        connection.connect(channel.host, channel.port, math.ceil(SECONDS), clean_start=True)
    except ssl.SSLError as error:
        if deadline.expired:
            raise _late(subscriber, channel, deadline) from error
        why = getattr(error, "verify_message", "") or error.reason or str(error)
        raise DeliveryError(
            f"{subscriber}: {channel.host}: {why}",
            code="tls",
            remedy="the broker's certificate or this machine's clock is wrong; never switch the check off",
            transient=True,
        ) from error
    except (OSError, UnicodeError) as error:
        if deadline.expired or isinstance(error, TimeoutError):
            raise _late(subscriber, channel, deadline) from error
        raise _broken(subscriber, channel, getattr(error, "strerror", None) or str(error)) from error
    while state.connected is None:
        _turn(connection, subscriber, channel, state, deadline)
    if state.connected.is_failure:
        raise _denied(subscriber, channel, "the connection", state.connected)


def _turn(connection: Client, subscriber: str, channel: MqttChannel, state: _Heard, deadline: Deadline) -> None:
    """Let the network do what it has to do. Raises `DeliveryError` where the connection or the time is over."""
    result = connection.loop(min(0.1, deadline.left))
    try:
        deadline.check()
    except TimeoutError:
        raise _late(subscriber, channel, deadline) from None
    if state.over or result != MQTTErrorCode.MQTT_ERR_SUCCESS:
        if state.connected is not None and state.connected.is_failure:
            raise _denied(subscriber, channel, "the connection", state.connected)
        if state.farewell is not None:
            raise _denied(subscriber, channel, "a message", state.farewell)
        raise _broken(subscriber, channel, "the connection broke")


# ── failures ─────────────────────────────────────────────────────────────────────────────────────────────


def _late(subscriber: str, channel: MqttChannel, deadline: Deadline) -> DeliveryError:
    return DeliveryError(
        f"{subscriber}: {channel.host} has not acknowledged everything within {deadline.seconds:g} s",
        code="deadline",
        remedy="it is tried again; check the line to the broker",
        transient=True,
    )


def _broken(subscriber: str, channel: MqttChannel, why: str) -> DeliveryError:
    return DeliveryError(
        f"{subscriber}: {channel.host}: {' '.join(why.split())[:200]}",
        code="connection",
        remedy="it is tried again; check the network, then the broker",
        transient=True,
    )


def _denied(subscriber: str, channel: MqttChannel, what: str, reason: ReasonCode) -> DeliveryError:
    busy = reason.value in _BUSY
    return DeliveryError(
        f"{subscriber}: {channel.host} refuses {what}: {reason}",
        code="mqtt_busy" if busy else "mqtt_refused",
        remedy="it is tried again"
        if busy
        else "check user, password and topic with the broker's operator; size and retained messages may be limited",
        transient=busy,
    )
