"""An answer of a given form: asked for, asked for again, and held to it at last."""

import json

import pytest

from agentkit.agents.form import MOST_REASKED, asked_again
from agentkit.agents.nudges import Words
from agentkit.core.errors import BadRequest, RateLimited
from agentkit.core.events import Ending, ModelFailed, Nudged
from agentkit.core.messages import ToolCall
from agentkit.models.scripted import ScriptedModel
from agentkit.prompts.library import Library
from agentkit.prompts.parsers.json_schema import JsonSchema

FORM = JsonSchema('{"type": "object", "required": ["port"]}')


async def test_it_is_asked_for_again_with_tools_and_at_last_without_but_held_to_the_schema(stage) -> None:
    model = ScriptedModel(["80", ToolCall("c1", "add", {"a": 1, "b": 1}), "{}", '{"port": 80}'])
    ended = await stage.agent(model, form=FORM).run(stage.start())
    assert (ended.ending, ended.result) == (Ending.FINISHED, '{"port": 80}')
    assert [one.answer_schema for one in model.requests] == [None, None, None, FORM.schema]
    assert [bool(one.tools) for one in model.requests] == [True, True, True, False]
    assert model.requests[1].messages[-1] == Words(Library()).note(asked_again(FORM, str(FORM.fault("80"))))
    assert not model.requests[1].must_call
    assert ended.verified[-1].holds


async def test_a_model_that_cannot_be_held_to_the_schema_is_asked_without(stage) -> None:
    model = ScriptedModel(["1", "2", BadRequest("the schema is not supported"), '{"port": 80}'])
    ended = await stage.agent(model, form=FORM).run(stage.start())
    assert (ended.ending, ended.result) == (Ending.FINISHED, '{"port": 80}')
    assert model.requests[-1].answer_schema is None
    assert not stage.events(ModelFailed)


async def test_a_fault_that_is_not_the_schemas_ends_the_run(stage) -> None:
    model = ScriptedModel(["1", "2", RateLimited("too often")])
    ended = await stage.agent(model, form=FORM).run(stage.start())
    assert ended.ending is Ending.MODEL_FAILED
    assert len(model.requests) == 3


async def test_after_the_last_chance_the_run_ends_with_what_is_wrong(stage) -> None:
    model = ScriptedModel(["1", "2", "3", '{"port": 80}'])
    ended = await stage.agent(model, form=FORM).run(stage.start())
    assert (ended.ending, ended.result) == (Ending.CHECK_FAILED, "3")
    assert len(stage.events(Nudged)) == MOST_REASKED
    assert ended.verified[-1].found == FORM.fault("3")


@pytest.mark.parametrize("ended_by", ["words", "finish"])
async def test_the_form_is_that_of_the_last_word_however_it_is_given(stage, ended_by: str) -> None:
    right = json.dumps({"port": 80})
    last = right if ended_by == "words" else ToolCall("c1", "finish", {"result": right})
    ended = await stage.agent([last], form=FORM).run(stage.start())
    assert (ended.ending, ended.result) == (Ending.FINISHED, right)


async def test_the_next_task_of_a_conversation_has_chances_of_its_own(stage) -> None:
    model = ScriptedModel(["1", "2", '{"port": 1}', "x", '{"port": 2}'])
    agent = stage.agent(model, form=FORM)
    await agent.run(stage.start())
    await agent.say("And the other?")
    while agent.state.ended is None:
        await agent.step()
    assert agent.state.ended.result == '{"port": 2}'
    assert model.requests[-1].answer_schema is None
