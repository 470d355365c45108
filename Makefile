# Two commands matter: `make up` and `make test`. The rest is `.venv/bin/moe --help`.
SHELL := /bin/bash
.DEFAULT_GOAL := help
MOE := .venv/bin/moe

.PHONY: help up status down check test lint

help: ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

# Where uv is missing it comes from PyPI into a folder of its own, not into the system.
UV := $(shell command -v uv || echo .uv/bin/uv)

.uv/bin/uv:
	python3 -m venv .uv && .uv/bin/pip install --quiet uv

.venv/.synced: pyproject.toml uv.lock $(if $(findstring .uv,$(UV)),.uv/bin/uv)
	$(UV) sync --quiet --all-groups --locked
	@touch $@

# PROMETHEUS=1 and SPEED=60: docs/how-to/alerts-in-the-sandbox.md
up: .venv/.synced ## install, build what is missing, start the sandbox, `pulumi up` of stack local
	@$(MOE) sandbox up $(if $(filter-out 0,$(PROMETHEUS)),--prometheus) $(if $(SPEED),--speed $(SPEED))

status: .venv/.synced ## what runs in the sandbox
	@$(MOE) sandbox status || [ $$? -eq 3 ]

down: .venv/.synced ## remove the sandbox
	@$(MOE) sandbox down || [ $$? -eq 3 ]

# STACK, BASE, REPORTS, PROMTOOL and GITHUB_SUMMARY: docs/how-to/pull-request-gate.md
check: .venv/.synced ## judge a change before it is merged
	$(if $(REPORTS),@mkdir -p $(REPORTS))
	@$(MOE) check $(if $(STACK),$(addprefix --stack ,$(STACK)),--all) $(if $(BASE),--base $(BASE)) \
		$(if $(REPORTS),$(addprefix --output $(REPORTS)/check,.json .md .sarif .xml)) \
		$(if $(filter-out 0,$(PROMTOOL)),--promtool) $(if $(GITHUB_SUMMARY),--github-summary)

lint: .venv/.synced ## ruff and mypy
	.venv/bin/ruff check . && .venv/bin/ruff format --check .
	.venv/bin/mypy

test: lint ## lint, types, unit tests, and the engine tests on a sandbox of their own
	.venv/bin/pytest -n 2 --dist loadfile --no-loadscope-reorder --durations 10
