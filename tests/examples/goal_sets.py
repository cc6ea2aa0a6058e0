"""The sets of example goals as modules, and work on a folder done by hand."""

import importlib
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).parents[2] / "examples/goals"

Change = str | None | tuple[str, str] | tuple[str, str, str]
"""A new text; None: gone; (old, new): replaced (old is a pattern where it looks ahead);
(source, old, new): the text of another file, replaced."""
Work = str | Mapping[str, Change]
"""What is answered, or what is changed."""


def load(name: str) -> ModuleType:
    """A module of the example goals; what lies beside it can be imported, as it is by `agentkit eval`."""
    if str(ROOT) not in sys.path:
        sys.path.insert(0, str(ROOT))
    return importlib.import_module(name)


def done(work: Work, before: dict[str, str]) -> tuple[dict[str, str], str]:
    """The files after the work, and the answer."""
    if isinstance(work, str):
        return before, work
    after = dict(before)
    for path, change in work.items():
        if change is None:
            del after[path]
        elif isinstance(change, str):
            after[path] = change
        else:
            source, old, new = change if len(change) == 3 else (path, *change)
            pattern = old if "(?!" in old else re.escape(old)
            after[path], count = re.subn(pattern, new, before[source])
            assert count
    return after, "Done."
