# make with no target lists the targets.
.DEFAULT_GOAL := help
.PHONY: help setup check test lint ruff mypy lint-r check-r test-r test-python test-site vignette site dist check-dist clean

# The package asks for any recent torch; this pin takes a CPU build where one is at hand, instead of gigabytes of CUDA.
TORCH ?= torch==2.13.0
export TORCH

# R is found as the runners find it: on PATH, else in R_HOME.
export PATH := $(PATH)$(if $(R_HOME),:$(R_HOME)/bin)

# Hundreds of short Pythons read what the first one compiled.
unexport PYTHONDONTWRITEBYTECODE

BIN := .venv/bin
R_TESTS := testthat::test_dir("r/tests/testthat", package = "crossoptim", load_package = "installed", \
	reporter = "check", stop_on_warning = TRUE)
R_ENV := R_LIBS="$(CURDIR)/.venv/lib/R/library:$$R_LIBS" OMP_NUM_THREADS=1 \
	CROSSOPTIM_PYTHON="$(CURDIR)/$(BIN)/python" CROSSOPTIM_FIXTURES="$(CURDIR)/fixtures/v1"
IF_R := if [ -e .venv/.r ]; then
ELSE_SAY := else echo "R is not asked: its set-up is not whole (the lines above that say missing)"; [ "$$CI" != true ]; fi
R_SOURCES := $(shell find r -not -path 'r/tests*')

help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: .venv/.python .venv/.r .venv/.browser ## Python and R environment in .venv, and a browser (quick when nothing changed)
	@:

.venv/.python: pyproject.toml .ci/setup
	@.ci/setup python

.venv/.r: .venv/.python $(R_SOURCES)
	@.ci/setup r

.venv/.browser: .venv/.python
	@.ci/setup browser

check: setup ## Judge every implementation found here (ARGS="--select 'adam/*'")
	@$(BIN)/crossoptim check $(ARGS)

# Side by side: a linter and an R CMD check keep one processor busy.
test: setup ## Lint, R CMD check and Python's tests; all of them run even when one fails
	@$(MAKE) --no-print-directory --keep-going --jobs=3 lint check-r test-python test-site

lint: ruff mypy lint-r ## ruff and mypy; lintr, and whether roxygen2's pages are those committed

ruff: setup
	$(BIN)/ruff check --output-format=concise .

mypy: setup
	$(BIN)/mypy

lint-r: setup
	@$(IF_R) Rscript --vanilla .ci/lint.R; $(ELSE_SAY)

check-r: setup ## R CMD check of the R package's tarball, with R torch and Python and without; a warning or note fails
	@$(IF_R) .ci/check-r; $(ELSE_SAY)

test-r: setup ## The R package's tests alone; a warning fails
	@$(IF_R) $(R_ENV) Rscript --vanilla -e '$(R_TESTS)'; $(ELSE_SAY)

vignette: setup ## Keep anew what the R vignette prints where R torch and Python are (r/vignettes/recorded)
	@mkdir -p build && cd build && $(R_ENV) CROSSOPTIM_RECORDED="$(CURDIR)/r/vignettes/recorded" R CMD build ../r

test-python: setup ## pytest of all else (ARGS="-k adam")
	@$(BIN)/pytest -n 2 --ignore tests/test_site.py $(ARGS)

# In a process of its own: two would build the site twice.
test-site: setup ## pytest of the documentation's site
	@$(BIN)/pytest tests/test_site.py

# All is read anew: a warning of a page that has not changed would not be given again.
site: .venv/.python ## The documentation as a site in build/site; a warning fails (ARGS="-D crossoptim_slow=0": without what takes long)
	@$(BIN)/python -m sphinx $(if $(CI),-q) -E -W --keep-going -b html -d build/doctrees -D crossoptim_slow=1 $(ARGS) docs build/site
	@echo "The site is built: open build/site/index.html"

dist: .venv/.python ## Wheel, sdist and R package as files in dist (docs/releasing.md)
	rm -rf dist
	$(BIN)/python -m hatchling build --target sdist --directory dist
	$(BIN)/pip wheel -qq --no-deps --no-build-isolation --wheel-dir dist dist/crossoptim-*.tar.gz
	cd dist && $(R_ENV) R CMD build ../r

check-dist: dist ## Each file of dist in an empty environment, and what a user does first with it
	@.ci/check-dist

clean: ## Remove all that make has made, .venv too
	rm -rf .venv build dist docs/generated .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find crossoptim tests docs -name __pycache__ -prune -exec rm -rf {} +
