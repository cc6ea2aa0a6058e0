"""The engine on a tiny model of random weights, and on SmolLM2 where words matter."""

import json
import math
import threading

import pytest
import torch

from agentkit_local_models.answer import Completion, Piece
from agentkit_local_models.engine import Engine
from agentkit_local_models.errors import CheckpointError, PromptTooLong
from agentkit_local_models.grammar import GrammarError
from agentkit_local_models.model import Model
from agentkit_local_models.sampling import Sampling

from .oracle import random_weights
from .tiny import tiny_checkpoint

PROMPT = "<|im_start|>user\n{}<|im_end|>\n<|im_start|>assistant\n"
CALL = r"""start: "{\"tool\": \"" TOOL "\", \"arguments\": " %json {
  "type": "object",
  "properties": {
    "path": {"type": "string", "maxLength": 12},
    "lines": {"type": "integer", "minimum": 0, "maximum": 500},
    "all": {"type": "boolean"}
  },
  "required": ["path", "all"],
  "additionalProperties": false,
  "x-guidance": {"whitespace_flexible": false}
} "}"
TOOL: "read_file" | "list_files"
"""


@pytest.fixture(scope="module")
def engine(smollm2_path) -> Engine:
    """SmolLM2 in float32, so that whatever is computed twice is equal."""
    return Engine.load(smollm2_path, dtype="float32")


@pytest.fixture(scope="module")
def tiny_engine(smollm2_path) -> Engine:
    """SmolLM2's tokenizer on a model of random weights with a context of 1,600."""
    checkpoint = tiny_checkpoint(smollm2_path, context=1_600)
    weights = random_weights(checkpoint.config).items()
    return Engine(checkpoint, Model(checkpoint.config, weights, torch.float32))


@pytest.fixture
def tiny(tiny_engine: Engine) -> Engine:
    """The tiny engine with an empty cache."""
    return Engine(tiny_engine.checkpoint, tiny_engine._model)


def ids(engine: Engine, text: str) -> list[int]:
    return engine.tokenizer.encode(PROMPT.format(text), allow_special=True)


def answer(engine: Engine, prompt: list[int], sampling: Sampling, **more) -> tuple[list[Piece], Completion]:
    *pieces, completion = engine.generate(prompt, sampling, **more)
    assert isinstance(completion, Completion)
    assert all(isinstance(piece, Piece) for piece in pieces)
    assert "".join(piece.text for piece in pieces) == completion.text
    assert [token for piece in pieces for token in piece.tokens] == list(completion.token_ids)
    assert len(completion.token_ids) == completion.output_tokens
    return pieces, completion


def test_a_trained_model_answers_and_stops(engine: Engine) -> None:
    _, done = answer(engine, ids(engine, "What is the capital of France?"), Sampling(max_tokens=40))
    assert done.text == "The capital of France is Paris."
    assert done.finish == "stop"


def test_the_next_prompt_reuses_what_it_shares_and_answers_the_same(engine: Engine) -> None:
    sampling = Sampling(max_tokens=12)
    first = ids(engine, "Name a river in Egypt.")
    _, one = answer(engine, first, sampling)
    follow = first + list(one.token_ids)
    follow += engine.tokenizer.encode(
        "<|im_end|>\n<|im_start|>user\nAnd in Brazil?<|im_end|>\n<|im_start|>assistant\n",
        allow_special=True,
    )
    _, two = answer(engine, follow, sampling)
    # The last token of an answer is known, but was never computed.
    made = len(one.token_ids) - (one.finish == "length")
    assert two.reused_tokens == len(first) + made
    fresh = Engine(engine.checkpoint, engine._model)
    _, again = answer(fresh, follow, sampling)
    assert again.reused_tokens == 0
    assert again.token_ids == two.token_ids


def test_logits_after_reuse_are_those_of_a_fresh_run(tiny: Engine) -> None:
    prompt = [(7 * number) % 40_000 for number in range(1_200)]
    answer(tiny, prompt, Sampling(max_tokens=5))
    changed = prompt[:700] + [5] * 300
    _, done = answer(tiny, changed, Sampling(max_tokens=1, logprobs=1))
    assert done.reused_tokens == 700
    assert done.logprobs is not None
    fresh = tiny.logits(changed)[-1].log_softmax(0)
    assert done.logprobs[0].logprob == pytest.approx(float(fresh[done.token_ids[0]]), abs=1e-5)


def test_the_same_prompt_again_computes_one_token(tiny: Engine) -> None:
    prompt = list(range(100))
    _, one = answer(tiny, prompt, Sampling(max_tokens=8))
    _, two = answer(tiny, prompt, Sampling(max_tokens=8))
    assert (one.reused_tokens, two.reused_tokens) == (0, 99)
    assert one.token_ids == two.token_ids


def test_another_prompt_shares_nothing(tiny: Engine) -> None:
    answer(tiny, [1, 2, 3], Sampling(max_tokens=2))
    _, done = answer(tiny, [4, 2, 3], Sampling(max_tokens=2))
    assert done.reused_tokens == 0


def test_a_seed_repeats_and_another_seed_differs(tiny: Engine) -> None:
    def tokens(seed: int) -> tuple[int, ...]:
        return answer(tiny, [5], Sampling(temperature=1, seed=seed, max_tokens=16))[1].token_ids

    assert tokens(1) == tokens(1)
    assert tokens(1) != tokens(2)


@pytest.mark.parametrize("seed", range(30))
def test_characters_of_several_tokens_come_whole(tiny: Engine, seed: int) -> None:
    # Random tokens are full of halves of characters; the pieces must still join to the text.
    pieces, done = answer(tiny, [seed], Sampling(temperature=3, seed=seed, max_tokens=60))
    assert done.text == tiny.tokenizer.decode(done.token_ids)
    assert all(piece.text for piece in pieces[:-1])


@pytest.mark.parametrize("stop", ["Paris", "of France", "ital", "capital of France is P"])
def test_a_stop_text_ends_the_answer_and_is_not_shown(engine: Engine, stop: str) -> None:
    whole = "The capital of France is Paris."
    prompt = ids(engine, "What is the capital of France?")
    _, done = answer(engine, prompt, Sampling(max_tokens=40, stop=("nowhere", stop)))
    assert done.text == whole[: whole.index(stop)]
    assert done.finish == "stop"


def test_text_that_only_began_like_a_stop_is_shown_in_the_end(engine: Engine) -> None:
    prompt = ids(engine, "What is the capital of France?")
    _, done = answer(engine, prompt, Sampling(max_tokens=40, stop=("Paris. It",)))
    assert done.text == "The capital of France is Paris."


def test_max_tokens_cuts_the_answer(tiny: Engine) -> None:
    _, done = answer(tiny, [5], Sampling(max_tokens=7))
    assert (done.finish, done.output_tokens) == ("length", 7)


@pytest.mark.parametrize("limit", [None, 50])
def test_the_context_cuts_the_answer(tiny: Engine, limit: int | None) -> None:
    _, done = answer(tiny, [5] * 1_590, Sampling(temperature=1, seed=0, max_tokens=limit))
    assert (done.finish, done.output_tokens, done.prompt_tokens) == ("length", 10, 1_590)


def test_a_prompt_that_leaves_no_room_is_refused_with_numbers(tiny: Engine) -> None:
    with pytest.raises(PromptTooLong, match="1600 tokens; the model's context holds 1600"):
        tiny.generate([5] * 1_600, Sampling())


@pytest.mark.parametrize("prompt", [[], [-1], [5, 49_152]])
def test_a_prompt_of_no_or_impossible_tokens_is_refused(tiny: Engine, prompt: list[int]) -> None:
    with pytest.raises(ValueError, match="token"):
        tiny.generate(prompt, Sampling())


def test_a_missing_file_is_named(tmp_path) -> None:
    with pytest.raises(CheckpointError, match="absent"):
        Engine.load(tmp_path / "absent.gguf")


def test_a_long_prompt_tells_how_far_it_is(tiny: Engine) -> None:
    told: list[tuple[int, int]] = []
    prompt = list(range(1_200))
    answer(tiny, prompt, Sampling(max_tokens=3), on_prefill=lambda done, total: told.append((done, total)))
    assert told == [(512, 1_200), (1_024, 1_200), (1_200, 1_200)]
    told.clear()
    changed = [*prompt[:1_100], 7, *prompt[1_101:]]
    answer(tiny, changed, Sampling(max_tokens=3), on_prefill=lambda done, total: told.append((done, total)))
    assert told == [(1_200, 1_200)]


def test_a_long_prompt_is_cancelled_between_chunks_and_goes_on_from_there(tiny: Engine) -> None:
    asked = iter([False, True])
    prompt = list(range(1_200))
    pieces, done = answer(tiny, prompt, Sampling(max_tokens=3), cancelled=lambda: next(asked))
    assert (pieces, done.finish, done.output_tokens) == ([], "cancelled", 0)
    _, done = answer(tiny, prompt, Sampling(max_tokens=3))
    assert done.reused_tokens == 512


def test_an_answer_is_cancelled_between_tokens(tiny: Engine) -> None:
    asked = iter([False] * 4 + [True])
    _, done = answer(tiny, [5], Sampling(max_tokens=50), cancelled=lambda: next(asked))
    assert (done.finish, done.output_tokens) == ("cancelled", 4)


def test_an_answer_closed_early_leaves_the_engine_usable(tiny: Engine) -> None:
    prompt = list(range(90))
    _, expected = answer(tiny, prompt, Sampling(max_tokens=9))
    unfinished = tiny.generate(prompt, Sampling(temperature=1, seed=0))
    for _ in range(5):
        next(unfinished)
    unfinished.close()
    _, done = answer(tiny, prompt, Sampling(max_tokens=9))
    assert done.token_ids == expected.token_ids
    assert done.reused_tokens == 89


def test_an_error_while_computing_leaves_the_engine_usable(tiny: Engine) -> None:
    def fail(done: int, total: int) -> None:
        raise RuntimeError("the screen is gone")

    prompt = list(range(700))
    with pytest.raises(RuntimeError, match="screen"):
        list(tiny.generate(prompt, Sampling(), on_prefill=fail))
    _, done = answer(tiny, prompt, Sampling(max_tokens=4))
    _, fresh = answer(Engine(tiny.checkpoint, tiny._model), prompt, Sampling(max_tokens=4))
    assert done.token_ids == fresh.token_ids
    assert done.reused_tokens == 512


def test_one_thread_reads_several_answers_at_once(tiny: Engine) -> None:
    sampling = Sampling(max_tokens=9)
    expected = [answer(tiny, [start], sampling)[1].token_ids for start in (5, 6)]
    found: list[list[int]] = [[], []]
    for pair in zip(*(tiny.generate([start], sampling) for start in (5, 6)), strict=False):
        for tokens, event in zip(found, pair, strict=True):
            if isinstance(event, Piece):
                tokens += event.tokens
    assert all(tokens == list(whole)[: len(tokens)] for tokens, whole in zip(found, expected, strict=True))
    assert min(map(len, found)) >= 4


def test_threads_answer_together(tiny: Engine) -> None:
    sampling = Sampling(max_tokens=20)
    prompts = [[number] * 30 for number in range(8)]
    expected = [answer(tiny, prompt, sampling)[1].token_ids for prompt in prompts]
    found: dict[int, tuple[int, ...]] = {}

    def work(number: int) -> None:
        found[number] = answer(tiny, prompts[number], sampling)[1].token_ids

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [found[number] for number in range(8)] == expected


def test_a_call_that_waits_for_its_turn_can_be_cancelled(tiny: Engine) -> None:
    first = tiny.generate([5], Sampling(max_tokens=9))
    next(first)
    results: list[Completion] = []
    waiting = threading.Thread(
        target=lambda: results.append(answer(tiny, [6], Sampling(), cancelled=lambda: True)[1])
    )
    waiting.start()
    waiting.join(timeout=10)
    first.close()
    assert [result.finish for result in results] == ["cancelled"]


@pytest.mark.parametrize("seed", range(40))
def test_every_answer_follows_its_grammar(tiny: Engine, seed: int) -> None:
    sampling = Sampling(temperature=1.5, seed=seed, max_tokens=400)
    _, done = answer(tiny, [seed], sampling, grammar=CALL)
    assert done.finish == "stop"
    call = json.loads(done.text)
    assert call["tool"] in ("read_file", "list_files")
    assert isinstance(call["arguments"]["path"], str)
    assert isinstance(call["arguments"]["all"], bool)
    assert 0 <= call["arguments"].get("lines", 0) <= 500


class Counted(Model):
    """A model that tells how many tokens each of its passes had."""

    sizes: list[int]

    def hidden(self, steps):
        self.sizes.append(sum(len(tokens) for tokens, _ in steps))
        return super().hidden(steps)


def test_forced_tokens_come_at_once_and_cost_one_pass(tiny: Engine) -> None:
    model = Counted(tiny.config, random_weights(tiny.config).items(), torch.float32)
    model.sizes = []
    engine = Engine(tiny.checkpoint, model)
    grammar = 'start: "a wholly forced beginning:" /[01]/ "; a wholly forced middle:" /[01]/'
    pieces, done = answer(engine, [5, 6], Sampling(), grammar=grammar)
    assert [piece.text for piece in pieces][::2] == [
        "a wholly forced beginning:",
        "; a wholly forced middle:",
    ]
    # The prompt and the beginning in one pass, the chosen digit and the middle in another.
    assert model.sizes == [2 + len(pieces[0].tokens), 1 + len(pieces[2].tokens)]
    assert len(done.token_ids) > 10


def test_a_grammar_without_choice_needs_no_model(tiny: Engine) -> None:
    asked: list[bool] = []
    _, done = answer(
        tiny, [5], Sampling(), grammar='start: "all of it"', cancelled=lambda: bool(asked.append(True))
    )
    assert (done.text, done.finish, asked) == ("all of it", "stop", [])


def test_forced_tokens_stop_at_max_tokens(tiny: Engine) -> None:
    _, done = answer(tiny, [5], Sampling(max_tokens=2), grammar='start: "one two three four five"')
    assert (done.finish, done.output_tokens) == ("length", 2)


def test_a_stop_text_ends_an_answer_with_a_grammar(tiny: Engine) -> None:
    _, done = answer(tiny, [5], Sampling(stop=("three",)), grammar='start: "one two three four" /[ab]+/')
    assert (done.text, done.finish) == ("one two ", "stop")


def test_a_stop_token_in_a_grammar_ends_the_answer(tiny: Engine) -> None:
    _, done = answer(tiny, [5], Sampling(), grammar='start: "yes" <|im_end|> "no"')
    assert (done.text, done.finish) == ("yes", "stop")


def test_a_bad_grammar_is_refused_before_anything_is_computed(tiny: Engine) -> None:
    with pytest.raises(GrammarError, match="not valid"):
        tiny.generate([5], Sampling(), grammar="start: foo")


def test_tokens_are_counted_as_plain_text(tiny: Engine) -> None:
    assert tiny.count_tokens("") == 0
    assert tiny.count_tokens("<|im_end|>") > 1


def test_log_probabilities_are_those_of_the_models_own_logits(tiny: Engine) -> None:
    prompt = ids(tiny, "hello")
    *_, done = tiny.generate(prompt, Sampling(temperature=1, seed=3, max_tokens=6, logprobs=2, min_p=0.1))
    assert done.logprobs is not None
    logits = tiny.logits([*prompt, *done.token_ids]).double().log_softmax(-1)
    for place, told in enumerate(done.logprobs):
        row = logits[len(prompt) + place - 1]
        assert told.token == done.token_ids[place]
        assert told.logprob == pytest.approx(float(row[told.token]), abs=1e-4)
        assert [token for token, _ in told.top] == row.topk(2).indices.tolist()
    *_, silent = tiny.generate(prompt, Sampling(max_tokens=2))
    assert silent.logprobs is None


def test_tokens_that_a_grammar_forces_have_no_log_probability(tiny: Engine) -> None:
    grammar = 'start: "read_file(" /[a-c]/ ")"'
    *_, done = tiny.generate(ids(tiny, "x"), Sampling(logprobs=0), grammar=grammar)
    assert done.logprobs is not None
    assert [math.isnan(told.logprob) for told in done.logprobs].count(False) >= 1
    assert math.isnan(done.logprobs[0].logprob)
    assert tuple(told.token for told in done.logprobs) == done.token_ids


def test_penalties_keep_an_answer_from_repeating_itself(tiny: Engine) -> None:
    prompt = ids(tiny, "hello")
    *_, plain = tiny.generate(prompt, Sampling(max_tokens=60))
    *_, varied = tiny.generate(prompt, Sampling(max_tokens=60, presence_penalty=1_000.0))
    assert len({*plain.token_ids}) < len(plain.token_ids)
    assert len({*varied.token_ids}) == len(varied.token_ids)
    *_, new = tiny.generate(prompt, Sampling(max_tokens=60, repetition_penalty=1e6))
    assert not {*new.token_ids} & {*prompt}
