"""The board inside a running Airflow, as people of three roles see it in a browser."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import APIRequestContext, Browser, BrowserContext, Frame, Page, expect

from bousai import pipeline
from tests.board import installation
from tests.board.installation import SPOILT, Installation
from tests.board.stand_in import Board
from tests.serve import browser as browsers
from tests.serve.browser import chromium, picture, violations

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("board_in_airflow")]


@pytest.fixture(scope="module")
def airflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    patch = pytest.MonkeyPatch()
    try:
        stage = installation.made(tmp_path_factory.mktemp("board"), patch)
    finally:
        patch.undo()
    with installation.running(stage) as one:
        yield one


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    why = browsers.missing()
    if why:
        pytest.skip(why)
    with chromium() as one:
        yield one


@pytest.fixture
def person(browser: Browser, airflow: Installation, request: pytest.FixtureRequest) -> Iterator[BrowserContext]:
    """Somebody who has logged in by Airflow's own page; the parameter is who."""
    name = request.param
    context = browser.new_context(locale="ja-JP", timezone_id="Asia/Tokyo", reduced_motion="reduce")
    try:
        page = context.new_page()
        page.goto(airflow.base)
        page.locator("input[name=username]").fill(name)
        page.locator("input[name=password]").fill(airflow.passwords[name])
        page.keyboard.press("Enter")
        expect(page.get_by_role("link", name="防災 Board")).to_be_visible(timeout=30_000)
        page.close()
        yield context
    finally:
        context.close()


def board(context: BrowserContext, airflow: Installation) -> tuple[Page, Frame]:
    """The board where Airflow shows it: by the entry of the navigation, in its frame."""
    page = context.new_page()
    page.goto(airflow.base)
    page.get_by_role("link", name="防災 Board").click()
    inside = page.locator("iframe").element_handle()
    assert inside is not None
    frame = inside.content_frame()
    assert frame is not None
    expect(frame.locator("#tab-feeds")).to_be_visible(timeout=30_000)
    return page, frame


def opened_alert(frame: Frame) -> Any:
    frame.locator("#tab-alerts").click()
    card = frame.locator("article.alert.exercise").first
    card.locator("button[data-alert]").click()
    expect(card.locator(".cap")).to_be_visible()
    return card


def state(api: APIRequestContext, airflow: Installation) -> dict[str, Any]:
    answer = api.get(f"{airflow.base}/bousai/state")
    assert answer.status == 200
    found: dict[str, Any] = answer.json()
    return found


def sends(api: APIRequestContext, airflow: Installation, path: str, body: dict[str, Any], **headers: str) -> int:
    """The status of a request as the page makes it, without the page."""
    own = {"Content-Type": "application/json", "Sec-Fetch-Site": "same-origin", **headers}
    return api.post(f"{airflow.base}/bousai/{path}", data=json.dumps(body), headers=own).status


def test_nobody_without_a_login(browser: Browser, airflow: Installation) -> None:
    context = browser.new_context()
    try:
        api = context.request
        for path in (
            "",
            "state",
            "app.js",
            "index.html",
            "review",
            "work?subject=jma_quake",
            f"documents/{'0' * 64}",
        ):
            assert api.get(f"{airflow.base}/bousai/{path}", max_redirects=0).status == 401, path
        assert sends(api, airflow, f"quarantine/{'0' * 64}/dismiss", {"reason": "x"}) == 401
        forged = sends(api, airflow, "alerts/x/approve", {"sha256": "0" * 64}, Authorization="Bearer made.up.token")
        assert forged == 403  # so Airflow answers a token that it cannot read
    finally:
        context.close()


@pytest.mark.parametrize("person", ["viewer"], indirect=True)
def test_a_viewer_looks_and_decides_nothing(person: BrowserContext, airflow: Installation) -> None:
    page, frame = board(person, airflow)
    expect(frame.locator("header")).to_contain_text("viewer")
    card = opened_alert(frame)
    expect(card.get_by_role("button", name="承認")).to_have_count(0)
    frame.locator("#tab-quarantine").click()
    expect(frame.locator("#tabpanel")).to_contain_text(SPOILT)
    expect(frame.get_by_role("button", name="再試行")).to_have_count(0)
    picture(page, "board-airflow-viewer")
    before = state(person.request, airflow)
    alert, spoilt = before["alerts"][0], before["quarantine"][0]
    decision = {"sha256": alert["sha256"], "reason": "x"}
    assert sends(person.request, airflow, f"alerts/{alert['identifier']}/approve", decision) == 403
    assert sends(person.request, airflow, f"alerts/{alert['identifier']}/reject", decision) == 403
    assert sends(person.request, airflow, f"quarantine/{spoilt['sha256']}/dismiss", {"reason": "x"}) == 403
    assert sends(person.request, airflow, f"quarantine/{spoilt['sha256']}/retry", {}) == 403
    same = {"left": "a/b", "right": "c/d", "verdict": "same", "reason": "x"}
    assert sends(person.request, airflow, "review/decide", same) == 403
    after = state(person.request, airflow)
    assert (after["alerts"], after["quarantine"]) == (before["alerts"], before["quarantine"])


@pytest.mark.parametrize("person", ["operator"], indirect=True)
def test_the_page_gets_what_it_was_made_for(person: BrowserContext, airflow: Installation) -> None:
    """The stand-in, over which the page is tested, says the same things as the real board, by the same names."""
    stand_in = Board()
    real, made_up = state(person.request, airflow), stand_in.state()
    assert set(real) == set(made_up)
    for name in ("feeds", "issues", "quarantine", "alerts", "layers", "calendar"):
        assert real[name], name
        assert set(real[name][0]) == set(made_up[name][0]), name
    assert set(real["person"]) == set(made_up["person"])
    alert = real["alerts"][0]
    shown = person.request.get(f"{airflow.base}/bousai/alerts/{alert['identifier']}").json()
    needed = {"sha256", "cap", "stages", "decisions", "deliveries"}
    assert needed <= set(shown)
    assert shown["sha256"] == alert["sha256"]


@pytest.mark.parametrize("person", ["operator"], indirect=True)
def test_an_operator_approves_what_was_shown(person: BrowserContext, airflow: Installation) -> None:
    page, frame = board(person, airflow)
    card = opened_alert(frame)
    expect(card).to_contain_text("【訓練】 これは訓練です")
    picture(page, "board-airflow-alert")
    (alert,) = [one for one in state(person.request, airflow)["alerts"] if one["state"] == "awaiting"]
    assert sends(person.request, airflow, f"alerts/{alert['identifier']}/approve", {"sha256": "0" * 64}) == 409
    card.get_by_role("button", name="【訓練】承認", exact=True).click()
    card.locator("input[name=reason]").fill("電話で確認した")
    card.get_by_role("button", name="【訓練】承認", exact=True).click()
    expect(frame.locator(".outcome.good")).to_be_visible()
    shown = pipeline.show_alert(alert["identifier"], airflow.own)
    decided = [(one["decision"], one["person"], one["sha256"]) for one in shown["decisions"]]
    assert decided == [("approve", "operator", alert["sha256"])]
    assert shown["state"] == "released"
    assert alert["identifier"] not in [one["identifier"] for one in state(person.request, airflow)["alerts"]]


@pytest.mark.parametrize("person", ["operator"], indirect=True)
def test_an_operator_reads_and_dismisses_a_spoilt_document(person: BrowserContext, airflow: Installation) -> None:
    page, frame = board(person, airflow)
    frame.locator("#tab-quarantine").click()
    row = frame.locator("#tabpanel tr", has_text=SPOILT)
    expect(row).to_contain_text("XML")
    picture(page, "board-airflow-quarantine")
    with page.expect_download() as download:
        row.locator("a[download]").first.click()
    assert download.value.suggested_filename == SPOILT
    assert download.value.path().read_bytes() == b"<Report>"
    row.get_by_role("button", name="再試行").click()
    expect(frame.locator(".outcome")).to_be_visible()
    expect(row).to_be_visible()  # it is as spoilt as it was
    row.get_by_role("button", name="却下").click()
    row.locator("input[name=reason]").fill("訓練の読めない電文")
    row.get_by_role("button", name="却下").click()
    expect(row).to_have_count(0)
    done = pipeline.ledger("jma_tsunami", airflow.own)
    assert {(one["verb"], one["actor"]) for one in done if one["actor"]} == {
        ("retry", "operator"),
        ("dismiss", "operator"),
    }


@pytest.mark.parametrize("person", ["operator"], indirect=True)
def test_a_feed_from_the_board_to_its_dag(person: BrowserContext, airflow: Installation) -> None:
    """What the scheduler says is on the board (a paused DAG is no quiet feed), and one click leads to it."""
    page, frame = board(person, airflow)
    row = frame.locator("tr.feed", has=frame.locator("button[data-feed=jma_quake]"))
    expect(row).to_contain_text("静穏")
    api = f"{airflow.base}/api/v2/dags/feed__jma_quake"
    assert person.request.patch(api, data={"is_paused": True}).status == 200
    page.wait_for_timeout(5_500)  # so long a state is shared by all who look
    page.evaluate("window.dispatchEvent(new Event('online'))")
    frame.evaluate("window.dispatchEvent(new Event('online'))")
    expect(row).to_contain_text("停止中")
    picture(page, "board-airflow-feeds")
    row.locator("button[data-feed]").click()
    frame.get_by_role("link", name="AirflowでDAGを開く").click()
    page.wait_for_url("**/dags/feed__jma_quake")
    expect(page.get_by_role("heading", name="jma_quake 気象庁").first).to_be_visible(timeout=30_000)
    assert person.request.patch(api, data={"is_paused": False}).status == 200


@pytest.mark.parametrize("person", ["admin"], indirect=True)
def test_every_tab_in_both_languages_without_complaint(person: BrowserContext, airflow: Installation) -> None:
    page = person.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(f"{airflow.base}/bousai/")
    for language in ("ja", "en"):
        expect(page.locator("html")).to_have_attribute("lang", language)
        for tab in ("feeds", "quarantine", "issues", "alerts", "review", "layers", "calendar", "system"):
            page.locator(f"#tab-{tab}").click()
            page.wait_for_load_state("networkidle")
            picture(page, f"board-airflow-{tab}-{language}")
            assert violations(page) == [], tab
            for word in ("undefined", "NaN", "[object", "Invalid Date"):
                expect(page.locator("body")).not_to_contain_text(word)
        page.get_by_role("button", name="Language: English" if language == "ja" else "言語：日本語").click()
    assert said == []
