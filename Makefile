# make run GOAL="…"   reach a goal with the embedded model; without GOAL, a demonstration
# make test           the tests                make test-slow  those that need the large model
# make test-browser   those that need chromium   make test-minilm  those that need the packaged encoder
# make test-langchain LangChain's own suites, on what is theirs through the bridge
# make test-triton    the kernels for a GPU, in Triton's interpreter
# make test-chroma    vectors in an embedded Chroma, and its 80 packages
# make test-serving   200 clients of a served model for five minutes
# make check          lint, types, layers, documentation
# make adapter        the adapter of smollm2 from nothing: hours   make floor   that it still works
# make adapter-large  that of qwen2.5-coder:1.5b
# make goals          which example goals a model reaches (MODEL=…, SET=goals|fresh|typed|later|cafe)
# make bench          the benchmarks           make clean      remove what was made here
#
# Variables: GOAL, WORKSPACE (this folder), MODEL (provider:name), ARGS (more flags),
# WORKERS (processes that run tests), PYTHON, VENV (.venv), UV (empty for pip alone), TORCH_BACKEND (for uv; cpu).

SHELL := /bin/sh
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help run test test-slow test-browser test-minilm test-langchain test-triton test-chroma test-serving \
	check goals adapter adapter-large floor bench clean local dev small

SET ?= goals
# more than there are cores: most tests wait for a process
WORKERS ?= 3
VENV ?= .venv
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$p" && exit; done; echo python3)
UV ?= $(shell command -v uv)
# For uv: a build of torch for the GPU is 3 GB, the one for the processor 200 MB.
TORCH_BACKEND ?= cpu
FLOOR ?= 3

py := $(VENV)/bin/python
agentkit := $(py) -m agentkit

# What a person wrote reaches the shell through the environment, never as text that make or the
# shell reads again: a goal may hold quotes, $ and backticks. make would expand GOAL in exporting it.
unexport GOAL WORKSPACE MODEL
override RUN_GOAL := $(value GOAL)
override RUN_WORKSPACE := $(value WORKSPACE)
override RUN_MODEL := $(value MODEL)
export RUN_GOAL RUN_WORKSPACE RUN_MODEL

# The embedded model that reaches most on a machine with this much memory.
best := from agentkit.models.embedded import BY_REACH, SMALL_MACHINE, machine_memory; \
	print(BY_REACH[0 if machine_memory() >= SMALL_MACHINE else -1])

# Installed is what these files say, in this place; while that holds, nothing asks the network.
key := $(shell { cat pyproject.toml constraints.txt; pwd; } | cksum | tr -d ' \t')
stamps := $(VENV)/.made

help:
	@sed -n '/^# make/s/^# //p' Makefile

run: local
	@set -e; demo=; \
	set -- $(ARGS); \
	if [ -n "$$RUN_GOAL" ]; then \
		if [ -n "$$RUN_WORKSPACE" ]; then set -- --workspace "$$RUN_WORKSPACE" "$$@"; fi; \
	else \
		RUN_GOAL='Append the line "- [ ] call the bank" to todo.md'; demo=yes; \
		rm -rf build/notes; mkdir -p build; cp -R examples/notes build/notes; \
		echo "==> demonstration on build/notes, a copy of examples/notes"; \
		set -- --workspace build/notes "$$@"; \
	fi; \
	case "$${RUN_MODEL:=$${AGENTKIT_MODEL:-auto}}" in \
		auto) embedded=$$($(py) -c '$(best)');; \
		local:*/* | local:.* | local:~*) embedded=;; \
		local:*) embedded=$${RUN_MODEL#local:};; \
		*) embedded=;; \
	esac; \
	if [ -n "$$embedded" ]; then $(agentkit) models fetch "$$embedded"; fi; \
	status=0; $(agentkit) run --model "$$RUN_MODEL" "$$@" -- "$$RUN_GOAL" || status=$$?; \
	if [ -n "$$demo" ]; then \
		echo "==> what changed on disk"; \
		diff -ruN examples/notes build/notes || true; \
	fi; \
	exit $$status

# documents are executed by `check`
test: dev small
	@echo "==> tests"
	@$(py) -m pytest -n $(WORKERS) --dist worksteal --ignore tests/test_docs.py $(ARGS)

test-slow: dev small $(stamps)/langchain-$(key)
	@$(agentkit) models fetch qwen2.5-coder:1.5b
	@echo "==> slow tests"
	@$(py) -m pytest -m slow $(ARGS)

test-browser: dev $(stamps)/browser-$(key)
	@echo "==> tests in a browser"
	@$(py) -m pytest -m browser $(ARGS)

test-minilm: dev
	@$(agentkit) models fetch minilm
	@echo "==> tests with the packaged encoder"
	@$(py) -m pytest -m minilm $(ARGS)

# the suites load pytest plugins of their own, which count on one process
test-langchain: dev $(stamps)/langchain-$(key)
	@echo "==> LangChain's and LangGraph's suites"
	@$(py) -m pytest -m 'langchain and not slow' tests/bridges $(ARGS)

# kernels run number by number on the processor; TRITON_INTERPRET=0 runs them on a GPU
test-triton: dev $(stamps)/triton-$(key)
	@echo "==> tests of kernels"
	@TRITON_INTERPRET=$${TRITON_INTERPRET:-1} $(py) -m pytest -n $(WORKERS) -m triton tests/local_models $(ARGS)

test-chroma: dev $(stamps)/chroma-$(key)
	@echo "==> tests with Chroma"
	@$(py) -m pytest -m chroma tests/retrieval $(ARGS)

test-serving: dev small
	@echo "==> 200 clients for five minutes"
	@$(py) -m pytest -m serving -s tests/local_models/serving $(ARGS)

check: dev
	@echo "==> lint"
	@$(py) -m ruff check .
	@$(py) -m ruff format --check .
	@echo "==> types"
	@$(VENV)/bin/pyright --pythonpath $(py)
	@echo "==> layers"
	@$(VENV)/bin/lint-imports
	@echo "==> documentation"
	@$(py) -m pytest -q tests/test_docs.py

goals: local
	@$(agentkit) eval examples/goals/task.py:$(SET) --model "$${RUN_MODEL:-auto}" $(ARGS)

bench: dev small
	@set -e; for benchmark in $(filter-out benchmarks/facts.py,$(wildcard benchmarks/*.py)); do \
		echo "==> $$benchmark"; $(py) "$$benchmark"; done

# Each stage writes its own episodes and begins from the adapter of the one before; a stage that was
# stopped goes on where it was.
stages := 1 2 3
made := build/adapter
episodes := PYTHONPATH=training $(py) -m episodes
# docs/training.md, Speed: half as many tokens again
fast := OMP_WAIT_POLICY=ACTIVE GLIBC_TUNABLES=glibc.malloc.hugetlb=1:glibc.malloc.mmap_threshold=4294967296:glibc.malloc.trim_threshold=17179869184

adapter: dev small $(stages:%=$(made)/%/trained)
	@$(py) training/ship.py $(made)/$(lastword $(stages))/adapter.safetensors

# Three hours and one more on two quiet cores with AMX, and 16 GB of memory; half an hour for the mistakes.
adapter-large: dev small $(made)/large2/trained
	@$(py) training/ship.py $(made)/large2/adapter.safetensors --model qwen2.5-coder:1.5b \
		--halfway-from $(made)/large/adapter.safetensors

# a row of more than the recipe's 2,400 tokens would be an error; of numbers, so many characters are fewer
brief := --most-characters 4200
train_large := OMP_WAIT_POLICY=ACTIVE GLIBC_TUNABLES=glibc.malloc.hugetlb=1 $(agentkit) train

$(made)/large/trained: training/large.toml
	@echo "==> the adapter of the large model"
	@$(agentkit) models fetch qwen2.5-coder:1.5b
	@mkdir -p $(made)/large
	@$(episodes) write $(made)/large --episodes 4800 --seed 11 $(brief)
	@$(episodes) write $(made)/large/tools --episodes 480 --seed 31 $(brief) --only user_tool
	@$(episodes) general $(made)/large/general.jsonl --rows 150 --seed 1
	@$(train_large) $< --out $(made)/large --resume
	@touch $@

$(made)/large2/trained: training/large2.toml $(made)/large2/corrected.jsonl
	@echo "==> stage 2 of the adapter of the large model"
	@$(episodes) write $(made)/large2 --episodes 240 --seed 501 $(brief)
	@$(episodes) write $(made)/large2/tools --episodes 48 --seed 531 $(brief) --only user_tool
	@$(episodes) by-hand $(made)/large2/worlds.jsonl --seed 301 --wordings 1 $(brief)
	@$(train_large) $< --out $(made)/large2 --resume
	@touch $@

$(made)/large2/corrected.jsonl: $(made)/large/trained
	@echo "==> its mistakes on goals written by hand, corrected"
	@mkdir -p $(@D) && $(episodes) correct $@ --by-hand --episodes 300 --seed 201 $(brief) \
		--model local:qwen2.5-coder:1.5b+$(made)/large/adapter.safetensors

$(made)/general.jsonl:
	@echo "==> general text in the base's own words"
	@mkdir -p $(made) && $(episodes) general $@.part --rows 1000 --seed 1 && mv $@.part $@

$(made)/%/train.jsonl:
	@echo "==> episodes of stage $*"
	@mkdir -p $(made)/$* && $(episodes) write $(made)/$* --episodes 12000 --seed $*

# A stamp: an adapter lies there after every sitting, a whole stage only when no step is left.
$(made)/%/trained: training/stage%.toml $(made)/%/train.jsonl $(made)/general.jsonl
	@echo "==> stage $*"
	@$(fast) $(agentkit) train $< --out $(made)/$* --resume
	@touch $@

$(made)/3/trained: $(made)/3/corrected.jsonl

$(made)/3/corrected.jsonl: $(made)/2/trained
	@echo "==> mistakes of the adapter of stage 2, corrected"
	@mkdir -p $(@D) && $(episodes) correct $@ --model local:smollm2+$(made)/2/adapter.safetensors --episodes 4000 --seed 3

.PRECIOUS: $(made)/%/train.jsonl

# Families that nothing was trained on; a broken adapter reaches fewer.
floor: dev small
	@$(agentkit) eval training/cases.py:floor --model local:smollm2 --at-least $(FLOOR) $(ARGS)

clean:
	rm -rf .venv build dist .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find agentkit tools prompts local_models tests examples benchmarks -name __pycache__ -prune -exec rm -rf {} +

small: local
	@$(agentkit) models fetch smollm2

local: $(stamps)/local-$(key)
dev: $(stamps)/dev-$(key)

ifeq ($(strip $(UV)),)
install := $(py) -m pip install --quiet --disable-pip-version-check
else
# the variable, unlike the flag, is no error for a uv that does not know it yet
install := UV_TORCH_BACKEND=$(TORCH_BACKEND) $(UV) pip install --quiet --python $(py)
endif

$(stamps)/local-$(key): | $(stamps)/venv
	@echo "==> installing agentkit with its local engine into $(VENV)"
	@$(install) --constraint constraints.txt --editable '.[local,repl]'
	@touch $@

$(stamps)/dev-$(key): $(stamps)/local-$(key)
	@echo "==> installing what the tests and checks need"
	@$(install) --constraint constraints.txt --group dev --group oracle
	@touch $@

$(stamps)/langchain-$(key): $(stamps)/dev-$(key)
	@echo "==> installing LangChain's and LangGraph's suites"
	@$(install) --constraint constraints.txt --group langchain
	@touch $@

$(stamps)/triton-$(key): $(stamps)/dev-$(key)
	@echo "==> installing Triton"
	@$(install) --constraint constraints.txt --group triton
	@touch $@

$(stamps)/chroma-$(key): $(stamps)/dev-$(key)
	@echo "==> installing Chroma"
	@$(install) --constraint constraints.txt --editable '.[chroma]'
	@touch $@

$(stamps)/browser-$(key): $(stamps)/dev-$(key)
	@echo "==> installing what drives a browser"
	@$(install) --constraint constraints.txt --group browser
	@touch $@

$(stamps)/venv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		found=$$($(PYTHON) --version 2>/dev/null | head -n 1); \
		echo "agentkit needs Python 3.11 or newer; $(PYTHON) is $${found:-not there}." >&2; \
		echo "Name another one: make PYTHON=/path/to/python3" >&2; exit 1; }
	@echo "==> making $(VENV) with $$($(PYTHON) --version)"
ifeq ($(strip $(UV)),)
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "$(PYTHON) cannot make virtual environments: venv or ensurepip is missing." >&2; \
		echo "On Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV)
	@$(install) --upgrade 'pip>=25.1'
else
	@# with pip in it, which agentkit models fetch uses
	@$(UV) venv --quiet --seed --allow-existing --python $(PYTHON) $(VENV)
endif
	@mkdir -p $(stamps)
	@touch $@
