# Every target sets up .venv first when it is missing or older than pyproject.toml.

RECIPE ?= lenet5-digits
RUN    ?= runs/$(basename $(notdir $(RECIPE)))
TRIALS ?=
WORKERS ?= 1

VENV     := .venv
BIN      := $(VENV)/bin
READY    := $(VENV)/.ready
BACKENDS := $(VENV)/.backends

.PHONY: help setup train lr tune audit preview check export serve report watch test test-all study bench lint format clean

help:  ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1	\2/p' Makefile | expand -t 16
	@echo
	@echo "  RECIPE=$(RECIPE)  a shipped recipe's name or the path of a TOML file"
	@echo "  RUN=$(RUN)  the run directory"
	@echo "  TRIALS=8  WORKERS=$(WORKERS)  how many trials make tune runs, and how many at a time"

setup: $(READY)  ## make .venv with everything in it

$(READY): pyproject.toml
	@python=""; \
	for candidate in $(PYTHON) python3 python3.13 python3.12 python3.11; do \
	  if $$candidate -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null; \
	  then python=$$candidate; break; fi; \
	done; \
	if [ -z "$$python" ]; then \
	  echo "make: no Python 3.11 to 3.13 found; name one with PYTHON=/path/to/python3" >&2; exit 2; \
	fi; \
	echo "setting up $(VENV) with $$($$python --version); this takes some minutes once"; \
	$$python -m venv --clear $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

train: $(READY)  ## train RECIPE in RUN; go on with it if it was stopped
	@$(BIN)/kerasnets train $(RECIPE) --run $(RUN) --resume

tune: $(READY)  ## search RECIPE's best learning rate, WORKERS trials at a time
	@$(BIN)/kerasnets tune $(RECIPE) $(if $(TRIALS),--trials $(TRIALS)) --workers $(WORKERS) --to $(RUN)-tune --resume

lr: $(READY)  ## find between which learning rates RECIPE's best one lies
	@$(BIN)/kerasnets lr $(RECIPE) --to $(RUN)-lr

audit: $(READY)  ## look at every image of RECIPE's data
	@$(BIN)/kerasnets audit $(RECIPE) --to $(RUN)-audit

preview: $(READY)  ## picture what the network will see of RECIPE's data
	@mkdir -p $(dir $(RUN)) && $(BIN)/kerasnets preview $(RECIPE) --to $(RUN)-preview.png

check: $(READY)  ## check RECIPE before it is trained
	@$(BIN)/kerasnets check $(RECIPE) --to $(RUN)-check

export: $(READY)  ## write RUN as a SavedModel
	@$(BIN)/kerasnets export $(RUN)

serve: $(READY)  ## serve RUN's export over HTTP
	@$(BIN)/kerasnets serve $(RUN)/export

report: $(READY)  ## write RUN's report.html
	@$(BIN)/kerasnets report $(RUN)

watch: $(READY)  ## serve RUN's report live while it trains
	@$(BIN)/kerasnets watch $(RUN)

test: $(READY)  ## run the tests
	@$(BIN)/python -m pytest

$(BACKENDS): $(READY)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev,backends]'
	@touch $@

test-all: $(BACKENDS)  ## run the sweeps that test leaves out, on JAX and PyTorch too
	@$(BIN)/python -m pytest -m 'exhaustive and not slow'

study: $(READY)  ## run the study NAME; without NAME the long tests on real data
ifeq ($(origin NAME),command line)
	@$(BIN)/kerasnets study $(NAME)
else
	@$(BIN)/python -m pytest -m slow
endif

bench: $(BACKENDS)  ## measure training, and input on PHOTOS, a folder of JPEGs for each class, against others
	@$(BIN)/python benchmarks/training.py
	@$(BIN)/python benchmarks/loop.py
	@$(BIN)/python benchmarks/epochs.py
	@if test -d "$(PHOTOS)"; then \
	  $(BIN)/python benchmarks/input.py $(PHOTOS) && $(BIN)/python benchmarks/memory.py $(PHOTOS); \
	else echo "input is left out: name a folder of JPEGs with PHOTOS=/path/to/folder"; fi

lint: $(READY)  ## check format, style and types
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy

format: $(READY)  ## format the code
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

clean:  ## remove .venv; runs stay
	rm -rf $(VENV)
