# The four commands of the README. `make help` lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export C360_TENANT_DIR ?= $(CURDIR)/data
# Compiled modules are kept, also where an image switches that off: each `c360` starts a second sooner.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help run test spark tables ui bench growth chaos lint clean

help: ## list these commands
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 10

run: $(VENV)/.installed ## install what is needed, then the whole day on the shipped tenant
	@$(BIN)/c360 run

ui: $(VENV)/.installed ## Dagster with its daemon on this machine only
	@$(BIN)/c360 ui

# What is marked `slow` runs at night, what is marked `long` in CI.
test: $(VENV)/.installed-dev lint ## lint, types, layers, tests
	@$(BIN)/pytest -m 'not slow$(if $(CI),, and not long)'

# CI has the newest Spark. The environment is made once; remove it to make it anew.
OLDEST_SPARK := 4.0.1
DEV_AND_SPARK := .[dev,spark]
spark: ## what is tested on Spark, on the oldest that is supported, in a virtual environment of its own
	@$(MAKE) --no-print-directory VENV=.venv-spark-$(OLDEST_SPARK) test-on-oldest-spark

.PHONY: test-on-oldest-spark
test-on-oldest-spark: $(VENV)/.installed-oldest-spark
	@$(BIN)/python -c 'import pyspark; print("PySpark", pyspark.__version__)'
	@$(BIN)/pytest -n 0 -m spark c360_assets_tests/spark

tables: $(VENV)/.installed-spark ## tables of a generated tenant computed on Spark, held against those built here; needs Java
	@$(BIN)/python -m c360_assets_tests.customer_360.tables_on_spark

lint: $(VENV)/.installed-dev
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && $(BIN)/lint-imports --no-cache

bench: $(VENV)/.installed-dev ## times as ratios to a reference in the same run, kept in docs/benchmarks.md
	@$(BIN)/python -m c360_assets_tests.bench --write

growth: $(VENV)/.installed-spark ## how the matcher grows on Spark beside one machine, kept in docs/benchmarks.md; needs Java
	@$(BIN)/python -m c360_assets_tests.bench spark --write

chaos: $(VENV)/.installed-dev ## kill verbs, the daemon and its runs 200 times at random instants, and see that nothing is lost
	@$(BIN)/python -m c360_assets_tests.day.chaos --kills 200

clean: ## remove what runs wrote into the shipped tenant (never what landed)
	rm -rf data/warehouse data/activated data/reports data/logs data/cache data/.dagster data/.tmp data/.lock*

# A virtual environment from the interpreter's own venv; uv installs faster where it is there, pip does the same.
$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	  { echo "Python 3.11 or later is needed: install it, or name one: make run PYTHON=/path/to/python3.12"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo "This Python cannot make virtual environments: install the package python3-venv (Debian, Ubuntu: apt install python3-venv)"; exit 1; }
	@$(PYTHON) -m venv $(VENV)

# $(1): what is installed; $(2): the exact versions of what it needs, by default those of CI.
define install
	@echo "installing into $(VENV) ..."
	@if command -v uv >/dev/null 2>&1; then \
	  uv pip install --quiet --compile-bytecode --python $(BIN)/python --constraint $(or $(2),constraints.txt) --editable '$(1)'; \
	else \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint $(or $(2),constraints.txt) --editable '$(1)'; \
	fi
	@touch $@
endef

$(VENV)/.installed: $(VENV)/bin/python pyproject.toml constraints.txt
	$(call install,.)

$(VENV)/.installed-dev: $(VENV)/.installed
	$(call install,.[dev])

# What the tests on Spark need beside Java; without it they are skipped and say so.
$(VENV)/.installed-spark: $(VENV)/.installed-dev
	$(call install,.[spark])

$(VENV)/.installed-oldest-spark: $(VENV)/bin/python pyproject.toml constraints.txt
	@sed 's/^pyspark==.*/pyspark==$(OLDEST_SPARK)/' constraints.txt > $(VENV)/constraints.txt
	$(call install,$(DEV_AND_SPARK),$(VENV)/constraints.txt)
