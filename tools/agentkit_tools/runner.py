"""Runs inside the sandbox: the code on standard input, as a module called `__main__`.

With the argument `serve`, piece after piece, each a line of JSON, in one module that keeps its names.
It shows the value of a last expression if nothing was printed, as an interactive prompt would, and
tracebacks without its own frames. Passed to `python -c` as text; it imports nothing of agentkit.
"""

import ast
import io
import json
import linecache
import os
import sys
import threading
import traceback
import types

NAME = "<code>"
"""How every piece of code is called in tracebacks, with a number after it where there are several."""


class Watched(io.TextIOWrapper):
    """Standard output that remembers whether it was used."""

    used = False

    def write(self, text: str) -> int:
        """Write and remember."""
        self.used = True
        return super().write(text)


def run(source: str) -> int:
    """Run `source` and return the exit status."""
    module, out = _prepared()
    return _ran(source, NAME, module, out)


def serve() -> None:
    """Run each piece of code that comes, and say on a line of its own when it is over."""
    # the code's own standard input is empty: what comes here is not for it to read
    orders = os.fdopen(os.dup(0), encoding="utf-8")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    module, out = _prepared()
    for number, line in enumerate(orders, 1):
        order = json.loads(line)
        out.used = False
        failed = _ran(order["code"], f"{NAME} {number}", module, out)
        sys.stdout.flush()
        sys.stderr.flush()
        os.write(1, f"\0{order['mark']} {failed}{_left_running()}\0".encode())


def _left_running() -> str:
    """`+` when a thread or a process that the code started goes on, and does not hide."""
    if any(not thread.daemon for thread in threading.enumerate() if thread is not threading.main_thread()):
        return "+"
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return ""
    return "+"


def _prepared() -> tuple[types.ModuleType, Watched]:
    module = types.ModuleType("__main__")
    sys.modules["__main__"] = module
    sys.argv = [NAME]
    # last: what is in the workspace can be imported, but shadows nothing
    sys.path.append(os.getcwd())  # noqa: PTH109 - pathlib would be one more import at each start
    out = Watched(sys.stdout.buffer, encoding="utf-8", errors="backslashreplace", write_through=True)
    sys.stdout = out
    return module, out


def _ran(source: str, name: str, module: types.ModuleType, out: Watched) -> int:
    lines = source.splitlines(keepends=True)
    linecache.cache[name] = (len(source), None, lines, name)
    try:
        value = _value(source, name, module)
        if value is not None and not out.used:
            print(value)  # noqa: T201
    except SystemExit:
        raise
    except BaseException as error:  # noqa: BLE001 - whatever the code does wrong is shown
        _show(error)
        return 1
    return 0


def _value(source: str, name: str, module: types.ModuleType) -> object:
    """Run the code; its value is that of its last line, if that is an expression."""
    tree = ast.parse(source, name)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, name, "exec", dont_inherit=True), module.__dict__)  # noqa: S102 - this is its purpose
    if not isinstance(last, ast.Expr):
        return None
    expression = ast.Expression(last.value)
    return eval(compile(expression, name, "eval", dont_inherit=True), module.__dict__)  # noqa: S307


def _show(error: BaseException) -> None:
    trace = error.__traceback__
    while trace is not None and not trace.tb_frame.f_code.co_filename.startswith(NAME):
        trace = trace.tb_next
    traceback.print_exception(type(error), error, trace)


if __name__ == "__main__" and sys.argv[1:] == ["serve"]:
    serve()
elif __name__ == "__main__":
    sys.exit(run(sys.stdin.buffer.read().decode("utf-8")))
