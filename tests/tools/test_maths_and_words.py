import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from agentkit.core.errors import PromptError, ToolFault
from agentkit_tools.maths import calculate, statistics
from agentkit_tools.units import _UNITS, convert_units
from agentkit_tools.words import decode_text, encode_text, fill_template, regex_replace, regex_search

# --- expressions


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        ("2 * (3 + 4) ** 2", "98"),
        ("0.1 + 0.2", "0.3"),
        ("-7 // 2", "-4"),
        ("2 ^ 10", "1024"),
        ("sqrt(2) * sqrt(2)", "2"),
        ("max(1, 2.5, 2)", "2.5"),
        ("1 / 3 > 0.33", "True"),
        ("factorial(20)", "2432902008176640000"),
        ("round(pi, 4)", "3.1416"),
        ("7 % 3", "1"),
    ],
)
def test_an_expression_is_computed(expression: str, found: str) -> None:
    assert calculate(expression) == found


@pytest.mark.parametrize(
    "expression",
    [
        "__import__('os').system('id')",
        "().__class__.__bases__[0].__subclasses__()",
        "[x for x in (1,)]",
        "lambda: 1",
        "'a' * 10",
        "open('a')",
        "sqrt.__class__",
        "(1).real",
        "f'{1}'",
        "x := 1",
        "max(*[1, 2])",
        "round(1, ndigits=1)",
        "",
        "1 +",
    ],
)
def test_what_is_no_arithmetic_is_refused(expression: str) -> None:
    with pytest.raises(ToolFault):
        calculate(expression)


@pytest.mark.parametrize(
    "expression",
    [
        "9 ** 9 ** 9",
        "factorial(10 ** 9)",
        "comb(10000, 5000) ** 1000",
        "factorial(9999)",
        "(2 ** 9999) * (2 ** 9999)",
        "1e308 * 10 - 1e308 * 10 + factorial(99999)",
        "(" * 400 + ")" * 400,
        "1" * 1001,
        "9" * 999 + "**9999",
        "-2 ** 0.5 * sqrt(-1)",
    ],
)
def test_what_grows_without_end_is_refused_at_once(expression: str) -> None:
    with pytest.raises(ToolFault):
        calculate(expression)


def test_a_name_that_is_not_known_is_answered_with_what_is() -> None:
    with pytest.raises(ToolFault, match="sqrtt is not known here; there is sqrt"):
        calculate("sqrtt(2)")


@given(
    st.integers(-(10**9), 10**9), st.integers(-(10**9), 10**9), st.sampled_from(["+", "-", "*", "//", "%"])
)
def test_whole_numbers_are_exact(first: int, second: int, sign: str) -> None:
    assume(second or sign not in ("//", "%"))
    assert calculate(f"({first}) {sign} ({second})") == str(eval(f"({first}) {sign} ({second})"))


# --- numbers and units


def test_a_list_of_numbers_is_told() -> None:
    told = statistics([1, 2, 2, 5])
    assert told.splitlines()[:4] == ["count: 4", "sum: 10", "mean: 2.5", "median: 2"]
    assert told.endswith("mode: 2")
    with pytest.raises(ToolFault, match="the list is empty"):
        statistics([])
    with pytest.raises(ToolFault, match="no number"):
        statistics([math.nan])


@pytest.mark.parametrize(
    ("value", "first", "second", "found"),
    [
        (1, "mi", "km", "1.609344 km"),
        (212, "F", "celsius", "100 °C"),
        (0, "K", "°F", "-459.67 °F"),
        (1, "MiB", "kB", "1048.576 kB"),
        (1, "kWh", "MJ", "3.6 MJ"),
        (2, "Feet", "inches", "24 in"),
        (90, "km/h", "m/s", "25 m/s"),
    ],
)
def test_units_are_converted(value: float, first: str, second: str, found: str) -> None:
    assert convert_units(value, first, second).endswith(f"= {found}")


def test_units_that_do_not_go_together_are_said() -> None:
    with pytest.raises(ToolFault, match="kg is a mass and m is a length"):
        convert_units(1, "kg", "m")
    with pytest.raises(ToolFault, match="there is no unit 'kgg'"):
        convert_units(1, "kgg", "m")


@given(
    st.sampled_from([(a, b) for units in _UNITS.values() for a in units for b in units]), st.floats(1e-3, 1e6)
)
def test_there_and_back_is_the_same(pair: tuple[str, str], value: float) -> None:
    there = float(convert_units(value, *pair).split(" = ")[1].split()[0])
    back = float(convert_units(there, pair[1], pair[0]).split(" = ")[1].split()[0])
    assert math.isclose(back, value, rel_tol=1e-6, abs_tol=1e-6)


# --- words


def test_matches_are_told_with_their_groups() -> None:
    assert regex_search("a=1, b=2", r"(\w)=(\d)") == "0-3: 'a=1' (1='a', 2='1')\n5-8: 'b=2' (1='b', 2='2')"
    assert regex_search("x", r"(?P<letter>x)") == "0-1: 'x' (letter='x')"
    assert regex_search("x", "y") == "nothing matches"
    assert regex_search("x" * 500, "x").endswith("[only the first 200 are shown]")


def test_matches_are_replaced() -> None:
    assert regex_replace("a-b-c", r"(\w)-", r"\1+") == "a+b+c"
    assert regex_replace("a-b-c", "-", "", count=1) == "ab-c"
    with pytest.raises(ToolFault, match="the replacement cannot be used"):
        regex_replace("a", "a", r"\2")
    with pytest.raises(ToolFault, match="is no regular expression"):
        regex_search("a", "(")


def test_a_pattern_that_never_ends_is_left(monkeypatch) -> None:
    monkeypatch.setattr("agentkit_tools.words.SECONDS", 0.2)
    for run in (regex_search, lambda text, pattern: regex_replace(text, pattern, "")):
        with pytest.raises(ToolFault, match="took more than"):
            run("a" * 60 + "!", r"^(a|a|aa)+$")


ENCODINGS = st.sampled_from(["base64", "url", "html", "hex"])


@given(st.text(), ENCODINGS)
def test_what_is_encoded_is_decoded_again(text: str, encoding: str) -> None:
    assert decode_text(encode_text(text, encoding), encoding) == text


@pytest.mark.parametrize(
    ("text", "encoding"), [("*", "base64"), ("abc", "hex"), ("ff", "hex"), ("%ff", "url")]
)
def test_what_is_not_so_encoded_is_said(text: str, encoding: str) -> None:
    with pytest.raises(ToolFault):
        decode_text(text, encoding)


def test_a_template_wants_every_name_and_no_other() -> None:
    assert fill_template("Dear {name}, {{x}}", {"name": "Ada"}) == "Dear Ada, {x}"
    with pytest.raises(PromptError, match="needs name and was not given it"):
        fill_template("{name}", {})
    with pytest.raises(PromptError, match="no place for other"):
        fill_template("{name}", {"name": "a", "other": "b"})
