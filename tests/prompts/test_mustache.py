"""Mustache: what the specification says, and as strict as every other prompt here."""

from typing import Any

import pytest

from agentkit.core.errors import PromptError
from agentkit.core.messages import UserMessage
from agentkit.core.template import Template
from agentkit.prompts.chat import ChatPromptTemplate
from agentkit.prompts.few_shot import FewShot, FewShotPromptTemplate
from agentkit.prompts.imported import from_mustache
from agentkit.prompts.text import PromptTemplate

PEOPLE = [{"name": "Ada", "langs": ["C", "Lisp"]}, {"name": "Bo", "langs": []}]


@pytest.mark.parametrize(
    ("text", "values", "expected"),
    [
        ("{{#a}}{{.}},{{/a}}", {"a": ["x", 2, 0, False]}, "x,2,0,False,"),
        ("{{#a}}[{{#.}}{{.}}{{/.}}]{{/a}}", {"a": [[1, 2], [3]]}, "[12][3]"),
        ("{{#a}}{{0}}-{{1}} {{/a}}", {"a": [["x", "y"]]}, "x-y "),
        ("{{a.0.b}}", {"a": [{"b": "deep"}]}, "deep"),
        ("{{#p}}{{name}}:{{#langs}} {{.}}{{name}}{{/langs}}{{^langs}} none{{/langs}};{{/p}}", {"p": PEOPLE},
         "Ada: CAda LispAda;Bo: none;"),
        ("{{#a}}{{x}}{{y}}{{/a}}", {"a": {"x": "inner "}, "x": "outer", "y": "outside"}, "inner outside"),
        ("{{#a.b}}{{c}}{{/a.b}}", {"a": {"b": {"c": 1}}}, "1"),
        ("{{#a.b}}x{{/a.b}}{{^a.b}}none{{/a.b}}", {"a": {}}, "none"),
        ("{{#a}}{{b.c}}{{/a}}", {"a": {"d": 1}, "b": {"c": "outer"}}, "outer"),
        ("{{#on}}yes{{/on}}{{^on}}no{{/on}}", {"on": True}, "yes"),
        ("{{#on}}yes{{/on}}{{^on}}no{{/on}}", {"on": ""}, "no"),
        ("{{#on}}yes{{/on}}{{^on}}no{{/on}}", {"on": None}, "no"),
        ("{{#on}}yes{{/on}}{{^on}}no{{/on}}", {"on": {}}, "no"),
        ("{{#a}}{{. }}{{/ a }}", {"a": "text"}, "text"),
        ("{{#a}}{{#a}}x{{/a}}{{/a}}", {"a": [1, 2]}, "xxxx"),
        # tags that stand alone take their line with them
        ("a\n  {{#x}}\n  b\n  {{/x}}\nc", {"x": [1, 2]}, "a\n  b\n  b\nc"),
        ("{{#x}}\r\nb\r\n{{/x}}\r\nc", {"x": 1}, "b\r\nc"),
        ("a {{#x}}\nb{{/x}}\n", {"x": 1}, "a \nb\n"),
        ("{{#x}}{{#y}}\nb{{/y}}{{/x}}", {"x": {"y": 1}}, "\nb"),
        ("\t{{! of\nmore lines }}\t\nb", {}, "b"),
        ("{{=<% %>=}}\n<%a%> {{a}} <%={{ }}=%>{{a}}", {"a": 1}, "1 {{a}} 1"),
        ("{{=| |=}}|#a||.|{|/a|", {"a": [1]}, "1{"),
        ("{{{a}}}{{&a}}{{a}}", {"a": "<&>"}, "<&><&><&>"),
        ("{a} {{a}}}", {"a": 1}, "{a} 1}"),
        ("{{a-b}} {{ä}}", {"a-b": 1, "ä": 2}, "1 2"),
    ],
)  # fmt: skip
def test_mustache_says_what_its_specification_says(text: str, values: dict[str, Any], expected: str) -> None:
    assert from_mustache(text).render(values) == expected


def test_values_are_written_for_html_where_that_is_wanted() -> None:
    values = {"a": "<'&\">"}
    assert from_mustache("{{a}} {{{a}}} {{&a}}", escaped=True).render(values) == (
        "&lt;'&amp;&quot;&gt; <'&\"> <'&\">"
    )
    assert from_mustache("{{a}}").render(values) == values["a"]


def test_a_name_outside_every_section_needs_a_value_and_one_inside_may_have_one() -> None:
    template = from_mustache("{{a}} {{#b.c}}{{d}}{{#e}}{{f}}{{/e}}{{/b.c}}{{^g}}{{h}}{{/g}}")
    assert template.variables == {"a", "b", "g"}
    assert template.takes == {"a", "b", "d", "e", "f", "g", "h"}
    prompt = PromptTemplate(template).partial(d="given", g=[])
    assert (prompt.variables, prompt.takes) == ({"a", "b"}, {"a", "b", "e", "f", "h"})
    assert prompt.invoke({"a": 1, "b": {"c": [{}]}, "h": "!"}) == "1 given!"


@pytest.mark.parametrize(
    ("text", "values", "complaint"),
    [
        ("{{a}}{{#b}}x{{/b}}", {}, "the template needs a, b and was not given it"),
        ("{{#a}}{{b}}{{/a}}", {"a": 1, "c": 2}, "it has no place for c"),
        ("{{#a}}{{b}}{{/a}}", {"a": [{}]}, r"\{\{b\}\} has no value where it stands"),
        ("{{a.b}}", {"a": {}}, r"\{\{a.b\}\} has no value where it stands"),
        ("{{a.b}}", {"a": "text"}, r"\{\{a.b\}\} has no value where it stands"),
        ("{{#a}}{{b.c}}{{/a}}", {"a": {"b": {}}, "b": {"c": "hidden"}}, r"\{\{b.c\}\} has no value"),
        ("{{a.denominator}}", {"a": 1}, "has no value"),
        ("{{a}}", {"a": ["x"]}, r"\{\{a\}\} is given something of type list"),
        ("{{a}}", {"a": None}, "of type NoneType"),
        ("{{#a}}x{{/a}}", {"a": {"x"}}, r"\{\{#a\}\} is given \{'x'\}; a section is about a list"),
        ("{{^a}}x{{/a}}", {"a": b"x"}, "is given b'x'"),
    ],
)
def test_what_a_mustache_template_is_not_given_right_is_named(
    text: str, values: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(PromptError, match=complaint):
        from_mustache(text).render(values)


async def test_mustache_stands_wherever_a_template_can() -> None:
    said = from_mustache("{{#of}}{{.}} {{/of}}{{end}}{{#more}}{{note}}{{/more}}")
    chat = ChatPromptTemplate(
        FewShot([{"of": ["1", "2"], "end": "?", "more": 0}], said, Template("3")), ("user", said)
    )
    values = {"of": [4, 5], "end": "?", "more": False}
    texts = [message.text for message in await chat.ainvoke(values)]
    assert texts == ["1 2 ?", "3", "4 5 ?"]
    assert (chat.variables, chat.takes) == ({"of", "end", "more"}, {"of", "end", "more", "note"})
    example = {"of": "1", "end": "?", "more": 1, "note": "!"}
    shown = FewShotPromptTemplate([example], said, said, separator="|")
    assert shown.variables == {"of", "end", "more"}
    assert shown.invoke({**values, "more": True, "note": "."}) == "1 ?!|4 5 ?."
    assert chat.partial(note="…").invoke({**values, "more": 1})[-1] == UserMessage("4 5 ?…")
    with pytest.raises(PromptError, match="no place for strange"):
        chat.invoke({**values, "strange": 1})
