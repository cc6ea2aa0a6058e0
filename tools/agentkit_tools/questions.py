"""Questions to the person that have few answers."""

from collections.abc import Sequence

from agentkit.core.errors import ToolFault
from agentkit.core.tools import Effect
from agentkit.tooling.context import ToolContext
from agentkit.tooling.packs import Pack
from agentkit.tooling.tool import tool

MOST_CHOICES = 20
TIMES = 3
"""How often a question is put to somebody who answers something else."""
_YES = frozenset({"y", "yes", "true", "1"})
_NO = frozenset({"n", "no", "false", "0"})


@tool(effect=Effect.READS)
async def ask_yes_no(question: str, context: ToolContext) -> str:
    """Ask the person a question that is answered with yes or no.

    Args:
        question: One clear question.
    """
    if not question.strip():
        raise ToolFault("the question is empty")
    words = f"{question} [yes/no]"
    for _ in range(TIMES):
        answer = (await context.ask(words)).strip().lower()
        if answer in _YES | _NO:
            return "yes" if answer in _YES else "no"
        words = f"{question} [please answer yes or no]"
    raise ToolFault("the person answered neither yes nor no; ask with ask_user, or decide yourself")


@tool(effect=Effect.READS)
async def ask_choice(
    question: str, choices: Sequence[str], context: ToolContext, several: bool = False
) -> str:
    """Ask the person to choose.

    Args:
        question: One clear question.
        choices: What can be chosen.
        several: Whether more than one may be chosen.
    """
    if not question.strip():
        raise ToolFault("the question is empty")
    if not 2 <= len(choices) <= MOST_CHOICES or len(set(choices)) < len(choices):
        raise ToolFault(f"there must be 2 to {MOST_CHOICES} choices, no two alike; found {len(choices)}")
    listed = "\n".join(f"{number}. {choice}" for number, choice in enumerate(choices, 1))
    how = "numbers, with commas between them" if several else "a number"
    words = f"{question}\n{listed}\n[{how}]"
    for _ in range(TIMES):
        chosen = _chosen(await context.ask(words), choices)
        if chosen and (several or len(chosen) == 1):
            return ", ".join(chosen)
        words = f"{question}\n{listed}\n[please answer with {how}]"
    raise ToolFault("the person chose none of these; ask with ask_user, or decide yourself")


def _chosen(answer: str, choices: Sequence[str]) -> list[str]:
    """What an answer means: numbers or the choices themselves; nothing when a part of it is neither."""
    by_words = {choice.strip().lower(): choice for choice in choices}
    if answer.strip().lower() in by_words:
        return [by_words[answer.strip().lower()]]
    found: list[str] = []
    for part in answer.split(","):
        word = part.strip().lower()
        if word.isdecimal() and 1 <= int(word) <= len(choices):
            found.append(choices[int(word) - 1])
        elif word in by_words:
            found.append(by_words[word])
        else:
            return []
    return list(dict.fromkeys(found))


PACK = Pack("questions", "ask the person for yes or no, or to choose", (ask_yes_no, ask_choice))
