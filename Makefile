# Needs Python 3.11 or later and make, nothing else. `make` alone prints what there is.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help install demo up test check bench warmup-run crash lock clean

help: ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(INSTALLED) ## install the locked versions and Posthouse itself into .venv

demo: $(INSTALLED) ## install, then watch two tenants send: simulator, dashboard and Prefect included
	$(BIN)/posthouse demo

up: $(INSTALLED) ## run the whole local stack until Ctrl-C
	$(BIN)/posthouse up

# loadgroup keeps tests that share an expensive server on one worker (`@pytest.mark.xdist_group`).
test: $(INSTALLED) ## run every test that needs no system package; TESTS=tests/core for some of them
	$(BIN)/pytest -n 2 --dist loadgroup $(TESTS)

check: $(INSTALLED) ## lint, formatting, types and import contracts
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(INSTALLED) ## measure what docs/performance.md promises
	$(BIN)/python -m benchmarks

warmup-run: $(INSTALLED) ## warm up weeks in minutes, end to end; CONTACTS=200000 DAYS=60 SEED=7 JSON=1
	$(BIN)/python -m benchmarks.warmup_run --contacts $(or $(CONTACTS),200000) $(if $(DAYS),--days $(DAYS)) \
		$(if $(SEED),--seed $(SEED)) $(if $(JSON),--json)

crash: $(INSTALLED) ## kill everything again and again while sending; KILLS=200 POLICY=at_most_once API=bulk LOSS=0.05 SEED=2 CAPS=1 JSON=1
	$(BIN)/python -m benchmarks.crash $(if $(KILLS),--kills $(KILLS)) $(if $(POLICY),--policy $(POLICY)) \
		$(if $(API),--api $(API)) $(if $(LOSS),--event-loss $(LOSS)) $(if $(SEED),--seed $(SEED)) $(if $(JSON),--json) $(if $(CAPS),--caps --workers 8)

lock: ## pin the newest versions that pyproject.toml allows, with their hashes
	$(PYTHON) -m venv $(VENV)/lock
	$(VENV)/lock/bin/python -m pip install --quiet uv
	$(VENV)/lock/bin/uv pip compile pyproject.toml --group dev --universal --python-version 3.11 --upgrade \
		--generate-hashes --no-header --no-annotate --quiet --output-file requirements.lock
	rm -r $(VENV)/lock

clean: ## remove the environment and the local state; the next `make install` starts from nothing
	rm -rf $(VENV) var .mypy_cache .ruff_cache .pytest_cache .import_linter_cache tests/node/node_modules

# Without build isolation the build backend is the locked one too, and not whatever is newest today.
$(INSTALLED): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Posthouse needs Python 3.11 or later, and $(PYTHON) is $$($(PYTHON) --version 2>&1)." \
		"Try: make $(firstword $(MAKECMDGOALS)) PYTHON=python3.13" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@
