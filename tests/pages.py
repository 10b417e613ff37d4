"""A notebook that tries everything to run, load, cover or stop something in a page that shows it."""

from __future__ import annotations

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output, new_raw_cell

FAR = "https://far.example"
MARKUP = (
    "<script>alert(1)</script><img src=x onerror=alert(2)><svg onload=alert(3)></svg>"
    "<a href='javascript:alert(4)'>link</a>"
    f"<iframe src='{FAR}/frame'></iframe><iframe srcdoc='<script>alert(5)</script>'></iframe>"
    f"<object data='{FAR}/o'></object>"
    f"<link rel=stylesheet href='{FAR}/a.css'><style>@import '{FAR}/b.css'; body {{ display: none }}</style>"
    f"<div style='position:fixed;top:0;left:0;z-index:99;margin:-9em;background:url({FAR}/c.png)'>cover</div>"
    f"<form action='{FAR}'><input id=check_softmax name=score autofocus onfocus=alert(6)></form>"
    f"<meta http-equiv=refresh content='0;url={FAR}/'><base href='{FAR}/'><div id=check_softmax class=score>spoof</div>"
    f"<img src='{FAR}/pixel.png'><video src='{FAR}/v' autoplay onplay=alert(7)></video><b>kept</b>"
    "<math><mtext><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 onerror=alert(8)&gt;'></mglyph></math>"
)
MARKDOWN = f"""{MARKUP}

[link](javascript:alert(9)) ![pixel]({FAR}/p.png) ![lost](attachment:gone.png) <{FAR}>

$\\href{{javascript:alert(10)}}{{x}} + \\frac{{a}}{{\\sqrt{{d}}}}$

$$\\operatorname{{softmax}}(x) = \\begin{{pmatrix}} 1 & 2 \\\\ 3 & 4 \\end{{pmatrix}}$$

<details open ontoggle=alert(11)><summary>more</summary>text</details>

```mermaid
<script>alert(12)</script>
```
"""
DRAWING = (
    "<svg xmlns='http://www.w3.org/2000/svg' onload='alert(13)'><script>alert(14)</script>"
    f"<image href='{FAR}/i'/></svg>"
)


def outputs() -> list[NotebookNode]:
    widget = {"application/vnd.jupyter.widget-view+json": {"model_id": "</script><script>alert(15)</script>"}}
    return [
        new_output("display_data", {"text/html": MARKUP}),
        new_output("display_data", {"text/html": MARKUP}, metadata={"text/html": {"isolated": True}}),
        new_output("display_data", {"application/javascript": "alert(16)"}),
        new_output("display_data", {"image/svg+xml": DRAWING}),
        new_output("display_data", {"text/markdown": MARKDOWN}),
        new_output("display_data", {"text/latex": "$\\frac{1}{2}$<script>alert(17)</script>"}),
        new_output("display_data", {"image/png": '"><script>alert(18)</script>'}),
        new_output(
            "display_data", {"image/png": "iVBORw0KGgo="}, metadata={"image/png": {"alt": '"><script>alert(19)'}}
        ),
        new_output("display_data", {**widget, "text/plain": MARKUP}),
        new_output("execute_result", {"text/plain": MARKUP}, execution_count=1),
        new_output("stream", name="stdout", text=MARKUP),
        new_output("error", ename=MARKUP, evalue=MARKUP, traceback=[MARKUP]),
    ]


def hostile() -> NotebookNode:
    code = new_code_cell(f"print(1)  # {MARKUP}", outputs=outputs())
    return new_notebook(cells=[new_markdown_cell(MARKDOWN), code, new_raw_cell(MARKUP)])


SHOW = f"""
from IPython.display import HTML, Javascript, Latex, Markdown, display

display(HTML({MARKUP!r}))
display(Javascript("alert(16)"))
display(Markdown({MARKDOWN!r}))
display(Latex("$x$<script>alert(17)</script>"))
display({{"image/svg+xml": {DRAWING!r}, "text/plain": "a drawing"}}, raw=True)
print({MARKUP!r})
"""
