"""A subscriber, a parcel, and an authority whose certificates the tests trust."""

from __future__ import annotations

import datetime as dt
import ipaddress
import ssl
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from bousai.deliver import Parcel, hand_over
from bousai.errors import DeliveryError
from bousai.model import Subscription

NOW = datetime(2026, 11, 5, 10, 0, 0, 900000, tzinfo=dt.timezone(dt.timedelta(hours=9)))
"""Not in UTC, and not on a whole second."""
CAP = '<?xml version="1.0" encoding="UTF-8"?>\n<alert><identifier>urn:bousai:1</identifier>大雨</alert>\r\n'.encode()
SENDER = ("防災情報", "alert@bousai.example.jp")


def a_parcel(**more: Any) -> Parcel:
    """An actual 大雨警報 in two municipalities of Ishikawa, for an hour."""
    given = {
        "identifier": "urn:bousai:1",
        "status": "actual",
        "rule": "weather_warning",
        "subject": "大雨/土砂",
        "ended": False,
        "expires": NOW + dt.timedelta(hours=1),
        "headline": "大雨警報（土砂災害）",
        "text": "輪島市では、土砂災害に警戒してください。\n",
        "cap": CAP,
        "munis": ("17204", "17205"),
        "left": (),
        "summary": {"msg_type": "Alert", "severity": "Moderate", "headline": "大雨警報（土砂災害）"},
    }
    return Parcel(**{**given, **more})


def a_subscription(channel: dict[str, Any], *, exercise: bool = False) -> Subscription:
    return Subscription.model_validate({"id": "wajima", "title": "輪島市", "channel": channel, "exercise": exercise})


def give(subscription: Subscription, parcel: Parcel | None = None, **environ: str) -> None:
    """Hand a parcel over, with an environment of these variables alone."""
    hand_over(subscription, parcel or a_parcel(), environ=environ, sender=SENDER, now=NOW)


def failure(subscription: Subscription, parcel: Parcel | None = None, **environ: str) -> DeliveryError:
    """The error of handing a parcel over; it is one line, says what to do, and tells none of the secrets."""
    with pytest.raises(DeliveryError) as caught:
        give(subscription, parcel, **environ)
    error = caught.value
    assert error.remedy
    for text in (error.cause, error.remedy):
        assert "\n" not in text
        assert "s3cret" not in text
        assert "@" not in text.replace("user:password@", "").replace("name@host", "")
        assert not any(part in text for value in environ.values() for part in value.split() if len(part) > 9)
    return error


class Authority:
    """Signs certificates; `pem` is what to trust."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "authority of a test")])
        usage = dict.fromkeys(("digital_signature", "key_cert_sign", "crl_sign"), True) | dict.fromkeys(
            ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement"), False
        )
        built = (
            self._builder(self._name, self._key)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(x509.KeyUsage(encipher_only=False, decipher_only=False, **usage), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        self.pem = folder / "authority.pem"
        self.pem.write_bytes(built.public_bytes(serialization.Encoding.PEM))

    def _builder(self, name: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(days=1))
            .not_valid_after(now + dt.timedelta(days=1))
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
        )

    def certificate(self, names: Sequence[str]) -> tuple[Path, Path]:
        """(certificate, key) for these names and addresses."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "receiver")])
        built = (
            self._builder(name, key)
            .add_extension(x509.SubjectAlternativeName([_alternative(one) for one in names]), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        pem, private = self._folder / f"{names[0]}.pem", self._folder / f"{names[0]}.key"
        pem.write_bytes(built.public_bytes(serialization.Encoding.PEM))
        private.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return pem, private

    def server(self, *names: str) -> ssl.SSLContext:
        """What a server with such a certificate speaks TLS with."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self.certificate(names))
        return context


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
