"""How far a long document is: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import io
import sys

import pytest

from bousai import cli


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("made", [Screen, io.StringIO])
def test_progress(monkeypatch: pytest.MonkeyPatch, made: type[io.StringIO]) -> None:
    screen = made()
    monkeypatch.setattr(sys, "stderr", screen)
    progress = cli._Progress()
    for doing in ("reading", "storing"):
        for step in range(1001):
            progress("A31a-24_14_10_GML.zip", doing, step / 1000)
    shown = screen.getvalue()
    if made is Screen:
        assert shown.count("\r") == 2 * 51  # one for each width of the bar, not one for each step
        assert shown.count("\n") == 2
        assert shown.endswith(f"storing  [{'█' * 50}] 100%\n")
    else:
        lines = shown.splitlines()
        assert len(lines) == 2 * 10
        assert lines[0] == "A31a-24_14_10_GML.zip: reading 10 %"
        assert lines[-1] == "A31a-24_14_10_GML.zip: storing 100 %"
        assert "\r" not in shown
