"""`agentkit models quantise`: four bits by a text, and what is said of it."""

from pathlib import Path

from tests.local_models.small_gguf import SEEN, gguf_model

from .conftest import Cli


def test_a_model_is_rounded_by_a_text_and_known_afterwards(cli: Cli, tmp_path: Path) -> None:
    model, text, out = gguf_model(tmp_path / "model.gguf"), tmp_path / "text.txt", tmp_path / "out"
    text.write_text(SEEN)
    done = cli("models", "quantise", f"local:{model}", "--calibrate", text, "--out", out, "--tokens", 1_300)
    assert done.returncode == 0, done.stderr
    assert f"{out} is ready, rounded by 1,200 tokens of {text}; run it with: -m local:{out}" in done.stdout
    assert f"rounding local:{model}: 2 of 2 blocks, hidden states" in done.stderr
    told = cli("models", "inspect", f"local:{out}").stdout
    assert "int4, made of model.gguf by 1,200 tokens of text.txt" in told
    planned = cli("models", "plan", f"local:{out}", "--precision", "int4").stdout
    assert planned == cli("models", "plan", f"local:{model}", "--precision", "int4").stdout


def test_a_text_that_is_too_short_and_a_folder_that_is_there_are_refused(cli: Cli, tmp_path: Path) -> None:
    model, text = gguf_model(tmp_path / "model.gguf"), tmp_path / "text.txt"
    text.write_text("a few words")
    short = cli("models", "quantise", model, "--calibrate", text, "--out", tmp_path / "out")
    assert (short.returncode, "has 11 tokens for this model" in short.stderr) == (2, True)
    assert not (tmp_path / "out").exists()
    there = cli("models", "quantise", model, "--calibrate", text, "--out", tmp_path)
    assert (there.returncode, f"{tmp_path} is there already" in there.stderr) == (2, True)
    none = cli("models", "quantise", "no/such", "--calibrate", text, "--out", tmp_path / "out")
    assert (none.returncode, "there is no no/such" in none.stderr) == (2, True)
