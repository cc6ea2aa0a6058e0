import json

import pytest

from agentkit.core.errors import ModelError, RateLimited, UsageError
from agentkit.core.messages import AssistantMessage, MalformedCall, ToolCall, UserMessage
from agentkit.core.protocols import Answer, ModelRequest, TextDelta
from agentkit.core.usage import Usage
from agentkit.models.scripted import After, ScriptedModel

LOOK = ToolCall("call_1", "list_folder", {"path": "."})
READ = ToolCall("call_2", "read_file", {"path": "notes.txt"})


def asked(*said):
    return ModelRequest((UserMessage("tidy up"), *said))


async def played(model, request):
    *pieces, answer = [piece async for piece in model.stream(request)]
    assert all(isinstance(piece, TextDelta) for piece in pieces)
    return "".join(piece.text for piece in pieces), answer


async def test_text_is_streamed_in_pieces_that_join_to_the_answer():
    model = ScriptedModel(["  It holds\n two files. "])
    pieces = [piece async for piece in model.stream(asked())]
    assert len(pieces) > 3
    assert "".join(p.text for p in pieces[:-1]) == pieces[-1].message.text == "  It holds\n two files. "


async def test_calls_can_be_given_alone_in_a_list_or_in_a_message():
    message = AssistantMessage("I look.", (LOOK,))
    model = ScriptedModel([LOOK, [LOOK, READ], message])
    answers = [(await played(model, asked()))[1] for _ in range(3)]
    assert [a.message.calls for a in answers] == [(LOOK,), (LOOK, READ), (LOOK,)]
    assert [a.finish for a in answers] == ["calls"] * 3


async def test_an_answer_is_played_as_it_is():
    given = Answer(AssistantMessage("half of"), Usage(7, 3), "length")
    assert await played(ScriptedModel([given]), asked()) == ("half of", given)


async def test_a_function_sees_the_request_and_may_return_a_fault():
    model = ScriptedModel([lambda request: request.messages[0].text, lambda _: RateLimited("slow down")])
    assert (await played(model, asked()))[0] == "tidy up"
    with pytest.raises(RateLimited, match="slow down"):
        await played(model, asked())


async def test_requests_are_kept():
    model = ScriptedModel(["one"])
    await played(model, asked())
    assert model.requests == [asked()]


async def test_usage_is_estimated():
    model = ScriptedModel(["one"])
    _, answer = await played(model, asked())
    assert answer.usage.input_tokens == model.estimate(asked()) > 0
    assert answer.usage.output_tokens > 0


async def test_a_script_that_has_run_out_says_so():
    model = ScriptedModel(["one"])
    await played(model, asked())
    with pytest.raises(ModelError, match=r"run out: it holds 1 answers, and request 2 .* wants number 2"):
        await played(model, asked(AssistantMessage("one")))


async def test_another_process_goes_on_where_the_conversation_is():
    script = ["one", RateLimited("busy"), "two", "three"]
    resumed = ScriptedModel(script)
    said = (AssistantMessage("one"), AssistantMessage("two"))
    assert (await played(resumed, asked(*said)))[0] == "three"


async def test_another_process_plays_a_fault_again():
    with pytest.raises(RateLimited):
        await played(ScriptedModel(["one", RateLimited("busy"), "two"]), asked(AssistantMessage("one")))


async def test_a_view_that_forgets_old_answers_does_not_turn_the_script_back():
    model = ScriptedModel(["one", "two", "three"])
    texts = [(await played(model, asked()))[0] for _ in range(3)]
    assert texts == ["one", "two", "three"]


async def test_an_answer_can_be_held_back():
    waits = []

    async def sleep(seconds):
        waits.append(seconds)

    assert (await played(ScriptedModel([After(2.5, "late")], sleep=sleep), asked()))[0] == "late"
    assert waits == [2.5]


async def test_closing_is_noted():
    model = ScriptedModel([])
    await model.aclose()
    assert model.closed


def script(tmp_path, *lines):
    path = tmp_path / "script.jsonl"
    path.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines))
    return path


async def test_a_file_plays_text_calls_faults_and_comments(tmp_path):
    path = script(
        tmp_path,
        "# what a tidy agent does",
        {"text": "I look.", "calls": [{"name": "list_folder", "arguments": {"path": "."}}]},
        "",
        {"error": {"kind": "RateLimited", "message": "slow down"}},
        {"calls": [{"name": "a", "arguments": {}}, {"name": "b", "arguments": {"x": 1}}]},
        {"text": "Do", "finish": "length", "reasoning": "hm"},
    )
    model = ScriptedModel.from_file(path)
    assert model.name == f"scripted:{path}"
    text, answer = await played(model, asked())
    assert (text, answer.message.calls) == ("I look.", (LOOK,))
    with pytest.raises(RateLimited, match="slow down"):
        await played(model, asked())
    _, answer = await played(model, asked())
    assert answer.message.calls == (ToolCall("call_3", "a", {}), ToolCall("call_3_2", "b", {"x": 1}))
    _, answer = await played(model, asked())
    assert (answer.finish, answer.message) == ("length", AssistantMessage("Do", reasoning="hm"))


async def test_arguments_as_text_are_read_like_a_models_own(tmp_path):
    calls = [{"name": "a", "arguments": '{"x": 1}'}, {"name": "b", "arguments": '{"x": '}]
    model = ScriptedModel.from_file(script(tmp_path, {"calls": calls}))
    _, answer = await played(model, asked())
    assert answer.message.calls == (ToolCall("call_1", "a", {"x": 1}),)
    (malformed,) = answer.message.malformed
    assert isinstance(malformed, MalformedCall)
    assert "line 1 column 7" in malformed.error


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("{nonsense", "malformed"),
        ({"txet": "a"}, "txet"),
        ({}, "needs `text`"),
        ({"error": {"kind": "Sunspots", "message": "m"}}, "known: AuthenticationFailed"),
        ({"error": {"kind": "ModelError", "message": "m"}, "text": "a"}, "not both"),
        ({"calls": [{"arguments": {}}]}, "name"),
    ],
)
def test_a_line_that_is_no_answer_is_named(tmp_path, line, wrong):
    path = script(tmp_path, {"text": "fine"}, line)
    with pytest.raises(UsageError, match=r"script\.jsonl, line 2: ") as caught:
        ScriptedModel.from_file(path)
    assert wrong in str(caught.value)


def test_a_script_that_is_not_there_is_named(tmp_path):
    with pytest.raises(UsageError, match=r"none\.jsonl: No such file"):
        ScriptedModel.from_file(tmp_path / "none.jsonl")


def test_a_script_without_answers_is_refused(tmp_path):
    with pytest.raises(UsageError, match="holds no answer"):
        ScriptedModel.from_file(script(tmp_path, "# nothing"))
