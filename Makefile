# Two commands matter: `make run` and `make test`. Each does all of its own set-up.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check

POSTS ?=
ENCODER ?= small

.PHONY: run model test lint audit lock bench clean help
.DEFAULT_GOAL := help

help:  ## Show this help
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 10

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

# Stamps: an install is repeated only when what it depends on has changed.
# Every file that pip takes has the sha256 that stands in a lock.
$(VENV)/.installed-bot: pyproject.toml requirements/bot.txt | $(BIN)/python
	$(PIP) install -q --require-hashes -r requirements/bot.txt
	$(PIP) install -q --no-deps --no-build-isolation -e .
	@touch $@

# Whoever installs a lock gets what was tested, on any platform; setuptools installs this project.
LOCK = echo 'setuptools>=77' | $(BIN)/python -m uv pip compile -q --universal --generate-hashes --no-annotate \
	--no-header --python-version 3.11 -c constraints.txt pyproject.toml -

lock:  ## Write requirements/*.txt anew, after a change of the dependencies (pip install uv first)
	$(LOCK) --extra postgres -o requirements/bot.txt
	$(LOCK) --extra training -o requirements/training.txt
	$(LOCK) --extra training --extra dev -o requirements/dev.txt

$(VENV)/.installed-dev: pyproject.toml requirements/dev.txt | $(BIN)/python
	$(PIP) install -q --require-hashes -r requirements/dev.txt
	$(PIP) install -q --no-deps --no-build-isolation -e .
	@touch $@ $(VENV)/.installed-bot

run: $(VENV)/.installed-bot  ## Start the bot (with TELEGRAM_BOT_TOKEN: Telegram; without: the local chat)
	$(BIN)/image2pic-bot

model: $(VENV)/.installed-dev  ## Learn from your own posts: make model POSTS=~/ChatExport
	@test -n "$(POSTS)" || { echo 'make model POSTS=PATH: a Telegram Desktop export (JSON), a folder of photos, or a corpus' >&2; exit 2; }
	$(BIN)/image2pic build "$(POSTS)" --out models/mine --encoder $(ENCODER)
	@echo 'Now: MODEL=models/mine make run (or MODEL=models/mine in .env)'

test: $(VENV)/.installed-dev  ## Run the tests (under 10 minutes on two cores)
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "not slow"

lint: $(VENV)/.installed-dev  ## ruff and mypy --strict
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m mypy

audit: $(VENV)/.installed-dev  ## Name dependencies with known weaknesses (asks the Python advisory database)
	@said=$$($(BIN)/python -m pip_audit --strict --skip-editable 2>&1); code=$$?; \
	case "$$said" in *Traceback*|*'could not be audited'*) \
	    echo "not audited, the advisory database cannot be asked from here: $$(echo "$$said" | tail -n 1)" >&2; exit 2;; \
	esac; echo "$$said"; exit $$code

bench: $(VENV)/.installed-dev  ## Benchmarks: tables of ratios, measured side by side
	$(BIN)/python -m bench

clean:  ## Remove the environment and caches
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache *.egg-info
