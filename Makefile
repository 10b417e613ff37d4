# Everything is done by the `course` command, which runs on Windows too; this file makes its environment first.
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/ready

.PHONY: help lab test notebooks constraints

help:
	@echo "make lab        set up .venv and open the lessons in JupyterLab"
	@echo "make test       set up .venv and run everything that CI runs"
	@echo "make notebooks  rebuild solutions/ and notebooks/ from the lessons' text"

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed, this is " + sys.version.split()[0]) if sys.version_info < (3, 11) else None'
	@echo "=== set-up: .venv with everything that constraints.txt pins (a few minutes, once)"
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt torch
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev]"
	@touch $(READY)

lab: $(READY)
	@$(BIN)/course lab

test: $(READY)
	@$(BIN)/course test

notebooks: $(READY)
	@$(BIN)/course build

constraints: $(READY)
	@echo "# The one place where versions are pinned. \`make constraints\` writes it from an environment that passes \`make test\`." > constraints.txt
	@$(BIN)/python -m pip freeze --exclude-editable | sed 's/+cpu//' >> constraints.txt
