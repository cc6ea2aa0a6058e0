"""A model's own mistakes, and what should have been done instead of them and after them.

The model acts, and the policy says at each step what it would have done (DAgger; Ross, Gordon and Bagnell
2011, "A Reduction of Imitation Learning and Structured Prediction to No-Regret Online Learning"). What the
model gets wrong a few times really happens, and the policy goes on from there; only its words are learnt.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import msgspec

from agentkit.core.messages import AssistantMessage, ToolMessage
from agentkit.core.protocols import Answer, ChatModel, ModelRequest, TextDelta
from episodes.dice import Dice
from episodes.record import PolicyFault, PolicyModel, record
from episodes.write import MOST_CHARACTERS, VIEW_SIZE, Drawn, Written, drawn

MOST_MISTAKES = 2
"""Calls of an episode that may go wrong before the policy does the rest alone."""

AT_ONCE = 8
"""Episodes that a model acts in at the same time."""

TOLD_EVERY = 20
"""Episodes after which it is said how far it came: hundreds take a large model half an hour."""


@dataclass(kw_only=True)
class CorrectedModel(PolicyModel):
    """A `ChatModel` that lets a student act while it does as the policy would, or errs by a call."""

    student: ChatModel
    due: AssistantMessage | None = None
    """What the policy does next."""
    differed: bool = False
    """Whether the student ever wanted something else."""

    async def stream(self, request: ModelRequest) -> AsyncIterator[TextDelta | Answer]:
        """The student's mistake, or else what the policy does."""
        message = due = self.due or self._next(request)
        wanted = await self._wanted(request)
        self.due = None
        if not _same(wanted, due):
            self.differed = True
            if wanted.calls and not wanted.malformed and len(self.not_learnt) < MOST_MISTAKES:
                self.not_learnt.add(len(self.asked))
                self.due, message = due, wanted
        number = len(self.asked) + 1
        calls = tuple(msgspec.structs.replace(call, id=f"call_{number}") for call in message.calls)
        message = msgspec.structs.replace(message, calls=calls)
        self.asked.append((request, message))
        yield Answer(message, finish="calls" if calls else "stop")

    def _next(self, request: ModelRequest) -> AssistantMessage:
        """What the policy does next.

        Raises:
            PolicyFault: a mistake left it without a next step, such as a file to read or rows to add up, or
                made a call of its own fail, which nobody should learn.
        """
        last = request.messages[-1]
        failed = isinstance(last, ToolMessage) and last.failed
        if failed and self.not_learnt and len(self.asked) - 1 not in self.not_learnt:
            raise PolicyFault("its own call failed after a mistake")
        try:
            return super()._next(request)
        except Exception as error:
            if self.not_learnt:
                raise PolicyFault(f"the policy cannot go on: {error}") from error
            raise

    async def _wanted(self, request: ModelRequest) -> AssistantMessage:
        async for piece in self.student.stream(request):
            if isinstance(piece, Answer):
                return piece.message
        raise PolicyFault("the student ended without an answer")


def _same(wanted: AssistantMessage, due: AssistantMessage) -> bool:
    """Whether two answers do the same; how a last word is put is not a mistake."""
    if wanted.malformed or bool(wanted.calls) != bool(due.calls):
        return False
    return [(c.name, c.arguments) for c in wanted.calls] == [(c.name, c.arguments) for c in due.calls]


def drawn_of_families(episodes: int, seed: int) -> list[Drawn]:
    """So many tasks of families that may be trained on."""
    batches = (drawn(Dice(f"correct {seed} {number}")) for number in range(-(-episodes // VIEW_SIZE)))
    return list(chain.from_iterable(batches))[:episodes]


async def write_corrected(
    file: Path, student: ChatModel, tasks: Sequence[Drawn], most: int = MOST_CHARACTERS
) -> None:
    """Write the episodes in which the student wanted something else than the policy, corrected.

    Rows of more than `most` characters are left out.
    """
    written = Written(most)
    room = asyncio.Semaphore(AT_ONCE)
    begun = right = 0

    async def corrected(each: Drawn) -> None:
        nonlocal begun, right
        async with room:
            begun += 1
            if begun % TOLD_EVERY == 0:
                print(f"episode {begun} of {len(tasks)}", file=sys.stderr)
            model = CorrectedModel(each.task.policy(), each.view, student=student)
            try:
                episode = await record(each.goal, each.task, each.view, model)
            except PolicyFault:
                if not model.not_learnt:
                    raise  # nobody erred but the policy
                written.failed[each.source] += 1
                return
        if model.differed:
            written.take(each.source, episode)
        else:
            right += 1

    await asyncio.gather(*map(corrected, tasks))
    print(f"{right} of {len(tasks)} episodes had nothing to correct")
    written.save(file)
