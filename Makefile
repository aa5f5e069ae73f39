# Everything a newcomer needs is `make demo` and `make test`; Python >= 3.11 and make are enough.

VENV ?= .venv
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PACKAGES := cli client config jobs loadtest protocol server worker
PY := $(VENV)/bin/python
# What pytest gets beside its configuration: make test PYTEST_ARGS="-k journal -x"
PYTEST_ARGS ?=
# Where `make demo` finds the files that it works on.
DIR ?= .

# Folders belong to the list: a deleted module changes nothing else.
SOURCES := $(shell find $(PACKAGES:%=%/) -name __pycache__ -prune -o \
	\( -type d -o -name '*.py' -o -name '*.sql' -o -name py.typed \) -print)

# Two makes at once take turns where the system has flock, and the second finds the work done.
LOCKED := $(if $(shell command -v flock),flock .make.lock,)

MADE := $(VENV)/.made
INSTALLED := $(VENV)/.installed

# An environment that was moved, or whose Python went away, is made again.
ifneq ($(wildcard $(MADE)),)
ifneq ($(shell cat $(MADE)):$(shell $(PY) -c 'print("works")' 2>&1),$(CURDIR):works)
$(shell rm -f $(MADE))
endif
endif

# The first Python that is new enough; PYTHON=... decides otherwise.
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11 python3.14; do \
	if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; \
	then echo $$python; break; fi; done)

.PHONY: help
help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort \
		| awk -F ':.*## ' '{ printf "  %-10s %s\n", $$1, $$2 }'

# --- setting up ----------------------------------------------------------------------------------

.PHONY: dev
dev: $(INSTALLED) penstock ## Set up .venv and the link that editors and type checkers need
	@echo "Ready: $(VENV)/bin/penstock --help"

penstock:
	@ln -sfn . penstock

$(MADE):
	@if [ -z "$(PYTHON)" ]; then \
		echo "Penstock needs Python 3.11 or newer, and none was found on the PATH." >&2; \
		echo "Install one, or name it: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)" >&2; \
		exit 1; fi
	@if ! "$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then \
		echo "$(PYTHON) does not run or is older than Python 3.11; name another with PYTHON=..." >&2; \
		exit 1; fi
	@if ! "$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null; then \
		echo "$(PYTHON) cannot make virtual environments: its venv module is not installed." >&2; \
		echo "On Debian and Ubuntu: apt-get install python3-venv. Then run make again." >&2; \
		exit 1; fi
	@$(LOCKED) bash -eu -o pipefail -c '\
		if [ -e $@ ]; then exit 0; fi; \
		echo "Making $(VENV) with $$("$(PYTHON)" --version)"; \
		"$(PYTHON)" -m venv --clear $(VENV); \
		$(PY) -m pip install --quiet --upgrade "pip>=25.1" "setuptools>=80"; \
		echo "$(CURDIR)" > $@'

# build/lib keeps modules that were deleted since, and would ship them again.
$(INSTALLED): $(MADE) pyproject.toml $(SOURCES)
	@$(LOCKED) bash -eu -o pipefail -c '\
		if [ -e $@ ] && [ -z "$$(find $? -prune -newer $@)" ]; then exit 0; fi; \
		echo "Building and installing the wheel"; \
		rm -rf build/lib build/bdist.* dist/penstock-*.whl penstock.egg-info; \
		$(PY) -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist .; \
		$(PY) -m pip install --quiet --group dev "$$(echo dist/penstock-*.whl)[loadtest]"; \
		$(PY) -m pip install --quiet --no-deps --force-reinstall dist/penstock-*.whl; \
		touch $@'

# --- using ---------------------------------------------------------------------------------------

.PHONY: demo
demo: $(INSTALLED) ## Watch it work: server, workers, urgent and slow jobs (DIR=... chooses the files)
	@$(PY) -m examples.demo $(DIR)

# --- proving -------------------------------------------------------------------------------------

# Two processes: half of the time goes into waiting for servers. The tests of one file stay together
# and find the servers of their module running; the many small files of tests/unit come last, so
# that both processes end at about the same time. PYTEST_ARGS="-n 0 --pdb" has but one process.
# A test that hangs ends its process; so that it cannot hang many of them, few are replaced.
TWO_PROCESSES := -n 2 --dist loadfile --no-loadscope-reorder --max-worker-restart 1

.PHONY: test
test: $(INSTALLED) ## Run all tests against the installed wheel
	@$(PY) -P -m pytest --installed $(TWO_PROCESSES) $(PYTEST_ARGS)

.PHONY: unit
unit: $(INSTALLED) ## Run the tests that need no processes: seconds
	@$(PY) -P -m pytest --installed tests/unit tests/store tests/architecture $(PYTEST_ARGS)

.PHONY: sim
sim: $(INSTALLED) ## Run the simulation and the property tests for longer
	@$(PY) -P -m pytest --installed --hypothesis-profile=thorough --timeout=3600 \
		tests/simulation $(PYTEST_ARGS)

.PHONY: lint
lint: $(INSTALLED) ## Check style, formatting and the import contracts
	@$(PY) -P -m ruff check .
	@$(PY) -P -m ruff format --check .
	@$(VENV)/bin/lint-imports --no-logo --config pyproject.toml

.PHONY: fmt
fmt: $(INSTALLED) ## Format the code and fix what can be fixed
	@$(PY) -P -m ruff format .
	@$(PY) -P -m ruff check --fix .

# mypy reads the installed packages, as it would at a user's; errors are shown where to mend them.
.PHONY: types
types: $(INSTALLED) ## Check types, strictly
	@$(PY) -P -m mypy $(PACKAGES:%=-p penstock.%) | sed 's#^[^ :]*/site-packages/penstock/##'
	@$(PY) -P -m mypy examples tests

.PHONY: check
check: lint types test ## Run exactly what CI runs

.PHONY: loadtest
loadtest: $(INSTALLED) ## Measure a running server: make loadtest ARGS="--help"
	@$(PY) -m penstock.loadtest $(ARGS)

.PHONY: bench
bench: $(INSTALLED) ## Measure in turns with redis-server, then a backlog of a million jobs
	@$(PY) -m penstock.loadtest peers $(ARGS)
	@$(PY) -m penstock.loadtest backlog

.PHONY: clean
clean: ## Remove everything that make made
	@rm -rf $(VENV) build dist penstock.egg-info .make.lock .mypy_cache .ruff_cache .pytest_cache \
		.hypothesis .import_linter_cache
	@if [ -L penstock ]; then rm penstock; fi
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
