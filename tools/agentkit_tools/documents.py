"""Read files that are more than text: tables in columns, PDF and Word as text, others by their readers."""

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from importlib.metadata import EntryPoint, entry_points
from pathlib import PurePosixPath

from agentkit.core.errors import ToolFault
from agentkit.core.tools import Effect
from agentkit.documents.load import load
from agentkit.documents.media_types import DOCX, HTML, PDF
from agentkit.tooling.choices import ExistingFile
from agentkit.tooling.context import ToolContext
from agentkit.tooling.nearest import listed
from agentkit.tooling.tool import tool
from agentkit_tools.page import page
from agentkit_tools.text import counted, decoded

GROUP = "agentkit.readers"
"""Entry points of readers: named by a suffix without its dot, each turns a file's bytes into text."""

LONGEST_CELL = 60
"""Characters of a cell that are shown."""
_DELIMITERS = ",;\t|"

Reader = Callable[[bytes], str]

OURS = {"pdf": PDF, "docx": DOCX, "html": HTML, "htm": HTML}
"""The media types of the formats that are read without anybody's reader."""


@tool(effect=Effect.READS)
def read_document(path: ExistingFile, context: ToolContext, first_line: int = 1, lines: int = 50) -> str:
    """Read a PDF, a Word document (.docx), a saved page (.html), or a table (.csv, .tsv) in columns.

    Args:
        path: The file.
        first_line: The line of the text to begin with.
        lines: How many lines to show.
    """
    suffix = PurePosixPath(path).suffix.lower().lstrip(".")
    data = context.workspace.read_bytes(path)
    if suffix in ("csv", "tsv"):
        text = decoded(data, path).shown
        return page(as_table(rows_of(text, path)), first_line, lines, f'"{path}"')
    return page(reader_of(suffix)(data), first_line, lines, f'"{path}"')


def reader_of(suffix: str, found: Iterable[EntryPoint] | None = None) -> Reader:
    """The reader for files with this suffix: one that somebody installed for it, else ours.

    Raises:
        ToolFault: there is none; the message says for which suffixes there are, and what would help.
    """
    readers = {entry.name: entry for entry in (entry_points(group=GROUP) if found is None else found)}
    if suffix in readers:
        return readers[suffix].load()
    if suffix not in OURS:
        known = listed(["csv", "tsv", *sorted({*readers, *OURS})])
        raise ToolFault(
            f"no reader for .{suffix} files is installed; here {known} can be read. A package with an entry "
            f"point {suffix!r} in {GROUP} adds one; a text file is read with read_file"
        )
    return lambda data: load(data, OURS[suffix], name=f"the .{suffix} file").text


def rows_of(text: str, path: str, delimiter: str = "") -> list[list[str]]:
    """The rows of a table; the delimiter is found out where it is not given.

    Raises:
        ToolFault: it is empty or no table.
    """
    if not text.strip():
        raise ToolFault(f'"{path}" is empty')
    if not delimiter:
        try:
            delimiter = csv.Sniffer().sniff(text[:10_000], _DELIMITERS).delimiter
        except csv.Error:
            delimiter = "\t" if path.endswith(".tsv") else ","
    try:
        return [row for row in csv.reader(io.StringIO(text), delimiter=delimiter, strict=True) if row]
    except csv.Error as error:
        raise ToolFault(f'"{path}" is no table that can be read: {error}') from None


def as_table(rows: Sequence[Sequence[str]]) -> str:
    """Rows in columns of one width, cut where a cell is long, with their count.

    >>> print(as_table([["name", "n"], ["ada", "1"]]))
    name | n
    ada  | 1
    [1 row, 2 columns]
    """
    cells = [[_cell(value) for value in row] for row in rows]
    count = max(map(len, cells))
    widths = [max((len(row[at]) for row in cells if at < len(row)), default=0) for at in range(count)]
    lines = [
        " | ".join(value.ljust(width) for value, width in zip(row, widths, strict=False)).rstrip()
        for row in cells
    ]
    return "\n".join([*lines, f"[{counted(len(rows) - 1, 'row')}, {counted(count, 'column')}]"])


def _cell(value: str) -> str:
    flat = " ".join(value.split())
    return flat if len(flat) <= LONGEST_CELL else flat[: LONGEST_CELL - 1] + "…"
