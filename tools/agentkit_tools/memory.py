"""What an agent keeps of a person from one run to the next; the run's memory decides what it takes."""

from agentkit.core.tools import Effect
from agentkit.tooling.context import ToolContext
from agentkit.tooling.packs import Pack
from agentkit.tooling.remembering import PACK as NAME
from agentkit.tooling.tool import tool


@tool(effect=Effect.PURE)
def remember(
    subject: str, attribute: str, value: str, context: ToolContext, quote: str = "", beside: bool = False
) -> str:
    """Remember a fact beyond this run. A fact that is known with another value is replaced.

    Args:
        subject: Whom or what it is about; "user" for the person.
        attribute: Which side of it, such as city.
        value: What holds.
        quote: The very words of the person, or of a result, that say so; left out only where nobody said it.
        beside: Whether it holds beside other values, such as a second phone number.
    """
    return context.memory.remember(subject, attribute, value, quote, beside=beside)


@tool(effect=Effect.PURE)
async def recall(question: str, context: ToolContext) -> str:
    """Look up what was said in earlier runs, and the facts that are remembered.

    Args:
        question: What you want to know.
    """
    return await context.memory.recall(question, untrusted=False)


@tool(effect=Effect.PURE, untrusted=True)
async def recall_untrusted(question: str, context: ToolContext) -> str:
    """Look up also what rests on pages and other words that anybody may have written.

    Args:
        question: What you want to know.
    """
    return await context.memory.recall(question, untrusted=True)


@tool(effect=Effect.IRREVERSIBLE)
def forget_fact(fact: int, context: ToolContext) -> str:
    """Forget a fact for good, when the person wants it forgotten.

    Args:
        fact: Its number.
    """
    return context.memory.forget(fact)


PACK = Pack(
    NAME,
    "facts about the person and earlier conversations, beyond this run",
    (remember, recall, recall_untrusted, forget_fact),
)
