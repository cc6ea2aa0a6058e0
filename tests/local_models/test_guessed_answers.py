"""An answer is the same token for token whether what comes next was guessed or not."""

from pathlib import Path

import pytest

from agentkit_local_models.answer import Completion, Piece
from agentkit_local_models.engine import Engine
from agentkit_local_models.sampling import Sampling

LIST = "invoices/march-2026.pdf, invoices/april-2026.pdf, reports/summary-of-sales.txt"
PROMPT = (
    f"<|im_start|>user\nCopy this list: {LIST}<|im_end|>\n<|im_start|>assistant\nHere is the list: {LIST}, "
)
CALL = r"""start: "{\"tool\": \"" TOOL "\", \"path\": \"" PATH "\"}"
TOOL: "read_file" | "list_files"
PATH: /[a-z0-9\/.-]+/
"""
WAYS = {
    "greedy": (Sampling(max_tokens=40), None),
    "drawn": (Sampling(max_tokens=40, temperature=0.9, top_k=40, top_p=0.95, seed=7), None),
    "penalised": (Sampling(max_tokens=30, repetition_penalty=1.3, frequency_penalty=0.2), None),
    "told": (Sampling(max_tokens=20, logprobs=3), None),
    "stopped": (Sampling(max_tokens=40, stop=("april",)), None),
    "held to a grammar": (Sampling(max_tokens=40), CALL),
    "drawn and held to a grammar": (Sampling(max_tokens=40, temperature=1.0, seed=3), CALL),
}


class Counted:
    """A model that counts its passes."""

    def __init__(self, engine: Engine) -> None:
        self.passes = 0
        self._model = engine._model
        self._hidden = self._model.hidden
        self._model.hidden = self._pass

    def _pass(self, steps):
        self.passes += 1
        return self._hidden(steps)


@pytest.fixture(scope="module")
def engines(smollm2_path: Path) -> tuple[tuple[Engine, Counted], tuple[Engine, Counted]]:
    plain, guessing = (Engine.load(smollm2_path, drafts=drafts) for drafts in (False, True))
    return (plain, Counted(plain)), (guessing, Counted(guessing))


def answer(engine: Engine, sampling: Sampling, grammar: str | None) -> tuple[Completion, str]:
    ids = engine.tokenizer.encode(PROMPT, allow_special=True)
    *pieces, done = engine.generate(ids, sampling, grammar=grammar)
    assert isinstance(done, Completion)
    return done, "".join(piece.text for piece in pieces if isinstance(piece, Piece))


@pytest.mark.parametrize("way", WAYS)
def test_guesses_change_no_token(way: str, engines) -> None:
    (plain, _), (guessing, _) = engines
    expected, found = (answer(engine, *WAYS[way]) for engine in (plain, guessing))
    assert found[1] == expected[1] == found[0].text
    assert found[0].token_ids == expected[0].token_ids
    assert found[0].finish == expected[0].finish
    assert found[0].logprobs == expected[0].logprobs


def test_what_is_copied_takes_fewer_passes(engines) -> None:
    (plain, slow), (guessing, fast) = engines
    slow.passes = fast.passes = 0
    for engine in (plain, guessing):
        answer(engine, *WAYS["greedy"])
    assert fast.passes < slow.passes / 2


def test_guesses_are_made_where_they_change_no_bit(smollm2_path: Path) -> None:
    assert Engine.load(smollm2_path)._drafts
    assert not Engine.load(smollm2_path, native=False)._drafts
    assert not Engine.load(smollm2_path, batch_invariant=True)._drafts
