# What a developer types. ARGS="..." is handed on: make test ARGS="tests/unit -k lease"
# JOBS=0 runs tests one after another: make test JOBS=0 ARGS="tests/unit -k lease --pdb"
JOBS ?= 2
.DEFAULT_GOAL := help
.PHONY: help demo test lint bench chaos image lock clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: ## a living store in your browser; needs Python 3.11 or newer and nothing else
	@.ci/venv demo
	@.venv/bin/endcap-sim demo $(ARGS)

test: ## every test, quick ones first; brings the real servers where it may
	@.ci/venv dev
	@tests/servers/setup.sh
	@.venv/bin/pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder $(ARGS)

lint: ## ruff, mypy --strict and the import contracts
	@.ci/venv dev
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/mypy --strict
	.venv/bin/lint-imports

bench: ## the path from sighting to screen, measured; figures go to .cache/bench/path.json
	@.ci/venv demo
	@tests/servers/setup.sh
	@mkdir -p .cache/bench
	@.venv/bin/endcap-sim bench path --json .cache/bench/path.json $(ARGS)

chaos: ## a hundred kills of real processes, then every sale is counted
	@.ci/venv demo
	@tests/servers/setup.sh
	@.venv/bin/endcap-sim chaos --kills 100 $(ARGS)

image: ## the store's image, by docker or else by buildah
	@tests/servers/image.sh $(ARGS)

lock: ## resolve requirements.lock again
	@[ -x .venv/bin/python ] || .ci/venv dev
	@.venv/bin/python -m pip install --quiet --disable-pip-version-check uv
	@.venv/bin/python .ci/lock.py write .venv/bin/uv

clean: ## everything that was made here: .venv, .cache, caches
	@rm -rf .venv .cache build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find edge cloud actors protocols sim tests -name __pycache__ -type d -prune -exec rm -rf {} +
