"""Jupyter notebooks as Markdown: their words, and their code between fences; what was printed is left out."""

import json
from typing import Any, cast

from agentkit.core.errors import DocumentError
from agentkit.documents.media_types import MARKDOWN
from agentkit.documents.readers.reading import Read, text_of


def read_notebook(data: bytes, charset: str = "") -> Read:
    """The cells of a notebook (nbformat 4) in their order.

    Raises:
        DocumentError: it is none.
    """
    try:
        notebook: Any = json.loads(text_of(data, charset))
    except (ValueError, RecursionError) as error:
        raise DocumentError(f"it is no notebook: {error}") from error
    cells: Any = cast("dict[str, Any]", notebook).get("cells") if isinstance(notebook, dict) else None
    if not isinstance(cells, list):
        raise DocumentError("it is no notebook of format 4: it has no list of cells")
    language = _language(cast("dict[str, Any]", notebook))
    parts = [
        _part(cast("dict[str, Any]", cell), language)
        for cell in cast("list[Any]", cells)
        if isinstance(cell, dict)
    ]
    return Read("\n\n".join(filter(None, parts)), MARKDOWN)


def _part(cell: dict[str, Any], language: str) -> str:
    source = cell.get("source", "")
    lines = cast("list[Any]", source) if isinstance(source, list) else [source]
    text = "".join(line for line in lines if isinstance(line, str)).strip("\n")
    if cell.get("cell_type") != "code" or not text:
        return text
    # longer than any fence that stands in the code
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}{language}\n{text}\n{fence}"


def _language(notebook: dict[str, Any]) -> str:
    """The language of the cells, as the notebook says it."""
    about: Any = notebook.get("metadata")
    kernel: Any = cast("dict[str, Any]", about).get("kernelspec") if isinstance(about, dict) else None
    name: Any = cast("dict[str, Any]", kernel).get("language") if isinstance(kernel, dict) else None
    return name if isinstance(name, str) and name.isidentifier() else ""
