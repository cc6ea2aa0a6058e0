"""The documentation is run: its code, its commands, its settings, and the paths it names.

Blocks of a file are run in order, in one copy of `examples/notes`, by their language:

- `python`: executed; where it is written with `>>>`, what it prints is compared.
- `console`: each `$ command` is run and what follows it is compared; `…` stands for anything.
- `sh`: run as a script that must succeed; lines that call make are run as `make -n`, a dry run.
- `toml`: must be settings that can be read, when it begins with a comment that names a settings file.
- `text` and `json`: shown only.

`<!-- answers: NAME -->` above a block gives the commands or the code in it the scripted model
`tests/docs/NAME.jsonl`. `<!-- server: NAME -->` starts a server of that character
(`tests/servers/characters.py`) for each command, at the address in OPENAI_BASE_URL.
`<!-- not run: why -->` leaves a block out.
"""

import doctest
import importlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
from collections.abc import Iterator
from contextlib import chdir, contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from agentkit.settings import load_settings

ROOT = Path(__file__).parents[1]
DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted(ROOT.glob("docs/**/*.md"))]
PACKAGE_FOLDERS = ("agentkit", "tools/agentkit_tools", "local_models/agentkit_local_models")

MOST_NOT_RUN = 0
"""Blocks that are marked as not run, over all documents; this number only ever falls."""

BLOCK = re.compile(
    r"(?P<marks>(?:<!--[^\n]*-->\n+)*)^```(?P<language>\w*)[^\n]*\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
MARK = re.compile(r"<!-- (answers|server|not run): (.*?) -->")


@dataclass(frozen=True)
class Block:
    language: str
    text: str
    line: int
    marks: dict[str, str]


def blocks(document: Path) -> Iterator[Block]:
    content = document.read_text(encoding="utf-8")
    for match in BLOCK.finditer(content):
        line = content.count("\n", 0, match.start("text"))
        yield Block(match["language"], match["text"], line, dict(MARK.findall(match["marks"])))


def named(document: Path) -> str:
    return str(document.relative_to(ROOT))


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_the_blocks_of_a_document_run(document: Path, tmp_path: Path) -> None:
    place = shutil.copytree(ROOT / "examples/notes", tmp_path / "notes")
    namespace: dict[str, Any] = {"__name__": "documentation"}
    for block in blocks(document):
        where = f"{named(document)}, line {block.line}"
        if "not run" in block.marks:
            continue
        match block.language:
            case "python":
                run_python(block, namespace, place, where)
            case "console":
                run_console(block, place, where)
            case "sh":
                run_script(block, place, where)
            case "toml":
                read_settings(block.text)
            case "text" | "json":
                pass
            case other:
                pytest.fail(
                    f"{where}: a block of {other or 'no language'}; say python, console, sh, toml or text"
                )


def test_few_blocks_are_not_run() -> None:
    left_out = [
        f"{named(document)}, line {block.line}: {block.marks['not run']}"
        for document in DOCUMENTS
        for block in blocks(document)
        if "not run" in block.marks
    ]
    assert len(left_out) == MOST_NOT_RUN, left_out


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_the_links_of_a_document_lead_somewhere(document: Path) -> None:
    targets = re.findall(r"\]\(([^)#\s]+)", document.read_text(encoding="utf-8"))
    lost = [t for t in targets if "://" not in t and not (document.parent / t).exists()]
    assert lost == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_the_files_a_document_names_are_there(document: Path) -> None:
    """Paths of code in backticks start from the root or from `agentkit/`."""
    names = re.findall(r"`((?:[\w.-]+/)+[\w.-]*|(?:[\w.-]+/)*\w+\.py)`", document.read_text(encoding="utf-8"))
    tops = {path.name for folder in (ROOT, ROOT / "agentkit") for path in folder.iterdir()}
    ours = {name for name in names if name.split("/")[0] in tops}
    assert {
        name for name in ours if not any((top / name).exists() for top in (ROOT, ROOT / "agentkit"))
    } == set()


def modules() -> Iterator[str]:
    for folder in PACKAGE_FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            if ">>> " in path.read_text(encoding="utf-8"):
                parts = path.relative_to((ROOT / folder).parent).with_suffix("").parts
                yield ".".join(part for part in parts if part != "__init__")


@pytest.mark.parametrize("module", list(modules()))
def test_the_examples_in_a_module_are_true(module: str) -> None:
    out = io.StringIO()
    with redirect_stdout(out):
        failed, _ = doctest.testmod(importlib.import_module(module), optionflags=doctest.ELLIPSIS)
    assert not failed, out.getvalue()


def run_python(block: Block, namespace: dict[str, Any], place: Path, where: str) -> None:
    with chdir(place), pytest.MonkeyPatch.context() as patch:
        if answers := block.marks.get("answers"):
            patch.setenv("AGENTKIT_MODEL", f"scripted:{ROOT / 'tests/docs' / answers}.jsonl")
        if ">>> " not in block.text:
            exec(compile("\n" * block.line + block.text, where, "exec"), namespace)
            return
        test = doctest.DocTestParser().get_doctest(block.text, namespace, where, where, block.line)
        out = io.StringIO()
        failed, _ = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(
            test, out=out.write, clear_globs=False
        )
        namespace.update(test.globs)
    assert not failed, out.getvalue()


def run_console(block: Block, place: Path, where: str) -> None:
    for session in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
        command, _, shown = session.partition("\n")
        done = run(command, place, block)
        assert shown.strip() or done.returncode == 0, f"{where}: {command}\n{done.stdout}"
        if shown.strip():
            assert re.fullmatch(pattern(shown), done.stdout.strip(), re.DOTALL), (
                f"{where}: {command}\nshown:\n{shown}\nfound:\n{done.stdout}"
            )


def run_script(block: Block, place: Path, where: str) -> None:
    script = re.sub(r"^make\b", f"make --dry-run -C '{ROOT}'", block.text, flags=re.MULTILINE)
    done = run("set -e\n" + script, place, block)
    assert done.returncode == 0, f"{where}:\n{done.stdout}"


def run(script: str, place: Path, block: Block) -> subprocess.CompletedProcess[str]:
    environ = {
        **os.environ,
        "AGENTKIT_EMBEDDINGS": "none",
        "PATH": sysconfig.get_path("scripts") + os.pathsep + os.environ["PATH"],
    }
    # a command is run as a person runs it, not as part of the make that runs this test
    environ = {
        name: value for name, value in environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")
    }
    if answers := block.marks.get("answers"):
        environ["AGENTKIT_MODEL"] = f"scripted:{ROOT / 'tests/docs' / answers}.jsonl"
    with served(block.marks.get("server")) as url:
        if url is not None:
            environ["OPENAI_BASE_URL"] = url
        return subprocess.run(
            ["/bin/sh", "-c", script], cwd=place, env=environ, text=True, timeout=60,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
        )  # fmt: skip


@contextmanager
def served(character: str | None) -> Iterator[str | None]:
    """The address of a server of this character, while the block lasts."""
    if character is None:
        yield None
        return
    program = [sys.executable, ROOT / "tests/servers/openai_server.py", "--character", character]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            yield server.stdout.readline().strip()
        finally:
            server.terminate()


def pattern(shown: str) -> str:
    """What is shown as a pattern: `…` is anything in a line, and alone on a line any lines."""
    lines = [r"(.*)" if line.strip() == "…" else r"[^\n]*".join(map(re.escape, line.split("…")))
             for line in shown.strip().split("\n")]  # fmt: skip
    return "\n".join(lines)


def read_settings(text: str) -> None:
    tomllib.loads(text)
    first = text.split("\n", 1)[0]
    files = {
        "config.toml": Path("/config/agentkit/config.toml"),
        "agentkit.toml": Path("/project/agentkit.toml"),
    }
    for name, path in files.items():
        if first.startswith("#") and name in first:
            environ = {"HOME": "/home", "XDG_CONFIG_HOME": "/config"}
            load_settings({}, environ, Path("/project"), {path: text}.get)


def test_the_readme_says_the_figures_that_are_kept_and_their_processor() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    rows = {row.split("|")[1].strip(): row for row in text.splitlines() if row.startswith("| ")}
    kept = {
        name: json.loads((ROOT / f"benchmarks/results/{name}.json").read_text())
        for name in ("journal", "sandbox")
    }
    cost = kept["journal"]["figures"]["append_us"]["cpu_median"]
    spent = kept["sandbox"]["as a user"]["median_ms"]
    event, command = rows["a small event in the journal"], rows["a command in the sandbox"]
    assert f"| {cost:.0f} µs CPU |" in event
    assert (
        f"| {spent['bubblewrap']:.0f} ms in bubblewrap, {spent['landlock']:.0f} ms behind Landlock |"
        in command
    )
    assert f"| {spent['bare']:.0f} ms bare" in command
    for row, machine in ((event, kept["journal"]["machine"]), (command, kept["sandbox"]["machine"])):
        processor = machine.get("processor") or machine.get("cpu") or "its processor was not recorded"
        assert ("Intel" in processor and "Xeon" in processor) or processor in row
