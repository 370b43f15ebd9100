"""The tables. Times are microseconds since 1970 UTC, so that both databases compare them alike.

A `revision` is one content of one item: when it was true, and since when we know.

    a revision is seen at (valid T, known K) where
      opened_by ≤ K  and  (retired_by is null or retired_by > K)
      valid_from ≤ T and  (valid_to is null or T < valid_to or closed_by > K)
      and it has not expired at T

K is a bulletin id: ids grow in the order in which bulletins are recorded, so they are known time.
`valid_to`/`closed_by` and `retired_by` are written once and never changed; nothing is ever deleted. What a
source states as ended (解除) is kept as a row that is retired at birth: said, but never true.

A `scope` row is what one circle of readers sees of a scope. There is one for the public, and one more for a narrower
circle (responders, isut) from the first bulletin that is for that circle alone; a bulletin has the row of its own
visibility, and its revisions are also written into the rows of narrower circles where there are any. So what the
public sees is made of public bulletins and of nothing else.
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, LargeBinary, MetaData, Table, Text

metadata = MetaData()


class _PostgisGeometry(sa.types.UserDefinedType[bytes]):
    cache_ok = True

    def get_col_spec(self, **_: object) -> str:
        return "geometry(Geometry,4326)"


# SQLite keeps a GeoPackage geometry blob (OGC 12-128r19, 2.1.3), PostgreSQL a PostGIS geometry; `dialect`
# turns both into WKB.
Geometry = LargeBinary().with_variant(_PostgisGeometry(), "postgresql")


# SQLite's INTEGER holds 64 bits and is the only name for it that a GeoPackage may use.
Big = BigInteger().with_variant(Integer(), "sqlite")


def _id() -> Column[int]:
    # Ids are given out by the writer, never by the database.
    return Column("id", Big, primary_key=True, autoincrement=False)


document = Table(
    "document",
    metadata,
    _id(),
    Column("feed", Text, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("size", Big, nullable=False),
    Column("taint", Text, nullable=False),
    Column("fetched_at", Big, nullable=False, comment="first seen"),
    Column("seen_at", Big, nullable=False, comment="last seen"),
    Column("dated_at", Big, comment="time of the content where the format has none"),
    Column("outcome", Text, nullable=False),
    Column("cause", Text),
    Column("remedy", Text),
    Column("ingested_at", Big),
    Column("item_count", Big, comment="items in it, when it was last stored"),
    sa.UniqueConstraint("feed", "sha256", name="document_of_feed"),
)
Index("document_outcome", document.c.feed, document.c.outcome)
Index("document_url", document.c.url)

scope = Table(
    "scope",
    metadata,
    _id(),
    Column("status", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("scope", Text, nullable=False),
    Column("head", Text, comment="order key of the newest bulletin"),
    Column("state_by", Big, comment="the bulletin whose members are just what is open now, if there is one"),
    Column("visibility", Text, nullable=False, comment="the circle whose state this is"),
    Column("since", Big, nullable=False, comment="the first bulletin of this visibility"),
    sa.UniqueConstraint("status", "kind", "scope", "visibility", name="scope_once"),
)

bulletin = Table(
    "bulletin",
    metadata,
    _id(),
    Column("scope_id", Big, ForeignKey("scope.id"), nullable=False),
    Column("document_id", Big, ForeignKey("document.id"), nullable=False),
    Column("order_key", Text, nullable=False),
    Column("msg_type", Text, nullable=False),
    Column("complete", Boolean, nullable=False),
    Column("issued_at", Big, nullable=False),
    Column("issued_offset_min", Integer, nullable=False, comment="offset of the source's clock, minutes"),
    Column("sent_at", Big),
    Column("serial", Text),
    Column("source_event_id", Text, nullable=False),
    Column("bulletin_type", Text, nullable=False),
    Column("issuer", Text, nullable=False),
    Column("parser", Text, nullable=False),
    Column("parser_version", Text, nullable=False),
    Column("recorded_at", Big, nullable=False),
    Column("replaced_by", Big, comment="the same document, read by a better parser"),
    Column("item_count", Integer, nullable=False),
    Column("members", LargeBinary, nullable=False, comment="the items it states, see encode.pack"),
    sa.UniqueConstraint("scope_id", "order_key", name="bulletin_once"),
)
Index("bulletin_recorded", bulletin.c.recorded_at)

revision = Table(
    "revision",
    metadata,
    _id(),
    Column("scope_id", Big, nullable=False),
    Column("item_id", Text, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Column("muni_code", Text),
    Column("props", Text, nullable=False),
    Column("geom", Geometry),
    Column("expires_at", Big),
    Column("position", Text, nullable=False),
    Column("valid_from", Big, nullable=False),
    Column("valid_to", Big),
    Column("stated_by", Big, nullable=False, comment="the bulletin that says it"),
    Column("opened_by", Big, nullable=False, comment="the bulletin whose arrival made us write it"),
    Column("closed_by", Big),
    Column("retired_by", Big),
)
Index("revision_item", revision.c.scope_id, revision.c.item_id)
_closed = sa.text("closed_by IS NOT NULL")
Index("revision_closed", revision.c.closed_by, sqlite_where=_closed, postgresql_where=_closed)
_retired = sa.text("retired_by IS NOT NULL")
Index("revision_retired", revision.c.retired_by, sqlite_where=_retired, postgresql_where=_retired)
_expires = sa.text("expires_at IS NOT NULL")
Index("revision_expires", revision.c.expires_at, sqlite_where=_expires, postgresql_where=_expires)
Index("revision_geom", revision.c.geom, postgresql_using="gist").ddl_if(dialect="postgresql")

receipt = Table(
    "receipt",
    metadata,
    _id(),
    Column("feed", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("requested_at", Big, nullable=False),
    Column("seconds", sa.Double, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("http_status", Integer),
    Column("size", Big),
    Column("sha256", Text),
    Column("error_code", Text),
    Column("error", Text),
    Column("etag", Text),
    Column("last_modified", Text),
    Column("made_at", Big),  # when the source says that it made what it answered
)
Index("receipt_url", receipt.c.url, receipt.c.requested_at)
Index("receipt_feed", receipt.c.feed, receipt.c.requested_at)

issue = Table(
    "issue",
    metadata,
    _id(),
    Column("feed", Text, nullable=False),
    Column("document_id", Big, ForeignKey("document.id")),
    Column("code", Text, nullable=False),
    Column("severity", Text, nullable=False),
    Column("cause", Text, nullable=False),
    Column("remedy", Text, nullable=False),
    Column("position", Text, nullable=False),
    Column("stale", Text, nullable=False, comment="layers that are not fresh because of it, space separated"),
    Column("raised_at", Big, nullable=False),
    Column("seen_at", Big, nullable=False),
    Column("state", Text, nullable=False),
    Column("fingerprint", Text, nullable=False, unique=True),
)

publication = Table(
    "publication",
    metadata,
    Column("tree", Text, primary_key=True),
    Column("layer", Text, primary_key=True),
    Column("cursor", Big, nullable=False),
    Column("version", Text, nullable=False),
    Column("published_at", Big, nullable=False),
)

alert = Table(
    "alert",
    metadata,
    _id(),
    Column("identifier", Text, nullable=False, unique=True),
    Column("key", Text, nullable=False, unique=True),  # the same for the same news: it is made once
    Column("rule", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("phase", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("sender", Text, nullable=False),
    Column("sent", Big, nullable=False),
    Column("expires", Big, nullable=False),
    Column("severity", Text, nullable=False),
    Column("fingerprint", Text, nullable=False),
    Column("entries", LargeBinary, nullable=False),
    Column("as_of", Big, nullable=False),
    Column("cursor", Big, nullable=False),
    Column("author", Text, nullable=False),
    Column("approvals", Integer, nullable=False),
    Column("bypass", Boolean, nullable=False),
    Column("munis", Text, nullable=False),  # 5-digit codes, space separated
    Column("headline_ja", Text, nullable=False),
    Column("headline_en", Text, nullable=False),
    Column("cap", LargeBinary, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("issued_at", Big, nullable=False),
    Column("recorded_at", Big, nullable=False),
    Column("built_at", Big, nullable=False),
    Column("released_at", Big),
    Column("published_at", Big),  # in the tree of files
    Column("went", Big, unique=True),  # its place among the messages that went out
    Column("not_before", Big),
    Column("lapses_at", Big),
)
Index("alert_chain", alert.c.rule, alert.c.subject, alert.c.status)
Index("alert_state", alert.c.state, alert.c.expires)

alert_decision = Table(
    "alert_decision",
    metadata,
    _id(),
    Column("alert_id", Big, ForeignKey("alert.id"), nullable=False),
    Column("decision", Text, nullable=False),  # approve, reject
    Column("person", Text, nullable=False),  # name of an account, not of a person
    Column("sha256", Text, nullable=False),  # of the bytes that were seen
    Column("reason", Text, nullable=False),
    Column("decided_at", Big, nullable=False),
)
Index("alert_decision_of", alert_decision.c.alert_id)

alert_delivery = Table(
    "alert_delivery",
    metadata,
    Column("alert_id", Big, ForeignKey("alert.id"), primary_key=True),
    Column("subscription", Text, primary_key=True),
    Column("state", Text, nullable=False),  # due, delivered, superseded, dead
    Column("attempts", Integer, nullable=False),
    Column("next_at", Big, nullable=False),
    Column("made_at", Big, nullable=False),
    Column("begun_at", Big),  # the last attempt
    Column("done_at", Big),
    Column("code", Text),
    Column("cause", Text),
    Column("remedy", Text),
)
Index("alert_delivery_due", alert_delivery.c.state, alert_delivery.c.next_at)

alert_position = Table(
    "alert_position",
    metadata,
    Column("name", Text, primary_key=True),
    Column("cursor", Big, nullable=False),  # the last bulletin that alerts were made of
)

work = Table(
    "work",
    metadata,
    _id(),
    Column("verb", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("reference", Text, nullable=False),
    Column("started_at", Big, nullable=False),
    Column("seconds", sa.Double, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("position", Big),
    Column("detail", Text, nullable=False),  # JSON
    Column("actor", Text, nullable=False),
)
Index("work_verb", work.c.verb, work.c.started_at)
Index("work_subject", work.c.subject, work.c.started_at)
