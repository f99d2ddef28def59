# Two commands matter: `make demo` and `make test`. Nothing but Python 3.11+ and make has to be there first.
VENV ?= .venv
PYTHON ?= python3
# Two more than there are processors: many tests wait for a server or for time to pass.
WORKERS ?= $(shell $(PYTHON) -c 'import os; print((os.cpu_count() or 1) + 2)')
BENCH ?=
SDKS ?= 0.28.0 0.29.0 0.30.0
SOAK ?=
# Generated code works with this release of protobuf and grpcio and with all later ones.
PROTO_TOOLS := "grpcio-tools>=1.74,<1.75"
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help demo test plugins lint proto check-proto sdks soak bench docs clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 14

demo: $(VENV)/product ## upload, download, train, link, lineage: real files, local bucket, no account
	PATH="$(abspath $(BIN)):$$PATH" sh examples/demo.sh

test: lint ## everything: format, lint, types, floors, all tests
	$(BIN)/python -m pytest -n $(WORKERS)
	$(MAKE) plugins

plugins: $(VENV)/tests ## the plugins, each from its built wheel in an environment of their own
	$(BIN)/python .ci/plugins $(BIN)/python $(VENV)-plugins -n $(WORKERS)

lint: $(VENV)/tests ## format, lint, types, the floors of the code
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

proto: $(VENV)-proto/tools ## generate the protocol's Python code
	$(VENV)-proto/bin/python -m grpc_tools.protoc -I . --python_out=. --pyi_out=. --grpc_python_out=. \
		wabucketref/service/wabucket.proto

check-proto: proto ## fail when the generated code is not what the protocol says
	git diff --exit-code -- wabucketref/service

sdks: $(VENV)/tests ## serve against the releases of W&B's SDK in SDKS, each in a virtual environment of its own
	$(MAKE) --no-print-directory -j 2 $(SDKS:%=$(VENV)-wandb-%/made)
	SDK_PYTHONS="$(foreach release,$(SDKS),$(release)=$(abspath $(VENV)-wandb-$(release)/bin/python))" \
		$(BIN)/python -m pytest tests/releases -n $(WORKERS)

soak: WORKERS := auto
soak: $(VENV)/tests ## what takes too long for every day: tests/load; SOAK="--seed N" repeats its plans
	$(BIN)/python -m pytest tests/load -n $(WORKERS) $(SOAK)

bench: $(VENV)/bench ## side by side with s5cmd, rclone, fsspec, DVC, MLflow, W&B; BENCH="--scale 0.05" for a quick look
	$(BIN)/python -m tests.benchmarks --peers $(VENV)-bench $(BENCH)

docs: $(VENV)/tests ## write the generated parts of docs/
	$(BIN)/python -m tests.tools.cli_reference
	$(BIN)/python -m tests.tools.json_reference
	$(BIN)/python -m tests.tools.ci_reference
	$(BIN)/python -m tests.tools.reliability
	$(BIN)/python -m tests.tools.sequence

clean: ## remove what was built, the virtual environment included
	rm -rf $(VENV) $(VENV)-plugins* $(VENV)-proto $(VENV)-wandb-* build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -prune -exec rm -rf {} +

# Each stamp is one set of extras, installed again when what is to be installed changes.
$(VENV)/made: .ci/venv
	sh .ci/venv $(PYTHON) $(VENV)
	@touch $@

$(VENV)-wandb-%/made: $(VENV)/made
	$(BIN)/python -m venv --without-pip $(@D)
	$(BIN)/python -m pip --python $(@D)/bin/python install --quiet --no-compile "wandb==$*"
	@touch $@

# The generator has a virtual environment of its own: it needs an older protobuf than the one that we run with.
$(VENV)-proto/tools:
	sh .ci/venv $(PYTHON) $(VENV)-proto
	$(VENV)-proto/bin/python -m pip install --quiet $(PROTO_TOOLS)
	@touch $@

$(VENV)/product $(VENV)/tests $(VENV)/bench: $(VENV)/made setup.cfg pyproject.toml
	$(BIN)/python -m pip install --quiet --editable '.$(EXTRAS)'
	@touch $@

$(VENV)/tests: EXTRAS := [test,lint]
$(VENV)/bench: EXTRAS := [bench,test]
