# The commands of the hall.  `make help` lists them.
CENTER ?= qiandongnan
HOST ?=
PORT ?=
# one more than two cores: a third of its time a test waits for a browser, a server, a lock
JOBS ?= 3
PY := .venv/bin/python
HALL := $(PY) -m webapp.cli
export PYTHONDONTWRITEBYTECODE ?=

.PHONY: help demo reset-demo test check real migration lock bench-engine bench-inbox bench-interest bench-import prove clean
.DEFAULT_GOAL := help

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 24

demo: ## the demonstration on http://127.0.0.1:8000 (CENTER=xizang HOST= PORT= to change)
	@deploy/setup.sh base
	@exec $(HALL) demo --center "$(CENTER)" $(if $(HOST),--host "$(HOST)") $(if $(PORT),--port "$(PORT)")

reset-demo: ## throw the demonstration's data away and make it anew
	@deploy/setup.sh base
	@$(HALL) reset-demo --center "$(CENTER)"

test: ## set up what the tests need, and run all of them (ARGS= for pytest)
	@deploy/setup.sh test
	@$(PY) -m pytest -n $(JOBS) --dist loadscope --no-loadscope-reorder $(ARGS)

check: ## style, types, architecture, templates, diagrams
	@deploy/setup.sh dev
	@deploy/check.sh

real: ## PostgreSQL, Redis, gunicorn, RQ workers and scheduler on this machine
	@deploy/setup.sh real
	@exec $(PY) -m deploy.real

migration: ## write a migration from what the models say: make migration m="add holidays"
	@deploy/setup.sh dev
	@test -n "$(m)" || { echo '✗ 请写明内容：make migration m="…"' >&2; exit 1; }
	@$(HALL) migration "$(m)"

bench-engine: ## what one durable step costs, against the floor
	@deploy/setup.sh test
	@$(PY) -m tests.bench.engine_step

bench-inbox: ## what the inbox costs with a million open steps, against a thousand
	@deploy/setup.sh test
	@$(PY) -m tests.bench.inbox

bench-interest: ## what settling a million accounts costs, against bare SQL
	@deploy/setup.sh test
	@$(PY) -m tests.bench.interest

bench-import: ## what importing and exporting 100,000 rows costs, against openpyxl
	@deploy/setup.sh test
	@$(PY) -m tests.bench.roster_import

prove: ## 200 units, two years, through every verb, beside a recomputation; some 40 minutes (ARGS=)
	@deploy/setup.sh test
	@$(PY) -m tests.proof.prove $(ARGS)

lock: ## pin every dependency again, on purpose (needs uv)
	@for name in base dev node; do \
	  uv pip compile --quiet --universal --upgrade --generate-hashes --no-emit-index-url \
	    --python-version 3.11 --custom-compile-command "make lock" \
	    -o requirements/$$name.txt requirements/$$name.in || exit 1; done

clean: ## remove what was built; data in var/ stays
	@rm -rf .venv webapp/static/vendor webapp/assets/node_modules .mypy_cache .ruff_cache .pytest_cache
