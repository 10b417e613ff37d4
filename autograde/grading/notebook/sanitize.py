"""What a submission shows, made harmless: text and pictures stay, whatever could run, load or cover something goes.

The cleaning of HTML is nh3's (the sanitizer ammonia, with a real HTML5 parser, in linear time). Here are the lists:
what is not named is dropped.
"""

from __future__ import annotations

import base64
import binascii
import re
from html import escape

import nh3
from nbformat import NotebookNode, from_dict

from autograde.course.text import whole

LARGEST_HTML = 512 * 2**10  # characters of one output
MOST_TAGS = 5_000  # of one output; deeply nested ones cost a browser and the parser far more than their length
MOST_TAGS_TOGETHER = 20_000  # of all outputs of a notebook

_WORDS = """
a abbr b blockquote br caption code col colgroup dd del details div dl dt em figcaption figure h1 h2 h3 h4 h5 h6 hr i
img ins kbd li mark ol p pre s samp small span strong sub summary sup table tbody td tfoot th thead tr u ul var
"""
_FORMULAS = """
math mrow mi mo mn ms mtext mfrac msqrt mroot msub msup msubsup munder mover munderover mtable mtr mtd mspace mpadded
mphantom menclose mstyle
"""
_MATH = set(_FORMULAS.split())
_TAGS = set(_WORDS.split()) | _MATH
_GONE = {"script", "style", "title", "textarea", "noscript", "template", "iframe", "object", "annotation"}
_ATTRIBUTES = {
    "*": {"style", "class", "title", "dir", "lang"},
    "a": {"href"},
    "img": {"src", "alt", "width", "height"},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan", "scope"},
    "ol": {"start"},
    "details": {"open"},
    **{tag: {"mathvariant", "displaystyle", "scriptlevel"} for tag in _MATH},
    "math": {"display", "displaystyle"},
    "mo": {
        "stretchy",
        "fence",
        "separator",
        "form",
        "accent",
        "lspace",
        "rspace",
        "minsize",
        "maxsize",
        "movablelimits",
    },
    "mfrac": {"linethickness"},
    "mspace": {"width"},
    "mtable": {"columnalign", "columnspacing", "rowspacing", "displaystyle"},
    "mtd": {"columnalign"},
    "mover": {"accent"},
    "munder": {"accentunder"},
    "menclose": {"notation"},
}

# only what colours and spaces text: nothing that moves, covers, loads or animates
_PROPERTIES = re.compile(
    r"^(color|background(-color)?|font-(size|style|weight|family)|text-(align|decoration)|vertical-align|white-space"
    r"|margin(-(left|right|top|bottom))?|padding(-(left|right|top|bottom))?|(min-|max-)?width"
    r"|border(-(left|right|top|bottom))?(-(color|style|width))?|border-collapse)$"
)
_VALUE = re.compile(r"^(#[0-9a-f]{3,8}|[a-z][a-z-]{0,30}|\d{0,3}(\.\d{1,4})?(px|em|ex|rem|ch|pt|%)?)$")
_CLASS = re.compile(r"^(highlight|[a-z][a-z0-9]?|course-check)$")  # pygments' colours, and the box of a check
_LINK = re.compile(r"^(https?://|mailto:|#)", re.IGNORECASE)
_PICTURE = re.compile(r"^data:image/(png|jpeg|gif|webp|svg\+xml);base64,[A-Za-z0-9+/=\s]*$")


def clean_html(text: str) -> str:
    """HTML of which nothing runs, loads or covers anything: no script, handler, frame, form, picture of another place,
    id, or class that a page of ours gives a meaning to. What is too large becomes a sentence. Never raises."""
    text = whole(text) if isinstance(text, str) else bytes(text).decode("utf-8", "replace")
    if len(text) > LARGEST_HTML and "data:image/" not in text:
        return _refusal(f"{len(text) / 2**20:.1f} MiB")
    if _tags(text) > MOST_TAGS:
        return _refusal(f"{_tags(text)} tags")
    return nh3.clean(
        text,
        tags=_TAGS,
        clean_content_tags=_GONE,
        attributes=_ATTRIBUTES,
        attribute_filter=_attribute,
        url_schemes={"http", "https", "mailto", "data"},
        link_rel="noopener noreferrer",
    )


def _tags(text: str) -> int:
    return text.count("<") - text.count("</")


def _refusal(size: str) -> str:
    return f"<p>[An HTML output of {size} is not shown.]</p>"


def _attribute(tag: str, name: str, value: str) -> str | None:
    if name == "style":
        return _style(value) or None
    if name == "class":
        return " ".join(name for name in value.split() if _CLASS.match(name)) or None
    if name == "href":
        return value if _LINK.match(value) else None
    if name == "src":
        return value if _PICTURE.match(value) else None
    return value[:2000] if name in ("alt", "title") else value[:40]


def _style(text: str) -> str:
    kept = []
    for rule in text.lower().split(";")[:30]:
        name, _, value = rule.partition(":")
        if _PROPERTIES.match(name.strip()) and value.split() and all(map(_VALUE.match, value.split())):
            kept.append(f"{name.strip()}:{' '.join(value.split())}")
    return ";".join(kept)


# --- outputs --------------------------------------------------------------------------------------------------------

_PLAIN = ("text/plain", "text/markdown", "text/latex", "image/svg+xml")  # shown as text, or as a picture by an <img>
_BASE64 = ("image/png", "image/jpeg")


def clean_notebook(notebook: NotebookNode) -> None:
    """Clean all outputs of a notebook in place; their text stays as it is. Twice gives the same as once."""
    left = MOST_TAGS_TOGETHER
    for cell in notebook.cells:
        cell.pop("attachments", None)
        for output in cell.get("outputs", ()):
            if output.output_type == "stream":
                output.text = whole("".join(output.text))
            elif output.output_type == "error":
                output.ename, output.evalue = (whole(str(output.get(name, ""))) for name in ("ename", "evalue"))
                output.traceback = [whole(str(line)) for line in output.get("traceback", ())]
            else:
                left -= _tags(str(output.get("data", {}).get("text/html", "")))
                clean_output(output, left >= 0)


def clean_output(output: NotebookNode, with_html: bool = True) -> None:
    """Clean one output in place: only known kinds of data, in a form that no page can mistake for code."""
    data, kept = output.get("data", {}), {}
    for mime, value in data.items():
        value = "".join(map(str, value)) if isinstance(value, list) else value
        if not isinstance(value, str):
            continue
        value = whole(value)
        if mime == "text/html":
            kept[mime] = clean_html(value) if with_html else "<p>[This page has too much HTML to show more.]</p>"
        elif mime in _BASE64:
            picture = _picture(value)
            if picture is not None:
                kept[mime] = picture
        elif mime in _PLAIN:
            kept[mime] = value
    if not kept and data:
        kinds = ", ".join(sorted(map(str, data)))[:200]
        kept["text/plain"] = f"[An output of the kind {kinds} is not shown.]"
    output["data"] = from_dict(kept)
    output["metadata"] = from_dict(_metadata(output.get("metadata", {}), kept))


def _picture(text: str) -> str | None:
    """The same base64 data, or None where it is none."""
    try:
        return base64.b64encode(base64.b64decode("".join(text.split()), validate=True)).decode()
    except (binascii.Error, ValueError):
        return None


def _metadata(metadata: dict, kept: dict) -> dict:
    """Of the metadata of pictures: size and alternative text."""
    clean = {}
    for mime in kept:
        given = metadata.get(mime)
        if mime.startswith("image/") and isinstance(given, dict):
            sizes = {name: given[name] for name in ("width", "height") if type(given.get(name)) is int}
            sizes = {name: size for name, size in sizes.items() if 0 < size <= 2000}
            alt = {"alt": whole(given["alt"][:2000])} if isinstance(given.get("alt"), str) else {}
            clean[mime] = {**sizes, **alt}
    return {mime: values for mime, values in clean.items() if values}


def preformatted(text: str, most: int) -> str:
    """Text as it is, in a <pre>, cut after `most` characters."""
    return f"<pre>{escape(cut(text, most))}</pre>"


def cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]}\n[… {len(text) - most} characters more]"
