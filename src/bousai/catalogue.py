"""The catalogue: ``config/**/*.yml`` as typed `Feed`s, `Layer`s, `AlertRule`s, `Subscription`s, `Incident`s and the
`Release` rules. File stem = id; unknown keys are errors."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from bousai.errors import CatalogueError, ParseError
from bousai.model import AlertRule, Incident, Layer, MqttChannel, Release, ReleasedLayer, Subscription, Visibility
from bousai.vocab.japanese_time import JST

BACKGROUND = "background"
"""The scheduler's pool for what takes minutes to hours, so that it never keeps a warning waiting."""


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class AtomSource(_Strict):
    """JMA-style Atom index: `url` is polled (and only once a minute for all feeds that share it),
    `long_url` fills the gap after an outage; `types` are the telegram types this feed takes.

    `alive_within`: seconds within which one of the two says anew when it was made, whatever happens. The long one is
    made every hour (xml.kishou.go.jp/xmlpull.html), and is read once an hour where the short one stands still.
    """

    type: Literal["atom"]
    url: str
    long_url: str
    types: tuple[str, ...]
    alive_within: int = Field(default=7200, ge=600)


class FileSource(_Strict):
    """Files at fixed addresses, read with conditional GET."""

    type: Literal["files"]
    urls: tuple[str, ...]


def _expression(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"no regular expression: {error}") from error
    return text


Expression = Annotated[str, AfterValidator(_expression)]


class LinksSource(_Strict):
    """A page for people whose links are the documents: `url` is read with conditional GET, each address that it
    links to and whose file name matches `pattern` (a regular expression over the whole name) is fetched once.

    Not for a file that is overwritten under the same name: that is `files`."""

    type: Literal["links"]
    url: str
    pattern: Expression


class CkanSource(_Strict):
    """A CKAN portal (BODIK and others; `url` without ``/api``): the packages that `query` finds (``package_search``)
    name the resources; those whose file name or title matches `pattern` (a regular expression over the whole of it)
    are read as files, again whenever they have changed."""

    type: Literal["ckan"]
    url: str
    query: str
    pattern: Expression


class FolderSource(_Strict):
    """A drop folder: what another program or a person puts into `path` (below the data folder unless absolute) and
    whose name matches `pattern` (``*.xml``) is taken in once and left there. For what has no public address
    (Lアラート, forms by e-mail)."""

    type: Literal["folder"]
    path: str
    pattern: str = "*"

    @field_validator("path")
    @classmethod
    def _inside(cls, path: str) -> str:
        if not path or ".." in Path(path).parts:
            raise ValueError("a folder below the data folder, or an absolute one, without ..")
        return path


class MqttSource(_Strict):
    """An MQTT 5 broker: what was published on `topics` (QoS 1) since the last visit, one document a message.

    `client_id` names the session that the broker keeps for us between visits, for `keep` seconds; every installation
    needs one of its own, and so does a feed whose `topics` have changed (the broker remembers the old ones). User and
    password come from the environment, ``BOUSAI_MQTT_<FEED>`` as ``user:password``. A document is the payload; with
    `envelope` it is the topic together with the payload, for payloads that do not name their sensor.
    """

    type: Literal["mqtt"]
    host: str = Field(min_length=1)
    port: int = Field(default=8883, ge=1, le=65535)
    tls: bool = True
    topics: tuple[str, ...] = Field(min_length=1)
    client_id: str = Field(min_length=1)
    keep: int = Field(default=86400, ge=60, lt=0xFFFFFFFF)
    envelope: bool = False

    @field_validator("topics")
    @classmethod
    def _filters(cls, topics: tuple[str, ...]) -> tuple[str, ...]:
        for topic in topics:
            levels = topic.split("/")
            lone = all(level in ("+", "#") or not {"+", "#"} & set(level) for level in levels)
            if not topic or not lone or "#" in levels[:-1]:
                raise ValueError(f"{topic!r} is no topic filter")
        return topics


Source = AtomSource | FileSource | LinksSource | CkanSource | FolderSource | MqttSource


class Expect(_Strict):
    """What a document of this feed must look like before it may replace what is there.

    `min_items` per document. `max_drop`: the largest share of its items that a document may have lost since the
    last good one from the same address (0.2: a list that lost more than a fifth is held). `max_scope_drop`: the
    same for one scope against what is open now, where ten items or more would go. `may_be_empty` where no item is
    an ordinary day.
    """

    min_items: int = 0
    max_drop: float | None = Field(default=None, gt=0, le=1)
    max_scope_drop: float | None = Field(default=None, gt=0, le=1)
    may_be_empty: bool = False

    def violation(self, total: int, last_total: int | None, scopes: Iterable[tuple[str, int, int]]) -> str | None:
        """Why a document must be held, or None.

        `total` items in the document, `last_total` in the last good one from its address; `scopes` are (scope, items
        open now, items it would leave) for each complete statement in it.
        """
        if total == 0 and not self.may_be_empty:
            return "the document lists nothing, which this feed never does"
        if total < self.min_items:
            return f"the document lists {total} items, expected at least {self.min_items}"
        if last_total and self.max_drop is not None and 1 - total / last_total > self.max_drop:
            return _shrunk("the document", last_total, total, self.max_drop)
        worst = max(
            (
                (1 - after / before, scope, before, after)
                for scope, before, after in scopes
                if before - after >= _MANY
            ),
            default=None,
        )
        if worst is not None and self.max_scope_drop is not None and worst[0] > self.max_scope_drop:
            return _shrunk(*worst[1:], self.max_scope_drop)
        return None


_MANY = 10  # a village closes half of its four shelters without anything being wrong


def _shrunk(what: str, before: int, after: int, allowed: float) -> str:
    drop = 1 - after / before
    return f"{what} would shrink from {before} to {after} items (by {drop:.0%}, at most {allowed:.0%} is expected)"


class Feed(_Strict):
    """One source that we poll.

    `every` is the poll interval in seconds (never below 60), `late_after` the age in seconds of the
    last successful contact after which the feed is late, `dead_after` after which it is dead.
    `content_within`: seconds within which the source always says something, whatever happens (定時 telegrams); where
    it has not, it is late, and after twice that dead, however well it answers.
    `hosts` are the only hosts that may be contacted for it. `max_bytes` caps a decoded document.
    `credit` is the line that must stand on every product.
    `options` are what the parser is told beside the bytes, checked by its own ``Options``.
    `file_name` is a regular expression over the whole file name where the name says what the bytes do not: its group
    ``at``, read by `file_time` (strptime, JST), is the time of the content; other groups are options of the parser.
    `disabled`: the terms, quoted, that forbid to collect this source; then nothing is ever asked, and files that one
    has the right to use may be taken in by hand.
    """

    id: str
    title_ja: str
    title_en: str
    publisher: str
    licence: str
    licence_url: str
    credit: str
    parser: str
    kinds: tuple[str, ...]
    options: dict[str, Any] = Field(default_factory=dict)
    file_name: str | None = None
    file_time: str | None = None
    source: Source = Field(discriminator="type")
    hosts: tuple[str, ...] = ()
    disabled: str | None = None
    every: int = Field(ge=60)
    late_after: int
    dead_after: int
    content_within: int | None = Field(default=None, ge=60)
    max_bytes: int = 64 * 1024 * 1024
    deadline: int = 60
    expect: Expect = Expect()
    notes: str = ""

    @model_validator(mode="after")
    def _name_tells(self) -> Self:
        try:
            groups = set() if self.file_name is None else set(re.compile(self.file_name).groupindex)
        except re.error as error:
            raise ValueError(f"file_name is no regular expression: {error}") from error
        if ("at" in groups) != (self.file_time is not None):
            raise ValueError("file_name needs a group `at` where there is a file_time, and the other way round")
        if groups & set(self.options):
            raise ValueError(f"both file_name and options tell {', '.join(sorted(groups & set(self.options)))}")
        return self

    @property
    def pool(self) -> tuple[str, int]:
        """What limits how many feeds ask one publisher's server at a time: the name of the scheduler's pool, and its
        slots. Feeds without a server, read from folders, share one."""
        if isinstance(self.source, MqttSource):
            return f"source_{self.source.host}", 2
        return (f"source_{self.hosts[0]}", 4) if self.hosts else ("folders", 4)

    def told_by(self, name: str) -> dict[str, str]:
        """The groups of `file_name` in the name of a document; none where the feed has no such pattern.

        Raises `ParseError` ``unexpected_name``.
        """
        if self.file_name is None:
            return {}
        match = re.fullmatch(self.file_name, name)
        if match is None:
            raise ParseError(
                f"the file name {name[:80]!r} is not as the feed expects: {self.file_name}",
                code="unexpected_name",
                remedy="name the file as the publisher does, or correct file_name in the feed's YAML",
            )
        return {group: value for group, value in match.groupdict().items() if value is not None}

    def dated_by(self, name: str) -> datetime | None:
        """The time of the content that the name of a document states, in JST. Raises `ParseError`."""
        at = self.told_by(name).get("at")
        if at is None or self.file_time is None:
            return None
        try:
            return datetime.strptime(at, self.file_time).replace(tzinfo=JST)
        except ValueError as error:
            raise ParseError(
                f"the file name {name[:80]!r} states the time {at!r}, which is not one",
                code="unexpected_name",
                remedy=f"name the file as the publisher does ({self.file_time})",
            ) from error


class Catalogue(_Strict):
    """All feeds and layers, sorted by id, what of the layers leaves to whom, of what alerts are made, and who gets
    them."""

    feeds: dict[str, Feed]
    layers: dict[str, Layer]
    release: Release
    rules: dict[str, AlertRule] = {}
    subscriptions: dict[str, Subscription] = {}
    incidents: dict[str, Incident] = {}

    def feed(self, feed_id: str) -> Feed:
        """One feed; `UsageError`-free: raises `CatalogueError` with the nearest names."""
        if feed_id not in self.feeds:
            raise CatalogueError(f"no feed {feed_id!r}", remedy=f"one of: {', '.join(self.feeds)}")
        return self.feeds[feed_id]

    def layer(self, layer_id: str) -> Layer:
        """One layer; raises `CatalogueError` with the names there are."""
        if layer_id not in self.layers:
            raise CatalogueError(f"no layer {layer_id!r}", remedy=f"one of: {', '.join(self.layers)}")
        return self.layers[layer_id]

    def incident(self, incident_id: str) -> Incident:
        """One incident; raises `CatalogueError` with the names there are."""
        if incident_id not in self.incidents:
            raise CatalogueError(
                f"no incident {incident_id!r}",
                remedy=f"one of: {', '.join(self.incidents)}; or name --from, --to and --area",
            )
        return self.incidents[incident_id]

    def released(self, layer: Layer, tier: Visibility) -> ReleasedLayer:
        """A layer as a tier may see it."""
        shown = self.release.of(layer, tier, self._units())
        return shown.model_copy(update={"parts_held": self._parts_held(layer, tier)}) if layer.inputs else shown

    def _parts_held(self, layer: Layer, tier: Visibility) -> tuple[str, ...]:
        """``<layer>.<column>`` of what a consolidated layer is made without, for this tier may not see it."""
        found: set[str] = set()
        for kind in {*layer.inputs, *layer.sightings} - {layer.kind}:
            for part in (one for one in self.layers.values() if one.kind == kind):
                held = self._parts_held(part, tier) if part.inputs else self.release.held(part, tier)
                found |= set(held) if part.inputs else {f"{part.id}.{name}" for name in held}
        return tuple(sorted(found))

    def columns_of(self, kind: str, tier: Visibility) -> frozenset[str] | None:
        """The properties of a kind that a tier may see, in whichever layer; None where no layer of what sources state
        holds anything of it back."""
        layers = [
            self.released(layer, tier) for layer in self.layers.values() if layer.kind == kind and not layer.inputs
        ]
        if not any(layer.held for layer in layers):
            return None
        return frozenset(field.name for layer in layers for field in layer.fields)

    def _units(self) -> dict[str, frozenset[str | None]]:
        """In which units a column of a name counts, over all layers."""
        found: dict[str, set[str | None]] = {}
        for layer in self.layers.values():
            for field in layer.fields:
                if field.unit is not None:
                    found.setdefault(field.name, set()).add(field.unit)
        return {name: frozenset(units) for name, units in found.items()}

    def pools(self) -> dict[str, dict[str, Any]]:
        """The scheduler's pools, one a publisher's server and one for long work, as ``airflow pools import`` reads
        them."""
        long_work = {"slots": 64, "description": "exposure, tiles, replay, upkeep", "include_deferred": False}
        found: dict[str, dict[str, Any]] = {BACKGROUND: long_work}
        for feed in self.feeds.values():
            name, slots = feed.pool
            publishers = found.setdefault(name, {"slots": slots, "description": "", "include_deferred": False})
            said = [one for one in publishers["description"].split("、") if one]
            publishers["description"] = "、".join(dict.fromkeys([*said, feed.publisher]))
        return dict(sorted(found.items()))

    def claimed_types(self, url: str) -> dict[str, str]:
        """Telegram type → feed, over all feeds that read the Atom index at `url`."""
        return {
            code: feed.id
            for feed in self.feeds.values()
            if isinstance(feed.source, AtomSource) and feed.source.url == url
            for code in feed.source.types
        }

    def feeds_of(self, layer: Layer) -> list[Feed]:
        """The feeds that a layer's items come from; those of a consolidated layer are the feeds of all it is made
        of.
        """
        kinds = self.kinds_behind(layer)
        return [feed for feed in self.feeds.values() if not kinds.isdisjoint(feed.kinds)]

    def layers_of(self, feed: Feed) -> list[Layer]:
        """The layers that are not fresh when a feed is not."""
        return [layer for layer in self.layers.values() if not self.kinds_behind(layer).isdisjoint(feed.kinds)]

    def kinds_behind(self, layer: Layer) -> set[str]:
        """Every kind that a layer's items are made of, through the layers that these are made of in turn."""
        found = {layer.kind}
        waiting = [layer]
        while waiting:
            one = waiting.pop()
            for kind in {*one.inputs, *one.sightings, *one.endings, *one.derived_from} - found:
                found.add(kind)
                if kind in self.layers:
                    waiting.append(self.layers[kind])
        return found


def _read(path: Path) -> dict[str, Any]:
    try:
        # the loader in C: a hundred files are read at every command, and it takes a tenth of the time
        document = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    except yaml.YAMLError as error:
        raise CatalogueError(f"{path.name}: not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(document, dict) or "id" in document:
        raise CatalogueError(f"{path.name}: expected a mapping without 'id' (the file name is the id)")
    return {**document, "id": path.stem}


def load(config: Path) -> Catalogue:
    """Read every YAML below `config`, or, where none has changed since, give what was read. Raises `CatalogueError`
    naming file and key."""
    paths = [path for folder in _FOLDERS for path in sorted(config.glob(f"{folder}/*.yml"))]
    return _load(config, tuple(_stamp(path) for path in (*paths, config / "release.yml")))


_FOLDERS = ("feeds", "layers", "alerts", "subscriptions", "incidents")
_Stamp = tuple[str, int, int, int, int]


def _stamp(path: Path) -> _Stamp:
    """What differs as soon as a file was written or replaced."""
    try:
        found = path.stat()
    except OSError:
        return (str(path), 0, 0, 0, 0)
    return (str(path), found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


@lru_cache(maxsize=4)
def _load(config: Path, _stamps: tuple[_Stamp, ...]) -> Catalogue:
    feeds = _each(config, "feeds", Feed)
    layers = _each(config, "layers", Layer)
    if not feeds:
        raise CatalogueError(f"no feeds below {config}", remedy="set BOUSAI_CONFIG or run from a checkout")
    return Catalogue(
        feeds=feeds,
        layers=layers,
        release=_release(config / "release.yml", layers),
        rules=_each(config, "alerts", AlertRule),
        subscriptions=_subscriptions(config),
        incidents=_each(config, "incidents", Incident),
    )


def _subscriptions(config: Path) -> dict[str, Subscription]:
    """An exercise must never stand where somebody looks for what is actual."""
    found = _each(config, "subscriptions", Subscription)
    topics: dict[tuple[str, int, str], Subscription] = {}
    for one in found.values():
        if isinstance(one.channel, MqttChannel):
            other = topics.setdefault((one.channel.host, one.channel.port, one.channel.topic), one)
            if other.exercise != one.exercise:
                raise CatalogueError(
                    f"subscriptions/{one.id}.yml: the topic of {other.id}, and one of the two is for exercises",
                    remedy="give exercises a topic of their own",
                )
    return found


_Model = TypeVar("_Model", bound=BaseModel)


def _each(config: Path, folder: str, model: type[_Model]) -> dict[str, _Model]:
    """File stem → what is in it, sorted."""
    found = {}
    for path in sorted(config.glob(f"{folder}/*.yml")):
        try:
            found[path.stem] = model.model_validate(_read(path))
        except ValidationError as error:
            raise CatalogueError(f"{folder}/{path.name}: {_first(error)}") from error
    return found


def _release(path: Path, layers: dict[str, Layer]) -> Release:
    try:
        release = Release.model_validate({k: v for k, v in _read(path).items() if k != "id"})
        release.check(layers)
    except OSError as error:
        raise CatalogueError(
            f"{path.name}: {error.strerror}", remedy="it says what may be published; take the project's own to begin"
        ) from error
    except ValidationError as error:
        raise CatalogueError(f"{path.name}: {_first(error)}") from error
    except ValueError as error:
        raise CatalogueError(f"{path.name}: {error}") from error
    return release


def _first(error: ValidationError) -> str:
    detail = error.errors()[0]
    return f"{'.'.join(str(part) for part in detail['loc'])}: {detail['msg']}"
