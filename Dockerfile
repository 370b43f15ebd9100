# Airflow's own image with bousai and its locked dependencies inside.
FROM apache/airflow:3.3.2-python3.11

USER root
RUN install -d -o airflow -g 0 /opt/bousai /opt/bousai/var /opt/bousai/var/airflow
USER airflow
WORKDIR /opt/bousai

COPY --chown=airflow:0 requirements.lock ./
RUN pip install --no-cache-dir --require-hashes -r requirements.lock

COPY --chown=airflow:0 pyproject.toml README.md LICENSE ./
COPY --chown=airflow:0 src src
COPY --chown=airflow:0 sql sql
COPY --chown=airflow:0 config config
COPY --chown=airflow:0 dags dags
RUN pip install --no-cache-dir --no-deps --no-index --no-build-isolation --editable .
