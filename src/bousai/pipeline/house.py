"""The house: what a verb opens and gives back. The clock of the corridor is read here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from bousai import catalogue, store
from bousai import settings as settings_module
from bousai.catalogue import Catalogue
from bousai.model import Status
from bousai.settings import Settings


@dataclass(frozen=True, slots=True)
class House:
    """The opened rooms of one call."""

    settings: Settings
    catalogue: Catalogue
    store: store.Store
    now: Callable[[], datetime]


def tree_url(own: Settings, status: Status) -> str:
    """The address of the public tree or, for exercises and tests, of the exercise tree below it."""
    return "/".join(part for part in (own.public_url, "" if status == "actual" else "exercise") if part)


def now() -> datetime:
    return datetime.now(UTC)


@contextmanager
def opened(settings: Settings | None = None) -> Iterator[House]:
    """Open catalogue and store for one verb; the connections are given back at the end."""
    settings = settings_module.load() if settings is None else settings
    handle = store.open_store(settings.store)
    try:
        yield House(settings, catalogue.load(settings.config), handle, now)
    finally:
        handle.close()


def check_store(settings: Settings | None = None) -> datetime | None:
    """See that the store answers and is of this program's version: when the last public statement in it was recorded
    (None: there is none). Raises `StoreError`; makes nothing."""
    settings = settings_module.load() if settings is None else settings
    handle = store.open_store(settings.store)
    try:
        return store.log_position(handle)[1]
    finally:
        handle.close()


def prepare(settings: Settings | None = None) -> None:
    """Create folders, tables and views, or bring them to this program's version."""
    settings = settings_module.load() if settings is None else settings
    settings.public.mkdir(parents=True, exist_ok=True)
    store.prepare(settings.store, catalogue.load(settings.config).layers.values())
