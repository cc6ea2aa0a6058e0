"""Living choices: what a parameter can be at this moment, and what is offered of it."""

from typing import Annotated

import pytest

from agentkit.core.tools import Effect
from agentkit.tooling.choices import (
    MOST_CHOICES,
    Choices,
    ExistingFile,
    ExistingFolder,
    ExistingPath,
    KnownHandle,
)
from agentkit.tooling.tool import tool

Hundreds = Annotated[str, Choices("number", lambda _: [str(n) for n in range(MOST_CHOICES)])]
TooMany = Annotated[str, Choices("number", lambda _: [str(n) for n in range(MOST_CHOICES + 1)])]
Nothing = Annotated[str, Choices("thing", lambda _: [])]


@tool(effect=Effect.READS)
def look(file: ExistingFile, folder: ExistingFolder, path: ExistingPath) -> str:
    """Look."""
    return file + folder + path


def test_files_folders_and_paths_are_those_that_exist(desk) -> None:
    (desk.root / "sub").mkdir()
    (desk.root / "sub/a.txt").write_text("")
    assert desk.specs(look)["look"].choices == {
        "file": ("sub/a.txt",),
        "folder": (".", "sub"),
        "path": ("sub/a.txt", ".", "sub"),
    }


def test_what_the_person_names_can_be_tried_though_it_is_not_there(desk) -> None:
    (desk.root / "paint.py").write_text("")
    [spec] = desk.dispatcher(look).specs(task="trash brush and paint.py")
    assert spec.choices == {
        "file": ("paint.py", "and paint.py", "and", "brush", "trash"),
        "folder": (".", "paint.py", "and paint.py", "and", "brush", "trash"),
        "path": ("paint.py", ".", "and paint.py", "and", "brush", "trash"),
    }


def test_where_no_file_is_none_can_be_named(desk) -> None:
    @tool(effect=Effect.READS)
    def read(path: ExistingFile) -> str:
        """Read."""
        return path

    assert desk.dispatcher(read).specs(task="read a.txt") == ()


def test_only_files_and_folders_are_named_in_words_of_ones_own(desk) -> None:
    @tool(effect=Effect.PURE)
    def pick(few: Hundreds) -> str:
        """Pick."""
        return few

    [spec] = desk.dispatcher(pick).specs(task="pick a.txt")
    assert "a.txt" not in spec.choices["few"]


def test_a_list_that_is_too_long_to_help_is_left_out_and_the_tool_is_still_offered(desk) -> None:
    @tool(effect=Effect.PURE)
    def pick(few: Hundreds, many: TooMany) -> str:
        """Pick."""
        return few + many

    assert set(desk.specs(pick)["pick"].choices) == {"few"}


def test_a_tool_whose_required_choice_is_empty_is_not_offered(desk) -> None:
    @tool(effect=Effect.PURE)
    def pick(thing: Nothing) -> str:
        """Pick."""
        return thing

    assert desk.specs(pick) == {}


def test_a_tool_whose_optional_choice_is_empty_is_offered_with_none(desk) -> None:
    @tool(effect=Effect.PURE)
    def pick(thing: Nothing = "") -> str:
        """Pick."""
        return thing

    assert desk.specs(pick)["pick"].choices == {"thing": ()}


def test_the_handles_are_those_of_shortened_results(desk) -> None:
    @tool(effect=Effect.PURE)
    def recall(handle: KnownHandle) -> str:
        """Recall."""
        return handle

    assert desk.specs(recall) == {}


@pytest.mark.parametrize("name", ["file", "folder", "path"])
def test_a_choice_is_plain_text_to_the_schema(name: str) -> None:
    assert look.signature.json_schema["properties"][name] == {"type": "string"}
