"""Situation notices: what we noticed ourselves waits, needs people to approve the very bytes, and lapses without."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from bousai import cli, pipeline
from bousai.errors import UsageError
from bousai.formats import cap_read, cap_xml
from bousai.model import Message
from tests import stage as stages
from tests.stage import PROJECT, Stage, later

pytestmark = pytest.mark.store
KUNREN = PROJECT / "exercises" / "kunren"
FEEDS = ("ksj_municipality", "ksj_tsunami", "gsi_shelter", "gsi_evacuation_site", "jma_tsunami", "lalert")


def jst(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}+09:00")


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """The exercise of 2026-11-05 as it stands at 10:40: a tsunami warning, shelters being opened."""
    made = stages.made(tmp_path, monkeypatch, jst("2026-11-06T00:00:00"))
    for feed in FEEDS:
        files = [(path.name, path.read_bytes()) for path in sorted((KUNREN / feed).iterdir())]
        dated = jst("2026-10-01T00:00:00")
        assert {one.outcome for one in pipeline.ingest_files(feed, files, made.own, dated_at=dated, taint="exercise")}
    pipeline.update_register(made.own)
    made.at = jst("2026-11-05T10:40:00")
    return made


def notices(stage: Stage) -> list[Message]:
    return [one for one in stage.messages() if one.author.startswith("rule:") and one.approvals]


def waiting(stage: Stage) -> Message:
    """A notice that waits for approval."""
    stage.notice()
    later(stage, minutes=11)
    stage.notice()
    found = [one for one in notices(stage) if one.state == "awaiting"]
    assert found
    return found[0]


def approve(stage: Stage, message: Message, by: str, digest: str | None = None) -> str:
    done = pipeline.decide_alert(message.identifier, "approve", by, digest or message.sha256, "確認した", stage.own)
    return str(done["state"])


def test_a_notice_waits_for_its_time_and_for_approval(stage: Stage) -> None:
    stage.notice()
    assert {one.state for one in notices(stage)} == {"waiting"}
    rules = {one.rule for one in notices(stage)}
    assert rules & {"shelter_in_tsunami_zone", "order_without_shelter"}
    assert not stage.tree("exercise")
    message = waiting(stage)
    assert not stage.sent
    assert approve(stage, message, "防災課") == "released"
    stage.send()
    assert ("drill", message.identifier) in stage.sent
    ours = [one.identifier for one in notices(stage)]
    assert [name for name in stage.tree("exercise") if name in ours] == [message.identifier]
    assert not stage.tree()
    told = cap_read.read(message.cap)
    assert cap_xml.faults(message.cap) == []
    assert (told.status, told.source) == ("Exercise", "bousai")
    assert "状況通知" in told.infos[0].event
    assert "警報ではありません" in told.infos[0].instruction
    shown = pipeline.show_alert(message.identifier, stage.own)
    assert [(one["decision"], one["person"]) for one in shown["decisions"]] == [("approve", "防災課")]


def test_the_same_is_proposed_once(stage: Stage) -> None:
    message = waiting(stage)
    before = len(stage.messages())
    for _ in range(3):
        later(stage, seconds=20)
        stage.notice()
    assert len(stage.messages()) == before
    pipeline.decide_alert(message.identifier, "reject", "防災課", message.sha256, "誤り", stage.own)
    later(stage, seconds=20)
    stage.notice()
    mine = [one for one in stage.messages() if (one.rule, one.subject) == (message.rule, message.subject)]
    assert [one.state for one in mine] == ["rejected"]
    assert not stage.sent


def test_what_nobody_approves_goes_nowhere(stage: Stage) -> None:
    message = waiting(stage)
    later(stage, hours=4)
    with pytest.raises(UsageError, match="lapsed"):
        approve(stage, message, "防災課")
    stage.notice()
    assert {one.state for one in stage.messages() if one.identifier == message.identifier} <= {"lapsed", "dropped"}
    stage.send()
    assert message.identifier not in stage.tree("exercise")
    assert ("drill", message.identifier) not in stage.sent


def test_only_the_bytes_that_were_read_are_approved(stage: Stage) -> None:
    message = waiting(stage)
    with pytest.raises(UsageError, match="SHA-256"):
        approve(stage, message, "防災課", "0" * 64)
    with pytest.raises(UsageError, match="SHA-256"):
        approve(stage, message, "防災課", message.sha256[:4])
    with pytest.raises(UsageError, match="wrote it"):
        approve(stage, message, message.author)
    with pytest.raises(UsageError, match="nobody"):
        approve(stage, message, " ")
    assert not stage.sent
    assert approve(stage, message, "防災課", message.sha256[:12]) == "released"
    with pytest.raises(UsageError, match="nothing to approve"):
        approve(stage, message, "危機管理監")


def test_two_people_where_the_rule_says_so(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = stage.own.config
    (config / "alerts").unlink()
    (config / "alerts").mkdir()
    for path in (PROJECT / "config" / "alerts").glob("*.yml"):
        text = path.read_text(encoding="utf-8").replace("approvals: 1", "approvals: 2")
        (config / "alerts" / path.name).write_text(text, encoding="utf-8")
    message = waiting(stage)
    assert approve(stage, message, "防災課") == "awaiting"
    assert not stage.sent
    with pytest.raises(UsageError, match="already"):
        approve(stage, message, "防災課")
    monkeypatch.setenv("BOUSAI_DATA", str(stage.own.data))
    monkeypatch.setenv("BOUSAI_CONFIG", str(config))
    words = ["alerts", "approve", message.identifier, "--sha256", message.sha256[:16], "--by", "危機管理監"]
    assert cli.main(words) == 0
    assert "released" in capsys.readouterr().out
    assert ("drill", message.identifier) in stage.sent
    assert cli.main(["alerts", "show", message.identifier, "--cap"]) == 0
    assert capsys.readouterr().out.encode().strip() == message.cap.strip()
