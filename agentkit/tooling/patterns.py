"""Whether a rule's pattern is about a command: widely where it narrows, exactly where it widens."""

from fnmatch import fnmatchcase
from posixpath import normpath

from agentkit.tooling.shell_command import Command, program_of


def split_rule(rule: str) -> tuple[str, str | None]:
    """The name that a rule is about, and its pattern for commands if it has one.

    >>> split_rule("run_shell(git push *)"), split_rule("network")
    (('run_shell', 'git push *'), ('network', None))
    """
    name, opened, rest = rule.partition("(")
    return (name, rest[:-1]) if opened and rest.endswith(")") else (rule, None)


def may_run(pattern: tuple[str, ...], command: Command, *, unknown: bool = False) -> bool:
    """Whether a rule that narrows is about a command, in whatever order its arguments stand.

    With `unknown`, a word that is made when the command runs may be what the pattern has.
    """
    # which option of a wrapper takes a value is not looked up: each further word may be the program
    starts = range(len(command.words)) if command.wraps else range(1)
    words = (*command.words, None) if command.reads_words else command.words
    return any(_narrows(pattern, words[start:], unknown=unknown) for start in starts)


def _narrows(pattern: tuple[str, ...], words: tuple[str | None, ...], *, unknown: bool) -> bool:
    program = program_of(words)
    wanted = pattern[0].rpartition("/")[2]
    if not (fnmatchcase(program, wanted) if program else unknown):
        return False
    if unknown and None in words:
        return True
    given = [part for word in words[1:] if word is not None for part in _options(word)]
    wanted_words = [part for word in pattern[1:] if word != "*" for part in _options(word)]
    given += [normpath(word) for word in given]  # ./notes and notes/ are the file notes
    return all(any(fnmatchcase(word, part) for word in given) for part in map(_plain, wanted_words))


def _plain(part: str) -> str:
    """A word of a pattern as paths are compared; `./*` does not become `*`, which is about anything."""
    plain = normpath(part)
    return part if plain.startswith("*") else plain


def _options(word: str) -> list[str]:
    """A word, or the options it stands for: -rf is -r and -f, and --name=value is --name as well."""
    if word.startswith("--"):
        return [word, word.partition("=")[0]] if "=" in word else [word]
    return [f"-{letter}" for letter in word[1:]] if word.startswith("-") and word[1:].isalpha() else [word]


def is_exactly(pattern: tuple[str, ...], command: Command) -> bool:
    """Whether a rule that widens covers a command, word by word; a last `*` stands for all that follow.

    What sets variables, or what is known only when it runs, is never covered, nor is what another
    program is told to run.
    """
    words = command.words
    if command.doubt and pattern[0] != words[0]:
        return False  # who allows a program that can run any other has to name it
    if command.prefixed or None in words or (command.wraps and "*" in " ".join(pattern)):
        return False
    if pattern[-1] == "*":
        pattern = pattern[:-1]
        words = words[: len(pattern)]
    return len(words) == len(pattern) and all(
        fnmatchcase(word or "", part) for word, part in zip(words, pattern, strict=True)
    )
