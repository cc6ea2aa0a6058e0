"""A larger model's paraphrases ask for the same, and for nothing that is tested."""

import pytest
from episodes.families import FAMILIES
from episodes.paraphrase import fitting, more_of, said_by, write_paraphrases
from episodes.phrasing import slots_of
from episodes.split import load_split, plain, read_paraphrases
from episodes.task import Family

from agentkit_local_models.engine import Engine

SPLIT = load_split()
TRAINED = [family for family in FAMILIES.values() if SPLIT.trains(family)]
WRITTEN = read_paraphrases()
RENAMING = FAMILIES["rename_file"]


@pytest.mark.parametrize(
    "said",
    [
        "",
        "Rename it.",
        "Rename {path}.",
        "Rename {path} to {target} in {folder}.",
        "Rename {path} and {path} to {target}.",
        "Sure, I rename {path} to {target}.",
        "Rename {path} to {target}.\nThat is all.",
        'Rename "{path} to {target}.',
        "{path} {target}",
        "Rename {path} to {target}" + " please" * 40,
        "rename {path} TO {target}",
    ],
)
def test_what_is_no_paraphrase_is_not_kept(said: str) -> None:
    text = "Rename {path} to {target}."
    assert fitting(said, text, {plain(text)}) is None


def test_a_slot_in_quotes_stays_in_quotes() -> None:
    text = 'Write "{text}" to {path}.'
    assert fitting("put {text} into {path}", text, set()) is None
    assert fitting("put '{text}' into {path}", text, set()) == "put '{text}' into {path}"


def test_what_asks_for_the_same_in_new_words_is_kept() -> None:
    assert fitting(" {target} is what {path} is called now ", "Rename {path} to {target}.", set()) == (
        "{target} is what {path} is called now"
    )


class Words:
    """A model that says each request with another word before it."""

    def __init__(self, *spoilt: int) -> None:
        self.spoilt = spoilt
        self.asked: list[str] = []

    def __call__(self, text: str, number: int) -> str:
        self.asked.append(text)
        return "no" if number in self.spoilt else f"again{number} then: {' '.join(text.split())}"


def said_of(family: Family) -> list[str]:
    return [text for texts in family.phrasings.values() for text in texts]


def test_only_what_may_be_trained_on_is_shown() -> None:
    asked = Words()
    more_of(RENAMING, {}, (), 1000, asked)
    assert sorted(asked.asked) == sorted(text for text in said_of(RENAMING) if plain(text) in SPLIT.trained)


def test_as_many_are_written_as_are_asked_for_and_another_is_tried_for_one_that_is_none() -> None:
    asked = Words(0, 2)
    texts = more_of(RENAMING, {}, (), 2, asked)
    assert [line.split()[0] for lines in texts.values() for line in lines] == ["again1", "again3"]
    assert len(asked.asked) == 4


def test_what_is_kept_counts_and_what_was_refused_is_not_written_again() -> None:
    [first, second] = [line for lines in more_of(RENAMING, {}, (), 2, Words()).values() for line in lines]
    assert more_of(RENAMING, {"plain": [first]}, (), 1, Words()) == {"plain": [first]}
    [other] = [line for lines in more_of(RENAMING, {}, {plain(first)}, 1, Words()).values() for line in lines]
    assert other == second


def test_every_trained_family_gets_some_in_a_file_that_is_added_to(tmp_path) -> None:
    file = tmp_path / "paraphrases.json"
    write_paraphrases(Words(), 1, file)
    once = read_paraphrases(file)
    assert set(once.kept) == {family.name for family in TRAINED}
    assert all(sum(map(len, texts.values())) == 1 for texts in once.kept.values())
    write_paraphrases(Words(), 2, file)
    twice = read_paraphrases(file)
    for name, texts in once.kept.items():
        assert sum(map(len, twice.kept[name].values())) == 2
        assert all(set(lines) <= set(twice.kept[name][variant]) for variant, lines in texts.items())


def test_the_same_number_is_the_same_words_and_others_are_others(smollm2_path) -> None:
    said, again = (said_by(Engine.load(smollm2_path)) for _ in range(2))
    text = "Rename {path} to {target}."
    # an engine that has read the prompt before need not compute it to the last bit as at first
    first, *others = (said(text, number) for number in range(1, 5))
    assert again(text, 1) == first
    assert {first} < {first, *others}


def test_every_family_that_is_trained_on_has_paraphrases_and_no_other() -> None:
    assert {name for name, texts in WRITTEN.kept.items() if texts} <= {family.name for family in TRAINED}
    assert set(WRITTEN.kept) == {family.name for family in TRAINED}


def test_a_paraphrase_asks_about_everything_that_its_variant_asks_about() -> None:
    for name, texts in WRITTEN.kept.items():
        for variant, lines in texts.items():
            wanted = slots_of(FAMILIES[name].phrasings[variant][0])
            assert all(slots_of(line) == wanted for line in lines), name


def test_no_paraphrase_is_held_out_or_refused() -> None:
    kept = {plain(line) for texts in WRITTEN.kept.values() for lines in texts.values() for line in lines}
    assert not kept & (SPLIT.held | SPLIT.trained | {plain(text) for text in WRITTEN.refused})


def test_paraphrases_are_trained_on_and_not_tested_with() -> None:
    [(variant, lines), *_] = WRITTEN.kept["rename_file"].items()
    assert set(lines) <= set(SPLIT.texts(RENAMING, variant, test=False))
    assert not set(lines) & set(SPLIT.texts(RENAMING, variant, test=True))
