"""Files are copied, moved, renamed, deleted and made, one by one or in a chain."""

from collections.abc import Generator, Mapping, Sequence
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


def has_folders(*paths: str) -> Check:
    """These folders are there, and no other was made."""

    def check(after: After) -> bool:
        wanted = {*paths, *folders_of({f"{path}/x": "" for path in paths})}
        known = folders_of(after.before) | folders_of(after.files) | wanted
        return wanted <= after.folders and after.folders <= known

    return check


def lacks_folder(path: str) -> Check:
    """This folder is gone."""
    return lambda after: path not in after.folders


def either(*checks: Check) -> Check:
    """One of the checks holds."""
    return lambda after: any(check(after) for check in checks)


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
        del files[path]
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
