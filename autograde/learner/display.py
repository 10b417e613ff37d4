"""Results on the screen: HTML in a notebook, text elsewhere."""

from __future__ import annotations

import sys
from typing import Any

from autograde.course.text import whole


def show(html: str, text: str, metadata: dict[str, Any] | None = None) -> None:
    html, text = whole(html), whole(text)  # a kernel ends a cell with an error where it cannot encode what is shown
    ipython = sys.modules.get("IPython")
    if ipython is None or ipython.get_ipython() is None:
        encoding = sys.stdout.encoding or "utf-8"
        print(text.encode(encoding, "replace").decode(encoding))  # a pipe on Windows lacks the signs
        return
    from IPython.display import display

    display({"text/html": html, "text/plain": text}, raw=True, metadata=metadata or {})
