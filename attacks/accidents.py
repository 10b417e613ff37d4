"""What happens to honest people's notebooks: editors, converters, accidents."""

from __future__ import annotations

import copy
import json
import re

from attacks.changes import CELLS, FILES, answer_cells, check_cells, index_of, new_code, of_cells, of_file

__all__ = ["CELLS", "FILES"]  # with these and those on purpose


@of_file
def bom(text, files):
    return b"\xef\xbb\xbf" + text.encode()


@of_file
def utf16(text, files):
    return text.encode("utf-16")


@of_file
def cp1252(text, files):
    return (
        re.sub(r"[^\x00-\xff]", "?", text).replace('"source": [', '"source": ["# café, naïve\\n",', 1).encode("cp1252")
    )


@of_file
def crlf(text, files):
    tree = json.loads(text)
    for cell in tree["cells"]:
        cell["source"] = [line.replace("\n", "\r\n") for line in cell["source"]]
    return json.dumps(tree, indent=1).replace("\n", "\r\n").encode()


@of_file
def nbformat3(text, files):
    tree = json.loads(text)
    for cell in tree["cells"]:
        cell.pop("id", None)
        if cell["cell_type"] == "code":
            cell["input"] = cell.pop("source")
            cell["prompt_number"], cell["language"] = cell.pop("execution_count"), "python"
    return json.dumps(
        {"nbformat": 3, "nbformat_minor": 0, "metadata": {}, "worksheets": [{"cells": tree["cells"]}]}
    ).encode()


@of_cells
def no_ids(tree, name):
    tree["nbformat_minor"] = 0
    for cell in tree["cells"]:
        cell.pop("id", None)


@of_cells
def new_ids(tree, name):
    for number, cell in enumerate(tree["cells"]):
        cell["id"] = f"{number:08x}"


@of_cells
def sources_text(tree, name):
    for cell in tree["cells"]:
        cell["source"] = "".join(cell["source"])


@of_cells
def metadata_lost(tree, name):
    for cell in tree["cells"]:
        cell["metadata"] = {}


@of_cells
def metadata_and_ids_lost(tree, name):
    metadata_lost(tree, name)
    no_ids(tree, name)


@of_cells
def check_deleted(tree, name):
    del tree["cells"][index_of(tree, f"check_{name}")]


@of_cells
def doubled(tree, name):
    tree["cells"] = [
        twin for cell in tree["cells"] for twin in (cell, {**copy.deepcopy(cell), "id": f"{cell['id']}-2"})
    ]


@of_cells
def stub_below(tree, name):
    index = index_of(tree, name)
    stub = copy.deepcopy(tree["cells"][index])
    stub["source"] = f"def {name}(*args):\n    # YOUR CODE HERE\n    raise NotImplementedError()"
    tree["cells"].insert(index, {**stub, "id": "stub"})


@of_cells
def checks_last(tree, name):
    checks = check_cells(tree)
    tree["cells"] = [cell for cell in tree["cells"] if cell not in checks] + checks


@of_cells
def answer_below(tree, name):
    index = index_of(tree, name)
    source = tree["cells"][index]["source"]
    tree["cells"][index]["source"] = f"def {name}(*args):\n    # YOUR CODE HERE\n    raise NotImplementedError()"
    tree["cells"].insert(index + 1, new_code("".join(source)))


@of_cells
def answer_in_new_cell(tree, name):
    index = index_of(tree, name)
    tree["cells"][index] = new_code("".join(tree["cells"][index]["source"]))


@of_cells
def time_magic(tree, name):
    cell = tree["cells"][index_of(tree, name)]
    cell["source"] = "%%time\n" + "".join(cell["source"])


@of_cells
def tabs(tree, name):
    for cell in answer_cells(tree):
        text = "".join(cell["source"])
        cell["source"] = re.sub(r"(?m)^( {4})+", lambda spaces: "\t" * (len(spaces.group()) // 4), text)


@of_cells
def big_outputs(tree, name):
    output = {"output_type": "stream", "name": "stdout", "text": "x" * 10_000_000}
    answer_cells(tree)[0]["outputs"] = [output]


@of_cells
def long_lines(tree, name):
    cell = tree["cells"][index_of(tree, name)]
    cell["source"] = "# " + "x" * 100_000 + "\n" + "".join(cell["source"])


@of_cells
def colab(tree, name):
    tree["metadata"] |= {"colab": {"provenance": [], "toc_visible": True}, "accelerator": "GPU"}
    for number, cell in enumerate(tree["cells"]):
        cell.pop("id", None)
        cell["metadata"] |= {"id": f"Ab{number}", "colab": {"base_uri": "https://localhost:8080/"}, "outputId": "x"}
    tree["cells"].insert(0, new_code("#@title Set-up { display-mode: 'form' }\nCOLAB = 1 #@param {type:'integer'}"))


@of_cells
def vscode(tree, name):
    tree["metadata"]["vscode"] = {"interpreter": {"hash": "0" * 64}}
    for cell in tree["cells"]:
        cell["metadata"]["vscode"] = {"languageId": "python"}


@of_cells
def kaggle(tree, name):
    tree["metadata"]["kaggle"] = {"accelerator": "none", "dataSources": [], "isInternetEnabled": False}
    for cell in tree["cells"]:
        cell["metadata"] |= {"_uuid": "d629ff2d", "_cell_guid": "79c7e3d0", "trusted": True}


@of_cells
def collaborative(tree, name):
    tree["metadata"] |= {"widgets": {"application/vnd.jupyter.widget-state+json": {"state": {}, "version_major": 2}}}
    for cell in tree["cells"]:
        cell["metadata"] |= {
            "slideshow": {"slide_type": "slide"},
            "jupyter": {"source_hidden": True},
            "jp-MarkdownHeadingCollapsed": True,
        }


@of_cells
def executed(tree, name):
    tree["metadata"]["papermill"] = {"duration": 1.5, "exception": True}
    error = {"output_type": "error", "ename": "ValueError", "evalue": "x", "traceback": ["\x1b[31mValueError\x1b[0m"]}
    for number, cell in enumerate(tree["cells"]):
        cell["metadata"]["execution"] = {"iopub.execute_input": "2026-01-01T00:00:00Z"}
        if cell["cell_type"] == "code":
            cell["execution_count"], cell["outputs"] = number, [error]


@of_cells
def empty_cells(tree, name):
    tree["cells"] = [
        twin for cell in tree["cells"] for twin in (new_code(""), cell, new_code("# a note"), new_code("  \n"))
    ]
    for number, cell in enumerate(tree["cells"]):
        cell["id"] = f"e{number}" if cell["source"] in ("", "# a note", "  \n") else cell["id"]


@of_cells
def checks_commented(tree, name):
    for cell in check_cells(tree):
        cell["source"] = "# now it works\n" + "".join(cell["source"]) + "\n" + "".join(cell["source"])


@of_cells
def editor_metadata(tree, name):
    for cell in tree["cells"]:
        cell["metadata"] |= {
            "collapsed": True,
            "scrolled": True,
            "trusted": True,
            "tags": ["mine", "todo"],
            "editable": False,
        }


@of_cells
def pasted_picture(tree, name):
    """A picture of 12 MB in a text, as editors paste it, and one of 9 MB in a cell of code."""
    picture = "data:image/png;base64," + "iVBORw0KGgo" * 1_100_000
    tree["cells"].insert(1, {"cell_type": "markdown", "source": f"![plot]({picture})", "metadata": {}})
    tree["cells"].insert(2, new_code(f'picture = "{picture[:9_000_000]}"\nprint(len(picture))'))


@of_cells
def shell_lines(tree, name):
    tree["cells"].append(new_code("if False:\n" + "    !pip list\n" * 501))


@of_cells
def shell_lines_and_a_gap(tree, name):
    """Where an answer is missing, it is looked for in every cell of the learner's."""
    shell_lines(tree, name)
    del tree["cells"][index_of(tree, name)]


@of_cells
def many_signs_and_a_gap(tree, name):
    """IPython takes each of these signs for a magic, and gives up."""
    tree["cells"].append(new_code(";" * 20_000))
    del tree["cells"][index_of(tree, name)]
