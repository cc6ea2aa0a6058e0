"""A goal is in a person's manner, and what has to be copied is never touched."""

from episodes.dice import Dice
from episodes.phrasing import phrased, slots_of
from hypothesis import given
from hypothesis import strategies as st

TEMPLATES = (
    "Write {text} to {path}",
    "What is the {key} of {path}?",
    "{path}: how many lines?",
    "i'd like {text} in {path}, nothing else",
)
TEXT = st.text(min_size=1).filter(lambda text: "{" not in text and "}" not in text)


@given(st.integers(), st.sampled_from(TEMPLATES), TEXT, TEXT)
def test_slots_stand_in_the_goal_as_they_are(seed, template, text, path) -> None:
    goal = phrased(template, {"text": text, "path": path, "key": text}, Dice(seed))
    assert all({"text": text, "path": path, "key": text}[slot] in goal for slot in slots_of(template))


def test_the_same_dice_give_the_same_goal() -> None:
    slots = {"text": "x", "path": "y"}
    assert phrased(TEMPLATES[0], slots, Dice(7)) == phrased(TEMPLATES[0], slots, Dice(7))


def test_goals_vary_in_manner() -> None:
    slots = {"text": "x", "path": "y"}
    assert len({phrased(TEMPLATES[0], slots, Dice(seed)) for seed in range(100)}) > 30


def test_only_what_asks_is_asked_politely() -> None:
    goals = [phrased("What is the {key} of {path}?", {"key": "k", "path": "p"}, Dice(n)) for n in range(300)]
    assert not any(goal.lower().startswith(("could you", "please", "can you")) for goal in goals)
    assert any(phrased("Sort {path}", {"path": "p"}, Dice(n)).startswith("Please sort") for n in range(300))


def test_a_text_at_the_end_stays_the_last_word() -> None:
    slots = {"path": "a.txt", "text": "buy milk"}
    assert all(phrased("Add to {path}: {text}", slots, Dice(n)).endswith(": buy milk") for n in range(300))
    names = {"path": "a.txt", "text": "x"}
    goals = {phrased("Add {text} to {path}", names, Dice(n)) for n in range(300)}
    assert any(goal.endswith("please") for goal in goals)
