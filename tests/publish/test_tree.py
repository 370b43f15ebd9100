"""The tree: versions by content, changes that can be followed, a chain of manifests, and what a crash leaves."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import count, pairwise
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bousai.model import SourceFreshness, Status
from bousai.publish import tree as tree_module
from bousai.publish import write_index
from tests.publish.tables import (
    COMMON,
    PUBLISHER,
    SOURCE,
    T0,
    Content,
    check,
    content_of,
    hidden,
    layer,
    plain,
    put,
    source,
    table_of,
    tree,
)

A: Content = {"a": (1, "17204"), "b": (2, "17205"), "c": (3, None)}
B: Content = {"a": (1, "17204"), "b": (4, "17205"), "d": (5, "17206")}
C: Content = {"a": (6, "17204"), "c": (3, None)}
MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def _no_sync(monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk need not be waited for here; that it would be is a test of its own."""
    monkeypatch.setattr(os, "fsync", lambda _: None)


def folder_of(root: Path) -> Path:
    return root / "layers" / "shelter"


def manifest_of(root: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder_of(root) / "manifest.json").read_bytes())
    return found


def versions_of(root: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((folder_of(root) / "changes.json").read_bytes())["versions"]
    return found


def seen(root: Path) -> dict[str, tuple[int, int, bytes]]:
    """Every file with inode, time of change and bytes: equal only where nothing was written."""
    return {
        str(path): (path.stat().st_ino, path.stat().st_mtime_ns, path.read_bytes())
        for path in root.rglob("*")
        if path.is_file()
    }


# ── what stands there ────────────────────────────────────────────────────────────────────────────────────


def test_the_first_publication_writes_every_file(tmp_path: Path) -> None:
    done = put(tmp_path, A)
    assert (done.changed, done.count) == (True, 3)
    version = f"v/{done.version}"
    assert set(tree(folder_of(tmp_path))) == {
        *(f"latest.geojson{suffix}" for suffix in ("", ".gz", ".zst")),
        *(f"{version}/shelter.geojson{suffix}" for suffix in ("", ".gz", ".zst")),
        *(f"{name}.csv{suffix}" for name in ("latest", f"{version}/shelter") for suffix in ("", "-metadata.json")),
        f"{version}/manifest.json",
        *(f"by-muni/{code}.geojson{suffix}" for code in ("17204", "17205") for suffix in ("", ".gz")),
        "changes.json",
        "manifest.json",
        "schema.json",
    }
    manifest = check(tmp_path, A)
    freshness = manifest.pop("freshness")
    assert {name: manifest[name] for name in manifest.keys() - {"files", "by_muni", "content", "looks"}} == {
        "layer": "shelter",
        "status": "actual",
        "version": done.version,
        "previous_version": None,
        "previous_manifest_sha256": None,
        "valid_at": "2026-01-01T09:00:00+09:00",
        "known_at": "2026-01-01T09:00:00+09:00",
        "published_at": "2026-01-01T09:00:00+09:00",
        "features": 3,
        "without_geometry": 0,
        "bbox": [135.125, 35.0, 135.375, 35.0],
        "withheld": {},
        "tier": "public",
    }
    assert [(one["feed"], one["state"], one["credit"]) for one in freshness] == [("feed", "ok", "出典：内閣府")]
    assert versions_of(tmp_path) == [
        {
            "version": done.version,
            "previous_version": None,
            "published_at": "2026-01-01T09:00:00+09:00",
            "add": ["a", "b", "c"],
            "modify": [],
            "remove": [],
            "delta": None,
        }
    ]


def test_packed_files_are_the_same_whenever_they_are_packed(tmp_path: Path) -> None:
    put(tmp_path / "one", A)
    put(tmp_path / "two", A)
    assert tree(tmp_path / "one") == tree(tmp_path / "two")


def test_an_empty_layer_and_one_without_places_are_published(tmp_path: Path) -> None:
    put(tmp_path, {})
    manifest = check(tmp_path, {})
    assert (manifest["features"], manifest["bbox"], manifest["without_geometry"]) == (0, None, 0)
    put(tmp_path, {"a": (-1, "17204")})
    manifest = check(tmp_path, {"a": (-1, "17204")})
    assert (manifest["features"], manifest["bbox"], manifest["without_geometry"]) == (1, None, 1)


def test_files_are_on_the_disk_before_they_take_their_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: dict[int, int] = {}
    renamed: list[str] = []

    def fsync(descriptor: int) -> None:
        found = os.fstat(descriptor)
        synced[found.st_ino] = found.st_size

    def replace(source_: Path, target: Path, real: Any = os.replace) -> None:
        files = [source_, *source_.rglob("*")] if source_.is_dir() else [source_]
        for file in files:
            assert synced[file.stat().st_ino] == file.stat().st_size, file
        renamed.append(target.name)
        real(source_, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "replace", replace)
    monkeypatch.setattr(Path, "rename", replace)
    version = put(tmp_path, {"a": (1, "17204")}).version
    publish_index(tmp_path)
    latest = ["latest.csv-metadata.json", "latest.csv", "latest.geojson", "latest.geojson.gz", "latest.geojson.zst"]
    cuts = ["17204.geojson", "17204.geojson.gz"]
    assert renamed == [
        version,
        "changes.json",
        *latest,
        *cuts,
        "schema.json",
        "manifest.json",
        "manifest.json",
        "index.json",
    ]


# ── versions ─────────────────────────────────────────────────────────────────────────────────────────────


def test_the_same_content_writes_nothing_even_later(tmp_path: Path) -> None:
    first = put(tmp_path, A)
    before = seen(tmp_path)
    for later in (T0, T0 + timedelta(days=1)):
        again = put(tmp_path, dict(reversed(A.items())), at=later)
        assert (again.version, again.changed, again.count) == (first.version, False, 3)
        assert seen(tmp_path) == before


@pytest.mark.parametrize(
    ("sources", "changed"),
    [
        (source("quiet"), False),
        (source("ok", last_fetch_at=T0 + MINUTE, last_content_at=T0 + MINUTE, next_due_at=T0 + MINUTE), False),
        (source("late"), True),
        (source("dead"), True),
        (source("held", reason="the list would shrink"), True),
    ],
    ids=lambda value: value.state if isinstance(value, SourceFreshness) else str(value),
)
def test_a_source_that_fails_makes_a_version_and_one_that_is_quiet_none(
    tmp_path: Path, sources: SourceFreshness, changed: bool
) -> None:
    put(tmp_path, A)
    assert put(tmp_path, A, T0 + MINUTE, [sources]).changed is changed
    shown = json.loads(plain(folder_of(tmp_path) / "latest.geojson.gz"))["bousai:freshness"]
    assert [one["state"] for one in shown] == [sources.state if changed else "ok"]
    cut = json.loads(plain(folder_of(tmp_path) / "by-muni" / "17204.geojson"))["bousai:freshness"]
    assert cut == shown
    check(tmp_path, A)
    if changed:
        last = versions_of(tmp_path)[-1]
        assert (last["add"], last["modify"], last["remove"]) == ([], [], [])


@pytest.mark.parametrize("state", ["late", "dead", "held"])
def test_a_failing_source_makes_one_version_not_one_a_minute(tmp_path: Path, state: str) -> None:
    """A held source still answers, so the time of its last answer moves."""
    answered = timedelta() if state != "held" else MINUTE
    put(tmp_path, A, T0, [source(state, reason="7 min: boom")])
    before = seen(tmp_path)
    reason = "7 min: boom" if state == "held" else "8 min: boom"
    later = source(state, reason=reason, last_fetch_at=T0 + answered, next_due_at=T0 + MINUTE)
    assert put(tmp_path, A, T0 + MINUTE, [later]).changed is False
    assert seen(tmp_path) == before


def test_what_is_below_v_never_changes_and_a_content_that_comes_back_is_a_third_version(tmp_path: Path) -> None:
    kept: dict[str, bytes] = {}
    versions = []
    for hour, content in enumerate((A, B, A, B)):
        versions.append(put(tmp_path, content, T0 + timedelta(hours=hour)).version)
        check(tmp_path, content)
        below = tree(folder_of(tmp_path) / "v")
        assert {path: below[path] for path in kept} == kept
        assert len(below) == len(kept) + (7 if kept else 6)
        kept = below
    assert len(set(versions)) == 4
    assert [one["version"] for one in versions_of(tmp_path)] == versions
    for version, content in zip(versions, (A, B, A, B), strict=True):
        assert content_of(folder_of(tmp_path) / "v" / version / "shelter.geojson.zst") == content


def test_manifests_are_a_chain(tmp_path: Path) -> None:
    for content in (A, B, C, A):
        put(tmp_path, content)
    folder = folder_of(tmp_path)
    manifest = manifest_of(tmp_path)
    chain = [manifest["version"]]
    while manifest["previous_version"] is not None:
        body = (folder / "v" / manifest["previous_version"] / "manifest.json").read_bytes()
        assert hashlib.sha256(body).hexdigest() == manifest["previous_manifest_sha256"]
        manifest = json.loads(body)
        chain.append(manifest["version"])
    assert manifest["previous_manifest_sha256"] is None
    assert chain[::-1] == [one["version"] for one in versions_of(tmp_path)]
    assert len(chain) == 4


# ── changes ──────────────────────────────────────────────────────────────────────────────────────────────

_contents = st.dictionaries(
    st.sampled_from(["a", "b", 'c"', "避難所\n", ',"geometry":']),
    st.tuples(st.integers(-1, 2), st.sampled_from([None, "17204", "17205"])),
)


@settings(max_examples=50)
@given(contents=st.lists(_contents, min_size=1, max_size=5))
def test_who_follows_the_changes_has_what_stands(contents: list[Content]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        expected: list[tuple[set[str], set[str], set[str]]] = []
        before: Content = {}
        for number, content in enumerate(contents):
            changed = put(root, content, T0 + number * MINUTE).changed
            assert changed == (number == 0 or dict(content) != dict(before))
            if changed:
                modified = {one for one in content.keys() & before.keys() if content[one] != before[one]}
                expected.append((content.keys() - before.keys(), modified, before.keys() - content.keys()))
            before = content
            check(root, content)
        found = versions_of(root)
        assert [(set(one["add"]), set(one["modify"]), set(one["remove"])) for one in found] == expected
        assert all(one[name] == sorted(one[name]) for one in found for name in ("add", "modify", "remove"))


def lines_of(body: bytes) -> dict[str, bytes]:
    """A puller's own look at a collection: the line of each feature, by its id."""
    lines = (line.removesuffix(b",") for line in body.split(b"\n") if line.startswith(b'{"type":"Feature"'))
    return {json.loads(line)["id"]: line for line in lines}


def followed(folder: Path, version: str) -> dict[str, bytes]:
    """Someone who has a version and takes what has changed since, one delta after another; nothing of our code."""
    have = lines_of((folder / "v" / version / "shelter.geojson").read_bytes())
    for entry in json.loads((folder / "changes.json").read_bytes())["versions"]:
        if entry["previous_version"] == version:
            body = (folder / entry["delta"]["file"]).read_bytes()
            assert (hashlib.sha256(body).hexdigest(), len(body)) == (entry["delta"]["sha256"], entry["delta"]["size"])
            delta = json.loads(body)
            assert (delta["bousai:previous_version"], delta["bousai:version"]) == (version, entry["version"])
            assert sorted(lines_of(body)) == sorted(entry["add"] + entry["modify"])
            have |= lines_of(body)
            for item_id in delta["bousai:remove"]:
                del have[item_id]
            version = entry["version"]
    assert version == json.loads((folder / "manifest.json").read_bytes())["version"]
    return dict(sorted(have.items()))


def check_followers(root: Path) -> int:
    """From every version that is listed and whole the deltas lead to what stands, to the byte and in its order."""
    folder = folder_of(root)
    now = lines_of((folder / "latest.geojson").read_bytes())
    started = [one for one in versions_of(root) if (folder / "v" / one["version"] / "shelter.geojson").exists()]
    for one in started:
        assert list(followed(folder, one["version"]).items()) == list(now.items())
    return len(started)


@settings(max_examples=25)
@given(contents=st.lists(_contents, min_size=1, max_size=6))
def test_who_follows_the_deltas_from_any_version_has_the_latest_to_the_byte(contents: list[Content]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        versions = set()
        for number, content in enumerate(contents):
            versions.add(put(root, content, T0 + number * MINUTE, formats=()).version)
        assert check_followers(root) == len(versions) == len(versions_of(root))
        first, *later = versions_of(root)
        assert first["delta"] is None
        assert all(one["delta"] for one in later)


def test_a_delta_says_what_the_whole_says_of_itself(tmp_path: Path) -> None:
    put(tmp_path, A)
    put(tmp_path, B, T0 + MINUTE, [source("late", last_fetch_at=T0)])
    folder = folder_of(tmp_path)
    delta = json.loads((folder / versions_of(tmp_path)[-1]["delta"]["file"]).read_bytes())
    whole = json.loads((folder / "latest.geojson").read_bytes())
    assert delta.pop("bousai:remove") == ["c"]
    assert (delta.pop("bousai:previous_version"), delta.pop("bousai:version")) == tuple(
        one["version"] for one in versions_of(tmp_path)
    )
    assert delta.pop("features") != whole.pop("features")
    assert delta == whole


def test_old_versions_make_room_and_the_newest_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tree_module, "_KEPT_WHOLE", 3)
    monkeypatch.setattr(tree_module, "_KEPT_CHANGES", 5)
    versions = [put(tmp_path, {"a": (n, "17204")}, T0 + n * MINUTE).version for n in range(8)]
    folder = folder_of(tmp_path) / "v"
    left = {version: {path.name for path in (folder / version).iterdir()} for version in versions}
    whole = {
        "shelter.geojson",
        "shelter.geojson.gz",
        "shelter.geojson.zst",
        "shelter.csv",
        "shelter.csv-metadata.json",
    }
    assert [left[one] for one in versions[:3]] == [{"manifest.json"}] * 3
    assert [left[one] for one in versions[3:5]] == [{"manifest.json", "delta.json"}] * 2
    assert [left[one] for one in versions[5:]] == [{"manifest.json", "delta.json", *whole}] * 3
    assert check_followers(tmp_path) == 3
    check_listed = [one["version"] for one in versions_of(tmp_path)]
    assert check_listed == versions[3:]
    # Who has the version before the first that is listed can still go on.
    assert versions_of(tmp_path)[0]["previous_version"] == versions[2]


def test_versions_that_take_too_much_room_make_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tree_module, "_KEPT_BYTES", 1)
    versions = [put(tmp_path, {"a": (n, "17204")}, T0 + n * MINUTE).version for n in range(4)]
    folder = folder_of(tmp_path) / "v"
    assert [one["version"] for one in versions_of(tmp_path)] == versions[-1:]
    assert [(folder / one / "shelter.geojson").exists() for one in versions] == [False, False, True, True]
    assert all((folder / one / "manifest.json").exists() for one in versions)
    check_followers(tmp_path)


def test_only_the_newest_changes_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tree_module, "_KEPT_CHANGES", 2)
    versions = [put(tmp_path, content).version for content in (A, B, C)]
    assert [one["version"] for one in versions_of(tmp_path)] == versions[1:]
    assert (versions_of(tmp_path)[-1]["remove"], versions_of(tmp_path)[-1]["modify"]) == (["b", "d"], ["a"])


# ── cuts ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_municipality_whose_last_feature_went_keeps_an_empty_cut(tmp_path: Path) -> None:
    for content in (A, B, C, {}):
        put(tmp_path, content)
        check(tmp_path, content)
    cuts = {path.name: content_of(path) for path in (folder_of(tmp_path) / "by-muni").iterdir()}
    assert cuts == {f"{code}.geojson{suffix}": {} for code in ("17204", "17205", "17206") for suffix in ("", ".gz")}


def test_cuts_whose_content_stays_are_not_written(tmp_path: Path) -> None:
    put(tmp_path, A)
    before = seen(folder_of(tmp_path) / "by-muni")
    put(tmp_path, B, T0 + MINUTE)
    after = seen(folder_of(tmp_path) / "by-muni")
    written = {Path(path).name for path in after if after[path] != before.get(path)}
    assert written == {f"{code}.geojson{suffix}" for code in ("17205", "17206") for suffix in ("", ".gz")}


# ── exercises ────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("tree_name", "features_are", "said"),
    [
        ("exercise", "actual", "actual"),
        ("exercise", "actual", "exercise"),
        ("exercise", "exercise", "actual"),
        ("exercise", "test", "test"),
        ("public", "exercise", "exercise"),
        ("public", "exercise", "actual"),
        ("public", "actual", "exercise"),
        ("public", "test", "test"),
        ("public", "test", "actual"),
    ],
)
def test_exercises_and_what_is_actual_never_meet(
    tmp_path: Path, tree_name: str, features_are: Status, said: Status
) -> None:
    with pytest.raises(ValueError, match="cannot take"):
        tree_module.write_layer(
            tmp_path / tree_name,
            table_of(A, features_are),
            status=said,
            valid_at=T0,
            known_at=T0,
            published_at=T0,
            freshness=[],
            publisher=PUBLISHER,
        )
    assert list(tmp_path.iterdir()) == []


def test_an_exercise_goes_into_its_own_tree(tmp_path: Path) -> None:
    put(tmp_path / "exercise", A, status="exercise")
    check(tmp_path / "exercise", A)
    assert manifest_of(tmp_path / "exercise")["status"] == "exercise"
    files = [path for path in folder_of(tmp_path / "exercise").rglob("*") if ".geojson" in path.name]
    assert len(files) == 10
    for path in files:
        assert "【訓練】避難所" in plain(path).decode()


# ── index ────────────────────────────────────────────────────────────────────────────────────────────────


def publish_index(root: Path, state: SourceFreshness = SOURCE, status: Status = "actual") -> dict[str, Any]:
    write_index(
        root,
        [layer("n", id="never_published"), layer("n")],
        {"never_published": [state], "shelter": [state]},
        status=status,
        public_url="https://example.jp/public",
        published_at=T0 + 90 * MINUTE,
    )
    found: dict[str, Any] = json.loads((root / "index.json").read_bytes())
    return found


def test_the_index_lists_what_is_published_with_ages_credits_and_links(tmp_path: Path) -> None:
    version = put(tmp_path, A).version
    late = source("late", last_fetch_at=T0 + MINUTE / 2)
    index = publish_index(tmp_path, late)
    assert (index["title"], index["bousai:status"], index["timeStamp"]) == (
        "bousai",
        "actual",
        "2026-01-01T10:30:00+09:00",
    )
    (entry,) = index["layers"]
    (freshness,) = entry.pop("freshness")
    assert (freshness["feed"], freshness["state"], freshness["age_min"]) == ("feed", "late", 89)
    assert freshness["last_fetch_at"] == "2026-01-01T09:00:30+09:00"
    fields = entry.pop("fields")
    assert {field["name"] for field in fields} == COMMON | {"n"}
    links = entry.pop("links")
    assert entry == {
        "id": "shelter",
        "kind": "shelter",
        "title_ja": "避難所",
        "title_en": "Shelters",
        "description_ja": "避難所の一覧",
        "description_en": "All shelters",
        "geometry": "point",
        "version": version,
        "features": 3,
        "bbox": [135.125, 35.0, 135.375, 35.0],
        "published_at": "2026-01-01T09:00:00+09:00",
        "credits": ["出典：内閣府"],
        "licences": [{"name": "PDL1.0", "url": "https://example.jp/licence"}],
        "formats": ["csv", "geojson", "geojson.gz", "geojson.zst"],
    }
    files = {*entry["formats"], "csv-metadata.json"}
    assert set(links) == {"latest", "by_muni", "changes", "manifest", "version", "schema", *files}
    for link in links.values():
        path = link.removeprefix("https://example.jp/public/").replace("{code5}", "17204")
        assert (tmp_path / path).exists()


def test_the_index_of_a_source_that_never_answered_and_of_an_exercise(tmp_path: Path) -> None:
    root = tmp_path / "exercise"
    assert publish_index(root, status="exercise")["layers"] == []
    put(root, A, status="exercise")
    index = publish_index(root, source("dead", last_fetch_at=None), status="exercise")
    assert (index["title"], index["bousai:status"]) == ("bousai 【訓練】", "exercise")
    assert index["layers"][0]["freshness"][0]["age_min"] is None
    assert index["layers"][0]["title_ja"] == "【訓練】避難所"


# ── crashes ──────────────────────────────────────────────────────────────────────────────────────────────


class Killed(BaseException):
    """The process is gone: nothing that it would do afterwards reaches the disk."""


_WRITES = {"os.rename", "os.link", "os.remove", "os.mkdir", "os.rmdir", "os.truncate"}
_killer: list[tuple[str, int, Iterator[int]]] = []
_hooked: list[bool] = []


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if not _killer or not (event in _WRITES or event == "open"):
        return
    root, last, steps = _killer[0]
    if not str(arguments[0]).startswith(root):
        return
    if event == "open" and not arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
        return
    if next(steps) >= last:
        raise Killed


@contextmanager
def killed_at(root: Path, step: int) -> Iterator[None]:
    """Everything below `root` that would write, from the step of this number on, is not done any more."""
    if not _hooked:
        sys.addaudithook(_hook)
        _hooked.append(True)
    _killer.append((str(root), step, count()))
    try:
        yield
    finally:
        _killer.clear()


def _steps(scratch: Path, first: Content | None, then: Content) -> int:
    """How many things a publication does on the disk."""
    if first is not None:
        put(scratch, first)
    steps = count()
    with killed_at(scratch, sys.maxsize):
        _killer[0] = (str(scratch), sys.maxsize, steps)
        put(scratch, then, T0 + MINUTE)
    return next(steps)


def crashes(tmp_path: Path, first: Content | None, then: Content) -> Iterator[tuple[Path, int]]:
    """Trees in which the publication of `then` after `first` was killed, at every step there is."""
    total = _steps(tmp_path / "scratch", first, then)
    assert total > 30
    for step in range(total):
        root = tmp_path / f"killed-{step}"
        if first is not None:
            put(root, first)
        with killed_at(root, step), pytest.raises(Killed):
            put(root, then, T0 + MINUTE)
        yield root, step


def _visible(root: Path) -> dict[str, bytes]:
    return {path: body for path, body in tree(root).items() if "/." not in f"/{path}"}


@pytest.mark.parametrize("first", [None, A], ids=["nothing", "A"])
def test_after_a_crash_every_file_is_the_old_or_the_new_one_and_a_rerun_ends_the_same(
    tmp_path: Path, first: Content | None
) -> None:
    if first is not None:
        put(tmp_path / "whole", first)
    old = tree(tmp_path / "whole")
    put(tmp_path / "whole", B, T0 + MINUTE)
    new = tree(tmp_path / "whole")
    left = 0
    for root, step in crashes(tmp_path, first, B):
        between = _visible(root)
        left += bool(hidden(root))
        for path, body in between.items():
            assert body in (old.get(path), new.get(path)), (step, path)
        assert old.keys() <= between.keys()
        put(root, B, T0 + MINUTE)
        check(root, B)
        assert check_followers(root) >= 1
        after = tree(root)
        assert after.keys() == new.keys()
        # All cuts are written again, so one that had not to be may bear a later time.
        assert [path for path in new if after[path] != new[path] and "/by-muni/17204." not in path] == [], step
    assert left > 10


@pytest.mark.parametrize("then", [A, B, C], ids="ABC")
def test_after_a_crash_any_content_that_comes_next_is_published_whole(tmp_path: Path, then: Content) -> None:
    for root, step in crashes(tmp_path, A, B):
        below = _visible(root / "layers" / "shelter" / "v")
        put(root, then, T0 + 2 * MINUTE)
        try:
            if manifest_of(root)["published_at"] == "2026-01-01T09:00:00+09:00":  # A stands, B left no trace
                assert not any(one["add"] == ["d"] for one in versions_of(root))
                put(root, C, T0 + 3 * MINUTE)
                check(root, C)
            else:
                check(root, then)
            check_followers(root)
        except AssertionError as error:
            raise AssertionError(f"killed at step {step}: {error}") from error
        after = tree(root / "layers" / "shelter" / "v")
        assert {path: after[path] for path in below} == below, step


def test_a_crash_of_the_index_leaves_the_old_one_and_nothing_for_ever(tmp_path: Path) -> None:
    put(tmp_path, A)
    publish_index(tmp_path)
    before = tree(tmp_path)
    left = []
    for step in range(9):
        try:
            with killed_at(tmp_path, step):
                publish_index(tmp_path, source("late"))
            break
        except Killed:
            left += hidden(tmp_path)
            state = json.loads((tmp_path / "index.json").read_bytes())["layers"][0]["freshness"][0]["state"]
            assert state in ("ok", "late")
            if state == "ok":
                assert _visible(tmp_path) == before
        publish_index(tmp_path)
        assert tree(tmp_path) == before
    else:
        pytest.fail("it never came through")
    assert left


def test_a_full_disk_leaves_what_stood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, A)

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    before = _visible(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space"):
            put(tmp_path, B, T0 + MINUTE)
    assert _visible(tmp_path) == before
    put(tmp_path, B, T0 + MINUTE)
    check(tmp_path, B)


def test_two_publishers_at_once_wait_for_each_other(tmp_path: Path) -> None:
    contents: list[Content] = [{f"{i}": (i, "17204")} for i in range(8)]
    failed: list[BaseException] = []

    def publish(mine: list[Content]) -> None:
        try:
            for content in mine:
                put(tmp_path, content)
        except BaseException as error:  # noqa: BLE001  (shown below)
            failed.append(error)

    threads = [Thread(target=publish, args=(contents[start::2],)) for start in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    check(tmp_path, content_of(folder_of(tmp_path) / "latest.geojson"))
    versions = [one["version"] for one in versions_of(tmp_path)]
    assert len(set(versions)) == len(contents)
    for before, after in pairwise(versions):
        kept = json.loads((folder_of(tmp_path) / "v" / after / "manifest.json").read_bytes())
        assert kept["previous_version"] == before
