# Thin on purpose: each target is one or two commands that can also be typed by hand.
# Needs Python 3.11 or newer with venv, git and make; everything else is installed by the targets.

PYTHON ?= python3
PORT ?= 9090
# Extra arguments: make serve ARGS="--log-level debug", make test ARGS="-k pages"
ARGS ?=

VENV := .venv
STUDIO_VENV := .venv-labelstudio
STORE_VENV := .venv-object-store
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet --quiet
# Files of tests run side by side, those with a Label Studio in one process that begins first (tests/conftest.py).
# ARGS="--numprocesses 0" to stop in a debugger.
PYTEST := $(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder
LOCK := $(BIN)/pip-compile --quiet --strip-extras --no-allow-unsafe --no-emit-index-url --no-emit-find-links \
	--no-emit-trusted-host --no-emit-options --no-header --annotation-style=line

.DEFAULT_GOAL := help
.PHONY: help install serve test test-fast test-train test-container container-tools lint format bench bench-check fast-path train-env \
	studio studio-env environments browser lock clean

help: ## Show this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1|\2/p' $(MAKEFILE_LIST) | while IFS='|' read -r name text; do \
		printf '  make %-10s %s\n' "$$name" "$$text"; done

install: $(VENV)/.runtime ## Create .venv and install the package in it, with pinned versions

serve: install ## Serve the embedded model to Label Studio on port 9090 (PORT=...)
	$(BIN)/imagefaulty serve --port $(PORT) $(ARGS)

test: $(VENV)/.test environments ## Run all tests, with a real Label Studio and Chromium
	$(PYTEST) -m "not container" $(ARGS)

test-fast: $(VENV)/.test ## Run the tests that need neither Label Studio nor a browser
	$(PYTEST) -m "not integration and not container" $(ARGS)

test-train: $(VENV)/.train ## Run the tests of training, with torch (several hundred megabytes)
	$(PYTEST) tests/training $(ARGS)

test-container: $(VENV)/.test container-tools ## Build the container image without Docker, run it and test it (root)
	$(BIN)/python -m pytest -m container $(ARGS)

lint: $(VENV)/.test $(VENV)/.lint ## Check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/.lint ## Put the code into the house format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.test ## Measure speed against the decode floor and the reference pipeline
	$(BIN)/python -m benchmarks $(ARGS)

bench-check: $(VENV)/.test ## Measure, and fail where a ratio fell by 15 % since the last kept run
	$(BIN)/python -m benchmarks --check $(ARGS)

fast-path: $(VENV)/.test ## Check on all held-out pages that shrinking while decoding costs no accuracy (DATA=folder)
	$(BIN)/python -m benchmarks.fast_path $(or $(DATA),../shared/data) $(ARGS)

train-env: $(VENV)/.train ## Add what training needs to .venv

studio: install $(STUDIO_VENV)/.installed ## Try it all: a real Label Studio with sample pages, connected and predicted
	@$(BIN)/python examples/studio.py $(ARGS)

studio-env: $(STUDIO_VENV)/.installed ## Create the second environment, with the newest Label Studio

environments: $(STUDIO_VENV)/.installed $(STORE_VENV)/.installed browser ## Get what tests need beside .venv: Label Studio, an S3 server, Chromium

browser: ## Install Debian's Chromium for the browser tests where it is missing
	@if command -v chromedriver >/dev/null && command -v chromium >/dev/null; then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends \
			chromium chromium-driver fonts-dejavu-core; \
	else \
		echo "chromium and chromedriver are missing, so the browser tests will be skipped;" \
			"to run them: sudo apt-get install chromium chromium-driver" >&2; \
	fi

container-tools:
	@if command -v buildah >/dev/null && command -v debootstrap >/dev/null; then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends \
			buildah debootstrap; \
	else \
		echo "buildah and debootstrap are missing, so the image will not be tested;" \
			"to test it: sudo apt-get install buildah debootstrap, then make test-container as root" >&2; \
	fi

lock: $(VENV)/.lint ## Pin the newest versions that pyproject.toml and requirements/*.in allow
	$(LOCK) --upgrade --output-file requirements/runtime.txt pyproject.toml
	$(LOCK) --upgrade --constraint requirements/runtime.txt --output-file requirements/test.txt requirements/test.in
	$(LOCK) --upgrade --constraint requirements/runtime.txt --constraint requirements/test.txt \
		--output-file requirements/lint.txt requirements/lint.in
	$(LOCK) --upgrade --constraint requirements/runtime.txt --constraint requirements/test.txt \
		--output-file requirements/build.txt requirements/build.in
	$(LOCK) --upgrade --constraint requirements/runtime.txt --output-file requirements/gpu.txt requirements/gpu.in
	@# An environment of its own: Gradio holds Pillow below the version that runtime.txt has.
	$(LOCK) --upgrade --extra demo --output-file requirements/demo.txt pyproject.toml
	$(LOCK) --upgrade --extra train --constraint requirements/runtime.txt --constraint requirements/test.txt \
		--constraint requirements/train.in --output-file requirements/train.txt pyproject.toml
	@# A pin such as torch==2.13.0+cpu names one build; which build fits, and with which drivers, is the machine's affair.
	sed -e 's/^\(torch==[0-9.]*\)+[a-z0-9]*/\1/' -e '/^nvidia-/d' -e '/^cuda-/d' -e '/^triton==/d' \
		requirements/train.txt >requirements/train.txt.new
	mv requirements/train.txt.new requirements/train.txt

clean: ## Remove environments, caches and build results
	rm -rf .venv $(STUDIO_VENV) $(STORE_VENV) .cache build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find src tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

# Stamps: a file that is newer than what it was made from says that nothing needs to be done.

$(VENV)/.created:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "ImageFaulty needs Python 3.11 or newer, and $(PYTHON) is $$($(PYTHON) --version 2>&1);" \
			"name another: make PYTHON=python3.12 ..." >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
		echo "$(PYTHON) cannot create environments; on Debian: sudo apt-get install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.runtime: $(VENV)/.created requirements/runtime.txt pyproject.toml
	$(PIP) install -r requirements/runtime.txt
	$(PIP) install --no-deps --editable .
	@touch $@

$(VENV)/.test: $(VENV)/.runtime requirements/test.txt requirements/build.txt
	$(PIP) install -r requirements/runtime.txt -r requirements/test.txt -r requirements/build.txt
	@touch $@

$(VENV)/.lint: $(VENV)/.runtime requirements/lint.txt
	$(PIP) install -r requirements/lint.txt
	@touch $@

$(VENV)/.train: $(VENV)/.test requirements/train.txt
	$(PIP) install -r requirements/train.txt
	@touch $@

# Not pinned: the promise is that the newest Label Studio works. `make clean` or removing the folder brings it up to date.
$(STUDIO_VENV)/.installed: $(VENV)/.created
	$(PYTHON) -m venv $(STUDIO_VENV)
	$(STUDIO_VENV)/bin/python -m pip --disable-pip-version-check --quiet --quiet install --upgrade label-studio
	@touch $@

# An S3-compatible server for the tests. The extra [server] would bring all of AWS, sixty packages instead of thirty.
$(STORE_VENV)/.installed: $(VENV)/.created
	$(PYTHON) -m venv $(STORE_VENV)
	$(STORE_VENV)/bin/python -m pip --disable-pip-version-check --quiet --quiet install --upgrade "moto[s3]" flask flask-cors
	@touch $@
