"""The summary of a conversation, made by a model."""

import json
from collections.abc import Iterator, Sequence

from agentkit.chains.texts import split_text
from agentkit.chains.words import Count, ModelStep, Words, count_tokens, prompted, room_of
from agentkit.core.messages import AssistantMessage, Message, SystemMessage, ToolMessage, UserMessage
from agentkit.memory.conversation import Summarise

MOST_OF_RESULT = 1000
"""Characters of a result that are summed up; what is longer is cut in its middle."""


def summarised_by(
    model: ModelStep, *, room: int | None = None, count: Count = count_tokens, prompt: Words | None = None
) -> Summarise:
    """What tells in short, by this model, what was said; a long stretch is told part after part.

    Args:
        model: Who sums up.
        room: Tokens of what was said that one question holds; by itself what the model's window leaves.
        count: How many tokens a text has; an upper estimate by itself.
        prompt: In the place of ours, with the places `summary` and `text`.

    Raises:
        UsageError: `room` is less than one.
    """
    most = room_of(model, room)
    step = prompted(prompt, "memory/summarise") | model

    async def summarise(before: str, messages: Sequence[Message]) -> str:
        summary = before
        for part in split_text(transcript(messages), most, count):
            summary = await step.ainvoke({"summary": summary or "nothing yet", "text": part})
        return summary

    return summarise


def transcript(messages: Sequence[Message]) -> str:
    """What was said, as a text.

    >>> print(transcript([UserMessage("hi"), AssistantMessage("hello")]))
    Person: hi
    Assistant: hello
    """
    return "\n".join(line for message in messages for line in _lines(message))


def _lines(message: Message) -> Iterator[str]:
    match message:
        case UserMessage(text):
            yield f"Person: {text}"
        case SystemMessage(text):
            yield f"Instructions: {text}"
        case AssistantMessage():
            if message.text:
                yield f"Assistant: {message.text}"
            for call in message.calls:
                yield f"Assistant calls {call.name}({json.dumps(call.arguments, ensure_ascii=False)})"
        case ToolMessage():
            yield f"{message.name} {'failed' if message.failed else 'answered'}: {_cut(message.text)}"


def _cut(text: str) -> str:
    half = MOST_OF_RESULT // 2
    return text if len(text) <= MOST_OF_RESULT else f"{text[:half]} … {text[-half:]}"
