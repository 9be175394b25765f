# torchup: the commands of a checkout. `make setup` is the main one; `make help` lists all.
VENV := .venv
RUN := $(VENV)/bin
SETUP_FLAGS ?=
REFRESH_TESTS ?= test
# What is installed changes with these; the locks say what it is.
MAKERS := pyproject.toml installer/make-venv.sh installer/make_venv.py installer/package_sources.py
CATALOGUES := $(wildcard installer/torchup/locale/*/LC_MESSAGES/torchup.po)
.PHONY: help setup dry-run test lint types test-quick test-real test-nightly durations test-gpu bench docs pictures words lock refresh audit clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' Makefile | expand -t 22

$(VENV)/torchup.stamp: $(MAKERS) installer/locks/run.txt installer/locks/build.txt
	@echo "Preparing torchup's own environment in $(VENV) (once, some seconds) ..." >&2
	@sh installer/make-venv.sh $(VENV) run
	@touch $@

$(VENV)/dev.stamp: $(MAKERS) installer/locks/dev.txt
	@echo "Preparing the development environment in $(VENV) (once, some seconds) ..." >&2
	@sh installer/make-venv.sh $(VENV) dev
	@touch $@ $(VENV)/torchup.stamp

$(VENV)/audit/stamp: $(MAKERS) installer/locks/audit.txt $(VENV)/torchup.stamp
	@PATH="$(CURDIR)/$(RUN):$$PATH" sh installer/make-venv.sh $(VENV)/audit audit
	@touch $@

setup: $(VENV)/torchup.stamp ## set this machine up for PyTorch (ANSWERS=file.yaml: unattended)
	@# On a terminal the wizard asks; without one the recommended answers are taken.
	@if [ -n "$(ANSWERS)" ]; then set -- --answers "$(ANSWERS)"; \
	elif [ -t 0 ] && [ -t 1 ]; then set --; else set -- --yes; fi; \
	exec $(RUN)/torchup setup "$$@" $(SETUP_FLAGS)

dry-run: $(VENV)/torchup.stamp ## print the commands that `make setup` would run, as a script
	@$(RUN)/torchup setup $(if $(ANSWERS),--answers "$(ANSWERS)",--yes) --dry-run $(SETUP_FLAGS)

test: $(VENV)/dev.stamp $(CATALOGUES:.po=.mo) ## the tests, with lint and types beside them: 11 minutes on 2 cores
	@# tests/checks runs `make lint` and `make types`, so that pytest tells of everything and has the last word.
	$(RUN)/pytest -n 2 --dist loadgroup

test-quick: $(VENV)/dev.stamp ## the unit tests: without real torch, terminals and shells
	$(RUN)/pytest -n 2 -q tests/unit

test-real: $(VENV)/dev.stamp ## the real parts that take long, 7 to 20 minutes: Debian systems, torch, package managers
	TORCHUP_REAL=1 $(RUN)/pytest -n 2 --dist loadgroup -m real

test-nightly: $(VENV)/dev.stamp ## everything: those, and all of what `make test` has one of each kind of
	TORCHUP_NIGHTLY=1 $(RUN)/pytest -n 2 --dist loadgroup

durations: $(VENV)/dev.stamp ## measure what each file of tests takes: tests/durations.txt
	PYTHONPATH=tests $(RUN)/pytest -p support.durations -n 2 --dist loadgroup -q

test-gpu: ## the tensor test on this machine's GPUs; needs only a python3 that has torch
	python3 tests/gpu/run.py

lint: $(VENV)/dev.stamp $(CATALOGUES:.po=.mo)
	$(RUN)/ruff check .
	$(RUN)/ruff format --check .
	$(RUN)/lint-imports --no-cache
	$(RUN)/python -m knowledge_tables check
	$(RUN)/python docs/generate.py --check
	$(RUN)/python installer/catalogues.py check

types: $(VENV)/dev.stamp
	$(RUN)/mypy

bench: $(VENV)/dev.stamp ## ratios measured side by side, medians of several runs
	PYTHONPATH=tests $(RUN)/python -m bench.bench $(BENCH)

words: $(VENV)/dev.stamp ## bring the catalogues of translations up to date with the source
	$(RUN)/python installer/catalogues.py update

%.mo: %.po
	@$(RUN)/python installer/catalogues.py compile

docs: $(VENV)/dev.stamp ## write the generated pages again
	$(RUN)/python docs/generate.py

pictures: $(VENV)/dev.stamp ## draw the program's screens for the documentation (Linux)
	PYTHONPATH=tests $(RUN)/python docs/pictures.py $(PICTURES)

lock: $(VENV)/dev.stamp ## bring the locks up to date with pyproject.toml; nothing else moves
	@$(RUN)/python installer/locks.py lock

refresh: $(VENV)/dev.stamp ## move torchup's own dependencies forward, run the tests (REFRESH_TESTS=test-quick: those), print what moved
	@$(RUN)/python installer/locks.py refresh
	@if git diff --quiet HEAD -- installer/locks; then exit 0; fi; \
	$(MAKE) $(REFRESH_TESTS); failed=$$?; \
	$(RUN)/python installer/locks.py moved; \
	[ $$failed -eq 0 ] || echo "With that, make $(REFRESH_TESTS) fails; what was: git restore installer/locks" >&2; \
	exit $$failed

audit: $(VENV)/audit/stamp ## write dist/torchup.cdx.json (SBOM) and ask for known vulnerabilities (Error 3: out of reach)
	@$(RUN)/python installer/locks.py audit $(VENV)/audit/bin

clean: ## remove what make made
	rm -rf $(VENV) dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis
