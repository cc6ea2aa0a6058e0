"""Settings and cards: `key = value` files with and without sections, simple YAML, and `Key: value` texts."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from episodes.checks import both, leaves, says, says_absent, tied, untouched
from episodes.dice import Dice
from episodes.families.tables import be, said, unasked
from episodes.task import Plan, Task, call, family

Value = str | int | float | bool


def _number(low: int, high: int) -> Callable[[Dice], Value]:
    return lambda dice: dice.randint(low, high)


def _one_of(*values: Value) -> Callable[[Dice], Value]:
    return lambda dice: dice.choice(values)


def _place(dice: Dice) -> Value:
    root = dice.choice(("var", "srv", "opt", "data", "mnt"))
    return f"/{root}/{dice.noun()}/{dice.choice((dice.noun(), dice.made_up()))}"


ALIKE: tuple[tuple[tuple[str, ...], Callable[[Dice], Value]], ...] = (
    (("port", "admin_port", "debug_port", "http_port", "fallback_port"), _number(1024, 65000)),
    (
        ("host", "backup_host", "mail_host", "proxy_host"),
        lambda dice: f"{dice.made_up()}.example.{dice.choice(('com', 'org', 'net'))}",
    ),
    (("timeout", "connect_timeout", "read_timeout", "idle_timeout"), _number(2, 900)),
    (
        ("user", "admin_user", "guest_user"),
        lambda dice: dice.choice((dice.first_name().lower(), dice.made_up())),
    ),
    (("max_size", "min_size", "size", "chunk_size"), _number(8, 9000)),
    (
        ("level", "log_level", "report_level"),
        _one_of("debug", "info", "warning", "error", "quiet", "verbose"),
    ),
    (("cache_dir", "data_dir", "log_dir", "temp_dir"), _place),
    (("width", "height", "depth", "margin"), _number(10, 4000)),
    (("retries", "max_retries", "retry_delay"), _number(1, 60)),
    (("language", "fallback_language"), _one_of("en", "de", "fr", "pt", "sw", "ja", "fi", "pl", "vi", "it")),
    (("theme", "icon_theme"), lambda dice: dice.choice((dice.adjective(), dice.noun(), dice.made_up()))),
    (("enabled", "compress", "debug", "autosave", "notify"), _one_of(True, False)),
    (
        ("name", "title", "nickname"),
        lambda dice: dice.choice((dice.made_up(), dice.noun(), f"{dice.adjective()} {dice.noun()}")),
    ),
    (("email", "reply_to", "contact"), lambda dice: dice.email(dice.full_name())),
    (
        ("version", "api_version"),
        lambda dice: f"{dice.randint(0, 9)}.{dice.randint(0, 20)}.{dice.randint(0, 30)}",
    ),
    (("rate", "threshold", "scale", "tax_rate"), lambda dice: round(dice.uniform(0.01, 20), 2)),
    (("color", "background", "accent"), lambda dice: f"#{dice.randrange(1 << 24):06x}"),
    (("start", "end", "updated", "expires"), Dice.day),
    (("workers", "threads", "max_users", "limit", "page_size"), _number(1, 500)),
    (("region", "city", "office"), Dice.city),
    (("interval", "sync_interval", "poll_interval"), _number(1, 3600)),
    (("owner", "editor", "reviewer"), Dice.full_name),
)
"""Keys that are easily taken for one another, and what stands behind them."""
MAKERS = {key: make for keys, make in ALIKE for key in keys}
SECTIONS = (
    "server", "database", "web", "mail", "cache", "logging", "backup", "client",
    "display", "window", "printer", "network", "storage", "report", "search", "editor", "proxy",
    "queue", "account", "shop", "production", "staging", "development", "testing", "default",
    "primary", "secondary", "north", "south", "indoor", "outdoor",
)  # fmt: skip


def value_for(dice: Dice, key: str) -> Value:
    """What may stand behind a key."""
    maker = MAKERS.get(key.lower())
    return maker(dice) if maker else dice.choice((dice.made_up(), dice.randint(1, 9999), dice.noun()))


def other_value(dice: Dice, key: str, value: Value) -> Value:
    """Another value for the same key."""
    while True:
        other = value_for(dice, key)
        if type(other) is type(value) and other != value:
            return other


def some_keys(dice: Dice, low: int = 3, high: int = 8) -> list[str]:
    """Keys of settings, some of them alike."""
    count = dice.randint(low, high)
    keys: list[str] = []
    if dice.maybe(0.65):
        alike = dice.choice(ALIKE)[0]
        keys += dice.some(alike, 2, 3)
    while len(keys) < count:
        key = dice.choice(dice.choice(ALIKE)[0]) if dice.maybe(0.8) else dice.noun()
        if key not in keys:
            keys.append(key)
    dice.shuffle(keys)
    return keys[:count]


def missing_key(dice: Dice, known: object) -> str:
    """A key that could be there and is not."""
    taken = str(known).lower()
    while True:
        key = dice.choice(dice.choice(ALIKE)[0])
        if key not in taken:
            return key


def shown(value: Value) -> str:
    """A value as settings files write it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def setting_name(dice: Dice, key: str) -> str:
    """A key as a person says it."""
    if key.isupper():
        return dice.choice((key, key, key.lower().replace("_", " ")))
    return said(dice, key)


@dataclass(frozen=True)
class Settings:
    """A file of settings."""

    path: str
    lines: list[str]
    heads: Mapping[str, str]
    """The line that begins each section."""
    line: Callable[[str, str, Value], str]
    """A setting's line: section, key, value."""
    sections: Mapping[str, Mapping[str, Value]]

    @property
    def text(self) -> str:
        """The file."""
        return "\n".join(self.lines) + "\n"

    def old_and_new(self, section: str, key: str, value: Value) -> tuple[str, str]:
        """The piece to replace: the line if it is the only such one, else from its section's head on."""
        old, new = self.line(section, key, self.sections[section][key]), self.line(section, key, value)
        if self.text.count(old.strip()) == 1 or not section:
            return old.strip(), new.strip()
        first = self.lines.index(self.heads[section])
        last = self.lines.index(old, first)
        block = self.lines[first : last + 1]
        return "\n".join(block), "\n".join([*block[:-1], new])

    def with_value(self, section: str, key: str, value: Value) -> str:
        """The file with one value changed."""
        first = self.lines.index(self.heads[section]) if section else 0
        at = self.lines.index(self.line(section, key, self.sections[section][key]), first)
        new = self.line(section, key, value)
        return "\n".join([*self.lines[:at], new, *self.lines[at + 1 :]]) + "\n"


def settings_text(
    dice: Dice, path: str, sections: Mapping[str, Mapping[str, Value]], *, yaml: bool = False
) -> Settings:
    """The settings in one of the usual ways to write them; the section "" has no head."""
    between = (
        ": " if yaml else dice.choice((" = ", " = ", "=", ": " if path.endswith(("cfg", "conf")) else " = "))
    )
    if path.endswith("env"):
        between = "="
    mark = ";" if path.endswith("ini") and dice.maybe(0.4) else "#"
    lines: list[str] = [f"{mark} {dice.sentence()}"] if dice.maybe(0.25) else []
    heads: dict[str, str] = {}

    def line(section: str, key: str, value: Value) -> str:
        return f"{'  ' if yaml and section else ''}{key}{between}{shown(value)}"

    for section, keys in sections.items():
        if lines and section and (not yaml or dice.maybe(0.3)):
            lines.append("")
        if section:
            heads[section] = f"{section}:" if yaml else f"[{section}]"
            lines.append(heads[section])
        for key, value in keys.items():
            if dice.maybe(0.06):
                lines.append(f"{'  ' if yaml and section else ''}{mark} {dice.sentence()}")
            lines.append(line(section, key, value))
    return Settings(path, lines, heads, line, sections)


def flat_settings(dice: Dice) -> Settings:
    """A file in which every key is there once, with sections or without."""
    ending = dice.choice(("ini", "ini", "cfg", "env", "conf", "properties"))
    path = _settings_path(dice, ending)
    keys = some_keys(dice, 3, 18 if dice.maybe(0.2) else 9)
    if ending == "env":
        keys = [key.upper() for key in keys]
    values = {key: value_for(dice, key) for key in keys}
    if ending not in ("ini", "cfg") or dice.maybe(0.25):
        return settings_text(dice, path, {"": values})
    names = dice.some(SECTIONS, 1, min(4, len(keys)))
    cut = sorted(dice.sample(range(1, len(keys)), len(names) - 1))
    parts = [keys[a:b] for a, b in zip([0, *cut], [*cut, len(keys)], strict=True)]
    sections = {name: {key: values[key] for key in part} for name, part in zip(names, parts, strict=True)}
    return settings_text(dice, path, sections)


def sectioned_settings(dice: Dice, *, yaml: bool = False) -> Settings:
    """A file whose sections have keys of the same name."""
    path = _settings_path(
        dice, dice.choice(("yaml", "yml")) if yaml else dice.choice(("ini", "ini", "cfg", "conf"))
    )
    keys = some_keys(dice, 2, 5)
    sections: dict[str, dict[str, Value]] = {}
    for name in dice.some(SECTIONS, 2, 5):
        own = [key for key in keys if dice.maybe(0.8)] or keys[:1]
        sections[name] = {key: value_for(dice, key) for key in own}
        if sections and dice.maybe(0.25):  # the same value in two sections
            other = dice.choice(list(sections.values()))
            sections[name] |= {key: value for key, value in other.items() if key in own and dice.maybe(0.5)}
    return settings_text(dice, path, sections, yaml=yaml)


def _settings_path(dice: Dice, ending: str) -> str:
    stems = (
        "settings",
        "config",
        "app",
        "server",
        "options",
        "defaults",
        "local",
        "prod",
        "preferences",
        "setup",
    )
    if dice.maybe(0.5):
        return dice.file(ending)
    folder = f"{dice.choice(('config', 'conf', 'etc', 'setup', dice.noun()))}/" if dice.maybe(0.25) else ""
    return f"{folder}{dice.choice(stems)}.{ending}"


def pick(dice: Dice, settings: Settings) -> tuple[str, str, Value]:
    """A section, one of its keys, and its value."""
    section = dice.choice(list(settings.sections))
    key = dice.choice(list(settings.sections[section]))
    return section, key, settings.sections[section][key]


def pick_shared(dice: Dice, settings: Settings) -> tuple[str, str, Value]:
    """The same, of a key that another section has too where there is one."""
    every = [key for keys in settings.sections.values() for key in keys]
    found = [
        (section, key, value)
        for section, keys in settings.sections.items()
        for key, value in keys.items()
        if every.count(key) > 1
    ]
    return dice.choice(found) if found else pick(dice, settings)


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
        "{key} in {path}?",
        "Somebody set {key} in {path}. To what?",
    ),
    group="ini",
)
def ini_value(dice: Dice) -> Task:
    """Say the value of a setting; in a sixth of the tasks it is not there."""
    settings = flat_settings(dice)
    _, key, value = pick(dice, settings)
    absent = dice.maybe(0.17)
    if absent:
        key = missing_key(dice, settings.text)
    name = setting_name(dice, key)
    files = dice.clutter({settings.path: settings.text}, avoid=[key])

    def policy() -> Plan:
        yield call("read_file", path=settings.path)
        return (
            f"There is no {name} in {settings.path}." if absent else f"The {name} {be(name)} {shown(value)}."
        )

    others = [shown(each) for keys in settings.sections.values() for each in keys.values()]
    never = unasked(others, shown(value), name, key, settings.path)
    check = says_absent() if absent else both(untouched(), says(shown(value), never=never))
    return Task({"key": name, "path": settings.path}, files, policy, check, absent=absent)


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
        "Whatever {key} is in {path}, drop it into {target}, only the value",
        "{path} has a {key}. Leave its value in {target}.",
    ),
    group="ini",
)
def ini_value_to_file(dice: Dice) -> Task:
    """Copy the value of a setting into a file of its own."""
    settings = flat_settings(dice)
    _, key, value = pick(dice, settings)
    name = setting_name(dice, key)
    files = dice.clutter({settings.path: settings.text})
    target = dice.file("txt", files)

    def policy() -> Plan:
        yield call("read_file", path=settings.path)
        yield call("write_file", path=target, content=shown(value))
        return f"{target} now holds {shown(value)}, the {name} of {settings.path}."

    slots = {"key": name, "path": settings.path, "target": target}
    return Task(slots, files, policy, leaves({target: shown(value)}))


IN_SECTION = (
    "What is the {key} in the {section} section of {path}?",
    "In {path}, what is {key} under {section}?",
    "Which {key} is set for {section} in {path}?",
    "Tell me {section}'s {key} from {path}.",
    "{path}, section {section}: what's the {key}?",
    "Look in {path} for the {key} that belongs to {section}",
    "{key} of {section} in {path}?",
    "What does {path} give as {key} in section {section}?",
    "I need the {key} of the part called {section} in {path}",
    "Under {section} in {path} there is a {key}; what is it?",
    "check the {section} block of {path} and report its {key}",
    "Find the {key} for {section} (see {path}).",
    "Several sections of {path} have settings. Which {key} does {section} have?",
    "say which {key} {section} uses according to {path}",
    "Read me the {key} from the section {section} of {path}",
    "What value has {key} been given in {path} for {section}?",
    "As for {section} in {path}: its {key} is what?",
    "{path} sets a {key} for {section}. Report it.",
)


def _section_value(dice: Dice, settings: Settings) -> Task:
    section, key, value = pick_shared(dice, settings)
    gone = dice.choice(("key", "section")) if dice.maybe(0.17) else ""
    if gone == "key":
        every = {key for keys in settings.sections.values() for key in keys}
        lacks = [
            (name, key) for name, keys in settings.sections.items() for key in sorted(every - keys.keys())
        ]
        section, key = dice.choice(lacks) if lacks else (section, missing_key(dice, settings.text))
    elif gone == "section":
        section = dice.choice([name for name in SECTIONS if name not in settings.text])
    never = {
        shown(keys[key]) for name, keys in settings.sections.items() if name != section and key in keys
    } - {shown(value)}
    name = setting_name(dice, key)
    files = dice.clutter({settings.path: settings.text}, avoid=[key])

    def policy() -> Plan:
        yield call("read_file", path=settings.path)
        if gone == "section":
            return f"There is no section {section} in {settings.path}."
        if gone:
            return f"There is no {name} in the section {section} of {settings.path}."
        return f"The {name} of {section} {be(name)} {shown(value)}."

    never = {
        each
        for each in never
        if len(each) > 2 and each.lower() not in f"{name} {section} {shown(value)}".lower()
    }
    check = says_absent() if gone else both(untouched(), says(shown(value), never=tuple(sorted(never))))
    slots = {"key": name, "section": section, "path": settings.path}
    return Task(slots, files, policy, check, absent=bool(gone))


@family(needs=("read_file",), phrasings=IN_SECTION, group="sections")
def ini_section_value(dice: Dice) -> Task:
    """Say the value that a key has in one of several sections."""
    return _section_value(dice, sectioned_settings(dice))


@family(
    needs=("read_file",),
    phrasings=(
        *(text for text in IN_SECTION if "ection" not in text.replace("{section}", "")),
        *(
            "What is the {key} of {section} in {path}?",
            "Tell me which {key} is nested below {section} in {path}.",
            "In the YAML file {path}, look at {section} and tell me the {key}.",
            "Read {path}: {section} has what {key}?",
            "Open {path}, go to {section}, give me the {key}.",
            "the {section} entry in {path}, what {key} is in there?",
            "Let me know what the {key} is for {section}; it is in {path}",
            "Get {section} -> {key} from {path} and tell me",
        ),
    ),
    group="yaml",
)
def yaml_value(dice: Dice) -> Task:
    """Say the value that a key has below another in a YAML file."""
    return _section_value(dice, sectioned_settings(dice, yaml=True))


SET_PLAIN = (
    "Set {key} to {value} in {path}",
    "Change the {key} in {path} to {value}.",
    "In {path}, {key} should be {value}",
    "Update {path} so that {key} is {value}",
    "Make {value} the {key} in {path}",
    "The {key} in {path} must become {value}. Nothing else changes.",
    "Edit {path}: {key} -> {value}",
    "Replace the value of {key} in {path} by {value}.",
    "{path}: put {key} at {value}",
    "switch {key} in {path} over to {value}",
    "I want {key} to be {value}, please adjust {path}",
    "Give {key} the new value {value} in {path}",
    "The {key} given in {path} is out of date; it's {value} now",
    "Reconfigure {path} with {value} as the {key}",
    "Modify the {key} setting of {path}, new value {value}",
    "Correct {key} in {path}. It has to read {value}.",
    "Let the {key} in {path} be {value}",
    "We decided on {value} for the {key}. Bring {path} into line with that.",
    "Could {path} get {value} where its {key} stands at present?",
    "Whoever opens {path} next must find {value} behind {key}",
    "There is a {key} in {path} that I no longer want as it is; use {value}",
    "Swap whatever {path} holds for {key} against {value}",
)
SET_IN_SECTION = (
    "Set {key} to {value} in the {section} section of {path}",
    "Change the {key} of {section} in {path} to {value}.",
    "In {path}, under {section}, {key} should be {value}",
    "Update {path}: the {key} for {section} is now {value}",
    "{section} in {path} needs {value} as its {key}",
    "Make {value} the {key} of {section} in {path}; other sections stay as they are",
    "{path}, section {section}: {key} -> {value}",
    "For {section}, switch the {key} in {path} to {value}",
    "Replace {section}'s {key} with {value} in {path}.",
    "The {key} that {path} has for {section} must become {value}",
    "Edit the part {section} of {path} so its {key} is {value}",
    "give {section} a {key} of {value} in {path}",
    "Adjust {path}. Only {section} gets a new {key}, namely {value}.",
    "I need {value} for {key} under {section} in the file {path}",
    "Correct the {key} of {section} to {value} ({path})",
    "Put {value} where {path} has the {key} of {section}",
    "Within {section} of {path}, let {key} be {value}",
    "We agreed that {section} uses {value} for its {key}. Bring {path} into line with that.",
    "Could {path} get {value} as the {key}, but just below {section}?",
    "Whoever reads {path} must find {value} behind the {key} that {section} has",
    "Open {path}, go down to {section} and swap its present {key} against {value}",
    "My mistake in {path}: {key} of {section} was meant to be {value}. Fix that, please.",
)


@family(
    needs=("read_file", "edit_file"),
    phrasings={"plain": SET_PLAIN, "section": SET_IN_SECTION},
    group="set_value",
)
def ini_set(dice: Dice) -> Task:
    """Change one setting; where several sections have the key, only in the one that is named."""
    variant = dice.choice(("plain", "section"))
    while True:
        settings = flat_settings(dice) if variant == "plain" else sectioned_settings(dice)
        section, key, value = pick(dice, settings) if variant == "plain" else pick_shared(dice, settings)
        new_value = other_value(dice, key, value)
        old, new = settings.old_and_new(section, key, new_value)
        if settings.text.count(old) == 1:
            break
    return _setting(dice, settings, section, key, new_value, old, new, variant)


@family(
    needs=("read_file", "edit_file"),
    phrasings=(
        *(text for text in SET_IN_SECTION if "ection" not in text.replace("{section}", "")),
        *(
            "In the YAML file {path}, change {section}'s {key} to {value}",
            "{section} / {key} in {path} should now say {value}",
            "Below {section} in {path}, set the {key} to {value}.",
            "Let {section} have the {key} {value} in {path}",
            "Modify {path} so that the {key} nested in {section} reads {value}",
            "overwrite the {key} of {section} with {value} in {path}",
        ),
    ),
    group="yaml",
)
def yaml_set(dice: Dice) -> Task:
    """Change one value of a YAML file."""
    while True:
        settings = sectioned_settings(dice, yaml=True)
        section, key, value = pick_shared(dice, settings)
        new_value = other_value(dice, key, value)
        old, new = settings.old_and_new(section, key, new_value)
        if settings.text.count(old) == 1:
            break
    return _setting(dice, settings, section, key, new_value, old, new, "plain")


def _setting(
    dice: Dice, settings: Settings, section: str, key: str, value: Value, old: str, new: str, variant: str
) -> Task:
    name = setting_name(dice, key)
    files = dice.clutter({settings.path: settings.text})
    named = variant == "section" or settings.path.endswith(("yaml", "yml"))

    def policy() -> Plan:
        yield call("read_file", path=settings.path)
        yield call("edit_file", path=settings.path, old=old, new=new)
        return f"The {name}{f' of {section}' if named else ''} in {settings.path} is now {shown(value)}."

    slots = {"key": name, "value": shown(value), "path": settings.path} | (
        {"section": section} if named else {}
    )
    check = leaves({settings.path: settings.with_value(section, key, value)})
    return Task(slots, files, policy, check, variant=variant)


@family(
    needs=("read_file",),
    phrasings=(
        "Which sections does {path} have?",
        "List the sections of {path}.",
        "Name all sections in {path}",
        "What are the section names in {path}?",
        "sections of {path}?",
        "Tell me how the sections in {path} are called",
        "Read {path} and give me its section headings",
        "I'd like a list of the sections found in {path}",
        "Into which sections is {path} divided?",
        "Say what sections there are in {path}.",
        "Report the name of each section of {path}",
        "{path} is split into sections. Which ones?",
        "Look at {path} and enumerate its sections.",
        "what sections are defined in {path}",
        "Show me the names of the sections that {path} contains",
        "Go through {path}, I want to hear every section name",
    ),
    group="sections",
)
def ini_sections(dice: Dice) -> Task:
    """Name the sections of a file."""
    settings = sectioned_settings(dice)
    names = list(settings.sections)
    files = dice.clutter({settings.path: settings.text})

    def policy() -> Plan:
        yield call("read_file", path=settings.path)
        return f"The sections of {settings.path} are {listed(names)}."

    return Task({"path": settings.path}, files, policy, both(untouched(), says(*names)))


def listed(names: list[str]) -> str:
    """Names as a sentence has them.

    >>> listed(["a", "b", "c"])
    'a, b and c'
    """
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


@family(
    needs=("read_file",),
    phrasings={
        "same": (
            "What is the {key} in {path} and in {other}?",
            "Tell me the {key} of both {path} and {other}.",
            "Compare {path} with {other}: which {key} does each have?",
            "{key} in {path} and {other}?",
            "Give me {key} as set in {path} and as set in {other}",
            "Look up the {key} twice, once in {path} and once in {other}, and tell me both",
            "I need to see what {path} and {other} each have for {key}",
            "Which {key} is in {path}, and which in {other}?",
            "Read {path} and {other}, and report the {key} from each.",
            "Both {path} and {other} define a {key}. What are the two values?",
            "Check {key} in these two files and say what it is: {path}, {other}",
            "What do {path} and {other} say about {key}?",
            "how does {path} set {key}, and how does {other}",
            "Name the two values of {key}, the one from {path} and the one from {other}",
            "Find {key} in {path} as well as in {other}.",
            "From each of {path} and {other} I want the {key}",
        ),
        "two": (
            "What is the {key} in {path} and the {second} in {other}?",
            "Tell me the {key} from {path} and the {second} from {other}.",
            "I need two values: {key} in {path}, {second} in {other}",
            "Look up {key} in {path}, then {second} in {other}; report both",
            "Give me {path}'s {key} together with {other}'s {second}",
            "{key} of {path} and {second} of {other}?",
            "Read {path} for the {key} and {other} for the {second}.",
            "Which {key} does {path} have, and which {second} does {other} have?",
            "Find out the {key} ({path}) and the {second} ({other})",
            "Check {path} and {other}: what's the {key} in the first, what's the {second} in the other?",
            "Say what {key} is in {path} and what {second} is in {other}",
            "from {path} tell me {key}, from {other} tell me {second}",
            "Report the {key} that {path} has plus the {second} that {other} has.",
            "I'm after the {key} set in {path}; I also want the {second} set in {other}",
            "Get me both the {key} out of {path} and the {second} out of {other}.",
            "How is {key} set in {path}, and how is {second} set in {other}?",
        ),
    },
    group="two_files",
)
def two_values(dice: Dice) -> Task:
    """Say a value of one file and a value of another."""
    while True:
        first, other = flat_settings(dice), flat_settings(dice)
        _, key, value = pick(dice, first)
        _, second, second_value = pick(dice, other)
        variant = dice.choice(("same", "two"))
        if variant == "same":
            second = key.lower() if not other.path.endswith("env") else key.upper()
            keys = {name: dict(values) for name, values in other.sections.items()}
            if second in str(keys):
                continue
            second_value = value_for(dice, key)
            keys[dice.choice(list(keys))][second] = second_value
            other = settings_text(dice, other.path, keys)
        if first.path != other.path and value != second_value:
            break
    name, second_name = setting_name(dice, key), setting_name(dice, second)
    files = dice.clutter({first.path: first.text, other.path: other.text})

    def policy() -> Plan:
        yield call("read_file", path=first.path)
        yield call("read_file", path=other.path)
        if variant == "same":
            return f"The {name} is {shown(value)} in {first.path} and {shown(second_value)} in {other.path}."
        return f"The {name} is {shown(value)} and the {second_name} is {shown(second_value)}."

    slots = {"key": name, "path": first.path, "other": other.path}
    if variant == "two":
        slots["second"] = second_name
    one, two = (first.path,), (other.path,)
    if name.lower() != second_name.lower() and variant == "two":
        one, two = (*one, name, key), (*two, second_name, second)
    check = both(untouched(), tied((one, shown(value)), (two, shown(second_value))))
    return Task(slots, files, policy, check, variant=variant)


# --- cards: "Key: value" texts


def _street(dice: Dice) -> str:
    kind = dice.choice(("Street", "Road", "Lane", "Square"))
    return f"{dice.randint(1, 199)} {dice.noun().capitalize()} {kind}"


def _hour(dice: Dice) -> str:
    return f"{dice.randint(6, 21):02d}:{dice.choice(('00', '15', '30', '45'))}"


def _identity(dice: Dice) -> str:
    return f"{dice.choice('ABCDEFGHKLMNPRT')}{dice.choice('ABCDEFGHKLMNPRT')}-{dice.randint(100, 99999)}"


CARDS: tuple[dict[str, Callable[[Dice], str]], ...] = (
    {
        "Name": Dice.full_name,
        "Phone": Dice.phone,
        "Mobile phone": Dice.phone,
        "Work phone": Dice.phone,
        "Email": lambda dice: dice.email(dice.full_name()),
        "Street": _street,
        "City": Dice.city,
        "Birthday": Dice.day,
        "Member since": Dice.day,
        "Member number": _identity,
    },
    {
        "Booking number": _identity,
        "Guest": Dice.full_name,
        "Second guest": Dice.full_name,
        "Arrival": Dice.day,
        "Departure": Dice.day,
        "Room": lambda dice: str(dice.randint(1, 940)),
        "Parking space": lambda dice: str(dice.randint(1, 240)),
        "City": Dice.city,
        "Price": Dice.price,
        "Deposit": Dice.price,
    },
    {
        "Invoice number": _identity,
        "Order number": _identity,
        "Customer": Dice.full_name,
        "Contact": Dice.full_name,
        "Issued": Dice.day,
        "Due": Dice.day,
        "Net amount": Dice.price,
        "Tax": Dice.price,
        "Total": lambda dice: f"{dice.randint(401, 999)}.{dice.randint(0, 99):02d}",
        "Delivery city": Dice.city,
    },
    {
        "Model": lambda dice: f"{dice.made_up().capitalize()} {dice.randint(100, 999)}",
        "Maker": lambda dice: dice.made_up().capitalize(),
        "Serial number": _identity,
        "Part number": _identity,
        "Weight": lambda dice: f"{dice.randint(1, 90)}.{dice.randint(1, 9)} kg",
        "Width": lambda dice: f"{dice.randint(10, 190)} cm",
        "Height": lambda dice: f"{dice.randint(10, 190)} cm",
        "Color": Dice.adjective,
        "Bought": Dice.day,
        "Warranty until": Dice.day,
    },
    {
        "Event": lambda dice: f"{dice.adjective().capitalize()} {dice.noun()} evening",
        "Host": Dice.full_name,
        "Speaker": Dice.full_name,
        "Date": Dice.day,
        "Doors open": _hour,
        "Begins": _hour,
        "Ends": _hour,
        "Place": Dice.city,
        "Seats": lambda dice: str(dice.randint(20, 900)),
        "Ticket price": Dice.price,
    },
    {
        "Patient": Dice.full_name,
        "Doctor": Dice.full_name,
        "Last visit": Dice.day,
        "Next visit": Dice.day,
        "Weight": lambda dice: f"{dice.randint(40, 120)} kg",
        "Pulse": lambda dice: str(dice.randint(48, 120)),
        "File number": _identity,
        "Insurance number": _identity,
        "Room": lambda dice: str(dice.randint(1, 40)),
    },
)


@dataclass(frozen=True)
class Card:
    """A text of `Key: value` lines, perhaps with words around them."""

    path: str
    values: Mapping[str, str]
    before: str
    after: str
    unused: list[str]

    def text(self, changed: Mapping[str, str] | None = None) -> str:
        """The file, with some values changed."""
        lines = [f"{key}: {value}" for key, value in {**self.values, **(changed or {})}.items()]
        return f"{self.before}{chr(10).join(lines)}\n{self.after}"


def make_card(dice: Dice) -> Card:
    """A card about a person, a booking or a thing."""
    kind = dice.choice(CARDS)
    keys = dice.some(list(kind), 3, 8)
    if dice.maybe(0.6):
        keys = [key for key in kind if key in keys]
    ending = dice.choice(("txt", "txt", "md"))
    stem = dice.choice(("card", "booking", "details", "info", "record", "form", "sheet", "data", "profile"))
    path = (
        dice.file(ending) if dice.maybe(0.6) else f"{dice.choice(('', '', f'{dice.noun()}_'))}{stem}.{ending}"
    )
    return Card(
        path,
        {key: kind[key](dice) for key in keys},
        f"{dice.sentence()}\n\n" if dice.maybe(0.25) else "",
        f"\n{dice.prose(1, 3)}\n" if dice.maybe(0.3) else "",
        [key for key in kind if key not in keys],
    )


@family(
    needs=("read_file",),
    phrasings=(
        "What is the {key} in {path}?",
        "Which {key} does {path} give?",
        "{path}, what's the {key}?",
        "Tell me the {key} noted in {path}",
        "Look in {path} and tell me the {key}.",
        "I'm looking for the {key}, it should be written in {path}",
        "the {key} from {path} please, I need it now",
        "What has been filled in as {key} in {path}?",
        "Read the {key} out of {path} for me",
        "According to {path} the {key} is what?",
        "Can you see a {key} in {path}? Which?",
        "What does {path} have next to {key}?",
        "Find the line with the {key} in {path} and tell me what it says",
        "quickly: {key} in {path}",
        "Open {path}; I want to know the {key}.",
        "Please report which {key} is recorded in {path}",
        "Under {key}, what is written in {path}?",
    ),
    group="card",
)
def card_value(dice: Dice) -> Task:
    """Say what stands behind a key of a text; in a sixth of the tasks nothing does."""
    card = make_card(dice)
    absent = dice.maybe(0.17)
    key = dice.choice(card.unused if absent else list(card.values))
    if absent and key.lower() in card.text().lower():
        return card_value(dice)
    name = dice.choice((key, key.lower(), key.lower()))
    files = dice.clutter({card.path: card.text()})

    def policy() -> Plan:
        yield call("read_file", path=card.path)
        return (
            f"There is no {name} in {card.path}." if absent else f"The {name} {be(name)} {card.values[key]}."
        )

    never = () if absent else unasked(card.values.values(), card.values[key], key, card.path)
    check = says_absent() if absent else both(untouched(), says(card.values[key], never=never))
    return Task({"key": name, "path": card.path}, files, policy, check, absent=absent)


@family(
    needs=("read_file", "edit_file"),
    phrasings=(
        *SET_PLAIN,
        "The new {key} is {value}; note that in {path}",
        "{path} still has the old {key}. Put {value} there instead.",
        "Fill in {value} as the {key} in {path}, replacing the present one",
    ),
    group="set_value",
)
def card_set(dice: Dice) -> Task:
    """Change what stands behind a key of a text."""
    card = make_card(dice)
    kind = next(kind for kind in CARDS if card.values.keys() <= kind.keys())
    key = dice.choice(list(card.values))
    old = f"{key}: {card.values[key]}"
    value = kind[key](dice)
    if card.text().count(old) != 1 or value == card.values[key]:
        return card_set(dice)
    name = dice.choice((key, key.lower(), key.lower()))
    files = dice.clutter({card.path: card.text()})

    def policy() -> Plan:
        yield call("read_file", path=card.path)
        yield call("edit_file", path=card.path, old=old, new=f"{key}: {value}")
        return f"The {name} in {card.path} is now {value}."

    slots = {"key": name, "value": value, "path": card.path}
    return Task(slots, files, policy, leaves({card.path: card.text({key: value})}))
