# The one way in. `make` alone prints the targets.
#
# Wanted on the machine: python3 (3.11 or newer, with venv and pip), make, and a package registry.
# Choose another interpreter with `make install PYTHON=python3.13`.

PYTHON ?= python3
WORKERS ?= logical
ARGS ?=

# Settings of an environment that happens to be active don't leak into ours.
unexport VIRTUAL_ENV UV_PROJECT_ENVIRONMENT PYTHONPATH PYTHONHOME
export UV_PYTHON = $(PYTHON)

uv := .uv/bin/uv
bin := .venv/bin
# What the type checkers read: the library, the examples, the tests of its types, the test servers.
typed := src $(wildcard examples tests/typing tests/servers)
# The lock file names the public registry, whichever mirror a machine is set up for.
without-mirrors := env -u UV_DEFAULT_INDEX -u UV_INDEX -u UV_INDEX_URL -u UV_EXTRA_INDEX_URL
pytest := $(bin)/python -m pytest -n $(WORKERS)

.DEFAULT_GOAL := help
.PHONY: help install demo test test-quick test-lowest test-versions check bench docs parity format lock clean

help: ## print this text
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: .venv/.installed ## make .venv with all that the other targets need

demo: install ## run a real workload on the embedded store and show the result
	$(bin)/holdfast demo $(ARGS)

test: install ## run all tests, PostgreSQL included (ARGS="tests/core -k retry" narrows)
	$(pytest) $(ARGS)

test-quick: install ## run the tests that take no more than a moment
	$(pytest) -m "not slow" $(ARGS)

test-lowest: $(uv) ## run the tests with the oldest versions of the dependencies that we accept
	$(uv) venv --quiet --clear .venv-lowest
	$(uv) pip install --quiet --python .venv-lowest --resolution lowest-direct --editable '.[all]' --group test
	.venv-lowest/bin/python -m pytest -n $(WORKERS) $(ARGS)

test-versions: $(uv) ## run the tests on each newer Python that the machine has
	@set -e; for version in 3.12 3.13 3.14; do \
	  PATH="$$(echo $${PYENV_ROOT:-$$HOME/.pyenv}/versions/$$version*/bin):$$PATH"; \
	  if python=$$($(uv) python find --no-project $$version 2>/dev/null); then \
	    echo "Python $$version: $$python"; \
	    UV_PYTHON=$$python UV_PROJECT_ENVIRONMENT=.venv-$$version $(uv) sync --quiet --frozen --all-extras --no-group check; \
	    .venv-$$version/bin/python -m pytest -n $(WORKERS) $(ARGS); \
	  else echo "Python $$version: not here, left out"; fi; \
	done

check: install ## format, lint, types, import contracts
	$(bin)/ruff format --check
	$(bin)/ruff check
	$(bin)/mypy $(typed)
	$(bin)/pyright
	$(bin)/lint-imports --no-logo
	$(without-mirrors) $(uv) lock --check --offline --quiet

bench: install ## run the quick benchmarks (python -m benchmarks for all)
	$(bin)/python -m benchmarks $(ARGS)

docs: install parity ## write anew the pages that are made of the code
	$(bin)/python -m holdfast.cli.manual > docs/cli.md

parity: install ## write docs/parity.md: what is promised, and the tests that show it
	$(bin)/python -m tests.parity.report > docs/parity.md

format: install ## format the code and mend what the linter can mend
	$(bin)/ruff format
	$(bin)/ruff check --fix

lock: $(uv) ## resolve the dependencies anew into uv.lock
	$(uv) lock --upgrade

clean: ## remove everything that was made, environments included
	rm -rf .uv .venv .venv-* build dist site .hypothesis .*_cache
	find src tests examples -type d -name __pycache__ -prune -exec rm -rf {} +

# --- what the targets stand on -------------------------------------------------------------------

# uv has an environment of its own: the project's one holds exactly what the lock file says.
$(uv):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed; name one with: make PYTHON=python3.13" >&2; exit 1; }
	$(PYTHON) -m venv .uv
	.uv/bin/python -m pip install --quiet --disable-pip-version-check 'uv>=0.9,<1'

.venv/.installed: $(uv) pyproject.toml uv.lock
	$(uv) sync --quiet --frozen --all-extras
	@touch $@
