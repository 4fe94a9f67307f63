# `make help` lists the commands.
WORKERS ?= 2
CONFIG ?= cinc_photos
WORKDIR ?= runs/$(CONFIG)
DATA ?= photos
# The first of these that can make environments; 3.11 is the one tested in CI.
PYTHON ?= $(shell for version in 3.11 3.12 3.10 3.13; do \
  python$$version -c 'import ensurepip, venv' 2>/dev/null && \
  echo python$$version && break; done)

BIN := .venv/bin
RUN := PATH="$(CURDIR)/$(BIN):$$PATH" TF_CPP_MIN_LOG_LEVEL=3
PIP := $(BIN)/pip --disable-pip-version-check
# constraints.txt has the exact versions for Python 3.11, constraints-core.txt
# only those that matter, for the other Pythons.
CONSTRAINTS = -c $$($(BIN)/python -c 'import sys; print("constraints.txt" if \
  sys.version_info[:2] == (3, 11) else "constraints-core.txt")')
HOROVOD := HOROVOD_WITH_TENSORFLOW=1 HOROVOD_WITH_GLOO=1 \
  HOROVOD_WITHOUT_PYTORCH=1 HOROVOD_WITHOUT_MXNET=1 HOROVOD_WITHOUT_MPI=1 \
  CMAKE_POLICY_VERSION_MINIMUM=3.5

.PHONY: help setup train test test-fast lint format docs benchmark compare clean

help:  ## list these commands
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1\t\2/p' Makefile | expand -t 18

# One process needs no compiler; several workers need Horovod, which is built.
WITH_WORKERS := $(if $(filter 1,$(WORKERS)),,.venv/horovod)

setup: $(WITH_WORKERS) .venv/train  ## create .venv; WORKERS=1 without Horovod

train: setup  ## train CONFIG=cinc_photos with WORKERS=2, or resume it
	$(RUN) $(if $(WITH_WORKERS),horovodrun --gloo -np $(WORKERS)) \
	  tfp-cinc train --config $(CONFIG) --workdir $(WORKDIR)

test: .venv/dev .venv/horovod  ## run all tests
	$(RUN) python -m pytest -n 2

test-fast: .venv/dev  ## run the tests that need no Horovod, no browser, no time
	$(RUN) python -m pytest -n 2 -m 'not slow'

lint: .venv/dev  ## check form and style
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: .venv/dev  ## format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: .venv/dev  ## build the site into build/site, check its links
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

benchmark: .venv/dev .venv/horovod  ## compare speeds, into docs/benchmarks.md
	@$(PIP) install -q $(CONSTRAINTS) normflows numba
	$(RUN) python -m benchmarks

# DATA=PATH takes other images than the photographs, such as CIFAR-10 as arrays.
compare: .venv/dev  ## compare test bits/dim on DATA, into docs/results.md
	@$(PIP) install -q $(CONSTRAINTS) normflows numba
	$(RUN) python -m benchmarks.bits_per_dim --data $(DATA)
	$(RUN) python -m benchmarks.bits_per_dim --report

clean:  ## remove .venv and generated files; runs/ stays
	rm -rf .venv build *.egg-info .pytest_cache .ruff_cache .hypothesis

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "No Python 3.10 to 3.13 with its venv module\
	 was found: install one (on Debian: apt-get install python3-venv), or name\
	 one by PYTHON=... ." >&2; exit 1; }
	@echo "Making .venv with $$($(PYTHON) --version)."
	@$(PYTHON) -m venv .venv

.venv/train: setup.cfg setup.py pyproject.toml constraints.txt \
    constraints-core.txt | $(BIN)/python
	@echo "Installing the packages for training."
	@$(PIP) install -q $(CONSTRAINTS) setuptools wheel
	@$(PIP) install -q --no-build-isolation $(CONSTRAINTS) -e '.[train,demo]'
	@touch $@

.venv/dev: .venv/train
	@echo "Installing the packages for tests and documentation."
	@$(PIP) install -q --no-build-isolation $(CONSTRAINTS) \
	  -e '.[train,demo,docs,test,dev]'
	@touch $@

# Checked first, so that a missing compiler is reported before the downloads.
.venv/compilers: | $(BIN)/python
	@missing=; for tool in g++ cmake; do \
	  command -v $$tool >/dev/null || missing="$$missing $$tool"; done; \
	test -z "$$missing" || { echo "Several workers need Horovod, and building\
	 it needs$$missing: install it (on Debian: apt-get install$$missing), or\
	 train in one process by WORKERS=1." >&2; exit 1; }
	@touch $@

# A wheel in pip's cache may have been built against another TensorFlow; then it
# cannot be imported and is built again.
.venv/horovod: .venv/compilers .venv/train
	@echo "Building Horovod; this takes a few minutes, once."
	@$(PIP) install -q $(CONSTRAINTS) cloudpickle psutil pyyaml cffi packaging
	@$(HOROVOD) $(RUN) $(PIP) install -q --no-build-isolation --no-deps \
	  $(CONSTRAINTS) horovod
	@$(BIN)/python -c 'import horovod.tensorflow' 2>/dev/null || \
	  $(HOROVOD) $(RUN) $(PIP) install -q --no-build-isolation --no-deps \
	  --no-cache-dir --force-reinstall $(CONSTRAINTS) horovod
	@$(BIN)/python -c 'import horovod.tensorflow' 2>/dev/null
	@touch $@
