"""Checks of code that an agent wrote: it is called in the sandbox, and what it gave is judged here."""

import asyncio
import json
import secrets
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from agentkit.evaluation import After, Score
from agentkit.evaluation.folders import fill
from agentkit.tooling.sandbox import Limits, find_sandbox, python

LIMITS = Limits(wall_seconds=20.0, output_bytes=100_000)
"""Of one command; what is asked for takes some tenths of a second."""

SUMS = (
    ([2, 7, 11, 15], 20, [0, 1, 2]),
    ([4, 20, 9, 33, 70, 2], 15, [0, 2, 5]),
    ([-5, 8, 3, 12, 40], 10, [0, 2, 3]),
    ([5, 2, 8, 1], 15, [0, 1, 2]),  # 5 + 5 + 5 uses an element three times
    ([30, 3, 9, 3, 1], 7, [1, 3, 4]),  # 3 is there twice, and may be used twice
)
"""Numbers, the sum that three of them make, and at which indices they are: the only ones."""

_CALLS_THREE_SUM = """
import json, sys
mark, sums = json.load(sys.stdin)
from sample_code import three_sum
print("\\n" + mark + json.dumps([three_sum(numbers, target) for numbers, target in sums]))
"""

SHORTEST, LONGEST = 8, 16
PASSWORDS = 20
"""How many of each length are drawn: one without a number is not seen in every draw."""

_CALLS_PASSWORD_GENERATOR = """
import json, sys
mark, lengths, refused, count = json.load(sys.stdin)
import password_generator
def refuses(length):
    try:
        password_generator.generate_password(length=length)
    except ValueError:
        return True
    return False
drawn = [[password_generator.generate_password(length=length) for _ in range(count)] for length in lengths]
print("\\n" + mark + json.dumps([drawn, [refuses(length) for length in refused]]))
"""


def three_sum(after: After) -> Score:
    """`sample_code.three_sum(numbers, target)` gives the three indices, as a list or tuple in any order."""
    given = _given(after.files, _CALLS_THREE_SUM, [(numbers, target) for numbers, target, _ in SUMS])
    if isinstance(given, Score):
        return given
    for (numbers, target, wanted), got in zip(SUMS, given, strict=True):
        if not isinstance(got, list) or sorted(map(repr, got)) != sorted(map(repr, wanted)):  # pyright: ignore[reportUnknownArgumentType]
            return Score(False, f"three_sum({numbers}, {target}) is {wanted}, not {got!r}"[:300])
    return Score(True)


def password_generator(after: After) -> Score:
    """Passwords of each length, called and from the command line; other lengths are a ValueError."""
    lengths, refused = list(range(SHORTEST, LONGEST + 1)), [SHORTEST - 1, LONGEST + 1]
    given = _given(after.files, _CALLS_PASSWORD_GENERATOR, lengths, refused, PASSWORDS)
    if isinstance(given, Score):
        return given
    drawn, refuses = given
    for length, passwords in zip(lengths, drawn, strict=True):
        if wrong := [each for each in passwords if not is_password(each, length)]:
            return Score(False, f"generate_password(length={length}) gave {wrong[0]!r}"[:300])
    for length, was_refused in zip(refused, refuses, strict=True):
        if not was_refused:
            return Score(False, f"generate_password(length={length}) raises no ValueError")
    for flags, length in ([], SHORTEST), (["--length", "12"], 12):
        status, printed = _ran(after.files, ["password_generator.py", *flags])
        if status != 0 or not any(is_password(word, length) for word in printed.split()):
            command = " ".join(["python password_generator.py", *flags])
            return Score(False, f"{command} printed no password of {length} characters: {_end(printed)}")
    return Score(True)


def is_password(value: object, length: int) -> bool:
    """Whether it is a text so long, with a letter, a number and a symbol.

    >>> is_password("abcdef1!", 8), is_password("abcdefg1", 8)
    (True, False)
    """
    if not isinstance(value, str) or len(value) != length:
        return False
    symbol = any(not each.isalnum() and not each.isspace() for each in value)
    return symbol and any(map(str.isalpha, value)) and any(map(str.isdigit, value))


def _given(files: Mapping[str, str], program: str, *order: Any) -> Any:
    """What the program says that the code gave; a `Score` where it did not get so far.

    The code runs in the same process, so its exit status says little: `sys.exit()` is one of success.
    What counts is a line that begins with a mark which the code has no reason to print.
    """
    mark = secrets.token_hex()
    status, printed = _ran(files, ["-c", program], json.dumps([mark, *order]).encode())
    _, marked, rest = printed.partition(mark)
    if status != 0 or not marked:
        return Score(False, f"the code did not run: {_end(printed)}")
    return json.loads(rest.partition("\n")[0])


def _ran(files: Mapping[str, str], arguments: list[str], stdin: bytes = b"") -> tuple[int | None, str]:
    """Python with these arguments in the sandbox, on a copy of the files: exit status and what it printed.

    Raises:
        SandboxUnavailable: nothing here can confine code; then there is no verdict.
    """
    with tempfile.TemporaryDirectory(prefix="agentkit-check-") as place:
        workspace = Path(place).resolve() / "workspace"
        fill(workspace, None, files)
        sandbox = find_sandbox()
        command = [str(python()), *arguments]
        done = asyncio.run(sandbox.run(command, workspace=workspace, limits=LIMITS, stdin=stdin))
    stopped = f"\n[stopped: {done.stopped_by}]" if done.stopped_by else ""
    return done.status, done.output.decode("utf-8", "replace") + stopped


def _end(printed: str) -> str:
    """The last line that is not empty: of a traceback, the error."""
    lines = [line for line in printed.splitlines() if line.strip()]
    return lines[-1][:200] if lines else "it printed nothing"
