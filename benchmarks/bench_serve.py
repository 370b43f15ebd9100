"""`bousai serve` on the embedded store and on PostGIS, in requests a second beside tipg and pygeoapi, and nginx.

100,000 invented shelters (訓練) with the fields of our layer. The peers read them from one table of the same PostGIS,
with a primary key and indexes on geometry and municipality. One worker each, one load generator (wrk, 8 connections)
on the same machine, the servers in turn in every round; medians of rounds. Before anything is timed, the pages are
compared: as many features with the same properties, links, and the same count. What is not equal is printed: the
answers of ours also say how old each source is, whose it is and what may be done with it; tipg has no timeStamp.

The peers' versions stand in benchmarks/peers/*.txt; each gets an environment of its own below a cache folder.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import geopandas
import numpy as np
import shapely
import sqlalchemy as sa

import throwaway_postgis
from bousai import pipeline, settings, store
from bousai.model import Bulletin, ItemTable, Provenance, RawDocument
from bousai.settings import Settings

T0 = datetime(2026, 1, 1, tzinfo=UTC)
PEERS = Path(__file__).resolve().parent / "peers"
MEMBERS = {"type", "features", "links", "numberMatched", "numberReturned"}
CONNECTIONS = 8
_LUA = """
local paths = {}
for line in io.lines("%s") do paths[#paths + 1] = line end
local n = 0
request = function()
  n = n + 1
  return wrk.format("GET", paths[n %% #paths + 1])
end
done = function(summary, latency, requests)
  local e = summary.errors
  local ms = function(n) return latency:percentile(n) / 1000 end
  local form = '\\n{"requests": %%d, "us": %%d, "bytes": %%d, "p50": %%f, "p99": %%f, "errors": %%d}\\n'
  local errors = e.connect + e.read + e.write + e.status + e.timeout
  io.write(form:format(summary.requests, summary.duration, summary.bytes, ms(50), ms(99), errors))
end
"""


@dataclass(frozen=True, slots=True)
class Server:
    """One server under measurement; `items` is the address of its layer's items, `more` what it wants in every query,
    `language` its name for CQL2 text."""

    name: str
    base: str
    items: str
    more: Mapping[str, str]
    language: str

    def page(self, **asked: str) -> str:
        return f"{self.items}?{urlencode({**asked, **self.more})}"


def shelters(count: int) -> ItemTable:
    """Invented shelters, always the same."""
    random = np.random.default_rng(20260101)
    lon, lat = np.round(random.uniform(130, 142, count), 6), np.round(random.uniform(33, 43, count), 6)
    number = range(count)
    munis = [f"{17201 + n % 50:05d}" for n in number]
    ids = [f"E{munis[n]}{n:06d}111" for n in number]
    return ItemTable(
        item_id=ids,
        props={
            "common_id": ids,
            "name": [f"訓練第{n}小学校" for n in number],
            "address": [f"訓練県訓練市訓練町{n % 977}番地{n % 31}" for n in number],
            "lat": lat.tolist(),
            "lon": lon.tolist(),
            "shelter_type": ["福祉" if n % 7 == 0 else "一般" for n in number],
            "accepts": [f"対象{n % 7}" for n in number],
            "other_matters": [None for n in number],
            "same_address": [n % 2 == 0 for n in number],
            "facility_id": [one[:11] for one in ids],
            "note": [f"備考{n % 13}" for n in number],
        },
        muni_code=munis,
        geometry=list(shapely.to_wkb(shapely.points(lon, lat))),
        position=[f"row {n}" for n in number],
    )


def installation(data: Path, address: str | None, items: ItemTable) -> Settings:
    """A store that holds the shelters as of an exercise, and its published tree."""
    own = settings.load({"BOUSAI_DATA": str(data), **({"BOUSAI_STORE": address} if address else {})})
    pipeline.prepare(own)
    opened = store.open_store(own.store)
    document = RawDocument("0" * 64, "gsi_shelter", "https://example.org/", "gsi_shelter", T0, 1)
    statement = Bulletin(
        kind="shelter",
        scope="bench",
        issued_at=T0,
        status="exercise",
        items=items,
        issuer="訓練市",
        complete=True,
    )
    store.apply(opened, [statement], Provenance(document, "bench", "1"), T0 + timedelta(minutes=5))
    opened.close()
    pipeline.publish_layers(["shelter"], own, register=False)
    return own


def environment(name: str) -> Path:
    """The interpreter of a peer's environment, made once for each set of pins."""
    pins = PEERS / f"{name}.txt"
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    folder = cache / "bousai" / "peers" / f"{name}-{hashlib.sha256(pins.read_bytes()).hexdigest()[:12]}"
    if not (folder / "ready").exists():
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        install = [folder / "bin" / "pip", "install", "--quiet", "--require-virtualenv", "-r", pins]
        subprocess.run(install, check=True, stdout=sys.stderr)
        (folder / "ready").touch()
    return folder / "bin" / "python"


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
    return port


@contextmanager
def running(command: Sequence[str | Path], env: Mapping[str, str], base: str, probe: str, log: Path) -> Iterator[int]:
    """A server until the block ends; gives its process id."""
    with log.open("wb") as said:
        process = subprocess.Popen(command, env={**os.environ, **env}, stdout=said, stderr=said)
        try:
            until = time.monotonic() + 60
            while True:
                try:
                    get(base + probe)
                    break
                except OSError:
                    if process.poll() is not None or time.monotonic() > until:
                        raise RuntimeError(f"no answer from {base}{probe}: {log.read_text()[-3000:]}") from None
                    time.sleep(0.2)
            yield process.pid
        finally:
            process.terminate()
            process.wait(30)


def get(url: str, coding: str = "identity") -> bytes:
    asked = urllib.request.Request(url, headers={"Accept-Encoding": coding})  # noqa: S310  (our own servers)
    with urllib.request.urlopen(asked, timeout=60) as answer:  # noqa: S310
        body: bytes = answer.read()
        return gzip.decompress(body) if answer.headers.get("content-encoding") == "gzip" else body


def ours(name: str, own: Settings, folder: Path, stack: ExitStack) -> Server:
    base = f"http://127.0.0.1:{(port := free_port())}"
    env = {"BOUSAI_DATA": str(own.data), "BOUSAI_STORE": own.store}
    command = [sys.executable, "-m", "bousai.cli", "serve", "--host", "127.0.0.1", "--port", str(port)]
    server = Server(name, base, "/collections/shelter/items", {"status": "exercise"}, "cql2-text")
    stack.enter_context(running(command, env, base, server.page(limit="1"), folder / f"{name}.log"))
    return server


def tipg(address: str, folder: Path, stack: ExitStack) -> Server:
    base = f"http://127.0.0.1:{(port := free_port())}"
    env = {"DATABASE_URL": address, "TIPG_DB_SCHEMAS": '["public"]'}
    command = [environment("tipg"), "-m", "uvicorn", "tipg.main:app", "--port", str(port), "--no-access-log"]
    server = Server("tipg", base, "/collections/public.shelter/items", {"f": "geojson"}, "cql2-text")
    stack.enter_context(running(command, env, base, server.page(limit="1"), folder / "tipg.log"))
    return server


def pygeoapi(address: str, folder: Path, stack: ExitStack) -> Server:
    base = f"http://127.0.0.1:{(port := free_port())}"
    python = environment("pygeoapi")
    url = sa.engine.make_url(address)
    config = folder / "pygeoapi.json"  # JSON is YAML
    words = {"title": "bench", "description": "bench", "keywords": ["bench"]}
    provider = {
        "type": "feature",
        "name": "PostgreSQL",
        "data": {
            "host": url.host,
            "port": url.port,
            "dbname": url.database,
            "user": url.username,
            "password": "",
            "search_path": ["public"],
        },
        "id_field": "id",
        "table": "shelter",
        "geom_field": "geom",
    }
    written = {
        "server": {
            "bind": {"host": "127.0.0.1", "port": port},
            "url": base,
            "mimetype": "application/json; charset=UTF-8",
            "encoding": "utf-8",
            "gzip": False,
            "languages": ["en-US"],
            "limits": {"default_items": 10, "max_items": 10000},
            "map": {"url": "https://example.org/", "attribution": ""},
        },
        "logging": {"level": "ERROR"},
        "metadata": {
            "identification": {**words, "keywords_type": "theme", "terms_of_service": "", "url": base},
            "license": {"name": "bench", "url": base},
            "provider": {"name": "bench", "url": base},
            "contact": {"name": "bench"},
        },
        "resources": {
            "shelter": {
                "type": "collection",
                **words,
                "extents": {"spatial": {"bbox": [130, 33, 142, 43], "crs": f"{_OGC}/1.3/CRS84"}},
                "links": [],
                "providers": [provider],
            }
        },
    }
    config.write_text(json.dumps(written))
    openapi = folder / "openapi.json"
    env = {"PYGEOAPI_CONFIG": str(config), "PYGEOAPI_OPENAPI": str(openapi)}
    generate = [python.parent / "pygeoapi", "openapi", "generate", config, "--format", "json", "-of", openapi]
    subprocess.run(generate, check=True, env={**os.environ, **env}, stdout=subprocess.DEVNULL)
    command = [python, "-m", "uvicorn", "pygeoapi.starlette_app:APP", "--port", str(port), "--no-access-log"]
    server = Server("pygeoapi", base, "/collections/shelter/items", {"f": "json"}, "cql-text")
    stack.enter_context(running(command, env, base, server.page(limit="1"), folder / "pygeoapi.log"))
    return server


_OGC = "http://www.opengis.net/def/crs/OGC"


def nginx(own: Settings, folder: Path, stack: ExitStack) -> str:
    """nginx over the same tree: one worker, sendfile, the packed files that stand beside the plain ones."""
    base = f"http://127.0.0.1:{(port := free_port())}"
    config = folder / "nginx.conf"
    config.write_text(
        f"daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/nginx.err;"
        + ("user root;" if os.geteuid() == 0 else "")
        + "events { worker_connections 1024; } http { access_log off; sendfile on; tcp_nopush on; etag on;"
        + f"types {{ application/geo+json geojson; }} gzip_static on; server {{ listen 127.0.0.1:{port};"
        + f"location /public/ {{ alias {own.public}/; }} }} }}"
    )
    command = ["nginx", "-c", str(config), "-e", str(folder / "nginx.err")]
    stack.enter_context(running(command, {}, base, "/public/index.json", folder / "nginx.log"))
    return base


def fill_peers(address: str, features: Sequence[dict[str, Any]]) -> None:
    """The peers' table: the very features of our published file, with the keys and indexes that they ask for."""
    rows = [{"id": one["id"], **one["properties"]} for one in features]
    frame = geopandas.GeoDataFrame(
        rows,
        geometry=shapely.from_geojson([json.dumps(one["geometry"]) for one in features]),
        crs=4326,
    ).rename_geometry("geom")
    for name in ("issued_at", "recorded_at"):
        frame[name] = frame[name].map(datetime.fromisoformat)
    engine = sa.create_engine(address)
    frame.to_postgis("shelter", engine, if_exists="replace")
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE shelter ADD PRIMARY KEY (id)")
        connection.exec_driver_sql("CREATE INDEX ON shelter (muni_code)")
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("VACUUM ANALYZE shelter")
    engine.dispose()


def check_same(servers: Sequence[Server], paths: Mapping[str, Mapping[str, list[str]]]) -> list[str]:
    """AssertionError where pages differ in members, features, members of features, or count. Returns what differs
    otherwise, and the sizes."""
    notes = []
    for measure in ("page of 1,000", "bbox", "filter"):
        told: dict[str, tuple[Any, ...]] = {}
        for server in servers:
            body = get(server.base + paths[measure][server.name][0])
            page = json.loads(body)
            missing = MEMBERS - page.keys()
            assert not missing, f"{server.name}: a page of {measure} has no {missing}"
            assert all("id" in one for one in page["features"]), server.name
            names = {name for one in page["features"] for name in one["properties"]} - {"id"}
            ids = sorted(str(one["id"]) for one in page["features"])
            told[server.name] = ((page["numberMatched"], page["numberReturned"], names), ids)
            more = sorted(page.keys() - MEMBERS)
            notes.append(
                f"{measure}: {server.name} {len(body):,} bytes, matched {page['numberMatched']:,}, "
                f"{len(names)} properties, {len(page['links'])} links, members besides: {', '.join(more) or 'none'}"
            )
        first = told[servers[0].name]
        for name, found in told.items():
            assert found[0] == first[0], (
                f"{measure}: {name} counts and names {found[0]}, {servers[0].name} {first[0]}"
            )
            if found[1] != first[1]:
                assert len(found[1]) == len(first[1])
                notes.append(f"{measure}: {name} gives as many features, but others first")
    return notes


def load(base: str, paths: Sequence[str], seconds: float, folder: Path, coding: str = "identity") -> dict[str, float]:
    """What wrk says of some seconds: requests a second, p50 and p99 in milliseconds, bytes an answer."""
    listed, script = folder / "paths", folder / "load.lua"
    listed.write_text("\n".join(paths) + "\n")
    script.write_text(_LUA % listed)
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds:g}s", "--timeout", "30s", "-s", str(script)]
    command += ["-H", f"Accept-Encoding: {coding}", base]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    said = json.loads(done.stdout.strip().splitlines()[-1])
    if said["errors"] or not said["requests"]:
        raise RuntimeError(f"{base}{paths[0]}: {done.stdout}")
    return {
        "rate": said["requests"] / said["us"] * 1e6,
        "p50": said["p50"],
        "p99": said["p99"],
        "bytes": said["bytes"] / said["requests"],
    }


def asked_paths(server: Server, ids: Sequence[str]) -> dict[str, list[str]]:
    random = np.random.default_rng(7)
    corners = np.round(np.column_stack([random.uniform(130, 141, 64), random.uniform(33, 42, 64)]), 3).tolist()
    return {
        "page of 1,000": [server.page(limit="1000")],
        "bbox": [server.page(bbox=f"{x},{y},{x + 1:.3f},{y + 1:.3f}", limit="1000") for x, y in corners],
        "filter": [
            server.page(filter=f"muni_code='{17201 + n}' AND same_address=true", limit="1000")
            + f"&filter-lang={server.language}"
            for n in range(0, 50, 2)
        ],
        "one feature": [f"{server.items}/{quote(one, safe='')}?{urlencode(server.more)}" for one in ids],
    }


BOUNDS = {
    ("page of 1,000", "embedded"): 15,
    ("page of 1,000", "postgis"): 8,
    ("bbox", "embedded"): 5,
    ("bbox", "postgis"): 5,
}


def main() -> None:
    """Run the rounds and print medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--features", type=int, default=100_000)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    why = throwaway_postgis.missing() or next(
        (f"{one} is not installed" for one in ("wrk", "nginx") if not shutil.which(one)), None
    )
    if why is not None:
        sys.exit(f"bench_serve: {why}")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        address = stack.enter_context(throwaway_postgis.server("shared_buffers=1GB", "jit=off"))
        for name in ("ours", "peers"):
            engine = sa.create_engine(f"{address}/postgres", isolation_level="AUTOCOMMIT")
            with engine.connect() as connection:
                connection.exec_driver_sql(f"CREATE DATABASE {name}")
            engine.dispose()
        peers = f"{address}/peers"
        engine = sa.create_engine(peers)
        with engine.begin() as connection:
            connection.exec_driver_sql("CREATE EXTENSION postgis")
        engine.dispose()
        items = shelters(options.features)
        embedded = installation(folder / "embedded", None, items)
        postgis = installation(folder / "postgis", f"{address}/ours", items)
        published = embedded.public / "exercise" / "layers" / "shelter" / "latest.geojson"
        features = json.loads(published.read_bytes())["features"]
        assert len(features) == options.features, f"{len(features)} features were published"
        fill_peers(peers, features)
        plain = peers.replace("+psycopg", "")
        servers = [
            ours("embedded", embedded, folder, stack),
            ours("postgis", postgis, folder, stack),
            tipg(plain, folder, stack),
            pygeoapi(plain, folder, stack),
        ]
        beside = nginx(embedded, folder, stack)
        ids = [one["id"] for one in features[:: max(1, len(features) // 256)]]
        paths = {server.name: asked_paths(server, ids) for server in servers}
        by_measure = {name: {server.name: paths[server.name][name] for server in servers} for name in paths["tipg"]}
        notes = check_same(servers, by_measure)
        static = "/public/exercise/layers/shelter/latest.geojson"
        for coding in ("identity", "gzip"):
            assert get(servers[0].base + static, coding) == get(beside + static, coding) == published.read_bytes()
        now = datetime.now(UTC) - timedelta(seconds=30)
        at, known = (T0 + timedelta(days=1)).strftime("%FT%TZ"), now.strftime("%FT%TZ")
        as_of = {"datetime": at, "known-at": known, "limit": "1000"}
        cold = {}
        for server in servers[:2]:
            began = time.perf_counter()
            assert json.loads(get(server.base + server.page(**as_of)))["numberMatched"] == options.features
            cold[server.name] = time.perf_counter() - began
        found: dict[tuple[str, str], list[dict[str, float]]] = {}
        for _ in range(options.rounds):
            for measure, each in by_measure.items():
                for server in servers:
                    said = load(server.base, each[server.name], options.seconds, folder)
                    found.setdefault((measure, server.name), []).append(said)
            for server in servers[:2]:
                said = load(server.base, [server.page(**as_of)], options.seconds, folder)
                found.setdefault(("as of two times", server.name), []).append(said)
            for coding in ("identity", "gzip"):
                for name, base in (("embedded", servers[0].base), ("nginx", beside)):
                    said = load(base, [static], options.seconds, folder, coding)
                    found.setdefault((f"static, {coding}", name), []).append(said)

    def rate(measure: str, name: str) -> float:
        return statistics.median(one["rate"] for one in found[measure, name])

    ratios = {}
    for measure in by_measure:
        for name in ("embedded", "postgis"):
            bound = BOUNDS.get((measure, name))
            label = f"{measure}: {name} / better peer" + (f" (at least {bound})" if bound else "")
            ratios[label] = rate(measure, name) / max(rate(measure, peer) for peer in ("tipg", "pygeoapi"))
    for coding in ("identity", "gzip"):
        label = f"static layer, {coding}: nginx / ours (at most 2)"
        ratios[label] = rate(f"static, {coding}", "nginx") / rate(f"static, {coding}", "embedded")
    rows = {
        f"{measure}, {name}": {key: statistics.median(one[key] for one in several) for key in several[0]}
        for (measure, name), several in found.items()
    }
    for note in notes if not options.json else []:
        print(note)
    if options.json:
        print(json.dumps({"rates": rows, "cold_seconds": cold, "notes": notes, "ratios": ratios}, ensure_ascii=False))
        return
    for name, seconds in cold.items():
        print(f"first question as of two times, {name}: {seconds:.2f} s")
    for name, row in rows.items():
        print(
            f"{name:28s} {row['rate']:9.1f} requests/s  p50 {row['p50']:8.2f} ms  p99 {row['p99']:8.2f} ms"
            f"  {row['bytes']:12,.0f} bytes"
        )
    for name, ratio in ratios.items():
        print(f"{name:64s} {ratio:7.2f}")


if __name__ == "__main__":
    main()
