"""`agentkit runs show --html FILE`."""

import os
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import click

from agentkit.cli.page import page
from agentkit.cli.page_steps import FileChange
from agentkit.cli.runs import write_new
from agentkit.cli.words import counted
from agentkit.core.errors import UsageError
from agentkit.core.events import CallFinished, CallIntended, Recorded
from agentkit.journal.contents import Contents
from agentkit.journal.redact import Redactor, secrets_of
from agentkit.journal.store import Journal
from agentkit.settings import load_settings
from agentkit.tooling.snapshots.diffing import FileDiff, between

MOST_LINES = 500
"""Of a file's diff on the page."""
MOST_FILES = 100
"""That a call changed and that are shown."""


def write_page(run_id: str, file: str, flags: Mapping[str, Any]) -> None:
    """Write the page of a run to a new file that only its owner can read."""
    settings = load_settings(flags)
    with Journal.open(settings.journal, must_exist=True) as journal:
        name = journal.find(run_id)
        events = journal.events(name)
        changes = changes_by_call(events, journal.contents, Redactor(secrets_of(os.environ)))
        text = page(name, events, journal.texts.recall, changes)
    write_new(Path(file), [text.encode("utf-8")])
    click.echo(f"the page of run {name} is in {file}")


def changes_by_call(
    events: Sequence[Recorded], contents: Contents, redact: Redactor
) -> dict[int, list[FileChange]]:
    """What each call did to files, by the number of its last event, without the secrets in them."""
    found: dict[int, list[FileChange]] = {}
    before = ""
    for recorded in events:
        match recorded.event:
            case CallIntended() as intended:
                before = intended.snapshot
            case CallFinished(snapshot=after) if before and after:
                try:
                    diffs = between(contents, bytes.fromhex(before), bytes.fromhex(after))
                except UsageError:  # the run was imported: its files were never here
                    continue
                found[recorded.seq] = [_change(diff, redact) for diff in diffs[:MOST_FILES]]
                if (more := len(diffs) - MOST_FILES) > 0:
                    found[recorded.seq].append(FileChange(f"… {counted(more, 'more file')}", "", ()))
            case _:
                pass
    return found


def _change(diff: FileDiff, redact: Redactor) -> FileChange:
    what = f"{diff.what}; {diff.remark}" if diff.remark else diff.what
    return FileChange(diff.name, what, tuple(redact.text(line) for line in _lines(diff)))


def _lines(diff: FileDiff) -> Iterator[str]:
    lines = islice(diff.lines(), 2, None)  # the head names the file again
    yield from islice(lines, MOST_LINES)
    if rest := sum(1 for _ in lines):
        yield f"… {counted(rest, 'more line')}"
