"""What a run may still spend: asked before every request, with the most that it can come to.

A limit is kept by never beginning what could pass it. The last answer, in which the agent says what
it has, is set aside from the start.
"""

from decimal import ROUND_DOWN, Decimal
from typing import TypeVar

from agentkit.core.usage import FREE, NOTHING, SHORTEST_ANSWER, Limits, Price, Spent

CLOSING_ANSWER = 256
"""Tokens that are kept for the last answer."""
CLOSING_SHARE = 0.1
"""The part of the time that is kept for the last answer, …"""
CLOSING_SECONDS = 60.0
"""… and the most of it."""
SMALLEST_SLICE = 512
"""Tokens; with fewer an agent that works for another could not even be asked."""
NEARLY = 0.8
"""The part of a limit after which the agent is told how much is left."""
POOL_IS_SPENT = "what is left in the shared pool does not allow another answer"

_SLICE = Decimal("1e-9")
"""US dollars; what is set aside for others is a multiple of it."""

_N = TypeVar("_N", int, float, Decimal)


def left(limits: Limits, spent: Spent) -> Limits:
    """What may still be spent; time aside, which passes by itself."""
    return Limits(
        steps=None if limits.steps is None else limits.steps - spent.steps,
        tokens=None if limits.tokens is None else limits.tokens - spent.tokens,
        cost=None if limits.cost is None else limits.cost - spent.cost,
        tool_seconds=None if limits.tool_seconds is None else limits.tool_seconds - spent.tool_seconds,
    )


def covers(free: Limits, most: Spent) -> bool:
    """Whether so much may still be spent; time aside."""
    after = left(free, most)
    return all(amount is None or amount >= 0 for amount in (after.steps, after.tokens, after.cost))


def tighter(one: Limits, other: Limits) -> Limits:
    """The tighter of two limits, of each kind."""
    return Limits(
        _least(one.steps, other.steps),
        _least(one.seconds, other.seconds),
        _least(one.tokens, other.tokens),
        _least(one.cost, other.cost),
        _least(one.tool_seconds, other.tool_seconds),
    )


def _least(one: _N | None, other: _N | None) -> _N | None:
    return other if one is None else one if other is None else min(one, other)


def answer_room(
    free: Limits, price: Price | None, estimate: int, closing: int = 0, closing_price: Price | None = None
) -> int | None:
    """The most tokens that the answer to a request may have; `None` for no end.

    Args:
        free: What may still be spent.
        price: Of the model; one that is not known costs nothing that could be counted.
        estimate: The most tokens that the request has.
        closing: The most tokens of a later request for the last answer, which repeats this one, if
            that is to stay possible.
        closing_price: Of the model that gives the last answer; this one gives it where none is said.
    """
    price = price or FREE
    closing_price = closing_price or price
    repeated = bool(closing)
    last = last_answer(closing_price, closing) if closing else NOTHING
    rooms: list[int] = []
    if free.steps is not None and free.steps < 1 + repeated:
        rooms.append(0)
    if free.tokens is not None:
        rooms.append((free.tokens - estimate - last.tokens) // (1 + repeated))
    if free.cost is not None:
        rest = free.cost - price.most(estimate, 0) - last.cost
        each = price.most(0, 1) + closing_price.most(repeated, 0)
        if rest < 0:
            rooms.append(0)
        elif each:
            rooms.append(int(rest // each))
    return min(rooms, default=None)


def last_answer(price: Price, request: int) -> Spent:
    """What the last answer of a run can come to, with a request of so many tokens for it."""
    return Spent(1, request + CLOSING_ANSWER, price.most(request, CLOSING_ANSWER))


def input_room(free: Limits, price: Price | None) -> int | None:
    """The most tokens that the request for a last answer may have; `None` for no end."""
    price = price or FREE
    rooms: list[int] = []
    if free.tokens is not None:
        rooms.append(free.tokens - SHORTEST_ANSWER)
    if free.cost is not None and price.dearest_input:
        rooms.append(int((free.cost - price.most(0, SHORTEST_ANSWER)) // price.most(1, 0)))
    return min(rooms, default=None)


def shortage(
    limits: Limits,
    spent: Spent,
    price: Price | None,
    estimate: int,
    closing: int,
    closing_price: Price | None = None,
) -> str | None:
    """The run's own limit that does not allow another answer, in words, or `None`."""
    own = left(limits, spent)

    def is_short(free: Limits) -> bool:
        room = answer_room(free, price, estimate, closing, closing_price)
        return room is not None and room < SHORTEST_ANSWER

    if is_short(Limits(tokens=own.tokens)):
        return f"{limits.tokens} tokens do not allow another answer ({spent.tokens} spent)"
    if limits.cost is not None and is_short(Limits(cost=own.cost)):
        return f"${limits.cost:f} does not allow another answer (${spent.cost:f} spent)"
    return None


def working_seconds(limits: Limits) -> float | None:
    """The time for everything but the last answer."""
    if limits.seconds is None:
        return None
    return limits.seconds - min(limits.seconds * CLOSING_SHARE, CLOSING_SECONDS)


def reached(limits: Limits, spent: Spent, seconds: float, *, paid: bool = False) -> str | None:
    """The limit that leaves nothing but a last answer, in words, or `None`.

    Args:
        limits: Of the run.
        spent: By the run.
        seconds: At work.
        paid: Whether calls are waiting: the answer that asked for them is paid for.
    """
    time = working_seconds(limits)
    if time is not None and seconds >= time:
        return f"the limit of {limits.seconds:g} seconds is reached"
    if limits.tool_seconds is not None and spent.tool_seconds >= limits.tool_seconds:
        return f"the limit of {limits.tool_seconds:g} seconds in tools is reached"
    if paid:
        return None
    # of more than one step the last is for the closing; a single one is for work
    if limits.steps is not None and spent.steps >= max(1, limits.steps - 1):
        return f"the limit of {limits.steps} steps is reached"
    if limits.tokens is not None and spent.tokens >= limits.tokens:
        return f"the limit of {limits.tokens} tokens is reached ({spent.tokens} spent)"
    if limits.cost is not None and spent.cost >= limits.cost:
        return f"the limit of ${limits.cost:f} is reached (${spent.cost:f} spent)"
    return None


def nearly_reached(limits: Limits, spent: Spent, seconds: float) -> str | None:
    """How much of each limit is used of which that is most, in words."""
    told: list[str] = []
    if limits.steps and spent.steps / limits.steps >= NEARLY:
        told.append(f"{spent.steps} of {limits.steps} steps")
    if limits.seconds and seconds / limits.seconds >= NEARLY:
        told.append(f"{seconds:.0f} of {limits.seconds:g} seconds")
    if limits.tokens and spent.tokens / limits.tokens >= NEARLY:
        told.append(f"{spent.tokens} of {limits.tokens} tokens")
    if limits.cost and float(spent.cost / limits.cost) >= NEARLY:
        told.append(f"${spent.cost:f} of ${limits.cost:f}")
    if limits.tool_seconds and spent.tool_seconds / limits.tool_seconds >= NEARLY:
        told.append(f"{spent.tool_seconds:.0f} of {limits.tool_seconds:g} seconds in tools")
    return "; ".join(told) or None


def spare(free: Limits, price: Price | None, request: int) -> Limits:
    """What a run can set aside for others, beside its own next answer and its last.

    Args:
        free: What it may still spend.
        price: Of its model.
        request: The most tokens of its next request.
    """
    own = (price or FREE).most(2 * request, 2 * CLOSING_ANSWER)
    return Limits(
        None if free.steps is None else free.steps - 2,
        free.seconds,
        None if free.tokens is None else free.tokens - 2 * (request + CLOSING_ANSWER),
        None if free.cost is None else free.cost - own,
        free.tool_seconds,
    )


def slice_of(free: Limits, share: float, most_steps: int | None) -> Limits | None:
    """A part of what can be set aside, or `None` where that is nothing; the time is the same for all."""
    if any(
        amount is not None and amount <= 0 for amount in (free.steps, free.seconds, free.tokens, free.cost)
    ):
        return None
    steps = None if free.steps is None else max(1, int(free.steps * share))
    if free.tokens is not None and free.tokens * share < SMALLEST_SLICE:
        return None
    cost = None if free.cost is None else (free.cost * Decimal(str(share))).quantize(_SLICE, ROUND_DOWN)
    return Limits(
        _least(steps, most_steps),
        free.seconds,
        None if free.tokens is None else int(free.tokens * share),
        cost,
        None if free.tool_seconds is None else max(0.0, free.tool_seconds * share),
    )
