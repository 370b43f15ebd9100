"""Which addresses may be connected to. Names are resolved by this machine's resolver, in every writing it takes."""

from __future__ import annotations

import socket

import pytest

from bousai import addresses


@pytest.mark.parametrize(
    "host",
    [
        "127.1",
        "0x7f000001",
        "2130706433",
        "017700000001",
        "127.0.0.1",
        "::1",
        "::",
        "::ffff:127.0.0.1",
        "::127.0.0.1",
        "①②⑦.⓪.⓪.①",
        "１２７．０．０．１",
        "localhost",
        "0.0.0.0",  # noqa: S104  # nothing is bound to it
        "10.0.0.1",
        "100.64.0.1",
        "169.254.169.254",
        "172.16.0.1",
        "192.168.1.1",
        "192.0.2.1",
        "198.18.0.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "fe80::1",
        "fec0::1",
        "fd00::1",
        "ff02::1",
        "2001:db8::1",
        "2002:7f00:1::",  # 6to4 of 127.0.0.1
        "2002:a00:1::",
        "64:ff9b::7f00:1",  # NAT64 of 127.0.0.1
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::808:808",
    ],
)
def test_what_is_not_public_is_refused_with_the_reason(host: str) -> None:
    with pytest.raises(ValueError, match="not a public address"):
        addresses.public_address(host, 443)


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("93.184.215.14", "93.184.215.14"),
        ("0x5db8d70e", "93.184.215.14"),
        ("2606:2800:21f:cb07::1", "2606:2800:21f:cb07::1"),
        ("::ffff:93.184.215.14", "::ffff:93.184.215.14"),
        ("64:ff9b::5db8:d70e", "64:ff9b::5db8:d70e"),  # how a network without IPv4 reaches 93.184.215.14
    ],
)
def test_what_is_public_is_given(host: str, address: str) -> None:
    assert addresses.public_address(host, 443) == address


def resolves(monkeypatch: pytest.MonkeyPatch, *found: str) -> None:
    def resolve(host: str, port: int, **_: object) -> list[object]:
        return [(socket.AF_INET6 if ":" in one else socket.AF_INET, 1, 6, "", (one, port)) for one in found]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)


def test_one_address_inside_refuses_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    resolves(monkeypatch, "93.184.215.14", "127.0.0.1")
    with pytest.raises(ValueError, match=r"resolves to 127\.0\.0\.1, which is not a public address"):
        addresses.public_address("hooks.example.jp", 443)


def test_ipv4_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    resolves(monkeypatch, "2606:2800:21f:cb07::1", "93.184.215.14")
    assert addresses.public_address("hooks.example.jp", 443) == "93.184.215.14"


def test_a_name_without_an_address_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    resolves(monkeypatch)
    with pytest.raises(ValueError, match="nothing"):
        addresses.public_address("hooks.example.jp", 443)


def test_what_is_no_name_is_refused() -> None:
    with pytest.raises(ValueError, match="no name"):
        addresses.public_address("a" * 64 + ".example.jp", 443)


def test_a_name_that_does_not_resolve_is_an_error_of_the_system() -> None:
    with pytest.raises(OSError, match=r".+"):
        addresses.public_address("[::ffff:127.0.0.1]", 443)
