# Everything a student, an author or an instructor runs. Each target sets up what it needs in .venv.
PYTHON ?= python3
ifeq ($(OS),Windows_NT)
BIN := .venv/Scripts
LATEST := .venv-latest/Scripts
else
BIN := .venv/bin
LATEST := .venv-latest/bin
endif
PY := $(BIN)/python
# JupyterLab refuses to run as root unless told (containers).
ROOT_FLAG := $(shell [ "$$(id -u 2>/dev/null)" = 0 ] && echo --allow-root)

.PHONY: help lab grader doctor test check chapters book site pdf student-pack test-latest requirements env dev clean
.DEFAULT_GOAL := help

help:            ## show this list
	@sed -n 's/^\([a-z-]*\): .*## /make \1	/p' Makefile | expand -t 22

env:
	@$(PYTHON) tools/bootstrap.py course

dev:
	@$(PYTHON) tools/bootstrap.py dev

lab: env         ## set up and open JupyterLab on chapter 00
	@$(BIN)/jupyter trust notebooks/*.ipynb >/dev/null
	$(BIN)/jupyter lab $(ROOT_FLAG) $(LAB_ARGS)

grader:          ## set up what grading a class needs: then .venv/bin/course grade --help
	@$(PYTHON) tools/bootstrap.py grade

doctor: env      ## say what this machine has, what it lacks, and the remedy
	$(BIN)/course doctor

test: dev        ## run every test (what CI runs)
	$(PY) -m tools.test all

check: dev       ## lint, types and unit tests, under two minutes
	$(PY) -m tools.test check

chapters: dev    ## execute the chapters that changed and write the notebooks (NAMES="01_perceptron" picks)
	$(PY) -m tools.chapters build $(NAMES)
	@$(PY) -m tools.pages && $(PY) -m tools.readme

book: dev        ## build the site, print its figures, serve it on 127.0.0.1
	$(PY) -m tools.site serve

site: dev        ## build the site into build/site, without serving it
	$(PY) -m tools.site build

pdf: dev         ## the book as one PDF: build/course.pdf
	$(PY) -m tools.pdf

student-pack: env ## the assignments as zip files without solutions: dist/
	@for name in $(patsubst assignments/src/%/hidden.py,%,$(wildcard assignments/src/*/hidden.py)); do $(BIN)/course pack $$name --out dist/$$name.zip || exit 1; done

test-latest:     ## run the checks with the newest allowed versions, in .venv-latest
	@$(PYTHON) tools/bootstrap.py latest
	$(LATEST)/python -m tools.test check

requirements: dev ## pin the newest versions that fit (maintainers; needs uv)
	$(PY) -m tools.requirements

clean:           ## remove what was built, not the environment
	rm -rf build dist .pytest_cache .ruff_cache .mypy_cache .hypothesis
