# make demo   a first dataset and its contact sheets       make check  style, types, architecture
# make test   all tests                                     make bench  figures beside their goals
# make portraits   six real portraits: fitted, labelled, turned, set in motion, made into textures (needs ../shared/data)
# make train-smoke  a few steps of each method on data made on the spot, with evaluation, export and reloading
# make train-compact  data and a small network for each of the five methods
# make eval-demo  the compact models on the synthetic benchmark, as a page
# make chaos  a run whose workers and driver are killed at random, against an undisturbed one
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

# Six portraits with landmarks, and ICT-FaceKit packed as arrays.
DATA ?= ../shared/data
PORTRAITS := out/portraits
ON_PORTRAITS := --model $(PORTRAITS)/ict.npz --photos $(DATA)/photos

.PHONY: demo test check bench portraits chaos train-smoke train-compact eval-demo clean
.DEFAULT_GOAL := demo

# One environment for everything; installed again only when the dependencies change.
$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

demo: $(STAMP)
	$(BIN)/synthgen demo

# A process per core, each with the files that it is given: tests have one thread.
test: $(STAMP)
	$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/architecture

bench: $(STAMP)
	OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python -m benchmarks

portraits: $(STAMP)
	@test -f $(DATA)/ict_facekit.npz -a -f $(DATA)/photos/landmarks.json || { \
	  echo "make portraits needs ict_facekit.npz and photos/landmarks.json (with its six photos) in $(DATA);"; \
	  echo "name the folder that has them: make portraits DATA=FOLDER"; exit 1; }
	rm -rf $(PORTRAITS)
	mkdir -p $(PORTRAITS)
	$(BIN)/synthgen model import $(DATA)/ict_facekit.npz -o $(PORTRAITS)/ict.npz
	$(BIN)/synthgen fit $(DATA)/photos/landmarks.json -o $(PORTRAITS)/fittings.npz $(ON_PORTRAITS) --camera perspective \
	  --photometric --decomposition $(PORTRAITS)/parts
	$(BIN)/synthgen labels $(PORTRAITS)/fittings.npz -o $(PORTRAITS)/labels $(ON_PORTRAITS)
	$(BIN)/synthgen profile $(PORTRAITS)/fittings.npz -o $(PORTRAITS)/turned $(ON_PORTRAITS) --yaw -60,-40,-20,0,20,40,60
	$(BIN)/synthgen video $(PORTRAITS)/fittings.npz -o $(PORTRAITS)/clips $(ON_PORTRAITS) --frames 8
	$(BIN)/synthgen texture $(PORTRAITS)/fittings.npz -o $(PORTRAITS)/textures $(ON_PORTRAITS)
	@echo "look at:"
	@find $(PORTRAITS) -name '*.png' -path '*source*' -o -name clips.webp -o -path "*/textures/*.png" -o -path "*/parts/contact_sheet.png"

chaos: $(STAMP)
	$(BIN)/python -m benchmarks.chaos

# Also part of `make test`, and so of continuous integration.
train-smoke: $(STAMP)
	$(BIN)/python -m pytest -q tests/training/test_smoke.py

METHODS ?= dfc densereg dal2d tddfa_v2 anisotropic
train-compact: $(STAMP)
	for method in $(METHODS); do \
	  $(BIN)/synthgen generate recipes/$$method/compact.yaml -o out/$$method/training --workers 2 --resume && \
	  $(BIN)/synthgen generate recipes/$$method/compact.yaml -o out/$$method/validation --set seed=9 --count 256 --resume && \
	  $(BIN)/python -m training train training/recipes/$$method/compact.yaml -o out/$$method/compact --resume || exit 1; \
	done

eval-demo: $(STAMP)
	$(BIN)/synthgen generate recipes/benchmark.yaml -o out/benchmark --workers 2 --resume
	$(BIN)/synthgen generate recipes/benchmark_pairs.yaml -o out/benchmark_pairs --workers 2 --resume
	$(BIN)/python -m eval demo

clean:
	rm -rf out build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
