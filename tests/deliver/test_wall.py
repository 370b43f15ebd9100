"""What is actual and what is not never reach each other's subscribers, whichever way they would have gone."""

from __future__ import annotations

from typing import Any

import pytest

from bousai.deliver import mail, mqtt, webhook
from tests.deliver.parcels import a_parcel, a_subscription, failure, give

WAYS = {
    "webhook": {"type": "webhook", "url": "https://hooks.example.jp/"},
    "email": {"type": "email", "to": ["a@example.jp"]},
    "mqtt": {"type": "mqtt", "host": "broker.example.jp", "topic": "bousai"},
}


@pytest.fixture(autouse=True)
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The ways that were gone; nothing is really sent."""
    gone: list[str] = []
    for name, way in (("webhook", webhook), ("email", mail), ("mqtt", mqtt)):
        monkeypatch.setattr(way, "send", lambda *_, name=name, **__: gone.append(name))
    return gone


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("exercise", "status"),
    [(True, "actual"), (False, "exercise"), (False, "test"), (False, ""), (True, ""), (True, "Exercise")],
)
def test_the_wrong_status_is_refused(way: str, exercise: bool, status: Any, sent: list[str]) -> None:
    error = failure(a_subscription(WAYS[way], exercise=exercise), a_parcel(status=status))
    assert (error.code, error.transient, error.gone) == ("wrong_status", False, False)
    assert sent == []


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("exercise", "status"), [(False, "actual"), (True, "exercise"), (True, "test")])
def test_the_right_status_goes_its_way(way: str, exercise: bool, status: Any, sent: list[str]) -> None:
    give(a_subscription(WAYS[way], exercise=exercise), a_parcel(status=status))
    assert sent == [way]


@pytest.mark.parametrize("identifier", ["", "a b", "a,b", "a<b", "a&b", "訓練", "a\r\nBcc: x", "a\0", 'a"b', "a\n"])
def test_an_identifier_that_would_break_out_is_refused(identifier: str, sent: list[str]) -> None:
    error = failure(a_subscription(WAYS["webhook"]), a_parcel(identifier=identifier))
    assert (error.code, error.transient) == ("bad_identifier", False)
    assert sent == []
