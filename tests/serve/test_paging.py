"""Whoever follows the next links sees one picture to its end, whatever is published or dropped meanwhile."""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bousai import pipeline
from bousai.settings import Settings
from tests.serve import site
from tests.serve.conftest import client_of

if TYPE_CHECKING:
    from starlette.testclient import TestClient

LAYER = "shelter"
ITEMS = f"/collections/{LAYER}/items"
LIST = "mergeFromCity_1_kunren.csv"


SELECTIONS = ["", "&muni=14205", "&bbox=139,35,140,36", "&filter=name LIKE '%25'", "&crs=[EPSG:6668]"]


def follow(client: TestClient, address: str) -> Iterator[dict[str, Any]]:
    """The page at an address, and those that its next links lead to."""
    following: str | None = address
    while following is not None:
        answer = client.get(following)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        yield page
        following = next((link["href"] for link in page["links"] if link["rel"] == "next"), None)


def ids(pages: Iterator[dict[str, Any]]) -> list[str]:
    return [feature["id"] for page in pages for feature in page["features"]]


def rename(own: Settings, name: str) -> None:
    """The list comes again with another name in it, and is published."""
    text = (site.KUNREN / "gsi_shelter" / LIST).read_text(encoding="utf-8")
    changed = site.in_earnest(text).replace("第1小学校", name).encode()
    for done in pipeline.ingest_files("gsi_shelter", [(f"{name}.csv", changed)], own):
        assert done.outcome in ("stored", "unchanged")
    pipeline.publish_layers([LAYER], own)


@pytest.fixture
def own(tree: Settings, tmp_path: Path) -> Settings:
    """A copy of the installation that may be changed."""
    return site.copy_of(tree, tmp_path / "data")


@pytest.mark.store
@given(
    limit=st.integers(1, 7),
    more=st.sampled_from(["", "&muni=14205", "&bbox=139,35,140,36", "&filter=name LIKE '%25'"]),
)
@settings(max_examples=25)
def test_pages_are_the_layer_each_feature_once(client: TestClient, limit: int, more: str) -> None:
    whole = client.get(f"{ITEMS}?limit=10000{more}").json()
    pages = list(follow(client, f"{ITEMS}?limit={limit}{more}"))
    assert ids(iter(pages)) == [feature["id"] for feature in whole["features"]]
    assert {page["numberMatched"] for page in pages} == {len(whole["features"])}
    assert [page["numberReturned"] for page in pages] == [len(page["features"]) for page in pages]
    assert all(page["numberReturned"] == limit for page in pages[:-1])


@pytest.mark.store
@pytest.mark.parametrize("more", ["", "&datetime=2030-01-01T00:00Z"], ids=["published", "as asked"])
def test_what_is_published_on_the_way_is_not_seen(own: Settings, more: str) -> None:
    with client_of(own) as client:
        before = client.get(f"{ITEMS}?limit=10000{more}").json()["features"]
        seen = []
        for number, page in enumerate(follow(client, f"{ITEMS}?limit=2{more}")):
            seen += page["features"]
            rename(own, f"改称{number}小学校")  # five and more versions: the tree keeps two of them whole
        assert number > 3
        assert seen == before
        now = client.get(f"{ITEMS}?limit=10000").json()["features"]
        assert [one["id"] for one in now] == [one["id"] for one in before]
        assert now != before


@pytest.mark.store
def test_another_worker_goes_on_where_the_first_one_was(own: Settings) -> None:
    with client_of(own) as first:
        before = first.get(f"{ITEMS}?limit=10000").json()["features"]
        page = first.get(f"{ITEMS}?limit=3").json()
    for number in range(4):
        rename(own, f"改称{number}小学校")
    (following,) = (link["href"] for link in page["links"] if link["rel"] == "next")
    with client_of(own) as second:
        rest = [one for page in follow(second, following) for one in page["features"]]
    assert page["features"] + rest == before


@pytest.mark.store
def test_a_picture_that_is_gone_is_said_to_be_gone(own: Settings) -> None:
    before = json.loads((own.public / "layers" / LAYER / "manifest.json").read_bytes())["version"]
    with client_of(own) as client:
        page = client.get(f"{ITEMS}?limit=3").json()
    (following,) = (link["href"] for link in page["links"] if link["rel"] == "next")
    shutil.rmtree(own.data / "serve")
    rename(own, "改称小学校")
    shutil.rmtree(own.public / "layers" / LAYER / "v" / before)
    with client_of(own) as client:
        answer = client.get(following)
    assert answer.status_code == 410
    assert answer.json()["remedy"] == "begin again without a cursor"


NOT_OURS = {
    "a path": "../../../etc/passwd",
    "a path, packed": base64.urlsafe_b64encode(b'["../../etc/passwd",1]').decode(),
    "another shape": base64.urlsafe_b64encode(b"[]").decode(),
    "null": base64.urlsafe_b64encode(b"null").decode(),
    "before the beginning": base64.urlsafe_b64encode(b'["actual.shelter.00",-1]').decode(),
    "never made": base64.urlsafe_b64encode(b'["actual.shelter.00",1]').decode(),
    "a byte": "%00",
}


@pytest.mark.parametrize("cursor", NOT_OURS.values(), ids=NOT_OURS)
def test_a_cursor_that_is_not_ours_opens_nothing(client: TestClient, cursor: str) -> None:
    answer = client.get(f"{ITEMS}?limit=1&cursor={cursor}")
    assert answer.status_code in (400, 410), answer.text
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_cursor_of_another_layer_is_gone(client: TestClient) -> None:
    page = client.get(f"{ITEMS}?limit=1").json()
    (following,) = (link["href"] for link in page["links"] if link["rel"] == "next")
    cursor = following.partition("cursor=")[2]
    assert client.get(f"/collections/evacuation_site/items?cursor={cursor}").status_code == 410


def test_nothing_is_written_but_the_cache(own: Settings) -> None:
    def state() -> dict[str, bytes]:
        return {
            str(path.relative_to(own.data)): path.read_bytes() for path in own.public.rglob("*") if path.is_file()
        }

    before = state()
    store = (own.data / "bousai.gpkg").read_bytes()
    with client_of(own) as client:
        for address in (ITEMS, f"{ITEMS}?datetime=2024-01-01", f"{ITEMS}?filter=name='x'", f"{ITEMS}?limit=1"):
            assert client.get(address).status_code == 200
    assert state() == before
    assert (own.data / "bousai.gpkg").read_bytes() == store
