"""`python -m agentkit` and the `agentkit` command."""

import errno
import io
import os
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from click import UsageError


def main() -> None:
    """Run the command line; what agentkit can explain ends in one line, not in a traceback."""
    _open_streams()
    code = 1
    try:
        code = _run()
        # what cannot be written must not be found out by the interpreter at its end
        sys.stdout.flush()
    except KeyboardInterrupt:
        code = 130
    except BrokenPipeError:
        # the reader of our output went away, as `| head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        code = 141
    except OSError as error:
        _say(f"standard output cannot be written: {error.strerror}")
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    if any(thread.daemon for thread in threading.enumerate()):
        # a model that is still being loaded when the person interrupts would crash the interpreter's end
        _flush()
        os._exit(code)
    sys.exit(code)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):
            stream.flush()


def _run() -> int:
    import click

    try:
        Path.cwd()
    except FileNotFoundError:
        _say("the current folder is not there any more; change to one that is")
        return 2

    from agentkit.cli.completion import VARIABLE
    from agentkit.cli.main import cli
    from agentkit.core.errors import AgentkitError

    try:
        code = cli.main(standalone_mode=False, complete_var=VARIABLE)
    except click.NoSuchOption as error:
        near = f"; did you mean {' or '.join(sorted(error.possibilities))}?" if error.possibilities else ""
        return _refused(error, f"no option {error.option_name}{near}")
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return error.exit_code
    except click.UsageError as error:
        return _refused(error, error.format_message().rstrip("."))
    except click.ClickException as error:
        _say(error.format_message())
        return error.exit_code
    except click.Abort:
        return 130
    except AgentkitError as error:
        _say(str(error))
        return error.exit_code
    except BrokenPipeError:
        raise
    except OSError as error:
        if error.filename is None and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO):
            raise  # a stream that cannot be written
        return _internal(error)
    except Exception as error:  # noqa: BLE001 - the last frame of the program: it is shown whole
        return _internal(error)
    return code if isinstance(code, int) else 0


def _internal(error: Exception) -> int:
    import traceback

    traceback.print_exception(error)
    _say(f"internal error ({type(error).__name__}); what is above says where; please report it")
    return 1


def _refused(error: "UsageError", what: str) -> int:
    where = error.ctx.command_path if error.ctx else "agentkit"
    _say(f"{what}; see {where} --help")
    return error.exit_code


def _say(text: str) -> None:
    with suppress(OSError):  # then nobody can be told
        sys.stderr.write(f"agentkit: {text}\n")
        sys.stderr.flush()


def _open_streams() -> None:
    """Give a closed standard stream an end, or the next file that is opened becomes that stream."""
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        if getattr(sys, name) is None:
            opened = os.open(os.devnull, os.O_RDWR)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # a terminal that cannot show a character shows its number, and the run goes on
            stream.reconfigure(errors="backslashreplace")


if __name__ == "__main__":
    main()
