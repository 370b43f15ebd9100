"""What every task is forked from: the corridor, the writers' libraries, and the configuration read once.

Else each publishing begins with three seconds of importing, and every task with 0.4 s of reading YAML. What has
changed since is read anew by whoever finds it so: the catalogue looks at the files each time.
"""

from __future__ import annotations

from contextlib import suppress

import pyogrio.raw

from bousai import catalogue, pipeline, settings
from bousai.errors import BousaiError

__all__ = ["pipeline", "pyogrio"]

with suppress(BousaiError):  # each task says so itself
    catalogue.load(settings.load().config)
