# The table of contents: what one does here. `make train` and `make test` need nothing installed
# but Python 3.11 or later; they make a virtual environment in .venv first.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
EXTRAS := export,media,plot,rouge,serve,tensorboard

.PHONY: help install train test fast test-processors check format lint type docs wheel bench corpus clean

help:           ## list what can be made
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 20

install: $(VENV)/tools  ## a virtual environment with the package and its tools

$(VENV)/package: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and \
		"Python 3.11 or later is needed, such as: make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --constraint constraints.txt torch
	$(BIN)/python -m pip install --constraint constraints.txt --editable .
	touch $@

$(VENV)/tools: $(VENV)/package
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'  # the first that knows groups
	$(BIN)/python -m pip install --constraint constraints.txt --editable '.[$(EXTRAS)]' --group dev
	touch $@

train: $(VENV)/package  ## a model from the embedded corpus, and a translation by it
	$(BIN)/translator train
	$(BIN)/translator translate "Pizza is great." --run runs/everyday

test: install   ## all tests
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto --dist worksteal

# The folders that `make fast` does not even read: to import what they test takes seconds.
HEAVY := cli export guarantees importing server training visualization

fast: install   ## the tests that need no trained model, for while you work
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto --dist worksteal \
		-m "not slow and not heavy" --hypothesis-profile fast $(HEAVY:%=--ignore tests/%)

test-processors: install  ## the numeric tests as six other processors compute
	$(BIN)/python scripts/processors.py

check: lint type test  ## all that must pass before a commit

format: install ## format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lint: install   ## style and likely mistakes
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

type: install   ## static types
	$(BIN)/mypy

docs: install   ## the documentation as a site, in build/site
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --group docs
	$(BIN)/python scripts/docs_site.py
	$(BIN)/zensical build --strict --config-file mkdocs.yml

wheel: install  ## the package as others install it, in dist/
	$(BIN)/python -m hatchling build
	$(BIN)/python -m twine check --strict dist/*

bench: install  ## speed and memory on this machine
	$(BIN)/python scripts/bench_train.py
	$(BIN)/python scripts/bench_data.py
	test -d runs/everyday || $(BIN)/translator train
	$(BIN)/python scripts/bench_decode.py --run runs/everyday
	$(BIN)/python scripts/bench_serve.py --run runs/everyday

corpus: install ## build and check the embedded corpus from its sources
	$(BIN)/python scripts/corpus/build.py
	$(BIN)/python scripts/corpus/check.py

clean:          ## remove what was made here, but not runs/
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
