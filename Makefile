# All that it takes, from a clone with Python 3.11 and Java 17. `make` alone lists the commands.

SHELL := /bin/bash
bin := .venv/bin
export PYTHON

# No library here reports to its maker.
export DO_NOT_TRACK := 1
export FEAST_USAGE := False
export MLFLOW_DISABLE_TELEMETRY := true
export GX_ANALYTICS_ENABLED := false
export DBT_SEND_ANONYMOUS_USAGE_STATS := false

.DEFAULT_GOAL := help
.PHONY: help setup demo quarter test lint format bench lock clean distclean

help: ## this list
	@awk -F ' *## ' '/^[a-z]+:.*## /{split($$1, name, ":"); printf "make %-10s %s\n", name[1], $$2}' $(MAKEFILE_LIST)

setup: ## the environment in .venv, with packages and jars as locked; again only where a lock changed
	@setup/environment.sh

demo: setup ## two months of real flights to predictions for seven nights
	@$(bin)/python -m demo.run $(ARGS)

quarter: setup ## ninety nights in a row with six troubles among them, and what became of each; an hour or more
	@$(bin)/python -m demo.quarter $(ARGS)

test: setup ## every test; some of them: make test ARGS="tests/unit -k late"
	@$(bin)/pytest -n 2 --dist loadfile --no-loadscope-reorder $(ARGS)

lint: setup ## ruff, mypy, import-linter
	@$(bin)/ruff check
	@$(bin)/ruff format --check
	@$(bin)/mypy
	@$(bin)/lint-imports

format: setup ## what ruff can put right by itself
	@$(bin)/ruff check --fix
	@$(bin)/ruff format

bench: setup ## every benchmark, small; at full size: make bench ARGS=
bench: ARGS := --small
bench:
	@set -e; for file in $(wildcard benchmarks/[a-z]*.py); do echo "== $$file"; $(bin)/python $$file $(ARGS); done

lock: setup ## the newest versions that pyproject.toml allows, with their hashes, into requirements/
	@setup/lock.sh

clean: ## what tools leave behind; neither the environment nor any warehouse
	@rm -rf build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis \
		spark-warehouse metastore_db derby.log mlruns logs dbt_project/target dbt_project/logs
	@find . -name __pycache__ -type d -not -path './.venv/*' -prune -exec rm -rf {} +

distclean: clean ## and the environment
	@rm -rf .venv
