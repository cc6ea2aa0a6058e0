"""What the loop tells a model stands in files: a person's own take their place, and the record says whose."""

from pathlib import Path

import pytest

from agentkit.agents.nudges import FOLDER, PLACES, Words, closing, require_usable
from agentkit.agents.replay import replay
from agentkit.core.errors import PromptError
from agentkit.core.events import Nudged
from agentkit.core.usage import Limits
from agentkit.prompts.library import Library, library_of, load_prompt


def written(folder: Path, words: str, text: str) -> Library:
    """The library of a person with a file of their own."""
    (folder / FOLDER).mkdir(parents=True, exist_ok=True)
    (folder / FOLDER / f"{words}.md").write_text(f'---\nversion: "mine"\n---\n{text}\n')
    return library_of(user=folder)


@pytest.mark.parametrize("words", PLACES)
def test_each_file_is_one_message_with_the_places_that_are_filled(words: str) -> None:
    prompt = load_prompt(f"{FOLDER}/{words}")
    assert prompt.is_message
    assert prompt.body.variables == set(PLACES[words])


async def test_a_person_s_own_words_are_what_the_model_hears_and_the_record_says_whose(
    stage, tmp_path: Path
) -> None:
    library = written(tmp_path / "prompts", "closing", "Schluss: {why}.")
    await stage.agent(["", "", ""], library=library, limits=Limits(steps=2)).run(stage.start())
    [told] = [one for one in stage.events(Nudged) if one.reason == "closing"]
    assert told.text == "Schluss: the limit of 2 steps is reached."
    assert (told.prompt.name, told.prompt.version, told.prompt.origin) == ("nudges/closing", "mine", "user")
    assert len(told.prompt.digest) == 16


async def test_a_run_is_replayed_in_the_words_of_then(stage, tmp_path: Path) -> None:
    library = written(tmp_path / "prompts", "unreadable", "Wie bitte?")
    agent = stage.agent(["", "It is done."], library=library)
    await agent.run(stage.start())
    assert [one.text for one in stage.events(Nudged)] == ["Wie bitte?"]
    assert (await replay(stage.log.events(), agent.tools)).difference is None


@pytest.mark.parametrize("text", ["It is over.", "{why} {what}", "{wy}"])
def test_words_with_other_places_are_refused_before_a_run_rests_on_them(text: str, tmp_path: Path) -> None:
    with pytest.raises(PromptError, match=r"nudges/closing of the user must be one message with \{why\}"):
        require_usable(written(tmp_path, "closing", text))


def test_words_are_read_once_in_a_run(tmp_path: Path) -> None:
    words = Words(written(tmp_path, "closing", "First: {why}"))
    first = words.nudged(closing("x"))
    written(tmp_path, "closing", "Then: {why}")
    assert words.nudged(closing("x")) == first
