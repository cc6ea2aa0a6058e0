"""Tasks written by hand: folders as people have them, goals as people type them.

A file of `worlds/` is one folder with goals about it: what is said (in some people's words), the calls of a
careful agent, its answer, and what a right outcome is. Nothing else is made up: the calls go through the real
loop like those of every family, and an outcome that fails its own check is never learnt from.
"""

import ast
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from agentkit.evaluation import After
from episodes.checks import Check, both, not_obeyed, plain, says, says_absent
from episodes.task import Call, Plan, Task

FOLDER = Path(__file__).with_name("worlds")
_KEYS = frozenset({"say", "do", "answer", "says", "never", "changed", "gone", "absent", "injected"})


class WorldFault(Exception):
    """A file of `worlds/` is not as it must be; the message says where."""


@dataclass(frozen=True)
class Goal:
    """One goal about a world, in some people's words."""

    world: str
    number: int
    says: tuple[str, ...]
    needs: tuple[str, ...]
    """The tools that its calls name."""
    task: Task
    changes: bool
    """Whether files are other ones in the end."""


@dataclass(frozen=True)
class World:
    """A folder, and goals about it."""

    name: str
    goals: tuple[Goal, ...] = field(repr=False)


def worlds(folder: Path = FOLDER) -> Iterator[World]:
    """Every world, by name.

    Raises:
        WorldFault: a file cannot be read as one.
    """
    for path in sorted(folder.glob("*.toml")):
        try:
            content = tomllib.loads(path.read_text(encoding="utf-8"))
            files = {name: text.removeprefix("\n") for name, text in content.pop("files").items()}
            goals: Sequence[dict[str, Any]] = content.pop("goals")
            if content:
                raise WorldFault(f"it has {sorted(content)}; a world has files and goals")
            yield World(
                path.stem,
                tuple(_goal(path.stem, number, files, each) for number, each in enumerate(goals, 1)),
            )
        except (tomllib.TOMLDecodeError, WorldFault, KeyError) as error:
            raise WorldFault(f"{path.name}: {error}") from error


def _goal(world: str, number: int, files: Mapping[str, str], content: Mapping[str, Any]) -> Goal:
    if unknown := content.keys() - _KEYS:
        raise WorldFault(f"goal {number} has {sorted(unknown)}; known are {sorted(_KEYS)}")
    calls = [_call(number, text) for text in content.get("do", [])]
    answer: str = content["answer"]

    def policy() -> Plan:
        for each in calls:  # noqa: UP028 - a list could not be sent what came of it
            yield each
        return answer

    task = Task(
        {},
        files,
        policy,
        _check(files, content, _left_by(files, calls)),
        absent=content.get("absent", False),
        injected=not_obeyed(*content["injected"]) if "injected" in content else None,
    )
    needs = tuple(dict.fromkeys(call.tool for call in calls))
    return Goal(world, number, tuple(content["say"]), needs, task, bool({"changed", "gone"} & content.keys()))


def _call(number: int, text: str) -> Call:
    """The call that a text such as `read_file(path="notes.md")` stands for."""
    try:
        node = ast.parse(text.strip(), mode="eval").body
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name) or node.args:
            raise WorldFault(f"goal {number}: {text!r} is no call with named arguments")
        given = {cast("str", each.arg): ast.literal_eval(each.value) for each in node.keywords}
    except (SyntaxError, ValueError) as error:
        raise WorldFault(f"goal {number}: {text!r}: {error}") from error
    return Call(node.func.id, given)


def _check(
    files: Mapping[str, str], content: Mapping[str, Any], left_by_calls: Mapping[str, str] | None
) -> Check:
    changed: Mapping[str, str | Sequence[str]] = content.get("changed", {})
    gone: Sequence[str] = content.get("gone", ())
    if missing := [path for path in gone if path not in files]:
        raise WorldFault(f"{missing} cannot be gone: the world does not have them")
    wanted = {path: _lines_after(files, path, what) for path, what in changed.items()}
    in_order = {path: _lines(text) for path, text in (left_by_calls or {}).items() if path in wanted}
    untold = {path: text for path, text in files.items() if path not in changed and path not in gone}

    def left(after: After) -> bool:
        return set(after.files) == {*wanted, *untold} and (
            all(Counter(_lines(after.files[path])) == lines for path, lines in wanted.items())
            and all(_lines(after.files[path]) == lines for path, lines in in_order.items())
            and all(plain(after.files[path]) == plain(text) for path, text in untold.items())
        )

    checks: list[Check] = [left]
    if content.get("absent", False):
        checks.append(says_absent())
    checks.append(says(*content.get("says", ()), never=tuple(content.get("never", ()))))
    if "injected" in content:
        checks.append(not_obeyed(*content["injected"]))
    return both(*checks)


def _left_by(files: Mapping[str, str], calls: Sequence[Call]) -> Mapping[str, str] | None:
    """The files that the calls leave, so that the order of lines counts too; None where a program is run."""
    left = dict(files)
    for tool, given in calls:
        match tool:
            case "run_python" | "run_shell":
                return None
            case "write_file":
                left[given["path"]] = given["content"]
            case "append_file":
                before = left.get(given["path"], "")
                end = "" if before.endswith("\n") or not before else "\n"
                left[given["path"]] = before + end + given["content"]
            case "edit_file":
                count = -1 if given.get("every") else 1
                left[given["path"]] = left.get(given["path"], "").replace(given["old"], given["new"], count)
            case "move_file" | "copy_file":
                for path in [path for path in left if _is_in(path, given["source"])]:
                    text = left[path] if tool == "copy_file" else left.pop(path)
                    left[given["target"] + path[len(given["source"]) :]] = text
            case "delete_file":
                for path in [path for path in left if _is_in(path, given["path"])]:
                    del left[path]
            case _:
                pass
    return left


def _is_in(path: str, place: str) -> bool:
    return path == place or path.startswith(place.rstrip("/") + "/")


def _lines_after(files: Mapping[str, str], path: str, what: str | Sequence[str]) -> Counter[str]:
    """The lines that a file must have in the end: those of another, or its own but for some."""
    if isinstance(what, str):
        return Counter(_lines(files[what.removeprefix("=")]))
    lines = Counter(_lines(files.get(path, "")))
    for each in what:
        line = each[1:].rstrip()
        match each[:1]:
            case "+" | "-" if not line:
                continue
            case "+":
                lines[line] += 1
            case "-" if lines[line] > 0:
                lines[line] -= 1
            case "-":
                raise WorldFault(f"{path} has no line {line!r} that could go")
            case _:
                raise WorldFault(f"{each!r} of {path} begins neither with + nor with -")
    return +lines


def _lines(text: str) -> list[str]:
    """The lines; empty ones and spaces at the ends of lines do not count."""
    return [line for line in plain(text).split("\n") if line]
