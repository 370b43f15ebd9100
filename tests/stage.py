"""A store with a clock that a test sets, and what was sent written down instead of sent."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bousai import deliver, pipeline, settings, store
from bousai.errors import DeliveryError
from bousai.model import Message, Subscription
from bousai.settings import Settings

PROJECT = Path(__file__).resolve().parents[1]
_FEEDS = {
    "津波警報・注意報・予報": "jma_tsunami",
    "津波情報": "jma_tsunami",
    "震度速報": "jma_quake",
    "震源": "jma_quake",
    "顕著な地震": "jma_quake",
    "長周期": "jma_quake",
    "土砂災害警戒情報": "jma_landslide",
    "気象警報・注意報": "jma_warning",
    "気象特別警報": "jma_warning",
}


@dataclass(frozen=True)
class Telegram:
    """A telegram of JMA, when it was sent, and the feed that takes it."""

    name: str
    body: bytes
    feed: str
    sent: datetime

    def as_exercise(self) -> Telegram:
        """The same as 訓練."""
        body = self.body.replace("<Status>通常</Status>".encode(), "<Status>訓練</Status>".encode(), 1)
        assert body != self.body
        return Telegram(f"kunren-{self.name}", body, self.feed, self.sent)


def telegram(path: Path) -> Telegram | None:
    """A file as a telegram that alerts may be made of, else None."""
    body = path.read_bytes()
    text = body.decode()
    title = re.search(r"<Title>([^<]*)", text)
    sent = re.search(r"<DateTime>([^<]*)", text)
    feed = next((one for head, one in _FEEDS.items() if title and title[1].startswith(head)), None)
    if feed is None or sent is None:
        return None
    return Telegram(path.name, body, feed, datetime.fromisoformat(sent[1]))


def telegrams(folder: Path) -> list[Telegram]:
    """Those of a folder, as they were sent."""
    found = [one for path in sorted(folder.glob("*.xml")) if (one := telegram(path)) is not None]
    return sorted(found, key=lambda one: one.sent)


@dataclass
class Stage:
    """`at` is the time of every verb; `sent` what subscribers got: (subscription, identifier)."""

    own: Settings
    at: datetime
    sent: list[tuple[str, str]] = field(default_factory=list)
    answers: dict[str, DeliveryError] = field(default_factory=dict)

    def now(self) -> datetime:
        return self.at

    def take(self, *some: Telegram, clock: bool = True) -> None:
        """Each telegram when it was sent or later (`clock`: false, at one time), and what follows from it at once."""
        for one in some:
            self.at = max(self.at, one.sent) if clock else self.at
            outcomes = [x.outcome for x in pipeline.ingest_files(one.feed, [(one.name, one.body)], self.own)]
            assert outcomes[0] in ("stored", "unchanged"), (one.name, outcomes)
            self.send()

    def send(self) -> None:
        """What the DAG does, but for notices."""
        pipeline.make_alerts(self.own)
        pipeline.publish_alerts(self.own)
        pipeline.deliver_alerts(self.own)

    def notice(self) -> list[dict[str, Any]]:
        made = pipeline.make_notices(self.own)
        pipeline.publish_alerts(self.own)
        pipeline.deliver_alerts(self.own)
        return made

    def messages(self, rule: str | None = None) -> list[Message]:
        """All, oldest first."""
        handle = store.open_store(self.own.store)
        try:
            found = store.alerts(handle)
        finally:
            handle.close()
        return [one for one in reversed(found) if rule is None or one.rule == rule]

    def tree(self, below: str = "") -> list[str]:
        """The identifiers of the CAP files in a tree."""
        return sorted(path.stem for path in (self.own.public / below / "alerts" / "cap").glob("*.xml"))


def subscriptions(folder: Path, *some: Subscription) -> Path:
    """The project's configuration with subscriptions of a test's own."""
    config = folder / "config"
    config.mkdir()
    for name in ("feeds", "layers", "alerts", "release.yml"):
        (config / name).symlink_to(PROJECT / "config" / name)
    (config / "subscriptions").mkdir()
    for one in some:
        text = one.model_dump_json(exclude={"id"})
        (config / "subscriptions" / f"{one.id}.yml").write_text(text, encoding="utf-8")
    return config


EVERYONE = Subscription.model_validate(
    {"id": "everyone", "title": "all", "channel": {"type": "webhook", "url": "https://alerts.example.jp/hook"}}
)
DRILL = EVERYONE.model_copy(update={"id": "drill", "exercise": True})


def made(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    at: datetime,
    some: Iterable[Subscription] = (),
    **environ: str,
) -> Stage:
    """A prepared store in a folder, its clock at a time, with subscriptions whose receivers write down what comes."""
    config = subscriptions(folder, *(tuple(some) or (EVERYONE, DRILL)))
    own = settings.load({"BOUSAI_DATA": str(folder / "var"), "BOUSAI_CONFIG": str(config)} | environ)
    pipeline.prepare(own)
    stage = Stage(own, at)
    monkeypatch.setattr(pipeline.house, "now", stage.now)

    def hand_over(subscription: Subscription, parcel: deliver.Parcel, **_: Any) -> None:
        if subscription.id in stage.answers:
            raise stage.answers[subscription.id]
        stage.sent.append((subscription.id, parcel.identifier))

    monkeypatch.setattr(deliver, "hand_over", hand_over)
    return stage


def later(stage: Stage, **by: float) -> None:
    """Let time pass."""
    stage.at += timedelta(**by)
