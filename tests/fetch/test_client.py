"""One guarded GET against real servers that answer well, slowly, too much, half, or from the wrong place."""

from __future__ import annotations

import datetime as dt
import gzip
import re
import socket
import ssl
import threading
import time
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from bousai import __version__
from bousai.errors import FetchError
from bousai.fetch import Answer, Client, Question
from bousai.fetch import client as client_module
from tests.fetch.scripted import Exchange, Site, serving

HOST = "feeds.example.jp"
URL = f"https://{HOST}/a/b.xml"
PUBLIC = "93.184.215.14"
PROXIES = ["http_proxy", "https_proxy", "all_proxy", "no_proxy"]


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def ask(site: Site, url: str = URL, *, deadline: float = 10, max_bytes: int = 1 << 20) -> Answer:
    with Client([HOST], deadline=deadline, max_bytes=max_bytes, playback=site.address) as client:
        return client.get(Question(url))


def failure(script: Callable[[Exchange], None], *, deadline: float = 10, max_bytes: int = 1 << 20) -> FetchError:
    """The error of one GET of `URL` from a server with this script."""
    with serving(script) as site, pytest.raises(FetchError) as caught:
        ask(site, deadline=deadline, max_bytes=max_bytes)
    assert "\n" not in caught.value.cause
    assert f"https://{HOST}/" in caught.value.cause
    assert caught.value.remedy
    return caught.value


# ── good answers ─────────────────────────────────────────────────────────────────────────────────────────


def test_gives_the_body_decoded_and_its_validators() -> None:
    body = "<Report>訓練</Report>".encode() * 1000

    def script(exchange: Exchange) -> None:
        exchange.reply(
            200,
            gzip.compress(body),
            Content_Encoding="gzip",
            ETag='"one"',
            Last_Modified="Thu, 05 Nov 2026 01:02:03 GMT",
            Bousai_Status="exercise",
        )

    with serving(script) as site:
        answer = ask(site, f"{URL}?x=1&y=%E8%A8%93")
    assert answer == Answer(200, body, '"one"', "Thu, 05 Nov 2026 01:02:03 GMT", "exercise")
    assert site.paths == [f"/{HOST}/a/b.xml?x=1&y=%E8%A8%93"]


def test_says_who_asks_and_takes_gzip() -> None:
    with serving(lambda exchange: exchange.reply(200, b"x")) as site:
        assert ask(site) == Answer(200, b"x", None, None, None)
    (request,) = site.requests
    assert request.headers["User-Agent"].startswith(f"bousai/{__version__} ")
    assert request.headers["Accept-Encoding"] == "gzip"
    assert not {"If-None-Match", "If-Modified-Since"} & set(request.headers)


def test_asks_on_condition_and_understands_304() -> None:
    with (
        serving(lambda exchange: exchange.reply(304, ETag='"two"')) as site,
        Client([HOST], deadline=10, max_bytes=100, playback=site.address) as client,
    ):
        answer = client.get(Question(URL, '"one"', "Thu, 05 Nov 2026 01:02:03 GMT"))
    assert answer == Answer(304, None, '"two"', None, None)
    (request,) = site.requests
    assert request.headers["If-None-Match"] == '"one"'
    assert request.headers["If-Modified-Since"] == "Thu, 05 Nov 2026 01:02:03 GMT"


def test_a_body_of_just_the_cap_is_taken_and_an_empty_one_too() -> None:
    with serving(lambda exchange: exchange.reply(200, b"x" * 1000 if "full" in exchange.path else b"")) as site:
        assert ask(site, f"https://{HOST}/full", max_bytes=1000).body == b"x" * 1000
        assert ask(site, f"https://{HOST}/empty", max_bytes=1000).body == b""


def test_a_connection_is_used_again_and_obeys_the_deadline_again() -> None:
    def script(exchange: Exchange) -> None:
        if "slow" in exchange.path:
            exchange.raw("HTTP/1.1 200 X", "Content-Length: 100000", "")
            exchange.drip(b"x")
        exchange.reply(200, b"x")

    with (
        serving(script) as site,
        Client([HOST], deadline=1, max_bytes=1 << 20, playback=site.address) as client,
    ):
        client.get(Question(f"https://{HOST}/one"))
        client.get(Question(f"https://{HOST}/two"))
        assert site.connections == 1
        started = time.monotonic()
        with pytest.raises(FetchError) as caught:
            client.get(Question(f"https://{HOST}/slow"))
        assert caught.value.code == "deadline"
        assert time.monotonic() - started < 3
        assert site.connections == 1
        # the broken connection is not used again, and the watch of the last exchange does not reach this one
        assert client.get(Question(f"https://{HOST}/three")).body == b"x"
        assert site.connections == 2


# ── too much ─────────────────────────────────────────────────────────────────────────────────────────────


def test_a_gzip_bomb_without_end_stops_at_the_cap() -> None:
    cap = 4 << 20
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    head = packer.compress(b"") + packer.flush(zlib.Z_FULL_FLUSH)
    million = packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    sent = []

    def script(exchange: Exchange) -> None:
        exchange.raw("HTTP/1.1 200 X", "Content-Encoding: gzip", "Transfer-Encoding: chunked", "")
        exchange.wfile.write(b"%x\r\n%s\r\n" % (len(head), head))
        while not exchange.site.over.is_set():
            exchange.wfile.write(b"%x\r\n%s\r\n" % (len(million), million))
            sent.append(len(million))

    tracemalloc.start()
    try:
        error = failure(script, deadline=20, max_bytes=cap)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (error.code, error.transient) == ("too_large", False)
    assert sum(sent) < 64 << 20  # it hung up; what was sent stood in buffers
    assert peak < cap + (40 << 20)


@pytest.mark.parametrize("length", ["Content-Length: 1001", "Transfer-Encoding: chunked", "Connection: close"])
def test_one_byte_too_many_is_too_many(length: str) -> None:
    def script(exchange: Exchange) -> None:
        exchange.raw("HTTP/1.1 200 X", length, "")
        exchange.wfile.write(b"3e9\r\n%s\r\n0\r\n\r\n" % (b"x" * 1001) if "chunked" in length else b"x" * 1001)
        exchange.cut()

    assert failure(script, max_bytes=1000).code == "too_large"


# ── too slow ─────────────────────────────────────────────────────────────────────────────────────────────


def drips_body(exchange: Exchange) -> None:
    exchange.raw("HTTP/1.1 200 X", "Content-Length: 100000", "")
    exchange.drip(b"x")


def drips_body_that_ends_with_the_connection(exchange: Exchange) -> None:
    exchange.raw("HTTP/1.1 200 X", "Connection: close", "Content-Length: 100000", "")
    exchange.drip(b"x")


def drips_body_of_http_1_0(exchange: Exchange) -> None:
    exchange.raw("HTTP/1.0 200 X", "")
    exchange.drip(b"x")


def drips_chunks(exchange: Exchange) -> None:
    exchange.raw("HTTP/1.1 200 X", "Transfer-Encoding: chunked", "")
    exchange.drip(b"1\r\nx\r\n")


def drips_inside_a_chunk(exchange: Exchange) -> None:
    exchange.raw("HTTP/1.1 200 X", "Transfer-Encoding: chunked", "", "ffff")
    exchange.drip(b"x")


def drips_headers(exchange: Exchange) -> None:
    exchange.raw("HTTP/1.1 200 X")
    exchange.drip(b"X-A: 1\r\n")


def drips_headers_of_an_error(exchange: Exchange) -> None:
    exchange.raw("HTTP/1.1 404 X")  # cut short by us it would pass for an answer that is final
    exchange.drip(b"X-A: 1\r\n")


def drips_one_header(exchange: Exchange) -> None:
    exchange.raw("HTTP/1.1 200 X", "Content-Length: 0")
    exchange.drip(b"X", b"-", b"A", b":", b"a")


def drips_status_line(exchange: Exchange) -> None:
    exchange.drip(b"H", b"T", b"T", b"P", b"/", b"1", b".", b"1", b" ", b"2", b"0", b"0", b" ", b"x")


def drips_redirects(exchange: Exchange) -> None:
    if exchange.path.endswith("b.xml"):
        time.sleep(0.6)
        exchange.reply(302, Location="/later")
    else:
        time.sleep(0.6)
        exchange.reply(200, b"late")


def accepts_and_is_silent(exchange: Exchange) -> None:
    exchange.silence()


def stops_after_the_headers(exchange: Exchange) -> None:
    exchange.raw("HTTP/1.1 200 X", "Connection: close", "")
    exchange.silence()


def stops_after_a_full_read(exchange: Exchange) -> None:
    exchange.raw("HTTP/1.1 200 X", "Connection: close", "")
    exchange.wfile.write(b"x" * 16 * 1024)
    exchange.silence()


@pytest.mark.parametrize(
    "script",
    [
        drips_body,
        drips_body_that_ends_with_the_connection,
        drips_body_of_http_1_0,
        drips_chunks,
        drips_inside_a_chunk,
        drips_headers,
        drips_headers_of_an_error,
        drips_one_header,
        drips_status_line,
        drips_redirects,
        accepts_and_is_silent,
        stops_after_the_headers,
        stops_after_a_full_read,
    ],
)
def test_the_deadline_holds_for_the_whole_exchange(script: Callable[[Exchange], None]) -> None:
    started = time.monotonic()
    error = failure(script, deadline=0.8)
    assert (error.code, error.transient) == ("deadline", True)
    assert time.monotonic() - started < 3


def test_a_connection_that_opens_after_the_deadline_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    connect = client_module.create_connection

    def slowly(*args: object, **kwargs: object) -> socket.socket:
        time.sleep(0.7)
        return connect(*args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(client_module, "create_connection", slowly)
    started = time.monotonic()
    assert failure(drips_headers, deadline=0.4).code == "deadline"
    assert time.monotonic() - started < 2


def test_a_silent_listener_without_http(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        started = time.monotonic()
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with (
            Client([HOST], deadline=1, max_bytes=100, playback=address) as client,
            pytest.raises(FetchError) as caught,
        ):
            client.get(Question(URL))
    assert caught.value.code == "deadline"
    assert time.monotonic() - started < 3


# ── half an answer ───────────────────────────────────────────────────────────────────────────────────────


def cuts_body(exchange: Exchange) -> None:
    exchange.raw("HTTP/1.1 200 X", "Content-Length: 100", "")
    exchange.wfile.write(b"x" * 99)
    exchange.cut()


def cuts_packed_body(exchange: Exchange) -> None:
    packed = gzip.compress(b"x" * 100_000)
    exchange.raw("HTTP/1.1 200 X", f"Content-Length: {len(packed)}", "Content-Encoding: gzip", "")
    exchange.wfile.write(packed[:-20])
    exchange.cut()


def cuts_inside_a_chunk(exchange: Exchange) -> None:
    exchange.raw("HTTP/1.1 200 X", "Transfer-Encoding: chunked", "")
    exchange.wfile.write(b"5\r\nhello\r\n64\r\nhalf")
    exchange.cut()


def cuts_between_chunks(exchange: Exchange) -> None:
    exchange.raw("HTTP/1.1 200 X", "Transfer-Encoding: chunked", "")
    exchange.wfile.write(b"5\r\nhello\r\n")
    exchange.cut()


def cuts_headers(exchange: Exchange) -> None:
    exchange.raw("HTTP/1.1 200 X", 'ETag: "one"')
    exchange.cut()


@pytest.mark.parametrize(
    "script", [cuts_body, cuts_packed_body, cuts_inside_a_chunk, cuts_between_chunks, cuts_headers]
)
def test_half_an_answer_is_none(script: Callable[[Exchange], None]) -> None:
    error = failure(script)
    assert (error.code, error.transient) == ("truncated", True)


def test_no_answer_and_no_server() -> None:
    error = failure(lambda exchange: exchange.cut())
    assert (error.code, error.transient) == ("connection", True)
    with serving(lambda exchange: exchange.reply(200)) as site:
        pass  # now its port is closed
    with pytest.raises(FetchError) as caught:
        ask(site)
    assert caught.value.code == "connection"
    assert not re.search(r"0x[0-9a-f]{6}", caught.value.cause)  # no addresses of objects: equal causes are one issue


# ── other answers ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("status", "transient"),
    [(404, False), (410, False), (403, False), (204, False), (408, True), (425, True), (429, True), (500, True)],
)
def test_other_statuses(status: int, transient: bool) -> None:
    error = failure(lambda exchange: exchange.reply(status, b"" if status == 204 else b"<html/>"))
    assert (error.code, error.transient, error.retry_after) == (f"http_{status}", transient, None)


@pytest.mark.parametrize(
    ("stated", "understood"), [("30", 30.0), ("-1", None), ("Thu, 05 Nov 2026 01:02:03 GMT", None), ("9" * 400, None)]
)
def test_a_source_that_asks_for_patience(stated: str, understood: float | None) -> None:
    error = failure(lambda exchange: exchange.reply(503, Retry_After=stated))
    assert (error.code, error.transient, error.retry_after) == ("http_503", True, understood)


# ── addresses ────────────────────────────────────────────────────────────────────────────────────────────

ELSEWHERE = [
    f"http://{HOST}/",
    "https://127.1/",
    "https://0x7f000001/",
    "https://2130706433/",
    "https://0177.0.0.1/",
    "https://[::ffff:127.0.0.1]/",
    "https://[::1]/",
    "https://[fe80::1%25eth0]/",
    "https://169.254.169.254/latest/meta-data/",
    "https://１２７.0.0.1/",
    "https://127。0。0。1/",
    "https://localhost/",
    "https://other.example.jp/",
    f"https://{HOST}.example.com/",
    f"https://{HOST}./",
    f"https://user:pass@{HOST}/",
    f"https://@{HOST}/",
    f"https://{HOST}@127.0.0.1/",
    f"https://{HOST}:8443/",
    f"https://{HOST}:80/",
    f"https://{HOST}:99999/",
    f"https://{HOST}\\@127.0.0.1/",
    f"https://{HOST}%2f@127.0.0.1/",
    f"https://{HOST}℀127.0.0.1/",
    "https://[/",
    "https:///etc/passwd",
    "file:///etc/passwd",
    "ftp://" + HOST,
    "/etc/passwd",
    "",
]


@pytest.mark.parametrize("url", ELSEWHERE)
def test_an_address_elsewhere_is_refused_and_nothing_is_asked(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[object] = []

    def connect(address: object, *_: object, **__: object) -> socket.socket:
        opened.append(address)
        raise OSError("a connection was opened")

    monkeypatch.setattr(client_module, "create_connection", connect)
    for playback in (None, "http://127.0.0.1:9"):
        with (
            Client([HOST], deadline=2, max_bytes=100, playback=playback) as client,
            pytest.raises(FetchError) as caught,
        ):
            client.get(Question(url))
        assert (caught.value.code, caught.value.transient) == ("refused_address", False)
    assert opened == []


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "127.1", "0x7f000001", "2130706433", "::ffff:127.0.0.1", "::1", "169.254.169.254", "localhost"],
)
def test_even_a_feed_that_names_this_machine_is_refused(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[object] = []

    def connect(address: object, *_: object, **__: object) -> socket.socket:
        opened.append(address)
        raise OSError("a connection was opened")

    monkeypatch.setattr(client_module, "create_connection", connect)
    with Client([host], deadline=2, max_bytes=100) as client, pytest.raises(FetchError) as caught:
        client.get(Question(f"https://[{host}]/" if ":" in host else f"https://{host}/"))
    assert (caught.value.code, caught.value.transient) == ("refused_address", False)
    assert opened == []


def test_redirects_are_followed_by_hand() -> None:
    def script(exchange: Exchange) -> None:
        step = exchange.path.rpartition("/")[2]
        places = {"b.xml": "two", "two": f"//{HOST}/c/three", "three": f"https://{HOST}/c/four"}
        if step in places:
            exchange.reply(302, b"moved", Location=places[step])
        else:
            exchange.reply(200, b"here")

    with serving(script) as site:
        assert ask(site).body == b"here"
    assert site.paths == [f"/{HOST}/a/b.xml", f"/{HOST}/a/two", f"/{HOST}/c/three", f"/{HOST}/c/four"]


def test_the_body_of_a_redirect_is_not_read() -> None:
    def script(exchange: Exchange) -> None:
        if "later" in exchange.path:
            exchange.reply(200, b"here")
            return
        exchange.raw("HTTP/1.1 302 X", "Location: /later", "Content-Length: 1000000000", "")
        exchange.drip(b"x")

    started = time.monotonic()
    with serving(script) as site:
        assert ask(site, deadline=3).body == b"here"
    assert time.monotonic() - started < 1


def test_too_many_redirects() -> None:
    asked = []

    def script(exchange: Exchange) -> None:
        asked.append(exchange.path)
        exchange.reply(301, Location=f"/{len(asked)}")

    error = failure(script)
    assert (error.code, error.transient) == ("too_many_redirects", False)
    assert len(asked) == 4


@pytest.mark.parametrize(
    "place", ["https://other.example.jp/", f"http://{HOST}/", "//127.0.0.1/", f"https://{HOST}:8443/", "https://["]
)
def test_a_redirect_elsewhere_is_refused(place: str) -> None:
    with serving(lambda exchange: exchange.reply(302, Location=place)) as site, pytest.raises(FetchError) as caught:
        ask(site)
    assert (caught.value.code, caught.value.transient) == ("refused_address", False)
    assert len(site.requests) == 1


# ── names and certificates ───────────────────────────────────────────────────────────────────────────────


def certificate(folder: Path, name: str) -> tuple[Path, ssl.SSLContext]:
    """A certificate for `name` that signs itself: its file, and the server side."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    usage = dict.fromkeys(
        ["content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "crl_sign"], False
    )
    built = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(dt.datetime(2020, 1, 1, tzinfo=dt.UTC))
        .not_valid_after(dt.datetime(2120, 1, 1, tzinfo=dt.UTC))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.KeyUsage(
                digital_signature=True, key_cert_sign=True, encipher_only=False, decipher_only=False, **usage
            ),
            critical=True,
        )
        .sign(key, hashes.SHA256())
    )
    pem = folder / f"{name}.pem"
    pem.write_bytes(built.public_bytes(serialization.Encoding.PEM))
    private = folder / f"{name}.key"
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, private)
    return pem, context


class Internet:
    """Names that resolve as a test says, and addresses that all lead to one local port."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> None:
        self.asked: list[str] = []
        self.opened: list[tuple[str, int]] = []
        self.port = 0
        self._answers = answers
        self._resolve = socket.getaddrinfo
        monkeypatch.setattr(socket, "getaddrinfo", self.resolve)
        monkeypatch.setattr(client_module, "create_connection", self.connect)

    def resolve(self, host: str, port: int, *args: object, **kwargs: object) -> list[object]:
        if host != HOST:
            return list(self._resolve(host, port, *args, **kwargs))  # type: ignore[arg-type]
        found = self._answers[min(len(self.asked), len(self._answers) - 1)]
        self.asked.append(host)
        return [
            (socket.AF_INET6, 1, 6, "", (text, port, 0, 0))
            if ":" in text
            else (socket.AF_INET, 1, 6, "", (text, port))
            for text in found
        ]

    def connect(self, address: tuple[str, int], timeout: float, **_: object) -> socket.socket:
        self.opened.append(address)
        return socket.create_connection(("127.0.0.1", self.port), timeout)


def ask_public(deadline: float = 5) -> Answer:
    with Client([HOST], deadline=deadline, max_bytes=1 << 20) as client:
        return client.get(Question(URL))


@pytest.mark.parametrize(
    "found",
    [
        ["127.0.0.1"],
        ["10.1.2.3"],
        ["192.168.0.1"],
        ["172.16.0.1"],
        ["100.64.0.1"],
        ["169.254.169.254"],
        ["0.0.0.0"],  # noqa: S104  # an answer of a resolver
        ["224.0.0.1"],
        ["255.255.255.255"],
        ["::1"],
        ["::"],
        ["fe80::1%eth0"],
        ["fd00::1"],
        ["ff02::1"],
        ["::ffff:10.0.0.1"],
        [PUBLIC, "127.0.0.1"],
        ["10.0.0.1", PUBLIC],
        [PUBLIC, "fd00::1"],
    ],
)
def test_a_name_that_leads_inside_is_refused(found: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    internet = Internet(monkeypatch, found)
    with pytest.raises(FetchError) as caught:
        ask_public()
    assert (caught.value.code, caught.value.transient) == ("refused_address", False)
    assert internet.opened == []


def test_the_checked_address_is_used_and_the_certificate_is_of_the_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pem, context = certificate(tmp_path, HOST)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(pem))
    internet = Internet(monkeypatch, ["2606:2800:21f:cb07:6820:80da:af6b:8b2c", PUBLIC], ["127.0.0.1"])
    with serving(lambda exchange: exchange.reply(200, b"safe"), tls=context) as site:
        internet.port = site.port
        assert ask_public().body == b"safe"
    assert internet.opened == [(PUBLIC, 443)]
    assert internet.asked == [HOST]  # once: a second answer could be another
    (request,) = site.requests
    assert (request.path, request.headers["Host"]) == ("/a/b.xml", HOST)


def test_the_certificate_of_another_name_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pem, context = certificate(tmp_path, "other.example.jp")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(pem))
    internet = Internet(monkeypatch, [PUBLIC])
    with serving(lambda exchange: exchange.reply(200, b"not safe"), tls=context) as site:
        internet.port = site.port
        with pytest.raises(FetchError) as caught:
            ask_public()
    assert caught.value.code == "tls"
    assert site.requests == []


def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, context = certificate(tmp_path, HOST)
    trusted, _ = certificate(tmp_path, "other.example.jp")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(trusted))
    internet = Internet(monkeypatch, [PUBLIC])
    with serving(lambda exchange: exchange.reply(200, b"not safe"), tls=context) as site:
        internet.port = site.port
        with pytest.raises(FetchError) as caught:
            ask_public()
    assert caught.value.code == "tls"
    assert site.requests == []


@pytest.mark.parametrize("script", [drips_body, drips_body_that_ends_with_the_connection, drips_headers])
def test_the_deadline_holds_under_tls(
    script: Callable[[Exchange], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pem, context = certificate(tmp_path, HOST)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(pem))
    internet = Internet(monkeypatch, [PUBLIC])
    started = time.monotonic()
    with serving(script, tls=context) as site:
        internet.port = site.port
        with pytest.raises(FetchError) as caught:
            ask_public(deadline=0.8)
    assert caught.value.code == "deadline"
    assert time.monotonic() - started < 3


def test_the_deadline_holds_for_the_handshake(monkeypatch: pytest.MonkeyPatch) -> None:
    internet = Internet(monkeypatch, [PUBLIC])
    started = time.monotonic()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        internet.port = listener.getsockname()[1]
        with pytest.raises(FetchError) as caught:
            ask_public(deadline=0.8)
    assert caught.value.code == "deadline"
    assert time.monotonic() - started < 3


def test_an_unknown_name_is_a_connection_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def resolve(*_: object, **__: object) -> list[object]:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    with pytest.raises(FetchError) as caught:
        ask_public()
    assert (caught.value.code, caught.value.transient) == ("connection", True)


def test_the_deadline_holds_behind_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()

    def proxy(listener: socket.socket) -> None:
        taken, _ = listener.accept()
        with taken:
            taken.recv(1000)
            taken.sendall(b"HTTP/1.1 200 X\r\n")
            try:
                while not over.wait(0.2):
                    taken.sendall(b"X-A: 1\r\n")
            except OSError:
                return

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=proxy, args=(listener,))
        thread.start()
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{listener.getsockname()[1]}")
        started = time.monotonic()
        guard = threading.Timer(4, over.set)
        guard.start()
        try:
            with pytest.raises(FetchError) as caught:
                ask_public(deadline=0.8)
        finally:
            guard.cancel()
            over.set()
            thread.join()
    assert caught.value.code == "deadline"
    assert time.monotonic() - started < 3
