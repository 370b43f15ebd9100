"""Details of the map page: read at once what matters, nothing lost, renewed when something new is published."""

from __future__ import annotations

import json
import re
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Route, expect

from bousai.settings import Settings
from tests.serve.browser import visit
from tests.serve.serving import Served

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("serve_browser")]
expect.set_options(timeout=15_000)


def situation(own: Settings) -> dict[str, Any]:
    """The municipality of which most is said."""
    text = (own.public / "layers" / "municipality_situation" / "latest.geojson").read_bytes()
    found: list[dict[str, Any]] = json.loads(text)["features"]
    return max(found, key=lambda one: (len(one["properties"]["orders"]), len(json.dumps(one["properties"]))))


def test_what_is_in_force_and_the_figures_stand_open_and_the_rest_is_folded(
    browser: Browser, server: Served, tree: Settings
) -> None:
    feature = situation(tree)
    said = feature["properties"]
    with visit(browser, server.base, f"/?selected=municipality_situation/{feature['id']}") as (page, _):
        body = page.locator("#details-body")
        expect(body.locator("h4").first).to_have_text("発表・発令中のもの")
        expect(body).not_to_contain_text("区分なし・不明")
        for order in said["orders"]:
            expect(body).to_contain_text(order["order_text"] or order["order"])
        if said["evacuees"] and said["evacuees"]["value"] is not None:
            expect(body).to_contain_text(f"{said['evacuees']['value']:,}")
        open_text = body.inner_text()
        assert not re.search(r"^[a-z]+_[a-z_]+$", open_text, re.MULTILINE), "a raw key stands open"
        assert len(open_text.splitlines()) < 200
        # folded, and all of it there
        everything = body.evaluate("body => body.textContent")
        for source in said["sources"]:
            assert str(source["revision"]) in everything
        assert "警戒レベル：市区町村" not in everything


def test_open_details_are_renewed_when_something_new_is_published(
    browser: Browser, server: Served, tree: Settings
) -> None:
    feature = situation(tree)
    renewed = {"on": False}

    def layers(route: Route) -> None:
        told = httpx.get(route.request.url, timeout=60).json()
        if renewed["on"]:
            for one in told["layers"]:
                one["version"] = f"{one['version']}x"
        route.fulfill(json=told)

    def item(route: Route) -> None:
        told = httpx.get(route.request.url, timeout=60, headers={"Accept": "application/geo+json"}).json()
        if renewed["on"]:
            features = told.get("features", [told])
            for one in features:
                if one["id"] == feature["id"]:
                    one["properties"]["name"] = "訓練で変わった市"
        route.fulfill(json=told)

    with visit(browser, server.base, "/help") as (page, _):
        page.route(re.compile(r"/map/layers\.json"), layers)
        page.route(re.compile(r"municipality_situation/(?:latest|items)"), item)
        page.clock.install()
        page.goto(f"{server.base}/?selected=municipality_situation/{feature['id']}")
        title = page.locator("#details-body h3.feature")
        expect(title).to_contain_text(feature["properties"]["name"])
        page.locator("#muni-search").focus()
        renewed["on"] = True
        page.clock.fast_forward("01:05")
        expect(title).to_contain_text("訓練で変わった市")
        expect(page.locator("#details")).to_contain_text("新しい内容に替わりました")
        assert page.evaluate("document.activeElement.id") == "muni-search"
