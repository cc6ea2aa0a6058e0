import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentkit.core.errors import ToolFault
from agentkit_tools.data import aggregate_csv, filter_csv, query_json

PEOPLE = {"users": [{"name": "Ada", "n": 1}, {"name": "Bob", "n": 2}], "a key": {"x": None}}
TABLE = "name,city,n\nAda,London,36\nBob,Paris,7\nCy,London,\n"


@pytest.fixture
def files(world):
    world.write("p.json", json.dumps(PEOPLE))
    world.write("l.jsonl", '{"a": 1}\n\n{"a": 2}\n')
    world.write("t.csv", TABLE)
    return world


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("users[0].name", "Ada"),
        ("$.users[-1].n", 2),
        ("users[*].name", ["Ada", "Bob"]),
        ("users[*]", PEOPLE["users"]),
        ('["a key"].x', None),
        ("users[0].*", ["Ada", 1]),
        ("", PEOPLE),
    ],
)
def test_a_query_finds_its_part(files, query: str, found: object) -> None:
    assert json.loads(query_json("p.json", files.context, query)) == found


def test_the_lines_of_a_file_are_a_list(files) -> None:
    assert json.loads(query_json("l.jsonl", files.context, "[*].a")) == [1, 2]


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ("usrs", "in 'usrs' there is no 'usrs'; there is users"),
        ("users[5]", r"there is no \[5\]: the list has 2 items"),
        ("users.name", "'name' stands where there is a list, and not an object"),
        ("users[0].n[0]", r"\[0\] stands where there is the value 1"),
        ("users[0].n.*", "where there is the value 1"),
        ("users]", r"cannot be read at '\]'"),
    ],
)
def test_a_query_that_finds_nothing_names_what_is_there(files, query: str, why: str) -> None:
    with pytest.raises(ToolFault, match=why):
        query_json("p.json", files.context, query)


def test_what_is_no_json_is_said(files) -> None:
    with pytest.raises(ToolFault, match=r'"t\.csv" is no JSON'):
        query_json("t.csv", files.context)
    files.write("deep.json", "[" * 100_000)
    with pytest.raises(ToolFault):
        query_json("deep.json", files.context)


@pytest.mark.parametrize(
    ("comparison", "value", "names"),
    [
        ("eq", "36.0", ["Ada"]),
        ("gt", "7", ["Ada"]),
        ("le", "36", ["Ada", "Bob", "Cy"]),
        ("ne", "7", ["Ada", "Cy"]),
    ],
)
def test_rows_are_filtered_by_number(files, comparison: str, value: str, names: list[str]) -> None:
    shown = filter_csv("t.csv", "n", comparison, value, files.context)
    assert [line.split()[0] for line in shown.splitlines()[1:-2]] == names
    assert shown.endswith("[of 3 rows]")


def test_rows_are_filtered_by_words(files) -> None:
    assert filter_csv("t.csv", "city", "contains", "lon", files.context) == (
        "name | city   | n\nAda  | London | 36\nCy   | London |\n[2 rows, 3 columns]\n[of 3 rows]"
    )
    with pytest.raises(ToolFault, match="has no column 'town'; it has name, city, n"):
        filter_csv("t.csv", "town", "eq", "x", files.context)


@pytest.mark.parametrize(
    ("operation", "found"), [("sum", "43"), ("avg", "21.5"), ("min", "7"), ("max", "36"), ("count", "2")]
)
def test_a_column_is_summed_up(files, operation: str, found: str) -> None:
    assert aggregate_csv("t.csv", "n", operation, files.context) == found


def test_a_column_is_summed_up_by_another(files) -> None:
    assert aggregate_csv("t.csv", "n", "count", files.context, group_by="city") == (
        "city   | count of n\nLondon | 1\nParis  | 1\n[2 rows, 2 columns]"
    )
    with pytest.raises(ToolFault, match="name holds 'Ada', which is no number"):
        aggregate_csv("t.csv", "name", "sum", files.context)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@given(value=VALUES)
def test_all_of_any_json_comes_back(tmp_path_factory, value: object) -> None:
    from agentkit.tooling.context import ToolContext
    from agentkit.tooling.workspace import Workspace

    folder = tmp_path_factory.mktemp("w")
    (folder / "v.json").write_text(json.dumps(value))
    with Workspace.open(folder) as workspace:
        shown = query_json("v.json", ToolContext(workspace, sandbox=lambda: None))  # type: ignore[arg-type,return-value]
    if "[line" not in shown:
        assert json.loads(shown) == value
