"""Installations to be served: the shipped exercise played into a store twice, as it is and as if it were in earnest.

The second copy is made in memory of the same documents: their status is 通常 (Actual) and the word 訓練 is nowhere in
them. So the actual and the exercise tree tell of the same places, and what tells them apart can be looked for.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from bousai import pipeline
from bousai import settings as settings_module
from bousai.model import Status
from bousai.settings import Settings

KUNREN = Path(__file__).resolve().parents[2] / "exercises" / "kunren"
_DATED = datetime.fromisoformat("2026-10-01T00:00:00+09:00")  # of files that have no time of their own
_IN_EARNEST = (
    ("<Status>訓練</Status>", "<Status>通常</Status>"),
    (">Exercise<", ">Actual<"),
    ("【訓練】", ""),
    ("これは訓練です。", ""),
    ("訓練用データ", ""),
    ("訓練", "架空"),
)


def in_earnest(text: str) -> str:
    """A document of the exercise as if it were none."""
    for drill, earnest in _IN_EARNEST:
        text = text.replace(drill, earnest)
    return text


def _read(own: Settings, feed: str, change: Callable[[str], str], *, exercise: bool) -> None:
    files = [
        (path.name if exercise else path.name.replace("kunren", "made_up"), change(path.read_text("utf-8")).encode())
        for path in sorted((KUNREN / feed).iterdir())
    ]
    taint: Status = "exercise" if exercise else "actual"
    outcomes = [one.outcome for one in pipeline.ingest_files(feed, files, own, dated_at=_DATED, taint=taint)]
    assert outcomes == ["stored"] * len(files), f"{feed}: {outcomes}"


def empty(data: Path) -> Settings:
    """An installation that was prepared and has read nothing."""
    own = settings_module.load({"BOUSAI_DATA": str(data)})
    pipeline.prepare(own)
    return own


def filled(data: Path, *, change: Callable[[str], str] = lambda text: text, exercise: bool = True) -> Settings:
    """An installation below `data` that has read the exercise in earnest, each document gone through `change`; with
    `exercise` also as the exercise that it is. Nothing is published yet."""
    own = empty(data)
    for feed in sorted(path.name for path in KUNREN.iterdir()):
        if exercise:
            _read(own, feed, lambda text: text, exercise=True)
        _read(own, feed, lambda text: change(in_earnest(text)), exercise=False)
    pipeline.update_register(own)
    for pref in pipeline.prefectures_to_expose(own):
        pipeline.expose(pref, own)
    return own


def installation(data: Path) -> Settings:
    """`filled`, and published: the actual and the exercise tree."""
    own = filled(data)
    pipeline.publish_layers(settings=own)
    return own


def copy_of(tree: Settings, data: Path, *without: str) -> Settings:
    """A copy of an installation that may be changed. Others may be reading it: the log beside the store is theirs,
    and
    empty since its writers have closed it."""
    shutil.copytree(tree.data, data, ignore=shutil.ignore_patterns("serve", "*-wal", "*-shm", *without))
    return settings_module.load({"BOUSAI_DATA": str(data)})
