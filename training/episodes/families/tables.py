"""Tables in CSV files: look up, count up, filter and change rows."""

import json
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from episodes import words
from episodes.checks import After, Check, both, leaves, says, says_absent, untouched
from episodes.dice import Dice
from episodes.task import Call, Plan, Seen, Task, call, family

CHOICES: dict[str, tuple[str, ...]] = {
    "category": ("tools", "toys", "food", "garden", "books", "sports", "music", "kitchen", "clothing"),
    "color": ("red", "green", "blue", "black", "white", "yellow", "grey", "purple"),
    "warehouse": ("north", "south", "east", "west", "central"),
    "supplier": ("Velmora", "Tadrix", "Quellan", "Bransted", "Orvik", "Pelham", "Zubari"),
    "class": ("1A", "1B", "2A", "2B", "3A", "3C", "4B"),
    "subject": ("maths", "history", "biology", "art", "chemistry", "latin", "geography"),
    "house": ("Falcon", "Otter", "Badger", "Heron"),
    "department": ("sales", "support", "finance", "legal", "research", "marketing", "logistics"),
    "role": ("manager", "clerk", "driver", "analyst", "intern", "engineer", "cook"),
    "shift": ("morning", "late", "night"),
    "city": words.CITIES[:40],
    "plan": ("free", "basic", "plus", "premium", "family"),
    "country": ("Kenya", "Norway", "Peru", "Japan", "Italy", "Canada", "Ghana", "Portugal", "Vietnam"),
    "status": ("open", "closed", "pending", "paid", "cancelled", "shipped"),
    "region": ("coast", "highland", "delta", "inland", "islands"),
    "method": ("card", "cash", "transfer", "voucher"),
    "zone": ("alpha", "beta", "gamma", "delta", "omega"),
    "system": ("linux", "windows", "bsd", "macos"),
    "weather": ("sunny", "rainy", "cloudy", "windy", "foggy", "snow"),
    "weekday": words.WEEKDAYS,
    "league": ("first", "second", "third", "junior"),
    "type": ("tree", "shrub", "herb", "grass", "vine"),
    "light": ("full sun", "half shade", "shade"),
}
"""Columns with few different values."""


@dataclass(frozen=True)
class Subject:
    """What a table is about."""

    labels: tuple[str, ...]
    """What the column that names a row may be called."""
    make: Callable[[Dice], str]
    files: tuple[str, ...]
    integers: tuple[str, ...]
    decimals: tuple[str, ...]
    choices: tuple[str, ...]


def _thing(dice: Dice) -> str:
    return dice.choice((dice.noun(), f"{dice.adjective()} {dice.noun()}", f"{dice.noun()} {dice.noun()}"))


def _code(dice: Dice) -> str:
    letters = "".join(dice.choices("ABCDEFGHKLMNPRSTUVWX", k=dice.randint(1, 3)))
    return f"{letters}{dice.choice(('-', '-', ''))}{dice.randint(100, 99999)}"


def _host(dice: Dice) -> str:
    return (
        f"{dice.choice((dice.noun(), 'srv', 'node', 'db', 'web', dice.made_up()))}-{dice.randint(1, 99):02d}"
    )


SUBJECTS = (
    Subject(
        ("product", "item", "article", "name"),
        _thing,
        ("products", "stock", "inventory", "price_list", "items", "catalog", "shop"),
        ("stock", "quantity", "sold", "units", "reorder_level", "returns"),
        ("price", "cost", "weight", "unit_price", "shipping_cost"),
        ("category", "color", "warehouse", "supplier"),
    ),
    Subject(
        ("name", "student", "pupil"),
        Dice.full_name,
        ("students", "grades", "marks", "course", "pupils", "exam_results"),
        ("age", "score", "points", "absences", "exam_score", "test_score"),
        ("average", "fee"),
        ("class", "subject", "house", "city"),
    ),
    Subject(
        ("name", "employee", "person", "worker"),
        Dice.full_name,
        ("staff", "employees", "payroll", "people", "team", "hours"),
        ("salary", "hours", "age", "days_off", "overtime_hours", "years"),
        ("rate", "bonus", "hourly_rate"),
        ("department", "role", "shift", "city"),
    ),
    Subject(
        ("customer", "client", "name", "member"),
        lambda dice: dice.first_name() if dice.maybe(0.4) else dice.full_name(),
        ("customers", "clients", "members", "accounts", "subscribers"),
        ("orders", "visits", "points", "open_orders", "bonus_points"),
        ("balance", "spent", "discount", "monthly_fee"),
        ("city", "plan", "country"),
    ),
    Subject(
        ("city", "town", "place"),
        Dice.city,
        ("cities", "branches", "places", "travel", "offices"),
        ("population", "rain_days", "hotels", "visitors", "schools"),
        ("temperature", "area", "rent", "average_rent"),
        ("region", "country"),
    ),
    Subject(
        ("order", "order_id", "invoice", "ticket", "code"),
        _code,
        ("orders", "invoices", "sales", "tickets", "payments", "bills"),
        ("quantity", "items", "days", "parcels", "days_late"),
        ("amount", "total", "tax", "shipping", "amount_due"),
        ("status", "method", "city"),
    ),
    Subject(
        ("host", "server", "device", "sensor"),
        _host,
        ("servers", "hosts", "devices", "sensors", "machines", "network"),
        ("port", "cores", "uptime", "memory_gb", "disk_gb", "admin_port"),
        ("load", "temperature", "voltage"),
        ("status", "zone", "system"),
    ),
    Subject(
        ("date", "day"),
        Dice.day,
        ("diary", "weather", "log", "daily", "visits", "training"),
        ("steps", "visitors", "calls", "sales", "missed_calls"),
        ("distance", "rainfall", "income", "net_income"),
        ("weather", "weekday"),
    ),
    Subject(
        ("team", "club"),
        lambda dice: f"{dice.city()} {dice.noun().capitalize()}s",
        ("league", "teams", "season", "scores", "standings"),
        ("wins", "losses", "goals", "points", "draws", "goals_against"),
        ("budget", "average_age"),
        ("league", "region"),
    ),
    Subject(
        ("plant", "species"),
        _thing,
        ("plants", "garden", "seeds", "nursery"),
        ("height_cm", "days_to_bloom", "seeds", "spacing_cm"),
        ("price", "water_l", "depth_cm"),
        ("type", "light", "color"),
    ),
)


@dataclass(frozen=True)
class Table:
    """A table and what its columns are."""

    path: str
    keys: list[str]
    rows: list[list[str]]
    label: int
    """The column that names a row."""
    integers: list[int]
    decimals: list[int]
    choices: list[int]
    others: list[int]
    maker: Subject
    delimiter: str = ","
    last_newline: bool = True

    @property
    def numbers(self) -> list[int]:
        """The columns that can be counted with."""
        return self.integers + self.decimals

    @property
    def plain_columns(self) -> list[int]:
        """Every column but the one that names the row and running numbers."""
        return self.numbers + self.choices + self.others

    def line(self, row: Sequence[str]) -> str:
        """A row as it is in the file."""
        return self.delimiter.join(_cell(cell, self.delimiter) for cell in row)

    def text_of(self, rows: Sequence[Sequence[str]], *, newline: bool = True) -> str:
        """The head and these rows."""
        return "\n".join(map(self.line, [self.keys, *rows])) + ("\n" if newline else "")

    @property
    def text(self) -> str:
        """The file."""
        return self.text_of(self.rows, newline=self.last_newline)

    def labels(self) -> list[str]:
        """What the rows are called."""
        return [row[self.label] for row in self.rows]

    def values(self, column: int) -> list[Decimal]:
        """The numbers of a column."""
        return [Decimal(row[column]) for row in self.rows]

    def number(self, column: int) -> str:
        """The Python type that reads the column."""
        return "int" if column in self.integers else "float"


def _cell(cell: str, delimiter: str) -> str:
    return f'"{cell}"' if delimiter in cell else cell


def make_table(dice: Dice, *, high: int = 14, long: float = 0.12, semicolons: bool = False) -> Table:
    """A table about something, with at least a number and a column of few values; now and then a long one."""
    subject = dice.choice(SUBJECTS)
    integers = dice.some(subject.integers, 1, 2)
    decimals = dice.some(subject.decimals, 0, 2)
    choices = dice.some(subject.choices, 1, 2)
    others = dice.some(("date", "phone", "note", "since", "code"), 0, 1) if dice.maybe(0.35) else []
    label = dice.choice(subject.labels)
    others = [name for name in others if name != label]
    names = [*integers, *decimals, *choices, *others]
    dice.shuffle(names)
    names = [label, *names] if dice.maybe(0.85) else [names[0], label, *names[1:]]
    if dice.maybe(0.2) and "id" not in names:
        names = ["id", *names]
    count = dice.randint(3, high)
    if dice.maybe(long):
        count = dice.randint(25, 260 if dice.maybe(0.4) else 60)
    labels = _labels(dice, subject, count)
    count = len(labels)
    first_id = dice.choice((1, 1, 101, 1000, dice.randint(2, 5000)))
    pools: dict[str, Callable[[], str]] = {}
    for name in integers:
        low, top = dice.choice(((1, 30), (10, 99), (100, 999), (1000, 9999), (5, 60000)))
        pools[name] = lambda low=low, top=top: str(dice.randint(low, top))
    for name in decimals:
        top, places = dice.choice((9, 40, 400, 3000)), dice.choice((1, 2, 2, 2))
        pools[name] = lambda top=top, places=places: f"{dice.uniform(0.5, top):.{places}f}"
    for name in choices:
        some = dice.some(CHOICES[name], 2, 5)
        pools[name] = lambda some=some: dice.choice(some)
    columns = {
        "date": dice.day,
        "since": dice.day,
        "phone": dice.phone,
        "code": lambda: _code(dice),
        "note": lambda: dice.choice(
            (f"{dice.adjective()}, {dice.adjective()}", dice.noun(), dice.adjective())
        ),
    }
    pools |= {name: columns[name] for name in others}
    rows = [
        [
            labels[at] if name == label else str(first_id + at) if name == "id" else pools[name]()
            for name in names
        ]
        for at in range(count)
    ]
    place = {name: at for at, name in enumerate(names)}
    style = dice.choice((_same, _same, _same, _same, _title))
    path = dice.file("csv") if dice.maybe(0.4) else _subject_file(dice, subject)
    return Table(
        path,
        [style(name) for name in names],
        rows,
        place[label],
        [place[name] for name in integers],
        [place[name] for name in decimals],
        [place[name] for name in choices],
        [place[name] for name in others],
        subject,
        ";" if semicolons and dice.maybe(0.12) else ",",
        dice.maybe(0.85),
    )


def _same(name: str) -> str:
    return name


def _title(name: str) -> str:
    return name.replace("_", " ").capitalize() if name != "id" else "ID"


def _subject_file(dice: Dice, subject: Subject) -> str:
    stem = dice.choice(subject.files)
    folder = f"{dice.choice(words.FOLDERS)}/" if dice.maybe(0.2) else ""
    ending = dice.choice(
        ("", "", "", f"_{dice.randint(2018, 2027)}", f"_{dice.choice(words.MONTHS).lower()}")
    )
    return f"{folder}{stem}{ending}.csv"


def _labels(dice: Dice, subject: Subject, count: int) -> list[str]:
    """Different names, some of them alike."""
    labels: list[str] = []
    for _ in range(count * 3):
        if len(labels) == count:
            break
        made = subject.make(dice)
        if labels and dice.maybe(0.25):
            made = _sibling(dice, dice.choice(labels), made)
        if made not in labels:
            labels.append(made)
    if subject.make == Dice.day:
        labels.sort()
    return labels


def _sibling(dice: Dice, label: str, other: str) -> str:
    """A name that is easily taken for another: one word is the same, or all digits but one."""
    if label[-1].isdigit() and not label[:4].isdigit():
        return f"{label[:-1]}{dice.randint(0, 9)}"
    mine, others = label.split(), other.split()
    if len(mine) == len(others) == 2:
        return dice.choice((f"{mine[0]} {others[1]}", f"{others[0]} {mine[1]}"))
    return other


def missing(dice: Dice, table: Table) -> str:
    """A name that a row of the table could have, and none has."""
    while True:
        other = table.maker.make(dice)
        made = _sibling(dice, dice.choice(table.labels()), other) if dice.maybe() else other
        if made.lower() not in table.text.lower():
            return made


def said(dice: Dice, key: str) -> str:
    """A column's or setting's name as a person says it."""
    plain = key.replace("_", " ")
    if plain != key:
        return dice.choice((key, plain, plain))
    return key.lower() if key[:1].isupper() and key[1:2].islower() and dice.maybe(0.7) else key


def be(name: str) -> str:
    """The verb after a name: the points are, the price is.

    >>> be("points"), be("status"), be("address")
    ('are', 'is', 'is')
    """
    return "are" if name.endswith("s") and not name.endswith(("ss", "us", "is", "ls")) else "is"


def amount(value: Decimal) -> str:
    """A number in every way that an answer may have it."""
    shown = [f"{value:f}", *(f"{value:.{places}f}" for places in (2, 3, 4))]
    if value == round(value, 1):
        shown.append(f"{value:.1f}")
    if value == round(value):
        shown.append(f"{value:.0f}")
    return "|".join(dict.fromkeys(shown))


def quoted(text: str) -> str:
    """A text as Python code."""
    return json.dumps(text, ensure_ascii=False)


def trimmed(number: str) -> str:
    """What was printed, without a needless .0 at its end."""
    return number.strip().removesuffix(".0")


def opening(target: str, *modules: str) -> str:
    """The first lines of code that writes a file: imports, and the folder if the file is to be in one."""
    folder = target.rpartition("/")[0]
    imports = sorted({*modules, *(("os",) if folder else ())})
    made = f"os.makedirs({quoted(folder)}, exist_ok=True)\n" if folder else ""
    return "".join(f"import {module}\n" for module in imports) + made


def printed(seen: Seen) -> str:
    """What code printed; a policy's code must not fail."""
    if seen.failed:
        raise ValueError(seen.text)
    return seen.text.strip()


Rows = Generator[Call, Seen, bool]


def look_for(table: Table, label: str) -> Rows:
    """Read the table, and search it where it is too long to be read at once; whether the row is there."""
    seen = yield call("read_file", path=table.path)
    if _has(seen.text, label):
        return True
    if "go on with first_line" in seen.text or "not shown here" in seen.text:
        seen = yield call("find_text", pattern=label, path=table.path)
        return _has(seen.text.split("\nelsewhere:")[0].replace(f'"{label}"', ""), label)
    return False


def _has(text: str, label: str) -> bool:
    return label in text.replace(";", ",").replace(": ", ",").replace("\n", ",").split(",")


def stays_alone(table: Table, row: Sequence[str]) -> bool:
    """Whether a row's line is no part of another line."""
    return table.text.count(table.line(row)) == 1


def unasked(values: Iterable[str], *allowed: str) -> tuple[str, ...]:
    """Those of the values that a right answer has no reason to hold: it would quote the file."""
    fine = " ".join(allowed).lower()
    found = dict.fromkeys(value for value in values if len(value) > 1 and value.lower() not in fine)
    return tuple(value for value in found if "|" not in value and value.lower() not in ("true", "false"))


LOOK_UP = (
    "What is the {column} of {row} in {path}?",
    "What's the {column} for {row} in {path}?",
    "Which {column} does {row} have in {path}?",
    "look up the {column} of {row} in {path}",
    "{column} of {row} in {path}?",
    "Tell me the {column} that {path} lists for {row}.",
    "In {path}, what {column} is given for {row}?",
    "I need the {column} of {row}, it should be in {path}",
    "{path} has a row for {row}; what is the {column} there?",
    "Find {row} in {path} and say what the {column} is.",
    "Check the table {path}: which {column} belongs to {row}?",
    "According to {path}, what is {row}'s {column}?",
    "report {row}'s {column} from {path}",
    "From the spreadsheet {path} give me the {column} for {row}.",
    "can't remember the {column} of {row}, what does {path} say",
    "What {column} has been entered for {row} in {path}?",
    "Open {path} and read out the {column} in the row of {row}.",
    "{row}: which {column} does {path} show?",
    "Somebody asked me for the {column} of {row}. See {path}.",
    "What does the {column} column of {path} say for {row}?",
    "fetch {row}'s {column} ({path})",
)


@family(needs=("read_file", "find_text"), phrasings=LOOK_UP, group="csv_lookup")
def csv_value(dice: Dice) -> Task:
    """Say what a row of a table has in a column; the row, the column or the value may not be there."""
    table = make_table(dice, semicolons=True)
    row = dice.choice(table.rows)
    column = dice.choice(table.plain_columns)
    label, value, key = row[table.label], row[column], table.keys[column]
    gone = dice.choice(("row", "row", "column", "empty")) if dice.maybe(0.18) else ""
    if gone == "row":
        label = missing(dice, table)
    elif gone == "empty":
        row[column] = ""
    elif gone == "column":
        known = [each.lower().replace(" ", "_") for each in table.keys]
        maker = table.maker
        key = dice.choice(
            [k for k in (*maker.integers, *maker.decimals, *maker.choices, "email") if k not in known]
        )
    files = dice.clutter({table.path: table.text}, avoid=[label])
    name = said(dice, key)

    def policy() -> Plan:
        there = yield from look_for(table, label)
        if not there:
            return f"There is no {label} in {table.path}."
        if gone == "column":
            return f"There is no {name} column in {table.path}."
        if gone:
            return f"There is no {name} given for {label} in {table.path}."
        return f"The {name} of {label} {be(name)} {value}."

    at = table.rows.index(row)
    near = (*table.rows[max(0, at - 1) : at], *table.rows[at + 1 : at + 2])
    never = unasked(
        [
            *table.labels(),
            *(cell for other in near for cell in other),
            *(row[at] for at in table.plain_columns),
        ],
        *(label, value, name, key, table.path),
    )
    check = says_absent() if gone else both(untouched(), says(value, never=never))
    return Task({"column": name, "row": label, "path": table.path}, files, policy, check, absent=bool(gone))


@family(
    needs=("read_file", "find_text", "write_file"),
    phrasings=(
        "Write the {column} of {row} in {path} to {target}",
        "Put the {column} that {path} gives for {row} into {target}.",
        "Save just the {column} of {row} from {path} as {target}",
        "{target} should hold nothing but the {column} of {row} from {path}",
        "Look up {row}'s {column} in {path} and store it in {target}.",
        "Make a file {target} with only the {column} of {row} (see {path}) in it",
        "Create {target}; its content is the {column} that {row} has in {path}",
        "Take {row}'s {column} out of {path} and drop it in {target}",
        "I want the {column} for {row} from {path} saved to {target}",
        "find {row} in {path}, write the {column} to {target}",
        "from {path}: {column} of {row} -> {target}",
        "Record the {column} of {row} as listed in {path} in a new file called {target}.",
        "Jot {row}'s {column} down in {target}; you find it in {path}.",
        "Copy the {column} cell of {row} in {path} to the file {target}",
        "Read {path} and leave the {column} of {row} in {target}, the bare value.",
        "Dump the {column} of {row} from the table {path} into {target}",
        "{path} knows the {column} of {row}. Stick it in {target}.",
        "Extract the {column} of {row} from {path}, and keep it as {target}",
    ),
    group="csv_lookup",
)
def csv_value_to_file(dice: Dice) -> Task:
    """Copy a cell into a file of its own."""
    table = make_table(dice, semicolons=True)
    row = dice.choice(table.rows)
    column = dice.choice(table.plain_columns)
    label, value, name = row[table.label], row[column], said(dice, table.keys[column])
    files = dice.clutter({table.path: table.text}, avoid=[label])
    target = dice.file("txt", files)

    def policy() -> Plan:
        yield from look_for(table, label)
        yield call("write_file", path=target, content=value)
        return f"{target} now holds {value}, the {name} of {label}."

    slots = {"column": name, "row": label, "path": table.path, "target": target}
    return Task(slots, files, policy, leaves({target: value}))


# --- rows by a condition


@dataclass(frozen=True)
class Test:
    """A condition on a column: in words, in code, and which rows meet it."""

    words: str
    code: str
    rows: list[list[str]]


def make_test(dice: Dice, table: Table, *, some: bool = True) -> Test:
    """A condition that some rows meet and others do not."""
    while True:
        if dice.maybe():
            column = dice.choice(table.choices)
            value = dice.choice(table.rows)[column]
            if not some and dice.maybe(0.15):
                value = dice.choice(CHOICES[table.keys[column].lower()])
            rows = [row for row in table.rows if row[column] == value]
            name = said(dice, table.keys[column])
            told = dice.choice(
                (
                    f"the {name} is {value}",
                    f"{name} is {value}",
                    f"{name} = {value}",
                    f"the {name} equals {value}",
                    f"{name} says {value}",
                    f"the {name} column has {value}",
                )
            )
            code = f'row["{table.keys[column]}"] == {quoted(value)}'
        else:
            column = dice.choice(table.numbers)
            values = table.values(column)
            limit = dice.choice(values)
            if dice.maybe():
                limit = (limit // 10) * 10 or limit
            relation, tell = dice.choice(
                (
                    (">", ("is over", "is above", "is more than", "is greater than", ">", "is higher than")),
                    ("<", ("is under", "is below", "is less than", "is smaller than", "<", "is lower than")),
                    (">=", ("is at least", ">=", "is no less than")),
                    ("<=", ("is at most", "<=", "is no more than")),
                )
            )
            compare: dict[str, Callable[[Decimal], bool]] = {
                ">": lambda value, limit=limit: value > limit,
                "<": lambda value, limit=limit: value < limit,
                ">=": lambda value, limit=limit: value >= limit,
                "<=": lambda value, limit=limit: value <= limit,
            }
            rows = [row for row, value in zip(table.rows, values, strict=True) if compare[relation](value)]
            name = said(dice, table.keys[column])
            told = f"{dice.choice(('', 'the '))}{name} {dice.choice(tell)} {limit}".replace(
                "the the ", "the "
            )
            code = f'{table.number(column)}(row["{table.keys[column]}"]) {relation} {limit}'
        if (rows and len(rows) < len(table.rows)) or not some:
            return Test(told, code, rows)


def besides(told: str, check: Check) -> Check:
    """The check on an answer without these words, whose numbers are not the answer's own."""

    def without(after: After) -> bool:
        return check(replace(after, answer=after.answer.replace(told, "…")))

    return without


def head_of(path: str) -> Call:
    """A look at the first lines: what the columns are called and what is in them."""
    return call("read_file", path=path, lines=5)


@family(
    needs=("read_file", "run_python"),
    phrasings=(
        "Copy the rows of {path} where {test} to {target}, header included",
        "Write every row of {path} where {test} into {target}; keep the header line.",
        "Make {target} from {path} with only the rows where {test}, and the same header",
        "Filter {path}: rows where {test} go to {target}, with the head",
        "{target} should contain the header of {path} and those rows where {test}",
        "Save the lines of {path} in which {test} as {target} (with the header row)",
        "From {path} pick all rows where {test} and store them with the header in {target}.",
        "I need a file {target} holding the header plus the rows of {path} where {test}",
        "keep only rows where {test} from {path}, put header + rows in {target}",
        "Create {target}, a smaller copy of {path}: the header and just the rows where {test}.",
        "Extract the entries where {test} from {path} to {target}. The header goes on top.",
        "Select from {path} whatever row fits this: {test}. Header and rows go to {target}.",
        "Split off the records of {path} where {test} into {target}, under the same column names",
        "{path} -> {target}, rows where {test} only, header kept",
        "Take {path}, drop all rows but those where {test}, and save the result with its header as {target}",
        "Put a table into {target} that has the columns of {path} but only rows where {test}",
        "Could there be a {target} with the header and all rows from {path} for which {test}?",
        "Export rows of {path} on the condition that {test}; the export {target} starts with the header",
    ),
    group="csv_filter",
)
def csv_rows_to_file(dice: Dice) -> Task:
    """Write the rows that meet a condition into a new table."""
    table = make_table(dice)
    test = make_test(dice, table)
    files = dice.clutter({table.path: table.text})
    target = dice.file("csv", files)

    def policy() -> Plan:
        yield head_of(table.path)
        seen = yield call(
            "run_python",
            code=(
                f"{opening(target, 'csv')}"
                f"rows = list(csv.DictReader(open({quoted(table.path)})))\n"
                f"kept = [row for row in rows if {test.code}]\n"
                f'with open({quoted(target)}, "w", newline="") as file:\n'
                f"    writer = csv.DictWriter(file, rows[0].keys())\n"
                f"    writer.writeheader()\n"
                f"    writer.writerows(kept)\n"
                f"print(len(kept))"
            ),
        )
        count = printed(seen)
        return f"Wrote the {'1 row' if count == '1' else f'{count} rows'} where {test.words} to {target}."

    slots = {"path": table.path, "test": test.words, "target": target}
    return Task(slots, files, policy, leaves({target: table.text_of(test.rows)}))


@family(
    needs=("read_file", "run_python"),
    phrasings=(
        "How many rows of {path} are there where {test}?",
        "Count the rows in {path} where {test}.",
        "In how many rows of {path} is it true that {test}?",
        "number of rows in {path} where {test}?",
        "Tell me how many entries of {path} fit: {test}",
        "How often does it happen in {path} that {test}?",
        "{path}: how many lines where {test}?",
        "I want to know the number of records in {path} for which {test}",
        "Say how many of the rows in {path} meet this condition: {test}",
        "What is the count of rows where {test} in the table {path}?",
        "Go through {path} and count how many times {test}.",
        "count entries where {test} ({path})",
        "Of the rows in {path}, how many are such that {test}?",
        "Give me a count for {path}: rows in which {test}.",
        "Find out how many rows {path} has where {test}",
        "For how many entries in {path} can we say that {test}?",
        "Check {path}. On how many rows {test}?",
        "how many in {path} if I only look at rows where {test}",
    ),
    group="csv_compute",
)
def csv_count(dice: Dice) -> Task:
    """Count the rows that meet a condition; it may be none."""
    table = make_table(dice, high=25, long=0.3)
    test = make_test(dice, table, some=False)
    files = dice.clutter({table.path: table.text})
    count = str(len(test.rows))

    def policy() -> Plan:
        yield head_of(table.path)
        seen = yield call(
            "run_python",
            code=(
                f"import csv\n"
                f"rows = csv.DictReader(open({quoted(table.path)}))\n"
                f"print(sum({test.code} for row in rows))"
            ),
        )
        found = printed(seen)
        return (
            f"There {'is 1 row' if found == '1' else f'are {found} rows'} in {table.path} where {test.words}."
        )

    wanted = {"0": "0|no|none|zero", "1": "1|one", "2": "2|two", "3": "3|three", "4": "4|four"}.get(
        count, count
    )
    return Task(
        {"path": table.path, "test": test.words},
        files,
        policy,
        both(untouched(), besides(test.words, says(wanted))),
    )


TOTAL = (
    "What do the values of {column} in {path} add up to?",
    "Sum up the {column} column of {path}.",
    "What is the total of {column} in {path}?",
    "sum of {column} in {path}?",
    "Add all {column} values in {path} together and tell me the total",
    "I need the total {column} over all rows of {path}",
    "How much is {column} altogether in {path}?",
    "Tell me the sum of the {column} column in {path}.",
    "total up {column} ({path})",
    "Calculate the overall {column} in {path}",
    "{path}: sum over {column}, please tell me",
    "When I add up every {column} in {path}, what do I get?",
    "Work out the {column} of all entries in {path} taken together",
    "Go through {path} and sum the {column} figures.",
    "What's the grand total in the {column} column of {path}?",
    "Give me {column} summed over the whole of {path}",
    "Could you total the {column} numbers listed in {path}?",
)
AVERAGE = (
    "What is the average {column} in {path}?",
    "Compute the mean of the {column} column in {path}.",
    "average {column} in {path}? two decimals are enough",
    "How high is {column} on average in {path}?",
    "Tell me the mean {column} over all rows of {path}",
    "Give the average of {column} in {path}, rounded to two decimals.",
    "mean of {column} ({path})",
    "I'd like to know the average value of {column} in {path}",
    "{path}: what does {column} come to on average?",
    "Work out the average {column} of the entries in {path}.",
    "Calculate the arithmetic mean of {column} in {path}",
    "What {column} do the rows of {path} have on average?",
    "Take all {column} values of {path} and tell me their average.",
    "Averaged over the whole table {path}, how much is {column}?",
    "Find the mean value in the {column} column of {path}",
    "avg {column} for {path}",
)
TOTAL_WHERE = (
    "What is the total of {column} in {path} for rows where {test}?",
    "Sum the {column} column of {path}, but only where {test}.",
    "Add up {column} in {path} over the rows where {test}",
    "Only counting rows where {test}: what's the sum of {column} in {path}?",
    "total {column} where {test} in {path}?",
    "How much {column} is there in {path} in rows where {test}?",
    "Tell me the sum of {column} for those entries of {path} where {test}.",
    "{path}: sum of {column} if {test}",
    "I need the {column} total from {path}, limited to rows where {test}",
    "Look at the rows of {path} where {test}; what do their {column} values add up to?",
    "Calculate the overall {column} of all rows in {path} in which {test}",
    "For {path}, add the {column} values together whenever {test}.",
    "What do I get when I sum {column} over the rows of {path} where {test}?",
    "Taking just the lines of {path} where {test}, total their {column}",
    "sum {column} from {path}, condition: {test}",
    "Give me the {column} of every row in {path} where {test}, all added together",
)


@family(
    needs=("read_file", "run_python"),
    phrasings={"sum": TOTAL, "average": AVERAGE, "where": TOTAL_WHERE},
    group="csv_compute",
)
def csv_total(dice: Dice) -> Task:
    """Add up or average a column, or add up the rows that meet a condition; the column may not be there."""
    table = make_table(dice, high=25, long=0.3)
    column = dice.choice(table.numbers)
    key, kind = table.keys[column], table.number(column)
    variant = dice.choice(("sum", "average", "where"))
    absent = dice.maybe(0.13)
    if absent:
        known = [each.lower().replace(" ", "_") for each in table.keys]
        key = dice.choice(
            [k for k in (*table.maker.integers, *table.maker.decimals, "profit") if k not in known]
        )
    name = said(dice, key)
    test = make_test(dice, table)
    rows = test.rows if variant == "where" else table.rows
    total = sum((Decimal(row[column]) for row in rows), Decimal(0))
    result = total / len(rows) if variant == "average" else total
    files = dice.clutter({table.path: table.text})
    only = f" if {test.code}" if variant == "where" else ""
    opened = f"csv.DictReader(open({quoted(table.path)}))"

    def policy() -> Plan:
        yield head_of(table.path)
        if absent:
            return f"There is no {name} column in {table.path}."
        if variant == "average":
            code = (
                f"import csv\n"
                f'values = [{kind}(row["{key}"]) for row in {opened}]\n'
                f"print(round(sum(values) / len(values), 2))"
            )
        else:
            added = f'sum({kind}(row["{key}"]) for row in rows{only})'
            code = f"import csv\nrows = {opened}\nprint({added if kind == 'int' else f'round({added}, 2)'})"
        seen = yield call("run_python", code=code)
        what = "average" if variant == "average" else "total"
        where = f" where {test.words}" if variant == "where" else ""
        return f"The {what} {name} in {table.path}{where} is {trimmed(printed(seen))}."

    slots = {"column": name, "path": table.path} | ({"test": test.words} if variant == "where" else {})
    check: Check = says_absent() if absent else both(untouched(), besides(test.words, says(amount(result))))
    return Task(slots, files, policy, check, variant=variant, absent=absent)


@family(
    needs=("read_file", "run_python"),
    phrasings=(
        "Which {label} has the {extreme} {column} in {path}?",
        "What {label} in {path} has the {extreme} {column}?",
        "Find the {label} with the {extreme} {column} in {path}.",
        "Tell me the {label} that has the {extreme} {column} according to {path}",
        "{label} with {extreme} {column} in {path}?",
        "In {path}, look for the {extreme} {column} and name the {label} it belongs to.",
        "Name the {label} whose {column} is the {extreme} in {path}",
        "Look through {path}: whose {column} is {extreme}? Give the {label}.",
        "I'd like to know which {label} comes with the {extreme} {column} in {path}",
        "The {extreme} {column} in {path} belongs to which {label}?",
        "{path}: who or what has the {extreme} {column}? I mean the {label}",
        "Say which {label} of {path} has the {extreme} {column} of all.",
        "Give me the {label} from the row of {path} that shows the {extreme} {column}.",
        "Of everything in {path}, which {label} has the {extreme} {column}?",
        "which {label} tops the list if we go by {extreme} {column} in {path}",
        "Compare the {column} values in {path} and report the {label} with the {extreme} one.",
        "Work out the {label} with the {extreme} {column} ({path})",
        "Search the table {path} for its {extreme} {column}. Which {label} is it?",
    ),
    group="csv_compute",
)
def csv_extreme_row(dice: Dice) -> Task:
    """Name the row with the largest or smallest number."""
    table = make_table(dice, high=25, long=0.3)
    column = dice.choice(table.numbers)
    values = table.values(column)
    extreme, function = dice.choice(
        (("highest", "max"), ("largest", "max"), ("biggest", "max"), ("lowest", "min"), ("smallest", "min"))
    )
    most = max(values) if function == "max" else min(values)
    for row in table.rows[values.index(most) + 1 :]:
        if Decimal(row[column]) == most:  # no two of them share the place
            row[column] = f"{most - (most / 2).quantize(most) if function == 'max' else most * 2 + 1}"
    if [Decimal(row[column]) for row in table.rows].count(most) != 1:
        return csv_extreme_row(dice)
    best = table.rows[values.index(most)]
    key, label_key = table.keys[column], table.keys[table.label]
    name, label = said(dice, key), said(dice, label_key)
    files = dice.clutter({table.path: table.text})

    def policy() -> Plan:
        yield head_of(table.path)
        seen = yield call(
            "run_python",
            code=(
                f"import csv\n"
                f"rows = csv.DictReader(open({quoted(table.path)}))\n"
                f'best = {function}(rows, key=lambda row: {table.number(column)}(row["{key}"]))\n'
                f'print(best["{label_key}"], best["{key}"])'
            ),
        )
        found = printed(seen).removesuffix(best[column]).strip()
        return f"{found} has the {extreme} {name}, {best[column]}."

    slots = {"label": label, "extreme": extreme, "column": name, "path": table.path}
    never = tuple(each for each in table.labels() if each not in best[table.label])[:40]
    return Task(slots, files, policy, both(untouched(), says(best[table.label], never=never)))


@family(
    needs=("read_file", "run_python"),
    phrasings=(
        "Which {label} values in {path} belong to rows where {test}?",
        "For which {label} in {path} is it true that {test}? Name each.",
        "List the {label} of every row in {path} where {test}.",
        "Name each {label} from {path} for which {test}",
        "{label} of all rows in {path} where {test}?",
        "Tell me the {label} wherever {test} in {path}",
        "I need every {label} in {path} with this property: {test}",
        "Look through {path}: where {test}, tell me the {label}.",
        "Go over the rows of {path} and report each {label} if {test}",
        "where {test} in {path}, what is the {label}? There may be several",
        "Give me each {label} that {path} lists on rows where {test}.",
        "Search {path} for rows where {test} and say which {label} they have",
        "Find all in {path} where {test}; I only want the {label} of each",
        "Which rows of {path} fit the condition that {test}? Just the {label}, in your answer.",
        "Read out the {label} of those entries in {path} where {test}",
        "in {path}, pick out whatever has this: {test}, and answer with the {label}",
    ),
    group="csv_filter",
)
def csv_which(dice: Dice) -> Task:
    """Name the few rows that meet a condition."""
    table = make_table(dice, long=0.05)
    test = make_test(dice, table)
    if len(test.rows) > 5:
        return csv_which(dice)
    key = table.keys[table.label]
    label = said(dice, key)
    files = dice.clutter({table.path: table.text})
    names = [row[table.label] for row in test.rows]

    def policy() -> Plan:
        yield head_of(table.path)
        seen = yield call(
            "run_python",
            code=(
                f"import csv\n"
                f"for row in csv.DictReader(open({quoted(table.path)})):\n"
                f"    if {test.code}:\n"
                f'        print(row["{key}"])'
            ),
        )
        found = printed(seen).splitlines()
        return f"The {label} {'is' if len(found) == 1 else 'values are'} {', '.join(found)}."

    never = [each for each in table.labels() if not any(each in name for name in names)][:40]
    check = both(untouched(), besides(test.words, says(*names, never=tuple(never))))
    return Task({"label": label, "path": table.path, "test": test.words}, files, policy, check)


@family(
    needs=("read_file", "run_python"),
    phrasings=(
        "Which different values does {column} have in {path}?",
        "List the distinct {column} values of {path}.",
        "What values occur under {column} in {path}? Each only once.",
        "unique {column} in {path}?",
        "Tell me every {column} that appears in {path}, without repeating any",
        "Name the different entries in the {column} column of {path}",
        "Go through {path} and report which {column} values there are, no doubles.",
        "I'd like to know all the distinct values of {column} that {path} has",
        "In {path} the {column} repeats. Which ones exist?",
        "{path}: what are the possible {column} values in it",
        "Give me the set of {column} values in {path}",
        "Say which values {column} takes in the table {path}.",
        "Look at the {column} column of {path} and enumerate its values, duplicates only once",
        "Find out what kinds of {column} turn up in {path}",
        "Without duplicates, what is in the {column} column of {path}?",
        "every {column} used in {path}, named once",
    ),
    group="csv_filter",
)
def csv_distinct(dice: Dice) -> Task:
    """Name the different values of a column."""
    table = make_table(dice, high=30, long=0.3)
    column = dice.choice(table.choices)
    key = table.keys[column]
    name = said(dice, key)
    files = dice.clutter({table.path: table.text})
    values = sorted({row[column] for row in table.rows})

    def policy() -> Plan:
        yield head_of(table.path)
        seen = yield call(
            "run_python",
            code=(
                f"import csv\n"
                f"rows = csv.DictReader(open({quoted(table.path)}))\n"
                f'print(sorted({{row["{key}"] for row in rows}}))'
            ),
        )
        found = [each.strip("' ") for each in printed(seen).strip("[]").split(",")]
        return f"The different values of {name} in {table.path} are {', '.join(found)}."

    return Task({"column": name, "path": table.path}, files, policy, both(untouched(), says(*values)))


# --- rows added, changed and removed


@family(
    needs=("read_file", "append_file"),
    phrasings={
        "line": (
            "Add the row {line} to {path}",
            "Append {line} as a new last row to {path}.",
            "Put {line} at the end of {path}",
            "A row is missing at the end of {path}: {line}",
            "Extend {path} by the line {line}",
            "{path} needs one more row, {line}",
            "Insert {line} below the last row of {path}",
            "Add this entry to the bottom of {path}: {line}",
            "new row for {path}: {line}",
            "I have another record for {path}, please append it: {line}",
            "Write {line} as an additional line under the others in {path}.",
            "Enter {line} into the table {path}, at the end",
            "The table {path} should end with the row {line}; add it.",
            "Stick {line} onto the end of {path}",
            "append to {path}: {line}",
            "Include {line} as the final record in {path}",
        ),
        "cells": (
            "Add a row to {path} with {cells}",
            "Append an entry to {path}: {cells}.",
            "New record for the end of {path}: {cells}",
            "{path} needs another row with {cells}",
            "Enter this at the end of {path}: {cells}",
            "Put one more row into {path}, it has {cells}",
            "Please extend the table {path} by a row: {cells}.",
            "add to {path}: {cells}",
            "In {path} a row is missing at the bottom; it has {cells}. Add it.",
            "I want a new last line in {path} with these values: {cells}",
            "Write a further row under the others in {path} ({cells})",
            "Here is another one for {path}: {cells}",
            "Register a new entry in {path}, namely {cells}",
            "one more for the list in {path}, {cells}",
            "Complete {path} with a final row that says {cells}.",
            "Insert a record with {cells} after the last row of {path}",
        ),
    },
    group="csv_edit",
)
def csv_append_row(dice: Dice) -> Task:
    """Add a row: as it stands, or by the names of its columns in another order."""
    table = make_table(dice, semicolons=True)
    if "note" in [key.lower() for key in table.keys]:
        return csv_append_row(dice)
    *rows, row = table.rows
    kept = Table(**{**table.__dict__, "rows": rows})
    files = dice.clutter({table.path: kept.text}, avoid=[row[table.label]])
    line = table.line(row)
    check = leaves({table.path: kept.text_of([*rows, row])})
    if dice.maybe(0.4):

        def add() -> Plan:
            yield call("append_file", path=table.path, content=line)
            return f"Added the row {line} to {table.path}."

        return Task({"path": table.path, "line": line}, files, add, check, variant="line")
    order = list(range(len(table.keys)))
    dice.shuffle(order)
    form = dice.choice(("{key} {value}", "{key}: {value}", "{key} = {value}", "{key} {value}"))
    cells = dice.choice((", ", "; ", ", ")).join(
        form.format(key=said(dice, table.keys[at]), value=row[at]) for at in order
    )

    def look_and_add() -> Plan:
        yield head_of(table.path)
        yield call("append_file", path=table.path, content=line)
        return f"Added the row {line} to {table.path}."

    return Task({"path": table.path, "cells": cells}, files, look_and_add, check, variant="cells")


@family(
    needs=("read_file", "find_text", "edit_file"),
    phrasings=(
        "Change the {column} of {row} in {path} to {value}",
        "Set {row}'s {column} to {value} in {path}.",
        "In {path}, the {column} of {row} must be {value}. Fix it.",
        "Update {path}: {column} of {row} is now {value}",
        "The {column} for {row} in {path} is wrong, it should say {value}",
        "Correct the {column} of {row} to {value} in the table {path}",
        "{path}: {row}, {column} -> {value}",
        "Replace the {column} that {path} has for {row} with {value}.",
        "Make {value} the {column} of {row} in {path}",
        "Edit {path} so that {row} has {value} as its {column}",
        "{row} has a new {column}: {value}. Put that into {path}.",
        "Please enter {value} as {column} for {row} in {path}, instead of what is there",
        "give {row} the {column} {value} in {path}",
        "Adjust the {column} cell in the row of {row} in {path}; the right value is {value}",
        "From now on {row}'s {column} is {value}; change {path} accordingly",
        "Overwrite the {column} of {row} with {value} in {path}",
        "I got the {column} of {row} wrong in {path}. It is {value}.",
        "Let {path} say {value} under {column} for {row}",
    ),
    group="csv_edit",
)
def csv_set_cell(dice: Dice) -> Task:
    """Change one cell and nothing else; the row may not be there."""
    table = make_table(dice, semicolons=True)
    row = dice.choice([row for row in table.rows if stays_alone(table, row)])
    column = dice.choice(table.numbers + table.choices)
    absent = dice.maybe(0.15)
    label = missing(dice, table) if absent else row[table.label]
    name = said(dice, table.keys[column])
    value = row[column]
    while value == row[column]:
        if column in table.choices:
            value = dice.choice(CHOICES[table.keys[column].lower()])
        elif column in table.decimals:
            value = f"{dice.uniform(0.5, 900):.2f}"
        else:
            value = str(dice.randint(1, 9999))
    changed = [*row[:column], value, *row[column + 1 :]]
    files = dice.clutter({table.path: table.text}, avoid=[label])

    def policy() -> Plan:
        there = yield from look_for(table, label)
        if not there:
            return f"There is no {label} in {table.path}, so nothing was changed."
        yield call("edit_file", path=table.path, old=table.line(row), new=table.line(changed))
        return f"The {name} of {label} in {table.path} is now {value}."

    after = table.text_of([changed if each is row else each for each in table.rows])
    slots = {"column": name, "row": label, "path": table.path, "value": value}
    return Task(slots, files, policy, says_absent() if absent else leaves({table.path: after}), absent=absent)


@family(
    needs=("read_file", "find_text", "edit_file"),
    phrasings=(
        "Delete the row of {row} from {path}",
        "Remove {row} from {path}.",
        "Take the row for {row} out of {path}",
        "{row} no longer belongs in {path}; drop that row.",
        "strike {row} off {path}",
        "In {path} the entry {row} has to go",
        "Erase the line about {row} in {path}",
        "Please get rid of the {row} row in {path}",
        "{path} should no longer list {row}",
        "Cut the record of {row} from the table {path}.",
        "Clear {row} out of {path}, the other rows stay",
        "Update {path} by deleting {row}",
        "We don't need {row} in {path} any more. Remove the row.",
        "Drop {row} from {path}",
        "Discard the entry for {row} in {path} and leave everything else",
        "Edit {path} so that the row with {row} is gone",
        "kick {row} out of {path}",
    ),
    group="csv_edit",
)
def csv_delete_row(dice: Dice) -> Task:
    """Remove a row and leave the others as they are; it may not be there."""
    table = make_table(dice, semicolons=True)
    table = Table(**{**table.__dict__, "last_newline": True})
    row = dice.choice([row for row in table.rows if stays_alone(table, row)])
    absent = dice.maybe(0.15)
    label = missing(dice, table) if absent else row[table.label]
    files = dice.clutter({table.path: table.text}, avoid=[label])

    def policy() -> Plan:
        there = yield from look_for(table, label)
        if not there:
            return f"There is no {label} in {table.path}, so nothing was removed."
        yield call("edit_file", path=table.path, old=f"{table.line(row)}\n", new="")
        return f"Removed the row of {label} from {table.path}."

    after = table.text_of([each for each in table.rows if each is not row])
    check = says_absent() if absent else leaves({table.path: after})
    return Task({"row": label, "path": table.path}, files, policy, check, absent=absent)


# --- columns


@family(
    needs=("read_file", "run_python"),
    phrasings=(
        "Write the {column} values of {path} to {target}, one per line",
        "List every {column} from {path} in {target}, each on a line of its own, without the header.",
        "Put the whole {column} column of {path} into {target}, a value per line, no heading",
        "{target} should hold the {column} of each row of {path}, line by line and in the same order",
        "Extract the {column} column from {path} to {target} (one value a line, header left out)",
        "Save all {column} entries of {path} as {target}, one on each line",
        "I need a text file {target} with just the {column} of every row in {path}, one per line",
        "From {path} take only the {column} and store the values in {target} one below the other",
        "dump the {column} column of {path} to {target}, one per line",
        "Make {target}: a plain list, one per line, of what stands under {column} in {path}",
        "Go through {path} row by row and write each {column} on its own line of {target}.",
        "Copy the {column} of every entry in {path} to {target}; one line for each, nothing else",
        "Turn the {column} column of {path} into a plain list, one value per line, in {target}",
        "{path} has a column for {column}. Store its values in {target}, one a line, header not included.",
        "Collect each row's {column} from {path} in a file called {target}, line after line",
        "Create {target} with the {column} values found in {path}, every one on a new line",
        "column {column} of {path} -> {target}, one per line",
    ),
    group="csv_filter",
)
def csv_column_to_file(dice: Dice) -> Task:
    """Write one column as lines of text."""
    table = make_table(dice)
    column = dice.choice((table.label, table.label, dice.choice(table.plain_columns)))
    key = table.keys[column]
    name = said(dice, key)
    files = dice.clutter({table.path: table.text})
    target = dice.file("txt", files)

    def policy() -> Plan:
        yield head_of(table.path)
        seen = yield call(
            "run_python",
            code=(
                f"{opening(target, 'csv')}"
                f'values = [row["{key}"] for row in csv.DictReader(open({quoted(table.path)}))]\n'
                f'with open({quoted(target)}, "w") as file:\n'
                f'    file.write("\\n".join(values) + "\\n")\n'
                f"print(len(values))"
            ),
        )
        return f"Wrote the {printed(seen)} values of {name} to {target}, one per line."

    slots = {"column": name, "path": table.path, "target": target}
    return Task(slots, files, policy, leaves({target: "\n".join(row[column] for row in table.rows)}))


@family(
    needs=("read_file", "run_python"),
    phrasings=(
        "Sort {path} by {column}, {order}, and save it as {target}",
        "Write the rows of {path} to {target}, sorted by {column} ({order}), header first",
        "{target} should be {path} ordered by {column}, {order}, with the header still on top",
        "Make a sorted copy of {path} called {target}: by {column}, {order}, same header",
        "Put {path} in order of {column}, {order}, and store the result with its header in {target}.",
        "I'd like the table {path} sorted on {column} ({order}) in a new file {target}",
        "Order the entries in {path} by their {column}, {order}; the sorted table goes to {target}",
        "sort {path} on {column}, {order} -> {target}",
        "Arrange the rows of {path} by {column}, {order}, keep the header, save to {target}",
        "Rank what is in {path} by {column}, {order}, and write the table to {target} with its header",
        "Create {target} with the header and rows of {path}, the rows going by {column}, {order}",
        "Take {path}, bring its rows into order ({column}, {order}) and write header and rows to {target}",
        "The rows of {path} need sorting by {column}, {order}. Leave them, header included, in {target}",
        "Reorder {path} by the {column} column, {order}. Output: {target}",
        "Save a version of {path} as {target} where the rows are sorted by {column}, {order}",
        "by {column}, {order}: sort {path} into {target}, header line first",
    ),
    group="csv_filter",
)
def csv_sorted(dice: Dice) -> Task:
    """Write a table sorted by a number or a text."""
    table = make_table(dice)
    column = dice.choice((dice.choice(table.numbers), dice.choice(table.numbers), table.label))
    wanted = [row[column] for row in table.rows]
    alike = (
        {Decimal(each) for each in wanted} if column in table.numbers else {each.lower() for each in wanted}
    )
    if len(alike) < len(wanted):
        return csv_sorted(dice)
    down = dice.maybe()
    numbers = column in table.numbers
    order = dice.choice(
        ("descending", "largest first", "highest first", "from high to low")
        if down and numbers
        else ("ascending", "smallest first", "lowest first", "from low to high")
        if numbers
        else ("descending", "Z to A")
        if down
        else ("ascending", "alphabetically", "A to Z")
    )
    key = table.keys[column]
    name = said(dice, key)
    in_order = sorted(
        table.rows, key=lambda row: Decimal(row[column]) if numbers else row[column].lower(), reverse=down
    )
    files = dice.clutter({table.path: table.text})
    target = dice.file("csv", files)
    by = f'{table.number(column)}(row["{key}"])' if numbers else f'row["{key}"].lower()'

    def policy() -> Plan:
        yield head_of(table.path)
        seen = yield call(
            "run_python",
            code=(
                f"{opening(target, 'csv')}"
                f"rows = list(csv.DictReader(open({quoted(table.path)})))\n"
                f"rows.sort(key=lambda row: {by}{', reverse=True' if down else ''})\n"
                f'with open({quoted(target)}, "w", newline="") as file:\n'
                f"    writer = csv.DictWriter(file, rows[0].keys())\n"
                f"    writer.writeheader()\n"
                f"    writer.writerows(rows)\n"
                f"print(len(rows))"
            ),
        )
        return f"{target} now holds the {printed(seen)} rows of {table.path} sorted by {name}, {order}."

    slots = {"path": table.path, "column": name, "order": order, "target": target}
    return Task(slots, files, policy, leaves({target: table.text_of(in_order)}))
