"""What a shell would run out of a command line: its simple commands, or why nobody can say.

The grammar is tree-sitter's. What it finds is trusted only where bash cannot read the line
otherwise; everything else makes the line, or the command, uncertain, and policy never allows that.
"""

import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agentkit.tooling.shell_evaluation import RISKY, evaluated
from agentkit.tooling.shell_programs import HIDES, SHELLS, SPEAKS_SHELL, TEXT, WRAPPERS, option_that_runs
from agentkit.tooling.shell_tree import arguments_of, behind_redirections, misread, nodes_of, text_of

if TYPE_CHECKING:
    from tree_sitter import Node, Parser

_RESERVED = frozenset({
    "!", "[[", "case", "coproc", "do", "done", "elif", "else", "esac", "fi", "for", "function", "if", "in",
    "select", "then", "until", "while", "{", "}",
})  # fmt: skip
"""Words of the shell's own grammar: as a program's name they tell that the line was read wrongly."""
_PROGRAM_FOLDERS = frozenset({"/bin", "/sbin", "/usr/bin", "/usr/sbin"})
_HEREDOC_NAME = re.compile(r"'\w+'|\"\w+\"|\w+")
_READS_FIRST = re.compile(r"-[a-z]*[il][a-z]*|--(login|rcfile|init-file|interactive)(=.*)?")
_DEEPEST, _LONGEST = 8, 20_000


@dataclass(frozen=True, slots=True)
class Command:
    """One simple command: its words, `None` where a word is made only when it runs."""

    text: str
    words: tuple[str | None, ...]
    prefixed: bool = False
    """Variables are set for it."""
    doubt: str = ""
    """Why it may run another program than it names; empty when it cannot."""

    @property
    def wraps(self) -> bool:
        """Whether it runs a program that its further words name."""
        return program_of(self.words) in WRAPPERS

    @property
    def reads_words(self) -> bool:
        """Whether the program that it runs is given more words, which are read when it runs."""
        return self.wraps and any(_name(word or "") == "xargs" for word in self.words)


@dataclass(frozen=True, slots=True)
class ShellLine:
    """The simple commands of a line, where it writes to, and why it cannot be read for certain."""

    commands: tuple[Command, ...] = ()
    writes: tuple[str, ...] = ()
    doubt: str = ""


def program_of(words: tuple[str | None, ...]) -> str:
    """The name of the program without its folder; empty when nobody can say."""
    return _name(words[0]) if words and words[0] else ""


def _name(path: str) -> str:
    return path.rstrip("/").rpartition("/")[2]


def parse(line: str) -> ShellLine:
    """What a shell would run out of `line`.

    >>> [command.words for command in parse('cd src && "r"m -f "$(ls)"').commands]
    [('cd', 'src'), ('rm', '-f', None), ('ls',)]
    """
    return _parse(line, 0)


def _parse(line: str, depth: int) -> ShellLine:
    if depth > _DEEPEST or depth * len(line) > _LONGEST:
        return ShellLine(doubt="command lines stand too deep in each other")
    if strange := [
        char for char in line if char != "\n" and char != "\t" and char != " " and not _plain(char)
    ]:
        return ShellLine(doubt=f"it holds the character {strange[0]!r}")
    root = _parser().parse(line.encode()).root_node
    found = _Found()
    if root.has_error:
        found.doubt = "it cannot be parsed"
    elif any(escaped in line for escaped in ("\\\n", "\\\t", "\\`")):
        found.doubt = "a line end, a tab or a backtick is escaped in it"
    for node in nodes_of(root):
        found.see(node, line, depth)
    return ShellLine(tuple(found.commands), tuple(found.writes), found.doubt)


def _plain(char: str) -> bool:
    return char.isprintable() and not char.isspace()


class _Found:
    def __init__(self) -> None:
        self.commands: list[Command] = []
        self.writes: list[str] = []
        self.doubt = ""

    def see(self, node: "Node", line: str, depth: int) -> None:
        text = text_of(node)
        self.doubt = self.doubt or misread(node, text) or evaluated(node, text)
        match node.type:
            case "command":
                self._command(node, depth)
            case "declaration_command" | "unset_command":
                words = tuple(_word(child) for child in node.children)
                self.commands.append(Command(text, words, doubt=_risk(words)))
            case "variable_assignment":
                if RISKY.fullmatch(text.partition("=")[0].rstrip("+")):
                    self.doubt = f"it sets {text.partition('=')[0]}"
            case "variable_name":
                if RISKY.fullmatch(text) and node.parent and node.parent.type == "for_statement":
                    self.doubt = f"it sets {text}"
            case "redirected_statement" if node.children[0].type != "command":
                if behind_redirections(node):
                    self.doubt = "words stand behind a redirection"
            case "file_redirect":
                self._redirect(node)
            case "comment":
                # where the grammar sees a comment and bash does not, commands would be hidden
                before = line.encode()[: node.start_byte][-2:]
                if before and (before[-1:] not in b" \t\n;&|(" or before[:-1] == b"\\"):
                    self.doubt = "a comment begins inside a word"
            case "heredoc_start" if not _HEREDOC_NAME.fullmatch(text):
                self.doubt = f"the here-document ends at {text}"
            case "heredoc_redirect":
                self._heredoc(node)
            case _:
                pass

    def _redirect(self, node: "Node") -> None:
        target = node.child_by_field_name("destination")
        operator = next((text_of(child) for child in node.children if ">" in text_of(child)), "")
        word = text_of(target) if target else ""
        if operator and word != "/dev/null" and not (operator == ">&" and re.fullmatch(r"\d+|-", word)):
            self.writes.append(word)

    def _heredoc(self, node: "Node") -> None:
        parts = {child.type: text_of(child) for child in node.children}
        end = parts.get("heredoc_end", "").strip()
        lines = parts.get("heredoc_body", "").splitlines()
        bodies = [child for child in node.children if child.type == "heredoc_body"]
        made = sum(part.type == "command_substitution" for body in bodies for part in nodes_of(body))
        seen = sum(part.count("$(") + part.count("`") / 2 for part in lines)
        quoted = parts.get("heredoc_start", "")[:1] in ("'", '"')
        tabs = text_of(node).startswith("<<-")
        if not end or tabs or end in lines or (not quoted and made != seen):
            self.doubt = "the end of a here-document is not certain"

    def _command(self, node: "Node", depth: int) -> None:
        words = tuple(_word(child) for child in arguments_of(node))
        prefixed = any(child.type == "variable_assignment" for child in node.children)
        doubt = _doubt(words)
        inner = _lines_in(words)
        self.commands.append(Command(text_of(node), words, prefixed, doubt))
        for text in inner:
            nested = _parse(text, depth + 1)
            self.commands.extend(nested.commands)
            self.writes.extend(nested.writes)
            self.doubt = self.doubt or nested.doubt


def _lines_in(words: tuple[str | None, ...]) -> list[str]:
    """The words that a shell among them would read as command lines."""
    if program_of(words) not in WRAPPERS:
        return []
    for place, word in enumerate(words):
        if word and _name(word) in SPEAKS_SHELL:
            rest = [later for later in words[place + 1 :] if later and not later.startswith(("-", "+"))]
            if _name(word) == "alias":
                rest = [later.partition("=")[2] for later in rest]
            # eval and its like join their words; a shell takes each by itself
            joined = " ".join(rest)
            return [text for text in dict.fromkeys([*rest, joined]) if text.strip()]
    return []


def _doubt(words: tuple[str | None, ...]) -> str:
    """Why these words may run something that they do not name."""
    program = program_of(words)
    if not program:
        return "its program is known only when it runs"
    if words[0] in _RESERVED:
        return f"{words[0]} is a word of the shell's own"
    folder = (words[0] or "").rpartition("/")[0]
    if folder and folder not in _PROGRAM_FOLDERS:
        return f"{words[0]} may be any program"
    if HIDES.fullmatch(program):
        return f"{program} can run any program"
    if option := option_that_runs(words):
        return f"with {option} {program} can run any program"
    if program in WRAPPERS:
        if None in words:
            return f"what {program} runs is known only when it runs"
        names = [_name(word or "") for word in words]
        if program in TEXT:
            return f"{program} runs text"
        if program == "find" and not any(re.match(r"-(exec|ok)", word or "") for word in words):
            return _risk(words)
        if any(HIDES.fullmatch(name) for name in names[1:]):
            return f"{program} may start what can run any program"
        if any(name in SHELLS for name in names) and not any(
            re.fullmatch(r"-[a-z]*c", word or "") for word in words
        ):
            return "a shell reads what it runs from elsewhere"
        if any(name in SHELLS for name in names) and any(
            _READS_FIRST.fullmatch(word or "") for word in words
        ):
            return "a shell reads files of its own first"
        if program == "env" and any(re.match(r"-\w*S|--sp", word or "") for word in words):
            return "env splits text into words"
        if program in ("xargs", "find") and any(name in WRAPPERS for name in names[1:]):
            return f"{program} may name the program that another one runs"
        started = [
            words[at + 1] for at, word in enumerate(words[:-1]) if (word or "").startswith(("-exec", "-ok"))
        ]
        for word in started if program == "find" else words[1:]:
            if word and "{}" in word and program == "find":
                return "find names the program"
            if word and "/" in word and word.rpartition("/")[0] not in _PROGRAM_FOLDERS:
                return f"{word} may be any program"
    return _risk(words)


def _risk(words: tuple[str | None, ...]) -> str:
    for word in words:
        if word and RISKY.fullmatch(word):
            return f"it may set {word.partition('=')[0]}"
        # arithmetic and [ -v evaluate what stands in a subscript
        if word and ("$(" in word or "`" in word or "${" in word):
            return "a word holds shell text"
    return ""


def _word(node: "Node") -> str | None:
    """A word as the program gets it, or `None` when that is known only when it runs."""
    text = text_of(node)
    match node.type:
        case "command_name" if node.named_child_count == 1:
            return _word(node.children[0])
        case "word" | "number" | "variable_name" | "variable_assignment":
            # a pattern, braces or a home folder become other words
            bare = re.sub(r"\\.", "", text)
            if (
                text.startswith("~")
                or re.search(r"[*?\[$`'\"]", bare)
                or re.search(r"\{[^}]*(,|\.\.)", bare)
                or bare.endswith("{")
            ):
                return None
            return re.sub(r"\\(.)", r"\1", text)
        case "raw_string":
            return text[1:-1]
        case "string" if all(child.type in ('"', "string_content") for child in node.children):
            return re.sub(r'\\([$`"\\])', r"\1", text[1:-1])
        case "ansi_c_string" if "\\" not in text:
            return text[2:-1]
        case "concatenation":
            parts = [_word(child) for child in node.children]
            # {a,b} comes in pieces
            if any(child.type == "brace_expression" or text_of(child) in "{}," for child in node.children):
                return text if text == "{}" else None
            known = [part for part in parts if part is not None]
            return "".join(known) if len(known) == len(parts) else None
        case _:
            return text if node.child_count == 0 and re.fullmatch(r"[\w.=~:/+-]+", text) else None


def _parser() -> "Parser":
    # imported late: only a shell command that rules are about needs a grammar
    import tree_sitter_bash
    from tree_sitter import Language, Parser

    return Parser(Language(tree_sitter_bash.language()))


def pattern_words(pattern: str) -> tuple[str, ...]:
    """The words of a rule's pattern.

    Raises:
        ValueError: a quotation mark is not closed, or there is no word.
    """
    words = tuple(shlex.split(pattern))
    if not words:
        raise ValueError("it has no word")
    return words
