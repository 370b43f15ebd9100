"""What every task is forked from: the corridor, and the configuration read once (0.4 s of every task else). What has
changed since is read anew by whoever finds it so: the catalogue looks at the files each time."""

from __future__ import annotations

from contextlib import suppress

from bousai import catalogue, pipeline, settings
from bousai.errors import BousaiError

__all__ = ["pipeline"]

with suppress(BousaiError):  # each task says so itself
    catalogue.load(settings.load().config)
