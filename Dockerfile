# Airflow's own image with bousai, its locked dependencies and the browser libraries of the map page inside.
FROM node:22.20-bookworm-slim AS browser
WORKDIR /web
COPY web/package.json web/package-lock.json web/.npmrc ./
RUN npm ci --omit=dev

FROM apache/airflow:3.3.2-python3.11

USER root
RUN install -d -o airflow -g 0 /opt/bousai /opt/bousai/var /opt/bousai/var/airflow
USER airflow
WORKDIR /opt/bousai

COPY --chown=airflow:0 requirements.lock ./
RUN pip install --no-cache-dir --require-hashes -r requirements.lock

COPY --chown=airflow:0 pyproject.toml README.md LICENSE ./
COPY --chown=airflow:0 src src
COPY --from=browser --chown=airflow:0 /web/node_modules/maplibre-gl/dist/maplibre-gl.js \
    /web/node_modules/maplibre-gl/dist/maplibre-gl.css /web/node_modules/pmtiles/dist/pmtiles.js src/bousai/serve/page/vendor/
COPY --from=browser --chown=airflow:0 /web/node_modules/maplibre-gl/LICENSE.txt \
    src/bousai/serve/page/vendor/maplibre-gl.LICENSE.txt
COPY --chown=airflow:0 sql sql
COPY --chown=airflow:0 config config
COPY --chown=airflow:0 dags dags
COPY --chown=airflow:0 plugins plugins
RUN pip install --no-cache-dir --no-deps --no-index --no-build-isolation --editable .
