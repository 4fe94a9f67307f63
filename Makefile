# `make help` lists the commands.
WORKERS ?= 2
CONFIG ?= cinc_photos
WORKDIR ?= runs/$(CONFIG)
DATA ?= photos
COMPARE ?= peers
# The versions that are tested together are in constraints/tf$(TF).txt.
TF ?= 2.21
CONSTRAINTS := constraints/tf$(TF).txt
ifeq ($(wildcard $(CONSTRAINTS)),)
$(error TF=$(TF) has no tested versions; there are those of \
  $(patsubst constraints/tf%.txt,%,$(wildcard constraints/tf*.txt)))
endif
VENV := .venv$(if $(filter-out 2.21,$(TF)),-tf$(TF))
PYTHONS := $(if $(filter-out 2.18,$(TF)),3.13) 3.12 3.11
# The first of these that can make environments.
PYTHON ?= $(shell for version in $(PYTHONS); do \
  python$$version -c 'import ensurepip, venv' 2>/dev/null && \
  echo python$$version && break; done)

BIN := $(VENV)/bin
RUN := PATH="$(CURDIR)/$(BIN):$$PATH" TF_CPP_MIN_LOG_LEVEL=3
PIP := $(BIN)/python -m pip --disable-pip-version-check
INSTALL = $(PIP) install -q -c $(CONSTRAINTS)

.PHONY: help setup train test test-fast test-versions test-nightly lint format
.PHONY: docs benchmark compare clean

help:  ## list these commands
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1\t\2/p' Makefile | expand -t 20

# One process needs no compiler; several workers need Horovod, which is built.
WITH_WORKERS := $(if $(filter 1,$(WORKERS)),,$(VENV)/horovod)

setup: $(WITH_WORKERS) $(VENV)/train  ## create .venv; WORKERS=1 without Horovod

train: setup  ## train CONFIG=cinc_photos with WORKERS=2, or resume it
	$(RUN) $(if $(WITH_WORKERS),horovodrun --gloo -np $(WORKERS)) \
	  tfp-cinc train --config $(CONFIG) --workdir $(WORKDIR)

# The tests of a file share what they trace; worksteal keeps most of them together.
test: $(VENV)/dev $(VENV)/horovod  ## run all tests
	$(RUN) python -m pytest -n 2 --dist worksteal

test-fast: $(VENV)/dev  ## run the fast tests, without Horovod and browser
	$(RUN) python -m pytest -n 2 --dist worksteal -m 'not slow'

lint: $(VENV)/dev  ## check form, style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/dev  ## format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(VENV)/dev  ## build the site into build/site, check its links
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

benchmark: $(VENV)/dev $(VENV)/horovod  ## compare speeds, into docs/benchmarks.md
	@$(INSTALL) --no-build-isolation -e '.[bench]'
	$(RUN) python -m benchmarks

# DATA=PATH takes other images than the photographs, such as CIFAR-10 as arrays,
# COMPARE=NAME another comparison.
compare: $(VENV)/dev  ## compare test bits/dim on DATA, into docs/results.md
	@$(INSTALL) --no-build-isolation -e '.[bench]'
	$(RUN) python -m benchmarks.bits_per_dim --compare $(COMPARE) --data $(DATA)
	$(RUN) python -m benchmarks.bits_per_dim --report

EXCHANGE := python -m tests.programs.across_versions

test-versions:  ## let two TensorFlows read each other's files
	$(MAKE) TF=2.21 .venv/dev
	$(MAKE) TF=2.18 .venv-tf2.18/dev
	rm -rf build/versions
	for tf in .venv .venv-tf2.18; do \
	  $$tf/bin/$(EXCHANGE) write build/versions/$$tf || exit; done
	.venv/bin/$(EXCHANGE) read build/versions/.venv-tf2.18
	.venv-tf2.18/bin/$(EXCHANGE) read build/versions/.venv

NIGHTLY := VENV=.venv-nightly TF=$(TF)

test-nightly:  ## run the fast tests on the development versions of today
	$(MAKE) $(NIGHTLY) .venv-nightly/dev
	.venv-nightly/bin/python -m pip uninstall -q -y \
	  tensorflow tf_keras tensorflow-probability
	.venv-nightly/bin/python -m pip install -q --pre --upgrade \
	  --force-reinstall --no-deps tf-nightly tf_keras-nightly tfp-nightly
	.venv-nightly/bin/python -m pip install -q --pre \
	  tf-nightly tf_keras-nightly tfp-nightly
	$(MAKE) $(NIGHTLY) test-fast

clean:  ## remove .venv* and generated files; runs/ stays
	rm -rf .venv* build *.egg-info
	rm -rf .pytest_cache .ruff_cache .mypy_cache .hypothesis

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "No Python for TensorFlow $(TF) was found with\
	 its venv module: install one of these: $(PYTHONS) (on Debian: apt-get\
	 install python3-venv), or name one by PYTHON=... ." >&2; exit 1; }
	@echo "Making $(VENV) with $$($(PYTHON) --version) and TensorFlow $(TF)."
	@$(PYTHON) -m venv $(VENV)

$(VENV)/train: setup.cfg setup.py pyproject.toml $(CONSTRAINTS) | $(BIN)/python
	@echo "Installing the packages for training."
	@$(INSTALL) setuptools wheel
	@$(INSTALL) --no-build-isolation -e '.[demo]'
	@touch $@

$(VENV)/dev: $(VENV)/train
	@echo "Installing the packages for tests and documentation."
	@$(INSTALL) --no-build-isolation -e '.[demo,docs,test,dev]'
	@touch $@

# Checked first, so that a missing compiler is reported before the downloads.
$(VENV)/compiler: | $(BIN)/python
	@command -v $${CXX:-g++} >/dev/null || { echo "Several workers need Horovod,\
	 and building it needs g++: install it (on Debian: apt-get install g++), or\
	 train in one process by WORKERS=1." >&2; exit 1; }
	@touch $@

$(VENV)/horovod: $(VENV)/compiler $(VENV)/train
	@$(RUN) tfp-cinc build-horovod
	@touch $@
