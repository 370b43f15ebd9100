"""The clocks of the map page: what is asked for, what is said while it is not there, what a link and "back" bring."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, quote, urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.serve.browser import PHONE, visit
from tests.serve.serving import Served

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("serve_browser")]

THEN = "2026-11-05T12:00:00+09:00"
BEFORE = "2026-11-05T10:20:00+09:00"
SENTENCE = "#clock .clock-sentence"
expect.set_options(timeout=15_000)


def ready(page: Page) -> None:
    expect(page.locator("#situation-body tbody tr").first).to_be_visible()


def asked(page: Page) -> dict[str, list[str]]:
    return parse_qs(urlsplit(page.url).query)


def test_a_time_is_typed_key_by_key_and_counts_when_it_is_sent(browser: Browser, server: Served) -> None:
    with visit(browser, server.base, f"/?at={quote(BEFORE)}") as (page, _):
        ready(page)
        field = page.locator("input[data-clock=at-field]")
        field.focus()
        page.keyboard.type("11052026")
        page.keyboard.press("Tab")
        page.keyboard.type("1200PM")
        assert page.evaluate("document.activeElement.dataset.clock") == "at-field"
        assert asked(page)["at"] == [BEFORE]
        assert field.input_value() == "2026-11-05T12:00"
        page.keyboard.press("Enter")
        expect(page.locator(SENTENCE)).to_contain_text("2026-11-05 12:00")
        assert asked(page)["at"] == ["2026-11-05T12:00:59+09:00"]


def test_back_undoes_a_clock_and_a_link_keeps_both_together(browser: Browser, server: Served) -> None:
    with visit(browser, server.base, f"/?at={quote(BEFORE)}") as (page, _):
        ready(page)
        page.locator("button[data-clock=clock_after]").click()
        expect(page.locator(SENTENCE)).not_to_contain_text("10:20")
        page.go_back()
        expect(page.locator(SENTENCE)).to_contain_text("2026-11-05 10:20")
        page.locator("input[data-clock=together]").check()
        assert asked(page)["known"] == asked(page)["at"]
        page.reload()
        expect(page.locator("input[data-clock=together]")).to_be_checked()
        page.locator("button[data-clock=clock_after]").click()
        expect(page.locator(SENTENCE)).not_to_contain_text("10:20")
        assert asked(page)["known"] == asked(page)["at"]


def test_what_lies_ahead_is_not_called_past(browser: Browser, server: Served) -> None:
    with visit(browser, server.base, "/?at=2199-01-01T00:00:00Z") as (page, _):
        ready(page)
        expect(page.locator(SENTENCE)).to_have_text("いまの情報を表示しています。")
        assert not page.evaluate("document.body.classList.contains('past')")


def test_until_a_time_is_there_table_and_map_say_that_it_is_not(browser: Browser, server: Served) -> None:
    held: list[Route] | None = []

    def hold(route: Route) -> None:
        if held is None:
            route.continue_()
        else:
            held.append(route)

    with visit(browser, server.base, f"/?at={quote(BEFORE)}") as (page, _):
        ready(page)
        expect(page.locator("#map[data-ready]")).to_be_visible()
        page.wait_for_load_state("networkidle")
        page.route(re.compile("datetime="), hold)
        page.locator("button[data-clock=clock_after]").click()
        note = page.locator("#situation-body > .doubt").first
        expect(note).to_contain_text("下は前の時点のものです")
        expect(page.locator("#situation-body")).to_have_class(re.compile("stale"))
        expect(page.locator("#map-words")).to_contain_text("読み込み中")
        expect(page.locator("#clock .clock-waits")).not_to_be_empty()
        waiting, held = held, None
        for route in waiting or []:
            route.continue_()
        expect(note).to_be_empty()
        expect(page.locator("#situation-body")).not_to_have_class(re.compile("stale"))
        expect(page.locator("#map-words")).not_to_contain_text("読み込み中")
        expect(page.locator("#clock .clock-waits")).to_be_empty()


def test_a_server_that_still_works_on_it_is_asked_again(browser: Browser, server: Served) -> None:
    """503 with Retry-After is "not yet" and no failure."""
    turns: list[str] = []

    def answer(route: Route) -> None:
        turns.append(route.request.url)
        if len(turns) < 3:
            route.fulfill(status=503, headers={"Retry-After": "1"}, json={"detail": "still being worked on"})
        else:
            route.continue_()

    with visit(browser, server.base, "/help") as (page, complaints):
        complaints.allow("503")
        page.route(re.compile(r"situation\.json\?.*datetime="), answer)
        page.goto(f"{server.base}/?at={quote(THEN)}")
        expect(page.locator("#situation-body caption")).to_contain_text("2026-11-05 12:00")
        assert len(turns) == 3
        expect(page.locator("#situation-body > .doubt").first).to_be_empty()


def test_that_a_table_could_not_be_had_stays_said(browser: Browser, server: Served) -> None:
    with visit(browser, server.base, f"/?at={quote(BEFORE)}") as (page, complaints):
        complaints.allow("500")
        ready(page)
        page.route(
            re.compile(r"situation\.json"), lambda route: route.fulfill(status=500, json={"detail": "訓練の故障"})
        )
        page.locator("button[data-clock=clock_after]").click()
        note = page.locator("#situation-body > .doubt").first
        expect(note).to_contain_text("訓練の故障")
        page.locator("#situation-body thead button").nth(1).click()
        expect(note).to_contain_text("訓練の故障")
        page.locator("#languages button[data-lang=en]").click()
        expect(note).to_contain_text("below is what it was")
        expect(page.locator("#situation-body caption")).to_contain_text("10:20")


@pytest.mark.parametrize("muni", ["01101", "47201"])
def test_a_municipality_of_which_nothing_is_known_is_said_to_be_one(
    browser: Browser, server: Served, muni: str
) -> None:
    with visit(browser, server.base, f"/?muni={muni}") as (page, _):
        ready(page)
        expect(page.locator("#situation-body .chosen-none")).to_contain_text("安全という意味ではありません")
        expect(page.locator("#map-words")).to_contain_text("この市区町村の区域は、地図のデータにありません")


def test_the_addresses_of_another_time_have_all_of_it(browser: Browser, server: Served) -> None:
    with visit(browser, server.base, f"/?at={quote(THEN)}&layers=municipality_situation,shelter_now") as (page, _):
        ready(page)
        page.locator("#share button").first.click()
        written = page.locator("dialog input").evaluate_all("all => all.map(one => one.value)")
        layers = [one for one in written if "/items" in one]
        assert len(layers) >= 2
        sizes = []
        for address in layers:
            found = httpx.get(address, timeout=60).json()
            assert found["numberReturned"] == found["numberMatched"]
            assert parse_qs(urlsplit(address).query)["datetime"] == [THEN]
            sizes.append(found["numberMatched"])
        assert max(sizes) > 0


def test_the_ground_of_the_map_is_that_of_today(browser: Browser, server: Served) -> None:
    """A picture from before all records has a coast too."""
    grounds: list[str] = []
    with visit(browser, server.base, "/help") as (page, _):
        page.on("request", lambda request: grounds.append(request.url) if "/municipality/" in request.url else None)
        page.goto(f"{server.base}/?known=2020-01-01T00:00:00Z&view=139.4,35.3,9")
        expect(page.locator("#map[data-ready]")).to_be_visible()
        page.wait_for_load_state("networkidle")
        assert grounds
        assert not [one for one in grounds if "known-at=" in one or "datetime=" in one]


def test_on_an_english_page_the_words_of_the_sources_are_marked_as_japanese(browser: Browser, server: Served) -> None:
    unmarked = """() => [...document.querySelectorAll('#situation-body *, #layers *')].filter(one =>
        [...one.childNodes].some(node => node.nodeType === 3 && /[\\u3040-\\u9fff]/.test(node.nodeValue))
        && !one.closest('[lang=ja]')).length"""
    with visit(browser, server.base, "/?lang=en") as (page, _):
        ready(page)
        assert page.locator("#situation-body [lang=ja]").count() > 0
        assert page.evaluate(unmarked) == 0
        page.locator("#languages button[data-lang=ja]").click()
        expect(page.locator("h1")).to_contain_text("防災")
        assert page.locator("#situation-body [lang]").count() == 0


def test_on_a_phone_one_finger_scrolls_the_page(browser: Browser, server: Served) -> None:
    with visit(browser, server.base, "/", viewport=PHONE, has_touch=True, is_mobile=True) as (page, _):
        expect(page.locator("#map[data-ready]")).to_be_visible()
        assert page.evaluate("getComputedStyle(document.querySelector('#map canvas')).touchAction") == "pan-x pan-y"
