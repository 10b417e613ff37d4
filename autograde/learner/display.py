"""Results on the screen: HTML in a notebook, text elsewhere."""

from __future__ import annotations

import sys
from typing import Any


def show(html: str, text: str, metadata: dict[str, Any] | None = None) -> None:
    ipython = sys.modules.get("IPython")
    if ipython is None or ipython.get_ipython() is None:
        print(text)
        return
    from IPython.display import display

    display({"text/html": html, "text/plain": text}, raw=True, metadata=metadata or {})
