# Every target makes .venv when it is missing or when its inputs changed.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# What export --to web puts beside a model: 14 MB that npm fetches, once for each clone.
WEB := src/convwise/ship/web/vendored
PIP_FLAGS := --quiet --disable-pip-version-check

.PHONY: demo test lint install web wheel docs bench clean

$(STAMP): pyproject.toml constraints.txt
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11 or newer is needed: apt install python3 python3-venv"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install $(PIP_FLAGS) --constraint constraints.txt torch
	$(BIN)/python -m pip install $(PIP_FLAGS) --constraint constraints.txt --editable '.[dev]'
	touch $(STAMP)

install: $(STAMP)

demo: $(STAMP)
	$(BIN)/convwise train fashion-mini --time-limit 45s

lint: $(STAMP)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

web: $(STAMP)
	test -f $(WEB)/ort-wasm-simd-threaded.wasm || $(BIN)/python -m convwise.ship.web.fetch $(WEB)

wheel: web
	$(BIN)/python -m pip wheel $(PIP_FLAGS) --no-deps --wheel-dir dist .

# Without npm or a network the tests of web pages are skipped, with that reason.
test: lint
	$(MAKE) --no-print-directory web || echo "the tests of web pages will be skipped"
	$(BIN)/python -m pytest --numprocesses 2

docs: $(STAMP)
	$(BIN)/python docs/generate.py
	$(BIN)/python docs/generate_concepts.py

bench: $(STAMP)
	$(BIN)/python benchmarks/train_throughput.py

clean:
	rm -rf $(VENV) $(WEB) dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
