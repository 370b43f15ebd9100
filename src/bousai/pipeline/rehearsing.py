"""A dry run: which messages a past period would have given, had we been there.

The documents of the period are read anew, in the order of their issue, into a store that is thrown away, by the very
code that makes alerts, with a clock that stands where each document was sent. Nothing goes out and nothing is kept.
"""

from __future__ import annotations

import tempfile
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from bousai import store
from bousai.model import Message
from bousai.pipeline.alerting import Outlines, follow, renew
from bousai.pipeline.house import House, opened
from bousai.pipeline.ingesting import take_in
from bousai.settings import Settings


def rehearse_alerts(
    since: datetime, until: datetime, settings: Settings | None = None, *, renewals: bool = True
) -> list[Message]:
    """The messages that what was issued from `since` to `until` (both included) gives by the rules as they are now.

    They come in their order, with their bytes, unsigned. Situation notices are not among them: they depend on what
    people saw. `renewals`: with the messages that only extend the validity of what nobody lifted, of which a long
    period has many.
    """
    with opened(settings) as house, tempfile.TemporaryDirectory(prefix="bousai-rehearsal-") as folder:
        kinds = {kind for rule in house.catalogue.rules.values() for kind in rule.kinds}
        spoken = store.documents_between(house.store, kinds, since, until)
        outlines = Outlines(house)
        own = replace(
            house.settings,
            data=Path(folder),
            store=f"sqlite:///{folder}/rehearsal.gpkg",
            cap_key=None,
            cap_certificate=None,
        )
        store.prepare(own.store, ())
        catalogue = house.catalogue.model_copy(update={"subscriptions": {}})
        handle = store.open_store(own.store)
        clock = _Clock(since)
        stage = House(own, catalogue, handle, clock.now)
        made: list[Message] = []
        try:
            for one in spoken:
                sent = max(clock.at, one.sent_at or one.issued_at)
                while renewals and (due := _next_renewal(stage, sent)) is not None:
                    clock.at = max(clock.at, due)
                    again = renew(stage, outlines, watched=False)
                    if not again:
                        break
                    made += again
                clock.at = sent
                take_in(stage, replace(one.document, fetched_at=sent))
                made += follow(stage, outlines)
        finally:
            handle.close()
        return made


class _Clock:
    """Stands until it is set."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at


def _next_renewal(stage: House, before: datetime) -> datetime | None:
    """When the first message that goes on is sent again, if that is before a time."""
    rules = stage.catalogue.rules
    due = [
        last.expires - timedelta(seconds=rules[last.rule].renew)
        for last in store.running_alerts(stage.store)
        if rules[last.rule].renew and last.state == "released"
    ]
    return min((at for at in due if at < before), default=None)
