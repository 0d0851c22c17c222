# Linux and macOS; Windows has no make: README gives the two commands without it.
# Both `demo` and `test` do all the set-up they need, in .venv.
PYTHON ?= python3
BIN := .venv/bin
INSTALL := $(BIN)/python -m pip install --quiet -c constraints.txt -e .

.PHONY: help demo test lint clean

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-6s %s\n", $$1, $$2 }' Makefile

demo: .venv/.installed  ## train on the bundled nuclei for about a minute and segment an unseen image
	$(BIN)/napari-unet demo

test: lint  ## ruff, mypy and all tests
	$(BIN)/python -m pytest

lint: .venv/.installed-test  ## ruff and mypy only
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

clean:  ## delete .venv and all caches
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/.installed: .venv/.created pyproject.toml constraints.txt
	$(INSTALL)
	@touch $@

.venv/.installed-test: .venv/.created pyproject.toml constraints.txt
	$(INSTALL) --group test
	@touch .venv/.installed $@

# Debian and Ubuntu ship Python without venv; pip knows --group from 25.1 on.
.venv/.created:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo "Python 3.11 or newer is needed; name yours: make PYTHON=python3.12 ..."; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { \
	    if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	        apt-get update -qq && apt-get install -y -qq python3-venv; \
	    else \
	        echo "Python lacks venv; on Debian or Ubuntu run: sudo apt-get install python3-venv"; exit 1; \
	    fi; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	@touch $@
