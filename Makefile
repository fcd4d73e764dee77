# Needs GNU make (3.81 or newer) and a POSIX shell. Everything is installed into .venv (for the benchmark also into
# .venv-bench, for the battery of attacks into .venv-attack, for make audit and make sbom into .venv-audit) and nowhere
# else.

VENV := .venv
BIN := $(VENV)/bin
LOCKS := requirements
RUN := $(VENV)/.dev-ready
TEST := $(VENV)/.test-ready
NATIVE := $(VENV)/.native-ready
# What the benchmark's peers need cannot stand beside what the service needs.
PEERS := .venv-bench
BENCH := $(PEERS)/.bench-ready
# What others wrote to try the service with; it knows nothing of the service, and the tests nothing of it.
OUTSIDE := .venv-attack
ATTACK := $(OUTSIDE)/.attack-ready
# What looks at the lock files from outside stands beside what it looks at.
AUDIT := .venv-audit
AUDITING := $(AUDIT)/.audit-ready

# One test process more than there are cores, as some tests wait for whole programs; no more than eight, as each may
# start its own servers. Who has nothing left takes over what another has not begun.
WORKERS ?= -n $$($(BIN)/python -c 'import os; print(min(8, 1 + (os.cpu_count() or 1)))') --dist worksteal
# The doors, the hallway and the rooms are what the 95 % are asked of.
COVERED := api pages flows users passwords sessions tokens throttle audit
COVERAGE ?= $(COVERED:%=--cov=authsvc.%) --cov-branch --cov-report=term:skip-covered --cov-fail-under=95

# A .venv that lies elsewhere than where it was made (a copied folder) or has lost its Python is made anew.
PLACED := $(shell test -x $(BIN)/python && test "`cat $(VENV)/.place 2>/dev/null`" = "$(CURDIR)" && echo yes)
ifneq ($(PLACED),yes)
ANEW := anew
endif
ifneq ($(shell test -x $(AUDIT)/bin/python && test "`cat $(AUDIT)/.place 2>/dev/null`" = "$(CURDIR)" && echo yes),yes)
AUDIT_ANEW := anew
endif
ifneq ($(shell test -x $(PEERS)/bin/python && test "`cat $(PEERS)/.place 2>/dev/null`" = "$(CURDIR)" && echo yes),yes)
PEERS_ANEW := anew
endif
ifneq ($(shell test -x $(OUTSIDE)/bin/python && test "`cat $(OUTSIDE)/.place 2>/dev/null`" = "$(CURDIR)" && echo yes),yes)
OUTSIDE_ANEW := anew
endif

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup dev test check model races faults attack native bench bench-quick timing audit sbom lock up down clean anew

help: ## Show this help
	@echo 'authsvc: a self-hosted authentication service.'
	@echo
	@echo 'usage: make <target>'
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-11s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))
	@echo
	@echo 'Settings:'
	@echo '  AUTHSVC_PORT=8001  the port that make dev listens on (8000 by default)'
	@echo '  PYTHON=python3.13  the Python that .venv is made with (3.11 or newer)'
	@echo '  NO_UV=1            install with pip even where uv is there'
	@echo '  ARGS="-k login"    more options for pytest, the faults or the benchmark'

setup: $(TEST) ## Install all that running, testing and checking need, into .venv
	@echo 'Ready. Next: make dev, or make test.'

dev: $(RUN) ## Start the service with its own PostgreSQL and Valkey; Ctrl-C stops all
	@exec $(BIN)/authsvc dev

test: $(TEST) ## Run all tests and measure the coverage
	$(BIN)/python -m pytest $(WORKERS) $(COVERAGE) $(ARGS)

check: $(TEST) ## Check style, types, import rules, the lock files and what scripts generate
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	@if grep -n '://' $(LOCKS)/*.lock; then echo 'A lock file names an address. Please run: make lock' >&2; exit 1; fi
	$(BIN)/python scripts/build_common_passwords.py --check
	$(BIN)/python scripts/write_openapi.py --check
	$(BIN)/python scripts/write_requirements.py --check

model: ## Check the formal model of sessions, and that its broken variants are caught (needs spin and cc)
	@python3 scripts/model.py

races: $(TEST) ## Race the real thing on two processes, 10 000 rounds, and check the history
	$(BIN)/python -m tests.races

faults: $(TEST) ## Break all that the service depends on, one thing after the other, under load (six minutes; Linux)
	$(BIN)/python -m tests.faults $(ARGS)

attack: $(TEST) $(ATTACK) ## Send 900 hostile requests, directly and through nginx and HAProxy where they are installed
	$(BIN)/python -m tests.attack --outsiders $(OUTSIDE)/bin/python $(ARGS)

native: $(NATIVE) ## Build argon2 from source: nearly twice the logins where there is AVX2 (needs a C compiler)
	@$(BIN)/python -c 'from authsvc.passwords.argon2_build import find_build; print(f"argon2 here: {find_build()}.")'

bench: $(RUN) $(BENCH) ## Measure every target of performance beside floors and peers, in ten minutes (best with wrk)
	@$(BIN)/python bench $(ARGS)

bench-quick: $(RUN) $(BENCH) ## Measure what fits in two minutes
	@$(BIN)/python bench --quick $(ARGS)

timing: $(TEST) ## Compare the times in which logins are refused; wants a quiet machine
	$(BIN)/python -m tests.timing

audit: $(AUDITING) ## Compare all that is pinned with known vulnerabilities, and the age of the lock files with its limit
	@$(AUDIT)/bin/python scripts/audit.py $(ARGS)

sbom: $(AUDITING) ## Write the bill of materials of what runs in production, dist/authsvc.cdx.json (CycloneDX)
	@$(AUDIT)/bin/python scripts/sbom.py

lock: ## Renew the lock files from pyproject.toml (UPGRADE=1: to the newest versions)
	@sh scripts/lock.sh

up: ## Start the production-like stack with Docker Compose, in the background
	@sh scripts/compose.sh up --build --detach
	@echo 'Running. Stop it with: make down'

down: ## Stop that stack; its data stays in its volumes
	@sh scripts/compose.sh down

clean: ## Remove .venv, .venv-bench, .venv-attack, .venv-audit, caches and build results; the data in .authsvc stays
	rm -rf $(VENV) $(PEERS) $(OUTSIDE) $(AUDIT) bench/results bench/.cache dist htmlcov .coverage .coverage.* .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . \( -name .git -o -name .authsvc \) -prune -o -type d -name __pycache__ -prune -exec rm -rf {} +

# A stamp is written last: an install that stopped half-way is done again.
# The larger set waits for the smaller one, so that `make -j` never runs two installers at once.
$(RUN): $(LOCKS)/dev.lock pyproject.toml scripts/setup.sh $(ANEW)
	@sh scripts/setup.sh $(VENV) $(LOCKS)/dev.lock
	@touch $@

$(TEST): $(RUN) $(LOCKS)/test.lock
	@sh scripts/setup.sh $(VENV) $(LOCKS)/test.lock
	@touch $@

# Only the very same version is built, so what setup.sh installs later finds nothing to replace.
$(NATIVE): $(RUN) $(LOCKS)/serve.lock $(LOCKS)/native.lock scripts/native.sh scripts/native.cmake
	@sh scripts/native.sh $(VENV)
	@touch $@

$(BENCH): $(LOCKS)/bench.lock scripts/setup.sh $(PEERS_ANEW) | $(RUN)
	@sh scripts/setup.sh $(PEERS) $(LOCKS)/bench.lock alone
	@touch $@

$(ATTACK): $(LOCKS)/attack.lock scripts/setup.sh $(OUTSIDE_ANEW) | $(RUN)
	@sh scripts/setup.sh $(OUTSIDE) $(LOCKS)/attack.lock alone
	@touch $@

$(AUDITING): $(LOCKS)/audit.lock scripts/setup.sh $(AUDIT_ANEW)
	@sh scripts/setup.sh $(AUDIT) $(LOCKS)/audit.lock alone
	@touch $@
