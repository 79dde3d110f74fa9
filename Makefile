# Every target first brings .venv up to date, which takes no time when nothing changed.
# Variables: PORT= gateway's port · DATA_DIR= where a run keeps its data · T= what to test · GATEWAY= whom to play against
#            PYTHON= which Python makes .venv

PYTHON ?= python3
PORT ?= 8000
DATA_DIR ?= .data
GATEWAY ?=
T ?=

VENV := .venv/bin
COMPOSE := docker compose
PACKAGES := $(patsubst %/__init__.py,%,$(wildcard libs/*/*/__init__.py deploy/*/*/__init__.py services/*/*/__init__.py))
TOOLS := $(patsubst tools/%/__init__.py,%,$(wildcard tools/*/__init__.py))
TYPED_FOLDERS := $(wildcard libs/*/tests deploy/*/tests services/*/tests) tests tools/openapi bench
COMPILE = $(VENV)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--custom-compile-command "make lock" --exclude-newer \
	$$($(VENV)/python -c "import datetime as d; print(d.datetime.now(d.timezone.utc).date() - d.timedelta(days=7))")
export PORT DATA_DIR

.DEFAULT_GOAL := help
.PHONY: help install run demo test test-real verify check accept up down env lock guards smoke format lint types generated asyncapi contracts clean

help:  ## Print this.
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install:  ## Make .venv from the lock, or refresh it.
	@$(PYTHON) deploy/local/bootstrap.py

run: install  ## Run the whole suite here, with PostgreSQL and Kafka; the demo shop is loaded the first time.
	@exec $(VENV)/python -m quartermaster_local run --port $(PORT) --data-dir "$(DATA_DIR)"

demo: install  ## Play the shop and a partner against a running suite (GATEWAY=url).
	@$(VENV)/python -m quartermaster_demo $(if $(GATEWAY),--gateway $(GATEWAY))
	@$(if $(GATEWAY),,$(MAKE) --no-print-directory verify)

test: install  ## Run the tests (T=path for a part).
	@$(VENV)/python -m pytest $(if $(T),$(T),--numprocesses 2 --dist loadgroup)

test-real: install  ## Import half a year of a real shop's orders and compare the figures (REAL_DATA=folder).
	@test -n "$$REAL_DATA" || { echo "make test-real needs REAL_DATA=<folder that holds orders/online_retail_….csv.gz>." >&2; exit 2; }
	@HISTORY=all $(VENV)/python -m pytest tests/history --capture=no

verify: install  ## Ask every service, and all together, whether what must hold does hold.
	@$(VENV)/python -m tools.verify --services

check: install  ## To the letter what CI runs.
	@PYTHON=$(PYTHON) .ci/run

accept:  ## Play what "done" means on a fresh clone in an empty folder.
	@PYTHON=$(PYTHON) tools/accept

up: env  ## Run the suite in containers.
	@mkdir -p "$(DATA_DIR)/received"
	DATA_DIR="$(abspath $(DATA_DIR))" $(COMPOSE) up --detach --build --wait

down:  ## Stop the containers; their data stays.
	DATA_DIR="$(abspath $(DATA_DIR))" $(COMPOSE) down

env: install  ## Make .env with fresh secrets for the containers, unless it is there.
	@$(VENV)/python -m quartermaster_local env

lock: install  ## Compile the locks anew, leaving out releases younger than a week.
	@$(COMPILE) requirements.in --output-file requirements.lock
	@$(COMPILE) requirements.runtime.in --constraint requirements.lock --output-file requirements.runtime.lock
	@$(COMPILE) tools/asyncapi/node.in --output-file tools/asyncapi/node.lock

guards: install  ## Take each guard away and see its test fail.
	@$(VENV)/python -m tools.guards

smoke: install  ## Containers up from nothing, demo, a restart, verify, down.
	@deploy/smoke

format: install  ## Format the code.
	@$(VENV)/ruff format .
	@$(VENV)/ruff check --fix-only --quiet .

lint: install  ## Style, import boundaries, house rules.
	@$(VENV)/ruff check .
	@$(VENV)/ruff format --check .
	@$(VENV)/lint-imports
	@$(VENV)/python -m tools.lint

types: install  ## mypy, strict: the packages, then each test folder (their modules share names).
	@$(VENV)/mypy $(foreach folder,$(PACKAGES),-p $(notdir $(folder))) $(foreach folder,$(TOOLS),-p tools.$(folder))
	@for folder in $(TYPED_FOLDERS); do $(VENV)/mypy --explicit-package-bases $$folder || exit 1; done

generated: install  ## Make anew what is generated and checked in (CHECK=--check only looks).
	@$(VENV)/python tools/openapi/generate.py $(CHECK)
	@$(VENV)/python -m common.events.generate $(CHECK)
	@$(VENV)/python -m tools.verify.consumers $(CHECK)
	@$(VENV)/python -m tools.settings_page $(CHECK)
	@$(VENV)/python docs/list_dependencies.py $(CHECK)
	@$(VENV)/python docs/pictures/draw_suite.py $(CHECK)
	@$(VENV)/python deploy/demo/make_shop.py $(CHECK)

asyncapi: install  ## Have AsyncAPI's own parser read the events' document.
	@$(VENV)/python -m tools.asyncapi

contracts: install  ## Refuse a change of event contracts that would break a reader of the last release.
	@$(VENV)/python -m common.events.compatibility

clean:  ## Remove .venv, caches and build leftovers; data stays.
	rm -rf .venv tools/asyncapi/node_modules .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
	find . -name '*.egg-info' -type d -prune -exec rm -rf {} +
