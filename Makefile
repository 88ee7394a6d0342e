# make demo and make test do all of their own set-up; called again they start at once.
PYTHON ?= python3
BIN := .venv/bin
MINUTES ?= 30
UNIT_WORKERS ?= 2
PATHS := client daemon service tests benchmarks

# What runs beside one another is shown as a whole, where this make can.
BESIDE := $(MAKE) --no-print-directory $(if $(filter output-sync,$(.FEATURES)),-Otarget)

# Compiled once, as where it is installed, and not by each of a thousand processes.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test lint types unit system models processes faults stores soak fuzz bench bench-stores clean

# The stamp is newer than what it was made from: so a second call installs nothing.
.venv/installed: pyproject.toml constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "installing into .venv (a few GB with torch, some minutes the first time)"
	@$(BIN)/python -m pip install --quiet --upgrade -c constraints.txt pip
	@$(BIN)/python -m pip install --quiet -c constraints.txt --group dev -e '.[all]'
	@touch $@

demo: .venv/installed
	@$(BIN)/python daemon/demo/tour.py

# Processes wait, for quiet times and one another: what computes takes what they leave of two cores.
# The longest begin first; types, lint and unit follow one another beside them.
test: .venv/installed
	@$(BESIDE) -j 3 UNIT_WORKERS=0 processes models types lint unit

lint: .venv/installed
	@$(BIN)/ruff check $(PATHS)
	@$(BIN)/ruff format --check $(PATHS)
	@$(BIN)/lint-imports --no-logo

types: .venv/installed
	@$(BIN)/mypy

# Alone it takes two cores; among others, one process costs least.
unit: .venv/installed
	@$(BIN)/python -m pytest -m 'not system and not model and not faults and not server' \
		-n $(UNIT_WORKERS)

system: .venv/installed
	@$(BESIDE) -j 2 models processes

# In one process, which imports torch once. A second thread would spin beside the others' work.
models: .venv/installed
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m 'model and not faults' -n 0

processes: .venv/installed
	@# Half of it waits for processes and quiet times: four files at a time share two cores well.
	@$(BIN)/python -m pytest -m 'system and not model and not faults' -n 4 --dist loadfile \
		--no-loadscope-reorder

# Every fault, with the long runs of what a person's disk does to the daemon that make test leaves out.
faults: .venv/installed
	@$(BIN)/python -m pytest tests/system/test_faults_*.py tests/system/test_machine.py \
		tests/system/test_lifetime.py tests/system/test_move.py tests/daemon/test_sandbox.py tests/daemon/test_corpus.py

.venv/stores: .venv/installed
	@$(BIN)/python -m pip install --quiet -c constraints.txt --group stores
	@touch $@

# One suite over all stores, a real Milvus server among them, and what may happen to that one. It runs
# in a network namespace where there is loopback alone, and whatever was started ends with it.
stores: .venv/stores
	@$(BIN)/python tests/stores/alone.py $(BIN)/python -m pytest tests/stores
	@$(BIN)/python tests/stores/alone.py $(BIN)/python tests/stores/beside_server.py \
		$(BIN)/python -m pytest tests/system/test_store.py

soak: .venv/installed
	@$(BIN)/python tests/soak.py --minutes $(MINUTES)

# MINUTES=30 unless told: `make fuzz MINUTES=5`.
fuzz: .venv/installed
	@$(BIN)/python tests/fuzz.py --minutes $(MINUTES)

# All that need no GPU, under an hour on two cores, and docs/benchmarks.md of their results.
# `make bench QUICK=1` shows in a few that each runs; what it measures goes to build/benchmarks.
bench: .venv/installed
	@$(BIN)/python benchmarks/run.py $(if $(QUICK),--quick --into build/benchmarks)

# The real Milvus server with 20,000, 100,000 and 200,000 pictures: `make bench-stores LARGEST=20000`.
bench-stores: .venv/stores
	@$(BIN)/python tests/stores/alone.py $(BIN)/python benchmarks/shared_store.py \
		$(if $(LARGEST),--largest $(LARGEST),--json benchmarks/results/shared_store.json)

clean:
	rm -rf .venv
