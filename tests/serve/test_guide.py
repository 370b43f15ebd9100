"""docs/layers.md: what it tells municipalities to type, typed."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bousai import pipeline
from bousai.settings import Settings
from tests.serve import site
from tests.serve.serving import Served, serving

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("serve_guide")]

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "layers.md"
BASE = "http://127.0.0.1:8000"


def blocks(language: str) -> list[str]:
    """The fenced blocks of a language, in their order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", GUIDE.read_text(encoding="utf-8"), flags=re.M | re.S)


def commands() -> list[str]:
    return [line for block in blocks("sh") for line in block.splitlines()]


def typed(command: str, base: str, folder: Path) -> str:
    """Type a command of the guide in a folder that has the program of the guide; what it says."""
    (program,) = blocks("python")
    (folder / "pull.py").write_text(program, encoding="utf-8")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", command.replace(BASE, base)],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "PATH": path, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"},
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def folder(server: Served, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a person has who typed the whole guide from top to bottom."""
    here = tmp_path_factory.mktemp("guide")
    for command in commands():
        typed(command, server.base, here)
    return here


def collection(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_bytes())
    assert found["type"] == "FeatureCollection"
    return found


def ids(found: dict[str, Any]) -> list[str]:
    return sorted(feature["id"] for feature in found["features"])


def test_every_command_brings_what_it_says(folder: Path, tree: Settings) -> None:
    whole = json.loads((tree.public / "layers" / "shelter_now" / "latest.geojson").read_bytes())
    fujisawa = [one["id"] for one in whole["features"] if one["properties"]["muni_code"] == "14205"]
    assert fujisawa
    assert ids(collection(folder / "shelter_now.geojson")) == ids(whole)
    assert ids(collection(folder / "fujisawa.geojson")) == sorted(fujisawa)
    opened = [one["id"] for one in whole["features"] if one["properties"]["state"] == "open"]
    assert opened
    assert ids(collection(folder / "open.geojson")) == sorted(opened)
    assert collection(folder / "level4.geojson")["features"]
    assert collection(folder / "then.geojson")["features"]
    assert collection(folder / "known.geojson")["features"] == []  # nothing had reached this installation by then
    for name, suffix in (("drill", ""), ("drill_items", "")):
        drill = collection(folder / f"{name}.geojson")
        assert drill["title"].startswith("【訓練】")
        assert {one["properties"]["status"] for one in drill["features"]} == {"exercise"}, suffix
    (lon, lat) = collection(folder / "shelter_now.geojson")["features"][0]["geometry"]["coordinates"]
    first = ids(whole)[0]
    turned = {one["id"]: one["geometry"] for one in collection(folder / "jgd2011.geojson")["features"]}
    plain = {one["id"]: one["geometry"] for one in whole["features"]}
    assert lon > lat
    assert turned[first]["coordinates"] == plain[first]["coordinates"][::-1]
    assert (folder / "fujisawa.gpkg").read_bytes()[:15] == b"SQLite format 3"
    assert (folder / "shelter_now.csv").read_bytes().startswith(b"\xef\xbb\xbf")


def test_every_layer_and_form_that_the_guide_names_is_there(server: Served, tree: Settings) -> None:
    known = {layer["id"] for layer in json.loads((tree.public / "index.json").read_bytes())["layers"]}
    text = GUIDE.read_text(encoding="utf-8")
    assert set(re.findall(r"^### `(\w+)`", text, flags=re.M)) == known
    for name in set(re.findall(r"/public/layers/(\w+)/", text)):
        assert name in known


def test_nothing_is_sent_when_nothing_changed(server: Served, tmp_path: Path) -> None:
    keep, again = (line for line in commands() if "--etag-save" in line)
    typed(keep, server.base, tmp_path)
    before = (tmp_path / "shelter_now.geojson").read_bytes()
    assert typed(again + " -w '%{http_code} %{size_download}'", server.base, tmp_path) == "304 0"
    assert (tmp_path / "shelter_now.geojson").read_bytes() == before
    assert typed(again + " -w '%{http_code}'", server.base, tmp_path) == "304"


def test_who_follows_the_changes_has_the_layer(tree: Settings, tmp_path: Path) -> None:
    """Publish, pull; change, publish, pull: the features that the program keeps are those of the layer, each time."""
    own = site.copy_of(tree, tmp_path / "data")
    layer = own.public / "layers" / "shelter"
    (pull, _) = (line.replace("shelter_now", "shelter") for line in commands() if "pull.py" in line)

    def state(name: str) -> str:
        text = (site.KUNREN / "gsi_shelter" / "mergeFromCity_1_kunren.csv").read_text(encoding="utf-8")
        lines = site.in_earnest(text).splitlines(keepends=True)
        return "".join([*lines[:2], *lines[3:]]).replace("第1小学校", name)

    with serving(own, tmp_path / "log") as served:
        seen = set()
        for name in ("第1小学校", "第一小学校", "一小", "一小"):
            at = pipeline.ingest_files("gsi_shelter", [("new.csv", state(name).encode())], own)
            assert next(one.outcome for one in at) in {"stored", "unchanged"}
            pipeline.publish_layers(["shelter"], own)
            typed(pull, served.base, tmp_path)
            kept = json.loads((tmp_path / "shelter.kept.json").read_bytes())
            whole = json.loads((layer / "latest.geojson").read_bytes())
            assert kept["features"] == {one["id"]: one for one in whole["features"]}
            assert kept["freshness"] == whole["bousai:freshness"]
            seen.add(kept["version"])
            if len(seen) == 1:  # far behind: two versions at once
                pipeline.ingest_files("gsi_shelter", [("new.csv", state("初小").encode())], own)
                pipeline.publish_layers(["shelter"], own)
        assert len(seen) >= 3


def test_who_is_too_far_behind_takes_the_whole(server: Served, tree: Settings, tmp_path: Path) -> None:
    (pull, _) = (line for line in commands() if "pull.py" in line)
    (tmp_path / "shelter_now.kept.json").write_text('{"version": "of long ago", "features": {"gone": {}}}')
    typed(pull, server.base, tmp_path)
    whole = json.loads((tree.public / "layers" / "shelter_now" / "latest.geojson").read_bytes())
    kept = json.loads((tmp_path / "shelter_now.kept.json").read_bytes())
    assert kept["features"] == {one["id"]: one for one in whole["features"]}
