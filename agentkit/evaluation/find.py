"""A task by name: `path/to/file.py:NAME`, a `Task` or a function that returns one."""

import sys
from importlib.util import module_from_spec, spec_from_file_location
from inspect import isfunction
from pathlib import Path
from types import ModuleType
from typing import Any

from agentkit.core.errors import UsageError
from agentkit.evaluation.case import Task


def find_task(name: str) -> Task:
    """The task that `name` stands for; the name after the colon may be left out where a file holds one.

    The file is run as Python runs a script: what lies beside it can be imported.

    Raises:
        UsageError: there is no such file or task, or the file cannot be run.
    """
    file, _, attribute = name.partition(":")
    path = Path(file).expanduser()
    if path.suffix != ".py" or not path.is_file():
        raise UsageError(f"no file of tasks {file!r}; name one as path/to/file.py:NAME")
    module = _loaded(path.resolve())
    if attribute:
        return _task(module, attribute, path)
    tasks = [name for name, value in vars(module).items() if isinstance(value, Task)]
    if len(tasks) != 1:
        raise UsageError(f"say which task of {path}: {path}:NAME{_known(module)}")
    return _task(module, tasks[0], path)


def _loaded(path: Path) -> ModuleType:
    name = f"agentkit_task_{path.stem}"
    spec = spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[name] = module  # where dataclasses look their module up
    if str(path.parent) not in sys.path:
        sys.path.insert(0, str(path.parent))
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise UsageError(
            f"{path}, line {_line(error, path)}, cannot be run: {type(error).__name__}: {error}"
        ) from error
    return module


def _task(module: ModuleType, name: str, path: Path) -> Task:
    value: Any = getattr(module, name, None)
    if value is None:
        raise UsageError(f"{path} holds no {name!r}{_known(module)}")
    if isfunction(value):
        try:
            value = value()
        except Exception as error:
            raise UsageError(f"{path}:{name} cannot be made: {type(error).__name__}: {error}") from error
    if not isinstance(value, Task):
        raise UsageError(f"{path}:{name} is a {type(value).__name__} and no Task{_known(module)}")
    return value


def _known(module: ModuleType) -> str:
    """The tasks of a file: those it holds, and its functions that say that they return one."""
    names = [
        name
        for name, value in vars(module).items()
        if isinstance(value, Task)
        or (isfunction(value) and value.__annotations__.get("return") in (Task, "Task"))
    ]
    return f"; it holds {', '.join(names)}" if names else ""


def _line(error: BaseException, path: Path) -> int:
    """Where in the file it went wrong."""
    lines = [error.lineno or 0] if isinstance(error, SyntaxError) else []
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(path):
            lines.append(trace.tb_lineno)
        trace = trace.tb_next
    return lines[-1] if lines else 1
