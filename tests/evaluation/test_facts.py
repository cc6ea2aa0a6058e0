from pathlib import Path

import pytest

from agentkit.evaluation.facts import code_digest, placed, weights


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("smollm2", "gpt-4o", "own.gguf"):
        (tmp_path / name).write_text("x")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("model", ["local:smollm2", "openai:gpt-4o", "local:none.gguf", "auto", "local:"])
def test_a_name_is_no_path_whatever_lies_in_the_folder(here: Path, model: str) -> None:
    assert placed(model) == (model, ())
    assert weights(model) == ""


def test_weights_that_change_are_told_apart(here: Path) -> None:
    assert placed("local:own.gguf") == (f"local:{here}/own.gguf", (here / "own.gguf",))
    before = weights("local:own.gguf")
    (here / "own.gguf").write_text("retrained")
    assert weights("local:own.gguf") != before
    assert weights(f"local:{here}") != before


def test_an_adapter_of_ones_own_is_what_tells_models_apart(here: Path) -> None:
    for name in ("smollm2", "smollm2-base"):
        assert placed(f"local:{name}+own.gguf") == (f"local:{name}+{here}/own.gguf", (here / "own.gguf",))
    assert weights("local:smollm2+own.gguf") != weights("local:smollm2")


def test_an_adapter_on_a_path_is_told_apart_with_its_base(here: Path) -> None:
    (here / "a").write_text("a")
    (here / "b").write_text("bb")
    names = ["local:own.gguf", "local:own.gguf+a", "local:own.gguf+b", "local:gpt-4o+a"]
    assert placed(names[1]) == (f"local:{here}/own.gguf+{here}/a", (here / "own.gguf", here / "a"))
    assert len({placed(name)[0] for name in names}) == len({weights(name) for name in names}) == 4


def test_a_prompt_of_the_persons_own_is_part_of_the_code(tmp_path: Path) -> None:
    before = code_digest(tmp_path)
    assert code_digest(tmp_path) == code_digest(tmp_path / "none") == before
    (tmp_path / "system.md").write_text("Do it well.")
    assert code_digest(tmp_path) != before
