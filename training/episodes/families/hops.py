"""Answers that take more than one file: pointers, tables that belong together, files that name files."""

import json
from collections.abc import Callable
from dataclasses import dataclass

from episodes.checks import After, Check, both, leaves, says, says_absent, untouched
from episodes.dice import Dice, csv_text, ini_text
from episodes.families.questions import clock, either, ending, full, make_note, number
from episodes.task import Call, Plan, Task, call, family
from episodes.words import CITIES

WHATS = (
    "door code",
    "alarm code",
    "gate code",
    "booking number",
    "ticket number",
    "serial number",
    "membership number",
    "invoice number",
    "locker number",
    "room number",
    "case number",
    "tracking number",
    "contract number",
    "bike lock number",
    "customer number",
    "article number",
    "phone extension",
    "batch number",
    "seat number",
    "library card number",
)
POINTERS = (
    "The {what} is in {next}.",
    "For the {what} see {next}.",
    "The {what} has moved to {next}.",
    "I wrote the {what} down in {next}.",
    "{what}: look in {next}",
    "You will find the {what} in the file {next}.",
    "Not here any more; {next} has the {what}.",
    "{next} tells you the {what}.",
    "Open {next}, the {what} is there.",
    "Please take the {what} from {next}.",
)
ENDS = (
    "The {what} is {value}.",
    "{what}: {value}",
    "Our {what} = {value}",
    "Use {value} as the {what}.",
    "The current {what} reads {value}.",
    "{value} is the {what}.",
)
LOST = (
    "Nobody wrote the {what} down.",
    "The {what} was removed from here.",
    "We still have to ask for the {what}.",
    "The {what} is not known yet.",
)


@dataclass(frozen=True)
class Chain:
    """Files that lead from one to the next, and what the last says."""

    what: str
    files: dict[str, str]
    path: list[str]
    value: str


def make_chain(dice: Dice, hops: int, *, lost: bool = False) -> Chain:
    """Files of which each names the next; others hold old values of the same kind."""
    what, other = dice.sample(WHATS, 2)
    files: dict[str, str] = {}
    path: list[str] = []
    for _ in range(hops + 1):
        name = dice.file(ending(dice), path)
        path.append(name)
    value = dice.choice((str(dice.randint(1000, 999999)), dice.code().lstrip("#"), dice.made_up()))
    same = dice.maybe(0.5)
    for at, name in enumerate(path):
        last = at == len(path) - 1
        template = dice.choice(LOST if lost else ENDS) if last else dice.choice(POINTERS)
        line = template.format(what=what, next=path[at + 1] if not last else "", value=value)
        lines = [line[0].upper() + line[1:]] if not line.startswith(tuple(path)) else [line]
        if dice.maybe(0.5) and not (last and lost):
            lines.append(dice.choice(ENDS).format(what=other, value=str(dice.randint(1000, 99999))))
        fillers = [dice.sentence() for _ in range(0 if same else dice.randint(0, 5))]
        for filler in fillers:
            lines.insert(dice.randint(0, len(lines)), filler)
        files[name] = "\n".join(lines)
    for _ in range(0 if lost else dice.randint(0, 2)):
        files[dice.file(ending(dice), files)] = dice.choice(ENDS).format(
            what=what, value=dice.randint(1000, 99999)
        )
    return Chain(what, files, path, value)


@family(
    needs=("read_file",),
    phrasings=(
        "What is the {what}? {path} says where it is written down.",
        "Start at {path} and find the {what}.",
        "Follow the hints from {path} on until you know the {what}, then tell me.",
        "{path} leads to the {what}. What is it?",
        "I need the {what}; {path} tells you which file to look in.",
        "Begin with {path}, it points to another file and so on. What's the {what}?",
        "Find out the {what} (begin in {path})",
        "The {what} is hidden behind {path}, go from file to file and report it",
        "Look into {path} to see where the {what} is kept, and give it to me.",
        "Which {what} do we have? {path} knows the file it's in.",
        "Trace the {what} beginning with the file {path}.",
        "Read {path}. It sends you somewhere else for the {what}; tell me what it is.",
        "Get me the {what}, {path} is the first clue",
        "{path} -> ... -> the {what}. What is it in the end?",
        "Somebody moved the {what} around. Take {path} as your starting point and tell me the real one.",
        "Where {path} refers you to, there is the {what}. Say what it is.",
        "Going by {path}, look up the {what} wherever it is now",
        "the {what}? see {path} first",
    ),
    group="pointers",
)
def pointer_chain(dice: Dice) -> Task:
    """Follow one to three pointers to a value; now and then the last file does not have it."""
    absent = dice.maybe(0.14)
    chain = make_chain(dice, dice.choice((1, 1, 2, 2, 3)), lost=absent)
    files = dice.clutter(chain.files, avoid=[chain.what])

    def policy() -> Plan:
        for name in chain.path:
            yield call("read_file", path=name)
        if absent:
            return f"The {chain.what} is not in {chain.path[-1]}, where the trail ends."
        return f"The {chain.what} is {chain.value}."

    check = says_absent() if absent else both(untouched(), says(chain.value))
    return Task({"what": chain.what, "path": chain.path[0]}, files, policy, check, absent=absent)


@family(
    needs=("read_file", "write_file"),
    phrasings=(
        "Write the {what} to {target}; {path} says which file has it.",
        "{path} tells where the {what} is. Put just the {what} into {target}.",
        "Start at {path}, follow it to the {what} and save that alone in {target}",
        "{target} should contain the {what} and nothing else. Begin looking in {path}.",
        "Find the {what} by way of {path}, then store it by itself in {target}.",
        "I'd like the bare {what} in a new file {target}. {path} leads you to it",
        "See {path} for where the {what} went, get it, and record only that in {target}",
        "Hunt down the {what} (first stop {path}) and drop it, alone, into {target}.",
        "Make {target} with only the {what} in it, which you reach from {path}",
        "the {what} -> {target}, nothing else in there; the trail begins in {path}",
        "Take the hint in {path}, read on until you have the {what}, write it on its own in {target}.",
        "Where {path} points, you find the {what}: copy this value, no other words, to {target}",
        "Go from {path} to the {what}. Its value alone is to be kept as {target}.",
        "Fill {target} with the plain {what}. Which file knows it stands in {path}.",
        "Our {what} has to be in {target} as the only content, and {path} knows the way to it",
        "Jot down the {what}, just the value, in {target} after following {path}.",
    ),
    group="pointers",
)
def pointer_chain_to_file(dice: Dice) -> Task:
    """Follow pointers to a value and write it to a file."""
    chain = make_chain(dice, dice.choice((1, 1, 2, 3)))
    files = dice.clutter(chain.files, avoid=[chain.what])
    target = dice.file("txt", files)

    def policy() -> Plan:
        for name in chain.path:
            yield call("read_file", path=name)
        yield call("write_file", path=target, content=chain.value)
        return f"{target} now holds the {chain.what}, {chain.value}."

    slots = {"what": chain.what, "path": chain.path[0], "target": target}
    return Task(slots, files, policy, leaves({target: chain.value}))


@dataclass(frozen=True)
class Join:
    """Two tables: the first gives a link for a name, the second a value for the link."""

    first: tuple[str, ...]
    """The columns: name, link, and others."""
    second: tuple[str, ...]
    """The columns: link, value, and others."""
    who: Callable[[Dice], str]
    value: Callable[[Dice], str]
    ask: str
    whether: str
    said: str


def _title(dice: Dice) -> str:
    return f"The {dice.adjective().capitalize()} {dice.noun().capitalize()}"


def _product(dice: Dice) -> str:
    return f"{dice.adjective()} {dice.noun()}"


def _day(dice: Dice) -> str:
    return dice.day()


JOINS = (
    Join(
        ("name", "customer", "city"),
        ("customer", "amount", "item"),
        full,
        Dice.price,
        "What does {k} have to pay?",
        "what {k} has to pay",
        "{k} has to pay {v}.",
    ),
    Join(
        ("employee", "department", "floor"),
        ("department", "manager", "phone"),
        full,
        full,
        "Who manages the department that {k} works in?",
        "who manages the department that {k} works in",
        "{v} manages the department of {k}.",
    ),
    Join(
        ("title", "shelf", "year"),
        ("shelf", "room", "height"),
        _title,
        lambda dice: f"{dice.noun()} room",
        'Which room is "{k}" in?',
        'which room "{k}" is in',
        "{k} is in the {v}.",
    ),
    Join(
        ("guest", "room", "nights"),
        ("room", "price", "beds"),
        full,
        Dice.price,
        "What does the room of {k} cost?",
        "what the room of {k} costs",
        "The room of {k} costs {v}.",
    ),
    Join(
        ("product", "sku", "weight"),
        ("sku", "stock", "shelf"),
        _product,
        number,
        "How many pieces of {k} are in stock?",
        "how many pieces of {k} are in stock",
        "There are {v} pieces of {k} in stock.",
    ),
    Join(
        ("student", "tutor", "year"),
        ("tutor", "name", "room"),
        full,
        full,
        "Who is the tutor of {k}?",
        "who the tutor of {k} is",
        "The tutor of {k} is {v}.",
    ),
    Join(
        ("recipient", "parcel", "weight"),
        ("parcel", "city", "sent"),
        full,
        Dice.city,
        "Where is the parcel for {k}?",
        "where the parcel for {k} is",
        "The parcel for {k} is in {v}.",
    ),
    Join(
        ("patient", "ward", "age"),
        ("ward", "nurse", "beds"),
        full,
        full,
        "Which nurse looks after {k}?",
        "which nurse looks after {k}",
        "{v} looks after {k}.",
    ),
    Join(
        ("player", "team", "shirt"),
        ("team", "coach", "city"),
        full,
        full,
        "Who coaches {k}?",
        "who coaches {k}",
        "{v} coaches {k}.",
    ),
    Join(
        ("passenger", "bus", "seat"),
        ("bus", "leaves", "stop"),
        full,
        clock,
        "When does the bus of {k} leave?",
        "when the bus of {k} leaves",
        "The bus of {k} leaves at {v}.",
    ),
    Join(
        ("part", "supplier", "price"),
        ("supplier", "country", "rating"),
        _product,
        Dice.city,
        "Which city does the supplier of the {k} come from?",
        "which city the supplier of the {k} comes from",
        "The supplier of the {k} is in {v}.",
    ),
    Join(
        ("speaker", "session", "minutes"),
        ("session", "date", "hall"),
        full,
        _day,
        "On which date does {k} speak?",
        "on which date {k} speaks",
        "{k} speaks on {v}.",
    ),
)


@family(
    needs=("find_text",),
    phrasings={
        "direct": (
            "{ask}? You need {a} and {b} for it.",
            "{ask}? (tables: {a}, {b})",
            "Using {a} together with {b}: {ask}?",
            "{ask}? {a} has the link to {b}.",
            "Look it up in {a} and then in {b}. {ask}?",
            "{ask}? The answer is in {b}, but you must see {a} first.",
            "With {a} and {b} at hand, {ask}?",
            "{a} goes with {b}. {ask}?",
            "Combine {a} and {b}: {ask}?",
            "{ask}? Check {a}, from there {b}.",
            "{ask}? It follows from {a} and {b}",
            "My tables are {a} and {b}. {ask}?",
        ),
        "indirect": (
            "Tell me {whether}; {a} and {b} belong together.",
            "Find out {whether} from {a} and {b}.",
            "Look in {a}, then in {b}, to see {whether}.",
            "I want to know {whether}. The data is split over {a} and {b}",
            "From {a} and {b} work out {whether}",
            "Go through {a} to {b} and say {whether}.",
            "Between them, {a} and {b} tell {whether}. Report it",
            "Can you see {whether} when you join {a} with {b}?",
            "Match {a} against {b}: I need {whether}.",
            "{a} and {b} should be enough to say {whether}",
            "Let me know {whether} (in {b}, via {a}).",
            "Somebody asked {whether}; consult {a} as well as {b}",
        ),
    },
    group="joins",
)
def look_up_in_two_tables(dice: Dice) -> Task:
    """A name's link in one table, the link's value in another; now and then the name is not there."""
    join = dice.choice(JOINS)
    count = dice.choice((3, 5, 8, 12, 20, 40))
    who: list[str] = []
    while len(who) < count + 1:
        one = join.who(dice)
        if not any(one.lower() in other.lower() or other.lower() in one.lower() for other in who):
            who.append(one)
    letter = dice.choice("ABCDEFGHKLMNPRSTW")
    shape = dice.choice(("{0}{1}", "{0}-{1}", "{1}", "{0}{0}{1}"))
    links = [shape.format(letter, each) for each in dice.sample(range(1000, 9999), count)]
    values = [join.value(dice) for _ in links]
    absent = dice.maybe(0.14)
    at = dice.randrange(count)
    name, link, value = (who[-1] if absent else who[at]), links[at], values[at]
    extra = dice.maybe(0.6)
    more = dice.maybe(0.6)
    one = [
        [w, k, *([str(dice.randint(1, 99))] if extra else [])] for w, k in zip(who[:-1], links, strict=True)
    ]
    two = [[k, v, *([str(dice.randint(1, 99))] if more else [])] for k, v in zip(links, values, strict=True)]
    if dice.maybe():
        one = [[row[1], row[0], *row[2:]] for row in one]
        first = [join.first[1], join.first[0], *join.first[2:]]
    else:
        first = list(join.first)
    dice.shuffle(two)
    a = dice.file("csv")
    b = dice.file("csv", [a])
    heads = first if extra else first[:2], list(join.second if more else join.second[:2])
    files = {a: csv_text(heads[0], one), b: csv_text(heads[1], two)}
    files = dice.clutter(files, avoid=[name, link])
    ask, whether, said = (text.format(k=name, v=value) for text in (join.ask, join.whether, join.said))

    def policy() -> Plan:
        yield call("find_text", pattern=name, path=a)
        if absent:
            return f"There is no {name} in {a}."
        yield call("find_text", pattern=link, path=b)
        return said

    check = says_absent() if absent else both(untouched(), says(value))
    variant = dice.choice(("direct", "indirect"))
    slots = {"a": a, "b": b, **({"ask": ask.rstrip("?")} if variant == "direct" else {"whether": whether})}
    return Task(slots, files, policy, check, variant=variant, absent=absent)


_ROLES = (
    "template",
    "source",
    "draft",
    "profile",
    "theme",
    "backup",
    "manual",
    "script",
    "letter",
    "plan",
    "menu",
)
_FIELDS = (
    "title",
    "author",
    "version",
    "owner",
    "language",
    "color",
    "status",
    "place",
    "price",
    "number",
    "topic",
)


@family(
    needs=("read_file",),
    phrasings=(
        "{path} names a file as its {role}. What is the {field} in that file?",
        "Look up in {path} which file is the {role}, open that and tell me its {field}.",
        "What {field} does the {role} set in {path} have?",
        "Read the file that {path} gives as {role} and report the {field}",
        "Find the {field} of the {role} file; {path} says which one that is.",
        "In {path} there is an entry {role} with a file name. I need the {field} from that file.",
        "The {role} in {path} is a file. Which {field} is in it?",
        "{path} -> {role} -> {field}: what value do you get?",
        "See {path} for the {role}'s file name, then say what {field} that file states",
        "Check the {role} configured in {path}: what's the {field} inside?",
        "Tell me the {field} given in whatever file {path} uses for {role}.",
        "Which file does {path} have under {role}, and what {field} does it hold?",
        "Go to the {role} file named by {path} and give me the {field}",
        "I'd like the {field} of the {role} that {path} refers to.",
        "Under {role}, {path} points to a file; fetch its {field}",
        "What's the {field} in the {role} file? You get the file's name from {path}",
    ),
    group="pointers",
)
def file_named_by_setting(dice: Dice) -> Task:
    """A setting names a file, and that file has the field."""
    roles = dice.sample(_ROLES, dice.randint(2, 4))
    fields = dice.sample(_FIELDS, dice.randint(2, 4))
    form = dice.choice(("ini", "json", "cfg"))
    path = dice.file(form)
    files: dict[str, str] = {}
    values: dict[str, dict[str, str]] = {}
    names: dict[str, str] = {}
    for role in roles:
        name = dice.file(dice.choice(("txt", "txt", "md", "json")), {path: "", **files})
        names[role] = name
        values[role] = {
            field: dice.choice((dice.made_up(), dice.noun(), str(dice.randint(2, 999)))) for field in fields
        }
        lines = "\n".join(f"{field}: {value}" for field, value in values[role].items())
        files[name] = json.dumps(values[role], indent=2) if name.endswith("json") else lines
    files[path] = json.dumps(names, indent=2) if form == "json" else ini_text({dice.noun(): names})
    role, field = dice.choice(roles), dice.choice(fields)
    value = values[role][field]
    files = dice.clutter(files)

    def policy() -> Plan:
        yield call("read_file", path=path)
        yield call("read_file", path=names[role])
        return f"The {field} in {names[role]} is {value}."

    return Task({"path": path, "role": role, "field": field}, files, policy, both(untouched(), says(value)))


_MEASURES = (
    "total",
    "budget",
    "weight",
    "score",
    "price",
    "distance",
    "temperature",
    "population",
    "attendance",
    "balance",
    "height",
    "duration",
    "salary",
    "rent",
    "speed",
    "yield",
    "age",
    "length",
    "votes",
    "points",
    "deposit",
)


@family(
    needs=("read_file",),
    phrasings={
        "more": (
            "Which has the larger {key}, {a} or {b}?",
            "Compare the {key} in {a} and {b}: where is it higher?",
            "Is the {key} greater in {a} or in {b}?",
            "{a} and {b} both give a {key}. Which file has the bigger one?",
            "Look at {a} and {b} and tell me which {key} is the highest.",
            "Of {a} and {b}, which one states the larger {key}?",
            "Where do we have more {key}: {a}, {b}?",
            "Read {a}, read {b}, say which file shows the greater {key}",
            "Between {a} and {b}, whose {key} is larger?",
            "Name the file with the higher {key} ({a} vs {b})",
            "I need to know which of the two has the bigger {key}: {a} or {b}.",
            "Does {a} or {b} have the higher value for {key}?",
        ),
        "less": (
            "Which has the smaller {key}, {a} or {b}?",
            "Compare the {key} in {a} and {b}: where is it lower?",
            "Is the {key} less in {a} or in {b}?",
            "{a} and {b} both give a {key}. Which file has the smaller one?",
            "Look at {a} and {b} and tell me which {key} is the lowest.",
            "Of {a} and {b}, which one states the lower {key}?",
            "Read {a}, read {b}, say which file shows the lesser {key}",
            "Between {a} and {b}, whose {key} is smaller?",
            "Name the file with the lower {key} ({a} vs {b})",
            "Does {a} or {b} have the lower value for {key}?",
        ),
        "three": (
            "Which of {a}, {b} and {c} has the largest {key}?",
            "Compare {a}, {b} and {c}. Where is the {key} highest?",
            "{a}, {b}, {c}: which file gives the biggest {key}?",
            "I have a {key} in each of {a}, {b} and {c}; which one is the greatest?",
            "Look through {a}, {b} and {c} for the highest {key} and name the file",
            "Find the file with the maximum {key} among {a}, {b} and {c}",
            "Tell me whether {a}, {b} or {c} has the highest {key}.",
            "whose {key} is largest - {a}, {b} or {c}?",
        ),
    },
)
def compare_files(dice: Dice) -> Task:
    """Say which of two or three files has the larger (or smaller) value."""
    variant = dice.choice(("more", "more", "less", "three"))
    keys = dice.sample(_MEASURES, dice.randint(1, 4))
    key = dice.choice(keys)
    count = 3 if variant == "three" else 2
    low, high = dice.choice(((1, 40), (50, 150), (900, 1100), (10, 100000)))
    decimals = dice.maybe(0.25)
    numbers = [each / 10 if decimals else each for each in dice.sample(range(low, high), count)]
    form = dice.choice(("txt", "md", "ini", "json"))
    files: dict[str, str] = {}
    for value in numbers:
        given = {each: value if each == key else dice.randint(low, high) for each in keys}
        match form:
            case "ini":
                text = ini_text({dice.noun(): given})
            case "json":
                text = json.dumps(given, indent=2)
            case _:
                lines = [f"{each}: {many}" for each, many in given.items()]
                text = "\n".join([dice.sentence(), *lines] if dice.maybe(0.4) else lines)
        files[dice.file(form, files)] = text
    names = list(files)
    best = names[numbers.index(min(numbers) if variant == "less" else max(numbers))]
    value = dict(zip(names, numbers, strict=True))[best]
    word = "smallest" if variant == "less" else "largest"
    files = dice.clutter(files)

    def policy() -> Plan:
        for name in names:
            yield call("read_file", path=name)
        return f"{best} has the {word} {key}, {value}."

    slots = {"key": key, **dict(zip("abc", names, strict=False))}
    return Task(slots, files, policy, both(untouched(), _names_first(best, names)), variant=variant)


def _names_first(best: str, names: list[str]) -> Check:
    """The answer names this file, and no other before it."""

    def check(after: After) -> bool:
        at = {name: after.answer.find(name) for name in names if name in after.answer}
        return bool(at) and min(at, key=lambda name: at[name]) == best

    return both(says(best), check)


@dataclass(frozen=True)
class Chore:
    """One thing that a file of instructions asks for."""

    words: str
    call: Call
    done: str


def _chores(
    dice: Dice, files: dict[str, str], count: int
) -> tuple[list[Chore], dict[str, str], set[str], set[str]]:
    """Things to do, the files changed and removed, and the folders made."""
    chores: list[Chore] = []
    changed: dict[str, str] = {}
    removed: set[str] = set()
    made: set[str] = set()
    names: set[str] = set(files)
    kinds = dice.sample(("write", "append", "copy", "rename", "delete", "edit", "folder"), count)
    for kind in kinds:
        old = dice.file(dice.choice(("txt", "md")), list(names))
        new = dice.file("txt", [*names, old])
        names |= {old, new}
        text = dice.choice(
            (f"{dice.adjective()} {dice.noun()}", dice.to_do(), dice.made_up(), dice.sentence())
        )
        if kind in ("append", "copy", "rename", "delete", "edit"):
            files[old] = dice.prose()
        match kind:
            case "write":
                changed[new] = text
                words = dice.choice(
                    (
                        f'Write "{text}" into {new}.',
                        f"Create {new} with this text: {text}",
                        f'Make a file {new} that contains "{text}".',
                        f'Save the words "{text}" as {new}',
                    )
                )
                chores.append(Chore(words, call("write_file", path=new, content=text), f"wrote {new}"))
            case "append":
                changed[old] = f"{files[old]}\n{text}"
                words = dice.choice(
                    (
                        f'Add the line "{text}" at the end of {old}.',
                        f"Append to {old}: {text}",
                        f'Put "{text}" as a last line in {old}.',
                        f"At the bottom of {old} add: {text}",
                    )
                )
                chores.append(
                    Chore(words, call("append_file", path=old, content=text), f"added a line to {old}")
                )
            case "copy":
                changed[new] = files[old]
                words = dice.choice(
                    (
                        f"Copy {old} to {new}.",
                        f"Make a copy of {old} called {new}",
                        f"Duplicate {old} as {new}.",
                    )
                )
                chores.append(
                    Chore(words, call("copy_file", source=old, target=new), f"copied {old} to {new}")
                )
            case "rename":
                changed[new] = files[old]
                removed.add(old)
                words = dice.choice(
                    (
                        f"Rename {old} to {new}.",
                        f"Give {old} the new name {new}",
                        f"Move {old} to {new}.",
                    )
                )
                chores.append(
                    Chore(words, call("move_file", source=old, target=new), f"renamed {old} to {new}")
                )
            case "delete":
                removed.add(old)
                words = dice.choice((f"Delete {old}.", f"Get rid of {old}", f"Remove the file {old}."))
                chores.append(Chore(words, call("delete_file", path=old), f"deleted {old}"))
            case "edit":
                word = dice.made_up() + "en"
                other = dice.noun()
                before, after = f"{files[old]}\nThe {word} is here.", f"{files[old]}\nThe {other} is here."
                files[old], changed[old] = before, after
                words = dice.choice(
                    (
                        f"In {old}, replace {word} with {other}.",
                        f"Change {word} to {other} in {old}",
                        f"{old}: {word} should become {other}.",
                    )
                )
                done = f"changed {word} to {other} in {old}"
                chores.append(Chore(words, call("edit_file", path=old, old=word, new=other), done))
            case _:
                folder = dice.folder([name.split("/")[0] for name in names])
                made.add(folder)
                words = dice.choice(
                    (
                        f"Make a folder called {folder}.",
                        f"Create the folder {folder}",
                        f"We need a new folder {folder}.",
                    )
                )
                chores.append(Chore(words, call("make_folder", path=folder), f"made the folder {folder}"))
    return chores, changed, removed, made


@family(
    needs=(
        "read_file",
        "write_file",
        "append_file",
        "copy_file",
        "move_file",
        "delete_file",
        "edit_file",
        "make_folder",
    ),
    phrasings=(
        "Do what {path} says.",
        "Follow the instructions in {path}.",
        "Carry out everything in {path}",
        "Work through {path}.",
        "{path} has your tasks. Do them.",
        "Read {path} and do it.",
        "I wrote down what to do in {path}, go ahead with it",
        "Your to-do list is {path}; please complete it.",
        "Complete all the steps of {path}",
        "Execute the steps described in {path}.",
        "Take care of what's in {path}",
        "Handle the things listed in {path} for me.",
        "Open {path} and perform each item.",
        "Get the jobs in {path} done.",
        "See {path} for what I want; do exactly that",
        "What {path} asks for, do it now.",
        "There are a few chores in {path}. Could they be done?",
        "Process {path}: every line is something to do.",
    ),
)
def do_what_it_says(dice: Dice) -> Task:
    """Do the one to three things that a file named by the person asks for."""
    files: dict[str, str] = {}
    chores, changed, removed, made = _chores(dice, files, dice.choice((1, 2, 2, 3)))
    path = dice.choice(
        ("tasks.txt", "todo.txt", "todo.md", "instructions.txt", "steps.md", dice.file("txt", files))
    )
    style = dice.randrange(4)
    lines = [
        f"{number}. {chore.words}" if style == 0 else f"- {chore.words}" if style == 1 else chore.words
        for number, chore in enumerate(chores, 1)
    ]
    if dice.maybe(0.35):
        lines = [
            dice.choice(("To do", "Please:", "# Tasks", "Instructions", "Today", "For the assistant:")),
            *lines,
        ]
    files[path] = "\n".join(lines)
    files = dice.clutter(files, 0, 4)

    def policy() -> Plan:
        yield call("read_file", path=path)
        for chore in chores:
            yield chore.call
        return f"Done: {', '.join(chore.done for chore in chores)}."

    def folders(after: After) -> bool:
        return made <= after.folders

    check = both(leaves(changed, removed=tuple(removed)), folders)
    return Task({"path": path}, files, policy, check)


@family(
    needs=("read_file",),
    phrasings=(
        "{question} contains a question. Answer it with the help of {path}.",
        "Answer the question in {question}; the facts are in {path}.",
        "Read {question}, then find the answer in {path}.",
        "What is the answer to the question in {question}? See {path}.",
        "Somebody left a question in {question}. {path} should have the answer, tell me it.",
        "Look at {question} and answer from {path}",
        "The question: {question}. The source: {path}. The answer?",
        "Using {path}, answer what is asked in {question}.",
        "Take the question from {question} and look it up in {path}",
        "I put a question in {question}. Can you answer it? The information is in {path}.",
        "Reply to {question}. You can find everything you need in {path}.",
        "In {question} they want to know something that {path} tells. What is it?",
        "Open {question} and {path}: the first asks, the second knows. Tell me the answer.",
        "Solve {question} by reading {path}.",
        "Find in {path} what {question} asks about and say it",
        "What would you reply to the question written in {question}, going by {path}?",
    ),
)
def question_in_a_file(dice: Dice) -> Task:
    """A file asks, another file answers; in a seventh of the tasks it does not."""
    note = make_note(dice)
    absent = dice.maybe(0.15)
    fact = dice.choice(note.missing if absent else note.facts)
    path = dice.file(ending(dice))
    question = dice.choice(("question.txt", "ask.txt", "request.md", dice.file("txt", [path])))
    asked = dice.choice(
        (
            fact.ask,
            f"Hi,\n{fact.ask}\n{dice.first_name()}",
            f"Question: {fact.ask}",
            f"{dice.first_name()} asks: {fact.ask}",
            f"Can anyone tell me {fact.whether}?",
        )
    )
    files = dice.clutter({path: note.text, question: asked}, avoid=[fact.given])

    def policy() -> Plan:
        yield call("read_file", path=question)
        yield call("read_file", path=path)
        return f"{path} does not say {fact.whether}." if absent else fact.said

    check = says_absent() if absent else both(untouched(), says(either(value=fact.value)))
    return Task({"path": path, "question": question}, files, policy, check, absent=absent)


@family(
    needs=("read_file", "find_text"),
    phrasings=(
        "{path} says which city we go to. When does the service there leave, according to {table}?",
        "Look up in {table} the departure to the city named in {path}.",
        "See {path} for the destination and {table} for the time of departure. What time is it?",
        "What time do we leave? The destination is in {path}, the times are in {table}.",
        "Take the destination from {path} and tell me its departure time from {table}",
        "I need the departure time for our trip: {path} knows where to, {table} knows when.",
        "Find out where we travel ({path}) and at what time that leaves ({table}).",
        "Check {path} to see where the trip goes; then what time does {table} give for that city?",
        "With {path} and {table}, work out when our train goes",
        "When must we be at the station? Read {path} for the city, {table} for departures.",
        "departure for the city in {path}? times: {table}",
        "Our destination stands in {path}. Tell me when the connection leaves, using {table}",
        "{table} lists departures by city, {path} has our city. Departure time please",
        "Which time in {table} belongs to the destination in {path}?",
        "Match the destination from {path} with {table} and report the time",
        "Tell me the time at which the trip of {path} starts; {table} is the timetable",
    ),
    group="joins",
)
def timetable_for_destination(dice: Dice) -> Task:
    """A note names a city, a timetable gives its time."""
    cities = dice.sample(CITIES, dice.choice((4, 6, 10, 30, 60)))
    times = [clock(dice) for _ in cities]
    at = dice.randrange(len(cities))
    city, time = cities[at], times[at]
    line = dice.choice(
        (
            "We are going to {c} this year.",
            "Destination: {c}",
            "The trip goes to {c}.",
            "Next stop is {c}, pack warm.",
            "{n} booked the tickets to {c}.",
            "All of us meet at the station and travel to {c}.",
        )
    ).format(c=city, n=dice.first_name())
    lines = [line]
    for _ in range(dice.randint(0, 4)):
        sentence = dice.sentence()
        if not any(each in sentence for each in CITIES):
            lines.insert(dice.randint(0, len(lines)), sentence)
    path = dice.file(ending(dice))
    table = dice.file(dice.choice(("csv", "txt")), [path])
    rows = list(zip(cities, times, strict=True))
    text = (
        csv_text(("city", "departure"), rows)
        if table.endswith("csv")
        else "\n".join(f"{t} {c}" for c, t in rows)
    )
    files = dice.clutter({path: "\n".join(lines), table: text}, avoid=[city])

    def policy() -> Plan:
        yield call("read_file", path=path)
        yield call("find_text", pattern=city, path=table)
        return f"The departure to {city} is at {time}."

    return Task({"path": path, "table": table}, files, policy, both(untouched(), says(time)))
