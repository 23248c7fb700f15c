# Everything in one place: `make demo` shows it, `make test` proves it. Needs git, make and Python 3.11 or newer.

PYTHON := $(firstword $(foreach name,python3.11 python3.12 python3.13 python3,$(shell command -v $(name) 2>/dev/null)))
VENV := .venv
READY := $(VENV)/ready

.PHONY: demo test lint types migrations check faults invariants benchmarks lock clean

demo: $(READY)
	$(VENV)/bin/python manage.py demo

test: $(READY)
	$(VENV)/bin/pytest -n auto $(ARGS)

lint: $(READY)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check -q .

types: $(READY)
	$(VENV)/bin/mypy .

migrations: $(READY)
	$(VENV)/bin/python manage.py makemigrations --check --dry-run

check: lint types migrations test

# kills and broken calls, then both ledgers laid side by side: make faults ARGS="--documents 10000 --kills 200 --seed 7"
faults: $(READY)
	$(VENV)/bin/python -m tests.faults $(ARGS)

# generated sequences of papers and bookings, shared among the cores: make invariants GENERATED_CASES=500
GENERATED_CASES ?= 10000
invariants: $(READY)
	$(VENV)/bin/python -m tests.acceptance --cases $(GENERATED_CASES) $(ARGS)

# one of them with its size: .venv/bin/python -m tests.benchmarks.volume 2500 2
benchmarks: $(READY)
	for name in calls lines hooks latency volume memory; do $(VENV)/bin/python -m tests.benchmarks.$$name || exit 1; done

# the exact versions with their hashes, from the reasons in pyproject.toml; names no index and no host
lock: $(READY)
	$(VENV)/bin/pip-compile -q --extra dev --strip-extras --generate-hashes --allow-unsafe --no-emit-index-url \
		--no-emit-trusted-host --no-emit-find-links --no-header --annotation-style line -o requirements.lock pyproject.toml

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis

# made anew when the lock changed; the stamp is written last, so that a broken installation is tried again
$(READY): requirements.lock
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed: install python3 and python3-venv, then try again." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed, $(PYTHON) is $$($(PYTHON) --version): install it, then try again." >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || \
		{ echo "$(PYTHON) cannot make virtual environments: install its venv package (Debian: python3-venv), then try again." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements.lock
	@touch $(READY)
