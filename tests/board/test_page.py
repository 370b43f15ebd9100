"""The board's page in a real browser, over a stand-in for its server."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.board.stand_in import PAGE, Board, Server, iso, sha, standing_in
from tests.serve import browser as browsers
from tests.serve.browser import PHONE, chromium, picture, violations, visit

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("board_browser")]

TABS = ("feeds", "quarantine", "issues", "alerts", "review", "layers", "calendar", "system")
WORDS: dict[str, dict[str, str]] = json.loads((PAGE / "words.json").read_text(encoding="utf-8"))
HOSTILE = '<img src=x onerror="window.__pwned=1"></script><script>window.__pwned=2</script>"\'><svg onload=alert(1)>'
JAVASCRIPT = "javascript:window.__pwned=3"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    why = browsers.missing()
    if why:
        pytest.skip(why)
    with chromium() as one:
        yield one


@pytest.fixture
def board() -> Board:
    return Board()


@pytest.fixture
def server(board: Board) -> Iterator[Server]:
    with standing_in(board) as one:
        yield one


def open_tab(page: Page, name: str) -> None:
    page.locator(f"#tab-{name}").click()
    expect(page.locator(f"#tabpanel.{name}")).to_be_visible()


def ask_again(page: Page) -> None:
    """What the page does every 15 seconds, now; until it is drawn."""
    with page.expect_response(lambda answer: answer.url.endswith("/state")):
        page.evaluate("window.dispatchEvent(new Event('online'))")
    page.wait_for_timeout(100)


def open_everything(page: Page, tab: str) -> None:
    open_tab(page, tab)
    if tab == "feeds":
        page.locator("button[data-feed]").first.click()
    if tab == "alerts":
        page.locator("button[data-alert]").first.click()
    page.wait_for_load_state("networkidle")


def test_every_word_is_there_in_both_languages() -> None:
    used: set[str] = set()
    for path in PAGE.glob("*.js"):
        text = path.read_text(encoding="utf-8")
        used |= set(re.findall(r'\b(?:t|many|none|fact)\(\s*"([a-z]\w+)"', text))
        used |= set(re.findall(r'\[\s*"([a-z]\w+)"(?:, "[a-z]+")?\](?=[,\s])', text)) - {"value", "checked"}
        for pair in re.findall(r'\bt\([^()"]*\? "(\w+)" : "(\w+)"', text):
            used |= set(pair)
    assert len(used) > 150
    used |= {f"tab_{name}" for name in TABS}
    used |= {f"state_{one}" for one in ("dead", "late", "held", "paused", "quiet", "ok")}
    for why in ("fresh", "nothing_new", "never_read", "no_answer", "not_polled", "frozen", "overdue", "refused"):
        used |= {f"why_{why}", f"do_{why}"}
    used |= {"why_disabled", "why_paused_here", "do_disabled", "do_paused_here"}
    assert sorted(used - set(WORDS)) == []
    for key, word in WORDS.items():
        assert set(word) == {"ja", "en"}, key
        assert all(word.values()), key
        assert set(re.findall(r"\{\w+\}", word["ja"])) == set(re.findall(r"\{\w+\}", word["en"])), key


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("lang", ["ja-JP", "en-US"])
def test_every_tab_without_complaint(browser: Browser, server: Server, lang: str, scheme: str) -> None:
    """`visit` fails on every console error; axe finds nothing; no word is missing; nothing scrolls sideways."""
    with visit(browser, server.base, "/bousai/", locale=lang, color_scheme=scheme) as (page, _):
        for tab in TABS:
            open_everything(page, tab)
            picture(page, f"board_{lang[:2]}_{scheme}_{tab}", whole=True)
            assert violations(page) == [], tab
            shown = page.inner_text("body")
            assert not re.search(r"\{\w+\}|undefined|NaN|\[object", shown), tab
            assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), tab
        assert page.locator("html").get_attribute("lang") == lang[:2]


def test_phone(browser: Browser, server: Server) -> None:
    with visit(browser, server.base, "/bousai/", viewport=PHONE) as (page, _):
        for tab in TABS:
            open_everything(page, tab)
            assert violations(page) == [], tab
            assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), tab


def test_glance_and_the_sentence(browser: Browser, server: Server, board: Board) -> None:
    with visit(browser, server.base, "/bousai/", locale="en-US") as (page, _):
        expect(page.locator(".glance .count")).to_have_count(6)
        counts = page.locator(".glance .count").evaluate_all(
            "all => all.map(one => one.innerText.split(/\\s+/).join(' '))"
        )
        assert counts == ["✕ dead 2", "▲ late 3", "◆ held 1", "‖ paused 2", "○ quiet 1", "● ok 2"]
        night = page.locator(".night")
        expect(night).to_contain_text("Needs you: 2 dead, 3 late, 1 held.")
        expect(night).to_contain_text("does not answer")
        expect(night).to_contain_text("does not mean “no disaster”")
        expect(night).to_contain_text("Volcanic warnings")
        expect(night).to_contain_text("1 alert awaits approval.")
        expect(night).to_contain_text("【訓練】")
        page.locator("#language").click()
        expect(night).to_contain_text("対応が必要：途絶 2、遅れ 3、保留 1。")
        board.calm = True
        ask_again(page)
        expect(night).to_contain_text("沈黙は「新しい発表がない」ことを意味します")


def test_feeds_worst_first_and_filtered(browser: Browser, server: Server) -> None:
    with visit(browser, server.base, "/bousai/", locale="en-US") as (page, _):
        feeds = page.locator("button[data-feed]")
        expect(feeds).to_have_count(11)
        names = feeds.evaluate_all("all => all.map(one => one.dataset.feed)")
        assert names[:3] == ["jma_volcano", "l_alert", "river_level"]
        assert names[-2:] == ["jma_extra", "usgs"]
        page.locator(".count.quiet").click()
        expect(feeds).to_have_count(1)
        page.locator(".filter button.plain").click()
        page.locator("#search").fill("dam")
        expect(feeds).to_have_count(1)
        page.locator("#search").fill("")
        row = page.locator("tr.feed", has=page.locator("[data-feed=jma_volcano]"))
        expect(row).to_contain_text("The source does not answer. Its last answer was at")
        expect(row).to_contain_text("HTTP 503 Service Unavailable")


def test_tabs_by_keyboard(browser: Browser, server: Server) -> None:
    with visit(browser, server.base, "/bousai/") as (page, _):
        page.locator("#tab-feeds").focus()
        for key, tab in [
            ("ArrowRight", "quarantine"),
            ("End", "system"),
            ("ArrowRight", "feeds"),
            ("ArrowLeft", "system"),
        ]:
            page.keyboard.press(key)
            expect(page.locator(f"#tab-{tab}")).to_be_focused()
            expect(page.locator(f"#tab-{tab}")).to_have_attribute("aria-selected", "true")
        page.reload()
        expect(page.locator("#tab-system")).to_have_attribute("aria-selected", "true")


@pytest.mark.parametrize("text", [HOSTILE, JAVASCRIPT])
def test_text_is_only_text(browser: Browser, server: Server, board: Board, text: str) -> None:
    board.hostile = text
    with visit(browser, server.base, "/bousai/") as (page, _):
        for tab in TABS:
            open_everything(page, tab)
            found = page.evaluate(
                """() => [window.__pwned ?? null, document.querySelectorAll('img, iframe, body script').length,
                    [...document.querySelectorAll('[href]')].filter(one => /^javascript:/i.test(one.href)).length,
                    [...document.querySelectorAll('*')].filter(
                        one => [...one.attributes].some(each => /^on/i.test(each.name))).length]"""
            )
            assert found == [None, 0, 0, 0], tab
            assert text in page.evaluate("document.body.textContent"), tab


def test_who_may_not_act_has_no_buttons(browser: Browser, server: Server, board: Board) -> None:
    board.may_act = False
    with visit(browser, server.base, "/bousai/") as (page, _):
        expect(page.locator(".banner.note")).to_contain_text("閲覧のみ")
        for tab in ("quarantine", "alerts", "review"):
            open_everything(page, tab)
            words = [
                WORDS[key]["ja"]
                for key in ("approve", "reject", "retry", "retry_accept", "dismiss", "same", "different")
            ]
            shown = page.locator("#tabpanel button").all_inner_texts()
            assert not [one for one in shown if one.removeprefix("【訓練】") in words], tab
            assert page.locator("#tabpanel form").count() == 0


def test_what_is_approved_is_what_was_shown(browser: Browser, server: Server, board: Board) -> None:
    with visit(browser, server.base, "/bousai/#alerts", locale="en-US") as (page, _):
        card = page.locator("article.alert.actual")
        card.locator("button[data-alert]").click()
        expect(card.locator(".cap")).to_contain_text("大津波警報")
        card.get_by_role("button", name="Approve", exact=True).click()
        expect(card.locator("input[name=reason]")).to_be_focused()
        card.locator("input[name=reason]").fill("confirmed by phone")
        card.get_by_role("button", name="Approve", exact=True).click()
        expect(page.locator(".outcome.good")).to_contain_text("Approved.")
        shown = sha("訓練-a")
        assert [body for _, body in board.posted] == [{"sha256": shown, "reason": "confirmed by phone"}]
        # The text changes while it is open: nothing can be decided until it is read again.
        changed = board.state()["alerts"]
        changed[0]["sha256"] = sha("another text")
        card.get_by_role("button", name="Approve", exact=True).wait_for()
        board.changes = {"alerts": changed}
        ask_again(page)
        expect(card.locator(".failed")).to_contain_text("has changed")
        expect(card.get_by_role("button", name="Approve", exact=True)).to_have_count(0)


def test_an_exercise_says_so(browser: Browser, server: Server) -> None:
    with visit(browser, server.base, "/bousai/#alerts") as (page, _):
        card = page.locator("article.alert.exercise").first
        expect(card).to_contain_text("【訓練】 これは訓練です")
        card.locator("button[data-alert]").click()
        expect(card.get_by_role("button", name="【訓練】承認", exact=True)).to_be_visible()


def test_decisions_on_documents_and_a_refusal(browser: Browser, server: Server, board: Board) -> None:
    with visit(browser, server.base, "/bousai/#quarantine", locale="en-US") as (page, complaints):
        row = page.locator("#tabpanel tr", has_text="hinanjo.csv")
        row.get_by_role("button", name="Retry").click()
        expect(page.locator(".outcome.good")).to_contain_text("Retried: stored.")
        row.get_by_role("button", name="Accept").click()
        expect(row.locator(".confirm")).to_contain_text("from 120 to 3")
        row.get_by_role("button", name="Accept").click()
        expect(row.locator(".confirm")).to_have_count(0)
        complaints.allow("409")
        board.refusal = {"cause": "somebody else was faster", "remedy": "look again"}
        row.get_by_role("button", name="Dismiss").click()
        row.locator("input[name=reason]").fill("a mistake")
        row.get_by_role("button", name="Dismiss").click()
        expect(page.locator(".outcome.bad")).to_contain_text("somebody else was faster look again")
        expect(row.locator("input[name=reason]")).to_have_value("a mistake")
        at = f"quarantine/{sha('held')}"
        assert board.posted == [
            (f"{at}/retry", {"accept": False}),
            (f"{at}/retry", {"accept": True}),
            (f"{at}/dismiss", {"reason": "a mistake"}),
        ]


def test_shelters_are_judged(browser: Browser, server: Server, board: Board) -> None:
    with visit(browser, server.base, "/bousai/#review", locale="en-US") as (page, _):
        pairs = page.locator("article.pair")
        expect(pairs).to_have_count(3)
        pairs.first.get_by_role("button", name="Same place").click()
        pairs.first.locator("input[name=reason]").fill("same gate")
        pairs.first.get_by_role("button", name="Same place").click()
        expect(pairs).to_have_count(2)
        wanted = {"left": "city/1", "right": "gsi/1", "verdict": "same", "reason": "same gate"}
        assert board.posted == [("review/decide", wanted)]


def test_a_refresh_takes_nothing_away(browser: Browser, server: Server, board: Board) -> None:
    with visit(browser, server.base, "/bousai/#quarantine", locale="en-US") as (page, _):
        row = page.locator("#tabpanel tr", has_text="VFVO50.xml")
        row.get_by_role("button", name="Dismiss").click()
        page.keyboard.type("half a sen")
        calmer = board.state()["quarantine"]
        board.changes = {"quarantine": [calmer[1]]}  # the row above goes, the typed one moves up
        ask_again(page)
        expect(page.locator("#tabpanel tbody tr")).to_have_count(1)
        expect(row.locator("input[name=reason]")).to_be_focused()
        page.keyboard.type("tence")
        expect(row.locator("input[name=reason]")).to_have_value("half a sentence")
        open_tab(page, "feeds")
        page.locator("#search").fill("r")
        opener = page.locator("[data-feed=river_level]")
        opener.click()
        page.evaluate("window.scrollTo(0, 300)")
        asked = board.asked
        ask_again(page)
        assert board.asked > asked
        expect(opener).to_be_focused()
        expect(opener).to_have_attribute("aria-expanded", "true")
        expect(page.locator("#search")).to_have_value("r")
        assert page.evaluate("window.scrollY") == 300


def test_it_asks_again_by_itself(browser: Browser, server: Server, board: Board) -> None:
    with visit(browser, server.base, "/bousai/") as (page, _):
        expect(page.locator(".glance")).to_be_visible()
        asked = board.asked
        page.wait_for_timeout(16_000)
        assert board.asked == asked + 1


def test_a_server_that_is_gone_and_comes_back(browser: Browser, server: Server) -> None:
    with visit(browser, server.base, "/bousai/", locale="en-US") as (page, complaints):
        expect(page.locator("body:not(.doubt) .glance")).to_be_visible()
        complaints.allow("not loaded|console")
        server.stop()
        page.evaluate("window.dispatchEvent(new Event('online'))")
        banner = page.locator(".banner.lost")
        expect(banner).to_contain_text("The server cannot be reached")
        expect(banner).to_contain_text("Last state received")
        expect(page.locator("body")).to_have_class("doubt")
        assert page.title().startswith("?")
        colours = page.locator(".count").evaluate_all("all => all.map(one => getComputedStyle(one).backgroundColor)")
        assert len(set(colours)) == 1, "a state still has its colour"
        picture(page, "board_lost", whole=True)
        assert violations(page) == []
        server.start()
        page.get_by_role("button", name="Try now").click()
        expect(banner).to_have_count(0)
        expect(page.locator("body")).not_to_have_class("doubt")
        expect(page.locator("#live")).to_contain_text("reached again")


def test_a_state_that_is_old(browser: Browser, server: Server, board: Board) -> None:
    board.frozen_at = datetime.now(UTC) - timedelta(seconds=90)
    with visit(browser, server.base, "/bousai/", locale="en-US", color_scheme="dark") as (page, _):
        expect(page.locator(".banner.lost")).to_contain_text("out of date")
        expect(page.locator("body")).to_have_class("doubt")
        picture(page, "board_old_dark")
        assert violations(page) == []
        board.frozen_at = None
        ask_again(page)
        expect(page.locator(".banner.lost")).to_have_count(0)


def test_a_login_that_has_ended(browser: Browser, server: Server, board: Board) -> None:
    with visit(browser, server.base, "/bousai/", locale="en-US") as (page, complaints):
        expect(page.locator(".glance")).to_be_visible()
        complaints.allow("401")
        board.logged_in = False
        ask_again(page)
        banner = page.locator(".banner.lost")
        expect(banner).to_contain_text("You are logged out")
        expect(page.locator("body")).to_have_class("doubt")
        banner.get_by_role("link", name="Log in again").click()
        page.wait_for_url("**/api/v2/auth/login?next=*")


def test_a_change_is_announced(browser: Browser, server: Server, board: Board) -> None:
    with visit(browser, server.base, "/bousai/", locale="en-US") as (page, _):
        expect(page.locator(".glance")).to_be_visible()
        feeds = board.state()["feeds"]
        feeds[0] |= {"state": "dead", "why": "no_answer", "since": iso(datetime.now(UTC))}
        board.changes = {"feeds": feeds}
        ask_again(page)
        expect(page.locator("#live")).to_contain_text("Weather warnings: ok to dead")


def test_in_the_iframe_of_airflow(browser: Browser, server: Server) -> None:
    """Links lead the page around to Airflow although the sandbox allows neither popups nor navigation of the top."""
    with visit(browser, server.base, "/frame") as (page, _):
        frame = page.frame_locator("#board")
        frame.locator("[data-feed=jma_volcano]").click()
        with page.expect_download() as download:
            frame.locator("summary").first.click()
            frame.locator("a[download]").first.click()
        assert download.value.suggested_filename.endswith(".bin")
        frame.get_by_role("link", name="AirflowでDAGを開く").click()
        page.wait_for_url("**/dags/feed__jma_volcano")
