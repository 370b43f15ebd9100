"""A POST to whoever subscribed, signed after Standard Webhooks 1.0.0 (github.com/standard-webhooks).

Why each guard: the address is somebody else's choice and its name may lead anywhere, another way each time (SSRF,
rebinding); an answer may lead on to somewhere else, come one byte a second, or never end. So the name is resolved
once at every delivery, all its addresses must be public, and the connection goes to the one that was checked. No
redirect is followed, and no proxy is used, which would resolve the name again.
"""

from __future__ import annotations

import base64
import json
import queue
import re
import socket
import ssl
import threading
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime
from http.client import HTTPException
from typing import Any
from urllib.parse import quote, urlsplit

from standardwebhooks import Webhook
from urllib3.connection import HTTPSConnection
from urllib3.exceptions import HTTPError
from urllib3.util.connection import create_connection

from bousai import __version__, addresses
from bousai.deliver.deadline import Deadline
from bousai.deliver.parcel import Parcel, told_in_json
from bousai.errors import DeliveryError
from bousai.model import WebhookChannel

SECONDS = 15.0
"""From the question for the address to the last byte that is read of the answer."""
_ANSWER_BYTES = 64 * 1024
_SECRET_BYTES = 24  # the least that Standard Webhooks asks for
_PATIENT = (408, 425, 429)


def send(
    subscriber: str, channel: WebhookChannel, parcel: Parcel, *, environ: Mapping[str, str], now: datetime
) -> None:
    """POST the summary and the CAP text as JSON; back when the receiver has said 2xx.

    Raises `DeliveryError`: ``no_secret``, ``bad_secret``, ``refused_address``, ``http_<status>`` (410 is `gone`; 408,
    425, 429 and 5xx are transient, with Retry-After in seconds), and transient ``deadline``, ``connection``, ``tls``.
    """
    host, port, target = _place(subscriber, channel.url)
    body = json.dumps({**told_in_json(parcel), "cap": parcel.cap.decode()}, ensure_ascii=False)
    headers = {
        "Host": _authority(host, port),
        "User-Agent": f"bousai/{__version__}",
        "Content-Type": "application/json",
        "Connection": "close",
        **_signed(subscriber, parcel.identifier, body, environ, now),
    }
    with Deadline(SECONDS) as deadline:
        try:
            address = _address(subscriber, host, port, deadline)
            status, retry_after = _post(host, port, address, target, body.encode(), headers, deadline)
        except (OSError, HTTPException, HTTPError) as error:
            raise _failure(subscriber, host, error, deadline) from error
    if not 200 <= status < 300:
        raise _said(subscriber, host, status, retry_after)


def _place(subscriber: str, url: str) -> tuple[str, int, str]:
    """(host, port, path and query) of an address, in ASCII."""
    try:
        parts = urlsplit(url)
        port = 443 if parts.port is None else parts.port
        host = (parts.hostname or "").encode("idna").decode()
    except ValueError:
        raise _refused(subscriber, "", "it is not an address") from None
    if parts.scheme != "https" or not host or port == 0:
        raise _refused(subscriber, host, "it is not an https address")
    if parts.username is not None or parts.password is not None:
        raise _refused(subscriber, host, "there is a user or password in the address")
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return host, port, quote(target, safe="/?:@!$&'()*+,;=-._~%")


def _authority(host: str, port: int) -> str:
    name = f"[{host}]" if ":" in host else host
    return name if port == 443 else f"{name}:{port}"


# ── the signature ────────────────────────────────────────────────────────────────────────────────────────


def _signed(subscriber: str, identifier: str, body: str, environ: Mapping[str, str], now: datetime) -> dict[str, str]:
    """The headers of Standard Webhooks: with several secrets a signature of each, so that receivers can change the
    key while messages come."""
    name = f"BOUSAI_WEBHOOK_{subscriber.upper()}"
    secrets = environ.get(name, "").split()
    if not secrets:
        raise DeliveryError(
            f"{subscriber}: there is no secret to sign with",
            code="no_secret",
            remedy=f"set {name} to the whsec_… that the receiver has",
            transient=False,
        )
    at = now.astimezone(UTC)  # the library takes what it is given for UTC
    signatures = [_key(subscriber, name, secret).sign(identifier, at, body) for secret in secrets]
    return {
        "webhook-id": identifier,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(signatures),
    }


def _key(subscriber: str, name: str, secret: str) -> Webhook:
    # checked here: the library drops characters that are not base64, and a mistyped secret would sign all the same
    coded = secret.removeprefix("whsec_")
    try:
        raw = base64.b64decode(coded + "=" * (-len(coded) % 4), validate=True)
    except ValueError:
        raw = b""
    if not secret.startswith("whsec_") or len(raw) < _SECRET_BYTES:
        raise DeliveryError(
            f"{subscriber}: a secret in {name} is not whsec_ and base64 of at least {_SECRET_BYTES} bytes",
            code="bad_secret",
            remedy=f"set {name} anew, several secrets with spaces between them",
            transient=False,
        )
    return Webhook(raw)


# ── the connection ───────────────────────────────────────────────────────────────────────────────────────


class _Connection(HTTPSConnection):
    """TLS to `host`, which is the address that was checked; `server_hostname` is the name the certificate is for."""

    deadline: Deadline

    def _new_conn(self) -> socket.socket:
        sock = create_connection((self.host, self.port), self.deadline.left, socket_options=self.socket_options)
        try:
            self.deadline.over(sock)
        except OSError:
            sock.close()
            raise
        return sock


def _address(subscriber: str, host: str, port: int, deadline: Deadline) -> str:
    """The address to use, in time: the system's resolver has patience of its own, and the subscriber's name server
    may be silent. Raises `OSError`, and `DeliveryError` for an address that is not public."""
    answers: queue.SimpleQueue[str | OSError | ValueError] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answers.put(addresses.public_address(host, port))
        except (OSError, ValueError) as error:
            answers.put(error)

    threading.Thread(target=ask, daemon=True).start()
    try:
        answer = answers.get(timeout=deadline.left)
    except queue.Empty:
        raise TimeoutError from None
    if isinstance(answer, str):
        return answer
    if isinstance(answer, OSError):
        raise answer
    raise _refused(subscriber, host, str(answer))


def _post(
    host: str, port: int, address: str, target: str, body: bytes, headers: dict[str, str], deadline: Deadline
) -> tuple[int, str | None]:
    """(status, Retry-After)."""
    context = ssl.create_default_context()  # an authority of one's own: SSL_CERT_FILE
    connection = _Connection(address, port, server_hostname=host, ssl_context=context, timeout=deadline.left)
    connection.deadline = deadline
    try:
        connection.request("POST", target, body=body, headers=headers, preload_content=False, decode_content=False)
        with closing(connection.getresponse()) as response:
            deadline.check()  # a head that it cut short looks whole
            _read(response)
            return response.status, response.headers.get("Retry-After")
    finally:
        connection.close()


def _read(response: Any) -> None:
    """Some of the answer, so that its sender does not see the connection break; it has been given already."""
    try:
        response.read(_ANSWER_BYTES)
    except (OSError, HTTPException, HTTPError):
        return


# ── failures ─────────────────────────────────────────────────────────────────────────────────────────────


def _refused(subscriber: str, host: str, why: str) -> DeliveryError:
    return DeliveryError(
        f"{subscriber}: {host or 'its address'} is refused: {why}",
        code="refused_address",
        remedy="nothing was sent; the url of the subscription must lead to a public https server",
        transient=False,
    )


def _failure(subscriber: str, host: str, error: Exception, deadline: Deadline) -> DeliveryError:
    if deadline.expired or isinstance(error, TimeoutError):
        return DeliveryError(
            f"{subscriber}: {host} has not answered within {deadline.seconds:g} s",
            code="deadline",
            remedy="it is tried again; a receiver should answer first and work then",
            transient=True,
        )
    if isinstance(error, ssl.SSLError):
        code, remedy = (
            "tls",
            "the receiver's certificate or this machine's clock is wrong; never switch the check off",
        )
        why = getattr(error, "verify_message", "") or error.reason or str(error)
    else:
        code, remedy = "connection", "it is tried again; check the network of this machine, then the receiver"
        why = (isinstance(error, OSError) and error.strerror) or str(error) or type(error).__name__
    return DeliveryError(
        f"{subscriber}: {host}: {' '.join(why.split())[:200]}", code=code, remedy=remedy, transient=True
    )


def _said(subscriber: str, host: str, status: int, retry_after: str | None) -> DeliveryError:
    transient = status in _PATIENT or not 300 <= status < 500
    if status == 410:
        remedy = "the receiver wants no more messages: end the subscription"
    elif transient:
        remedy = "it is tried again"
    elif status < 400:
        remedy = "redirects are not followed: give the new url in the subscription"
    else:
        remedy = "ask the receiver whether the url and the secret are right"
    return DeliveryError(
        f"{subscriber}: {host} said HTTP {status}",
        code=f"http_{status}",
        remedy=remedy,
        transient=transient,
        gone=status == 410,
        retry_after=float(retry_after) if retry_after and re.fullmatch(r"[0-9]{1,5}", retry_after) else None,
    )
