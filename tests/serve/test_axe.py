"""WCAG 2.2 AA (JIS X 8341-3): axe-core over every page and every state of the map page, in a real browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser

from tests.serve.browser import PHONE, picture, violations, visit
from tests.serve.serving import Served

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("serve_browser")]

PLAIN = {
    "collections": "/collections?f=html",
    "collection": "/collections/shelter_now?f=html",
    "items": "/collections/shelter_now/items?f=html&limit=10",
    "items_earlier": "/collections/weather_warning/items?f=html&datetime=2026-11-05T03:30:00Z&limit=10",
    "conformance": "/conformance?f=html",
    "exercise_collections": "/exercise/collections?f=html",
    "exercise_items": "/exercise/collections/shelter_now/items?f=html&limit=10",
    "help": "/help",
    "api": "/api.html",
}


@pytest.mark.parametrize("size", ["wide", "phone"])
@pytest.mark.parametrize("name", PLAIN)
def test_plain_pages(browser: Browser, server: Served, name: str, size: str) -> None:
    more = {"viewport": PHONE} if size == "phone" else {}
    with visit(browser, server.base, PLAIN[name], **more) as (page, _):
        picture(page, f"plain_{name}_{size}", whole=size == "wide")
        assert violations(page) == []
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), "it scrolls sideways"
        if name.startswith("exercise"):
            assert "【訓練】" in page.title()
            assert "【訓練】" in page.inner_text("body")


def test_the_page_of_one_feature(browser: Browser, server: Served) -> None:
    with visit(browser, server.base, PLAIN["items"]) as (page, _):
        page.locator("main a[href*='/collections/shelter_now/items/']").first.click()
        assert "/items/" in page.url
        picture(page, "plain_feature", whole=True)
        assert violations(page) == []
        page.goto(page.url.split("?")[0] + "/sources?f=html")
        picture(page, "plain_sources", whole=True)
        assert violations(page) == []
