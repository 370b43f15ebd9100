"""``/metrics`` (Prometheus), and what is counted for it: requests, feeds, layers. Also the access log.

Requests are counted by the template of their address, so that no client can make up series. How old feeds and layers
are is found out when it is asked for, off the event loop, and kept some seconds.
"""

from __future__ import annotations

import logging
import os
import re
import time
from collections.abc import Iterable, Iterator, Mapping
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
from prometheus_client.core import GaugeMetricFamily, Metric
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
                ACCESS.info('%s "%s" %d %d %.1f ms', client, asked, status, size, (ended - begun) * 1000)

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
            facts = Facts(None, {}, None)
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
    """How old what we know is. `feeds` and `alerts` are None where the store does not answer; `indexes` are those of
    the published trees by status, as they are read."""

    feeds: list[SourceFreshness] | None
    indexes: Mapping[str, Mapping[str, Any]]
    alerts: pipeline.AlertFacts | None

    @classmethod
    def now(cls, service: Service) -> Facts:
        """From store and tree."""
        try:
            house = service.snapshots.house()
            feeds, alerts = list(pipeline.feed_states_for(house).values()), pipeline.alert_facts(house)
        except Exception:  # noqa: BLE001  (the metric says that it is down; the cause is in the log)
            _log.warning("the states of the feeds cannot be read", exc_info=True)
            feeds, alerts = None, None
        return cls(feeds, dict(_indexes(service.settings)), alerts)

    def collect(self) -> Iterator[Metric]:
        """All gauges; what is not known has no sample."""
        at = datetime.now(UTC)
        up = GaugeMetricFamily("bousai_store_up", "Whether the store answers.")
        up.add_metric([], float(self.feeds is not None))
        yield up
        yield from self._of_feeds(at)
        yield from self._of_layers(at)
        yield from self._of_alerts()

    def _of_alerts(self) -> Iterator[Metric]:
        messages = GaugeMetricFamily(
            "bousai_alert_messages", "Alerts by how far they have come.", labels=("state", "status")
        )
        deliveries = GaugeMetricFamily("bousai_alert_deliveries", "Deliveries of alerts.", labels=("state",))
        stages = GaugeMetricFamily(
            "bousai_alert_stage_seconds",
            "From one stage of an alert to the next, over those that went out in the last day.",
            labels=("stage", "quantile"),
        )
        if self.alerts is not None:
            for (state, status), number in self.alerts.messages.items():
                messages.add_metric([state, status], number)
            for state, number in self.alerts.deliveries.items():
                deliveries.add_metric([state], number)
            for (stage, quantile), seconds in self.alerts.stages.items():
                stages.add_metric([stage, quantile], seconds)
        yield from (messages, deliveries, stages)

    def _of_feeds(self, at: datetime) -> Iterator[Metric]:
        state = GaugeMetricFamily("bousai_feed_state", "1 for the state a feed is in.", labels=("feed", "state"))
        content = GaugeMetricFamily(
            "bousai_feed_content_age_seconds", "Age of the newest content of a feed.", labels=("feed",)
        )
        answer = GaugeMetricFamily(
            "bousai_feed_answer_age_seconds", "Since the source of a feed last answered.", labels=("feed",)
        )
        for feed in self.feeds or ():
            for one in _STATES:
                state.add_metric([feed.feed, one], float(one == feed.state))
            for family, moment in ((content, feed.last_content_at), (answer, feed.last_fetch_at)):
                if moment is not None:
                    family.add_metric([feed.feed], (at - moment).total_seconds())
        yield from (state, content, answer)

    def _of_layers(self, at: datetime) -> Iterator[Metric]:
        index_age = GaugeMetricFamily("bousai_index_age_seconds", "Age of the index of a tree.", labels=("status",))
        names = ("layer", "status")
        count = GaugeMetricFamily("bousai_layer_features", "Features of the version that stands.", labels=names)
        age = GaugeMetricFamily("bousai_layer_version_age_seconds", "Age of the version that stands.", labels=names)
        for status, index in self.indexes.items():
            index_age.add_metric([status], _age(index["timeStamp"], at))
            for layer in index["layers"]:
                count.add_metric([layer["id"], status], layer["features"])
                age.add_metric([layer["id"], status], _age(layer["published_at"], at))
        yield from (index_age, count, age)


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
