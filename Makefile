# The two commands a newcomer needs: `make demo` and `make test`. `make help` lists the rest.
.PHONY: demo test check bench fuzz chaos soak virtual-day hunt mutate audit prove apidoc lock deb release guest guest-full help
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
	$(PY) -m coverage run -m pytest -q -n 3 --dist loadfile $(ARGS)
	$(PY) -m coverage combine -q
	$(PY) dev/coverage_gates.py

check:  ## lint, types, layers, shell scripts, unit files, lock files
	@dev/setup.sh dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	shellcheck tests/deploy/board/files/usr/local/lib/board/agent
	shellcheck dev/*.sh .ci/run provisioning/slot provisioning/install-slot tests/deploy/foreign.sh
	shellcheck -x provisioning/provision.sh provisioning/lib.sh provisioning/lib/*.sh provisioning/steps/*
	shellcheck -x tests/deploy/stand_ins.sh
	shellcheck provisioning/boot/first-start provisioning/boot/provision-here provisioning/boot/firstrun.sh
	shellcheck provisioning/files/usr/local/lib/pana-kiosk/*
	shellcheck systemd/libexec/* debian/*.postinst debian/*.prerm
	shellcheck -s sh tests/deploy/container/*.sh
	$(PY) dev/house_rules.py

bench:  ## measure every figure of the README, each beside its peer
	@dev/setup.sh dev
	$(PY) -m bench $(ARGS)

RUNS ?= 500000
fuzz:  ## fuzz every parser of outside bytes, guided by coverage (RUNS=500000 inputs each, TARGETS=… for some)
	@dev/setup.sh dev
	@dev/fuzz.sh $(PY) $(RUNS) $(TARGETS)

KILLS ?= 1000
chaos:  ## kill, stop and cut off the real parts amid presses until so many were killed (KILLS=1000 SEED=…)
	@dev/setup.sh dev
	cd tests && ../$(PY) -m chaos.storm --kills $(KILLS) $(if $(SEED),--seed $(SEED)) $(ARGS)

soak:  ## an hour of the real parts under small troubles: memory, handles and files must not grow (SEED=…)
	@dev/setup.sh dev
	cd tests && ../$(PY) -m chaos.soak $(if $(SEED),--seed $(SEED)) $(ARGS)

virtual-day:  ## a day of kiosk and centre in virtual time: memory must not grow (SEED=…)
	@dev/setup.sh dev
	cd tests && ../$(PY) -m chaos.virtual_day $(if $(SEED),--seed $(SEED)) $(ARGS)

hunt:  ## let random stories of the simulation find each planted bug (SEED=…)
	@dev/setup.sh dev
	cd tests && ../$(PY) -m chaos.hunt $(if $(SEED),--seed $(SEED)) $(ARGS)

WORKERS ?= 2
mutate:  ## plant one bug at a time in the code that decides, and count those that its tests find
	@dev/setup.sh mutate
	$(PY) dev/mutate.py --workers $(WORKERS)

audit:  ## write a bill of materials of each lock file into dist/sbom, and ask for known holes
	@dev/setup.sh audit
	$(PY) dev/audit.py dist/sbom

prove:  ## do a long run of docs/proof/runs.toml, keep its figures, write docs/proof.md (RUN=simulation)
	@dev/setup.sh dev
	$(PY) dev/proof.py record $(RUN)
	$(PY) dev/proof.py write

apidoc:  ## write the interface files of docs/ from the types
	@dev/setup.sh dev
	$(PY) dev/apidoc.py

lock:  ## renew the hashed lock files from pyproject.toml
	@dev/setup.sh dev
	$(PY) dev/lock.py

deb:  ## build the Debian packages into dist/ and let lintian judge them
	@dev/setup.sh deb
	@dev/deb.sh dist
	lintian --profile debian --fail-on error,warning dist/pana-*_all.deb

release:  ## gather the signed release for all boards into dist/ (needs Internet and owner.key)
	@dev/setup.sh deb
	$(BIN)/kiosk fleet release build --out dist $(ARGS)

guest:  ## an emulated arm64 board: the pin, the centre, the voice, an SMS (docs/board.md)
	@dev/setup.sh guest
	$(PY) -m pytest -q -p no:randomly -m guest tests/deploy/guest/test_guest_press.py $(ARGS)

guest-full:  ## every test that boots a whole system: this board, containers, provisioned trees
	@dev/setup.sh guest-full
	$(PY) -m pytest -q -p no:randomly -m guest tests/deploy $(ARGS)
