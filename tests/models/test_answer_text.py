"""Thoughts and calls in the text of an answer: the same for every chunking of the same text."""

import itertools
import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agentkit.core.messages import MalformedCall, ToolCall
from agentkit.models.answer_text import AnswerText
from agentkit.models.openai_answer import AnswerAssembler
from agentkit.models.sse import EventDecoder
from agentkit.models.text_calls import FORMS
from agentkit.models.thoughts import ThoughtSplitter

NAMES = ("read_file", "look")
HERMES = '<tool_call>\n{"name": "read_file", "arguments": {"path": "a.txt"}}\n</tool_call>'
LLAMA3 = '{"name": "read_file", "parameters": {"path": "a.txt"}}'
CHATGLM3 = "read_file\n ```python\ntool_call(path='a.txt')\n```"
PLAIN = '{"name": "read_file", "arguments": {"path": "a.txt"}}'


def read(form, text, finish="stop", tools=NAMES, size=0, opened=False):
    """The message of an answer that comes in pieces of `size` characters, and the text that was shown."""
    made = iter(range(1000))
    assembler = AnswerAssembler(lambda: f"c{next(made)}", (), FORMS.get(form), tools, opened=opened)
    size = size or len(text) or 1
    shown = ""
    for start in range(0, len(text), size):
        delta = {"content": text[start : start + size]}
        shown += assembler.add({"choices": [{"index": 0, "delta": delta}]})
    assembler.add({"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
    answer = assembler.answer(lambda _: None)
    assert answer.message.text.startswith(shown)
    return answer


def calls(form, text, **options):
    answer = read(form, text, **options)
    assert answer.message.malformed == ()
    return [(call.name, call.arguments) for call in answer.message.calls], answer.message.text


ONE = [("read_file", {"path": "a.txt"})]
TWO = [*ONE, ("look", {"deep": True})]

RECOVERED = {
    "hermes": ("hermes", HERMES, ONE, ""),
    "hermes, words around": ("hermes", f"I look.\n{HERMES}\nThen I tell.", ONE, "I look.\nThen I tell."),
    "hermes, two": (
        "hermes",
        HERMES + '\n<tool_call>{"name":"look","arguments":{"deep":true}}</tool_call>',
        TWO,
        "",
    ),
    "hermes, not closed": ("hermes", HERMES.removesuffix("</tool_call>"), ONE, ""),
    "hermes, fenced": ("hermes", f"<tool_call>\n```json\n{PLAIN}\n```\n</tool_call>", ONE, ""),
    "hermes, its own mark in an argument": (
        "hermes",
        '<tool_call>{"name": "look", "arguments": {"for": "</tool_call>"}}</tool_call>',
        [("look", {"for": "</tool_call>"})],
        "",
    ),
    "hermes, arguments as a text": (
        "hermes",
        '<tool_call>{"name": "look", "arguments": "{\\"deep\\": true}"}</tool_call>',
        [("look", {"deep": True})],
        "",
    ),
    "hermes, a tool that there is not": (
        "hermes",
        '<tool_call>{"name": "fly", "arguments": {}}</tool_call>',
        [("fly", {})],
        "",
    ),
    "llama 3, bare": ("llama3", LLAMA3, ONE, ""),
    "llama 3, with a type": ("llama3", LLAMA3.replace('{"name"', '{"type": "function", "name"'), ONE, ""),
    "llama 3, another word for the name": ("llama3", LLAMA3.replace('"name"', '"function"'), ONE, ""),
    "llama 3, tagged": ("llama3", f"<|python_tag|>{LLAMA3}<|eom_id|>", ONE, ""),
    "llama 3, two": ("llama3", LLAMA3 + '; {"name": "look", "parameters": {"deep": true}}', TWO, ""),
    "llama 3, words before the tag": ("llama3", f"I look.<|python_tag|>{LLAMA3}", ONE, "I look."),
    "llama 3, words behind": ("llama3", f"{LLAMA3}\nI look.", ONE, "I look."),
    "chatglm 3": ("chatglm3", CHATGLM3, ONE, ""),
    "chatglm 3, words before": ("chatglm3", f"I look.\n{CHATGLM3}", ONE, "I look."),
    "chatglm 3, two": (
        "chatglm3",
        f"{CHATGLM3}<|observation|>\nlook\n```python\ntool_call(deep=True)\n```",
        TWO,
        "",
    ),
    "chatglm 3, a fence in an argument": (
        "chatglm3",
        "look\n```python\ntool_call(text='''a\n```\nb''')\n```",
        [("look", {"text": "a\n```\nb"})],
        "",
    ),
    "json": ("json", PLAIN, ONE, ""),
    "json, fenced": ("json", f"I look.\n```json\n{PLAIN}\n```\nThen I tell.", ONE, "I look.\nThen I tell."),
    "json, a list": ("json", f'[{PLAIN}, {{"name": "look", "arguments": {{"deep": true}}}}]', TWO, ""),
    "json, a line each": ("json", PLAIN + '\n{"name": "look", "parameters": {"deep": true}}', TWO, ""),
    "json, as OpenAI writes them": (
        "json",
        json.dumps(
            {
                "tool_calls": [
                    {
                        "type": "function",
                        "function": {"name": "read_file", "arguments": '{"path": "a.txt"}'},
                    }
                ]
            }
        ).replace('{"tool_calls"', '{ "tool_calls"'),
        ONE,
        "",
    ),
    "json, a fence in an argument": (
        "json",
        '```json\n{"name": "look", "arguments": {"text": "```"}}\n```',
        [("look", {"text": "```"})],
        "",
    ),
}


@pytest.mark.parametrize(("form", "text", "wanted", "rest"), RECOVERED.values(), ids=RECOVERED)
def test_a_call_in_the_declared_form_is_a_call(form, text, wanted, rest):
    assert calls(form, text) == (wanted, rest)
    assert read(form, text).finish == "calls"


@pytest.mark.parametrize(("_form", "text", "_wanted", "_rest"), RECOVERED.values(), ids=RECOVERED)
def test_without_a_declared_form_the_same_text_is_text(_form, text, _wanted, _rest):
    assert calls(None, text) == ([], text)


@pytest.mark.parametrize("form", FORMS)
def test_without_tools_nothing_is_a_call(form):
    for text in (HERMES, LLAMA3, CHATGLM3, PLAIN):
        assert calls(form, text, tools=()) == ([], text)


PLAIN_TEXT = {
    "json that is no call": ("json", '{"port": 80}'),
    "json of a tool that there is not": ("json", '{"name": "Ada", "arguments": {}}'),
    "a name alone among other fields": ("json", '{"name": "look", "age": 3}'),
    "llama 3 of a tool that there is not": ("llama3", '{"name": "Ada", "parameters": {}}'),
    "json within a sentence": ("json", f"You could say {PLAIN} to me."),
    "llama 3 within a sentence": ("llama3", f"You could say {LLAMA3} to me."),
    "code": ("chatglm3", "Run this:\n```python\nprint(1)\n```"),
    "other code": ("json", "```python\nprint({})\n```"),
    "the beginning of a mark": ("hermes", "a < b and <tool_cal"),
}


@pytest.mark.parametrize(("form", "text"), PLAIN_TEXT.values(), ids=PLAIN_TEXT)
def test_what_is_no_call_stays_as_it_was_written(form, text):
    assert calls(form, text) == ([], text)


MALFORMED = {
    "hermes, cut": ("hermes", '<tool_call>{"name": "read_file", "argu', "read_file", "not valid JSON"),
    "hermes, no JSON": ("hermes", "<tool_call>read a.txt</tool_call>", "unknown", "not valid JSON"),
    "hermes, no call": ("hermes", '<tool_call>{"path": "a"}</tool_call>', "unknown", "no call with a name"),
    "hermes, more": ("hermes", f"<tool_call>{PLAIN}}}</tool_call>", "read_file", "something follows"),
    "llama 3, cut": ("llama3", '{"name": "look", "parameters": {"a": ', "look", "not valid JSON"),
    "llama 3, code": ("llama3", "<|python_tag|>print(1)", "unknown", "not valid JSON"),
    "chatglm 3, cut": ("chatglm3", "look\n```python\ntool_call(a='b", "look", "not a Python call"),
    "chatglm 3, no name": ("chatglm3", "look\n```python\ntool_call('b')\n```", "look", "by its name"),
    "chatglm 3, code": ("chatglm3", "look\n```python\ntool_call(a=open('b'))\n```", "look", "plain value"),
    "chatglm 3, a set": ("chatglm3", "look\n```python\ntool_call(a={1})\n```", "look", "plain value"),
    "json, cut": ("json", '{"name": "look", "arguments": {"a": "b', "look", "not valid JSON"),
    "json, fenced and cut": (
        "json",
        '```json\n{"name": "look", "arguments": {\n```',
        "look",
        "not valid JSON",
    ),
    "a list for arguments": ("json", '{"name": "look", "arguments": ["a"]}', "look", "must be a JSON object"),
    "a number that is none": ("json", '{"name": "look", "arguments": {"a": NaN}}', "look", "NaN"),
}


@pytest.mark.parametrize(("form", "text", "name", "error"), MALFORMED.values(), ids=MALFORMED)
def test_a_call_that_cannot_be_read_is_told_and_is_neither_run_nor_text(form, text, name, error):
    message = read(form, text).message
    assert (message.calls, message.text) == ((), "")
    (malformed,) = message.malformed
    assert malformed.name == name
    assert error in malformed.error


def test_a_call_cut_by_the_token_limit_says_so():
    answer = read("hermes", HERMES + '<tool_call>{"name": "look", "arg', finish="length")
    assert [call.name for call in answer.message.calls] == ["read_file"]
    assert answer.message.malformed[0].error.startswith("it was cut off by the token limit")
    assert answer.finish == "length"


def test_calls_that_the_server_made_leave_the_text_alone():
    assembler = AnswerAssembler(str, (), FORMS["hermes"], NAMES)
    call = {"index": 0, "id": "x", "function": {"name": "look", "arguments": "{}"}}
    delta = {"content": HERMES, "tool_calls": [call]}
    assembler.add({"choices": [{"index": 0, "delta": delta, "finish_reason": "tool_calls"}]})
    message = assembler.answer(lambda _: None).message
    assert (message.calls, message.text) == ((ToolCall("x", "look", {}),), HERMES)


def test_what_cannot_become_a_call_is_shown_while_it_is_made():
    text = AnswerText(FORMS["hermes"], NAMES)
    assert [text.feed(piece) for piece in ("I look", " <b", "> ", "<tool", "_call>{")] == [
        "I look", " <b", ">", "", "",
    ]  # fmt: skip


def test_where_a_call_breaks_is_counted_from_its_own_beginning():
    message = read("hermes", 'I look.\n<tool_call>{"name": look}</tool_call>').message
    assert "line 1 column 10" in message.malformed[0].error


HOSTILE = {
    "chatglm3": [
        "look\n```python\ntool_call(a=" + "-" * 50_000 + "1)\n```",
        "look\n```python\ntool_call(a=" + "[" * 5000 + ")\n```",
        "look\n```python\ntool_call(a='\\d\\x')\n```",
        "look\n```python\ntool_call(**{'a': 1})\n```",
        "look\n```python\ntool_call(a='\0')\n```",
    ],
    "json": ['{"name": "look", "arguments": ' * 3000, '{"name": "look", "arguments": ' + "[" * 100_000],
    "hermes": ["<tool_call>" * 5000, '<tool_call>{"name":' * 3000],
    "llama3": ['{"name": "look", "parameters": ' + "[" * 100_000, "<|python_tag|>" * 3000],
}


@pytest.mark.parametrize(("form", "text"), [(form, text) for form in HOSTILE for text in HOSTILE[form]])
def test_no_text_is_too_strange_to_be_told_of(form, text):
    message = read(form, text, size=64).message
    assert message.calls == ()
    assert message.malformed


# the same however it was cut

FRAGMENTS = st.sampled_from(
    [
        *(HERMES, LLAMA3, CHATGLM3, PLAIN, "<think>", "</think>", "<tool_call>", "</tool_call>"),
        *(
            "<|python_tag|>",
            "```json\n",
            "```",
            "\n",
            " ",
            "{",
            "[",
            '{"name"',
            "tool_call(",
            "look",
            "a < b",
        ),
        *("😀", "ü", '"', "\\", ";", "<|eom_id|>", "read_file\n", "\n```python\n"),
    ]
)
TEXTS = st.lists(FRAGMENTS | st.text(max_size=6), max_size=8).map("".join)


@pytest.mark.parametrize("form", [None, *FORMS])
@given(text=TEXTS, cuts=st.lists(st.integers(0, 400), max_size=12), opened=st.booleans())
@example(text=f"<think>a</think>\n{HERMES}", cuts=[], opened=False)
@example(text=f"a\n{CHATGLM3}\nb", cuts=[3, 9], opened=False)
@example(text=f"a</think>{HERMES}", cuts=[5], opened=True)
def test_the_same_text_is_the_same_message_for_every_chunking(form, text, cuts, opened):
    text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    whole = read(form, text, opened=opened)
    assert read(form, text, size=1, opened=opened) == whole
    places = [0, *sorted(min(place, len(text)) for place in cuts), len(text)]
    made = iter(range(1000))
    assembler = AnswerAssembler(lambda: f"c{next(made)}", (), FORMS.get(form), NAMES, opened=opened)
    shown = ""
    for start, end in itertools.pairwise(places):
        shown += assembler.add({"choices": [{"index": 0, "delta": {"content": text[start:end]}}]})
    assembler.add({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    answer = assembler.answer(lambda _: None)
    assert answer == whole
    assert answer.message.text.startswith(shown)


@given(
    form=st.sampled_from(sorted(FORMS)),
    text=TEXTS,
    thought=st.text(max_size=9),
    piece=st.integers(1, 30),
    size=st.integers(1, 4000),
)
@example(form="hermes", text=HERMES, thought="ü", piece=1, size=1)
def test_the_same_bytes_are_the_same_answer_however_they_come(
    openai_server, form, text, thought, piece, size
):
    text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    step = {"text": text, "reasoning": thought.encode("utf-8", "replace").decode(), "piece": piece}
    body = "".join(openai_server._events(step, True)).encode()
    assert answer_to(body, form, size) == answer_to(body, form, len(body))


def answer_to(body, form, size):
    """The answer in a stream of these bytes, and what is shown on the way, whole."""
    made, decoder, shown = iter(range(1000)), EventDecoder(), ""
    assembler = AnswerAssembler(lambda: f"c{next(made)}", (), FORMS[form], NAMES)
    for start in range(0, len(body), size):
        for event in decoder.feed(body[start : start + size]):
            shown += "" if event == "[DONE]" else assembler.add(json.loads(event))
    answer = assembler.answer(lambda _: None)
    assert answer.message.text.startswith(shown)
    return answer


@given(st.sampled_from(sorted(FORMS)), st.dictionaries(st.text("abc_", min_size=1), st.text(), max_size=3))
def test_a_call_as_a_form_writes_it_is_read_back(form, arguments):
    call = ToolCall("c0", "look", arguments)
    text = FORMS[form].call_text(call)
    try:
        text.encode()
    except UnicodeEncodeError:
        return
    keywords = form != "chatglm3" or all(name.isidentifier() for name in arguments)
    message = read(form, text).message
    assert message.calls == ((call,) if keywords else ())
    assert all(isinstance(one, MalformedCall) for one in message.malformed)


# thoughts


@pytest.mark.parametrize(
    ("text", "thought", "answer"),
    [
        ("<think>hm</think>\n\nTwo.", "hm", "Two."),
        ("\n<think>\nhm\n</think>Two.", "hm", "Two."),
        ("<think></think>Two.", "", "Two."),
        ("<think>hm", "hm", ""),
        ("<think>hm</thin", "hm</thin", ""),
        ("The tag <think> is a word.", "", "The tag <think> is a word."),
        ("<thin", "", "<thin"),
        ("  ", "", "  "),
        ("", "", ""),
    ],
)
@pytest.mark.parametrize("size", [1, 2, 100])
def test_a_thought_at_the_head_is_no_part_of_the_answer(text, thought, answer, size):
    splitter = ThoughtSplitter()
    pieces = [splitter.feed(text[start : start + size]) for start in range(0, len(text), size)]
    assert "".join([*pieces, splitter.close()]) == answer
    assert splitter.thought == thought


@pytest.mark.parametrize(
    ("text", "cut", "thought", "answer"),
    [
        ("hm\n</think>\n\nTwo.", False, "hm", "Two."),
        ("<think>\nhm</think>Two.", False, "hm", "Two."),
        ("Two.", False, "", "Two."),  # this time it thought nothing
        ("hm, Two or", True, "hm, Two or", ""),
        ("<think>hm", False, "hm", ""),
        ("a </thin b", False, "", "a </thin b"),
        ("hm</think>Say </think> and <think>.", False, "hm", "Say </think> and <think>."),
    ],
)
@pytest.mark.parametrize("size", [1, 2, 100])
def test_a_thought_that_the_server_opened_ends_at_its_tag(text, cut, thought, answer, size):
    splitter = ThoughtSplitter(opened=True)
    pieces = [splitter.feed(text[start : start + size]) for start in range(0, len(text), size)]
    assert "".join([*pieces, splitter.close(cut=cut)]) == answer
    assert splitter.thought == thought


def test_a_call_in_a_thought_is_not_run():
    message = read("hermes", f"<think>{HERMES}</think>Two.").message
    assert (message.calls, message.text) == ((), "Two.")
