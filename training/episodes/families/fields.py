"""A field of a structured file: read it, copy it, change it."""

from episodes.checks import both, leaves, says, says_absent, untouched
from episodes.dice import Dice, ini_text
from episodes.task import Plan, Task, call, family


@family(
    needs=("read_file",),
    phrasings=(
        "What is the {key} in {path}?",
        "Which {key} does {path} have?",
        "Tell me the {key} from {path}.",
        "Look up {key} in {path}.",
        "I need to know the {key} set in {path}",
        "What's {key} set to in {path}?",
        "Read {path} and tell me the {key}",
        "{path}: what is the value of {key}?",
        "Check {path} for the {key} and report it",
        "What value does {key} have in {path}?",
        "Give me the value of {key} in the file {path}",
        "In {path}, what does it say for {key}?",
        "find out the {key} in {path}",
        "How is {key} configured in {path}?",
        "Report {key} as given in {path}.",
        "Say what {path} has as its {key}",
    ),
    group="ini",
)
def ini_value(dice: Dice) -> Task:
    """Say the value of a key of an INI file; in a fifth of the tasks it is not there."""
    sections = {
        section: {key: dice.choice((dice.made_up(), str(dice.randint(1, 9999)), dice.noun())) for key in dice.nouns(dice.randint(2, 4))}
        for section in dice.nouns(dice.randint(1, 3))
    }
    path = dice.file("ini")
    absent = dice.maybe(0.2)
    flat = [(key, value) for keys in sections.values() for key, value in keys.items()]
    keys = [key for key, _ in flat]
    if absent:
        key, value = next(noun for noun in dice.nouns(20) if noun not in keys), ""
    else:
        key, value = dice.choice([(key, value) for key, value in flat if keys.count(key) == 1] or flat[:1])
    files = dice.clutter({path: ini_text(sections)})

    def policy() -> Plan:
        yield call("read_file", path=path)
        return f"{path} has no {key}." if absent else f"The {key} is {value}."

    check = says_absent() if absent else both(untouched(), says(value))
    return Task({"key": key, "path": path}, files, policy, check, absent=absent)


@family(
    needs=("read_file", "write_file"),
    phrasings=(
        "Write the {key} of {path} to {target}",
        "Put the {key} from {path} into {target}.",
        "Save the {key} given in {path} as {target}",
        "Read {path} and write its {key} into a new file {target}",
        "Copy only the value of {key} in {path} to {target}",
        "{target} should hold the {key} from {path}",
        "Make a file {target} with the {key} of {path} in it",
        "Create {target} containing the {key} found in {path}.",
        "Take the {key} from {path} and store it in {target}",
        "I need the {key} of {path} in {target}",
        "look up {key} in {path} and save it to {target}",
        "Extract {key} from {path} into {target}",
        "Find the {key} in {path}; write it to {target}.",
        "Get {key} out of {path} and put just that in {target}",
        "from {path}, store the {key} in {target}",
    ),
    group="ini",
)
def ini_value_to_file(dice: Dice) -> Task:
    """Copy the value of a key of an INI file into a file of its own."""
    sections = {
        section: {key: dice.choice((dice.made_up(), str(dice.randint(1, 9999)), dice.noun())) for key in dice.nouns(dice.randint(2, 4))}
        for section in dice.nouns(dice.randint(1, 3))
    }
    path = dice.file("ini")
    flat = [(key, value) for keys in sections.values() for key, value in keys.items()]
    keys = [key for key, _ in flat]
    key, value = dice.choice([(key, value) for key, value in flat if keys.count(key) == 1] or flat[:1])
    files = dice.clutter({path: ini_text(sections)})
    target = dice.file("txt", files)

    def policy() -> Plan:
        yield call("read_file", path=path)
        yield call("write_file", path=target, content=value)
        return f"{target} now holds {value}."

    return Task({"key": key, "path": path, "target": target}, files, policy, leaves({target: value}))
