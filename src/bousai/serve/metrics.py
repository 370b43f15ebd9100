"""``/metrics`` (Prometheus), and what is counted for it: requests, feeds, layers, work, alerts, parts.
Also the access log.

Requests are counted by the template of their address, so that no client can make up series. How old feeds and layers
are, and what the ledger knows, is found out when it is asked for, off the event loop, and kept some seconds.
"""

from __future__ import annotations

import logging
import os
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, get_args, get_type_hints

import orjson
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client import multiprocess as several
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route, compile_path
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bousai import pipeline
from bousai.model import SourceFreshness
from bousai.serve.fresh import Fresh
from bousai.serve.service import Service
from bousai.settings import Settings

_log = logging.getLogger(__name__)
ACCESS = logging.getLogger("bousai.access")
"""One line a request: client, method, path without its query, status, bytes, milliseconds to the last byte."""

FOLDER = "PROMETHEUS_MULTIPROC_DIR"
"""Where several workers keep their counts together: an environment variable of the library."""

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})
_STATES: tuple[str, ...] = get_args(get_type_hints(SourceFreshness)["state"])
_KEPT_SECONDS, _PATIENCE_SECONDS = 10.0, 8.0
_PARTS_SECONDS = 60.0  # the supervisor writes every ten


class Requests:
    """What is counted of requests, in one process or, with `FOLDER`, in all workers together."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        if FOLDER in os.environ:
            several.MultiProcessCollector(self.registry)  # type: ignore[no-untyped-call]
            own = None
        else:
            ProcessCollector(registry=self.registry)
            own = self.registry
        names = ("route", "method", "status")
        self._all = Counter("bousai_http_requests", "Requests answered.", names, registry=own)
        self._bytes = Counter("bousai_http_response_bytes", "Bytes of bodies sent.", ("route",), registry=own)
        self._seconds = Histogram(
            "bousai_http_first_byte_seconds",
            "From a request to the first byte of its answer.",
            ("route",),
            buckets=_BUCKETS,
            registry=own,
        )
        self.running = Gauge(
            "bousai_http_requests_running", "Requests being answered.", registry=own, multiprocess_mode="livesum"
        )

    def count(self, route: str, method: str, status: int, size: int, seconds: float) -> None:
        """One answer."""
        self._all.labels(route, method if method in _METHODS else "other", str(status)).inc()
        self._bytes.labels(route).inc(size)
        self._seconds.labels(route).observe(seconds)


class Observed:
    """ASGI middleware, the outermost: counts and writes the access log."""

    def __init__(self, app: ASGIApp, *, requests: Requests, routes: Iterable[BaseRoute]) -> None:
        self._app = app
        self._requests = requests
        self._templates: dict[object, list[tuple[re.Pattern[str], str]]] = {}
        for endpoint, template in _templates(routes):
            self._templates.setdefault(endpoint, []).append((compile_path(template)[0], template))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = time.perf_counter()
        first: float | None = None
        status, size = 500, 0

        async def seen(message: Message) -> None:
            nonlocal first, status, size
            if message["type"] == "http.response.start":
                first, status = time.perf_counter(), message["status"]
            else:
                size += len(message.get("body", b""))
            await send(message)

        self._requests.running.inc()
        try:
            await self._app(scope, receive, seen)
        finally:
            self._requests.running.dec()
            ended = time.perf_counter()
            size = 0 if scope["method"] == "HEAD" else size
            self._requests.count(self._route(scope), scope["method"], status, size, (first or ended) - begun)
            if ACCESS.isEnabledFor(logging.INFO):
                client = (scope.get("client") or ("-", 0))[0]
                asked = f"{scope['method']} {_printable(scope.get('raw_path') or scope['path'].encode())}"
                took = ended - begun
                told = {
                    "client": client,
                    "request": asked,
                    "status": status,
                    "bytes": size,
                    "seconds": round(took, 4),
                }
                ACCESS.info('%s "%s" %d %d %.1f ms', client, asked, status, size, took * 1000, extra={"access": told})

    def _route(self, scope: Scope) -> str:
        found = self._templates.get(scope.get("endpoint"), [])
        if len(found) == 1:
            return found[0][1]
        return next((template for path, template in found if path.match(scope["path"])), "none")


def _templates(routes: Iterable[BaseRoute], prefix: str = "") -> Iterator[tuple[object, str]]:
    for route in routes:
        if isinstance(route, Route):
            yield route.endpoint, prefix + route.path
        elif isinstance(route, Mount):
            yield from _templates(route.routes or [], prefix + route.path)


def _printable(path: bytes) -> str:
    """A path for the log: whatever a client sent, one line and no quotes."""
    return re.sub(r"[^!#-~]", lambda odd: f"%{ord(odd[0]):02X}", path.decode("latin-1"))


def routes(service: Service) -> list[BaseRoute]:
    """The one address."""
    known = Fresh(lambda: Facts.now(service), seconds=_KEPT_SECONDS, name="metrics")

    async def metrics(request: Request) -> Response:
        requests: Requests = request.app.state.requests
        try:
            facts = await known.get(patience=_PATIENCE_SECONDS)
        except TimeoutError:
            facts = Facts(None, {}, ())
        return Response(
            await service.slowly(_text, requests, facts), 200, {"Cache-Control": "no-store"}, CONTENT_TYPE_PLAIN_0_0_4
        )

    return [Route("/metrics", metrics, name="metrics")]


def _text(requests: Requests, facts: Facts) -> bytes:
    if FOLDER in os.environ:
        _forget_the_dead(os.environ[FOLDER])
    state = CollectorRegistry()
    state.register(facts)
    text: bytes = generate_latest(requests.registry) + generate_latest(state)
    return text


def _forget_the_dead(folder: str) -> None:
    """What a worker that is gone was doing is no longer being done; what it has done still counts."""
    for name in os.listdir(folder):
        found = re.fullmatch(r"gauge_live\w+_(\d+)\.db", name)
        if found is not None and not os.path.exists(f"/proc/{found[1]}"):
            several.mark_process_dead(int(found[1]), folder)  # type: ignore[no-untyped-call]


@dataclass(frozen=True, slots=True, eq=False)
class Facts(Collector):
    """How old what we know is, and how this installation fares. `measures` is None where the store does not answer;
    `indexes` are those of the published trees by status, as they are read; `parts` those that `bousai up` keeps
    running on this machine."""

    measures: pipeline.Measures | None
    indexes: Mapping[str, Mapping[str, Any]]
    parts: Sequence[Mapping[str, Any]]

    @classmethod
    def now(cls, service: Service) -> Facts:
        """From store and tree."""
        try:
            measures = pipeline.measures(service.snapshots.house())
        except Exception:  # noqa: BLE001  (the metric says that it is down; the cause is in the log)
            _log.warning("the store cannot be measured", exc_info=True)
            measures = None
        return cls(measures, dict(_indexes(service.settings)), _parts(service.settings))

    def collect(self) -> Iterator[Metric]:
        """All of it; what is not known has no sample."""
        at = datetime.now(UTC)
        up = _gauge("bousai_store_up", "Whether the store answers.")
        up.add_metric([], float(self.measures is not None))
        yield up
        if self.measures is not None:
            yield from _of_feeds(self.measures, at)
            yield from _of_work(self.measures)
            yield from _of_alerts(self.measures)
            yield from _of_calendar(self.measures)
        yield from self._of_layers(at)
        yield from _of_parts(self.parts)

    def _of_layers(self, at: datetime) -> Iterator[Metric]:
        index_age = _gauge("bousai_index_age_seconds", "Age of the index of a tree.", "status")
        names = ("layer", "status")
        count = _gauge("bousai_layer_features", "Features of the version that stands.", *names)
        age = _gauge("bousai_layer_version_age_seconds", "Age of the version that stands.", *names)
        for status, index in self.indexes.items():
            index_age.add_metric([status], _age(index["timeStamp"], at))
            for layer in index["layers"]:
                count.add_metric([layer["id"], status], layer["features"])
                age.add_metric([layer["id"], status], _age(layer["published_at"], at))
        yield from (index_age, count, age)


def _gauge(name: str, what: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, what, labels=labels)


def _of_feeds(known: pipeline.Measures, at: datetime) -> Iterator[Metric]:
    state = _gauge("bousai_feed_state", "1 for the state a feed is in.", "feed", "state")
    why = _gauge("bousai_feed_why", "1 for what makes the state of a feed; no other sample.", "feed", "why")
    content = _gauge("bousai_feed_content_age_seconds", "Age of the newest content of a feed.", "feed")
    answer = _gauge("bousai_feed_answer_age_seconds", "Since the source of a feed last answered.", "feed")
    last_content = _gauge("bousai_feed_content_timestamp_seconds", "Time of the newest content of a feed.", "feed")
    last_answer = _gauge("bousai_feed_answer_timestamp_seconds", "When the source of a feed last answered.", "feed")
    made = _gauge(
        "bousai_feed_source_made_timestamp_seconds", "When the source says that it made what it answered.", "feed"
    )
    bound = _gauge(
        "bousai_feed_bound_seconds",
        "What a feed may take: late and dead since its last answer, content since its newest content, alive since the"
        " source made what it answers.",
        "feed",
        "bound",
    )
    waiting = _gauge("bousai_documents_waiting", "Documents that wait for a person.", "feed", "outcome")
    stale = _gauge("bousai_layer_stale_sources", "Sources of a layer that are late, dead or held.", "layer")
    issues = _gauge("bousai_issues_open", "Open issues.", "feed", "severity")
    for one in known.feeds:
        feed = one.state.feed
        for name in _STATES:
            state.add_metric([feed, name], float(name == one.state.state))
        why.add_metric([feed, one.state.why], 1.0)
        for age, time_of, moment in (
            (content, last_content, one.state.last_content_at),
            (answer, last_answer, one.state.last_fetch_at),
        ):
            if moment is not None:
                age.add_metric([feed], (at - moment).total_seconds())
                time_of.add_metric([feed], moment.timestamp())
        if one.state.source_made_at is not None:
            made.add_metric([feed], one.state.source_made_at.timestamp())
        for name, seconds in one.bounds.items():
            bound.add_metric([feed, name], seconds)
        for name in ("held", "quarantined"):
            waiting.add_metric([feed, name], one.waiting.get(name, 0))
    for layer, number in known.stale.items():
        stale.add_metric([layer], number)
    for (feed, severity), number in known.issues.items():
        issues.add_metric([feed, severity], number)
    yield from (state, why, content, answer, last_content, last_answer, made, bound, waiting, stale, issues)


def _of_work(known: pipeline.Measures) -> Iterator[Metric]:
    # no summaries (so no label `quantile`) and no counters: all is made of rows of the last hour, which come and go
    documents = _gauge(
        "bousai_documents_last_hour", "Documents whose statements were recorded in the last hour.", "feed"
    )
    delay = _gauge(
        "bousai_stage_seconds",
        "From one stage of a document to the next: what this share of those recorded in the last hour took at most.",
        "feed",
        "stage",
        "share",
    )
    works = _gauge("bousai_work_last_hour", "Pieces of work begun in the last hour.", "verb", "outcome")
    last = _gauge("bousai_work_last_timestamp_seconds", "When work of a kind last began.", "verb")
    seconds = _gauge("bousai_work_last_duration_seconds", "How long the last work of a kind took.", "verb")
    for feed, number in known.documents.items():
        documents.add_metric([feed], number)
    for labels, value in known.delays.items():
        delay.add_metric(labels, value)
    for kind, number in known.works.items():
        works.add_metric(kind, number)
    for verb, one in known.last.items():
        last.add_metric([verb], one.started_at.timestamp())
        seconds.add_metric([verb], one.seconds)
    yield from (documents, delay, works, last, seconds)


def _of_alerts(known: pipeline.Measures) -> Iterator[Metric]:
    messages = _gauge("bousai_alert_messages", "Alerts by how far they have come.", "state", "status")
    lapse = _gauge(
        "bousai_alert_lapse_timestamp_seconds", "When the first alert that waits for approval lapses.", "status"
    )
    deliveries = _gauge("bousai_alert_deliveries", "Deliveries of alerts.", "state")
    retrying = _gauge("bousai_alert_deliveries_retrying", "Deliveries that failed and are tried again.")
    stages = _gauge(
        "bousai_alert_stage_seconds",
        "From one stage of an alert to the next: what this share of those of the last day took at most.",
        "stage",
        "share",
    )
    for labels, number in known.alerts.messages.items():
        messages.add_metric(labels, number)
    for status, moment in known.lapses.items():
        lapse.add_metric([status], moment.timestamp())
    for name, number in known.alerts.deliveries.items():
        deliveries.add_metric([name], number)
    retrying.add_metric([], known.retrying)
    for labels, value in known.alerts.stages.items():
        stages.add_metric(labels, value)
    yield from (messages, lapse, deliveries, retrying, stages)


def _of_calendar(known: pipeline.Measures) -> Iterator[Metric]:
    date = _gauge(
        "bousai_calendar_date_timestamp_seconds",
        "The first day, in Japan, of what the calendar of codes and telegrams warns of.",
        "subject",
        "event",
    )
    overdue = _gauge("bousai_calendar_overdue", "What is used though the calendar says that it has ended.")
    for labels, moment in known.dates.items():
        date.add_metric(labels, moment.timestamp())
    overdue.add_metric([], known.overdue)
    yield from (date, overdue)


def _of_parts(parts: Iterable[Mapping[str, Any]]) -> Iterator[Metric]:
    up = _gauge("bousai_part_up", "Whether a part of the one-machine system runs.", "part")
    restarts = CounterMetricFamily(
        "bousai_part_restarts", "How often a part was started again since bousai up.", labels=("part",)
    )
    memory = _gauge("bousai_part_memory_bytes", "Memory of a part with its children (PSS).", "part")
    limit = _gauge("bousai_part_memory_limit_bytes", "Above this a part is started again.", "part")
    for one in parts:
        name = [one["name"]]
        up.add_metric(name, float(one["state"] == "running"))
        restarts.add_metric(name, one["restarts"])
        limit.add_metric(name, one["limit_bytes"])
        if one["pss_bytes"] is not None:
            memory.add_metric(name, one["pss_bytes"])
    yield from (up, restarts, memory, limit)


def _age(moment: str, at: datetime) -> float:
    return (at - datetime.fromisoformat(moment)).total_seconds()


def _indexes(settings: Settings) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for status, root in (("actual", settings.public), ("exercise", settings.public / "exercise")):
        try:
            index = orjson.loads((root / "index.json").read_bytes())
        except FileNotFoundError:
            continue
        except (OSError, ValueError):
            _log.warning("the index of the %s tree cannot be read", status, exc_info=True)
            continue
        yield status, index


def _parts(settings: Settings) -> Sequence[Mapping[str, Any]]:
    """What the supervisor of `bousai up` last wrote of its parts; nothing where there is none, or where it writes
    no more."""
    try:
        found = orjson.loads((settings.data / "airflow" / "parts.json").read_bytes())
        age = datetime.now(UTC) - datetime.fromisoformat(found["written_at"])
        parts: Sequence[Mapping[str, Any]] = found["parts"] if age.total_seconds() < _PARTS_SECONDS else ()
    except FileNotFoundError:
        return ()
    except (OSError, ValueError, KeyError, TypeError):
        _log.warning("the file of the parts cannot be read", exc_info=True)
        return ()
    return parts
