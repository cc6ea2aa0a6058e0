"""Files are copied, moved, renamed, deleted and made, one by one or in a chain."""

from collections.abc import Collection, Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import NamedTuple

from episodes.checks import ABSENT, After, Check, both, leaves, says, says_absent, untouched
from episodes.dice import Dice
from episodes.task import Call, Plan, Seen, Task, call, family

GLANCE = 30
"""Files that the first message names."""
ENDINGS = ("txt", "txt", "txt", "md", "csv", "json", "ini", "log", "py", "cfg", "yaml", "html", "dat")


def a_path(
    dice: Dice, taken: Mapping[str, object] | Sequence[str] = (), ending: str = "", *, top: bool = False
) -> str:
    """A path that is not taken; now and then its name has a space or a capital letter."""
    ending = ending or dice.choice(ENDINGS)
    names = {base(path) for path in taken}
    while True:
        path = dice.file(ending, taken)
        match dice.randrange(14):
            case 0:
                path = f"{dice.noun()} {dice.choice((dice.noun(), str(dice.randint(1, 40))))}.{ending}"
            case 1:
                path = f"{dice.noun().capitalize()}{dice.noun().capitalize()}.{ending}"
            case _:
                pass
        path = base(path) if top else path
        if base(path) not in names:
            return path


def base(path: str) -> str:
    """A file's name without its folder."""
    return path.rsplit("/", 1)[-1]


def beside(path: str, name: str) -> str:
    """A path in the same folder."""
    return str(PurePosixPath(path).with_name(name))


def text_for(dice: Dice, path: str) -> str:
    """A text as the file may hold it; never empty."""
    return dice.some_text(path.rsplit(".", 1)[-1])


def alike(dice: Dice, path: str) -> str:
    """A name that is easily taken for another."""
    stem, ending = path.rsplit(".", 1)
    other = dice.choice([each for each in ENDINGS if each != ending])
    return dice.choice(
        (
            *(f"{stem}{tail}.{ending}" for tail in ("_old", "_new", "2", "-copy", "s", f"_{dice.noun()}")),
            f"{stem}.{other}",
            f"my_{base(stem)}.{ending}",
        )
    )


def among(
    dice: Dice,
    files: Mapping[str, str],
    *,
    avoid: Sequence[str] = (),
    without: Sequence[str] = (),
    few: bool = False,
) -> dict[str, str]:
    """The files among others, now and then among more than the first message names.

    No other has one of the endings `without`, or a name that is among the files' names.
    """
    many = not few and dice.maybe(0.13)
    low, high = (GLANCE, GLANCE + 9) if many else (0, 7)
    cluttered = dice.clutter({}, low, high, avoid)
    names = {base(path) for path in files}
    others = {
        path: text
        for path, text in cluttered.items()
        if base(path) not in names and not any(path.endswith(f".{each.lstrip('.')}") for each in without)
    }
    return {**others, **files}


def with_alike(dice: Dice, path: str) -> dict[str, str]:
    """The file, and now and then one or two with names that look like its name."""
    files = {path: text_for(dice, path)}
    for _ in range(dice.choice((0, 0, 1, 1, 2))):
        other = alike(dice, path)
        files[other] = files.get(other) or text_for(dice, other)
    return files


def quoted(dice: Dice, path: str) -> str:
    """The path as somebody writes it: in quotes if it has a space, and now and then without need."""
    if " " in path or dice.maybe(0.06):
        return dice.choice(('"{}"', "'{}'", "`{}`")).format(path)
    return path


def listing(dice: Dice, names: Sequence[str]) -> str:
    """Names as somebody enumerates them."""
    names = [quoted(dice, name) for name in names]
    if len(names) == 1:
        return names[0]
    usual = f"{', '.join(names[:-1])} and {names[-1]}"
    return dice.choice((usual, usual, ", ".join(names), " and ".join(names)))


def told(names: Sequence[str]) -> str:
    """Names in the words of an answer."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def unseen(files: Mapping[str, str], *paths: str) -> bool:
    """Whether one of the paths is not named by the first message."""
    return any(path not in sorted(files)[:GLANCE] for path in paths)


def look(files: Mapping[str, str], *paths: str) -> Generator[Call, Seen, None]:
    """List the files, if the first message does not name these."""
    if unseen(files, *paths):
        yield call("list_files", deep=True)


def not_there(files: Mapping[str, str], name: str) -> Plan:
    """See that it is not there, and say so."""
    if len(files) > GLANCE:
        yield call("list_files", deep=True)
    return f"There is no {name} here."


def other_folder(dice: Dice, files: Mapping[str, str], path: str) -> str:
    """A folder that exists, or a name for a new one; nothing of the file's name is in it."""
    there = sorted(each for each in folders_of(files) if f"{each}/{base(path)}" not in files)
    return dice.choice(there) if there and dice.maybe(0.5) else new_folder(dice, files)


def new_folder(dice: Dice, files: Mapping[str, str]) -> str:
    """A name for a folder that is not there."""
    return dice.folder([*folders_of(files), *files])


def folders_of(files: Mapping[str, str]) -> set[str]:
    """Every folder that these files lie in."""
    return {str(parent) for path in files for parent in PurePosixPath(path).parents} - {"."}


def folder_words(dice: Dice, folder: str) -> str:
    """The folder as somebody writes it where no other word says that it is one."""
    return dice.choice((f"{folder}/", f"the {folder} folder", f"folder {folder}", f"{folder}/"))


def has_folders(*paths: str, passing: Collection[str] = ()) -> Check:
    """These folders are there, and no other was made but those of files that were there in `passing`."""

    def check(after: After) -> bool:
        wanted = {*paths, *folders_of({f"{path}/x": "" for path in paths})}
        known = folders_of(dict.fromkeys([*after.before, *after.files, *passing], "")) | wanted
        return wanted <= after.folders and after.folders <= known

    return check


def lacks_folder(path: str) -> Check:
    """This folder is gone."""
    return lambda after: path not in after.folders


def either(*checks: Check) -> Check:
    """One of the checks holds."""
    return lambda after: any(check(after) for check in checks)


def listed_in(path: str, names: Mapping[str, Sequence[str]], wanted: Check) -> Check:
    """A file holds these names in any order, each on a line, in one of its spellings; and the rest is so."""

    def check(after: After) -> bool:
        left = [{name, *spellings} for name, spellings in names.items()]
        for line in after.files.get(path, "").strip().split("\n"):
            mine = next((each for each in left if line.strip().removeprefix("./") in each), None)
            if mine is None:
                return False
            left.remove(mine)
        rest = {name: text for name, text in after.files.items() if name != path}
        return not left and path not in after.before and wanted(replace(after, files=rest))

    return check


class One(NamedTuple):
    """One file among others."""

    path: str
    said: str
    """What the person calls it: its path, or now and then only its name though it lies in a folder."""
    text: str
    files: Mapping[str, str]
    absent: bool


def one_file(dice: Dice, ending: str = "", *, whole: bool = False, absent: float = 0.15) -> One:
    """A file among others, or none of this name; with `whole`, it is always called by its whole path."""
    path = a_path(dice, ending=ending)
    near = with_alike(dice, path)
    files = among(dice, near)
    missing = dice.maybe(absent)
    if missing:
        # what a name that is nearly right leads to (see `trouble`) is not there either
        stem = path.rsplit(".", 1)[0]
        files = {
            name: text for name, text in files.items() if name.rsplit(".", 1)[0] not in (stem, f"{stem}s")
        }
    return One(path, base(path) if not whole and dice.maybe(0.3) else path, near[path], files, missing)


@family(
    needs=("copy_file", "list_files"),
    phrasings=(
        "Copy {path} to {target}",
        "Make a copy of {path} called {target}.",
        "Duplicate {path} as {target}",
        "I want a second copy of {path} under the name {target}",
        "cp {path} {target}",
        "Save a copy of {path} as {target}",
        "{target} should be a copy of {path}",
        "Clone {path} into {target}.",
        "Create {target} as an exact duplicate of {path}",
        "Can the file {path} be copied to {target}?",
        "Keep {path} and give me the same thing as {target}",
        "copy the file {path} and name the copy {target}",
        "Take {path}, copy it, call the result {target}",
        "Reproduce {path} as a new file {target}",
        "We need {path} twice; the other one is to be {target}.",
        "copy of {path} -> {target}",
        "Put a duplicate of {path} at {target}, leaving the original where it is.",
        "Make {target} from {path}, same content",
        "Would you duplicate the file {path}? The new one's name: {target}",
        "let {target} be a plain copy of {path}",
    ),
    group="copy",
)
def copy_under_name(dice: Dice) -> Task:
    """Copy a file under another name."""
    one = one_file(dice, whole=True)
    same = one.path.rsplit(".", 1)[-1]
    target = a_path(dice, {**one.files, one.path: ""}, same if dice.maybe(0.85) else "")

    def policy() -> Plan:
        if one.absent:
            return (yield from not_there(one.files, one.said))
        yield from look(one.files, one.path)
        yield call("copy_file", source=one.path, target=target)
        return f"{one.path} is copied to {target}."

    slots = {"path": quoted(dice, one.said), "target": quoted(dice, target)}
    check = says_absent() if one.absent else leaves({target: one.text})
    return Task(slots, one.files, policy, check, absent=one.absent)


_COPY_INTO = (
    "Copy {path} into {folder}",
    "Put a copy of {path} in {folder}.",
    "I need a copy of {path} inside {folder}",
    "Duplicate {path} into {folder}",
    "Place a copy of {path} in {folder}, same name",
    "{folder} should get a copy of {path}",
    "Drop a copy of {path} in {folder}",
    "copy {path} over to {folder}",
    "Can you copy the file {path} to {folder}?",
    "Leave {path} where it is but also have it in {folder}",
    "Let {folder} contain a copy of {path}.",
    "{path}: copy to {folder}",
    "A duplicate of {path} belongs in {folder}",
    "Keep the original {path} and copy it to {folder}.",
    "Store another copy of {path} in {folder}",
    "Add a copy of {path} to {folder}",
    "there should be a copy of {path} in {folder} too",
    "Send a copy of {path} into {folder}, the original stays",
)


@family(
    needs=("copy_file", "make_folder", "list_files"),
    phrasings={
        "plain": _COPY_INTO,
        "new": (
            "Copy {path} into a new folder called {folder}",
            "Make a folder {folder} with a copy of {path} in it",
            "Put a copy of {path} in a new directory, {folder}.",
            "I'd like a new folder {folder} that holds a copy of {path}",
            "Create the folder {folder} and copy {path} into it",
            "copy {path} to a folder named {folder} (it does not exist yet)",
            "Start a folder {folder}; a copy of {path} goes in there.",
            "New folder {folder}, containing a copy of {path}",
            "Duplicate {path} into a fresh directory called {folder}",
            "Set up a directory {folder} and place a copy of {path} there",
            "mkdir {folder} and cp {path} into it",
            "Open a new folder by the name {folder} for a copy of {path}",
            "a copy of {path} should lie in a folder {folder}, which you have to make",
            "Have {path} copied to a new subfolder {folder}",
            "Build a folder {folder}. Copy {path} there.",
            "Copy the file {path} so that it is also in {folder}, a new folder",
        ),
    },
    group="copy",
)
def copy_into_folder(dice: Dice) -> Task:
    """Copy a file into a folder, which may be new."""
    one = one_file(dice)
    new = dice.maybe(0.35)
    taken = {**one.files, one.path: ""}
    folder = new_folder(dice, taken) if new else other_folder(dice, taken, one.path)
    target = f"{folder}/{base(one.path)}"

    def policy() -> Plan:
        if one.absent:
            return (yield from not_there(one.files, one.said))
        yield from look(one.files, one.path)
        if new:
            yield call("make_folder", path=folder)
        yield call("copy_file", source=one.path, target=target)
        return f"A copy of {one.path} is now in {folder}."

    slots = {"path": quoted(dice, one.said), "folder": folder if new else folder_words(dice, folder)}
    check = says_absent() if one.absent else leaves({target: one.text})
    return Task(slots, one.files, policy, check, "new" if new else "plain", absent=one.absent)


@family(
    needs=("copy_file", "list_files"),
    phrasings={
        "bak": (
            "Back up {path} as {target}",
            "Make a backup of {path} named {target}.",
            "Before anything happens to {path}, save it as {target}",
            "Keep a safety copy of {path} under {target}",
            "backup {path} -> {target}",
            "I want {target} as a backup of {path}",
            "Secure {path} by copying it to {target}",
            "Create the backup file {target} from {path}",
            "{target} is to be the backup of {path}",
            "Preserve {path}: put a copy at {target}",
            "Just in case, duplicate {path} to {target}",
            "make me a spare of {path} called {target}",
            "Could a backup of {path} be stored as {target}?",
            "Save the current state of {path} in {target}",
            "Take a backup copy of {path}; its name should be {target}",
            "I'd feel safer with {path} copied to {target}",
        ),
        "ending": (
            "Make a .bak copy of {path} next to it (same name with .bak added)",
            "Back up {path} by copying it to the same name plus .bak",
            "Add a backup of {path}; append .bak to the full file name",
            "Copy {path} and add .bak after its name for the copy",
            "I want a backup of {path} beside it, with .bak stuck on the end of the name",
            "Save a backup of {path}: whole name, then .bak",
            "backup of {path} please: same folder, same name, .bak appended",
            "Keep {path} and create a copy whose name has .bak tacked on at the end",
            "Duplicate {path}; the duplicate is called like it, with an extra .bak behind",
            "{path} needs a backup file, that is its name followed by .bak",
            "Preserve {path} in a copy with .bak added to the name",
            "Create a copy of {path} where the name just gets .bak appended",
            "Before I edit {path}, copy it to its own name + .bak",
            "Give {path} a twin that ends with an additional .bak",
            "Make the usual backup of {path}: NAME.ending.bak",
            "cp {path} to the same thing with .bak at the end",
        ),
        "folder": (
            "Back up {path} into {folder}",
            "Keep a backup of {path} in {folder}, same name",
            "Put a backup of {path} into {folder}.",
            "Save {path} to {folder} as a backup",
            "I need {path} backed up in {folder}",
            "backup {path} to {folder}",
            "Make a safety copy of {path} inside {folder}",
            "Store a spare copy of {path} in {folder}",
            "Secure {path} in {folder}, keeping the original in place",
            "Please keep a second {path} in {folder} in case something goes wrong",
            "{folder} should hold a backup of {path}",
            "Archive a copy of {path} in {folder} (do not remove the original)",
            "Let's have a copy of {path} in {folder}, just to be safe.",
            "Can you back {path} up to {folder}?",
            "A backup of {path} goes to {folder}",
            "Stash a backup copy of {path} in {folder} without renaming it",
        ),
    },
    group="backup",
)
def back_up(dice: Dice) -> Task:
    """Copy a file to NAME.bak, or into a folder for backups."""
    variant = dice.choice(("bak", "ending", "folder"))
    one = one_file(dice, whole=variant == "bak")
    taken = {**one.files, one.path: ""}
    stem, ending = one.path.rsplit(".", 1)
    where = dice.choice(
        ("backup", "backups", "bak", "safe", "saved", f"backup_{dice.day()}", f"{dice.noun()}_backup")
    )
    match variant:
        case "ending":
            target = f"{one.path}.bak"
        case "folder":
            target = f"{where}/{base(one.path)}"
        case _:
            target = dice.choice(
                (
                    *(f"{one.path}{tail}" for tail in (".bak", ".old")),
                    *(f"{stem}{tail}.{ending}" for tail in ("_backup", f"-{dice.day()}", ".orig")),
                    *(f"{where}/{base(one.path)}{tail}" for tail in ("", ".bak")),
                    f"{stem}.bak",
                )
            )
    if target in taken:
        return back_up(dice)

    def policy() -> Plan:
        if one.absent:
            return (yield from not_there(one.files, one.said))
        yield from look(one.files, one.path)
        yield call("copy_file", source=one.path, target=target)
        return f"{one.path} is backed up as {target}."

    slots = {"path": quoted(dice, one.said)}
    if variant == "folder":
        slots["folder"] = folder_words(dice, where)
    elif variant == "bak":
        slots["target"] = quoted(dice, target)
    check = says_absent() if one.absent else leaves({target: one.text})
    return Task(slots, one.files, policy, check, variant, absent=one.absent)


@family(
    needs=("move_file", "make_folder", "list_files"),
    phrasings={
        "plain": (
            "Move {path} into {folder}",
            "Put {path} in {folder}.",
            "{path} belongs in {folder}",
            "Shift {path} to {folder}",
            "Please get {path} into {folder}",
            "mv {path} to {folder}",
            "File {path} away in {folder}",
            "Relocate {path} to {folder}",
            "I want {path} to be in {folder}, not where it is now",
            "Transfer {path} to {folder}",
            "Stick {path} into {folder}",
            "Can {path} be moved over to {folder}?",
            "{path} should go to {folder}.",
            "Take {path} and place it in {folder}",
            "Bring {path} into {folder}",
            "{path} is in the wrong place, it goes in {folder}",
            "tidy up: {path} into {folder}",
            "Drop {path} into {folder}",
            "Let {path} live in {folder} from now on",
            "Send {path} off to {folder}",
        ),
        "new": (
            "Make a folder {folder} and move {path} into it",
            "Move {path} into a new folder called {folder}",
            "Create a directory {folder}, then put {path} there.",
            "I need a new folder {folder} with {path} in it; move it there",
            "Put {path} into a fresh folder named {folder}",
            "mkdir {folder}, mv {path} into it",
            "Set up a folder {folder} and shift {path} over",
            "{path} should move to a folder {folder} that you create first",
            "Start a directory {folder}. {path} moves in there.",
            "Relocate {path} to {folder}, a folder that has yet to be made",
            "Open up a new folder {folder} and file {path} in it",
            "Add a folder {folder}; {path} goes inside",
            "there is no folder {folder} yet: make it and move {path} in",
            "Let {path} have a folder of its own called {folder}",
            "Build the folder {folder} and transfer {path} to it",
            "New folder {folder}, please, and {path} is to be moved into it.",
        ),
    },
    group="move",
)
def move_into_folder(dice: Dice) -> Task:
    """Move a file into a folder, which may be new."""
    one = one_file(dice)
    new = dice.maybe(0.35)
    taken = {**one.files, one.path: ""}
    folder = new_folder(dice, taken) if new else other_folder(dice, taken, one.path)
    target = f"{folder}/{base(one.path)}"

    def policy() -> Plan:
        if one.absent:
            return (yield from not_there(one.files, one.said))
        yield from look(one.files, one.path)
        if new:
            yield call("make_folder", path=folder)
        yield call("move_file", source=one.path, target=target)
        return f"{base(one.path)} is now in {folder}."

    slots = {"path": quoted(dice, one.said), "folder": folder if new else folder_words(dice, folder)}
    check = says_absent() if one.absent else leaves({target: one.text}, removed=(one.path,))
    return Task(slots, one.files, policy, check, "new" if new else "plain", absent=one.absent)


@family(
    needs=("move_file", "list_files"),
    phrasings=(
        "Rename {path} to {target}",
        "Change the name of {path} to {target}.",
        "{path} should be called {target}",
        "Give {path} the name {target}",
        "mv {path} {target}",
        "Call the file {path} {target} from now on",
        "I'd rather have {path} named {target}",
        "The file {path} has the wrong name; make it {target}",
        "rename: {path} => {target}",
        "Let {path} become {target}",
        "Can you give the file {path} a new name? {target}",
        "Turn the name {path} into {target}",
        "{target} is a better name for {path}, so change it",
        "Retitle {path} as {target}",
        "Instead of {path}, the file is to be named {target}.",
        "What is now {path} should be {target}",
        "Set the file name of {path} to {target}, content as it is",
        "Swap the file name {path} for {target}",
        "name {path} {target} instead",
        "I misnamed {path}. It's supposed to be {target}",
    ),
    group="move",
)
def rename_file(dice: Dice) -> Task:
    """Give a file another name; one in a folder stays there."""
    one = one_file(dice, whole=True)
    ending = one.path.rsplit(".", 1)[-1]
    name = a_path(dice, {**one.files, one.path: ""}, ending if dice.maybe(0.8) else "", top=True)
    if dice.maybe(0.25):
        tail = dice.choice(("_final", "_v2", "-done", "1", f"_{dice.randint(2019, 2027)}"))
        name = f"{base(one.path).rsplit('.', 1)[0]}{tail}.{ending}"
    target = beside(one.path, name)
    if target in one.files:
        return rename_file(dice)
    said = name if dice.maybe(0.35) else target

    def policy() -> Plan:
        if one.absent:
            return (yield from not_there(one.files, one.said))
        yield from look(one.files, one.path)
        yield call("move_file", source=one.path, target=target)
        return f"{one.path} is now called {said}."

    renamed = [leaves({there: one.text}, removed=(one.path,)) for there in {target, said}]
    check = says_absent() if one.absent else either(*renamed)
    slots = {"path": quoted(dice, one.said), "target": quoted(dice, said)}
    return Task(slots, one.files, policy, check, absent=one.absent)


@family(
    needs=("delete_file", "list_files"),
    phrasings=(
        "Delete {path}",
        "Remove the file {path}.",
        "Get rid of {path}",
        "Erase {path} from this folder",
        "rm {path}",
        "{path} can go",
        "I don't need {path} any more, delete it",
        "Throw {path} away",
        "Clear out {path}",
        "Can you remove {path}?",
        "{path} is obsolete. Remove it.",
        "Bin {path}",
        "drop the file {path}",
        "Take {path} out for good",
        "Discard {path}, nothing else",
        "{path} should no longer exist",
        "Wipe {path} off the disk",
        "Trash the file {path}",
        "Make {path} disappear",
        "We are done with {path}; please delete that one file",
    ),
    group="delete",
)
def delete_one_file(dice: Dice) -> Task:
    """Delete a file."""
    one = one_file(dice, absent=0.2)

    def policy() -> Plan:
        if one.absent:
            return (yield from not_there(one.files, one.said))
        yield from look(one.files, one.path)
        yield call("delete_file", path=one.path)
        return f"{one.path} is deleted."

    check = says_absent() if one.absent else leaves(removed=(one.path,))
    return Task({"path": quoted(dice, one.said)}, one.files, policy, check, absent=one.absent)


@family(
    needs=("delete_file", "list_files"),
    phrasings=(
        "Delete the folder {folder} with everything in it",
        "Remove the directory {folder} and all its files.",
        "Get rid of the {folder} folder completely",
        "rm -r {folder}",
        "The whole folder {folder} can be deleted",
        "Throw away {folder}, the folder and what it holds",
        "I no longer need the {folder} directory; erase it with its contents",
        "Erase the folder {folder} including the files inside",
        "Wipe out the folder {folder}",
        "Drop directory {folder}, contents and all",
        "Clear away the entire {folder} folder",
        "Take the folder {folder} away, files too",
        "Can you remove the {folder} folder along with everything inside?",
        "{folder} (the folder) should be gone, together with its files",
        "Trash folder {folder}",
        "Discard everything under {folder} and the folder itself",
        "Let the directory {folder} disappear, whatever is in there",
        "Nothing in the folder {folder} matters any more, delete all of it",
    ),
    group="delete",
)
def delete_whole_folder(dice: Dice) -> Task:
    """Delete a folder with what is in it."""
    folder = dice.folder()
    inside = {
        f"{folder}/{base(path)}": text_for(dice, path)
        for path in (a_path(dice) for _ in range(dice.randint(1, 5)))
    }
    outside = {a_path(dice, inside): dice.prose() for _ in range(dice.randint(0, 2))}
    if dice.maybe(0.3):
        outside[f"{folder}{dice.choice(('2', '_old', '-new', 's'))}/{base(a_path(dice))}"] = dice.prose()
    if dice.maybe(0.2):
        inside[f"{folder}/{dice.noun()}/{base(a_path(dice))}"] = dice.prose()
    files = among(dice, {**inside, **outside})
    gone = tuple(path for path in files if path.startswith(f"{folder}/"))
    if absent := dice.maybe(0.18):
        files = {path: text for path, text in files.items() if path not in gone}

    def policy() -> Plan:
        if absent:
            return (yield from not_there(files, f"folder {folder}"))
        yield from look(files, next(path for path in sorted(files) if path in gone))
        yield call("delete_file", path=folder, recursive=True)
        return f"The folder {folder} is deleted with everything in it."

    check = says_absent() if absent else both(leaves(removed=gone), lacks_folder(folder))
    return Task({"folder": folder}, files, policy, check, absent=absent)


@family(
    needs=("make_folder", "list_files"),
    phrasings={
        "plain": (
            "Make a folder {folder}",
            "Create a new directory called {folder}.",
            "I need a folder named {folder}",
            "mkdir {folder}",
            "Add an empty folder {folder}",
            "Set up the directory {folder}",
            "There should be a folder {folder} here",
            "Please open a new folder {folder}",
            "new folder: {folder}",
            "Start a folder by the name of {folder}",
            "Can I have a directory {folder}?",
            "Prepare a folder {folder} for me, nothing in it",
            "Build the folder {folder}",
            "a directory called {folder} is missing, make one",
            "Let there be a {folder} folder",
            "Put an empty directory {folder} here",
            "We want a place for files: a folder {folder}",
            "Generate a folder with the name {folder}",
        ),
        "inside": (
            "Make a folder {name} inside {parent}",
            "Create a subfolder {name} in the folder {parent}",
            "Inside {parent}, add a directory called {name}.",
            "The folder {parent} needs a subfolder {name}",
            "In {parent} there should be an empty folder {name}",
            "I want a directory {name} under {parent}",
            "Add {name} as a subdirectory of {parent}",
            "mkdir {name}, within {parent}",
            "Put a new folder named {name} into {parent}",
            "{parent} should get its own {name} folder",
            "Set up folder {name} below {parent}",
            "open a subfolder of {parent}: {name}",
            "Please make {parent} contain an empty folder called {name}",
            "New folder {name} in the directory {parent}",
            "Under {parent} create the folder {name}",
            "Give the {parent} folder a subfolder by the name of {name}",
        ),
        "two": (
            "Make the folders {one} and {two}",
            "Create two directories, {one} and {two}.",
            "I need folders named {one} and {two}",
            "mkdir {one} {two}",
            "Add a folder {one} and another one {two}",
            "Set up {one} and {two} as empty folders",
            "There should be two folders here: {one}, {two}",
            "new folders: {one} and {two}",
            "Prepare the directories {one} and {two}",
            "Give me a folder {one}, and also a folder {two}",
            "Both {one} and {two} should exist as folders",
            "Start two folders called {one} and {two}",
            "Can you create {one} and {two}? Both are directories",
            "Build folder {one} plus folder {two}",
            "Make two new directories. The first is {one}, the second {two}.",
            "we want {one} and {two}, empty directories",
        ),
    },
    group="make",
)
def make_a_folder(dice: Dice) -> Task:
    """Make a folder, one inside another, or two."""
    files = among(dice, {a_path(dice): dice.prose()}, few=True)
    taken = [*files, *folders_of(files)]
    variant = dice.choice(("plain", "plain", "inside", "two"))
    there = sorted(folders_of(files))
    name = dice.folder(taken)
    match variant:
        case "inside":
            parent = dice.choice(there) if there and dice.maybe(0.6) else dice.folder([*taken, name])
            slots, wanted = {"name": name, "parent": parent}, [f"{parent}/{name}"]
        case "two":
            two = dice.folder([*taken, name])
            two = f"{name}/{two}" if dice.maybe(0.15) else two
            slots, wanted = {"one": name, "two": two}, [name, two]
        case _:
            name = f"{name}/{dice.folder(taken)}" if dice.maybe(0.35) else name
            name = (
                f"{name}/{dice.choice((dice.noun(), str(dice.randint(2019, 2027))))}"
                if dice.maybe(0.15)
                else name
            )
            name = dice.choice(there) if there and dice.maybe(0.1) else name
            slots, wanted = {"folder": name}, [name]

    def policy() -> Plan:
        seen = Seen("", failed=False)
        for folder in wanted:
            seen = yield call("make_folder", path=folder)
        if "already" in seen.text:
            return f"The folder {wanted[0]} was there already."
        return (
            f"The folder {wanted[0]} is made."
            if len(wanted) == 1
            else f"The folders {told(wanted)} are made."
        )

    return Task(slots, files, policy, both(untouched(), has_folders(*wanted)), variant)


@family(
    needs=("write_file", "list_files"),
    phrasings={
        "plain": (
            "Make an empty file {path}",
            "Create {path} with nothing in it.",
            "touch {path}",
            "I need a blank file called {path}",
            "Add a new file {path}, leave it empty",
            "Start an empty {path}",
            "There should be a file {path} with no content",
            "Set up {path} as a zero-byte file",
            "new empty file: {path}",
            "Please put a blank {path} here",
            "Could you create the file {path}? No text in it yet.",
            "Prepare {path}; it stays empty for now",
            "Generate an empty file by the name {path}",
            "An empty {path} is all I need",
            "Open up a new file {path} without any text",
            "Let there be {path}, completely blank",
            "{path} must exist, even if it's empty; create it that way",
            "Place a file with no lines at {path}",
        ),
        "two": (
            "Make two empty files, {path} and {other}",
            "Create {path} and {other}, both with nothing in them.",
            "touch {path} {other}",
            "I need blank files called {path} and {other}",
            "Add the new files {path} and {other} and leave them empty",
            "There should be an empty {path} and an empty {other}",
            "new empty files: {path}, {other}",
            "Set up {path} plus {other} with no content",
            "Start {path} and {other} as blank files",
            "Could you create {path} and {other}? No text in either.",
            "Prepare two files without content: {path} and {other}",
            "Both {path} and {other} should exist and be empty",
            "An empty file {path}, then another empty one, {other}",
            "Put a blank {path} here, and a blank {other} too",
            "Generate {path} and {other}; neither has any text yet",
            "{path} and {other} are missing, add them as empty files",
        ),
    },
    group="make",
)
def make_empty_file(dice: Dice) -> Task:
    """Make a file with nothing in it, or two."""
    files = among(dice, {}, few=True)
    paths = [a_path(dice, files)]
    if two := dice.maybe(0.3):
        paths.append(a_path(dice, [*files, *paths]))

    def policy() -> Plan:
        for path in paths:
            yield call("write_file", path=path, content="")
        return f"{told(paths)} {'are' if two else 'is'} made and empty."

    slots = {"path": quoted(dice, paths[0])} | ({"other": quoted(dice, paths[1])} if two else {})
    return Task(slots, files, policy, leaves(dict.fromkeys(paths, "")), "two" if two else "plain")


@family(
    needs=("move_file", "list_files"),
    phrasings=(
        "Swap the names of {one} and {two}",
        "Exchange {one} and {two}: each gets the other's name",
        "{one} and {two} have each other's content; switch the file names",
        "Make {one} and {two} trade places",
        "I mixed up {one} and {two}, swap them",
        "Let {one} be called {two} and the other way round",
        "Interchange the files {one} and {two}.",
        "swap {one} <-> {two}",
        "What is in {one} should be in {two} and vice versa",
        "Turn {one} into {two} and {two} into {one}",
        "The contents of {one} and {two} are the wrong way round, fix that",
        "Rename {one} to {two} and {two} to {one}",
        "Can you switch {one} with {two}?",
        "Give {one} the name {two} while {two} becomes {one}",
        "Flip the two files {one} and {two}",
        "{one} has to become {two}, and {two} has to become {one}",
        "Trade the contents of {one} and {two}",
        "The names {one} and {two} got confused: put that right by swapping",
    ),
    group="swap",
)
def swap_two_files(dice: Dice) -> Task:
    """Let two files have each other's name, by way of a third."""
    one = a_path(dice)
    two = a_path(dice, [one], one.rsplit(".", 1)[-1] if dice.maybe(0.8) else "")
    texts = {one: text_for(dice, one), two: text_for(dice, two)}
    files = among(dice, texts)
    aside = f"{one}.tmp"

    def policy() -> Plan:
        yield from look(files, one, two)
        yield call("move_file", source=one, target=aside)
        yield call("move_file", source=two, target=one)
        yield call("move_file", source=aside, target=two)
        return f"{one} and {two} have changed places."

    slots = {"one": quoted(dice, one), "two": quoted(dice, two)}
    return Task(slots, files, policy, leaves({one: texts[two], two: texts[one]}))


@family(
    needs=("move_file", "copy_file", "delete_file", "list_files"),
    phrasings={
        "move": (
            "Move {paths} into {folder}",
            "Put {paths} in {folder}.",
            "{paths} belong in {folder}",
            "I want {paths} to be moved to {folder}",
            "mv {paths} to {folder}",
            "Shift these into {folder}: {paths}",
            "Relocate {paths} to {folder}",
            "Into {folder} with {paths}",
            "File away {paths} in {folder}",
            "Take {paths} and place them in {folder}",
            "Please transfer {paths} over to {folder}",
            "{folder} is where {paths} should be, move them",
            "Tidy {paths} away to {folder}",
            "Can you get {paths} into {folder}?",
            "These go to {folder}: {paths}",
            "Collect {paths} in {folder}",
        ),
        "copy": (
            "Copy {paths} into {folder}",
            "Put copies of {paths} in {folder}.",
            "I want duplicates of {paths} in {folder}",
            "cp {paths} to {folder}",
            "{folder} should also have {paths}; copy them",
            "Copy these files to {folder}: {paths}",
            "Keep {paths} where they are and copy them to {folder}",
            "Place copies of {paths} into {folder}",
            "Back up {paths} to {folder}",
            "Can {paths} be copied to {folder}?",
            "Duplicate {paths} into {folder}",
            "Into {folder} go copies of {paths}",
            "Add copies of {paths} to {folder}, originals untouched",
            "have {paths} copied to {folder}",
            "I'd like {paths} to be in {folder} as well",
            "Drop a copy of each of {paths} in {folder}",
        ),
        "delete": (
            "Delete {paths}",
            "Remove the files {paths}.",
            "Get rid of {paths}",
            "rm {paths}",
            "{paths} can all go",
            "Erase the following: {paths}",
            "I don't need {paths} any longer, delete them",
            "Throw out {paths}",
            "Can you remove {paths}?",
            "Clear away {paths}, and only those",
            "These files should be deleted: {paths}",
            "Trash {paths}",
            "{paths} are out of date. Remove them.",
            "Discard {paths}",
            "We no longer want {paths}, wipe them",
            "Make {paths} disappear",
        ),
    },
    group="several",
)
def several_files(dice: Dice) -> Task:
    """Move, copy or delete a few files that are named; now and then one of them is not there."""
    variant = dice.choice(("move", "copy", "delete"))
    paths: list[str] = []
    for _ in range(dice.choice((2, 3, 3, 4, 4, 5))):
        paths.append(a_path(dice, paths))
    texts = {path: text_for(dice, path) for path in paths}
    files = among(dice, texts)
    gone = dice.choice(paths) if dice.maybe(0.15) else ""
    files.pop(gone, "")
    others = sorted(folders_of(files) - folders_of(texts))
    folder = dice.choice(others) if others and dice.maybe(0.4) else new_folder(dice, {**files, **texts})
    there = [path for path in paths if path != gone]
    targets = {path: f"{folder}/{base(path)}" for path in there}

    def policy() -> Plan:
        if len(files) > GLANCE:
            yield from look(files, *paths)
        for path in there:
            match variant:
                case "move":
                    yield call("move_file", source=path, target=targets[path])
                case "copy":
                    yield call("copy_file", source=path, target=targets[path])
                case _:
                    yield call("delete_file", path=path)
        are = "is" if len(there) == 1 else "are"
        did = {"move": f"moved to {folder}", "copy": f"copied to {folder}", "delete": "deleted"}[variant]
        missing = f", but there is no {gone}" if gone else ""
        return f"{told(there)} {are} {did}{missing}."

    placed = {} if variant == "delete" else {targets[path]: texts[path] for path in there}
    check = leaves(placed, removed=() if variant == "copy" else tuple(there))
    slots = {"paths": listing(dice, paths)} | (
        {} if variant == "delete" else {"folder": folder_words(dice, folder)}
    )
    return Task(
        slots, files, policy, both(check, says(gone, ABSENT)) if gone else check, variant, absent=bool(gone)
    )


def a_line(dice: Dice) -> str:
    """A line of a text."""
    count = dice.randint(2, 900)
    return dice.choice((dice.to_do(), dice.sentence(), f"{dice.noun()}: {count}", dice.made_up()))


def appended(text: str, *lines: str) -> str:
    """A text with lines added at its end."""
    return "\n".join([*([text.rstrip("\n")] if text else []), *lines])


@family(
    needs=("make_folder", "move_file", "copy_file", "write_file", "list_files"),
    phrasings={
        "move": (
            (
                "Make a folder {folder}, move {paths} into it and write "
                "{index} in it with their names, one per line"
            ),
            (
                "Create the directory {folder}. Put {paths} there. Then list "
                "those names line by line in {index} in that folder."
            ),
            (
                "{paths} should move to a new folder {folder}, with a file "
                "{index} inside that names them, each on a line"
            ),
            (
                "I want a folder {folder} that holds {paths} (moved) and an "
                "{index} with the moved names, a line for each"
            ),
            "mkdir {folder}, mv {paths} into it, and add {index} there: the file names, one to a line",
            (
                "Gather {paths} in a new folder named {folder} and leave an "
                "{index} in there listing them, one per line"
            ),
            (
                "New folder {folder}: move in {paths}, and write the names of "
                "those files to {index} inside, one a line"
            ),
            (
                "Set up {folder}, a folder. Shift {paths} over and record what "
                "you shifted in {index} there, line by line."
            ),
            (
                "Open a folder called {folder}; {paths} go in; {index}, also "
                "in there, gets their names on separate lines"
            ),
            (
                "Please collect {paths} in the new directory {folder} and put "
                "their names (one per line) in {index} there"
            ),
            (
                "First make the folder {folder}, next move {paths} into it, "
                "last write {index} in it with one name per line."
            ),
            (
                "Build a folder {folder} out of {paths}, and inside it an "
                "{index} saying which files these are, one each line"
            ),
            (
                "Start a folder {folder}. Move: {paths}. Inside it save "
                "{index} that enumerates them, a name per line."
            ),
            (
                "File {paths} away into a folder {folder} that you make, then "
                "jot their names into {index} in it, a line each"
            ),
            (
                "We need {folder} (new folder) with {paths} moved there plus "
                "{index} with the names, each on its own line"
            ),
            (
                "Can you create {folder} as a folder, move {paths} in, and "
                "inside write {index} with a line for every name?"
            ),
        ),
        "copy": (
            (
                "Make a folder {folder}, copy {paths} into it and write "
                "{index} in it with their names, one per line"
            ),
            (
                "Create the directory {folder}. Copy {paths} there. Then list "
                "those names line by line in {index} in there."
            ),
            (
                "A new folder {folder} should hold copies of {paths} and a "
                "file {index} that names them, each on a line"
            ),
            "mkdir {folder}, cp {paths} into it, and add {index} there: the file names, one to a line",
            (
                "Put copies of {paths} in a new folder {folder} and leave an "
                "{index} in there listing them, one per line"
            ),
            (
                "New folder {folder}: copy {paths} to it, and write the names "
                "of those files to {index} inside, one a line"
            ),
            (
                "Set up {folder}, a folder. Duplicate {paths} into it and "
                "record the names in {index} there, line by line."
            ),
            (
                "Open a folder called {folder}; copies of {paths} go in; "
                "{index}, also there, gets the names line by line"
            ),
            (
                "Please bring copies of {paths} together in the new directory "
                "{folder}, with {index} naming them, one per line"
            ),
            (
                "First make the folder {folder}, next copy {paths} into it, "
                "last write {index} in it with one name per line."
            ),
            (
                "Start a folder {folder}. Copy: {paths}. Inside it save "
                "{index} that enumerates them, a name per line."
            ),
            (
                "I'd like {paths} copied to a folder {folder} you create; jot the "
                "names into {index} in that folder, a line each"
            ),
            (
                "We need {folder} (new folder) with {paths} copied there plus "
                "{index} with the names, each on its own line"
            ),
            (
                "Can you create {folder} as a folder, copy {paths} in, and "
                "inside write {index} with a line for every name?"
            ),
            (
                "Pack a new folder {folder} with copies of {paths}, and an "
                "{index} in it saying what is packed, one name a line"
            ),
            (
                "Keep {paths} here, copy them to a fresh folder {folder}, and "
                "in it make {index}: names only, one per line"
            ),
        ),
    },
    group="chain_index",
)
def folder_with_index(dice: Dice) -> Task:
    """Make a folder, bring a few files into it, and write down their names there."""
    variant = dice.choice(("move", "copy"))
    texts: dict[str, str] = {}
    for _ in range(dice.choice((2, 2, 3, 3, 4))):
        path = a_path(dice, texts)
        texts[path] = text_for(dice, path)
    files = among(dice, texts)
    folder = new_folder(dice, files)
    index = dice.choice(
        ("index.txt", "index.txt", "index.md", "contents.txt", "names.txt", "list.txt", "files.txt")
    )
    if index in {base(path) for path in files}:
        return folder_with_index(dice)
    names = [base(path) for path in texts]

    def policy() -> Plan:
        yield from look(files, *texts)
        yield call("make_folder", path=folder)
        for path in texts:
            tool = "move_file" if variant == "move" else "copy_file"
            yield call(tool, source=path, target=f"{folder}/{base(path)}")
        yield call("write_file", path=f"{folder}/{index}", content="\n".join(names))
        did = "moved" if variant == "move" else "copied"
        return f"{told(names)} are {did} to {folder}, and {folder}/{index} has their names."

    placed = {f"{folder}/{base(path)}": text for path, text in texts.items()}
    removed = tuple(texts) if variant == "move" else ()
    # in which order, and whether with the folder, nobody said
    spelled = {path: (base(path), f"{folder}/{base(path)}") for path in texts}
    check = listed_in(f"{folder}/{index}", spelled, leaves(placed, removed=removed))
    slots = {"folder": folder, "paths": listing(dice, list(texts)), "index": index}
    return Task(slots, files, policy, check, variant)


@family(
    needs=("copy_file", "delete_file", "list_files"),
    phrasings=(
        "Copy {path} to {folder} and delete {other}",
        "Put a copy of {path} in {folder}, then remove {other}.",
        "{other} can go; {path} should be copied to {folder}",
        "cp {path} to {folder}, rm {other}",
        "Duplicate {path} into {folder} and get rid of {other}",
        "I need a copy of {path} in {folder}, and {other} erased",
        "Two things: {path} copied to {folder}, {other} deleted",
        "Throw {other} away after copying {path} to {folder}",
        "First copy {path} into {folder}. Second, delete {other}.",
        "Keep {path} but also place it in {folder}; discard {other}",
        "Remove {other}, and let {folder} have a copy of {path}",
        "Place a copy of {path} in {folder} and bin {other}",
        "{folder} gets a copy of {path}, and {other} gets deleted",
        "Can you copy {path} over to {folder} and wipe {other}?",
        "copy {path} -> {folder}; delete {other}",
        "We don't need {other} any more, so delete it, but do copy {path} to {folder}",
        "Save a copy of {path} into {folder} and then trash {other}",
        "Besides copying {path} to {folder}, please clear out {other}",
    ),
    group="chain_two",
)
def copy_and_delete(dice: Dice) -> Task:
    """Copy a file into a folder and delete another."""
    path = a_path(dice)
    other = a_path(dice, [path])
    texts = {path: text_for(dice, path), other: text_for(dice, other)}
    files = among(dice, texts)
    folder = other_folder(dice, files, path)

    def policy() -> Plan:
        yield from look(files, path, other)
        yield call("copy_file", source=path, target=f"{folder}/{base(path)}")
        yield call("delete_file", path=other)
        return f"{path} is copied to {folder}, and {other} is deleted."

    slots = {"path": quoted(dice, path), "folder": folder_words(dice, folder), "other": quoted(dice, other)}
    return Task(slots, files, policy, leaves({f"{folder}/{base(path)}": texts[path]}, removed=(other,)))


@family(
    needs=("move_file", "append_file", "list_files"),
    phrasings=(
        'Rename {path} to {target} and add the line "{line}" at its end',
        'Change the name of {path} to {target}, then append "{line}".',
        'mv {path} {target} and put "{line}" at the bottom of it',
        '{path} should become {target} with one more line at the end: "{line}"',
        'Give {path} the name {target}. After that add a last line reading "{line}".',
        'Call {path} {target} instead, and let it end with the extra line "{line}"',
        'Turn {path} into {target} and write "{line}" below what is in there',
        'First rename {path} to {target}; second, tack the line "{line}" onto it',
        'I want {path} renamed to {target} and "{line}" appended to it',
        '{target} is the new name for {path}. Also append this line: "{line}"',
        'Let {path} be called {target} from now on and stick "{line}" in as the last line',
        'rename {path} -> {target}, append "{line}"',
        'Please rename {path} as {target}, and at the end of that file insert a line "{line}"',
        'Could you rename {path} to {target} and then add "{line}" as its final line?',
        'The name {path} is wrong, make it {target}; then the line "{line}" has to be added at the end',
        'Under the new name {target}, {path} gets another line at the bottom, namely "{line}"',
        'Rename the file {path} ({target} is better) and note "{line}" on a new last line',
        'After renaming {path} to {target}, extend it by the line "{line}"',
    ),
    group="chain_edit",
)
def rename_and_append(dice: Dice) -> Task:
    """Rename a file and add a line to it."""
    ending = dice.choice(("txt", "txt", "md", "log", "dat"))
    path = a_path(dice, ending=ending)
    files = among(dice, with_alike(dice, path))
    target = beside(path, a_path(dice, files, ending, top=True))
    line = a_line(dice)

    def policy() -> Plan:
        yield from look(files, path)
        yield call("move_file", source=path, target=target)
        yield call("append_file", path=target, content=line)
        return f'{path} is now {target} and ends with "{line}".'

    slots = {"path": quoted(dice, path), "target": quoted(dice, target), "line": line}
    return Task(slots, files, policy, leaves({target: appended(files[path], line)}, removed=(path,)))


@family(
    needs=("copy_file", "append_file", "write_file", "list_files"),
    phrasings={
        "append": (
            'Copy {path} to {target} for safety, then add the line "{line}" to {path}',
            'Back up {path} as {target} and append "{line}" to the original {path}.',
            'Save {path} as {target}; after that {path} itself gets a new last line "{line}"',
            'cp {path} {target}, then put "{line}" at the end of {path}',
            'Keep the present state of {path} in {target} before you add "{line}" at the bottom of {path}',
            'Duplicate {path} as {target} and write "{line}" below the last line of {path} (not of the copy)',
            'Make {target}, a backup of {path}. Then extend {path} by one line: "{line}"',
            'Add "{line}" to the end of {path}, but first store what is in {path} now as {target}',
            '{path} needs the line "{line}" at the end. Before that, copy it to {target}.',
            'I want {target} to be {path} as it is, and {path} to have the additional line "{line}"',
            'First: {path} copied to {target}. Then: "{line}" appended to {path}',
            'Take a backup ({target}) of {path} and stick "{line}" onto {path} afterwards',
            'Preserve {path} under {target}; then tack the line "{line}" onto the end of {path}',
            'With {target} as a safety copy of {path} made beforehand, append "{line}" to {path}',
            'Can you copy {path} to {target} and afterwards add a line "{line}" to {path}?',
            'backup {path} -> {target}; append to {path}: "{line}"',
        ),
        "replace": (
            'Copy {path} to {target} for safety, then let {path} hold only the line "{line}"',
            'Back up {path} as {target} and overwrite {path} with "{line}".',
            'Save {path} as {target}; after that replace the whole content of {path} by "{line}"',
            'cp {path} {target}, then make {path} contain just "{line}"',
            'Keep the present state of {path} in {target} before you put nothing but "{line}" in {path}',
            'Duplicate {path} as {target} and rewrite {path} so that it only says "{line}"',
            'Make {target}, a backup of {path}. Then {path} is to have the single line "{line}"',
            '{path} should consist of "{line}" alone, but first store what it holds now as {target}',
            'Start {path} over with "{line}" as its only line. Before that, copy it to {target}.',
            'I want {target} to be {path} as it is, and {path} to be reduced to "{line}"',
            'First: {path} copied to {target}. Then: everything in {path} replaced with "{line}"',
            'Take a backup ({target}) of {path}, afterwards set the entire text of {path} to "{line}"',
            'Preserve {path} under {target}; then empty {path} except for the new text "{line}"',
            'With {target} as a safety copy of {path} made beforehand, fill {path} with only "{line}"',
            'Can you copy {path} to {target} and afterwards overwrite {path}? New content: "{line}"',
            'backup {path} -> {target}; new full content of {path}: "{line}"',
        ),
    },
    group="chain_edit",
)
def back_up_and_change(dice: Dice) -> Task:
    """Copy a file, then add to it or write it anew."""
    variant = dice.choice(("append", "replace"))
    path = a_path(dice, ending=dice.choice(("txt", "txt", "md", "log", "dat")))
    files = among(dice, with_alike(dice, path))
    stem, ending = path.rsplit(".", 1)
    target = dice.choice(
        (
            f"{path}.bak",
            f"{stem}_backup.{ending}",
            f"backup/{base(path)}",
            f"{stem}_before.{ending}",
            f"{stem}.old",
        )
    )
    line = a_line(dice)

    def policy() -> Plan:
        yield from look(files, path)
        yield call("copy_file", source=path, target=target)
        if variant == "append":
            yield call("append_file", path=path, content=line)
            return f'{path} is backed up as {target} and now ends with "{line}".'
        yield call("write_file", path=path, content=line)
        return f'{path} is backed up as {target} and now holds "{line}".'

    text = appended(files[path], line) if variant == "append" else line
    slots = {"path": quoted(dice, path), "target": quoted(dice, target), "line": line}
    return Task(slots, files, policy, leaves({path: text, target: files[path]}), variant)


@family(
    needs=("make_folder", "write_file", "list_files"),
    phrasings={
        "empty": (
            "Make a folder {folder} with the empty files {names} in it",
            "Create the directory {folder} and in it {names}, all of them blank.",
            "I need a new folder {folder} containing {names}, no text in any of them",
            "mkdir {folder}; touch {names} inside",
            "Set up {folder} as a folder and add {names} to it as empty files",
            "Start a project folder {folder}: it has {names}, all empty so far",
            "New folder {folder}. In there, empty files: {names}",
            "Please prepare a directory {folder} holding {names}, zero bytes each",
            "Put blank files {names} into a folder {folder} that you create",
            "There should be a folder {folder} with {names} inside, nothing written in them yet",
            "Open a folder {folder} and place the following in it, all without content: {names}",
            "Could you make {folder} (a folder) and inside it the blank files {names}?",
            "Build the skeleton of {folder}: a folder with empty {names}",
            "The folder {folder} is to be created along with {names} in it, every one empty",
            "A directory {folder}, then {names} within, left empty",
            "Lay out a new folder {folder} with {names}; they stay blank",
        ),
        "text": (
            'Make a folder {folder} with the files {names} in it, each saying "{text}"',
            'Create the directory {folder} and in it {names}, all with the one line "{text}".',
            'I need a new folder {folder} containing {names}; the text of each is "{text}"',
            'mkdir {folder}; in there write "{text}" to each of {names}',
            'Set up {folder} as a folder and add {names} to it, every one with the content "{text}"',
            'Start a project folder {folder}: it has {names}, and "{text}" is what each of them holds',
            'New folder {folder}. In there: {names}, the same text in all, "{text}"',
            'Please prepare a directory {folder} holding {names}, with "{text}" in each file',
            'Put files {names} into a folder {folder} that you create; each contains "{text}"',
            'There should be a folder {folder} with {names} inside, and "{text}" written in all of them',
            'Open a folder {folder} and place the following in it, each with the line "{text}": {names}',
            'Could you make {folder} (a folder) and inside it {names}, each reading "{text}"?',
            'Build the skeleton of {folder}: a folder with {names}, filled with "{text}" each',
            'The folder {folder} is to be created along with {names} in it, every one holding "{text}"',
            'A directory {folder}, then {names} within; write "{text}" in every one of them',
            'Lay out a new folder {folder} with {names}; "{text}" is their only content for now',
        ),
    },
    group="chain_make",
)
def folder_of_new_files(dice: Dice) -> Task:
    """Make a folder with a few new files."""
    files = among(dice, {}, few=True)
    folder = new_folder(dice, files)
    names: list[str] = []
    for _ in range(dice.choice((2, 3, 3, 4))):
        names.append(a_path(dice, [*files, *names], top=True))
    text = a_line(dice) if dice.maybe() else ""

    def policy() -> Plan:
        yield call("make_folder", path=folder)
        for name in names:
            yield call("write_file", path=f"{folder}/{name}", content=text)
        what = f'with "{text}" in each' if text else "all empty"
        return f"The folder {folder} now has {told(names)}, {what}."

    slots = {"folder": folder, "names": listing(dice, names)} | ({"text": text} if text else {})
    made = leaves({f"{folder}/{name}": text for name in names})
    return Task(slots, files, policy, made, "text" if text else "empty")


@family(
    needs=("read_file", "write_file", "delete_file", "list_files"),
    phrasings=(
        "Write the {which} line of {path} to {target}, then delete {path}",
        "Save only the {which} line of {path} as {target} and remove {path}.",
        "Keep the {which} line of {path} in a new file {target}; {path} can go afterwards",
        "Put the {which} line from {path} into {target}, after which {path} is to be erased",
        "{target} should hold the {which} line of {path}. Then get rid of {path}.",
        "I only need the {which} line of {path}: store it in {target} and delete the rest, I mean {path}",
        "Take the {which} line out of {path} into {target} and throw {path} away",
        "Before you delete {path}, copy its {which} line to {target}",
        "{which} line of {path} -> {target}, then rm {path}",
        "Delete {path}, but first rescue its {which} line into {target}",
        "Create {target} from the {which} line of {path}, then wipe {path}",
        "Could you jot down the {which} line of {path} in {target} and afterwards discard {path}?",
        "From {path} just the {which} line matters. Record it in {target} and bin {path}",
        "Extract the {which} line of {path} to {target}; once that is done {path} should be deleted",
        "Make {target} with the {which} line of {path} in it, and drop {path}",
        "Of {path}, preserve nothing but the {which} line, as {target}. {path} itself gets removed",
    ),
    group="chain_read",
)
def line_and_delete(dice: Dice) -> Task:
    """Keep one line of a file in another and delete the first."""
    which = dice.choice(("first", "last", "second", "third"))
    path = a_path(dice, ending=dice.choice(("txt", "txt", "md", "log", "dat")))
    lines = [a_line(dice) for _ in range(dice.randint(3, 12))]
    files = among(dice, with_alike(dice, path) | {path: "\n".join(lines) + "\n"})
    target = a_path(dice, files, path.rsplit(".", 1)[-1])
    line = lines[{"first": 0, "second": 1, "third": 2, "last": -1}[which]]

    def policy() -> Plan:
        yield from look(files, path)
        yield call("read_file", path=path)
        yield call("write_file", path=target, content=line)
        yield call("delete_file", path=path)
        return f'{target} now holds "{line}", and {path} is deleted.'

    slots = {"which": which, "path": quoted(dice, path), "target": quoted(dice, target)}
    return Task(slots, files, policy, leaves({target: line}, removed=(path,)))


@family(
    needs=("move_file", "append_file", "list_files"),
    phrasings=(
        "Move {paths} to {folder} and note the moved names in {log}, one per line at the end",
        "Put {paths} into {folder}, then add their names to {log}, a line for each.",
        "{paths} go to {folder}; append each name to {log} on a line of its own",
        "mv {paths} to {folder} and log the names at the end of {log}, one a line",
        "Shift {paths} over to {folder}. Afterwards extend {log} by those file names, line by line.",
        "File {paths} in {folder} and record in {log} what was filed: append the names, each on a new line",
        "I want {paths} in {folder}, and their names as new last lines of {log}",
        "After moving {paths} into {folder}, write their names below what {log} already says, one per line",
        (
            "Please transfer {paths} to {folder}; {log} should get the "
            "file names added at the bottom, one to a line"
        ),
        "Relocate {paths} to {folder} and append the names to {log} (one line each)",
        "Can you move {paths} into {folder} and then add the names to the end of {log}? One per line.",
        "Add the names {paths} to {log} line by line, once you have moved those files to {folder}",
        "Stick {paths} in {folder}; jot down each of their names at the end of {log}, separate lines",
        "{folder} takes {paths}. {log} takes their names, at the end, a line apiece.",
        "Bring {paths} to {folder}, keep a record of it: names appended to {log}, one name per line",
        "move {paths} -> {folder}; append names -> {log}, one per line",
    ),
    group="chain_log",
)
def move_and_log(dice: Dice) -> Task:
    """Move files into a folder and add their names to a list."""
    texts: dict[str, str] = {}
    for _ in range(dice.choice((1, 2, 2, 3))):
        path = a_path(dice, texts, top=True)
        texts[path] = text_for(dice, path)
    log = dice.choice(
        ("log.txt", "moved.txt", "done.log", "history.txt", "journal.md", "record.txt", "changes.log")
    )
    before = "\n".join(a_path(dice, texts, top=True) for _ in range(dice.randint(1, 4)))
    files = among(dice, {**texts, log: before})
    folder = other_folder(dice, files, next(iter(texts)))
    if log in texts or any(f"{folder}/{path}" in files for path in texts):
        return move_and_log(dice)

    def policy() -> Plan:
        yield from look(files, *texts, log)
        for path in texts:
            yield call("move_file", source=path, target=f"{folder}/{path}")
        yield call("append_file", path=log, content="\n".join(texts))
        names, are = told(list(texts)), "is" if len(texts) == 1 else "are"
        return f"{names} {are} moved to {folder} and noted in {log}."

    placed = {f"{folder}/{path}": text for path, text in texts.items()}
    slots = {"paths": listing(dice, list(texts)), "folder": folder_words(dice, folder), "log": log}
    return Task(slots, files, policy, leaves({**placed, log: appended(before, *texts)}, removed=tuple(texts)))


_CLAUSES = {
    "copy": (
        "copy {} to {}",
        "make a copy of {} named {}",
        "duplicate {} as {}",
        "save a copy of {} as {}",
        "clone {} to {}",
        "cp {} {}",
    ),
    "move": (
        "move {} into {}",
        "put {} in {}",
        "shift {} to {}",
        "move {} to {}",
        "place {} in {}",
        "mv {} to {}",
        "transfer {} to {}",
    ),
    "rename": (
        "rename {} to {}",
        "change the name of {} to {}",
        "give {} the name {}",
        "rename {} as {}",
        "call {} {} instead",
    ),
    "delete": (
        "delete {}",
        "remove {}",
        "get rid of {}",
        "erase {}",
        "throw {} away",
        "rm {}",
        "discard {}",
        "trash {}",
    ),
    "folder": (
        "make a folder {}",
        "create the directory {}",
        "add a new folder {}",
        "mkdir {}",
        "set up a folder {}",
        "make a folder called {}",
    ),
    "write": (
        'write "{1}" to {0}',
        'create {0} with the text "{1}"',
        'make a file {0} that says "{1}"',
        'put "{1}" in a new file {0}',
        'save "{1}" as {0}',
        'write a file {0} with the line "{1}"',
    ),
    "append": (
        'add the line "{1}" to {0}',
        'append "{1}" to {0}',
        'put "{1}" at the end of {0}',
        'write "{1}" at the bottom of {0}',
        'add "{1}" as the last line of {0}',
        'tack "{1}" onto the end of {0}',
    ),
}
"""How a step is asked for."""


class Step(NamedTuple):
    """A link of a chain."""

    clause: str
    """What the person asks for."""
    call: Call
    did: str
    """What the answer says of it."""


@dataclass
class Chain:
    """What steps do to a folder, one after the other; a later step is often about what an earlier made."""

    dice: Dice
    world: dict[str, str]
    """The files as they are now."""
    made: list[str] = field(default_factory=list[str])
    """Paths of files that a step put there, the newest last."""
    folders: list[str] = field(default_factory=list[str])
    used: set[str] = field(default_factory=set[str])
    """Paths that are or were; none is taken twice."""
    touched: set[str] = field(default_factory=set[str])
    """Paths that a step was about."""

    def step(self, kind: str) -> Step:
        """One thing to do."""
        dice, world = self.dice, self.world
        self.used |= world.keys()
        path = self._path(kind)
        self.touched.add(path)
        ending = path.rsplit(".", 1)[-1]
        match kind:
            case "copy":
                target = self._put(a_path(dice, sorted(self.used), ending), world[path])
                asked, did = (quoted(dice, path), quoted(dice, target)), f"copied {path} to {target}"
                doing = call("copy_file", source=path, target=target)
            case "move":
                folder = self._folder(path)
                target = self._put(f"{folder}/{base(path)}", world.pop(path))
                asked, did = (quoted(dice, path), folder_words(dice, folder)), f"moved {path} to {folder}"
                doing = call("move_file", source=path, target=target)
            case "rename":
                name = beside(path, a_path(dice, sorted(self.used), ending, top=True))
                target = self._put(name, world.pop(path))
                asked, did = (quoted(dice, path), quoted(dice, target)), f"renamed {path} to {target}"
                doing = call("move_file", source=path, target=target)
            case "delete":
                del world[path]
                asked, did = (quoted(dice, path),), f"deleted {path}"
                doing = call("delete_file", path=path)
            case "folder":
                folder = new_folder(dice, dict.fromkeys([*self.used, *self.folders], ""))
                self.folders.append(folder)
                asked, did = (folder,), f"made the folder {folder}"
                doing = call("make_folder", path=folder)
            case "write":
                text = a_line(dice)
                target = self._put(a_path(dice, sorted(self.used), dice.choice(("txt", "md", "log"))), text)
                asked, did = (quoted(dice, target), text), f"wrote {target}"
                doing = call("write_file", path=target, content=text)
            case _:
                line = a_line(dice)
                world[path] = appended(world[path], line)
                asked, did = (quoted(dice, path), line), f"added a line to {path}"
                doing = call("append_file", path=path, content=line)
        return Step(dice.choice(_CLAUSES[kind]).format(*asked), doing, did)

    def _path(self, kind: str) -> str:
        """What the step is about: often the newest file; a file that a step was about is never deleted."""
        ends = ("txt", "md", "log", "dat") if kind == "append" else ENDINGS
        fit = [path for path in sorted(self.world) if path.rsplit(".", 1)[-1] in ends] or sorted(self.world)
        if kind == "delete":
            return self.dice.choice(
                [path for path in fit if path not in self.touched and path not in self.made]
            )
        newest = [path for path in self.made if path in fit][-1:]
        if newest and self.dice.maybe(0.5) and not (kind in ("move", "rename") and newest[0] in self.touched):
            return newest[0]
        return self.dice.choice([path for path in fit if path not in self.touched] or fit)

    def _folder(self, path: str) -> str:
        """Where to move the file: often into a folder that an earlier step made."""
        last = self.folders[-1:]
        if last and f"{last[0]}/{base(path)}" not in self.used and self.dice.maybe(0.75):
            return last[0]
        return other_folder(self.dice, dict.fromkeys([*self.used, *self.folders], ""), path)

    def _put(self, path: str, text: str) -> str:
        self.world[path] = text
        self.made.append(path)
        self.used.add(path)
        return path


_STEPS = ("first", "second", "third", "fourth", "fifth")


@family(
    needs=(
        "copy_file",
        "move_file",
        "delete_file",
        "make_folder",
        "write_file",
        "append_file",
        "list_files",
    ),
    phrasings={
        "2": (
            "{first}, then {second}",
            "{first} and {second}",
            "First {first}, second {second}.",
            "{first}; {second}",
            "Two things: {first}, and {second}",
            "1. {first}\n2. {second}",
            "{first}. After that, {second}.",
            "Would you {first} and then {second}?",
            "{first}. Also {second}.",
            "- {first}\n- {second}",
            "Start with this: {first}. Next: {second}",
            "{first} before you do this: {second}",
            "{first} & {second}",
            "To do: {first}, {second}",
            "Once you have done this ({first}), {second}",
            "{first}. Then please also {second}",
            "(a) {first} (b) {second}",
        ),
        "3": (
            "{first}, then {second} and {third}",
            "{first}, {second}, and {third}.",
            "First {first}. Then {second}. Finally, {third}.",
            "1. {first}\n2. {second}\n3. {third}",
            "1) {first} 2) {second} 3) {third}",
            "Three things: {first}; {second}; {third}",
            "{first}; after that {second}; last of all {third}",
            "- {first}\n- {second}\n- {third}",
            "To do, in this order: {first}, {second}, {third}",
            "{first}. Next, {second}, and when that is done {third}",
            "{first}. {second}. {third}.",
            "Begin by this: {first}. Go on: {second}. End: {third}.",
            "Could you {first}, {second} and also {third}?",
            "step 1: {first}; step 2: {second}; step 3: {third}",
            "{first} and {second}. Once both are done, {third}",
            "Do these one after the other: {first} / {second} / {third}",
            "(a) {first}, (b) {second}, (c) {third}",
            "Some tidying: {first}, {second}, then {third}",
            "{first}, and then {second}, and then {third}",
            "Here is what I want. {first}. {second}. And {third}.",
        ),
        "4": (
            "{first}, {second}, {third}, and {fourth}.",
            "First {first}. Then {second}. Then {third}. Finally, {fourth}.",
            "1. {first}\n2. {second}\n3. {third}\n4. {fourth}",
            "1) {first} 2) {second} 3) {third} 4) {fourth}",
            "Four things: {first}; {second}; {third}; {fourth}",
            "- {first}\n- {second}\n- {third}\n- {fourth}",
            "To do, in this order: {first}, {second}, {third}, {fourth}",
            "{first}. {second}. {third}. {fourth}.",
            "{first} and {second}. After that {third}, and last {fourth}",
            "Would you {first}, {second}, {third} and then {fourth}?",
            "step 1: {first}; step 2: {second}; step 3: {third}; step 4: {fourth}",
            "Do these one after the other: {first} / {second} / {third} / {fourth}",
            "{first}, then {second}, then {third}, then {fourth}",
            "(a) {first}, (b) {second}, (c) {third}, (d) {fourth}",
            "Begin by this: {first}. Next: {second}. Next: {third}. End: {fourth}.",
            "My list for you: {first}, {second}, {third}; when all that is done, {fourth}",
            "{first}. Also {second}. Besides, {third}, and {fourth}.",
        ),
        "5": (
            "{first}, {second}, {third}, {fourth}, and {fifth}.",
            "First {first}. Then {second}. Then {third}. Then {fourth}. Finally, {fifth}.",
            "1. {first}\n2. {second}\n3. {third}\n4. {fourth}\n5. {fifth}",
            "1) {first} 2) {second} 3) {third} 4) {fourth} 5) {fifth}",
            "Five things: {first}; {second}; {third}; {fourth}; {fifth}",
            "- {first}\n- {second}\n- {third}\n- {fourth}\n- {fifth}",
            "To do, in this order: {first}, {second}, {third}, {fourth}, {fifth}",
            "{first}. {second}. {third}. {fourth}. {fifth}.",
            "{first} and {second}. After that {third}, {fourth}, and last {fifth}",
            "Would you {first}, {second}, {third}, {fourth} and then {fifth}?",
            "step 1: {first}; step 2: {second}; step 3: {third}; step 4: {fourth}; step 5: {fifth}",
            "Do these one after the other: {first} / {second} / {third} / {fourth} / {fifth}",
            "{first}, then {second}, then {third}, then {fourth}, then {fifth}",
            "(a) {first}, (b) {second}, (c) {third}, (d) {fourth}, (e) {fifth}",
            "Begin by this: {first}. Next: {second}. Next: {third}. Next: {fourth}. End: {fifth}.",
            "My list for you: {first}, {second}, {third}, {fourth}; when all that is done, {fifth}",
        ),
    },
    group="steps",
)
def several_steps(dice: Dice) -> Task:
    """Two to five things to do, one after the other."""
    count = dice.choice((2, 3, 3, 3, 4, 4, 4, 5, 5))
    files: dict[str, str] = {}
    for _ in range(dice.randint(count + 1, 9)):
        path = a_path(dice, files)
        files[path] = text_for(dice, path)
    chain = Chain(dice, dict(files))
    steps = [chain.step(kind) for kind in dice.sample([*_CLAUSES, "move", "append"], count)]

    def policy() -> Plan:
        for step in steps:
            yield step.call
        return f"I {told([step.did for step in steps])}."

    changed = {path: text for path, text in chain.world.items() if files.get(path) != text}
    check = leaves(changed, removed=tuple(path for path in files if path not in chain.world))
    made = has_folders(*chain.folders, passing=chain.used)
    slots = {name: step.clause for name, step in zip(_STEPS, steps, strict=False)}
    return Task(slots, files, policy, both(check, made), str(count))
