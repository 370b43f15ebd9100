"""The map page as people have it: a real browser, a real server, no network beyond this machine."""

from __future__ import annotations

import io
import json
import re
from datetime import datetime
from pathlib import Path
from typing import Any
from unicodedata import normalize
from urllib.parse import quote

import httpx
import pytest
from pdfminer.high_level import extract_text
from playwright.sync_api import Browser, Page, Route, expect

from bousai import pipeline
from bousai.settings import Settings
from tests.serve import site
from tests.serve.browser import PHONE, TABLET, picture, violations, visit
from tests.serve.serving import Served, serving

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("serve_browser")]

THEN = "2026-11-05T12:00:00+09:00"
expect.set_options(timeout=15_000)  # a busy machine is no fault of the page
STATES = {
    "ja": ("/", {}),
    "en": ("/?lang=en", {}),
    "easy": ("/?lang=easy", {}),
    "exercise": ("/exercise/", {}),
    "then": (f"/?at={quote(THEN)}", {}),
    "phone": ("/", {"viewport": PHONE}),
    "tablet": ("/", {"viewport": TABLET}),
    "exercise_phone": ("/exercise/", {"viewport": PHONE}),
}


def ready(page: Page) -> None:
    """Wait until the list of layers and the table are there."""
    expect(page.locator("#layers input[type=checkbox]:visible").first).to_be_visible()
    expect(page.locator("#situation-body tbody tr").first).to_be_visible()


def mapped(page: Page) -> None:
    """Wait until the map is there and nothing is asked for any more."""
    expect(page.locator("#map canvas").first).to_be_visible()
    page.wait_for_load_state("networkidle")


def a_layer(own: Settings, layer: str, status: str = "actual") -> list[dict[str, Any]]:
    root = own.public / ("exercise" if status == "exercise" else ".")
    found: list[dict[str, Any]] = json.loads((root / "layers" / layer / "latest.geojson").read_bytes())["features"]
    return found


def a_feature(own: Settings, layer: str, status: str = "actual") -> dict[str, Any]:
    return next(one for one in a_layer(own, layer, status) if one["geometry"])


@pytest.mark.parametrize("name", STATES)
def test_every_state_opens_and_is_accessible(browser: Browser, server: Served, name: str) -> None:
    path, more = STATES[name]
    with visit(browser, server.base, path, **more) as (page, _):
        ready(page)
        mapped(page)
        picture(page, f"map_{name}")
        picture(page, f"map_{name}_whole", whole=True)
        assert page.get_attribute("html", "lang") == ("en" if name == "en" else "ja")
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), "it scrolls sideways"
        assert violations(page) == []


@pytest.mark.parametrize("status", ["actual", "exercise"])
def test_details_are_accessible_and_name_issuer_and_source(
    browser: Browser, server: Served, tree: Settings, status: str
) -> None:
    one = a_feature(tree, "shelter_now", status)
    path = "/exercise/" if status == "exercise" else "/"
    with visit(browser, server.base, f"{path}?selected=shelter_now/{one['id']}") as (page, _):
        ready(page)
        expect(page.locator("#details")).to_be_visible()
        expect(page.locator("#details-body")).to_contain_text(one["properties"]["name"])
        mapped(page)
        picture(page, f"details_{status}")
        assert violations(page) == []
        page.keyboard.press("Escape")
        expect(page.locator("#details")).to_be_hidden()


def test_the_exercise_cannot_be_missed(browser: Browser, server: Served) -> None:
    with visit(browser, server.base, "/exercise/", viewport=PHONE) as (page, _):
        ready(page)
        assert page.title().startswith("【訓練】")
        banner = page.locator("#exercise strong")
        height = page.evaluate("document.documentElement.scrollHeight")
        for place in (0, height // 2, height):
            page.evaluate("y => window.scrollTo(0, y)", place)
            expect(banner).to_be_in_viewport()
        page.emulate_media(media="print")
        expect(banner).to_be_visible()
    with visit(browser, server.base, "/") as (page, _):
        ready(page)
        assert "【訓練】" not in page.title()
        assert page.locator("#exercise").count() == 0


def test_a_link_brings_another_person_to_the_same_view(browser: Browser, server: Served) -> None:
    with visit(browser, server.base, "/?lang=en") as (page, _):
        ready(page)
        page.locator("#situation-body thead button").nth(1).click()
        page.locator("#situation-body tbody button.name").first.click()
        mapped(page)
        expect(page).to_have_url(re.compile("view="))  # the map has gone where the row sent it
        address = page.url.removeprefix(server.base)
        assert "sort=" in address
        assert "muni=" in address
        rows = page.locator("#situation-body tbody tr").all_inner_texts()
    with visit(browser, server.base, address) as (page, _):
        ready(page)
        mapped(page)
        assert page.url.removeprefix(server.base) == address
        assert page.locator("#situation-body tbody tr").all_inner_texts() == rows
        assert page.get_attribute("html", "lang") == "en"


def test_by_keyboard_alone(browser: Browser, server: Served) -> None:
    """Tab reaches a layer, the table's sorting and both clocks; each does with a key what it does with a mouse."""
    with visit(browser, server.base, "/") as (page, _):
        ready(page)
        mapped(page)

        def reach(selector: str) -> None:
            for _ in range(400):
                page.keyboard.press("Tab")
                if page.evaluate("s => document.activeElement.matches(s)", selector):
                    return
            raise AssertionError(f"Tab never reaches {selector}")

        reach("#clock button")
        page.keyboard.press("Enter")
        reach("#clock input[data-clock=at-slider]")
        page.keyboard.press("ArrowLeft")
        expect(page).to_have_url(re.compile(r"[?&]at="))
        reach("#clock input[data-clock=known-slider]")
        page.keyboard.press("ArrowLeft")
        expect(page).to_have_url(re.compile(r"[?&]known="))
        page.goto(server.base + "/")
        ready(page)
        reach("#layers input[data-layer]")
        before = page.evaluate("document.activeElement.checked")
        layer = page.evaluate("document.activeElement.dataset.layer")
        page.keyboard.press("Space")
        expect(page.locator(f"#layer-{layer}")).to_be_checked(checked=not before)
        assert "layers=" in page.url
        reach("#situation-body thead button")
        page.keyboard.press("Enter")
        expect(
            page.locator("#situation-body th[aria-sort=ascending], #situation-body th[aria-sort=descending]").first
        ).to_be_visible()


def test_list_and_table_do_not_wait_for_the_map(browser: Browser, server: Served) -> None:
    """The library of the map is held back: all else can be used; then it comes and the map is there."""
    held: list[Route] = []
    with visit(browser, server.base, "/help") as (page, _):
        page.route("**/maplibre-gl.js*", lambda route: held.append(route))  # playwright takes no bound method of C
        page.goto(server.base + "/")
        ready(page)
        tick = page.locator("#layers input[data-layer]:visible").first
        before = tick.is_checked()
        tick.click()
        expect(page.locator("#layers input[data-layer]:visible").first).to_be_checked(checked=not before)
        page.locator("#situation-body thead button").nth(1).click()
        assert page.locator("#map canvas").count() == 0
        page.wait_for_timeout(50)
        for route in held:
            route.continue_()
        expect(page.locator("#map canvas").first).to_be_visible()
        assert len(held) == 1


def test_the_first_view_is_small(browser: Browser, server: Served) -> None:
    """Under 1.5 MB over the wire on the 3G of WebPageTest; how long it takes there is printed and no condition."""
    with visit(browser, server.base, "/help") as (page, _):
        wire = page.context.new_cdp_session(page)
        got: list[float] = []
        wire.on("Network.loadingFinished", lambda event: got.append(event["encodedDataLength"]))
        wire.send("Network.enable")
        wire.send("Network.clearBrowserCache")
        wire.send(
            "Network.emulateNetworkConditions",
            {"offline": False, "latency": 300, "downloadThroughput": 200_000, "uploadThroughput": 96_000},
        )
        wire.send("Emulation.setCPUThrottlingRate", {"rate": 4})
        page.goto(server.base + "/", wait_until="commit")
        ready(page)
        usable = page.evaluate("performance.now()")
        early = sum(got)
        mapped(page)
        print(f"usable after {usable:.0f} ms, {early / 1e3:.0f} kB; whole {sum(got) / 1e3:.0f} kB")
        assert 0 < sum(got) < 1_500_000


def test_a_server_that_is_gone_is_told(browser: Browser, tree: Settings, tmp_path: Path) -> None:
    with serving(tree, tmp_path / "log") as served, visit(browser, served.base, "/") as (page, complaints):
        ready(page)
        mapped(page)
        rows = page.locator("#situation-body tbody tr").count()
        page.clock.install()
        page.goto(served.base + "/")
        ready(page)
        served.stop()
        complaints.allow("ERR_CONNECTION_REFUSED|not loaded")
        page.clock.fast_forward("03:00")
        expect(page.locator("#notice")).not_to_be_empty()
        picture(page, "server_gone")
        assert page.locator("#situation-body tbody tr").count() == rows


def test_nothing_at_all_is_said_in_words(browser: Browser, tmp_path: Path) -> None:
    own = site.empty(tmp_path / "data")
    with serving(own, tmp_path / "log") as served, visit(browser, served.base, "/") as (page, complaints):
        complaints.allow(r"50[03]|404")
        expect(page.locator("#layers input[type=checkbox]:visible").first).to_be_visible()
        expect(page.locator("#asof")).not_to_be_empty()
        page.wait_for_load_state("networkidle")
        picture(page, "nothing")


@pytest.mark.parametrize("known", ["", "&known=2024-01-01T00:00:00Z"], ids=["known now", "known before all records"])
def test_two_clocks_show_what_the_corridor_says(browser: Browser, server: Served, tree: Settings, known: str) -> None:
    with visit(browser, server.base, f"/?at={quote(THEN)}{known}") as (page, _):
        expect(page.locator("#clock [role=status]")).to_contain_text("2026-11-05 12:00")
        expect(page.locator("#situation-body caption, #situation-body .wide p").first).to_be_visible()
        page.locator("#situation-body input[type=checkbox]").check()
        told = pipeline.layer_geojson(
            "municipality_situation",
            tree,
            valid_at=datetime.fromisoformat(THEN),
            known_at=datetime.fromisoformat("2024-01-01T00:00:00+00:00") if known else None,
        )
        said = {one["properties"]["muni_code"]: one["properties"] for one in json.loads(b"".join(told))["features"]}
        assert bool(said) != bool(known)
        while page.locator("#situation-body .wide > button").count():
            page.locator("#situation-body .wide > button").click()
        shown = page.locator("#situation-body tr[data-code]")
        assert sorted(shown.evaluate_all("rows => rows.map(row => row.dataset.code)")) == sorted(said)
        for code, one in said.items():
            words = page.locator(f"#situation-body tr[data-code='{code}']").inner_text()
            assert one["name"] in words
            if one["max_warning"]:
                assert one["max_warning"]["kind_name"] in words
                assert one["max_warning"]["issuer"] in words
        picture(page, f"clocks_{'before' if known else 'then'}")


def test_addresses_to_copy_have_what_is_shown(browser: Browser, server: Served, tree: Settings) -> None:
    with visit(browser, server.base, "/?layers=shelter,weather_warning&muni=14205") as (page, _):
        ready(page)
        mapped(page)
        page.locator("#share button").first.click()
        fields = page.locator("#share-dialog .address input")
        expect(fields.first).to_be_visible()
        link, *addresses = fields.evaluate_all("all => all.map(one => one.value)")
        assert link == page.url
        picture(page, "share")
        assert violations(page) == []
    shelters = {one["id"] for one in a_layer(tree, "shelter") if one["properties"]["muni_code"] == "14205"}
    got = [httpx.get(one).raise_for_status().json() for one in addresses]
    assert {one["bousai:layer"] for one in got} == {"shelter", "weather_warning"}
    whole, cut, view = (one for one in got if one["bousai:layer"] == "shelter")
    assert {one["id"] for one in whole["features"]} == {one["id"] for one in a_layer(tree, "shelter")}
    assert {one["id"] for one in cut["features"]} == shelters
    assert set() < {one["id"] for one in view["features"]} <= shelters  # those in the box that is shown


def test_print_has_table_credits_and_times(browser: Browser, server: Served) -> None:
    with visit(browser, server.base, "/exercise/") as (page, _):
        ready(page)
        mapped(page)
        page.emulate_media(media="print")
        picture(page, "print_exercise", whole=True)
        for part in ("#exercise", "#situation-body table", "#asof"):
            expect(page.locator(part).first).to_be_visible()
        raw = extract_text(io.BytesIO(page.pdf(format="A4")))
        # the font's names of some letters are those of radicals (⽅), which are the same letters (方)
        text = "".join(normalize("NFKC", raw).split())
        assert raw.count("【訓練】") > raw.count("\f")  # on every page
        assert "訓練" in text
        assert "公表" in text
        assert "横浜市" in text
        assert "横浜地方気象台" in text
