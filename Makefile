# Everything needs only Python 3.11, make and git; .venv is made on first use.
PYTHON ?= python3
BIN := .venv/bin
.DEFAULT_GOAL := help
.PHONY: help demo run test lint bench format

help:  ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "make %-8s %s\n", $$1, $$2}'

.venv.stamp: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

demo: .venv.stamp  ## the main job, end to end, in a temporary folder, checked against the providers' own count
	$(BIN)/ums demo

run: .venv.stamp  ## the service, staying up, with the sandbox for providers
	$(BIN)/ums up --sandbox

test: .venv.stamp  ## all tests
	$(BIN)/pytest -n 2 --dist loadgroup

lint: .venv.stamp  ## format, lint, types, import rules
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: .venv.stamp  ## rewrite the code in the house's format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: .venv.stamp  ## measure, each against its bare floor
	for script in bench/bench_*.py; do $(BIN)/python $$script || exit 1; done
