"""One MQTT message as a document: topic, retain flag and payload together, for payloads that name no sensor.

``{"topic": "kunren/river/01", "retained": false, "payload": "…"}``: `payload` is the text as it came; where it was no
UTF-8, `payload_base64` stands in its place. Documents are known by their bytes, so without the topic two sensors that
say the same at the same time would be one document. `retained` says that the broker had kept the message since before
we subscribed: how old it is, only it says itself.
"""

from __future__ import annotations

import base64
import binascii
from typing import NamedTuple

import msgspec


class Message(NamedTuple):
    """What was published, and where."""

    topic: str
    retained: bool
    payload: bytes


class _Written(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    topic: str
    retained: bool = msgspec.field()
    payload: str | None = None
    payload_base64: str | None = None


def pack(message: Message) -> bytes:
    """The message as a document.

    >>> pack(Message("kunren/1", False, b'{"v": 1}'))
    b'{"topic":"kunren/1","retained":false,"payload":"{\\\\"v\\\\": 1}"}'
    """
    try:
        written = _Written(message.topic, message.retained, payload=message.payload.decode("utf-8"))
    except UnicodeDecodeError:
        packed = base64.b64encode(message.payload).decode()
        written = _Written(message.topic, message.retained, payload_base64=packed)
    return msgspec.json.encode(written)


def unpack(body: bytes) -> Message | None:
    """The message in a document that `pack` has written; None for any other document.

    >>> unpack(pack(Message("kunren/1", True, b"\\xff"))), unpack(b'{"v": 1}')
    (Message(topic='kunren/1', retained=True, payload=b'\\xff'), None)
    """
    try:
        written = msgspec.json.decode(body, type=_Written)
        if written.payload is not None and written.payload_base64 is None:
            return Message(written.topic, written.retained, written.payload.encode())
        if written.payload_base64 is not None and written.payload is None:
            return Message(written.topic, written.retained, base64.b64decode(written.payload_base64, validate=True))
    except (msgspec.DecodeError, RecursionError, UnicodeError, binascii.Error):
        return None
    return None
