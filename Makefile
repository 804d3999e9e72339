# Everything from nothing: each target builds .venv from the locked requirements when it has to.

PYTHON ?= python3
PORT ?= 8000
BIN := .venv/bin
MANAGE := $(BIN)/python manage.py
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url

.PHONY: help demo test check bench cluster chaos format chromium haproxy lock clean

help:
	@echo "make demo    serve the example on http://127.0.0.1:$(PORT) (users alice, bob and admin, password demo)"
	@echo "make test    run the whole suite on SQLite, on PostgreSQL with Redis, and in Chromium"
	@echo "make check   format, lint, types, import contract, Django's checks"
	@echo "make bench   measure"
	@echo "make cluster serve the example from several processes behind a balancer, with PostgreSQL and Redis"
	@echo "make chaos   break things on purpose for half an hour and count what became of the events"
	@echo "make format  let ruff put the code in order"
	@echo "make lock    renew the locked requirements"
	@echo "make clean   remove what the other targets made, but no data"

demo: .venv/ready
	@$(MANAGE) migrate --verbosity 0
	@$(MANAGE) create_demo_users
	@echo "Open http://127.0.0.1:$(PORT) and sign in as alice or bob (or as admin, for /admin/), password demo."
	@exec $(BIN)/daphne --bind 127.0.0.1 --port $(PORT) netra_events.asgi:application

test: .venv/ready chromium haproxy
	@$(MANAGE) test

check: .venv/ready
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(MANAGE) check
	$(MANAGE) makemigrations --check --dry-run

bench: .venv/ready
	@$(BIN)/python -m benchmarks

cluster: .venv/ready haproxy
	@exec $(BIN)/python -m cluster --port $(PORT)

chaos: .venv/ready haproxy
	@exec $(BIN)/python -m chaos $(CHAOS)

format: .venv/ready
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

chromium: .venv/ready
	@$(BIN)/python -m tests.browser

haproxy: .venv/ready
	@$(BIN)/python -m cluster.balancer

lock: .venv/ready
	@$(LOCK) requirements-uv.in --output-file requirements-uv.txt
	@$(LOCK) --all-extras pyproject.toml requirements.in --output-file requirements.txt
	@$(LOCK) requirements-dev.in --output-file requirements-dev.txt

clean:
	@rm -rf .venv .hypothesis .mypy_cache .pytest_cache .ruff_cache staticfiles

# uv is quick; pip also knows an index of your own that is set for pip alone.
.venv/ready: requirements-uv.txt requirements-dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)" >&2; exit 1; }
	@echo "Preparing .venv ..."
	@$(PYTHON) -m venv .venv
	@$(BIN)/pip install --quiet --require-hashes --requirement requirements-uv.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes --requirement requirements-dev.txt \
	    || $(BIN)/pip install --quiet --require-hashes --requirement requirements-dev.txt
	@touch $@
