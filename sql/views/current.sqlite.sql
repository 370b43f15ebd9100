DROP VIEW IF EXISTS "{layer}";
CREATE VIEW "{layer}" AS
SELECT
    r.id AS fid,
    r.geom AS geom,
    r.item_id AS id,
    r.muni_code AS muni_code,
    d.feed AS source,
    b.issuer AS issuer,
    strftime('%Y-%m-%dT%H:%M:%SZ', b.issued_at / 1000000, 'unixepoch') AS issued_at,
    strftime('%Y-%m-%dT%H:%M:%SZ', o.recorded_at / 1000000, 'unixepoch') AS recorded_at,
    s.status AS status{columns}
FROM revision r
JOIN scope s ON s.id = r.scope_id
JOIN bulletin b ON b.id = r.stated_by
JOIN bulletin o ON o.id = r.opened_by
JOIN document d ON d.id = b.document_id
WHERE s.kind = '{kind}' AND s.status = 'actual' AND s.visibility = 'public' AND r.retired_by IS NULL
  AND r.valid_from <= CAST(strftime('%s', 'now') AS INTEGER) * 1000000
  AND (r.valid_to IS NULL OR r.valid_to > CAST(strftime('%s', 'now') AS INTEGER) * 1000000)
  AND (r.expires_at IS NULL OR r.expires_at > CAST(strftime('%s', 'now') AS INTEGER) * 1000000);
DELETE FROM gpkg_geometry_columns WHERE table_name = '{layer}';
DELETE FROM gpkg_contents WHERE table_name = '{layer}';
INSERT INTO gpkg_contents (table_name, data_type, identifier, description, srs_id)
VALUES ('{layer}', 'features', '{layer}', '{title}', 4326);
INSERT INTO gpkg_geometry_columns (table_name, column_name, geometry_type_name, srs_id, z, m)
VALUES ('{layer}', 'geom', 'GEOMETRY', 4326, 0, 0);
