"""`python -m agentkit` and the `agentkit` command."""

import sys

from agentkit.cli.main import cli
from agentkit.core.errors import AgentkitError


def main() -> None:
    """Run the command line; what agentkit can explain ends in one line, not in a traceback."""
    import click

    try:
        code = cli.main(standalone_mode=False)
        sys.exit(code if isinstance(code, int) else 0)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)
    except AgentkitError as error:
        print(f"agentkit: {error}", file=sys.stderr)  # noqa: T201 - this is the command line
        sys.exit(error.exit_code)
    except BrokenPipeError:
        # the reader of our output went away, as `| head` does
        sys.stderr.close()
        sys.exit(141)


if __name__ == "__main__":
    main()
