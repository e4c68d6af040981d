# Every target sets up .venv by itself, with the versions of constraints.txt; all it needs is Python >= 3.11.
# To start over, delete .venv; another interpreter: make PYTHON=/path/to/python test

PYTHON ?=
EXTRAS := ann,plot,onnx,tables,edf,cluster,peers,bench,dev
PY     := .venv/bin/python
READY  := .venv/.ready

.PHONY: help demo test check bench clean

help:
	@echo "make demo    train plain, augmentation and scl on ECGs; table and report in demo/ (minutes)"
	@echo "make test    make check, then every test"
	@echo "make check   format, lint, types, lines"
	@echo "make bench   speed, as ratios: JSON and a table"
	@echo "make clean   remove build products and caches (never results or .venv)"

demo: $(READY)
	.venv/bin/triptych study ecg-phase --demo --out demo

test: check
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(PY) -m pytest -n auto --maxprocesses 4 --dist worksteal --durations=10

check: $(READY)
	$(PY) -m ruff format --check .
	$(PY) -m ruff check .
	$(PY) -m pyright
	$(PY) -m tests.lines

bench: $(READY)
	$(PY) -m benchmarks

clean:
	rm -rf build dist src/*.egg-info .pytest_cache .ruff_cache .hypothesis
	find src tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

# An environment that is there is kept and brought up to date, never wiped.
$(READY): pyproject.toml constraints.txt
	@$(PY) -c 'import sys, pip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  for python in $(PYTHON) python3.11 python3.12 python3.13 python3 python; do \
	    if "$$python" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; \
	    then found=$$python; break; fi; \
	  done; \
	  if [ -z "$$found" ]; then \
	    echo "make: no Python >= 3.11 with its venv module was found; install one" \
	         "(on Debian: python3 and python3-venv) or say make PYTHON=/path/to/python" >&2; exit 2; \
	  fi; \
	  echo "making .venv with $$found"; "$$found" -m venv .venv; }
	$(PY) -m pip install --upgrade --constraint constraints.txt pip
	$(PY) -m pip install --constraint constraints.txt --build-constraint constraints.txt \
	  --editable '.[$(EXTRAS)]'
	@touch $@
