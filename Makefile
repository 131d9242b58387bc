# Two commands matter: `make run` and `make test`. Both need Python 3.11 or newer and nothing else.
SHELL := /bin/sh
VENV := .venv/bin
# Where it is set, every process compiles every module anew: seconds of each start.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help run test test-monitoring check lint types format contract contract-server bench bench-large bench-quality openapi lock clean

help:
	@echo "make run      start the product on http://127.0.0.1:8000 (Ctrl-C stops it)"
	@echo "make test     run the tests"
	@echo "make test-monitoring  install Prometheus, Alertmanager and Zabbix's engine, and run them against the product"
	@echo "make check    everything CI asks: format, lint, types, structure, tests, migrations, contract"
	@echo "make format   put the source into shape"
	@echo "make openapi  write the contract to openapi/"
	@echo "make bench    measure at 10 and 100 thousand tickets"
	@echo "make bench-large  measure the screens at 100 thousand and a million tickets"
	@echo "make bench-quality  measure what is learned against plain methods, on real tickets and articles"
	@echo "make lock     resolve the dependencies anew"
	@echo "make clean    remove what is made, the database included"

run:
	@.ci/make-venv run
	@exec $(VENV)/helpdesk serve

test:
	@.ci/make-venv dev
	@$(VENV)/pytest -n auto

# What needs programs of other people; where they are missing, `make test` skips it or stands in for them.
test-monitoring:
	@.ci/test-monitoring

# What needs no database goes side by side; the tests take all cores by themselves.
check:
	@.ci/make-venv dev
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target lint types contract
	$(VENV)/pytest -n auto

lint:
	@.ci/make-venv dev
	$(VENV)/ruff format --check .
	$(VENV)/ruff check .
	$(VENV)/lint-imports
	$(VENV)/deptry src
	.ci/lint-scripts
	.ci/lint-migrations

types:
	@.ci/make-venv dev
	$(VENV)/mypy

format:
	@.ci/make-venv dev
	$(VENV)/ruff format .
	$(VENV)/ruff check --fix .

contract:
	@.ci/make-venv dev
	tests/contract/run

# Schemathesis against the served application, for a minute.
contract-server:
	@.ci/make-venv dev
	tests/contract/run-server

bench:
	@.ci/make-venv dev
	$(VENV)/python -m tests.bench

bench-large:
	@.ci/make-venv dev
	$(VENV)/python -m tests.bench --large

bench-quality:
	@.ci/make-venv dev
	$(VENV)/python -m tests.quality

openapi:
	@.ci/make-venv run
	$(VENV)/helpdesk openapi openapi/helpdesk.v1.json

lock:
	@.ci/make-venv run
	.ci/lock

clean:
	.ci/clean
