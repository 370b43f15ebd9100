"""Text of a feed is text: no string that a source may send becomes markup, script or a link that runs."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator
from urllib.parse import quote
from xml.sax.saxutils import escape

import pytest
from playwright.sync_api import Browser, Page, expect

from bousai import pipeline
from bousai.settings import Settings
from tests.serve import site
from tests.serve.browser import picture, visit
from tests.serve.serving import Served, serving

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("serve_xss")]

NAMES = (
    '<img src=x onerror="window.__pwned=1">',
    "<svg onload='window.__pwned=2'></svg>",
    "</script><script>window.__pwned=3</script>",
    "\"><a href='javascript:window.__pwned=4' autofocus onfocus=window.__pwned=5>",
    "{{constructor.constructor('window.__pwned=6')()}}${window.__pwned=7}",
    "<!--<template><style>*{display:none}</style>",
)
ADDRESS = "</td></table><iframe srcdoc='<script>parent.__pwned=8</script>'>"
MUNICIPALITY = "藤沢<script>window.__pwned=9</script>市"
DISTRICT = "<details open ontoggle=window.__pwned=10>"
URL = "javascript:window.__pwned=11"
EARTHQUAKE = "<math><mtext><img src=x onerror=window.__pwned=12>"

_PLACED = {
    **{f"架空第{number}小学校": name for number, name in enumerate(NAMES, start=1)},
    "架空町 沿岸部": DISTRICT,
    "架空町": ADDRESS,
    "藤沢市（架空）": MUNICIPALITY,
}


def hostile(text: str) -> str:
    """A document of the exercise whose names are those above, written as its format writes them."""
    if text.startswith("<?xml"):
        return _placed(text, escape)
    if text.startswith("{"):
        return _placed(text, lambda one: json.dumps(one, ensure_ascii=False)[1:-1])
    rows = csv.reader(io.StringIO(text, newline=""))
    out = io.StringIO(newline="")
    csv.writer(out).writerows([[_placed(cell, str) for cell in row] for row in rows])
    return out.getvalue()


def _placed(text: str, written: Callable[[str], str]) -> str:
    for token, name in _PLACED.items():
        text = text.replace(token, written(name))
    return text


@pytest.fixture(scope="module")
def hostile_site(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    own = site.filled(tmp_path_factory.mktemp("hostile") / "data", change=hostile, exercise=False)
    properties = {
        "mag": 6.9,
        "place": EARTHQUAKE,
        "time": 1793840400000,
        "updated": 1793843000000,
        "url": URL,
        "status": "reviewed",
        "tsunami": 0,
        "sig": 800,
        "ids": ",xx01,",
        "type": "earthquake",
        "title": EARTHQUAKE,
    }
    event = {
        "type": "Feature",
        "id": "xx01",
        "geometry": {"type": "Point", "coordinates": [139.25, 35.1, 12.3]},
        "properties": properties,
    }
    document = {
        "type": "FeatureCollection",
        "metadata": {"generated": 1793844000000, "title": "4.5", "status": 200, "count": 1},
        "features": [event],
    }
    (outcome,) = pipeline.ingest_files("usgs_earthquake", [("4.5.geojson", json.dumps(document).encode())], own)
    assert outcome.outcome == "stored"
    pipeline.publish_layers(settings=own)
    return own


@pytest.fixture(scope="module")
def hostile_server(hostile_site: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(hostile_site, tmp_path_factory.mktemp("hostile_server") / "log") as one:
        yield one


def features(own: Settings, layer: str) -> dict[str, dict[str, object]]:
    found = json.loads((own.public / "layers" / layer / "latest.geojson").read_bytes())
    return {feature["id"]: feature["properties"] for feature in found["features"]}


def ran(page: Page) -> object:
    """What a script of ours that came in as text has left, and links that would run one."""
    return page.evaluate(
        """() => ({
            pwned: window.__pwned ?? null,
            links: [...document.querySelectorAll('[href],[src],[action]')].filter(
                one => /^\\s*javascript:/i.test(one.getAttribute('href') ?? one.getAttribute('src') ?? '')).length,
            handlers: [...document.querySelectorAll('*')].filter(
                one => [...one.attributes].some(each => /^on/i.test(each.name))).length,
            frames: document.querySelectorAll('iframe').length,
        })"""
    )


NOTHING = {"pwned": None, "links": 0, "handlers": 0, "frames": 0}


def test_the_strings_are_in_what_is_served(hostile_site: Settings) -> None:
    shelters = features(hostile_site, "shelter").values()
    names = {str(one["name"]) for one in shelters}
    for name in NAMES:
        assert any(name in one for one in names), name
    assert any(ADDRESS in str(one["address"]) for one in shelters)
    assert MUNICIPALITY in {one["name"] for one in features(hostile_site, "municipality").values()}
    assert DISTRICT in json.dumps(list(features(hostile_site, "evacuation_order").values()))
    (event,) = features(hostile_site, "world_event").values()
    assert (event["url"], event["place"]) == (URL, EARTHQUAKE)


@pytest.mark.parametrize("layer", ["shelter", "municipality", "evacuation_order", "world_event", "shelter_now"])
def test_plain_pages_show_them_as_they_are(browser: Browser, hostile_server: Served, layer: str) -> None:
    with visit(browser, hostile_server.base, f"/collections/{layer}/items?f=html&limit=100") as (page, _):
        shown = page.inner_text("body")
        assert ran(page) == NOTHING
        wanted = {"municipality": MUNICIPALITY, "evacuation_order": DISTRICT, "world_event": EARTHQUAKE}
        assert wanted.get(layer, NAMES[0]) in shown
        picture(page, f"xss_items_{layer}")


def test_the_map_page_shows_them_as_they_are(
    browser: Browser, hostile_server: Served, hostile_site: Settings
) -> None:
    """List, search, table, details and sources, in every language; the map behind them has the same features."""
    named = {item_id: str(one["name"]) for item_id, one in features(hostile_site, "shelter").items()}
    wanted = [(f"shelter/{item_id}", name) for item_id, name in named.items() if any(one in name for one in NAMES)]
    (event,) = features(hostile_site, "world_event")
    wanted = [*wanted[:6], (f"world_event/{event}", EARTHQUAKE)]
    with visit(browser, hostile_server.base, "/?layers=shelter,evacuation_order,world_event") as (page, _):
        table = page.locator("#situation-body")
        expect(table.locator("tbody tr").first).to_be_visible()
        expect(page.locator("#map canvas").first).to_be_visible()
        table.locator("input[type=checkbox]").check()
        page.locator("#search input").fill("藤沢")
        assert ran(page) == NOTHING
        picture(page, "xss_map")
        for (selected, name), lang in zip(wanted, ["ja", "en", "easy"] * 3, strict=False):
            page.goto(f"{hostile_server.base}/?lang={lang}&selected={quote(selected)}")
            expect(page.locator("#details-body")).to_contain_text(name)
            page.wait_for_load_state("networkidle")
            assert ran(page) == NOTHING
        expect(page.locator("#details-body")).to_contain_text(URL)
        picture(page, "xss_details")


def test_pages_of_one_feature_show_them_as_they_are(
    browser: Browser, hostile_server: Served, hostile_site: Settings
) -> None:
    (event,) = features(hostile_site, "world_event")
    named = {item_id: str(one["name"]) for item_id, one in features(hostile_site, "shelter").items()}
    wanted = [(item_id, name) for item_id, name in named.items() if any(one in name for one in NAMES)]
    assert len(wanted) >= len(NAMES)
    paths = [(f"shelter/items/{quote(item_id, safe='')}", name) for item_id, name in wanted[:8]]
    paths += [(f"world_event/items/{quote(event, safe='')}", URL)]
    with visit(browser, hostile_server.base, "/collections?f=html") as (page, _):
        for path, text in paths:
            for suffix in ("", "/sources"):
                page.goto(f"{hostile_server.base}/collections/{path}{suffix}?f=html")
                assert ran(page) == NOTHING
                if not suffix:
                    assert text in page.inner_text("body")
