import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from agentkit.core.events import Ending
from agentkit.evaluation import ABSENT, After, Case, Score, Task
from agentkit.evaluation.fingerprint import described
from agentkit.evaluation.folders import files_in, fill, folders_in
from agentkit.evaluation.scorer import score, signs_of

LEFT = After({}, {}, frozenset(), "42")


def says(word: str):
    return lambda after: word in after.answer


def _clean(text: str) -> str:
    return text.strip()


def says_cleanly(after: After) -> bool:
    return _clean(after.answer) == "42"


def case(**changes: object) -> Case:
    return Case(**{"id": "one", "family": "sums", "goal": "How much?", "check": says("42"), **changes})


def test_a_task_needs_cases_and_each_has_an_id_of_its_own() -> None:
    with pytest.raises(ValueError, match="no cases"):
        Task("none", ())
    with pytest.raises(ValueError, match="two cases called 'one'"):
        Task("twice", (case(), case()))


@pytest.mark.parametrize(
    "change",
    [
        {"goal": "How many?"},
        {"files": {"a.txt": "1"}},
        {"check": says("43")},
        {"check": lambda after: after.answer == "42"},
        {"family": "counts"},
        {"tags": (ABSENT,)},
    ],
    ids=lambda change: next(iter(change)),
)
def test_whatever_bears_on_a_result_changes_the_hash_of_a_task(change: dict[str, object]) -> None:
    assert Task("t", (case(),)).digest == Task("t", (case(),)).digest
    assert Task("t", (case(**change),)).digest != Task("t", (case(),)).digest


def test_the_files_of_a_folder_count(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("1")
    first = case(folder=tmp_path).digest
    (tmp_path / "a.txt").write_text("2")
    assert case(folder=tmp_path).digest != first
    assert case(folder=tmp_path, files={"a.txt": "1"}).digest == first


def test_a_function_that_a_check_calls_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    before = described(says_cleanly)
    monkeypatch.setitem(says_cleanly.__globals__, "_clean", lambda text: text.lower())
    assert described(says_cleanly) != before


def test_the_hash_is_the_same_in_every_process(tmp_path: Path) -> None:
    program = (
        "import re, sys; from agentkit.evaluation import Case, Task\n"
        "wanted = frozenset({'a', 'b', 'c', 'd'})\n"
        "def check(after, x=re.compile('x')): return after.answer in wanted or x in {'p', 'q', 'r'}\n"
        "print(Task('t', (Case('1', 'f', 'g', check),)).digest)"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in "123"
    }
    assert len(digests) == 1


def test_a_check_that_names_itself_can_be_described() -> None:
    def check(after: After) -> bool:
        return after.answer == "" or check(after)

    assert json.dumps(described(check)) == json.dumps(described(check))


@pytest.mark.parametrize(
    ("tags", "ending", "reached"),
    [
        ((), Ending.FINISHED, True),
        ((), Ending.GAVE_UP, False),
        ((ABSENT,), Ending.GAVE_UP, True),
        ((ABSENT,), Ending.BUDGET, False),
        ((), Ending.CHECK_FAILED, False),
    ],
)
def test_a_run_that_was_stopped_gave_no_answer(tags: tuple[str, ...], ending: Ending, reached: bool) -> None:
    found = score(case(tags=tags), ending, LEFT)
    assert found.reached is reached
    assert reached or str(ending) in found.why


def test_a_check_can_say_why() -> None:
    found = score(case(check=lambda _after: Score(False, "a is missing")), Ending.FINISHED, LEFT)
    assert found == Score(False, "a is missing")


def test_signs_are_told_whatever_the_verdict() -> None:
    signs = {"answered": lambda after: bool(after.answer), "empty": lambda _after: Score(False, "it is not")}
    found = signs_of(case(check=lambda _after: False, signs=signs), replace(LEFT, answer="8092"))
    assert found == {"answered": True, "empty": False}


def test_a_folder_is_filled_and_read_back(tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "deep/empty").mkdir(parents=True)
    (source / "deep/a.bin").write_bytes(b"\xff\x00")
    place = tmp_path / "place"
    fill(place, source, {"new/b.txt": "é"})
    assert files_in(place) == {"deep/a.bin": "\udcff\x00", "new/b.txt": "é"}
    assert folders_in(place) == {"deep", "deep/empty", "new"}


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("42")
    place = tmp_path / "place"
    place.mkdir()
    (place / "link").symlink_to(secret)
    assert files_in(place) == {"link": f"\0link to {secret}"}
