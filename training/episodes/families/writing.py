"""Write what the goal gives, to the letter: a text, a block, a list, a key."""

import ast
import string
from collections.abc import Callable, Sequence

from episodes.checks import After, Check, leaves, says_absent
from episodes.dice import Dice
from episodes.families.lines import distinct, file_text, listed, quoted, ran, text_file
from episodes.task import Plan, Task, call, family

MARKS = {
    "double": ('"', '"'),
    "single": ("'", "'"),
    "curly": ("“", "”"),
    "backtick": ("`", "`"),
    "angle": ("«", "»"),
}
"""Quotation marks that a goal puts around a text; they are no part of it."""


def in_quotes(*bases: str) -> dict[str, list[str]]:
    """Phrasings with `<{text}>` in each kind of quotation marks."""
    return {
        name: [base.replace("<{", f"{before}{{").replace("}>", f"}}{after}") for base in bases]
        for name, (before, after) in MARKS.items()
    }


def quotes_for(dice: Dice, *texts: str) -> str:
    """Quotation marks that do not occur in the texts."""
    fit = [
        name
        for name, (before, after) in MARKS.items()
        if not any(before in text or after in text for text in texts)
    ]
    weights = {"double": 5, "single": 4, "curly": 2, "backtick": 2, "angle": 1}
    return dice.choices(fit, [weights[name] for name in fit])[0]


def token(dice: Dice) -> str:
    """A long string that can only be copied."""
    letters = string.ascii_letters + string.digits
    hexadecimal = "0123456789abcdef"

    def some(alphabet: str, count: int) -> str:
        return "".join(dice.choices(alphabet, k=count))

    return dice.choice(
        (
            lambda: some(letters, dice.randint(14, 40)),
            lambda: some(hexadecimal, dice.choice((16, 32, 40))),
            lambda: "-".join(some(hexadecimal, size) for size in (8, 4, 4, 4, 12)),
            lambda: "-".join(
                some(string.ascii_uppercase + string.digits, 5) for _ in range(dice.randint(3, 5))
            ),
            lambda: f"{dice.made_up()}_{some(letters, dice.randint(12, 24))}",
            lambda: f"{some(letters + '+/', dice.choice((19, 22, 26)))}==",
            lambda: " ".join(some(string.digits, 4) for _ in range(dice.randint(3, 5))),
            lambda: some(letters + "!#$%&*+-_=?^~", dice.randint(12, 24)),
            lambda: ":".join(some(hexadecimal, 2).upper() for _ in range(dice.randint(6, 10))),
            lambda: f"{some(string.digits, 3)}.{some(string.digits, 5)}/{some(letters, 8)}",
        )
    )()


def saying(dice: Dice) -> str:
    """A short text of any kind, many with odd marks or letters."""
    name, noun, thing, number = dice.first_name(), dice.noun(), dice.noun(), dice.randint(2, 999)
    adjective = dice.adjective()
    return dice.choice(
        (
            lambda: dice.sentence(),
            lambda: dice.sentence().rstrip("."),
            lambda: f"{dice.sentence()} {dice.sentence()}",
            lambda: dice.choice(("hello", "Hello", "HELLO", "Hi", "Good morning")),
            lambda: (
                dice.choice(("hello", "Hello", "Dear", "Thank you")) + dice.choice((f" {name}", f", {name}!"))
            ),
            lambda: dice.choice((noun, adjective, name, str(number), "yes", "OK", "done", "no")),
            lambda: f"- [ ] {dice.to_do()}",
            lambda: f"- [x] {dice.to_do()}",
            lambda: f"* {noun}: {number}",
            lambda: f"# {noun.capitalize()} {thing}",
            lambda: f"{noun.upper()} {thing.upper()}",
            lambda: f"{noun.capitalize()}{thing.capitalize()}{number}",
            lambda: f"/home/{name.lower()}/{noun}/{thing}_{number}.tar.gz",
            lambda: f"C:\\{noun.capitalize()}\\{thing}\\{number}.dat",
            lambda: f"./{noun}/../{thing}.txt",
            lambda: dice.email(dice.full_name()),
            lambda: f"{dice.full_name()} <{dice.email(name)}>",
            lambda: f"https://{noun}.example.org/{thing}?id={number}&{adjective}=1#{dice.made_up()}",
            lambda: f"Wait... {noun}?! No -- {thing}; {adjective} ({number}%)",
            lambda: f"{noun}={number}",
            lambda: f"{noun}: {thing}",
            lambda: f"--{noun}={thing} -x {number}",
            lambda: f'{{"{noun}": {number}, "{thing}": [1, 2]}}',
            lambda: f'"{noun.capitalize()}" is what {name} said.',
            lambda: f"{name}'s {noun} isn't {adjective}",
            lambda: f"'{noun}' and '{thing}'",
            lambda: f'say "{noun}", not "{thing}"',
            lambda: f"{noun},{thing},{number}",
            lambda: f"{noun}\t{number}" if dice.maybe(0.3) else f"{noun} | {thing} | {number}",
            lambda: f"{number} + {number + 3} = {2 * number + 3}",
            lambda: f"${number}.50 / €{number},00",
            lambda: f"{dice.day()}T{dice.randint(10, 23)}:{dice.randint(10, 59)}:00Z",
            lambda: f"{dice.phone()} ({name})",
            lambda: f"@{name.lower()} #{noun} & {thing}",
            lambda: f"<{noun}>{thing}</{noun}>",
            lambda: f"def {noun}(): return {number}",
            lambda: f"SELECT {noun} FROM {thing} WHERE id = {number};",  # noqa: S608
            lambda: f"[{noun}]",
            lambda: f"[{noun}](https://example.com/{thing})",
            lambda: f"Café «{noun}», Straße {number}, 3. Stock",
            lambda: f"¿Dónde está {name}? ¡Aquí!",
            lambda: f"{adjective.upper()}: do NOT touch the {noun}!!!",
            lambda: f"v{dice.randint(0, 9)}.{number}.{dice.randint(0, 9)}-rc{dice.randint(1, 9)}",
            lambda: f"{noun} -> {thing} -> {adjective}",
            lambda: f"*{noun}* **{thing}** _{adjective}_",
            lambda: token(dice),
        )
    )()


# --- a text


@family(
    needs=("write_file",),
    phrasings={
        **in_quotes(
            "Write <{text}> to {path}.",
            "Put <{text}> into {path}",
            "Save <{text}> as {path}",
            "Create {path} with the content <{text}>",
            "Make a file {path} that says <{text}>",
            "{path} should contain <{text}> and nothing else",
            "<{text}> goes into a new file {path}",
            "Store the text <{text}> in {path}",
            "I need a file {path} with <{text}> in it.",
            "Note <{text}> in {path}",
            "Could you jot down <{text}> in {path}?",
            "new file {path}: <{text}>",
            "In {path}, write <{text}>",
            "Record <{text}> under {path}",
            "Drop the words <{text}> in a file named {path}",
            "Let {path} read <{text}>",
            "Make {path} hold exactly this: <{text}>",
            "Dump <{text}> into {path}, without the quotation marks",
            "Set up a text file {path} whose only line is <{text}>",
            "The content of {path} has to be <{text}>",
            "Type <{text}> and save it to {path}",
            "{path} <- <{text}>",
            "Whoever opens {path} should see <{text}> and no more",
            "I want to keep <{text}>. A new file, {path}, is the place for it.",
            "Could <{text}> become the content of a file that is called {path}?",
            "Start {path} for me; what it says is <{text}>",
            "Somebody told me <{text}>, get that on record under the name {path}",
        ),
        "bare": [
            "Write the next line to {path}:\n{text}\nThat's all.",
            "text: {text}\nfile: {path}",
            "Save this as {path}:\n\n{text}\n\nThanks!",
            "{path} should hold the following line.\n{text}\nNothing more.",
            "Create a file with the line below.\n{text}\nCall it {path}.",
            "Content: {text}\nPath: {path}\nWrite it",
            "I have a line to keep:\n{text}\nStore it in {path}",
            "Put this line in {path}, exactly:\n\t{text}\nand leave everything else alone",
            "Copy the line between the rules into {path}.\n---\n{text}\n---\nWithout the rules",
            "What to write: {text}\nWhere: {path}",
            "Make {path}. Its text is on the next line:\n{text}\nDon't add a thing",
            "Take down this:\n{text}\nand save it as {path}",
            "Into {path} goes\n{text}\nas it stands",
            "File name: {path}\nFile content: {text}\nPlease create it",
            "Keep this for me in {path} ->\n{text}\n<- until here",
            "Here is a text:\n{text}\nWould you save it under the name {path}?",
        ],
    },
    group="verbatim",
)
def write_text(dice: Dice) -> Task:
    """Write a given text, and not the quotation marks around it."""
    text = saying(dice)
    variant = "bare" if dice.maybe(0.3) or all(mark in text for mark in "\"'`") else quotes_for(dice, text)
    path = dice.file(dice.choice(("txt", "txt", "txt", "md", "log", "csv", "html", "cfg", "list")))
    files = dice.clutter({})
    while path in files:
        path = dice.file("txt", files)

    def policy() -> Plan:
        yield call("write_file", path=path, content=text)
        return f"{path} now says: {text}"

    return Task({"path": path, "text": text}, files, policy, leaves({path: text}), variant)


@family(
    needs=("write_file",),
    phrasings=in_quotes(
        "Replace the whole content of {path} with <{text}>.",
        "Overwrite {path} so that it only says <{text}>",
        "Empty {path} and write <{text}> in it",
        "{path} should have <{text}> in place of everything it holds now",
        "Throw away what {path} says and put <{text}> there",
        "From now on {path} consists of <{text}> alone",
        "Discard the old text in {path}, the new one is <{text}>",
        "Write <{text}> to {path}, overwriting it",
        "Let {path} contain just <{text}>, no matter what is in it",
        "Set the content of {path} to <{text}>, the old lines can go",
        "Could you replace all that {path} has by <{text}>?",
        "Reset {path} to the single line <{text}>",
        "Wipe {path}; afterwards it should read <{text}>",
        "The file {path} is outdated: make <{text}> its entire content",
        "Swap the full text of {path} for <{text}>",
        "Save <{text}> over the existing {path}",
        "None of the lines in {path} are needed any longer, all I want there is <{text}>",
        "Start {path} afresh with <{text}> as the only thing in it",
        "Could <{text}> take the place of whatever {path} contains?",
        "Whoever opens {path} should see <{text}> and nothing of what was there before",
        "Clear out {path}. What remains at the end is <{text}>.",
    ),
    group="verbatim",
)
def overwrite_file(dice: Dice) -> Task:
    """Replace the whole content of a file that is there."""
    path = text_file(dice)
    files = dice.clutter({path: file_text(dice, listed(dice, 1, 20))})
    text = saying(dice)
    while all(before in text for before, _ in MARKS.values()):
        text = saying(dice)

    def policy() -> Plan:
        yield call("write_file", path=path, content=text)
        return f"{path} now says only: {text}"

    return Task({"path": path, "text": text}, files, policy, leaves({path: text}), quotes_for(dice, text))


def _block(dice: Dice) -> tuple[str, str]:
    """A text of some lines, and the ending of a file for it."""
    count = dice.randint(2, 6)
    nouns = dice.nouns(count)
    numbers = [dice.randint(1, 9999) for _ in nouns]

    def rows(form: str) -> str:
        return "\n".join(
            form.format(
                noun=noun,
                number=number,
                at=at,
                to_do=dice.to_do(),
                mark=dice.choice(" x"),
                word=dice.choice((dice.made_up(), dice.noun(), dice.code())),
                name=dice.full_name(),
                phone=dice.phone(),
            )
            for at, (noun, number) in enumerate(zip(nouns, numbers, strict=True), 1)
        )

    return dice.choice(
        (
            lambda: ("\n".join(dice.sentence() for _ in range(min(count, 4))), "txt"),
            lambda: ("\n".join(saying(dice) for _ in range(min(count, 3))), "txt"),
            lambda: (rows("- [{mark}] {to_do}"), "md"),
            lambda: (f"# {dice.noun().capitalize()}\n\n{rows('- {noun}')}", "md"),
            lambda: (rows("{noun} = {number}"), "cfg"),
            lambda: (f"[{dice.noun()}]\n{rows('{noun} = {word}')}", "ini"),
            lambda: (f"name,number\n{rows('{name},{number}')}", "csv"),
            lambda: (f"def {nouns[0]}(x):\n    y = x + {numbers[0]}\n    return y * {numbers[1]}", "py"),
            lambda: (rows("{at}. {to_do}"), "txt"),
            lambda: (f"Dear {dice.first_name()},\n\n{dice.sentence()}\n\nYours,\n{dice.first_name()}", "txt"),
            lambda: (rows("{name}: {phone}"), "txt"),
            lambda: (rows("{noun}: {word}"), "yaml"),
        )
    )()


@family(
    needs=("write_file",),
    phrasings=(
        "Save the following as {path}:\n\n{text}\n\nThat is the whole file.",
        "Write these lines to {path}:\n{text}\n(end of the file)",
        "Create {path} with this in it:\n```\n{text}\n```\nThanks",
        "```\n{text}\n```\nPut that into {path}",
        "Below is a text. It should be saved to {path}, word for word.\n{text}\n(until here)",
        "New file: {path}\nIts content:\n{text}\n-- that's it",
        "Make a file from the text between the lines and call it {path}\n-----\n{text}\n-----\nkeep it so",
        "Store this in {path}\n\n{text}\n\nDon't change anything in it",
        "Here's what {path} should hold:\n```\n{text}\n```\nNothing else",
        "I wrote this:\n{text}\n\nSave it as {path}",
        'Take the block below and write it to {path}\n"""\n{text}\n"""\nwithout the quotation marks',
        "Copy this text to {path}, line by line:\n\n{text}\n\nThank you!",
        "<<<\n{text}\n>>>\nWhat stands between <<< and >>> belongs in a new file {path}",
        "content of {path}:\n\n{text}\n\n(as is)",
        "Into {path} goes the following\n\n{text}\n\nMind the line breaks",
        "Would you put down in {path} what comes next?\n{text}\nEnd.",
    ),
    group="verbatim",
)
def write_block(dice: Dice) -> Task:
    """Write a text of several lines that the goal gives."""
    text, ending = _block(dice)
    files = dice.clutter({})
    path = dice.file(ending, files)

    def policy() -> Plan:
        yield call("write_file", path=path, content=text)
        return f"The {len(text.splitlines())} lines are in {path}."

    return Task({"path": path, "text": text}, files, policy, leaves({path: text}))


@family(
    needs=("write_file",),
    phrasings=(
        "Save the key {token} in {path}.",
        'Store "{token}" in {path}, it has to be exact',
        "{path} should hold the code {token} and nothing else",
        "Write the string `{token}` to {path}",
        "my serial is {token} - keep it in {path}",
        "Put {token} into {path}, character by character as here",
        "Note down the reference '{token}' in a new file {path}",
        "Create {path} with just this id in it: `{token}`",
        "The checksum is {token} and it belongs in {path}",
        "Record the identifier {token} under {path}",
        "I need {token} saved to {path} exactly",
        "Make a file {path} containing only {token} for later",
        "License {token}: put that into {path}",
        "Copy {token} to a new file called {path}",
        "Could you keep “{token}” for me in {path}?",
        "{token} -> {path}",
        "Drop '{token}' into {path} without changing a letter",
        "Let the file {path} consist of the value {token} alone",
    ),
    group="verbatim",
)
def write_token(dice: Dice) -> Task:
    """Write a long odd string exactly."""
    text = token(dice)
    files = dice.clutter({})
    path = dice.file(dice.choice(("txt", "txt", "key", "id", "cfg")), files)

    def policy() -> Plan:
        yield call("write_file", path=path, content=text)
        return f"{text} is saved in {path}."

    return Task({"path": path, "token": text}, files, policy, leaves({path: text}))


TOKENS = (
    "token",
    "serial number",
    "license key",
    "checksum",
    "password",
    "session id",
    "secret",
    "account key",
)


@family(
    needs=("read_file", "write_file"),
    phrasings=(
        "Copy the {name} from {path} into {target}, only the value.",
        "Put the {name} that {path} gives into {target}",
        "{target} should hold the {name} of {path} and nothing else",
        "Read {path}, find the {name}, save it as {target}",
        "Take the {name} out of {path} and write it to a new file {target}",
        "I need just the {name} from {path} in {target}",
        "Store the {name} mentioned in {path} in {target}, exactly as it stands there",
        "Get the {name} in {path} and keep it in {target}",
        "Extract the {name} from {path} to {target}",
        "{name} of {path} -> {target}",
        "Could you write down the {name} from {path} in {target}?",
        "Look up the {name} in {path}; {target} should consist of it",
        "Create {target} with the value that {path} has as {name}",
        "Make a file {target} for the {name} found in {path}, without its label",
        "What {path} says is the {name} has to go into {target}",
        "Pull the {name} from the text in {path} and drop it in {target}",
    ),
    group="verbatim",
)
def copy_token(dice: Dice) -> Task:
    """Copy a long odd string from a file into one of its own; it may not be there."""
    names = dice.some(TOKENS, 2, 4)
    name = dice.choice(names)
    form = dice.choice(("{}: {}", "{} = {}", "The {} is {}", "{} -> {}"))
    values = {each: token(dice) for each in names}
    absent = dice.maybe(0.15)
    lines = [form.format(each, value) for each, value in values.items() if not (absent and each == name)]
    for _ in range(dice.randint(0, 6)):
        lines.insert(dice.randint(0, len(lines)), dice.sentence())
    path = text_file(dice)
    files = dice.clutter({path: file_text(dice, lines)}, avoid=[name])
    target = dice.file("txt", files)

    def policy() -> Plan:
        yield call("read_file", path=path)
        if absent:
            return f"There is no {name} in {path}, so {target} was not made."
        yield call("write_file", path=target, content=values[name])
        return f"The {name} {values[name]} is now in {target}."

    check = says_absent() if absent else leaves({target: values[name]})
    return Task({"path": path, "name": name, "target": target}, files, policy, check, absent=absent)


# --- lists


def _items(dice: Dice, low: int, high: int) -> list[str]:
    make = dice.choice(
        (Dice.noun, Dice.first_name, Dice.city, Dice.full_name, Dice.made_up, Dice.code, Dice.to_do)
    )
    return [item.replace(" and ", " with ") for item in distinct(dice, dice.randint(low, high), make)]


def enumerated(dice: Dice, items: Sequence[str]) -> str:
    """The items in a sentence."""
    style = dice.choice(("comma", "comma", "and", "and", "semicolon", "quotes"))
    match style:
        case "comma":
            return ", ".join(items)
        case "and":
            return " and ".join([", ".join(items[:-1]), items[-1]])
        case "semicolon":
            return "; ".join(items)
        case _:
            return ", ".join(f'"{item}"' for item in items)


@family(
    needs=("write_file",),
    phrasings={
        "plain": (
            "Write {items} to {path}, one per line.",
            "Put {items} into {path}, each on its own line",
            "Make a list of {items} in {path} (a line for each)",
            "Save these in {path}, one below the other: {items} (no bullets).",
            "{path} should list {items}, one item a line",
            "Create {path} with {items} on separate lines",
            "I need {items} in {path} line by line",
            "Store {items} in a new file {path}, one on each line",
            "list for {path}: {items} - one per line",
            "Note down {items} in {path}, a new line for every entry",
            "Could you write {items} into {path} with a line break after each?",
            "Start a list {path}. On it, one per line: {items}, in this order.",
            "Fill {path} with {items}, every one on a line",
            "Please record {items} as lines of {path}",
            "{items} -> {path}, one per line",
            "Jot {items} down in {path} underneath each other, without marks",
            "A file {path} is needed that has {items} as its lines",
        ),
        "dashes": (
            'Write {items} to {path} as a bulleted list, each line starting with "- ".',
            "Put {items} into {path}, one per line with '- ' in front",
            "Make a Markdown list (- item) of {items} in {path}",
            "Save {items} in {path} as bullet points with dashes",
            "{path} should list {items}, each as a line `- ...`",
            "Create {path} with {items} as dashed bullets, one per line",
            "I need a bullet list ('- ' marks) of {items} in {path}",
            "Store {items} in a new file {path}, one on each line after a dash and a space",
            "bullets for {path}: {items}, written with '- '",
            "Note {items} in {path} as dash points, one a line",
            "Could you write {items} into {path} as a list with '- ' before each?",
            "Start a dash list {path} ('- ' and the item). On it: {items}, in this order.",
            "Fill {path} with bullets for {items}, using '- '",
            "Each of {items} becomes a '- ' bullet line of {path}",
            "{items} -> {path}, one per line, dash first ('- ')",
            "List {items} in {path} in Markdown bullets using hyphens",
        ),
        "boxes": (
            'Write {items} to {path} as to-dos, each line starting with "- [ ] ".',
            "Put {items} into {path}, one per line with '- [ ] ' in front",
            "Make a Markdown checklist (- [ ] item) of {items} in {path}",
            "Save {items} in {path} as open checkboxes, `- [ ] ` each",
            "{path} should list {items}, each as a line `- [ ] ...`",
            "Create {path} with {items} as unchecked '- [ ]' boxes, one per line",
            "I need a to-do list ('- [ ] ' marks) of {items} in {path}",
            "Store {items} in a new file {path}, one on each line after '- [ ] '",
            "checklist for {path}: {items}, written with '- [ ] '",
            "Note {items} in {path} as tasks of the form '- [ ] task', one a line",
            "Could you write {items} into {path} as a checklist with '- [ ] ' before each?",
            "Start a checklist {path} ('- [ ] ' and the item). On it: {items}, in this order.",
            "Fill {path} with empty boxes '- [ ] ' for {items}",
            "Each of {items} becomes a '- [ ] ' line of {path}",
            "{items} -> {path}, one per line, empty box first (- [ ])",
            "Turn {items} into Markdown tasks, '- [ ] ' and none done, in {path}",
        ),
        "numbers": (
            'Write {items} to {path} as a numbered list, "1. " and so on.',
            "Put {items} into {path}, one per line, numbered 1. 2. 3.",
            "Make an ordered list (1. item) of {items} in {path}",
            "Save {items} in {path} with numbers like '1. ' in front",
            "{path} should list {items}, numbered as `1. ...`, `2. ...`",
            "Create {path} with {items} numbered from 1 in the form '1. item', one per line",
            "I need a numbered list ('1. ', '2. ') of {items} in {path}",
            "Store {items} in a new file {path}, each line with its number, a full stop and a space",
            "numbered list for {path}: {items}, written '1. ' etc",
            "Note {items} in {path} as points 1., 2. and so on, one a line",
            "Could you write {items} into {path} with '1. ', '2. ' and so on before them?",
            "Start a Markdown ordered list {path} (1. 2. 3.). On it: {items}, in this order.",
            "Fill {path} with {items}, numbering the lines 1. 2. ...",
            "Number {items} ('1. ', '2. ', ...) and write them to {path} line by line",
            "{items} -> {path}, one per line, number and dot first (1. )",
            "Rank {items} in {path} in the order given, as '1. ', '2. ' and so forth",
        ),
    },
    group="items",
)
def write_items(dice: Dice) -> Task:
    """Write several given items, one per line, plain or with marks."""
    variant = dice.choice(("plain", "plain", "dashes", "boxes", "numbers"))
    items = _items(dice, 2, 7)
    files = dice.clutter({})
    path = text_file(dice, list(files))
    lines = {
        "plain": list(items),
        "dashes": [f"- {item}" for item in items],
        "boxes": [f"- [ ] {item}" for item in items],
        "numbers": [f"{number}. {item}" for number, item in enumerate(items, 1)],
    }[variant]
    text = "\n".join(lines)

    def policy() -> Plan:
        yield call("write_file", path=path, content=text)
        return f"{path} lists the {len(items)} items."

    return Task(
        {"path": path, "items": enumerated(dice, items)}, files, policy, leaves({path: text}), variant
    )


@family(
    needs=("write_file",),
    phrasings=(
        'Make {path} with the heading "# {title}", an empty line, and then {items} as "- " bullets.',
        "Write a Markdown file {path}: title '# {title}', blank line, bullets ('- ') for {items}.",
        "{path} should have '# {title}' on top, then an empty line, then {items}, one '- ' bullet each",
        "Create {path}. First line `# {title}`, second line empty, after that {items} as `- ` items",
        "Put a list called {title} into {path}: '# ' heading, a blank line, dash bullets ('- ') {items}.",
        "I need {path} as Markdown, '# {title}' as heading, an empty line below, and a '- ' list of {items}",
        "Start {path} with # {title} and an empty line, and list {items} under it with dashes (- )",
        "Save the points {items} in {path} as '- ' bullets below the heading '# {title}' and a blank line",
        "Set up the page {path}, headed '# {title}', blank line, with bullet points '- ' {items}",
        "Document {path}: # {title} / empty line / bullets with '- ': {items}.",
        "Could you write {items} as '- ' bullets to {path}, after a heading # {title} and a blank line?",
        "Under the heading '# {title}' and an empty line, list {items} ('- ' each) in a new file {path}",
        "new file {path} -> '# {title}', blank, then '- ' bullets for {items}",
        "Bullets ('- ') {items}, heading '# {title}', an empty line between the two, file {path}",
        "Compose {path} from a top heading '# {title}', an empty line and one '- ' line for each of {items}",
        "Have {path} open with '# {title}', leave a line empty, go on with {items} as list items ('- ')",
    ),
    group="items",
)
def write_titled_list(dice: Dice) -> Task:
    """Write a heading and a list below it."""
    items = _items(dice, 2, 6)
    title = dice.choice(
        (dice.noun().capitalize(), f"{dice.adjective().capitalize()} {dice.noun()}", dice.city())
    )
    files = dice.clutter({})
    path = dice.file("md", files)
    text = "\n".join([f"# {title}", "", *(f"- {item}" for item in items)])

    def policy() -> Plan:
        yield call("write_file", path=path, content=text)
        return f'{path} now has the heading "{title}" and {len(items)} items.'

    slots = {"path": path, "title": title, "items": enumerated(dice, items)}
    return Task(slots, files, policy, leaves({path: text}))


@family(
    needs=("write_file", "append_file"),
    phrasings=(
        "Write {items} to {path}, one per line, then append {last}.",
        "Create {path} with {items} on separate lines. Afterwards add {last} at its end",
        "First put {items} into {path} line by line, after that append the line {last}",
        "Start a list {path} with {items}, one per line, and then extend it by {last}",
        "Make {path} ({items}, a line each); as a second step append {last}",
        "Save {items} in {path}, each on a line of its own, then add one more line: {last} is what it says",
        "{path}: write {items} (one per line), then append '{last}'",
        "Two steps: 1) {path} with {items}, one per line; 2) append {last} to it",
        "Begin {path} with the lines {items}; once that's done, add {last} below",
        "List {items} in a new file {path}, one on each line. Then attach {last} as another line",
        "Could you write {items} into {path}, one a line, and then tack {last} on at the end?",
        "Store {items} line by line in {path} and append {last} afterwards",
        "Put down {items} in {path} (one per line). I forgot {last}, so append that after",
        "Set up {path} holding {items} on lines of their own, followed in a second go by {last}",
        "new list {path} = {items} (one per line), next append {last}",
        "Fill {path} with {items}, one per line, and when it is there add the line {last} to it",
    ),
    group="items",
)
def write_then_append(dice: Dice) -> Task:
    """Write a list and then append to it."""
    *items, last = _items(dice, 3, 6)
    files = dice.clutter({})
    path = text_file(dice, list(files))

    def policy() -> Plan:
        yield call("write_file", path=path, content="\n".join(items))
        yield call("append_file", path=path, content=last)
        return f"{path} lists {', '.join(items)} and, added last, {last}."

    slots = {"path": path, "items": enumerated(dice, items), "last": last}
    return Task(slots, files, policy, leaves({path: "\n".join([*items, last])}))


@family(
    needs=("write_file",),
    phrasings=in_quotes(
        "Write <{text}> to {path} and <{second}> to {other}.",
        "Create two files: {path} with <{text}> and {other} with <{second}>",
        "Put <{text}> into {path}, and put <{second}> into {other}",
        "{path} should say <{text}>, {other} should say <{second}>",
        "I need {path} (content <{text}>) and {other} (content <{second}>)",
        "Save <{text}> as {path}; also save <{second}> as {other}",
        "<{text}> belongs in {path}, <{second}> in {other}. Make both files.",
        "Make {path} hold <{text}>, then make {other} hold <{second}>",
        "Two notes: <{text}> in {path}, <{second}> in {other}",
        "Could you store <{text}> in {path} and <{second}> in {other}?",
        "Set up {path} and {other}. The first reads <{text}>, the second <{second}>",
        "In {path} write <{text}>; in {other} write <{second}>",
        "files: {path} = <{text}>, {other} = <{second}>",
        "Fill {path} with <{text}> and {other} with <{second}>",
        "First {path} with the text <{text}>, next {other} with the text <{second}>",
        "Record <{text}> in a file {path} and <{second}> in another, {other}",
        "Whoever opens {path} should see <{text}>; whoever opens {other}, <{second}>",
        "Keep two things, <{text}> and <{second}>. Name the files {path} and {other}, in that order.",
        "Could {path} come to say <{text}> while {other} says <{second}>?",
        "A pair of new files: one is {path}, content <{text}>, its companion {other}, content <{second}>",
        "Start {path} for <{text}>, and since <{second}> needs a home as well, start {other} for that",
    ),
    group="verbatim",
)
def write_two_files(dice: Dice) -> Task:
    """Write two texts to two files."""
    texts = [saying(dice), saying(dice)]
    while all(any(before in text for text in texts) for before, _ in MARKS.values()):
        texts = [saying(dice), saying(dice)]
    files = dice.clutter({})
    path = text_file(dice, list(files))
    other = text_file(dice, [*files, path])

    def policy() -> Plan:
        yield call("write_file", path=path, content=texts[0])
        yield call("write_file", path=other, content=texts[1])
        return f"{path} and {other} are written."

    slots = {"path": path, "text": texts[0], "other": other, "second": texts[1]}
    check = leaves({path: texts[0], other: texts[1]})
    return Task(slots, files, policy, check, quotes_for(dice, *texts))


@family(
    needs=("write_file",),
    phrasings=in_quotes(
        "Write <{text}> {count} times to {path}, one per line.",
        "Make {path} with {count} lines, each of them <{text}>",
        "{path} should have the line <{text}> {count} times",
        "Repeat <{text}> on {count} lines in {path}",
        "Fill {path} with {count} lines that all read <{text}>",
        "Put the same line, <{text}>, into {path} {count} times over",
        "Create {path} with {count} copies of the line <{text}>",
        "{count} x <{text}> in {path}, each on its own line",
        "Save {count} identical lines <{text}> as {path}",
        "I want <{text}> written {count} times in {path}, line below line",
        "Could you store <{text}> in {path}, repeated on {count} lines?",
        "new file {path}: <{text}>, {count} lines of it",
        "Let {path} say <{text}> on every one of its {count} lines",
        "As a punishment, {path} must hold <{text}> {count} times, one a line",
        "Line <{text}>, number of times {count}, file {path}",
        "Produce {path}: it has {count} lines and each says <{text}>",
        "Whoever opens {path} should see <{text}> on each of {count} lines and nothing else",
        "How about a file {path} that says <{text}>, then again, until there are {count} such lines?",
        "Start {path} for me. Its {count} lines don't differ: <{text}>",
        "Take <{text}>, multiply it to {count} lines, and keep the outcome in {path}",
        "All {count} lines of the new {path} have to be <{text}>",
    ),
    group="items",
)
def repeat_line(dice: Dice) -> Task:
    """Write one line several times."""
    text = dice.choice(
        (dice.noun, dice.made_up, dice.to_do, lambda: f"{dice.first_name()} was here", dice.code)
    )()
    count = dice.randint(2, 7)
    files = dice.clutter({})
    path = text_file(dice, list(files))
    lines = "\n".join([text] * count)
    said = dice.choice((str(count), ("two", "three", "four", "five", "six", "seven")[count - 2]))

    def policy() -> Plan:
        yield call("write_file", path=path, content=lines)
        return f'{path} holds the line "{text}" {said} times.'

    slots = {"path": path, "text": text, "count": said}
    return Task(slots, files, policy, leaves({path: lines}), quotes_for(dice, text))


@family(
    needs=("run_python", "make_folder"),
    phrasings={
        "up": (
            "Write the numbers from {a} to {b} to {path}, one per line.",
            "Put {a} to {b} into {path}, each number on its own line",
            "{path} should count from {a} up to {b}, a line for each number",
            "Create {path} with all whole numbers {a}-{b}, one a line",
            "Make a file {path} listing {a}, and so on up to and including {b}, line by line",
            "Fill {path} with the integers between {a} and {b} (both included), one per line",
            "numbers {a}..{b} -> {path}, one per line",
            "I need {path} to hold the numbers {a} through {b} below each other",
            "Count from {a} to {b} in {path}, one number per line",
            "Store every integer from {a} to {b} in {path} on a separate line",
            "Could you generate {path} with the lines {a} to {b}, only numbers?",
            "Let line after line of {path} be a number, starting with {a} and ending with {b}",
            "Save a list of the numbers {a} to {b} as {path}, one on each line",
            "In {path}, write each number from {a} until {b} inclusive on a line",
            "Produce {path}: first line {a}, last line {b}, all whole numbers between in order",
            "Dump {a} to {b} in {path}, ascending, newline separated",
        ),
        "down": (
            "Write the numbers from {b} down to {a} to {path}, one per line.",
            "Put {b} to {a}, counting down, into {path}, each number on its own line",
            "{path} should count backwards from {b} to {a}, a line for each number",
            "Create {path} with all whole numbers from {b} down to {a}, one a line",
            "Make a countdown file {path}, beginning at {b} and going to {a}, line by line",
            "Fill {path} with the integers between {b} and {a} (both included), descending, one per line",
            "countdown {b}..{a} -> {path}, one per line",
            "I need {path} to hold the numbers {b} through {a} below each other, largest first",
            "Count down from {b} to {a} in {path}, one number per line",
            "Store every integer from {b} back to {a} in {path} on a separate line",
            "Could you generate {path} with the lines {b} down to {a}, only numbers?",
            "Let line after line of {path} be a number, starting with {b} and falling to {a}",
            "Save a list of the numbers {b} to {a}, in falling order, as {path}, one on each line",
            "In {path}, write each number from {b} down until {a} inclusive on a line",
            "Produce {path}: first line {b}, last line {a}, all whole numbers between, decreasing",
            "Dump {b} to {a} in {path}, descending, newline separated",
        ),
    },
)
def write_numbers(dice: Dice) -> Task:
    """Write the whole numbers between two, up or down."""
    a = dice.choice((0, 1, 1, 1, dice.randint(2, 60)))
    b = a + dice.randint(4, 150)
    variant = dice.choice(("up", "up", "down"))
    numbers = range(a, b + 1) if variant == "up" else range(b, a - 1, -1)
    files = dice.clutter({})
    path = text_file(dice, list(files))

    def policy() -> Plan:
        span = f"range({numbers.start}, {numbers.stop}" + (")" if variant == "up" else ", -1)")
        code = (
            f"lines = [str(n) for n in {span}]\n"
            f'open({quoted(path)}, "w").write("\\n".join(lines) + "\\n")\n'
            "print(len(lines), lines[0], lines[-1])"
        )
        yield from ran(code, path, files)
        return f"{path} holds the numbers from {numbers[0]} to {numbers[-1]}."

    check = leaves({path: "\n".join(map(str, numbers))})
    return Task({"path": path, "a": str(a), "b": str(b)}, files, policy, check, variant)


@family(
    needs=("write_file",),
    phrasings=(
        "Create an empty file {path}.",
        "Make {path}, with nothing in it",
        "I need a blank file called {path}",
        "new empty file {path}",
        "Set up {path} as an empty file",
        "Touch {path}; it does not need any content",
        "There should be a file {path} with no content",
        "Add a file named {path} and leave it empty",
        "Could you start a file {path}, empty for now?",
        "{path} must exist, zero bytes are fine",
        "Please prepare an empty {path}",
        "Put an empty file at {path}",
        "Generate {path} without any text inside",
        "A file {path} is needed, just empty",
        "Begin a new file {path} but don't write anything into it yet",
        "Place a blank {path} here",
    ),
)
def write_empty(dice: Dice) -> Task:
    """Make an empty file."""
    files = dice.clutter({})
    path = dice.file(dice.choice(("txt", "md", "py", "log", "csv", "keep")), files)

    def policy() -> Plan:
        yield call("write_file", path=path, content="")
        return f"{path} is there now and empty."

    return Task({"path": path}, files, policy, leaves({path: ""}))


# --- code


def defines(path: str, fits: Callable[[ast.Module], bool]) -> Check:
    """The file holds Python that fits, and every other file is as it was."""

    def check(after: After) -> bool:
        try:
            tree = ast.parse(after.files[path])
        except (KeyError, SyntaxError):
            return False
        return fits(tree) and leaves({path: after.files[path]})(after)

    return check


@family(
    needs=("write_file",),
    phrasings={
        "value": (
            "Write a Python file {path} with a function {name}() that returns {value}.",
            "Create {path} containing a function {name} which returns {value}",
            "{path}: def {name}() returning {value}",
            "In a new file {path}, define {name} so that it gives back {value}",
            "I need a module {path} with one function, {name}, whose result is {value}",
            "Make {path} where {name}() == {value}",
            "Set up {path}; its only function is called {name} and returns {value}",
            "Code up {name}() in {path}. It takes nothing and returns {value}",
            "Put a function named {name} in {path}, result: {value}, no arguments.",
            "Could you write {path} with {name}(), returning {value}?",
            "A small Python file {path} please: function {name}, no parameters, return value {value}",
            "Add {path} with Python code that defines {name}() to return {value}",
            "Program a function {name} in a fresh file {path} which always returns {value}",
            "Let {path} define {name}, and let calling it yield {value}",
            "python: {name}() -> {value}, save as {path}",
            "Give me {path} in which {name} is a function without arguments that returns {value}",
        ),
    },
)
def write_function(dice: Dice) -> Task:
    """Write a module with one function that returns a value."""
    name = dice.choice((dice.noun(), f"{dice.noun()}_{dice.noun()}", f"get_{dice.noun()}"))
    files = dice.clutter({})
    path = dice.file("py", files)
    value = dice.choice(
        (str(dice.randint(0, 9999)), f'"{dice.noun()}"', f'"{dice.made_up()}"', "True", "False")
    )

    def policy() -> Plan:
        yield call("write_file", path=path, content=f"def {name}():\n    return {value}")
        return f"{path} now has the function {name}, which returns {value}."

    def fits(tree: ast.Module) -> bool:
        match [node for node in tree.body if isinstance(node, ast.FunctionDef)]:
            case [ast.FunctionDef(name=found, body=[*_, ast.Return(value=ast.Constant(value=given))])]:
                return found == name and repr(given) == repr(ast.literal_eval(value))
        return False

    return Task({"path": path, "name": name, "value": value}, files, policy, defines(path, fits), "value")
