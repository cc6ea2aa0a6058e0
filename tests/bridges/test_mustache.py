"""A mustache template says here what it says in LangChain."""

from hypothesis import assume, given, settings
from hypothesis import strategies as st
from langchain_core.prompts import PromptTemplate as TheirTemplate
from langchain_core.utils.mustache import render as their_render

from agentkit.prompts.imported import from_mustache
from agentkit.prompts.text import PromptTemplate

VALUES = {
    "text": "<a> & 'b' \"c\"",
    "number": 7,
    "zero": 0,
    "people": [{"name": "Ada", "langs": ["C", "Lisp"]}, {"name": "Bo", "langs": []}],
    "own": {"name": "Cy", "text": "inner", "deep": {"er": 2.5}},
    "name": "outer",
    "langs": ["py"],
    "on": True,
    "off": False,
    "empty": "",
}
LITERALS = st.text("ab<&\n ", max_size=5)
TAGS = st.sampled_from(
    ["{{text}}", "{{{text}}}", "{{& text }}", "{{number}}", "{{ zero }}", "{{on}}", "{{off}}", "{{name}}",
     "{{own.deep.er}}", "{{own.name}}", "{{people.0.name}}", "{{!a\ncomment}}",
     "{{=<% %>=}}<%text%><%={{ }}=%>"]
)  # fmt: skip
SECTIONS = st.sampled_from(["people", "own", "own.deep", "langs", "on", "off", "empty", "zero", "number"])


def section(kind: str, name: str, inside: str) -> str:
    return f"{{{{{kind}{name}}}}}{inside}{{{{/ {name} }}}}"


TEMPLATES = st.recursive(
    st.one_of(LITERALS, TAGS),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4).map("".join),
        st.builds(section, st.sampled_from("#^"), SECTIONS, inner),
    ),
    max_leaves=12,
)


@settings(deadline=None)
@given(TEMPLATES)
def test_a_mustache_template_says_what_it_says_in_langchain(text: str) -> None:
    for name in ("people", "langs"):  # theirs takes the end of one of the two for that of the other
        assume(f"{{{{#{name}}}}}" not in text or f"{{{{^{name}}}}}" not in text)
    # the line at the end is one of its own: theirs keeps the blanks after a last tag that stands alone
    template = from_mustache(f"{text}\n.", escaped=True)
    values = {name: VALUES[name] for name in template.takes}
    assert template.render(values) == their_render(f"{text}\n.", VALUES)


def test_both_want_the_same_values() -> None:
    text = "{{a}}{{#b}}{{c}}{{#d}}x{{/d}}{{/b}}{{^e.f}}x{{/e.f}}{{! g }}{{{h.i}}}"
    theirs = TheirTemplate.from_template(text, template_format="mustache")
    assert PromptTemplate(from_mustache(text)).variables == set(theirs.input_variables)
