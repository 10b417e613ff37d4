"""Graded notebooks as HTML, for the formgrader's pages and the learner's feedback: clean, and with formulas
that need no network.

Formulas become MathML, which every browser of today shows by itself, so no page needs MathJax.
"""

from __future__ import annotations

import re
from functools import lru_cache
from html import escape
from typing import Any

from jinja2 import pass_context
from latex2mathml.converter import convert
from nbconvert.filters import Highlight2HTML
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from nbconvert.preprocessors import Preprocessor
from nbformat import NotebookNode

from autograde.grading.notebook.sanitize import clean_html, clean_notebook, cut, preformatted

LONGEST_MARKDOWN = 20_000  # characters of one text; Markdown's parser takes seconds for odd texts that are longer
ALL_MARKDOWN = 200_000  # of all texts of a page
LONGEST_FORMULA = 4_000
LONGEST_TEXT = 20_000  # of one printed output
LONGEST_CODE = 60_000  # of one cell
_PRINTED = re.compile(r'<pre( style="[^"]*white-space:)pre-wrap([^>]*>[^<\n]*\n)')


# --- Markdown -------------------------------------------------------------------------------------------------------


@pass_context
def markdown2html(context: Any, source: str) -> str:
    """nbconvert's filter of this name, with its result cleaned. Never raises: what cannot be read is shown as it is."""
    folder = context.get("resources", {}).get("metadata", {}).get("path", "")
    return markdown(source, folder)


def markdown(source: str, folder: str = "") -> str:
    """Markdown with formulas as clean HTML; pictures that lie in `folder` are put into it."""
    return _rendered(source, folder if "![" in source or "<img" in source.lower() else "")


@lru_cache(maxsize=512)  # most texts are the lesson's own, the same on each page
def _rendered(source: str, folder: str) -> str:
    if len(source) > LONGEST_MARKDOWN:
        return preformatted(source, LONGEST_MARKDOWN)
    source = re.sub(r"[ \t]{200,}", " ", source)  # the parser's time grows with the square of their number
    renderer = _Renderer(
        escape=False, embed_images=bool(folder), path=folder, exclude_anchor_links=True, allow_harmful_protocols=False
    )
    try:
        return clean_html(MarkdownWithMath(renderer=renderer).render(source))
    except (Exception, RecursionError):
        return preformatted(source, LONGEST_MARKDOWN)


@lru_cache(maxsize=512)
def _highlighted(source: str) -> str:
    return Highlight2HTML(pygments_lexer="ipython3")(source)


def highlighted(source: str, metadata: object = None) -> str:
    """nbconvert's filter `highlight_code` for Python; most code is the lesson's own, the same on each page."""
    return _highlighted(source)


class _Renderer(IPythonRenderer):
    def _html_embed_images(self, html: str) -> str:
        """nbconvert reads each piece of HTML as a whole document, which ends what the piece opens (`<details>`): only a
        piece with a picture goes that way."""
        return super()._html_embed_images(html) if "<img" in html.lower() else html

    def inline_math(self, body: str) -> str:
        return formula(body)

    def block_math(self, body: str) -> str:
        return formula(body, block=True)

    def latex_environment(self, name: str, body: str) -> str:
        return formula(f"\\begin{{{name}}}{body}\\end{{{name}}}", block=True)

    def image(self, text: str, url: str, title: str | None = None) -> str:
        if url.startswith("attachment:"):  # attachments are not taken over into a graded notebook
            return escape(text)
        return super().image(text, url, title)


def formula(latex: str, block: bool = False) -> str:
    """A formula as MathML; LaTeX that is not understood is shown as it was written."""
    try:
        if len(latex) > LONGEST_FORMULA:
            raise ValueError("too long")
        made = convert(_known(latex), display="block" if block else "inline")
    except (Exception, RecursionError):
        delimiter = "$$" if block else "$"
        return f"<code>{escape(delimiter + cut(latex.strip(), LONGEST_FORMULA) + delimiter)}</code>"
    return clean_html(made)


def _known(latex: str) -> str:
    """Environments that latex2mathml does not know, by those that it knows."""
    return re.sub(r"\\(begin|end)\{(equation|gather|eqnarray)\*?\}", r"\\\1{aligned}", latex)


def boxed(html: str) -> str:
    """An output's HTML, clean. What a check says in several lines, as an array is printed, keeps them, and scrolls."""
    return _PRINTED.sub(r'<pre tabindex="0"\1pre\2', clean_html(html))


# --- the notebook ---------------------------------------------------------------------------------------------------


class SafeNotebook(Preprocessor):
    """The last step before a page is written: outputs cleaned, long texts cut, names escaped.

    The graded notebook has been cleaned when it was graded. This repeats it for notebooks that an older version graded,
    or that somebody put there.
    """

    def __init__(self, **kwargs):
        kwargs["enabled"] = True
        super().__init__(**kwargs)

    def preprocess(self, nb: NotebookNode, resources: dict) -> tuple[NotebookNode, dict]:
        clean_notebook(nb)
        left = ALL_MARKDOWN
        for cell in nb.cells:
            cell.metadata.pop("tags", None)
            if cell.cell_type == "markdown":
                left -= len(cell.source)
                if left < 0:
                    cell.source = preformatted(cell.source, 2_000)
            elif cell.cell_type == "raw":
                cell.cell_type, cell.source = "markdown", preformatted(cell.source, LONGEST_TEXT)
            else:
                cell.source = cut(cell.source, LONGEST_CODE)
                for output in cell.outputs:
                    _readable(output)
        for name in ("student", "last_name", "first_name", "notebook_id", "assignment_id", "notebook_path"):
            if isinstance(resources.get(name), str):
                resources[name] = escape(resources[name])
        return nb, resources


def _readable(output: NotebookNode) -> None:
    """Cut what is long, and turn Markdown and LaTeX into HTML."""
    if output.output_type == "stream":
        output.text = cut("".join(output.text), LONGEST_TEXT)
    elif output.output_type == "error":
        output.traceback = cut("\n".join(map(str, output.traceback)), LONGEST_TEXT).split("\n")
    else:
        data = output.data
        if "text/html" not in data and "text/markdown" in data:
            data["text/html"] = markdown(data["text/markdown"])
        elif "text/html" not in data and "text/latex" in data:
            data["text/html"] = formula(data["text/latex"].strip().strip("$"), block=True)
        data.pop("text/markdown", None)
        data.pop("text/latex", None)
        if "text/plain" in data:
            data["text/plain"] = cut(data["text/plain"], LONGEST_TEXT)
