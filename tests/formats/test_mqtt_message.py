"""A message and its document are the same thing."""

from __future__ import annotations

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bousai.formats import mqtt_message
from bousai.formats.mqtt_message import Message


def test_the_examples_of_the_manual_hold() -> None:
    result = doctest.testmod(mqtt_message)
    assert result.attempted > 1
    assert result.failed == 0


@given(st.text(), st.booleans(), st.one_of(st.binary(), st.text().map(str.encode)))
def test_packed_and_unpacked_it_is_what_it_was(topic: str, retained: bool, payload: bytes) -> None:
    message = Message(topic, retained, payload)
    assert mqtt_message.unpack(mqtt_message.pack(message)) == message


def test_the_same_payload_of_two_sensors_is_two_documents() -> None:
    packed = {mqtt_message.pack(Message(topic, False, b"0.0")) for topic in ("kunren/1", "kunren/2")}
    assert len(packed) == 2


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"0.5",
        b"[]",
        b'{"topic": "a"}',
        b'{"topic": "a", "retained": false}',
        b'{"topic": "a", "retained": false, "payload": {"v": 1}}',
        b'{"topic": "a", "retained": false, "payload": "1", "payload_base64": "MQ=="}',
        b'{"topic": "a", "retained": false, "payload_base64": "%"}',
        b'{"topic": "a", "retained": false, "payload": "1", "more": 1}',
    ],
)
def test_other_documents_are_no_messages(body: bytes) -> None:
    assert mqtt_message.unpack(body) is None
