"""Who the agent is told to be stands in its opening; nothing is changed where nobody says it."""

from pathlib import Path
from typing import Any

import pytest

from agentkit.core.agent_profile import AgentProfile
from agentkit.core.errors import PromptError
from agentkit.prompts.library import library_of, load_prompt
from agentkit.prompts.opening import opening_of

VALUES = {"goal": "sort the letters", "files": "a.txt"}
ADA = AgentProfile(
    "Ada",
    "who keeps the letters of a museum",
    goals=("Nothing is lost.",),
    constraints=("Never rename a letter.", "Ask\nnobody."),
    resources=("The list of senders.",),
    best_practices=("Begin with the oldest.",),
)


@pytest.mark.parametrize("name", ["agent/system", "agent/small", "agent/lines"])
def test_without_a_profile_the_opening_is_what_the_file_says(name: str) -> None:
    opening = opening_of(library_of(), name, VALUES, AgentProfile())
    assert opening.messages == load_prompt(name).render(VALUES)
    assert (opening.used, opening.also) == (load_prompt(name).used, ())


def test_a_profile_is_told_in_order_to_a_model_with_a_large_prompt() -> None:
    opening = opening_of(library_of(), "agent/system", VALUES, ADA)
    system, user = (message.text for message in opening.messages if hasattr(message, "text"))
    told = [
        "You are Ada, who keeps the letters of a museum.",
        "## Goals",
        "- Nothing is lost.",
        "## Constraints",
        "- Never rename a letter.\n- Ask nobody.",
        "## Resources",
        "- The list of senders.",
        "## Best practices",
        "- Begin with the oldest.",
    ]
    places = [system.index(words) for words in told]
    assert places == sorted(places)
    assert "sort the letters" in user
    assert opening.used.name == "agent/profile"


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ("name", "You are Ada, who reaches a goal"),
        ("role", "You are Agent, who keeps the letters of a museum"),
        ("goals", "- Nothing is lost."),
        ("constraints", "- Never rename a letter."),
        ("resources", "- The list of senders."),
        ("best_practices", "- Begin with the oldest."),
    ],
)
def test_each_part_of_a_profile_has_its_effect(field: str, words: str) -> None:
    given: Any = {field: getattr(ADA, field)}
    large = opening_of(library_of(), "agent/system", VALUES, AgentProfile(**given)).messages[0]
    small = opening_of(library_of(), "agent/small", VALUES, AgentProfile(**given)).messages[0]
    assert words in str(large)
    assert words.removeprefix("- ") in str(small)


def test_a_prompt_without_a_place_for_a_profile_has_it_before() -> None:
    opening = opening_of(library_of(), "agent/small", VALUES, ADA)
    plain = load_prompt("agent/small").render(VALUES)
    system = opening.messages[0]
    assert opening.messages[1:] == plain[1:]
    assert str(system.text).endswith(str(plain[0].text))
    assert str(system.text).startswith(
        "You are Ada, who keeps the letters of a museum.\n- Goal: Nothing is lost.\n"
        "- Constraint: Never rename a letter.\n- Constraint: Ask nobody.\n"
        "- Resource: The list of senders.\n- Best practice: Begin with the oldest."
    )
    assert [used.name for used in opening.also] == ["agent/profile-brief"]


def test_the_persons_own_prompt_is_kept_when_a_profile_is_given(tmp_path: Path) -> None:
    (tmp_path / "agent").mkdir()
    (tmp_path / "agent/system.md").write_text("---\nversion: 1\n---\nMine. {files}")
    opening = opening_of(library_of(tmp_path), "agent/system", VALUES, ADA)
    assert str(opening.messages[0].text).endswith("Mine. a.txt")


def test_a_profile_prompt_without_a_place_is_named(tmp_path: Path) -> None:
    (tmp_path / "agent").mkdir()
    (tmp_path / "agent/profile.md").write_text("---\nversion: 1\n---\nI am {name}.")
    with pytest.raises(PromptError, match="prompt agent/profile has no place for best_practices"):
        opening_of(library_of(tmp_path), "agent/system", VALUES, ADA)
