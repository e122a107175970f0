# The two commands a newcomer needs: `make demo` and `make test`. `make help` lists the rest.
.PHONY: demo test check bench lock help
ARGS ?=
BIN := .venv/bin
PY := $(BIN)/python

help:  ## list the commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

demo:  ## play the whole chain on this PC, no hardware (ARGS="--once --json" for one incident as JSON)
	@dev/setup.sh demo
	@$(BIN)/kiosk demo $(ARGS)

test:  ## run every test, with the coverage gates
	@dev/setup.sh dev
	$(PY) -m coverage erase
	$(PY) -m coverage run -m pytest -q $(ARGS)
	$(PY) -m coverage combine -q
	$(PY) dev/coverage_gates.py

check:  ## lint, types, layers, shell scripts, unit files, lock files
	@dev/setup.sh dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	shellcheck dev/*.sh .ci/run
	$(PY) dev/house_rules.py

bench:  ## measure every figure of the README, each beside its peer
	@dev/setup.sh dev
	$(PY) -m bench $(ARGS)

lock:  ## renew the hashed lock files from pyproject.toml
	@dev/setup.sh dev
	$(PY) dev/lock.py
