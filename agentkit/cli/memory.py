"""`agentkit memory`: the commands; what they do is in `remembered.py`, and its lines in `memory_lines.py`."""

from typing import Any

import click

from agentkit.cli import options

_output = click.option("--output", type=click.Choice(["text", "json"]), default="text", help="How to print.")


@click.group()
def memory() -> None:
    """Show, search and forget what is remembered of a person.

    Whose memory is meant says --memory, or that setting; without either it is the only one in the file.
    """


@memory.command("list")
@_output
@options.memory
def _list(output: str, **flags: Any) -> None:
    """List the facts that hold, and the conversations; of several people, who they are."""
    from agentkit.cli.remembered import list_memory

    list_memory(flags, output)


@memory.command("show")
@click.argument("conversation")
@_output
@options.memory
def _show(conversation: str, output: str, **flags: Any) -> None:
    """Show what was said in CONVERSATION, such as a run, with the number of each message."""
    from agentkit.cli.remembered import show_conversation

    show_conversation(conversation, flags, output)


@memory.command("search")
@click.argument("question")
@click.option("--limit", type=click.IntRange(min=1), default=5, help="The most messages; 5.")
@options.memory
def _search(question: str, limit: int, **flags: Any) -> None:
    """Find what was said, in any conversation, that bears on QUESTION."""
    from agentkit.cli.remembered import search_memory

    search_memory(question, limit, flags)


@memory.command("about")
@click.argument("name")
@options.memory
def _about(name: str, **flags: Any) -> None:
    """Tell what is known of somebody or something called NAME, and where it was last named."""
    from agentkit.cli.remembered import tell_about

    tell_about(name, flags)


@memory.command("remember")
@click.argument("subject")
@click.argument("attribute")
@click.argument("value")
@click.option("--beside", is_flag=True, help="It holds beside other values, and replaces none.")
@options.memory
def _remember(subject: str, attribute: str, value: str, *, beside: bool, **flags: Any) -> None:
    """Remember yourself that ATTRIBUTE of SUBJECT is VALUE; you are the subject "user"."""
    from agentkit.cli.remembered import remember_by_hand

    remember_by_hand(subject, attribute, value, flags, beside=beside)


@memory.command("forget")
@click.option("--fact", "facts", type=int, multiple=True, metavar="N", help="This fact; repeatable.")
@click.option("--message", "messages", type=int, multiple=True, metavar="N", help="This message; repeatable.")
@click.option("--conversation", metavar="NAME", help="All of a conversation, such as a run.")
@click.option("--name", metavar="NAME", help="All that names somebody, and all that is known of them.")
@click.option("--everything", is_flag=True, help="All of this person.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@options.memory
def _forget(
    facts: tuple[int, ...],
    messages: tuple[int, ...],
    conversation: str | None,
    name: str | None,
    *,
    everything: bool,
    yes: bool,
    **flags: Any,
) -> None:
    """Forget what the flags name, with what rests on it, for good: no byte of it stays in the file.

    The journal of runs is another record: agentkit runs rm removes a run from that.
    """
    if not (facts or messages or conversation or name or everything):
        raise click.UsageError("say what: --fact, --message, --conversation, --name or --everything")
    from agentkit.cli.remembered import forget_from_memory

    forget_from_memory(
        flags,
        facts=facts,
        messages=messages,
        conversation=conversation,
        name=name,
        everything=everything,
        yes=yes,
    )


@memory.command("expire")
@click.option("--conclusions", metavar="AGE", help="Facts that an agent concluded: 12h, 30d, 8w.")
@click.option("--tools", metavar="AGE", help="Facts that a tool's result said.")
@click.option("--facts", metavar="AGE", help="Facts that the person said.")
@click.option("--messages", metavar="AGE", help="Messages, and the facts that rest on them.")
@options.memory
def _expire(
    conclusions: str | None, tools: str | None, facts: str | None, messages: str | None, **flags: Any
) -> None:
    """Forget what is older than the AGE that its flag says."""
    if conclusions is tools is facts is messages is None:
        raise click.UsageError("say how old what may become: --conclusions, --tools, --facts or --messages")
    from agentkit.cli.remembered import expire_memory
    from agentkit.memory.fact import Origin

    ages = {Origin.AGENT: conclusions, Origin.TOOL: tools, Origin.PERSON: facts}
    expire_memory(ages, messages, flags)


@memory.command("check")
@_output
@options.memory
def _check(output: str, **flags: Any) -> None:
    """Tell how sound the memory is: repetitions, doubts, facts without ground, what looks like a secret."""
    from agentkit.cli.remembered import check_memory

    check_memory(flags, output)


@memory.command("export")
@click.argument("conversation")
@click.argument("file", required=False)
@options.memory
def _export(conversation: str, file: str | None, **flags: Any) -> None:
    """Write CONVERSATION as a message history of LangChain to FILE (a new one), or to standard output."""
    from agentkit.cli.histories import export_history

    export_history(conversation, file, flags)


@memory.command("import")
@click.argument("file")
@click.option("--as", "name", metavar="NAME", required=True, help="What the conversation is called here.")
@options.memory
def _import(file: str, name: str, **flags: Any) -> None:
    """Remember the message history of LangChain in FILE (- is standard input) as a conversation."""
    from agentkit.cli.histories import import_history

    import_history(file, name, flags)
