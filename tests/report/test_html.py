"""The page of a report: what is in the file, and what a browser and axe-core say of it."""

from __future__ import annotations

import itertools
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from lxml import html as lxml_html
from playwright.sync_api import Browser

from bousai.report.html import html
from tests.report.handmade import HOSTILE, report
from tests.serve.browser import PHONE, WIDE, picture, violations


@pytest.fixture(scope="module")
def content() -> bytes:
    return html(report())


@pytest.fixture(scope="module")
def tree(content: bytes) -> Any:
    return lxml_html.document_fromstring(content.decode())


def test_the_same_bytes_in_another_process(content: bytes) -> None:
    assert html(report()) == content
    code = (
        "import sys; from tests.report.handmade import report; from bousai.report.html import html; "
        "sys.stdout.buffer.write(html(report()))"
    )
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert other.stdout == content


def test_one_first_heading_and_none_is_skipped(tree: Any) -> None:
    levels = [int(one.tag[1]) for one in tree.iter("h1", "h2", "h3", "h4", "h5", "h6")]
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))


def test_ids_are_unique_and_every_link_arrives(tree: Any) -> None:
    ids = tree.xpath("//@id")
    assert len(ids) == len(set(ids))
    inside = {one[1:] for one in tree.xpath("//a/@href") if one.startswith("#")}
    assert inside <= set(ids)
    assert {f"s{n}" for n in range(1, 13)} <= set(ids)


def test_only_web_addresses_are_links(tree: Any) -> None:
    assert {one.split(":")[0] for one in tree.xpath("//a/@href") if not one.startswith("#")} == {"https"}


def test_nothing_is_loaded(content: bytes, tree: Any) -> None:
    assert all(one.startswith("data:image/svg+xml;base64,") for one in tree.xpath("//@src"))
    assert tree.xpath("//link | //iframe | //object | //embed | //form | //base") == []
    assert b"eval" not in content
    assert b"innerHTML" not in content


def test_hostile_text_stays_text(tree: Any) -> None:
    (table,) = [one for one in tree.iter("table") if "字の表" in "".join(one.xpath("caption//text()"))]
    said = [row.xpath("td")[0].text_content() for row in table.xpath("tbody/tr")]
    assert said == [*HOSTILE, "鳴\ufffd瀬\ufffd川\ufffd"]
    assert len(tree.xpath("//script")) == 1
    assert len(tree.xpath("//style")) == 1


def test_banner(tree: Any) -> None:
    (banner,) = tree.find_class("banner")
    assert "【訓練】" in banner.text_content()
    assert "草案" in banner.text_content()
    assert "【訓練】" in tree.findtext(".//title")
    plain = lxml_html.document_fromstring(html(report(status="actual", draft=False, figures=False)).decode())
    assert plain.find_class("banner") == []
    trial = lxml_html.document_fromstring(html(report(status="test", draft=False, figures=False)).decode())
    assert "【試験】" in trial.find_class("banner")[0].text_content()


def test_struck_text_and_an_empty_table(tree: Any) -> None:
    assert [one.text_content() for one in tree.iter("del")] == ["訂正前 12", "訂正前 30"]
    (empty,) = [one for one in tree.iter("table") if "道路" in "".join(one.xpath("caption//text()"))]
    assert "該当する行はない" in empty.text_content()


def test_sources(tree: Any) -> None:
    (many,) = tree.xpath("//details")
    shown = many.getparent().xpath("a/@href")
    assert shown == ["#s1", "#s3", "#s5"]
    assert many.xpath("a/@href") == ["#s7", "#s9", "#s10", "#s11", "#s12"]
    row = tree.get_element_by_id("s1").text_content()
    for text in (
        "【訓練】訓練市",
        "第1報",
        "2026-11-05 10:00",
        "2026-11-05 10:01",
        "1001",
        f"{1:064x}",
        "/Report/Body[1]",
    ):
        assert text in row


def test_slots(tree: Any) -> None:
    empty, filled = tree.find_class("slot")
    assert "何がうまくいったか" in empty.text_content()
    assert "<b>次は無線を使う</b>" in filled.text_content()


def test_the_policy_forbids_all_but_what_is_in_the_file(tree: Any) -> None:
    (policy,) = tree.xpath("//meta[@http-equiv='Content-Security-Policy']/@content")
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy
    assert len(re.findall("'sha256-", policy)) == 2


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_bytes(html(report(rows=30)))
    return path


@pytest.mark.e2e
@pytest.mark.xdist_group("serve_browser")
@pytest.mark.parametrize("size", ["wide", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(browser: Browser, file: Path, scheme: Any, size: str) -> None:
    heard: list[str] = []
    with browser.new_page(color_scheme=scheme, viewport=PHONE if size == "phone" else WIDE) as page:  # type: ignore[arg-type]
        page.on("console", lambda message: heard.append(message.text))
        page.on("pageerror", lambda error: heard.append(str(error)))
        page.goto(file.as_uri())
        assert heard == []
        picture(page, f"report_{scheme}_{size}", whole=True)
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), "it scrolls sideways"
        assert page.evaluate("getComputedStyle(document.querySelector('.banner')).position") == "sticky"
        assert all(page.evaluate("[...document.images].map(one => one.naturalWidth > 0)"))
        assert violations(page) == []


@pytest.mark.e2e
@pytest.mark.xdist_group("serve_browser")
def test_a_long_table_is_narrowed_by_a_word(browser: Browser, file: Path) -> None:
    with browser.new_page() as page:
        page.goto(file.as_uri())
        rows = page.locator("table:has(#t_numbers) tbody tr:visible, #t_numbers tbody tr:visible")
        assert rows.count() == 30
        page.get_by_role("searchbox").first.fill("訓練町7")
        assert rows.count() == 1


@pytest.mark.e2e
@pytest.mark.xdist_group("serve_browser")
def test_it_is_whole_without_a_script(browser: Browser, file: Path) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(file.as_uri())
    assert page.get_by_role("searchbox").count() == 0
    assert "訓練町29" in page.inner_text("main")
    context.close()
