"""The parsed tree of a command line: its words, and where bash splits it otherwise."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tree_sitter import Node

_NOT_ARGUMENTS = frozenset(
    {"variable_assignment", "file_redirect", "heredoc_redirect", "herestring_redirect"}
)
WORDS = frozenset({
    "ansi_c_string", "arithmetic_expansion", "brace_expression", "command_substitution", "concatenation",
    "expansion", "number", "process_substitution", "raw_string", "simple_expansion", "string",
    "translated_string", "word",
})  # fmt: skip
"""The nodes that are a word of a command."""


def text_of(node: "Node") -> str:
    """The text that a node stands for."""
    return (node.text or b"").decode()


def nodes_of(root: "Node") -> Iterator["Node"]:
    """Every node, in the order of the text."""
    waiting = [root]
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(reversed(node.children))


def arguments_of(command: "Node") -> list["Node"]:
    """The words of a simple command, those behind its redirections as well, without its variables."""
    words = [child for child in command.children if child.type not in _NOT_ARGUMENTS]
    parent = command.parent
    if parent and parent.type == "redirected_statement" and parent.children[0] == command:
        words += behind_redirections(parent)
    return words


def behind_redirections(statement: "Node") -> list["Node"]:
    """The words behind the redirections of a statement: the grammar counts them to a redirection.

    To bash the x of `cat > a x` is an argument.
    """
    found: list[Node] = []
    for redirection in statement.children[1:]:
        words = [child for child in redirection.children if child.type in WORDS]
        found += words if redirection.type == "heredoc_redirect" else words[1:]
    return found


def misread(node: "Node", text: str) -> str:
    """Why bash may read `node`, which is `text`, otherwise than the grammar does; empty if it does not."""
    match node.type:
        case "command":
            if any(child.type in ("=~", "==", "regex") for child in node.children):
                return "a comparison stands in a command"
            if any(_touches(child) for child in node.children):
                return "a word begins inside another"
        case "command_substitution" if text.startswith("`") and "\\" in text:
            return "a character is escaped between backticks"
        case "test_command" if "<(" in text or ">(" in text:
            return "a process stands in a comparison"
        case "heredoc_redirect" if any(child.type == "comment" for child in node.children):
            return "a comment stands in a here-document"
        case "simple_expansion" if any(map(str.isspace, text)):
            return "$ stands alone"
        case "expansion" if text[2:3] in (" ", "\t", "|"):
            return "${ …; } runs commands"
        case "expansion":
            if "\n" in text or not text.count("{") == text.count("}") == text.count("${"):
                return "where ${…} ends is not certain"
        case _:
            pass
    return ""


def _touches(word: "Node") -> bool:
    before = word.prev_sibling
    if before is None or word.type.endswith("redirect"):
        return False
    return before.end_byte == word.start_byte
