"""What is tested is never trained on."""

import json

import pytest
from cases import USER_TOOLS, families, floor, glance, known, user_tools
from episodes import families as _families  # noqa: F401 - registers them
from episodes.split import FILE as SPLIT_FILE
from episodes.split import load_split
from episodes.task import FAMILIES
from episodes.write import _batch

SPLIT = load_split()
TRAINED = [family for family in FAMILIES.values() if SPLIT.trains(family)]
UNSEEN = [family for family in FAMILIES.values() if not SPLIT.trains(family)]


def test_there_are_families_enough() -> None:
    assert len(TRAINED) >= 45
    assert len({family.group for family in UNSEEN} - {USER_TOOLS}) >= 8


@pytest.mark.parametrize("family", FAMILIES.values(), ids=lambda family: family.name)
def test_a_family_has_twelve_phrasings_and_more(family) -> None:
    assert len({text for texts in family.phrasings.values() for text in texts}) >= 12


def test_a_fifth_of_the_phrasings_of_every_trained_family_is_held_out() -> None:
    for family in TRAINED:
        texts = {text for texts in family.phrasings.values() for text in texts}
        held = set(SPLIT.phrasings[family.name]) & texts
        assert 0.1 <= len(held) / len(texts) <= 0.3, family.name


def test_every_phrasing_is_placed() -> None:
    seen = json.loads(SPLIT_FILE.read_text(encoding="utf-8"))["seen"]
    missing = [
        (family.name, text)
        for family in FAMILIES.values()
        for texts in family.phrasings.values()
        for text in texts
        if text not in seen.get(family.name, ())
    ]
    assert not missing


def test_training_and_test_phrasings_share_nothing() -> None:
    for family in TRAINED:
        for variant in family.phrasings:
            train = SPLIT.texts(family, variant, test=False)
            assert train
            assert not set(train) & set(SPLIT.texts(family, variant, test=True))


def test_held_out_families_have_no_training_phrasing() -> None:
    for family in UNSEEN:
        assert not any(SPLIT.texts(family, variant, test=False) for variant in family.phrasings)


def test_written_episodes_are_of_trained_families_only() -> None:
    lines, reached, failed = _batch((3, 0))
    names = {json.loads(line)["family"] for line in lines}
    assert names <= {family.name for family in TRAINED}
    assert reached
    assert not failed


def test_the_tests_are_as_large_as_they_should_be() -> None:
    assert len(known().cases) >= 400
    assert len(families().cases) >= 160
    assert len(user_tools().cases) >= 60
    assert len(floor().cases) == 40
    assert len(glance().cases) >= 80


def test_a_case_is_the_same_every_time() -> None:
    assert floor().digest == floor().digest
