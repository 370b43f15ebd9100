"""A mail to the addresses of a subscription, in one transaction with the server of this installation (RFC 5321)."""

from __future__ import annotations

import re
import smtplib
import socket
import ssl
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Literal, cast
from urllib.parse import unquote, urlsplit

from bousai import brokers
from bousai.deliver.deadline import Deadline
from bousai.deliver.parcel import Parcel, one_line
from bousai.errors import DeliveryError
from bousai.model import EmailChannel, Status

SECONDS = 60.0
"""For the whole transaction: a server may look at a message for a while before it takes it."""
_MARKS: dict[Status, str] = {"actual": "", "exercise": "【訓練】", "test": "【試験】"}
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")
_VARIABLE = "BOUSAI_SMTP"


@dataclass(frozen=True, slots=True)
class Server:
    """Where mail is handed in: ``smtps`` is TLS from the first byte, ``smtp`` with STARTTLS (see `starts_tls`)."""

    scheme: Literal["smtp", "smtps"]
    host: str
    port: int
    user: str | None = None
    password: str = ""


def send(
    subscriber: str,
    channel: EmailChannel,
    parcel: Parcel,
    *,
    environ: Mapping[str, str],
    sender: tuple[str, str],
    now: datetime,
) -> None:
    """Back when the server has taken the mail for every address of the channel.

    `sender` is (name, mail address), `now` the date of the mail. Raises `DeliveryError`: ``no_server``,
    ``bad_server``, ``bad_address``, ``no_starttls``, ``no_login``, ``smtp_<reply>`` (4xx is transient, 5xx not),
    ``recipients_refused`` (the others have got it; transient where any reply was 4xx), and transient ``deadline``,
    ``connection``, ``tls``.
    """
    server = server_of(environ)
    to = tuple(dict.fromkeys(channel.to))
    body = composed(subscriber, parcel, to, sender, now).as_bytes(policy=SMTP)
    with Deadline(SECONDS) as deadline:
        try:
            refused = _transaction(subscriber, server, sender[1], to, body, deadline)
        except (OSError, UnicodeError) as error:  # what smtplib raises is an OSError, too
            raise _failure(subscriber, server, error, deadline) from error
    if refused:
        replies = ", ".join(str(reply) for reply in sorted(set(refused)))
        raise DeliveryError(
            f"{subscriber}: {server.host} refused {len(refused)} of {len(to)} addresses ({replies})",
            code="recipients_refused",
            remedy="check the addresses of the subscription with the receivers",
            transient=any(reply < 500 for reply in refused),
        )


def server_of(environ: Mapping[str, str]) -> Server:
    """The server in ``BOUSAI_SMTP``; user and password are percent-decoded. Raises `DeliveryError`."""
    stated = environ.get(_VARIABLE, "")
    if not stated:
        raise DeliveryError(
            "there is no server for mails",
            code="no_server",
            remedy=f"set {_VARIABLE}, for instance to smtps://user:password@mail.example.jp:465",
            transient=False,
        )
    try:
        parts = urlsplit(stated)
        port = parts.port
        (parts.hostname or "").encode("idna")
    except ValueError:
        raise _bad_server() from None
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname or port == 0:
        raise _bad_server()
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise _bad_server()  # most often a / or # of a password that was not percent-encoded
    scheme = cast(Literal["smtp", "smtps"], parts.scheme)
    return Server(
        scheme=scheme,
        host=parts.hostname,
        port=port or (465 if scheme == "smtps" else 587),
        user=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password or ""),
    )


def _bad_server() -> DeliveryError:
    # what it says is not repeated: there may be a password in it
    return DeliveryError(
        f"{_VARIABLE} is no address of a mail server",
        code="bad_server",
        remedy="smtps://user:password@host:465 or smtp://host:587, user and password percent-encoded",
        transient=False,
    )


def starts_tls(server: Server, offered: bool) -> bool:
    """Whether STARTTLS comes next. Raises `DeliveryError` (``no_starttls``) where the mail would cross a network in
    clear: whoever stands in between can take the offer out (RFC 3207 section 6)."""
    if server.scheme == "smtps" or server.host in brokers.LOOPBACK:
        return False
    if not offered:
        raise DeliveryError(
            f"{server.host} does not offer STARTTLS",
            code="no_starttls",
            remedy=f"nothing was sent; set {_VARIABLE} to smtps:// or to a server that offers it",
            transient=False,
        )
    return True


# ── the mail ─────────────────────────────────────────────────────────────────────────────────────────────


def composed(
    subscriber: str, parcel: Parcel, to: Sequence[str], sender: tuple[str, str], now: datetime
) -> EmailMessage:
    """The mail: the same Message-ID at every attempt (RFC 5322), marked as no answer to anything (RFC 3834), text and
    CAP in base64, so that no server on the way changes a byte of what is signed.

    Several receivers do not see each other's addresses. Raises `DeliveryError` (``bad_address``).
    """
    name, address = sender
    for one in (address, *to):
        if _ADDRESS.fullmatch(one) is None:
            whose = "sender" if one == address else "subscription"
            raise DeliveryError(
                f"{subscriber}: an address of the {whose} is no mail address",
                code="bad_address",
                remedy="write name@host in ASCII (a Japanese domain in its xn-- form), one address each",
                transient=False,
            )
    mark = _MARKS[parcel.status]
    headline = one_line(parcel.headline)
    safe = re.sub(r"[^A-Za-z0-9.!#$'*+=^_`{|}~-]", "-", parcel.identifier)
    mail = EmailMessage(policy=SMTP)
    mail["Subject"] = headline if headline.startswith(mark) else f"{mark}{headline}"
    mail["From"] = Address(one_line(name), addr_spec=address)
    mail["To"] = to[0] if len(to) == 1 else "undisclosed-recipients:;"
    mail["Date"] = format_datetime(now)
    mail["Message-ID"] = f"<{safe}@{address.rpartition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(parcel.text, charset="utf-8", cte="base64")
    mail.add_attachment(parcel.cap, maintype="application", subtype="cap+xml", filename=f"{safe}.xml")
    return mail


# ── the transaction ──────────────────────────────────────────────────────────────────────────────────────


class _Line(smtplib.SMTP):
    """A connection that a `Deadline` can end, the handshake included."""

    def __init__(self, server: Server, name: str, context: ssl.SSLContext, deadline: Deadline) -> None:
        self._server, self._context, self._deadline = server, context, deadline
        # `name` is what we greet with: looking our own name up can take longer than the mail
        super().__init__(server.host, server.port, local_hostname=name, timeout=deadline.left)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        sock = socket.create_connection((host, port), timeout)
        try:
            self._deadline.over(sock)
            if self._server.scheme == "smtps":
                return self._context.wrap_socket(sock, server_hostname=host)
        except OSError:
            sock.close()
            raise
        return sock


def _transaction(
    subscriber: str, server: Server, address: str, to: Sequence[str], body: bytes, deadline: Deadline
) -> list[int]:
    """The replies to addresses that were refused; the other addresses have got the mail."""
    context = ssl.create_default_context()  # an authority of one's own: SSL_CERT_FILE
    line = _Line(server, address.rpartition("@")[2], context, deadline)
    try:
        line.ehlo_or_helo_if_needed()
        if starts_tls(server, line.has_extn("starttls")):
            line.starttls(context=context)
            line.ehlo()
        if server.user is not None:
            line.login(server.user, server.password)
        reply, _ = line.mail(address)
        if reply != 250:
            raise _reply(subscriber, server, "the sender", reply)
        replies = [line.rcpt(one)[0] for one in to]
        refused = [reply for reply in replies if reply not in (250, 251)]
        if len(refused) < len(to):
            reply, _ = line.data(body)
            if reply != 250:
                raise _reply(subscriber, server, "the mail", reply)
        with suppress(OSError):  # it has been taken, whatever the server says to our good-bye
            line.quit()
        return refused
    finally:
        line.close()


def _reply(subscriber: str, server: Server, what: str, reply: int) -> DeliveryError:
    # of the reply only the number: its text often names addresses
    transient = not 500 <= reply < 600
    return DeliveryError(
        f"{subscriber}: {server.host} refused {what}: {reply}",
        code=f"smtp_{reply}",
        remedy="it is tried again" if transient else f"ask the operator of the server in {_VARIABLE}",
        transient=transient,
    )


def _failure(subscriber: str, server: Server, error: Exception, deadline: Deadline) -> DeliveryError:
    if deadline.expired or isinstance(error, TimeoutError):
        return DeliveryError(
            f"{subscriber}: {server.host} has not taken the mail within {deadline.seconds:g} s",
            code="deadline",
            remedy="it is tried again; the Message-ID is the same, should it have been taken after all",
            transient=True,
        )
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return _reply(subscriber, server, "user and password", error.smtp_code)
    if isinstance(error, smtplib.SMTPResponseException) and error.smtp_code > 0:
        return _reply(subscriber, server, "the mail", error.smtp_code)
    if isinstance(error, UnicodeError) or type(error) in (smtplib.SMTPException, smtplib.SMTPNotSupportedError):
        return DeliveryError(
            f"{subscriber}: {server.host} offers no way to log in with the user and password that are set",
            code="no_login",
            remedy=f"check user and password in {_VARIABLE}; a server that wants none needs none",
            transient=False,
        )
    if isinstance(error, ssl.SSLError):
        code, remedy = "tls", "the server's certificate or this machine's clock is wrong; never switch the check off"
        why = getattr(error, "verify_message", "") or error.reason or str(error)
    else:
        code, remedy = "connection", f"it is tried again; check the network, then the server in {_VARIABLE}"
        why = error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__
    return DeliveryError(
        f"{subscriber}: {server.host}: {' '.join(why.split())[:200]}", code=code, remedy=remedy, transient=True
    )
