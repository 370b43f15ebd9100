# What one types here. Every target sets up what it needs first.
# Variables: PYTHON (an interpreter of 3.11-3.13), DATA (a folder of real feed files), JOBS (test processes);
# of `make up`: HOST, AIRFLOW_PORT, PORT (where it listens).
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help setup up demo test check goldens bench lock
.NOTPARALLEL:

PYTHON ?=
export PYTHON
DATA ?=
JOBS ?= 2
HOST ?=
AIRFLOW_PORT ?=
PORT ?=
BIN := .venv/bin

help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

setup: ## make the virtual environment .venv from requirements.lock (done by every other target)
	@scripts/setup.sh

up: setup ## run the whole system on this machine until Ctrl-C (HOST, AIRFLOW_PORT, PORT: where it listens)
	@exec $(BIN)/bousai up $(if $(HOST),--host "$(HOST)") $(if $(AIRFLOW_PORT),--airflow-port "$(AIRFLOW_PORT)") \
		$(if $(PORT),--port "$(PORT)")

demo: setup ## the whole job once: feeds -> store -> layers, through the Airflow DAGs (DATA=folder: real files)
	@$(BIN)/python scripts/demo.py $(if $(DATA),--data "$(DATA)")

test: setup ## run all tests
	@$(BIN)/pytest -n $(JOBS) --dist loadgroup

check: setup ## lint, format, types (Python and scripts of the page), import contracts, lock, compose file
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yml
	cd web && PATH="$$PATH:$(CURDIR)/$(BIN)" node_modules/.bin/biome ci --error-on-warnings --config-path=. ../src/bousai/serve/page ../src/bousai/board/page ../src/bousai/report/report.js
	cd web && PATH="$$PATH:$(CURDIR)/$(BIN)" node_modules/.bin/tsc -p tsconfig.json
	$(BIN)/pytest tests/test_lock.py tests/test_repository.py

goldens: setup ## write the expected outputs of the tests and the tables of the READMEs anew
	@$(BIN)/python scripts/goldens.py

bench: setup ## run every benchmark and print one table
	@$(BIN)/python scripts/bench.py

lock: setup ## resolve requirements.lock anew from pyproject.toml (needs the network)
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
		--extra airflow --extra celery --extra s3 --group dev --output-file requirements.lock pyproject.toml
