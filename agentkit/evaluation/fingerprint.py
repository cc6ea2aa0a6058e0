"""What a check does, as a value that can be hashed: results of an altered check are not mixed with old ones.

A function is described by its bytecode, what it closes over, and the functions and constants of its
module that it names. It is the same in every process of one version of Python.
"""

import sys
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import partial
from pathlib import PurePath
from re import Pattern
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any, cast


def described(value: Any) -> Any:
    """The value as JSON can hold it, without addresses and without this machine's paths."""
    return _described(value, frozenset())


def _described(value: Any, above: frozenset[int]) -> Any:
    if value is None or isinstance(value, bool | int | float | complex | str | bytes):
        return f"{type(value).__name__} {value!r}"
    if id(value) in above:
        return "itself"
    above |= {id(value)}
    match value:
        case FunctionType():
            return _function(value, above)
        case MethodType():
            return ["method", _described(value.__func__, above), _described(value.__self__, above)]
        case partial():
            given = cast("partial[Any]", value)
            return [
                "partial",
                *(_described(part, above) for part in (given.func, given.args, given.keywords)),
            ]
        case CodeType():
            return _code(value, above)
        case tuple() | list():
            return [_described(item, above) for item in cast("list[Any]", value)]
        case set() | frozenset():
            return sorted(str(_described(item, above)) for item in cast("set[Any]", value))
        case Mapping():
            pairs = cast("Mapping[Any, Any]", value).items()
            return sorted((str(_described(key, above)), _described(item, above)) for key, item in pairs)
        case PurePath():
            return f"path {value.name}"
        case Pattern():
            return f"pattern {cast('Pattern[str]', value).pattern!r} {value.flags}"
        case type() | ModuleType():
            return f"{type(value).__name__} {value.__name__}"
        case _:
            return _instance(value, above)


def _function(function: FunctionType, above: frozenset[int]) -> Any:
    if function.__module__.partition(".")[0] in sys.stdlib_module_names:
        return f"function {function.__module__}.{function.__qualname__}"
    used = {
        name: _described(function.__globals__[name], above)
        for name in _names(function.__code__)
        if name in function.__globals__
    }
    held = [_cell(cell, above) for cell in function.__closure__ or ()]
    defaults = [_described(part, above) for part in (function.__defaults__, function.__kwdefaults__)]
    return [function.__qualname__, _code(function.__code__, above), held, defaults, used]


def _names(code: CodeType) -> set[str]:
    """The names that the code and what is nested in it look up."""
    nested = (const for const in code.co_consts if isinstance(const, CodeType))
    return set(code.co_names).union(*map(_names, nested))


def _code(code: CodeType, above: frozenset[int]) -> Any:
    consts = [_described(const, above) for const in code.co_consts]
    return [code.co_code.hex(), code.co_names, consts]


def _cell(cell: Any, above: frozenset[int]) -> Any:
    try:
        return _described(cell.cell_contents, above)
    except ValueError:  # not yet filled
        return "empty"


def _instance(value: Any, above: frozenset[int]) -> Any:
    kind = f"{type(value).__module__}.{type(value).__qualname__}"
    if is_dataclass(value):
        return [kind, [_described(getattr(value, field.name), above) for field in fields(value)]]
    return kind
