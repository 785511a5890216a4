# make with no target lists the targets.
.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help setup check test lint ruff mypy test-r test-python clean

# The package asks for any recent torch; this pin takes a CPU build where one is at hand, instead of gigabytes of CUDA.
TORCH ?= torch==2.13.0
export TORCH

# R is found as the runners find it: on PATH, else in R_HOME.
export PATH := $(PATH)$(if $(R_HOME),:$(R_HOME)/bin)

BIN := .venv/bin
R_TESTS := testthat::test_dir("r/tests/testthat", package = "crossoptim", load_package = "installed", \
	reporter = "check", stop_on_warning = TRUE)
R_SOURCES := $(shell find r -not -path 'r/tests*')

help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: .venv/.python .venv/.r ## Python and R environment in .venv (quick when nothing changed)
	@:

.venv/.python: pyproject.toml .ci/setup
	@.ci/setup python

.venv/.r: .venv/.python $(R_SOURCES)
	@.ci/setup r

check: setup ## Judge every implementation found here (ARGS="--select 'adam/*'")
	@$(BIN)/crossoptim check $(ARGS)

test: setup ## Lint, then R's and Python's tests; all of them run even when one fails
	@$(MAKE) --no-print-directory --keep-going lint test-r test-python

lint: ruff mypy ## ruff and mypy

ruff: setup
	$(BIN)/ruff check --output-format=concise .

mypy: setup
	$(BIN)/mypy

test-r: setup ## The R package's tests; a warning fails
	@if [ -e .venv/.r ]; then \
		export R_LIBS="$(CURDIR)/.venv/lib/R/library:$$R_LIBS" OMP_NUM_THREADS=1 && \
		export CROSSOPTIM_PYTHON="$(CURDIR)/$(BIN)/python" CROSSOPTIM_FIXTURES="$(CURDIR)/fixtures/v1" && \
		Rscript --vanilla -e '$(R_TESTS)'; \
	else \
		echo "R's tests are not run: its set-up is not whole (the lines above that say missing)"; \
		[ "$$CI" != true ]; \
	fi

test-python: setup ## pytest (ARGS="-k adam")
	@$(BIN)/pytest -n 2 $(ARGS)

clean: ## Remove all that make has made, .venv too
	rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find crossoptim tests -name __pycache__ -prune -exec rm -rf {} +
