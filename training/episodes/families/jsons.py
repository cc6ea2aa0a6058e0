"""JSON files: look up, change, count, and turn into other files or out of them."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from episodes import words
from episodes.checks import After, Check, both, leaves, says, says_absent, untouched
from episodes.dice import Dice
from episodes.families.fields import (
    MAKERS,
    SECTIONS,
    SET_IN_SECTION,
    SET_PLAIN,
    Value,
    listed,
    missing_key,
    other_value,
    shown,
    some_keys,
    value_for,
)
from episodes.families.tables import be, make_table, opening, printed, quoted, said
from episodes.task import Plan, Task, call, family

Document = dict[str, Any]

COUNTED = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
LISTS: tuple[tuple[str, Callable[[Dice], str]], ...] = (
    ("tags", Dice.noun),
    ("members", Dice.full_name),
    ("authors", Dice.full_name),
    ("cities", Dice.city),
    ("stops", Dice.city),
    ("guests", Dice.first_name),
    ("colors", Dice.adjective),
    ("items", lambda dice: f"{dice.adjective()} {dice.noun()}"),
    ("tasks", Dice.to_do),
    ("dates", Dice.day),
    ("plugins", Dice.made_up),
    ("hosts", lambda dice: f"{dice.made_up()}.example.org"),
    ("keywords", Dice.noun),
    ("ingredients", Dice.noun),
)
"""Keys with lists of texts behind them."""


def json_path(dice: Dice) -> str:
    """A JSON file's name."""
    if dice.maybe(0.55):
        return dice.file("json")
    folder = f"{dice.choice(words.FOLDERS)}/" if dice.maybe(0.2) else ""
    stems = (
        "config",
        "settings",
        "package",
        "profile",
        "data",
        "options",
        "app",
        "manifest",
        "project",
        "state",
    )
    return f"{folder}{dice.choice(stems)}.json"


def some_list(dice: Dice, make: Callable[[Dice], str], low: int = 2, high: int = 6) -> list[str]:
    """Different texts."""
    count = dice.randint(low, high)
    return list(dict.fromkeys(make(dice) for _ in range(count * 2)))[:count]


def flat_document(dice: Dice, low: int = 3, high: int = 8) -> Document:
    """Keys with plain values; here and there a list or an object among them."""
    document: Document = {key: value_for(dice, key) for key in some_keys(dice, low, high)}
    if dice.maybe(0.35):
        key, make = dice.choice(LISTS)
        document[key] = some_list(dice, make)
    if dice.maybe(0.25):
        name = dice.choice([each for each in SECTIONS if each not in document])
        document[name] = {dice.noun(): dice.randint(1, 99), dice.made_up(): dice.noun()}
    return document


def nested_document(dice: Dice) -> Document:
    """Objects with keys of the same name in them."""
    document: Document = {}
    if dice.maybe(0.5):
        document |= {key: value_for(dice, key) for key in some_keys(dice, 1, 2)}
    keys = some_keys(dice, 2, 5)
    names = dice.some([name for name in SECTIONS if name not in document], 2, 4)
    for name in names:
        own = [key for key in keys if dice.maybe(0.85)] or keys[:1]
        document[name] = {key: value_for(dice, key) for key in own}
    return document


def plain_keys(document: Mapping[str, Any]) -> list[str]:
    """The keys that have no list or object behind them."""
    return [key for key, value in document.items() if not isinstance(value, list | dict)]


def objects(document: Mapping[str, Any]) -> list[str]:
    """The keys that have an object behind them."""
    return [key for key, value in document.items() if isinstance(value, dict)]


def json_text(dice: Dice, document: object) -> str:
    """The document as it may be written."""
    indent = dice.choice((2, 2, 2, 4, 4, None if len(str(document)) < 240 else 2))
    return json.dumps(document, indent=indent, ensure_ascii=False) + ("\n" if dice.maybe(0.8) else "")


def holds(path: str, document: object, *, loose: bool = False) -> Check:
    """The file holds this document however it is laid out, and every other file is as it was."""

    def check(after: After) -> bool:
        text = after.files.get(path, "")
        try:
            found = json.loads(text)
        except ValueError:
            return False
        same = _texts(found) == _texts(document) if loose else _typed(found) == _typed(document)
        return same and leaves({path: text})(after)

    return check


def _texts(value: Any) -> Any:
    """The document with every value as a text."""
    if isinstance(value, list):
        return [_texts(each) for each in value]
    if isinstance(value, dict):
        return {key: _texts(each) for key, each in value.items()}
    return str(value)


def _typed(value: Any) -> str:
    """The document as text, in which `true` and `1` are different, and the order of keys does not count."""
    return json.dumps(value, sort_keys=True)


def in_code(value: Value) -> str:
    """A value as Python code."""
    return quoted(value) if isinstance(value, str) else str(value)


# --- look up


@family(
    needs=("read_file",),
    phrasings=(
        "What is the {key} in {path}?",
        "What does {path} have as {key}?",
        "Tell me the value of {key} in {path}.",
        "Look at {path} and tell me its {key}",
        "which {key} is stored in {path}",
        "{path}: what is {key}?",
        "I need the {key} from the JSON file {path}",
        "Read out the {key} that is in {path}",
        "What's behind {key} in {path}?",
        "Open {path}, what {key} does it name?",
        "Find {key} in {path} and report its value.",
        "value of {key} in {path}?",
        "Check what {path} says for {key}.",
        "In the JSON of {path}, {key} is set to what?",
        "Give me {path}'s {key}",
        "Please see which value {key} has in {path}",
        "Could you find the {key} for me? It is in {path}.",
        "How does {path} define {key}?",
    ),
    group="json_read",
)
def json_value(dice: Dice) -> Task:
    """Say a value of a JSON file; in a sixth of the tasks it is not there."""
    document = flat_document(dice, 3, 20 if dice.maybe(0.15) else 8)
    path = json_path(dice)
    key = dice.choice(plain_keys(document))
    absent = dice.maybe(0.17)
    value = document[key]
    if absent:
        key = missing_key(dice, document)
    name = said(dice, key)
    files = dice.clutter({path: json_text(dice, document)}, avoid=[key])

    def policy() -> Plan:
        yield call("read_file", path=path)
        return f"There is no {name} in {path}." if absent else f"The {name} {be(name)} {shown(value)}."

    check = says_absent() if absent else both(untouched(), says(shown(value)))
    return Task({"key": name, "path": path}, files, policy, check, absent=absent)


@family(
    needs=("read_file",),
    phrasings={
        "parent": (
            "What is the {key} of {parent} in {path}?",
            "In {path}, which {key} does {parent} have?",
            "Tell me the {key} inside {parent} in {path}.",
            "Look up {parent}'s {key} in {path}",
            "{key} of {parent} in {path}?",
            "Under {parent} in {path} there should be a {key}, what is it?",
            "What does {path} set as the {key} for {parent}?",
            "I want the {key} that {path} has nested in {parent}",
            "Go to {parent} in {path} and read me the {key}.",
            "Within the object {parent} of {path}: what's the {key}?",
            "Report the {key} belonging to {parent} ({path})",
            "Find out which {key} {parent} uses, {path} has it",
            "{path} -> {parent} -> {key}, what is there?",
            "Give me the {key} listed below {parent} in the file {path}.",
            "For {parent}, what {key} is given in {path}?",
            "say what {key} {parent} has been assigned in {path}",
            "Several parts of {path} have settings. What is the {key} of {parent}?",
        ),
        "dotted": (
            "What is {dotted} in {path}?",
            "Tell me the value of {dotted} in {path}.",
            "Look up {dotted} in {path}",
            "{path}: value of {dotted}?",
            "what does {path} have at {dotted}",
            "Read {dotted} from {path} and tell me what it is.",
            "I need {dotted}, as set in {path}",
            "Which value is stored under {dotted} in {path}?",
            "Find {dotted} in the JSON file {path} and report it",
            "Give me {dotted} out of {path}.",
            "How is {dotted} set in {path}?",
            "In {path}, {dotted} is what?",
            "Please check {dotted} in {path}",
            "Follow {dotted} in {path}. What do you find there?",
            "Say what {path} holds for {dotted}",
            "get me the setting {dotted} ({path})",
        ),
        "record": (
            "What is the {key} of {row} in {path}?",
            "Tell me {row}'s {key} from {path}.",
            "Look in {path} for {row} and report the {key}",
            "{path} has an entry for {row}. Which {key} does it have?",
            "{key} of {row}? see {path}",
            "Which {key} belongs to {row} in the JSON list {path}?",
            "I need the {key} for {row}; {path} lists it",
            "Find the record of {row} in {path} and give me its {key}.",
            "According to {path}, what {key} does {row} have?",
            "In {path} there is {row}; read me its {key}",
            "say which {key} goes with {row} in {path}",
            "What's given as {key} for {row} in {path}?",
            "Check {row} in {path}, I want to know the {key}.",
            "For the entry {row} of {path}: what is the {key}?",
            "get the {key} out of {row}'s object in {path}",
            "Could you look up the {key} {path} has for {row}?",
        ),
    },
    group="json_read",
)
def json_nested(dice: Dice) -> Task:
    """Say a value further inside a JSON file, among others of the same name."""
    variant = dice.choice(("parent", "dotted", "record"))
    if variant == "record":
        return _record_value(dice)
    document = nested_document(dice)
    path = json_path(dice)
    parents = objects(document)
    parent = dice.choice(parents)
    key = dice.choice(list(document[parent]))
    value = document[parent][key]
    gone = dice.choice(("key", "key", "parent")) if dice.maybe(0.17) else ""
    if gone == "parent":
        parent = dice.choice([name for name in SECTIONS if name not in str(document)])
    elif gone:
        every = sorted({key for name in parents for key in document[name]})
        lacks = [(name, key) for name in parents for key in every if key not in document[name]]
        parent, key = dice.choice(lacks) if lacks else (parent, missing_key(dice, document))
    deep = dice.maybe(0.25)
    whole = {dice.choice(("app", "settings", "main", "options")): document} if deep else document
    files = dice.clutter({path: json_text(dice, whole)}, avoid=[key])
    dotted = f"{next(iter(whole))}.{parent}.{key}" if deep else f"{parent}.{key}"
    name = said(dice, key) if variant == "parent" else key

    def policy() -> Plan:
        yield call("read_file", path=path)
        if gone == "parent":
            return f"There is no {parent} in {path}."
        if gone:
            return f"There is no {name} in {parent} in {path}."
        return (
            f"The {name} of {parent} {be(name)} {shown(value)}."
            if variant == "parent"
            else f"{dotted} is {shown(value)}."
        )

    others = {shown(document[each][key]) for each in parents if each != parent and key in document[each]}
    never = [each for each in others - {shown(value)} if len(each) > 3 and each.lower() not in dotted]
    check = says_absent() if gone else both(untouched(), says(shown(value), never=tuple(sorted(never))))
    slots = {"dotted": dotted} if variant == "dotted" else {"key": name, "parent": parent}
    return Task({**slots, "path": path}, files, policy, check, variant=variant, absent=bool(gone))


def records(dice: Dice, high: int = 10) -> tuple[list[Document], str, str]:
    """A list of objects, the key that names each, and another key."""
    table = make_table(dice, high=high, long=0)
    keys = [key.lower().replace(" ", "_") for key in table.keys]
    typed: dict[int, Callable[[str], Value]] = {
        **dict.fromkeys(table.integers, int),
        **dict.fromkeys(table.decimals, float),
    }
    listed_rows = [
        {key: typed.get(at, str)(cell) for at, (key, cell) in enumerate(zip(keys, row, strict=True))}
        for row in table.rows
    ]
    return listed_rows, keys[table.label], keys[dice.choice(table.plain_columns)]


def _record_value(dice: Dice) -> Task:
    rows, label, key = records(dice)
    path = json_path(dice)
    row = dice.choice(rows)
    value = row[key]
    absent = dice.maybe(0.15)
    if absent:
        rows.remove(row)
    name = said(dice, key)
    files = dice.clutter({path: json.dumps(rows, indent=2)}, avoid=[str(row[label])])

    def policy() -> Plan:
        yield call("read_file", path=path)
        return (
            f"There is no {row[label]} in {path}."
            if absent
            else f"The {name} of {row[label]} {be(name)} {value}."
        )

    check = says_absent() if absent else both(untouched(), says(str(value)))
    slots = {"key": name, "row": str(row[label]), "path": path}
    return Task(slots, files, policy, check, variant="record", absent=absent)


@family(
    needs=("read_file",),
    phrasings={
        "top": (
            "Which keys does {path} have at the top level?",
            "List the top-level keys of {path}.",
            "Name every key on the outermost level of {path}",
            "What are the top-level keys in {path}?",
            "top-level keys of {path}?",
            "Tell me the keys at the root of the JSON in {path}",
            "Read {path} and give me its outermost keys",
            "I'd like to know all keys of the root object in {path}",
            "What keys are there in {path}, on the first level only?",
            "Show me the names of the top level fields of {path}.",
            "Without going into nested objects, which keys are in {path}?",
            "report the keys {path} has at its root",
            "Enumerate the root keys of {path}",
            "Say which keys the outer object of {path} has.",
            "Look into {path}: what is on its top level? The key names will do.",
            "give the first-level key names found in {path}",
        ),
        "parent": (
            "Which keys does {parent} have in {path}?",
            "List the keys inside {parent} in {path}.",
            "Name the keys that {path} has under {parent}",
            "In {path}, what keys are below {parent}?",
            "keys of {parent} in {path}?",
            "Tell me all keys of the object {parent} in {path}",
            "Look at {parent} in {path} and name its keys.",
            "What settings are there under {parent} in {path}? Their names are enough.",
            "Report which keys belong to {parent} ({path})",
            "I want the key names that {parent} contains in {path}",
            "Read {path}. Which fields does {parent} have?",
            "Enumerate the fields within {parent} of {path}",
            "Give me each key nested in {parent} in the file {path}.",
            "say what keys {path} lists for {parent}",
            "Go through {parent} in {path}, what are its keys called?",
            "the object {parent} in {path} has which keys",
        ),
    },
    group="json_read",
)
def json_keys(dice: Dice) -> Task:
    """Name the keys of a JSON file or of an object in it."""
    document = nested_document(dice)
    path = json_path(dice)
    variant = dice.choice(("top", "parent"))
    parent = dice.choice(objects(document))
    keys = list(document) if variant == "top" else list(document[parent])
    never = [each for name in objects(document) for each in document[name] if variant == "top"]
    never = [each for each in never if each not in " ".join(keys) and each not in path]
    files = dice.clutter({path: json_text(dice, document)})

    def policy() -> Plan:
        yield call("read_file", path=path)
        what = f"top-level keys of {path}" if variant == "top" else f"keys of {parent} in {path}"
        return f"The {what} {'is' if len(keys) == 1 else 'are'} {listed(keys)}."

    slots = {"path": path} | ({"parent": parent} if variant == "parent" else {})
    return Task(slots, files, policy, both(untouched(), says(*keys, never=tuple(never))), variant=variant)


@family(
    needs=("run_python",),
    phrasings={
        "key": (
            "How many {key} are in {path}?",
            "Count the {key} in {path}.",
            "How long is the list {key} in {path}?",
            "number of {key} in {path}?",
            "Tell me how many entries {key} has in {path}",
            "What is the length of {key} in {path}?",
            "In {path} there is a list called {key}; how many elements does it have?",
            "I want to know how many {key} {path} lists",
            "{path}: how many {key}?",
            "Look at {key} in {path} and say how many there are.",
            "Give me the count of {key} stored in {path}",
            "how many things are in the {key} array of {path}",
            "Check how many {key} we have in {path}.",
            "Find out how many {key} the JSON file {path} contains",
            "Report the size of the {key} list in {path}",
            "Work out the number of items that {key} holds in {path}.",
        ),
        "top": (
            "How many entries are in the JSON list {path}?",
            "{path} is a JSON list. How long is it?",
            "Count the objects in the JSON array of {path}.",
            "how many records does the list in {path} have",
            "Tell me the number of elements in the list that {path} holds",
            "What is the length of the JSON array in {path}?",
            "records in {path}? it is one big JSON list",
            "I'd like to know how many items the list in {path} has.",
            "Find out how many objects are listed in {path}",
            "Give me the number of records in {path} (a list in JSON)",
            "The file {path} has a list of objects; how many of them?",
            "Say how many elements the array in {path} has",
            "Report the count of entries that the list {path} contains",
            "How many items would I get if I loaded the list in {path}?",
            "check the list {path}, how many entries",
            "Work out how many records there are in {path}, it's an array.",
        ),
    },
    group="json_read",
)
def json_length(dice: Dice) -> Task:
    """Count the elements of a list."""
    path = json_path(dice)
    variant = dice.choice(("key", "top"))
    key, make = dice.choice(LISTS)
    if variant == "key":
        document: Any = flat_document(dice)
        document[key] = some_list(dice, make, 1, 40 if dice.maybe(0.4) else 12)
        count = len(document[key])
        text = json_text(dice, document)
    else:
        document = records(dice, 30)[0]
        count = len(document)
        text = json.dumps(document, indent=2)
    files = dice.clutter({path: text}, avoid=[key] if variant == "key" else [])
    counted = "data" if variant == "top" else f"data[{quoted(key)}]"

    def policy() -> Plan:
        seen = yield call(
            "run_python", code=f"import json\ndata = json.load(open({quoted(path)}))\nprint(len({counted}))"
        )
        what = f"list in {path}" if variant == "top" else f"list {key} in {path}"
        found = printed(seen)
        return f"The {what} has {found} {'entry' if found == '1' else 'entries'}."

    wanted = f"{count}|{COUNTED[count]}" if count < len(COUNTED) else str(count)
    slots = {"path": path} | ({"key": key} if variant == "key" else {})
    return Task(slots, files, policy, both(untouched(), says(wanted)), variant=variant)


# --- change


@family(
    needs=("read_file", "edit_file"),
    phrasings={
        "plain": SET_PLAIN,
        "section": (
            *(text for text in SET_IN_SECTION if "ection" not in text.replace("{section}", "")),
            "Let {section} have {value} as its {key} in {path}",
            "In the JSON file {path}, change {section}'s {key} to {value}",
            "Modify {path} so that the {key} inside {section} is {value}",
            "overwrite the {key} of {section} in {path}, new value {value}",
        ),
    },
    group="json_edit",
)
def json_set(dice: Dice) -> Task:
    """Change one value of a JSON file."""
    variant = dice.choice(("plain", "section"))
    while True:
        document = flat_document(dice) if variant == "plain" else nested_document(dice)
        text = json_text(dice, document)
        parent = "" if variant == "plain" else dice.choice(objects(document))
        home = document[parent] if parent else document
        key = dice.choice(plain_keys(home))
        value = other_value(dice, key, home[key]) if key in MAKERS else _changed(dice, home[key])
        old = f"{quoted(key)}: {json.dumps(home[key], ensure_ascii=False)}"
        new = f"{quoted(key)}: {json.dumps(value, ensure_ascii=False)}"
        if text.count(old) > 1 and parent:  # from the parent's line on
            block = text[text.index(f"{quoted(parent)}: {{") :]
            block = block[: block.index(old) + len(old)]
            old, new = block, block[: -len(old)] + new
        if text.count(old) == 1:
            break
    path = json_path(dice)
    name = said(dice, key)
    files = dice.clutter({path: text})
    changed = {**document, parent: {**home, key: value}} if parent else {**document, key: value}

    def policy() -> Plan:
        yield call("read_file", path=path)
        yield call("edit_file", path=path, old=old, new=new)
        return f"The {name}{f' of {parent}' if parent else ''} in {path} is now {shown(value)}."

    slots = {"key": name, "value": shown(value), "path": path} | ({"section": parent} if parent else {})
    return Task(slots, files, policy, holds(path, changed), variant=variant)


def _changed(dice: Dice, value: Value) -> Value:
    while True:
        other = (
            dice.randint(1, 9999) if isinstance(value, int) else dice.choice((dice.made_up(), dice.noun()))
        )
        if other != value:
            return other


@family(
    needs=("run_python",),
    phrasings={
        "plain": (
            "Add {key} with the value {value} to {path}",
            "Put a new key {key} into {path}, its value is {value}.",
            "{path} needs another key: {key} = {value}",
            "Extend the JSON in {path} by {key}: {value}",
            "Insert {key} ({value}) at the top level of {path}",
            "Give {path} a {key} of {value}; it has none yet",
            "{path} has no {key} so far. Add one, {value}.",
            "new entry for {path}: {key} is {value}",
            "Store {value} as {key} in {path}, next to the other keys",
            "Please include the key {key} in {path} and set it to {value}",
            "Write an additional key {key} with {value} into the JSON file {path}",
            "I want {path} to have {key} too, namely {value}",
            "add to {path}: {key} -> {value}",
            "Supplement {path} with a key called {key} that holds {value}",
            "The object in {path} should get one more key, {key}, with {value} in it",
            "Register {key} in {path}, value {value}.",
        ),
        "parent": (
            "Add {key} with the value {value} to {parent} in {path}",
            "In {path}, put a new key {key} into {parent}; its value is {value}.",
            "{parent} in {path} needs another key: {key} = {value}",
            "Extend {parent} in {path} by {key}: {value}",
            "Insert {key} ({value}) below {parent} in {path}",
            "Give {parent} a {key} of {value} in {path}; it has none yet",
            "{parent} has no {key} so far. Add one to {path}, {value}.",
            "new entry under {parent} in {path}: {key} is {value}",
            "Store {value} as {key} inside {parent} in {path}",
            "Please include the key {key} in the {parent} object of {path} and set it to {value}",
            "Write an additional key {key} with {value} into {parent} ({path})",
            "I want {parent} to have {key} too in {path}, namely {value}",
            "add to {path} under {parent}: {key} -> {value}",
            "Supplement {parent} in {path} with a key called {key} that holds {value}",
            "The object {parent} in {path} should get one more key, {key}, with {value} in it",
            "Nest a new {key} of {value} within {parent} in {path}",
        ),
    },
    group="json_edit",
)
def json_add_key(dice: Dice) -> Task:
    """Put a new key into a JSON file or into an object in it."""
    variant = dice.choice(("plain", "parent"))
    document = flat_document(dice) if variant == "plain" else nested_document(dice)
    parent = dice.choice(objects(document)) if variant == "parent" else ""
    key = missing_key(dice, document)
    value = value_for(dice, key)
    path = json_path(dice)
    files = dice.clutter({path: json_text(dice, document)})
    home = f"data[{quoted(parent)}][{quoted(key)}]" if parent else f"data[{quoted(key)}]"
    changed = {**document, parent: {**document[parent], key: value}} if parent else {**document, key: value}

    def policy() -> Plan:
        seen = yield call("run_python", code=_rewriting(path, f"{home} = {in_code(value)}", f"print({home})"))
        printed(seen)
        where = f"{parent} in {path}" if parent else path
        return f"Added {key} with the value {shown(value)} to {where}."

    slots = {"key": key, "value": shown(value), "path": path} | ({"parent": parent} if parent else {})
    return Task(slots, files, policy, holds(path, changed), variant=variant)


def _rewriting(path: str, *change: str) -> str:
    """Code that loads a document, changes it and writes it back."""
    *lines, last = change
    return "\n".join(
        [
            "import json",
            f"data = json.load(open({quoted(path)}))",
            *lines,
            f'with open({quoted(path)}, "w") as file:',
            "    json.dump(data, file, indent=2)",
            last,
        ]
    )


@family(
    needs=("run_python",),
    phrasings=(
        "Remove the key {key} from {path}",
        "Delete {key} from the JSON in {path}.",
        "Take {key} out of {path}, with its value",
        "{path} should no longer have a {key}",
        "Drop {key} from {path}; keep all other keys",
        "Get rid of the {key} entry in {path}",
        "the key {key} in {path} has to go",
        "Erase {key} and what belongs to it from {path}.",
        "Strip {key} from the JSON file {path}",
        "We don't use {key} any longer, so cut it from {path}",
        "Edit {path} such that {key} is not a key any more",
        "Throw {key} out of {path}",
        "Clean up {path}: {key} is obsolete, remove it",
        "Please discard {key} in {path} and leave the rest",
        "In {path}, delete the top-level key {key}.",
        "without {key}, please: {path} must lose that key",
    ),
    group="json_edit",
)
def json_remove_key(dice: Dice) -> Task:
    """Take a key out of a JSON file."""
    document = flat_document(dice, 4, 9)
    key = dice.choice(list(document))
    path = json_path(dice)
    files = dice.clutter({path: json_text(dice, document)})

    def policy() -> Plan:
        seen = yield call(
            "run_python", code=_rewriting(path, f"del data[{quoted(key)}]", "print(list(data))")
        )
        printed(seen)
        return f"Removed {key} from {path}."

    changed = {each: value for each, value in document.items() if each != key}
    return Task({"key": key, "path": path}, files, policy, holds(path, changed))


@family(
    needs=("run_python",),
    phrasings={
        "add": (
            "Add {item} to the {key} in {path}",
            "Append {item} to {key} in {path}.",
            "Put {item} at the end of the list {key} in {path}",
            "{item} should be one of the {key} in {path}, as the last one",
            "In {path}, extend {key} by {item}",
            "{path}: one more for {key}, {item}",
            "The {key} list in {path} is missing {item}. Append it.",
            "Include {item} among the {key} of {path}, at the end",
            "I have another entry for {key} in {path}: {item}",
            "Stick {item} onto the end of {key} in the JSON file {path}",
            "Let the list {key} in {path} end with {item}",
            "add to {key} in {path}: {item}",
            "Please enter {item} as a new last element of {key} in {path}",
            "Update {path} so that {key} also has {item} (last)",
            "Push {item} to {key} ({path})",
            "To the array {key} of {path}, add the text {item}.",
        ),
        "remove": (
            "Remove {item} from the {key} in {path}",
            "Delete {item} from {key} in {path}.",
            "Take {item} out of the list {key} in {path}",
            "{item} should no longer be among the {key} in {path}",
            "In {path}, drop {item} from {key}",
            "{path}: {key} without {item} please",
            "The {key} list in {path} must lose {item}.",
            "Cut {item} from the {key} array of {path}",
            "{item} is not one of the {key} any more, fix {path}",
            "Strike {item} off {key} in the JSON file {path}",
            "Get rid of {item} under {key} in {path}",
            "remove from {key} in {path}: {item}",
            "Please erase {item} in the {key} of {path}, leave the others",
            "Update {path} so that {key} does not have {item}",
            "Kick {item} out of {key} ({path})",
            "From the list {key} of {path}, discard {item}.",
        ),
    },
    group="json_edit",
)
def json_list_change(dice: Dice) -> Task:
    """Put a text at the end of a list, or take one out of it."""
    variant = dice.choice(("add", "remove"))
    document = flat_document(dice, 2, 6)
    key, make = dice.choice(LISTS)
    *items, item = some_list(dice, make, 3, 8)
    if variant == "remove":
        items.insert(dice.randint(0, len(items)), item)
    document[key] = items
    after = [*items, item] if variant == "add" else [each for each in items if each != item]
    path = json_path(dice)
    files = dice.clutter({path: json_text(dice, document)})
    method = "append" if variant == "add" else "remove"

    def policy() -> Plan:
        code = _rewriting(
            path, f"data[{quoted(key)}].{method}({quoted(item)})", f"print(data[{quoted(key)}])"
        )
        seen = yield call("run_python", code=code)
        printed(seen)
        did = "Added" if variant == "add" else "Removed"
        return f"{did} {item} {'to' if variant == 'add' else 'from'} {key} in {path}."

    slots = {"item": item, "key": key, "path": path}
    return Task(slots, files, policy, holds(path, {**document, key: after}), variant=variant)


# --- into other files


@family(
    needs=("read_file", "write_file"),
    phrasings={
        "plain": (
            "Write the {key} from {path} to {target}",
            "Save {path}'s {key} in {target}, just the value.",
            "Put the value of {key} in {path} into {target}",
            "{target} should contain the {key} that {path} gives",
            "Take {key} out of the JSON {path} and store it in {target}",
            "Create {target} holding only the {key} from {path}",
            "Look up the {key} in {path}, then write it into {target}.",
            "from {path}: {key} -> {target}",
            "Extract the {key} of {path} to a text file {target}",
            "I'd like the {key} from {path} in a file named {target}",
            "Copy what {path} has as {key} to {target}, nothing more",
            "Drop the {key} set in {path} into {target}",
            "Read {key} from {path}; record it in {target}.",
            "make {target} with the {key} of {path}",
            "Dump {path}'s value for {key} into {target}",
            "Jot down the {key} from {path} in {target}",
        ),
        "parent": (
            "Write the {key} of {parent} from {path} to {target}",
            "Save {parent}'s {key} (see {path}) in {target}, just the value.",
            "Put the value of {key} under {parent} in {path} into {target}",
            "{target} should contain the {key} that {path} gives for {parent}",
            "Take the {key} of {parent} out of the JSON {path} and store it in {target}",
            "Create {target} holding only the {key} of {parent} from {path}",
            "Look up {parent} in {path}, then write its {key} into {target}.",
            "from {path}: {key} of {parent} -> {target}",
            "Extract the {key} inside {parent} of {path} to a text file {target}",
            "I'd like the {key} nested in {parent} from {path} in a file named {target}",
            "Copy what {path} has as {parent}'s {key} to {target}, nothing more",
            "Drop the {key} set for {parent} in {path} into {target}",
            "Read {path}; record the {key} of {parent} in {target}.",
            "make {target} with the {key} that {parent} has in {path}",
            "Dump {path}'s {key} for {parent} into {target}",
            "Jot down {parent}'s {key} in {target}; it stands in {path}",
        ),
    },
    group="json_out",
)
def json_value_to_file(dice: Dice) -> Task:
    """Copy a value of a JSON file into a file of its own."""
    variant = dice.choice(("plain", "parent"))
    document = flat_document(dice) if variant == "plain" else nested_document(dice)
    parent = dice.choice(objects(document)) if variant == "parent" else ""
    home = document[parent] if parent else document
    key = dice.choice(plain_keys(home))
    value = shown(home[key])
    path = json_path(dice)
    files = dice.clutter({path: json_text(dice, document)})
    target = dice.file("txt", files)
    name = said(dice, key)

    def policy() -> Plan:
        yield call("read_file", path=path)
        yield call("write_file", path=target, content=value)
        return f"{target} now holds {value}, the {name} of {parent or path}."

    slots = {"key": name, "path": path, "target": target} | ({"parent": parent} if parent else {})
    return Task(slots, files, policy, leaves({target: value}), variant=variant)


@family(
    needs=("run_python",),
    phrasings=(
        "Convert {path} to JSON as {target}, a list with an object for each row",
        "Turn {path} into a JSON list of objects and save it as {target}.",
        "Make {target} out of {path}: JSON, one object per row, the column names are the keys",
        "{target} should hold the rows of {path} as a list of JSON objects",
        "Write the table {path} to {target} as JSON (list of objects)",
        "I need {path} in JSON. Call it {target}, a list of one object per row.",
        "Read the CSV {path} and store its rows as JSON objects in one list in {target}",
        "csv to json: {path} -> {target}, list of objects",
        "Export {path} to {target} as a JSON array whose elements are the rows, keyed by column",
        "Rewrite {path} as a JSON array of objects in the file {target}",
        "Translate {path} to JSON; the list of row objects goes to {target}",
        "Create {target}, which has for every row of {path} a JSON object in a list",
        "Could we have {path} as a JSON list of objects too? In {target}.",
        "Produce a JSON version of {path} named {target}: a list, one object per row, keyed by column",
        "Take the rows of {path} and dump them as a list of JSON objects into {target}",
        "Change the format of {path} from CSV to JSON (array of objects), output {target}",
    ),
    group="convert",
)
def csv_to_json(dice: Dice) -> Task:
    """Write a table as a list of objects."""
    table = make_table(dice)
    files = dice.clutter({table.path: table.text})
    target = dice.file("json", files)
    wanted = [dict(zip(table.keys, row, strict=True)) for row in table.rows]

    def policy() -> Plan:
        seen = yield call(
            "run_python",
            code=(
                f"{opening(target, 'csv', 'json')}"
                f"rows = list(csv.DictReader(open({quoted(table.path)})))\n"
                f'with open({quoted(target)}, "w") as file:\n'
                f"    json.dump(rows, file, indent=2)\n"
                f"print(len(rows))"
            ),
        )
        return f"Wrote the {printed(seen)} rows of {table.path} to {target} as a list of objects."

    return Task({"path": table.path, "target": target}, files, policy, holds(target, wanted, loose=True))


@family(
    needs=("run_python",),
    phrasings=(
        "Convert the JSON list {path} to a CSV file {target} with a header row",
        "Turn the objects in {path} into a table: {target}, CSV, first line the keys.",
        "Make a CSV {target} out of the list in {path}, the keys as header",
        "{target} should be a CSV table of the records in {path}, header included",
        "Write the list of objects from {path} to {target} as CSV with the keys as column names",
        "json to csv: {path} -> {target}, header from the keys",
        "I need {path} as a spreadsheet. CSV, named {target}, with a header line of the keys.",
        "Export the entries in {path} as comma-separated rows under a header to {target}",
        "Read {path}, a list of objects, and store it as a CSV table with header in {target}",
        "Create {target}: one CSV row for each object in {path}, below a header with the keys",
        "Rewrite {path} in CSV form, header on top, as {target}",
        "Take the JSON array in {path} and dump it into {target} as CSV with header",
        "Change the format from JSON to CSV: input {path}, output {target}, the keys head the columns",
        "Flatten the records in {path} to a CSV file with a header, {target}",
        "Put every object of the list {path} as a row into a CSV called {target}; the header has the keys",
        "Produce {target}, a comma separated table with header, from the list that {path} holds.",
    ),
    group="convert",
)
def json_to_csv(dice: Dice) -> Task:
    """Write a list of objects as a table."""
    rows, _, _ = records(dice, 15)
    path = json_path(dice)
    files = dice.clutter({path: json.dumps(rows, indent=2)})
    target = dice.file("csv", files)

    def cell(value: object) -> str:
        return f'"{value}"' if "," in str(value) else str(value)

    wanted = "\n".join([",".join(rows[0]), *(",".join(map(cell, row.values())) for row in rows)])

    def policy() -> Plan:
        seen = yield call(
            "run_python",
            code=(
                f"{opening(target, 'csv', 'json')}"
                f"rows = json.load(open({quoted(path)}))\n"
                f'with open({quoted(target)}, "w", newline="") as file:\n'
                f"    writer = csv.DictWriter(file, rows[0].keys())\n"
                f"    writer.writeheader()\n"
                f"    writer.writerows(rows)\n"
                f"print(len(rows))"
            ),
        )
        return f"Wrote the {printed(seen)} records of {path} to {target}."

    return Task({"path": path, "target": target}, files, policy, leaves({target: wanted}))


@family(
    needs=("run_python",),
    phrasings={
        "list": (
            "Write the {key} from {path} to {target}, one per line",
            "Put all {key} of {path} into {target}, each on its own line.",
            "{target} should list the {key} in {path}, one a line",
            "Save the list {key} from {path} as plain text in {target}, a line for each",
            "Take the {key} out of {path} and store them line by line in {target}",
            "I need the {key} in {path} as a text file {target}, one per line",
            "{key} of {path} -> {target}, one per line",
            "Make {target} with every element of {key} in {path} on a separate line",
            "Extract {key} from the JSON {path} to {target}; every entry gets a line",
            "Dump the array {key} in {path} into {target}, one element per line",
            "Turn the {key} list of {path} into lines of text in {target}",
            "Create {target}: below each other, the {key} that {path} has",
            "Copy each of the {key} in {path} to a line of its own in {target}",
            "From {path}, record the {key} in {target} with one on every line",
            "Could you lay out the {key} of {path} as lines in {target}",
            "Collect the {key} from {path} in {target}, same order, one line each.",
        ),
        "records": (
            "Write the {key} of every object in the list {path} to {target}, one per line",
            "From each record in {path}, put the {key} on a line of {target}.",
            "{target} should hold the {key} of each entry in the JSON list {path}, one a line",
            "Go through the objects in {path} and save each one's {key} as a line of {target}",
            "Take all values of {key} from the records in {path} and store them line by line in {target}",
            "I need a text file {target} with the {key} of each object in {path}, one per line",
            "every {key} in {path} -> {target}, one per line",
            "Make {target} with one line per object of {path}; the line is its {key}",
            "Extract {key} from all entries of the list {path} to {target}, a line for each",
            "Dump each {key} in the array {path} into {target}, one per line",
            "Collect the {key} of all records in {path} in the file {target}, on separate lines",
            "For every element of {path}, write its {key} to {target} on a new line.",
            "Create {target}: below each other, the {key} of each record that {path} has",
            "List just the {key} values of {path} in {target}, one to a line, same order",
            "Turn {path} into a plain list in {target} that has the {key} of every object per line",
            "Jot the {key} of each object in {path} down in {target}, line after line",
        ),
    },
    group="json_out",
)
def json_to_lines(dice: Dice) -> Task:
    """Write a list, or a field of every record, as lines of text."""
    variant = dice.choice(("list", "records"))
    path = json_path(dice)
    if variant == "list":
        document: Any = flat_document(dice)
        key, make = dice.choice(LISTS)
        document[key] = some_list(dice, make, 3, 12)
        lines, text = document[key], json_text(dice, document)
        values = f"data[{quoted(key)}]"
    else:
        document, label, other = records(dice, 15)
        key = dice.choice((label, label, other))
        lines, text = [str(row[key]) for row in document], json.dumps(document, indent=2)
        values = f"[str(row[{quoted(key)}]) for row in data]"
    files = dice.clutter({path: text})
    target = dice.file("txt", files)

    def policy() -> Plan:
        seen = yield call(
            "run_python",
            code=(
                f"{opening(target, 'json')}"
                f"data = json.load(open({quoted(path)}))\n"
                f"values = {values}\n"
                f'with open({quoted(target)}, "w") as file:\n'
                f'    file.write("\\n".join(values) + "\\n")\n'
                f"print(len(values))"
            ),
        )
        return f"Wrote the {printed(seen)} {key} entries of {path} to {target}, one per line."

    slots = {"key": key, "path": path, "target": target}
    return Task(slots, files, policy, leaves({target: "\n".join(lines)}), variant=variant)
