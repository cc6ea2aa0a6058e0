"""What memory keeps, loses and costs: `python benchmarks/memory.py` writes benchmarks/results/memory.json.

Compactions: a thousand random histories with calls, cut to a random limit, by ours and by langchain-core's
`trim_messages` with the same count of tokens, in one run. A pair is split when a call is shown without its
result or a result without its call. Forgetting: words that are left in the files, counted outside of the code
that forgets. Cost: processor time; the machine may be busy.
"""

import asyncio
import json
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

from facts import machine_facts, write_result
from langchain_core import messages as langchain
from langchain_core.messages import BaseMessage

from agentkit.bridges.langchain import messages_to_langchain
from agentkit.core.errors import UsageError
from agentkit.core.messages import (
    AssistantMessage,
    Message,
    SystemMessage,
    ToolCall,
    ToolMessage,
    UserMessage,
)
from agentkit.memory.store import Memory
from agentkit.memory.view import Shape, view

SEED = 11
COMPACTIONS = 1000
SIZES = (1000, 10_000)
WORDS = [f"word{number}" for number in range(5000)]


def words_of(texts: Sequence[str]) -> int:
    """The tokens of this benchmark: words, and two for each message."""
    return sum(len(text.split()) + 2 for text in texts)


def history(dice: random.Random) -> tuple[Message, ...]:
    """A conversation of an agent: exchanges, of which some take calls."""
    messages: list[Message] = [SystemMessage("keep to the rules of the house")]
    for turn in range(dice.randint(1, 12)):
        messages.append(UserMessage(" ".join(dice.choices(WORDS, k=dice.randint(1, 20)))))
        for step in range(dice.randint(0, 4)):
            calls = tuple(ToolCall(f"{turn}.{step}.{n}", "look", {}) for n in range(dice.randint(1, 3)))
            messages.append(AssistantMessage(calls=calls))
            messages += [
                ToolMessage(call.id, "look", " ".join(dice.choices(WORDS, k=dice.randint(1, 40))))
                for call in calls
            ]
        messages.append(AssistantMessage(" ".join(dice.choices(WORDS, k=dice.randint(1, 20)))))
    return tuple(messages)


def compactions() -> dict[str, Any]:
    """Pairs split, limits not kept, and views without a word of the person, for each way of cutting."""
    # its own type is half unknown
    trim = cast("Callable[..., list[BaseMessage]]", langchain.trim_messages)  # pyright: ignore[reportUnknownMemberType]

    def count(messages: list[BaseMessage]) -> int:
        return words_of([str(one.content) for one in messages])

    def theirs(**how: Any) -> Callable[[tuple[Message, ...], int], list[tuple[str, list[str], str]]]:
        def cut(messages: tuple[Message, ...], limit: int) -> list[tuple[str, list[str], str]]:
            left = trim(messages_to_langchain(messages), max_tokens=limit, token_counter=count, **how)
            return [
                (
                    one.type,
                    [str(call["id"]) for call in getattr(one, "tool_calls", [])],
                    str(getattr(one, "tool_call_id", "")),
                )
                for one in left
            ]

        return cut

    def ours(*, goal: bool) -> Callable[[tuple[Message, ...], int], list[tuple[str, list[str], str]]]:
        kinds = {UserMessage: "human", SystemMessage: "system", AssistantMessage: "ai", ToolMessage: "tool"}

        def cut(messages: tuple[Message, ...], limit: int) -> list[tuple[str, list[str], str]]:
            shape = Shape(tokens=limit, goal=goal)
            shown = view(messages, shape, lambda some: words_of([one.text for one in some]))
            return [
                (
                    kinds[type(one)],
                    [call.id for call in one.calls] if isinstance(one, AssistantMessage) else [],
                    one.call_id if isinstance(one, ToolMessage) else "",
                )
                for one in shown.messages
            ]

        return cut

    ways = {
        "agentkit view": ours(goal=True),
        "agentkit view, goal=False": ours(goal=False),
        "trim_messages": theirs(),
        "trim_messages, include_system, start_on human": theirs(include_system=True, start_on="human"),
    }
    found: dict[str, Any] = {}
    for name, cut in ways.items():
        dice, split, empty, refused = random.Random(SEED), 0, 0, 0
        for _ in range(COMPACTIONS):
            messages, limit = history(dice), dice.randint(20, 400)
            try:
                left = cut(messages, limit)
            except UsageError:  # what is always shown does not fit, and that is said
                refused += 1
                continue
            called = [call for _, calls, _ in left for call in calls]
            answered = [call for _, _, call in left if call]
            split += called != answered
            empty += not any(kind == "human" for kind, _, _ in left)
        found[name] = {
            "histories with a split pair": split,
            "nothing of the person left": empty,
            "refused": refused,
        }
    return found


def cpu_ms(work: Callable[[], object], count: int) -> float:
    """Median processor time of one call."""
    spent: list[int] = []
    for _ in range(count):
        before = time.process_time_ns()
        work()
        spent.append(time.process_time_ns() - before)
    return round(statistics.median(spent) / 1e6, 3)


def costs(folder: Path, size: int) -> dict[str, Any]:
    """Keeping, recalling and forgetting among so many messages."""
    dice = random.Random(SEED)
    path = folder / f"memory{size}.db"
    with Memory.open(path) as memory:
        ann = memory.of("ann")
        texts = [" ".join(dice.choices(WORDS, k=20)) for _ in range(size)]
        for start in range(0, size, 100):
            ann.conversation(f"talk {start}").add(*map(UserMessage, texts[start : start + 100]))
        talk = ann.conversation("now")
        questions = iter([" ".join(dice.choices(WORDS, k=8)) for _ in range(40)])
        more = iter(texts)
        return {
            "recall by words, CPU ms": cpu_ms(lambda: asyncio.run(ann.recall(next(questions))), 30),
            "keep one, durable, CPU ms": cpu_ms(lambda: talk.add(UserMessage(f"{next(more)} again")), 100),
            "forget one, CPU ms": cpu_ms(lambda: ann.forget(messages=[talk.kept()[0].id]), 5),
            "bytes a message": path.stat().st_size // size,
        }


def left_after_forgetting(folder: Path) -> dict[str, int]:
    """Of 500 messages with a word each: how often 250 forgotten ones are in the files, before and after."""
    dice = random.Random(SEED)
    path = folder / "forgetting.db"
    with Memory.open(path) as memory:
        ann = memory.of("ann")
        talk = ann.conversation("talk")
        said = {
            talk.add(UserMessage(f"the secret is wombat{n}x and Oslo"))[0]: f"wombat{n}x" for n in range(500)
        }
        for identity, word in said.items():
            ann.facts.write(word, "secret", "known", message=identity, quote=word)
        gone = dice.sample(sorted(said), 250)

        def standing() -> int:
            content = b"".join(file.read_bytes() for file in folder.glob(f"{path.name}*"))
            return sum(content.count(said[one].encode()) for one in gone)

        before = standing()
        ann.forget(messages=gone)
        return {"copies before": before, "copies after": standing()}


def main() -> None:
    """Measure all of it."""
    with tempfile.TemporaryDirectory() as made:
        result = {
            "compactions": compactions(),
            "forgetting": left_after_forgetting(Path(made)),
            "costs": {f"{size} messages": costs(Path(made), size) for size in SIZES},
        }
    print(json.dumps(result, indent=2))
    write_result("memory", {**result, "machine": machine_facts("langchain-core")})


if __name__ == "__main__":
    main()
