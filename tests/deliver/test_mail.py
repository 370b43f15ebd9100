"""Mails as a real SMTP server on this machine gets them, in clear, with STARTTLS and in TLS."""

from __future__ import annotations

import email
import email.policy
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword

from bousai.deliver import mail
from bousai.errors import DeliveryError
from bousai.model import Subscription
from tests.deliver.parcels import CAP, NOW, Authority, a_parcel, a_subscription, failure, give
from tests.fetch.broker import free_port

FAR = "127.0.0.2"
"""On this machine, but not among the names by which `mail` knows it: as a server far away."""


@dataclass
class Office:
    """A mail server: what it took, whom it refuses (address → reply), and how it ends DATA."""

    refuses: dict[str, str] = field(default_factory=dict)
    ends: str = "250 OK"
    took: list[Envelope] = field(default_factory=list)
    logins: list[tuple[str, str]] = field(default_factory=list)
    port: int = 0

    async def handle_RCPT(self, _s: Any, _n: Any, envelope: Envelope, address: str, _o: Any) -> str:  # noqa: N802
        if address in self.refuses:
            return self.refuses[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _s: Any, _n: Any, envelope: Envelope) -> str:  # noqa: N802
        self.took.append(envelope)
        return self.ends

    def login(self, _s: Any, _n: Any, _e: Any, _m: str, given: LoginPassword) -> AuthResult:
        self.logins.append((given.login.decode(), given.password.decode()))
        return AuthResult(success=self.logins[-1] == ("us er@x", "s3cret/:"), handled=False)

    @property
    def mails(self) -> list[EmailMessage]:
        return [email.message_from_bytes(one.content, policy=email.policy.default) for one in self.took]


@contextmanager
def serving(office: Office, host: str = "127.0.0.1", **more: Any) -> Iterator[Office]:
    """While it is open the office is at its `port`. `ssl_context`: TLS at once, `tls_context`: STARTTLS."""
    office.port = free_port()
    controller = Controller(office, hostname=host, port=office.port, server_hostname="mail", **more)
    controller.start()
    try:
        yield office
    finally:
        controller.stop()


@pytest.fixture
def office() -> Iterator[Office]:
    """A server on this machine that wants neither TLS nor a password."""
    with serving(Office()) as one:
        yield one


def to(*addresses: str, exercise: bool = False) -> Subscription:
    return a_subscription({"type": "email", "to": addresses or ("a@wajima.example.jp",)}, exercise=exercise)


def at(office: Office) -> str:
    return f"smtp://127.0.0.1:{office.port}"


# ── the mail ─────────────────────────────────────────────────────────────────────────────────────────────


def test_the_mail_says_what_it_should(office: Office) -> None:
    give(to(), BOUSAI_SMTP=at(office))
    (got,) = office.mails
    assert got["Subject"] == "大雨警報（土砂災害）"
    assert got["From"].addresses[0].display_name == "防災情報"
    assert (got["From"].addresses[0].addr_spec, got["To"]) == ("alert@bousai.example.jp", "a@wajima.example.jp")
    assert got["Message-ID"] == "<urn-bousai-1@bousai.example.jp>"
    assert got["Auto-Submitted"] == "auto-generated"
    assert got["Date"].datetime == NOW.replace(microsecond=0)
    body = got.get_body(("plain",))
    assert body is not None
    assert body.get_content() == "輪島市では、土砂災害に警戒してください。\r\n"
    assert body.get_content_charset() == "utf-8"
    (attached,) = got.iter_attachments()
    assert (attached.get_content_type(), attached.get_filename()) == ("application/cap+xml", "urn-bousai-1.xml")
    assert attached.get_content() == CAP
    assert office.took[0].content is not None
    assert bytes(office.took[0].content).isascii()
    assert office.took[0].mail_from == "alert@bousai.example.jp"


def test_one_transaction_for_all_who_do_not_see_each_other(office: Office) -> None:
    give(to("a@wajima.example.jp", "b@noto.example.jp", "a@wajima.example.jp"), BOUSAI_SMTP=at(office))
    (taken,) = office.took
    assert taken.rcpt_tos == ["a@wajima.example.jp", "b@noto.example.jp"]
    assert b"wajima" not in bytes(taken.content or b"").lower()


@pytest.mark.parametrize(
    ("status", "headline", "subject"),
    [
        ("exercise", "大雨警報", "【訓練】大雨警報"),
        ("exercise", "【訓練】大雨警報", "【訓練】大雨警報"),
        ("test", "大雨警報", "【試験】大雨警報"),
        ("test", "【試験】大雨警報", "【試験】大雨警報"),
        ("test", "【訓練】大雨警報", "【試験】【訓練】大雨警報"),
    ],
)
def test_exercises_and_tests_are_marked(office: Office, status: Any, headline: str, subject: str) -> None:
    give(to(exercise=True), a_parcel(status=status, headline=headline), BOUSAI_SMTP=at(office))
    assert office.mails[0]["Subject"] == subject


@pytest.mark.parametrize("end", ["\r\n", "\n", "\r", "\r\n ", "\0\n", "\u2028", "\x85", "\x0b"])
def test_a_headline_cannot_add_a_header(office: Office, end: str) -> None:
    headline = f"警報{end}Bcc: x@evil.example.org{end}{end}text"
    give(to(), a_parcel(headline=headline), BOUSAI_SMTP=at(office))
    (got,) = office.mails
    assert got["Bcc"] is None
    assert got["Subject"].replace("  ", " ").startswith("警報 Bcc: x@evil.example.org")
    assert office.took[0].rcpt_tos == ["a@wajima.example.jp"]
    assert len(list(got.iter_attachments())) == 1


def test_a_long_headline_arrives_whole(office: Office) -> None:
    headline = "土砂災害警戒情報（輪島市、珠洲市、能登町）" * 12
    give(to(), a_parcel(headline=headline), BOUSAI_SMTP=at(office))
    assert office.mails[0]["Subject"] == headline
    assert max(len(line) for line in bytes(office.took[0].content or b"").split(b"\r\n")) < 998


def test_a_text_cannot_end_the_mail(office: Office) -> None:
    text = "一\n.\nMAIL FROM:<x@evil.example.org>\n.\n二\n"
    give(to(), a_parcel(text=text), BOUSAI_SMTP=at(office))
    body = office.mails[0].get_body(("plain",))
    assert body is not None
    assert body.get_content() == text.replace("\n", "\r\n")
    assert len(office.took) == 1


def test_every_attempt_has_the_same_message_id(office: Office) -> None:
    office.ends = "451 later"
    error = failure(to(), BOUSAI_SMTP=at(office))
    assert (error.code, error.transient) == ("smtp_451", True)
    office.ends = "250 OK"
    give(to(), BOUSAI_SMTP=at(office))
    first, second = office.mails
    assert first["Message-ID"] == second["Message-ID"] == "<urn-bousai-1@bousai.example.jp>"


@pytest.mark.parametrize(
    "address",
    [
        "a",
        "a@",
        "@b",
        "a b@c.jp",
        "a@b.jp>\r\nRCPT TO:<x@y.jp",
        "a@b.jp, c@d.jp",
        "訓練@b.jp",
        "a@訓練.jp",
        "a@b.jp\n",
    ],
)
def test_what_is_no_address_is_refused(office: Office, address: str) -> None:
    error = failure(to("good@wajima.example.jp", address), BOUSAI_SMTP=at(office))
    assert (error.code, error.transient) == ("bad_address", False)
    assert office.took == []


# ── refusals ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("refuses", "transient", "told"),
    [
        ({"b@noto.example.jp": "550 no such user b@noto.example.jp"}, False, "1 of 2 addresses (550)"),
        ({"b@noto.example.jp": "450 b@noto.example.jp: later"}, True, "1 of 2 addresses (450)"),
        ({"a@wajima.example.jp": "550 no", "b@noto.example.jp": "450 later"}, True, "2 of 2 addresses (450, 550)"),
        ({"a@wajima.example.jp": "550 no", "b@noto.example.jp": "550 no"}, False, "2 of 2 addresses (550)"),
    ],
)
def test_refused_receivers_are_counted_and_the_others_get_it(
    office: Office, refuses: dict[str, str], transient: bool, told: str
) -> None:
    office.refuses = refuses
    error = failure(to("a@wajima.example.jp", "b@noto.example.jp"), BOUSAI_SMTP=at(office))
    assert (error.code, error.transient) == ("recipients_refused", transient)
    assert told in error.cause
    assert "noto" not in error.cause
    left = [one for one in ("a@wajima.example.jp", "b@noto.example.jp") if one not in refuses]
    assert [one for taken in office.took for one in taken.rcpt_tos] == left


def test_a_mail_that_is_refused_for_good(office: Office) -> None:
    office.ends = "554 a@wajima.example.jp does not want it"
    error = failure(to(), BOUSAI_SMTP=at(office))
    assert (error.code, error.transient) == ("smtp_554", False)
    assert "wajima.example" not in error.cause


def test_a_server_that_is_down() -> None:
    error = failure(to(), BOUSAI_SMTP=f"smtp://127.0.0.1:{free_port()}")
    assert (error.code, error.transient) == ("connection", True)


@pytest.mark.parametrize(
    ("greeting", "code", "transient"),
    [(b"554 go away\r\n", "smtp_554", False), (b"421 busy\r\n", "smtp_421", True), (b"", "connection", True)],
)
def test_a_server_that_does_not_want_us(greeting: bytes, code: str, transient: bool) -> None:
    def serve() -> None:
        peer, _ = server.accept()
        with peer:
            peer.sendall(greeting)

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve)
        thread.start()
        error = failure(to(), BOUSAI_SMTP=f"smtp://127.0.0.1:{server.getsockname()[1]}")
        thread.join()
    assert (error.code, error.transient) == (code, transient)


def test_a_server_that_drips_ends_at_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()

    def serve() -> None:
        peer, _ = server.accept()
        with peer:
            try:
                while not over.wait(0.1):
                    peer.sendall(b"220-welcome\r\n")
            except OSError:
                return

    monkeypatch.setattr(mail, "SECONDS", 0.6)
    started = time.monotonic()
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            error = failure(to(), BOUSAI_SMTP=f"smtp://127.0.0.1:{server.getsockname()[1]}")
        finally:
            over.set()
            thread.join()
    assert (error.code, error.transient) == ("deadline", True)
    assert time.monotonic() - started < 3


# ── the server and its secrets ───────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("stated", "server"),
    [
        ("smtps://mail.example.jp", mail.Server("smtps", "mail.example.jp", 465)),
        ("smtp://mail.example.jp/", mail.Server("smtp", "mail.example.jp", 587)),
        ("smtp://[::1]:25", mail.Server("smtp", "::1", 25)),
        (
            "smtps://us%20er%40x:s3cret%2F%3A@mail.example.jp:1465",
            mail.Server("smtps", "mail.example.jp", 1465, "us er@x", "s3cret/:"),
        ),
    ],
)
def test_the_server_is_read_from_the_environment(stated: str, server: mail.Server) -> None:
    assert mail.server_of({"BOUSAI_SMTP": stated}) == server


@pytest.mark.parametrize(
    "stated",
    [
        "mail.example.jp",
        "http://mail.example.jp",
        "smtp://",
        "smtp://u:s3/cret@h",
        "smtp://h:x",
        "smtp://h:0",
        "smtp://h?x",
    ],
)
def test_what_is_no_server_is_told_without_repeating_it(stated: str) -> None:
    error = failure(to(), BOUSAI_SMTP=stated)
    assert (error.code, error.transient) == ("bad_server", False)
    assert "cret" not in f"{error.cause}{error.remedy}"


def test_no_server() -> None:
    error = failure(to())
    assert (error.code, error.transient) == ("no_server", False)
    assert "BOUSAI_SMTP" in error.remedy


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "::1"])
@pytest.mark.parametrize("offered", [True, False])
def test_on_this_machine_tls_is_not_needed(host: str, offered: bool) -> None:
    assert not mail.starts_tls(mail.Server("smtp", host, 25), offered)


def test_over_a_network_starttls_comes_or_nothing_is_sent() -> None:
    assert mail.starts_tls(mail.Server("smtp", "mail.example.jp", 587), True)
    assert not mail.starts_tls(mail.Server("smtps", "mail.example.jp", 465), False)
    with pytest.raises(DeliveryError) as caught:
        mail.starts_tls(mail.Server("smtp", "mail.example.jp", 587), False)
    assert (caught.value.code, caught.value.transient) == ("no_starttls", False)


def test_without_starttls_no_word_leaves_this_machine() -> None:
    with serving(Office(), FAR) as far:
        error = failure(to(), BOUSAI_SMTP=f"smtp://user:s3cret@{FAR}:{far.port}")
    assert error.code == "no_starttls"
    assert (far.took, far.logins) == ([], [])


def test_starttls_then_user_and_password(authority: Authority) -> None:
    office = Office()
    more = {"tls_context": authority.server(FAR), "authenticator": office.login, "auth_required": True}
    with serving(office, FAR, require_starttls=True, **more):
        give(to(), BOUSAI_SMTP=f"smtp://us%20er%40x:s3cret%2F%3A@{FAR}:{office.port}")
        assert len(office.took) == 1
        error = failure(to(), BOUSAI_SMTP=f"smtp://other:s3cret@{FAR}:{office.port}")
        assert (error.code, error.transient) == ("smtp_535", False)
        error = failure(to(), BOUSAI_SMTP=f"smtp://other:訓練@{FAR}:{office.port}")
        assert (error.code, error.transient) == ("no_login", False)
    assert office.logins[0] == ("us er@x", "s3cret/:")
    assert set(office.logins[1:]) == {("other", "s3cret")}


def test_tls_from_the_first_byte(authority: Authority) -> None:
    with serving(Office(), ssl_context=authority.server("127.0.0.1")) as office:
        give(to(), BOUSAI_SMTP=f"smtps://127.0.0.1:{office.port}")
    assert len(office.took) == 1


def test_a_password_that_the_server_does_not_ask_for(office: Office) -> None:
    error = failure(to(), BOUSAI_SMTP=f"smtp://user:s3cret@127.0.0.1:{office.port}")
    assert (error.code, error.transient) == ("no_login", False)


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
def test_a_certificate_of_another_name_is_refused(authority: Authority, scheme: str) -> None:
    context: ssl.SSLContext = authority.server("mail.example.jp")
    more = {"ssl_context": context} if scheme == "smtps" else {"tls_context": context}
    with serving(Office(), FAR, **more) as office:
        error = failure(to(), BOUSAI_SMTP=f"{scheme}://{FAR}:{office.port}")
    assert (error.code, error.transient) == ("tls", True)
    assert office.took == []
