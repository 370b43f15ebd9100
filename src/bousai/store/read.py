"""Questions to the store: items as of two times, histories, the change log, traces, counts."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from bousai.model import Change, RevisionTable, Sightings, Status, Visibility, open_to
from bousai.store import dialect, schema
from bousai.store.encode import instant, moment
from bousai.store.engine import Store

_NOT_RETIRED = "(r.retired_by IS NULL OR r.retired_by > :known)"
SEEN = (
    f"r.opened_by <= :known AND {_NOT_RETIRED}"
    " AND r.valid_from <= :valid AND (r.valid_to IS NULL OR r.valid_to > :valid OR r.closed_by > :known)"
    " AND (r.expires_at IS NULL OR r.expires_at > :valid)"
)
_HELD_SINCE = (
    f"r.opened_by <= :known AND {_NOT_RETIRED}"
    " AND r.valid_from <= :valid AND (r.valid_to IS NULL OR r.valid_to > :since OR r.closed_by > :known)"
    " AND (r.expires_at IS NULL OR r.expires_at > :since)"
)


def visible_to(visibility: Visibility) -> str:
    """SQL predicate on scope `s` for the bound name :known: it is what this circle of readers sees of the scope. That
    is the state of the narrowest circle that has one of its own by then and is open to it."""
    circles = open_to(visibility)
    told = []
    for n, circle in enumerate(circles, start=1):
        narrower = ", ".join(f"'{one}'" for one in circles[n:])
        unless = (
            " AND NOT EXISTS (SELECT 1 FROM scope n WHERE n.status = s.status AND n.kind = s.kind"
            f" AND n.scope = s.scope AND n.visibility IN ({narrower}) AND n.since <= :known)"
        )
        begun = "" if circle == "public" else " AND s.since <= :known"
        told.append(f"s.visibility = '{circle}'{begun}{unless if narrower else ''}")
    return f"({' OR '.join(told)})"


def _log_position(
    connection: Connection, known_at: datetime | None, visibility: Visibility = "isut"
) -> tuple[int, int]:
    """(bulletin id, recorded time) of the last bulletin recorded at or before `known_at` (None: now).

    The time is that of the last one that a circle may see; the id counts all of them, for one that replaces what was
    public by mistake is not public itself.
    """
    b, s = schema.bulletin, schema.scope
    query = (
        sa.select(b.c.id, b.c.recorded_at, s.c.visibility)
        .join_from(b, s, s.c.id == b.c.scope_id)
        .order_by(b.c.id.desc())
        .limit(1)
    )
    if known_at is not None:
        query = query.where(b.c.recorded_at <= instant(known_at))
    last = connection.execute(query).first()
    if last is None or last.visibility in open_to(visibility):
        return (0, 0) if last is None else (last.id, last.recorded_at)
    shown = connection.execute(query.where(s.c.visibility.in_(open_to(visibility)))).first()
    return last.id, 0 if shown is None else shown.recorded_at


def position_at(connection: Connection, known_at: datetime | None) -> int:
    """The position in the log up to which everything was known at a time (None: now)."""
    return _log_position(connection, known_at)[0]


def _box(bbox: tuple[float, float, float, float]) -> dict[str, float]:
    return dict(zip(("west", "south", "east", "north"), bbox, strict=True))


def columns_of(connection: Connection, more: str = "") -> str:
    return (
        "SELECT r.id, r.item_id, s.scope, r.muni_code, r.props,"
        f" {dialect.geometry_column(connection)} AS geom, r.stated_by, r.opened_by, r.position,"
        f" r.valid_from{more} FROM scope s JOIN revision r ON r.scope_id = s.id"
    )


def items(
    store: Store,
    kind: str,
    *,
    valid_at: datetime,
    known_at: datetime | None = None,
    muni: str | Collection[str] | None = None,
    bbox: tuple[float, float, float, float] | None = None,
    status: Status = "actual",
    visibility: Visibility = "public",
    since: datetime | None = None,
) -> RevisionTable:
    """Items of a kind as they were true at `valid_at` and known at `known_at` (None: all that is recorded), as a
    circle of readers may see them.

    `muni` is a 5-digit code or several, `bbox` is west, south, east, north in degrees: with either, all statements of
    the items of which one is of these municipalities, or touches the box (by its own box). Ordered by item id.
    With `since`, those that were true at some time from then to `valid_at`, both included, as they were last in it.
    The result's `known_at` is the recording time of the last bulletin that it takes into account.
    """
    where = [SEEN if since is None else _HELD_SINCE, "s.kind = :kind", "s.status = :status", visible_to(visibility)]
    bound: dict[str, Any] = {"kind": kind, "status": status, "valid": instant(valid_at)}
    if since is not None:
        bound["since"] = instant(since)
    there: dict[str, str] = {}  # what makes an item one that is wanted, as a column of each of its statements
    if muni is not None:
        there["of_muni"] = "{}.muni_code IN :muni"
        bound["muni"] = [muni] if isinstance(muni, str) else sorted(muni)
    with store.engine.connect() as connection:
        bound["known"], recorded = _log_position(connection, known_at, visibility)
        if bbox is not None:
            there["touches"] = dialect.in_box(connection, "{}")
            bound |= _box(bbox)
        where += [
            f"r.item_id IN (SELECT q.item_id FROM revision q WHERE {predicate.format('q')})"
            for predicate in there.values()
        ]
        marks = "".join(f", ({predicate.format('r')}) AS {name}" for name, predicate in there.items())
        query = (
            f"{columns_of(connection, marks)} WHERE {' AND '.join(where)}"
            f" ORDER BY {dialect.bytewise(connection, 'r.item_id')}, r.id"
        )
        statement = sa.text(query)
        if muni is not None:
            statement = statement.bindparams(sa.bindparam("muni", expanding=True, type_=sa.Text()))
        rows = connection.execute(statement, bound).fetchall()
        if since is not None:  # one item may have had several contents in the time
            last = {(row.scope, row.item_id): row for row in sorted(rows, key=lambda row: (row.valid_from, row.id))}
            rows = [row for row in rows if last[row.scope, row.item_id] is row]
        for name in there:
            wanted = {row.item_id for row in rows if getattr(row, name)}
            rows = [row for row in rows if row.item_id in wanted]
        return table_of_rows(connection, rows, kind, status, valid_at, recorded)


_PORTION = 32 * 1024**2
_ROWS = 100
_ITEM = 500  # bytes of an item without its geometry, roughly


def portions(
    store: Store,
    kind: str,
    *,
    valid_at: datetime,
    known_at: datetime | None = None,
    bbox: tuple[float, float, float, float],
    status: Status = "actual",
) -> Iterator[RevisionTable]:
    """The items in a box, and those without a geometry, some 32 MB at a time: a hazard map may be larger than memory.

    As `items` otherwise, and what is public alone; ordered by revision, and read while the portions before it are
    worked on.
    """
    bound: dict[str, Any] = {"kind": kind, "status": status, "valid": instant(valid_at), **_box(bbox)}
    streaming = store.engine.connect().execution_options(stream_results=True, max_row_buffer=100)
    with streaming as connection:
        bound["known"], recorded = _log_position(connection, known_at, "public")
        # Two questions: as one, the embedded store would walk through the geometry of the whole kind.
        for place in (dialect.in_box(connection), "r.geom IS NULL"):
            query = f"{columns_of(connection)} WHERE {place} AND s.kind = :kind AND s.status = :status AND {SEEN}"
            query += f" AND {visible_to('public')}"
            result = connection.execute(sa.text(f"{query} ORDER BY r.id"), bound)
            some: list[Any] = []
            size = 0
            while rows := result.fetchmany(_ROWS):
                some += rows
                size += sum(_ITEM + len(row.geom or b"") for row in rows)
                if size > _PORTION:
                    yield table_of_rows(connection, some, kind, status, valid_at, recorded)
                    some, size = [], 0
            if some:
                yield table_of_rows(connection, some, kind, status, valid_at, recorded)


def table_of_rows(
    connection: Connection, rows: Sequence[Any], kind: str, status: Status, valid_at: datetime, recorded: int
) -> RevisionTable:
    """Rows of id, item_id, scope, muni_code, props, geom, stated_by, opened_by, position as columns."""
    said = _bulletins(connection, {row[6] for row in rows} | {row[7] for row in rows})
    geometry = [dialect.geometry_out(connection, row[5]) for row in rows]
    stated = [said[row[6]] for row in rows]
    return RevisionTable(
        kind=kind,
        status=status,
        valid_at=valid_at,
        known_at=moment(recorded),
        revision=[row[0] for row in rows],
        item_id=[row[1] for row in rows],
        scope=[row[2] for row in rows],
        muni_code=[row[3] for row in rows],
        props=[row[4] for row in rows],
        geometry=geometry,
        source=[b["feed"] for b in stated],
        issuer=[b["issuer"] for b in stated],
        issued_at=[b["issued_at"] for b in stated],
        recorded_at=[said[row[7]]["recorded_at"] for row in rows],
        bulletin_type=[b["bulletin_type"] for b in stated],
        serial=[b["serial"] for b in stated],
        document=[b["name"] for b in stated],
        position=[row[8] for row in rows],
    )


_SIGHTED = (
    "SELECT * FROM (SELECT r.id, r.item_id, s.scope, r.muni_code, r.props, {geometry} AS geom, r.stated_by,"
    " r.opened_by, r.position, min(r.valid_from) OVER (PARTITION BY r.item_id) AS since,"
    " CASE WHEN r.closed_by <= :known THEN r.valid_to END AS ended, r.expires_at,"
    " row_number() OVER (PARTITION BY r.item_id ORDER BY r.valid_from DESC, r.id DESC) AS place"
    " FROM scope s JOIN revision r ON r.scope_id = s.id WHERE {where}) seen WHERE place = 1 ORDER BY {order}"
)


def sightings(
    store: Store,
    kind: str,
    *,
    valid_at: datetime,
    known_at: datetime | None = None,
    muni: str | Collection[str] | None = None,
    uncoded_in: tuple[float, float, float, float] | None = None,
    status: Status = "actual",
    visibility: Visibility = "public",
) -> Sightings:
    """Every item of a kind that was ever stated to a circle of readers, as known at `known_at` (None: now), with its
    last content.

    What was withdrawn was never there. A statement about a time after `valid_at` counts too: what is asked is which
    things exist, not what held. With `muni` (5-digit codes) also `uncoded_in`, a box, takes those in it that state no
    municipality. Ordered by item id.
    """
    where = ["s.kind = :kind", "s.status = :status", "r.opened_by <= :known", _NOT_RETIRED, visible_to(visibility)]
    bound: dict[str, Any] = {"kind": kind, "status": status}
    with store.engine.connect() as connection:
        if muni is not None:
            bound["muni"] = [muni] if isinstance(muni, str) else sorted(muni)
            wanted = "r.muni_code IN :muni"
            if uncoded_in is not None:
                wanted = f"({wanted} OR (r.muni_code IS NULL AND {dialect.in_box(connection)}))"
                bound |= _box(uncoded_in)
            where.append(wanted)
        bound["known"], recorded = _log_position(connection, known_at, visibility)
        statement = sa.text(
            _SIGHTED.format(
                geometry=dialect.geometry_column(connection),
                where=" AND ".join(where),
                order=dialect.bytewise(connection, "item_id"),
            )
        )
        if muni is not None:
            statement = statement.bindparams(sa.bindparam("muni", expanding=True, type_=sa.Text()))
        rows = connection.execute(statement, bound).fetchall()
        table = table_of_rows(connection, rows, kind, status, valid_at, recorded)
    return Sightings(table, [moment(row[9]) for row in rows], [_first(row[10], row[11]) for row in rows])


def _bulletins(connection: Connection, ids: Iterable[int]) -> dict[int, dict[str, Any]]:
    b, d = schema.bulletin, schema.document
    columns = [
        b.c.id,
        b.c.issuer,
        b.c.issued_at,
        b.c.issued_offset_min,
        b.c.recorded_at,
        b.c.bulletin_type,
        b.c.serial,
        b.c.parser,
        b.c.parser_version,
        d.c.feed,
        d.c.sha256,
        d.c.url,
        d.c.name,
        d.c.fetched_at,
    ]
    found: dict[int, dict[str, Any]] = {}
    wanted = sorted(ids)
    for start in range(0, len(wanted), 450):
        chunk = wanted[start : start + 450]
        query = sa.select(*columns).join_from(b, d, d.c.id == b.c.document_id).where(b.c.id.in_(chunk))
        for row in connection.execute(query):
            found[row.id] = {
                **row._mapping,
                "issued_at": moment(row.issued_at, row.issued_offset_min),
                "recorded_at": moment(row.recorded_at),
                "fetched_at": moment(row.fetched_at),
            }
    return found


_ALL = 2**62
_HISTORY = (
    "SELECT r.id, r.item_id, s.scope, s.status, s.visibility, r.muni_code, r.props, r.position, r.expires_at,"
    " r.valid_from, r.valid_to, r.stated_by, r.opened_by, r.closed_by, r.retired_by"
    " FROM revision r JOIN scope s ON s.id = r.scope_id"
)


def _first(*instants: int | None) -> datetime | None:
    """The earliest of some instants, None where there is none: a thing ends when it is ended or when it expires."""
    known = [one for one in instants if one is not None]
    return moment(min(known)) if known else None


def _revisions(store: Store, where: str, bound: dict[str, Any]) -> list[dict[str, Any]]:
    bound["known"] = _ALL
    with store.engine.connect() as connection:
        rows = connection.execute(sa.text(f"{_HISTORY} WHERE {where} ORDER BY r.opened_by, r.id"), bound).fetchall()
        ids = {n for row in rows for n in (row.stated_by, row.opened_by, row.closed_by, row.retired_by) if n}
        said = _bulletins(connection, ids)
    return [
        {
            "revision": row.id,
            "id": row.item_id,
            "scope": row.scope,
            "status": row.status,
            "visibility": row.visibility,
            "muni_code": row.muni_code,
            "props": row.props,
            "valid_from": moment(row.valid_from),
            "valid_to": _first(row.valid_to, row.expires_at),
            "known_from": said[row.opened_by]["recorded_at"],
            "end_known_from": said[row.closed_by]["recorded_at"] if row.closed_by else None,
            "known_to": said[row.retired_by]["recorded_at"] if row.retired_by else None,
            "position": row.position,
            **{
                name: said[row.stated_by][name]
                for name in (
                    "issuer",
                    "issued_at",
                    "bulletin_type",
                    "serial",
                    "feed",
                    "sha256",
                    "url",
                    "name",
                    "fetched_at",
                    "parser",
                    "parser_version",
                )
            },
        }
        for row in rows
    ]


def history(store: Store, kind: str, item_id: str, visibility: Visibility = "public") -> list[dict[str, Any]]:
    """Every revision of one thing that a circle of readers may see, all statuses, in the order in which they were
    recorded, with provenance. `visibility` in it is the circle whose state the revision belongs to."""
    where = f"r.item_id = :item_id AND s.kind = :kind AND {visible_to(visibility)}"
    return _revisions(store, where, {"item_id": item_id, "kind": kind})


def trace(store: Store, revision: int, visibility: Visibility = "public") -> dict[str, Any] | None:
    """One revision by its number, with its provenance; None where there is none, or none for this circle."""
    found = _revisions(store, "r.id = :revision", {"revision": revision})
    return found[0] if found and found[0]["visibility"] in open_to(visibility) else None


def changes(store: Store, after: int = 0, upto: int | None = None, visibility: Visibility = "public") -> list[Change]:
    """What was written after a position in the log, one line an item and bulletin, in order of recording, as a circle
    of readers may see it. The first statement of a scope that is for a narrower circle opens all of the scope to it.
    """
    upto = _ALL if upto is None else upto
    query = (
        "SELECT c.by_id, c.item_id, s.kind, s.status, s.scope, b.recorded_at, max(c.opens) AS opens,"
        " max(c.ends) AS ends FROM ("
        " SELECT id, item_id, scope_id, opened_by AS by_id, 1 AS opens, 0 AS ends FROM revision"
        "  WHERE opened_by > :after AND opened_by <= :upto AND (retired_by IS NULL OR retired_by > opened_by)"
        " UNION ALL SELECT id, item_id, scope_id, closed_by, 0, 1 FROM revision"
        "  WHERE closed_by IS NOT NULL AND closed_by > :after AND closed_by <= :upto AND closed_by > opened_by"
        " UNION ALL SELECT id, item_id, scope_id, retired_by, 0, 1 FROM revision"
        "  WHERE retired_by IS NOT NULL AND retired_by > :after AND retired_by <= :upto AND retired_by > opened_by"
        f") c JOIN scope s ON s.id = c.scope_id JOIN bulletin b ON b.id = c.by_id WHERE {visible_to(visibility)}"
        " GROUP BY c.by_id, c.item_id, s.kind, s.status, s.scope, b.recorded_at"
        " ORDER BY c.by_id, c.item_id, s.scope"
    )
    with store.engine.connect() as connection:
        rows = connection.execute(sa.text(query), {"after": after, "upto": upto, "known": _ALL}).fetchall()
    return [
        Change(
            cursor=row.by_id,
            recorded_at=moment(row.recorded_at),
            op="changed" if row.opens and row.ends else "opened" if row.opens else "closed",
            kind=row.kind,
            status=row.status,
            scope=row.scope,
            item_id=row.item_id,
        )
        for row in rows
    ]


@dataclass(frozen=True, slots=True)
class News:
    """A scope of which something was recorded, or has begun to be true: where its items are.

    `pref` is the prefecture code that they state, None those that state none (a scope may be several of these);
    `bbox` is west, south, east, north, None where no item has a place.
    """

    kind: str
    pref: str | None
    bbox: tuple[float, float, float, float] | None


def news(
    store: Store, kinds: Collection[str], *, after: int, since: datetime | None, until: datetime, status: Status
) -> list[News]:
    """Where there is something new of some kinds for everybody: recorded after a position in the log, or stated for a
    time after `since` and up to `until`."""
    bound: dict[str, Any] = {
        "kinds": sorted(kinds),
        "status": status,
        "after": after,
        "since": instant(until if since is None else since),
        "until": instant(until),
    }
    scopes = (
        "SELECT DISTINCT s.id FROM bulletin b JOIN scope s ON s.id = b.scope_id WHERE s.status = :status"
        " AND s.visibility = 'public' AND s.kind IN :kinds"
        " AND (b.id > :after OR (b.issued_at > :since AND b.issued_at <= :until))"
    )
    in_kinds = sa.bindparam("kinds", expanding=True, type_=sa.Text())
    found: list[News] = []
    with store.engine.connect() as connection:
        ids = list(connection.execute(sa.text(scopes).bindparams(in_kinds), bound).scalars())
        grouped = sa.text(
            f"SELECT s.kind, substr(r.muni_code, 1, 2) AS pref, {dialect.extent(connection)}"
            " WHERE s.id IN :ids GROUP BY s.id, s.kind, substr(r.muni_code, 1, 2)"
        ).bindparams(sa.bindparam("ids", expanding=True, type_=sa.BigInteger()))
        for start in range(0, len(ids), 450):
            for kind, pref, *box in connection.execute(grouped, {"ids": ids[start : start + 450]}):
                found.append(News(kind, pref, None if box[0] is None else tuple(box)))
    return found


def last_statement(
    store: Store, kind: str, bbox: tuple[float, float, float, float], *, until: datetime, status: Status
) -> tuple[datetime, int] | None:
    """When the newest public statement was made (up to `until`), and which was recorded last (its position in the
    log), of the public scopes that have had an item of a kind in a box; None where there is none."""
    with store.engine.connect() as connection:
        query = (
            "SELECT max(CASE WHEN b.issued_at <= :until THEN b.issued_at END), max(b.id) FROM bulletin b"
            " WHERE b.scope_id IN (SELECT DISTINCT s.id FROM scope s JOIN revision r ON r.scope_id = s.id"
            " WHERE s.kind = :kind AND s.status = :status AND s.visibility = 'public'"
            f" AND {dialect.in_box(connection)})"
        )
        bound = {"kind": kind, "status": status, "until": instant(until), **_box(bbox)}
        newest, last = connection.execute(sa.text(query), bound).one()
    return None if newest is None else (moment(newest), int(last))


def current_counts(
    store: Store, keys: Sequence[tuple[Status, str, str, Visibility]]
) -> dict[tuple[Status, str, str, Visibility], int]:
    """How many items each (status, kind, scope) holds open now for a circle; scopes that are unknown to it are left
    out."""
    s, r = schema.scope, schema.revision
    live = sa.and_(r.c.scope_id == s.c.id, r.c.closed_by.is_(None), r.c.retired_by.is_(None))
    held: dict[tuple[Status, str, str, Visibility], int] = {}
    names = sorted({scope for _, _, scope, _ in keys})
    with store.engine.connect() as connection:
        for start in range(0, len(names), 450):
            query = (
                sa.select(s.c.status, s.c.kind, s.c.scope, s.c.visibility, sa.func.count(r.c.id))
                .join_from(s, r, live, isouter=True)
                .where(s.c.scope.in_(names[start : start + 450]))
                .group_by(s.c.status, s.c.kind, s.c.scope, s.c.visibility)
            )
            for *key, n in connection.execute(query):
                held[tuple(key)] = n
    found = {}
    for status, kind, scope, visibility in keys:
        for circle in reversed(open_to(visibility)):  # the narrowest that has a state of its own
            if (status, kind, scope, circle) in held:
                found[(status, kind, scope, visibility)] = held[(status, kind, scope, circle)]
                break
    return found


def last_bulletins_at(
    store: Store, status: Status = "actual", visibility: Visibility = "public"
) -> dict[str, datetime]:
    """Issue time of the newest bulletin that came from each feed and that a circle of readers may see. One reading of
    the log for all feeds: asked feed by feed it was most of what the state of the feeds cost."""
    b, d, s = schema.bulletin, schema.document, schema.scope
    query = (
        sa.select(d.c.feed, sa.func.max(b.c.issued_at))
        .join_from(b, d, d.c.id == b.c.document_id)
        .join(s, s.c.id == b.c.scope_id)
        .where(s.c.status == status, s.c.visibility.in_(open_to(visibility)))
        .group_by(d.c.feed)
    )
    with store.engine.connect() as connection:
        return {feed: moment(newest) for feed, newest in connection.execute(query)}


def borrowed_geometry(
    store: Store,
    kind: str,
    valid_at: datetime,
    known_at: datetime | None,
    status: Status,
    muni_codes: Collection[str],
    visibility: Visibility = "public",
) -> dict[str, bytes]:
    """Municipality code → WKB of the items of a kind that carry geometry, for layers that borrow it."""
    table = items(
        store, kind, valid_at=valid_at, known_at=known_at, status=status, muni=muni_codes, visibility=visibility
    )
    return {
        code: wkb
        for code, wkb in zip(table.muni_code, table.geometry, strict=True)
        if code is not None and wkb is not None
    }


def log_position(
    store: Store, visibility: Visibility = "public", *, known_at: datetime | None = None
) -> tuple[int, datetime | None]:
    """(cursor, recording time) of the newest bulletin known at a time (None: now); (0, None) where there was none.
    The
    cursor counts all bulletins, the time is that of the newest that a circle of readers may see."""
    with store.engine.connect() as connection:
        cursor, recorded = _log_position(connection, known_at, visibility)
    return cursor, None if recorded == 0 else moment(recorded)


def moments(store: Store, status: Status, since: datetime) -> list[tuple[datetime, datetime]]:
    """The minutes in which something public was issued (first) and recorded (second), each pair once, from a time of
    issue on."""
    b, s = schema.bulletin, schema.scope
    minute = 60_000_000
    issued, recorded = b.c.issued_at // minute * minute, b.c.recorded_at // minute * minute
    query = (
        sa.select(issued, recorded)
        .distinct()
        .join_from(b, s, s.c.id == b.c.scope_id)
        .where(s.c.status == status, s.c.visibility == "public", b.c.issued_at >= instant(since))
        .order_by(issued, recorded)
    )
    with store.engine.connect() as connection:
        return [(moment(one), moment(two)) for one, two in connection.execute(query)]


def last_of_scope(store: Store, kind: str, scope: str, status: Status) -> datetime | None:
    """When the newest public statement of a scope was made; None where there is none."""
    b, s = schema.bulletin, schema.scope
    query = (
        sa.select(sa.func.max(b.c.issued_at))
        .join_from(s, b, b.c.scope_id == s.c.id)
        .where(s.c.scope == scope, s.c.kind == kind, s.c.status == status, s.c.visibility == "public")
    )
    with store.engine.connect() as connection:
        found = connection.execute(query).scalar_one()
    return None if found is None else moment(found)


def newest(store: Store, kinds: Collection[str], status: Status) -> int:
    """The position in the log of the last public bulletin of some kinds; 0 where there is none."""
    b, s = schema.bulletin, schema.scope
    query = (
        sa.select(sa.func.coalesce(sa.func.max(b.c.id), 0))
        .join_from(s, b, b.c.scope_id == s.c.id)
        .where(s.c.kind.in_(sorted(kinds)), s.c.status == status, s.c.visibility == "public")
    )
    with store.engine.connect() as connection:
        return int(connection.execute(query).scalar_one())


def has_status(store: Store, status: Status, visibility: Visibility = "isut") -> bool:
    """True once anything was recorded with this status that a circle of readers may see (default: all of them)."""
    s = schema.scope
    wanted = sa.select(s.c.id).where(s.c.status == status, s.c.visibility.in_(open_to(visibility))).limit(1)
    with store.engine.connect() as connection:
        return connection.execute(wanted).first() is not None
