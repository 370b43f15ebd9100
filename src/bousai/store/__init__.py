"""The store: bulletins in, the state of the world at any time and as known at any time out.

In: normalised `Bulletin`s with `Provenance`. Out: `RevisionTable`s, histories, an ordered change log.
May use: `model`, `settings`, `errors`. Never: decides what a value means; deletes or rewrites the past.
The only SQL of the project is here; SQLite laid out as a GeoPackage and PostgreSQL + PostGIS differ only
in `dialect`. `fold` holds the meaning (pure), `write` and `read` make it fast, `ledger` keeps receipts,
documents, issues and publications, `spool` statements that wait to be written. Add here: a table with its
migration in sql/migrations, a question with its query in `read`. Tests: tests/store.
"""

from bousai.store.endings import endings
from bousai.store.engine import Store, open_store, prepare
from bousai.store.ledger import (
    Document,
    add_issues,
    documents,
    failed_receipts,
    find_document,
    good_times,
    has_document,
    last_item_count,
    last_receipt,
    mark_published,
    open_issues,
    pending_documents,
    published,
    record_document,
    record_receipt,
    refused_documents,
    resolve_issues,
    restate_issues,
    set_outcome,
    stirred,
)
from bousai.store.read import (
    News,
    borrowed_geometry,
    changes,
    current_counts,
    has_status,
    history,
    items,
    last_bulletin_at,
    last_of_scope,
    last_statement,
    log_position,
    moments,
    newest,
    news,
    portions,
    sightings,
    trace,
)
from bousai.store.spool import Statements
from bousai.store.write import apply

__all__ = [
    "Document",
    "News",
    "Statements",
    "Store",
    "add_issues",
    "apply",
    "borrowed_geometry",
    "changes",
    "current_counts",
    "documents",
    "endings",
    "failed_receipts",
    "find_document",
    "good_times",
    "has_document",
    "has_status",
    "history",
    "items",
    "last_bulletin_at",
    "last_item_count",
    "last_of_scope",
    "last_receipt",
    "last_statement",
    "log_position",
    "mark_published",
    "moments",
    "newest",
    "news",
    "open_issues",
    "open_store",
    "pending_documents",
    "portions",
    "prepare",
    "published",
    "record_document",
    "record_receipt",
    "refused_documents",
    "resolve_issues",
    "restate_issues",
    "set_outcome",
    "sightings",
    "stirred",
    "trace",
]
