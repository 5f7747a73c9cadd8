# Everything a machine needs, installed by the project's own files. `make help` lists the targets.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Root installs system packages as it is; anybody else through sudo, where it asks no password.
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo -n)

.DEFAULT_GOAL := help
.PHONY: help install install-test system-test quickstart gate test test-slow bench bench-engine bench-latency bench-losses methods selftest docs check format lock clean

help: ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(VENV)/.installed ## an environment with kdbench, from the lock

$(VENV)/.created:
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
	  echo "this Python has no venv module: installing Debian's python3-venv"; \
	  $(SUDO) apt-get update -q && $(SUDO) apt-get install -qy python3-venv && $(PYTHON) -m venv $(VENV); }
	@touch $@

$(VENV)/.installed: requirements/run.lock pyproject.toml | $(VENV)/.created
	$(BIN)/python -m pip install -q --disable-pip-version-check -r requirements/run.lock
	$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps -e .
	@touch $@

$(VENV)/.installed-test: requirements/test.lock $(VENV)/.installed
	$(BIN)/python -m pip install -q --disable-pip-version-check -r requirements/test.lock
	@touch $@

install-test: $(VENV)/.installed-test

$(VENV)/.installed-bench: $(VENV)/.installed-test
	$(BIN)/python -m pip install -q --disable-pip-version-check -e '.[bench]'
	@touch $@

# Chromium for the tests that look at a report, Fashion-MNIST for those that need real data, and an emulator of
# processors that lack instructions which this one may have.
SYSTEM_PACKAGES := chromium dataset-fashion-mnist qemu-user
system-test:
	@missing=""; for p in $(SYSTEM_PACKAGES); do dpkg -s $$p >/dev/null 2>&1 || missing="$$missing $$p"; done; \
	if [ -n "$$missing" ]; then \
	  ($(SUDO) apt-get update -q && $(SUDO) apt-get install -qy --no-install-recommends $$missing) \
	  || echo "could not install$$missing: the tests that need them will be skipped, and say so"; \
	fi

quickstart: install ## run the quickstart suite, and say where its report is
	@$(BIN)/kdbench run quickstart

# Trained anew, so that nothing but the code decides; on another kind of processor the files differ, and are timed.
gate: install ## hold quickstart against the project's own baseline, and try the gate itself: some minutes
	@$(BIN)/kdbench check quickstart --baseline results/baselines/quickstart --fresh -q \
	  --results build/gate --reports build/gate
	@$(BIN)/kdbench selftest --aa 20 --margin .1 --inject 1.5 -q

# Each file runs in one of so many processes; nothing runs beside a test that measures time (tests/conftest.py).
PROCESSES ?= 2
test: install-test system-test ## install what the tests need, and run them (with format, lint, strict types)
	@$(BIN)/python -m pytest -m "not slow" -n $(PROCESSES) --dist loadfile --no-loadscope-reorder --benchmark-disable

test-slow: install-test system-test ## the tests that take minutes
	@$(BIN)/python -m pytest -m slow

bench: install-test ## micro-benchmarks: start of the command line, views, losses, a step, evaluation
	@$(BIN)/python -m benchmarks --benchmark-columns=min,median,iqr,rounds

# ARGS goes to the comparison (ARGS=--help lists what it takes); ARGS=--quick tries all of it out in minutes.
QUICK = $(filter --quick,$(ARGS))
bench-engine: $(VENV)/.installed-bench ## training beside torchdistill and a plain loop: hours; it can be stopped and continued
	@$(BIN)/python -m benchmarks.engine.compare $(ARGS)
	@$(BIN)/python -m benchmarks.pages --only performance $(QUICK)

bench-latency: $(VENV)/.installed-bench ## our latencies beside a bare loop and MLPerf LoadGen: a quarter of an hour on a quiet machine
	@$(BIN)/python -m benchmarks.fidelity $(QUICK)
	@$(BIN)/python -m benchmarks.pages --only fidelity $(QUICK)

bench-losses: install-test ## the cost of a training step under each loss, into docs/losses.md: minutes on a quiet machine
	@$(BIN)/python -m benchmarks.losses $(ARGS)
	@$(BIN)/python -m benchmarks.pages --only losses $(QUICK)

methods: install-test ## how often intervals, tests and verdicts are right, by simulation, into docs/method.md: minutes
	@$(BIN)/python -m tests.methods $(ARGS)
	@$(BIN)/python -m benchmarks.pages --only method $(QUICK)

selftest: install-test ## how often a check is wrong here, alone and beside a busy process, into docs/method.md: an hour
	@$(BIN)/python -m benchmarks.selftest
	@$(BIN)/python -m benchmarks.pages --only method

docs: install ## write the generated documents anew from docstrings and committed figures; nothing is measured
	@$(BIN)/python -m benchmarks.pages

check: test ## the same: tests, format, lint and strict types are one; what CI runs

format: install-test ## format the code and sort imports
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

lock: install-test ## resolve the locks anew
	$(BIN)/uv pip compile --universal --python-version 3.11 --no-header --no-annotate --no-emit-index-url \
	  --generate-hashes -q pyproject.toml -o requirements/run.lock
	$(BIN)/uv pip compile --universal --python-version 3.11 --no-header --no-annotate --no-emit-index-url \
	  --generate-hashes -q --extra test --extra dev -c requirements/run.lock pyproject.toml -o requirements/test.lock

clean: ## remove the environment and caches
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache build dist
