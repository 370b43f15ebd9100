"""The first tables: documents, scopes, bulletins, revisions, receipts, issues, publications.

Revision ID: 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


class _PostgisGeometry(sa.types.UserDefinedType):
    cache_ok = True

    def get_col_spec(self, **_):
        return "geometry(Geometry,4326)"


# OGC 12-128r19 (GeoPackage 1.3.1): the tables that make GIS programs see this file, clauses 1.1.2, 1.1.3, 2.1.5.
_GEOPACKAGE = """
PRAGMA application_id = 1196444487;
PRAGMA user_version = 10301;
CREATE TABLE gpkg_spatial_ref_sys (
  srs_name TEXT NOT NULL, srs_id INTEGER PRIMARY KEY, organization TEXT NOT NULL,
  organization_coordsys_id INTEGER NOT NULL, definition TEXT NOT NULL, description TEXT);
INSERT INTO gpkg_spatial_ref_sys VALUES
  ('Undefined Cartesian', -1, 'NONE', -1, 'undefined', NULL),
  ('Undefined geographic', 0, 'NONE', 0, 'undefined', NULL),
  ('WGS 84 geodetic', 4326, 'EPSG', 4326,
   'GEOGCS["WGS 84",DATUM["WGS_1984",SPHEROID["WGS 84",6378137,298.257223563,AUTHORITY["EPSG","7030"]],'
   || 'AUTHORITY["EPSG","6326"]],PRIMEM["Greenwich",0,AUTHORITY["EPSG","8901"]],'
   || 'UNIT["degree",0.0174532925199433,AUTHORITY["EPSG","9122"]],AXIS["Latitude",NORTH],'
   || 'AXIS["Longitude",EAST],AUTHORITY["EPSG","4326"]]', NULL);
CREATE TABLE gpkg_contents (
  table_name TEXT NOT NULL PRIMARY KEY, data_type TEXT NOT NULL, identifier TEXT UNIQUE, description TEXT DEFAULT '',
  last_change DATETIME NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ','now')),
  min_x DOUBLE, min_y DOUBLE, max_x DOUBLE, max_y DOUBLE, srs_id INTEGER);
CREATE TABLE gpkg_geometry_columns (
  table_name TEXT NOT NULL, column_name TEXT NOT NULL, geometry_type_name TEXT NOT NULL, srs_id INTEGER NOT NULL,
  z TINYINT NOT NULL, m TINYINT NOT NULL, CONSTRAINT pk_geom_cols PRIMARY KEY (table_name, column_name),
  CONSTRAINT uk_gc_table_name UNIQUE (table_name));
CREATE VIRTUAL TABLE rtree_revision_geom USING rtree(id, minx, maxx, miny, maxy);
INSERT INTO gpkg_contents (table_name, data_type, identifier, description)
  VALUES ('document', 'attributes', 'document', 'Every document that was received, with its SHA-256 and outcome');
"""


def upgrade() -> None:
    sqlite = op.get_bind().dialect.name == "sqlite"
    big = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    geometry = sa.LargeBinary().with_variant(_PostgisGeometry(), "postgresql")
    if not sqlite:
        op.execute("CREATE EXTENSION IF NOT EXISTS postgis")
    op.create_table(
        "document",
        sa.Column("id", big, autoincrement=False, nullable=False),
        sa.Column("feed", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("size", big, nullable=False),
        sa.Column("taint", sa.Text(), nullable=False),
        sa.Column("fetched_at", big, nullable=False, comment="first seen"),
        sa.Column("seen_at", big, nullable=False, comment="last seen"),
        sa.Column("dated_at", big, nullable=True, comment="time of the content where the format has none"),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=True),
        sa.Column("remedy", sa.Text(), nullable=True),
        sa.Column("ingested_at", big, nullable=True),
        sa.Column("item_count", big, nullable=True, comment="items in it, when it was last stored"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("feed", "sha256", name="document_of_feed"),
    )
    op.create_index("document_outcome", "document", ["feed", "outcome"], unique=False)
    op.create_index("document_url", "document", ["url"], unique=False)
    op.create_table(
        "publication",
        sa.Column("tree", sa.Text(), nullable=False),
        sa.Column("layer", sa.Text(), nullable=False),
        sa.Column("cursor", big, nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("published_at", big, nullable=False),
        sa.PrimaryKeyConstraint("tree", "layer"),
    )
    op.create_table(
        "receipt",
        sa.Column("id", big, autoincrement=False, nullable=False),
        sa.Column("feed", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("requested_at", big, nullable=False),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("http_status", sa.Integer(), nullable=True),
        sa.Column("size", big, nullable=True),
        sa.Column("sha256", sa.Text(), nullable=True),
        sa.Column("error_code", sa.Text(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("etag", sa.Text(), nullable=True),
        sa.Column("last_modified", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("receipt_feed", "receipt", ["feed", "requested_at"], unique=False)
    op.create_index("receipt_url", "receipt", ["url", "requested_at"], unique=False)
    op.create_table(
        "revision",
        sa.Column("id", big, autoincrement=False, nullable=False),
        sa.Column("scope_id", big, nullable=False),
        sa.Column("item_id", sa.Text(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("muni_code", sa.Text(), nullable=True),
        sa.Column("props", sa.Text(), nullable=False),
        sa.Column("geom", geometry, nullable=True),
        sa.Column("expires_at", big, nullable=True),
        sa.Column("position", sa.Text(), nullable=False),
        sa.Column("valid_from", big, nullable=False),
        sa.Column("valid_to", big, nullable=True),
        sa.Column("stated_by", big, nullable=False, comment="the bulletin that says it"),
        sa.Column("opened_by", big, nullable=False, comment="the bulletin whose arrival made us write it"),
        sa.Column("closed_by", big, nullable=True),
        sa.Column("retired_by", big, nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "revision_closed",
        "revision",
        ["closed_by"],
        unique=False,
        sqlite_where=sa.text("closed_by IS NOT NULL"),
        postgresql_where=sa.text("closed_by IS NOT NULL"),
    )
    op.create_index("revision_item", "revision", ["scope_id", "item_id"], unique=False)
    op.create_index(
        "revision_retired",
        "revision",
        ["retired_by"],
        unique=False,
        sqlite_where=sa.text("retired_by IS NOT NULL"),
        postgresql_where=sa.text("retired_by IS NOT NULL"),
    )
    op.create_table(
        "scope",
        sa.Column("id", big, autoincrement=False, nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("head", sa.Text(), nullable=True, comment="order key of the newest bulletin"),
        sa.Column(
            "state_by",
            big,
            nullable=True,
            comment="the bulletin whose members are just what is open now, if there is one",
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("status", "kind", "scope", name="scope_once"),
    )
    op.create_table(
        "bulletin",
        sa.Column("id", big, autoincrement=False, nullable=False),
        sa.Column("scope_id", big, nullable=False),
        sa.Column("document_id", big, nullable=False),
        sa.Column("order_key", sa.Text(), nullable=False),
        sa.Column("msg_type", sa.Text(), nullable=False),
        sa.Column("complete", sa.Boolean(), nullable=False),
        sa.Column("issued_at", big, nullable=False),
        sa.Column("issued_offset_min", sa.Integer(), nullable=False, comment="offset of the source's clock, minutes"),
        sa.Column("sent_at", big, nullable=True),
        sa.Column("serial", sa.Text(), nullable=True),
        sa.Column("source_event_id", sa.Text(), nullable=False),
        sa.Column("bulletin_type", sa.Text(), nullable=False),
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("parser", sa.Text(), nullable=False),
        sa.Column("parser_version", sa.Text(), nullable=False),
        sa.Column("recorded_at", big, nullable=False),
        sa.Column("replaced_by", big, nullable=True, comment="the same document, read by a better parser"),
        sa.Column("item_count", sa.Integer(), nullable=False),
        sa.Column("members", sa.LargeBinary(), nullable=False, comment="the items it states, see encode.pack"),
        sa.ForeignKeyConstraint(
            ["document_id"],
            ["document.id"],
        ),
        sa.ForeignKeyConstraint(
            ["scope_id"],
            ["scope.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("scope_id", "order_key", name="bulletin_once"),
    )
    op.create_index("bulletin_recorded", "bulletin", ["recorded_at"], unique=False)
    op.create_table(
        "issue",
        sa.Column("id", big, autoincrement=False, nullable=False),
        sa.Column("feed", sa.Text(), nullable=False),
        sa.Column("document_id", big, nullable=True),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("remedy", sa.Text(), nullable=False),
        sa.Column("position", sa.Text(), nullable=False),
        sa.Column(
            "stale", sa.Text(), nullable=False, comment="layers that are not fresh because of it, space separated"
        ),
        sa.Column("raised_at", big, nullable=False),
        sa.Column("seen_at", big, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["document_id"],
            ["document.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("fingerprint"),
    )
    if sqlite:
        for statement in _GEOPACKAGE.split(";\n"):
            if statement.strip():
                op.get_bind().exec_driver_sql(statement)
    else:
        op.create_index("revision_geom", "revision", ["geom"], postgresql_using="gist")
