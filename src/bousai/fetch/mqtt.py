"""An MQTT 5 broker: what was published since the last visit, each message acknowledged only when it is archived.

The broker keeps our session between visits (clean start off, session expiry `keep`) and with it every message of
QoS 1 that nobody has acknowledged. A message is acknowledged when whoever pulls asks for the next one: then the
corridor has archived it. Killed before that, it is delivered again, and its bytes are known by then or they are not;
nothing is lost and nothing counts twice.

What cannot be known here: what the broker itself threw away because its own queue was full, and messages of QoS 0
that were published while we were not connected. A session that the broker has lost is told as an issue.

No maximum packet size is announced: a broker drops what is larger without a word. Larger messages than `max_bytes`
come, are refused with an issue, and are acknowledged, or they would stand before all others for ever.
"""

from __future__ import annotations

import os
import select
import ssl
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from urllib.parse import quote

from paho.mqtt.client import Client as Connection
from paho.mqtt.client import MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from bousai import brokers
from bousai.catalogue import MqttSource
from bousai.errors import FetchError
from bousai.fetch.visit import Fetched, Visit, failure
from bousai.formats import mqtt_message
from bousai.formats.mqtt_message import Message
from bousai.model import Issue, RawDocument, Receipt

QUIET = 2.0
"""Seconds without a message after which a visit is over."""
_CONNECT_SECONDS = 10.0
_KEEPALIVE = 60
_AT_ONCE = 32  # messages that the broker may send before the first is acknowledged: what a visit holds in memory
_BUSY = (0x88, 0x89, 0x97, 0x9F)  # server unavailable, server busy, quota exceeded, connection rate exceeded
_TAKEN_OVER = 0x8E


@dataclass(slots=True)
class _Heard:
    """What the broker has said."""

    messages: deque[MQTTMessage] = field(default_factory=deque)
    connected: ReasonCode | None = None
    session_present: bool = False
    subscribed: list[ReasonCode] | None = None
    over: bool = False
    farewell: ReasonCode | None = None


def heard(visit: Visit, source: MqttSource) -> Iterator[Fetched | Issue]:
    """The messages that wait, until none comes for `QUIET` seconds or the feed's deadline.

    Raises `FetchError`: ``refused_address``, ``bad_credentials``, ``connection``, ``tls``, ``deadline``,
    ``mqtt_busy``, ``mqtt_refused``, ``session_taken``.
    """
    broker = f"mqtt://{source.host}" + ("" if source.port == _default_port(source) else f":{source.port}")
    before = visit.ledger.last_good(broker, visit.feed.id)
    at, started = visit.now(), time.monotonic()
    end = started + visit.feed.deadline
    state = _Heard()
    connection = None
    try:
        try:
            connection = _connection(visit, source, state)
            _connect(connection, source, broker, state, end)
        except FetchError as error:
            yield failure(visit.feed.id, broker, at, time.monotonic() - started, error)
            raise
        yield Fetched(Receipt(visit.feed.id, broker, at, time.monotonic() - started, "not_modified"))
        if before is not None and not state.session_present:
            yield _session_lost(broker, before)
        kept: list[str] = []
        try:
            for message in _messages(connection, broker, state, end):
                yield from _came(visit, source, broker, message)
                _listen(connection, broker, state)
                connection.ack(message.mid, message.qos)
                if message.retain:
                    kept.append(message.topic)
        except FetchError as error:
            yield failure(visit.feed.id, broker, visit.now(), time.monotonic() - started, error)
            raise
        if kept:
            yield _retained(broker, kept)
    finally:
        if connection is not None:
            connection.disconnect()  # in order, after the last acknowledgement; the session stays at the broker


def _default_port(source: MqttSource) -> int:
    return 8883 if source.tls else 1883


# ── the connection ───────────────────────────────────────────────────────────────────────────────────────


def _connection(visit: Visit, source: MqttSource, state: _Heard) -> Connection:
    if source.host not in visit.feed.hosts:
        raise FetchError(
            f"{source.host}: refused: it is not among the hosts of the feed",
            code="refused_address",
            remedy="nothing was asked; name the broker in hosts of the feed, too",
            transient=False,
        )
    connection = Connection(
        CallbackAPIVersion.VERSION2,
        client_id=source.client_id,
        protocol=MQTTProtocolVersion.MQTTv5,
        manual_ack=True,
    )
    connection.connect_timeout = _CONNECT_SECONDS
    if source.tls:
        connection.tls_set_context(brokers.tls_context())
    _identify(connection, visit.feed.id, source)

    def on_connect(client: Connection, _u: object, flags: object, reason: ReasonCode, _p: object) -> None:
        state.connected, state.session_present = reason, bool(getattr(flags, "session_present", False))
        if not reason.is_failure:
            # What the broker keeps of a topic comes with the first subscription, not again at every visit.
            options = SubscribeOptions(qos=1, retainHandling=SubscribeOptions.RETAIN_SEND_IF_NEW_SUB)
            client.subscribe([(topic, options) for topic in source.topics])

    def on_subscribe(_c: Connection, _u: object, _m: int, reasons: list[ReasonCode], _p: object) -> None:
        state.subscribed = reasons

    def on_message(_c: Connection, _u: object, message: MQTTMessage) -> None:
        state.messages.append(message)

    def on_disconnect(_c: Connection, _u: object, flags: object, reason: ReasonCode, _p: object) -> None:
        state.over = True
        state.farewell = reason if getattr(flags, "is_disconnect_packet_from_server", False) else None

    connection.on_connect, connection.on_subscribe = on_connect, on_subscribe
    connection.on_message, connection.on_disconnect = on_message, on_disconnect
    return connection


def _identify(connection: Connection, feed_id: str, source: MqttSource) -> None:
    """User and password from the environment; they stand in no message, receipt or log."""
    name = f"BOUSAI_MQTT_{feed_id.upper()}"
    stated = os.environ.get(name)
    if stated is None:
        return
    user, colon, password = stated.partition(":")
    if not colon or not user:
        raise FetchError(
            f"{name} is not user:password", code="bad_credentials", remedy=f"set {name}", transient=False
        )
    if not source.tls and source.host not in brokers.LOOPBACK:
        raise FetchError(
            f"{source.host}: refused: the password in {name} would cross the network in clear",
            code="bad_credentials",
            remedy="set tls of the feed, or take the password away",
            transient=False,
        )
    connection.username_pw_set(user, password)


def _connect(connection: Connection, source: MqttSource, broker: str, state: _Heard, end: float) -> None:
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    properties.SessionExpiryInterval = source.keep
    properties.ReceiveMaximum = _AT_ONCE
    try:
        connection.connect(source.host, source.port, _KEEPALIVE, clean_start=False, properties=properties)
    except ssl.SSLError as error:
        why = getattr(error, "verify_message", "") or error.reason or str(error)
        remedy = "check this machine's clock and certificates (SSL_CERT_FILE); never switch the check off"
        raise FetchError(f"{broker}: {why}", code="tls", remedy=remedy) from error
    except OSError as error:
        raise _broken(broker, error.strerror or str(error)) from error
    while state.subscribed is None:
        if state.connected is not None and state.connected.is_failure:
            raise _denied(broker, "the connection", state.connected)
        if time.monotonic() > end:
            raise FetchError(f"{broker}: no answer in time", code="deadline", remedy="it is asked again")
        _turn(connection, broker, state)
    for topic, reason in zip(source.topics, state.subscribed, strict=True):
        if reason.is_failure:
            raise _denied(broker, f"the topic {topic}", reason)


def _turn(connection: Connection, broker: str, state: _Heard, seconds: float = 0.1) -> None:
    """Let the network do what it has to do. Raises `FetchError` where the connection is over."""
    result = connection.loop(seconds)
    if state.over or result != MQTTErrorCode.MQTT_ERR_SUCCESS:
        if state.connected is not None and state.connected.is_failure:
            raise _denied(broker, "the connection", state.connected)
        if state.farewell is not None and state.farewell.value == _TAKEN_OVER:
            raise FetchError(
                f"{broker}: another program connected under our client_id and took the session over",
                code="session_taken",
                remedy="give every installation a client_id of its own",
                transient=False,
            )
        raise _broken(broker, "the connection broke" if state.farewell is None else str(state.farewell))


def _listen(connection: Connection, broker: str, state: _Heard) -> None:
    """Take what has come already: a word of farewell is lost when one writes into a connection that is over."""
    for _ in range(2 * _AT_ONCE):
        sock = connection.socket()
        if sock is None or not select.select([sock], [], [], 0)[0]:
            return
        _turn(connection, broker, state, 0.0)


def _broken(broker: str, why: str) -> FetchError:
    return FetchError(
        f"{broker}: {' '.join(why.split())[:300]}",
        code="connection",
        remedy="check the network, then the broker, then whether another installation has our client_id;"
        " what the broker keeps for us comes later",
    )


def _denied(broker: str, what: str, reason: ReasonCode) -> FetchError:
    busy = reason.value in _BUSY
    return FetchError(
        f"{broker}: the broker refuses {what}: {reason}",
        code="mqtt_busy" if busy else "mqtt_refused",
        remedy="it is asked again"
        if busy
        else "check user, password, client_id and topics with the broker's operator",
        transient=busy,
    )


# ── messages ─────────────────────────────────────────────────────────────────────────────────────────────


def _messages(connection: Connection, broker: str, state: _Heard, end: float) -> Iterator[MQTTMessage]:
    """One after the other. What is not given out any more comes again: it was not acknowledged."""
    quiet_at = time.monotonic() + QUIET
    while time.monotonic() < end:
        if state.messages and not state.over:
            yield state.messages.popleft()
            quiet_at = time.monotonic() + QUIET
        elif time.monotonic() > quiet_at:
            return
        else:
            _turn(connection, broker, state)


def _came(visit: Visit, source: MqttSource, broker: str, message: MQTTMessage) -> Iterator[Fetched | Issue]:
    feed, url, at = visit.feed, f"{broker}/{quote(message.topic)}", visit.now()
    size = len(message.payload)
    if size > feed.max_bytes:
        error = FetchError(
            f"{url}: a message of {size} bytes, more than {feed.max_bytes}",
            code="too_large",
            remedy="if it is right, raise max_bytes of the feed; this message is lost",
            transient=False,
        )
        yield failure(feed.id, url, at, 0.0, error, size)
        yield Issue(error.code, error.cause, error.remedy, "warning", url)
        return
    body = bytes(message.payload)
    if source.envelope and size:
        body = mqtt_message.pack(Message(message.topic, message.retain, body))
    digest = sha256(body).hexdigest()
    before = visit.ledger.last_good(url, feed.id)
    # An empty message takes a retained one away: it says nothing itself.
    known = not size or (before is not None and before.sha256 == digest)
    receipt = Receipt(feed.id, url, at, 0.0, "known" if known else "new", size=len(body), sha256=digest)
    if known:
        yield Fetched(receipt)
    else:
        name = quote(message.topic, safe="")
        yield Fetched(receipt, body, RawDocument(digest, feed.id, url, name, at, len(body)))


def _session_lost(broker: str, before: Receipt) -> Issue:
    return Issue(
        "session_lost",
        f"{broker}: the broker no longer had our session: what was published after"
        f" {before.requested_at.isoformat(timespec='seconds')} may be missing",
        "let the broker keep sessions on disk, and raise keep of the feed above the longest outage",
        "warning",
        broker,
    )


def _retained(broker: str, topics: list[str]) -> Issue:
    return Issue(
        "retained",
        f"{broker}: {len(topics)} messages had been kept by the broker since before we subscribed"
        f" (the first: {topics[0]}): how old they are, only they say themselves",
        "none needed",
        "info",
        broker,
    )
