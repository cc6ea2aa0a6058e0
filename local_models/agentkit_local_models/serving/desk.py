"""Answers of an engine for an event loop: each is drawn by a thread, and all are computed together."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Protocol

from agentkit_local_models.answer import Completion, Piece
from agentkit_local_models.engine import Engine
from agentkit_local_models.sampling import Sampling
from agentkit_local_models.serving.faults import NotAsked

Event = Piece | Completion


@dataclass(frozen=True, slots=True)
class Question:
    """A prompt, and how many answers it gets.

    Attributes:
        prompt: token ids.
        sampling: of the first answer; the seed of each is one more than that of the one before.
        grammar: a Lark text that answers are held to, or None.
        count: how many answers.
    """

    prompt: Sequence[int]
    sampling: Sampling
    grammar: str | None = None
    count: int = 1


class Desk:
    """Asks engines on behalf of many; threads are taken as they are needed, up to `most`."""

    def __init__(self, most: int) -> None:
        self._threads = ThreadPoolExecutor(max_workers=most, thread_name_prefix="answer")

    async def answers(
        self, engine: Engine, questions: Sequence[Question]
    ) -> AsyncGenerator[tuple[int, Event], None]:
        """What happens to the answers, and at last each whole; by number, those of the first question first.

        Whoever leaves early, or is cancelled, waits until nothing of it is computed any more.

        Raises:
            LocalModelError: as `Engine.generate`; before anything is yielded where the request is wrong.
            NotAsked: the engine does not take a prompt.
        """
        stop = threading.Event()
        loop = asyncio.get_running_loop()
        happened: asyncio.Queue[tuple[int, Event | BaseException]] = asyncio.Queue()
        try:
            begun = await asyncio.to_thread(_begun, engine, questions, stop)
        except ValueError as error:
            raise NotAsked(str(error)) from error
        threads: list[asyncio.Future[None]] = []

        def tell(number: int, event: Event | BaseException) -> None:
            loop.call_soon_threadsafe(happened.put_nowait, (number, event))

        try:
            for number, one in enumerate(begun):
                threads.append(loop.run_in_executor(self._threads, one.draw, number, tell))
            left = len(begun)
            while left:
                number, event = await happened.get()
                if isinstance(event, BaseException):
                    raise event
                left -= isinstance(event, Completion)
                yield number, event
        finally:
            stop.set()
            if threads:
                await asyncio.wait(threads)

    def close(self) -> None:
        """Let the threads go; one that is busy yet ends with its answer."""
        self._threads.shutdown(wait=False)


def _begun(engine: Engine, questions: Sequence[Question], stop: threading.Event) -> list[_Drawn]:
    """Every answer before its first token; what cannot be asked for is refused here."""
    begun: list[_Drawn] = []
    for question in questions:
        computed = threading.Event()
        begun += [_Drawn(engine, question, place, computed, stop) for place in range(question.count)]
    return begun


class _Drawn:
    """One answer, drawn by a thread."""

    def __init__(
        self, engine: Engine, question: Question, place: int, computed: threading.Event, stop: threading.Event
    ) -> None:
        seed = question.sampling.seed
        sampling = question.sampling
        if seed is not None:
            sampling = replace(sampling, seed=(seed + place) % (1 << 63))

        def on_prefill(done: int, total: int) -> None:
            if done == total:
                computed.set()

        self._answer: Generator[Event, None, None] = engine.generate(
            question.prompt,
            sampling,
            grammar=question.grammar,
            cancelled=stop.is_set,
            on_prefill=on_prefill if place == 0 and question.count > 1 else None,
        )
        self._place = place
        self._computed = computed

    def draw(self, number: int, tell: _Tell) -> None:
        """Tell of everything that happens to it."""
        try:
            if self._place:
                self._computed.wait()  # the prompt is computed once, and found by the others
            with closing(self._answer) as events:
                for event in events:
                    tell(number, event)
        except BaseException as error:  # noqa: BLE001 - it is raised where the answer is awaited
            tell(number, error)
        finally:
            self._computed.set()  # whatever became of it, nobody waits for it


class _Tell(Protocol):
    def __call__(self, number: int, event: Event | BaseException) -> None: ...
