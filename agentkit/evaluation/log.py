"""The log of an evaluation: one JSON line for what it is, then one for each case that is over.

A line is on the disk before the next case is counted, so a killed evaluation goes on where it was.
"""

import fcntl
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Self

import msgspec
from msgspec import Struct

from agentkit.core.errors import UsageError


class Made(Struct, frozen=True):
    """What made results: the code, the versions and the machine of one sitting."""

    code: str
    versions: dict[str, str]
    machine: dict[str, Any]
    at: str
    """When the sitting began."""


class Header(Struct, frozen=True, tag="header", tag_field="line"):
    """What an evaluation is: results under another header are not to be mixed with these."""

    task: str
    cases: str
    """Hash of all cases, their checks included."""
    model: str
    weights: str
    settings: dict[str, Any]
    made: Made


class Resumed(Struct, frozen=True, tag="resumed", tag_field="line"):
    """Another sitting begins."""

    made: Made


class Row(Struct, frozen=True, tag="case", tag_field="line", omit_defaults=True):
    """A case that is over."""

    id: str
    family: str
    tags: tuple[str, ...]
    digest: str
    """Of what the agent was shown."""
    reached: bool | None
    """`None` when there is no verdict: the case could not be run or judged."""
    why: str = ""
    """Why it counts as it does; for no verdict, what went wrong."""
    ending: str = ""
    steps: int = 0
    tokens: int = 0
    seconds: float = 0.0
    answer: str = ""
    """Its beginning; the journal has all of it."""
    run: str = ""
    """The run's name in the case's journal."""
    check: str = ""
    """The digest of its check; logs of before it was kept have none."""
    signs: dict[str, bool] = {}
    """Which of the case's signs were there."""


_LINE = msgspec.json.Decoder(Header | Resumed | Row)


@dataclass(frozen=True)
class Run:
    """An evaluation as its log tells it."""

    header: Header
    rows: Mapping[str, Row]
    """By case."""
    made: tuple[Made, ...] = ()
    """Every sitting."""


class EvalLog:
    """A log that is open for appending by this process alone. Use it as a context manager."""

    def __init__(self, path: Path, file: IO[bytes], run: Run, redact: Callable[[Row], Row]) -> None:
        self.path = path
        self.rows = dict(run.rows)
        """By case; of one that was tried again, the last."""
        self._file = file
        self._header = run.header
        self._made = run.made
        self._redact = redact

    @classmethod
    def open(cls, path: Path, header: Header, redact: Callable[[Row], Row] = lambda row: row) -> Self:
        """Open a log to go on with it, or begin one.

        Args:
            path: The file; made with its folder when it is not there.
            header: Of this evaluation.
            redact: Takes secrets out of what is written.

        Raises:
            UsageError: it belongs to another evaluation, is no log, cannot be written, or another
                process is writing it.
        """
        file = _held(path)
        try:
            earlier, whole = parsed(file.read(), path)
            if earlier is not None:
                require_same(earlier.header, header, path)
            file.truncate(whole)
            log = cls(path, file, earlier or Run(header, {}, (header.made,)), redact)
            if earlier is None:
                log._write(header)
            elif earlier.made[-1].code != header.made.code:
                log._write(Resumed(header.made))
                log._made = (*earlier.made, header.made)
        except BaseException:
            file.close()
            raise
        return log

    @property
    def run(self) -> Run:
        """All that the log holds."""
        return Run(self._header, dict(self.rows), self._made)

    def append(self, row: Row) -> Row:
        """Add a case that is over, and return it as written; it is on the disk on return."""
        row = self._redact(row)
        self._write(row)
        self.rows[row.id] = row
        return row

    def close(self) -> None:
        """Let other processes go on with it."""
        self._file.close()

    def _write(self, line: Header | Resumed | Row) -> None:
        self._file.write(msgspec.json.encode(line) + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def read_log(path: Path) -> Run:
    """What a log tells; it may be written to meanwhile.

    Raises:
        UsageError: there is none, or it is no log of an evaluation.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UsageError(f"log {path}: {error.strerror}") from error
    run, _ = parsed(content, path)
    if run is None:
        raise UsageError(f"log {path} holds nothing")
    return run


def parsed(content: bytes, path: Path) -> tuple[Run | None, int]:
    """What the lines tell, and how many bytes of them are whole: the last one may have been cut off.

    Raises:
        UsageError: a line before the last cannot be read, or the first is no header.
    """
    lines = content.split(b"\n")
    header, rows, made, whole = None, dict[str, Row](), list[Made](), 0
    for number, text in enumerate(lines[:-1], 1):
        try:
            line: Header | Resumed | Row = _LINE.decode(text)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            if number > 1 and number == len(lines) - 1 and not lines[-1]:
                break  # what a loss of power made of the last write
            raise UsageError(f"log {path}, line {number} cannot be read: {error}") from error
        if (header is None) != isinstance(line, Header):
            raise UsageError(f"log {path}, line {number}: a log begins with its one header")
        match line:
            case Header(made=sitting):
                header = line
                made.append(sitting)
            case Resumed(made=sitting):
                made.append(sitting)
            case Row():
                rows[line.id] = line
        whole += len(text) + 1
    return (Run(header, rows, tuple(made)) if header else None), whole


def require_same(earlier: Header, now: Header, path: Path) -> None:
    """Refuse to mix the results of two evaluations.

    Raises:
        UsageError: they differ; the message says in what.
    """
    there, here = _identity(earlier), _identity(now)
    differ = [
        f"{name} {there.get(name)!r} there, {here.get(name)!r} here"
        for name in {**there, **here}
        if there.get(name) != here.get(name)
    ]
    if differ:
        raise UsageError(
            f"the log {path} is of another evaluation ({'; '.join(differ)}); name another file with --out"
        )


def _identity(header: Header) -> dict[str, Any]:
    names = {"task": header.task, "cases": header.cases, "model": header.model, "weights": header.weights}
    return {**names, **header.settings}


def _held(path: Path) -> IO[bytes]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a+b")
    except OSError as error:
        raise UsageError(f"the log {path} cannot be written: {error.strerror}") from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise UsageError(f"another process is writing the log {path}; wait for it or name another") from None
    file.seek(0)
    return file
