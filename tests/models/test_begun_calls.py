"""What an unfinished answer says of its call is never taken back, and it is the call that is read at last."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from llguidance import LLMatcher, LLTokenizer, grammar_from

from agentkit.core.messages import AssistantMessage, ToolCall
from agentkit.core.tools import ToolSpec
from agentkit.models.dialects import DIALECTS

TEXT = {"type": "string"}
EDIT = ToolSpec(
    "edit",
    "Edit a file.",
    {
        "type": "object",
        "properties": {
            "path": TEXT,
            "line": {"type": "integer"},
            "with": {"type": "object"},
            "share": {"type": "number"},
            "content": TEXT,
            "deep": {"type": "boolean"},
        },
    },
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-50, 10**20) | st.floats(-1e9, 1e9) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=2), inner, max_size=2),
    max_leaves=4,
)
ARGUMENTS = st.fixed_dictionaries(
    {},
    optional={
        "path": st.text(max_size=5),
        "line": st.integers(-5, 10**9),
        "with": st.dictionaries(st.text(max_size=3), JSON, max_size=2),
        "share": st.floats(-1e6, 1e6),
        "content": st.text(st.sampled_from('ab"\\\n|: é😀'), max_size=12),
        "deep": st.booleans(),
    },
)
PORT = {
    "type": "object",
    "properties": {"port": {"type": "integer"}, "why": TEXT},
    "required": ["port", "why"],
    "additionalProperties": False,
}


def written(dialect: str, call: ToolCall) -> str:
    (turn,) = DIALECTS[dialect].turns([AssistantMessage(calls=(call,))], ())
    return turn["content"]


@pytest.mark.parametrize("dialect", DIALECTS)
@given(ARGUMENTS)
def test_a_call_is_known_more_and_more_and_nothing_is_taken_back(dialect, arguments) -> None:
    form = DIALECTS[dialect]
    text = written(dialect, ToolCall("x", "edit", arguments))
    (whole,) = form.read(text, 1, [EDIT]).calls
    known = ""
    for end in range(len(text) + 1):
        begun = form.begun(text[:end], 1, [EDIT])
        if begun is None:
            assert not known
            continue
        assert (begun.id, begun.name) == (whole.id, whole.name)
        assert begun.arguments.startswith(known)
        known = begun.arguments
    assert json.dumps(whole.arguments, ensure_ascii=False).startswith(known)


@pytest.mark.parametrize(
    ("dialect", "text", "known"),
    [
        ("lines", "edit\npath: a.txt\ncontent: one\n| tw", '{"path": "a.txt", "content": "one\\ntw'),
        ("lines", "edit\nline: 1", "{"),
        ("lines", "edit\nline: 1\npa", "{"),
        ("lines", "edit\nline: 1\npath:", '{"line": 1, "path": "'),
        ("python", 'edit(path="a.txt", content="one\\ntw', '{"path": "a.txt", "content": "one\\ntw'),
        ("python", 'edit(path="a.txt", content="""one\ntw"', '{"path": "a.txt", "content": "one\\ntw'),
        ("python", "edit(line=1", "{"),
        ("chatglm3", 'edit\n ```python\ntool_call(path="a.tx', '{"path": "a.tx'),
        ("python", "edit(line=1, deep=True)", '{"line": 1, "deep": true}'),
        ("hermes", '<tool_call>\n{"name": "edit", "arguments": {"path":"a.tx', '{"path": "a.tx'),
        ("hermes", '<tool_call>\n{"name": "edit", "arguments": {"path": "\\ud83d', '{"path": "'),
        ("hermes", '<tool_call>\n{"name": "edit"', ""),
    ],
)
def test_a_text_is_known_while_it_grows_and_all_else_when_it_is_whole(dialect, text, known) -> None:
    begun = DIALECTS[dialect].begun(text, 1, [EDIT])
    assert begun is not None
    assert (begun.name, begun.arguments) == ("edit", known)


@pytest.mark.parametrize(
    ("dialect", "text"),
    [
        ("lines", "edit"), ("lines", "answer: edit\npath: a"), ("lines", "nothing\npath: a"),
        ("python", "edit"), ("python", "Answer: edit("), ("hermes", "edit"), ("hermes", "<tool_call>\n{"),
        ("chatglm3", "edit\n ```python\ntool_c"), ("chatglm3", "\n edit\n ```python\ntool_call("),
        ("hermes", 'Look: <tool_call>\n{"name": "edit", '),
    ],
)  # fmt: skip
def test_nothing_is_known_of_a_call_before_its_tool_is_certain(dialect, text) -> None:
    assert DIALECTS[dialect].begun(text, 1, [EDIT]) is None


@pytest.mark.parametrize(
    ("dialect", "mark"),
    [("lines", "answer: "), ("python", "Answer: "), ("hermes", ""), ("chatglm3", "\n ")],
)
def test_words_beside_tools_can_be_held_to_a_schema_and_calls_go_on(dialect, mark) -> None:
    form = DIALECTS[dialect]
    tokens = LLTokenizer("byte")
    grammar = grammar_from("lark", form.grammar([EDIT], answer_schema=PORT))

    def admits(text: str) -> bool:
        matcher = LLMatcher(tokens, grammar)
        return matcher.consume_tokens(tokens.tokenize_str(text)) and matcher.is_accepting()

    answer = '{"port":80,"why":"a <tool_call> says so"}'
    assert admits(mark + answer)
    assert form.read(mark + answer, 1, [EDIT]) == AssistantMessage(answer)
    assert not admits(mark + "It is 80.")
    assert not admits(mark + '{"port": 80}')
    assert admits(written(dialect, ToolCall("x", "edit", {"path": "a"})))


def test_a_cut_call_in_hermes_is_named_where_its_name_was_written() -> None:
    form = DIALECTS["hermes"]
    names = [
        form.read(text, 1, [EDIT]).malformed[0].name
        for text in ('<tool_call>\n{"name": "edit", "argu', '<tool_call>\n{"na')
    ]
    assert names == ["edit", "unknown"]
