"""A process of its own that remembers, forgets or reads: what tests kill and let race."""

import sys
from pathlib import Path

from agentkit.core.messages import AssistantMessage, UserMessage
from agentkit.memory.store import Memory


def remember(memory: Memory, who: str, count: str) -> None:
    """Add exchanges, and say of each that it is there."""
    scope = memory.of("ann")
    talk = scope.conversation("together")
    for number in range(int(count)):
        said, _ = talk.add(
            UserMessage(f"{who} said {number} of Oslo"), AssistantMessage(f"{who} heard {number}")
        )
        scope.facts.write(who, f"fact {number}", str(number), message=said, quote=f"said {number}")
        print(number, flush=True)


def forget(memory: Memory, *texts: str) -> None:
    """Forget the messages with these texts one by one, and say so before and after each."""
    scope = memory.of("ann")
    for text in texts:
        wanted = [one.id for one in scope.conversation("secret").kept() if text in one.message.text]
        print(f"begin {text}", flush=True)
        scope.forget(messages=wanted)
        print(f"end {text}", flush=True)


def read(memory: Memory) -> None:
    """Hold a reading transaction open until standard input ends."""
    memory._handle.database.connection.execute("BEGIN")
    memory._handle.database.connection.execute("SELECT count(*) FROM messages").fetchone()
    print("reading", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    with Memory.open(Path(sys.argv[1])) as memory:
        {"remember": remember, "forget": forget, "read": read}[sys.argv[2]](memory, *sys.argv[3:])
