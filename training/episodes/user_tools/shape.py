"""What a person's own tool is here: how it is made, how it is asked for, and what comes of it."""

import inspect
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from agentkit.core.errors import ToolFault
from agentkit.core.tools import Effect
from agentkit.tooling.tool import Tool, tool
from episodes.checks import After, Check
from episodes.dice import Dice

Names = Callable[[Dice, int], list[str]]
"""Makes that many different names."""
Value = Callable[[Dice], str]
"""Makes one value."""


@dataclass
class Table:
    """What a tool can look up, and how it says so."""

    kind: str
    """What its names are names of."""
    label: str
    """What its values are."""
    rows: Mapping[str, str]
    others: Sequence[str]
    """Names of the same kind that it does not know."""
    refuses: bool
    """Whether an unknown name is a fault, or a result that says so."""
    manner: int
    """Which of several ways it has of saying things."""

    def find(self, name: str) -> str:
        """The value of a name.

        Raises:
            ToolFault: it is not known; the message names what is.
        """
        known = {each.casefold(): each for each in self.rows}
        key = known.get(name.strip().casefold())
        if key is not None:
            return self._told(key)
        if not self.refuses:
            return (
                f'no {self.kind} called "{name}"',
                f"nothing is known about {name}",
                f"{self.kind} {name}: not found",
                json.dumps({self.kind: name, "found": False}),
            )[self.manner]
        close = get_close_matches(name.casefold(), known, n=1, cutoff=0.75)
        everything = ", ".join(self.rows)
        hint = f"did you mean {known[close[0]]}?" if close and self.manner == 1 else f"there is: {everything}"
        raise ToolFault(
            (
                f'there is no {self.kind} "{name}"; {hint}',
                f"unknown {self.kind} {name}; {hint}",
                f"{self.kind} must be one of: {everything}",
                f'no {self.kind} is called "{name}". Known are {everything}',
            )[self.manner]
        )

    def _told(self, name: str) -> str:
        value = self.rows[name]
        return (
            value,
            f"{self.label}: {value}",
            f"{name}: {value}",
            json.dumps({self.kind: name, self.label: value}, ensure_ascii=False),
        )[self.manner]


@dataclass
class Use:
    """One use of a tool, in a world that the dice made."""

    tool: Tool
    arguments: dict[str, Any]
    slots: dict[str, str]
    """What stands in the words that ask for it."""
    answer: str
    value: str = ""
    """What it finds out."""
    way: str = "plain"
    """Which of the tool's phrasings ask for this."""
    key: str = ""
    """The argument that can also come from a file or from another tool."""
    slot: str = ""
    """Where it stands in the words."""
    shown: str = "{}"
    """How it stands there."""
    table: Table | None = None
    wrong: Mapping[str, str] = field(default_factory=dict[str, str])
    """Arguments as people may give them and the tool refuses them, by slot and argument alike."""


@dataclass(frozen=True)
class UserTool:
    """A tool that somebody may have written for their own agent."""

    name: str
    domain: str
    make: Callable[[Dice, str | None], Use]
    """A use of it; the text is what its key has to be."""
    asks: Mapping[str, tuple[str, ...]]
    """How it is asked for, in each way."""
    things: Mapping[str, tuple[str, ...]]
    """What it finds out, as a thing: `the price of {x}`."""
    kind: str = ""
    """What its key is."""
    takes: str = ""
    """The sort of thing that its key is, for tools that find that out."""
    finds: str = ""
    does: bool = False
    """It changes something, rather than finding something out."""
    strict: bool = False
    """Its uses know arguments that it refuses."""


def lookup(
    name: str,
    domain: str,
    by: str,
    says: str,
    *,
    kind: str,
    label: str,
    names: Names,
    value: Value,
    answer: str,
    asks: str,
    things: str,
    shown: str = "{}",
    takes: str = "",
    finds: str = "",
) -> UserTool:
    """A tool that looks one thing up in a table, which the dice fill anew for each task."""

    def make(dice: Dice, given: str | None) -> Use:
        count = dice.randint(4, 10)
        everything = [each for each in names(dice, count + 4) if each != given]
        if given is not None:
            everything = [given, *everything]
        keys = everything[:count]
        key = given or dice.choice(keys)
        dice.shuffle(keys)
        table = Table(
            kind,
            label,
            {each: value(dice) for each in keys},
            everything[count:],
            dice.maybe(),
            dice.randrange(4),
        )
        found = table.rows[key]
        made = _looking_up(name, by, says, kind, table)
        words = shown.format(key)
        return Use(
            made,
            {by: key},
            {"x": words},
            sentence(answer.format(x=words, value=found)),
            found,
            key=by,
            slot="x",
            shown=shown,
            table=table,
        )

    ways, named = {"plain": lines(asks)}, {"plain": lines(things)}
    return UserTool(name, domain, make, _asked(name, ways, named), named, kind, takes, finds, strict=True)


def _looking_up(name: str, by: str, says: str, kind: str, table: Table) -> Tool:
    def function(**given: str) -> str:
        return table.find(given[by])

    parameter = inspect.Parameter(by, inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=str)
    function.__name__ = name
    function.__doc__ = f"{says}\n\nArgs:\n    {by}: The {kind}.\n"
    function.__signature__ = inspect.Signature([parameter], return_annotation=str)  # type: ignore[attr-defined]
    function.__annotations__ = {by: str, "return": str}
    return tool(effect=Effect.READS)(function)


def user_tool(
    domain: str,
    *,
    asks: str | Mapping[str, str],
    things: str | Mapping[str, str] = "",
    kind: str = "",
    takes: str = "",
    finds: str = "",
    does: bool = False,
    strict: bool = False,
) -> Callable[[Callable[[Dice, str | None], Use]], UserTool]:
    """A tool that is written out as a function of its own; the maker's name is the tool's."""
    ways = {way: lines(text) for way, text in _by_way(asks).items()}
    named = {way: lines(text) for way, text in _by_way(things).items() if text}

    def wrap(make: Callable[[Dice, str | None], Use]) -> UserTool:
        name = make.__name__
        every = ways if does else _asked(name, ways, named)
        return UserTool(name, domain, make, every, named, kind, takes, finds, does, strict)

    return wrap


def _by_way(texts: str | Mapping[str, str]) -> Mapping[str, str]:
    return {"plain": texts} if isinstance(texts, str) else texts


def lines(text: str) -> tuple[str, ...]:
    """The lines that say something."""
    return tuple(line.strip() for line in text.splitlines() if line.strip())


ASKING = (
    "What is {}?",
    "Tell me {}.",
    "I need to know {}",
    "Find out {}.",
    "Can you check {}?",
    "Get me {}",
    "Let me know {}.",
    "Say what {} is",
    "Do you know {}?",
    "I'd like to know {}",
    "Look up {}.",
    "What would {} be?",
    "Report {}",
    "Check {} and tell me.",
)


def _asked(
    name: str, ways: Mapping[str, tuple[str, ...]], things: Mapping[str, tuple[str, ...]]
) -> dict[str, tuple[str, ...]]:
    """The tool's own phrasings, and some that ask for what it finds out."""
    dice = Dice(f"asked {name}")
    return {
        way: (
            *texts,
            *(form.format(thing) for thing in things.get(way, ()) for form in dice.sample(ASKING, 4)),
            *(thing.removeprefix("the ") + "?" for thing in things.get(way, ())[:1]),
        )
        for way, texts in ways.items()
    }


def sentence(text: str) -> str:
    """The text with a capital at the front."""
    return text[:1].upper() + text[1:]


def did(tool: str, arguments: Mapping[str, Any]) -> Check:
    """The tool was called once, with these arguments; a text may have a full stop at its end or none."""

    def bare(value: object) -> object:
        return value.strip(' .!"') if isinstance(value, str) else value

    def check(after: After) -> bool:
        made = [given for name, given in after.calls if name == tool]
        return len(made) == 1 and all(
            bare(made[0].get(key)) == bare(value) for key, value in arguments.items()
        )

    return check


def near(dice: Dice, name: str, known: Sequence[str]) -> str:
    """The name as somebody may get it slightly wrong, still closest to itself among the known ones."""
    ways: list[Callable[[], str]] = [lambda: swapped(dice, name), lambda: dropped(dice, name)]
    if " " in name:
        ways += [lambda: name.split()[0], lambda: name.split()[-1]]
    if name.isalpha():
        ways.append(lambda: f"{name}s")
    if parts := re.fullmatch(r"(\D*)(\d+)(.*)", name):
        # who gets a digit wrong means another one: only the form may be off
        letters, digits = parts[1].rstrip("- "), parts[2]
        ways = [
            lambda: digits,
            *(lambda joint=joint: letters + joint + digits for joint in ("", "-", " ") if letters),
        ]
    taken = {each.casefold() for each in known}
    for _ in range(20):
        wrong = dice.choice(ways)()
        folded = {each.casefold(): each for each in known}
        alike = [each for each in known if wrong.casefold() in each.casefold()]
        close = get_close_matches(wrong.casefold(), folded, n=1, cutoff=0.6)
        clear = alike == [name] or (not alike and [folded[each] for each in close] == [name])
        if clear and wrong.casefold() not in taken and len(wrong) > 1:
            return wrong
    return ""


def swapped(dice: Dice, name: str) -> str:
    """Two neighbouring characters swapped."""
    at = dice.randrange(1, max(2, len(name) - 1))
    return name[:at] + name[at + 1 : at + 2] + name[at : at + 1] + name[at + 2 :]


def dropped(dice: Dice, name: str) -> str:
    """One character left out."""
    at = dice.randrange(1, max(2, len(name)))
    return name[:at] + name[at + 1 :]


def number(value: float) -> str:
    """A number with at most two decimals, and none that say nothing.

    >>> number(2.50), number(3.0), number(1200)
    ('2.5', '3', '1200')
    """
    return f"{value:.2f}".rstrip("0").rstrip(".")


# What tables hold.


def items(dice: Dice, count: int) -> list[str]:
    """Things, some with a quality."""
    return [f"{dice.adjective()} {noun}" if dice.maybe(0.3) else noun for noun in dice.nouns(count)]


def people(dice: Dice, count: int) -> list[str]:
    """Full names, no two with the same given name."""
    found: dict[str, str] = {}
    while len(found) < count:
        name = dice.full_name()
        found.setdefault(name.split()[0], name)
    return list(found.values())


def cities(dice: Dice, count: int) -> list[str]:
    """Cities."""
    found: dict[str, None] = {}
    while len(found) < count:
        found[dice.city()] = None
    return list(found)


def titles(dice: Dice, count: int) -> list[str]:
    """Titles of books, songs or films."""
    forms = ("The {a} {n}", "{N} and {m}", "A {a} {n}", "{N} of {c}", "The {n} in {c}", "{A} {n}")
    found: dict[str, None] = {}
    while len(found) < count:
        n, m = dice.nouns(2)
        a = dice.adjective()
        text = dice.choice(forms).format(
            a=a.capitalize(),
            A=a.capitalize(),
            n=n.capitalize(),
            m=m.capitalize(),
            N=n.capitalize(),
            c=dice.city(),
        )
        found[text] = None
    return list(found)


def codes(form: str, low: int, high: int) -> Names:
    """Numbers in a form such as `R-{}`."""
    return lambda dice, count: [form.format(each) for each in dice.sample(range(low, high + 1), count)]


def of(*values: str) -> Names:
    """Some of these names."""
    return lambda dice, count: dice.sample(values, min(count, len(values)))


def made_up_names(dice: Dice, count: int) -> list[str]:
    """Words that no dictionary has, with a capital."""
    found: dict[str, None] = {}
    while len(found) < count:
        found[dice.made_up().capitalize()] = None
    return list(found)


def one_of(*values: str) -> Value:
    """One of these values."""
    return lambda dice: dice.choice(values)


def whole(low: int, high: int, unit: str = "{}") -> Value:
    """A whole number, perhaps with a unit."""
    return lambda dice: unit.format(dice.randint(low, high))


def decimal(low: int, high: int, unit: str = "{}") -> Value:
    """A number with one decimal."""
    return lambda dice: unit.format(f"{dice.randint(low * 10, high * 10) / 10:.1f}")


def clock(dice: Dice) -> str:
    """A time of day."""
    return f"{dice.randint(5, 23):02d}:{dice.randint(0, 59):02d}"


def person(dice: Dice) -> str:
    """A full name."""
    return dice.full_name()


def city(dice: Dice) -> str:
    """A city."""
    return dice.city()


def thing(dice: Dice) -> str:
    """A thing."""
    return dice.noun()


def price(dice: Dice) -> str:
    """An amount."""
    return dice.price()


def day(dice: Dice) -> str:
    """A date."""
    return dice.day()


def phone(dice: Dice) -> str:
    """A telephone number."""
    return dice.phone()
