"""Runs inside the sandbox: the code on standard input, as a module called `__main__`.

It shows the value of a last expression if nothing was printed, as an interactive prompt would, and
tracebacks without its own frames. Passed to `python -c` as text; it imports nothing of agentkit.
"""

import ast
import io
import linecache
import os
import sys
import traceback
import types

NAME = "<code>"


class Watched(io.TextIOWrapper):
    """Standard output that remembers whether it was used."""

    used = False

    def write(self, text: str) -> int:
        """Write and remember."""
        self.used = True
        return super().write(text)


def run(source: str) -> int:
    """Run `source` and return the exit status."""
    lines = source.splitlines(keepends=True)
    linecache.cache[NAME] = (len(source), None, lines, NAME)
    module = types.ModuleType("__main__")
    sys.modules["__main__"] = module
    sys.argv = [NAME]
    # last: what is in the workspace can be imported, but shadows nothing
    sys.path.append(os.getcwd())  # noqa: PTH109 - pathlib would be one more import at each start
    out = Watched(sys.stdout.buffer, encoding="utf-8", errors="backslashreplace", write_through=True)
    sys.stdout = out
    try:
        value = _value(source, module)
        if value is not None and not out.used:
            print(value)  # noqa: T201
    except SystemExit:
        raise
    except BaseException as error:  # noqa: BLE001 - whatever the code does wrong is shown
        _show(error)
        return 1
    return 0


def _value(source: str, module: types.ModuleType) -> object:
    """Run the code; its value is that of its last line, if that is an expression."""
    tree = ast.parse(source, NAME)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, NAME, "exec", dont_inherit=True), module.__dict__)  # noqa: S102 - this is its purpose
    if not isinstance(last, ast.Expr):
        return None
    expression = ast.Expression(last.value)
    return eval(compile(expression, NAME, "eval", dont_inherit=True), module.__dict__)  # noqa: S307


def _show(error: BaseException) -> None:
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename != NAME:
        trace = trace.tb_next
    traceback.print_exception(type(error), error, trace)


if __name__ == "__main__":
    sys.exit(run(sys.stdin.buffer.read().decode("utf-8")))
