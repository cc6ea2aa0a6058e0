"""Lines of a text: show some, count them, copy them, and rework all of them."""

import json
import re
from collections.abc import Callable, Generator, Mapping, Sequence

from episodes.checks import both, leaves, says, says_absent, untouched
from episodes.dice import Dice
from episodes.task import Call, Plan, Seen, Task, call, family
from episodes.words import WEEKDAYS

LEVELS = ("INFO", "WARN", "ERROR", "DEBUG")


def log_line(dice: Dice) -> str:
    """A line as a program logs it."""
    clock = f"{dice.randint(0, 23):02d}:{dice.randint(0, 59):02d}:{dice.randint(0, 59):02d}"
    said = dice.choice(
        (
            f"{dice.noun()} {dice.choice(('started', 'stopped', 'restarted', 'loaded'))}",
            f"{dice.noun()} took {dice.randint(2, 900)} ms",
            f"{dice.first_name()} opened the {dice.noun()}",
            f"no {dice.noun()} for {dice.made_up()}",
            f"{dice.randint(1, 99)} {dice.noun()} records read",
        )
    )
    return f"{clock} {dice.choice(LEVELS)} {said}"


MAKERS: tuple[Callable[[Dice], str], ...] = (
    Dice.sentence,
    Dice.to_do,
    Dice.full_name,
    log_line,
    lambda dice: f"{dice.adjective()} {dice.noun()}",
    lambda dice: f"{dice.day()} {dice.noun()} {dice.price()}",
    lambda dice: f"{dice.code()} {dice.made_up()}",
)


def distinct(dice: Dice, count: int, make: Callable[[Dice], str]) -> list[str]:
    """So many different lines."""
    lines: dict[str, None] = {}
    while len(lines) < count:
        lines[make(dice)] = None
    return list(lines)


def listed(dice: Dice, low: int, high: int) -> list[str]:
    """Different lines of one kind, as many as somebody's list has."""
    return distinct(dice, dice.randint(low, high), dice.choice(MAKERS))


def file_text(dice: Dice, lines: Sequence[str]) -> str:
    """The lines as a file holds them, now and then without a last line end."""
    return "\n".join(lines) + ("\n" if dice.maybe(0.8) else "")


def text_file(dice: Dice, taken: Sequence[str] = ()) -> str:
    """A path for a text."""
    return dice.file(dice.choice(("txt", "txt", "txt", "md", "log", "list")), taken)


def new_file(dice: Dice, files: Mapping[str, str], ending: str = "txt") -> str:
    """A path for a file to make: in a folder that is there, or now and then in one that is not."""
    if dice.maybe(0.12):
        return dice.file(ending, files)
    folders = sorted({path.rpartition("/")[0] for path in files if "/" in path})
    place = f"{dice.choice(folders)}/" if folders and dice.maybe(0.3) else ""
    while (path := f"{place}{dice.stem()}.{ending}") in files:
        pass
    return path


def ran(code: str, target: str, files: Mapping[str, str]) -> Generator[Call, Seen, Seen]:
    """Run code that writes the target; its folder is made first if no file is in it."""
    folder = target.rpartition("/")[0]
    if folder and not any(path.startswith(f"{folder}/") for path in files):
        yield call("make_folder", path=folder)
    return (yield call("run_python", code=code))


def quoted(text: str) -> str:
    """A text as Python code."""
    return json.dumps(text, ensure_ascii=False)


def reworked(path: str, target: str, *middle: str) -> str:
    """Code that reads the lines of a file, changes `lines`, and writes them."""
    return "\n".join(
        (
            f"lines = open({quoted(path)}).read().splitlines()",
            *middle,
            f'open({quoted(target)}, "w").write("\\n".join(lines) + "\\n")',
            "print(len(lines))",
        )
    )


def into_file(*actions: str) -> list[str]:
    """Phrasings of actions whose result goes into `{target}`."""
    frames = (
        "{A} and save the result to {target}.",
        "{A}, result in {target}",
        "Can you {a} and store that as {target}?",
        "{A} -> {target}",
        "{A} but leave that file as it is; write the outcome to {target}",
        "I need a file {target}: {a} to get it.",
        "{A} (output file: {target})",
        "Produce {target}. To get it, {a}.",
        "{A} and put what comes out in {target}, without changing the original",
        "{A} into a new file {target}",
        "{target} should be what you get when you {a}",
        "New file {target} please: {a}",
        "{A} and write that to {target}",
        "Take {path}, {a}, and keep the result in {target}",
    )
    return _framed(frames, actions)


def in_place(*actions: str) -> list[str]:
    """Phrasings of actions that change `{path}` itself."""
    frames = (
        "{A}.",
        "{A} in place",
        "Could you {a}?",
        "{A} and save it back to the same file.",
        "{A}, overwriting the file",
        "Open {path}, {a} and save.",
        "I want you to {a}; keep the name.",
        "{A}",
        "{A} - same file, no copy",
        "Would you {a}, directly in the file?",
    )
    return _framed(frames, actions)


def _framed(frames: Sequence[str], actions: Sequence[str]) -> list[str]:
    made: list[str] = []
    for index in range(max(2 * len(frames), 2 * len(actions))):
        action = actions[index % len(actions)]
        frame = frames[(index + index // len(frames)) % len(frames)]
        made.append(frame.replace("{A}", action[:1].upper() + action[1:]).replace("{a}", action))
    return made


def _total(seen: Seen) -> int:
    """How many lines a page says the file has, or 0 if it shows all of them."""
    found = re.search(r"\[lines? .* of (\d+)", seen.text)
    return int(found[1]) if found else 0


# --- lines by their number


def _numbered_file(dice: Dice) -> tuple[str, list[str], int, bool]:
    """A file, and the number of a line to look at, which may be beyond its end."""
    long = dice.maybe(0.4)
    lines = listed(dice, *((250, 600) if long else (6, 60)))
    absent = dice.maybe(0.15)
    number = len(lines) + dice.randint(1, 40) if absent else dice.randint(1, len(lines))
    return text_file(dice), lines, number, absent


@family(
    needs=("read_file",),
    phrasings=(
        "What does line {number} of {path} say?",
        "Show me line {number} of {path}.",
        "What is on line {number} in {path}?",
        "Read out line {number} from {path}",
        "line {number} of {path}?",
        "Tell me the text of line number {number} in {path}.",
        "{path}, line {number}: what's there?",
        "I'd like to see the {number}. line of {path}",
        "Which text stands on line {number} of {path}?",
        "Quote line {number} of the file {path}.",
        "Look at {path} and give me line {number}",
        "What's the content of line no. {number} in {path}?",
        "Give me only line {number} out of {path}",
        "Go to line {number} of {path} and tell me what it says",
        "In {path}, what is written on line {number}?",
        "Fetch line #{number} of {path}",
        "An error points at line {number} of {path}, what is on it?",
        "Let me have line {number} from {path}, word for word",
        "Can you quote what {path} has at line {number}?",
        "Report the line with the number {number} in {path}.",
    ),
    group="line_number",
)
def line_by_number(dice: Dice) -> Task:
    """Say what stands on a line; it may be beyond the end."""
    path, lines, number, absent = _numbered_file(dice)
    files = dice.clutter({path: file_text(dice, lines)}, high=3)

    def policy() -> Plan:
        seen = yield call("read_file", path=path, first_line=number, lines=1)
        if seen.failed:
            return f"{path} has only {len(lines)} lines, so there is no line {number}."
        return f"Line {number} of {path} says: {seen.text.splitlines()[0]}"

    check = says_absent() if absent else both(untouched(), says(lines[number - 1]))
    return Task({"path": path, "number": str(number)}, files, policy, check, absent=absent)


@family(
    needs=("read_file", "write_file"),
    phrasings=(
        "Copy line {number} of {path} into {target}.",
        "Save line {number} of {path} as {target}",
        "Write what line {number} of {path} says to {target}",
        "{target} should hold just line {number} of {path}",
        "Take line {number} from {path} and put it in a new file {target}",
        "Put the {number}. line of {path} into {target}",
        "line {number} of {path} -> {target}",
        "Make a file {target} that contains only line number {number} of {path}",
        "Look up line {number} in {path}; store it in {target}",
        "Extract line {number} from {path} to {target}",
        "I want line {number} of {path} on its own in {target}.",
        "Get line no. {number} out of {path} and drop it in {target}",
        "Could you store line {number} of {path} in {target}?",
        "From {path}, record line {number} in {target}",
        "Create {target} with the text that stands on line {number} of {path}",
        "Read line {number} in {path} and write it, unchanged, to {target}",
        "Stick line {number} from {path} in {target}",
        "Would you pull line {number} from {path} and keep it as {target}?",
    ),
    group="line_number",
)
def line_by_number_to_file(dice: Dice) -> Task:
    """Copy a line into a file of its own; it may be beyond the end."""
    path, lines, number, absent = _numbered_file(dice)
    files = dice.clutter({path: file_text(dice, lines)}, high=3)
    target = dice.file("txt", files)

    def policy() -> Plan:
        seen = yield call("read_file", path=path, first_line=number, lines=1)
        if seen.failed:
            return f"{path} has only {len(lines)} lines, so there is no line {number} to copy."
        yield call("write_file", path=target, content=seen.text.splitlines()[0])
        return f"Line {number} of {path} is now in {target}."

    slots = {"path": path, "number": str(number), "target": target}
    check = says_absent() if absent else leaves({target: lines[number - 1]})
    return Task(slots, files, policy, check, absent=absent)


@family(
    needs=("read_file",),
    phrasings=(
        "What is the last line of {path}?",
        "How does {path} end? Give me its final line.",
        "Show the last line in {path}.",
        "last line of {path}?",
        "Tell me what the very last line of {path} says",
        "Which line comes last in {path}?",
        "Read me the bottom line of {path}",
        "Quote the final line of {path}.",
        "What's the most recent entry in {path}? New ones are added at the end.",
        "{path}: what does the last line say?",
        "I only need the last line of {path}",
        "Go to the end of {path} and tell me its last line",
        "What stands at the bottom of {path}, on the last line?",
        "Give me the closing line of the file {path}",
        "With which line does {path} finish?",
        "Look at {path} and report its last line.",
        "Find out what the last line in {path} is",
        "The last entry in {path}, what is it?",
    ),
    group="line_number",
)
def last_line(dice: Dice) -> Task:
    """Say how a file ends; long files are paged."""
    lines = listed(dice, *((210, 420) if dice.maybe(0.5) else (4, 50)))
    path = text_file(dice)
    files = dice.clutter({path: file_text(dice, lines)}, high=3)

    def policy() -> Plan:
        seen = yield call("read_file", path=path)
        if total := _total(seen):
            yield call("read_file", path=path, first_line=total, lines=1)
        return f"The last line of {path} is: {lines[-1]}"

    return Task({"path": path}, files, policy, both(untouched(), says(lines[-1])))


@family(
    needs=("run_python", "make_folder"),
    phrasings={
        "first": (
            "Put the first {n} lines of {path} into {target}.",
            "Save the top {n} lines of {path} as {target}",
            "Copy lines 1 to {n} of {path} to {target}",
            "{target} should hold the first {n} lines of {path}",
            "Write the opening {n} lines from {path} to {target}",
            "first {n} lines of {path} -> {target}",
            "Take the first {n} lines of {path} and store them in {target}",
            "Make {target} out of the first {n} lines in {path}",
            "I want only the top {n} lines of {path} in a file {target}",
            "head of {path}, {n} lines, into {target}",
            "Could you copy the {n} lines at the top of {path} into {target}?",
            "Extract the first {n} lines from {path} and save them in {target}.",
            "Create a file {target} that has just the first {n} lines of {path}",
            "From {path} keep the first {n} lines, in a new file {target}",
            "Drop the first {n} lines of {path} into {target} as they are",
            "The {n} lines that {path} begins with belong in {target} too",
        ),
        "last": (
            "Put the last {n} lines of {path} into {target}.",
            "Save the bottom {n} lines of {path} as {target}",
            "Copy the final {n} lines of {path} to {target}",
            "{target} should hold the last {n} lines of {path}",
            "Write the closing {n} lines from {path} to {target}",
            "last {n} lines of {path} -> {target}",
            "Take the last {n} lines of {path} and store them in {target}",
            "Make {target} out of the last {n} lines in {path}",
            "I want only the newest {n} lines of {path}, those at its end, in {target}",
            "tail of {path}, {n} lines, into {target}",
            "Could you copy the {n} lines at the bottom of {path} into {target}?",
            "Extract the last {n} lines from {path} and save them in {target}.",
            "Create a file {target} that has just the final {n} lines of {path}",
            "From {path} keep the last {n} lines, in a new file {target}",
            "Drop the last {n} lines of {path} into {target} in the same order",
            "The {n} lines that {path} ends with belong in {target} too",
        ),
        "middle": (
            "Put lines {a} to {b} of {path} into {target}.",
            "Save lines {a}-{b} of {path} as {target}",
            "Copy lines {a} through {b} of {path} to {target}",
            "{target} should hold lines {a} to {b} of {path}",
            "Write lines {a} up to and including {b} from {path} to {target}",
            "lines {a}-{b} of {path} -> {target}",
            "Take line {a} to line {b} of {path} and store them in {target}",
            "Make {target} out of lines {a} to {b} in {path}",
            "I want only lines {a}..{b} of {path}, both included, in {target}",
            "cut lines {a} to {b} out of {path} into a copy {target}, don't change {path}",
            "Could you copy lines {a} to {b} of {path} into {target}?",
            "Extract lines {a} to {b} from {path} and save them in {target}.",
            "Create a file {target} that has just lines {a} to {b} of {path}",
            "From {path} I need lines {a} - {b}, in a new file {target}",
            "Store what stands on lines {a} to {b} of {path} in {target}",
            "The lines from number {a} to number {b} in {path} belong in {target} too",
        ),
    },
)
def part_to_file(dice: Dice) -> Task:
    """Copy the first, the last or some lines between."""
    lines = listed(dice, *((100, 300) if dice.maybe(0.2) else (8, 40)))
    path = text_file(dice)
    files = dice.clutter({path: file_text(dice, lines)})
    target = new_file(dice, files)
    variant = dice.choice(("first", "last", "middle"))
    n = dice.randint(2, min(20, len(lines) - 1))
    a = dice.randint(2, len(lines) - 2)
    b = dice.randint(a + 1, min(len(lines), a + 20))
    part = {"first": slice(0, n), "last": slice(-n, None), "middle": slice(a - 1, b)}[variant]
    cut = {"first": f"[:{n}]", "last": f"[-{n}:]", "middle": f"[{a - 1}:{b}]"}[variant]
    which = {"first": f"first {n} lines", "last": f"last {n} lines", "middle": f"lines {a} to {b}"}[variant]

    def policy() -> Plan:
        yield from ran(reworked(path, target, f"lines = lines{cut}"), target, files)
        return f"{target} now holds the {which} of {path}."

    where = {"a": str(a), "b": str(b)} if variant == "middle" else {"n": str(n)}
    slots = {"path": path, "target": target, **where}
    return Task(slots, files, policy, leaves({target: "\n".join(lines[part])}), variant)


# --- counting

COUNTED = {
    "lines": (
        "How many lines does {path} have?",
        "Count the lines in {path}.",
        "number of lines in {path}?",
        "Tell me how many lines there are in {path}",
        "What is the line count of {path}?",
        "How long is {path}, in lines?",
        "I need the number of lines of {path}",
        "Count {path} line by line and give me the total",
        "{path}: how many lines?",
        "Work out how many lines {path} has",
        "Find out the length of {path} in lines",
        "How many lines of text are in the file {path}?",
        "Give me a line count for {path}",
        "Say how many lines {path} is made up of",
        "With how many lines does {path} come?",
        "What number of lines are in {path}?",
    ),
    "words": (
        "How many words does {path} have?",
        "Count the words in {path}.",
        "number of words in {path}?",
        "Tell me how many words there are in {path}",
        "What is the word count of {path}?",
        "How long is {path}, in words?",
        "I need the number of words of {path}",
        "Do a word count of {path} and give me the total",
        "{path}: how many words?",
        "Work out how many words {path} has",
        "Find out the length of {path} in words",
        "How many words of text are in the file {path}?",
        "Give me the total of words for {path}",
        "Say how many words {path} is made up of",
        "The word total of {path}, please",
        "What number of words are in {path}?",
    ),
    "word": (
        'How many times does "{word}" occur in {path}?',
        "Count how often {word} appears in {path}.",
        "number of times {word} is in {path}?",
        "Tell me how many times {path} says {word}",
        "What is the count of the word {word} in {path}?",
        "How often is '{word}' used in {path}?",
        "I need the number of occurrences of {word} in {path}",
        "Go through {path} and count the word {word}",
        "{path}: how many times {word}?",
        "Work out how often {word} comes up in {path}",
        "Find out how many times {word} is written in {path}",
        "How many mentions of {word} are there in {path}?",
        "Give me the figure for how often the word {word} stands in {path}",
        "Say how frequently {path} uses the word {word}, as a number",
        "Occurrences of {word} in {path}?",
        "In {path}, how many times do you see {word}?",
    ),
    "with": (
        'How many lines of {path} contain "{word}"?',
        "Count the lines in {path} that have {word} in them.",
        "number of lines with {word} in {path}?",
        "Tell me how many lines of {path} mention {word}",
        "On how many lines of {path} does {word} stand?",
        "How many of the lines in {path} include '{word}'?",
        "I need the number of lines in {path} that hold {word}",
        "Go through {path} and count the lines with {word}",
        "{path}: how many lines say {word}?",
        "Work out on how many lines {word} is found in {path}",
        "How many {word} lines are there in {path}?",
        "Count only those lines of {path} where {word} appears",
        "Give me the count of lines in {path} containing {word}",
        "Say how many lines in {path} have the word {word}",
        "Lines with {word} in {path}, how many?",
        "In {path}, on how many lines do you see {word}?",
    ),
}


def _counting(dice: Dice) -> tuple[str, dict[str, str], str, list[str]]:
    """What is counted: variant, slots, code for the number, and the lines."""
    lines = listed(dice, *((80, 300) if dice.maybe(0.25) else (4, 40)))
    variant = dice.choice(tuple(COUNTED))
    word = dice.made_up()
    while any(word in line.lower() for line in lines):
        word = dice.made_up() + dice.made_up()
    if variant in ("word", "with") and dice.maybe(0.85):
        for index in dice.sample(range(len(lines)), dice.randint(1, max(1, len(lines) // 3))):
            lines[index] = dice.choice((f"{lines[index]} {word}", f"{word} {lines[index]}"))
            if dice.maybe(0.2):
                lines[index] = f"{word} {lines[index]}"
    code = {
        "lines": "len(text.splitlines())",
        "words": "len(text.split())",
        "word": f"text.count({quoted(word)})",
        "with": f"sum({quoted(word)} in line for line in text.splitlines())",
    }[variant]
    return variant, {"word": word} if variant in ("word", "with") else {}, code, lines


def _counted(variant: str, number: str, word: str, path: str) -> str:
    """What was counted, as an answer."""
    end = "" if number == "1" else "s"
    match variant:
        case "lines" | "words":
            return f"{path} has {number} {variant[:-1]}{end}."
        case "word":
            return f"{word} occurs {number} time{end} in {path}."
        case _:
            return f"{number} line{end} of {path} contain{'' if end else 's'} {word}."


def _count(variant: str, word: str, lines: Sequence[str]) -> int:
    text = "\n".join(lines)
    match variant:
        case "lines":
            return len(lines)
        case "words":
            return len(text.split())
        case "word":
            return text.count(word)
        case _:
            return sum(word in line for line in lines)


@family(needs=("run_python",), phrasings=COUNTED, group="counting")
def count_in_text(dice: Dice) -> Task:
    """Count lines, words, or how often a word occurs; it may occur nowhere."""
    variant, slots, code, lines = _counting(dice)
    path = text_file(dice)
    files = dice.clutter({path: file_text(dice, lines)})
    number = _count(variant, slots.get("word", ""), lines)

    def policy() -> Plan:
        seen = yield call("run_python", code=f"text = open({quoted(path)}).read()\nprint({code})")
        if seen.text == "0":
            return f"There is no {slots['word']} in {path}: it occurs 0 times."
        return _counted(variant, seen.text, slots.get("word", ""), path)

    check = both(untouched(), says(str(number) if number else "0|no|not|none|never|nowhere|zero"))
    return Task({"path": path, **slots}, files, policy, check, variant, absent=not number)


@family(
    needs=("run_python", "make_folder"),
    phrasings={
        variant: (
            f"Write the number of {what} to {{target}}, just the number.",
            f"Count the {what} and put only the count in {{target}}",
            f"Save how many {short} there are as a bare number in {{target}}",
            f"{{target}} should contain nothing but the number of {what}",
            f"number of {what} -> {{target}}, digits only",
            f"Work out the number of {what} and store that number in {{target}}",
            f"I want the count of {what} saved as {{target}} (the number, no words)",
            f"Find the number of {what} and record it in {{target}}, nothing else",
            f"Create {{target}} holding one number: the count of {what}",
            f"Please count the {what}; the plain figure goes into {{target}}",
            f"Could you put the number of {what}, as digits, into {{target}}?",
            f"Make a file {{target}} with a single number in it, that of the {what}",
            f"Determine the number of {what} and drop the figure into {{target}} without any text",
            f"Count {what}. Result (only the number) into {{target}}.",
            f"Jot down in {{target}} the number of {what}; just digits",
            f"The total of {what}, as one number, belongs in {{target}}",
        )
        for variant, what, short in (
            ("lines", "lines in {path}", "lines in {path}"),
            ("words", "words in {path}", "words in {path}"),
            ("word", "times {word} occurs in {path}", "times {word} in {path}"),
            ("with", "lines of {path} that contain {word}", "lines of {path} with {word}"),
        )
        if variant != "word"
    },
    group="counting",
)
def count_to_file(dice: Dice) -> Task:
    """Count lines or words and write the number into a file."""
    variant, slots, code, lines = _counting(dice)
    while variant == "word" or not _count(variant, slots.get("word", ""), lines):
        variant, slots, code, lines = _counting(dice)
    path = text_file(dice)
    files = dice.clutter({path: file_text(dice, lines)})
    target = new_file(dice, files)
    number = _count(variant, slots.get("word", ""), lines)

    def policy() -> Plan:
        written = f'open({quoted(target)}, "w").write(str(count))'
        body = f"text = open({quoted(path)}).read()\ncount = {code}\n{written}\nprint(count)"
        seen = yield from ran(body, target, files)
        return f"{_counted(variant, seen.text, slots.get('word', ''), path)} The number is in {target}."

    slots = {"path": path, "target": target, **slots}
    return Task(slots, files, policy, leaves({target: str(number)}), variant)


@family(
    needs=("run_python",),
    phrasings={
        "longest": (
            "What is the longest line in {path}?",
            "Which line of {path} is the longest?",
            "Tell me the longest line of {path}.",
            "longest line in {path}?",
            "Find the line with the most characters in {path}",
            "Show me which line in {path} has the most characters",
            "Quote the longest line of the file {path}",
            "I'm looking for the longest line in {path}, what does it say?",
            "{path}: give me its longest line",
            "Out of all lines in {path}, which is longest?",
            "Work out which line of {path} is longest and quote it",
            "One line in {path} is longer than all others. Which?",
            "Say which line of {path} takes up the most characters",
            "Look for the longest line in {path} and tell me it",
            "Report the line of {path} that has the greatest length",
            "Give the text of the longest line found in {path}.",
        ),
        "shortest": (
            "What is the shortest line in {path}?",
            "Which line of {path} is the shortest?",
            "Tell me the shortest line of {path}.",
            "shortest line in {path}?",
            "Find the line with the fewest characters in {path}",
            "Show me which line in {path} has the fewest characters",
            "Quote the shortest line of the file {path}",
            "I'm looking for the shortest line in {path}, what does it say?",
            "{path}: give me its shortest line",
            "Out of all lines in {path}, which is shortest?",
            "Work out which line of {path} is shortest and quote it",
            "One line in {path} is shorter than all others. Which?",
            "Say which line of {path} takes up the fewest characters",
            "Look for the shortest line in {path} and tell me it",
            "Report the line of {path} that has the least length",
            "Give the text of the shortest line found in {path}.",
        ),
    },
    group="counting",
)
def line_by_length(dice: Dice) -> Task:
    """Quote the longest or the shortest line."""
    variant = dice.choice(("longest", "shortest"))
    pick = max if variant == "longest" else min
    while True:
        lines = listed(dice, 5, 50)
        length = pick(map(len, lines))
        if [len(line) for line in lines].count(length) == 1:
            break
    wanted = pick(lines, key=len)
    path = text_file(dice)
    files = dice.clutter({path: file_text(dice, lines)})

    def policy() -> Plan:
        code = f"lines = open({quoted(path)}).read().splitlines()\nprint({pick.__name__}(lines, key=len))"
        seen = yield call("run_python", code=code)
        return f"The {variant} line of {path} is: {seen.text}"

    return Task({"path": path}, files, policy, both(untouched(), says(wanted)), variant)


@family(
    needs=("find_text",),
    phrasings=(
        "On which line of {path} is {word}?",
        "Which line number in {path} has the word {word}?",
        "At what line does {word} appear in {path}?",
        "Find the line number of {word} in {path}.",
        "line number of {word} in {path}?",
        "Where in {path} is {word}? I need the line number.",
        "Tell me the number of the line in {path} that contains {word}",
        'Look for "{word}" in {path} and give me the line number',
        "{word} stands somewhere in {path}. On which line?",
        "What's the number of the line with {word} in {path}?",
        "{path}: which line mentions {word}?",
        "Search {path} for '{word}' and report the line it is on, by number",
        "I want to jump to {word} in {path}, which line do I go to?",
        "Give the line number where {path} says {word}",
        "Locate {word} in {path}, number of the line is enough",
        "In {path}, {word} is on line...?",
        "Say on what line number of {path} one finds {word}",
        "How far down in {path} is {word}, as a line number?",
    ),
    group="counting",
)
def line_number_of(dice: Dice) -> Task:
    """Say on which line a word stands; it may stand nowhere."""
    lines = listed(dice, 8, 120)
    word = dice.choice((dice.made_up, dice.code, dice.full_name))()
    while any(word.lower() in line.lower() for line in lines):
        word = dice.made_up() + dice.made_up()
    absent = dice.maybe(0.2)
    index = dice.randrange(len(lines))
    if not absent:
        lines[index] = dice.choice((f"{lines[index]} {word}", f"{word} {lines[index]}"))
    path = text_file(dice)
    files = dice.clutter({path: file_text(dice, lines)}, avoid=[word])

    def policy() -> Plan:
        yield call("find_text", pattern=word, path=path)
        return f"There is no {word} in {path}." if absent else f"{word} is on line {index + 1} of {path}."

    check = says_absent() if absent else both(untouched(), says(str(index + 1)))
    return Task({"path": path, "word": word}, files, policy, check, absent=absent)


# --- reworking all lines


def _rework(
    dice: Dice,
    path: str,
    lines: Sequence[str],
    middle: str,
    result: Sequence[str],
    *,
    kind: str,
    said: str,
    slots: dict[str, str] | None = None,
) -> Task:
    """A task that runs one program over the lines of a file, in place or into another file."""
    files = dice.clutter({path: file_text(dice, lines)})
    to_file = dice.maybe()
    target = new_file(dice, files, path.rpartition(".")[2]) if to_file else path

    def policy() -> Plan:
        code = reworked(path, target, middle)
        yield from ran(code, target, files)
        return f"{said} {path}" + (f"; the result is in {target}." if to_file else ".")

    given = {"path": path, **({"target": target} if to_file else {}), **(slots or {})}
    check = leaves({target: "\n".join(result)})
    return Task(given, files, policy, check, f"{kind}_file" if to_file else kind)


def _both_ways(kind: str, *actions: str) -> dict[str, list[str]]:
    return {kind: in_place(*actions), f"{kind}_file": into_file(*actions)}


@family(
    needs=("run_python", "make_folder"),
    phrasings={
        **_both_ways(
            "up",
            "sort the lines of {path} alphabetically",
            "put the lines of {path} in alphabetical order",
            "alphabetise {path} line by line",
            "order the lines in {path} from A to Z",
            "arrange the entries of {path} alphabetically",
            "bring the lines in {path} into ABC order",
            "rearrange {path} so that its lines run from a to z",
        ),
        **_both_ways(
            "down",
            "sort the lines of {path} in reverse alphabetical order",
            "put the lines of {path} in order from Z to A",
            "order {path} line by line, z first and a last",
            "arrange the entries of {path} in descending alphabetical order",
            "sort {path} backwards, from Z down to A",
            "bring the lines in {path} into reverse ABC order",
            "rank the lines of {path} from z to a",
        ),
        **_both_ways(
            "numbers",
            "sort the numbers in {path} from smallest to largest",
            "put the numbers of {path} in ascending order",
            "order the lines of {path} by size, lowest number first",
            "arrange the numbers in {path} so that they increase",
            "sort {path} numerically, going up",
            "bring the figures in {path} into rising order",
            "rank the numbers in {path} from low to high",
        ),
        **_both_ways(
            "big",
            "sort the numbers in {path} from largest to smallest",
            "put the numbers of {path} in descending order",
            "order the lines of {path} by size, highest number first",
            "arrange the numbers in {path} so that they decrease",
            "sort {path} numerically, biggest on top",
            "bring the figures in {path} into falling order",
            "rank the numbers in {path} from high to low",
        ),
    },
)
def sort_lines(dice: Dice) -> Task:
    """Sort lines of words, or numbers, either way."""
    kind = dice.choice(("up", "up", "down", "numbers", "big"))
    count = dice.randint(60, 150) if dice.maybe(0.15) else dice.randint(4, 25)
    back = kind in ("down", "big")
    path = text_file(dice)
    if kind in ("up", "down"):
        make = dice.choice((Dice.noun, Dice.first_name, Dice.city, Dice.to_do, Dice.full_name, Dice.made_up))
        lines = distinct(dice, min(count, 60) if make in (Dice.city, Dice.first_name) else count, make)
        middle, result = "lines.sort(reverse=True)" if back else "lines.sort()", sorted(lines, reverse=back)
    else:
        lines = distinct(dice, count, lambda dice: str(dice.randint(1, dice.choice((99, 999, 99999)))))
        middle = "lines.sort(key=int, reverse=True)" if back else "lines.sort(key=int)"
        result = sorted(lines, key=int, reverse=back)
    return _rework(dice, path, lines, middle, result, kind=kind, said="Sorted the lines of")


@family(
    needs=("run_python", "make_folder"),
    phrasings=_both_ways(
        "plain",
        "remove the duplicate lines from {path}, keeping the first of each",
        "get rid of repeated lines in {path}; the order stays as it is",
        "dedupe the lines of {path} and keep their order",
        "drop every line of {path} that was there before",
        "take the doubled lines out of {path}, each line only at its first place",
        "reduce {path} to its distinct lines, in the order in which they come first",
        "make each line of {path} occur only once (keep the first)",
        "throw out lines that come twice or more in {path}, leaving one of each in its first place",
    ),
)
def unique_lines(dice: Dice) -> Task:
    """Remove duplicate lines and keep the order."""
    result = listed(dice, 3, 20)
    lines = list(result)
    for again in dice.choices(result, k=dice.randint(1, 6)):
        lines.insert(dice.randint(lines.index(again) + 1, len(lines)), again)
    result = list(dict.fromkeys(lines))
    middle = "lines = list(dict.fromkeys(lines))"
    said = "Removed the duplicate lines of"
    return _rework(dice, text_file(dice), lines, middle, result, kind="plain", said=said)


@family(
    needs=("run_python", "make_folder"),
    phrasings=_both_ways(
        "plain",
        'number the lines of {path} in the form "{form}", starting at 1',
        "put numbers before the lines of {path}, from 1 on, like this: {form}",
        "turn {path} into a numbered list where each line looks like {form}",
        "give each line in {path} its number, as in `{form}`",
        'prefix every line of {path} with its line number in the style "{form}"',
        "add line numbers to {path} so that the first line becomes {form}, the second gets 2, and so on",
        "enumerate the lines of {path}: {form}, and so on",
    ),
    group="marks",
)
def number_lines(dice: Dice) -> Task:
    """Number the lines in a given form."""
    lines = listed(dice, 3, 30)
    between = dice.choice((". ", ") ", ": ", " - ", " "))
    form = f"1{between}{lines[0]}"
    result = [f"{number}{between}{line}" for number, line in enumerate(lines, 1)]
    middle = f'lines = [f"{{n}}{between}{{line}}" for n, line in enumerate(lines, 1)]'
    said = "Numbered the lines of"
    path = text_file(dice)
    return _rework(dice, path, lines, middle, result, kind="plain", said=said, slots={"form": form})


@family(
    needs=("run_python", "make_folder"),
    phrasings={
        **_both_ways(
            "before",
            'put "{mark}" before every line of {path}',
            'start each line in {path} with "{mark}"',
            'prefix all lines of {path} with "{mark}"',
            "add `{mark}` at the beginning of each line in {path}",
            "let every line in {path} begin with '{mark}'",
            'stick "{mark}" in front of every single line of {path}',
            "go through {path} and place '{mark}' ahead of each line",
        ),
        **_both_ways(
            "after",
            'put "{mark}" after every line of {path}',
            'end each line in {path} with "{mark}"',
            'add "{mark}" to the end of all lines of {path}',
            "attach `{mark}` at the end of each line in {path}",
            "let every line in {path} finish with '{mark}'",
            'stick "{mark}" behind every single line of {path}',
            "go through {path} and place '{mark}' at the close of each line",
        ),
    },
    group="marks",
)
def mark_lines(dice: Dice) -> Task:
    """Put a mark before or after every line."""
    lines = listed(dice, 3, 30)
    kind = dice.choice(("before", "after"))
    marks = ("- ", "* ", "> ", "# ", "- [ ] ", "// ", "TODO: ", f"{dice.made_up()} ", "    ", "[x] ")
    ends = (";", ",", ".", " |", "!", " OK", f" {dice.made_up()}", "\\", "...", " #")
    mark = dice.choice(marks if kind == "before" else ends)
    new = f"{quoted(mark)} + line" if kind == "before" else f"line + {quoted(mark)}"
    result = [mark + line if kind == "before" else line + mark for line in lines]
    middle = f"lines = [{new} for line in lines]"
    said = f'Put "{mark}" {kind} every line of'
    path = text_file(dice)
    return _rework(dice, path, lines, middle, result, kind=kind, said=said, slots={"mark": mark})


@family(
    needs=("run_python", "make_folder"),
    phrasings={
        **_both_ways(
            "upper",
            "turn all of {path} into upper case",
            "make everything in {path} capital letters",
            "change the text of {path} to uppercase",
            "put {path} in all caps",
            "write the text of {path} in capitals only",
            "convert the letters in {path} to upper case",
            "uppercase {path}",
        ),
        **_both_ways(
            "lower",
            "turn all of {path} into lower case",
            "make everything in {path} small letters",
            "change the text of {path} to lowercase",
            "put {path} in lower case throughout",
            "write the text of {path} in small letters only",
            "convert the letters in {path} to lower case, no capitals at all",
            "lowercase {path}",
        ),
        **_both_ways(
            "first",
            "let every line of {path} begin with a capital letter and leave the rest of it",
            "capitalise the first letter of each line in {path}, nothing else",
            "make only the first letter of every line in {path} upper case",
            "start all lines of {path} with a capital, other letters stay",
            "turn the first character of each line of {path} into a capital",
            "give every line in {path} a capital at its start and change no other letter",
            "uppercase just the first letter of each line in {path}",
        ),
    },
)
def case_of_text(dice: Dice) -> Task:
    """Turn a text into capital or small letters."""
    make = dice.choice((Dice.sentence, Dice.to_do, Dice.full_name, lambda d: f"{d.adjective()} {d.noun()}"))
    lines = distinct(dice, dice.randint(1, 25), make)
    kind = dice.choice(("upper", "lower", "first"))
    if kind == "first":
        lines = [line[:1].lower() + line[1:] if dice.maybe(0.8) else line for line in lines]
    code = {"upper": "line.upper()", "lower": "line.lower()", "first": "line[:1].upper() + line[1:]"}[kind]
    result = [
        {"upper": line.upper(), "lower": line.lower(), "first": line[:1].upper() + line[1:]}[kind]
        for line in lines
    ]
    said = {
        "upper": "All letters are upper case now in the text of",
        "lower": "All letters are lower case now in the text of",
        "first": "Each line begins with a capital now in the text of",
    }[kind]
    middle = f"lines = [{code} for line in lines]"
    return _rework(dice, text_file(dice), lines, middle, result, kind=kind, said=said)


@family(
    needs=("run_python", "make_folder"),
    phrasings=_both_ways(
        "plain",
        "reverse the order of the lines in {path}",
        "turn {path} upside down, last line first",
        "flip the lines of {path} so that the last comes first",
        "put the lines of {path} in the opposite order",
        "list the lines of {path} from bottom to top",
        "put the bottom line of {path} on top, then the one above it, and so on up to the first",
        "rewrite {path} back to front, line by line (the lines themselves stay as they are)",
    ),
)
def reverse_lines(dice: Dice) -> Task:
    """Turn the order of the lines round."""
    lines = listed(dice, 3, 60)
    said = "Reversed the order of the lines of"
    path = text_file(dice)
    return _rework(dice, path, lines, "lines.reverse()", lines[::-1], kind="plain", said=said)


@family(
    needs=("run_python", "make_folder"),
    phrasings={
        "file": (
            'Join the lines of {path} with "{between}" into one line and save it as {target}.',
            'Make one line out of {path}, its lines separated by "{between}", in {target}',
            'Write all lines of {path} on a single line in {target}, with "{between}" between them',
            '{target} should hold the lines of {path} in one line, joined by "{between}"',
            "lines of {path} joined with `{between}` -> {target}",
            'Put the entries of {path} next to each other with "{between}" between, stored in {target}',
            "Glue together the lines of {path} using '{between}'; the one line goes to {target}",
            'Collapse {path} to one "{between}" separated line and write it to {target}',
            'Take each line of {path}, join them all with "{between}", save in {target}',
            "I need the lines of {path} as one row in {target}, with '{between}' in between",
            'Could you string the lines of {path} together with "{between}" and put them in {target}?',
            "Create {target} from {path}: same entries, one line, `{between}` as the separator",
            'Merge all lines in {path} into one, separated by "{between}", and store it under {target}',
            'Change {path} from one entry per line to one with "{between}" between entries, in {target}',
            "Combine the lines of {path} into a single line ('{between}' between two entries) in {target}",
            'From the list in {path} make one line with the separator "{between}" and put it in {target}',
        ),
        "say": (
            'Give me the lines of {path} on one line, joined by "{between}".',
            'Tell me all lines of {path} in a row with "{between}" between them',
            "What do the lines of {path} look like joined with `{between}`?",
            "Read {path} and list its lines separated by '{between}'",
            'lines of {path} as one "{between}" separated line?',
            'Say the entries of {path} as a single line with "{between}" as separator',
            "Show the lines of {path} strung together with '{between}'",
            'I need the lines of {path} in my answer, with "{between}" between them.',
            'Answer with all the lines of {path}, separated by "{between}"',
            "Name everything listed in {path}, one line, '{between}' in between",
            'Put the lines of {path} together with "{between}" and tell me the result',
            "Recite {path} as one line with `{between}` for each line break",
            'Could you list what is in {path} with "{between}" between the entries?',
            "Join up the lines of {path} by '{between}' and show me",
            'What is in {path}? Write it as one line with "{between}" between the lines.',
            'Return the entries of {path} joined with "{between}"',
        ),
        "split": (
            'Split the line in {path} at each "{between}" and write the parts to {target}, one per line.',
            'Put the entries of {path}, which "{between}" separates, on lines of their own in {target}',
            'Turn the "{between}" separated line of {path} into a list in {target}, one entry a line',
            "{target} should have one line for each entry of {path}; there they are divided by '{between}'",
            "break up {path} at `{between}` -> {target}, each piece on a new line",
            'Write every entry of {path} on its own line in {target}. They have "{between}" between them.',
            'Take the line in {path}, cut it at "{between}" and save the pieces line by line as {target}',
            'Convert {path} to one entry per line (now it is one line with "{between}" between) in {target}',
            "Make a list {target} from {path}: a new line wherever it has '{between}'",
            'Replace each "{between}" of {path} by a line break, but save that as {target}',
            'Could you separate the items in {path} at "{between}" and store them one per line in {target}?',
            "I want the items of {path} in {target}, one on each line; they are joined by '{between}' now",
            'Unpack the "{between}" list in {path} into {target}, one item per line',
            'Create {target} with the parts of {path} below each other, splitting at "{between}"',
            "Spread the entries of {path} over separate lines of {target}; `{between}` is the separator",
            'From {path} get the items between the "{between}" and put each on a line in {target}',
        ),
    },
)
def join_lines(dice: Dice) -> Task:
    """Join lines by a separator, or split at it."""
    make = dice.choice((Dice.noun, Dice.first_name, Dice.city, Dice.made_up, Dice.to_do, Dice.full_name))
    variant = dice.choice(("file", "file", "say", "split"))
    lines = distinct(dice, dice.randint(3, 7 if variant == "say" else 20), make)
    between = dice.choice((", ", ", ", ",", "; ", ";", " | ", " / ", " - ", "+", "::", " and ", " "))
    while between.strip() and any(between.strip() in line for line in lines):
        between = dice.choice((", ", ",", "; ", " | ", " / ", "::"))
    if between == " ":
        lines = [line.split()[-1] for line in lines]
    joined = between.join(lines)
    path = text_file(dice)
    start = [joined] if variant == "split" else lines
    files = dice.clutter({path: file_text(dice, start)})
    target = new_file(dice, files)
    read = f"lines = open({quoted(path)}).read().splitlines()"
    write = f'open({quoted(target)}, "w").write'

    def policy() -> Plan:
        if variant == "say":
            seen = yield call("run_python", code=f"{read}\nprint({quoted(between)}.join(lines))")
            return seen.text
        if variant == "file":
            code = f"{read}\n{write}({quoted(between)}.join(lines))\nprint(len(lines))"
            yield from ran(code, target, files)
            return f'The lines of {path} are joined with "{between}" in {target}.'
        parts = f"parts = open({quoted(path)}).read().strip().split({quoted(between)})"
        code = f'{parts}\n{write}("\\n".join(parts) + "\\n")\nprint(len(parts))'
        seen = yield from ran(code, target, files)
        return f"{target} now has the {seen.text} parts of {path}, one per line."

    slots = {"path": path, "between": between, **({} if variant == "say" else {"target": target})}
    if variant == "say":
        return Task(slots, files, policy, both(untouched(), says(joined)), variant)
    return Task(
        slots, files, policy, leaves({target: joined if variant == "file" else "\n".join(lines)}), variant
    )


# --- some of the lines


@family(
    needs=("run_python", "make_folder"),
    phrasings={
        "has": (
            "Copy the lines of {path} that contain {word} into {target}.",
            "Put all lines with {word} from {path} in {target}",
            "Save every line in {path} that mentions {word} to {target}",
            "{target} should hold only those lines of {path} which have {word} in them",
            "lines with {word} in {path} -> {target}",
            "Filter {path} for {word} and write the lines you find to {target}",
            "Take from {path} each line where {word} appears and store them in {target}",
            'Extract the lines containing "{word}" from {path} to {target}',
            "I need the {word} lines of {path} in a file of their own, {target}",
            "Could you collect the lines in {path} which include '{word}' and save them as {target}?",
            "Make a new file {target} with whatever lines {path} has about {word}",
            "Go through {path}, pick out the lines that say {word}, put them in {target}",
            "Keep only the {word} lines of {path}, but in a new file named {target}",
            'Search {path} for "{word}" and store each matching line in {target}',
            "Write to {target} the lines of {path} that hold the word {word}",
            "Gather all lines mentioning {word} out of {path} in {target}, unchanged",
            "Create {target} from the lines in {path} with {word}",
            "From {path}, the lines that contain {word} belong in {target}",
        ),
        "lacks": (
            "Copy the lines of {path} that do not contain {word} into {target}.",
            "Put all lines without {word} from {path} in {target}",
            "Save every line in {path} that doesn't mention {word} to {target}",
            "{target} should hold only those lines of {path} which have no {word} in them",
            "lines without {word} in {path} -> {target}",
            "Write {path} to {target}, leaving out the lines with {word}",
            "Take from {path} each line where {word} does not appear and store them in {target}",
            'Extract the lines not containing "{word}" from {path} to {target}',
            "I need everything in {path} but the {word} lines in a file {target}",
            "Could you collect the lines in {path} which lack '{word}' and save them as {target}?",
            "Make a new file {target} with all of {path} except lines about {word}",
            "Go through {path}, skip the lines that say {word}, put the others in {target}",
            "A copy of {path} named {target} please, minus each line that has {word}",
            'Filter out of {path} what mentions "{word}"; the remaining lines go to {target}',
            "Write to {target} the lines of {path} that don't hold the word {word}",
            "From {path}, all lines free of {word} belong in {target}",
        ),
        "starts": (
            "Copy the lines of {path} that start with {word} into {target}.",
            "Put all lines beginning with {word} from {path} in {target}",
            "Save every line in {path} whose first word is {word} to {target}",
            "{target} should hold only those lines of {path} which {word} opens",
            "lines starting with {word} in {path} -> {target}",
            "Find lines in {path} that have {word} at their very start and write them to {target}",
            "Take from {path} each line that opens with {word} and store them in {target}",
            'Extract the lines beginning "{word}" from {path} to {target}',
            "I need the lines of {path} with {word} in front in a file {target}",
            "Could you collect the lines in {path} which start '{word}' and save them as {target}?",
            "Make a new file {target} with those lines of {path} that begin with the word {word}",
            "Go through {path}, pick the lines that {word} stands at the head of, put them in {target}",
            "Keep only lines of {path} which begin by {word}, but in a new file named {target}",
            'Select from {path} by its first word: lines with "{word}" there go to {target}',
            "Write to {target} the lines of {path} starting in {word}",
            "From {path}, what starts with {word} belongs in {target}, line by line",
        ),
    },
    group="some_lines",
)
def copy_lines_with(dice: Dice) -> Task:
    """Copy the lines that hold a word; there may be none."""
    lines = listed(dice, *((60, 200) if dice.maybe(0.25) else (6, 40)))
    variant = dice.choice(("has", "has", "lacks", "starts"))
    absent = variant != "lacks" and dice.maybe(0.22)
    word = dice.choice((dice.made_up, dice.first_name, lambda: dice.choice(LEVELS), dice.city, dice.noun))()
    while any(word.lower() in line.lower() for line in lines):
        word = dice.made_up() + dice.made_up()
    chosen = [] if absent else dice.sample(range(len(lines)), dice.randint(1, min(8, len(lines) - 2)))
    for index in chosen:
        front = variant == "starts" or dice.maybe(0.4)
        lines[index] = f"{word} {lines[index]}" if front else f"{lines[index]} {word}"
    if variant == "starts":
        for index in dice.sample([i for i in range(len(lines)) if i not in chosen], 1):
            lines[index] = f"{lines[index]} {word}"
    test = {
        "has": f"if {quoted(word)} in line",
        "lacks": f"if {quoted(word)} not in line",
        "starts": f"if line.startswith({quoted(word)})",
    }[variant]
    kept = [line for index, line in enumerate(lines) if (index in chosen) == (variant != "lacks")]
    path = text_file(dice)
    files = dice.clutter({path: file_text(dice, lines)})
    target = new_file(dice, files)

    def policy() -> Plan:
        code = (
            f"lines = open({quoted(path)}).read().splitlines()\n"
            f"lines = [line for line in lines {test}]\n"
            f'if lines:\n    open({quoted(target)}, "w").write("\\n".join(lines) + "\\n")\n'
            "print(len(lines))"
        )
        seen = yield from ran(code, target, files)
        if seen.text == "0":
            return f"There is no such line with {word} in {path}, so {target} was not made."
        return f"Lines of {path} copied to {target}: {seen.text}."

    check = says_absent() if absent else leaves({target: "\n".join(kept)})
    return Task({"path": path, "word": word, "target": target}, files, policy, check, variant, absent=absent)


EXTRACTED: dict[str, tuple[str, str, Callable[[Dice], str]]] = {
    "emails": ("e-mail addresses", r"[\w.+-]+@[\w.-]+\.\w+", lambda dice: dice.email(dice.full_name())),
    "dates": ("dates", r"\d{4}-\d{2}-\d{2}", Dice.day),
    "phones": ("phone numbers", r"\+?\d[\d -]{6,}\d", Dice.phone),
    "links": (
        "links",
        r"https?://\S+",
        lambda dice: (
            f"http{dice.choice(('', 's'))}://{dice.noun()}.example.{dice.choice(('org', 'com', 'net'))}"
            f"/{dice.choice(('', dice.noun(), f'{dice.noun()}/{dice.randint(1, 999)}'))}"
        ),
    ),
    "tags": ("hashtags", r"#\w+", lambda dice: f"#{dice.choice((dice.noun(), dice.made_up()))}"),
}
"""What can be told by its form: its name, a regular expression, and an example."""

_AROUND = (
    "{name}: {it}",
    "Write to {name} at {it} before {day}.",
    "{it} is what {name} gave us",
    "{name} ({noun}), {it}",
    "New for the {noun}: {it} , as {name} said",
    "The {noun} has {it} on its label",
    "{it}",
    "{noun}; {it} ; {name}",
)


@family(
    needs=("run_python", "make_folder"),
    phrasings={
        name: (
            f"Extract all {what} from {{path}} into {{target}}, one per line.",
            f"Find the {what} in {{path}} and write each on its own line in {{target}}",
            f"Collect every one of the {what} in {{path}}; save them line by line to {{target}}",
            f"{{target}} should list the {what} that occur in {{path}}, one a line",
            f"{what} of {{path}} -> {{target}}, one per line",
            f"Pull the {what} out of {{path}} and store them in {{target}}, each on a new line",
            f"I need a list of the {what} from {{path}} in {{target}} (one on each line)",
            f"Go through {{path}} and put all {what} you find into {{target}}, one below the other",
            f"Make {{target}} from the {what} in {{path}}, a line for each",
            f"Could you gather the {what} in {{path}} and save them as {{target}}, one per line?",
            f"Scan {{path}} for {what} and write just those to {{target}}, one to a line",
            f"Take only the {what} from the text in {{path}}, in their order, one per line, into {{target}}",
            f"Get me a file {{target}} with nothing but the {what} in {{path}}, each on a separate line",
            f"Which {what} are in {{path}}? List them in {{target}}, one per line.",
            f"Copy the {what} of {{path}} to {{target}}, one per line and no other text",
            f"Harvest {what}: source {{path}}, output {{target}}, one per line",
        )
        for name, (what, _, _) in EXTRACTED.items()
    },
    group="extract",
)
def extract_to_file(dice: Dice) -> Task:
    """Collect addresses, dates and the like in a file; there may be none."""
    variant = dice.choice(tuple(EXTRACTED))
    what, pattern, _ = EXTRACTED[variant]
    lines, found = _holding(dice, variant, absent=dice.maybe(0.15))
    path = text_file(dice)
    files = dice.clutter({path: file_text(dice, lines)})
    target = new_file(dice, files)

    def policy() -> Plan:
        code = (
            f'import re\nfound = re.findall(r"{pattern}", open({quoted(path)}).read())\n'
            f'if found:\n    open({quoted(target)}, "w").write("\\n".join(found) + "\\n")\n'
            "print(len(found))"
        )
        seen = yield from ran(code, target, files)
        if seen.text == "0":
            return f"There are no {what} in {path}, so {target} was not made."
        return f"The {what} of {path} are in {target}: {seen.text} found."

    check = leaves({target: "\n".join(found)}) if found else says_absent()
    return Task({"path": path, "target": target}, files, policy, check, variant, absent=not found)


@family(
    needs=("run_python",),
    phrasings={
        name: (
            f"Which {what} are in {{path}}?",
            f"List the {what} that occur in {{path}}.",
            f"Tell me all {what} in {{path}}",
            f"{what} in {{path}}?",
            f"Find every one of the {what} in {{path}} and name them",
            f"What {what} does {{path}} contain?",
            f"Scan {{path}} for {what}, tell me what you find",
            f"I need the {what} from {{path}} in your answer",
            f"Give me the {what} mentioned in {{path}}",
            f"Read {{path}} and report the {what} in it",
            f"Name the {what} which {{path}} mentions",
            f"Look through {{path}}: what {what} are there?",
            f"Pick the {what} out of {{path}} and show me",
            f"Does {{path}} hold any {what}? Which ones?",
            f"Say which {what} stand in {{path}}",
            f"Can you get me the {what} out of the text in {{path}}?",
        )
        for name, (what, _, _) in EXTRACTED.items()
    },
    group="extract",
)
def extract_and_say(dice: Dice) -> Task:
    """Name the addresses, dates and the like of a text; there may be none."""
    variant = dice.choice(tuple(EXTRACTED))
    what, pattern, _ = EXTRACTED[variant]
    lines, found = _holding(dice, variant, absent=dice.maybe(0.15), most=4)
    path = text_file(dice)
    files = dice.clutter({path: file_text(dice, lines)})

    def policy() -> Plan:
        found_by = f'found = re.findall(r"{pattern}", open({quoted(path)}).read())'
        code = f'import re\n{found_by}\nprint(", ".join(found) or 0)'
        seen = yield call("run_python", code=code)
        return f"There are no {what} in {path}." if seen.text == "0" else f"The {what} in {path}: {seen.text}"

    check = both(untouched(), says(*found)) if found else says_absent()
    return Task({"path": path}, files, policy, check, variant, absent=not found)


def _holding(dice: Dice, kind: str, *, absent: bool, most: int = 8) -> tuple[list[str], list[str]]:
    """Lines among which some hold a thing of this kind, and those things in their order."""
    _, pattern, make = EXTRACTED[kind]
    found = [] if absent else distinct(dice, dice.randint(1, most), make)
    lines = [
        dice.choice(_AROUND).format(
            it=it, name=dice.first_name(), noun=dice.noun(), day=dice.choice(WEEKDAYS)
        )
        for it in found
    ]
    for _ in range(dice.randint(2, 15)):
        lines.insert(dice.randint(0, len(lines)), dice.sentence())
    return lines, re.findall(pattern, "\n".join(lines))
