"""The map page: what it knows of the layers, what it is without scripts, what it shows in a real browser."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import Browser, Page

from bousai.serve import create, map_page
from bousai.settings import Settings
from bousai.vocab.map_scale import scales
from tests.serve import site
from tests.serve.browser import PHONE, picture, violations, visit
from tests.serve.serving import Served

if TYPE_CHECKING:
    from starlette.testclient import TestClient

HTML = {"Accept": "text/html"}
PAGE = Path(map_page.__file__).parent / "page"


def layers(client: TestClient, status: str = "actual") -> dict[str, Any]:
    found: dict[str, Any] = client.get(f"/map/layers.json?status={status}").raise_for_status().json()
    return found


def test_every_layer_of_the_index_is_told_with_its_count_and_sources(client: TestClient, tree: Settings) -> None:
    index = json.loads((tree.public / "index.json").read_bytes())
    told = {one["id"]: one for one in layers(client)["layers"]}
    assert set(told) == {one["id"] for one in index["layers"]}
    for one in index["layers"]:
        assert told[one["id"]]["count"] == one["features"]
        assert told[one["id"]]["feeds"] == [source["feed"] for source in one["freshness"]]


def test_addresses_of_layers_lead_to_their_features(client: TestClient) -> None:
    for status in ("actual", "exercise"):
        for one in layers(client, status)["layers"]:
            if one["id"] not in ("shelter_now", "weather_warning"):
                continue
            whole = client.get(f"/{one['file']}").raise_for_status().json()
            assert len(whole["features"]) == one["count"]
            assert client.get(f"/{one['items']}?limit=1").raise_for_status().json()["numberMatched"] == one["count"]
            assert {feature["properties"]["status"] for feature in whole["features"]} == {status}


def test_titles_of_exercises_say_so(client: TestClient) -> None:
    assert all(one["title"]["ja"].startswith("【訓練】") for one in layers(client, "exercise")["layers"])
    assert not any("訓練" in one["title"]["ja"] for one in layers(client)["layers"])


def test_a_tree_that_nobody_renews_grows_late_by_itself(tree: Settings) -> None:
    server = create(tree).state.service
    feed = server.catalogue.feeds["jma_warning"]
    fetched = datetime(2026, 11, 5, 3, 0, tzinfo=UTC)
    source = {
        "feed": feed.id,
        "state": "ok",
        "reason": "",
        "last_content_at": fetched.isoformat(),
        "last_fetch_at": fetched.isoformat(),
        "credit": feed.credit,
        "licence": feed.licence,
        "licence_url": feed.licence_url,
    }
    index = [{"freshness": [source]}]
    told = {
        seconds: map_page._feeds(server, index, fetched + timedelta(seconds=seconds))[feed.id]["state"]
        for seconds in (30, feed.late_after + 60, feed.dead_after + 60)
    }
    assert list(told.values()) == ["ok", "late", "dead"]


def test_only_released_columns_have_titles(client: TestClient, tree: Settings) -> None:
    index = json.loads((tree.public / "index.json").read_bytes())
    for one in index["layers"]:
        told = client.get(f"/map/fields/{one['id']}.json").raise_for_status().json()
        assert [field["name"] for field in told] == [field["name"] for field in one["fields"]]
    assert client.get("/map/fields/nonsense.json").status_code == 404


def test_names_to_search_for(client: TestClient) -> None:
    names = client.get("/map/municipalities.json").raise_for_status().json()
    found = {code: (pref + name, count) for code, pref, name, count in names}
    assert found["14100"][0] == "神奈川県横浜市"
    assert found["14100"][1] > 0
    assert found["01100"] == ("北海道札幌市", 0)
    assert len(found) == len(names) > 1700


@pytest.mark.parametrize("query", ["status=test", "status=nonsense", "colour=red"])
def test_what_cannot_be_asked(client: TestClient, query: str) -> None:
    answer = client.get(f"/map/layers.json?{query}")
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")


def test_files_of_the_page_are_kept_for_ever_under_their_version_only(client: TestClient) -> None:
    text = client.get("/", headers=HTML).raise_for_status().text
    files = re.findall(r'(?:href|src)="\./(page/[^"]+)"', text)
    assert len(files) > 5
    for file in files:
        answer = client.get(f"/{file}").raise_for_status()
        assert "immutable" in answer.headers["cache-control"]
        assert client.get(f"/{file}", headers={"If-None-Match": answer.headers["etag"]}).status_code == 304
    assert client.get("/page/0000000000000000/app.js").status_code == 404


def test_the_page_is_asked_about_and_not_sent_again(client: TestClient) -> None:
    answer = client.get("/", headers=HTML)
    again = client.get("/", headers=HTML | {"If-None-Match": answer.headers["etag"]})
    assert (answer.headers["cache-control"], again.status_code) == ("no-cache", 304)


@pytest.mark.parametrize("address", ["/", "/exercise/"])
def test_without_scripts_every_layer_is_a_link(client: TestClient, address: str) -> None:
    text = client.get(address, headers=HTML).raise_for_status().text
    assert not re.search(r"<script(?![^>]* src=)", text)
    prefix = "../exercise/" if address == "/exercise/" else "./"
    links = re.findall(rf'href="{re.escape(prefix)}(collections/[a-z_]+)\?f=html"', text)
    assert len(set(links)) > 50
    assert client.get(f"{address}{links[0]}?f=html").status_code == 200
    assert ("<title>【訓練】" in text) == ("これは訓練の情報です" in text) == (address == "/exercise/")


def test_where_nothing_actual_stands_the_exercise_is_named_and_not_shown(tree: Settings, tmp_path: Path) -> None:
    from starlette.testclient import TestClient

    own = site.empty(tmp_path)
    shutil.copytree(tree.public / "exercise", own.public / "exercise")
    with TestClient(create(own)) as one:
        text = one.get("/", headers=HTML).raise_for_status().text
        assert 'id="only-exercise"' in text
        assert 'href="exercise/"' in text
        told = layers(one)
        assert (told["empty"], told["exercise"]) == (True, True)
        assert {layer["count"] for layer in told["layers"]} == {None}


def test_words_are_there_in_both_languages_for_all_that_is_asked_for() -> None:
    words = json.loads((PAGE / "words.json").read_bytes())
    assert all(one["ja"] and one["en"] for one in words.values())
    asked = {
        key
        for path in PAGE.glob("*.js")
        for key in re.findall(r'\bt\(\s*"([a-z_0-9]+)"', path.read_text(encoding="utf-8"))
    }
    asked |= set(re.findall(r'data-t="([a-z_]+)"', (PAGE.parent / "templates" / "page.html").read_text("utf-8")))
    assert asked <= set(words), sorted(asked - set(words))
    for state in ("ok", "quiet", "late", "dead", "held", "paused"):
        assert f"feed_{state}" in words
    for state in ("reported", "blank", "unconfirmed", "investigating", "unknown", "not_applicable", "many"):
        assert f"count_{state}" in words


@pytest.fixture(scope="module")
def opened(browser: Browser, server: Served) -> Iterator[Page]:
    """The page of what is actual, its map drawn."""
    with visit(browser, server.base, "/") as (page, _):
        page.wait_for_selector("#map[data-ready]")
        yield page


in_the_browser = [pytest.mark.e2e, pytest.mark.xdist_group("serve_browser")]


class TestInTheBrowser:
    pytestmark = in_the_browser

    def test_a_layer_is_ticked_and_stands_in_the_address(self, opened: Page) -> None:
        box = opened.locator("#layer-seismic_intensity")
        box.check()
        assert "seismic_intensity" in opened.url
        opened.reload()
        opened.wait_for_selector("#map[data-ready]")
        assert opened.locator("#layer-seismic_intensity").is_checked()

    def test_a_legend_tells_every_step_in_words(self, opened: Page) -> None:
        legend = opened.locator(".layer", has=opened.locator("#layer-weather_warning")).locator(".key").inner_text()
        assert all(step.ja in legend for step in scales()["warning"])

    def test_a_list_leads_to_details_with_issuer_and_time(self, opened: Page) -> None:
        row = opened.locator(".layer", has=opened.locator("#layer-evacuation_order"))
        row.locator("button").focus()
        opened.keyboard.press("Enter")
        opened.locator(".entry").first.press("Enter")
        opened.wait_for_selector(".who")
        assert "発表機関" in opened.inner_text("#details")
        assert opened.evaluate("document.activeElement.id") == "details"
        assert "selected=evacuation_order/" in opened.url
        picture(opened, "map_details")
        assert violations(opened) == []
        opened.go_back()
        assert opened.locator(".who").count() == 0

    def test_a_municipality_is_found_with_the_keyboard(self, opened: Page) -> None:
        opened.fill("#muni-search", "藤沢")
        opened.wait_for_selector("#muni-found li")
        opened.keyboard.press("ArrowDown")
        opened.keyboard.press("Enter")
        opened.wait_for_function("new URLSearchParams(location.search).get('muni') === '14205'")
        assert "14205" in opened.inner_text("#muni-chosen")

    def test_the_banner_of_an_exercise_stays(self, browser: Browser, server: Served) -> None:
        with visit(browser, server.base, "/exercise/", viewport=PHONE) as (page, _):
            page.wait_for_selector("#map[data-ready]")
            page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
            banner = page.locator("#exercise").bounding_box()
            assert banner is not None
            assert (banner["y"], banner["width"]) == (0, page.evaluate("document.documentElement.clientWidth"))
            assert "【訓練】" in page.title()
            picture(page, "map_exercise_phone")
            assert violations(page) == []

    def test_the_first_view_is_small_and_asks_nobody_else(self, browser: Browser, server: Served) -> None:
        with visit(browser, server.base, "/") as (page, _):
            page.wait_for_selector("#map[data-ready]")
            loaded = page.evaluate(
                "performance.getEntriesByType('resource').map(one => [one.name, one.transferSize])"
            )
            assert sum(size for _, size in loaded) < 1_500_000
            assert all(name.startswith((server.base, "blob:", "data:")) for name, _ in loaded)
