"""Compute an expression, and what a list of numbers comes to."""

import ast
import math
import operator
import statistics as figures
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from agentkit.core.errors import ToolFault
from agentkit.core.tools import Effect
from agentkit.tooling.nearest import listed, nearest
from agentkit.tooling.packs import Pack
from agentkit.tooling.tool import tool
from agentkit_tools.units import convert_units, written

LONGEST = 1000
"""Characters of an expression."""
MOST_BITS = 14_000
"""Of a whole number: some 4,200 digits."""
LARGEST_ARGUMENT = 10_000
"""Of what grows as fast as a factorial."""

Number = int | float


@tool(effect=Effect.PURE)
def calculate(expression: str) -> str:
    """Compute an expression, such as 2 * (3 + 4) ** 2 or sqrt(2) / sin(pi / 3).

    Args:
        expression: Numbers, + - * / // % **, comparisons, and functions such as sqrt, log, round, max.
    """
    if len(expression) > LONGEST:
        raise ToolFault(f"the expression has {len(expression):,} characters; {LONGEST:,} are the most")
    try:
        tree = ast.parse(expression.strip().replace("^", "**"), mode="eval")
        return written(_value(tree.body))
    except SyntaxError as error:
        raise ToolFault(f"{expression!r} is no expression: {error.msg}") from None
    except RecursionError:
        raise ToolFault("the expression is nested too deeply") from None
    except ZeroDivisionError:
        raise ToolFault("that divides by zero") from None
    except (ValueError, OverflowError, TypeError) as error:
        raise ToolFault(f"that cannot be computed: {error}") from None


@tool(effect=Effect.PURE)
def statistics(numbers: Sequence[float]) -> str:
    """Tell what a list of numbers comes to: mean, median, spread, quartiles.

    Args:
        numbers: The numbers.
    """
    if not numbers:
        raise ToolFault("the list is empty")
    if not all(math.isfinite(number) for number in numbers):
        raise ToolFault("the list holds what is no number")
    found: list[tuple[str, float]] = [
        ("count", len(numbers)),
        ("sum", math.fsum(numbers)),
        ("mean", figures.fmean(numbers)),
        ("median", figures.median(numbers)),
        ("min", min(numbers)),
        ("max", max(numbers)),
    ]
    if len(numbers) > 1:
        first, _, third = figures.quantiles(numbers, n=4, method="inclusive")
        found += [("stdev", figures.stdev(numbers)), ("variance", figures.variance(numbers))]
        found += [("first quartile", first), ("third quartile", third)]
    modes = figures.multimode(numbers)
    lines = [f"{name}: {written(value)}" for name, value in found]
    if len(modes) < len(set(numbers)) or len(numbers) == 1:
        lines.append(f"mode: {', '.join(map(written, modes))}")
    return "\n".join(lines)


def _power(base: Number, exponent: Number) -> Number:
    if isinstance(base, int) and isinstance(exponent, int) and base.bit_length() * abs(exponent) > MOST_BITS:
        raise ToolFault(
            f"a number of more than {MOST_BITS:,} bits is not computed; use 2.0 for 2 to come near"
        )
    result = base**exponent
    if isinstance(result, complex):
        raise ToolFault("the result is no real number")
    return result


def _product(first: Number, second: Number) -> Number:
    bits = sum(number.bit_length() for number in (first, second) if isinstance(number, int))
    if bits > MOST_BITS:
        raise ToolFault(f"a number of more than {MOST_BITS:,} bits is not computed")
    return first * second


def _limited(function: Callable[..., Any]) -> Callable[..., Any]:
    def call(*arguments: Number) -> Number:
        if any(abs(argument) > LARGEST_ARGUMENT for argument in arguments):
            raise ToolFault(f"its arguments may be {LARGEST_ARGUMENT:,} at the most")
        result = function(*arguments)
        if isinstance(result, int) and result.bit_length() > MOST_BITS:
            raise ToolFault(f"a number of more than {MOST_BITS:,} bits is not computed")
        return result

    return call


_BINARY: Mapping[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: _product,
    ast.Div: lambda first, second: first / second,
    ast.FloorDiv: lambda first, second: first // second,
    ast.Mod: operator.mod,
    ast.Pow: _power,
}
_UNARY: Mapping[type[ast.unaryop], Callable[[Any], Any]] = {ast.UAdd: operator.pos, ast.USub: operator.neg}
_COMPARED: Mapping[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_CONSTANTS = {"pi": math.pi, "e": math.e, "tau": math.tau, "inf": math.inf}
_FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    **{
        name: getattr(math, name)
        for name in (
            "sqrt", "exp", "log", "log2", "log10", "sin", "cos", "tan", "asin", "acos", "atan", "atan2",
            "sinh", "cosh", "tanh", "degrees", "radians", "hypot", "floor", "ceil", "trunc", "gcd", "cbrt",
        )
    },
    **{name: _limited(getattr(math, name)) for name in ("factorial", "comb", "perm", "lcm")},
    "abs": abs,
    "round": round,
    "min": min,
    "max": max,
}  # fmt: skip


def _value(node: ast.expr) -> Any:
    match node:
        case ast.Constant(value=bool() | int() | float() as number):
            if isinstance(number, int) and number.bit_length() > MOST_BITS:
                raise ToolFault(f"a number of more than {MOST_BITS:,} bits is not computed")
            return number
        case ast.BinOp(left, op, right) if type(op) in _BINARY:
            return _BINARY[type(op)](_value(left), _value(right))
        case ast.UnaryOp(op, operand) if type(op) in _UNARY:
            return _UNARY[type(op)](_value(operand))
        case ast.Compare(left, [op], [right]) if type(op) in _COMPARED:
            return _COMPARED[type(op)](_value(left), _value(right))
        case ast.Name(name) if name in _CONSTANTS:
            return _CONSTANTS[name]
        case ast.Call(ast.Name(name), arguments, []) if name in _FUNCTIONS:
            return _FUNCTIONS[name](*map(_value, arguments))
        case ast.Name(name) | ast.Call(ast.Name(name)):
            known = [*_FUNCTIONS, *_CONSTANTS]
            raise ToolFault(f"{name} is not known here; there is {listed(nearest(name, known) or known)}")
        case _:
            raise ToolFault(
                f"{ast.unparse(node)!r} is nothing that is computed here; use run_python for code"
            )


PACK = Pack("maths", "calculate, statistics, convert units", (calculate, statistics, convert_units))
