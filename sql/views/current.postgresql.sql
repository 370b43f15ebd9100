CREATE SCHEMA IF NOT EXISTS published;
DROP VIEW IF EXISTS published."{layer}";
CREATE VIEW published."{layer}" AS
SELECT
    r.id AS fid,
    r.geom AS geom,
    r.item_id AS id,
    r.muni_code AS muni_code,
    d.feed AS source,
    b.issuer AS issuer,
    to_timestamp(b.issued_at / 1000000.0) AS issued_at,
    to_timestamp(o.recorded_at / 1000000.0) AS recorded_at,
    s.status AS status{columns}
FROM revision r
JOIN scope s ON s.id = r.scope_id
JOIN bulletin b ON b.id = r.stated_by
JOIN bulletin o ON o.id = r.opened_by
JOIN document d ON d.id = b.document_id
WHERE s.kind = '{kind}' AND s.status = 'actual' AND s.visibility = 'public' AND r.retired_by IS NULL
  AND r.valid_from <= (extract(epoch FROM now()) * 1000000)::bigint
  AND (r.valid_to IS NULL OR r.valid_to > (extract(epoch FROM now()) * 1000000)::bigint)
  AND (r.expires_at IS NULL OR r.expires_at > (extract(epoch FROM now()) * 1000000)::bigint);
COMMENT ON VIEW published."{layer}" IS '{title}'
