"""Tools that work something out from what they are given; none of them is held out."""

from datetime import date, timedelta
from typing import Literal

from agentkit.core.errors import ToolFault
from agentkit.core.tools import Effect
from agentkit.tooling.tool import tool
from episodes import words
from episodes.dice import Dice
from episodes.user_tools.shape import Use, UserTool, number, user_tool

ZONES = {"near": 3.0, "far": 7.5, "overseas": 14.0}


@user_tool(
    "shop",
    asks={
        "plain": """
        What does it cost to ship {weight} kg to the {zone} zone?
        Shipping for {weight} kg, zone {zone}?
        How much is the postage of a {weight} kg box to zone {zone}?
        I want to send {weight} kg to the zone {zone}, what do I pay?
        A parcel weighs {weight} kg and goes to zone {zone}: how much?
        Work out the delivery charge for {weight} kg in zone {zone}
        Delivery to zone {zone} with {weight} kilos, price?
        What will we charge a customer for sending {weight} kg into the {zone} zone?
        """,
        "express": """
        What does express shipping of {weight} kg to the {zone} zone cost?
        Express, {weight} kg, zone {zone}: how much?
        It has to go express: {weight} kg to zone {zone}. What is the charge?
        How much do we charge for {weight} kg to zone {zone} if it goes express?
        Work out the express delivery charge for {weight} kg in zone {zone}
        I want {weight} kg delivered by express to the {zone} zone, what do I pay?
        Price of sending {weight} kg to zone {zone} as express?
        Take express for a box of {weight} kg, zone {zone}. Cost?
        If {weight} kg to the {zone} zone must go express, what is it?
        Express rate for {weight} kg, zone {zone}?
        Look up express for {weight} kg into zone {zone}
        Tell me the express cost of a {weight} kg parcel to {zone}
        We need {weight} kg in zone {zone} fast, express. What does that come to?
        """,
    },
    things={
        "plain": """
        the shipping cost for {weight} kg to zone {zone}
        the price of sending {weight} kg to zone {zone}
        """,
        "express": """
        the express shipping cost for {weight} kg to zone {zone}
        the price of sending {weight} kg by express to zone {zone}
        """,
    },
)
def shipping_cost(dice: Dice, given: str | None) -> Use:
    """What a parcel costs, by weight and zone."""
    per_kilo = dice.randint(1, 9) / 2

    @tool(effect=Effect.PURE)
    def shipping_cost(weight: float, zone: Literal["near", "far", "overseas"], express: bool = False) -> str:
        """What it costs to send a parcel.

        Args:
            weight: Kilograms.
            zone: Where it goes.
            express: Whether it has to be fast.
        """
        return f"{(ZONES[zone] + weight * per_kilo) * (2 if express else 1):.2f}"

    weight, zone, express = float(given or dice.randint(1, 60) / 2), dice.choice(list(ZONES)), dice.maybe(0.4)
    arguments = {"weight": weight, "zone": zone} | ({"express": True} if express else {})
    value = shipping_cost(**arguments)
    return Use(
        shipping_cost, arguments, {"weight": number(weight), "zone": zone},
        f"It costs {value}.", value, "express" if express else "plain", "weight", "weight",
    )  # fmt: skip


@user_tool(
    "calendar",
    asks="""
    Which date is {days} days after {start}?
    What day do I get if I go {days} days on from {start}?
    {start} plus {days} days?
    It starts on {start} and takes {days} days, so when is it over?
    What will the date be {days} days from {start}?
    Add {days} days to {start}
    If today is {start}, what is the date in {days} days?
    Count {days} days onward from {start} and tell me where we land.
    I put a cross on {start} in my calendar. Where does the cross for {days} days later go?
    The deadline is {days} days off, counting from {start}. What date is that?
    """,
    things="""
    the date {days} days after {start}
    the day that comes {days} days after {start}
    """,
    kind="date",
    takes="day",
    strict=True,
)
def add_days(dice: Dice, given: str | None) -> Use:
    """A date some days later."""

    @tool(effect=Effect.PURE)
    def add_days(start: str, days: int) -> str:
        """The date some days after another.

        Args:
            start: As YYYY-MM-DD.
            days: How many.
        """
        return (iso(start) + timedelta(days=days)).isoformat()

    start, days = given or dice.day(), dice.randint(2, 200)
    value = add_days(start, days)
    return Use(
        add_days, {"start": start, "days": days}, {"start": start, "days": str(days)},
        f"{days} days after {start} is {value}.", value, key="start", slot="start",
        wrong={"start": other_date(dice, start)},
    )  # fmt: skip


@user_tool(
    "calendar",
    asks="""
    Which day of the week is {date}?
    What weekday was or will be {date}?
    Is {date} a Sunday or what? Tell me the weekday.
    On what day of the week does {date} fall?
    weekday of {date}?
    {date}: Monday, Tuesday, ...?
    I need the day of the week for {date}
    Does {date} fall on a weekend? Say which weekday it is.
    I only have the date, {date}. What day of the week do I write next to it?
    Between Monday and Sunday, which one is {date}?
    """,
    things="""
    the weekday of {date}
    the day of the week of {date}
    """,
    kind="date",
    takes="day",
    strict=True,
)
def weekday_of(dice: Dice, given: str | None) -> Use:
    """The weekday of a date."""

    @tool(effect=Effect.PURE)
    def weekday_of(date: str) -> str:
        """The day of the week of a date.

        Args:
            date: As YYYY-MM-DD.
        """
        return words.WEEKDAYS[iso(date).weekday()]

    when = given or dice.day()
    value = weekday_of(when)
    return Use(
        weekday_of, {"date": when}, {"date": when}, f"{when} is a {value}.", value, key="date", slot="date",
        wrong={"date": other_date(dice, when)},
    )  # fmt: skip


@user_tool(
    "calendar",
    asks="""
    How many days lie between {first} and {last}?
    How long is it from {first} to {last}, in days?
    Count the days from {first} until {last}
    days from {first} to {last}?
    I am away from {first} to {last}: how many days apart are they?
    How many days pass from {first} to {last}?
    What is the distance in days from {first} to {last}?
    Tell me how many days after {first} comes {last}
    My trip begins on {first} and ends on {last}. What's the gap in days?
    Take {first} and {last} and give me the difference in days
    """,
    things="""
    the number of days between {first} and {last}
    the number of days from {first} to {last}
    """,
    kind="date",
    takes="day",
    finds="number",
)
def days_between(dice: Dice, given: str | None) -> Use:
    """How many days lie between two dates."""

    @tool(effect=Effect.PURE)
    def days_between(first: str, last: str) -> int:
        """How many days lie between two dates.

        Args:
            first: As YYYY-MM-DD.
            last: As YYYY-MM-DD.
        """
        return abs((iso(last) - iso(first)).days)

    first = given or dice.day()
    last = (iso(first) + timedelta(days=dice.randint(2, 900))).isoformat()
    value = str(days_between(first, last))
    return Use(
        days_between, {"first": first, "last": last}, {"first": first, "last": last},
        f"{value} days lie between {first} and {last}.", value, key="first", slot="first",
    )  # fmt: skip


@user_tool(
    "measures",
    asks={
        "fahrenheit": """
        How much is {degrees} degrees Celsius in Fahrenheit?
        {degrees} C in fahrenheit?
        Turn {degrees} Celsius into Fahrenheit
        What do Americans call {degrees} degrees Celsius, in fahrenheit?
        Convert {degrees} degrees from Celsius to fahrenheit.
        My oven knows fahrenheit only; what is {degrees} C?
        Express {degrees} Celsius as fahrenheit
        I have {degrees} degrees Celsius and want fahrenheit
        """,
        "kelvin": """
        How much is {degrees} degrees Celsius in Kelvin?
        {degrees} C in kelvin?
        Turn {degrees} Celsius into Kelvin
        What is {degrees} degrees Celsius on the kelvin scale?
        Convert {degrees} degrees from Celsius to kelvin.
        The lab sheet wants kelvin; what is {degrees} C?
        Express {degrees} Celsius as kelvin
        I have {degrees} degrees Celsius and want kelvin
        """,
    },
    things={
        "fahrenheit": """
        the value of {degrees} C in fahrenheit
        the Fahrenheit figure for {degrees} C
        """,
        "kelvin": """
        the value of {degrees} C in kelvin
        the Kelvin figure for {degrees} C
        """,
    },
)
def convert_temperature(dice: Dice, given: str | None) -> Use:
    """Degrees in another scale."""

    @tool(effect=Effect.PURE)
    def convert_temperature(degrees: float, to: Literal["fahrenheit", "kelvin"]) -> str:
        """Turn degrees Celsius into another scale.

        Args:
            degrees: Degrees Celsius.
            to: The other scale.
        """
        return number(degrees * 1.8 + 32 if to == "fahrenheit" else degrees + 273.15)

    degrees = float(given or dice.randint(-30, 250))
    to = dice.choice(("fahrenheit", "kelvin"))
    value = convert_temperature(degrees, to)
    return Use(
        convert_temperature, {"degrees": degrees, "to": to}, {"degrees": number(degrees)},
        f"{number(degrees)} C is {value} {to}.", value, to, "degrees", "degrees",
    )  # fmt: skip


UNITS = {
    "mm": 0.001,
    "cm": 0.01,
    "inch": 0.0254,
    "foot": 0.3048,
    "yard": 0.9144,
    "km": 1000.0,
    "mile": 1609.344,
}
PAIRS = (
    ("cm", "inch"), ("inch", "cm"), ("foot", "yard"), ("mile", "km"), ("km", "mile"), ("mm", "inch"),
    ("yard", "foot"), ("inch", "mm"),
)  # fmt: skip


@user_tool(
    "measures",
    asks="""
    How much is {amount} {unit} in {into}?
    Convert {amount} {unit} to {into}
    {amount} {unit} in {into}?
    Turn {amount} {unit} into {into}.
    I measured {amount} {unit}, what is that in {into}?
    Express {amount} {unit} as {into}
    The plan says {amount} {unit}. I need it in {into}.
    What do {amount} {unit} make in the unit {into}?
    My ruler only shows {into}; where on it do I find {amount} {unit}?
    Had I said it in {into} and not as {amount} {unit}, what would the number be?
    """,
    things="""
    the length of {amount} {unit} in {into}
    the value of {amount} {unit} in {into}
    """,
)
def convert_length(dice: Dice, given: str | None) -> Use:
    """A length in another unit."""

    @tool(effect=Effect.PURE)
    def convert_length(
        amount: float,
        unit: Literal["mm", "cm", "inch", "foot", "yard", "km", "mile"],
        into: Literal["mm", "cm", "inch", "foot", "yard", "km", "mile"],
    ) -> str:
        """Turn a length into another unit.

        Args:
            amount: How much.
            unit: What it is measured in.
            into: What it should be measured in.
        """
        return number(amount * UNITS[unit] / UNITS[into])

    amount = float(given or dice.randint(2, 90))
    unit, into = dice.choice(PAIRS)
    value = convert_length(amount, unit, into)
    return Use(
        convert_length, {"amount": amount, "unit": unit, "into": into},
        {"amount": number(amount), "unit": unit, "into": into},
        f"{number(amount)} {unit} is {value} {into}.", value, key="amount", slot="amount",
    )  # fmt: skip


@user_tool(
    "restaurant bill",
    asks={
        "plain": """
        How much tip is right for a bill of {bill}?
        The bill is {bill}; what should I tip?
        tip on {bill}?
        We ate for {bill}, how much do I leave the waiter?
        What is the usual tip on {bill}?
        Work out the tip for a bill of {bill}
        I have to pay {bill} here. How large a tip?
        With {bill} on the bill, what would the tip be?
        The bill came to {bill}; what do I leave as a tip?
        Tip on {bill}?
        Suggest a tip for {bill}
        Dinner was {bill}. Tip?
        What is customary as a tip on {bill}
        """,
        "percent": """
        How much is a tip of {percent} percent on {bill}?
        The bill is {bill}; I want to tip {percent} %. How much is that?
        {percent}% tip on {bill}?
        We ate for {bill}. If I leave {percent} percent to the waiter, how much is it?
        Work out {percent} percent tip for a bill of {bill}
        I tip {percent} percent. The bill says {bill}. So?
        With {bill} on the bill, what would a {percent} percent tip be?
        Give me the tip at {percent} percent for {bill}
        Leaving {percent} percent on {bill} means how much?
        Tip at {percent}% of {bill}, please
        Calculate a {percent} % tip for {bill}
        How much would {percent} percent of tip be if the bill is {bill}?
        Dinner was {bill} and I leave {percent} percent, so the tip is?
        """,
    },
    things={
        "plain": """
        the tip on a bill of {bill}
        the usual tip for {bill}
        """,
        "percent": """
        the tip of {percent} percent on a bill of {bill}
        the {percent} percent tip for {bill}
        """,
    },
    kind="bill",
    takes="price",
)
def tip_for(dice: Dice, given: str | None) -> Use:
    """What to leave the waiter."""
    usual = dice.choice((8, 10, 12, 15))

    def amount(bill: float, percent: int) -> str:
        return f"{bill * percent / 100:.2f}"

    @tool(effect=Effect.PURE)
    def tip_for(bill: float, percent: int = usual) -> str:
        """What to leave the waiter for a bill.

        Args:
            bill: What was eaten for.
            percent: How much of it.
        """
        return amount(bill, percent)

    bill, percent = given or dice.price(), dice.choice((5, 7, 9, 11, 18, 20, 25))
    chosen = dice.maybe()
    arguments = {"bill": float(bill)} | ({"percent": percent} if chosen else {})
    slots = {"bill": bill} | ({"percent": str(percent)} if chosen else {})
    value = tip_for(**arguments)
    return Use(
        tip_for,
        arguments,
        slots,
        f"The tip is {value}.",
        value,
        "percent" if chosen else "plain",
        "bill",
        "bill",
    )


@user_tool(
    "restaurant bill",
    asks="""
    What does each pay if {people} split {total}?
    {total} shared by {people} people: how much each?
    We are {people} and the sum is {total}. What is my part?
    Split {total} among {people} people
    Divide a bill of {total} by {people}, what is one share?
    share of {total} for {people} people?
    {people} friends owe {total} together. How much is it for one?
    How much has everyone to pay when {people} people share {total}?
    The waiter brings a bill of {total} to a table of {people}. What does one person owe?
    There are {people} of us, so nobody pays {total} alone. What does it come to for one?
    """,
    things="""
    the share of each when {people} people split {total}
    the part of one person when {total} is shared by {people}
    """,
    kind="total",
    takes="price",
)
def split_bill(dice: Dice, given: str | None) -> Use:
    """What each has to pay."""

    @tool(effect=Effect.PURE)
    def split_bill(total: float, people: int) -> str:
        """What each has to pay when several share a bill.

        Args:
            total: The whole bill.
            people: How many share it.
        """
        return f"{total / people:.2f}"

    total, people = given or dice.price(), dice.randint(2, 12)
    value = split_bill(float(total), people)
    return Use(
        split_bill, {"total": float(total), "people": people}, {"total": total, "people": str(people)},
        f"Each pays {value}.", value, key="total", slot="total",
    )  # fmt: skip


@user_tool(
    "maths",
    asks="""
    What is the area of a {shape} that is {width} wide and {height} high?
    Area of a {shape}, {width} by {height}?
    How much room does a {shape} of width {width} and height {height} cover?
    A {shape} has width {width} and height {height}; what is its area?
    Compute the surface of a {shape}: width {width}, height {height}
    How large is a {shape} measuring {width} by {height}?
    I drew a {shape} {width} wide and {height} high. Its area?
    Give me the area for this {shape}: {width} wide, {height} high
    I'm painting a {shape}, {width} across and {height} tall. What area is that?
    Width {width}, height {height}, form {shape}. Now the area, please.
    """,
    things="""
    the area of a {shape} with width {width} and height {height}
    the area of a {shape} that is {width} wide and {height} high
    """,
)
def area_of(dice: Dice, given: str | None) -> Use:
    """The area of a shape."""

    @tool(effect=Effect.PURE)
    def area_of(shape: Literal["rectangle", "triangle", "diamond"], width: float, height: float) -> str:
        """The area of a shape.

        Args:
            shape: Its kind.
            width: From left to right.
            height: From top to bottom.
        """
        part = {"rectangle": 1.0, "triangle": 0.5, "diamond": 0.5}[shape]
        return number(width * height * part)

    shape = dice.choice(("rectangle", "triangle", "diamond"))
    width, height = float(given or dice.randint(2, 99)), dice.randint(2, 199) / 2
    value = area_of(shape, width, height)
    return Use(
        area_of, {"shape": shape, "width": width, "height": height},
        {"shape": shape, "width": number(width), "height": number(height)},
        f"The area of the {shape} is {value}.", value, key="width", slot="width",
    )  # fmt: skip


@user_tool(
    "maths",
    asks="""
    What is the greatest number that divides both {a} and {b}?
    Greatest common divisor of {a} and {b}?
    gcd {a} {b}?
    By which largest number can I divide {a} as well as {b}?
    Which is the biggest divisor that {a} and {b} share?
    Find the highest common factor of {a} and {b}
    {a} and {b}: largest divisor they have in common?
    I want to cut {a} and {b} into equal pieces as large as possible. How large?
    To reduce the fraction {a}/{b}, what do I divide both sides by at most?
    Of all numbers that go into {a} and into {b}, which one is on top?
    """,
    things="""
    the greatest common divisor of {a} and {b}
    the largest number that divides {a} and {b}
    """,
    kind="number",
    takes="number",
    finds="number",
)
def common_divisor(dice: Dice, given: str | None) -> Use:
    """The greatest common divisor of two numbers."""

    @tool(effect=Effect.PURE)
    def common_divisor(a: int, b: int) -> int:
        """The greatest number that divides two others.

        Args:
            a: One number.
            b: The other.
        """
        while b:
            a, b = b, a % b
        return a

    factor = dice.randint(2, 40)
    a, b = int(given or factor * dice.randint(2, 60)), factor * dice.randint(2, 60)
    value = str(common_divisor(a, b))
    return Use(
        common_divisor, {"a": a, "b": b}, {"a": str(a), "b": str(b)},
        f"The greatest common divisor of {a} and {b} is {value}.", value, key="a", slot="a",
    )  # fmt: skip


@user_tool(
    "maths",
    asks="""
    Which primes make up {n}?
    Break {n} into prime factors
    What are the prime factors of {n}?
    factorise {n}
    Write {n} as a product of primes.
    Into which primes does {n} fall apart?
    {n} as primes multiplied?
    Take {n} to pieces: which primes is it made of?
    My homework is to factor {n} until only primes remain. What remains?
    Multiplying which primes gives me {n}?
    """,
    things="""
    the prime factors of {n}
    the prime factorisation of {n}
    """,
    kind="number",
    takes="number",
)
def prime_factors(dice: Dice, given: str | None) -> Use:
    """The primes that a number is made of."""

    @tool(effect=Effect.PURE)
    def prime_factors(n: int) -> str:
        """The primes that a number is made of.

        Args:
            n: The number, from 2 on.
        """
        found: list[int] = []
        rest, divisor = n, 2
        while rest > 1 and divisor * divisor <= rest:
            while rest % divisor == 0:
                found.append(divisor)
                rest //= divisor
            divisor += 1
        return " x ".join(map(str, [*found, rest] if rest > 1 or not found else found))

    n = int(given or dice.randint(12, 9000))
    value = prime_factors(n)
    return Use(prime_factors, {"n": n}, {"n": str(n)}, f"{n} is {value}.", value, key="n", slot="n")


@user_tool(
    "maths",
    asks="""
    How do the Romans write {n}?
    {n} in Roman numerals?
    Turn {n} into a Roman numeral
    Write {n} the Roman way.
    What would a Roman carve for {n}?
    I need {n} with Roman letters
    Which Roman numeral stands for {n}?
    On a clock tower {n} would be which numeral? Roman please.
    {n} as a Roman numeral, please
    Give me {n} in Roman numerals
    Convert {n} to Roman
    Say {n} like a Roman would write it
    Roman for {n}?
    """,
    things="""
    the Roman numeral for {n}
    the Roman form of {n}
    """,
    kind="number",
    takes="number",
)
def roman_numeral(dice: Dice, given: str | None) -> Use:
    """A number as the Romans wrote it."""

    @tool(effect=Effect.PURE)
    def roman_numeral(n: int) -> str:
        """A number as the Romans wrote it.

        Args:
            n: The number.
        """
        if not 1 <= n <= 3999:
            raise ToolFault(f"{n} has no Roman numeral; numbers from 1 to 3999 have")
        parts = ((1000, "M"), (900, "CM"), (500, "D"), (400, "CD"), (100, "C"), (90, "XC"), (50, "L"),
                 (40, "XL"), (10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I"))  # fmt: skip
        text = ""
        for size, letters in parts:
            text += letters * (n // size)
            n %= size
        return text

    n = int(given) if given and 1 <= int(given) <= 3999 else dice.randint(4, 3999)
    value = roman_numeral(n)
    return Use(roman_numeral, {"n": n}, {"n": str(n)}, f"{n} is {value}.", value, key="n", slot="n")


@user_tool(
    "text tools",
    asks="""
    Write {text} backwards
    What is {text} read from the end?
    Reverse {text}
    {text} backwards?
    Turn the letters of {text} round.
    How does {text} look in a mirror, letter by letter from the end?
    Spell {text} from back to front.
    If I read {text} from right to left, what do I get?
    Start at the last letter of {text} and end at the first. What does that make?
    I'd like to see {text} with its order of letters reversed
    """,
    things="""
    the word {text} backwards
    the reverse of {text}
    """,
    kind="word",
    takes="item",
)
def backwards(dice: Dice, given: str | None) -> Use:
    """A text from its end."""

    @tool(effect=Effect.PURE)
    def backwards(text: str) -> str:
        """Turn a text round, last letter first.

        Args:
            text: Any text.
        """
        return text[::-1]

    text = given or dice.made_up()
    value = backwards(text)
    return Use(
        backwards,
        {"text": text},
        {"text": text},
        f"{text} backwards is {value}.",
        value,
        key="text",
        slot="text",
    )


@user_tool(
    "text tools",
    asks="""
    How often does {letter} occur in {text}?
    How many times is there a {letter} in {text}?
    Count the letter {letter} in {text}
    number of {letter} in {text}?
    In {text}, how many {letter} are there?
    Look at {text}: how often do you see {letter}?
    Does {text} hold the letter {letter}? How many times?
    Tell me the count of {letter} within {text}.
    I underline every {letter} in {text}. How many lines do I draw?
    Go through {text} and keep a tally of {letter}; where does it end?
    """,
    things="""
    the number of times that {letter} occurs in {text}
    the count of the letter {letter} in {text}
    """,
    kind="word",
    finds="number",
)
def count_letter(dice: Dice, given: str | None) -> Use:
    """How often a letter occurs."""

    @tool(effect=Effect.PURE)
    def count_letter(text: str, letter: str) -> int:
        """How often a letter occurs in a text.

        Args:
            text: The text.
            letter: One letter.
        """
        return text.lower().count(letter.lower())

    text = given or "".join(dice.made_up() for _ in range(3))
    letter = dice.choice(text)
    value = str(count_letter(text, letter))
    return Use(
        count_letter, {"text": text, "letter": letter}, {"text": text, "letter": letter},
        f"{letter} occurs {value} times in {text}.", value, key="text", slot="text",
    )  # fmt: skip


@user_tool(
    "text tools",
    asks="""
    Encode {text} with a shift of {shift}
    Put {text} into the secret alphabet that is moved by {shift}
    Cipher {text}, key {shift}
    What is {text} when every letter moves on by {shift}?
    Make a secret message of {text} with key {shift}
    Encrypt {text} by shifting {shift} letters.
    {text} in code, shifted by {shift}?
    Caesar would write {text} how, with {shift} letters of shift?
    Nobody should understand {text}. Move its letters on by {shift} and show me that.
    With a key of {shift}, which code word stands for {text}?
    """,
    things="""
    the cipher of {text} with shift {shift}
    the secret form of {text} with key {shift}
    """,
    kind="word",
    takes="item",
)
def shift_letters(dice: Dice, given: str | None) -> Use:
    """A word with every letter moved on."""

    @tool(effect=Effect.PURE)
    def shift_letters(text: str, shift: int) -> str:
        """Encrypt a text by moving each letter on in the alphabet.

        Args:
            text: The text.
            shift: By how many letters.
        """
        return "".join(chr((ord(c) - 97 + shift) % 26 + 97) if "a" <= c <= "z" else c for c in text.lower())

    text, shift = given or dice.noun(), dice.randint(1, 25)
    value = shift_letters(text, shift)
    return Use(
        shift_letters, {"text": text, "shift": shift}, {"text": text, "shift": str(shift)},
        f"{text} becomes {value}.", value, key="text", slot="text",
    )  # fmt: skip


@user_tool(
    "bank",
    asks="""
    What is the monthly rate of a loan of {amount} over {months} months?
    I borrow {amount} and pay it back in {months} months: how much each month?
    Loan of {amount}, {months} months, what rate?
    How much a month do I pay for {amount} in {months} months?
    Work out the monthly payment for {amount} over {months} months
    {amount} borrowed for {months} months; monthly payment?
    A customer wants {amount} for {months} months. What does he pay monthly?
    If the bank lends me {amount} for {months} months, what leaves my account every month?
    I need {amount} from the bank and have {months} months to return it. What is one instalment?
    Spread a loan of {amount} over {months} months and tell me the rate
    """,
    things="""
    the monthly rate for a loan of {amount} over {months} months
    the monthly payment for {amount} over {months} months
    """,
    kind="amount",
)
def loan_rate(dice: Dice, given: str | None) -> Use:
    """What a loan costs each month."""
    interest = dice.randint(3, 15) / 100

    @tool(effect=Effect.READS)
    def loan_rate(amount: int, months: int) -> str:
        """What has to be paid each month for a loan.

        Args:
            amount: What is borrowed.
            months: How long.
        """
        if months > 120:
            raise ToolFault(f"{months} months is too long; a loan runs for at most 120 months")
        return f"{amount * (1 + interest * months / 12) / months:.2f}"

    amount, months = int(given or dice.randint(5, 300) * 100), dice.choice((6, 12, 18, 24, 30, 36, 48, 60))
    value = loan_rate(amount, months)
    return Use(
        loan_rate, {"amount": amount, "months": months}, {"amount": str(amount), "months": str(months)},
        f"The monthly payment is {value}.", value, key="amount", slot="amount",
    )  # fmt: skip


@user_tool(
    "staff",
    asks="""
    What is left of a gross salary of {gross} in tax class {tax_class}?
    {gross} gross, class {tax_class}: how much net?
    I earn {gross} before tax and have class {tax_class}. What do I get?
    net of {gross}, tax class {tax_class}?
    How much of {gross} lands on my account with tax class {tax_class}?
    Work out the take-home pay for {gross} and tax class {tax_class}
    Someone in tax class {tax_class} is offered {gross} gross; what is that net?
    After tax, what remains of {gross} for class {tax_class}?
    My contract says {gross} gross and my tax class is {tax_class}. What will I be paid out?
    Take the tax for class {tax_class} off {gross} and tell me the rest
    """,
    things="""
    the net pay for {gross} in tax class {tax_class}
    the take-home pay of {gross} gross with class {tax_class}
    """,
    kind="salary",
)
def net_pay(dice: Dice, given: str | None) -> Use:
    """What is left of a salary."""
    rates = {each: dice.randint(12, 48) for each in ("A", "B", "C", "D")}

    @tool(effect=Effect.READS)
    def net_pay(gross: int, tax_class: Literal["A", "B", "C", "D"]) -> str:
        """What is left of a monthly salary after tax.

        Args:
            gross: The salary before tax.
            tax_class: The employee's class.
        """
        return f"{gross * (100 - rates[tax_class]) / 100:.2f}"

    gross, tax_class = int(given or dice.randint(15, 90) * 100), dice.choice(list(rates))
    value = net_pay(gross, tax_class)
    return Use(
        net_pay, {"gross": gross, "tax_class": tax_class}, {"gross": str(gross), "tax_class": tax_class},
        f"{value} is left of {gross}.", value, key="gross", slot="gross",
    )  # fmt: skip


@user_tool(
    "sport",
    asks="""
    I ran {km} km in {minutes} minutes, what is my pace?
    Pace for {km} km in {minutes} min?
    How many minutes per kilometre is {km} km in {minutes} minutes?
    {minutes} minutes for {km} km; how fast per km?
    What pace do I need to do {km} km in {minutes} minutes?
    If somebody covers {km} km within {minutes} minutes, what is the pace?
    Work out the pace of {km} km run in {minutes} minutes
    My watch says {km} km and {minutes} minutes. The pace?
    It took me {minutes} minutes to finish {km} km. How long was I busy with each kilometre?
    A race of {km} km, done after {minutes} minutes: what pace was that?
    """,
    things="""
    the pace of {km} km in {minutes} minutes
    the pace for {km} km run in {minutes} minutes
    """,
)
def running_pace(dice: Dice, given: str | None) -> Use:
    """Minutes for each kilometre."""

    @tool(effect=Effect.PURE)
    def running_pace(km: float, minutes: int) -> str:
        """The pace of a run, as minutes and seconds for a kilometre.

        Args:
            km: The distance.
            minutes: The time.
        """
        seconds = round(minutes * 60 / km)
        return f"{seconds // 60}:{seconds % 60:02d}"

    km = float(given or dice.randint(6, 60) / 2)
    minutes = round(km * dice.randint(40, 80) / 10)
    value = running_pace(km, minutes)
    return Use(
        running_pace, {"km": km, "minutes": minutes}, {"km": number(km), "minutes": str(minutes)},
        f"The pace is {value}.", value, key="km", slot="km",
    )  # fmt: skip


@user_tool(
    "hospital",
    asks="""
    What is the body mass index of someone who weighs {weight} kg and is {height} cm tall?
    bmi for {weight} kg and {height} cm?
    {weight} kilos at {height} cm: which body mass index is that?
    A patient is {height} cm tall and weighs {weight} kg; work out the BMI
    I weigh {weight} kg at {height} cm. My BMI?
    Compute the body mass index ({weight} kg, {height} cm)
    How do {weight} kg and {height} cm come out as BMI?
    Height {height} cm, weight {weight} kg, so what is the body mass index?
    The scales show {weight} kg, the tape {height} cm. Which BMI do I note down?
    Is {weight} kg a lot at {height} cm? I want the body mass index.
    """,
    things="""
    the body mass index for {weight} kg and {height} cm
    the BMI of somebody with {weight} kg and {height} cm
    """,
)
def body_mass(dice: Dice, given: str | None) -> Use:
    """The body mass index."""

    @tool(effect=Effect.PURE)
    def body_mass(weight: float, height: int) -> str:
        """The body mass index of a person.

        Args:
            weight: In kilograms.
            height: In centimetres.
        """
        return f"{weight / (height / 100) ** 2:.1f}"

    weight, height = float(given or dice.randint(45, 120)), dice.randint(150, 205)
    value = body_mass(weight, height)
    return Use(
        body_mass, {"weight": weight, "height": height}, {"weight": number(weight), "height": str(height)},
        f"The body mass index is {value}.", value, key="weight", slot="weight",
    )  # fmt: skip


@user_tool(
    "garden",
    asks="""
    How many plants fit into a bed of {length} by {width} cm if they stand {gap} cm apart?
    Bed {length} x {width} cm, distance {gap} cm: how many plants?
    I have a bed of {length} cm by {width} cm. Planting every {gap} cm, how many do I need?
    How many seedlings do I buy for {length} by {width} cm with {gap} cm between them?
    Plants for a bed, {length} cm long, {width} cm wide, {gap} cm apart?
    At {gap} cm spacing, how many go into {length} by {width} cm?
    Count the plants for {length} by {width} cm with a spacing of {gap} cm
    My bed measures {length} by {width} cm, my plants want {gap} cm. How many is that?
    If I leave {gap} cm from plant to plant, what number fills {length} by {width} cm?
    A bed is {length} cm long and {width} cm wide. Each plant needs {gap} cm, so when is it full?
    """,
    things="""
    the number of plants for a bed of {length} by {width} cm with {gap} cm between them
    the number of plants that fit into {length} by {width} cm at {gap} cm
    """,
    finds="number",
)
def plants_in_bed(dice: Dice, given: str | None) -> Use:
    """How many plants fit into a bed."""

    @tool(effect=Effect.PURE)
    def plants_in_bed(length: int, width: int, gap: int) -> int:
        """How many plants fit into a bed.

        Args:
            length: Of the bed, in cm.
            width: Of the bed, in cm.
            gap: Between two plants, in cm.
        """
        return (length // gap) * (width // gap)

    length, width, gap = (
        int(given or dice.randint(80, 900)),
        dice.randint(60, 250),
        dice.choice((10, 15, 20, 25, 30, 40)),
    )
    value = str(plants_in_bed(length, width, gap))
    return Use(
        plants_in_bed, {"length": length, "width": width, "gap": gap},
        {"length": str(length), "width": str(width), "gap": str(gap)},
        f"{value} plants fit into the bed.", value, key="length", slot="length",
    )  # fmt: skip


@user_tool(
    "games",
    asks="""
    How many points is the word {word} worth?
    What do I score for {word}?
    Points for {word}?
    If I lay {word} on the board, what do I get?
    Value of the letters in {word}?
    I can play {word}. How many points would that be?
    Score {word} for me
    Is {word} a good word to lay? Tell me its points.
    My opponent has just laid {word}. What do I write down for it?
    Add up the letters of {word}; how many points are there?
    """,
    things="""
    the points for the word {word}
    the score of the word {word}
    """,
    kind="word",
    takes="item",
    finds="number",
)
def word_score(dice: Dice, given: str | None) -> Use:
    """What a word scores on the board."""
    worth = {letter: dice.randint(1, 10) for letter in "abcdefghijklmnopqrstuvwxyz"}

    @tool(effect=Effect.READS)
    def word_score(word: str) -> int:
        """How many points a word brings on the board.

        Args:
            word: The word.
        """
        return sum(worth.get(letter, 0) for letter in word.lower())

    word = given or dice.noun()
    value = str(word_score(word))
    return Use(
        word_score,
        {"word": word},
        {"word": word},
        f"{word} is worth {value} points.",
        value,
        key="word",
        slot="word",
    )


@user_tool(
    "weather",
    asks={
        "plain": """
        What will the weather be like in {city}?
        Forecast for {city}?
        What is it going to be like in {city}, rain or sun?
        How will the weather be in {city}?
        Which weather is on its way to {city}?
        What do they forecast for {city}
        Umbrella or sunglasses in {city}? Say what the forecast is.
        I travel to {city}; what does the forecast say?
        Do I need a coat in {city}? Give me the forecast
        {city}: what weather is coming?
        Tell me the forecast for {city}
        Check the weather for {city}
        Weather in {city}, please
        """,
        "later": """
        What will the weather be like in {city} {day}?
        Forecast for {city}, {day}?
        What is it going to be like in {city} {day}, rain or sun?
        How will the weather be in {city} {day}?
        Which weather will {city} have {day}?
        What do they forecast for {city} {day}
        Umbrella or sunglasses in {city} {day}? Say what the forecast is.
        I travel to {city} {day}; what does the forecast say?
        Do I need a coat in {city} {day}? Give me the forecast
        {city} {day}: what weather is coming?
        Tell me the forecast for {city} {day}
        Check the weather for {city} {day}
        Weather in {city} {day}, please
        """,
    },
    things={
        "plain": """
        the forecast for {city}
        the weather forecast of {city}
        """,
        "later": """
        the forecast for {city} for {day}
        the weather forecast of {city} for {day}
        """,
    },
    kind="city",
    takes="city",
)
def forecast(dice: Dice, given: str | None) -> Use:
    """The weather to come."""
    kinds = ("sunny", "cloudy", "rain", "snow", "fog", "thunderstorms", "hail", "drizzle", "clear skies")
    days = ("today", "tomorrow", "on Saturday", "on Sunday")
    skies = {each: dice.choice(kinds) for each in days}

    @tool(effect=Effect.READS)
    def forecast(city: str, day: Literal["today", "tomorrow", "on Saturday", "on Sunday"] = "today") -> str:
        """What the weather will be.

        Args:
            city: Where.
            day: When.
        """
        return f"{city}, {day}: {skies[day]}"

    where, when = given or dice.city(), dice.choice(days)
    value = skies[when]
    later = when != "today"
    return Use(
        forecast,
        {"city": where} | ({"day": when} if later else {}),
        {"city": where} | ({"day": when} if later else {}),
        f"The forecast for {where} is {value}.", value, "later" if later else "plain", "city", "city",
    )  # fmt: skip


@user_tool(
    "music",
    asks="""
    How long is a beat at {bpm} beats per minute, in milliseconds?
    One beat at {bpm} bpm lasts how many ms?
    Tempo {bpm}: milliseconds per beat?
    I set the delay to one beat at {bpm} bpm, so how many milliseconds?
    What are the milliseconds of a beat when the tempo is {bpm}?
    {bpm} bpm in ms per beat?
    How many milliseconds go by from beat to beat with a tempo of {bpm}?
    My song runs at {bpm} beats a minute, tell me the length of a beat in ms
    The metronome ticks at {bpm}. After how many milliseconds comes the next tick?
    I want an echo of exactly one beat. At tempo {bpm}, what do I enter in ms?
    """,
    things="""
    the length of a beat at {bpm} bpm in milliseconds
    the milliseconds of a beat at tempo {bpm}
    """,
    finds="number",
)
def beat_length(dice: Dice, given: str | None) -> Use:
    """The length of a beat."""

    @tool(effect=Effect.PURE)
    def beat_length(bpm: int) -> int:
        """How long a beat is, in milliseconds.

        Args:
            bpm: Beats in a minute.
        """
        return round(60000 / bpm)

    bpm = int(given or dice.randint(50, 200))
    value = str(beat_length(bpm))
    return Use(
        beat_length,
        {"bpm": bpm},
        {"bpm": str(bpm)},
        f"A beat lasts {value} ms.",
        value,
        key="bpm",
        slot="bpm",
    )


def iso(text: str) -> date:
    """A date.

    Raises:
        ToolFault: it is not written as it has to be.
    """
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ToolFault(f'a date must be written YYYY-MM-DD, such as 2024-03-09; found "{text}"') from None


def other_date(dice: Dice, text: str) -> str:
    """A date in a manner that people have."""
    when = date.fromisoformat(text)
    month = words.MONTHS[when.month - 1]
    return dice.choice(
        (
            f"{when.day}.{when.month}.{when.year}",
            f"{when.day} {month} {when.year}",
            f"{month} {when.day}, {when.year}",
        )
    )


SUMS: tuple[UserTool, ...] = tuple(value for value in list(globals().values()) if isinstance(value, UserTool))
