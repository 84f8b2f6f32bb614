# Every target sets up what it needs. `make demo` runs the main job on the local cloud, `make test` passes the tests.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
PROJECT := pyproject.toml constraints.txt
FUZZ_SECONDS ?= 60

.PHONY: help demo test test-all lint format keys wheel proof proof-hostile proof-fuzz proof-survive proof-iam proof-faults proof-doctor proof-arm64 proof-vm proof-vm-full proof-statistics mutants plausibility bench bench-soak require clean

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

demo: $(VENV)/demo ## a real run on the local cloud: two types, two replicates each, STREAM; on a terminal in the application
	@if [ -t 0 ] && [ -t 1 ] && [ -t 2 ] && [ "$${TERM:-dumb}" != dumb ]; then \
	  $(BIN)/benchtui run config.example.toml --local --yes --detach && $(BIN)/benchtui --local; \
	else \
	  $(BIN)/benchtui run config.example.toml --local --yes; \
	fi

test: $(VENV)/dev ## the tests
	$(BIN)/python -m pytest

test-all: $(VENV)/dev ## the tests and those that take seconds each, a quarter of an hour
	$(BIN)/python -m pytest -m "not slow"

lint: $(VENV)/dev ## style, types, import directions, shell
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/shellcheck .ci/run tests/payloads/arm64_root.sh payloads/common/link_openblas.sh

format: $(VENV)/dev ## rewrite in the project's style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

keys: $(VENV)/dev ## write the table of keys into docs/KEYS.md
	$(BIN)/python -m benchtui.tui.key_table docs/KEYS.md

wheel: $(VENV)/dev ## dist/benchtui-*.whl
	$(BIN)/python -m pip --quiet wheel --no-deps --wheel-dir dist .

proof: $(VENV)/dev ## the longer proofs: kill, launch and compare for real, terminals; more examples of core and config
	$(BIN)/python -m pytest -n 0 --timeout 0 -m slow
	$(BIN)/python -m pytest --hypothesis-profile thorough tests/core tests/config
	$(BIN)/python -m pytest --hypothesis-profile thorough --timeout 0 tests/engine/test_budget_sequences.py

proof-hostile: $(VENV)/dev ## hostile user data against this machine; prints what was measured before and after
	$(BIN)/python -m tests.local.host.hostile_proof

proof-fuzz: $(VENV)/fuzz ## hostile bytes for each reader, guided by the code they reach, FUZZ_SECONDS (60) each; prints a table
	$(BIN)/python -m tests.fuzz --seconds $(FUZZ_SECONDS)

proof-survive: $(VENV)/dev ## SIGKILL at a hundred moments of launches and collections, then resumed; a laptop closed, moved, signed out
	$(BIN)/python -m tests.survive --moments 100
	$(BIN)/python -m tests.simulation.outlasting --seeds 100

proof-iam: $(VENV)/dev ## every command under exactly its policy, then each action taken away: what fails and what it says
	$(BIN)/python -m tests.iam

proof-faults: $(VENV)/dev ## the engine in simulated worlds full of faults, 500 seeds and a crash at each await; says how to replay one
	$(BIN)/python -m tests.simulation --seeds 500 --every-await --processes 2

proof-doctor: $(VENV)/dev ## some forty faults planted in a local cloud one at a time; the doctor's line that names each, and its fix
	$(BIN)/python -m tests.doctor

proof-vm: $(VENV)/dev ## user data in a booted Debian that is broken in 23 ways; each power-off timed (needs qemu, root once)
	$(BIN)/python -m tests.vm

proof-vm-full: $(VENV)/dev ## each mechanism of user data alone against each fault, about an hour
	$(BIN)/python -m tests.vm --full

proof-statistics: $(VENV)/dev ## intervals and verdicts in simulated worlds whose truth is known: coverage, false alarms, power
	$(BIN)/python -m tests.statistics

mutants: $(VENV)/dev ## suites broken on purpose: what is broken, the check that caught it
	$(BIN)/python -m tests.mutants.table

proof-arm64: $(VENV)/dev ## the kernel's objects, compiled by clang of x86-64 and of arm64: byte for byte equal? (needs qemu-user)
	$(BIN)/python -m tests.payloads.arm64_objects

plausibility: $(VENV)/dev ## stored results, real and invented: label × verdict, and the rules they break
	$(BIN)/python -m tests.core.plausibility_rows

bench: $(VENV)/dev ## every figure beside a reference of the same run, as one table (needs likwid, hpcc, aws and what the suites need)
	$(BIN)/python -m bench

bench-soak: $(VENV)/dev ## 1,000 jobs: four hours of virtual time, then half an hour by the clock; does anything grow?
	$(BIN)/python bench/soak.py
	$(BIN)/python bench/soak.py --real

$(VENV)/demo: $(PROJECT) | require
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) install -c constraints.txt -e '.[local]'
	touch $@

$(VENV)/dev: $(PROJECT) | require
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) install -c constraints.txt -e '.[local,dev]'
	touch $@ $(VENV)/demo

# Of its own, for there are no wheels of it for every machine.
$(VENV)/fuzz: $(VENV)/dev
	$(PIP) install -c constraints.txt -e '.[fuzz]'
	touch $@

require:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	  || { echo "missing: Python 3.11 or newer as '$(PYTHON)' (set PYTHON=/path/to/python3.11)" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
	  || { echo "missing: the venv module of $(PYTHON) (Debian: apt-get install python3-venv)" >&2; exit 1; }
	@command -v cc >/dev/null \
	  || { echo "missing: a C compiler as 'cc' (Debian: apt-get install gcc libc6-dev)" >&2; exit 1; }

clean: ## remove what the targets made
	rm -rf $(VENV) dist build .pytest_cache .hypothesis .mypy_cache .ruff_cache .import_linter_cache
