"""A stand-in for the board's server: the page over made-up data (all of it 【訓練】), as the real one serves it.

`python -m tests.board.stand_in 8123` serves it at http://127.0.0.1:8123/bousai/ to be looked at; `/frame` shows it in
an iframe as Airflow does.
"""

from __future__ import annotations

import hashlib
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

PAGE = Path(__file__).resolve().parents[2] / "src" / "bousai" / "board" / "page"
POLICY = "default-src 'self'; frame-ancestors 'self'; base-uri 'none'; form-action 'self'"
FRAME = """<!doctype html><html lang="en"><title>around</title><body><h1>around</h1>
<iframe id="board" title="board" src="/bousai/" width="1300" height="800"
 sandbox="allow-scripts allow-same-origin allow-forms allow-downloads"></iframe></body></html>"""

_CAP = """<?xml version="1.0" encoding="UTF-8"?>
<alert xmlns="urn:oasis:names:tc:emergency:cap:1.2"><identifier>{identifier}</identifier><status>{status}</status>
<info><language>ja-JP</language><event>大津波警報</event><urgency>Immediate</urgency><severity>{severity}</severity>
<certainty>Likely</certainty><expires>2026-11-26T12:00:00+09:00</expires><headline>{headline_ja}</headline>
<description>架空の沖合で地震がありました。</description><instruction>ただちに高い所へ。</instruction>
<area><areaDesc>架空町</areaDesc></area><area><areaDesc>藤沢市（架空）</areaDesc></area></info>
<info><language>en</language><event>Major tsunami warning</event><urgency>Immediate</urgency>
<severity>{severity}</severity><certainty>Likely</certainty><expires>2026-11-26T12:00:00+09:00</expires>
<headline>{headline_en}</headline><description>An earthquake off a made-up coast.</description>
<area><areaDesc>Made-up town</areaDesc></area></info></alert>
"""


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


class Board:
    """What the stand-in says, to be changed by a test, and what it was told (`posted`)."""

    def __init__(self) -> None:
        self.may_act = True
        self.logged_in = True
        self.frozen_at: datetime | None = None
        self.hostile: str | None = None
        self.calm = False
        self.changes: dict[str, Any] = {}
        self.refusal: dict[str, str] | None = None
        self.posted: list[tuple[str, dict[str, Any]]] = []
        self.asked = 0

    def now(self) -> datetime:
        return self.frozen_at or datetime.now(UTC)

    def state(self) -> dict[str, Any]:
        now = self.now()
        state: dict[str, Any] = {
            "now": iso(now),
            "person": {"name": "toban", "may_act": self.may_act, "may_approve": self.may_act},
            "version": "0.0-訓練",
            "airflow": "/",
            "public_url": "https://example.jp/public",
            "map_url": "https://example.jp/map",
            "feeds": feeds(now),
            "stages": stages(1.0),
            "issues": issues(now),
            "issue_count": 120,
            "quarantine": quarantine(now),
            "alerts": alerts(now),
            "undelivered": [
                {
                    "identifier": "訓練-0001",
                    "subscription": "kakuu-city-webhook",
                    "state": "due",
                    "attempts": 3,
                    "cause": "the receiver answered 503",
                    "remedy": "ask the receiver whether their server runs",
                    "next_at": iso(now + timedelta(minutes=4)),
                },
                {
                    "identifier": "訓練-0002",
                    "subscription": "kakuu-mail",
                    "state": "dead",
                    "attempts": 12,
                    "cause": "the mail server refused the address",
                    "remedy": "correct the address in config/subscriptions",
                    "next_at": None,
                },
            ],
            "layers": layers(now),
            "calendar": calendar(),
            "work": {
                verb: {
                    "last_at": iso(now - timedelta(minutes=3)),
                    "outcome": outcome,
                    "seconds": 2.3,
                    "detail": {"n": 3},
                }
                for verb, outcome in [
                    ("ingest", "done"),
                    ("publish", "failed"),
                    ("alert", "unchanged"),
                    ("deliver", "refused"),
                ]
            }
            | {"upkeep": None},
            "parts": [
                {"name": name, "state": state, "since": iso(now - timedelta(hours=5)), "restarts": n, "pss": pss}
                for name, state, n, pss in [
                    ("scheduler", "running", 0, 310_000_000),
                    ("api-server", "running", 1, 420_000_000),
                    ("triggerer", "backing_off", 7, None),
                    ("serve", "starting", 0, 95_000_000),
                ]
            ],
            "failures": [
                {
                    "dag_id": "feed_jma_volcano",
                    "task_id": "pull",
                    "run_id": "scheduled__2026-11-25T17:00:00+00:00",
                    "at": iso(now - timedelta(hours=2)),
                    "cause": "timed out after 300 s",
                    "remedy": "open the log of the task",
                    "stale": ["volcano_warning"],
                    "outcome": "failed",
                }
            ],
        }
        if self.calm:
            state["feeds"] = [one for one in state["feeds"] if one["state"] in ("ok", "quiet")]
            state |= {
                "alerts": [],
                "failures": [],
                "undelivered": [],
                "quarantine": [],
                "issues": [],
                "issue_count": 0,
            }
        state |= self.changes
        return poisoned(state, self.hostile) if self.hostile else state

    def message(self, identifier: str) -> dict[str, Any] | None:
        one: dict[str, Any]
        for one in self.state()["alerts"]:
            if one["identifier"] == identifier or self.hostile:
                return one | {
                    "cap": cap(one),
                    "stages": {"issued_recorded": 2.5, "recorded_built": 0.2, "built_released": None},
                    "decisions": [
                        {
                            "decision": "approve",
                            "person": self.hostile or "hancho",
                            "sha256": one["sha256"],
                            "reason": self.hostile or "本文を確認した",
                            "decided_at": iso(self.now() - timedelta(minutes=1)),
                        }
                    ],
                    "deliveries": [{"subscription": "kakuu-city-webhook", "state": "waiting"}],
                }
        return None


def cap(alert: dict[str, Any]) -> str:
    from xml.sax.saxutils import escape

    return _CAP.format(**{name: escape(str(value)) for name, value in alert.items()})


def poisoned(value: Any, text: str, name: str = "") -> Any:
    """Every text that a source or a person may have written, replaced."""
    kept = {"now", "state", "why", "outcome", "status", "phase", "airflow", "severity", "dag_id", "date", "sha256"}
    if isinstance(value, dict):
        return {key: poisoned(one, text, key) for key, one in value.items()}
    if isinstance(value, list):
        return [poisoned(one, text, name) for one in value]
    if name in ("feed", "identifier", "key", "layer"):
        return f"{text}{value}"  # each its own, as they are
    if isinstance(value, str) and name not in kept and not name.endswith(("_at", "since")):
        return text
    return value


def iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def stages(scale: float) -> dict[str, Any]:
    return {
        "issued_seen": {"n": 20, "p50": 12.0 * scale, "p95": 40.0 * scale},
        "seen_fetched": {"n": 20, "p50": 0.4 * scale, "p95": 1.2 * scale},
        "fetched_stored": {"n": 20, "p50": 1.1 * scale, "p95": 3.0 * scale},
        "stored_published": {"n": 18, "p50": 6.0 * scale, "p95": 21.0 * scale},
    }


def feeds(now: datetime) -> list[dict[str, Any]]:
    def feed(
        name: str, ja: str, en: str, state: str, why: str, answered: float | None, said: float | None, **more: Any
    ) -> dict[str, Any]:
        def ago(minutes: float | None) -> str | None:
            return None if minutes is None else iso(now - timedelta(minutes=minutes))

        ways = [
            {
                "name": f"{name}_{n}.xml",
                "sha256": sha(f"{name}{n}"),
                "issued_at": ago((said or 60) + n * 30),
                "seen_at": ago((said or 60) + n * 30 - 0.2),
                "fetched_at": ago((said or 60) + n * 30 - 0.3),
                "stored_at": ago((said or 60) + n * 30 - 0.4),
                "published_at": ago((said or 60) + n * 30 - 0.5 - n % 3) if n else None,
            }
            for n in range(12, -1, -1)
        ]
        return {
            "feed": name,
            "title_ja": f"【訓練】{ja}",
            "title_en": f"【訓練】{en}",
            "publisher": "架空気象庁",
            "state": state,
            "why": why,
            "reason": f"made up: {why}",
            "since": ago(answered),
            "every": 60,
            "late_after": 600,
            "dead_after": 3600,
            "content_within": None,
            "last_content_at": ago(said),
            "last_fetch_at": ago(answered),
            "source_made_at": None,
            "next_due_at": iso(now + timedelta(seconds=40)),
            "waiting": 0,
            "dag_id": f"feed__{name}",
            "stale_layers": [],
            "stale_alerts": [],
            "stages": stages(1.0) if said else None,
            "ways": ways if said else [],
            "issues": 0,
            "last_issue": None,
        } | more

    late = {"stale_layers": ["weather_warning", "river_level"], "stale_alerts": ["warning_relay"]}
    return [
        feed("jma_extra", "気象警報", "Weather warnings", "ok", "fresh", 0.5, 12),
        feed("jma_earthquake", "地震・津波", "Earthquakes and tsunami", "quiet", "nothing_new", 0.3, 2600),
        feed("jma_volcano", "火山", "Volcanoes", "dead", "no_answer", 185, 600,
             reason="no answer for 3 h: HTTP 503 Service Unavailable", stale_layers=["volcano_warning"],
             stale_alerts=["volcano_relay"],
             next_due_at=iso(now - timedelta(hours=3)), issues=4,
             last_issue={"code": "parse.unknown_kind", "severity": "warning", "cause": "kind 99 is not known",
                         "remedy": "update the code list", "raised_at": iso(now - timedelta(hours=9))}),
        feed("river_level", "河川水位", "River levels", "late", "overdue", 1, 50, content_within=1200,
             source_made_at=iso(now - timedelta(minutes=50)), **late),
        feed("dam", "ダム", "Dams", "late", "not_polled", 18, 20),
        feed("l_alert", "Lアラート", "L-Alert", "dead", "never_read", None, None, since=None, next_due_at=None),
        feed("sensor", "雨量計", "Rain gauges", "late", "frozen", 1, 400,
             source_made_at=iso(now - timedelta(hours=6))),
        feed("shelter_city", "避難所一覧", "Shelters", "held", "refused", 3, 1500, waiting=2,
             stale_layers=["shelter_now"], reason="the number of shelters fell from 120 to 3"),
        feed("road", "道路規制", "Road closures", "paused", "paused_here", 2000, 2100),
        feed("old_feed", "旧フィード", "Old feed", "paused", "disabled", 90000, 90000),
        feed("usgs", "世界の地震", "World earthquakes", "ok", "fresh", 2, 30),
    ]  # fmt: skip


def issues(now: datetime) -> list[dict[str, Any]]:
    return [
        {
            "id": n,
            "feed": "jma_volcano" if n % 2 else "shelter_city",
            "code": "parse.unknown_kind",
            "severity": ("warning", "error", "info")[n % 3],
            "cause": f"kind {n} is not known",
            "remedy": "update the code list",
            "position": f"/Report/Body/Kind[{n}]",
            "sha256": sha(f"issue{n}") if n % 2 else None,
            "name": f"VFVO50_{n}.xml",
            "stale": ["volcano_warning"] if n % 2 else [],
            "raised_at": iso(now - timedelta(hours=n)),
            "seen_at": iso(now - timedelta(minutes=n)),
        }
        for n in range(1, 7)
    ]


def quarantine(now: datetime) -> list[dict[str, Any]]:
    return [
        {
            "sha256": sha("held"),
            "feed": "shelter_city",
            "name": "hinanjo.csv",
            "outcome": "held",
            "cause": "the number of shelters fell from 120 to 3",
            "remedy": "ask the city; accept it if that is so",
            "fetched_at": iso(now - timedelta(hours=3)),
            "size": 41_234,
            "stale": ["shelter_now"],
        },
        {
            "sha256": sha("quarantined"),
            "feed": "jma_volcano",
            "name": "VFVO50.xml",
            "outcome": "quarantined",
            "cause": "it is not well-formed XML: line 3, column 9",
            "remedy": "retry once the parser is corrected",
            "fetched_at": iso(now - timedelta(days=2)),
            "size": 812,
            "stale": ["volcano_warning"],
        },
    ]


def alerts(now: datetime) -> list[dict[str, Any]]:
    def alert(identifier: str, status: str, state: str, severity: str, needed: int, **more: Any) -> dict[str, Any]:
        return {
            "identifier": identifier,
            "rule": "tsunami",
            "subject": "14",
            "status": status,
            "phase": "alert",
            "state": state,
            "severity": severity,
            "headline_ja": "大津波警報が発表されました（架空）",
            "headline_en": "Major tsunami warning (made up)",
            "munis": ["14205", "14999"],
            "issued_at": iso(now - timedelta(minutes=3)),
            "sent": iso(now - timedelta(minutes=2)),
            "expires": iso(now + timedelta(hours=3)),
            "lapses_at": iso(now + timedelta(minutes=8)) if state == "awaiting" else None,
            "sha256": sha(identifier),
            "author": "rule tsunami",
            "approvals_needed": needed,
            "approvals": 0,
            "decided_by": [],
        } | more

    return [
        alert("訓練-a", "actual", "awaiting", "Extreme", 2),
        alert("訓練-b", "exercise", "awaiting", "Severe", 1),
        alert("訓練-c", "test", "waiting", "Minor", 1),
        alert("訓練-d", "exercise", "awaiting", "Moderate", 2, approvals=1, decided_by=["toban"]),
    ]


def layers(now: datetime) -> list[dict[str, Any]]:
    named = {
        "volcano_warning": ("噴火警報", "Volcanic warnings", "stale", ["jma_volcano"]),
        "weather_warning": ("気象警報", "Weather warnings", "stale", ["jma_extra", "river_level"]),
        "river_level": ("河川水位", "River levels", "stale", ["river_level"]),
        "shelter_now": ("避難所", "Shelters", "stale", ["shelter_city"]),
        "world_event": ("世界の地震", "World earthquakes", "fresh", ["usgs"]),
    }
    return [
        {
            "layer": name,
            "title_ja": f"【訓練】{ja}",
            "title_en": f"【訓練】{en}",
            "version": "20261126T010203Z",
            "published_at": iso(now - timedelta(minutes=20)),
            "state": state,
            "sources": sources,
            "url": f"https://example.jp/public/layers/{name}/latest.geojson",
        }
        for name, (ja, en, state, sources) in named.items()
    ]


def calendar() -> list[dict[str, Any]]:
    return [
        {
            "date": date,
            "when_ja": date or "日は不明",
            "when_en": date or "day unknown",
            "event": event,
            "subject": subject,
            "title_ja": f"【訓練】{subject} が{days}日後に変わります",
            "title_en": f"【訓練】{subject} changes in {days} days",
            "remedy_ja": "取り込みを切り替える",
            "remedy_en": "switch the feed over",
            "source": "https://example.jp/notice",
            "days": days,
        }
        for date, event, subject, days in [
            ("2026-11-20", "ends", "VPAW50", -6),
            (None, "ends", "VPSG50", None),
            ("2026-11-26", "changes", "N03", 0),
            ("2026-12-05", "starts", "VPCU51", 9),
            ("2027-06-01", "ends", "PostgreSQL 14", 187),
        ]
    ]


def candidates() -> list[dict[str, Any]]:
    def shelter(n: int, source: str, name: str) -> dict[str, Any]:
        return {
            "key": f"{source}/{n}",
            "name": name,
            "address": f"架空町{n}丁目{1 if source == 'city' else 2}-1",
            "source": source,
            "muni_code": "14999",
            "since": "2026-01-01T00:00:00Z",
            "until": None,
            "place_id": f"p{n}" if source == "city" else None,
        }

    return [
        {
            "left": shelter(n, "city", f"【訓練】架空第{n}小学校"),
            "right": shelter(n, "gsi", f"【訓練】架空町立第{n}小学校"),
            "distance_m": 40.0 * n if n != 3 else None,
            "score": 0.9 - n / 10,
            "reasons": ["names differ by a prefix", "addresses differ in one number"],
        }
        for n in (1, 2, 3)
    ]


def work(now: datetime) -> list[dict[str, Any]]:
    return [
        {
            "verb": verb,
            "subject": "x",
            "reference": sha(verb)[:12],
            "started_at": iso(now - timedelta(minutes=5 * n)),
            "seconds": 1.25,
            "outcome": outcome,
            "detail": {"documents": n, "cause": None},
            "actor": "toban" if verb == "retry" else None,
        }
        for n, (verb, outcome) in enumerate([("ingest", "done"), ("retry", "refused"), ("publish", "failed")])
    ]


def application(board: Board) -> Starlette:
    def guard() -> Response | None:
        if board.logged_in:
            return None
        return JSONResponse({"cause": "you are not logged in", "remedy": "log in"}, 401)

    async def state(_: Request) -> Response:
        board.asked += 1
        return guard() or JSONResponse(board.state())

    async def ledger(_: Request) -> Response:
        rows = work(board.now())
        return guard() or JSONResponse({"work": poisoned(rows, board.hostile) if board.hostile else rows})

    async def message(request: Request) -> Response:
        found = board.message(request.path_params["identifier"])
        return JSONResponse(found) if found else JSONResponse({"cause": "there is none", "remedy": "look again"}, 404)

    async def review(_: Request) -> Response:
        found = candidates()
        return JSONResponse({"candidates": poisoned(found, board.hostile) if board.hostile else found})

    async def post(request: Request) -> Response:
        refused = guard()
        if refused:
            return refused
        path = request.url.path.removeprefix("/bousai/")
        board.posted.append((path, await request.json()))
        if board.refusal:
            return JSONResponse(board.refusal, 409)
        return JSONResponse({"outcome": "stored", "cause": ""})

    async def document(request: Request) -> Response:
        disposition = {"content-disposition": f'attachment; filename="{request.path_params["sha256"][:12]}.bin"'}
        return Response(b"raw", headers=disposition, media_type="application/octet-stream")

    async def index(_: Request) -> Response:
        return HTMLResponse(
            (PAGE / "index.html").read_text(encoding="utf-8"), headers={"content-security-policy": POLICY}
        )

    async def frame(_: Request) -> Response:
        return HTMLResponse(FRAME)

    async def airflow(request: Request) -> Response:
        return HTMLResponse(f"<!doctype html><title>airflow</title><h1>{request.url.path}</h1>")

    routes = [
        Route("/", index),
        Route("/state", state),
        Route("/work", ledger),
        Route("/review", review),
        Route("/review/decide", post, methods=["POST"]),
        Route("/alerts/{identifier}/{verb}", post, methods=["POST"]),
        Route("/alerts/{identifier:path}", message, methods=["GET"]),
        Route("/quarantine/{sha256}/{verb}", post, methods=["POST"]),
        Route("/documents/{sha256}", document),
        Mount("/", StaticFiles(directory=PAGE)),
    ]
    return Starlette(
        routes=[
            Route("/bousai", lambda _: RedirectResponse("/bousai/")),
            Mount("/bousai", routes=routes),
            Route("/frame", frame),
            Route("/dags/{path:path}", airflow),
            Route("/api/v2/auth/login", airflow),
            Route("/favicon.ico", lambda _: Response(status_code=204)),
        ]
    )


class Server:
    """The stand-in on a port of its own: `stop` and `start` as often as a test wants."""

    def __init__(self, board: Board, port: int = 0) -> None:
        self.board = board
        if port == 0:
            with socket.socket() as one:
                one.bind(("127.0.0.1", 0))
                port = one.getsockname()[1]
        self.port = port
        self.base = f"http://127.0.0.1:{port}"

    def start(self) -> None:
        config = uvicorn.Config(
            application(self.board),
            host="127.0.0.1",
            port=self.port,
            log_level="warning",
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        until = time.monotonic() + 20
        while not self._server.started:
            assert time.monotonic() < until, "the stand-in does not start"
            time.sleep(0.02)

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(20)


@contextmanager
def standing_in(board: Board) -> Iterator[Server]:
    server = Server(board)
    server.start()
    try:
        yield server
    finally:
        server.stop()


if __name__ == "__main__":
    uvicorn.run(application(Board()), host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
