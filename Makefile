# The manual of the house: `make` lists what can be done, and everything here can be run again at no cost.
#
#   make test PYTHON=python3.13     chooses the interpreter (it is used once, to create the environment)
#   make test VENV=build/py313      chooses the environment
#   make test ARGS="-k softmax"     adds arguments to the command that the target runs

PYTHON ?= python3
VENV ?= .venv
ARGS ?=

# This very version is found as a build for the CPU alone; a range would fetch those for GPUs.
TORCH := torch==2.13.0

# Output that is made, not written.
DEMO_OUTPUT := build/demo/probabilities.npz

python := $(VENV)/bin/python

# $(call install,WHAT): pip's own report of a failure is long; the last line says what it was about.
install = $(python) -m pip install --quiet --disable-pip-version-check $(1) || { \
    echo "logitkit is not set up: pip install $(1) failed, for the reason above." >&2; exit 1; }

# Each stamp records that a step of the set-up is done; make repeats it when what it was made from is newer.
environment := $(VENV)/.stamp-environment
package := $(VENV)/.stamp-package
developer := $(VENV)/.stamp-developer
peers := $(VENV)/.stamp-peers
laboratory := $(VENV)/.stamp-laboratory

sources := pyproject.toml CMakeLists.txt $(shell find src -type f -not -name '*.pyc')
cpp_sources := $(shell find src tests/core benchmarks -name '*.hpp' -o -name '*.cpp' -o -name '*.h')

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo lab test test-large test-quiet lint format bench clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

demo: $(package) ## build, install and explain the shipped logits of a digit classifier
	@mkdir -p $(dir $(DEMO_OUTPUT))
	@$(VENV)/bin/logitkit demo examples/data/digits.npz -o $(DEMO_OUTPUT) $(ARGS)

lab: $(laboratory) ## open the interactive page in the browser; Ctrl-C stops it
	@$(VENV)/bin/logitkit lab $(ARGS) || [ $$? -eq 130 ]

test: $(developer) ## run the whole test suite, doctests included
	@tools/install_emulator.sh
	@tools/install_browser.sh $(python)
	$(python) -m pytest -n auto --dist loadfile --doctest-modules --pyargs logitkit tests --ignore=tests/large $(ARGS)

test-large: $(developer) ## run what needs 13 GB of memory and 9 of disk: more than 2^31 elements
	$(python) -m pytest -m large --durations=0 tests/large $(ARGS)

test-quiet: $(developer) ## measure what a drag on the page waits for, on a machine that does nothing else
	$(python) -m pytest -m quiet -s tests/page $(ARGS)

lint: $(developer) ## check style, formatting and types; changes nothing
	$(python) -m ruff check .
	$(python) -m ruff format --check .
	$(python) -m mypy --strict src
	$(VENV)/bin/clang-format --dry-run --Werror $(cpp_sources)

format: $(developer) ## rewrite the sources in the house's format
	$(python) -m ruff check --fix-only .
	$(python) -m ruff format .
	$(VENV)/bin/clang-format -i $(cpp_sources)

bench: $(peers) ## measure accuracy and speed beside the other libraries, in half an hour
	$(python) -m benchmarks $(ARGS)

clean: ## remove build outputs and caches; the environment stays
	rm -rf build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find $(wildcard benchmarks examples src tests tools) -name __pycache__ -prune -exec rm -rf {} +

# An environment that already works is kept: it may hold more than this file installs.
$(environment):
	@tools/check_machine.sh "$(PYTHON)"
	@if $(python) -m pip --version >/dev/null 2>&1; then echo "Using the environment in $(VENV)."; else \
	    echo "Creating the environment in $(VENV)."; "$(PYTHON)" -m venv --clear $(VENV); fi
	@touch $@

$(package): $(environment) $(sources)
	@echo "Building and installing logitkit (about two minutes)."
	@$(call install,.)
	@touch $@

# The package is installed by now, so pip adds only what the extras name.
$(developer): $(package)
	@echo "Installing what the tests and checks need; PyTorch is a large download."
	@$(call install,$(TORCH))
	@$(call install,logitkit[test] logitkit[lint])
	@touch $@

$(laboratory): $(package)
	@echo "Installing the server of the page."
	@$(call install,logitkit[lab])
	@touch $@

$(peers): $(package)
	@echo "Installing the libraries to compare with; PyTorch is a large download."
	@$(call install,logitkit[bench])
	@$(call install,$(TORCH))
	@touch $@
