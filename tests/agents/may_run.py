"""What may run under which rules, as docs/rules.md says it: an oracle that knows nothing of the policy."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import chain

YES, ASK, NO = "yes", "ask", "no"
MODES = ("read", "ask", "auto", "all")
"""The strictest first."""
HELD = "secret"
"""A file that is not kept, where the person keeps it out, and so could not be brought back."""

REMOVES = {
    "rm x": ("rm x",),
    "/bin/rm -f x": ("/bin/rm -f x",),
    "env A=1 rm x": ("env A=1 rm x", "rm x"),
    "sh -c 'rm x'": ("sh -c", "rm x"),
    "true && rm x": ("true", "rm x"),
    "echo $(rm x)": ("echo $", "rm x"),
    "r''m x": ("rm x",),
    "A=1 rm x": ("A=1 rm x",),
    "nohup rm x &": ("nohup rm x", "rm x"),
    "if true; then rm x; fi": ("true", "rm x"),
    "ls | xargs rm": ("ls", "xargs rm", "rm"),
    "F=x; rm $F": ("rm $F",),
}
"""Lines that remove something, and the commands in them."""
ONE_FILE = "run_shell(rm x)"
"""A rule about what is removed, which some lines say only when they run."""
UNSAID = frozenset({"ls | xargs rm", "F=x; rm $F"})
HARMLESS = {"ls": ("ls",), "echo hello": ("echo hello",), "cat x | sort": ("cat x", "sort")}
COVERED = {
    "run_shell(rm *)": {"rm x"},
    "run_shell(ls)": {"ls"},
    "run_shell(echo *)": {"echo hello"},
    "start_job(echo *)": {"echo hello"},
}
"""What a rule that allows commands covers, of the commands above."""
PATTERNS = ["run_shell(rm *)", ONE_FILE, "run_shell(git push *)"]
NARROWING = [
    *PATTERNS, "run_shell", "start_job", "network", "send", "write", "executes", "git_push", "look", "erase",
]  # fmt: skip
WIDENING = [*COVERED, "run_shell", "executes", "network", "write", "writes", "start_job", "writes outside"]


@dataclass(frozen=True)
class Action:
    """What a model tries, and everything that a rule may call it."""

    tool: str
    argument: str
    effect: str
    like: frozenset[str] = frozenset()
    """What it is another way of doing: rules that narrow that narrow it, too."""
    commands: tuple[str, ...] = ()
    maybe: frozenset[str] = frozenset()
    """Rules that narrow and may be about it: nobody can say before it runs."""

    @property
    def own(self) -> frozenset[str]:
        return frozenset({self.tool, self.effect})


def _about(line: str) -> tuple[str, ...]:
    """The rules with a pattern that are about a line."""
    if line not in REMOVES:
        return ()
    return ("run_shell(rm *)",) if line in UNSAID else ("run_shell(rm *)", ONE_FILE)


def _may_be_about(line: str) -> frozenset[str]:
    return frozenset({ONE_FILE} if line in UNSAID else ())


ACTIONS = [
    Action("look", "x", "reads"),
    Action("write", "a", "writes"),
    Action("write", HELD, "writes"),
    Action("install", "it", "writes outside"),
    Action("erase", "it", "irreversible"),
    Action("send", "hello", "network"),
    Action("git_push", "main", "network", frozenset({"run_shell(git push *)"}), ("git push main",)),
    *(
        Action(tool, line, "executes", frozenset({*like, *_about(line)}), commands, _may_be_about(line))
        for tool, like in (("run_shell", ()), ("start_job", ("run_shell",)))
        for line, commands in (REMOVES | HARMLESS).items()
    ),
]
BY_CALL = {(one.tool, one.argument): one for one in ACTIONS}


@dataclass(frozen=True)
class Given:
    """An answer to a question about an action that holds for the next ones."""

    yes: bool
    scope: str
    about: Action

    @property
    def on_whole_tool(self) -> bool:
        """Whether it holds for every call of the tool: where there are no commands to speak of."""
        return not self.about.commands


@dataclass(frozen=True)
class Place:
    """What one place says: a file of the person's or the project's, or the flags of a sitting."""

    approve: str | None = None
    deny: frozenset[str] = frozenset()
    ask: frozenset[str] = frozenset()
    allow: frozenset[str] = frozenset()
    given: "frozenset[Given]" = frozenset()
    """What was said at questions, and holds."""

    def toml(self) -> str:
        """It as a settings file."""
        lines = [f"{name} = {json.dumps(sorted(getattr(self, name)))}" for name in ("deny", "ask", "allow")]
        lines = [line for line in lines if not line.endswith("[]")]
        return "\n".join([*lines, *([f'approve = "{self.approve}"'] if self.approve else [])])

    def flags(self) -> dict[str, object]:
        """It as flags."""
        rules = {name: sorted(getattr(self, name)) for name in ("deny", "ask", "allow")}
        return {"approve": self.approve, **rules}


@dataclass(frozen=True)
class Said:
    """What all places say when a sitting begins."""

    user: Place
    project: Place
    flags: Place

    def begun(self) -> Place:
        """What a run that begins then is held to."""
        mode = self.user.approve or "auto"
        mode = min(mode, self.project.approve or mode, key=MODES.index)
        return Place(
            self.flags.approve or mode,
            _together(one.deny for one in (self.user, self.project, self.flags)),
            _together(one.ask for one in (self.user, self.project, self.flags)),
            self.user.allow | self.flags.allow,
        )

    def resumed(self, run: Place, *, foreign: bool) -> Place:
        """What a run is held to that goes on then; `run` is what it was held to until now."""
        now = self.begun()
        given = frozenset(one for one in run.given if one.scope != "run" or not one.yes or not foreign)
        narrowed = replace(now, deny=run.deny | now.deny, ask=run.ask | now.ask, given=given)
        if foreign:
            return narrowed
        allow = run.allow | (now.allow if self.flags.allow else frozenset())
        return replace(narrowed, approve=self.flags.approve or run.approve, allow=allow)


def _together(rules: Iterable[frozenset[str]]) -> frozenset[str]:
    return frozenset(chain.from_iterable(rules))


@dataclass(frozen=True)
class World:
    """Where it happens."""

    confined: bool = True
    """Whether there is a sandbox."""
    all_kept: bool = True
    """Whether every file is kept for an undo."""
    told: bool = False
    """Whether anybody may have told the run something, over the network."""


def may(one: Action, rules: Place, world: World) -> str:
    """Whether an action may run: as it is, asked about, or not at all.

    Where a rule has a pattern the policy may ask about more, for it need not understand a line.
    """
    no = {
        other.about for other in rules.given if not other.yes and (other.on_whole_tool or other.about == one)
    }
    if (one.own | one.like) & rules.deny or one.tool in {other.tool for other in no}:
        return NO
    mode = _by_mode(one, rules.approve, world)
    allowed = _is_allowed(one, rules)
    if (one.own | one.like | one.maybe) & rules.ask or one.maybe & rules.deny:
        return NO if mode == NO and not allowed else ASK
    if allowed:
        return YES
    if mode == YES and world.told and _is_lost(one, world):
        return ASK
    return mode


def _is_allowed(one: Action, rules: Place) -> bool:
    yes = [given.about for given in rules.given if given.yes and given.about.tool == one.tool]
    if one.own & rules.allow or (yes and not one.commands):
        return True
    covered = {command for other in yes for command in other.commands}
    patterns = [rule for rule in rules.allow if rule.startswith(f"{one.tool}(")]
    covered |= {command for rule in patterns for command in COVERED[rule]}
    return bool(one.commands) and set(one.commands) <= covered


def _is_lost(one: Action, world: World) -> bool:
    """Whether what it does could not be undone."""
    undoable = {
        "write": world.all_kept or one.argument != HELD,
        "run_shell": world.all_kept and world.confined,
    }
    return one.effect != "reads" and not undoable.get(one.tool)


def _by_mode(one: Action, mode: str | None, world: World) -> str:
    if mode == "all" or one.effect == "reads":
        return YES
    if mode == "read":
        return NO
    return YES if mode == "auto" and not _is_lost(one, world) else ASK


def is_clear(one: Action, rules: Place) -> bool:
    """Whether no rule with a pattern may be in doubt about it, so that its fate is certain."""
    patterns = {rule for rule in rules.deny | rules.ask | rules.allow if "(" in rule}
    patterns |= {given for given in rules.given if not given.on_whole_tool}
    return not patterns or not one.commands
