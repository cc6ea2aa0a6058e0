"""A dialect is text both ways: what it lets a model write it can read back as the same call."""

import ast
import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from llguidance import LLMatcher, LLTokenizer, grammar_from

from agentkit.core.messages import AssistantMessage, SystemMessage, ToolCall, ToolMessage, UserMessage
from agentkit.core.tools import ToolSpec
from agentkit.models.dialects import DIALECTS, ChatGLM3Calls, HermesCalls, LineCalls, PythonCalls
from agentkit.models.dialects.number_bounds import bounded
from agentkit.models.local import local_profile

TEXT = {"type": "string"}
READ = ToolSpec(
    "read_file",
    "Read a text file. Long files are shown in parts.",
    {
        "type": "object",
        "properties": {"path": TEXT, "first_line": {"type": "integer", "default": 1}},
        "required": ["path"],
    },
    {"path": ("config.ini", 'odd "name" é.txt')},
)
LIST = ToolSpec(
    "list_files",
    "List a folder.",
    {
        "type": "object",
        "properties": {
            "folder": {"type": "string", "default": "."},
            "deep": {"type": "boolean", "default": False},
        },
    },
)
WRITE = ToolSpec(
    "write_file",
    "Write a file.",
    {"type": "object", "properties": {"path": TEXT, "content": TEXT}, "required": ["path", "content"]},
)
FINISH = ToolSpec(
    "finish",
    "End the run.",
    {
        "type": "object",
        "properties": {
            "result": TEXT,
            "evidence": {"type": "array", "items": TEXT, "default": []},
        },
        "required": ["result"],
    },
)
NOW = ToolSpec("now", "Tell the time.", {"type": "object", "properties": {}})
TOOLS = (READ, LIST, WRITE, FINISH, NOW)
BYTES = LLTokenizer("byte")


def admits(dialect_name: str, text: str, tools: Sequence[ToolSpec] = TOOLS) -> bool:
    """Whether the dialect's grammar lets a model write exactly this and stop."""
    matcher = LLMatcher(BYTES, grammar_from("lark", DIALECTS[dialect_name].grammar(tools)))
    ids = BYTES.tokenize_str(text)
    return matcher.validate_tokens(ids) == len(ids) and matcher.consume_tokens(ids) and matcher.is_accepting()


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        ('read_file(path="config.ini")', {"path": "config.ini"}),
        ('read_file(path="config.ini", first_line=40)', {"path": "config.ini", "first_line": 40}),
        ("list_files()", {}),
        ("list_files(deep=True)", {"deep": True}),
        ('list_files(folder="a", deep=False)', {"folder": "a", "deep": False}),
        ("now()", {}),
        ('write_file(path="a", content="one\\ntwo")', {"path": "a", "content": "one\ntwo"}),
        (
            'write_file(path="a", content="""say "hi"\\n\nend""")',
            {"path": "a", "content": 'say "hi"\\n\nend'},
        ),
        ('write_file(path="", content="")', {"path": "", "content": ""}),
        ('finish(result="done", evidence=["a.txt", "2"])', {"result": "done", "evidence": ["a.txt", "2"]}),
    ],
)
def test_a_python_call_is_admitted_and_read(text: str, arguments: dict[str, object]) -> None:
    assert admits("python", text)
    (call,) = PythonCalls().read(text, step=3, tools=TOOLS).calls
    assert call == ToolCall("call_3", text.split("(")[0], arguments)


NOTED = ToolSpec(
    "note",
    "Note it.",
    {
        "type": "object",
        "properties": {"tags": {"type": "array", "items": TEXT}, "by": {"type": "object"}},
        "required": ["tags", "by"],
    },
)


@pytest.mark.parametrize(
    ("dialect", "before", "between", "after"),
    [
        ("hermes", '<tool_call>\n{"name": "note", "arguments": {"tags": ', ', "by": ', "}}\n</tool_call>"),
        ("lines", "note\ntags: ", "\nby: ", ""),
        ("python", "note(tags=", ", by=", ")"),
        ("chatglm3", "note\n ```python\ntool_call(tags=", ", by=", ")\n```"),
    ],
)
@pytest.mark.parametrize(
    ("tags", "by", "admitted"),
    [
        ('["a", "b"]', '{"c": 1}', True),
        ('["a",  "b"]', '{"c": 1}', False),
        ('["a", "b" ]', '{"c": 1}', False),
        ('["a", "b"]', '{"c":  1}', False),
        ('["a", "b"]', '{\n"c": 1}', False),
    ],
)
def test_json_in_a_call_has_the_white_space_that_it_is_shown_with_and_no_more(
    dialect: str, before: str, between: str, after: str, tags: str, by: str, admitted: bool
) -> None:
    assert admits(dialect, f"{before}{tags}{between}{by}{after}", (NOTED,)) is admitted


@pytest.mark.parametrize(
    ("number", "admitted"), [("-1.5", True), ("123456789", True), ("1e999", False), ("1" * 20, False)]
)
def test_a_number_in_the_json_of_a_call_is_one_that_a_float_can_hold(number: str, admitted: bool) -> None:
    schema = {
        "type": "object",
        "properties": {
            "at": {"type": "array", "items": {"type": "number"}},
            "by": {"anyOf": [{"type": "number"}, TEXT]},
        },
        "required": ["at", "by"],
    }
    call = f'{{"name": "note", "arguments": {{"at": [{number}], "by": {number}}}}}'
    text = f"<tool_call>\n{call}\n</tool_call>"
    assert admits("hermes", text, (ToolSpec("note", "Note it.", schema),)) is admitted


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        ("read_file\npath: config.ini", {"path": "config.ini"}),
        ("read_file\npath: config.ini\nfirst_line: 40", {"path": "config.ini", "first_line": 40}),
        ('read_file\npath: odd "name" é.txt', {"path": 'odd "name" é.txt'}),
        ("list_files", {}),
        ("list_files\ndeep: true", {"deep": True}),
        ("list_files\nfolder: a\ndeep: false", {"folder": "a", "deep": False}),
        ("now", {}),
        ("write_file\npath: a\ncontent: one\n| two", {"path": "a", "content": "one\ntwo"}),
        ("write_file\npath: a\ncontent:\n| one\n|", {"path": "a", "content": "\none\n"}),
        ("write_file\npath: a\ncontent: one\n| path: b", {"path": "a", "content": "one\npath: b"}),
        ("write_file\npath: a\ncontent:   x  ", {"path": "a", "content": "  x  "}),
        ("write_file\npath:\ncontent:", {"path": "", "content": ""}),
        ('finish\nresult: 12\nevidence: ["a.txt", "2"]', {"result": "12", "evidence": ["a.txt", "2"]}),
    ],
)
def test_a_call_in_lines_is_admitted_and_read(text: str, arguments: dict[str, object]) -> None:
    assert admits("lines", text)
    (call,) = LineCalls().read(text, step=3, tools=TOOLS).calls
    assert call == ToolCall("call_3", text.split("\n")[0], arguments)


CLEAR = {"type": "string", "enum": ["clear", "grey"]}


@pytest.mark.parametrize(
    ("schema", "written", "value"),
    [
        ({"enum": [1, "b", None]}, "1", 1),
        ({"enum": [1, "b", None]}, "b", "b"),
        ({"enum": ["1", "b"]}, "1", "1"),
        ({"type": "string", "const": "x"}, "x", "x"),
        ({"const": 3}, "3", 3),
        ({"allOf": [CLEAR], "description": "how it is"}, '"clear"', "clear"),
        ({"oneOf": [{"type": "integer"}, CLEAR]}, "12", 12),
        ({"type": "string", "anyOf": [CLEAR]}, "clear", "clear"),
        ({"description": "anything"}, '["a", 1]', ["a", 1]),
        ({}, '"a"', "a"),
    ],
)  # fmt: skip
def test_what_a_schema_allows_is_read_as_it_is_written_in_lines(schema, written: str, value: object) -> None:
    tool = ToolSpec("sky", "Look.", {"type": "object", "properties": {"now": schema}, "required": ["now"]})
    text = f"sky\nnow: {written}"
    assert admits("lines", text, [tool])
    assert LineCalls().read(text, 1, [tool]).calls == (ToolCall("call_1", "sky", {"now": value}),)
    begun = LineCalls().begun(text + "\n", 1, [tool])
    assert begun is not None
    assert json.dumps({"now": value}).startswith(begun.arguments)


NAMES = ["$top", "@type", "a b", "é", "1a", "a:b", "a=b", "a,b", '"q"', " a", "x(y)", "a\\b", "a", ""]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_arguments_may_be_called_anything(dialect: str) -> None:
    properties = {name: {"type": "integer"} for name in NAMES}
    tool = ToolSpec("t", "Try.", {"type": "object", "properties": properties, "required": NAMES})
    call = ToolCall("call_1", "t", {name: number for number, name in enumerate(NAMES)})
    form = DIALECTS[dialect]
    text = form.turns([AssistantMessage(calls=(call,))], ())[-1]["content"]
    assert admits(dialect, text, [tool])
    (read,) = form.read(text, 1, [tool]).calls
    assert read.arguments == call.arguments
    begun = form.begun(text, 1, [tool])
    assert begun is not None
    assert json.dumps(call.arguments, ensure_ascii=False).startswith(begun.arguments)


PLACES = ToolSpec(
    "go",
    "Go there.",
    {
        "type": "object",
        "properties": {
            "to": {"$ref": "#/$defs/Place"},
            "by": {"type": "array", "items": {"$ref": "#/$defs/Place"}},
        },
        "required": ["to"],
        "$defs": {
            "Place": {
                "type": "object",
                "properties": {"city": TEXT, "next": {"$ref": "#/$defs/Place"}},
                "required": ["city"],
                "additionalProperties": False,
            }
        },
    },
)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_references_in_a_schema_are_followed_into_themselves_too(dialect: str) -> None:
    """As pydantic writes schemas, and so LangChain's tools have them."""
    form = DIALECTS[dialect]
    call = ToolCall("call_1", "go", {"to": {"city": "a", "next": {"city": "b"}}, "by": [{"city": "c"}]})
    text = form.turns([AssistantMessage(calls=(call,))], ())[-1]["content"]
    assert admits(dialect, text, [PLACES])
    assert not admits(dialect, text.replace("city", "town"), [PLACES])
    (read,) = form.read(text, 1, [PLACES]).calls
    assert read.arguments == call.arguments


def test_a_value_of_now_of_any_kind_stands_as_it_is() -> None:
    parameters = {"type": "object", "properties": {"path": {}}, "required": ["path"]}
    tool = ToolSpec("look", "Look.", parameters, {"path": ("a b.txt",)})
    assert admits("lines", "look\npath: a b.txt", [tool])
    (call,) = LineCalls().read("look\npath: a b.txt", 1, [tool]).calls
    assert call.arguments == {"path": "a b.txt"}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("read_file\npath: a\nand more", "found 'and more'"),
        ("read_file\npath: a\nfirst_line: two", "first_line should be integer; found 'two'"),
        ("read_file\n| a", "found '| a'"),
    ],
)
def test_lines_that_are_no_call_are_malformed_and_say_why(text: str, complaint: str) -> None:
    assert not admits("lines", text)
    (malformed,) = LineCalls().read(text, step=1, tools=TOOLS).malformed
    assert complaint in malformed.error


@pytest.mark.parametrize(
    "text", ["delete_everything", "read_file\nfirst_line: 2\npath: config.ini", "I will now list the files."]
)
def test_what_fits_no_tool_cannot_be_written_in_lines(text: str) -> None:
    assert not admits("lines", text)


def test_words_without_a_call_are_an_answer_in_lines_too() -> None:
    assert LineCalls().read("answer: It is done.", step=1, tools=TOOLS) == AssistantMessage("It is done.")
    assert LineCalls().read("It is done.", step=1, tools=TOOLS) == AssistantMessage("It is done.")
    assert LineCalls().visible("answer: It is") == "It is"
    assert LineCalls().visible("read_file\npa") == ""


def test_a_tool_called_answer_is_no_answer() -> None:
    tool = ToolSpec("answer", "Say.", {"type": "object", "properties": {"text": TEXT}, "required": ["text"]})
    (call,) = LineCalls().read("answer\ntext: yes", step=1, tools=(tool,)).calls
    assert call.arguments == {"text": "yes"}


def test_a_signature_in_lines_shows_defaults_and_the_values_of_a_choice() -> None:
    unit = {"enum": ["km", "mi"], "type": "string", "default": "km"}
    tool = ToolSpec(
        "far",
        "How far. In words.",
        {"type": "object", "properties": {"to": TEXT, "unit": unit}, "required": ["to"]},
    )
    assert LineCalls().signature(tool) == "far(to, unit: km|mi=km): How far."


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_path_that_does_not_exist_cannot_be_written(dialect: str) -> None:
    wanted = ToolCall("1", "read_file", {"path": "missing.ini"})
    there = ToolCall("1", "read_file", {"path": "config.ini"})

    def written(call: ToolCall) -> str:
        turns = DIALECTS[dialect].turns([AssistantMessage(calls=(call,))], ())
        return turns[0]["content"]

    assert not admits(dialect, written(wanted))
    assert admits(dialect, written(there))


@pytest.mark.parametrize(
    "text",
    ["delete_everything()", 'read_file(first_line=2, path="config.ini")', "I will now list the files."],
)
def test_what_fits_no_tool_cannot_be_written_in_python(text: str) -> None:
    assert not admits("python", text)


@pytest.mark.parametrize(
    ("text", "admitted"),
    [
        ('write_file(path="a", content="one\\n\\n\\ntwo")', True),
        ('write_file(path="a", content="one\\n\\n\\n\\ntwo")', False),
        ('write_file(path="a", content="\\none")', False),
        ('write_file(path="a", content="""one\n\n\n\ntwo""")', True),
        ('write_file(path="a", content="""one\n\n\n\n\ntwo""")', False),
    ],
)
def test_a_model_cannot_fall_into_writing_line_ends_for_ever(text: str, admitted: bool) -> None:
    assert admits("python", text) is admitted


@pytest.mark.parametrize(("empty", "admitted"), [(3, True), (4, False)])
def test_a_model_cannot_fall_into_writing_empty_lines_for_ever(empty: int, admitted: bool) -> None:
    assert admits("lines", "write_file\npath: a\ncontent: one" + "\n|" * empty + "\n| two") is admitted


@pytest.mark.parametrize("dialect", DIALECTS)
def test_an_answer_that_must_call_cannot_be_plain_text(dialect: str) -> None:
    def may_begin_with(words: str, *, must_call: bool) -> bool:
        grammar = DIALECTS[dialect].grammar(TOOLS, must_call=must_call)
        matcher = LLMatcher(BYTES, grammar_from("lark", grammar))
        return matcher.validate_tokens(BYTES.tokenize_str(words)) == len(words)

    words = {
        "python": "Answer: done",
        "lines": "answer: done",
        "hermes": "It is done",
        "chatglm3": "\n It is done",
    }[dialect]
    assert may_begin_with(words, must_call=False)
    assert not may_begin_with(words, must_call=True)


TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"], include_characters="\n\t"))


@given(TEXTS, TEXTS)
def test_every_text_survives_a_python_call(path: str, content: str) -> None:
    call = ToolCall("call_1", "write_file", {"path": path, "content": content})
    (turn,) = PythonCalls().turns([AssistantMessage(calls=(call,))], ())
    assert PythonCalls().read(turn["content"], step=1, tools=TOOLS).calls == (call,)


@given(TEXTS, TEXTS)
def test_every_text_survives_a_call_in_lines(path: str, content: str) -> None:
    call = ToolCall("call_1", "write_file", {"path": path, "content": content})
    (turn,) = LineCalls().turns([AssistantMessage(calls=(call,))], ())
    assert LineCalls().read(turn["content"], step=1, tools=TOOLS).calls == (call,)


@given(TEXTS, TEXTS)
def test_every_text_survives_a_hermes_call(path: str, content: str) -> None:
    call = ToolCall("call_1_0", "write_file", {"path": path, "content": content})
    (turn,) = HermesCalls().turns([AssistantMessage(calls=(call,))], ())
    assert HermesCalls().read(turn["content"], step=1, tools=TOOLS).calls == (call,)


WRITTEN = st.lists(
    st.sampled_from(
        [
            *(
                "<tool_call>",
                "</tool_call>",
                '{"name": "read_file", "arguments": {"path": "a"}}',
                "write_file(",
            ),
            *(
                'path="a")',
                "read_file",
                "\npath: x",
                "| y",
                "Answer: ",
                "answer: ",
                "It is",
                "<",
                '"""',
                "\n",
                " ",
            ),
        ]
    )
    | st.text(max_size=3),
    max_size=7,
).map("".join)


@pytest.mark.parametrize("dialect", DIALECTS)
@given(WRITTEN)
def test_what_is_shown_of_an_answer_is_never_taken_back(dialect: str, text: str) -> None:
    """In whatever pieces it came, it is what the whole answer begins with, but for space around it."""
    form = DIALECTS[dialect]
    shown = ""
    for end in range(len(text) + 1):
        now = form.visible(text[:end])
        assert now.startswith(shown)
        shown = now
    assert form.read(text, step=1, tools=TOOLS).text.startswith(shown.strip())


def test_a_text_on_one_line_is_also_python() -> None:
    call = ToolCall("call_1", "write_file", {"path": "a", "content": 'back\\slash "quote" é'})
    (turn,) = PythonCalls().turns([AssistantMessage(calls=(call,))], ())
    parsed = ast.parse(turn["content"], mode="eval").body
    assert isinstance(parsed, ast.Call)
    assert {k.arg: ast.literal_eval(k.value) for k in parsed.keywords} == call.arguments


def test_a_cut_call_is_malformed_and_says_where() -> None:
    answer = PythonCalls().read('write_file(path="a", content="unfinished', step=1, tools=TOOLS)
    (malformed,) = answer.malformed
    assert malformed.name == "write_file"
    assert "content" in malformed.error
    assert not answer.calls


def test_hermes_keeps_the_text_before_a_call_and_reports_a_broken_one() -> None:
    answer = HermesCalls().read('First I look.\n<tool_call>\n{"name": "now", "argu', step=1, tools=TOOLS)
    assert answer.text == "First I look."
    assert answer.malformed[0].text == '{"name": "now", "argu'


def test_the_words_of_an_unfinished_answer_are_visible_but_not_a_call() -> None:
    assert PythonCalls().visible("Answer: The port") == "The port"
    assert PythonCalls().visible("read_file(pa") == ""
    assert HermesCalls().visible("Let me look <tool_c") == "Let me look "


def test_turns_alternate_and_the_tools_follow_the_system_words() -> None:
    turns = PythonCalls().turns(
        [
            SystemMessage("Work."),
            UserMessage("Read it."),
            AssistantMessage(calls=(ToolCall("1", "read_file", {"path": "config.ini"}),)),
            ToolMessage("1", "read_file", "port = 1"),
            UserMessage("Go on."),
        ],
        (READ,),
    )
    assert turns == [
        {"role": "system", "content": "Work.\nread_file(path, first_line=1)  # Read a text file."},
        {"role": "user", "content": "Read it."},
        {"role": "assistant", "content": 'read_file(path="config.ini")'},
        {"role": "user", "content": "Result: port = 1\nGo on."},
    ]


def test_chatglm3_names_a_tool_in_a_turns_first_line_and_observes_what_came_of_it() -> None:
    turns = ChatGLM3Calls().turns(
        [
            SystemMessage("Work."),
            UserMessage("Read it."),
            AssistantMessage("I look.", calls=(ToolCall("1", "read_file", {"path": "config.ini"}),)),
            ToolMessage("1", "read_file", "port = 1"),
            UserMessage("Go on."),
        ],
        (READ,),
    )
    assert turns[0]["content"].startswith("Work.\nYou have access to the following tools:\n[\n    {\n")
    call = 'read_file\n ```python\ntool_call(path="config.ini")\n```'
    assert turns[1:] == [
        {"role": "user", "content": "Read it."},
        {"role": "assistant", "content": "I look."},
        {"role": "assistant", "name": "read_file", "content": call},
        {"role": "tool", "content": "port = 1"},
        {"role": "user", "content": "Go on."},
    ]
    assert admits("chatglm3", call)
    read = ChatGLM3Calls().read(call, 3, TOOLS)
    assert read.calls == (ToolCall("call_3", "read_file", {"path": "config.ini"}),)


def test_words_of_chatglm3_come_after_an_empty_line_also_where_they_look_like_a_call() -> None:
    form, call = ChatGLM3Calls(), "now\n ```python\ntool_call()\n```"
    assert admits("chatglm3", f"\n {call}")
    assert form.read(f"\n {call}", 1, TOOLS) == AssistantMessage(call)
    assert (form.visible(f"\n {call}"), form.begun(f"\n {call}", 1, TOOLS)) == (call, None)
    assert (form.visible(call), form.read(call, 1, TOOLS).text) == ("", "")


@pytest.mark.parametrize("dialect", DIALECTS)
def test_tools_are_told_once_whatever_the_conversation_begins_with(dialect: str) -> None:
    asked = UserMessage("What time is it?")
    for messages in (
        (asked,),
        (SystemMessage("Be brief."), asked),
        (SystemMessage("a"), SystemMessage("b"), asked),
    ):
        turns = DIALECTS[dialect].turns(messages, (NOW,))
        assert [turn["role"] for turn in turns] == ["system", "user"]
        assert turns[0]["content"].count("Tell the time") + turns[0]["content"].count("now(") >= 1
        assert not any("now" in turn["content"] for turn in turns[1:])
        assert DIALECTS[dialect].turns(messages, ())[-1]["content"] == "What time is it?"
    assert [turn["role"] for turn in DIALECTS[dialect].turns((asked,), ())] == ["user"]


def test_only_models_that_are_shown_schemas_are_told_schemas() -> None:
    shown = {name for name, dialect in DIALECTS.items() if dialect.shows_schemas}
    assert shown == {"hermes", "chatglm3"}
    assert not local_profile("agent/small", 8192, 512).shows_schemas


LEAST = {"type": "number", "minimum": 1}
ODD = ToolSpec(
    "Http.get-page",
    "Fetch.",
    {
        "type": "object",
        "properties": {
            "Content-Type": TEXT,
            "URL": TEXT,
            "depth": {"type": "integer", "minimum": 1, "maximum": 3},
            "share": {"type": "number"},
        },
        "required": ["Content-Type"],
    },
)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_tools_and_arguments_may_have_points_hyphens_and_capitals(dialect: str) -> None:
    call = ToolCall("call_0", "Http.get-page", {"Content-Type": "text: a", "URL": "x", "depth": 2})
    written = DIALECTS[dialect].turns((AssistantMessage(calls=(call,)),), ())[-1]["content"]
    assert admits(dialect, written, (ODD,))
    assert DIALECTS[dialect].read(written, 0, (ODD,)).calls[0].arguments == call.arguments


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(("depth", "admitted"), [(0, False), (1, True), (3, True), (4, False)])
def test_a_bounded_number_cannot_be_written_out_of_bounds(dialect: str, depth: int, admitted: bool) -> None:
    call = ToolCall("call_0", "Http.get-page", {"Content-Type": "a", "depth": depth})
    written = DIALECTS[dialect].turns((AssistantMessage(calls=(call,)),), ())[-1]["content"]
    assert admits(dialect, written, (ODD,)) is admitted


ANYTHING = ToolSpec(
    "keep",
    "Keep a value.",
    {
        "type": "object",
        "properties": {"value": {}, "rows": {"type": "array"}, "more": {"type": "object"}, "least": LEAST},
    },
)


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(
    ("name", "value", "admitted"),
    [
        ("value", 7.5, True),
        ("value", {"a": [None, True, {"b": "c"}, -2.5]}, True),
        ("value", 1e300, False),
        ("value", {"a": [1e300]}, False),
        ("rows", [1.5, [2]], True),
        ("rows", [[1e300]], False),
        ("more", {"a": 3.5}, True),
        ("more", {"a": 1e300}, False),
        ("least", 1.5, True),
        ("least", 1e300, False),
    ],
)
def test_numbers_have_bounds_where_values_may_be_of_any_kind(
    dialect: str, name: str, value: Any, admitted: bool
) -> None:
    call = ToolCall("call_0", "keep", {name: value})
    written = DIALECTS[dialect].turns((AssistantMessage(calls=(call,)),), ())[-1]["content"]
    assert admits(dialect, written, (ANYTHING,)) is admitted


def test_schemas_that_have_to_hold_together_are_left_what_they_say_nothing_of() -> None:
    parts = [{"type": "object", "properties": {name: {"type": "number"}}} for name in ("a", "b")]
    assert bounded({"allOf": parts}) == {
        "allOf": [
            {"type": "object", "properties": {name: {"type": "number", "minimum": -1e15, "maximum": 1e15}}}
            for name in ("a", "b")
        ]
    }
    tool = ToolSpec("keep", "", {"type": "object", "properties": {"value": {"allOf": parts}}})
    assert admits("python", 'keep(value={"a": 1.5, "b": 2})', (tool,))


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "number", "minimum": 1e20},
        {"type": "integer", "minimum": 1},
        {"type": "object", "properties": {"type": {"type": "string"}}, "additionalProperties": False},
        {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None},
        {"$ref": "#/$defs/Point", "$defs": {"Point": {"type": "string"}}},
        {"const": 1e300},
    ],
    ids=str,
)
def test_a_schema_that_leaves_no_number_open_stays_as_it_is(schema: dict[str, Any]) -> None:
    assert bounded(schema) == schema


@pytest.mark.parametrize("text", ["Http.get-page(share=1e999)", "Http.get-page\nshare: 1e999"])
def test_a_number_beyond_every_float_is_malformed(text: str) -> None:
    dialect = DIALECTS["python" if "(" in text else "lines"]
    [malformed] = dialect.read(text, 0, (ODD,)).malformed
    assert "1e999" in malformed.text
    assert not dialect.read(text, 0, (ODD,)).calls


def test_a_number_beyond_every_float_is_malformed_in_hermes_too() -> None:
    text = '<tool_call>\n{"name": "Http.get-page", "arguments": {"share": 1e999}}\n</tool_call>'
    [malformed] = HermesCalls().read(text, 0, (ODD,)).malformed
    assert "too large" in malformed.error


@pytest.mark.parametrize(
    ("dialect", "text"),
    [
        (PythonCalls(), f'finish(result="a", evidence={"[" * 100_000}'),
        (LineCalls(), f"finish\nresult: a\nevidence: {'[' * 100_000}"),
        (HermesCalls(), f'<tool_call>{{"name": "finish", "arguments": {"[" * 100_000}'),
    ],
)
def test_brackets_without_end_are_a_malformed_call_like_any(
    dialect: PythonCalls | LineCalls | HermesCalls, text: str
) -> None:
    [malformed] = dialect.read(text, 0, TOOLS).malformed
    assert malformed.name == "finish"
