"""Sums, dates and words that are worked out by code; and questions that need no tool at all."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from episodes.checks import After, Check, both, leaves, says, untouched
from episodes.dice import Dice
from episodes.task import Plan, Task, call, family
from episodes.words import MONTHS, WEEKDAYS

# --- sums


def _plain_number(value: float) -> str:
    """A number as code prints it, without a last `.0`."""
    return str(value).removesuffix(".0")


def _ways(text: str) -> str:
    """The ways to write a number that are right."""
    if "." in text:
        whole, _, tail = text.partition(".")
        return f"{text}|{whole}.{tail.ljust(2, '0')}"
    return f"{text}|{text}.0|{text}.00"


def _by_code(dice: Dice, variant: str, slots: Mapping[str, str], code: str, result: str, said: str) -> Task:
    """A task that one piece of code answers."""
    files = dice.clutter({"readme.md": "# Notes\n"} if dice.maybe() else {})

    def policy() -> Plan:
        seen = yield call("run_python", code=code)
        return said.format(seen.text.strip().removesuffix(".0"))

    return Task(slots, files, policy, both(untouched(), says(_ways(result))), variant=variant)


@family(
    needs=("run_python",),
    phrasings={
        "times": (
            "What is {a} times {b}?",
            "Multiply {a} by {b}.",
            "{a} x {b} = ?",
            "How much is {a} multiplied by {b}?",
            "Work out {a} * {b}",
            "I need the product of {a} and {b}.",
            "Calculate {a} times {b} and tell me the result",
            "{a} * {b}",
        ),
        "plus": (
            "What is {a} plus {b}?",
            "Add {a} and {b}.",
            "{a} + {b} = ?",
            "How much is {a} and {b} together?",
            "Sum of {a} and {b}?",
            "What do you get if you add {b} to {a}?",
            "Compute {a} + {b}",
        ),
        "minus": (
            "What is {a} minus {b}?",
            "Subtract {b} from {a}.",
            "{a} - {b} = ?",
            "How much is left of {a} when you take away {b}?",
            "What is the difference between {a} and {b}?",
            "Take {b} off {a}, what remains?",
            "Compute {a} - {b}",
        ),
        "over": (
            "What is {a} divided by {b}?",
            "Divide {a} by {b}.",
            "{a} / {b} = ?",
            "How many times does {b} go into {a}?",
            "Split {a} into {b} equal parts; how big is each?",
            "Compute {a} : {b} for me",
        ),
        "rest": (
            "What is the remainder when {a} is divided by {b}?",
            "{a} modulo {b}?",
            "Divide {a} by {b} as a whole number, what remainder is left?",
            "If I deal {a} cards to {b} players evenly, how many are left over?",
            "Remainder of {a} over {b}, please",
            "{a} eggs go into boxes of {b}, full ones only. How many eggs do not fit in?",
        ),
        "power": (
            "What is {a} to the power of {b}?",
            "{a} ** {b}",
            "Raise {a} to the power {b}.",
            "How much is {a} multiplied by itself so that it stands there {b} times?",
            "{a}^{b} = ?",
            "Base {a}, exponent {b}: which number is that?",
        ),
    },
    group="sums",
)
def work_out(dice: Dice) -> Task:
    """One operation on two numbers."""
    variant = dice.choice(("times", "times", "plus", "minus", "over", "rest", "power"))
    a, b = dice.randint(12, dice.choice((99, 999, 99999))), dice.randint(3, dice.choice((20, 99, 999)))
    result = 0
    sign = {"times": "*", "plus": "+", "minus": "-", "over": "/", "rest": "%", "power": "**"}[variant]
    match variant:
        case "times":
            result = a * b
        case "plus":
            a, b = a * dice.randint(1, 99), b * dice.randint(1, 999)
            result = a + b
        case "minus":
            a = a * 7 + b
            result = a - b
        case "over":
            result, a = a, a * b
        case "rest":
            a, b = a * 13 + 5, dice.randint(3, 97)
            result = a % b
        case _:
            a, b = dice.randint(2, 19), dice.randint(3, 8)
            result = a**b
    return _by_code(
        dice, variant, {"a": str(a), "b": str(b)}, f"print({a} {sign} {b})", str(result), "It is {}."
    )


@family(
    needs=("run_python",),
    phrasings={
        "of": (
            "What is {p}% of {n}?",
            "How much is {p} percent of {n}?",
            "Calculate {p} % of {n}.",
            "{p} per cent of {n} is what number?",
            "Take {p}% of {n}, what do you get?",
            "I pay {p}% of {n} as a deposit. How much is that?",
        ),
        "off": (
            "Something costs {n} and is reduced by {p}%. What is the new price?",
            "{n} minus a discount of {p} percent: what do I pay?",
            "What is left of {n} after {p}% are taken off?",
            "The shop gives {p}% off. The tag says {n}. Final price?",
            "Reduce {n} by {p} percent.",
            "With {p}% less, what becomes of {n}?",
        ),
        "up": (
            "A rent of {n} goes up by {p}%. What is it then?",
            "Add {p}% tax to {n}.",
            "{n} plus {p} percent?",
            "What is {n} when it grows by {p}%?",
            "Increase {n} by {p} per cent and tell me the result",
            "My bill is {n} before a tip of {p}%. How much altogether?",
        ),
        "share": (
            "What percentage of {n} is {p}?",
            "{p} out of {n}: how many percent is that?",
            "How many per cent of {n} are {p}?",
            "{p} of our {n} members came. What percentage?",
            "Express {p} as a percentage of {n}.",
            "I got {p} points of {n}. What is that in percent?",
        ),
    },
    group="sums",
)
def percentages(dice: Dice) -> Task:
    """Percentages with exact results."""
    variant = dice.choice(("of", "off", "up", "share"))
    if variant == "share":
        n = dice.choice((20, 25, 40, 50, 80, 200, 250, 400, 500))
        p = dice.randint(1, n - 1)
        code, result = f"print({p} / {n} * 100)", p / n * 100
        code = f"print(round({p} / {n} * 100, 2))"
        return _by_code(
            dice, variant, {"p": str(p), "n": str(n)}, code, _plain_number(round(result, 2)), "It is {}%."
        )
    n, p = dice.randint(2, 90) * dice.choice((10, 20, 50)), dice.randint(2, 95)
    factor = {"of": f"{p} / 100", "off": f"(100 - {p}) / 100", "up": f"(100 + {p}) / 100"}[variant]
    whole = {"of": p, "off": 100 - p, "up": 100 + p}[variant]
    code = f"print(round({n} * {factor}, 2))"
    return _by_code(
        dice, variant, {"p": str(p), "n": str(n)}, code, _plain_number(round(n * whole / 100, 2)), "It is {}."
    )


@family(
    needs=("run_python",),
    phrasings={
        "sum": (
            "What is the sum of {numbers}?",
            "Add these up: {numbers}",
            "Total of {numbers}, please.",
            "{numbers} - how much is that all together?",
            "My receipts are {numbers}. What do they come to?",
            "Sum up {numbers}.",
            "I scored {numbers} in the rounds. How many points in total?",
        ),
        "average": (
            "What is the average of {numbers}?",
            "Mean of {numbers}?",
            "Calculate the arithmetic mean of {numbers}.",
            "My grades: {numbers}. What's the average?",
            "On average, how much are {numbers}?",
            "{numbers}: give me the mean value",
        ),
        "range": (
            "What is the difference between the largest and the smallest of {numbers}?",
            "How far apart are the biggest and smallest number in {numbers}?",
            "Range (maximum minus minimum) of {numbers}?",
            "Take the highest and the lowest of {numbers} and subtract them.",
            "By how much does the top value of {numbers} exceed the bottom one?",
            "My readings were {numbers}. Maximum minus minimum makes what?",
        ),
        "median": (
            "What is the median of {numbers}?",
            "Median of {numbers}, please.",
            "Give me the middle value when {numbers} are sorted.",
            "Find the median: {numbers}",
            "Put {numbers} in order; which one is in the middle?",
            "Our times were {numbers}; I am after the median of them",
        ),
    },
    group="sums",
)
def numbers_in_the_goal(dice: Dice) -> Task:
    """Numbers that stand in the goal: their sum, mean, range or median."""
    variant = dice.choice(("sum", "sum", "average", "range", "median"))
    count = dice.choice((5, 7, 9)) if variant == "median" else dice.choice((4, 5, 8, 10))
    if variant == "average" and count in (8, 10):  # two decimals are exact
        count = 5
    numbers: list[float] = [float(dice.randint(2, 900)) for _ in range(count)]
    if variant == "sum" and dice.maybe(0.3):
        numbers = [round(each + dice.randint(1, 99) / 100, 2) for each in numbers]
    shown = [_plain_number(each) for each in numbers]
    between = dice.choice((", ", ", ", " "))
    text = between.join(shown)
    if between == ", " and dice.maybe(0.4):
        text = f"{', '.join(shown[:-1])} and {shown[-1]}"
    head = f"numbers = [{', '.join(shown)}]\n"
    match variant:
        case "sum":
            code, result, said = "print(round(sum(numbers), 2))", round(sum(numbers), 2), "The sum is {}."
        case "average":
            result, said = round(sum(numbers) / count, 2), "The average is {}."
            code = "print(round(sum(numbers) / len(numbers), 2))"
        case "range":
            code, result = "print(max(numbers) - min(numbers))", max(numbers) - min(numbers)
            said = "The difference is {}."
        case _:
            code, result = "print(sorted(numbers)[len(numbers) // 2])", sorted(numbers)[count // 2]
            said = "The median is {}."
    return _by_code(dice, variant, {"numbers": text}, head + code, _plain_number(result), said)


_UNITS = (
    ("kilometres", "metres", "* 1000", 1000.0),
    ("metres", "kilometres", "/ 1000", 0.001),
    ("hours", "minutes", "* 60", 60.0),
    ("minutes", "hours", "/ 60", 1 / 60),
    ("days", "hours", "* 24", 24.0),
    ("weeks", "days", "* 7", 7.0),
    ("hours", "seconds", "* 3600", 3600.0),
    ("inches", "centimetres", "* 2.54", 2.54),
    ("centimetres", "inches", "/ 2.54", 1 / 2.54),
    ("miles", "kilometres", "* 1.609344", 1.609344),
    ("kilometres", "miles", "/ 1.609344", 1 / 1.609344),
    ("kilograms", "grams", "* 1000", 1000.0),
    ("grams", "kilograms", "/ 1000", 0.001),
    ("litres", "millilitres", "* 1000", 1000.0),
    ("feet", "metres", "* 0.3048", 0.3048),
    ("metres", "centimetres", "* 100", 100.0),
    ("pounds", "kilograms", "* 0.45359237", 0.45359237),
    ("kilobytes", "bytes", "* 1000", 1000.0),
    ("dozens", "pieces", "* 12", 12.0),
    ("tonnes", "kilograms", "* 1000", 1000.0),
)


@family(
    needs=("run_python",),
    phrasings=(
        "How many {to} are {n} {unit}? Round to two decimals if needed.",
        "Convert {n} {unit} to {to} (at most two decimals).",
        "What is {n} {unit} in {to}, rounded to 2 decimals?",
        "{n} {unit} = how many {to}? Two decimals are enough.",
        "Express {n} {unit} in {to}, two places after the point at most.",
        "I have {n} {unit} and want to know that in {to}, rounded to two decimal places.",
        "Tell me {n} {unit} as {to}; round to hundredths.",
        "Turn {n} {unit} into {to} and round to two decimals",
        "In {to}, how much are {n} {unit}? (2 decimals)",
        "{n} {unit} in {to}? round it to two digits after the point",
        "How much is {n} {unit} when measured in {to}, to two decimals?",
        "Give the {to} that make {n} {unit}, rounded to two decimals if it is no whole number.",
        "Work out what {n} {unit} are in {to} (rounded, two decimals)",
        "Change of units: {n} {unit}, in {to}, two decimals.",
        "Our plan says {n} {unit}. What would that be in {to}, with two decimals?",
        "For {n} {unit}, calculate the {to} with up to 2 decimals",
    ),
    group="sums",
)
def change_of_units(dice: Dice) -> Task:
    """One unit to another."""
    unit, to, sign, _ = dice.choice(_UNITS)
    n = _plain_number(dice.randint(15, 4000) / dice.choice((1, 1, 10)))
    factor = float(sign[2:])
    result = round(float(n) * factor if sign[0] == "*" else float(n) / factor, 2)
    slots = {"n": n, "unit": unit, "to": to}
    return _by_code(
        dice, "plain", slots, f"print(round({n} {sign}, 2))", _plain_number(result), f"It is {{}} {to}."
    )


@dataclass(frozen=True)
class Story:
    """A small problem in words."""

    texts: tuple[str, ...]
    numbers: Callable[[Dice], dict[str, float]]
    sum: str
    """The code, with the numbers' names in braces."""
    said: str


STORIES: dict[str, Story] = {
    "shop": Story(
        (
            "I buy {a} notebooks at {p} each and {b} pens at {q} each. What do I pay in total?",
            "{a} tickets cost {p} each, {b} more cost {q} each. How much is it altogether?",
            "A cafe sold {a} teas for {p} apiece and {b} cakes for {q} apiece. What did it take in?",
            "Price of {a} chairs at {p} plus {b} tables at {q}, in total?",
            "We need {a} bags of soil ({p} each) and {b} pots ({q} each). What does everything cost?",
            "An order lists {a} lamps, unit price {p}, along with {b} bulbs, unit price {q}. Its sum?",
        ),
        lambda d: {
            "a": d.randint(3, 60),
            "p": d.randint(2, 90) / 2,
            "b": d.randint(2, 40),
            "q": d.randint(3, 60) / 2,
        },
        "{a} * {p} + {b} * {q}",
        "The total is {}.",
    ),
    "left": Story(
        (
            "The cellar had {a} apples. {b} were eaten and {c} new ones came in. How many are there now?",
            "A library has {a} books, gives away {b} and buys {c}. How many does it have after that?",
            "From {a} seats {b} were removed, later {c} were added. How many seats are there?",
            "My account held {a}. I spent {b} and got {c}. What is in it now?",
            "Start with {a}, lose {b}, win {c}: what do you end with?",
            "Out of our stock of {a} tins {b} got sold, then {c} were delivered. What is the stock now?",
        ),
        lambda d: {"a": d.randint(300, 4000), "b": d.randint(20, 290), "c": d.randint(15, 900)},
        "{a} - {b} + {c}",
        "It is {} now.",
    ),
    "trip": Story(
        (
            "A train goes {v} km per hour for {t} hours. How many km is that?",
            "I cycle at {v} km/h for {t} h. How far do I get, in km?",
            "How many kilometres does a boat cover in {t} hours at {v} km per hour?",
            "Driving {t} hours with {v} km/h on average makes how many km?",
            "At a speed of {v} km/h, what distance in km is done in {t} hours?",
            "The storm moves {v} kilometres each hour. Over {t} hours, what stretch is that in kilometres?",
        ),
        lambda d: {"v": d.randint(12, 240), "t": d.randint(3, 37) / 2},
        "{v} * {t}",
        "It is {} km.",
    ),
    "share": Story(
        (
            "{n} people share a bill of {s} equally. How much does each pay?",
            "Divide a prize of {s} among {n} winners. What does one of them get?",
            "If {n} friends split {s} evenly, what is the part of each?",
            "A rope of {s} metres is cut into {n} equal pieces. How long is one, in metres?",
            "{s} sweets go to {n} children, the same number to each. How many does a child get?",
            "We load {s} crates on {n} trucks, every truck taking equally many. What does each carry?",
        ),
        lambda d: (lambda n: {"n": n, "s": n * d.randint(7, 190)})(d.randint(3, 24)),
        "{s} / {n}",
        "Each part is {}.",
    ),
    "save": Story(
        (
            "I have {s} and save {m} every month. How much do I have after {n} months?",
            "A pot holds {s} coins and gets {m} more each month. How many after {n} months?",
            "Starting from {s}, adding {m} per month: what is there in {n} months?",
            "Our club has {s} members and wins {m} a month. How many will it have in {n} months?",
            "With {s} in the bank and {m} put in each month, what is there after {n} months (no interest)?",
            "Monthly {m} books join a shelf of {s}. To what does it grow within {n} months?",
        ),
        lambda d: {"s": d.randint(20, 3000), "m": d.randint(5, 400), "n": d.randint(3, 60)},
        "{s} + {m} * {n}",
        "It will be {}.",
    ),
    "area": Story(
        (
            "A room is {a} m long and {b} m wide. How many square metres are that?",
            "What is the area of a field of {a} by {b} metres, in square metres?",
            "How many tiles of one square metre cover a floor of {a} m times {b} m?",
            "A rectangle has sides of {a} and {b}. Its area?",
            "Lawn: {a} m by {b} m. What area is it?",
            "I have to paint a wall, {a} metres across and {b} metres high. Square metres to paint?",
        ),
        lambda d: {"a": d.randint(7, 190), "b": d.randint(4, 95)},
        "{a} * {b}",
        "The area is {}.",
    ),
    "round": Story(
        (
            "How long is a fence around a garden of {a} m by {b} m, in metres?",
            "What is the perimeter of a rectangle with sides {a} and {b}?",
            "I walk once round a field of {a} by {b} metres with four right angles. How many metres is that?",
            "A frame for a picture of {a} cm by {b} cm: how many cm of wood go around it?",
            "Sum of all four sides of a table of {a} by {b} cm?",
            "A rug measures {a} cm along and {b} cm across. To edge it, what length of ribbon do I need?",
        ),
        lambda d: {"a": d.randint(12, 300), "b": d.randint(9, 220)},
        "2 * ({a} + {b})",
        "It is {}.",
    ),
    "pages": Story(
        (
            "A book has {a} pages. I have read {b}. If I read {c} pages a day, in how many days am I done?",
            "{a} pages to go through, {b} are behind me, {c} each day from now on. How many days is that?",
            "Out of {a} letters {b} are sorted. With {c} sorted per day, how many more days does it take?",
            "We plant {a} trees, {b} are in the ground, and we manage {c} a day. How many days remain?",
            "There are {a} boxes, {b} of them packed. At {c} boxes a day, how many days are still needed?",
            "The team fixes {c} lamps daily. {b} out of {a} work again; the others take how many days?",
        ),
        lambda d: (lambda b, c: {"a": b + c * d.randint(3, 29), "b": b, "c": c})(
            d.randint(20, 300), d.randint(4, 40)
        ),
        "({a} - {b}) / {c}",
        "It takes {} days.",
    ),
}


@family(
    needs=("run_python",), phrasings={name: story.texts for name, story in STORIES.items()}, group="stories"
)
def problem_in_words(dice: Dice) -> Task:
    """A small problem in words, worked out by code."""
    variant = dice.choice(list(STORIES))
    story = STORIES[variant]
    slots = {name: _plain_number(value) for name, value in story.numbers(dice).items()}
    term = story.sum.format(**slots)
    result = _plain_number(eval(term, {"__builtins__": {}}))  # noqa: S307 - our own terms
    return _by_code(dice, variant, slots, f"print({term})", result, story.said)


@family(
    needs=("run_python", "write_file"),
    phrasings=(
        "Work out {term} and write the result to {target}.",
        "Put the result of {term} into {target}",
        "{target} should contain what {term} comes to, just the number.",
        "Calculate {term}, save the number as {target}",
        "How much is {term}? Store the answer, only the number, in {target}.",
        "Compute {term}; drop the result in a file {target}",
        "I need a file {target} with nothing but the value of {term} in it.",
        "Solve {term} and keep the result in {target}.",
        "Create {target} holding the number that {term} gives",
        "Write down in {target} what {term} is.",
        "Do the sum {term} and record the outcome, the bare number, in {target}.",
        "Evaluate {term}. The value goes in {target}, alone.",
        "Let {target} hold the answer to {term} (number only)",
        "{term} = ? Note the number in {target}",
        "Take {term}, do the maths, jot the result in {target}",
        "The outcome of {term} is to be stored, as a plain number, under {target}.",
    ),
    group="sums",
)
def sum_to_file(dice: Dice) -> Task:
    """A term's value into a file."""
    a, b, c = dice.randint(20, 4000), dice.randint(12, 900), dice.randint(3, 99)
    term = dice.choice(
        (f"{a} * {b}", f"{a} + {b} * {c}", f"({a} + {b}) * {c}", f"{a} * {c} - {b}", f"{a} + {b} + {c}")
    )
    result = str(eval(term, {"__builtins__": {}}))  # noqa: S307 - our own terms
    files = dice.clutter({})
    target = dice.file("txt", files)

    def policy() -> Plan:
        seen = yield call("run_python", code=f"print({term})")
        yield call("write_file", path=target, content=seen.text.strip())
        return f"{target} now holds {seen.text.strip()}."

    return Task({"term": term, "target": target}, files, policy, leaves({target: result}))


# --- dates and times


def _shown(dice: Dice, day: date) -> str:
    """A day as people write it, without doubt about which it is."""
    return dice.choice(
        (
            day.isoformat(),
            f"{day.day} {MONTHS[day.month - 1]} {day.year}",
            f"{MONTHS[day.month - 1]} {day.day}, {day.year}",
            day.isoformat(),
        )
    )


def _code_of(day: date) -> str:
    return f"date({day.year}, {day.month}, {day.day})"


def _some_day(dice: Dice) -> date:
    return date(1960, 1, 1) + timedelta(days=dice.randrange(28000))


@family(
    needs=("run_python",),
    phrasings=(
        "How many days are there from {start} to {end}?",
        "Number of days between {start} and {end}?",
        "How many days lie between {start} and {end}, not counting the first?",
        "Count the days from {start} until {end}.",
        "{start} to {end}: how many days later is that?",
        "If something began on {start} and ended on {end}, how many days later was the end?",
        "What is the difference in days between {start} and {end}?",
        "I was away from {start}, back on {end}. How many days after leaving did I return?",
        "Work out how many days after {start} the day {end} comes.",
        "Tell me how many days passed between {start} and {end}",
        "From {start}, how many days is it till {end}?",
        "Days from {start} to {end}, please",
        "How long is it from {start} to {end}, in days?",
        "Calculate the distance of {start} and {end} in days",
        "{end} minus {start} in days?",
        "On {start} we planted it, on {end} it bloomed. How many days did that take?",
    ),
    group="calendar",
)
def days_between(dice: Dice) -> Task:
    """Days between two dates."""
    start = _some_day(dice)
    end = start + timedelta(days=dice.randint(3, dice.choice((60, 400, 6000))))
    code = f"from datetime import date\nprint(({_code_of(end)} - {_code_of(start)}).days)"
    slots = {"start": _shown(dice, start), "end": _shown(dice, end)}
    return _by_code(dice, "plain", slots, code, str((end - start).days), "It is {} days.")


@family(
    needs=("run_python",),
    phrasings=(
        "What day of the week is {day}?",
        "Which weekday is {day}?",
        "Tell me the weekday of {day}.",
        "On which day of the week does {day} fall?",
        "{day} - is that a Monday, a Tuesday or what?",
        "Find out what weekday {day} is",
        "Is {day} a weekday or at the weekend, and which day exactly?",
        "The party is on {day}. What day of the week will that be?",
        "I was born on {day}. Which day of the week was it?",
        "Weekday for {day}?",
        "{day} falls on which day?",
        "Look at the calendar: what day of the week has the date {day}?",
        "Say which weekday belongs to {day}.",
        "Give me the name of the weekday of {day}",
        "Calculate the day of the week for {day}",
        "Do you know which weekday {day} is?",
    ),
    group="calendar",
)
def weekday_of(dice: Dice) -> Task:
    """The weekday of a date."""
    day = _some_day(dice)
    code = f'from datetime import date\nprint({_code_of(day)}.strftime("%A"))'
    shown = _shown(dice, day)
    files = dice.clutter({})

    def policy() -> Plan:
        seen = yield call("run_python", code=code)
        return f"{shown} is a {seen.text.strip()}."

    return Task({"day": shown}, files, policy, both(untouched(), says(WEEKDAYS[day.weekday()])))


@family(
    needs=("run_python",),
    phrasings={
        "after": (
            "Which date is {n} days after {day}? As YYYY-MM-DD.",
            "What is {day} plus {n} days, written YYYY-MM-DD?",
            "Add {n} days to {day} and give the date as YYYY-MM-DD.",
            "I have {n} days from {day} on. Until which date (YYYY-MM-DD)?",
            "{n} days later than {day}, what date is it? Use YYYY-MM-DD",
            "The loan starts on {day} and is due {n} days later. When is that, as YYYY-MM-DD?",
            "Count {n} days on from {day}; write the date like 2020-12-31.",
            "Tell me in the form YYYY-MM-DD what comes {n} days after {day}",
        ),
        "before": (
            "Which date is {n} days before {day}? As YYYY-MM-DD.",
            "What is {day} minus {n} days, written YYYY-MM-DD?",
            "Go back {n} days from {day} and give the date as YYYY-MM-DD.",
            "{n} days earlier than {day}, what date was it? Use YYYY-MM-DD",
            "We must start {n} days ahead of {day}. When is that, as YYYY-MM-DD?",
            "Subtract {n} days from {day}; write the date like 2020-12-31.",
            "Tell me in the form YYYY-MM-DD what was {n} days prior to {day}",
            "Reminder {n} days before {day}: on which date (YYYY-MM-DD)?",
        ),
    },
    group="calendar",
)
def date_with_distance(dice: Dice) -> Task:
    """The date some days after or before another."""
    variant = dice.choice(("after", "before"))
    day, n = _some_day(dice), dice.randint(4, dice.choice((40, 400, 3000)))
    sign = "+" if variant == "after" else "-"
    result = day + timedelta(days=n if variant == "after" else -n)
    code = f"from datetime import date, timedelta\nprint({_code_of(day)} {sign} timedelta(days={n}))"
    slots = {"n": str(n), "day": _shown(dice, day)}
    return _by_code(dice, variant, slots, code, result.isoformat(), "It is {}.")


@family(
    needs=("run_python",),
    phrasings=(
        "How many minutes are there from {start} to {end} on the same day?",
        "Minutes between {start} and {end} (same day)?",
        "A film runs from {start} till {end}. How many minutes is that?",
        "I worked from {start} to {end} without a break. How many minutes?",
        "The bus leaves at {start} and arrives at {end} the same day. Travel time in minutes?",
        "How long is it from {start} until {end}, in minutes?",
        "Start {start}, finish {end}: duration in minutes?",
        "Tell me how many minutes pass between {start} and {end}.",
        "We open at {start} and close at {end}. For how many minutes are we open?",
        "Count the minutes from {start} to {end}",
        "{end} minus {start}, in minutes?",
        "The bread went in at {start} and came out at {end}. How many minutes did it bake?",
        "Work out the number of minutes from {start} up to {end}",
        "What's the time in minutes between {start} and {end}?",
        "My shift: {start}-{end}. How many minutes?",
        "Give me the length, in minutes, of a meeting that lasts from {start} to {end}.",
    ),
    group="calendar",
)
def minutes_between(dice: Dice) -> Task:
    """Minutes between two times of a day."""
    start = dice.randint(5 * 60, 17 * 60)
    end = dice.randint(start + 7, 23 * 60)
    times = [f"{each // 60}:{each % 60:02d}" for each in (start, end)]
    one, two = (f"{each // 60} * 60 + {each % 60}" for each in (start, end))
    code = f"start = {one}\nend = {two}\nprint(end - start)"
    return _by_code(
        dice, "plain", {"start": times[0], "end": times[1]}, code, str(end - start), "It is {} minutes."
    )


# --- letters and words


def _word(dice: Dice) -> str:
    return dice.choice(
        (dice.noun(), f"{dice.noun()}{dice.noun()}", dice.made_up() + dice.made_up(), dice.city().lower())
    )


@family(
    needs=("run_python",),
    phrasings={
        "letter": (
            'How many times does the letter "{letter}" occur in "{word}"?',
            'Count the letter "{letter}" in "{word}".',
            'How many "{letter}" are in the word "{word}"?',
            'Number of "{letter}" in "{word}"?',
            'In "{word}", how often is there a "{letter}"?',
            'Tell me how many "{letter}" you find in "{word}"',
            'The word "{word}" has how many "{letter}" in it?',
        ),
        "length": (
            'How many letters does "{word}" have?',
            'How long is the word "{word}", in letters?',
            'Count the letters of "{word}".',
            'Number of characters in "{word}"?',
            'Tell me the length of "{word}"',
            'Of how many letters is "{word}" made?',
        ),
        "vowels": (
            'How many vowels (a, e, i, o, u) are in "{word}"?',
            'Count the vowels a, e, i, o and u in "{word}".',
            'Number of vowels (aeiou) in the word "{word}"?',
            'Which number of vowels, that is a, e, i, o, u, does "{word}" have?',
            'Tell me how many of the letters in "{word}" are one of a, e, i, o, u',
            'If only a, e, i, o, u count as vowels, what is the vowel count of "{word}"?',
        ),
    },
    group="letters",
)
def count_letters(dice: Dice) -> Task:
    """Count letters of a word."""
    variant = dice.choice(("letter", "letter", "length", "vowels"))
    word = _word(dice)
    slots = {"word": word}
    match variant:
        case "letter":
            letter = dice.choice(word) if dice.maybe(0.85) else dice.choice("aeioulrst")
            slots["letter"] = letter
            code, result = f'print("{word}".count("{letter}"))', word.count(letter)
            said = f'The letter "{letter}" occurs {{}} times in "{word}".'
        case "length":
            code, result, said = f'print(len("{word}"))', len(word), f'"{word}" has {{}} letters.'
        case _:
            code = f'print(sum(letter in "aeiou" for letter in "{word}"))'
            result, said = sum(each in "aeiou" for each in word), f'"{word}" has {{}} vowels.'
    return _by_code(dice, variant, slots, code, str(result), said)


@family(
    needs=("run_python",),
    phrasings={
        "backwards": (
            'What is "{word}" backwards?',
            'Reverse the word "{word}".',
            'Spell "{word}" from back to front, as one word.',
            'Write "{word}" the other way round',
            'Turn the letters of "{word}" around: what does it read?',
            '"{word}" in reverse?',
            'Read "{word}" from right to left and tell me the result.',
        ),
        "sorted": (
            'Put the letters of "{word}" in alphabetical order, without spaces.',
            'Sort the letters in "{word}" from a to z, as one word.',
            'What do you get if the letters of "{word}" are sorted alphabetically and joined?',
            'Arrange "{word}" letter by letter in the order of the alphabet, nothing between them',
            'Alphabetical order of the letters of "{word}", written together?',
            'Take "{word}" apart and write its letters down again, a first, z last, no gaps',
        ),
        "words": (
            "Sort these words alphabetically and separate them by commas: {word}",
            "Put {word} in alphabetical order, with commas between.",
            "Alphabetical order of {word}? With commas, please.",
            "Which order do {word} have in a dictionary? List them with commas.",
            "Arrange from A to Z, comma-separated: {word}",
            "I need {word} the way an index would have them, one comma after each but the last",
        ),
        "twice": (
            'Replace every "{letter}" in "{word}" by "{new}". What is the result?',
            'What does "{word}" become if each "{letter}" is turned into "{new}"?',
            'Swap all "{letter}" of "{word}" for "{new}" and tell me the word',
            'Take "{word}" and write "{new}" wherever there is a "{letter}".',
            'If "{letter}" were always "{new}", how would "{word}" be spelled?',
            'Exchange "{letter}" for "{new}" throughout "{word}" and show me what comes out',
        ),
    },
    group="letters",
)
def change_letters(dice: Dice) -> Task:
    """Reverse a word, sort its letters, sort words, or replace letters."""
    variant = dice.choice(("backwards", "backwards", "sorted", "words", "twice"))
    word = _word(dice)
    slots = {"word": word}
    match variant:
        case "backwards":
            code, result = f'print("{word}"[::-1])', word[::-1]
        case "sorted":
            code, result = f'print("".join(sorted("{word}")))', "".join(sorted(word))
        case "words":
            words = dice.nouns(dice.randint(3, 7))
            slots["word"] = ", ".join(words)
            code = f'words = "{", ".join(words)}".split(", ")\nprint(", ".join(sorted(words)))'
            result = ", ".join(sorted(words))
        case _:
            letter = dice.choice(word)
            new = dice.choice([each for each in "aeioumxzk" if each != letter])
            slots |= {"letter": letter, "new": new}
            code, result = f'print("{word}".replace("{letter}", "{new}"))', word.replace(letter, new)
    files = dice.clutter({})

    def policy() -> Plan:
        seen = yield call("run_python", code=code)
        return f"The result is {seen.text.strip()}."

    return Task(slots, files, policy, both(untouched(), says(result)), variant=variant)


# --- no tool at all


def _at_once(
    dice: Dice, variant: str, slots: Mapping[str, str], answer: str, wanted: str, never: tuple[str, ...] = ()
) -> Task:
    """A task that is answered without any call."""
    files = dice.clutter({})

    def policy() -> Plan:
        yield from ()
        return answer

    return Task(slots, files, policy, both(untouched(), says(wanted, never=never)), variant=variant)


CAPITALS = {
    "France": "Paris",
    "Italy": "Rome",
    "Spain": "Madrid",
    "Portugal": "Lisbon",
    "Germany": "Berlin",
    "Austria": "Vienna",
    "Poland": "Warsaw",
    "Greece": "Athens",
    "Norway": "Oslo",
    "Sweden": "Stockholm",
    "Finland": "Helsinki",
    "Denmark": "Copenhagen",
    "Ireland": "Dublin",
    "Hungary": "Budapest",
    "Japan": "Tokyo",
    "China": "Beijing",
    "Russia": "Moscow",
    "Egypt": "Cairo",
    "Kenya": "Nairobi",
    "Canada": "Ottawa",
    "Mexico": "Mexico City",
    "Cuba": "Havana",
    "Peru": "Lima",
    "Chile": "Santiago",
    "Argentina": "Buenos Aires",
    "Australia": "Canberra",
    "Thailand": "Bangkok",
    "South Korea": "Seoul",
    "Belgium": "Brussels",
    "the Czech Republic": "Prague",
    "Iceland": "Reykjavik",
    "Ghana": "Accra",
    "Iran": "Tehran",
    "Iraq": "Baghdad",
    "the United Kingdom": "London",
    "the Netherlands": "Amsterdam",
    "Croatia": "Zagreb",
    "Colombia": "Bogota",
    "the United States": "Washington",
    "Indonesia": "Jakarta",
    "Morocco": "Rabat",
    "Ukraine": "Kyiv",
}
OPPOSITES = {
    "hot": "cold",
    "big": "small|little",
    "up": "down",
    "left": "right",
    "day": "night",
    "open": "closed|shut",
    "fast": "slow",
    "old": "young|new",
    "light": "dark|heavy",
    "high": "low",
    "happy": "sad|unhappy",
    "full": "empty",
    "wet": "dry",
    "early": "late",
    "strong": "weak",
    "hard": "soft|easy",
    "long": "short",
    "rich": "poor",
    "loud": "quiet|silent",
    "thick": "thin",
    "clean": "dirty",
    "true": "false",
    "in": "out",
    "yes": "no",
    "inside": "outside",
    "first": "last",
    "good": "bad",
    "wide": "narrow",
    "always": "never",
    "before": "after",
    "cheap": "expensive",
    "above": "below|under",
    "win": "lose",
    "near": "far",
    "summer": "winter",
    "begin": "end",
}
YOUNG = {
    "dog": "puppy|pup",
    "cat": "kitten",
    "cow": "calf",
    "horse": "foal",
    "sheep": "lamb",
    "goat": "kid",
    "duck": "duckling",
    "goose": "gosling",
    "lion": "cub",
    "bear": "cub",
    "pig": "piglet",
    "kangaroo": "joey",
    "frog": "tadpole",
    "swan": "cygnet",
    "deer": "fawn",
    "hen": "chick",
}
SPANS = {
    "days in a week": "7|seven",
    "months in a year": "12|twelve",
    "hours in a day": "24|twenty-four",
    "minutes in an hour": "60|sixty",
    "seconds in a minute": "60|sixty",
    "legs on a spider": "8|eight",
    "sides in a triangle": "3|three",
    "sides in a square": "4|four",
    "wheels on a bicycle": "2|two",
    "letters in the English alphabet": "26|twenty-six",
    "legs on an insect": "6|six",
    "strings on a violin": "4|four",
    "players in a football team on the pitch": "11|eleven",
    "corners in a hexagon": "6|six",
    "years in a century": "100",
    "years in a decade": "10|ten",
    "cents in a euro": "100",
    "centimetres in a metre": "100",
    "eggs in a dozen": "12|twelve",
    "grams in a kilogram": "1000",
    "metres in a kilometre": "1000",
    "days in April": "30|thirty",
    "days in May": "31",
    "seasons in a year": "4|four",
    "fingers on one hand": "5|five",
    "weeks in a year": "52",
    "faces on a die": "6|six",
    "squares on a chessboard": "64",
    "degrees in a right angle": "90",
    "planets in the solar system": "8|eight",
    "musicians in a trio": "3|three",
    "keys on a usual piano": "88",
    "days in a leap year": "366",
    "arms on an octopus": "8|eight",
}
CONTINENTS = {
    "Brazil": "South America",
    "Kenya": "Africa",
    "Japan": "Asia",
    "France": "Europe",
    "Canada": "North America",
    "Peru": "South America",
    "India": "Asia",
    "Nigeria": "Africa",
    "Norway": "Europe",
    "Vietnam": "Asia",
    "Morocco": "Africa",
    "Mexico": "North America",
    "Italy": "Europe",
    "China": "Asia",
    "Chile": "South America",
    "Portugal": "Europe",
    "Ethiopia": "Africa",
    "Mongolia": "Asia",
    "Argentina": "South America",
    "Ireland": "Europe",
}
COLORS = {
    "fresh grass": "green",
    "snow": "white",
    "a ripe banana": "yellow",
    "coal": "black",
    "a ripe tomato": "red",
    "a carrot": "orange",
    "the clear sky by day": "blue",
    "blood": "red",
    "an emerald": "green",
    "milk": "white",
    "a lemon": "yellow",
    "chocolate": "brown",
    "a ruby": "red",
    "a sapphire": "blue",
    "cotton": "white",
}


@family(
    needs=(),
    phrasings={
        "capital": (
            "What is the capital of {x}?",
            "Which city is the capital of {x}?",
            "Name the capital of {x}.",
            "{x}'s capital?",
            "Tell me the capital city of {x}",
            "Do you know the capital of {x}?",
            "The capital of {x} is called what?",
            "In which city does the government of {x} sit, I mean its capital?",
        ),
        "opposite": (
            'What is the opposite of "{x}"?',
            'Opposite of "{x}"?',
            'Give me a word that means the opposite of "{x}".',
            'Which word is the contrary of "{x}"?',
            'Not "{x}" but... what is its opposite?',
            'Name an antonym of "{x}"',
            'What do you call the reverse of "{x}"?',
        ),
        "young": (
            "What is a young {x} called?",
            "How do you call the baby of a {x}?",
            "What's the word for a baby {x}?",
            "Name for a {x}'s young?",
            "A little {x} that was just born is a what?",
            "Tell me the English word for the young of a {x}",
        ),
        "count": (
            "How many {x} are there?",
            "Tell me the number of {x}.",
            "What is the number of {x}?",
            "How many {x}?",
            "Do you know how many {x} there are?",
            "The number of {x}, please",
            "{x}: how many?",
        ),
        "continent": (
            "On which continent is {x}?",
            "Which continent does {x} belong to?",
            "What continent is {x} in?",
            "{x} lies on which continent?",
            "Name the continent of {x}.",
            "Tell me on what continent I find {x}",
        ),
        "color": (
            "What color is {x}?",
            "Which colour does {x} have?",
            "What is the usual color of {x}?",
            "Tell me the colour of {x}.",
            "Color of {x}?",
            "If you picture {x}, what color is it?",
        ),
    },
    group="at_once",
)
def known_by_heart(dice: Dice) -> Task:
    """General knowledge of a few kinds; nothing has to be looked up."""
    variant = dice.choice(
        ("capital", "capital", "opposite", "opposite", "young", "count", "count", "continent", "color")
    )
    tables = {
        "capital": CAPITALS,
        "opposite": OPPOSITES,
        "young": YOUNG,
        "count": SPANS,
        "continent": CONTINENTS,
        "color": COLORS,
    }
    x = dice.choice(list(tables[variant]))
    wanted = tables[variant][x]
    best = wanted.split("|")[0]
    article = "an" if best[:1] in "aeiou" else "a"
    answer = {
        "capital": f"The capital of {x} is {best}.",
        "opposite": f'The opposite of "{x}" is "{best}".',
        "young": f"A young {x} is called {article} {best}.",
        "count": f"There are {best} {x}.",
        "continent": f"{x} is in {best}.",
        "color": f"{x[0].upper()}{x[1:]} is {best}.",
    }[variant]
    return _at_once(dice, variant, {"x": x}, answer, wanted)


QUESTIONS: tuple[tuple[str, str, str], ...] = (
    ("which day comes after Monday", "Tuesday comes after Monday.", "Tuesday"),
    ("which day comes before Sunday", "Saturday comes before Sunday.", "Saturday"),
    ("which month comes after March", "April comes after March.", "April"),
    ("which month is the first of the year", "January is the first month.", "January"),
    ("which month is the last of the year", "December is the last month.", "December"),
    ("what you get when you mix blue and yellow", "Blue and yellow make green.", "green"),
    ("what you get when you mix red and yellow", "Red and yellow make orange.", "orange"),
    ("what you get when you mix red and white", "Red and white make pink.", "pink"),
    ("what the frozen form of water is called", "Frozen water is called ice.", "ice"),
    ("at how many degrees Celsius water freezes", "Water freezes at 0 degrees Celsius.", "0|zero"),
    ("at how many degrees Celsius water boils at sea level", "Water boils at 100 degrees Celsius.", "100"),
    ("what the chemical formula of water is", "The formula of water is H2O.", "H2O"),
    ("which planet we live on", "We live on the Earth.", "Earth"),
    ("which planet is closest to the sun", "Mercury is closest to the sun.", "Mercury"),
    ("which planet is the largest in the solar system", "Jupiter is the largest planet.", "Jupiter"),
    ("which planet is known as the red one", "Mars is the red planet.", "Mars"),
    ("which star the Earth goes around", "The Earth goes around the sun.", "sun"),
    ("what goes around the Earth and shines at night", "The moon goes around the Earth.", "moon"),
    ("in which direction the sun rises", "The sun rises in the east.", "east"),
    ("in which direction the sun sets", "The sun sets in the west.", "west"),
    (
        "which ocean lies between Europe and America",
        "The Atlantic lies between Europe and America.",
        "Atlantic",
    ),
    ("which ocean is the largest", "The Pacific is the largest ocean.", "Pacific"),
    ("which animal gives us wool", "Sheep give us wool.", "sheep"),
    ("which animal makes honey", "Bees make honey.", "bee|bees|honeybee|honeybees"),
    ("which animal says moo", "A cow says moo.", "cow|cows"),
    ("which animal barks", "A dog barks.", "dog|dogs"),
    (
        "which animal has a very long neck and eats leaves",
        "The giraffe has a very long neck.",
        "giraffe|giraffes",
    ),
    ("which animal has a trunk", "The elephant has a trunk.", "elephant|elephants"),
    (
        "which bird cannot fly, lives in the cold south and swims well",
        "The penguin swims well.",
        "penguin|penguins",
    ),
    ("which is the largest animal on Earth", "The blue whale is the largest animal.", "whale"),
    (
        "which animal is known to carry its house on its back and is slow",
        "The snail carries its house.",
        "snail|tortoise",
    ),
    ("which language is spoken in Brazil", "Portuguese is spoken in Brazil.", "Portuguese"),
    ("which language is spoken in Austria", "German is spoken in Austria.", "German"),
    ("which language most people speak in Mexico", "Most people in Mexico speak Spanish.", "Spanish"),
    ("which language people speak in Japan", "People in Japan speak Japanese.", "Japanese"),
    ("what the currency of Japan is called", "The currency of Japan is the yen.", "yen"),
    ("what the currency of the United Kingdom is called", "The currency is the pound.", "pound|pounds"),
    ("who wrote Romeo and Juliet", "Shakespeare wrote Romeo and Juliet.", "Shakespeare"),
    ("who painted the Mona Lisa", "Leonardo da Vinci painted the Mona Lisa.", "Leonardo|da Vinci"),
    ("in which city the Eiffel Tower stands", "The Eiffel Tower stands in Paris.", "Paris"),
    ("in which city the Colosseum is", "The Colosseum is in Rome.", "Rome"),
    ("in which country the pyramids of Giza are", "The pyramids of Giza are in Egypt.", "Egypt"),
    ("what bread is mainly made of", "Bread is mainly made of flour.", "flour"),
    ("what cheese is made from", "Cheese is made from milk.", "milk"),
    ("what wine is made from", "Wine is made from grapes.", "grapes|grape"),
    ("what raisins are made from", "Raisins are dried grapes.", "grapes|grape"),
    ("which fruit cider is usually made from", "Cider is usually made from apples.", "apples|apple"),
    ("what paper is usually made from", "Paper is usually made from wood.", "wood"),
    ("what glass is mainly made from", "Glass is mainly made from sand.", "sand"),
    ("which organ pumps blood through the body", "The heart pumps blood.", "heart"),
    ("which organ we think with", "We think with the brain.", "brain"),
    ("which organs we breathe with", "We breathe with the lungs.", "lungs|lung"),
    ("which sense the ears are for", "The ears are for hearing.", "hearing"),
    ("which season comes after winter", "Spring comes after winter.", "spring"),
    ("which season comes after summer", "Autumn comes after summer.", "autumn|fall"),
    ("what the plural of child is", 'The plural of child is "children".', "children"),
    ("what the plural of mouse is", 'The plural of mouse is "mice".', "mice"),
    ("what the plural of foot is", 'The plural of foot is "feet".', "feet"),
    ("what the past tense of go is", 'The past tense of go is "went".', "went"),
    ("what the past tense of eat is", 'The past tense of eat is "ate".', "ate"),
    ("what the past tense of buy is", 'The past tense of buy is "bought".', "bought"),
    ("which letter comes after A in the alphabet", "B comes after A.", "B"),
    ("which letter is the last of the English alphabet", "Z is the last letter.", "Z"),
    ("which number comes after nine", "Ten comes after nine.", "10|ten"),
    ("what two plus two is", "Two plus two is four.", "4|four"),
    ("what three times three is", "Three times three is nine.", "9|nine"),
    ("what half of ten is", "Half of ten is five.", "5|five"),
    ("what a person who bakes bread is called", "Somebody who bakes bread is a baker.", "baker"),
    ("what a person who flies a plane is called", "Somebody who flies a plane is a pilot.", "pilot"),
    ("what a person who repairs pipes is called", "Somebody who repairs pipes is a plumber.", "plumber"),
    (
        "what a person who looks after teeth is called",
        "Somebody who looks after teeth is a dentist.",
        "dentist",
    ),
    ("what the room is called in which people cook", "People cook in the kitchen.", "kitchen"),
    ("what you use to cut paper", "You cut paper with scissors.", "scissors"),
    ("what you put on your feet before you go out", "You put on shoes.", "shoes"),
    ("what you open when it rains so that you stay dry", "You open an umbrella.", "umbrella"),
    ("which instrument shows the time", "A clock shows the time.", "clock|watch"),
    ("which instrument measures temperature", "A thermometer measures temperature.", "thermometer"),
    ("which instrument points north", "A compass points north.", "compass"),
    ("which instrument has black and white keys", "The piano has black and white keys.", "piano"),
    ("what the brother of one's mother is called", "The brother of one's mother is an uncle.", "uncle"),
    (
        "what the mother of one's father is called",
        "The mother of one's father is a grandmother.",
        "grandmother|grandma",
    ),
    ("what a shape with three sides is called", "A shape with three sides is a triangle.", "triangle"),
    ("what a shape with five sides is called", "A shape with five sides is a pentagon.", "pentagon"),
    ("which metal is yellow and used for rings", "Gold is used for rings.", "gold"),
    ("which gas people need to breathe", "People need oxygen.", "oxygen"),
    ("which force pulls things to the ground", "Gravity pulls things to the ground.", "gravity"),
    ("what caterpillars turn into", "Caterpillars turn into butterflies.", "butterflies|butterfly"),
    ("where fish live", "Fish live in water.", "water"),
    ("what cows mostly eat", "Cows mostly eat grass.", "grass"),
    ("what pandas mostly eat", "Pandas mostly eat bamboo.", "bamboo"),
    (
        "whether the Earth is larger than the moon",
        "Yes, the Earth is larger than the moon.",
        "yes|larger|bigger",
    ),
    ("whether fire is cold", "No, fire is hot.", "no|hot|not|isn't"),
    ("whether fish can swim", "Yes, fish can swim.", "yes|can swim|swim"),
    ("whether a week has eight days", "No, a week has seven days.", "no|seven|7|doesn't|does not"),
    ("whether whales are fish", "No, whales are mammals.", "no|mammals|mammal|not|aren't"),
    ("whether ten is more than four", "Yes, ten is more than four.", "yes|more|greater|larger|bigger"),
    ("what HTML stands for", "HTML stands for HyperText Markup Language.", "markup"),
    ("what the abbreviation USB stands for", "USB stands for Universal Serial Bus.", "universal serial bus"),
    ("what the abbreviation CSV stands for", "CSV stands for comma-separated values.", "values"),
    ("which ending Python programs usually have", "Python programs usually end in .py.", ".py|py"),
    ("what eight bits are called", "Eight bits are a byte.", "byte"),
    ("how you say hello in French", 'Hello in French is "bonjour".', "bonjour|salut"),
    ("how you say thank you in Spanish", 'Thank you in Spanish is "gracias".', "gracias"),
    ("how you say yes in German", 'Yes in German is "ja".', "ja"),
    ("what the Roman numeral X means", "The Roman numeral X means ten.", "10|ten"),
    ("what the Roman numeral V means", "The Roman numeral V means five.", "5|five"),
)


@family(
    needs=(),
    phrasings=(
        "Do you know {question}?",
        "Can you tell me {question}?",
        "Tell me {question}.",
        "I would like to know {question}.",
        "My child wants to know {question}. Can you say?",
        "Quiz question: {question}?",
        "Just a quick question, {question}?",
        "I forgot {question}. Help me",
        "Say {question}",
        "Off the top of your head: {question}?",
        "We were wondering {question}. Any idea?",
        "No need to look at the files, just say {question}.",
        "For a crossword I need to know {question}",
        "Explain in one sentence {question}.",
        "This has nothing to do with the files: {question}?",
        "Let's see whether you know {question}.",
        "Would you happen to know {question}?",
        "Somebody asked me {question}. What should I say?",
    ),
    group="at_once",
)
def plain_question(dice: Dice) -> Task:
    """A question that everybody can answer."""
    question, answer, wanted = dice.choice(QUESTIONS)
    never: tuple[str, ...] = ()
    if question.startswith("whether "):  # the fact answers too, but not against the truth
        never = ("yes",) if answer.startswith("No") else ("no", "not", "isn't", "cannot", "can't")
    return _at_once(dice, "plain", {"question": question}, answer, wanted, never)


@family(
    needs=(),
    phrasings={
        "hello": (
            "Hello, are you there?",
            "Hi there, can you hear me?",
            "Good morning! Are you awake?",
            "Hey, anybody home?",
            "Hi! How are you?",
            "Good evening, how are you doing?",
            "Hello",
            "hi",
            "Hey, how is it going?",
            "Greetings, all well?",
            "Good afternoon. Ready to work?",
            "Hello again, how do you do?",
            "Nice to meet you, how are you today?",
            "Are you online?",
            "Testing, testing. Is this working?",
            "Say hello",
        ),
        "able": (
            "What can you do?",
            "How can you help me?",
            "What are you good at?",
            "Which kinds of things can I ask you?",
            "What sort of tasks do you handle?",
            "Who are you and what do you do?",
            "What are you?",
            "I'm new here. What can I use you for?",
            "Tell me in a sentence what you are able to do.",
            "Explain briefly what you can do for me",
            "Describe your abilities in one sentence.",
            "In what way are you useful?",
            "What is it that you do here?",
            "Give me a short idea of what you can help with",
        ),
        "thanks": (
            "Thanks, that was all.",
            "Thank you very much, that's everything",
            "Great work, thank you!",
            "Cheers, nothing else for now",
            "Perfect. Thanks a lot!",
            "That helped a lot, many thanks",
            "You did well, thank you, nothing more to do.",
            "Thanks for everything, shall we stop here?",
            "All done for today, thank you!",
            "I appreciate your help. No further tasks.",
        ),
        "bye": (
            "Goodbye, until next time?",
            "Bye, see you tomorrow!",
            "Good night!",
            "I'm leaving now, goodbye.",
            "See you later",
            "Time to go home. Bye!",
            "That's it for today, bye bye",
            "Until Monday, take care!",
        ),
    },
    group="at_once",
)
def small_talk(dice: Dice) -> Task:
    """Greetings, thanks, and what can you do."""
    variant = dice.choice(("hello", "hello", "able", "able", "thanks", "bye"))
    answer, wanted = {
        "hello": ("Hello! I am here and ready. What can I do for you?", "hello|hi|ready|here|fine|well|good"),
        "able": (
            "I can read, search, write and move the files of this folder, run code, and answer questions.",
            "files|file",
        ),
        "thanks": ("You are welcome!", "welcome|pleasure|glad|happy|anytime"),
        "bye": ("Goodbye, and take care!", "goodbye|bye|care|see you|good night|later"),
    }[variant]
    return _at_once(dice, variant, {}, answer, wanted)


def names_first(number: str) -> Check:
    """The first number of the answer is this one: who names both says the larger one first."""

    def check(after: After) -> bool:
        return re.findall(r"\d+(?:\.\d+)?", after.answer.replace(",", ""))[:1] == [number]

    return check


@family(
    needs=("run_python",),
    phrasings={
        "bigger": (
            "Which is larger, {a} or {b}?",
            "Is {a} or {b} the bigger number?",
            "{a} vs {b}: which one is greater?",
            "Tell me the larger of {a} and {b}.",
            "Of the two numbers {a} and {b}, which is higher?",
            "Compare {a} with {b}. The bigger one is?",
        ),
        "prime": (
            "Is {a} a prime number? Yes or no.",
            "Tell me whether {a} is prime, yes or no.",
            "{a}: prime? Answer with yes or no.",
            "Check if {a} has no divisors but 1 and itself (yes or no).",
            "Yes or no: {a} is a prime.",
            "Can {a} be divided by nothing but itself and one? Say yes or no.",
        ),
        "root": (
            "What is the square root of {a}?",
            "Square root of {a}, please.",
            "Which number times itself gives {a}?",
            "sqrt({a}) = ?",
            "Find the positive number whose square is {a}.",
            "How long is the side of a square with an area of {a}?",
        ),
        "common": (
            "What is the greatest common divisor of {a} and {b}?",
            "Largest number that divides both {a} and {b}?",
            "gcd of {a} and {b}?",
            "Find the biggest common factor of {a} and {b}.",
            "By which greatest number can {a} and {b} both be divided evenly?",
            "Two ropes, {a} and {b} cm: into pieces of what greatest equal whole length can I cut both?",
        ),
    },
    group="sums",
)
def about_numbers(dice: Dice) -> Task:
    """Which is larger, is it prime, its root, their divisor."""
    variant = dice.choice(("bigger", "prime", "root", "common"))
    files = dice.clutter({})
    a, b, check = "", "", untouched()
    match variant:
        case "bigger":
            whole = dice.randint(0, 40)
            a, b = dice.choice(
                (
                    (f"{whole}.{dice.randint(2, 9)}", f"{whole}.{dice.randint(10, 99)}"),
                    (str(dice.randint(9000, 11000)), str(dice.randint(9000, 11000))),
                )
            )
            if float(a) == float(b):
                return about_numbers(dice)
            a, b = (b, a) if dice.maybe() else (a, b)
            result = a if float(a) > float(b) else b
            code, wanted, said = f"print(max({a}, {b}))", result, "The larger number is {}."
            check = both(check, names_first(result))
        case "prime":
            number = dice.choice(
                (dice.randint(50, 2000), dice.choice((101, 127, 211, 307, 401, 503, 701, 997, 1009, 1499)))
            )
            prime = all(number % each for each in range(2, int(number**0.5) + 1))
            a = str(number)
            code = f"print(all({a} % n for n in range(2, {a})))"
            wanted = "yes" if prime else "no"
            said = f"Yes, {a} is prime." if prime else f"No, {a} is not prime."
        case "root":
            root = dice.randint(13, 400)
            a = str(root * root)
            code, wanted, said = f"print({a} ** 0.5)", _ways(str(root)), "It is {}."
        case _:
            factor = dice.randint(3, 60)
            one, two = factor * dice.randint(3, 40), factor * dice.randint(3, 40)
            if one == two:
                return about_numbers(dice)
            a, b = str(one), str(two)
            while two:
                one, two = two, one % two
            code, wanted, said = f"import math\nprint(math.gcd({a}, {b}))", str(one), "It is {}."

    def policy() -> Plan:
        seen = yield call("run_python", code=code)
        return said.format(seen.text.strip().removesuffix(".0"))

    slots = {"a": a, **({"b": b} if b else {})}
    return Task(slots, files, policy, both(check, says(wanted)), variant=variant)
