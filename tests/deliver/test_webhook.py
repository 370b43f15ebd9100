"""A signed POST to real https servers on this machine that answer well, badly, slowly, or lead elsewhere."""

from __future__ import annotations

import base64
import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, tzinfo
from typing import Any, Self

import pytest
import standardwebhooks.webhooks
from standardwebhooks import Webhook, WebhookVerificationError

from bousai import addresses
from bousai.deliver import webhook
from bousai.errors import DeliveryError
from bousai.model import Subscription
from tests.deliver.parcels import CAP, NOW, Authority, a_parcel, a_subscription, failure, give
from tests.deliver.receiver import Post, Receiver, receiving

HOST = "hooks.example.jp"
PUBLIC = "93.184.215.14"
OLD, NEW, OTHER = ("whsec_" + base64.b64encode(letter * 24).decode() for letter in (b"o", b"n", b"x"))


class Then(datetime):
    """The clock of a receiver that got the message at once."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Self:
        return cls.fromtimestamp(NOW.timestamp(), tz)


@pytest.fixture(autouse=True)
def _then(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standardwebhooks.webhooks, "datetime", Then)


def to(url: str, *, exercise: bool = False) -> Subscription:
    return a_subscription({"type": "webhook", "url": url}, exercise=exercise)


def ok(post: Post) -> None:
    post.reply(204)


@pytest.fixture
def lead(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """The name of the receiver leads to this machine, as nothing in the product can make it; what was asked for."""
    asked: list[tuple[str, int]] = []

    def public_address(host: str, port: int) -> str:
        asked.append((host, port))
        return "127.0.0.1"

    monkeypatch.setattr(addresses, "public_address", public_address)
    return asked


Listening = Callable[[Callable[[Post], None]], Any]


@pytest.fixture
def listening(authority: Authority, lead: list[tuple[str, int]]) -> Listening:
    """A receiver with a good certificate, and the subscription that leads there."""

    @contextmanager
    def one(answer: Callable[[Post], None]) -> Iterator[tuple[Receiver, Subscription]]:
        with receiving(authority.server(HOST), answer) as receiver:
            yield receiver, to(f"https://{HOST}:{receiver.port}/in/s3cret?a=1&b=訓 練")

    return one


# ── taken ────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_message_arrives_signed(listening: Listening, lead: list[tuple[str, int]]) -> None:
    with listening(ok) as (receiver, subscription):
        give(subscription, BOUSAI_WEBHOOK_WAJIMA=NEW)
    (got,) = receiver.got
    assert got.path == "/in/s3cret?a=1&b=%E8%A8%93%20%E7%B7%B4"
    assert got.headers["Host"] == f"{HOST}:{receiver.port}"
    assert got.headers["Content-Type"] == "application/json"
    assert got.headers["webhook-id"] == "urn:bousai:1"
    assert got.headers["webhook-timestamp"] == "1793840400"
    assert lead == [(HOST, receiver.port)]
    assert receiver.names == [HOST]
    told = Webhook(NEW).verify(got.body, got.headers)
    assert told["cap"].encode() == CAP
    assert {name: told[name] for name in ("identifier", "status", "severity", "headline")} == {
        "identifier": "urn:bousai:1",
        "status": "actual",
        "severity": "Moderate",
        "headline": "大雨警報（土砂災害）",
    }


@pytest.mark.parametrize("secrets", [f"{NEW} {OLD}", f"{OLD}  {NEW}"])
def test_while_a_key_is_changed_both_verify(listening: Listening, secrets: str) -> None:
    with listening(ok) as (receiver, subscription):
        give(subscription, BOUSAI_WEBHOOK_WAJIMA=secrets)
    (got,) = receiver.got
    Webhook(OLD).verify(got.body, got.headers)
    Webhook(NEW).verify(got.body, got.headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(OTHER).verify(got.body, got.headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(OLD).verify(got.body.replace(b"Moderate", b"Extreme"), got.headers)


def test_every_attempt_has_the_same_id(listening: Listening) -> None:
    answers = [503, 200]
    with listening(lambda post: post.reply(answers.pop(0))) as (receiver, subscription):
        failure(subscription, BOUSAI_WEBHOOK_WAJIMA=NEW)
        give(subscription, BOUSAI_WEBHOOK_WAJIMA=NEW)
    assert [got.headers["webhook-id"] for got in receiver.got] == ["urn:bousai:1"] * 2


def test_what_the_summary_says_of_status_and_identifier_does_not_count(listening: Listening) -> None:
    parcel = a_parcel(status="exercise", summary={"status": "actual", "identifier": "other", "severity": "Minor"})
    with listening(ok) as (receiver, subscription):
        give(subscription.model_copy(update={"exercise": True}), parcel, BOUSAI_WEBHOOK_WAJIMA=NEW)
    told = json.loads(receiver.got[0].body)
    assert (told["status"], told["identifier"], told["severity"]) == ("exercise", "urn:bousai:1", "Minor")


def test_a_huge_answer_is_not_read(listening: Listening) -> None:
    sent: list[int] = []

    def answer(post: Post) -> None:
        post.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
        try:
            for _ in range(1000):
                post.wfile.write(bytes(1 << 20))
                sent.append(1)
        except OSError:
            return

    with listening(answer) as (_, subscription):
        give(subscription, BOUSAI_WEBHOOK_WAJIMA=NEW)
    assert len(sent) < 50  # MiB: what fits into the buffers of two sockets


def test_an_answer_that_breaks_off_after_its_head_was_an_answer(listening: Listening) -> None:
    def answer(post: Post) -> None:
        post.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nab")
        post.close_connection = True

    with listening(answer) as (_, subscription):
        give(subscription, BOUSAI_WEBHOOK_WAJIMA=NEW)


# ── not taken ────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("status", "transient", "gone"),
    [
        (301, False, False),
        (304, False, False),
        (400, False, False),
        (401, False, False),
        (404, False, False),
        (408, True, False),
        (410, False, True),
        (425, True, False),
        (429, True, False),
        (500, True, False),
        (503, True, False),
        (600, True, False),
    ],
)
def test_what_the_receiver_says(listening: Listening, status: int, transient: bool, gone: bool) -> None:
    with listening(lambda post: post.reply(status)) as (_, subscription):
        error = failure(subscription, BOUSAI_WEBHOOK_WAJIMA=NEW)
    assert (error.code, error.transient, error.gone) == (f"http_{status}", transient, gone)
    assert error.retry_after is None
    assert HOST in error.cause


@pytest.mark.parametrize(
    ("said", "seconds"), [("120", 120.0), ("0", 0.0), ("-1", None), ("999999", None), ("soon", None), ("１", None)]
)
def test_when_to_try_again(listening: Listening, said: str, seconds: float | None) -> None:
    said = said.encode().decode("latin-1")
    with listening(lambda post: post.reply(429, Retry_After=said)) as (_, subscription):
        error = failure(subscription, BOUSAI_WEBHOOK_WAJIMA=NEW)
    assert (error.code, error.transient, error.retry_after) == ("http_429", True, seconds)


def test_a_redirect_is_not_followed(listening: Listening) -> None:
    def answer(post: Post) -> None:
        post.reply(302, Location=f"https://{HOST}:{post.receiver.port}/other")

    with listening(answer) as (receiver, subscription):
        error = failure(subscription, BOUSAI_WEBHOOK_WAJIMA=NEW)
    assert (error.code, error.transient) == ("http_302", False)
    assert [got.path.split("?")[0] for got in receiver.got] == ["/in/s3cret"]


def waits(post: Post) -> None:
    post.receiver.over.wait(5)
    post.close_connection = True


def drips_lines(post: Post) -> None:
    post.drip(b"HTTP/1.1 200 OK\r\n", b"X-A: 1\r\n")


def drips_the_status(post: Post) -> None:
    post.drip(b"HTTP/1.1", b" ")


@pytest.mark.parametrize("answer", [waits, drips_lines, drips_the_status])
def test_a_slow_answer_ends_at_the_deadline(
    listening: Listening, answer: Callable[[Post], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook, "SECONDS", 0.7)
    started = time.monotonic()
    with listening(answer) as (_, subscription):
        error = failure(subscription, BOUSAI_WEBHOOK_WAJIMA=NEW)
        assert time.monotonic() - started < 2.5
    assert (error.code, error.transient) == ("deadline", True)


def test_a_body_that_drips_is_left_at_the_deadline(listening: Listening, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook, "SECONDS", 0.7)
    started = time.monotonic()
    with listening(lambda post: post.drip(b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n", b"x")) as (
        _,
        subscription,
    ):
        give(subscription, BOUSAI_WEBHOOK_WAJIMA=NEW)  # it had said 200
        assert time.monotonic() - started < 2.5


def test_a_handshake_that_never_comes_ends_at_the_deadline(
    lead: list[tuple[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook, "SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        error = failure(to(f"https://{HOST}:{listener.getsockname()[1]}/"), BOUSAI_WEBHOOK_WAJIMA=NEW)
    assert (error.code, error.transient) == ("deadline", True)


def test_a_name_server_that_is_silent_ends_at_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    def resolve(*_: object, **__: object) -> list[object]:
        time.sleep(1.5)
        raise socket.gaierror(-3, "Temporary failure in name resolution")

    monkeypatch.setattr(webhook, "SECONDS", 0.3)
    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    started = time.monotonic()
    error = failure(to(f"https://{HOST}/"), BOUSAI_WEBHOOK_WAJIMA=NEW)
    assert time.monotonic() - started < 1.2
    assert (error.code, error.transient) == ("deadline", True)


def test_nobody_there(lead: list[tuple[str, int]]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    error = failure(to(f"https://{HOST}:{port}/"), BOUSAI_WEBHOOK_WAJIMA=NEW)
    assert (error.code, error.transient) == ("connection", True)


def test_a_name_that_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    def resolve(*_: object, **__: object) -> list[object]:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    error = failure(to(f"https://{HOST}/"), BOUSAI_WEBHOOK_WAJIMA=NEW)
    assert (error.code, error.transient) == ("connection", True)
    assert "not known" in error.cause


def test_a_connection_that_breaks_before_the_answer(listening: Listening) -> None:
    def answer(post: Post) -> None:
        post.close_connection = True

    with listening(answer) as (_, subscription):
        error = failure(subscription, BOUSAI_WEBHOOK_WAJIMA=NEW)
    assert (error.code, error.transient) == ("connection", True)


def test_what_is_not_http(listening: Listening) -> None:
    def answer(post: Post) -> None:
        post.wfile.write(b"220 mail.example.jp ESMTP\r\n")
        post.close_connection = True

    with listening(answer) as (_, subscription):
        error = failure(subscription, BOUSAI_WEBHOOK_WAJIMA=NEW)
    assert (error.code, error.transient) == ("connection", True)


def test_the_certificate_of_another_name_is_refused(authority: Authority, lead: list[tuple[str, int]]) -> None:
    with receiving(authority.server("other.example.jp", "127.0.0.1"), ok) as receiver:
        error = failure(to(f"https://{HOST}:{receiver.port}/"), BOUSAI_WEBHOOK_WAJIMA=NEW)
    assert (error.code, error.transient) == ("tls", True)
    assert receiver.got == []


def test_a_certificate_that_nobody_vouches_for_is_refused(
    authority: Authority, lead: list[tuple[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    with receiving(authority.server(HOST), ok) as receiver:
        error = failure(to(f"https://{HOST}:{receiver.port}/"), BOUSAI_WEBHOOK_WAJIMA=NEW)
    assert (error.code, error.transient) == ("tls", True)
    assert receiver.got == []


# ── where to ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """The connections that were opened; none is."""
    tried: list[tuple[str, int]] = []

    def create_connection(address: tuple[str, int], *_: object, **__: object) -> socket.socket:
        tried.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(webhook, "create_connection", create_connection)
    monkeypatch.setattr(socket, "create_connection", create_connection)
    return tried


@pytest.mark.parametrize(
    "url",
    [
        "https://127.1/",
        "https://0x7f000001/",
        "https://2130706433/",
        "https://017700000001/",
        "https://[::ffff:127.0.0.1]/",
        "https://[::ffff:7f00:1]/",
        "https://[::1]/",
        "https://[64:ff9b::7f00:1]/",
        "https://169.254.169.254/latest/meta-data/",
        "https://①②⑦.⓪.⓪.①/",
        "https://１２７。０。０。１/",
        "https://localhost/",
        "https://LOCALHOST:8443/",
        "https://10.0.0.1/",
        "https://0.0.0.0/",
        "https://user@93.184.215.14/",
        "https://93.184.215.14@127.0.0.1/",
        "https://93.184.215.14:0/",
        "https://93.184.215.14:x/",
        "https://93.184.215.14:65536/",
        "https:///",
        "https://[::1/",
        "https://.example.jp/",
        "https://" + "a" * 64 + ".example.jp/",
    ],
)
def test_an_address_that_leads_inside_or_nowhere_is_refused(url: str, opened: list[tuple[str, int]]) -> None:
    error = failure(to(url), BOUSAI_WEBHOOK_WAJIMA=NEW)
    assert (error.code, error.transient, error.gone) == ("refused_address", False, False)
    assert opened == []


def resolves(monkeypatch: pytest.MonkeyPatch, *answers: str) -> list[str]:
    """`HOST` resolves to the first answer, when asked again to the next. What was asked for."""
    asked: list[str] = []
    real = socket.getaddrinfo

    def resolve(host: str, port: int, *args: Any, **kwargs: Any) -> list[Any]:
        if host != HOST:
            return list(real(host, port, *args, **kwargs))
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (answers[min(len(asked), len(answers)) - 1], port))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return asked


def test_a_name_that_resolves_inside_is_refused(
    opened: list[tuple[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    resolves(monkeypatch, "127.0.0.1")
    error = failure(to(f"https://{HOST}/"), BOUSAI_WEBHOOK_WAJIMA=NEW)
    assert (error.code, error.transient) == ("refused_address", False)
    assert opened == []


def test_the_address_that_was_checked_is_the_one_that_is_used(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = resolves(monkeypatch, PUBLIC, "127.0.0.1")
    tried: list[tuple[str, int]] = []
    real = socket.create_connection
    with receiving(authority.server(HOST), ok) as receiver:

        def create_connection(address: tuple[str, int], timeout: float, **_: object) -> socket.socket:
            tried.append(address)
            return real(("127.0.0.1", receiver.port), timeout)

        monkeypatch.setattr(webhook, "create_connection", create_connection)
        give(to(f"https://{HOST}/"), BOUSAI_WEBHOOK_WAJIMA=NEW)
        assert asked == [HOST]  # once: the second answer would have been another
        assert tried == [(PUBLIC, 443)]
        assert receiver.got[0].headers["Host"] == HOST
        assert receiver.names == [HOST]
        # every delivery asks anew
        error = failure(to(f"https://{HOST}/"), BOUSAI_WEBHOOK_WAJIMA=NEW)
        assert error.code == "refused_address"
        assert len(receiver.got) == 1


def test_no_proxy_is_used(listening: Listening, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    with listening(ok) as (receiver, subscription):
        give(subscription, BOUSAI_WEBHOOK_WAJIMA=NEW)
    assert len(receiver.got) == 1


# ── secrets ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("environ", [{}, {"BOUSAI_WEBHOOK_WAJIMA": " "}, {"BOUSAI_WEBHOOK_OTHER": NEW}])
def test_without_a_secret_nothing_is_sent(environ: dict[str, str], opened: list[tuple[str, int]]) -> None:
    error = failure(to("https://93.184.215.14/"), **environ)
    assert (error.code, error.transient) == ("no_secret", False)
    assert "BOUSAI_WEBHOOK_WAJIMA" in error.remedy
    assert opened == []


@pytest.mark.parametrize(
    "secrets",
    [
        "s3cret",
        "whsec_",
        "whsec_s3cret!",
        NEW.removeprefix("whsec_"),
        "whsec_" + base64.b64encode(bytes(23)).decode(),
        f"{NEW} whsec_訓練",
        f"{NEW},{OLD}",
    ],
)
def test_a_secret_that_is_none_signs_nothing(secrets: str, opened: list[tuple[str, int]]) -> None:
    error = failure(to("https://93.184.215.14/"), BOUSAI_WEBHOOK_WAJIMA=secrets)
    assert (error.code, error.transient) == ("bad_secret", False)
    assert "BOUSAI_WEBHOOK_WAJIMA" in error.remedy
    assert opened == []


def test_an_error_shows_no_secret_even_in_its_causes(listening: Listening) -> None:
    with listening(lambda post: post.reply(500)) as (_, subscription), pytest.raises(DeliveryError) as caught:
        give(subscription, BOUSAI_WEBHOOK_WAJIMA=NEW)
    assert NEW not in repr(caught.value)
    assert "s3cret" not in repr(caught.value)
