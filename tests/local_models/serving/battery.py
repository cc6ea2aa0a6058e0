"""Many clients at once that ask, stream, and go away in the middle."""

import asyncio
import json
import random
import time
from collections import Counter
from dataclasses import dataclass, field

import openai

from .running import NAME, Running

TOOL = {
    "type": "function",
    "function": {
        "name": "look",
        "parameters": {
            "type": "object",
            "properties": {"what": {"enum": ["sky", "sea"]}, "times": {"type": "integer"}},
            "required": ["what", "times"],
        },
    },
}
SCHEMA = {
    "type": "object",
    "properties": {"port": {"type": "integer", "minimum": 1, "maximum": 9}},
    "required": ["port"],
    "additionalProperties": False,
}


def questions(count: int, seed: int = 0) -> list[dict]:
    """Requests of every kind, whose answers are drawn by seeds of their own; many begin the same."""
    dice = random.Random(seed)
    words = ["port", "file", "sea", "你好", "naïve", "line", "of", "the", "open", "🙂"]
    made = []
    for number in range(count):
        said = " ".join(dice.choices(words, k=dice.randint(1, 60)))
        talk = [{"role": "system", "content": "Be brief. " * dice.choice((1, 12))}]
        talk.append({"role": "user", "content": said})
        asked = {"model": NAME, "messages": talk, "max_tokens": dice.randint(1, 40)}
        asked |= dice.choice(({"temperature": 0}, {"temperature": 1.0, "seed": number, "top_p": 0.9}))
        match dice.randrange(6):
            case 0:
                asked |= {"tools": [TOOL], "tool_choice": "required", "max_tokens": 60}
            case 1:
                form = {"type": "json_schema", "json_schema": {"name": "port", "schema": SCHEMA}}
                asked |= {"response_format": form}
            case 2:
                asked |= {"n": 2}
            case _:
                pass
        made.append(asked)
    return made


Told = list[tuple[str, str]]
"""Of each answer its text and its calls."""


def told(response) -> Told:
    """What the answers to a request say."""
    return [
        (
            choice.message.content or "",
            json.dumps(
                [(one.function.name, one.function.arguments) for one in choice.message.tool_calls or ()]
            ),
        )
        for choice in response.choices
    ]


@dataclass
class Found:
    """What came of it."""

    outcomes: Counter = field(default_factory=Counter)
    wrong: list = field(default_factory=list)


async def _client(asked, expected, server: openai.AsyncOpenAI, until: float, seed: int, found: Found) -> None:
    dice = random.Random(seed)
    while time.monotonic() < until:
        number = dice.randrange(len(asked))
        leaves = dice.random() < 0.3
        try:
            if dice.random() < 0.5:
                got = await _streamed(server, asked[number], dice.randrange(8) if leaves else None)
            else:
                patience = dice.uniform(0, 0.3) if leaves else None
                got = told(await asyncio.wait_for(server.chat.completions.create(**asked[number]), patience))
        except TimeoutError:
            got = None
        except openai.RateLimitError:
            found.outcomes["busy"] += 1
            await asyncio.sleep(dice.uniform(0, 0.2))
            continue
        found.outcomes["left" if got is None else "answered"] += 1
        if got is not None and got != expected[number]:
            found.wrong.append((asked[number], got, expected[number]))


async def _streamed(server: openai.AsyncOpenAI, asked: dict, pieces: int | None) -> Told | None:
    """The answers of a stream; None where the client leaves after so many pieces."""
    count = asked.get("n", 1)
    texts: list[str] = [""] * count
    calls: list[dict[int, list[str]]] = [{} for _ in range(count)]
    stream = await server.chat.completions.create(**asked, stream=True)
    async with stream:
        async for chunk in stream:
            if pieces == 0:
                return None
            pieces = None if pieces is None else pieces - 1
            for choice in chunk.choices:
                texts[choice.index] += choice.delta.content or ""
                for piece in choice.delta.tool_calls or ():
                    if piece.function.name:
                        calls[choice.index][piece.index] = [piece.function.name, ""]
                    calls[choice.index][piece.index][1] += piece.function.arguments or ""
    return [(text, json.dumps([*made.values()])) for text, made in zip(texts, calls, strict=True)]


async def battery(running: Running, alone: Running, *, clients: int, seconds: float, kinds: int) -> Found:
    """Ask for so long, and compare with what a server says that is asked one thing at a time."""
    asked = questions(kinds)
    found = Found()
    async with openai.AsyncOpenAI(base_url=f"{alone.url}/v1", api_key="none", max_retries=0) as one:
        expected = [told(await one.chat.completions.create(**each)) for each in asked]
    async with openai.AsyncOpenAI(
        base_url=f"{running.url}/v1", api_key="none", max_retries=0, timeout=600
    ) as many:
        until = time.monotonic() + seconds
        await asyncio.gather(*(_client(asked, expected, many, until, seed, found) for seed in range(clients)))
    return found
