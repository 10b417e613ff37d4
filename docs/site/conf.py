"""Sphinx's configuration. `course site` gathers the pages (`autograde/author/site.py`) and runs Sphinx on them."""

import importlib.metadata
import re

from docutils import nodes

from autograde.instructor.feedback.rendering import formula

project = "Transformer by hand"
copyright = "the authors, text and figures CC BY 4.0"
release = importlib.metadata.version("transformer-by-hand")

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]
nitpicky = False
default_role = "code"
html_theme = "furo"
html_title = project
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_math_renderer = "mathml"
pygments_style = "friendly"
pygments_dark_style = "github-dark"

myst_enable_extensions = ["dollarmath", "amsmath"]
myst_heading_anchors = 4
nb_execution_mode = "off"  # the notebooks come with their outputs
nb_merge_streams = True
nb_number_source_lines = False

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
add_module_names = False


def setup(app):
    # formulas as MathML: every browser of today shows it, and a page loads nothing from elsewhere
    app.add_html_math_renderer("mathml", inline_renderers=(inline, None), block_renderers=(block, None))
    app.connect("autodoc-process-docstring", define)


def inline(translator, node):
    translator.body.append(formula(node.astext()))
    raise nodes.SkipNode


def block(translator, node):
    translator.body.append(f'<div class="math">{formula(node.astext(), block=True)}</div>')
    raise nodes.SkipNode


def define(app, what, name, obj, options, lines):
    """The lines `name   what it is` of a docstring become a list of definitions."""
    made, inside = [], False
    for line in lines:
        if match := re.match(r"(\S.*?) {2,}(\S.*)", line):
            made += ["", f"``{match[1]}``", f"   {match[2]}"]
            inside = True
        elif inside and line.startswith(" "):
            made.append(f"   {line.strip()}")
        else:
            made += [*([""] if inside else []), line]
            inside = False
    lines[:] = made
