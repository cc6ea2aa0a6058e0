"""What is tested is never trained on."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from cases import USER_TOOLS, families, floor, glance, known, user_tools
from episodes.families import FAMILIES
from episodes.split import FILE, extend, load_split, plain
from episodes.write import VIEW_SIZE, write_batch

TRAINING = Path(__file__).parents[2] / "training"
SPLIT = load_split()
TRAINED = [family for family in FAMILIES.values() if SPLIT.trains(family)]
UNSEEN = [family for family in FAMILIES.values() if not SPLIT.trains(family)]


def test_there_are_families_enough() -> None:
    assert len(TRAINED) >= 45
    assert len({family.group for family in UNSEEN} - {USER_TOOLS}) >= 8


@pytest.mark.parametrize("family", FAMILIES.values(), ids=lambda family: family.name)
def test_a_family_has_twelve_phrasings_and_more(family) -> None:
    assert len({text for texts in family.phrasings.values() for text in texts}) >= 12


def test_nothing_is_in_both_places() -> None:
    assert not SPLIT.held & SPLIT.trained


def test_every_phrasing_is_placed() -> None:
    missing = [
        (family.name, text)
        for family in FAMILIES.values()
        for texts in family.phrasings.values()
        for text in texts
        if plain(text) not in SPLIT.held | SPLIT.trained
    ]
    assert not missing


def test_about_a_fifth_of_the_phrasings_is_held_out() -> None:
    said = {plain(t) for family in TRAINED for texts in family.phrasings.values() for t in texts}
    assert 0.1 <= len(said & SPLIT.held) / len(said) <= 0.3


def test_no_family_trains_on_what_another_is_tested_with() -> None:
    train = {
        plain(text)
        for family in FAMILIES.values()
        for variant in family.phrasings
        for text in SPLIT.texts(family, variant, test=False)
    }
    test = {
        plain(text)
        for family in FAMILIES.values()
        for variant in family.phrasings
        for text in SPLIT.texts(family, variant, test=True)
    }
    assert not train & test


def test_every_variant_can_be_trained_on() -> None:
    for family in TRAINED:
        assert all(SPLIT.texts(family, variant, test=False) for variant in family.phrasings), family.name


def test_extending_moves_nothing_and_places_what_is_new(tmp_path) -> None:
    path = tmp_path / "split.json"
    content = json.loads(FILE.read_text(encoding="utf-8"))
    forgotten = content["held"][::7] + content["trained"][::7]
    kept = {kind: [t for t in content[kind] if t not in forgotten] for kind in ("held", "trained")}
    path.write_text(json.dumps({**content, **kept}), encoding="utf-8")
    extend(path)
    after = load_split(path)
    assert {plain(text) for text in kept["held"]} <= after.held
    assert {plain(text) for text in kept["trained"]} <= after.trained
    assert not after.held & after.trained
    said = {plain(t) for f in FAMILIES.values() for texts in f.phrasings.values() for t in texts}
    assert {plain(text) for text in forgotten} & said <= after.held | after.trained


def test_held_out_families_have_no_training_phrasing() -> None:
    for family in UNSEEN:
        assert not any(SPLIT.texts(family, variant, test=False) for variant in family.phrasings)


def test_written_episodes_are_of_trained_families_only() -> None:
    written = write_batch((3, 0))
    names = {json.loads(line)["family"] for line in written.lines}
    assert names <= {family.name for family in TRAINED}
    assert written.reached.total() == VIEW_SIZE
    assert not written.failed


def test_episodes_can_be_of_some_families_only() -> None:
    written = write_batch((3, 0), only="user_tool")
    assert len(written.reached) > 3
    assert all(name.startswith("user_tool") for name in written.reached)
    with pytest.raises(ValueError, match="no family that may be trained on begins with 'tick_off'"):
        write_batch((3, 0), only="tick_off")


def test_longer_rows_than_asked_for_are_left_out_and_counted() -> None:
    whole, short = write_batch((3, 0)), write_batch((3, 0), most=1200)
    sizes = [sum(len(turn["content"]) for turn in json.loads(line)["turns"]) for line in whole.lines]
    assert short.lines == [line for line, size in zip(whole.lines, sizes, strict=True) if size <= 1200]
    assert short.long.total() == len(whole.lines) - len(short.lines) > 0


def test_the_same_seed_writes_the_same_episodes_in_every_process() -> None:
    """Hashes of texts differ from process to process; nothing may rest on them."""
    code = "from episodes.write import write_batch; print(''.join(write_batch((3, 1)).lines))"

    def written(hashes: str) -> str:
        environ = {**os.environ, "PYTHONHASHSEED": hashes, "PYTHONPATH": str(TRAINING)}
        done = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert written("1") == written("2") != "\n"


def test_the_tests_are_as_large_as_they_should_be() -> None:
    assert len(known().cases) >= 400
    assert len(families().cases) >= 160
    assert len(user_tools().cases) >= 60
    assert len(floor().cases) == 40
    assert len(glance().cases) >= 80


def test_a_case_is_the_same_every_time() -> None:
    assert floor().digest == floor().digest
