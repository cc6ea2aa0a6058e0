"""The end of a server: what it began it finishes, as long as there is time."""

import threading

import openai
import pytest

from .running import NAME, Running, eventually, fresh, sent, spoken

TALK = {"model": NAME, "messages": [{"role": "user", "content": "Hi"}], "temperature": 0}


def test_a_stream_that_began_is_finished_and_newcomers_are_sent_away(tiny):
    with Running(spoken(fresh(tiny))) as running:
        client = running.client()
        expected = client.chat.completions.create(**TALK, max_tokens=40).choices[0].message.content
        with client.chat.completions.create(**TALK, max_tokens=40, stream=True) as stream:
            pieces = iter(stream)
            text = next(pieces).choices[0].delta.content
            running.server.end()
            status, headers, told = sent(running, body={**TALK, "max_tokens": 2})
            assert (status, told["error"]["code"]) == (503, "shutting_down")
            assert headers["retry-after"] == "5"
            assert sent(running, "GET", "/health")[0] == 503
            text += "".join(chunk.choices[0].delta.content or "" for chunk in pieces)
        assert text == expected
        running.end()
        with pytest.raises(openai.APIConnectionError):
            client.models.list()


def test_what_is_not_done_in_time_is_cut_off_with_an_error(tiny):
    with Running(spoken(fresh(tiny)), grace_seconds=0) as running:
        with running.client().chat.completions.create(**TALK, max_tokens=1500, stream=True) as stream:
            pieces = iter(stream)
            next(pieces)
            running.server.end()
            with pytest.raises(openai.APIError, match="shutting down"):
                for _ in pieces:
                    pass
        running.end()
        assert running.served.tally.requests["/v1/chat/completions", "closing"] == 1
        assert running.engine.occupancy().running == 0


def test_a_second_signal_ends_it_at_once(tiny):
    with Running(spoken(fresh(tiny)), grace_seconds=3600) as running:
        with running.client().chat.completions.create(**TALK, max_tokens=1500, stream=True) as stream:
            next(iter(stream))
            running.server.handle_exit(15, None)
            assert not running.server.should_exit
            running.server.handle_exit(2, None)
            assert running.server.force_exit
        running.end()
        assert running.server.signals == [15, 2]


def test_the_threads_of_answers_go_with_the_server(tiny):
    def answering() -> list[str]:
        return [thread.name for thread in threading.enumerate() if thread.name.startswith("answer")]

    before = len(answering())
    with Running(spoken(fresh(tiny))) as running:
        running.client().chat.completions.create(**TALK, max_tokens=2, n=3)
        # Up to three: a thread whose answer is done takes the next one.
        assert len(answering()) > before
    eventually(lambda: len(answering()) == before)
