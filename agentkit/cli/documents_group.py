"""`agentkit index`, `search` and `ask`: the commands; what they do is imported when one is called."""

from typing import Any

import click

from agentkit.cli import options


@click.command()
@click.argument("path", required=False)
@click.option("--dry-run", is_flag=True, help="Only tell what would be done.")
@click.option("--allow-shrink", is_flag=True, help="Also when over a fifth of it is gone.")
@click.option("--anew", is_flag=True, help="Make the whole index anew, reading PATH again.")
@click.option("--forget", is_flag=True, help="Remove what is below PATH from the index, every byte.")
@options.index_settings
def index(path: str | None, **flags: Any) -> int:
    """Take the documents of PATH, a folder or a file, into the index, or bring it up to date.

    What did not change costs nothing; what is gone from PATH goes from the index. A file that cannot be
    read now stays as it was, is named, and makes exit code 1. Without PATH: tell what the index holds.
    """
    from agentkit.cli.indexing import index_command

    return index_command(path, flags)


@click.command()
@click.argument("query")
@options.search
@click.option("--explain", is_flag=True, help="Show how each way to search ranks and scores what was found.")
@options.search_settings
def search(query: str, **flags: Any) -> int:
    """Find the pieces of indexed documents that answer QUERY, the best first.

    Exit code 1 means that nothing was found.
    """
    from agentkit.cli.searching import search_command

    return search_command(query, flags)


@click.command()
@click.argument("question")
@options.search
@options.ask_settings
def ask(question: str, **flags: Any) -> int:
    """Answer QUESTION from the indexed documents, with quotes that stand where they are said to.

    With a model that is named (--model, or in your settings) it answers, and its quotes are looked up;
    without one the sentences that come nearest to an answer are shown. Exit codes: 0 every quote is
    verified, 1 nothing was found, 8 some quote is not, or there is none.
    """
    from agentkit.cli.searching import ask_command

    return ask_command(question, flags)
