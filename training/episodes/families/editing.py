"""Change a part of a text and leave the rest: add, tick off, replace, delete; in notes and in code."""

import re
from collections.abc import Sequence

from episodes.checks import leaves, says_absent
from episodes.dice import Dice
from episodes.families.lines import distinct, file_text, listed, quoted, text_file
from episodes.task import Plan, Task, call, family
from episodes.words import WEEKDAYS


def lonely(dice: Dice, lines: Sequence[str]) -> int:
    """The index of a line that stands nowhere else, not even inside another line."""
    text = "\n".join(lines)
    return dice.choice([index for index, line in enumerate(lines) if line.strip() and text.count(line) == 1])


def once(dice: Dice, text: str) -> str:
    """A word or some words of the text that occur in it only once."""
    while True:
        words = dice.choice([line for line in text.splitlines() if line.strip()]).split(" ")
        count = min(len(words), dice.choice((1, 1, 1, 2, 2, 3)))
        start = dice.randint(0, len(words) - count)
        piece = " ".join(words[start : start + count]).strip(".,;:!?")
        if len(piece) > 2 and text.lower().count(piece.lower()) == 1:
            return piece


def stands_alone(word: str, text: str) -> bool:
    """Whether each place of the word is a whole word, in the same case."""
    return len(re.findall(rf"(?<!\w){re.escape(word)}(?!\w)", text)) == text.lower().count(word.lower())


def other_line(dice: Dice, lines: Sequence[str]) -> str:
    """A line for a text that does not have it."""
    made = (dice.sentence, dice.to_do, dice.full_name, lambda: f"{dice.noun()}: {dice.randint(1, 999)}")
    text = "\n".join(lines).lower()
    while (line := dice.choice(made)()).lower() in text:
        pass
    return line


def near(dice: Dice, line: str) -> str:
    """The line with another word in it."""
    words = line.split(" ")
    words[dice.randrange(len(words))] = dice.made_up()
    return " ".join(words)


# --- add


@family(
    needs=("append_file",),
    phrasings=(
        'Append "{line}" to {path}.',
        'Add the line "{line}" to {path}',
        'Add "{line}" at the end of {path}.',
        'Put "{line}" at the bottom of {path}',
        "Append the line `{line}` to {path}",
        "{path} needs one more line at its end: '{line}', that's it.",
        'Write one more line, "{line}", after the last one in {path}',
        "Extend {path} by the line “{line}”",
        "Let {path} end with a new line that says '{line}'",
        "Stick '{line}' on the end of {path}",
        'Note "{line}" in {path}, below what is there.',
        'A new last line for {path}: "{line}"',
        "Can you tack `{line}` onto {path} as its own line?",
        "Attach this to the end of {path}:\n{line}\nThanks!",
        "Add this line to {path}, at the bottom:\n\n{line}\n\nLeave the rest alone",
        "Line to add: {line}\nFile: {path} (at the end)",
        'I forgot "{line}" in {path}. Add it as the last line',
        "“{line}” should be added to the end of {path}",
        "At the end of {path} add a line reading '{line}'",
        'Keep {path} as it is but append "{line}"',
        'Jot down "{line}" as another entry in {path}',
        '"{line}" goes to the end of {path}',
    ),
    group="append",
)
def append_line(dice: Dice) -> Task:
    """Append a line; now and then the file is not there yet and is made by it."""
    lines = listed(dice, 1, 30)
    kinds = (
        dice.sentence,
        lambda: f"- [ ] {dice.to_do()}",
        lambda: f"- {dice.noun()}",
        lambda: f"{dice.first_name()}, {dice.email(dice.first_name())}",
        lambda: f"{dice.day()}: {dice.to_do()}",
        lambda: f"{dice.noun()} = {dice.randint(1, 9999)}",
        lambda: f"{len(lines) + 1}. {dice.to_do()}",
        lambda: dice.choice(("END", "TODO", "# done", "---", "(c) 2026", "see above")),
        lambda: f"{dice.made_up()} {dice.code()}",
    )
    line = dice.choice(kinds)()
    path = text_file(dice)
    missing = dice.maybe(0.08)
    files = dice.clutter({} if missing else {path: file_text(dice, lines)}, low=int(missing))
    missing = path not in files

    def policy() -> Plan:
        yield call("append_file", path=path, content=line)
        return f'Added "{line}" at the end of {path}.'

    text = line if missing else "\n".join([*lines, line])
    return Task({"path": path, "line": line}, files, policy, leaves({path: text}))


STYLES = ("- [ ] ", "- [ ] ", "- [ ] ", "* [ ] ", "- ", "* ", "[ ] ", "TODO: ", "")


@family(
    needs=("read_file", "append_file"),
    phrasings=(
        'Add "{item}" to the list in {path}, in the form that the other entries have.',
        "Put '{item}' on the list {path}, at its end, written like the others",
        '{path} is my list. One more entry, formatted as the rest: "{item}" (at the end)',
        "New item for {path}: '{item}'. Use the same marks as the items there and add it last",
        'Append "{item}" to {path} in the style of its other lines',
        'Extend the list in {path} with "{item}", same format',
        'I also have to "{item}". Add it at the bottom of {path} the way the others are written',
        "Write `{item}` below the other items of {path}, and keep to their style",
        "Can you put “{item}” at the end of the list in {path}, looking like the lines before it?",
        "{path} misses '{item}'; add it as the last entry with the list's own marks",
        'Jot down "{item}" as an open entry in {path}, in line with the existing ones',
        'Another entry, "{item}", belongs at the end of {path} - match the existing format',
        "Look at how {path} writes its items and append '{item}' likewise",
        'Remember to "{item}": put that on my list {path}, last place, same look as the others',
        "Continue the list in {path} with '{item}', not yet done",
        'Make "{item}" the final item of {path}, same notation as there',
        "list {path}: + '{item}' (same style as the rest)",
        "For {path}, another item at the end, styled like its neighbours: “{item}”.",
    ),
    group="append",
)
def add_to_list(dice: Dice) -> Task:
    """Append an item to a list in the list's own form."""
    items = distinct(dice, dice.randint(2, 14), Dice.to_do)
    *items, item = items
    numbered = dice.maybe(0.15)
    style = dice.choice(STYLES)
    done = {"- [ ] ": "- [x] ", "* [ ] ": "* [x] ", "[ ] ": "[x] "}.get(style, style)
    lines = [
        f"{number}. {each}" if numbered else f"{style if dice.maybe(0.75) else done}{each}"
        for number, each in enumerate(items, 1)
    ]
    if not numbered and done != style and not any(line.startswith(style) for line in lines):
        lines[0] = style + items[0]
    head = dice.choice(([], [], [f"# {dice.noun().capitalize()}", ""], [f"{dice.noun().capitalize()} list:"]))
    lines = [*head, *lines]
    path = text_file(dice)
    files = dice.clutter({path: file_text(dice, lines)})
    line = f"{len(items) + 1}. {item}" if numbered else style + item

    def policy() -> Plan:
        yield call("read_file", path=path)
        yield call("append_file", path=path, content=line)
        return f'"{item}" is now the last item of {path}.'

    return Task({"path": path, "item": item}, files, policy, leaves({path: "\n".join([*lines, line])}))


@family(
    needs=("read_file", "edit_file"),
    phrasings={
        "tick": (
            'Tick off "{item}" in {path}.',
            "Mark '{item}' as done in {path}",
            'Check the box of "{item}" in {path}',
            "I did '{item}', update {path}",
            "{path}: {item} is done",
            'Set "{item}" to done in {path}.',
            "Cross '{item}' off in {path} by putting an x in its box",
            "We finished '{item}'. Please reflect that in {path}",
            "put an x at “{item}” in {path}",
            "In {path} the task '{item}' can be ticked",
            "Change the status of '{item}' in {path} to completed",
            "{path} should show '{item}' as done",
            'Done with "{item}", so check it off in {path}.',
            "the to-do `{item}` in {path} is complete now, mark it",
            "Would you tick '{item}' on the list in {path}?",
            "On my list {path}, mark “{item}” with [x]",
            "Update {path}: '{item}' has been taken care of",
            "Complete the item '{item}' in {path}",
            "{item}? Did that already. Tick it in {path}",
        ),
        "untick": (
            'Untick "{item}" in {path}.',
            "Mark '{item}' as not done in {path}",
            'Clear the box of "{item}" in {path}',
            "'{item}' has to be done again, update its box in {path}",
            "{path}: {item} is open again",
            'Set "{item}" back to open in {path}.',
            "Remove the x from '{item}' in {path}, it's not finished",
            "We did not finish '{item}' after all. Please reflect that in {path}",
            "take the x away at “{item}” in {path}",
            "In {path} the task '{item}' must be unticked",
            "Change the status of '{item}' in {path} back to not done",
            "{path} should show '{item}' as still to do",
            'Uncheck "{item}" in {path}.',
            "the to-do `{item}` in {path} was ticked by mistake, undo that",
            "Would you reopen '{item}' on the list in {path}?",
            "On my list {path}, mark “{item}” with [ ] instead of [x]",
            "Reopen the item '{item}' in {path}",
        ),
    },
)
def tick_off(dice: Dice) -> Task:
    """Tick a to-do, or untick it; it may not be on the list."""
    variant = dice.choice(("tick", "tick", "tick", "untick"))
    empty, full = dice.choice(
        (("- [ ] ", "- [x] "), ("- [ ] ", "- [x] "), ("* [ ] ", "* [x] "), ("[ ] ", "[x] "))
    )
    before, now = (empty, full) if variant == "tick" else (full, empty)
    items = distinct(dice, dice.randint(3, 16), Dice.to_do)
    index = dice.randrange(len(items))
    item = items[index]
    marks = [before if each == item or dice.maybe(0.6) else now for each in items]
    lines = [
        f"{mark}{each}{dice.choice(('', '', '', f' ({dice.first_name()})'))}"
        for mark, each in zip(marks, items, strict=True)
    ]
    absent = dice.maybe(0.18)
    if absent or "\n".join(lines).count(before + item) != 1:
        absent = True
        lines = [line for line in lines if item not in line]
    title = [f"# {dice.noun().capitalize()}", ""] if dice.maybe(0.4) else []
    lines = [*title, *lines]
    path = text_file(dice)
    files = dice.clutter({path: file_text(dice, lines)}, avoid=[item])
    text = "\n".join(lines).replace(before + item, now + item)

    def policy() -> Plan:
        yield call("read_file", path=path)
        if absent:
            return f'There is no "{item}" on the list in {path}.'
        yield call("edit_file", path=path, old=before + item, new=now + item)
        return f'"{item}" is marked as {"done" if variant == "tick" else "not done"} in {path}.'

    check = says_absent() if absent else leaves({path: text})
    return Task({"path": path, "item": item}, files, policy, check, variant, absent=absent)


@family(
    needs=("read_file", "edit_file"),
    phrasings=(
        'Put "{line}" at the top of {path}.',
        "Add the line '{line}' at the beginning of {path}",
        'Insert "{line}" as the first line of {path}',
        "{path} should start with a new line that reads '{line}'",
        'Prepend "{line}" to {path} as its own line',
        "Write '{line}' above everything else in {path}",
        "new first line for {path}: `{line}`",
        "On top of {path} add “{line}”, then the rest as it was",
        "Let '{line}' be line 1 of {path}; the others move down",
        'Place "{line}" before the first line in {path}',
        "At the head of {path} insert this line:\n{line}\nand change nothing else",
        "Can you add '{line}' in front of the current first line of {path}?",
        'Start {path} with "{line}", followed by what it holds now',
        'Stick "{line}" on the very top of the file {path}',
        "I want a line saying '{line}' to open {path}, keep all other lines",
        "Begin {path} with an extra line, “{line}”",
        "Top line to add: {line}\nFile: {path}",
        "Slip '{line}' in at the start of {path}, on a line of its own",
    ),
    group="insert",
)
def add_on_top(dice: Dice) -> Task:
    """Add a line before the first one."""
    lines = listed(dice, 2, 60)
    while "\n".join(lines).count(lines[0]) != 1:
        lines = listed(dice, 2, 60)
    line = dice.choice(
        (other_line(dice, lines), f"# {dice.noun().capitalize()}", f"{dice.day()} {dice.noun()}")
    )
    path = text_file(dice)
    files = dice.clutter({path: file_text(dice, lines)})

    def policy() -> Plan:
        yield call("read_file", path=path, lines=1)
        yield call("edit_file", path=path, old=lines[0], new=f"{line}\n{lines[0]}")
        return f'{path} now begins with "{line}".'

    return Task({"path": path, "line": line}, files, policy, leaves({path: "\n".join([line, *lines])}))


@family(
    needs=("edit_file",),
    phrasings={
        "after": (
            'Insert "{line}" after the line "{old}" in {path}.',
            "Add the line '{line}' right below '{old}' in {path}",
            'In {path}, put "{line}" under the line that says "{old}"',
            "After '{old}' in {path} there should be a new line '{line}'",
            "Write “{line}” on the line following “{old}” in {path}",
            "{path}: add `{line}` directly after `{old}`",
            "The line '{old}' of {path} should be followed by a new one, '{line}'",
            'Place "{line}" in {path}, just behind the line "{old}"',
            "Below '{old}' in the file {path}, insert '{line}' as a line of its own",
            'Put a new line "{line}" beneath "{old}" in {path}',
            "I want '{line}' to come next after '{old}' in {path}",
            "Can you slip '{line}' in after the line '{old}' of {path}?",
            'Following "{old}" in {path}, add "{line}"',
            "New line in {path}: '{line}'. It goes straight after '{old}'",
            'Find "{old}" in {path} and add "{line}" on the next line',
            "Right after the line reading `{old}`, {path} needs `{line}`",
        ),
        "before": (
            'Insert "{line}" before the line "{old}" in {path}.',
            "Add the line '{line}' right above '{old}' in {path}",
            'In {path}, put "{line}" over the line that says "{old}"',
            "Before '{old}' in {path} there should be a new line '{line}'",
            "Write “{line}” on a line just ahead of “{old}” in {path}",
            "{path}: add `{line}` directly before `{old}`",
            "The line '{old}' of {path} should be preceded by a new one, '{line}'",
            'Place "{line}" in {path}, just in front of the line "{old}"',
            "Above '{old}' in the file {path}, insert '{line}' as a line of its own",
            'Put a new line "{line}" on top of "{old}" in {path}',
            "I want '{line}' to come immediately before '{old}' in {path}",
            "Can you slip '{line}' in before the line '{old}' of {path}?",
            'Preceding "{old}" in {path}, add "{line}"',
            "New line in {path}: '{line}'. It goes straight above '{old}'",
            'Find "{old}" in {path} and add "{line}" on the line before',
            "Right before the line reading `{old}`, {path} needs `{line}`",
        ),
    },
    group="insert",
)
def add_beside_line(dice: Dice) -> Task:
    """Add a line after or before one that the goal quotes; that one may not be there."""
    lines = listed(dice, 3, 60)
    variant = dice.choice(("after", "before"))
    index = lonely(dice, lines)
    old = lines[index]
    line = other_line(dice, lines)
    absent = dice.maybe(0.15)
    text = "\n".join([*lines[: index + (variant == "after")], line, *lines[index + (variant == "after") :]])
    if absent:
        lines[index] = near(dice, old) if dice.maybe() else other_line(dice, lines)
    path = text_file(dice)
    files = dice.clutter({path: file_text(dice, lines)}, avoid=[old])

    def policy() -> Plan:
        new = f"{old}\n{line}" if variant == "after" else f"{line}\n{old}"
        seen = yield call("edit_file", path=path, old=old, new=new)
        if seen.failed:
            return f'There is no line "{old}" in {path}, so nothing was added.'
        return f'Added "{line}" {variant} "{old}" in {path}.'

    check = says_absent() if absent else leaves({path: text})
    return Task({"path": path, "line": line, "old": old}, files, policy, check, variant, absent=absent)


@family(
    needs=("find_text", "edit_file"),
    phrasings=(
        'Insert "{line}" after the line that mentions {word} in {path}.',
        "Add the line '{line}' below the one about {word} in {path}",
        'In {path}, put "{line}" under the line with {word}',
        "After the {word} line in {path} there should be a new line '{line}'",
        "Write “{line}” on the line following the one that has {word} in {path}",
        "{path}: add `{line}` directly after the line containing {word}",
        "Where {path} speaks of {word}, add the line '{line}' right underneath",
        'Place "{line}" in {path}, just behind the line where {word} is named',
        "Below the entry for {word} in {path}, insert '{line}' as a line of its own",
        'Find the line with {word} in {path} and add "{line}" on the next line',
        "Can you slip '{line}' in after the line on {word} in {path}?",
        "One line of {path} has the word {word}. Put a new line '{line}' after it",
        'The line about {word} in {path} should be followed by "{line}"',
        "Look up {word} in {path}; the new line '{line}' belongs beneath that line",
        "New line for {path}: '{line}', straight after the {word} one",
        "Let “{line}” come next after the line in {path} which includes {word}",
    ),
    group="insert",
)
def add_after_mention(dice: Dice) -> Task:
    """Add a line after the one that holds a word; no line may hold it."""
    lines = listed(dice, 4, 80)
    line = other_line(dice, lines)
    index, word, absent = _mentioned(dice, lines, line)
    path = text_file(dice)
    files = dice.clutter({path: file_text(dice, lines)}, avoid=[word])
    old = lines[index]

    def policy() -> Plan:
        yield call("find_text", pattern=word, path=path)
        if absent:
            return f"There is no line with {word} in {path}, so nothing was added."
        yield call("edit_file", path=path, old=old, new=f"{old}\n{line}")
        return f'Added "{line}" after the line with {word} in {path}.'

    text = "\n".join([*lines[: index + 1], line, *lines[index + 1 :]])
    check = says_absent() if absent else leaves({path: text})
    return Task({"path": path, "line": line, "word": word}, files, policy, check, absent=absent)


def _mentioned(dice: Dice, lines: list[str], other: str = "") -> tuple[int, str, bool]:
    """A word that one of the lines holds, and whether it was left out after all."""
    index = lonely(dice, lines)
    word = dice.choice((dice.made_up, dice.noun, dice.full_name, dice.city))()
    while any(word.lower() in line.lower() for line in [*lines, other]):
        word = dice.made_up() + dice.made_up()
    absent = dice.maybe(0.15)
    if not absent:
        lines[index] = dice.choice(
            (f"{lines[index]} {word}", f"{word} {lines[index]}", f"{word}: {lines[index]}")
        )
    return index, word, absent


@family(
    needs=("read_file", "edit_file"),
    phrasings=(
        'Add "{item}" to the end of the {section} list in {path}.',
        "Put '{item}' under {section} in {path}, as its last item",
        "In {path}, the section {section} needs one more item: '{item}' (at its end)",
        'New last entry for {section} in {path}: "{item}".',
        "{path} -> {section}: add '{item}' below the items there",
        'Append "{item}" to the items of section {section} in {path}',
        "Under the heading {section} of {path}, add '{item}' after the others",
        "“{item}” belongs in the {section} part of {path}. Put it last there.",
        "Extend the list beneath {section} in {path} with '{item}'",
        "In the {section} section of {path}, write '{item}' as the final item",
        "Let the {section} list in {path} end with `{item}`",
        'Can you put "{item}" at the bottom of {section} in the file {path}?',
        "I need '{item}' listed in {path} with {section}, as the last one there",
        'Section {section} in {path} gets "{item}" as another item at its end',
        "Note '{item}' in {path}, last under {section}",
        'Go to {section} in {path} and add the item "{item}" after the last one',
        "Another item for the {section} heading in {path}, at the end of its list: “{item}”.",
    ),
)
def add_to_section(dice: Dice) -> Task:
    """Add an item at the end of one section's list; the section may not be there."""
    names = [noun.capitalize() for noun in dice.nouns(dice.randint(2, 5))]
    items = distinct(dice, 24, dice.choice((Dice.noun, Dice.to_do, Dice.full_name)))
    new = items.pop()
    mark = dice.choice(("- ", "- ", "* ", "- [ ] "))
    form = dice.choice(("## {}", "## {}", "# {}", "{}:", "[{}]"))
    lists = {name: [f"{mark}{items.pop()}" for _ in range(dice.randint(1, 4))] for name in names}
    absent = dice.maybe(0.15)
    section = dice.choice(names)
    after = {**lists, section: [*lists[section], f"{mark}{new}"]}
    last = lists[section][-1]
    if absent:
        del lists[section]
    head = f"# {dice.noun().capitalize()} {dice.noun()}\n\n" if dice.maybe(0.4) and form == "## {}" else ""
    before_text, after_text = (
        head + "\n\n".join("\n".join([form.format(name), *rows]) for name, rows in each.items())
        for each in (lists, after)
    )
    if before_text.count(last) > 1:
        return add_to_section(dice)
    path = dice.file(dice.choice(("md", "md", "txt")))
    files = dice.clutter({path: before_text}, avoid=[section] if absent else [])

    def policy() -> Plan:
        yield call("read_file", path=path)
        if absent:
            return f"There is no section {section} in {path}, so nothing was added."
        yield call("edit_file", path=path, old=last, new=f"{last}\n{mark}{new}")
        return f'"{new}" is now the last item of {section} in {path}.'

    check = says_absent() if absent else leaves({path: after_text})
    slots = {"path": path, "section": section, "item": new}
    return Task(slots, files, policy, check, absent=absent)


# --- replace


@family(
    needs=("edit_file",),
    phrasings=(
        'Replace "{old}" with "{new}" in {path}.',
        "Change '{old}' to '{new}' in {path}",
        'In {path}, "{old}" should be "{new}"',
        "{path}: `{old}` -> `{new}`",
        "Swap '{old}' for '{new}' in {path}",
        'Substitute "{new}" for "{old}" in the file {path}.',
        "Where {path} says '{old}', make it '{new}'",
        'Edit {path} so that it reads "{new}" instead of "{old}"',
        "It says “{old}” in {path} but it must be “{new}”. Correct that.",
        "put '{new}' in place of '{old}' in {path}",
        'Turn "{old}" into "{new}" in {path}',
        "Rewrite '{old}' as '{new}' in {path} and leave the rest",
        "{old} in {path} is wrong, it's {new}. Fix it",
        'Could you exchange "{old}" and put "{new}" there, in {path}?',
        "Update {path}: not '{old}' but '{new}'",
        'I want "{new}" rather than "{old}" in {path}.',
        "Amend {path}, changing “{old}” to “{new}”",
        "The text '{old}' in {path} has to become '{new}'",
        "Have '{old}' replaced by '{new}' in {path}",
        "old: {old}\nnew: {new}\nMake this change in {path}",
    ),
    group="replace",
)
def replace_once(dice: Dice) -> Task:
    """Replace a word or phrase that stands once; it may not stand there."""
    lines = listed(dice, *((60, 200) if dice.maybe(0.15) else (3, 30)))
    text = "\n".join(lines)
    old = once(dice, text)
    new = dice.choice(
        (dice.noun(), dice.full_name(), dice.made_up(), f"{dice.adjective()} {dice.noun()}", dice.code())
    )
    absent = dice.maybe(0.18)
    changed = text.replace(old, new)
    if absent:
        start = text.replace(old, dice.made_up())
        if old.lower() in start.lower():
            return replace_once(dice)
        text = start
    path = text_file(dice)
    files = dice.clutter({path: text}, avoid=[old])

    def policy() -> Plan:
        seen = yield call("edit_file", path=path, old=old, new=new)
        if seen.failed:
            return f'"{old}" is not in {path}, so nothing was changed.'
        return f'Changed "{old}" to "{new}" in {path}.'

    check = says_absent() if absent else leaves({path: changed})
    return Task({"path": path, "old": old, "new": new}, files, policy, check, absent=absent)


_WITH_WORD = (
    "The {w} arrived on {day}.",
    "{name} asked for the {w} again.",
    "We keep one {w} in {city} and one {w} here.",
    "{name}, {w}, {number}",
    "Nobody paid for the {w}.",
    "{w}: {number} pieces",
    "Is the {w} ready, {name}?",
    "A new {w} costs {number}",
    "{number} x {w}",
    "{city} has no {w}; {name} has two of them",
)


def _full_of(dice: Dice, word: str, low: int = 1, high: int = 7) -> list[str]:
    """Lines of which some hold the word."""
    lines = [
        template.format(
            w=word,
            day=dice.choice(WEEKDAYS),
            name=dice.first_name(),
            city=dice.city(),
            number=dice.randint(2, 99),
        )
        for template in dice.some(_WITH_WORD, low, high)
    ]
    for _ in range(dice.randint(0, 20)):
        lines.insert(dice.randint(0, len(lines)), dice.sentence())
    return lines


@family(
    needs=("edit_file",),
    phrasings=(
        'Replace every "{old}" with "{new}" in {path}.',
        "Change '{old}' to '{new}' everywhere in {path}",
        'Replace all occurrences of "{old}" in {path} by "{new}"',
        "{path}: `{old}` -> `{new}`, all of them",
        "Swap each '{old}' for '{new}' throughout {path}",
        'Substitute "{new}" for "{old}" wherever it occurs in {path}.',
        "Wherever {path} says '{old}', make it '{new}'",
        'Edit {path} so that it always reads "{new}" instead of "{old}"',
        "All the “{old}” in {path} must become “{new}”.",
        "search and replace in {path}: '{old}' by '{new}'",
        'Turn "{old}" into "{new}" in the whole of {path}',
        "Rewrite '{old}' as '{new}' at every place in {path}",
        "No more {old} in {path}: it is {new} now, in each line",
        "Could you replace '{old}' in {path} with '{new}', every single time?",
        "Update all mentions of '{old}' in {path} to '{new}'",
        'I want "{new}" rather than "{old}" all over {path}.',
        "In the entire file {path}, exchange {old} for {new}",
        "Have '{old}' replaced by '{new}' across {path}",
        "We renamed {old} to {new}; bring {path} up to date everywhere",
        "find {old}, replace with {new}, file {path}, all hits",
    ),
    group="replace",
)
def replace_every(dice: Dice) -> Task:
    """Replace a word wherever it stands; it may stand nowhere."""
    kinds = (
        dice.noun,
        dice.made_up,
        dice.first_name,
        dice.city,
        dice.code,
        lambda: f"{dice.adjective()} {dice.noun()}",
    )
    old, new = dice.choice(kinds)(), dice.choice(kinds)()
    absent = dice.maybe(0.15)
    text = "\n".join(_full_of(dice, dice.noun() if absent else old, 2))
    if old == new or not stands_alone(old, text) or (old in text) == absent:
        return replace_every(dice)
    path = text_file(dice)
    files = dice.clutter({path: text})

    def policy() -> Plan:
        seen = yield call("edit_file", path=path, old=old, new=new, every=True)
        if seen.failed:
            return f'"{old}" is not in {path}, so nothing was changed.'
        return f'Replaced "{old}" by "{new}" everywhere in {path}.'

    check = says_absent() if absent else leaves({path: text.replace(old, new)})
    return Task({"path": path, "old": old, "new": new}, files, policy, check, absent=absent)


@family(
    needs=("find_text", "edit_file"),
    phrasings=(
        'In the line about {word} in {path}, change "{old}" to "{new}".',
        "The {word} line of {path} should say '{new}' instead of '{old}'",
        "Replace '{old}' by '{new}' in {path}, but only in the line with {word}",
        "{path}, line of {word}: {old} -> {new} (the other lines stay)",
        'Find {word} in {path} and turn its "{old}" into "{new}"',
        "For {word}, {path} has '{old}'. That has to be '{new}' now.",
        "Update {path}: {word} goes from '{old}' to '{new}'",
        'Edit the {word} entry of {path}: "{new}" in place of "{old}"',
        "Only where {path} mentions {word}, swap '{old}' for '{new}'",
        "{word} is no longer '{old}' but '{new}', correct its line in {path}",
        'Where {word} stands in {path}, put "{new}" for "{old}"',
        "Could you change '{old}' into '{new}' on the line of {path} that has {word}?",
        "Look for {word} in {path}; on that line, and no other, {old} must be {new}",
        'Set {word} to "{new}" in {path}; so far its line says "{old}"',
        "In {path} make {word} '{new}' (it is '{old}' there)",
        "The line in {path} naming {word}: exchange “{old}” for “{new}”",
    ),
    group="replace",
)
def replace_in_line(dice: Dice) -> Task:
    """Replace a word on one of several lines that hold it; the line may not be there."""
    states = dice.nouns(3) if dice.maybe() else ["open", "done", "late"]
    names = distinct(dice, dice.randint(3, 30), dice.choice((Dice.full_name, Dice.made_up, Dice.code)))
    between = dice.choice((": ", " - ", ", ", " | ", "; ", "\t"))
    tail = dice.maybe()
    lines = [
        f"{name}{between}{dice.choice(states)}" + (f"{between}{dice.noun()}" if tail else "")
        for name in names
    ]
    index = dice.randrange(len(names))
    word, old = names[index], lines[index].split(between)[1]
    new = dice.choice([*(state for state in states if state != old), dice.made_up()])
    line = lines[index].replace(f"{between}{old}", f"{between}{new}", 1)
    absent = dice.maybe(0.15)
    if "\n".join(lines).count(lines[index]) != 1 or "\n".join(lines).lower().count(word.lower()) != 1:
        return replace_in_line(dice)
    found = lines[index]
    text = "\n".join([*lines[:index], line, *lines[index + 1 :]])
    if absent:
        del lines[index]
    path = text_file(dice)
    files = dice.clutter({path: file_text(dice, lines)}, avoid=[word])

    def policy() -> Plan:
        yield call("find_text", pattern=word, path=path)
        if absent:
            return f"There is no line with {word} in {path}, so nothing was changed."
        yield call("edit_file", path=path, old=found, new=line)
        return f'The line of {word} in {path} now says "{new}" instead of "{old}".'

    check = says_absent() if absent else leaves({path: text})
    slots = {"path": path, "word": word, "old": old, "new": new}
    return Task(slots, files, policy, check, absent=absent)


@family(
    needs=("read_file", "edit_file"),
    phrasings={
        "replace": (
            'Replace line {number} of {path} with "{line}".',
            "Line {number} of {path} should read '{line}'",
            'Change line {number} in {path} to "{line}"',
            "Overwrite line number {number} in {path} by '{line}'",
            "{path} line {number}: make it `{line}`",
            "Put '{line}' on line {number} of {path}, in place of what is there",
            'Set line {number} of {path} to "{line}"',
            "In {path}, line {number} has to become '{line}'",
            "Rewrite line no. {number} of {path} so that it says “{line}”",
            "The text on line {number} of {path} is wrong, it should be '{line}'",
            'Swap line {number} of {path} for "{line}"',
            "I want '{line}' as line {number} of {path}; the old one goes",
            "Could you exchange line {number} of {path} for '{line}'?",
            'Edit {path}: line {number} = "{line}"',
            "Turn line {number} of {path} into “{line}”",
            "Update the {number}. line of {path}, it is '{line}' now",
        ),
        "delete": (
            "Delete line {number} of {path}.",
            "Remove line {number} from {path}",
            "Take out line number {number} in {path}",
            "{path}: line {number} can go",
            "Drop line {number} of {path}, keep the others",
            "Get rid of line {number} in {path}",
            "Cut line {number} out of {path}",
            "In {path}, erase line {number}",
            "I don't need line {number} of {path} any more, delete it",
            "Strike the {number}. line of {path}",
            "Could you remove line no. {number} in the file {path}?",
            "Edit {path} so that its line {number} is gone",
            "Throw away line {number} of {path} and nothing else",
            "line {number} in {path} is to be deleted",
            "Kill line {number} in {path}",
            "Leave out line {number} of {path} from now on, the file itself should lose it",
        ),
    },
    group="line_number_edit",
)
def edit_line_number(dice: Dice) -> Task:
    """Replace or delete a line by its number, which may be too high."""
    lines = listed(dice, *((220, 400) if dice.maybe(0.2) else (3, 60)))
    index = lonely(dice, lines)
    variant = dice.choice(("replace", "delete"))
    line = other_line(dice, lines)
    absent = dice.maybe(0.15)
    number = len(lines) + dice.randint(1, 30) if absent else index + 1
    path = text_file(dice)
    files = dice.clutter({path: "\n".join(lines) + "\n"}, high=3)
    kept = [line] if variant == "replace" else []
    text = "\n".join([*lines[:index], *kept, *lines[index + 1 :]])

    def policy() -> Plan:
        seen = yield call("read_file", path=path, first_line=number, lines=1)
        if seen.failed:
            return f"{path} has only {len(lines)} lines, so there is no line {number}."
        if variant == "delete":
            yield call("edit_file", path=path, old=f"{lines[index]}\n", new="")
            return f"Deleted line {number} of {path}."
        yield call("edit_file", path=path, old=lines[index], new=line)
        return f'Line {number} of {path} is now "{line}".'

    slots = {"path": path, "number": str(number), **({"line": line} if variant == "replace" else {})}
    check = says_absent() if absent else leaves({path: text})
    return Task(slots, files, policy, check, variant, absent=absent)


def misspelt(dice: Dice, word: str) -> str:
    """The word with one slip in it."""
    at = dice.randint(1, len(word) - 2)
    return dice.choice(
        (
            word[:at] + word[at + 1] + word[at] + word[at + 2 :],
            word[:at] + word[at + 1 :],
            word[:at] + word[at] + word[at:],
            word[:at] + dice.choice("aeioustn") + word[at + 1 :],
        )
    )


@family(
    needs=("edit_file", "read_file"),
    phrasings={
        "both": (
            'Fix the typo "{wrong}" in {path}, it should be "{right}".',
            "{path} has '{wrong}' where it means '{right}'. Correct it everywhere.",
            "Spelling mistake in {path}: {wrong}, should be {right}",
            'Correct the spelling of "{wrong}" to "{right}" in {path}',
            "In {path} someone typed {wrong} instead of {right}; repair that",
            "typo: {wrong} => {right} in {path}",
            "'{wrong}' is misspelt in {path}. The word is '{right}'.",
            "Mend the misspelling {wrong} ({right}) in {path}",
            "The word {right} is written {wrong} in {path}, put it right",
            "please correct {wrong} -> {right}, file {path}",
            "I always mistype {right} as {wrong}, fix that in {path}",
            "Clean up the misspelt “{wrong}” in {path}: “{right}” is the right form",
            "Could you fix '{wrong}' in {path}? It's spelt '{right}'.",
            "There's a slip in {path}: it says {wrong} but means {right}. Fix it",
            "proofreading {path}: replace the wrong spelling {wrong} by {right}",
            "Wherever {path} has the faulty '{wrong}', write '{right}'",
        ),
        "right": (
            "The word {right} is misspelt in {path}. Fix it.",
            "Fix the typo in {path}: somebody meant to write {right}",
            "{path} spells {right} wrong, please correct that word",
            'Correct the spelling of the word "{right}" in {path}',
            "In {path} the word {right} was mistyped; repair it",
            "typo in {path}, should be '{right}'",
            "Somewhere in {path} there is a wrongly written {right}. Put it right",
            "I made a mistake typing {right} in {path}, can you mend it?",
            "Find the misspelling of {right} in {path} and correct it",
            "There's a slip in {path} where it should say {right}. Fix only that",
            "Proofread {path} for the word {right}, which has one wrong letter or so, and fix it",
            "Clean up the badly spelt '{right}' in {path}",
            "A letter or two went wrong in the word {right} in {path}, set that right",
            "{right} is not spelt correctly in {path}, change it to the right spelling",
            "Look for a broken “{right}” in {path} and fix the spelling",
            "Could you repair the faulty spelling of {right} that is in {path}?",
        ),
    },
    group="replace",
)
def fix_typo(dice: Dice) -> Task:
    """Correct a misspelt word that the goal names, or that has to be found."""
    right = dice.choice([noun for noun in dice.nouns(40) if len(noun) > 5])
    wrong = misspelt(dice, right)
    variant = dice.choice(("both", "both", "right"))
    lines = _full_of(dice, wrong, 1, 1 if variant == "right" else 3)
    text = "\n".join(lines)
    if wrong in right or right in text.lower() or not stands_alone(wrong, text):
        return fix_typo(dice)
    absent = variant == "both" and dice.maybe(0.15)
    after = text.replace(wrong, right)
    if absent:
        text = text.replace(wrong, dice.choice((right, dice.made_up())))
    path = text_file(dice)
    files = dice.clutter({path: text}, avoid=[wrong])

    def policy() -> Plan:
        if variant == "right":
            yield call("read_file", path=path)
        seen = yield call("edit_file", path=path, old=wrong, new=right, every=True)
        if seen.failed:
            return f'There is no "{wrong}" in {path}, so nothing was changed.'
        return f'Corrected "{wrong}" to "{right}" in {path}.'

    slots = {"path": path, "right": right, **({"wrong": wrong} if variant == "both" else {})}
    check = says_absent() if absent else leaves({path: after})
    return Task(slots, files, policy, check, variant, absent=absent)


@family(
    needs=("read_file", "edit_file"),
    phrasings=(
        'Rename the heading "{old}" in {path} to "{new}".',
        "Change the heading {old} to {new} in {path}, only the heading",
        "In {path}, the section titled '{old}' should be titled '{new}'",
        "{path}: heading `{old}` -> heading `{new}`",
        'The heading "{old}" of {path} has to be "{new}"',
        "Give the section {old} in {path} the new title {new}",
        "Retitle '{old}' as '{new}' in {path} (just its heading, not the text)",
        "Set the heading that reads {old} in {path} to {new}",
        "I'd like the heading {new} instead of {old} in {path}",
        "Update the title of section “{old}” in {path}: “{new}”.",
        "Could you call the section '{old}' of {path} '{new}' in its heading?",
        "Swap the heading {old} for {new} in {path} and keep its level",
        "Replace the headline '{old}' by '{new}' in {path}",
        "Rewrite the heading {old} in {path}. New wording: {new}. Leave the paragraphs alone.",
        "The {old} heading in {path} needs the new name {new}",
        "Let the part under {old} in {path} be headed {new}",
    ),
)
def change_heading(dice: Dice) -> Task:
    """Change a heading, whose words may stand in the text too; it may not be there."""
    names = [noun.capitalize() for noun in dice.nouns(dice.randint(2, 6))]
    if dice.maybe(0.3):
        names = [f"{name} {dice.choice(('plan', 'notes', 'list'))} {dice.randint(1, 9)}" for name in names]
    new = dice.choice((dice.noun().capitalize(), f"{dice.adjective().capitalize()} {dice.noun()}"))
    levels = [
        "#" if not index and dice.maybe() else dice.choice(("##", "##", "###")) for index in range(len(names))
    ]
    index = dice.randrange(len(names))
    old, heading = names[index], f"{levels[index]} {names[index]}"
    bodies = [dice.prose(1, 4) for _ in names]
    if dice.maybe():
        bodies[dice.randrange(len(bodies))] += f"\n{old} is what {dice.first_name()} likes best."
    absent = dice.maybe(0.15)
    parts = [f"{level} {name}\n\n{body}" for level, name, body in zip(levels, names, bodies, strict=True)]
    if absent:
        del parts[index]
    text = "\n\n".join(parts)
    if text.count(heading) != (0 if absent else 1) or (absent and old.lower() in text.lower()):
        return change_heading(dice)
    path = dice.file("md")
    files = dice.clutter({path: text}, avoid=[old] if absent else [])

    def policy() -> Plan:
        yield call("read_file", path=path)
        if absent:
            return f"There is no heading {old} in {path}, so nothing was changed."
        yield call("edit_file", path=path, old=heading, new=f"{levels[index]} {new}")
        return f'The heading "{old}" in {path} is now "{new}".'

    check = says_absent() if absent else leaves({path: text.replace(heading, f"{levels[index]} {new}")})
    return Task({"path": path, "old": old, "new": new}, files, policy, check, absent=absent)


# --- delete


@family(
    needs=("edit_file",),
    phrasings=(
        'Delete the line "{line}" from {path}.',
        "Remove the line '{line}' in {path}",
        'Take the line that says "{line}" out of {path}',
        "{path}: get rid of `{line}`",
        "'{line}' in {path} can go, delete that line",
        "Drop the line reading “{line}” from {path}",
        'Erase "{line}" from the file {path}, the whole line',
        "In {path}, strike the line '{line}'",
        "Cut '{line}' from {path} so that the lines around it close up",
        'The line "{line}" should no longer be in {path}',
        "I don't want '{line}' in {path} any more; remove its line",
        "Could you delete the line `{line}` in {path}?",
        "Throw out '{line}' from {path}. All other lines stay.",
        "{path} without the line “{line}”, please edit it so",
        "Kill the entry '{line}' in {path}",
        "Edit {path}: delete this line:\n{line}\nand no other",
        "Remove from {path} the following entry: '{line}'",
        'Clear "{line}" off {path} - it is a line of its own',
    ),
    group="delete",
)
def delete_line(dice: Dice) -> Task:
    """Delete a line that the goal quotes; it may not be there."""
    lines = listed(dice, 3, 60)
    index = lonely(dice, lines)
    line = lines[index]
    absent = dice.maybe(0.18)
    kept = [each for each in lines if each != line]
    if absent:
        lines[index] = near(dice, line) if dice.maybe() else other_line(dice, lines)
    path = text_file(dice)
    files = dice.clutter({path: "\n".join(lines) + "\n"}, avoid=[line])

    def policy() -> Plan:
        seen = yield call("edit_file", path=path, old=f"{line}\n", new="")
        if seen.failed:
            return f'There is no line "{line}" in {path}, so nothing was deleted.'
        return f'Deleted the line "{line}" from {path}.'

    check = says_absent() if absent else leaves({path: "\n".join(kept)})
    return Task({"path": path, "line": line}, files, policy, check, absent=absent)


@family(
    needs=("find_text", "edit_file"),
    phrasings=(
        "Delete the line about {word} from {path}.",
        "Remove the line with {word} in {path}",
        'Take the line that mentions "{word}" out of {path}',
        "{path}: get rid of the {word} line",
        "{word} in {path} can go, delete the line it is on",
        "Drop the line containing {word} from {path}",
        "Erase the line of {path} where {word} is named",
        "In {path}, strike the line that has '{word}' in it",
        "Cut the {word} entry from {path}",
        "The line on {word} should no longer be in {path}",
        "I don't want {word} in {path} any more; remove that whole line",
        "Could you delete whichever line of {path} includes {word}?",
        "Throw out the line with the word {word} from {path}. All other lines stay.",
        "One line in {path} has {word}. Delete it",
        "Look for {word} in {path} and remove that line",
        "Edit {path} so that the line which speaks of {word} is gone",
        "{path} still lists {word}: delete the line",
        "Clear the line featuring {word} off {path}",
    ),
    group="delete",
)
def delete_mention(dice: Dice) -> Task:
    """Delete the one line that holds a word; there may be none."""
    lines = listed(dice, 4, 80)
    index, word, absent = _mentioned(dice, lines)
    path = text_file(dice)
    files = dice.clutter({path: "\n".join(lines) + "\n"}, avoid=[word])
    line = lines[index]

    def policy() -> Plan:
        yield call("find_text", pattern=word, path=path)
        if absent:
            return f"There is no line with {word} in {path}, so nothing was deleted."
        yield call("edit_file", path=path, old=f"{line}\n", new="")
        return f'Deleted the line "{line}" from {path}.'

    text = "\n".join(each for each in lines if each != line)
    check = says_absent() if absent else leaves({path: text})
    return Task({"path": path, "word": word}, files, policy, check, absent=absent)


@family(
    needs=("run_python",),
    phrasings=(
        "Delete all lines that contain {word} from {path}.",
        "Remove every line with {word} in {path}",
        'Take each line that mentions "{word}" out of {path}',
        "{path}: get rid of the {word} lines, all of them",
        "Drop any line containing {word} from {path}",
        "Erase the lines of {path} where {word} is named",
        "In {path}, strike all lines that have '{word}' in them",
        "Clean {path} of every line in which {word} stands",
        "No line in {path} should mention {word}; delete those that do",
        "I don't want {word} in {path} any more, remove all the lines it is on",
        "Could you delete whichever lines of {path} include {word}?",
        "Throw out the lines with the word {word} from {path}. All other lines stay.",
        "Keep in {path} only the lines without {word}",
        "Look for {word} in {path} and remove each line that has it",
        "Strip {path} of its {word} lines",
        "Filter the lines with {word} out of {path}, in the file itself",
        "several lines of {path} have {word} - delete them",
    ),
    group="delete",
)
def delete_lines_with(dice: Dice) -> Task:
    """Delete every line that holds a word; there may be none."""
    lines = listed(dice, *((80, 200) if dice.maybe(0.2) else (6, 40)))
    word = dice.choice((dice.made_up, dice.noun, dice.first_name, dice.city))()
    while any(word.lower() in line.lower() for line in lines):
        word = dice.made_up() + dice.made_up()
    absent = dice.maybe(0.15)
    kept = list(lines)
    for line in [] if absent else dice.sample(listed(dice, 6, 6), dice.randint(2, 6)):
        lines.insert(dice.randint(0, len(lines)), dice.choice((f"{line} {word}", f"{word} {line}")))
    kept = [line for line in lines if word not in line]
    path = text_file(dice)
    files = dice.clutter({path: file_text(dice, lines)})

    def policy() -> Plan:
        code = (
            f"lines = open({quoted(path)}).read().splitlines()\n"
            f"kept = [line for line in lines if {quoted(word)} not in line]\n"
            f'open({quoted(path)}, "w").write("\\n".join(kept) + "\\n")\n'
            "print(len(lines) - len(kept))"
        )
        seen = yield call("run_python", code=code)
        if seen.text == "0":
            return f"There is no line with {word} in {path}, so nothing was deleted."
        return f"Lines with {word} deleted from {path}: {seen.text}."

    check = says_absent() if absent else leaves({path: "\n".join(kept)})
    return Task({"path": path, "word": word}, files, policy, check, absent=absent)


# --- code


def literal(dice: Dice) -> str:
    """A value as Python code."""
    return dice.choice(
        (
            str(dice.randint(0, 9999)),
            str(dice.randint(0, 9999)),
            f"{dice.randint(0, 99)}.{dice.randint(1, 9)}",
            f'"{dice.noun()}"',
            f'"{dice.made_up()}"',
            dice.choice(("True", "False", "None")),
            f"[{dice.randint(1, 9)}, {dice.randint(10, 99)}]",
        )
    )


class Module:
    """A module of constants, functions that return a literal, and functions that call those."""

    def __init__(self, dice: Dice) -> None:
        nouns = iter(dice.nouns(30))
        verbs = ("get", "make", "load", "find")
        self.path = dice.file("py")
        self.constants = {
            (f"{next(nouns)}_{next(nouns)}" if dice.maybe() else next(nouns)).upper(): literal(dice)
            for _ in range(dice.randint(1, 4))
        }
        self.functions = {
            f"{dice.choice(verbs) if dice.maybe() else next(nouns)}_{next(nouns)}": literal(dice)
            for _ in range(dice.randint(1, 3))
        }
        self.caller = dice.choice(("main", "run", "report", "total"))
        parts = [f'"""About the {dice.noun()}."""'] if dice.maybe(0.6) else []
        parts.append("\n".join(f"{name} = {value}" for name, value in self.constants.items()))
        for name, value in self.functions.items():
            doc = f'    """The {dice.adjective()} {dice.noun()}."""\n' if dice.maybe(0.3) else ""
            argument = dice.choice(("", "", "", "size", "name, size"))
            parts.append(f"\ndef {name}({argument}):\n{doc}    return {value}")
        uses = [f"    print({name}())" for name in self.functions for _ in range(dice.randint(1, 2))]
        uses += [f"    print({name})" for name in self.constants if dice.maybe(0.4)]
        parts.append("\n".join([f"\ndef {self.caller}():", *uses]))
        if dice.maybe(0.4):
            parts.append(f'\nif __name__ == "__main__":\n    {self.caller}()')
        self.text = "\n\n".join(parts) + "\n"


@family(
    needs=("read_file", "edit_file"),
    phrasings=(
        "Set {name} to {value} in {path}.",
        "Change the constant {name} in {path} to {value}",
        "{name} = {value} in {path}",
        "In {path}, {name} should be {value}",
        "Give {name} in {path} the value {value}",
        "Update {path} so that {name} equals {value}",
        "The value of {name} in {path} must be {value} from now on",
        "Make {name} {value} in the file {path}",
        "{path}: change {name} to {value}",
        "Edit {path} and let {name} be {value}",
        "Assign {value} to {name} in {path} instead of the old value",
        "I want {name} to have the value {value} in {path}.",
        "Switch {name} over to {value} in {path}",
        "Could you adjust {name} in {path}? It has to be {value}",
        "Put {value} as the new value for {name} in {path}",
        "Modify the line of {path} that defines {name}: its value is {value} now",
        "Turn the {name} setting in {path} into {value}",
    ),
    group="python_edit",
)
def python_constant(dice: Dice) -> Task:
    """Change a constant of a module; it may not have it."""
    module = Module(dice)
    name, value = dice.choice(list(module.constants.items()))
    new = literal(dice)
    old_line = f"{name} = {value}"
    absent = dice.maybe(0.15)
    if absent:
        name = dice.noun().upper() + "_" + dice.noun().upper()
    if new == value or module.text.count(old_line) != 1 or (absent and name in module.text):
        return python_constant(dice)
    path = module.path
    files = dice.clutter({path: module.text}, avoid=[name])

    def policy() -> Plan:
        yield call("read_file", path=path)
        if absent:
            return f"There is no {name} in {path}, so nothing was changed."
        yield call("edit_file", path=path, old=old_line, new=f"{name} = {new}")
        return f"{name} in {path} is now {new}; it was {value}."

    text = module.text.replace(old_line, f"{name} = {new}")
    check = says_absent() if absent else leaves({path: text})
    return Task({"path": path, "name": name, "value": new}, files, policy, check, absent=absent)


@family(
    needs=("read_file", "edit_file"),
    phrasings=(
        "Make {name} in {path} return {value}.",
        "Change the return value of {name}() in {path} to {value}",
        "{name} should return {value} in {path}",
        "In {path}, let the function {name} return {value}",
        "Edit {path} so that {name}() gives back {value}",
        "The function {name} of {path} has to return {value} instead",
        "Update {name} in {path}: it returns {value} now",
        "{path}: {name}() -> {value}",
        "Fix {name}() in {path}, the result must be {value}",
        "I want {name} from {path} to give {value} as its result",
        "Have the function {name} in {path} return {value} from now on",
        "Switch what {name} returns in {path} over to {value}",
        "Could you modify {name} in {path} such that calling it yields {value}?",
        "Set the result of {name}() in {path} to {value}",
        "Replace what is returned by {name} in {path} with {value}",
        "The value that {name} returns in {path} is wrong, {value} is right. Correct the function.",
    ),
    group="python_edit",
)
def python_return(dice: Dice) -> Task:
    """Change what a function returns; it may not be there."""
    module = Module(dice)
    name, value = dice.choice(list(module.functions.items()))
    if dice.maybe(0.2) and len(module.functions) > 1:
        # another function returns the same, so that the line alone does not say which is meant
        other = dice.choice([each for each in module.functions if each != name])
        pattern = rf"(def {other}\(.*\n(?: +\"\"\".*\n)?    return ).*"
        module.text = re.sub(pattern, lambda match: match[1] + value, module.text)
    new = literal(dice)
    absent = dice.maybe(0.15)
    body = re.search(rf"def {name}\(.*\n(?: +\"\"\".*\n)?    return .*", module.text)
    if new == value or body is None:
        return python_return(dice)
    if absent:
        name = f"{dice.noun()}_{dice.noun()}"
    old = f"return {value}" if module.text.count(f"return {value}") == 1 else body[0]
    put = old.removesuffix(value) + new
    path = module.path
    files = dice.clutter({path: module.text}, avoid=[name])

    def policy() -> Plan:
        yield call("read_file", path=path)
        if absent:
            return f"There is no function {name} in {path}, so nothing was changed."
        yield call("edit_file", path=path, old=old, new=put)
        return f"{name} in {path} now returns {new}."

    check = says_absent() if absent else leaves({path: module.text.replace(old, put)})
    return Task({"path": path, "name": name, "value": new}, files, policy, check, absent=absent)


@family(
    needs=("edit_file",),
    phrasings=(
        "Rename the function {name} to {new} everywhere in {path}.",
        "Rename {name} to {new} in {path}, calls included",
        "In {path}, call {name} {new} from now on, in every place",
        "{path}: rename {name} -> {new} throughout",
        "The function {name} of {path} should be named {new}; change its calls too",
        "Give {name} in {path} the new name {new}, wherever it is used",
        "Change the name {name} to {new} in all of {path}",
        "I'd like {name} to be called {new} across the file {path}",
        "Refactor {path}: {name} becomes {new} (definition and all uses)",
        "Replace the name {name} by {new} in the whole file {path}",
        "Could you rename {name} in {path}? All occurrences become {new}",
        "Do a rename in {path} from {name} to {new}",
        "{name} is a bad name, use {new} instead everywhere in {path}",
        "Let {path} say {new} wherever it says {name} now",
        "Every {name} in {path}, be it a def or a call, must turn into {new}",
        "Update {path} so that {name} goes by the name of {new} all over the code",
    ),
    group="python_edit",
)
def python_rename(dice: Dice) -> Task:
    """Rename a function or constant in a whole file; it may not be there."""
    module = Module(dice)
    constant = dice.maybe(0.3)
    name = dice.choice(list(module.constants if constant else module.functions))
    new = f"{dice.choice(('get', 'make', 'read', 'build', dice.adjective()))}_{dice.noun()}"
    new = new.upper() if constant else new
    absent = dice.maybe(0.15)
    if absent:
        name = f"{dice.noun()}_{dice.noun()}"
        name = name.upper() if constant else name
    if name == new or not stands_alone(name, module.text) or (absent and name in module.text):
        return python_rename(dice)
    path = module.path
    files = dice.clutter({path: module.text}, avoid=[name])

    def policy() -> Plan:
        seen = yield call("edit_file", path=path, old=name, new=new, every=True)
        if seen.failed:
            return f"There is no {name} in {path}, so nothing was renamed."
        return f"{name} is called {new} everywhere in {path}."

    check = says_absent() if absent else leaves({path: module.text.replace(name, new)})
    return Task({"path": path, "name": name, "new": new}, files, policy, check, absent=absent)
