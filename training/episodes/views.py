"""The tools as one episode offers them: all of them as they are, some of them, or under other names.

A model that always sees the same list learns it by heart; one that sees many lists learns to read.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from agentkit.tooling.choices import Choices
from agentkit.tooling.schema import Signature
from agentkit.tooling.tool import Tool
from episodes.dice import Dice
from episodes.task import Call

ALWAYS_LOOKS = "list_files"
"""What a policy calls when the loop doubts its answer; offered in every view."""


@dataclass(frozen=True)
class View:
    """Tools, and what a canonical name is called among them."""

    tools: Mapping[str, Tool]
    names: Mapping[str, str] = field(default_factory=dict[str, str])
    arguments: Mapping[tuple[str, str], str] = field(default_factory=dict[tuple[str, str], str])

    def shown(self, call: Call) -> Call:
        """A call in the names of this view."""
        renamed = {
            self.arguments.get((call.tool, name), name): value for name, value in call.arguments.items()
        }
        return Call(self.names.get(call.tool, call.tool), renamed)

    def canonical(self, name: str, arguments: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        """The other way round."""
        tool = next((mine for mine, shown in self.names.items() if shown == name), name)
        back = {shown: mine for (of, mine), shown in self.arguments.items() if of == tool}
        return tool, {back.get(key, key): value for key, value in arguments.items()}


@dataclass(frozen=True)
class RenamedSignature(Signature):
    """A signature whose parameters go by other names."""

    renamed: Mapping[str, str] = field(default_factory=dict[str, str])

    @cached_property
    def choices(self) -> dict[str, Choices]:
        """The living choices by their new names."""
        return {self.renamed.get(name, name): marker for name, marker in super().choices.items()}

    @cached_property
    def json_schema(self) -> dict[str, Any]:
        """The schema with the new names."""
        schema = dict(super().json_schema)
        properties: dict[str, Any] = schema.get("properties", {})
        schema["properties"] = {self.renamed.get(name, name): part for name, part in properties.items()}
        if "required" in schema:
            schema["required"] = [self.renamed.get(name, name) for name in schema["required"]]
        return schema

    def check(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments by their old names, checked."""
        back = {shown: name for name, shown in self.renamed.items()}
        return super().check({back.get(name, name): value for name, value in arguments.items()})


def plain_view(installed: Mapping[str, Tool], own: Sequence[Tool] = ()) -> View:
    """Every installed tool as it is, and a task's own."""
    return View({**installed, **{tool.name: tool for tool in own}})


def some_view(
    dice: Dice, installed: Mapping[str, Tool], needs: Sequence[str], own: Sequence[Tool] = (), *, rename: bool
) -> View:
    """Some of the tools in any order; with `rename`, most of them under other names and words."""
    # in an order of its own: that of a set changes from process to process
    keep = tuple(dict.fromkeys((*needs, ALWAYS_LOOKS, *(tool.name for tool in own))))
    others = [name for name in installed if name not in keep]
    chosen = [*keep, *dice.sample(others, dice.randint(0, len(others)))]
    everything = {**installed, **{tool.name: tool for tool in own}}
    dice.shuffle(chosen)
    names: dict[str, str] = {}
    arguments: dict[tuple[str, str], str] = {}
    tools: dict[str, Tool] = {}
    for name in sorted(chosen, key=chosen.index):
        tool = everything[name]
        if rename and name in OTHER_NAMES and dice.maybe(0.75):
            shown = dice.choice([n for n in OTHER_NAMES[name] if n not in tools])
            renamed = {
                argument: dice.choice(OTHER_ARGUMENTS[argument])
                for argument in tool.signature.json_schema.get("properties", {})
                if argument in OTHER_ARGUMENTS and dice.maybe(0.6)
            }
            if len(set(renamed.values())) < len(renamed):
                renamed = {}
            names[name] = shown
            arguments.update({(name, old): new for old, new in renamed.items()})
            words = dice.choice(OTHER_WORDS[name]) if dice.maybe(0.7) else tool.description
            signature = RenamedSignature(tool.signature.function, renamed)
            tool = replace(tool, name=shown, description=words, signature=signature)
        tools[tool.name] = tool
    return View(tools, names, arguments)


OTHER_NAMES: Mapping[str, Sequence[str]] = {
    "read_file": ("open_file", "cat", "show_file", "get_file", "file_contents", "view", "load_text", "read"),
    "write_file": ("save_file", "create_file", "put_file", "store_text", "write", "new_file", "save_text"),
    "append_file": ("add_to_file", "append", "add_lines", "extend_file", "append_text", "add_line"),
    "edit_file": ("replace_text", "substitute", "change_text", "edit", "replace_in_file", "patch_text"),
    "list_files": ("ls", "list_folder", "dir", "show_folder", "list_dir", "browse_folder", "files"),
    "find_text": ("grep", "search_files", "search_text", "find_in_files", "locate", "search", "look_for"),
    "move_file": ("mv", "rename_file", "move", "relocate", "move_path", "rename"),
    "copy_file": ("cp", "duplicate_file", "copy", "copy_path", "clone_file", "duplicate"),
    "delete_file": ("rm", "remove_file", "erase", "delete", "remove", "delete_path"),
    "make_folder": ("mkdir", "create_folder", "new_folder", "make_dir", "create_directory", "add_folder"),
    "run_python": ("python", "execute_python", "py", "run_code", "exec_python", "python_code"),
    "run_shell": ("shell", "bash", "terminal", "run_command", "sh", "execute_command"),
    "ask_user": ("ask", "ask_person", "question", "ask_human", "prompt_user", "get_input"),
    "read_output": ("more_output", "show_output", "full_output", "read_result", "get_output", "output"),
}
"""What other frameworks and people call the same tools."""

OTHER_ARGUMENTS: Mapping[str, Sequence[str]] = {
    "path": ("file", "filename", "file_path", "name", "filepath", "where"),
    "content": ("text", "contents", "data", "body", "lines_of_text", "what"),
    "first_line": ("start", "from_line", "begin", "offset"),
    "lines": ("count", "limit", "how_many", "number_of_lines"),
    "folder": ("directory", "dir_path", "place", "in_folder"),
    "deep": ("recursive", "all_levels", "with_subfolders"),
    "pattern": ("query", "words", "regex", "search_for", "term"),
    "source": ("src", "from_path", "old_path", "origin"),
    "target": ("dst", "to_path", "new_path", "destination"),
    "old": ("old_text", "find", "before", "old_string", "search"),
    "new": ("new_text", "replacement", "after", "new_string", "replace_with"),
    "every": ("all", "replace_all", "all_places"),
    "code": ("source_code", "script", "program", "python_source"),
    "command": ("cmd", "line", "command_line"),
    "question": ("message", "prompt_text", "ask_what"),
}

OTHER_WORDS: Mapping[str, Sequence[str]] = {
    "read_file": ("Show what is in a file.", "Get a file's text.", "Open a text file and return its lines."),
    "write_file": (
        "Save text as a file.",
        "Create a file or overwrite it with new text.",
        "Store text under a path, replacing what was there.",
    ),
    "append_file": ("Put lines at the end of a file.", "Add text after a file's last line."),
    "edit_file": ("Swap one text in a file for another.", "Change a passage of a file."),
    "list_files": ("Show what a folder holds.", "Names and sizes of the files in a directory."),
    "find_text": ("Search all files for words or a pattern.", "Show the lines that match."),
    "move_file": ("Give a file another name or place.", "Rename or relocate a file or folder."),
    "copy_file": ("Make a second copy of a file.", "Duplicate a file at another path."),
    "delete_file": ("Remove a file or folder.", "Erase a file."),
    "make_folder": ("Create a directory.", "Add an empty folder."),
    "run_python": ("Execute Python and return what it prints.", "Run a short Python program."),
    "run_shell": ("Execute a command line.", "Run a command in the shell."),
    "ask_user": ("Ask the human something.", "Put a question to the person."),
    "read_output": ("Show more of a long result.", "Read on in a result that was cut."),
}
