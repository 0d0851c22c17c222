# Linux and macOS; Windows has no make: docs/getting-started.md has the commands without it.
# Both `demo` and `test` do all the set-up they need, in .venv.
PYTHON ?= python3
BIN := .venv/bin
INSTALL := $(BIN)/python -m pip install --quiet -c constraints.txt
# What Qt and its OpenGL need of Debian and Ubuntu, and a screen where there is none.
PACKAGES := xvfb libgl1 libglx-mesa0 libgl1-mesa-dri libegl1 libopengl0 libdbus-1-3 \
    libxkbcommon-x11-0 libfontconfig1 libxrender1 libxi6 libxcb-cursor0 libxcb-icccm4 \
    libxcb-image0 libxcb-keysyms1 libxcb-randr0 libxcb-render-util0 libxcb-shape0 \
    libxcb-xfixes0 libxcb-xinerama0 libxcb-xinput0
# With a screen (always on a Mac) napari opens on it; without one, on a virtual one.
SCREEN := $(or $(DISPLAY),$(WAYLAND_DISPLAY),$(filter Darwin,$(shell uname)))
XVFB := $(if $(SCREEN),,xvfb-run -a -s "-screen 0 1400x900x24")

# Tests start many processes, which would each compile the package anew.
unexport PYTHONDONTWRITEBYTECODE
# Two processes, each with its own files and its own viewer.
PYTEST := $(XVFB) $(BIN)/python -m pytest -n 2 --dist loadfile

.PHONY: help demo test test-fast bench-quick lint docs screenshots screen clean

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' Makefile

demo: .venv/.installed$(if $(SCREEN),-napari)  ## train on the bundled nuclei for about a minute and segment an unseen image
	$(BIN)/napari-unet demo

test: lint screen  ## ruff, mypy and all tests
	$(PYTEST)

test-fast: .venv/.installed-test screen  ## what to run before a commit: no trainings, a test or two of each dock
	$(PYTEST) -m "not slow"

bench-quick: .venv/.installed-test screen  ## every benchmark and script for seconds: whether they still run
	$(XVFB) $(BIN)/python benchmarks/quick.py

docs: .venv/.installed-docs  ## make the site, docs/_build/html/index.html
	$(BIN)/sphinx-build -q -E -W --keep-going docs docs/_build/html
	@echo docs/_build/html/index.html

screenshots: .venv/.installed-test screen  ## make the pictures of docs/images
	$(if $(XVFB),xvfb-run -a -s "-screen 0 1280x800x24") $(BIN)/python docs/screenshots.py

lint: .venv/.installed-test  ## ruff and mypy only
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

clean:  ## delete .venv and all caches
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist docs/_build
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/.installed: .venv/.created pyproject.toml constraints.txt
	$(INSTALL) -e .
	@touch $@

.venv/.installed-napari: .venv/.created pyproject.toml constraints.txt
	$(INSTALL) -e '.[all]'
	@touch .venv/.installed $@

.venv/.installed-test: .venv/.created pyproject.toml constraints.txt
	$(INSTALL) -e . --group test --group pyqt6
	@touch .venv/.installed $@

.venv/.installed-docs: .venv/.created pyproject.toml constraints.txt
	$(INSTALL) -e . --group docs
	@touch .venv/.installed $@

# A screen for the tests of the docks: nothing to do where there is one.
screen:
ifneq ($(XVFB),)
	@if command -v dpkg >/dev/null; then \
	    dpkg -s $(PACKAGES) >/dev/null 2>&1 && exit 0; \
	    if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	        apt-get update -qq && \
	        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $(PACKAGES) >/dev/null; \
	    else \
	        echo "napari needs packages of the system; run:"; \
	        echo "sudo apt-get install $(PACKAGES)"; exit 1; \
	    fi; \
	elif ! command -v xvfb-run >/dev/null; then \
	    echo "there is no screen: install xvfb (xorg-x11-server-Xvfb), or set DISPLAY"; exit 1; \
	fi
endif

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
