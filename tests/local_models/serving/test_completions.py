"""Plain completions as OpenAI's own client sees them."""

from dataclasses import replace

import openai
import pytest

from agentkit_local_models.sampling import Sampling

from .running import NAME, fresh

DRAWN = {"temperature": 0.9, "seed": 7, "max_tokens": 12}


def go_on(client, prompt="Once upon", **more):
    return client.completions.create(**{"model": NAME, "prompt": prompt, **DRAWN, **more})


def direct(server, prompt, **changes):
    ids = server.engine.tokenizer.encode(prompt, allow_special=True)
    *_, done = fresh(server.engine).generate(ids, replace(Sampling(**DRAWN), **changes))
    return done


def test_several_prompts_get_several_answers_in_order(server, client):
    prompts = ["Once upon", "<|im_start|>user\nHi"]
    expected = [direct(server, prompt, seed=seed).text for prompt in prompts for seed in (7, 8)]
    whole = go_on(client, prompts, n=2)
    assert [choice.text for choice in whole.choices] == expected
    texts = [""] * 4
    with go_on(client, prompts, n=2, stream=True) as stream:
        for chunk in stream:
            texts[chunk.choices[0].index] += chunk.choices[0].text
    assert texts == expected
    assert whole.usage.completion_tokens == 48


def test_token_ids_are_a_prompt(server, client):
    ids = server.engine.tokenizer.encode("Once upon")
    assert go_on(client, ids).choices[0].text == direct(server, "Once upon").text
    assert [choice.text for choice in go_on(client, [ids, ids]).choices] == [
        direct(server, "Once upon").text
    ] * 2


def test_an_answer_has_sixteen_tokens_where_nothing_is_said(client):
    assert go_on(client, max_tokens=None).usage.completion_tokens == 16


def test_logprobs_stand_where_their_tokens_do(server, client):
    done = direct(server, "Once upon", logprobs=3)
    told = go_on(client, logprobs=3).choices[0].logprobs
    assert told.token_logprobs == pytest.approx([one.logprob for one in done.logprobs])
    assert told.text_offset[0] == 0
    assert len(told.text_offset) == len(told.tokens) == 12
    assert {len(one) for one in told.top_logprobs} <= {2, 3}  # two tokens may look alike
    pieces = []
    with go_on(client, logprobs=3, stream=True) as stream:
        for chunk in stream:
            pieces += chunk.choices[0].logprobs.tokens if chunk.choices[0].logprobs else []
    assert pieces == told.tokens


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"prompt": ""}, "prompt"), ({"prompt": []}, "prompt"), ({"prompt": [1, "x"]}, "prompt"),
        ({"prompt": [10**9]}, "prompt"), ({"prompt": "word " * 2000}, "prompt"),
        ({"prompt": "word " * 20_000}, "prompt"),
        ({"prompt": ["a"] * 65}, "prompt"), ({"prompt": ["a"] * 33, "n": 2}, "n"), ({"echo": True}, "echo"),
        ({"suffix": "x"}, "suffix"), ({"best_of": 3}, "best_of"), ({"model": "x"}, "model"),
        ({"logprobs": 21}, "logprobs"), ({"extra_body": {"messages": []}}, "messages"),
    ],
)  # fmt: skip
def test_what_cannot_be_honoured_is_refused_by_name(client, more, param):
    with pytest.raises(openai.BadRequestError) as refused:
        go_on(client, **more)
    assert refused.value.param == param
