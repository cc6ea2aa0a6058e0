import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentkit.core.errors import BadRequest, StreamCut
from agentkit.core.messages import AssistantMessage, ToolCall
from agentkit.core.usage import Usage
from agentkit.models.openai_answer import AnswerAssembler
from agentkit.models.thoughts import OPEN

ESTIMATE = Usage(100, 10)


def assembled(*deltas, finish="stop", taken=(), usage=None):
    """The answer to these deltas, and the text that was shown on the way."""
    numbers = itertools.count(1)
    assembler = AnswerAssembler(lambda: f"made_{next(numbers)}", taken)
    chunks = [{"choices": [{"index": 0, "delta": delta}]} for delta in deltas]
    chunks += [
        {"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]},
        {"choices": [], "usage": usage},
    ]
    shown = "".join(map(assembler.add, chunks))
    return assembler.answer(lambda _: ESTIMATE), shown


def called(index=None, id=None, name=None, arguments=None):  # noqa: A002
    delta = {"index": index, "id": id, "function": {"name": name, "arguments": arguments}}
    return {"tool_calls": [{key: value for key, value in delta.items() if value is not None}]}


def cut(text, places):
    ends = [0, *sorted(min(place, len(text)) for place in places), len(text)]
    return [text[a:b] for a, b in itertools.pairwise(ends)]


WORDS = st.text(st.characters(exclude_categories=("Cs",)))
PLACES = st.lists(st.integers(0, 60), max_size=6)


@given(
    WORDS,
    PLACES,
    WORDS,
    PLACES,
    st.lists(st.tuples(st.dictionaries(WORDS, WORDS, max_size=3), PLACES), max_size=3),
)
def test_an_answer_does_not_depend_on_how_its_deltas_were_cut(text, text_cuts, thought, thought_cuts, calls):
    deltas = [{"reasoning_content": piece} for piece in cut(thought, thought_cuts)]
    deltas += [{"content": piece} for piece in cut(text, text_cuts)]
    for index, (arguments, cuts) in enumerate(calls):
        deltas.append(called(index, f"c{index}", "look", ""))
        deltas += [called(index, arguments=piece) for piece in cut(json.dumps(arguments), cuts)]
    answer, shown = assembled(*deltas)
    wanted = tuple(ToolCall(f"c{index}", "look", arguments) for index, (arguments, _) in enumerate(calls))
    assert answer.message == AssistantMessage(text, wanted, reasoning=thought)
    assert shown == ("" if OPEN.startswith(text.lstrip()) else text)  # it could become a thought


@given(st.lists(st.tuples(st.integers(0, 2), st.text("abc", min_size=1, max_size=3)), max_size=12))
def test_fragments_of_parallel_calls_may_come_in_any_order(fragments):
    deltas = [called(index, f"c{index}", "look", '{"t": "') for index in range(3)]
    deltas += [called(index, arguments=piece) for index, piece in fragments]
    deltas += [called(index, arguments='"}') for index in range(3)]
    answer, _ = assembled(*deltas)
    for index, call in enumerate(answer.message.calls):
        assert call.arguments["t"] == "".join(piece for place, piece in fragments if place == index)


def test_calls_that_all_have_index_0_are_told_apart_by_id():
    answer, _ = assembled(called(0, "a", "look", "{}"), called(0, "b", "look", '{"x": 1}'))
    assert answer.message.calls == (ToolCall("a", "look", {}), ToolCall("b", "look", {"x": 1}))


def test_an_id_and_a_name_that_come_with_every_fragment_are_one_call():
    answer, _ = assembled(called(0, "a", "look", '{"x"'), called(0, "a", "look", ": 1}"))
    assert answer.message.calls == (ToolCall("a", "look", {"x": 1}),)


def test_calls_without_an_index_go_by_id_and_order():
    answer, _ = assembled(
        called(None, "a", "look", '{"x"'), called(arguments=": 1}"), called(None, "b", "look")
    )
    assert answer.message.calls == (ToolCall("a", "look", {"x": 1}), ToolCall("b", "look", {}))


def test_arguments_may_be_an_object():
    assert assembled(called(0, "a", "look", {"x": 1}))[0].message.calls == (ToolCall("a", "look", {"x": 1}),)


def test_missing_repeated_and_taken_ids_are_made():
    answer, _ = assembled(
        called(0, None, "look"),
        called(1, "a", "look"),
        called(2, "a", "look"),
        called(3, "old", "look"),
        taken={"old"},
    )
    assert [call.id for call in answer.message.calls] == ["made_1", "a", "made_2", "made_3"]


def test_a_call_that_names_no_tool_is_malformed():
    (call,) = assembled(called(0, "a", None, "{}"))[0].message.malformed
    assert call.error == "the call names no tool"


@pytest.mark.parametrize("text", ["{high}{low}", "x{high}y", "x{low}", "x{high}"])
def test_halves_of_a_letter_are_joined_or_replaced(text):
    text = text.format(high="\ud83d", low="\ude00")
    answer, shown = assembled(*({"content": half} for half in text))
    whole = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    assert answer.message.text == whole
    assert whole.startswith(shown)


def test_parts_and_refusals_are_text():
    parts = [{"type": "text", "text": "Two "}, {"type": "text", "text": "files."}]
    assert assembled({"content": parts}, {"refusal": " No."})[1] == "Two files. No."


def test_other_choices_are_not_ours():
    assembler = AnswerAssembler(str)
    assert assembler.add({"choices": [{"index": 1, "delta": {"content": "no"}}]}) == ""


@pytest.mark.parametrize(
    ("told", "usage"),
    [
        ({"prompt_tokens": 9, "completion_tokens": 2}, Usage(9, 2)),
        ({"prompt_tokens": 9, "completion_tokens": 2, "prompt_cache_hit_tokens": 4}, Usage(9, 2, 4)),
        ({"prompt_tokens": 9, "completion_tokens": None, "prompt_tokens_details": None}, Usage(9, 0)),
        (None, ESTIMATE),
    ],
)
def test_usage_is_the_servers_or_estimated(told, usage):
    assert assembled({"content": "a"}, usage=told)[0].usage == usage


@pytest.mark.parametrize(
    ("reason", "finish"),
    [
        ("stop", "stop"),
        ("eos", "stop"),
        ("length", "length"),
        ("model_length", "length"),
        ("tool_calls", "stop"),
    ],
)
def test_reasons_to_end(reason, finish):
    assert assembled({"content": "a"}, finish=reason)[0].finish == finish


@pytest.mark.parametrize(
    ("reason", "error"), [(None, StreamCut), ("error", StreamCut), ("content_filter", BadRequest)]
)
def test_ends_that_are_none(reason, error):
    with pytest.raises(error):
        assembled({"content": "a"}, finish=reason)


FIELDS = ["delta", "index", "id", "tool_calls", "function", "name", "arguments", "content", "reasoning"]
STRANGE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(FIELDS), inner),
)


@given(STRANGE)
def test_no_chunk_is_too_strange(value):
    call = {"id": "a", "index": value, "function": {"name": value, "arguments": value}}
    answer, _ = assembled(
        value,
        {"content": value, "tool_calls": [value, call, {"function": value}]},
        {"reasoning_content": value, "tool_calls": value},
        usage=value,
    )
    assert isinstance(answer.message, AssistantMessage)


def test_a_server_of_ours_tells_all_that_was_written_of_a_call_that_broke_off() -> None:
    answer = AnswerAssembler(lambda: "made")
    functions = [
        {"name": "look", "arguments": ""},
        {"arguments": '{"what": "s'},
        {"arguments": "k", "unreadable": 'look(what="sk'},
    ]
    for function in functions:
        answer.add({"choices": [{"delta": {"tool_calls": [{"index": 0, "function": function}]}}]})
    answer.add({"choices": [{"delta": {}, "finish_reason": "length"}]})
    (call,) = answer.answer(lambda _: Usage()).message.malformed
    assert (call.name, call.text) == ("look", 'look(what="sk')
