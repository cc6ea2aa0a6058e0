import pytest

from agentkit.core.errors import SandboxUnavailable, ToolFault
from agentkit.tooling.sandbox import Finished, find_sandbox, python
from agentkit_tools.code import run_python, run_shell

# --- what is asked of the sandbox, and what is made of its answer


async def test_code_runs_isolated_from_what_lies_in_the_workspace(world) -> None:
    world.sandbox.finished = Finished(0, None, b"4\n", 0.1)
    assert await run_python("print(2 + 2)", world.context) == "4"
    (argv, workspace, _, stdin) = world.sandbox.asked[0]
    assert argv[:5] == [str(python()), "-I", "-u", "-B", "-c"]
    assert (workspace, stdin) == (world.root, b"print(2 + 2)")


async def test_a_fence_around_the_code_is_taken_off(world) -> None:
    await run_python("```python\nprint(1)\n```", world.context)
    assert world.sandbox.asked[0][3] == b"print(1)"


async def test_output_is_shown_while_it_comes(world) -> None:
    world.sandbox.chunks = (b"caf\xc3", b"\xa9\n", b"\xff")
    await run_shell("true", world.context)
    assert "".join(world.printed) == "café\n\ufffd"


@pytest.mark.parametrize(
    ("finished", "words"),
    [
        (Finished(1, None, b"oops\n", 0.1), r"^oops\n\[exit status 1\]$"),
        (Finished(1, None, b"", 0.1), r"^\[no output; exit status 1\]$"),
        (Finished(-9, None, b"", 0.1), "killed by signal 9"),
        (Finished(None, "wall", b"half\n", 60), r"^half\n\[stopped: it took more than 60 seconds\]$"),
        (Finished(None, "memory", b"", 1), "stopped: it used more than 2,147 MB of memory"),
        (Finished(None, "processes", b"", 1), "started more than 256 processes"),
        (Finished(None, "disk", b"", 1), "wrote more than"),
        (Finished(None, "output", b"", 1), "printed more than 1,000,000 bytes"),
        (Finished(None, "idle", b"", 1), "printed nothing for too long"),
    ],
)
async def test_a_bad_end_is_a_fault_that_keeps_the_output(world, finished, words) -> None:
    world.sandbox.finished = finished
    with pytest.raises(ToolFault, match=words):
        await run_shell("anything", world.context)


async def test_a_silent_command_is_said_to_be_silent(world) -> None:
    assert await run_shell("true", world.context) == "[it ran and printed nothing]"


async def test_no_command_outlives_the_run(world) -> None:
    await run_shell("true", world.with_(seconds_left=7.5))
    await run_shell("true", world.context, 30)
    assert [asked[2].wall_seconds for asked in world.sandbox.asked] == [7.5, 30]
    with pytest.raises(ToolFault, match="time is used up; nothing was started"):
        await run_python("1", world.with_(seconds_left=0))


@pytest.mark.parametrize(
    ("command", "seconds", "words"),
    [(" ", 60, "the command is empty"), ("a\0b", 60, "zero byte"), ("true", 0, "can be 1 to 600, not 0")],
)
async def test_what_cannot_run_is_told(world, command, seconds, words) -> None:
    with pytest.raises(ToolFault, match=words):
        await run_shell(command, world.context, seconds)


# --- in the real sandbox


@pytest.fixture
def real(world, missing):
    try:
        sandbox = find_sandbox()
    except SandboxUnavailable as error:
        missing(str(error))
    return world.with_(sandbox=lambda: sandbox)


async def test_what_is_printed_is_the_result(real, world) -> None:
    world.write("prices.csv", "item,price\ntea,2.50\nmilk,1.20\n")
    code = "import csv\nprint(sum(float(row['price']) for row in csv.DictReader(open('prices.csv'))))"
    assert await run_python(code, real) == "3.7"


@pytest.mark.parametrize(
    ("code", "shown"),
    [
        ("2 + 2", "4"),
        ("x = [1, 2]\nsum(x)", "3"),
        ("'text'", "text"),
        ("print('said')\n'not shown'", "said"),
        ("None", "[it ran and printed nothing]"),
        ("", "[it ran and printed nothing]"),
        ("x = 1", "[it ran and printed nothing]"),
        ("def f():\n    return 1\nif __name__ == '__main__':\n    print(f())", "1"),
        ("print('\\ud800é')", "\\ud800é"),
        ("import sys\nsys.exit()", "[it ran and printed nothing]"),
    ],
)
async def test_the_last_value_is_shown_if_nothing_was_printed(real, code, shown) -> None:
    assert await run_python(code, real) == shown


async def test_a_traceback_has_only_the_codes_own_lines(real) -> None:
    with pytest.raises(ToolFault) as told:
        await run_python("def f():\n    return 1 / 0\nf()", real)
    assert str(told.value) == (
        "Traceback (most recent call last):\n"
        '  File "<code>", line 3, in <module>\n    f()\n'
        '  File "<code>", line 2, in f\n    return 1 / 0\n           ~~^~~\n'
        "ZeroDivisionError: division by zero\n[exit status 1]"
    )


async def test_a_syntax_error_shows_the_line(real) -> None:
    with pytest.raises(ToolFault, match=r'File "<code>", line 1\n    print\(\n.*\nSyntaxError'):
        await run_python("print(", real)


async def test_the_workspace_can_be_imported_but_shadows_nothing(real, world) -> None:
    world.write("json.py", "raise RuntimeError('shadowed')")
    world.write("stats.py", "def spread(xs):\n    return max(xs) - min(xs)")
    assert await run_python("import json, stats\njson.dumps(stats.spread([1, 5]))", real) == "4"
    assert [path.name for path in sorted(world.root.iterdir())] == ["json.py", "stats.py"]


async def test_a_shell_command_works_in_the_folder(real, world) -> None:
    world.write("a.txt", "one\ntwo\n")
    assert await run_shell("wc -l < a.txt; echo made > b.txt", real) == "2"
    assert world.read("b.txt") == b"made\n"
    with pytest.raises(ToolFault, match=r"exit status 3\]"):
        await run_shell("exit 3", real)
