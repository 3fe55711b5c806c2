# Everything runs from .venv, which `make setup` makes with any Python from 3.11 on.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# One more than there are cores: tests wait for processes of their own for a fifth of their time.
WORKERS = $(shell $(PYTHON) -c 'import os; print((os.cpu_count() or 1) + 1)')
STAMP := $(VENV)/.installed
SAM := .venv-sam
MINISTACK := .venv-ministack
DOCS := .venv-docs
# Lambda's Python; empty where there is none. A pyenv shim answers only for a version that it is told.
PYTHON313 = $(shell PYENV_VERSION=3.13 $(BIN)/uv python find --no-project 3.13 2>/dev/null)
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-header --no-emit-index-url --no-annotate

.PHONY: help setup tools applications lock build test lint types unit e2e docs demo dev events bench fuzz chaos clean

help:
	@echo "make demo   start the local gateway with functions/orders and run a real client session against it"
	@echo "make dev    the same, and keep serving with reload"
	@echo "make test   format, lint, types and all tests"
	@echo "make e2e    deploy everything to a local stand-in for AWS, and test it through its addresses"
	@echo "make applications  install command-line hosts and agent libraries, for the tests that connect them"
	@echo "make build  build what a deploy uploads, and show it by size"
	@echo "make docs   build the documentation into site/; a broken link fails"
	@echo "make events make the files of events/ anew, from real requests"
	@echo "make bench  compare with peers, each in its own environment"
	@echo "make fuzz   a million hostile requests"
	@echo "make chaos  kill processes, lose messages, throttle AWS: twice 500 tasks, 2,000 calls, 2,000 events; misuse a live server; 200 clients of a cluster"

setup: $(STAMP)

$(STAMP): pyproject.toml requirements-dev.txt
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed: make PYTHON=…" if sys.version_info < (3, 11) else 0)'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip sync --quiet --python $(BIN)/python requirements-dev.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	touch $@

tools: $(SAM)/.installed $(MINISTACK)/.installed ## what builds and deploys, and what stands in for AWS

# Under 3.13 it has an executable python3.13, which sam looks for on the path.
$(SAM)/.installed: requirements-sam.txt | $(STAMP)
	$(BIN)/uv venv --quiet --clear --no-project --python "$(or $(PYTHON313),$(BIN)/python)" $(SAM)
	$(BIN)/uv pip sync --quiet --python $(SAM)/bin/python requirements-sam.txt
	touch $@

# Deployed functions run on its interpreter and see its packages: these, and no others.
$(MINISTACK)/.installed: requirements-ministack.txt | $(STAMP)
	$(BIN)/uv venv --quiet --clear --no-project --python "$(or $(PYTHON313),$(BIN)/python)" $(MINISTACK)
	$(BIN)/uv pip sync --quiet --python $(MINISTACK)/bin/python requirements-ministack.txt
	touch $@

applications: setup ## a gigabyte: without it the tests with applications are skipped
	$(BIN)/python -m tests.interop.applications.install

# What Lambda's Python brings along; see also `lambent build`. No layer carries it.
IN_LAMBDA := boto3 botocore jmespath python-dateutil s3transfer six urllib3
LOCK_LAYER = $(BIN)/uv pip compile --quiet --python-version 3.13 --python-platform linux --no-header --no-emit-index-url --no-annotate \
	--constraint requirements-dev.txt pyproject.toml

lock: ## pin the development dependencies anew, and from them those of the layers
	$(COMPILE) --group dev --all-extras pyproject.toml -o requirements-dev.txt
	$(COMPILE) --group sam -o requirements-sam.txt
	$(COMPILE) --group ministack -o requirements-ministack.txt
	$(COMPILE) --group docs -o requirements-docs.txt
	$(LOCK_LAYER) -o layers/core.txt
	$(LOCK_LAYER) --extra seal --extra auth $(addprefix --no-emit-package ,pycparser) -o layers/runtime.txt
	$(LOCK_LAYER) --extra pydantic --extra mangum --extra aws $(addprefix --no-emit-package ,$(IN_LAMBDA) msgspec) \
		-o layers/extras.txt
	$(LOCK_LAYER) --extra serve --extra auth --extra redis -o deploy/requirements.txt

# Here, and not in a copy: the layers take the library from runtime/.
# What make was told is for this file: theirs is the Python that has the command.
SAM_BUILD = PATH="$(CURDIR)/$(SAM)/bin:$$PATH" MAKEFLAGS= PYTHON="$(CURDIR)/$(BIN)/python" SAM_CLI_TELEMETRY=0 \
	$(SAM)/bin/sam build --build-in-source

build: setup $(SAM)/.installed
	@test -n "$(PYTHON313)" || { echo "Python 3.13 is needed, which Lambda runs: $(BIN)/uv python install 3.13" >&2; exit 1; }
	$(SAM_BUILD)
	$(SAM_BUILD) --template functions/hello/template.yaml --build-dir .aws-sam/hello
	$(BIN)/lambent sizes .aws-sam/build .aws-sam/hello --limit HelloFunction=0.95 --limit OrdersFunction=6

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: setup
	$(BIN)/mypy

unit: setup $(SAM)/.installed
	$(BIN)/python -m pytest -n $(WORKERS) --ignore=tests/e2e $(ARGS)

e2e: setup tools
	$(BIN)/python -m pytest -n 3 tests/e2e $(ARGS)

test: lint types docs unit e2e

$(DOCS)/.installed: requirements-docs.txt | $(STAMP)
	$(BIN)/uv venv --quiet --clear --no-project --python "$(BIN)/python" $(DOCS)
	$(BIN)/uv pip sync --quiet --python $(DOCS)/bin/python requirements-docs.txt
	touch $@

docs: $(DOCS)/.installed
	$(DOCS)/bin/zensical build --strict --clean

demo: setup
	$(BIN)/python -m demo

dev: setup
	$(BIN)/python -m demo --serve

events: setup ## make the files of events/ anew
	$(BIN)/python -m tests.events.generate

bench: setup
	$(BIN)/python -m benchmarks $(ARGS)

fuzz: setup
	$(BIN)/python -m fuzz $(ARGS)

chaos: setup
	$(BIN)/python -m tests.chaos $(ARGS)

clean:
	rm -rf $(VENV) $(SAM) $(MINISTACK) $(DOCS) site .cache .aws-sam .mypy_cache .ruff_cache .pytest_cache dist build tests/conformance/node_modules tests/interop/node_modules tests/interop/*/node_modules tests/interop/.venvs tests/interop/applications/.venvs tests/artifact/.venv benchmarks/.venvs
