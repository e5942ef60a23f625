# Needs python3 (3.11 or newer), pip and make. Everything is installed into .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUN ?= runs
SLOW := slow or kill or multi

.PHONY: help demo test lint types x64 fast slow bench matrix docs results refresh clean

help:
	@echo "make demo                install, run the quick Prinz study, say where report.html is"
	@echo "make test                everything that CI runs: lint, types, tests"
	@echo "make slow                what the gate leaves out: sweeps, tutorials, killed programs, long fits"
	@echo "make bench               all benchmarks -> docs/results/speed.json, scale.json; PEERS=1 adds PyTorch"
	@echo "make matrix              wheel and sdist in clean environments, each Python from 3.11 on"
	@echo "make docs                build the documentation into site/"
	@echo "make results NAME=prinz  keep the rows of runs/prinz as docs/results/prinz.json"
	@echo "make refresh NAME=prinz METHOD=simulation CASES=drive=4  compute such kept rows anew"
	@echo "make clean               remove .venv and everything that was built"

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "noneq needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version 2>&1)." \
	       "Choose another one: make PYTHON=python3.12 ..." >&2; exit 2; }
	@if $(PYTHON) -c 'import ensurepip' 2>/dev/null; then $(PYTHON) -m venv $(VENV); \
	elif $(PYTHON) -m pip --version >/dev/null 2>&1; then \
	  $(PYTHON) -m venv --without-pip $(VENV) && \
	  $(PYTHON) -m pip --python $(BIN)/python install -q pip || { rm -rf $(VENV); exit 2; }; \
	else \
	  echo "$(PYTHON) can make no virtual environment: it has neither ensurepip nor pip." \
	       "On Debian or Ubuntu: apt-get install python3-venv" >&2; exit 2; fi

$(VENV)/.installed: pyproject.toml | $(BIN)/python
	@$(BIN)/python -m pip install -q --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install -q -e .
	@touch $@

$(VENV)/.installed-%: pyproject.toml $(VENV)/.installed
	$(BIN)/python -m pip install -q --group $*
	@touch $@

demo: $(VENV)/.installed
	$(BIN)/noneq demo -o $(RUN)/demo
	@echo "Open $(CURDIR)/$(RUN)/demo/report.html in a browser."

# Types take one core: the float64 tests use the other one.
test: lint
	@$(MAKE) --no-print-directory -j2 --output-sync=target types x64
	@$(MAKE) --no-print-directory fast

lint: $(VENV)/.installed-test
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: $(VENV)/.installed-test
	$(BIN)/basedpyright

# float64 is a setting of a whole process, hence a call of its own.
x64: $(VENV)/.installed-test
	JAX_ENABLE_X64=1 $(BIN)/python -m pytest -q tests/x64 -m "not ($(SLOW))" --budget x64

fast: $(VENV)/.installed-test
	$(BIN)/python -m pytest -q --ignore=tests/x64 -m "not ($(SLOW))" --budget fast

slow: $(VENV)/.installed-test
	JAX_ENABLE_X64=1 $(BIN)/python -m pytest -q tests/x64 -m "$(SLOW)" --timeout=900
	$(BIN)/python -m pytest -q --ignore=tests/x64 -m "$(SLOW)" --timeout=900

bench: $(VENV)/.installed-bench $(if $(PEERS),$(VENV)/.installed-bench-peers)
	$(BIN)/python benchmarks/run.py -o docs/results/speed.json
	$(BIN)/python benchmarks/scale.py -o docs/results/scale.json

matrix: $(VENV)/.installed-test
	$(BIN)/python -m pytest tests/test_published.py -n 0 --timeout=1800 -q -rs

docs: $(VENV)/.installed-docs
	$(BIN)/python docs/generate.py
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

results: $(VENV)/.installed
	@test -n "$(NAME)" || { echo "Name the study: make results NAME=prinz" >&2; exit 2; }
	$(BIN)/python docs/keep.py $(RUN)/$(NAME)/metrics.json docs/results/$(NAME).json

refresh: $(VENV)/.installed
	@test -n "$(NAME)" -a -n "$(METHOD)" || { \
	  echo "Name the study and the method: make refresh NAME=prinz METHOD=simulation" >&2; exit 2; }
	$(BIN)/python docs/refresh.py docs/results/$(NAME).json $(RUN)/$(NAME) "$(METHOD)" $(CASES)

clean:
	rm -rf $(VENV) site dist .cache .pytest_cache .ruff_cache .hypothesis docs/generated
