"""The tables of a report in a real browser: sorted by a click, narrowed, printed, with and without scripts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import repeat
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from bousai.report.document import Cell, Column, Run, Table, cell
from bousai.report.html import html
from tests.report.handmade import HOSTILE, report, with_blocks
from tests.serve.browser import PHONE, WIDE, picture, violations

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("serve_browser")]

UNKNOWN = ("調査中", "", "－")
SORTED: dict[str, tuple[str, ...]] = {
    "数": ("0", "約300", "1,020（▼500）", "2,409", "12,000"),
    "増減": ("－5", "5（▼3）", "▼15", "12→20", "3,380→2,409"),
    "時間": ("－1時間33分", "－12分", "40秒", "3時間05分", "42時間30分（n=45）", "2日3時間"),
    "割合": ("5%", "12.5%", "45%", "100%"),
    "短い時刻": ("2025-12-30 08:00", "12/31 23:00", "1/1 09:00", "1/1 10:00", "1/10 00:00"),
    "時刻": ("2025-12-31 14:00", "2026-01-02 09:30", "2026-01-02 10:00", "2026-11-01 00:00"),
    "震度": ("震度３", "震度５弱", "震度５強", "震度６弱"),
    "棟の数": ("9棟", "約10棟", "34人（熊本県）", "1,000棟"),
}
"""Title → cells in the order of their values. Columns of numbers are those of NUMBERS."""
NUMBERS = ("数", "増減", "時間", "割合")


def shuffled(texts: Sequence[str]) -> list[str]:
    """Backwards, and what has no value in between."""
    backwards = list(reversed(texts))
    return [*backwards[:2], UNKNOWN[0], *backwards[2:], *UNKNOWN[1:]]


def sorting() -> Table:
    """Each column shuffled; the sources of a cell would turn the order about if they counted."""
    height = max(len(texts) for texts in SORTED.values()) + len(UNKNOWN)
    columns = tuple(Column(title, "right" if title in NUMBERS else "left") for title in SORTED)
    cells = [[*shuffled(texts), *repeat("", height)][:height] for texts in SORTED.values()]
    rows = [
        tuple((Run(text, (9, 8, 7, 6, 5)[: 1 + n % 5]),) for text in row)
        for n, row in enumerate(zip(*cells, strict=True))
    ]
    return Table("sorting", "並べ替え", columns, rows, heads=0)


def withdrawn() -> Table:
    """Corrected, withdrawn and equal numbers."""
    values: list[Cell] = [
        (Run("900", (1,), struck=True), Run(" 15", (2,))),
        cell("30", 3, struck=True),
        *(cell(text) for text in ("20", "20", "20", "7", "", "100")),
    ]
    rows = [(cell(f"訓練{n}町"), value) for n, value in enumerate(values)]
    return Table("withdrawn", "訂正のある数", (Column("町"), Column("人", "right")), rows)


PLACES = ("八代市", "熊本県八代市、氷川町", "熊本県上益城郡山都町", "八代市、山都町", "", "熊本県")
CATEGORIES = ("被害", "避難所", "被害", "道路")


def chronology(rows: int) -> Table:
    """What happened, row by row, in the columns of a real one."""
    titles = ("番号", "発生・発表", "記録", "種別", "場所", "内容", "発表者")
    columns = tuple(Column(title, "right" if title == "番号" else "left") for title in titles)
    made = [
        tuple(
            cell(text, *sources)
            for text, sources in (
                (n + 1, ()),
                (f"2026-01-{1 + n % 28:02} 10:{n % 60:02}", ()),
                ("2026-02-01 00:00", ()),
                (CATEGORIES[n % len(CATEGORIES)], ()),
                (PLACES[n % len(PLACES)], ()),
                (f"【訓練】{n}件目の記録 {HOSTILE[n % len(HOSTILE)]}", (1, 2, 3, 4, 5)),
                ("【訓練】訓練市", ()),
            )
        )
        for n in range(rows)
    ]
    return Table("chronology-table", "時系列", columns, made)


def page_with(*tables: Table) -> bytes:
    facts = (("対象期間", "2025-12-30 00:00 ～ 2026-01-20 00:00"),)
    return html(replace(with_blocks(report(figures=False), *tables), facts=facts))


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tables") / "report.html"
    path.write_bytes(page_with(sorting(), withdrawn(), chronology(48)))
    return path


@contextmanager
def opened(browser: Browser, file: Path, **context: Any) -> Iterator[Page]:
    """The page, which asks for nothing and complains of nothing."""
    own = browser.new_context(**{"viewport": WIDE, **context})
    heard: list[str] = []
    try:
        page = own.new_page()
        page.set_default_timeout(10_000)
        page.on("console", lambda message: heard.append(message.text))
        page.on("pageerror", lambda error: heard.append(str(error)))
        page.on("dialog", lambda dialog: heard.append(f"dialog: {dialog.message}"))
        page.on("request", lambda request: heard.append(request.url))
        page.goto(file.as_uri())
        yield page
        assert [one for one in heard if one != file.as_uri() and not one.startswith("data:")] == []
    finally:
        own.close()


def table(page: Page, name: str) -> Locator:
    return page.locator(f"table:has(#{name})")


def head(page: Page, name: str, title: str) -> Locator:
    return table(page, name).get_by_role("columnheader", name=title, exact=True)


def column(page: Page, name: str, title: str, *, seen: bool = True) -> list[str]:
    """What stands in a column, without sources."""
    found: list[str] = table(page, name).evaluate(
        """(table, [title, seen]) => {
          const column = [...table.tHead.rows[0].cells].findIndex((one) => one.textContent === title);
          return [...table.tBodies[0].rows].filter((row) => !seen || row.checkVisibility()).map((row) => {
            const cell = row.cells[column].cloneNode(true);
            for (const one of cell.querySelectorAll("sup, .unseen")) one.remove();
            return cell.textContent;
          });
        }""",
        [title, seen],
    )
    return found


@pytest.mark.parametrize("title", SORTED)
def test_a_click_sorts_by_value(browser: Browser, file: Path, title: str) -> None:
    with opened(browser, file) as page:
        before = column(page, "sorting", title)
        th = head(page, "sorting", title)
        th.get_by_role("button").click()
        expect(th).to_have_attribute("aria-sort", "ascending")
        texts = list(SORTED[title])
        assert column(page, "sorting", title)[: len(texts)] == texts
        th.get_by_role("button").click()
        expect(th).to_have_attribute("aria-sort", "descending")
        after = column(page, "sorting", title)
        assert after[: len(texts)] == texts[::-1]
        assert set(after[len(texts) :]) == set(UNKNOWN)
        th.get_by_role("button").click()
        assert th.get_attribute("aria-sort") is None
        assert column(page, "sorting", title) == before


def test_equal_rows_keep_their_order_and_what_was_withdrawn_has_its_value(browser: Browser, file: Path) -> None:
    with opened(browser, file) as page:
        button = head(page, "withdrawn", "人").get_by_role("button")
        button.click()
        assert column(page, "withdrawn", "町") == [f"訓練{n}町" for n in (5, 0, 2, 3, 4, 1, 7, 6)]
        button.click()
        assert column(page, "withdrawn", "町") == [f"訓練{n}町" for n in (7, 1, 2, 3, 4, 0, 5, 6)]


def test_the_keyboard_sorts_and_a_screen_reader_is_told(browser: Browser, file: Path) -> None:
    with opened(browser, file) as page:
        head(page, "sorting", "数").get_by_role("button").focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("status").filter(has_text="「数」の昇順に並べた")).to_have_count(1)
        page.keyboard.press("Tab")
        page.keyboard.press("Space")
        expect(head(page, "sorting", "増減")).to_have_attribute("aria-sort", "ascending")
        expect(table(page, "sorting").locator("[aria-sort]")).to_have_count(1)
        assert page.evaluate("document.activeElement.textContent") == "増減"
        page.keyboard.press("Space")
        page.keyboard.press("Space")
        expect(page.get_by_role("status").filter(has_text="元の順に戻した")).to_have_count(1)


def test_short_tables_have_no_buttons(browser: Browser, tmp_path: Path) -> None:
    path = tmp_path / "short.html"
    whole = withdrawn()
    path.write_bytes(page_with(replace(whole, rows=whole.rows[:7])))
    with opened(browser, path) as page:
        assert table(page, "withdrawn").get_by_role("button").count() == 0


def test_the_chronology_is_narrowed_by_category_place_and_word(browser: Browser, file: Path) -> None:
    with opened(browser, file) as page:
        bar = page.get_by_role("group", name="表 時系列を絞る")
        places = bar.get_by_label("場所").locator("option").all_text_contents()
        assert places == ["すべて", "八代市（24）", "山都町（16）", "氷川町（8）", "熊本県（8）"]
        categories = bar.get_by_label("種別").locator("option").all_text_contents()
        assert categories == ["すべて", "被害（24）", "避難所（12）", "道路（12）"]
        expect(bar.get_by_role("status")).to_have_text("48行")
        bar.get_by_label("場所").select_option("山都町")
        rows = [n for n in range(48) if n % 6 in (2, 3)]
        assert column(page, "chronology-table", "番号") == [str(n + 1) for n in rows]
        bar.get_by_label("種別").select_option("被害")
        rows = [n for n in rows if n % 2 == 0]
        assert column(page, "chronology-table", "番号") == [str(n + 1) for n in rows]
        expect(bar.get_by_role("status")).to_have_text("種別「被害」、場所「山都町」で絞り込み: 48行のうち8行")
        bar.get_by_role("searchbox").fill("２６件目")
        expect(bar.get_by_role("status")).to_have_text(
            "語「２６件目」、種別「被害」、場所「山都町」で絞り込み: 48行のうち1行"
        )
        bar.get_by_role("button", name="すべて表示").click()
        expect(bar.get_by_role("status")).to_have_text("48行")
        assert len(column(page, "chronology-table", "番号")) == 48
        expect(bar.get_by_role("button")).to_have_count(0)


def test_numbers_of_sources_are_no_words(browser: Browser, file: Path) -> None:
    with opened(browser, file) as page:
        bar = page.get_by_role("group", name="表 時系列を絞る")
        bar.get_by_role("searchbox").fill("他2件")
        expect(bar.get_by_role("status")).to_contain_text("48行のうち0行")


def test_what_is_narrowed_can_be_sorted_and_the_other_way_round(browser: Browser, file: Path) -> None:
    with opened(browser, file) as page:
        bar = page.get_by_role("group", name="表 時系列を絞る")
        button = head(page, "chronology-table", "番号").get_by_role("button")
        bar.get_by_label("種別").select_option("道路")
        button.click()
        button.click()
        rows = [str(n + 1) for n in reversed(range(48)) if n % 4 == 3]
        assert column(page, "chronology-table", "番号") == rows
        bar.get_by_label("種別").select_option("避難所")
        assert column(page, "chronology-table", "番号") == [str(n + 1) for n in reversed(range(48)) if n % 4 == 1]
        assert len(column(page, "chronology-table", "番号", seen=False)) == 48
        button.click()
        assert column(page, "chronology-table", "番号") == [str(n + 1) for n in range(48) if n % 4 == 1]


def test_a_link_to_a_row_that_is_narrowed_away_shows_it(browser: Browser, tmp_path: Path) -> None:
    path = tmp_path / "many.html"
    one = report(figures=False)
    sources = tuple(replace(one.sources[0], number=n) for n in range(1, 31))
    path.write_bytes(html(replace(one, sources=sources)))
    with opened(browser, path) as page:
        bar = page.get_by_role("group", name="出典の一覧を絞る")
        bar.get_by_role("searchbox").fill("無い語")
        expect(page.locator("#s1")).to_be_hidden()
        page.locator("main a[href='#s1']").first.click()
        expect(page.locator("#s1")).to_be_in_viewport()


def test_paper_says_what_was_narrowed_and_has_no_controls(browser: Browser, file: Path) -> None:
    with opened(browser, file) as page:
        bar = page.get_by_role("group", name="表 時系列を絞る")
        page.emulate_media(media="print")
        expect(bar).to_be_hidden()
        page.emulate_media(media="screen")
        bar.get_by_label("種別").select_option("道路")
        head(page, "chronology-table", "番号").get_by_role("button").click()
        page.emulate_media(media="print")
        expect(bar.get_by_text("種別「道路」で絞り込み: 48行のうち12行")).to_be_visible()
        for control in ("select", "input", "button"):
            expect(bar.locator(control).first).to_be_hidden()
        drawn = "(one) => getComputedStyle(one, '::after').display"
        assert head(page, "chronology-table", "種別").get_by_role("button").evaluate(drawn) == "none"
        assert head(page, "chronology-table", "番号").get_by_role("button").evaluate(drawn) == "inline"
        assert page.pdf()


@pytest.mark.parametrize("size", ["wide", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_in_what_is_sorted_and_narrowed(
    browser: Browser, file: Path, scheme: str, size: str
) -> None:
    with opened(browser, file, color_scheme=scheme, viewport=PHONE if size == "phone" else WIDE) as page:
        page.get_by_label("種別").select_option("被害")
        head(page, "chronology-table", "番号").get_by_role("button").click()
        picture(page, f"report_tables_{scheme}_{size}", whole=True)
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), "it scrolls sideways"
        assert violations(page) == []


def test_a_name_is_not_broken_into_single_letters(browser: Browser, file: Path) -> None:
    with opened(browser, file, viewport=PHONE) as page:
        name = table(page, "withdrawn").locator("tbody th").first
        assert name.evaluate("(one) => one.clientHeight / parseFloat(getComputedStyle(one).lineHeight)") < 2


def test_the_tables_are_whole_without_a_script(browser: Browser, file: Path) -> None:
    with opened(browser, file, java_script_enabled=False) as page:
        for control in ("searchbox", "combobox", "button"):
            assert page.get_by_role(control).count() == 0
        assert "【訓練】47件目の記録" in page.inner_text("main")


def test_text_of_feeds_does_nothing(browser: Browser, tmp_path: Path) -> None:
    attack = '"><img src=x onerror="window.pwned=1"><script>window.pwned=2</script>'
    rows = [tuple(cell(f"{attack}{n % 2}") for _ in range(7)) for n in range(20)]
    one = chronology(0)
    hostile = tuple(
        replace(each, title=each.title if each.title in ("種別", "場所") else attack) for each in one.columns
    )
    path = tmp_path / "attack.html"
    path.write_bytes(page_with(replace(one, columns=hostile, rows=rows, caption=attack)))
    with opened(browser, path) as page:
        for chosen in page.locator("select").all():
            chosen.select_option(index=1)
        page.get_by_role("searchbox").fill(attack)
        for button in table(page, "chronology-table").locator("thead button").all():
            button.click()
        assert page.evaluate("window.pwned") is None
        assert page.locator("main img").count() == 0
        assert page.locator("script").count() == 1


def test_the_policy_stops_what_is_not_in_the_file(browser: Browser, tmp_path: Path) -> None:
    path = tmp_path / "broken.html"
    inserted = b"<script>window.pwned=1</script><img src=https://kunren.example/x.png></main>"
    path.write_bytes(page_with(withdrawn()).replace(b"</main>", inserted))
    page = browser.new_page()
    asked: list[str] = []
    page.on("requestfinished", lambda request: asked.append(request.url))
    page.goto(path.as_uri())
    assert page.evaluate("window.pwned") is None
    assert asked == [path.as_uri()]
    page.close()
