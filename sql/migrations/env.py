"""Alembic runs inside the transaction that `bousai.store.prepare` opened; there is no other way to run it."""

from alembic import context

from bousai.store.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
