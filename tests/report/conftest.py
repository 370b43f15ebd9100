"""A browser for the pages of reports."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.serve.browser import chromium, missing


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    why = missing()
    if why:
        pytest.skip(why)
    with chromium() as one:
        yield one
