# The commands of the README are `make run`, `make test` and `make test-real`; all install what they need into .venv.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
ARGS ?=

.PHONY: run test test-real check unit format docs tour bench clean

run: $(VENV)/.run
	@$(BIN)/bftui run $(ARGS)

test: check unit

check: $(VENV)/.test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Hundreds of processes import the same modules: what the first one compiles the others read. Three share the tests
# also on two cores: some tests wait.
unit: export PYTHONDONTWRITEBYTECODE :=
unit: $(VENV)/.test
	$(BIN)/python -m pytest -n 3 --dist loadgroup

# Pretrained models, 430 MiB, fetched once into the user's cache (or the folder that BFTUI_REAL_MODELS names).
test-real: $(VENV)/.test
	$(BIN)/python -m tests.real.models
	$(BIN)/python -m pytest -m real -n 2 --dist loadgroup tests/real

format: $(VENV)/.test
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: $(VENV)/.test
	$(BIN)/python -m tests.docs.readme
	$(BIN)/python -m tests.real.readme
	$(BIN)/python -m screenshots.make

# A person at a keyboard: over a minute long, and other at every recording.
tour: $(VENV)/.test
	$(BIN)/python -m screenshots.tour

bench: $(VENV)/.test
	$(BIN)/python -m tests.benchmarks

clean:
	rm -rf $(VENV) build dist

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo 'bftui needs Python 3.11 or newer; try: make PYTHON=python3.12 $(MAKECMDGOALS)' >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: $(VENV)/bin/python pyproject.toml constraints.txt
	$(PIP) install --quiet --constraint constraints.txt --editable .
	@touch $@

# llama-cpp-python is built from source where no wheel is at hand: some minutes, once.
$(VENV)/.test: $(VENV)/bin/python pyproject.toml constraints.txt
	$(PIP) install --quiet --constraint constraints.txt --editable '.[test]'
	@touch $@ $(VENV)/.run
