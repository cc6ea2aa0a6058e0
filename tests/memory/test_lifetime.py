"""A memory with a lifetime: what is older goes by itself, from answers and from the bytes of the files."""

from contextlib import closing
from pathlib import Path

import pytest

from agentkit.core.errors import UsageError
from agentkit.core.messages import UserMessage
from agentkit.memory.lifetime import DAY
from agentkit.memory.scope import Scope
from agentkit.memory.store import Memory

from .conftest import Clock
from .test_forgetting import copies

DAYS = 30.0


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "memory.db"


def tell(scope: Scope, animal: str) -> None:
    (said,) = scope.conversation("monday").add(UserMessage(f"My pet is a {animal}"))
    scope.facts.write("pet", animal, f"{animal} indeed")
    scope.facts.write("user", "pet", animal, message=said, quote=f"a {animal}", beside=True)


def known(scope: Scope) -> set[str]:
    return {fact.value for fact in scope.facts.every()}


async def test_what_is_too_old_goes_when_the_file_is_opened_whoever_it_is_of(
    file: Path, clock: Clock
) -> None:
    with Memory.open(file, clock=clock) as memory:
        tell(memory.of("ann"), "quokka")
        tell(memory.of("bob", tenant="shop"), "numbat")
        clock.now += 2 * DAY
        tell(memory.of("ann"), "bilby")
        clock.now += (DAYS - 1) * DAY  # nothing goes without a lifetime
        assert known(memory.of("ann")) == {"quokka", "quokka indeed", "bilby", "bilby indeed"}
    with Memory.open(file, clock=clock, days=DAYS) as memory:
        assert copies(memory, "quokka") == copies(memory, "numbat") == 0
        assert memory.people() == (("local", "ann"),)
        ann = memory.of("ann")
        assert known(ann) == {"bilby", "bilby indeed"}
        assert [one.kept.message.text for one in (await ann.recall("Which pet?")).found] == [
            "My pet is a bilby"
        ]


async def test_what_gets_too_old_while_the_file_is_open_goes_at_the_next_look(
    file: Path, clock: Clock
) -> None:
    with Memory.open(file, clock=clock, days=DAYS) as memory:
        ann = memory.of("ann")
        tell(ann, "quokka")
        clock.now += DAYS * DAY - 1
        assert known(ann) == {"quokka", "quokka indeed"}
        tell(ann, "bilby")
        clock.now += DAYS * DAY / 24 + 2
        assert [one.kept.message.text for one in (await ann.recall("Which pet?")).found] == [
            "My pet is a bilby"
        ]
        assert known(ann) == {"bilby", "bilby indeed"}
        assert copies(memory, "quokka") == 0
        clock.now += DAYS * DAY * 25 / 24
        assert not known(ann)
        assert copies(memory, "bilby") == 0


def test_what_is_written_after_a_lifetime_is_kept_for_one(file: Path, clock: Clock) -> None:
    with Memory.open(file, clock=clock, days=DAYS) as memory:
        ann = memory.of("ann")
        clock.now += 3 * DAYS * DAY
        tell(ann, "quokka")  # the look that is due comes in the midst of it
        assert known(ann) == {"quokka", "quokka indeed"}
        clock.now += DAYS * DAY - 1
        assert known(ann) == {"quokka", "quokka indeed"}


@pytest.mark.parametrize("days", [0, -1, float("nan")])
def test_a_lifetime_that_is_none_is_refused_and_the_file_let_go(
    file: Path, clock: Clock, days: float
) -> None:
    with pytest.raises(UsageError, match="it must be above 0, or None for ever"):
        Memory.open(file, clock=clock, days=days)
    with closing(Memory.open(file, clock=clock)) as memory:
        assert memory.people() == ()
