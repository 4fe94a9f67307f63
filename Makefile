# `make help` lists what there is to do.
PYTHON ?= python3.11
WORKERS ?= 2
CONFIG ?= cinc_photos
WORKDIR ?= runs/$(CONFIG)

BIN := .venv/bin
PIP := $(BIN)/pip --disable-pip-version-check
HOROVOD := HOROVOD_WITH_TENSORFLOW=1 HOROVOD_WITH_GLOO=1 \
  HOROVOD_WITHOUT_PYTORCH=1 HOROVOD_WITHOUT_MXNET=1 HOROVOD_WITHOUT_MPI=1 \
  CMAKE_POLICY_VERSION_MINIMUM=3.5

.PHONY: help setup train test lint format docs benchmark compare clean

help:  ## list these commands
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1\t\2/p' Makefile | expand -t 18

setup: .venv/horovod  ## create .venv with all that is needed, once

train: setup  ## train CONFIG=cinc_photos with WORKERS=2, or resume it
	PATH="$(CURDIR)/$(BIN):$$PATH" TF_CPP_MIN_LOG_LEVEL=3 \
	  $(BIN)/horovodrun --gloo -np $(WORKERS) \
	  python -m training train \
	  --config training/configs/$(CONFIG).py --workdir $(WORKDIR)

test: setup  ## run the tests
	PATH="$(CURDIR)/$(BIN):$$PATH" TF_CPP_MIN_LOG_LEVEL=3 \
	  $(BIN)/python -m pytest -n 2

lint: .venv/installed  ## check form and style
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: .venv/installed  ## put the code into its form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: .venv/installed  ## build the site into build/site, check its links
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

benchmark: setup  ## measure against the peers, into docs/benchmarks.md
	$(PIP) install -q -c constraints.txt normflows numba
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m benchmarks

compare: setup  ## test bits/dim against the peers, into docs/results.md
	$(PIP) install -q -c constraints.txt normflows numba
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m benchmarks.bits_per_dim
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m benchmarks.bits_per_dim \
	  --report

clean:  ## remove .venv and what tools left behind; runs/ stays
	rm -rf .venv build *.egg-info .pytest_cache .ruff_cache .hypothesis

.venv/installed: setup.cfg pyproject.toml constraints.txt
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11 is missing:\
	 install it (on Debian: apt-get install python3.11-venv), or name another\
	 by PYTHON=... ." >&2; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(PIP) install -q -c constraints.txt setuptools wheel cloudpickle psutil \
	  pyyaml cffi packaging
	$(PIP) install -q --no-build-isolation -c constraints.txt \
	  -e '.[train,demo,docs,test,dev]'
	@touch $@

# Before the long installation, so that what is missing is told at once.
.venv/compilers:
	@missing=; for tool in g++ cmake; do \
	  command -v $$tool >/dev/null || missing="$$missing $$tool"; done; \
	test -z "$$missing" || { echo "Building Horovod needs$$missing: install\
	 it (on Debian: apt-get install$$missing) and run make again." >&2; exit 1; }
	@mkdir -p .venv && touch $@

# Horovod is compiled against the TensorFlow that is there; a wheel that pip kept
# from another one does not load, and is compiled anew.
.venv/horovod: constraints.txt | .venv/compilers .venv/installed
	@echo "Building Horovod; this takes some minutes, once."
	$(HOROVOD) PATH="$(CURDIR)/$(BIN):$$PATH" $(PIP) install -q \
	  --no-build-isolation --no-deps -c constraints.txt horovod
	@$(BIN)/python -c 'import horovod.tensorflow' 2>/dev/null || \
	  $(HOROVOD) PATH="$(CURDIR)/$(BIN):$$PATH" $(PIP) install -q \
	  --no-build-isolation --no-deps --no-cache-dir --force-reinstall \
	  -c constraints.txt horovod
	@$(BIN)/python -c 'import horovod.tensorflow'
	@touch $@
