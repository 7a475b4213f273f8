PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
WORK := work_dirs/quickstart

.PHONY: help venv quickstart test lint docs clean

help:
	@echo "make quickstart  install, draw faces, train RAN and its baseline, compare them (8 to 15 minutes, half an hour without AVX-512)"
	@echo "make test        install, lint and test"
	@echo "make docs        write the documentation to docs/_build/html"
	@echo "make venv        only the virtual environment $(VENV)"
	@echo "make clean       remove that, $(WORK) and what was built; other trainings stay"

venv: $(VENV)/ready

$(VENV)/ready: setup.py requirements/runtime.txt requirements/tests.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade pip
	$(BIN)/pip install --quiet mmcv-lite -e '.[tests]'
	touch $@

quickstart: venv
	$(BIN)/python tools/quickstart.py --work-dir $(WORK)

lint: venv
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python tools/misc/check_metafiles.py

test: venv lint
	$(BIN)/python -m pytest tests

docs: venv
	$(BIN)/pip install --quiet -r requirements/docs.txt
	$(BIN)/sphinx-build -W --keep-going -b html docs docs/_build/html

clean:
	rm -rf $(VENV) $(WORK) build docs/_build *.egg-info
