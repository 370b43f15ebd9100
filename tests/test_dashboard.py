"""deploy/: every metric and label that dashboard and rules name is in a real answer of ``/metrics``, every rule leads
to a section of the runbook, and Prometheus itself finds no fault."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from bousai.settings import PROJECT
from tests import measured
from tests.test_operations import sections

PROMETHEUS = PROJECT / "deploy" / "prometheus"
BOARD: dict[str, Any] = json.loads((PROJECT / "deploy" / "grafana" / "bousai.json").read_text("utf-8"))
RULES: list[dict[str, Any]] = [
    rule
    for group in yaml.safe_load((PROMETHEUS / "rules.yml").read_text("utf-8"))["groups"]
    for rule in group["rules"]
]
_WORDS = re.compile(r"\$\w+|\b(?:by|on|without|ignoring|group_left|group_right)\s*\(([^)]*)\)")


def panels() -> list[dict[str, Any]]:
    return [panel for panel in BOARD["panels"] if panel["type"] != "row"]


def expressions() -> Iterator[tuple[str, str]]:
    """Where it stands, and what is asked."""
    for panel in panels():
        for target in panel["targets"]:
            yield panel["title"], target["expr"]
    for variable in BOARD["templating"]["list"]:
        if variable["type"] == "query":
            yield variable["name"], re.sub(r"label_values\((\w+), (\w+)\)", r'\1{\2=~".*"}', variable["definition"])
    for rule in RULES:
        yield rule["alert"], rule["expr"]


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> measured.Samples:
    return measured.everything(tmp_path_factory.mktemp("everything"))


def labels(known: measured.Samples, metric: str) -> set[str]:
    return {name for some in known[metric] for name, _ in some}


def test_every_metric_and_label_is_there(known: measured.Samples) -> None:
    asked = list(expressions())
    assert len(asked) > 50
    for where, expression in asked:
        metrics = set(re.findall(r"\bbousai_\w+", expression))
        assert metrics or "up{" in expression, where
        for metric in metrics:
            assert metric in known, f"{where}: {metric}"
        for metric, matchers in re.findall(r"\b(bousai_\w+)\{([^}]*)\}", expression):
            named = set(re.findall(r'(\w+)\s*(?:=~|!=|!~|=)\s*"', matchers))
            assert named <= labels(known, metric), f"{where}: {metric}{{{matchers}}}"
            for name, value in re.findall(r'(\w+)="([^"]*)"', matchers):
                if name in ("state", "why", "bound", "stage", "share", "severity", "verb"):
                    seen = {dict(some)[name] for some in known[metric]} | _STATED.get((metric, name), set())
                    assert value in seen, f"{where}: {metric}{{{name}={value}}}"
        grouped = {name.strip() for some in _WORDS.findall(expression) for name in some.split(",") if name.strip()}
        assert grouped <= {name for metric in metrics for name in labels(known, metric)}, where


_STATED = {
    ("bousai_feed_why", "why"): {"no_answer", "not_polled", "frozen", "overdue"},
    ("bousai_alert_deliveries", "state"): {"dead"},
    ("bousai_work_last_timestamp_seconds", "verb"): {"upkeep"},
}
"""What no installation says that is well: values of `Why`, `Delivery.state` and `Verb`."""


def test_legends_and_annotations_name_labels_that_are_there(known: measured.Samples) -> None:
    for panel in panels():
        for target in panel["targets"]:
            there = {name for metric in re.findall(r"bousai_\w+", target["expr"]) for name in labels(known, metric)}
            assert set(re.findall(r"{{(\w+)}}", target["legendFormat"])) <= there, panel["title"]
    for rule in RULES:
        there = {name for metric in re.findall(r"bousai_\w+", rule["expr"]) for name in labels(known, metric)}
        said = " ".join(rule["annotations"].values())
        assert set(re.findall(r"\$labels\.(\w+)", said)) <= there, rule["alert"]


def test_nothing_that_is_measured_is_forgotten(known: measured.Samples) -> None:
    everything = " ".join(expression for _, expression in expressions())
    ours = {name.removesuffix("_count").removesuffix("_sum").removesuffix("_bucket") for name in known}
    ours = {name for name in ours if name.startswith("bousai_")}
    unseen = {name for name in ours if name not in everything}
    # ages of the same moments are shown
    assert unseen == {
        "bousai_feed_answer_timestamp_seconds",
        "bousai_feed_content_timestamp_seconds",
    }


def test_every_panel_says_what_to_do_and_stands_beside_the_others() -> None:
    rows = [panel["title"] for panel in BOARD["panels"] if panel["type"] == "row"]
    assert rows == [
        "Feeds",
        "Delay by stage",
        "Work and failures",
        "Layers",
        "Alerts and deliveries",
        "HTTP",
        "Parts",
    ]
    taken: set[tuple[int, int]] = set()
    for panel in BOARD["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert at["x"] + at["w"] <= 24
        assert not cells & taken, panel["title"]
        taken |= cells
    ids = [panel["id"] for panel in BOARD["panels"]]
    assert len(ids) == len(set(ids))
    titles = sections()
    for panel in panels():
        assert len(panel["description"]) > 20, panel["title"]
        assert {panel["datasource"]["uid"], *(one["datasource"]["uid"] for one in panel["targets"])} == {
            "${datasource}"
        }
        for name in re.findall(r"docs/operations\.md, ([A-Z][^.:]*)\.", panel["description"]):
            assert name in titles.values(), f"{panel['title']}: {name}"
        unit = panel["fieldConfig"]["defaults"]["unit"]
        if panel["type"] != "table" and any("_seconds" in one["expr"] for one in panel["targets"]):
            assert unit == "s", panel["title"]


def test_every_rule_leads_to_a_section() -> None:
    titles = sections()
    for rule in RULES:
        notes = rule["annotations"]
        assert set(notes) == {"summary", "remedy", "runbook"}, rule["alert"]
        page, _, section = notes["runbook"].partition("#")
        assert page == "docs/operations.md"
        assert section in titles, rule["alert"]
        assert rule["labels"]["severity"] in {"page", "ticket"}
    assert len({rule["alert"] for rule in RULES}) == len(RULES)


@pytest.mark.parametrize(
    "words",
    [("check", "rules", "rules.yml"), ("check", "config", "prometheus.yml"), ("test", "rules", "rules_test.yml")],
)
def test_prometheus_finds_no_fault(words: tuple[str, ...]) -> None:
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("promtool is not installed")
    done = subprocess.run([program, *words], cwd=PROMETHEUS, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_prometheus_can_read_what_the_dashboard_asks(tmp_path: Path) -> None:
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("promtool is not installed")
    asked = [target["expr"] for panel in panels() for target in panel["targets"]]
    stated = [re.sub(r"\$\w+", lambda name: ".*" if name[0] == "$feed" else "5m", one) for one in asked]
    rules = [{"record": f"asked:{n}", "expr": one} for n, one in enumerate(stated)]
    path = tmp_path / "asked.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "asked", "rules": rules}]}), encoding="utf-8")
    done = subprocess.run([program, "check", "rules", path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
