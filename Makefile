# make demo: environment, install, the main job on the full panel.   make test: environment, install, test suite.
# make long: the tests that take minutes each.

PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do \
	$$p -c 'import sys, venv; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
OUT ?= demo
WORKERS := -n 2 --dist worksteal

.PHONY: demo test long quick lint docs install benchmark clean

demo: install
	$(BIN)/radiography demo --out $(OUT)

test: install
	$(BIN)/python -m pytest $(WORKERS) -m "not long"

# OHIF, a web viewer (MIT, 50 MB), for one of the long tests, which is skipped where there is no npm.
long: install tests/viewer/ohif
	$(BIN)/python -m pytest -m long

tests/viewer/ohif:
	@command -v npm >/dev/null || { echo "make: no npm, so the test of OHIF is skipped"; exit 0; }; \
	mkdir -p $@.part && cd $@.part && npm pack --silent @ohif/app@3.13.2 >/dev/null && tar -xzf ohif-app-3.13.2.tgz && \
	rm ohif-app-3.13.2.tgz && cd .. && mv ohif.part ohif || echo "make: OHIF cannot be had, so its test is skipped"

quick: install
	$(BIN)/python -m pytest $(WORKERS) -m "not slow and not long"

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m tests.docstring_rules

docs: install
	$(BIN)/python -m sphinx --builder html --quiet --fail-on-warning --keep-going docs docs/_build
	@echo "docs/_build/index.html"

benchmark: install
	for file in benchmarks/bench_*.py; do $(BIN)/python $$file || exit 1; done

install: $(VENV)/.installed

$(VENV)/.installed: requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "make: no Python 3.11 to 3.13 found" >&2; exit 1; }
	@echo "First run: making the environment in $(VENV) and installing the locked packages (a minute or two)."
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

clean:
	rm -rf $(VENV) demo docs/_build docs/pages .pytest_cache .mypy_cache .ruff_cache
