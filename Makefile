VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin

.PHONY: test lint clean

$(VENV)/installed: setup.cfg pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --upgrade pip
	$(BIN)/python -m pip install -q -e '.[test,lint]'
	touch $@

lint: $(VENV)/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

test: lint
	$(BIN)/python -m pytest

clean:
	rm -rf $(VENV) build dist *.egg-info

.PHONY: proto
proto: $(VENV)/installed
	$(BIN)/python -m pip install -q -e '.[proto]'
	$(BIN)/python -m grpc_tools.protoc -I wabucketref/service --python_out=wabucketref/service --pyi_out=wabucketref/service wabucketref/service/wabucket.proto
