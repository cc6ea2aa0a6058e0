"""Sessions, and several answers to one prompt, on a tiny model."""

import dataclasses
import threading
from collections.abc import Iterator

import pytest
import torch

from agentkit_local_models.answer import Completion
from agentkit_local_models.checkpoint import Checkpoint
from agentkit_local_models.engine import Engine
from agentkit_local_models.errors import PromptTooLong
from agentkit_local_models.model import Model
from agentkit_local_models.sampling import Sampling

from .oracle import random_weights
from .tiny import tiny_arch


class Counted(Model):
    """A model that tells the sizes of its passes: for each the tokens of each sequence."""

    passes: list[list[int]]

    def hidden(self, steps):
        self.passes.append([len(tokens) for tokens, _ in steps])
        return super().hidden(steps)


@pytest.fixture(scope="module")
def checkpoint(smollm2_path) -> Iterator[Checkpoint]:
    with Checkpoint.open(smollm2_path) as opened:
        arch = tiny_arch(context=700, vocabulary_size=opened.config.vocabulary_size, tied_head=True)
        yield dataclasses.replace(opened, config=arch)


@pytest.fixture
def engine(checkpoint: Checkpoint) -> Engine:
    model = Counted(checkpoint.config, random_weights(checkpoint.config).items(), torch.float64)
    model.passes = []
    return Engine(checkpoint, model)


def passes(engine: Engine) -> list[list[int]]:
    model = engine._model
    assert isinstance(model, Counted)
    return model.passes


def last(events) -> Completion:
    *_, completion = events
    assert isinstance(completion, Completion)
    return completion


PROMPT = [(7 * number) % 40_000 for number in range(100)]


def test_a_session_computes_what_is_new_and_holds_the_very_tokens_of_its_answers(engine: Engine) -> None:
    session = engine.session()
    session.extend(PROMPT)
    done = last(session.generate(Sampling(temperature=2, seed=1, max_tokens=20)))
    assert done.reused_tokens == 99  # the last is computed for its logits
    assert session.ids == [*PROMPT, *done.token_ids]
    engine_passes = len(passes(engine))
    session.extend([5, 6, 7])
    # the answer's last token was chosen, but never computed
    assert passes(engine)[engine_passes:] == [[4]]
    again = last(session.generate(Sampling(max_tokens=1)))
    assert again.reused_tokens == len(session) - 1 - 1


def test_forks_go_their_own_ways_from_the_same_tokens(engine: Engine) -> None:
    session = engine.session()
    session.extend(PROMPT)
    copied = engine._loop._scheduler._pool.copied
    one, other = session.fork(2)
    assert engine._loop._scheduler._pool.copied == copied
    one.extend([1])
    other.extend([2])
    assert (session.ids, one.ids, other.ids) == (PROMPT, [*PROMPT, 1], [*PROMPT, 2])
    greedy = Sampling(max_tokens=8)
    found = [last(fork.generate(greedy)).token_ids for fork in (one, other)]
    fresh = Engine(engine.checkpoint, engine._model)
    assert found == [last(fresh.generate([*PROMPT, end], greedy)).token_ids for end in (1, 2)]


def test_going_back_forgets_the_end_and_finds_the_rest(engine: Engine) -> None:
    session = engine.session()
    session.extend(PROMPT)
    session.rollback(30)
    assert session.ids == PROMPT[:70]
    assert last(session.generate(Sampling(max_tokens=1))).reused_tokens == 69
    with pytest.raises(ValueError, match="cannot go back 80 of 71"):
        session.rollback(80)


def test_a_pinned_session_outlives_the_prompts_of_others(checkpoint: Checkpoint) -> None:
    model = Model(checkpoint.config, random_weights(checkpoint.config).items(), torch.float64)

    def reused(*, pinned: bool) -> int:
        engine = Engine(checkpoint, model, cache_tokens=700)
        session = engine.session()
        session.extend(PROMPT)
        if pinned:
            assert session.pin(600) == 100
        for start in range(3):
            engine.prefill([start] * 550)
        return last(session.generate(Sampling(max_tokens=1))).reused_tokens

    assert (reused(pinned=False), reused(pinned=True)) == (0, 99)


def test_a_session_that_would_outgrow_the_context_stays_as_it_is(engine: Engine) -> None:
    session = engine.session()
    session.extend(PROMPT)
    with pytest.raises(PromptTooLong, match="701 tokens; the model's context holds 700"):
        session.extend([5] * 601)
    assert session.ids == PROMPT


def test_several_answers_compute_their_prompt_once_and_run_together(engine: Engine) -> None:
    sampling = Sampling(temperature=1.5, seed=3, max_tokens=9)
    found = engine.answers(PROMPT, sampling, 4)
    sizes = passes(engine)
    assert sum(map(sum, sizes)) <= 100 + 4 * (1 + 9)
    assert max(map(len, sizes)) == 4
    assert len({one.token_ids for one in found}) == 4
    alone = Engine(engine.checkpoint, engine._model)
    for place, one in enumerate(found):
        own = last(alone.generate(PROMPT, dataclasses.replace(sampling, seed=3 + place)))
        assert own.token_ids == one.token_ids
    with pytest.raises(ValueError, match="0 answers"):
        engine.answers(PROMPT, sampling, 0)


def test_callers_in_threads_are_computed_in_the_same_passes(engine: Engine) -> None:
    everyone = threading.Barrier(4)
    found: dict[int, tuple[int, ...]] = {}

    def work(number: int) -> None:
        events = engine.generate([number] * 20, Sampling(max_tokens=40))
        next(events)
        everyone.wait()  # all are under way
        found[number] = last(events).token_ids

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(map(len, passes(engine))) == 4
    alone = Engine(engine.checkpoint, engine._model)
    for number, tokens in found.items():
        assert last(alone.generate([number] * 20, Sampling(max_tokens=40))).token_ids == tokens


def test_an_answer_that_is_late_says_so(engine: Engine) -> None:
    done = last(engine.generate(PROMPT, Sampling(), seconds=0))
    assert (done.finish, done.output_tokens) == ("deadline", 0)


def test_a_cache_smaller_than_the_context_is_refused(engine: Engine) -> None:
    with pytest.raises(ValueError, match="699 tokens does not hold the model's context; 700 or more"):
        Engine(engine.checkpoint, engine._model, cache_tokens=699)


def test_beams_are_found_beside_other_answers_and_give_their_pages_back(engine: Engine) -> None:
    other = engine.generate(PROMPT, Sampling(max_tokens=30))
    next(other)
    pool = engine._loop._scheduler._pool
    beams = engine.beams(PROMPT, width=3, max_tokens=5)
    assert len(beams) == 3
    assert len({beam.ids for beam in beams}) == 3
    greedy = last(engine.generate(PROMPT, Sampling(max_tokens=5)))
    (first,) = engine.beams(PROMPT, width=1, max_tokens=5)
    assert first.ids == greedy.token_ids
    other.close()
    with engine._loop.alone() as scheduler:
        scheduler.tree.clear()
    assert pool.available == pool.most
    with pytest.raises(PromptTooLong, match="100 tokens and the answer up to 601"):
        engine.beams(PROMPT, width=2, max_tokens=601)
    with pytest.raises(ValueError, match="width is 0"):
        engine.beams(PROMPT, width=0, max_tokens=3)
