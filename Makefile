# make demo: watch the bundled model segment and anticipate a video it has never seen; leaves out/annotated.mp4.
# make test: what every change has to pass; minutes.
# make docs: the site of docs/, in out/site.
# make test-all: all of that, and what takes long: streams that break off, and every command in the docs.
# Each works alone on a fresh clone. The first run installs into .venv (some gigabytes, mostly PyTorch), later
# ones start at once. PYTHON chooses the interpreter of .venv: make demo PYTHON=python3.12

PYTHON ?= python3
# Processes that run tests; each takes up to 2 GB.
WORKERS ?= 2
BIN := .venv/bin

.PHONY: demo docs lint test test-all

demo: .venv/installed
	mkdir -p out
	$(BIN)/actfusion-kitchen out/kitchen.mp4 --seed 10007 --labels out/kitchen.txt
	$(BIN)/actfusion-stream --video out/kitchen.mp4 --output out/annotated.mp4 \
		--events out/events.jsonl --segments out/segments.csv
	@$(BIN)/python -m tools.demo.score out/segments.csv out/kitchen.txt
	@echo "The annotated video is out/annotated.mp4."

docs: .venv/installed-dev
	$(BIN)/mkdocs build
	@echo "The site is out/site/index.html."

lint: .venv/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache --no-logo

test: lint
	$(BIN)/python -m pytest -m "not slow" -n $(WORKERS) --dist loadfile

test-all: lint
	$(BIN)/python -m pytest -rs -n $(WORKERS) --dist loadfile

# An empty file says which extras are installed; newer project files make pip look again.
.venv/installed: pyproject.toml constraints.txt | .venv/bin/pip
	$(BIN)/pip install -c constraints.txt -e .
	touch $@

.venv/installed-dev: pyproject.toml constraints.txt | .venv/bin/pip
	$(BIN)/pip install -c constraints.txt -e '.[dev]'
	touch $@ .venv/installed

.venv/bin/pip:
	$(PYTHON) -m venv .venv
