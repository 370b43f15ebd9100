"""200 readers while one publication follows another: no error, and nobody sees a mixture of two versions.

Every shelter of a version has the same note, so a chain of pages that is of one version says one thing throughout.
"""

from __future__ import annotations

import asyncio
import statistics
import threading
import time
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
import shapely
import sqlalchemy as sa

from bousai import pipeline, settings, store
from bousai.model import Bulletin, ItemTable, Provenance, RawDocument
from bousai.settings import Settings
from tests.serve.serving import serving

pytestmark = [pytest.mark.e2e, pytest.mark.store, pytest.mark.xdist_group("postgis")]

READERS = 200
PUBLICATIONS = 6
SHELTERS = 900
PAGE = 250
T0 = datetime(2026, 1, 1, tzinfo=UTC)
FILES = "/public/layers/shelter"


def _state(own: Settings, n: int) -> None:
    """The whole list of shelters as its source states it for the n-th time: each has another note, some are new."""
    count = SHELTERS + 7 * n
    table = ItemTable(
        item_id=[f"E17201{i:06d}" for i in range(count)],
        props={"name": [f"架空第{i}小学校" for i in range(count)], "note": [f"第{n}版"] * count},
        muni_code=["17201"] * count,
        geometry=list(shapely.to_wkb([shapely.Point(136 + i / 1000, 36.5) for i in range(count)])),
        position=[f"row {i}" for i in range(count)],
    )
    at = T0 + timedelta(days=n)
    document = RawDocument(f"{n:064x}", "gsi_shelter", "https://example.org/", "gsi_shelter", at, 1)
    statement = Bulletin(
        kind="shelter",
        scope="made up",
        issued_at=at,
        status="actual",
        items=table,
        issuer="架空市",
        complete=True,
    )
    opened = store.open_store(own.store)
    store.apply(opened, [statement], Provenance(document, "made up", "1"), at)
    opened.close()
    (written,) = (
        one for one in pipeline.publish_layers(["shelter"], own, register=False) if one["status"] == "actual"
    )
    assert written["changed"]
    assert written["features"] == count


def _manifest(own: Settings) -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads((own.public / "layers" / "shelter" / "manifest.json").read_bytes())
    return found


class _Readers:
    """What readers see, until they are told to stop."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client
        self.stop = False
        self.seconds: list[float] = []
        self.notes: list[str] = []
        self.digests: set[str] = set()
        self.versions: set[str] = set()

    async def get(self, url: str, expected: Sequence[int] = (200,), **headers: str) -> httpx.Response:
        began = time.perf_counter()
        answer = await self.client.get(url, headers=headers)
        self.seconds.append(time.perf_counter() - began)
        assert answer.status_code in expected, f"{url}: {answer.status_code} {answer.text[:300]}"
        return answer

    async def pages(self) -> AsyncIterator[dict[str, Any]]:
        url: str | None = f"/collections/shelter/items?limit={PAGE}"
        while url is not None:
            page = (await self.get(url)).json()
            yield page
            url = next((one["href"] for one in page["links"] if one["rel"] == "next"), None)

    def chain(self, pages: Sequence[dict[str, Any]]) -> None:
        """A chain of pages is one version, whole."""
        features = [one for page in pages for one in page["features"]]
        assert {page["numberMatched"] for page in pages} == {len(features)}
        assert len({one["id"] for one in features}) == len(features)
        assert len({page["timeStamp"] for page in pages}) == 1
        (note,) = {one["properties"]["note"] for one in features}
        self.notes.append(note)

    async def read_pages(self) -> None:
        self.chain([page async for page in self.pages()])

    async def read_whole(self, coding: str) -> None:
        answer = await self.get(f"{FILES}/latest.geojson", **{"Accept-Encoding": coding})
        assert answer.headers.get("content-encoding", "identity") == coding
        self.digests.add(sha256(answer.content).hexdigest())

    async def read_in_parts(self) -> None:
        """The first part, then the rest if it is still the same file: else all of the new one."""
        url, plain = f"{FILES}/latest.geojson", "identity"
        first = await self.get(url, (206,), **{"Accept-Encoding": plain, "Range": "bytes=0-9999"})
        tag = first.headers["etag"]
        rest = await self.get(url, (200, 206), **{"Accept-Encoding": plain, "Range": "bytes=10000-", "If-Range": tag})
        body = first.content + rest.content if rest.status_code == 206 else rest.content
        assert rest.headers["etag"] == tag or rest.status_code == 200
        self.digests.add(sha256(body).hexdigest())

    async def read_version(self) -> None:
        """What a manifest promises is there."""
        manifest = (await self.get(f"{FILES}/manifest.json")).json()
        self.versions.add(manifest["version"])
        body = (await self.get(f"{FILES}/v/{manifest['version']}/shelter.geojson")).content
        assert sha256(body).hexdigest() == manifest["files"]["latest.geojson"]["sha256"]

    async def read_index(self) -> None:
        index = (await self.get("/public/index.json")).json()
        assert any(one["id"] == "shelter" for one in index["layers"])

    async def read(self, number: int) -> None:
        """What the n-th reader does, over and over."""
        turn = number
        while not self.stop:
            kind = turn % 6
            if kind == 0:
                await self.read_pages()
            elif kind == 1:
                await self.read_in_parts()
            elif kind == 2:
                await self.read_version()
            elif kind == 3:
                await self.read_index()
            else:
                await self.read_whole(("gzip", "zstd", "identity")[turn // 6 % 3])
            turn += 1


async def _read_while_publishing(base: str, own: Settings) -> tuple[_Readers, dict[str, Any]]:
    limits = httpx.Limits(max_connections=READERS)
    manifests = {one["version"]: one for one in [_manifest(own)]}
    failed: list[BaseException] = []

    def publish() -> None:
        try:
            for n in range(1, PUBLICATIONS + 1):
                _state(own, n)
                manifests.update({one["version"]: one for one in [_manifest(own)]})
        except BaseException as error:  # noqa: BLE001  (told to the test by the thread that has it)
            failed.append(error)

    async with httpx.AsyncClient(base_url=base, timeout=60, limits=limits) as client:
        readers = _Readers(client)
        slow = readers.pages()  # its first page is of the version before all of them
        before = [await anext(slow)]
        publishing = threading.Thread(target=publish)
        publishing.start()
        reading = [asyncio.create_task(readers.read(number)) for number in range(READERS)]
        try:
            while publishing.is_alive() and not any(one.done() for one in reading):
                await asyncio.sleep(0.05)
            readers.stop = True
            await asyncio.gather(*reading)
        finally:
            for one in reading:
                one.cancel()
            publishing.join()
        if failed:
            raise failed[0]
        readers.chain(before + [page async for page in slow])
        assert readers.notes[-1] == "第0版", "a reader on its way got another version"
        await readers.read_pages()
        assert readers.notes[-1] == f"第{PUBLICATIONS}版"
    return readers, manifests


@pytest.mark.parametrize("kind", ["sqlite", "postgis"])
def test_every_reader_sees_one_version(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    chosen = {"BOUSAI_DATA": str(tmp_path / "data")}
    if kind == "postgis":
        server: str = request.getfixturevalue("postgis_server")
        name = f"readers_{time.time_ns()}"
        engine = sa.create_engine(f"{server}/postgres", isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {name}")
        engine.dispose()
        chosen["BOUSAI_STORE"] = f"{server}/{name}"
    own = settings.load(chosen)
    pipeline.prepare(own)
    _state(own, 0)
    log = tmp_path / "log"
    with serving(own, log) as served:
        readers, manifests = asyncio.run(_read_while_publishing(served.base, own))
    assert len(manifests) == PUBLICATIONS + 1
    whole = {one["files"]["latest.geojson"]["sha256"] for one in manifests.values()}
    assert readers.digests <= whole
    assert readers.versions <= manifests.keys()
    assert len(set(readers.notes)) > 2, "nothing was published while they read"
    assert "Traceback" not in log.read_text()
    times = sorted(readers.seconds)
    print(
        f"{kind}: {len(times)} answers to {READERS} readers during {PUBLICATIONS} publications, "
        f"p50 {statistics.median(times) * 1000:.0f} ms, p99 {times[len(times) * 99 // 100] * 1000:.0f} ms"
    )
