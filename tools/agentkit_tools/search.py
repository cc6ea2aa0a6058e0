"""Find text in files."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import regex

from agentkit.core.errors import ToolFault
from agentkit.core.tools import Effect
from agentkit.tooling.choices import ExistingPath
from agentkit.tooling.context import ToolContext
from agentkit.tooling.tool import tool
from agentkit.tooling.workspace import Workspace
from agentkit_tools.text import counted, decoded, lines_of

SECONDS = 10.0
"""How long one search may take, whatever the pattern."""
MOST_MATCHES = 100
"""Matches that are shown; all are counted."""
MOST_IN_CONTEXT = 5
"""Up to so many matches are shown with the lines around them."""
CONTEXT = 2
"""Lines before and after a match."""
SHORTEST_WORD = 4
"""Letters of a word that is worth searching for by itself."""
MOST_ALIKE = 20
"""More lines than this that hold one of the words say nothing."""
MOST_NAMED = 5
"""Files that are told because of their names."""
LONGEST_LINE = 300
"""Characters of a matching line that are shown, around the match."""
LARGEST_SEARCHED = 16 * 1024 * 1024
"""Bytes of a file that is searched; larger ones are named as left out."""

Texts = Callable[[], Iterable[tuple[str, str]]]
"""What is searched: names and texts, from the beginning each time it is called."""


@tool(effect=Effect.READS, basic=True)
def find_text(pattern: str, context: ToolContext, path: ExistingPath = ".") -> str:
    """Find lines by a text or regular expression.

    Args:
        pattern: What to find; upper and lower case are the same.
        path: The file or folder to search.
    """
    workspace = context.workspace
    kind = workspace.kind(path)
    if kind == "missing":
        raise ToolFault(workspace.no_such(path, "file or folder"))
    paths = [path] if kind == "file" else list(_below(workspace, path))
    told = _found_in(workspace, paths, pattern)
    if told.count:
        return told.text
    # looking in the wrong place is a common slip: say where it would have been found
    everything = list(workspace.files())
    elsewhere = _found_in(workspace, [name for name in everything if name not in paths], pattern)
    parts = _named(everything, pattern)
    if elsewhere.count:
        parts += ["elsewhere:", elsewhere.text]
    if told.searched and not parts:
        # a small model takes a search without result for proof that there is nothing to find
        parts.append("[what is meant may be there in other words]")
    return "\n".join([told.text, *parts])


def _named(paths: Sequence[str], pattern: str) -> list[str]:
    """Files whose names hold what no line does: who looks for one by its name may ask for its text."""
    name = pattern.rstrip("/").lower()
    found = [path for path in paths if name and name in path.lower()]
    if not found:
        return []
    more = f" and {len(found) - MOST_NAMED} more" if len(found) > MOST_NAMED else ""
    return [f"[by name: {', '.join(found[:MOST_NAMED])}{more}]"]


@dataclass(frozen=True, slots=True)
class Told:
    """What a search is told as, and how much it found."""

    text: str
    count: int
    searched: int
    """In how many files."""


def _found_in(workspace: Workspace, paths: Sequence[str], pattern: str) -> Told:
    left_out: dict[str, None] = {}

    def texts() -> Iterator[tuple[str, str]]:
        for name in paths:
            if workspace.size(name) > LARGEST_SEARCHED:
                left_out[name] = None
                continue
            try:
                yield name, decoded(workspace.read_bytes(name), name).shown
            except ToolFault:
                # binary, or gone since it was listed; said below
                left_out[name] = None

    found = search(pattern, texts)
    searched = len(paths) - len(left_out)
    notes = [f"{len(left_out)} not searched, being binary or too large"] if left_out else []
    where = f" in {counted(found.names, 'file')}"
    line = _in_context if found.count <= MOST_IN_CONTEXT else _alone
    return Told(found.told(line, where, counted(searched, "file"), *notes), found.count, searched)


def _below(workspace: Workspace, folder: str) -> Iterator[str]:
    clean = "/".join(part for part in folder.split("/") if part not in ("", "."))
    prefix = f"{clean}/" if clean else ""
    return (path for path in workspace.files() if path.startswith(prefix))


@dataclass(frozen=True, slots=True)
class Match:
    """A line that was found."""

    name: str
    number: int
    line: str
    before: tuple[str, ...]
    after: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """What a search came to."""

    pattern: str
    count: int
    names: int
    """In how many texts there is a match."""
    matches: tuple[Match, ...]
    """The first of them."""
    note: str = ""
    """How the pattern was read, when that was not as a regular expression."""

    def told(self, line: Callable[[Match], str], where: str, searched: str, *notes: str) -> str:
        """The matches as text: each as `line` says it, then a count."""
        more = [f"only the first {len(self.matches)} are shown"] if self.count > len(self.matches) else []
        if self.count:
            summary = f"{counted(self.count, 'match')}{where}"
        else:
            summary = f'nothing matches "{self.pattern}" in {searched}'
        said = "; ".join([summary, *more, *([self.note] if self.note else []), *notes])
        return "\n".join([*(line(match) for match in self.matches), f"[{said}]"])


def _alone(match: Match) -> str:
    return f"{match.name}:{match.number}: {match.line}"


def _in_context(match: Match) -> str:
    """The match between its neighbours, which say what it belongs to (as `grep -C` writes it)."""
    first = match.number - len(match.before)
    return "\n".join(
        [
            *(f"{match.name}-{number}- {line}" for number, line in enumerate(match.before, first)),
            _alone(match),
            *(f"{match.name}-{number}- {line}" for number, line in enumerate(match.after, match.number + 1)),
        ]
    )


def search(pattern: str, texts: Texts) -> Found:
    """Every line of the texts that matches; a pattern that finds nothing is tried word for word.

    Raises:
        ToolFault: the pattern is empty, or takes too long.
    """
    if not pattern:
        raise ToolFault("the pattern is empty; say what to find")
    deadline = time.monotonic() + SECONDS
    literal = regex.compile(regex.escape(pattern), regex.IGNORECASE)
    try:
        compiled = regex.compile(pattern, regex.IGNORECASE)
    except regex.error as error:
        note = f"searched word for word: no valid regular expression ({error})"
        return _search(pattern, literal, texts, deadline, note)
    found = _search(pattern, compiled, texts, deadline, "")
    if found.count:
        return found
    if literal.pattern != compiled.pattern:
        plain = _search(pattern, literal, texts, deadline, "searched word for word")
        if plain.count:
            return plain
    # a person who asks for "launch moved" is helped by "the launch moves": its words, without endings
    words = [word for word in regex.findall(r"\w+", pattern) if len(word) >= SHORTEST_WORD]
    stems = [regex.escape(word[: max(SHORTEST_WORD, len(word) - 2)]) for word in words]
    if not stems:
        return found
    any_word = regex.compile(rf"\b(?:{'|'.join(stems)})", regex.IGNORECASE)
    alike = _search(
        pattern, any_word, texts, deadline, f"lines that hold one of its words: {', '.join(words)}"
    )
    return alike if 0 < alike.count <= MOST_ALIKE else found


def _search(pattern: str, compiled: regex.Pattern[str], texts: Texts, deadline: float, note: str) -> Found:
    matches: list[Match] = []
    names: set[str] = set()
    count = 0
    for name, text in texts():
        lines = lines_of(text)
        for number, line in enumerate(lines, 1):
            match = _match(compiled, line, deadline, f"{name}:{number}")
            if match is None:
                continue
            count += 1
            names.add(name)
            if len(matches) < MOST_MATCHES:
                before = _clipped(lines[max(0, number - 1 - CONTEXT) : number - 1])
                after = _clipped(lines[number : number + CONTEXT])
                matches.append(Match(name, number, _around(line, match.start()), before, after))
    return Found(pattern, count, len(names), tuple(matches), note)


def _match(compiled: regex.Pattern[str], line: str, deadline: float, where: str) -> regex.Match[str] | None:
    left = deadline - time.monotonic()
    try:
        if left > 0:
            return compiled.search(line, timeout=left)
    except TimeoutError:
        pass
    raise ToolFault(
        f"the search took more than {SECONDS:g} seconds and stopped at {where}; "
        "use a simpler pattern or search one file"
    )


def _clipped(lines: Sequence[str]) -> tuple[str, ...]:
    return tuple(line[:LONGEST_LINE] for line in lines)


def _around(line: str, start: int) -> str:
    if len(line) <= LONGEST_LINE:
        return line
    begin = max(0, min(start - LONGEST_LINE // 3, len(line) - LONGEST_LINE))
    end = begin + LONGEST_LINE
    return f"{'…' if begin else ''}{line[begin:end]}{'…' if end < len(line) else ''}"
