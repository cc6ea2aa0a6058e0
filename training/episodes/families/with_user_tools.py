"""Tools of somebody's own: used alone, with files, one after the other, and when they refuse."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agentkit.tooling.tool import Tool
from episodes.checks import Check, both, leaves, says, says_absent, tied, untouched
from episodes.dice import Dice
from episodes.task import Plan, Task, call, family
from episodes.user_tools import HELD_OUT, TRAINED
from episodes.user_tools.shape import Use, UserTool, did, near, sentence

TO_FILE = (
    "Write {thing} to {target}",
    "Save {thing} in {target}.",
    "Put {thing} into a file {target}",
    "{target} should hold {thing}",
    "Find out {thing} and store it as {target}",
    "Look up {thing}, then write it to {target}.",
    "I need {thing} in {target}",
    "Make a file {target} with {thing} in it, nothing else",
    "Create {target} containing only {thing}",
    "Get {thing} and keep it in {target}",
    "Note {thing} in a new file called {target}",
    "Jot {thing} down in {target}",
    "Record {thing} in {target}",
    "Could {thing} be dropped into {target}?",
    "Check {thing} and stick it in {target}",
    "{thing}, in a file named {target}",
    "For later I want {thing} saved to {target}",
    "dump {thing} into {target}",
    "Into {target} goes {thing}, just the bare value",
    "Let {target} contain {thing}",
)
DEED_TO_FILE = (
    "{deed}, then write {thing} to {target}",
    "{deed} and save {thing} in {target}",
    "{deed}. Put {thing} you get into {target}.",
    "{deed}; store {thing} as {target}",
    "{deed}, and keep {thing} in a file {target}",
    "{deed}. I need {thing} in {target} afterwards",
    "{deed} and note {thing} in {target}.",
    "{deed}. {target} should hold {thing}",
    "{deed}. When it is done, record {thing} in {target}",
    "{deed}, {thing} goes into {target}",
    "{deed}. After that make a file {target} with {thing} and nothing else",
    "{deed} and drop {thing} into {target}",
    "{deed}. Jot down {thing} in {target}",
    "{deed}. Then create {target} containing only {thing}",
    "{deed} and let {target} contain {thing}",
    "{deed}. Stick {thing} in {target} for me",
)
PAIRS = {
    "finds": (
        "Tell me {first} and {second}.",
        "What are {first} and {second}?",
        "I need {first} as well as {second}",
        "Find out {first} and also {second}",
        "Look up {first}, then {second}.",
        "Two things: {first} and {second}",
        "Give me {first} plus {second}",
        "Check {first}, and while you are at it {second}",
        "I want to know {first} and {second}",
        "{first}? And {second}?",
        "Report {first} together with {second}",
        "Let me know both {first} and {second}.",
        "First {first}, second {second}: what are they?",
        "Say what {first} is, and {second} too",
        "Can you find {first} and {second}?",
        "Besides {first} I need {second}",
    ),
    "does": (
        "{first}. Then do this: {second}.",
        "{first}. After that: {second}",
        "{first}; next, {second}",
        "Two jobs. One: {first}. Two: {second}.",
        "Do both: {first}. {second}.",
        "{first}, and then: {second}",
        "First this: {first}. Then this: {second}.",
        "My list: {first}; {second}",
        "{first}. Once that is done: {second}",
        "To do now: {first}. Also: {second}",
        "1) {first} 2) {second}",
        "{first}. {second}. In that order.",
        "Start with this: {first}. Go on with: {second}",
        "I have two wishes: {first}; {second}.",
        "Here is what I need done: {first}. {second}.",
        "{first} // {second}",
    ),
    "mixed": (
        "{first}. Then tell me {second}",
        "{first}, and tell me {second}.",
        "{first}. And what is {second}?",
        "{first}; I also need to know {second}",
        "{first}. After that look up {second}.",
        "{first} and find out {second}",
        "{first}. Then report {second}.",
        "One job and one question. Job: {first}. Question: {second}?",
        "{first}. When it is done, give me {second}",
        "{first}, then check {second} for me",
        "{first}. Let me know {second} too",
        "{first}. I am also curious about {second}",
        "Do this: {first}. And say what {second} is.",
        "First: {first}. Second, what would {second} be?",
        "{first}. Next, get me {second}",
        "{first}, plus I want {second}",
    ),
}  # fmt: skip
EACH = (
    "Tell me {thing}.",
    "What is {thing}?",
    "I need {thing}",
    "Find out {thing}.",
    "Look up {thing}",
    "Give me {thing}, one after the other",
    "Check {thing} and tell me.",
    "Report {thing}",
    "Can you get me {thing}?",
    "I want to know {thing}.",
    "Go and see what {thing} is",
    "Make me a short list of {thing}",
    "Let me know {thing}",
    "{thing}?",
    "Say what {thing} is, please all of them",
    "I have to know {thing} before noon",
)
NOT_NEEDED = (
    "Which {kind} does {path} name?",
    "What is the {kind} in {path}?",
    "Tell me the {kind} that {path} gives.",
    "{path} names a {kind}, which one is it?",
    "Read {path} and tell me the {kind}",
    "Look into {path} for the {kind}",
    "I only want to know which {kind} stands in {path}",
    "Say which {kind} is in {path}.",
    "{kind} in {path}?",
    "What does {path} say for {kind}?",
    "Check {path}: what {kind} is written there?",
    "Find the {kind} noted in {path}",
    "Report the {kind} from {path}",
    "Which {kind} did somebody put into {path}?",
    "Open {path}, what is the {kind}?",
    "Give me the {kind} of {path}",
)
HELD_TO_FILE = (
    "A file {target} is missing here, and all that belongs in it is {thing}",
    "Nobody but {target} may keep {thing}, so that is where you enter it",
    "Someone opens {target} tomorrow and expects to read {thing} there, no other words",
    "What should {target} say? Only this: {thing}",
    "Fetch {thing}; file it under {target}",
    "{target} <- {thing}",
    "Once you are done, the whole text of {target} has to be {thing}",
    "Do an export to {target}: {thing}, without heading or comment",
    "My script reads {target} and wants {thing} as the sole content",
    "As soon as you know {thing}, leave it behind in {target}",
    "Fill {target} with {thing}",
    "We track {thing} by means of a file, {target}. Produce that file.",
    "Type {thing} into {target}, no more than that",
    "Supply me with {target}: a single line, namely {thing}",
    "Query {thing} and have it end up in {target}",
    "There's to be a {target} around here; for its content use {thing}",
)
HELD_DEED_TO_FILE = (
    "{deed}. What I want written in {target} is {thing}",
    "{deed}; afterwards {target} must read {thing}, that and no more",
    "{deed}. Whatever comes back as {thing}, leave it behind in {target}",
    "{deed}. My script expects {thing} as the sole content of {target}.",
    "{deed}. Output wanted on disk: {target}, made of {thing} alone",
    "{deed}. Fill {target} with {thing}",
    "{deed}. For the archive: {target}, in which one reads {thing}",
    "{deed}. Enter {thing} in {target} as well",
    "{deed}; type {thing} into {target}, nothing beyond that",
    "{deed}. The proof I need is {target} with {thing} as its text",
    "{deed}. File {thing} under {target}",
    "{deed}, don't lose {thing}: {target} is the place for it",
    "{deed}. Next produce {target}, whose one line is {thing}",
    "{deed}. I will look for {thing} in {target} later, so have it there",
)
HELD_PAIRS = {
    "finds": (
        "Both {first} and {second} are unknown to me. Change that.",
        "I'm missing two facts, {first} along with {second}",
        "My colleague wants {first}; her boss wants {second}. Answer both.",
        "How about {first}, and how about {second}?",
        "Fill me in on {first} and on {second}",
        "State {first}. State {second}.",
        "Questions of the day: {first}; {second}.",
        "In a single message, cover {first} and {second}",
        "Get back to me with {first}, and with {second} as well",
        "Not only {first} interests me, {second} does too",
        "Would you share {first} and {second}?",
        "Determine {first}. Same for {second}.",
        "Two boxes of my form are empty: {first} / {second}. What goes in?",
        "Under A give {first}, under B give {second}",
        "Somebody will ask me about {first}, then about {second}. What do I answer?",
        "Wanted: {first}. Wanted as well: {second}.",
    ),
    "does": (
        "Errands for today - {first} - {second}",
        "Work through this: {first} | {second}",
        "Before anything else: {first}. Afterwards: {second}",
        "I'd be glad if both of these got done. {first}. {second}.",
        "Task one reads: {first}. Task two reads: {second}.",
        "Begin by doing this: {first}. Finish with: {second}.",
        "{first}. And since you are already busy: {second}",
        "Half of the work: {first}. The other half: {second}.",
        "{first}. Wait until it worked, go to the next point: {second}.",
        "What I want is this. {first}. What I also want: {second}.",
        "The note on my desk says: {first}. It goes on: {second}.",
        "Please see to these: {first}, {second}",
        "{first}. On top of it: {second}",
        "Today's boxes to tick off: [ ] {first} [ ] {second}",
        "Nothing fancy today. {first}. {second}. That's all.",
        "Neither of these may be forgotten: {first}; {second}.",
    ),
    "mixed": (
        "{first}. My question besides: {second}?",
        "Two results are wanted, an action ({first}) and a fact ({second}).",
        "{first}. Your reply should contain {second}.",
        "{first}. Afterwards I'd love to hear {second}",
        "{first}. There is also something I wonder: {second}, which would that be?",
        "{first}. What I lack after that is {second}.",
        "{first}. As for {second}, look into it and answer me",
        "To be done: {first}. To be answered: {second}.",
        "{first}. By the way, how about {second}?",
        "While I am away: {first}. When I return I expect to hear {second}.",
        "{first}. Close by naming {second}.",
        "{first} -- besides, my manager asks for {second}",
        "{first}. Don't stop there, I still don't have {second}.",
        "Action: {first}. Information wanted: {second}.",
        "{first}. With that out of the way, fill me in on {second}",
        "The order is: {first}. The message back to me should name {second}.",
    ),
}  # fmt: skip
HELD_EACH = (
    "Run through {thing}, leaving none out",
    "I know nothing about {thing} so far. Fill the gaps.",
    "Go one by one: {thing}",
    "An overview of {thing} would help me",
    "How about {thing}?",
    "Collect {thing} and answer with everything you got",
    "My boss asked about {thing}; what do I answer?",
    "Wanted: {thing}",
    "Determine {thing}, all in a single answer",
    "Write back with {thing}",
    "Fetch {thing}, I need the complete set",
    "Several at once: {thing}. What do you get?",
    "Would you go through {thing} with me, item by item?",
    "Enumerate {thing} in your reply",
    "State {thing}; for every one of them I want to read its own answer",
    "There's a meeting in which I have to present {thing}. Brief me.",
)
HELD_NOT_NEEDED = (
    "Quote me the {kind} standing in {path}",
    "Going by {path}, which {kind} are we talking about?",
    "Somebody noted a {kind} in {path}. I forgot it; remind me.",
    "{path} mentions some {kind}. Its exact wording?",
    "All I ask is what {path} has as {kind}, leave the rest",
    "Have a look at {path}: one {kind} occurs there, name it",
    "According to {path}, the {kind} would be...?",
    "From {path} extract the {kind}, that is enough for me",
    "My note {path} holds a {kind}. How does it read?",
    "State the {kind} as {path} has it",
    "I can't open {path} on my phone. The {kind} in it, please?",
    "Without doing anything further: the {kind} found in {path}?",
    "Someone typed a {kind} when writing {path}. Repeat it to me.",
    "Scan {path}, come back with the {kind}",
    "Just repeat the {kind} that you see in {path}",
    "There must be a {kind} somewhere in {path}; how is it given?",
)
IN_FILE = (
    "in {path}",
    "named in {path}",
    "from {path}",
    "given in {path}",
    "that {path} names",
    "noted in {path}",
)


@dataclass(frozen=True)
class Texts:
    """The phrasings that do not come with the tools."""

    to_file: Sequence[str]
    deed_to_file: Sequence[str]
    pairs: Mapping[str, Sequence[str]]
    each: Sequence[str]
    not_needed: Sequence[str]


def patterns(pool: Sequence[UserTool], prefix: str, group: str, texts: Texts) -> None:
    """Register the families for these tools."""
    asks = {f"{each.name} {way}": said for each in pool for way, said in each.asks.items()}
    finders = [each for each in pool if each.things and not each.does]
    givers = [each for each in pool if each.things and each.does]
    doers = [each for each in pool if each.does]
    keyed = [each for each in pool if each.kind]
    tables = [each for each in pool if each.kind and not each.does and each.make(Dice(each.name), None).table]
    picky = [each for each in pool if each.strict]
    chains = [
        (one, other)
        for one in finders
        for other in pool
        if one.finds and one.finds == other.takes and one is not other and other.kind
    ]

    def variant(user_tool: UserTool, use: Use) -> str:
        return f"{user_tool.name} {use.way}"

    def offered(dice: Dice, *uses: Use, low: int = 0, high: int = 3, near_to: str = "") -> tuple[Tool, ...]:
        taken = {use.tool.name for use in uses}
        others = [each for each in pool if each.name not in taken]
        dice.shuffle(others)
        if near_to:
            others.sort(key=lambda each: each.domain != near_to)
        more = [each.make(dice, None).tool for each in others[: dice.randint(low, high)]]
        tools = [*more, *(use.tool for use in uses)]
        dice.shuffle(tools)
        return tuple(tools)

    def used(user_tool: UserTool, use: Use) -> Check:
        return did(use.tool.name, use.arguments) if user_tool.does else says(use.value)

    def one(dice: Dice) -> Task:
        """Use one tool, and answer."""
        user_tool = dice.choice(pool)
        use = user_tool.make(dice, None)

        def policy() -> Plan:
            yield call(use.tool.name, **plain(use.arguments))
            return use.answer

        check = both(untouched(), used(user_tool, use))
        return Task(
            use.slots, dice.clutter({}), policy, check, variant(user_tool, use), tools=offered(dice, use)
        )

    def among_similar(dice: Dice) -> Task:
        """Choose the right one among many of its domain."""
        user_tool = dice.choice(pool)
        use = user_tool.make(dice, None)

        def policy() -> Plan:
            yield call(use.tool.name, **plain(use.arguments))
            return use.answer

        tools = offered(dice, use, low=3, high=8, near_to=user_tool.domain)
        check = both(untouched(), used(user_tool, use))
        return Task(use.slots, dice.clutter({}), policy, check, variant(user_tool, use), tools=tools)

    def to_file(dice: Dice) -> Task:
        """Write what a tool finds out, or gives back, to a file."""
        user_tool = dice.choice(givers if dice.maybe(0.25) else finders)
        use = user_tool.make(dice, None)
        files = dice.clutter({})
        target = dice.file(dice.choice(("txt", "txt", "txt", "md", "log")), files)
        slots = {"thing": dice.choice(user_tool.things[use.way]).format(**use.slots), "target": target}
        check = leaves({target: use.value})
        if user_tool.does:
            slots["deed"] = filled(dice, user_tool, use)
            check = both(check, used(user_tool, use))

        def policy() -> Plan:
            yield call(use.tool.name, **plain(use.arguments))
            yield call("write_file", path=target, content=use.value)
            return f"{use.answer.rstrip('.')}; {target} holds {use.value}."

        way = "deed" if user_tool.does else "thing"
        return Task(slots, files, policy, check, way, tools=offered(dice, use))

    def from_file(dice: Dice) -> Task:
        """Use a tool with a value from a file."""
        user_tool = dice.choice(keyed)
        use = user_tool.make(dice, None)
        text = use.slots[use.slot].removeprefix(use.shown.split("{}")[0])
        path, content = noted(dice, user_tool.kind, text)
        files = dice.clutter({path: content}, avoid=[text, user_tool.kind])
        where = dice.choice(IN_FILE).format(path=path)
        slots = {**use.slots, use.slot: f"the {user_tool.kind} {where}"}

        def policy() -> Plan:
            yield call("read_file", path=path)
            yield call(use.tool.name, **plain(use.arguments))
            return use.answer

        check = both(untouched(), used(user_tool, use))
        return Task(slots, files, policy, check, variant(user_tool, use), tools=offered(dice, use))

    def two(dice: Dice) -> Task:
        """Use two tools that have nothing to do with each other."""
        way = dice.choice(tuple(texts.pairs))
        first = dice.choice(finders if way == "finds" else doers)
        second = dice.choice([each for each in (doers if way == "does" else finders) if each is not first])
        uses = first.make(dice, None), second.make(dice, None)
        slots = {
            slot: filled(dice, each, use)
            for slot, each, use in zip(("first", "second"), (first, second), uses, strict=True)
        }

        def policy() -> Plan:
            for use in uses:
                yield call(use.tool.name, **plain(use.arguments))
            return " ".join(use.answer for use in uses)

        check = both(untouched(), used(first, uses[0]), used(second, uses[1]))
        return Task(slots, dice.clutter({}), policy, check, way, tools=offered(dice, *uses))

    def chained(dice: Dice) -> Task:
        """Use a tool with what another found out."""
        first, second = dice.choice(chains)
        found = first.make(dice, None)
        use = second.make(dice, found.value)
        slots = {**use.slots, use.slot: dice.choice(first.things[found.way]).format(**found.slots)}

        def policy() -> Plan:
            yield call(found.tool.name, **plain(found.arguments))
            yield call(use.tool.name, **plain(use.arguments))
            return use.answer

        check = both(untouched(), used(second, use))
        return Task(
            slots, dice.clutter({}), policy, check, variant(second, use), tools=offered(dice, found, use)
        )

    def refused(dice: Dice) -> Task:
        """A tool refuses a value and says what would work; use that."""
        while True:
            user_tool = dice.choice(picky)
            use = user_tool.make(dice, None)
            wrong = dict(use.wrong)
            if use.table:
                use.table.refuses = True
                wrong = {use.key: near(dice, use.arguments[use.key], list(use.table.rows))}
            if all(wrong.values()) and any(use.arguments.get(key) != value for key, value in wrong.items()):
                break
        shown = {use.slot if key == use.key and use.slot else key: value for key, value in wrong.items()}
        slots = {
            **use.slots,
            **{slot: use.shown.format(text) if slot == use.slot else text for slot, text in shown.items()},
        }

        def policy() -> Plan:
            seen = yield call(use.tool.name, **plain({**use.arguments, **wrong}))
            if not seen.failed:
                return "unexpected"
            yield call(use.tool.name, **plain(use.arguments))
            return use.answer

        check = both(untouched(), used(user_tool, use))
        return Task(slots, dice.clutter({}), policy, check, variant(user_tool, use), tools=offered(dice, use))

    def unknown(dice: Dice) -> Task:
        """A tool knows nothing about what is asked; say so. Now and then it does know."""
        user_tool = dice.choice(tables)
        use = user_tool.make(dice, None)
        assert use.table is not None
        use.table.refuses = dice.maybe(0.3)
        absent = bool(use.table.others) and dice.maybe(0.8)
        name = dice.choice(use.table.others) if absent else use.arguments[use.key]
        words = use.shown.format(name)

        def policy() -> Plan:
            yield call(use.tool.name, **{use.key: name})
            if not absent:
                return use.answer
            return nothing.format(name=name, kind=user_tool.kind)

        nothing = dice.choice((
            "There is no {kind} called {name}.",
            "No {kind} called {name} was found; there is nothing about it.",
            "{name} was not found.",
        ))  # fmt: skip
        check = says_absent() if absent else both(untouched(), says(use.value))
        return Task(
            {use.slot: words},
            dice.clutter({}),
            policy,
            check,
            variant(user_tool, use),
            absent,
            tools=offered(dice, use),
        )

    def each(dice: Dice) -> Task:
        """Ask a tool for several names, which the goal or a file lists."""
        user_tool = dice.choice(tables)
        use = user_tool.make(dice, None)
        assert use.table is not None
        rows = use.table.rows
        names = dice.sample(list(rows), dice.randint(2, min(4, len(rows))))
        files, path = dice.clutter({}, avoid=names), ""
        listed = dice.maybe()
        if listed:
            path = dice.file("txt", files)
            mark = dice.choice(("", "", "- "))
            files = dice.clutter({path: "\n".join(f"{mark}{name}" for name in names)}, avoid=names)
            words = dice.choice(("each {} in {}", "every {} listed in {}", "all that {1} names, {0} by {0}"))
            words = words.format(user_tool.kind, path)
        else:
            shown = [use.shown.format(name) for name in names]
            words = f"{', '.join(shown[:-1])} and {shown[-1]}"
        thing = dice.choice(user_tool.things[use.way]).format(**{use.slot: words})

        def policy() -> Plan:
            if listed:
                yield call("read_file", path=path)
            for name in names:
                yield call(use.tool.name, **{use.key: name})
            return sentence("; ".join(f"{name}: {rows[name]}" for name in names) + ".")

        check = both(untouched(), tied(*(((name,), rows[name]) for name in names)))
        return Task({"thing": thing}, files, policy, check, tools=offered(dice, use))

    def not_needed(dice: Dice) -> Task:
        """The file alone answers, though tools that know more are at hand."""
        user_tool = dice.choice(keyed)
        use = user_tool.make(dice, None)
        text = use.slots[use.slot].removeprefix(use.shown.split("{}")[0])
        path, content = noted(dice, user_tool.kind, text)
        files = dice.clutter({path: content}, avoid=[text, user_tool.kind])

        def policy() -> Plan:
            yield call("read_file", path=path)
            return f"The {user_tool.kind} in {path} is {text}."

        check = both(untouched(), says(text))
        return Task({"kind": user_tool.kind, "path": path}, files, policy, check, tools=offered(dice, use))

    def phrasings(tools: Sequence[UserTool]) -> dict[str, tuple[str, ...]]:
        names = {each.name for each in tools}
        return {name: said for name, said in asks.items() if name.split()[0] in names}

    files = {"thing": texts.to_file, "deed": texts.deed_to_file}
    seconds = [other for _, other in chains]
    for make, needs, said in (
        (one, (), asks),
        (among_similar, (), asks),
        (to_file, ("write_file",), files),
        (from_file, ("read_file",), phrasings(keyed)),
        (two, (), texts.pairs),
        (chained, (), phrasings(seconds)),
        (refused, (), phrasings(picky)),
        (unknown, (), phrasings(tables)),
        (each, ("read_file",), texts.each),
        (not_needed, ("read_file",), texts.not_needed),
    ):
        make.__name__ = f"{prefix}_{make.__name__}"
        family(needs=needs, phrasings=said, group=group)(make)


def plain(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments as people write them: 23 rather than 23.0."""
    return {
        name: int(value) if isinstance(value, float) and value.is_integer() else value
        for name, value in arguments.items()
    }


def filled(dice: Dice, user_tool: UserTool, use: Use) -> str:
    """What a use does, or finds out, in words."""
    texts = user_tool.asks[use.way] if user_tool.does else user_tool.things[use.way]
    return dice.choice(texts).format(**use.slots).rstrip(".")


def noted(dice: Dice, kind: str, text: str) -> tuple[str, str]:
    """A file that holds one value of a kind: its path and its text."""
    others = [noun for noun in dice.nouns(6) if noun not in kind and kind not in noun][: dice.randint(1, 4)]
    match dice.randrange(4):
        case 0:
            return dice.file("txt"), text
        case 1:
            rows = [f"{noun}: {dice.made_up()}" for noun in others]
            rows.insert(dice.randint(0, len(rows)), f"{kind}: {text}")
            return dice.file(dice.choice(("txt", "md", "yaml"))), "\n".join(rows)
        case 2:
            pairs = [(noun, dice.made_up()) for noun in others]
            pairs.insert(dice.randint(0, len(pairs)), (kind, text))
            return dice.file("json"), json.dumps(dict(pairs), indent=2, ensure_ascii=False)
        case _:
            return dice.file("txt"), f"{dice.sentence()}\nThe {kind} is {text}.\n{dice.sentence()}"


patterns(TRAINED, "user_tool", "user-tools", Texts(TO_FILE, DEED_TO_FILE, PAIRS, EACH, NOT_NEEDED))
patterns(
    HELD_OUT,
    "held_out_tool",
    "user-tools-held-out",
    Texts(HELD_TO_FILE, HELD_DEED_TO_FILE, HELD_PAIRS, HELD_EACH, HELD_NOT_NEEDED),
)
