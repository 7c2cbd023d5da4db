# Everything a person does here starts with `make`. `make help` lists the targets.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help install demo demo-models demo-tuning up test bench lint lock

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PYTHON ?= $(shell for name in python3.11 python3.12 python3; do \
	"$$name" -c 'import sys; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12)))' 2>/dev/null \
	&& echo "$$name" && break; done)
EVAL_DATA ?=
PYTEST ?=
WORKERS ?= 2

# uv reads neither pip's settings nor its list separators.
comma := ,
space := $(subst ,, )
ifdef PIP_FIND_LINKS
export UV_FIND_LINKS ?= $(subst $(space),$(comma),$(strip $(PIP_FIND_LINKS)))
endif
ifdef PIP_INDEX_URL
export UV_DEFAULT_INDEX ?= $(PIP_INDEX_URL)
endif
export UV_HTTP_TIMEOUT ?= 180
UV := $(BIN)/uv pip install --quiet --python $(BIN)/python

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(STAMP) ## make .venv with the locked packages and this project in it

$(STAMP): requirements.lock pyproject.toml
	@if [ -z "$(PYTHON)" ]; then echo "make install: Python 3.11 or 3.12 is needed and none was found; install it, or name it: make install PYTHON=/path/to/python3.11" >&2; exit 2; fi
	@echo "install: $$($(PYTHON) --version) into $(VENV)"
	@$(PYTHON) -m venv $(VENV) || { echo "make install: the venv module is missing; on Debian: apt install python3-venv" >&2; exit 2; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check 'uv>=0.8,<1'
	@echo "install: $$(grep -c == requirements.lock) locked packages (about 3 GB; a minute or two)"
	@$(UV) --no-deps -r requirements.lock \
		|| { echo "install: uv could not; trying pip"; $(BIN)/python -m pip install --quiet --no-deps -r requirements.lock; }
# Where torch comes as a CUDA build it needs libraries that the lock, made for any machine, leaves out.
	@$(BIN)/python -c 'import torch' 2>/dev/null || $(UV) "$$(grep '^torch==' requirements.lock)"
	@$(UV) --no-deps --editable .
	@touch $(STAMP)
	@echo "install: done"

demo demo-models demo-tuning test: export HF_HUB_OFFLINE ?= 1

# Images often forbid Python to keep what it compiled; each process of ours would then compile
# thousands of modules anew, half of the time that a short command takes.
export PYTHONDONTWRITEBYTECODE :=

demo: install ## ingest examples/, answer a question with citations, leave nothing running
	@$(BIN)/python examples/demo.py

demo-models: install ## make, measure and compare variants of the shipped model; no hub, no GPU
	@$(BIN)/python examples/demo_models.py

demo-tuning: install ## train, compare and promote models on the example's pages; no hub, no GPU
	@$(BIN)/python examples/demo_tuning.py

up: install ## Dagster 3000, chat 8000, MLflow 5000 and the daemon, all on 127.0.0.1
	@$(BIN)/rag up

test: install ## all tests that this machine allows; the last line names what it lacked
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(PYTEST)

bench: install ## time and quality against the baseline; EVAL_DATA=DIR holds evaluation sets
	@EVAL_DATA="$(EVAL_DATA)" $(BIN)/python -m benchmarks

lint: install ## style, types, import boundaries, dependencies
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/lint-imports
	$(BIN)/deptry .

lock: install ## write requirements.lock anew from pyproject.toml
	@$(BIN)/uv pip compile pyproject.toml --all-extras --python-version 3.11 --upgrade --quiet \
		--no-annotate --no-header --no-emit-index-url --no-emit-find-links \
		| sed -E 's/^(torch==[^+ ]+)\+[a-z0-9.]+/\1/' > requirements.lock.new
	@{ echo '# Written by `make lock` from pyproject.toml (every extra). Install with --no-deps.'; \
		cat requirements.lock.new; } > requirements.lock
	@rm requirements.lock.new
	@echo "lock: $$(grep -c == requirements.lock) packages"
