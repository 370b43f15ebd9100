"""The board's addresses over a small installation: who may what, and that nobody else may anything."""

from __future__ import annotations

import asyncio
import json
import threading
import warnings
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

import pytest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.routing import Mount

from bousai import archive, pipeline, store
from bousai.board import Person, Scheduler, create
from bousai.errors import StoreError
from bousai.model import RawDocument, Work
from bousai.settings import Settings
from tests import installation
from tests.installation import BROKEN, HELD, NOW, QUARANTINED
from tests.serve.asking import raw

if TYPE_CHECKING:
    from starlette.testclient import TestClient

pytestmark = [pytest.mark.store, pytest.mark.xdist_group("board_app")]

BASE = "http://board.example"
PEOPLE = {
    "nobody": Person("nobody", False, False, False),
    "viewer": Person("viewer", True, False, False),
    "toban": Person("toban", True, True, False),
    "防災課": Person("防災課", True, True, True),
}
HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
}


class Around:
    """What the board is mounted in."""

    def __init__(self) -> None:
        self.who = "防災課"
        self.paused: Collection[str] = ()
        self.parts: list[dict[str, Any]] | None = None

    async def person(self, _: Request) -> Person:
        if self.who not in PEOPLE:
            raise HTTPException(401, "nobody is logged in")
        return PEOPLE[self.who]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return installation.made(tmp_path_factory.mktemp("installation"))


@pytest.fixture
def own(template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    made = installation.copied(template, tmp_path)
    for name, value in installation.environment(tmp_path).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(pipeline.house, "now", lambda: NOW)
    return made


@pytest.fixture
def around() -> Around:
    return Around()


def client_of(app: Starlette) -> TestClient:
    with warnings.catch_warnings():  # it says that a successor of httpx will be wanted one day
        warnings.simplefilter("ignore")
        from starlette.testclient import TestClient
    return TestClient(app, base_url=BASE, raise_server_exceptions=False, follow_redirects=False)


@pytest.fixture
def board(own: Settings, around: Around) -> Starlette:
    return create(Scheduler(around.person, lambda: around.paused, lambda: around.parts))


@pytest.fixture
def client(board: Starlette) -> Iterator[TestClient]:
    with client_of(board) as made:
        yield made


@pytest.fixture
def handle(own: Settings) -> Iterator[store.Store]:
    opened = store.open_store(own.store)
    yield opened
    opened.close()


def message(own: Settings) -> dict[str, str]:
    """The one that waits for approval."""
    opened = store.open_store(own.store)
    try:
        (one,) = store.alerts(opened, state="awaiting")
    finally:
        opened.close()
    return {"identifier": one.identifier, "sha256": one.sha256}


def acts(own: Settings) -> dict[str, dict[str, object]]:
    """Everything that a person can do here, by address."""
    one = message(own)
    digest: dict[str, object] = {"sha256": one["sha256"], "reason": "確認した"}
    return {
        f"/quarantine/{HELD}/retry": {"accept": True},
        f"/quarantine/{QUARANTINED}/dismiss": {"reason": "訓練"},
        "/review/decide": {"left": "a", "right": "b", "verdict": "same", "reason": "訓練"},
        f"/alerts/{one['identifier']}/approve": digest,
        f"/alerts/{one['identifier']}/reject": digest,
    }


def dump(handle: store.Store) -> dict[str, list[Any]]:
    """All that a person can change."""
    message = store.alerts(handle)[0]
    return {
        "works": store.works(handle, since=NOW - timedelta(days=9)),
        "documents": [store.documents(handle, feed) for feed in (*installation.FEEDS, *installation.LISTS)],
        "issues": store.open_issues(handle),
        "alerts": store.alerts(handle),
        "decisions": store.decisions_of(handle, message.number),
        "position": list(store.log_position(handle)),
    }


def refused(answer: Any, status: int) -> str:
    """An answer that says no as all of them do; gives the cause."""
    assert answer.status_code == status, answer.text
    told = answer.json()
    assert set(told) == {"cause", "remedy"}
    assert told["cause"]
    guarded(answer)
    return str(told["cause"])


def guarded(answer: Any) -> None:
    assert HEADERS.items() <= dict(answer.headers).items()
    policy = answer.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'self'" in policy
    assert answer.headers["cache-control"] in ("no-store", "no-cache")


READ = ("/", "/index.html", "/state", "/review", "/work?subject=list_a", f"/documents/{HELD}", "/app.js", "/nothing")


# ── who may what ─────────────────────────────────────────────────────────────────────────────────────────


def test_whoever_may_not_read_reads_nothing(client: TestClient, around: Around, own: Settings) -> None:
    around.who = "nobody"
    for path in (*READ, f"/alerts/{message(own)['identifier']}"):
        assert "nobody" in refused(client.get(path), 403)
    around.who = "a stranger"
    for path in READ:
        answer = client.get(path)
        refused(answer, 401)
        assert answer.json()["remedy"]


@pytest.mark.parametrize("who", ["nobody", "viewer", "a stranger"])
def test_whoever_may_only_look_changes_nothing(
    client: TestClient, around: Around, own: Settings, handle: store.Store, who: str
) -> None:
    around.who, before = who, dump(handle)
    for path, told in acts(own).items():
        refused(client.post(path, json=told), 401 if who == "a stranger" else 403)
    assert dump(handle) == before


def test_whoever_may_act_may_not_decide_on_messages(
    client: TestClient, around: Around, own: Settings, handle: store.Store
) -> None:
    around.who, before = "toban", dump(handle)
    on_messages = {path: told for path, told in acts(own).items() if path.startswith("/alerts/")}
    assert len(on_messages) == 2
    for path, told in on_messages.items():
        refused(client.post(path, json=told), 403)
    assert dump(handle) == before
    assert client.post(f"/quarantine/{HELD}/retry", json={"accept": True}).status_code == 200


def test_whoever_may_decide_on_messages_alone_may_not_act(
    client: TestClient, around: Around, own: Settings, handle: store.Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(PEOPLE, "chief", Person("chief", True, False, True))
    around.who, before = "chief", dump(handle)
    for path, told in acts(own).items():
        if not path.startswith("/alerts/"):
            refused(client.post(path, json=told), 403)
    assert dump(handle) == before


def test_a_viewer_reads_everything_and_is_told_what_he_may(client: TestClient, around: Around) -> None:
    around.who = "viewer"
    told = client.get("/state").json()["person"]
    assert (told["name"], told["may_act"], told["may_approve"]) == ("viewer", False, False)
    around.who = "防災課"
    told = client.get("/state").json()["person"]
    assert (told["name"], told["may_act"], told["may_approve"]) == ("防災課", True, True)


# ── what people do ───────────────────────────────────────────────────────────────────────────────────────


def test_a_document_is_accepted_in_the_name_of_the_account(
    client: TestClient, around: Around, handle: store.Store
) -> None:
    around.who = "toban"
    answer = client.post(f"/quarantine/{HELD}/retry", json={})
    assert answer.json()["outcome"] == "held"
    assert answer.json()["cause"]
    answer = client.post(f"/quarantine/{HELD}/retry", json={"accept": "yes"})
    assert answer.json()["outcome"] == "held", "only true is a yes"
    assert client.post(f"/quarantine/{HELD}/retry", json={"accept": True}).json()["outcome"] == "stored"
    (last, *before) = store.works(handle, since=NOW - timedelta(days=1), verb="retry")
    assert (last.actor, last.reference, last.detail["accept"]) == ("toban", HELD, True)
    assert [one.detail["accept"] for one in before] == [False, False]


def test_a_document_is_dismissed_with_name_and_reason(
    client: TestClient, around: Around, handle: store.Store
) -> None:
    around.who, path = "toban", f"/quarantine/{QUARANTINED}/dismiss"
    for told in ({}, {"reason": " "}, {"reason": 3}, {"reason": None}):
        assert "reason" in refused(client.post(path, json=told), 409)
    assert store.works(handle, since=NOW - timedelta(days=1), verb="dismiss") == []
    assert client.post(path, json={"reason": "訓練", "by": "somebody else"}).status_code == 200
    (row,) = store.works(handle, since=NOW - timedelta(days=1), verb="dismiss")
    assert (row.actor, row.reference, row.detail["reason"]) == ("toban", QUARANTINED, "訓練")
    refused(client.post(path, json={"reason": "訓練"}), 409)


def test_a_message_is_approved_by_the_account(client: TestClient, own: Settings, handle: store.Store) -> None:
    one = message(own)
    path = f"/alerts/{one['identifier']}/approve"
    refused(client.post(path, json={"sha256": "0" * 64, "reason": ""}), 409)
    refused(client.post(path, json={"reason": ""}), 409)
    refused(client.post(path, json={"sha256": one["sha256"], "reason": ["no text"]}), 409)
    told = {"sha256": one["sha256"], "reason": "確認した", "person": "somebody else"}
    answer = client.post(path, json=told)
    assert (answer.status_code, answer.json()["state"]) == (200, "released")
    (decision,) = store.decisions_of(handle, store.alerts(handle)[0].number)
    assert (decision.decision, decision.person, decision.reason) == ("approve", "防災課", "確認した")
    assert decision.sha256 == one["sha256"]
    row = store.works(handle, since=NOW - timedelta(days=1), verb="approve")[0]
    assert (row.actor, row.reference, row.outcome) == ("防災課", one["identifier"], "done")
    refused(client.post(path, json=told), 409)


def test_a_message_is_rejected_by_the_account(client: TestClient, own: Settings, handle: store.Store) -> None:
    one = message(own)
    told = {"sha256": one["sha256"], "reason": "誤り"}
    answer = client.post(f"/alerts/{one['identifier']}/reject", json=told)
    assert (answer.status_code, answer.json()["state"]) == (200, "rejected")
    (decision,) = store.decisions_of(handle, store.alerts(handle)[0].number)
    assert (decision.decision, decision.person, decision.reason) == ("reject", "防災課", "誤り")
    (row,) = store.works(handle, since=NOW - timedelta(days=1), verb="reject")
    assert row.actor == "防災課"


def test_a_word_on_shelters_is_given_in_the_name_of_the_account(
    client: TestClient, around: Around, handle: store.Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    around.who, given = "toban", []
    told = {"left": "a", "right": "b", "verdict": "different", "reason": "訓練", "by": "x"}
    cause = refused(client.post("/review/decide", json=told), 409)
    assert cause, "there are no such entries"
    refused(client.post("/review/decide", json=told | {"verdict": "perhaps"}), 409)
    for name in ("left", "right", "verdict", "reason"):
        assert name in refused(client.post("/review/decide", json={k: v for k, v in told.items() if k != name}), 409)
    assert {row.actor for row in store.works(handle, since=NOW - timedelta(days=1), verb="decide")} <= {"toban"}

    def decide(*names: str, by: str, reason: str) -> dict[str, Any]:
        given.append((*names, by, reason))
        return {"decisions": []}

    monkeypatch.setattr(pipeline, "register_decide", decide)
    assert client.post("/review/decide", json=told).json() == {"decisions": []}
    assert given == [("a", "b", "different", "toban", "訓練")]


def test_the_message_is_shown_with_the_bytes_that_are_approved(client: TestClient, own: Settings) -> None:
    one = message(own)
    told = client.get(f"/alerts/{one['identifier']}").json()
    assert (told["sha256"], told["identifier"]) == (one["sha256"], one["identifier"])
    assert told["cap"].startswith("<?xml")
    refused(client.get("/alerts/no-such-message"), 409)


# ── other pages ──────────────────────────────────────────────────────────────────────────────────────────

FOREIGN: list[dict[str, str]] = [
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site"},
    {"sec-fetch-site": "none"},
    {"origin": "https://evil.example"},
    {"origin": "null"},
    {"origin": f"{BASE}:8080"},
    {"origin": f"{BASE}.evil.example"},
    {"content-type": "text/plain"},
    {"content-type": "application/x-www-form-urlencoded"},
    {"content-type": "multipart/form-data; boundary=application/json"},
    {"content-type": "text/plain; charset=application/json"},
    {"content-type": ""},
]


@pytest.mark.parametrize("headers", FOREIGN, ids=lambda one: "-".join(*one.items()))
def test_no_other_page_has_a_browser_decide(
    client: TestClient, own: Settings, handle: store.Store, headers: dict[str, str]
) -> None:
    before = dump(handle)
    for path, told in acts(own).items():
        body = json.dumps(told).encode()
        refused(client.post(path, content=body, headers={"content-type": "application/json"} | headers), 403)
    assert dump(handle) == before


def test_our_own_page_may(client: TestClient) -> None:
    headers = {"sec-fetch-site": "same-origin", "origin": BASE, "content-type": "application/json; charset=utf-8"}
    path = f"/quarantine/{HELD}/retry"
    assert client.post(path, content=b'{"accept": true}', headers=headers).status_code == 200


def test_nothing_is_done_by_looking(client: TestClient, own: Settings, handle: store.Store) -> None:
    before = dump(handle)
    for path in acts(own):
        for method in ("GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS"):
            assert client.request(method, path).status_code in (404, 405)
    assert dump(handle) == before


# ── what is sent ─────────────────────────────────────────────────────────────────────────────────────────


def test_a_body_that_is_too_long_is_refused(client: TestClient, handle: store.Store) -> None:
    path, before = f"/quarantine/{QUARANTINED}/dismiss", dump(handle)
    assert "long" in refused(client.post(path, json={"reason": "長" * 64 * 1024}), 409)
    assert dump(handle) == before
    assert client.post(path, json={"reason": "長" * 300}).status_code == 200


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b'"text"', b"3", b'{"reason": "\xff"}', b'{"reason": "\\ud800"}', b"[" * 5000],
    ids=repr,
)
def test_what_is_no_json_object_is_refused(client: TestClient, handle: store.Store, body: bytes) -> None:
    before = dump(handle)
    answer = client.post(
        f"/quarantine/{QUARANTINED}/dismiss", content=body, headers={"content-type": "application/json"}
    )
    refused(answer, 409)
    assert answer.json()["remedy"]
    assert dump(handle) == before


# ── files and documents ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "path",
    [
        "/../app.py",
        "/%2e%2e/app.py",
        "/..%2fapp.py",
        "/%2e%2e%2f%2e%2e%2fcli.py",
        "/..%5capp.py",
        "//etc/passwd",
        "/%2fetc%2fpasswd",
        "/app.py",
        "/__init__.py",
        "/.",
        "/..",
        "/.js",
        "/page",
        "/app.js%00.py",
        "/%00.js",
        "/documents/..%2f..%2fapp.py",
        "/nothing.js",
    ],
)
def test_no_path_leads_out_of_the_page(client: TestClient, board: Starlette, path: str) -> None:
    if not path.startswith(("/..", "/.", "//")):  # a client tidies these up before it asks
        refused(client.get(path), 404)
    status, body = raw(board, unquote(path))  # as a server hands it over
    assert (status, set(json.loads(body))) == (404, {"cause", "remedy"})


def test_every_file_of_the_page_is_served_as_what_it_is(client: TestClient) -> None:
    types = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".json": "application/json"}
    folder = Path(pipeline.__file__).parents[1] / "board" / "page"
    files = [path for path in folder.iterdir() if path.is_file()]
    assert {".html", ".js", ".css", ".json"} <= {path.suffix for path in files}
    for path in files:
        answer = client.get(f"/{path.name}")
        assert (answer.status_code, answer.content) == (200, path.read_bytes())
        assert answer.headers["content-type"].startswith(types.get(path.suffix, "image/"))
        guarded(answer)
    assert client.get("/").content == (folder / "index.html").read_bytes()


def test_the_board_may_be_mounted_below(board: Starlette, own: Settings, around: Around) -> None:
    with client_of(Starlette(routes=[Mount("/bousai", board)])) as client:
        assert client.get("/bousai/state").status_code == 200
        assert client.get("/bousai/").status_code == 200
        refused(client.get("/bousai/app.py"), 404)
        refused(client.get("/bousai/..%2fapp.py"), 404)
        assert client.post(f"/bousai/quarantine/{HELD}/retry", json={"accept": True}).status_code == 200
        one = message(own)
        around.who = "toban"
        told = {"sha256": one["sha256"]}
        refused(client.post(f"/bousai/alerts/{one['identifier']}/approve", json=told), 403)


def test_a_document_is_given_as_it_came_and_never_run(client: TestClient) -> None:
    answer = client.get(f"/documents/{QUARANTINED}")
    assert (answer.status_code, answer.content) == (200, BROKEN)
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"] == "attachment; filename*=UTF-8''" + quote(
        '訓練\r\n"x".xml', safe=""
    )
    guarded(answer)


@pytest.mark.parametrize(
    "name", ["a\r\nset-cookie: x=1.xml", 'a"; filename="b.html', "../../x", "'; x", "訓練.xml", "%0d"]
)
def test_whatever_a_document_is_called_its_name_is_one(
    client: TestClient, own: Settings, handle: store.Store, name: str
) -> None:
    digest = archive.put(own.archive, b"<script>alert(1)</script>")
    store.record_document(handle, RawDocument(digest, "list_a", "file:x", name, NOW, 25))
    answer = client.get(f"/documents/{digest}")
    assert answer.status_code == 200
    said = answer.headers["content-disposition"]
    assert said.isascii()
    assert "set-cookie" not in answer.headers
    kind, _, given = said.partition("; filename*=UTF-8''")
    assert kind == "attachment"
    assert unquote(given) == name
    assert not set(given) & set("\r\n\"'; /")


@pytest.mark.parametrize("digest", ["0" * 64, HELD[:12], "x", "%25"])
def test_a_document_that_is_not_there(client: TestClient, digest: str) -> None:
    refused(client.get(f"/documents/{digest}"), 409)


# ── the state ────────────────────────────────────────────────────────────────────────────────────────────


def feed(client: TestClient, name: str) -> dict[str, Any]:
    return next(one for one in client.get("/state").json()["feeds"] if one["feed"] == name)


def test_a_feed_whose_dag_is_paused_is_shown_so(client: TestClient, around: Around) -> None:
    around.paused = {"feed__list_a", "outputs"}
    around.parts = [{"name": "scheduler"}]
    told = client.get("/state").json()
    states = {one["feed"]: (one["state"], one["why"]) for one in told["feeds"]}
    assert states["list_a"] == ("paused", "paused_here")
    assert {feed for feed, one in states.items() if one[1] == "paused_here"} == {"list_a"}
    assert told["parts"] == [{"name": "scheduler"}]
    assert told["version"]


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How often the whole overview was made."""
    times, kept = [0], pipeline.overview

    def overview(own: Settings | None = None) -> dict[str, Any]:
        times[0] += 1
        return kept(own)

    monkeypatch.setattr(pipeline, "overview", overview)
    return times


def test_whoever_looks_within_some_seconds_shares_a_state(
    client: TestClient, around: Around, counted: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = client.get("/state").json()
    around.who = "viewer"
    second = client.get("/state").json()
    assert counted == [1]
    assert second["person"]["name"] == "viewer", "who looks is not shared"
    assert {**first, "person": None} == {**second, "person": None}
    monkeypatch.setattr("bousai.board.app._KEPT_SECONDS", -1.0)
    client.get("/state")
    assert counted == [2]


def test_whoever_acts_sees_what_was_done(client: TestClient, counted: list[int], own: Settings) -> None:
    assert {one["sha256"] for one in client.get("/state").json()["quarantine"]} == {HELD, QUARANTINED}
    client.post(f"/quarantine/{HELD}/retry", json={"accept": True})
    assert {one["sha256"] for one in client.get("/state").json()["quarantine"]} == {QUARANTINED}
    client.post(f"/quarantine/{QUARANTINED}/dismiss", json={"reason": "訓練"})
    assert client.get("/state").json()["quarantine"] == []
    one = message(own)
    client.post(f"/alerts/{one['identifier']}/reject", json={"sha256": one["sha256"]})
    assert client.get("/state").json()["alerts"] == []


def test_the_ledger_of_a_subject(client: TestClient, handle: store.Store) -> None:
    store.record_works(handle, [Work("publish", "public/world_event", NOW, 0.5, "done", position=1)])
    assert [one["detail"]["outcome"] for one in client.get("/work?subject=list_a").json()["work"]] == [
        "held",
        "stored",
    ]
    assert len(client.get("/work?subject=world_event").json()["work"]) == 1
    assert client.get("/work").json() == {"work": []}
    assert client.get("/review").json() == {"candidates": []}


# ── faults ───────────────────────────────────────────────────────────────────────────────────────────────


def raising(error: Exception) -> Callable[..., Any]:
    def call(*_: object, **__: object) -> Any:
        raise error

    return call


def test_a_fault_of_ours_tells_nothing_of_its_inside(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    inside = "postgresql://bousai:hunter2@db/bousai"
    for name in ("overview", "register_candidates", "ledger", "raw_document", "show_alert", "retry"):
        monkeypatch.setattr(pipeline, name, raising(RuntimeError(inside)))
    answers = [client.get(path) for path in ("/state", "/review", "/work", f"/documents/{HELD}", "/alerts/x")]
    answers.append(client.post(f"/quarantine/{HELD}/retry", json={}))
    for answer in answers:
        refused(answer, 500)
        assert answer.json()["remedy"]
        assert "hunter2" not in answer.text
        assert "hunter2" not in str(answer.headers)


def test_a_store_that_cannot_be_used_is_told_with_its_remedy(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "overview", raising(StoreError("it is locked", remedy="wait")))
    answer = client.get("/state")
    assert refused(answer, 503) == "it is locked"
    assert answer.json()["remedy"] == "wait"


def test_every_answer_is_guarded(client: TestClient, own: Settings) -> None:
    for path in (*READ, f"/alerts/{message(own)['identifier']}"):
        guarded(client.get(path))
    for path, told in acts(own).items():
        guarded(client.post(path, json=told))
    guarded(client.request("DELETE", "/state"))
    guarded(client.post("/", json={}))
    assert client.get("/state").headers["cache-control"] == "no-store"


def test_a_body_without_a_length_is_bounded(client: Any) -> None:
    sent = 0

    def body() -> Iterator[bytes]:
        nonlocal sent
        yield b'{"reason": "'
        for _ in range(4096):
            sent += 1024
            yield b"x" * 1024
        yield b'"}'

    path = f"/quarantine/{QUARANTINED}/dismiss"
    refused(client.post(path, content=body(), headers={"content-type": "application/json"}), 409)


def test_a_body_without_a_length_is_not_read_to_its_end(board: Any) -> None:
    """The same where a server hands it over chunk by chunk."""
    read = 0

    async def receive() -> dict[str, Any]:
        nonlocal read
        read += 1
        return {"type": "http.request", "body": b"x" * 65536, "more_body": read < 2000}

    sent: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http",
        "path": f"/quarantine/{QUARANTINED}/dismiss", "raw_path": b"", "query_string": b"", "root_path": "",
        "headers": [(b"content-type", b"application/json"), (b"host", b"x")], "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }  # fmt: skip
    asyncio.run(board(scope, receive, send))
    assert sent[0]["status"] == 409
    assert read < 10


@pytest.mark.parametrize("length", ["abc", "-1x", "1e9"])
def test_a_length_that_is_no_number_is_refused(client: Any, length: str) -> None:
    headers = {"content-type": "application/json", "content-length": length}
    answer = client.post(f"/quarantine/{QUARANTINED}/dismiss", content=b"{}", headers=headers)
    assert answer.status_code < 500


def test_an_address_with_a_slash_too_many_is_guarded_too(client: Any, around: Any) -> None:
    around.who = "nobody"
    for path in ("/state/", "/app.js/", "/nothing/"):
        answer = client.get(path)
        guarded(answer)
        assert answer.status_code in (403, 404)


def test_a_name_that_is_too_long_is_no_file(client: Any) -> None:
    refused(client.get("/" + "a" * 300 + ".js"), 404)


@pytest.mark.parametrize("verb", ["retry", "dismiss"])
def test_a_document_is_named_whole(client: Any, own: Settings, verb: str) -> None:
    """An act from the board is on what the person saw, not on all that begin alike."""
    told = {"reason": "訓練", "accept": True}
    for short in (QUARANTINED[:1], HELD[:1], HELD[:12]):
        refused(client.post(f"/quarantine/{short}/{verb}", json=told), 409)
    assert len(pipeline.overview(own)["quarantine"]) == 2


def test_a_state_that_was_begun_before_an_act_is_not_kept_after_it(
    client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on, kept = threading.Event(), threading.Event(), pipeline.overview

    def slow() -> dict[str, Any]:
        found = kept()
        begun.set()
        assert go_on.wait(30)
        return found

    monkeypatch.setattr(pipeline, "overview", slow)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(client.get, "/state")
        assert begun.wait(30)
        assert client.post(f"/quarantine/{HELD}/retry", json={"accept": True}).status_code == 200
        go_on.set()
        first.result()
    told = client.get("/state").json()["quarantine"]
    assert {one["sha256"] for one in told} == {QUARANTINED}
