"""Many files at a time: by their ending, by a pattern of their names, by what they mention, by their size."""

from collections.abc import Callable, Sequence

from episodes.checks import ABSENT, After, Check, both, leaves, plain, says, says_absent, untouched
from episodes.dice import Dice
from episodes.families.arrange import (
    ENDINGS,
    GLANCE,
    a_line,
    a_path,
    among,
    appended,
    base,
    beside,
    folder_words,
    folders_of,
    listed_in,
    listing,
    look,
    new_folder,
    not_there,
    other_folder,
    quoted,
    text_for,
    told,
)
from episodes.families.tables import unasked
from episodes.task import Plan, Seen, Task, call, family

FEW = 4
"""Up to so many files are handled one by one; more are handled by a program."""


def some_with(
    dice: Dice, ending: str, count: int, folder: str = "", taken: Sequence[str] = ()
) -> dict[str, str]:
    """Files with an ending, all in one folder."""
    files: dict[str, str] = {}
    while len(files) < count:
        name = a_path(dice, [*files, *taken], ending, top=True)
        files[f"{folder}/{name}" if folder else name] = text_for(dice, name)
    return files


def ending_words(dice: Dice, ending: str) -> str:
    """An ending as somebody writes it before the word `files`."""
    return dice.choice((f".{ending}", f".{ending}", ending, f"*.{ending}"))


def amount(dice: Dice) -> int:
    """How many files there are of a kind: a few or many."""
    return dice.choice((1, 2, 2, 3, 3, 4, 5, 6, 7, 8, 10, 12, 15))


def in_order(target: str, names: Sequence[str]) -> Check:
    """The file lists these names, one on each line, in any order."""

    def check(after: After) -> bool:
        return sorted(plain(after.files.get(target, "")).split("\n")) == sorted(names)

    return check


class Kind:
    """Files of one ending in one folder, among others."""

    def __init__(self, dice: Dice, *, placed: bool, absent: float = 0.13) -> None:
        self.ending = dice.choice(ENDINGS)
        self.folder = dice.folder() if placed else ""
        """Where they are; nothing is the workspace itself."""
        self.absent = dice.maybe(absent)
        count = amount(dice)
        self.texts = dict(sorted(some_with(dice, self.ending, count, self.folder).items()))
        others: dict[str, str] = {}
        if placed:
            endings = [each for each in ENDINGS if each != self.ending]
            others = some_with(dice, dice.choice(endings), dice.randint(1, 4), self.folder, list(self.texts))
            if dice.maybe():
                others |= some_with(dice, self.ending, dice.randint(1, 3), "", [*self.texts, *others])
        self.files = among(dice, {**others, **self.texts}, without=[self.ending])
        if self.absent:
            self.files = {path: text for path, text in self.files.items() if path not in self.texts}
            self.texts = {}
        self.said = ending_words(dice, self.ending)
        self.few = len(self.files) <= GLANCE and len(self.texts) <= FEW
        """Whether they can be handled one by one: the first message names them all."""

    @property
    def glob(self) -> str:
        """The loop over them, as Python."""
        return f"Path({self.folder!r})" if self.folder else "Path()"

    @property
    def where(self) -> str:
        """The words for the folder they are in."""
        return f" in {self.folder}" if self.folder else ""

    def none(self) -> Plan:
        """See that there are none, and say so."""
        if len(self.files) > GLANCE:
            yield call("list_files", deep=True)
        return f"There are no .{self.ending} files{self.where or ' here'}."

    def counted(self, did: str) -> str:
        """What was done with all of them."""
        count = len(self.texts)
        return f"{count} .{self.ending} file{'s are' if count != 1 else ' is'} {did}."


@family(
    needs=("move_file", "run_python", "list_files"),
    phrasings={
        "plain": (
            "Move all {ending} files into {folder}",
            "Put every {ending} file in {folder}.",
            "The {ending} files belong in {folder}",
            "I want the {ending} files gathered in {folder}",
            "Shift each {ending} file to {folder}",
            "{ending} files -> {folder}",
            "Collect whatever {ending} files there are in {folder}",
            "File the {ending} files away in {folder}",
            "Can all of the {ending} files go to {folder}?",
            "tidy up: {ending} files into {folder}",
            "{folder} is where {ending} files should live, so move them",
            "Relocate any {ending} file to {folder}",
            "Take the {ending} files and stick them into {folder}",
            "Everything that is a {ending} file should be moved to {folder}",
            "Sweep the {ending} files into {folder}",
            "Transfer the {ending} files over to {folder}, all of them",
            "No {ending} files should be lying around here: move them to {folder}",
            "Let {folder} take in all the {ending} files",
        ),
        "from": (
            "Move all {ending} files from {source} into {folder}",
            "Put every {ending} file of {source} in {folder}.",
            "The {ending} files in {source} belong in {folder}",
            "I want the {ending} files of {source} moved to {folder}",
            "In {source} there may be {ending} files; shift each of them to {folder}",
            "{ending} files: {source} -> {folder}",
            "Take whatever {ending} files {source} holds over to {folder}",
            "Only the {ending} files of {source} should go to {folder}",
            "Can all of the {ending} files in {source} be moved to {folder}?",
            "tidy {source}: its {ending} files go into {folder}",
            "Relocate any {ending} file that is in {source} to {folder}",
            "Empty {source} of its {ending} files by moving them to {folder}",
            "Everything in {source} that is a {ending} file should be moved to {folder}",
            "Sweep the {ending} files out of {source} and into {folder}",
            "Transfer the {ending} files from {source} to {folder}, all of them",
            "{folder} should get the {ending} files that are now in {source}",
        ),
    },
    group="by_ending",
)
def move_by_ending(dice: Dice) -> Task:
    """Move all files with an ending into a folder."""
    placed = dice.maybe(0.35)
    kind = Kind(dice, placed=placed)
    folder = new_folder(dice, {**kind.files, **kind.texts, f"{kind.folder}/x": ""})
    code = (
        "from pathlib import Path\n"
        f"Path({folder!r}).mkdir(exist_ok=True)\n"
        f"paths = sorted({kind.glob}.glob('*.{kind.ending}'))\n"
        "for path in paths:\n"
        f"    path.rename(Path({folder!r}) / path.name)\n"
        "print(len(paths), 'moved')"
    )

    def policy() -> Plan:
        if kind.absent:
            return (yield from kind.none())
        if kind.few:
            for path in kind.texts:
                yield call("move_file", source=path, target=f"{folder}/{base(path)}")
        else:
            yield call("run_python", code=code)
        return kind.counted(f"moved to {folder}")

    slots = {"ending": kind.said, "folder": folder_words(dice, folder)}
    if placed:
        slots["source"] = folder_words(dice, kind.folder)
    moved = leaves(
        {f"{folder}/{base(path)}": text for path, text in kind.texts.items()}, removed=tuple(kind.texts)
    )
    check = says_absent() if kind.absent else moved
    return Task(slots, kind.files, policy, check, "from" if placed else "plain", absent=kind.absent)


@family(
    needs=("copy_file", "run_python", "list_files"),
    phrasings={
        "plain": (
            "Copy all {ending} files into {folder}",
            "Put a copy of every {ending} file in {folder}.",
            "I want copies of the {ending} files in {folder}",
            "Duplicate each {ending} file into {folder}",
            "cp {ending} files to {folder}",
            "Back up all the {ending} files to {folder}",
            "The {ending} files should also be in {folder}, copy them",
            "Can you copy the {ending} files over to {folder}?",
            "Keep the {ending} files but have copies of all of them in {folder}",
            "{folder} should get a copy of any {ending} file here",
            "Make copies of all {ending} files, in {folder}, names unchanged",
            "Fill {folder} with copies of the {ending} files",
            "copies of {ending} files -> {folder}",
            "Secure every {ending} file by a copy in {folder}",
            "Leave the {ending} files where they are and place copies in {folder}",
            "For each {ending} file, put a copy under the same name in {folder}",
        ),
        "bak": (
            "Back up every {ending} file as its own name plus .bak",
            "Copy each {ending} file to the same name with .bak at the end",
            "Make a .bak copy of all {ending} files (append .bak to the name)",
            "For all {ending} files I want a backup beside it: full name, then .bak",
            "Give every {ending} file a copy with .bak added to its name",
            "Duplicate the {ending} files, the copies having .bak behind the whole name",
            "All {ending} files need a NAME.ending.bak next to them",
            "backup of the {ending} files: whole name + .bak",
            "Create backups of the {ending} files by appending .bak to the names of the copies",
            "Please keep a copy of each {ending} file, called like it with .bak tacked on",
            "cp every {ending} file to its name followed by .bak",
            "Secure the {ending} files: same folder, same name, .bak added at the end",
            "Before I touch the {ending} files, copy each one to its name with .bak after it",
            "Can you make copies of the {ending} files with an extra .bak at the end of the name?",
            "A backup for each {ending} file, please; its name is the old one and then .bak",
            "Save all {ending} files a second time with .bak stuck onto the name",
        ),
    },
    group="by_ending",
)
def copy_by_ending(dice: Dice) -> Task:
    """Copy all files with an ending into a folder, or each to NAME.bak."""
    variant = dice.choice(("plain", "bak"))
    kind = Kind(dice, placed=False)
    folder = dice.choice(("backup", "copies", "safe", new_folder(dice, {**kind.files, **kind.texts})))
    if folder in folders_of(kind.files):
        return copy_by_ending(dice)
    targets = {path: f"{path}.bak" if variant == "bak" else f"{folder}/{path}" for path in kind.texts}
    code = "import shutil\nfrom pathlib import Path\n"
    code += "" if variant == "bak" else f"Path({folder!r}).mkdir(exist_ok=True)\n"
    code += f"paths = sorted(Path().glob('*.{kind.ending}'))\nfor path in paths:\n"
    code += (
        f"    shutil.copy(path, {folder!r})\n"
        if variant == "plain"
        else "    shutil.copy(path, f'{path}.bak')\n"
    )
    code += "print(len(paths), 'copied')"

    def policy() -> Plan:
        if kind.absent:
            return (yield from kind.none())
        if kind.few:
            for path, target in targets.items():
                yield call("copy_file", source=path, target=target)
        else:
            yield call("run_python", code=code)
        return kind.counted("backed up with .bak at the end" if variant == "bak" else f"copied to {folder}")

    slots = {"ending": kind.said} | ({} if variant == "bak" else {"folder": folder_words(dice, folder)})
    copied = leaves({targets[path]: text for path, text in kind.texts.items()})
    return Task(
        slots, kind.files, policy, says_absent() if kind.absent else copied, variant, absent=kind.absent
    )


@family(
    needs=("delete_file", "run_python", "list_files"),
    phrasings={
        "plain": (
            "Delete all {ending} files",
            "Remove every {ending} file.",
            "Get rid of the {ending} files",
            "rm {ending} files, all of them",
            "The {ending} files can go",
            "I don't need any of the {ending} files, delete them",
            "Throw away each {ending} file here",
            "Clear out the {ending} files",
            "Can you erase whatever {ending} files there are?",
            "No {ending} file should be left",
            "Clean up: remove {ending} files",
            "Wipe the {ending} files, leave the others",
            "Everything that is a {ending} file is to be deleted",
            "Discard all the {ending} files in here",
            "{ending} files are junk. Trash them.",
            "Let all {ending} files disappear",
            "Purge this folder of {ending} files",
            "All files except the {ending} ones stay; delete those",
        ),
        "from": (
            "Delete all {ending} files in {source}",
            "Remove every {ending} file from {source}.",
            "Get rid of the {ending} files in {source}",
            "rm the {ending} files of {source}",
            "The {ending} files in {source} can go",
            "I don't need the {ending} files in {source}, delete them and only them",
            "Throw away each {ending} file that {source} holds",
            "Clear the {ending} files out of {source}",
            "Can you erase whatever {ending} files are in {source}?",
            "No {ending} file should be left in {source}",
            "Clean up {source}: remove its {ending} files",
            "Wipe the {ending} files in {source}, leave everything else",
            "Any {ending} file in {source} is to be deleted",
            "Discard all the {ending} files of {source}",
            "{source} has {ending} files that are junk. Trash them.",
            "Purge {source} of {ending} files",
        ),
    },
    group="by_ending",
)
def delete_by_ending(dice: Dice) -> Task:
    """Delete all files with an ending."""
    placed = dice.maybe(0.35)
    kind = Kind(dice, placed=placed, absent=0.17)
    code = (
        "from pathlib import Path\n"
        f"paths = sorted({kind.glob}.glob('*.{kind.ending}'))\n"
        "for path in paths:\n"
        "    path.unlink()\n"
        "print(len(paths), 'deleted')"
    )

    def policy() -> Plan:
        if kind.absent:
            return (yield from kind.none())
        if kind.few:
            for path in kind.texts:
                yield call("delete_file", path=path)
        else:
            yield call("run_python", code=code)
        return kind.counted("deleted")

    slots = {"ending": kind.said} | ({"source": folder_words(dice, kind.folder)} if placed else {})
    check = says_absent() if kind.absent else leaves(removed=tuple(kind.texts))
    return Task(slots, kind.files, policy, check, "from" if placed else "plain", absent=kind.absent)


@family(
    needs=("run_python", "list_files"),
    phrasings=(
        "Sort the files into folders named after their endings{like}",
        "Put each file into a folder that is called like its ending{like}.",
        "One folder per kind of file, please: move every file to the folder named as its ending{like}",
        "Move all files into subfolders by ending{like}",
        "Tidy this place up: a folder for each ending, all files moved into theirs{like}",
        "Organise these files by ending, in folders with the ending as their name{like}",
        "I want the files grouped in folders by their ending{like}",
        "Every file should be moved to a folder whose name is its ending{like}",
        "Group everything by file ending, a folder each{like}",
        "Can you distribute the files over folders that have the endings as names{like}?",
        "Make a folder for every ending and move the files that have it there{like}",
        "Arrange the files: same ending, same folder, and the ending is the folder's name{like}",
        "File everything by type into folders called after the ending{like}",
        "Clean up by ending: each file goes into the folder with that name{like}",
        "This is a mess. Separate the files into one folder for each ending{like}",
        "sort files by ending into folders{like}",
    ),
    group="by_ending",
)
def sort_by_ending(dice: Dice) -> Task:
    """Move every file into a folder called like its ending."""
    files: dict[str, str] = {}
    for ending in dice.some(tuple(dict.fromkeys(ENDINGS)), 2, 5):
        files |= some_with(dice, ending, dice.randint(1, 5), "", list(files))
    one = dice.choice(sorted(files)).rsplit(".", 1)[-1]
    like = dice.choice((f" (.{one} files go to {one}/)", f", like {one}/ for .{one}", f" ({one}/ and so on)"))
    code = (
        "from pathlib import Path\n"
        "for path in [path for path in Path().iterdir() if path.is_file()]:\n"
        "    folder = Path(path.suffix[1:])\n"
        "    folder.mkdir(exist_ok=True)\n"
        "    path.rename(folder / path.name)\n"
        "print(sorted(path.name for path in Path().iterdir()))"
    )

    def policy() -> Plan:
        yield call("run_python", code=code)
        names = sorted({path.rsplit(".", 1)[-1] for path in files})
        return f"The files are now in the folders {told(names)}."

    moved = {f"{path.rsplit('.', 1)[-1]}/{path}": text for path, text in files.items()}
    return Task({"like": like}, files, policy, leaves(moved, removed=tuple(files)))


@family(
    needs=("move_file", "run_python", "list_files"),
    phrasings=(
        "Change the ending of all {ending} files to {new}",
        "Rename every {ending} file so that it ends in {new}.",
        "The {ending} files should be {new} files, rename them",
        "Give each {ending} file the ending {new} instead",
        "Turn the names of all {ending} files into {new} ones",
        "{ending} -> {new} for all files that end so (rename only)",
        "Replace the ending of any {ending} file by {new}",
        "I need {new} as the ending of what are now {ending} files",
        "Can the {ending} files all be renamed to end with {new}?",
        "From now on {ending} files are to end in {new}",
        "Swap the ending {ending} for {new} in every file name",
        "All files ending in {ending} get {new} as their ending, the rest of the name stays",
        "rename {ending} files to {new}, keeping their stems",
        "Let all {ending} files have the ending {new}; content as it is",
        "Switch the file ending from {ending} to {new} wherever it occurs",
        "Wherever a name ends in {ending}, make that {new}",
        "We use {new} rather than {ending}; please rename the files to match",
    ),
    group="rename_pattern",
)
def change_ending(dice: Dice) -> Task:
    """Rename all files with an ending so that they have another."""
    kind = Kind(dice, placed=False)
    new = dice.choice([each for each in (*ENDINGS, "text", "bak", "old", "tsv") if each != kind.ending])
    targets = {path: f"{path.rsplit('.', 1)[0]}.{new}" for path in kind.texts}
    if any(target in kind.files for target in targets.values()):
        return change_ending(dice)
    code = (
        "import os\n"
        "for name in sorted(os.listdir()):\n"
        "    stem, ending = os.path.splitext(name)\n"
        f"    if ending == '.{kind.ending}':\n"
        f"        os.rename(name, stem + '.{new}')\n"
        f"        print(stem + '.{new}')"
    )

    def policy() -> Plan:
        if kind.absent:
            return (yield from kind.none())
        if kind.few:
            for path, target in targets.items():
                yield call("move_file", source=path, target=target)
        else:
            yield call("run_python", code=code)
        return f"All .{kind.ending} files now end in .{new}."

    renamed = leaves({targets[path]: text for path, text in kind.texts.items()}, removed=tuple(kind.texts))
    slots = {"ending": f".{kind.ending}", "new": dice.choice((f".{new}", f".{new}", new))}
    check = says_absent() if kind.absent else renamed
    return Task(slots, kind.files, policy, check, absent=kind.absent)


@family(
    needs=("move_file", "run_python", "list_files"),
    phrasings={
        "before": (
            'Put "{part}" before the name of every {ending} file',
            'Add the prefix "{part}" to all {ending} files',
            'Rename the {ending} files so that each starts with "{part}".',
            'Every {ending} file should have "{part}" in front of its name',
            'Prefix all {ending} file names by "{part}"',
            'I want "{part}" at the beginning of the names of all {ending} files',
            '{ending} files: new name = "{part}" + old name',
            'Stick "{part}" onto the front of each {ending} file\'s name',
            'Let the names of the {ending} files begin with "{part}", followed by the old name',
            'Can you rename all {ending} files by adding "{part}" at the start?',
            'The {ending} files lack the prefix "{part}"; add it',
            'Prepend "{part}" to the name of any {ending} file',
            'Give all the {ending} files names that start with "{part}" and go on as before',
            'Insert "{part}" at the front of all the {ending} names',
            'rename {ending} files: "{part}" first, then what they are called now',
            'All {ending} names get "{part}" ahead of them',
        ),
        "after": (
            'Put "{part}" after the name of every {ending} file, before the ending',
            'Add "{part}" to the names of all {ending} files, just before the ending',
            'Rename the {ending} files so that "{part}" stands between name and ending.',
            'Every {ending} file should have "{part}" at the end of its name (the ending itself stays)',
            'I want "{part}" inserted right before the ending of all {ending} files',
            '{ending} files: new name = old stem + "{part}" + same ending',
            'Stick "{part}" onto each {ending} file\'s name in front of its ending',
            'Let the stems of the {ending} files end with "{part}"; do not alter the endings',
            'Can you rename all {ending} files by adding "{part}" just in front of the ending?',
            'The {ending} files lack "{part}" at the end of the stem; add it',
            'Append "{part}" to the stem of any {ending} file',
            'Give all the {ending} files names with "{part}" tacked on before the ending',
            'suffix "{part}" for the stems of all {ending} files, ending unchanged',
            'rename {ending} files: what they are called now, then "{part}", then the ending',
            'Mark each {ending} file by "{part}" between its name and its ending',
            'All {ending} names get "{part}" behind them but ahead of the ending',
        ),
    },
    group="rename_pattern",
)
def add_to_names(dice: Dice) -> Task:
    """Put a word before or after the names of all files with an ending."""
    variant = dice.choice(("before", "after"))
    kind = Kind(dice, placed=False)
    word = dice.choice(
        (dice.noun(), dice.adjective(), str(dice.randint(2019, 2027)), dice.made_up(), "old", "new", "draft")
    )
    dash = dice.choice(("_", "_", "-"))
    part = f"{word}{dash}" if variant == "before" else f"{dash}{word}"

    def renamed(path: str) -> str:
        stem, ending = path.rsplit(".", 1)
        return f"{part}{path}" if variant == "before" else f"{stem}{part}.{ending}"

    targets = {path: renamed(path) for path in kind.texts}
    if any(target in kind.files for target in targets.values()):
        return add_to_names(dice)
    new = f"{part!r} + name" if variant == "before" else f"stem + {part!r} + ending"
    code = (
        "import os\n"
        "for name in sorted(os.listdir()):\n"
        "    stem, ending = os.path.splitext(name)\n"
        f"    if ending == '.{kind.ending}':\n"
        f"        os.rename(name, {new})\n"
        f"        print({new})"
    )

    def policy() -> Plan:
        if kind.absent:
            return (yield from kind.none())
        if kind.few:
            for path, target in targets.items():
                yield call("move_file", source=path, target=target)
        else:
            yield call("run_python", code=code)
        where = "in front" if variant == "before" else "before the ending"
        return f'All .{kind.ending} files now have "{part}" {where}.'

    done = leaves({targets[path]: text for path, text in kind.texts.items()}, removed=tuple(kind.texts))
    check = says_absent() if kind.absent else done
    return Task({"part": part, "ending": kind.said}, kind.files, policy, check, variant, absent=kind.absent)


_ODD_NAMES: dict[str, tuple[str, Callable[[Sequence[str]], str], Callable[[str], str]]] = {
    "space_to_underscore": ("name.replace(' ', '_')", " ".join, lambda name: name.replace(" ", "_")),
    "space_to_hyphen": ("name.replace(' ', '-')", " ".join, lambda name: name.replace(" ", "-")),
    "underscore_to_hyphen": ("name.replace('_', '-')", "_".join, lambda name: name.replace("_", "-")),
    "hyphen_to_underscore": ("name.replace('-', '_')", "-".join, lambda name: name.replace("-", "_")),
    "lower": ("name.lower()", lambda words: "".join(word.capitalize() for word in words), str.lower),
}
"""For each variant: what the program says, how odd names look, and what becomes of them."""


def _swapping(of: str, old: str, to: str, new: str) -> tuple[str, ...]:
    return (
        f"Replace {of} in all file names by {to}",
        f"Rename the files so that their names have {to} instead of {of}.",
        f"No {of} in file names please, use {to}",
        f"Every {old} in a file name should become {new}",
        f"The file names here contain {of}; turn them into {to}",
        f"Change each {old} to {new} in the names of these files",
        f"I want {to} rather than {of} in all the names",
        f"Swap {of} for {to} in the file names",
        f"Get rid of {of} in the names of the files, with {to} in their place",
        f"file names: {of} -> {to}",
        f"Can you rename all files that have {of} in their name, writing {to} there?",
        f"Wherever a file's name holds {old}, put {new}",
        f"Fix the names of the files: {to} where there are {of} now",
        f"Substitute {to} for {of} in every file's name",
        f"Clean the file names of {of} ({new} for each {old})",
        f"All files should be renamed to have {to} for {of}",
    )


@family(
    needs=("run_python", "list_files"),
    phrasings={
        "space_to_underscore": _swapping("spaces", "space", "underscores", "an underscore"),
        "space_to_hyphen": _swapping("spaces", "space", "hyphens", "a hyphen"),
        "underscore_to_hyphen": _swapping("underscores", "underscore", "hyphens", "a hyphen"),
        "hyphen_to_underscore": _swapping("hyphens", "hyphen", "underscores", "an underscore"),
        "lower": (
            "Make all file names lower case",
            "Rename the files so that no name has capital letters.",
            "The file names should be all lowercase",
            "Turn every file name into small letters",
            "Lower-case the names of all files here",
            "I don't like capitals in file names, change them to lower case",
            "Change the names of the files to lowercase letters only",
            "Convert the file names to lower case",
            "Names of files: lowercase, all of them",
            "No upper-case letter should be left in any file's name; use the small one",
            "Can you rename everything to lowercase?",
            "Let each file be called the same but in lower case",
            "Put all the names of these files in lower-case letters",
            "Some files have capital letters in their names. Rename them to lower case",
            "Rewrite the file names without capitals, small letters in their stead",
            "Get all names to lower case, contents unchanged",
        ),
    },
    group="tidy_names",
)
def tidy_names(dice: Dice) -> Task:
    """Rename all files by one rule for their letters."""
    variant = dice.choice(tuple(_ODD_NAMES))
    says_it, odd, mended = _ODD_NAMES[variant]
    files: dict[str, str] = {}
    for _ in range(dice.randint(3, 12)):
        words = dice.nouns(dice.choice((1, 2, 2, 2, 3)))
        name = f"{odd(words)}.{dice.choice(ENDINGS)}"
        files[name] = text_for(dice, name)
    targets = {path: mended(path) for path in files if mended(path) != path}
    if not targets or len({mended(path) for path in files}) < len(files):
        return tidy_names(dice)
    code = (
        "import os\n"
        "for name in sorted(os.listdir()):\n"
        f"    new = {says_it}\n"
        "    if new != name:\n"
        "        os.rename(name, new)\n"
        "        print(new)"
    )

    def policy() -> Plan:
        yield call("run_python", code=code)
        return "All file names are mended."

    done = leaves({target: files[path] for path, target in targets.items()}, removed=tuple(targets))
    return Task({}, files, policy, done, variant)


_MENTIONS = (
    "Ask about {what} before {day}.",
    "A note on {what}, see the {noun}.",
    "{what} came up again in {city}.",
    "The {noun} has to do with {what}.",
    "We talked about {what} and the {noun}.",
    "Nothing new from {what} so far.",
    "Keep {what} in mind for {day}.",
    "{name} sent something on {what}.",
)


def something(dice: Dice) -> str:
    """What a text may mention and no other text does."""
    return dice.choice(
        (
            dice.full_name(),
            dice.full_name(),
            dice.made_up(),
            f"{dice.adjective()} {dice.noun()}",
            f"{dice.noun()} {dice.code().lstrip('#')}",
            f"{dice.choice(('ACME', 'Orbit', 'Nova', 'Delta'))}-{dice.randint(100, 9999)}",
            dice.email(dice.full_name()),
        )
    )


def mentioning(dice: Dice, what: str) -> str:
    """A text with a line that mentions it."""
    lines = [a_line(dice) for _ in range(dice.randint(1, 9))]
    lines = [line for line in lines if what.lower() not in line.lower()]
    line = dice.choice(_MENTIONS).format(
        what=what,
        noun=dice.noun(),
        name=dice.first_name(),
        city=dice.city(),
        day=dice.choice(("Monday", "Friday")),
    )
    lines.insert(dice.randint(0, len(lines)), line)
    return "\n".join(lines) + "\n"


class Mention:
    """Some files that mention a thing, among others that do not."""

    def __init__(self, dice: Dice, count: int, *, absent: float = 0.15) -> None:
        self.what = something(dice)
        self.texts: dict[str, str] = {}
        while len(self.texts) < count:
            path = a_path(dice, self.texts, dice.choice(("txt", "txt", "md", "log", "dat")))
            self.texts[path] = mentioning(dice, self.what)
        others: dict[str, str] = {}
        for _ in range(dice.randint(2, 5)):
            path = a_path(dice, [*self.texts, *others], dice.choice(("txt", "txt", "md", "log", "dat")))
            other = something(dice)
            text = mentioning(dice, other)
            if self.what.lower() not in text.lower():
                others[path] = text
        self.files = among(dice, {**others, **self.texts}, avoid=[self.what])
        self.absent = dice.maybe(absent)
        if self.absent:
            self.files = {path: text for path, text in self.files.items() if path not in self.texts}
            self.texts = {}
        self.said = dice.choice((self.what, self.what, f'"{self.what}"'))

    def in_order(self) -> list[str]:
        """The files as a search shows them."""
        return sorted(self.texts)


@family(
    needs=("find_text", "move_file", "copy_file", "delete_file", "list_files"),
    phrasings={
        "move": (
            "Move the file that mentions {what} into {folder}",
            "One file speaks of {what}; put it in {folder}.",
            "Find the file with {what} in it and move it to {folder}",
            "Whichever file contains {what} belongs in {folder}",
            "The document about {what} should be in {folder}, move it",
            "Look for {what} and shift the file it is in to {folder}",
            "There's a file naming {what} somewhere. I want it moved to {folder}",
            "mv the file that has {what} in its text to {folder}",
            "Which file talks about {what}? Relocate it to {folder}",
            "Search my files for {what}, then file the one you find in {folder}",
            "Please get the file where {what} is mentioned into {folder}",
            "Take the file in which {what} occurs and stick it in {folder}",
            "{folder} is the place for the file that refers to {what}",
            "Locate {what} in these files; the file it stands in moves to {folder}",
            "I forgot what the file with {what} is called, but it should go to {folder}",
            "file mentioning {what} -> move to {folder}",
        ),
        "copy": (
            "Copy the file that mentions {what} into {folder}",
            "One file speaks of {what}; put a copy of it in {folder}.",
            "Find the file with {what} in it and copy it to {folder}",
            "Whichever file contains {what}, I need a copy of it in {folder}",
            "The document about {what} should be in {folder} as well, copy it",
            "Look for {what} and duplicate the file it is in into {folder}",
            "There's a file naming {what} somewhere. I want it copied to {folder}",
            "cp the file that has {what} in its text to {folder}",
            "Which file talks about {what}? Place a copy in {folder}",
            "Search my files for {what}, then back the one you find up to {folder}",
            "Please get a copy of the file where {what} is mentioned into {folder}",
            "Take the file in which {what} occurs and drop a copy in {folder}",
            "{folder} should have a copy of the file that refers to {what}",
            "Locate {what} in these files; the file it stands in is to be copied to {folder}",
            "I forgot what the file with {what} is called, but make a copy of it in {folder}",
            "file mentioning {what} -> copy to {folder}",
        ),
        "delete": (
            "Delete the file that mentions {what}",
            "One file speaks of {what}; remove it.",
            "Find the file with {what} in it and delete it",
            "Whichever file contains {what} can go",
            "The document about {what} should be erased",
            "Look for {what} and get rid of the file it is in",
            "There's a file naming {what} somewhere. I want it deleted",
            "rm the file that has {what} in its text",
            "Which file talks about {what}? Throw it away",
            "Search my files for {what}, then delete the one you find",
            "Please erase the file where {what} is mentioned",
            "Take the file in which {what} occurs off the disk, the whole file",
            "We no longer need the file that refers to {what}, trash it",
            "Locate {what} in these files; the file it stands in must be removed",
            "I forgot what the file with {what} is called, but it has to be discarded",
            "file mentioning {what} -> bin",
        ),
    },
    group="mention_place",
)
def place_mentioning(dice: Dice) -> Task:
    """Find the file that mentions a thing, and move, copy or delete it."""
    variant = dice.choice(("move", "copy", "delete"))
    found = Mention(dice, 1)
    path = next(iter(found.texts), "x")
    folder = other_folder(dice, found.files, path)
    target = f"{folder}/{base(path)}"

    def policy() -> Plan:
        yield call("find_text", pattern=found.what)
        if found.absent:
            return f"No file mentions {found.what}."
        match variant:
            case "move":
                yield call("move_file", source=path, target=target)
                return f"{path} mentions {found.what} and is now in {folder}."
            case "copy":
                yield call("copy_file", source=path, target=target)
                return f"{path} mentions {found.what} and is copied to {folder}."
            case _:
                yield call("delete_file", path=path)
                return f"{path} mentions {found.what} and is deleted."

    slots = {"what": found.said} | ({} if variant == "delete" else {"folder": folder_words(dice, folder)})
    placed = {} if variant == "delete" else {target: found.texts.get(path, "")}
    check = leaves(placed, removed=() if variant == "copy" else tuple(found.texts))
    check = says_absent() if found.absent else check
    return Task(slots, found.files, policy, check, variant, absent=found.absent)


@family(
    needs=("find_text", "make_folder", "move_file", "copy_file", "write_file", "list_files"),
    phrasings={
        "move": (
            "Make a folder {folder} and move every file that mentions {what} into it",
            "All files that speak of {what} should be moved to a new folder {folder}.",
            "Create the directory {folder}, then put the files with {what} in them there",
            "Find the files containing {what}; they go into a folder {folder} that you make",
            "mkdir {folder} and mv whatever files mention {what} into it",
            "I want a folder {folder} to which each file naming {what} is moved",
            "Gather the files about {what} in a new folder {folder}",
            "Search for {what}, set up a folder {folder} and move the files you found",
            "New folder {folder}: every file where {what} occurs is moved in",
            "Which files refer to {what}? Make a folder {folder} and shift them there",
            "Open a folder named {folder} for the files with {what} in their text, and move them",
            "Start a folder {folder}; any file mentioning {what} has to move in there",
            "Please collect (move, not copy) all files that have {what} in them in a new folder {folder}",
            "Look through the files for {what}. Those that have it get moved to a new directory {folder}",
            "Whatever mentions {what} belongs in its own folder {folder}, create it and move them",
            "Build a folder {folder} out of the files which contain {what}",
        ),
        "copy": (
            "Make a folder {folder} and copy every file that mentions {what} into it",
            "All files that speak of {what} should be copied to a new folder {folder}.",
            "Create the directory {folder}, then put copies of the files with {what} in them there",
            "Find the files containing {what}; copies go into a folder {folder} that you make",
            "mkdir {folder} and cp whatever files mention {what} into it",
            "I want a folder {folder} with a copy of each file naming {what}",
            "Gather copies of the files about {what} in a new folder {folder}",
            "Search for {what}, set up a folder {folder} and copy the files you found",
            "New folder {folder}: every file where {what} occurs is copied in",
            "Which files refer to {what}? Make a folder {folder} and copy them there",
            "Open a folder named {folder} and place duplicates of the files with {what} in their text in it",
            "Start a folder {folder}; any file mentioning {what} needs a copy in there",
            "Please back up all files that have {what} in them in a new folder {folder}",
            "Look through the files for {what}. Those that have it get copied to a new directory {folder}",
            "Whatever mentions {what} should also be in a folder {folder}, create it and copy them",
            "Fill a new folder {folder} with copies of the files which contain {what}",
        ),
        "index": (
            (
                "Make a folder {folder}, move every file that mentions "
                "{what} into it and list the names in {index}, one per line"
            ),
            (
                "Move the files that speak of {what} to a new folder {folder}; "
                "write their names to {index}, one per line."
            ),
            (
                "Create the directory {folder}, put the files with {what} in "
                "there, and save the file names as {index}, one a line"
            ),
            (
                "Find the files containing {what}, move them to a new "
                "folder {folder}, record their names in {index} line by line"
            ),
            (
                "mkdir {folder}, mv the files mentioning {what} into it, "
                "write the names (one per line) to {index}"
            ),
            (
                "I want all files naming {what} moved to a new folder {folder}, "
                "and {index} to list those names line by line"
            ),
            (
                "Gather the files about {what} in a new folder {folder} and put "
                "a list of the names in {index}, one per line"
            ),
            (
                "Search for {what}, make a folder {folder}, move the files "
                "you found, and name them in {index}, one to a line"
            ),
            (
                "New folder {folder} for the files where {what} occurs (move "
                "them); {index} gets their names, a line each"
            ),
            (
                "Which files refer to {what}? Move them into a new folder "
                "{folder} and jot the names down in {index}, one per line"
            ),
            (
                "Set up a folder {folder}, shift all files with {what} there, "
                "and note the names in {index}, one a line"
            ),
            (
                "Start a folder {folder}; any file mentioning {what} moves in "
                "there. Then store the names in {index}, one each line."
            ),
            (
                "Please collect all files that have {what} in them in a new "
                "folder {folder}, and list the names in {index}, one a line"
            ),
            (
                "Move what mentions {what} to {folder}, a new folder, and "
                "log the moved names in {index}, one per line"
            ),
            (
                "Whatever mentions {what} moves to its own new folder "
                "{folder}. The names go to {index}, line by line."
            ),
            (
                "Build a folder {folder} from the files which contain {what}, and "
                "write {index} with their names, a line for each"
            ),
        ),
    },
    group="mention_collect",
)
def collect_mentioning(dice: Dice) -> Task:
    """Find the files that mention a thing, bring them into a new folder, perhaps list them."""
    variant = dice.choice(("move", "copy", "index", "index"))
    found = Mention(dice, dice.choice((1, 2, 2, 3, 3)), absent=0.12)
    folder = new_folder(dice, {**found.files, **found.texts})
    index = f"{dice.choice(('index', 'found', 'names', 'list', 'moved'))}.{dice.choice(('txt', 'txt', 'md'))}"
    if index in found.files:
        return collect_mentioning(dice)
    paths = found.in_order()
    names = [base(path) for path in paths]

    def policy() -> Plan:
        yield call("find_text", pattern=found.what)
        if found.absent:
            return f"No file mentions {found.what}."
        yield call("make_folder", path=folder)
        for path in paths:
            tool = "copy_file" if variant == "copy" else "move_file"
            yield call(tool, source=path, target=f"{folder}/{base(path)}")
        if variant == "index":
            yield call("write_file", path=index, content="\n".join(names))
        are, did = "is" if len(names) == 1 else "are", "copied" if variant == "copy" else "moved"
        return (
            f"{told(names)} {are} {did} to {folder}{f' and listed in {index}' if variant == 'index' else ''}."
        )

    placed = {f"{folder}/{base(path)}": text for path, text in found.texts.items()}
    gone = () if variant == "copy" else tuple(paths)
    check = leaves(placed, removed=gone)
    if variant == "index":
        spelled = {path: (base(path), f"{folder}/{base(path)}") for path in paths}
        check = listed_in(index, spelled, check)
    slots = {"what": found.said, "folder": folder} | ({"index": index} if variant == "index" else {})
    check = says_absent() if found.absent else check
    return Task(slots, found.files, policy, check, variant, absent=found.absent)


@family(
    needs=("find_text", "move_file", "append_file", "list_files"),
    phrasings=(
        'Find the file that mentions {what}, rename it to {target} and add the line "{line}" to it',
        'The file with {what} in it should be called {target} and end with "{line}".',
        'Look for {what}; rename the file it is in to {target}, then append "{line}"',
        'Search for {what}. The file you find: new name {target}, new last line "{line}"',
        'Whichever file contains {what}: call it {target} and put "{line}" at its end',
        'One file speaks of {what}. Give it the name {target}, and write "{line}" at the bottom of it',
        'Rename the file naming {what} to {target}; after that add "{line}" as its last line',
        'mv the file that has {what} in it to {target} and append "{line}"',
        'I want the file about {what} to be named {target} and to get a further line "{line}" at the end',
        'Which file refers to {what}? Make its name {target} and tack the line "{line}" onto it',
        'Locate {what}, turn that file into {target}, and stick "{line}" in as the last line',
        'Please rename the document where {what} occurs ({target}) and extend it by the line "{line}"',
        'file mentioning {what} -> {target}, plus a last line "{line}"',
        'There is a file with {what} somewhere: change its name to {target}, then note "{line}" at its end',
        'Take the file in which {what} is mentioned, name it {target}, let it close with the line "{line}"',
        (
            "Could you find {what}, rename the file that has it to "
            '{target} and then add "{line}" as a final line?'
        ),
    ),
    group="mention_chain",
)
def rename_mentioning(dice: Dice) -> Task:
    """Find the file that mentions a thing, rename it, and add a line."""
    found = Mention(dice, 1)
    path = next(iter(found.texts), a_path(dice, found.files, "txt"))
    target = beside(path, a_path(dice, {**found.files, path: ""}, path.rsplit(".", 1)[-1], top=True))
    line = a_line(dice)

    def policy() -> Plan:
        yield call("find_text", pattern=found.what)
        if found.absent:
            return f"No file mentions {found.what}."
        yield call("move_file", source=path, target=target)
        yield call("append_file", path=target, content=line)
        return f'{path} is now {target} and ends with "{line}".'

    done = leaves({target: appended(found.texts.get(path, ""), line)}, removed=(path,))
    slots = {"what": found.said, "target": quoted(dice, target), "line": line}
    check = says_absent() if found.absent else done
    return Task(slots, found.files, policy, check, absent=found.absent)


@family(
    needs=("read_file", "move_file", "copy_file", "delete_file", "list_files"),
    phrasings={
        "move": (
            "Move the files named in {path} into {folder}",
            "{path} lists some files; put them in {folder}.",
            "Every file that {path} names should go to {folder}",
            "Read {path} and move what it lists to {folder}",
            "mv each file of the list in {path} to {folder}",
            "I wrote down in {path} which files belong in {folder}; move them",
            "Shift the files that stand in {path} to {folder}",
            "See {path} for the names of files to be moved to {folder}",
            "Work through {path}: each file named there moves to {folder}",
            "Look at the list {path} and file all of those in {folder}",
            "The files on the list {path} have to be relocated to {folder}",
            "Take {path} as a list of files and bring them into {folder}",
            "Can you move whatever is listed in {path} to {folder}?",
            "Into {folder} with all files that {path} mentions by name",
            "{folder} gets the files enumerated in {path}",
            "files listed in {path} -> {folder} (move)",
        ),
        "copy": (
            "Copy the files named in {path} into {folder}",
            "{path} lists some files; put copies of them in {folder}.",
            "Every file that {path} names should be copied to {folder}",
            "Read {path} and copy what it lists to {folder}",
            "cp each file of the list in {path} to {folder}",
            "I wrote down in {path} which files I want copies of in {folder}",
            "Duplicate the files that stand in {path} into {folder}",
            "See {path} for the names of files to be copied to {folder}",
            "Work through {path}: each file named there needs a copy in {folder}",
            "Look at the list {path} and back all of those up to {folder}",
            "The files on the list {path} have to be copied to {folder}",
            "Take {path} as a list of files and place copies of them in {folder}",
            "Can you copy whatever is listed in {path} to {folder}?",
            "Copies of all files that {path} mentions by name go into {folder}",
            "{folder} gets copies of the files enumerated in {path}",
            "files listed in {path} -> {folder} (copy)",
        ),
        "delete": (
            "Delete the files named in {path}",
            "{path} lists some files; remove them.",
            "Every file that {path} names can go, but {path} itself stays",
            "Read {path} and delete what it lists",
            "rm each file of the list in {path}",
            "I wrote down in {path} which files to get rid of; do that",
            "Erase the files that stand in {path}",
            "See {path} for the names of files to be deleted",
            "Work through {path}: each file named there is to be removed",
            "Look at the list {path} and throw all of those away",
            "The files on the list {path} have to be deleted (not the list)",
            "Take {path} as a list of files and discard them",
            "Can you delete whatever is listed in {path}?",
            "Trash all files that {path} mentions by name",
            "Clear away the files enumerated in {path}",
            "files listed in {path} -> bin",
        ),
    },
    group="listed",
)
def files_listed(dice: Dice) -> Task:
    """Move, copy or delete the files that a list names."""
    variant = dice.choice(("move", "copy", "delete"))
    texts: dict[str, str] = {}
    for _ in range(dice.choice((2, 3, 3, 4, 5))):
        path = a_path(dice, texts)
        texts[path] = text_for(dice, path)
    listed = (
        f"{dice.choice(('list', 'names', 'todo', 'files', dice.noun()))}.{dice.choice(('txt', 'txt', 'md'))}"
    )
    mark = dice.choice(("", "", "- ", "* "))
    files = among(dice, {**texts, listed: "\n".join(f"{mark}{path}" for path in texts)})
    folder = new_folder(dice, files)

    def policy() -> Plan:
        yield from look(files, listed)
        yield call("read_file", path=listed)
        for path in texts:
            match variant:
                case "move":
                    yield call("move_file", source=path, target=f"{folder}/{base(path)}")
                case "copy":
                    yield call("copy_file", source=path, target=f"{folder}/{base(path)}")
                case _:
                    yield call("delete_file", path=path)
        did = {"move": f"moved to {folder}", "copy": f"copied to {folder}", "delete": "deleted"}[variant]
        return f"{told(list(texts))} are {did}."

    placed = {} if variant == "delete" else {f"{folder}/{base(path)}": text for path, text in texts.items()}
    check = leaves(placed, removed=() if variant == "copy" else tuple(texts))
    slots = {"path": listed} | ({} if variant == "delete" else {"folder": folder_words(dice, folder)})
    return Task(slots, files, policy, check, variant)


@family(
    needs=("write_file", "run_python", "list_files"),
    phrasings=(
        "Write the names of all {ending} files to {target}, one per line",
        "Save a list of the {ending} files as {target}, every name on its own line.",
        "{target} should name every {ending} file, each on its own line",
        "Make a list of the {ending} files, one name a line, and save it as {target}",
        "I need {target} with the names of the {ending} files (one on each line)",
        "Put a list of all {ending} files into {target}, with a line for every file name",
        "Which {ending} files are there? Write their names line by line to {target}",
        "ls of the {ending} files into {target}, one per line",
        "Record in {target} what {ending} files exist here, a line for each",
        "Save the file names ending in {ending} to {target}, one below the other",
        "Create {target}, which lists each {ending} file by name on a separate line",
        "Jot down the {ending} file names in {target}, one per row",
        "Store an inventory of {ending} files in {target}: just names, a line apiece",
        "names of {ending} files -> {target}, one per line",
        "Could {target} hold a list of all the {ending} files, one name per line?",
        "Enumerate the {ending} files in a new file {target}, one each line",
        "For my overview, drop the names of the {ending} files into {target}, every name on a line",
    ),
    group="listing",
)
def list_to_file(dice: Dice) -> Task:
    """Write the names of all files with an ending to a file."""
    kind = Kind(dice, placed=False, absent=0)
    ending = dice.choice([each for each in ("txt", "md", "log", "lst") if each != kind.ending])
    target = a_path(dice, kind.files, ending, top=True)
    names = sorted(kind.texts)
    code = (
        "from pathlib import Path\n"
        f"names = sorted(path.name for path in Path().glob('*.{kind.ending}'))\n"
        f"Path({target!r}).write_text('\\n'.join(names) + '\\n')\n"
        "print(len(names), 'names')"
    )

    def policy() -> Plan:
        if kind.few:
            yield call("write_file", path=target, content="\n".join(names))
        else:
            yield call("run_python", code=code)
        count = len(names)
        return f"{target} now lists {count} .{kind.ending} file{'s' if count != 1 else ''}."

    others = both(in_order(target, names), lambda after: leaves({target: after.files.get(target, "")})(after))
    return Task({"ending": kind.said, "target": quoted(dice, target)}, kind.files, policy, others)


@family(
    needs=("run_python", "list_files"),
    phrasings={
        "ending": (
            "How many {ending} files are there?",
            "Count the {ending} files.",
            "number of {ending} files?",
            "Tell me how many {ending} files I have here",
            "What is the number of {ending} files in this folder?",
            "I'd like to know how many of the files are {ending} files",
            "How many files end in {ending}?",
            "give me a count of the {ending} files",
            "Are there many {ending} files? How many exactly?",
            "The {ending} files, how many do we have?",
            "Say how many {ending} files there are",
            "Please count all files that end with {ending}",
            "how many of these files are of the {ending} kind",
            "Figure out the number of {ending} files",
            "total {ending} files here?",
            "Report how many {ending} files this place holds",
        ),
        "folder": (
            "How many files are in {folder}?",
            "Count the files in {folder}.",
            "number of files in {folder}?",
            "Tell me how many files {folder} holds",
            "What is the number of files in {folder}?",
            "I'd like to know how many files lie in {folder}",
            "How full is {folder}, I mean how many files does it have?",
            "give me a file count for {folder}",
            "Does {folder} have many files? How many exactly?",
            "The files in {folder}, how many are they?",
            "Say how many files there are in {folder}",
            "Please count whatever files {folder} contains",
            "how many files does {folder} contain",
            "Figure out the number of files inside {folder}",
            "total files in {folder}?",
            "Report how many files are stored in {folder}",
        ),
        "all": (
            "How many files are there, folders included?",
            "Count all files here, also those in folders.",
            "total number of files, including subfolders?",
            "Tell me how many files I have altogether, with the ones in folders",
            "What is the number of all files here, at every level?",
            "I'd like to know how many files this is in total, inside folders too",
            "How many files end up being here if you count those in the subfolders too?",
            "give me a count of all the files, recursively",
            "All files together, whatever folder they are in: how many?",
            "How many files do we have in all, subfolders and everything?",
            "Say how many files there are, in this folder and below",
            "Please count every file, no matter how deep it lies",
            "how many files overall, nested ones as well",
            "Figure out the total of files in the workspace, folders and all",
            "file count of the whole tree?",
            "Report how many files there are in total, counting the contents of folders",
        ),
    },
    group="count_files",
)
def count_files(dice: Dice) -> Task:
    """Say how many files there are: with an ending, in a folder, or in all."""
    variant = dice.choice(("ending", "folder", "all"))
    kind = Kind(dice, placed=variant == "folder", absent=0.13 if variant == "ending" else 0)
    inside = (
        [path for path in kind.files if path.startswith(f"{kind.folder}/")] if variant == "folder" else []
    )
    count = {"ending": len(kind.texts), "folder": len(inside), "all": len(kind.files)}[variant]
    if variant == "folder" and any(path.count("/") > 1 for path in inside):
        return count_files(dice)
    code = f"from pathlib import Path\nprint(len(list(Path().glob('*.{kind.ending}'))))"

    are, files = ("are", "files") if count != 1 else ("is", "file")

    def policy() -> Plan:
        match variant:
            case "ending":
                yield call("run_python", code=code)
                return f"There {are} {count or 'no'} .{kind.ending} {files}."
            case "folder":
                yield call("list_files", folder=kind.folder)
                return f"There {are} {count} {files} in {kind.folder}."
            case _:
                yield call("list_files", deep=True)
                return f"There {are} {count} {files} in all."

    check = both(untouched(), says(_number(count) if count else f"0|zero|no|{ABSENT}"))
    slots = {
        "ending": {"ending": kind.said},
        "folder": {"folder": folder_words(dice, kind.folder)},
        "all": {},
    }[variant]
    return Task(slots, kind.files, policy, check, variant, absent=count == 0)


_NUMBERS = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
]


def _number(count: int) -> str:
    return f"{count}|{_NUMBERS[count]}" if count < len(_NUMBERS) else str(count)


@family(
    needs=("list_files", "run_python"),
    phrasings={
        "all": (
            "Which file is the {which}?",
            "What is the {which} file here?",
            "Tell me the name of the {which} file.",
            "Find the {which} of these files",
            "{which} file?",
            "I want to know which file is {which} in bytes",
            "By size, which one is the {which} file?",
            "Name the {which} file in this folder and below",
            "Look at the sizes: which file is the {which}?",
            "Give me the {which} file's name",
            "Out of all the files, which is the {which}?",
            "Say which file here is the {which} one",
            "Compare the file sizes and report the {which}",
            "Could you check which file is the {which}?",
            "Determine the {which} file",
            "the {which} file, what's it called",
        ),
        "folder": (
            "Which file in {folder} is the {which}?",
            "What is the {which} file in {folder}?",
            "Tell me the name of the {which} file of {folder}.",
            "Find the {which} of the files in {folder}",
            "{which} file in {folder}?",
            "I want to know which file of {folder} is {which} in bytes",
            "By size, which one is the {which} file in {folder}?",
            "Name the {which} file that {folder} holds",
            "Look at the sizes in {folder}: which file is the {which}?",
            "Give me the name of the {which} file inside {folder}",
            "Out of the files in {folder}, which is the {which}?",
            "Say which file in {folder} is the {which} one",
            "Compare the file sizes in {folder} and report the {which}",
            "Could you check which file is the {which} in {folder}?",
            "Determine the {which} file of {folder}",
            "the {which} file in {folder}, what's it called",
        ),
    },
    group="sizes",
)
def by_size(dice: Dice) -> Task:
    """Say which file is the largest or the smallest."""
    variant = dice.choice(("all", "folder"))
    kind = Kind(dice, placed=variant == "folder", absent=0)
    which = dice.choice(("largest", "smallest", "biggest", "largest"))
    inside = {p: t for p, t in kind.files.items() if variant == "all" or p.startswith(f"{kind.folder}/")}
    sizes = {path: len(text.encode()) for path, text in inside.items()}
    ranked = sorted(sizes.values(), reverse=which != "smallest")
    if (
        len(ranked) < 2
        or ranked[0] == ranked[1]
        or (variant == "folder" and any(p.count("/") > 1 for p in inside))
    ):
        return by_size(dice)
    path = next(path for path, size in sizes.items() if size == ranked[0])
    best = "min" if which == "smallest" else "max"
    where = f"Path({kind.folder!r}).iterdir()" if variant == "folder" else "Path().rglob('*')"
    code = (
        "from pathlib import Path\n"
        f"paths = [path for path in {where} if path.is_file()]\n"
        f"path = {best}(paths, key=lambda path: path.stat().st_size)\n"
        "print(path, path.stat().st_size)"
    )

    def policy() -> Plan:
        shown = len(inside)
        if len(kind.files) <= GLANCE and shown <= 2 * FEW:
            if variant == "folder":
                yield call("list_files", folder=kind.folder)
            else:
                yield call("list_files", deep=True)
        else:
            yield call("run_python", code=code)
        return f"The {which} file is {path} with {ranked[0]:,} bytes."

    slots = {"which": which} | ({"folder": folder_words(dice, kind.folder)} if variant == "folder" else {})
    bases = [base(each) for each in inside]
    wanted = base(path) if bases.count(base(path)) == 1 else path
    check = both(untouched(), says(wanted, never=unasked(bases, path)))
    return Task(slots, kind.files, policy, check, variant)


@family(
    needs=("list_files",),
    phrasings=(
        "Which folder is {name} in?",
        "Where is {name}?",
        "In what folder can I find {name}?",
        "I'm looking for {name}, what folder did I put it in",
        "Tell me the folder of {name}.",
        "Find out where {name} is stored",
        "folder of {name}?",
        "{name}: which directory?",
        "Name the directory that {name} lies in",
        "Say where {name} is",
        "Do you see {name}? In which folder?",
        "Locate {name} for me",
        "What directory holds {name}?",
        "I lost {name}. Where is it?",
        "Look up the folder {name} is in",
        "Where did {name} end up, which folder?",
        "Give me the location of {name}",
        "which folder has {name}",
    ),
    group="where",
)
def where_is(dice: Dice) -> Task:
    """Say in which folder a file lies."""
    folder = dice.folder()
    folder = f"{folder}/{dice.folder([folder])}" if dice.maybe(0.2) else folder
    name = a_path(dice, top=True)
    path = f"{folder}/{name}"
    near = {path: text_for(dice, name)}
    for _ in range(dice.randint(1, 5)):
        other = f"{dice.folder()}/{a_path(dice, near, top=True)}"
        near[other] = text_for(dice, other)
    files = among(dice, near)
    if absent := dice.maybe(0.2):
        del files[path]

    def policy() -> Plan:
        if absent:
            return (yield from not_there(files, name))
        yield from look(files, path)
        return f"{name} is in {folder}."

    never = unasked((each.rpartition("/")[0] for each in files), folder, name)
    check = says_absent() if absent else both(untouched(), says(folder, never=never))
    return Task({"name": quoted(dice, name)}, files, policy, check, absent=absent)


@family(
    needs=("read_file", "write_file", "run_python", "list_files"),
    phrasings={
        "named": (
            "Join {paths} into {target}, in this order",
            "Put the contents of {paths} one after the other into {target}.",
            "Concatenate {paths} and save the result as {target}",
            "cat {paths} > {target}",
            "Combine {paths} to one file {target}, in the order given",
            "{target} should consist of {paths}, one below the other",
            "Merge {paths} into a single file called {target} (just append them in order)",
            "Make {target} out of {paths}: first things first, in that order",
            "I want the text of {paths} together in {target}, in sequence",
            "String together {paths} as {target}",
            "Write {target} with everything from {paths}, in that order",
            "Collect what is in {paths} in one file, {target}, keeping that order",
            "Can you glue {paths} together into {target}?",
            "One file instead of several: {paths} become {target} (leave the originals)",
            "Paste {paths} after one another into {target}",
            "Create {target} by joining {paths} end to end",
        ),
        "ending": (
            "Join all {ending} files, sorted by name, into {target}",
            "Put the contents of every {ending} file, in order of their names, into {target}.",
            "Concatenate the {ending} files alphabetically and save the result as {target}",
            "cat all {ending} files (sorted) into {target}",
            "Combine the {ending} files to one file {target}, in the order of their names",
            "{target} should consist of all {ending} files by name, one below the other",
            "Merge the {ending} files into a single file called {target}, sorted by file name",
            "Make {target} out of the {ending} files, alphabetical order",
            "I want the text of all {ending} files together in {target}, sorted by name",
            "String together the {ending} files in name order as {target}",
            "Write {target} with everything from the {ending} files, one after the other by name",
            "Collect what is in the {ending} files in one file, {target}, names in alphabetical order",
            "Can you glue all {ending} files together into {target}, by name?",
            "One file instead of many: append the {ending} files in name order to form {target}",
            "Paste the {ending} files after one another, sorted, into {target}",
            "Create {target} by joining every {ending} file end to end in alphabetical order",
        ),
    },
    group="join",
)
def join_files(dice: Dice) -> Task:
    """Write the contents of several files into one."""
    variant = dice.choice(("named", "ending"))
    ending = dice.choice(("txt", "txt", "md", "log", "dat"))
    count = dice.choice((2, 2, 3, 3, 4)) if variant == "named" else dice.choice((3, 4, 5, 6, 8))
    texts: dict[str, str] = {}
    while len(texts) < count:
        path = a_path(dice, texts, ending, top=variant == "ending")
        lines = [a_line(dice) for _ in range(dice.choice((1, 2, 2, 3, 3, 6, 12, 40)))]
        texts[path] = "\n".join(lines) + "\n"  # without it, cat and a join by lines differ
    files = among(dice, texts, without=[ending] if variant == "ending" else [])
    target = a_path(dice, files, ending if variant == "named" else "out", top=variant == "ending")
    if variant == "ending":
        target = f"{target.rsplit('.', 1)[0]}.{dice.choice([e for e in ('txt', 'md', 'all') if e != ending])}"
    if target in files or ("/" in target and target.rsplit("/", 1)[0] not in folders_of(files)):
        return join_files(dice)
    order = sorted(texts) if variant == "ending" else list(texts)
    code = "from pathlib import Path\n"
    code += f"paths = sorted(Path().glob('*.{ending}'))\n" if variant == "ending" else f"paths = {order!r}\n"
    code += "text = ''\nfor path in paths:\n    text += Path(path).read_text().rstrip('\\n') + '\\n'\n"
    code += f"Path({target!r}).write_text(text)\nprint(len(text.splitlines()), 'lines')"
    joined = "\n".join(texts[path].rstrip("\n") for path in order)

    def policy() -> Plan:
        yield from look(files, *order) if variant == "named" else ()
        short = 3
        if variant == "named" and len(order) == 2:
            seen: list[Seen] = []
            for path in order:
                if all(len(each.text.splitlines()) <= short for each in seen):
                    seen.append((yield call("read_file", path=path)))
            if len(seen) == 2 and len(seen[1].text.splitlines()) <= short:
                yield call("write_file", path=target, content=joined)
                return f"{target} now holds {told(order)}."
        yield call("run_python", code=code)
        return f"{target} now holds {told(order) if variant == 'named' else f'the .{ending} files'}."

    slots = {"target": quoted(dice, target)}
    slots |= {"paths": listing(dice, order)} if variant == "named" else {"ending": ending_words(dice, ending)}
    return Task(slots, files, policy, leaves({target: joined}), variant)


@family(
    needs=("run_python", "list_files"),
    phrasings={
        "at": (
            "Split {path}: its first {count} lines go to {one}, the rest to {two}",
            "Write the first {count} lines of {path} to {one} and all the others to {two}.",
            "Cut {path} after line {count} into {one} and {two}",
            "{one} should get the first {count} lines of {path}, {two} what follows",
            "Divide {path} into {one} (lines 1 to {count}) and {two} (everything after)",
            "Break {path} in two after {count} lines: {one}, then {two}",
            "Save lines 1-{count} of {path} as {one}, the remaining lines as {two}",
            "I need {path} in two parts: {one} with {count} lines, {two} with the remainder",
            "Take {path} apart. The top {count} lines into {one}, the other lines into {two}",
            "Store the beginning of {path} ({count} lines) in {one} and its rest in {two}",
            "Separate {path} at line {count}: up to it is {one}, beyond it is {two}",
            "Can you split {path} so that {one} has the first {count} lines and {two} the rest?",
            "Make two files of {path}, {one} being the first {count} lines and {two} all later ones",
            "split {path} after {count} lines -> {one}, {two}",
            "Put what comes in the first {count} lines of {path} into {one}; put the rest into {two}",
            "Out of {path} form {one} (its initial {count} lines) plus {two} (the lines left over)",
        ),
        "half": (
            "Split {path} in two halves by lines, {one} and {two}",
            "Write the first half of the lines of {path} to {one} and the second half to {two}.",
            "Cut {path} in the middle into {one} and {two}, the same number of lines in each",
            "{one} should get the first half of {path}'s lines, {two} the second half",
            "Divide {path} into {one} (upper half of the lines) and {two} (lower half)",
            "Break {path} into two parts with equally many lines: {one}, then {two}",
            "Save the first half of the lines in {path} as {one}, the other half as {two}",
            "I need {path} in two equal parts, line-wise: {one} first, {two} second",
            (
                "Take {path} apart in the middle. The top half of its "
                "lines into {one}, the bottom half into {two}"
            ),
            "Halve {path} by its lines: {one} and {two}",
            "Separate the lines of {path} into a first half {one} and a second half {two}",
            "Can you split {path} so that {one} has the first half of its lines and {two} the last half?",
            "Make two files of {path}, each with half the lines: {one}, {two}",
            "split {path} by lines, 50/50 -> {one}, {two}",
            "Put one half of the lines in {path} (the first) into {one}; put the second half into {two}",
            "Out of {path} form {one} with the first half of the lines plus {two} with the second",
        ),
    },
    group="split",
)
def split_file(dice: Dice) -> Task:
    """Write the first lines of a file to one file and the rest to another."""
    variant = dice.choice(("at", "half"))
    path = a_path(dice, ending=dice.choice(("txt", "txt", "md", "log", "dat")))
    lines = [a_line(dice) for _ in range(dice.choice((4, 6, 8, 12, 20, 40, 90, 160)))]
    count = len(lines) // 2 if variant == "half" else dice.randint(1, min(len(lines) - 1, 60))
    files = among(dice, {path: "\n".join(lines) + "\n"})
    stem, ending = path.rsplit(".", 1)
    names = dice.choice(
        (
            ("{0}_1.{1}", "{0}_2.{1}"),
            ("{0}-a.{1}", "{0}-b.{1}"),
            ("{0}_top.{1}", "{0}_rest.{1}"),
            ("part1.{1}", "part2.{1}"),
            (f"{dice.noun()}1.{{1}}", f"{dice.noun()}2.{{1}}"),
        )
    )
    one, two = (name.format(stem, ending) for name in names)
    if one in files or two in files:
        return split_file(dice)
    middle = "half" if variant == "half" else str(count)
    code = f"lines = open({path!r}).read().splitlines()\n"
    code += "half = len(lines) // 2\n" if variant == "half" else ""
    code += (
        f"open({one!r}, 'w').write('\\n'.join(lines[:{middle}]) + '\\n')\n"
        f"open({two!r}, 'w').write('\\n'.join(lines[{middle}:]) + '\\n')\n"
        f"print(len(lines[:{middle}]), len(lines[{middle}:]))"
    )

    def policy() -> Plan:
        yield from look(files, path)
        yield call("run_python", code=code)
        return f"{one} has {count} lines of {path}, and {two} has the other {len(lines) - count}."

    slots = {"path": quoted(dice, path), "one": quoted(dice, one), "two": quoted(dice, two)}
    if variant == "at":
        slots["count"] = str(count)
    parts = {one: "\n".join(lines[:count]), two: "\n".join(lines[count:])}
    return Task(slots, files, policy, leaves(parts), variant)


@family(
    needs=("move_file", "run_python", "list_files"),
    phrasings=(
        "Move the {ending} files to {folder} and the {other} files to {second}",
        "Put every {ending} file in {folder}, every {other} file in {second}.",
        "{ending} files belong in {folder}, {other} files in {second}",
        "I want the {ending} files gathered in {folder} and the {other} files in {second}",
        "Tidy up: {ending} goes to {folder}, {other} goes to {second}",
        "{ending} -> {folder}, {other} -> {second}; move the files",
        "Sort the files: those ending in {ending} into {folder}, those ending in {other} into {second}",
        "Two piles, please: {ending} files into {folder} and {other} files into {second}",
        "Shift all {ending} files over to {folder}; do the same with the {other} files and {second}",
        "Can you file the {ending} files under {folder} and the {other} ones under {second}?",
        "Relocate files by ending, {ending} to {folder} and {other} to {second}, nothing else",
        (
            "The {ending} files and the {other} files should be apart: the "
            "former in {folder}, the latter in {second}"
        ),
        "Let {folder} take all {ending} files and {second} all {other} files",
        "All {ending} files must move to {folder}. All {other} files must move to {second}.",
        "Separate {ending} files from {other} files by moving them to {folder} and {second}, respectively",
        "In {folder} I'd like the {ending} files, in {second} the {other} files. Move them there.",
        "Clean up this place, {ending} files to {folder}, {other} files to {second}",
    ),
    group="two_endings",
)
def move_two_endings(dice: Dice) -> Task:
    """Move the files of two endings into two folders."""
    one, two = dice.some(tuple(dict.fromkeys(ENDINGS)), 2, 2)
    counts = dice.choice(((1, 1), (1, 2), (2, 1), (2, 2), (2, 3), (3, 2), (4, 5), (6, 3), (8, 7)))
    first = some_with(dice, one, counts[0])
    texts = first | some_with(dice, two, counts[1], "", list(first))
    texts = dict(sorted(texts.items(), key=lambda item: (not item[0].endswith(f".{one}"), item[0])))
    files = among(dice, texts, without=[one, two])
    folder = new_folder(dice, files)
    second = new_folder(dice, {**files, f"{folder}/x": ""})
    folders = {f".{one}": folder, f".{two}": second}
    targets = {path: f"{folders['.' + path.rsplit('.', 1)[-1]]}/{path}" for path in texts}
    code = (
        "from pathlib import Path\n"
        f"folders = {folders!r}\n"
        "for path in [path for path in Path().iterdir() if path.suffix in folders]:\n"
        "    folder = Path(folders[path.suffix])\n"
        "    folder.mkdir(exist_ok=True)\n"
        "    path.rename(folder / path.name)\n"
        "    print(path.name, 'moved to', folder)"
    )

    def policy() -> Plan:
        if len(files) <= GLANCE and len(texts) <= FEW + 1:
            for path, target in targets.items():
                yield call("move_file", source=path, target=target)
        else:
            yield call("run_python", code=code)
        return f"The .{one} files are now in {folder}, and the .{two} files are in {second}."

    dot = dice.choice((".", ".", ""))
    slots = {"ending": f"{dot}{one}", "other": f"{dot}{two}"}
    slots |= {"folder": folder_words(dice, folder), "second": folder_words(dice, second)}
    moved = leaves({targets[path]: text for path, text in texts.items()}, removed=tuple(texts))
    return Task(slots, files, policy, moved)


@family(
    needs=("move_file", "delete_file", "run_python", "list_files"),
    phrasings=(
        "Move all files out of the folder {folder} to the top level and delete the empty folder",
        "Take everything out of the {folder} folder (to here), then remove that folder.",
        "Empty the directory {folder} into this folder and get rid of it",
        "mv what is in the folder {folder} up here, then rmdir it",
        "The folder {folder} should be dissolved: its files come up here, the folder goes",
        "I don't want a folder {folder} any more; bring its files up to the top and delete it",
        "Pull the files of folder {folder} up into the main folder and erase the folder afterwards",
        "Unpack the folder {folder}: move every file in it to the top level, then drop the folder",
        "Get all files from the {folder} directory up one level, after which the directory can go",
        "Flatten the folder {folder}: files to the top, no folder left",
        "Please clear the folder {folder} by moving its files here, and remove it once it is empty",
        "Everything in the folder {folder} belongs at the top. Move it there and throw the folder away.",
        "Can you shift the files in folder {folder} to the main level and then delete that folder?",
        "No more {folder} folder: its contents move to the top level, then it is deleted",
        (
            "Let the files inside the folder {folder} live at the top "
            "level instead and delete the leftover folder"
        ),
        "Relocate each file of the folder {folder} to the top folder; the empty folder is to be removed",
    ),
    group="flatten",
)
def flatten_folder(dice: Dice) -> Task:
    """Move all files out of a folder and delete it."""
    folder = dice.folder()
    inside: dict[str, str] = {}
    for _ in range(dice.choice((1, 2, 2, 3, 3, 4, 6, 9, 12))):
        name = a_path(dice, inside, top=True)
        inside[f"{folder}/{name}"] = text_for(dice, name)
    inside = dict(sorted(inside.items()))
    files = {
        path: text for path, text in among(dice, inside).items() if path in inside or f"{folder}/" not in path
    }
    code = (
        "from pathlib import Path\n"
        f"paths = sorted(Path({folder!r}).iterdir())\n"
        "for path in paths:\n"
        "    path.rename(path.name)\n"
        f"Path({folder!r}).rmdir()\n"
        "print(len(paths), 'moved')"
    )

    def policy() -> Plan:
        if len(files) <= GLANCE and len(inside) <= FEW:
            for path in inside:
                yield call("move_file", source=path, target=base(path))
            yield call("delete_file", path=folder)
        else:
            yield call("run_python", code=code)
        return f"The files of {folder} are moved to the top level, and {folder} is deleted."

    moved = leaves({base(path): text for path, text in inside.items()}, removed=tuple(inside))
    gone = both(moved, lambda after: folder not in after.folders)
    return Task({"folder": folder}, files, policy, gone)
