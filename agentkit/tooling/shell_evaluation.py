"""What bash evaluates once more: arithmetic, subscripts and names that a variable can hold.

The value of a variable that stands in `$((…))` is itself an expression, and a subscript in it is expanded
with all that it substitutes. So what a variable holds there decides what is run, and nobody can say what.
"""

import re
from typing import TYPE_CHECKING

from agentkit.tooling.shell_tree import WORDS, arguments_of, nodes_of, text_of

if TYPE_CHECKING:
    from tree_sitter import Node

RISKY = re.compile(
    r"(PATH|IFS|ENV|HOME|BASH_ENV|PS[0-4]|PROMPT_COMMAND|SHELLOPTS|BASHOPTS|LD_\w+|BASH_FUNC_.*|BASH_CMDS|BASH_ALIASES"
    r"|SECONDS|RANDOM|SRANDOM|LINENO|BASHPID|EPOCH\w+|HISTCMD|OPTIND)(=.*)?"
)
"""Variables that decide what a name or a line means, or whose value is computed."""
_SUBSTITUTES = re.compile(r"`|\$[(\[{]")
_NOT_READ = frozenset({"`", "$(", "$((", "${", "$[", "$`", "comment", "heredoc_body", "heredoc_content"})
_NUMBERS = re.compile(r"(?:0[xX][\da-fA-F]+|\d+|\$[#?$!]|[^\w$`\"'\[\]{}\\])*")
_SUBSCRIPT = re.compile(r"[@*]|\s*-?\d+\s*|\$[#?]")
_NAME = r"(?:\w+|[@*#?$!-])"
_SLICE = re.compile(rf"\$\{{#?{_NAME}(?:\[[^\]]*\])?:(?![-=?+])(.*)\}}", re.DOTALL)
_INDIRECT = re.compile(r"\$\{!(?!\w+(\[[@*]\]|[@*])\}|\})")
_TRANSFORMED = re.compile(r"@[^]UuLQak]\}$")
_COMPARES = frozenset({"-eq", "-ne", "-lt", "-le", "-gt", "-ge"})
_BETWEEN = _COMPARES | {"=", "==", "!=", "<", ">", "-nt", "-ot", "-ef", "-a", "-o", "]", ")"}
_TAKES_NAMES = frozenset({"read", "printf", "unset", "getopts", "wait", "test", "[", "let"})
_ELEMENT = re.compile(r"-?\w+\[.*", re.DOTALL)
_DECLARES = frozenset({"declare", "export", "local", "readonly", "typeset"})
_UNQUOTED = re.compile(r"\$(?=['\"])|[\\'\"]")
_OF_SHELL = re.compile(r"\$[?#$!]|\$\{[?#$!]\}")


def evaluated(node: "Node", text: str) -> str:
    """Why what bash evaluates at `node`, which is `text`, may run what is not there; or nothing."""
    match node.type:
        case "expansion":
            return _expansion(node, text)
        case "arithmetic_expansion":
            return _arithmetic(text[3:-2] if text.startswith("$((") else text[2:-1])
        case "command_substitution" if text.startswith("$(("):
            return _arithmetic(text[3:-2])
        case "compound_statement" | "test_command" if text.startswith("(("):
            return _arithmetic(text[2:-2])
        case "c_style_for_statement":
            head = [
                text_of(part) for part in node.children if part.type not in ("do_group", "for", "((", "))")
            ]
            return _arithmetic(" ".join(part for part in head if not part.startswith("{")))
        case "subscript":
            inside = text.partition("[")[2].rpartition("]")[0]
            return "" if _SUBSCRIPT.fullmatch(inside) else "a subscript is computed"
        case "array":
            return _array(node)
        case "test_command":
            return _conditional(node) if text.startswith("[[") else _test(_tested(node))
        case "declaration_command" | "unset_command":
            return _declaration(node)
        case "command":
            return _command(node)
        case _:
            # what the grammar leaves as text, and the shell may not
            if node.type in _NOT_READ or not _SUBSTITUTES.search(text) or node.child_count:
                return ""
            return "text holds what a shell would substitute"


def _expansion(node: "Node", text: str) -> str:
    if "`" in text:
        return "a backtick stands in ${…}"
    if "<(" in text or ">(" in text or "$[" in text:
        return "a substitution stands in ${…}"
    if _TRANSFORMED.search(text):
        return "${…@…} evaluates what a variable holds"
    if _INDIRECT.match(text):
        return "${!…} evaluates what a variable holds"
    if (cut := _SLICE.fullmatch(text)) and not _NUMBERS.fullmatch(cut[1]):
        return "arithmetic reads a variable"
    marks = [text_of(child) for child in node.children if child.child_count == 0]
    named = next((text_of(child) for child in node.children if child.type == "variable_name"), "")
    return f"it may set {named}" if {"=", ":="} & set(marks) and RISKY.fullmatch(named) else ""


def _arithmetic(text: str) -> str:
    return "" if _NUMBERS.fullmatch(text) else "arithmetic reads a variable"


def _array(node: "Node") -> str:
    for element in node.children:
        at = re.match(r"\[([^\]]*)\]?", text_of(element))
        if at and "=" in text_of(element) and not _SUBSCRIPT.fullmatch(at[1]):
            return "a subscript is computed"
    return ""


def _conditional(node: "Node") -> str:
    for part in nodes_of(node):
        words = [text_of(child) for child in part.children]
        operator = words[1] if part.type == "binary_expression" else words[0] if words else ""
        numbers = all(_NUMBERS.fullmatch(word.strip("\"'")) for word in (*words[:1], *words[2:]))
        if operator in _COMPARES and not numbers:
            return "arithmetic reads a variable"
        if operator in ("-v", "-R") and len(words) > 1 and not re.fullmatch(r"\w+", words[-1]):
            return "a subscript may be computed"
    return ""


def _tested(node: "Node") -> list[str]:
    """The words between [ and ], which to bash are those of a command like any other."""
    words: list[str] = []
    waiting = [node]
    while waiting:
        part = waiting.pop()
        if part.type in WORDS or not part.children:
            words.append(text_of(part))
        else:
            waiting.extend(reversed(part.children))
    return words


def _declaration(node: "Node") -> str:
    words = node.children[1:]
    bare = [_UNQUOTED.sub("", text_of(word)) for word in words]
    options = "".join(word[1:] for word in bare if word[:1] in ("-", "+"))
    if set(options) & {"n", "i"}:
        return "a variable may stand for another, or be computed"
    for word in words:
        text = text_of(word)
        simple = word.type in ("variable_assignment", "variable_name", "word")
        if "[" in text.partition("=")[0] or (not simple and re.search(r"[$`*?{]", text)):
            return "the name of a variable is computed"
        listed = word.type == "variable_assignment" and "=(" in text
        if set(options) & {"a", "A"} and "=" in text and not listed:
            return "a subscript may be computed"
    return ""


def _command(node: "Node") -> str:
    texts = [text_of(part) for part in arguments_of(node)]
    names = [_UNQUOTED.sub("", text) for text in texts]
    while len(names) > 1 and names[0] in ("builtin", "command", "exec", "time", "--", "-p"):
        texts, names = texts[1:], names[1:]
    if names and names[0] in _DECLARES:
        return f"{names[0]} is not read where its name is quoted or another one starts it"
    if not names or names[0] not in _TAKES_NAMES:
        return ""
    name, words = names[0], texts[1:]
    if name == "let":
        return "" if all(_NUMBERS.fullmatch(word) for word in names[1:]) else "arithmetic reads a variable"
    if name in ("test", "["):
        return _test(words)
    unknown = [bool(re.search(r"[$`*?]", word)) and not _OF_SHELL.fullmatch(word) for word in words]
    if name == "printf":
        # its options stand before the format
        unknown = [hidden and (not at or words[0].startswith("-")) for at, hidden in enumerate(unknown)]
        if not any("-v" in word for word in names[1:2]) and not any(unknown):
            return ""
    if any(unknown) or any(_ELEMENT.fullmatch(word) for word in names[1:]):
        return f"{name} may be given a computed name"
    return ""


def _test(words: list[str]) -> str:
    bare = [_UNQUOTED.sub("", word) for word in words]
    for at, word in enumerate(words):
        following = bare[at + 1] if at + 1 < len(bare) else "]"
        if bare[at] in ("-v", "-R") and not re.fullmatch(r"\w+", following):
            return "a subscript may be computed"
        if not re.search(r"[$`*?]", word) or _OF_SHELL.fullmatch(word.strip('"')):
            continue
        several = "@" in word or not re.fullmatch(r"'[^']*'|\"[^\"]*\"", word)
        operator = following not in _BETWEEN
        if several or operator:
            return "what is tested is known only when it runs"
    return ""
