"""Signed CAP messages: ours pass, and every way we know of to pass a forgery off as ours is refused."""

from __future__ import annotations

import itertools
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

import pytest
from capvalidator.validate import Validator
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from signxml.algorithms import CanonicalizationMethod, DigestAlgorithm, SignatureConstructionMethod, SignatureMethod
from signxml.signer import XMLSigner
from signxml.verifier import SignatureConfiguration, XMLVerifier

from bousai.formats import cap_xml
from bousai.formats.cap_xml import CapSignatureError
from bousai.model import Alert, CapArea, CapInfo

NS = "{urn:oasis:names:tc:emergency:cap:1.2}"
DS = "{http://www.w3.org/2000/09/xmldsig#}"
JST = timezone(timedelta(hours=9))
SENT = datetime(2026, 7, 4, 6, 30, tzinfo=JST)
VALID = (SENT - timedelta(days=1), SENT + timedelta(days=3650))
RING = ((35.5, 139.5), (35.6, 139.5), (35.6, 139.6), (35.5, 139.5))
MESSAGE = cap_xml.write(
    Alert(
        identifier="urn:x:1",
        sender="info@example.jp",
        sent=SENT,
        status="Actual",
        msg_type="Alert",
        infos=(
            CapInfo(
                "ja-JP", ("Met",), "大雨", ("Evacuate",), "Immediate", "Severe", "Likely", "避難指示 <&>",
                "行\r\n改行\t", "", "試験市", SENT + timedelta(hours=3), areas=(CapArea("世田谷区", (RING,)),),
            ),
        ),
    )
)  # fmt: skip

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@dataclass(frozen=True)
class Signer:
    key: PrivateKey
    certificate: x509.Certificate

    @property
    def key_pem(self) -> bytes:
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)


def signer(key: PrivateKey, valid: tuple[datetime, datetime] = VALID) -> Signer:
    """Self-signed; the name says nothing: a forger writes the same one."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "info@example.jp")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(valid[0]).not_valid_after(valid[1])
    return Signer(key, builder.sign(key, hashes.SHA256()))


OURS = signer(rsa.generate_private_key(65537, 2048))
OURS_EC = signer(ec.generate_private_key(ec.SECP256R1()))
FORGER = signer(rsa.generate_private_key(65537, 2048))
# The outside validator asks what time it is.
FORGER_TODAY = signer(FORGER.key, (datetime.now(UTC) - timedelta(days=1), datetime.now(UTC) + timedelta(days=1)))
SIGNED = cap_xml.sign(MESSAGE, OURS.key_pem, OURS.pem)


def refused(body: bytes, certificate: bytes = OURS.pem, at: datetime | None = None) -> str:
    with pytest.raises(CapSignatureError) as error:
        cap_xml.verified(body, certificate, at)
    assert "\n" not in str(error.value)
    return str(error.value)


def parts(body: bytes) -> tuple[etree._Element, etree._Element]:
    root = etree.fromstring(body)
    (signature,) = root.iter(f"{DS}Signature")
    return root, signature


def canonical(root: etree._Element) -> bytes:
    return etree.tostring(root, method="c14n", exclusive=True)


def signed_by_hand(
    message: bytes = MESSAGE,
    by: Signer = OURS,
    method: SignatureMethod = SignatureMethod.RSA_SHA256,
    digest: DigestAlgorithm = DigestAlgorithm.SHA256,
    canonicalisation: CanonicalizationMethod = CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0,
    *,
    carried: list[x509.Certificate] | None = None,
    bare: bool = False,
) -> bytes:
    """As another program would sign: any algorithm, any certificate carried or none."""

    class Anything(XMLSigner):
        def check_deprecated_methods(self) -> None:
            """Weak ones too."""

    maker = Anything(SignatureConstructionMethod.enveloped, method, digest, canonicalisation)
    root = maker.sign(etree.fromstring(message), key=by.key, cert=carried or [by.certificate])
    if bare:
        info = root.find(f".//{DS}KeyInfo")
        info.getparent().remove(info)
    return etree.tostring(root)


# --- good ones ---


@pytest.mark.parametrize("by", [OURS, OURS_EC], ids=["rsa", "ec"])
def test_what_we_sign_is_still_cap_and_verifies(by: Signer) -> None:
    body = cap_xml.sign(MESSAGE, by.key_pem, by.pem)
    assert cap_xml.faults(body) == []
    assert Validator(body).schema()[0] is True
    root, signature = parts(body)
    assert signature is root[-1]
    kind = "rsa" if by is OURS else "ecdsa"
    assert [one.get("Algorithm") for one in signature.iter() if one.get("Algorithm")] == [
        "http://www.w3.org/2001/10/xml-exc-c14n#",
        f"http://www.w3.org/2001/04/xmldsig-more#{kind}-sha256",
        "http://www.w3.org/2000/09/xmldsig#enveloped-signature",
        "http://www.w3.org/2001/10/xml-exc-c14n#",
        "http://www.w3.org/2001/04/xmlenc#sha256",
    ]
    content = cap_xml.verified(body, by.pem)
    assert canonical(etree.fromstring(content)) == canonical(etree.fromstring(MESSAGE))
    assert cap_xml.faults(content) == []


def test_the_outside_validator_accepts_our_signature() -> None:
    today = signer(OURS.key, (datetime.now(UTC) - timedelta(days=1), datetime.now(UTC) + timedelta(days=1)))
    assert Validator(cap_xml.sign(MESSAGE, today.key_pem, today.pem)).signature()[0] is True


@pytest.mark.parametrize(
    "method", [SignatureMethod.RSA_SHA256, SignatureMethod.RSA_SHA384, SignatureMethod.RSA_SHA512]
)
@pytest.mark.parametrize(
    "canonicalisation",
    [
        CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0,
        CanonicalizationMethod.CANONICAL_XML_1_0,
        CanonicalizationMethod.CANONICAL_XML_1_1,
    ],
)
def test_other_strong_ways_to_sign_are_accepted(
    method: SignatureMethod, canonicalisation: CanonicalizationMethod
) -> None:
    body = signed_by_hand(method=method, canonicalisation=canonicalisation)
    assert canonical(etree.fromstring(cap_xml.verified(body, OURS.pem))) == canonical(etree.fromstring(MESSAGE))


def test_a_message_need_not_carry_the_certificate() -> None:
    assert cap_xml.verified(signed_by_hand(bare=True), OURS.pem)
    assert "not made with the key" in refused(signed_by_hand(by=FORGER, bare=True))


def test_a_comment_neither_breaks_a_signature_nor_parts_a_text() -> None:
    body = SIGNED.replace(b"<identifier>urn:x:1<", b"<identifier>urn:x<!-- -->:1<")
    assert body != SIGNED
    assert etree.fromstring(cap_xml.verified(body, OURS.pem)).findtext(f"{NS}identifier") == "urn:x:1"


def test_the_certificate_must_be_valid_when_the_message_was_sent() -> None:
    old = signer(OURS.key, (SENT - timedelta(days=2), SENT - timedelta(days=1)))
    body = cap_xml.sign(MESSAGE, old.key_pem, old.pem)
    assert refused(body, old.pem) == "the certificate is not valid at 2026-07-04T06:30:00+09:00"
    assert cap_xml.verified(body, old.pem, SENT - timedelta(hours=36))
    assert "not valid" in refused(SIGNED, OURS.pem, SENT + timedelta(days=9999))


# --- forgeries ---


def test_a_message_without_a_signature_is_refused() -> None:
    assert refused(MESSAGE) == "the message is not signed"


def test_an_edited_message_is_refused() -> None:
    assert "避難指示".encode() in SIGNED
    edited = SIGNED.replace("避難指示".encode(), "避難解除".encode())
    assert refused(edited) == "the message was changed after it was signed"
    assert refused(SIGNED.replace(b"</sender>", b"</sender> ")) == "the message was changed after it was signed"


def test_a_forgery_with_its_own_certificate_passes_outside_and_is_refused_here() -> None:
    forged = cap_xml.sign(MESSAGE, FORGER_TODAY.key_pem, FORGER_TODAY.pem)
    assert Validator(forged).signature() == (True, "CAP alert signature is valid.")
    assert refused(forged) == "the message was signed with another certificate"


def test_a_forger_who_carries_our_certificate_is_refused() -> None:
    cause = "the signature was not made with the key of the certificate"
    assert refused(signed_by_hand(by=FORGER, carried=[OURS.certificate])) == cause
    assert refused(signed_by_hand(by=FORGER, carried=[FORGER.certificate, OURS.certificate])) == cause


def test_a_certificate_of_the_same_key_that_is_not_the_pinned_one_is_refused() -> None:
    assert refused(SIGNED, signer(OURS.key).pem) == "the message was signed with another certificate"


def test_a_signature_by_another_kind_of_key_is_refused() -> None:
    body = cap_xml.sign(MESSAGE, OURS_EC.key_pem, OURS_EC.pem)
    carried = b64encode(OURS.certificate.public_bytes(Encoding.DER)).decode()
    root, signature = parts(body)
    (certificate,) = signature.iter(f"{DS}X509Certificate")
    certificate.text = carried
    assert "malformed" in refused(etree.tostring(root))


def moved_into_wrapper() -> etree._Element:
    root, _ = parts(SIGNED)
    wrapper = etree.Element("wrapper")
    wrapper.append(root)
    return wrapper


def beside_in_wrapper() -> etree._Element:
    root, signature = parts(SIGNED)
    wrapper = etree.Element("wrapper")
    wrapper.extend([root, signature])
    return wrapper


def evil() -> etree._Element:
    return etree.fromstring(MESSAGE.replace("避難指示".encode(), "逃げるな".encode()))


def original_inside_evil() -> etree._Element:
    root, _ = parts(SIGNED)
    other = evil()
    other.append(root)
    return other


def signature_taken_by_evil() -> etree._Element:
    _, signature = parts(SIGNED)
    other = evil()
    other.append(signature)
    return other


def original_inside_the_signature() -> etree._Element:
    _, signature = parts(SIGNED)
    other = evil()
    other.append(signature)
    etree.SubElement(signature, f"{DS}Object").append(etree.fromstring(MESSAGE))
    return other


def signed_element_named_by_id() -> etree._Element:
    root = etree.fromstring(MESSAGE)
    root.set("Id", "it")
    maker = XMLSigner(SignatureConstructionMethod.enveloped, c14n_algorithm="http://www.w3.org/2001/10/xml-exc-c14n#")
    signed = maker.sign(root, key=OURS.key, cert=[OURS.certificate], reference_uri="it")
    (signature,) = signed.iter(f"{DS}Signature")
    other = evil()
    other.extend([signed, signature])
    return other


def signature_deeper() -> etree._Element:
    root, signature = parts(SIGNED)
    info = root.find(f"{NS}info")
    assert info is not None
    info.append(signature)
    return root


def signature_first() -> etree._Element:
    root, signature = parts(SIGNED)
    root.insert(0, signature)
    return root


NOT_OURS = "the root element is 'wrapper', not an alert of urn:oasis:names:tc:emergency:cap:1.2"


def test_the_signature_of_a_wrapped_message_is_right_and_still_not_of_the_message() -> None:
    result = XMLVerifier().verify(
        etree.tostring(signed_element_named_by_id()),
        x509_cert=OURS.certificate,
        expect_config=SignatureConfiguration(verification_time=SENT),
    )
    assert not isinstance(result, list)
    assert result.signed_data == canonical(etree.fromstring(MESSAGE.replace(b"<alert ", b'<alert Id="it" ')))


@pytest.mark.parametrize(
    ("wrapped", "cause"),
    [
        (moved_into_wrapper, NOT_OURS),
        (beside_in_wrapper, NOT_OURS),
        (original_inside_evil, "the signature is not the last child of the alert"),
        (signature_taken_by_evil, "the message was changed after it was signed"),
        (original_inside_the_signature, "the message was changed after it was signed"),
        (signed_element_named_by_id, "the signature is not of the whole message"),
        (signature_deeper, "the signature is not the last child of the alert"),
        (signature_first, "the signature is not the last child of the alert"),
    ],
)
def test_a_wrapped_message_is_refused(wrapped: Callable[[], etree._Element], cause: str) -> None:
    assert refused(etree.tostring(wrapped())) == cause


def test_two_signatures_are_refused() -> None:
    root, _ = parts(SIGNED)
    _, second = parts(cap_xml.sign(MESSAGE, FORGER.key_pem, FORGER.pem))
    root.append(second)
    assert refused(etree.tostring(root)) == "the message has more than one signature"


@pytest.mark.parametrize(
    ("method", "digest", "name"),
    [
        (SignatureMethod.RSA_SHA1, DigestAlgorithm.SHA256, "SignatureMethod"),
        (SignatureMethod.RSA_SHA224, DigestAlgorithm.SHA256, "SignatureMethod"),
        (SignatureMethod.RSA_SHA256, DigestAlgorithm.SHA1, "DigestMethod"),
    ],
)
def test_weak_algorithms_are_refused(method: SignatureMethod, digest: DigestAlgorithm, name: str) -> None:
    cause = refused(signed_by_hand(method=method, digest=digest))
    assert cause.startswith(f"{name} 'http://www.w3.org/")
    assert cause.endswith("is weak or unknown")


def test_the_certificate_as_a_shared_secret_is_refused() -> None:
    maker = XMLSigner(SignatureConstructionMethod.enveloped, SignatureMethod.HMAC_SHA256)
    signed = maker.sign(etree.fromstring(MESSAGE), key=OURS.pem)
    assert "hmac-sha256' is weak or unknown" in refused(etree.tostring(signed))


def with_transforms(*algorithms: str) -> bytes:
    root, signature = parts(SIGNED)
    (transforms,) = signature.iter(f"{DS}Transforms")
    transforms[:] = [etree.Element(f"{DS}Transform", Algorithm=one) for one in algorithms]
    return etree.tostring(root)


@pytest.mark.parametrize(
    "algorithms",
    [
        (),
        ("http://www.w3.org/2001/10/xml-exc-c14n#",),
        ("http://www.w3.org/2000/09/xmldsig#enveloped-signature", "http://www.w3.org/2000/09/xmldsig#base64"),
        ("http://www.w3.org/2000/09/xmldsig#enveloped-signature", "http://www.w3.org/TR/1999/REC-xslt-19991116"),
        ("http://www.w3.org/2000/09/xmldsig#enveloped-signature", *["http://www.w3.org/2001/10/xml-exc-c14n#"] * 2),
    ],
)
def test_a_signature_of_something_made_from_the_message_is_refused(algorithms: tuple[str, ...]) -> None:
    assert refused(with_transforms(*algorithms)) == "the signature is not of the message as it is"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("SignatureValue", ""),
        ("SignatureValue", "%%%"),
        ("SignatureValue", "AAAA"),
        ("DigestValue", "AAAA"),
        ("DigestValue", ""),
        ("X509Certificate", ""),
        ("X509Certificate", "AAA"),
    ],
)
def test_a_damaged_signature_is_refused(name: str, text: str) -> None:
    root, signature = parts(SIGNED)
    (element,) = signature.iter(DS + name)
    element.text = text
    assert refused(etree.tostring(root))


@pytest.mark.parametrize("name", ["SignedInfo", "SignatureValue", "Reference", "Transforms", "DigestMethod"])
def test_a_signature_that_lacks_a_part_is_refused(name: str) -> None:
    root, signature = parts(SIGNED)
    (element,) = signature.iter(DS + name)
    parent = element.getparent()
    assert parent is not None
    parent.remove(element)
    assert refused(etree.tostring(root))


@given(st.data())
def test_no_changed_byte_is_ever_returned(data: st.DataObject) -> None:
    body = bytearray(SIGNED)
    for _ in range(data.draw(st.integers(1, 3))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    try:
        content = cap_xml.verified(bytes(body), OURS.pem)
    except CapSignatureError:
        return
    assert canonical(etree.fromstring(content)) == canonical(etree.fromstring(MESSAGE))


@pytest.mark.parametrize(
    ("body", "cause"),
    [
        (b"", "empty"),
        (b"<alert/>", "the root element is 'alert'"),
        (SIGNED.replace(b"<alert", b'<!DOCTYPE alert [<!ENTITY x "y">]><alert', 1), "DOCTYPE"),
        (SIGNED + b" " * cap_xml.MOST_BYTES, "more than the 10000000"),
        (SIGNED.replace(b"<sent>", b"<sent>x"), "the message does not say when it was sent"),
    ],
    ids=itertools.count(),
)
def test_what_is_no_message_is_refused(body: bytes, cause: str) -> None:
    assert cause in refused(body)


def test_a_pinned_certificate_that_cannot_be_read_is_told() -> None:
    assert refused(SIGNED, b"nonsense") == "the certificate cannot be read as PEM"


# --- what cannot be signed ---


def ed25519_pem() -> bytes:
    return ed25519.Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@pytest.mark.parametrize(
    ("body", "key", "certificate", "cause"),
    [
        (SIGNED, OURS.key_pem, OURS.pem, "the message is signed already"),
        (MESSAGE, FORGER.key_pem, OURS.pem, "the certificate is of another key"),
        (MESSAGE, OURS_EC.key_pem, OURS.pem, "the certificate is of another key"),
        (MESSAGE, b"nonsense", OURS.pem, "the key cannot be read"),
        (MESSAGE, OURS.key_pem, OURS.key_pem, "the certificate cannot be read as PEM"),
        (MESSAGE, ed25519_pem(), OURS.pem, "the key is neither RSA nor EC"),
        (
            MESSAGE,
            OURS.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")),
            OURS.pem,
            "the key cannot be read",
        ),
        (b"<alert/>", OURS.key_pem, OURS.pem, "the root element is 'alert'"),
        (b"no", OURS.key_pem, OURS.pem, "not well-formed XML"),
    ],
    ids=itertools.count(),  # keys are made anew in every process, which must all see tests of the same names
)
def test_what_cannot_be_signed_is_told_in_a_line(body: bytes, key: bytes, certificate: bytes, cause: str) -> None:
    with pytest.raises(CapSignatureError, match=cause) as error:
        cap_xml.sign(body, key, certificate)
    assert "\n" not in str(error.value)
