# Vọng Gác. `make demo` shows it; `make test` proves it. Every target brings what it needs.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.ready
UV_PIN := 0.13.9
UV     := $(shell command -v uv 2>/dev/null || echo .uv/bin/uv)

.PHONY: setup demo test check bench docs lock matrix hostile fuzz clean help

help:            ## what there is
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/'

setup: $(STAMP)  ## build .venv with .venv/bin/vonggac

.uv/bin/uv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or later is needed; this is $$($(PYTHON) --version)"; exit 1; }
	@$(PYTHON) -m venv .uv || { echo "python3-venv is missing: apt-get install python3-venv"; exit 1; }
	@.uv/bin/pip --disable-pip-version-check install --quiet uv==$(UV_PIN)

$(STAMP): pyproject.toml requirements-dev.lock | $(filter .uv/bin/uv,$(UV))
	@test -x $(BIN)/python || $(UV) venv --quiet --python $(PYTHON) $(VENV)
	@$(UV) pip sync --quiet --require-hashes --python $(BIN)/python requirements-dev.lock
	@$(UV) pip install --quiet --no-deps --no-build-isolation --python $(BIN)/python --editable .
	@touch $@

demo: setup      ## a virtual facility with eight cameras, an invented province, and one URL
	@exec $(BIN)/vonggac demo

test: setup      ## every test, on real peers
	@scripts/system-packages
	$(BIN)/python scripts/run_tests.py $(ARGS)

check: setup     ## formatting, lint, types, layers, spelling
	$(BIN)/ruff format --check src tests bench scripts
	$(BIN)/ruff check src tests bench scripts
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/codespell src tests docs bench README.md CHANGELOG.md CONTRIBUTING.md SECURITY.md
	$(BIN)/python scripts/style.py

bench: setup     ## the figures, each beside its peer
	@scripts/system-packages
	$(BIN)/python bench/record.py
	$(BIN)/python bench/crash.py
	$(BIN)/python bench/truth.py
	$(BIN)/python bench/live.py
	$(BIN)/python bench/seek.py

matrix: setup    ## how many cells of route, role and scope there are, and that none is undefined
	$(BIN)/python -m pytest -q tests/web/test_matrix.py

hostile: setup   ## every hostile value into every form, and many cases of every operation
	VONGGAC_HOSTILE=all VONGGAC_SCHEMATHESIS=100 $(BIN)/python -m pytest -q \
	  tests/web/test_hostile_forms.py tests/web/test_schemathesis.py

fuzz: setup      ## a million mutated cases through every parser
	$(BIN)/python tests/fuzz/run.py --cases 1000000

docs: setup      ## the generated pages of docs/ref
	$(BIN)/python scripts/reference.py

lock: .uv/bin/uv ## make the hashed lock files again
	$(UV) pip compile --quiet --universal --generate-hashes --no-emit-index-url \
	  --python-version 3.11 pyproject.toml --output-file requirements.lock
	$(UV) pip compile --quiet --universal --generate-hashes --no-emit-index-url \
	  --python-version 3.11 --extra dev pyproject.toml --output-file requirements-dev.lock

clean:           ## what was built, not what was recorded
	rm -rf $(VENV) .uv .mypy_cache .ruff_cache .pytest_cache .hypothesis
