# Everything is done by the `course` command, which runs on Windows too; install.py makes its environment first.
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
LEARNER := .venv/learner
READY := .venv/ready

.PHONY: help lab test notebooks site constraints

help:
	@echo "make lab        set up .venv and open the lessons in JupyterLab"
	@echo "make test       set up .venv and run everything that CI runs"
	@echo "make notebooks  rebuild solutions/ and notebooks/ from the lessons' text"
	@echo "make site       build the documentation site in build/site"

$(LEARNER): pyproject.toml constraints.txt
	@$(PYTHON) install.py

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) install.py --dev

lab: $(LEARNER)
	@$(BIN)/course lab

test: $(READY)
	@$(BIN)/course test

notebooks: $(READY)
	@$(BIN)/course build

site: $(READY)
	@$(BIN)/course site

constraints: $(READY)
	@echo "# The one place where versions are pinned. \`make constraints\` writes it from an environment that passes \`make test\`." > constraints.txt
	@$(BIN)/python -m pip freeze --exclude-editable --exclude uv | sed 's/+cpu//' >> constraints.txt
